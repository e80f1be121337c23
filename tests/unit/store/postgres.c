/* postgres.c - what the PostgreSQL store has for itself: its schema's steps, replicas side by side, lost answers, silent networks. STORE_POSTGRES says
 * where a server is (tests/run starts it); the tests that stop one or need other settings start their own.
 */
#include "tests/unit/store/postgres_rig.h"
#include "base/when.h"
#include "io/clock.h"
#include "model/kinds.h"
#include "store/store.h"

enum { DOC, LOG, NEWER };
static const struct store_kind_def some[] = { { "doc", false }, { "log", true }, { "newer", false } };
static const struct store_kind_def model[] = {
#define ENTITY(name, append_only, fleeting) { #name, append_only },
#include "model/list.h"
#undef ENTITY
};

struct rig {
	struct store *s;
	PGconn *sql;             /* somebody with psql */
	struct buf why, url;
	char schema[40];
	const struct store_kind_def *kinds;
	size_t n_kinds;
	uint32_t tokens;
};

static int64_t boot(void *ctx) { (void)ctx; return clock_boot_ms(); }
static int64_t wall(void *ctx) { (void)ctx; return 1000; }      /* utterly wrong, and of no matter */

static struct store_options options(struct rig *r)
{
	return (struct store_options){ .path = buf_str(&r->url), .table = str_c(r->schema), .kinds = r->kinds, .n_kinds = r->n_kinds,
		.clock = { NULL, boot, wall } };
}

static enum store_rc try_open(struct rig *r, struct store **ret)
{
	struct store_options o = options(r);
	buf_clear(&r->why);
	*ret = NULL;
	return store_open(S("postgres"), &o, ret, &r->why);
}

static struct store *open_ok(struct rig *r)
{
	struct store *s = NULL;
	enum store_rc rc = try_open(r, &s);
	if (rc != STORE_OK)
		fail_msg("%s: %s", store_rc_name(rc), r->why.p);
	return s;
}

static void point_to(struct rig *r, const char *url)
{
	buf_clear(&r->url);
	buf_add(&r->url, str_c(url));
	PQfinish(r->sql);
	r->sql = PQconnectdb(url);
	assert_int_equal(PQstatus(r->sql), CONNECTION_OK);
}

static void rig_init(struct rig *r, const char *url)
{
	static int made;
	*r = (struct rig){ .why = BUF(4096), .url = BUF(4096), .kinds = some, .n_kinds = 2 };
	(void)snprintf(r->schema, sizeof r->schema, "unit_%ld_%d", (long)getpid(), made++);
	point_to(r, url);
}

static int setup(void **state)
{
	const char *url = getenv("STORE_POSTGRES");
	if (url == NULL)
		fail_msg("STORE_POSTGRES is not set: run this by tests/run, which starts the server");
	struct rig *r = test_calloc(1, sizeof *r);
	rig_init(r, url);
	r->s = open_ok(r);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;
	store_close(r->s);
	PQfinish(r->sql);
	buf_free(&r->why);
	buf_free(&r->url);
	test_free(r);
	return 0;
}

