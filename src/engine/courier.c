/* courier.c - pages out: claim (a commit) -> read page and incident again -> send -> settle (a commit).
 *
 * The fresh read right before the send is what keeps a page from reaching somebody whose incident was acknowledged a moment ago; the
 * claim is what keeps two replicas from sending the same page. A channel without room leaves its pages due; others overtake them.
 */
#include "engine/inside.h"
#include "base/mutant.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CLAIMS_MAX = 128, SCAN_MIN = 256, SCAN_MAX = 4096, SETTLE_WITHIN_MS = 10 * 60 * 1000, DELIVERY_ARENA = 2 << 20, FULL_MS = 250 };

static const struct outlet *outlet_find(const struct setup *s, struct str id)
{
	for (size_t i = 0; i < s->n_outlets; i++)
		if (str_eq(s->outlets[i].id, id))
			return &s->outlets[i];
	return NULL;
}

/* The end of an attempt as a job of our own, in one piece of memory; intake frees it when the store has taken it. */
static struct job *settlement_job(struct engine *e, struct str page, struct settlement s)
{
	struct job *j = xmalloc(sizeof *j + page.n + s.reason.n + 1);
	char *text = (char *)(j + 1), *reason = text + page.n;
	memcpy(text, page.p, page.n);
	if (s.reason.n)
		memcpy(reason, s.reason.p, s.reason.n);
	s.reason.p = reason;
	*j = (struct job){ .command = { .kind = CMD_SETTLE, .page = { text, page.n }, .via = S("courier"), .settlement = s },
		.deadline_ms = e->mono_ms + SETTLE_WITHIN_MS };
	return j;
}

static void settle_now(struct engine *e, struct str page, struct settlement s)
{
	struct job *j = settlement_job(e, page, s);
	intake(e, &j, 1);
}

static struct settlement judge(struct engine *e, struct delivery *d)
{
	static const enum verdict verdict[] = { [CHANNEL_DELIVERED] = VERDICT_DELIVERED, [CHANNEL_RETRY] = VERDICT_RETRY,
		[CHANNEL_REFUSED] = VERDICT_REFUSED };
	struct channel_judgement j = { .reason = S("") };
	if (!d->was_started)
		return (struct settlement){ .verdict = VERDICT_UNSENT, .attempt = d->attempt, .reason = S("") };
	d->how->judge(&d->mem, &d->reply, e->now_ms, &j);
	return (struct settlement){ verdict[j.verdict], j.retry_after_ms, j.reason, d->attempt };
}

static void delivery_free(struct delivery *d)
{
	arena_free(&d->mem);
	free(d);
}

void courier_settle(struct engine *e, struct delivery **sent, size_t n)
{
	struct job *jobs[BATCH_MAX];
	for (size_t from = 0; from < n; from += BATCH_MAX) {
		size_t m = n - from < BATCH_MAX ? n - from : BATCH_MAX;
		for (size_t i = 0; i < m; i++)
			jobs[i] = settlement_job(e, sent[from + i]->page, judge(e, sent[from + i]));
		intake(e, jobs, m);
	}
	for (size_t i = 0; i < n; i++)
		delivery_free(sent[i]);
	assert(e->sends_out >= n);
	e->sends_out -= n;
	if (n)
		e->next_page_ms = e->now_ms;              /* there is room again */
}

static struct str link_to(struct engine *e, struct arena *a, const struct incident *inc)
{
	struct str base = e->setup->public_url;
	return base.n ? arena_fmt(a, "%.*s/api/v1/incidents/%.*s", STR_ARG(base), STR_ARG(inc->id)) : S("");
}

/* False with a sentence: it cannot be said over this channel, now or ever. */
static bool build(struct engine *e, struct delivery *d, const struct page *p, const struct incident *inc, struct str *ret_why)
{
	const struct outlet *o = outlet_find(e->setup, p->channel);
	const struct service *svc = world_service(e->setup->world, inc->service);
	struct message m = { .incident = inc, .page = p, .service_name = svc && svc->name.n ? svc->name : inc->service,
		.url = link_to(e, &d->mem, inc), .now_ms = e->now_ms };
	if (o == NULL) {
		*ret_why = arena_fmt(&d->mem, "no channel \"%.*s\" is configured", STR_ARG(p->channel));
		return false;
	}
	d->how = o->how;
	return o->how->build(&d->mem, o->settings, &m, &d->request, ret_why) == 0;
}

/* Still ours to send, as the store has it at this moment? */
static bool is_wanted(struct engine *e, const struct page *p, const struct incident *inc)
{
	return p && inc && p->status == PAGE_OWED && str_eq(p->owner, e->setup->replica) && (inc->status == DETECTED || MUTANT(6));
}

