/* inside.h - the engine's own state, shared by its parts: intake, timekeeper, courier, numbers. Inside engine/ only. */
#ifndef ENGINE_INSIDE_H
#define ENGINE_INSIDE_H
#include "engine/batch.h"

/* Incident numbers nobody else has: a block reserved by a commit of its own, so that batches never meet on one counter. */
struct numbers {
	int64_t next, end, last_reserved_ms, last_block;
	enum store_rc step_rc;           /* why there is none in this step: asked once, not for every command */
};

/* Jobs that must be tried again later (the store was busy, or somebody else wrote first). */
struct waiting { struct job *job; int64_t try_at_ms; };
struct waiting_list { struct waiting *v; size_t n, cap; };
/* A due page as it was found: what its claim is decided on. */
struct found { struct store_doc doc; const struct page *page; };
struct claimed { struct str page, incident; };
struct job_list { struct job **v; size_t n, cap; };

struct engine {
	struct env env;
	const struct setup *setup;
	struct rng rng;
	struct store_info store_info;
	struct batch batch;
	struct numbers numbers;
	struct waiting_list waiting;
	struct job_list todo;            /* of this step, in the order in which it is decided */
	struct arena step_mem;           /* what lives for one step */
	struct found *found;             /* due pages of this step that are to be claimed */
	size_t n_found;
	struct claimed *claimed;         /* pages of this step that may be sent now */
	size_t n_claimed;
	struct metrics metrics;
	enum store_rc health;
	int64_t fault_mono_ms;           /* when a call of the store last failed */
	bool is_quiet, is_draining, is_busy;       /* busy: many commands came at once, a moment ago; pages then take a smaller share of the steps */
	int64_t busy_until_ms;
	int64_t reign;                   /* of a standby that leads; 0: of nobody's */
	size_t sends_out;                /* deliveries the shell has */
	int64_t mono_ms, now_ms, now_err_ms;     /* of this step */
	uint64_t id_sequence;            /* orders ids made in one millisecond */
	int64_t id_ms;
	int64_t next_timer_ms;           /* store time of the next look for due incidents, */
	int64_t next_page_ms;            /* for due pages, */
	int64_t next_purge_ms;           /* for what may be forgotten */
#ifdef MUT
	int64_t cursor_ms;               /* of those who believe a due index may be read on from where they were */
#endif
	size_t page_scan;                /* how many due pages to look at; grows while the first ones have no room */
};

enum { LOOK_AHEAD_MS = 5000, PURGE_EVERY_MS = 60 * 1000, REPLY_WITHIN_MS = 5000, BUSY_JOBS = 8, BUSY_MS = 50, CLAIMS_MAX = 128,
	CALM_MS = 3000 };

/* Counts what a committed member did. */
void engine_count(struct engine *e, const struct member *x);
/* What was written and is due makes the next look earlier. */
void engine_wake_for(struct engine *e, const struct batch *b);
void engine_saw(struct engine *e, enum store_rc rc);         /* remembers the health of the store */
void engine_fresh_id(struct engine *e, char out[37]);
void engine_log(struct engine *e, enum log_level level, struct str incident, const char *fmt, ...) PRINTF_LIKE(4, 5);

void engine_todo(struct engine *e, struct job *j);
/* A job of the engine itself: nobody waits for its answer, owner is NULL, and it is freed when it ends. `id` is copied behind it; so is reason. */
struct job *engine_own_job(struct engine *e, enum command_kind kind, struct str id, struct str reason);

/* intake.c: everything to do -> batches -> one group commit each -> answers; what must wait goes to e->waiting. */
void intake_waiting(struct engine *e);                       /* those whose pause is over become things to do */
void intake(struct engine *e);
void intake_expire(struct engine *e);                        /* those whose time is over are told so, without the store */
/* numbers.c: at least one number is at hand afterwards, or why not. wanted: how many may be needed soon. */
enum store_rc numbers_need(struct engine *e, size_t wanted);
/* timekeeper.c: due incidents become things to do; what is long over is forgotten. */
void timekeeper_look(struct engine *e);
void janitor_step(struct engine *e);
/* courier.c: ends of attempts and due pages become things to do; what was claimed is sent after the commit. */
void courier_settle(struct engine *e, struct delivery **sent, size_t n);
void courier_look(struct engine *e);
void courier_send(struct engine *e);
#endif
