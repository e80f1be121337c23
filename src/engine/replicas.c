/* replicas.c - signs of life: this replica's own, and who else there is. Only on stores that others may write too.
 *
 * Every few seconds this replica writes its own document and lists those seen lately. The list may be old, a sign of life may be lost, two replicas may
 * think differently of a third: all of that only changes who reaches for a piece of work first (core/share.h). So nothing here is tried
 * again, and it comes last in a step, when everybody has been answered.
 *
 * A replica that has a name of its own takes the sign of life of its predecessor away, if that died: else what it left would be counted as
 * its share, and be late, until it is gone.
 */
#include "engine/inside.h"
#include "base/mutant.h"

/* Ours, as it is in the store: after a lost answer it may be a version that we did not hear of. */
static enum store_rc find_own(struct engine *e, uint64_t *ret_ver)
{
	struct store_docs docs = { 0 };
	const store_kind kind = KIND_replica;
	enum store_rc rc = store_get(e->env.store, &kind, &e->crew.me, 1, &docs);
	if (rc == STORE_OK)
		*ret_ver = docs.v[0].ver;
	store_docs_free(&docs);
	return rc;
}

/* Our sign of life is not there any more. If it is not old enough to have been cleaned up, somebody has started under our name and believes us
 * dead. */
static void say_name_is_taken(struct engine *e)
{
	struct str seat = replica_seat(e->crew.me);
	if (seat.n == 0 || e->now_ms - e->replicas.shown_ms > REPLICA_KEPT_MS / 2)
		return;
	engine_log(e, LOG_WARN, S(""), "another replica that is called %.*s has started while this one runs: give each its own server.name or "
	    "TOCSIN_NAME", STR_ARG(seat));
}

static void show_life(struct engine *e)
{
	struct replicas *r = &e->replicas;
	uint64_t had = r->ver;
	bool was_known = r->is_ver_known;
	enum store_rc rc = r->is_ver_known ? STORE_OK : find_own(e, &r->ver);
	if (rc == STORE_OK && had > 0 && r->ver == 0)
		say_name_is_taken(e);
	struct replica me = { .id = e->crew.me, .version = e->setup->version, .started_at = r->started_ms, .seen_at = e->now_ms,
		.state = e->is_draining ? REPLICA_DRAINING : REPLICA_LIVE };
	if (rc == STORE_OK)
		rc = engine_put(e, KIND_replica, me.id, &me, r->ver, e->now_ms + REPLICA_KEPT_MS, 1);
	engine_saw(e, rc);
	r->is_ver_known = rc == STORE_OK;
	r->ver += rc == STORE_OK;
	r->shown_ms = rc == STORE_OK ? e->now_ms : r->shown_ms;
	if (rc == STORE_CONFLICT && was_known)
		r->next_ms = e->now_ms;                   /* it is not there as we left it: again at once */
}

/* One try, at the version that was seen. False: the store has other troubles. */
static bool forget(struct engine *e, struct str id, uint64_t ver)
{
	struct store_write w = { .op = STORE_DELETE, .kind = KIND_replica, .id = id, .expect = ver, .due = STORE_NO_DUE, .expire = STORE_NO_DUE };
	struct store_txn t = { .w = &w, .n = 1 };
	struct store_result result;
	rng_bytes(&e->rng, t.token.b, sizeof t.token.b);
	store_commit(e->env.store, &t, &result, 1);
	engine_saw(e, result.rc);
	return result.rc == STORE_OK || result.rc == STORE_CONFLICT;
}

/* As listing keys of times begin. */
static struct str time_key(struct engine *e, int64_t ms)
{
	return arena_fmt(&e->step_mem, "%015lld", (long long)ms);
}

/* An earlier life of this replica, which ended without leaving: it has our seat, and was last seen before we began. */
static bool is_before_us(struct engine *e, struct str id, struct str seen)
{
	struct str ours = replica_seat(e->crew.me);
	return ours.n > 0 && str_eq(replica_seat(id), ours) && str_cmp(seen, time_key(e, e->replicas.started_ms)) < 0;
}

/* The others among these that are alive; listing keys say all there is to know. An earlier life of ours is taken off the list. */
static void meet(struct engine *e, const struct store_docs *docs, int by_seen)
{
	int state = desc_key_index(&replica_entity, S("state"));
	bool may_forget = true;
	for (size_t i = 0; i < docs->n && e->crew.n_others < SHARE_OTHERS_MAX; i++) {
		const struct store_doc *d = &docs->v[i];
		if (str_eq(d->id, e->crew.me) || !str_starts(d->idx[state], S("live/")))
			continue;
		if (is_before_us(e, d->id, d->idx[by_seen]))
			may_forget = may_forget && forget(e, d->id, d->ver);
		else
			e->crew.others[e->crew.n_others++] = arena_str(&e->replicas.mem, d->id);
	}
}

static void look_around(struct engine *e)
{
	struct store_docs docs = { 0 };
	struct str since = time_key(e, e->now_ms - (MUTANT(44) ? REPLICA_KEPT_MS : REPLICA_GONE_MS));
	int by_seen = desc_key_index(&replica_entity, S("seen_at"));
	enum store_rc rc = store_list(e->env.store, KIND_replica, by_seen, since, S(""), true, SHARE_OTHERS_MAX + 1, &docs);
	engine_saw(e, rc);
	if (rc == STORE_OK) {
		arena_reset(&e->replicas.mem);
		e->crew.n_others = 0;
		meet(e, &docs, by_seen);
		atomic_store_explicit(&e->metrics.replicas_live, (int64_t)e->crew.n_others + !e->is_draining, memory_order_relaxed);
	}
	store_docs_free(&docs);
}

void replicas_beat(struct engine *e)
{
	struct replicas *r = &e->replicas;
	if (!e->store_info.many_writers || e->now_ms < r->next_ms)
		return;
	r->started_ms = r->started_ms ? r->started_ms : e->now_ms;
	r->next_ms = e->now_ms + REPLICA_BEAT_MS;
	show_life(e);
	look_around(e);
}

void engine_leave(struct engine *e)
{
	struct replicas *r = &e->replicas;
	if (!r->is_ver_known || r->ver == 0 || e->health != STORE_OK)
		return;
	(void)forget(e, e->crew.me, r->ver);
	r->is_ver_known = false;
}
