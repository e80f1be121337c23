/* sim.h - the whole engine on a fake world: hours of on-call life in milliseconds, from one seed.
 *
 * One thread, one heap of things to happen, ordered by virtual time and then by the order in which they were asked for. The replicas run the
 * production engine and core; store, clock, providers, senders and people are played here. A call to the store takes time: while it
 * lasts the world goes on, so other replicas, people and providers act between any two operations of a step.
 *
 *	options.c       what may go wrong in this run, drawn from the seed
 *	queue.c         virtual time
 *	streams.c       one row of random numbers per class of faults, so that one class can be left out without touching the others
 *	world_store.c   the store: shared state, a handle with faults per replica
 *	replica.c       engines: started, stepped, crashed, paused, drained
 *	provider.c      the way out of a page and the faults of those who deliver it
 *	scenario.c      services, policies, users; edited while incidents run
 *	clients.c       alert senders; humans.c people who are paged
 *	history.c       everything that happens, as one stream that the checkers read
 *	check_*.c       the invariants; they share no code with the server
 *	run.c           the phases of one run; campaign.c many runs; sweep.c one fault at every place; shrink.c a failing run made small
 *
 * Times are virtual milliseconds UTC. Store time is virtual time.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H
#include "base/rng.h"
#include "engine/engine.h"

enum { REPLICAS_MAX = 5, SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };
#define SIM_START INT64_C(1767225600000)             /* 2026-01-01T00:00:00Z */

/* clang-format off */
#define INVARIANTS(X) \
	X(I0,  "the machinery makes progress and nobody aborts") \
	X(I1,  "accepted is durable") \
	X(I2,  "accepted is attributed to exactly one incident") \
	X(I3,  "a refusal has no effect, a failure at most one") \
	X(I4,  "one next deadline") \
	X(I5,  "a level is not late") \
	X(I6,  "a level is not early") \
	X(I7,  "levels in order, from the policy as it was") \
	X(I8,  "a level owes all its pages in its own commit") \
	X(I9,  "what is owed ends") \
	X(I10, "no page that was not owed and claimed") \
	X(I11, "at least once, and bounded") \
	X(I12, "silence after an acknowledgement") \
	X(I13, "an acknowledgement stays") \
	X(I14, "an acknowledgement beats a level") \
	X(I15, "versions: no lost update") \
	X(I16, "all or nothing") \
	X(I17, "one open incident per key") \
	X(I18, "the same request twice has one effect") \
	X(I19, "clocks of replicas fire nothing early or late") \
	X(I20, "one claim at a time") \
	X(I21, "everything needed is in the store") \
	X(I25, "every change is in the timeline, in the same commit") \
	X(I26, "the same seed gives the same history") \
	X(I27, "purging spares what is alive")

