/* dynamodb_commit.c - transactions and imports.
 *
 * Each transaction of a group is a request of its own; they run side by side, but one that names a document which an earlier one names waits for
 * that one. A single PUT is a PutItem or UpdateItem, whose document answers for the token whenever it is sent again. Everything else is a
 * TransactWriteItems with a ClientRequestToken, by which the service itself knows a second sending for ten minutes: also a lone DELETE, which
 * leaves nothing behind that could answer for it. That token is a hash of the store's token and the request, so it never stands for anything else;
 * without a face it is new with every call, so that a caller who commits again what is done gets the conflict that every backend gives.
 *
 * Before "conflict" is said, the face (the first PUT) is looked at: in the refusal, which carries each document whose condition failed, or, when
 * the face's did not, by a read.
 */
#include "store/dynamodb_inside.h"
#include "base/digest.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 16 << 20, BATCH_MAX = 25, BATCH_BYTES_MAX = 4 << 20 };

/* One transaction under way. */
struct member {
	const struct store_txn *txn;
	struct store_result *result;
	const struct store_write *face;
	uint64_t nonce;                  /* 0 with a face */
	bool is_single, is_reading_face;
	size_t first_edge;               /* of those that wait for it; 0: nobody */
};
/* Somebody waits: a list per member, all in one array. Edge 0 is not used. */
struct edge { size_t waiter, next; };
struct group { struct dynamodb *d; struct member *v; struct call *calls; size_t n; struct edge *edges; size_t n_edges; };

/* Who waits for whom. */

struct mention { const struct store_write *w; size_t member; };

static int by_document(const void *a, const void *b)
{
	const struct mention *x = a, *y = b;
	int c = (x->w->kind > y->w->kind) - (x->w->kind < y->w->kind);
	if (c == 0)
		c = str_cmp(x->w->id, y->w->id);
	return c ? c : (x->member > y->member) - (x->member < y->member);
}

static void wait_for(struct group *g, size_t waiter, size_t member)
{
	g->edges[++g->n_edges] = (struct edge){ waiter, g->v[member].first_edge };
	g->v[member].first_edge = g->n_edges;
	g->calls[waiter].waits++;
}

/* Each waits for the last one before it that names the same document; that one has waited for those before. */
static void chain(struct group *g, size_t n_writes)
{
	struct mention *v = xmalloc(n_writes * sizeof *v);
	size_t n = 0;
	for (size_t i = 0; i < g->n; i++)
		for (size_t k = 0; k < g->v[i].txn->n; k++)
			v[n++] = (struct mention){ &g->v[i].txn->w[k], i };
	qsort(v, n, sizeof *v, by_document);
	for (size_t i = 1; i < n; i++)
		if (v[i].w->kind == v[i - 1].w->kind && str_eq(v[i].w->id, v[i - 1].w->id))
			wait_for(g, v[i].member, v[i - 1].member);
	free(v);
}

static void release(struct group *g, const struct member *m)
{
	for (size_t e = m->first_edge; e; e = g->edges[e].next)
		g->calls[g->edges[e].waiter].waits--;
}

/* What is sent. */

static void write_transaction(struct buf *b, const struct item_layout *l, const struct member *m)
{
	struct buf action = BUF(TEXT_MAX);
	buf_add(b, S("{\"TransactItems\":["));
	for (size_t i = 0; i < m->txn->n; i++) {
		const struct store_write *w = &m->txn->w[i];
		buf_clear(&action);
		const char *name = item_write_action(&action, l, w, &m->txn->token, w == m->face);
		buf_fmt(b, "%s{\"%s\":{", i ? "," : "", name);
		buf_add(b, buf_str(&action));
		buf_add(b, S("}}"));
	}
	buf_char(b, ']');
	buf_free(&action);

	uint8_t sha[SHA256_N], from[sizeof m->txn->token.b + sizeof m->nonce + SHA256_N], *to = from;
	sha256(buf_str(b), sha);
	to = mempcpy(to, m->txn->token.b, sizeof m->txn->token.b);
	to = mempcpy(to, &m->nonce, sizeof m->nonce);
	memcpy(to, sha, sizeof sha);
	sha256((struct str){ (const char *)from, sizeof from }, sha);
	buf_add(b, S(",\"ClientRequestToken\":\""));
	hex_write(b, sha, 16);
	buf_add(b, S("\"}"));
}

