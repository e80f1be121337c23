/* replica.h - one running server of several on a store: what it says of itself every few seconds, so that people see who is there and replicas can
 * share work out. Nothing is locked by it: a page is in one replica's hand because of its claim, whatever is written here.
 */
#ifndef MODEL_REPLICA_H
#define MODEL_REPLICA_H
#include "model/desc.h"

/* What is stored is live or draining; gone is what becomes of whoever writes nothing any more. Seen no longer ago than three beats: alive. Forgotten an hour after it was last seen. */
enum { REPLICA_BEAT_MS = 5 * 1000, REPLICA_GONE_MS = 3 * REPLICA_BEAT_MS, REPLICA_KEPT_MS = 60 * 60 * 1000 };

/* clang-format off */
#define REPLICA_STATE(X) X(REPLICA_LIVE, "live") X(REPLICA_DRAINING, "draining") X(REPLICA_GONE, "gone")
ENUM_TYPE(replica_state, REPLICA_STATE);

#define REPLICA(X, E) \
	X(E, STR,  id,         ,              RO,        0, 64, "Its name: server.name and a random part, or host, process and a random part; new with every start.") \
	X(E, STR,  version,    ,              RO,        0, 64, "Of its program.") \
	X(E, TIME, started_at, ,              RO,        0,  0, "When it began.") \
	X(E, TIME, seen_at,    ,              RO | IDX,  0,  0, "Store time of its latest sign of life; there is one every five seconds.") \
	X(E, ENUM, state,      replica_state, RO | IDX,  0,  0, "draining: it was told to end and finishes what it has in hand; gone: not seen for fifteen seconds.")
ENTITY_STRUCT(replica, REPLICA);
/* clang-format on */
#endif
