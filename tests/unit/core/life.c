/* life.c - the table of an incident's life, walked pair by pair, and what people do to one. */
#include "fixture.h"

static void every_pair_of_state_and_event_obeys_the_laws(void **state)
{
	(void)state;
	size_t allowed = 0;
	for (size_t from = 0; from < incident_status_names.n; from++)
		for (size_t ev = 0; ev < incident_event_names.n; ev++) {
			struct move m = incident_move((enum incident_status)from, (enum incident_event)ev);
			allowed += m.ok;
			if (!m.ok) {
				assert_int_equal(m.acts, 0);
				continue;
			}
			if (from == RESOLVED)
				assert_int_equal(m.to, RESOLVED);                          /* nothing leaves resolved */
			if (ev == EV_ACKNOWLEDGE || ev == EV_RESOLVE || ev == EV_ALERT)
				assert_false(m.acts & (ACT_NEXT_LEVEL | ACT_NEW_ROUND));   /* none of these ever pages */
			if (from == ACKNOWLEDGED && m.to == DETECTED)
				assert_true(m.acts & ACT_NEW_ROUND);                       /* going back always pages anew */
			if (m.to == RESOLVED && from != RESOLVED)
				assert_int_equal(ev, EV_RESOLVE);
		}
	assert_int_equal(allowed, 13);
}

static struct str opened(struct town *t, const char *service)
{
	assert_int_equal(town_event(t, EVENT_TRIGGER, str_c(service), S("k"), S("down")), OUT_CREATED);
	return t->out.end.incident;
}

static void acknowledging_keeps_who_when_and_how_and_stops_paging(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	t->now += 5000;
	assert_int_equal(town_act(t, CMD_ACKNOWLEDGE, id, S("user:ada")), OUT_DONE);
	const struct incident *inc = town_incident(t, id);
	assert_int_equal(inc->status, ACKNOWLEDGED);
	assert_int_equal(inc->acknowledged_at, T0 + 5000);
	assert_true(str_eq(inc->acknowledged_by, S("user:ada")) && str_eq(inc->acknowledged_via, S("api")));
	assert_int_equal(inc->due_at, 0);
	assert_int_equal(town_doc(t, KIND_incident, id)->due, INT64_MAX);
}

static void a_second_acknowledgement_changes_nothing_and_is_refused_to_another_person(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	town_act(t, CMD_ACKNOWLEDGE, id, S("user:ada"));
	t->now += MINUTE;
	assert_int_equal(town_act(t, CMD_ACKNOWLEDGE, id, S("user:ada")), OUT_NOTHING);
	assert_int_equal(town_act(t, CMD_ACKNOWLEDGE, id, S("user:bob")), OUT_REFUSED);
	assert_non_null(strstr(t->out.end.reason.p, "acknowledged status: user:ada has it"));
	assert_int_equal(town_incident(t, id)->acknowledged_at, T0);
	assert_int_equal(town_event(t, EVENT_ACKNOWLEDGE, S("web"), S("k"), S("")), OUT_NOTHING);
}

static void resolving_keeps_cause_and_steps_and_a_second_time_is_refused_with_the_state(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web"), step = S("restarted it");
	struct command c = { .kind = CMD_RESOLVE, .incident = id, .actor = S("user:bob"), .via = S("api"), .text = S("disk"), .steps = { &step, 1 } };
	assert_int_equal(town_do(t, c), OUT_DONE);
	const struct incident *inc = town_incident(t, id);
	assert_int_equal(inc->status, RESOLVED);
	assert_true(str_eq(inc->root_cause, S("disk")) && inc->resolution_steps.n == 1 && str_eq(inc->resolved_by, S("user:bob")));
	assert_int_equal(town_do(t, c), OUT_REFUSED);
	assert_string_equal(t->out.end.reason.p, "Cannot resolve incident in resolved status");
	assert_int_equal(town_act(t, CMD_ACKNOWLEDGE, id, S("user:ada")), OUT_REFUSED);
	assert_string_equal(t->out.end.reason.p, "Cannot acknowledge incident in resolved status");
	assert_int_equal(town_act(t, CMD_UNACKNOWLEDGE, id, S("user:ada")), OUT_REFUSED);
}

