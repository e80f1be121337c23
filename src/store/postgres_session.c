/* postgres_session.c - see postgres_session.h. */
#include "store/postgres_session.h"
#include "store/disk.h"
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* Less than libpq may be told by the URL, more than what it takes unless told. TCP gives up on data that nobody acknowledges in 5 s. */
enum { COPY_CHUNK = 1 << 20, VERSION_MIN = 130000 };

/* For every session. The server gives up before the caller does, so that its verdict still arrives; the last ones keep plans that were
 * made for a small table from reading a large one from end to end. */
static const struct { const char *name, *value; } settings[] = {
	{ "statement_timeout", "4000" },
	{ "lock_timeout", "2000" },
	{ "idle_in_transaction_session_timeout", "10000" },
	{ "client_min_messages", "warning" },
	{ "search_path", "pg_catalog" },
	{ "default_transaction_isolation", "read committed" },
	{ "default_transaction_read_only", "off" },
	{ "default_transaction_deferrable", "off" },
	{ "jit", "off" },
	{ "plan_cache_mode", "force_generic_plan" },
	{ "enable_seqscan", "off" },
	{ "enable_bitmapscan", "off" },
	{ "enable_hashjoin", "off" },
	{ "enable_mergejoin", "off" },
};

/* What must be so for "committed" to mean it. */
static const struct { const char *name, *but_for, *cure; } demands[] = {
	{ "fsync", "on", "it forgets what it committed when the machine stops: set fsync = on in postgresql.conf and restart it" },
	{ "full_page_writes", "on", "a torn page loses what it committed: set full_page_writes = on in postgresql.conf and reload it" },
	{ "synchronous_commit", "on remote_apply", "it says committed before it is: let this role set synchronous_commit = on" },
};

/* What an error means. The first that fits; the class alone may be named. */
static const struct { const char *state; enum store_rc rc; } meanings[] = {
	{ "40001", STORE_BUSY }, { "40P01", STORE_BUSY }, { "55P03", STORE_BUSY }, { "57014", STORE_BUSY },
	{ "53300", STORE_BUSY }, { "57P01", STORE_BUSY }, { "57P02", STORE_BUSY }, { "57P03", STORE_BUSY }, { "25P03", STORE_BUSY },
	{ "53100", STORE_FULL }, { "53200", STORE_FULL },
	{ "XX001", STORE_CORRUPT }, { "XX002", STORE_CORRUPT },
};

enum store_rc session_meaning(const struct session *s)
{
	for (size_t i = 0; i < COUNT(meanings); i++)
		if (strcmp(s->state, meanings[i].state) == 0)
			return meanings[i].rc;
	return STORE_DOWN;
}

bool session_is(const struct session *s, const char *state)
{
	return strcmp(s->state, state) == 0;
}

static void note_text(struct session *s, const char *text)
{
	struct str t = str_trim(str_c(text));
	if (t.n >= sizeof s->text)
		t.n = sizeof s->text - 1;
	memcpy(s->text, t.p ? t.p : "", t.n);
	s->text[t.n] = '\0';
}

static bool lose(struct session *s, const char *text)
{
	if (!s->is_lost && s->state[0] == '\0')
		note_text(s, text);
	s->is_lost = true;
	return false;
}

/* The first error is the cause of those after it. */
static bool note_error(struct session *s, const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	if (s->state[0] == '\0' && state && strlen(state) < sizeof s->state) {
		memcpy(s->state, state, strlen(state) + 1);
		const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
		note_text(s, text ? text : "");
	}
	if (PQstatus(s->pg) == CONNECTION_BAD)
		(void)lose(s, PQresultErrorMessage(r));            /* false either way */
	return false;
}

static void note_notice(void *ctx, const PGresult *r)
{
	const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
	if (severity && strcmp(severity, "WARNING") == 0)
		((struct session *)ctx)->has_warned = true;
}

