/* redo.c - wraps a store whose servers may be replaced by one that lacks the last commits, as a standby does that was not waited for. The latest
 * transactions are kept in memory; when the store goes on with another history, those that it lacks are committed again, as they were.
 *
 * That is all it takes, because a transaction names the versions it replaces and carries a token: one that is there is known by its token, and one
 * that is missing finds the versions before it, in the order of the first time. What is lost is the end of the log, so the search goes back from the
 * latest one to a little before the first that is there. Other replicas do the same: what rests on a transaction of theirs is refused until they have,
 * and is tried again.
 *
 * Versions say nothing of which history they are of. So nothing new is committed from the change on until HOLD_MS after it, and nothing is put back
 * later: time for every replica to notice, which takes a connection that finds nobody (3 s) and a call that is under way (4.5 s), and to put
 * back what it had. Time in which the store does not answer does not count.
 *
 * The work is done in store_redo_tend, on a thread of its own: no caller of the store ever waits for it.
 */
#include "store/backend.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOK_BACK = STORE_GET_MAX, GROUP_BYTES = 4 << 20, HOLD_MS = 8000, SIDE_MS = 5000 };     /* SIDE_MS: longer than a call takes */
#define HISTORY_UNSURE UINT64_MAX

/* What is known of a transaction that was done. UNTOLD: the document that would tell was written again since, or deleted. */
enum fate { FATE_THERE, FATE_MISSING, FATE_UNTOLD };

/* A transaction as it was committed, with all its texts, in one piece of memory. */
struct kept {
	struct kept *older, *newer;
	struct store_txn txn;
	size_t bytes;
	int64_t at_ms;
	uint64_t history;                /* the store's while it was done; HISTORY_UNSURE: it changed meanwhile */
	enum fate fate;                  /* the tender's */
};
struct redo {
	struct store head;
	struct store *inner;
	struct store_redo_plan plan;
	pthread_mutex_t lock;            /* guards what follows; never held over a call of the store */
	pthread_cond_t ending;
	bool is_ending;
	struct kept *oldest, *newest;
	size_t bytes;
	uint64_t history;                /* which everything that is kept is in, as far as it can be */
	bool is_redoing;                 /* it has changed: nothing is committed, and nothing that is kept is forgotten */

