/* sqlite.c - documents in one SQLite file. The default store: durable through power loss, and a file people can open.
 *
 * One process (FILE.lock), and in it one connection that writes and checkpoints, under a lock; so no two connections ever do, and the
 * WAL-reset fault of SQLite before 3.51.3 cannot occur. Readers have connections of their own that cannot write (sqlite_read.c); what
 * writing promises is in sqlite_commit.c, the layout of the file in sqlite_schema.c. Here is the beginning and the end.
 *
 * A reader (store_options.is_reader) is one connection in one read transaction for as long as it is open, beside the process that has
 * the lock: SQLite keeps that moment's pages for it in the WAL, which grows meanwhile and is folded in afterwards.
 */
#include "store/sqlite_inside.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum store_rc sqlite_meaning(struct sqlite *q, int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL: return STORE_FULL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return STORE_BUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: q->is_fenced = true; return STORE_CORRUPT;
	default: q->is_fenced = true; return STORE_FENCED;
	}
}

static void sqlite_info(const struct store *s, struct store_info *ret)
{
	*ret = (struct store_info){ .durability = STORE_D_POWER, .shards = 1, .is_still = ((const struct sqlite *)s)->is_still, .backend = "sqlite",
		.version = sqlite3_libversion() };
}

static enum store_rc sqlite_now(struct store *s, int64_t *ret_ms, int64_t *ret_err_ms)
{
	*ret_ms = hostclock_now(&sqlite(s)->clock);
	*ret_err_ms = 0;                                           /* this clock is what store time is */
	return STORE_OK;
}

void sqlite_close(struct store *s)
{
	struct sqlite *q = sqlite(s);
	for (size_t i = 0; i < READERS; i++)
		conn_close(&q->reader[i]);
	conn_close(&q->writer);
	batch_vfs_free(q->vfs);
	if (q->lock_fd >= 0)
		close(q->lock_fd);
	space_done(&q->space);
	hostclock_done(&q->clock);
	pthread_mutex_destroy(&q->write_lock);
	pthread_mutex_destroy(&q->pool_lock);
	pthread_cond_destroy(&q->pool_wait);
	free(q->path);
	free(q->directory);
	free(q->reserve);
	free(q);
}

/* What a person can do about an error while opening. */
static const char *cure(enum store_rc rc)
{
	static const char *const by_rc[] = { [STORE_CORRUPT] = "restore the file from a backup",
		[STORE_BUSY] = "another program holds it: close it", [STORE_FULL] = "make room on its disk" };
	return (size_t)rc < COUNT(by_rc) && by_rc[rc] ? by_rc[rc] : "check the disk, who may write there, and the limit of file sizes (ulimit -f)";
}

/* What would be fenced later is "cannot" now: nothing has been written. */
enum store_rc sqlite_say(struct sqlite *q, int code, const char *what, struct buf *why)
{
	enum store_rc rc = sqlite_meaning(q, code);
	buf_fmt(why, "%s: %s: %s; %s", q->path, what, sqlite3_errmsg(q->writer.db), cure(rc));
	return rc == STORE_FENCED ? STORE_DOWN : rc;
}

static enum store_rc open_conn(struct sqlite *q, struct conn *c, bool is_reader, struct buf *why)
{
	struct buf what = BUF(1024);
	int code = conn_open(c, q->path, batch_vfs_name(q->vfs), is_reader, q->kinds, &what);
	enum store_rc rc = code == SQLITE_OK ? STORE_OK : sqlite_meaning(q, code);
	if (rc != STORE_OK)
		buf_fmt(why, "%s: %.*s; %s", q->path, STR_ARG(buf_str(&what)), cure(rc));
	buf_free(&what);
	return rc == STORE_FENCED ? STORE_DOWN : rc;
}

static enum store_rc open_conns(struct sqlite *q, int64_t *ret_at, struct buf *why)
{
	enum store_rc rc = open_conn(q, &q->writer, false, why);
	if (rc == STORE_OK)
		rc = sqlite_prepare_schema(q, ret_at, why);
	for (size_t i = 0; i < READERS && rc == STORE_OK; i++) {
		rc = open_conn(q, &q->reader[i], true, why);
		q->reader[i].next = q->idle;
		q->idle = &q->reader[i];
	}
	if (rc == STORE_OK)
		sqlite_watch_wal(q);
	return rc;
}

