/* json.h - doors into the json backend for its tests. */
#ifndef STORE_JSON_H
#define STORE_JSON_H
#include "store/store.h"

/* Writes a snapshot now instead of when the journal has grown enough. */
enum store_rc json_snapshot(struct store *s) MUST_USE;
/* What flushes a file from now on, instead of fdatasync: to see what happens when it fails. */
void json_set_sync(struct store *s, int (*sync)(int fd));
#endif
