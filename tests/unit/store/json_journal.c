/* json_journal.c - the json backend's files: what a crash may leave is healed, everything else is refused; failing disks fence. */
#include "tests/place.h"
#include "store/json.h"
#include "store/journal.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

static const struct store_kind_def kinds[] = { { "doc", false }, { "log", true } };

struct rig { char dir[64], path[80]; struct store *s; struct buf why; uint32_t commits; };

static int64_t some_time(void *ctx)
{
	(void)ctx;
	return INT64_C(1760000000000);
}

static enum store_rc try_open(struct rig *r)
{
	struct store_options o = { .path = str_c(r->path), .kinds = kinds, .n_kinds = COUNT(kinds),
		.clock = { NULL, some_time, some_time } };
	buf_clear(&r->why);
	r->s = NULL;
	return store_open(S("json"), &o, &r->s, &r->why);
}

static void open_ok(struct rig *r)
{
	if (try_open(r) != STORE_OK)
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
	(void)snprintf(r->dir, sizeof r->dir, "%s/tocsin-journal-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	(void)snprintf(r->path, sizeof r->path, "%s/store", r->dir);
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

static struct store_write put(const char *id, uint64_t expect, struct str body)
{
	return (struct store_write){ .op = STORE_PUT, .id = str_c(id), .expect = expect, .due = STORE_NO_DUE, .expire = STORE_NO_DUE,
		.body = body };
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

/* Whole files in and out. */
struct image { size_t n; char bytes[]; };

static char *file_path(struct rig *r, const char *name)
{
	static char path[160];
	(void)snprintf(path, sizeof path, "%s/%s", r->path, name);
	return path;
}

static bool has_file(struct rig *r, const char *name)
{
	return access(file_path(r, name), F_OK) == 0;
}

static struct image *load(struct rig *r, const char *name)
{
	FILE *f = fopen(file_path(r, name), "rb");
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	size_t n = (size_t)ftell(f);
	struct image *m = xmalloc(sizeof *m + n);
	rewind(f);
	m->n = n;
	assert_int_equal(fread(m->bytes, 1, n, f), n);
	(void)fclose(f);
	return m;
}

static void save(struct rig *r, const char *name, const char *bytes, size_t n)
{
	FILE *f = fopen(file_path(r, name), "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Where the lines of a file begin; the last entry is the end of the last line. */
static size_t lines_of(const struct image *m, size_t *at, size_t max)
{
	size_t n = 0;
	at[n++] = 0;
	for (size_t i = 0; i < m->n && m->bytes[i] && n < max; i++)
		if (m->bytes[i] == '\n')
			at[n++] = i + 1;
	return n;
}

/* Head, three transactions; closed. */
static struct image *three_lines(struct rig *r, size_t at[5])
{
	assert_int_equal(commit(r, put("a", 0, S("first \"quoted\" \\ body\n"))), STORE_OK);
	assert_int_equal(commit(r, put("b", 0, S("second"))), STORE_OK);
	assert_int_equal(commit(r, put("a", 1, S("third"))), STORE_OK);
	store_close(r->s);
	r->s = NULL;
	struct image *m = load(r, "journal.1");
	assert_int_equal(lines_of(m, at, 5), 5);
	return m;
}

static void third_is_gone_and_life_goes_on(struct rig *r)
{
	open_ok(r);
	assert_int_equal(ver_of(r, "a"), 1);
	assert_int_equal(ver_of(r, "b"), 1);
	assert_int_equal(commit(r, put("a", 1, S("again"))), STORE_OK);
	reopen(r);
	assert_int_equal(ver_of(r, "a"), 2);
	store_close(r->s);
	r->s = NULL;
}

static void a_journal_cut_at_any_byte_of_its_last_line_opens_without_it(void **state)
{
	struct rig *r = *state;
	size_t at[5];
	struct image *m = three_lines(r, at);
	for (size_t cut = at[4] - 1; cut >= at[3]; cut--) {
		save(r, "journal.1", m->bytes, cut);
		third_is_gone_and_life_goes_on(r);
		m->bytes[cut] = '\0';                              /* the same, with the reserved space behind it */
		save(r, "journal.1", m->bytes, at[4] + 5000);
		third_is_gone_and_life_goes_on(r);
	}
	free(m);
	open_ok(r);
}

static void any_changed_byte_is_refused_with_file_and_byte(void **state)
{
	struct rig *r = *state;
	size_t at[5];
	struct image *m = three_lines(r, at);
	for (size_t i = 0; i < at[4]; i++) {
		size_t line = 0;
		while (at[line + 1] <= i)
			line++;
		for (int bit = 0; bit < 8; bit++) {
			char was = m->bytes[i], want[40];
			m->bytes[i] = (char)(was ^ 1 << bit);
			save(r, "journal.1", m->bytes, at[4] + 100);
			if (try_open(r) != STORE_CORRUPT)
				fail_msg("byte %zu bit %d", i, bit);
			(void)snprintf(want, sizeof want, "/journal.1: byte %zu:", line ? at[line] : 0);
			assert_non_null(strstr(r->why.p, want));
			m->bytes[i] = was;
		}
	}
	save(r, "journal.1", m->bytes, m->n);
	open_ok(r);
	assert_int_equal(ver_of(r, "a"), 2);
	free(m);
}

static void a_line_that_is_missing_or_doubled_is_refused(void **state)
{
	struct rig *r = *state;
	size_t at[5];
	struct image *m = three_lines(r, at);
	struct buf b = BUF(1 << 16);
	buf_add(&b, (struct str){ m->bytes, at[1] });
	buf_add(&b, (struct str){ m->bytes + at[2], at[4] - at[2] });
	save(r, "journal.1", b.p, b.n);
	assert_int_equal(try_open(r), STORE_CORRUPT);
	buf_clear(&b);
	buf_add(&b, (struct str){ m->bytes, at[4] });
	buf_add(&b, (struct str){ m->bytes + at[3], at[4] - at[3] });
	save(r, "journal.1", b.p, b.n);
	assert_int_equal(try_open(r), STORE_CORRUPT);
	buf_free(&b);
	free(m);
	save(r, "journal.1", "", 0);
	assert_int_equal(try_open(r), STORE_CORRUPT);
}

/* A group of n documents, id PREFIX0.. */
static void commit_group(struct rig *r, char prefix, size_t n)
{
	struct store_txn t[64] = { 0 };
	struct store_write w[64];
	struct store_result res[64];
	char id[64][32], body[600];
	memset(body, prefix, sizeof body);
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(id[i], sizeof id[i], "%c%zu", prefix, i);
		w[i] = put(id[i], 0, (struct str){ body, sizeof body });
		t[i] = (struct store_txn){ { { (uint8_t)prefix, (uint8_t)i } }, &w[i], 1 };
	}
	store_commit(r->s, t, res, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(res[i].rc, STORE_OK);
}

static void a_hole_in_the_last_group_is_a_torn_tail_and_elsewhere_is_damage(void **state)
{
	struct rig *r = *state;
	commit_group(r, 'a', 20);
	commit_group(r, 'b', 20);
	store_close(r->s);
	struct image *m = load(r, "journal.1");
	size_t at[64], lines = lines_of(m, at, 64);
	assert_int_equal(lines, 42);
	char sector[512];
	size_t in_b = (at[30] / 512 + 1) * 512, in_a = (at[10] / 512 + 1) * 512;
	memcpy(sector, m->bytes + in_b, 512);
	memset(m->bytes + in_b, 0, 512);
	save(r, "journal.1", m->bytes, m->n);
	open_ok(r);
	assert_int_equal(ver_of(r, "a19"), 1);
	assert_int_equal(ver_of(r, "b0"), 1);
	assert_int_equal(ver_of(r, "b19"), 0);
	assert_int_equal(commit(r, put("b19", 0, S("after"))), STORE_OK);
	reopen(r);
	assert_int_equal(ver_of(r, "b19"), 1);
	store_close(r->s);
	memcpy(m->bytes + in_b, sector, 512);
	memset(m->bytes + in_a, 0, 512);
	save(r, "journal.1", m->bytes, m->n);
	assert_int_equal(try_open(r), STORE_CORRUPT);
	free(m);
}

static int failing_sync(int fd)
{
	(void)fd;
	errno = EIO;
	return -1;
}

static void after_a_failed_flush_the_group_is_unknown_and_the_store_is_fenced(void **state)
{
	struct rig *r = *state;
	int64_t us = 0;
	size_t done = 0;
	assert_int_equal(commit(r, put("a", 0, S("1"))), STORE_OK);
	json_set_sync(r->s, failing_sync);
	struct store_write w[] = { put("b", 0, S("")), put("a", 7, S("")) };
	struct store_txn t[] = { { { { 2 } }, &w[0], 1 }, { { { 3 } }, &w[1], 1 } };
	struct store_result res[2];
	store_commit(r->s, t, res, 2);
	assert_int_equal(res[0].rc, STORE_UNKNOWN);
	assert_int_equal(res[1].rc, STORE_CONFLICT);
	json_set_sync(r->s, fdatasync);
	assert_int_equal(commit(r, put("c", 0, S(""))), STORE_FENCED);
	assert_int_equal(store_probe(r->s, &us), STORE_FENCED);
	assert_int_equal(store_purge(r->s, 0, 1, 1, &done), STORE_FENCED);
	assert_int_equal(json_snapshot(r->s), STORE_FENCED);
	reopen(r);
	assert_int_equal(ver_of(r, "a"), 1);
	assert_int_equal(ver_of(r, "c"), 0);
	assert_int_equal(commit(r, put("c", 0, S(""))), STORE_OK);
}

static void a_snapshot_takes_the_place_of_what_went_before(void **state)
{
	struct rig *r = *state;
	commit_group(r, 'a', 30);
	assert_int_equal(json_snapshot(r->s), STORE_OK);
	assert_true(has_file(r, "snapshot.2") && has_file(r, "journal.2"));
	assert_false(has_file(r, "journal.1"));
	commit_group(r, 'b', 30);
	reopen(r);
	assert_int_equal(ver_of(r, "a29"), 1);
	assert_int_equal(ver_of(r, "b29"), 1);
	assert_int_equal(json_snapshot(r->s), STORE_OK);
	assert_false(has_file(r, "snapshot.2") || has_file(r, "journal.2"));
	reopen(r);
	assert_int_equal(ver_of(r, "b29"), 1);
}

static void a_crash_while_a_snapshot_is_made_leaves_the_old_pair_in_force(void **state)
{
	struct rig *r = *state;
	commit_group(r, 'a', 3);
	store_close(r->s);
	save(r, "snapshot.2.tmp", "half", 4);
	save(r, "snapshot.2", "renamed, and then the machine died", 30);
	save(r, "journal.2.tmp", "", 0);
	open_ok(r);
	assert_int_equal(ver_of(r, "a2"), 1);
	assert_false(has_file(r, "snapshot.2") || has_file(r, "snapshot.2.tmp") || has_file(r, "journal.2.tmp"));
}

static void a_crash_before_the_old_pair_is_removed_leaves_the_new_one_in_force(void **state)
{
	struct rig *r = *state;
	commit_group(r, 'a', 3);
	store_close(r->s);
	struct image *old = load(r, "journal.1");
	open_ok(r);
	assert_int_equal(json_snapshot(r->s), STORE_OK);
	commit_group(r, 'b', 3);
	store_close(r->s);
	save(r, "journal.1", old->bytes, old->n);
	open_ok(r);
	assert_int_equal(ver_of(r, "b2"), 1);
	assert_false(has_file(r, "journal.1"));
	free(old);
}

static void a_damaged_cut_or_missing_snapshot_is_refused(void **state)
{
	struct rig *r = *state;
	commit_group(r, 'a', 3);
	assert_int_equal(json_snapshot(r->s), STORE_OK);
	store_close(r->s);
	struct image *m = load(r, "snapshot.2");
	for (size_t cut = 0; cut < m->n; cut += 7) {
		save(r, "snapshot.2", m->bytes, cut);
		assert_int_equal(try_open(r), STORE_CORRUPT);
		save(r, "snapshot.2", m->bytes, m->n);
		m->bytes[cut] ^= 4;
		save(r, "snapshot.2", m->bytes, m->n);
		assert_int_equal(try_open(r), STORE_CORRUPT);
		m->bytes[cut] ^= 4;
	}
	assert_int_equal(unlink(file_path(r, "snapshot.2")), 0);
	assert_int_equal(try_open(r), STORE_CORRUPT);
	assert_non_null(strstr(r->why.p, "snapshot.2: missing"));
	save(r, "snapshot.2", m->bytes, m->n);
	struct image *j = load(r, "journal.2");
	assert_int_equal(unlink(file_path(r, "journal.2")), 0);
	assert_int_equal(try_open(r), STORE_CORRUPT);
	save(r, "journal.3", j->bytes, j->n);
	save(r, "snapshot.3", m->bytes, m->n);
	assert_int_equal(try_open(r), STORE_CORRUPT);
	assert_non_null(strstr(r->why.p, "somebody renamed it"));
	free(m);
	free(j);
}

static void a_journal_of_a_newer_version_is_left_alone(void **state)
{
	struct rig *r = *state;
	struct buf b = BUF(256);
	store_close(r->s);
	journal_write_head(&b, &(struct journal_head){ .schema = JOURNAL_SCHEMA + 1, .gen = 1 });
	save(r, "journal.1", b.p, b.n);
	assert_int_equal(try_open(r), STORE_FENCED);
	assert_non_null(strstr(r->why.p, "newer version"));
	buf_free(&b);
}

static void a_journal_that_outgrows_its_documents_begins_anew(void **state)
{
	struct rig *r = *state;
	static char body[STORE_BODY_MAX];
	memset(body, 'x', sizeof body);
	uint64_t ver = 0;
	while (has_file(r, "journal.1") && ver < 400)
		assert_int_equal(commit(r, put("a", ver++, (struct str){ body, sizeof body })), STORE_OK);
	assert_true(ver > 200 && ver < 400);
	assert_true(has_file(r, "snapshot.2"));
	reopen(r);
	assert_int_equal(ver_of(r, "a"), ver);
}

static void a_full_disk_is_definite_and_leaves_room_for_what_must_be_recorded(void **state)
{
	struct rig *r = *state;
	static char body[200 << 10];
	memset(body, 'x', sizeof body);
	struct str big = { body, sizeof body };
	struct rlimit was, tight;
	char id[32];
	int n = 0;
	enum store_rc rc;
	assert_int_equal(commit(r, put("incident", 0, S(""))), STORE_OK);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	tight = was;
	tight.rlim_cur = 20 << 20;
	setrlimit(RLIMIT_FSIZE, &tight);
	do
		(void)snprintf(id, sizeof id, "new-%d", n++);
	while ((rc = commit(r, put(id, 0, big))) == STORE_OK);
	uint64_t ver = 1;
	enum store_rc update = STORE_OK;
	while (update == STORE_OK) {
		update = commit(r, put("incident", ver, big));
		ver += update == STORE_OK;
	}
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(rc, STORE_FULL);
	assert_int_equal(update, STORE_FULL);
	assert_in_range(ver, 15, 30);                              /* 4 MiB of 200 KiB */
	assert_int_equal(ver_of(r, id), 0);
	assert_int_equal(commit(r, put(id, 0, big)), STORE_OK);    /* space is back: so are we */
	reopen(r);
	assert_int_equal(ver_of(r, "incident"), ver);
}

/* One document at a version of its own. */
static enum store_rc import(struct rig *r, const char *id, uint64_t ver, struct str body)
{
	struct store_doc d = { .id = str_c(id), .ver = ver, .token = { { 9 } }, .due = STORE_NO_DUE, .expire = STORE_NO_DUE, .body = body };
	return store_import(r->s, &d, 1);
}

static void an_import_is_a_line_and_versions_follow_on_it(void **state)
{
	struct rig *r = *state;
	assert_int_equal(commit(r, put("a", 0, S("mine"))), STORE_OK);
	assert_int_equal(import(r, "a", 7, S("theirs")), STORE_OK);
	assert_int_equal(import(r, "b", 3, S("new")), STORE_OK);
	assert_int_equal(import(r, "b", 2, S("older")), STORE_OK);
	assert_int_equal(commit(r, put("a", 7, S("on"))), STORE_OK);
	assert_true(has_file(r, "journal.1") && !has_file(r, "snapshot.2"));
	reopen(r);
	assert_int_equal(ver_of(r, "a"), 8);
	assert_int_equal(ver_of(r, "b"), 2);
	assert_int_equal(json_snapshot(r->s), STORE_OK);
	reopen(r);
	assert_int_equal(ver_of(r, "a"), 8);
	assert_int_equal(ver_of(r, "b"), 2);
}

static void an_import_cut_at_any_byte_is_left_out(void **state)
{
	struct rig *r = *state;
	size_t at[5];
	assert_int_equal(commit(r, put("a", 0, S("1"))), STORE_OK);
	assert_int_equal(commit(r, put("b", 0, S("1"))), STORE_OK);
	assert_int_equal(import(r, "a", 9, S("theirs")), STORE_OK);
	store_close(r->s);
	struct image *m = load(r, "journal.1");
	assert_int_equal(lines_of(m, at, 5), 5);
	for (size_t cut = at[4] - 1; cut >= at[3]; cut--) {
		save(r, "journal.1", m->bytes, cut);
		third_is_gone_and_life_goes_on(r);
	}
	free(m);
	open_ok(r);
}

/* A journal made by hand: a head of this schema, one ordinary line, and then one more. */
static void save_journal(struct rig *r, int64_t schema, void (*add)(struct buf *b))
{
	struct store head = { .n_kinds = COUNT(kinds), .append_only = 2 };
	struct ram *none = ram_new(&head);
	struct buf b = BUF(1 << 16);
	struct store_write w = put("a", 0, S("1"));
	store_close(r->s);
	r->s = NULL;
	journal_write_head(&b, &(struct journal_head){ .schema = schema, .gen = 1 });
	journal_write_txn(&b, kinds, none, 1, 5, &(struct store_txn){ .w = &w, .n = 1 });
	if (add)
		add(&b);
	save(r, "journal.1", b.p, b.n);
	buf_free(&b);
	ram_free(none);
}

static void add_import(struct buf *b)
{
	struct store_doc d = { .id = S("a"), .ver = 4, .due = STORE_NO_DUE, .expire = STORE_NO_DUE };
	journal_write_import(b, kinds, 2, 5, &d);
}

static void add_jump(struct buf *b)
{
	struct store_doc d = { .id = S("a"), .ver = 4, .due = STORE_NO_DUE, .expire = STORE_NO_DUE };
	journal_write_doc(b, kinds, &d);
}

static void only_a_line_that_says_so_may_jump_and_only_where_such_lines_are_known(void **state)
{
	struct rig *r = *state;
	save_journal(r, 2, add_import);
	open_ok(r);
	assert_int_equal(ver_of(r, "a"), 4);
	save_journal(r, 2, add_jump);
	assert_int_equal(try_open(r), STORE_CORRUPT);
	assert_non_null(strstr(r->why.p, "does not follow"));
	save_journal(r, 1, add_import);
	assert_int_equal(try_open(r), STORE_CORRUPT);
	assert_non_null(strstr(r->why.p, "not what this version writes"));
	save_journal(r, 0, NULL);
	assert_int_equal(try_open(r), STORE_CORRUPT);
}

static int schema_of(struct rig *r)
{
	struct store_options o = { .path = str_c(r->path), .kinds = kinds, .n_kinds = COUNT(kinds), .clock = { NULL, some_time, some_time } };
	struct store_schema at = { 0 };
	assert_int_equal(store_schema(S("json"), &o, &at, &r->why), STORE_OK);
	assert_int_equal(at.newest, JOURNAL_SCHEMA);
	assert_int_equal(at.least, at.have);
	return at.have;
}

static enum store_rc migrate(struct rig *r, int to)
{
	struct store_options o = { .path = str_c(r->path), .kinds = kinds, .n_kinds = COUNT(kinds), .clock = { NULL, some_time, some_time } };
	buf_clear(&r->why);
	return store_migrate(S("json"), &o, to, &r->why);
}

static void a_journal_of_the_first_schema_is_read_and_written_until_something_is_imported(void **state)
{
	struct rig *r = *state;
	assert_int_equal(schema_of(r), 2);
	save_journal(r, 1, NULL);
	assert_int_equal(schema_of(r), 1);
	open_ok(r);
	assert_int_equal(commit(r, put("a", 1, S("2"))), STORE_OK);
	reopen(r);
	assert_int_equal(schema_of(r), 1);
	assert_int_equal(import(r, "b", 6, S("")), STORE_OK);
	assert_int_equal(schema_of(r), 2);
	assert_true(has_file(r, "snapshot.2") && !has_file(r, "journal.1"));
	assert_int_equal(import(r, "c", 6, S("")), STORE_OK);
	assert_true(has_file(r, "snapshot.2"));
	reopen(r);
	assert_int_equal(ver_of(r, "a"), 2);
	assert_int_equal(ver_of(r, "b"), 6);
	assert_int_equal(ver_of(r, "c"), 6);
}

static void a_journal_goes_back_to_the_first_schema_and_up_again(void **state)
{
	struct rig *r = *state;
	assert_int_equal(import(r, "a", 6, S("")), STORE_OK);
	assert_int_equal(migrate(r, 1), STORE_BUSY);               /* we have it */
	store_close(r->s);
	assert_int_equal(migrate(r, 0), STORE_INVAL);
	assert_int_equal(migrate(r, 3), STORE_INVAL);
	assert_int_equal(migrate(r, 1), STORE_OK);
	assert_int_equal(schema_of(r), 1);
	open_ok(r);
	assert_int_equal(ver_of(r, "a"), 6);
	assert_int_equal(schema_of(r), 1);
	store_close(r->s);
	assert_int_equal(migrate(r, 2), STORE_OK);
	assert_int_equal(schema_of(r), 2);
	open_ok(r);
	assert_int_equal(ver_of(r, "a"), 6);
}

static void an_import_whose_flush_fails_is_unknown_and_shown_to_nobody(void **state)
{
	struct rig *r = *state;
	assert_int_equal(commit(r, put("a", 0, S("1"))), STORE_OK);
	json_set_sync(r->s, failing_sync);
	assert_int_equal(import(r, "a", 6, S("")), STORE_UNKNOWN);
	json_set_sync(r->s, fdatasync);
	assert_int_equal(ver_of(r, "a"), 1);
	assert_int_equal(import(r, "a", 6, S("")), STORE_FENCED);
}

static void a_large_import_costs_its_own_size(void **state)
{
	struct rig *r = *state;
	static char body[1000];
	struct store_doc d[100];
	char id[100][32];
	memset(body, 'x', sizeof body);
	for (int group = 0; group < 100; group++) {
		for (int i = 0; i < 100; i++) {
			(void)snprintf(id[i], sizeof id[i], "%d-%d", group, i);
			d[i] = (struct store_doc){ .id = str_c(id[i]), .ver = 5, .due = STORE_NO_DUE, .expire = STORE_NO_DUE, .body = { body, sizeof body } };
		}
		assert_int_equal(store_import(r->s, d, 100), STORE_OK);
	}
	assert_true(has_file(r, "journal.1"));
	reopen(r);
	assert_int_equal(ver_of(r, "0-0"), 5);
	assert_int_equal(ver_of(r, "99-99"), 5);
}

static void what_is_in_the_directory_is_what_is_meant(void **state)
{
	struct rig *r = *state;
	assert_int_equal(commit(r, put("a", 0, S("{\"x\":1}"))), STORE_OK);
	store_close(r->s);
	struct image *m = load(r, "journal.1");
	size_t at[4];
	assert_int_equal(lines_of(m, at, 4), 3);
	static const char want[] = "{\"group\":1,\"at\":1760000000000,\"token\":\"01000000000000000000000000000000\","
		"\"put\":[{\"kind\":\"doc\",\"id\":\"a\",\"ver\":1,"
		"\"due\":null,\"expire\":null,\"idx\":[\"\",\"\",\"\",\"\"],\"body\":\"{\\\"x\\\":1}\"}],\"gone\":[]}\n";
	const char *json = memchr(m->bytes + at[1], '{', at[2] - at[1]);
	assert_int_equal(m->bytes + at[2] - json, sizeof want - 1);
	assert_memory_equal(json, want, sizeof want - 1);
	free(m);
	open_ok(r);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_is_in_the_directory_is_what_is_meant),
		T(a_journal_cut_at_any_byte_of_its_last_line_opens_without_it),
		T(any_changed_byte_is_refused_with_file_and_byte),
		T(a_line_that_is_missing_or_doubled_is_refused),
		T(a_hole_in_the_last_group_is_a_torn_tail_and_elsewhere_is_damage),
		T(after_a_failed_flush_the_group_is_unknown_and_the_store_is_fenced),
		T(a_snapshot_takes_the_place_of_what_went_before),
		T(a_crash_while_a_snapshot_is_made_leaves_the_old_pair_in_force),
		T(a_crash_before_the_old_pair_is_removed_leaves_the_new_one_in_force),
		T(a_damaged_cut_or_missing_snapshot_is_refused),
		T(a_journal_of_a_newer_version_is_left_alone),
		T(a_journal_that_outgrows_its_documents_begins_anew),
		T(an_import_is_a_line_and_versions_follow_on_it),
		T(an_import_cut_at_any_byte_is_left_out),
		T(only_a_line_that_says_so_may_jump_and_only_where_such_lines_are_known),
		T(a_journal_of_the_first_schema_is_read_and_written_until_something_is_imported),
		T(a_journal_goes_back_to_the_first_schema_and_up_again),
		T(an_import_whose_flush_fails_is_unknown_and_shown_to_nobody),
		T(a_large_import_costs_its_own_size),
		T(a_full_disk_is_definite_and_leaves_room_for_what_must_be_recorded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
