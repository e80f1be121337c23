/* shrink.c - a failing run made small: whole classes of faults off, stories left out, single faults dropped, fewer replicas; each time the run
 * is done again, and the change kept if the same invariant still breaks. Stories and faults are halved away as lists (ddmin). */
#include "tests/sim/campaign.h"
#include <stdio.h>
#include <stdlib.h>

enum { RUNS_MAX = 600, TOLD_MINUTES = 10 };
struct shrinking { struct options o; enum invariant want; struct finding last; int runs; bool *story_dropped; struct firing *dropped; size_t n_dropped; };

static bool still_broken(struct shrinking *x, struct firing **ret_fired, size_t *ret_n)
{
	x->runs++;
	struct finding v = run(&x->o, ret_fired, ret_n);
	bool is_same = v.is_bad && v.broken == x->want;
	if (is_same)
		x->last = v;
	return is_same;
}

static void drop_classes(struct shrinking *x)
{
	for (int c = 0; c < FAULT_COUNT; c++) {
		uint32_t had = x->o.rate[c];
		x->o.rate[c] = 0;
		if (had && !still_broken(x, NULL, NULL))
			x->o.rate[c] = had;
	}
}

static void drop_habits(struct shrinking *x)
{
	for (int h = 0; h < HABIT_COUNT; h++) {
		bool had = x->o.habit[h];
		x->o.habit[h] = false;
		if (had && !still_broken(x, NULL, NULL))
			x->o.habit[h] = true;
	}
}

static void drop_replicas(struct shrinking *x)
{
	while (x->o.replicas > 1) {
		x->o.replicas--;
		if (!still_broken(x, NULL, NULL)) {
			x->o.replicas++;
			return;
		}
	}
}

/* Leaves out runs of `step` stories, then half as many at a time, down to single ones. */
static void drop_stories(struct shrinking *x)
{
	bool *gone = x->story_dropped;
	for (int step = x->o.stories / 2; step >= 1; step /= 2)
		for (int from = 0; from < x->o.stories && x->runs < RUNS_MAX; from += step) {
			bool had[512], is_change = false;
			int to = from + step < x->o.stories ? from + step : x->o.stories;
			for (int i = from; i < to; i++) {
				had[i] = gone[i];
				is_change = is_change || !gone[i];
				gone[i] = true;
			}
			if (is_change && !still_broken(x, NULL, NULL))
				for (int i = from; i < to; i++)
					gone[i] = had[i];
		}
}

static void drop_firings(struct shrinking *x)
{
	struct firing *fired = NULL;
	size_t n = 0;
	bool is_broken = still_broken(x, &fired, &n);
	x->dropped = xrealloc(x->dropped, (n + 1) * sizeof *x->dropped);
	x->o.dropped = x->dropped;
	for (size_t step = n ? (n + 1) / 2 : 0; is_broken && step >= 1; step = step == 1 ? 0 : (step + 1) / 2)
		for (size_t from = 0; from < n && x->runs < RUNS_MAX; from += step) {
			size_t had = x->n_dropped;
			for (size_t i = from; i < n && i < from + step; i++) {
				bool is_gone = false;
				for (size_t k = 0; k < had; k++)
					is_gone = is_gone || (x->dropped[k].c == fired[i].c && x->dropped[k].n == fired[i].n);
				if (!is_gone)
					x->dropped[x->n_dropped++] = fired[i];
			}
			x->o.n_dropped = x->n_dropped;
			if (x->n_dropped > had && !still_broken(x, NULL, NULL))
				x->o.n_dropped = x->n_dropped = had;
		}
	free(fired);
}

static int stories_left(const struct shrinking *x)
{
	int n = 0;
	for (int i = 0; i < x->o.stories; i++)
		n += !x->story_dropped[i];
	return n;
}

void shrink(const struct options *o, const struct finding *v)
{
	struct shrinking x = { .o = *o, .want = v->broken, .last = *v };
	x.o.is_verbose = x.o.is_hashed = false;
	x.story_dropped = xmalloc((size_t)o->stories);
	for (int i = 0; i < o->stories; i++)
		x.story_dropped[i] = false;
	x.o.story_dropped = x.story_dropped;
	if (!o->is_small)
		drop_classes(&x);
	drop_stories(&x);
	drop_habits(&x);
	drop_replicas(&x);
	if (!o->is_small)
		drop_firings(&x);
	drop_stories(&x);
	printf("--- shrunk in %d runs to %d stories, %d replicas; the last %d minutes: ---\n", x.runs, stories_left(&x), x.o.replicas, TOLD_MINUTES);
	options_print(&x.o);
	x.o.is_verbose = true;
	x.o.told_from = SIM_START + x.last.virtual_ms - TOLD_MINUTES * MINUTE;
	struct finding last = run(&x.o, NULL, NULL);
	verdict_print(&last);
	free(x.story_dropped);
	free(x.dropped);
}