	pthread_t tender;                /* what follows is the tender's alone */
	struct kept *last;               /* the newest when the change was noticed */
	uint64_t into;                   /* the history that it led to */
	bool is_searched;
	int64_t noticed_ms, hold_until_ms;
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

/* A search: where it is, and when the latest transaction was done of those that are there from before the change. Before that one only commits can be
 * missing that went on side by side with it. */
struct search { struct kept *next; int64_t there_ms; };
#define NONE_IS_THERE (INT64_MIN + SIDE_MS)

/* Looks at the next LOOK_BACK transactions. */
static enum store_rc look_back(struct redo *r, struct search *s)
{
	store_kind kind[LOOK_BACK];
	struct str id[LOOK_BACK];
	const struct store_write *by[LOOK_BACK];
	struct kept *of[LOOK_BACK], *k = s->next;
	struct store_docs docs = { 0 };
	size_t n = 0;
	for (; k && n < LOOK_BACK && k->at_ms >= s->there_ms - SIDE_MS; k = k->older) {
		const struct store_write *w = witness(r, &k->txn);
		if (w == NULL || k->history == r->into)
			continue;
		by[n] = w;
		kind[n] = w->kind;
		id[n] = w->id;
		of[n++] = k;
	}
	enum store_rc rc = n > 0 ? store_get(r->inner, kind, id, n, &docs) : STORE_OK;
	for (size_t i = 0; i < n && rc == STORE_OK; i++) {
		enum fate f = fate_of(r, of[i], by[i], &docs.v[i]);
		if (f == FATE_THERE && of[i]->history != HISTORY_UNSURE && s->there_ms == NONE_IS_THERE)
			s->there_ms = of[i]->at_ms;
		bool is_before = of[i]->at_ms < s->there_ms - SIDE_MS, is_beside = s->there_ms != NONE_IS_THERE;
		of[i]->fate = is_before || (is_beside && !is_for_good(r, by[i])) ? FATE_THERE : f;
	}
	store_docs_free(&docs);
	s->next = n == LOOK_BACK ? k : NULL;
	return rc;
}

static enum store_rc find_missing(struct redo *r)
{
	struct search s = { r->last, NONE_IS_THERE };
	enum store_rc rc = STORE_OK;
	for (struct kept *k = r->last; k; k = k->older)
		k->fate = FATE_THERE;
	while (s.next && rc == STORE_OK)
		rc = look_back(r, &s);
	r->done = (struct store_redone){ 0 };
	for (const struct kept *k = r->last; k && rc == STORE_OK; k = k->older)
		if (k->fate == FATE_MISSING) {
			r->done.missing++;
			r->done.oldest_ms = r->noticed_ms - k->at_ms;
		}
	r->is_searched = rc == STORE_OK;
	return rc;
}

/* --- and done again --- */

static struct kept *after(const struct redo *r, const struct kept *k)
{
	return k == r->last ? NULL : k->newer;
}

/* One group of what is not known to be there, from k on; *ret: where to go on. Refused is what rests on something that is not there; of what is untold
 * that is the rule, it was overwritten in its time, and once is enough. */
static enum store_rc redo_some(struct redo *r, struct kept *k, struct kept **ret)
{
	struct store_txn txns[LOOK_BACK];
	struct store_result results[LOOK_BACK];
	struct kept *of[LOOK_BACK];
	enum store_rc rc = STORE_OK;
	size_t n = 0, bytes = 0;
	for (; k && n < LOOK_BACK && bytes < GROUP_BYTES; k = after(r, k))
		if (k->fate != FATE_THERE) {
			of[n] = k;
			bytes += k->bytes;
			txns[n++] = k->txn;
		}
	*ret = k;
	if (n > 0)
		store_commit(r->inner, txns, results, n);
	for (size_t i = 0; i < n; i++) {
		bool is_there = results[i].rc == STORE_OK, is_refused = results[i].rc == STORE_CONFLICT;
		r->done.redone += is_there && of[i]->fate == FATE_MISSING;
		if (is_there || (is_refused && of[i]->fate == FATE_UNTOLD))
			of[i]->fate = FATE_THERE;
		if (!is_there && !is_refused)
			rc = results[i].rc;
	}
	return rc;
}

static enum store_rc redo_missing(struct redo *r)
{
	enum store_rc rc = STORE_OK;
	struct kept *k = r->last ? r->oldest : NULL;
	while (k && k->fate != FATE_MISSING)
		k = after(r, k);
	while (k && rc == STORE_OK)
		rc = redo_some(r, k, &k);
	return rc;
}

/* Under the lock. A change while the last one is being dealt with begins all of it anew. */
static void notice(struct redo *r, int64_t now_ms)
{
	struct store_info info;
	store_info(r->inner, &info);
	if (info.history == r->history)
		return;
	r->history = r->into = info.history;
	r->is_redoing = true;
	r->is_searched = false;
	r->last = r->newest;
	r->noticed_ms = now_ms;
	r->hold_until_ms = now_ms + HOLD_MS;
}

void store_redo_tend(struct store *s)
{
	struct redo *r = redo(s);
	int64_t now_ms = r->plan.boot_ms(r->plan.ctx);
	pthread_mutex_lock(&r->lock);
	notice(r, now_ms);
	bool is_at_work = r->is_redoing;
	pthread_mutex_unlock(&r->lock);
	if (!is_at_work)
		return;
	bool was_searched = r->is_searched;                        /* however long that took: what was found missing is tried once at least */
	enum store_rc rc = was_searched ? redo_missing(r) : find_missing(r);
	if (rc != STORE_OK)
		r->hold_until_ms = r->plan.boot_ms(r->plan.ctx) + HOLD_MS;
	if (rc != STORE_OK || !was_searched || now_ms < r->hold_until_ms)
		return;
	pthread_mutex_lock(&r->lock);
	r->is_redoing = false;
	pthread_mutex_unlock(&r->lock);
	r->plan.told(r->plan.ctx, &r->done);
}

static void *tend(void *arg)
{
	struct redo *r = arg;
	pthread_mutex_lock(&r->lock);
	while (!r->is_ending) {
		struct timespec at;
		pthread_mutex_unlock(&r->lock);
		store_redo_tend(&r->head);
		pthread_mutex_lock(&r->lock);
		(void)clock_gettime(CLOCK_REALTIME, &at);          /* a jump of it makes one pause longer or shorter */
		at.tv_nsec += r->plan.tend_ms * 1000000L;
		at.tv_sec += at.tv_nsec / 1000000000;
		at.tv_nsec %= 1000000000;
		if (!r->is_ending)
			(void)pthread_cond_timedwait(&r->ending, &r->lock, &at);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* --- the wrapper --- */

static void redo_close(struct store *s)
{
	struct redo *r = redo(s);
	pthread_mutex_lock(&r->lock);
	r->is_ending = true;
	pthread_cond_signal(&r->ending);
	pthread_mutex_unlock(&r->lock);
	if (r->plan.tend_ms > 0)
		pthread_join(r->tender, NULL);
	while (r->oldest)
		forget_oldest(r);
	store_close(r->inner);
	pthread_cond_destroy(&r->ending);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void redo_info(const struct store *s, struct store_info *ret)
{
	store_info(((const struct redo *)s)->inner, ret);
}

static enum store_rc redo_now(struct store *s, int64_t *ret_ms, int64_t *ret_err_ms)
{
	struct store *inner = redo(s)->inner;
	return inner->ops->now(inner, ret_ms, ret_err_ms);
}

static enum store_rc redo_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	struct store *inner = redo(s)->inner;
	return inner->ops->get(inner, kind, id, n, out);
}

/* Whether new commits are welcome, and in which history. */
static bool may_commit(struct redo *r, uint64_t *ret_history)
{
	struct store_info info;
	pthread_mutex_lock(&r->lock);
	store_info(r->inner, &info);
	bool is_welcome = !r->is_redoing && info.history == r->history;
	*ret_history = r->history;
	pthread_mutex_unlock(&r->lock);
	return is_welcome;
}

/* A change while a commit was under way is looked into once more, as what it did may be on either side. */
static void keep_done(struct redo *r, const struct store_txn *txns, const struct store_result *results, size_t n, uint64_t history)
{
	int64_t now_ms = r->plan.boot_ms(r->plan.ctx);
	struct store_info info;
	store_info(r->inner, &info);
	bool is_sure = info.history == history && r->history == history;
	for (size_t i = 0; i < n; i++)
		if (results[i].rc == STORE_OK) {
			keep(r, kept_new(&txns[i], now_ms, is_sure ? history : HISTORY_UNSURE));
			r->history = is_sure ? history : HISTORY_UNSURE;
		}
	if (!r->is_redoing && is_sure)
		forget_old(r, now_ms);
}

static void redo_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n)
{
	struct redo *r = redo(s);
	uint64_t history;
	bool is_welcome = may_commit(r, &history);
	for (size_t i = 0; i < n && !is_welcome; i++)
		results[i] = (struct store_result){ .rc = STORE_BUSY };
	if (!is_welcome)
		return;
	r->inner->ops->commit(r->inner, txns, results, n);
	pthread_mutex_lock(&r->lock);
	keep_done(r, txns, results, n, history);
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
	pthread_cond_init(&r->ending, NULL);
	if (plan->tend_ms == 0 || pthread_create(&r->tender, NULL, tend, r) == 0)
		return &r->head;
	pthread_cond_destroy(&r->ending);
	pthread_mutex_destroy(&r->lock);
	free(r);
	return inner;                                              /* no thread can be had: whoever asked for this needs some too, and says so */
}
