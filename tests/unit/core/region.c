/* region.c - taking over an incident, once a reign, and giving one back, with every pair of how it stands on the two sides. */
#include "fixture.h"

static struct str opened(struct town *t, const char *service)
{
	assert_int_equal(town_event(t, EVENT_TRIGGER, str_c(service), S("k"), S("down")), OUT_CREATED);
	return t->out.end.incident;
}

static enum outcome take_over(struct town *t, struct str id, int64_t reign)
{
	return town_do(t, (struct command){ .kind = CMD_TAKE_OVER, .incident = id, .reign = reign, .text = S("taken over by standby south"),
		.via = S("standby") });
}

static enum outcome claim(struct town *t, struct str page)
{
	return town_do(t, (struct command){ .kind = CMD_CLAIM, .page = page, .owner = S("south") });
}

static void what_was_paged_is_treated_as_new(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	t->now += 15 * MINUTE;
	town_timer(t, id);
	assert_int_equal(town_incident(t, id)->level, 1);
	t->now += 3 * MINUTE;
	size_t pages = town_count(t, KIND_page);
	assert_int_equal(take_over(t, id, 1), OUT_DONE);
	const struct incident *inc = town_incident(t, id);
	assert_int_equal(inc->status, DETECTED);
	assert_int_equal(inc->level, 0);
	assert_int_equal(inc->round, 1);
	assert_int_equal(inc->due_at, t->now + 15 * MINUTE);
	assert_int_equal(town_count(t, KIND_page), pages + 1);
	assert_true(str_eq(town_page(t, pages)->target, S("user:ada")));
	assert_int_equal(town_entries(t, ENTRY_TAKEN_OVER), 1);
}

static void what_was_exhausted_is_paged_again(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "last");
	t->now += 15 * MINUTE;
	town_timer(t, id);
	assert_true(town_incident(t, id)->exhausted);
	assert_int_equal(take_over(t, id, 1), OUT_DONE);
	assert_false(town_incident(t, id)->exhausted);
	assert_int_equal(town_incident(t, id)->due_at, t->now + 15 * MINUTE);
}

/* On-call at once, the level above by the very next look at what is due, and then the ordinary waits. */
static void what_was_acknowledged_pages_on_call_and_the_level_above_and_goes_on_from_there(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	town_act(t, CMD_ACKNOWLEDGE, id, S("user:ada"));
	size_t pages = town_count(t, KIND_page);
	t->now += MINUTE;
	assert_int_equal(take_over(t, id, 1), OUT_DONE);
	assert_int_equal(town_incident(t, id)->status, DETECTED);
	assert_int_equal(town_incident(t, id)->due_at, t->now);
	assert_int_equal(town_incident(t, id)->acknowledged_by.n, 0);
	t->now += 20 * 1000;                                               /* nobody got round to sending it for a while: that mends nothing here */
	assert_int_equal(claim(t, town_page(t, pages)->id), OUT_CLAIMED);
	assert_int_equal(town_timer(t, id), OUT_DONE);
	const struct incident *inc = town_incident(t, id);
	assert_int_equal(inc->level, 1);
	assert_int_equal(inc->due_at, t->now + 15 * MINUTE);
	assert_int_equal(town_count(t, KIND_page), pages + 3);             /* ada; bob on two channels */
	const struct entry *said = NULL;
	for (size_t i = 0; i < t->n; i++)
		if (t->docs[i].kind == KIND_entry && ((const struct entry *)t->docs[i].obj)->type == ENTRY_TAKEN_OVER)
			said = t->docs[i].obj;
	assert_string_equal(((const struct entry *)there(said))->text.p, "taken over by standby south; the acknowledgement of user:ada is set aside");
	assert_int_equal(said->before, ACKNOWLEDGED);
}

/* There is no level above: on-call has its whole wait, and nobody is told that everybody was asked. */
static void an_acknowledged_one_with_a_single_level_waits_for_it(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "last");
	town_act(t, CMD_ACKNOWLEDGE, id, S("user:ada"));
	assert_int_equal(take_over(t, id, 1), OUT_DONE);
	assert_int_equal(town_incident(t, id)->due_at, t->now + 15 * MINUTE);
}

