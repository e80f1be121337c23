/* postgres_schema.c - the schema: numbered steps up and down, each one transaction under a lock, so that replicas that start together make it once.
 *
 * The store carries its schema's number and the number of the oldest program that may still write it. A program accepts a newer schema
 * that accepts it, so two versions work side by side while one is rolled out; it checks again in every commit. Kinds may be more than this program knows:
 * it never asks for those.
 */
#include "store/postgres_inside.h"
#include "base/digest.h"
#include "store/disk.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* SLOW_US: an index on a large table takes its time. */
#define SLOW_US INT64_C(900000000)

struct plan { struct session *s; const char *schema; const struct store_options *o; struct buf *why; };

/* Fixed-width columns first, so that nothing is lost to alignment. A row that changes finds room in its page (fillfactor). A due, an expiry or a key that is
 * missing is in no index. Rows above two kilobytes are compressed by lz4, or not at all where the server was built without: of 10 KB bodies
 * a row took 258 us of the server's time with its own pglz, 42 with lz4 inside the table (MAIN), 63 with lz4 beside it, 43 uncompressed with half as much log again. */
static const char *const tables =
	"CREATE TABLE @.meta(name text PRIMARY KEY,value bigint NOT NULL);"
	"CREATE TABLE @.doc(kind smallint NOT NULL,shard smallint NOT NULL,crc int NOT NULL,ver bigint NOT NULL,due bigint,expire bigint,"
	"token uuid NOT NULL,id bytea NOT NULL,idx0 bytea,idx1 bytea,idx2 bytea,idx3 bytea,body bytea NOT NULL,PRIMARY KEY(kind,id))"
	" WITH(fillfactor=70,autovacuum_vacuum_scale_factor=0.02,autovacuum_analyze_scale_factor=0.02);"
	"DO $$ BEGIN EXECUTE 'ALTER TABLE @.doc ALTER body SET STORAGE MAIN,ALTER body SET COMPRESSION lz4';"
	" EXCEPTION WHEN feature_not_supported OR syntax_error THEN ALTER TABLE @.doc ALTER body SET STORAGE EXTERNAL; END $$;"
	"CREATE INDEX doc_due ON @.doc(kind,due,id) WHERE due IS NOT NULL;"
	"CREATE INDEX doc_expire ON @.doc(kind,expire,id) WHERE expire IS NOT NULL AND due IS NULL;"
	"CREATE INDEX doc_idx0 ON @.doc(kind,idx0,id) WHERE idx0 IS NOT NULL;"
	"CREATE INDEX doc_idx1 ON @.doc(kind,idx1,id) WHERE idx1 IS NOT NULL;"
	"CREATE INDEX doc_idx2 ON @.doc(kind,idx2,id) WHERE idx2 IS NOT NULL;"
	"CREATE INDEX doc_idx3 ON @.doc(kind,idx3,id) WHERE idx3 IS NOT NULL;";

static void tables_up(const struct plan *p, struct buf *sql)
{
	postgres_text(sql, tables, p->schema);
	buf_fmt(sql, "INSERT INTO \"%s\".meta VALUES('schema',0),('least',0),('shards',%u),('kinds',0),('probe',0);", p->schema,
	    p->o->shards ? p->o->shards : 16);
}

static void kinds_up(const struct plan *p, struct buf *sql)
{
	views_up(sql, p->schema, p->o->kinds, p->o->n_kinds);
	buf_fmt(sql, "UPDATE \"%s\".meta SET value=%zu WHERE name='kinds';", p->schema, p->o->n_kinds);
}

static void kinds_down(const struct plan *p, struct buf *sql)
{
	views_down(sql, p->schema, p->o->kinds, p->o->n_kinds);
	buf_fmt(sql, "UPDATE \"%s\".meta SET value=0 WHERE name='kinds';", p->schema);
}

/* Step n leads from schema n - 1 to n and back. least: the oldest program that may write the result. The first has no way back: nothing takes
 * everybody's documents away. 3 makes the views again, which an older program made of jsonb alone; their columns are the same, so what people
 * have built on them stays, on both ways. */
static const struct step { int least; void (*up)(const struct plan *, struct buf *), (*down)(const struct plan *, struct buf *); } steps[] = {
	[1] = { 1, tables_up, NULL },
	[2] = { 1, kinds_up, kinds_down },
	[3] = { 1, kinds_up, kinds_up },
};
static_assert(COUNT(steps) == POSTGRES_SCHEMA + 1, "the newest schema is the last step's");

