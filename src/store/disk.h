/* disk.h - what the backends on disk share: the single-process lock, whole-file reads and writes, free space. */
#ifndef STORE_DISK_H
#define STORE_DISK_H
#include "store/store.h"
#include <pthread.h>
#include <sys/types.h>

/* Creates and locks a file so that one process alone uses what it stands for. STORE_BUSY: somebody has it, why says who. */
enum store_rc disk_lock(const char *path, int *ret_fd, struct buf *why) MUST_USE;

/* STORE_INVAL with a sentence when the directory is on a network file system, where locks and flushes are not to be trusted. */
enum store_rc disk_check_local(const char *directory, struct buf *why) MUST_USE;

/* STORE_DOWN with a sentence when what is at the path, file or directory, is kept from us. That nothing is there is well. */
enum store_rc disk_check_readable(const char *path, struct buf *why) MUST_USE;

int disk_sync_directory(const char *directory) MUST_USE;              /* 0 or errno */
int disk_write(int fd, struct str bytes, off_t at) MUST_USE;          /* all of it; 0 or errno */
int disk_read(const char *path, struct buf *ret) MUST_USE;            /* the whole file; 0 or errno */
int disk_reserve(int fd, off_t from, off_t n) MUST_USE;               /* blocks for [from, from + n), zeroed; 0 or errno */
char *disk_path(struct str directory, const char *fmt, ...) PRINTF_LIKE(2, 3);   /* directory/fmt...; free() it */
char *disk_parent(struct str path);                                   /* the directory a file is in; free() it */
int64_t disk_us(void);                                                /* a clock for measuring, in microseconds */

/* Whether the file system has less than the configured free space; asked at most five times a second. Any thread. */
struct space {
	char *directory;
	int64_t min_free;
	struct store_clock clock;
	pthread_mutex_t lock;
	int64_t asked_at, free;
};
void space_init(struct space *s, const char *directory, const struct store_options *o);
void space_done(struct space *s);
int64_t space_free(struct space *s);
bool space_is_low(struct space *s);
#endif
