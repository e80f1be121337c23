/* timekeeper.c - asks the store what is due.
 *
 * There is no list of timers in memory that could be lost: the question is asked of the store, from the lowest due on, no cursor. The only thing
 * kept is when to ask next: at the earliest due that was seen or written, and every few seconds for what others wrote.
 */
#include "engine/inside.h"
#include "base/mutant.h"
#include <assert.h>

enum { TIMERS_MAX = 128 };

void timekeeper_look(struct engine *e)
{
	struct store_docs docs = { 0 };
	size_t n = 0;
	if (e->now_ms < e->next_timer_ms)
		return;
	enum store_rc rc = store_due(e->env.store, KIND_incident, 0, e->store_info.shards, e->now_ms + LOOK_AHEAD_MS, TIMERS_MAX, &docs);
	engine_saw(e, rc);
	e->next_timer_ms = rc == STORE_OK ? e->now_ms + LOOK_AHEAD_MS : e->now_ms + rng_between(&e->rng, 200, 1000);
	for (size_t i = 0; rc == STORE_OK && i < docs.n; i++) {     /* all of them: only inside a shard are they in order */
		int64_t due = docs.v[i].due + e->now_err_ms;       /* not early: its time plus what the clock may be off */
#ifdef MUT
		if (MUTANT(11) && docs.v[i].due < e->cursor_ms)
			continue;
		e->cursor_ms = docs.v[i].due;
#endif
		if (due <= e->now_ms) {
			engine_todo(e, engine_own_job(e, CMD_TIMER, docs.v[i].id, S("")));
			n++;
		} else if (due < e->next_timer_ms) {
			e->next_timer_ms = due;
		}
	}
	if (n == TIMERS_MAX)
		e->next_timer_ms = e->now_ms;
	store_docs_free(&docs);
}
