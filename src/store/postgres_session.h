/* postgres_session.h - one session with a PostgreSQL server: settings, prepared statements, exchanges that end by a deadline.
 *
 * libpq runs without blocking, so that a server which falls silent costs a call its deadline and not more. Statements are sent in
 * pipeline mode: any number of session_send, then session_run, is one round trip. Used by one thread at a time.
 *
 * Settings and prepared statements live as long as the session. So a pooler in between must pool sessions, not transactions.
 */
#ifndef STORE_POSTGRES_SESSION_H
#define STORE_POSTGRES_SESSION_H
#include "store/postgres_pack.h"

/* The prepared statements. Parameters and columns stand with their text, postgres_query.c. */
enum postgres_query {
	PG_BEGIN, PG_COMMIT, PG_ROLLBACK,
	PG_LOCK, PG_LOCK_SHARED, PG_STAMP, PG_UPDATE, PG_DELETE, PG_STATUS, PG_TERMINATE, PG_TOKENS,
	PG_GET, PG_DUE, PG_DUE_ALL, PG_SCAN, PG_PURGE, PG_IMPORT, PG_NOW, PG_PROBE, PG_PROBE_READ,
	PG_LIST,                 /* + 2 * (idx + 1) + is_descending */
	PG_QUERIES = PG_LIST + 2 * (STORE_IDX + 1)
};
extern const char *const postgres_query[PG_QUERIES];          /* @ stands for the schema */
extern const char *const postgres_copy;                       /* documents, in the columns' order of pack_row (postgres_commit.c) */
void postgres_text(struct buf *sql, const char *text, const char *schema);   /* with the schema in place of each @ */

/* Where to connect. */
struct postgres_target { char *url, *password, *schema; };

struct session {
	PGconn *pg;
	int64_t until_us;        /* by the clock of disk_us: when the call that uses it must be over */
	bool is_lost, is_late;   /* of no more use; because nothing came in time */
	bool has_warned;         /* the server warned of something since this was last cleared */
	char state[6];           /* SQLSTATE of the first error of the latest exchange, or empty */
	char text[300];          /* and its message */
	int64_t server_began;    /* when the server process began: another one, other numbers of transactions */
	uint64_t timeline;       /* of its log: a standby that is promoted begins a new one; 0: it does not say */
	bool has_quorum;         /* a commit waits for a quorum of standbys */
	char version[32];
	unsigned epoch;          /* of the pool */
	struct session *next;
};

/* Connects, sets and checks what must be so. This alone may block, as long as names take to resolve and then connect_timeout. Anything but STORE_OK: a
 * sentence in `why`. */
enum store_rc session_new(const struct postgres_target *t, int64_t until_us, struct session **ret, struct buf *why);
bool session_prepare(struct session *s, const char *schema);
void session_free(struct session *s);                         /* NULL is allowed */

/* False from any of these: ask session_meaning. */
void session_send(struct session *s, enum postgres_query q, const struct args *a);     /* a: NULL for none */
bool session_run(struct session *s, PGresult **ret, size_t n);        /* the answers to the n statements sent; ret NULL: none are wanted */
bool session_one(struct session *s, enum postgres_query q, const struct args *a, PGresult **ret);
bool session_copy(struct session *s, const char *sql, struct str rows, size_t *ret_rows);
bool session_script(struct session *s, const char *sql, PGresult **ret);      /* any SQL; ret: the last rows in text form, NULL: not wanted */

/* What a failed exchange means, of a call that changed nothing for certain. */
enum store_rc session_meaning(const struct session *s);
bool session_is(const struct session *s, const char *state);
#endif
