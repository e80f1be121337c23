/* cmd_note.c - `tocsin note ID TEXT`: a sentence for the timeline. */
#include "cli/remote.h"
#include "cli/table.h"

enum { NOTE_MAX = 64 << 10 };

static int run(struct cli *c)
{
	struct str id = c->args.v[0], text = c->args.v[1];
	if (str_eq(text, S("-")) && read_input(c, NOTE_MAX, &text))
		return EXIT_FAILED;
	struct answered a = remote_call(c, "POST", incident_path(c, id, "notes"), note_body(c, str_trim(text)));
	return a.exit ? remote_complain(c, &a) : EXIT_DONE;
}

const struct cli_command command_note = {
	.name = "note",
	.args = "ID TEXT|-",
	.least = 2,
	.most = 2,
	.is_remote = true,
	.summary = "add a note to an incident's timeline",
	.detail = "With - the note is read from standard input.",
	.examples = { "tocsin note 42 'rollback of v2.14 started'", "uptime | tocsin note 42 -" },
	.see = "show, ack, resolve",
	.exits = "0 1 2 4 5 6 8",
	.run = run,
};
