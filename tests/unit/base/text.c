/* text.c - views, arenas and buffers: what base.h promises, at its edges. */
#include "base/base.h"
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void same(struct str got, struct str want)
{
	if (!str_eq(got, want))
		fail_msg("got \"%.*s\", wanted \"%.*s\"", STR_ARG(got), STR_ARG(want));
}

static void views_compare_as_bytes(void **state)
{
	(void)state;
	const struct { struct str a, b; int order; } row[] = {
		{ S(""), S(""), 0 }, { S("a"), S("a"), 0 }, { S("a"), S("b"), -1 }, { S("b"), S("a"), 1 }, { S("a"),
		S("ab"), -1 },
		{ S("ab"), S("a"), 1 }, { S(""), S("a"), -1 }, { S("a"), S("\xff"), -1 }, { S("a\0b"), S("a\0c"), -1 },
	};
	for (size_t i = 0; i < COUNT(row); i++) {
		int c = str_cmp(row[i].a, row[i].b);
		assert_int_equal((c > 0) - (c < 0), row[i].order);
		assert_int_equal(str_eq(row[i].a, row[i].b), row[i].order == 0);
	}
	assert_true(str_eq((struct str){ NULL, 0 }, S("")));
	assert_int_equal(str_cmp((struct str){ NULL, 0 }, S("")), 0);
	assert_int_equal(str_c(NULL).n, 0);
	assert_non_null(str_c(NULL).p);
}

static void views_are_cut_without_leaving_their_bytes(void **state)
{
	(void)state;
	struct str head, tail;
	assert_true(str_starts(S("level"), S("lev")) && str_starts(S("a"), S("")) && !str_starts(S("lev"), S("level")));
	same(str_skip(S("abc"), 1), S("bc"));
	same(str_skip(S("abc"), 9), S(""));
	same(str_skip((struct str){ NULL, 0 }, 3), S(""));
	same(str_trim(S(" \t a b\r\n")), S("a b"));
	same(str_trim(S(" \n ")), S(""));
	assert_true(str_cut(S("user:amira:x"), ':', &head, &tail));
	same(head, S("user"));
	same(tail, S("amira:x"));
	assert_true(str_cut(S("x:"), ':', &head, &tail));
	assert_int_equal(tail.n, 0);
	assert_false(str_cut(S("user"), ':', &head, &tail));
	assert_false(str_cut((struct str){ NULL, 0 }, ':', &head, &tail));
}

static void integers_are_read_whole_or_not_at_all(void **state)
{
	(void)state;
	const struct { struct str s; bool ok; int64_t v; } row[] = {
		{ S("0"), true, 0 }, { S("42"), true, 42 }, { S("-7"), true, -7 }, { S("+7"), true, 7 }, { S("007"), true, 7 },
		{ S("9223372036854775807"), true, INT64_MAX }, { S("-9223372036854775808"), true, INT64_MIN },
		{ S("9223372036854775808"), false, 0 }, { S("-9223372036854775809"), false, 0 },
		{ S("92233720368547758070"), false, 0 }, { S(""), false, 0 }, { S("-"), false, 0 }, { S("+-1"), false, 0 },
		{ S(" 1"), false, 0 }, { S("1 "), false, 0 }, { S("1.0"), false, 0 }, { S("0x1"), false, 0 },
		{ S("1\0"), false, 0 },
	};
	for (size_t i = 0; i < COUNT(row); i++) {
		int64_t v = 4711;
		assert_int_equal(str_int(row[i].s, &v), row[i].ok);
		assert_int_equal(v, row[i].ok ? row[i].v : 4711);
	}
}

static void only_strict_utf8_is_utf8(void **state)
{
	(void)state;
	const struct { struct str s; size_t valid; } row[] = {
		{ S(""), 0 }, { S("plain"), 5 }, { S("sixteen ascii 16"), 16 }, { S("caf\xc3\xa9"), 5 }, { S("\xe2\x82\xac"), 3 },
		{ S("\xf0\x9f\x98\x80"), 4 }, { S("\xf4\x8f\xbf\xbf"), 4 }, { S("\xed\x9f\xbf\xee\x80\x80"), 6 },
		{ S("a\0b"), 3 },
		{ S("\x80"), 0 }, { S("ok\xff"), 2 }, { S("\xc0\x80"), 0 }, { S("\xc1\xbf"), 0 }, { S("\xe0\x9f\xbf"), 0 },
		{ S("\xf0\x8f\xbf\xbf"), 0 }, { S("\xed\xa0\x80"), 0 }, { S("\xed\xbf\xbf"), 0 }, { S("\xf4\x90\x80\x80"), 0 },
		{ S("\xf8\x88\x80\x80\x80"), 0 }, { S("ab\xe2\x82"), 2 }, { S("ab\xc3"), 2 }, { S("\xe2\x28\xa1"), 0 },
		{ S("12345678\xc3\xa9" "12345678\xff"), 18 }, { S("1234567\xc3"), 7 },
	};
	for (size_t i = 0; i < COUNT(row); i++) {
		assert_int_equal(str_utf8_span(row[i].s), row[i].valid);
		assert_int_equal(str_is_utf8(row[i].s), row[i].valid == row[i].s.n);
	}
}

