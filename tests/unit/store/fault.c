/* fault.c - the fault wrapper does what its plan says, and nothing else. */
#include "store/store.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct store_kind_def kinds[] = { { "doc", false } };

/* The plan: what befalls the n-th commit and every read. */
struct plan { enum store_fault commit[8], read; size_t n; struct store *s; };

static int64_t no_time(void *ctx)
{
	(void)ctx;
	return 1000;
}

static enum store_fault on_commit(void *ctx, const struct store_txn *t)
{
	struct plan *p = ctx;
	assert_true(t->n > 0);
	return p->commit[p->n++];
}

static enum store_fault on_read(void *ctx)
{
	return ((struct plan *)ctx)->read;
}

static int setup(void **state)
{
	struct plan *p = test_calloc(1, sizeof *p);
	struct buf why = BUF(256);
	struct store_options o = { .kinds = kinds, .n_kinds = 1, .clock = { NULL, no_time, no_time } };
	assert_int_equal(store_open(S("memory"), &o, &p->s, &why), STORE_OK);
	p->s = store_fault(p->s, &(struct store_fault_plan){ p, on_commit, on_read });
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct plan *p = *state;
	store_close(p->s);
	test_free(p);
	return 0;
}

static struct store_write put(const char *id, uint64_t expect, const char *body)
{
	return (struct store_write){ .op = STORE_PUT, .id = str_c(id), .expect = expect, .due = STORE_NO_DUE, .expire = STORE_NO_DUE,
		.body = str_c(body), .idx = { S("key") } };
}

static enum store_rc commit(struct plan *p, uint8_t token, struct store_write w)
{
	struct store_result r;
	store_commit(p->s, &(struct store_txn){ { { token } }, &w, 1 }, &r, 1);
	return r.rc;
}

static uint64_t ver_of(struct plan *p, const char *id)
{
	struct store_docs d = { 0 };
	struct str name = str_c(id);
	assert_int_equal(store_get(p->s, &(store_kind){ 0 }, &name, 1, &d), STORE_OK);
	uint64_t ver = d.v[0].ver;
	store_docs_free(&d);
	return ver;
}

static void definite_faults_apply_nothing(void **state)
{
	struct plan *p = *state;
	memcpy(p->commit, (enum store_fault[]){ STORE_FAULT_BUSY, STORE_FAULT_DOWN, STORE_FAULT_FULL }, 3 * sizeof *p->commit);
	assert_int_equal(commit(p, 1, put("a", 0, "")), STORE_BUSY);
	assert_int_equal(commit(p, 1, put("a", 0, "")), STORE_DOWN);
	assert_int_equal(commit(p, 1, put("a", 0, "")), STORE_FULL);
	assert_int_equal(ver_of(p, "a"), 0);
	assert_int_equal(commit(p, 1, put("a", 0, "")), STORE_OK);
	assert_int_equal(ver_of(p, "a"), 1);
}

static void a_lost_reply_is_applied_and_a_lost_request_is_not(void **state)
{
	struct plan *p = *state;
	p->commit[0] = STORE_FAULT_LOST_REPLY;
	p->commit[1] = STORE_FAULT_NOT_APPLIED;
	assert_int_equal(commit(p, 1, put("a", 0, "")), STORE_UNKNOWN);
	assert_int_equal(commit(p, 2, put("b", 0, "")), STORE_UNKNOWN);
	assert_int_equal(ver_of(p, "a"), 1);
	assert_int_equal(ver_of(p, "b"), 0);
	assert_int_equal(commit(p, 1, put("a", 0, "")), STORE_OK);
	assert_int_equal(ver_of(p, "a"), 1);
}

