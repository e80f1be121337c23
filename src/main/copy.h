/* copy.h - a standby's copy of its primary: what differs is fetched and imported as it is.
 *
 * There is no position that could be lost: every round compares. Open incidents, pages under way, tokens and the number of the next incident each
 * time; incidents by id from where the last round was, less a minute; all of the last 24 hours at the start and every hour, which heals whatever
 * a round may have missed. So a restart of either side, an interrupted round or a day of silence leave nothing behind.
 *
 * An incident that is open here and not known there was never copied from there: it is named in `strangers`, to be given back.
 */
#ifndef MAIN_COPY_H
#define MAIN_COPY_H
#include "main/primary.h"
#include "store/store.h"

struct copy {
	struct store *store;
	struct primary *primary;
	int64_t window_ms;               /* how far back incidents that are over are copied */
	int64_t recent_ms;               /* everything younger has to be looked at; 0: the whole window */
	int64_t reign;                   /* our latest: what we led has a timeline of its own here; 0: none */
	int64_t full_at_ms;              /* mono: when the whole window is due again */
	size_t n_incidents, n_documents; /* fetched since the start */
};

/* One round. at_ms: the primary's store time, mono_ms: ours. 0, or EAGAIN with a sentence: what was fetched is kept, the rest is for the next
 * round. Everything in `ret_strangers` is in the arena. */
struct ids { struct str *v; size_t n, cap; };
int copy_round(struct copy *c, struct arena *a, int64_t at_ms, int64_t mono_ms, struct ids *ret_strangers, struct str *ret_why) MUST_USE;

/* Ids of incidents from this moment on are not below it. */
struct str id_floor(struct arena *a, int64_t at_ms);
#endif