/* unit of the rate, least and most of it; per hour in thousandths, everything else in a million tries. */
enum unit { PER_COMMIT, PER_READ, PER_CALL, PER_SEND, PER_ANSWER, PER_HOUR };
#define FAULTS(X) \
	X(F_BUSY,         "busy",         PER_CALL,   2000, 100000, "the store says BUSY, nothing was applied") \
	X(F_DOWN,         "down",         PER_CALL,   2000, 100000, "the store says DOWN, nothing was applied") \
	X(F_LOST,         "lost",         PER_COMMIT, 2000, 200000, "applied, the answer is UNKNOWN") \
	X(F_NOT_APPLIED,  "not-applied",  PER_COMMIT, 2000, 100000, "not applied, the answer is UNKNOWN") \
	X(F_LATE,         "late",         PER_COMMIT,  500,  30000, "the answer is UNKNOWN, applied up to 60 s later") \
	X(F_MEET,         "meet",         PER_CALL,  20000, 500000, "takes up to 40 ms before or after it is applied") \
	X(F_SLOW,         "slow",         PER_CALL,    500,  30000, "takes 0.2 to 6 s") \
	X(F_STALL,        "stall",        PER_CALL,     10,   1000, "takes 60 s") \
	X(F_STALE_LIST,   "stale-list",   PER_READ,  10000, 500000, "a listing leaves out the newest documents") \
	X(F_CRASH_BEFORE, "crash-before", PER_COMMIT,  100,  10000, "the replica dies before the commit is applied") \
	X(F_CRASH_AFTER,  "crash-after",  PER_COMMIT,  100,  10000, "the replica dies after it was applied, before it hears so") \
	X(F_BLACKOUT,     "blackout",     PER_COMMIT,   20,    400, "the store goes down right after a commit, for 1 to 40 min") \
	X(F_CRASH_REPLY,  "crash-reply",  PER_ANSWER,  100,  10000, "the replica dies right after an answer or a send") \
	X(F_CLIENT,       "client",       PER_ANSWER, 1000, 100000, "the answer never reaches the client") \
	X(F_FULL,         "full",         PER_HOUR,     20,    500, "the store is full for 10 s to 20 min") \
	X(F_OUTAGE,       "outage",       PER_HOUR,     20,    500, "the store is down for 1 s to 30 min, rarely 3 h") \
	X(F_CUT,          "cut",          PER_HOUR,    200,   4000, "a replica is cut from the store: requests, answers or both") \
	X(F_PAUSE,        "pause",        PER_HOUR,    200,   6000, "a replica stands still for 1 to 120 s") \
	X(F_CRASH,        "crash",        PER_HOUR,    200,   6000, "a replica dies, rarely all of them") \
	X(F_DRAIN,        "drain",        PER_HOUR,    200,   4000, "a replica is stopped in order and started again") \
	X(F_CLOCK,        "clock",        PER_HOUR,    500,  20000, "what a replica believes the time to be jumps, within what it says") \
	X(F_EDIT,         "edit",         PER_HOUR,    200,   6000, "the configuration changes while incidents run") \
	X(F_429,          "429",          PER_SEND,   3000, 400000, "provider: too many requests, with or without Retry-After") \
	X(F_5XX,          "5xx",          PER_SEND,   3000, 400000, "provider: its own error") \
	X(F_4XX,          "4xx",          PER_SEND,   3000,  50000, "provider: refused for good") \
	X(F_CONNECT,      "connect",      PER_SEND,   3000, 400000, "provider: no connection") \
	X(F_ACCEPT_LOST,  "accept-lost",  PER_SEND,   3000, 200000, "provider: accepted, and the answer lost") \
	X(F_TWICE,        "twice",        PER_SEND,   3000, 100000, "provider: delivers it twice") \
	X(F_LIE,          "lie",          PER_SEND,   3000, 100000, "provider: says delivered and drops it") \
	X(F_SLOW_SEND,    "slow-send",    PER_SEND,   3000, 100000, "provider: answers after up to 30 s") \
	X(F_LINGER,       "linger",       PER_SEND,   3000, 100000, "the page waits up to 2 s before its send begins")

/* What senders and people do besides; each is in this run or not. */
#define HABITS(X) \
	X(H_BURST,  "bursts of the same key within 25 ms, to different replicas") \
	X(H_FLAP,   "triggers and resolves in turn") \
	X(H_NO_KEY, "triggers without a key") \
	X(H_IDEM,   "idempotency keys on retries") \
	X(H_SOURCE, "sources acknowledge and resolve") \
	X(H_PEOPLE, "people answer pages") \
	X(H_LAST,   "people acknowledge in the moment the next level begins") \
	X(H_UNDO,   "people un-acknowledge, do things twice and at once") \
	X(H_PURGE,  "documents are kept for an hour only")
/* clang-format on */

#define FIRST_OF(v, ...) v,
enum invariant { INVARIANTS(FIRST_OF) INVARIANT_COUNT };
enum fault_class { FAULTS(FIRST_OF) FAULT_COUNT };
enum habit { HABITS(FIRST_OF) HABIT_COUNT };
struct invariant_row { const char *name, *doc; };
struct fault_row { const char *name; enum unit unit; uint32_t least, most; const char *doc; };
struct habit_row { const char *name, *doc; };
extern const struct invariant_row invariants[INVARIANT_COUNT];
extern const struct fault_row faults[FAULT_COUNT];
extern const struct habit_row habits[HABIT_COUNT];

