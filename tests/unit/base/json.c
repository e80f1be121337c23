/* json.c - what the JSON door lets in and how it says no. */
#include "base/json.h"
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* `back`: how it is written again; NULL: refused, and `why` begins the sentence, with its place. */
struct row { struct str text; const char *back, *why; };

static void check(const struct row *r)
{
	struct arena a = ARENA(1 << 20);
	struct buf b = BUF(1 << 20);
	struct str why = S("");
	char *exact = xmalloc(r->text.n);                 /* no NUL behind it: the sanitizer sees a step too far */
	memcpy(exact, r->text.p, r->text.n);
	const struct jv *v = json_parse(&a, (struct str){ exact, r->text.n }, &why);
	free(exact);
	if (v)
		json_write(&b, v);
	if (r->back == NULL && v != NULL)
		fail_msg("%.*s: was taken as %s", STR_ARG(r->text), b.p);
	if (r->back == NULL && !str_eq(why, str_c(r->why)))
		fail_msg("%.*s: refused with \"%.*s\", not \"%s\"", STR_ARG(r->text), STR_ARG(why), r->why);
	if (r->back != NULL && v == NULL)
		fail_msg("%.*s: refused: %.*s", STR_ARG(r->text), STR_ARG(why));
	if (r->back != NULL && !str_eq(buf_str(&b), str_c(r->back)))
		fail_msg("%.*s: came back as %s", STR_ARG(r->text), b.p);
	buf_free(&b);
	arena_free(&a);
}

static void every_kind_of_value_comes_back(void **state)
{
	(void)state;
	const struct row row[] = {
		{ S("null"), "null", 0 }, { S(" true "), "true", 0 }, { S("false\n"), "false", 0 }, { S("0"), "0", 0 },
		{ S("-0"), "0", 0 },
		{ S("12 "), "12", 0 }, { S("9223372036854775807"), "9223372036854775807", 0 },
		{ S("[-9223372036854775808]"), "[-9223372036854775808]", 0 }, { S("1.50"), "1.50", 0 },
		{ S("[-0.0]"), "[-0.0]", 0 },
		{ S("1e5"), "1e5", 0 }, { S("[1E+5,1.25e-3]"), "[1E+5,1.25e-3]", 0 }, { S("\"\""), "\"\"", 0 },
		{ S("\"\\u0041\\/\\n\\u00e9\""), "\"A/\\n\xc3\xa9\"", 0 }, { S("\"\\ud83d\\ude00\""), "\"\xf0\x9f\x98\x80\"", 0 },
		{ S("\"a\\u0000b\""), "\"a\\u0000b\"", 0 }, { S("[]"), "[]", 0 }, { S("{ }"), "{}", 0 },
		{ S("[ [ ] , { } ]"), "[[],{}]", 0 },
		{ S("{\"b\":1,\"a\":[true,null],\"\":{}}"), "{\"b\":1,\"a\":[true,null],\"\":{}}", 0 },
		{ S("{\"\xc3\xa9\":\"\x7f\"}"), "{\"\xc3\xa9\":\"\\u007f\"}", 0 },
	};
	for (size_t i = 0; i < COUNT(row); i++)
		check(&row[i]);
}

static void of_equal_keys_the_last_counts(void **state)
{
	(void)state;
	check(&(struct row){ S("{\"a\":1,\"b\":2,\"a\":{\"x\":3}}"), "{\"a\":{\"x\":3},\"b\":2}", 0 });
}

static void half_a_surrogate_pair_becomes_the_replacement_character(void **state)
{
	(void)state;
	const struct row row[] = {
		{ S("\"\\ud800\""), "\"\xef\xbf\xbd\"", 0 }, { S("\"\\udc00x\""), "\"\xef\xbf\xbdx\"", 0 },
		{ S("\"\\ud800\\ud800\""), "\"\xef\xbf\xbd\xef\xbf\xbd\"", 0 },
		{ S("\"\\ud800\\u0041\""), "\"\xef\xbf\xbd" "A\"", 0 },
		{ S("\"\\ud800\\n\""), "\"\xef\xbf\xbd\\n\"", 0 },
	};
	for (size_t i = 0; i < COUNT(row); i++)
		check(&row[i]);
}

