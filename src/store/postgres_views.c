/* postgres_views.c - the documents as tables, for people who write SQL.
 *
 * Each kind has a view v_KIND with the document as it is. Three kinds have one more, with a column for each member of the JSON; the rows below
 * repeat the names of the field tables (a test holds the two together), because this room does not see the model. A document leaves out what is
 * empty: `otherwise` stands for that. To add a column, add it at the end and make a step of the schema that makes the views again.
 *
 * One document must not be the end of every question to a view, so members are taken from json, which reads no numbers: jsonb refuses those that
 * PostgreSQL's numeric cannot hold, and JSON has no such end. What may hold one (`is_foreign`) is a jsonb string of its text where it might.
 */
#include "store/postgres_inside.h"
#include <string.h>

/* clang-format off */
struct column { const char *name, *type, *otherwise; bool is_foreign; };
#define TEXT(name)        { #name, "text", "''", false }
#define MAYBE(name)       { #name, "text", NULL, false }
#define WORD(name, first) { #name, "text", "'" first "'", false }
#define INT(name)         { #name, "bigint", "0", false }
#define BOOL(name)        { #name, "boolean", "false", false }
#define TIME(name)        { #name, "timestamptz", NULL, false }
#define TREE(name, empty) { #name, "jsonb", empty, false }
#define ANY(name)         { #name, "jsonb", NULL, true }

static const struct column incidents[] = {
	TEXT(id), INT(number), TEXT(title), TEXT(description), INT(severity), WORD(status, "detected"), TEXT(service), TEXT(source),
	TEXT(dedup_key), INT(alert_count), INT(open_alerts), TREE(labels, "'{}'"), TREE(tags, "'[]'"), TREE(links, "'[]'"),
	ANY(details), TEXT(policy), INT(level), INT(round), INT(passes), BOOL(exhausted), TIME(due_at), TIME(detected_at),
	TIME(last_alert_at), TIME(acknowledged_at), MAYBE(acknowledged_by), MAYBE(acknowledged_via), TIME(resolved_at),
	MAYBE(resolved_by), MAYBE(root_cause), TREE(resolution_steps, "'[]'"), INT(entries), INT(reign), INT(own_round),
};
static const struct column timeline[] = {
	TEXT(id), TIME(at), WORD(type, "detected"), TEXT(actor), MAYBE(via), WORD(before, "detected"), WORD(after, "detected"),
	INT(round), INT(level), TEXT(text), TREE(pages, "'[]'"), TEXT(alert),
};
static const struct column pages[] = {
	TEXT(id), TEXT(incident), INT(round), INT(level), TEXT(target), TEXT(channel), MAYBE(address), WORD(status, "owed"),
	INT(attempt), MAYBE(owner), TIME(owed_at), TIME(claimed_at), TIME(retry_at), TIME(ended_at), MAYBE(reason),
};
/* more: columns that are not members of the JSON. */
static const struct { const char *name, *kind; const struct column *column; size_t n; const char *more; } views[] = {
	{ "incidents", "incident", incidents, COUNT(incidents), "v.version" },
	{ "timeline",  "entry",    timeline,  COUNT(timeline),  "split_part(v.id,'/',1) AS incident,split_part(v.id,'/',2)::bigint AS sequence" },
	{ "pages",     "page",     pages,     COUNT(pages),     "v.version" },
};
/* clang-format on */

/* A NUL in a text, which JSON may hold and PostgreSQL's jsonb may not: one alert with it would be the end of every question to the view. The
 * backslash that begins it has none or an even number of others before it. */
#define NUL "(?<!\\\\)((\\\\\\\\)*)\\\\u0000"

#define PLAIN "regexp_replace(convert_from(d.body,'UTF8'),'" NUL "','\\1\\ufffd','g')"

/* A number with an exponent of four digits. What has less fits into numeric, with its 16383 places after the point, as a number has 64 characters
 * at most (base/json.h). What looks so inside a string, with a colon or a comma on either side, costs no more than a tree that is shown as text. */
