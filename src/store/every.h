/* every.h - all documents of a kind, page by page, from any store: what copies, backups, counts and audits walk with.
 *
 * A store that is busy or away for a moment is asked again, so that an hour's copy does not end at one dropped connection.
 */
#ifndef STORE_EVERY_H
#define STORE_EVERY_H
#include "store/store.h"

enum { EVERY_PAGE = STORE_GET_MAX };     /* so that what is in one page can be looked up in another store by one store_get */

/* How to wait between tries; pause NULL: there is only one try. */
struct patience { void *ctx; void (*pause)(void *ctx, int64_t ms); };
enum { PATIENCE_TRIES = 8 };             /* 100 ms, then twice as long each time: half a minute in all */

/* Whether to ask again after rc; waits before it says yes. *tries counts and begins at 0. Only for calls that may be repeated. */
bool patience_again(const struct patience *p, enum store_rc rc, int *tries);

/* Every document of a kind, at most EVERY_PAGE at a time, in no order. Anything but STORE_OK from `take` ends the walk and is its answer. */
typedef enum store_rc every_take(void *ctx, const struct store_doc *docs, size_t n);
enum store_rc every_doc(struct store *s, store_kind kind, const struct patience *p, every_take *take, void *ctx) MUST_USE;

/* store_get with patience: the documents of these names, absent ones with ver 0. */
enum store_rc every_named(struct store *s, const struct store_doc *names, size_t n, const struct patience *p, struct store_docs *out) MUST_USE;

/* Whether there is any document of a kind. */
enum store_rc every_is_empty(struct store *s, store_kind kind, const struct patience *p, bool *ret) MUST_USE;

/* Removes one, at the version that was read; that it is gone already is fine. */
enum store_rc every_remove(struct store *s, const struct store_doc *d, const struct patience *p) MUST_USE;

/* store_import with patience. */
enum store_rc every_import(struct store *s, const struct store_doc *docs, size_t n, const struct patience *p) MUST_USE;

/* Whether two documents are the same to the last byte, version and token included. */
bool doc_is_same(const struct store_doc *a, const struct store_doc *b);
#endif
