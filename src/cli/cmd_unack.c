/* cmd_unack.c - `tocsin unack`: takes an acknowledgement back. */
#include "cli/remote.h"

/* clang-format off */
static const struct flag flags[] = {
	{ .name = "output", .letter = 'o', .type = FLAG_WORD, .arg = "FORM", .words = "json", .doc = "json: what became of each id." },
};
/* clang-format on */

static struct answered unacknowledge(struct cli *c, struct str id)
{
	return remote_call(c, "POST", incident_path(c, id, "unacknowledge"), S("{}"));
}

static int run(struct cli *c)
{
	return remote_each(c, unacknowledge, "detected again");
}

const struct cli_command command_unack = {
	.name = "unack",
	.args = "ID...",
	.least = 1,
	.most = -1,
	.has_ids = true,
	.is_remote = true,
	.summary = "take an acknowledgement back: paging begins again",
	.detail = "The escalation starts over from its first level.",
	.flags = flags,
	.n_flags = COUNT(flags),
	.examples = { "tocsin unack 42", "tocsin unack 42 43" },
	.see = "ack, show",
	.exits = "0 1 2 4 5 6 7 8",
	.run = run,
};
