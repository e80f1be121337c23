/* idset.c - see idset.h. */
#include "store/idset.h"
#include <stdlib.h>

/* FNV-1a, and a last mix because its high bits are weak for short names. */
static uint64_t hash_of(store_kind kind, struct str id)
{
	uint64_t h = UINT64_C(14695981039346656037) ^ kind;
	for (size_t i = 0; i < id.n; i++)
		h = (h ^ (unsigned char)id.p[i]) * UINT64_C(1099511628211);
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

void idset_add(struct idset *s, store_kind kind, struct str id)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 1024;
		s->v = xrealloc(s->v, s->cap * sizeof *s->v);
	}
	s->v[s->n++] = hash_of(kind, id);
	s->is_sorted = false;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void sort(struct idset *s)
{
	if (!s->is_sorted && s->n > 0)
		qsort(s->v, s->n, sizeof *s->v, by_value);
	s->is_sorted = true;
}

bool idset_has(struct idset *s, store_kind kind, struct str id)
{
	uint64_t h = hash_of(kind, id);
	sort(s);
	return s->n > 0 && bsearch(&h, s->v, s->n, sizeof *s->v, by_value) != NULL;
}

bool idset_has_twice(struct idset *s)
{
	sort(s);
	for (size_t i = 1; i < s->n; i++)
		if (s->v[i] == s->v[i - 1])
			return true;
	return false;
}

void idset_free(struct idset *s)
{
	free(s->v);
	*s = (struct idset){ 0 };
}
