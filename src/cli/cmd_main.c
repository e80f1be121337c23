/* cmd_main.c - the rows of the commands that main carries out, because they read configurations and open stores. */
#include "cli/command.h"

/* clang-format off */
#define CONFIG_FLAG { .name = "config", .letter = 'c', .type = FLAG_TEXT, .arg = "FILE", .env = "TOCSIN_CONFIG", .doc = "The configuration; ./tocsin.yaml or /etc/tocsin/tocsin.yaml unless given." }
static const struct flag serve_flags[] = {
	CONFIG_FLAG,
	{ .name = "check", .type = FLAG_BOOL, .doc = "Read the configuration, say what is wrong, and end." },
};
static const struct flag check_flags[] = {
	CONFIG_FLAG,
	{ .name = "no-secrets", .type = FLAG_BOOL, .doc = "Secrets that cannot be read here are warnings." },
	{ .name = "output", .letter = 'o', .type = FLAG_WORD, .arg = "FORM", .words = "text json github", .fallback = "text", .doc = "github: annotations for a workflow." },
};
static const struct flag show_flags[] = {
	CONFIG_FLAG,
	{ .name = "no-secrets", .type = FLAG_BOOL, .doc = "Do not ask whether secrets can be read." },
	{ .name = "output", .letter = 'o', .type = FLAG_WORD, .arg = "FORM", .words = "yaml json", .fallback = "yaml", .doc = "How to print it." },
};
/* clang-format on */

const struct cli_command command_serve = {
	.name = "serve",
	.args = "",
	.summary = "run the server",
	.detail = "Ends with SIGTERM after finishing what it has in hand. SIGHUP reads the configuration again; a file with errors is refused whole "
		  "and the old configuration stays in force.",
	.flags = serve_flags,
	.n_flags = COUNT(serve_flags),
	.examples = { "tocsin serve --config tocsin.yaml", "PORT=8080 tocsin serve -c examples/quickstart.yaml" },
	.see = "config check, environment",
	.exits = "0 1 2 3",
};

const struct cli_command command_config_check = {
	.name = "config check",
	.args = "[FILE]",
	.most = 1,
	.summary = "say everything that is wrong with a configuration",
	.detail = "Needs no server. Every finding has a place, a cure and a code; `tocsin help CODE` says more.",
	.flags = check_flags,
	.n_flags = COUNT(check_flags),
	.examples = { "tocsin config check tocsin.yaml", "tocsin config check --no-secrets -o github tocsin.yaml" },
	.see = "config show, serve",
	.exits = "0 2 3",
};

const struct cli_command command_config_show = {
	.name = "config show",
	.args = "[FILE]",
	.most = 1,
	.summary = "print the configuration in force, secrets as references",
	.detail = "Needs no server. HOST, PORT, TOCSIN_NAME and all defaults are filled in.",
	.flags = show_flags,
	.n_flags = COUNT(show_flags),
	.examples = { "tocsin config show tocsin.yaml", "tocsin config show -c tocsin.yaml -o json" },
	.see = "config check, serve",
	.exits = "0 1 2 3",
};
