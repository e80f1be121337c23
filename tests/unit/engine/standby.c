/* standby.c - two engines on two stores: one is a copy of the other and silent, takes over in one go or in two, and gives back. */
#include "tests/unit/engine/fixture.h"

/* Everything that one store has, into the other, as it is. */
static void copy_all(struct stage *from, struct stage *to)
{
	struct store_docs docs = { 0 };
	for (int kind = 0; kind < KINDS; kind++) {
		assert_int_equal(store_scan(from->inner, (store_kind)kind, 0, S(""), LOTS, &docs), STORE_OK);
		assert_int_equal(store_import(to->inner, docs.v, docs.n), STORE_OK);
	}
	store_docs_free(&docs);
}

static struct ask *post_take_over(struct node *r, struct str id, int64_t reign)
{
	return post(r, (struct command){ .kind = CMD_TAKE_OVER, .incident = id, .reign = reign, .text = S("taken over"), .via = S("standby") });
}

struct sides { struct stage *st[2]; struct node *north, *south; };
static struct sides sides_open(void)
{
	struct sides p = { .st = { stage_open(false), stage_open(false) } };
	p.north = &p.st[0]->r[0];
	p.south = &p.st[1]->r[1];                                  /* the second of its stage: it makes other ids */
	p.st[0]->provider = p.st[1]->provider = 200;
	engine_play(p.south->e, true, 0);
	return p;
}

static void sides_close(struct sides *p)
{
	stage_close(p->st[0]);
	stage_close(p->st[1]);
}

static void a_quiet_engine_lets_every_deadline_pass_and_still_decides(void **state)
{
	(void)state;
	struct sides p = sides_open();
	struct str id = opened(p.north, "web", "a");
	copy_all(p.st[0], p.st[1]);
	run(p.south, 60 * MINUTE);
	assert_int_equal(p.st[1]->n_sends, 0);
	assert_int_equal(incident(p.st[1], id)->level, 0);
	struct ask *x = post_act(p.south, CMD_ACKNOWLEDGE, id);
	tick(p.south);
	assert_int_equal(x->got.outcome, OUT_DONE);
	sides_close(&p);
}

static void what_was_put_off_is_looked_at_as_soon_as_it_is_quiet_no_more(void **state)
{
	(void)state;
	struct sides p = sides_open();
	opened(p.north, "web", "a");
	copy_all(p.st[0], p.st[1]);
	run(p.south, MINUTE);
	engine_play(p.south->e, false, 1);
	tick(p.south);
	assert_int_equal(p.st[1]->n_sends, 1);
	sides_close(&p);
}

static void numbers_that_were_at_hand_are_not_used_after_another_counter_was_copied(void **state)
{
	(void)state;
	struct sides p = sides_open();
	engine_play(p.south->e, false, 1);
	struct ask *x[4];
	for (int i = 0; i < 4; i++)
		x[i] = post_event(p.south, EVENT_TRIGGER, "web", (const char[]){ (char)('a' + i), 0 });
	tick(p.south);
	assert_int_equal(x[3]->got.incident->number, 4);
	for (int i = 0; i < 9; i++)
		opened(p.north, "web", (const char[]){ (char)('k' + i), 0 });
	engine_play(p.south->e, true, 1);
	copy_all(p.st[0], p.st[1]);
	engine_play(p.south->e, false, 2);
	struct str id = opened(p.south, "web", "z");
	assert_true(incident(p.st[1], id)->number > 9);            /* and not the rest of the block of before */
	assert_int_equal(incident(p.st[1], id)->reign, 2);
	sides_close(&p);
}

