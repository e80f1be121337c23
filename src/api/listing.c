/* listing.c - see listing.h. */
#include "api/listing.h"
#include "base/digest.h"
#include "model/kinds.h"
#include <assert.h>
#include <string.h>

bool doc_read(const struct api *api, struct arena *a, const struct entity *e, const struct store_doc *d, void *obj)
{
	struct str why = S("");
	struct faults f = { .a = a };
	struct jv *j = json_parse_own(a, d->body, &why);
	if (j != NULL && desc_read(a, obj, e, j, V_STORE, S(""), &f) == 0)
		return true;
	struct buf line = BUF(4096);
	struct str what = f.head ? f.head->what : why;
	buf_fmt(&line, "the stored %s %.*s cannot be read and is not shown: %.*s", e->name, STR_ARG(d->id), STR_ARG(what));
	api->env.log(api->env.ctx, LOG_ERROR, line.p);
	buf_free(&line);
	return false;
}

void json_reopen(struct buf *b)
{
	assert(b->n > 1 && b->p[b->n - 1] == '}');
	b->n--;
}

/* --- walks --- */

static size_t key_put(char key[STORE_KEY_MAX + 1], struct str prefix, struct str id, struct str end)
{
	size_t n = prefix.n + id.n + end.n;
	assert(n <= STORE_KEY_MAX);
	if (prefix.n)
		memcpy(key, prefix.p, prefix.n);
	if (id.n)
		memcpy(key + prefix.n, id.p, id.n);
	if (end.n)
		memcpy(key + prefix.n + id.n, end.p, end.n);
	key[n] = '\0';
	return n;
}

/* Where the walk stands after the document `id`. Upper ends are exclusive, which is right going down; going up, the
 * lowest byte that an id can hold comes behind it. */
static void walk_to(struct walk *w, struct str id, bool is_descending)
{
	struct str before = w->idx == STORE_BY_ID ? S("") : w->prefix;      /* there the prefix is a part of the id */
	if (is_descending)
		w->n_hi = key_put(w->hi, before, id, S(""));
	else
		w->n_lo = key_put(w->lo, before, id, S("\x01"));
}

struct walk walk_make(int idx, struct str prefix, struct str after, bool is_descending)
{
	struct walk w = { .idx = idx, .prefix = prefix };
	assert(prefix.n <= PREFIX_MAX);
	w.n_lo = key_put(w.lo, prefix, S(""), S(""));
	w.n_hi = key_put(w.hi, prefix, S(""), S(""));
	if (w.n_hi > 0)
		w.hi[w.n_hi - 1]++;                                /* prefixes end in '/': the end is the same with '0' */
	if (after.n > 0 && (idx != STORE_BY_ID || str_starts(after, prefix)))
		walk_to(&w, after, is_descending);
	return w;
}

/* The document in front, fetched when need be. NULL: the walk is over, or the store said no (ret_rc). */
static const struct store_doc *walk_front(struct store *s, const struct listing *l, struct walk *w, enum store_rc *ret_rc)
{
	if (w->at < w->docs.n)
		return &w->docs.v[w->at];
	if (w->is_last)
		return NULL;
	if (w->docs.n > 0)
		walk_to(w, w->docs.v[w->docs.n - 1].id, l->is_descending);
	enum store_rc rc = store_list(s, l->kind, w->idx, (struct str){ w->lo, w->n_lo }, (struct str){ w->hi, w->n_hi },
	    l->is_descending, CHUNK, &w->docs);
	w->at = 0;
	if (rc != STORE_OK) {
		*ret_rc = rc;
		return NULL;
	}
	w->is_last = w->docs.n < CHUNK;
	return w->docs.n ? &w->docs.v[0] : NULL;
}

/* The walk whose front comes next, or NULL. All have been fetched, in the order of the life of an incident: one that moves on
 * meanwhile is met twice (and dropped the second time) rather than never. */
static struct walk *next_walk(struct store *s, const struct listing *l, enum store_rc *ret_rc)
{
	struct walk *best = NULL;
	for (size_t i = 0; i < l->n_walks; i++) {
		struct walk *w = &l->walks[i];
		const struct store_doc *d = walk_front(s, l, w, ret_rc);
		if (d == NULL)
			continue;
		int order = best ? str_cmp(d->id, best->docs.v[best->at].id) : 0;
		if (best == NULL || (l->is_descending ? order > 0 : order < 0))
			best = w;
	}
	return *ret_rc == STORE_OK ? best : NULL;
}

/* --- pages --- */

/* One document: read, asked about, written. False: it cannot be read. */
static bool item_write(const struct api *api, struct arena *scratch, const struct listing *l, const struct store_doc *d, struct buf *b, int64_t *n)
{
	arena_reset(scratch);
	void *obj = arena_need(scratch, 1, l->entity->size);
	if (!doc_read(api, scratch, l->entity, d, obj))
		return false;
	if (l->keep != NULL && !l->keep(l->ctx, obj, d))
		return true;
	if ((*n)++ > 0)
		buf_char(b, ',');
	desc_write(b, l->entity, obj, V_API);
	return true;
}

