/* replicas.c - several replicas on one store: they see each other, share what is due without meeting, take over from the dead, and leave in order. */
#include "fixture.h"
#include "core/share.h"

/* All that are up, in turn, every `every_ms`, for so long. */
static void turn(struct stage *st, int64_t ms, int64_t every_ms)
{
	for (int64_t end = st->mono_ms + ms; st->mono_ms < end; st->mono_ms += every_ms)
		for (int i = 0; i < REPLICAS; i++)
			if (st->r[i].e)
				tick(&st->r[i]);
}

static void acquaint(struct stage *st)
{
	replica_open(&st->r[2]);
	turn(st, 2 * REPLICA_BEAT_MS, 500);
	for (int i = 0; i < REPLICAS; i++)
		assert_int_equal(METRIC(&st->r[i], replicas_live), REPLICAS);
}

static long long conflicts(struct stage *st)
{
	long long n = 0;
	for (int i = 0; i < REPLICAS; i++)
		n += st->r[i].e ? METRIC(&st->r[i], conflicts) : 0;
	return n;
}

static struct str by(const struct sending *s)
{
	return s->by->setup.replica;
}

static void replicas_see_each_other_come_and_die(void **state)
{
	struct stage *st = *state;
	acquaint(st);
	assert_int_equal(count(st, KIND_replica), 3);
	const struct replica *r = stored(st, KIND_replica, S("south"));
	assert_true(str_eq(r->version, S("1.0-test")) && r->started_at > 0 && r->seen_at > r->started_at);
	replica_die(&st->r[1]);
	turn(st, REPLICA_GONE_MS - 2 * SECOND, 500);
	assert_int_equal(METRIC(st->r, replicas_live), 3);
	turn(st, REPLICA_BEAT_MS + 2 * SECOND, 500);
	assert_int_equal(METRIC(st->r, replicas_live), 2);
}

/* A replica that is called otherwise from now on, as the next process of a machine is. */
static void replica_open_as(struct node *r, const char *name)
{
	replica_open(r);
	r->setup.replica = str_c(name);
	assert_int_equal(engine_configure(r->e, &r->setup), STORE_OK);
}

static void a_start_takes_the_sign_of_life_of_its_dead_predecessor_away(void **state)
{
	struct stage *st = *state;
	replica_open_as(&st->r[2], "west~000001");
	turn(st, 2 * REPLICA_BEAT_MS, 500);
	assert_int_equal(METRIC(st->r, replicas_live), 3);
	replica_die(&st->r[2]);
	st->mono_ms += SECOND;
	replica_open_as(&st->r[2], "west~000002");
	tick(&st->r[2]);
	assert_int_equal(count(st, KIND_replica), 3);
	assert_non_null(stored(st, KIND_replica, S("west~000002")));
	assert_int_equal(METRIC(&st->r[2], replicas_live), 3);
	turn(st, 2 * REPLICA_BEAT_MS, 500);
	assert_int_equal(METRIC(st->r, replicas_live), 3);
}

/* How late the last of many levels is that become due soon after a replica died and started again. */
static int64_t latest_level(struct stage *st, const char *before, const char *after)
{
	enum { MANY = 90 };
	st->provider = 200;
	replica_open_as(&st->r[2], before);
	turn(st, 2 * REPLICA_BEAT_MS, 500);
	int64_t due_ms = st->mono_ms + 5 * MINUTE, last_ms = 0;
	for (int i = 0; i < MANY; i++)
		(void)post_event(&st->r[i % REPLICAS], EVENT_TRIGGER, "web", "");
	turn(st, 5 * MINUTE - REPLICA_BEAT_MS - 2 * SECOND, 50);
	replica_die(&st->r[2]);
	turn(st, SECOND, 50);
	replica_open_as(&st->r[2], after);
	turn(st, 30 * SECOND, 50);
	assert_int_equal(st->n_sends, 2 * MANY);
	for (size_t i = MANY; i < st->n_sends; i++)
		last_ms = st->sends[i].at_ms - due_ms > last_ms ? st->sends[i].at_ms - due_ms : last_ms;
	return last_ms;
}

static void the_share_of_a_dead_predecessor_is_nobodys(void **state)
{
	assert_true(latest_level(*state, "west~000001", "west~000002") < 500);
}

