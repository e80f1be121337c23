/* janitor.c - forgets what is long over (core/retain.h says what and when).
 *
 * Documents that stand for themselves are purged by their expiry. An incident goes with all that belongs to it: entries and pages carry no expiry
 * of their own, because nobody knows when they are written how long their incident will be open. The oldest resolved incidents are looked
 * at one after the other, a few each time; each is deleted by version, in the same transaction as the last of its timeline, so a crash
 * or another replica's janitor leaves nothing behind that would not be found again.
 *
 * And now and then a few alerts, round and round: further dedup keys of a grouped incident, which nobody closed when it was resolved.
 */
#include "engine/inside.h"
#include "base/digest.h"
#include "base/mutant.h"
#include "core/retain.h"
#include <assert.h>
#include <string.h>

enum { PURGE_MAX = 200, INCIDENTS_MAX = 20, ALERTS_MAX = STORE_GET_MAX };

static void purge_expired(struct engine *e)
{
	static const enum kind by_expiry[] = { KIND_alert, KIND_entry, KIND_page, KIND_receipt, KIND_token, KIND_replica };
	for (size_t i = 0; i < COUNT(by_expiry); i++) {
		size_t done = 0;
		enum store_rc rc = store_purge(e->env.store, (store_kind)by_expiry[i], e->now_ms, PURGE_MAX, &done);
		engine_saw(e, rc);
		e->janitor.has_more |= rc == STORE_OK && done == PURGE_MAX;
	}
}

static enum store_rc commit_one(struct engine *e, const struct store_write *w, size_t n)
{
	struct store_txn t = { .w = w, .n = n };
	struct store_result r = { .rc = STORE_BUSY };
	rng_bytes(&e->rng, t.token.b, sizeof t.token.b);
	store_commit(e->env.store, &t, &r, 1);
	engine_saw(e, r.rc);
	return r.rc;
}

static struct store_write removal(const struct store_doc *d)
{
	return (struct store_write){ .op = STORE_DELETE, .kind = d->kind, .id = d->id, .expect = d->ver };
}

/* What of this kind belongs to an incident: its id is in front of theirs. Adds deletions, the latest first; false: the store failed, or something
 * is still due. */
static bool add_children(struct engine *e, enum kind kind, struct str incident, struct store_write *w, size_t max, size_t *n)
{
	struct store_docs docs = { 0 };
	struct str lo = arena_fmt(&e->janitor.mem, "%.*s/", STR_ARG(incident)), hi = arena_fmt(&e->janitor.mem, "%.*s0", STR_ARG(incident));
	enum store_rc rc = *n < max ? store_list(e->env.store, (store_kind)kind, STORE_BY_ID, lo, hi, true, max - *n, &docs) : STORE_OK;
	bool ok = rc == STORE_OK;
	engine_saw(e, rc);
	for (size_t i = 0; i < docs.n && ok; i++) {
		ok = docs.v[i].due == STORE_NO_DUE;
		w[*n] = removal(&docs.v[i]);
		w[(*n)++].id = arena_str(&e->janitor.mem, docs.v[i].id);
	}
	store_docs_free(&docs);
	return ok;
}

/* One transaction's worth of an incident's family. Pages first: one that is still owed keeps everything. The line that says how it began goes
 * last, with the incident itself; until then both are found again. */
static void forget_incident(struct engine *e, const struct store_doc *d)
{
	struct store_write w[STORE_WRITES_MAX];
	size_t n = 0;
	bool ok = add_children(e, KIND_page, d->id, w, COUNT(w), &n) && add_children(e, KIND_entry, d->id, w, COUNT(w), &n);
	if (!ok)
		return;
	bool is_all = n < COUNT(w);
	e->janitor.has_more |= !is_all;
	if (is_all)
		w[n++] = removal(d);
	else
		n--;                                               /* it may have been the very last */
	(void)commit_one(e, w, n);                                 /* it is counted; what was not deleted is found again */
}

/* Ids are times: an incident that was made later than this cannot have been over for long enough. */
static struct str made_before(struct engine *e)
{
	static const uint8_t lowest[10];
	char id[37];
	int64_t ms = e->now_ms - e->setup->world->keep_ms;
	uuid7_write(id, ms > 0 ? ms : 0, lowest);
	return arena_fmt(&e->step_mem, "%s/%.13s", MUTANT(36) ? "detected" : "resolved", id);
}

