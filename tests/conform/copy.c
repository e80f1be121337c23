/* copy.c - store/copy.h over every pair of backends: what arrives is the same to the byte, an interrupted copy goes on, and nothing that is in
 * the target is lost by mistake.
 */
#include "tests/conform/rig.h"
#include "store/copy.h"

enum { ENOUGH = 260 };                   /* documents of a kind: more than two pages */

struct pair { struct variant from, to; char name[64]; };
struct two { struct rig *from, *to; const struct pair *pair; };

static int setup_two(void **state)
{
	struct two *t = test_calloc(1, sizeof *t);
	t->pair = *state;
	void *from = (void *)(uintptr_t)&t->pair->from, *to = (void *)(uintptr_t)&t->pair->to;
	assert_int_equal(setup(&from), 0);
	assert_int_equal(setup(&to), 0);
	t->from = from;
	t->to = to;
	*state = t;
	return 0;
}

static int teardown_two(void **state)
{
	struct two *t = *state;
	void *from = t->from, *to = t->to;
	teardown(&from);
	teardown(&to);
	*state = (void *)(uintptr_t)t->pair;
	test_free(t);
	return 0;
}

/* Versions, due and expiry times, keys, bytes that are no text: all that a document can have. */
static struct store_doc sample(store_kind kind, unsigned i, char id[32])
{
	static const char bytes[] = "\x00\xff\x80 any byte \n\"\\";
	(void)snprintf(id, 32, "%s-%05u", kind == DOC ? "doc" : "log", i);
	return (struct store_doc){ .kind = kind, .id = str_c(id), .ver = 1 + i % 7, .token = token_n(1000 + i), .due = i % 5 ? STORE_NO_DUE : 77 + i,
		.expire = i % 3 ? STORE_NO_DUE : 99 + i, .idx = { str_c(i % 2 ? "odd" : "even"), S(""), S("third") },
		.body = i % 11 ? str_c("{\"n\":1}") : (struct str){ bytes, sizeof bytes } };
}

static void fill(struct store *s, store_kind kind, unsigned from, unsigned until)
{
	for (unsigned i = from; i < until; i += 50) {
		char id[50][32];
		struct store_doc v[50];
		size_t n = 0;
		for (; n < 50 && i + n < until; n++)
			v[n] = sample(kind, i + (unsigned)n, id[n]);
		OK(store_import(s, v, n));
	}
}

static struct copy copy_of(const struct two *t)
{
	return (struct copy){ .from = t->from->s, .to = t->to->s, .kinds = kinds, .n_kinds = KINDS_N };
}

static void ends(const struct copy *c, enum copy_end want, struct copy_result *ret)
{
	struct buf why = BUF(1 << 16);
	enum copy_end end = copy_run(c, ret, &why);
	if (end != want || (want == COPY_SAME) != (why.n == 0))
		fail_msg("ended with %d, not %d: %.*s", (int)end, (int)want, STR_ARG(buf_str(&why)));
	buf_free(&why);
}

static void refuses(const struct copy *c, const char *because)
{
	struct buf why = BUF(1 << 16);
	struct copy_result r;
	assert_int_equal(copy_run(c, &r, &why), COPY_REFUSED);
	assert_int_equal(r.written, 0);
	if (why.p == NULL || strstr(why.p, because) == NULL)
		fail_msg("not \"%s\": %.*s", because, STR_ARG(buf_str(&why)));
	buf_free(&why);
}

static void same_docs(const struct two *t, store_kind kind, unsigned n)
{
	struct store_docs a = { 0 }, b = { 0 };
	for (unsigned i = 0; i < n; i++) {
		char id[32];
		struct store_doc d = sample(kind, i, id);
		OK(store_get(t->from->s, &d.kind, &d.id, 1, &a));
		OK(store_get(t->to->s, &d.kind, &d.id, 1, &b));
		assert_true(doc_is_same(&a.v[0], &b.v[0]));
		assert_true(doc_is_same(&a.v[0], &d));
	}
	store_docs_free(&a);
	store_docs_free(&b);
}

static void what_arrives_is_the_same_to_the_byte(void **state)
{
	struct two *t = *state;
	struct copy c = copy_of(t);
	struct copy_result r;
	fill(t->from->s, DOC, 0, ENOUGH);
	fill(t->from->s, LOG, 0, 30);
	ends(&c, COPY_SAME, &r);
	assert_int_equal(r.written, ENOUGH + 30);
	assert_int_equal(r.source.kind[DOC].n, ENOUGH);
	assert_int_equal(r.target.kind[LOG].n, 30);
	same_docs(t, DOC, ENOUGH);
	same_docs(t, LOG, 30);
	if (t->to->v->backend->lives)
		rig_reopen(t->to);
	same_docs(t, LOG, 30);
}

static void an_interrupted_copy_goes_on_where_it_was(void **state)
{
	struct two *t = *state;
	struct copy c = copy_of(t);
	struct copy_result r;
	fill(t->from->s, DOC, 0, ENOUGH);
	fill(t->to->s, DOC, 40, 170);                      /* what a first run brought over */
	ends(&c, COPY_SAME, &r);
	assert_int_equal(r.same, 130);
	assert_int_equal(r.written, ENOUGH - 130);
	ends(&c, COPY_SAME, &r);
	assert_int_equal(r.same, ENOUGH);
	assert_int_equal(r.written, 0);
}