static void distance_counts_edits(void **state)
{
	(void)state;
	const struct { struct str a, b; size_t d; } row[] = {
		{ S(""), S(""), 0 }, { S("timeout"), S("timeout"), 0 }, { S("timeuot"), S("timeout"), 2 }, { S("titel"),
		S("title"), 2 },
		{ S("repeats"), S("repeat"), 1 }, { S(""), S("abc"), 3 }, { S("abc"), S(""), 3 }, { S("kitten"),
		S("sitting"), 3 },
	};
	for (size_t i = 0; i < COUNT(row); i++) {
		assert_int_equal(str_distance(row[i].a, row[i].b), row[i].d);
		assert_int_equal(str_distance(row[i].b, row[i].a), row[i].d);
	}
	char word[65];
	memset(word, 'x', sizeof word);
	assert_true(str_distance((struct str){ word, 65 }, S("x")) > 64);
	assert_int_equal(str_distance((struct str){ word, 64 }, S("")), 64);
}

static void arena_memory_is_zeroed_aligned_and_bounded(void **state)
{
	(void)state;
	struct arena a = ARENA(100000);
	for (size_t n = 1; n < 200; n++) {
		unsigned char *p = arena_alloc(&a, n, 3);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < 3 * n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xa5, 3 * n);
	}
	assert_null(arena_alloc(&a, 100001, 1));
	assert_null(arena_alloc(&a, SIZE_MAX, 2));
	assert_null(arena_alloc(&a, SIZE_MAX / 2 + 2, 2));
	assert_non_null(arena_alloc(&a, 1, 1));
	arena_free(&a);
	assert_int_equal(a.used, 0);
}

static void the_limit_of_an_arena_counts_small_pieces_in_full(void **state)
{
	(void)state;
	struct arena a = ARENA(16000);
	size_t n = 0;
	while (arena_alloc(&a, 1, 1) != NULL)
		n++;
	assert_in_range(n, 900, 1001);
	arena_free(&a);
}

