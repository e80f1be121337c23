/* courier.c - pages out: claim, send, settle; and every way in which a page must not go out, or must go out all the same. */
#include "fixture.h"

static const struct page *first_page(struct stage *st, struct str inc) { return page(st, inc, 0, 0); }

static void a_page_is_claimed_sent_and_settled(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	run(st->r, 10);
	assert_int_equal(st->n_sends, 1);
	const struct page *p = first_page(st, id);
	assert_true(str_eq(st->sends[0].page, p->id));
	assert_int_equal(p->status, PAGE_OWED);
	assert_int_equal(p->attempt, 1);
	assert_true(str_eq(p->owner, S("north")));
	assert_true(str_eq(st->sends[0].d->request.body, S("it burns")));
	give_back(st->sends, 200);
	tick(st->r);
	assert_int_equal(first_page(st, id)->status, PAGE_DELIVERED);
	run(st->r, 4 * MINUTE);
	assert_int_equal(st->n_sends, 1);
	assert_int_equal(METRIC(st->r, pages_delivered), 1);
	assert_int_equal(incident(st, id)->status, DETECTED);     /* delivered is not answered */
}

static void a_failing_provider_is_tried_at_growing_intervals_and_then_the_next_level_begins(void **state)
{
	static const int64_t wait_ms[] = { 5000, 15000, 30000, 60000, 60000 };
	struct stage *st = *state;
	st->provider = 503;
	struct str id = opened(st->r, "web", "disk");
	run(st->r, 4 * MINUTE);
	for (size_t i = 1; i < st->n_sends && i <= COUNT(wait_ms); i++) {
		int64_t gap = st->sends[i].at_ms - st->sends[i - 1].at_ms;
		assert_true(gap >= wait_ms[i - 1] * 4 / 5 && gap <= wait_ms[i - 1] * 6 / 5 + 50);
		assert_int_equal(st->sends[i].attempt, i + 1);
	}
	assert_true(st->n_sends >= 5);
	assert_int_equal(METRIC(st->r, pages_retried), st->n_sends);
	run(st->r, 20 * MINUTE);
	assert_int_equal(first_page(st, id)->status, PAGE_FAILED);
	assert_true(METRIC(st->r, pages_failed) >= 1);
	assert_true(entries(st, id, ENTRY_PAGE_FAILED) >= 1);
}

static void retry_after_is_honoured(void **state)
{
	struct stage *st = *state;
	st->provider = 503;
	st->retry_after = S("120");
	(void)opened(st->r, "web", "disk");
	run(st->r, 3 * MINUTE);
	assert_int_equal(st->n_sends, 2);
	assert_true(st->sends[1].at_ms - st->sends[0].at_ms >= 120 * SECOND);
}

static void a_refused_page_fails_and_the_next_level_begins_at_once(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	run(st->r, 10);
	give_back(st->sends, 404);
	run(st->r, 10);
	assert_int_equal(first_page(st, id)->status, PAGE_FAILED);
	assert_int_equal(incident(st, id)->level, 1);
	assert_int_equal(METRIC(st->r, pages_failed), 1);
}

static void what_was_given_back_unsent_is_due_again_at_once(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	run(st->r, 10);
	give_back(st->sends, 0);
	run(st->r, 10);
	assert_int_equal(st->n_sends, 2);
	assert_true(str_eq(st->sends[1].page, st->sends[0].page));
	assert_int_equal(st->sends[1].attempt, 2);
	assert_int_equal(METRIC(st->r, pages_cancelled), 0);      /* it is still owed */
	assert_int_equal(first_page(st, id)->status, PAGE_OWED);
}

/* --- silence --- */

static void an_acknowledgement_of_the_same_step_stops_the_page(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	assert_int_equal(st->n_sends, 0);                         /* due now, claimed in the next step */
	struct ask *x = post_act(st->r, CMD_ACKNOWLEDGE, id);
	run(st->r, MINUTE);
	assert_int_equal(x->got.outcome, OUT_DONE);
	assert_int_equal(st->n_sends, 0);
	assert_int_equal(first_page(st, id)->status, PAGE_CANCELLED);
	assert_int_equal(METRIC(st->r, pages_cancelled), 1);
}

