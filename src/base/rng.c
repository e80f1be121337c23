/* rng.c - xoshiro256** 1.0 (Blackman and Vigna, public domain algorithm), written from its description. */
#include "base/rng.h"
#include <assert.h>
#include <string.h>

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = *x += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

struct rng rng_seeded(uint64_t seed)
{
	struct rng r = { 0 };
	for (int i = 0; i < 4; i++)
		r.s[i] = splitmix(&seed);
	return r;
}

static uint64_t rotate(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

uint64_t rng_u64(struct rng *r)
{
	uint64_t result = rotate(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;
	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = rotate(r->s[3], 45);
	return result;
}

int64_t rng_between(struct rng *r, int64_t lo, int64_t hi)
{
	assert(lo <= hi);
	uint64_t span = (uint64_t)hi - (uint64_t)lo + 1;
	return (int64_t)((uint64_t)lo + (span ? rng_u64(r) % span : rng_u64(r)));
}

bool rng_chance(struct rng *r, uint32_t in_million)
{
	return rng_u64(r) % 1000000 < in_million;
}

void rng_bytes(struct rng *r, void *out, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint64_t v = rng_u64(r);
		memcpy((char *)out + i, &v, n - i < 8 ? n - i : 8);
	}
}