static void unacknowledging_begins_a_new_round_at_the_first_level(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	t->now += 15 * MINUTE;
	town_timer(t, id);
	assert_int_equal(town_incident(t, id)->level, 1);
	assert_int_equal(town_act(t, CMD_UNACKNOWLEDGE, id, S("user:ada")), OUT_REFUSED);
	town_act(t, CMD_ACKNOWLEDGE, id, S("user:ada"));
	assert_int_equal(town_act(t, CMD_UNACKNOWLEDGE, id, S("user:ada")), OUT_DONE);
	const struct incident *inc = town_incident(t, id);
	assert_int_equal(inc->status, DETECTED);
	assert_int_equal(inc->round, 1);
	assert_int_equal(inc->level, 0);
	assert_int_equal(inc->acknowledged_at, 0);
	assert_int_equal(inc->due_at, t->now + 15 * MINUTE);
}

static void an_acknowledgement_runs_out_where_the_service_says_so(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "nagged");
	town_act(t, CMD_ACKNOWLEDGE, id, S("user:ada"));
	assert_int_equal(town_incident(t, id)->due_at, T0 + 30 * MINUTE);
	t->now += 30 * MINUTE - 1;
	assert_int_equal(town_timer(t, id), OUT_NOTHING);
	t->now += 1;
	assert_int_equal(town_timer(t, id), OUT_DONE);
	assert_int_equal(town_incident(t, id)->status, DETECTED);
	assert_int_equal(town_incident(t, id)->round, 1);
}

static void a_version_that_moved_on_is_told_and_nothing_happens(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	struct command c = { .kind = CMD_ACKNOWLEDGE, .incident = id, .actor = S("user:ada"), .via = S("api"), .expect = 7 };
	assert_int_equal(town_do(t, c), OUT_STALE);
	c.expect = 1;
	assert_int_equal(town_do(t, c), OUT_DONE);
}

static void a_note_is_one_entry_and_nobody_is_paged(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	size_t pages = town_count(t, KIND_page);
	struct command c = { .kind = CMD_NOTE, .incident = id, .actor = S("user:ada"), .via = S("cli"), .text = S("looking") };
	assert_int_equal(town_do(t, c), OUT_DONE);
	assert_int_equal(town_entries(t, ENTRY_NOTE), 1);
	assert_int_equal(town_count(t, KIND_page), pages);
	c.incident = S("nowhere");
	assert_int_equal(town_do(t, c), OUT_NOT_FOUND);
}

static void the_same_note_with_the_same_key_is_written_once(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	struct command c = { .kind = CMD_NOTE, .incident = id, .actor = S("user:ada"), .via = S("api"), .text = S("looking"),
		.event = { .integration = S("manual"), .idempotency_key = S("n1"), .fingerprint = S("f") } };
	assert_int_equal(town_do(t, c), OUT_DONE);
	assert_int_equal(town_do(t, c), OUT_NOTHING);
	assert_true(str_eq(t->out.end.incident, id));
	assert_int_equal(town_entries(t, ENTRY_NOTE), 1);
	c.event.fingerprint = S("other");
	assert_int_equal(town_do(t, c), OUT_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_of_state_and_event_obeys_the_laws),
		STORY(acknowledging_keeps_who_when_and_how_and_stops_paging),
		STORY(a_second_acknowledgement_changes_nothing_and_is_refused_to_another_person),
		STORY(resolving_keeps_cause_and_steps_and_a_second_time_is_refused_with_the_state),
		STORY(unacknowledging_begins_a_new_round_at_the_first_level),
		STORY(an_acknowledgement_runs_out_where_the_service_says_so),
		STORY(a_version_that_moved_on_is_told_and_nothing_happens),
		STORY(a_note_is_one_entry_and_nobody_is_paged),
		STORY(the_same_note_with_the_same_key_is_written_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