static bool wait_for(struct session *s, short events)
{
	int n;
	do {
		int64_t left_us = s->until_us - disk_us();
		struct pollfd fd = { .fd = PQsocket(s->pg), .events = events };
		n = left_us <= 0 ? 0 : poll(&fd, 1, (int)(left_us / 1000) + 1);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return true;
	s->is_late = true;
	return lose(s, "no answer in time");
}

/* Until an answer can be taken without blocking; sends what is still to be sent meanwhile. */
static bool wait_answer(struct session *s)
{
	if (s->is_lost)
		return false;
	for (;;) {
		int unsent = PQflush(s->pg);
		if (unsent < 0)
			return lose(s, PQerrorMessage(s->pg));
		if (!PQisBusy(s->pg))
			return true;
		if (!wait_for(s, (short)(POLLIN | (unsent ? POLLOUT : 0))))
			return false;
		if (!PQconsumeInput(s->pg))
			return lose(s, PQerrorMessage(s->pg));
	}
}

static bool wait_sent(struct session *s)
{
	int unsent;
	while ((unsent = PQflush(s->pg)) > 0) {
		if (!wait_for(s, POLLIN | POLLOUT))
			return false;
		if (!PQconsumeInput(s->pg))
			return lose(s, PQerrorMessage(s->pg));
	}
	return unsent == 0 || lose(s, PQerrorMessage(s->pg));
}

/* NULL: there is none, which ends a statement, or the session is lost. */
static PGresult *next_answer(struct session *s)
{
	return wait_answer(s) ? PQgetResult(s->pg) : NULL;
}

static void begin_exchange(struct session *s)
{
	s->state[0] = s->text[0] = '\0';
}

static bool is_good(const PGresult *r)
{
	return PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK;
}

/* The answer of one statement of the pipeline. */
static bool take(struct session *s, PGresult **ret)
{
	PGresult *r = next_answer(s), *end = r ? next_answer(s) : NULL;
	PQclear(end);
	if (r == NULL)
		return lose(s, PQerrorMessage(s->pg));
	bool ok = is_good(r) || note_error(s, r);
	if (ok && ret)
		*ret = r;
	else
		PQclear(r);
	return ok && !s->is_lost;
}

void session_send(struct session *s, enum postgres_query q, const struct args *a)
{
	const char *value[ARGS_MAX];
	int length[ARGS_MAX], format[ARGS_MAX], n = a ? a->n : 0;
	char name[16];
	for (int i = 0; i < n; i++) {
		assert(a->v[i].err == 0);
		value[i] = a->v[i].n ? a->v[i].p : "";
		length[i] = (int)a->v[i].n;
		format[i] = 1;
	}
	(void)snprintf(name, sizeof name, "q%d", (int)q);
	if (!s->is_lost && !PQsendQueryPrepared(s->pg, name, n, value, length, format, 1))
		(void)lose(s, PQerrorMessage(s->pg));              /* session_run says so */
}

bool session_run(struct session *s, PGresult **ret, size_t n)
{
	begin_exchange(s);
	if (ret)
		memset(ret, 0, n * sizeof *ret);
	if (s->is_lost || !PQpipelineSync(s->pg))
		return lose(s, PQerrorMessage(s->pg));
	bool ok = true;
	for (size_t i = 0; i < n && !s->is_lost; i++)
		ok &= take(s, ret ? &ret[i] : NULL);
	PGresult *sync = next_answer(s);
	if (PQresultStatus(sync) != PGRES_PIPELINE_SYNC)
		ok = lose(s, PQerrorMessage(s->pg));
	PQclear(sync);
	for (size_t i = 0; i < n && ret && !ok; i++) {
		PQclear(ret[i]);
		ret[i] = NULL;
	}
	return ok;
}

bool session_one(struct session *s, enum postgres_query q, const struct args *a, PGresult **ret)
{
	session_send(s, q, a);
	return session_run(s, ret, 1);
}

static bool leave_pipeline(struct session *s)
{
	begin_exchange(s);
	return !s->is_lost && (PQexitPipelineMode(s->pg) || lose(s, PQerrorMessage(s->pg)));
}

/* Takes answers until there are no more; of the last with rows, or that counts some, *ret. */
static bool drain(struct session *s, PGresult **ret)
{
	bool ok = true;
	PGresult *r;
	while ((r = next_answer(s)) != NULL) {
		ok = (is_good(r) || note_error(s, r)) && ok;
		if (ret && is_good(r) && (PQntuples(r) > 0 || *PQcmdTuples(r))) {
			PQclear(*ret);
			*ret = r;
		} else {
			PQclear(r);
		}
		if (s->is_lost)
			return false;
	}
	bool is_back = !s->is_lost && (PQenterPipelineMode(s->pg) || lose(s, PQerrorMessage(s->pg)));      /* after a refusal too */
	return ok && is_back;
}

bool session_script(struct session *s, const char *sql, PGresult **ret)
{
	PGresult *last = NULL;
	if (!leave_pipeline(s))
		return false;
	if (!PQsendQuery(s->pg, sql))
		return lose(s, PQerrorMessage(s->pg));
	bool ok = drain(s, &last);
	if (ok && ret)
		*ret = last;
	else
		PQclear(last);
	return ok;
}

static bool send_rows(struct session *s, struct str rows)
{
	for (; rows.n; rows = str_skip(rows, COPY_CHUNK)) {
		int n = rows.n < COPY_CHUNK ? (int)rows.n : COPY_CHUNK;
		if (PQputCopyData(s->pg, rows.p, n) != 1)
			return lose(s, PQerrorMessage(s->pg));
		if (!wait_sent(s))
			return false;
	}
	return PQputCopyEnd(s->pg, NULL) == 1 || lose(s, PQerrorMessage(s->pg));
}

/* Rows arrive in pages of a table at once instead of one by one: of new alerts half as many again a second as by INSERT from arrays. */
bool session_copy(struct session *s, const char *sql, struct str rows, size_t *ret_rows)
{
	PGresult *done = NULL;
	int64_t n = 0;
	if (!leave_pipeline(s))
		return false;
	if (!PQsendQuery(s->pg, sql))
		return lose(s, PQerrorMessage(s->pg));
	PGresult *in = next_answer(s);
	bool is_open = PQresultStatus(in) == PGRES_COPY_IN;
	if (!is_open && in)
		(void)note_error(s, in);                           /* false either way */
	PQclear(in);
	if (is_open && !send_rows(s, rows))
		return false;
	bool ok = drain(s, &done) && is_open && str_int(str_c(PQcmdTuples(done)), &n);
	PQclear(done);
	if (ok)
		*ret_rows = (size_t)n;
	return ok;
}

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	PQfinish(s->pg);
	free(s);
}

