/* page.c - levels and pages: who is owed what, when it is tried, when it ends; and the five stories of a pager. */
#include "fixture.h"

static struct str opened(struct town *t, const char *service)
{
	assert_int_equal(town_event(t, EVENT_TRIGGER, str_c(service), S("k"), S("down")), OUT_CREATED);
	return t->out.end.incident;
}

static enum outcome claim(struct town *t, struct str page)
{
	return town_do(t, (struct command){ .kind = CMD_CLAIM, .page = page, .owner = S("a"), .via = S("courier") });
}

static enum outcome settle(struct town *t, struct str page, enum verdict v, int64_t attempt)
{
	return town_do(t, (struct command){ .kind = CMD_SETTLE, .page = page, .via = S("courier"), .jitter = 0,
		.settlement = { .verdict = v, .attempt = attempt, .reason = S("HTTP 503") } });
}

/* The five stories. */
static void story_1_an_alert_on_a_healthy_service_pages_the_first_level_and_waits_a_quarter_of_an_hour(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	assert_int_equal(town_count(t, KIND_page), 1);
	assert_true(str_eq(town_page(t, 0)->address, S("ada@example.com")));
	assert_int_equal(town_incident(t, id)->due_at, T0 + 15 * MINUTE);
}

static void story_2_without_an_answer_the_next_level_is_paged_and_waits_again(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	t->now += 15 * MINUTE;
	assert_int_equal(town_timer(t, id), OUT_DONE);
	assert_int_equal(town_count(t, KIND_page), 3);                 /* bob has two contacts */
	assert_int_equal(town_incident(t, id)->due_at, t->now + 15 * MINUTE);
}

static void story_3_after_an_acknowledgement_the_time_out_pages_nobody(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	town_act(t, CMD_ACKNOWLEDGE, id, S("user:ada"));
	t->now += 15 * MINUTE;
	assert_int_equal(town_timer(t, id), OUT_NOTHING);
	assert_int_equal(town_count(t, KIND_page), 1);
}

static void story_4_an_alert_on_an_unhealthy_service_pages_nobody(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "ledger");
	int64_t due = town_incident(t, id)->due_at;
	t->now += MINUTE;
	assert_int_equal(town_event(t, EVENT_TRIGGER, S("ledger"), S("another"), S("too")), OUT_FOLDED);
	assert_int_equal(town_count(t, KIND_page), 1);
	assert_int_equal(town_incident(t, id)->due_at, due);
}

static void story_5_after_the_healthy_event_the_time_out_pages_nobody(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "ledger");
	town_event(t, EVENT_RESOLVE, S("ledger"), S("k"), S(""));
	t->now += 15 * MINUTE;
	assert_int_equal(town_timer(t, id), OUT_NOTHING);
	assert_int_equal(town_incident(t, id)->status, RESOLVED);
	assert_int_equal(town_count(t, KIND_page), 1);
}

static void a_timer_never_fires_early(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	t->now += 15 * MINUTE - 1;
	assert_int_equal(town_timer(t, id), OUT_NOTHING);
	assert_int_equal(town_incident(t, id)->level, 0);
}

static void a_level_that_reaches_nobody_says_so_and_is_over_at_once(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "holes");
	t->now += 15 * MINUTE;
	town_timer(t, id);
	assert_int_equal(town_incident(t, id)->level, 1);
	assert_int_equal(town_incident(t, id)->due_at, t->now);
	assert_int_equal(town_entries(t, ENTRY_NOBODY), 1);
	town_timer(t, id);
	assert_int_equal(town_incident(t, id)->level, 2);
	assert_int_equal(town_count(t, KIND_page), 2);
}

static void after_the_last_level_the_incident_is_exhausted_stays_open_and_tells_on_exhausted(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "last");
	t->now += 15 * MINUTE;
	town_timer(t, id);
	const struct incident *inc = town_incident(t, id);
	assert_true(inc->exhausted);
	assert_int_equal(inc->status, DETECTED);
	assert_int_equal(inc->due_at, 0);
	assert_int_equal(town_count(t, KIND_page), 2);
	assert_true(str_eq(town_page(t, 1)->channel, S("con")));
	assert_int_equal(town_timer(t, id), OUT_NOTHING);
}

static void repeat_goes_through_the_levels_that_many_times_more(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "loop");
	int64_t rounds[4] = { 0, 0, 1, 1 }, levels[4] = { 0, 1, 0, 1 };
	for (int i = 0; i < 4; i++) {
		assert_int_equal(town_incident(t, id)->round, rounds[i]);
		assert_int_equal(town_incident(t, id)->level, levels[i]);
		t->now += 15 * MINUTE;
		town_timer(t, id);
	}
	assert_true(town_incident(t, id)->exhausted);
	assert_int_equal(town_count(t, KIND_page), 6);
}

