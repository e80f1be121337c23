/* desk.h - a desk in front of the API: requests are handed over, answers and posted jobs are kept, and the test plays the engine.
 *
 * The three functions of the HTTP server that the API calls are defined here, so the real server is not linked. Time, randomness
 * and health are what the test says. Every request of a test must have been answered once when the desk is closed.
 */
#ifndef TESTS_API_DESK_H
#define TESTS_API_DESK_H
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "api/exchange.h"
#include "api/listing.h"
#include "api/routes.h"
#include "api/token.h"
#include "base/digest.h"
#include "base/rng.h"
#include "model/kinds.h"

#define UNUSED __attribute__((unused))
#define WEB_KEY "web-key-0000000000000000000000000"
#define IN_KEY "in-key-1111111111111111"

struct header { const char *name, *value; };
struct desk {
	struct arena a;
	struct world w;
	struct door_key keys[2];
	struct api_setup setup;
	struct store *store;
	struct api *api;
	struct metrics metrics;
	struct rng rng;
	int64_t now;
	enum store_rc health;
	struct api_standby standby;
	bool leads;                      /* a standby that leads takes commands */
	int order;                       /* the latest it was given; -1: none */
	/* the request to come */
	struct header headers[8];
	size_t n_headers;
	bool is_remote;
	/* what came of it */
	size_t asked, answered;
	int status;
	struct buf head, body;           /* "Name: value\n"..., the body */
	struct buf log;                  /* "LEVEL text\n"... */
	struct job *jobs[1024];
	size_t n_jobs, room;             /* room: how many more jobs the queue takes */
};

/* --- the server's part --- */