/* The other replica acknowledges when the claim has just been committed: before the fresh read. */
struct ambush { struct str incident; bool was_claimed; struct ask *x; };
static enum store_fault see_claim(struct stage *st, const struct store_txn *t)
{
	struct ambush *a = st->mine;
	for (size_t i = 0; i < t->n; i++)
		a->was_claimed |= t->w[i].kind == KIND_page && t->w[i].expect == 1;
	return STORE_FAULT_NONE;
}

static enum store_fault acknowledge_after_claim(struct stage *st)
{
	struct ambush *a = st->mine;
	if (a->was_claimed && a->x == NULL) {
		a->x = post_act(&st->r[1], CMD_ACKNOWLEDGE, a->incident);
		tick(&st->r[1]);
		assert_int_equal(a->x->got.outcome, OUT_DONE);
	}
	return STORE_FAULT_NONE;
}

static void what_is_acknowledged_between_claim_and_send_is_not_sent(void **state)
{
	struct stage *st = *state;
	struct ambush a = { opened(st->r, "web", "disk"), false, NULL };
	st->mine = &a;
	st->on_commit = see_claim;
	st->on_read = acknowledge_after_claim;
	tick(st->r);
	assert_non_null(a.x);
	st->on_commit = NULL;
	st->on_read = NULL;
	assert_int_equal(st->n_sends, 0);
	run(st->r, MINUTE);
	assert_int_equal(st->n_sends, 0);
	const struct page *p = first_page(st, a.incident);
	assert_int_equal(p->status, PAGE_CANCELLED);
	assert_int_equal(p->attempt, 1);
	assert_int_equal(METRIC(st->r, pages_cancelled), 1);
}

static enum store_fault slow_commit(struct stage *st, const struct store_txn *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->w[i].kind == KIND_page && t->w[i].expect == 1) {
			st->mono_ms += *(int64_t *)st->mine;
			st->on_commit = NULL;
		}
	return STORE_FAULT_NONE;
}

static void a_claim_that_took_too_long_is_not_used(void **state)
{
	struct stage *st = *state;
	int64_t takes_ms = 25 * SECOND;
	st->provider = 200;
	struct str id = opened(st->r, "web", "disk");
	st->mine = &takes_ms;
	st->on_commit = slow_commit;
	tick(st->r);
	assert_int_equal(st->n_sends, 0);                         /* 5 s of the claim are left; a send may take 11 */
	assert_int_equal(first_page(st, id)->attempt, 1);
	run(st->r, MINUTE);
	assert_int_equal(st->n_sends, 1);
	assert_int_equal(first_page(st, id)->status, PAGE_DELIVERED);
}

/* --- room --- */

static void a_channel_without_room_leaves_its_pages_due_and_the_others_go_on(void **state)
{
	struct stage *st = *state;
	st->room[1] = 2;
	for (int i = 0; i < 10; i++)
		(void)post_event(st->r, EVENT_TRIGGER, "crowd", "");
	tick(st->r);
	struct str id = opened(st->r, "web", "disk");
	run(st->r, SECOND);
	assert_int_equal(st->n_sends, 3);
	assert_int_equal(first_page(st, id)->attempt, 1);
	for (size_t i = 0; i < 3; i++)
		if (str_eq(st->sends[i].channel, S("slow")))
			give_back(&st->sends[i], 200);
	run(st->r, SECOND);
	assert_int_equal(st->n_sends, 5);                         /* room came back */
}

/* Pages leave one by one, as room comes back, and without a look. */
static void trickle(struct stage *st, struct node *r)
{
	size_t looks = st->n_looks, out = st->n_sends;
	for (size_t i = out; i < out + 40; i++) {
		give_back(&st->sends[i - 1], 200);
		tick(r);                                          /* its end is stored, */
		tick(r);                                          /* and the next one leaves in its place */
		assert_int_equal(st->n_sends, i + 1);
		assert_true(r->wake_ms > st->mono_ms);            /* nothing spins while there is no room */
	}
	assert_int_equal(st->n_looks, looks);
}

