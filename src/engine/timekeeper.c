/* timekeeper.c - asks the store what is due.
 *
 * The list in memory is only a hint: the question is asked of the store every few seconds, from the lowest due on, no cursor; every second while
 * there are others, whose share is passed over until it is this replica's turn (core/share.h). What that look saw coming and what was
 * written since is remembered until the next one, so that a level begins on time (upcoming.h).
 */
#include "engine/inside.h"
#include "base/mutant.h"
#include <assert.h>

enum { TIMERS_MAX = 128, TIMER_COMING_MAX = 512, TIMER_SCAN_MAX = 1 << 13 };

/* Nothing is due before the time it is due plus what the clock may be off. What is another's, that one sees coming, or finds. */
static void expect(struct engine *e, struct str incident, int64_t due_ms)
{
	int64_t at_ms = due_ms + e->now_err_ms;
	if (at_ms < e->next_timer_ms && engine_is_mine(e, incident, NULL, due_ms) && !upcoming_add(&e->timers, due_ms, incident, S("")))
		e->next_timer_ms = at_ms;
}

void timekeeper_expect(struct engine *e, const struct dated *d)
{
	expect(e, d->id, d->due_ms);
}

/* Makes those that are due and ours things to do, as many as a step takes, and remembers the others of them. How many are ours, and how
 * many more are due. */
static size_t take_due(struct engine *e, const struct store_docs *docs, size_t *ret_left)
{
	size_t n = 0, left = 0;
	for (size_t i = 0; i < docs->n; i++) {
		const struct store_doc *d = &docs->v[i];
		int64_t due = d->due + e->now_err_ms;
#ifdef MUT
		if (MUTANT(11) && d->due < e->cursor_ms)
			continue;
		e->cursor_ms = d->due;
#endif
		bool is_due = due <= e->now_ms, is_mine = is_due && engine_is_mine(e, d->id, NULL, d->due);
		if (is_mine && n < TIMERS_MAX)
			engine_todo(e, engine_own_job(e, CMD_TIMER, d->id, S("")));
		else
			expect(e, d->id, d->due);
		n += is_mine;
		left += is_due && !is_mine;
	}
	*ret_left = left;
	return n;
}

static bool is_due_known(const struct engine *e)
{
	return e->timers.least_ms <= e->now_ms - e->now_err_ms;
}

/* A look that was filled up by what is due may hide more behind it: again when what is ours of it has begun, at once and further when all of
 * it was the others' share. One that was filled up by what is coming has seen no further than that; where that much comes the next one looks at
 * more, as each costs a query for each shard. */
static void scan_next(struct engine *e, const struct store_docs *docs, size_t ours, size_t left)
{
	size_t seen = docs->n;
	bool is_filled = seen == e->timer_scan, is_full = is_filled && ours + left == seen;
	bool is_coming = is_filled && ours + left < seen / 2;
	bool is_hidden = is_full && ours == 0 && seen < TIMER_SCAN_MAX;
	e->hides_more_timers = is_full && ours > 0;
	if (is_hidden || (e->hides_more_timers && !is_due_known(e)))
		e->next_timer_ms = e->now_ms;
	else if (!is_full && is_filled && docs->v[seen - 1].due + e->now_err_ms < e->next_timer_ms)
		e->next_timer_ms = docs->v[seen - 1].due + e->now_err_ms;
	if (is_hidden || (is_coming && seen < TIMER_COMING_MAX))
		e->timer_scan *= 2;
	else if (seen < e->timer_scan / 2)
		e->timer_scan /= 2;
}

static void ask(struct engine *e)
{
	struct store_docs docs = { 0 };
	if (e->timer_scan < TIMERS_MAX)
		e->timer_scan = TIMERS_MAX;
	int64_t until_ms = e->now_ms + engine_look_ahead_ms(e);
	enum store_rc rc = store_due(e->env.store, KIND_incident, 0, e->store_info.shards, until_ms, e->timer_scan, &docs);
	engine_saw(e, rc);
	if (rc == STORE_OK) {
		size_t left, n;
		e->next_timer_ms = until_ms;
		upcoming_begin(&e->timers);
		n = take_due(e, &docs, &left);
		scan_next(e, &docs, n, left);
	} else {
		e->next_timer_ms = e->now_ms + rng_between(&e->rng, 200, 1000);
		e->hides_more_timers = false;
	}
	store_docs_free(&docs);
}

static void take_known(struct engine *e)
{
	struct coming due[TIMERS_MAX];
	size_t n = upcoming_take(&e->timers, e->now_ms - e->now_err_ms, due, TIMERS_MAX, NULL, NULL);
	for (size_t i = 0; i < n; i++)
		engine_todo(e, engine_own_job(e, CMD_TIMER, due[i].id, S("")));
	if (e->hides_more_timers && !is_due_known(e))
		e->next_timer_ms = e->now_ms;
}

void timekeeper_look(struct engine *e)
{
	if (e->now_ms < e->next_timer_ms)
		take_known(e);
	else
		ask(e);
}