/* The process dies with half of it done; whoever goes on does all of it again. */
static void a_take_over_that_broke_off_is_finished_and_nobody_is_paged_twice(void **state)
{
	enum { N = 40 };
	(void)state;
	struct sides p = sides_open();
	struct str id[N];
	for (int i = 0; i < N; i++)
		id[i] = arena_str(&p.st[1]->a, opened(p.north, "web", arena_fmt(&p.st[0]->a, "k%d", i).p));
	run(p.north, MINUTE);
	for (int i = 0; i < N; i += 2)
		post_act(p.north, CMD_ACKNOWLEDGE, id[i]);
	tick(p.north);
	copy_all(p.st[0], p.st[1]);
	for (int i = 0; i < N / 2; i++)
		post_take_over(p.south, id[i], 1);
	tick(p.south);
	replica_die(p.south);
	replica_open(p.south);
	engine_play(p.south->e, true, 1);
	for (int i = 0; i < N; i++)
		post_take_over(p.south, id[i], 1);
	tick(p.south);
	assert_int_equal(p.st[1]->n_sends, 0);
	engine_play(p.south->e, false, 1);
	run(p.south, MINUTE);
	for (int i = 0; i < N; i++) {
		struct arena *a = &p.st[1]->a;
		assert_int_equal(entries(p.st[1], id[i], ENTRY_TAKEN_OVER), 1);
		assert_int_equal(sends_of(p.st[1], page_id(a, id[i], 1, 0, 0, 0)), 1);
		assert_int_equal(sends_of(p.st[1], page_id(a, id[i], 1, 1, 0, 0)), i % 2 == 0);
	}
	assert_int_equal(p.st[1]->n_sends, N + N / 2);
	sides_close(&p);
}

static void what_was_owed_before_is_sent_by_the_new_round_alone(void **state)
{
	(void)state;
	struct sides p = sides_open();
	p.st[0]->room[0] = 0;                                              /* the primary dies with its pages in hand */
	struct str id = opened(p.north, "web", "a");
	copy_all(p.st[0], p.st[1]);
	post_take_over(p.south, id, 1);
	tick(p.south);
	engine_play(p.south->e, false, 1);
	run(p.south, MINUTE);
	assert_int_equal(p.st[1]->n_sends, 1);
	assert_true(str_eq(p.st[1]->sends[0].page, page_id(&p.st[1]->a, id, 1, 0, 0, 0)));
	assert_int_equal(page(p.st[1], id, 0, 0)->status, PAGE_CANCELLED);
	sides_close(&p);
}

static void an_incident_that_began_there_gets_a_number_here_and_keeps_its_id(void **state)
{
	(void)state;
	struct sides p = sides_open();
	engine_play(p.south->e, false, 1);
	struct str id = opened(p.south, "web", "a");
	struct command c = { .kind = CMD_HAND_BACK, .incident = id, .wants = ACKNOWLEDGED, .acted_by = S("user:ada"), .actor = S("token:south"),
		.via = S("standby"), .text = S("south led"), .event = { .action = EVENT_TRIGGER, .integration = S("door"), .service = S("web"),
		.dedup_key = S("a"), .title = S("it burns"), .severity = 4 } };
	opened(p.north, "web", "other");
	struct ask *x = post(p.north, c);
	tick(p.north);
	assert_int_equal(x->got.outcome, OUT_CREATED);
	const struct incident *inc = incident(p.st[0], id);
	assert_int_equal(inc->number, 2);
	assert_int_equal(inc->status, ACKNOWLEDGED);
	run(p.north, 60 * MINUTE);
	assert_int_equal(sends_of(p.st[0], page_id(&p.st[0]->a, id, 0, 0, 0, 0)), 0);
	struct ask *again = post_event(p.north, EVENT_TRIGGER, "web", "a");
	tick(p.north);
	assert_int_equal(again->got.outcome, OUT_FOLDED);
	sides_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quiet_engine_lets_every_deadline_pass_and_still_decides),
		cmocka_unit_test(what_was_put_off_is_looked_at_as_soon_as_it_is_quiet_no_more),
		cmocka_unit_test(numbers_that_were_at_hand_are_not_used_after_another_counter_was_copied),
		cmocka_unit_test(a_take_over_that_broke_off_is_finished_and_nobody_is_paged_twice),
		cmocka_unit_test(what_was_owed_before_is_sent_by_the_new_round_alone),
		cmocka_unit_test(an_incident_that_began_there_gets_a_number_here_and_keeps_its_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