static void a_late_commit_arrives_when_it_is_released(void **state)
{
	struct plan *p = *state;
	char body[] = "late";
	p->commit[0] = p->commit[1] = STORE_FAULT_LATE;
	assert_int_equal(commit(p, 1, put("a", 0, body)), STORE_UNKNOWN);
	assert_int_equal(commit(p, 2, put("b", 0, "")), STORE_UNKNOWN);
	memset(body, 'X', sizeof body - 1);                        /* held commits own what they point at */
	assert_int_equal(commit(p, 3, put("b", 0, "first")), STORE_OK);
	assert_int_equal(ver_of(p, "a"), 0);
	assert_int_equal(store_fault_release(p->s), 2);
	struct store_docs d = { 0 };
	assert_int_equal(store_list(p->s, 0, 0, S(""), S(""), false, 9, &d), STORE_OK);
	assert_int_equal(d.n, 2);
	assert_true(str_eq(d.v[0].body, S("late")) && str_eq(d.v[1].body, S("first")));
	assert_true(d.v[1].ver == 1 && str_eq(d.v[0].idx[0], S("key")));
	assert_int_equal(store_fault_release(p->s), 0);
	store_docs_free(&d);
}

static void what_was_never_released_is_forgotten_without_a_leak(void **state)
{
	struct plan *p = *state;
	p->commit[0] = STORE_FAULT_LATE;
	assert_int_equal(commit(p, 1, put("a", 0, "")), STORE_UNKNOWN);
}

static void a_group_may_meet_several_faults_and_keeps_its_order(void **state)
{
	struct plan *p = *state;
	memcpy(p->commit, (enum store_fault[]){ STORE_FAULT_LOST_REPLY, STORE_FAULT_NONE, STORE_FAULT_DOWN, STORE_FAULT_NONE },
	    4 * sizeof *p->commit);
	struct store_write w[] = { put("a", 0, "1"), put("a", 1, "2"), put("a", 2, "3"), put("a", 3, "4") };
	struct store_txn t[4];
	struct store_result r[4];
	for (uint8_t i = 0; i < 4; i++)
		t[i] = (struct store_txn){ { { i, 9 } }, &w[i], 1 };
	store_commit(p->s, t, r, 4);
	assert_int_equal(r[0].rc, STORE_UNKNOWN);
	assert_int_equal(r[1].rc, STORE_OK);
	assert_int_equal(r[2].rc, STORE_DOWN);
	assert_int_equal(r[3].rc, STORE_CONFLICT);                 /* it named the version the third would have made */
	assert_int_equal(r[3].cur_ver, 2);
}

static void every_reader_hears_of_a_fault(void **state)
{
	struct plan *p = *state;
	struct store_docs d = { 0 };
	int64_t us = 0;
	size_t done = 0;
	p->read = STORE_FAULT_BUSY;
	assert_int_equal(store_get(p->s, &(store_kind){ 0 }, &S("a"), 1, &d), STORE_BUSY);
	p->read = STORE_FAULT_DOWN;
	assert_int_equal(store_get(p->s, &(store_kind){ 0 }, &S("a"), 1, &d), STORE_DOWN);
	assert_int_equal(store_due(p->s, 0, 0, 1, 1, 1, &d), STORE_DOWN);
	assert_int_equal(store_list(p->s, 0, 0, S(""), S(""), false, 1, &d), STORE_DOWN);
	assert_int_equal(store_scan(p->s, 0, 0, S(""), 1, &d), STORE_DOWN);
	assert_int_equal(store_purge(p->s, 0, 1, 1, &done), STORE_DOWN);
	assert_int_equal(store_probe(p->s, &us), STORE_DOWN);
	assert_int_equal(d.n, 0);
	store_docs_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(definite_faults_apply_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_reply_is_applied_and_a_lost_request_is_not, setup, teardown),
		cmocka_unit_test_setup_teardown(a_late_commit_arrives_when_it_is_released, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_never_released_is_forgotten_without_a_leak, setup, teardown),
		cmocka_unit_test_setup_teardown(a_group_may_meet_several_faults_and_keeps_its_order, setup, teardown),
		cmocka_unit_test_setup_teardown(every_reader_hears_of_a_fault, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
