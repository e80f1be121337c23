/* fixture.h - a stage for the engine: up to three replicas on one memory store behind the fault wrapper, a clock that only the test moves, answers and
 * sends that are written down, and a small world of people, policies and services. Each test owns a struct stage.
 *
 * Many commands are posted to a replica and then decided in one tick. A send is answered at once with `provider` when that is set, else it stays out
 * until the test gives it back. What goes wrong is said by two hooks, which see every transaction and every read.
 */
#ifndef TESTS_ENGINE_FIXTURE_H
#define TESTS_ENGINE_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/batch.h"
#include "model/kinds.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, DAY = 24 * 60 * MINUTE, ASKS_MAX = 8192, SENDS_MAX = 8192, CHANNELS = 3, LOTS = 1000, REPLICAS = 3 };
#define T0 INT64_C(1700000000000)
#define FOR_TESTS static __attribute__((unused))

struct ask { struct job job; int answers; struct answer got; int64_t at_ms; size_t commits; };
struct sending { struct str page, channel; int64_t attempt, at_ms; struct delivery *d; struct node *by; };
struct stage;
struct node {
	struct stage *st;
	struct engine *e;
	struct setup setup;
	struct job *jobs[ASKS_MAX];
	struct delivery *back[SENDS_MAX];
	size_t n_jobs, n_back, out[CHANNELS];
	int64_t wake_ms, rng;
};
struct stage {
	struct arena a;
	struct world w;
	struct outlet outlets[CHANNELS];
	struct store *inner, *store;
	struct store_ops ops;            /* the memory store's, with our own info and now */
	struct store_ops real;
	bool has_many_writers, is_clock_down;
	int64_t mono_ms, err_ms;
	struct node r[REPLICAS];         /* the first two run from the beginning */
	size_t room[CHANNELS];           /* sends a channel takes at once */
	int provider;                    /* status of every answer; 0: the test gives back */
	struct str retry_after;
	struct sending *sends;
	size_t n_sends;
	size_t n_commits, most_writes;   /* transactions seen, and the largest */
	size_t n_reads, n_logs;
	size_t n_looks, deepest_look;    /* for what is due; how many documents were asked for at most */
	enum store_fault (*on_commit)(struct stage *st, const struct store_txn *t);
	enum store_fault (*on_read)(struct stage *st);
	bool is_inside;                  /* a hook that uses the store itself is not called again */
	void *mine;                      /* the test's */
};

/* --- the world --- */

FOR_TESTS int fake_build(struct arena *a, const void *settings, const struct message *m, struct wire_request *ret, struct str *ret_why)
{
	(void)settings;
	if (str_eq(m->page->address, S("unspeakable"))) {
		*ret_why = S("that cannot be said");
		return 22;
	}
	ret->method = S("POST");
	ret->url = arena_str(a, m->page->channel);
	ret->body = arena_str(a, m->incident->title);
	return 0;
}

FOR_TESTS void fake_judge(struct arena *a, const struct wire_reply *r, int64_t now_ms, struct channel_judgement *ret)
{
	enum channel_verdict v = r->status / 100 == 2 ? CHANNEL_DELIVERED : r->status / 100 == 4 ? CHANNEL_REFUSED : CHANNEL_RETRY;
	*ret = (struct channel_judgement){ v, retry_after_ms(r->retry_after, now_ms), arena_fmt(a, "status %d", r->status) };
}

static const struct channel fake = { .name = "fake", .build = fake_build, .judge = fake_judge };
static const char *const channel_ids[CHANNELS] = { "hook", "slow", "lost" };      /* the last has no outlet */

FOR_TESTS struct strs texts(struct arena *a, const char *one)
{
	struct str *v = NEW(a, struct str);
	*v = str_c(one);
	return (struct strs){ v, *one ? 1 : 0 };
}

FOR_TESTS struct policy policy_of(struct arena *a, const char *id, const char *const *targets, size_t n, int64_t timeout)
{
	struct level *v = NEWN(a, struct level, n);
	for (size_t i = 0; i < n; i++)
		v[i] = (struct level){ .targets = texts(a, targets[i]), .timeout = timeout };
	return (struct policy){ .id = str_c(id), .levels = { v, n } };
}

