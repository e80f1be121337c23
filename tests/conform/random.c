/* random.c - the same random calls to the store under test and to a memory store; every answer must be the same.
 *
 * STORE_OPS: how many; through a wrapper a tenth, and of a store that asks a server a tenth too unless the number is given. Two shards, so that answers are merged, and are still many a second.
 */
#define RIG_SHARDS 2
#include "tests/conform/rig.h"

struct twin { struct rig *r; struct store *model; struct rng rng; };

static void same_docs(enum store_rc a, const struct store_docs *x, enum store_rc b, const struct store_docs *y)
{
	RC(a, b);
	assert_int_equal(x->n, y->n);
	for (size_t i = 0; i < x->n; i++) {
		const struct store_doc *p = &x->v[i], *q = &y->v[i];
		assert_true(p->kind == q->kind && str_eq(p->id, q->id) && p->ver == q->ver && p->due == q->due && p->expire == q->expire);
		assert_memory_equal(p->token.b, q->token.b, sizeof p->token.b);
		assert_true(str_eq(p->body, q->body));
		for (size_t k = 0; k < STORE_IDX; k++)
			assert_true(str_eq(p->idx[k], q->idx[k]));
	}
}

static int64_t pick(struct twin *t, int64_t hi)
{
	return rng_between(&t->rng, 0, hi);
}

static struct str pick_text(struct twin *t, struct arena *a, const char *stem, int64_t among)
{
	return arena_fmt(a, "%s%lld", stem, (long long)pick(t, among));
}

static uint64_t model_ver(struct twin *t, store_kind kind, struct str id)
{
	struct store_docs d = { 0 };
	OK(store_get(t->model, &kind, &id, 1, &d));
	uint64_t ver = d.v[0].ver;
	store_docs_free(&d);
	return ver;
}

static struct store_write random_write(struct twin *t, struct arena *a)
{
	struct store_write w = { .kind = (store_kind)pick(t, 1), .id = pick_text(t, a, "d", 60), .due = STORE_NO_DUE,
		.expire = STORE_NO_DUE };
	int64_t op = pick(t, 9);
	w.op = op < 7 ? STORE_PUT : op < 8 ? STORE_CHECK : STORE_DELETE;
	w.expect = pick(t, 9) < 8 ? model_ver(t, w.kind, w.id) : (uint64_t)pick(t, 4);
	if (w.kind == LOG && w.op == STORE_PUT && pick(t, 1))
		w.expect = STORE_ANY;
	if (pick(t, 1))
		w.due = pick(t, 1000);
	if (pick(t, 1))
		w.expire = pick(t, 1000);
	for (size_t i = 0; i < STORE_IDX; i++)
		if (pick(t, 2))
			w.idx[i] = pick_text(t, a, "k", 8);
	w.body = pick_text(t, a, "body-\xff\"\\\n-", 1000000);
	return w;
}

static void random_commit(struct twin *t, struct arena *a)
{
	size_t n = (size_t)pick(t, 4) + 1;
	struct store_txn *txn = NEWN(a, struct store_txn, n);
	struct store_result x[8], y[8];
	for (size_t i = 0; i < n; i++) {
		txn[i].n = (size_t)pick(t, 3) + 1;
		struct store_write *w = NEWN(a, struct store_write, txn[i].n);
		for (size_t k = 0; k < txn[i].n; k++)
			w[k] = random_write(t, a);
		txn[i].w = w;
		txn[i].token = token_n(rng_u64(&t->rng));
		if (i > 0 && pick(t, 9) == 0)
			txn[i] = txn[i - 1];                       /* a retry */
	}
	store_commit(t->r->s, txn, x, n);
	store_commit(t->model, txn, y, n);
	for (size_t i = 0; i < n; i++) {
		RC(x[i].rc, y[i].rc);
		assert_int_equal(x[i].bad_write, y[i].bad_write);
		assert_int_equal(x[i].cur_ver, y[i].cur_ver);
	}
}

static void random_read(struct twin *t, struct arena *a)
{
	struct store_docs x = { 0 }, y = { 0 };
	store_kind kind = (store_kind)pick(t, 1);
	int64_t which = pick(t, 5), until = pick(t, 1000);
	size_t limit = (size_t)pick(t, 20) + 1;
	enum store_rc p = STORE_OK, q = STORE_OK;
	if (which < 2) {
		struct str id[3];
		store_kind k[3] = { kind, kind, DOC };
		for (size_t i = 0; i < 3; i++)
			id[i] = pick_text(t, a, "d", 60);
		p = store_get(t->r->s, k, id, 3, &x);
		q = store_get(t->model, k, id, 3, &y);
	} else if (which < 4) {
		p = due(t->r, kind, until, limit, &x);
		q = store_due(t->model, kind, 0, 1, until, limit, &y);
	} else {
		int idx = (int)pick(t, STORE_IDX) - 1;
		bool down = pick(t, 1);
		struct str lo = pick(t, 1) ? pick_text(t, a, idx < 0 ? "d" : "k", 60) : S("");
		struct str hi = pick(t, 1) ? pick_text(t, a, idx < 0 ? "d" : "k", 60) : S("");
		p = store_list(t->r->s, kind, idx, lo, hi, down, limit, &x);
		q = store_list(t->model, kind, idx, lo, hi, down, limit, &y);
	}
	same_docs(p, &x, q, &y);
	store_docs_free(&x);
	store_docs_free(&y);
}

static void random_purge(struct twin *t)
{
	store_kind kind = (store_kind)pick(t, 1);
	int64_t before = pick(t, 300);
	size_t limit = (size_t)pick(t, 5) + 1, x = 0, y = 0;
	RC(store_purge(t->r->s, kind, before, limit, &x), store_purge(t->model, kind, before, limit, &y));
	assert_int_equal(x, y);
}

static void same_everything(struct twin *t)
{
	struct store_docs x = { 0 }, y = { 0 };
	for (store_kind kind = 0; kind < KINDS_N; kind++) {
		enum store_rc p = store_list(t->r->s, kind, STORE_BY_ID, S(""), S(""), false, 10000, &x);
		same_docs(p, &x, store_list(t->model, kind, STORE_BY_ID, S(""), S(""), false, 10000, &y), &y);
	}
	store_docs_free(&x);
	store_docs_free(&y);
}

static void random_operations_answer_as_memory_does(void **state)
{
	struct twin t = { .r = *state, .rng = rng_seeded(19) };
	const char *env = getenv("STORE_OPS");
	int64_t ops = t.r->v->backend->server ? 2000 : 20000;      /* a round trip or sixteen each */
	struct buf why = BUF(256);
	struct arena a = ARENA(1 << 20);
	if (env)
		assert_true(str_int(str_c(env), &ops));
	ops /= t.r->v->wrap == PLAIN ? 1 : 10;
	OK(open_store(t.r, "memory", &t.model, &why));
	for (int64_t i = 0; i < ops; i++) {
		int64_t what = pick(&t, 99);
		if (what < 30)
			random_commit(&t, &a);
		else if (what < 98)
			random_read(&t, &a);
		else
			random_purge(&t);
		if (i % (ops / 4 + 1) == ops / 4 && t.r->v->backend->lives)
			rig_reopen(t.r);
		arena_reset(&a);
	}
	same_everything(&t);
	arena_free(&a);
	buf_free(&why);
	store_close(t.model);
}

int main(void)
{
	int failed = 0;
	EACH_VARIANT(failed, T(random_operations_answer_as_memory_does))
	return failed != 0;
}
