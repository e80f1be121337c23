/* store.c - the door: argument checks for every backend and wrapper, the table of backends, what they share.
 *
 * A transaction that breaks a rule of store.h is answered here and never reaches a backend, so that all of them refuse alike;
 * the rest of its group goes on. Backends and wrappers may trust what they are given.
 */
#include "store/backend.h"
#include "base/digest.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *store_rc_name(enum store_rc rc)
{
	static const char *const name[] = {
#define STORE_RC_TEXT(v, s) [v] = s,
		STORE_RC(STORE_RC_TEXT)
#undef STORE_RC_TEXT
	};
	return (size_t)rc < COUNT(name) ? name[rc] : "?";
}

static const struct backend { const char *name; backend_open *open; backend_schema *schema; backend_migrate *migrate; } backends[] = {
#define BACKEND(name) { #name, name##_open, name##_schema, name##_migrate },
#include "store/list.h"
#undef BACKEND
};

/* Kind names become table names and words in journals, so they are plain words. */
static bool is_word(const char *name)
{
	size_t n = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz_") : 0;
	return n > 0 && n < 64 && name[n] == '\0';
}

static bool options_ok(const struct store_options *o, struct buf *why)
{
	bool ok = o->kinds && o->n_kinds >= 1 && o->n_kinds <= STORE_KINDS_MAX && o->clock.boot_ms && o->clock.wall_ms;
	for (size_t i = 0; ok && i < o->n_kinds; i++)
		ok = is_word(o->kinds[i].name);
	ok = ok && o->shards <= STORE_SHARDS_MAX && (o->shards & (o->shards - 1)) == 0;
	if (!ok)
		buf_fmt(why, "store options: between 1 and %d kinds named in lower case letters, both clocks, and a power of two up to %d for the "
		    "shards are needed", STORE_KINDS_MAX, STORE_SHARDS_MAX);
	return ok;
}

/* NULL with a sentence: there is no such backend, or the options cannot be right. */
static const struct backend *backend_of(struct str driver, const struct store_options *o, struct buf *why)
{
	if (!options_ok(o, why))
		return NULL;
	for (size_t i = 0; i < COUNT(backends); i++)
		if (str_eq(driver, str_c(backends[i].name)))
			return &backends[i];
	buf_fmt(why, "store driver \"%.*s\" does not exist; use one of:", STR_ARG(driver));
	for (size_t i = 0; i < COUNT(backends); i++)
		buf_fmt(why, " %s", backends[i].name);
	return NULL;
}

enum store_rc store_open(struct str driver, const struct store_options *o, struct store **ret, struct buf *why)
{
	const struct backend *b = backend_of(driver, o, why);
	return b ? b->open(o, ret, why) : STORE_INVAL;
}

enum store_rc store_schema(struct str driver, const struct store_options *o, struct store_schema *ret, struct buf *why)
{
	const struct backend *b = backend_of(driver, o, why);
	return b ? b->schema(o, ret, why) : STORE_INVAL;
}

enum store_rc store_migrate(struct str driver, const struct store_options *o, int to, struct buf *why)
{
	const struct backend *b = backend_of(driver, o, why);
	return b ? b->migrate(o, to, why) : STORE_INVAL;
}

enum store_rc schema_only(int only, int to, struct buf *why)
{
	if (to == only)
		return STORE_OK;
	buf_fmt(why, "this store has one schema, %d: there is no %d to move to", only, to);
	return STORE_INVAL;
}

unsigned store_shard(struct str id, unsigned shards)
{
	return crc32c(0, id.p, id.n) & (shards - 1);
}

struct store store_head(const struct store_ops *ops, const struct store_options *o)
{
	struct store s = { .ops = ops, .n_kinds = (unsigned)o->n_kinds };
	for (size_t i = 0; i < o->n_kinds; i++)
		s.append_only |= (uint32_t)o->kinds[i].is_append_only << i;
	return s;
}

static bool is_append_only(const struct store *s, store_kind kind)
{
	return s->append_only >> kind & 1;
}

void store_close(struct store *s)
{
	if (s)
		s->ops->close(s);
}

void store_info(const struct store *s, struct store_info *ret)
{
	s->ops->info(s, ret);
}

enum store_rc store_now(struct store *s, int64_t *ret_ms, int64_t *ret_err_ms)
{
	return s->ops->now(s, ret_ms, ret_err_ms);
}

static enum store_rc check_name(const struct store *s, store_kind kind, struct str id)
{
	if (kind >= s->n_kinds || id.n == 0)
		return STORE_INVAL;
	return id.n > STORE_ID_MAX ? STORE_TOOBIG : STORE_OK;
}

