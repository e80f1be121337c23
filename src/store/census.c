/* census.c - see census.h. */
#include "store/census.h"
#include "base/digest.h"
#include <string.h>

enum { DOC_BYTES_MAX = 1 << 20 };

void census_begin(struct census *c)
{
	*c = (struct census){ 0 };
	for (size_t i = 0; i < STORE_KINDS_MAX; i++)
		c->kind[i].least_expire = STORE_NO_DUE;
}

static void add_number(struct buf *b, uint64_t v)
{
	for (int i = 0; i < 8; i++, v >>= 8)
		buf_char(b, (char)(v & 0xff));
}

static void add_text(struct buf *b, struct str s)
{
	add_number(b, s.n);
	buf_add(b, s);
}

static void hash_doc(const char *kind, const struct store_doc *d, uint8_t out[SHA256_N])
{
	struct buf b = BUF(DOC_BYTES_MAX);
	add_text(&b, str_c(kind));
	add_text(&b, d->id);
	add_number(&b, d->ver);
	buf_add(&b, (struct str){ (const char *)d->token.b, sizeof d->token.b });
	add_number(&b, (uint64_t)d->due);
	add_number(&b, (uint64_t)d->expire);
	for (size_t i = 0; i < STORE_IDX; i++)
		add_text(&b, d->idx[i]);
	add_text(&b, d->body);
	sha256(buf_str(&b), out);
	buf_free(&b);
}

void census_add(struct census *c, const struct store_kind_def *kinds, const struct store_doc *d)
{
	struct kind_census *k = &c->kind[d->kind];
	uint8_t hash[SHA256_N];
	hash_doc(kinds[d->kind].name, d, hash);
	for (size_t lane = 0; lane < COUNT(k->sum); lane++) {
		uint64_t v = 0;
		for (size_t i = 0; i < 8; i++)
			v = v << 8 | hash[lane * 8 + i];
		k->sum[lane] += v;
	}
	k->n++;
	k->bytes += d->body.n;
	if (d->expire < k->least_expire)
		k->least_expire = d->expire;
}

bool census_is_same(const struct kind_census *a, const struct kind_census *b)
{
	return a->n == b->n && memcmp(a->sum, b->sum, sizeof a->sum) == 0;
}

uint64_t census_total(const struct census *c)
{
	uint64_t n = 0;
	for (size_t i = 0; i < STORE_KINDS_MAX; i++)
		n += c->kind[i].n;
	return n;
}

void census_hash(const struct kind_census *k, struct buf *b)
{
	for (size_t lane = 0; lane < COUNT(k->sum); lane++)
		buf_fmt(b, "%016llx", (unsigned long long)k->sum[lane]);
}

struct taking { const struct store_kind_def *kinds; const struct census_told *t; struct census c; uint64_t n; };

static enum store_rc take(void *ctx, const struct store_doc *docs, size_t n)
{
	struct taking *k = ctx;
	for (size_t i = 0; i < n; i++)
		census_add(&k->c, k->kinds, &docs[i]);
	k->n += n;
	if (k->t && k->t->told)
		k->t->told(k->t->ctx, k->n);
	return STORE_OK;
}

enum store_rc census_take(struct store *s, const struct store_kind_def *kinds, size_t n_kinds, const struct patience *p,
    const struct census_told *t, struct census *ret)
{
	struct taking k = { .kinds = kinds, .t = t };
	enum store_rc rc = STORE_OK;
	census_begin(&k.c);
	for (size_t i = 0; i < n_kinds && rc == STORE_OK; i++)
		rc = every_doc(s, (store_kind)i, p, take, &k);
	if (rc == STORE_OK)
		*ret = k.c;
	return rc;
}
