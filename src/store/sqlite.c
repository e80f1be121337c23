/* sqlite.c - documents in one SQLite file. The default store: durable through power loss, and a file people can open.
 *
 * One process (FILE.lock), and in it one connection that writes and checkpoints, under a lock; so no two connections ever do, and the
 * WAL-reset fault of SQLite before 3.51.3 cannot occur. Readers have connections of their own that cannot write; a
 * reader that finds the writing one idle borrows it, because its page cache is warm (the others forget theirs at every commit).
 *
 * A group is one SQLite transaction and one flush. The conditions of a member are all known before its first change, but for
 * creations, which are tried: an index tells "is there" and takes the new entry in one descent. What was created before a creation
 * that fails is deleted again. So a member needs no savepoint, which would copy every page it touches.
 *
 * After an I/O error nobody knows what is on the disk, and SQLite would carry on: the group is answered "unknown" and the store is
 * fenced for good; main ends the process, and recovery at the next start finds the truth.
 *
 * Disk full is told apart: below min_free_bytes what only creates is refused while there is still room to record acknowledgements and
 * the results of pages; when SQLite itself says full, a reserve of 4 MiB (FILE.reserve) is spent on those.
 */
#include "store/disk.h"
#include "store/hostclock.h"
#include "store/backend.h"
#include "store/sqlite_conn.h"
#include "store/sqlite_vfs.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* CHECKPOINT_PAGES: of 100,000 new alerts in groups of 64, moving the WAL into the file took 1.3 s in pauses of 25 ms with 6,000 pages, 1.0 s
 * in pauses of 40 ms with 12,000, of 100 ms with 30,000; 1,000 pages cost more than twice as much as 6,000. RESERVE: room for some
 * thousand results. */
enum { SCHEMA = 1, APPLICATION_ID = 0x746f6373, READERS = 3, CHECKPOINT_PAGES = 6000, RESERVE = 4 << 20 };

struct sqlite {
	struct store head;
	const struct store_kind_def *kinds;
	size_t n_kinds;
	char *path, *directory, *reserve;
	int lock_fd;
	struct batch_vfs *vfs;
	struct hostclock clock;
	struct space space;
	atomic_bool is_fenced;

	pthread_mutex_t write_lock;      /* guards what follows */
	struct conn writer;
	int wal_pages, checkpoint_at;    /* frames in the WAL now; and when to move them into the file */
	int64_t data_version;            /* changes when another process writes; 0: not known yet */
	bool has_reserve, is_reserve_spent;

	pthread_mutex_t pool_lock;       /* guards what follows */
	pthread_cond_t pool_wait;
	struct conn reader[READERS], *idle;
};

static struct sqlite *sqlite(struct store *s)
{
	return (struct sqlite *)s;
}

/* What an SQLite error means for a call that changed nothing for certain. */
static enum store_rc code_rc(struct sqlite *q, int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL: return STORE_FULL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return STORE_BUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: q->is_fenced = true; return STORE_CORRUPT;
	default: q->is_fenced = true; return STORE_FENCED;
	}
}

/* Readers. */

