/* sqlite_schema.c - the layout of the file: whose it is, which schema it has, the steps from one schema to the next and back.
 *
 *	1   a table for each kind with its indices, and the table tocsin of names and numbers: schema, least, at, probe, kinds
 *	2   views incidents, timeline and pages, for people who open the file with a shell
 *
 * A file of an older schema is moved up when it is opened. Each step is one transaction with the number that it makes. `least` is the oldest
 * schema whose program may still write the file: a step that only adds leaves it alone, so the version before goes on working with the file;
 * one of a newer program is opened as long as its `least` is not above ours.
 */
#include "store/sqlite_inside.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NEWEST = 2, APPLICATION_ID = 0x746f6373 };

static const char *const table_text =
	"CREATE TABLE IF NOT EXISTS \"@\"(n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ver INTEGER NOT NULL, token BLOB NOT NULL,"
	" due INTEGER, expire INTEGER, idx0 TEXT, idx1 TEXT, idx2 TEXT, idx3 TEXT, body TEXT NOT NULL);"
	"CREATE INDEX IF NOT EXISTS \"@_due\" ON \"@\"(due) WHERE due IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS \"@_expire\" ON \"@\"(expire) WHERE expire IS NOT NULL AND due IS NULL;"
	"CREATE INDEX IF NOT EXISTS \"@_idx0\" ON \"@\"(idx0) WHERE idx0 IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS \"@_idx1\" ON \"@\"(idx1) WHERE idx1 IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS \"@_idx2\" ON \"@\"(idx2) WHERE idx2 IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS \"@_idx3\" ON \"@\"(idx3) WHERE idx3 IS NOT NULL;";

/* Documents leave out what is empty, the first word of an enum too: the views say it again. They only read, so a store that has other kinds
 * does without them. */
#define GET(name) "json_extract(body,'$." #name "') AS \"" #name "\""
#define WORD(name, first) "coalesce(json_extract(body,'$." #name "'),'" first "') AS \"" #name "\""
#define COUNTED(name) "coalesce(json_extract(body,'$." #name "'),0) AS \"" #name "\""
#define VIEWS_UP \
	"CREATE VIEW incidents AS SELECT id," GET(number) "," WORD(status, "detected") "," GET(severity) "," GET(service) "," GET(title) "," \
	GET(source) "," GET(dedup_key) "," COUNTED(alert_count) "," COUNTED(level) "," COUNTED(round) "," GET(detected_at) "," \
	GET(acknowledged_at) "," GET(acknowledged_by) "," GET(resolved_at) "," GET(resolved_by) "," GET(root_cause) ",ver AS version FROM incident;" \
	"CREATE VIEW timeline AS SELECT substr(id,1,36) AS incident,CAST(substr(id,38) AS INTEGER) AS sequence," GET(at) "," \
	WORD(type, "detected") "," GET(actor) "," GET(via) "," WORD(before, "detected") "," WORD(after, "detected") "," COUNTED(round) "," \
	COUNTED(level) "," GET(text) " FROM entry;" \
	"CREATE VIEW pages AS SELECT id," GET(incident) "," COUNTED(round) "," COUNTED(level) "," GET(target) "," GET(channel) "," GET(address) "," \
	WORD(status, "owed") "," COUNTED(attempt) "," GET(owed_at) "," GET(ended_at) "," GET(reason) " FROM page;"

/* What leads from the schema before to this one. needs: only in a store that has this kind. */
static const struct step { const char *needs, *up, *down; int least; } steps[] = {
	[2] = { "incident", VIEWS_UP, "DROP VIEW IF EXISTS incidents; DROP VIEW IF EXISTS timeline; DROP VIEW IF EXISTS pages;", 1 },
};

static bool has_kind(const struct sqlite *q, const char *name)
{
	for (size_t i = 0; name && i < q->n_kinds; i++)
		if (strcmp(q->kinds[i].name, name) == 0)
			return true;
	return name == NULL;
}

/* Tables of the first n kinds. */
static void tables_text(const struct sqlite *q, size_t n, struct buf *sql)
{
	for (size_t i = 0; i < n; i++)
		for (const char *t = table_text; *t; t++)
			if (*t == '@')
				buf_add(sql, str_c(q->kinds[i].name));
			else
				buf_char(sql, *t);
}

static void step_text(const struct sqlite *q, int from, int to, struct buf *sql)
{
	const struct step *s = &steps[to > from ? to : from];
	if (has_kind(q, s->needs))
		buf_add(sql, str_c(to > from ? s->up : s->down));
	int least = to > 1 ? steps[to].least : 1;
	buf_fmt(sql, "UPDATE tocsin SET value=%d WHERE name='schema'; INSERT OR REPLACE INTO tocsin VALUES('least',%d);", to, least);
}

/* What stands in the file. A new one has schema 0. */
struct standing { int64_t schema, least, kinds; };