/* One firing of a fault: the n-th of its class, counted from 1. Shrinking drops them one by one. */
struct firing { enum fault_class c; uint32_t n; };

struct options {
	uint64_t seed;
	int replicas;
	unsigned shards;
	int stories;                                     /* troubles that senders report */
	int64_t length_ms;                               /* of the phase with faults */
	uint32_t rate[FAULT_COUNT];                      /* 0: this class is off */
	bool habit[HABIT_COUNT];
	const struct firing *dropped;                    /* these do not fire */
	size_t n_dropped;
	const bool *story_dropped;                       /* [stories], or NULL */
	bool is_small;                                   /* the scenario of the sweep: short time-outs, few troubles, no random faults */
	enum fault_class once;                           /* sweep: this fault fires once, */
	int64_t once_at;                                 /* at the n-th place where it can; 0: never */
	bool is_verbose, is_hashed;
	int64_t told_from;                               /* verbose: what happened before this is passed over */
};
void options_swarm(struct options *o, uint64_t seed);
void options_small(struct options *o, uint64_t seed);
void options_print(const struct options *o);

/* What one run found. */
struct finding {
	uint64_t seed, hash;
	bool is_bad;
	enum invariant broken;
	char text[480];
	uint64_t exercised[INVARIANT_COUNT], fired[FAULT_COUNT];
	uint64_t incidents, pages, events, commits, steps;
	int64_t virtual_ms;
	int64_t places;                                  /* sweep: at how many places the fault could have struck */
};
struct finding run(const struct options *o, struct firing **ret_fired, size_t *ret_n);   /* ret_fired may be NULL */

void write_text(char *out, size_t cap, const char *fmt, ...) PRINTF_LIKE(3, 4);  /* asserts that it fits */

/* --- virtual time --- */
struct sim;
typedef void happen_f(struct sim *s, void *who, int64_t n);
struct todo { int64_t at; uint64_t seq; happen_f *fn; void *who; int64_t n; };
struct queue { struct todo *v; size_t n, cap; uint64_t seq; };
void sim_at(struct sim *s, int64_t at, happen_f *fn, void *who, int64_t n);
void sim_until(struct sim *s, int64_t t);            /* everything that is to happen up to t, then it is t; may be nested */
void queue_free(struct queue *q);

/* --- chance --- */
struct stream { struct rng rng; int64_t gap; uint32_t fired; };
void streams_open(struct sim *s);
bool fault(struct sim *s, enum fault_class c);       /* does it strike here? */
bool fault_may(struct sim *s, enum fault_class c);   /* the same for those that come by the hour: only counts and asks the list */
int64_t fault_draw(struct sim *s, enum fault_class c, int64_t lo, int64_t hi);   /* from the class's own row */
int64_t fault_next(struct sim *s, enum fault_class c, int64_t now);              /* PER_HOUR: when it comes next */

/* --- configuration --- */
enum { LEVELS_MAX = 5, TARGETS_MAX = 4, USERS = 8, SERVICES = 6, POLICIES = 6, INTEGRATIONS = 3, CONFIGS_MAX = 64 };
struct plan_policy {
	char id[16], ref[64];
	int n_levels, n_exhausted, repeat;
	struct { int n_targets; int targets[TARGETS_MAX]; int64_t timeout; } levels[LEVELS_MAX];
	int exhausted[TARGETS_MAX];                      /* numbers into config.target */
};
struct plan_user { char id[16], email[40], hook[40], sms[40]; bool is_there; };
struct plan_service { char id[16]; int policy; bool is_grouped; int64_t ack_timeout; };
struct plan {                                            /* what the configuration says, in the words of the simulator */
	struct plan_policy policy[POLICIES];
	struct plan_user user[USERS];
	struct plan_service service[SERVICES];
};
struct config { int number; struct plan plan; struct world world; struct outlet *outlets; size_t n_outlets; };
struct config *config_first(struct sim *s);
struct config *config_edited(struct sim *s, const struct config *old);
const struct plan_policy *plan_by_ref(struct sim *s, struct str ref);            /* of any configuration so far */
int plan_service_index(struct str id);
/* Where target t leads under this plan: "channel:address" texts; how many. */
enum { REACH_MAX = 4 };
int plan_reach(const struct plan *p, int target, char out[REACH_MAX][64]);
struct str plan_target_text(int target, char out[48]);

