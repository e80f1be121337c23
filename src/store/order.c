/* order.c - items in ascending order: a row of sorted blocks of up to 256 entries.
 *
 * A tree would serve; blocks are shorter, need no memory per item, are walked both ways, and binary search stays inside a few
 * cache lines because the key stands beside the pointer. Adding at the end, the common case, moves nothing. Ten million items are
 * 80,000 blocks: the row itself stays small enough to shift when a block splits.
 */
#include "store/order.h"
#include "base/base.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int compare(const struct order *o, const struct order_entry *e, uint64_t key, const void *item)
{
	if (e->key != key)
		return e->key < key ? -1 : 1;
	return e->item == item ? 0 : o->tie(e->item, item);
}

/* The first block whose last entry is not less; order.n if there is none. */
static size_t find_block(const struct order *o, uint64_t key, const void *item)
{
	size_t lo = 0, hi = o->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct order_block *b = o->block[mid];
		if (compare(o, &b->v[b->n - 1], key, item) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static size_t find_entry(const struct order *o, const struct order_block *b, uint64_t key, const void *item)
{
	size_t lo = 0, hi = b->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (compare(o, &b->v[mid], key, item) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct order_at order_lower(const struct order *o, uint64_t key, const void *probe)
{
	size_t b = find_block(o, key, probe);
	return (struct order_at){ b, b < o->n ? find_entry(o, o->block[b], key, probe) : 0 };
}

static struct order_block *insert_block(struct order *o, size_t at)
{
	if (o->n == o->cap) {
		o->cap = o->cap ? o->cap * 2 : 8;
		o->block = xrealloc(o->block, o->cap * sizeof *o->block);
	}
	memmove(o->block + at + 1, o->block + at, (o->n - at) * sizeof *o->block);
	o->n++;
	struct order_block *b = xmalloc(sizeof *b);
	b->n = 0;
	return o->block[at] = b;
}

/* Makes room in the full block `at`. At the very end a new block is begun instead, which keeps rising keys dense. */
static struct order_at split(struct order *o, struct order_at at)
{
	struct order_block *full = o->block[at.block];
	size_t keep = at.block + 1 == o->n && at.i == ORDER_BLOCK ? ORDER_BLOCK : ORDER_BLOCK / 2;
	struct order_block *right = insert_block(o, at.block + 1);
	right->n = full->n - keep;
	memcpy(right->v, full->v + keep, right->n * sizeof *right->v);
	full->n = keep;
	if (at.i > keep || keep == ORDER_BLOCK)
		return (struct order_at){ at.block + 1, at.i - keep };
	return at;
}

void order_add(struct order *o, uint64_t key, void *item)
{
	struct order_at at = order_lower(o, key, item);
	if (at.block == o->n) {
		if (o->n == 0)
			insert_block(o, 0);
		at = (struct order_at){ o->n - 1, o->block[o->n - 1]->n };
	}
	if (o->block[at.block]->n == ORDER_BLOCK)
		at = split(o, at);
	struct order_block *b = o->block[at.block];
	memmove(b->v + at.i + 1, b->v + at.i, (b->n - at.i) * sizeof *b->v);
	b->v[at.i] = (struct order_entry){ key, item };
	b->n++;
}

static void drop_block(struct order *o, size_t at)
{
	free(o->block[at]);
	o->n--;
	memmove(o->block + at, o->block + at + 1, (o->n - at) * sizeof *o->block);
}

/* Joins a block with the next one when both have become small. */
static void join(struct order *o, size_t at)
{
	if (at + 1 >= o->n || o->block[at]->n + o->block[at + 1]->n > ORDER_BLOCK / 2)
		return;
	struct order_block *a = o->block[at], *b = o->block[at + 1];
	memcpy(a->v + a->n, b->v, b->n * sizeof *b->v);
	a->n += b->n;
	drop_block(o, at + 1);
}

void order_remove(struct order *o, uint64_t key, const void *item)
{
	struct order_at at = order_lower(o, key, item);
	assert(order_item(o, at) == item);
	struct order_block *b = o->block[at.block];
	b->n--;
	memmove(b->v + at.i, b->v + at.i + 1, (b->n - at.i) * sizeof *b->v);
	if (b->n == 0)
		drop_block(o, at.block);
	else
		join(o, at.block);
}

void *order_item(const struct order *o, struct order_at at)
{
	return at.block < o->n ? o->block[at.block]->v[at.i].item : NULL;
}

struct order_at order_next(const struct order *o, struct order_at at)
{
	assert(at.block < o->n);
	return at.i + 1 < o->block[at.block]->n ? (struct order_at){ at.block, at.i + 1 } : (struct order_at){ at.block + 1, 0 };
}

struct order_at order_prev(const struct order *o, struct order_at at)
{
	if (at.i > 0)
		return (struct order_at){ at.block, at.i - 1 };
	assert(at.block > 0);
	return (struct order_at){ at.block - 1, o->block[at.block - 1]->n - 1 };
}

void order_free(struct order *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->block[i]);
	free(o->block);
	o->block = NULL;
	o->n = o->cap = 0;
}
