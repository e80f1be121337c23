/* copy.c - see copy.h. */
#include "store/copy.h"
#include <string.h>

enum { NAMES_MAX = 5 };                  /* of documents that are told, of however many there are */

struct run {
	const struct copy *c;
	struct copy_result *r;
	struct buf *why;
	struct store *other;                     /* where the documents of a page are looked up */
	struct store_docs found;                 /* them */
	bool other_is_empty;                     /* of this kind: no need to look */
	uint64_t done, total, odd;
	enum copy_phase phase;
	struct census before, *census;           /* the second is being taken */
};

static void tell(struct run *r, size_t n)
{
	r->done += n;
	if (r->c->told)
		r->c->told(r->c->ctx, r->phase, r->done, r->total);
}

static void begin_phase(struct run *r, enum copy_phase phase, uint64_t total)
{
	r->phase = phase;
	r->done = 0;
	r->total = total;
	tell(r, 0);
}

/* What is wrong with a document, for the first few. */
static void name_odd(struct run *r, const struct store_doc *d, const char *what)
{
	if (r->odd++ < NAMES_MAX)
		buf_fmt(r->why, "%s%s %.*s %s", r->odd > 1 ? ", " : "", r->c->kinds[d->kind].name, STR_ARG(d->id), what);
}

static bool is_left_out(const struct run *r, size_t kind)
{
	return r->c->leaves && r->c->leaves[kind];
}

static enum store_rc each_kind(struct run *r, struct store *s, every_take *take)
{
	enum store_rc rc = STORE_OK;
	for (size_t k = 0; k < r->c->n_kinds && rc == STORE_OK; k++)
		if (!is_left_out(r, k))
			rc = every_doc(s, (store_kind)k, &r->c->patience, take, r);
	return rc;
}

static enum store_rc look_up(struct run *r, const struct store_doc *docs, size_t n)
{
	return every_named(r->other, docs, n, &r->c->patience, &r->found);
}

static enum store_rc remove_doc(struct run *r, const struct store_doc *d)
{
	enum store_rc rc = every_remove(r->c->to, d, &r->c->patience);
	r->r->removed += rc == STORE_OK;
	return rc;
}

/* Documents of the target before anything is written: which of them would be lost? One of an older version is what an earlier run, or an earlier
 * moment of the source, left there. */
static enum store_rc check_page(void *ctx, const struct store_doc *docs, size_t n)
{
	struct run *r = ctx;
	enum store_rc rc = look_up(r, docs, n);
	for (size_t i = 0; i < n && rc == STORE_OK; i++) {
		const struct store_doc *source = &r->found.v[i];
		bool is_newer = source->ver > 0 && (docs[i].ver > source->ver || (docs[i].ver == source->ver && !doc_is_same(&docs[i], source)));
		if (r->c->overwrites)
			rc = source->ver == 0 ? remove_doc(r, &docs[i]) : STORE_OK;
		else if (source->ver == 0)
			name_odd(r, &docs[i], "is not in the source");
		else if (is_newer)
			name_odd(r, &docs[i], docs[i].ver > source->ver ? "is newer than in the source" : "is another than in the source");
	}
	tell(r, n);
	return rc;
}

static enum store_rc copy_page(void *ctx, const struct store_doc *docs, size_t n)
{
	struct run *r = ctx;
	struct store_doc missing[EVERY_PAGE];
	size_t m = 0;
	enum store_rc rc = r->other_is_empty ? STORE_OK : look_up(r, docs, n);
	for (size_t i = 0; i < n && rc == STORE_OK; i++)
		if (r->other_is_empty || !doc_is_same(&docs[i], &r->found.v[i]))
			missing[m++] = docs[i];
	if (rc == STORE_OK)
		rc = every_import(r->c->to, missing, m, &r->c->patience);
	r->r->written += rc == STORE_OK ? m : 0;
	r->r->same += n - m;
	tell(r, n);
	return rc;
}

static enum store_rc copy_kinds(struct run *r)
{
	enum store_rc rc = STORE_OK;
	r->other = r->c->to;
	begin_phase(r, COPY_COPYING, census_total(&r->before));
	for (size_t k = 0; k < r->c->n_kinds && rc == STORE_OK; k++) {
		if (is_left_out(r, k))
			continue;
		rc = every_is_empty(r->c->to, (store_kind)k, &r->c->patience, &r->other_is_empty);
		if (rc == STORE_OK)
			rc = every_doc(r->c->from, (store_kind)k, &r->c->patience, copy_page, r);
	}
	return rc;
}

