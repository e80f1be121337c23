/* sqlite_inside.h - the parts of the SQLite store as they see each other. Nobody outside src/store/sqlite*.c includes this.
 *
 *	sqlite.c         opening: lock, connections, reserve; closing
 *	sqlite_schema.c  whose file it is, its tables and views, from one schema to the next and back
 *	sqlite_read.c    readers and their connections
 *	sqlite_commit.c  whatever writes: groups of transactions, purging, the probe; checkpoints; a full disk
 *	sqlite_conn.c    one connection: pragmas, prepared statements, values in and out
 */
#ifndef STORE_SQLITE_INSIDE_H
#define STORE_SQLITE_INSIDE_H
#include "store/backend.h"
#include "store/disk.h"
#include "store/hostclock.h"
#include "store/sqlite_conn.h"
#include "store/sqlite_vfs.h"
#include <pthread.h>
#include <stdatomic.h>

/* CHECKPOINT_PAGES: of 100,000 new alerts in groups of 64, moving the WAL into the file took 1.3 s in pauses of 25 ms with 6,000
 * pages, 1.0 s in pauses of 40 ms with 12,000 and of 100 ms with 30,000; 1,000 pages cost more than twice as much as 6,000. RESERVE: room for some
 * thousand results. */
enum { READERS = 3, CHECKPOINT_PAGES = 6000, RESERVE = 4 << 20 };

struct sqlite {
	struct store head;
	const struct store_kind_def *kinds;
	size_t n_kinds;
	char *path, *directory, *reserve;
	int lock_fd;
	struct batch_vfs *vfs;
	struct hostclock clock;
	struct space space;
	atomic_bool is_fenced;
	bool is_still;                   /* a reader: writer is its one connection, in a read transaction from beginning to end */

	pthread_mutex_t write_lock;      /* guards what follows */
	struct conn writer;
	int wal_pages, checkpoint_at;    /* frames in the WAL now; and when to move them into the file */
	int64_t data_version;            /* changes when another process writes; 0: not known yet */
	bool has_reserve, is_reserve_spent;

	pthread_mutex_t pool_lock;       /* guards what follows */
	pthread_cond_t pool_wait;
	struct conn reader[READERS], *idle;
};

static inline struct sqlite *sqlite(struct store *s)
{
	return (struct sqlite *)s;
}

/* What an SQLite error means for a call that changed nothing for certain. Any but full and busy fences the store. */
enum store_rc sqlite_meaning(struct sqlite *q, int code);

/* The sentence for an SQLite error while opening, when nothing can be fenced yet. */
enum store_rc sqlite_say(struct sqlite *q, int code, const char *what, struct buf *why);

/* sqlite.c: what sqlite_schema.c needs to work on a file that is not open. */
struct sqlite *sqlite_new(const struct store_options *o);
enum store_rc sqlite_enter(struct sqlite *q, struct buf *why);
void sqlite_close(struct store *s);

/* sqlite_schema.c. prepare: checks whose file it is and moves it up to this program's schema; reader: checks that it can be read as it is. */
enum store_rc sqlite_prepare_schema(struct sqlite *q, int64_t *ret_at, struct buf *why);
enum store_rc sqlite_check_reader(struct sqlite *q, int64_t *ret_at, struct buf *why);

/* sqlite_read.c: slots of struct store_ops. */
enum store_rc sqlite_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out);
enum store_rc sqlite_due(struct store *st, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le, size_t limit,
    struct store_docs *out);
enum store_rc sqlite_list(struct store *st, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending, size_t limit,
    struct store_docs *out);
enum store_rc sqlite_scan(struct store *st, store_kind kind, unsigned shard, struct str cursor, size_t limit, struct store_docs *out);

/* sqlite_commit.c: slots, and two for the opening. */
void sqlite_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n);
enum store_rc sqlite_purge(struct store *s, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done);
enum store_rc sqlite_probe(struct store *s, int64_t *ret_commit_us);
enum store_rc sqlite_import(struct store *s, const struct store_doc *docs, size_t n);
void sqlite_watch_wal(struct sqlite *q);                     /* the writing connection is open: its WAL is counted from now on */
void sqlite_keep_reserve(struct sqlite *q);                  /* comes back when there is twice its size beyond what must stay free */
#endif
