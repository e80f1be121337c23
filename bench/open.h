/* open.h - opens the store that a bench's command line names, whatever its driver: DRIVER and then --path, --table, --region, --endpoint, --shards as
 * store_options has them. What else stands on the line are numbers of the bench's own, given in a table. Every option has a value.
 */
#ifndef BENCH_OPEN_H
#define BENCH_OPEN_H
#include "io/clock.h"
#include "store/store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench_number { const char *name; int64_t value; };     /* what stands in the table is the default; the line replaces it */

static int64_t bench_wall(void *ctx)
{
	(void)ctx;
	return clock_wall_ms();
}

static int64_t bench_boot(void *ctx)
{
	(void)ctx;
	return clock_boot_ms();
}

static const char *bench_env(void *ctx, const char *name)
{
	(void)ctx;
	return getenv(name);
}

static void bench_set(struct store_options *o, struct bench_number *numbers, size_t n, const char *name, const char *value)
{
	const struct { const char *name; struct str *to; } texts[] = {
		{ "--path", &o->path }, { "--table", &o->table }, { "--region", &o->region }, { "--endpoint", &o->endpoint } };
	int64_t shards = 0;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (strcmp(texts[i].name, name) == 0) {
			*texts[i].to = str_c(value);
			return;
		}
	if (strcmp(name, "--shards") == 0 && str_int(str_c(value), &shards)) {
		o->shards = (unsigned)shards;
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (strcmp(numbers[i].name, name) == 0 && str_int(str_c(value), &numbers[i].value) && numbers[i].value >= 0)
			return;
	fprintf(stderr, "%s %s is no option, or not one with such a value\n", name, value);
	exit(2);
}

static void bench_read(struct store_options *o, struct bench_number *numbers, size_t n, char **words, int n_words)
{
	for (int i = 0; i < n_words; i += 2)
		bench_set(o, numbers, n, words[i], i + 1 < n_words ? words[i + 1] : "");
	o->clock = (struct store_clock){ NULL, bench_boot, bench_wall };
	o->env = bench_env;
}

static struct store *bench_open(const char *driver, const struct store_options *o)
{
	struct buf why = BUF(4096);
	struct store *s = NULL;
	enum store_rc rc = store_open(str_c(driver), o, &s, &why);
	if (rc != STORE_OK) {
		fprintf(stderr, "the %s store does not open: %s\n", driver, why.p ? why.p : store_rc_name(rc));
		exit(1);
	}
	buf_free(&why);
	return s;
}
#endif