static void and_without_a_name_it_is_a_turn_late(void **state)
{
	int64_t late_ms = latest_level(*state, "west-1", "west-2");
	assert_true(late_ms >= SHARE_SLOT_MS && late_ms < SHARE_ANYBODY_MS);
}

static void two_that_are_called_the_same_by_mistake_both_stay(void **state)
{
	struct stage *st = *state;
	replica_die(st->r);
	replica_die(&st->r[1]);
	replica_open_as(st->r, "west~000001");
	tick(st->r);
	st->mono_ms += 100;
	replica_open_as(&st->r[1], "west~000002");
	size_t logs = st->n_logs;
	turn(st, REPLICA_BEAT_MS + SECOND, 500);
	assert_int_equal(st->n_logs - logs, 1);                   /* the first says so, and is back */
	assert_int_equal(count(st, KIND_replica), 2);
	turn(st, 2 * REPLICA_BEAT_MS, 500);
	assert_int_equal(st->n_logs - logs, 1);
	assert_int_equal(METRIC(st->r, replicas_live), 2);
	assert_int_equal(METRIC(&st->r[1], replicas_live), 2);
}

static void a_store_for_one_process_is_told_nothing(void **state)
{
	struct stage *st = *state;
	replica_die(&st->r[1]);
	turn(st, MINUTE, SECOND);
	assert_int_equal(count(st, KIND_replica), 0);
	assert_int_equal(METRIC(st->r, replicas_live), 1);
	tick(st->r);
	assert_true(st->r->wake_ms > st->mono_ms + SECOND);       /* and nobody is looked out for */
}

static void the_first_page_leaves_at_once_from_where_the_alert_came_in(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	acquaint(st);
	for (int i = 0; i < 30; i++) {
		struct node *r = &st->r[i % REPLICAS];
		int64_t before = st->mono_ms;
		(void)opened(r, "web", "");
		tick(&st->r[(i + 1) % REPLICAS]);                 /* the others look first */
		tick(&st->r[(i + 2) % REPLICAS]);
		tick(r);
		assert_int_equal(st->n_sends, i + 1);
		assert_ptr_equal(st->sends[i].by, r);
		assert_int_equal(st->sends[i].at_ms, before);
		st->mono_ms += 100;
	}
	assert_int_equal(conflicts(st), 0);
}

static void what_is_due_together_is_shared_out_without_a_lost_race(void **state)
{
	enum { MANY = 90 };
	struct stage *st = *state;
	st->provider = 200;
	acquaint(st);
	for (int i = 0; i < MANY; i++)
		(void)post_event(st->r, EVENT_TRIGGER, "web", "");
	turn(st, 5 * MINUTE - SECOND, 500);
	long long before[REPLICAS];
	for (int i = 0; i < REPLICAS; i++)
		before[i] = METRIC(&st->r[i], levels_entered);
	turn(st, 3 * SECOND, 100);
	for (int i = 0; i < REPLICAS; i++)
		assert_true(METRIC(&st->r[i], levels_entered) - before[i] > MANY / 6);
	assert_int_equal(st->n_sends, 2 * MANY);
	assert_int_equal(conflicts(st), 0);
}

static void levels_of_a_replica_that_died_begin_within_ten_seconds(void **state)
{
	enum { MANY = 60 };
	struct stage *st = *state;
	struct ask *x[MANY];
	st->provider = 200;
	acquaint(st);
	for (int i = 0; i < MANY; i++)
		x[i] = post_event(st->r, EVENT_TRIGGER, "web", "");
	turn(st, 5 * MINUTE - SECOND, 500);
	replica_die(&st->r[1]);                                   /* the others do not know yet */
	replica_die(&st->r[2]);
	turn(st, 11 * SECOND, 500);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(incident(st, x[i]->got.incident->id)->level, 1);
}

static void a_page_that_its_writer_did_not_live_to_claim_goes_out_within_ten_seconds(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	acquaint(st);
	struct str id = opened(st->r, "web", "disk");
	assert_true(str_eq(page(st, id, 0, 0)->owner, S("north")));
	replica_die(st->r);
	turn(st, SECOND, 100);
	assert_int_equal(st->n_sends, 0);
	turn(st, 9 * SECOND, 500);
	assert_int_equal(st->n_sends, 1);
}