static int read_standing(struct conn *c, struct standing *ret)
{
	int64_t tables = 0;
	*ret = (struct standing){ .least = 1 };
	int rc = conn_int(c, "SELECT count(*) FROM sqlite_schema", &tables);
	if (rc != SQLITE_OK || tables == 0)
		return rc;
	rc = conn_int(c, "SELECT value FROM tocsin WHERE name='schema'", &ret->schema);
	if (rc == SQLITE_OK)
		rc = conn_int(c, "SELECT value FROM tocsin WHERE name='kinds'", &ret->kinds);
	int least = rc == SQLITE_OK ? conn_int(c, "SELECT value FROM tocsin WHERE name='least'", &ret->least) : SQLITE_OK;
	return least == SQLITE_NOTFOUND ? rc : rc ? rc : least;    /* the first schema had none of these */
}

/* Whose file this is, and of which version. */
static enum store_rc check_owner(struct sqlite *q, struct standing *ret, struct buf *why)
{
	int64_t tables = 0, application = 0;
	int rc = conn_int(&q->writer, "SELECT count(*) FROM sqlite_schema", &tables);
	if (rc == SQLITE_OK)
		rc = conn_int(&q->writer, "PRAGMA application_id", &application);
	if (rc != SQLITE_OK)
		return sqlite_say(q, rc, "cannot read it", why);
	if (tables > 0 && application != APPLICATION_ID) {
		buf_fmt(why, "%s: is a database of another program; give tocsin a file of its own", q->path);
		return STORE_CORRUPT;
	}
	rc = read_standing(&q->writer, ret);
	if (rc != SQLITE_OK)
		return sqlite_say(q, rc, "cannot read its version", why);
	if (ret->least <= NEWEST && ret->kinds <= (int64_t)q->n_kinds)
		return STORE_OK;
	buf_fmt(why, "%s: written by a newer version of tocsin (schema %lld with %lld kinds, this one knows %d with %zu); "
	    "start that version", q->path, (long long)ret->schema, (long long)ret->kinds, NEWEST, q->n_kinds);
	return STORE_FENCED;
}

/* A file that is empty becomes one of the first schema, and any file gets the tables of kinds that it lacks. */
static int make_tables(struct sqlite *q)
{
	struct buf sql = BUF(64 << 10);
	buf_fmt(&sql, "BEGIN IMMEDIATE; PRAGMA application_id=%d;"
	    "CREATE TABLE IF NOT EXISTS tocsin(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	    "INSERT OR IGNORE INTO tocsin VALUES('schema',1),('least',1),('at',0),('probe',0),('kinds',0);"
	    "UPDATE tocsin SET value=%zu WHERE name='kinds';", APPLICATION_ID, q->n_kinds);
	tables_text(q, q->n_kinds, &sql);
	buf_add(&sql, S("COMMIT;"));
	assert(sql.err == 0);
	int rc = conn_exec(&q->writer, sql.p);
	buf_free(&sql);
	return rc;
}

static int take_step(struct sqlite *q, int from, int to)
{
	struct buf sql = BUF(64 << 10);
	buf_add(&sql, S("BEGIN IMMEDIATE;"));
	step_text(q, from, to, &sql);
	buf_add(&sql, S("COMMIT;"));
	assert(sql.err == 0);
	int rc = conn_exec(&q->writer, sql.p);
	buf_free(&sql);
	return rc;
}

static enum store_rc move(struct sqlite *q, int from, int to, struct buf *why)
{
	int rc = SQLITE_OK;
	while (from != to && rc == SQLITE_OK) {
		int next = to > from ? from + 1 : from - 1;
		rc = take_step(q, from, next);
		from = next;
	}
	enum store_rc said = rc == SQLITE_OK ? STORE_OK : sqlite_say(q, rc, "cannot change its schema", why);
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(q->writer.db))
		(void)conn_exec(&q->writer, "ROLLBACK");           /* after its error is told: SQLite keeps the text of the last call only */
	return said;
}

enum store_rc sqlite_prepare_schema(struct sqlite *q, int64_t *ret_at, struct buf *why)
{
	struct standing s;
	enum store_rc rc = check_owner(q, &s, why);
	if (rc != STORE_OK)
		return rc;
	int code = make_tables(q);
	if (code == SQLITE_OK)
		code = conn_int(&q->writer, "SELECT value FROM tocsin WHERE name='at'", ret_at);
	if (code != SQLITE_OK)
		return sqlite_say(q, code, "cannot prepare its tables", why);
	int have = s.schema > 0 ? (int)s.schema : 1;
	return have < NEWEST ? move(q, have, NEWEST, why) : STORE_OK;
}

/* A reader makes no tables, so all that it may ask for must be there. */
enum store_rc sqlite_check_reader(struct sqlite *q, int64_t *ret_at, struct buf *why)
{
	struct standing s;
	enum store_rc rc = check_owner(q, &s, why);
	if (rc != STORE_OK)
		return rc;
	if (s.schema == 0 || s.kinds < (int64_t)q->n_kinds) {
		buf_fmt(why, "%s: %s; `tocsin migrate up` brings it up to date", q->path,
		    s.schema == 0 ? "has no tables yet" : "was last used by an older version of tocsin, which had fewer kinds of documents");
		return STORE_DOWN;
	}
	int code = conn_int(&q->writer, "SELECT value FROM tocsin WHERE name='at'", ret_at);
	return code == SQLITE_OK ? STORE_OK : sqlite_say(q, code, "cannot read its clock", why);
}

