/* disk.c - what the backends on disk share. See disk.h. */
#include "store/disk.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

enum { ASK_EVERY_MS = 200 };

static void say_who_has_it(int fd, const char *path, struct buf *why)
{
	char pid[24] = "";
	ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
	struct str who = str_trim((struct str){ pid, n > 0 ? (size_t)n : 0 });
	buf_fmt(why, "%s: another process%s%.*s%s is using this store; stop it first, or give this one a path of its own", path,
	    who.n ? " (" : "", STR_ARG(who), who.n ? ")" : "");
}

/* Both kinds of lock: flock is seen by tools that know only it, the OFD lock by other implementations of fcntl. */
static bool take(int fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	return flock(fd, LOCK_EX | LOCK_NB) == 0 && fcntl(fd, F_OFD_SETLK, &whole) == 0;
}

/* Who holds the lock, for the sentence the next one gets. On a full disk it stays out: the lock counts, the name is a courtesy. */
static void leave_name(int fd)
{
	struct buf pid = BUF(32);
	buf_fmt(&pid, "pid %ld\n", (long)getpid());
	int err = ftruncate(fd, 0) == 0 ? disk_write(fd, buf_str(&pid), 0) : errno;
	(void)err;
	buf_free(&pid);
}

enum store_rc disk_lock(const char *path, int *ret_fd, struct buf *why)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		buf_fmt(why, "%s: cannot open the lock file: %s; check that the directory exists and may be written", path,
		    strerror(errno));
		return STORE_DOWN;
	}
	if (!take(fd)) {
		say_who_has_it(fd, path, why);
		close(fd);
		return STORE_BUSY;
	}
	leave_name(fd);
	*ret_fd = fd;
	return STORE_OK;
}

enum store_rc disk_check_local(const char *directory, struct buf *why)
{
	static const struct { uint32_t magic; const char *name; } remote[] = {
		{ NFS_SUPER_MAGIC, "NFS" }, { SMB_SUPER_MAGIC, "SMB" }, { 0xfe534d42u, "SMB" }, { 0xff534d42u, "CIFS" },
		{ V9FS_MAGIC, "9p" }, { FUSE_SUPER_MAGIC, "FUSE" }, { CEPH_SUPER_MAGIC, "Ceph" }, { AFS_SUPER_MAGIC, "AFS" },
		{ CODA_SUPER_MAGIC, "Coda" },
	};
	struct statfs fs;
	if (statfs(directory, &fs) != 0) {
		buf_fmt(why, "%s: %s; create the directory, or correct the path of the store", directory, strerror(errno));
		return STORE_DOWN;
	}
	for (size_t i = 0; i < COUNT(remote); i++)
		if ((uint32_t)fs.f_type == remote[i].magic) {
			buf_fmt(why, "%s: is on a %s file system, where locks and flushes cannot be relied on; "
			    "put the store on a local disk", directory, remote[i].name);
			return STORE_INVAL;
		}
	return STORE_OK;
}

enum store_rc disk_check_readable(const char *path, struct buf *why)
{
	if (access(path, R_OK) == 0 || errno == ENOENT || errno == ENOTDIR)
		return STORE_OK;
	buf_fmt(why, "%s: cannot be looked at: %s; do this as the user whose store it is", path, strerror(errno));
	return STORE_DOWN;
}

int disk_sync_directory(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	int err = fsync(fd) == 0 ? 0 : errno;
	close(fd);
	return err;
}

int disk_write(int fd, struct str bytes, off_t at)
{
	while (bytes.n > 0) {
		ssize_t n = pwrite(fd, bytes.p, bytes.n, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		bytes = str_skip(bytes, (size_t)n);
		at += n;
	}
	return 0;
}

static int read_all(int fd, struct buf *ret)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return errno;
	size_t want = (size_t)st.st_size;
	ret->p = xrealloc(ret->p, want + 1);
	ret->cap = want + 1;
	while (ret->n < want) {
		ssize_t n = pread(fd, ret->p + ret->n, want - ret->n, (off_t)ret->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		ret->n += (size_t)n;
	}
	ret->p[ret->n] = '\0';
	return 0;
}

int disk_read(const char *path, struct buf *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	buf_clear(ret);
	int err = read_all(fd, ret);
	close(fd);
	return err;
}

int disk_reserve(int fd, off_t from, off_t n)
{
	int err;
	do
		err = posix_fallocate(fd, from, n);
	while (err == EINTR);
	return err;
}

char *disk_path(struct str directory, const char *fmt, ...)
{
	struct buf path = BUF(SIZE_MAX / 2);
	va_list ap;
	buf_add(&path, directory);
	buf_char(&path, '/');
	va_start(ap, fmt);
	buf_vfmt(&path, fmt, ap);
	va_end(ap);
	return path.p;
}

char *disk_parent(struct str path)
{
	size_t n = path.n;
	while (n > 0 && path.p[n - 1] != '/')
		n--;
	if (n == 0)
		return xstrndup(S("."));
	return xstrndup((struct str){ path.p, n > 1 ? n - 1 : 1 });
}

int64_t disk_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void space_init(struct space *s, const char *directory, const struct store_options *o)
{
	*s = (struct space){ .directory = xstrndup(str_c(directory)), .min_free = o->min_free_bytes, .clock = o->clock };
	s->asked_at = o->clock.boot_ms(o->clock.ctx) - ASK_EVERY_MS;
	pthread_mutex_init(&s->lock, NULL);
}

void space_done(struct space *s)
{
	pthread_mutex_destroy(&s->lock);
	free(s->directory);
}

int64_t space_free(struct space *s)
{
	pthread_mutex_lock(&s->lock);
	int64_t boot = s->clock.boot_ms(s->clock.ctx);
	struct statfs fs;
	if (boot - s->asked_at >= ASK_EVERY_MS && statfs(s->directory, &fs) == 0) {
		s->free = (int64_t)fs.f_bavail * (int64_t)fs.f_bsize;
		s->asked_at = boot;
	}
	int64_t left = s->free;
	pthread_mutex_unlock(&s->lock);
	return left;
}

bool space_is_low(struct space *s)
{
	return s->min_free > 0 && space_free(s) < s->min_free;
}