static void a_page_owed_twice_would_have_the_same_id(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	assert_true(str_eq(town_page(t, 0)->id, page_id(&t->a, id, 0, 0, 0, 0)));
	assert_null(memchr(town_page(t, 0)->id.p, '.', town_page(t, 0)->id.n));
}

static void a_claim_counts_the_attempt_names_the_replica_and_runs_out(void **state)
{
	struct town *t = *state;
	opened(t, "web");
	struct str id = town_page(t, 0)->id;
	assert_int_equal(claim(t, id), OUT_CLAIMED);
	assert_int_equal(town_page(t, 0)->attempt, 1);
	assert_int_equal(town_doc(t, KIND_page, id)->due, T0 + 30 * 1000);
	assert_int_equal(claim(t, id), OUT_NOTHING);
	t->now += 30 * 1000;
	assert_int_equal(claim(t, id), OUT_CLAIMED);
	assert_int_equal(town_page(t, 0)->attempt, 2);
}

static void a_page_of_an_answered_incident_is_cancelled_not_sent(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	town_act(t, CMD_ACKNOWLEDGE, id, S("user:ada"));
	assert_int_equal(claim(t, town_page(t, 0)->id), OUT_DONE);
	assert_int_equal(town_page(t, 0)->status, PAGE_CANCELLED);
	assert_string_equal(town_page(t, 0)->reason.p, "acknowledged by user:ada");
}

static void delivered_ends_the_page_and_never_the_escalation(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	claim(t, town_page(t, 0)->id);
	assert_int_equal(settle(t, town_page(t, 0)->id, VERDICT_DELIVERED, 1), OUT_DONE);
	assert_int_equal(town_page(t, 0)->status, PAGE_DELIVERED);
	assert_int_equal(town_incident(t, id)->due_at, T0 + 15 * MINUTE);
}

static void retries_come_after_5_15_30_and_60_seconds_until_the_life_of_the_page_is_over(void **state)
{
	struct town *t = *state;
	static const int64_t wait_s[] = { 5, 15, 30, 60, 60, 60 };
	struct str id = opened(t, "web"), page = town_page(t, 0)->id;
	for (int64_t i = 0; i < 6; i++) {
		assert_int_equal(claim(t, page), OUT_CLAIMED);
		settle(t, page, VERDICT_RETRY, i + 1);
		int64_t wait = town_page(t, 0)->retry_at - t->now;
		assert_true(wait >= wait_s[i] * 800 && wait <= wait_s[i] * 1200);
		t->now = town_page(t, 0)->retry_at;
	}
	while (town_page(t, 0)->status == PAGE_OWED) {
		claim(t, page);
		settle(t, page, VERDICT_RETRY, town_page(t, 0)->attempt);
		if (town_page(t, 0)->status == PAGE_OWED)
			t->now = town_page(t, 0)->retry_at;
	}
	assert_int_equal(town_page(t, 0)->status, PAGE_FAILED);
	assert_true(t->now <= T0 + 15 * MINUTE);
	assert_int_equal(town_incident(t, id)->due_at, t->now);
}

static void what_the_provider_asks_for_is_waited_for(void **state)
{
	(void)state;
	assert_int_equal(page_backoff_ms(1, 42000, 0), 42000);
	assert_int_equal(page_backoff_ms(0, 0, 99), 0);
	for (uint64_t j = 0; j < 5000; j += 7)
		assert_true(page_backoff_ms(1, 0, j) >= 4000 && page_backoff_ms(1, 0, j) <= 6000);
}

static void a_page_refused_for_good_brings_the_next_level_at_once(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	claim(t, town_page(t, 0)->id);
	settle(t, town_page(t, 0)->id, VERDICT_REFUSED, 1);
	assert_int_equal(town_page(t, 0)->status, PAGE_FAILED);
	assert_int_equal(town_incident(t, id)->due_at, t->now);
	assert_int_equal(town_entries(t, ENTRY_PAGE_FAILED), 1);
	assert_int_equal(town_timer(t, id), OUT_DONE);
	assert_int_equal(town_incident(t, id)->level, 1);
}

static void bad_news_of_an_older_attempt_is_ignored_and_good_news_counts(void **state)
{
	struct town *t = *state;
	opened(t, "web");
	struct str page = town_page(t, 0)->id;
	claim(t, page);
	t->now += 30 * 1000;
	claim(t, page);
	assert_int_equal(settle(t, page, VERDICT_REFUSED, 1), OUT_NOTHING);
	assert_int_equal(town_page(t, 0)->status, PAGE_OWED);
	assert_int_equal(settle(t, page, VERDICT_DELIVERED, 1), OUT_DONE);
	assert_int_equal(town_page(t, 0)->status, PAGE_DELIVERED);
	assert_int_equal(settle(t, page, VERDICT_RETRY, 2), OUT_NOTHING);
}

