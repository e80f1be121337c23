/* clients.c - alert senders. Each trouble is a story with its own row of random numbers, so one story can be left out and the others stay as they are.
 *
 * A sender retries on a refused connection, on 5xx and after 10 s without an answer, at another replica, with one layer of back-off. With an
 * idempotency key a retry is the same request again; without one it is a new request that says the same.
 */
#include "tests/sim/history.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

const char *const want_names[WANTS] = { "trigger", "source-ack", "source-resolve", "ack", "resolve", "unack", "note" };

struct story {
	struct sim *s;
	int number;
	struct rng rng;
	int64_t at;
	int integration, service;
	char key[40];
	bool uses_idem;
	int flaps;
};

static bool is_from_source(enum want w)
{
	return w <= WANT_SOURCE_RESOLVE;
}

bool request_accepted(const struct request *q)
{
	enum outcome o = q->reply.outcome;
	return q->reply.is_there && q->reply.rc == STORE_OK && (o == OUT_CREATED || o == OUT_FOLDED || o == OUT_DONE || o == OUT_NOTHING);
}

static bool is_refused(const struct request *q)
{
	return q->reply.is_there && q->reply.rc == STORE_OK && !request_accepted(q);
}

struct request *request_new(struct sim *s, enum want want)
{
	struct request *q = NEW(&s->mem, struct request);
	q->id = q->first = (int)s->n_requests;
	q->want = want;
	q->replica = -1;
	q->story = -1;
	write_text(q->marker, sizeof q->marker, "q%d", q->id);
	if (s->n_requests == s->cap_requests) {
		s->cap_requests = s->cap_requests ? s->cap_requests * 2 : 1024;
		s->requests = xrealloc(s->requests, s->cap_requests * sizeof(struct request *));
	}
	return s->requests[s->n_requests++] = q;
}

static void say_event(struct request *q)
{
	static const enum event_action action[] = { [WANT_TRIGGER] = EVENT_TRIGGER, [WANT_SOURCE_ACK] = EVENT_ACKNOWLEDGE,
		[WANT_SOURCE_RESOLVE] = EVENT_RESOLVE };
	q->job.command.kind = CMD_EVENT;
	q->job.command.via = S("generic");
	q->job.command.event = (struct event){ .action = action[q->want], .integration = str_c(q->integration), .service = str_c(q->service),
		.via = S("generic"), .dedup_key = str_c(q->key), .title = str_c(q->marker), .severity = 3, .idempotency_key = str_c(q->idem),
		.fingerprint = str_c(q->print) };
}

static void say_action(struct request *q)
{
	static const enum command_kind kind[] = { [WANT_ACK] = CMD_ACKNOWLEDGE, [WANT_RESOLVE] = CMD_RESOLVE,
		[WANT_UNACK] = CMD_UNACKNOWLEDGE, [WANT_NOTE] = CMD_NOTE };
	q->job.command.kind = kind[q->want];
	q->job.command.via = S("api");
	q->job.command.incident = str_c(q->incident);
	q->job.command.text = str_c(q->want == WANT_NOTE || q->want == WANT_RESOLVE ? q->marker : "");
}

static struct node *listening(struct sim *s)
{
	struct node *r = &s->replica[rng_between(&s->latency, 0, s->o.replicas - 1)];
	return r->engine && !r->is_dead && !r->is_draining ? r : NULL;
}

/* The same again, by the same client: the same request with an idempotency key, a new one without. */
static struct request *again(struct sim *s, const struct request *q)
{
	struct request *next = request_new(s, q->want);
	next->first = q->first;
	next->tries = q->tries + 1;
	next->story = q->story;
	if (q->idem[0])
		memcpy(next->marker, q->marker, sizeof next->marker);
	memcpy(next->integration, q->integration, sizeof next->integration);
	memcpy(next->service, q->service, sizeof next->service);
	memcpy(next->key, q->key, sizeof next->key);
	memcpy(next->idem, q->idem, sizeof next->idem);
	memcpy(next->print, q->print, sizeof next->print);
	memcpy(next->incident, q->incident, sizeof next->incident);
	memcpy(next->actor, q->actor, sizeof next->actor);
	return next;
}

static void send_later(struct sim *s, void *who, int64_t n)
{
	(void)n;
	request_send(s, who);
}

static void retry(struct sim *s, const struct request *q)
{
	int tries_max = is_from_source(q->want) ? 12 : 5;
	int64_t wait = q->tries < 6 ? SECOND << q->tries : MINUTE;
	if (q->tries < tries_max)
		sim_at(s, s->now + rng_between(&s->latency, wait / 2, wait), send_later, again(s, q), 0);
}

static void gives_up_waiting(struct sim *s, void *who, int64_t n)
{
	struct request *q = who;
	(void)n;
	if (q->is_answered)
		return;
	q->is_answered = true;
	retry(s, q);
}

void request_send(struct sim *s, struct request *q)
{
	struct node *r = listening(s);
	if (r == NULL) {
		q->is_answered = true;
		retry(s, q);
		return;
	}
	q->replica = r->index;
	q->life = r->life;
	q->job.owner = q;
	q->job.command.actor = str_c(q->actor);
	if (is_from_source(q->want))
		say_event(q);
	else
		say_action(q);
	s->verdict.events++;
	happened(s, &(struct happening){ .what = ON_REQUEST, .at = s->now, .replica = r->index, .life = r->life, .request = q });
	replica_post(r, &q->job);
	sim_at(s, s->now + 10 * SECOND, gives_up_waiting, q, 0);
}

