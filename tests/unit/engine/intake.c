/* intake.c - commands in, answers out: what is promised and when, what shares a fate, and what each way of failing leads to. */
#include "fixture.h"

static enum store_fault plan(struct stage *st, const struct store_txn *t)
{
	(void)t;
	return *(enum store_fault *)st->mine;
}

/* --- answers --- */

static void an_answer_comes_after_the_commit_it_rests_on(void **state)
{
	struct stage *st = *state;
	size_t before = st->n_commits;
	struct ask *x = post_event(st->r, EVENT_TRIGGER, "web", "disk");
	tick(st->r);
	assert_int_equal(x->answers, 1);
	assert_int_equal(x->got.rc, STORE_OK);
	assert_int_equal(x->got.outcome, OUT_CREATED);
	assert_true(x->commits > before);
	const struct incident *inc = incident(st, x->got.incident->id);
	assert_int_equal(x->got.incident->version, inc->version);
}

static void nothing_is_sent_for_what_was_not_committed(void **state)
{
	struct stage *st = *state;
	enum store_fault fault = STORE_FAULT_DOWN;
	st->mine = &fault;
	st->on_commit = plan;
	struct ask *x = post_event(st->r, EVENT_TRIGGER, "web", "disk");
	tick(st->r);
	assert_int_equal(x->got.rc, STORE_DOWN);
	assert_int_equal(st->n_sends, 0);
	assert_int_equal(count(st, KIND_page), 0);
}

static void fifty_equal_events_are_one_incident_counted_in_one_transaction(void **state)
{
	struct stage *st = *state;
	struct ask *x[50];
	(void)opened(st->r, "web", "other");                      /* numbers and the like are there */
	for (int i = 0; i < 50; i++)
		x[i] = post_event(st->r, EVENT_TRIGGER, "web", "disk");
	long long members = METRIC(st->r, commit_members);
	st->room[0] = 0;                                          /* nothing else to commit */
	tick(st->r);
	assert_int_equal(METRIC(st->r, commit_members) - members, 1);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(x[i]->got.rc, STORE_OK);
		assert_int_equal(x[i]->got.outcome, i ? OUT_FOLDED : OUT_CREATED);
		assert_true(str_eq(x[i]->got.incident->id, x[0]->got.incident->id));
		assert_int_equal(x[i]->got.incident->version, 1);
	}
	assert_int_equal(incident(st, x[0]->got.incident->id)->alert_count, 50);
	assert_int_equal(count(st, KIND_incident), 2);
}

static void commands_of_one_step_are_decided_in_their_order(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	struct ask *ack = post_act(st->r, CMD_ACKNOWLEDGE, id), *back = post_act(st->r, CMD_UNACKNOWLEDGE, id);
	struct ask *end = post_act(st->r, CMD_RESOLVE, id), *again = post_event(st->r, EVENT_TRIGGER, "web", "disk");
	tick(st->r);
	assert_int_equal(ack->got.outcome, OUT_DONE);
	assert_int_equal(back->got.outcome, OUT_DONE);
	assert_int_equal(end->got.outcome, OUT_DONE);
	assert_int_equal(again->got.outcome, OUT_CREATED);
	assert_false(str_eq(again->got.incident->id, id));
}

static void of_two_who_saw_the_same_version_only_the_first_gets_through(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	int64_t seen = incident(st, id)->version;
	struct ask *ack = post_act(st->r, CMD_ACKNOWLEDGE, id), *end = post_act(st->r, CMD_RESOLVE, id);
	ack->job.command.expect = end->job.command.expect = seen;
	tick(st->r);
	assert_int_equal(ack->got.outcome, OUT_DONE);
	assert_int_equal(end->got.rc, STORE_OK);
	assert_int_equal(end->got.outcome, OUT_STALE);
	assert_int_equal(incident(st, id)->status, ACKNOWLEDGED);
	assert_int_equal(incident(st, id)->version, seen + 1);
}

/* --- what shares a fate --- */

