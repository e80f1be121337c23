/* Who may do what: every route of the table against every set of scopes, and every way in without a token that must stay shut. */
#include "tests/unit/api/fixture.h"

static const char *const id_path = "/api/v1/incidents/01900000-0000-7000-8000-000000000001";

static const char *path_of(struct desk *d, const struct route *r)
{
	const char *at = strstr(r->path, "{id}");
	return at ? arena_fmt(&d->a, "%.*s1%s", (int)(at - r->path), r->path, at + 4).p : r->path;
}

/* Neither stopped by authentication: whatever else the request deserved, it was not 401 or 403. */
static bool gets_in(struct desk *d, const struct route *r)
{
	int status = ask(d, r->method, path_of(d, r), "{}");
	for (size_t i = 0; i < d->n_jobs; i++)
		status = reply(d, i, &(struct answer){ .rc = STORE_DOWN });
	return status != 401 && status != 403;
}

static void every_route_asks_for_exactly_its_scope(void **state)
{
	static const char *const sets[] = { "", "read", "write", "admin", "metrics", "read write", "read write admin", "write admin metrics", "nonsense" };
	struct desk *d = desk_open();
	(void)state;
	desk_header(d, "Host", "tocsin.example.com");
	d->is_remote = true;
	for (size_t s = 0; s < COUNT(sets); s++) {
		const char *bearer = put_token(d, sets[s], 0, 0);
		for (size_t i = 0; i < ROUTES; i++) {
			bool should = routes[i].scope == SCOPE_OPEN || strstr(sets[s], scope_name(routes[i].scope)) != NULL;
			desk_header(d, "Authorization", bearer);
			assert_int_equal(gets_in(d, &routes[i]), should);
			if (!should) {
				assert_problem(d, 403);
				assert_true(head_of(d, "WWW-Authenticate").n > 0);
			}
			d->n_headers = 1;
		}
	}
	desk_close(d);
}

static void without_a_token_a_stranger_gets_the_open_routes_only(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	d->is_remote = true;
	for (size_t i = 0; i < ROUTES; i++) {
		assert_int_equal(gets_in(d, &routes[i]), routes[i].scope == SCOPE_OPEN);
		if (routes[i].scope != SCOPE_OPEN) {
			assert_problem(d, 401);
			assert_text(head_of(d, "WWW-Authenticate"), "Bearer realm=\"tocsin\"");
		}
	}
	desk_close(d);
}

static void this_machine_needs_no_token_unless_the_file_says_so(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	for (size_t i = 0; i < ROUTES; i++)
		assert_true(gets_in(d, &routes[i]));
	d->setup.auth_required = true;
	for (size_t i = 0; i < ROUTES; i++)
		assert_int_equal(gets_in(d, &routes[i]), routes[i].scope == SCOPE_OPEN || routes[i].scope == SCOPE_METRICS);
	desk_close(d);
}

static void loopback_alone_proves_nothing(void **state)
{
	static const struct { const char *host, *name, *value; int status; } table[] = {
		{ "localhost:3000", NULL, NULL, 200 }, { "LOCALHOST", NULL, NULL, 200 }, { "127.0.0.1", NULL, NULL, 200 }, { "[::1]:3000", NULL, NULL, 200 },
		{ "[::1]", NULL, NULL, 200 }, { "evil.example", NULL, NULL, 401 }, { "localhost.evil.example:3000", NULL, NULL, 401 },
		{ "127.0.0.1.evil.example", NULL, NULL, 401 }, { "", NULL, NULL, 401 }, { "::1", NULL, NULL, 401 },
		{ "localhost:3000", "Origin", "http://localhost:3000", 200 }, { "localhost:3000", "Origin", "http://localhost:8080", 401 },
		{ "localhost:3000", "Origin", "https://evil.example", 401 }, { "localhost:3000", "Origin", "null", 401 },
		{ "localhost:3000", "Sec-Fetch-Site", "cross-site", 401 }, { "localhost:3000", "Sec-Fetch-Site", "same-site", 401 },
		{ "localhost:3000", "Sec-Fetch-Site", "same-origin", 200 }, { "localhost:3000", "Sec-Fetch-Site", "none", 200 },
		{ "localhost:3000", "X-Forwarded-For", "192.0.2.1", 401 }, { "localhost:3000", "Forwarded", "for=192.0.2.1", 401 },
	};
	struct desk *d = desk_open();
	(void)state;
	put_incident(d, 1, DETECTED, "checkout");
	for (size_t i = 0; i < COUNT(table); i++) {
		d->n_headers = 0;
		desk_header(d, "Host", table[i].host);
		if (table[i].name)
			desk_header(d, table[i].name, table[i].value);
		assert_int_equal(ask_bytes(d, "GET", id_path, S("")), table[i].status);
	}
	desk_close(d);
}

