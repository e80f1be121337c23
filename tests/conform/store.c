/* store.c - the store's contract, one suite over every backend, plain and wrapped: what store/store.h promises, one test a promise. */
#include "tests/conform/rig.h"

/* Threads that begin together. */
enum { MANY = 32 };
struct crew { struct rig *r; pthread_barrier_t start; atomic_uint won, lost, others; atomic_bool stop; int per_thread; };
struct hand { struct crew *crew; unsigned i; };

static void race(struct crew *c, unsigned n, void *(*work)(void *))
{
	pthread_t thread[MANY];
	struct hand hand[MANY];
	pthread_barrier_init(&c->start, NULL, n);
	for (unsigned i = 0; i < n; i++) {
		hand[i] = (struct hand){ c, i };
		assert_int_equal(pthread_create(&thread[i], NULL, work, &hand[i]), 0);
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&c->start);
}

static void *create_all(void *arg)
{
	struct hand *h = arg;
	struct crew *c = h->crew;
	pthread_barrier_wait(&c->start);
	for (int i = 0; i < c->per_thread; i++) {
		char id[32];
		(void)snprintf(id, sizeof id, "unique-%d", i);
		enum store_rc rc = commit_one(c->r, put(id, STORE_ABSENT, "mine"));
		*(rc == STORE_OK ? &c->won : rc == STORE_CONFLICT ? &c->lost : &c->others) += 1;
	}
	return NULL;
}

static void of_32_threads_that_create_one_document_one_wins(void **state)
{
	struct crew c = { .r = *state, .per_thread = 20 };
	race(&c, MANY, create_all);
	assert_int_equal(c.won, 20);
	assert_int_equal(c.lost, 20 * (MANY - 1));
	assert_int_equal(c.others, 0);
}

static void *raise_version(void *arg)
{
	struct hand *h = arg;
	struct crew *c = h->crew;
	pthread_barrier_wait(&c->start);
	for (int i = 0; i < c->per_thread; i++) {
		enum store_rc rc = commit_one(c->r, put("chain", ver_of(c->r, "chain"), "x"));
		*(rc == STORE_OK ? &c->won : rc == STORE_CONFLICT ? &c->lost : &c->others) += 1;
	}
	return NULL;
}

static void versions_form_a_chain_without_gaps(void **state)
{
	struct crew c = { .r = *state, .per_thread = 30 };
	race(&c, MANY, raise_version);
	assert_int_equal(c.others, 0);
	assert_true(c.won > 0);
	assert_int_equal(ver_of(*state, "chain"), c.won);
}

static void a_failing_last_condition_undoes_everything(void **state)
{
	struct rig *r = *state;
	OK(commit_one(r, put("old", STORE_ABSENT, "1")));
	OK(commit_one(r, put("there", STORE_ABSENT, "1")));
	struct store_write created_last[] = { put("new", STORE_ABSENT, "n"), put("old", 1, "2"), put("there", STORE_ABSENT, "n") };
	struct store_result res = commit_as(r, 1, created_last, 3);
	RC(res.rc, STORE_CONFLICT);
	assert_int_equal(res.bad_write, 2);
	assert_int_equal(res.cur_ver, 1);
	struct store_write changed_last[] = { put("new", STORE_ABSENT, "n"), del("old", 1), put("there", 7, "n") };
	res = commit_as(r, 2, changed_last, 3);
	RC(res.rc, STORE_CONFLICT);
	assert_int_equal(res.bad_write, 2);
	assert_int_equal(ver_of(r, "new"), 0);
	assert_int_equal(ver_of(r, "old"), 1);
	body_is(r, "old", "1");
}

static void the_first_failing_write_is_the_one_named(void **state)
{
	struct rig *r = *state;
	OK(commit_one(r, put("a", STORE_ABSENT, "1")));
	OK(commit_one(r, put("b", STORE_ABSENT, "1")));
	struct store_write w[] = { put("c", STORE_ABSENT, ""), put("a", STORE_ABSENT, ""), put("b", 9, "") };
	struct store_result res = commit_as(r, 1, w, 3);
	RC(res.rc, STORE_CONFLICT);
	assert_int_equal(res.bad_write, 1);
	assert_int_equal(ver_of(r, "c"), 0);
}

static void a_check_prevents_write_skew(void **state)
{
	struct rig *r = *state;
	OK(commit_one(r, put("x", STORE_ABSENT, "on call")));
	OK(commit_one(r, put("y", STORE_ABSENT, "on call")));
	struct store_write a[] = { check("y", 1), put("x", 1, "off") }, b[] = { check("x", 1), put("y", 1, "off") };
	OK(commit_as(r, 1, a, 2).rc);
	struct store_result res = commit_as(r, 2, b, 2);
	RC(res.rc, STORE_CONFLICT);
	assert_int_equal(res.bad_write, 0);
	assert_int_equal(res.cur_ver, 2);
	OK(commit_as(r, 3, (struct store_write[]){ check("nobody", STORE_ABSENT), put("y", 1, "") }, 2).rc);
	RC(commit_as(r, 4, (struct store_write[]){ check("x", STORE_ABSENT), put("y", 2, "") }, 2).rc, STORE_CONFLICT);
	assert_int_equal(ver_of(r, "x"), 2);
}

