/* export_file.c - see export_file.h. */
#include "main/export_file.h"
#include "store/disk.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

/* Not much is ever waiting for the disk at once: the journal's flushes go to the same one and must not queue behind a whole file. */
enum { SYNC_EVERY = 4 << 20 };

void export_file_init(struct export_file *f, struct str path, struct str store, int64_t min_free)
{
	struct buf tmp = BUF(SIZE_MAX / 2);
	buf_add(&tmp, path);
	buf_add(&tmp, S(".tmp"));
	*f = (struct export_file){ .path = xstrndup(path), .tmp = tmp.p, .parent = disk_parent(path), .store = xstrndup(store),
		.sums = disk_path(store, "exported"), .min_free = min_free };
}

void export_file_done(struct export_file *f)
{
	free(f->path);
	free(f->tmp);
	free(f->parent);
	free(f->store);
	free(f->sums);
}

static void add_sum(struct buf *b, const uint8_t sum[SHA256_N])
{
	hex_write(b, sum, SHA256_N);
	buf_char(b, '\n');
}

/* A file of sums that cannot be read knows none: the export is then refused rather than overwritten. */
bool export_sums_have(const struct export_file *f, const uint8_t sum[SHA256_N])
{
	struct buf known = BUF(SIZE_MAX / 2), want = BUF(128);
	struct str line, rest;
	bool is_known = false;
	add_sum(&want, sum);
	want.n--;                                                  /* its line end */
	if (disk_read(f->sums, &known) == 0)
		for (rest = buf_str(&known); str_cut(rest, '\n', &line, &rest);)
			is_known |= str_eq(line, buf_str(&want));
	buf_free(&known);
	buf_free(&want);
	return is_known;
}

/* 0 or errno. */
static int write_whole(const char *path, struct str bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), err = fd < 0 ? errno : disk_write(fd, bytes, 0);
	if (err == 0 && fsync(fd) != 0)
		err = errno;
	if (fd >= 0)
		close(fd);
	return err;
}

/* The sum of the file that comes, beside that of the one it replaces. */
static int note_sums(const struct export_file *f, const uint8_t next[SHA256_N])
{
	struct buf text = BUF(1024);
	char *tmp = disk_path(str_c(f->store), "exported.tmp");
	if (f->is_there)
		add_sum(&text, f->sum);
	add_sum(&text, next);
	int err = write_whole(tmp, buf_str(&text));
	if (err == 0 && rename(tmp, f->sums) != 0)
		err = errno;
	if (err == 0)
		err = disk_sync_directory(f->store);
	free(tmp);
	buf_free(&text);
	return err;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Whether nothing or our own latest file stands in place. One that looks touched is read: it may still be the same, restored or copied over. */
static bool is_untouched(struct export_file *f)
{
	struct stat st;
	struct buf bytes = BUF(SIZE_MAX / 2);
	uint8_t sum[SHA256_N];
	if (lstat(f->path, &st) != 0)
		return errno == ENOENT;
	if (!f->is_there || !S_ISREG(st.st_mode))
		return false;
	if (is_same_file(&st, &f->seen))
		return true;
	bool is_same = disk_read(f->path, &bytes) == 0;
	sha256(buf_str(&bytes), sum);
	buf_free(&bytes);
	is_same = is_same && memcmp(sum, f->sum, sizeof sum) == 0;
	if (is_same)
		f->seen = st;
	return is_same;
}

static bool has_room(const struct export_file *f)
{
	struct statfs fs;
	int64_t size = f->is_there ? (int64_t)f->seen.st_size : 0;
	if (statfs(f->parent, &fs) != 0)
		return true;                                       /* writing will say what is wrong */
	return (int64_t)fs.f_bavail * (int64_t)fs.f_bsize - size >= f->min_free;
}

void export_out_begin(struct export_out *o, struct export_file *f)
{
	*o = (struct export_out){ .f = f, .fd = -1, .b = BUF(SIZE_MAX / 2), .run = sha256_begin() };
	(void)unlink(f->tmp);                                      /* of a process that died; what cannot be removed shows below */
	if (!is_untouched(f))
		o->err = ESTALE;
	else if (!has_room(f))
		o->err = ENOSPC;
	else if ((o->fd = open(f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		o->err = errno;
}

void export_out_flush(struct export_out *o, size_t keep)
{
	if (o->b.n <= keep)
		return;
	sha256_add(o->run, buf_str(&o->b));
	if (o->err == 0)
		o->err = disk_write(o->fd, buf_str(&o->b), (off_t)o->at);
	o->at += (int64_t)o->b.n;
	buf_clear(&o->b);
	if (o->err == 0 && o->at - o->synced >= SYNC_EVERY) {
		o->err = fdatasync(o->fd) == 0 ? 0 : errno;
		o->synced = o->at;
	}
}

static void close_out(struct export_out *o, uint8_t sum[SHA256_N])
{
	sha256_end(o->run, sum);
	buf_free(&o->b);
	if (o->err == 0 && (fsync(o->fd) != 0 || fstat(o->fd, &o->made) != 0))
		o->err = errno;
	if (o->fd >= 0)
		close(o->fd);
}

void export_out_drop(struct export_out *o)
{
	uint8_t sum[SHA256_N];
	close_out(o, sum);
	(void)unlink(o->f->tmp);                                   /* the next one removes it else */
}

/* The look and the rename stand side by side: what somebody else writes between them is lost. What the new file is like is known from before it has its
 * name, for at once behind that somebody may have changed it. */
static int put_in_place(struct export_file *f, const struct stat *made, const uint8_t sum[SHA256_N])
{
	int err = note_sums(f, sum);
	if (err == 0)
		err = !is_untouched(f) ? ESTALE : rename(f->tmp, f->path) != 0 ? errno : 0;
	if (err)
		return err;
	memcpy(f->sum, sum, sizeof f->sum);
	f->seen = *made;
	f->is_there = true;
	return disk_sync_directory(f->parent);
}

int export_out_end(struct export_out *o)
{
	struct export_file *f = o->f;
	uint8_t sum[SHA256_N];
	export_out_flush(o, 0);
	close_out(o, sum);
	bool is_same = f->is_there && memcmp(sum, f->sum, sizeof sum) == 0 && access(f->path, F_OK) == 0;
	if (o->err == 0 && is_same)
		o->err = is_untouched(f) ? 0 : ESTALE;
	else if (o->err == 0)
		o->err = put_in_place(f, &o->made, sum);
	if (o->err || is_same)
		(void)unlink(f->tmp);                              /* the next one removes it else */
	return o->err;
}