/* What the first column of the first row says, with the schema for each @. */
static const char *sql(struct rig *r, const char *text)
{
	static char answer[4096];
	struct buf full = BUF(16384);
	postgres_text(&full, text, r->schema);
	PGresult *got = PQexec(r->sql, full.p);
	if (PQresultStatus(got) != PGRES_TUPLES_OK && PQresultStatus(got) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", full.p, PQresultErrorMessage(got));
	(void)snprintf(answer, sizeof answer, "%s", PQntuples(got) > 0 ? PQgetvalue(got, 0, 0) : "");
	PQclear(got);
	buf_free(&full);
	return answer;
}

#define SQL_IS(text, want) assert_string_equal(sql(r, text), want)
#define OK(call) assert_string_equal(store_rc_name(call), store_rc_name(STORE_OK))
#define RC(call, want) assert_string_equal(store_rc_name(call), store_rc_name(want))

static struct store_write put(const char *id, uint64_t expect, const char *body)
{
	return (struct store_write){ .op = STORE_PUT, .kind = DOC, .id = str_c(id), .expect = expect, .due = STORE_NO_DUE,
		.expire = STORE_NO_DUE, .body = str_c(body) };
}

static struct store_write check(const char *id, uint64_t expect)
{
	return (struct store_write){ .op = STORE_CHECK, .kind = DOC, .id = str_c(id), .expect = expect };
}

static struct store_token token_of(uint64_t n)
{
	struct store_token t = { { 1 } };
	memcpy(t.b + 4, &n, sizeof n);
	return t;
}

static struct store_result commit_as(struct store *s, uint64_t token, const struct store_write *w, size_t n)
{
	struct store_result res = { .rc = STORE_INVAL };
	store_commit(s, &(struct store_txn){ token_of(token), w, n }, &res, 1);
	return res;
}

static enum store_rc commit(struct rig *r, struct store_write w)
{
	return commit_as(r->s, ++r->tokens, &w, 1).rc;
}

static enum store_rc get(struct store *s, const char *id, uint64_t *ret_ver)
{
	struct store_docs d = { 0 };
	struct str name = str_c(id);
	enum store_rc rc = store_get(s, &(store_kind){ DOC }, &name, 1, &d);
	*ret_ver = rc == STORE_OK ? d.v[0].ver : 0;
	store_docs_free(&d);
	return rc;
}

static uint64_t ver_of(struct rig *r, const char *id)
{
	uint64_t ver = 0;
	OK(get(r->s, id, &ver));
	return ver;
}

/* Where nobody else's sessions are ended and nobody else's deadlocks are counted: other tests use this server too. */
static void move_to_own_database(struct rig *r)
{
	struct buf url = BUF(4096);
	store_close(r->s);
	(void)sql(r, "CREATE DATABASE @");
	buf_add(&url, (struct str){ r->url.p, (size_t)(strrchr(r->url.p, '/') - r->url.p) });
	buf_fmt(&url, "/%s", r->schema);
	point_to(r, url.p);
	buf_free(&url);
	r->s = open_ok(r);
}

/* The schema */

static void migrations_go_down_and_up_and_keep_the_documents(void **state)
{
	struct rig *r = *state;
	struct store_options o = options(r);
	struct store_schema schema = { 0 };
	OK(commit(r, put("a", STORE_ABSENT, "{}")));
	store_close(r->s);
	r->s = NULL;
	SQL_IS("SELECT count(*) FROM @.v_doc", "1");
	OK(store_migrate(S("postgres"), &o, 1, &r->why));
	OK(store_schema(S("postgres"), &o, &schema, &r->why));
	assert_int_equal(schema.have, 1);
	SQL_IS("SELECT to_regclass('@.v_doc') IS NULL", "t");
	SQL_IS("SELECT attstorage::text||attcompression::text FROM pg_attribute WHERE attrelid='@.doc'::regclass AND attname='body'", "ml");
	OK(store_migrate(S("postgres"), &o, 1, &r->why));
	OK(store_migrate(S("postgres"), &o, 2, &r->why));
	SQL_IS("SELECT count(*) FROM @.v_doc", "1");
	OK(store_migrate(S("postgres"), &o, 1, &r->why));
	r->s = open_ok(r);                                         /* moves it up */
	OK(store_schema(S("postgres"), &o, &schema, &r->why));
	assert_true(schema.have == 3 && schema.least == 1 && schema.newest == 3);
	SQL_IS("SELECT count(*) FROM @.v_doc", "1");
	assert_int_equal(ver_of(r, "a"), 1);
	RC(store_migrate(S("postgres"), &o, 0, &r->why), STORE_INVAL);
}

static void migrating_makes_a_store_that_is_not_there(void **state)
{
	struct rig *r = *state;
	struct store_options o = options(r);
	struct store_schema schema = { 0 };
	o.table = S("user");                                       /* a word of SQL */
	o.shards = 4;
	OK(store_migrate(S("postgres"), &o, 2, &r->why));
	OK(store_schema(S("postgres"), &o, &schema, &r->why));
	assert_int_equal(schema.have, 2);
	struct store *s = NULL;
	struct store_info info = { 0 };
	o.shards = 64;                                             /* too late */
	OK(store_open(S("postgres"), &o, &s, &r->why));
	store_info(s, &info);
	assert_int_equal(info.shards, 4);
	store_close(s);
	(void)sql(r, "DROP SCHEMA \"user\" CASCADE");
}

static void a_layout_that_was_changed_is_named(void **state)
{
	struct rig *r = *state;
	struct store_options o = options(r);
	struct store_schema schema = { 0 };
	static const struct { const char *damage, *says, *repair; } row[] = {
		{ "DROP VIEW @.v_log", "v_log", "SELECT 1" },
		{ "DROP INDEX @.doc_due", "doc_due", "CREATE INDEX doc_due ON @.doc(kind,due,id) WHERE due IS NOT NULL" },
		{ "DROP INDEX @.doc_idx1; CREATE INDEX doc_idx1 ON @.doc(idx1,id)", "doc_idx1",
			"DROP INDEX @.doc_idx1; CREATE INDEX doc_idx1 ON @.doc(kind,idx1,id) WHERE idx1 IS NOT NULL" },
		{ "ALTER TABLE @.doc RENAME COLUMN crc TO sum", "doc", "ALTER TABLE @.doc RENAME COLUMN sum TO crc" },
	};
	(void)sql(r, "CREATE VIEW @.mine AS SELECT count(*) FROM @.doc; ALTER TABLE @.doc ADD COLUMN note text");
	OK(store_schema(S("postgres"), &o, &schema, &r->why));     /* what is added is theirs who added it */
	for (size_t i = 0; i < COUNT(row); i++) {
		(void)sql(r, row[i].damage);
		buf_clear(&r->why);
		RC(store_schema(S("postgres"), &o, &schema, &r->why), STORE_CORRUPT);
		assert_int_equal(schema.have, 3);
		assert_non_null(strstr(r->why.p, row[i].says));
		if (i == 0) {
			OK(store_migrate(S("postgres"), &o, 1, &r->why));
			OK(store_migrate(S("postgres"), &o, 3, &r->why));
		}
		(void)sql(r, row[i].repair);
		OK(store_schema(S("postgres"), &o, &schema, &r->why));
	}
}

static void a_newer_schema_is_used_if_it_lets_us(void **state)
{
	struct rig *r = *state;
	struct store *other = NULL;
	struct store_options o = options(r);
	(void)sql(r, "UPDATE @.meta SET value=4 WHERE name='schema'");
	OK(try_open(r, &other));
	OK(commit_as(other, 1, &(struct store_write[]){ put("a", STORE_ABSENT, "") }[0], 1).rc);
	assert_int_equal(ver_of(r, "a"), 1);
	RC(store_migrate(S("postgres"), &o, 1, &r->why), STORE_FENCED);
	store_close(other);
	(void)sql(r, "UPDATE @.meta SET value=4 WHERE name='least'");
	RC(try_open(r, &other), STORE_FENCED);
	assert_non_null(strstr(r->why.p, "start that version"));
	RC(commit(r, put("b", STORE_ABSENT, "")), STORE_FENCED);   /* it was open when the rollout went past it */
	uint64_t ver = 0;
	RC(get(r->s, "a", &ver), STORE_FENCED);
	SQL_IS("SELECT count(*) FROM @.doc", "1");
}

static void a_program_with_fewer_kinds_works_beside_one_with_more(void **state)
{
	struct rig *r = *state;
	r->n_kinds = 3;
	struct store *newer = open_ok(r);
	struct store_write w = put("a", STORE_ABSENT, "{\"x\":1}");
	w.kind = NEWER;
	w.due = 5;
	OK(commit_as(newer, 1, &w, 1).rc);
	SQL_IS("SELECT body->>'x' FROM @.v_newer", "1");
	OK(commit(r, put("b", STORE_ABSENT, "")));
	struct store_docs d = { 0 };
	OK(store_due(r->s, DOC, 0, 16, 10, 10, &d));
	assert_int_equal(d.n, 0);
	r->n_kinds = 2;
	struct store *older = open_ok(r);
	OK(store_list(older, DOC, STORE_BY_ID, S(""), S(""), false, 10, &d));
	assert_int_equal(d.n, 1);
	SQL_IS("SELECT value FROM @.meta WHERE name='kinds'", "3");
	store_docs_free(&d);
	store_close(older);
	store_close(newer);
}

static void *open_and_write(void *arg)
{
	static atomic_uint tokens;
	struct rig r = *(struct rig *)arg;
	struct store *s = NULL;
	r.why = BUF(4096);
	enum store_rc rc = try_open(&r, &s);
	if (rc != STORE_OK)
		(void)printf("# %s\n", r.why.p);
	else
		rc = commit_as(s, ++tokens, &(struct store_write[]){ put("first", STORE_ABSENT, "") }[0], 1).rc;
	store_close(s);
	buf_free(&r.why);
	return (void *)(uintptr_t)rc;
}

static void replicas_that_start_together_make_the_schema_once(void **state)
{
	struct rig *r = *state;
	struct rig fresh = *r;
	pthread_t thread[8];
	(void)strncat(fresh.schema, "_x", sizeof fresh.schema - strlen(fresh.schema) - 1);
	size_t ok = 0, conflicts = 0;
	for (size_t i = 0; i < COUNT(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, open_and_write, &fresh), 0);
	for (size_t i = 0; i < COUNT(thread); i++) {
		void *rc;
		pthread_join(thread[i], &rc);
		ok += (uintptr_t)rc == STORE_OK;
		conflicts += (uintptr_t)rc == STORE_CONFLICT;
	}
	assert_int_equal(ok, 1);
	assert_int_equal(conflicts, COUNT(thread) - 1);
}

static void names_that_are_no_plain_word_are_refused(void **state)
{
	struct rig *r = *state;
	static const char *const bad[] = { "Tocsin", "a b", "a\"b", "1a", "pg_x", "a-b",
		"a123456789012345678901234567890123456789012345678901234567890123" };
	struct store *s = NULL;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct store_options o = options(r);
		o.table = str_c(bad[i]);
		buf_clear(&r->why);
		RC(store_open(S("postgres"), &o, &s, &r->why), STORE_INVAL);
		assert_non_null(strstr(r->why.p, "cannot be the name of the schema"));
	}
}