/* The file is made here, not by SQLite, so that only its owner may read it; WAL and index take over its mode. */
static enum store_rc enter_file(struct sqlite *q, struct buf *why)
{
	enum store_rc rc = disk_check_local(q->directory, why);
	if (rc != STORE_OK)
		return rc;
	struct buf lock = BUF(SIZE_MAX / 2);
	buf_fmt(&lock, "%s.lock", q->path);
	rc = disk_lock(lock.p, &q->lock_fd, why);
	buf_free(&lock);
	if (rc != STORE_OK)
		return rc;
	int fd = open(q->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		buf_fmt(why, "%s: cannot open it: %s; check the directory and who may write there", q->path, strerror(errno));
		return STORE_DOWN;
	}
	close(fd);
	return STORE_OK;
}

static bool is_there(const struct sqlite *q, struct buf *why)
{
	bool ok = access(q->path, F_OK) == 0;
	if (!ok)
		buf_fmt(why, "%s: cannot read it: %s; is it the right name?", q->path, strerror(errno));
	return ok;
}

/* The lock and the writing connection, for whoever changes the layout. The file must be there. */
enum store_rc sqlite_enter(struct sqlite *q, struct buf *why)
{
	if (!is_there(q, why))
		return STORE_NOTFOUND;
	enum store_rc rc = enter_file(q, why);
	return rc == STORE_OK ? open_conn(q, &q->writer, false, why) : rc;
}

static enum store_rc start_reader(struct sqlite *q, struct buf *why)
{
	int64_t at = 0;
	q->is_still = true;
	q->is_fenced = true;
	if (!is_there(q, why))
		return STORE_DOWN;
	enum store_rc rc = open_conn(q, &q->writer, true, why);
	int code = rc == STORE_OK ? conn_run(&q->writer, O_BEGIN_READ) : SQLITE_OK;
	if (rc == STORE_OK && code == SQLITE_OK)
		rc = sqlite_check_reader(q, &at, why);             /* its first look is the moment that is kept */
	return code == SQLITE_OK ? rc : sqlite_say(q, code, "cannot read it", why);
}

static enum store_rc start(struct sqlite *q, const struct store_options *o, struct buf *why)
{
	int64_t at = 0;
	if (o->is_reader)
		return start_reader(q, why);
	enum store_rc rc = enter_file(q, why);
	if (rc == STORE_OK)
		rc = open_conns(q, &at, why);
	if (rc != STORE_OK)
		return rc;
	int err = disk_sync_directory(q->directory);               /* SQLite ignores errors of this one */
	if (err) {
		buf_fmt(why, "%s: cannot flush the directory: %s; check the disk", q->directory, strerror(err));
		return STORE_DOWN;
	}
	hostclock_done(&q->clock);
	hostclock_init(&q->clock, o->clock, at);                   /* never below the last durable time */
	q->has_reserve = access(q->reserve, F_OK) == 0;
	sqlite_keep_reserve(q);
	q->is_reserve_spent = !q->has_reserve;
	return STORE_OK;
}

struct sqlite *sqlite_new(const struct store_options *o)
{
	static const struct store_ops ops = { sqlite_close, sqlite_info, sqlite_now, sqlite_get, sqlite_commit, sqlite_due, sqlite_list,
		sqlite_scan, sqlite_purge, sqlite_probe, sqlite_import };
	/* SQLite counts its memory under one lock unless told not to before its first use: a tenth of all its time. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);          /* refused when in use already, which only costs that */
	struct sqlite *q = xmalloc(sizeof *q);
	*q = (struct sqlite){ .head = store_head(&ops, o), .kinds = o->kinds, .n_kinds = o->n_kinds, .lock_fd = -1,
		.checkpoint_at = CHECKPOINT_PAGES };
	struct buf reserve = BUF(SIZE_MAX / 2);
	buf_fmt(&reserve, "%.*s.reserve", STR_ARG(o->path));
	q->reserve = reserve.p;
	q->path = xstrndup(o->path);
	q->directory = disk_parent(o->path);
	q->vfs = batch_vfs_new();
	hostclock_init(&q->clock, o->clock, 0);
	space_init(&q->space, q->directory, o);
	pthread_mutex_init(&q->write_lock, NULL);
	pthread_mutex_init(&q->pool_lock, NULL);
	pthread_cond_init(&q->pool_wait, NULL);
	return q;
}

enum store_rc sqlite_open(const struct store_options *o, struct store **ret, struct buf *why)
{
	struct sqlite *q = sqlite_new(o);
	enum store_rc rc = start(q, o, why);
	if (rc == STORE_OK)
		*ret = &q->head;
	else
		sqlite_close(&q->head);
	return rc;
}