/* Somebody else writes the incident between the decision and the commit. */
static enum store_fault meddle(struct stage *st, const struct store_txn *t)
{
	struct str *victim = st->mine;
	for (size_t i = 0; i < t->n; i++)
		if (t->w[i].op == STORE_PUT && t->w[i].kind == KIND_incident && str_eq(t->w[i].id, *victim)) {
			st->on_commit = NULL;
			struct ask *x = post_act(&st->r[1], CMD_NOTE, *victim);
			x->job.command.text = S("me first");
			tick(&st->r[1]);
			assert_int_equal(x->got.rc, STORE_OK);
		}
	return STORE_FAULT_NONE;
}

static void a_conflict_costs_only_those_it_concerns(void **state)
{
	struct stage *st = *state;
	st->room[0] = 0;                                          /* pages stay out of it */
	struct str a = opened(st->r, "web", "a"), b = opened(st->r, "web", "b");
	st->mine = &a;
	st->on_commit = meddle;
	struct ask *x = post_act(st->r, CMD_ACKNOWLEDGE, a), *y = post_act(st->r, CMD_ACKNOWLEDGE, b);
	long long members = METRIC(st->r, commit_members);
	tick(st->r);
	assert_int_equal(METRIC(st->r, commit_members) - members, 2);
	assert_int_equal(y->got.outcome, OUT_DONE);
	assert_int_equal(x->answers, 0);                          /* decided anew, not refused */
	assert_int_equal(METRIC(st->r, conflicts), 1);
	tick(st->r);
	assert_int_equal(x->got.rc, STORE_OK);
	assert_int_equal(x->got.outcome, OUT_DONE);
	assert_int_equal(incident(st, a)->acknowledged_at, st->mono_ms + T0);
	assert_int_equal(entries(st, a, ENTRY_NOTE), 1);
}

/* Whatever is written because of what an incident said names that incident in its transaction, written or checked. */
static enum store_fault look_for_check(struct stage *st, const struct store_txn *t)
{
	bool *names_both = st->mine, has_page = false, has_incident = false;
	for (size_t i = 0; i < t->n; i++) {
		has_page |= t->w[i].kind == KIND_page;
		has_incident |= t->w[i].kind == KIND_incident;
	}
	*names_both |= has_page && has_incident;
	return STORE_FAULT_NONE;
}

static void what_was_read_stays_a_condition_when_another_command_changes_it_later(void **state)
{
	struct stage *st = *state;
	bool names_both = false;
	struct str id = opened(st->r, "web", "disk");
	tick(st->r);
	give_back(st->sends, 503);
	struct ask *x = post_act(st->r, CMD_ACKNOWLEDGE, id);
	st->mine = &names_both;
	st->on_commit = look_for_check;
	tick(st->r);
	assert_int_equal(x->got.outcome, OUT_DONE);
	assert_true(names_both);
	assert_true(page(st, id, 0, 0)->retry_at > st->mono_ms + T0);
	assert_int_equal(METRIC(st->r, conflicts), 0);
}

static void independent_alerts_have_transactions_of_their_own(void **state)
{
	struct stage *st = *state;
	(void)opened(st->r, "web", "other");
	st->room[0] = 0;
	for (int i = 0; i < 20; i++)
		(void)post_event(st->r, EVENT_TRIGGER, "web", "");
	long long members = METRIC(st->r, commit_members);
	tick(st->r);
	assert_int_equal(METRIC(st->r, commit_members) - members, 20);
	assert_int_equal(count(st, KIND_incident), 21);
}