static void the_same_token_twice_has_one_effect(void **state)
{
	struct rig *r = *state;
	struct store_write w[] = { put("a", STORE_ABSENT, "1"), put("b", STORE_ABSENT, "1") };
	OK(commit_as(r, 7, w, 2).rc);
	OK(commit_as(r, 7, w, 2).rc);
	assert_int_equal(ver_of(r, "a"), 1);
	struct store_write change[] = { check("b", 1), put("a", 1, "2") };
	OK(commit_as(r, 8, change, 2).rc);
	OK(commit_as(r, 8, change, 2).rc);
	assert_int_equal(ver_of(r, "a"), 2);
	struct store_write log = put("line", STORE_ANY, "once");
	log.kind = LOG;
	OK(commit_as(r, 9, &log, 1).rc);
	OK(commit_as(r, 9, &log, 1).rc);
	struct store_docs d = { 0 };
	OK(store_get(r->s, &(store_kind){ LOG }, &S("line"), 1, &d));
	assert_int_equal(d.v[0].ver, 1);
	store_docs_free(&d);
	struct store_result two[2];
	struct store_txn same[] = { { token_n(10), &(struct store_write){ 0 }, 1 }, { token_n(10), NULL, 1 } };
	struct store_write c = put("c", STORE_ABSENT, "1");
	same[0].w = same[1].w = &c;
	store_commit(r->s, same, two, 2);
	OK(two[0].rc);
	OK(two[1].rc);
	assert_int_equal(ver_of(r, "c"), 1);
}

static void the_token_is_compared_before_conflict_is_said(void **state)
{
	struct rig *r = *state;
	OK(commit_one(r, put("later", STORE_ABSENT, "1")));
	struct store_write w[] = { put("first", STORE_ABSENT, "1"), put("later", 1, "2") };
	OK(commit_as(r, 7, w, 2).rc);
	OK(commit_one(r, put("later", 2, "3")));                   /* only the first document answers for the token */
	OK(commit_as(r, 7, w, 2).rc);
	assert_int_equal(ver_of(r, "later"), 3);
}

static void a_retry_after_another_writer_is_a_conflict(void **state)
{
	struct rig *r = *state;
	struct store_write w = put("a", STORE_ABSENT, "1");
	OK(commit_as(r, 7, &w, 1).rc);
	OK(commit_as(r, 8, &(struct store_write[]){ put("a", 1, "2") }[0], 1).rc);
	struct store_result res = commit_as(r, 7, &w, 1);
	RC(res.rc, STORE_CONFLICT);
	assert_int_equal(res.cur_ver, 2);
}

static struct store_write put_due(const char *id, uint64_t expect, int64_t due)
{
	struct store_write w = put(id, expect, "due");
	w.due = due;
	return w;
}

static void *due_is_complete(void *arg)
{
	struct hand *h = arg;
	struct store_docs d = { 0 };
	pthread_barrier_wait(&h->crew->start);
	for (int i = 0; i < h->crew->per_thread; i++) {
		char id[32];
		(void)snprintf(id, sizeof id, "%u-%d", h->i, i);
		bool found = false;
		if (commit_one(h->crew->r, put_due(id, STORE_ABSENT, 1000 + i)) != STORE_OK ||
		    due(h->crew->r, DOC, 1000 + i, 10000, &d) != STORE_OK)
			h->crew->others++;
		for (size_t k = 0; k < d.n; k++)
			found |= str_eq(d.v[k].id, str_c(id));
		*(found ? &h->crew->won : &h->crew->lost) += 1;
	}
	store_docs_free(&d);
	return NULL;
}

static void due_is_complete_right_after_ok(void **state)
{
	struct crew c = { .r = *state, .per_thread = 60 };
	race(&c, 4, due_is_complete);
	assert_int_equal(c.lost, 0);
	assert_int_equal(c.others, 0);
}

static void due_answers_in_order_and_never_early(void **state)
{
	struct rig *r = *state;
	struct store_docs d = { 0 };
	OK(due(r, DOC, INT64_MAX, 10, &d));
	assert_int_equal(d.n, 0);
	OK(commit_one(r, put_due("c", STORE_ABSENT, 300)));
	OK(commit_one(r, put_due("a", STORE_ABSENT, 100)));
	OK(commit_one(r, put_due("never", STORE_ABSENT, STORE_NO_DUE)));
	OK(commit_one(r, put_due("b", STORE_ABSENT, 200)));
	OK(due(r, DOC, 99, 10, &d));
	assert_int_equal(d.n, 0);
	OK(due(r, DOC, 100, 10, &d));
	assert_int_equal(d.n, 1);
	OK(due(r, DOC, 199, 10, &d));
	assert_int_equal(d.n, 1);
	OK(due(r, DOC, INT64_MAX, 10, &d));
	assert_int_equal(d.n, 3);
	assert_true(d.v[0].due == 100 && d.v[1].due == 200 && d.v[2].due == 300);
	OK(due(r, DOC, INT64_MAX, 2, &d));
	assert_int_equal(d.n, 2);
	assert_int_equal(d.v[1].due, 200);
	OK(commit_one(r, put_due("a", 1, 250)));                   /* moved */
	OK(commit_one(r, put_due("b", 1, STORE_NO_DUE)));          /* settled */
	OK(commit_one(r, put_due("never", 1, -5)));                /* before 1970 is a time too */
	OK(due(r, DOC, 1000, 10, &d));
	assert_int_equal(d.n, 3);
	assert_true(d.v[0].due == -5 && d.v[1].due == 250 && d.v[2].due == 300);
	OK(due(r, LOG, 1000, 10, &d));
	assert_int_equal(d.n, 0);
	store_docs_free(&d);
}

