/* janitor.c - what is forgotten, when, and together with what; and what never is. */
#include "fixture.h"

static size_t belonging(struct stage *st, enum kind kind, struct str incident)
{
	struct store_docs docs = { 0 };
	struct str lo = arena_fmt(&st->a, "%.*s/", STR_ARG(incident)), hi = arena_fmt(&st->a, "%.*s0", STR_ARG(incident));
	assert_int_equal(store_list(st->inner, (store_kind)kind, STORE_BY_ID, lo, hi, false, LOTS, &docs), STORE_OK);
	size_t n = docs.n;
	store_docs_free(&docs);
	return n;
}

static size_t open_alerts(struct stage *st)
{
	struct store_docs docs = { 0 };
	size_t n = 0;
	assert_int_equal(store_scan(st->inner, KIND_alert, 0, S(""), LOTS, &docs), STORE_OK);
	for (size_t i = 0; i < docs.n; i++) {
		enum store_rc rc = STORE_OK;
		const struct alert *a = batch_decode(&st->a, &docs.v[i], &rc);
		assert_non_null(a);
		n += a->is_open;
		assert_true(a->is_open == (docs.v[i].expire == STORE_NO_DUE));
	}
	store_docs_free(&docs);
	return n;
}

static void drop(struct stage *st, enum kind kind, struct str id)
{
	struct store_docs docs = { 0 };
	struct store_result r;
	assert_int_equal(store_get(st->inner, &(store_kind){ (store_kind)kind }, &id, 1, &docs), STORE_OK);
	struct store_write w = { .op = STORE_DELETE, .kind = (store_kind)kind, .id = id, .expect = docs.v[0].ver };
	store_commit(st->inner, &(struct store_txn){ .token = { { 9 } }, .w = &w, .n = 1 }, &r, 1);
	assert_int_equal(r.rc, STORE_OK);
	store_docs_free(&docs);
}

static void what_is_long_over_goes_with_all_that_belongs_to_it_and_what_is_open_never(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	struct str over = opened(st->r, "web", "over"), open = opened(st->r, "web", "open");
	run(st->r, SECOND);
	(void)post_act(st->r, CMD_RESOLVE, over);
	(void)post_act(st->r, CMD_ACKNOWLEDGE, open);
	run(st->r, SECOND);
	st->mono_ms += INT64_C(399) * DAY;
	run(st->r, 5 * MINUTE);
	assert_non_null(stored(st, KIND_incident, over));
	assert_int_equal(belonging(st, KIND_entry, over), 3);      /* detected, level, resolved: whole to the end */
	st->mono_ms += INT64_C(2) * DAY;
	run(st->r, 5 * MINUTE);
	assert_null(stored(st, KIND_incident, over));
	assert_int_equal(belonging(st, KIND_entry, over), 0);
	assert_int_equal(belonging(st, KIND_page, over), 0);
	assert_int_equal(incident(st, open)->status, ACKNOWLEDGED);
	assert_int_equal(belonging(st, KIND_entry, open), 3);
	assert_int_equal(belonging(st, KIND_page, open), 1);
	assert_int_equal(count(st, KIND_alert), 1);
	struct ask *x = post_event(st->r, EVENT_TRIGGER, "web", "open");
	tick(st->r);
	assert_int_equal(x->got.outcome, OUT_FOLDED);
	assert_true(str_eq(x->got.incident->id, open));
}

static void an_incident_that_was_open_for_years_keeps_its_timeline_to_the_end(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	struct str id = opened(st->r, "web", "slow");
	(void)post_act(st->r, CMD_ACKNOWLEDGE, id);
	run(st->r, SECOND);
	st->mono_ms += INT64_C(900) * DAY;
	run(st->r, 3 * MINUTE);
	(void)post_act(st->r, CMD_RESOLVE, id);
	run(st->r, SECOND);
	st->mono_ms += INT64_C(399) * DAY;
	run(st->r, 3 * MINUTE);
	assert_int_equal(belonging(st, KIND_entry, id), incident(st, id)->entries);
	st->mono_ms += INT64_C(2) * DAY;
	run(st->r, 3 * MINUTE);
	assert_int_equal(belonging(st, KIND_entry, id), 0);
}

