/* rig.h - a store under test: which backends there are, how they are opened, and short ways to say what tests say often.
 *
 * STORE_BACKENDS names the backends to test, with blanks between, all unless given. Two need a server: STORE_POSTGRES is what libpq connects
 * to, STORE_DYNAMODB the URL of the service; `tests/run` starts both (tests/servers.py) and says where they are.
 */
#ifndef TESTS_CONFORM_RIG_H
#define TESTS_CONFORM_RIG_H
#include "tests/place.h"
#include "base/rng.h"
#include "store/store.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define UNUSED __attribute__((unused))
#ifndef RIG_SHARDS
#define RIG_SHARDS 0                     /* as many as a backend makes by itself */
#endif

enum { DOC, LOG, KINDS_N };              /* an ordinary kind and one that is append-only */
static const struct store_kind_def kinds[KINDS_N] = { { "doc", false }, { "log", true } };

/* What backends differ in, and nothing else. lives: what is in it outlives the handle; is_shared: any number of processes at once, on the
 * clock of a server; server: the variable that says where that is. */
struct traits { const char *name; bool lives, is_shared; const char *server; enum store_durability durability; };
static const struct traits backends[] = {
	{ "memory",   false, false, NULL,             STORE_D_NONE },
	{ "json",     true,  false, NULL,             STORE_D_POWER },
	{ "sqlite",   true,  false, NULL,             STORE_D_POWER },
	{ "postgres", true,  true,  "STORE_POSTGRES", STORE_D_POWER },
	{ "dynamodb", true,  true,  "STORE_DYNAMODB", STORE_D_ZONE },
};

enum wrap { PLAIN, TRACED, FAULTY, WRAPS };
struct variant { const struct traits *backend; enum wrap wrap; char name[64]; };

/* A store of the variant under test, in a directory of its own, on a clock the test moves. */
struct rig {
	const struct variant *v;
	struct store *s;
	char dir[64], path[96], table[48];
	atomic_llong wall, boot;
	_Atomic(enum store_fault) on_commit;
	atomic_size_t traced;
	int64_t min_free;
	unsigned shards;                 /* of the open store */
};

UNUSED static int64_t rig_wall(void *ctx)
{
	return ((struct rig *)ctx)->wall;
}

UNUSED static int64_t rig_boot(void *ctx)
{
	return ((struct rig *)ctx)->boot;
}

UNUSED static void rig_trace(void *ctx, const char *line)
{
	struct rig *r = ctx;
	assert_true(line[0] != '\0');
	r->traced++;
}

UNUSED static enum store_fault rig_on_commit(void *ctx, const struct store_txn *t)
{
	(void)t;
	return ((struct rig *)ctx)->on_commit;
}

/* The service is one of the tests' own: any credentials will do that it knows. */
static const char *rig_env(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "AWS_ACCESS_KEY_ID") == 0 ? "AKIDEXAMPLE" :
	    strcmp(name, "AWS_SECRET_ACCESS_KEY") == 0 ? "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" : NULL;
}

UNUSED static struct store_options rig_options(struct rig *r)
{
	const char *server = r->v->backend->server ? getenv(r->v->backend->server) : "";
	if (server == NULL)
		fail_msg("%s is not set: run this by tests/run, which starts the server", r->v->backend->server);
	bool is_dynamodb = strcmp(r->v->backend->name, "dynamodb") == 0;
	return (struct store_options){ .path = str_c(server && *server && !is_dynamodb ? server : r->path), .table = str_c(r->table),
		.endpoint = str_c(is_dynamodb ? server : ""), .env = rig_env, .shards = RIG_SHARDS, .kinds = kinds, .n_kinds = KINDS_N,
		.min_free_bytes = r->min_free, .clock = { r, rig_boot, rig_wall } };
}

UNUSED static enum store_rc open_store(struct rig *r, const char *backend, struct store **ret, struct buf *why)
{
	struct store_options o = rig_options(r);
	return store_open(str_c(backend), &o, ret, why);
}

UNUSED static void rig_open(struct rig *r)
{
	struct buf why = BUF(4096);
	struct store_info info = { 0 };
	enum store_rc rc = open_store(r, r->v->backend->name, &r->s, &why);
	if (rc != STORE_OK)
		fail_msg("%s: %s", store_rc_name(rc), why.p);
	buf_free(&why);
	store_info(r->s, &info);
	r->shards = info.shards;
	if (r->v->wrap == TRACED)
		r->s = store_trace(r->s, rig_trace, r);
	if (r->v->wrap == FAULTY)
		r->s = store_fault(r->s, &(struct store_fault_plan){ r, rig_on_commit, NULL });
}

UNUSED static void rig_reopen(struct rig *r)
{
	store_close(r->s);
	rig_open(r);
}

