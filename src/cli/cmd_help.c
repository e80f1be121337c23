/* cmd_help.c - `tocsin help` and `tocsin version`. */
#include "cli/command.h"

/* clang-format off */
static const struct flag version_flags[] = {
	{ .name = "output", .letter = 'o', .type = FLAG_WORD, .arg = "FORM", .words = "json", .doc = "json: for programs." },
};
/* clang-format on */

static int run_help(struct cli *c)
{
	if (c->args.n == 0) {
		help_all(c, c->o->out);
		return EXIT_DONE;
	}
	struct str topic = c->args.v[0];
	if (c->args.n > 1)
		topic = arena_fmt(&c->mem, "%.*s %.*s", STR_ARG(topic), STR_ARG(c->args.v[1]));
	return help_topic(c, topic);
}

static int run_version(struct cli *c)
{
	bool as_json = str_eq(flag_text(c, "output"), S("json"));
	fprintf(c->o->out, as_json ? "{\"version\":\"%s\",\"compiler\":\"%s\"}\n" : "tocsin %s (%s)\n", TOCSIN_VERSION, __VERSION__);
	return EXIT_DONE;
}

const struct cli_command command_help = {
	.name = "help",
	.args = "[COMMAND|TOPIC]",
	.most = 2,
	.summary = "help about a command, a topic or a code",
	.examples = { "tocsin help ack", "tocsin help TOCSIN1102" },
	.see = "version, man",
	.exits = "0 2",
	.run = run_help,
};

const struct cli_command command_version = {
	.name = "version",
	.args = "",
	.summary = "print the version",
	.flags = version_flags,
	.n_flags = COUNT(version_flags),
	.examples = { "tocsin version", "tocsin version -o json" },
	.see = "help",
	.exits = "0 2",
	.run = run_version,
};
