/* options.c - what may go wrong in a run, drawn from its seed (swarm testing): each class of faults is off with a half, else its
 * rate is drawn log-uniformly, so that rare and frequent faults meet in every combination. */
#include "tests/sim/sim.h"
#include <stdio.h>
#include <string.h>

#define INVARIANT_ROW(v, doc) { #v, doc },
#define FAULT_ROW(v, name, unit, least, most, doc) { name, unit, least, most, doc },
#define HABIT_ROW(v, doc) { #v, doc },
const struct invariant_row invariants[INVARIANT_COUNT] = { INVARIANTS(INVARIANT_ROW) };
const struct fault_row faults[FAULT_COUNT] = { FAULTS(FAULT_ROW) };
const struct habit_row habits[HABIT_COUNT] = { HABITS(HABIT_ROW) };

/* Evenly spread between the logarithms of both ends, without floating point: doublings, then evenly within one. */
static uint32_t log_uniform(struct rng *r, uint32_t lo, uint32_t hi)
{
	int doublings = 0;
	while (doublings < 31 && (uint64_t)lo << (doublings + 1) <= hi)
		doublings++;
	int64_t base = (int64_t)lo << rng_between(r, 0, doublings);
	int64_t v = rng_between(r, base, 2 * base);
	return (uint32_t)(v < hi ? v : hi);
}

void options_swarm(struct options *o, uint64_t seed)
{
	struct rng r = rng_seeded(seed * 1000 + 950);
	*o = (struct options){ .seed = seed, .length_ms = 6 * HOUR };
	o->replicas = (int)rng_between(&r, 1, 3);
	if (rng_chance(&r, 200000))                      /* more of them than share.h has slots: dear, and rarely needed */
		o->replicas = (int)rng_between(&r, 4, REPLICAS_MAX);
	o->shards = rng_chance(&r, 500000) ? 1 : 4;
	o->stories = (int)rng_between(&r, 80, 160);
	bool is_calm = rng_chance(&r, 30000);            /* nothing goes wrong: then nothing may be late or twice */
	for (int c = 0; c < FAULT_COUNT; c++) {
		bool is_off = rng_chance(&r, 500000);
		uint32_t rate = log_uniform(&r, faults[c].least, faults[c].most);
		o->rate[c] = is_off || is_calm ? 0 : rate;
	}
	for (int h = 0; h < HABIT_COUNT; h++)
		o->habit[h] = rng_chance(&r, h == H_PEOPLE ? 900000 : 600000);
}

void options_small(struct options *o, uint64_t seed)
{
	*o = (struct options){ .seed = seed, .length_ms = 25 * MINUTE, .replicas = 2, .shards = 1, .stories = 4, .is_small = true };
	for (int h = 0; h < HABIT_COUNT; h++)
		o->habit[h] = h != H_PURGE;
}

void options_print(const struct options *o)
{
	static const char *const unit[] = { [PER_COMMIT] = "/1e6 commits", [PER_READ] = "/1e6 reads", [PER_CALL] = "/1e6 calls",
		[PER_SEND] = "/1e6 sends", [PER_ANSWER] = "/1e6 answers", [PER_HOUR] = "/1000 h" };
	printf("seed %llu: %d replicas, %u shards, %d stories, %lld min\n", (unsigned long long)o->seed, o->replicas, o->shards,
	    o->stories, (long long)(o->length_ms / MINUTE));
	if (o->once_at)
		printf("  once: %s at place %lld\n", faults[o->once].name, (long long)o->once_at);
	for (int c = 0; c < FAULT_COUNT; c++)
		if (o->rate[c])
			printf("  %-12s %6u%-13s %s\n", faults[c].name, o->rate[c], unit[faults[c].unit], faults[c].doc);
	for (int h = 0; h < HABIT_COUNT; h++)
		if (o->habit[h])
			printf("  %-12s %s\n", habits[h].name, habits[h].doc);
}
