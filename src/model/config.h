/* config.h - the nouns a configuration file names: who owns what, who is paged, in which order.
 * Channels and integrations have a part of their own per type: that table is with the channel or the source.
 */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H
#include "model/desc.h"
/* clang-format off */

#define GROUPING(X) X(GROUPING_ALERT, "alert") X(GROUPING_SERVICE, "service")
ENUM_TYPE(grouping, GROUPING);

#define SERVICE(X, E) \
	X(E, STR,  id,          ,         REQ,       1,   64, "Slug.") \
	X(E, STR,  name,        ,         0,         0,  200, "What people call it; the id unless given.") \
	X(E, STR,  policy,      ,         REQ | REF, 1,   64, "Escalation policy that pages people for it.") \
	X(E, ENUM, grouping,    grouping, 0,         0,    0, "alert: one incident per dedup key; service: one open incident.") \
	X(E, DUR,  ack_timeout, ,         0,         0, 604800000, "Unresolved so long after an acknowledgement: page again. Off unless given.") \
	X(E, STR,  runbook,     ,         0,         0, 2000, "Link to follow when it is in trouble.")
ENTITY_STRUCT(service, SERVICE);

/* A target: user:ID, CHANNEL-ID:ADDRESS (mail:a@example.com), or channel:ID for a channel that needs no address. */
#define LEVEL(X, E) \
	X(E, STRS, targets, , 0, 0,       100, "Who is paged: user:ID, CHANNEL-ID:ADDRESS, channel:ID.") \
	X(E, DUR,  timeout, , 0, 0, 604800000, "Wait for an acknowledgement before the next level; defaults.level_timeout unless given.")
ENTITY_STRUCT(level, LEVEL);

#define EXHAUSTED(X, E) \
	X(E, STRS, targets, , 0, 0, 100, "Who is told when every level of every round stayed without an answer.")
ENTITY_STRUCT(exhausted, EXHAUSTED);

#define POLICY(X, E) \
	X(E, STR,  id,           ,          REQ, 1,  64, "Slug.") \
	X(E, STR,  name,         ,          0,   0, 200, "What people call it; the id unless given.") \
	X(E, LIST, levels,       level,     REQ, 1,  20, "Paged in this order, each with its wait.") \
	X(E, INT,  repeat,       ,          0,   0,   9, "How often to begin again from the first level.") \
	X(E, SUB,  on_exhausted, exhausted, 0,   0,   0, "What to do when nobody answered.")
ENTITY_STRUCT(policy, POLICY);

#define USER(X, E) \
	X(E, STR, id,       , REQ, 1,  64, "Slug.") \
	X(E, STR, name,     , 0,   0, 200, "Full name; the id unless given.") \
	X(E, STR, email,    , 0,   3, 254, "Where mail channels reach this person unless contacts say otherwise.") \
	X(E, STR, timezone, , 0,   0,  64, "IANA name.") \
	X(E, MAP, contacts, , 0,   0,  16, "Channel id to address; a page goes over each of them.")
ENTITY_STRUCT(user, USER);

/* A door for alerts. The part that differs by type (keys) is declared by its source. */
#define INTEGRATION(X, E) \
	X(E, STR, id,      , REQ, 1, 64, "Slug; dedup keys live inside it.") \
	X(E, STR, type,    , REQ, 1, 32, "Which source decodes it: events_v2, generic.") \
	X(E, STR, service, , REF, 0, 64, "The service its alerts are about, when the door has only one.")
ENTITY_STRUCT(integration, INTEGRATION);
/* clang-format on */
#endif
