/* order.h - items in ascending order: a row of sorted blocks. See order.c. */
#ifndef STORE_ORDER_H
#define STORE_ORDER_H
#include <stddef.h>
#include <stdint.h>

enum { ORDER_BLOCK = 256 };

/* Items are sorted by their key; where keys are equal, by tie (as memcmp; never 0 for two different items). */
struct order_entry { uint64_t key; void *item; };
struct order_block { size_t n; struct order_entry v[ORDER_BLOCK]; };
struct order {
	struct order_block **block;      /* none is empty */
	size_t n, cap;
	int (*tie)(const void *a, const void *b);
};
/* A place between two items; one past the last is { order.n, 0 }. */
struct order_at { size_t block, i; };

void order_add(struct order *o, uint64_t key, void *item);
void order_remove(struct order *o, uint64_t key, const void *item);      /* it must be in there */
struct order_at order_lower(const struct order *o, uint64_t key, const void *probe);     /* the first item that is not less */
void *order_item(const struct order *o, struct order_at at);             /* NULL past the last */
struct order_at order_next(const struct order *o, struct order_at at);   /* not past the last */
struct order_at order_prev(const struct order *o, struct order_at at);   /* not before the first */
void order_free(struct order *o);
#endif
