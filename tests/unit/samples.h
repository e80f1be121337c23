/* samples.h - tests that are files. DIR/NN.json goes through a function that writes what it makes of it; that must be equal to
 * DIR/NN.want. Adding a sample is adding a file: WRITE_WANT=1 writes the missing NN.want, to be read before it is committed.
 */
#ifndef TESTS_SAMPLES_H
#define TESTS_SAMPLES_H
#include "base/base.h"
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef void sample_f(const void *ctx, struct str input, struct buf *got);

static inline bool sample_load(const char *path, struct buf *b)
{
	char part[4096];
	size_t n;
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		return false;
	while ((n = fread(part, 1, sizeof part, f)) > 0)
		buf_add(b, (struct str){ part, n });
	assert_int_equal(fclose(f), 0);
	assert_int_equal(b->err, 0);
	return true;
}

static inline void sample_save(const char *path, struct str s)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(s.p, 1, s.n, f), s.n);
	assert_int_equal(fclose(f), 0);
}

static inline void sample_check(const char *dir, struct str name, sample_f *fn, const void *ctx)
{
	struct buf json = BUF(1024), want_path = BUF(1024), input = BUF(4 << 20), want = BUF(4 << 20), got = BUF(4 << 20);
	buf_fmt(&json, "%s/%.*s.json", dir, STR_ARG(name));
	buf_fmt(&want_path, "%s/%.*s.want", dir, STR_ARG(name));
	assert_true(sample_load(json.p, &input));
	fn(ctx, buf_str(&input), &got);
	assert_int_equal(got.err, 0);
	bool has_want = sample_load(want_path.p, &want);
	if (!has_want && getenv("WRITE_WANT")) {
		sample_save(want_path.p, buf_str(&got));
		buf_add(&want, buf_str(&got));
	}
	if (!str_eq(buf_str(&got), buf_str(&want)))
		fail_msg("%s became\n%.*sbut %s says\n%.*s", json.p, STR_ARG(buf_str(&got)), want_path.p,
		    STR_ARG(buf_str(&want)));
	struct buf *all[] = { &json, &want_path, &input, &want, &got };
	for (size_t i = 0; i < COUNT(all); i++)
		buf_free(all[i]);
}

/* Every NN.json of the directory; there must be one. */
static inline void samples_check(const char *dir, sample_f *fn, const void *ctx)
{
	size_t n = 0;
	DIR *d = opendir(dir);
	if (d == NULL)
		fail_msg("no samples in %s: %s (tests run from the top of the tree)", dir, strerror(errno));
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		struct str name = str_c(e->d_name), stem = { name.p, name.n > 5 ? name.n - 5 : 0 };
		if (stem.n == 0 || !str_eq(str_skip(name, stem.n), S(".json")))
			continue;
		sample_check(dir, stem, fn, ctx);
		n++;
	}
	assert_int_equal(closedir(d), 0);
	assert_true(n > 0);
}
#endif