static void pages_that_wait_for_room_are_known_and_not_looked_for_again(void **state)
{
	enum { MANY = 200 };
	struct stage *st = *state;
	st->room[1] = 1;
	for (int i = 0; i < MANY; i++)
		(void)post_event(st->r, EVENT_TRIGGER, "crowd", "");
	tick(st->r);
	run(st->r, SECOND);
	trickle(st, st->r);                                       /* what it wrote itself */
	replica_die(st->r);
	run(&st->r[1], SECOND);
	trickle(st, &st->r[1]);                                   /* what it found */
}

static void crowd(struct stage *st, size_t n)
{
	st->room[1] = 1;
	for (size_t i = 0; i < n; i++) {
		(void)post_event(st->r, EVENT_TRIGGER, "crowd", "");
		if (st->r->n_jobs == 1024 || i + 1 == n)
			tick(st->r);
	}
	st->mono_ms += SECOND;
}

static size_t sends_over(const struct stage *st, const char *channel)
{
	size_t n = 0;
	for (size_t i = 0; i < st->n_sends; i++)
		n += str_eq(st->sends[i].channel, str_c(channel));
	return n;
}

/* What a dead replica left: first those of a channel that has no room, behind them those of another. */
static void two_crowds(struct stage *st, int hopeless, int others)
{
	st->room[0] = st->room[1] = 0;
	for (int i = 0; i < hopeless + others; i++) {
		if (i == hopeless)
			tick(st->r);
		(void)post_event(st->r, EVENT_TRIGGER, i < hopeless ? "crowd" : "web", "");
		st->mono_ms += i == hopeless;
	}
	tick(st->r);
	replica_die(st->r);
	st->room[0] = st->room[1] = 32;
	st->mono_ms += SECOND;
}

static void pages_with_room_do_not_wait_behind_a_crowd_that_has_none(void **state)
{
	enum { OTHERS = 300 };
	static const int crowds[] = { 100, 250, 286, 400, 1500 };
	for (size_t k = 0; k < COUNT(crowds); k++) {
		stage_down(state);
		*state = stage_open(false);
		struct stage *st = *state;
		two_crowds(st, crowds[k], OTHERS);
		for (int64_t end = st->mono_ms + 2 * SECOND; st->mono_ms < end; st->mono_ms += 10) {
			for (size_t i = 0; i < st->n_sends; i++)
				if (st->sends[i].d && str_eq(st->sends[i].channel, S("hook")))
					give_back(&st->sends[i], 200);
			tick(&st->r[1]);
		}
		assert_int_equal(sends_over(st, "hook"), OTHERS);
		assert_true(st->n_looks < 12);
	}
}

/* Everything that is out comes back, and one more page leaves at once: of the channel that is not crowded. */
static void pour(struct stage *st, struct node *r, size_t *back)
{
	size_t had = sends_over(st, "hook");
	for (size_t end = st->n_sends; *back < end; ++*back)
		give_back(&st->sends[*back], 200);
	(void)post_event(r, EVENT_TRIGGER, "web", "");
	for (int i = 0; i < 3; i++)
		tick(r);
	assert_int_equal(sends_over(st, "hook"), had + 1);
	st->mono_ms += 50;
}

static void nor_behind_a_crowd_of_which_some_come_back_all_the_time(void **state)
{
	static const int crowds[] = { 1000, 6000 };
	for (size_t k = 0; k < COUNT(crowds); k++) {
		size_t back = 0;
		stage_down(state);
		*state = stage_open(false);
		struct stage *st = *state;
		two_crowds(st, crowds[k], 0);
		for (int i = 0; i < 25; i++)
			pour(st, &st->r[1], &back);
		assert_true(sends_over(st, "slow") > 500);
	}
}

static void what_the_dead_left_behind_a_crowd_that_trickles_out_leaves_within_ten_seconds(void **state)
{
	struct stage *st = *state;
	size_t looks[2] = { 0 };
	two_crowds(st, 7500, 1);
	st->room[1] = 4;
	for (int64_t end = st->mono_ms + 9 * SECOND; st->mono_ms < end; st->mono_ms += 50) {
		st->deepest_look = 0;
		tick(&st->r[1]);
		looks[st->deepest_look > 2048]++;
		for (size_t i = st->n_sends > 8 ? st->n_sends - 8 : 0; i < st->n_sends; i++)
			if (st->sends[i].d)
				give_back(&st->sends[i], 200);
	}
	assert_int_equal(sends_over(st, "hook"), 1);
	assert_true(sends_over(st, "slow") < 2000);               /* so it was not their end that let it out */
	assert_true(looks[1] > 0 && looks[1] < 12);               /* each look reads all of them */
}

