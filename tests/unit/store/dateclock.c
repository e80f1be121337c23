/* dateclock.c - store time learnt from dates in whole seconds, against a service whose time the test knows. */
#include "store/dateclock.h"
#include "base/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The service's time is the boot clock's reading, drifted, plus an offset. */
struct world { int64_t boot, offset, drift_ppm, wall; };

static int64_t boot(void *ctx)
{
	return ((struct world *)ctx)->boot;
}

static int64_t wall(void *ctx)
{
	return ((struct world *)ctx)->wall;
}

static int64_t truth(const struct world *w)
{
	return w->boot + w->boot * w->drift_ppm / 1000000 + w->offset;
}

/* A request that takes so long there and back. */
static void ask(struct world *w, struct dateclock *c, int64_t there, int64_t back)
{
	int64_t sent = w->boot;
	w->boot += there;
	int64_t date = truth(w) / 1000 * 1000;
	w->boot += back;
	dateclock_see(c, date, sent, w->boot);
}

static void start(struct world *w, struct dateclock *c, int64_t drift_ppm)
{
	*w = (struct world){ .boot = 7000, .offset = INT64_C(1760000000123), .drift_ppm = drift_ppm, .wall = 42 };
	dateclock_init(c, (struct store_clock){ w, boot, wall });
}

static void the_truth_is_always_within_the_error(void **state)
{
	(void)state;
	for (int64_t drift = -490; drift <= 490; drift += 490) {
		struct world w;
		struct dateclock c;
		struct rng rng = rng_seeded(5);
		int64_t last = 0, err = 0;
		start(&w, &c, drift);
		for (int i = 0; i < 20000; i++) {
			ask(&w, &c, rng_between(&rng, 0, 40), rng_between(&rng, 0, 40));
			w.boot += rng_chance(&rng, 1000) ? 600000 : rng_between(&rng, 0, 100);
			int64_t now = dateclock_now(&c, &err);
			assert_true(now >= last && now - err <= truth(&w) && now + err >= truth(&w));
			last = now;
		}
		dateclock_done(&c);
	}
}

static void a_few_seconds_of_answers_make_it_good_to_tens_of_milliseconds(void **state)
{
	(void)state;
	struct world w;
	struct dateclock c;
	int64_t err = 0;
	start(&w, &c, 200);
	ask(&w, &c, 2, 3);
	(void)dateclock_now(&c, &err);
	assert_in_range(err, 500, 560);
	for (int i = 0; i < 300; i++) {
		w.boot += 10;
		ask(&w, &c, 2, 3);
	}
	(void)dateclock_now(&c, &err);
	assert_in_range(err, 1, 60);
	w.boot += 1000000;                                         /* silence widens it */
	(void)dateclock_now(&c, &err);
	assert_in_range(err, 500, 600);
	dateclock_done(&c);
}

static void a_service_whose_clock_was_set_is_followed_but_never_back(void **state)
{
	(void)state;
	struct world w;
	struct dateclock c;
	int64_t err = 0;
	start(&w, &c, 0);
	ask(&w, &c, 1, 1);
	w.offset += 3600000;
	ask(&w, &c, 1, 1);
	int64_t now = dateclock_now(&c, &err);
	assert_true(now - err <= truth(&w) && now + err >= truth(&w) && err < 600);
	w.offset -= 3600000;
	ask(&w, &c, 1, 1);
	assert_true(dateclock_now(&c, &err) == now);
	assert_true(now - err <= truth(&w) && err > 3500000);      /* so nothing is taken for due before its time */
	assert_true(dateclock_guess(&c) < truth(&w) + 600);        /* what is signed with goes back at once */
	dateclock_done(&c);
}

static void answers_may_come_out_of_order(void **state)
{
	(void)state;
	struct world w;
	struct dateclock c;
	int64_t err = 0;
	start(&w, &c, 0);
	int64_t early = w.boot, date = truth(&w) / 1000 * 1000;
	w.boot += 5000;
	ask(&w, &c, 1, 1);
	dateclock_see(&c, date, early, early + 1);
	int64_t now = dateclock_now(&c, &err);
	assert_true(now - err <= truth(&w) && now + err >= truth(&w) && err < 600);
	dateclock_done(&c);
}

static void until_an_answer_came_the_wall_clock_is_the_guess(void **state)
{
	(void)state;
	struct world w;
	struct dateclock c;
	start(&w, &c, 0);
	assert_int_equal(dateclock_guess(&c), 42);
	ask(&w, &c, 1, 1);
	assert_true(dateclock_guess(&c) > 1000000);
	dateclock_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_truth_is_always_within_the_error),
		cmocka_unit_test(a_few_seconds_of_answers_make_it_good_to_tens_of_milliseconds),
		cmocka_unit_test(a_service_whose_clock_was_set_is_followed_but_never_back),
		cmocka_unit_test(answers_may_come_out_of_order),
		cmocka_unit_test(until_an_answer_came_the_wall_clock_is_the_guess),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
