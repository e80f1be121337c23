/* upcoming.c - see upcoming.h. */
#include "engine/upcoming.h"
#include <stdlib.h>

enum { UPCOMING_MAX = 8192, TEXTS_FULL = 1 << 20, TEXT_SPARE = 1 << 16 };

void upcoming_begin(struct upcoming *u)
{
	if (u->mem.limit == 0)
		u->mem = ARENA(TEXTS_FULL + TEXT_SPARE);
	arena_reset(&u->mem);
	u->n = u->n_aside = 0;
	u->least_ms = INT64_MAX;
}

void upcoming_free(struct upcoming *u)
{
	arena_free(&u->mem);
	arena_free(&u->laid_mem);
	free(u->v);
	free(u->laid);
}

static void count(struct upcoming *u, int64_t due_ms)
{
	u->least_ms = due_ms < u->least_ms ? due_ms : u->least_ms;
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

void upcoming_look(struct upcoming *u)
{
	*u = (struct upcoming){ .mem = u->laid_mem, .laid_mem = u->mem, .v = u->laid, .cap = u->laid_cap, .laid = u->v, .n_laid = u->n,
		.laid_cap = u->cap };
	upcoming_begin(u);
}

void upcoming_looked(struct upcoming *u, int64_t due_ms, struct str id)
{
	for (size_t i = 0; i < u->n_laid; i++) {
		const struct coming *c = &u->laid[i];
		bool is_behind = c->due_ms > due_ms || (c->due_ms == due_ms && str_cmp(c->id, id) > 0);
		if (is_behind && !upcoming_add(u, c->due_ms, c->id, c->channel))
			break;
	}
	u->n_laid = 0;
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