#define BEYOND "(^|[:,[])\\s*-?[0-9]+([.][0-9]+)?[eE][+-]?[0-9]{4,}\\s*([],}]|$)"

/* `text`, an expression of SQL, as jsonb. */
static void guarded(struct buf *sql, const char *text)
{
	buf_fmt(sql, "CASE WHEN %s~'" BEYOND "' THEN to_jsonb(%s) ELSE %s::jsonb END", text, text, text);
}

static void of_kind(struct buf *sql, const char *schema, const char *name, size_t kind)
{
	struct buf text = BUF(4096);
	buf_fmt(&text, "CREATE OR REPLACE VIEW @.\"v_%s\" AS SELECT d.id AS key,encode(d.id,'escape') AS id,d.ver AS version,"
	    "to_timestamp(d.due/1000.0) AS due,to_timestamp(d.expire/1000.0) AS expire,encode(d.idx0,'escape') AS idx0,"
	    "encode(d.idx1,'escape') AS idx1,encode(d.idx2,'escape') AS idx2,encode(d.idx3,'escape') AS idx3,", name);
	guarded(&text, PLAIN);
	buf_fmt(&text, " AS body FROM @.doc d WHERE d.kind=%zu;", kind);
	postgres_text(sql, text.p, schema);
	buf_free(&text);
}

/* The value of a column of v, without what stands for its absence. */
static void value(struct buf *sql, const struct column *c)
{
	struct buf text = BUF(256);
	buf_fmt(&text, "(v.body->'%s')::text", c->name);
	if (c->is_foreign)
		guarded(sql, text.p);
	else
		buf_fmt(sql, "(v.body%s'%s')::%s", strcmp(c->type, "jsonb") == 0 ? "->" : "->>", c->name, c->type);
	buf_free(&text);
}

static void with_columns(struct buf *sql, const char *schema, size_t i, size_t kind)
{
	struct buf text = BUF(64 << 10);
	buf_fmt(&text, "CREATE OR REPLACE VIEW @.%s AS SELECT ", views[i].name);
	for (size_t k = 0; k < views[i].n; k++) {
		const struct column *c = &views[i].column[k];
		buf_add(&text, S("coalesce("));
		value(&text, c);
		buf_fmt(&text, ",%s) AS \"%s\",", c->otherwise ? c->otherwise : "NULL", c->name);
	}
	buf_fmt(&text, "%s FROM (SELECT encode(d.id,'escape') AS id,d.ver AS version," PLAIN "::json AS body FROM @.doc d WHERE d.kind=%zu) v;",
	    views[i].more, kind);
	postgres_text(sql, text.p, schema);
	buf_free(&text);
}

/* The place of a kind; n: it is not there. */
static size_t kind_of(const struct store_kind_def *kinds, size_t n, const char *name)
{
	size_t i = 0;
	while (i < n && strcmp(kinds[i].name, name) != 0)
		i++;
	return i;
}

void views_names(struct buf *names, const struct store_kind_def *kinds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_fmt(names, ",('v_%s','')", kinds[i].name);
	for (size_t i = 0; i < COUNT(views); i++)
		if (kind_of(kinds, n, views[i].kind) < n)
			buf_fmt(names, ",('%s','')", views[i].name);
}

void views_up(struct buf *sql, const char *schema, const struct store_kind_def *kinds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		of_kind(sql, schema, kinds[i].name, i);
	for (size_t i = 0; i < COUNT(views); i++)
		if (kind_of(kinds, n, views[i].kind) < n)
			with_columns(sql, schema, i, kind_of(kinds, n, views[i].kind));
}

void views_down(struct buf *sql, const char *schema, const struct store_kind_def *kinds, size_t n)
{
	for (size_t i = 0; i < COUNT(views); i++)
		buf_fmt(sql, "DROP VIEW IF EXISTS \"%s\".%s;", schema, views[i].name);
	for (size_t i = 0; i < n; i++)
		buf_fmt(sql, "DROP VIEW IF EXISTS \"%s\".\"v_%s\";", schema, kinds[i].name);
}
