/* sqlite_commit.c - whatever writes, all of it under write_lock.
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
#include "store/sqlite_inside.h"
#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void bind_time(sqlite3_stmt *s, int i, int64_t t)
{
	if (t == STORE_NO_DUE)
		sqlite3_bind_null(s, i);
	else
		sqlite3_bind_int64(s, i, t);
}

/* What is known of a document before it is changed. */
struct seen { int64_t n; uint64_t ver; bool is_own, has_same_keys, is_created; };

static bool same_keys(sqlite3_stmt *s, const struct store_write *w)
{
	for (int i = 0; i < STORE_IDX; i++)
		if (!str_eq(stmt_str(s, 3 + i), w->idx[i]))
			return false;
	return true;
}

static int see(struct sqlite *q, const struct store_write *w, const struct store_token *token, struct seen *ret)
{
	sqlite3_stmt *s = conn_query(&q->writer, w->kind, Q_SEE);
	if (s == NULL)
		return sqlite3_extended_errcode(q->writer.db);
	stmt_bind_str(s, 1, w->id);
	int rc = sqlite3_step(s);
	*ret = (struct seen){ 0 };
	if (rc == SQLITE_ROW) {
		struct store_token its = stmt_token(s, 2);
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
	if (query == Q_CREATE || query == Q_IMPORT)
		stmt_bind_str(s, 1, w->id);
	else
		sqlite3_bind_int64(s, 1, n);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)ver);
	sqlite3_bind_blob(s, 3, token->b, sizeof token->b, SQLITE_STATIC);
	bind_time(s, 4, w->due);
	bind_time(s, 5, w->expire);
	stmt_bind_str(s, 6, w->body);
	for (int i = 0; i < STORE_IDX && query != Q_CHANGE; i++)
		if (w->idx[i].n)
			stmt_bind_str(s, 7 + i, w->idx[i]);
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

void sqlite_watch_wal(struct sqlite *q)
{
	sqlite3_wal_hook(q->writer.db, note_wal_pages, q);
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

void sqlite_keep_reserve(struct sqlite *q)
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
	enum store_rc rc = sqlite_meaning(q, code);
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
	sqlite_keep_reserve(q);
}

void sqlite_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n)
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
	return sqlite_meaning(q, rc);
}

static int purge_rows(struct sqlite *q, store_kind kind, int64_t expired_before, size_t limit)
{
	sqlite3_stmt *s = conn_query(&q->writer, kind, Q_PURGE);
	if (s == NULL)
		return sqlite3_extended_errcode(q->writer.db);
	sqlite3_bind_int64(s, 1, expired_before);
	stmt_bind_limit(s, 2, limit);
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

enum store_rc sqlite_purge(struct store *s, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done)
{
	struct sqlite *q = sqlite(s);
	pthread_mutex_lock(&q->write_lock);
	enum store_rc rc = q->is_fenced ? STORE_FENCED : purge(q, kind, expired_before, limit, ret_done);
	pthread_mutex_unlock(&q->write_lock);
	return rc;
}

static int import_rows(struct sqlite *q, const struct store_doc *docs, size_t n)
{
	int rc = SQLITE_OK, changed = 0;
	for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
		struct store_write w = { .kind = docs[i].kind, .id = docs[i].id, .due = docs[i].due, .expire = docs[i].expire, .body = docs[i].body };
		memcpy(w.idx, docs[i].idx, sizeof w.idx);
		rc = write_row(q, Q_IMPORT, &w, &docs[i].token, docs[i].ver, 0, &changed);
	}
	return rc;
}

enum store_rc sqlite_import(struct store *s, const struct store_doc *docs, size_t n)
{
	struct sqlite *q = sqlite(s);
	pthread_mutex_lock(&q->write_lock);
	enum store_rc rc = STORE_FENCED;
	if (!q->is_fenced) {
		int code = begin(q);
		if (code == SQLITE_OK)
			code = import_rows(q, docs, n);
		rc = end(q, code);
	}
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
	return rc == SQLITE_OK && after == before + 1 ? STORE_OK : sqlite_meaning(q, rc == SQLITE_OK ? SQLITE_CORRUPT : rc);
}

enum store_rc sqlite_probe(struct store *s, int64_t *ret_commit_us)
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
