/* json.c - documents in memory, and a journal in JSON that people and their tools can read.
 *
 *	DIR/lock          one process at a time
 *	DIR/snapshot.N    every document as it was when journal.N began; N > 1
 *	DIR/journal.N     every transaction since, one line each, in reserved space that reads as zeros
 *
 * A commit judges and applies its members in memory, writes their lines, flushes once, and only then lets go of the lock: nobody
 * reads what is not durable. Space is reserved 16 MiB ahead before a member is applied, so a full disk is a definite "full" and
 * not half a write; the last 4 MiB of it are kept for transactions that do more than create. When a write or a flush fails,
 * the disk may or may not have the lines: the group is answered "unknown" and the store is fenced for good.
 *
 * A new generation begins when the journal has outgrown the documents: snapshot.N+1 is written beside, flushed, renamed, read back and
 * compared; then journal.N+1 is made whole in the same way, and only then the old pair goes. So the highest journal.N is always the
 * one that counts, and its snapshot was verified before it existed. What is imported stands in lines of its own form, so a copy of n documents
 * costs n lines and not a snapshot each time.
 *
 * Everything is in memory: meant for up to some 50,000 incidents.
 */
#include "store/json.h"
#include "store/disk.h"
#include "store/journal.h"
#include "store/json_files.h"
#include "store/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { AHEAD = 16 << 20, SPARE = 4 << 20, SNAPSHOT_FIRST = 64 << 20 };

struct json {
	struct memory m;                 /* first: the readers are those of the memory backend */
	char *directory;
	const struct store_kind_def *kinds;
	size_t n_kinds;
	int lock_fd, fd;
	int64_t gen, group;
	int64_t schema, next_schema;     /* of the generation in use; of those that begin from now on */
	off_t end, reserved;             /* of the journal: where the next line goes; up to where there are blocks */
	off_t snapshot_at;               /* a journal of this size asks for a snapshot */
	bool is_fenced;
	bool is_still;                   /* a reader: loaded once, beside whoever writes the journal */
	int (*sync)(int fd);
	struct space space;
	struct buf lines;                /* of the group being committed */
};

static struct str dir(const struct json *j)
{
	return str_c(j->directory);
}

/* Makes sure that the journal has blocks for n more bytes and `spare` behind them. */
static bool has_room(struct json *j, size_t n, off_t spare)
{
	off_t need = j->end + (off_t)n + spare;
	if (need <= j->reserved)
		return true;
	off_t more = need - j->reserved > AHEAD ? need - j->reserved : AHEAD;
	if (disk_reserve(j->fd, j->reserved, more) != 0)
		return false;
	j->reserved += more;
	return true;
}

/* One member: judged, its line written into j->lines, applied. */
static void commit_one(struct json *j, const struct store_txn *t, int64_t at, struct store_result *ret)
{
	size_t before = j->lines.n;
	if (!ram_judge(j->m.ram, t, ret))
		return;
	bool is_new = txn_only_creates(&j->m.head, t);
	journal_write_txn(&j->lines, j->kinds, j->m.ram, j->group + 1, at, t);
	if ((is_new && space_is_low(&j->space)) || !has_room(j, j->lines.n, is_new ? SPARE : 0)) {
		j->lines.n = before;
		ret->rc = STORE_FULL;
		return;
	}
	ram_apply(j->m.ram, t);
}

/* The lines onto the disk. False: nobody knows, and this process writes no more. */
static bool flush_lines(struct json *j)
{
	if (j->lines.n == 0)
		return true;
	if (disk_write(j->fd, buf_str(&j->lines), j->end) != 0 || j->sync(j->fd) != 0) {
		j->is_fenced = true;
		return false;
	}
	j->end += (off_t)j->lines.n;
	j->group++;
	return true;
}

static void write_each(void *ctx, const struct store_doc *d)
{
	struct json *j = ctx;
	journal_write_doc(&j->lines, j->kinds, d);
}

static struct journal_file file_of(const struct json *j, const char *path, const struct buf *bytes, bool is_snapshot)
{
	return (struct journal_file){ .name = str_c(path), .bytes = buf_str(bytes), .kinds = j->kinds, .n_kinds = j->n_kinds,
		.is_snapshot = is_snapshot };
}

