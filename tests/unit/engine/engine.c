/* engine.c - a replica as a whole: draining, a new configuration, its figures, its end. */
#include "fixture.h"

static void draining_ends_when_nothing_is_in_hand(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	tick(st->r);
	assert_int_equal(st->n_sends, 1);
	assert_false(engine_drain(st->r->e));                     /* one is out */
	struct str late = opened(st->r, "web", "late");           /* still accepted */
	run(st->r, SECOND);
	assert_int_equal(st->n_sends, 1);                         /* and not sent by us any more */
	give_back(st->sends, 200);
	tick(st->r);
	assert_true(engine_drain(st->r->e));
	assert_int_equal(page(st, id, 0, 0)->status, PAGE_DELIVERED);
	tick(&st->r[1]);
	assert_int_equal(st->n_sends, 2);
	assert_true(str_eq(st->sends[1].page, page(st, late, 0, 0)->id));
}

static enum store_fault busy(struct stage *st, const struct store_txn *t)
{
	(void)st, (void)t;
	return STORE_FAULT_BUSY;
}

static void draining_waits_for_who_still_waits(void **state)
{
	struct stage *st = *state;
	st->on_commit = busy;
	struct ask *x = post_event(st->r, EVENT_TRIGGER, "web", "disk");
	tick(st->r);
	assert_false(engine_drain(st->r->e));
	st->on_commit = NULL;
	run(st->r, 2 * SECOND);
	assert_int_equal(x->got.rc, STORE_OK);
	assert_true(engine_drain(st->r->e));
}

static void an_engine_that_ends_with_things_in_hand_leaks_nothing(void **state)
{
	struct stage *st = *state;
	(void)opened(st->r, "web", "disk");
	tick(st->r);
	st->on_commit = busy;
	give_back(st->sends, 200);
	(void)post_event(st->r, EVENT_TRIGGER, "web", "cpu");
	tick(st->r);
	st->on_commit = NULL;
	replica_die(st->r);                                       /* the sanitizer looks */
}

/* --- a new configuration --- */

static void a_running_incident_keeps_the_policy_it_was_opened_with(void **state)
{
	struct stage *st = *state;
	struct world now;
	st->provider = 200;
	struct str old = opened(st->r, "web", "old");
	world_open(&st->a, &now, MINUTE);
	struct setup setup = st->r->setup;
	setup.world = &now;
	now.policies.v[0].levels.v[1].targets = texts(&st->a, "hook:eve");
	world_make_refs(&st->a, &now);
	assert_int_equal(engine_configure(st->r->e, &setup), STORE_OK);
	memset(&st->w, 0, sizeof st->w);                          /* the old one is gone */
	struct str fresh = opened(st->r, "web", "fresh");
	assert_int_equal(incident(st, fresh)->due_at, st->mono_ms + T0 + MINUTE);
	assert_false(str_eq(incident(st, fresh)->policy, incident(st, old)->policy));
	run(st->r, 2 * MINUTE);
	assert_int_equal(incident(st, fresh)->level, 1 + (incident(st, fresh)->level > 1));
	assert_true(str_eq(page(st, fresh, 0, 1)->address, S("eve")));
	assert_int_equal(incident(st, old)->level, 0);            /* five minutes, as it was */
	run(st->r, 4 * MINUTE);
	assert_int_equal(incident(st, old)->level, 1);
	assert_true(str_eq(page(st, old, 0, 1)->address, S("bob")));
	struct str id = incident(st, old)->policy;
	assert_non_null(stored(st, KIND_policy, id));
}

static enum store_fault full(struct stage *st, const struct store_txn *t)
{
	(void)st, (void)t;
	return STORE_FAULT_FULL;
}

static void a_configuration_whose_policies_cannot_be_stored_is_not_in_force(void **state)
{
	struct stage *st = *state;
	struct world now;
	world_open(&st->a, &now, MINUTE);
	struct setup setup = st->r->setup;
	setup.world = &now;
	st->on_commit = full;
	assert_int_equal(engine_configure(st->r->e, &setup), STORE_FULL);
	st->on_commit = NULL;
	struct str id = opened(st->r, "web", "disk");
	assert_int_equal(incident(st, id)->due_at, st->mono_ms + T0 + 5 * MINUTE);
}

static enum store_fault lose_once(struct stage *st, const struct store_txn *t)
{
	(void)t;
	st->on_commit = NULL;
	return STORE_FAULT_LOST_REPLY;
}

