/* dateclock.h - store time of a store that is a service: learnt from the Date of its answers. See dateclock.c for the rule. */
#ifndef STORE_DATECLOCK_H
#define STORE_DATECLOCK_H
#include "store/store.h"
#include <pthread.h>

enum { DATECLOCK_DRIFT = 2000, DATECLOCK_SKEW_MS = 20 };      /* one in so many: 500 ppm; by how much two front ends may differ */

/* What was known of the service's time when the boot clock said `at`. */
struct dateclock_bound { int64_t at, ms; };
struct dateclock {
	struct store_clock clock;
	pthread_mutex_t lock;
	bool is_set;
	struct dateclock_bound lo, hi;   /* not before, not after */
	int64_t last;                    /* the latest answer: none is ever less */
};

void dateclock_init(struct dateclock *c, struct store_clock clock);
void dateclock_done(struct dateclock *c);

/* An answer dated so (a whole second, cut off) to a request; both by the boot clock. Any thread. */
void dateclock_see(struct dateclock *c, int64_t date_ms, int64_t sent_boot_ms, int64_t got_boot_ms);

/* The time, never less than before, and how far it may be off to either side. Something must have been seen. */
int64_t dateclock_now(struct dateclock *c, int64_t *ret_err_ms);

/* The best guess, which may go back; the wall clock until something was seen. For signing requests. */
int64_t dateclock_guess(struct dateclock *c);
#endif
