/* export.c - incidents.json: its text to the letter, and the file that is replaced whole, known by its sum, and left alone when it is not ours. */
#include "tests/place.h"
#include "main/export_file.h"
#include "main/export_text.h"
#include "model/kinds.h"
#include <errno.h>
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

static const struct store_kind_def kind_defs[] = { { "incident", false } };

struct rig { char dir[64], path[96]; struct export_file f; struct export_layout layout; struct store *s; struct buf why; uint8_t commits; };

static int64_t some_time(void *ctx)
{
	(void)ctx;
	return INT64_C(1760000000000);
}

static int setup(void **state)
{
	struct rig *r = test_calloc(1, sizeof *r);
	struct store_options o = { .kinds = kind_defs, .n_kinds = COUNT(kind_defs), .clock = { NULL, some_time, some_time } };
	r->why = BUF(16 << 10);
	(void)snprintf(r->dir, sizeof r->dir, "%s/tocsin-export-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	(void)snprintf(r->path, sizeof r->path, "%s/incidents.json", r->dir);
	export_file_init(&r->f, str_c(r->path), str_c(r->dir), 0);
	export_layout_init(&r->layout);
	assert_int_equal(store_open(S("memory"), &o, &r->s, &r->why), STORE_OK);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;
	store_close(r->s);
	export_file_done(&r->f);
	buf_free(&r->why);
	assert_int_equal(place_remove(r->dir), 0);
	test_free(r);
	return 0;
}

static void save(const char *path, const char *text)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fputs(text, f) >= 0, 1);
	assert_int_equal(fclose(f), 0);
}

static bool holds(const char *path, const char *want)
{
	static char got[1 << 16];
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	size_t n = fread(got, 1, sizeof got, f);
	(void)fclose(f);
	return str_eq((struct str){ got, n }, str_c(want));
}

/* One incident of the id and version, in the store; version 0: gone from it. */
static void put(struct rig *r, const char *id, uint64_t version)
{
	struct store_doc d = { .id = str_c(id), .ver = version, .due = STORE_NO_DUE, .expire = STORE_NO_DUE, .body = S("{}") };
	assert_int_equal(store_import(r->s, &d, 1), STORE_OK);
}

/* The text of a file with one incident. */
static const char *text_of(struct rig *r, const char *id, int64_t version, bool is_resolved)
{
	static char text[8192];
	struct incident i = { .id = str_c(id), .version = version, .status = is_resolved ? RESOLVED : DETECTED };
	struct buf b = BUF(sizeof text);
	buf_add(&b, EXPORT_BEGIN);
	export_text_incident(&b, &r->layout, &i, true);
	buf_add(&b, export_text_end(false));
	assert_in_range(b.n, 1, sizeof text - 1);
	memcpy(text, b.p, b.n + 1);
	buf_free(&b);
	return text;
}

static int write_file(struct rig *r, const char *text)
{
	struct export_out o;
	export_out_begin(&o, &r->f);
	buf_add(&o.b, str_c(text));
	return export_out_end(&o);
}

/* A new process looks at what is there. */
static enum store_rc check(struct rig *r)
{
	export_file_done(&r->f);
	export_file_init(&r->f, str_c(r->path), str_c(r->dir), 0);
	buf_clear(&r->why);
	return export_file_check(&r->f, r->s, &r->why);
}

static void refuses(struct rig *r, const char *text, const char *word)
{
	if (text)
		save(r->path, text);
	assert_int_equal(check(r), STORE_CORRUPT);
	if (strstr(r->why.p, word) == NULL || strstr(r->why.p, r->path) == NULL || strstr(r->why.p, "Move it away") == NULL)
		fail_msg("%s", r->why.p);
	assert_true(text == NULL || holds(r->path, text));
}

static void an_incident_is_shown_in_the_trackers_order_and_then_with_what_only_we_know(void **state)
{
	struct rig *r = *state;
	struct arena a = ARENA(1 << 20);
	struct str why, tags[] = { S("a"), S("[b]{,}:\"\\") };
	struct incident i = { .id = S("ID"), .number = 7, .title = S("say \"hi\""), .severity = 5, .status = ACKNOWLEDGED, .service = S("shop"),
		.source = S("manual"), .tags = { tags, 2 }, .acknowledged_by = S("user:amira"), .detected_at = 1760000000000, .version = 3,
		.details = json_parse(&a, S("{\"a\":[1,{},[]],\"b\":{\"c\":[[2]]}}"), &why) };
	struct buf b = BUF(1 << 16);
	export_text_incident(&b, &r->layout, &i, true);
	static const char want[] =
		"\n  {\n    \"id\": \"ID\",\n    \"title\": \"say \\\"hi\\\"\",\n    \"description\": \"\",\n    \"severity\": 5,\n"
		"    \"source\": \"manual\",\n    \"datadog_alert_id\": null,\n    \"status\": \"acknowledged\",\n    \"assignee\": \"user:amira\",\n"
		"    \"detected_at\": \"2025-10-09T08:53:20.000Z\",\n    \"acknowledged_at\": null,\n    \"resolved_at\": null,\n"
		"    \"root_cause\": null,\n    \"resolution_steps\": [],\n    \"tags\": [\n      \"a\",\n      \"[b]{,}:\\\"\\\\\"\n    ],\n    \"number\": 7,\n";
	if (!str_starts(buf_str(&b), str_c(want)))
		fail_msg("%s", b.p);
	assert_non_null(strstr(b.p, "\n    \"details\": {\n      \"a\": [\n        1,\n        {},\n        []\n      ],\n      \"b\": {\n        \"c\": [\n"
		"          [\n            2\n          ]\n        ]\n      }\n    },\n"));
	assert_non_null(strstr(b.p, "\n    \"version\": 3\n  }"));
	assert_null(strstr(b.p, "acknowledged_by"));
	assert_null(strstr(b.p, "passes"));
	buf_free(&b);
	arena_free(&a);
}

