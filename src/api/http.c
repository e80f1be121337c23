/* http.c - the life of an exchange: request in, route, authentication, handler, jobs out and back, one answer.
 *
 * See exchange.h for which thread may touch what. The order here is the order of doubt: the cheap and the certain first (a door,
 * a route), then who it is, then what it says.
 */
#include "api/routes.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct api *api_new(const struct api_env *env, const struct api_setup *setup)
{
	struct api *api = xmalloc(sizeof *api);
	*api = (struct api){ .env = *env, .mem = ARENA(64 << 20) };
	api_configure(api, setup);
	api->tally = tally_new();
	return api;
}

void api_free(struct api *api)
{
	if (api == NULL)
		return;
	tally_free(api->tally);
	arena_free(&api->mem);
	free(api);
}

/* The doors are the sources' and stay; which keys open them comes from the setup. */
void api_configure(struct api *api, const struct api_setup *setup)
{
	api->setup = setup;
	doors_build(api);
}

/* --- answers --- */

void answer_field(struct exchange *x, const char *name, struct str value)
{
	assert(x->n_fields < FIELDS_MAX);
	x->fields[x->n_fields++] = (struct http_field){ name, value };
}

void answer_bytes(struct exchange *x, int status, const char *type, struct str body)
{
	struct buf out = x->out;                                   /* the exchange is gone after the answer */
	if (type != NULL) {
		answer_field(x, "Content-Type", str_c(type));
		answer_field(x, "X-Content-Type-Options", S("nosniff"));
	}
	tally_count(x->api->tally, x, status);
	struct http_response a = { .status = status, .fields = x->fields, .n_fields = x->n_fields, .body = body };
	http_answer(x->r, &a);
	buf_free(&out);
}

void answer_out(struct exchange *x, int status, const char *type)
{
	assert(x->out.err == 0);
	answer_bytes(x, status, type, buf_str(&x->out));
}

void answer_json(struct exchange *x, int status)
{
	answer_field(x, "Cache-Control", S("private, no-cache"));
	answer_out(x, status, "application/json");
}

void answer_unchanged(struct exchange *x)
{
	answer_bytes(x, 304, NULL, S(""));
}

/* --- in --- */

static void no_such_path(struct exchange *x, const char *allowed)
{
	struct str path = x->r->path, method = x->r->method;
	if (allowed[0] == '\0') {
		answer_error(x, 404, "There is nothing at %.*s. GET /api/v1/openapi.json lists what there is.", STR_ARG(path));
		return;
	}
	if (!str_is_utf8(method))
		method = S("that method");
	answer_field(x, "Allow", arena_str(&x->r->mem, str_c(allowed)));
	answer_error(x, 405, "%.*s does not take %.*s, only %s.", STR_ARG(path), STR_ARG(method), allowed);
}

static bool query_is_known(struct exchange *x)
{
	const char *near = NULL;
	struct str odd = route_unknown_param(x->route, x->r->query, &near), twice = route_repeated_param(x->r->query);
	if (odd.n == 0 && twice.n == 0)
		return true;
	if (odd.n == 0) {                                          /* so every name is one of ours */
		answer_error(x, 400, "The query parameter %.*s is there twice; write all values into one, with commas between.", STR_ARG(twice));
		return false;
	}
	if (!str_is_utf8(odd))
		odd = S("that");
	answer_error(x, 400, "No query parameter %.*s here%s%s%s", STR_ARG(odd), near ? "; did you mean " : "", near ? near : "",
	    near ? "?" : ".");
	return false;
}

/* A standby that does not lead takes nothing that its primary would not hear of. */
static bool is_refused(struct exchange *x)
{
	const struct api_standby *s = x->api->env.standby;
	const char *why = s ? s->refuses(s->ctx) : NULL;
	if (why != NULL)
		answer_error(x, 503, "%s", why);
	return why != NULL;
}

