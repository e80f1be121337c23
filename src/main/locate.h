/* locate.h - which store a command is about, from what people write: a configuration file (its `storage:` part), or a short form.
 *
 *	tocsin.yaml                                        the store of this configuration
 *	sqlite:PATH   json:DIRECTORY
 *	postgresql://USER@HOST/DATABASE[?OPTIONS][#SCHEMA]   what libpq takes; the password from where libpq finds one
 *	dynamodb:TABLE[?region=R&endpoint=URL&shards=N]
 *
 * Whatever begins with a word and a colon is a short form; a file that is called so is written ./a:b.yaml.
 */
#ifndef MAIN_LOCATE_H
#define MAIN_LOCATE_H
#include "cli/command.h"
#include "main/config.h"
#include "store/store.h"

struct located {
	struct str text;                 /* as people wrote it */
	struct config *config;           /* when it is a configuration; owned */
	struct str driver;
	struct store_options options;    /* point into the configuration or the command's memory */
};
/* EXIT_DONE; else it has been said what is wrong. Free it in either case. */
int locate(struct cli *c, struct str text, struct located *ret);
/* The store of --config, TOCSIN_CONFIG or the usual places, unless the flag named `flag` says another (NULL: there is no such flag). */
int locate_given(struct cli *c, const char *flag, struct located *ret);
void located_free(struct located *l);

/* Opens it, or says why not: EXIT_FAILED. must_exist: a store is not made where there is none. A reader looks on beside a running server where the
 * backend can do that. */
enum locate_how { LOCATE_READ, LOCATE_USE, LOCATE_MAKE };     /* a reader; one that must be there; one that is made when it is not */
int located_open(struct cli *c, struct located *l, enum locate_how how, struct store **ret);

/* Whether both are one and the same store. */
bool located_is_same(const struct located *a, const struct located *b);

/* What --from names, opened for reading; work with it; closed again. An exit code. */
int located_read(struct cli *c, int (*work)(struct cli *c, struct store *s, const struct located *where));
#endif
