/* sqlite.c - the sqlite backend where the disk fails, fills up, or is not ours. Failures come from a VFS put under it. */
#include "tests/place.h"
#include "store/store.h"
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static const struct store_kind_def kinds[] = { { "doc", false }, { "group", true } };       /* one is a word of SQL */

/* SQLite's own VFS with switches. code: what it answers; 0: the truth. Full only while there is a reserve: see full_until. */
struct bad_methods { sqlite3_io_methods now; const sqlite3_io_methods *real; };
static struct { sqlite3_vfs vfs, *real; struct bad_methods main, wal; int write, sync; const char *full_until; } bad;

static const sqlite3_io_methods *real_of(const sqlite3_file *f)
{
	return f->pMethods == &bad.wal.now ? bad.wal.real : bad.main.real;
}

static int bad_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	if (bad.full_until && access(bad.full_until, F_OK) == 0)
		return SQLITE_FULL;
	return bad.write ? bad.write : real_of(f)->xWrite(f, p, n, at);
}

static int bad_sync(sqlite3_file *f, int flags)
{
	return bad.sync ? bad.sync : real_of(f)->xSync(f, flags);
}

static int bad_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret)
{
	(void)vfs;
	int rc = bad.real->xOpen(bad.real, name, f, flags, ret);
	struct bad_methods *m = flags & SQLITE_OPEN_MAIN_DB ? &bad.main : &bad.wal;
	if (rc == SQLITE_OK && flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) {
		m->real = f->pMethods;
		m->now = *f->pMethods;
		m->now.xWrite = bad_write;
		m->now.xSync = bad_sync;
		f->pMethods = &m->now;
	}
	return rc;
}

struct rig { char dir[64], path[80]; struct store *s; struct buf why; uint32_t commits; int64_t boot; };

static int64_t wall(void *ctx)
{
	(void)ctx;
	return INT64_C(1760000000000);
}

static int64_t boot(void *ctx)
{
	return ((struct rig *)ctx)->boot += 1000;                  /* so that free space is asked for anew each time */
}

static enum store_rc try_open(struct rig *r, size_t n_kinds)
{
	struct store_options o = { .path = str_c(r->path), .kinds = kinds, .n_kinds = n_kinds, .clock = { r, boot, wall } };
	buf_clear(&r->why);
	r->s = NULL;
	return store_open(S("sqlite"), &o, &r->s, &r->why);
}

static void open_ok(struct rig *r)
{
	if (try_open(r, COUNT(kinds)) != STORE_OK)
		fail_msg("%s", r->why.p);
}

static void reopen(struct rig *r)
{
	store_close(r->s);
	open_ok(r);
}

