/* json_files.h - the files in the json backend's directory, by generation: snapshot.N and journal.N. Private to json.c. */
#ifndef STORE_JSON_FILES_H
#define STORE_JSON_FILES_H
#include "store/store.h"

/* NAME.GEN, whole or not there, durable, and read back and compared. 0 or errno; once it has its name every error is EIO, for it may
 * count from then on. sync flushes a file. */
int json_write_verified(const char *directory, const char *name, int64_t gen, struct str bytes, int (*sync)(int fd)) MUST_USE;
/* The highest journal and snapshot there are; left as they are where there is none higher. */
void json_find_newest(const char *directory, int64_t *ret_journal, int64_t *ret_snapshot);
/* Removes what is not of this generation. What cannot be removed is only in the way of tidiness. */
void json_remove_others(const char *directory, int64_t kept);
/* What the head of a journal says. One that cannot be read is said when it is opened; until then it is taken for one of ours. */
int json_read_schema(const char *directory, int64_t gen);
#endif
