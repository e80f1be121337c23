/* event.c - what senders say: opened, counted, ended; keys, groups, receipts. */
#include "fixture.h"

static void an_alert_opens_an_incident_with_its_timeline_and_its_page_in_one_decision(void **state)
{
	struct town *t = *state;
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("web"), S("db1/disk"), S("disk full")), OUT_CREATED);
	const struct incident *inc = town_incident(t, t->out.end.incident);
	assert_int_equal(inc->status, DETECTED);
	assert_int_equal(inc->alert_count, 1);
	assert_int_equal(inc->number, 1);
	assert_int_equal(inc->due_at, T0 + 15 * MINUTE);
	assert_int_equal(town_count(t, KIND_page), 1);
	assert_int_equal(town_count(t, KIND_entry), 2);
	assert_int_equal(town_count(t, KIND_alert), 1);
	assert_int_equal(town_doc(t, KIND_page, town_page(t, 0)->id)->due, T0);
	assert_true(str_eq(t->out.end.dedup_key, S("db1/disk")));
}

static void a_repeated_alert_is_counted_and_pages_nobody_whatever_the_state(void **state)
{
	struct town *t = *state;
	town_event(t, EVENT_TRIGGER, S("web"), S("k"), S("down"));
	struct str id = t->out.end.incident;
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("web"), S("k"), S("down")), OUT_FOLDED);
	town_act(t, CMD_ACKNOWLEDGE, id, S("user:ada"));
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("web"), S("k"), S("down")), OUT_FOLDED);
	assert_int_equal(town_incident(t, id)->alert_count, 3);
	assert_int_equal(town_incident(t, id)->status, ACKNOWLEDGED);
	assert_int_equal(town_count(t, KIND_page), 1);
	assert_int_equal(town_count(t, KIND_incident), 1);
}

static void after_the_end_the_same_key_opens_a_new_incident(void **state)
{
	struct town *t = *state;
	town_event(t, EVENT_TRIGGER, S("web"), S("k"), S("down"));
	struct str first = t->out.end.incident;
	town_event(t, EVENT_RESOLVE, S("web"), S("k"), S(""));
	assert_int_equal(town_incident(t, first)->status, RESOLVED);
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("web"), S("k"), S("down")), OUT_CREATED);
	struct str second = t->out.end.incident;
	assert_false(str_eq(first, second));
	town_act(t, CMD_RESOLVE, second, S("user:ada"));
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("web"), S("k"), S("down")), OUT_CREATED);
}

static void a_trigger_without_a_key_is_a_new_alert_every_time(void **state)
{
	struct town *t = *state;
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("web"), S(""), S("down")), OUT_CREATED);
	struct str key = t->out.end.dedup_key;
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("web"), S(""), S("down")), OUT_CREATED);
	assert_int_equal(key.n, 36);
	assert_false(str_eq(key, t->out.end.dedup_key));
}

static void one_key_under_two_integrations_or_services_is_two_alerts(void **state)
{
	struct town *t = *state;
	town_event(t, EVENT_TRIGGER, S("web"), S("k"), S("down"));
	struct str id = t->out.end.incident;
	struct command other = { .kind = CMD_EVENT, .event = { .action = EVENT_RESOLVE, .integration = S("other"), .service = S("web"),
		.dedup_key = S("k") } };
	assert_int_equal(town_do(t, other), OUT_NOTHING);
	assert_int_equal(town_incident(t, id)->status, DETECTED);
	assert_int_equal(town_event(t, EVENT_RESOLVE, S("loop"), S("k"), S("")), OUT_NOTHING);
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("loop"), S("k"), S("down")), OUT_CREATED);
}

static void ending_or_acknowledging_what_is_not_open_is_accepted_and_changes_nothing(void **state)
{
	struct town *t = *state;
	assert_int_equal(town_event(t, EVENT_RESOLVE, S("web"), S("k"), S("")), OUT_NOTHING);
	assert_int_equal(town_event(t, EVENT_ACKNOWLEDGE, S("web"), S("k"), S("")), OUT_NOTHING);
	assert_int_equal(t->n, 0);
}