/* Earlier words give way to the URL's, later ones override them. */
static PGconn *connect_to(const struct postgres_target *t)
{
	const char *word[] = { "application_name", "connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "dbname",
		"client_encoding", "tcp_user_timeout", "target_session_attrs", *t->password ? "password" : NULL, NULL };
	const char *value[] = { "tocsin", "3", "10", "3", "3", t->url, "UTF8", "5000", "read-write", t->password, NULL };
	static_assert(COUNT(word) == COUNT(value), "a word, a value");
	return PQconnectdbParams(word, value, 1);
}

static bool set_all(struct session *s)
{
	struct buf sql = BUF(4096);
	buf_add(&sql, S("SELECT pg_catalog.set_config('synchronous_commit',"
	    "CASE pg_catalog.current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END,false)"));
	for (size_t i = 0; i < COUNT(settings); i++)
		buf_fmt(&sql, ",pg_catalog.set_config('%s','%s',false)", settings[i].name, settings[i].value);
	bool ok = session_script(s, sql.p, NULL);
	buf_free(&sql);
	return ok;
}

/* The facts in the order of `demands`, then those after them. */
enum { FACT_RECOVERY = COUNT(demands), FACT_NUMBER, FACT_VERSION, FACT_QUORUM, FACT_BEGAN };
static const char *const facts =
	"SELECT current_setting('fsync'),current_setting('full_page_writes'),current_setting('synchronous_commit'),"
	"pg_is_in_recovery()::int,current_setting('server_version_num'),split_part(current_setting('server_version'),' ',1),"
	"(current_setting('synchronous_standby_names')~*'^\\s*any\\s')::int,floor(extract(epoch FROM pg_postmaster_start_time())*1000)::bigint";

