/* backup.h - a store into a file, for the commands that begin with one. */
#ifndef MAIN_BACKUP_H
#define MAIN_BACKUP_H
#include "main/locate.h"
#include "store/census.h"

/* Writes FILE.tmp, flushes it, reads it back, gives it its name. EXIT_DONE, or it has been said what went wrong and FILE is as it was. A file that
 * is there already is an error unless `replaces`. */
struct backup_made { struct census census; int64_t bytes; };
int backup_make(struct cli *c, struct located *from, struct str file, bool replaces, struct backup_made *ret);
#endif
