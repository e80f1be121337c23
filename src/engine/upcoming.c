/* upcoming.c - see upcoming.h. */
#include "engine/upcoming.h"
#include <stdlib.h>

enum { UPCOMING_MAX = 8192, TEXTS_FULL = 1 << 20, TEXT_SPARE = 1 << 16 };

void upcoming_begin(struct upcoming *u)
{
	if (u->mem.limit == 0)
		u->mem = ARENA(TEXTS_FULL + TEXT_SPARE);
	arena_reset(&u->mem);
	u->n = 0;
	u->least_ms = INT64_MAX;
}

void upcoming_free(struct upcoming *u)
{
	arena_free(&u->mem);
	free(u->v);
}

bool upcoming_add(struct upcoming *u, int64_t due_ms, struct str id, struct str channel)
{
	if (u->n == 0)
		upcoming_begin(u);
	if (u->n == UPCOMING_MAX || u->mem.used + id.n + channel.n > TEXTS_FULL)
		return false;
	if (u->n == u->cap) {
		u->cap = u->cap ? u->cap * 2 : 64;
		u->v = xrealloc(u->v, u->cap * sizeof *u->v);
	}
	u->v[u->n++] = (struct coming){ due_ms, arena_str(&u->mem, id), arena_str(&u->mem, channel) };
	u->least_ms = due_ms < u->least_ms ? due_ms : u->least_ms;
	return true;
}

size_t upcoming_take(struct upcoming *u, int64_t at_ms, struct coming *ret, size_t max, bool (*wants)(void *ctx, const struct coming *c), void *ctx)
{
	size_t taken = 0, kept = 0;
	if (u->least_ms > at_ms)
		return 0;
	u->least_ms = INT64_MAX;
	for (size_t i = 0; i < u->n; i++) {
		if (u->v[i].due_ms <= at_ms && taken < max && (wants == NULL || wants(ctx, &u->v[i]))) {
			ret[taken++] = u->v[i];
			continue;
		}
		u->least_ms = u->v[i].due_ms < u->least_ms ? u->v[i].due_ms : u->least_ms;
		u->v[kept++] = u->v[i];
	}
	u->n = kept;
	return taken;
}
