/* facts.h - what the checkers know of a stored document: read from its JSON by a reader of their own.
 *
 * Only the first level is read, members that are not listed are passed over, absent ones are zero. Texts are views into the
 * document, still escaped. A status is the first letter of its word; absent is the first of its words.
 */
#ifndef SIM_FACTS_H
#define SIM_FACTS_H
#include "base/base.h"

struct fact_incident {
	struct str id, service, source, dedup_key, policy, acknowledged_by;
	int64_t number, level, round, passes, alert_count, open_alerts, entries, due_at, resolved_at;
	bool exhausted;
	char status;                     /* d a r */
};
struct fact_alert { struct str id, integration, dedup_key, service, incident, summary; int64_t count; bool is_open; };
struct fact_entry { struct str id, type, actor, via, text, pages; int64_t round, level; char before, after; };
struct fact_page {
	struct str id, incident, target, channel, address, owner, reason;
	int64_t round, level, attempt, owed_at, claimed_at, retry_at, ended_at;
	char status;                     /* o d f c */
};
struct fact_receipt { struct str id, fingerprint, incident, dedup_key; };
struct facts {
	union { struct fact_incident incident; struct fact_alert alert; struct fact_entry entry; struct fact_page page;
		struct fact_receipt receipt; };
};
/* false: not one flat JSON object. Kinds that are of no interest are only zeroed. */
bool facts_read(struct facts *f, unsigned kind, struct str body) MUST_USE;
#endif
