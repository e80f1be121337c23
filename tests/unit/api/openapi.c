/* The OpenAPI document is JSON, complete, and every reference in it leads somewhere. */
#include "tests/unit/api/fixture.h"

static const struct jv *document(struct desk *d)
{
	assert_int_equal(get(d, "/api/v1/openapi.json"), 200);
	assert_text(head_of(d, "Content-Type"), "application/json");
	return json_body(d);
}

static const struct jv *at(const struct jv *j, const char *const *path, size_t n)
{
	for (size_t i = 0; i < n; i++)
		j = json_get(j, str_c(path[i]));
	return j;
}

static void every_route_is_in_it_with_all_that_is_promised(void **state)
{
	struct desk *d = desk_open();
	const struct jv *doc = document(d);
	(void)state;
	for (size_t i = 0; i < ROUTES; i++) {
		const struct route *r = &routes[i];
		char method[8] = "";
		for (size_t k = 0; r->method[k]; k++)
			method[k] = (char)(r->method[k] | 0x20);
		const char *const path[] = { "paths", r->path, method };
		const struct jv *op = at(doc, path, 3);
		assert_non_null(op);
		assert_text(json_text(op, S("operationId")), r->operation);
		assert_true(json_text(op, S("summary")).n > 0);
		assert_non_null(json_get(op, S("parameters")));
		assert_int_equal(json_get(op, S("requestBody")) != NULL, r->request != NULL);
		const struct jv *responses = json_get(op, S("responses"));
		assert_true(count_of(responses) > 0);
		assert_int_equal(count_of(json_get(op, S("security"))), r->scope != SCOPE_OPEN);
		if (r->scope != SCOPE_OPEN)
			assert_true(json_get(responses, S("401")) && json_get(responses, S("403")) && json_get(responses, S("503")));
	}
	desk_close(d);
}

static void every_door_is_in_it(void **state)
{
	struct desk *d = desk_open();
	const struct jv *doc = document(d);
	(void)state;
	const char *const v2[] = { "paths", "/v2/enqueue", "post", "requestBody" }, *const in[] = { "paths", "/in/{key}", "post", "parameters" };
	assert_non_null(at(doc, v2, 4));
	assert_non_null(at(doc, in, 4));
	size_t paths = source_count();
	for (size_t i = 0; i < ROUTES; i++) {
		size_t first = 0;
		while (strcmp(routes[first].path, routes[i].path) != 0)
			first++;
		paths += first == i;
	}
	assert_int_equal(count_of(json_get(doc, S("paths"))), paths);
	desk_close(d);
}

static void check_references(const struct jv *doc, const struct jv *j, size_t *found)
{
	struct str ref = json_text(j, S("$ref")), prefix = S("#/components/schemas/");
	if (ref.n > 0) {
		assert_true(str_starts(ref, prefix));
		const struct jv *schemas = json_get(json_get(doc, S("components")), S("schemas"));
		if (json_get(schemas, str_skip(ref, prefix.n)) == NULL)
			fail_msg("%.*s leads nowhere", STR_ARG(ref));
		(*found)++;
	}
	for (const struct jv *k = j->kid; k != NULL; k = k->next)
		check_references(doc, k, found);
}

static void every_reference_leads_somewhere(void **state)
{
	struct desk *d = desk_open();
	const struct jv *doc = document(d);
	size_t found = 0;
	(void)state;
	check_references(doc, doc, &found);
	assert_true(found > 50);
	desk_close(d);
}

static void no_name_is_used_twice(void **state)
{
	struct desk *d = desk_open();
	const struct jv *doc = document(d);
	const char *const schemas[] = { "components", "schemas" }, *const paths[] = { "paths" };
	const struct jv *const lists[] = { at(doc, schemas, 2), at(doc, paths, 1) };
	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++)
		for (const struct jv *k = lists[i]->kid; k != NULL; k = k->next)
			for (const struct jv *other = k->next; other != NULL; other = other->next)
				assert_false(str_eq(k->key, other->key));
	desk_close(d);
}

/* What json_parse would hide: a member written twice in the text. */
static void operation_ids_are_unique_in_the_text(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	document(d);
	for (size_t i = 0; i < ROUTES; i++) {
		struct str s = buf_str(&d->body), id = arena_fmt(&d->a, "\"operationId\":\"%s\"", routes[i].operation);
		const char *first = memmem(s.p, s.n, id.p, id.n);
		assert_non_null(first);
		assert_null(memmem(first + 1, s.n - (size_t)(first + 1 - s.p), id.p, id.n));
	}
	desk_close(d);
}

static void secrets_and_inner_fields_are_not_in_it(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	document(d);
	assert_false(says(d, "\"hash\"") || says(d, "\"passes\""));
	desk_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_is_in_it_with_all_that_is_promised),
		cmocka_unit_test(every_door_is_in_it),
		cmocka_unit_test(every_reference_leads_somewhere),
		cmocka_unit_test(no_name_is_used_twice),
		cmocka_unit_test(operation_ids_are_unique_in_the_text),
		cmocka_unit_test(secrets_and_inner_fields_are_not_in_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
