/* command.h - the command line as a table: one row per command, from which parsing, help, completion and the manual are made.
 *
 * A command is one file and one line in list.h. Its row says everything a person can ask about it; its run function gets the
 * parsed line and returns an exit code. Rows without run (serve, config) are carried out by main, which may read files and stores.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H
#include "cli/cli.h"
#include "model/desc.h"

/* TEXT anything; INT least..most; DURATION 15m; SEVERITY a name or 1..5; WORD one of words; WORDS some of words, with commas between;
 * PAIR name=value. BOOL takes no value. */
enum flag_type { FLAG_BOOL, FLAG_TEXT, FLAG_INT, FLAG_DURATION, FLAG_SEVERITY, FLAG_WORD, FLAG_WORDS, FLAG_PAIR };
struct flag {
	const char *name;                /* without the dashes */
	char letter;                     /* -o; 0: none */
	enum flag_type type;
	const char *arg;                 /* what to call its value in the help */
	const char *words;               /* WORD, WORDS: those there are, with blanks between */
	int64_t least, most;             /* INT */
	const char *fallback, *env;      /* when it is not given: the variable's value, else this; NULL: none */
	bool is_many;                    /* may be given several times, every one counts */
	const char *doc;                 /* one sentence */
};

struct cli_command {
	const char *name;                /* "list", "token create" */
	const char *args;                /* after the name in the usage line: "ID..." */
	int least, most;                 /* how many of them; most -1: any number */
	bool has_ids;                    /* they are ids: `-` reads them from standard input, one a line */
	bool is_remote;                  /* talks to a server: --url and --token count */
	const char *summary;             /* one line, no full stop */
	const char *detail;              /* a paragraph, or NULL */
	const struct flag *flags;
	size_t n_flags;
	const char *examples[2];         /* whole lines; a test parses each of them */
	const char *see;                 /* other commands and topics, with ", " between */
	const char *exits;               /* exit codes it can end with, with blanks between */
	int (*run)(struct cli *c);       /* NULL: main does it */
};

#define COMMAND(name) extern const struct cli_command command_##name;
#include "cli/list.h"
#undef COMMAND
size_t command_count(void);
const struct cli_command *command_at(size_t i);
extern const struct flag common_flags[];      /* of every command; the first two of remote ones only */
enum { COMMON_REMOTE = 2, COMMON_FLAGS = 4 };

/* The words of one line, made sense of. */
struct given { const struct flag *flag; struct str text; };
struct cli {
	const struct cli_outside *o;
	struct arena mem;                /* everything made while the command runs */
	const struct cli_command *command;
	struct given *given;
	size_t n_given;
	struct str_list args;
	bool wants_help;
};

/* Fills in c. 0, or EXIT_USAGE after having said what is wrong and what is near. */
int parse_line(struct cli *c, int argc, const char *const *argv);

struct str flag_text(const struct cli *c, const char *name);         /* the last one given, else its variable, else its fallback */
bool flag_on(const struct cli *c, const char *name);
int64_t flag_number(const struct cli *c, const char *name);          /* INT, SEVERITY, DURATION (ms); 0 when there is none */
struct str_list flag_all(struct cli *c, const char *name);           /* of a flag that may be given several times */
bool flag_has_word(const struct cli *c, const char *name, const char *word);

/* Exit codes. scripts rest on them: never change one. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 3, EXIT_NOT_ALLOWED = 4, EXIT_NOT_FOUND = 5, EXIT_CONFLICT = 6,
	EXIT_PARTLY = 7, EXIT_UNREACHABLE = 8, EXIT_TRUE = 10 };
const char *exit_meaning(int code);

/* say: a line to standard error, "tocsin: " in front. hint: what to do about it. */
void say(const struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
void hint(const struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

void help_command(const struct cli *c, FILE *to, const struct cli_command *k);
void help_all(const struct cli *c, FILE *to);
int help_topic(const struct cli *c, struct str topic);               /* a command or a topic; EXIT_USAGE when there is neither */
#endif
