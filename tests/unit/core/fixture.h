/* fixture.h - a world of two people and a few policies, a shelf of documents, and a way to give it commands: enough to tell stories about
 * the core without an engine. Each test owns a struct town; time is whatever the test says.
 */
#ifndef TESTS_CORE_FIXTURE_H
#define TESTS_CORE_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/decide.h"

enum { MINUTE = 60 * 1000, T0 = 1000 * 1000 };
struct doc { enum kind kind; struct str id; const void *obj; int64_t due; uint64_t ver; };
struct town {
	struct arena a;
	struct world w;
	struct doc docs[512];
	size_t n;
	int64_t now, number;
	struct effects out;              /* of the latest command */
};

static __attribute__((unused)) const void *town_get(void *ctx, enum kind kind, struct str id)
{
	struct town *t = ctx;
	for (size_t i = 0; i < t->n; i++)
		if (t->docs[i].kind == kind && str_eq(t->docs[i].id, id))
			return t->docs[i].obj;
	return NULL;
}

/* A story about something that is not there ends here. */
static __attribute__((unused)) const void *there(const void *p)
{
	if (p == NULL) {
		fail_msg("%s", "it is not there");
		abort();
	}
	return p;
}

static __attribute__((unused)) struct doc *town_find(struct town *t, enum kind kind, struct str id)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->docs[i].kind == kind && str_eq(t->docs[i].id, id))
			return &t->docs[i];
	return NULL;
}

static __attribute__((unused)) const struct doc *town_doc(struct town *t, enum kind kind, struct str id)
{
	return there(town_find(t, kind, id));
}

static __attribute__((unused)) void town_apply(struct town *t)
{
	for (size_t i = 0; i < t->out.n; i++) {
		const struct effect *e = &t->out.v[i];
		struct doc *d = town_find(t, e->kind, e->id);
		if (d == NULL) {
			assert_true(t->n < COUNT(t->docs));
			d = &t->docs[t->n++];
			*d = (struct doc){ .kind = e->kind, .id = e->id };
		}
		d->obj = e->obj;
		d->due = e->due;
		d->ver++;
		if (e->kind == KIND_incident) {
			struct incident *inc = NEW(&t->a, struct incident);
			*inc = *(const struct incident *)e->obj;
			inc->version = (int64_t)d->ver;
			d->obj = inc;
		}
	}
}

static __attribute__((unused)) enum outcome town_do(struct town *t, struct command c)
{
	struct view v = { t, town_get, &t->w };
	if (c.fresh_id.n == 0)
		c.fresh_id = arena_fmt(&t->a, "00000000-0000-7000-8000-%012lld", (long long)++t->number);
	c.fresh_number = t->number;
	t->out.a = &t->a;
	decide(&v, &c, t->now, &t->out);
	town_apply(t);
	return t->out.end.outcome;
}

static __attribute__((unused)) enum outcome town_event(struct town *t, enum event_action action, struct str service, struct str key, struct str title)
{
	struct command c = { .kind = CMD_EVENT, .actor = S("integration:door"), .via = S("generic"),
		.event = { .action = action, .integration = S("door"), .service = service, .dedup_key = key, .title = title, .severity = 4 } };
	return town_do(t, c);
}

static __attribute__((unused)) enum outcome town_act(struct town *t, enum command_kind kind, struct str incident, struct str actor)
{
	return town_do(t, (struct command){ .kind = kind, .incident = incident, .actor = actor, .via = S("api") });
}

static __attribute__((unused)) enum outcome town_timer(struct town *t, struct str incident)
{
	return town_do(t, (struct command){ .kind = CMD_TIMER, .incident = incident, .via = S("timer") });
}

static __attribute__((unused)) const struct incident *town_incident(struct town *t, struct str id)
{
	return there(town_get(t, KIND_incident, id));
}

/* The n-th page ever owed, in order. */
static __attribute__((unused)) const struct page *town_page(struct town *t, size_t n)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->docs[i].kind == KIND_page && n-- == 0)
			return there(t->docs[i].obj);
	return there(NULL);
}

static __attribute__((unused)) size_t town_count(const struct town *t, enum kind kind)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n; i++)
		n += t->docs[i].kind == kind;
	return n;
}

static __attribute__((unused)) size_t town_entries(struct town *t, enum entry_type type)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n; i++)
		n += t->docs[i].kind == KIND_entry && ((const struct entry *)t->docs[i].obj)->type == type;
	return n;
}