static void a_reset_arena_forgets_and_starts_clean(void **state)
{
	(void)state;
	struct arena a = ARENA(1 << 22);
	for (int round = 0; round < 3; round++) {
		char *p = arena_alloc(&a, 1, 5000);
		assert_non_null(p);
		for (size_t i = 0; i < 5000; i++)
			assert_int_equal(p[i], 0);
		memset(p, 'x', 5000);
		assert_non_null(arena_alloc(&a, 2, 1 << 20));
		arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
	arena_free(&a);
	arena_reset(&a);
	assert_null(a.head);
}

static void copies_outlive_their_source(void **state)
{
	(void)state;
	struct arena a = ARENA(64);
	char source[] = "amira";
	struct str copy = arena_str(&a, (struct str){ source, 5 }), kept = S("before");
	memset(source, 'x', 5);
	same(copy, S("amira"));
	assert_int_equal(copy.p[5], '\0');
	const struct str long_text = S("a text of more than sixty-four bytes, which is all that this arena may hold");
	assert_int_equal(str_keep(&a, long_text, &kept), ENOMEM);
	same(kept, S("before"));
	assert_int_equal(str_keep(&a, (struct str){ NULL, 0 }, &kept), 0);
	assert_int_equal(kept.n, 0);
	same(arena_fmt(&a, "%s/%06d", "x", 7), S("x/000007"));
	arena_free(&a);
}

static void a_buffer_takes_exactly_its_limit(void **state)
{
	(void)state;
	struct buf b = BUF(10);
	assert_int_equal(buf_str(&b).n, 0);
	buf_add(&b, S("12345"));
	buf_add(&b, S("67890"));
	assert_int_equal(b.err, 0);
	same(buf_str(&b), S("1234567890"));
	assert_int_equal(b.p[10], '\0');
	buf_char(&b, 'x');
	assert_int_equal(b.err, EMSGSIZE);
	buf_add(&b, S(""));
	same(buf_str(&b), S("1234567890"));
	buf_clear(&b);
	assert_int_equal(b.err, 0);
	assert_int_equal(buf_str(&b).n, 0);
	buf_fmt(&b, "%d", 1234567890);
	assert_int_equal(b.err, 0);
	buf_fmt(&b, "%d", 1);
	assert_int_equal(b.err, EMSGSIZE);
	buf_free(&b);
	assert_null(b.p);
	assert_int_equal(b.limit, 10);
	buf_add(&b, S("again"));
	same(buf_str(&b), S("again"));
	buf_free(&b);
}

static void a_buffer_that_failed_stays_failed(void **state)
{
	(void)state;
	struct buf b = BUF(300);
	for (int i = 0; i < 290; i++)
		buf_char(&b, 'x');
	buf_add(&b, S("twelve bytes"));
	assert_int_equal(b.err, EMSGSIZE);
	buf_char(&b, 'y');
	buf_int(&b, 1);
	buf_json(&b, S("z"));
	buf_fmt(&b, "%s", "z");
	assert_int_equal(b.n, 290);
	assert_int_equal(b.p[289], 'x');
	assert_true(b.cap <= 301);
	buf_free(&b);
}

static void buffers_write_numbers_and_json_strings(void **state)
{
	(void)state;
	const struct { struct str s, json; } row[] = {
		{ S(""), S("\"\"") }, { S("plain"), S("\"plain\"") }, { S("a\"b\\c"), S("\"a\\\"b\\\\c\"") },
		{ S("\b\f\n\r\t"), S("\"\\b\\f\\n\\r\\t\"") }, { S("\x01\x1f\x7f"), S("\"\\u0001\\u001f\\u007f\"") },
		{ S("a\0b"), S("\"a\\u0000b\"") }, { S("\xc3\xa9/"), S("\"\xc3\xa9/\"") },
	};
	struct buf b = BUF(1000);
	for (size_t i = 0; i < COUNT(row); i++) {
		buf_clear(&b);
		buf_json(&b, row[i].s);
		same(buf_str(&b), row[i].json);
	}
	static const int64_t number[] = { 0, 7, -7, 1000000, INT64_MAX, INT64_MIN };
	for (size_t i = 0; i < COUNT(number); i++) {
		int64_t back = 1;
		buf_clear(&b);
		buf_int(&b, number[i]);
		assert_true(str_int(buf_str(&b), &back));
		assert_int_equal(back, number[i]);
	}
	buf_free(&b);
}

static void plain_memory_holds_what_it_was_given(void **state)
{
	(void)state;
	char *z = xstrndup(S("amira"));
	assert_string_equal(z, "amira");
	z = xrealloc(z, 100);
	assert_string_equal(z, "amira");
	free(z);
	z = xstrndup((struct str){ NULL, 0 });
	assert_string_equal(z, "");
	free(z);
	free(xmalloc(0));
}

static void a_user_in_an_address_is_seen_before_the_host_only(void **state)
{
	(void)state;
	static const char *const with[] = { "http://u:p@h", "https://u@h/", "u:p@h", "u:p@h:1/x", "http://@h" },
		*const without[] = { "", "http://h", "https://h:1/a@b", "http://h?a@b", "http://h#a@b", "h:1/a@b", "http:///u@h" };
	for (size_t i = 0; i < COUNT(with); i++)
		assert_true(url_has_user(str_c(with[i])));
	for (size_t i = 0; i < COUNT(without); i++)
		assert_false(url_has_user(str_c(without[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views_compare_as_bytes),
		cmocka_unit_test(views_are_cut_without_leaving_their_bytes),
		cmocka_unit_test(integers_are_read_whole_or_not_at_all),
		cmocka_unit_test(only_strict_utf8_is_utf8),
		cmocka_unit_test(distance_counts_edits),
		cmocka_unit_test(a_user_in_an_address_is_seen_before_the_host_only),
		cmocka_unit_test(arena_memory_is_zeroed_aligned_and_bounded),
		cmocka_unit_test(the_limit_of_an_arena_counts_small_pieces_in_full),
		cmocka_unit_test(a_reset_arena_forgets_and_starts_clean),
		cmocka_unit_test(copies_outlive_their_source),
		cmocka_unit_test(a_buffer_takes_exactly_its_limit),
		cmocka_unit_test(a_buffer_that_failed_stays_failed),
		cmocka_unit_test(buffers_write_numbers_and_json_strings),
		cmocka_unit_test(plain_memory_holds_what_it_was_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
