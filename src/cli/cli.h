/* cli.h - the command line's door. Everything around it is passed in, so that tests run whole commands without a terminal, a
 * server or a clock.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H
#include "io/client.h"
#include <stdio.h>

struct cli;
struct cli_outside {
	FILE *in, *out, *err;
	bool is_terminal;                /* out is one */
	bool is_talk_terminal;           /* err is one: progress is a bar there, lines elsewhere */
	int width;                       /* its columns; 0: not known */
	void *ctx;
	const char *(*env)(void *ctx, const char *name);                              /* NULL: not set */
	void (*perform)(void *ctx, struct client_transfer *t, int64_t timeout_ms);    /* one request to the server */
	int64_t (*now_ms)(void *ctx);                                                 /* wall time */
	void (*sleep_ms)(void *ctx, int64_t ms);
	int (*run_main)(void *ctx, struct cli *c);                                    /* commands that the command line leaves to main */
	struct str (*explain)(void *ctx, struct str name);                            /* `help TOCSIN1102`; empty: no such code */
};

/* Runs one line and returns the exit code of the process. argv[0] is the program. */
int cli_main(const struct cli_outside *o, int argc, const char *const *argv);
#endif
