/* postgres_views.c - the documents as tables, for people who write SQL.
 *
 * Each kind has a view v_KIND with the document as it is. Three kinds have one more, with a column for each member of the JSON; the rows below
 * repeat the names of the field tables (a test holds the two together), because this room does not see the model. A document leaves out what is
 * empty: `otherwise` stands for that. To add a column, add it at the end and make a step of the schema that makes the views again.
 */
#include "store/postgres_inside.h"
#include <string.h>

/* clang-format off */
struct column { const char *name, *type, *otherwise; };
#define TEXT(name)        { #name, "text", "''" }
#define MAYBE(name)       { #name, "text", NULL }
#define WORD(name, first) { #name, "text", "'" first "'" }
#define INT(name)         { #name, "bigint", "0" }
#define BOOL(name)        { #name, "boolean", "false" }
#define TIME(name)        { #name, "timestamptz", NULL }
#define TREE(name, empty) { #name, "jsonb", empty }

static const struct column incidents[] = {
	TEXT(id), INT(number), TEXT(title), TEXT(description), INT(severity), WORD(status, "detected"), TEXT(service), TEXT(source),
	TEXT(dedup_key), INT(alert_count), INT(open_alerts), TREE(labels, "'{}'"), TREE(tags, "'[]'"), TREE(links, "'[]'"),
	TREE(details, NULL), TEXT(policy), INT(level), INT(round), INT(passes), BOOL(exhausted), TIME(due_at), TIME(detected_at),
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

static void of_kind(struct buf *sql, const char *schema, const char *name, size_t kind)
{
	struct buf text = BUF(4096);
	buf_fmt(&text, "CREATE OR REPLACE VIEW @.\"v_%s\" AS SELECT d.id AS key,encode(d.id,'escape') AS id,d.ver AS version,"
	    "to_timestamp(d.due/1000.0) AS due,to_timestamp(d.expire/1000.0) AS expire,encode(d.idx0,'escape') AS idx0,"
	    "encode(d.idx1,'escape') AS idx1,encode(d.idx2,'escape') AS idx2,encode(d.idx3,'escape') AS idx3,"
	    "regexp_replace(convert_from(d.body,'UTF8'),'" NUL "','\\1\\ufffd','g')::jsonb AS body FROM @.doc d WHERE d.kind=%zu;", name, kind);
	postgres_text(sql, text.p, schema);
	buf_free(&text);
}

static void with_columns(struct buf *sql, const char *schema, size_t i)
{
	buf_fmt(sql, "CREATE OR REPLACE VIEW \"%s\".%s AS SELECT ", schema, views[i].name);
	for (size_t k = 0; k < views[i].n; k++) {
		const struct column *c = &views[i].column[k];
		bool is_tree = strcmp(c->type, "jsonb") == 0;
		buf_fmt(sql, "coalesce((v.body%s'%s')::%s,%s) AS \"%s\",", is_tree ? "->" : "->>", c->name, c->type,
		    c->otherwise ? c->otherwise : "NULL", c->name);
	}
	buf_fmt(sql, "%s FROM \"%s\".\"v_%s\" v;", views[i].more, schema, views[i].kind);
}

static bool has_kind(const struct store_kind_def *kinds, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return true;
	return false;
}

void views_names(struct buf *names, const struct store_kind_def *kinds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_fmt(names, ",('v_%s','')", kinds[i].name);
	for (size_t i = 0; i < COUNT(views); i++)
		if (has_kind(kinds, n, views[i].kind))
			buf_fmt(names, ",('%s','')", views[i].name);
}

void views_up(struct buf *sql, const char *schema, const struct store_kind_def *kinds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		of_kind(sql, schema, kinds[i].name, i);
	for (size_t i = 0; i < COUNT(views); i++)
		if (has_kind(kinds, n, views[i].kind))
			with_columns(sql, schema, i);
}

void views_down(struct buf *sql, const char *schema, const struct store_kind_def *kinds, size_t n)
{
	for (size_t i = 0; i < COUNT(views); i++)
		buf_fmt(sql, "DROP VIEW IF EXISTS \"%s\".%s;", schema, views[i].name);
	for (size_t i = 0; i < n; i++)
		buf_fmt(sql, "DROP VIEW IF EXISTS \"%s\".\"v_%s\";", schema, kinds[i].name);
}
