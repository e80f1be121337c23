/* postgres_group.c - a group of transactions judged in memory, exactly as ram.c would, from the versions and tokens that the store has.
 *
 * New alerts create nearly all they write, so the first attempt does not look at a document whose first mention would create it: it is
 * presumed absent, and the table's unique index is the judge. That holds only when every member holds; as soon as one does not, or the index
 * objects, the group is judged again with nothing presumed. That an absent document stays so until the commit is made sure by creating it:
 * when no member really does, by a row that is deleted again in the same SQL transaction.
 */
#include "store/postgres_inside.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct mention { const struct store_write *w; uint32_t place; };

static int by_document(const void *a, const void *b)
{
	const struct mention *x = a, *y = b;
	int c = x->w->kind != y->w->kind ? x->w->kind - y->w->kind : str_cmp(x->w->id, y->w->id);
	return c ? c : x->place < y->place ? -1 : 1;
}

static bool is_same(const struct mention *a, const struct mention *b)
{
	return a->w->kind == b->w->kind && str_eq(a->w->id, b->w->id);
}

/* Whether whoever names a document so expects that it is not there. */
static bool wants_absence(const struct store_write *w)
{
	return w->expect == STORE_ABSENT || (w->op == STORE_PUT && w->expect == STORE_ANY);
}

void group_init(struct group *g, const struct store_txn *txns, size_t n)
{
	uint32_t mentions = 0;
	for (size_t i = 0; i < n; i++)
		mentions += (uint32_t)txns[i].n;
	struct mention *m = xmalloc(mentions * sizeof *m);
	uint32_t place = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < txns[i].n; k++, place++)
			m[place] = (struct mention){ &txns[i].w[k], place };
	qsort(m, mentions, sizeof *m, by_document);
	*g = (struct group){ .txns = txns, .n = n, .slot = xmalloc(mentions * sizeof *g->slot),
		.slot_of = xmalloc(mentions * sizeof *g->slot_of), .was_there = xmalloc(n * sizeof *g->was_there) };
	for (uint32_t i = 0; i < mentions; i++) {
		const struct store_write *w = m[i].w;
		if (i == 0 || !is_same(&m[i - 1], &m[i]))
			g->slot[g->n_slots++] = (struct slot){ .kind = w->kind, .id = w->id, .is_presumed = wants_absence(w) };
		g->slot[g->n_slots - 1].is_changed |= w->op != STORE_CHECK;
		g->slot_of[m[i].place] = (uint32_t)g->n_slots - 1;
	}
	free(m);
}

void group_done(struct group *g)
{
	free(g->slot);
	free(g->slot_of);
	free(g->was_there);
}

void group_begin(struct group *g, bool is_careful)
{
	memset(g->was_there, 0, g->n * sizeof *g->was_there);
	for (size_t i = 0; i < g->n_slots; i++) {
		struct slot *s = &g->slot[i];
		*s = (struct slot){ .kind = s->kind, .id = s->id, .is_changed = s->is_changed, .is_presumed = s->is_presumed && !is_careful };
	}
}

static bool has_token(const struct slot *s, const struct store_token *t)
{
	return s->ver > 0 && memcmp(s->token.b, t->b, sizeof t->b) == 0;
}

static bool judge_one(struct group *g, size_t i, const uint32_t *slot_of, struct store_result *ret)
{
	const struct store_txn *t = &g->txns[i];
	const struct store_write *face = txn_face(t);
	const struct slot *face_slot = face ? &g->slot[slot_of[face - t->w]] : NULL;
	*ret = (struct store_result){ .rc = STORE_OK };
	if (face && has_token(face_slot, &t->token)) {
		g->was_there[i] = face_slot->last == NULL;
		return false;
	}
	for (size_t k = 0; k < t->n; k++) {
		const struct slot *s = &g->slot[slot_of[k]];
		if (t->w[k].expect != STORE_ANY && s->ver != t->w[k].expect) {
			*ret = (struct store_result){ .rc = STORE_CONFLICT, .bad_write = k, .cur_ver = s->ver };
			return false;
		}
	}
	return true;
}

static void apply_one(struct group *g, const struct store_txn *t, const uint32_t *slot_of)
{
	for (size_t k = 0; k < t->n; k++) {
		const struct store_write *w = &t->w[k];
		struct slot *s = &g->slot[slot_of[k]];
		s->is_relied_on |= s->ver == 0;
		if (w->op == STORE_CHECK)
			continue;
		s->ver = w->op == STORE_PUT ? s->ver + 1 : 0;
		s->token = t->token;
		s->last = w->op == STORE_PUT ? w : NULL;
	}
}

bool group_judge(struct group *g, struct store_result *results)
{
	bool all = true;
	const uint32_t *slot_of = g->slot_of;
	for (size_t i = 0; i < g->n; i++) {
		bool holds = judge_one(g, i, slot_of, &results[i]);
		if (holds)
			apply_one(g, &g->txns[i], slot_of);
		all &= holds;
		slot_of += g->txns[i].n;
	}
	return all;
}

enum slot_fate slot_fate(const struct slot *s)
{
	if (s->was == 0 && s->ver == 0)
		return s->is_relied_on ? SLOT_IS_HELD : SLOT_STAYS;
	if (s->was == 0)
		return SLOT_IS_CREATED;
	if (s->ver == 0)
		return SLOT_IS_DELETED;
	return s->last ? SLOT_IS_CHANGED : SLOT_STAYS;
}

struct store_doc slot_doc(const struct slot *s)
{
	assert(s->last != NULL);
	struct store_doc d = { s->kind, s->id, s->ver, s->token, s->last->due, s->last->expire, { { 0 } }, s->last->body };
	memcpy(d.idx, s->last->idx, sizeof d.idx);
	return d;
}
