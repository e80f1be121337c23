/* listing.h - lists of stored documents as pages of JSON: walks over an index, merged, filtered, bounded.
 *
 * A walk is one range of one index in one direction, fetched in small chunks. A listing merges several walks into one order by id. It
 * ends after `limit` items, after PAGE_BYTES of JSON, or after LOOK_MAX documents looked at, whichever comes first; then
 * `next` says where to go on. So one request costs a bounded amount whatever the filter finds, and a page may be short.
 */
#ifndef API_LISTING_H
#define API_LISTING_H
#include "api/exchange.h"
#include <assert.h>

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 200, CHUNK = 64, LOOK_MAX = 5000, PAGE_BYTES = 4 << 20, WALKS_MAX = 16,
	PREFIX_MAX = 65, AFTER_MAX = 120 };
static_assert(PREFIX_MAX + AFTER_MAX < STORE_KEY_MAX, "a cursor from outside can never make a key too long");

struct walk {
	int idx;                         /* or STORE_BY_ID */
	struct str prefix;               /* of the key; the document's id follows it */
	char lo[STORE_KEY_MAX + 1], hi[STORE_KEY_MAX + 1];
	size_t n_lo, n_hi;
	struct store_docs docs;
	size_t at;
	bool is_last;                    /* no chunk after this one */
};

struct listing {
	store_kind kind;
	const struct entity *entity;
	bool is_descending;
	int64_t limit;
	int64_t look_max;                /* documents looked at; 0: LOOK_MAX */
	struct walk *walks;
	size_t n_walks;
	/* Says whether the object is shown, and fills in what is only shown (VIEW fields). NULL: all are, as they are. */
	bool (*keep)(void *ctx, void *obj, const struct store_doc *d);
	void *ctx;
};

/* Keys that begin with prefix, from the one whose id comes after `after` in the order of the walk; empty: from the beginning. */
struct walk walk_make(int idx, struct str prefix, struct str after, bool is_descending);

/* Writes the items as JSON, commas between, into b. ret_next is the id to go on after (in arena a), or empty at the end. */
enum store_rc listing_write(const struct api *api, struct arena *a, struct listing *l, struct buf *b, struct str *ret_next) MUST_USE;

/* A stored document as a struct of its entity, everything in the arena. False: it does not read as one, which is logged (STORE_CORRUPT). */
bool doc_read(const struct api *api, struct arena *a, const struct entity *e, const struct store_doc *d, void *obj);
/* Takes back the closing brace of the object just written, so that members can follow. */
void json_reopen(struct buf *b);

/* Cursors: where a page ended, bound to the filter it was made for, base64url. */
struct str cursor_make(struct arena *a, struct str filter, struct str after);
bool cursor_read(struct arena *a, struct str cursor, struct str filter, struct str *ret_after);   /* false: not ours, or of another filter */

/* limit and cursor of the query. Faults are added to f; ret_after is empty without a cursor. */
void paging_read(struct exchange *x, struct str filter, int64_t *ret_limit, struct str *ret_after, struct faults *f);
/* A whole page: {"items":[...],"next":...} with Link and a weak ETag; `query` is the filter as it goes into the link. */
void listing_answer(struct exchange *x, struct listing *l, struct str filter, struct str query);
#endif