static void a_new_page_leaves_at_once_while_others_wait_for_room(void **state)
{
	struct stage *st = *state;
	st->room[1] = 1;
	for (int i = 0; i < 50; i++)
		(void)post_event(st->r, EVENT_TRIGGER, "crowd", "");
	tick(st->r);
	run(st->r, SECOND);
	for (size_t i = 1; i <= 20; i++) {
		run(st->r, 37 + 11 * (int64_t)i);
		(void)post_event(st->r, EVENT_TRIGGER, "web", "");
		tick(st->r);
		assert_true(st->r->wake_ms <= st->mono_ms);
		tick(st->r);
		assert_int_equal(sends_over(st, "hook"), i);
	}
}

static void nor_where_more_wait_than_can_be_remembered(void **state)
{
	struct stage *st = *state;
	crowd(st, 9000);
	struct node *r = &st->r[0];
	for (size_t i = 1; i <= 20; i++) {
		run(r, i == 1 ? 0 : 137);                         /* the first before any look */
		(void)post_event(r, EVENT_TRIGGER, "web", "");
		tick(r);
		tick(r);
		assert_int_equal(sends_over(st, "hook"), i);
		if (i != 10)
			continue;
		replica_die(r);                                   /* what the first wrote itself, the second has to find */
		r = &st->r[1];
		run(r, 10 * SECOND);
	}
}

static void pages_that_need_not_go_do_not_keep_the_room_they_were_meant_for(void **state)
{
	enum { MANY = 40 };
	struct stage *st = *state;
	struct ask *x[MANY];
	st->room[1] = 1;
	for (int i = 0; i < MANY; i++)
		x[i] = post_event(st->r, EVENT_TRIGGER, "crowd", "");
	tick(st->r);
	run(st->r, SECOND / 2);
	for (int i = 0; i < MANY; i++)
		(void)post_act(st->r, CMD_ACKNOWLEDGE, x[i]->got.incident->id);
	tick(st->r);
	(void)opened(st->r, "crowd", "");
	give_back(&st->sends[0], 200);
	for (int i = 0; i < MANY + 2 && st->n_sends == 1; i++) {
		tick(st->r);
		assert_true(st->n_sends == 2 || st->r->wake_ms <= st->mono_ms);
	}
	assert_int_equal(st->n_sends, 2);                         /* the clock has not moved */
}

static enum store_fault first_end_refused(struct stage *st, const struct store_txn *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->w[i].kind == KIND_page && str_eq(t->w[i].id, st->sends[0].page))
			return STORE_FAULT_BUSY;
	return STORE_FAULT_NONE;
}

static void a_page_whose_end_waits_to_be_stored_takes_nobodys_room(void **state)
{
	struct stage *st = *state;
	st->room[1] = 1;
	(void)post_event(st->r, EVENT_TRIGGER, "crowd", "");
	tick(st->r);
	tick(st->r);
	st->on_commit = first_end_refused;
	give_back(&st->sends[0], 200);
	run(st->r, 31 * SECOND);                                  /* it is due again */
	for (size_t i = 1; i < 20; i++) {
		(void)opened(st->r, "crowd", "");
		tick(st->r);
		assert_int_equal(st->n_sends, i + 1);
		give_back(&st->sends[i], 200);
		tick(st->r);
	}
}