static int setup(void **state)
{
	struct rig *r = test_calloc(1, sizeof *r);
	r->why = BUF(4096);
	(void)snprintf(r->dir, sizeof r->dir, "%s/tocsin-sqlite-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	(void)snprintf(r->path, sizeof r->path, "%s/store.db", r->dir);
	bad.write = bad.sync = 0;
	open_ok(r);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;
	store_close(r->s);
	assert_int_equal(place_remove(r->dir), 0);
	buf_free(&r->why);
	test_free(r);
	return 0;
}

static struct store_write put(const char *id, uint64_t expect)
{
	static char body[2000];
	memset(body, 'x', sizeof body);
	return (struct store_write){ .op = STORE_PUT, .id = str_c(id), .expect = expect, .due = STORE_NO_DUE, .expire = STORE_NO_DUE,
		.body = { body, sizeof body } };
}

static enum store_rc commit(struct rig *r, struct store_write w)
{
	struct store_result res;
	struct store_txn t = { .w = &w, .n = 1 };
	r->commits++;
	memcpy(t.token.b, &r->commits, sizeof r->commits);
	store_commit(r->s, &t, &res, 1);
	return res.rc;
}

static uint64_t ver_of(struct rig *r, const char *id)
{
	struct store_docs d = { 0 };
	struct str name = str_c(id);
	assert_int_equal(store_get(r->s, &(store_kind){ 0 }, &name, 1, &d), STORE_OK);
	uint64_t ver = d.v[0].ver;
	store_docs_free(&d);
	return ver;
}

static int64_t size_of(struct rig *r, const char *suffix)
{
	char path[128];
	struct stat st;
	(void)snprintf(path, sizeof path, "%s%s", r->path, suffix);
	return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

/* What somebody does with the sqlite3 shell while the store is closed, or worse, while it is open. */
static void shell(struct rig *r, const char *sql)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(r->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void after_a_failed_flush_the_group_is_unknown_and_the_store_is_fenced(void **state)
{
	struct rig *r = *state;
	int64_t us = 0;
	size_t done = 0;
	assert_int_equal(commit(r, put("a", 0)), STORE_OK);
	bad.sync = SQLITE_IOERR_FSYNC;
	struct store_write w[] = { put("b", 0), put("a", 9) };
	struct store_txn t[] = { { { { 2 } }, &w[0], 1 }, { { { 3 } }, &w[1], 1 } };
	struct store_result res[2];
	store_commit(r->s, t, res, 2);
	assert_int_equal(res[0].rc, STORE_UNKNOWN);
	bad.sync = 0;
	assert_int_equal(commit(r, put("c", 0)), STORE_FENCED);
	assert_int_equal(store_probe(r->s, &us), STORE_FENCED);
	assert_int_equal(store_purge(r->s, 0, 1, 1, &done), STORE_FENCED);
	reopen(r);
	assert_int_equal(ver_of(r, "a"), 1);
	assert_int_equal(ver_of(r, "c"), 0);
	assert_int_equal(commit(r, put("c", 0)), STORE_OK);
}

static void a_write_that_fails_is_unknown_too(void **state)
{
	struct rig *r = *state;
	bad.write = SQLITE_IOERR_WRITE;
	assert_int_equal(commit(r, put("a", 0)), STORE_UNKNOWN);
	bad.write = 0;
	assert_int_equal(commit(r, put("a", 0)), STORE_FENCED);
	reopen(r);
	assert_int_equal(commit(r, put("b", 0)), STORE_OK);
}

static void a_file_size_limit_is_an_error_that_fences_and_loses_nothing(void **state)
{
	struct rig *r = *state;
	struct rlimit was, tight;
	char id[16];
	uint64_t n = 0;
	enum store_rc rc = STORE_OK;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	tight = was;
	tight.rlim_cur = 2 << 20;
	setrlimit(RLIMIT_FSIZE, &tight);
	while (rc == STORE_OK && n < 10000) {
		(void)snprintf(id, sizeof id, "%llu", (unsigned long long)n);
		rc = commit(r, put(id, 0));
		n += rc == STORE_OK;
	}
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(rc, STORE_UNKNOWN);
	assert_int_equal(commit(r, put("more", 0)), STORE_FENCED);
	reopen(r);
	struct store_docs d = { 0 };
	assert_int_equal(store_list(r->s, 0, STORE_BY_ID, S(""), S(""), false, 20000, &d), STORE_OK);
	assert_in_range(d.n, n, n + 1);
	store_docs_free(&d);
}

static void full_is_definite_and_passes(void **state)
{
	struct rig *r = *state;
	assert_int_equal(commit(r, put("incident", 0)), STORE_OK);
	assert_int_equal(size_of(r, ".reserve"), 4 << 20);
	bad.write = SQLITE_FULL;
	assert_int_equal(commit(r, put("new", 0)), STORE_FULL);
	struct store_write w[] = { put("new", 0), put("incident", 1) };
	struct store_txn t[] = { { { { 2, 2 } }, &w[0], 1 }, { { { 3, 3 } }, &w[1], 1 } };
	struct store_result res[2];
	store_commit(r->s, t, res, 2);
	assert_int_equal(res[0].rc, STORE_FULL);
	assert_int_equal(res[1].rc, STORE_FULL);
	bad.write = 0;
	assert_int_equal(ver_of(r, "incident"), 1);
	assert_int_equal(ver_of(r, "new"), 0);
	assert_int_equal(commit(r, put("new", 0)), STORE_OK);      /* not fenced: space is back, and the reserve too */
	assert_int_equal(size_of(r, ".reserve"), 4 << 20);
	reopen(r);
	assert_int_equal(ver_of(r, "new"), 1);
}

static void an_acknowledgement_goes_through_on_the_reserve(void **state)
{
	struct rig *r = *state;
	char path[128];
	assert_int_equal(commit(r, put("incident", 0)), STORE_OK);
	(void)snprintf(path, sizeof path, "%s.reserve", r->path);
	bad.full_until = path;
	struct store_write w[] = { put("new", 0), put("incident", 1) };
	struct store_txn t[] = { { { { 2, 2 } }, &w[0], 1 }, { { { 3, 3 } }, &w[1], 1 } };
	struct store_result res[2];
	store_commit(r->s, t, res, 2);
	bad.full_until = NULL;
	assert_int_equal(res[0].rc, STORE_FULL);
	assert_int_equal(res[1].rc, STORE_OK);
	assert_int_equal(ver_of(r, "incident"), 2);
	reopen(r);
	assert_int_equal(ver_of(r, "incident"), 2);
}

static void a_foreign_writer_is_noticed(void **state)
{
	struct rig *r = *state;
	assert_int_equal(commit(r, put("a", 0)), STORE_OK);
	shell(r, "UPDATE doc SET ver=77");
	assert_int_equal(commit(r, put("b", 0)), STORE_UNKNOWN);
	assert_int_equal(commit(r, put("b", 0)), STORE_FENCED);
}

static void a_conflict_in_every_way_does_not_look_like_a_foreign_writer(void **state)
{
	struct rig *r = *state;
	size_t done = 0;
	int64_t us = 0;
	for (uint64_t i = 0; i < 20; i++) {
		assert_int_equal(commit(r, put("a", i)), STORE_OK);
		assert_int_equal(commit(r, put("a", 0)), STORE_CONFLICT);
		assert_int_equal(commit(r, put("a", i)), STORE_CONFLICT);
		assert_int_equal(store_purge(r->s, 0, 1, 1, &done), STORE_OK);
		assert_int_equal(store_probe(r->s, &us), STORE_OK);
		assert_int_equal(ver_of(r, "a"), i + 1);
	}
}

static void the_wal_stays_bounded_and_documents_move_into_the_file(void **state)
{
	struct rig *r = *state;
	char id[200][40];
	struct store_write w[200];
	struct store_txn t[200] = { 0 };
	struct store_result res[200];
	for (uint8_t round = 0; round < 60; round++) {
		for (size_t i = 0; i < 200; i++) {
			(void)snprintf(id[i], sizeof id[i], "%u-%zu", round, i);
			w[i] = put(id[i], 0);
			t[i] = (struct store_txn){ { { round, (uint8_t)i } }, &w[i], 1 };
		}
		store_commit(r->s, t, res, 200);
		for (size_t i = 0; i < 200; i++)
			assert_int_equal(res[i].rc, STORE_OK);
	}
	assert_in_range(size_of(r, "-wal"), 1 << 20, 40 << 20);
	assert_true(size_of(r, "") > 10 << 20);
	reopen(r);
	assert_int_equal(ver_of(r, "59-199"), 1);
}

static void only_its_owner_may_read_the_file(void **state)
{
	struct rig *r = *state;
	struct stat st;
	char path[128];
	static const char *const suffix[] = { "", "-wal", "-shm", ".lock", ".reserve" };
	for (size_t i = 0; i < COUNT(suffix); i++) {
		(void)snprintf(path, sizeof path, "%s%s", r->path, suffix[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
}

static void a_newer_schema_or_more_kinds_are_left_alone(void **state)
{
	struct rig *r = *state;
	assert_int_equal(commit(r, put("a", 0)), STORE_OK);
	store_close(r->s);
	assert_int_equal(try_open(r, 1), STORE_FENCED);
	assert_non_null(strstr(r->why.p, "newer version"));
	shell(r, "UPDATE tocsin SET value=90 WHERE name IN ('schema','least')");
	assert_int_equal(try_open(r, COUNT(kinds)), STORE_FENCED);
	shell(r, "UPDATE tocsin SET value=2 WHERE name='least'");          /* a step that only added: the file is ours to write as well */
	open_ok(r);
	assert_int_equal(ver_of(r, "a"), 1);
}

static void what_is_not_ours_is_refused(void **state)
{
	struct rig *r = *state;
	store_close(r->s);
	r->path[strlen(r->path) - 1] = '2';
	shell(r, "CREATE TABLE recipes(name)");
	assert_int_equal(try_open(r, COUNT(kinds)), STORE_CORRUPT);
	assert_non_null(strstr(r->why.p, "another program"));
	r->path[strlen(r->path) - 1] = '3';
	FILE *f = fopen(r->path, "w");
	assert_non_null(f);
	for (int i = 0; i < 1000; i++)
		assert_true(fputs("this is no database ", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(try_open(r, COUNT(kinds)), STORE_CORRUPT);
	assert_non_null(strstr(r->why.p, r->path));
	(void)snprintf(r->path, sizeof r->path, "%s/none/store.db", r->dir);
	assert_int_equal(try_open(r, COUNT(kinds)), STORE_DOWN);
	assert_non_null(strstr(r->why.p, "create the directory"));
}

static void a_damaged_page_is_found_when_it_is_read(void **state)
{
	struct rig *r = *state;
	assert_int_equal(commit(r, put("a", 0)), STORE_OK);
	store_close(r->s);
	shell(r, "PRAGMA wal_checkpoint(TRUNCATE)");
	FILE *f = fopen(r->path, "r+b");
	assert_non_null(f);
	for (long page = 1; page < size_of(r, "") / 4096; page++) {
		assert_int_equal(fseek(f, page * 4096, SEEK_SET), 0);
		assert_int_equal(fwrite("\x7f garbage", 1, 9, f), 9);
	}
	assert_int_equal(fclose(f), 0);
	enum store_rc rc = try_open(r, COUNT(kinds));
	struct store_docs d = { 0 };
	if (rc == STORE_OK)
		rc = store_get(r->s, &(store_kind){ 0 }, &S("a"), 1, &d);
	assert_int_equal(rc, STORE_CORRUPT);
	if (r->s)
		assert_int_equal(commit(r, put("b", 0)), STORE_FENCED);
	store_docs_free(&d);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(after_a_failed_flush_the_group_is_unknown_and_the_store_is_fenced), T(a_write_that_fails_is_unknown_too),
		T(a_file_size_limit_is_an_error_that_fences_and_loses_nothing),
		T(full_is_definite_and_passes),
		T(an_acknowledgement_goes_through_on_the_reserve), T(a_foreign_writer_is_noticed),
		T(a_conflict_in_every_way_does_not_look_like_a_foreign_writer),
		T(the_wal_stays_bounded_and_documents_move_into_the_file), T(only_its_owner_may_read_the_file),
		T(a_newer_schema_or_more_kinds_are_left_alone), T(what_is_not_ours_is_refused),
		T(a_damaged_page_is_found_when_it_is_read),
	};
	bad.real = sqlite3_vfs_find(NULL);
	bad.vfs = *bad.real;
	bad.vfs.pNext = NULL;
	bad.vfs.zName = "bad";
	bad.vfs.xOpen = bad_open;
	sqlite3_vfs_register(&bad.vfs, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
