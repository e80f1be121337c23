/* census.h - what is in a store: for each kind how many documents, how large, and a hash of all of them that does not depend on their
 * order. Two stores with equal censuses hold the same documents, whatever each of them is made of.
 *
 * A document's hash is SHA-256 over its kind's name and everything else that a document is (id, version, token, due, expire, keys, body),
 * each with its length; a kind's is the sum of those in four lanes of 64 bits. A sum, because an exclusive or would not see a
 * document that is there twice. It guards against accidents, not against somebody who makes up documents to fit.
 */
#ifndef STORE_CENSUS_H
#define STORE_CENSUS_H
#include "store/every.h"

struct kind_census {
	uint64_t n, bytes;               /* documents; bytes of their bodies */
	uint64_t sum[4];
	int64_t least_expire;            /* STORE_NO_DUE: none expires */
};
struct census { struct kind_census kind[STORE_KINDS_MAX]; };

void census_begin(struct census *c);
void census_add(struct census *c, const struct store_kind_def *kinds, const struct store_doc *d);
bool census_is_same(const struct kind_census *a, const struct kind_census *b);
uint64_t census_total(const struct census *c);
void census_hash(const struct kind_census *k, struct buf *b);         /* 64 hex digits */

/* Counts a whole store. told: after each page, how many so far. */
struct census_told { void *ctx; void (*told)(void *ctx, uint64_t n); };
enum store_rc census_take(struct store *s, const struct store_kind_def *kinds, size_t n_kinds, const struct patience *p,
    const struct census_told *t, struct census *ret) MUST_USE;
#endif