static void every_channel_is_asked_for_its_room_however_many_there_are(void **state)
{
	enum { MANY = 40 };
	struct stage *st = *state;
	struct arena *a = &st->a;
	struct world *w = NEW(a, struct world);
	struct outlet *outlets = NEWN(a, struct outlet, MANY);
	world_open(a, w, MINUTE);
	w->channels.v = NEWN(a, struct channel_def, MANY);
	w->policies.v = NEWN(a, struct policy, MANY);
	w->services.v = NEWN(a, struct service, MANY);
	w->channels.n = w->policies.n = w->services.n = MANY;
	for (int i = 0; i < MANY; i++) {
		struct str id = arena_fmt(a, "c-%d", i);
		const char *target = arena_fmt(a, "channel:c-%d", i).p;
		w->channels.v[i] = (struct channel_def){ .id = id, .type = S("fake") };
		w->policies.v[i] = policy_of(a, id.p, &target, 1, MINUTE);
		w->services.v[i] = (struct service){ .id = id, .policy = id };
		outlets[i] = (struct outlet){ id, &fake, NULL };
	}
	world_make_index(a, w);
	world_make_refs(a, w);
	struct setup setup = { w, outlets, MANY, S(""), S("north"), S("") };
	assert_int_equal(engine_configure(st->r->e, &setup), STORE_OK);
	st->room[CHANNELS - 1] = 0;                               /* of all of these */
	for (int i = 0; i < MANY; i++)
		(void)post_event(st->r, EVENT_TRIGGER, w->services.v[i].id.p, "");
	run(st->r, 10 * SECOND);
	assert_int_equal(st->n_sends, 0);
	st->room[CHANNELS - 1] = LOTS;
	run(st->r, SECOND);
	assert_int_equal(st->n_sends, MANY);
}

static void a_crowded_channel_hides_nobody_however_many_wait(void **state)
{
	static const size_t crowds[] = { 300, 1500, 5000 };
	struct stage *st = *state;
	size_t had = 0;
	for (size_t i = 0; i < COUNT(crowds); i++) {
		crowd(st, crowds[i] - had);
		had = crowds[i];
		struct str id = opened(st->r, "web", "");
		run(st->r, 2 * SECOND);
		assert_int_equal(sends_of(st, first_page(st, id)->id), 1);
	}
}

static void nor_while_its_own_pages_trickle_out(void **state)
{
	struct stage *st = *state;
	crowd(st, 3000);
	run(st->r, 2 * SECOND);                                   /* its depth is known */
	for (int turn = 0; turn < 5; turn++) {
		struct str id = opened(st->r, "web", "");
		for (int i = 0; i < 12; i++) {
			st->room[1] = 1;                          /* one of its pages came back */
			run(st->r, SECOND / 10);
		}
		assert_int_equal(sends_of(st, first_page(st, id)->id), 1);
	}
}

static void nor_while_commands_pour_in(void **state)
{
	struct stage *st = *state;
	crowd(st, 600);
	struct str id = opened(st->r, "web", "");
	for (int i = 0; i < 40; i++) {
		for (int k = 0; k < 16; k++)
			(void)post_event(st->r, EVENT_TRIGGER, "crowd", "same");
		tick(st->r);
		st->mono_ms += 50;
	}
	assert_int_equal(sends_of(st, first_page(st, id)->id), 1);
}

static void a_storm_goes_out_without_a_pause(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	for (int i = 0; i < 1000; i++)
		(void)post_event(st->r, EVENT_TRIGGER, "web", "");
	int64_t begun = st->mono_ms;
	run(st->r, SECOND);
	assert_int_equal(st->n_sends, 1000);
	assert_true(st->sends[999].at_ms - begun < 500);
}

/* --- what can never be said --- */

static void a_channel_that_is_not_configured_fails_the_page_and_escalates(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "lost", "disk");
	run(st->r, SECOND);
	const struct page *p = first_page(st, id);
	assert_int_equal(p->status, PAGE_FAILED);
	assert_non_null(strstr(p->reason.p, "\"lost\""));
	assert_int_equal(incident(st, id)->level, 1);
	assert_int_equal(st->n_sends, 1);
	assert_true(str_eq(st->sends[0].channel, S("hook")));
}

static void a_message_that_cannot_be_built_fails_the_page_and_escalates(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "mute", "disk");
	run(st->r, SECOND);
	assert_int_equal(first_page(st, id)->status, PAGE_FAILED);
	assert_int_equal(incident(st, id)->level, 1);
	assert_int_equal(st->n_sends, 1);
}

/* --- two replicas --- */

