/* standby.c - telling a standby what to do, hearing what it does, and taking back from one what it led. */
#include "api/bodies.h"
#include "api/routes.h"
#include "base/digest.h"

static const struct api_standby *standby_of(struct exchange *x)
{
	const struct api_standby *s = x->api->env.standby;
	if (s == NULL)
		answer_error(x, 404, "This server stands by for nobody: its configuration does not say mode: standby.");
	return s;
}

void standby_show(struct exchange *x)
{
	const struct api_standby *s = standby_of(x);
	if (s == NULL)
		return;
	s->show(s->ctx, &x->out);
	answer_json(x, 200);
}

/* 202: it is carried out by the standby's own thread; the state shows when. */
void standby_order(struct exchange *x)
{
	struct buf why = BUF(1024);
	struct faults f = { .a = &x->r->mem };
	const struct api_standby *s = standby_of(x);       /* last: NULL is answered, and the exchange gone */
	if (s == NULL || !exchange_body(x, NULL, NULL, &f))
		return;
	if (s->order(s->ctx, (enum standby_order)x->route->arg, x->actor, &why)) {
		s->show(s->ctx, &x->out);
		answer_json(x, 202);
	} else {
		answer_error(x, 409, "%.*s", STR_ARG(buf_str(&why)));
	}
	buf_free(&why);
}

static void handed_back(struct exchange *x)
{
	const struct call *c = &x->calls[0];
	bool is_done = c->outcome == OUT_DONE || c->outcome == OUT_CREATED || c->outcome == OUT_FOLDED || c->outcome == OUT_NOTHING;
	if (c->rc != STORE_OK)
		answer_store_error(x, c->rc);
	else if (is_done && c->incident.n > 0)
		answer_json(x, c->outcome == OUT_CREATED ? 201 : 200);
	else
		answer_problem(x, &(struct problem){ .status = is_done ? 409 : 422, .detail = c->reason, .call = c });
}

static struct event event_of(struct arena *a, const struct handed_back *h)
{
	return (struct event){ .action = EVENT_TRIGGER, .integration = h->source, .service = h->service, .via = S("standby"),
		.dedup_key = h->dedup_key, .title = h->title, .description = h->description, .severity = h->severity, .labels = h->labels,
		.tags = h->tags, .links = h->links, .details = h->details, .fingerprint = S("handed back"),
		.idempotency_key = arena_fmt(a, "handed back %.*s %.*s %lld", STR_ARG(h->standby), STR_ARG(h->id), (long long)h->version) };
}

void replication_hand_back(struct exchange *x)
{
	struct arena *a = &x->r->mem;
	struct faults f = { .a = a };
	struct handed_back h = { 0 };
	if (!exchange_body(x, &handed_back_entity, &h, &f))
		return;
	if (!uuid_is(h.id)) {
		answer_error(x, 422, "id must be the UUID of an incident.");
		return;
	}
	if (x->api->env.standby && x->api->env.standby->refuses(x->api->env.standby->ctx)) {
		answer_error(x, 503, "This server is a standby itself: it cannot take an incident back.");
		return;
	}
	exchange_calls(x, 1)->job.command = (struct command){ .kind = CMD_HAND_BACK, .incident = h.id, .event = event_of(a, &h), .actor = x->actor,
		.via = S("standby"), .wants = h.status, .acted_by = h.actor.n ? h.actor : x->actor, .root_cause = h.root_cause,
		.steps = h.resolution_steps, .text = arena_fmt(a, "%.*s led: %.*s", STR_ARG(h.standby), STR_ARG(h.story)) };
	x->shows_incident = true;
	exchange_post(x, handed_back);
}
