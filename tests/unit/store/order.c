/* order.c - the sorted row of blocks against a plain sorted array, through splits and joins. */
#include "store/order.h"
#include "base/base.h"
#include "base/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

struct thing { uint64_t key; int tie; bool is_in; };

static int tie(const void *a, const void *b)
{
	const struct thing *x = a, *y = b;
	return (x->tie > y->tie) - (x->tie < y->tie);
}

static int by_both(const void *a, const void *b)
{
	const struct thing *x = *(const struct thing *const *)a, *y = *(const struct thing *const *)b;
	return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : tie(x, y);
}

static void same_as(const struct order *o, struct thing *all, size_t n)
{
	struct thing **want = xmalloc(n * sizeof *want);
	size_t m = 0;
	for (size_t i = 0; i < n; i++)
		if (all[i].is_in)
			want[m++] = &all[i];
	qsort(want, m, sizeof *want, by_both);
	struct order_at at = { 0 };
	for (size_t i = 0; i < m; i++, at = order_next(o, at))
		assert_ptr_equal(order_item(o, at), want[i]);
	assert_null(order_item(o, at));
	for (size_t i = m; i > 0; i--) {
		at = order_prev(o, at);
		assert_ptr_equal(order_item(o, at), want[i - 1]);
		struct order_at found = order_lower(o, want[i - 1]->key, want[i - 1]);
		assert_true(found.block == at.block && found.i == at.i);
	}
	free(want);
}

static void toggle(struct order *o, struct thing *t)
{
	if (t->is_in)
		order_remove(o, t->key, t);
	else
		order_add(o, t->key, t);
	t->is_in = !t->is_in;
}

static void random_adding_and_removing_stays_sorted(void **state)
{
	(void)state;
	enum { N = 3000 };
	struct thing *all = xmalloc(N * sizeof *all);
	struct rng rng = rng_seeded(3);
	struct order o = { .tie = tie };
	for (int i = 0; i < N; i++)
		all[i] = (struct thing){ .key = (uint64_t)rng_between(&rng, 0, 400), .tie = i };
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < N; i++)
			if (rng_chance(&rng, round < 10 ? 600000 : 300000))
				toggle(&o, &all[i]);
		same_as(&o, all, N);
	}
	for (int i = 0; i < N; i++)
		if (all[i].is_in)
			toggle(&o, &all[i]);
	same_as(&o, all, N);
	assert_int_equal(o.n, 0);
	order_free(&o);
	free(all);
}

static void rising_keys_fill_their_blocks(void **state)
{
	(void)state;
	enum { N = ORDER_BLOCK * 8 };
	struct thing *all = xmalloc(N * sizeof *all);
	struct order o = { .tie = tie };
	for (int i = 0; i < N; i++) {
		all[i] = (struct thing){ .key = (uint64_t)i, .tie = i };
		toggle(&o, &all[i]);
	}
	assert_int_equal(o.n, 8);
	same_as(&o, all, N);
	order_free(&o);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_adding_and_removing_stays_sorted),
		cmocka_unit_test(rising_keys_fill_their_blocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
