/* dynamodb_read.c - get, due, list, scan and purge. Every read is a consistent one: of the table, or of an index that is local to it.
 *
 * A range is asked of all its shards side by side, in pages. How much each holds is not known, so each is first asked for its part and some more;
 * after every round those are asked again that were read to a place before the last of the first `limit` of all: only they can hold others that
 * belong there. What sorts the table, the attribute's text, sorts the answer.
 *
 * An index holds keys only, as a document may be 256 KB and DynamoDB counts its copies in local indexes into the 400 KB of an item; the service
 * fetches the rest from the table beside it. A document that is changed just then is taken as it is now: it may have left the range, be gone, or be
 * met twice.
 */
#include "store/dynamodb_inside.h"
#include <stdlib.h>
#include <string.h>

enum { PAGE_MIN = 8, PAGE_MAX = 128, TEXT_MAX = 1 << 20 };    /* PAGE_MAX of the largest fit into RUN_ANSWER_MAX */

/* What to read: documents whose attr is between lo and hi, both as texts of that attribute; empty: no end. */
struct range {
	store_kind kind;
	const char *index, *attr;        /* index: NULL for the table itself, whose attr is sk */
	struct str lo, hi;               /* lo <= attr < hi */
	bool is_descending;
	size_t limit;
};
struct found { struct str place; struct store_doc doc; };
struct shard { unsigned n; bool is_over; struct str read_to; };
struct reading {
	struct dynamodb *d;
	const struct range *g;
	struct arena *mem;
	struct shard *shard;             /* beside calls */
	struct call *calls;
	size_t page;
	struct found *v;
	size_t n, cap;
	bool is_corrupt;
};

/* In the order of the answer. */
static int compare(const struct range *g, struct str a, struct str b)
{
	return g->is_descending ? str_cmp(b, a) : str_cmp(a, b);
}

static int by_place(const void *a, const void *b, void *range)
{
	return compare(range, ((const struct found *)a)->place, ((const struct found *)b)->place);
}

static void write_bound(struct buf *b, const char *name, struct str text)
{
	buf_fmt(b, ",\":%s\":{\"S\":", name);
	buf_json(b, text);
	buf_char(b, '}');
}

/* DynamoDB takes one condition on the sort key: two ends are BETWEEN, which lets the upper one in. is_within() leaves that out again. */
static void write_query(struct buf *b, const struct reading *q, const struct shard *s)
{
	const struct range *g = q->g;
	struct arena a = ARENA(4096);
	buf_fmt(b, "{\"TableName\":\"%.*s\",\"ConsistentRead\":true,\"ScanIndexForward\":%s,\"Limit\":%zu",
	    STR_ARG(q->d->layout.table), g->is_descending ? "false" : "true", q->page);
	if (g->index)
		buf_fmt(b, ",\"IndexName\":\"%s\",\"Select\":\"ALL_ATTRIBUTES\"", g->index);
	buf_add(b, S(",\"KeyConditionExpression\":\"pk = :pk"));
	if (g->lo.n && g->hi.n)
		buf_fmt(b, " AND %s BETWEEN :lo AND :hi", g->attr);
	else if (g->lo.n || g->hi.n)
		buf_fmt(b, " AND %s %s", g->attr, g->lo.n ? ">= :lo" : "< :hi");
	buf_add(b, S("\",\"ExpressionAttributeValues\":{\":pk\":{\"S\":"));
	buf_json(b, item_pk(&a, &q->d->layout, g->kind, s->n));
	buf_char(b, '}');
	if (g->lo.n)
		write_bound(b, "lo", g->lo);
	if (g->hi.n)
		write_bound(b, "hi", g->hi);
	buf_char(b, '}');
	arena_free(&a);
}

static bool is_within(const struct range *g, struct str place)
{
	return place.n > 0 && str_cmp(place, g->lo) >= 0 && (g->hi.n == 0 || str_cmp(place, g->hi) < 0);
}

static void add(struct reading *q, const struct jv *item)
{
	struct found f = { .place = item_attr(item, q->g->attr, "S") };
	bool is_gone = q->g->index && json_get(item, S("tok")) == NULL;
	if (is_gone || !is_within(q->g, f.place))
		return;
	if (!item_read(q->mem, &q->d->layout, item, &f.doc) || f.doc.kind != q->g->kind) {
		q->is_corrupt = true;
		return;
	}
	if (q->n == q->cap) {
		q->cap = q->cap ? q->cap * 2 : 64;
		q->v = xrealloc(q->v, q->cap * sizeof *q->v);
	}
	q->v[q->n++] = f;
}

