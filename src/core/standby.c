/* standby.c - see standby.h. */
#include "core/standby.h"
#include <assert.h>

static bool is_lost(const struct sight *s)
{
	return !s->is_seen && s->unseen_ms >= s->take_over_after_ms;
}

static bool is_back(const struct sight *s)
{
	return s->is_seen && s->seen_ms >= s->yield_after_ms;
}

enum region_part standby_next(const struct sight *s)
{
	assert(s->take_over_after_ms > 0);
	switch (s->part) {
	case PART_STANDBY:
		return s->wants_lead || is_lost(s) ? PART_LEADING : PART_STANDBY;
	case PART_LEADING:
		return (s->wants_yield && s->is_seen) || (!s->is_by_hand && is_back(s)) ? PART_YIELDING : PART_LEADING;
	case PART_YIELDING:
		if (s->wants_lead || is_lost(s))
			return PART_LEADING;
		return s->is_given_back && s->is_seen && s->part_ms >= UNDER_WAY_MS ? PART_STANDBY : PART_YIELDING;
	}
	return s->part;
}

bool is_at_work(struct str part, int64_t now_ms, int64_t cycle_ms)
{
	return str_eq(part, S("primary")) && now_ms - cycle_ms <= CYCLE_OLD_MS;
}
