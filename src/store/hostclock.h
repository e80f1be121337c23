/* hostclock.h - store time of a store that lives on one host. See hostclock.c for the rule. */
#ifndef STORE_HOSTCLOCK_H
#define STORE_HOSTCLOCK_H
#include "store/store.h"
#include <pthread.h>

enum { HOSTCLOCK_STEP_MS = 5000, HOSTCLOCK_STABLE_MS = 60000, HOSTCLOCK_WOBBLE_MS = 1000, HOSTCLOCK_SLEW_MS = 2000 };

struct hostclock {
	struct store_clock clock;
	pthread_mutex_t lock;
	int64_t ahead;           /* store time minus boot time */
	int64_t slewed_at;       /* boot time up to which the right to slew is used up */
	bool is_apart;           /* the wall clock is more than STEP_MS away ... */
	int64_t apart_since;     /* ... since this boot time ... */
	int64_t apart_by;        /* ... by so much when that began */
	int64_t last;            /* the latest answer: none is ever less */
};
/* last: the latest time that was made durable, or 0. */
void hostclock_init(struct hostclock *h, struct store_clock clock, int64_t last);
void hostclock_done(struct hostclock *h);
int64_t hostclock_now(struct hostclock *h);
#endif