static void what_was_written_is_read_back_whatever_stands_inside(void **state)
{
	struct rig *r = *state;
	struct arena a = ARENA(1 << 20);
	struct str why;
	struct incident one = { .id = S("ONE"), .version = 12, .title = S("\n    \"id\": \"X\",\n  }"), .status = RESOLVED,
		.details = json_parse(&a, S("{\"id\":\"Y\",\"version\":9,\"status\":\"detected\"}"), &why) }, two = { .id = S("TWO"), .version = 1 };
	struct buf b = BUF(1 << 16);
	struct export_row row;
	buf_add(&b, EXPORT_BEGIN);
	export_text_incident(&b, &r->layout, &one, true);
	export_text_incident(&b, &r->layout, &two, false);
	buf_add(&b, export_text_end(false));
	struct str rest = buf_str(&b);
	assert_true(export_text_next(&rest, &row));
	assert_true(str_eq(row.id, S("ONE")) && row.version == 12 && row.is_resolved);
	assert_true(export_text_next(&rest, &row));
	assert_true(str_eq(row.id, S("TWO")) && row.version == 1 && !row.is_resolved);
	assert_false(export_text_next(&rest, &row));
	buf_free(&b);
	arena_free(&a);
}

static void a_file_is_replaced_whole_and_known_again(void **state)
{
	struct rig *r = *state;
	assert_int_equal(check(r), STORE_OK);
	assert_int_equal(write_file(r, "[]\n"), 0);
	assert_true(holds(r->path, "[]\n"));
	assert_int_equal(check(r), STORE_OK);
	put(r, "A", 2);
	const char *text = text_of(r, "A", 2, false);
	assert_int_equal(write_file(r, text), 0);
	assert_true(holds(r->path, text));
	assert_int_equal(check(r), STORE_OK);
	assert_int_not_equal(access(r->f.tmp, F_OK), 0);
}

static void the_same_bytes_stay_the_same_file(void **state)
{
	struct rig *r = *state;
	struct stat before, after;
	assert_int_equal(write_file(r, "[]\n"), 0);
	assert_int_equal(stat(r->path, &before), 0);
	assert_int_equal(check(r), STORE_OK);
	assert_int_equal(write_file(r, "[]\n"), 0);
	assert_int_equal(stat(r->path, &after), 0);
	assert_true(before.st_ino == after.st_ino);
	assert_int_equal(unlink(r->path), 0);
	assert_int_equal(write_file(r, "[]\n"), 0);                /* somebody removed it: then it is written */
	assert_true(holds(r->path, "[]\n"));
}

static void a_crash_before_or_after_the_rename_leaves_a_file_that_is_known(void **state)
{
	struct rig *r = *state;
	char kept[96];
	put(r, "A", 2);
	const char *text = text_of(r, "A", 2, false);
	(void)snprintf(kept, sizeof kept, "%s/kept", r->dir);
	assert_int_equal(write_file(r, "[]\n"), 0);
	assert_int_equal(link(r->path, kept), 0);
	assert_int_equal(write_file(r, text), 0);
	assert_int_equal(check(r), STORE_OK);                      /* the new one stands */
	assert_int_equal(rename(kept, r->path), 0);
	assert_int_equal(check(r), STORE_OK);                      /* the old one does, and the sums are those of both */
	save(r->f.tmp, "half");
	assert_int_equal(write_file(r, text), 0);
	assert_true(holds(r->path, text));
}

static void what_somebody_else_wrote_is_refused_with_its_place(void **state)
{
	struct rig *r = *state;
	put(r, "A", 2);
	assert_int_equal(write_file(r, text_of(r, "A", 2, false)), 0);
	refuses(r, "", "line 1, column 1: text ends early");
	refuses(r, "[\n  {\"id\": \"A\"},\n  {\"id\" \"B\"}\n]\n", "line 3, column 9: ");
	refuses(r, "[\n  {\"id\": \"A\"}", "line 2, column 14: text ends early");
	refuses(r, "[1,\n2,\n03]", "line 3, column 1: not a number");
	refuses(r, "{}", "is a JSON object and not an array");
	refuses(r, "[7]", "element 1 of the array is no incident");
	refuses(r, "[{\"id\":\"A\"},{\"id\":5}]", "element 2 of the array");
	refuses(r, "[{\"id\":\"A\"},{\"id\":\"B\"}]", "incident B, number 2 in it, is not in the journal");
	refuses(r, "[{\"id\":\"A\"}]", "was changed since it was written");
	assert_int_equal(unlink(r->path), 0);
	assert_int_equal(mkdir(r->path, 0700), 0);
	refuses(r, NULL, "is not a regular file");
	assert_int_equal(rmdir(r->path), 0);
	assert_int_equal(symlink("/dev/null", r->path), 0);
	refuses(r, NULL, "is not a regular file");
	assert_int_equal(unlink(r->path), 0);
	assert_int_equal(check(r), STORE_OK);
}

