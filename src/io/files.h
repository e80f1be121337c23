/* files.h - whole files in and out, with sentences when it does not work.
 *
 * All paths are C strings as the user gave them and appear in the sentences. Errors are errno codes; EFBIG: longer than allowed.
 */
#ifndef IO_FILES_H
#define IO_FILES_H
#include "base/base.h"

/* The whole file, a NUL behind it. "-" is standard input. */
int file_read(struct arena *a, const char *path, size_t max, struct str *ret, struct buf *why) MUST_USE;

/* Puts the file there whole or leaves the old one untouched: temporary file beside it, fsync, rename, fsync of the directory. When it
 * returns 0 the new one survives a power cut. mode as for open(2), 0600 for secrets; applied whatever the umask. */
int file_write(const char *path, struct str bytes, unsigned mode, struct buf *why) MUST_USE;

/* Bytes that an ordinary user may still write to the file system that holds path. */
int file_free_space(const char *path, uint64_t *ret_bytes) MUST_USE;
#endif
