/* cmd_list.c - `tocsin list`: incidents, in the order of the server, page by page until the limit. */
#include "base/when.h"
#include "cli/remote.h"
#include "cli/table.h"
#include <stdlib.h>

/* clang-format off */
static const struct column columns[] = {
	{ "number",          "#",        CELL_NUMBER,   COLUMN_ID },
	{ "status",          "STATE",    CELL_STATUS,   0 },
	{ "severity",        "SEVERITY", CELL_SEVERITY, 0 },
	{ "service",         "SERVICE",  CELL_TEXT,     0 },
	{ "title",           "TITLE",    CELL_TEXT,     COLUMN_FLEX },
	{ "alert_count",     "ALERTS",   CELL_NUMBER,   0 },
	{ "detected_at",     "AGE",      CELL_TIME,     0 },
	{ "acknowledged_by", "WHO",      CELL_TEXT,     0 },
	{ "level",           "LEVEL",    CELL_NUMBER,   COLUMN_WIDE },
	{ "source",          "SOURCE",   CELL_TEXT,     COLUMN_WIDE },
	{ "dedup_key",       "KEY",      CELL_TEXT,     COLUMN_WIDE },
	{ "resolved_at",     "RESOLVED", CELL_TIME,     COLUMN_WIDE },
	{ "id",              "ID",       CELL_TEXT,     COLUMN_WIDE },
};
static const struct flag flags[] = {
	{ .name = "state",    .letter = 's', .type = FLAG_WORDS,    .arg = "STATES",   .words = "open detected acknowledged resolved all", .fallback = "open", .doc = "Which incidents; open: everything not resolved." },
	{ .name = "service",                 .type = FLAG_TEXT,     .arg = "ID",       .doc = "Of this service only." },
	{ .name = "severity",                .type = FLAG_SEVERITY, .arg = "SEVERITY", .doc = "At least this severe: critical, high, medium, low, info or 5..1." },
	{ .name = "since",                   .type = FLAG_DURATION, .arg = "DURATION", .doc = "Detected no longer ago than this, such as 24h." },
	{ .name = "limit",    .letter = 'n', .type = FLAG_INT,      .arg = "N",        .least = 0, .most = 100000, .fallback = "100", .doc = "At most so many; 0: all of them." },
	{ .name = "exit-code",               .type = FLAG_BOOL,     .doc = "End with 10 when an open incident was listed." },
	TABLE_FLAGS,
};
/* clang-format on */

enum { ROWS_FIRST = 256 };

/* What has been gathered, and what it must satisfy. */
struct gathering { const struct jv **rows; size_t n, cap, limit; int64_t after_ms; bool is_more, has_open; };

/* The states to ask for, "" for all of them. */
static struct str states(const struct cli *c)
{
	static const char *const words[] = { "detected", "acknowledged", "resolved" };
	static const struct str lists[] = { { "", 0 }, { "detected", 8 }, { "acknowledged", 12 }, { "detected,acknowledged", 21 }, { "resolved", 8 },
		{ "detected,resolved", 17 }, { "acknowledged,resolved", 21 }, { "", 0 } };
	unsigned bits = flag_has_word(c, "state", "open") ? 3 : 0;
	for (unsigned i = 0; i < COUNT(words); i++)
		bits |= flag_has_word(c, "state", words[i]) ? 1u << i : 0;
	return flag_has_word(c, "state", "all") ? S("") : lists[bits];
}

static void add_query(struct buf *b, const char *name, struct str value)
{
	struct str head, tail;
	if (value.n == 0)
		return;
	bool is_first = !str_cut(buf_str(b), '?', &head, &tail);
	buf_fmt(b, "%c%s=", is_first ? '?' : '&', name);
	add_encoded(b, value);
}

/* The server takes a set of severities; people mean "at least". */
static struct str severities(int64_t least)
{
	static const char *const sets[] = { "", "", "5,4,3,2", "5,4,3", "5,4", "5" };
	return str_c(sets[least]);
}

static struct str list_path(struct cli *c)
{
	struct buf b = BUF(8 << 10);
	buf_add(&b, S("/api/v1/incidents"));
	add_query(&b, "status", states(c));
	add_query(&b, "service", flag_text(c, "service"));
	add_query(&b, "severity", severities(flag_number(c, "severity")));
	struct str path = arena_str(&c->mem, buf_str(&b));
	buf_free(&b);
	return path;
}

static bool is_wanted(const struct gathering *g, const struct jv *row)
{
	int64_t at;
	return g->after_ms == 0 || (when_read(json_text(row, S("detected_at")), &at) == 0 && at >= g->after_ms);
}

static bool take(void *ctx, const struct jv *row)
{
	struct gathering *g = ctx;
	if (!is_wanted(g, row))
		return true;
	g->is_more = g->limit && g->n == g->limit;
	if (g->is_more)
		return false;
	if (g->n == g->cap) {
		g->cap = g->cap ? g->cap * 2 : ROWS_FIRST;
		g->rows = xrealloc(g->rows, g->cap * sizeof *g->rows);
	}
	g->has_open |= !str_eq(json_text(row, S("status")), S("resolved"));
	g->rows[g->n++] = row;
	return true;
}

static int print(struct cli *c, const struct gathering *g)
{
	table_print(c, columns, COUNT(columns), g->rows, g->n);
	if (g->n == 0 && c->o->is_terminal)
		fputs("nothing to list\n", c->o->err);
	if (g->is_more)
		hint(c, "there are more than %zu; --limit 0 lists all of them", g->limit);
	return g->has_open && flag_on(c, "exit-code") ? EXIT_TRUE : EXIT_DONE;
}

static int run(struct cli *c)
{
	struct gathering g = { .limit = (size_t)flag_number(c, "limit") };
	int64_t since_ms = flag_number(c, "since");
	g.after_ms = since_ms ? c->o->now_ms(c->o->ctx) - since_ms : 0;
	struct answered a = remote_rows(c, list_path(c), take, &g);
	int code = a.exit ? remote_complain(c, &a) : print(c, &g);
	free(g.rows);
	return code;
}

const struct cli_command command_list = {
	.name = "list",
	.args = "",
	.summary = "list incidents",
	.is_remote = true,
	.flags = flags,
	.n_flags = COUNT(flags),
	.examples = { "tocsin list", "tocsin list --state all --service checkout -o json" },
	.see = "show, ack, output",
	.exits = "0 1 2 4 8 10",
	.run = run,
};
