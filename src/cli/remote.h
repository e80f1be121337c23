/* remote.h - one request to the server, from the command line's point of view: JSON in, JSON out, an exit code and a sentence when it
 * went wrong. Nothing is printed here, because commands over many ids say more than one.
 */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H
#include "cli/command.h"

struct answered {
	int exit;                        /* EXIT_DONE, or what the process may end with */
	struct str why;                  /* when it is not EXIT_DONE: one sentence */
	const char *cure;                /* what to do about it; NULL: nothing to add */
	const struct jv *json;           /* the body, or NULL when there was none or it was no JSON */
};
struct answered remote_call(struct cli *c, const char *method, struct str path, struct str body);

/* Every row of a list, page by page, in the server's order. The path may have a query. take returns false when it has enough. */
typedef bool row_take(void *ctx, const struct jv *row);
struct answered remote_rows(struct cli *c, struct str path, row_take *take, void *ctx);

/* Prints why and cure, returns exit. */
int remote_complain(const struct cli *c, const struct answered *a);

/* For paths and queries: everything but letters, digits, '-', '_', '.' and '~' percent-encoded. */
void add_encoded(struct buf *b, struct str s);

/* "/api/v1/incidents/ID/verb", or without the verb when it is empty. */
struct str incident_path(struct cli *c, struct str id, const char *verb);
struct str note_body(struct cli *c, struct str text);

/* The ids that were given, from standard input when one of them is `-`; each without a '#' in front. Standard input may be empty; an empty
 * word is EXIT_USAGE, said: a script whose variable was never set must not believe that somebody has the incident. */
int remote_ids(struct cli *c, struct str_list *ret);

/* Runs `call` for every id, says which failed, and prints what the others became. The exit code: 0, the failure all share, or EXIT_PARTLY. */
typedef struct answered id_call(struct cli *c, struct str id);
int remote_each(struct cli *c, id_call *call, const char *done_word);
#endif