static void write_member(void *ctx, struct call *c)
{
	struct group *g = ctx;
	struct member *m = &g->v[c - g->calls];
	c->text.limit = TEXT_MAX;
	if (!m->is_single) {
		c->op = "TransactWriteItems";
		write_transaction(&c->text, &g->d->layout, m);
		return;
	}
	buf_char(&c->text, '{');
	const char *name = item_write_action(&c->text, &g->d->layout, m->txn->w, &m->txn->token, true);
	buf_char(&c->text, '}');
	c->op = strcmp(name, "Update") == 0 ? "UpdateItem" : "PutItem";
}

/* What it came to. */

static enum call_next set(struct member *m, enum store_rc rc)
{
	m->result->rc = rc;
	if (rc != STORE_CONFLICT)
		m->result->bad_write = m->result->cur_ver = 0;
	return CALL_STOPS;
}

/* The face's condition held, so it was not in the refusal: somebody else's may have failed because all of it was applied long ago. */
static enum call_next read_face(struct group *g, struct member *m, struct call *c)
{
	m->is_reading_face = true;
	c->op = "GetItem";
	buf_clear(&c->text);
	buf_fmt(&c->text, "{\"TableName\":\"%.*s\",\"ConsistentRead\":true,\"ProjectionExpression\":\"tok\",\"Key\":",
	    STR_ARG(g->d->layout.table));
	item_write_key(&c->text, &g->d->layout, m->face->kind, m->face->id);
	buf_char(&c->text, '}');
	return CALL_GOES_ON;
}

static enum call_next judge_face(struct member *m, const struct call *c)
{
	if (c->end != CALL_DONE)
		return set(m, STORE_UNKNOWN);
	return set(m, item_has_token(json_get(c->reply.body, S("Item")), &m->txn->token) ? STORE_OK : STORE_CONFLICT);
}

/* The one write of a PutItem or UpdateItem. When an earlier try may have been applied, only the very next version under another token proves that
 * it was not: with any other, ours may have come and gone. */
static enum call_next judge_single(struct member *m, const struct call *c)
{
	const struct jv *item = json_get(c->reply.body, S("Item"));
	m->result->cur_ver = item_ver(item);
	if (item_has_token(item, &m->txn->token))
		return set(m, STORE_OK);
	bool is_sure = !c->is_open || (m->face->expect != STORE_ANY && m->result->cur_ver == m->face->expect + 1);
	return set(m, is_sure ? STORE_CONFLICT : STORE_UNKNOWN);
}

static enum call_next judge_transaction(struct group *g, struct member *m, struct call *c)
{
	size_t bad = m->txn->n;
	bool is_face_known = m->face == NULL;
	for (size_t i = m->txn->n; i-- > 0;) {
		const struct jv *item = NULL;
		if (!str_eq(reply_reason(&c->reply, i, &item), S("ConditionalCheckFailed")))
			continue;
		if (&m->txn->w[i] == m->face && item_has_token(item, &m->txn->token))
			return set(m, STORE_OK);
		is_face_known |= &m->txn->w[i] == m->face;
		bad = i;
		m->result->cur_ver = item_ver(item);
	}
	if (bad == m->txn->n)
		return set(m, c->is_open ? STORE_UNKNOWN : reply_rc(&c->reply));
	m->result->bad_write = bad;
	return is_face_known ? set(m, STORE_CONFLICT) : read_face(g, m, c);
}

static enum call_next judge(struct group *g, struct member *m, struct call *c)
{
	static const enum store_rc rc[] = { [CALL_DONE] = STORE_OK, [CALL_BUSY] = STORE_BUSY,
	    [CALL_DOWN] = STORE_DOWN, [CALL_LOST] = STORE_UNKNOWN };
	if (m->is_reading_face)
		return judge_face(m, c);
	if (c->end != CALL_REFUSED)
		return set(m, rc[c->end]);
	if (str_eq(c->reply.code, S("TransactionCanceledException")))
		return judge_transaction(g, m, c);
	if (str_eq(c->reply.code, S("ConditionalCheckFailedException")))
		return judge_single(m, c);
	return set(m, c->is_open ? STORE_UNKNOWN : reply_rc(&c->reply));
}

static enum call_next member_done(void *ctx, struct call *c)
{
	struct group *g = ctx;
	struct member *m = &g->v[c - g->calls];
	int64_t err;
	if (judge(g, m, c) == CALL_GOES_ON)
		return CALL_GOES_ON;
	m->result->at = dateclock_now(&g->d->time, &err);
	arena_free(&c->own);
	release(g, m);
	return CALL_STOPS;
}

