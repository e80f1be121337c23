/* dump.c - the portable file: what comes back is what went in, and no damage of any kind is taken for a backup. */
#include "store/dump.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct store_kind_def kinds[] = { { "doc", false }, { "log", true } }, fewer[] = { { "log", true } };
static const char bytes[] = "\x00\xff\x80 any \n\"\\ byte";

struct file { char *p; size_t n; };

static const struct store_doc docs[] = {
	{ .kind = 0, .id = { "plain", 5 }, .ver = 1, .due = STORE_NO_DUE, .expire = STORE_NO_DUE, .body = { "{\"a\":1}", 7 } },
	{ .kind = 0, .id = { bytes, 5 }, .ver = INT64_MAX, .token = { { 1, 0xfe } }, .due = 0, .expire = -5, .body = { bytes, sizeof bytes },
		.idx = { { "key", 3 }, { bytes, 4 }, { "", 0 }, { "\xc3\xa9", 2 } } },
	{ .kind = 1, .id = { "empty", 5 }, .ver = 7, .due = 12, .expire = STORE_NO_DUE, .body = { "", 0 } },
};

static struct file written(size_t n)
{
	struct file f;
	struct dump_writer w;
	FILE *to = open_memstream(&f.p, &f.n);
	dump_begin(&w, to, kinds, COUNT(kinds), &(struct dump_head){ INT64_C(1760000000000), S("sqlite"), true });
	for (size_t i = 0; i < n; i++)
		dump_doc(&w, &docs[i]);
	assert_int_equal(dump_end(&w), 0);
	assert_int_equal(fclose(to), 0);
	return f;
}

struct got { struct arena mem; struct store_doc v[8]; size_t n; };

static enum store_rc keep(void *ctx, const struct store_doc *d, size_t n)
{
	struct got *g = ctx;
	for (size_t i = 0; i < n; i++) {
		struct store_doc *to = &g->v[g->n++];
		*to = d[i];
		to->id = arena_str(&g->mem, d[i].id);
		to->body = arena_str(&g->mem, d[i].body);
		for (size_t k = 0; k < STORE_IDX; k++)
			to->idx[k] = arena_str(&g->mem, d[i].idx[k]);
	}
	return STORE_OK;
}

static enum store_rc read_as(struct file f, const struct store_kind_def *as, size_t n_as, every_take *take, void *ctx, struct dump_found *ret, struct buf *why)
{
	FILE *from = f.n ? fmemopen(f.p, f.n, "r") : fopen("/dev/null", "r");
	struct dump_file d = { from, S("x.backup"), as, n_as };
	buf_clear(why);
	assert_non_null(from);
	enum store_rc rc = dump_read(&d, take, ctx, ret, why);
	(void)fclose(from);
	return rc;
}

static enum store_rc read_it(struct file f, struct buf *why)
{
	struct dump_found found;
	return read_as(f, kinds, COUNT(kinds), NULL, NULL, &found, why);
}

static void what_comes_back_is_what_went_in(void **state)
{
	(void)state;
	struct file f = written(COUNT(docs));
	struct got g = { .mem = ARENA(1 << 20) };
	struct dump_found found;
	struct buf why = BUF(4096);
	assert_int_equal(read_as(f, kinds, COUNT(kinds), keep, &g, &found, &why), STORE_OK);
	assert_int_equal(g.n, COUNT(docs));
	for (size_t i = 0; i < g.n; i++)
		assert_true(doc_is_same(&g.v[i], &docs[i]));
	assert_int_equal(found.bytes, f.n);
	assert_int_equal(found.made_ms, INT64_C(1760000000000));
	assert_string_equal(found.backend, "sqlite");
	assert_true(found.is_still);
	assert_int_equal(found.census.kind[0].n, 2);
	arena_free(&g.mem);
	buf_free(&why);
	free(f.p);
}

static void an_empty_store_is_a_backup_too(void **state)
{
	(void)state;
	struct file f = written(0);
	struct buf why = BUF(4096);
	assert_int_equal(read_it(f, &why), STORE_OK);
	buf_free(&why);
	free(f.p);
}

