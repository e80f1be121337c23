/* upcoming.h - what this replica knows to become due, so that it need not ask. Inside engine/ only.
 *
 * What it has written itself since the last look, and what that look saw coming. Asking the store what is due costs a query for each shard; an
 * entry here costs none. It is a hint and nothing else: each look begins it anew, whatever is missing here the next look finds, and claims and
 * levels are decided on fresh documents whoever proposed them. What only this replica knows, that a page has just been sent, is asked beside it.
 */
#ifndef ENGINE_UPCOMING_H
#define ENGINE_UPCOMING_H
#include "base/base.h"

struct coming { int64_t due_ms; struct str id, channel; };       /* channel: of a page */
struct upcoming {
	struct arena mem;                /* of the texts */
	struct coming *v;
	size_t n, cap;
	int64_t least_ms;                /* the earliest of them; INT64_MAX: there are none */
};

void upcoming_begin(struct upcoming *u);                         /* empty; all zero before the first time */
void upcoming_free(struct upcoming *u);
/* False: full, and the store must be asked at that time. */
bool upcoming_add(struct upcoming *u, int64_t due_ms, struct str id, struct str channel) MUST_USE;
/* Takes out up to max that are due at that time, in the order in which they were added, and leaves those that wants() does not want now; NULL: all are.
 * Their texts live until the next begin or add. */
size_t upcoming_take(struct upcoming *u, int64_t at_ms, struct coming *ret, size_t max, bool (*wants)(void *ctx, const struct coming *c), void *ctx);
#endif