/* The next journal, with its head and nothing else; open. */
static int begin_journal(struct json *j, int64_t gen, int64_t at)
{
	struct journal_head h = { .schema = j->next_schema, .gen = gen, .group = j->group, .at = at };
	struct buf head = BUF(256);
	journal_write_head(&head, &h);
	int err = json_write_verified(j->directory, "journal", gen, buf_str(&head), j->sync);
	char *path = disk_path(dir(j), "journal.%lld", (long long)gen);
	int fd = err ? -1 : open(path, O_RDWR | O_CLOEXEC);
	if (!err && fd < 0)
		err = EIO;                                         /* it counts already, and cannot be written */
	if (!err) {
		if (j->fd >= 0)
			close(j->fd);
		j->fd = fd;
		j->gen = gen;
		j->schema = j->next_schema;
		j->end = j->reserved = (off_t)head.n;
	}
	free(path);
	buf_free(&head);
	return err;
}

/* 0 or errno. ENOSPC and its like can only come from a file that has no name yet. */
static int write_snapshot(struct json *j, int64_t at)
{
	struct journal_head h = { .is_snapshot = true, .schema = j->next_schema, .gen = j->gen + 1, .group = j->group, .at = at };
	buf_clear(&j->lines);
	journal_write_head(&j->lines, &h);
	ram_each(j->m.ram, j, write_each);
	journal_write_end(&j->lines, (int64_t)ram_count(j->m.ram));
	int err = json_write_verified(j->directory, "snapshot", j->gen + 1, buf_str(&j->lines), j->sync);
	return err ? err : begin_journal(j, j->gen + 1, at);
}

/* A new generation. A full disk leaves the old one in use, to be tried again later; a disk that fails fences. */
static enum store_rc snapshot(struct json *j)
{
	int err = write_snapshot(j, hostclock_now(&j->m.clock));
	j->snapshot_at = err ? j->end + AHEAD : (off_t)(j->lines.n * 2 > SNAPSHOT_FIRST ? j->lines.n * 2 : SNAPSHOT_FIRST);
	buf_free(&j->lines);                                       /* a snapshot's worth of memory is not kept */
	if (err == 0)
		json_remove_others(j->directory, j->gen);
	else if (err != ENOSPC && err != EDQUOT && err != EFBIG)
		j->is_fenced = true;
	return err == 0 ? STORE_OK : j->is_fenced ? STORE_FENCED : STORE_FULL;
}

static void commit_group(struct json *j, const struct store_txn *txns, struct store_result *results, size_t n)
{
	int64_t at = hostclock_now(&j->m.clock);
	buf_clear(&j->lines);
	for (size_t i = 0; i < n; i++) {
		commit_one(j, &txns[i], at, &results[i]);
		results[i].at = at;
	}
	bool is_known = flush_lines(j);
	for (size_t i = 0; i < n; i++)
		if (!is_known && results[i].rc == STORE_OK)
			results[i].rc = STORE_UNKNOWN;
	if (is_known && j->end > j->snapshot_at)
		(void)snapshot(j);                                 /* this group is durable whatever comes of it */
}

static void json_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n)
{
	struct json *j = (struct json *)s;
	pthread_mutex_lock(&j->m.lock);
	for (size_t i = 0; i < n; i++)
		results[i] = (struct store_result){ .rc = j->is_fenced ? STORE_FENCED : STORE_OK };
	if (!j->is_fenced)
		commit_group(j, txns, results, n);
	pthread_mutex_unlock(&j->m.lock);
}

/* Deletes by version, in transactions of at most so many as one may have. */
static enum store_rc purge_some(struct json *j, const struct store_docs *old)
{
	struct store_write w[STORE_WRITES_MAX];
	struct store_result r = { .rc = STORE_OK };
	for (size_t from = 0; from < old->n && r.rc == STORE_OK; from += STORE_WRITES_MAX) {
		struct store_txn t = { .w = w, .n = old->n - from < STORE_WRITES_MAX ? old->n - from : STORE_WRITES_MAX };
		for (size_t i = 0; i < t.n; i++) {
			const struct store_doc *d = &old->v[from + i];
			w[i] = (struct store_write){ .op = STORE_DELETE, .kind = d->kind, .id = d->id, .expect = d->ver };
		}
		commit_group(j, &t, &r, 1);
	}
	return r.rc;
}

