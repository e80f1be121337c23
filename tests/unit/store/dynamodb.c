/* dynamodb.c - the dynamodb backend where the service fails: lost answers, conflicts, throttles, silence, wrong clocks, tables of others. The
 * server is one of the test's own, told beforehand what to do with which request (tests/fakes/dynamodb/faults.js).
 */
#include "fake.h"
#include "base/rng.h"

enum { DOC, LOG, KINDS_N };
static const struct store_kind_def kinds[KINDS_N] = { { "doc", false }, { "log", true } };

struct rig {
	struct fake fake;
	struct store *s;
	char table[32];
	int64_t wall_ahead;
	unsigned shards;
	const char *endpoint, *secret;
	const char *variable, *value;                              /* one more of the environment */
	struct buf why;
};

static int64_t clock_ms(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t boot(void *ctx)
{
	(void)ctx;
	return clock_ms(CLOCK_BOOTTIME);
}

static int64_t wall(void *ctx)
{
	return clock_ms(CLOCK_REALTIME) + ((struct rig *)ctx)->wall_ahead;
}

static const char *env(void *ctx, const char *name)
{
	const struct rig *r = ctx;
	if (r->variable && strcmp(name, r->variable) == 0)
		return r->value;
	return strcmp(name, "AWS_ACCESS_KEY_ID") == 0 ? KEY_ID :
	    strcmp(name, "AWS_SECRET_ACCESS_KEY") == 0 ? r->secret ? r->secret : KEY_SECRET : NULL;
}

static struct store_options options(struct rig *r)
{
	return (struct store_options){ .table = str_c(r->table),
	    .endpoint = str_c(r->endpoint ? r->endpoint : r->fake.url), .env = env, .kinds = kinds,
		.n_kinds = KINDS_N, .clock = { r, boot, wall }, .shards = r->shards };
}

static enum store_rc open_store(struct rig *r, struct store **ret)
{
	struct store_options o = options(r);
	buf_clear(&r->why);
	return store_open(S("dynamodb"), &o, ret, &r->why);
}

#define RC(call, want) assert_string_equal(store_rc_name(call), store_rc_name(want))
#define OK(call) RC(call, STORE_OK)

/* Nothing is open yet, and no table there. */
static int setup_bare(void **state)
{
	static int tables;
	struct rig *r = test_calloc(1, sizeof *r);
	r->why = BUF(16 << 10);
	(void)snprintf(r->table, sizeof r->table, "unit_%d", tables++);
	fake_start(&r->fake);
	*state = r;
	return 0;
}

static int setup(void **state)
{
	(void)setup_bare(state);
	struct rig *r = *state;
	if (open_store(r, &r->s) != STORE_OK)
		fail_msg("%s", r->why.p);
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;
	store_close(r->s);
	fake_stop(&r->fake);
	buf_free(&r->why);
	test_free(r);
	return 0;
}

static struct store_token token_n(uint64_t n)
{
	struct store_token t = { { 0 } };
	memcpy(t.b, &n, sizeof n);
	return t;
}

static struct store_write put(const char *id, uint64_t expect, const char *body)
{
	return (struct store_write){ .op = STORE_PUT, .kind = DOC, .id = str_c(id), .expect = expect,
	    .due = STORE_NO_DUE, .expire = STORE_NO_DUE,
		.body = str_c(body) };
}

static struct store_write append(const char *id, const char *body)
{
	struct store_write w = put(id, STORE_ANY, body);
	w.kind = LOG;
	return w;
}

static struct store_write del(const char *id, uint64_t expect)
{
	return (struct store_write){ .op = STORE_DELETE, .kind = DOC, .id = str_c(id), .expect = expect };
}

static struct store_result commit(struct store *s, uint64_t token, const struct store_write *w, size_t n)
{
	struct store_result res = { .rc = STORE_INVAL };
	store_commit(s, &(struct store_txn){ token_n(token), w, n }, &res, 1);
	return res;
}

static uint64_t ver_of(struct rig *r, store_kind kind, const char *id)
{
	struct store_docs d = { 0 };
	OK(store_get(r->s, &kind, &(struct str){ id, strlen(id) }, 1, &d));
	uint64_t ver = d.v[0].ver;
	store_docs_free(&d);
	return ver;
}

static void next_fault(struct rig *r, const char *op, const char *fault, int times)
{
	char command[200];
	(void)snprintf(command, sizeof command, "{\"next\":[{\"op\":\"%s\",\"fault\":\"%s\",\"times\":%d}]}", op, fault, times);
	fake_control(&r->fake, command);
}

static void plan(struct rig *r, const char *spec)
{
	char command[200];
	(void)snprintf(command, sizeof command, "{\"faults\":\"%s\"}", spec);
	fake_control(&r->fake, command);
}

/* Faults that pass. */

static void one_bad_answer_changes_nothing_for_the_caller(void **state)
{
	struct rig *r = *state;
	static const char *const faults[] = { "drop-before", "500before", "503", "throttle", "500after", "drop-after",
	    "conflict" };
	char id[2][32];
	uint64_t token = 100;
	for (size_t i = 0; i < COUNT(faults); i++) {
		(void)snprintf(id[0], sizeof id[0], "%s", faults[i]);
		(void)snprintf(id[1], sizeof id[1], "%s too", faults[i]);
		next_fault(r, "PutItem", faults[i], 1);
		OK(commit(r->s, ++token, (struct store_write[]){ put(id[0], STORE_ABSENT, "1") }, 1).rc);
		next_fault(r, "TransactWriteItems", faults[i], 1);
		OK(commit(r->s, ++token, (struct store_write[]){ put(id[0], 1, "2"), put(id[1], STORE_ABSENT, "1") }, 2).rc);
		next_fault(r, "UpdateItem", faults[i], 1);
		OK(commit(r->s, ++token, (struct store_write[]){ append(id[0], "1") }, 1).rc);
		assert_true(ver_of(r, DOC, id[0]) == 2 && ver_of(r, DOC, id[1]) == 1 && ver_of(r, LOG, id[0]) == 1);
		next_fault(r, "TransactWriteItems", faults[i], 1);
		OK(commit(r->s, ++token, (struct store_write[]){ del(id[0], 2) }, 1).rc);      /* nothing is left to answer for it, and yet */
		assert_true(ver_of(r, DOC, id[0]) == 0);
	}
	next_fault(r, "TransactWriteItems", "inprogress", 2);
	OK(commit(r->s, ++token, (struct store_write[]){ put("a", STORE_ABSENT, "1"), put("b", STORE_ABSENT, "1") }, 2).rc);
	assert_true(ver_of(r, DOC, "a") == 1);
}

static void reads_are_asked_again(void **state)
{
	struct rig *r = *state;
	static const char *const faults[] = { "drop-before", "500before", "503", "throttle" };
	struct store_docs d = { 0 };
	struct store_write w = put("a", STORE_ABSENT, "1");
	w.due = 5;
	w.idx[0] = S("k");
	OK(commit(r->s, 1, &w, 1).rc);
	for (size_t i = 0; i < COUNT(faults); i++) {
		next_fault(r, "Query", faults[i], 5);
		OK(store_due(r->s, DOC, 0, 16, 10, 10, &d));
		assert_int_equal(d.n, 1);
		next_fault(r, "Query", faults[i], 5);
		OK(store_list(r->s, DOC, 0, S(""), S(""), false, 10, &d));
		assert_int_equal(d.n, 1);
		next_fault(r, "BatchGetItem", faults[i], 1);
		OK(store_get(r->s, (store_kind[]){ DOC, DOC }, (struct str[]){ S("a"), S("b") }, 2, &d));
		assert_true(d.v[0].ver == 1 && d.v[1].ver == 0);
	}
	store_docs_free(&d);
}

static void a_service_that_stays_busy_is_said_and_nothing_was_done(void **state)
{
	struct rig *r = *state;
	struct store_write two[] = { put("a", STORE_ABSENT, "1"), put("b", STORE_ABSENT, "1") };
	struct store_docs d = { 0 };
	plan(r, "throttle=1");
	RC(commit(r->s, 1, two, 1).rc, STORE_BUSY);
	RC(commit(r->s, 2, two, 2).rc, STORE_BUSY);
	RC(store_get(r->s, (store_kind[]){ DOC }, &S("a"), 1, &d), STORE_BUSY);
	plan(r, "conflict=1");
	RC(commit(r->s, 3, two, 1).rc, STORE_BUSY);
	RC(commit(r->s, 4, two, 2).rc, STORE_BUSY);
	plan(r, "");
	assert_true(ver_of(r, DOC, "a") == 0 && ver_of(r, DOC, "b") == 0);
	OK(commit(r->s, 4, two, 2).rc);
	store_docs_free(&d);
}

/* Faults that do not pass in time. */

static void nobody_confirms(struct rig *r, const char *spec, uint64_t token)
{
	char id[4][32];
	for (size_t i = 0; i < COUNT(id); i++)
		(void)snprintf(id[i], sizeof id[i], "%s %zu", spec, i);
	struct store_write single = put(id[0], STORE_ABSENT, "1"),
	    both[] = { put(id[1], STORE_ABSENT, "1"), put(id[2], STORE_ABSENT, "1") };
	struct store_write line = append(id[3], "1");
	struct store_txn t[] = { { token_n(token), &single, 1 }, { token_n(token + 1), both, 2 },
	    { token_n(token + 2), &line, 1 } };
	struct store_result res[COUNT(t)];
	plan(r, spec);
	store_commit(r->s, t, res, COUNT(t));
	for (size_t i = 0; i < COUNT(t); i++)
		RC(res[i].rc, STORE_UNKNOWN);
	plan(r, "");
	store_commit(r->s, t, res, COUNT(t));
	for (size_t i = 0; i < COUNT(t); i++)
		OK(res[i].rc);
	assert_true(ver_of(r, DOC, id[0]) == 1 && ver_of(r, DOC, id[1]) == 1 && ver_of(r, DOC, id[2]) == 1 &&
	    ver_of(r, LOG, id[3]) == 1);
}

static void what_nobody_confirms_is_unknown_and_healed_by_the_same_token(void **state)
{
	nobody_confirms(*state, "500after=1", 10);
	nobody_confirms(*state, "late=1:300", 20);
}

/* What a single put says after an answer was lost, by what then stands in its place. */
static void only_proof_makes_a_conflict_after_a_lost_answer(void **state)
{
	struct rig *r = *state;
	static const struct { const char *ver, *tok; uint64_t expect; enum store_rc rc; } seen[] = {
		{ "4", "ffffffffffffffffffffffffffffffff", 3, STORE_CONFLICT },      /* the next version is somebody else's */
		{ "5", "ffffffffffffffffffffffffffffffff", 3, STORE_UNKNOWN },       /* ours may have been the one before */
		{ "4", "07000000000000000000000000000000", 3, STORE_OK },
		{ "9", "07000000000000000000000000000000", 3, STORE_OK },
		{ "1", "ffffffffffffffffffffffffffffffff", STORE_ABSENT, STORE_CONFLICT },
		{ "2", "ffffffffffffffffffffffffffffffff", STORE_ABSENT, STORE_UNKNOWN },
		{ NULL, NULL, 3, STORE_UNKNOWN },                                    /* gone: who knows which version it had */
	};
	for (size_t i = 0; i < COUNT(seen); i++) {
		char refusal[300], item[200] = "";
		struct answers peer;
		if (seen[i].ver)
			(void)snprintf(item, sizeof item, ",\"Item\":{\"ver\":{\"N\":\"%s\"},\"tok\":{\"S\":\"%s\"}}",
			    seen[i].ver, seen[i].tok);
		(void)snprintf(refusal, sizeof refusal, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException\","
		    "\"message\":\"no\"%s}", item);
		answers_start(&peer, (struct rule[]){
		    { ".GetItem", 200, "{\"Item\":{\"schema\":{\"N\":\"1\"},\"least\":{\"N\":\"1\"},\"shards\":{\"N\":\"1\"}}}", 0 },
		    { ".PutItem", i % 2 ? HANGS_UP : 500, "", 1 }, { ".PutItem", 400, refusal, 0 } }, 3);
		struct store *s = NULL;
		char url[64];
		(void)snprintf(url, sizeof url, "http://127.0.0.1:%d", peer.port);
		r->endpoint = url;
		OK(open_store(r, &s));
		RC(commit(s, 7, (struct store_write[]){ put("a", seen[i].expect, "x") }, 1).rc, seen[i].rc);
		store_close(s);
		answers_stop(&peer);
		answers_done(&peer);
	}
}

/* The first try may have been applied: that the second one cannot be signed any more says nothing about the first. */
static void keys_that_run_out_after_a_lost_answer_leave_it_unknown(void **state)
{
	struct rig *r = *state;
	struct answers peer;
	struct store *s = NULL;
	char url[64];
	answers_start(&peer, (struct rule[]){
	    { ".GetItem", 200, "{\"Item\":{\"schema\":{\"N\":\"1\"},\"least\":{\"N\":\"1\"},\"shards\":{\"N\":\"1\"}}}", 0 },
	    { ".PutItem", HANGS_UP, "", 1 }, { ".PutItem", 400, "{\"__type\":\"ExpiredTokenException\",\"message\":\"old\"}", 0 } }, 3);
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%d", peer.port);
	r->endpoint = url;
	OK(open_store(r, &s));
	r->secret = "";                                            /* no keys are found any more */
	RC(commit(s, 7, (struct store_write[]){ put("a", STORE_ABSENT, "x") }, 1).rc, STORE_UNKNOWN);
	RC(commit(s, 8, (struct store_write[]){ put("b", STORE_ABSENT, "x") }, 1).rc, STORE_DOWN);      /* never sent */
	store_close(s);
	answers_stop(&peer);
	answers_done(&peer);
}

static void a_conflict_names_the_first_and_the_face_speaks_first(void **state)
{
	struct rig *r = *state;
	OK(commit(r->s, 1, (struct store_write[]){ put("face", STORE_ABSENT, "1"), put("other", STORE_ABSENT, "1") }, 2).rc);
	OK(commit(r->s, 2, (struct store_write[]){ put("other", 1, "2") }, 1).rc);
	fake_control(&r->fake, "{\"faults\":\"\"}");
	struct store_write w[] = { put("new", STORE_ABSENT, "1"), put("face", 2, "2"), put("other", 1, "3"),
	    put("other too", STORE_ABSENT, "1") };
	struct store_result res = commit(r->s, 3, w, 4);
	RC(res.rc, STORE_CONFLICT);
	assert_true(res.bad_write == 1 && res.cur_ver == 1);
	struct store_write held[] = { put("face", 1, "2"), put("other", 1, "3") };      /* the face's condition holds: it is read */
	int64_t reads = fake_count(&r->fake, "GetItem");
	res = commit(r->s, 4, held, 2);
	RC(res.rc, STORE_CONFLICT);
	assert_true(res.bad_write == 1 && res.cur_ver == 2);
	assert_int_equal(fake_count(&r->fake, "GetItem"), reads + 1);
	next_fault(r, "GetItem", "500before", 100);                /* and when it cannot be read, nobody knows */
	RC(commit(r->s, 5, held, 2).rc, STORE_UNKNOWN);
}

/* Nobody there. */

static void a_service_that_is_gone_is_down(void **state)
{
	struct rig *r = *state;
	struct store_docs d = { 0 };
	size_t done = 0;
	int64_t us = 0;
	fake_stop(&r->fake);
	for (int i = 0; i < 3; i++) {
		RC(commit(r->s, 1, (struct store_write[]){ put("a", STORE_ABSENT, "1") }, 1).rc, STORE_DOWN);
		RC(commit(r->s, 2, (struct store_write[]){ put("a", STORE_ABSENT, "1"), del("b", 1) }, 2).rc, STORE_DOWN);
		RC(store_get(r->s, (store_kind[]){ DOC }, &S("a"), 1, &d), STORE_DOWN);
		RC(store_due(r->s, DOC, 0, 16, 1, 1, &d), STORE_DOWN);
		RC(store_purge(r->s, DOC, 1, 1, &done), STORE_DOWN);
		RC(store_probe(r->s, &us), STORE_DOWN);
	}
	store_docs_free(&d);
}

/* Or a line that is cut after every request. Who asks several things one after the other waits for the first of them only: the others are not even
 * sent. */
static void a_service_whose_answers_never_come_is_left_alone_for_a_moment(void **state)
{
	struct rig *r = *state;
	struct store_docs d = { 0 };
	plan(r, "reset-before=1");
	RC(commit(r->s, 1, (struct store_write[]){ put("a", STORE_ABSENT, "1") }, 1).rc, STORE_UNKNOWN);
	int64_t sent = fake_count(&r->fake, "GetItem") + fake_count(&r->fake, "Query");
	RC(store_get(r->s, (store_kind[]){ DOC }, &S("a"), 1, &d), STORE_DOWN);
	RC(store_due(r->s, DOC, 0, 16, 1, 1, &d), STORE_DOWN);
	assert_int_equal(fake_count(&r->fake, "GetItem") + fake_count(&r->fake, "Query"), sent);
	plan(r, "");
	store_docs_free(&d);
}

static void a_service_that_says_nothing_leaves_commits_unknown(void **state)
{
	struct rig *r = *state;
	struct store_write w = put("a", STORE_ABSENT, "1");
	struct store_docs d = { 0 };
	assert_int_equal(kill(r->fake.pid, SIGSTOP), 0);
	RC(commit(r->s, 1, &w, 1).rc, STORE_UNKNOWN);
	RC(store_get(r->s, (store_kind[]){ DOC }, &S("a"), 1, &d), STORE_DOWN);
	assert_int_equal(kill(r->fake.pid, SIGCONT), 0);
	enum store_rc rc;
	for (int64_t until = boot(NULL) + 20000; (rc = commit(r->s, 1, &w, 1).rc) != STORE_OK && boot(NULL) < until;)
		assert_true(rc == STORE_DOWN || rc == STORE_UNKNOWN);      /* still held to be down, or slow to wake up */
	OK(rc);
	assert_true(ver_of(r, DOC, "a") == 1);
	store_docs_free(&d);
}

static void opening_says_where_and_what_to_do(void **state)
{
	struct rig *r = *state;
	struct answers peer;
	struct store *s = NULL;
	char url[64];
	answers_start(&peer, (struct rule[]){ { "POST", SAYS_NOTHING, "", 0 } }, 1);
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%d", peer.port);
	const struct { const char *endpoint, *secret; enum store_rc rc; const char *says[4]; } bad[] = {
		{ "http://127.0.0.1:1", NULL, STORE_DOWN, { "in us-east-1 at http://127.0.0.1:1/: ", "Connection refused", "check storage.region" } },
		{ "http://nowhere.invalid", NULL, STORE_DOWN, { "nowhere.invalid", "storage.endpoint" } },
		{ url, NULL, STORE_DOWN, { "no clear answer", "check storage.region" } },
		{ NULL, "wrong", STORE_DOWN, { "InvalidSignatureException", "check the secret of the access key" } },
		{ NULL, "", STORE_DOWN, { "no AWS credentials: AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not" } },
		{ "dynamodb.local", NULL, STORE_INVAL, { "it begins with https:// or http://" } },
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		r->endpoint = bad[i].endpoint;
		r->secret = bad[i].secret;
		RC(open_store(r, &s), bad[i].rc);
		assert_null(s);
		for (size_t k = 0; k < COUNT(bad[i].says) && bad[i].says[k]; k++)
			if (strstr(r->why.p, bad[i].says[k]) == NULL)
				fail_msg("\"%s\" does not say \"%s\"", r->why.p, bad[i].says[k]);
	}
	answers_stop(&peer);
	answers_done(&peer);
}

/* It would stand in everything that is said about the service, and in the log. */
static void an_endpoint_with_a_password_is_refused_and_the_password_not_repeated(void **state)
{
	struct rig *r = *state;
	struct store *s = NULL;
	static const char *const from[] = { "storage.endpoint", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL" };
	static const char *const urls[] = { "http://me:hush@127.0.0.1:1/", "https://me:hush@127.0.0.1", "me:hush@127.0.0.1:1", "http://hush@127.0.0.1:1?x" };
	for (size_t i = 0; i < COUNT(from); i++)
		for (size_t k = 0; k < COUNT(urls); k++) {
			r->endpoint = i == 0 ? urls[k] : "";
			r->variable = from[i];
			r->value = urls[k];
			RC(open_store(r, &s), STORE_INVAL);
			assert_non_null(strstr(r->why.p, from[i]));
			assert_non_null(strstr(r->why.p, "must not hold a user name or password, which would be shown with it; take them out"));
			assert_null(strstr(r->why.p, "hush"));
		}
}

static void names_that_cannot_be_are_refused(void **state)
{
	struct rig *r = *state;
	struct store *s = NULL;
	struct store_options o = options(r);
	o.table = S("no way");
	RC(store_open(S("dynamodb"), &o, &s, &r->why), STORE_INVAL);
	assert_non_null(strstr(r->why.p, "storage.table"));
	o = options(r);
	o.region = S("eu-west-1.evil.example/");
	RC(store_open(S("dynamodb"), &o, &s, &r->why), STORE_INVAL);
	assert_non_null(strstr(r->why.p, "storage.region"));
}

/* Time. */

static void a_wrong_clock_here_signs_with_the_time_of_the_service(void **state)
{
	struct rig *r = *state;
	int64_t now = 0, err = 0;
	r->wall_ahead = -INT64_C(86400000) * 400;
	OK(open_store(r, &r->s));
	OK(store_now(r->s, &now, &err));
	assert_true(now - err <= clock_ms(CLOCK_REALTIME) && now + err >= clock_ms(CLOCK_REALTIME) - 1000);
	fake_control(&r->fake, "{\"clock_skew_ms\":3600000}");     /* the service's clock is set */
	OK(commit(r->s, 1, (struct store_write[]){ put("a", STORE_ABSENT, "1") }, 1).rc);
	int64_t later = 0;
	OK(store_now(r->s, &later, &err));
	assert_true(later - now > 3500000);
	fake_control(&r->fake, "{\"clock_skew_ms\":0}");
	OK(commit(r->s, 2, (struct store_write[]){ put("b", STORE_ABSENT, "1") }, 1).rc);
	OK(store_now(r->s, &now, &err));
	assert_true(now >= later && err > 3500000);
}

/* The table. */

struct opener { pthread_t thread; pthread_barrier_t *start; struct rig rig; struct store *s; enum store_rc rc; };

static void *open_at_once(void *arg)
{
	struct opener *o = arg;
	pthread_barrier_wait(o->start);
	o->rc = open_store(&o->rig, &o->s);
	return NULL;
}

static void replicas_that_start_at_once_agree(void **state)
{
	struct rig *r = *state;
	enum { N = 4 };
	struct opener o[N];
	pthread_barrier_t start;
	pthread_barrier_init(&start, NULL, N);
	for (unsigned i = 0; i < N; i++) {
		o[i] = (struct opener){ .start = &start, .rig = *r };
		o[i].rig.shards = 4u << i;
		o[i].rig.why = BUF(4096);
		assert_int_equal(pthread_create(&o[i].thread, NULL, open_at_once, &o[i]), 0);
	}
	struct store_info info[N];
	for (unsigned i = 0; i < N; i++) {
		pthread_join(o[i].thread, NULL);
		if (o[i].rc != STORE_OK)
			fail_msg("%s", o[i].rig.why.p);
		store_info(o[i].s, &info[i]);
		assert_int_equal(info[i].shards, info[0].shards);
		store_close(o[i].s);
		buf_free(&o[i].rig.why);
	}
	assert_true(info[0].shards >= 4 && info[0].shards <= 32);
	pthread_barrier_destroy(&start);
}

static void a_table_of_somebody_else_is_left_alone(void **state)
{
	struct rig *r = *state;
	struct store *s = NULL;
	fake_does(&r->fake, "CreateTable", "{\"TableName\":\"%s\",\"BillingMode\":\"PAY_PER_REQUEST\",\"AttributeDefinitions\":[{\"AttributeName\":\"id\","
	    "\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}]}", r->table);
	enum store_rc rc;                                          /* it is made for a moment before it is there */
	for (int64_t until = boot(NULL) + 20000; (rc = open_store(r, &s)) == STORE_DOWN && boot(NULL) < until;)
		continue;
	RC(rc, STORE_INVAL);
	assert_non_null(strstr(r->why.p, "name another one in storage.table"));
	(void)snprintf(r->table, sizeof r->table, "same_keys");
	fake_does(&r->fake, "CreateTable", "{\"TableName\":\"%s\",\"BillingMode\":\"PAY_PER_REQUEST\",\"AttributeDefinitions\":[{\"AttributeName\":\"pk\","
	    "\"AttributeType\":\"S\"},{\"AttributeName\":\"sk\",\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},"
	    "{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}]}", r->table);
	RC(open_store(r, &s), STORE_INVAL);
	assert_non_null(strstr(r->why.p, "its keys or local indexes are others"));
}

static void set_meta(struct rig *r, const char *name, const char *value)
{
	fake_does(&r->fake, "UpdateItem", "{\"TableName\":\"%s\",\"Key\":{\"pk\":{\"S\":\"tocsin\"},\"sk\":{\"S\":\"meta\"}},\"UpdateExpression\":\"SET #n = :v\","
	    "\"ExpressionAttributeNames\":{\"#n\":\"%s\"},\"ExpressionAttributeValues\":{\":v\":{\"N\":\"%s\"}}}",
	    r->table, name, value);
}

static void a_newer_schema_is_kept_away_from_unless_it_lets_us(void **state)
{
	struct rig *r = *state;
	struct store *s = NULL;
	struct store_options o = options(r);
	struct store_schema schema;
	set_meta(r, "schema", "3");
	OK(open_store(r, &s));
	store_close(s);
	set_meta(r, "least", "2");
	RC(open_store(r, &s), STORE_FENCED);
	assert_non_null(strstr(r->why.p, "upgrade it"));
	OK(store_schema(S("dynamodb"), &o, &schema, &r->why));
	assert_true(schema.have == 3 && schema.least == 2 && schema.newest == 1);
	set_meta(r, "shards", "7");
	RC(open_store(r, &s), STORE_CORRUPT);
	assert_non_null(strstr(r->why.p, "backup"));
}

static void damage_is_noticed(void **state)
{
	struct rig *r = *state;
	struct store_docs d = { 0 };
	struct store_write w = put("a", STORE_ABSENT, "body");
	w.due = 7;
	OK(commit(r->s, 1, &w, 1).rc);
	fake_does(&r->fake, "UpdateItem", "{\"TableName\":\"%s\",\"Key\":{\"pk\":{\"S\":\"doc#%u\"},\"sk\":{\"S\":\"a\"}},"
	    "\"UpdateExpression\":\"SET body = :b\",\"ExpressionAttributeValues\":{\":b\":{\"S\":\"bode\"}}}",
	    r->table, store_shard(S("a"), 16));
	RC(store_get(r->s, (store_kind[]){ DOC }, &S("a"), 1, &d), STORE_CORRUPT);
	RC(store_get(r->s, (store_kind[]){ DOC, DOC }, (struct str[]){ S("a"), S("b") }, 2, &d), STORE_CORRUPT);
	RC(store_due(r->s, DOC, 0, 16, 10, 10, &d), STORE_CORRUPT);
	store_docs_free(&d);
}

/* Only what may be purged has a time to live, and a long one. */
static void the_service_collects_only_what_is_long_over(void **state)
{
	struct rig *r = *state;
	struct store_write w[] = { put("settled", STORE_ABSENT, ""), put("due", STORE_ABSENT, ""),
	    put("for ever", STORE_ABSENT, ""), append("line", "") };
	struct arena a = ARENA(1 << 20);
	struct buf said = BUF(1 << 20), body = BUF(4096);
	struct str why;
	w[0].expire = w[1].expire = w[3].expire = INT64_C(1790000000000);
	w[1].due = 5;
	OK(commit(r->s, 1, w, 4).rc);
	w[3].due = 5;
	OK(commit(r->s, 2, &w[3], 1).rc);                          /* what is due again stays again */
	buf_fmt(&body, "{\"TableName\":\"%s\"}", r->table);
	assert_int_equal(fake_raw(&r->fake, "/", "Scan", body.p, &said), 200);
	const struct jv *items = json_get(json_parse(&a, buf_str(&said), &why), S("Items"));
	size_t n = 0;
	for (const struct jv *item = items->kid; item; item = item->next) {
		struct str ttl = json_text(json_get(item, S("ttl")), S("N"));
		bool is_settled = str_eq(json_text(json_get(item, S("sk")), S("S")), S("settled"));
		assert_true(is_settled ? str_eq(ttl, S("1792592000")) : ttl.n == 0);
		n += is_settled;
	}
	assert_int_equal(n, 1);
	buf_free(&said);
	buf_free(&body);
	arena_free(&a);
}

/* Much at once. */

static void chains_run_beside_each_other_whatever_fails(void **state)
{
	struct rig *r = *state;
	enum { N = 128, CHAINS = 16 };
	static char id[N][16];
	static struct store_write w[N][2];
	static struct store_txn t[N];
	static struct store_result res[N];
	plan(r, "conflict=0.05,throttle=0.05,500after=0.05,drop-after=0.05,slow=0.1:20");
	for (size_t i = 0; i < N; i++) {
		(void)snprintf(id[i], sizeof id[i], "own %zu", i);
		w[i][0] = put(id[i % CHAINS], i / CHAINS, "x");
		w[i][1] = append(id[i], "x");
		t[i] = (struct store_txn){ token_n(1000 + i), w[i], 1 + i % 2 };
	}
	bool is_settled = false;
	for (int round = 0; round < 100 && !is_settled; round++) {
		is_settled = true;
		store_commit(r->s, t, res, N);
		for (size_t i = N - CHAINS; i < N; i++)            /* the ends of the chains: what is unclear is committed again */
			is_settled &= res[i].rc == STORE_OK;
	}
	assert_true(is_settled);
	plan(r, "");
	for (size_t i = 0; i < CHAINS; i++)
		assert_int_equal(ver_of(r, DOC, id[i]), N / CHAINS);
}

static void the_largest_documents_fit_with_all_their_keys(void **state)
{
	struct rig *r = *state;
	enum { N = 70 };
	static char body[STORE_BODY_MAX];
	struct store_docs d = { 0 };
	store_kind kind[N] = { 0 };
	struct str ids[N];
	char id[N][STORE_ID_MAX];
	memset(body, '\xff', sizeof body);
	for (size_t i = 0; i < N; i++) {
		memset(id[i], '\x01', sizeof id[i]);
		id[i][0] = (char)i;
		ids[i] = (struct str){ id[i], sizeof id[i] };
		struct store_write w = { .op = STORE_PUT, .kind = DOC, .id = ids[i], .due = INT64_MIN,
		    .expire = INT64_MAX - 1, .body = { body, sizeof body } };
		for (size_t k = 0; k < STORE_IDX; k++)
			w.idx[k] = ids[i];
		OK(commit(r->s, i + 1, &w, 1).rc);
	}
	OK(store_get(r->s, kind, ids, N, &d));                     /* 17.5 MB: more than one answer holds */
	for (size_t i = 0; i < N; i++)
		assert_true(d.v[i].ver == 1 && str_eq(d.v[i].body, (struct str){ body, sizeof body }) &&
		    str_eq(d.v[i].idx[3], ids[i]));
	OK(store_list(r->s, DOC, 2, S(""), S(""), true, N, &d));
	assert_true(d.n == N && str_eq(d.v[0].id, ids[N - 1]) && str_eq(d.v[N - 1].id, ids[0]));
	OK(store_due(r->s, DOC, 0, 16, INT64_MIN, N, &d));
	assert_int_equal(d.n, N);
	store_docs_free(&d);
}

static void imports_and_reads_go_on_where_the_service_left_off(void **state)
{
	struct rig *r = *state;
	enum { N = 100 };
	struct store_doc v[N];
	struct store_docs d = { 0 };
	store_kind kind[N] = { 0 };
	struct str ids[N];
	char id[N][16];
	for (size_t i = 0; i < N; i++) {
		(void)snprintf(id[i], sizeof id[i], "doc %zu", i / 2 * 2);      /* each twice: the later one counts */
		ids[i] = str_c(id[i]);
		v[i] = (struct store_doc){ DOC, ids[i], i + 1, token_n(i), STORE_NO_DUE, 100 + (int64_t)i, { S("k") }, S("b") };
	}
	plan(r, "BatchWriteItem.throttle=0.5,BatchGetItem.throttle=0.5");
	OK(store_import(r->s, v, N));
	OK(store_get(r->s, kind, ids, N, &d));
	for (size_t i = 0; i < N; i++)
		assert_int_equal(d.v[i].ver, i / 2 * 2 + 2);
	plan(r, "DeleteItem.throttle=0.3,DeleteItem.500before=0.3");
	size_t done = 0;
	OK(store_purge(r->s, DOC, 1000, 30, &done));
	assert_int_equal(done, 30);
	OK(store_list(r->s, DOC, 0, S(""), S(""), false, N, &d));
	assert_int_equal(d.n, 20);
	plan(r, "BatchWriteItem.throttle=1");
	RC(store_import(r->s, v, 1), STORE_BUSY);
	store_docs_free(&d);
}

enum { WRITERS = 6, WRITES = 40 };
struct writer { pthread_t thread; struct rig *r; unsigned i, done, doubtful; };

/* Raises one counter, and never gives up a write before it knows. */
static void *count_up(void *arg)
{
	struct writer *w = arg;
	uint64_t token = UINT64_C(1) << 32 | (uint64_t)w->i << 16;
	for (unsigned n = 0; n < WRITES; n++, token++) {
		struct store_docs d = { 0 };
		if (store_get(w->r->s, (store_kind[]){ DOC }, &S("n"), 1, &d) != STORE_OK) {
			store_docs_free(&d);
			continue;
		}
		struct store_write two[] = { put("n", d.v[0].ver, "x"), append("log", "x") };
		enum store_rc rc, before = STORE_OK;
		while ((rc = commit(w->r->s, token, two, 1 + n % 2).rc) == STORE_UNKNOWN || rc == STORE_BUSY || rc == STORE_DOWN)
			before = rc == STORE_UNKNOWN ? rc : before;
		w->done += rc == STORE_OK;
		w->doubtful += rc == STORE_CONFLICT && before == STORE_UNKNOWN;      /* done, perhaps, and another came after it */
		store_docs_free(&d);
	}
	return NULL;
}

static void under_faults_versions_count_exactly_what_was_done(void **state)
{
	struct rig *r = *state;
	struct writer w[WRITERS];
	unsigned done = 0, doubtful = 0;
	plan(r, "drop-before=0.03,500before=0.03,503=0.03,throttle=0.03,conflict=0.03,inprogress=0.03,500after=0.05,drop-after=0.05");
	for (unsigned i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){ .r = r, .i = i };
		assert_int_equal(pthread_create(&w[i].thread, NULL, count_up, &w[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		pthread_join(w[i].thread, NULL);
		done += w[i].done;
		doubtful += w[i].doubtful;
	}
	plan(r, "");
	uint64_t ver = ver_of(r, DOC, "n");
	assert_true(done > 0 && ver >= done && ver <= done + doubtful);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define BARE(f) cmocka_unit_test_setup_teardown(f, setup_bare, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_bad_answer_changes_nothing_for_the_caller), T(reads_are_asked_again),
		    T(a_service_that_stays_busy_is_said_and_nothing_was_done),
		T(what_nobody_confirms_is_unknown_and_healed_by_the_same_token),
		    BARE(only_proof_makes_a_conflict_after_a_lost_answer), BARE(keys_that_run_out_after_a_lost_answer_leave_it_unknown),
		T(a_conflict_names_the_first_and_the_face_speaks_first), T(a_service_that_is_gone_is_down),
		T(a_service_whose_answers_never_come_is_left_alone_for_a_moment), T(a_service_that_says_nothing_leaves_commits_unknown),
		BARE(opening_says_where_and_what_to_do), BARE(an_endpoint_with_a_password_is_refused_and_the_password_not_repeated),
		    BARE(names_that_cannot_be_are_refused),
		BARE(a_wrong_clock_here_signs_with_the_time_of_the_service), BARE(replicas_that_start_at_once_agree),
		BARE(a_table_of_somebody_else_is_left_alone), T(a_newer_schema_is_kept_away_from_unless_it_lets_us),
		    T(damage_is_noticed),
		T(the_service_collects_only_what_is_long_over), T(chains_run_beside_each_other_whatever_fails),
		    T(the_largest_documents_fit_with_all_their_keys),
		T(imports_and_reads_go_on_where_the_service_left_off), T(under_faults_versions_count_exactly_what_was_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
