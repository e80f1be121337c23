/* tokens.c - keys to the API: made, listed, taken back. The text of a token exists in one answer only (security A1). */
#include "api/listing.h"
#include "api/routes.h"
#include "api/token.h"
#include <assert.h>

static void check_token(struct exchange *x, struct token *t, struct faults *f)
{
	struct api_env *env = &x->api->env;
	if (t->scopes.n == 0) {
		t->scopes = (struct strs){ NEWN(&x->r->mem, struct str, 2), 2 };
		t->scopes.v[0] = S("read");
		t->scopes.v[1] = S("write");
	}
	for (size_t i = 0; i < t->scopes.n; i++)
		if (scope_of(t->scopes.v[i]) == 0)
			fault_add(f, NULL, arena_fmt(&x->r->mem, "scopes[%zu]", i), "must be read, write, admin, metrics or replicate");
	if (t->expires_at != 0 && t->expires_at <= env->wall_ms(env->ctx))
		fault_add(f, NULL, S("expires_at"), "lies in the past");
}

static void created(struct exchange *x)
{
	const struct call *c = &x->calls[0];
	const struct token *t = &c->job.command.token;
	if (c->rc != STORE_OK) {
		answer_store_error(x, c->rc);
		return;
	}
	if (c->outcome != OUT_DONE && c->outcome != OUT_CREATED) {
		answer_error(x, 409, "No token was made: %.*s. Ask again.", STR_ARG(c->reason));
		return;
	}
	desc_write(&x->out, &token_entity, t, V_API);
	json_reopen(&x->out);
	buf_add(&x->out, S(",\"token\":"));
	buf_json(&x->out, x->secret);
	buf_char(&x->out, '}');
	answer_field(x, "Location", arena_fmt(&x->r->mem, "/api/v1/tokens/%.*s", STR_ARG(t->id)));
	answer_field(x, "Cache-Control", S("no-store"));
	answer_out(x, 201, "application/json");
}

void token_create(struct exchange *x)
{
	struct api_env *env = &x->api->env;
	struct arena *a = &x->r->mem;
	struct faults f = { .a = a };
	struct token t = { 0 };
	char *text = NEWN(a, char, TOKEN_TEXT + 1);
	if (!exchange_body(x, &token_entity, &t, &f))
		return;
	check_token(x, &t, &f);
	if (f.n > 0) {
		answer_faults(x, 422, &f);
		return;
	}
	token_make(text, env->random, env->ctx);
	struct str whole = { text, TOKEN_TEXT };
	bool is_ours = token_parse(whole, &t.id);
	assert(is_ours);
	t.hash = token_hash(a, whole);
	t.created_at = env->wall_ms(env->ctx);
	t.created_by = x->actor;
	x->secret = whole;
	struct call *c = exchange_calls(x, 1);
	c->job.command = (struct command){ .kind = CMD_TOKEN_CREATE, .token = t, .actor = x->actor, .via = x->via };
	exchange_post(x, created);
}

static void no_such_token(struct exchange *x)
{
	answer_error(x, 404, "There is no token %.*s. Its id is the part between the two underscores.", STR_ARG(x->arg));
}

static void revoked(struct exchange *x)
{
	const struct call *c = &x->calls[0];
	if (c->rc != STORE_OK)
		answer_store_error(x, c->rc);
	else if (c->outcome == OUT_DONE || c->outcome == OUT_NOTHING)
		answer_bytes(x, 204, NULL, S(""));
	else
		no_such_token(x);
}

void token_revoke(struct exchange *x)
{
	if (x->arg.n != TOKEN_PUBLIC) {
		no_such_token(x);
		return;
	}
	struct call *c = exchange_calls(x, 1);
	c->job.command = (struct command){ .kind = CMD_TOKEN_REVOKE, .token = { .id = x->arg }, .actor = x->actor, .via = x->via };
	exchange_post(x, revoked);
}

void token_show(struct exchange *x)
{
	struct store_docs docs = { 0 };
	struct token t = { 0 };
	const store_kind kind = KIND_token;
	if (x->arg.n != TOKEN_PUBLIC) {
		no_such_token(x);
		return;
	}
	enum store_rc rc = store_get(x->api->env.store, &kind, &x->arg, 1, &docs);
	bool is_there = rc == STORE_OK && docs.v[0].ver > 0;
	if (is_there && !doc_read(x->api, &x->r->mem, &token_entity, &docs.v[0], &t))
		rc = STORE_CORRUPT;
	store_docs_free(&docs);
	if (rc != STORE_OK) {
		answer_store_error(x, rc);
	} else if (!is_there) {
		no_such_token(x);
	} else {
		desc_write(&x->out, &token_entity, &t, V_API);
		answer_json(x, 200);
	}
}

void tokens_list(struct exchange *x)
{
	struct arena *a = &x->r->mem;
	struct faults f = { .a = a };
	struct walk *w = NEW(a, struct walk);
	struct listing l = { .kind = KIND_token, .entity = &token_entity, .walks = w, .n_walks = 1 };
	struct str after;
	paging_read(x, S("tokens"), &l.limit, &after, &f);
	if (f.n > 0) {
		answer_faults(x, 400, &f);
		return;
	}
	*w = walk_make(STORE_BY_ID, S(""), after, false);
	listing_answer(x, &l, S("tokens"), S(""));
}
