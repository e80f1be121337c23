/* memory.c - documents in memory and nowhere else. For the simulator, for tests, for a first look; and the model the other
 * backends are compared with. Deterministic: the same calls give the same answers, in the same order.
 */
#include "store/memory.h"
#include <stdlib.h>

void memory_init(struct memory *m, const struct store_ops *ops, const struct store_options *o)
{
	*m = (struct memory){ .head = store_head(ops, o) };
	pthread_mutex_init(&m->lock, NULL);
	hostclock_init(&m->clock, o->clock, 0);
	m->ram = ram_new(&m->head);
}

void memory_done(struct memory *m)
{
	ram_free(m->ram);
	hostclock_done(&m->clock);
	pthread_mutex_destroy(&m->lock);
}

static void memory_close(struct store *s)
{
	struct memory *m = (struct memory *)s;
	memory_done(m);
	free(m);
}

static void memory_info(const struct store *s, struct store_info *ret)
{
	(void)s;                                                   /* the same for every one */
	*ret = (struct store_info){ .durability = STORE_D_NONE, .shards = 1, .backend = "memory", .version = "1" };
}

enum store_rc memory_now(struct store *s, int64_t *ret_ms, int64_t *ret_err_ms)
{
	*ret_ms = hostclock_now(&((struct memory *)s)->clock);
	*ret_err_ms = 0;                                           /* this clock is what store time is */
	return STORE_OK;
}

static struct memory *lock(struct store *s)
{
	struct memory *m = (struct memory *)s;
	pthread_mutex_lock(&m->lock);
	return m;
}

static enum store_rc unlock(struct memory *m)
{
	pthread_mutex_unlock(&m->lock);
	return STORE_OK;
}

enum store_rc memory_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	struct memory *m = lock(s);
	ram_get(m->ram, kind, id, n, out);
	return unlock(m);
}

static void memory_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n)
{
	struct memory *m = lock(s);
	int64_t at = hostclock_now(&m->clock);
	for (size_t i = 0; i < n; i++) {
		results[i] = (struct store_result){ .rc = STORE_OK };
		if (ram_judge(m->ram, &txns[i], &results[i]))
			ram_apply(m->ram, &txns[i]);
		results[i].at = at;
	}
	unlock(m);
}

enum store_rc memory_due(struct store *s, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le, size_t limit,
    struct store_docs *out)
{
	(void)shard_lo, (void)shard_hi;                            /* one shard: the range was checked to be it */
	struct memory *m = lock(s);
	ram_due(m->ram, kind, due_le, limit, out);
	return unlock(m);
}

enum store_rc memory_list(struct store *s, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending,
    size_t limit, struct store_docs *out)
{
	struct memory *m = lock(s);
	ram_list(m->ram, kind, idx, lo, hi, is_descending, limit, out);
	return unlock(m);
}

enum store_rc memory_scan(struct store *s, store_kind kind, unsigned shard, struct str cursor, size_t limit,
    struct store_docs *out)
{
	(void)shard;
	struct memory *m = lock(s);
	ram_scan(m->ram, kind, cursor, limit, out);
	return unlock(m);
}

static enum store_rc memory_purge(struct store *s, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done)
{
	struct store_docs old = { .mem = ARENA(SIZE_MAX) };
	struct memory *m = lock(s);
	ram_expired(m->ram, kind, expired_before, limit, &old);
	for (size_t i = 0; i < old.n; i++)
		ram_drop(m->ram, kind, old.v[i].id);
	*ret_done = old.n;
	store_docs_free(&old);
	return unlock(m);
}

/* Nothing here can fail or take time: the clock's own resolution is the answer. */
static enum store_rc memory_probe(struct store *s, int64_t *ret_commit_us)
{
	(void)s;
	*ret_commit_us = 0;
	return STORE_OK;
}

static enum store_rc memory_import(struct store *s, const struct store_doc *docs, size_t n)
{
	struct memory *m = lock(s);
	for (size_t i = 0; i < n; i++)
		ram_set(m->ram, &docs[i]);
	return unlock(m);
}

/* Every one is made new. */
enum store_rc memory_schema(const struct store_options *o, struct store_schema *ret, struct buf *why)
{
	(void)o, (void)why;
	*ret = (struct store_schema){ .have = 0, .least = 1, .newest = 1 };
	return STORE_OK;
}

enum store_rc memory_migrate(const struct store_options *o, int to, struct buf *why)
{
	(void)o;
	return schema_only(1, to, why);
}

enum store_rc memory_open(const struct store_options *o, struct store **ret, struct buf *why)
{
	(void)why;                                                 /* nothing can go wrong */
	static const struct store_ops ops = { memory_close, memory_info, memory_now, memory_get, memory_commit, memory_due,
		memory_list, memory_scan, memory_purge, memory_probe, memory_import };
	struct memory *m = xmalloc(sizeof *m);
	memory_init(m, &ops, o);
	*ret = &m->head;
	return STORE_OK;
}