enum { CLAIMS = 40, TTL = 30000 };
static void *claim(void *arg)
{
	struct hand *h = arg;
	struct store_docs d = { 0 };
	pthread_barrier_wait(&h->crew->start);
	while (due(h->crew->r, DOC, 1000, 5, &d) == STORE_OK && d.n > 0)
		for (size_t i = 0; i < d.n; i++) {
			struct store_write w = { .op = STORE_PUT, .kind = DOC, .id = d.v[i].id, .expect = d.v[i].ver, .due = 1000 + TTL,
				.expire = STORE_NO_DUE, .body = S("claimed") };
			enum store_rc rc = commit_one(h->crew->r, w);
			*(rc == STORE_OK ? &h->crew->won : rc == STORE_CONFLICT ? &h->crew->lost : &h->crew->others) += 1;
		}
	store_docs_free(&d);
	return NULL;
}

static void sixteen_claimers_get_each_document_once(void **state)
{
	struct rig *r = *state;
	for (int i = 0; i < CLAIMS; i++) {
		char id[32];
		(void)snprintf(id, sizeof id, "page-%d", i);
		OK(commit_one(r, put_due(id, STORE_ABSENT, 1000 - i)));
	}
	struct crew c = { .r = r };
	race(&c, 16, claim);
	assert_int_equal(c.won, CLAIMS);
	assert_int_equal(c.others, 0);
	struct store_docs d = { 0 };
	OK(due(r, DOC, 1000 + TTL, 1000, &d));      /* abandoned claims are due again, and ... */
	assert_int_equal(d.n, CLAIMS);
	OK(commit_one(r, put_due("page-0", 2, 1000 + 2 * TTL)));   /* ... when another takes one over, */
	RC(commit_one(r, put("page-0", 2, "settled late")), STORE_CONFLICT);
	store_docs_free(&d);
}

static void bodies_and_ids_keep_every_byte(void **state)
{
	struct rig *r = *state;
	static char big[STORE_BODY_MAX + 1];
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (char)(i * 7 + i / 256);
	const size_t size[] = { 0, 1, 256, STORE_BODY_MAX - 1, STORE_BODY_MAX };
	char id[40];
	struct store_docs d = { 0 };
	for (size_t i = 0; i < COUNT(size); i++) {
		(void)snprintf(id, sizeof id, "body-%zu", i);
		struct store_write w = put(id, STORE_ABSENT, "");
		w.body = (struct str){ big, size[i] };
		OK(commit_one(r, w));
	}
	char every[256][3];
	for (int b = 0; b < 256; b++) {
		memcpy(every[b], (char[]){ 'x', (char)b, 'y' }, 3);
		struct store_write w = put("", STORE_ABSENT, "byte");
		w.id = (struct str){ every[b], 3 };
		w.idx[1] = w.id;
		OK(commit_one(r, w));
	}
	if (r->v->backend->lives)
		rig_reopen(r);
	for (size_t i = 0; i < COUNT(size); i++) {
		(void)snprintf(id, sizeof id, "body-%zu", i);
		OK(store_get(r->s, &(store_kind){ DOC }, &(struct str){ id, strlen(id) }, 1, &d));
		assert_true(str_eq(d.v[0].body, (struct str){ big, size[i] }));
	}
	OK(store_list(r->s, DOC, 1, (struct str){ 0 }, (struct str){ 0 }, false, 1000, &d));
	assert_int_equal(d.n, 256);
	for (int b = 0; b < 256; b++) {
		assert_true(str_eq(d.v[b].id, (struct str){ every[b], 3 }));
		assert_true(str_eq(d.v[b].idx[1], d.v[b].id));
	}
	store_docs_free(&d);
}

static void limits_hold_at_the_byte(void **state)
{
	struct rig *r = *state;
	static char text[STORE_BODY_MAX + 1];
	memset(text, 'a', sizeof text);
	struct store_write w = put("big", STORE_ABSENT, "");
	w.body = (struct str){ text, STORE_BODY_MAX + 1 };
	RC(commit_one(r, w), STORE_TOOBIG);
	w = put("", STORE_ABSENT, "");
	RC(commit_one(r, w), STORE_INVAL);
	w.id = (struct str){ text, STORE_ID_MAX };
	w.idx[0] = (struct str){ text, STORE_KEY_MAX };
	OK(commit_one(r, w));
	w.id.n++;
	RC(commit_one(r, w), STORE_TOOBIG);
	w.id.n = 5;
	w.idx[0].n++;
	RC(commit_one(r, w), STORE_TOOBIG);
	char id[STORE_WRITES_MAX + 1][8];
	struct store_write many[STORE_WRITES_MAX + 1];
	for (size_t i = 0; i < COUNT(many); i++) {
		(void)snprintf(id[i], sizeof id[i], "w%zu", i);
		many[i] = put(id[i], STORE_ABSENT, "w");
	}
	RC(commit_as(r, 1, many, STORE_WRITES_MAX + 1).rc, STORE_TOOBIG);
	assert_int_equal(ver_of(r, "w0"), 0);
	OK(commit_as(r, 2, many, STORE_WRITES_MAX).rc);
	RC(commit_as(r, 3, many, 0).rc, STORE_INVAL);
	size_t body = STORE_COMMIT_BYTES_MAX / 4;                  /* four bodies and their ids: two bytes each too many */
	for (size_t i = 0; i < 4; i++) {
		many[i] = put(id[i], 1, "");
		many[i].body = (struct str){ text, body - (i == 3 ? 7 : 0) };
	}
	RC(commit_as(r, 4, many, 4).rc, STORE_TOOBIG);
	many[3].body.n--;
	OK(commit_as(r, 5, many, 4).rc);
	struct store_docs d = { 0 };
	store_kind kind[STORE_GET_MAX + 1] = { DOC };
	struct str ids[STORE_GET_MAX + 1];
	for (size_t i = 0; i <= STORE_GET_MAX; i++)
		ids[i] = S("w1");
	OK(store_get(r->s, kind, ids, STORE_GET_MAX, &d));
	assert_int_equal(d.n, STORE_GET_MAX);
	assert_int_equal(d.v[99].ver, 2);
	RC(store_get(r->s, kind, ids, STORE_GET_MAX + 1, &d), STORE_TOOBIG);
	OK(store_get(r->s, kind, ids, 0, &d));
	store_docs_free(&d);
}