static void rest_handle(struct exchange *x)
{
	char allowed[ALLOW_MAX];
	x->route = route_find(x->r->method, x->r->path, &x->arg, allowed);
	if (x->route == NULL) {
		no_such_path(x, allowed);
		return;
	}
	if (x->route->scope != SCOPE_OPEN && !authenticate(x))
		return;
	if (!query_is_known(x))
		return;
	if (x->route->scope == SCOPE_WRITE && is_refused(x))
		return;
	x->via = str_eq(http_header(x->r, "X-Tocsin-Via"), S("cli")) ? S("cli") : S("api");
	x->route->handle(x);
}

void api_handle(struct api *api, struct http_request *r)
{
	r->mem.limit = r->mem.used + EXCHANGE_ARENA;               /* the server's limit was for what it read */
	struct exchange *x = NEW(&r->mem, struct exchange);
	x->api = api;
	x->r = r;
	x->out = BUF(BODY_MAX);
	r->user = x;
	const struct door *d = door_find(api, r->path, &x->arg);
	if (d == NULL)
		rest_handle(x);
	else if (!str_eq(r->method, S("POST")))
		no_such_path(x, "POST");
	else if (!is_refused(x))
		door_handle(x, d);
}

/* What the server refuses before a request is complete: there is no exchange, only a body to make. */
void api_refuse(void *ctx, int status, const char *what, struct buf *ret_body, const char **ret_content_type)
{
	(void)ctx;                                                 /* http_handler.on_refuse wants one; nothing here depends on it */
	problem_write(ret_body, &(struct problem){ .status = status, .detail = str_c(what) });
	*ret_content_type = "application/problem+json";
}

/* --- out and back --- */

struct call *exchange_calls(struct exchange *x, size_t n)
{
	x->calls = NEWN(&x->r->mem, struct call, n);
	x->n_calls = n;
	for (size_t i = 0; i < n; i++) {
		struct call *c = &x->calls[i];
		c->x = x;
		c->job.owner = c;
		c->rc = STORE_BUSY;                                /* what stays when the queue does not take it */
	}
	return x->calls;
}

/* True for the one who brought it to zero. */
static bool drop(struct exchange *x, size_t n)
{
	return atomic_fetch_sub(&x->open, n) == n;
}

void exchange_post(struct exchange *x, void (*done)(struct exchange *x))
{
	struct api_env *env = &x->api->env;
	size_t posted = 0, n = x->n_calls;
	x->done = done;
	atomic_store(&x->open, n + 1);
	while (posted < n && env->post(env->ctx, &x->calls[posted].job))
		posted++;
	if (drop(x, n - posted + 1))
		x->done(x);
}

/* Engine's thread. Answers keep their texts only until we return. */
static struct str keep(struct exchange *x, struct str s)
{
	struct str copy = { "", 0 };
	if (s.n > 0 && str_keep(&x->r->mem, s, &copy) != 0)
		return (struct str){ "", 0 };                      /* a batch whose reasons fill the arena: the outcome still counts */
	return copy;
}

static void keep_incident(struct call *c, const struct incident *i)
{
	struct incident shown = *i;
	c->incident = keep(c->x, i->id);
	c->number = i->number;
	c->version = i->version;
	c->status = i->status;
	if (!c->x->shows_incident)
		return;
	shown.severity_name = severity_name(i->severity);
	desc_write(&c->x->out, &incident_entity, &shown, V_API);
}

struct exchange *api_replied(struct job *j, const struct answer *a)
{
	struct call *c = j->owner;
	struct exchange *x = c->x;
	c->rc = a->rc;
	c->outcome = a->outcome;
	c->reason = keep(x, a->reason);
	c->dedup_key = keep(x, a->dedup_key);
	if (a->rc == STORE_OK && a->incident != NULL)
		keep_incident(c, a->incident);
	return drop(x, 1) ? x : NULL;
}

void api_finish(struct exchange *x)
{
	assert(atomic_load(&x->open) == 0);
	x->done(x);
}
