/* sqlite_read.c - readers: connections of their own that cannot write, a few in a pool.
 *
 * A reader that finds the writing connection idle borrows it, because its page cache is warm (the others forget theirs at every commit).
 */
#include "store/sqlite_inside.h"
#include <stdlib.h>
#include <string.h>

static struct conn *borrow(struct sqlite *q)
{
	if (q->is_still)
		pthread_mutex_lock(&q->write_lock);
	if (q->is_still || pthread_mutex_trylock(&q->write_lock) == 0)
		return &q->writer;
	pthread_mutex_lock(&q->pool_lock);
	while (q->idle == NULL)
		pthread_cond_wait(&q->pool_wait, &q->pool_lock);
	struct conn *c = q->idle;
	q->idle = c->next;
	pthread_mutex_unlock(&q->pool_lock);
	return c;
}

static void give_back(struct sqlite *q, struct conn *c)
{
	if (c == &q->writer) {
		pthread_mutex_unlock(&q->write_lock);
		return;
	}
	pthread_mutex_lock(&q->pool_lock);
	c->next = q->idle;
	q->idle = c;
	pthread_cond_signal(&q->pool_wait);
	pthread_mutex_unlock(&q->pool_lock);
}

static int64_t column_time(sqlite3_stmt *s, int i)
{
	return sqlite3_column_type(s, i) == SQLITE_NULL ? STORE_NO_DUE : sqlite3_column_int64(s, i);
}

enum { COL_ID, COL_VER, COL_TOKEN, COL_DUE, COL_EXPIRE, COL_BODY, COL_IDX, COL_N = COL_IDX + STORE_IDX };

/* The row the statement stands on, copied into the answer's memory. */
static void take_row(sqlite3_stmt *s, store_kind kind, struct store_docs *out, struct store_doc *d)
{
	*d = (struct store_doc){ .kind = kind, .id = stmt_str(s, COL_ID), .ver = (uint64_t)sqlite3_column_int64(s, COL_VER),
		.token = stmt_token(s, COL_TOKEN), .due = column_time(s, COL_DUE), .expire = column_time(s, COL_EXPIRE),
		.body = stmt_str(s, COL_BODY) };
	for (int i = 0; i < STORE_IDX; i++)
		d->idx[i] = stmt_str(s, COL_IDX + i);
	docs_own(out, d);
}

static int get_all(struct conn *c, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	int rc = SQLITE_DONE;
	docs_room(out, n);
	for (size_t i = 0; i < n && rc == SQLITE_DONE; i++) {
		sqlite3_stmt *s = conn_query(c, kind[i], Q_GET);
		if (s == NULL)
			return sqlite3_extended_errcode(c->db);
		stmt_bind_str(s, 1, id[i]);
		rc = sqlite3_step(s);
		struct store_doc *d = &out->v[out->n++];
		if (rc == SQLITE_ROW) {
			take_row(s, kind[i], out, d);
			rc = sqlite3_step(s);
		} else {
			*d = (struct store_doc){ .kind = kind[i], .id = id[i], .due = STORE_NO_DUE, .expire = STORE_NO_DUE };
			docs_own(out, d);
		}
		sqlite3_reset(s);
	}
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Several documents are read in one read transaction: it costs less than one each. */
enum store_rc sqlite_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	struct sqlite *q = sqlite(s);
	struct conn *c = borrow(q);
	bool is_own = n > 1 && !q->is_still;
	int rc = is_own ? conn_run(c, O_BEGIN_READ) : SQLITE_OK;
	if (rc == SQLITE_OK)
		rc = get_all(c, kind, id, n, out);
	if (is_own && !sqlite3_get_autocommit(c->db)) {
		int end = conn_run(c, O_COMMIT);
		rc = rc ? rc : end;
	}
	give_back(q, c);
	return rc == SQLITE_OK ? STORE_OK : sqlite_meaning(q, rc);
}

/* All rows of a bound statement into the answer. *ret_n: the row number of the last. */
static int take_rows(sqlite3_stmt *s, store_kind kind, struct store_docs *out, int64_t *ret_n)
{
	struct store_doc *v = NULL;
	size_t n = 0, room = 0;
	int rc;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (n == room)
			v = xrealloc(v, (room = room ? room * 2 : 16) * sizeof *v);
		take_row(s, kind, out, &v[n++]);
		*ret_n = sqlite3_column_int64(s, COL_N);
	}
	sqlite3_reset(s);
	if (rc == SQLITE_DONE && n > 0) {
		docs_room(out, n);
		memcpy(out->v, v, n * sizeof *v);
		out->n = n;
	}
	free(v);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

enum store_rc sqlite_due(struct store *st, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le,
    size_t limit, struct store_docs *out)
{
	(void)shard_lo, (void)shard_hi;                            /* one shard: the range was checked to be it */
	struct sqlite *q = sqlite(st);
	struct conn *c = borrow(q);
	sqlite3_stmt *s = conn_query(c, kind, Q_DUE);
	int64_t last = 0;
	int rc = s ? SQLITE_OK : sqlite3_extended_errcode(c->db);
	if (s) {
		sqlite3_bind_int64(s, 1, due_le);
		stmt_bind_limit(s, 2, limit);
		rc = take_rows(s, kind, out, &last);
	}
	give_back(q, c);
	return rc == SQLITE_OK ? STORE_OK : sqlite_meaning(q, rc);
}

enum store_rc sqlite_list(struct store *st, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending,
    size_t limit, struct store_docs *out)
{
	struct sqlite *q = sqlite(st);
	struct conn *c = borrow(q);
	sqlite3_stmt *s = conn_query(c, kind, Q_LIST + 2 * (idx + 1) + is_descending);
	int64_t last = 0;
	int rc = s ? SQLITE_OK : sqlite3_extended_errcode(c->db);
	if (s) {
		stmt_bind_str(s, 1, lo);
		if (hi.n)
			stmt_bind_str(s, 2, hi);
		else
			sqlite3_bind_zeroblob(s, 2, 0);            /* in SQLite's order every blob is behind every text */
		stmt_bind_limit(s, 3, limit);
		rc = take_rows(s, kind, out, &last);
	}
	give_back(q, c);
	return rc == SQLITE_OK ? STORE_OK : sqlite_meaning(q, rc);
}

enum store_rc sqlite_scan(struct store *st, store_kind kind, unsigned shard, struct str cursor, size_t limit,
    struct store_docs *out)
{
	(void)shard;
	struct sqlite *q = sqlite(st);
	int64_t last = 0;
	if (cursor.n > 0 && !str_int(cursor, &last))
		return STORE_INVAL;
	struct conn *c = borrow(q);
	sqlite3_stmt *s = conn_query(c, kind, Q_SCAN);
	int rc = s ? SQLITE_OK : sqlite3_extended_errcode(c->db);
	if (s) {
		sqlite3_bind_int64(s, 1, last);
		stmt_bind_limit(s, 2, limit);
		rc = take_rows(s, kind, out, &last);
	}
	give_back(q, c);
	if (rc == SQLITE_OK && out->n == limit)
		out->cursor = arena_fmt(&out->mem, "%lld", (long long)last);
	return rc == SQLITE_OK ? STORE_OK : sqlite_meaning(q, rc);
}
