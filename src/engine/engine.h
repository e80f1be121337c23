/* engine.h - the order of things. One state machine per replica, stepped by a thread in production and by the
 * simulator in tests; it never blocks but in the store, and it meets the world only through struct env.
 *
 * One step: the commands given and what is due (levels, pages) -> decide each -> one group commit -> answer; claimed pages are read once more
 * and handed to env.send. Answers and sends come only after the commit they rest on.
 *
 *	intake      batch of commands, group commit, answers
 *	timekeeper  which incidents are due: asks the store every few seconds, and knows what it wrote itself
 *	courier     claims due pages, found or known in the same way, reads them again with their incident, sends, settles
 *	replicas    signs of life, where several replicas share the store
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H
#include "channels/channel.h"
#include "core/decide.h"
#include "engine/metrics.h"
#include "store/store.h"

enum { REPLY_WITHIN_MS = 5000 };         /* whoever asks is told by then, and may ask another replica */

/* The answer to a command. Texts live until env.reply returns. */
struct answer {
	enum outcome outcome;
	enum store_rc rc;                /* STORE_OK: durable, outcome counts. Else nothing is promised: 503, try again */
	struct str reason, dedup_key;
	const struct incident *incident; /* as committed; NULL: none concerned. .version is set */
};

/* A command on its way. The poster owns it until env.reply; everything it points at must live until then. */
struct job {
	struct command command;
	void *owner;                     /* the poster's, untouched */
	int64_t deadline_ms;             /* mono: past it the answer is STORE_BUSY instead of another try; 0: REPLY_WITHIN_MS from its first step on */
	int tries;                       /* the engine's */
	struct str note;                 /* the engine's, of its own: how a delivery ended, or the channel of a page to claim */
	bool is_alone;                   /* the engine's: not together with others, the transaction became too large */
	void (*answered)(struct job *j, const struct answer *a);   /* the shell's: who is told instead of the API; NULL: the API */
};

/* A page on its way out. Lives until engine_sent is called with it (in a later step, by the shell). */
struct delivery {
	struct arena mem;
	struct str page, channel;        /* ids */
	int64_t attempt;
	struct wire_request request;
	const struct channel *how;
	int64_t read_mono_ms;            /* when the incident was read: a send may start for 1 s after that, else it goes back as unsent */
	struct wire_reply reply;      /* the shell fills these in; texts in .mem */
	bool was_started;                /* false: given back unsent */
	bool was_given_up;               /* begun, and the process ends before it is known how it ended: whoever is next sends it again at once */
};

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* What the world must provide. */
struct env {
	void *ctx;
	struct store *store;
	int64_t (*mono_ms)(void *ctx);                           /* never jumps */
	void (*random)(void *ctx, void *out, size_t n);
	void (*reply)(void *ctx, struct job *j, const struct answer *a);
	void (*send)(void *ctx, struct delivery *d);             /* takes it over; gives it back through engine_step's sent[] */
	void (*log)(void *ctx, enum log_level level, struct str incident, const char *text);
	size_t (*send_room)(void *ctx, struct str channel);      /* how many more sends that channel takes now */
};

/* A configured channel: how and with which settings. */
struct outlet { struct str id; const struct channel *how; const void *settings; };
struct setup {                           /* immutable; swapped whole on reload */
	const struct world *world;
	const struct outlet *outlets;
	size_t n_outlets;
	struct str public_url;
	struct str replica;              /* this replica's name: nobody else's, and not that of an earlier life */
	struct str version;              /* of the program */
};

struct engine;
struct engine *engine_new(const struct env *env, const struct setup *setup);
void engine_free(struct engine *e);      /* claims in hand run out by themselves */

/* From now on this configuration counts. Writes the policy snapshots that new incidents will name. The old one may be freed after
 * the return. Not STORE_OK: the old one stays in force. */
enum store_rc engine_configure(struct engine *e, const struct setup *setup) MUST_USE;

/* One step. jobs: new commands; sent: deliveries that came back. Returns the mono time at which the engine wants its
 * next step even if nothing comes (never more than 5 s ahead). */
int64_t engine_step(struct engine *e, struct job **jobs, size_t n_jobs, struct delivery **sent, size_t n_sent);

/* The part of a standby. Quiet: nothing that is due is looked at, no level begins and no page is claimed; commands are decided as ever. reign: which
 * one incidents begin in; 0: none. From the next step on. */
void engine_play(struct engine *e, bool is_quiet, int64_t reign);

/* Drain: no new claims from now on. True when nothing is in hand (no job waiting, no delivery out). */
bool engine_drain(struct engine *e);
/* The last thing after a drain: takes this replica off the list of replicas. Tried once; whoever is not seen any more is gone anyway. */
void engine_leave(struct engine *e);

const struct metrics *engine_metrics(const struct engine *e);
enum store_rc engine_health(const struct engine *e);         /* STORE_OK, or the latest fault of the last few seconds: what /readyz says */
#endif