static void a_page_in_the_hand_of_a_dead_replica_is_taken_over_when_its_claim_ends(void **state)
{
	struct stage *st = *state;
	acquaint(st);
	(void)opened(st->r, "web", "disk");
	tick(st->r);
	assert_int_equal(st->n_sends, 1);
	replica_die(st->r);
	int64_t claimed = st->mono_ms;
	turn(st, 30 * SECOND - 1, 500);
	assert_int_equal(st->n_sends, 1);
	turn(st, 10 * SECOND, 500);
	assert_int_equal(st->n_sends, 2);
	assert_int_equal(st->sends[1].attempt, 2);
	assert_true(st->sends[1].at_ms - claimed <= 40 * SECOND);
}

static void a_page_that_was_tried_in_vain_is_tried_next_by_another(void **state)
{
	struct stage *st = *state;
	st->provider = 503;
	acquaint(st);
	(void)opened(st->r, "web", "disk");
	turn(st, 100 * SECOND, 200);
	assert_true(st->n_sends >= 4);
	for (size_t i = 1; i < st->n_sends; i++)
		assert_ptr_not_equal(st->sends[i].by, st->sends[i - 1].by);
	assert_int_equal(conflicts(st), 0);
}

/* A view that is wrong about everybody: each believes to be alone, or that all belongs to somebody who is not there. */
static void a_wrong_idea_of_who_is_alive_costs_races_and_no_page(void **state)
{
	enum { MANY = 30 };
	struct stage *st = *state;
	st->provider = 200;
	for (int i = 0; i < MANY; i++)
		(void)post_event(&st->r[i % 2], EVENT_TRIGGER, "web", "");
	tick(&st->r[0]);
	tick(&st->r[1]);                                          /* nobody has looked around */
	turn(st, SECOND, 50);
	assert_int_equal(st->n_sends, MANY);
	struct replica ghost = { .id = S("ghost"), .seen_at = st->mono_ms + T0 + DAY, .state = REPLICA_LIVE };
	struct store_write w = { .op = STORE_PUT, .kind = KIND_replica, .id = ghost.id, .due = STORE_NO_DUE, .expire = STORE_NO_DUE };
	struct buf json = BUF(4096);
	desc_write(&json, &replica_entity, &ghost, V_STORE);
	desc_keys(&st->a, &replica_entity, &ghost, w.idx, STORE_IDX);
	w.body = buf_str(&json);
	struct store_result result;
	store_commit(st->inner, &(struct store_txn){ .token = { { 9 } }, .w = &w, .n = 1 }, &result, 1);
	assert_int_equal(result.rc, STORE_OK);
	buf_free(&json);
	turn(st, 5 * MINUTE + 10 * SECOND, 500);
	assert_int_equal(METRIC(st->r, replicas_live), 3);
	assert_int_equal(st->n_sends, 2 * MANY);
}

/* --- leaving --- */

static void a_replica_that_leaves_is_off_the_list(void **state)
{
	struct stage *st = *state;
	acquaint(st);
	assert_true(engine_drain(st->r->e));
	tick(st->r);
	const struct replica *r = stored(st, KIND_replica, S("north"));
	assert_int_equal(r->state, REPLICA_DRAINING);
	engine_leave(st->r->e);
	assert_int_equal(count(st, KIND_replica), 2);
	replica_die(st->r);
	turn(st, REPLICA_BEAT_MS + 500, 500);
	assert_int_equal(METRIC(&st->r[1], replicas_live), 2);
}

static void who_drains_is_left_nothing_by_the_others(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	acquaint(st);
	(void)engine_drain(st->r->e);
	turn(st, REPLICA_BEAT_MS + 500, 500);
	assert_int_equal(METRIC(&st->r[1], replicas_live), 2);
	(void)opened(st->r, "web", "late");                       /* still accepted, and not sent by this one any more */
	tick(st->r);
	assert_int_equal(st->n_sends, 0);
	turn(st, 3 * SECOND, 500);
	assert_int_equal(st->n_sends, 1);
	assert_false(str_eq(by(&st->sends[0]), S("north")));
}

