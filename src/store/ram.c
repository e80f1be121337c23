/* ram.c - documents held in memory: a hash of (kind, id), and per kind the orders readers ask for.
 *
 * The order by due is always kept. The others (by id, by key, by expire) are built when first asked for and kept from then on, so
 * that a simulator that never lists pays nothing for lists. Where keys are equal, ids decide.
 */
#include "store/ram.h"
#include "store/order.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One document. text holds the keys and the body, id stands behind the struct. */
struct item {
	struct item *next;
	uint32_t hash;
	struct store_doc d;
	char *text;
	size_t text_max;
	char id[];
};

enum by { BY_ID, BY_IDX0, BY_DUE = BY_IDX0 + STORE_IDX, BY_EXPIRE, BYS };
struct ram {
	struct item **bucket;
	size_t n, n_buckets;
	struct order order[STORE_KINDS_MAX][BYS];
	bool is_kept[STORE_KINDS_MAX][BYS];
};

static int by_id(const void *a, const void *b)
{
	return str_cmp(((const struct item *)a)->d.id, ((const struct item *)b)->d.id);
}

static int by_text(struct str x, struct str y, const void *a, const void *b)
{
	int c = str_cmp(x, y);
	return c ? c : by_id(a, b);
}

#define BY_TEXT(name, field) \
	static int name(const void *a, const void *b) \
	{ \
		return by_text(((const struct item *)a)->d.field, ((const struct item *)b)->d.field, a, b); \
	}
BY_TEXT(by_idx0, idx[0])
BY_TEXT(by_idx1, idx[1])
BY_TEXT(by_idx2, idx[2])
BY_TEXT(by_idx3, idx[3])

/* Numbers so that unsigned order is signed order; texts by their first eight bytes, the tie decides the rest. */
static uint64_t key_int(int64_t v)
{
	return (uint64_t)v ^ UINT64_C(1) << 63;
}

static uint64_t key_text(struct str s)
{
	uint64_t key = 0;
	for (size_t i = 0; i < 8; i++)
		key = key << 8 | (i < s.n ? (uint8_t)s.p[i] : 0);
	return key;
}

static struct str text_of(const struct item *it, enum by by)
{
	return by == BY_ID ? it->d.id : it->d.idx[by - BY_IDX0];
}

/* Whether a document stands in this order at all. */
static bool stands_in(const struct item *it, enum by by)
{
	if (by == BY_DUE)
		return it->d.due != STORE_NO_DUE;
	if (by == BY_EXPIRE)
		return it->d.expire != STORE_NO_DUE && it->d.due == STORE_NO_DUE;
	return by == BY_ID || it->d.idx[by - BY_IDX0].n > 0;
}

static uint64_t key_of(const struct item *it, enum by by)
{
	if (by == BY_DUE || by == BY_EXPIRE)
		return key_int(by == BY_DUE ? it->d.due : it->d.expire);
	return key_text(text_of(it, by));
}

struct ram *ram_new(const struct store *head)
{
	static int (*const tie[BYS])(const void *, const void *) = { by_id, by_idx0, by_idx1, by_idx2, by_idx3, by_id, by_id };
	struct ram *r = xmalloc(sizeof *r);
	*r = (struct ram){ .n_buckets = 1024 };
	r->bucket = xmalloc(r->n_buckets * sizeof *r->bucket);
	memset(r->bucket, 0, r->n_buckets * sizeof *r->bucket);
	for (size_t k = 0; k < head->n_kinds; k++) {
		r->is_kept[k][BY_DUE] = true;
		for (size_t by = 0; by < BYS; by++)
			r->order[k][by].tie = tie[by];
	}
	return r;
}

static void item_free(struct item *it)
{
	free(it->text);
	free(it);
}

