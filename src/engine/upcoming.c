/* upcoming.c - see upcoming.h. */
#include "engine/upcoming.h"
#include <stdlib.h>

enum { UPCOMING_MAX = 8192, TEXTS_FULL = 1 << 20, TEXT_SPARE = 1 << 16 };

void upcoming_begin(struct upcoming *u)
{
	if (u->mem.limit == 0)
		u->mem = u->spare = ARENA(TEXTS_FULL + TEXT_SPARE);
	arena_reset(&u->mem);
	u->n = u->n_aside = 0;
	u->least_ms = INT64_MAX;
}

void upcoming_free(struct upcoming *u)
{
	arena_free(&u->mem);
	arena_free(&u->spare);
	free(u->v);
}

static void count(struct upcoming *u, int64_t due_ms)
{
	u->least_ms = due_ms < u->least_ms ? due_ms : u->least_ms;
}

void upcoming_seen(struct upcoming *u, int64_t before_ms)
{
	struct upcoming old = *u;
	u->mem = old.spare;
	u->spare = old.mem;
	upcoming_begin(u);
	for (size_t i = 0; i < old.n; i++) {
		const struct coming *c = &old.v[i];
		if (c->due_ms < before_ms)
			continue;
		u->v[u->n++] = (struct coming){ c->due_ms, arena_str(&u->mem, c->id), arena_str(&u->mem, c->channel) };
		count(u, c->due_ms);
	}
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
	count(u, due_ms);
	return true;
}

size_t upcoming_take(struct upcoming *u, int64_t at_ms, struct coming *ret, size_t max, upcoming_wish_f *wish, void *ctx)
{
	size_t taken = 0, kept = 0;
	if (u->least_ms > at_ms)
		return 0;
	u->least_ms = INT64_MAX;
	u->n_aside = 0;
	for (size_t i = 0; i < u->n; i++) {
		struct coming *c = &u->v[i];
		bool is_due = c->due_ms <= at_ms;
		enum wish w = !is_due || taken == max ? WISH_LATER : wish ? wish(ctx, c) : WISH_TAKE;
		if (w == WISH_TAKE) {
			ret[taken++] = *c;
			continue;
		}
		if (w == WISH_LATER)
			count(u, c->due_ms);
		u->n_aside += w == WISH_ASIDE;
		u->v[kept++] = *c;
	}
	u->n = kept;
	return taken;
}

void upcoming_take_up(struct upcoming *u)
{
	u->n_aside = 0;
	for (size_t i = 0; i < u->n; i++)
		count(u, u->v[i].due_ms);
}
