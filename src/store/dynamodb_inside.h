/* dynamodb_inside.h - the dynamodb backend in its parts:
 *
 *   dynamodb.c         opening, the small slots, what belongs together
 *   dynamodb_table.c   the table, its indexes, and the item that says how it is laid out
 *   dynamodb_commit.c  transactions and imports
 *   dynamodb_read.c    get, due, list, scan, and purge, which reads before it deletes
 *   dynamodb_run.c     many requests at once: connections, signatures, second tries
 *   dynamodb_reply.c   what an answer means        dynamodb_item.c   documents as items       (both pure)
 */
#ifndef STORE_DYNAMODB_INSIDE_H
#define STORE_DYNAMODB_INSIDE_H
#include "store/aws_credentials.h"
#include "store/backend.h"
#include "store/dateclock.h"
#include "store/dynamodb_item.h"
#include "store/dynamodb_reply.h"
#include "store/http.h"
#include <pthread.h>
#include <stdatomic.h>

enum { DYNAMODB_SCHEMA = 1, DYNAMODB_SHARDS = 16 };
enum {
	RUN_MS = 4500,                   /* the longest that a call waits for a service that does not answer */
	RUN_TRY_MS = 2500,               /* of which one try has so much, */
	RUN_TRY_MIN_MS = 100,            /* and at least so much, or it is not begun */
	RUN_FAIR_MS = 1000,              /* silence for so long says that the service is not there; for less it says nothing */
	RUN_BUSY_MS = 1000,              /* the longest that is tried again when the service is busy */
	RUN_PAUSE_MS = 25, RUN_PAUSE_MAX_MS = 400,    /* before the next try: a random part of this, doubled each time */
	RUN_DOWN_MS = 500,               /* after nobody was reached, so long nobody is asked */
	RUN_CONNECTIONS = 64, RUN_CREWS = 8,
	RUN_ANSWER_MAX = 80 << 20,       /* a page of the largest documents, escaped */
};

struct crew;
struct dynamodb {
	struct store head;
	struct item_layout layout;       /* its table is ours */
	char *url, *region;
	struct dateclock time;
	struct aws_chain *chain;
	pthread_mutex_t lock;            /* guards what follows */
	struct crew *idle;
	size_t n_idle;
	uint64_t seed;                   /* counts up */
	atomic_llong down_until_ms;      /* monotonic */
};

/* How a call ended. */
enum call_end {
	CALL_DONE, CALL_REFUSED,         /* the service's word: reply */
	CALL_BUSY,                       /* it did nothing */
	CALL_DOWN,                       /* nobody was reached, it was not sent: reply.message says why */
	CALL_LOST                        /* it may have been done, and may yet be */
};

/* One request, tried until it has an end. Zero it, then set op and text. */
struct call {
	const char *op;                  /* "GetItem" */
	struct buf text;                 /* its JSON; empty: run.write makes it when its turn comes. Born with its limit here or there */
	unsigned waits;                  /* for the end of so many others: it stays back while this is not 0 */
	struct arena *mem;               /* where answers go; NULL: its own */

	enum call_end end;
	struct reply reply;
	bool is_open;                    /* an earlier try was sent and never answered: it may have been applied */
	struct arena own;

	/* For dynamodb_run.c. */
	int state;
	unsigned n_tries;
	bool has_signed_again, has_other_keys;
	int64_t not_before_ms, busy_since_ms;
};

/* What a call does after it ended. CALL_GOES_ON: as a new one, with the text it has now: the next page, the next question. CALL_WAITS: the same
 * after a pause, as when the service had said that it is busy; only of a call that is CALL_DONE. */
enum call_next { CALL_STOPS, CALL_GOES_ON, CALL_WAITS };

/* Many calls at once. done is called with each that has ended, in any order, on the thread that runs. It may count down the waits of others. */
struct run {
	struct call *v;
	size_t n;
	void *ctx;
	void (*write)(void *ctx, struct call *c);
	enum call_next (*done)(void *ctx, struct call *c);
	bool is_long;                    /* RUN_MS counts from the last answer: for reads of many pages */
};
void dynamodb_run(struct dynamodb *d, struct run *r);
void call_done(struct call *c);                               /* frees it */
enum call_end dynamodb_ask(struct dynamodb *d, struct call *c);       /* one alone */
void dynamodb_crews_free(struct dynamodb *d);
uint64_t dynamodb_nonce(struct dynamodb *d);                   /* another number each time, never 0 */

/* What the end of a call means that asks and changes nothing. */
enum store_rc call_rc(const struct call *c);

/* "DynamoDB table ... : what went wrong; what to do." */
enum store_rc dynamodb_say(const struct dynamodb *d, const struct call *c, struct buf *why);

/* The item that describes the store. have 0: there is none, or no table. *ret_shards: of the store there is. */
enum store_rc dynamodb_look(struct dynamodb *d, struct store_schema *ret, unsigned *ret_shards, struct buf *why);
/* Makes what is not there: table, indexes, that item. */
enum store_rc dynamodb_make(struct dynamodb *d, unsigned shards, struct buf *why);

void dynamodb_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n);
enum store_rc dynamodb_import(struct store *s, const struct store_doc *docs, size_t n);
enum store_rc dynamodb_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out);
enum store_rc dynamodb_due(struct store *s, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le, size_t limit,
    struct store_docs *out);
enum store_rc dynamodb_list(struct store *s, store_kind kind, int idx, struct str lo, struct str hi,
    bool is_descending, size_t limit, struct store_docs *out);
enum store_rc dynamodb_scan(struct store *s, store_kind kind, unsigned shard, struct str cursor, size_t limit,
    struct store_docs *out);
enum store_rc dynamodb_purge(struct store *s, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done);
#endif
