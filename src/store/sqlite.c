/* sqlite.c - documents in one SQLite file. The default store: durable through power loss, and a file people can open.
 *
 * One process (FILE.lock), and in it one connection that writes and checkpoints, under a lock; so no two connections ever do, and the
 * WAL-reset fault of SQLite before 3.51.3 cannot occur. Readers have connections of their own that cannot write (sqlite_read.c); what
 * writing promises is in sqlite_commit.c. Here is the beginning and the end: whose file it is, of which version, and its tables.
 */
#include "store/sqlite_inside.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCHEMA = 1, APPLICATION_ID = 0x746f6373 };

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
	(void)s;
	*ret = (struct store_info){ .durability = STORE_D_POWER, .shards = 1, .backend = "sqlite", .version = sqlite3_libversion() };
}

static enum store_rc sqlite_now(struct store *s, int64_t *ret_ms, int64_t *ret_err_ms)
{
	*ret_ms = hostclock_now(&sqlite(s)->clock);
	*ret_err_ms = 0;                                           /* this clock is what store time is */
	return STORE_OK;
}

static void sqlite_close(struct store *s)
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

static const char *const table_text =
	"CREATE TABLE IF NOT EXISTS \"@\"(n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ver INTEGER NOT NULL, token BLOB NOT NULL,"
	" due INTEGER, expire INTEGER, idx0 TEXT, idx1 TEXT, idx2 TEXT, idx3 TEXT, body TEXT NOT NULL);"
	"CREATE INDEX IF NOT EXISTS \"@_due\" ON \"@\"(due) WHERE due IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS \"@_expire\" ON \"@\"(expire) WHERE expire IS NOT NULL AND due IS NULL;"
	"CREATE INDEX IF NOT EXISTS \"@_idx0\" ON \"@\"(idx0) WHERE idx0 IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS \"@_idx1\" ON \"@\"(idx1) WHERE idx1 IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS \"@_idx2\" ON \"@\"(idx2) WHERE idx2 IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS \"@_idx3\" ON \"@\"(idx3) WHERE idx3 IS NOT NULL;";

static void schema_text(const struct sqlite *q, struct buf *sql)
{
	buf_fmt(sql, "BEGIN IMMEDIATE; PRAGMA application_id=%d;"
	    "CREATE TABLE IF NOT EXISTS tocsin(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	    "INSERT OR IGNORE INTO tocsin VALUES('schema',%d),('at',0),('probe',0),('kinds',0);"
	    "UPDATE tocsin SET value=%zu WHERE name='kinds';", APPLICATION_ID, SCHEMA, q->n_kinds);
	for (size_t i = 0; i < q->n_kinds; i++)
		for (const char *t = table_text; *t; t++)
			if (*t == '@')
				buf_add(sql, str_c(q->kinds[i].name));
			else
				buf_char(sql, *t);
	buf_add(sql, S("COMMIT;"));
}

/* What a person can do about an error while opening. */
static const char *cure(enum store_rc rc)
{
	static const char *const by_rc[] = { [STORE_CORRUPT] = "restore the file from a backup",
		[STORE_BUSY] = "another program holds it: close it", [STORE_FULL] = "make room on its disk" };
	return (size_t)rc < COUNT(by_rc) && by_rc[rc] ? by_rc[rc] : "check the disk and who may write there";
}

/* The sentence for an SQLite error while opening, when nothing can be fenced yet: what would be later is "cannot" now. */
static enum store_rc say(struct sqlite *q, int code, const char *what, struct buf *why)
{
	enum store_rc rc = sqlite_meaning(q, code);
	buf_fmt(why, "%s: %s: %s; %s", q->path, what, sqlite3_errmsg(q->writer.db), cure(rc));
	return rc == STORE_FENCED ? STORE_DOWN : rc;
}

/* Whose file this is, and of which version. A new one has neither. */
static enum store_rc check_owner(struct sqlite *q, struct buf *why)
{
	int64_t tables = 0, application = 0, schema = 0, kinds = 0;
	int rc = conn_int(&q->writer, "SELECT count(*) FROM sqlite_schema", &tables);
	if (rc == SQLITE_OK)
		rc = conn_int(&q->writer, "PRAGMA application_id", &application);
	if (rc != SQLITE_OK)
		return say(q, rc, "cannot read it", why);
	if (tables == 0)
		return STORE_OK;
	if (application != APPLICATION_ID) {
		buf_fmt(why, "%s: is a database of another program; give tocsin a file of its own", q->path);
		return STORE_CORRUPT;
	}
	rc = conn_int(&q->writer, "SELECT value FROM tocsin WHERE name='schema'", &schema);
	if (rc == SQLITE_OK)
		rc = conn_int(&q->writer, "SELECT value FROM tocsin WHERE name='kinds'", &kinds);
	if (rc != SQLITE_OK)
		return say(q, rc, "cannot read its version", why);
	if (schema <= SCHEMA && kinds <= (int64_t)q->n_kinds)
		return STORE_OK;
	buf_fmt(why, "%s: written by a newer version of tocsin (schema %lld with %lld kinds, this one knows %d with %zu); "
	    "start that version", q->path, (long long)schema, (long long)kinds, SCHEMA, q->n_kinds);
	return STORE_FENCED;
}

static enum store_rc prepare_schema(struct sqlite *q, int64_t *ret_at, struct buf *why)
{
	enum store_rc owner = check_owner(q, why);
	if (owner != STORE_OK)
		return owner;
	struct buf sql = BUF(64 << 10);
	schema_text(q, &sql);
	assert(sql.err == 0);
	int rc = conn_exec(&q->writer, sql.p);
	buf_free(&sql);
	if (rc == SQLITE_OK)
		rc = conn_int(&q->writer, "SELECT value FROM tocsin WHERE name='at'", ret_at);
	return rc == SQLITE_OK ? STORE_OK : say(q, rc, "cannot prepare its tables", why);
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
		rc = prepare_schema(q, ret_at, why);
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

static enum store_rc start(struct sqlite *q, const struct store_options *o, struct buf *why)
{
	int64_t at = 0;
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

enum store_rc sqlite_open(const struct store_options *o, struct store **ret, struct buf *why)
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
	enum store_rc rc = start(q, o, why);
	if (rc == STORE_OK)
		*ret = &q->head;
	else
		sqlite_close(&q->head);
	return rc;
}

/* Reads without taking the file from whoever has it. */
enum store_rc sqlite_schema(const struct store_options *o, struct store_schema *ret, struct buf *why)
{
	char *path = xstrndup(o->path);
	struct conn c = { 0 };
	int64_t have = 0;
	int rc = access(path, F_OK) == 0 ? sqlite3_open_v2(path, &c.db, SQLITE_OPEN_READONLY, NULL) : SQLITE_NOTFOUND;
	if (rc == SQLITE_OK)
		rc = conn_int(&c, "SELECT value FROM tocsin WHERE name='schema'", &have);
	bool is_none = rc == SQLITE_NOTFOUND;
	if (rc != SQLITE_OK && !is_none)
		buf_fmt(why, "%s: cannot read its schema: %s; is it tocsin's file?", path, sqlite3_errmsg(c.db));
	sqlite3_close(c.db);
	free(path);
	*ret = (struct store_schema){ .have = (int)have, .least = SCHEMA, .newest = SCHEMA };
	return rc == SQLITE_OK || is_none ? STORE_OK : STORE_DOWN;
}

enum store_rc sqlite_migrate(const struct store_options *o, int to, struct buf *why)
{
	(void)o;
	return schema_only(SCHEMA, to, why);
}
