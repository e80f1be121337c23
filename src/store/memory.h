/* memory.h - the memory backend's inside, which the json backend is built on. */
#ifndef STORE_MEMORY_H
#define STORE_MEMORY_H
#include "store/hostclock.h"
#include "store/ram.h"
#include <pthread.h>

struct memory {
	struct store head;
	pthread_mutex_t lock;            /* guards ram; held over a whole commit */
	struct hostclock clock;
	struct ram *ram;
};
void memory_init(struct memory *m, const struct store_ops *ops, const struct store_options *o);
void memory_done(struct memory *m);

enum store_rc memory_now(struct store *s, int64_t *ret_ms, int64_t *ret_err_ms);
enum store_rc memory_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out);
enum store_rc memory_due(struct store *s, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le, size_t limit,
    struct store_docs *out);
enum store_rc memory_list(struct store *s, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending,
    size_t limit, struct store_docs *out);
enum store_rc memory_scan(struct store *s, store_kind kind, unsigned shard, struct str cursor, size_t limit,
    struct store_docs *out);
#endif
