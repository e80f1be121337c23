/* hostclock.c - store time: follows the wall clock slowly, believes a jump only after it has held still. */
#include "store/hostclock.h"
#include "base/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct world { int64_t wall, boot; };
enum { START = 1000000000 };

static int64_t world_wall(void *ctx)
{
	return ((struct world *)ctx)->wall;
}

static int64_t world_boot(void *ctx)
{
	return ((struct world *)ctx)->boot;
}

static void start(struct hostclock *h, struct world *w, int64_t last)
{
	hostclock_init(h, (struct store_clock){ w, world_boot, world_wall }, last);
}

static void pass(struct world *w, int64_t ms)
{
	w->wall += ms;
	w->boot += ms;
}

/* Lets time pass in steps, asking at each. */
static int64_t run(struct hostclock *h, struct world *w, int64_t ms, int64_t step)
{
	for (int64_t t = 0; t < ms; t += step) {
		pass(w, step);
		(void)hostclock_now(h);
	}
	return hostclock_now(h);
}

static void it_runs_with_the_boot_clock(void **state)
{
	(void)state;
	struct world w = { START, 77 };
	struct hostclock h;
	start(&h, &w, 0);
	assert_int_equal(hostclock_now(&h), START);
	assert_int_equal(run(&h, &w, 100000, 10), START + 100000);
	hostclock_done(&h);
}

static void it_starts_at_the_last_durable_time_and_does_not_stand_still(void **state)
{
	(void)state;
	struct world w = { START, 0 };
	struct hostclock h;
	start(&h, &w, START + 3600000);
	assert_int_equal(hostclock_now(&h), START + 3600000);
	pass(&w, 10000);
	assert_int_equal(hostclock_now(&h), START + 3610000);
	hostclock_done(&h);
}

static void a_small_difference_is_slewed_at_500_ppm(void **state)
{
	(void)state;
	struct world w = { START, 0 };
	struct hostclock h;
	start(&h, &w, 0);
	w.wall += 100;
	assert_int_equal(hostclock_now(&h), START);
	assert_int_equal(run(&h, &w, 20000, 10), START + 20000 + 10);
	(void)run(&h, &w, 400000, 1000);
	assert_int_equal(hostclock_now(&h), w.wall);
	w.wall -= 50;
	int64_t before = hostclock_now(&h);
	assert_int_equal(run(&h, &w, 20000, 1000), before + 20000 - 10);
	(void)run(&h, &w, 200000, 1000);
	assert_int_equal(hostclock_now(&h), w.wall);
	hostclock_done(&h);
}

static void the_right_to_slew_is_not_saved_up(void **state)
{
	(void)state;
	struct world w = { START, 0 };
	struct hostclock h;
	start(&h, &w, 0);
	int64_t before = run(&h, &w, 3600000, 1000);
	w.wall += 3000;
	assert_int_equal(hostclock_now(&h), before);
	hostclock_done(&h);
}

static void five_seconds_are_slewed_and_one_more_millisecond_is_not(void **state)
{
	(void)state;
	struct world w = { START, 0 };
	struct hostclock h;
	start(&h, &w, 0);
	w.wall += HOSTCLOCK_STEP_MS + 1;
	assert_int_equal(run(&h, &w, 20000, 1000), START + 20000);
	w.wall -= 1;
	assert_int_equal(run(&h, &w, 20000, 1000), START + 40000 + 10);
	hostclock_done(&h);
}

static void a_jump_forward_is_followed_at_once_after_60_seconds(void **state)
{
	(void)state;
	struct world w = { START, 0 };
	struct hostclock h;
	start(&h, &w, 0);
	w.wall += 3600000;
	(void)hostclock_now(&h);
	assert_int_equal(run(&h, &w, 59000, 1000), START + 59000);
	(void)run(&h, &w, 1000, 1000);
	assert_int_equal(hostclock_now(&h), w.wall);
	hostclock_done(&h);
}

static void a_jump_that_is_taken_back_in_time_leaves_no_trace(void **state)
{
	(void)state;
	struct world w = { START, 0 };
	struct hostclock h;
	start(&h, &w, 0);
	w.wall += 86400000;
	(void)run(&h, &w, 50000, 1000);
	w.wall -= 86400000;
	assert_int_equal(run(&h, &w, 500000, 1000), START + 550000);
	hostclock_done(&h);
}

static void a_wall_clock_that_wanders_is_not_believed(void **state)
{
	(void)state;
	struct world w = { START, 0 };
	struct hostclock h;
	start(&h, &w, 0);
	for (int i = 0; i < 100; i++) {
		w.wall += 10000;
		(void)run(&h, &w, 30000, 1000);
	}
	assert_int_equal(hostclock_now(&h), START + 100 * 30000);
	hostclock_done(&h);
}

static void a_jump_back_is_slewed_and_nothing_freezes(void **state)
{
	(void)state;
	struct world w = { START, 0 };
	struct hostclock h;
	start(&h, &w, 0);
	w.wall -= 3600000;
	int64_t now = run(&h, &w, 60000, 1000);
	assert_true(now > START + 59000);
	int64_t later = run(&h, &w, 2000000, 1000);
	assert_in_range(later - now, 2000000 - 1001, 2000000 - 990);
	hostclock_done(&h);
}

static void it_never_goes_back(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(7);
	struct world w = { START, 0 };
	struct hostclock h;
	start(&h, &w, 0);
	int64_t last = hostclock_now(&h);
	for (int i = 0; i < 100000; i++) {
		pass(&w, rng_between(&rng, 0, 30));
		w.wall += rng_chance(&rng, 2000) ? rng_between(&rng, -4000000, 4000000) : rng_between(&rng, -2, 2);
		int64_t now = hostclock_now(&h);
		assert_true(now >= last);
		last = now;
	}
	hostclock_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_runs_with_the_boot_clock),
		cmocka_unit_test(it_starts_at_the_last_durable_time_and_does_not_stand_still),
		cmocka_unit_test(a_small_difference_is_slewed_at_500_ppm),
		cmocka_unit_test(the_right_to_slew_is_not_saved_up),
		cmocka_unit_test(five_seconds_are_slewed_and_one_more_millisecond_is_not),
		cmocka_unit_test(a_jump_forward_is_followed_at_once_after_60_seconds),
		cmocka_unit_test(a_jump_that_is_taken_back_in_time_leaves_no_trace),
		cmocka_unit_test(a_wall_clock_that_wanders_is_not_believed),
		cmocka_unit_test(a_jump_back_is_slewed_and_nothing_freezes),
		cmocka_unit_test(it_never_goes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
