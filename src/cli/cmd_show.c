/* cmd_show.c - `tocsin show ID`: one incident with everything that happened to it, so that every page and every silence is explained. */
#include "base/when.h"
#include "cli/remote.h"
#include "cli/table.h"

/* clang-format off */
static const struct column facts[] = {
	{ "number",           "Number",       CELL_NUMBER,   0 },
	{ "title",            "Title",        CELL_TEXT,     0 },
	{ "status",           "State",        CELL_STATUS,   0 },
	{ "severity",         "Severity",     CELL_SEVERITY, 0 },
	{ "service",          "Service",      CELL_TEXT,     0 },
	{ "source",           "Source",       CELL_TEXT,     0 },
	{ "dedup_key",        "Key",          CELL_TEXT,     0 },
	{ "alert_count",      "Alerts",       CELL_NUMBER,   0 },
	{ "level",            "Level",        CELL_NUMBER,   0 },
	{ "due_at",           "Next level",   CELL_TIME,     0 },
	{ "detected_at",      "Detected",     CELL_TIME,     0 },
	{ "acknowledged_at",  "Acknowledged", CELL_TIME,     0 },
	{ "acknowledged_by",  "By",           CELL_TEXT,     0 },
	{ "resolved_at",      "Resolved",     CELL_TIME,     0 },
	{ "resolved_by",      "By",           CELL_TEXT,     0 },
	{ "root_cause",       "Root cause",   CELL_TEXT,     0 },
	{ "resolution_steps", "Steps",        CELL_WORDS,    0 },
	{ "tags",             "Tags",         CELL_WORDS,    0 },
	{ "id",               "Id",           CELL_TEXT,     0 },
	{ "description",      "Description",  CELL_TEXT,     0 },
};
static const struct column entry_columns[] = {
	{ "at",    "AT",    CELL_TIME,   0 },
	{ "type",  "WHAT",  CELL_TEXT,   0 },
	{ "actor", "WHO",   CELL_TEXT,   0 },
	{ "text",  "WHY",   CELL_TEXT,   0 },
};
static const struct column page_columns[] = {
	{ "owed_at", "AT",      CELL_TIME,   0 },
	{ "target",  "TARGET",  CELL_TEXT,   0 },
	{ "channel", "CHANNEL", CELL_TEXT,   0 },
	{ "status",  "STATE",   CELL_TEXT,   0 },
	{ "attempt", "TRIES",   CELL_NUMBER, 0 },
	{ "reason",  "REASON",  CELL_TEXT,   0 },
};
static const struct flag flags[] = {
	{ .name = "timeline",      .type = FLAG_BOOL, .doc = "Only what happened, in order." },
	{ .name = "notifications", .type = FLAG_BOOL, .doc = "Only the pages and what became of them." },
	{ .name = "output", .letter = 'o', .type = FLAG_WORD, .arg = "FORM", .words = "json", .doc = "json: what the server said; with --timeline or --notifications one object a line." },
};
/* clang-format on */

/* A point in time, for a person: the hour here and how long ago. */
static struct str moment(struct cli *c, struct str text)
{
	int64_t ms, now = c->o->now_ms(c->o->ctx);
	if (when_read(text, &ms))
		return text;
	struct str age = age_text(&c->mem, ms > now ? ms - now : now - ms);
	return arena_fmt(&c->mem, "%.*s (%s%.*s%s)", STR_ARG(local_time(&c->mem, ms)), ms > now ? "in " : "", STR_ARG(age), ms > now ? "" : " ago");
}

static struct str fact_text(struct cli *c, const struct column *k, const struct jv *incident)
{
	struct str text = cell_text(c, k, incident, false);
	if (!c->o->is_terminal || text.n == 0)
		return text;
	return k->kind == CELL_TIME ? moment(c, text) : cell_text(c, k, incident, true);
}

static void print_facts(struct cli *c, const struct jv *incident)
{
	for (const struct column *k = facts; k < facts + COUNT(facts); k++) {
		struct str text = fact_text(c, k, incident), colour = c->o->is_terminal ? colour_of(c, k, incident) : S("");
		if (text.n == 0)
			continue;
		if (c->o->is_terminal)
			fprintf(c->o->out, "%-13s %.*s", k->title, STR_ARG(colour));
		else
			fprintf(c->o->out, "%s\t", k->key);
		put_text(c->o->out, text, PUT_LINE);
		fprintf(c->o->out, "%s\n", colour.n ? COLOUR_END : "");
	}
}

static void print_labels(struct cli *c, const struct jv *labels)
{
	for (const struct jv *m = labels ? labels->kid : NULL; m != NULL; m = m->next) {
		fputs(c->o->is_terminal ? "Label         " : "label\t", c->o->out);
		put_text(c->o->out, arena_fmt(&c->mem, "%.*s=%.*s", STR_ARG(m->key), STR_ARG(m->s)), PUT_LINE);
		fputc('\n', c->o->out);
	}
}

static void print_links(struct cli *c, const struct jv *links)
{
	for (const struct jv *m = links ? links->kid : NULL; m != NULL; m = m->next) {
		fputs(c->o->is_terminal ? "Link          " : "link\t", c->o->out);
		put_text(c->o->out, json_text(m, S("href")), PUT_LINE);
		fputc('\n', c->o->out);
	}
}

enum { COLUMNS_MAX = 8 };
struct widths { size_t v[COLUMNS_MAX]; };