static void a_page_that_is_given_up_is_sent_again_at_once_by_another(void **state)
{
	struct stage *st = *state;
	acquaint(st);
	struct str id = opened(st->r, "web", "disk");
	tick(st->r);
	assert_false(engine_drain(st->r->e));
	st->sends[0].d->was_given_up = true;
	give_back(&st->sends[0], 200);
	tick(st->r);
	assert_true(engine_drain(st->r->e));
	assert_int_equal(page(st, id, 0, 0)->status, PAGE_OWED);
	assert_true(page(st, id, 0, 0)->reason.n > 0);
	assert_int_equal(page(st, id, 0, 0)->retry_at, st->mono_ms + T0);
	replica_die(st->r);
	turn(st, 4 * SECOND, 500);
	assert_int_equal(st->n_sends, 2);
	assert_int_equal(st->sends[1].attempt, 2);
}

static void who_comes_too_late_to_give_a_page_back_changes_nothing(void **state)
{
	struct stage *st = *state;
	acquaint(st);
	struct str id = opened(st->r, "web", "disk");
	tick(st->r);
	st->mono_ms += 31 * SECOND;                               /* it stood still; its claim ran out */
	tick(&st->r[1]);
	st->mono_ms += 3 * SECOND;
	tick(&st->r[1]);
	tick(&st->r[2]);
	assert_int_equal(st->n_sends, 2);
	st->sends[0].d->was_given_up = true;
	give_back(&st->sends[0], 200);
	tick(st->r);
	assert_int_equal(page(st, id, 0, 0)->attempt, 2);
	assert_true(page(st, id, 0, 0)->retry_at > st->mono_ms + T0 + 20 * SECOND);
}

static enum store_fault claimed_first(struct stage *st, const struct store_txn *t)
{
	if (t->w[0].kind != KIND_page || t->w[0].expect == 0)
		return STORE_FAULT_NONE;
	st->on_commit = NULL;
	replica_die(&st->r[2]);
	replica_open(&st->r[2]);                                  /* knows of nobody yet, and takes what it finds */
	tick(&st->r[2]);
	return STORE_FAULT_NONE;
}

static void what_somebody_else_was_faster_with_is_not_looked_for_again(void **state)
{
	struct stage *st = *state;
	acquaint(st);
	tick(st->r);                                              /* it has just looked */
	(void)opened(st->r, "web", "disk");
	st->on_commit = claimed_first;
	tick(st->r);
	assert_null(st->on_commit);
	assert_true(METRIC(st->r, conflicts) > 0);
	size_t had = st->n_looks;
	for (int i = 0; i < 5; i++, st->mono_ms += 100)
		tick(st->r);
	assert_int_equal(st->n_looks, had);
	assert_int_equal(st->n_sends, 1);
	assert_ptr_equal(st->sends[0].by, &st->r[2]);
}

/* --- signs of life that fail --- */

static enum store_fault no_signs(struct stage *st, const struct store_txn *t)
{
	return t->w[0].kind == KIND_replica ? *(enum store_fault *)st->mine : STORE_FAULT_NONE;
}

static void signs_of_life_that_fail_hold_nobody_up_and_come_again(void **state)
{
	static const enum store_fault faults[] = { STORE_FAULT_BUSY, STORE_FAULT_LOST_REPLY, STORE_FAULT_NOT_APPLIED, STORE_FAULT_LATE };
	struct stage *st = *state;
	st->provider = 200;
	acquaint(st);
	for (size_t i = 0; i < COUNT(faults); i++) {
		enum store_fault f = faults[i];
		size_t had = st->n_sends;
		st->mine = &f;
		st->on_commit = no_signs;
		turn(st, 3 * REPLICA_BEAT_MS, 500);
		(void)opened(st->r, "web", "");
		tick(st->r);
		assert_int_equal(st->n_sends, had + 1);
		st->on_commit = NULL;
		(void)store_fault_release(st->store);
		turn(st, 3 * REPLICA_BEAT_MS, 500);
		for (int k = 0; k < REPLICAS; k++)
			assert_int_equal(METRIC(&st->r[k], replicas_live), REPLICAS);
	}
}

/* --- what a decision rests on --- */

