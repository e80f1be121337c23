/* courier.c - pages out: claim (a commit) -> read page and incident again -> send -> settle (a commit).
 *
 * The fresh read right before the send is what keeps a page from reaching somebody whose incident was acknowledged a moment ago; the
 * claim is what keeps two replicas from sending the same page. A channel without room leaves its pages due; others overtake them. Where several
 * replicas work, whoever wrote a page reaches for it first, and whoever tried it in vain last (core/share.h). What it wrote itself it knows, and
 * claims without asking the store what is due; a look, once a second among others and every five alone, finds everything else, and what was missed.
 * What has no room is known too, and put aside until there is some.
 */
#include "engine/inside.h"
#include "base/mutant.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CLAIMS_WHEN_BUSY = 8, BEHIND_MS = 3000, ASIDE_MAX = 4096, CROWD_MAX = 2048, CLIMB_MAX = 8192, CLIMB_EVERY_MS = 4000, SCAN_MIN = 256, SCAN_MAX = 1 << 16,
	SETTLE_WITHIN_MS = 10 * 60 * 1000, DELIVERY_ARENA = 2 << 20, FULL_MS = 250, DEEP_EVERY_MS = 1000, PEEK_ARENA = 8 << 20,
	SEND_TAKES_MS = 11 * 1000 };     /* a send begins within 1 s of its read and ends within 10 s */

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
	if (!d->was_started || d->was_given_up)
		return (struct settlement){ .verdict = VERDICT_UNSENT, .attempt = d->attempt,
			.reason = d->was_given_up ? S("given up: the replica was stopped before an answer came") : S("") };
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
	x.reason = j->note;
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
	e->room_ms = e->now_ms;                           /* there is room again */
	if (e->is_short_of_room)
		e->next_page_ms = e->now_ms;
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

/* Still under the claim we made, as the store has it at this moment? Somebody else may have claimed it since: a read can take long. */
static bool is_ours(const struct engine *e, const struct page *p, const struct claimed *c)
{
	return p && p->status == PAGE_OWED && (MUTANT(4) || (p->attempt == c->attempt && str_eq(p->owner, e->setup->replica)));
}

