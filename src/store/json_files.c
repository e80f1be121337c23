/* json_files.c - see json_files.h. */
#include "store/json_files.h"
#include "store/disk.h"
#include "store/journal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A new file, whole or not there: written beside, flushed, renamed, the directory flushed. 0 or errno; once renamed every error is
 * EIO, for the file may count from then on. */
static int write_file(const char *directory, const char *path, struct str bytes, int (*sync)(int fd))
{
	struct buf name = BUF(SIZE_MAX / 2);
	buf_fmt(&name, "%s.tmp", path);
	char *tmp = name.p;
	int fd = open(tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), err = fd < 0 ? errno : disk_write(fd, bytes, 0);
	if (err == 0 && sync(fd) != 0)
		err = EIO;
	if (fd >= 0)
		close(fd);
	if (err == 0 && rename(tmp, path) != 0)
		err = errno;
	if (err)
		(void)unlink(tmp);                                 /* a leftover is removed by the next open */
	free(tmp);
	if (err == 0 && disk_sync_directory(directory) != 0)
		err = EIO;
	return err;
}

/* What was written, read back from the file and compared. */
static int verify_file(const char *path, struct str want)
{
	struct buf got = BUF(SIZE_MAX / 2);
	bool is_same = disk_read(path, &got) == 0 && str_eq(buf_str(&got), want);
	buf_free(&got);
	return is_same ? 0 : EIO;
}

int json_write_verified(const char *directory, const char *name, int64_t gen, struct str bytes, int (*sync)(int fd))
{
	char *path = disk_path(str_c(directory), "%s.%lld", name, (long long)gen);
	int err = write_file(directory, path, bytes, sync);
	if (err == 0)
		err = verify_file(path, bytes);
	free(path);
	return err;
}

static bool number_behind(const char *name, const char *stem, int64_t *ret)
{
	struct str s = str_c(name);
	return str_starts(s, str_c(stem)) && str_int(str_skip(s, strlen(stem)), ret) && *ret > 0;
}

void json_remove_others(const char *directory, int64_t kept)
{
	DIR *d = opendir(directory);
	struct dirent *e;
	while (d && (e = readdir(d)) != NULL) {
		int64_t gen = 0;
		bool is_ours = number_behind(e->d_name, "journal.", &gen) || number_behind(e->d_name, "snapshot.", &gen);
		bool is_tmp = str_starts(str_c(e->d_name), S("journal.")) || str_starts(str_c(e->d_name), S("snapshot."));
		if (is_ours ? gen != kept : is_tmp && strstr(e->d_name, ".tmp"))
			(void)unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
}

void json_find_newest(const char *directory, int64_t *ret_journal, int64_t *ret_snapshot)
{
	DIR *d = opendir(directory);
	struct dirent *e;
	while (d && (e = readdir(d)) != NULL) {
		int64_t gen = 0;
		if (number_behind(e->d_name, "journal.", &gen) && gen > *ret_journal)
			*ret_journal = gen;
		if (number_behind(e->d_name, "snapshot.", &gen) && gen > *ret_snapshot)
			*ret_snapshot = gen;
	}
	if (d)
		closedir(d);
}

int json_read_schema(const char *directory, int64_t gen)
{
	char *path = disk_path(str_c(directory), "journal.%lld", (long long)gen), head[256];
	struct journal_head h = { .schema = JOURNAL_SCHEMA };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : pread(fd, head, sizeof head, 0);
	if (fd >= 0)
		close(fd);
	free(path);
	return journal_read_head((struct str){ head, n > 0 ? (size_t)n : 0 }, &h) && h.schema > 0 && h.schema < INT_MAX ? (int)h.schema : JOURNAL_SCHEMA;
}
