/* redo.c - wraps a store whose servers may be replaced by one that lacks the last commits, as a standby does that was not waited for. The latest
 * transactions are kept in memory; when the store goes on with another history, those that it lacks are committed again, as they were.
 *
 * That is all it takes, because a transaction names the versions it replaces and carries a token: one that is there is known by its token, one
 * that is missing finds the versions before it, in the order of the first time, and one whose documents went another way meanwhile is refused and
 * told of. What is lost is the end of the log, so the search goes back from the latest one and ends where everything is there. Other replicas do the
 * same: what rests on a transaction of theirs is refused until they have, and is tried again for a while.
 *
 * New commits could take the place of what was lost, so until HOLD_MS after the change they are answered STORE_BUSY: time for every replica to notice
 * and to put back what it had.
 */
#include "store/backend.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_BACK = STORE_GET_MAX, AGAIN_MS = 50, HOLD_MS = 2000, GIVE_UP_MS = 15 * 1000 };

/* What is known of a transaction that was done. UNTOLD: the document that would tell was written again since, or deleted. */
enum fate { FATE_THERE, FATE_MISSING, FATE_UNTOLD };

/* A transaction as it was committed, with all its texts, in one piece of memory. */
struct kept {
	struct kept *older, *newer;
	struct store_txn txn;
	size_t bytes;
	int64_t at_ms;
	uint64_t history;                /* the store's right after it was done: it cannot be lacking there */
	enum fate fate;
};
struct redo {
	struct store head;
	struct store *inner;
	struct store_redo_plan plan;
	pthread_mutex_t lock;            /* guards what follows; held while the store is asked about what was lost */
	struct kept *oldest, *newest;
	size_t bytes;
	uint64_t history;                /* in which everything kept is known to be, or was given up */
	bool is_redoing;                 /* what is missing is known, and not all of it is there yet */
	int64_t began_ms, next_ms, hold_until_ms;
	struct store_redone done;
};

static struct redo *redo(struct store *s)
{
	return (struct redo *)s;
}

/* --- what is kept --- */

static size_t texts_of(const struct store_write *w)
{
	size_t n = w->id.n + w->body.n;
	for (int i = 0; i < STORE_IDX; i++)
		n += w->idx[i].n;
	return n;
}

static struct str keep_text(char **to, struct str s)
{
	struct str kept = { *to, s.n };
	if (s.n > 0)
		memcpy(*to, s.p, s.n);
	*to += s.n;
	return kept;
}

static struct kept *kept_new(const struct store_txn *t, int64_t now_ms, uint64_t history)
{
	size_t bytes = sizeof(struct kept) + t->n * sizeof *t->w;
	for (size_t i = 0; i < t->n; i++)
		bytes += texts_of(&t->w[i]);
	struct kept *k = xmalloc(bytes);
	struct store_write *w = (struct store_write *)(k + 1);
	char *text = (char *)(w + t->n);
	for (size_t i = 0; i < t->n; i++) {
		w[i] = t->w[i];
		w[i].id = keep_text(&text, t->w[i].id);
		w[i].body = keep_text(&text, t->w[i].body);
		for (int x = 0; x < STORE_IDX; x++)
			w[i].idx[x] = keep_text(&text, t->w[i].idx[x]);
	}
	*k = (struct kept){ .txn = { t->token, w, t->n }, .bytes = bytes, .at_ms = now_ms, .history = history };
	return k;
}

static void keep(struct redo *r, struct kept *k)
{
	k->older = r->newest;
	*(r->newest ? &r->newest->newer : &r->oldest) = k;
	r->newest = k;
	r->bytes += k->bytes;
}

static void forget_oldest(struct redo *r)
{
	struct kept *k = r->oldest;
	r->oldest = k->newer;
	*(r->oldest ? &r->oldest->older : &r->newest) = NULL;
	r->bytes -= k->bytes;
	free(k);
}

static void forget_old(struct redo *r, int64_t now_ms)
{
	while (r->oldest && (r->bytes > r->plan.bytes_max || now_ms - r->oldest->at_ms > r->plan.keep_ms))
		forget_oldest(r);
}

/* --- what is missing --- */

static bool is_for_good(const struct redo *r, const struct store_write *w)
{
	return w->op == STORE_PUT && (r->head.append_only >> w->kind & 1);
}

/* The document that tells whether a transaction is there: one that is written once and for all, if it has one. NULL: it writes nothing. */
static const struct store_write *witness(const struct redo *r, const struct store_txn *t)
{
	const struct store_write *any = NULL;
	for (size_t i = 0; i < t->n; i++) {
		if (t->w[i].op == STORE_CHECK)
			continue;
		if (is_for_good(r, &t->w[i]))
			return &t->w[i];
		any = any ? any : &t->w[i];
	}
	return any;
}

