/* The route table: every row is reached by its own method and path, everything else is 404 or 405, and odd queries are named. */
#include "tests/unit/api/fixture.h"

static struct str sample(struct arena *a, const char *path)
{
	struct str before, rest, ignored, p = str_c(path);
	if (!str_cut(p, '{', &before, &rest) || !str_cut(rest, '}', &ignored, &rest))
		return p;
	return arena_fmt(a, "%.*s42%.*s", STR_ARG(before), STR_ARG(rest));
}

static void every_row_is_found_by_its_own_method_and_path(void **state)
{
	(void)state;
	struct arena a = ARENA(1 << 20);
	for (size_t i = 0; i < ROUTES; i++) {
		char allow[ALLOW_MAX];
		struct str arg = S("");
		const struct route *r = route_find(str_c(routes[i].method), sample(&a, routes[i].path), &arg, allow);
		assert_ptr_equal(r, &routes[i]);
		assert_true(strchr(routes[i].path, '{') == NULL || str_eq(arg, S("42")));
	}
	arena_free(&a);
}

static void rows_are_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROUTES; i++) {
		const struct route *r = &routes[i];
		assert_true(r->path[0] == '/' && r->operation[0] && r->summary[0] && r->statuses[0] && r->handle);
		assert_int_equal(r->summary[strlen(r->summary) - 1], '.');
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(r->operation, routes[j].operation);
	}
}

static void the_routes_that_need_no_token_are_a_fixed_list(void **state)
{
	(void)state;
	static const char *const open[] = { "/healthz", "/readyz", "/health", "/readiness", "/-/healthy", "/-/ready" };
	size_t n = 0;
	for (size_t i = 0; i < ROUTES; i++)
		if (routes[i].scope == SCOPE_OPEN) {
			assert_true(n < COUNT(open));
			assert_string_equal(routes[i].path, open[n++]);
		}
	assert_int_equal(n, COUNT(open));
}

static void head_is_answered_where_get_is(void **state)
{
	(void)state;
	char allow[ALLOW_MAX];
	struct str arg;
	assert_non_null(route_find(S("HEAD"), S("/healthz"), &arg, allow));
	assert_null(route_find(S("HEAD"), S("/api/v1/alerts"), &arg, allow));
	assert_string_equal(allow, "POST");
}

static void an_unknown_path_is_404_and_says_where_to_look(void **state)
{
	static const char *const paths[] = { "/nothing", "/api/v1", "/api/v1/incidents/", "/api/v1/incidents//notes", "/api/v1/incidents/1/2/notes",
		"/api/v1/incidents/1/notes/", "/in/", "/in/a/b", "/v2/enqueue/", "//", "" };
	struct desk *d = desk_open();
	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		assert_int_equal(get(d, paths[i]), 404);
		assert_problem(d, 404);
	}
	desk_close(d);
}

static void a_wrong_method_is_405_with_allow(void **state)
{
	static const struct { const char *method, *path, *allow; } table[] = {
		{ "PUT", "/api/v1/incidents", "GET, HEAD, POST" }, { "DELETE", "/healthz", "GET, HEAD" },
		{ "GET", "/api/v1/incidents/7/acknowledge", "POST" }, { "OPTIONS", "/api/v1/tokens/x", "GET, HEAD, DELETE" },
		{ "GET", "/v2/enqueue", "POST" }, { "HEAD", "/in/" IN_KEY, "POST" }, { "get", "/healthz", "GET, HEAD" },
	};
	struct desk *d = desk_open();
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		assert_int_equal(ask(d, table[i].method, table[i].path, ""), 405);
		assert_problem(d, 405);
		assert_text(head_of(d, "Allow"), table[i].allow);
	}
	desk_close(d);
}

static void an_unknown_query_parameter_is_400_and_the_near_one_is_named(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	assert_int_equal(get(d, "/api/v1/incidents?stauts=open"), 400);
	assert_problem(d, 400);
	assert_true(says(d, "did you mean status?"));
	assert_int_equal(get(d, "/api/v1/incidents?status=open&utm_campaign=x"), 400);
	assert_int_equal(get(d, "/api/v1/incidents?&&status=open&"), 200);
	assert_int_equal(get(d, "/healthz?x"), 400);
	assert_int_equal(get(d, "/healthz?\xff\xfe=1"), 400);
	assert_problem(d, 400);
	desk_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_found_by_its_own_method_and_path),
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(the_routes_that_need_no_token_are_a_fixed_list),
		cmocka_unit_test(head_is_answered_where_get_is),
		cmocka_unit_test(an_unknown_path_is_404_and_says_where_to_look),
		cmocka_unit_test(a_wrong_method_is_405_with_allow),
		cmocka_unit_test(an_unknown_query_parameter_is_400_and_the_near_one_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
