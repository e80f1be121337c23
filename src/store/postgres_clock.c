/* postgres_clock.c - what the server's clock says now, without asking it each time.
 *
 * Every answer that carries the server's time narrows the interval in which the difference to the boot clock must lie: the time was
 * read after the question left and before the answer came. Between two answers the interval widens by what two clocks may drift apart.
 * An answer outside of it means that the server's clock was set, or that it is another server: then it counts alone. The wall clock of
 * this machine plays no part.
 *
 * Time that was told is never taken back. After a clock was set back by a little it stands still for as long, and all that is new is late by that
 * much; by more than a little nobody would be paged for as long, so the process has to begin anew (postgres_now).
 */
#include "store/postgres_inside.h"

enum { OLD_MS = 1000, SET_BACK_MS = 5000, DRIFT = 2000 };      /* DRIFT: one millisecond in 2,000 */

void postgres_clock_init(struct postgres_clock *c, struct store_clock clock)
{
	*c = (struct postgres_clock){ .clock = clock, .least = INT64_MIN / 4, .most = INT64_MAX / 4 };
	pthread_mutex_init(&c->lock, NULL);
}

void postgres_clock_done(struct postgres_clock *c)
{
	pthread_mutex_destroy(&c->lock);
}

int64_t postgres_clock_boot(const struct postgres_clock *c)
{
	return c->clock.boot_ms(c->clock.ctx);
}

static int64_t drift(const struct postgres_clock *c, int64_t boot)
{
	return boot > c->seen_at ? (boot - c->seen_at) / DRIFT + 1 : 0;
}

void postgres_clock_note(struct postgres_clock *c, int64_t asked_at, int64_t server_ms)
{
	pthread_mutex_lock(&c->lock);
	int64_t now = postgres_clock_boot(c), wider = drift(c, now);
	int64_t least = server_ms - now, most = server_ms + 1 - asked_at;
	int64_t old_least = c->least - wider, old_most = c->most + wider;
	bool fits = least <= old_most && most >= old_least;
	c->least = fits && old_least > least ? old_least : least;
	c->most = fits && old_most < most ? old_most : most;
	c->seen_at = now;
	if (server_ms > c->last)
		c->last = server_ms;
	pthread_mutex_unlock(&c->lock);
}

bool postgres_clock_is_old(struct postgres_clock *c)
{
	pthread_mutex_lock(&c->lock);
	bool is_old = postgres_clock_boot(c) - c->seen_at > OLD_MS;
	pthread_mutex_unlock(&c->lock);
	return is_old;
}

bool postgres_clock_is_set_back(struct postgres_clock *c)
{
	pthread_mutex_lock(&c->lock);
	int64_t boot = postgres_clock_boot(c);
	bool is_set_back = boot + c->most + drift(c, boot) + SET_BACK_MS < c->last;
	pthread_mutex_unlock(&c->lock);
	return is_set_back;
}

void postgres_clock_read(struct postgres_clock *c, int64_t *ret_ms, int64_t *ret_err_ms)
{
	pthread_mutex_lock(&c->lock);
	int64_t boot = postgres_clock_boot(c), now = boot + (c->least + c->most) / 2;
	int64_t err = (c->most - c->least + 1) / 2 + drift(c, boot);
	if (now < c->last)
		err += c->last - now;                              /* what was said is not taken back; it may be that much too late */
	else
		c->last = now;
	*ret_ms = c->last;
	*ret_err_ms = err;
	pthread_mutex_unlock(&c->lock);
}
