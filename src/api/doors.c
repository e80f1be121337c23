/* doors.c - where alert senders come in. A source says how its key, its body and its answers look; here is what is the same for all:
 * find the key, decode, one command for each event, and an answer only when every one of them is durable.
 *
 * This is the busiest path of the server. One arena, no copy of the body (events point into the parsed tree), one look-up by
 * digest, so that comparing keys takes no time that tells anything about them.
 */
#include "api/exchange.h"
#include "base/digest.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- the table, made when the configuration changes --- */

static int lock_order(const void *a, const void *b)
{
	const struct door_lock *x = a, *y = b;
	return memcmp(x->sha, y->sha, sizeof x->sha);
}

static void locks_build(struct api *api, struct door *d)
{
	const struct api_setup *s = api->setup;
	struct arena *a = &api->mem;
	d->locks = NEWN(a, struct door_lock, s->n_keys);
	for (size_t i = 0; i < s->n_keys; i++) {
		const struct door_key *k = &s->keys[i];
		if (k->source != d->source)
			continue;
		struct door_lock *lock = &d->locks[d->n_locks++];
		memcpy(lock->sha, k->sha, sizeof lock->sha);
		lock->actor = arena_fmt(a, "integration:%.*s", STR_ARG(k->integration));
		lock->service = arena_str(a, k->service);
	}
	qsort(d->locks, d->n_locks, sizeof *d->locks, lock_order);
}

void doors_build(struct api *api)
{
	const struct str key_segment = S("/KEY");
	arena_reset(&api->mem);
	api->doors = NEWN(&api->mem, struct door, source_count());
	api->n_doors = source_count();
	for (size_t i = 0; i < api->n_doors; i++) {
		struct door *d = &api->doors[i];
		d->source = source_at(i);
		d->path = str_c(d->source->door);
		d->takes_key = d->path.n > key_segment.n && str_eq(str_skip(d->path, d->path.n - key_segment.n), key_segment);
		if (d->takes_key)
			d->path.n -= key_segment.n - 1;            /* the slash stays */
		locks_build(api, d);
	}
}

const struct door *door_find(const struct api *api, struct str path, struct str *ret_key)
{
	for (size_t i = 0; i < api->n_doors; i++) {
		const struct door *d = &api->doors[i];
		if (!d->takes_key) {
			if (str_eq(d->path, path))
				return d;
		} else if (path.n > d->path.n && str_starts(path, d->path)) {
			struct str key = str_skip(path, d->path.n);
			if (memchr(key.p, '/', key.n) != NULL)
				continue;
			*ret_key = key;
			return d;
		}
	}
	return NULL;
}

static const struct door_lock *lock_of(const struct door *d, struct str key)
{
	struct door_lock want;
	if (key.n == 0 || d->n_locks == 0)
		return NULL;
	sha256(key, want.sha);
	return bsearch(&want, d->locks, d->n_locks, sizeof want, lock_order);
}

/* --- answers --- */

static void answer_source(struct exchange *x, const struct source_answer *a)
{
	answer_field(x, "Content-Type", a->content_type);
	answer_bytes(x, a->status, NULL, a->body);
}

/* The sender's own form when its source has one, else a problem. */
static void refuse(struct exchange *x, const struct faults *f, bool is_json)
{
	struct source_answer a = { 0 };
	x->source->refuse(&x->r->mem, f, is_json, &a);
	if (a.status != 0)
		answer_source(x, &a);
	else
		answer_faults(x, is_json ? 422 : 400, f);
}

static void refuse_whole(struct exchange *x, struct str why)
{
	struct faults f = { .a = &x->r->mem };
	fault_add(&f, NULL, S(""), "%.*s", STR_ARG(why));
	refuse(x, &f, false);
}

static void unknown_key(struct exchange *x)
{
	struct source_answer a = { 0 };
	x->source->unknown_key(&x->r->mem, &a);
	if (a.status != 0) {
		answer_source(x, &a);
		return;
	}
	answer_field(x, "WWW-Authenticate", S("Bearer realm=\"tocsin\""));
	answer_error(x, 401, "No integration has this key. `tocsin config show` lists the integrations.");
}

/* Decisions that are durable and yet say no: the event itself is wrong (an idempotency key of another body, say). */
static bool is_rejected(const struct call *c)
{
	return c->outcome == OUT_INVALID || c->outcome == OUT_REFUSED || c->outcome == OUT_NOT_FOUND || c->outcome == OUT_STALE;
}

/* Some events of the batch are not stored. The sender must send those again; the others are safe, and folded if they come twice. */
static void answer_undone(struct exchange *x, size_t undone)
{
	struct buf more = BUF(64 << 10);
	const char *comma = "";
	bool is_passing = false;
	for (size_t i = 0; i < x->n_calls; i++)
		is_passing |= x->calls[i].rc != STORE_OK && x->calls[i].rc != STORE_TOOBIG;
	buf_add(&more, S("\"accepted\":["));
	for (size_t i = 0; i < x->n_calls; i++)
		if (x->calls[i].rc == STORE_OK) {
			buf_fmt(&more, "%s%zu", comma, i);
			comma = ",";
		}
	buf_char(&more, ']');
	struct str detail = arena_fmt(&x->r->mem, "%zu of %zu events were not stored; those under `accepted` (counted from 0) were. %s", undone,
	    x->n_calls, is_passing ? "Send it again in some seconds." : "They are too large; send shorter texts.");
	answer_problem(x, &(struct problem){ .status = is_passing ? 503 : 413, .detail = detail, .more = buf_str(&more) });
	buf_free(&more);
}