static enum store_fault fold_first(struct stage *st, const struct store_txn *t)
{
	bool is_claim = t->w[0].kind == KIND_page && t->w[0].expect > 0;
	if (!is_claim)
		return STORE_FAULT_NONE;
	st->on_commit = NULL;
	(void)post_event(&st->r[1], EVENT_TRIGGER, "web", "disk");
	tick(&st->r[1]);
	return STORE_FAULT_NONE;
}

static void alerts_that_are_counted_meanwhile_do_not_hold_up_a_page(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	acquaint(st);
	struct str id = opened(st->r, "web", "disk");
	st->on_commit = fold_first;
	tick(st->r);
	assert_null(st->on_commit);
	assert_int_equal(incident(st, id)->alert_count, 2);
	assert_int_equal(st->n_sends, 1);
	assert_int_equal(conflicts(st), 0);
}

static enum store_fault unacknowledge_first(struct stage *st, const struct store_txn *t)
{
	struct str *id = st->mine;
	if (t->w[0].kind != KIND_page || t->w[0].expect == 0)
		return STORE_FAULT_NONE;
	st->on_commit = NULL;
	(void)post_act(&st->r[1], CMD_UNACKNOWLEDGE, *id);
	tick(&st->r[1]);
	return STORE_FAULT_NONE;
}

static void a_page_is_not_cancelled_for_an_acknowledgement_that_is_taken_back_meanwhile(void **state)
{
	struct stage *st = *state;
	acquaint(st);
	struct str id = opened(st->r, "web", "disk");
	(void)post_act(&st->r[1], CMD_ACKNOWLEDGE, id);
	tick(&st->r[1]);
	st->mine = &id;
	st->on_commit = unacknowledge_first;
	tick(st->r);
	assert_null(st->on_commit);
	assert_int_equal(page(st, id, 0, 0)->status, PAGE_OWED);
	assert_true(METRIC(st->r, conflicts) > 0);
}

static enum store_fault note_policies(struct stage *st, const struct store_txn *t)
{
	for (size_t i = 0; i < t->n; i++)
		*(size_t *)st->mine += t->w[i].kind == KIND_policy;
	return STORE_FAULT_NONE;
}

static void the_snapshot_of_a_policy_is_no_condition(void **state)
{
	struct stage *st = *state;
	struct world now;
	size_t seen = 0;
	st->provider = 200;
	replica_die(&st->r[1]);
	struct str id = opened(st->r, "web", "disk");
	world_open(&st->a, &now, MINUTE);
	struct setup setup = st->r->setup;
	setup.world = &now;
	assert_int_equal(engine_configure(st->r->e, &setup), STORE_OK);    /* the incident's policy is an old one from now on */
	st->mine = &seen;
	st->on_commit = note_policies;
	turn(st, 6 * MINUTE, SECOND);
	assert_int_equal(incident(st, id)->level, 1);
	assert_int_equal(seen, 0);
}

/* --- documents of a newer program --- */

/* Puts another word for `old` into a stored document, as a newer program may have. */
static void reword(struct stage *st, enum kind kind, struct str id, const char *old, const char *word)
{
	struct store_docs docs = { 0 };
	store_kind k = (store_kind)kind;
	struct store_result result;
	struct buf body = BUF(STORE_BODY_MAX);
	assert_int_equal(store_get(st->inner, &k, &id, 1, &docs), STORE_OK);
	const struct store_doc *d = &docs.v[0];
	const char *at = memmem(d->body.p, d->body.n, old, strlen(old));
	if (at) {
		buf_add(&body, (struct str){ d->body.p, (size_t)(at - d->body.p) });
		buf_add(&body, str_c(word));
		buf_add(&body, str_skip(d->body, (size_t)(at - d->body.p) + strlen(old)));
	} else {                                                  /* the first of the words is not written */
		buf_fmt(&body, "%.*s,%s}", (int)d->body.n - 1, d->body.p, word);
	}
	struct store_write w = { .op = STORE_PUT, .kind = k, .id = id, .expect = d->ver, .due = d->due, .expire = d->expire, .body = buf_str(&body) };
	memcpy(w.idx, d->idx, sizeof w.idx);
	store_commit(st->inner, &(struct store_txn){ .token = { { (uint8_t)(d->ver + 77) } }, .w = &w, .n = 1 }, &result, 1);
	assert_int_equal(result.rc, STORE_OK);
	buf_free(&body);
	store_docs_free(&docs);
}

