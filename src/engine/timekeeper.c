/* timekeeper.c - asks the store what is due.
 *
 * There is no list of timers in memory that could be lost: the question is asked of the store, from the lowest due on, no cursor. The only thing
 * kept is when to ask next: at the earliest due that was seen or written, and every few seconds for what others wrote; every second while
 * there are others, whose share is passed over until it is this replica's turn (core/share.h).
 */
#include "engine/inside.h"
#include "base/mutant.h"
#include <assert.h>

enum { TIMERS_MAX = 128, TIMER_SCAN_MAX = 1 << 13 };

/* Makes those that are due and ours things to do; how many, and how many more are due. */
static size_t take_due(struct engine *e, const struct store_docs *docs, size_t *ret_left)
{
	size_t n = 0, left = 0;
	for (size_t i = 0; i < docs->n && n < TIMERS_MAX; i++) {
		const struct store_doc *d = &docs->v[i];
		int64_t due = d->due + e->now_err_ms;      /* not early: its time plus what the clock may be off */
#ifdef MUT
		if (MUTANT(11) && d->due < e->cursor_ms)
			continue;
		e->cursor_ms = d->due;
#endif
		if (due > e->now_ms) {
			e->next_timer_ms = due < e->next_timer_ms ? due : e->next_timer_ms;
		} else if (engine_is_mine(e, d->id, NULL, d->due)) {
			engine_todo(e, engine_own_job(e, CMD_TIMER, d->id, S("")));
			n++;
		} else {
			left++;
		}
	}
	*ret_left = left;
	return n;
}

/* A look that was filled up by what is due may hide more behind it: again at once, and further when all of that was the others' share. */
static void scan_next(struct engine *e, size_t seen, size_t taken, size_t left)
{
	bool is_full = seen == e->timer_scan && taken + left == seen, is_hidden = is_full && taken == 0 && seen < TIMER_SCAN_MAX;
	if (taken == TIMERS_MAX || (is_full && taken > 0) || is_hidden)
		e->next_timer_ms = e->now_ms;
	if (is_hidden)
		e->timer_scan *= 2;
	else if (seen < e->timer_scan / 2)
		e->timer_scan /= 2;
}

void timekeeper_look(struct engine *e)
{
	struct store_docs docs = { 0 };
	if (e->now_ms < e->next_timer_ms)
		return;
	if (e->timer_scan < TIMERS_MAX)
		e->timer_scan = TIMERS_MAX;
	enum store_rc rc = store_due(e->env.store, KIND_incident, 0, e->store_info.shards, e->now_ms + LOOK_AHEAD_MS, e->timer_scan, &docs);
	engine_saw(e, rc);
	if (rc == STORE_OK) {
		size_t left, n;
		e->next_timer_ms = e->now_ms + engine_look_ahead_ms(e);
		n = take_due(e, &docs, &left);
		scan_next(e, docs.n, n, left);
	} else {
		e->next_timer_ms = e->now_ms + rng_between(&e->rng, 200, 1000);
	}
	store_docs_free(&docs);
}
