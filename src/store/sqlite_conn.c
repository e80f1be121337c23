/* sqlite_conn.c - one connection to the database: its pragmas, its prepared statements.
 *
 * Each kind has a table of its own, with a row number, and indices on id, due, expire and the keys; those on columns that may
 * be missing are partial. Measured with 100,000 new alerts (about 500,000 documents, groups of 64): one table with a row number
 * 19,300 alerts a second; one table without row numbers 11,500, as index pages hold at most four large documents and overflow;
 * a table per kind with row numbers 20,800, without 11,400. Kinds that grow at their end then do so at the end of a table of their own.
 */
#include "store/sqlite_conn.h"
#include <stdlib.h>
#include <string.h>

#define DOC "id,ver,token,due,expire,body,idx0,idx1,idx2,idx3"
#define LIST(col, by) \
	"SELECT " DOC ",n FROM \"@\" " by " WHERE " col ">=?1 AND " col "<?2 ORDER BY " col ",id LIMIT ?3", \
	"SELECT " DOC ",n FROM \"@\" " by " WHERE " col ">=?1 AND " col "<?2 ORDER BY " col " DESC,id DESC LIMIT ?3"

/* @ stands for the kind. INDEXED BY makes a query that would not use its index an error instead of a slow one. */
static const char *const query_text[QUERIES] = {
	[Q_SEE] = "SELECT n,ver,token,idx0,idx1,idx2,idx3 FROM \"@\" WHERE id=?1",
	[Q_CREATE] = "INSERT INTO \"@\"(" DOC ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10) ON CONFLICT DO NOTHING",
	[Q_IMPORT] = "INSERT INTO \"@\"(" DOC ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10) ON CONFLICT(id) DO UPDATE SET ver=?2,token=?3,"
		"due=?4,expire=?5,body=?6,idx0=?7,idx1=?8,idx2=?9,idx3=?10",
	[Q_CHANGE] = "UPDATE \"@\" SET ver=?2,token=?3,due=?4,expire=?5,body=?6 WHERE n=?1",
	[Q_CHANGE_KEYS] = "UPDATE \"@\" SET ver=?2,token=?3,due=?4,expire=?5,body=?6,idx0=?7,idx1=?8,idx2=?9,idx3=?10 WHERE n=?1",
	[Q_DELETE] = "DELETE FROM \"@\" WHERE n=?1",
	[Q_PURGE] = "DELETE FROM \"@\" WHERE n IN (SELECT n FROM \"@\" INDEXED BY \"@_expire\" "
		"WHERE expire<?1 AND due IS NULL ORDER BY expire,id LIMIT ?2)",
	[Q_GET] = "SELECT " DOC ",n FROM \"@\" WHERE id=?1",
	[Q_DUE] = "SELECT " DOC ",n FROM \"@\" INDEXED BY \"@_due\" WHERE due<=?1 ORDER BY due,id LIMIT ?2",
	[Q_SCAN] = "SELECT " DOC ",n FROM \"@\" WHERE n>?1 ORDER BY n LIMIT ?2",
	[Q_LIST] = LIST("id", ""),
	LIST("idx0", "INDEXED BY \"@_idx0\""), LIST("idx1", "INDEXED BY \"@_idx1\""),
	LIST("idx2", "INDEXED BY \"@_idx2\""), LIST("idx3", "INDEXED BY \"@_idx3\""),
};

static const char *const order_text[ORDERS] = {
	[O_BEGIN] = "BEGIN IMMEDIATE",
	[O_BEGIN_READ] = "BEGIN",
	[O_COMMIT] = "COMMIT",
	[O_ROLLBACK] = "ROLLBACK",
	[O_STAMP] = "UPDATE tocsin SET value=?1 WHERE name='at'",
	[O_PROBE] = "UPDATE tocsin SET value=value+1 WHERE name='probe'",
	[O_PROBE_READ] = "SELECT value FROM tocsin WHERE name='probe'",
	[O_DATA_VERSION] = "PRAGMA data_version",
};

/* Set, then read back: defaults differ between builds, and a pragma that is not understood is silently nothing. who: 1 the writer, 2
 * readers, 3 both. */
static const struct { int who; const char *set, *get; const char *want; } pragmas[] = {
	{ 1, "PRAGMA page_size=4096",          "PRAGMA page_size",            "4096" },
	{ 1, "PRAGMA encoding='UTF-8'",        "PRAGMA encoding",             "UTF-8" },
	{ 3, "PRAGMA busy_timeout=2000",       "PRAGMA busy_timeout",         "2000" },
	{ 3, "PRAGMA journal_mode=WAL",        "PRAGMA journal_mode",         "wal" },
	{ 3, "PRAGMA synchronous=FULL",        "PRAGMA synchronous",          "2" },
	{ 3, "PRAGMA wal_autocheckpoint=0",    "PRAGMA wal_autocheckpoint",   "0" },
	{ 3, "PRAGMA trusted_schema=OFF",      "PRAGMA trusted_schema",       "0" },
	{ 3, "PRAGMA cell_size_check=ON",      "PRAGMA cell_size_check",      "1" },
	{ 3, "PRAGMA foreign_keys=ON",         "PRAGMA foreign_keys",         "1" },
	{ 3, "PRAGMA mmap_size=0",             "PRAGMA mmap_size",            "0" },
	{ 3, "PRAGMA temp_store=MEMORY",       "PRAGMA temp_store",           "2" },
	{ 1, "PRAGMA cache_size=-12000",       "PRAGMA cache_size",           "-12000" },
	{ 2, "PRAGMA cache_size=-2000",        "PRAGMA cache_size",           "-2000" },
	{ 2, "PRAGMA query_only=ON",           "PRAGMA query_only",           "1" },
};