static struct conn *borrow(struct sqlite *q)
{
	if (pthread_mutex_trylock(&q->write_lock) == 0)
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

static void bind_text(sqlite3_stmt *s, int i, struct str text)
{
	sqlite3_bind_text(s, i, text.n ? text.p : "", (int)text.n, SQLITE_STATIC);
}

static void bind_time(sqlite3_stmt *s, int i, int64_t t)
{
	if (t == STORE_NO_DUE)
		sqlite3_bind_null(s, i);
	else
		sqlite3_bind_int64(s, i, t);
}

static struct str column_str(sqlite3_stmt *s, int i)
{
	const char *p = sqlite3_column_blob(s, i);
	return (struct str){ p, (size_t)sqlite3_column_bytes(s, i) };
}

static int64_t column_time(sqlite3_stmt *s, int i)
{
	return sqlite3_column_type(s, i) == SQLITE_NULL ? STORE_NO_DUE : sqlite3_column_int64(s, i);
}

static struct store_token column_token(sqlite3_stmt *s, int i)
{
	struct store_token t = { { 0 } };
	struct str b = column_str(s, i);
	if (b.n == sizeof t.b)
		memcpy(t.b, b.p, b.n);
	return t;
}

enum { COL_ID, COL_VER, COL_TOKEN, COL_DUE, COL_EXPIRE, COL_BODY, COL_IDX, COL_N = COL_IDX + STORE_IDX };

/* The row the statement stands on, copied into the answer's memory. */
static void take_row(sqlite3_stmt *s, store_kind kind, struct store_docs *out, struct store_doc *d)
{
	*d = (struct store_doc){ .kind = kind, .id = column_str(s, COL_ID), .ver = (uint64_t)sqlite3_column_int64(s, COL_VER),
		.token = column_token(s, COL_TOKEN), .due = column_time(s, COL_DUE), .expire = column_time(s, COL_EXPIRE),
		.body = column_str(s, COL_BODY) };
	for (int i = 0; i < STORE_IDX; i++)
		d->idx[i] = column_str(s, COL_IDX + i);
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
		bind_text(s, 1, id[i]);
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
static enum store_rc sqlite_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	struct sqlite *q = sqlite(s);
	struct conn *c = borrow(q);
	int rc = n > 1 ? conn_run(c, O_BEGIN_READ) : SQLITE_OK;
	if (rc == SQLITE_OK)
		rc = get_all(c, kind, id, n, out);
	if (!sqlite3_get_autocommit(c->db)) {
		int end = conn_run(c, O_COMMIT);
		rc = rc ? rc : end;
	}
	give_back(q, c);
	return rc == SQLITE_OK ? STORE_OK : code_rc(q, rc);
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

static sqlite3_int64 clamp(size_t limit)
{
	return limit < INT64_MAX ? (sqlite3_int64)limit : INT64_MAX;
}

static enum store_rc sqlite_due(struct store *st, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le,
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
		sqlite3_bind_int64(s, 2, clamp(limit));
		rc = take_rows(s, kind, out, &last);
	}
	give_back(q, c);
	return rc == SQLITE_OK ? STORE_OK : code_rc(q, rc);
}

static enum store_rc sqlite_list(struct store *st, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending,
    size_t limit, struct store_docs *out)
{
	struct sqlite *q = sqlite(st);
	struct conn *c = borrow(q);
	sqlite3_stmt *s = conn_query(c, kind, Q_LIST + 2 * (idx + 1) + is_descending);
	int64_t last = 0;
	int rc = s ? SQLITE_OK : sqlite3_extended_errcode(c->db);
	if (s) {
		bind_text(s, 1, lo);
		if (hi.n)
			bind_text(s, 2, hi);
		else
			sqlite3_bind_zeroblob(s, 2, 0);            /* in SQLite's order every blob is behind every text */
		sqlite3_bind_int64(s, 3, clamp(limit));
		rc = take_rows(s, kind, out, &last);
	}
	give_back(q, c);
	return rc == SQLITE_OK ? STORE_OK : code_rc(q, rc);
}

static enum store_rc sqlite_scan(struct store *st, store_kind kind, unsigned shard, struct str cursor, size_t limit,
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
		sqlite3_bind_int64(s, 2, clamp(limit));
		rc = take_rows(s, kind, out, &last);
	}
	give_back(q, c);
	if (rc == SQLITE_OK && out->n == limit)
		out->cursor = arena_fmt(&out->mem, "%lld", (long long)last);
	return rc == SQLITE_OK ? STORE_OK : code_rc(q, rc);
}

/* Commits. Everything below, down to the operations on the file, runs under write_lock. */

/* What is known of a document before it is changed. */
struct seen { int64_t n; uint64_t ver; bool is_own, has_same_keys, is_created; };

static bool same_keys(sqlite3_stmt *s, const struct store_write *w)
{
	for (int i = 0; i < STORE_IDX; i++)
		if (!str_eq(column_str(s, 3 + i), w->idx[i]))
			return false;
	return true;
}