static uint64_t version(struct stage *st, enum kind kind, struct str id)
{
	struct store_docs docs = { 0 };
	store_kind k = (store_kind)kind;
	assert_int_equal(store_get(st->inner, &k, &id, 1, &docs), STORE_OK);
	uint64_t ver = docs.v[0].ver;
	store_docs_free(&docs);
	return ver;
}

static void what_only_a_newer_program_can_read_is_left_alone_and_said(void **state)
{
	struct stage *st = *state;
	st->provider = 200;
	replica_die(&st->r[1]);
	struct str id = opened(st->r, "web", "disk");
	struct str p = page_id(&st->a, id, 0, 0, 0, 0);
	reword(st, KIND_page, p, "\"status\":\"owed\"", "\"status\":\"hovering\"");
	reword(st, KIND_incident, id, "\"status\":\"detected\"", "\"status\":\"suspected\"");
	uint64_t page_ver = version(st, KIND_page, p), incident_ver = version(st, KIND_incident, id);
	struct str other = opened(st->r, "web", "cpu");
	st->n_logs = 0;
	run(st->r, 10 * MINUTE);
	struct ask *x = post_act(st->r, CMD_ACKNOWLEDGE, id), *y = post_act(st->r, CMD_ACKNOWLEDGE, other);
	run(st->r, 10 * SECOND);
	assert_int_equal(x->got.rc, STORE_BUSY);                  /* 503: another replica may know better */
	assert_int_equal(y->got.outcome, OUT_DONE);
	assert_int_equal(version(st, KIND_page, p), page_ver);
	assert_int_equal(version(st, KIND_incident, id), incident_ver);
	assert_int_equal(sends_of(st, p), 0);
	assert_true(st->n_sends >= 2);                            /* the other incident's */
	assert_int_equal(engine_health(st->r->e), STORE_OK);
	assert_true(st->n_logs >= 1 && st->n_logs <= 11);
}

static void a_document_that_is_broken_is_not_taken_for_a_newer_one(void **state)
{
	struct stage *st = *state;
	replica_die(&st->r[1]);
	struct str id = opened(st->r, "web", "disk");
	reword(st, KIND_page, page_id(&st->a, id, 0, 0, 0, 0), "\"round\":0", "\"round\":\"none\"");
	tick(st->r);
	assert_int_equal(engine_health(st->r->e), STORE_CORRUPT);
}

/* --- how often the store is asked --- */

struct calls { size_t get, due, commit, list; };
static struct calls *calls_of(const struct store *s) { return stage_of(s)->mine; }

static enum store_rc count_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	calls_of(s)->get++;
	return stage_of(s)->real.get(s, kind, id, n, out);
}

static void count_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n)
{
	calls_of(s)->commit++;
	stage_of(s)->real.commit(s, txns, results, n);
}

static enum store_rc count_due(struct store *s, store_kind kind, unsigned lo, unsigned hi, int64_t due_le, size_t limit, struct store_docs *out)
{
	calls_of(s)->due++;
	return stage_of(s)->real.due(s, kind, lo, hi, due_le, limit, out);
}

static enum store_rc count_list(struct store *s, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending, size_t limit,
    struct store_docs *out)
{
	calls_of(s)->list++;
	return stage_of(s)->real.list(s, kind, idx, lo, hi, is_descending, limit, out);
}

static void count_calls(struct stage *st, struct calls *c)
{
	st->mine = c;
	st->ops.get = count_get;
	st->ops.commit = count_commit;
	st->ops.due = count_due;
	st->ops.list = count_list;
}

static void stop_counting(struct stage *st)
{
	st->mine = NULL;
	st->ops = st->real;
	st->ops.info = stage_info;
	st->ops.now = stage_now;
}