void dynamodb_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n)
{
	struct group g = { .d = (struct dynamodb *)s, .v = xmalloc(n * sizeof *g.v),
	    .calls = xmalloc(n * sizeof *g.calls), .n = n };
	size_t n_writes = 0;
	memset(g.calls, 0, n * sizeof *g.calls);
	for (size_t i = 0; i < n; i++) {
		results[i] = (struct store_result){ .rc = STORE_UNKNOWN };
		g.v[i] = (struct member){ .txn = &txns[i], .result = &results[i], .face = txn_face(&txns[i]) };
		g.v[i].is_single = txns[i].n == 1 && g.v[i].face;
		g.v[i].nonce = g.v[i].face ? 0 : dynamodb_nonce(g.d);
		n_writes += txns[i].n;
	}
	g.edges = xmalloc((n_writes + 1) * sizeof *g.edges);
	chain(&g, n_writes);
	dynamodb_run(g.d, &(struct run){ .v = g.calls, .n = n, .ctx = &g, .write = write_member, .done = member_done });
	for (size_t i = 0; i < n; i++)
		call_done(&g.calls[i]);
	free(g.edges);
	free(g.calls);
	free(g.v);
}

/* Imports: unconditional puts in batches, which may be sent again without harm. */

/* The last of several that are one document counts; a batch may name it once only. */
static bool is_overwritten(const struct store_doc *docs, size_t i, size_t n)
{
	for (size_t k = i + 1; k < n; k++)
		if (docs[i].kind == docs[k].kind && str_eq(docs[i].id, docs[k].id))
			return true;
	return false;
}

static void begin_batch(struct dynamodb *d, struct call *c)
{
	*c = (struct call){ .op = "BatchWriteItem", .text = BUF(TEXT_MAX) };
	buf_fmt(&c->text, "{\"RequestItems\":{\"%.*s\":[", STR_ARG(d->layout.table));
}

static size_t batches(struct dynamodb *d, const struct store_doc *docs, size_t n, struct call *v)
{
	size_t n_calls = 0, n_in = 0;
	for (size_t i = 0; i < n; i++) {
		if (is_overwritten(docs, i, n))
			continue;
		if (n_in == BATCH_MAX || n_calls == 0 || v[n_calls - 1].text.n > BATCH_BYTES_MAX) {
			begin_batch(d, &v[n_calls++]);
			n_in = 0;
		}
		struct buf *b = &v[n_calls - 1].text;
		buf_add(b, n_in++ ? S(",{\"PutRequest\":{\"Item\":") : S("{\"PutRequest\":{\"Item\":"));
		item_write_doc(b, &d->layout, &docs[i]);
		buf_add(b, S("}}"));
	}
	for (size_t i = 0; i < n_calls; i++)
		buf_add(&v[i].text, S("]}}"));
	return n_calls;
}

/* What the service did not get to is sent again: at once when it did something, else after a pause. */
static enum call_next batch_done(void *ctx, struct call *c)
{
	(void)ctx;
	const struct jv *rest = json_get(c->reply.body, S("UnprocessedItems"));
	size_t before = c->text.n;
	if (c->end != CALL_DONE || rest == NULL || rest->kid == NULL)
		return CALL_STOPS;
	buf_clear(&c->text);
	buf_add(&c->text, S("{\"RequestItems\":"));
	json_write(&c->text, rest);
	buf_char(&c->text, '}');
	return c->text.n < before ? CALL_GOES_ON : CALL_WAITS;
}

enum store_rc dynamodb_import(struct store *s, const struct store_doc *docs, size_t n)
{
	struct dynamodb *d = (struct dynamodb *)s;
	struct call *v = xmalloc(n * sizeof *v);
	size_t n_calls = batches(d, docs, n, v);
	enum store_rc rc = STORE_OK;
	dynamodb_run(d, &(struct run){ .v = v, .n = n_calls, .done = batch_done, .is_long = true });
	for (size_t i = 0; i < n_calls; i++) {
		if (rc == STORE_OK)
			rc = v[i].end == CALL_LOST ? STORE_UNKNOWN : call_rc(&v[i]);
		call_done(&v[i]);
	}
	free(v);
	return rc;
}
