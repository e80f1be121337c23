/* redo.c - what a promoted standby lacks is put back, once, in order, and nothing else is touched. */
#include "store/store.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { DOC, LINE, HELD_MS = 8000, KEEP_MS = 600 * 1000 };
static const struct store_kind_def kinds[] = { { "doc", false }, { "line", true } };

/* A server with a standby: everything goes to the one that answers; the standby has what was copied to it. */
struct pair { struct store head; struct store *now, *standby; uint64_t history; enum store_rc fails; size_t gets, commits; bool fails_over, is_late; };
struct stage { struct pair *pair; struct store *s; int64_t ms; struct store_redone told; int times; uint8_t token; };

static int64_t boot_ms(void *ctx)
{
	return ((struct stage *)ctx)->ms;
}

static int64_t no_time(void *ctx)
{
	(void)ctx;
	return 1000;
}

static struct store *fresh(void)
{
	struct buf why = BUF(256);
	struct store *s = NULL;
	struct store_options o = { .kinds = kinds, .n_kinds = 2, .clock = { NULL, no_time, no_time } };
	assert_int_equal(store_open(S("memory"), &o, &s, &why), STORE_OK);
	return s;
}

static void fail_over(struct pair *p)
{
	store_close(p->now);
	p->now = p->standby;
	p->standby = fresh();
	p->history++;
	p->fails_over = false;
}

static void pair_close(struct store *s)
{
	struct pair *p = (struct pair *)s;
	store_close(p->now);
	store_close(p->standby);
	free(p);
}

static void pair_info(const struct store *s, struct store_info *ret)
{
	const struct pair *p = (const struct pair *)s;
	store_info(p->now, ret);
	ret->history = p->history;
}

static enum store_rc pair_now(struct store *s, int64_t *ret_ms, int64_t *ret_err_ms)
{
	return store_now(((struct pair *)s)->now, ret_ms, ret_err_ms);
}

static enum store_rc pair_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	struct pair *p = (struct pair *)s;
	p->gets++;
	return p->fails ? p->fails : store_get(p->now, kind, id, n, out);
}

static void pair_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n)
{
	struct pair *p = (struct pair *)s;
	p->commits++;
	if (p->fails_over && !p->is_late)
		fail_over(p);
	if (!p->fails) {
		store_commit(p->now, txns, results, n);
		if (p->fails_over)
			fail_over(p);
		return;
	}
	for (size_t i = 0; i < n; i++)
		results[i] = (struct store_result){ .rc = p->fails };
}

static const struct store_ops pair_ops = { .close = pair_close, .info = pair_info, .now = pair_now, .get = pair_get, .commit = pair_commit };

static void on_told(void *ctx, const struct store_redone *r)
{
	struct stage *st = ctx;
	st->told = *r;
	st->times++;
}

static struct stage *stage_new(size_t bytes_max)
{
	struct stage *st = test_calloc(1, sizeof *st);
	st->pair = calloc(1, sizeof *st->pair);
	assert_non_null(st->pair);
	*st->pair = (struct pair){ .now = fresh(), .standby = fresh(), .history = 1 };
	st->pair->head = *st->pair->now;
	st->pair->head.ops = &pair_ops;
	st->s = store_redo(&st->pair->head, &(struct store_redo_plan){ st, bytes_max, KEEP_MS, 0, boot_ms, on_told });
	return st;
}

static int setup(void **state)
{
	*state = stage_new(1 << 20);
	return 0;
}

static int teardown(void **state)
{
	struct stage *st = *state;
	store_close(st->s);
	test_free(st);
	return 0;
}

static struct store_write put(store_kind kind, const char *id, uint64_t expect, const char *body)
{
	return (struct store_write){ .op = STORE_PUT, .kind = kind, .id = str_c(id), .expect = expect, .due = 7, .expire = STORE_NO_DUE,
		.body = str_c(body), .idx = { S("key") } };
}

static enum store_rc commit_all(struct stage *st, const struct store_write *w, size_t n)
{
	struct store_txn t = { .w = w, .n = n };
	struct store_result r = { 0 };
	t.token.b[0] = ++st->token;
	store_commit(st->s, &t, &r, 1);
	return r.rc;
}

static enum store_rc commit(struct stage *st, struct store_write w)
{
	return commit_all(st, &w, 1);
}

