/* life.c - the life of an incident as a table. Rows are states, columns are what happens; a pair that is not here is a refusal.
 *
 * What is deliberate: an alert on an acknowledged incident is counted and pages nobody. Nothing leaves RESOLVED: an alert that comes after it
 * opens a new incident. A source may resolve what a person acknowledged. Only un-acknowledging (by a person, by the acknowledgement's time-out
 * or by a standby's take-over) goes back, and then paging begins a new round from the first level.
 */
#include "core/decide.h"
#include <assert.h>

ENUM_NAMES(incident_event, INCIDENT_EVENT);
ENUM_NAMES(outcome, OUTCOME);

/* clang-format off */
static const struct move moves[][6] = {
	[DETECTED] = {
		[EV_ALERT]         = { true, DETECTED,     ACT_COUNT },
		[EV_ACKNOWLEDGE]   = { true, ACKNOWLEDGED, ACT_STOP_PAGING },
		[EV_RESOLVE]       = { true, RESOLVED,     ACT_STOP_PAGING },
		[EV_DUE]           = { true, DETECTED,     ACT_NEXT_LEVEL },
		[EV_TAKE_OVER]     = { true, DETECTED,     ACT_NEW_ROUND },
	},
	[ACKNOWLEDGED] = {
		[EV_ALERT]         = { true, ACKNOWLEDGED, ACT_COUNT },
		[EV_ACKNOWLEDGE]   = { true, ACKNOWLEDGED, ACT_KEEP },
		[EV_UNACKNOWLEDGE] = { true, DETECTED,     ACT_NEW_ROUND },
		[EV_RESOLVE]       = { true, RESOLVED,     ACT_STOP_PAGING },
		[EV_DUE]           = { true, DETECTED,     ACT_NEW_ROUND },
		[EV_TAKE_OVER]     = { true, DETECTED,     ACT_NEW_ROUND | ACT_NEXT_LEVEL },
	},
	[RESOLVED] = {
		[EV_DUE]           = { true, RESOLVED,     ACT_KEEP },
		[EV_TAKE_OVER]     = { true, RESOLVED,     ACT_KEEP },
	},
};
/* clang-format on */

struct move incident_move(enum incident_status from, enum incident_event ev)
{
	assert((size_t)from < COUNT(moves));
	assert((size_t)ev < COUNT(moves[0]));
	return moves[from][ev];
}