FOR_TESTS void world_open(struct arena *a, struct world *w, int64_t timeout)
{
	static const char *const two[] = { "hook:ada", "slow:bob", "hook:cyd" }, *const crowd[] = { "slow:bob", "hook:cyd" };
	static const char *const lost[] = { "channel:lost", "hook:ada" }, *const mute[] = { "hook:unspeakable", "hook:ada" };
	*w = (struct world){ .page_life_ms = 15 * MINUTE, .claim_ms = 30 * SECOND, .receipt_ms = DAY, .keep_ms = INT64_C(400) * DAY, .events_ms = INT64_C(30) * DAY };
	w->channels.v = NEWN(a, struct channel_def, CHANNELS);
	for (size_t i = 0; i < CHANNELS; i++)
		w->channels.v[w->channels.n++] = (struct channel_def){ .id = str_c(channel_ids[i]), .type = S("fake") };
	w->policies.v = NEWN(a, struct policy, 8);
	w->policies.v[w->policies.n++] = policy_of(a, "two", two, 3, timeout);
	w->policies.v[w->policies.n++] = policy_of(a, "crowd", crowd, 2, timeout);
	w->policies.v[w->policies.n++] = policy_of(a, "lost", lost, 2, timeout);
	w->policies.v[w->policies.n++] = policy_of(a, "mute", mute, 2, timeout);
	w->policies.v[w->policies.n] = policy_of(a, "wide", two, 1, timeout);
	struct str *many = NEWN(a, struct str, 60);
	for (int i = 0; i < 60; i++)
		many[i] = arena_fmt(a, "hook:person-%d", i);
	w->policies.v[w->policies.n++].levels.v[0].targets = (struct strs){ many, 60 };
	w->services.v = NEWN(a, struct service, 8);
	w->services.v[w->services.n++] = (struct service){ .id = S("web"), .policy = S("two") };
	w->services.v[w->services.n++] = (struct service){ .id = S("crowd"), .policy = S("crowd") };
	w->services.v[w->services.n++] = (struct service){ .id = S("lost"), .policy = S("lost") };
	w->services.v[w->services.n++] = (struct service){ .id = S("mute"), .policy = S("mute") };
	w->services.v[w->services.n++] = (struct service){ .id = S("wide"), .policy = S("wide") };
	w->services.v[w->services.n++] = (struct service){ .id = S("ledger"), .policy = S("two"), .grouping = GROUPING_SERVICE };
	w->services.v[w->services.n++] = (struct service){ .id = S("nagged"), .policy = S("two"), .ack_timeout = 30 * MINUTE };
	world_make_index(a, w);
	world_make_refs(a, w);
}

/* --- the store: memory, with what it says of itself and its clock in the test's hands --- */

FOR_TESTS struct stage *stage_of(const struct store *s)
{
	return (struct stage *)(uintptr_t)((const char *)s->ops - offsetof(struct stage, ops));
}

FOR_TESTS void stage_info(const struct store *s, struct store_info *ret)
{
	stage_of(s)->real.info(s, ret);
	ret->many_writers = stage_of(s)->has_many_writers;
}

FOR_TESTS enum store_rc stage_now(struct store *s, int64_t *ret_ms, int64_t *ret_err_ms)
{
	struct stage *st = stage_of(s);
	enum store_rc rc = st->real.now(s, ret_ms, ret_err_ms);
	*ret_err_ms = st->err_ms;
	return st->is_clock_down ? STORE_DOWN : rc;
}

FOR_TESTS enum store_rc stage_due(struct store *s, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le, size_t limit,
    struct store_docs *out)
{
	struct stage *st = stage_of(s);
	st->n_looks++;
	st->deepest_look = limit > st->deepest_look ? limit : st->deepest_look;
	return st->real.due(s, kind, shard_lo, shard_hi, due_le, limit, out);
}

