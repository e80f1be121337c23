/* decide.h - what happens. decide(view, command, now) -> effects, and nothing else: no clock, no I/O, no randomness, no memory.
 *
 * Every change of the product goes through here: an alert comes in, a level is due, a person acknowledges, a page is
 * claimed, a page has an answer. The effects are whole documents to write; the engine commits them with the
 * versions that were read, and only then answers or sends. The simulator runs this same code.
 *
 * The life of an incident (every pair of state and event, pairs not listed are refusals):
 *
 *	            alert      acknowledge    unacknowledge  resolve     due
 *	detected    count      -> acknowledged  refused       -> resolved  next level
 *	acknowledged count     kept           -> detected     -> resolved  -> detected (ack_timeout)
 *	resolved    refused    refused        refused        refused     nothing
 *
 * A standby that takes over begins a new round of what is open, and of what was acknowledged goes on to the next level at once.
 *
 * (An alert whose incident is resolved opens a new incident, so the pair never meets the table.)
 */
#ifndef CORE_DECIDE_H
#define CORE_DECIDE_H
#include "core/world.h"
#include "model/event.h"

/* What decide may read: documents by id, decoded, as fresh as the store is; and the configuration. get returns NULL for "not
 * there". It may be called any number of times and answers the same within one decision. When the store cannot answer it sets
 * its own error and returns NULL; the engine then drops the effects. */
struct view {
	void *ctx;
	const void *(*get)(void *ctx, enum kind kind, struct str id);
	const struct world *world;
};

/* EVENT what a sender says; ACKNOWLEDGE..NOTE what a person does; TIMER an incident is due; CLAIM a page is due and this replica wants to
 * send it; SETTLE an attempt has ended; TOKEN_* keys to the API; TAKE_OVER a standby begins to lead; HAND_BACK one that led gives an incident back. */
enum command_kind { CMD_EVENT, CMD_ACKNOWLEDGE, CMD_RESOLVE, CMD_UNACKNOWLEDGE, CMD_NOTE, CMD_TIMER, CMD_CLAIM, CMD_SETTLE,
	CMD_TOKEN_CREATE, CMD_TOKEN_REVOKE, CMD_TAKE_OVER, CMD_HAND_BACK };

/* How an attempt to deliver ended. */
enum verdict { VERDICT_DELIVERED, VERDICT_RETRY, VERDICT_REFUSED, VERDICT_UNSENT };   /* UNSENT: the attempt never began */
struct settlement {
	enum verdict verdict;
	int64_t retry_after_ms;          /* what the provider asked for; 0: nothing */
	struct str reason;               /* what it said, for people */
	int64_t attempt;                 /* which attempt this is the end of: an answer to an older one is ignored */
};

struct command {
	enum command_kind kind;
	struct str incident;             /* all but EVENT, CLAIM, SETTLE: id */
	struct str page;                 /* CLAIM, SETTLE: id */
	struct event event;              /* EVENT; HAND_BACK: what opens it here when it is not known */
	struct str actor, via;           /* who and from where; for the timeline */
	struct str text;                 /* NOTE; RESOLVE: the root cause; TAKE_OVER: why; HAND_BACK: what happened there */
	struct strs steps;               /* RESOLVE, HAND_BACK */
	int64_t reign;                   /* TAKE_OVER: which one; an incident is taken over once in each. EVENT: in which it begins; 0: none */
	enum incident_status wants;      /* HAND_BACK: how it stands there, */
	struct str acted_by, root_cause; /* who acknowledged or resolved it there, and why it happened */
	int64_t expect;                  /* version the client saw (If-Match); 0: any */
	struct token token;              /* TOKEN_CREATE: all of it; TOKEN_REVOKE: the id */
	struct str owner;                /* this replica: the pages it writes are its to claim first */
	int64_t clock_err_ms;            /* TIMER, CLAIM: how far `now` may be ahead; nothing is due before now less this */
	struct settlement settlement;    /* SETTLE */
	struct str fresh_id;             /* EVENT, HAND_BACK: a UUID nobody has, for what may be created */
	int64_t fresh_number;            /* EVENT, HAND_BACK: a number nobody has; 0: there is none, so nothing can be opened */
	uint64_t jitter;                 /* SETTLE: any number, spreads retries */
};