/* Which conditions fit which operation. Deleting what is absent and checking nothing have no meaning. */
static bool expect_ok(const struct store *s, const struct store_write *w)
{
	switch (w->op) {
	case STORE_PUT: return w->expect != STORE_ANY || is_append_only(s, w->kind);
	case STORE_DELETE: return w->expect != STORE_ABSENT && (w->expect != STORE_ANY || is_append_only(s, w->kind));
	case STORE_CHECK: return w->expect != STORE_ANY;
	}
	return false;
}

/* One write by itself; its bytes are added to *bytes. */
static enum store_rc check_write(const struct store *s, const struct store_write *w, size_t *bytes)
{
	enum store_rc rc = check_name(s, w->kind, w->id);
	if (rc != STORE_OK)
		return rc;
	if (!expect_ok(s, w))
		return STORE_INVAL;
	bool is_big = w->body.n > STORE_BODY_MAX;
	*bytes += w->id.n + w->body.n;
	for (size_t i = 0; i < STORE_IDX; i++) {
		is_big |= w->idx[i].n > STORE_KEY_MAX;
		*bytes += w->idx[i].n;
	}
	return is_big ? STORE_TOOBIG : STORE_OK;
}

/* Two operations on one document would make the conditions depend on their order. */
static bool names_one_twice(const struct store_txn *t)
{
	for (size_t i = 1; i < t->n; i++)
		for (size_t j = 0; j < i; j++)
			if (t->w[i].kind == t->w[j].kind && str_eq(t->w[i].id, t->w[j].id))
				return true;
	return false;
}

static enum store_rc check_txn(const struct store *s, const struct store_txn *t)
{
	size_t bytes = 0;
	if (t->n == 0)
		return STORE_INVAL;
	if (t->n > STORE_WRITES_MAX)
		return STORE_TOOBIG;
	for (size_t i = 0; i < t->n; i++) {
		enum store_rc rc = check_write(s, &t->w[i], &bytes);
		if (rc != STORE_OK)
			return rc;
	}
	if (names_one_twice(t))
		return STORE_INVAL;
	return bytes > STORE_COMMIT_BYTES_MAX ? STORE_TOOBIG : STORE_OK;
}

/* The group without its refused members, and the answers put back where they belong. */
static void commit_rest(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n)
{
	struct store_txn *t = xmalloc(n * sizeof *t);
	struct store_result *r = xmalloc(n * sizeof *r);
	size_t m = 0;
	for (size_t i = 0; i < n; i++)
		if (results[i].rc == STORE_OK)
			t[m++] = txns[i];
	memset(r, 0, n * sizeof *r);
	if (m > 0)
		s->ops->commit(s, t, r, m);
	for (size_t i = 0, j = 0; i < n; i++)
		if (results[i].rc == STORE_OK)
			results[i] = r[j++];
	free(t);
	free(r);
}

void store_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n)
{
	size_t refused = 0;
	for (size_t i = 0; i < n; i++) {
		results[i] = (struct store_result){ .rc = n > STORE_GROUP_MAX ? STORE_INVAL : check_txn(s, &txns[i]) };
		refused += results[i].rc != STORE_OK;
	}
	if (refused)
		commit_rest(s, txns, results, n);
	else if (n > 0)
		s->ops->commit(s, txns, results, n);
}

static void docs_empty(struct store_docs *d)
{
	arena_reset(&d->mem);
	d->mem.limit = SIZE_MAX;
	d->v = NULL;
	d->n = 0;
	d->cursor = (struct str){ 0 };
}

/* What is asked for may be named by texts in the very answer that is emptied now: they are moved out of its way. */
static enum store_rc get_moved(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	size_t bytes = n * (sizeof *id + sizeof *kind);
	for (size_t i = 0; i < n; i++)
		bytes += id[i].n;
	struct str *moved = xmalloc(bytes);
	store_kind *moved_kind = (store_kind *)(moved + n);
	char *to = (char *)(moved_kind + n);
	for (size_t i = 0; i < n; i++) {
		moved[i] = (struct str){ memcpy(to, id[i].p, id[i].n), id[i].n };
		moved_kind[i] = kind[i];
		to += id[i].n;
	}
	docs_empty(out);
	enum store_rc rc = s->ops->get(s, moved_kind, moved, n, out);
	free(moved);
	return rc;
}

enum store_rc store_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	enum store_rc rc = n > STORE_GET_MAX ? STORE_TOOBIG : STORE_OK;
	for (size_t i = 0; i < n && rc == STORE_OK; i++)
		rc = check_name(s, kind[i], id[i]);
	if (rc == STORE_OK && out->n > 0)
		return get_moved(s, kind, id, n, out);
	docs_empty(out);
	return rc == STORE_OK ? s->ops->get(s, kind, id, n, out) : rc;
}