/* Views */

static void put_object(struct rig *r, enum kind kind, const char *id, const void *object)
{
	struct buf body = BUF(65536);
	desc_write(&body, kinds[kind].entity, object, V_STORE);
	struct store_write w = put(id, STORE_ABSENT, "");
	w.kind = (store_kind)kind;
	w.body = buf_str(&body);
	OK(commit(r, w));
	buf_free(&body);
}

static void the_views_answer_people_who_write_sql(void **state)
{
	struct rig *r = *state;
	struct str tags[] = { S("db"), S("prod") };
	struct incident incident = { .id = S("i1"), .number = 42, .title = S("Disk \"full\""), .severity = 5, .service = S("db"), .level = 1,
		.tags = { tags, 2 }, .detected_at = INT64_C(1760000000123) };
	struct entry entry = { .id = S("i1/000001"), .at = INT64_C(1760000000123), .type = ENTRY_NOTE, .after = ACKNOWLEDGED, .text = S("it is \n new") };
	struct page page = { .id = S("i1/0/0/0/0"), .incident = S("i1"), .target = S("user:amira"), .channel = S("sms"), .status = PAGE_DELIVERED };
	store_close(r->s);
	r->kinds = model;
	r->n_kinds = COUNT(model);
	r->s = open_ok(r);
	put_object(r, KIND_incident, "i1", &incident);
	put_object(r, KIND_entry, "i1/000001", &entry);
	put_object(r, KIND_page, "i1/0/0/0/0", &page);
	SQL_IS("SELECT title FROM @.incidents WHERE severity=5 AND status='detected' AND NOT exhausted AND number=42", "Disk \"full\"");
	SQL_IS("SELECT extract(epoch FROM detected_at)*1000=1760000000123 FROM @.incidents WHERE resolved_at IS NULL", "t");
	SQL_IS("SELECT tags->>1 FROM @.incidents WHERE labels='{}' AND acknowledged_by IS NULL AND version=1", "prod");
	SQL_IS("SELECT type||' '||after||' '||before FROM @.timeline WHERE incident='i1' AND level=0 AND sequence=1", "note acknowledged detected");
	SQL_IS("SELECT p.target FROM @.pages p JOIN @.incidents i ON i.id=p.incident WHERE p.status='delivered'", "user:amira");
	SQL_IS("SELECT version||' '||id FROM @.v_page WHERE key='i1/0/0/0/0' AND due IS NULL", "1 i1/0/0/0/0");
}

static void a_nul_in_an_alert_does_not_blind_the_views(void **state)
{
	struct rig *r = *state;
	struct incident incident = { .id = S("i1"), .number = 1, .title = S("a\0\0b \\u0000 \\\0"), .detected_at = 1 };
	store_close(r->s);
	r->kinds = model;
	r->n_kinds = COUNT(model);
	r->s = open_ok(r);
	put_object(r, KIND_incident, "i1", &incident);
	SQL_IS("SELECT title FROM @.incidents", "a\ufffd\ufffdb \\u0000 \\\ufffd");
}

