/* postgres_read.c - readers. Each is one statement, which sees all that was committed before it began; every document's checksum is
 * compared.
 */
#include "store/postgres_inside.h"
#include "base/digest.h"
#include "store/disk.h"

enum { COL_KIND, COL_VER, COL_TOKEN, COL_DUE, COL_EXPIRE, COL_ID, COL_IDX, COL_BODY = COL_IDX + STORE_IDX, COL_CRC, COL_N };

uint32_t postgres_crc(const struct store_doc *d)
{
	int64_t number[] = { d->kind, (int64_t)d->ver, d->due, d->expire };
	struct buf head = BUF(256);
	for (size_t i = 0; i < COUNT(number); i++)
		pack_int8(&head, number[i]);
	pack_token(&head, &d->token);
	uint32_t crc = crc32c(0, head.p, head.n);
	const struct str *text[] = { &d->id, &d->idx[0], &d->idx[1], &d->idx[2], &d->idx[3], &d->body };
	for (size_t i = 0; i < COUNT(text); i++) {
		uint8_t n[] = { (uint8_t)(text[i]->n >> 16), (uint8_t)(text[i]->n >> 8), (uint8_t)text[i]->n };
		crc = crc32c(crc, n, sizeof n);                    /* so that a byte cannot move from one text to the next */
		crc = crc32c(crc, text[i]->p ? text[i]->p : "", text[i]->n);
	}
	buf_free(&head);
	return crc;
}

/* False: the checksum is another's. The texts are the answer's own afterwards. */
static bool take_row(const PGresult *r, int row, struct store_docs *out, struct store_doc *d)
{
	*d = (struct store_doc){ .kind = (store_kind)row_int(r, row, COL_KIND), .id = row_bytes(r, row, COL_ID),
		.ver = (uint64_t)row_int(r, row, COL_VER), .token = row_token(r, row, COL_TOKEN), .due = row_time(r, row, COL_DUE),
		.expire = row_time(r, row, COL_EXPIRE), .body = row_bytes(r, row, COL_BODY) };
	for (int i = 0; i < STORE_IDX; i++)
		d->idx[i] = row_bytes(r, row, COL_IDX + i);
	bool is_whole = postgres_crc(d) == (uint32_t)row_int(r, row, COL_CRC);
	docs_own(out, d);
	return is_whole;
}

enum store_rc postgres_ask(struct postgres *p, enum postgres_query q, const struct args *a, int64_t until_us, PGresult **ret)
{
	enum store_rc rc = STORE_DOWN;
	for (int i = 0; i < 2; i++) {
		struct session *s = NULL;
		rc = pool_take(&p->pool, until_us, &s);
		if (rc != STORE_OK)
			return rc;
		bool ok = session_one(s, q, a, ret), is_dead = s->is_lost && !s->is_late;
		rc = ok ? STORE_OK : s->is_lost ? STORE_DOWN : session_meaning(s);
		pool_give(&p->pool, s);
		if (!is_dead)
			break;
	}
	return rc;
}

/* The rows of a statement, as they come. */
static enum store_rc answer(struct store *st, enum postgres_query q, struct args *a, struct store_docs *out)
{
	PGresult *r = NULL;
	struct postgres *p = postgres(st);
	enum store_rc rc = p->is_fenced ? STORE_FENCED : postgres_ask(p, q, a, disk_us() + CALL_US, &r);
	args_free(a);
	int n = PQntuples(r);
	if (rc == STORE_OK && n > 0)
		docs_room(out, (size_t)n);
	for (int row = 0; row < n && rc == STORE_OK; row++)
		if (!take_row(r, row, out, &out->v[out->n++]))
			rc = STORE_CORRUPT;
	PQclear(r);
	return rc;
}

static int64_t limited(size_t limit)
{
	return limit < INT64_MAX ? (int64_t)limit : INT64_MAX;
}

static enum store_rc get(struct postgres *p, const store_kind *kind, const struct str *id, size_t n, PGresult **ret)
{
	struct args a = { .n = 0 };
	struct buf *kinds = args_array(&a, PACK_INT2, n), *ids = args_array(&a, PACK_BYTEA, n);
	for (size_t i = 0; i < n; i++) {
		pack_int2(kinds, kind[i]);
		pack_bytes(ids, id[i]);
	}
	enum store_rc rc = p->is_fenced ? STORE_FENCED : postgres_ask(p, PG_GET, &a, disk_us() + CALL_US, ret);
	args_free(&a);
	return rc;
}

enum store_rc postgres_get(struct store *st, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	PGresult *r = NULL;
	enum store_rc rc = n > 0 ? get(postgres(st), kind, id, n, &r) : STORE_OK;
	if (rc != STORE_OK)
		return rc;
	docs_room(out, n);
	out->n = n;
	for (int row = 0; row < PQntuples(r); row++)
		if (!take_row(r, row, out, &out->v[row_int(r, row, COL_N) - 1]))
			rc = STORE_CORRUPT;
	PQclear(r);
	for (size_t i = 0; i < n; i++)
		if (out->v[i].ver == 0) {
			out->v[i] = (struct store_doc){ .kind = kind[i], .id = id[i], .due = STORE_NO_DUE, .expire = STORE_NO_DUE };
			docs_own(out, &out->v[i]);
		}
	return rc;
}

enum store_rc postgres_due(struct store *st, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le, size_t limit,
    struct store_docs *out)
{
	struct args a = { .n = 0 };
	bool is_all = shard_lo == 0 && shard_hi == postgres(st)->shards;
	args_int2(&a, kind);
	args_int8(&a, due_le);
	args_int8(&a, limited(limit));
	if (!is_all) {
		args_int2(&a, (int)shard_lo);
		args_int2(&a, (int)shard_hi);
	}
	return answer(st, is_all ? PG_DUE_ALL : PG_DUE, &a, out);
}

enum store_rc postgres_list(struct store *st, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending, size_t limit,
    struct store_docs *out)
{
	char end[STORE_KEY_MAX + 1];                               /* no key, and no id, is as long */
	struct args a = { .n = 0 };
	for (size_t i = 0; i < sizeof end; i++)
		end[i] = '\xff';
	args_int2(&a, kind);
	args_bytes(&a, lo);
	args_bytes(&a, hi.n ? hi : (struct str){ end, sizeof end });
	args_int8(&a, limited(limit));
	return answer(st, (enum postgres_query)(PG_LIST + 2 * (idx + 1) + is_descending), &a, out);
}

enum store_rc postgres_scan(struct store *st, store_kind kind, unsigned shard, struct str cursor, size_t limit, struct store_docs *out)
{
	struct args a = { .n = 0 };
	args_int2(&a, kind);
	args_int2(&a, (int)shard);
	args_bytes(&a, cursor);
	args_int8(&a, limited(limit));
	enum store_rc rc = answer(st, PG_SCAN, &a, out);
	if (rc == STORE_OK && out->n == limit)
		out->cursor = out->v[out->n - 1].id;
	return rc;
}