/* What failed, for people, and what it means. */
static enum store_rc say(const struct plan *p, const char *what)
{
	const struct session *s = p->s;
	enum store_rc rc = s->is_lost ? STORE_DOWN : session_meaning(s);
	buf_fmt(p->why, "PostgreSQL schema \"%s\": cannot %s: %s; %s", p->schema, what, s->text,
	    rc == STORE_BUSY ? "another program is changing it: try again when that is done" :
	    "check this role's rights (CREATE on the database, or on a schema made for it)");
	return rc;
}

/* Runs SQL with the schema's name for each @, quoted, and for each #, plain; false: the session says why. What is there is asked of the catalog's
 * tables, never of to_regclass and its like: those answer from a cache that may be older than the lock we just waited for. */
static bool ask_text(const struct plan *p, const char *text, PGresult **ret)
{
	struct buf sql = BUF(64 << 10), quoted = BUF(64 << 10);
	for (const char *t = text; *t; t++)
		if (*t == '#')
			buf_add(&sql, str_c(p->schema));
		else
			buf_char(&sql, *t);
	postgres_text(&quoted, sql.p, p->schema);
	bool ok = session_script(p->s, quoted.p, ret);
	buf_free(&sql);
	buf_free(&quoted);
	return ok;
}

static bool ask_bool(const struct plan *p, const char *text, bool *ret)
{
	PGresult *r = NULL;
	if (!ask_text(p, text, &r))
		return false;
	*ret = strcmp(PQgetvalue(r, 0, 0), "t") == 0;
	PQclear(r);
	return true;
}

static void take_state(const PGresult *r, struct postgres_state *ret)
{
	const struct { const char *name; int64_t *value; } known[] = { { "schema", &ret->schema }, { "least", &ret->least },
		{ "shards", &ret->shards }, { "kinds", &ret->kinds } };
	for (int row = 0; row < PQntuples(r); row++)
		for (size_t i = 0; i < COUNT(known); i++)
			if (strcmp(PQgetvalue(r, row, 0), known[i].name) == 0)
				(void)str_int(str_c(PQgetvalue(r, row, 1)), known[i].value);     /* a bigint is one */
}

/* All zero: there is none. */
static bool read_state(const struct plan *p, struct postgres_state *ret)
{
	bool is_there = false;
	PGresult *r = NULL;
	*ret = (struct postgres_state){ 0 };
	if (!ask_bool(p, "SELECT EXISTS(SELECT FROM pg_class c JOIN pg_namespace n ON n.oid=c.relnamespace WHERE n.nspname='#' AND c.relname='meta')",
	    &is_there))
		return false;
	if (!is_there)
		return true;
	if (!ask_text(p, "SELECT name,value FROM @.meta", &r))
		return false;
	take_state(r, ret);
	PQclear(r);
	return true;
}

/* Begins a transaction that holds the lock of this schema until its end. */
static bool lock(const struct plan *p)
{
	struct buf sql = BUF(4096);
	p->s->until_us = disk_us() + SLOW_US;
	buf_fmt(&sql, "BEGIN;SET LOCAL lock_timeout=60000;SET LOCAL statement_timeout=%lld;SET LOCAL idle_in_transaction_session_timeout=0;"
	    "SELECT pg_advisory_xact_lock(%d,%d)", (long long)(SLOW_US / 1000), 0x746f6373,
	    (int32_t)crc32c(0, p->schema, strlen(p->schema)));
	bool ok = session_script(p->s, sql.p, NULL);
	buf_free(&sql);
	return ok;
}

static bool end(const struct plan *p, bool ok)
{
	char state[sizeof p->s->state], text[sizeof p->s->text];   /* of what went wrong, not of the rollback */
	memcpy(state, p->s->state, sizeof state);
	memcpy(text, p->s->text, sizeof text);
	bool has_ended = session_script(p->s, ok ? "COMMIT" : "ROLLBACK", NULL);
	if (!ok) {
		memcpy(p->s->state, state, sizeof state);
		memcpy(p->s->text, text, sizeof text);
	}
	return ok && has_ended;
}

static bool make_schema(const struct plan *p)
{
	bool is_there = false;
	return ask_bool(p, "SELECT EXISTS(SELECT FROM pg_namespace WHERE nspname='#')", &is_there) &&
	    (is_there || ask_text(p, "CREATE SCHEMA @", NULL));
}

