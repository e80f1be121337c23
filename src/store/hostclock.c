/* hostclock.c - store time of a store that lives on one host.
 *
 * It starts at the wall clock, or at the last durable time if that is later, and then runs with the boot clock, which neither
 * jumps nor stops. Toward the wall clock it is only slewed, one millisecond in 2,000 at most (500 ppm). A wall clock that is
 * suddenly more than 5 s away is not believed: somebody may have set it by mistake, and following at once would
 * fire or freeze every timer. Once the difference has held still for 60 s the wall clock is believed: forward in one step; back
 * by slewing, because store time never goes back and standing still would freeze the timers.
 */
#include "store/hostclock.h"

void hostclock_init(struct hostclock *h, struct store_clock clock, int64_t last)
{
	int64_t boot = clock.boot_ms(clock.ctx), wall = clock.wall_ms(clock.ctx);
	int64_t start = last > wall ? last : wall;
	*h = (struct hostclock){ .clock = clock, .ahead = start - boot, .slewed_at = boot, .last = start };
	pthread_mutex_init(&h->lock, NULL);
}

void hostclock_done(struct hostclock *h)
{
	pthread_mutex_destroy(&h->lock);
}

static void slew(struct hostclock *h, int64_t boot, int64_t diff)
{
	int64_t want = diff < 0 ? -diff : diff, may = (boot - h->slewed_at) / HOSTCLOCK_SLEW_MS;
	int64_t by = want < may ? want : may;
	h->ahead += diff < 0 ? -by : by;
	h->slewed_at = by == want ? boot : h->slewed_at + by * HOSTCLOCK_SLEW_MS;
}

/* True once the wall clock, far away, has been equally far away for long enough. */
static bool is_believed(struct hostclock *h, int64_t boot, int64_t diff)
{
	int64_t moved = diff - h->apart_by;
	if (!h->is_apart || moved > HOSTCLOCK_WOBBLE_MS || moved < -HOSTCLOCK_WOBBLE_MS) {
		h->is_apart = true;
		h->apart_since = boot;
		h->apart_by = diff;
	}
	return boot - h->apart_since >= HOSTCLOCK_STABLE_MS;
}

static void follow(struct hostclock *h, int64_t boot, int64_t diff)
{
	if (diff >= -HOSTCLOCK_STEP_MS && diff <= HOSTCLOCK_STEP_MS) {
		h->is_apart = false;
		slew(h, boot, diff);
	} else if (!is_believed(h, boot, diff)) {
		h->slewed_at = boot;
	} else if (diff > 0) {
		h->ahead += diff;
		h->slewed_at = boot;
		h->is_apart = false;
	} else {
		slew(h, boot, diff);
		h->apart_by = diff;                                /* it shrinks because we move, not because it wobbles */
	}
}

int64_t hostclock_now(struct hostclock *h)
{
	pthread_mutex_lock(&h->lock);
	int64_t boot = h->clock.boot_ms(h->clock.ctx);
	follow(h, boot, h->clock.wall_ms(h->clock.ctx) - (boot + h->ahead));
	if (boot + h->ahead > h->last)
		h->last = boot + h->ahead;
	int64_t now = h->last;
	pthread_mutex_unlock(&h->lock);
	return now;
}