/* A bound, moved likewise. Cut where no key can be as long, which changes nothing in the comparison. */
static struct str move_bound(struct str bound, char to[STORE_KEY_MAX + 1])
{
	if (bound.n > STORE_KEY_MAX + 1)
		bound.n = STORE_KEY_MAX + 1;
	if (bound.n)
		memcpy(to, bound.p, bound.n);
	return (struct str){ to, bound.n };
}

static unsigned shards(const struct store *s)
{
	struct store_info info = { 0 };
	s->ops->info(s, &info);
	return info.shards;
}

static_assert((int)STORE_ID_MAX <= (int)STORE_KEY_MAX, "a cursor or a bound by id fits where a bound by key does");

enum store_rc store_due(struct store *s, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le, size_t limit,
    struct store_docs *out)
{
	docs_empty(out);
	if (kind >= s->n_kinds || shard_lo >= shard_hi || shard_hi > shards(s) || limit == 0)
		return STORE_INVAL;
	return s->ops->due(s, kind, shard_lo, shard_hi, due_le, limit, out);
}

enum store_rc store_list(struct store *s, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending, size_t limit,
    struct store_docs *out)
{
	char from[STORE_KEY_MAX + 1], to[STORE_KEY_MAX + 1];
	lo = move_bound(lo, from);
	hi = move_bound(hi, to);
	docs_empty(out);
	if (kind >= s->n_kinds || idx < STORE_BY_ID || idx >= STORE_IDX || limit == 0)
		return STORE_INVAL;
	return s->ops->list(s, kind, idx, lo, hi, is_descending, limit, out);
}

enum store_rc store_scan(struct store *s, store_kind kind, unsigned shard, struct str cursor, size_t limit, struct store_docs *out)
{
	char from[STORE_KEY_MAX + 1];
	cursor = move_bound(cursor, from);
	docs_empty(out);
	if (kind >= s->n_kinds || shard >= shards(s) || limit == 0)
		return STORE_INVAL;
	return s->ops->scan(s, kind, shard, cursor, limit, out);
}

enum store_rc store_purge(struct store *s, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done)
{
	if (kind >= s->n_kinds || limit == 0)
		return STORE_INVAL;
	return s->ops->purge(s, kind, expired_before, limit, ret_done);
}

enum store_rc store_probe(struct store *s, int64_t *ret_commit_us)
{
	return s->ops->probe(s, ret_commit_us);
}

/* A document is held to the limits of the write that would make it. */
static enum store_rc check_doc(const struct store *s, const struct store_doc *d, size_t *bytes)
{
	struct store_write w = { .op = STORE_PUT, .kind = d->kind, .id = d->id, .expect = STORE_ABSENT, .body = d->body };
	memcpy(w.idx, d->idx, sizeof w.idx);
	return d->ver == 0 ? STORE_INVAL : check_write(s, &w, bytes);
}

enum store_rc store_import(struct store *s, const struct store_doc *docs, size_t n)
{
	size_t bytes = 0;
	enum store_rc rc = n > STORE_GROUP_MAX ? STORE_INVAL : STORE_OK;
	for (size_t i = 0; i < n && rc == STORE_OK; i++)
		rc = check_doc(s, &docs[i], &bytes);
	return rc != STORE_OK || n == 0 ? rc : s->ops->import(s, docs, n);
}

void store_docs_free(struct store_docs *d)
{
	arena_free(&d->mem);
	*d = (struct store_docs){ 0 };
}

const struct store_write *txn_face(const struct store_txn *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->w[i].op == STORE_PUT)
			return &t->w[i];
	return NULL;
}

bool txn_only_creates(const struct store *s, const struct store_txn *t)
{
	bool creates = false;
	for (size_t i = 0; i < t->n; i++) {
		const struct store_write *w = &t->w[i];
		bool is_new = w->op == STORE_PUT && (w->expect == STORE_ABSENT || w->expect == STORE_ANY);
		if (w->op != STORE_CHECK && !is_new && !is_append_only(s, w->kind))
			return false;
		creates |= is_new;
	}
	return creates;
}

void docs_room(struct store_docs *out, size_t n)
{
	out->v = NEWN(&out->mem, struct store_doc, n);
	out->n = 0;
}

void docs_own(struct store_docs *out, struct store_doc *d)
{
	struct str *part[] = { &d->id, &d->idx[0], &d->idx[1], &d->idx[2], &d->idx[3], &d->body };
	size_t n = 0;
	for (size_t i = 0; i < COUNT(part); i++)
		n += part[i]->n;
	char *to = arena_need(&out->mem, n + 1, 1);
	for (size_t i = 0; i < COUNT(part); i++) {
		if (part[i]->n)
			memcpy(to, part[i]->p, part[i]->n);
		part[i]->p = to;
		to += part[i]->n;
	}
}

void docs_add(struct store_docs *out, const struct store_doc *d)
{
	struct store_doc *to = &out->v[out->n++];
	*to = *d;
	docs_own(out, to);
}