static void two_replicas_never_both_send_one_page(void **state)
{
	struct stage *st = *state;
	struct ask *x[50];
	for (int i = 0; i < 50; i++)
		x[i] = post_event(st->r, EVENT_TRIGGER, "web", "");
	tick(st->r);
	for (int i = 0; i < 20; i++) {
		tick(&st->r[i % 2]);
		st->mono_ms += 100;
	}
	assert_int_equal(st->n_sends, 50);
	for (int i = 0; i < 50; i++)
		assert_int_equal(sends_of(st, first_page(st, x[i]->got.incident->id)->id), 1);
}

/* The other replica takes the same pages in the middle of our commit. */
static enum store_fault race(struct stage *st, const struct store_txn *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->w[i].kind == KIND_page && t->w[i].expect == 1) {
			st->on_commit = NULL;
			tick(&st->r[1]);
			break;
		}
	return STORE_FAULT_NONE;
}

static void the_loser_of_a_race_for_claims_sends_nothing(void **state)
{
	struct stage *st = *state;
	for (int i = 0; i < 5; i++)
		(void)post_event(st->r, EVENT_TRIGGER, "web", "");
	tick(st->r);
	st->on_commit = race;
	tick(st->r);
	run(st->r, 10 * SECOND);
	assert_int_equal(st->n_sends, 5);
	for (size_t i = 0; i < st->n_sends; i++)
		assert_ptr_equal(st->sends[i].by, &st->r[1]);
}

static void the_claims_of_the_dead_are_sent_by_the_other_when_they_run_out(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	tick(st->r);
	assert_int_equal(st->n_sends, 1);
	int64_t claimed = st->mono_ms;
	replica_die(st->r);
	run(&st->r[1], MINUTE);
	assert_int_equal(st->n_sends, 2);
	assert_true(st->sends[1].at_ms >= claimed + 30 * SECOND && st->sends[1].at_ms <= claimed + 31 * SECOND);
	assert_int_equal(st->sends[1].attempt, 2);
	assert_true(str_eq(first_page(st, id)->owner, S("south")));
}

static void bad_news_of_an_old_attempt_changes_nothing_and_good_news_ends_the_page(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	tick(st->r);
	st->mono_ms += 31 * SECOND;                               /* stuck for longer than the claim */
	tick(&st->r[1]);
	assert_int_equal(st->n_sends, 2);
	int64_t due = first_page(st, id)->retry_at;
	give_back(&st->sends[0], 404);
	tick(st->r);
	assert_int_equal(first_page(st, id)->status, PAGE_OWED);
	assert_int_equal(first_page(st, id)->retry_at, due);
	give_back(&st->sends[1], 200);
	tick(&st->r[1]);
	assert_int_equal(first_page(st, id)->status, PAGE_DELIVERED);
}

/* --- a store in trouble --- */

static enum store_fault all_down(struct stage *st, const struct store_txn *t)
{
	(void)st, (void)t;
	return STORE_FAULT_DOWN;
}

static void the_end_of_a_delivery_outlives_a_store_that_is_down(void **state)
{
	enum { PAGES = 30 };
	struct stage *st = *state;
	struct ask *x[PAGES];
	for (int i = 0; i < PAGES; i++)
		x[i] = post_event(st->r, EVENT_TRIGGER, "web", "");
	run(st->r, 10);
	assert_int_equal(st->n_sends, PAGES);
	st->on_commit = all_down;
	for (int i = 0; i < PAGES; i++)
		give_back(&st->sends[i], 200);
	run(st->r, 2 * MINUTE);
	st->on_commit = NULL;
	run(st->r, 10 * SECOND);
	for (int i = 0; i < PAGES; i++)
		assert_int_equal(first_page(st, x[i]->got.incident->id)->status, PAGE_DELIVERED);
	assert_int_equal(st->n_sends, PAGES);                     /* although the claims had run out long before */
}

static enum store_fault lose_claims(struct stage *st, const struct store_txn *t)
{
	(void)st;
	for (size_t i = 0; i < t->n; i++)
		if (t->w[i].kind == KIND_page && t->w[i].expect == 1)
			return STORE_FAULT_LOST_REPLY;
	return STORE_FAULT_NONE;
}

static void a_claim_that_may_or_may_not_have_happened_sends_once(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	struct str id = opened(st->r, "web", "disk");
	st->on_commit = lose_claims;
	run(st->r, 2 * MINUTE);
	assert_int_equal(st->n_sends, 1);
	assert_int_equal(first_page(st, id)->status, PAGE_DELIVERED);
}

