/* help.c - help from the same table as the parser, never wider than 79 columns. */
#include "cli/command.h"
#include <string.h>

enum { LINE_MAX_COLUMNS = 78, DOC_INDENT = 6 };

/* clang-format off */
static const struct { int code; const char *meaning; } exits[] = {
	{ EXIT_DONE,        "done; also when there was nothing to do" },
	{ EXIT_FAILED,      "failed" },
	{ EXIT_USAGE,       "the line was not understood" },
	{ EXIT_CONFIG,      "the configuration is invalid" },
	{ EXIT_NOT_ALLOWED, "not signed in, or not allowed" },
	{ EXIT_NOT_FOUND,   "no such object" },
	{ EXIT_CONFLICT,    "the state changed meanwhile and forbids it" },
	{ EXIT_PARTLY,      "some of several succeeded; -o json says which" },
	{ EXIT_UNREACHABLE, "the server cannot be reached or is busy; safe to try again" },
	{ EXIT_TRUE,        "the condition asked for is true" },
};
/* clang-format on */

const char *exit_meaning(int code)
{
	for (size_t i = 0; i < COUNT(exits); i++)
		if (exits[i].code == code)
			return exits[i].meaning;
	return NULL;
}

/* Words of a text on lines that fit, each line after `indent` blanks; the first continues at column `at`. */
static void wrap(FILE *to, const char *text, int indent, int at)
{
	struct str word, rest = str_c(text);
	bool is_more = true, is_first = true;
	while (is_more) {
		is_more = str_cut(rest, ' ', &word, &rest);
		if (!is_more)
			word = rest;
		if (!is_first && at + 1 + (int)word.n > LINE_MAX_COLUMNS) {
			fprintf(to, "\n%*s", indent, "");
			at = indent;
			is_first = true;
		}
		fprintf(to, "%s%.*s", is_first ? "" : " ", STR_ARG(word));
		at += (int)word.n + !is_first;
		is_first = false;
	}
	fputc('\n', to);
}

static void flag_help(FILE *to, const struct flag *f)
{
	char extra[256] = "";
	int n = 0;
	if (f->words)
		n += snprintf(extra, sizeof extra, " %s: %s.", f->type == FLAG_WORDS ? "Some of" : "One of", f->words);
	if (f->fallback)
		n += snprintf(extra + n, sizeof extra - (size_t)n, " Default: %s.", f->fallback);
	if (f->env)
		n += snprintf(extra + n, sizeof extra - (size_t)n, " [$%s]", f->env);
	fprintf(to, "  --%s%s%s", f->name, f->arg ? " " : "", f->arg ? f->arg : "");
	if (f->letter)
		fprintf(to, ", -%c", f->letter);
	fprintf(to, "%s\n%*s", f->is_many ? "  (any number of times)" : "", DOC_INDENT, "");
	char doc[512];
	(void)snprintf(doc, sizeof doc, "%s%s", f->doc, n > 0 ? extra : "");   /* our own texts: a test holds them to these sizes */
	wrap(to, doc, DOC_INDENT, DOC_INDENT);
}

static void exits_help(FILE *to, const char *codes)
{
	struct str word, rest = str_c(codes);
	bool is_more = true;
	fputs("\nExit codes\n", to);
	while (is_more) {
		int64_t code = 0;
		is_more = str_cut(rest, ' ', &word, &rest);
		if (!is_more)
			word = rest;
		if (str_int(word, &code))
			fprintf(to, "  %2d  %s\n", (int)code, exit_meaning((int)code));
	}
}

