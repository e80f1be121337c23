/* tools.h - the commands that look after a store: each from its parsed line to an exit code. */
#ifndef MAIN_TOOLS_H
#define MAIN_TOOLS_H
#include "cli/command.h"
#include "store/census.h"

int tool_storage_copy(struct cli *c);    /* copying.c */
int tool_storage_info(struct cli *c);
int tool_backup(struct cli *c);          /* backup.c */
int tool_restore(struct cli *c);
int tool_fsck(struct cli *c);            /* fsck.c */
int tool_migrate_status(struct cli *c);  /* migrate.c */
int tool_migrate_up(struct cli *c);
int tool_migrate_to(struct cli *c);
int tool_migrate_verify(struct cli *c);

/* What they share. */
struct patience tool_patience(struct cli *c);                /* waits as long as the command line may */
/* A row for table_print from JSON text that we made. */
const struct jv *tool_row(struct cli *c, struct buf *json);
#endif
