/* retain.c - see retain.h. */
#include "core/retain.h"
#include "base/mutant.h"
#include <assert.h>

int64_t retain_incident_until(const struct world *w, const struct incident *inc, int64_t expire)
{
	assert(w->keep_ms > 0 && w->events_ms <= w->keep_ms);
	if (inc->status != RESOLVED && !MUTANT(36))
		return INT64_MAX;
	int64_t until = inc->resolved_at + w->keep_ms;
	return until < expire ? until : expire;
}

bool retain_ends_alert(const struct alert *a, const struct incident *inc)
{
	return a->is_open && (inc == NULL || inc->status == RESOLVED || MUTANT(60));
}
