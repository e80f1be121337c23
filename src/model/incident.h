/* incident.h - the nouns of the engine: what is stored while something is wrong. Data only; what happens to them is in core/.
 *
 * Severity: 5 critical, 4 high, 3 medium, 2 low, 1 info. Levels and rounds are numbered from 0.
 */
#ifndef MODEL_INCIDENT_H
#define MODEL_INCIDENT_H
#include "model/desc.h"
/* clang-format off */

#define INCIDENT_STATUS(X) X(DETECTED, "detected") X(ACKNOWLEDGED, "acknowledged") X(RESOLVED, "resolved")
ENUM_TYPE(incident_status, INCIDENT_STATUS);

#define LINK(X, E) \
	X(E, STR, href, , REQ, 1, 2000, "Where it leads.") \
	X(E, STR, text, , 0,   0, 1024, "What to call it.")
ENTITY_STRUCT(link, LINK);

#define INCIDENT(X, E) \
	X(E, STR,  id,               ,                RO,             0,    36, "UUID version 7: ids in order are times in order.") \
	X(E, INT,  number,           ,                RO | IDX,       0,     0, "The short name people say: #42.") \
	X(E, STR,  title,            ,                REQ,            1,  1024, "One line; what a page says first.") \
	X(E, STR,  description,      ,                0,              0, 65536, "More about it, plain text.") \
	X(E, SEV,  severity,         ,                0,              1,     5, "5 critical, 4 high, 3 medium, 2 low, 1 info. The highest of its alerts.") \
	X(E, STR,  severity_name,    ,                VIEW | RO,      0,    16, "The same as a word.") \
	X(E, ENUM, status,           incident_status, RO | IDX,       0,     0, "Where it is in its life.") \
	X(E, STR,  service,          ,                REQ | IDX | REF,1,    64, "The service that is in trouble.") \
	X(E, STR,  source,           ,                RO,             0,    64, "The integration that opened it, or manual.") \
	X(E, STR,  dedup_key,        ,                RO,             0,   255, "The sender's key of the alert that opened it.") \
	X(E, INT,  alert_count,      ,                RO,             0,     0, "Alerts folded in, the first included.") \
	X(E, INT,  open_alerts,      ,                RO,             0,     0, "Different dedup keys in it that their source has not resolved.") \
	X(E, MAP,  labels,           ,                0,              0,    64, "Names and values from the sender.") \
	X(E, STRS, tags,             ,                0,              0,    64, "Words from the sender.") \
	X(E, LIST, links,            link,            0,              0,    32, "Runbooks, graphs, the sender's own page.") \
	X(E, ANY,  details,          ,                0,              0,     0, "What else the first alert carried, as it came.") \
	X(E, STR,  policy,           ,                RO,             0,   128, "Escalation policy as it was when the incident opened: ID@HASH.") \
	X(E, INT,  level,            ,                RO,             0,     0, "Level being paged now; one past the last when exhausted.") \
	X(E, INT,  round,            ,                RO,             0,     0, "Which pass through the levels; un-acknowledging begins a new one.") \
	X(E, INT,  passes,           ,                RO | INNER,     0,     0, "Passes used up since the last un-acknowledge; repeat counts these.") \
	X(E, BOOL, exhausted,        ,                RO,             0,     0, "Every level of every round was paged and nobody answered.") \
	X(E, TIME, due_at,           ,                RO,             0,     0, "When the next level begins unless somebody acknowledges.") \
	X(E, TIME, detected_at,      ,                RO,             0,     0, "When the first alert was accepted.") \
	X(E, TIME, last_alert_at,    ,                RO,             0,     0, "When the latest alert was accepted.") \
	X(E, TIME, acknowledged_at,  ,                RO,             0,     0, "When the acknowledgement in force was given.") \
	X(E, STR,  acknowledged_by,  ,                RO | NIL,       0,   128, "Who gave it: user:ID, token:NAME, integration:ID, local.") \
	X(E, STR,  acknowledged_via, ,                RO | NIL,       0,    32, "How: api, cli, events_v2, generic.") \
	X(E, TIME, resolved_at,      ,                RO,             0,     0, "When it ended.") \
	X(E, STR,  resolved_by,      ,                RO | NIL,       0,   128, "Who ended it.") \
	X(E, STR,  root_cause,       ,                NIL,            0, 65536, "Why it happened, in the resolver's words.") \
	X(E, STRS, resolution_steps, ,                0,              0,    64, "What was done, in order.") \
	X(E, INT,  entries,          ,                RO | INNER,     0,     0, "Length of the timeline; the next entry's sequence.") \
	X(E, INT,  reign,            ,                RO | INNER,     0,     0, "The reign of a standby in which it was taken over or began; 0: none.") \
	X(E, INT,  own_round,        ,                RO | INNER,     0,     0, "The round which that take-over began: pages of earlier ones are not ours to send.") \
	X(E, INT,  version,          ,                VIEW | RO,      0,     0, "Counts every change; the ETag.")