void help_command(const struct cli *c, FILE *to, const struct cli_command *k)
{
	(void)c;
	fprintf(to, "tocsin %s - %s\n\n", k->name, k->summary);
	for (size_t i = 0; i < COUNT(k->examples); i++)
		fprintf(to, "  %s\n", k->examples[i]);
	fprintf(to, "\nUsage: tocsin %s [flags]%s%s\n", k->name, *k->args ? " " : "", k->args);
	if (k->detail) {
		fputc('\n', to);
		wrap(to, k->detail, 0, 0);
	}
	if (k->n_flags)
		fputs("\nFlags\n", to);
	for (size_t i = 0; i < k->n_flags; i++)
		flag_help(to, &k->flags[i]);
	fputs("\nFlags of every command\n", to);
	for (size_t i = k->is_remote ? 0 : COMMON_REMOTE; i < COMMON_FLAGS; i++)
		flag_help(to, &common_flags[i]);
	exits_help(to, k->exits);
	fputs("\nSee also: ", to);
	wrap(to, k->see, 10, 10);
}

void help_all(const struct cli *c, FILE *to)
{
	(void)c;
	fputs("tocsin - pages people until somebody acknowledges, and loses no alert\n\n"
	      "  tocsin serve --config tocsin.yaml\n"
	      "  tocsin list -o ids | tocsin ack -\n\nCommands\n", to);
	for (size_t i = 0; i < command_count(); i++)
		fprintf(to, "  %-14s %s\n", command_at(i)->name, command_at(i)->summary);
	fputs("\nTopics: tocsin help environment, exit-codes, output, TOCSIN1102 (any code that\n"
	      "`config check` prints). More about a command: tocsin help COMMAND.\n", to);
}

static void topic_exits(FILE *to)
{
	for (size_t i = 0; i < COUNT(exits); i++)
		fprintf(to, "%2d  %s\n", exits[i].code, exits[i].meaning);
}

static void topic_environment(FILE *to)
{
	fputs("TOCSIN_URL     where the server is; http://127.0.0.1:3000 unless set\n"
	      "TOCSIN_TOKEN   key to its API, made by `tocsin token create`\n"
	      "TOCSIN_CONFIG  configuration file of serve and config, before ./tocsin.yaml\n"
	      "HOST, PORT     override server.listen of the configuration\n"
	      "TOCSIN_NAME    overrides server.name of the configuration\n"
	      "NO_COLOR       no colours; CLICOLOR_FORCE=1 wants them in a pipe too\n"
	      "LC_ALL, LC_CTYPE, LANG   symbols are plain ASCII unless UTF-8 is named\n"
	      "A flag wins over its variable, a variable over the file.\n", to);
}

static void topic_output(FILE *to)
{
	fputs("Standard output is data, standard error is talk. On a terminal lists are\n"
	      "aligned tables with relative times, cut to its width; in a pipe they are\n"
	      "tab-separated, whole, with UTC times and no heading unless --header asks.\n"
	      "  -o table  the aligned form anywhere     -o wide  with more columns\n"
	      "  -o json   what the server said          -o csv   with a heading\n"
	      "  -o ids    numbers only, for `tocsin ack -`\n", to);
}

static const struct { const char *name; void (*write)(FILE *to); } topics[] = {
	{ "exit-codes", topic_exits }, { "environment", topic_environment }, { "output", topic_output },
};

int help_topic(const struct cli *c, struct str topic)
{
	for (size_t i = 0; i < command_count(); i++)
		if (str_eq(str_c(command_at(i)->name), topic)) {
			help_command(c, c->o->out, command_at(i));
			return EXIT_DONE;
		}
	for (size_t i = 0; i < COUNT(topics); i++)
		if (str_eq(str_c(topics[i].name), topic)) {
			topics[i].write(c->o->out);
			return EXIT_DONE;
		}
	struct str doc = c->o->explain(c->o->ctx, topic);
	if (doc.n == 0) {
		say(c, "no help about `%.*s`", STR_ARG(topic));
		hint(c, "tocsin help lists the commands and topics");
		return EXIT_USAGE;
	}
	fprintf(c->o->out, "%.*s\n", STR_ARG(topic));
	wrap(c->o->out, doc.p, 0, 0);
	return EXIT_DONE;
}