static __attribute__((unused)) struct strs one(struct arena *a, const char *target)
{
	struct str *v = NEW(a, struct str);
	*v = str_c(target);
	return (struct strs){ v, *target ? 1 : 0 };
}

static __attribute__((unused)) struct policy town_policy(struct arena *a, const char *id, const char *const *targets, size_t n, int64_t repeat)
{
	struct level *v = NEWN(a, struct level, n);
	for (size_t i = 0; i < n; i++) {
		v[i].targets = one(a, targets[i]);
		v[i].timeout = 15 * MINUTE;
	}
	return (struct policy){ .id = str_c(id), .levels = { v, n }, .repeat = repeat };
}

static __attribute__((unused)) void town_open(struct town *t)
{
	*t = (struct town){ .a = ARENA(64 << 20), .now = T0 };
	struct arena *a = &t->a;
	struct world *w = &t->w;
	w->page_life_ms = 15 * MINUTE;
	w->claim_ms = 30 * 1000;
	w->receipt_ms = 24 * 60 * MINUTE;
	w->keep_ms = INT64_C(400) * 24 * 60 * MINUTE;
	w->events_ms = INT64_C(30) * 24 * 60 * MINUTE;
	w->channels.v = NEWN(a, struct channel_def, 3);
	w->channels.v[w->channels.n++] = (struct channel_def){ S("mail"), S("smtp"), true, true };
	w->channels.v[w->channels.n++] = (struct channel_def){ S("hook"), S("webhook"), false, false };
	w->channels.v[w->channels.n++] = (struct channel_def){ S("con"), S("console"), false, false };
	w->users.v = NEWN(a, struct user, 3);
	w->users.v[w->users.n++] = (struct user){ .id = S("ada"), .email = S("ada@example.com") };
	struct pair *pairs = NEWN(a, struct pair, 2);
	pairs[0] = (struct pair){ S("hook"), S("bob-1") };
	pairs[1] = (struct pair){ S("mail"), S("bob@work.example") };
	w->users.v[w->users.n++] = (struct user){ .id = S("bob"), .email = S("bob@example.com"), .contacts = { pairs, 2 } };
	w->users.v[w->users.n++] = (struct user){ .id = S("ghost") };
	static __attribute__((unused)) const char *const two[] = { "user:ada", "user:bob" }, *const gap[] = { "user:ada", "user:ghost", "channel:hook" };
	static __attribute__((unused)) const char *const once[] = { "channel:hook" };
	w->policies.v = NEWN(a, struct policy, 5);
	w->policies.v[w->policies.n++] = town_policy(a, "two", two, 2, 0);
	w->policies.v[w->policies.n++] = town_policy(a, "gap", gap, 3, 0);
	w->policies.v[w->policies.n++] = town_policy(a, "again", two, 2, 1);
	w->policies.v[w->policies.n++] = town_policy(a, "once", once, 1, 0);
	w->policies.v[3].on_exhausted.targets = one(a, "channel:con");
	w->services.v = NEWN(a, struct service, 8);
	w->services.v[w->services.n++] = (struct service){ .id = S("web"), .policy = S("two") };
	w->services.v[w->services.n++] = (struct service){ .id = S("holes"), .policy = S("gap") };
	w->services.v[w->services.n++] = (struct service){ .id = S("loop"), .policy = S("again") };
	w->services.v[w->services.n++] = (struct service){ .id = S("last"), .policy = S("once") };
	w->services.v[w->services.n++] = (struct service){ .id = S("ledger"), .policy = S("two"), .grouping = GROUPING_SERVICE };
	w->services.v[w->services.n++] = (struct service){ .id = S("nagged"), .policy = S("two"), .ack_timeout = 30 * MINUTE };
	w->services.v[w->services.n++] = (struct service){ .id = S("orphan"), .policy = S("gone") };
	world_make_index(a, w);
	world_make_refs(a, w);
}

static __attribute__((unused)) void town_close(struct town *t)
{
	arena_free(&t->a);
}

static __attribute__((unused)) int town_setup(void **state)
{
	struct town *t = calloc(1, sizeof *t);
	assert_non_null(t);
	town_open(t);
	*state = t;
	return 0;
}

static __attribute__((unused)) int town_teardown(void **state)
{
	town_close(*state);
	free(*state);
	return 0;
}
#define STORY(f) cmocka_unit_test_setup_teardown(f, town_setup, town_teardown)
#endif