static void a_document_that_the_source_does_not_have_is_a_refusal(void **state)
{
	struct two *t = *state;
	struct copy c = copy_of(t);
	struct copy_result r;
	fill(t->from->s, DOC, 0, 20);
	fill(t->to->s, LOG, 0, 9);
	refuses(&c, "is not in the source");
	c.overwrites = true;
	ends(&c, COPY_SAME, &r);
	assert_int_equal(r.removed, 9);
	assert_int_equal(r.target.kind[LOG].n, 0);
}

static void a_newer_document_in_the_target_is_a_refusal(void **state)
{
	struct two *t = *state;
	struct copy c = copy_of(t);
	struct copy_result r;
	fill(t->from->s, DOC, 0, 20);
	fill(t->to->s, DOC, 0, 20);
	OK(commit_one(t->from, put("doc-00003", 4, "later")));             /* the target has an older one of this */
	ends(&c, COPY_SAME, &r);
	assert_int_equal(r.written, 1);
	OK(commit_one(t->to, put("doc-00004", 5, "later still")));
	refuses(&c, "doc-00004 is newer than in the source");
	c.overwrites = true;
	ends(&c, COPY_SAME, &r);
	assert_int_equal(ver_of(t->to, "doc-00004"), 5);
}

static void write_meanwhile(void *ctx, enum copy_phase phase, uint64_t done, uint64_t total)
{
	struct two *t = ctx;
	(void)total;
	if (phase == COPY_VERIFYING && done == 0)
		OK(commit_one(t->from, put("new", STORE_ABSENT, "made while the copy ran")));
}

static void a_source_that_changes_meanwhile_is_said_to_have(void **state)
{
	struct two *t = *state;
	struct copy c = copy_of(t);
	struct copy_result r;
	fill(t->from->s, DOC, 0, 20);
	c.ctx = t;
	c.told = write_meanwhile;
	ends(&c, COPY_CHANGED, &r);
	c.told = NULL;
	ends(&c, COPY_SAME, &r);
	assert_int_equal(r.written, 1);
	assert_int_equal(ver_of(t->to, "new"), 1);
}

static void spoil_target(void *ctx, enum copy_phase phase, uint64_t done, uint64_t total)
{
	struct two *t = ctx;
	(void)total;
	if (phase == COPY_VERIFYING && done == 0)
		OK(commit_one(t->to, put("doc-00001", 2, "somebody else")));
}

static void a_difference_at_the_end_is_named(void **state)
{
	struct two *t = *state;
	struct copy c = copy_of(t);
	struct copy_result r;
	struct buf why = BUF(1 << 16);
	fill(t->from->s, DOC, 0, 20);
	c.ctx = t;
	c.told = spoil_target;
	assert_int_equal(copy_run(&c, &r, &why), COPY_DIFFERENT);
	assert_non_null(strstr(why.p, "doc doc-00001 differs"));
	buf_free(&why);
}

/* Neither copied nor compared, and what the target has of it stays. */
static void a_kind_that_is_left_out_is_left_alone_on_both_sides(void **state)
{
	static const bool leaves[KINDS_N] = { [LOG] = true };
	struct two *t = *state;
	struct copy c = copy_of(t);
	struct copy_result r;
	c.leaves = leaves;
	fill(t->from->s, DOC, 0, 20);
	fill(t->from->s, LOG, 0, 5);
	fill(t->to->s, LOG, 5, 8);
	ends(&c, COPY_SAME, &r);
	assert_int_equal(r.written, 20);
	c.overwrites = true;
	ends(&c, COPY_SAME, &r);
	assert_true(r.written == 0 && r.removed == 0);
	assert_true(r.source.kind[LOG].n == 0 && r.target.kind[LOG].n == 0);
	c.leaves = NULL;
	c.overwrites = false;
	refuses(&c, "is not in the source");
}

static void name_pair(struct pair *p)
{
	(void)snprintf(p->name, sizeof p->name, "%s to %s", p->from.backend->name, p->to.backend->name);
}

int main(void)
{
	int failed = 0;
#define TWO(f) { #f, f, setup_two, teardown_two, &p }
	for (size_t i = 0; i < COUNT(backends) * COUNT(backends); i++) {
		struct pair p = { .from = { &backends[i / COUNT(backends)], PLAIN, "" }, .to = { &backends[i % COUNT(backends)], PLAIN, "" } };
		if (!is_asked_for(p.from.backend->name) || !is_asked_for(p.to.backend->name))
			continue;
		name_pair(&p);
		const struct CMUnitTest tests[] = { TWO(what_arrives_is_the_same_to_the_byte), TWO(an_interrupted_copy_goes_on_where_it_was),
			TWO(a_document_that_the_source_does_not_have_is_a_refusal), TWO(a_newer_document_in_the_target_is_a_refusal),
			TWO(a_source_that_changes_meanwhile_is_said_to_have), TWO(a_difference_at_the_end_is_named),
			TWO(a_kind_that_is_left_out_is_left_alone_on_both_sides) };
		failed += cmocka_run_group_tests_name(p.name, tests, NULL, NULL);
	}
	return failed != 0;
}
