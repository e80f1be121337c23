/* inside.h - the engine's own state, shared by its parts: intake, timekeeper, courier, numbers, replicas, janitor. Inside engine/ only. */
#ifndef ENGINE_INSIDE_H
#define ENGINE_INSIDE_H
#include "core/share.h"
#include "engine/batch.h"
#include "engine/upcoming.h"

/* Incident numbers nobody else has: a block reserved by a commit of its own, so that batches never meet on one counter. */
struct numbers {
	int64_t next, end, last_reserved_ms, last_block;
	enum store_rc step_rc;           /* why there is none in this step: asked once, not for every command */
};

/* This replica's own document, and the memory of the others' names. */
struct replicas {
	struct arena mem;
	uint64_t ver;                    /* of our document; counts when it is known */
	bool is_ver_known;
	int64_t started_ms, shown_ms, next_ms;   /* store time of our first sign of life, of the latest that was stored, and of the next one */
};

/* Jobs that must be tried again later (the store was busy, or somebody else wrote first). */
struct waiting { struct job *job; int64_t try_at_ms; };
struct waiting_list { struct waiting *v; size_t n, cap; };
/* A due page as it was found: what its claim is decided on. */
struct found { struct store_doc doc; const struct page *page; };
struct claimed { struct str page, incident; int64_t attempt; };
struct job_list { struct job **v; size_t n, cap; };

/* Where the walks over what may be forgotten are. */
struct janitor {
	int64_t next_ms, next_sweep_ms;  /* store time of the next look, 0: not yet set; of the next one at alerts */
	bool has_more;                   /* the last one did not get to its end */
	char after[64];                  /* resolved incidents: the key to go on from */
	unsigned shard;                  /* alerts: the scan's place */
	char cursor[STORE_KEY_MAX + 1];
	struct arena mem;                /* of one document */
};

struct engine {
	struct env env;
	const struct setup *setup;
	struct rng rng;
	struct store_info store_info;
	struct batch batch;
	struct numbers numbers;
	struct replicas replicas;
	struct crew crew;                /* who else works on this store, as far as we know */
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
	int64_t next_page_ms;            /* for due pages; */
	struct upcoming timers, pages;   /* what is known to become due before that, and is ours */
	bool is_short_of_room;           /* a page that is due had no room, and is not among them */
	int64_t room_ms;                 /* store time at which those that were put aside for want of room are looked through again */
	bool hides_more_timers;          /* the last look was filled up by what is due, some of it ours */
	bool hides_more_pages;           /* so was that one, and what was ours of it could go out */
	bool was_look;                   /* for pages, in the step before: what is known comes first now */
	struct janitor janitor;
#ifdef MUT
	int64_t cursor_ms;               /* of those who believe a due index may be read on from where they were */
#endif
	size_t page_scan, timer_scan;    /* how much of what is due to look at; grows while the first of it is not for us, or has no room */
	int64_t climb_ms;                /* store time before which no look goes far behind a crowd that trickles out */
	int64_t deep_page_ms;            /* store time before which only the first pages are looked at, however far page_scan reaches */
	int64_t next_beyond_log_ms;      /* store time before which a document that a newer program wrote is not spoken of again */
};

/* What another replica has written must be found by looking: soon enough for its pages, often enough for every slot of share.h. */
enum { LOOK_AHEAD_MS = 5000, LOOK_AMONG_OTHERS_MS = 1000, JANITOR_AFTER_MS = 10 * 1000, JANITOR_EVERY_MS = 60 * 1000,
	SWEEP_EVERY_MS = 10 * 60 * 1000, BUSY_JOBS = 8, BUSY_MS = 50, CLAIMS_MAX = 128, CALM_MS = 3000 };

/* Counts what a committed member did. */
void engine_count(struct engine *e, const struct member *x);
/* What was committed and becomes due before the next look is remembered, or makes that look earlier. */
void engine_expect(struct engine *e, const struct batch *b);
void engine_saw(struct engine *e, enum store_rc rc);         /* remembers the health of the store */
void engine_fresh_id(struct engine *e, char out[37]);
void engine_log(struct engine *e, enum log_level level, struct str incident, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* When to look again at the latest for what is due. */
int64_t engine_look_ahead_ms(const struct engine *e);
/* Is this ours to take now? page: NULL for a level; due_ms: since when it is due. See share.h. */
bool engine_is_mine(const struct engine *e, struct str incident, const struct page *page, int64_t due_ms);
/* One document in a commit of its own, expected at this version; asked again, `tries` times in all, while the result is unknown. */
enum store_rc engine_put(struct engine *e, enum kind kind, struct str id, const void *obj, uint64_t expect, int64_t expire, int tries);
/* A document that a newer program wrote is left to the replicas that run it. Said once a minute. */
void engine_beyond(struct engine *e, enum kind kind, struct str id);

void engine_todo(struct engine *e, struct job *j);
/* A job of the engine itself: nobody waits for its answer, owner is NULL, and it is freed when it ends. `id` is copied behind it; so is note. */
struct job *engine_own_job(struct engine *e, enum command_kind kind, struct str id, struct str note);

/* intake.c: everything to do -> batches -> one group commit each -> answers; what must wait goes to e->waiting. */
void intake_waiting(struct engine *e);                       /* those whose pause is over become things to do */
void intake(struct engine *e);
void intake_expire(struct engine *e);                        /* those whose time is over are told so, without the store */
/* numbers.c: at least one number is at hand afterwards, or why not. wanted: how many may be needed soon. */
enum store_rc numbers_need(struct engine *e, size_t wanted);
/* replicas.c: a sign of life, and who else there is. */
void replicas_beat(struct engine *e);
/* timekeeper.c: due incidents become things to do. */
void timekeeper_look(struct engine *e);
void timekeeper_expect(struct engine *e, const struct dated *d);
/* janitor.c: what is long over is forgotten, a little each minute. */
void janitor_step(struct engine *e);
/* courier.c: ends of attempts and due pages become things to do; what was claimed is sent after the commit. */
void courier_settle(struct engine *e, struct delivery **sent, size_t n);
void courier_look(struct engine *e);
void courier_expect(struct engine *e, const struct dated *d);
void courier_send(struct engine *e);
#endif
