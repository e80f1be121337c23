/* fault.c - wraps any store and makes it fail as its plan says: busy, down, full, replies that are lost, commits that arrive late.
 *
 * Members of a group that get through reach the store as one group, in their order. What is LATE is copied and held until
 * store_fault_release, which commits it member by member; the store itself then decides whether it still applies.
 */
#include "store/backend.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct held { struct held *next; struct arena mem; struct store_txn txn; };
struct fault {
	struct store head;
	struct store *inner;
	struct store_fault_plan plan;
	pthread_mutex_t lock;            /* guards the row of held commits */
	struct held *first, **last;
};

static void held_free(struct held *h)
{
	for (struct held *next; h; h = next) {
		next = h->next;
		arena_free(&h->mem);
		free(h);
	}
}

static void fault_close(struct store *s)
{
	struct fault *f = (struct fault *)s;
	held_free(f->first);
	store_close(f->inner);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static void fault_info(const struct store *s, struct store_info *ret)
{
	store_info(((const struct fault *)s)->inner, ret);
}

static enum store_rc fault_now(struct store *s, int64_t *ret_ms, int64_t *ret_err_ms)
{
	struct store *inner = ((struct fault *)s)->inner;
	return inner->ops->now(inner, ret_ms, ret_err_ms);
}

/* What a reader answers instead of asking. A reader knows no half-way: whatever is not busy is down. */
static enum store_rc read_fault(struct fault *f)
{
	enum store_fault planned = f->plan.on_read ? f->plan.on_read(f->plan.ctx) : STORE_FAULT_NONE;
	if (planned == STORE_FAULT_NONE)
		return STORE_OK;
	return planned == STORE_FAULT_BUSY ? STORE_BUSY : STORE_DOWN;
}

static enum store_rc fault_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	struct fault *f = (struct fault *)s;
	enum store_rc rc = read_fault(f);
	return rc == STORE_OK ? f->inner->ops->get(f->inner, kind, id, n, out) : rc;
}

static void copy_write(struct arena *mem, struct store_write *w)
{
	w->id = arena_str(mem, w->id);
	w->body = arena_str(mem, w->body);
	for (size_t i = 0; i < STORE_IDX; i++)
		w->idx[i] = arena_str(mem, w->idx[i]);
}

static void hold(struct fault *f, const struct store_txn *t)
{
	struct held *h = xmalloc(sizeof *h);
	*h = (struct held){ .mem = ARENA(SIZE_MAX) };
	struct store_write *w = NEWN(&h->mem, struct store_write, t->n);
	memcpy(w, t->w, t->n * sizeof *w);
	for (size_t i = 0; i < t->n; i++)
		copy_write(&h->mem, &w[i]);
	h->txn = (struct store_txn){ t->token, w, t->n };
	pthread_mutex_lock(&f->lock);
	*f->last = h;
	f->last = &h->next;
	pthread_mutex_unlock(&f->lock);
}

/* reaches: the store gets it. answer: what the caller hears instead of the truth; STORE_OK: the truth. */
static const struct { bool reaches; enum store_rc answer; } effect[] = {
	[STORE_FAULT_NONE] = { true, STORE_OK },
	[STORE_FAULT_BUSY] = { false, STORE_BUSY },
	[STORE_FAULT_DOWN] = { false, STORE_DOWN },
	[STORE_FAULT_FULL] = { false, STORE_FULL },
	[STORE_FAULT_LOST_REPLY] = { true, STORE_UNKNOWN },
	[STORE_FAULT_NOT_APPLIED] = { false, STORE_UNKNOWN },
	[STORE_FAULT_LATE] = { false, STORE_UNKNOWN },
	[STORE_FAULT_FENCED] = { false, STORE_FENCED },
};