static void commands_on_one_incident_share_a_transaction(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	long long members = METRIC(st->r, commit_members);
	struct ask *x[10];
	for (int i = 0; i < 10; i++)
		x[i] = post_act(st->r, CMD_NOTE, id);
	st->room[0] = 0;
	tick(st->r);
	assert_int_equal(METRIC(st->r, commit_members) - members, 1);
	assert_int_equal(entries(st, id, ENTRY_NOTE), 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(x[i]->got.incident->version, 2);
}

/* A key a command, all in one incident: more than any transaction holds. */
static void hundreds_of_new_keys_of_one_service_are_all_kept_in_their_order(void **state)
{
	enum { KEYS = 400 };
	struct stage *st = *state;
	struct ask *on[KEYS], *off[KEYS];
	char key[32];
	for (int i = 0; i < KEYS; i++) {
		snprintf(key, sizeof key, "key-%d", i);
		on[i] = post_event(st->r, EVENT_TRIGGER, "ledger", key);
		off[i] = i % 2 ? post_event(st->r, EVENT_RESOLVE, "ledger", key) : NULL;
	}
	run(st->r, 10);
	for (int i = 0; i < KEYS; i++) {
		assert_int_equal(on[i]->answers, 1);
		assert_int_equal(on[i]->got.rc, STORE_OK);
		assert_int_equal(on[i]->got.outcome, i ? OUT_FOLDED : OUT_CREATED);
		if (off[i]) {                                     /* never decided before the trigger that was posted before it */
			assert_int_equal(off[i]->got.rc, STORE_OK);
			assert_int_equal(off[i]->got.outcome, OUT_DONE);
		}
	}
	const struct incident *inc = incident(st, on[0]->got.incident->id);
	assert_int_equal(inc->alert_count, KEYS);
	assert_int_equal(inc->open_alerts, KEYS / 2);
	assert_int_equal(count(st, KIND_incident), 1);
	assert_int_equal(count(st, KIND_alert), KEYS);
	assert_true(st->most_writes <= STORE_WRITES_MAX);
	assert_int_equal(METRIC(st->r, events_folded), KEYS - 1);
}

static void a_level_of_sixty_people_fits_into_a_transaction(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	struct ask *x[8];
	for (int i = 0; i < 8; i++)
		x[i] = post_event(st->r, EVENT_TRIGGER, "wide", i % 2 ? "odd" : "even");
	run(st->r, SECOND);
	for (int i = 0; i < 8; i++)
		assert_int_equal(x[i]->got.rc, STORE_OK);
	assert_int_equal(count(st, KIND_page), 120);
	assert_int_equal(st->n_sends, 120);
}

/* --- too large --- */

static struct str filled(struct arena *a, size_t n)
{
	char *p = NEWN(a, char, n);
	memset(p, 'x', n);
	return (struct str){ p, n };
}

static void notes_too_large_together_are_tried_each_alone(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk"), text = filled(&st->a, 60 << 10);
	struct ask *x[30];
	for (int i = 0; i < 30; i++) {
		x[i] = post_act(st->r, CMD_NOTE, id);
		x[i]->job.command.text = text;
	}
	run(st->r, SECOND);
	for (int i = 0; i < 30; i++) {
		assert_int_equal(x[i]->answers, 1);
		assert_int_equal(x[i]->got.rc, STORE_OK);
	}
	assert_int_equal(entries(st, id, ENTRY_NOTE), 30);
}

static void only_the_one_that_is_too_large_by_itself_is_refused(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk"), large = filled(&st->a, 300 << 10);
	struct ask *before = post_act(st->r, CMD_NOTE, id), *x = post_act(st->r, CMD_NOTE, id), *after = post_act(st->r, CMD_NOTE, id);
	struct ask *apart = post_event(st->r, EVENT_TRIGGER, "web", "other");
	x->job.command.text = large;
	run(st->r, SECOND);
	assert_int_equal(before->got.rc, STORE_OK);
	assert_int_equal(x->got.rc, STORE_TOOBIG);
	assert_int_equal(after->got.rc, STORE_OK);
	assert_int_equal(apart->got.rc, STORE_OK);
	assert_int_equal(entries(st, id, ENTRY_NOTE), 2);
}

static void a_resolution_that_makes_the_incident_too_large_is_refused_and_the_incident_stays(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	struct str *steps = NEWN(&st->a, struct str, 8);
	for (int i = 0; i < 8; i++)
		steps[i] = filled(&st->a, 60 << 10);
	struct ask *x = post_act(st->r, CMD_RESOLVE, id);
	x->job.command.steps = (struct strs){ steps, 8 };
	run(st->r, SECOND);
	assert_int_equal(x->got.rc, STORE_TOOBIG);
	assert_int_equal(incident(st, id)->status, DETECTED);
}

static void hundreds_of_large_alerts_in_one_step_are_all_kept(void **state)
{
	enum { ALERTS = 512 };
	struct stage *st = *state;
	struct ask *x[ALERTS], *y[ALERTS];
	struct str large = filled(&st->a, 180 << 10);
	st->room[0] = 0;
	for (int i = 0; i < ALERTS; i++) {
		x[i] = post_event(st->r, EVENT_TRIGGER, "web", "");
		x[i]->job.command.event.description = large;
	}
	run(st->r, SECOND);
	for (int i = 0; i < ALERTS; i++) {
		assert_int_equal(x[i]->got.rc, STORE_OK);
		y[i] = post_act(st->r, CMD_ACKNOWLEDGE, x[i]->got.incident->id);
	}
	run(st->r, SECOND);
	for (int i = 0; i < ALERTS; i++)
		assert_int_equal(y[i]->got.rc, STORE_OK);
}

/* --- a store in trouble --- */

static void a_busy_store_is_tried_again_and_nobody_notices(void **state)
{
	struct stage *st = *state;
	enum store_fault fault = STORE_FAULT_BUSY;
	st->mine = &fault;
	st->on_commit = plan;
	struct ask *x = post_event(st->r, EVENT_TRIGGER, "web", "disk");
	run(st->r, SECOND);
	assert_int_equal(x->answers, 0);
	st->on_commit = NULL;
	run(st->r, 4 * SECOND);
	assert_int_equal(x->answers, 1);
	assert_int_equal(x->got.rc, STORE_OK);
	assert_int_equal(x->got.outcome, OUT_CREATED);
	assert_int_equal(count(st, KIND_incident), 1);
	assert_int_equal(x->got.incident->number, 1);
}

static void a_store_that_stays_busy_is_answered_at_the_deadline(void **state)
{
	struct stage *st = *state;
	enum store_fault fault = STORE_FAULT_BUSY;
	int64_t begun = st->mono_ms;
	st->mine = &fault;
	st->on_commit = plan;
	struct ask *x = post_event(st->r, EVENT_TRIGGER, "web", "disk");
	run(st->r, 10 * SECOND);
	assert_int_equal(x->answers, 1);
	assert_int_equal(x->got.rc, STORE_BUSY);
	assert_true(x->at_ms - begun <= 5 * SECOND);
	assert_int_equal(count(st, KIND_incident), 0);
}

static void a_job_with_less_time_is_answered_by_its_own_deadline(void **state)
{
	struct stage *st = *state;
	enum store_fault fault = STORE_FAULT_BUSY;
	st->mine = &fault;
	st->on_commit = plan;
	struct ask *x = post_event(st->r, EVENT_TRIGGER, "web", "disk");
	x->job.deadline_ms = st->mono_ms + 700;
	run(st->r, 10 * SECOND);
	assert_int_equal(x->got.rc, STORE_BUSY);
	assert_true(x->at_ms <= x->job.deadline_ms);
}

static void a_store_that_is_down_or_full_is_answered_at_once(void **state)
{
	static const struct { enum store_fault fault; enum store_rc rc; } row[] = {
		{ STORE_FAULT_DOWN, STORE_DOWN }, { STORE_FAULT_FULL, STORE_FULL } };
	struct stage *st = *state;
	for (size_t i = 0; i < COUNT(row); i++) {
		enum store_fault fault = row[i].fault;
		st->mine = &fault;
		st->on_commit = plan;
		struct ask *x = post_event(st->r, EVENT_TRIGGER, "web", "disk");
		tick(st->r);
		assert_int_equal(x->answers, 1);
		assert_int_equal(x->got.rc, row[i].rc);
		assert_int_equal(engine_health(st->r->e), row[i].rc);
	}
	assert_int_equal(count(st, KIND_incident), 0);
	assert_true(METRIC(st->r, store_errors) >= 2);
}

static enum store_fault reads_down(struct stage *st)
{
	(void)st;
	return STORE_FAULT_DOWN;
}

static void what_cannot_be_read_is_not_decided(void **state)
{
	struct stage *st = *state;
	struct str id = opened(st->r, "web", "disk");
	st->on_read = reads_down;
	struct ask *x = post_event(st->r, EVENT_TRIGGER, "web", "disk"), *y = post_act(st->r, CMD_ACKNOWLEDGE, id);
	tick(st->r);
	assert_int_equal(x->got.rc, STORE_DOWN);
	assert_int_equal(y->got.rc, STORE_DOWN);
	st->on_read = NULL;
	assert_int_equal(incident(st, id)->status, DETECTED);
	assert_int_equal(incident(st, id)->alert_count, 1);
}

static void without_store_time_everybody_waiting_is_answered_in_time(void **state)
{
	struct stage *st = *state;
	enum store_fault fault = STORE_FAULT_BUSY;
	int64_t begun = st->mono_ms;
	st->mine = &fault;
	st->on_commit = plan;
	struct ask *x = post_event(st->r, EVENT_TRIGGER, "web", "disk");
	tick(st->r);
	assert_int_equal(x->answers, 0);
	st->is_clock_down = true;
	struct ask *y = post_event(st->r, EVENT_TRIGGER, "web", "cpu");
	tick(st->r);
	assert_int_equal(y->got.rc, STORE_DOWN);
	assert_int_equal(engine_health(st->r->e), STORE_DOWN);
	run(st->r, 10 * SECOND);
	assert_int_equal(x->answers, 1);
	assert_int_not_equal(x->got.rc, STORE_OK);
	assert_true(x->at_ms - begun <= 5 * SECOND + 500);
}

/* --- unknown --- */

static enum store_fault lose_once(struct stage *st, const struct store_txn *t)
{
	(void)t;
	st->on_commit = NULL;
	return *(enum store_fault *)st->mine;
}

static void a_lost_reply_is_settled_by_asking_again_with_one_effect(void **state)
{
	struct stage *st = *state;
	enum store_fault fault[] = { STORE_FAULT_LOST_REPLY, STORE_FAULT_NOT_APPLIED };
	(void)opened(st->r, "web", "other");                      /* the fault is for the incident, not for its number */
	st->room[0] = 0;
	for (size_t i = 0; i < COUNT(fault); i++) {
		st->mine = &fault[i];
		struct ask *first = post_event(st->r, EVENT_TRIGGER, "web", "");
		tick(st->r);                                      /* numbers grow in blocks: one more is at hand now or not, try both */
		assert_int_equal(first->got.rc, STORE_OK);
		st->on_commit = lose_once;
		struct ask *x = post_act(st->r, CMD_ACKNOWLEDGE, first->got.incident->id);
		tick(st->r);
		assert_int_equal(x->answers, 1);
		assert_int_equal(x->got.rc, STORE_OK);
		assert_int_equal(x->got.outcome, OUT_DONE);
		assert_int_equal(incident(st, first->got.incident->id)->version, 2);
		assert_int_equal(entries(st, first->got.incident->id, ENTRY_ACKNOWLEDGED), 1);
	}
	assert_int_equal(METRIC(st->r, unknowns), 2);
}

static void a_trigger_whose_reply_was_lost_has_one_effect(void **state)
{
	struct stage *st = *state;
	enum store_fault fault = STORE_FAULT_LOST_REPLY;
	st->mine = &fault;
	st->on_commit = plan;                                     /* every first reply is lost, the number's too */
	struct ask *x = post_event(st->r, EVENT_TRIGGER, "web", "disk");
	tick(st->r);
	assert_int_not_equal(x->got.rc, STORE_OK);                /* all replies lost: nothing is promised */
	st->on_commit = NULL;
	struct ask *y = post_event(st->r, EVENT_TRIGGER, "web", "disk");
	run(st->r, SECOND);
	assert_int_equal(y->got.rc, STORE_OK);
	assert_int_equal(count(st, KIND_incident), 1);
}

static void a_commit_that_arrives_late_makes_no_second_incident(void **state)
{
	struct stage *st = *state;
	(void)opened(st->r, "web", "other");
	enum store_fault fault = STORE_FAULT_LATE;
	st->mine = &fault;
	st->on_commit = plan;
	struct ask *x = post_event(st->r, EVENT_TRIGGER, "web", "disk");
	tick(st->r);
	assert_int_equal(x->got.rc, STORE_UNKNOWN);
	st->on_commit = NULL;
	struct ask *y = post_event(st->r, EVENT_TRIGGER, "web", "disk");
	run(st->r, SECOND);
	assert_int_equal(y->got.rc, STORE_OK);
	(void)store_fault_release(st->store);
	assert_int_equal(count(st, KIND_incident), 2);
}

/* As a disk that failed has it: what was being written is unknown, and every call from then on is refused. */
static enum store_fault fail_for_good(struct stage *st, const struct store_txn *t)
{
	(void)t;
	size_t *calls = st->mine;
	return (*calls)++ == 0 ? STORE_FAULT_NOT_APPLIED : STORE_FAULT_FENCED;
}

static void a_store_that_fails_for_good_is_known_at_once_and_not_with_the_next_write(void **state)
{
	struct stage *st = *state;
	size_t calls = 0;
	st->mine = &calls;
	st->room[0] = 0;
	struct str id = opened(st->r, "web", "disk");
	st->on_commit = fail_for_good;
	struct ask *x = post_act(st->r, CMD_ACKNOWLEDGE, id);
	tick(st->r);
	assert_int_equal(x->answers, 1);
	assert_int_equal(x->got.rc, STORE_FENCED);
	assert_int_equal(engine_health(st->r->e), STORE_FENCED);
	assert_int_equal(calls, 2);
}

static void an_idempotency_key_has_one_effect_over_a_lost_reply(void **state)
{
	struct stage *st = *state;
	(void)opened(st->r, "web", "other");
	enum store_fault fault = STORE_FAULT_LOST_REPLY;
	st->mine = &fault;
	st->on_commit = plan;
	struct ask *x[2];
	for (int i = 0; i < 2; i++) {
		x[i] = post_event(st->r, EVENT_TRIGGER, "web", "");
		x[i]->job.command.event.idempotency_key = S("once");
		x[i]->job.command.event.fingerprint = S("f00d");
		run(st->r, SECOND);
		st->on_commit = NULL;
	}
	assert_int_equal(x[1]->got.rc, STORE_OK);
	assert_int_equal(count(st, KIND_incident), 2);
}

static void two_engines_open_one_incident_for_one_key(void **state)
{
	struct stage *st = *state;
	struct ask *x[20];
	for (int i = 0; i < 20; i++)
		x[i] = post_event(&st->r[i % 2], EVENT_TRIGGER, i % 4 < 2 ? "web" : "ledger", "same");
	for (int turn = 0; turn < 4; turn++) {
		tick(&st->r[0]);
		tick(&st->r[1]);
	}
	size_t created = 0;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(x[i]->got.rc, STORE_OK);
		created += x[i]->got.outcome == OUT_CREATED;
	}
	assert_int_equal(created, 2);
	assert_int_equal(count(st, KIND_incident), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(an_answer_comes_after_the_commit_it_rests_on),
		ALONE(nothing_is_sent_for_what_was_not_committed),
		BOTH(fifty_equal_events_are_one_incident_counted_in_one_transaction),
		BOTH(commands_of_one_step_are_decided_in_their_order),
		BOTH(of_two_who_saw_the_same_version_only_the_first_gets_through),
		BOTH(a_conflict_costs_only_those_it_concerns),
		SHARED(what_was_read_stays_a_condition_when_another_command_changes_it_later),
		BOTH(independent_alerts_have_transactions_of_their_own),
		BOTH(commands_on_one_incident_share_a_transaction),
		BOTH(hundreds_of_new_keys_of_one_service_are_all_kept_in_their_order),
		BOTH(a_level_of_sixty_people_fits_into_a_transaction),
		BOTH(notes_too_large_together_are_tried_each_alone),
		BOTH(only_the_one_that_is_too_large_by_itself_is_refused),
		ALONE(a_resolution_that_makes_the_incident_too_large_is_refused_and_the_incident_stays),
		ALONE(hundreds_of_large_alerts_in_one_step_are_all_kept),
		ALONE(a_busy_store_is_tried_again_and_nobody_notices),
		ALONE(a_store_that_stays_busy_is_answered_at_the_deadline),
		ALONE(a_job_with_less_time_is_answered_by_its_own_deadline),
		ALONE(a_store_that_is_down_or_full_is_answered_at_once),
		ALONE(what_cannot_be_read_is_not_decided),
		ALONE(without_store_time_everybody_waiting_is_answered_in_time),
		BOTH(a_lost_reply_is_settled_by_asking_again_with_one_effect),
		ALONE(a_trigger_whose_reply_was_lost_has_one_effect),
		BOTH(a_commit_that_arrives_late_makes_no_second_incident),
		ALONE(a_store_that_fails_for_good_is_known_at_once_and_not_with_the_next_write),
		ALONE(an_idempotency_key_has_one_effect_over_a_lost_reply),
		BOTH(two_engines_open_one_incident_for_one_key),
	};
	return cmocka_run_group_tests_name("engine/intake", tests, NULL, NULL);
}