static enum store_rc judge_server(struct session *s, const PGresult *r, struct buf *why)
{
	int64_t number = 0, began = 0;
	for (int i = 0; i < (int)COUNT(demands); i++)
		if (strstr(demands[i].but_for, PQgetvalue(r, 0, i)) == NULL) {
			buf_fmt(why, "has %s = %s: %s", demands[i].name, PQgetvalue(r, 0, i), demands[i].cure);
			return STORE_INVAL;
		}
	if (strcmp(PQgetvalue(r, 0, FACT_RECOVERY), "0") != 0) {
		buf_fmt(why, "is a standby, where nothing can be written: connect to the primary, or name all of them in the URL");
		return STORE_DOWN;
	}
	if (!str_int(str_c(PQgetvalue(r, 0, FACT_NUMBER)), &number) || number < VERSION_MIN) {
		buf_fmt(why, "is PostgreSQL %s: version %d or later is needed", PQgetvalue(r, 0, FACT_VERSION), VERSION_MIN / 10000);
		return STORE_INVAL;
	}
	(void)snprintf(s->version, sizeof s->version, "%s", PQgetvalue(r, 0, FACT_VERSION));
	s->has_quorum = strcmp(PQgetvalue(r, 0, FACT_QUORUM), "1") == 0;
	s->server_began = str_int(str_c(PQgetvalue(r, 0, FACT_BEGAN)), &began) ? began : 0;
	return STORE_OK;
}

/* Services that keep their log elsewhere may not know these functions: then nothing is said of it. */
static void ask_timeline(struct session *s)
{
	PGresult *r = NULL;
	int64_t n = 0;
	bool ok = session_script(s, "SELECT ('x'||left(pg_walfile_name(pg_current_wal_lsn()),8))::bit(32)::bigint", &r);
	s->timeline = ok && str_int(str_c(PQgetvalue(r, 0, 0)), &n) && n > 0 ? (uint64_t)n : 0;
	if (!s->is_lost)
		s->state[0] = s->text[0] = '\0';
	PQclear(r);
}

static enum store_rc set_up(struct session *s, struct buf *why)
{
	PGresult *r = NULL;
	if (PQstatus(s->pg) != CONNECTION_OK) {
		struct str text = str_trim(str_c(PQerrorMessage(s->pg)));
		buf_fmt(why, "cannot be reached: %.*s; check that it runs, storage.url, and who may connect", STR_ARG(text));
		return STORE_DOWN;
	}
	PQsetNoticeReceiver(s->pg, note_notice, s);
	if (PQsetnonblocking(s->pg, 1) != 0 || !PQenterPipelineMode(s->pg) || !set_all(s) || !session_script(s, facts, &r)) {
		buf_fmt(why, "does not let itself be set up: %s; check its log and this role's rights", s->text);
		return session_meaning(s);
	}
	enum store_rc rc = judge_server(s, r, why);
	PQclear(r);
	if (rc == STORE_OK)
		ask_timeline(s);
	return rc;
}

enum store_rc session_new(const struct postgres_target *t, int64_t until_us, struct session **ret, struct buf *why)
{
	struct session *s = xmalloc(sizeof *s);
	*s = (struct session){ .pg = connect_to(t), .until_us = until_us };
	const char *host = PQhost(s->pg), *port = PQport(s->pg), *db = PQdb(s->pg);
	buf_fmt(why, "PostgreSQL %s:%s/%s ", host && *host ? host : "?", port && *port ? port : "?", db ? db : "");
	enum store_rc rc = set_up(s, why);
	if (rc == STORE_OK) {
		buf_clear(why);
		*ret = s;
	} else {
		session_free(s);
	}
	return rc;
}

bool session_prepare(struct session *s, const char *schema)
{
	struct buf sql = BUF(4096);
	char name[16];
	for (size_t q = 0; q < PG_QUERIES && !s->is_lost; q++) {
		buf_clear(&sql);
		postgres_text(&sql, postgres_query[q], schema);
		(void)snprintf(name, sizeof name, "q%zu", q);
		if (!PQsendPrepare(s->pg, name, sql.p, 0, NULL))
			(void)lose(s, PQerrorMessage(s->pg));      /* session_run says so */
	}
	buf_free(&sql);
	return session_run(s, NULL, PG_QUERIES);
}
