/* cmd_completion.c - `tocsin completion`: the command table as completions for three shells. */
#include "cli/command.h"
#include <string.h>

static const struct flag *every_flag(const struct cli_command *k, size_t i)
{
	if (i < k->n_flags)
		return &k->flags[i];
	i += (k->is_remote ? 0 : COMMON_REMOTE) - k->n_flags;
	return i < COMMON_FLAGS ? &common_flags[i] : NULL;
}

static void put_flags(FILE *to, const struct cli_command *k)
{
	const struct flag *f;
	for (size_t i = 0; (f = every_flag(k, i)) != NULL; i++)
		fprintf(to, "%s--%s", i ? " " : "", f->name);
}

/* The first words, each once: families have several rows. */
static bool is_first_of_family(size_t i)
{
	const char *name = command_at(i)->name;
	size_t n = strcspn(name, " ");
	return i == 0 || strncmp(command_at(i - 1)->name, name, n) != 0 || (command_at(i - 1)->name[n] != ' ' && command_at(i - 1)->name[n] != '\0');
}

static void put_first_words(FILE *to)
{
	for (size_t i = 0; i < command_count(); i++)
		if (is_first_of_family(i))
			fprintf(to, "%s%.*s", i ? " " : "", (int)strcspn(command_at(i)->name, " "), command_at(i)->name);
}

static void put_members(FILE *to, const char *family, size_t n)
{
	for (size_t i = 0; i < command_count(); i++)
		if (strncmp(command_at(i)->name, family, n) == 0 && command_at(i)->name[n] == ' ')
			fprintf(to, " %s", command_at(i)->name + n + 1);
}

static void put_bash(FILE *to)
{
	fputs("# bash completion for tocsin: source <(tocsin completion bash)\n_tocsin() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} words=\n", to);
	fputs("\tcase \"${COMP_WORDS[1]:-} ${COMP_WORDS[2]:-}\" in\n", to);
	for (size_t i = 0; i < command_count(); i++) {
		const char *name = command_at(i)->name;
		fprintf(to, "\t\"%s%s\"*) words=\"", name, strchr(name, ' ') ? "" : " ");
		put_flags(to, command_at(i));
		fputs("\" ;;\n", to);
	}
	for (size_t i = 0; i < command_count(); i++) {
		const char *name = command_at(i)->name;
		size_t n = strcspn(name, " ");
		if (name[n] == '\0' || !is_first_of_family(i))
			continue;
		fprintf(to, "\t\"%.*s \"*) words=\"", (int)n, name);
		put_members(to, name, n);
		fputs("\" ;;\n", to);
	}
	fputs("\tesac\n\t[ \"$COMP_CWORD\" -eq 1 ] && words=\"", to);
	put_first_words(to);
	fputs("\"\n\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}\ncomplete -o default -F _tocsin tocsin\n", to);
}

static void put_zsh(FILE *to)
{
	fputs("#compdef tocsin\n# zsh completion for tocsin: source <(tocsin completion zsh)\n_tocsin() {\n\tlocal -a words_here\n"
	      "\tif (( CURRENT == 2 )); then\n\t\twords_here=(", to);
	put_first_words(to);
	fputs(")\n\telse\n\t\tcase \"${words[2]} ${words[3]}\" in\n", to);
	for (size_t i = 0; i < command_count(); i++) {
		const char *name = command_at(i)->name;
		fprintf(to, "\t\t\"%s%s\"*) words_here=(", name, strchr(name, ' ') ? "" : " ");
		put_flags(to, command_at(i));
		fputs(") ;;\n", to);
	}
	for (size_t i = 0; i < command_count(); i++) {
		const char *name = command_at(i)->name;
		size_t n = strcspn(name, " ");
		if (name[n] == '\0' || !is_first_of_family(i))
			continue;
		fprintf(to, "\t\t\"%.*s \"*) words_here=(", (int)n, name);
		put_members(to, name, n);
		fputs(") ;;\n", to);
	}
	fputs("\t\tesac\n\tfi\n\tcompadd -a words_here\n}\ncompdef _tocsin tocsin\n", to);
}

/* Single quotes inside single quotes, as fish wants them. */
static void put_quoted(FILE *to, const char *text)
{
	fputc('\'', to);
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', to);
		fputc(*text, to);
	}
	fputc('\'', to);
}

static void put_fish_command(FILE *to, const struct cli_command *k)
{
	size_t n = strcspn(k->name, " ");
	if (k->name[n] == '\0')
		fprintf(to, "complete -c tocsin -f -n __fish_use_subcommand -a %s -d ", k->name);
	else
		fprintf(to, "complete -c tocsin -f -n '__fish_seen_subcommand_from %.*s' -a %s -d ", (int)n, k->name, k->name + n + 1);
	put_quoted(to, k->summary);
	fputc('\n', to);
	const struct flag *f;
	for (size_t i = 0; (f = every_flag(k, i)) != NULL; i++) {
		fprintf(to, "complete -c tocsin -n '__fish_seen_subcommand_from %.*s' -l %s%s -d ", (int)n, k->name, f->name,
		    f->type == FLAG_BOOL ? "" : " -r");
		put_quoted(to, f->doc);
		fputc('\n', to);
	}
}

static void put_fish(FILE *to)
{
	fputs("# fish completion for tocsin: tocsin completion fish | source\n", to);
	for (size_t i = 0; i < command_count(); i++) {
		const char *name = command_at(i)->name;
		size_t n = strcspn(name, " ");
		if (name[n] == ' ' && is_first_of_family(i))
			fprintf(to, "complete -c tocsin -f -n __fish_use_subcommand -a %.*s\n", (int)n, name);
		put_fish_command(to, command_at(i));
	}
}

static const struct { const char *name; void (*put)(FILE *to); } shells[] = { { "bash", put_bash }, { "zsh", put_zsh }, { "fish", put_fish } };

static int run_completion(struct cli *c)
{
	for (size_t i = 0; i < COUNT(shells); i++)
		if (str_eq(str_c(shells[i].name), c->args.v[0])) {
			shells[i].put(c->o->out);
			return EXIT_DONE;
		}
	say(c, "completion takes bash, zsh or fish, not `%.*s`", STR_ARG(c->args.v[0]));
	return EXIT_USAGE;
}

const struct cli_command command_completion = {
	.name = "completion",
	.args = "bash|zsh|fish",
	.least = 1,
	.most = 1,
	.summary = "print completions for a shell",
	.examples = { "source <(tocsin completion bash)", "tocsin completion fish | source" },
	.see = "help, man",
	.exits = "0 2",
	.run = run_completion,
};