static void answer_rejected(struct exchange *x)
{
	struct arena *a = &x->r->mem;
	struct faults f = { .a = a };
	for (size_t i = 0; i < x->n_calls; i++) {
		const struct call *c = &x->calls[i];
		if (!is_rejected(c))
			continue;
		struct str path = x->n_calls > 1 ? arena_fmt(a, "[%zu]", i) : S("");
		fault_add(&f, NULL, path, "%.*s", STR_ARG(c->reason.n ? c->reason : enum_word(&outcome_names, (int)c->outcome)));
	}
	refuse(x, &f, true);
}

static void answer_accepted(struct exchange *x)
{
	struct source_answer a = { 0 };
	struct event_result *r = NEWN(&x->r->mem, struct event_result, x->n_calls);
	for (size_t i = 0; i < x->n_calls; i++) {
		const struct call *c = &x->calls[i];
		r[i] = (struct event_result){ .is_accepted = true, .outcome = outcome_names.v[c->outcome], .dedup_key = c->dedup_key,
			.incident = c->incident, .reason = c->reason, .number = c->number };
	}
	x->source->answer(&x->r->mem, &x->ask, r, x->n_calls, &a);
	assert(a.status != 0);
	answer_source(x, &a);
}

static void door_done(struct exchange *x)
{
	size_t undone = 0, rejected = 0;
	for (size_t i = 0; i < x->n_calls; i++) {
		undone += x->calls[i].rc != STORE_OK;
		rejected += x->calls[i].rc == STORE_OK && is_rejected(&x->calls[i]);
	}
	if (undone > 0 && x->n_calls == 1)
		answer_store_error(x, x->calls[0].rc);
	else if (undone > 0)
		answer_undone(x, undone);
	else if (rejected > 0)
		answer_rejected(x);
	else
		answer_accepted(x);
}

/* --- in --- */

/* One command an event. `actor` is a copy in this arena: a new configuration may come while the commands are out. */
static void post_events(struct exchange *x, const struct door_lock *lock, const struct event *events, size_t n, struct str key)
{
	struct arena *a = &x->r->mem;
	assert(lock != NULL);                                      /* without one the request was answered before */
	struct str actor = arena_str(a, lock->actor), service = arena_str(a, lock->service);
	struct str fingerprint = key.n ? exchange_fingerprint(x, S("")) : S("");
	struct call *calls = exchange_calls(x, n);
	for (size_t i = 0; i < n; i++) {
		struct command *c = &calls[i].job.command;
		c->kind = CMD_EVENT;
		c->event = events[i];
		c->event.integration = str_skip(actor, ACTOR_PREFIX);
		c->event.via = str_c(x->source->name);
		if (service.n > 0)
			c->event.service = service;
		if (key.n > 0) {
			c->event.idempotency_key = n > 1 ? arena_fmt(a, "%.*s#%zu", STR_ARG(key), i) : key;
			c->event.fingerprint = fingerprint;
		}
		c->actor = actor;
		c->via = c->event.via;
	}
	exchange_post(x, door_done);
}

static void decode_and_post(struct exchange *x, const struct door_lock *lock)
{
	struct arena *a = &x->r->mem;
	const struct source *s = x->source;
	const struct source_request *q = &x->ask;
	struct faults f = { .a = a };
	struct event *events = NULL;
	size_t n = 0;
	struct str key;
	if (lock == NULL && s->key_of(q).n > 0)
		unknown_key(x);
	else if (s->decode(a, q, &events, &n, &f) != 0)            /* no key at all is among the faults, with whatever else is wrong */
		refuse(x, &f, true);
	else if (lock == NULL)
		unknown_key(x);                                    /* a source that found nothing wrong with that: still nobody comes in */
	else if (exchange_idempotency(x, &key))
		post_events(x, lock, events, n, key);
}

void door_handle(struct exchange *x, const struct door *d)
{
	struct source_request *q = &x->ask;
	struct str why = S("the body is empty; send a JSON object");
	const struct door_lock *lock = lock_of(d, x->arg);
	x->source = d->source;
	*q = (struct source_request){ .path_key = x->arg, .body = x->r->body, .content_type = http_header(x->r, "Content-Type") };
	if (d->takes_key && lock == NULL) {                        /* strangers do not get as far as the parser */
		unknown_key(x);
		return;
	}
	struct jv *(*parse)(struct arena *, struct str, struct str *) = d->takes_key ? json_parse_batch : json_parse;
	q->json = q->body.n ? parse(&x->r->mem, q->body, &why) : NULL;
	if (q->json == NULL) {
		refuse_whole(x, why);
		return;
	}
	if (!d->takes_key)
		lock = lock_of(d, d->source->key_of(q));
	decode_and_post(x, lock);
}