static void fault_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n)
{
	struct fault *f = (struct fault *)s;
	struct store_txn *through = xmalloc(n * sizeof *through);
	struct store_result *truth = xmalloc(n * sizeof *truth);
	enum store_fault *planned = xmalloc(n * sizeof *planned);
	size_t m = 0;
	for (size_t i = 0; i < n; i++) {
		planned[i] = f->plan.on_commit ? f->plan.on_commit(f->plan.ctx, &txns[i]) : STORE_FAULT_NONE;
		if (effect[planned[i]].reaches)
			through[m++] = txns[i];
		if (planned[i] == STORE_FAULT_LATE)
			hold(f, &txns[i]);
	}
	if (m > 0)
		f->inner->ops->commit(f->inner, through, truth, m);
	for (size_t i = 0, j = 0; i < n; i++) {
		results[i] = effect[planned[i]].reaches ? truth[j++] : (struct store_result){ 0 };
		if (effect[planned[i]].answer != STORE_OK)
			results[i] = (struct store_result){ .rc = effect[planned[i]].answer };
	}
	free(planned);
	free(truth);
	free(through);
}

static enum store_rc fault_due(struct store *s, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le,
    size_t limit, struct store_docs *out)
{
	struct fault *f = (struct fault *)s;
	enum store_rc rc = read_fault(f);
	return rc == STORE_OK ? f->inner->ops->due(f->inner, kind, shard_lo, shard_hi, due_le, limit, out) : rc;
}

static enum store_rc fault_list(struct store *s, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending,
    size_t limit, struct store_docs *out)
{
	struct fault *f = (struct fault *)s;
	enum store_rc rc = read_fault(f);
	return rc == STORE_OK ? f->inner->ops->list(f->inner, kind, idx, lo, hi, is_descending, limit, out) : rc;
}

static enum store_rc fault_scan(struct store *s, store_kind kind, unsigned shard, struct str cursor, size_t limit,
    struct store_docs *out)
{
	struct fault *f = (struct fault *)s;
	enum store_rc rc = read_fault(f);
	return rc == STORE_OK ? f->inner->ops->scan(f->inner, kind, shard, cursor, limit, out) : rc;
}

static enum store_rc fault_purge(struct store *s, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done)
{
	struct fault *f = (struct fault *)s;
	enum store_rc rc = read_fault(f);
	return rc == STORE_OK ? f->inner->ops->purge(f->inner, kind, expired_before, limit, ret_done) : rc;
}

static enum store_rc fault_probe(struct store *s, int64_t *ret_commit_us)
{
	struct fault *f = (struct fault *)s;
	enum store_rc rc = read_fault(f);
	return rc == STORE_OK ? f->inner->ops->probe(f->inner, ret_commit_us) : rc;
}

static enum store_rc fault_import(struct store *s, const struct store_doc *docs, size_t n)
{
	struct fault *f = (struct fault *)s;
	enum store_rc rc = read_fault(f);
	return rc == STORE_OK ? f->inner->ops->import(f->inner, docs, n) : rc;
}

struct store *store_fault(struct store *inner, const struct store_fault_plan *plan)
{
	static const struct store_ops ops = { fault_close, fault_info, fault_now, fault_get, fault_commit, fault_due, fault_list,
		fault_scan, fault_purge, fault_probe, fault_import };
	struct fault *f = xmalloc(sizeof *f);
	*f = (struct fault){ .head = *inner, .inner = inner, .plan = *plan };
	f->head.ops = &ops;
	f->last = &f->first;
	pthread_mutex_init(&f->lock, NULL);
	return &f->head;
}

size_t store_fault_release(struct store *faulty)
{
	struct fault *f = (struct fault *)faulty;
	pthread_mutex_lock(&f->lock);
	struct held *all = f->first;
	f->first = NULL;
	f->last = &f->first;
	pthread_mutex_unlock(&f->lock);
	size_t n = 0;
	for (const struct held *h = all; h; h = h->next, n++) {
		struct store_result r;
		f->inner->ops->commit(f->inner, &h->txn, &r, 1);   /* whether it still applies is the store's to say */
	}
	held_free(all);
	return n;
}
