/* standby.h - when a standby takes over and when it yields: what is known at one look, and the part it plays from then on. Pure; the shell
 * looks, asks, and does what follows.
 *
 *	standby    the primary was not seen for take_over_after, or a person says so               -> leading
 *	leading    the primary has been seen for yield_after without a gap, unless a person made
 *	           it lead; or a person says so, and the primary is seen                           -> yielding
 *	yielding   everything is given back, also what was under way when the doors shut,
 *	           and the primary is seen                                                         -> standby
 *	           the primary was not seen for take_over_after, or a person says so               -> leading
 *
 * Nobody ever stops paging because of a silence: a standby that leads goes on until it has seen the other one at work, and while it yields
 * it still pages what it has not given back. So both may page at the same time, and never neither.
 */
#ifndef CORE_STANDBY_H
#define CORE_STANDBY_H
#include "model/incident.h"

/* One look. is_by_hand: a person made it lead, so only a person makes it yield. */
struct sight {
	enum region_part part;
	bool is_seen;                    /* just now: it answers, as a primary, and its engine goes round */
	bool wants_lead, wants_yield;    /* a person says so */
	bool is_by_hand;                 /* a person made it lead */
	bool is_given_back;              /* yielding: nothing is left to give back */
	int64_t unseen_ms, seen_ms;      /* how long it has not been seen, or has been seen without a gap */
	int64_t part_ms;                 /* how long it has played this part */
	int64_t take_over_after_ms, yield_after_ms;
};
enum region_part standby_next(const struct sight *s);

/* A primary whose engine does not go round pages nobody, however well its HTTP answers. */
enum { CYCLE_OLD_MS = 30 * 1000, UNDER_WAY_MS = 6 * 1000 };  /* UNDER_WAY: what was let in is answered within 5 s */
bool is_at_work(struct str part, int64_t now_ms, int64_t cycle_ms);  /* as the primary says: "primary", its store's time, its latest cycle */
#endif
