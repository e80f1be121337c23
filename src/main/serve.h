/* serve.h - `tocsin serve`: the server, from reading the configuration to the last answer. */
#ifndef MAIN_SERVE_H
#define MAIN_SERVE_H
#include <stdbool.h>

/* config_path: NULL or "" looks in the usual places. check_only: only says whether it would start. Returns the exit code: 0 ended by a signal,
 * 1 the store or the address is not to be had, 3 the configuration is invalid. Prints `listening on http://HOST:PORT` to standard
 * error when it is ready. */
int serve_main(const char *config_path, bool check_only);
#endif
