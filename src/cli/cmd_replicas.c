/* cmd_replicas.c - `tocsin replicas`: which servers work on the store. */
#include "cli/table.h"

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

static int run(struct cli *c)
{
	return table_of(c, S("/api/v1/replicas"), columns, COUNT(columns));
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
