/* writer.c - see writer.h. */
#include "main/writer.h"
#include "io/clock.h"
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct jobs { struct job **v; size_t n, cap; };
struct deliveries { struct delivery **v; size_t n, cap; };
struct exchanges { struct exchange **v; size_t n, cap; };

struct writer {
	struct writer_env env;
	struct engine *engine;
	pthread_t thread;
	bool is_started;
	struct exchanges done;           /* of this round; the writer thread's own */
	_Atomic int health;
	_Atomic int64_t step_began_ms;   /* mono; 0: between steps */

	pthread_mutex_t lock;            /* guards all below */
	pthread_cond_t wake, changed;    /* wake: there is work; changed: the writer has looked at setup or drain */
	struct jobs jobs;
	struct deliveries sent;
	const struct setup *setup;       /* to put in force; NULL: none */
	enum store_rc setup_rc;
	bool wants_drain, is_drain_asked, is_drained, wants_stop;
	bool is_nudged;                  /* to look again, with nothing in the queue */
	bool is_quiet;                   /* for engine_play, with reign */
	int64_t reign;
};

#define PUSH(list, item) do { \
	if ((list)->n == (list)->cap) { \
		(list)->cap = (list)->cap ? (list)->cap * 2 : 64; \
		(list)->v = xrealloc((list)->v, (list)->cap * sizeof *(list)->v); \
	} \
	(list)->v[(list)->n++] = (item); \
} while (0)

/* Tells whoever posted it; the job may be gone afterwards. The exchange that is to be finished, or NULL. */
static struct exchange *tell(struct job *j, const struct answer *a)
{
	if (j->answered == NULL)
		return api_replied(j, a);
	j->answered(j, a);
	return NULL;
}

static void on_reply(void *ctx, struct job *j, const struct answer *a)
{
	struct writer *w = ctx;
	struct exchange *x = tell(j, a);
	if (x)
		PUSH(&w->done, x);
}

/* The engine speaks to one world; what is not the writer's own goes on to whom it belongs. */
static int64_t on_mono(void *ctx) { return ((struct writer *)ctx)->env.engine.mono_ms(((struct writer *)ctx)->env.ctx); }
static void on_random(void *ctx, void *out, size_t n) { ((struct writer *)ctx)->env.engine.random(((struct writer *)ctx)->env.ctx, out, n); }
static void on_send(void *ctx, struct delivery *d) { ((struct writer *)ctx)->env.engine.send(((struct writer *)ctx)->env.ctx, d); }
static size_t on_room(void *ctx, struct str channel)
{
	return ((struct writer *)ctx)->env.engine.send_room(((struct writer *)ctx)->env.ctx, channel);
}
static void on_log(void *ctx, enum log_level level, struct str incident, const char *text)
{
	((struct writer *)ctx)->env.engine.log(((struct writer *)ctx)->env.ctx, level, incident, text);
}

struct writer *writer_new(const struct writer_env *env, const struct setup *setup)
{
	struct writer *w = xmalloc(sizeof *w);
	pthread_condattr_t attr;
	memset(w, 0, sizeof *w);
	w->env = *env;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	struct env mine = { .ctx = w, .store = env->engine.store, .mono_ms = on_mono, .random = on_random, .reply = on_reply,
		.send = on_send, .log = on_log, .send_room = on_room };
	w->engine = engine_new(&mine, setup);
	w->setup = setup;
	return w;
}

/* What one round works on, taken whole. */
struct round { struct jobs jobs; struct deliveries sent; };

static bool has_work(const struct writer *w)
{
	return w->jobs.n > 0 || w->sent.n > 0 || w->setup != NULL || w->wants_stop || w->is_drain_asked || w->is_nudged;
}

static void wait_for_work(struct writer *w, int64_t until_ms)
{
	struct timespec at = { until_ms / 1000, until_ms % 1000 * 1000000 };
	while (!has_work(w))
		if (pthread_cond_timedwait(&w->wake, &w->lock, &at) != 0)
			return;
}

static void take(struct writer *w, struct round *r)
{
	struct round had = *r;
	r->jobs = w->jobs;
	r->sent = w->sent;
	w->jobs = had.jobs;
	w->sent = had.sent;
	w->jobs.n = w->sent.n = 0;
}

