/* admin.h - commands that work on a store directly, while no server has it. */
#ifndef MAIN_ADMIN_H
#define MAIN_ADMIN_H
#include "cli/command.h"

int admin_token_create(struct cli *c);   /* tocsin token create --config FILE NAME: the first token of a server that asks for one */
#endif
