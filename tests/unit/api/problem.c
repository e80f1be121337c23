/* Problem details: always valid JSON, a pointer for every fault, nothing but about:blank. */
#include "tests/unit/api/fixture.h"

static const struct jv *written(struct arena *a, const struct problem *p)
{
	struct buf b = BUF(1 << 20);
	struct str why;
	problem_write(&b, p);
	const struct jv *j = json_parse_own(a, arena_str(a, buf_str(&b)), &why);
	buf_free(&b);
	assert_non_null(j);
	return j;
}

static void a_problem_has_type_title_status_and_detail(void **state)
{
	(void)state;
	struct arena a = ARENA(1 << 20);
	const struct jv *j = written(&a, &(struct problem){ .status = 404, .detail = S("no \"such\"\nthing") });
	assert_text(json_text(j, S("type")), "about:blank");
	assert_text(json_text(j, S("title")), "Not Found");
	assert_int_equal(json_get(j, S("status"))->i, 404);
	assert_text(json_text(j, S("detail")), "no \"such\"\nthing");
	assert_null(json_get(j, S("errors")));
	arena_free(&a);
}

static void every_fault_has_a_pointer(void **state)
{
	(void)state;
	static const struct { const char *path, *pointer; } table[] = {
		{ "", "#" }, { "title", "#/title" }, { "links[2].href", "#/links/2/href" }, { "[3].title", "#/3/title" },
		{ "labels.a/b~c", "#/labels/a~1b~0c" },
	};
	struct arena a = ARENA(1 << 20);
	struct faults f = { .a = &a };
	for (size_t i = 0; i < COUNT(table); i++)
		fault_add(&f, NULL, str_c(table[i].path), "is wrong");
	const struct jv *errors = json_get(written(&a, &(struct problem){ .status = 422, .detail = S("x"), .faults = &f }), S("errors"));
	const struct jv *e = errors->kid;
	for (size_t i = 0; i < COUNT(table); i++, e = e->next) {
		assert_text(json_text(e, S("pointer")), table[i].pointer);
		assert_text(json_text(e, S("detail")), "is wrong");
	}
	arena_free(&a);
}

static void a_conflict_names_the_incident_and_its_state(void **state)
{
	(void)state;
	struct arena a = ARENA(1 << 20);
	struct call c = { .incident = S("01900000-0000-7000-8000-000000000042"), .number = 42, .status = RESOLVED, .version = 7 };
	const struct jv *i = json_get(written(&a, &(struct problem){ .status = 409, .detail = S("x"), .call = &c }), S("incident"));
	assert_text(json_text(i, S("status")), "resolved");
	assert_int_equal(json_get(i, S("number"))->i, 42);
	assert_int_equal(json_get(i, S("version"))->i, 7);
	arena_free(&a);
}

static void what_the_server_refuses_is_a_problem_too(void **state)
{
	(void)state;
	static const int statuses[] = { 400, 408, 413, 414, 431, 501, 505, 499, 599 };
	for (size_t i = 0; i < COUNT(statuses); i++) {
		struct arena a = ARENA(1 << 20);
		struct buf b = BUF(4096);
		struct str why;
		const char *type = NULL;
		api_refuse(NULL, statuses[i], "two \"lengths\"", &b, &type);
		assert_string_equal(type, "application/problem+json");
		const struct jv *j = json_parse_own(&a, buf_str(&b), &why);
		assert_non_null(j);
		assert_int_equal(json_get(j, S("status"))->i, statuses[i]);
		buf_free(&b);
		arena_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_problem_has_type_title_status_and_detail),
		cmocka_unit_test(every_fault_has_a_pointer),
		cmocka_unit_test(a_conflict_names_the_incident_and_its_state),
		cmocka_unit_test(what_the_server_refuses_is_a_problem_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