/* With the lock held. */
static void look_at_setup(struct writer *w)
{
	if (w->setup == NULL)
		return;
	w->setup_rc = engine_configure(w->engine, w->setup);
	w->setup = NULL;
	pthread_cond_broadcast(&w->changed);
}

static void look_at_drain(struct writer *w)
{
	if (!w->wants_drain)
		return;
	w->is_drain_asked = false;
	w->is_drained = engine_drain(w->engine) && w->sent.n == 0;
	pthread_cond_broadcast(&w->changed);
}

static void hand_over(struct writer *w)
{
	enum store_rc health = engine_health(w->engine);
	w->health = (int)health;
	if (w->done.n)
		w->env.answered(w->env.ctx, w->done.v, w->done.n);
	w->done.n = 0;
	if (health == STORE_FENCED)
		w->env.fenced(w->env.ctx);
}

static void *run(void *arg)
{
	struct writer *w = arg;
	struct round r = { .jobs = { 0 } };
	int64_t until_ms = 0;
	for (;;) {
		pthread_mutex_lock(&w->lock);
		wait_for_work(w, until_ms);
		bool is_over = w->wants_stop;
		look_at_setup(w);
		w->is_nudged = false;
		bool is_quiet = w->is_quiet;
		int64_t reign = w->reign;
		take(w, &r);
		pthread_mutex_unlock(&w->lock);
		if (is_over)
			break;
		for (size_t i = 0; i < r.sent.n; i++)
			w->env.came_back(w->env.ctx, r.sent.v[i]);
		engine_play(w->engine, is_quiet, reign);
		w->step_began_ms = on_mono(w);
		until_ms = engine_step(w->engine, r.jobs.v, r.jobs.n, r.sent.v, r.sent.n);
		w->step_began_ms = 0;
		hand_over(w);
		pthread_mutex_lock(&w->lock);
		look_at_drain(w);
		pthread_mutex_unlock(&w->lock);
	}
	engine_leave(w->engine);
	free(r.jobs.v);
	free(r.sent.v);
	return NULL;
}

enum store_rc writer_start(struct writer *w, struct buf *why)
{
	enum store_rc rc = engine_configure(w->engine, w->setup);
	w->setup = NULL;
	if (rc != STORE_OK) {
		buf_fmt(why, "the store does not take the policies: %s", store_rc_name(rc));
		return rc;
	}
	int err = pthread_create(&w->thread, NULL, run, w);
	if (err) {
		buf_fmt(why, "no thread for the engine: %s", strerror(err));
		return STORE_DOWN;
	}
	w->is_started = true;
	return STORE_OK;
}

bool writer_post(struct writer *w, struct job *j)
{
	assert(j->owner != NULL);
	if (j->deadline_ms == 0)
		j->deadline_ms = on_mono(w) + REPLY_WITHIN_MS;
	pthread_mutex_lock(&w->lock);
	bool has_room = w->jobs.n < WRITER_JOBS_MAX && !w->wants_stop;
	if (has_room)
		PUSH(&w->jobs, j);
	bool is_first = w->jobs.n == 1;
	pthread_mutex_unlock(&w->lock);
	if (has_room && is_first)
		pthread_cond_signal(&w->wake);
	return has_room;
}

/* Those who wait for commands of their own: one room, and a seat a command. */
struct room { pthread_mutex_t lock; pthread_cond_t empty; size_t open; };
struct seat { struct job job; struct room *room; enum store_rc *rc; enum outcome *outcome; };

static void leave(struct seat *seat, enum store_rc rc, enum outcome outcome)
{
	struct room *room = seat->room;
	*seat->rc = rc;
	*seat->outcome = outcome;
	pthread_mutex_lock(&room->lock);
	room->open--;
	pthread_cond_signal(&room->empty);       /* inside the lock: the room is gone as soon as whoever waits has it */
	pthread_mutex_unlock(&room->lock);
}

static void on_own_answer(struct job *j, const struct answer *a)
{
	leave(j->owner, a->rc, a->outcome);
}