static void a_store_that_is_down_is_not_asked_without_a_pause(void **state)
{
	struct stage *st = *state;
	st->room[0] = 0;
	for (int i = 0; i < 300; i++)
		(void)post_event(st->r, EVENT_TRIGGER, "web", "");
	tick(st->r);
	st->room[0] = LOTS;
	st->on_commit = all_down;
	size_t before = st->n_commits;
	run(st->r, 10 * SECOND);
	assert_true(st->n_commits - before < 128 * 600);          /* some hundred rounds, not thousands */
	assert_int_equal(st->n_sends, 0);
	st->on_commit = NULL;
	run(st->r, SECOND);
	assert_int_equal(st->n_sends, 300);
}

static void a_page_late_by_an_outage_gives_its_level_the_whole_wait(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	replica_die(&st->r[0]);
	replica_die(&st->r[1]);
	st->mono_ms += 2 * MINUTE;
	replica_open(st->r);
	run(st->r, SECOND);
	assert_int_equal(st->n_sends, 1);
	assert_int_equal(entries(st, id, ENTRY_LATE), 1);
	assert_true(incident(st, id)->due_at >= st->sends[0].at_ms + T0 + 5 * MINUTE);
}

/* --- what is known without asking --- */

static enum store_fault all_busy(struct stage *st, const struct store_txn *t)
{
	(void)st, (void)t;
	return STORE_FAULT_BUSY;
}

/* The store takes nothing until shortly before the claims run out: they are seen to, and the ends of the attempts still wait for their next try. */
static void a_page_whose_end_waits_to_be_stored_is_not_sent_again(void **state)
{
	enum { PAGES = 60 };
	struct stage *st = *state;
	run(st->r, 2 * SECOND);
	int64_t claims_end = st->mono_ms + 30 * SECOND;
	for (int i = 0; i < PAGES; i++)
		(void)post_event(st->r, EVENT_TRIGGER, "web", "");
	run(st->r, 10);
	assert_int_equal(st->n_sends, PAGES);
	st->on_commit = all_busy;
	for (int i = 0; i < PAGES; i++)
		give_back(&st->sends[i], 200);
	run(st->r, claims_end - 500 - st->mono_ms);
	st->on_commit = NULL;
	run(st->r, 20 * SECOND);
	assert_int_equal(st->n_sends, PAGES);
}

static void a_store_that_takes_nothing_is_left_alone_however_much_is_known(void **state)
{
	enum { PAGES = 4000 };
	struct stage *st = *state;
	int steps = 0;
	for (int i = 0; i < PAGES; i++)
		(void)post_event(st->r, EVENT_TRIGGER, "web", "");
	tick(st->r);
	st->mono_ms += 60;                                        /* no storm any more */
	st->on_commit = all_busy;
	for (bool is_awake = true; is_awake && steps < LOTS; steps++) {
		tick(st->r);
		is_awake = st->r->wake_ms <= st->mono_ms;
	}
	assert_in_range(steps, 1, 2);
	st->on_commit = NULL;
	st->provider = 200;
	run(st->r, 10 * SECOND);
	assert_int_equal(st->n_sends, PAGES);
}

static void pages_of_one_batch_leave_in_the_order_of_their_alerts(void **state)
{
	enum { N = 100 };
	struct stage *st = *state;
	struct ask *x[N];
	tick(st->r);
	st->mono_ms += 100;
	for (int i = 0; i < N; i++)
		x[i] = post_event(st->r, EVENT_TRIGGER, "web", "");
	run(st->r, 10);
	assert_int_equal(st->n_sends, N);
	for (int i = 0; i < N; i++)
		assert_true(str_eq(st->sends[i].page, first_page(st, x[i]->got.incident->id)->id));
}

/* More events in each step than a busy step claims pages, for a long time. */
static void alerts_that_keep_coming_do_not_hold_up_the_pages(void **state)
{
	enum { STEPS = 500, STEP_MS = 40, EACH = 14, AFTER_MS = 4 * SECOND };
	struct stage *st = *state;
	size_t n = 0;
	st->provider = 200;
	for (int i = 0; i < STEPS; i++) {
		for (int k = 0; k < EACH; k++)
			(void)post_event(st->r, EVENT_TRIGGER, "web", arena_fmt(&st->a, "key-%zu", n++).p);
		tick(st->r);
		assert_true(n - st->n_sends <= EACH * AFTER_MS / STEP_MS);
		st->mono_ms += STEP_MS;
	}
}