/* One step from `have` toward `to`, in the transaction that lock began. */
static bool take_step(const struct plan *p, int have, int to)
{
	bool is_up = have < to;
	int then = is_up ? have + 1 : have - 1;
	struct buf sql = BUF(256 << 10);
	if (have == 0 && !make_schema(p))
		return false;
	(is_up ? steps[then].up : steps[have].down)(p, &sql);
	buf_fmt(&sql, "UPDATE \"%s\".meta SET value=%d WHERE name='schema';UPDATE \"%s\".meta SET value=%d WHERE name='least'", p->schema, then,
	    p->schema, steps[then].least);
	bool ok = sql.err == 0 && session_script(p->s, sql.p, NULL);
	buf_free(&sql);
	return ok;
}

/* Up only, when somebody may have gone further meanwhile. */
static enum store_rc move(const struct plan *p, int to, bool is_up_only)
{
	for (;;) {
		struct postgres_state now;
		bool ok = lock(p) && read_state(p, &now);
		bool is_there = ok && (now.schema == to || (is_up_only && now.schema > to));
		if (ok && now.schema > POSTGRES_SCHEMA && !is_there) {
			buf_fmt(p->why, "PostgreSQL schema \"%s\": is at %lld, this program knows the way from %d at most; use a newer one", p->schema,
			    (long long)now.schema, POSTGRES_SCHEMA);
			(void)end(p, false);                       /* nothing was changed */
			return STORE_FENCED;
		}
		ok = end(p, ok && (is_there || take_step(p, (int)now.schema, to)));
		if (!ok)
			return say(p, "change it");
		if (is_there)
			return STORE_OK;
	}
}

/* A program with more kinds has come: they get views too. */
static enum store_rc add_kinds(const struct plan *p)
{
	struct postgres_state now;
	struct buf sql = BUF(256 << 10);
	bool ok = lock(p) && read_state(p, &now);
	if (ok && now.schema == POSTGRES_SCHEMA && now.kinds < (int64_t)p->o->n_kinds) {
		kinds_up(p, &sql);
		ok = session_script(p->s, sql.p, NULL);
	}
	buf_free(&sql);
	return end(p, ok) ? STORE_OK : say(p, "make its views");
}

static bool is_power_of_two(int64_t n)
{
	return n >= 1 && n <= STORE_SHARDS_MAX && (n & (n - 1)) == 0;
}

enum store_rc schema_enter(struct session *s, const char *schema, const struct store_options *o, struct postgres_state *ret, struct buf *why)
{
	const struct plan p = { s, schema, o, why };
	enum store_rc rc = read_state(&p, ret) ? STORE_OK : say(&p, "read it");
	if (rc == STORE_OK && ret->schema < POSTGRES_SCHEMA)
		rc = move(&p, POSTGRES_SCHEMA, true);
	if (rc == STORE_OK && ret->schema <= POSTGRES_SCHEMA && ret->kinds < (int64_t)o->n_kinds)
		rc = add_kinds(&p);
	if (rc == STORE_OK && !read_state(&p, ret))
		rc = say(&p, "read it");
	if (rc == STORE_OK && ret->least > POSTGRES_SCHEMA) {
		buf_fmt(why, "PostgreSQL schema \"%s\": is at %lld and asks for a program that knows %lld, this one knows %d; start that version", schema,
		    (long long)ret->schema, (long long)ret->least, POSTGRES_SCHEMA);
		return STORE_FENCED;
	}
	if (rc == STORE_OK && !is_power_of_two(ret->shards)) {
		buf_fmt(why, "PostgreSQL schema \"%s\": its table meta says that it has %lld shards, which cannot be; restore it from a backup", schema,
		    (long long)ret->shards);
		return STORE_CORRUPT;
	}
	return rc;
}

enum store_rc schema_target(const struct store_options *o, struct postgres_target *ret, struct buf *why)
{
	struct str name = o->table.n ? o->table : S("tocsin");
	char *schema = xstrndup(name);
	size_t plain = strspn(schema, "abcdefghijklmnopqrstuvwxyz_0123456789");
	if (plain != name.n || name.n > 63 || (*schema >= '0' && *schema <= '9') || strncmp(schema, "pg_", 3) == 0) {
		buf_fmt(why, "\"%.*s\" cannot be the name of the schema: up to 63 lower case letters, digits and underscores, no digit and no pg_ in "
		    "front", STR_ARG(name));
		free(schema);
		return STORE_INVAL;
	}
	*ret = (struct postgres_target){ xstrndup(o->path), xstrndup(o->password), schema };
	return STORE_OK;
}

void schema_target_free(struct postgres_target *t)
{
	free(t->url);
	free(t->password);
	free(t->schema);
}

