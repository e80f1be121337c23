/* dateclock.c - the time of a service that tells it in whole seconds only.
 *
 * An answer dated D was written between D and D + 1 s, and between the request and its arrival here. That gives two bounds. Between answers they
 * move on with the boot clock, widened by what that may drift (500 ppm). Each answer can only narrow them; those right before and right after
 * the service's second changes narrow them most, so after a second or two of traffic they are a round trip apart, some tens of
 * milliseconds. The middle is the time, half the distance is what it may be off.
 *
 * Front ends of a service differ a little, so each answer is taken as if it could be 20 ms wrong. One that contradicts the bounds even so
 * means that a clock was set (or this machine was asleep in a way the boot clock does not count): then it alone counts from there on.
 */
#include "store/dateclock.h"
#include <assert.h>

void dateclock_init(struct dateclock *c, struct store_clock clock)
{
	*c = (struct dateclock){ .clock = clock };
	pthread_mutex_init(&c->lock, NULL);
}

void dateclock_done(struct dateclock *c)
{
	pthread_mutex_destroy(&c->lock);
}

/* A bound at another boot time, before or after. */
static int64_t moved(struct dateclock_bound b, int64_t boot, int sign)
{
	int64_t by = boot - b.at, far = by < 0 ? -by : by;
	return b.ms + by + sign * ((far + DATECLOCK_DRIFT - 1) / DATECLOCK_DRIFT);
}

static int64_t lowest(const struct dateclock *c, int64_t boot)
{
	return moved(c->lo, boot, -1);
}

static int64_t highest(const struct dateclock *c, int64_t boot)
{
	return moved(c->hi, boot, 1);
}

void dateclock_see(struct dateclock *c, int64_t date_ms, int64_t sent_boot_ms, int64_t got_boot_ms)
{
	struct dateclock_bound lo = { got_boot_ms, date_ms - DATECLOCK_SKEW_MS };
	struct dateclock_bound hi = { got_boot_ms, date_ms + 1000 + DATECLOCK_SKEW_MS + (got_boot_ms - sent_boot_ms) };
	pthread_mutex_lock(&c->lock);
	bool is_apart = c->is_set && (lo.ms > highest(c, got_boot_ms) || hi.ms < lowest(c, got_boot_ms));
	if (!c->is_set || is_apart || lo.ms > lowest(c, got_boot_ms))
		c->lo = lo;
	if (!c->is_set || is_apart || hi.ms < highest(c, got_boot_ms))
		c->hi = hi;
	c->is_set = true;
	pthread_mutex_unlock(&c->lock);
}

int64_t dateclock_now(struct dateclock *c, int64_t *ret_err_ms)
{
	pthread_mutex_lock(&c->lock);
	assert(c->is_set);
	int64_t boot = c->clock.boot_ms(c->clock.ctx), lo = lowest(c, boot), hi = highest(c, boot);
	if (lo + (hi - lo) / 2 > c->last)
		c->last = lo + (hi - lo) / 2;
	int64_t now = c->last;
	*ret_err_ms = now - lo > hi - now ? now - lo : hi - now;
	pthread_mutex_unlock(&c->lock);
	return now;
}

int64_t dateclock_guess(struct dateclock *c)
{
	pthread_mutex_lock(&c->lock);
	int64_t boot = c->clock.boot_ms(c->clock.ctx);
	int64_t guess = c->is_set ? lowest(c, boot) + (highest(c, boot) - lowest(c, boot)) / 2 : c->clock.wall_ms(c->clock.ctx);
	pthread_mutex_unlock(&c->lock);
	return guess;
}
