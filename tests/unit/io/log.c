/* Log lines, through a pipe, as a collector would read them. */
#include "io/log.h"
#include "base/json.h"
#include "base/when.h"
#include "io/clock.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct pipe_log { struct log log; int out; struct arena mem; };

static struct pipe_log begin(int threshold, enum log_format format)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	struct pipe_log p = { .out = fds[0], .mem = ARENA(1 << 20) };
	log_init(&p.log, fds[1], threshold, format);
	return p;
}

/* Everything that was written. Ends the log. */
static struct str end(struct pipe_log *p)
{
	struct buf b = BUF(1 << 20);
	char part[4096];
	close(p->log.fd);
	for (ssize_t n; (n = read(p->out, part, sizeof part)) > 0;)
		buf_add(&b, (struct str){ part, (size_t)n });
	close(p->out);
	struct str all = arena_str(&p->mem, buf_str(&b));
	buf_free(&b);
	return all;
}

static bool has(struct str s, const char *what)
{
	return memmem(s.p, s.n, what, strlen(what)) != NULL;
}

static void what_is_no_terminal_gets_json(void **state)
{
	(void)state;
	struct pipe_log p = begin(0, LOG_AUTO);
	int64_t ts = 0, now = clock_wall_ms();
	log_write(&p.log, 2, S("inc-1"), "a \"quoted\"\nword");
	struct str line = end(&p), why;
	assert_int_equal(line.p[line.n - 1], '\n');
	assert_ptr_equal(memchr(line.p, '\n', line.n), line.p + line.n - 1);
	const struct jv *v = json_parse(&p.mem, str_trim(line), &why);
	assert_non_null(v);
	assert_true(str_eq(json_text(v, S("level")), S("warn")));
	assert_true(str_eq(json_text(v, S("msg")), S("a \"quoted\"\nword")));
	assert_true(str_eq(json_text(v, S("incident_id")), S("inc-1")));
	assert_int_equal(when_read(json_text(v, S("ts")), &ts), 0);
	assert_in_range(ts, now, now + 60000);
	arena_free(&p.mem);
}

static void a_terminal_gets_logfmt(void **state)
{
	(void)state;
	struct pipe_log p = begin(0, LOG_LOGFMT);
	log_write(&p.log, 1, S(""), "begun");
	log_write(&p.log, 3, S("inc-2"), "bad\x1b[2J");
	struct str all = end(&p), first, second;
	assert_true(str_cut(all, '\n', &first, &second));
	assert_true(str_starts(first, S("ts=20")));
	assert_true(has(first, "Z level=info msg=\"begun\""));
	assert_false(has(first, "incident_id"));
	assert_true(has(second, "level=error msg=\"bad\\u001b[2J\" incident_id=inc-2\n"));
	arena_free(&p.mem);
}

static void lines_below_the_threshold_are_not_written(void **state)
{
	(void)state;
	struct pipe_log p = begin(2, LOG_JSON);
	log_write(&p.log, 0, S(""), "debug");
	log_write(&p.log, 1, S(""), "info");
	log_write(&p.log, 2, S(""), "warn");
	log_change(&p.log, 0, LOG_LOGFMT);
	log_write(&p.log, 0, S(""), "late");
	struct str all = end(&p);
	assert_true(has(all, "\"warn\""));
	assert_true(has(all, "level=debug msg=\"late\""));
	assert_false(has(all, "info"));
	arena_free(&p.mem);
}

static void a_long_or_broken_message_becomes_a_line_of_json(void **state)
{
	(void)state;
	static const struct { const char *fill, *last; } cases[] = { { "x", "..." }, { "\x01", "..." }, { "\xc3\xa9", "..." }, { "\xff", "..." } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pipe_log p = begin(0, LOG_JSON);
		struct buf text = BUF(1 << 20);
		struct str why;
		while (text.n < 100000)
			buf_add(&text, str_c(cases[i].fill));
		log_write(&p.log, 3, buf_str(&text), text.p);
		struct str line = end(&p);
		assert_true(line.n <= LOG_LINE_MAX);
		const struct jv *v = json_parse(&p.mem, str_trim(line), &why);
		assert_non_null(v);
		struct str msg = json_text(v, S("msg"));
		assert_true(str_eq(str_skip(msg, msg.n - 3), S("...")));
		assert_true(msg.n > 500);
		buf_free(&text);
		arena_free(&p.mem);
	}
}

static void *write_many(void *ctx)
{
	for (int i = 0; i < 200; i++)
		log_write(ctx, 1, S("inc"), "a line that several threads write at once");
	return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
	(void)state;
	struct pipe_log p = begin(0, LOG_JSON);
	pthread_t threads[2];
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, &p.log), 0);
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	struct str all = end(&p), line, why;
	int n = 0;
	struct arena a = ARENA(1 << 20);
	for (; str_cut(all, '\n', &line, &all); n++) {
		assert_non_null(json_parse(&a, line, &why));
		arena_reset(&a);
	}
	assert_int_equal(n, 400);
	arena_free(&a);
	arena_free(&p.mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_terminal_gets_json),
		cmocka_unit_test(a_terminal_gets_logfmt),
		cmocka_unit_test(lines_below_the_threshold_are_not_written),
		cmocka_unit_test(a_long_or_broken_message_becomes_a_line_of_json),
		cmocka_unit_test(lines_of_several_threads_do_not_mix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