static void lines_about_repeated_alerts_go_before_their_incident(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	struct str id = opened(st->r, "ledger", "one");
	(void)post_event(st->r, EVENT_TRIGGER, "ledger", "two");
	(void)post_act(st->r, CMD_ACKNOWLEDGE, id);
	run(st->r, SECOND);
	assert_int_equal(entries(st, id, ENTRY_ALERT), 1);
	st->mono_ms += INT64_C(31) * DAY;
	run(st->r, 3 * MINUTE);
	assert_int_equal(belonging(st, KIND_entry, id), incident(st, id)->entries - 1);
	assert_non_null(stored(st, KIND_entry, entry_id(&st->a, id, 0)));
}

static void further_keys_of_a_grouped_incident_end_with_it(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	struct str id = opened(st->r, "ledger", "one");
	(void)post_event(st->r, EVENT_TRIGGER, "ledger", "two");
	(void)post_event(st->r, EVENT_TRIGGER, "ledger", "three");
	run(st->r, 5 * MINUTE);
	assert_int_equal(open_alerts(st), 3);
	(void)post_act(st->r, CMD_RESOLVE, id);
	run(st->r, 25 * MINUTE);
	assert_int_equal(open_alerts(st), 0);
	st->mono_ms += INT64_C(31) * DAY;
	run(st->r, 3 * MINUTE);
	assert_int_equal(count(st, KIND_alert), 0);
}

static void alerts_of_an_open_incident_stay_open(void **state)
{
	enum { MANY = 250 };
	struct stage *st = *state;
	st->provider = 200;
	for (int i = 0; i < MANY; i++)
		(void)post_event(st->r, EVENT_TRIGGER, "ledger", arena_fmt(&st->a, "key-%d", i).p);
	tick(st->r);
	st->mono_ms += INT64_C(500) * DAY;
	run(st->r, 45 * MINUTE);
	assert_int_equal(open_alerts(st), MANY);
}

static void a_page_that_is_still_owed_keeps_its_incident(void **state)
{
	struct stage *st = *state;
	st->room[0] = 0;
	struct str id = opened(st->r, "web", "disk");
	(void)post_act(st->r, CMD_RESOLVE, id);
	tick(st->r);
	st->mono_ms += INT64_C(401) * DAY;
	run(st->r, 2 * MINUTE);
	assert_non_null(stored(st, KIND_incident, id));
	assert_int_equal(page(st, id, 0, 0)->status, PAGE_OWED);
	st->room[0] = 1;
	run(st->r, 3 * MINUTE);                                    /* cancelled, and then forgotten */
	assert_int_equal(st->n_sends, 0);
	assert_null(stored(st, KIND_incident, id));
	assert_int_equal(count(st, KIND_page), 0);
}

static void a_page_whose_incident_is_gone_is_cancelled(void **state)
{
	struct stage *st = *state;
	st->room[0] = 0;
	struct str id = opened(st->r, "web", "disk");
	drop(st, KIND_incident, id);                               /* by somebody's hand */
	st->room[0] = 1;
	run(st->r, MINUTE);
	assert_int_equal(page(st, id, 0, 0)->status, PAGE_CANCELLED);
	assert_int_equal(st->n_sends, 0);
}

static void a_long_timeline_goes_piece_by_piece_and_its_incident_last(void **state)
{
	enum { NOTES = 300 };
	struct stage *st = *state;
	st->provider = 200;
	struct str id = opened(st->r, "web", "talked about");
	for (int i = 0; i < NOTES; i++)
		(void)post_act(st->r, CMD_NOTE, id);
	(void)post_act(st->r, CMD_RESOLVE, id);
	run(st->r, SECOND);
	st->mono_ms += INT64_C(401) * DAY;
	size_t left = belonging(st, KIND_entry, id);
	assert_true(left > NOTES);
	while (left > 0) {
		run(st->r, 30 * SECOND);
		size_t now = belonging(st, KIND_entry, id);
		bool is_there = stored(st, KIND_incident, id) != NULL;
		assert_true(is_there == (now > 0));
		if (now == left)
			run(st->r, MINUTE);
		assert_true(now < left || belonging(st, KIND_entry, id) < left);
		left = belonging(st, KIND_entry, id);
	}
	assert_true(st->most_writes <= STORE_WRITES_MAX);
}