/* What an untouched file of this schema and so many kinds has, made in memory. */
static int make_model(const struct sqlite *q, const struct standing *s, sqlite3 *db)
{
	struct buf sql = BUF(64 << 10);
	buf_add(&sql, S("CREATE TABLE IF NOT EXISTS tocsin(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"));
	tables_text(q, s->kinds < (int64_t)q->n_kinds ? (size_t)s->kinds : q->n_kinds, &sql);
	for (int v = 2; v <= NEWEST && v <= s->schema; v++)
		step_text(q, v - 1, v, &sql);
	int rc = sqlite3_exec(db, sql.p, NULL, NULL, NULL);
	buf_free(&sql);
	return rc;
}

/* Every object of the model must stand in the file, in the same words. What else people put there is theirs. */
static int compare(sqlite3 *model, sqlite3 *file, struct buf *why)
{
	sqlite3_stmt *want = NULL, *have = NULL;
	int rc = sqlite3_prepare_v2(model, "SELECT type,name,sql FROM sqlite_schema WHERE sql IS NOT NULL", -1, &want, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(file, "SELECT count(*) FROM sqlite_schema WHERE type=?1 AND name=?2 AND sql=?3", -1, &have, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(want)) == SQLITE_ROW) {
		for (int i = 0; i < 3; i++)
			sqlite3_bind_value(have, i + 1, sqlite3_column_value(want, i));
		rc = sqlite3_step(have);
		if (rc == SQLITE_ROW && sqlite3_column_int(have, 0) == 0)
			buf_fmt(why, "%s%s %s is missing or changed", why->n ? ", " : "", (const char *)sqlite3_column_text(want, 0),
			    (const char *)sqlite3_column_text(want, 1));
		rc = sqlite3_reset(have);
	}
	sqlite3_finalize(want);
	sqlite3_finalize(have);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static enum store_rc check_layout(struct sqlite *q, const struct standing *s, struct buf *why)
{
	struct buf odd = BUF(64 << 10);
	sqlite3 *model = NULL;
	int rc = sqlite3_open(":memory:", &model);
	if (rc == SQLITE_OK)
		rc = make_model(q, s, model);
	if (rc == SQLITE_OK)
		rc = compare(model, q->writer.db, &odd);
	sqlite3_close(model);
	bool is_odd = odd.n > 0;
	if (is_odd)
		buf_fmt(why, "%s: is not laid out as schema %lld says: %.*s; views come back with `tocsin migrate to 1` and `up`, for "
		    "anything else restore a backup", q->path, (long long)s->schema, STR_ARG(buf_str(&odd)));
	buf_free(&odd);
	return rc != SQLITE_OK ? sqlite_say(q, rc, "cannot compare its layout", why) : is_odd ? STORE_CORRUPT : STORE_OK;
}

/* Reads without taking the file from whoever has it. */
static enum store_rc look(struct sqlite *q, struct standing *ret, struct buf *why)
{
	int rc = sqlite3_open_v2(q->path, &q->writer.db, SQLITE_OPEN_READONLY, NULL);
	if (rc == SQLITE_OK)
		rc = read_standing(&q->writer, ret);
	if (rc == SQLITE_OK)
		return ret->schema > 0 ? check_layout(q, ret, why) : STORE_OK;
	buf_fmt(why, "%s: cannot read its schema: %s; is it tocsin's file?", q->path, sqlite3_errmsg(q->writer.db));
	return STORE_DOWN;
}

enum store_rc sqlite_schema(const struct store_options *o, struct store_schema *ret, struct buf *why)
{
	struct sqlite *q = sqlite_new(o);
	struct standing s = { .least = 1 };
	enum store_rc rc = disk_check_readable(q->path, why);
	if (rc == STORE_OK && access(q->path, F_OK) == 0)
		rc = look(q, &s, why);
	sqlite_close(&q->head);
	*ret = (struct store_schema){ .have = (int)s.schema, .least = (int)s.least, .newest = NEWEST };
	return rc;
}

enum store_rc sqlite_migrate(const struct store_options *o, int to, struct buf *why)
{
	struct standing s;
	if (to < 1 || to > NEWEST) {
		buf_fmt(why, "there is no schema %d for SQLite in this version of tocsin: 1 to %d", to, NEWEST);
		return STORE_INVAL;
	}
	struct sqlite *q = sqlite_new(o);
	enum store_rc rc = sqlite_enter(q, why);
	if (rc == STORE_OK)
		rc = check_owner(q, &s, why);
	if (rc == STORE_OK && s.schema > NEWEST) {
		buf_fmt(why, "%s: has schema %lld, which only a newer version of tocsin can take back", q->path, (long long)s.schema);
		rc = STORE_FENCED;
	}
	if (rc == STORE_OK)
		rc = s.schema == 0 ? STORE_OK : move(q, (int)s.schema, to, why);
	sqlite_close(&q->head);
	return rc;
}
