/* postgres_commit.c - a group is one SQL transaction: lock and look, judge in memory, write, commit. Four round trips at most but for updates.
 *
 * READ COMMITTED is enough because nothing is decided on what is not locked: documents that are there are locked in the order of (kind, id)
 * before anything is judged (for sharing, when they are only checked), those that are absent are created, and the unique index makes two
 * creators wait for each other. That order leaves one deadlock (a document deleted by one group and created by another that crosses it),
 * which the server finds in a second; the group then runs again.
 *
 * Up to the moment COMMIT is sent, a failure means "not applied". After it, the transaction's fate is found out on another session: our tokens in the
 * documents prove that it was applied; the server's word about the transaction's number that it was not. Only what neither tells in time
 * is answered "unknown".
 */
#include "store/postgres_inside.h"
#include "store/disk.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* RUNS_MAX: statements that lock; more changes between the two kinds of lock than that, and all are locked for writing. FIND_OUT_US: of a call's
 * time, what COMMIT leaves for finding out what became of it. */
enum { TRIES = 8, RUNS_MAX = 8, PROOFS_MAX = 64, PAUSE_MS = 20, FIND_OUT_US = 1000000 };

/* CAREFUL: again, presuming nothing. FAILED: nothing was applied, the session says why. STALE: committed, but not where a standby was to have it. */
enum attempt { DONE, AGAIN, CAREFUL, FAILED, FENCED, UNSURE, STALE };
struct work {
	struct postgres *p;
	struct session *s;
	struct group *g;
	struct store_result *results;
	int64_t until_us, at, number, server_began;    /* number: of the SQL transaction, on the server that began then */
	uint64_t timeline;               /* of the server that was there when the call began */
	enum store_rc why;                             /* of the latest failure */
	bool is_careful;
};

/* Why an exchange before COMMIT failed, and what to do. A state that is empty means that a count was not what it had to be. */
static enum attempt why_not(struct work *k)
{
	const struct session *s = k->s;
	k->why = s->is_lost ? STORE_DOWN : s->state[0] ? session_meaning(s) : STORE_BUSY;
	if (s->is_lost)
		return s->is_late ? FAILED : AGAIN;
	if (!k->is_careful)
		return CAREFUL;                                    /* who was applied long ago must not be told that it was not */
	bool has_lost_a_race = s->state[0] == '\0' || session_is(s, "23505") || session_is(s, "40001") || session_is(s, "40P01");
	return has_lost_a_race ? AGAIN : FAILED;
}

/* The slots to be looked at, in runs that take one kind of lock each. */
struct look { uint32_t *slot; size_t n, runs, from[RUNS_MAX + 1]; bool is_shared[RUNS_MAX]; };

static void plan_look(const struct group *g, struct look *l)
{
	*l = (struct look){ .slot = xmalloc((g->n_slots + 1) * sizeof *l->slot) };
	bool fits = true;
	for (uint32_t i = 0; i < g->n_slots; i++) {
		bool is_shared = !g->slot[i].is_changed;
		if (g->slot[i].is_presumed)
			continue;
		if (fits && (l->n == 0 || l->is_shared[l->runs - 1] != is_shared)) {
			fits = l->runs < RUNS_MAX;
			if (fits) {
				l->from[l->runs] = l->n;
				l->is_shared[l->runs++] = is_shared;
			}
		}
		l->slot[l->n++] = i;
	}
	if (!fits) {
		l->runs = 1;
		l->is_shared[0] = false;
	}
	l->from[l->runs] = l->n;
}

/* Kinds and ids of slots, as two arrays. */
static void args_slots(struct args *a, const struct group *g, const uint32_t *slot, size_t n)
{
	struct buf *kinds = args_array(a, PACK_INT2, n), *ids = args_array(a, PACK_BYTEA, n);
	for (size_t i = 0; i < n; i++) {
		pack_int2(kinds, g->slot[slot[i]].kind);
		pack_bytes(ids, g->slot[slot[i]].id);
	}
}

static void take_look(struct group *g, const uint32_t *slot, const PGresult *r)
{
	for (int row = 0; row < PQntuples(r); row++) {
		struct slot *s = &g->slot[slot[row_int(r, row, 0) - 1]];
		s->was = s->ver = (uint64_t)row_int(r, row, 1);
		s->token = row_token(r, row, 2);
	}
}