static void send_claimed(struct engine *e, struct str id)
{
	struct delivery *d = xmalloc(sizeof *d);
	*d = (struct delivery){ .mem = ARENA(DELIVERY_ARENA), .read_mono_ms = e->env.mono_ms(e->env.ctx) };
	enum store_rc rc = STORE_OK;
	struct str why = S("");
	const struct page *p = batch_read(&d->mem, e->env.store, KIND_page, id, &rc);
	const struct incident *inc = p ? batch_read(&d->mem, e->env.store, KIND_incident, p->incident, &rc) : NULL;
	engine_saw(e, rc);
	if (rc == STORE_OK && is_wanted(e, p, inc)) {
		d->page = p->id;
		d->channel = p->channel;
		d->attempt = p->attempt;
		if (build(e, d, p, inc, &why)) {
			e->sends_out++;
			e->env.send(e->env.ctx, d);
			return;
		}
		settle_now(e, p->id, (struct settlement){ .verdict = VERDICT_REFUSED, .attempt = p->attempt, .reason = why });
	} else if (rc == STORE_OK && p) {
		settle_now(e, p->id, (struct settlement){ .verdict = VERDICT_UNSENT, .attempt = p->attempt, .reason = S("") });
	}                                                 /* unreadable now: the claim runs out and it is due again */
	delivery_free(d);
}

/* Commits the claims of these pages, then sends those that were claimed. */
static void claim_and_send(struct engine *e, const struct str *ids, size_t n)
{
	struct command c[CLAIMS_MAX];
	struct str claimed[CLAIMS_MAX];
	struct arena keep = ARENA(1 << 20);
	struct batch *b = &e->batch;
	size_t n_claimed = 0;
	assert(n <= CLAIMS_MAX);
	batch_begin(b, e->env.store, e->setup->world, e->now_ms, e->store_info.many_writers);
	for (size_t i = 0; i < n; i++) {
		c[i] = (struct command){ .kind = CMD_CLAIM, .page = ids[i], .owner = e->setup->replica, .via = S("courier") };
		(void)batch_add(b, &c[i], NULL);           /* its member is in the batch */
	}
	batch_commit(b, &e->rng, &e->metrics);
	engine_wake_for(e, b);
	for (size_t i = 0; i < b->n_members; i++) {
		const struct member *x = &b->members[i];
		engine_saw(e, x->rc);
		if (x->rc == STORE_OK)
			engine_count(e, x);
		if ((x->rc == STORE_OK || MUTANT(4)) && x->end.outcome == OUT_CLAIMED)
			claimed[n_claimed++] = arena_str(&keep, x->command->page);
	}
	for (size_t i = 0; i < n_claimed; i++)                /* the batch is used again by what follows */
		send_claimed(e, claimed[i]);
	arena_free(&keep);
}

struct room { struct str channel; size_t left; };
struct rooms { struct room v[32]; size_t n; };

static bool takes(struct engine *e, struct rooms *r, struct str channel)
{
	size_t i = 0;
	while (i < r->n && !str_eq(r->v[i].channel, channel))
		i++;
	if (i == r->n) {
		if (r->n == COUNT(r->v))
			return true;
		size_t left = outlet_find(e->setup, channel) ? e->env.send_room(e->env.ctx, channel) : CLAIMS_MAX;
		r->v[r->n++] = (struct room){ channel, left };
	}
	if (r->v[i].left == 0)
		return false;
	r->v[i].left--;
	return true;
}

/* The channel a stored page goes over, without decoding all of it. */
static struct str channel_of(struct arena *a, const struct store_doc *d)
{
	struct str why;
	return json_text(json_parse_own(a, d->body, &why), S("channel"));
}

/* Looks at what is due, lowest first, and sends as much as the channels take. */
static void look(struct engine *e, const struct store_docs *docs)
{
	struct arena a = ARENA(64 << 20);
	struct rooms rooms = { .n = 0 };
	struct str ids[CLAIMS_MAX];
	size_t n = 0, due = 0;
	for (; due < docs->n && docs->v[due].due <= e->now_ms - e->now_err_ms && n < CLAIMS_MAX; due++)
		if (takes(e, &rooms, channel_of(&a, &docs->v[due])))
			ids[n++] = docs->v[due].id;
	bool is_crowded = n == 0 && due == docs->n && docs->n == e->page_scan;
	e->page_scan = is_crowded && e->page_scan < SCAN_MAX ? e->page_scan * 2 : SCAN_MIN;
	if (due < docs->n && n < CLAIMS_MAX && docs->v[due].due + e->now_err_ms < e->next_page_ms)
		e->next_page_ms = docs->v[due].due + e->now_err_ms;
	if (n < due && e->now_ms + FULL_MS < e->next_page_ms)
		e->next_page_ms = e->now_ms + FULL_MS;     /* no room for some: again when something comes back, or soon */
	if (n == CLAIMS_MAX || is_crowded)
		e->next_page_ms = e->now_ms;
	if (n)
		claim_and_send(e, ids, n);
	arena_free(&a);
}

void courier_step(struct engine *e)
{
	struct store_docs docs = { 0 };
	if (e->is_draining || e->now_ms < e->next_page_ms)
		return;
	if (e->page_scan == 0)
		e->page_scan = SCAN_MIN;
	e->next_page_ms = e->now_ms + LOOK_AHEAD_MS;
	enum store_rc rc = store_due(e->env.store, KIND_page, 0, e->store_info.shards - 1, e->now_ms + LOOK_AHEAD_MS, e->page_scan, &docs);
	engine_saw(e, rc);
	if (rc == STORE_OK)
		look(e, &docs);
	else
		e->next_page_ms = e->now_ms + rng_between(&e->rng, 200, 1000);
	store_docs_free(&docs);
}