static enum store_rc count_page(void *ctx, const struct store_doc *docs, size_t n)
{
	struct run *r = ctx;
	for (size_t i = 0; i < n; i++)
		census_add(r->census, r->c->kinds, &docs[i]);
	tell(r, n);
	return STORE_OK;
}

static enum store_rc count(struct run *r, struct store *s, struct census *ret)
{
	census_begin(ret);
	r->census = ret;
	return each_kind(r, s, count_page);
}

static enum store_rc verify(struct run *r)
{
	begin_phase(r, COPY_VERIFYING, 2 * census_total(&r->before));
	enum store_rc rc = count(r, r->c->from, &r->r->source);
	return rc == STORE_OK ? count(r, r->c->to, &r->r->target) : rc;
}

static bool are_same(const struct run *r, const struct census *a, const struct census *b)
{
	for (size_t k = 0; k < r->c->n_kinds; k++)
		if (!census_is_same(&a->kind[k], &b->kind[k]))
			return false;
	return true;
}

static enum store_rc name_missing(void *ctx, const struct store_doc *docs, size_t n)
{
	struct run *r = ctx;
	enum store_rc rc = look_up(r, docs, n);
	for (size_t i = 0; i < n && rc == STORE_OK; i++)
		if (!doc_is_same(&docs[i], &r->found.v[i]))
			name_odd(r, &docs[i], r->found.v[i].ver ? "differs" : "is missing in the target");
	return rc;
}

static enum store_rc name_surplus(void *ctx, const struct store_doc *docs, size_t n)
{
	struct run *r = ctx;
	enum store_rc rc = look_up(r, docs, n);
	for (size_t i = 0; i < n && rc == STORE_OK; i++)
		if (r->found.v[i].ver == 0)
			name_odd(r, &docs[i], "is in the target only");
	return rc;
}

static enum copy_end failed(struct run *r, enum store_rc rc, const char *doing)
{
	buf_clear(r->why);
	buf_fmt(r->why, "%s ended early, because a store answered \"%s\"; %s and run the same command again, it goes on where it was", doing,
	    store_rc_name(rc), rc == STORE_FULL ? "make room for it or raise the limit of file sizes (ulimit -f)," : "mend that");
	return COPY_FAILED;
}

/* What differs, by name: another walk over both sides, which is worth its time because nobody expects it. */
static enum copy_end judge(struct run *r)
{
	if (are_same(r, &r->r->source, &r->r->target))
		return COPY_SAME;
	if (!are_same(r, &r->before, &r->r->source)) {
		buf_add(r->why, S("the source was written while it was copied; stop what writes it (or wait for a quiet moment) and run the same command again: "
		    "only what has changed will be copied"));
		return COPY_CHANGED;
	}
	buf_add(r->why, S("the two sides differ: "));
	r->odd = 0;
	r->other = r->c->to;
	enum store_rc rc = each_kind(r, r->c->from, name_missing);
	r->other = r->c->from;
	if (rc == STORE_OK)
		rc = each_kind(r, r->c->to, name_surplus);
	if (rc != STORE_OK)
		return failed(r, rc, "comparing both sides");
	buf_fmt(r->why, "%s; somebody else writes the target, or it does not keep what it is given: run the same command again, then tocsin fsck",
	    r->odd > NAMES_MAX ? ", and more" : "");
	return COPY_DIFFERENT;
}

static enum copy_end refuse(struct run *r)
{
	buf_fmt(r->why, "%s; nothing was copied: %llu documents of the target would be lost. Take another target, or give --overwrite to make "
	    "it what the source is", r->odd > NAMES_MAX ? ", ..." : "", (unsigned long long)r->odd);
	return COPY_REFUSED;
}

static enum copy_end run(struct run *r)
{
	begin_phase(r, COPY_CHECKING, 0);
	r->other = r->c->from;
	enum store_rc rc = each_kind(r, r->c->to, check_page);
	if (rc != STORE_OK)
		return failed(r, rc, "checking the target");
	if (r->odd > 0)
		return refuse(r);
	begin_phase(r, COPY_COUNTING, 0);
	rc = count(r, r->c->from, &r->before);
	if (rc != STORE_OK)
		return failed(r, rc, "counting the source");
	rc = copy_kinds(r);
	if (rc != STORE_OK)
		return failed(r, rc, "copying");
	rc = verify(r);
	return rc == STORE_OK ? judge(r) : failed(r, rc, "verifying");
}

enum copy_end copy_run(const struct copy *c, struct copy_result *ret, struct buf *why)
{
	struct run r = { .c = c, .r = ret, .why = why };
	*ret = (struct copy_result){ 0 };
	enum copy_end end = run(&r);
	store_docs_free(&r.found);
	return end;
}
