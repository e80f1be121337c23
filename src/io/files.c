/* files.c - see files.h. */
#include "io/files.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* What was being done, to which file, why it failed, and what may cure it. */
static int say(struct buf *why, int err, const char *doing, const char *path)
{
	static const struct { int err; const char *cure; } cures[] = {
		{ ENOENT, "check the path" }, { EISDIR, "name a file, not a directory" }, { ENOTDIR, "check the path" },
		{ EACCES, "give this user the right to it" }, { EPERM, "give this user the right to it" },
		{ ENOSPC, "free space on that file system" }, { EDQUOT, "free space or raise the quota" },
		{ EROFS, "choose a directory that can be written" }, { EFBIG, "use a smaller file" },
	};
	buf_fmt(why, "cannot %s %s: %s", doing, path, strerror(err));
	for (size_t i = 0; i < COUNT(cures); i++)
		if (cures[i].err == err)
			buf_fmt(why, "; %s", cures[i].cure);
	return err;
}

/* Grows as it reads: the size that stat gives is no promise, and pipes have none. */
static int read_all(int fd, struct buf *into)
{
	char part[16 << 10];
	for (;;) {
		ssize_t n = read(fd, part, sizeof part);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			return 0;
		buf_add(into, (struct str){ part, (size_t)n });
		if (into->err)
			return EFBIG;
	}
}

int file_read(struct arena *a, const char *path, size_t max, struct str *ret, struct buf *why)
{
	bool is_stdin = strcmp(path, "-") == 0;
	struct buf b = BUF(max);
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return say(why, errno, "open", path);
	int err = read_all(fd, &b);
	if (!is_stdin)
		close(fd);
	if (err == 0 && str_keep(a, buf_str(&b), ret) != 0)
		err = EFBIG;
	buf_free(&b);
	return err ? say(why, err, "read", is_stdin ? "standard input" : path) : 0;
}

static int write_all(int fd, struct str s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno != EINTR)
			return errno;
		if (n > 0)
			s = str_skip(s, (size_t)n);
	}
	return 0;
}

static int write_and_sync(int fd, struct str bytes, unsigned mode)
{
	int err = write_all(fd, bytes);
	if (err == 0 && (fchmod(fd, (mode_t)mode) != 0 || fsync(fd) != 0))
		err = errno;
	if (close(fd) != 0 && err == 0)                            /* some file systems report a failed write here */
		err = errno;
	return err;
}

/* A rename is durable when its directory is. */
static int sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
	char *dir = n ? xstrndup((struct str){ path, n }) : xstrndup(S("."));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	free(dir);
	if (fd < 0)
		return errno;
	if (fsync(fd) != 0 && errno != EINVAL)                     /* EINVAL: this file system has nothing to sync there */
		err = errno;
	close(fd);
	return err;
}

int file_write(const char *path, struct str bytes, unsigned mode, struct buf *why)
{
	struct buf name = BUF(8 << 10);
	buf_fmt(&name, "%s.XXXXXX", path);
	if (name.err)
		return say(why, ENAMETOOLONG, "write", path);
	int fd = mkostemp(name.p, O_CLOEXEC), err = 0;
	if (fd < 0) {
		err = say(why, errno, "make a temporary file beside", path);
		buf_free(&name);
		return err;
	}
	err = write_and_sync(fd, bytes, mode);
	if (err == 0 && rename(name.p, path) != 0)
		err = errno;
	if (err)
		(void)unlink(name.p);                              /* if this fails too, a stray temporary file is the lesser harm */
	else
		err = sync_directory(path);
	buf_free(&name);
	return err ? say(why, err, "write", path) : 0;
}

int file_free_space(const char *path, uint64_t *ret_bytes)
{
	struct statvfs v;
	if (statvfs(path, &v) != 0)
		return errno;
	*ret_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	return 0;
}