static void calls_that_make_no_sense_are_refused(void **state)
{
	struct rig *r = *state;
	struct store_docs d = { 0 };
	RC(commit_one(r, put("a", STORE_ANY, "")), STORE_INVAL);
	RC(commit_one(r, del("a", STORE_ABSENT)), STORE_INVAL);
	RC(commit_one(r, del("a", STORE_ANY)), STORE_INVAL);
	RC(commit_one(r, check("a", STORE_ANY)), STORE_INVAL);
	struct store_write w = put("a", STORE_ABSENT, "");
	w.kind = KINDS_N;
	RC(commit_one(r, w), STORE_INVAL);
	RC(commit_as(r, 1, (struct store_write[]){ put("a", STORE_ABSENT, ""), check("a", 1) }, 2).rc, STORE_INVAL);
	RC(store_due(r->s, KINDS_N, 0, 1, 0, 1, &d), STORE_INVAL);
	RC(store_due(r->s, DOC, 0, r->shards + 1, 0, 1, &d), STORE_INVAL);
	RC(store_due(r->s, DOC, 1, 1, 0, 1, &d), STORE_INVAL);
	RC(due(r, DOC, 0, 0, &d), STORE_INVAL);
	RC(store_list(r->s, DOC, STORE_IDX, S(""), S(""), false, 1, &d), STORE_INVAL);
	RC(store_list(r->s, DOC, -2, S(""), S(""), false, 1, &d), STORE_INVAL);
	RC(store_scan(r->s, DOC, r->shards, S(""), 1, &d), STORE_INVAL);
	store_docs_free(&d);
}

static void a_group_answers_each_member_by_itself(void **state)
{
	struct rig *r = *state;
	OK(commit_one(r, put("there", STORE_ABSENT, "1")));
	struct store_write w[][2] = {
		{ put("a", STORE_ABSENT, ""), put("b", STORE_ABSENT, "") },
		{ put("c", STORE_ABSENT, ""), put("there", STORE_ABSENT, "") },      /* conflict */
		{ put("d", STORE_ABSENT, ""), put("d", STORE_ABSENT, "") },          /* invalid */
		{ put("e", STORE_ABSENT, ""), put("there", 1, "2") },
	};
	struct store_txn t[4];
	struct store_result res[4];
	for (size_t i = 0; i < 4; i++)
		t[i] = (struct store_txn){ token_n(50 + i), w[i], 2 };
	store_commit(r->s, t, res, 4);
	OK(res[0].rc);
	RC(res[1].rc, STORE_CONFLICT);
	assert_int_equal(res[1].bad_write, 1);
	RC(res[2].rc, STORE_INVAL);
	OK(res[3].rc);
	assert_true(r->v->backend->is_shared ? res[0].at > INT64_C(1700000000000) : res[0].at == r->wall);
	assert_int_equal(ver_of(r, "a"), 1);
	assert_int_equal(ver_of(r, "c"), 0);
	assert_int_equal(ver_of(r, "d"), 0);
	assert_int_equal(ver_of(r, "there"), 2);
}

static void a_chain_in_a_group_holds_or_breaks_as_a_whole(void **state)
{
	struct rig *r = *state;
	struct store_write w[] = { put("a", STORE_ABSENT, "1"), put("a", 1, "2"), put("a", 2, "3"), put("a", 2, "x"), put("a", 4, "y"),
		del("a", 3), put("a", STORE_ABSENT, "again") };
	struct store_txn t[COUNT(w)];
	struct store_result res[COUNT(w)];
	for (size_t i = 0; i < COUNT(w); i++)
		t[i] = (struct store_txn){ token_n(60 + i), &w[i], 1 };
	store_commit(r->s, t, res, COUNT(w));
	for (size_t i = 0; i < COUNT(w); i++)
		RC(res[i].rc, i == 3 || i == 4 ? STORE_CONFLICT : STORE_OK);
	assert_int_equal(res[3].cur_ver, 3);
	body_is(r, "a", "again");
	assert_int_equal(ver_of(r, "a"), 1);
}

static void any_appends_whatever_is_there(void **state)
{
	struct rig *r = *state;
	struct store_write w[] = { put("line", STORE_ANY, "1"), put("doc", STORE_ABSENT, "1") };
	w[0].kind = LOG;
	OK(commit_as(r, 1, w, 2).rc);
	w[1].expect = 1;
	OK(commit_as(r, 2, w, 2).rc);
	struct store_docs d = { 0 };
	OK(store_get(r->s, (store_kind[]){ LOG, DOC, DOC }, (struct str[]){ S("line"), S("doc"), S("none") }, 3, &d));
	assert_int_equal(d.n, 3);
	assert_int_equal(d.v[0].ver, 2);
	assert_int_equal(d.v[1].ver, 2);
	assert_int_equal(d.v[2].ver, 0);
	assert_true(str_eq(d.v[2].id, S("none")));
	assert_memory_equal(d.v[1].token.b, token_n(2).b, 16);
	w[0].op = STORE_DELETE;
	OK(commit_as(r, 3, w, 1).rc);
	OK(commit_as(r, 4, w, 1).rc);                              /* nothing there, and nothing was asked about it */
	store_docs_free(&d);
}