static enum store_rc json_purge(struct store *s, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done)
{
	struct json *j = (struct json *)s;
	struct store_docs old = { .mem = ARENA(SIZE_MAX) };
	pthread_mutex_lock(&j->m.lock);
	ram_expired(j->m.ram, kind, expired_before, limit, &old);
	enum store_rc rc = j->is_fenced ? STORE_FENCED : purge_some(j, &old);
	pthread_mutex_unlock(&j->m.lock);
	if (rc == STORE_OK)
		*ret_done = old.n;
	store_docs_free(&old);
	return rc;
}

/* One flush for all of them. They are there when it has returned, and not before: nobody reads what is not durable. */
static enum store_rc import_group(struct json *j, const struct store_doc *docs, size_t n)
{
	int64_t at = hostclock_now(&j->m.clock);
	buf_clear(&j->lines);
	for (size_t i = 0; i < n; i++)
		journal_write_import(&j->lines, j->kinds, j->group + 1, at, &docs[i]);
	if (space_is_low(&j->space) || !has_room(j, j->lines.n, SPARE))
		return STORE_FULL;
	if (!flush_lines(j))
		return STORE_UNKNOWN;
	for (size_t i = 0; i < n; i++)
		ram_set(j->m.ram, &docs[i]);
	if (j->end > j->snapshot_at)
		(void)snapshot(j);                                 /* these are durable whatever comes of it */
	return STORE_OK;
}

/* A generation that an older program began has no lines that import: it gives way to one that may. */
static enum store_rc json_import(struct store *s, const struct store_doc *docs, size_t n)
{
	struct json *j = (struct json *)s;
	pthread_mutex_lock(&j->m.lock);
	enum store_rc rc = j->is_fenced ? STORE_FENCED : j->schema < JOURNAL_IMPORTS ? snapshot(j) : STORE_OK;
	if (rc == STORE_OK)
		rc = import_group(j, docs, n);
	pthread_mutex_unlock(&j->m.lock);
	return rc;
}

static bool read_back(const struct json *j, off_t at)
{
	char *got = xmalloc(j->lines.n);
	ssize_t n = pread(j->fd, got, j->lines.n, at);
	bool is_same = n >= 0 && str_eq((struct str){ got, (size_t)n }, buf_str(&j->lines));
	free(got);
	return is_same;
}

/* A transaction of nothing, written, flushed and read back. */
static enum store_rc probe(struct json *j)
{
	struct store_txn none = { 0 };
	off_t at = j->end;
	buf_clear(&j->lines);
	journal_write_txn(&j->lines, j->kinds, j->m.ram, j->group + 1, hostclock_now(&j->m.clock), &none);
	if (!has_room(j, j->lines.n, SPARE))
		return STORE_FULL;
	if (!flush_lines(j))
		return STORE_UNKNOWN;
	if (read_back(j, at))
		return STORE_OK;
	j->is_fenced = true;
	return STORE_CORRUPT;
}

static enum store_rc json_probe(struct store *s, int64_t *ret_commit_us)
{
	struct json *j = (struct json *)s;
	int64_t begin = disk_us();
	pthread_mutex_lock(&j->m.lock);
	enum store_rc rc = j->is_fenced ? STORE_FENCED : probe(j);
	pthread_mutex_unlock(&j->m.lock);
	if (rc == STORE_OK)
		*ret_commit_us = disk_us() - begin;
	return rc;
}

static void json_info(const struct store *s, struct store_info *ret)
{
	*ret = (struct store_info){ .durability = STORE_D_POWER, .shards = 1, .is_still = ((const struct json *)s)->is_still, .backend = "json",
		.version = "1" };
}

static void json_close(struct store *s)
{
	struct json *j = (struct json *)s;
	if (j->fd >= 0)
		close(j->fd);
	if (j->lock_fd >= 0)
		close(j->lock_fd);
	if (j->space.directory)
		space_done(&j->space);
	memory_done(&j->m);
	buf_free(&j->lines);
	free(j->directory);
	free(j);
}

enum store_rc json_snapshot(struct store *s)
{
	struct json *j = (struct json *)s;
	pthread_mutex_lock(&j->m.lock);
	enum store_rc rc = j->is_fenced ? STORE_FENCED : snapshot(j);
	pthread_mutex_unlock(&j->m.lock);
	return rc;
}

