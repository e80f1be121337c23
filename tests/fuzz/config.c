/* config.c - any bytes as a configuration file: loaded or refused with findings, never a crash; what loads must show and read back the same. */
#include "main/config.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct input { const char *p; size_t n; };

static const char *no_env(void *ctx, const char *name)
{
	(void)ctx;
	return strncmp(name, "KEY", 3) == 0 ? name : NULL;
}

static int read_input(void *ctx, struct arena *a, struct str path, size_t max, struct str *ret)
{
	const struct input *in = ctx;
	(void)path;
	return in->n > max ? EFBIG : str_keep(a, (struct str){ in->p, in->n }, ret);
}

static struct config *load(struct input *in, struct report *r)
{
	struct config_outside o = { in, no_env, read_input };
	return config_load(&o, S("fuzz.yaml"), r);
}

static void check_round_trip(const struct config *c, struct arena *mem)
{
	struct buf first = BUF(64 << 20), second = BUF(64 << 20);
	config_show(c, &first, false);
	struct input shown = { first.p, first.n };
	struct report r = { .a = mem, .is_lenient = true };
	struct config *again = load(&shown, &r);
	assert(again != NULL || r.errors > 0);
	if (again) {
		config_show(again, &second, false);
		assert(str_eq(buf_str(&first), buf_str(&second)));
	}
	assert(again != NULL || shown.n > CONFIG_BYTES_MAX);
	config_free(again);
	buf_free(&first);
	buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena mem = ARENA((size_t)256 << 20);
	struct input in = { (const char *)data, n };
	struct report r = { .a = &mem, .is_lenient = n % 2 == 0 };
	struct buf said = BUF(16 << 20);
	struct config *c = load(&in, &r);
	assert((c == NULL) == (r.errors > 0));
	report_write(&r, &said, REPORT_TEXT);
	assert(r.errors + r.warnings == 0 || said.n > 0);
	if (c)
		check_round_trip(c, &mem);
	config_free(c);
	buf_free(&said);
	arena_free(&mem);
	return 0;
}