FOR_TESTS enum store_fault plan_commit(void *ctx, const struct store_txn *t)
{
	struct stage *st = ctx;
	st->n_commits++;
	if (t->n > st->most_writes)
		st->most_writes = t->n;
	if (st->on_commit == NULL || st->is_inside)
		return STORE_FAULT_NONE;
	st->is_inside = true;
	enum store_fault f = st->on_commit(st, t);
	st->is_inside = false;
	return f;
}

FOR_TESTS enum store_fault plan_read(void *ctx)
{
	struct stage *st = ctx;
	st->n_reads++;
	if (st->on_read == NULL || st->is_inside)
		return STORE_FAULT_NONE;
	st->is_inside = true;
	enum store_fault f = st->on_read(st);
	st->is_inside = false;
	return f;
}

FOR_TESTS int64_t clock_boot(void *ctx) { return ((struct stage *)ctx)->mono_ms; }
FOR_TESTS int64_t clock_wall(void *ctx) { return ((struct stage *)ctx)->mono_ms + T0; }

FOR_TESTS void store_begin(struct stage *st)
{
	static struct store_kind_def defs[KINDS];
	struct buf why = BUF(1024);
	for (size_t i = 0; i < KINDS; i++)
		defs[i] = (struct store_kind_def){ kinds[i].entity->name, kinds[i].is_append_only };
	struct store_options o = { .kinds = defs, .n_kinds = KINDS, .clock = { st, clock_boot, clock_wall } };
	assert_int_equal(store_open(S("memory"), &o, &st->inner, &why), STORE_OK);
	buf_free(&why);
	st->real = st->ops = *st->inner->ops;
	st->ops.info = stage_info;
	st->ops.now = stage_now;
	st->ops.due = stage_due;
	st->inner->ops = &st->ops;
	st->store = store_fault(st->inner, &(struct store_fault_plan){ st, plan_commit, plan_read });
}

/* --- replicas --- */

FOR_TESTS size_t channel_no(struct str id)
{
	size_t i = 0;
	while (i + 1 < CHANNELS && !str_eq(id, str_c(channel_ids[i])))
		i++;
	return i;
}

FOR_TESTS int64_t on_mono(void *ctx) { return ((struct node *)ctx)->st->mono_ms; }
FOR_TESTS void on_random(void *ctx, void *out, size_t n) { memset(out, (int)((struct node *)ctx)->rng, n); }

FOR_TESTS void on_reply(void *ctx, struct job *j, const struct answer *a)
{
	struct stage *st = ((struct node *)ctx)->st;
	struct ask *x = j->owner;
	x->answers++;
	x->at_ms = st->mono_ms;
	x->commits = st->n_commits;
	x->got = *a;
	x->got.reason = arena_str(&st->a, a->reason);
	x->got.dedup_key = arena_str(&st->a, a->dedup_key);
	if (a->incident == NULL)
		return;
	struct incident *copy = NEW(&st->a, struct incident);
	*copy = *a->incident;
	copy->id = arena_str(&st->a, a->incident->id);
	x->got.incident = copy;
}

/* Gives one send back to the replica that made it; it hears of it in its next tick. status 0: it never began. */
FOR_TESTS void give_back(struct sending *s, int status)
{
	struct node *r = s->by;
	assert_non_null(s->d);
	s->d->was_started = status != 0;
	s->d->reply.status = status;
	s->d->reply.retry_after = r->st->retry_after;
	r->back[r->n_back++] = s->d;
	r->out[channel_no(s->channel)]--;
	s->d = NULL;
}

FOR_TESTS void on_send(void *ctx, struct delivery *d)
{
	struct node *r = ctx;
	struct stage *st = r->st;
	assert_true(st->n_sends < SENDS_MAX);
	struct sending *s = &st->sends[st->n_sends++];
	*s = (struct sending){ arena_str(&st->a, d->page), arena_str(&st->a, d->channel), d->attempt, st->mono_ms, d, r };
	r->out[channel_no(s->channel)]++;
	if (st->provider)
		give_back(s, st->provider);
}

FOR_TESTS void on_log(void *ctx, enum log_level level, struct str incident, const char *text)
{
	(void)level, (void)incident, (void)text;
	((struct node *)ctx)->st->n_logs++;
}