static void sixty_four_alerts_cost_a_read_and_a_commit_and_their_pages_as_much_again(void **state)
{
	enum { N = 64 };
	struct stage *st = *state;
	struct calls c = { 0 };
	acquaint(st);
	turn(st, 400, 200);                                       /* the sign of life that is due now */
	count_calls(st, &c);
	for (int i = 0; i < N; i++)
		(void)post_event(st->r, EVENT_TRIGGER, "web", arena_fmt(&st->a, "key-%d", i).p);
	tick(st->r);
	assert_int_equal(c.get, 2);                               /* the alerts, and the counter for a block of numbers */
	assert_int_equal(c.commit, 2);
	assert_int_equal(c.due, 0);
	assert_int_equal(c.list, 0);
	c = (struct calls){ 0 };
	st->mono_ms += 60;                                        /* no storm any more */
	tick(st->r);
	assert_int_equal(c.due, 0);                               /* it knows what it wrote */
	assert_int_equal(c.commit, 1);
	assert_in_range(c.get, 3, 4);                             /* pages and incidents of the claims, then the look before the sends, a hundred documents a call */
	stop_counting(st);
}

static void an_idle_replica_among_others_looks_once_a_second(void **state)
{
	struct stage *st = *state;
	struct calls c = { 0 };
	acquaint(st);
	count_calls(st, &c);
	for (int i = 1; i < REPLICAS; i++)
		replica_die(&st->r[i]);
	run(st->r, 10 * SECOND);
	assert_in_range(c.due, 18, 22);                           /* levels and pages */
	assert_in_range(c.commit, 2, 3);
	assert_in_range(c.list, 2, 3);
	assert_int_equal(c.get, 0);
	stop_counting(st);
}

/* Pages at once, and a level after its wait, to the millisecond: without a question to the store for either. */
static void what_a_replica_wrote_itself_goes_out_on_time_however_seldom_it_looks(void **state)
{
	enum { N = 40, WAIT_MS = 1000 };
	struct stage *st = *state;
	struct calls c = { 0 };
	st->provider = 200;
	st->w.policies.v[0].levels.v[0].timeout = WAIT_MS;
	acquaint(st);
	replica_die(&st->r[1]);
	replica_die(&st->r[2]);
	run(st->r, MINUTE);                                       /* it is alone, and knows it */
	count_calls(st, &c);
	int64_t start = st->mono_ms;
	for (int i = 0; i < N; i++) {
		(void)opened(st->r, "web", "");
		int64_t at = st->mono_ms;
		size_t had = st->n_sends;
		run(st->r, 1);
		assert_int_equal(st->sends[had].at_ms, at);
		run(st->r, 600);
	}
	run(st->r, WAIT_MS);
	assert_int_equal(st->n_sends, 2 * N);
	for (size_t i = 0; i < st->n_sends; i++)
		assert_true((st->sends[i].at_ms - start) % 601 == 0 || (st->sends[i].at_ms - start) % 601 == WAIT_MS % 601);
	assert_in_range(c.due, 8, 2 * (N * 601 + WAIT_MS) / (5 * SECOND) + 4);
	stop_counting(st);
}

/* Looks from one moment on until the engine wants to sleep; how many. */
static size_t looks_at_once(struct node *r, const struct calls *c)
{
	size_t before = c->due;
	for (int i = 0; i < LOTS && (i == 0 || r->wake_ms <= r->st->mono_ms); i++)
		tick(r);
	return c->due - before;
}

/* More levels than one look can take in, due together; those whose turn it is have just died, and it is not this one's yet. */
static void a_crowd_of_the_others_levels_is_not_looked_at_without_a_pause(void **state)
{
	enum { MANY = 13000, BATCH = 3250, IN_A_ROW = 100 };
	struct stage *st = *state;
	struct calls c = { 0 };
	st->room[0] = 0;
	st->w.policies.v[0].levels.v[0].timeout = 5 * SECOND;
	acquaint(st);
	for (int i = 0; i < MANY; i++) {
		(void)post_event(st->r, EVENT_TRIGGER, "web", "");
		if (i % BATCH == BATCH - 1)
			tick(st->r);
	}
	turn(st, 4 * SECOND, 500);
	replica_die(&st->r[1]);
	replica_die(&st->r[2]);
	count_calls(st, &c);
	for (int64_t end = st->mono_ms + SECOND; st->mono_ms < end; st->mono_ms += 10)
		tick(st->r);
	for (int i = 0; i < 14; i++, st->mono_ms += 100)
		assert_in_range(looks_at_once(st->r, &c), 0, IN_A_ROW);
	assert_true(METRIC(st->r, levels_entered) > MANY);
	stop_counting(st);
}

