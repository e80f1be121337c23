/* timekeeper.c - levels in their time: never early, never skipped, one at a time after an outage. */
#include "fixture.h"

static void a_level_begins_at_its_time_and_not_before(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	struct str id = opened(st->r, "web", "disk");
	int64_t due = incident(st, id)->due_at - T0;
	assert_int_equal(due, st->mono_ms + 5 * MINUTE);
	run(st->r, due - 1 - st->mono_ms);
	tick(st->r);
	assert_int_equal(incident(st, id)->level, 0);
	run(st->r, 2);
	assert_int_equal(incident(st, id)->level, 1);
	assert_true(incident(st, id)->due_at >= due + T0 + 5 * MINUTE);
	assert_int_equal(METRIC(st->r, levels_entered), 2);
}

static void a_clock_that_may_be_off_waits_for_as_long_as_it_may_be_off(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	st->err_ms = 800;
	struct str id = opened(st->r, "web", "disk");
	int64_t due = incident(st, id)->due_at - T0;
	run(st->r, due + 799 - st->mono_ms);
	tick(st->r);
	assert_int_equal(incident(st, id)->level, 0);
	run(st->r, 2);
	assert_int_equal(incident(st, id)->level, 1);
}

static void many_that_are_due_together_all_begin(void **state)
{
	enum { MANY = 400 };
	struct stage *st = *state;
	struct ask *x[MANY];
	st->provider = 200;
	for (int i = 0; i < MANY; i++)
		x[i] = post_event(st->r, EVENT_TRIGGER, "web", "");
	run(st->r, 5 * MINUTE + SECOND);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(incident(st, x[i]->got.incident->id)->level, 1);
	assert_int_equal(st->n_sends, 2 * MANY);
}

static void a_crowd_that_is_coming_is_seen_with_few_looks(void **state)
{
	enum { MANY = 2000 };
	struct stage *st = *state;
	st->provider = 200;
	for (int i = 0; i < MANY; i++) {                          /* one each two milliseconds, as their levels will be */
		(void)post_event(st->r, EVENT_TRIGGER, "web", "");
		st->mono_ms += 2;
		if (i % 25 == 24)
			tick(st->r);
	}
	replica_die(st->r);                                       /* the other knows of none of them */
	run(&st->r[1], 5 * MINUTE - 10 * SECOND);
	st->n_looks = 0;
	run(&st->r[1], 11 * SECOND);
	assert_int_equal(METRIC(&st->r[1], levels_entered), MANY);
	assert_true(st->n_looks < 14);                            /* every look costs a query for each shard */
}

static void nobody_misses_the_level_that_another_replica_left_due(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	st->provider = 200;
	tick(&st->r[1]);
	replica_die(st->r);
	run(&st->r[1], 5 * MINUTE + 6 * SECOND);
	assert_int_equal(incident(st, id)->level, 1);
}

static void two_replicas_begin_a_level_once(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	struct str id = opened(st->r, "web", "disk");
	tick(st->r);
	st->mono_ms += 5 * MINUTE;
	for (int i = 0; i < 20; i++) {
		tick(&st->r[i % 2]);
		st->mono_ms += 50;
	}
	assert_int_equal(incident(st, id)->level, 1);
	assert_int_equal(entries(st, id, ENTRY_LEVEL), 2);
	assert_int_equal(st->n_sends, 2);
}

static void after_an_outage_levels_catch_up_one_wait_at_a_time(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	struct str id = opened(st->r, "web", "disk");
	tick(st->r);
	assert_int_equal(st->n_sends, 1);
	replica_die(&st->r[0]);
	replica_die(&st->r[1]);
	st->mono_ms += 3 * 60 * MINUTE;
	replica_open(st->r);
	run(st->r, 4 * MINUTE);
	assert_int_equal(incident(st, id)->level, 1);             /* 36 waits have passed: one level */
	assert_int_equal(st->n_sends, 2);
	run(st->r, 2 * MINUTE);
	assert_int_equal(incident(st, id)->level, 2);
}

