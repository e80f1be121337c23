/* cmd_ack.c - `tocsin ack`: "I have it", for one or many incidents. */
#include "cli/remote.h"

/* clang-format off */
static const struct flag flags[] = {
	{ .name = "note", .type = FLAG_TEXT, .arg = "TEXT", .doc = "Adds this to the timeline as well." },
	{ .name = "output", .letter = 'o', .type = FLAG_WORD, .arg = "FORM", .words = "json", .doc = "json: what became of each id." },
};
/* clang-format on */

static struct answered note(struct cli *c, struct str id)
{
	return remote_call(c, "POST", incident_path(c, id, "notes"), note_body(c, flag_text(c, "note")));
}

static struct answered acknowledge(struct cli *c, struct str id)
{
	struct answered a = remote_call(c, "POST", incident_path(c, id, "acknowledge"), S("{}"));
	struct answered noted = a.exit == EXIT_DONE && flag_on(c, "note") ? note(c, id) : a;
	return noted.exit ? noted : a;
}

static int run(struct cli *c)
{
	return remote_each(c, acknowledge, "acknowledged");
}

const struct cli_command command_ack = {
	.name = "ack",
	.args = "ID...",
	.least = 1,
	.most = -1,
	.has_ids = true,
	.is_remote = true,
	.summary = "acknowledge incidents: stop paging, somebody has them",
	.detail = "IDs are numbers (42 or #42) or long ids; - reads them from standard input. What is acknowledged already stays so.",
	.flags = flags,
	.n_flags = COUNT(flags),
	.examples = { "tocsin ack 42", "tocsin list -o ids | tocsin ack -" },
	.see = "unack, resolve, show",
	.exits = "0 1 2 4 5 6 7 8",
	.run = run,
};