static void a_configuration_is_in_force_when_a_reply_about_its_policies_was_lost(void **state)
{
	struct stage *st = *state;
	struct world *now = NEW(&st->a, struct world);
	world_open(&st->a, now, MINUTE);
	struct setup *setup = NEW(&st->a, struct setup);
	*setup = st->r->setup;
	setup->world = now;
	st->on_commit = lose_once;
	assert_int_equal(engine_configure(st->r->e, setup), STORE_OK);
	struct str id = opened(st->r, "web", "disk");
	assert_int_equal(incident(st, id)->due_at, st->mono_ms + T0 + MINUTE);
}

static void pages_on_their_way_survive_a_new_configuration(void **state)
{
	struct stage *st = *state;
	struct world *now = NEW(&st->a, struct world);
	struct str id = opened(st->r, "web", "disk");
	tick(st->r);
	world_open(&st->a, now, MINUTE);
	struct setup *setup = NEW(&st->a, struct setup);
	*setup = (struct setup){ .world = now, .replica = S("north") };     /* without a single channel */
	assert_int_equal(engine_configure(st->r->e, setup), STORE_OK);
	memset(&st->w, 0, sizeof st->w);
	memset(&st->r->setup, 0, sizeof st->r->setup);
	give_back(st->sends, 200);
	tick(st->r);
	assert_int_equal(page(st, id, 0, 0)->status, PAGE_DELIVERED);
}

/* --- figures --- */

static void the_figures_say_what_happened(void **state)
{
	struct stage *st = *state;
	const struct node *r = st->r;
	st->provider = 200;
	struct str id = opened(st->r, "web", "disk");
	(void)post_event(st->r, EVENT_TRIGGER, "web", "disk");
	(void)post_event(st->r, EVENT_RESOLVE, "web", "no such");
	run(st->r, 6 * MINUTE);
	(void)post_event(st->r, EVENT_ACKNOWLEDGE, "web", "disk");
	(void)post_act(st->r, CMD_RESOLVE, id);
	run(st->r, SECOND);
	assert_int_equal(METRIC(r, incidents_created), 1);
	assert_int_equal(METRIC(r, incidents_resolved), 1);
	assert_int_equal(METRIC(r, events_created), 1);
	assert_int_equal(METRIC(r, events_folded), 1);
	assert_int_equal(METRIC(r, events_done), 1);
	assert_int_equal(METRIC(r, events_nothing), 1);
	assert_int_equal(METRIC(r, pages_owed), 2);
	assert_int_equal(METRIC(r, pages_delivered), 2);
	assert_int_equal(METRIC(r, pages_failed), 0);
	assert_int_equal(METRIC(r, levels_entered), 2);
	assert_int_equal(METRIC(r, conflicts), 0);
	assert_int_equal(METRIC(r, unknowns), 0);
	assert_int_equal(METRIC(r, store_errors), 0);
	assert_int_equal(METRIC(r, last_cycle_ms) > st->mono_ms + T0 - 6 * SECOND, 1);
	struct buf b = BUF(1 << 16);
	metrics_write(engine_metrics(r->e), &b, false);
	assert_non_null(strstr(b.p, "\ntocsin_incidents_created_total 1\n"));
	assert_non_null(strstr(b.p, "\ntocsin_notifications_total{outcome=\"delivered\"} 2\n"));
	buf_free(&b);
}

static void a_refused_attempt_is_not_counted_as_done(void **state)
{
	struct stage *st = *state;
	st->on_commit = full;
	(void)post_event(st->r, EVENT_TRIGGER, "web", "disk");
	tick(st->r);
	assert_int_equal(METRIC(st->r, incidents_created), 0);
	assert_int_equal(METRIC(st->r, events_created), 0);
	assert_int_equal(METRIC(st->r, pages_owed), 0);
	assert_true(METRIC(st->r, store_errors) > 0);
}

static void an_idle_engine_asks_for_its_next_step_within_five_seconds(void **state)
{
	struct stage *st = *state;
	for (int i = 0; i < 5; i++) {
		tick(st->r);
		assert_true(st->r->wake_ms > st->mono_ms && st->r->wake_ms <= st->mono_ms + 5 * SECOND);
		st->mono_ms = st->r->wake_ms;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(draining_ends_when_nothing_is_in_hand),
		ALONE(draining_waits_for_who_still_waits),
		ALONE(an_engine_that_ends_with_things_in_hand_leaks_nothing),
		BOTH(a_running_incident_keeps_the_policy_it_was_opened_with),
		ALONE(a_configuration_whose_policies_cannot_be_stored_is_not_in_force),
		ALONE(a_configuration_is_in_force_when_a_reply_about_its_policies_was_lost),
		ALONE(pages_on_their_way_survive_a_new_configuration),
		ALONE(the_figures_say_what_happened),
		ALONE(a_refused_attempt_is_not_counted_as_done),
		ALONE(an_idle_engine_asks_for_its_next_step_within_five_seconds),
	};
	return cmocka_run_group_tests_name("engine/engine", tests, NULL, NULL);
}