static void a_shorter_retention_counts_for_what_is_over_already_and_a_longer_does_not(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	struct str id = opened(st->r, "web", "over");
	(void)post_act(st->r, CMD_RESOLVE, id);
	run(st->r, SECOND);
	st->w.keep_ms = INT64_C(4000) * DAY;
	st->mono_ms += INT64_C(50) * DAY;
	run(st->r, 3 * MINUTE);
	assert_non_null(stored(st, KIND_incident, id));
	st->w.keep_ms = INT64_C(40) * DAY;
	run(st->r, 3 * MINUTE);
	assert_null(stored(st, KIND_incident, id));
	struct str other = opened(st->r, "web", "another");
	(void)post_act(st->r, CMD_RESOLVE, other);
	run(st->r, SECOND);
	st->w.keep_ms = INT64_C(4000) * DAY;
	st->mono_ms += INT64_C(4001) * DAY;                        /* its document says 40 days; nobody can know when the new rule began */
	run(st->r, 3 * MINUTE);
	assert_null(stored(st, KIND_incident, other));
}

static enum store_fault every_other_commit_fails(struct stage *st, const struct store_txn *t)
{
	(void)t;
	return st->n_commits % 2 ? STORE_FAULT_LOST_REPLY : STORE_FAULT_BUSY;
}

static void a_store_that_stumbles_leaves_nothing_half_forgotten(void **state)
{
	enum { MANY = 45 };
	struct stage *st = *state;
	st->provider = 200;
	for (int i = 0; i < MANY; i++) {
		struct str id = opened(st->r, "web", arena_fmt(&st->a, "key-%d", i).p);
		(void)post_act(st->r, CMD_RESOLVE, id);
	}
	run(st->r, 20 * SECOND);
	st->mono_ms += INT64_C(401) * DAY;
	st->on_commit = every_other_commit_fails;
	run(st->r, 20 * MINUTE);
	st->on_commit = NULL;
	run(st->r, 5 * MINUTE);
	assert_int_equal(count(st, KIND_incident) + count(st, KIND_entry) + count(st, KIND_page) + count(st, KIND_alert), 0);
}

static enum store_rc counted_purge(struct store *s, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done)
{
	struct stage *st = stage_of(s);
	++*(size_t *)st->mine;
	return st->real.purge(s, kind, expired_before, limit, ret_done);
}

static void who_has_just_started_pages_before_it_cleans_up(void **state)
{
	struct stage *st = *state;
	size_t purges = 0;
	st->mine = &purges;
	st->ops.purge = counted_purge;
	run(st->r, 9 * SECOND);
	assert_int_equal(purges, 0);
	run(st->r, MINUTE);
	assert_true(purges > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(what_is_long_over_goes_with_all_that_belongs_to_it_and_what_is_open_never),
		ALONE(an_incident_that_was_open_for_years_keeps_its_timeline_to_the_end),
		ALONE(lines_about_repeated_alerts_go_before_their_incident),
		BOTH(further_keys_of_a_grouped_incident_end_with_it),
		BOTH(alerts_of_an_open_incident_stay_open),
		ALONE(a_page_that_is_still_owed_keeps_its_incident),
		ALONE(a_page_whose_incident_is_gone_is_cancelled),
		ALONE(a_long_timeline_goes_piece_by_piece_and_its_incident_last),
		ALONE(a_shorter_retention_counts_for_what_is_over_already_and_a_longer_does_not),
		BOTH(a_store_that_stumbles_leaves_nothing_half_forgotten),
		ALONE(who_has_just_started_pages_before_it_cleans_up),
	};
	return cmocka_run_group_tests_name("engine/janitor", tests, NULL, NULL);
}
