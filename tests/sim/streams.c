/* streams.c - whether a fault strikes. Each class has its own row of random numbers, so switching one off leaves the others as they were.
 *
 * A class that may strike at every operation counts down to its next strike; the gap is drawn evenly from 1 to twice the mean.
 * In a sweep one class strikes once, at a given place, and no other at all.
 */
#include "tests/sim/history.h"
#include <assert.h>

static int64_t gap(struct stream *f, uint32_t rate)
{
	return rng_between(&f->rng, 1, 2000000 / (int64_t)rate + 1);
}

void streams_open(struct sim *s)
{
	for (int c = 0; c < FAULT_COUNT; c++) {
		s->stream[c] = (struct stream){ .rng = rng_seeded(s->o.seed * 1000 + (uint64_t)c) };
		if (s->o.rate[c] && faults[c].unit != PER_HOUR)
			s->stream[c].gap = gap(&s->stream[c], s->o.rate[c]);
	}
	s->latency = rng_seeded(s->o.seed * 1000 + 900);
	s->workload = rng_seeded(s->o.seed * 1000 + 901);
	s->random = rng_seeded(s->o.seed * 1000 + 902);
}

static bool is_dropped(const struct sim *s, enum fault_class c, uint32_t n)
{
	for (size_t i = 0; i < s->o.n_dropped; i++)
		if (s->o.dropped[i].c == c && s->o.dropped[i].n == n)
			return true;
	return false;
}

bool fault_may(struct sim *s, enum fault_class c)
{
	uint32_t n = ++s->stream[c].fired;
	if (s->is_healed || is_dropped(s, c, n))
		return false;
	if (s->n_fired == s->cap_fired) {
		s->cap_fired = s->cap_fired ? s->cap_fired * 2 : 64;
		s->fired = xrealloc(s->fired, s->cap_fired * sizeof *s->fired);
	}
	s->fired[s->n_fired++] = (struct firing){ c, n };
	s->verdict.fired[c]++;
	if (s->o.is_verbose)
		happened_to(s, ON_FAULT, -1, (int64_t)n, faults[c].name);
	return true;
}

static bool strikes_once(struct sim *s, enum fault_class c)
{
	return c == s->o.once && ++s->verdict.places == s->o.once_at && fault_may(s, c);
}

bool fault(struct sim *s, enum fault_class c)
{
	struct stream *f = &s->stream[c];
	if (s->o.is_small)
		return strikes_once(s, c);
	if (s->o.rate[c] == 0 || s->is_healed || --f->gap > 0)
		return false;
	f->gap = gap(f, s->o.rate[c]);
	return fault_may(s, c);
}

int64_t fault_draw(struct sim *s, enum fault_class c, int64_t lo, int64_t hi)
{
	return rng_between(&s->stream[c].rng, lo, hi);
}

int64_t fault_next(struct sim *s, enum fault_class c, int64_t now)
{
	assert(faults[c].unit == PER_HOUR && s->o.rate[c] > 0);
	return now + rng_between(&s->stream[c].rng, 1, 2 * HOUR * 1000LL / (int64_t)s->o.rate[c]);
}
