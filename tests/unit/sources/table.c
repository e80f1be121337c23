/* table.c - what holds for every source, by a loop over the table: a new one is tested by being there. */
#include "sources/source.h"
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct arena mem = { .limit = 8 << 20 };

static int clean(void **state)
{
	(void)state;
	arena_free(&mem);
	return 0;
}

static void every_source_is_found_by_its_name_and_fills_every_slot(void **state)
{
	(void)state;
	assert_true(source_count() >= 2);
	for (size_t i = 0; i < source_count(); i++) {
		const struct source *s = source_at(i);
		assert_ptr_equal(source_find(str_c(s->name)), s);
		assert_true(s->doc && s->door && s->door[0] == '/');
		assert_true(s->settings && s->settings->nf > 0 && s->body && s->body->nf > 0);
		assert_true(s->keys && s->key_of && s->decode && s->answer && s->refuse && s->unknown_key);
	}
	assert_null(source_find(S("carrier_pigeon")));
	assert_null(source_find(S("")));
}

static void every_field_is_explained_and_every_door_is_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < source_count(); i++) {
		const struct entity *e[] = { source_at(i)->settings, source_at(i)->body };
		for (size_t k = 0; k < COUNT(e); k++)
			for (size_t j = 0; j < e[k]->nf; j++)
				assert_true(strlen(e[k]->f[j].doc) > 4);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(source_at(i)->door, source_at(j)->door);
	}
}

static void every_answer_is_json(void **state)
{
	(void)state;
	static const char odd[] = "quote \" backslash \\ line\nend \x7f";
	for (size_t i = 0; i < source_count(); i++) {
		const struct source *s = source_at(i);
		struct jv object = { .t = J_OBJ }, array = { .t = J_ARR };
		struct event_result r[2] = { { true, "created", str_c(odd), S("id"), str_c(odd), 7 },
			{ true, "nothing to do", S("k"), S(""), S(""), 0 } };
		struct faults f = { .a = &mem };
		struct source_answer a[6] = { 0 };
		struct str why;
		fault_add(&f, NULL, S("a.b[3]"), "%s", odd);
		fault_add(&f, NULL, S(""), "whole");
		s->answer(&mem, &(struct source_request){ .json = &object }, r, 1, &a[0]);
		s->answer(&mem, &(struct source_request){ .json = &array }, r, 2, &a[1]);
		s->answer(&mem, &(struct source_request){ .json = &array }, r, 1, &a[2]);
		s->refuse(&mem, &f, true, &a[3]);
		s->refuse(&mem, &f, false, &a[4]);
		s->unknown_key(&mem, &a[5]);
		for (size_t k = 0; k < COUNT(a); k++) {
			assert_true(k < 3 ? a[k].status == 202 : a[k].status == 400 || a[k].status == 404);
			assert_true(a[k].content_type.n > 0);
			assert_non_null(json_parse(&mem, a[k].body, &why));
		}
	}
}

static void a_thousand_faults_still_make_an_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < source_count(); i++) {
		struct faults f = { .a = &mem };
		struct source_answer a = { 0 };
		struct str why;
		for (int n = 0; n < 1000; n++)
			fault_add(&f, NULL, S("some.path"), "wrong in way %d", n);
		source_at(i)->refuse(&mem, &f, true, &a);
		assert_int_equal(a.status, 400);
		assert_non_null(json_parse(&mem, a.body, &why));
	}
}

struct seen { size_t n; struct str key[4], service[4]; };

static void see(void *ctx, const struct secret *key, struct str service)
{
	struct seen *s = ctx;
	s->key[s->n] = key->value;
	s->service[s->n++] = service;
}

/* Settings as the configuration gives them, each secret's value being its variable's name. */
static void fill(void *ctx, struct str path, struct secret *s)
{
	(void)ctx, (void)path;
	s->value = s->env;
}