/* A page was read. The next one is asked for by the next round. */
static enum call_next page_done(void *ctx, struct call *c)
{
	struct reading *q = ctx;
	struct shard *s = &q->shard[c - q->calls];
	if (c->end != CALL_DONE)
		return CALL_STOPS;
	const struct jv *items = json_get(c->reply.body, S("Items")), *next = json_get(c->reply.body, S("LastEvaluatedKey"));
	for (const struct jv *item = reply_first(items); item; item = item->next)
		add(q, item);
	s->is_over = next == NULL || next->t != J_OBJ;
	s->read_to = item_attr(next, q->g->attr, "S");
	return CALL_STOPS;
}

/* The first question, or the one that goes on where the last answer ended. */
static void write_page(struct reading *q, const struct shard *s, struct call *c)
{
	const struct jv *from = json_get(c->reply.body, S("LastEvaluatedKey"));
	c->text = BUF(TEXT_MAX);
	write_query(&c->text, q, s);
	if (from) {
		buf_add(&c->text, S(",\"ExclusiveStartKey\":"));
		json_write(&c->text, from);
	}
	buf_char(&c->text, '}');
}

/* Whether a shard may hold a document that belongs among the first `limit`. The ones found are sorted. */
static bool has_more(const struct reading *q, const struct shard *s)
{
	if (s->is_over)
		return false;
	return q->n < q->g->limit || compare(q->g, s->read_to, q->v[q->g->limit - 1].place) < 0;
}

/* The newer of two readings of one document. */
static int by_id_and_ver(const void *a, const void *b)
{
	const struct store_doc *x = &((const struct found *)a)->doc, *y = &((const struct found *)b)->doc;
	int c = str_cmp(x->id, y->id);
	return c ? c : (x->ver < y->ver) - (x->ver > y->ver);
}

static void sort(struct reading *q)
{
	size_t n = 0;
	if (q->n == 0)
		return;
	qsort(q->v, q->n, sizeof *q->v, by_id_and_ver);
	for (size_t i = 0; i < q->n; i++)
		if (n == 0 || !str_eq(q->v[i].doc.id, q->v[n - 1].doc.id))
			q->v[n++] = q->v[i];
	q->n = n;
	qsort_r(q->v, q->n, sizeof *q->v, by_place, (void *)(uintptr_t)q->g);
}

/* Moves the shards that have more to the front, with their calls; how many. */
static size_t choose(struct reading *q, size_t n_shards)
{
	size_t n = 0;
	for (size_t i = 0; i < n_shards; i++)
		if (has_more(q, &q->shard[i])) {
			struct shard s = q->shard[i];
			struct call c = q->calls[i];
			q->shard[i] = q->shard[n];
			q->calls[i] = q->calls[n];
			q->shard[n] = s;
			q->calls[n++] = c;
		}
	return n;
}

static enum store_rc read_round(struct reading *q, size_t n)
{
	enum store_rc rc = STORE_OK;
	for (size_t i = 0; i < n; i++)
		write_page(q, &q->shard[i], &q->calls[i]);
	dynamodb_run(q->d, &(struct run){ .v = q->calls, .n = n, .ctx = q, .done = page_done, .is_long = true });
	for (size_t i = 0; i < n && rc == STORE_OK; i++)
		rc = call_rc(&q->calls[i]);
	sort(q);
	return q->is_corrupt ? STORE_CORRUPT : rc;
}

static void answer(const struct reading *q, struct store_docs *out)
{
	size_t n = q->n < q->g->limit ? q->n : q->g->limit;
	docs_room(out, n);
	for (; out->n < n; out->n++)
		out->v[out->n] = q->v[out->n].doc;
}

