/* rng.c - the generator against its published definition, and its helpers at their edges. */
#include "base/rng.h"
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

/* xoshiro256** from the state 1, 2, 3, 4: its first four numbers. */
static void the_row_is_that_of_xoshiro256ss(void **state)
{
	(void)state;
	struct rng r = { { 1, 2, 3, 4 } };
	static const uint64_t want[] = { 11520, 0, 1509978240, 1215971899390074240 };
	for (size_t i = 0; i < COUNT(want); i++)
		assert_true(rng_u64(&r) == want[i]);
}

/* splitmix64 from 0: its first number. */
static void the_seed_is_spread_by_splitmix64(void **state)
{
	(void)state;
	assert_true(rng_seeded(0).s[0] == UINT64_C(0xe220a8397b1dcdaf));
}

static void the_same_seed_gives_the_same_row_and_another_seed_another(void **state)
{
	(void)state;
	struct rng a = rng_seeded(42), b = rng_seeded(42), c = rng_seeded(43);
	size_t same = 0;
	for (int i = 0; i < 1000; i++) {
		uint64_t v = rng_u64(&a);
		assert_true(v == rng_u64(&b));
		same += v == rng_u64(&c);
	}
	assert_int_equal(same, 0);
}

static void both_ends_of_a_range_are_met_and_nothing_beyond(void **state)
{
	(void)state;
	struct rng r = rng_seeded(1);
	size_t seen[7] = { 0 };
	for (int i = 0; i < 7000; i++) {
		int64_t v = rng_between(&r, -3, 3);
		assert_true(v >= -3 && v <= 3);
		seen[v + 3]++;
	}
	for (size_t i = 0; i < COUNT(seen); i++)
		assert_in_range(seen[i], 800, 1200);
	assert_int_equal(rng_between(&r, 5, 5), 5);
	assert_int_equal(rng_between(&r, INT64_MIN, INT64_MIN), INT64_MIN);
	size_t negative = 0;
	for (int i = 0; i < 1000; i++)
		negative += rng_between(&r, INT64_MIN, INT64_MAX) < 0;
	assert_in_range(negative, 400, 600);
}

static void chances_come_as_often_as_they_say(void **state)
{
	(void)state;
	struct rng r = rng_seeded(2);
	size_t hits = 0;
	for (int i = 0; i < 100000; i++) {
		assert_false(rng_chance(&r, 0));
		assert_true(rng_chance(&r, 1000000));
		hits += rng_chance(&r, 250000);
	}
	assert_in_range(hits, 24000, 26000);
}

static void exactly_the_bytes_asked_for_are_filled(void **state)
{
	(void)state;
	struct rng r = rng_seeded(3);
	for (size_t n = 0; n <= 20; n++) {
		uint8_t p[24], q[24];
		memset(p, 0x11, sizeof p);
		memset(q, 0x22, sizeof q);
		struct rng again = r;
		rng_bytes(&r, p, n);
		rng_bytes(&again, q, n);
		assert_memory_equal(p, q, n);
		for (size_t i = n; i < sizeof p; i++)
			assert_int_equal(p[i], 0x11);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_row_is_that_of_xoshiro256ss),
		cmocka_unit_test(the_seed_is_spread_by_splitmix64),
		cmocka_unit_test(the_same_seed_gives_the_same_row_and_another_seed_another),
		cmocka_unit_test(both_ends_of_a_range_are_met_and_nothing_beyond),
		cmocka_unit_test(chances_come_as_often_as_they_say),
		cmocka_unit_test(exactly_the_bytes_asked_for_are_filled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