static void forget_incidents(struct engine *e)
{
	struct janitor *j = &e->janitor;
	struct store_docs docs = { 0 };
	int by_status = desc_key_index(&incident_entity, S("status"));
	struct str lo = j->after[0] ? str_c(j->after) : MUTANT(36) ? S("detected/") : S("resolved/"), hi = made_before(e);
	if (str_cmp(lo, hi) >= 0) {
		j->after[0] = '\0';
		return;
	}
	enum store_rc rc = store_list(e->env.store, KIND_incident, by_status, lo, hi, false, INCIDENTS_MAX, &docs);
	engine_saw(e, rc);
	for (size_t i = 0; i < docs.n && rc == STORE_OK; i++) {
		enum store_rc decoded = STORE_OK;
		const struct incident *inc = batch_decode(&j->mem, &docs.v[i], &decoded);
		if (inc && docs.v[i].due == STORE_NO_DUE && retain_incident_until(e->setup->world, inc, docs.v[i].expire) < e->now_ms)
			forget_incident(e, &docs.v[i]);
		arena_reset(&j->mem);
	}
	/* A key is behind the last one when it is that one and a character more; at the end the walk begins anew. */
	bool is_full = rc == STORE_OK && docs.n == INCIDENTS_MAX;
	struct str last = is_full ? docs.v[docs.n - 1].idx[by_status] : S("");
	assert(last.n + 2 <= sizeof j->after);
	memcpy(j->after, last.n ? last.p : "", last.n);
	memcpy(j->after + last.n, is_full ? "!" : "", 2 - !is_full);
	j->has_more |= is_full;
	store_docs_free(&docs);
}

static void end_alert(struct engine *e, const struct store_doc *d, const struct alert *read)
{
	struct alert a = *read;
	struct buf json = BUF(STORE_BODY_MAX);
	a.is_open = false;
	desc_write(&json, &alert_entity, &a, V_STORE);
	struct store_write w = { .op = STORE_PUT, .kind = KIND_alert, .id = d->id, .expect = d->ver, .due = STORE_NO_DUE,
		.expire = e->now_ms + e->setup->world->events_ms, .body = buf_str(&json) };
	if (json.err == 0)
		(void)commit_one(e, &w, 1);                        /* a conflict: it has just been heard of again */
	buf_free(&json);
}

/* Alerts of one page that say that they are open, and the incidents they are in. */
struct open_alerts {
	const struct store_doc *doc[ALERTS_MAX];
	const struct alert *alert[ALERTS_MAX];
	store_kind kind[ALERTS_MAX];
	struct str incident[ALERTS_MAX];
	size_t n;
};

static void gather_open(struct engine *e, const struct store_docs *docs, struct open_alerts *o)
{
	for (size_t i = 0; i < docs->n; i++) {
		enum store_rc decoded = STORE_OK;
		const struct alert *a = docs->v[i].expire == STORE_NO_DUE ? batch_decode(&e->step_mem, &docs->v[i], &decoded) : NULL;
		if (a == NULL || !a->is_open || a->incident.n == 0)
			continue;
		o->doc[o->n] = &docs->v[i];
		o->alert[o->n] = a;
		o->kind[o->n] = KIND_incident;
		o->incident[o->n++] = a->incident;
	}
}

static void sweep_alerts(struct engine *e)
{
	struct janitor *j = &e->janitor;
	struct store_docs docs = { 0 }, incidents = { 0 };
	struct open_alerts *o = NEW(&e->step_mem, struct open_alerts);
	enum store_rc rc = store_scan(e->env.store, KIND_alert, j->shard, str_c(j->cursor), ALERTS_MAX, &docs);
	if (rc == STORE_OK) {
		gather_open(e, &docs, o);
		rc = o->n ? store_get(e->env.store, o->kind, o->incident, o->n, &incidents) : STORE_OK;
	}
	engine_saw(e, rc);
	for (size_t i = 0; i < o->n && rc == STORE_OK; i++) {
		enum store_rc decoded = STORE_OK;
		const struct incident *inc = batch_decode(&j->mem, &incidents.v[i], &decoded);
		if (decoded == STORE_OK && retain_ends_alert(o->alert[i], inc))
			end_alert(e, o->doc[i], o->alert[i]);
		arena_reset(&j->mem);
	}
	bool fits = docs.cursor.n < sizeof j->cursor;              /* one that does not: this shard is begun again */
	memset(j->cursor, 0, sizeof j->cursor);
	if (fits && docs.cursor.n > 0)
		memcpy(j->cursor, docs.cursor.p, docs.cursor.n);
	else if (rc == STORE_OK)
		j->shard = (j->shard + 1) % e->store_info.shards;
	store_docs_free(&incidents);
	store_docs_free(&docs);
}

void janitor_step(struct engine *e)
{
	struct janitor *j = &e->janitor;
	if (j->next_ms == 0)                                       /* who has just started pages first; and many start at once */
		j->next_ms = e->now_ms + rng_between(&e->rng, JANITOR_AFTER_MS, JANITOR_EVERY_MS);
	if (e->now_ms < j->next_ms)
		return;
	j->has_more = false;
	purge_expired(e);
	forget_incidents(e);
	if (e->now_ms >= j->next_sweep_ms) {
		sweep_alerts(e);
		j->next_sweep_ms = e->now_ms + SWEEP_EVERY_MS;
	}
	j->next_ms = e->now_ms + (j->has_more ? 1000 : JANITOR_EVERY_MS);
}