static enum store_rc read_range(struct dynamodb *d, const struct range *g, unsigned shard_lo, unsigned shard_hi,
    struct store_docs *out)
{
	size_t n_shards = shard_hi - shard_lo, n = n_shards, page = n_shards > 1 ? g->limit / n_shards * 2 + PAGE_MIN : g->limit;
	struct reading q = { .d = d, .g = g, .mem = &out->mem, .shard = xmalloc(n * sizeof *q.shard),
	    .calls = xmalloc(n * sizeof *q.calls) };
	q.page = page > g->limit ? g->limit : page;
	q.page = (q.page < PAGE_MAX ? q.page : PAGE_MAX) + 1;     /* one for the upper end, which may have to be left out */
	for (size_t i = 0; i < n_shards; i++) {
		q.shard[i] = (struct shard){ .n = shard_lo + (unsigned)i };
		q.calls[i] = (struct call){ .op = "Query", .mem = q.mem };
	}
	enum store_rc rc = STORE_OK;
	while (rc == STORE_OK && (n = choose(&q, n_shards)) > 0)
		rc = read_round(&q, n);
	if (rc == STORE_OK)
		answer(&q, out);
	for (size_t i = 0; i < n_shards; i++)
		call_done(&q.calls[i]);
	free(q.v);
	free(q.shard);
	free(q.calls);
	return rc;
}

enum store_rc dynamodb_due(struct store *s, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le, size_t limit,
    struct store_docs *out)
{
	struct arena a = ARENA(256);
	struct range g = { .kind = kind, .index = "by_when", .attr = "by_when", .limit = limit };
	g.hi = due_le == INT64_MAX ? S("e") : item_when(&a, 'd', due_le + 1);
	enum store_rc rc = read_range((struct dynamodb *)s, &g, shard_lo, shard_hi, out);
	arena_free(&a);
	return rc;
}

enum store_rc dynamodb_list(struct store *s, store_kind kind, int idx, struct str lo, struct str hi,
    bool is_descending, size_t limit, struct store_docs *out)
{
	static const char *const index[] = { NULL, "by_key0", "by_key1", "by_key2", "by_key3" };
	struct dynamodb *d = (struct dynamodb *)s;
	struct arena a = ARENA(4096);
	struct range g = { kind, index[idx + 1], idx == STORE_BY_ID ? "sk" : index[idx + 1], item_text(&a, lo),
		item_text(&a, hi), is_descending, limit };
	bool is_empty = hi.n > 0 && str_cmp(lo, hi) >= 0;
	enum store_rc rc = is_empty ? STORE_OK : read_range(d, &g, 0, d->layout.shards, out);
	arena_free(&a);
	return rc;
}

/* From the cursor on, which is the last id of the page before: one more is read and it is left out. */
enum store_rc dynamodb_scan(struct store *s, store_kind kind, unsigned shard, struct str cursor, size_t limit,
    struct store_docs *out)
{
	struct arena a = ARENA(4096);
	struct range g = { .kind = kind, .attr = "sk", .lo = item_text(&a, cursor),
	    .limit = limit < SIZE_MAX ? limit + 1 : limit };
	enum store_rc rc = read_range((struct dynamodb *)s, &g, shard, shard + 1, out);
	if (rc == STORE_OK && out->n > 0 && str_eq(out->v[0].id, cursor)) {
		out->v++;
		out->n--;
	}
	if (out->n > limit)
		out->n = limit;
	if (rc == STORE_OK && out->n == limit)
		out->cursor = out->v[out->n - 1].id;
	arena_free(&a);
	return rc;
}

/* Get. */

struct asked { const store_kind *kind; const struct str *id; size_t n; struct store_docs *out; struct dynamodb *d; bool is_corrupt; };

/* The first who asks for a document; a request may name it once only. */
static bool is_named_before(const struct asked *q, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (q->kind[k] == q->kind[i] && str_eq(q->id[k], q->id[i]))
			return true;
	return false;
}

static void write_keys(struct buf *b, const struct asked *q)
{
	const char *before = "";
	buf_fmt(b, "{\"RequestItems\":{\"%.*s\":{\"ConsistentRead\":true,\"Keys\":[", STR_ARG(q->d->layout.table));
	for (size_t i = 0; i < q->n; i++) {
		if (is_named_before(q, i))
			continue;
		buf_add(b, str_c(before));
		item_write_key(b, &q->d->layout, q->kind[i], q->id[i]);
		before = ",";
	}
	buf_add(b, S("]}}}"));
}

static void fill(struct asked *q, const struct jv *item)
{
	struct store_doc d;
	if (!item_read(&q->out->mem, &q->d->layout, item, &d)) {
		q->is_corrupt = true;
		return;
	}
	for (size_t i = 0; i < q->n; i++)
		if (q->kind[i] == d.kind && str_eq(q->id[i], d.id))
			q->out->v[i] = d;
}