static bool exchange_look(struct work *k, const struct look *l)
{
	PGresult *r[RUNS_MAX + 2];
	int64_t asked_at = postgres_clock_boot(&k->p->clock);
	session_send(k->s, PG_BEGIN, NULL);
	for (size_t i = 0; i < l->runs; i++) {
		struct args a = { .n = 0 };
		args_slots(&a, k->g, l->slot + l->from[i], l->from[i + 1] - l->from[i]);
		session_send(k->s, l->is_shared[i] ? PG_LOCK_SHARED : PG_LOCK, &a);
		args_free(&a);
	}
	session_send(k->s, PG_STAMP, NULL);                        /* last, so that waiting for locks is over */
	if (!session_run(k->s, r, l->runs + 2))
		return false;
	for (size_t i = 0; i < l->runs; i++)
		take_look(k->g, l->slot + l->from[i], r[i + 1]);
	PGresult *stamp = r[l->runs + 1];
	k->at = row_int(stamp, 0, 0);
	k->number = row_int(stamp, 0, 2);
	k->server_began = k->s->server_began;
	(void)postgres_note(k->p, stamp, asked_at);                /* is_fenced says it, to `attempt` */
	for (size_t i = 0; i < l->runs + 2; i++)
		PQclear(r[i]);
	return true;
}

static bool look(struct work *k)
{
	struct look l;
	plan_look(k->g, &l);
	bool ok = exchange_look(k, &l);
	free(l.slot);
	return ok;
}

static size_t count(const struct group *g, enum slot_fate fate)
{
	size_t n = 0;
	for (size_t i = 0; i < g->n_slots; i++)
		n += slot_fate(&g->slot[i]) == fate;
	return n;
}

static void send_updates(struct work *k, size_t n)
{
	struct args a = { .n = 0 };
	struct buf *kind = args_array(&a, PACK_INT2, n), *id = args_array(&a, PACK_BYTEA, n), *was = args_array(&a, PACK_INT8, n);
	struct buf *ver = args_array(&a, PACK_INT8, n), *token = args_array(&a, PACK_UUID, n), *due = args_array(&a, PACK_INT8, n);
	struct buf *expire = args_array(&a, PACK_INT8, n), *crc = args_array(&a, PACK_INT4, n), *idx[STORE_IDX];
	for (size_t j = 0; j < STORE_IDX; j++)
		idx[j] = args_array(&a, PACK_BYTEA, n);
	struct buf *body = args_array(&a, PACK_BYTEA, n);
	for (size_t i = 0; i < k->g->n_slots; i++) {
		if (slot_fate(&k->g->slot[i]) != SLOT_IS_CHANGED)
			continue;
		struct store_doc d = slot_doc(&k->g->slot[i]);
		pack_int2(kind, d.kind);
		pack_bytes(id, d.id);
		pack_int8(was, (int64_t)k->g->slot[i].was);
		pack_int8(ver, (int64_t)d.ver);
		pack_token(token, &d.token);
		pack_time(due, d.due);
		pack_time(expire, d.expire);
		pack_int4(crc, postgres_crc(&d));
		for (size_t j = 0; j < STORE_IDX; j++)
			pack_key(idx[j], d.idx[j]);
		pack_bytes(body, d.body);
	}
	session_send(k->s, PG_UPDATE, &a);
	args_free(&a);
}

static void send_deletes(struct work *k, enum slot_fate fate, size_t n)
{
	struct args a = { .n = 0 };
	struct buf *kind = args_array(&a, PACK_INT2, n), *id = args_array(&a, PACK_BYTEA, n), *ver = args_array(&a, PACK_INT8, n);
	for (size_t i = 0; i < k->g->n_slots; i++) {
		const struct slot *s = &k->g->slot[i];
		if (slot_fate(s) != fate)
			continue;
		pack_int2(kind, s->kind);
		pack_bytes(id, s->id);
		pack_int8(ver, (int64_t)s->was);
	}
	session_send(k->s, PG_DELETE, &a);
	args_free(&a);
}

static bool has_counted(PGresult *r, size_t n)
{
	int64_t done = -1;
	bool ok = str_int(str_c(PQcmdTuples(r)), &done) && done == (int64_t)n;
	PQclear(r);
	return ok;
}

static bool change_and_delete(struct work *k)
{
	size_t changed = count(k->g, SLOT_IS_CHANGED), deleted = count(k->g, SLOT_IS_DELETED), n = 0;
	PGresult *r[2];
	if (changed)
		send_updates(k, changed);
	if (deleted)
		send_deletes(k, SLOT_IS_DELETED, deleted);
	if (changed + deleted == 0)
		return true;
	if (!session_run(k->s, r, changed && deleted ? 2 : 1))
		return false;
	bool ok = !changed || has_counted(r[n++], changed);
	return (!deleted || has_counted(r[n], deleted)) && ok;
}