static void an_incident_is_taken_over_once_a_reign(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	assert_int_equal(take_over(t, id, 1), OUT_DONE);
	size_t docs = t->n;
	assert_int_equal(take_over(t, id, 1), OUT_NOTHING);
	assert_int_equal(t->n, docs);
	assert_int_equal(take_over(t, id, 2), OUT_DONE);
	assert_int_equal(town_incident(t, id)->round, 2);
}

static void what_is_over_or_gone_is_left_alone(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	town_act(t, CMD_RESOLVE, id, S("user:ada"));
	assert_int_equal(take_over(t, id, 1), OUT_NOTHING);
	assert_int_equal(take_over(t, S("00000000-0000-7000-8000-999999999999"), 1), OUT_NOT_FOUND);
}

static void what_began_in_the_reign_is_not_taken_over_by_it(void **state)
{
	struct town *t = *state;
	struct command c = { .kind = CMD_EVENT, .reign = 3, .actor = S("integration:door"), .event = { .action = EVENT_TRIGGER, .integration = S("door"),
		.service = S("web"), .dedup_key = S("k"), .title = S("down"), .severity = 4 } };
	assert_int_equal(town_do(t, c), OUT_CREATED);
	assert_int_equal(take_over(t, t->out.end.incident, 3), OUT_NOTHING);
}

static void a_page_that_was_owed_before_is_not_sent_besides(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	struct str before = town_page(t, 0)->id;
	take_over(t, id, 1);
	assert_int_equal(claim(t, before), OUT_DONE);
	assert_int_equal(town_page(t, 0)->status, PAGE_CANCELLED);
	assert_int_equal(claim(t, town_page(t, 1)->id), OUT_CLAIMED);
}

/* --- giving back --- */

static struct command back(struct str id, enum incident_status wants)
{
	return (struct command){ .kind = CMD_HAND_BACK, .incident = id, .fresh_id = id, .wants = wants, .acted_by = S("user:bob"), .actor = S("token:south"),
		.via = S("standby"), .text = S("south led"), .root_cause = S("a full disk"), .event = { .action = EVENT_TRIGGER, .integration = S("door"),
		.service = S("web"), .dedup_key = S("k"), .title = S("down"), .severity = 4 } };
}

static void people_are_heard_on_both_sides_and_what_went_further_stays(void **state)
{
	static const enum incident_status all[] = { DETECTED, ACKNOWLEDGED, RESOLVED };
	(void)state;
	for (size_t here = 0; here < COUNT(all); here++)
		for (size_t there_ = 0; there_ < COUNT(all); there_++) {
			struct town town, *t = &town;
			town_open(t);
			struct str id = opened(t, "web");
			if (all[here] == ACKNOWLEDGED)
				town_act(t, CMD_ACKNOWLEDGE, id, S("user:ada"));
			if (all[here] == RESOLVED)
				town_act(t, CMD_RESOLVE, id, S("user:ada"));
			size_t pages = town_count(t, KIND_page);
			assert_int_equal(town_do(t, back(id, all[there_])), OUT_DONE);
			const struct incident *inc = town_incident(t, id);
			assert_int_equal(inc->status, here > there_ ? all[here] : all[there_]);
			if (there_ > here)
				assert_true(str_eq(inc->status == RESOLVED ? inc->resolved_by : inc->acknowledged_by, S("user:bob")));
			assert_int_equal(town_count(t, KIND_page), pages);         /* nobody is paged for it */
			assert_int_equal(town_entries(t, ENTRY_HANDED_BACK), 1);
			town_close(t);
		}
}

static const struct str born = { "00000000-0000-7000-8000-00000000beef", 36 };