static void purge_spares_what_is_due_or_not_expired(void **state)
{
	struct rig *r = *state;
	static const struct { const char *id; int64_t due, expire; } doc[] = {
		{ "old", STORE_NO_DUE, 99 }, { "older", STORE_NO_DUE, 5 }, { "due", 7, 50 }, { "young", STORE_NO_DUE, 100 },
		{ "for ever", STORE_NO_DUE, STORE_NO_DUE }, { "oldest", STORE_NO_DUE, -1 },
	};
	size_t done = 0;
	for (size_t i = 0; i < COUNT(doc); i++) {
		struct store_write w = put_due(doc[i].id, STORE_ABSENT, doc[i].due);
		w.expire = doc[i].expire;
		OK(commit_one(r, w));
	}
	OK(store_purge(r->s, LOG, 100, 10, &done));
	assert_int_equal(done, 0);
	OK(store_purge(r->s, DOC, 100, 2, &done));
	assert_int_equal(done, 2);
	assert_int_equal(ver_of(r, "older") + ver_of(r, "oldest"), 0);
	OK(store_purge(r->s, DOC, 100, 10, &done));
	assert_int_equal(done, 1);
	OK(store_purge(r->s, DOC, 100, 10, &done));
	assert_int_equal(done, 0);
	assert_int_equal(ver_of(r, "due") + ver_of(r, "young") + ver_of(r, "for ever"), 3);
	struct store_write settled = put("due", 1, "");
	settled.expire = 50;
	OK(commit_one(r, settled));
	OK(store_purge(r->s, DOC, 100, 10, &done));
	assert_int_equal(done, 1);
}

static void put_listed(struct rig *r, const char *id, const char *key)
{
	struct store_write w = put(id, STORE_ABSENT, "");
	w.idx[2] = str_c(key);
	OK(commit_one(r, w));
}

static void ids_are(const struct store_docs *d, const char *want)
{
	struct buf got = BUF(4096);
	for (size_t i = 0; i < d->n; i++)
		buf_fmt(&got, "%s%.*s", i ? " " : "", STR_ARG(d->v[i].id));
	assert_string_equal(got.p ? got.p : "", want);
	buf_free(&got);
}

static void lists_go_by_key_and_by_id_both_ways(void **state)
{
	struct rig *r = *state;
	struct store_docs d = { 0 };
	put_listed(r, "i/3", "b");
	put_listed(r, "i/1", "c");
	put_listed(r, "j/1", "a");
	put_listed(r, "i/2", "b");
	put_listed(r, "h/9", "");
	OK(store_list(r->s, DOC, STORE_BY_ID, S("i/"), S("i0"), false, 10, &d));
	ids_are(&d, "i/1 i/2 i/3");
	OK(store_list(r->s, DOC, STORE_BY_ID, S("i/"), S("i0"), true, 2, &d));
	ids_are(&d, "i/3 i/2");
	OK(store_list(r->s, DOC, STORE_BY_ID, d.v[1].id, S(""), false, 10, &d));
	ids_are(&d, "i/2 i/3 j/1");
	OK(store_get(r->s, &d.v[1].kind, &d.v[1].id, 1, &d));      /* an answer may be asked about in its own words */
	ids_are(&d, "i/3");
	OK(store_list(r->s, DOC, 2, S(""), S(""), false, 10, &d));
	ids_are(&d, "j/1 i/2 i/3 i/1");                            /* no key, not listed; of equal keys the ids decide */
	OK(store_list(r->s, DOC, 2, S(""), S(""), true, 10, &d));
	ids_are(&d, "i/1 i/3 i/2 j/1");
	OK(store_list(r->s, DOC, 2, S("b"), S("c"), false, 10, &d));
	ids_are(&d, "i/2 i/3");
	OK(store_list(r->s, DOC, 2, S("a"), S("c"), true, 1, &d));
	ids_are(&d, "i/3");
	OK(store_list(r->s, DOC, 2, S("c"), S("a"), false, 10, &d));
	ids_are(&d, "");
	OK(store_list(r->s, DOC, 0, S(""), S(""), false, 10, &d));
	ids_are(&d, "");
	struct store_write moved = put("i/3", 1, "");
	moved.idx[2] = S("z");
	OK(commit_one(r, moved));
	OK(store_list(r->s, DOC, 2, S("b"), S(""), false, 10, &d));
	ids_are(&d, "i/2 i/1 i/3");
	store_docs_free(&d);
}

static void *write_while_listed(void *arg)
{
	struct hand *h = arg;
	pthread_barrier_wait(&h->crew->start);
	if (h->i == 0) {
		for (int i = 0; !h->crew->stop; i++) {
			char id[32];
			(void)snprintf(id, sizeof id, "doc-%03d", i % 300);
			struct store_write w = put(id, ver_of(h->crew->r, id), "w");
			w.idx[0] = w.id;
			if (commit_one(h->crew->r, w) != STORE_OK)
				h->crew->others++;
		}
		return NULL;
	}
	struct store_docs d = { 0 };
	for (int round = 0; round < h->crew->per_thread; round++) {
		char from[STORE_KEY_MAX + 1] = "";
		size_t n = 0;
		do {                                               /* a page; the last key as the new bound is seen again */
			if (store_list(h->crew->r->s, DOC, h->i == 1 ? 0 : STORE_BY_ID, str_c(from), S(""), false, 7, &d) != STORE_OK)
				h->crew->others++;
			for (size_t i = 1; i < d.n; i++)
				if (str_cmp(d.v[i - 1].id, d.v[i].id) >= 0)
					h->crew->lost++;
			n += d.n;
			if (d.n) {
				memcpy(from, d.v[d.n - 1].id.p, d.v[d.n - 1].id.n);
				from[d.v[d.n - 1].id.n] = '\0';
			}
		} while (d.n == 7);
		h->crew->won += n >= 100;
	}
	h->crew->stop = true;
	store_docs_free(&d);
	return NULL;
}

