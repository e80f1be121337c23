/* backup.h - a store into a file, for the commands that begin with one; and what making and restoring one have in common. */
#ifndef MAIN_BACKUP_H
#define MAIN_BACKUP_H
#include "main/locate.h"
#include "store/dump.h"

/* Writes FILE.tmp, flushes it, reads it back, gives it its name. EXIT_DONE, or it has been said what went wrong and FILE is as it was. A file that
 * is there already is an error unless `replaces`. */
struct backup_made { struct census census; int64_t bytes; };
int backup_make(struct cli *c, struct located *from, struct str file, bool replaces, struct backup_made *ret);

struct dump_file backup_file(FILE *from, struct str name, const struct store_options *o);
void backup_print(struct cli *c, const struct census *census, const struct store_options *o);      /* a table of the kinds there are */
#endif
