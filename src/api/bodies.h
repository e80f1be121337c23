/* bodies.h - what clients send that is no document of ours: the bodies of the actions. */
#ifndef API_BODIES_H
#define API_BODIES_H
#include "model/incident.h"
/* clang-format off */

#define TRIGGER(X, E) \
	X(E, STR,  service,     ,     REQ | REF, 1,    64, "Id of the service that is in trouble.") \
	X(E, STR,  title,       ,     0,         1,  1024, "One line; what a page says first. This or message must be there.") \
	X(E, STR,  message,     ,     0,         1,  1024, "The same as title; title wins.") \
	X(E, STR,  description, ,     0,         0, 65536, "More about it, plain text.") \
	X(E, SEV,  severity,    ,     0,         1,     5, "5 critical, 4 high, 3 medium, 2 low, 1 info, or the name; 4 unless given.") \
	X(E, STR,  dedup_key,   ,     0,         0,   255, "Your name for this trouble: the same key while it is open counts instead of paging again.") \
	X(E, MAP,  labels,      ,     0,         0,    64, "Names and values.") \
	X(E, STRS, tags,        ,     0,         0,    64, "Words.") \
	X(E, LIST, links,       link, 0,         0,    32, "Runbooks, graphs.") \
	X(E, ANY,  details,     ,     0,         0,     0, "Anything else worth keeping.")
ENTITY_STRUCT(trigger, TRIGGER);

#define RESOLUTION(X, E) \
	X(E, STR,  root_cause,       , 0, 0, 65536, "Why it happened.") \
	X(E, STRS, resolution_steps, , 0, 0,    64, "What was done, in order.")
ENTITY_STRUCT(resolution, RESOLUTION);

#define NOTE(X, E) \
	X(E, STR, text, , REQ, 1, 65536, "What to write into the timeline.")
ENTITY_STRUCT(note, NOTE);
/* --- between a standby and the server it stands by for --- */

#define WANTED(X, E) \
	X(E, STRS, documents, , 0, 0, 100, "Documents by name, KIND/ID.") \
	X(E, STRS, incidents, , 0, 0, 100, "Incidents with all that belongs to them, ID/SEQUENCE: the timeline from that entry on.")
ENTITY_STRUCT(wanted, WANTED);

/* How an incident stands with a standby that led, and what would open it where it is not known. */
#define HANDED_BACK(X, E) \
	X(E, STR,  id,               ,                REQ,       36,    36, "The incident, under the same id on both sides.") \
	X(E, INT,  version,          ,                0,          0,     0, "Of the standby's document: the same again changes nothing more.") \
	X(E, STR,  standby,          ,                REQ,        1,    64, "Who gives it back.") \
	X(E, ENUM, status,           incident_status, 0,          0,     0, "How it stands there.") \
	X(E, STR,  actor,            ,                0,          0,   128, "Who acknowledged or resolved it there.") \
	X(E, STR,  service,          ,                REQ | REF,  1,    64, "The service that is in trouble.") \
	X(E, STR,  source,           ,                REQ,        1,    64, "The integration that opened it.") \
	X(E, STR,  dedup_key,        ,                0,          0,   255, "The sender's key.") \
	X(E, STR,  title,            ,                REQ,        1,  1024, "One line.") \
	X(E, STR,  description,      ,                0,          0, 65536, "More about it.") \
	X(E, SEV,  severity,         ,                0,          1,     5, "Its severity.") \
	X(E, MAP,  labels,           ,                0,          0,    64, "Names and values.") \
	X(E, STRS, tags,             ,                0,          0,    64, "Words.") \
	X(E, LIST, links,            link,            0,          0,    32, "Links.") \
	X(E, ANY,  details,          ,                0,          0,     0, "What the first alert carried.") \
	X(E, STR,  root_cause,       ,                0,          0, 65536, "Why it happened.") \
	X(E, STRS, resolution_steps, ,                0,          0,    64, "What was done.") \
	X(E, STR,  story,            ,                0,          0, 65536, "What happened there, for the timeline.")
ENTITY_STRUCT(handed_back, HANDED_BACK);
/* clang-format on */
#endif