ENTITY_STRUCT(incident, INCIDENT);

/* One dedup key of one integration and service. It is open while is_open and its incident is not resolved; a key that comes
 * back is overwritten, never deleted. */
#define ALERT(X, E) \
	X(E, STR,  id,          , RO,  0,   64, "Hex SHA-256 of integration, service and dedup key, NUL between.") \
	X(E, STR,  integration, , RO,  0,   64, "Who sent it; a key means nothing outside its integration.") \
	X(E, STR,  dedup_key,   , RO,  0,  255, "The sender's name for this trouble.") \
	X(E, STR,  service,     , RO,  0,   64, "The service it was sent to.") \
	X(E, STR,  incident,    , RO,  0,   36, "The incident it was last folded into.") \
	X(E, BOOL, is_open,     , RO,  0,    0, "Its source has not resolved it.") \
	X(E, SEV,  severity,    , RO,  1,    5, "Of its latest event.") \
	X(E, STR,  summary,     , RO,  0, 1024, "Of its latest event.") \
	X(E, INT,  count,       , RO,  0,    0, "Events folded into this incident under this key.") \
	X(E, TIME, first_at,    , RO,  0,    0, "When the first of them was accepted.") \
	X(E, TIME, last_at,     , RO,  0,    0, "When the latest was accepted.")
ENTITY_STRUCT(alert, ALERT);

/* Where a service that groups by service keeps its one open incident. id: service/ID. */
#define GROUP(X, E) \
	X(E, STR, id,       , RO, 0, 128, "service/ID.") \
	X(E, STR, incident, , RO, 0,  36, "The incident last opened for it.")
ENTITY_STRUCT(group, GROUP);

/* The timeline: one entry for each decision, written in the commit of that decision, never changed.
 * id: INCIDENT/SEQUENCE with the sequence padded to 6 digits, so that id order is time order. */
#define ENTRY_TYPE(X) \
	X(ENTRY_DETECTED, "detected") X(ENTRY_ALERT, "alert") X(ENTRY_LEVEL, "level") X(ENTRY_NOBODY, "nobody") \
	X(ENTRY_EXHAUSTED, "exhausted") X(ENTRY_ACKNOWLEDGED, "acknowledged") X(ENTRY_UNACKNOWLEDGED, "unacknowledged") \
	X(ENTRY_RESOLVED, "resolved") X(ENTRY_NOTE, "note") X(ENTRY_PAGE_FAILED, "page_failed") \
	X(ENTRY_LATE, "late") X(ENTRY_TAKEN_OVER, "taken_over") X(ENTRY_HANDED_BACK, "handed_back")
ENUM_TYPE(entry_type, ENTRY_TYPE);
#define ENTRY(X, E) \
	X(E, STR,  id,     ,                RO, 0,    64, "INCIDENT/SEQUENCE.") \
	X(E, TIME, at,     ,                RO, 0,     0, "Store time of the decision.") \
	X(E, ENUM, type,   entry_type,      RO, 0,     0, "What happened.") \
	X(E, STR,  actor,  ,                RO, 0,   128, "Who: user:ID, token:NAME, integration:ID, local, tocsin.") \
	X(E, STR,  via,    ,                RO | NIL, 0, 32, "From where: api, cli, events_v2, generic, timer, courier.") \
	X(E, ENUM, before, incident_status, RO, 0,     0, "Status before.") \
	X(E, ENUM, after,  incident_status, RO, 0,     0, "Status after.") \
	X(E, INT,  round,  ,                RO, 0,     0, "Round it belongs to.") \
	X(E, INT,  level,  ,                RO, 0,     0, "Level it belongs to.") \
	X(E, STR,  text,   ,                RO, 0, 65536, "One sentence that explains it, or the note.") \
	X(E, STRS, pages,  ,                RO, 0,   100, "Pages owed by this decision.") \
	X(E, STR,  alert,  ,                RO | INNER, 0, 64, "The alert document it changed, where that is not the one that opened the incident.")
ENTITY_STRUCT(entry, ENTRY);

/* One notification owed to one address: the outbox. id: INCIDENT/ROUND/LEVEL/TARGET/RULE, all numbers places in the policy
 * as it was, so nothing can owe the same page twice. The document's due time is when it must be looked at: to be sent, or because
 * the claim of whoever was sending it ran out. No due: it has ended. */