FOR_TESTS size_t on_room(void *ctx, struct str channel)
{
	const struct node *r = ctx;
	size_t i = channel_no(channel);
	assert_true(r->out[i] <= r->st->room[i]);
	return r->st->room[i] - r->out[i];
}

FOR_TESTS void replica_open(struct node *r)
{
	struct stage *st = r->st;
	static const char *const names[REPLICAS] = { "north", "south", "west" };
	struct env env = { r, st->store, on_mono, on_random, on_reply, on_send, on_log, on_room };
	r->rng++;
	r->setup = (struct setup){ &st->w, st->outlets, CHANNELS - 1, S("https://tocsin.example"), str_c(names[r - st->r]), S("1.0-test") };
	r->e = engine_new(&env, &r->setup);
	assert_int_equal(engine_configure(r->e, &r->setup), STORE_OK);
}

FOR_TESTS void delivery_drop(struct delivery *d)
{
	arena_free(&d->mem);
	free(d);
}

/* The process ends: what it had in hand is gone, and nobody hears of it. */
FOR_TESTS void replica_die(struct node *r)
{
	struct stage *st = r->st;
	for (size_t i = 0; i < st->n_sends; i++)
		if (st->sends[i].d && st->sends[i].by == r) {
			delivery_drop(st->sends[i].d);
			st->sends[i].d = NULL;
		}
	for (size_t i = 0; i < r->n_back; i++)
		delivery_drop(r->back[i]);
	r->n_back = r->n_jobs = 0;
	memset(r->out, 0, sizeof r->out);
	engine_free(r->e);
	r->e = NULL;
}

FOR_TESTS struct stage *stage_open(bool has_many_writers)
{
	struct stage *st = calloc(1, sizeof *st);
	assert_non_null(st);
	st->a = ARENA(SIZE_MAX);
	st->sends = calloc(SENDS_MAX, sizeof *st->sends);
	st->mono_ms = 1000;
	st->has_many_writers = has_many_writers;
	for (size_t i = 0; i < CHANNELS; i++) {
		st->outlets[i] = (struct outlet){ str_c(channel_ids[i]), &fake, NULL };
		st->room[i] = LOTS;
	}
	world_open(&st->a, &st->w, 5 * MINUTE);
	store_begin(st);
	for (int i = 0; i < REPLICAS; i++) {
		st->r[i].st = st;
		st->r[i].rng = 7 + 31 * i;
		if (i < 2)
			replica_open(&st->r[i]);
	}
	return st;
}

FOR_TESTS void stage_close(struct stage *st)
{
	st->on_commit = NULL;
	st->on_read = NULL;
	for (int i = 0; i < REPLICAS; i++)
		if (st->r[i].e)
			replica_die(&st->r[i]);
	store_close(st->store);
	arena_free(&st->a);
	free(st->sends);
	free(st);
}

FOR_TESTS int stage_alone(void **state) { *state = stage_open(false); return 0; }
FOR_TESTS int stage_shared(void **state) { *state = stage_open(true); return 0; }
FOR_TESTS int stage_down(void **state) { stage_close(*state); return 0; }
/* ALONE: the store says that nobody else writes. SHARED: others may. BOTH: the same must hold either way. */
#define ALONE(f) cmocka_unit_test_setup_teardown(f, stage_alone, stage_down)
#define SHARED(f) { #f "_among_others", f, stage_shared, stage_down, NULL }
#define BOTH(f) ALONE(f), SHARED(f)

/* --- telling a story --- */

FOR_TESTS struct ask *post(struct node *r, struct command c)
{
	struct ask *x = NEW(&r->st->a, struct ask);
	x->job.command = c;
	x->job.owner = x;
	assert_true(r->n_jobs < ASKS_MAX);
	r->jobs[r->n_jobs++] = &x->job;
	return x;
}