static void paging_under_writes_repeats_and_loses_nothing(void **state)
{
	struct rig *r = *state;
	for (int i = 0; i < 100; i++) {
		char id[32];
		(void)snprintf(id, sizeof id, "doc-%03d", i);
		struct store_write w = put(id, STORE_ABSENT, "w");
		w.idx[0] = w.id;
		OK(commit_one(r, w));
	}
	struct crew c = { .r = r, .per_thread = 10 };
	race(&c, 3, write_while_listed);
	assert_int_equal(c.won, 20);
	assert_int_equal(c.lost, 0);
	assert_int_equal(c.others, 0);
}

static void a_scan_sees_every_document_once(void **state)
{
	struct rig *r = *state;
	enum { N = 57 };
	bool seen[N] = { false };
	for (int i = 0; i < N; i++) {
		char id[32];
		(void)snprintf(id, sizeof id, "%d", i);
		OK(commit_one(r, put(id, STORE_ABSENT, "")));
	}
	struct store_docs d = { 0 };
	size_t n = 0;
	for (unsigned shard = 0; shard < r->shards; shard++) {
		d.cursor = S("");
		do {
			OK(store_scan(r->s, DOC, shard, d.cursor, r->shards > 1 ? 2 : 10, &d));
			for (size_t i = 0; i < d.n; i++, n++) {
				int64_t id = 0;
				assert_true(str_int(d.v[i].id, &id) && !seen[id]);
				assert_int_equal(store_shard(d.v[i].id, r->shards), shard);
				seen[id] = true;
			}
			if (n >= 20 && ver_of(r, "7") == 1)
				OK(commit_one(r, put("7", 1, "changed while scanned")));
		} while (d.cursor.n);
	}
	assert_int_equal(n, N);
	store_docs_free(&d);
}

static void store_time_never_goes_back(void **state)
{
	struct rig *r = *state;
	struct rng rng = rng_seeded(16);
	int64_t last = 0, now = 0, err = -1;
	for (int i = 0; i < 20000; i++) {
		r->boot += rng_between(&rng, 0, 50);
		r->wall += rng_chance(&rng, 10000) ? rng_between(&rng, -86400000, 86400000) : rng_between(&rng, 0, 50);
		OK(store_now(r->s, &now, &err));
		assert_true(now >= last && err >= 0);
		last = now;
	}
}

static void a_mistaken_date_fires_and_freezes_nothing(void **state)
{
	struct rig *r = *state;
	int64_t before = 0, now = 0, err = 0;
	OK(store_now(r->s, &before, &err));
	if (r->v->backend->is_shared) {
		r->wall += 3600000;
		OK(store_now(r->s, &now, &err));
		assert_true(now - before < 10000);                 /* the server's clock counts, whatever is believed here */
		return;
	}
	r->wall += 3600000;
	r->boot += 10000;
	OK(store_now(r->s, &now, &err));
	assert_true(now - before >= 9990 && now - before <= 10010);
	r->wall -= 2 * 3600000;
	r->boot += 10000;
	OK(store_now(r->s, &now, &err));
	assert_true(now - before >= 19980 && now - before <= 20020);
}

static void a_restart_keeps_everything(void **state)
{
	struct rig *r = *state;
	if (!r->v->backend->lives)
		return;                                            /* it promises nothing */
	OK(commit_one(r, put_due("a", STORE_ABSENT, 100)));
	struct store_write w = put("b", STORE_ABSENT, "body");
	w.idx[0] = S("k0");
	w.idx[3] = S("k3");
	w.expire = 12345;
	OK(commit_as(r, 99, &w, 1).rc);
	OK(commit_one(r, put("gone", STORE_ABSENT, "")));
	OK(commit_one(r, del("gone", 1)));
	OK(commit_one(r, put("c", STORE_ABSENT, "1")));
	OK(commit_one(r, put("c", 1, "2")));
	r->wall += 4000;
	struct store_result last = commit_as(r, 100, &(struct store_write[]){ put("d", STORE_ABSENT, "") }[0], 1);
	r->wall -= 3000;
	rig_reopen(r);
	struct store_docs d = { 0 };
	OK(due(r, DOC, 100, 10, &d));
	ids_are(&d, "a");
	OK(store_get(r->s, &(store_kind){ DOC }, &S("b"), 1, &d));
	assert_int_equal(d.v[0].ver, 1);
	assert_memory_equal(d.v[0].token.b, token_n(99).b, 16);
	assert_true(d.v[0].due == STORE_NO_DUE && d.v[0].expire == 12345);
	assert_true(str_eq(d.v[0].idx[0], S("k0")) && d.v[0].idx[1].n == 0 && str_eq(d.v[0].idx[3], S("k3")));
	assert_true(str_eq(d.v[0].body, S("body")));
	assert_int_equal(ver_of(r, "gone"), 0);
	body_is(r, "c", "2");
	OK(commit_as(r, 99, &w, 1).rc);                            /* a retry across the restart */
	int64_t now = 0, err = 0;
	OK(store_now(r->s, &now, &err));
	assert_true(now >= last.at);
	store_docs_free(&d);
}

