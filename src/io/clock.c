/* clock.c - reads the kernel's clocks; see clock.h for which one to ask. They cannot fail for these arguments. */
#include "io/clock.h"
#include <assert.h>
#include <time.h>

static struct timespec read_clock(clockid_t id)
{
	struct timespec t;
	int failed = clock_gettime(id, &t);
	assert(!failed);
	return t;
}

static int64_t as_ms(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
	return as_ms(read_clock(CLOCK_REALTIME));
}

int64_t clock_mono_ms(void)
{
	return as_ms(read_clock(CLOCK_MONOTONIC));
}

int64_t clock_boot_ms(void)
{
	return as_ms(read_clock(CLOCK_BOOTTIME));
}

int64_t clock_mono_us(void)
{
	struct timespec t = read_clock(CLOCK_MONOTONIC);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