FOR_TESTS struct ask *post_event(struct node *r, enum event_action action, const char *service, const char *key)
{
	struct arena *a = &r->st->a;
	return post(r, (struct command){ .kind = CMD_EVENT, .actor = S("integration:door"), .via = S("generic"),
		.event = { .action = action, .integration = S("door"), .service = arena_str(a, str_c(service)),
			.dedup_key = arena_str(a, str_c(key)), .title = S("it burns"), .severity = 4 } });
}

FOR_TESTS struct ask *post_act(struct node *r, enum command_kind kind, struct str incident)
{
	return post(r, (struct command){ .kind = kind, .incident = incident, .actor = S("user:ada"), .via = S("api") });
}

/* One step with everything posted and given back. */
FOR_TESTS void tick(struct node *r)
{
	size_t n_jobs = r->n_jobs, n_back = r->n_back;
	struct job **jobs = malloc((n_jobs + 1) * sizeof *jobs);
	struct delivery **back = malloc((n_back + 1) * sizeof *back);
	assert_true(jobs && back);
	memcpy(jobs, r->jobs, n_jobs * sizeof *jobs);
	memcpy(back, r->back, n_back * sizeof *back);
	r->n_jobs = r->n_back = 0;
	r->wake_ms = engine_step(r->e, jobs, n_jobs, back, n_back);
	free(jobs);
	free(back);
}

/* Ticks whenever the engine asks for it, or something came back, for so long. An engine that asks again and again without end fails the test. */
FOR_TESTS void run(struct node *r, int64_t ms)
{
	struct stage *st = r->st;
	int64_t end = st->mono_ms + ms;
	for (int turns = 0;;) {
		int64_t before = st->mono_ms;
		tick(r);
		int64_t next = r->n_back ? st->mono_ms : r->wake_ms;
		if (next >= end)
			break;
		if (next > st->mono_ms)
			st->mono_ms = next;
		turns = st->mono_ms > before ? 0 : turns + 1;
		assert_true(turns < LOTS);
	}
	if (st->mono_ms < end)
		st->mono_ms = end;
}

/* A trigger, decided and answered; the id of its incident. */
FOR_TESTS struct str opened(struct node *r, const char *service, const char *key)
{
	struct ask *x = post_event(r, EVENT_TRIGGER, service, key);
	tick(r);
	assert_int_equal(x->got.rc, STORE_OK);
	assert_int_equal(x->got.outcome, OUT_CREATED);
	return x->got.incident->id;
}

/* --- what the store has --- */

FOR_TESTS const void *stored(struct stage *st, enum kind kind, struct str id)
{
	enum store_rc rc;
	const void *obj = batch_read(&st->a, st->inner, kind, id, &rc);
	assert_int_equal(rc, STORE_OK);
	return obj;
}

FOR_TESTS const struct incident *incident(struct stage *st, struct str id)
{
	const struct incident *inc = stored(st, KIND_incident, id);
	assert_non_null(inc);
	return inc;
}

FOR_TESTS const struct page *page(struct stage *st, struct str inc, int round, int level)
{
	return stored(st, KIND_page, page_id(&st->a, inc, round, level, 0, 0));
}

FOR_TESTS size_t count(struct stage *st, enum kind kind)
{
	struct store_docs docs = { 0 };
	assert_int_equal(store_scan(st->inner, (store_kind)kind, 0, S(""), 100000, &docs), STORE_OK);
	size_t n = docs.n;
	store_docs_free(&docs);
	return n;
}

FOR_TESTS size_t entries(struct stage *st, struct str inc, enum entry_type type)
{
	size_t n = 0;
	int64_t all = incident(st, inc)->entries;
	for (int64_t i = 0; i < all; i++) {
		const struct entry *e = stored(st, KIND_entry, entry_id(&st->a, inc, i));
		assert_non_null(e);
		n += e->type == type;
	}
	return n;
}

FOR_TESTS size_t sends_of(const struct stage *st, struct str page_name)
{
	size_t n = 0;
	for (size_t i = 0; i < st->n_sends; i++)
		n += str_eq(st->sends[i].page, page_name);
	return n;
}
#define METRIC(r, name) ((long long)atomic_load(&engine_metrics((r)->e)->name))
#endif