/* PostgreSQL's numbers end somewhere, JSON's do not: an alert with one beyond shows its details as a text, and everything else as ever. */
static void numbers_beyond_postgresql_do_not_blind_the_views(void **state)
{
	struct rig *r = *state;
	static const char *const details[] = { "1e-99999", "[1.5E-16384]", "{\"n\":{\"m\":-0.1e-1234567890}}", "{\"n\":[1e300,\"1e-9999\",\"018e1234-5678\"]}",
		"0.1111111111111111111111111111111111111111111111111e-999" };
	struct arena a = ARENA(1 << 20);
	struct str why;
	store_close(r->s);
	r->kinds = model;
	r->n_kinds = COUNT(model);
	r->s = open_ok(r);
	for (size_t i = 0; i < COUNT(details); i++) {
		char id[4] = { 'i', (char)('0' + i), 0 };
		struct incident incident = { .id = str_c(id), .number = (int64_t)i + 1, .title = S("t"), .dedup_key = S("a:8e1234-1"), .detected_at = 1, .details = json_parse(&a, str_c(details[i]), &why) };
		if (incident.details == NULL)
			fail_msg("%s: %.*s", details[i], STR_ARG(why));
		put_object(r, KIND_incident, id, &incident);
	}
	SQL_IS("SELECT string_agg(title||number||jsonb_typeof(details),' ' ORDER BY number) FROM @.incidents",
	    "t1string t2string t3string t4object t5number");
	SQL_IS("SELECT details FROM @.incidents WHERE number=2", "\"[1.5E-16384]\"");
	SQL_IS("SELECT details->'n'->>1 FROM @.incidents WHERE number=4", "1e-9999");
	SQL_IS("SELECT string_agg(jsonb_typeof(body),' ' ORDER BY id) FROM @.v_incident", "string string string object object");
	SQL_IS("SELECT (body#>>'{}')::json->>'number' FROM @.v_incident WHERE id='i1'", "2");
	arena_free(&a);
}

/* What schema 2 was made of by older programs; somebody has built on it. */
static void views_of_older_programs_are_made_again_in_place(void **state)
{
	struct rig *r = *state;
	struct store_options o = options(r);
	store_close(r->s);
	r->s = NULL;
	OK(store_migrate(S("postgres"), &o, 2, &r->why));
	(void)sql(r, "CREATE OR REPLACE VIEW @.v_doc AS SELECT d.id AS key,encode(d.id,'escape') AS id,d.ver AS version,to_timestamp(d.due/1000.0) AS due,"
	    "to_timestamp(d.expire/1000.0) AS expire,encode(d.idx0,'escape') AS idx0,encode(d.idx1,'escape') AS idx1,encode(d.idx2,'escape') AS idx2,"
	    "encode(d.idx3,'escape') AS idx3,convert_from(d.body,'UTF8')::jsonb AS body FROM @.doc d WHERE d.kind=0;"
	    "CREATE VIEW @.mine AS SELECT id,body FROM @.v_doc");
	r->s = open_ok(r);
	OK(commit(r, put("a", STORE_ABSENT, "{\"n\":1e-99999}")));
	SQL_IS("SELECT jsonb_typeof(body) FROM @.mine", "string");
	OK(store_migrate(S("postgres"), &o, 2, &r->why));
	SQL_IS("SELECT id FROM @.mine", "a");
}

/* A view's columns are the stored members of the entity, in type and order, and then one more. */
static void the_views_have_a_column_for_each_field(void **state)
{
	struct rig *r = *state;
	static const struct { enum kind kind; const char *view, *more; } views[] = { { KIND_incident, "incidents", "version:bigint" },
		{ KIND_entry, "timeline", "incident:text sequence:bigint" }, { KIND_page, "pages", "version:bigint" } };
	static const char *const type[] = { [K_STR] = "text", [K_INT] = "bigint", [K_BOOL] = "boolean", [K_TIME] = "timestamp with time zone",
		[K_DUR] = "text", [K_SEV] = "bigint", [K_ENUM] = "text", [K_SUB] = "jsonb", [K_LIST] = "jsonb", [K_STRS] = "jsonb", [K_MAP] = "jsonb",
		[K_ANY] = "jsonb", [K_SECRET] = "jsonb", [K_SECRETS] = "jsonb" };
	store_close(r->s);
	r->kinds = model;
	r->n_kinds = COUNT(model);
	r->s = open_ok(r);
	for (size_t i = 0; i < COUNT(views); i++) {
		const struct entity *e = kinds[views[i].kind].entity;
		struct buf want = BUF(65536), ask = BUF(4096);
		for (size_t k = 0; k < e->nf; k++)
			if (!(e->f[k].flags & VIEW))
				buf_fmt(&want, "%s:%s ", e->f[k].name, type[e->f[k].kind]);
		buf_add(&want, str_c(views[i].more));
		buf_fmt(&ask, "SELECT string_agg(column_name||':'||data_type,' ' ORDER BY ordinal_position) FROM information_schema.columns "
		    "WHERE table_schema='%s' AND table_name='%s'", r->schema, views[i].view);
		assert_string_equal(sql(r, ask.p), want.p);
		buf_free(&want);
		buf_free(&ask);
	}
}

/* Writers side by side */

enum { STORM_DOCS = 6, STORM_ROUNDS = 60, STORM_WRITERS = 8 };
struct storm { struct store *s; unsigned seed; uint64_t won, lost, others; };

