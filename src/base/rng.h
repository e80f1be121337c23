/* rng.h - random numbers from a seed: the same seed gives the same row for ever (xoshiro256**, seeded by splitmix64).
 * For jitter, tests and the simulator. Never for secrets: those come from io/random.h.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H
#include "base/base.h"

struct rng { uint64_t s[4]; };
struct rng rng_seeded(uint64_t seed);
uint64_t rng_u64(struct rng *r);
int64_t rng_between(struct rng *r, int64_t lo, int64_t hi);   /* both ends included; lo <= hi */
bool rng_chance(struct rng *r, uint32_t in_million);          /* true in so many of a million */
void rng_bytes(struct rng *r, void *out, size_t n);
#endif
