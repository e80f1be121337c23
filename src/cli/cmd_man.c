/* cmd_man.c - `tocsin man`: the command table as a manual page in mdoc. */
#include "cli/command.h"

enum { LINE_BYTES = 72 };

/* mdoc: a line must not begin with a dot or a quote, and a backslash begins an escape. */
static void put_mdoc_word(FILE *to, struct str word, bool is_start)
{
	if (is_start && word.n > 0 && (word.p[0] == '.' || word.p[0] == '\''))
		fputs("\\&", to);
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] == '\\')
			fputs("\\e", to);
		else if (word.p[i] == '-')
			fputs("\\-", to);
		else
			fputc(word.p[i], to);
	}
}

/* One line as it stands. */
static void put_mdoc(FILE *to, const char *text)
{
	put_mdoc_word(to, str_c(text), true);
	fputc('\n', to);
}

static bool ends_sentence(struct str word)
{
	return word.n > 0 && (word.p[word.n - 1] == '.' || word.p[word.n - 1] == '?' || word.p[word.n - 1] == '!');
}

/* Prose: short lines, and a new one for each sentence, as mdoc wants it. */
static void put_prose(FILE *to, const char *text)
{
	struct str word, rest = str_c(text);
	size_t at = 0;
	for (bool is_more = true; is_more;) {
		is_more = str_cut(rest, ' ', &word, &rest);
		if (!is_more)
			word = rest;
		fputs(at ? " " : "", to);
		put_mdoc_word(to, word, at == 0);
		at += word.n + 1;
		if (is_more && (ends_sentence(word) || at > LINE_BYTES - 10)) {
			fputc('\n', to);
			at = 0;
		}
	}
	fputc('\n', to);
}

static void put_man_flag(FILE *to, const struct flag *f)
{
	fprintf(to, ".It Fl Fl %s", f->name);
	if (f->letter)
		fprintf(to, " , Fl %c", f->letter);
	if (f->arg)
		fprintf(to, " Ar %s", f->arg);
	fputc('\n', to);
	put_prose(to, f->doc);
	if (f->words) {
		fprintf(to, "%s: ", f->type == FLAG_WORDS ? "Some of" : "One of");
		put_mdoc(to, f->words);
	}
	if (f->fallback) {
		fputs("Default: ", to);
		put_mdoc(to, f->fallback);
	}
	if (f->env)
		fprintf(to, "Environment:\n.Ev %s\n", f->env);
}

static void put_man_command(FILE *to, const struct cli_command *k)
{
	fprintf(to, ".Ss %s\n.Nm tocsin %s\n.Op Ar flags\n", k->name, k->name);
	if (*k->args) {
		fputs(".Ar ", to);
		put_mdoc(to, k->args);
	}
	fputs(".Pp\n", to);
	put_prose(to, k->summary);
	if (k->detail) {
		fputs(".Pp\n", to);
		put_prose(to, k->detail);
	}
	if (k->n_flags) {
		fputs(".Bl -tag -width Ds\n", to);
		for (size_t i = 0; i < k->n_flags; i++)
			put_man_flag(to, &k->flags[i]);
		fputs(".El\n", to);
	}
	fputs(".Bd -literal -offset indent\n", to);
	for (size_t i = 0; i < COUNT(k->examples); i++)
		put_mdoc(to, k->examples[i]);
	fputs(".Ed\n", to);
}

static void put_man_exits(FILE *to)
{
	fputs(".Sh EXIT STATUS\n.Bl -tag -width Ds\n", to);
	for (int code = 0; code <= EXIT_TRUE; code++)
		if (exit_meaning(code)) {
			fprintf(to, ".It %d\n", code);
			put_prose(to, exit_meaning(code));
		}
	fputs(".El\n", to);
}

static int run_man(struct cli *c)
{
	FILE *to = c->o->out;
	fputs(".Dd $Mdocdate$\n.Dt TOCSIN 1\n.Os\n.Sh NAME\n.Nm tocsin\n.Nd page people until somebody acknowledges\n"
	      ".Sh SYNOPSIS\n.Nm tocsin\n.Ar command\n.Op Ar flags\n.Op Ar arguments\n.Sh DESCRIPTION\n"
	      "One program: the server, and the command line for those whom it pages.\n", to);
	for (size_t i = 0; i < command_count(); i++)
		put_man_command(to, command_at(i));
	fputs(".Ss Flags of every command\n.Bl -tag -width Ds\n", to);
	for (size_t i = 0; i < COMMON_FLAGS; i++)
		put_man_flag(to, &common_flags[i]);
	fputs(".El\n", to);
	put_man_exits(to);
	return EXIT_DONE;
}

const struct cli_command command_man = {
	.name = "man",
	.args = "",
	.summary = "print the manual page",
	.examples = { "tocsin man > tocsin.1", "tocsin man | man -l -" },
	.see = "help, completion",
	.exits = "0 2",
	.run = run_man,
};