/* clang-format off */
#define OUTCOME(X) \
	X(OUT_CREATED,   "created")            /* a new incident */ \
	X(OUT_FOLDED,    "folded")             /* counted on an open incident */ \
	X(OUT_DONE,      "done")               /* a person's or a source's action took effect */ \
	X(OUT_NOTHING,   "nothing to do")      /* accepted, and there was nothing to change: reason says why */ \
	X(OUT_CLAIMED,   "claimed")            /* the page may be sent after the commit */ \
	X(OUT_REFUSED,   "refused")            /* the state forbids it: reason says which */ \
	X(OUT_NOT_FOUND, "not found") \
	X(OUT_STALE,     "changed meanwhile")  /* expect was another version */ \
	X(OUT_INVALID,   "invalid")            /* reason says what; e.g. a service that does not exist, an idempotency key used for another request */
ENUM_TYPE(outcome, OUTCOME);
/* clang-format on */

struct effect {
	enum kind kind;
	struct str id;
	const void *obj;                 /* struct of that kind */
	int64_t due, expire;             /* INT64_MAX: none */
};
enum { EFFECTS_MAX = 128 };
struct ending {
	enum outcome outcome;
	struct str reason;               /* one sentence when there is something to explain */
	struct str incident;             /* the incident concerned, when there is one */
	struct str dedup_key;            /* EVENT: the key that counts from now on */
	bool used_fresh_number, lacks_number;
	bool rests_on_writes;            /* what was read and not written may change before the commit: it is looked at again before anything rests on it */
	bool has_resolved;               /* an incident ended */
	bool is_replay;                  /* the outcome is that of the same request before; nothing happened now */
	int64_t attempt;                 /* CLAIM: the one that may be sent after the commit */
	uint32_t pages_owed, levels_entered;
	uint32_t pages_ended[4];         /* by page_status */
};
struct effects {
	struct arena *a;                 /* everything below lives here */
	struct effect v[EFFECTS_MAX];
	size_t n;
	struct ending end;
};
void decide(const struct view *v, const struct command *c, int64_t now, struct effects *out);

/* Which documents a decision will read, so that those of many commands can be read in one go: what the command names, then what those documents
 * lead to. Only a hint: decide reads what it needs through the view all the same. */
struct need { enum kind kind; struct str id; };
enum { NEEDS_MAX = 3 };
size_t decide_needs(const struct world *w, const struct command *c, struct arena *a, struct need out[NEEDS_MAX]);
struct str decide_leads_to(enum kind kind, const void *obj); /* the incident it names; empty: none */

/* The table above, for tests and documentation. */
#define INCIDENT_EVENT(X) X(EV_ALERT, "alert") X(EV_ACKNOWLEDGE, "acknowledge") X(EV_UNACKNOWLEDGE, "unacknowledge") \
	X(EV_RESOLVE, "resolve") X(EV_DUE, "due") X(EV_TAKE_OVER, "take over")
ENUM_TYPE(incident_event, INCIDENT_EVENT);
enum { ACT_COUNT = 1, ACT_STOP_PAGING = 2, ACT_NEXT_LEVEL = 4, ACT_NEW_ROUND = 8, ACT_KEEP = 16 };
struct move { bool ok; enum incident_status to; unsigned acts; };
struct move incident_move(enum incident_status from, enum incident_event ev);

/* Retry of a page: 0, 5, 15, 30, 60 s after the attempts so far, then each 60 s, +-20 % jitter, never before retry_after. */
int64_t page_backoff_ms(int64_t attempts, int64_t retry_after_ms, uint64_t jitter);

/* An alert is named by integration, service and dedup key: two routing keys of one integration are two name spaces. */
struct str alert_id(struct arena *a, struct str integration, struct str service, struct str dedup_key);
struct str receipt_id(struct arena *a, struct str integration, struct str key);
struct str entry_id(struct arena *a, struct str incident, int64_t sequence);
struct str page_id(struct arena *a, struct str incident, int64_t round, int64_t level, size_t target, size_t rule);
#endif