void json_set_sync(struct store *s, int (*sync)(int fd))
{
	((struct json *)s)->sync = sync;
}

static enum store_rc say_errno(const char *path, const char *what, int err, struct buf *why)
{
	buf_fmt(why, "%s: cannot %s: %s; check the disk, who may write there, and the limit of file sizes (ulimit -f)", path, what, strerror(err));
	return err == ENOSPC || err == EDQUOT ? STORE_FULL : STORE_DOWN;
}

static enum store_rc load(struct json *j, const char *path, bool is_snapshot, struct journal_end *ret, struct buf *why)
{
	struct buf bytes = BUF(SIZE_MAX / 2);
	int err = disk_read(path, &bytes);
	struct journal_file f = file_of(j, path, &bytes, is_snapshot);
	enum store_rc rc = STORE_OK;
	if (err == ENOENT) {
		buf_fmt(why, "%s: missing, but its journal is there; nothing was changed: restore the directory from a backup", path);
		rc = STORE_CORRUPT;
	} else if (err) {
		rc = say_errno(path, "read it", err, why);
	} else {
		rc = journal_load(&f, j->m.ram, ret, why);
	}
	buf_free(&bytes);
	if (rc == STORE_OK && ret->gen != j->gen) {
		buf_fmt(why, "%s: its head names generation %lld; somebody renamed it: give it its name back", path,
		    (long long)ret->gen);
		rc = STORE_CORRUPT;
	}
	return rc;
}

/* Opens the journal for writing behind its good lines; a torn tail is cut off for good, durably, before anything is added. */
static enum store_rc resume_at(struct json *j, const char *path, const struct journal_end *e, struct buf *why)
{
	struct stat st;
	j->fd = open(path, O_RDWR | O_CLOEXEC);
	if (j->fd < 0 || fstat(j->fd, &st) != 0)
		return say_errno(path, "open it for writing", errno, why);
	if (e->is_torn && (ftruncate(j->fd, (off_t)e->end) != 0 || fsync(j->fd) != 0))
		return say_errno(path, "cut off its torn end", errno, why);
	j->end = (off_t)e->end;
	j->reserved = e->is_torn ? j->end : st.st_size;
	j->group = e->group;
	j->schema = e->schema;
	return STORE_OK;
}

/* Snapshot, then journal. */
static enum store_rc recover(struct json *j, int64_t gen, int64_t *ret_at, struct buf *why)
{
	char *snapshot_path = disk_path(dir(j), "snapshot.%lld", (long long)gen);
	char *journal_path = disk_path(dir(j), "journal.%lld", (long long)gen);
	struct journal_end base = { 0 }, e = { 0 };
	j->gen = gen;
	enum store_rc rc = gen > 1 ? load(j, snapshot_path, true, &base, why) : STORE_OK;
	if (rc == STORE_OK)
		rc = load(j, journal_path, false, &e, why);
	if (rc == STORE_OK && !j->is_still)
		rc = resume_at(j, journal_path, &e, why);
	free(snapshot_path);
	free(journal_path);
	*ret_at = e.at;
	return rc;
}

static enum store_rc load_all(struct json *j, int64_t *ret_at, struct buf *why)
{
	int64_t journal = 0, snap = 0;
	json_find_newest(j->directory, &journal, &snap);
	if (journal == 0 && snap > 0) {
		buf_fmt(why, "%s: there is a snapshot.%lld but no journal; nothing was changed: restore the directory from a backup",
		    j->directory, (long long)snap);
		return STORE_CORRUPT;
	}
	if (journal > 0)
		return recover(j, journal, ret_at, why);
	int err = begin_journal(j, 1, hostclock_now(&j->m.clock));
	return err ? say_errno(j->directory, "begin a journal", err, why) : STORE_OK;
}

static enum store_rc enter_directory(struct json *j, struct buf *why)
{
	bool is_new = mkdir(j->directory, 0700) == 0;
	if (!is_new && errno != EEXIST)
		return say_errno(j->directory, "create the directory", errno, why);
	char *parent = disk_parent(dir(j));
	int err = is_new ? disk_sync_directory(parent) : 0;
	free(parent);
	if (err)
		return say_errno(j->directory, "flush the directory above it", err, why);
	enum store_rc rc = disk_check_local(j->directory, why);
	if (rc != STORE_OK)
		return rc;
	char *lock = disk_path(dir(j), "lock");
	rc = disk_lock(lock, &j->lock_fd, why);
	free(lock);
	return rc;
}