/* The standby receives all there is, as it is. */
static void replicate(struct stage *st)
{
	for (store_kind kind = DOC; kind <= LINE; kind++) {
		struct store_docs docs = { 0 };
		assert_int_equal(store_scan(st->pair->now, kind, 0, S(""), 1000, &docs), STORE_OK);
		if (docs.n > 0)
			assert_int_equal(store_import(st->pair->standby, docs.v, docs.n), STORE_OK);
		store_docs_free(&docs);
	}
}

static void promote(struct stage *st)
{
	fail_over(st->pair);
}

/* What its thread does twenty times a second. */
static void tend(struct stage *st)
{
	store_redo_tend(st->s);
	store_redo_tend(st->s);
}

/* And to the end of the time in which nothing new is taken. */
static void tend_to_the_end(struct stage *st)
{
	tend(st);
	st->ms += HELD_MS;
	tend(st);
}

static void expect_doc(struct stage *st, store_kind kind, const char *id, uint64_t ver, const char *body)
{
	struct store_docs docs = { 0 };
	struct str key = str_c(id);
	assert_int_equal(store_get(st->pair->now, &kind, &key, 1, &docs), STORE_OK);
	assert_int_equal(docs.v[0].ver, ver);
	if (ver > 0) {
		assert_true(str_eq(docs.v[0].body, str_c(body)));
		assert_int_equal(docs.v[0].due, 7);
		assert_true(str_eq(docs.v[0].idx[0], S("key")));
	}
	store_docs_free(&docs);
}

/* --- */

static void what_a_promoted_standby_lacks_is_put_back_in_its_order(void **state)
{
	struct stage *st = *state;
	assert_int_equal(commit(st, put(DOC, "a", 0, "one")), STORE_OK);
	replicate(st);
	assert_int_equal(commit(st, put(DOC, "a", 1, "two")), STORE_OK);
	assert_int_equal(commit(st, put(DOC, "a", 2, "three")), STORE_OK);
	assert_int_equal(commit(st, put(LINE, "b", 0, "a line")), STORE_OK);
	st->ms = 300;
	promote(st);
	expect_doc(st, DOC, "a", 1, "one");
	tend(st);
	expect_doc(st, DOC, "a", 3, "three");
	expect_doc(st, LINE, "b", 1, "a line");
	tend_to_the_end(st);
	assert_int_equal(st->times, 1);
	assert_int_equal(st->told.missing, 3);
	assert_int_equal(st->told.redone, 3);
	assert_int_equal(st->told.oldest_ms, 300);
	tend_to_the_end(st);
	assert_int_equal(st->times, 1);
}

static struct store_write removal(const char *id, uint64_t expect)
{
	return (struct store_write){ .op = STORE_DELETE, .kind = DOC, .id = str_c(id), .expect = expect, .due = STORE_NO_DUE, .expire = STORE_NO_DUE };
}

static void when_nothing_is_missing_that_is_said_and_nothing_is_written(void **state)
{
	struct stage *st = *state;
	assert_int_equal(commit(st, put(DOC, "a", 0, "one")), STORE_OK);
	assert_int_equal(commit(st, put(DOC, "a", 1, "two")), STORE_OK);
	assert_int_equal(commit(st, removal("a", 2)), STORE_OK);
	assert_int_equal(commit(st, put(LINE, "b", 0, "a line")), STORE_OK);
	replicate(st);
	size_t commits = st->pair->commits;
	promote(st);
	tend_to_the_end(st);
	expect_doc(st, DOC, "a", 0, "");
	assert_int_equal(st->pair->commits, commits);
	assert_int_equal(st->times, 1);
	assert_int_equal(st->told.missing, 0);
}

static void a_deletion_that_is_missing_happens_again(void **state)
{
	struct stage *st = *state;
	assert_int_equal(commit(st, put(DOC, "a", 0, "one")), STORE_OK);
	replicate(st);
	assert_int_equal(commit(st, removal("a", 1)), STORE_OK);
	promote(st);
	tend_to_the_end(st);
	expect_doc(st, DOC, "a", 0, "");
	assert_int_equal(st->told.redone, 1);
}