static void what_is_not_json_is_refused_with_its_place(void **state)
{
	(void)state;
	const struct row row[] = {
		{ S(""), 0, "text ends early at byte 0" }, { S(" \n"), 0, "text ends early at byte 2" },
		{ S("NaN"), 0, "not JSON: unexpected character at byte 0" }, { S("[nan]"), 0, "null expected at byte 2" },
		{ S("[-NaN]"), 0, "not a number of JSON at byte 1" }, { S("-Infinity"), 0, "not a number of JSON at byte 0" },
		{ S("[Infinity]"), 0, "not JSON: unexpected character at byte 1" },
		{ S("1e999"), 0, "number out of range at byte 5" },
		{ S("9223372036854775808"), 0, "integer beyond 64 bits at byte 0" },
		{ S("[1,-9223372036854775809]"), 0, "integer beyond 64 bits at byte 3" },
		{ S("[99999999999999999999999]"), 0, "integer beyond 64 bits at byte 1" },
		{ S("01"), 0, "not a number of JSON at byte 0" }, { S("[-01]"), 0, "not a number of JSON at byte 1" },
		{ S("1."), 0, "not a number of JSON at byte 0" }, { S("[-.5]"), 0, "not a number of JSON at byte 1" },
		{ S("1e"), 0, "not a number of JSON at byte 0" }, { S("[1e+]"), 0, "not a number of JSON at byte 1" },
		{ S("-"), 0, "not a number of JSON at byte 0" }, { S("[1-2]"), 0, "not a number of JSON at byte 1" },
		{ S("+1"), 0, "unexpected character at byte 0" }, { S(".5"), 0, "unexpected character at byte 0" },
		{ S("{} x"), 0, "unexpected character at byte 3" }, { S("{}\0"), 0, "text after the value at byte 2" },
		{ S("[1]]"), 0, "unexpected character at byte 3" }, { S("1 2"), 0, "unexpected character at byte 2" },
		{ S("// x\n1"), 0, "not JSON: unexpected character at byte 0" },
		{ S("[1/**/]"), 0, "not JSON: unexpected character at byte 2" },
		{ S("[1,]"), 0, "unexpected character at byte 3" }, { S("{\"a\":1,}"), 0, "unexpected character at byte 7" },
		{ S("{a:1}"), 0, "quoted object property name expected at byte 1" },
		{ S("'a'"), 0, "unexpected character at byte 0" },
		{ S("TRUE"), 0, "boolean expected at byte 0" }, { S("{\"a\""), 0, "text ends early at byte 4" },
		{ S("\"abc"), 0, "text ends early at byte 4" }, { S("\"abc\\"), 0, "text ends early at byte 5" },
		{ S("[1"), 0, "text ends early at byte 2" }, { S("tru"), 0, "text ends early at byte 3" },
		{ S("[\0]"), 0, "text ends early at byte 1" }, { S("\0"), 0, "text ends early at byte 0" },
		{ S("\"\\q\""), 0, "invalid string sequence at byte 2" },
		{ S("\"\\u12g4\""), 0, "invalid string sequence at byte 5" },
		{ S("\"a\nb\""), 0, "control character in a string at byte 0" },
		{ S("[\"\x01\"]"), 0, "control character in a string at byte 1" },
		{ S("{\"a\\u0000b\" :1}"), 0, "NUL in a name at byte 1" },
		{ S("\xef\xbb\xbf{}"), 0, "unexpected character at byte 0" },
		{ S("{\"a\":\"\xff\"}"), 0, "invalid UTF-8 at byte 6" }, { S("\"\xed\xa0\x80\""), 0, "invalid UTF-8 at byte 1" },
		{ S("\"\xc0\xaf\""), 0, "invalid UTF-8 at byte 1" },
	};
	for (size_t i = 0; i < COUNT(row); i++)
		check(&row[i]);
}

/* `head`, n times `part`, `tail` as one text. */
static struct str repeated(struct buf *b, const char *head, size_t n, const char *part, const char *tail)
{
	buf_clear(b);
	buf_add(b, str_c(head));
	for (size_t i = 0; i < n; i++)
		buf_add(b, str_c(part));
	buf_add(b, str_c(tail));
	assert_int_equal(b->err, 0);
	return buf_str(b);
}

struct edge { const char *head, *part, *tail; size_t n; const char *why; bool is_own_refused; };

static void what_is_too_much_is_refused_and_one_less_is_not(void **state)
{
	(void)state;
	static const struct edge row[] = {
		{ "", "[", "", JSON_DEPTH_MAX, "nested deeper than 32 at byte 32", false },
		{ "", "{\"a\":", "", JSON_DEPTH_MAX, "nested deeper than 32 at byte 160", false },
		{ "[1", ",1", "]", JSON_MEMBERS_MAX - 1, "more than 2000 members and elements at byte 4000", false },
		{ "[[]", ",{}", "]", JSON_MEMBERS_MAX - 1, "more than 2000 members and elements at byte 6000", false },
		{ "[", "1", "]", JSON_NUMBER_MAX, "number longer than 64 characters at byte 1", true },
		{ "[\"", "x", "\"]", JSON_STRING_MAX, "string longer than 64 KiB at byte 1", false },
	};
	struct buf b = BUF(1 << 20);
	for (size_t i = 0; i < COUNT(row); i++) {
		struct arena a = ARENA(1 << 20);
		struct str why = S(""), text = repeated(&b, row[i].head, row[i].n + 1, row[i].part, row[i].tail);
		assert_null(json_parse(&a, text, &why));
		if (!str_eq(why, str_c(row[i].why)))
			fail_msg("row %zu: refused with \"%.*s\", not \"%s\"", i, STR_ARG(why), row[i].why);
		const struct jv *v = json_parse_own(&a, text, &why);
		if (v == NULL && !row[i].is_own_refused && !str_starts(why, S("text ends early")))
			fail_msg("row %zu: our own was refused: %.*s", i, STR_ARG(why));
		text = repeated(&b, row[i].head, row[i].n, row[i].part, row[i].tail);
		v = json_parse(&a, text, &why);
		if (v == NULL && !str_starts(why, S("text ends early")) && !str_starts(why, S("integer beyond")))
			fail_msg("row %zu: one less was refused: %.*s", i, STR_ARG(why));
		arena_free(&a);
	}
	buf_free(&b);
}