static void walks_free(struct listing *l)
{
	for (size_t i = 0; i < l->n_walks; i++)
		store_docs_free(&l->walks[i].docs);
}

enum store_rc listing_write(const struct api *api, struct arena *a, struct listing *l, struct buf *b, struct str *ret_next)
{
	struct arena scratch = ARENA(64 << 20);                    /* a body is 256 KiB at most; its tree some forty times that */
	enum store_rc rc = STORE_OK;
	char last[STORE_ID_MAX + 1];
	struct str after = { last, 0 };
	int64_t n = 0, looked = 0, look_max = l->look_max ? l->look_max : LOOK_MAX;
	size_t begin = b->n;
	struct walk *w;
	bool is_full = false;
	while ((w = next_walk(api->env.store, l, &rc)) != NULL && !(is_full = n >= l->limit || looked >= look_max || b->n - begin >= PAGE_BYTES)) {
		const struct store_doc *d = &w->docs.v[w->at++];
		if (str_eq(d->id, after))
			continue;
		if (!item_write(api, &scratch, l, d, b, &n)) {
			rc = STORE_CORRUPT;
			break;
		}
		after.n = key_put(last, S(""), d->id, S(""));
		looked++;
	}
	*ret_next = is_full ? arena_str(a, after) : S("");
	walks_free(l);
	arena_free(&scratch);
	return rc;
}

/* --- cursors --- */

/* "1 CRC-of-filter ID": the version first, so that the form may change. Forging one gains nothing: it only says where to go on. */
static uint32_t filter_sum(struct str filter)
{
	return crc32c(0, filter.p, filter.n);
}

struct str cursor_make(struct arena *a, struct str filter, struct str after)
{
	struct str plain = arena_fmt(a, "1 %08x %.*s", filter_sum(filter), STR_ARG(after));
	struct buf b = BUF(1024);
	base64_write(&b, (const uint8_t *)plain.p, plain.n);
	while (b.n > 0 && b.p[b.n - 1] == '=')
		b.n--;
	for (size_t i = 0; i < b.n; i++)
		b.p[i] = b.p[i] == '+' ? '-' : b.p[i] == '/' ? '_' : b.p[i];
	struct str out = arena_str(a, buf_str(&b));
	buf_free(&b);
	return out;
}

bool cursor_read(struct arena *a, struct str cursor, struct str filter, struct str *ret_after)
{
	struct str plain, version, sum, after;
	if (cursor.n > 512 || base64_read(a, cursor, &plain) != 0)
		return false;
	if (!str_cut(plain, ' ', &version, &plain) || !str_cut(plain, ' ', &sum, &after))
		return false;
	if (!str_eq(version, S("1")) || !str_eq(sum, arena_fmt(a, "%08x", filter_sum(filter))))
		return false;
	if (after.n == 0 || after.n > AFTER_MAX || !str_is_utf8(after))
		return false;
	*ret_after = after;
	return true;
}

void paging_read(struct exchange *x, struct str filter, int64_t *ret_limit, struct str *ret_after, struct faults *f)
{
	struct arena *a = &x->r->mem;
	struct str text;
	*ret_limit = LIMIT_DEFAULT;
	*ret_after = S("");
	if (http_query(x->r, "limit", &text) && (!str_int(text, ret_limit) || *ret_limit < 1 || *ret_limit > LIMIT_MAX))
		fault_add(f, NULL, S("limit"), "must be a number from 1 to %d", LIMIT_MAX);
	if (http_query(x->r, "cursor", &text) && !cursor_read(a, text, filter, ret_after))
		fault_add(f, NULL, S("cursor"), "is not the `next` of a page with this filter; begin again without it");
}

/* RFC 8288; relative, so that it is right under whatever name the server was asked. */
static struct str link_next(struct exchange *x, struct str query, int64_t limit, struct str cursor)
{
	return arena_fmt(&x->r->mem, "<%.*s?%.*s%slimit=%lld&cursor=%.*s>; rel=\"next\"", STR_ARG(x->r->path), STR_ARG(query),
	    query.n ? "&" : "", (long long)limit, STR_ARG(cursor));
}

static struct str weak_etag(struct arena *a, struct str body)
{
	return arena_fmt(a, "W/\"%.32s\"", sha256_hex(a, body).p);
}

void listing_answer(struct exchange *x, struct listing *l, struct str filter, struct str query)
{
	struct arena *a = &x->r->mem;
	struct str next;
	buf_add(&x->out, S("{\"items\":["));
	enum store_rc rc = listing_write(x->api, a, l, &x->out, &next);
	if (rc != STORE_OK) {
		answer_store_error(x, rc);
		return;
	}
	buf_add(&x->out, S("],\"next\":"));
	if (next.n > 0) {
		struct str cursor = cursor_make(a, filter, next);
		buf_json(&x->out, cursor);
		answer_field(x, "Link", link_next(x, query, l->limit, cursor));
	} else {
		buf_add(&x->out, S("null"));
	}
	buf_char(&x->out, '}');
	struct str etag = weak_etag(a, buf_str(&x->out));
	answer_field(x, "ETag", etag);
	if (etag_is_known(x, etag))
		answer_unchanged(x);
	else
		answer_json(x, 200);
}