static struct str part_text(struct cli *c, const struct column *column, const struct jv *row)
{
	struct str text = cell_text(c, column, row, false);
	int64_t ms = 0;
	bool is_moment = c->o->is_terminal && column->kind == CELL_TIME && when_read(text, &ms) == 0;
	return is_moment ? local_time(&c->mem, ms) : text;
}

/* One entry or page. In a pipe every line says first what it is of, so that one grep finds it; on a terminal the columns are as wide as w. */
static void print_row(struct cli *c, const char *kind, const struct column *columns, size_t n, const struct jv *row, const struct widths *w)
{
	FILE *out = c->o->out;
	if (!c->o->is_terminal)
		fprintf(out, "%s\t", kind);
	for (size_t i = 0; i < n; i++) {
		struct str text = part_text(c, &columns[i], row);
		size_t width = text_width(text);
		put_text(out, text, PUT_LINE);
		if (i + 1 < n && c->o->is_terminal)
			fprintf(out, "%*s", (int)(w->v[i] > width ? w->v[i] - width : 0) + 2, "");
		else if (i + 1 < n)
			fputc('\t', out);
	}
	fputc('\n', out);
}

static struct widths find_widths(struct cli *c, const struct column *columns, size_t n, const struct jv *list)
{
	struct widths w = { { 0 } };
	for (const struct jv *row = list->kid; row != NULL; row = row->next)
		for (size_t i = 0; i < n; i++) {
			size_t width = text_width(part_text(c, &columns[i], row));
			w.v[i] = width > w.v[i] ? width : w.v[i];
		}
	return w;
}

static void print_rows(struct cli *c, const char *title, const char *kind, const struct column *columns, size_t n, const struct jv *list)
{
	if (list == NULL || list->kid == NULL)
		return;
	struct widths w = find_widths(c, columns, n, list);
	if (c->o->is_terminal)
		fprintf(c->o->out, "\n%s\n", title);
	for (const struct jv *row = list->kid; row != NULL; row = row->next)
		print_row(c, kind, columns, n, row, &w);
}

/* The server shows the newest part of a long timeline; the rest has to be asked for. */
static void tell_rest(struct cli *c, const struct jv *incident)
{
	const struct jv *total = json_get(incident, S("timeline_total")), *timeline = json_get(incident, S("timeline"));
	int64_t shown = 0;
	for (const struct jv *row = timeline ? timeline->kid : NULL; row != NULL; row = row->next)
		shown++;
	if (total && total->i > shown)
		hint(c, "these are the newest %lld of %lld entries; --timeline shows all of them", (long long)shown, (long long)total->i);
}

static void print_incident(struct cli *c, const struct jv *incident)
{
	print_facts(c, incident);
	print_labels(c, json_get(incident, S("labels")));
	print_links(c, json_get(incident, S("links")));
	print_rows(c, "Timeline", "timeline", entry_columns, COUNT(entry_columns), json_get(incident, S("timeline")));
	print_rows(c, "Pages", "page", page_columns, COUNT(page_columns), json_get(incident, S("pages")));
	tell_rest(c, incident);
}

static void print_json(struct cli *c, const struct jv *v)
{
	struct buf b = BUF((size_t)64 << 20);
	json_write(&b, v);
	buf_char(&b, '\n');
	(void)fwrite(b.p, 1, b.n, c->o->out);              /* errors stick to the stream; cli_main asks at the end */
	buf_free(&b);
}

/* --timeline and --notifications: one list, all of it. */
struct part { struct cli *c; const char *kind; const struct column *columns; size_t n; bool as_json; struct widths widths; };

static bool take(void *ctx, const struct jv *row)
{
	const struct part *p = ctx;
	if (p->as_json)
		print_json(p->c, row);
	else
		print_row(p->c, p->kind, p->columns, p->n, row, &p->widths);
	return true;
}

static struct answered show(struct cli *c, struct str id)
{
	bool as_json = str_eq(flag_text(c, "output"), S("json"));
	struct part timeline = { c, "timeline", entry_columns, COUNT(entry_columns), as_json, { { 19, 14, 20 } } };
	struct part pages = { c, "page", page_columns, COUNT(page_columns), as_json, { { 19, 20, 12, 9, 3 } } };
	if (flag_on(c, "timeline"))
		return remote_rows(c, incident_path(c, id, "timeline"), take, &timeline);
	if (flag_on(c, "notifications"))
		return remote_rows(c, incident_path(c, id, "pages"), take, &pages);
	struct answered a = remote_call(c, "GET", incident_path(c, id, ""), S(""));
	if (a.exit == EXIT_DONE && as_json)
		print_json(c, a.json);
	else if (a.exit == EXIT_DONE)
		print_incident(c, a.json);
	return a;
}

static int run(struct cli *c)
{
	struct str_list ids;
	int err = remote_ids(c, &ids);
	for (size_t i = 0; err == EXIT_DONE && i < ids.n; i++) {
		struct answered a = show(c, ids.v[i]);
		err = a.exit ? remote_complain(c, &a) : EXIT_DONE;
	}
	return err;
}

const struct cli_command command_show = {
	.name = "show",
	.args = "ID",
	.least = 1,
	.most = 1,
	.has_ids = true,
	.is_remote = true,
	.summary = "show one incident, its timeline and its pages",
	.detail = "ID is the number (42 or #42) or the long id.",
	.flags = flags,
	.n_flags = COUNT(flags),
	.examples = { "tocsin show 42", "tocsin show 42 --timeline" },
	.see = "list, ack, resolve",
	.exits = "0 1 2 4 5 8",
	.run = run,
};