static void a_batch_may_have_more_members(void **state)
{
	(void)state;
	struct buf b = BUF(1 << 20);
	struct arena a = ARENA(8 << 20);
	struct str why = S(""), text = repeated(&b, "[1", JSON_MEMBERS_BATCH_MAX - 1, ",1", "]");
	assert_null(json_parse(&a, text, &why));
	assert_non_null(json_parse_batch(&a, text, &why));
	text = repeated(&b, "[1", JSON_MEMBERS_BATCH_MAX, ",1", "]");
	assert_null(json_parse_batch(&a, text, &why));
	assert_true(str_eq(why, S("more than 16000 members and elements at byte 32000")));
	arena_free(&a);
	buf_free(&b);
}

static void own_texts_may_be_deeper_but_not_without_end(void **state)
{
	(void)state;
	struct arena a = ARENA(1 << 20);
	struct buf b = BUF(1000);
	struct str why = S("");
	for (size_t i = 0; i < JSON_DEPTH_OWN_MAX; i++)
		buf_char(&b, '[');
	for (size_t i = 0; i < JSON_DEPTH_OWN_MAX; i++)
		buf_char(&b, ']');
	const struct jv *v = json_parse_own(&a, buf_str(&b), &why);
	assert_non_null(v);
	struct buf back = BUF(1000);
	json_write(&back, v);
	assert_true(str_eq(buf_str(&b), buf_str(&back)));
	assert_null(json_parse_own(&a, repeated(&b, "", JSON_DEPTH_OWN_MAX + 1, "[", ""), &why));
	assert_true(str_eq(why, S("nested deeper than 40 at byte 40")));
	buf_free(&back);
	buf_free(&b);
	arena_free(&a);
}

/* A refusal must not need the memory whose lack it tells of. */
static void a_tree_too_large_for_its_arena_is_refused(void **state)
{
	(void)state;
	const struct str text[] = { S("[1,2,3,4,5,6,7,8]"), S("{\"name\":1,\"another\":[2,3,4]}"),
		S("[[[\"text\"]],\"more\",1.5,1]") };
	for (size_t i = 0; i < COUNT(text); i++)
		for (size_t limit = 0; limit <= 400; limit++) {
			struct arena a = ARENA(limit);
			struct str why = S("");
			assert_null(json_parse(&a, text[i], &why));
			assert_true(str_starts(why, S("too large")));
			arena_free(&a);
		}
}

static void members_are_found_by_name(void **state)
{
	(void)state;
	struct arena a = ARENA(10000);
	struct str why = S("");
	const struct jv *v = json_parse(&a, S("{\"a\":\"x\",\"b\":1,\"c\":null}"), &why);
	assert_non_null(v);
	assert_int_equal(json_get(v, S("b"))->i, 1);
	assert_int_equal(json_get(v, S("c"))->t, J_NULL);
	assert_null(json_get(v, S("d")));
	assert_null(json_get(NULL, S("d")));
	assert_null(json_get(json_get(v, S("b")), S("d")));
	assert_true(str_eq(json_text(v, S("a")), S("x")));
	assert_int_equal(json_text(v, S("b")).n, 0);
	assert_int_equal(json_text(v, S("z")).n, 0);
	arena_free(&a);
}

static void types_have_names_for_people(void **state)
{
	(void)state;
	static const char *const name[] = { "null", "boolean", "integer", "number", "string", "array", "object" };
	for (size_t i = 0; i < COUNT(name); i++)
		assert_string_equal(json_type_name((enum jtype)i), name[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_value_comes_back),
		cmocka_unit_test(of_equal_keys_the_last_counts),
		cmocka_unit_test(half_a_surrogate_pair_becomes_the_replacement_character),
		cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
		cmocka_unit_test(what_is_too_much_is_refused_and_one_less_is_not),
		cmocka_unit_test(a_batch_may_have_more_members),
		cmocka_unit_test(own_texts_may_be_deeper_but_not_without_end),
		cmocka_unit_test(a_tree_too_large_for_its_arena_is_refused),
		cmocka_unit_test(members_are_found_by_name),
		cmocka_unit_test(types_have_names_for_people),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
