#include "store/store.h"
#include <stddef.h>
const char *store_rc_name(enum store_rc rc)
{
#define N(v, s) [v] = s,
	static const char *const names[] = { STORE_RC(N) };
	return names[rc];
}
void store_info(const struct store *s, struct store_info *ret) { s->ops->info(s, ret); }
enum store_rc store_now(struct store *s, int64_t *a, int64_t *b) { return s->ops->now(s, a, b); }
enum store_rc store_get(struct store *s, const store_kind *k, const struct str *id, size_t n, struct store_docs *out) { return s->ops->get(s, k, id, n, out); }
void store_commit(struct store *s, const struct store_txn *t, struct store_result *r, size_t n) { s->ops->commit(s, t, r, n); }
enum store_rc store_due(struct store *s, store_kind k, unsigned lo, unsigned hi, int64_t d, size_t l, struct store_docs *out) { return s->ops->due(s, k, lo, hi, d, l, out); }
enum store_rc store_purge(struct store *s, store_kind k, int64_t e, size_t l, size_t *r) { return s->ops->purge(s, k, e, l, r); }
void store_docs_free(struct store_docs *d) { arena_free(&d->mem); *d = (struct store_docs){ 0 }; }