static void an_attempt_that_never_began_is_due_again_at_once(void **state)
{
	struct town *t = *state;
	opened(t, "web");
	struct str page = town_page(t, 0)->id;
	claim(t, page);
	settle(t, page, VERDICT_UNSENT, 1);
	assert_int_equal(town_doc(t, KIND_page, page)->due, t->now);
}

static void a_first_page_that_leaves_late_gives_its_level_the_full_wait(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	t->now += 3 * 60 * MINUTE;
	assert_int_equal(claim(t, town_page(t, 0)->id), OUT_CLAIMED);
	assert_int_equal(town_incident(t, id)->due_at, t->now + 15 * MINUTE);
	assert_int_equal(town_entries(t, ENTRY_LATE), 1);
	assert_int_equal(town_timer(t, id), OUT_NOTHING);
}

static void the_policy_of_the_day_it_opened_counts_even_when_the_configuration_has_moved_on(void **state)
{
	struct town *t = *state;
	struct str id = opened(t, "web");
	static const char *const other[] = { "channel:con" };
	struct str ref = town_incident(t, id)->policy;
	for (size_t i = 0; i < t->w.policies.n; i++)
		if (str_eq(t->w.policies.v[i].id, S("two"))) {
			struct policy *old = NEW(&t->a, struct policy);
			*old = t->w.policies.v[i];
			t->docs[t->n++] = (struct doc){ KIND_policy, ref, old, INT64_MAX, 1 };
			t->w.policies.v[i] = town_policy(&t->a, "two", other, 1, 0);
		}
	world_make_index(&t->a, &t->w);
	world_make_refs(&t->a, &t->w);
	t->now += 15 * MINUTE;
	town_timer(t, id);
	assert_int_equal(town_incident(t, id)->level, 1);
	assert_int_equal(town_count(t, KIND_page), 3);
}

static void a_target_is_a_person_a_channel_or_an_address(void **state)
{
	struct town *t = *state;
	struct reach r[4];
	assert_int_equal(world_reach(&t->w, S("user:bob"), r, 4), 2);
	assert_true(str_eq(r[1].address, S("bob@work.example")));      /* contacts win over the email */
	assert_int_equal(world_reach(&t->w, S("mail:x@example.com"), r, 4), 1);
	assert_int_equal(world_reach(&t->w, S("channel:hook"), r, 4), 1);
	assert_int_equal(world_reach(&t->w, S("channel:mail"), r, 4), 0);
	assert_int_equal(world_reach(&t->w, S("user:ghost"), r, 4), 0);
	assert_int_equal(world_reach(&t->w, S("nobody"), r, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(story_1_an_alert_on_a_healthy_service_pages_the_first_level_and_waits_a_quarter_of_an_hour),
		STORY(story_2_without_an_answer_the_next_level_is_paged_and_waits_again),
		STORY(story_3_after_an_acknowledgement_the_time_out_pages_nobody),
		STORY(story_4_an_alert_on_an_unhealthy_service_pages_nobody),
		STORY(story_5_after_the_healthy_event_the_time_out_pages_nobody),
		STORY(a_timer_never_fires_early),
		STORY(a_level_that_reaches_nobody_says_so_and_is_over_at_once),
		STORY(after_the_last_level_the_incident_is_exhausted_stays_open_and_tells_on_exhausted),
		STORY(repeat_goes_through_the_levels_that_many_times_more),
		STORY(a_page_owed_twice_would_have_the_same_id),
		STORY(a_claim_counts_the_attempt_names_the_replica_and_runs_out),
		STORY(a_page_of_an_answered_incident_is_cancelled_not_sent),
		STORY(delivered_ends_the_page_and_never_the_escalation),
		STORY(retries_come_after_5_15_30_and_60_seconds_until_the_life_of_the_page_is_over),
		cmocka_unit_test(what_the_provider_asks_for_is_waited_for),
		STORY(a_page_refused_for_good_brings_the_next_level_at_once),
		STORY(bad_news_of_an_older_attempt_is_ignored_and_good_news_counts),
		STORY(an_attempt_that_never_began_is_due_again_at_once),
		STORY(a_first_page_that_leaves_late_gives_its_level_the_full_wait),
		STORY(the_policy_of_the_day_it_opened_counts_even_when_the_configuration_has_moved_on),
		STORY(a_target_is_a_person_a_channel_or_an_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
