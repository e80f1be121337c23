/* retain.h - what may be forgotten, and when. Pure; the engine's janitor asks and deletes.
 *
 *	incident    keep_ms after it was resolved, together with its timeline and its pages; never while it is open or a page of it is owed
 *	alert       events_ms after its source said that it is over, or its incident was
 *	entry       with its incident; one about a repeated alert events_ms after it was written
 *	page        with its incident
 *	receipt     receipt_ms after its request; token: keep_ms after it ended
 *
 * An expiry that a document carries was worked out when it was written. A shorter retention counts for incidents that are over already as well;
 * a longer one for those resolved from then on.
 */
#ifndef CORE_RETAIN_H
#define CORE_RETAIN_H
#include "core/world.h"

/* When an incident may be forgotten, expire being what its document says; INT64_MAX: not as it is. */
int64_t retain_incident_until(const struct world *w, const struct incident *inc, int64_t expire);
/* Whether an open alert is over because its incident is: resolved, or gone (NULL). Nobody says so of the further dedup keys of a grouped incident. */
bool retain_ends_alert(const struct alert *a, const struct incident *inc);
#endif