/* Nothing that is left tells that all of it had happened: it happens again, and ends as it did. */
static void what_was_made_and_deleted_in_that_time_does_not_come_back(void **state)
{
	struct stage *st = *state;
	assert_int_equal(commit(st, put(DOC, "a", 0, "one")), STORE_OK);
	assert_int_equal(commit(st, removal("a", 1)), STORE_OK);
	promote(st);
	tend_to_the_end(st);
	expect_doc(st, DOC, "a", 0, "");
	assert_int_equal(st->told.missing, st->told.redone);
}

/* Deleted by somebody else, well before the change: that it is not there proves nothing. */
static void what_is_older_than_something_that_is_there_stays_deleted(void **state)
{
	struct stage *st = *state;
	assert_int_equal(commit(st, put(LINE, "a", 0, "one")), STORE_OK);
	st->ms += 6000;
	assert_int_equal(commit(st, put(LINE, "b", 0, "two")), STORE_OK);
	replicate(st);
	struct store_write w = removal("a", 1);
	struct store_txn t = { .token = { { 200 } }, .w = &w, .n = 1 };
	struct store_result r;
	w.kind = LINE;
	store_commit(st->pair->standby, &t, &r, 1);
	assert_int_equal(r.rc, STORE_OK);
	promote(st);
	tend_to_the_end(st);
	expect_doc(st, LINE, "a", 0, "");
	assert_int_equal(st->told.missing, 0);
}

static void nobody_commits_until_all_replicas_have_had_time(void **state)
{
	struct stage *st = *state;
	assert_int_equal(commit(st, put(DOC, "a", 0, "one")), STORE_OK);
	promote(st);
	assert_int_equal(commit(st, put(DOC, "a", 0, "another")), STORE_BUSY);
	tend(st);
	expect_doc(st, DOC, "a", 1, "one");
	st->ms += HELD_MS - 1;
	tend(st);
	assert_int_equal(commit(st, put(DOC, "c", 0, "new")), STORE_BUSY);
	st->ms++;
	tend(st);
	assert_int_equal(commit(st, put(DOC, "c", 0, "new")), STORE_OK);
}

/* A decision of another replica, straight into the store that answers. */
static void theirs(struct stage *st, uint8_t token, struct store_write w)
{
	struct store_txn t = { .token = { { token } }, .w = &w, .n = 1 };
	struct store_result r;
	store_commit(st->pair->now, &t, &r, 1);
	assert_int_equal(r.rc, STORE_OK);
}

/* The other replica's part comes back later; until then ours has nothing to stand on. */
static void what_rests_on_anothers_work_waits_for_it(void **state)
{
	struct stage *st = *state;
	theirs(st, 200, put(DOC, "a", 0, "theirs"));
	assert_int_equal(commit(st, put(DOC, "a", 1, "ours")), STORE_OK);
	promote(st);
	tend(st);
	expect_doc(st, DOC, "a", 0, "");
	theirs(st, 200, put(DOC, "a", 0, "theirs"));
	tend(st);
	expect_doc(st, DOC, "a", 2, "ours");
	tend_to_the_end(st);
	assert_int_equal(st->times, 1);
	assert_int_equal(st->told.redone, 1);
}

/* The other replica is dead, and its part never comes: once new decisions are taken, the old one must not be put on top of them. */
static void what_could_not_be_put_back_in_time_is_never_put_over_a_newer_decision(void **state)
{
	struct stage *st = *state;
	theirs(st, 200, put(DOC, "a", 0, "one"));
	replicate(st);
	theirs(st, 201, put(DOC, "a", 1, "folded"));
	assert_int_equal(commit(st, put(DOC, "a", 2, "folded again")), STORE_OK);
	promote(st);
	tend_to_the_end(st);
	assert_int_equal(commit(st, put(DOC, "a", 1, "acknowledged")), STORE_OK);
	tend_to_the_end(st);
	expect_doc(st, DOC, "a", 2, "acknowledged");
	assert_int_equal(st->times, 1);
	assert_int_equal(st->told.missing, 1);
	assert_int_equal(st->told.redone, 0);
}

static void what_went_another_way_meanwhile_is_left_so_and_told(void **state)
{
	struct stage *st = *state;
	assert_int_equal(commit(st, put(LINE, "b", 0, "our line")), STORE_OK);
	assert_int_equal(commit(st, put(LINE, "c", 0, "and another")), STORE_OK);
	promote(st);
	theirs(st, 200, put(LINE, "b", 0, "another line"));
	tend_to_the_end(st);
	expect_doc(st, LINE, "b", 1, "another line");
	expect_doc(st, LINE, "c", 1, "and another");
	assert_int_equal(st->times, 1);
	assert_int_equal(st->told.missing, 2);
	assert_int_equal(st->told.redone, 1);
	assert_int_equal(commit(st, put(LINE, "d", 0, "life goes on")), STORE_OK);
}