/* 600 pages, of which two replicas send eight in a step while alerts pour in. */
static void what_a_dead_replica_left_goes_out_soon_while_alerts_pour_in(void **state)
{
	enum { LEFT = 600, WITHIN_S = 4 };
	struct stage *st = *state;
	st->provider = 200;
	acquaint(st);
	for (int i = 0; i < LEFT; i++)
		(void)post_event(&st->r[2], EVENT_TRIGGER, "web", "");
	tick(&st->r[2]);
	replica_die(&st->r[2]);
	for (int t = 0; t < WITHIN_S * 100; t++, st->mono_ms += 10)
		for (int i = 0; i < 2; i++) {
			for (int k = 0; k < 8 && t % 4 == 0; k++)
				(void)post_event(&st->r[i], EVENT_TRIGGER, "web", "same");
			tick(&st->r[i]);
		}
	assert_in_range(st->n_sends, LEFT, LEFT + 2);             /* and those of "same" */
}

/* More than a step sends: a backlog grows all the time, and is not asked for at every step. */
static void under_a_load_that_is_too_much_for_it_a_replica_asks_seldom(void **state)
{
	enum { STEPS = 200, ALERTS = 12 };
	struct stage *st = *state;
	struct calls c = { 0 };
	st->provider = 200;
	acquaint(st);
	count_calls(st, &c);
	for (int i = 0; i < STEPS; i++, st->mono_ms += 49) {
		for (int k = 0; k < ALERTS; k++)
			(void)post_event(st->r, EVENT_TRIGGER, "web", "");
		tick(st->r);
	}
	assert_in_range(c.due, 20, 60);
	assert_true(st->n_sends >= (STEPS - 1) * 8);
	stop_counting(st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHARED(replicas_see_each_other_come_and_die),
		SHARED(a_start_takes_the_sign_of_life_of_its_dead_predecessor_away),
		SHARED(the_share_of_a_dead_predecessor_is_nobodys),
		SHARED(and_without_a_name_it_is_a_turn_late),
		SHARED(two_that_are_called_the_same_by_mistake_both_stay),
		SHARED(what_somebody_else_was_faster_with_is_not_looked_for_again),
		ALONE(a_store_for_one_process_is_told_nothing),
		SHARED(the_first_page_leaves_at_once_from_where_the_alert_came_in),
		SHARED(what_is_due_together_is_shared_out_without_a_lost_race),
		SHARED(levels_of_a_replica_that_died_begin_within_ten_seconds),
		SHARED(a_page_that_its_writer_did_not_live_to_claim_goes_out_within_ten_seconds),
		SHARED(a_page_in_the_hand_of_a_dead_replica_is_taken_over_when_its_claim_ends),
		SHARED(a_page_that_was_tried_in_vain_is_tried_next_by_another),
		SHARED(a_wrong_idea_of_who_is_alive_costs_races_and_no_page),
		SHARED(a_replica_that_leaves_is_off_the_list),
		SHARED(who_drains_is_left_nothing_by_the_others),
		SHARED(a_page_that_is_given_up_is_sent_again_at_once_by_another),
		SHARED(who_comes_too_late_to_give_a_page_back_changes_nothing),
		SHARED(signs_of_life_that_fail_hold_nobody_up_and_come_again),
		SHARED(alerts_that_are_counted_meanwhile_do_not_hold_up_a_page),
		SHARED(a_page_is_not_cancelled_for_an_acknowledgement_that_is_taken_back_meanwhile),
		SHARED(the_snapshot_of_a_policy_is_no_condition),
		BOTH(what_only_a_newer_program_can_read_is_left_alone_and_said),
		ALONE(a_document_that_is_broken_is_not_taken_for_a_newer_one),
		SHARED(sixty_four_alerts_cost_a_read_and_a_commit_and_their_pages_as_much_again),
		SHARED(an_idle_replica_among_others_looks_once_a_second),
		SHARED(a_crowd_of_the_others_levels_is_not_looked_at_without_a_pause),
		SHARED(what_a_dead_replica_left_goes_out_soon_while_alerts_pour_in),
		SHARED(under_a_load_that_is_too_much_for_it_a_replica_asks_seldom),
		SHARED(what_a_replica_wrote_itself_goes_out_on_time_however_seldom_it_looks),
	};
	return cmocka_run_group_tests_name("engine/replicas", tests, NULL, NULL);
}