void writer_perform(struct writer *w, const struct command *commands, size_t n, enum store_rc *ret_rc, enum outcome *ret_outcome)
{
	struct room room = { .open = n };
	struct seat *seats = xmalloc((n + 1) * sizeof *seats);
	assert(n <= WRITER_OWN_MAX);
	pthread_mutex_init(&room.lock, NULL);
	pthread_cond_init(&room.empty, NULL);
	for (size_t i = 0; i < n; i++) {
		seats[i] = (struct seat){ .job = { .command = commands[i], .owner = &seats[i], .answered = on_own_answer }, .room = &room,
			.rc = &ret_rc[i], .outcome = &ret_outcome[i] };
		if (!writer_post(w, &seats[i].job))
			leave(&seats[i], STORE_BUSY, OUT_NOTHING);
	}
	pthread_mutex_lock(&room.lock);
	while (room.open > 0)
		pthread_cond_wait(&room.empty, &room.lock);
	pthread_mutex_unlock(&room.lock);
	pthread_mutex_destroy(&room.lock);
	pthread_cond_destroy(&room.empty);
	free(seats);
}

void writer_play(struct writer *w, bool is_quiet, int64_t reign)
{
	pthread_mutex_lock(&w->lock);
	bool has_changed = w->is_quiet != is_quiet || w->reign != reign;
	w->is_quiet = is_quiet;
	w->reign = reign;
	w->is_nudged |= has_changed;
	pthread_mutex_unlock(&w->lock);
	if (has_changed)
		pthread_cond_signal(&w->wake);
}

/* Takes those that are late out of the queue. */
static void take_late(struct writer *w, struct jobs *late)
{
	int64_t now = on_mono(w);
	size_t kept = 0;
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->jobs.n; i++)
		if (w->jobs.v[i]->deadline_ms <= now)
			PUSH(late, w->jobs.v[i]);
		else
			w->jobs.v[kept++] = w->jobs.v[i];
	w->jobs.n = kept;
	pthread_mutex_unlock(&w->lock);
}

void writer_expire(struct writer *w)
{
	const struct answer busy = { .outcome = OUT_NOTHING, .rc = STORE_BUSY, .reason = S(""), .dedup_key = S("") };
	struct jobs late = { 0 };
	take_late(w, &late);
	for (size_t i = 0; i < late.n; i++) {
		struct exchange *x = tell(late.v[i], &busy);
		if (x)
			api_finish(x);
	}
	free(late.v);
}

int64_t writer_stuck_ms(struct writer *w)
{
	int64_t began = w->step_began_ms;
	return began ? on_mono(w) - began : 0;
}

void writer_sent(struct writer *w, struct delivery *d)
{
	pthread_mutex_lock(&w->lock);
	PUSH(&w->sent, d);
	bool is_first = w->sent.n == 1;
	pthread_mutex_unlock(&w->lock);
	if (is_first)
		pthread_cond_signal(&w->wake);
}

enum store_rc writer_configure(struct writer *w, const struct setup *setup)
{
	pthread_mutex_lock(&w->lock);
	w->setup = setup;
	pthread_cond_signal(&w->wake);
	while (w->setup != NULL)
		pthread_cond_wait(&w->changed, &w->lock);
	enum store_rc rc = w->setup_rc;
	pthread_mutex_unlock(&w->lock);
	return rc;
}

bool writer_drain(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->wants_drain = w->is_drain_asked = true;
	bool is_drained = w->is_drained;
	pthread_mutex_unlock(&w->lock);
	pthread_cond_signal(&w->wake);
	return is_drained;
}

void writer_stop(struct writer *w)
{
	if (w == NULL || !w->is_started)
		return;
	pthread_mutex_lock(&w->lock);
	w->wants_stop = true;
	pthread_mutex_unlock(&w->lock);
	pthread_cond_signal(&w->wake);
	pthread_join(w->thread, NULL);
	w->is_started = false;
}

void writer_free(struct writer *w)
{
	if (w == NULL)
		return;
	writer_stop(w);
	engine_free(w->engine);
	free(w->jobs.v);
	free(w->sent.v);
	free(w->done.v);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->wake);
	pthread_cond_destroy(&w->changed);
	free(w);
}

const struct metrics *writer_metrics(const struct writer *w)
{
	return engine_metrics(w->engine);
}

enum store_rc writer_health(const struct writer *w)
{
	return (enum store_rc)w->health;
}

size_t writer_waiting(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	size_t n = w->jobs.n;
	pthread_mutex_unlock(&w->lock);
	return n;
}