static int see(struct sqlite *q, const struct store_write *w, const struct store_token *token, struct seen *ret)
{
	sqlite3_stmt *s = conn_query(&q->writer, w->kind, Q_SEE);
	if (s == NULL)
		return sqlite3_extended_errcode(q->writer.db);
	bind_text(s, 1, w->id);
	int rc = sqlite3_step(s);
	*ret = (struct seen){ 0 };
	if (rc == SQLITE_ROW) {
		struct store_token its = column_token(s, 2);
		*ret = (struct seen){ .n = sqlite3_column_int64(s, 0), .ver = (uint64_t)sqlite3_column_int64(s, 1),
			.is_own = memcmp(its.b, token->b, sizeof its.b) == 0, .has_same_keys = same_keys(s, w) };
	}
	sqlite3_reset(s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Binds and runs Q_CREATE, Q_CHANGE or Q_CHANGE_KEYS. n: the row to change. *ret_changed: rows that it touched. */
static int write_row(struct sqlite *q, int query, const struct store_write *w, const struct store_token *token, uint64_t ver,
    int64_t n, int *ret_changed)
{
	sqlite3_stmt *s = conn_query(&q->writer, w->kind, query);
	if (s == NULL)
		return sqlite3_extended_errcode(q->writer.db);
	if (query == Q_CREATE)
		bind_text(s, 1, w->id);
	else
		sqlite3_bind_int64(s, 1, n);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)ver);
	sqlite3_bind_blob(s, 3, token->b, sizeof token->b, SQLITE_STATIC);
	bind_time(s, 4, w->due);
	bind_time(s, 5, w->expire);
	bind_text(s, 6, w->body);
	for (int i = 0; i < STORE_IDX && query != Q_CHANGE; i++)
		if (w->idx[i].n)
			bind_text(s, 7 + i, w->idx[i]);
		else
			sqlite3_bind_null(s, 7 + i);
	int rc = sqlite3_step(s);
	*ret_changed = sqlite3_changes(q->writer.db);
	sqlite3_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int delete_row(struct sqlite *q, store_kind kind, int64_t n)
{
	sqlite3_stmt *s = conn_query(&q->writer, kind, Q_DELETE);
	if (s == NULL)
		return sqlite3_extended_errcode(q->writer.db);
	sqlite3_bind_int64(s, 1, n);
	int rc = sqlite3_step(s);
	sqlite3_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* One member of a group on its way through. */
struct member {
	const struct store_txn *t;
	const struct store_write *face;
	struct store_result *result;
	struct seen seen[STORE_WRITES_MAX];
	bool is_settled;                 /* it will not be applied: result says why */
};

/* Whether to try creating the document before anything is known of it. */
static bool may_create(const struct store_write *w)
{
	return w->op == STORE_PUT && (w->expect == STORE_ABSENT || w->expect == STORE_ANY);
}

/* Which condition fails, in the order of the writes; unless the member turns out to have been applied before. The database is as it
 * was before the member. */
static int explain(struct sqlite *q, struct member *m)
{
	struct seen now = { 0 };
	int rc = m->face ? see(q, m->face, &m->t->token, &now) : SQLITE_OK;
	m->is_settled = true;
	*m->result = (struct store_result){ .rc = now.is_own ? STORE_OK : STORE_CONFLICT };
	for (size_t i = 0; i < m->t->n && rc == SQLITE_OK && !now.is_own; i++) {
		const struct store_write *w = &m->t->w[i];
		rc = see(q, w, &m->t->token, &now);
		if (rc == SQLITE_OK && w->expect != STORE_ANY && now.ver != w->expect) {
			*m->result = (struct store_result){ .rc = STORE_CONFLICT, .bad_write = i, .cur_ver = now.ver };
			break;
		}
		now.is_own = false;                                /* only the face answers for the token */
	}
	return rc;
}

/* Looks at every document that is not to be created; and at the face, when no condition of its own would show its token. */
static int judge(struct sqlite *q, struct member *m)
{
	for (size_t i = 0; i < m->t->n; i++) {
		const struct store_write *w = &m->t->w[i];
		if (may_create(w) && !(w == m->face && w->expect == STORE_ANY))
			continue;
		int rc = see(q, w, &m->t->token, &m->seen[i]);
		if (rc != SQLITE_OK)
			return rc;
		bool is_done = w == m->face && m->seen[i].is_own;
		if (is_done || (w->expect != STORE_ANY && m->seen[i].ver != w->expect))
			return explain(q, m);
	}
	return SQLITE_OK;
}

static int undo_creations(struct sqlite *q, const struct member *m)
{
	int rc = SQLITE_OK;
	for (size_t i = 0; i < m->t->n && rc == SQLITE_OK; i++)
		if (m->seen[i].is_created)
			rc = delete_row(q, m->t->w[i].kind, m->seen[i].n);
	return rc;
}

/* Tries one creation; without a condition, what is there already is only looked at. */
static int create_one(struct sqlite *q, struct member *m, size_t i)
{
	const struct store_write *w = &m->t->w[i];
	int changed = 0, rc = write_row(q, Q_CREATE, w, &m->t->token, 1, 0, &changed);
	if (rc != SQLITE_OK)
		return rc;
	if (changed) {
		m->seen[i] = (struct seen){ .n = sqlite3_last_insert_rowid(q->writer.db), .is_created = true };
		return SQLITE_OK;
	}
	if (w->expect == STORE_ANY)
		return see(q, w, &m->t->token, &m->seen[i]);
	rc = undo_creations(q, m);
	return rc == SQLITE_OK ? explain(q, m) : rc;
}

static int create_all(struct sqlite *q, struct member *m)
{
	int rc = SQLITE_OK;
	for (size_t i = 0; i < m->t->n && rc == SQLITE_OK && !m->is_settled; i++)
		if (may_create(&m->t->w[i]) && m->seen[i].ver == 0)
			rc = create_one(q, m, i);
	return rc;
}

/* What cannot fail any more. */
static int change_all(struct sqlite *q, struct member *m)
{
	int rc = SQLITE_OK;
	for (size_t i = 0; i < m->t->n && rc == SQLITE_OK; i++) {
		const struct store_write *w = &m->t->w[i];
		const struct seen *seen = &m->seen[i];
		int changed = 1;
		if (w->op == STORE_DELETE && seen->ver > 0)
			rc = delete_row(q, w->kind, seen->n);
		else if (w->op == STORE_PUT && !seen->is_created)
			rc = write_row(q, seen->has_same_keys ? Q_CHANGE : Q_CHANGE_KEYS, w, &m->t->token, seen->ver + 1, seen->n, &changed);
		assert(rc != SQLITE_OK || changed == 1);
	}
	return rc;
}

static int commit_one(struct sqlite *q, const struct store_txn *t, struct store_result *ret)
{
	struct member m = { .t = t, .face = txn_face(t), .result = ret };
	int rc = judge(q, &m);
	if (rc == SQLITE_OK && !m.is_settled)
		rc = create_all(q, &m);
	if (rc == SQLITE_OK && !m.is_settled)
		rc = change_all(q, &m);
	return rc;
}

static int begin(struct sqlite *q)
{
	int64_t version = 0;
	int rc = conn_run(&q->writer, O_BEGIN);
	if (rc == SQLITE_OK)
		rc = conn_ask(&q->writer, O_DATA_VERSION, &version);
	if (rc == SQLITE_OK && q->data_version && version != q->data_version)
		rc = SQLITE_IOERR;                                 /* somebody else wrote: our idea of the file is void */
	q->data_version = version;
	return rc;
}

static int stamp(struct sqlite *q, int64_t at)
{
	sqlite3_stmt *s = conn_order(&q->writer, O_STAMP);
	if (s == NULL)
		return sqlite3_extended_errcode(q->writer.db);
	sqlite3_bind_int64(s, 1, at);
	return conn_run(&q->writer, O_STAMP);
}

static void roll_back(struct sqlite *q)
{
	if (!sqlite3_get_autocommit(q->writer.db) && conn_run(&q->writer, O_ROLLBACK) != SQLITE_OK)
		q->is_fenced = true;                               /* a connection that cannot even forget is of no use */
	q->data_version = 0;
}

/* Moves WAL frames into the file when there are enough of them. Readers may keep some back: then more must gather before the next try.
 * A full disk is no harm, all is in the WAL; any other error fences. */
static void checkpoint(struct sqlite *q)
{
	if (q->wal_pages < CHECKPOINT_PAGES)
		q->checkpoint_at = CHECKPOINT_PAGES;               /* the WAL has begun anew */
	if (q->wal_pages < q->checkpoint_at)
		return;
	int rc = sqlite3_wal_checkpoint_v2(q->writer.db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	q->checkpoint_at = q->wal_pages + CHECKPOINT_PAGES;
	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY && (rc & 0xff) != SQLITE_FULL && (rc & 0xff) != SQLITE_LOCKED)
		q->is_fenced = true;
}

static int note_wal_pages(void *ctx, sqlite3 *db, const char *name, int pages)
{
	(void)db, (void)name;
	((struct sqlite *)ctx)->wal_pages = pages;
	return SQLITE_OK;
}

/* Members whose result is STORE_OK, in one SQLite transaction. An SQLite code; SQLITE_OK: committed, results tell. */
static int commit_members(struct sqlite *q, const struct store_txn *txns, struct store_result *results, size_t n, int64_t at)
{
	int changes = sqlite3_total_changes(q->writer.db), rc = begin(q);
	for (size_t i = 0; i < n && rc == SQLITE_OK; i++)
		if (results[i].rc == STORE_OK)
			rc = commit_one(q, &txns[i], &results[i]);
	if (rc == SQLITE_OK && sqlite3_total_changes(q->writer.db) != changes)
		rc = stamp(q, at);
	if (rc == SQLITE_OK)
		rc = conn_run(&q->writer, O_COMMIT);
	if (rc != SQLITE_OK)
		roll_back(q);
	return rc;
}

/* Answers "full" to what only creates. False: nothing else is left. */
static bool refuse_creations(struct sqlite *q, const struct store_txn *txns, struct store_result *results, size_t n)
{
	bool has_rest = false;
	for (size_t i = 0; i < n; i++) {
		results[i] = (struct store_result){ .rc = txn_only_creates(&q->head, &txns[i]) ? STORE_FULL : STORE_OK };
		has_rest |= results[i].rc == STORE_OK;
	}
	return has_rest;
}

/* "Full" says "not applied", which is not true of the retry of a commit that was applied before the disk filled up. */
static void spare_applied(struct sqlite *q, const struct store_txn *txns, struct store_result *results, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct store_write *face = results[i].rc == STORE_FULL ? txn_face(&txns[i]) : NULL;
		struct seen seen = { 0 };
		if (face && see(q, face, &txns[i].token, &seen) == SQLITE_OK && seen.is_own)
			results[i].rc = STORE_OK;
	}
}

/* The reserve comes back when there is twice its size beyond what must stay free. */
static void keep_reserve(struct sqlite *q)
{
	if (q->has_reserve || space_free(&q->space) - 2 * (int64_t)RESERVE < q->space.min_free)
		return;
	int fd = open(q->reserve, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	q->has_reserve = fd >= 0 && disk_reserve(fd, 0, RESERVE) == 0;
	if (fd >= 0)
		close(fd);
	if (q->has_reserve)
		q->is_reserve_spent = false;
	else
		(void)unlink(q->reserve);                          /* half a reserve only takes space */
}

/* From now until it is back, nothing is created in the room that it leaves. */
static void spend_reserve(struct sqlite *q)
{
	(void)unlink(q->reserve);                                  /* if it is not there, there is nothing to give */
	q->has_reserve = false;
	q->is_reserve_spent = true;
}

static void answer_all(struct sqlite *q, struct store_result *results, size_t n, int code)
{
	int primary = code & 0xff;
	bool is_definite = primary == SQLITE_FULL || primary == SQLITE_BUSY || primary == SQLITE_LOCKED;
	enum store_rc rc = code_rc(q, code);
	for (size_t i = 0; i < n; i++)
		results[i] = (struct store_result){ .rc = is_definite ? rc : STORE_UNKNOWN };
}

static void commit_group(struct sqlite *q, const struct store_txn *txns, struct store_result *results, size_t n)
{
	int64_t at = hostclock_now(&q->clock);
	memset(results, 0, n * sizeof *results);
	if (q->is_reserve_spent || space_is_low(&q->space))
		(void)refuse_creations(q, txns, results, n);
	int rc = commit_members(q, txns, results, n, at);
	if ((rc & 0xff) == SQLITE_FULL && refuse_creations(q, txns, results, n)) {
		spend_reserve(q);
		rc = commit_members(q, txns, results, n, at);
	}
	if (rc != SQLITE_OK)
		answer_all(q, results, n, rc);
	spare_applied(q, txns, results, n);
	for (size_t i = 0; i < n; i++)
		results[i].at = at;
	checkpoint(q);
	keep_reserve(q);
}

static void sqlite_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n)
{
	struct sqlite *q = sqlite(s);
	pthread_mutex_lock(&q->write_lock);
	if (!q->is_fenced)
		commit_group(q, txns, results, n);
	else
		for (size_t i = 0; i < n; i++)
			results[i] = (struct store_result){ .rc = STORE_FENCED };
	pthread_mutex_unlock(&q->write_lock);
}

/* Ends a transaction of our own: commits, or rolls back and says what the error means. */
static enum store_rc end(struct sqlite *q, int rc)
{
	if (rc == SQLITE_OK)
		rc = conn_run(&q->writer, O_COMMIT);
	if (rc == SQLITE_OK) {
		checkpoint(q);
		return STORE_OK;
	}
	roll_back(q);
	return code_rc(q, rc);
}

static int purge_rows(struct sqlite *q, store_kind kind, int64_t expired_before, size_t limit)
{
	sqlite3_stmt *s = conn_query(&q->writer, kind, Q_PURGE);
	if (s == NULL)
		return sqlite3_extended_errcode(q->writer.db);
	sqlite3_bind_int64(s, 1, expired_before);
	sqlite3_bind_int64(s, 2, clamp(limit));
	int rc = sqlite3_step(s);
	sqlite3_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static enum store_rc purge(struct sqlite *q, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done)
{
	int rc = begin(q);
	if (rc == SQLITE_OK)
		rc = purge_rows(q, kind, expired_before, limit);
	size_t done = rc == SQLITE_OK ? (size_t)sqlite3_changes(q->writer.db) : 0;
	enum store_rc ended = end(q, rc);
	if (ended == STORE_OK)
		*ret_done = done;
	return ended;
}

static enum store_rc sqlite_purge(struct store *s, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done)
{
	struct sqlite *q = sqlite(s);
	pthread_mutex_lock(&q->write_lock);
	enum store_rc rc = q->is_fenced ? STORE_FENCED : purge(q, kind, expired_before, limit, ret_done);
	pthread_mutex_unlock(&q->write_lock);
	return rc;
}

static enum store_rc probe(struct sqlite *q)
{
	int64_t before = 0, after = 0;
	int rc = begin(q);
	if (rc == SQLITE_OK)
		rc = conn_ask(&q->writer, O_PROBE_READ, &before);
	if (rc == SQLITE_OK)
		rc = conn_run(&q->writer, O_PROBE);
	enum store_rc ended = end(q, rc);
	if (ended != STORE_OK)
		return ended;
	rc = conn_ask(&q->writer, O_PROBE_READ, &after);
	return rc == SQLITE_OK && after == before + 1 ? STORE_OK : code_rc(q, rc == SQLITE_OK ? SQLITE_CORRUPT : rc);
}

static enum store_rc sqlite_probe(struct store *s, int64_t *ret_commit_us)
{
	struct sqlite *q = sqlite(s);
	int64_t from = disk_us();
	pthread_mutex_lock(&q->write_lock);
	enum store_rc rc = q->is_fenced ? STORE_FENCED : probe(q);
	pthread_mutex_unlock(&q->write_lock);
	if (rc == STORE_OK)
		*ret_commit_us = disk_us() - from;
	return rc;
}

static void sqlite_info(const struct store *s, struct store_info *ret)
{
	(void)s;
	*ret = (struct store_info){ .durability = STORE_D_POWER, .shards = 1, .backend = "sqlite", .version = sqlite3_libversion() };
}

static enum store_rc sqlite_now(struct store *s, int64_t *ret_ms, int64_t *ret_err_ms)
{
	*ret_ms = hostclock_now(&sqlite(s)->clock);
	*ret_err_ms = 0;                                           /* this clock is what store time is */
	return STORE_OK;
}

/* Opening and closing. */

static void sqlite_close(struct store *s)
{
	struct sqlite *q = sqlite(s);
	for (size_t i = 0; i < READERS; i++)
		conn_close(&q->reader[i]);
	conn_close(&q->writer);
	batch_vfs_free(q->vfs);
	if (q->lock_fd >= 0)
		close(q->lock_fd);
	space_done(&q->space);
	hostclock_done(&q->clock);
	pthread_mutex_destroy(&q->write_lock);
	pthread_mutex_destroy(&q->pool_lock);
	pthread_cond_destroy(&q->pool_wait);
	free(q->path);
	free(q->directory);
	free(q->reserve);
	free(q);
}

static const char *const table_text =
	"CREATE TABLE IF NOT EXISTS \"@\"(n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ver INTEGER NOT NULL, token BLOB NOT NULL,"
	" due INTEGER, expire INTEGER, idx0 TEXT, idx1 TEXT, idx2 TEXT, idx3 TEXT, body TEXT NOT NULL);"
	"CREATE INDEX IF NOT EXISTS \"@_due\" ON \"@\"(due) WHERE due IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS \"@_expire\" ON \"@\"(expire) WHERE expire IS NOT NULL AND due IS NULL;"
	"CREATE INDEX IF NOT EXISTS \"@_idx0\" ON \"@\"(idx0) WHERE idx0 IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS \"@_idx1\" ON \"@\"(idx1) WHERE idx1 IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS \"@_idx2\" ON \"@\"(idx2) WHERE idx2 IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS \"@_idx3\" ON \"@\"(idx3) WHERE idx3 IS NOT NULL;";

static void schema_text(const struct sqlite *q, struct buf *sql)
{
	buf_fmt(sql, "BEGIN IMMEDIATE; PRAGMA application_id=%d;"
	    "CREATE TABLE IF NOT EXISTS tocsin(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	    "INSERT OR IGNORE INTO tocsin VALUES('schema',%d),('at',0),('probe',0),('kinds',0);"
	    "UPDATE tocsin SET value=%zu WHERE name='kinds';", APPLICATION_ID, SCHEMA, q->n_kinds);
	for (size_t i = 0; i < q->n_kinds; i++)
		for (const char *t = table_text; *t; t++)
			if (*t == '@')
				buf_add(sql, str_c(q->kinds[i].name));
			else
				buf_char(sql, *t);
	buf_add(sql, S("COMMIT;"));
}

static enum store_rc say(struct sqlite *q, int rc, const char *what, struct buf *why)
{
	buf_fmt(why, "%s: %s: %s; ", q->path, what, sqlite3_errmsg(q->writer.db));
	enum store_rc meaning = code_rc(q, rc);
	buf_fmt(why, "%s", meaning == STORE_CORRUPT ? "restore the file from a backup" : meaning == STORE_BUSY ?
	    "another program holds it: close it" : meaning == STORE_FULL ? "make room on its disk" : "check the disk and who may write there");
	return meaning == STORE_FENCED ? STORE_DOWN : meaning;
}

/* Whose file this is, and of which version. A new one has neither. */
static enum store_rc check_owner(struct sqlite *q, struct buf *why)
{
	int64_t tables = 0, application = 0, schema = 0, kinds = 0;
	int rc = conn_int(&q->writer, "SELECT count(*) FROM sqlite_schema", &tables);
	if (rc == SQLITE_OK)
		rc = conn_int(&q->writer, "PRAGMA application_id", &application);
	if (rc != SQLITE_OK)
		return say(q, rc, "cannot read it", why);
	if (tables == 0)
		return STORE_OK;
	if (application != APPLICATION_ID) {
		buf_fmt(why, "%s: is a database of another program; give tocsin a file of its own", q->path);
		return STORE_CORRUPT;
	}
	rc = conn_int(&q->writer, "SELECT value FROM tocsin WHERE name='schema'", &schema);
	if (rc == SQLITE_OK)
		rc = conn_int(&q->writer, "SELECT value FROM tocsin WHERE name='kinds'", &kinds);
	if (rc != SQLITE_OK)
		return say(q, rc, "cannot read its version", why);
	if (schema <= SCHEMA && kinds <= (int64_t)q->n_kinds)
		return STORE_OK;
	buf_fmt(why, "%s: written by a newer version of tocsin (schema %lld with %lld kinds, this one knows %d with %zu); "
	    "start that version", q->path, (long long)schema, (long long)kinds, SCHEMA, q->n_kinds);
	return STORE_FENCED;
}

static enum store_rc prepare_schema(struct sqlite *q, int64_t *ret_at, struct buf *why)
{
	enum store_rc owner = check_owner(q, why);
	if (owner != STORE_OK)
		return owner;
	struct buf sql = BUF(64 << 10);
	schema_text(q, &sql);
	assert(sql.err == 0);
	int rc = conn_exec(&q->writer, sql.p);
	buf_free(&sql);
	if (rc == SQLITE_OK)
		rc = conn_int(&q->writer, "SELECT value FROM tocsin WHERE name='at'", ret_at);
	return rc == SQLITE_OK ? STORE_OK : say(q, rc, "cannot prepare its tables", why);
}

static enum store_rc open_conn(struct sqlite *q, struct conn *c, bool is_reader, struct buf *why)
{
	buf_fmt(why, "%s: ", q->path);
	int rc = conn_open(c, q->path, batch_vfs_name(q->vfs), is_reader, q->kinds, why);
	if (rc == SQLITE_OK) {
		buf_clear(why);
		return STORE_OK;
	}
	enum store_rc meaning = code_rc(q, rc);
	return meaning == STORE_FENCED ? STORE_DOWN : meaning;
}

static enum store_rc open_conns(struct sqlite *q, int64_t *ret_at, struct buf *why)
{
	enum store_rc rc = open_conn(q, &q->writer, false, why);
	if (rc == STORE_OK)
		rc = prepare_schema(q, ret_at, why);
	for (size_t i = 0; i < READERS && rc == STORE_OK; i++) {
		rc = open_conn(q, &q->reader[i], true, why);
		q->reader[i].next = q->idle;
		q->idle = &q->reader[i];
	}
	if (rc == STORE_OK)
		sqlite3_wal_hook(q->writer.db, note_wal_pages, q);
	return rc;
}

/* The file is made here, not by SQLite, so that only its owner may read it; WAL and index take over its mode. */
static enum store_rc enter_file(struct sqlite *q, struct buf *why)
{
	enum store_rc rc = disk_check_local(q->directory, why);
	if (rc != STORE_OK)
		return rc;
	struct buf lock = BUF(SIZE_MAX / 2);
	buf_fmt(&lock, "%s.lock", q->path);
	rc = disk_lock(lock.p, &q->lock_fd, why);
	buf_free(&lock);
	if (rc != STORE_OK)
		return rc;
	int fd = open(q->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		buf_fmt(why, "%s: cannot open it: %s; check the directory and who may write there", q->path, strerror(errno));
		return STORE_DOWN;
	}
	close(fd);
	return STORE_OK;
}

static enum store_rc start(struct sqlite *q, const struct store_options *o, struct buf *why)
{
	int64_t at = 0;
	enum store_rc rc = enter_file(q, why);
	if (rc == STORE_OK)
		rc = open_conns(q, &at, why);
	if (rc != STORE_OK)
		return rc;
	int err = disk_sync_directory(q->directory);               /* SQLite ignores errors of this one */
	if (err) {
		buf_fmt(why, "%s: cannot flush the directory: %s; check the disk", q->directory, strerror(err));
		return STORE_DOWN;
	}
	hostclock_done(&q->clock);
	hostclock_init(&q->clock, o->clock, at);                   /* never below the last durable time */
	q->has_reserve = access(q->reserve, F_OK) == 0;
	keep_reserve(q);
	q->is_reserve_spent = !q->has_reserve;
	return STORE_OK;
}

enum store_rc sqlite_open(const struct store_options *o, struct store **ret, struct buf *why)
{
	static const struct store_ops ops = { sqlite_close, sqlite_info, sqlite_now, sqlite_get, sqlite_commit, sqlite_due, sqlite_list,
		sqlite_scan, sqlite_purge, sqlite_probe };
	/* SQLite counts its memory under one lock unless told not to before its first use: a tenth of all its time. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);          /* refused when in use already, which only costs that */
	struct sqlite *q = xmalloc(sizeof *q);
	*q = (struct sqlite){ .head = store_head(&ops, o), .kinds = o->kinds, .n_kinds = o->n_kinds, .lock_fd = -1,
		.checkpoint_at = CHECKPOINT_PAGES };
	struct buf reserve = BUF(SIZE_MAX / 2);
	buf_fmt(&reserve, "%.*s.reserve", STR_ARG(o->path));
	q->reserve = reserve.p;
	q->path = xstrndup(o->path);
	q->directory = disk_parent(o->path);
	q->vfs = batch_vfs_new();
	hostclock_init(&q->clock, o->clock, 0);
	space_init(&q->space, q->directory, o);
	pthread_mutex_init(&q->write_lock, NULL);
	pthread_mutex_init(&q->pool_lock, NULL);
	pthread_cond_init(&q->pool_wait, NULL);
	enum store_rc rc = start(q, o, why);
	if (rc == STORE_OK)
		*ret = &q->head;
	else
		sqlite_close(&q->head);
	return rc;
}
