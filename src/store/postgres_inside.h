/* postgres_inside.h - the parts of the PostgreSQL store as they see each other. Nobody outside src/store/postgres*.c includes this.
 *
 *	postgres.c          opening and closing, store time, the probe, imports and purges
 *	postgres_commit.c   a group as one SQL transaction; what became of a commit whose answer was lost
 *	postgres_group.c    a group judged in memory: no SQL
 *	postgres_read.c     readers
 *	postgres_schema.c   the schema's numbered steps      postgres_views.c   views for people who write SQL
 *	postgres_pool.c     sessions in a pool               postgres_clock.c   what the server's clock says now
 *	postgres_session.c  one session: settings, deadlines postgres_query.c   the statements      postgres_pack.c   values in and out
 */
#ifndef STORE_POSTGRES_INSIDE_H
#define STORE_POSTGRES_INSIDE_H
#include "store/backend.h"
#include "store/postgres_session.h"
#include <pthread.h>
#include <stdatomic.h>

/* CALL_US: no call takes longer, whatever the network does, so that an alert is refused within 5 s. POOL_MAX: sessions of one process; each is a process of the server. */
enum { CALL_US = 4500000, POOL_MAX = 8, RETRY_MS = 250 };

/* postgres_clock.c: store time is the server's clock, carried on between two looks at it by the boot clock. The difference of the two is known
 * as an interval: the server's answer was made between question and answer. */
struct postgres_clock {
	struct store_clock clock;
	pthread_mutex_t lock;
	int64_t least, most;     /* the server's time minus boot time is between these ... */
	int64_t seen_at;         /* ... as of this boot time */
	int64_t last;            /* the latest answer: none is ever less */
};
void postgres_clock_init(struct postgres_clock *c, struct store_clock clock);
void postgres_clock_done(struct postgres_clock *c);
int64_t postgres_clock_boot(const struct postgres_clock *c);
void postgres_clock_note(struct postgres_clock *c, int64_t asked_at, int64_t server_ms);
bool postgres_clock_is_old(struct postgres_clock *c);
bool postgres_clock_is_set_back(struct postgres_clock *c);     /* for certain, and by more than may be waited for */
void postgres_clock_read(struct postgres_clock *c, int64_t *ret_ms, int64_t *ret_err_ms);

/* postgres_pool.c */
struct pool {
	struct postgres_target target;
	pthread_t connector;
	pthread_mutex_t lock;            /* guards what follows */
	pthread_cond_t wanted;           /* the connector waits for it */
	pthread_condattr_t monotonic;
	struct session *idle;
	struct waiter *first, **last;    /* threads that wait for one, in the order they came */
	size_t n;                        /* sessions there are or are being made */
	unsigned epoch;                  /* sessions made before the last loss are not trusted any more */
	bool is_down, is_ending;
	_Atomic uint64_t timeline;       /* of the server that was connected to last, if it says */
};
/* Takes over `first`. 0, or an errno: no thread can be had. */
int pool_start(struct pool *p, struct session *first) MUST_USE;
void pool_end(struct pool *p);
/* A session whose deadline is set; STORE_DOWN: there is no connection and was none a moment ago; STORE_BUSY: none came free in time. */
enum store_rc pool_take(struct pool *p, int64_t until_us, struct session **ret);
void pool_give(struct pool *p, struct session *s);
bool pool_is_up(struct pool *p);

struct postgres {
	struct store head;
	struct pool pool;
	struct postgres_clock clock;
	unsigned shards;
	bool has_quorum;
	char version[32];
	atomic_bool is_fenced;           /* the schema asks for a newer program, or the server's clock was set back far */
};
static inline struct postgres *postgres(struct store *s)
{
	return (struct postgres *)s;
}

/* One statement that reads, or that may be repeated: in a session of its own, once more on another if the first one turns out to be dead. */
enum store_rc postgres_ask(struct postgres *p, enum postgres_query q, const struct args *a, int64_t until_us, PGresult **ret);
/* Notes time and the oldest program that may write, columns 0 and 1 of an answer. STORE_FENCED: we are older. */
enum store_rc postgres_note(struct postgres *p, const PGresult *r, int64_t asked_at);

/* postgres_schema.c. The session is not prepared yet. */
enum { POSTGRES_SCHEMA = 3 };
struct postgres_state { int64_t schema, least, shards, kinds; };
enum store_rc schema_enter(struct session *s, const char *schema, const struct store_options *o, struct postgres_state *ret, struct buf *why);
enum store_rc schema_target(const struct store_options *o, struct postgres_target *ret, struct buf *why);
void schema_target_free(struct postgres_target *t);
/* postgres_views.c: SQL that makes and drops the views of the kinds. */
void views_up(struct buf *sql, const char *schema, const struct store_kind_def *kinds, size_t n);
void views_down(struct buf *sql, const char *schema, const struct store_kind_def *kinds, size_t n);
void views_names(struct buf *names, const struct store_kind_def *kinds, size_t n);     /* rows of name and columns */

/* The checksum of a document: everything but its shard, which follows from the id. */
uint32_t postgres_crc(const struct store_doc *d);

/* postgres_group.c: a group judged in memory. A slot is one document that the group names. */
struct slot {
	store_kind kind;
	struct str id;
	bool is_changed;                 /* somebody wants to write it, not only to check it */
	bool is_presumed;                /* absent, because the first who names it would create it: not looked at */
	bool is_relied_on;               /* a member that holds relies on its having been absent */
	uint64_t was, ver;               /* version in the store, and after the members so far */
	struct store_token token;
	const struct store_write *last;  /* what stands in it now; NULL: what was there, or nothing */
};
struct group {
	const struct store_txn *txns;
	size_t n, n_slots;
	struct slot *slot;               /* by kind and id */
	uint32_t *slot_of;               /* of every write, member after member */
	bool *was_there;                 /* members whose token was in the store before */
};
void group_init(struct group *g, const struct store_txn *txns, size_t n);
void group_done(struct group *g);
void group_begin(struct group *g, bool is_careful);           /* forget; careful: presume nothing */
bool group_judge(struct group *g, struct store_result *results);      /* false: a member failed or was there before */
/* What is to be done about a slot. */
enum slot_fate { SLOT_STAYS, SLOT_IS_CREATED, SLOT_IS_CHANGED, SLOT_IS_DELETED, SLOT_IS_HELD };   /* held: kept absent until the end */
enum slot_fate slot_fate(const struct slot *s);
struct store_doc slot_doc(const struct slot *s);              /* as it will be, of one that is created or changed */

/* Slots of struct store_ops. */
enum store_rc postgres_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out);
enum store_rc postgres_due(struct store *s, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le, size_t limit,
    struct store_docs *out);
enum store_rc postgres_list(struct store *s, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending, size_t limit,
    struct store_docs *out);
enum store_rc postgres_scan(struct store *s, store_kind kind, unsigned shard, struct str cursor, size_t limit, struct store_docs *out);
void postgres_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n);
#endif