static void a_service_that_groups_has_one_open_incident_until_every_key_is_over(void **state)
{
	struct town *t = *state;
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("ledger"), S("a"), S("a")), OUT_CREATED);
	struct str id = t->out.end.incident;
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("ledger"), S("b"), S("b")), OUT_FOLDED);
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("ledger"), S("b"), S("b")), OUT_FOLDED);
	assert_int_equal(town_incident(t, id)->alert_count, 3);
	assert_int_equal(town_incident(t, id)->open_alerts, 2);
	town_event(t, EVENT_RESOLVE, S("ledger"), S("a"), S(""));
	assert_int_equal(town_incident(t, id)->status, DETECTED);
	town_event(t, EVENT_RESOLVE, S("ledger"), S("b"), S(""));
	assert_int_equal(town_incident(t, id)->status, RESOLVED);
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("ledger"), S("a"), S("a")), OUT_CREATED);
	assert_int_equal(town_count(t, KIND_incident), 2);
	assert_int_equal(town_count(t, KIND_page), 2);
}

static void a_key_that_comes_back_into_the_open_group_counts_as_open_again(void **state)
{
	struct town *t = *state;
	town_event(t, EVENT_TRIGGER, S("ledger"), S("a"), S("a"));
	struct str id = t->out.end.incident;
	town_event(t, EVENT_TRIGGER, S("ledger"), S("b"), S("b"));
	town_event(t, EVENT_RESOLVE, S("ledger"), S("a"), S(""));
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("ledger"), S("a"), S("a")), OUT_FOLDED);
	assert_int_equal(town_incident(t, id)->open_alerts, 2);
}

static void severity_only_rises_and_the_timeline_says_so(void **state)
{
	struct town *t = *state;
	struct command c = { .kind = CMD_EVENT, .event = { .action = EVENT_TRIGGER, .integration = S("door"), .service = S("web"),
		.dedup_key = S("k"), .title = S("x"), .severity = 3 } };
	town_do(t, c);
	struct str id = t->out.end.incident;
	c.event.severity = 5;
	town_do(t, c);
	c.event.severity = 2;
	town_do(t, c);
	assert_int_equal(town_incident(t, id)->severity, 5);
	assert_int_equal(town_entries(t, ENTRY_ALERT), 1);
}

static void a_service_that_does_not_exist_is_refused_by_name(void **state)
{
	struct town *t = *state;
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("nope"), S("k"), S("down")), OUT_INVALID);
	assert_string_equal(t->out.end.reason.p, "no service \"nope\"");
	assert_int_equal(t->n, 0);
}

static void a_policy_that_is_gone_never_loses_the_alert(void **state)
{
	struct town *t = *state;
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("orphan"), S("k"), S("down")), OUT_CREATED);
	const struct incident *inc = town_incident(t, t->out.end.incident);
	assert_true(inc->exhausted);
	assert_int_equal(town_entries(t, ENTRY_EXHAUSTED), 1);
}

static struct command keyed(const char *key, const char *fingerprint)
{
	return (struct command){ .kind = CMD_EVENT, .event = { .action = EVENT_TRIGGER, .integration = S("door"), .service = S("web"),
		.title = S("x"), .severity = 3, .idempotency_key = str_c(key), .fingerprint = str_c(fingerprint) } };
}

static void the_same_idempotency_key_has_one_effect_for_a_day(void **state)
{
	struct town *t = *state;
	assert_int_equal(town_do(t, keyed("r1", "f")), OUT_CREATED);
	struct str id = t->out.end.incident, key = t->out.end.dedup_key;
	assert_int_equal(town_do(t, keyed("r1", "f")), OUT_CREATED);
	assert_true(t->out.end.is_replay && t->out.n == 0);
	assert_true(str_eq(t->out.end.incident, id) && str_eq(t->out.end.dedup_key, key));
	assert_int_equal(town_do(t, keyed("r1", "other")), OUT_INVALID);
	t->now += 24 * 60 * MINUTE + 1;
	assert_int_equal(town_do(t, keyed("r1", "f")), OUT_CREATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(an_alert_opens_an_incident_with_its_timeline_and_its_page_in_one_decision),
		STORY(a_repeated_alert_is_counted_and_pages_nobody_whatever_the_state),
		STORY(after_the_end_the_same_key_opens_a_new_incident),
		STORY(a_trigger_without_a_key_is_a_new_alert_every_time),
		STORY(one_key_under_two_integrations_or_services_is_two_alerts),
		STORY(ending_or_acknowledging_what_is_not_open_is_accepted_and_changes_nothing),
		STORY(a_service_that_groups_has_one_open_incident_until_every_key_is_over),
		STORY(a_key_that_comes_back_into_the_open_group_counts_as_open_again),
		STORY(severity_only_rises_and_the_timeline_says_so),
		STORY(a_service_that_does_not_exist_is_refused_by_name),
		STORY(a_policy_that_is_gone_never_loses_the_alert),
		STORY(the_same_idempotency_key_has_one_effect_for_a_day),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
