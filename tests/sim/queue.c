/* queue.c - virtual time: a binary heap by (time, order of asking). Nothing happens between two things that happen. */
#include "tests/sim/sim.h"
#include <assert.h>
#include <stdlib.h>

static bool is_before(const struct todo *a, const struct todo *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void push(struct queue *q, struct todo t)
{
	if (q->n == q->cap) {
		q->cap = q->cap ? q->cap * 2 : 256;
		q->v = xrealloc(q->v, q->cap * sizeof *q->v);
	}
	size_t i = q->n++;
	for (; i > 0 && is_before(&t, &q->v[(i - 1) / 2]); i = (i - 1) / 2)
		q->v[i] = q->v[(i - 1) / 2];
	q->v[i] = t;
}

static struct todo pop(struct queue *q)
{
	struct todo first = q->v[0], last = q->v[--q->n];
	size_t i = 0;
	for (size_t kid = 1; kid < q->n; kid = 2 * i + 1) {
		kid += kid + 1 < q->n && is_before(&q->v[kid + 1], &q->v[kid]);
		if (!is_before(&q->v[kid], &last))
			break;
		q->v[i] = q->v[kid];
		i = kid;
	}
	if (q->n)
		q->v[i] = last;
	return first;
}

void sim_at(struct sim *s, int64_t at, happen_f *fn, void *who, int64_t n)
{
	assert(fn != NULL);
	push(&s->queue, (struct todo){ at > s->now ? at : s->now, s->queue.seq++, fn, who, n });
}

void sim_until(struct sim *s, int64_t t)
{
	s->depth++;
	while (!s->is_over && s->queue.n && s->queue.v[0].at <= t) {
		struct todo next = pop(&s->queue);
		if (next.at > s->now)                    /* a nested run may have gone further already */
			s->now = next.at;
		next.fn(s, next.who, next.n);
	}
	if (s->now < t)
		s->now = t;
	s->depth--;
}

void queue_free(struct queue *q)
{
	free(q->v);
	*q = (struct queue){ 0 };
}
