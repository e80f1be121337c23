/* every.c - see every.h. */
#include "store/every.h"
#include <assert.h>
#include <string.h>

enum { FIRST_PAUSE_MS = 100 };

bool patience_again(const struct patience *p, enum store_rc rc, int *tries)
{
	bool is_passing = rc == STORE_BUSY || rc == STORE_DOWN || rc == STORE_UNKNOWN;
	if (!is_passing || p == NULL || p->pause == NULL || *tries >= PATIENCE_TRIES)
		return false;
	p->pause(p->ctx, (int64_t)FIRST_PAUSE_MS << (*tries)++);
	return true;
}

static enum store_rc scan(struct store *s, store_kind kind, unsigned shard, size_t limit, const struct patience *p, struct store_docs *out)
{
	struct arena mem = ARENA(4096);                            /* the cursor is in the answer that a failed try empties */
	struct str cursor = arena_str(&mem, out->cursor);
	int tries = 0;
	enum store_rc rc;
	do
		rc = store_scan(s, kind, shard, cursor, limit, out);
	while (patience_again(p, rc, &tries));
	arena_free(&mem);
	return rc;
}

enum store_rc every_doc(struct store *s, store_kind kind, const struct patience *p, every_take *take, void *ctx)
{
	struct store_info info = { 0 };
	enum store_rc rc = STORE_OK;
	store_info(s, &info);
	for (unsigned shard = 0; shard < info.shards && rc == STORE_OK; shard++) {
		struct store_docs docs = { 0 };
		do {
			rc = scan(s, kind, shard, EVERY_PAGE, p, &docs);
			if (rc == STORE_OK && docs.n > 0)
				rc = take(ctx, docs.v, docs.n);
		} while (rc == STORE_OK && docs.cursor.n > 0);
		store_docs_free(&docs);
	}
	return rc;
}

enum store_rc every_named(struct store *s, const struct store_doc *names, size_t n, const struct patience *p, struct store_docs *out)
{
	store_kind kind[STORE_GET_MAX] = { 0 };
	struct str id[STORE_GET_MAX] = { { 0 } };
	int tries = 0;
	enum store_rc rc;
	assert(n <= STORE_GET_MAX);
	for (size_t i = 0; i < n; i++) {
		kind[i] = names[i].kind;
		id[i] = names[i].id;
	}
	do
		rc = store_get(s, kind, id, n, out);
	while (patience_again(p, rc, &tries));
	return rc;
}

enum store_rc every_is_empty(struct store *s, store_kind kind, const struct patience *p, bool *ret)
{
	struct store_info info = { 0 };
	struct store_docs docs = { 0 };
	enum store_rc rc = STORE_OK;
	bool is_empty = true;
	store_info(s, &info);
	for (unsigned shard = 0; shard < info.shards && rc == STORE_OK && is_empty; shard++) {
		docs.cursor = S("");
		rc = scan(s, kind, shard, 1, p, &docs);
		is_empty = docs.n == 0;
	}
	store_docs_free(&docs);
	if (rc == STORE_OK)
		*ret = is_empty;
	return rc;
}

/* An answer that was lost leaves nothing to delete when it is asked for again. */
enum store_rc every_remove(struct store *s, const struct store_doc *d, const struct patience *p)
{
	struct store_write w = { .op = STORE_DELETE, .kind = d->kind, .id = d->id, .expect = d->ver };
	struct store_txn t = { .token = d->token, .w = &w, .n = 1 };
	struct store_result res = { .rc = STORE_BUSY };
	int tries = 0;
	do
		store_commit(s, &t, &res, 1);
	while (patience_again(p, res.rc, &tries));
	return res.rc == STORE_CONFLICT && res.cur_ver == 0 ? STORE_OK : res.rc;
}

enum store_rc every_import(struct store *s, const struct store_doc *docs, size_t n, const struct patience *p)
{
	int tries = 0;
	enum store_rc rc = STORE_OK;
	if (n == 0)
		return rc;
	do
		rc = store_import(s, docs, n);
	while (patience_again(p, rc, &tries));
	return rc;
}

bool doc_is_same(const struct store_doc *a, const struct store_doc *b)
{
	bool is_same = a->kind == b->kind && str_eq(a->id, b->id) && a->ver == b->ver && a->due == b->due && a->expire == b->expire &&
	    memcmp(a->token.b, b->token.b, sizeof a->token.b) == 0 && str_eq(a->body, b->body);
	for (size_t i = 0; i < STORE_IDX && is_same; i++)
		is_same = str_eq(a->idx[i], b->idx[i]);
	return is_same;
}
