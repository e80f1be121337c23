/* table.c - what holds for every channel, by a loop over the table: a new one is tested by being there. */
#include "channels/channel.h"
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct arena mem = { .limit = 16 << 20 };

static int clean(void **state)
{
	(void)state;
	arena_free(&mem);
	return 0;
}

static void every_channel_is_found_by_its_name_and_fills_every_slot(void **state)
{
	(void)state;
	assert_true(channel_count() >= 3);
	for (size_t i = 0; i < channel_count(); i++) {
		const struct channel *c = channel_at(i);
		assert_ptr_equal(channel_find(str_c(c->name)), c);
		assert_true(c->doc && c->settings && c->settings->f && c->build && c->judge && c->check_address);
		for (size_t k = 0; k < c->settings->nf; k++)
			assert_true(strlen(c->settings->f[k].doc) > 4);
	}
	assert_null(channel_find(S("smoke_signal")));
	assert_null(channel_find(S("")));
}

static enum channel_verdict verdict(const struct channel *c, int status, const char *error)
{
	struct channel_judgement j = { 0 };
	c->judge(&mem, &(struct wire_reply){ .status = status, .error = str_c(error) }, 0, &j);
	assert_true(j.reason.n > 0 && j.reason.n < 1024);
	return j.verdict;
}

static void no_answer_is_a_reason_to_try_again_for_every_channel(void **state)
{
	(void)state;
	for (size_t i = 0; i < channel_count(); i++) {
		assert_int_equal(verdict(channel_at(i), 0, "connection refused"), CHANNEL_RETRY);
		assert_int_equal(verdict(channel_at(i), 0, ""), CHANNEL_RETRY);
	}
}

static void every_status_gets_a_verdict_and_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < channel_count(); i++)
		for (int status = -1; status < 1000; status++)
			assert_int_equal(verdict(channel_at(i), status, "") == CHANNEL_DELIVERED, status / 100 == 2);
}

static void what_the_far_side_says_is_one_clean_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < channel_count(); i++) {
		struct channel_judgement j = { 0 };
		channel_at(i)->judge(&mem, &(struct wire_reply){ .error = S("a\r\nb\x1b[2J\xc2\x9b" "c") }, 0, &j);
		for (size_t k = 0; k < j.reason.n; k++)
			assert_true((unsigned char)j.reason.p[k] >= ' ' && j.reason.p[k] != 0x7f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_channel_is_found_by_its_name_and_fills_every_slot, clean),
		cmocka_unit_test_teardown(no_answer_is_a_reason_to_try_again_for_every_channel, clean),
		cmocka_unit_test_teardown(every_status_gets_a_verdict_and_a_reason, clean),
		cmocka_unit_test_teardown(what_the_far_side_says_is_one_clean_line, clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