static void *cross(void *arg)
{
	struct storm *m = arg;
	struct store_docs d = { 0 };
	for (int i = 0; i < STORM_ROUNDS; i++) {
		char id[3][8];
		struct store_write w[3];
		for (unsigned k = 0; k < 3; k++) {                 /* three of them, from anywhere, in any order */
			(void)snprintf(id[k], sizeof id[k], "%u", (m->seed + (unsigned)i * 5 + k * (1 + m->seed % 2 * 3)) % STORM_DOCS);
			struct str name = str_c(id[k]);
			if (store_get(m->s, &(store_kind){ DOC }, &name, 1, &d) != STORE_OK)
				m->others++;
			w[k] = k == 1 ? check(id[k], d.n ? d.v[0].ver : 0) : put(id[k], d.n ? d.v[0].ver : 0, "x");
		}
		enum store_rc rc = commit_as(m->s, (uint64_t)m->seed << 32 | (unsigned)i, w, 3).rc;
		*(rc == STORE_OK ? &m->won : rc == STORE_CONFLICT ? &m->lost : &m->others) += 1;
	}
	store_docs_free(&d);
	return NULL;
}

static void two_replicas_that_cross_each_other_never_deadlock(void **state)
{
	struct rig *r = *state;
	struct storm m[STORM_WRITERS] = { { 0 } };
	pthread_t thread[STORM_WRITERS];
	uint64_t won = 0, writes = 0;
	move_to_own_database(r);
	struct store *other = open_ok(r);
	for (unsigned i = 0; i < STORM_WRITERS; i++) {
		m[i] = (struct storm){ .s = i % 2 ? r->s : other, .seed = i + 1 };
		assert_int_equal(pthread_create(&thread[i], NULL, cross, &m[i]), 0);
	}
	for (unsigned i = 0; i < STORM_WRITERS; i++) {
		pthread_join(thread[i], NULL);
		won += m[i].won;
		assert_int_equal(m[i].others, 0);
	}
	for (unsigned i = 0; i < STORM_DOCS; i++) {
		char id[8];
		(void)snprintf(id, sizeof id, "%u", i);
		writes += ver_of(r, id);
	}
	assert_true(won > 0);
	assert_int_equal(writes, won * 2);                         /* two of three are written, each time by one more */
	store_close(other);
	store_close(r->s);
	r->s = NULL;
	while (strcmp(sql(r, "SELECT count(*) FROM pg_stat_activity WHERE datname=current_database() AND pid<>pg_backend_pid()"), "0") != 0)
		(void)poll(NULL, 0, 5);                            /* what they counted is told when they end */
	SQL_IS("SELECT deadlocks FROM pg_stat_database WHERE datname=current_database()", "0");
}

struct skew { struct store *s; pthread_barrier_t *start; const char *mine, *yours; uint64_t token; enum store_rc rc; };

static void *claim_if_free(void *arg)
{
	struct skew *k = arg;
	struct store_write w[] = { check(k->yours, STORE_ABSENT), put(k->mine, STORE_ABSENT, "on call") };
	pthread_barrier_wait(k->start);
	k->rc = commit_as(k->s, k->token, w, 2).rc;
	return NULL;
}

static void checking_that_nobody_is_there_prevents_write_skew(void **state)
{
	struct rig *r = *state;
	struct store *other = open_ok(r);
	for (unsigned round = 0; round < 60; round++) {
		char a[16], b[16];
		pthread_barrier_t start;
		pthread_t thread[2];
		(void)snprintf(a, sizeof a, "a%u", round);
		(void)snprintf(b, sizeof b, "b%u", round);
		struct skew k[] = { { r->s, &start, a, b, round * 2 + 1, 0 }, { other, &start, b, a, round * 2 + 2, 0 } };
		pthread_barrier_init(&start, NULL, 2);
		for (size_t i = 0; i < 2; i++)
			assert_int_equal(pthread_create(&thread[i], NULL, claim_if_free, &k[i]), 0);
		for (size_t i = 0; i < 2; i++)
			pthread_join(thread[i], NULL);
		pthread_barrier_destroy(&start);
		assert_int_equal((k[0].rc == STORE_OK) + (k[1].rc == STORE_OK), 1);
		assert_int_equal((k[0].rc == STORE_CONFLICT) + (k[1].rc == STORE_CONFLICT), 1);
		assert_int_equal(ver_of(r, a) + ver_of(r, b), 1);
	}
	store_close(other);
}

static void a_document_made_and_deleted_in_one_group_leaves_nothing(void **state)
{
	struct rig *r = *state;
	struct store_write w[] = { put("a", STORE_ABSENT, "1"), { .op = STORE_DELETE, .kind = DOC, .id = S("a"), .expect = 1 },
		put("a", STORE_ABSENT, "2"), { .op = STORE_DELETE, .kind = DOC, .id = S("a"), .expect = 1 } };
	struct store_txn t[4];
	struct store_result res[4];
	for (size_t i = 0; i < 4; i++)
		t[i] = (struct store_txn){ token_of(100 + i), &w[i], 1 };
	store_commit(r->s, t, res, 2);
	OK(res[0].rc);
	OK(res[1].rc);
	assert_int_equal(ver_of(r, "a"), 0);
	SQL_IS("SELECT count(*) FROM @.doc", "0");
	t[0].token = token_of(200);
	store_commit(r->s, t, res, 3);                             /* made, deleted, made again */
	for (size_t i = 0; i < 3; i++)
		OK(res[i].rc);
	t[0] = (struct store_txn){ token_of(201), &w[3], 1 };
	t[1] = (struct store_txn){ token_of(202), &w[2], 1 };
	store_commit(r->s, t, res, 2);                             /* deleted and made: it begins anew */
	OK(res[0].rc);
	OK(res[1].rc);
	assert_int_equal(ver_of(r, "a"), 1);
}