static void a_second_process_is_refused_with_a_sentence(void **state)
{
	struct rig *r = *state;
	struct buf why = BUF(4096);
	struct store *second = NULL;
	if (!r->v->backend->lives || r->v->backend->is_shared)
		return;                                            /* each a world of its own, or made for many */
	RC(open_store(r, r->v->backend->name, &second, &why), STORE_BUSY);
	assert_null(second);
	assert_non_null(strstr(why.p, r->path));
	assert_non_null(strstr(why.p, "another process (pid "));
	OK(commit_one(r, put("a", STORE_ABSENT, "still mine")));
	buf_free(&why);
}

static void many_processes_share_one_store(void **state)
{
	struct rig *r = *state;
	struct buf why = BUF(4096);
	struct store *mine = r->s, *other = NULL;
	if (!r->v->backend->is_shared)
		return;                                            /* one at a time: the test before this one */
	OK(commit_one(r, put("a", STORE_ABSENT, "1")));
	OK(open_store(r, r->v->backend->name, &other, &why));
	r->s = other;
	body_is(r, "a", "1");                                      /* fresh: committed by somebody else a moment ago */
	OK(commit_one(r, put("a", 1, "2")));
	OK(commit_one(r, put_due("d", STORE_ABSENT, 7)));
	r->s = mine;
	body_is(r, "a", "2");
	RC(commit_one(r, put("a", 1, "late")), STORE_CONFLICT);
	struct store_docs d = { 0 };
	OK(due(r, DOC, 7, 10, &d));
	ids_are(&d, "d");
	store_docs_free(&d);
	store_close(other);
	buf_free(&why);
}

static void below_the_free_space_gate_only_new_work_is_refused(void **state)
{
	struct rig *r = *state;
	if (!r->v->backend->lives || r->v->backend->is_shared)
		return;                                            /* it uses no disk of ours */
	OK(commit_one(r, put("incident", STORE_ABSENT, "")));
	struct store_write before = put("before", STORE_ABSENT, "");
	OK(commit_as(r, 9, &before, 1).rc);
	r->min_free = INT64_MAX;
	rig_reopen(r);
	struct store_write entry = put("entry", STORE_ANY, "");
	entry.kind = LOG;
	OK(commit_as(r, 9, &before, 1).rc);                        /* applied long ago: "full" would say that it was not */
	RC(commit_one(r, put("new", STORE_ABSENT, "")), STORE_FULL);
	RC(commit_one(r, entry), STORE_FULL);
	RC(commit_as(r, 1, (struct store_write[]){ put("new", STORE_ABSENT, ""), entry, check("incident", 1) }, 3).rc, STORE_FULL);
	OK(commit_as(r, 2, (struct store_write[]){ put("incident", 1, "acknowledged"), entry }, 2).rc);
	OK(commit_as(r, 3, (struct store_write[]){ put("incident", 2, "level 2"), put("page", STORE_ABSENT, "") }, 2).rc);
	OK(commit_one(r, del("page", 1)));
	OK(commit_one(r, check("incident", 3)));
	assert_int_equal(ver_of(r, "new"), 0);
	r->min_free = 0;
	rig_reopen(r);
	OK(commit_one(r, put("new", STORE_ABSENT, "")));
}

static void a_probe_is_a_real_commit(void **state)
{
	struct rig *r = *state;
	int64_t us = -1;
	for (int i = 0; i < 3; i++)
		OK(store_probe(r->s, &us));
	assert_true(us >= 0);
	OK(commit_one(r, put("a", STORE_ABSENT, "")));
	if (r->v->backend->lives)
		rig_reopen(r);
}

static struct store_doc as_it_is(const char *id, uint64_t ver, uint64_t token, const char *body)
{
	return (struct store_doc){ .kind = DOC, .id = str_c(id), .ver = ver, .token = token_n(token), .due = STORE_NO_DUE,
		.expire = STORE_NO_DUE, .idx = { S("k") }, .body = str_c(body) };
}

static void an_import_keeps_versions_and_tokens(void **state)
{
	struct rig *r = *state;
	struct store_docs d = { 0 };
	OK(commit_one(r, put_due("b", STORE_ABSENT, 5)));
	struct store_doc v[] = { as_it_is("a", 7, 70, "seven"), as_it_is("b", 3, 30, "three"), as_it_is("c", 1, 10, "one") };
	v[2].due = 9;
	for (int twice = 0; twice < 2; twice++)
		OK(store_import(r->s, v, COUNT(v)));               /* again is right */
	if (r->v->backend->lives)
		rig_reopen(r);
	OK(store_list(r->s, DOC, 0, S(""), S(""), false, 10, &d));
	ids_are(&d, "a b c");
	assert_true(d.v[0].ver == 7 && d.v[1].ver == 3 && d.v[2].ver == 1);
	assert_memory_equal(d.v[0].token.b, token_n(70).b, 16);
	OK(due(r, DOC, 100, 10, &d));
	ids_are(&d, "c");
	RC(commit_one(r, put("a", 6, "")), STORE_CONFLICT);
	OK(commit_as(r, 70, &(struct store_write[]){ put("a", 6, "seven") }[0], 1).rc);      /* its token speaks for it */
	OK(commit_one(r, put("a", 7, "eight")));
	assert_int_equal(ver_of(r, "a"), 8);
	v[0].ver = 0;
	RC(store_import(r->s, v, 1), STORE_INVAL);
	store_docs_free(&d);
}

