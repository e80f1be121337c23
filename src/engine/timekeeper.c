/* timekeeper.c - asks the store what is due and what may be forgotten.
 *
 * There is no list of timers in memory that could be lost: the question is asked of the store, from the lowest due on, no cursor. The only thing
 * kept is when to ask next: at the earliest due that was seen or written, and every few seconds for what others wrote.
 */
#include "engine/inside.h"
#include "base/mutant.h"
#include <assert.h>

enum { TIMERS_MAX = 128, PURGE_MAX = 200 };

/* Decides for those that are due; returns how many there were. */
static size_t fire(struct engine *e, const struct store_docs *docs)
{
	struct command c[TIMERS_MAX];
	struct batch *b = &e->batch;
	size_t n = 0;
	assert(docs->n <= TIMERS_MAX);
	batch_begin(b, e->env.store, e->setup->world, e->now_ms, e->store_info.many_writers);
	for (size_t i = 0; i < docs->n && docs->v[i].due <= e->now_ms - e->now_err_ms; i++) {
		c[n] = (struct command){ .kind = CMD_TIMER, .incident = docs->v[i].id, .via = S("timer") };
		(void)batch_add(b, &c[n], NULL);           /* its member is in the batch */
		n++;
	}
	batch_commit(b, &e->rng, &e->metrics);
	engine_wake_for(e, b);
	for (size_t i = 0; i < b->n_members; i++) {
		engine_saw(e, b->members[i].rc);
		if (b->members[i].rc == STORE_OK)
			engine_count(e, &b->members[i]);
		else
			e->next_timer_ms = e->now_ms + rng_between(&e->rng, 50, 500);   /* still due: ask again soon */
	}
	return n;
}

void timekeeper_step(struct engine *e)
{
	struct store_docs docs = { 0 };
	if (e->now_ms < e->next_timer_ms)
		return;
	enum store_rc rc = store_due(e->env.store, KIND_incident, 0, e->store_info.shards - 1, e->now_ms + LOOK_AHEAD_MS, TIMERS_MAX, &docs);
	engine_saw(e, rc);
	e->next_timer_ms = e->now_ms + LOOK_AHEAD_MS;
	if (rc != STORE_OK) {
		e->next_timer_ms = e->now_ms + rng_between(&e->rng, 200, 1000);
		store_docs_free(&docs);
		return;
	}
	size_t n = docs.n ? fire(e, &docs) : 0;
	for (size_t i = n; i < docs.n; i++)              /* due soon: at its time plus what the clock may be off */
		if (docs.v[i].due + e->now_err_ms < e->next_timer_ms)
			e->next_timer_ms = docs.v[i].due + e->now_err_ms;
	if (n == TIMERS_MAX)
		e->next_timer_ms = e->now_ms;
	store_docs_free(&docs);
}

void janitor_step(struct engine *e)
{
	static const enum kind forgotten[] = { KIND_incident, KIND_alert, KIND_entry, KIND_page, KIND_receipt, KIND_token };
	if (e->now_ms < e->next_purge_ms)
		return;
	e->next_purge_ms = e->now_ms + PURGE_EVERY_MS;
	for (size_t i = 0; i < COUNT(forgotten); i++) {
		size_t done = 0;
		enum store_rc rc = store_purge(e->env.store, (store_kind)forgotten[i], e->now_ms, PURGE_MAX, &done);
		engine_saw(e, rc);
		if (rc == STORE_OK && done == PURGE_MAX)
			e->next_purge_ms = e->now_ms + 1000;
	}
}