static enum fate fate_of(const struct redo *r, const struct kept *k, const struct store_write *w, const struct store_doc *d)
{
	if (w->op == STORE_DELETE)
		return d->ver == w->expect ? FATE_MISSING : FATE_UNTOLD;
	if (d->ver > 0 && memcmp(d->token.b, k->txn.token.b, sizeof d->token.b) == 0)
		return FATE_THERE;
	return is_for_good(r, w) || d->ver <= w->expect ? FATE_MISSING : FATE_UNTOLD;
}

/* Looks at up to LOOK_BACK transactions, from k back; *ret: the next one to look at, NULL when nothing before these can be missing. *is_behind: one that
 * is there from before the change was met, so before it only commits that went on side by side with it can be missing. */
static enum store_rc look_back(struct redo *r, uint64_t history, struct kept *k, struct kept **ret, bool *is_behind)
{
	store_kind kind[LOOK_BACK];
	struct str id[LOOK_BACK];
	struct kept *of[LOOK_BACK];
	struct store_docs docs = { 0 };
	size_t n = 0, missing = 0;
	for (; k && n < LOOK_BACK; k = k->older) {
		const struct store_write *w = witness(r, &k->txn);
		if (w == NULL || k->history == history)
			continue;
		kind[n] = w->kind;
		id[n] = w->id;
		of[n++] = k;
	}
	enum store_rc rc = n > 0 ? store_get(r->inner, kind, id, n, &docs) : STORE_OK;
	for (size_t i = 0; i < n && rc == STORE_OK; i++) {
		const struct store_write *w = witness(r, &of[i]->txn);
		enum fate f = fate_of(r, of[i], w, &docs.v[i]);
		*is_behind |= f == FATE_THERE;
		of[i]->fate = *is_behind && !is_for_good(r, w) ? FATE_THERE : f;
		missing += of[i]->fate == FATE_MISSING;
	}
	store_docs_free(&docs);
	*ret = *is_behind && missing == 0 ? NULL : k;
	return rc;
}

static enum store_rc find_missing(struct redo *r, uint64_t history)
{
	enum store_rc rc = STORE_OK;
	bool is_behind = false;
	for (struct kept *k = r->newest; k && rc == STORE_OK;)
		rc = look_back(r, history, k, &k, &is_behind);
	return rc;
}

static void count_missing(struct redo *r, int64_t now_ms)
{
	r->done = (struct store_redone){ 0 };
	for (const struct kept *k = r->newest; k; k = k->older)
		if (k->fate == FATE_MISSING) {
			r->done.missing++;
			r->done.oldest_ms = now_ms - k->at_ms;
		}
}

/* --- and done again --- */

/* One group of what is not known to be there, from k on; *ret: where to go on. Refused is what rests on something that is not there, or no more as it
 * was; of what is untold that is the rule: it was overwritten in its time. */
static enum store_rc redo_some(struct redo *r, struct kept *k, struct kept **ret)
{
	struct store_txn txns[LOOK_BACK];
	struct store_result results[LOOK_BACK];
	struct kept *of[LOOK_BACK];
	enum store_rc rc = STORE_OK;
	size_t n = 0;
	for (; k && n < LOOK_BACK; k = k->newer)
		if (k->fate != FATE_THERE) {
			of[n] = k;
			txns[n++] = k->txn;
		}
	*ret = k;
	if (n > 0)
		store_commit(r->inner, txns, results, n);
	for (size_t i = 0; i < n; i++) {
		if (results[i].rc == STORE_OK) {
			r->done.redone += of[i]->fate == FATE_MISSING;
			of[i]->fate = FATE_THERE;
		}
		if (results[i].rc != STORE_OK && results[i].rc != STORE_CONFLICT)
			rc = results[i].rc;
	}
	return rc;
}

static enum store_rc redo_missing(struct redo *r)
{
	enum store_rc rc = STORE_OK;
	struct kept *k = r->oldest;
	while (k && k->fate != FATE_MISSING)
		k = k->newer;
	while (k && rc == STORE_OK)
		rc = redo_some(r, k, &k);
	return rc;
}

static void end(struct redo *r)
{
	r->is_redoing = false;
	for (struct kept *k = r->oldest; k; k = k->newer)
		k->fate = FATE_THERE;
	r->plan.told(r->plan.ctx, &r->done);
}