void ram_free(struct ram *r)
{
	for (size_t i = 0; i < r->n_buckets; i++)
		for (struct item *it = r->bucket[i], *next; it; it = next) {
			next = it->next;
			item_free(it);
		}
	for (size_t k = 0; k < STORE_KINDS_MAX; k++)
		for (size_t by = 0; by < BYS; by++)
			order_free(&r->order[k][by]);
	free(r->bucket);
	free(r);
}

size_t ram_count(const struct ram *r)
{
	return r->n;
}

static uint32_t hash_of(store_kind kind, struct str id)
{
	uint64_t h = UINT64_C(0x9e3779b97f4a7c15) * (kind + 1u);
	for (; id.n >= 8; id = str_skip(id, 8)) {
		uint64_t word;
		memcpy(&word, id.p, 8);
		h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 29;
	}
	for (size_t i = 0; i < id.n; i++)
		h = (h ^ (uint8_t)id.p[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(h >> 32 ^ h);
}

static struct item **find(const struct ram *r, store_kind kind, struct str id, uint32_t hash)
{
	struct item **at = &r->bucket[hash & (r->n_buckets - 1)];
	while (*at && ((*at)->hash != hash || (*at)->d.kind != kind || !str_eq((*at)->d.id, id)))
		at = &(*at)->next;
	return at;
}

static const struct item *look(const struct ram *r, store_kind kind, struct str id)
{
	return *find(r, kind, id, hash_of(kind, id));
}

uint64_t ram_ver(const struct ram *r, store_kind kind, struct str id)
{
	const struct item *it = look(r, kind, id);
	return it ? it->d.ver : 0;
}

static void grow(struct ram *r)
{
	size_t n = r->n_buckets * 2;
	struct item **bucket = xmalloc(n * sizeof *bucket);
	memset(bucket, 0, n * sizeof *bucket);
	for (size_t i = 0; i < r->n_buckets; i++)
		for (struct item *it = r->bucket[i], *next; it; it = next) {
			next = it->next;
			it->next = bucket[it->hash & (n - 1)];
			bucket[it->hash & (n - 1)] = it;
		}
	free(r->bucket);
	r->bucket = bucket;
	r->n_buckets = n;
}

static void stand(struct ram *r, struct item *it, enum by by)
{
	if (r->is_kept[it->d.kind][by] && stands_in(it, by))
		order_add(&r->order[it->d.kind][by], key_of(it, by), it);
}

static void leave(struct ram *r, const struct item *it, enum by by)
{
	if (r->is_kept[it->d.kind][by] && stands_in(it, by))
		order_remove(&r->order[it->d.kind][by], key_of(it, by), it);
}

/* The order, built now if nobody asked for it before. */
static const struct order *order_of(struct ram *r, store_kind kind, enum by by)
{
	if (!r->is_kept[kind][by]) {
		r->is_kept[kind][by] = true;
		for (size_t i = 0; i < r->n_buckets; i++)
			for (struct item *it = r->bucket[i]; it; it = it->next)
				if (it->d.kind == kind)
					stand(r, it, by);
	}
	return &r->order[kind][by];
}

static struct item *item_new(store_kind kind, struct str id, uint32_t hash)
{
	struct item *it = xmalloc(sizeof *it + id.n);
	*it = (struct item){ .hash = hash, .d = { .kind = kind, .due = STORE_NO_DUE, .expire = STORE_NO_DUE } };
	memcpy(it->id, id.p, id.n);
	it->d.id = (struct str){ it->id, id.n };
	return it;
}

static char *put_text(char *to, struct str from, struct str *ret)
{
	if (from.n)
		memcpy(to, from.p, from.n);
	*ret = (struct str){ to, from.n };
	return to + from.n;
}

static void item_fill(struct item *it, const struct store_doc *d)
{
	size_t need = d->body.n;
	for (size_t i = 0; i < STORE_IDX; i++)
		need += d->idx[i].n;
	if (need > it->text_max || it->text == NULL) {
		free(it->text);
		it->text = xmalloc(need);
		it->text_max = need;
	}
	char *to = it->text;
	for (size_t i = 0; i < STORE_IDX; i++)
		to = put_text(to, d->idx[i], &it->d.idx[i]);
	put_text(to, d->body, &it->d.body);
	it->d.ver = d->ver;
	it->d.token = d->token;
	it->d.due = d->due;
	it->d.expire = d->expire;
}

/* Which orders a document takes another place in. By id it never moves. */
static bool moves(const struct item *it, const struct store_doc *d, enum by by)
{
	if (by == BY_DUE)
		return it->d.due != d->due;
	if (by == BY_EXPIRE)
		return it->d.expire != d->expire || it->d.due != d->due;
	return by != BY_ID && !str_eq(it->d.idx[by - BY_IDX0], d->idx[by - BY_IDX0]);
}

static void item_change(struct ram *r, struct item *it, const struct store_doc *d)
{
	bool again[BYS];
	for (enum by by = BY_ID; by < BYS; by++) {
		again[by] = moves(it, d, by);
		if (again[by])
			leave(r, it, by);
	}
	item_fill(it, d);
	for (enum by by = BY_ID; by < BYS; by++)
		if (again[by])
			stand(r, it, by);
}

void ram_set(struct ram *r, const struct store_doc *d)
{
	uint32_t hash = hash_of(d->kind, d->id);
	struct item **at = find(r, d->kind, d->id, hash);
	if (*at) {
		item_change(r, *at, d);
		return;
	}
	struct item *it = *at = item_new(d->kind, d->id, hash);
	item_fill(it, d);
	for (enum by by = BY_ID; by < BYS; by++)
		stand(r, it, by);
	if (++r->n > r->n_buckets)
		grow(r);
}

void ram_drop(struct ram *r, store_kind kind, struct str id)
{
	struct item **at = find(r, kind, id, hash_of(kind, id)), *it = *at;
	if (it == NULL)
		return;
	for (enum by by = BY_ID; by < BYS; by++)
		leave(r, it, by);
	*at = it->next;
	r->n--;
	item_free(it);
}

static bool has_token(const struct item *it, const struct store_token *token)
{
	return it && memcmp(it->d.token.b, token->b, sizeof token->b) == 0;
}

bool ram_judge(const struct ram *r, const struct store_txn *t, struct store_result *ret)
{
	const struct store_write *face = txn_face(t);
	if (face && has_token(look(r, face->kind, face->id), &t->token)) {
		*ret = (struct store_result){ .rc = STORE_OK };
		return false;
	}
	for (size_t i = 0; i < t->n; i++) {
		uint64_t ver = t->w[i].expect == STORE_ANY ? STORE_ANY : ram_ver(r, t->w[i].kind, t->w[i].id);
		if (ver != t->w[i].expect) {
			*ret = (struct store_result){ .rc = STORE_CONFLICT, .bad_write = i, .cur_ver = ver };
			return false;
		}
	}
	return true;
}

void ram_apply(struct ram *r, const struct store_txn *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct store_write *w = &t->w[i];
		if (w->op == STORE_DELETE)
			ram_drop(r, w->kind, w->id);
		if (w->op != STORE_PUT)
			continue;
		uint64_t ver = w->expect == STORE_ANY ? ram_ver(r, w->kind, w->id) : w->expect;
		struct store_doc d = { w->kind, w->id, ver + 1, t->token, w->due, w->expire, { { 0 } }, w->body };
		memcpy(d.idx, w->idx, sizeof d.idx);
		ram_set(r, &d);
	}
}

void ram_get(const struct ram *r, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	docs_room(out, n);
	for (size_t i = 0; i < n; i++) {
		const struct item *it = look(r, kind[i], id[i]);
		struct store_doc none = { .kind = kind[i], .id = id[i], .due = STORE_NO_DUE, .expire = STORE_NO_DUE };
		docs_add(out, it ? &it->d : &none);
	}
}

static bool is_at(struct order_at a, struct order_at b)
{
	return a.block == b.block && a.i == b.i;
}

/* From..to into the answer; counted first, so that the answer is as large as it must be. */
static void answer(const struct order *o, struct order_at from, struct order_at to, size_t limit, struct store_docs *out)
{
	size_t n = 0;
	for (struct order_at at = from; n < limit && !is_at(at, to); at = order_next(o, at))
		n++;
	docs_room(out, n);
	for (struct order_at at = from; out->n < n; at = order_next(o, at))
		docs_add(out, &((const struct item *)order_item(o, at))->d);
}

static void answer_back(const struct order *o, struct order_at from, struct order_at to, size_t limit, struct store_docs *out)
{
	size_t n = 0;
	for (struct order_at at = to; n < limit && !is_at(at, from); at = order_prev(o, at))
		n++;
	docs_room(out, n);
	for (struct order_at at = to; out->n < n;) {
		at = order_prev(o, at);
		docs_add(out, &((const struct item *)order_item(o, at))->d);
	}
}

/* The first place whose key is not less than this text. */
static struct order_at text_lower(const struct order *o, enum by by, struct str text)
{
	struct item probe = { 0 };                                 /* no id: before every item of the same text */
	if (by == BY_ID)
		probe.d.id = text;
	else
		probe.d.idx[by - BY_IDX0] = text;
	return order_lower(o, key_text(text), &probe);
}

static struct order_at int_lower(const struct order *o, int64_t v)
{
	return order_lower(o, key_int(v), &(struct item){ 0 });
}

void ram_due(const struct ram *r, store_kind kind, int64_t due_le, size_t limit, struct store_docs *out)
{
	const struct order *o = &r->order[kind][BY_DUE];
	const struct item *first = order_item(o, (struct order_at){ 0 });
	if (first && first->d.due <= due_le)
		answer(o, (struct order_at){ 0 }, int_lower(o, due_le < INT64_MAX ? due_le + 1 : due_le), limit, out);
}

void ram_list(struct ram *r, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending, size_t limit,
    struct store_docs *out)
{
	enum by by = (enum by)(idx + 1);
	const struct order *o = order_of(r, kind, by);
	if (hi.n > 0 && str_cmp(lo, hi) >= 0)
		return;
	struct order_at from = text_lower(o, by, lo), to = hi.n ? text_lower(o, by, hi) : (struct order_at){ o->n, 0 };
	(is_descending ? answer_back : answer)(o, from, to, limit, out);
}

void ram_scan(struct ram *r, store_kind kind, struct str cursor, size_t limit, struct store_docs *out)
{
	const struct order *o = order_of(r, kind, BY_ID);
	struct order_at from = text_lower(o, BY_ID, cursor), end = { o->n, 0 };
	const struct item *first = order_item(o, from);
	if (first && str_eq(first->d.id, cursor))
		from = order_next(o, from);
	answer(o, from, end, limit, out);
	if (out->n == limit)
		out->cursor = out->v[out->n - 1].id;
}

void ram_expired(struct ram *r, store_kind kind, int64_t before, size_t limit, struct store_docs *out)
{
	const struct order *o = order_of(r, kind, BY_EXPIRE);
	answer(o, (struct order_at){ 0 }, int_lower(o, before), limit, out);
}

static int item_order(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *)a, *y = *(const struct item *const *)b;
	return x->d.kind != y->d.kind ? x->d.kind - y->d.kind : by_id(x, y);
}

void ram_each(const struct ram *r, void *ctx, void (*f)(void *ctx, const struct store_doc *d))
{
	const struct item **v = xmalloc(r->n * sizeof *v);
	size_t n = 0;
	for (size_t i = 0; i < r->n_buckets; i++)
		for (const struct item *it = r->bucket[i]; it; it = it->next)
			v[n++] = it;
	assert(n == r->n);
	qsort(v, n, sizeof *v, item_order);
	for (size_t i = 0; i < n; i++)
		f(ctx, &v[i]->d);
	free(v);
}