static enum call_next keys_done(void *ctx, struct call *c)
{
	struct asked *q = ctx;
	size_t before = c->text.n;
	if (c->end != CALL_DONE)
		return CALL_STOPS;
	const struct jv *rest = json_get(c->reply.body, S("UnprocessedKeys"));
	const struct jv *items = json_get(json_get(c->reply.body, S("Responses")), q->d->layout.table);
	for (const struct jv *item = reply_first(items); item; item = item->next)
		fill(q, item);
	if (rest == NULL || rest->kid == NULL)
		return CALL_STOPS;
	buf_clear(&c->text);
	buf_add(&c->text, S("{\"RequestItems\":"));
	json_write(&c->text, rest);
	buf_char(&c->text, '}');
	return c->text.n < before ? CALL_GOES_ON : CALL_WAITS;
}

static enum call_next item_done(void *ctx, struct call *c)
{
	const struct jv *item = json_get(c->reply.body, S("Item"));
	if (c->end == CALL_DONE && item)
		fill(ctx, item);
	return CALL_STOPS;
}

enum store_rc dynamodb_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	struct asked q = { kind, id, n, out, (struct dynamodb *)s, false };
	struct call c = { .op = n == 1 ? "GetItem" : "BatchGetItem", .text = BUF(TEXT_MAX), .mem = &out->mem };
	docs_room(out, n);
	for (; out->n < n; out->n++)
		out->v[out->n] = (struct store_doc){ .kind = kind[out->n], .id = arena_str(&out->mem, id[out->n]),
			.due = STORE_NO_DUE, .expire = STORE_NO_DUE };
	if (n == 0)
		return STORE_OK;
	if (n == 1) {
		buf_fmt(&c.text, "{\"TableName\":\"%.*s\",\"ConsistentRead\":true,\"Key\":", STR_ARG(q.d->layout.table));
		item_write_key(&c.text, &q.d->layout, kind[0], id[0]);
		buf_char(&c.text, '}');
	} else {
		write_keys(&c.text, &q);
	}
	dynamodb_run(q.d, &(struct run){ .v = &c, .n = 1, .ctx = &q, .done = n == 1 ? item_done : keys_done, .is_long = true });
	enum store_rc rc = q.is_corrupt ? STORE_CORRUPT : call_rc(&c);
	call_done(&c);
	return rc;
}

/* Purge. */

static void write_delete(struct buf *b, const struct dynamodb *d, const struct store_doc *doc)
{
	struct store_write w = { .op = STORE_DELETE, .kind = doc->kind, .id = doc->id, .expect = doc->ver };
	buf_char(b, '{');
	(void)item_write_action(b, &d->layout, &w, &doc->token, false);
	buf_char(b, '}');
}

/* One that was changed meanwhile is no longer what was found, and stays. */
enum store_rc dynamodb_purge(struct store *s, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done)
{
	struct dynamodb *d = (struct dynamodb *)s;
	struct arena a = ARENA(256);
	struct store_docs old = { .mem = ARENA(SIZE_MAX) };
	struct range g = { .kind = kind, .index = "by_when", .attr = "by_when", .lo = S("e"),
	    .hi = item_when(&a, 'e', expired_before), .limit = limit };
	enum store_rc rc = read_range(d, &g, 0, d->layout.shards, &old);
	size_t done = 0, n = rc == STORE_OK ? old.n : 0;
	struct call *v = xmalloc(n * sizeof *v);
	for (size_t i = 0; i < n; i++) {
		v[i] = (struct call){ .op = "DeleteItem", .text = BUF(TEXT_MAX) };
		write_delete(&v[i].text, d, &old.v[i]);
	}
	if (n)
		dynamodb_run(d, &(struct run){ .v = v, .n = n, .is_long = true });
	for (size_t i = 0; i < n; i++) {
		bool is_gone = v[i].end == CALL_REFUSED && str_eq(v[i].reply.code, S("ConditionalCheckFailedException"));
		done += v[i].end == CALL_DONE;
		if (rc == STORE_OK && !is_gone)
			rc = call_rc(&v[i]);
		call_done(&v[i]);
	}
	free(v);
	arena_free(&a);
	store_docs_free(&old);
	if (rc == STORE_OK)
		*ret_done = done;
	return rc;
}
