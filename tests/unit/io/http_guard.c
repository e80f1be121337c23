/* The rules that decide which requests get in, on plain texts. */
#include "io/http_guard.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct http_guard_limits limits = { .header_max = 16384, .headers_max = 100, .body_max = 1000 };

/* Feeds a head as a parser with CRLF line ends would, and asks. */
static int verdict(const char *version, const char *fields)
{
	struct http_head h = { S("POST"), S("/in"), str_c(version), 0, false };
	struct http_framing f = http_framing_begin(&h);
	struct str rest = str_c(fields), line, name, value;
	while (str_cut(rest, '\n', &line, &rest)) {
		assert_true(str_cut(line, ':', &name, &value));
		http_framing_field(&f, name, (struct str){ value.p + (value.n > 0 && value.p[0] == ' '), value.n - (value.n > 0 && value.p[0] == ' ') });
	}
	struct http_refusal r = http_framing_verdict(&f, &limits);
	assert_true((r.status == 0) == (r.what == NULL));
	return r.status;
}

static void framing_that_two_readers_could_read_differently_is_refused(void **state)
{
	(void)state;
	static const struct { int status; const char *version, *fields; } cases[] = {
		{ 0, "HTTP/1.1", "Host: x\n" },
		{ 0, "HTTP/1.1", "Host: x\nContent-Length: 1000\n" },
		{ 0, "HTTP/1.1", "Host: x\nTransfer-Encoding: Chunked\n" },
		{ 0, "HTTP/1.1", "Host:\nX-Empty:\n" },
		{ 0, "HTTP/1.0", "Content-Length: 0\n" },
		{ 400, "HTTP/1.1", "" },
		{ 400, "HTTP/1.1", "Host: x\nHost: x\n" },
		{ 400, "HTTP/1.0", "Host: x\nHost: y\n" },
		{ 400, "HTTP/1.1", "Host: x\nContent-Length: 5\nContent-Length: 5\n" },
		{ 400, "HTTP/1.1", "Host: x\ncontent-length: 5\nTransfer-encoding: chunked\n" },
		{ 400, "HTTP/1.1", "Host: x\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked\n" },
		{ 501, "HTTP/1.1", "Host: x\nTransfer-Encoding: gzip, chunked\n" },
		{ 501, "HTTP/1.1", "Host: x\nTransfer-Encoding: xchunked\n" },
		{ 501, "HTTP/1.1", "Host: x\nTransfer-Encoding:\n" },
		{ 400, "HTTP/1.0", "Host: x\nTransfer-Encoding: chunked\n" },
		{ 400, "HTTP/1.1", "Host: x\nContent-Length: +5\n" },
		{ 400, "HTTP/1.1", "Host: x\nContent-Length: -1\n" },
		{ 400, "HTTP/1.1", "Host: x\nContent-Length: 5, 5\n" },
		{ 400, "HTTP/1.1", "Host: x\nContent-Length: 0x5\n" },
		{ 400, "HTTP/1.1", "Host: x\nContent-Length:\n" },
		{ 400, "HTTP/1.1", "Host: x\nContent-Length: 18446744073709551616\n" },
		{ 413, "HTTP/1.1", "Host: x\nContent-Length: 18446744073709551615\n" },
		{ 413, "HTTP/1.1", "Host: x\nContent-Length: 1001\n" },
		{ 400, "HTTP/1.1", "Host : x\n" },
		{ 400, "HTTP/1.1", "Host: x\n X: y\n" },
		{ 400, "HTTP/1.1", "Host: x\nX(Y): y\n" },
		{ 400, "HTTP/1.1", "Host: x\nX: a\rb\n" },
		{ 400, "HTTP/1.1", "Host: x\nX: a\x7f\n" },
		{ 0, "HTTP/1.1", "Host: x\nX: a\tb \xc3\xa9\n" },
		{ 505, "HTTP/9.9", "Host: x\n" },
		{ 505, "HTTP/1.2", "Host: x\n" },
		{ 505, "", "Host: x\n" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		int got = verdict(cases[i].version, cases[i].fields);
		if (got != cases[i].status)
			fail_msg("%s %s: %d, not %d", cases[i].version, cases[i].fields, got, cases[i].status);
	}
}

static void size_and_number_of_headers_are_held_at_the_limit(void **state)
{
	(void)state;
	static const char line[] = "X: y";
	struct http_head h = { S("GET"), S("/"), S("HTTP/1.0"), 16384, false };
	struct http_framing f = http_framing_begin(&h);
	for (int i = 0; i < 100; i++)
		http_framing_field(&f, (struct str){ line, 1 }, (struct str){ line + 3, 1 });
	assert_int_equal(http_framing_verdict(&f, &limits).status, 0);
	h.size = 16385;
	assert_int_equal(http_framing_verdict(&f, &limits).status, 431);
	h.size = 16384;
	http_framing_field(&f, (struct str){ line, 1 }, (struct str){ line + 3, 1 });
	assert_int_equal(http_framing_verdict(&f, &limits).status, 431);
}

/* The verdict on a head with one field, of which each part is shown as (place, length). */
static int exact_verdict(const char *head, size_t target, size_t version, size_t name, size_t n_name, size_t value, size_t n_value, size_t size)
{
	struct http_head h = { { head, 3 }, { head + target, 1 }, { head + version, 8 }, size, true };
	struct http_framing f = http_framing_begin(&h);
	http_framing_field(&f, (struct str){ head + name, n_name }, (struct str){ head + value, n_value });
	return http_framing_verdict(&f, &limits).status;
}

static void a_head_with_a_byte_that_was_not_shown_is_refused(void **state)
{
	(void)state;
	assert_int_equal(exact_verdict("GET / HTTP/1.1\r\nHost:  x\r\n\r\n", 4, 6, 16, 4, 23, 1, 28), 0);
	assert_int_equal(exact_verdict("GET / HTTP/1.1\r\nHost:  x\r\n\n", 4, 6, 16, 4, 23, 1, 27), 400);
	assert_int_equal(exact_verdict("GET / HTTP/1.1\r\nHost:  x\n\r\n", 4, 6, 16, 4, 23, 1, 27), 400);
	assert_int_equal(exact_verdict("GET / HTTP/1.1\nHost:  x\r\n\r\n", 4, 6, 15, 4, 22, 1, 27), 400);
	assert_int_equal(exact_verdict("GET  / HTTP/1.1\r\nHost:  x\r\n\r\n", 5, 7, 17, 4, 24, 1, 29), 400);
	assert_int_equal(exact_verdict("GET  / HTTP/1.1\r\nHost:  x\r\n\n", 5, 7, 17, 4, 24, 1, 28), 400);
	assert_int_equal(exact_verdict("GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n", 4, 6, 16, 4, 22, 1, 29), 400);
}

static void targets_are_taken_apart_and_decoded(void **state)
{
	(void)state;
	static const struct { const char *target, *path, *query; } cases[] = {
		{ "/", "/", "" }, { "/a%2Fb%20c+d", "/a/b c+d", "" }, { "/x?", "/x", "" }, { "/x?a=1&b=%41", "/x", "a=1&b=%41" },
		{ "/x??a", "/x", "?a" }, { "*", "*", "" }, { "http://h:1/x?y", "/x", "y" }, { "HTTPS://h", "/", "" },
		{ "http://h?y=1", "/", "y=1" }, { "/%c3%a9", "/\xc3\xa9", "" },
		{ "", NULL, NULL }, { "x", NULL, NULL }, { "ftp://h/x", NULL, NULL }, { "/%", NULL, NULL }, { "/%4", NULL, NULL },
		{ "/%zz", NULL, NULL }, { "/%00", NULL, NULL }, { "/%ff", NULL, NULL }, { "/\xff", NULL, NULL }, { "/a b", NULL, NULL },
		{ "/a#b", NULL, NULL }, { "/a?b#c", NULL, NULL }, { "/?a=%00", NULL, NULL }, { "/?a=%ff", NULL, NULL }, { "/?a=%1", NULL, NULL },
		{ "/a\tb", NULL, NULL }, { "/\x7f", NULL, NULL },
	};
	struct arena a = ARENA(1 << 20);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct str path = { 0 }, query = { 0 };
		struct http_refusal r = http_target_read(&a, str_c(cases[i].target), &path, &query);
		if ((r.status == 0) != (cases[i].path != NULL))
			fail_msg("%s: %d %s", cases[i].target, r.status, r.what ? r.what : "");
		if (cases[i].path == NULL)
			continue;
		assert_true(str_eq(path, str_c(cases[i].path)));
		assert_true(str_eq(query, str_c(cases[i].query)));
	}
	arena_free(&a);
}

static void a_query_gives_the_first_value_of_a_name(void **state)
{
	(void)state;
	struct arena a = ARENA(1 << 20);
	struct str query = S("a=1&b=x+y%2B&c&d=&a=2&%65=%3D&=z"), v;
	static const struct { const char *name, *value; } cases[] = {
		{ "a", "1" }, { "b", "x y+" }, { "c", "" }, { "d", "" }, { "e", "=" }, { "", "z" }, { "f", NULL }, { "A", NULL },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		bool is_there = http_query_find(&a, query, str_c(cases[i].name), &v);
		assert_int_equal(is_there, cases[i].value != NULL);
		if (is_there)
			assert_true(str_eq(v, str_c(cases[i].value)));
	}
	assert_false(http_query_find(&a, S(""), S("a"), &v));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(framing_that_two_readers_could_read_differently_is_refused),
		cmocka_unit_test(size_and_number_of_headers_are_held_at_the_limit),
		cmocka_unit_test(a_head_with_a_byte_that_was_not_shown_is_refused),
		cmocka_unit_test(targets_are_taken_apart_and_decoded),
		cmocka_unit_test(a_query_gives_the_first_value_of_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
