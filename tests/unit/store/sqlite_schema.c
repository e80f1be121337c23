/* sqlite_schema.c - the layout of the SQLite file: its views, up and down, and what is said of a file that somebody changed. */
#include "tests/place.h"
#include "store/store.h"
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { INCIDENT, ENTRY, PAGE };
static const struct store_kind_def kinds[] = { { "incident", false }, { "entry", true }, { "page", false } };
#define ID "01990000-0000-7000-8000-000000000001"

struct rig { char dir[64], path[80]; struct store *s; struct buf why; struct arena mem; };

static int64_t clock_ms(void *ctx)
{
	(void)ctx;
	return INT64_C(1760000000000);
}

static struct store_options options(struct rig *r)
{
	return (struct store_options){ .path = str_c(r->path), .kinds = kinds, .n_kinds = COUNT(kinds), .clock = { r, clock_ms, clock_ms } };
}

static void open_ok(struct rig *r)
{
	struct store_options o = options(r);
	if (store_open(S("sqlite"), &o, &r->s, &r->why) != STORE_OK)
		fail_msg("%s", r->why.p);
}

static void close_it(struct rig *r)
{
	store_close(r->s);
	r->s = NULL;
}

static int setup(void **state)
{
	struct rig *r = test_calloc(1, sizeof *r);
	r->why = BUF(1 << 16);
	r->mem = ARENA(1 << 20);
	(void)snprintf(r->dir, sizeof r->dir, "%s/tocsin-schema-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	(void)snprintf(r->path, sizeof r->path, "%s/store.db", r->dir);
	open_ok(r);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;
	store_close(r->s);
	buf_free(&r->why);
	arena_free(&r->mem);
	assert_int_equal(place_remove(r->dir), 0);
	test_free(r);
	return 0;
}

/* The first row of a query as text, its columns with '|' between; "(error)" when it is refused. */
static struct str shell(struct rig *r, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;
	struct str row = S("");
	assert_int_equal(sqlite3_open(r->path, &db), SQLITE_OK);
	int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	for (int i = 0; rc == SQLITE_ROW && i < sqlite3_column_count(s); i++) {
		const unsigned char *text = sqlite3_column_text(s, i);
		row = arena_fmt(&r->mem, "%.*s%s%s", STR_ARG(row), i ? "|" : "", text ? (const char *)text : "-");
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? row : S("(error)");
}

static void says(struct rig *r, const char *sql, const char *want)
{
	struct str row = shell(r, sql);
	if (!str_eq(row, str_c(want)))
		fail_msg("%s\n  %.*s\n  not %s", sql, STR_ARG(row), want);
}

static struct store_schema schema_of(struct rig *r, enum store_rc want)
{
	struct store_options o = options(r);
	struct store_schema s = { -1, -1, -1 };
	buf_clear(&r->why);
	assert_int_equal(store_schema(S("sqlite"), &o, &s, &r->why), want);
	return s;
}

static enum store_rc migrate(struct rig *r, int to)
{
	struct store_options o = options(r);
	buf_clear(&r->why);
	return store_migrate(S("sqlite"), &o, to, &r->why);
}

static void put(struct rig *r, store_kind kind, const char *id, const char *body)
{
	struct store_doc d = { .kind = kind, .id = str_c(id), .ver = 3, .due = STORE_NO_DUE, .expire = STORE_NO_DUE, .body = str_c(body) };
	assert_int_equal(store_import(r->s, &d, 1), STORE_OK);
}

static void views_show_what_the_documents_say(void **state)
{
	struct rig *r = *state;
	put(r, INCIDENT, ID, "{\"id\":\"" ID "\",\"number\":42,\"title\":\"disk \\\"full\\\"\",\"severity\":4,\"service\":\"db\",\"alert_count\":2}");
	put(r, ENTRY, ID "/000007", "{\"id\":\"" ID "/000007\",\"type\":\"level\",\"level\":1,\"text\":\"next\",\"after\":\"acknowledged\"}");
	put(r, PAGE, ID "/0/1/0/0", "{\"id\":\"x\",\"incident\":\"" ID "\",\"target\":\"user:a\",\"status\":\"delivered\",\"attempt\":1}");
	says(r, "SELECT number,status,severity,title,alert_count,version,resolved_at FROM incidents", "42|detected|4|disk \"full\"|2|3|-");
	says(r, "SELECT incident,sequence,type,before,after,level,text FROM timeline", ID "|7|level|detected|acknowledged|1|next");
	says(r, "SELECT incident,status,attempt,level FROM pages", ID "|delivered|1|0");
}

static void down_takes_the_views_away_and_up_brings_them_back(void **state)
{
	struct rig *r = *state;
	put(r, INCIDENT, ID, "{\"number\":1}");
	assert_int_equal(migrate(r, 1), STORE_BUSY);               /* somebody has it */
	assert_true(r->why.n > 0);
	close_it(r);
	assert_int_equal(migrate(r, 1), STORE_OK);
	assert_int_equal(schema_of(r, STORE_OK).have, 1);
	says(r, "SELECT number FROM incidents", "(error)");
	says(r, "SELECT json_extract(body,'$.number') FROM incident", "1");
	assert_int_equal(migrate(r, 1), STORE_OK);                 /* again is nothing to do */
	assert_int_equal(migrate(r, 2), STORE_OK);
	says(r, "SELECT number FROM incidents", "1");
	assert_int_equal(schema_of(r, STORE_OK).have, 2);
	assert_int_equal(migrate(r, 3), STORE_INVAL);
	assert_int_equal(migrate(r, 0), STORE_INVAL);
}

static void an_older_file_is_moved_up_when_it_is_opened(void **state)
{
	struct rig *r = *state;
	close_it(r);
	assert_int_equal(migrate(r, 1), STORE_OK);
	says(r, "DELETE FROM tocsin WHERE name='least'", "");      /* as the first version left it */
	assert_int_equal(schema_of(r, STORE_OK).least, 1);
	open_ok(r);
	assert_int_equal(schema_of(r, STORE_OK).have, 2);
	says(r, "SELECT count(*) FROM incidents", "0");
	says(r, "SELECT value FROM tocsin WHERE name='least'", "1");
}

static void a_file_from_tomorrow_is_opened_and_not_taken_back(void **state)
{
	struct rig *r = *state;
	close_it(r);
	says(r, "UPDATE tocsin SET value=9 WHERE name='schema'", "");
	open_ok(r);
	close_it(r);
	says(r, "SELECT value FROM tocsin WHERE name='schema'", "9");
	assert_int_equal(migrate(r, 1), STORE_FENCED);
}

static void a_layout_that_somebody_changed_is_said(void **state)
{
	struct rig *r = *state;
	says(r, "CREATE INDEX mine ON incident(ver)", "");         /* that is theirs */
	assert_int_equal(schema_of(r, STORE_OK).have, 2);
	says(r, "DROP VIEW pages", "");
	says(r, "DROP INDEX entry_due", "");
	struct store_schema s = schema_of(r, STORE_CORRUPT);
	assert_int_equal(s.have, 2);
	assert_non_null(strstr(r->why.p, "view pages is missing or changed"));
	assert_non_null(strstr(r->why.p, "index entry_due is missing or changed"));
}

static void a_store_that_is_not_there_is_not_made(void **state)
{
	struct rig *r = *state;
	struct store *s = NULL;
	close_it(r);
	(void)snprintf(r->path, sizeof r->path, "%s/other.db", r->dir);
	assert_int_equal(migrate(r, 1), STORE_NOTFOUND);
	assert_int_equal(schema_of(r, STORE_OK).have, 0);
	struct store_options o = options(r);
	o.is_reader = true;
	assert_int_equal(store_open(S("sqlite"), &o, &s, &r->why), STORE_DOWN);
	assert_int_equal(access(r->path, F_OK), -1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(views_show_what_the_documents_say), T(down_takes_the_views_away_and_up_brings_them_back),
		T(an_older_file_is_moved_up_when_it_is_opened), T(a_file_from_tomorrow_is_opened_and_not_taken_back),
		T(a_layout_that_somebody_changed_is_said), T(a_store_that_is_not_there_is_not_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