/* Before the search, and again between the search and the putting back. */
static void a_store_that_does_not_answer_is_asked_until_it_does_and_takes_nothing_new_till_then(void **state)
{
	struct stage *st = *state;
	assert_int_equal(commit(st, put(DOC, "a", 0, "one")), STORE_OK);
	promote(st);
	for (int i = 0; i < 2; i++) {
		st->pair->fails = STORE_DOWN;
		tend_to_the_end(st);
		tend_to_the_end(st);
		assert_int_equal(commit(st, put(DOC, "a", 0, "another")), STORE_BUSY);
		assert_int_equal(st->times, 0);
		st->pair->fails = STORE_OK;
		if (i == 0)
			store_redo_tend(st->s);
	}
	tend_to_the_end(st);
	assert_int_equal(st->told.redone, 1);
	expect_doc(st, DOC, "a", 1, "one");
}

static void the_search_ends_soon_after_something_that_is_there(void **state)
{
	enum { MANY = 250 };
	struct stage *st = *state;
	char id[16];
	for (int i = 0; i < MANY; i++, st->ms += 1000) {
		snprintf(id, sizeof id, "d%d", i);
		assert_int_equal(commit(st, put(LINE, id, 0, "x")), STORE_OK);
	}
	replicate(st);
	assert_int_equal(commit(st, put(LINE, "last", 0, "x")), STORE_OK);
	size_t gets = st->pair->gets;
	promote(st);
	tend_to_the_end(st);
	assert_int_equal(st->pair->gets, gets + 1);
	assert_int_equal(st->told.missing, 1);
	expect_doc(st, LINE, "last", 1, "x");
}

static void only_so_much_is_kept_and_only_so_long(void **state)
{
	struct stage *st = stage_new(4096), *other = *state;
	char id[16];
	for (int i = 0; i < 200; i++) {
		snprintf(id, sizeof id, "d%d", i);
		assert_int_equal(commit(st, put(LINE, id, 0, "x")), STORE_OK);
	}
	promote(st);
	tend_to_the_end(st);
	assert_in_range(st->told.missing, 5, 40);
	expect_doc(st, LINE, "d199", 1, "x");
	expect_doc(st, LINE, "d0", 0, "");
	store_close(st->s);
	test_free(st);
	assert_int_equal(commit(other, put(LINE, "old", 0, "x")), STORE_OK);
	other->ms += KEEP_MS + 1;
	assert_int_equal(commit(other, put(LINE, "new", 0, "x")), STORE_OK);
	promote(other);
	tend_to_the_end(other);
	assert_int_equal(other->told.missing, 1);
}

/* A commit that was begun before the change and ended after it, on either server: it is no sign that what is older is there, and is looked for itself. */
static void a_commit_that_crosses_the_change_hides_nothing_and_is_not_lost(void **state)
{
	struct stage *st = *state;
	assert_int_equal(commit(st, put(DOC, "a", 0, "one")), STORE_OK);
	replicate(st);
	assert_int_equal(commit(st, put(DOC, "a", 1, "two")), STORE_OK);
	st->pair->fails_over = true;
	assert_int_equal(commit(st, put(DOC, "b", 0, "on the new server")), STORE_OK);
	expect_doc(st, DOC, "a", 1, "one");
	tend_to_the_end(st);
	expect_doc(st, DOC, "a", 2, "two");
	assert_int_equal(st->told.missing, 1);
	st->pair->fails_over = st->pair->is_late = true;
	assert_int_equal(commit(st, put(DOC, "c", 0, "on the old server")), STORE_OK);
	expect_doc(st, DOC, "c", 0, "");
	tend_to_the_end(st);
	expect_doc(st, DOC, "c", 1, "on the old server");
}

/* The process was stopped in between, or the search took long. */
static void what_was_found_missing_is_tried_once_however_late_it_is(void **state)
{
	struct stage *st = *state;
	assert_int_equal(commit(st, put(DOC, "a", 0, "one")), STORE_OK);
	promote(st);
	st->pair->fails = STORE_DOWN;
	store_redo_tend(st->s);
	st->pair->fails = STORE_OK;
	st->ms += 2 * HELD_MS;
	tend(st);
	expect_doc(st, DOC, "a", 1, "one");
	assert_int_equal(st->times, 1);
	assert_int_equal(st->told.redone, 1);
}