static void every_byte_that_changes_is_noticed_and_its_line_named(void **state)
{
	(void)state;
	struct file f = written(COUNT(docs));
	struct buf why = BUF(4096);
	for (size_t i = 0; i < f.n; i++)
		for (int bit = 0; bit < 8; bit += 3) {
			f.p[i] = (char)(f.p[i] ^ 1 << bit);
			if (read_it(f, &why) == STORE_OK)
				fail_msg("bit %d of byte %zu may change unnoticed", bit, i);
			assert_non_null(strstr(why.p, "x.backup: byte "));
			f.p[i] = (char)(f.p[i] ^ 1 << bit);
		}
	assert_int_equal(read_it(f, &why), STORE_OK);
	buf_free(&why);
	free(f.p);
}

static void every_beginning_of_a_file_is_refused(void **state)
{
	(void)state;
	struct file f = written(COUNT(docs));
	struct buf why = BUF(4096);
	for (size_t n = 0; n < f.n; n++)
		if (read_it((struct file){ f.p, n }, &why) != STORE_CORRUPT)
			fail_msg("its first %zu bytes pass for the whole", n);
	buf_free(&why);
	free(f.p);
}

static void lines_that_are_missing_twice_or_moved_are_noticed(void **state)
{
	(void)state;
	struct file f = written(COUNT(docs)), g = { malloc(2 * f.n), 0 };
	struct buf why = BUF(4096);
	char *second = strchr(f.p, '\n') + 1, *third = strchr(second, '\n') + 1;
	size_t head = (size_t)(second - f.p), line = (size_t)(third - second), rest = f.n - head - line;
	assert_non_null(g.p);
	memcpy(g.p, f.p, head);
	memcpy(g.p + head, third, rest);
	assert_int_equal(read_it((struct file){ g.p, head + rest }, &why), STORE_CORRUPT);         /* one is missing */
	memcpy(g.p, f.p, head + line);
	memcpy(g.p + head + line, second, line + rest);
	assert_int_equal(read_it((struct file){ g.p, f.n + line }, &why), STORE_CORRUPT);          /* one is there twice */
	memcpy(g.p, f.p, f.n);
	memcpy(g.p + f.n, second, line);
	assert_int_equal(read_it((struct file){ g.p, f.n + line }, &why), STORE_CORRUPT);          /* one is behind the end */
	assert_non_null(strstr(why.p, "behind the last line"));
	free(g.p);
	buf_free(&why);
	free(f.p);
}

static void what_a_newer_program_wrote_is_said_to_be(void **state)
{
	(void)state;
	struct file f = written(COUNT(docs));
	struct dump_found found;
	struct buf why = BUF(4096);
	assert_int_equal(read_as(f, fewer, COUNT(fewer), NULL, NULL, &found, &why), STORE_FENCED);
	assert_non_null(strstr(why.p, "of the kind doc"));
	buf_free(&why);
	free(f.p);
}

static enum store_rc full(void *ctx, const struct store_doc *d, size_t n)
{
	(void)ctx, (void)d, (void)n;
	return STORE_FULL;
}

static void an_answer_of_the_taker_ends_the_reading(void **state)
{
	(void)state;
	struct file f = written(COUNT(docs));
	struct dump_found found;
	struct buf why = BUF(4096);
	assert_int_equal(read_as(f, kinds, COUNT(kinds), full, NULL, &found, &why), STORE_FULL);
	buf_free(&why);
	free(f.p);
}

static void a_disk_that_is_full_is_an_error_of_the_end(void **state)
{
	(void)state;
	struct dump_writer w;
	FILE *to = fopen("/dev/full", "w");
	assert_non_null(to);
	dump_begin(&w, to, kinds, COUNT(kinds), &(struct dump_head){ 0, S("json"), false });
	dump_doc(&w, &docs[0]);
	assert_int_not_equal(dump_end(&w), 0);
	(void)fclose(to);                                          /* it fails too */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_back_is_what_went_in), cmocka_unit_test(an_empty_store_is_a_backup_too),
		cmocka_unit_test(every_byte_that_changes_is_noticed_and_its_line_named), cmocka_unit_test(every_beginning_of_a_file_is_refused),
		cmocka_unit_test(lines_that_are_missing_twice_or_moved_are_noticed), cmocka_unit_test(what_a_newer_program_wrote_is_said_to_be),
		cmocka_unit_test(an_answer_of_the_taker_ends_the_reading), cmocka_unit_test(a_disk_that_is_full_is_an_error_of_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
