/* sqlite.h - the inside of the sqlite backend, for the three files it is made of: sqlite.c opens and closes, sqlite_read.c reads,
 * sqlite_commit.c writes. See sqlite.c for how it works.
 */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H
#include "store/backend.h"
#include "store/disk.h"
#include "store/hostclock.h"
#include "store/sqlite_conn.h"
#include "store/sqlite_vfs.h"
#include <stdatomic.h>

enum { SQLITE_READERS = 3 };

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

	pthread_mutex_t write_lock;      /* guards what follows */
	struct conn writer;
	int wal_pages, checkpoint_at;    /* frames in the WAL now; and when to move them into the file */
	int64_t data_version;            /* changes when another process writes; 0: not known yet */
	bool has_reserve, is_reserve_spent;

	pthread_mutex_t pool_lock;       /* guards what follows */
	pthread_cond_t pool_wait;
	struct conn reader[SQLITE_READERS], *idle;
};

/* What an SQLite error means for a call that changed nothing for certain. Fences the store when it must not go on. */
enum store_rc sqlite_meaning(struct sqlite *q, int code);

enum store_rc sqlite_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out);
enum store_rc sqlite_due(struct store *s, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le, size_t limit,
    struct store_docs *out);
enum store_rc sqlite_list(struct store *s, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending, size_t limit,
    struct store_docs *out);
enum store_rc sqlite_scan(struct store *s, store_kind kind, unsigned shard, struct str cursor, size_t limit,
    struct store_docs *out);

void sqlite_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n);
enum store_rc sqlite_purge(struct store *s, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done);
enum store_rc sqlite_probe(struct store *s, int64_t *ret_commit_us);
void sqlite_keep_reserve(struct sqlite *q);      /* makes the reserve when there is room for it */
#endif