/* Name and columns of what has to be there, as pg_get_indexdef tells them; a table of documents tells its own. */
static const char *const layout = "('meta',''),('doc',''),('doc_pkey','(kind, id)'),('doc_due','(kind, due, id) WHERE (due IS NOT NULL)'),"
	"('doc_expire','(kind, expire, id) WHERE ((expire IS NOT NULL) AND (due IS NULL))'),"
	"('doc_idx0','(kind, idx0, id) WHERE (idx0 IS NOT NULL)'),('doc_idx1','(kind, idx1, id) WHERE (idx1 IS NOT NULL)'),"
	"('doc_idx2','(kind, idx2, id) WHERE (idx2 IS NOT NULL)'),('doc_idx3','(kind, idx3, id) WHERE (idx3 IS NOT NULL)')";
static const char *const columns = "kind smallint,shard smallint,crc integer,ver bigint,due bigint,expire bigint,token uuid,id bytea,"
	"idx0 bytea,idx1 bytea,idx2 bytea,idx3 bytea,body bytea";

/* Whether the schema is laid out as its number says. What else people put there is theirs. */
static enum store_rc check_layout(const struct plan *p, const struct postgres_state *now)
{
	struct buf sql = BUF(64 << 10);
	PGresult *r = NULL;
	buf_fmt(&sql, "SELECT string_agg(w.name,', ') FROM (VALUES %s", layout);
	if (now->schema >= 2)
		views_names(&sql, p->o->kinds, now->kinds < (int64_t)p->o->n_kinds ? (size_t)now->kinds : p->o->n_kinds);
	buf_fmt(&sql, ") w(name,columns) WHERE NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid=c.relnamespace "
	    "LEFT JOIN pg_index i ON i.indexrelid=c.oid WHERE n.nspname='#' AND c.relname=w.name AND coalesce(i.indisvalid,true) "
	    "AND (w.columns='' OR pg_get_indexdef(c.oid) LIKE '%%'||w.columns) AND (w.name<>'doc' OR starts_with((SELECT string_agg("
	    "a.attname||' '||format_type(a.atttypid,a.atttypmod),',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid=c.oid AND a.attnum>0 "
	    "AND NOT a.attisdropped),'%s'))) HAVING count(*)>0", columns);
	bool ok = ask_text(p, sql.p, &r);
	buf_free(&sql);
	if (!ok)
		return say(p, "compare its layout");
	bool is_odd = PQntuples(r) > 0;
	if (is_odd)
		buf_fmt(p->why, "PostgreSQL schema \"%s\": is not laid out as schema %lld says: missing or changed: %s; views come back with `tocsin migrate to 1` "
		    "and `up`, for anything else restore a backup", p->schema, (long long)now->schema, PQgetvalue(r, 0, 0));
	PQclear(r);
	return is_odd ? STORE_CORRUPT : STORE_OK;
}

static enum store_rc look(const struct plan *p, struct postgres_state *ret)
{
	if (!read_state(p, ret))
		return say(p, "read it");
	return ret->schema > 0 ? check_layout(p, ret) : STORE_OK;
}

enum store_rc postgres_schema(const struct store_options *o, struct store_schema *ret, struct buf *why)
{
	struct postgres_target t;
	struct postgres_state now = { 0 };
	struct session *s = NULL;
	enum store_rc rc = schema_target(o, &t, why);
	if (rc != STORE_OK)
		return rc;
	rc = session_new(&t, disk_us() + CALL_US, &s, why);
	if (rc == STORE_OK)
		rc = look(&(struct plan){ s, t.schema, o, why }, &now);
	if (rc == STORE_OK || rc == STORE_CORRUPT)
		*ret = (struct store_schema){ (int)now.schema, now.schema ? (int)now.least : steps[POSTGRES_SCHEMA].least, POSTGRES_SCHEMA };
	session_free(s);
	schema_target_free(&t);
	return rc;
}

enum store_rc postgres_migrate(const struct store_options *o, int to, struct buf *why)
{
	struct postgres_target t;
	struct session *s = NULL;
	if (to < 1 || to > POSTGRES_SCHEMA) {
		buf_fmt(why, "this store has the schemas 1 to %d: there is no %d to move to", POSTGRES_SCHEMA, to);
		return STORE_INVAL;
	}
	enum store_rc rc = schema_target(o, &t, why);
	if (rc != STORE_OK)
		return rc;
	rc = session_new(&t, disk_us() + CALL_US, &s, why);
	if (rc == STORE_OK)
		rc = move(&(struct plan){ s, t.schema, o, why }, to, false);
	session_free(s);
	schema_target_free(&t);
	return rc;
}
