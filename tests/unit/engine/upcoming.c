/* upcoming.c - what is known to become due: in order, once, and no more than fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "engine/upcoming.h"

enum { MANY = 1 << 14 };

static void add(struct upcoming *u, int64_t due_ms, const char *id)
{
	assert_true(upcoming_add(u, due_ms, str_c(id), S("mail")));
}

static void what_is_due_is_taken_once_in_the_order_it_came_and_the_rest_stays(void **state)
{
	struct upcoming u = { 0 };
	struct coming due[4];
	(void)state;
	upcoming_begin(&u);
	add(&u, 30, "c");
	add(&u, 20, "b");
	add(&u, 10, "a");
	assert_int_equal(u.least_ms, 10);
	assert_int_equal(upcoming_take(&u, 9, due, 4, NULL, NULL), 0);
	assert_int_equal(upcoming_take(&u, 20, due, 4, NULL, NULL), 2);
	assert_true(str_eq(due[0].id, S("b")) && str_eq(due[1].id, S("a")) && str_eq(due[0].channel, S("mail")));
	assert_int_equal(u.least_ms, 30);
	assert_int_equal(upcoming_take(&u, 20, due, 4, NULL, NULL), 0);
	assert_int_equal(upcoming_take(&u, 30, due, 4, NULL, NULL), 1);
	assert_int_equal(u.least_ms, INT64_MAX);
	upcoming_free(&u);
}

static enum wish all_but(void *ctx, const struct coming *c)
{
	return str_eq(c->id, S("later")) ? WISH_LATER : str_eq(c->id, str_c(ctx)) ? WISH_ASIDE : WISH_TAKE;
}

static void what_is_put_aside_stays_and_calls_for_nothing(void **state)
{
	struct upcoming u = { 0 };
	struct coming due[4];
	char aside[] = "a";
	(void)state;
	upcoming_begin(&u);
	add(&u, 10, "a");
	add(&u, 20, "b");
	add(&u, 90, "c");
	assert_int_equal(upcoming_take(&u, 30, due, 4, all_but, aside), 1);
	assert_true(str_eq(due[0].id, S("b")));
	assert_int_equal(u.n_aside, 1);
	assert_int_equal(u.least_ms, 90);
	assert_int_equal(upcoming_take(&u, 30, due, 4, NULL, NULL), 0);
	add(&u, 30, "later");
	assert_int_equal(upcoming_take(&u, 30, due, 4, all_but, aside), 0);
	assert_int_equal(u.least_ms, 30);                         /* of the one that stays due */
	upcoming_take_up(&u);
	assert_int_equal(u.n_aside, 0);
	assert_int_equal(u.least_ms, 10);
	assert_int_equal(upcoming_take(&u, 30, due, 4, NULL, NULL), 2);
	assert_true(str_eq(due[0].id, S("a")));
	upcoming_free(&u);
}

static void what_a_look_did_not_reach_is_known_still_and_comes_last(void **state)
{
	struct upcoming u = { 0 };
	struct coming due[8];
	char aside[] = "d";
	(void)state;
	upcoming_begin(&u);
	for (int round = 0; round < 3; round++) {                 /* their texts move each time */
		add(&u, 10, "a");
		add(&u, 20, "b");
		add(&u, 20, "c");
		add(&u, 30, "d");
		assert_int_equal(upcoming_take(&u, 40, due, 0, all_but, aside), 0);
		upcoming_look(&u);
		assert_int_equal(u.n, 0);
		add(&u, 5, "found");
		upcoming_looked(&u, 20, S("b"));
		assert_int_equal(u.n_aside, 0);
		assert_int_equal(u.least_ms, 5);
		assert_int_equal(upcoming_take(&u, 40, due, 8, NULL, NULL), 3);
		assert_true(str_eq(due[0].id, S("found")) && str_eq(due[1].id, S("c")) && str_eq(due[2].id, S("d")));
		assert_true(str_eq(due[2].channel, S("mail")));
	}
	add(&u, 10, "a");
	upcoming_look(&u);
	upcoming_looked(&u, INT64_MAX, S(""));
	assert_int_equal(u.n, 0);                                 /* that look saw everything */
	upcoming_free(&u);
}

static void more_than_is_asked_for_is_due_still(void **state)
{
	struct upcoming u = { 0 };
	struct coming due[2];
	(void)state;
	upcoming_begin(&u);
	add(&u, 1, "a");
	add(&u, 3, "b");
	add(&u, 2, "c");
	assert_int_equal(upcoming_take(&u, 5, due, 2, NULL, NULL), 2);
	assert_int_equal(u.least_ms, 2);
	assert_int_equal(upcoming_take(&u, 5, due, 2, NULL, NULL), 1);
	assert_true(str_eq(due[0].id, S("c")));
	upcoming_free(&u);
}

static void what_does_not_fit_is_refused_and_a_new_beginning_makes_room(void **state)
{
	struct upcoming u = { 0 };
	struct coming due[1];
	int64_t n = 0;
	(void)state;
	upcoming_begin(&u);
	while (n < MANY && upcoming_add(&u, n, S("an-incident/and-its-page"), S("mail")))
		n++;
	assert_in_range(n, 1024, MANY - 1);
	assert_int_equal(upcoming_take(&u, INT64_MAX, due, 1, NULL, NULL), 1);
	assert_int_equal(due[0].due_ms, 0);
	upcoming_begin(&u);
	assert_int_equal(upcoming_take(&u, INT64_MAX, due, 1, NULL, NULL), 0);
	add(&u, 1, "a");
	upcoming_free(&u);
}

static void names_of_any_length_are_kept_or_refused(void **state)
{
	static char longest[1000];
	struct upcoming u = { 0 };
	int n = 0;
	(void)state;
	memset(longest, 'x', sizeof longest);
	upcoming_begin(&u);
	while (n < MANY && upcoming_add(&u, 1, (struct str){ longest, sizeof longest }, S("")))
		n++;
	assert_in_range(n, 512, 2048);
	upcoming_free(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_due_is_taken_once_in_the_order_it_came_and_the_rest_stays),
		cmocka_unit_test(what_is_put_aside_stays_and_calls_for_nothing),
		cmocka_unit_test(what_a_look_did_not_reach_is_known_still_and_comes_last),
		cmocka_unit_test(more_than_is_asked_for_is_due_still),
		cmocka_unit_test(what_does_not_fit_is_refused_and_a_new_beginning_makes_room),
		cmocka_unit_test(names_of_any_length_are_kept_or_refused),
	};
	return cmocka_run_group_tests_name("engine/upcoming", tests, NULL, NULL);
}