/* Whether what the store said it had done is in it, as far as that can be. Not STORE_OK: unknown, because the store cannot be asked now. */
static enum store_rc catch_up(struct redo *r)
{
	struct store_info info;
	int64_t now_ms = r->plan.boot_ms(r->plan.ctx);
	enum store_rc rc = STORE_OK;
	store_info(r->inner, &info);
	if (info.history != r->history) {
		rc = find_missing(r, info.history);
		if (rc != STORE_OK)
			return rc;
		count_missing(r, now_ms);
		r->history = info.history;
		r->is_redoing = true;
		r->began_ms = r->next_ms = now_ms;
		r->hold_until_ms = now_ms + HOLD_MS;
	}
	if (!r->is_redoing || now_ms < r->next_ms)
		return STORE_OK;
	rc = redo_missing(r);
	r->next_ms = now_ms + (rc == STORE_OK ? AGAIN_MS : 0);
	if (r->done.redone == r->done.missing || now_ms - r->began_ms > GIVE_UP_MS)
		end(r);
	return rc;
}

/* --- the wrapper --- */

static void redo_close(struct store *s)
{
	struct redo *r = redo(s);
	while (r->oldest)
		forget_oldest(r);
	store_close(r->inner);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void redo_info(const struct store *s, struct store_info *ret)
{
	store_info(((const struct redo *)s)->inner, ret);
}

/* Asked at every step: so nothing that is missing waits for somebody to write. */
static enum store_rc redo_now(struct store *s, int64_t *ret_ms, int64_t *ret_err_ms)
{
	struct redo *r = redo(s);
	pthread_mutex_lock(&r->lock);
	(void)catch_up(r);                                         /* time is told all the same; it is tried again */
	pthread_mutex_unlock(&r->lock);
	return r->inner->ops->now(r->inner, ret_ms, ret_err_ms);
}

static enum store_rc redo_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	struct store *inner = redo(s)->inner;
	return inner->ops->get(inner, kind, id, n, out);
}

/* STORE_OK: new commits are welcome. */
static enum store_rc may_commit(struct redo *r)
{
	pthread_mutex_lock(&r->lock);
	enum store_rc rc = catch_up(r);
	bool is_held = r->plan.boot_ms(r->plan.ctx) < r->hold_until_ms;
	pthread_mutex_unlock(&r->lock);
	return rc == STORE_OK && !is_held ? STORE_OK : STORE_BUSY;
}

static void keep_done(struct redo *r, const struct store_txn *txns, const struct store_result *results, size_t n)
{
	int64_t now_ms = r->plan.boot_ms(r->plan.ctx);
	struct store_info info;
	store_info(r->inner, &info);
	for (size_t i = 0; i < n; i++)
		if (results[i].rc == STORE_OK)
			keep(r, kept_new(&txns[i], now_ms, info.history));
	if (!r->is_redoing)
		forget_old(r, now_ms);
}

static void redo_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n)
{
	struct redo *r = redo(s);
	enum store_rc rc = may_commit(r);
	for (size_t i = 0; i < n && rc != STORE_OK; i++)
		results[i] = (struct store_result){ .rc = rc };
	if (rc != STORE_OK)
		return;
	r->inner->ops->commit(r->inner, txns, results, n);
	pthread_mutex_lock(&r->lock);
	keep_done(r, txns, results, n);
	pthread_mutex_unlock(&r->lock);
}

static enum store_rc redo_due(struct store *s, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le, size_t limit,
    struct store_docs *out)
{
	struct store *inner = redo(s)->inner;
	return inner->ops->due(inner, kind, shard_lo, shard_hi, due_le, limit, out);
}

static enum store_rc redo_list(struct store *s, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending, size_t limit,
    struct store_docs *out)
{
	struct store *inner = redo(s)->inner;
	return inner->ops->list(inner, kind, idx, lo, hi, is_descending, limit, out);
}

static enum store_rc redo_scan(struct store *s, store_kind kind, unsigned shard, struct str cursor, size_t limit, struct store_docs *out)
{
	struct store *inner = redo(s)->inner;
	return inner->ops->scan(inner, kind, shard, cursor, limit, out);
}

static enum store_rc redo_purge(struct store *s, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done)
{
	struct store *inner = redo(s)->inner;
	return inner->ops->purge(inner, kind, expired_before, limit, ret_done);
}

static enum store_rc redo_probe(struct store *s, int64_t *ret_commit_us)
{
	struct store *inner = redo(s)->inner;
	return inner->ops->probe(inner, ret_commit_us);
}

static enum store_rc redo_import(struct store *s, const struct store_doc *docs, size_t n)
{
	struct store *inner = redo(s)->inner;
	return inner->ops->import(inner, docs, n);
}

struct store *store_redo(struct store *inner, const struct store_redo_plan *plan)
{
	static const struct store_ops ops = { redo_close, redo_info, redo_now, redo_get, redo_commit, redo_due, redo_list, redo_scan,
		redo_purge, redo_probe, redo_import };
	struct store_info info;
	struct redo *r = xmalloc(sizeof *r);
	store_info(inner, &info);
	*r = (struct redo){ .head = *inner, .inner = inner, .plan = *plan, .history = info.history };
	r->head.ops = &ops;
	pthread_mutex_init(&r->lock, NULL);
	return &r->head;
}
