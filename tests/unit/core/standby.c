/* standby.c - when a standby takes over and when it yields: every case of a small world, against the laws, and the few that decide. */
#include "fixture.h"
#include "core/standby.h"

enum { SECOND = 1000 };

static struct sight calm(enum region_part part)
{
	return (struct sight){ .part = part, .is_seen = true, .seen_ms = MINUTE, .part_ms = MINUTE, .take_over_after_ms = 2 * MINUTE,
		.yield_after_ms = 30 * SECOND };
}

/* Eight yes or no, three durations around their limits, three parts. */
static struct sight case_of(unsigned n)
{
	static const int64_t unseen[] = { 0, 2 * MINUTE - 1, 2 * MINUTE }, seen[] = { 0, 30 * SECOND - 1, 30 * SECOND };
	struct sight s = calm((enum region_part)(n % 3));
	n /= 3;
	s.unseen_ms = unseen[n % 3];
	s.seen_ms = seen[n / 3 % 3];
	n /= 9;
	s.is_seen = n & 1;
	s.wants_lead = n & 2;
	s.wants_yield = n & 4;
	s.is_by_hand = n & 8;
	s.is_given_back = n & 16;
	s.part_ms = n & 32 ? UNDER_WAY_MS : UNDER_WAY_MS - 1;
	return s;
}
enum { CASES = 3 * 9 * 64 };

static bool pages(enum region_part part)
{
	return part != PART_STANDBY;
}

static void it_never_stops_paging_unless_the_primary_is_seen_and_has_everything(void **state)
{
	(void)state;
	for (unsigned n = 0; n < CASES; n++) {
		struct sight s = case_of(n);
		enum region_part next = standby_next(&s);
		if (pages(s.part) && !pages(next))
			assert_true(s.part == PART_YIELDING && s.is_seen && s.is_given_back && s.part_ms >= UNDER_WAY_MS);
		if (s.part == PART_LEADING)
			assert_true(next != PART_STANDBY);                         /* never without giving back */
		if (next == PART_YIELDING && s.part == PART_LEADING)
			assert_true(s.is_seen);
	}
}

static void it_takes_over_when_told_or_after_a_silence_and_never_otherwise(void **state)
{
	(void)state;
	for (unsigned n = 0; n < CASES; n++) {
		struct sight s = case_of(n);
		bool is_called = s.wants_lead || (!s.is_seen && s.unseen_ms >= s.take_over_after_ms);
		if (s.part != PART_LEADING)
			assert_int_equal(standby_next(&s) == PART_LEADING, is_called);
	}
}

static void who_was_promoted_by_hand_yields_by_hand(void **state)
{
	(void)state;
	for (unsigned n = 0; n < CASES; n++) {
		struct sight s = case_of(n);
		bool may_yield = s.is_seen && (s.wants_yield || (!s.is_by_hand && s.seen_ms >= s.yield_after_ms));
		if (s.part == PART_LEADING)
			assert_int_equal(standby_next(&s) == PART_YIELDING, may_yield);
	}
}

static void what_it_does_is_what_the_page_says(void **state)
{
	(void)state;
	struct sight s = calm(PART_STANDBY);
	assert_int_equal(standby_next(&s), PART_STANDBY);
	s.is_seen = false;
	s.unseen_ms = 2 * MINUTE;
	assert_int_equal(standby_next(&s), PART_LEADING);
	s = calm(PART_LEADING);
	assert_int_equal(standby_next(&s), PART_YIELDING);
	s = calm(PART_YIELDING);
	assert_int_equal(standby_next(&s), PART_YIELDING);
	s.is_given_back = true;
	assert_int_equal(standby_next(&s), PART_STANDBY);
}

static void a_primary_is_at_work_while_its_engine_goes_round(void **state)
{
	(void)state;
	assert_true(is_at_work(S("primary"), T0, T0));
	assert_true(is_at_work(S("primary"), T0 + CYCLE_OLD_MS, T0));
	assert_false(is_at_work(S("primary"), T0 + CYCLE_OLD_MS + 1, T0));
	assert_false(is_at_work(S("standby"), T0, T0));
	assert_false(is_at_work(S("leading"), T0, T0));
	assert_false(is_at_work(S(""), T0, T0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_never_stops_paging_unless_the_primary_is_seen_and_has_everything),
		cmocka_unit_test(it_takes_over_when_told_or_after_a_silence_and_never_otherwise),
		cmocka_unit_test(who_was_promoted_by_hand_yields_by_hand),
		cmocka_unit_test(what_it_does_is_what_the_page_says),
		cmocka_unit_test(a_primary_is_at_work_while_its_engine_goes_round),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