/* A sender that is not sure of itself, and one that uses its key for something else. */
static void after_acceptance(struct sim *s, const struct request *q)
{
	if (!q->idem[0] || q->tries > 0)
		return;
	if (rng_chance(&s->latency, 100000))
		sim_at(s, s->now + rng_between(&s->latency, 0, MINUTE), send_later, again(s, q), 0);
	if (rng_chance(&s->latency, 30000)) {
		struct request *other = again(s, q);
		write_text(other->marker, sizeof other->marker, "q%d", other->id);
		memset(other->print, 'f', sizeof other->print - 1);
		other->first = other->id;
		other->tries = 100;
		sim_at(s, s->now + rng_between(&s->latency, 0, MINUTE), send_later, other, 0);
	}
}

void request_answered(struct sim *s, struct request *q)
{
	if (q->is_answered)
		return;
	q->is_answered = true;
	if (request_accepted(q))
		after_acceptance(s, q);
	else if (!is_refused(q) || q->reply.outcome == OUT_STALE)
		retry(s, q);
}

/* --- stories --- */

static struct request *tell(struct story *t, enum want want)
{
	struct sim *s = t->s;
	struct request *q = request_new(s, want);
	q->story = t->number;
	write_text(q->integration, sizeof q->integration, "i%d", t->integration);
	write_text(q->service, sizeof q->service, "s%d", t->service);
	write_text(q->actor, sizeof q->actor, "integration:i%d", t->integration);
	memcpy(q->key, t->key, sizeof q->key);
	if (t->uses_idem) {
		write_text(q->idem, sizeof q->idem, "idem-%d", q->id);
		write_text(q->print, sizeof q->print, "%064d", q->id);
	}
	return q;
}

static void tell_now(struct sim *s, void *who, int64_t want)
{
	request_send(s, tell(who, (enum want)want));
}

static void tell_at(struct story *t, int64_t at, enum want want)
{
	if (at < SIM_START + t->s->o.length_ms)
		sim_at(t->s, at, tell_now, t, want);
}

/* Trigger and resolve in turn. */
static int64_t flap(struct story *t, int64_t at)
{
	int n = (int)rng_between(&t->rng, 2, 4);
	for (int i = 0; i < n; i++) {
		tell_at(t, at, WANT_TRIGGER);
		at += rng_between(&t->rng, 1, 200) * SECOND;
		tell_at(t, at, WANT_SOURCE_RESOLVE);
		at += rng_between(&t->rng, 0, 200) * SECOND;
	}
	return at;
}

static void unfold(struct story *t)
{
	const struct options *o = &t->s->o;
	bool is_burst = o->habit[H_BURST] && rng_chance(&t->rng, 250000), is_flapping = o->habit[H_FLAP] && rng_chance(&t->rng, 150000);
	bool has_end = o->habit[H_SOURCE] && rng_chance(&t->rng, 600000), is_acked = o->habit[H_SOURCE] && rng_chance(&t->rng, 100000);
	int n = is_burst ? (int)rng_between(&t->rng, 2, rng_chance(&t->rng, 200000) ? 50 : 12) : (int)rng_between(&t->rng, 1, 3);
	int64_t at = t->at, spread = is_burst ? 25 : 2 * MINUTE;
	for (int i = 0; i < n; i++)
		tell_at(t, i == 0 ? at : at + rng_between(&t->rng, 0, spread), WANT_TRIGGER);
	if (is_flapping && t->key[0])
		at = flap(t, at + rng_between(&t->rng, 10, 300) * SECOND);
	int64_t lasts = o->is_small ? rng_between(&t->rng, 2, 12) * MINUTE : rng_between(&t->rng, 3, 120) * MINUTE;
	if (is_acked)
		tell_at(t, at + rng_between(&t->rng, 1, lasts), WANT_SOURCE_ACK);
	if (has_end)
		tell_at(t, at + lasts, WANT_SOURCE_RESOLVE);
}

static struct story *story_new(struct sim *s, int number)
{
	struct story *t = NEW(&s->mem, struct story);
	*t = (struct story){ .s = s, .number = number, .rng = rng_seeded(s->o.seed * 100003 + (uint64_t)number) };
	int64_t within = s->o.is_small ? 3 * MINUTE : s->o.length_ms * 9 / 10;
	t->at = SIM_START + rng_between(&t->rng, 1, within);
	t->integration = (int)rng_between(&t->rng, 0, INTEGRATIONS - 1);
	t->service = (int)rng_between(&t->rng, 0, SERVICES - 1);
	bool has_no_key = s->o.habit[H_NO_KEY] && rng_chance(&t->rng, 80000);
	if (!has_no_key)
		write_text(t->key, sizeof t->key, "k%d", number);
	t->uses_idem = s->o.habit[H_IDEM] && rng_chance(&t->rng, 600000);
	return t;
}

/* Another integration, and sometimes another service, with the same name for its trouble at the same time. */
static void make_twin(struct story *t, const struct story *of)
{
	t->at = of->at + rng_between(&t->rng, 0, MINUTE);
	memcpy(t->key, of->key, sizeof t->key);
	t->integration = (of->integration + 1) % INTEGRATIONS;
	if (rng_chance(&t->rng, 700000))
		t->service = of->service;
}

void clients_begin(struct sim *s)
{
	struct story *last = NULL;
	for (int i = 0; i < s->o.stories; i++) {
		struct story *t = story_new(s, i);
		if (last && i % 8 == 1)
			make_twin(t, last);
		last = t;
		if (s->o.story_dropped == NULL || !s->o.story_dropped[i])
			unfold(t);
	}
}
