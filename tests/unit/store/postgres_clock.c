/* postgres_clock.c - what is made of the clock of a PostgreSQL server that is set, or is another's after a failover. */
#include "store/postgres_inside.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static int64_t given(void *ctx) { return *(int64_t *)ctx; }

static void a_clock_that_is_set_back_far_is_told_from_one_that_is_a_little_behind(void **state)
{
	(void)state;
	int64_t at = 0, now = 0, err = 0, hour = INT64_C(3600000);
	struct postgres_clock c;
	postgres_clock_init(&c, (struct store_clock){ &at, given, given });
	assert_false(postgres_clock_is_set_back(&c));              /* nothing is known yet */
	postgres_clock_note(&c, at, 2 * hour);
	postgres_clock_read(&c, &now, &err);
	assert_true(now == 2 * hour && err <= 1);
	at += 1000;
	postgres_clock_note(&c, at, 2 * hour - 3000);
	postgres_clock_read(&c, &now, &err);
	assert_true(now == 2 * hour && err >= 3000 && !postgres_clock_is_set_back(&c));      /* it stands still for three seconds */
	postgres_clock_note(&c, at - 1000, 2 * hour - 3000);
	assert_false(postgres_clock_is_set_back(&c));
	at += 1000;
	postgres_clock_note(&c, at, hour);
	assert_true(postgres_clock_is_set_back(&c));
	at += hour - 4000;                                         /* and in time it is over */
	assert_false(postgres_clock_is_set_back(&c));
	postgres_clock_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_clock_that_is_set_back_far_is_told_from_one_that_is_a_little_behind) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
