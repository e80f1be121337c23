/* actions.c - what people do to incidents: trigger, acknowledge, resolve, un-acknowledge, note. Each becomes one command; the core decides,
 * and its outcome becomes the status here. */
#include "api/bodies.h"
#include "api/routes.h"
#include "sources/parts.h"
#include <assert.h>
#include <inttypes.h>

/* Names like the one asked for, or all when there are few: the sentence after "there is no service x". */
static struct str services_near(struct arena *a, const struct world *w, struct str id)
{
	enum { FEW = 8, NEAR = 3 };
	struct buf b = BUF(4096);
	bool shows_all = w->services.n <= FEW;
	size_t n = 0;
	for (size_t i = 0; i < w->services.n; i++) {
		struct str have = w->services.v[i].id;
		if (shows_all || str_distance(have, id) <= NEAR || str_starts(have, id))
			buf_fmt(&b, "%s%.*s", n++ ? ", " : "", STR_ARG(have));
	}
	const char *before = n == 0 ? "" : shows_all ? "; there are " : "; did you mean ";
	struct str text = arena_fmt(a, "%s%.*s", before, STR_ARG(buf_str(&b)));
	buf_free(&b);
	return text;
}

static void check_trigger(struct exchange *x, struct trigger *t, struct faults *f)
{
	const struct world *w = x->api->setup->world;
	t->title = one_line(&x->r->mem, is_blank(t->title) ? t->message : t->title);
	if (t->title.n == 0)
		fault_add(f, NULL, S("title"), "required: one line that says what is wrong (message will do)");
	if (world_service(w, t->service) == NULL)
		fault_add(f, NULL, S("service"), "there is no service %.*s%.*s", STR_ARG(t->service),
		    STR_ARG(services_near(&x->r->mem, w, t->service)));
}

/* A key is the caller's own: two tokens may use the same one. */
static struct str own_key(struct exchange *x, struct str key)
{
	return key.n ? arena_fmt(&x->r->mem, "%.*s %.*s", STR_ARG(x->actor), STR_ARG(key)) : key;
}

static struct event event_of(struct exchange *x, const struct trigger *t, struct str key)
{
	enum { SEVERITY_DEFAULT = 4 };
	return (struct event){ .action = EVENT_TRIGGER, .integration = S("manual"), .service = t->service, .via = x->via,
		.dedup_key = t->dedup_key, .title = t->title, .description = t->description,
		.severity = t->severity ? t->severity : SEVERITY_DEFAULT, .labels = t->labels, .tags = t->tags, .links = t->links,
		.details = t->details, .idempotency_key = own_key(x, key),
		.fingerprint = key.n ? exchange_fingerprint(x, S("")) : S("") };
}

static int status_of(enum outcome o)
{
	static const int status[] = { [OUT_CREATED] = 201, [OUT_FOLDED] = 200, [OUT_DONE] = 200, [OUT_NOTHING] = 200, [OUT_CLAIMED] = 200,
		[OUT_REFUSED] = 409, [OUT_NOT_FOUND] = 404, [OUT_STALE] = 412, [OUT_INVALID] = 422 };
	assert((size_t)o < COUNT(status));
	return status[o];
}

/* Why not, as the core says it. */
static void answer_refusal(struct exchange *x, const struct call *c)
{
	int status = status_of(c->outcome);
	struct str detail = c->reason.n ? c->reason : enum_word(&outcome_names, (int)c->outcome);
	answer_problem(x, &(struct problem){ .status = status < 400 ? 404 : status, .detail = detail, .call = c });
}

static void action_done(struct exchange *x)
{
	const struct call *c = &x->calls[0];
	struct arena *a = &x->r->mem;
	if (c->rc != STORE_OK) {
		answer_store_error(x, c->rc);
		return;
	}
	int status = status_of(c->outcome);
	if (status >= 400 || c->incident.n == 0) {                 /* a success without an incident: it was purged since */
		answer_refusal(x, c);
		return;
	}
	answer_field(x, "ETag", arena_fmt(a, "\"%" PRId64 "\"", c->version));
	if (status == 201)
		answer_field(x, "Location", arena_fmt(a, "/api/v1/incidents/%.*s", STR_ARG(c->incident)));
	answer_json(x, status);
}

void incident_trigger(struct exchange *x)
{
	struct faults f = { .a = &x->r->mem };
	struct trigger t = { 0 };
	struct str key;
	if (!exchange_idempotency(x, &key) || !exchange_body(x, &trigger_entity, &t, &f))
		return;
	check_trigger(x, &t, &f);
	if (f.n > 0) {
		answer_faults(x, 422, &f);
		return;
	}
	struct call *c = exchange_calls(x, 1);
	c->job.command = (struct command){ .kind = CMD_EVENT, .event = event_of(x, &t, key), .actor = x->actor, .via = x->via };
	x->shows_incident = true;
	exchange_post(x, action_done);
}

/* The body of an action, by the entity its route names. */
union act_body { struct resolution resolution; struct note note; };

void incident_act(struct exchange *x)
{
	struct faults f = { .a = &x->r->mem };
	union act_body body = { 0 };
	const struct entity *e = x->route->request;
	struct str id, key;
	int64_t expect;
	if (!exchange_if_match(x, &expect) || !exchange_idempotency(x, &key) || !exchange_body(x, e, &body, &f) || !incident_find(x, &id))
		return;
	struct command cmd = { .kind = (enum command_kind)x->route->arg, .incident = id, .actor = x->actor, .via = x->via, .expect = expect };
	if (e == &note_entity)
		cmd.text = body.note.text;
	if (e == &resolution_entity) {
		cmd.text = body.resolution.root_cause;
		cmd.steps = body.resolution.resolution_steps;
	}
	if (key.n > 0) {
		cmd.event = (struct event){ .integration = S("manual"), .idempotency_key = own_key(x, key),
			.fingerprint = exchange_fingerprint(x, x->r->path) };
	}
	exchange_calls(x, 1)->job.command = cmd;
	x->shows_incident = true;
	exchange_post(x, action_done);
}
