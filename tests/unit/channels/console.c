/* console.c - a page as one line that nothing in an alert can break or disguise. */
#include "channels/channel.h"
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct str line_of(struct arena *a, const char *title, const char *service_name)
{
	const struct channel *c = channel_find(S("console"));
	struct incident in = { .number = 42, .severity = 5, .title = str_c(title), .service = S("checkout") };
	struct page p = { .target = S("channel:console") };
	struct message m = { &in, &p, str_c(service_name), S(""), 0 };
	struct wire_request r = { 0 };
	struct str why;
	assert_int_equal(c->build(a, NULL, &m, &r, &why), 0);
	assert_true(str_eq(r.url, S("console:")));
	return r.body;
}

static void a_page_is_one_line_that_says_what_to_do(void **state)
{
	(void)state;
	struct arena a = ARENA(1 << 20);
	assert_string_equal(line_of(&a, "disk full on db1", "").p,
	    "PAGE #42 [5 critical] disk full on db1 - checkout - level 0 - target channel:console - ack: tocsin ack 42\n");
	assert_string_equal(line_of(&a, "x", "Checkout API").p,
	    "PAGE #42 [5 critical] x - Checkout API - level 0 - target channel:console - ack: tocsin ack 42\n");
	arena_free(&a);
}

static void nothing_in_an_alert_can_write_to_the_terminal(void **state)
{
	(void)state;
	struct arena a = ARENA(1 << 20);
	struct str s = line_of(&a, "one\nPAGE #99 forged\x1b[2J\r\x07\xc2\x9b" "2Jtwo", "s\n\x1b]0;x\x07");
	for (size_t i = 0; i + 1 < s.n; i++)
		assert_true((unsigned char)s.p[i] >= ' ' && s.p[i] != 0x7f);
	assert_null(memmem(s.p, s.n, "\xc2\x9b", 2));
	assert_true(s.p[s.n - 1] == '\n');
	arena_free(&a);
}

static void a_console_takes_no_address(void **state)
{
	(void)state;
	const struct channel *c = channel_find(S("console"));
	assert_int_equal(c->check_address(NULL, S("")).n, 0);
	assert_true(c->check_address(NULL, S("tty1")).n > 0);
	assert_false(c->needs_address);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_one_line_that_says_what_to_do),
		cmocka_unit_test(nothing_in_an_alert_can_write_to_the_terminal),
		cmocka_unit_test(a_console_takes_no_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