/* In the order of postgres_copy. */
static void pack_row(struct buf *rows, const struct store_doc *d, unsigned shards)
{
	pack_copy_row(rows, 9 + STORE_IDX);
	pack_int2(rows, d->kind);
	pack_int2(rows, (int)store_shard(d->id, shards));
	pack_int4(rows, postgres_crc(d));
	pack_int8(rows, (int64_t)d->ver);
	pack_time(rows, d->due);
	pack_time(rows, d->expire);
	pack_token(rows, &d->token);
	pack_bytes(rows, d->id);
	for (size_t i = 0; i < STORE_IDX; i++)
		pack_key(rows, d->idx[i]);
	pack_bytes(rows, d->body);
}

static bool create_and_hold(struct work *k)
{
	size_t held = count(k->g, SLOT_IS_HELD), created = count(k->g, SLOT_IS_CREATED), done = 0;
	struct buf rows = BUF(SIZE_MAX / 2), sql = BUF(4096);
	if (held + created == 0)
		return true;
	pack_copy_begin(&rows);
	for (size_t i = 0; i < k->g->n_slots; i++) {
		const struct slot *s = &k->g->slot[i];
		enum slot_fate fate = slot_fate(s);
		struct store_doc d = { .kind = s->kind, .id = s->id, .due = STORE_NO_DUE, .expire = STORE_NO_DUE };
		if (fate == SLOT_IS_CREATED)
			d = slot_doc(s);
		if (fate == SLOT_IS_CREATED || fate == SLOT_IS_HELD)
			pack_row(&rows, &d, k->p->shards);
	}
	pack_copy_end(&rows);
	postgres_text(&sql, postgres_copy, k->p->pool.target.schema);
	bool ok = session_copy(k->s, sql.p, buf_str(&rows), &done) && done == held + created;
	buf_free(&rows);
	buf_free(&sql);
	if (!ok || held == 0)
		return ok;
	PGresult *r = NULL;
	send_deletes(k, SLOT_IS_HELD, held);
	return session_run(k->s, &r, 1) && has_counted(r, held);
}

static enum attempt end(struct work *k)
{
	PGresult *r = NULL;
	k->s->has_warned = false;
	k->s->until_us = k->until_us - FIND_OUT_US;
	bool ok = session_one(k->s, PG_COMMIT, NULL, &r);
	bool is_committed = ok && strcmp(PQcmdStatus(r), "COMMIT") == 0;      /* of a failed transaction it says ROLLBACK */
	PQclear(r);
	k->s->until_us = k->until_us;
	if (k->s->is_lost)
		return UNSURE;
	if (is_committed)
		return k->s->has_warned ? STALE : DONE;            /* it gave up waiting for a standby, and warns */
	return ok ? AGAIN : why_not(k);
}

static enum attempt roll_back(struct work *k, enum attempt a)
{
	(void)session_one(k->s, PG_ROLLBACK, NULL, NULL);          /* a session still in a transaction is closed by the pool */
	return a;
}

static enum attempt attempt(struct work *k)
{
	group_begin(k->g, k->is_careful);
	if (!look(k))
		return roll_back(k, why_not(k));
	if (k->p->is_fenced)
		return roll_back(k, FENCED);
	bool all = group_judge(k->g, k->results);
	if (!all && !k->is_careful)
		return roll_back(k, CAREFUL);
	if (!change_and_delete(k) || !create_and_hold(k))
		return roll_back(k, why_not(k));
	return end(k);
}

static bool is_ours(const struct slot *s, const PGresult *r, int row)
{
	struct store_token t = row_token(r, row, 2);
	return (uint64_t)row_int(r, row, 1) == s->ver && memcmp(t.b, s->token.b, sizeof t.b) == 0;
}

/* Whether any of the first documents that the transaction wrote is in the store as it wrote it. The whole was applied or nothing. */
static bool find_proof(struct session *s, const struct group *g)
{
	uint32_t slot[PROOFS_MAX];
	size_t n = 0;
	PGresult *r = NULL;
	for (uint32_t i = 0; i < g->n_slots && n < PROOFS_MAX; i++)
		if (g->slot[i].last)
			slot[n++] = i;
	if (n == 0)
		return false;
	struct args a = { .n = 0 };
	args_slots(&a, g, slot, n);
	bool is_found = false;
	if (session_one(s, PG_TOKENS, &a, &r))
		for (int row = 0; row < PQntuples(r); row++)
			is_found |= is_ours(&g->slot[slot[row_int(r, row, 0) - 1]], r, row);
	PQclear(r);
	args_free(&a);
	return is_found;
}