static void *settings(const struct source *s, const char *json)
{
	struct faults f = { .a = &mem };
	struct str why;
	struct jv *j = json_parse(&mem, str_c(json), &why);
	void *obj = arena_need(&mem, 1, s->settings->size);
	assert_non_null(j);
	assert_int_equal(desc_read(&mem, obj, s->settings, j, V_CONFIG, S(""), &f), 0);
	desc_secrets(&mem, s->settings, obj, S(""), fill, NULL);
	return obj;
}

static void each_routing_key_names_its_service(void **state)
{
	(void)state;
	const struct source *s = source_find(S("events_v2"));
	struct seen seen = { 0 };
	s->keys(settings(s, "{\"routing_keys\":{\"checkout\":{\"env\":\"A\"},\"ledger\":{\"env\":\"B\"}}}"), see, &seen);
	assert_int_equal(seen.n, 2);
	assert_true(str_eq(seen.key[0], S("A")) && str_eq(seen.service[0], S("checkout")));
	assert_true(str_eq(seen.key[1], S("B")) && str_eq(seen.service[1], S("ledger")));
}

static void the_generic_key_leaves_the_service_to_the_integration(void **state)
{
	(void)state;
	const struct source *s = source_find(S("generic"));
	struct seen seen = { 0 };
	s->keys(settings(s, "{\"key\":{\"env\":\"A\"}}"), see, &seen);
	assert_int_equal(seen.n, 1);
	assert_true(str_eq(seen.key[0], S("A")) && seen.service[0].n == 0);
}

static void settings_without_a_key_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < source_count(); i++) {
		const struct source *s = source_at(i);
		struct faults f = { .a = &mem };
		struct jv empty = { .t = J_OBJ };
		assert_int_not_equal(desc_read(&mem, arena_need(&mem, 1, s->settings->size), s->settings, &empty, V_CONFIG, S(""), &f), 0);
	}
}

static void the_key_is_found_where_the_door_has_it(void **state)
{
	(void)state;
	struct str why;
	const struct source *v2 = source_find(S("events_v2")), *generic = source_find(S("generic"));
	struct source_request r = { .path_key = S("from-the-path"), .json = json_parse(&mem, S("{\"routing_key\":\"R\"}"), &why) };
	assert_true(str_eq(v2->key_of(&r), S("R")));
	assert_true(str_eq(generic->key_of(&r), S("from-the-path")));
	for (size_t i = 0; i < 3; i++) {
		static const char *const without[] = { "{}", "[\"routing_key\"]", "{\"routing_key\":7}" };
		r.json = json_parse(&mem, str_c(without[i]), &why);
		assert_int_equal(v2->key_of(&r).n, 0);
	}
}

static void an_unknown_key_is_answered_in_the_door_s_own_words(void **state)
{
	(void)state;
	struct source_answer a = { 0 };
	struct str why;
	source_find(S("events_v2"))->unknown_key(&mem, &a);
	assert_int_equal(a.status, 400);
	assert_true(str_eq(json_text(json_parse(&mem, a.body, &why), S("status")), S("invalid event")));
	source_find(S("generic"))->unknown_key(&mem, &a);
	assert_int_equal(a.status, 404);
	assert_true(str_eq(a.content_type, S("application/problem+json")));
	assert_int_equal(json_get(json_parse(&mem, a.body, &why), S("status"))->i, 404);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_source_is_found_by_its_name_and_fills_every_slot, clean),
		cmocka_unit_test_teardown(every_field_is_explained_and_every_door_is_its_own, clean),
		cmocka_unit_test_teardown(every_answer_is_json, clean),
		cmocka_unit_test_teardown(a_thousand_faults_still_make_an_answer, clean),
		cmocka_unit_test_teardown(each_routing_key_names_its_service, clean),
		cmocka_unit_test_teardown(the_generic_key_leaves_the_service_to_the_integration, clean),
		cmocka_unit_test_teardown(settings_without_a_key_are_refused, clean),
		cmocka_unit_test_teardown(the_key_is_found_where_the_door_has_it, clean),
		cmocka_unit_test_teardown(an_unknown_key_is_answered_in_the_door_s_own_words, clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