/* A token that is sent counts, even where none would be needed. */
static void a_bad_token_is_always_401(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	const char *good = put_token(d, "read write", 0, 0);
	char *typo = strdup(good), *stranger = malloc(TOKEN_TEXT + 8);
	typo[20] = typo[20] == 'a' ? 'b' : 'a';
	memcpy(stranger, "Bearer ", 8);
	token_make(stranger + 7, desk_random, d);
	const char *const bad[] = { typo, stranger, put_token(d, "read", d->now, 0), put_token(d, "read", 0, d->now - 1), "Bearer", "Bearer ",
		"Basic dXNlcjpwYXNz", "Token token=x", "Bearer tsn_", good + 7 };
	for (size_t i = 0; i < COUNT(bad); i++)
		for (int remote = 0; remote < 2; remote++) {
			d->n_headers = 0;
			d->is_remote = remote;
			desk_header(d, "Authorization", bad[i]);
			assert_int_equal(get(d, "/api/v1/version"), 401);
			assert_problem(d, 401);
			assert_text(head_of(d, "WWW-Authenticate"), "Bearer realm=\"tocsin\", error=\"invalid_token\"");
			assert_int_equal(get(d, "/metrics"), 401);
		}
	free(typo);
	free(stranger);
	desk_close(d);
}

static void a_token_works_until_the_moment_it_expires(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	desk_header(d, "Authorization", put_token(d, "read", d->now + 1000, 0));
	d->is_remote = true;
	d->now += 999;
	assert_int_equal(get(d, "/api/v1/version"), 200);
	d->now += 1;
	assert_int_equal(get(d, "/api/v1/version"), 401);
	assert_true(says(d, "expired"));
	desk_close(d);
}

static void the_scheme_may_be_written_in_any_case(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	d->is_remote = true;
	desk_header(d, "Authorization", arena_fmt(&d->a, "bEARER   %s ", put_token(d, "read", 0, 0) + 7).p);
	assert_int_equal(get(d, "/api/v1/version"), 200);
	desk_close(d);
}

static void what_is_stored_opens_nothing(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	const char *good = put_token(d, "read", 0, 0);
	struct str hash = token_hash(&d->a, str_c(good + 7));
	d->is_remote = true;
	desk_header(d, "Authorization", arena_fmt(&d->a, "Bearer %.*s", STR_ARG(hash)).p);
	assert_int_equal(get(d, "/api/v1/version"), 401);
	desk_close(d);
}

static void tokens_have_the_form_that_scanners_look_for(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	for (int i = 0; i < 200; i++) {
		char text[TOKEN_TEXT + 1];
		struct str public;
		token_make(text, desk_random, d);
		assert_int_equal(strlen(text), TOKEN_TEXT);
		assert_true(token_parse(str_c(text), &public));
		assert_int_equal(public.n, TOKEN_PUBLIC);
		for (size_t at = 0; at < TOKEN_TEXT; at++) {          /* every single character counts */
			char was = text[at];
			text[at] = was == 'x' ? 'y' : 'x';
			assert_false(token_parse(str_c(text), &public));
			text[at] = was;
		}
	}
	desk_close(d);
}

static void the_actor_is_the_token_or_local(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	put_incident(d, 1, DETECTED, "checkout");
	ask(d, "POST", "/api/v1/incidents/1/acknowledge", "");
	assert_text(d->jobs[0]->command.actor, "local");
	assert_text(d->jobs[0]->command.via, "api");
	reply(d, 0, &(struct answer){ .rc = STORE_BUSY });
	desk_header(d, "Authorization", put_token(d, "write", 0, 0));
	desk_header(d, "X-Tocsin-Via", "cli");
	ask(d, "POST", "/api/v1/incidents/1/acknowledge", "");
	assert_text(d->jobs[0]->command.actor, "token:ci");
	assert_text(d->jobs[0]->command.via, "cli");
	reply(d, 0, &(struct answer){ .rc = STORE_BUSY });
	desk_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_asks_for_exactly_its_scope),
		cmocka_unit_test(without_a_token_a_stranger_gets_the_open_routes_only),
		cmocka_unit_test(this_machine_needs_no_token_unless_the_file_says_so),
		cmocka_unit_test(loopback_alone_proves_nothing),
		cmocka_unit_test(a_bad_token_is_always_401),
		cmocka_unit_test(a_token_works_until_the_moment_it_expires),
		cmocka_unit_test(the_scheme_may_be_written_in_any_case),
		cmocka_unit_test(what_is_stored_opens_nothing),
		cmocka_unit_test(tokens_have_the_form_that_scanners_look_for),
		cmocka_unit_test(the_actor_is_the_token_or_local),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
