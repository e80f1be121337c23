/* cli.c - one line from its words to its exit code. */
#include "cli/command.h"
#include "cli/table.h"
#include <errno.h>
#include <string.h>

/* Answers of the server are the largest thing here: pages of incidents with their timelines. */
enum { CLI_ARENA_MAX = 512 << 20, COMPLAINT_MAX = 1 << 20 };

/* What the server says may quote strangers, so it is shown as any other text of theirs. */
PRINTF_LIKE(3, 0) static void complain(const struct cli *c, const char *head, const char *fmt, va_list ap)
{
	struct buf b = BUF(COMPLAINT_MAX);
	buf_vfmt(&b, fmt, ap);
	fputs(head, c->o->err);
	put_text(c->o->err, b.err ? S("the answer is too long to show") : buf_str(&b), PUT_LINES);
	fputc('\n', c->o->err);
	buf_free(&b);
}

void say(const struct cli *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	complain(c, "tocsin: ", fmt, ap);
	va_end(ap);
}

void hint(const struct cli *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	complain(c, "hint: ", fmt, ap);
	va_end(ap);
}

static int dispatch(struct cli *c)
{
	if (c->wants_help) {
		help_command(c, c->o->out, c->command);
		return EXIT_DONE;
	}
	return c->command->run ? c->command->run(c) : c->o->run_main(c->o->ctx, c);
}

/* Output that did not arrive is a failure of the command: a script must not go on with half a list. */
static int close_output(struct cli *c, int code)
{
	if (fflush(c->o->out) == 0 && !ferror(c->o->out))
		return code;
	say(c, "the output could not be written (%s)", strerror(errno));
	return code ? code : EXIT_FAILED;
}

/* `tocsin --help`, `-h` and `--version` stand for commands. */
static const char *stands_for(const char *word)
{
	static const char *const pairs[][2] = { { "--help", "help" }, { "-h", "help" }, { "--version", "version" }, { "-V", "version" } };
	for (size_t i = 0; i < COUNT(pairs); i++)
		if (strcmp(word, pairs[i][0]) == 0)
			return pairs[i][1];
	return word;
}

int cli_main(const struct cli_outside *o, int argc, const char *const *argv)
{
	struct cli c = { .o = o, .mem = ARENA(CLI_ARENA_MAX) };
	if (argc < 2) {
		help_all(&c, o->err);
		return EXIT_USAGE;
	}
	const char **words = NEWN(&c.mem, const char *, (size_t)argc + 1);
	memcpy(words, argv, (size_t)argc * sizeof *words);
	words[1] = stands_for(argv[1]);
	int code = parse_line(&c, argc, words);
	if (code == EXIT_DONE)
		code = dispatch(&c);
	code = close_output(&c, code);
	arena_free(&c.mem);
	return code;
}