/* --- what clients ask --- */
enum want { WANT_TRIGGER, WANT_SOURCE_ACK, WANT_SOURCE_RESOLVE, WANT_ACK, WANT_RESOLVE, WANT_UNACK, WANT_NOTE, WANTS };
extern const char *const want_names[WANTS];
struct request {
	int id, first, tries;                            /* first: the id of the first try */
	int story;
	enum want want;
	int replica;
	unsigned life;
	bool is_answered;                                /* the client has heard, or has waited long enough */
	char marker[16], integration[16], service[16], key[40], idem[24], print[65], incident[40], actor[24];
	struct job job;
	struct { enum store_rc rc; enum outcome outcome; char incident[40], dedup_key[40]; int64_t version; bool is_there; } reply;
};
struct request *request_new(struct sim *s, enum want want);
void request_send(struct sim *s, struct request *q);
void request_answered(struct sim *s, struct request *q);
bool request_accepted(const struct request *q);      /* 2xx */
void clients_begin(struct sim *s);
void humans_see(struct sim *s, struct str incident, struct str address, struct str page);

/* --- replicas --- */
enum cut { CUT_NONE, CUT_REQUESTS, CUT_ANSWERS };
struct handle { struct store base; struct sim *s; int replica; unsigned life; uint64_t n_beats; };
struct jobs { struct job **v; size_t n, cap; };
struct deliveries { struct delivery **v; size_t n, cap; };
struct node {
	struct sim *s;
	int index;
	char name[16];                                   /* new with every life */
	unsigned life;
	struct engine *engine;                           /* NULL: not running */
	struct handle *handle;
	struct env env;
	struct setup setup;
	struct config *config;                           /* in force; what a decision of this replica rests on */
	bool is_stepping, is_dead, is_draining, is_wanted, is_to_reload, is_giving_up;
	uint64_t alarm;                                  /* number of the latest step that was asked for */
	int64_t same_ms, n_same;                         /* steps at one instant: an engine that spins */
	int64_t next_ms, step_began_ms, mono_base, paused_until, skew_ms, err_ms, trouble_at;
	enum cut cut;
	int64_t cut_until;
	struct jobs inbox, jobs_now;
	struct deliveries returned, returned_now, out;
	size_t waiting;                                  /* jobs given to the engine and not answered */
	bool did_something;
};
void replica_start(struct sim *s, void *who, int64_t ignored);
void replica_close(struct node *r);
void replica_name(char out[16], int index, unsigned life);
void replica_wake(struct node *r, int64_t at);
void replica_die(struct node *r, const char *why);     /* now, or as soon as its step returns */
void replica_post(struct node *r, struct job *j);
void replica_return(struct node *r, struct delivery *d);
void replica_reload(struct sim *s, void *who, int64_t ignored);
void replicas_plague(struct sim *s);                      /* the faults that come by the hour */

/* --- the store --- */
struct memory;
struct memory *memory_new(struct sim *s);
void memory_free(struct memory *m);
struct handle *handle_open(struct node *r);
extern const struct channel sim_channel;
void provider_send(struct node *r, struct delivery *d);
void provider_give_up(struct node *r);                /* its sends under way come back as given up */
void provider_close(struct sim *s);
void delivery_drop(struct delivery *d);

/* --- one run --- */
struct checks;
struct sim {
	struct options o;
	int64_t now, end;
	struct queue queue;
	struct stream stream[FAULT_COUNT];
	struct rng latency, workload, random;
	int depth;
	bool is_over, is_healed, is_restarted;
	int64_t all_down_until;
	struct firing *fired;
	size_t n_fired, cap_fired;
	struct node replica[REPLICAS_MAX];
	struct config *configs[CONFIGS_MAX];
	int n_configs;
	struct arena mem;
	struct request **requests;
	size_t n_requests, cap_requests;
	struct memory *memory;
	struct flight *flights;
	struct checks *checks;
	struct finding verdict;
	int64_t down_until, full_until;
	bool is_full_for_all;
};
#endif
