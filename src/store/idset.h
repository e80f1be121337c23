/* idset.h - many names of documents, remembered in eight bytes each: for "was this one among them?" over a whole store.
 *
 * A hash of 64 bits stands for the name: of ten million, one foreign name in a trillion is taken for a member. Whoever uses it must be right then too.
 */
#ifndef STORE_IDSET_H
#define STORE_IDSET_H
#include "store/store.h"

struct idset { uint64_t *v; size_t n, cap; bool is_sorted; };    /* zero is empty */
void idset_add(struct idset *s, store_kind kind, struct str id);
bool idset_has(struct idset *s, store_kind kind, struct str id);
bool idset_has_twice(struct idset *s);                           /* whether a name was added twice */
void idset_free(struct idset *s);
#endif
