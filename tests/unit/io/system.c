/* Clocks, randomness, signals: the small doors to the kernel. */
#include "base/base.h"
#include "io/clock.h"
#include "io/random.h"
#include "io/signals.h"
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void clocks_tell_milliseconds_that_never_run_backwards(void **state)
{
	(void)state;
	assert_true(clock_wall_ms() > INT64_C(1600000000000));
	int64_t ms = clock_mono_ms(), boot = clock_boot_ms();
	assert_true(boot >= ms);
	ms = clock_mono_ms();
	int64_t us = clock_mono_us();
	assert_in_range(us / 1000 - ms, 0, 1000);
	assert_true(clock_mono_ms() >= ms);
}

static void random_bytes_fill_the_whole_and_differ(void **state)
{
	(void)state;
	enum { N = 1000 };
	uint8_t a[N + 1] = { 0 }, b[N] = { 0 };
	size_t zeros = 0;
	random_bytes(a, N);
	random_bytes(b, N);
	assert_memory_not_equal(a, b, N);
	assert_int_equal(a[N], 0);
	for (size_t i = 0; i < N; i++)
		zeros += a[i] == 0;
	assert_true(zeros < 100);
}

static void signals_wait_until_they_are_asked_for(void **state)
{
	(void)state;
	int fd = signals_open();
	assert_true(fd >= 0);
	assert_int_equal(signals_next(fd, 0), 0);
	static const int ones[] = { SIGTERM, SIGHUP, SIGINT, SIGUSR1 };
	for (size_t i = 0; i < COUNT(ones); i++) {
		assert_int_equal(kill(getpid(), ones[i]), 0);
		assert_int_equal(signals_next(fd, 1000), ones[i]);
		assert_int_equal(signals_next(fd, 0), 0);
	}
	close(fd);
}

static void a_broken_pipe_is_an_error(void **state)
{
	(void)state;
	int fd = signals_open(), fds[2];
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_int_equal(write(fds[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(fds[1]);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clocks_tell_milliseconds_that_never_run_backwards),
		cmocka_unit_test(random_bytes_fill_the_whole_and_differ),
		cmocka_unit_test(signals_wait_until_they_are_asked_for),
		cmocka_unit_test(a_broken_pipe_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