static void a_reader_beside_the_writer_sees_one_moment(void **state)
{
	struct rig *r = *state;
	struct store_options o = rig_options(r);
	struct store *reader = NULL;
	struct store_info info = { 0 };
	struct store_docs d = { 0 };
	struct store_result res;
	struct store_write w = put("before", 1, "2");
	struct buf why = BUF(4096);
	o.is_reader = true;
	OK(commit_one(r, put("before", STORE_ABSENT, "1")));
	OK(store_open(str_c(r->v->backend->name), &o, &reader, &why));
	store_info(reader, &info);
	if (info.is_still) {
		for (int i = 0; i < 300; i++)
			OK(commit_one(r, put("before", (uint64_t)i + 1, "later")));
		OK(commit_one(r, put("after", STORE_ABSENT, "")));
		OK(store_get(reader, (store_kind[]){ DOC, DOC }, (struct str[]){ S("before"), S("after") }, 2, &d));
		assert_true(d.v[0].ver == 1 && d.v[1].ver == 0);
		OK(store_scan(reader, DOC, 0, S(""), 10, &d));
		ids_are(&d, "before");
		store_commit(reader, &(struct store_txn){ token_n(9), &w, 1 }, &res, 1);
		RC(res.rc, STORE_FENCED);
	}
	store_close(reader);
	OK(commit_one(r, put("last", STORE_ABSENT, "")));
	store_docs_free(&d);
	buf_free(&why);
}

static void the_schema_is_told_without_opening(void **state)
{
	struct rig *r = *state;
	struct store_options o = rig_options(r);
	struct store_schema schema = { -1, -1, -1 };
	struct buf why = BUF(4096);
	OK(store_schema(str_c(r->v->backend->name), &o, &schema, &why));
	assert_int_equal(schema.have, r->v->backend->lives ? schema.newest : 0);
	assert_true(schema.least >= 1 && schema.least <= schema.newest);
	RC(store_migrate(str_c(r->v->backend->name), &o, schema.newest + 1, &why), STORE_INVAL);
	assert_true(why.n > 0);
	buf_clear(&why);
	r->path[strlen(r->path) - 1] = 'x';                        /* nothing is there, and nothing is made by asking */
	r->table[0] = 'x';
	o = rig_options(r);
	OK(store_schema(str_c(r->v->backend->name), &o, &schema, &why));
	assert_int_equal(schema.have, 0);
	OK(store_schema(str_c(r->v->backend->name), &o, &schema, &why));
	assert_int_equal(schema.have, 0);
	buf_free(&why);
}

static void info_says_what_it_is(void **state)
{
	struct rig *r = *state;
	struct store_info info = { 0 };
	store_info(r->s, &info);
	assert_string_equal(info.backend, r->v->backend->name);
	assert_int_equal(info.shards, r->v->backend->is_shared ? 16 : 1);
	assert_int_equal(info.list_stale_ms, 0);
	assert_int_equal(info.many_writers, r->v->backend->is_shared);
	assert_int_equal(info.durability, r->v->backend->durability);
	for (int i = 0; i < 1000; i++) {
		char id[16];
		(void)snprintf(id, sizeof id, "%d", i);
		assert_true(store_shard(str_c(id), info.shards) < info.shards);
	}
}

static void a_lost_reply_is_healed_by_the_same_token(void **state)
{
	struct rig *r = *state;
	struct store_write w = put("a", STORE_ABSENT, "1");
	if (r->v->wrap != FAULTY)
		return;                                            /* nothing to lose replies */
	r->on_commit = STORE_FAULT_LOST_REPLY;
	RC(commit_as(r, 1, &w, 1).rc, STORE_UNKNOWN);
	r->on_commit = STORE_FAULT_NOT_APPLIED;
	struct store_write b = put("b", STORE_ABSENT, "1");
	RC(commit_as(r, 2, &b, 1).rc, STORE_UNKNOWN);
	r->on_commit = STORE_FAULT_NONE;
	OK(commit_as(r, 1, &w, 1).rc);
	OK(commit_as(r, 2, &b, 1).rc);
	assert_int_equal(ver_of(r, "a"), 1);
	assert_int_equal(ver_of(r, "b"), 1);
}

int main(void)
{
	int failed = 0;
	EACH_VARIANT(failed,
	    T(of_32_threads_that_create_one_document_one_wins), T(versions_form_a_chain_without_gaps),
	    T(a_failing_last_condition_undoes_everything), T(the_first_failing_write_is_the_one_named),
	    T(a_check_prevents_write_skew), T(the_same_token_twice_has_one_effect),
	    T(the_token_is_compared_before_conflict_is_said), T(a_retry_after_another_writer_is_a_conflict),
	    T(due_is_complete_right_after_ok), T(due_answers_in_order_and_never_early),
	    T(sixteen_claimers_get_each_document_once), T(bodies_and_ids_keep_every_byte), T(limits_hold_at_the_byte),
	    T(calls_that_make_no_sense_are_refused), T(a_group_answers_each_member_by_itself),
	    T(a_chain_in_a_group_holds_or_breaks_as_a_whole), T(any_appends_whatever_is_there),
	    T(purge_spares_what_is_due_or_not_expired), T(lists_go_by_key_and_by_id_both_ways),
	    T(paging_under_writes_repeats_and_loses_nothing), T(a_scan_sees_every_document_once),
	    T(store_time_never_goes_back), T(a_mistaken_date_fires_and_freezes_nothing), T(a_restart_keeps_everything),
	    T(a_second_process_is_refused_with_a_sentence), T(many_processes_share_one_store),
	    T(below_the_free_space_gate_only_new_work_is_refused),
	    T(a_probe_is_a_real_commit), T(an_import_keeps_versions_and_tokens), T(a_reader_beside_the_writer_sees_one_moment),
	    T(the_schema_is_told_without_opening),
	    T(info_says_what_it_is), T(a_lost_reply_is_healed_by_the_same_token))
	return failed != 0;
}