/* An old page that waits for its own channel is no reason to hold up the alerts of a burst. */
static void a_channel_without_room_does_not_put_pages_before_alerts(void **state)
{
	enum { BURST = 20, BUSY_STEP = 8 };
	struct stage *st = *state;
	st->provider = 200;
	st->room[1] = 0;
	(void)opened(st->r, "crowd", "first");
	run(st->r, 10 * SECOND);
	for (int step = 0; step < 2; step++) {
		for (int i = 0; i < BURST; i++)
			(void)post_event(st->r, EVENT_TRIGGER, "web", arena_fmt(&st->a, "%d-%d", step, i).p);
		size_t before = st->n_sends;
		tick(st->r);
		assert_true(st->n_sends - before <= BUSY_STEP);
		st->mono_ms += 300;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_page_is_claimed_sent_and_settled),
		ALONE(a_failing_provider_is_tried_at_growing_intervals_and_then_the_next_level_begins),
		ALONE(retry_after_is_honoured),
		BOTH(a_refused_page_fails_and_the_next_level_begins_at_once),
		BOTH(what_was_given_back_unsent_is_due_again_at_once),
		BOTH(an_acknowledgement_of_the_same_step_stops_the_page),
		BOTH(what_is_acknowledged_between_claim_and_send_is_not_sent),
		ALONE(a_claim_that_took_too_long_is_not_used),
		ALONE(a_channel_without_room_leaves_its_pages_due_and_the_others_go_on),
		ALONE(pages_that_wait_for_room_are_known_and_not_looked_for_again),
		ALONE(pages_with_room_do_not_wait_behind_a_crowd_that_has_none),
		ALONE(nor_behind_a_crowd_of_which_some_come_back_all_the_time),
		ALONE(what_the_dead_left_behind_a_crowd_that_trickles_out_leaves_within_ten_seconds),
		ALONE(a_new_page_leaves_at_once_while_others_wait_for_room),
		ALONE(nor_where_more_wait_than_can_be_remembered),
		ALONE(pages_that_need_not_go_do_not_keep_the_room_they_were_meant_for),
		ALONE(a_page_whose_end_waits_to_be_stored_takes_nobodys_room),
		ALONE(every_channel_is_asked_for_its_room_however_many_there_are),
		ALONE(a_crowded_channel_hides_nobody_however_many_wait),
		ALONE(nor_while_its_own_pages_trickle_out),
		ALONE(nor_while_commands_pour_in),
		ALONE(a_storm_goes_out_without_a_pause),
		ALONE(a_channel_that_is_not_configured_fails_the_page_and_escalates),
		ALONE(a_message_that_cannot_be_built_fails_the_page_and_escalates),
		BOTH(two_replicas_never_both_send_one_page),
		BOTH(the_loser_of_a_race_for_claims_sends_nothing),
		BOTH(the_claims_of_the_dead_are_sent_by_the_other_when_they_run_out),
		BOTH(bad_news_of_an_old_attempt_changes_nothing_and_good_news_ends_the_page),
		ALONE(the_end_of_a_delivery_outlives_a_store_that_is_down),
		BOTH(a_claim_that_may_or_may_not_have_happened_sends_once),
		ALONE(a_store_that_is_down_is_not_asked_without_a_pause),
		BOTH(a_page_late_by_an_outage_gives_its_level_the_whole_wait),
		BOTH(a_page_whose_end_waits_to_be_stored_is_not_sent_again),
		BOTH(a_store_that_takes_nothing_is_left_alone_however_much_is_known),
		BOTH(pages_of_one_batch_leave_in_the_order_of_their_alerts),
		BOTH(alerts_that_keep_coming_do_not_hold_up_the_pages),
		ALONE(a_channel_without_room_does_not_put_pages_before_alerts),
	};
	return cmocka_run_group_tests_name("engine/courier", tests, NULL, NULL);
}