/* The newest pair as it is on disk at this moment. The writer may begin a new generation, or be in the middle of a group, while its files are
 * read: then they do not fit together, and are read again. What is really damaged stays so. */
static enum store_rc start_reader(struct json *j, struct buf *why)
{
	enum { TRIES = 8 };
	enum store_rc rc = STORE_CORRUPT;
	j->is_still = j->is_fenced = true;
	for (int i = 0; i < TRIES && rc != STORE_OK; i++) {
		int64_t journal = 0, snap = 0, at = 0;
		buf_clear(why);
		ram_free(j->m.ram);
		j->m.ram = ram_new(&j->m.head);
		json_find_newest(j->directory, &journal, &snap);
		if (journal > 0)
			rc = recover(j, journal, &at, why);
		else
			buf_fmt(why, "%s: there is no journal in it; is it the right directory?", j->directory);
	}
	return rc;
}

static enum store_rc start(struct json *j, const struct store_options *o, struct buf *why)
{
	int64_t at = 0;
	if (o->is_reader)
		return start_reader(j, why);
	enum store_rc rc = enter_directory(j, why);
	if (rc != STORE_OK)
		return rc;
	space_init(&j->space, j->directory, o);
	rc = load_all(j, &at, why);
	if (rc != STORE_OK)
		return rc;
	json_remove_others(j->directory, j->gen);
	hostclock_done(&j->m.clock);
	hostclock_init(&j->m.clock, o->clock, at);                 /* never below the last durable time */
	int err = disk_sync_directory(j->directory);
	return err ? say_errno(j->directory, "flush the directory", err, why) : STORE_OK;
}

enum store_rc json_open(const struct store_options *o, struct store **ret, struct buf *why)
{
	static const struct store_ops ops = { json_close, json_info, memory_now, memory_get, json_commit, memory_due, memory_list,
		memory_scan, json_purge, json_probe, json_import };
	struct json *j = xmalloc(sizeof *j);
	*j = (struct json){ .lock_fd = -1, .fd = -1, .sync = fdatasync, .kinds = o->kinds, .n_kinds = o->n_kinds,
		.snapshot_at = SNAPSHOT_FIRST, .next_schema = JOURNAL_SCHEMA, .lines = BUF(SIZE_MAX / 2) };
	j->directory = xstrndup(o->path);
	memory_init(&j->m, &ops, o);
	enum store_rc rc = start(j, o, why);
	if (rc == STORE_OK)
		*ret = &j->m.head;
	else
		json_close(&j->m.head);
	return rc;
}

enum store_rc json_schema(const struct store_options *o, struct store_schema *ret, struct buf *why)
{
	struct json j = { .directory = xstrndup(o->path) };
	int64_t journal = 0, snap = 0;
	enum store_rc rc = disk_check_readable(j.directory, why);
	json_find_newest(j.directory, &journal, &snap);
	int have = journal > 0 ? json_read_schema(j.directory, journal) : snap > 0 ? JOURNAL_SCHEMA : 0;
	free(j.directory);
	*ret = (struct store_schema){ .have = have, .least = have ? have : JOURNAL_SCHEMA, .newest = JOURNAL_SCHEMA };
	return rc;
}

/* Begins a generation of the schema asked for: what an older program could not read is in none. */
enum store_rc json_migrate(const struct store_options *o, int to, struct buf *why)
{
	struct store_schema at;
	struct store *s = NULL;
	enum store_rc rc = json_schema(o, &at, why);
	if (to < 1 || to > JOURNAL_SCHEMA) {
		buf_fmt(why, "there is no schema %d for the JSON journal in this version of tocsin: 1 to %d", to, JOURNAL_SCHEMA);
		return STORE_INVAL;
	}
	if (rc != STORE_OK || at.have == 0 || at.have == to)
		return rc;
	rc = json_open(o, &s, why);
	if (rc != STORE_OK)
		return rc;
	((struct json *)s)->next_schema = to;
	rc = json_snapshot(s);
	if (rc != STORE_OK)
		buf_fmt(why, "%.*s: cannot begin a journal of schema %d: %s; make room on the disk and try again", STR_ARG(o->path), to, store_rc_name(rc));
	json_close(s);
	return rc;
}
