/* sqlite_conn.h - one connection to the database: its pragmas, its prepared statements. Used by one thread at a time. */
#ifndef STORE_SQLITE_CONN_H
#define STORE_SQLITE_CONN_H
#include "store/store.h"
#include <sqlite3.h>

/* The statements on the table of a kind. Parameters of CREATE, IMPORT, CHANGE and CHANGE_KEYS: ?1 id (of the first two) or n, ?2 ver, ?3 token, ?4 due,
 * ?5 expire, ?6 body, ?7... keys. Answers of GET, DUE, SCAN and LIST: the columns of struct store_doc, then n. */
enum sqlite_query {
	Q_SEE,                   /* ?1 id: n, ver, token, keys */
	Q_CREATE, Q_CHANGE, Q_CHANGE_KEYS,
	Q_IMPORT,                /* as CREATE, over what is there */
	Q_DELETE,                /* ?1 n */
	Q_PURGE,                 /* ?1 before, ?2 limit */
	Q_GET,                   /* ?1 id */
	Q_DUE,                   /* ?1 until, ?2 limit */
	Q_SCAN,                  /* ?1 n, ?2 limit */
	Q_LIST,                  /* + 2 * (idx + 1) + is_descending. ?1 from, ?2 to, ?3 limit */
	Q_LIST_END = Q_LIST + 2 * (STORE_IDX + 1),
	QUERIES = Q_LIST_END
};
/* The statements on the database. */
enum sqlite_order { O_BEGIN, O_BEGIN_READ, O_COMMIT, O_ROLLBACK, O_STAMP, O_PROBE, O_PROBE_READ, O_DATA_VERSION, ORDERS };

struct conn {
	sqlite3 *db;
	const struct store_kind_def *kinds;
	sqlite3_stmt *query[STORE_KINDS_MAX][QUERIES];
	sqlite3_stmt *order[ORDERS];
	struct conn *next;       /* in the pool */
};

/* Opens and sets up. An SQLite code; anything but SQLITE_OK: a sentence in `why`. Close it in either case. */
int conn_open(struct conn *c, const char *path, const char *vfs, bool is_reader, const struct store_kind_def *kinds, struct buf *why);
void conn_close(struct conn *c);

/* A prepared statement, made when first asked for. NULL: sqlite3_extended_errcode(c->db) says why not. */
sqlite3_stmt *conn_query(struct conn *c, store_kind kind, int query);
sqlite3_stmt *conn_order(struct conn *c, enum sqlite_order order);
int conn_run(struct conn *c, enum sqlite_order order);                /* SQLITE_OK or the error */
int conn_ask(struct conn *c, enum sqlite_order order, int64_t *ret);  /* its one number */
int conn_int(struct conn *c, const char *sql, int64_t *ret);          /* the first column of the first row; SQLITE_NOTFOUND: none */
int conn_exec(struct conn *c, const char *sql);

/* Values of a statement. A text that is bound or read stays where it is: until the next step or reset. */
void stmt_bind_str(sqlite3_stmt *s, int i, struct str text);
void stmt_bind_limit(sqlite3_stmt *s, int i, size_t limit);
struct str stmt_str(sqlite3_stmt *s, int i);
struct store_token stmt_token(sqlite3_stmt *s, int i);                /* zeros when it is none */
#endif