struct str http_header(const struct http_request *r, const char *name)
{
	const struct desk *d = r->connection;
	for (size_t i = 0; i < d->n_headers; i++)
		if (strcasecmp(d->headers[i].name, name) == 0)
			return str_c(d->headers[i].value);
	return S("");
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static struct str percent_decode(struct arena *a, struct str s)
{
	char *p = NEWN(a, char, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		bool is_code = s.p[i] == '%' && i + 2 < s.n && hex_digit(s.p[i + 1]) >= 0 && hex_digit(s.p[i + 2]) >= 0;
		p[n++] = is_code ? (char)(hex_digit(s.p[i + 1]) * 16 + hex_digit(s.p[i + 2])) : s.p[i];
		i += is_code ? 2 : 0;
	}
	return (struct str){ p, n };
}

bool http_query(struct http_request *r, const char *name, struct str *ret)
{
	for (struct str rest = r->query, pair, key, value; rest.n > 0;) {
		if (!str_cut(rest, '&', &pair, &rest)) {
			pair = rest;
			rest = S("");
		}
		if (!str_cut(pair, '=', &key, &value)) {
			key = pair;
			value = S("");
		}
		if (str_eq(key, str_c(name))) {
			*ret = percent_decode(&r->mem, value);
			return true;
		}
	}
	return false;
}

void http_answer(struct http_request *r, const struct http_response *a)
{
	struct desk *d = r->connection;
	d->answered++;
	d->status = a->status;
	buf_clear(&d->head);
	buf_clear(&d->body);
	for (size_t i = 0; i < a->n_fields; i++)
		buf_fmt(&d->head, "%s: %.*s\n", a->fields[i].name, STR_ARG(a->fields[i].value));
	buf_add(&d->body, a->body);
	arena_free(&r->mem);
	free(r);
}

/* --- the world's part --- */

static int64_t desk_now(void *ctx)
{
	return ((struct desk *)ctx)->now;
}

static void desk_random(void *ctx, void *out, size_t n)
{
	rng_bytes(&((struct desk *)ctx)->rng, out, n);
}

static bool desk_post(void *ctx, struct job *j)
{
	struct desk *d = ctx;
	if (d->room == 0)
		return false;
	d->room--;
	d->jobs[d->n_jobs++] = j;
	return true;
}

static void desk_extra(void *ctx, struct buf *b, bool is_openmetrics)
{
	(void)ctx;
	(void)is_openmetrics;
	buf_add(b, S("# TYPE extra gauge\nextra 1\n"));
}

static const struct metrics *desk_metrics(void *ctx)
{
	return &((struct desk *)ctx)->metrics;
}

static enum store_rc desk_health(void *ctx, const char **ret_why)
{
	*ret_why = "the disk is full";
	return ((struct desk *)ctx)->health;
}

static void desk_log(void *ctx, enum log_level level, const char *text)
{
	buf_fmt(&((struct desk *)ctx)->log, "%d %s\n", (int)level, text);
}

static const char *desk_refuses(void *ctx)
{
	return ((struct desk *)ctx)->leads ? NULL : "It stands by: send it elsewhere.";
}

static struct str desk_part(void *ctx)
{
	return ((struct desk *)ctx)->leads ? S("leading") : S("standby");
}

static void desk_show(void *ctx, struct buf *b)
{
	buf_fmt(b, "{\"part\":\"%s\",\"primary\":\"http://elsewhere\"}", desk_part(ctx).p);
}

static bool desk_order(void *ctx, enum standby_order order, struct str actor, struct buf *why)
{
	struct desk *d = ctx;
	d->order = (int)order;
	if (d->leads == (order == ORDER_LEAD))
		buf_fmt(why, "%.*s cannot.", STR_ARG(actor));
	return why->n == 0;
}

static void desk_replica(void *ctx, struct replica *ret)
{
	int64_t now = ((struct desk *)ctx)->now;
	*ret = (struct replica){ .id = S("desk-1-abcdef"), .version = S("0.1.0-test"), .started_at = now - 60000, .seen_at = now };
}

static void desk_key(struct door_key *k, const char *source, const char *key, const char *integration, const char *service)
{
	k->source = source_find(str_c(source));
	sha256(str_c(key), k->sha);
	k->integration = str_c(integration);
	k->service = str_c(service);
}

static UNUSED struct desk *desk_open_as(bool stands_by)
{
	static const char *const services[] = { "checkout", "ledger", "postgres-main" };
	struct desk *d = calloc(1, sizeof *d);
	*d = (struct desk){ .a = ARENA(256 << 20), .now = 1800000000000, .rng = rng_seeded(7), .head = BUF(1 << 20), .body = BUF(64 << 20), .log = BUF(1 << 20),
		.room = SIZE_MAX, .order = -1 };
	d->w.services.v = NEWN(&d->a, struct service, COUNT(services));
	for (size_t i = 0; i < COUNT(services); i++)
		d->w.services.v[d->w.services.n++] = (struct service){ .id = str_c(services[i]), .policy = S("p") };
	world_make_index(&d->a, &d->w);
	desk_key(&d->keys[0], "events_v2", WEB_KEY, "pagerduty-compat", "checkout");
	desk_key(&d->keys[1], "generic", IN_KEY, "scripts", "ledger");
	d->setup = (struct api_setup){ .world = &d->w, .keys = d->keys, .n_keys = 2, .version = "0.1.0-test" };
	struct store_kind_def *defs = NEWN(&d->a, struct store_kind_def, KINDS);
	for (size_t i = 0; i < KINDS; i++)
		defs[i] = (struct store_kind_def){ kinds[i].entity->name, kinds[i].is_append_only };
	struct store_options o = { .kinds = defs, .n_kinds = KINDS, .clock = { d, desk_now, desk_now } };
	struct buf why = BUF(1024);
	assert(store_open(S("memory"), &o, &d->store, &why) == STORE_OK);
	buf_free(&why);
	d->standby = (struct api_standby){ d, desk_refuses, desk_part, desk_show, desk_order };
	struct api_env env = { d, d->store, desk_now, desk_now, desk_random, desk_post, desk_extra, desk_metrics, desk_health, desk_log,
		desk_replica, stands_by ? &d->standby : NULL };
	d->api = api_new(&env, &d->setup);
	return d;
}

static UNUSED struct desk *desk_open(void)
{
	return desk_open_as(false);
}

static UNUSED void desk_close(struct desk *d)
{
	assert(d->asked == d->answered);
	api_free(d->api);
	store_close(d->store);
	buf_free(&d->head);
	buf_free(&d->body);
	buf_free(&d->log);
	arena_free(&d->a);
	free(d);
}

/* --- asking --- */

static UNUSED void desk_header(struct desk *d, const char *name, const char *value)
{
	assert(d->n_headers < COUNT(d->headers));
	d->headers[d->n_headers++] = (struct header){ name, value };
}

/* Hands a request over. Headers stay for the next one; `target` is path and query, both taken as they are. */
static UNUSED int ask_bytes(struct desk *d, const char *method, const char *target, struct str body)
{
	struct http_request *r = calloc(1, sizeof *r);
	struct str path = str_c(target), query = S("");
	r->mem = ARENA(4 << 20);
	(void)str_cut(str_c(target), '?', &path, &query);
	r->method = arena_str(&r->mem, str_c(method));
	r->path = arena_str(&r->mem, path);
	r->query = arena_str(&r->mem, query);
	r->body = arena_str(&r->mem, body);
	r->peer = d->is_remote ? S("192.0.2.7") : S("127.0.0.1");
	r->is_loopback = !d->is_remote;
	r->connection = d;
	d->asked++;
	d->status = 0;
	d->n_jobs = 0;
	api_handle(d->api, r);
	return d->status;
}

static UNUSED int ask(struct desk *d, const char *method, const char *target, const char *body)
{
	if (http_header(&(struct http_request){ .connection = d }, "Host").n == 0)
		desk_header(d, "Host", "localhost:3000");
	return ask_bytes(d, method, target, str_c(body));
}

static UNUSED int get(struct desk *d, const char *target)
{
	return ask(d, "GET", target, "");
}

/* The test as the engine: one answer to one job; the exchange is finished when that was its last. */
static UNUSED int reply(struct desk *d, size_t i, const struct answer *a)
{
	assert(i < d->n_jobs);
	struct exchange *x = api_replied(d->jobs[i], a);
	if (x != NULL)
		api_finish(x);
	return d->status;
}

static UNUSED int reply_outcome(struct desk *d, enum outcome outcome, const char *reason, const struct incident *i)
{
	return reply(d, 0, &(struct answer){ .outcome = outcome, .rc = STORE_OK, .reason = str_c(reason), .dedup_key = S("k"), .incident = i });
}

/* --- looking --- */

static UNUSED struct str head_of(struct desk *d, const char *name)
{
	struct str rest = buf_str(&d->head), line, key, value;
	while (str_cut(rest, '\n', &line, &rest))
		if (str_cut(line, ':', &key, &value) && str_eq(key, str_c(name)))
			return str_trim(value);
	return S("");
}

/* --- documents --- */

static UNUSED void put(struct desk *d, enum kind kind, struct str id, const void *obj, uint64_t expect)
{
	struct buf body = BUF(STORE_BODY_MAX);
	struct store_write w = { .op = STORE_PUT, .kind = (store_kind)kind, .id = id, .expect = expect, .due = STORE_NO_DUE, .expire = STORE_NO_DUE };
	struct store_result res;
	desc_write(&body, kinds[kind].entity, obj, V_STORE);
	w.body = buf_str(&body);
	(void)desc_keys(&d->a, kinds[kind].entity, obj, w.idx, STORE_IDX);
	struct store_txn t = { .w = &w, .n = 1 };
	rng_bytes(&d->rng, t.token.b, sizeof t.token.b);
	store_commit(d->store, &t, &res, 1);
	assert(res.rc == STORE_OK);
	buf_free(&body);
}

/* Incident number n, with an id that sorts by n. */
static UNUSED struct incident an_incident(struct desk *d, int64_t n, enum incident_status status, const char *service)
{
	return (struct incident){ .id = arena_fmt(&d->a, "01900000-0000-7000-8000-%012lld", (long long)n), .number = n, .title = S("disk full"),
		.severity = 1 + n % 5, .status = status, .service = str_c(service), .source = S("scripts"), .detected_at = d->now, .version = 1 };
}

static UNUSED struct incident put_incident(struct desk *d, int64_t n, enum incident_status status, const char *service)
{
	struct incident i = an_incident(d, n, status, service);
	put(d, KIND_incident, i.id, &i, STORE_ABSENT);
	return i;
}

/* A stored token and its text. */
static UNUSED const char *put_token(struct desk *d, const char *scopes, int64_t expires_at, int64_t revoked_at)
{
	char *text = NEWN(&d->a, char, TOKEN_TEXT + 1);
	struct token t = { .name = S("ci"), .expires_at = expires_at, .revoked_at = revoked_at, .created_at = d->now };
	struct str rest = str_c(scopes), word;
	token_make(text, desk_random, d);
	assert(token_parse(str_c(text), &t.id));
	t.hash = token_hash(&d->a, str_c(text));
	t.scopes.v = NEWN(&d->a, struct str, 8);
	while (str_cut(rest, ' ', &word, &rest))
		t.scopes.v[t.scopes.n++] = word;
	if (rest.n)
		t.scopes.v[t.scopes.n++] = rest;
	put(d, KIND_token, t.id, &t, STORE_ABSENT);
	return arena_fmt(&d->a, "Bearer %s", text).p;
}
#endif