/* What is committed after it, and waits for the standbys that a commit has to wait for, is behind it in the log. */
static bool commit_another(struct session *s)
{
	s->has_warned = false;
	return session_one(s, PG_PROBE, NULL, NULL) && !s->has_warned;
}

/* The number says "committed" for certain only on the server that gave it: after a failover another transaction may have it. Looked at
 * first: what had not been applied by then, and has ended, never will be. AGAIN: not applied. */
static enum attempt look_after(struct work *k, struct session *s)
{
	struct args a = { .n = 0 };
	PGresult *r = NULL;
	args_int8(&a, k->number);
	bool ok = session_one(s, PG_STATUS, &a, &r);
	struct str status = ok ? row_bytes(r, 0, 0) : S("");
	enum attempt found = find_proof(s, k->g) || (str_eq(status, S("committed")) && s->server_began == k->server_began) ? DONE :
	    str_eq(status, S("aborted")) && !s->is_lost ? AGAIN : UNSURE;
	if (str_eq(status, S("in progress")))
		(void)session_one(s, PG_TERMINATE, &a, NULL);      /* nobody listens to it any more; if it is not ours to end, we wait */
	if (found == DONE && !commit_another(s))
		found = UNSURE;
	PQclear(r);
	args_free(&a);
	return found;
}

static enum attempt resolve(struct work *k)
{
	enum attempt found = UNSURE;
	while (found == UNSURE && disk_us() < k->until_us) {
		struct session *s = NULL;
		if (pool_take(&k->p->pool, k->until_us, &s) == STORE_OK) {
			found = look_after(k, s);
			pool_give(&k->p->pool, s);
		}
		if (found == UNSURE)
			(void)nanosleep(&(struct timespec){ .tv_nsec = PAUSE_MS * 1000000 }, NULL);      /* shorter is no harm */
	}
	k->is_careful = true;
	return found;
}

static void answer_all(struct work *k, enum store_rc rc)
{
	for (size_t i = 0; i < k->g->n; i++)
		k->results[i] = (struct store_result){ .rc = k->g->was_there[i] ? STORE_OK : rc, .at = k->at };
}

/* A conflict stays one: that member was not applied, whatever became of the others. */
static void answer_unknown(struct work *k)
{
	for (size_t i = 0; i < k->g->n; i++)
		if (k->results[i].rc == STORE_OK && !k->g->was_there[i])
			k->results[i].rc = STORE_UNKNOWN;
}

/* Never one of a server with another timeline: what its log lacks must be put there first (redo.c). */
static enum store_rc take_session(struct work *k)
{
	enum store_rc rc = pool_take(&k->p->pool, k->until_us, &k->s);
	if (rc != STORE_OK || k->s->timeline == 0 || k->s->timeline == k->timeline)
		return rc;
	pool_give(&k->p->pool, k->s);
	k->s = NULL;
	return STORE_BUSY;
}

/* One attempt, on a session that is taken for it when there is none. */
static enum attempt try(struct work *k)
{
	if (k->s == NULL) {
		k->why = take_session(k);
		if (k->why != STORE_OK)
			return FAILED;
	}
	enum attempt a = attempt(k);
	if (k->s->is_lost) {
		pool_give(&k->p->pool, k->s);
		k->s = NULL;
	}
	return a == UNSURE ? resolve(k) : a;
}

static void commit_group(struct work *k)
{
	enum attempt a = AGAIN;
	for (int i = 0; i < TRIES && (a == AGAIN || a == CAREFUL); i++) {
		k->is_careful |= a == CAREFUL;
		a = try(k);
	}
	if (a == UNSURE || a == STALE)
		answer_unknown(k);
	else if (a != DONE)
		answer_all(k, a == FENCED ? STORE_FENCED : a == FAILED ? k->why : STORE_BUSY);
	for (size_t i = 0; i < k->g->n; i++)
		k->results[i].at = k->at;
	if (k->s)
		pool_give(&k->p->pool, k->s);
}

void postgres_commit(struct store *st, const struct store_txn *txns, struct store_result *results, size_t n)
{
	struct group g;
	struct work k = { .p = postgres(st), .g = &g, .results = results, .until_us = disk_us() + CALL_US,
		.timeline = postgres(st)->pool.timeline };
	group_init(&g, txns, n);
	group_begin(&g, false);
	memset(results, 0, n * sizeof *results);
	if (k.p->is_fenced)
		answer_all(&k, STORE_FENCED);
	else
		commit_group(&k);
	group_done(&g);
}
