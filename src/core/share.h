/* share.h - which of several replicas takes a piece of work first, so that they do not all reach for the same one.
 *
 * An optimisation and nothing else: work is taken by a claim or a commit that names a version, and every replica takes everything in the end. A
 * wrong or old view of who is alive costs a lost race or a few seconds, never a page.
 *
 * Every piece has an order of replicas: by rendezvous hash (each replica's hash with the key; the highest first), so that a replica that comes or
 * goes moves only its own share. Whoever wrote a page comes before all others, and whoever has tried in vain to send it after them: its way to the
 * provider may be what is broken. Since the moment it became due, time is cut into slots that belong to the first, the
 * second, ... of that order in turn. A backlog is then worked off by all of them without meeting, and what the first cannot do, because it has
 * died or has its hands full, is done by the next after one slot. What is overdue for SHARE_ANYBODY_MS is anybody's.
 */
#ifndef CORE_SHARE_H
#define CORE_SHARE_H
#include "model/replica.h"

/* A slot is longer than the time between two looks at the store; with SHARE_ORDER_MAX of them a round is over before work is anybody's. */
enum { SHARE_SLOT_MS = 1500, SHARE_ORDER_MAX = 4, SHARE_ANYBODY_MS = 8000, SHARE_OTHERS_MAX = 63 };

/* Who works on this store: this replica and the others that are alive, as far as it knows. */
struct crew { struct str me, others[SHARE_OTHERS_MAX]; size_t n_others; };

/* What of the id stays from start to start: the server.name of a configuration that gives one. Empty: it has none. */
struct str replica_seat(struct str id);
enum replica_state replica_state_at(const struct replica *r, int64_t now_ms);

struct piece {
	struct str key;                  /* what it is hashed by */
	struct str holder;               /* who wrote it, or had it last; empty: nobody */
	bool was_tried;                  /* the holder has tried already: it comes last instead of first */
	int64_t overdue_ms;              /* since it became due */
};
/* May this replica take it now? True at once for everything when it is alone. */
bool share_is_mine(const struct crew *c, const struct piece *p);
#endif
