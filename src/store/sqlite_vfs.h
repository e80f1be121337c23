/* sqlite_vfs.h - SQLite's own file access, with the writes to the WAL gathered into large ones. See sqlite_vfs.c. */
#ifndef STORE_SQLITE_VFS_H
#define STORE_SQLITE_VFS_H
#include <sqlite3.h>

struct batch_vfs;
struct batch_vfs *batch_vfs_new(void);           /* on top of SQLite's default VFS; registered under a name of its own */
const char *batch_vfs_name(const struct batch_vfs *v);
void batch_vfs_free(struct batch_vfs *v);        /* after every connection that uses it is closed */
#endif