static void a_group_whose_locks_alternate_is_locked_at_once(void **state)
{
	struct rig *r = *state;
	char id[40][8];
	struct store_write w[40];
	for (size_t i = 0; i < COUNT(w); i++) {
		(void)snprintf(id[i], sizeof id[i], "%02zu", i);
		w[i] = put(id[i], STORE_ABSENT, "");
	}
	OK(commit_as(r->s, 1, w, COUNT(w)).rc);
	for (size_t i = 0; i < COUNT(w); i++)
		w[i] = i % 2 ? check(id[i], 1) : put(id[i], 1, "2");
	OK(commit_as(r->s, 2, w, COUNT(w)).rc);
	assert_int_equal(ver_of(r, "38"), 2);
	assert_int_equal(ver_of(r, "39"), 1);
	RC(commit_as(r->s, 3, w, COUNT(w)).rc, STORE_CONFLICT);
}

/* Errors of the server */

static void errors_of_the_server_mean_what_the_contract_says(void **state)
{
	struct rig *r = *state;
	static const struct { const char *state; enum store_rc rc; } row[] = { { "53100", STORE_FULL }, { "53200", STORE_FULL },
		{ "40001", STORE_BUSY }, { "55P03", STORE_BUSY }, { "57014", STORE_BUSY }, { "XX001", STORE_CORRUPT }, { "42501", STORE_DOWN } };
	struct store_write before = put("before", STORE_ABSENT, "");
	OK(commit_as(r->s, 77, &before, 1).rc);
	(void)sql(r, "CREATE TABLE @.mood(state text); INSERT INTO @.mood VALUES('');"
	    "CREATE FUNCTION @.sulk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE=(SELECT state FROM @.mood); END $$;"
	    "CREATE TRIGGER sulk BEFORE INSERT OR UPDATE ON @.doc FOR EACH ROW EXECUTE FUNCTION @.sulk()");
	for (size_t i = 0; i < COUNT(row); i++) {
		struct buf set = BUF(256);
		buf_fmt(&set, "UPDATE @.mood SET state='%s'", row[i].state);
		(void)sql(r, set.p);
		buf_free(&set);
		RC(commit(r, put("new", STORE_ABSENT, "")), row[i].rc);
		RC(commit(r, put("before", 1, "2")), row[i].rc);
		OK(commit_as(r->s, 77, &before, 1).rc);            /* applied long ago: anything else would say that it was not */
	}
	(void)sql(r, "DROP TRIGGER sulk ON @.doc");
	OK(commit(r, put("new", STORE_ABSENT, "")));
	OK(commit(r, put("before", 1, "2")));
}

static void a_lock_that_somebody_keeps_is_busy(void **state)
{
	struct rig *r = *state;
	OK(commit(r, put("a", STORE_ABSENT, "1")));
	(void)sql(r, "BEGIN");
	(void)sql(r, "SELECT ver FROM @.doc WHERE id='a' FOR UPDATE");
	RC(commit(r, put("a", 1, "2")), STORE_BUSY);
	OK(commit(r, put("b", STORE_ABSENT, "1")));
	(void)sql(r, "ROLLBACK");
	OK(commit(r, put("a", 1, "2")));
}

static void what_is_not_as_it_was_written_is_corrupt(void **state)
{
	struct rig *r = *state;
	uint64_t ver = 0;
	struct store_docs d = { 0 };
	OK(commit(r, put("a", STORE_ABSENT, "ab")));
	static const char *const damage[] = { "UPDATE @.doc SET body='aB'", "UPDATE @.doc SET body='ab',ver=2", "UPDATE @.doc SET ver=1,due=5",
		"UPDATE @.doc SET due=NULL,idx0='x'" };
	for (size_t i = 0; i < COUNT(damage); i++) {
		(void)sql(r, damage[i]);
		RC(get(r->s, "a", &ver), STORE_CORRUPT);
		RC(store_list(r->s, DOC, STORE_BY_ID, S(""), S(""), false, 10, &d), STORE_CORRUPT);
	}
	(void)sql(r, "UPDATE @.doc SET idx0=NULL");
	OK(get(r->s, "a", &ver));
	store_docs_free(&d);
}

/* Connections that end */

