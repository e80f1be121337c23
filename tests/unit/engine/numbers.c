/* numbers.c - the two names of an incident: its number, which people say, and its id, whose order is time. */
#include "fixture.h"

static void a_calm_server_numbers_without_gaps(void **state)
{
	struct stage *st = *state;
	for (int i = 1; i <= 20; i++) {
		struct str id = opened(st->r, "web", "");
		assert_int_equal(incident(st, id)->number, i);
		st->mono_ms += 10 * SECOND;
	}
}

static void what_opens_nothing_uses_no_number(void **state)
{
	struct stage *st = *state;
	assert_int_equal(incident(st, opened(st->r, "web", "disk"))->number, 1);
	for (int i = 0; i < 10; i++) {
		(void)post_event(st->r, EVENT_TRIGGER, "web", "disk");
		(void)post_event(st->r, EVENT_RESOLVE, "web", "no such");
		(void)post_event(st->r, EVENT_TRIGGER, "no such", "disk");
		tick(st->r);
		st->mono_ms += SECOND;
	}
	assert_int_equal(incident(st, opened(st->r, "web", "cpu"))->number, 2);
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void a_storm_over_two_replicas_uses_no_number_twice(void **state)
{
	enum { STORM = 600 };
	struct stage *st = *state;
	struct ask *x[STORM];
	int64_t numbers[STORM];
	for (int i = 0; i < STORM; i++) {
		x[i] = post_event(&st->r[i % 2], EVENT_TRIGGER, "web", "");
		if (i % 37 == 0 || i == STORM - 1) {
			tick(&st->r[0]);
			tick(&st->r[1]);
			st->mono_ms += 20;
		}
	}
	run(&st->r[0], SECOND);
	run(&st->r[1], SECOND);
	for (int i = 0; i < STORM; i++) {
		assert_int_equal(x[i]->got.outcome, OUT_CREATED);
		numbers[i] = x[i]->got.incident->number;
	}
	qsort(numbers, STORM, sizeof *numbers, by_number);
	for (int i = 1; i < STORM; i++)
		assert_true(numbers[i] > numbers[i - 1]);
	assert_true(numbers[0] >= 1 && numbers[STORM - 1] < STORM + 1024);
}

static enum store_fault other_first(struct stage *st, const struct store_txn *t)
{
	if (t->w[0].kind != KIND_counter)
		return STORE_FAULT_NONE;
	st->on_commit = NULL;
	(void)opened(&st->r[1], "web", "");
	return STORE_FAULT_NONE;
}

static void who_comes_second_to_the_counter_takes_the_next_block(void **state)
{
	struct stage *st = *state;
	st->on_commit = other_first;
	assert_int_equal(incident(st, opened(st->r, "web", ""))->number, 2);
}

static enum store_fault lose_counter(struct stage *st, const struct store_txn *t)
{
	bool is_first = t->w[0].kind == KIND_counter;
	if (is_first)
		st->on_commit = NULL;
	return is_first ? *(enum store_fault *)st->mine : STORE_FAULT_NONE;
}

static void a_counter_whose_reply_was_lost_gives_each_number_once(void **state)
{
	static const enum store_fault faults[] = { STORE_FAULT_LOST_REPLY, STORE_FAULT_NOT_APPLIED };
	struct stage *st = *state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		enum store_fault fault = faults[i];
		st->mine = &fault;
		st->on_commit = lose_counter;
		struct str id = opened(st->r, "web", "");
		assert_null(st->on_commit);
		assert_int_equal(incident(st, id)->number, i + 1);
		st->mono_ms += SECOND;
	}
}

static enum store_fault no_counter(struct stage *st, const struct store_txn *t)
{
	(void)st;
	return t->w[0].kind == KIND_counter ? STORE_FAULT_FULL : STORE_FAULT_NONE;
}

static void without_a_number_nothing_is_opened_and_the_rest_goes_on(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	st->mono_ms += SECOND;
	st->on_commit = no_counter;
	struct ask *x = post_event(st->r, EVENT_TRIGGER, "web", "cpu"), *y = post_act(st->r, CMD_ACKNOWLEDGE, id);
	tick(st->r);
	assert_int_equal(x->got.rc, STORE_FULL);
	assert_int_equal(y->got.rc, STORE_OK);
	assert_int_equal(count(st, KIND_incident), 1);
}

static void an_alert_that_only_counts_needs_no_number(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	st->mono_ms += SECOND;
	st->on_commit = no_counter;
	struct ask *x = post_event(st->r, EVENT_TRIGGER, "web", "disk");
	tick(st->r);
	assert_int_equal(x->got.rc, STORE_OK);
	assert_int_equal(incident(st, id)->alert_count, 2);
}

static void a_store_without_numbers_is_asked_once_a_step(void **state)
{
	struct stage *st = *state;
	struct ask *x[100];
	for (int i = 0; i < 100; i++)
		x[i] = post_event(st->r, EVENT_TRIGGER, "web", "");
	size_t before = st->n_commits;
	st->on_commit = no_counter;
	tick(st->r);
	assert_int_equal(st->n_commits - before, 1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(x[i]->got.rc, STORE_FULL);
	st->on_commit = NULL;
	(void)opened(st->r, "web", "");
}

static void ids_are_in_the_order_of_decisions_even_within_a_millisecond(void **state)
{
	enum { MANY = 6000 };                                      /* more than the 4096 that fit behind one millisecond */
	struct stage *st = *state;
	struct ask *x[MANY];
	st->room[0] = 0;
	for (int i = 0; i < MANY; i++)
		x[i] = post_event(st->r, EVENT_TRIGGER, "web", "");
	tick(st->r);
	st->mono_ms += 1;
	struct str last = opened(st->r, "web", "");
	for (int i = 1; i < MANY; i++)
		assert_true(str_cmp(x[i - 1]->got.incident->id, x[i]->got.incident->id) < 0);
	assert_true(str_cmp(x[MANY - 1]->got.incident->id, last) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_calm_server_numbers_without_gaps),
		ALONE(what_opens_nothing_uses_no_number),
		BOTH(a_storm_over_two_replicas_uses_no_number_twice),
		ALONE(who_comes_second_to_the_counter_takes_the_next_block),
		ALONE(a_counter_whose_reply_was_lost_gives_each_number_once),
		ALONE(without_a_number_nothing_is_opened_and_the_rest_goes_on),
		ALONE(an_alert_that_only_counts_needs_no_number),
		ALONE(a_store_without_numbers_is_asked_once_a_step),
		ALONE(ids_are_in_the_order_of_decisions_even_within_a_millisecond),
	};
	return cmocka_run_group_tests_name("engine/numbers", tests, NULL, NULL);
}