/* Two changes, one right after the other: what is missing now counts, not what was. */
static void a_change_during_the_work_begins_it_anew(void **state)
{
	struct stage *st = *state;
	assert_int_equal(commit(st, put(LINE, "a", 0, "x")), STORE_OK);
	replicate(st);
	assert_int_equal(commit(st, put(LINE, "b", 0, "x")), STORE_OK);
	promote(st);
	store_redo_tend(st->s);
	replicate(st);
	promote(st);
	tend_to_the_end(st);
	expect_doc(st, LINE, "a", 1, "x");
	expect_doc(st, LINE, "b", 1, "x");
	assert_int_equal(st->times, 1);
	assert_int_equal(st->told.missing, 1);
	assert_int_equal(st->told.redone, 1);
}

/* The old server comes back, as if nothing had been: what it was told in that time is put back when the new one answers again. */
static void a_server_that_was_replaced_and_answers_once_more_loses_nothing_either(void **state)
{
	struct stage *st = *state;
	assert_int_equal(commit(st, put(LINE, "a", 0, "x")), STORE_OK);
	replicate(st);
	struct store *old = st->pair->now;
	st->pair->now = st->pair->standby;
	st->pair->history = 2;
	tend_to_the_end(st);
	assert_int_equal(commit(st, put(LINE, "b", 0, "x")), STORE_OK);
	st->pair->standby = st->pair->now;
	st->pair->now = old;
	st->pair->history = 1;
	tend_to_the_end(st);
	expect_doc(st, LINE, "b", 1, "x");
	assert_int_equal(commit(st, put(LINE, "c", 0, "x")), STORE_OK);
	st->pair->now = st->pair->standby;
	st->pair->standby = old;
	st->pair->history = 2;
	tend_to_the_end(st);
	expect_doc(st, LINE, "c", 1, "x");
	assert_int_equal(st->times, 3);
}

/* Its own thread, and commits on another. */
static void its_thread_does_all_that_by_itself_and_ends_with_the_store(void **state)
{
	struct stage *st = *state;
	struct store *s = store_redo(fresh(), &(struct store_redo_plan){ st, 1 << 20, KEEP_MS, 1, boot_ms, on_told });
	for (int i = 0; i < 2000; i++) {
		struct store_write w = put(DOC, "a", (uint64_t)i, "x");
		struct store_txn t = { .token = { { (uint8_t)i, (uint8_t)(i >> 8) } }, .w = &w, .n = 1 };
		struct store_result r;
		store_commit(s, &t, &r, 1);
		assert_int_equal(r.rc, STORE_OK);
	}
	store_close(s);
	assert_int_equal(st->times, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_promoted_standby_lacks_is_put_back_in_its_order),
		TEST(when_nothing_is_missing_that_is_said_and_nothing_is_written),
		TEST(a_deletion_that_is_missing_happens_again),
		TEST(what_was_made_and_deleted_in_that_time_does_not_come_back),
		TEST(what_is_older_than_something_that_is_there_stays_deleted),
		TEST(nobody_commits_until_all_replicas_have_had_time),
		TEST(what_rests_on_anothers_work_waits_for_it),
		TEST(what_could_not_be_put_back_in_time_is_never_put_over_a_newer_decision),
		TEST(what_went_another_way_meanwhile_is_left_so_and_told),
		TEST(a_store_that_does_not_answer_is_asked_until_it_does_and_takes_nothing_new_till_then),
		TEST(the_search_ends_soon_after_something_that_is_there),
		TEST(only_so_much_is_kept_and_only_so_long),
		TEST(a_commit_that_crosses_the_change_hides_nothing_and_is_not_lost),
		TEST(what_was_found_missing_is_tried_once_however_late_it_is),
		TEST(a_change_during_the_work_begins_it_anew),
		TEST(a_server_that_was_replaced_and_answers_once_more_loses_nothing_either),
		TEST(its_thread_does_all_that_by_itself_and_ends_with_the_store),
	};
	return cmocka_run_group_tests_name("store/redo", tests, NULL, NULL);
}