static void end_sessions(struct rig *r)
{
	(void)sql(r, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name='tocsin' AND datname=current_database()");
}

static void sessions_that_were_ended_are_made_anew(void **state)
{
	struct rig *r = *state;
	move_to_own_database(r);
	for (unsigned i = 0; i < 5; i++) {
		end_sessions(r);
		OK(commit(r, put("a", i, "x")));
		end_sessions(r);
		assert_int_equal(ver_of(r, "a"), i + 1);
		end_sessions(r);
		int64_t us = 0;
		OK(store_probe(r->s, &us));
	}
}

/* The store of the rig behind a proxy. */
static void put_between(struct rig *r, struct proxy *p)
{
	char port[16];
	store_close(r->s);
	proxy_start(p, getenv("STORE_POSTGRES"));
	struct str whole = str_c(getenv("STORE_POSTGRES")), head, tail;
	assert_true(str_cut(whole, '@', &head, &tail));
	buf_clear(&r->url);
	(void)snprintf(port, sizeof port, "%d", p->port);
	buf_fmt(&r->url, "%.*s@127.0.0.1:%s/postgres", STR_ARG(head), port);
	r->s = open_ok(r);
}

static void take_out(struct rig *r, struct proxy *p)
{
	store_close(r->s);
	r->s = NULL;
	proxy_end(p);
}

/* A chain, a conflict and an append, so that no token alone tells what became of each. */
static void lose_and_see(struct rig *r, struct proxy *p, enum proxy_mode mode)
{
	struct store_write log = put("line", STORE_ANY, "once");
	log.kind = LOG;
	OK(commit(r, put("there", STORE_ABSENT, "")));
	struct store_write w[][2] = { { put("a", STORE_ABSENT, "1"), log }, { put("a", 1, "2"), check("there", 1) },
		{ put("there", STORE_ABSENT, ""), put("b", STORE_ABSENT, "") }, { put("c", STORE_ABSENT, ""), put("there", 1, "2") } };
	struct store_txn t[4];
	struct store_result res[4];
	for (size_t i = 0; i < 4; i++)
		t[i] = (struct store_txn){ token_of(500 + i), w[i], 2 };
	p->mode = mode;
	store_commit(r->s, t, res, 4);
	assert_int_equal(p->mode, THROUGH);                        /* it has happened */
	OK(res[0].rc);
	OK(res[1].rc);
	RC(res[2].rc, STORE_CONFLICT);
	OK(res[3].rc);
	assert_int_equal(ver_of(r, "a"), 2);
	assert_int_equal(ver_of(r, "b"), 0);
	assert_int_equal(ver_of(r, "c"), 1);
	assert_int_equal(ver_of(r, "there"), 2);
	SQL_IS("SELECT ver FROM @.doc WHERE kind=1", "1");
}

static void a_commit_whose_answer_is_lost_is_found_out(void **state)
{
	struct rig *r = *state;
	struct proxy p = { 0 };
	put_between(r, &p);
	lose_and_see(r, &p, CUT_REPLY);
	p.mode = CUT_REPLY;                                        /* a group that leaves nothing behind to be found */
	OK(commit_as(r->s, 600, &(struct store_write){ .op = STORE_DELETE, .kind = DOC, .id = S("c"), .expect = 1 }, 1).rc);
	assert_int_equal(p.mode, THROUGH);
	assert_int_equal(ver_of(r, "c"), 0);
	take_out(r, &p);
}

static void a_commit_that_never_arrived_is_made_again_once(void **state)
{
	struct rig *r = *state;
	struct proxy p = { 0 };
	put_between(r, &p);
	lose_and_see(r, &p, CUT_COMMIT);
	take_out(r, &p);
}

static enum store_rc commit_within(struct rig *r, struct store_write w, int64_t at_most_ms)
{
	int64_t from = clock_boot_ms();
	enum store_rc rc = commit(r, w);
	assert_true(clock_boot_ms() - from <= at_most_ms);
	return rc;
}

/* The bounds are wide, so that a slow machine passes; without a deadline TCP would wait a quarter of an hour. */
static void a_network_that_swallows_everything_costs_one_call_its_deadline(void **state)
{
	struct rig *r = *state;
	struct proxy p = { 0 };
	int64_t now = 0, err = 0, before = 0;
	put_between(r, &p);
	OK(commit(r, put("a", STORE_ABSENT, "1")));
	OK(store_now(r->s, &before, &err));
	p.mode = SILENT;
	RC(commit_within(r, put("a", 1, "2"), 15000), STORE_DOWN); /* not even BEGIN was answered */
	for (int i = 0; i < 20; i++) {
		uint64_t ver = 0;
		RC(get(r->s, "a", &ver), STORE_DOWN);
		OK(store_now(r->s, &now, &err));
		assert_true(now >= before);
	}
	RC(commit_within(r, put("a", 1, "2"), 2000), STORE_DOWN);  /* it is known by now */
	p.mode = THROUGH;
	enum store_rc rc = STORE_DOWN;
	for (int64_t end = clock_boot_ms() + 30000; rc == STORE_DOWN && clock_boot_ms() < end; (void)poll(NULL, 0, 20))
		rc = commit(r, put("a", 1, "2"));
	OK(rc);
	take_out(r, &p);
}

/* Servers of the tests' own */

static void begin_on_own(struct rig *r, struct server *s, const char *setting)
{
	server_start(s, setting);
	rig_init(r, s->url);
}

static void end_on_own(struct rig *r, struct server *s)
{
	store_close(r->s);
	PQfinish(r->sql);
	buf_free(&r->why);
	buf_free(&r->url);
	server_end(s);
}

static void is_refused(const char *setting, const char *says)
{
	struct rig r;
	struct server s;
	begin_on_own(&r, &s, setting);
	RC(try_open(&r, &r.s), STORE_INVAL);
	assert_non_null(strstr(r.why.p, says));
	assert_string_equal(sql(&r, "SELECT to_regnamespace('@') IS NULL"), "t");      /* and left alone */
	end_on_own(&r, &s);
}

static void a_server_that_forgets_is_refused(void **state)
{
	(void)state;
	is_refused("fsync=off", "set fsync = on");
	is_refused("full_page_writes=off", "set full_page_writes = on");
}

static void a_server_that_dies_is_found_again_with_everything(void **state)
{
	struct rig r;
	struct server s;
	uint64_t ver = 0;
	enum store_rc rc = STORE_DOWN;
	(void)state;
	begin_on_own(&r, &s, "fsync=on");
	r.s = open_ok(&r);
	for (int i = 0; i < 3; i++) {
		OK(commit(&r, put("a", (uint64_t)i, "x")));
		server_do(&s, "kill");
		RC(commit(&r, put("a", (uint64_t)i + 1, "lost")), STORE_DOWN);
		RC(get(r.s, "a", &ver), STORE_DOWN);
		server_do(&s, "start");
		rc = STORE_DOWN;
		for (int64_t end = clock_boot_ms() + 30000; rc == STORE_DOWN && clock_boot_ms() < end; (void)poll(NULL, 0, 20))
			rc = get(r.s, "a", &ver);
		OK(rc);
		assert_int_equal(ver, i + 1);
	}
	server_do(&s, "standby");
	RC(commit(&r, put("a", 3, "x")), STORE_DOWN);              /* it was failed over from */
	store_close(r.s);
	RC(try_open(&r, &r.s), STORE_DOWN);
	assert_non_null(strstr(r.why.p, "read-only"));
	r.s = NULL;
	end_on_own(&r, &s);
}

/* As an administrator does who tires of waiting. */
static void *cancel_the_wait(void *arg)
{
	struct rig *r = arg;
	while (strcmp(sql(r, "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event='SyncRep' AND "
	    "query_start>now()-interval '1 second'"), "0") == 0)
		(void)poll(NULL, 0, 5);
	return NULL;
}

static void a_commit_that_no_standby_confirms_is_unknown(void **state)
{
	struct rig r;
	struct server s;
	struct store_info info = { 0 };
	struct store_write w = put("a", STORE_ABSENT, "1");
	(void)state;
	begin_on_own(&r, &s, "fsync=on");
	r.s = open_ok(&r);
	store_info(r.s, &info);
	assert_int_equal(info.durability, STORE_D_POWER);
	assert_int_equal(info.history, 1);                         /* the timeline of a server that nobody has promoted yet */
	(void)sql(&r, "ALTER SYSTEM SET synchronous_standby_names='ANY 1 (elsewhere)'");
	(void)sql(&r, "SELECT pg_reload_conf()");
	while (strcmp(sql(&r, "SHOW synchronous_standby_names"), "") == 0)
		(void)poll(NULL, 0, 5);
	store_close(r.s);
	r.s = open_ok(&r);
	store_info(r.s, &info);
	assert_int_equal(info.durability, STORE_D_ZONE);
	enum store_rc rc = STORE_OK;
	while (rc == STORE_OK)                                     /* until the server has noticed */
		rc = commit(&r, put("a", w.expect++, "1"));
	RC(rc, STORE_UNKNOWN);                                     /* it never comes back */
	w.expect--;
	pthread_t thread;
	struct rig canceller = r;
	assert_int_equal(pthread_create(&thread, NULL, cancel_the_wait, &canceller), 0);
	rc = STORE_DOWN;
	while (rc == STORE_DOWN)                                   /* until it has connected anew */
		rc = commit_as(r.s, 1000, &(struct store_write[]){ put("b", STORE_ABSENT, "1") }[0], 1).rc;
	RC(rc, STORE_UNKNOWN);                                     /* it comes back, with a warning */
	pthread_join(thread, NULL);
	(void)sql(&r, "ALTER SYSTEM RESET synchronous_standby_names");
	(void)sql(&r, "SELECT pg_reload_conf()");
	while (strcmp(sql(&r, "SHOW synchronous_standby_names"), "") != 0)
		(void)poll(NULL, 0, 5);
	OK(commit_as(r.s, r.tokens, &w, 1).rc);
	assert_int_equal(ver_of(&r, "a"), w.expect + 1);
	end_on_own(&r, &s);
}

static void a_service_that_knows_no_timelines_is_used_all_the_same_and_again_after_a_loss(void **state)
{
	struct rig r;
	struct server s;
	struct store_info info = { 0 };
	(void)state;
	begin_on_own(&r, &s, "allow_system_table_mods=on");
	(void)sql(&r, "ALTER FUNCTION pg_catalog.pg_walfile_name(pg_lsn) RENAME TO unknown_here");
	r.s = open_ok(&r);
	store_info(r.s, &info);
	assert_int_equal(info.history, 0);
	OK(commit(&r, put("a", STORE_ABSENT, "1")));
	end_sessions(&r);
	OK(commit(&r, put("a", 1, "2")));
	assert_int_equal(ver_of(&r, "a"), 2);
	(void)sql(&r, "ALTER FUNCTION pg_catalog.unknown_here(pg_lsn) RENAME TO pg_walfile_name");
	end_on_own(&r, &s);
}

static void a_server_that_is_not_there_is_told_with_the_cure(void **state)
{
	struct rig *r = *state;
	struct store *s = NULL;
	buf_clear(&r->url);
	buf_add(&r->url, S("postgresql://tocsin@127.0.0.1:1/postgres"));
	RC(try_open(r, &s), STORE_DOWN);
	assert_non_null(strstr(r->why.p, "127.0.0.1:1"));
	assert_non_null(strstr(r->why.p, "check that it runs"));
	buf_clear(&r->url);
	buf_add(&r->url, S("postgresql://[nonsense"));
	RC(try_open(r, &s), STORE_DOWN);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(migrations_go_down_and_up_and_keep_the_documents), T(migrating_makes_a_store_that_is_not_there),
		T(a_layout_that_was_changed_is_named), T(a_newer_schema_is_used_if_it_lets_us), T(a_program_with_fewer_kinds_works_beside_one_with_more),
		T(replicas_that_start_together_make_the_schema_once), T(names_that_are_no_plain_word_are_refused),
		T(the_views_answer_people_who_write_sql), T(a_nul_in_an_alert_does_not_blind_the_views),
		    T(numbers_beyond_postgresql_do_not_blind_the_views), T(views_of_older_programs_are_made_again_in_place), T(the_views_have_a_column_for_each_field),
		T(two_replicas_that_cross_each_other_never_deadlock), T(checking_that_nobody_is_there_prevents_write_skew),
		T(a_document_made_and_deleted_in_one_group_leaves_nothing), T(a_group_whose_locks_alternate_is_locked_at_once),
		T(errors_of_the_server_mean_what_the_contract_says), T(a_lock_that_somebody_keeps_is_busy),
		T(what_is_not_as_it_was_written_is_corrupt), T(sessions_that_were_ended_are_made_anew),
		T(a_commit_whose_answer_is_lost_is_found_out), T(a_commit_that_never_arrived_is_made_again_once),
		T(a_network_that_swallows_everything_costs_one_call_its_deadline), T(a_service_that_knows_no_timelines_is_used_all_the_same_and_again_after_a_loss), T(a_server_that_is_not_there_is_told_with_the_cure),
		cmocka_unit_test(a_server_that_forgets_is_refused), cmocka_unit_test(a_server_that_dies_is_found_again_with_everything),
		cmocka_unit_test(a_commit_that_no_standby_confirms_is_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
