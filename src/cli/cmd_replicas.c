/* cmd_replicas.c - `tocsin replicas`: which servers work on the store. */
#include "cli/remote.h"
#include "cli/table.h"
#include <stdlib.h>

/* clang-format off */
static const struct column columns[] = {
	{ "id",         "NAME",    CELL_TEXT, COLUMN_ID | COLUMN_FLEX },
	{ "version",    "VERSION", CELL_TEXT, 0 },
	{ "started_at", "STARTED", CELL_TIME, 0 },
	{ "seen_at",    "SEEN",    CELL_TIME, 0 },
	{ "state",      "STATE",   CELL_TEXT, 0 },
};
static const struct flag flags[] = { TABLE_FLAGS, };
/* clang-format on */

struct gathering { const struct jv **rows; size_t n, cap; };

static bool take(void *ctx, const struct jv *row)
{
	struct gathering *g = ctx;
	if (g->n == g->cap) {
		g->cap = g->cap ? g->cap * 2 : 16;
		g->rows = xrealloc(g->rows, g->cap * sizeof *g->rows);
	}
	g->rows[g->n++] = row;
	return true;
}

static int run(struct cli *c)
{
	struct gathering g = { 0 };
	struct answered a = remote_rows(c, S("/api/v1/replicas"), take, &g);
	if (a.exit)
		(void)remote_complain(c, &a);
	else
		table_print(c, columns, COUNT(columns), g.rows, g.n);
	free(g.rows);
	return a.exit;
}

const struct cli_command command_replicas = {
	.name = "replicas",
	.args = "",
	.is_remote = true,
	.summary = "list the servers that work on the store",
	.detail = "live: seen in the last fifteen seconds; draining: told to end, finishing what it has in hand; gone: not seen since SEEN, and forgotten "
		"after an hour. One that ended in order is off the list. On a store for one process there is one line.",
	.flags = flags,
	.n_flags = COUNT(flags),
	.examples = { "tocsin replicas", "tocsin replicas -o json" },
	.see = "serve, output",
	.exits = "0 1 2 4 8",
	.run = run,
};