UNUSED static int setup(void **state)
{
	const struct variant *v = *state;
	struct rig *r = test_calloc(1, sizeof *r);
	r->v = v;
	r->wall = INT64_C(1760000000000);
	r->boot = 5000;
	/* In memory where there is such a directory: thousands of flushes of a busy disk prove nothing here. */
	(void)snprintf(r->dir, sizeof r->dir, "%s/tocsin-conform-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	static int tables;
	(void)snprintf(r->path, sizeof r->path, "%s/store", r->dir);
	(void)snprintf(r->table, sizeof r->table, "conform_%ld_%d", (long)getpid(), tables++);
	rig_open(r);
	*state = r;
	return 0;
}

UNUSED static int teardown(void **state)
{
	struct rig *r = *state;
	store_close(r->s);
	assert_int_equal(place_remove(r->dir), 0);
	*state = (void *)(uintptr_t)r->v;
	test_free(r);
	return 0;
}

/* Short ways to say what tests say often. */

UNUSED static struct store_token token_n(uint64_t n)
{
	struct store_token t = { { 0 } };
	memcpy(t.b, &n, sizeof n);
	return t;
}

UNUSED static uint64_t fresh_token(void)
{
	static atomic_uint_fast64_t next = 1u << 20;
	return next++;
}

UNUSED static struct store_write put(const char *id, uint64_t expect, const char *body)
{
	return (struct store_write){ .op = STORE_PUT, .kind = DOC, .id = str_c(id), .expect = expect, .due = STORE_NO_DUE,
		.expire = STORE_NO_DUE, .body = str_c(body) };
}

UNUSED static struct store_write check(const char *id, uint64_t expect)
{
	return (struct store_write){ .op = STORE_CHECK, .kind = DOC, .id = str_c(id), .expect = expect };
}

UNUSED static struct store_write del(const char *id, uint64_t expect)
{
	return (struct store_write){ .op = STORE_DELETE, .kind = DOC, .id = str_c(id), .expect = expect };
}

UNUSED static struct store_result commit_as(struct rig *r, uint64_t token, const struct store_write *w, size_t n)
{
	struct store_result res = { .rc = STORE_INVAL };
	store_commit(r->s, &(struct store_txn){ token_n(token), w, n }, &res, 1);
	return res;
}

UNUSED static enum store_rc commit_one(struct rig *r, struct store_write w)
{
	enum { PATIENCE_S = 20 };
	struct timespec from, now;
	enum store_rc rc;
	clock_gettime(CLOCK_MONOTONIC, &from);
	do {                                                       /* "not applied" is what a crowd is told that a busy machine keeps waiting */
		rc = commit_as(r, fresh_token(), &w, 1).rc;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((rc == STORE_BUSY || rc == STORE_DOWN) && now.tv_sec - from.tv_sec < PATIENCE_S);
	return rc;
}

/* What is due, over all shards. */
UNUSED static enum store_rc due(struct rig *r, store_kind kind, int64_t until, size_t limit, struct store_docs *d)
{
	return store_due(r->s, kind, 0, r->shards, until, limit, d);
}

#define OK(call) assert_string_equal(store_rc_name(call), store_rc_name(STORE_OK))
#define RC(call, want) assert_string_equal(store_rc_name(call), store_rc_name(want))

UNUSED static uint64_t ver_of(struct rig *r, const char *id)
{
	struct store_docs d = { 0 };
	OK(store_get(r->s, &(store_kind){ DOC }, &(struct str){ id, strlen(id) }, 1, &d));
	uint64_t ver = d.v[0].ver;
	store_docs_free(&d);
	return ver;
}

UNUSED static void body_is(struct rig *r, const char *id, const char *body)
{
	struct store_docs d = { 0 };
	OK(store_get(r->s, &(store_kind){ DOC }, &(struct str){ id, strlen(id) }, 1, &d));
	assert_true(str_eq(d.v[0].body, str_c(body)));
	store_docs_free(&d);
}

UNUSED static bool is_asked_for(const char *backend)
{
	const char *asked = getenv("STORE_BACKENDS");
	struct str word, rest = str_c(asked ? asked : "");
	while (str_cut(rest, ' ', &word, &rest))
		if (str_eq(word, str_c(backend)))
			return true;
	return asked == NULL || str_eq(rest, str_c(backend));
}

UNUSED static void name_variant(struct variant *v)
{
	static const char *const suffix[WRAPS] = { "", ", traced", ", through the fault wrapper" };
	(void)snprintf(v->name, sizeof v->name, "%s%s", v->backend->name, suffix[v->wrap]);
}

/* Runs the tests of a table made of T(function) once for each backend and wrapper that is asked for; how many failed. */
#define T(f) { #f, f, setup, teardown, &v }
#define EACH_VARIANT(failed, ...) \
	for (size_t i = 0; i < COUNT(backends) * WRAPS; i++) { \
		struct variant v = { &backends[i / WRAPS], (enum wrap)(i % WRAPS), "" }; \
		if (!is_asked_for(v.backend->name)) \
			continue; \
		name_variant(&v); \
		const struct CMUnitTest tests[] = { __VA_ARGS__ }; \
		failed += cmocka_run_group_tests_name(v.name, tests, NULL, NULL); \
	}
#endif
