/* Whole files in and out, in a directory of their own. */
#include "io/files.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct place { char dir[PATH_MAX / 4], path[PATH_MAX / 2]; struct arena mem; struct buf why; };

static struct place begin(void)
{
	const char *tmp = getenv("TMPDIR");
	struct place p = { .mem = ARENA(1 << 20), .why = BUF(4096) };
	(void)snprintf(p.dir, sizeof p.dir, "%s/tocsin-files-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(p.dir));
	(void)snprintf(p.path, sizeof p.path, "%s/file", p.dir);
	return p;
}

static void end(struct place *p)
{
	(void)unlink(p->path);
	assert_int_equal(rmdir(p->dir), 0);
	arena_free(&p->mem);
	buf_free(&p->why);
}

static int entries(const struct place *p)
{
	DIR *d = opendir(p->dir);
	int n = 0;
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void what_was_written_is_read_back_and_a_nul_follows(void **state)
{
	(void)state;
	struct place p = begin();
	struct str got;
	struct stat st;
	assert_int_equal(file_write(p.path, S("one"), 0600, &p.why), 0);
	assert_int_equal(file_write(p.path, S("a\0b"), 0640, &p.why), 0);
	assert_int_equal(file_read(&p.mem, p.path, 100, &got, &p.why), 0);
	assert_true(str_eq(got, S("a\0b")));
	assert_int_equal(got.p[got.n], 0);
	assert_int_equal(stat(p.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(entries(&p), 1);
	assert_int_equal(p.why.n, 0);
	end(&p);
}

static void a_file_may_have_exactly_the_limit(void **state)
{
	(void)state;
	struct place p = begin();
	struct str got;
	char bytes[20001];
	memset(bytes, 'x', sizeof bytes);
	assert_int_equal(file_write(p.path, (struct str){ bytes, 20000 }, 0600, &p.why), 0);
	assert_int_equal(file_read(&p.mem, p.path, 20000, &got, &p.why), 0);
	assert_int_equal(got.n, 20000);
	assert_int_equal(file_read(&p.mem, p.path, 19999, &got, &p.why), EFBIG);
	assert_non_null(strstr(p.why.p, p.path));
	assert_non_null(strstr(p.why.p, "smaller file"));
	end(&p);
}

static void an_empty_file_is_an_empty_text(void **state)
{
	(void)state;
	struct place p = begin();
	struct str got;
	assert_int_equal(file_write(p.path, S(""), 0600, &p.why), 0);
	assert_int_equal(file_read(&p.mem, p.path, 0, &got, &p.why), 0);
	assert_int_equal(got.n, 0);
	end(&p);
}

static void an_error_names_the_file_and_a_cure(void **state)
{
	(void)state;
	struct place p = begin();
	struct str got;
	char inside[PATH_MAX];
	assert_int_equal(file_read(&p.mem, p.path, 100, &got, &p.why), ENOENT);
	assert_non_null(strstr(p.why.p, p.path));
	assert_non_null(strstr(p.why.p, "check the path"));
	assert_int_equal(file_read(&p.mem, p.dir, 100, &got, &p.why), EISDIR);
	(void)snprintf(inside, sizeof inside, "%s/not/there", p.dir);
	buf_clear(&p.why);
	assert_int_equal(file_write(inside, S("x"), 0600, &p.why), ENOENT);
	assert_non_null(strstr(p.why.p, inside));
	end(&p);
}

static void a_write_that_fails_leaves_the_old_file_and_nothing_else(void **state)
{
	(void)state;
	struct place p = begin();
	char inside[PATH_MAX];
	assert_int_equal(mkdir(p.path, 0700), 0);
	(void)snprintf(inside, sizeof inside, "%s/kept", p.path);
	assert_int_equal(file_write(inside, S("x"), 0600, &p.why), 0);
	assert_int_not_equal(file_write(p.path, S("y"), 0600, &p.why), 0);   /* a directory stands in the way of the rename */
	assert_int_equal(entries(&p), 1);
	assert_int_equal(unlink(inside), 0);
	assert_int_equal(rmdir(p.path), 0);
	end(&p);
}

static void free_space_is_a_number_or_an_error(void **state)
{
	(void)state;
	struct place p = begin();
	uint64_t bytes = UINT64_MAX;
	assert_int_equal(file_free_space(p.dir, &bytes), 0);
	assert_true(bytes < UINT64_MAX);
	assert_int_equal(file_free_space(p.path, &bytes), ENOENT);
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read_back_and_a_nul_follows),
		cmocka_unit_test(a_file_may_have_exactly_the_limit),
		cmocka_unit_test(an_empty_file_is_an_empty_text),
		cmocka_unit_test(an_error_names_the_file_and_a_cure),
		cmocka_unit_test(a_write_that_fails_leaves_the_old_file_and_nothing_else),
		cmocka_unit_test(free_space_is_a_number_or_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