static void what_began_there_begins_here_under_the_same_id_and_key(void **state)
{
	struct town *t = *state;
	t->number = 7;
	assert_int_equal(town_do(t, back(born, DETECTED)), OUT_CREATED);
	assert_int_equal(town_incident(t, born)->number, 7);
	assert_int_equal(town_incident(t, born)->status, DETECTED);
	assert_int_equal(town_incident(t, born)->reign, 0);
	assert_int_equal(town_count(t, KIND_page), 1);
	assert_int_equal(town_event(t, EVENT_RESOLVE, S("web"), S("k"), S("")), OUT_DONE);
	assert_int_equal(town_incident(t, born)->status, RESOLVED);
}

static void what_began_and_was_acted_on_there_pages_nobody_here(void **state)
{
	static const enum incident_status all[] = { ACKNOWLEDGED, RESOLVED };
	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		struct town town, *t = &town;
		town_open(t);
		t->number = 7;
		assert_int_equal(town_do(t, back(born, all[i])), OUT_CREATED);
		const struct incident *inc = town_incident(t, born);
		assert_int_equal(inc->status, all[i]);
		assert_int_equal(inc->due_at, 0);
		assert_true(str_eq(inc->root_cause, all[i] == RESOLVED ? S("a full disk") : S("")));
		for (size_t k = 0; k < town_count(t, KIND_page); k++)
			assert_int_equal(claim(t, town_page(t, k)->id), OUT_DONE);
		assert_int_equal(town_page(t, 0)->status, PAGE_CANCELLED);
		town_close(t);
	}
}

static void an_alert_that_is_open_here_too_is_counted_and_acknowledged_but_never_resolved(void **state)
{
	static const struct { enum incident_status wants, gets; } all[] = {
		{ DETECTED, DETECTED }, { ACKNOWLEDGED, ACKNOWLEDGED }, { RESOLVED, DETECTED },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		struct town town, *t = &town;
		town_open(t);
		struct str id = opened(t, "web");
		assert_int_equal(town_do(t, back(born, all[i].wants)), OUT_FOLDED);
		assert_true(str_eq(t->out.end.incident, id));
		assert_int_equal(town_incident(t, id)->status, all[i].gets);
		assert_int_equal(town_incident(t, id)->alert_count, 2);
		assert_null(town_get(t, KIND_incident, born));
		town_close(t);
	}
}

static void the_same_again_changes_nothing(void **state)
{
	struct town *t = *state;
	struct command c = back(born, ACKNOWLEDGED);
	t->number = 7;
	c.event.idempotency_key = S("handed back south 1");
	c.event.fingerprint = S("same");
	assert_int_equal(town_do(t, c), OUT_CREATED);
	size_t docs = t->n;
	assert_int_equal(town_do(t, c), OUT_CREATED);
	assert_true(t->out.end.is_replay);
	assert_int_equal(t->n, docs);
	assert_int_equal(town_entries(t, ENTRY_HANDED_BACK), 1);
}

static void a_service_that_is_not_here_is_refused_with_the_reason(void **state)
{
	struct town *t = *state;
	struct command c = back(born, DETECTED);
	c.event.service = S("elsewhere");
	assert_int_equal(town_do(t, c), OUT_INVALID);
	assert_string_equal(t->out.end.reason.p, "no service \"elsewhere\"");
	assert_int_equal(t->n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(what_was_paged_is_treated_as_new),
		STORY(what_was_exhausted_is_paged_again),
		STORY(what_was_acknowledged_pages_on_call_and_the_level_above_and_goes_on_from_there),
		STORY(an_acknowledged_one_with_a_single_level_waits_for_it),
		STORY(an_incident_is_taken_over_once_a_reign),
		STORY(what_is_over_or_gone_is_left_alone),
		STORY(what_began_in_the_reign_is_not_taken_over_by_it),
		STORY(a_page_that_was_owed_before_is_not_sent_besides),
		cmocka_unit_test(people_are_heard_on_both_sides_and_what_went_further_stays),
		STORY(what_began_there_begins_here_under_the_same_id_and_key),
		cmocka_unit_test(what_began_and_was_acted_on_there_pages_nobody_here),
		cmocka_unit_test(an_alert_that_is_open_here_too_is_counted_and_acknowledged_but_never_resolved),
		STORY(the_same_again_changes_nothing),
		STORY(a_service_that_is_not_here_is_refused_with_the_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