static void a_level_without_anybody_to_page_is_over_at_once(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	st->w.policies.v[0].levels.v[0].targets = texts(&st->a, "user:nobody");
	st->w.policies.v[0].levels.v[1].targets = texts(&st->a, "");
	struct str id = opened(st->r, "web", "disk");
	run(st->r, SECOND);
	assert_int_equal(incident(st, id)->level, 2);
	assert_int_equal(entries(st, id, ENTRY_NOBODY), 2);
	assert_int_equal(st->n_sends, 1);
}

static void an_acknowledgement_and_a_level_in_one_step_page_nobody(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	struct str id = opened(st->r, "web", "disk");
	tick(st->r);
	st->mono_ms += 5 * MINUTE;
	struct ask *x = post_act(st->r, CMD_ACKNOWLEDGE, id);
	run(st->r, 20 * MINUTE);
	assert_int_equal(x->got.outcome, OUT_DONE);
	assert_int_equal(st->n_sends, 1);
	assert_int_equal(incident(st, id)->level, 0);
}

static void an_acknowledgement_that_runs_out_pages_again_from_the_first_level(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	struct str id = opened(st->r, "nagged", "disk");
	tick(st->r);
	(void)post_act(st->r, CMD_ACKNOWLEDGE, id);
	run(st->r, 30 * MINUTE - SECOND);
	assert_int_equal(incident(st, id)->status, ACKNOWLEDGED);
	run(st->r, 2 * SECOND);
	assert_int_equal(incident(st, id)->status, DETECTED);
	assert_int_equal(incident(st, id)->round, 1);
	assert_int_equal(page(st, id, 1, 0)->status, PAGE_DELIVERED);
}

static void when_every_level_is_over_nothing_is_due_any_more(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	struct str id = opened(st->r, "web", "disk");
	run(st->r, 60 * MINUTE);
	const struct incident *inc = incident(st, id);
	assert_true(inc->exhausted);
	assert_int_equal(inc->due_at, 0);
	assert_int_equal(inc->status, DETECTED);
	assert_int_equal(st->n_sends, 3);
	assert_int_equal(entries(st, id, ENTRY_EXHAUSTED), 1);
}

static enum store_fault no_incidents(struct stage *st, const struct store_txn *t)
{
	(void)st;
	for (size_t i = 0; i < t->n; i++)
		if (t->w[i].kind == KIND_incident)
			return STORE_FAULT_FULL;
	return STORE_FAULT_NONE;
}

static void a_level_that_could_not_be_stored_begins_when_it_can_and_the_store_is_not_flooded(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	for (int i = 0; i < 200; i++)
		(void)post_event(st->r, EVENT_TRIGGER, "web", "");
	run(st->r, 5 * MINUTE - SECOND);
	st->on_commit = no_incidents;
	long long commits = METRIC(st->r, commits);
	run(st->r, 10 * SECOND);
	assert_true(METRIC(st->r, commits) - commits < 1000);
	assert_int_equal(engine_health(st->r->e), STORE_FULL);
	st->on_commit = NULL;
	run(st->r, SECOND);
	assert_int_equal(st->n_sends, 400);
	run(st->r, 10 * SECOND);
	assert_int_equal(engine_health(st->r->e), STORE_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_level_begins_at_its_time_and_not_before),
		BOTH(a_clock_that_may_be_off_waits_for_as_long_as_it_may_be_off),
		ALONE(many_that_are_due_together_all_begin),
		SHARED(a_crowd_that_is_coming_is_seen_with_few_looks),
		BOTH(nobody_misses_the_level_that_another_replica_left_due),
		BOTH(two_replicas_begin_a_level_once),
		ALONE(after_an_outage_levels_catch_up_one_wait_at_a_time),
		ALONE(a_level_without_anybody_to_page_is_over_at_once),
		BOTH(an_acknowledgement_and_a_level_in_one_step_page_nobody),
		BOTH(an_acknowledgement_that_runs_out_pages_again_from_the_first_level),
		ALONE(when_every_level_is_over_nothing_is_due_any_more),
		BOTH(a_level_that_could_not_be_stored_begins_when_it_can_and_the_store_is_not_flooded),
	};
	return cmocka_run_group_tests_name("engine/timekeeper", tests, NULL, NULL);
}
