/* parts.c - texts made fit to be shown, dates, Retry-After, and what an HTTP status means for a page. */
#include "channels/parts.h"
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void line_is(const char *text, const char *want)
{
	struct buf b = BUF(4096);
	line_add(&b, str_c(text));
	assert_string_equal(b.p ? b.p : "", want);
	buf_free(&b);
}

static void a_line_stays_one_line(void **state)
{
	(void)state;
	line_is("", "");
	line_is("  plain  ", "plain");
	line_is("one\r\ntwo\n\nthree", "one two three");
	line_is("\x1b[31mred\x7f\a", "[31mred");
	line_is("csi \xc2\x9b" "31m", "csi 31m");
	line_is("not \xc3\x9b removed, \xe2\x82\xac neither", "not \xc3\x9b removed, \xe2\x82\xac neither");
	line_is("right\xe2\x80\xae" "left \xe2\x81\xa6isolate\xe2\x80\xa8line", "right left isolate line");
	line_is("half \xe2\x80", "half \xe2\x80");
}

static void a_block_keeps_its_lines_and_nothing_else(void **state)
{
	(void)state;
	struct buf b = BUF(4096);
	block_add(&b, S("one\r\ntwo\rthree\nfour\tfive\x1b[2J\xc2\x9b" "six"));
	assert_string_equal(b.p, "one\ntwo\nthree\nfour\tfive [2J six");
	buf_free(&b);
}

static void a_text_is_cut_between_characters(void **state)
{
	(void)state;
	assert_int_equal(text_cut(S("abc"), 3).n, 3);
	assert_int_equal(text_cut(S("abc"), 2).n, 2);
	assert_int_equal(text_cut(S("a\xc3\xbc" "b"), 2).n, 1);
	assert_int_equal(text_cut(S("a\xc3\xbc" "b"), 3).n, 3);
	assert_int_equal(text_cut(S("\xf0\x9f\x94\xa5"), 3).n, 0);
}

static void a_header_value_holds_no_line_end(void **state)
{
	(void)state;
	assert_true(is_header_value(S("")) && is_header_value(S("a\tb \xc3\xbc")));
	assert_false(is_header_value(S("a\r\nb")) || is_header_value(S("a\n")) || is_header_value(S("a\0b")) ||
	    is_header_value(S("\x7f")));
	assert_true(is_visible(S("a/1/0")));
	assert_false(is_visible(S("")) || is_visible(S("a b")) || is_visible(S("\xc3\xbc")));
}

static void an_http_date_is_read_in_its_one_form(void **state)
{
	(void)state;
	int64_t ms = -1;
	assert_int_equal(http_date_read(S("Sun, 06 Nov 1994 08:49:37 GMT"), &ms), 0);
	assert_true(ms == INT64_C(784111777000));
	static const char *const bad[] = { "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
		"Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 36 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT " };
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_not_equal(http_date_read(str_c(bad[i]), &ms), 0);
}

static void a_mail_date_names_the_right_weekday(void **state)
{
	(void)state;
	static const struct { int64_t ms; const char *want; } t[] = {
		{ 0, "Thu, 01 Jan 1970 00:00:00 +0000" }, { INT64_C(1767323045678), "Fri, 02 Jan 2026 03:04:05 +0000" },
		{ INT64_C(951782400000), "Tue, 29 Feb 2000 00:00:00 +0000" }, { -5, "Thu, 01 Jan 1970 00:00:00 +0000" },
		{ INT64_C(253402300799999), "Fri, 31 Dec 9999 23:59:59 +0000" },
	};
	for (size_t i = 0; i < COUNT(t); i++) {
		struct buf b = BUF(64);
		mail_date_write(&b, t[i].ms);
		assert_string_equal(b.p, t[i].want);
		buf_free(&b);
	}
}

static void retry_after_is_seconds_or_a_date_and_never_long(void **state)
{
	(void)state;
	static const int64_t now = INT64_C(784111777000);       /* Sun, 06 Nov 1994 08:49:37 GMT */
	static const struct { const char *header; int64_t want; } t[] = {
		{ "", 0 }, { "0", 0 }, { "1", 1000 }, { " 30 ", 30000 }, { "900", 900000 }, { "901", 900000 },
		{ "99999999999999999999999999", 900000 }, { "-5", 0 }, { "1.5", 0 }, { "soon", 0 },
		{ "Sun, 06 Nov 1994 08:50:07 GMT", 30000 }, { "Sun, 06 Nov 1994 08:49:00 GMT", 0 },
		{ "Mon, 07 Nov 1994 08:49:37 GMT", 900000 }, { "Sun, 06 Nov 1994 08:50:07 CET", 0 },
	};
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(retry_after_ms(str_c(t[i].header), now), t[i].want);
	assert_int_equal(retry_after_ms(S("Sun, 06 Nov 1994 08:49:37 GMT"), INT64_MIN), 0);
	assert_int_equal(retry_after_ms(S("Sun, 06 Nov 1994 08:49:37 GMT"), INT64_MAX), 0);
}

static void an_http_status_says_what_becomes_of_the_page(void **state)
{
	(void)state;
	static const struct { int status; enum channel_verdict want; int64_t after; } t[] = {
		{ 200, CHANNEL_DELIVERED, 0 }, { 201, CHANNEL_DELIVERED, 0 }, { 204, CHANNEL_DELIVERED, 0 }, { 299, CHANNEL_DELIVERED, 0 },
		{ 100, CHANNEL_REFUSED, 0 }, { 301, CHANNEL_REFUSED, 0 }, { 302, CHANNEL_REFUSED, 0 }, { 304, CHANNEL_REFUSED, 0 },
		{ 400, CHANNEL_REFUSED, 0 }, { 401, CHANNEL_REFUSED, 0 }, { 403, CHANNEL_REFUSED, 0 }, { 404, CHANNEL_REFUSED, 0 },
		{ 410, CHANNEL_REFUSED, 0 }, { 418, CHANNEL_REFUSED, 0 }, { 408, CHANNEL_RETRY, 7000 }, { 425, CHANNEL_RETRY, 7000 },
		{ 429, CHANNEL_RETRY, 7000 }, { 500, CHANNEL_RETRY, 7000 }, { 501, CHANNEL_RETRY, 7000 }, { 503, CHANNEL_RETRY, 7000 },
		{ 599, CHANNEL_RETRY, 7000 }, { 0, CHANNEL_RETRY, 7000 }, { 600, CHANNEL_REFUSED, 0 },
	};
	struct arena a = ARENA(1 << 20);
	for (size_t i = 0; i < COUNT(t); i++) {
		struct channel_judgement j = { 0 };
		judge_http(&a, &(struct wire_reply){ .status = t[i].status, .retry_after = S("7") }, 0, &j);
		assert_int_equal(j.verdict, t[i].want);
		assert_int_equal(j.retry_after_ms, t[i].after);
		assert_true(j.reason.n > 8);
	}
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_stays_one_line),
		cmocka_unit_test(a_block_keeps_its_lines_and_nothing_else),
		cmocka_unit_test(a_text_is_cut_between_characters),
		cmocka_unit_test(a_header_value_holds_no_line_end),
		cmocka_unit_test(an_http_date_is_read_in_its_one_form),
		cmocka_unit_test(a_mail_date_names_the_right_weekday),
		cmocka_unit_test(retry_after_is_seconds_or_a_date_and_never_long),
		cmocka_unit_test(an_http_status_says_what_becomes_of_the_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