static void a_file_without_its_sum_is_refused_even_when_it_is_right(void **state)
{
	struct rig *r = *state;
	put(r, "A", 2);
	assert_int_equal(write_file(r, text_of(r, "A", 2, false)), 0);
	assert_int_equal(truncate(r->f.sums, 60), 0);
	refuses(r, NULL, "was changed since");
	assert_int_equal(unlink(r->f.sums), 0);
	refuses(r, NULL, "was changed since");
}

static void a_journal_that_knows_less_than_the_file_is_another_one(void **state)
{
	struct rig *r = *state;
	put(r, "A", 2);
	assert_int_equal(write_file(r, text_of(r, "A", 3, false)), 0);
	refuses(r, NULL, "tells more of incident A");
	assert_int_equal(unlink(r->path), 0);
	assert_int_equal(check(r), STORE_OK);
	assert_int_equal(write_file(r, text_of(r, "B", 1, false)), 0);
	refuses(r, NULL, "tells more of incident B");
	assert_int_equal(unlink(r->path), 0);
	assert_int_equal(check(r), STORE_OK);
	assert_int_equal(write_file(r, text_of(r, "B", 1, true)), 0);
	refuses(r, NULL, "none of its 1 incidents");
}

static void what_was_resolved_may_be_forgotten(void **state)
{
	struct rig *r = *state;
	struct buf b = BUF(1 << 16);
	struct incident old = { .id = S("OLD"), .version = 5, .status = RESOLVED }, now = { .id = S("NOW"), .version = 1 };
	put(r, "NOW", 4);
	buf_add(&b, EXPORT_BEGIN);
	export_text_incident(&b, &r->layout, &old, true);
	export_text_incident(&b, &r->layout, &now, false);
	buf_add(&b, export_text_end(false));
	assert_int_equal(write_file(r, b.p), 0);
	assert_int_equal(check(r), STORE_OK);
	buf_free(&b);
}

static void a_file_that_changes_while_we_run_is_theirs(void **state)
{
	struct rig *r = *state;
	assert_int_equal(write_file(r, "[]\n"), 0);
	save(r->path, "mine");
	assert_int_equal(write_file(r, "[ ]\n"), ESTALE);
	assert_int_equal(write_file(r, "[]\n"), ESTALE);           /* also when we would change nothing */
	assert_true(holds(r->path, "mine"));
	save(r->path, "[]\n");                                     /* put back as it was */
	assert_int_equal(write_file(r, "[ ]\n"), 0);
	assert_int_equal(unlink(r->path), 0);
	assert_int_equal(write_file(r, "[  ]\n"), 0);
	assert_true(holds(r->path, "[  ]\n"));
}

static void one_that_appears_where_there_was_none_is_theirs(void **state)
{
	struct rig *r = *state;
	assert_int_equal(check(r), STORE_OK);
	save(r->path, "mine");
	assert_int_equal(write_file(r, "[]\n"), ESTALE);
	assert_true(holds(r->path, "mine"));
}

static void a_full_disk_leaves_the_old_file(void **state)
{
	struct rig *r = *state;
	struct rlimit was, tight;
	char *large = xmalloc(100001);
	memset(large, ' ', 100000);
	large[100000] = '\0';
	assert_int_equal(write_file(r, "[]\n"), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	tight = was;
	tight.rlim_cur = 50000;
	setrlimit(RLIMIT_FSIZE, &tight);
	int err = write_file(r, large);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(err, EFBIG);
	assert_true(holds(r->path, "[]\n"));
	assert_int_not_equal(access(r->f.tmp, F_OK), 0);
	r->f.min_free = INT64_MAX;
	assert_int_equal(write_file(r, "[ ]\n"), ENOSPC);          /* what the journal needs is not touched */
	free(large);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_incident_is_shown_in_the_trackers_order_and_then_with_what_only_we_know), T(what_was_written_is_read_back_whatever_stands_inside),
		T(a_file_is_replaced_whole_and_known_again), T(the_same_bytes_stay_the_same_file),
		T(a_crash_before_or_after_the_rename_leaves_a_file_that_is_known), T(what_somebody_else_wrote_is_refused_with_its_place),
		T(a_file_without_its_sum_is_refused_even_when_it_is_right), T(a_journal_that_knows_less_than_the_file_is_another_one),
		T(what_was_resolved_may_be_forgotten), T(a_file_that_changes_while_we_run_is_theirs),
		T(one_that_appears_where_there_was_none_is_theirs), T(a_full_disk_leaves_the_old_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