#define PAGE_STATUS(X) X(PAGE_OWED, "owed") X(PAGE_DELIVERED, "delivered") X(PAGE_FAILED, "failed") X(PAGE_CANCELLED, "cancelled")
ENUM_TYPE(page_status, PAGE_STATUS);
#define PAGE(X, E) \
	X(E, STR,  id,          ,            RO, 0,  128, "INCIDENT/ROUND/LEVEL/TARGET/RULE; the idempotency key of every attempt.") \
	X(E, STR,  incident,    ,            RO, 0,   36, "What it is about.") \
	X(E, INT,  round,       ,            RO, 0,    0, "Round that owed it.") \
	X(E, INT,  level,       ,            RO, 0,    0, "Level that owed it.") \
	X(E, STR,  target,      ,            RO, 0,  320, "As the policy names it: user:amira, mail:a@example.com.") \
	X(E, STR,  channel,     ,            RO, 0,   64, "Channel it goes over.") \
	X(E, STR,  address,     ,            RO | NIL, 0, 256, "Where on that channel; null when the channel has one place only.") \
	X(E, ENUM, status,      page_status, RO, 0,    0, "What became of it.") \
	X(E, INT,  attempt,     ,            RO, 0,    0, "Attempts begun.") \
	X(E, STR,  owner,       ,            RO | NIL, 0, 64, "Replica that began the latest attempt; before the first, the one that wrote it.") \
	X(E, TIME, owed_at,     ,            RO, 0,    0, "When it became owed.") \
	X(E, TIME, claimed_at,  ,            RO, 0,    0, "When the latest attempt began.") \
	X(E, TIME, retry_at,    ,            RO, 0,    0, "When it is looked at next: to be sent, or because the claim ran out.") \
	X(E, TIME, ended_at,    ,            RO, 0,    0, "When it was delivered, failed or cancelled.") \
	X(E, STR,  reason,      ,            RO | NIL, 0, 1024, "Why it was retried, failed or cancelled; what the provider said.")
ENTITY_STRUCT(page, PAGE);

/* An idempotency key that was used: the same request again gets the same answer for 24 h. id: hex SHA-256 of integration, NUL, key. */
#define RECEIPT(X, E) \
	X(E, STR,  id,          , RO, 0,  64, "Hex SHA-256 of integration, NUL, key.") \
	X(E, STR,  fingerprint, , RO, 0,  64, "Hex SHA-256 of the request body.") \
	X(E, STR,  incident,    , RO, 0,  36, "What the request led to; empty when it changed nothing.") \
	X(E, STR,  dedup_key,   , RO, 0, 255, "The key that was answered.") \
	X(E, BOOL, has_opened,  , RO, 0,   0, "Whether it opened the incident, as the answer said.") \
	X(E, TIME, at,          , RO, 0,   0, "When.")
ENTITY_STRUCT(receipt, RECEIPT);

/* Where one deployment stands by for another: what part it plays, kept so that a restart changes nothing. One document, id "self"; a deployment
 * that never stood by has none. */
#define REGION_PART(X) X(PART_STANDBY, "standby") X(PART_LEADING, "leading") X(PART_YIELDING, "yielding")
ENUM_TYPE(region_part, REGION_PART);
#define REGION(X, E) \
	X(E, STR,  id,     ,            RO, 0,    8, "self.") \
	X(E, ENUM, part,   region_part, RO, 0,    0, "standby: copies and is silent; leading: pages; yielding: hands back what it led.") \
	X(E, INT,  reign,  ,            RO, 0,    0, "Names the latest reign: when it began, in ms, so that no two sides ever mean two by one name.") \
	X(E, TIME, since,  ,            RO, 0,    0, "When it began to play this part.") \
	X(E, TIME, seen_at, ,           RO, 0,    0, "When a replica of this standby last saw the primary at work, now and then.") \
	X(E, STR,  by,     ,            RO, 0,  128, "Who said so: keep-alive, token:NAME, local.") \
	X(E, STR,  reason, ,            RO, 0, 1024, "Why, in one sentence.") \
	X(E, STR,  oldest, ,            RO, 0,   36, "No incident of the latest reign has a lower id.")
ENTITY_STRUCT(region, REGION);

/* A row of numbers handed out in blocks (incident numbers). */
#define COUNTER(X, E) \
	X(E, STR, id,   , RO, 0, 64, "What it counts.") \
	X(E, INT, next, , RO, 0,  0, "The next number nobody has.")
ENTITY_STRUCT(counter, COUNTER);

#define TOKEN(X, E) \
	X(E, STR,  id,         , RO,         0,  16, "The public part; how it is found.") \
	X(E, STR,  name,       , REQ,        1,  64, "What it is for; shown as the actor token:NAME.") \
	X(E, STR,  hash,       , RO | INNER, 0,  64, "Hex SHA-256 of the whole token; the token itself is shown once.") \
	X(E, STRS, scopes,     , 0,          0,   8, "read, write, admin, metrics, replicate.") \
	X(E, TIME, created_at, , RO,         0,   0, "When it was made.") \
	X(E, STR,  created_by, , RO,         0, 128, "By whom.") \
	X(E, TIME, expires_at, , 0,          0,   0, "When it stops working; null: never.") \
	X(E, TIME, revoked_at, , RO,         0,   0, "When it was taken back.")
ENTITY_STRUCT(token, TOKEN);
/* clang-format on */
#endif
