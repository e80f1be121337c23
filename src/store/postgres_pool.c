/* postgres_pool.c - a few sessions for all threads of the process.
 *
 * A thread of its own makes them, because connecting may block for seconds (names to resolve, a host that answers nothing) and no
 * call may. While there is none and none can be had, callers are told at once; the connector keeps trying, four times a second when it
 * is refused, so recovery does not wait for a caller. One loss makes all sessions of that time suspect: they are made anew.
 */
#include "store/postgres_inside.h"
#include "store/disk.h"
#include <signal.h>
#include <time.h>

/* until_us is of disk_us, which is CLOCK_MONOTONIC's. */
static int wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_us)
{
	struct timespec at = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
	return pthread_cond_timedwait(cond, lock, &at);
}

/* A thread that waits. Sessions are handed to those who wait in their order: left to chance, the one that has just given a session back would take
 * it again before any of them is awake. */
struct waiter { struct waiter *next; struct session *s; pthread_cond_t cond; };

/* These under the lock. */

static void push(struct pool *p, struct session *s)
{
	struct waiter *w = p->first;
	if (w == NULL) {
		s->next = p->idle;
		p->idle = s;
		return;
	}
	p->first = w->next;
	if (p->first == NULL)
		p->last = &p->first;
	w->s = s;
	pthread_cond_signal(&w->cond);
}

/* An idle session that may be trusted, or NULL. */
static struct session *pop(struct pool *p)
{
	while (p->idle) {
		struct session *s = p->idle;
		p->idle = s->next;
		if (s->epoch == p->epoch)
			return s;
		p->n--;
		session_free(s);
	}
	return NULL;
}

static void stop_waiting(struct pool *p, const struct waiter *w)
{
	struct waiter **at = &p->first;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (w->next == NULL)
		p->last = at;
}

static void tell_all(struct pool *p)
{
	for (struct waiter *w = p->first; w; w = w->next)
		pthread_cond_signal(&w->cond);
}

static enum store_rc wait_for_one(struct pool *p, int64_t until_us, struct session **ret)
{
	struct waiter w = { .next = NULL };
	bool is_over = false;
	pthread_cond_init(&w.cond, &p->monotonic);
	*p->last = &w;
	p->last = &w.next;
	pthread_cond_signal(&p->wanted);
	while (w.s == NULL && !p->is_down && !is_over)
		is_over = wait_until(&w.cond, &p->lock, until_us) != 0;
	if (w.s == NULL)
		stop_waiting(p, &w);
	pthread_cond_destroy(&w.cond);
	*ret = w.s;
	return w.s ? STORE_OK : p->is_down ? STORE_DOWN : STORE_BUSY;
}

enum store_rc pool_take(struct pool *p, int64_t until_us, struct session **ret)
{
	enum store_rc rc = STORE_OK;
	pthread_mutex_lock(&p->lock);
	struct session *s = pop(p);
	if (s == NULL)
		rc = p->is_down ? STORE_DOWN : wait_for_one(p, until_us, &s);
	pthread_mutex_unlock(&p->lock);
	if (s == NULL)
		return rc;
	s->until_us = until_us;
	*ret = s;
	return STORE_OK;
}

/* A new timeline makes all sessions with servers of another one suspect: there may be two primaries for a moment. */
static void note_timeline(struct pool *p, const struct session *s)
{
	if (s->timeline == 0 || s->timeline == p->timeline)
		return;
	p->timeline = s->timeline;
	p->epoch++;
}

static bool is_of_old_timeline(const struct pool *p, const struct session *s)
{
	return s->timeline > 0 && s->timeline != p->timeline;
}

void pool_give(struct pool *p, struct session *s)
{
	bool is_late = s->is_late;
	pthread_mutex_lock(&p->lock);
	bool is_lost = s->is_lost || PQtransactionStatus(s->pg) != PQTRANS_IDLE || is_of_old_timeline(p, s);
	if (is_lost)
		session_free(s);
	if (is_lost) {
		p->n--;
		p->epoch++;
		p->is_down |= is_late;                             /* silence costs one caller its time, not each */
		if (p->is_down)
			tell_all(p);
		pthread_cond_signal(&p->wanted);
	} else {
		s->epoch = p->epoch;                               /* it has just answered */
		push(p, s);
	}
	pthread_mutex_unlock(&p->lock);
}

bool pool_is_up(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	bool is_up = !p->is_down && p->n > 0;
	pthread_mutex_unlock(&p->lock);
	return is_up;
}

static struct session *make(struct pool *p)
{
	struct session *s = NULL;
	struct buf why = BUF(4096);                                /* nobody to tell: callers hear "down" */
	if (session_new(&p->target, disk_us() + CALL_US, &s, &why) != STORE_OK)
		s = NULL;
	buf_free(&why);
	bool is_mute = s && s->timeline == 0 && p->timeline > 0;   /* it could tell, and did not: a change would go unnoticed */
	if (is_mute || (s && !session_prepare(s, p->target.schema))) {
		session_free(s);
		s = NULL;
	}
	return s;
}

/* Under the lock, which it leaves while it connects. */
static void add_one(struct pool *p)
{
	p->n++;
	pthread_mutex_unlock(&p->lock);
	struct session *s = make(p);
	pthread_mutex_lock(&p->lock);
	if (s) {
		note_timeline(p, s);
		s->epoch = p->epoch;
		p->is_down = false;
		push(p, s);
		return;
	}
	p->n--;
	p->is_down |= p->n == 0;                                   /* others may still be in use: the server may just have no more to give */
	if (p->is_down)
		tell_all(p);
	int64_t until = disk_us() + RETRY_MS * 1000;
	while (!p->is_ending && wait_until(&p->wanted, &p->lock, until) == 0)
		continue;
}

static void *connect_for_all(void *arg)
{
	struct pool *p = arg;
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);                    /* they are for the thread that waits for them */
	pthread_mutex_lock(&p->lock);
	while (!p->is_ending) {
		struct session *spare = pop(p);
		if (spare)
			push(p, spare);
		if (spare == NULL && p->n < POOL_MAX && (p->is_down || p->first))
			add_one(p);
		else
			pthread_cond_wait(&p->wanted, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

int pool_start(struct pool *p, struct session *first)
{
	pthread_condattr_init(&p->monotonic);
	pthread_condattr_setclock(&p->monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wanted, &p->monotonic);
	pthread_mutex_init(&p->lock, NULL);
	p->last = &p->first;
	p->idle = first;
	p->n = 1;
	p->timeline = first->timeline;
	return pthread_create(&p->connector, NULL, connect_for_all, p);
}

void pool_end(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->is_ending = true;
	pthread_cond_signal(&p->wanted);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->connector, NULL);
	for (struct session *s = p->idle, *next; s; s = next) {
		next = s->next;
		session_free(s);
	}
	pthread_cond_destroy(&p->wanted);
	pthread_condattr_destroy(&p->monotonic);
	pthread_mutex_destroy(&p->lock);
}
