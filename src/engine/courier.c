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

enum { CLAIMS_WHEN_BUSY = 8, SCAN_MIN = 256, SCAN_MAX = 4096, SETTLE_WITHIN_MS = 10 * 60 * 1000, DELIVERY_ARENA = 2 << 20, FULL_MS = 250 };

static const struct outlet *outlet_find(const struct setup *s, struct str id)
{
	for (size_t i = 0; i < s->n_outlets; i++)
		if (str_eq(s->outlets[i].id, id))
			return &s->outlets[i];
	return NULL;
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

static void settle(struct engine *e, struct str page, struct settlement x)
{
	struct job *j = engine_own_job(e, CMD_SETTLE, page, x.reason);
	x.reason = j->command.settlement.reason;
	j->command.settlement = x;
	j->deadline_ms = e->mono_ms + SETTLE_WITHIN_MS;
	engine_todo(e, j);
}

void courier_settle(struct engine *e, struct delivery **sent, size_t n)
{
	assert(e->sends_out >= n);
	for (size_t i = 0; i < n; i++) {
		settle(e, sent[i]->page, judge(e, sent[i]));
		delivery_free(sent[i]);
	}
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

/* Still claimed by us, as the store has it at this moment? Somebody else may have claimed it since: a read can take long. */
static bool is_ours(const struct engine *e, const struct page *p)
{
	return p && p->status == PAGE_OWED && str_eq(p->owner, e->setup->replica);
}

/* Sends one claimed page if it is still wanted, from its documents as they were just read. */
static void send_one(struct engine *e, const struct store_doc *page, const struct store_doc *incident)
{
	struct delivery *d = xmalloc(sizeof *d);
	*d = (struct delivery){ .mem = ARENA(DELIVERY_ARENA), .read_mono_ms = e->mono_ms };
	enum store_rc rc = STORE_OK;
	struct str why = S("");
	const struct page *p = batch_decode(&d->mem, page, &rc);
	const struct incident *inc = batch_decode(&d->mem, incident, &rc);
	engine_saw(e, rc);
	if (rc == STORE_OK && is_ours(e, p) && inc && (inc->status == DETECTED || MUTANT(6))) {
		d->page = p->id;
		d->channel = p->channel;
		d->attempt = p->attempt;
		if (build(e, d, p, inc, &why)) {
			e->sends_out++;
			e->env.send(e->env.ctx, d);
			return;
		}
		settle(e, p->id, (struct settlement){ .verdict = VERDICT_REFUSED, .attempt = p->attempt, .reason = why });
	} else if (rc == STORE_OK && is_ours(e, p)) {
		settle(e, p->id, (struct settlement){ .verdict = VERDICT_UNSENT, .attempt = p->attempt, .reason = S("") });
	}                                                 /* unreadable now: the claim runs out and it is due again */
	delivery_free(d);
}

/* The fresh read: pages and incidents of some claims in one call, right before they are sent. */
static void send_some(struct engine *e, const struct claimed *c, size_t n)
{
	store_kind kind[STORE_GET_MAX] = { 0 };
	struct str id[STORE_GET_MAX] = { { 0 } };
	struct store_docs docs = { 0 };
	assert(2 * n <= STORE_GET_MAX);
	for (size_t i = 0; i < n; i++) {
		kind[2 * i] = KIND_page;
		id[2 * i] = c[i].page;
		kind[2 * i + 1] = KIND_incident;
		id[2 * i + 1] = c[i].incident;
	}
	e->mono_ms = e->env.mono_ms(e->env.ctx);
	enum store_rc rc = store_get(e->env.store, kind, id, 2 * n, &docs);
	if (MUTANT(41))
		e->mono_ms = e->env.mono_ms(e->env.ctx);
	engine_saw(e, rc);
	for (size_t i = 0; rc == STORE_OK && i < n; i++)
		send_one(e, &docs.v[2 * i], &docs.v[2 * i + 1]);
	store_docs_free(&docs);
}

void courier_send(struct engine *e)
{
	enum { SOME = STORE_GET_MAX / 2 };
	for (size_t i = 0; i < e->n_claimed; i += SOME)
		send_some(e, e->claimed + i, e->n_claimed - i < SOME ? e->n_claimed - i : SOME);
	e->n_claimed = 0;
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

/* Makes the claim of a due page a thing to do, if its channel takes it. */
static bool claim_one(struct engine *e, struct rooms *rooms, const struct store_doc *d)
{
	enum store_rc rc = STORE_OK;
	const struct page *p = batch_decode(&e->step_mem, d, &rc);
	engine_saw(e, rc);
	if (p == NULL || !takes(e, rooms, p->channel))
		return false;
	struct job *j = engine_own_job(e, CMD_CLAIM, d->id, S(""));
	j->command.owner = e->setup->replica;
	engine_todo(e, j);
	e->found[e->n_found++] = (struct found){ { .kind = d->kind, .id = p->id, .ver = d->ver, .due = d->due, .expire = d->expire }, p };
	return true;
}

/* Claims what is due, lowest first, as much as the channels take. */
static void claim(struct engine *e, const struct store_docs *docs)
{
	struct rooms rooms = { .n = 0 };
	e->found = NEWN(&e->step_mem, struct found, CLAIMS_MAX);
	e->claimed = NEWN(&e->step_mem, struct claimed, CLAIMS_MAX);
	size_t n = 0, due = 0, max = e->is_busy ? CLAIMS_WHEN_BUSY : CLAIMS_MAX;
	int64_t later = INT64_MAX;
	for (size_t i = 0; i < docs->n && n < max; i++) {      /* all of them: only inside a shard are they in order */
		const struct store_doc *d = &docs->v[i];
		if (d->due + e->now_err_ms > e->now_ms) {
			later = d->due < later ? d->due : later;
			continue;
		}
		due++;
		n += claim_one(e, &rooms, d);
	}
	bool is_crowded = n == 0 && due == docs->n && docs->n == e->page_scan && docs->n < SCAN_MAX;
	e->page_scan = is_crowded ? e->page_scan * 2 : 0;
	if (n < max && later != INT64_MAX && later + e->now_err_ms < e->next_page_ms)
		e->next_page_ms = later + e->now_err_ms;
	if (n < due && e->now_ms + FULL_MS < e->next_page_ms)
		e->next_page_ms = e->now_ms + FULL_MS;     /* no room for some: again when something comes back, or soon */
	if (n == max || is_crowded)
		e->next_page_ms = e->now_ms;
}

void courier_look(struct engine *e)
{
	struct store_docs docs = { 0 };
	if (e->is_draining || e->now_ms < e->next_page_ms)
		return;
	size_t least = e->is_busy ? CLAIMS_WHEN_BUSY * 2 : SCAN_MIN;
	if (e->page_scan < least)
		e->page_scan = least;
	e->next_page_ms = e->now_ms + LOOK_AHEAD_MS;
	enum store_rc rc = store_due(e->env.store, KIND_page, 0, e->store_info.shards, e->now_ms + LOOK_AHEAD_MS, e->page_scan, &docs);
	engine_saw(e, rc);
	if (rc != STORE_OK)
		e->next_page_ms = e->now_ms + rng_between(&e->rng, 200, 1000);
	else if (docs.n > 0)
		claim(e, &docs);
	else
		e->page_scan = 0;
	store_docs_free(&docs);
}