/* Sends one claimed page if it is still wanted, from its documents as they were just read. */
static void send_one(struct engine *e, const struct claimed *c, const struct store_doc *page, const struct store_doc *incident)
{
	struct delivery *d = xmalloc(sizeof *d);
	*d = (struct delivery){ .mem = ARENA(DELIVERY_ARENA), .read_mono_ms = e->mono_ms };
	enum store_rc rc = STORE_OK;
	struct str why = S("");
	const struct page *p = batch_decode(&d->mem, page, &rc);
	const struct incident *inc = batch_decode(&d->mem, incident, &rc);
	engine_saw(e, rc);
	if (rc == STORE_OK && is_ours(e, p, c) && inc && (inc->status == DETECTED || MUTANT(6))) {
		d->page = p->id;
		d->channel = p->channel;
		d->attempt = p->attempt;
		if (build(e, d, p, inc, &why)) {
			e->sends_out++;
			e->env.send(e->env.ctx, d);
			return;
		}
		settle(e, p->id, (struct settlement){ .verdict = VERDICT_REFUSED, .attempt = p->attempt, .reason = why });
	} else if (rc == STORE_OK && is_ours(e, p, c)) {
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
		send_one(e, &c[i], &docs.v[2 * i], &docs.v[2 * i + 1]);
	store_docs_free(&docs);
}

/* Whether a send that begins now is over before the claim is. A commit may have taken long; then the claim runs out by itself, because
 * somebody else may have the page by the time ours arrives. */
static bool is_in_time(const struct engine *e, int64_t claimed_ms)
{
	int64_t age = e->env.mono_ms(e->env.ctx) - claimed_ms, life = e->setup->world->claim_ms;
	return age <= (life > 2 * SEND_TAKES_MS ? life - SEND_TAKES_MS : life / 2);
}

void courier_send(struct engine *e)
{
	enum { SOME = STORE_GET_MAX / 2 };
	int64_t claimed_ms = e->mono_ms;                  /* of this step, so before the commit */
	size_t i = 0, out = e->sends_out;
	for (; i < e->n_claimed && is_in_time(e, claimed_ms); i += SOME)
		send_some(e, e->claimed + i, e->n_claimed - i < SOME ? e->n_claimed - i : SOME);
	if (i < e->n_claimed)
		engine_log(e, LOG_WARN, S(""), "the store took so long that the claims of %zu pages would end before they are sent; they are tried again",
		    e->n_claimed - i);
	if (e->sends_out - out < e->n_claimed && e->health == STORE_OK)
		e->room_ms = e->now_ms;                   /* not all went out: there is room */
	e->n_claimed = 0;
}

/* How many more each channel takes; NOT_ASKED: unknown so far. */
struct rooms { size_t *left; };
#define NOT_ASKED SIZE_MAX

static struct rooms rooms_new(struct engine *e)
{
	struct rooms r = { NEWN(&e->step_mem, size_t, e->setup->n_outlets) };
	for (size_t i = 0; i < e->setup->n_outlets; i++)
		r.left[i] = NOT_ASKED;
	return r;
}

/* How many more that channel takes. NULL: it is not configured and takes everything, as its pages are to fail, and soon. */
static size_t *room_of(struct engine *e, struct rooms *r, struct str channel)
{
	const struct outlet *o = outlet_find(e->setup, channel);
	size_t *left = o ? &r->left[o - e->setup->outlets] : NULL;
	if (left && *left == NOT_ASKED)
		*left = e->env.send_room(e->env.ctx, channel);
	return left;
}

/* The end of its latest attempt is known and not stored yet: it may have been delivered. */
static bool is_settling(const struct engine *e, struct str page)
{
	for (size_t i = 0; i < e->waiting.n; i++) {
		const struct command *c = &e->waiting.v[i].job->command;
		if (c->kind == CMD_SETTLE && str_eq(c->page, page))
			return true;
	}
	return false;
}

/* Whether a page that is due can be claimed now. Then the room is spent. */
static bool takes(struct engine *e, struct rooms *r, struct str page, struct str channel)
{
	size_t *left = room_of(e, r, channel);
	if ((left && *left == 0) || is_settling(e, page))
		return false;
	if (left)
		--*left;
	return true;
}

/* What to do about a page that is due. OTHERS: it is another replica's turn. KNOWN: its channel has no room, and it is remembered until it
 * has; NO_ROOM: it is not, and must be found again. */
enum look { LOOK_CLAIM, LOOK_OTHERS, LOOK_KNOWN, LOOK_NO_ROOM, LOOK_NEVER };

/* Decoded in memory that is forgotten at once: of a crowded channel there may be very many. NULL: cannot be read. */
static const struct page *peek(struct engine *e, struct arena *a, const struct store_doc *d)
{
	enum store_rc rc = STORE_OK;
	arena_reset(a);
	const struct page *p = batch_decode(a, d, &rc);
	engine_saw(e, rc);
	if (rc == STORE_BUSY)
		engine_beyond(e, KIND_page, d->id);
	return p;
}

static enum look look_at(struct engine *e, struct arena *a, struct rooms *rooms, const struct store_doc *d)
{
	const struct page *p = peek(e, a, d);
	if (p == NULL)
		return LOOK_NEVER;
	if (!engine_is_mine(e, p->incident, p, d->due))
		return LOOK_OTHERS;
	if (takes(e, rooms, p->id, p->channel))
		return LOOK_CLAIM;
	bool is_known = e->pages.n < ASIDE_MAX && upcoming_add(&e->pages, d->due, p->id, p->channel);
	return is_known ? LOOK_KNOWN : LOOK_NO_ROOM;     /* our own of the next moments must be known in any case */
}

/* Makes the claim of a due page a thing to do. */
static void claim_one(struct engine *e, const struct store_doc *d)
{
	enum store_rc rc = STORE_OK;
	const struct page *p = batch_decode(&e->step_mem, d, &rc);
#ifdef MUT
	if (MUTANT(46) && str_eq(p->owner, e->crew.me)) {
		e->claimed[e->n_claimed++] = (struct claimed){ p->id, p->incident, p->attempt };
		return;
	}
#endif
	engine_todo(e, engine_own_job(e, CMD_CLAIM, d->id, p->channel));
	e->found[e->n_found++] = (struct found){ { .kind = d->kind, .id = p->id, .ver = d->ver, .due = d->due, .expire = d->expire }, p };
}

/* How far to look next time: further while nothing in reach can go out or is ours, less again when there is no such crowd. Past a crowd that
 * goes out as fast as its channel takes it we look once a second only: at every step that would cost more than all the sending. */
static void scan_next(struct engine *e, size_t limit, size_t seen, bool is_crowded, bool is_flowing)
{
	bool is_deep = limit == e->page_scan;
	if (is_flowing || (!is_deep && seen < limit))
		e->page_scan = 0;
	else if (is_deep && is_crowded)
		e->page_scan *= 2;
	else if (is_deep && seen < limit / 2)
		e->page_scan /= 2;
	if (is_deep && !is_crowded && limit > SCAN_MIN)
		e->deep_page_ms = e->now_ms + DEEP_EVERY_MS;
	if (!is_deep && e->page_scan && e->deep_page_ms < e->next_page_ms)
		e->next_page_ms = e->deep_page_ms;
}

/* Room for what may come of n pages. */
static void begin_claims(struct engine *e, size_t n)
{
	e->found = NEWN(&e->step_mem, struct found, n);
	e->claimed = NEWN(&e->step_mem, struct claimed, n);
}

/* In a burst what comes in goes first: it is quickly over, and until it is in the store nobody knows of it. One that lasts must not hold up the
 * pages for longer than this; from then on the senders wait. due_ms: of the first page to claim. */
static size_t claims_max(const struct engine *e, int64_t due_ms)
{
	bool is_behind = due_ms <= e->now_ms - e->now_err_ms - BEHIND_MS;
	return e->is_busy && !is_behind ? CLAIMS_WHEN_BUSY : CLAIMS_MAX;
}

static void look_soon(struct engine *e)
{
	if (e->now_ms + FULL_MS < e->next_page_ms)
		e->next_page_ms = e->now_ms + FULL_MS;
}

/* No room for some that are not known: again by a look, when something comes back, or soon. */
static void wait_for_room(struct engine *e)
{
	e->is_short_of_room = true;
	look_soon(e);
}

/* A page that becomes due before that time. What is another's, a look sees coming, or finds. Where too many are known for one more, those that are
 * due come first, and then it is time for a look. */
static void expect(struct engine *e, const struct page *p, int64_t due_ms, int64_t before_ms)
{
	int64_t at_ms = due_ms + e->now_err_ms;
	if (p == NULL || at_ms >= before_ms || !engine_is_mine(e, p->incident, p, due_ms) || upcoming_add(&e->pages, due_ms, p->id, p->channel))
		return;
	if (at_ms <= e->now_ms)
		e->hides_more_pages = true;
	else if (at_ms < e->next_page_ms)
		e->next_page_ms = at_ms;
}

/* Where many are known, those of a channel without room leave the rest of the list to the others. */
static bool is_one_too_many(struct engine *e, const struct page *p)
{
	return e->pages.n >= ASIDE_MAX && outlet_find(e->setup, p->channel) && e->env.send_room(e->env.ctx, p->channel) == 0;
}

/* What was just written is remembered even if a look comes next: that may not reach it. */
void courier_expect(struct engine *e, const struct dated *d)
{
	int64_t soon_ms = e->now_ms + engine_look_ahead_ms(e);
	if (e->is_draining)
		return;
	if (is_one_too_many(e, d->obj))
		e->hides_more_pages = true;
	else
		expect(e, d->obj, d->due_ms, e->next_page_ms > soon_ms ? e->next_page_ms : soon_ms);
}

static bool is_due_known(const struct engine *e)
{
	return e->pages.least_ms <= e->now_ms - e->now_err_ms;
}

/* n pages are to be claimed so far, of max at most; the first of them tells how many. */
struct claims { struct engine *e; struct rooms rooms; size_t n, max; };

static enum wish wish_of(void *ctx, const struct coming *c)
{
	struct claims *w = ctx;
	if (w->n == w->max)
		return WISH_LATER;
	if (!takes(w->e, &w->rooms, c->id, c->channel))
		return WISH_ASIDE;
	w->max = w->n == 0 ? claims_max(w->e, c->due_ms) : w->max;
	w->n++;
	return WISH_TAKE;
}

/* What was put aside, when something has come back, and now and then. */
static void take_up(struct engine *e)
{
	if (e->pages.n_aside == 0 || e->now_ms < e->room_ms)
		return;
	upcoming_take_up(&e->pages);
	e->room_ms = e->now_ms + FULL_MS;
}

/* Claims what is known to be due. When that is all out, and there was more than the look could take in, it is time for the next one. */
static void claim_known(struct engine *e)
{
	struct coming due[CLAIMS_MAX];
	take_up(e);
	if (!is_due_known(e))
		return;
	struct claims w = { e, rooms_new(e), 0, CLAIMS_MAX };
	size_t n = upcoming_take(&e->pages, e->now_ms - e->now_err_ms, due, CLAIMS_MAX, wish_of, &w);
	begin_claims(e, n);
	for (size_t i = 0; i < n; i++)
		engine_todo(e, engine_own_job(e, CMD_CLAIM, due[i].id, due[i].channel));
	if (e->hides_more_pages && !is_due_known(e))
		e->next_page_ms = e->now_ms;
}

/* What a look found: how many documents, how many of them due, how many to claim at most, and what was done about these. */
struct sight { size_t n, due, max, seen[LOOK_NEVER + 1]; };

/* Whether most of it cannot go out: then what can may stand behind it. */
static bool is_crowd(const struct sight *v)
{
	size_t held = v->seen[LOOK_KNOWN] + v->seen[LOOK_NO_ROOM];
	return v->seen[LOOK_CLAIM] == 0 || (v->n < CLIMB_MAX && held > 0 && held + v->seen[LOOK_OTHERS] > v->n / 2);
}

/* Behind a crowd without room a look goes far now and then only, as each reads all of them: 8,192 take a tenth of a second or two. */
static void end_climb(struct engine *e)
{
	if (e->now_ms >= e->climb_ms)
		e->climb_ms = e->now_ms + CLIMB_EVERY_MS;
	if (e->page_scan > CROWD_MAX)
		e->page_scan = CROWD_MAX;
	e->deep_page_ms = e->now_ms + DEEP_EVERY_MS;
}

/* When to look again after a look at `limit` documents. */
static void plan_look(struct engine *e, const struct sight *v, size_t limit)
{
	size_t n = v->seen[LOOK_CLAIM];
	bool is_full = v->n == limit, may_go_deeper = is_full && v->due == v->n && limit == e->page_scan && limit < SCAN_MAX;
	bool is_far = limit >= CROWD_MAX && v->seen[LOOK_KNOWN] + v->seen[LOOK_NO_ROOM] > 0;
	bool is_crowded = may_go_deeper && n < v->max && is_crowd(v) && (!is_far || e->now_ms >= e->climb_ms);
	scan_next(e, limit, v->n, is_crowded, n == v->max);
	if (is_far && !is_crowded)
		end_climb(e);
	e->hides_more_pages = e->hides_more_pages || (is_full && n > 0 && v->seen[LOOK_NO_ROOM] == 0);
	if (is_crowded || (e->hides_more_pages && !is_due_known(e)))
		e->next_page_ms = e->now_ms;
	else if (is_full)
		look_soon(e);
	if (v->seen[LOOK_NO_ROOM] > 0)
		wait_for_room(e);
}

/* Claims what is due, lowest first, as much as the channels and this step take; the rest of ours is known from now on. docs: the first of
 * it, `limit` at most. */
static void claim(struct engine *e, const struct store_docs *docs, size_t limit)
{
	struct rooms rooms = rooms_new(e);
	struct arena mem = ARENA(PEEK_ARENA);
	struct sight v = { .n = docs->n, .max = CLAIMS_MAX };      /* until the first to claim tells how long it has waited */
	begin_claims(e, docs->n < CLAIMS_MAX ? docs->n : CLAIMS_MAX);
	for (size_t i = 0; i < docs->n; i++) {
		const struct store_doc *d = &docs->v[i];
		bool is_due = d->due + e->now_err_ms <= e->now_ms;
		v.due += is_due;
		if (!is_due || v.seen[LOOK_CLAIM] == v.max) {
			expect(e, peek(e, &mem, d), d->due, e->next_page_ms);
			continue;
		}
		enum look look = look_at(e, &mem, &rooms, d);
		if (look == LOOK_CLAIM && v.seen[look] == 0)
			v.max = claims_max(e, d->due);
		if (look == LOOK_CLAIM)
			claim_one(e, d);
		v.seen[look]++;
	}
	arena_free(&mem);
	plan_look(e, &v, limit);
}

static void ask(struct engine *e)
{
	struct store_docs docs = { 0 };
	if (e->page_scan < SCAN_MIN)
		e->page_scan = SCAN_MIN;
	size_t limit = e->now_ms < e->deep_page_ms ? SCAN_MIN : e->page_scan;
	e->next_page_ms = e->now_ms + engine_look_ahead_ms(e);
	enum store_rc rc = store_due(e->env.store, KIND_page, 0, e->store_info.shards, e->next_page_ms, limit, &docs);
	engine_saw(e, rc);
	if (rc == STORE_OK) {
		bool is_full = docs.n == limit;
		upcoming_look(&e->pages);
		e->is_short_of_room = e->hides_more_pages = false;
		claim(e, &docs, limit);
		upcoming_looked(&e->pages, is_full ? docs.v[limit - 1].due : INT64_MAX, is_full ? docs.v[limit - 1].id : S(""));
	} else {
		e->next_page_ms = e->now_ms + rng_between(&e->rng, 200, 1000);
		e->hides_more_pages = e->is_short_of_room = false;
	}
	store_docs_free(&docs);
}

void courier_look(struct engine *e)
{
	if (e->is_draining)
		return;
	bool is_look = e->now_ms >= e->next_page_ms && !(e->was_look && is_due_known(e));
	(is_look ? ask : claim_known)(e);
	e->was_look = is_look;
}
