/* health.c - what machines ask: is it up, is it ready, how much of everything; and the one line of status for people with curl. */
#include "api/listing.h"
#include "api/routes.h"
#include "base/when.h"
#include "model/kinds.h"
#include <string.h>

#define TEXT_PLAIN "text/plain; charset=utf-8"

void health_text(struct exchange *x)
{
	answer_bytes(x, 200, TEXT_PLAIN, S("ok\n"));
}

void health_json(struct exchange *x)
{
	answer_bytes(x, 200, "application/json", S("{\"status\":\"healthy\"}"));
}

/* Empty: ready. Else why not. */
static struct str unready(struct exchange *x)
{
	struct api_env *env = &x->api->env;
	const char *why = NULL;
	enum store_rc rc = env->health(env->ctx, &why);
	return rc == STORE_OK ? S("") : str_c(why != NULL && why[0] ? why : store_rc_name(rc));
}

void ready_text(struct exchange *x)
{
	struct str why = unready(x);
	if (why.n == 0)
		answer_bytes(x, 200, TEXT_PLAIN, S("ready\n"));
	else
		answer_bytes(x, 503, TEXT_PLAIN, arena_fmt(&x->r->mem, "not ready: %.*s\n", STR_ARG(why)));
}

void ready_json(struct exchange *x)
{
	struct str why = unready(x);
	if (why.n == 0) {
		answer_bytes(x, 200, "application/json", S("{\"status\":\"ready\"}"));
		return;
	}
	buf_add(&x->out, S("{\"detail\":"));
	buf_json(&x->out, why);
	buf_char(&x->out, '}');
	answer_out(x, 503, "application/json");
}

void metrics_show(struct exchange *x)
{
	struct api_env *env = &x->api->env;
	struct str accept = http_header(x->r, "Accept"), wanted = S("application/openmetrics-text");
	bool is_openmetrics = accept.n > 0 && memmem(accept.p, accept.n, wanted.p, wanted.n) != NULL;
	metrics_write(env->metrics(env->ctx), &x->out, is_openmetrics);
	tally_write(x->api->tally, &x->out, is_openmetrics);
	env->extra_metrics(env->ctx, &x->out, is_openmetrics);
	if (is_openmetrics)
		buf_add(&x->out, S("# EOF\n"));
	answer_out(x, 200, is_openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8" :
	    "text/plain; version=0.0.4; charset=utf-8");
}

void version_show(struct exchange *x)
{
	buf_add(&x->out, S("{\"name\":\"tocsin\",\"version\":"));
	buf_json(&x->out, str_c(x->api->setup->version));
	buf_add(&x->out, S(",\"api\":\"v1\"}"));
	answer_json(x, 200);
}

/* --- GET / --- */

struct newest { struct buf list; int64_t at; };

static bool note_incident(void *ctx, void *obj, const struct store_doc *d)
{
	struct newest *n = ctx;
	const struct incident *i = obj;
	(void)d;                                                   /* the object has it all */
	struct buf when = BUF(64);
	if (i->detected_at > n->at)
		n->at = i->detected_at;
	when_write(&when, i->detected_at);
	buf_fmt(&n->list, "  - date: %.10s\n    number: %lld\n    message: ", when.p, (long long)i->number);
	buf_json(&n->list, i->title);
	buf_char(&n->list, '\n');
	buf_free(&when);
	return false;                                              /* noted here, not written as JSON */
}

static void status_write(struct exchange *x, const struct newest *n)
{
	enum { DAY_MS = 86400000 };
	struct api_env *env = &x->api->env;
	int64_t days = env->wall_ms(env->ctx) / DAY_MS - n->at / DAY_MS;
	if (n->at == 0) {
		buf_add(&x->out, S("status: no incidents recorded\n"));
		return;
	}
	if (days < 0)
		days = 0;
	buf_fmt(&x->out, "status: %lld day%s since the last incident\nincidents:\n", (long long)days, days == 1 ? "" : "s");
	buf_add(&x->out, buf_str(&n->list));
}

/* Days since the last incident, then the latest ones as YAML. */
void status_show(struct exchange *x)
{
	enum { SHOWN = 100 };
	struct newest n = { .list = BUF(4 << 20) };
	struct walk w = walk_make(STORE_BY_ID, S(""), S(""), true);
	struct listing l = { .kind = KIND_incident, .entity = &incident_entity, .is_descending = true, .limit = LIMIT_MAX,
		.walks = &w, .n_walks = 1, .keep = note_incident, .ctx = &n, .look_max = SHOWN };
	struct str next;
	enum store_rc rc = listing_write(x->api, &x->r->mem, &l, &x->out, &next);
	if (rc == STORE_OK)
		status_write(x, &n);
	buf_free(&n.list);
	if (rc == STORE_OK)
		answer_out(x, 200, TEXT_PLAIN);
	else
		answer_bytes(x, 500, TEXT_PLAIN, arena_fmt(&x->r->mem, "error: the store cannot answer (%s)\n", store_rc_name(rc)));
}
