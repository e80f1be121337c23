/* upcoming.h - what this replica knows to become due, so that it need not ask. Inside engine/ only.
 *
 * What it has written itself since the last look, and what that look saw coming. Asking the store what is due costs a query for each shard; an
 * entry here costs none. It is a hint and nothing else: each look begins it anew as far as it sees, whatever is missing here a look finds, and claims and
 * levels are decided on fresh documents whoever proposed them. What only this replica knows, that a page has just been sent, is asked beside it.
 *
 * What is due and cannot be had now, as its channel has no room, is put aside: it stays, and calls for nothing until it is taken up again.
 */
#ifndef ENGINE_UPCOMING_H
#define ENGINE_UPCOMING_H
#include "base/base.h"

struct coming { int64_t due_ms; struct str id, channel; };       /* channel: of a page */
struct upcoming {
	struct arena mem, laid_mem;      /* of the texts */
	struct coming *v, *laid;         /* laid by while a look is evaluated */
	size_t n, cap, n_laid, laid_cap;
	int64_t least_ms;                /* the earliest of those that are not put aside; INT64_MAX: there are none */
	size_t n_aside;                  /* how many were, by the latest take that saw them */
};

void upcoming_begin(struct upcoming *u);                         /* empty; all zero before the first time */
void upcoming_free(struct upcoming *u);
/* A look is about to add what it found: what is known is laid by. */
void upcoming_look(struct upcoming *u);
/* It has seen everything up to that due time and, at that time, up to that id: what lies behind is known still, and comes behind what it added. */
void upcoming_looked(struct upcoming *u, int64_t due_ms, struct str id);
/* False: full, and the store must be asked at that time. */
bool upcoming_add(struct upcoming *u, int64_t due_ms, struct str id, struct str channel) MUST_USE;
/* Whether one that is due is to be taken now, stays due, or is put aside. */
enum wish { WISH_TAKE, WISH_LATER, WISH_ASIDE };
typedef enum wish upcoming_wish_f(void *ctx, const struct coming *c);
/* Takes out up to max of those that are due at that time, put aside or not, in the order in which they were added. wish: NULL takes
 * all. Their texts live until the next begin or add. */
size_t upcoming_take(struct upcoming *u, int64_t at_ms, struct coming *ret, size_t max, upcoming_wish_f *wish, void *ctx);
/* What was put aside calls again. */
void upcoming_take_up(struct upcoming *u);
#endif
