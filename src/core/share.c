/* share.c - see share.h. */
#include "core/share.h"
#include "base/mutant.h"
#include <assert.h>

static_assert(SHARE_ORDER_MAX * SHARE_SLOT_MS < SHARE_ANYBODY_MS, "everybody has had a turn before work is anybody's");

struct str replica_seat(struct str id)
{
	struct str seat, rest;
	return str_cut(id, '~', &seat, &rest) ? seat : S("");
}

enum replica_state replica_state_at(const struct replica *r, int64_t now_ms)
{
	return now_ms - r->seen_at > REPLICA_GONE_MS ? REPLICA_GONE : r->state;
}

/* FNV-1a over both, then the finalizer of MurmurHash3: names that differ in one digit must not come in the same order for every key. */
static uint64_t weight(struct str name, struct str key)
{
	uint64_t h = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < name.n; i++)
		h = (h ^ (unsigned char)name.p[i]) * UINT64_C(1099511628211);
	h *= UINT64_C(1099511628211);
	for (size_t i = 0; i < key.n; i++)
		h = (h ^ (unsigned char)key.p[i]) * UINT64_C(1099511628211);
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

/* This replica's place in the order: 0 is the first. */
static size_t place(const struct crew *c, const struct piece *p)
{
	uint64_t mine = weight(c->me, p->key);
	size_t at = 0;
	if (str_eq(p->holder, c->me))
		return p->was_tried ? c->n_others : 0;
	for (size_t i = 0; i < c->n_others; i++)
		at += str_eq(c->others[i], p->holder) ? !p->was_tried : weight(c->others[i], p->key) > mine;
	return at;
}

bool share_is_mine(const struct crew *c, const struct piece *p)
{
	size_t n = c->n_others + 1 < SHARE_ORDER_MAX ? c->n_others + 1 : SHARE_ORDER_MAX;
	assert(c->n_others <= SHARE_OTHERS_MAX);
	if (c->n_others == 0 || (p->overdue_ms >= SHARE_ANYBODY_MS && !MUTANT(44)))
		return true;
	size_t slot = p->overdue_ms > 0 && !MUTANT(44) ? (size_t)(p->overdue_ms / SHARE_SLOT_MS) % n : 0;
	return place(c, p) % n == slot;
}
