/* commands.h - the commands that the command line leaves to main: those that read configurations and open stores. */
#ifndef MAIN_COMMANDS_H
#define MAIN_COMMANDS_H
#include "cli/cli.h"

int command_run(void *ctx, struct cli *c);                     /* cli_outside.run_main; returns the exit code */
struct str command_explain(void *ctx, struct str name);        /* cli_outside.explain: what a code such as TOCSIN1102 means */
#endif