int conn_exec(struct conn *c, const char *sql)
{
	int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? rc : sqlite3_extended_errcode(c->db);
}

/* Whether a pragma answers as it should. One that the build leaves out (mmap_size) answers nothing, which is as good as off. */
static int has_value(struct conn *c, const char *get, const char *want, bool *ret)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(c->db, get, -1, &s, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*ret = str_eq(str_c((const char *)sqlite3_column_text(s, 0)), str_c(want));
	else if (rc == SQLITE_DONE)
		*ret = str_eq(str_c(want), S("0"));
	sqlite3_finalize(s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : sqlite3_extended_errcode(c->db);
}

static int set_pragmas(struct conn *c, int who, struct buf *why)
{
	for (size_t i = 0; i < COUNT(pragmas); i++) {
		bool is_set = false;
		if (!(pragmas[i].who & who))
			continue;
		int rc = conn_exec(c, pragmas[i].set);
		if (rc == SQLITE_OK)
			rc = has_value(c, pragmas[i].get, pragmas[i].want, &is_set);
		if (rc != SQLITE_OK) {
			buf_fmt(why, "%s: %s", pragmas[i].set, sqlite3_errmsg(c->db));
			return rc;
		}
		if (!is_set) {
			buf_fmt(why, "%s did not take effect; this build of SQLite (%s) or this file cannot be used", pragmas[i].set,
			    sqlite3_libversion());
			return SQLITE_MISUSE;
		}
	}
	return SQLITE_OK;
}

int conn_open(struct conn *c, const char *path, const char *vfs, bool is_reader, const struct store_kind_def *kinds, struct buf *why)
{
	int keep = 1, off = 1;
	*c = (struct conn){ .kinds = kinds };
	int rc = sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs);
	if (rc != SQLITE_OK) {
		buf_fmt(why, "cannot open it: %s", c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc));
		return rc;
	}
	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &off);
	rc = set_pragmas(c, is_reader ? 2 : 1, why);
	if (rc == SQLITE_OK)
		rc = sqlite3_file_control(c->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	return rc;
}

static void finalize(sqlite3_stmt **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sqlite3_finalize(v[i]);
}

void conn_close(struct conn *c)
{
	for (size_t k = 0; k < STORE_KINDS_MAX; k++)
		finalize(c->query[k], QUERIES);
	finalize(c->order, ORDERS);
	sqlite3_close(c->db);
	*c = (struct conn){ 0 };
}

static sqlite3_stmt *prepare(struct conn *c, const char *text, const char *kind)
{
	struct buf sql = BUF(4096);
	sqlite3_stmt *s = NULL;
	for (; *text; text++)
		if (*text == '@')
			buf_add(&sql, str_c(kind));
		else
			buf_char(&sql, *text);
	(void)sqlite3_prepare_v3(c->db, sql.p, (int)sql.n, SQLITE_PREPARE_PERSISTENT, &s, NULL);   /* NULL says it */
	buf_free(&sql);
	return s;
}

sqlite3_stmt *conn_query(struct conn *c, store_kind kind, int query)
{
	sqlite3_stmt **s = &c->query[kind][query];
	if (*s == NULL)
		*s = prepare(c, query_text[query], c->kinds[kind].name);
	return *s;
}

sqlite3_stmt *conn_order(struct conn *c, enum sqlite_order order)
{
	sqlite3_stmt **s = &c->order[order];
	if (*s == NULL)
		*s = prepare(c, order_text[order], "");
	return *s;
}

int conn_run(struct conn *c, enum sqlite_order order)
{
	sqlite3_stmt *s = conn_order(c, order);
	if (s == NULL)
		return sqlite3_extended_errcode(c->db);
	int rc = sqlite3_step(s);
	sqlite3_reset(s);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int conn_ask(struct conn *c, enum sqlite_order order, int64_t *ret)
{
	sqlite3_stmt *s = conn_order(c, order);
	if (s == NULL)
		return sqlite3_extended_errcode(c->db);
	int rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	int end = sqlite3_reset(s);
	return rc == SQLITE_ROW ? end : rc;
}

int conn_int(struct conn *c, const char *sql, int64_t *ret)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(c->db, sql, -1, &s, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_NOTFOUND : rc;
}

void stmt_bind_str(sqlite3_stmt *s, int i, struct str text)
{
	sqlite3_bind_text(s, i, text.n ? text.p : "", (int)text.n, SQLITE_STATIC);
}

void stmt_bind_limit(sqlite3_stmt *s, int i, size_t limit)
{
	sqlite3_bind_int64(s, i, limit < INT64_MAX ? (sqlite3_int64)limit : INT64_MAX);
}

struct str stmt_str(sqlite3_stmt *s, int i)
{
	const char *p = sqlite3_column_blob(s, i);
	return (struct str){ p, (size_t)sqlite3_column_bytes(s, i) };
}

struct store_token stmt_token(sqlite3_stmt *s, int i)
{
	struct store_token t = { { 0 } };
	struct str b = stmt_str(s, i);
	if (b.n == sizeof t.b)
		memcpy(t.b, b.p, b.n);
	return t;
}
