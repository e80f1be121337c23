/* share.c - who takes a piece of work first: exactly one at any moment, everybody in turn, and a replica that goes moves nothing but its own share. */
#include "core/share.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

enum { KEYS = 3000, MOST = 12 };
static const char *const names[MOST] = { "web-0", "web-1", "web-2", "web-3", "web-4", "web-5", "web-6", "web-7", "web-8", "web-9", "db-0", "db-1" };

/* The crew of n as its i-th member sees it. */
static struct crew crew_of(size_t n, size_t i)
{
	struct crew c = { .me = str_c(names[i]) };
	for (size_t k = 0; k < n; k++)
		if (k != i)
			c.others[c.n_others++] = str_c(names[k]);
	return c;
}

static struct str key_of(size_t i, char out[32])
{
	return (struct str){ out, (size_t)snprintf(out, 32, "incident-%zu", i) };
}

/* Who of n takes it at that moment; n: more than one, or nobody. */
static size_t taker_of(size_t n, struct str key, struct str holder, bool was_tried, int64_t overdue_ms)
{
	size_t found = n, takers = 0;
	for (size_t i = 0; i < n; i++) {
		struct crew c = crew_of(n, i);
		if (!share_is_mine(&c, &(struct piece){ key, holder, was_tried, overdue_ms }))
			continue;
		found = i;
		takers++;
	}
	return takers == 1 ? found : n;
}

static size_t taker(size_t n, struct str key, struct str holder, int64_t overdue_ms)
{
	return taker_of(n, key, holder, false, overdue_ms);
}

static void whoever_is_alone_takes_everything_at_once(void **state)
{
	struct crew c = crew_of(1, 0);
	char text[32];
	(void)state;
	for (size_t k = 0; k < KEYS; k++)
		assert_true(share_is_mine(&c, &(struct piece){ key_of(k, text), S("somebody else"), k % 2, (int64_t)k }));
}

static void at_any_moment_each_piece_has_one_taker(void **state)
{
	char text[32];
	(void)state;
	for (size_t n = 2; n <= SHARE_ORDER_MAX; n++)
		for (size_t k = 0; k < 200; k++)
			for (int64_t age = -1000; age < SHARE_ANYBODY_MS; age += 250)
				assert_int_not_equal(taker(n, key_of(k, text), S(""), age), n);
}

static void the_shares_are_even(void **state)
{
	size_t has[3] = { 0 };
	char text[32];
	(void)state;
	for (size_t k = 0; k < KEYS; k++)
		has[taker(3, key_of(k, text), S(""), 0)]++;
	for (size_t i = 0; i < 3; i++)
		assert_true(has[i] > KEYS / 4 && has[i] < KEYS * 5 / 12);
}

static void who_goes_moves_only_its_own_share(void **state)
{
	char text[32];
	(void)state;
	for (size_t k = 0; k < KEYS; k++) {
		size_t before = taker(4, key_of(k, text), S(""), 0), after = taker(3, key_of(k, text), S(""), 0);
		assert_true(before == 3 || before == after);
	}
}

static void whoever_holds_it_comes_first_and_the_others_in_turn(void **state)
{
	char text[32];
	(void)state;
	for (size_t k = 0; k < 200; k++) {
		struct str key = key_of(k, text);
		bool was[3] = { false, true, false };
		assert_int_equal(taker(3, key, str_c(names[1]), SHARE_SLOT_MS - 1), 1);
		for (int64_t slot = 1; slot < 3; slot++)
			was[taker(3, key, str_c(names[1]), slot * SHARE_SLOT_MS)] = true;
		assert_true(was[0] && was[1] && was[2]);
		assert_int_equal(taker(3, key, str_c(names[1]), 3 * SHARE_SLOT_MS), 1);
	}
}

static void whoever_has_tried_it_comes_last(void **state)
{
	char text[32];
	(void)state;
	for (size_t k = 0; k < 200; k++)
		for (size_t n = 2; n <= SHARE_ORDER_MAX; n++) {
			struct str key = key_of(k, text);
			assert_int_equal(taker_of(n, key, str_c(names[1]), true, (int64_t)(n - 1) * SHARE_SLOT_MS), 1);
			for (int64_t slot = 0; slot < (int64_t)n - 1; slot++)
				assert_in_set(taker_of(n, key, str_c(names[1]), true, slot * SHARE_SLOT_MS), ((const uintmax_t[]){ 0, 2, 3 }), n);
		}
}

static void a_holder_that_is_not_there_counts_for_nothing(void **state)
{
	char text[32];
	(void)state;
	for (size_t k = 0; k < 200; k++)
		assert_int_equal(taker(3, key_of(k, text), S("web-9"), 0), taker(3, key_of(k, text), S(""), 0));
}

/* Looking once a second, each of any number of replicas gets a turn before everybody may. */
static void everybody_has_a_turn_before_it_is_anybodys(void **state)
{
	char text[32];
	(void)state;
	for (size_t n = 1; n <= MOST; n++)
		for (size_t k = 0; k < 100; k++)
			for (size_t i = 0; i < n; i++) {
				struct crew c = crew_of(n, i);
				int64_t age = (int64_t)(k * 10 % 1000);
				while (age < SHARE_ANYBODY_MS && !share_is_mine(&c, &(struct piece){ key_of(k, text), str_c(names[k % n]), k % 3 == 0, age }))
					age += 1000;
				assert_true(age < SHARE_ANYBODY_MS);
				assert_true(share_is_mine(&c, &(struct piece){ key_of(k, text), str_c(names[k % n]), false, SHARE_ANYBODY_MS }));
			}
}

static void a_replica_is_gone_fifteen_seconds_after_it_was_seen(void **state)
{
	struct replica r = { .seen_at = 100000, .state = REPLICA_DRAINING };
	(void)state;
	assert_int_equal(replica_state_at(&r, 115000), REPLICA_DRAINING);
	assert_int_equal(replica_state_at(&r, 115001), REPLICA_GONE);
	r.state = REPLICA_LIVE;
	assert_int_equal(replica_state_at(&r, 99000), REPLICA_LIVE);     /* clocks differ a little */
}

static void what_stays_of_an_id_is_what_stands_before_the_tilde(void **state)
{
	static const struct { const char *id, *seat; } row[] = { { "pod-3~00a1f2", "pod-3" }, { "web-0-4711-00a1f2", "" }, { "", "" }, { "~00a1f2", "" } };
	(void)state;
	for (size_t i = 0; i < COUNT(row); i++)
		assert_true(str_eq(replica_seat(str_c(row[i].id)), str_c(row[i].seat)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_is_alone_takes_everything_at_once),
		cmocka_unit_test(at_any_moment_each_piece_has_one_taker),
		cmocka_unit_test(the_shares_are_even),
		cmocka_unit_test(who_goes_moves_only_its_own_share),
		cmocka_unit_test(whoever_holds_it_comes_first_and_the_others_in_turn),
		cmocka_unit_test(whoever_has_tried_it_comes_last),
		cmocka_unit_test(a_holder_that_is_not_there_counts_for_nothing),
		cmocka_unit_test(everybody_has_a_turn_before_it_is_anybodys),
		cmocka_unit_test(what_stays_of_an_id_is_what_stands_before_the_tilde),
		cmocka_unit_test(a_replica_is_gone_fifteen_seconds_after_it_was_seen),
	};
	return cmocka_run_group_tests_name("core/share", tests, NULL, NULL);
}
