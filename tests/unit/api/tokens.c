/* Keys to the API: shown once, listed without their secrets, taken back at once. */
#include "tests/unit/api/fixture.h"
#include "base/when.h"

static const char *at(struct desk *d, int64_t ms)
{
	struct buf b = BUF(64);
	when_write(&b, ms);
	const char *z = arena_str(&d->a, buf_str(&b)).p;
	buf_free(&b);
	return z;
}

/* Does what the core would: the token as commanded becomes a document. */
static int store_it(struct desk *d)
{
	const struct token t = d->jobs[0]->command.token;
	put(d, KIND_token, t.id, &t, STORE_ABSENT);
	return reply_outcome(d, OUT_DONE, "", NULL);
}

static void a_new_token_works_and_its_text_is_nowhere_but_in_the_answer(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	assert_int_equal(ask(d, "POST", "/api/v1/tokens", "{\"name\":\"ci\",\"scopes\":[\"read\"]}"), 0);
	const struct command *c = &d->jobs[0]->command;
	assert_int_equal(c->kind, CMD_TOKEN_CREATE);
	assert_text(c->token.created_by, "local");
	assert_int_equal(c->text.n, 0);
	assert_int_equal(store_it(d), 201);
	struct str text = text_of(d, "token"), id = text_of(d, "id"), public;
	assert_true(token_parse(text, &public) && str_eq(public, id));
	assert_null(member(d, "hash"));
	assert_text(head_of(d, "Cache-Control"), "no-store");
	assert_true(str_eq(head_of(d, "Location"), arena_fmt(&d->a, "/api/v1/tokens/%.*s", STR_ARG(id))));
	assert_int_equal(get(d, arena_fmt(&d->a, "/api/v1/tokens/%.*s", STR_ARG(id)).p), 200);
	assert_false(says(d, text.p) || says(d, "hash"));
	get(d, "/api/v1/tokens");
	assert_int_equal(count_of(member(d, "items")), 1);
	assert_false(says(d, text.p) || says(d, "hash"));
	d->is_remote = true;
	desk_header(d, "Authorization", arena_fmt(&d->a, "Bearer %.*s", STR_ARG(text)).p);
	assert_int_equal(get(d, "/api/v1/version"), 200);
	assert_int_equal(get(d, "/api/v1/tokens"), 403);
	desk_close(d);
}

static void a_token_reads_and_writes_unless_scopes_are_given(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	ask(d, "POST", "/api/v1/tokens", "{\"name\":\"ci\"}");
	assert_int_equal(store_it(d), 201);
	assert_int_equal(count_of(member(d, "scopes")), 2);
	desk_close(d);
}

static void bad_wishes_are_422(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	const char *const bad[] = { "{}", "{\"name\":\"\"}", "{\"name\":\"x\",\"scopes\":[\"read\",\"root\"]}", "{\"name\":\"x\",\"hash\":\"00\"}",
		"{\"name\":\"x\",\"created_by\":\"me\"}", "{\"name\":\"x\",\"expires_at\":\"tomorrow\"}",
		arena_fmt(&d->a, "{\"name\":\"x\",\"expires_at\":\"%s\"}", at(d, d->now)).p };
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(ask(d, "POST", "/api/v1/tokens", bad[i]), 422);
		assert_problem(d, 422);
		assert_int_equal(d->n_jobs, 0);
	}
	ask(d, "POST", "/api/v1/tokens", "{\"name\":\"x\",\"scopes\":[\"read\",\"root\"]}");
	assert_true(says(d, "#/scopes/1"));
	desk_close(d);
}

static void an_expiry_ahead_is_kept(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	ask(d, "POST", "/api/v1/tokens", arena_fmt(&d->a, "{\"name\":\"x\",\"expires_at\":\"%s\"}", at(d, d->now + 1000)).p);
	assert_int_equal(d->jobs[0]->command.token.expires_at, d->now + 1000);
	assert_int_equal(store_it(d), 201);
	desk_close(d);
}

static void what_is_not_durable_gives_no_token(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	ask(d, "POST", "/api/v1/tokens", "{\"name\":\"x\"}");
	assert_int_equal(reply(d, 0, &(struct answer){ .rc = STORE_UNKNOWN }), 503);
	assert_false(says(d, "tsn_"));
	ask(d, "POST", "/api/v1/tokens", "{\"name\":\"x\"}");
	assert_int_equal(reply_outcome(d, OUT_REFUSED, "the id is taken", NULL), 409);
	assert_false(says(d, "tsn_"));
	desk_close(d);
}

static void taking_back_is_204_and_twice_is_no_harm(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	ask(d, "DELETE", "/api/v1/tokens/abcdefgh", "");
	assert_int_equal(d->jobs[0]->command.kind, CMD_TOKEN_REVOKE);
	assert_text(d->jobs[0]->command.token.id, "abcdefgh");
	assert_int_equal(reply_outcome(d, OUT_DONE, "", NULL), 204);
	assert_int_equal(d->body.n, 0);
	ask(d, "DELETE", "/api/v1/tokens/abcdefgh", "");
	assert_int_equal(reply_outcome(d, OUT_NOTHING, "", NULL), 204);
	ask(d, "DELETE", "/api/v1/tokens/abcdefgh", "");
	assert_int_equal(reply_outcome(d, OUT_NOT_FOUND, "no token", NULL), 404);
	ask(d, "DELETE", "/api/v1/tokens/abcdefgh", "");
	assert_int_equal(reply(d, 0, &(struct answer){ .rc = STORE_DOWN }), 503);
	assert_int_equal(ask(d, "DELETE", "/api/v1/tokens/short", ""), 404);
	assert_int_equal(get(d, "/api/v1/tokens/abcdefgh"), 404);
	assert_int_equal(get(d, "/api/v1/tokens/far-too-long-to-be-the-id-of-a-token"), 404);
	assert_problem(d, 404);
	desk_close(d);
}

static void the_list_has_pages(void **state)
{
	struct desk *d = desk_open();
	size_t seen = 0;
	struct str next = S("");
	(void)state;
	for (int i = 0; i < 23; i++)
		put_token(d, "read", 0, i % 2 ? d->now : 0);
	do {
		assert_int_equal(get(d, arena_fmt(&d->a, "/api/v1/tokens?limit=10%s%.*s", next.n ? "&cursor=" : "", STR_ARG(next)).p), 200);
		seen += count_of(member(d, "items"));
		next = text_of(d, "next");
	} while (next.n > 0);
	assert_int_equal(seen, 23);
	assert_int_equal(get(d, "/api/v1/tokens?limit=0"), 400);
	desk_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_token_works_and_its_text_is_nowhere_but_in_the_answer),
		cmocka_unit_test(a_token_reads_and_writes_unless_scopes_are_given),
		cmocka_unit_test(bad_wishes_are_422),
		cmocka_unit_test(an_expiry_ahead_is_kept),
		cmocka_unit_test(what_is_not_durable_gives_no_token),
		cmocka_unit_test(taking_back_is_204_and_twice_is_no_harm),
		cmocka_unit_test(the_list_has_pages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
