/* postgres_pack.c - see postgres_pack.h. */
#include "store/postgres_pack.h"
#include <assert.h>
#include <string.h>

/* No message is longer than a gigabyte; a group is refused by its own limits long before. */
#define MESSAGE_MAX ((size_t)1 << 30)

static void pack_number(struct buf *b, uint64_t v, size_t bytes)
{
	char text[8];
	for (size_t i = 0; i < bytes; i++)
		text[i] = (char)(v >> 8 * (bytes - 1 - i));
	buf_add(b, (struct str){ text, bytes });
}

static void pack_sized(struct buf *b, uint64_t v, size_t bytes)
{
	pack_number(b, bytes, 4);
	pack_number(b, v, bytes);
}

void pack_int2(struct buf *b, int v)
{
	pack_sized(b, (uint64_t)v, 2);
}

void pack_int4(struct buf *b, uint32_t v)
{
	pack_sized(b, v, 4);
}

void pack_int8(struct buf *b, int64_t v)
{
	pack_sized(b, (uint64_t)v, 8);
}

static void pack_null(struct buf *b)
{
	pack_number(b, UINT32_MAX, 4);
}

void pack_time(struct buf *b, int64_t v)
{
	if (v == STORE_NO_DUE)
		pack_null(b);
	else
		pack_int8(b, v);
}

void pack_bytes(struct buf *b, struct str s)
{
	pack_number(b, s.n, 4);
	buf_add(b, s);
}

void pack_key(struct buf *b, struct str s)
{
	if (s.n == 0)
		pack_null(b);
	else
		pack_bytes(b, s);
}

void pack_token(struct buf *b, const struct store_token *t)
{
	pack_bytes(b, (struct str){ (const char *)t->b, sizeof t->b });
}

void pack_copy_begin(struct buf *b)
{
	buf_add(b, S("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"));       /* signature, no flags, no extension */
}

void pack_copy_row(struct buf *b, int columns)
{
	pack_number(b, (uint64_t)columns, 2);
}

void pack_copy_end(struct buf *b)
{
	pack_number(b, UINT16_MAX, 2);
}

static struct buf *next(struct args *a)
{
	assert(a->n < ARGS_MAX);
	struct buf *b = &a->v[a->n++];
	*b = BUF(MESSAGE_MAX);
	return b;
}

void args_int8(struct args *a, int64_t v)
{
	pack_number(next(a), (uint64_t)v, 8);
}

void args_int2(struct args *a, int v)
{
	pack_number(next(a), (uint64_t)v, 2);
}

void args_bytes(struct args *a, struct str s)
{
	buf_add(next(a), s);
}

struct buf *args_array(struct args *a, enum pack_type of, size_t n)
{
	assert(n > 0);
	struct buf *b = next(a);
	pack_number(b, 1, 4);                                      /* dimensions */
	pack_number(b, 1, 4);                                      /* there may be NULLs */
	pack_number(b, of, 4);
	pack_number(b, n, 4);
	pack_number(b, 1, 4);                                      /* the first is number 1 */
	return b;
}

void args_free(struct args *a)
{
	for (int i = 0; i < a->n; i++)
		buf_free(&a->v[i]);
	a->n = 0;
}

int64_t row_int(const PGresult *r, int row, int column)
{
	const unsigned char *p = (const unsigned char *)PQgetvalue(r, row, column);
	int n = PQgetlength(r, row, column);
	uint64_t v = n > 0 && p[0] & 0x80 ? UINT64_MAX : 0;        /* the sign goes on to the left */
	for (int i = 0; i < n && i < 8; i++)
		v = v << 8 | p[i];
	return (int64_t)v;
}

int64_t row_time(const PGresult *r, int row, int column)
{
	return PQgetisnull(r, row, column) ? STORE_NO_DUE : row_int(r, row, column);
}

struct str row_bytes(const PGresult *r, int row, int column)
{
	return (struct str){ PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column) };
}

struct store_token row_token(const PGresult *r, int row, int column)
{
	struct store_token t = { { 0 } };
	struct str b = row_bytes(r, row, column);
	if (b.n == sizeof t.b)
		memcpy(t.b, b.p, b.n);
	return t;
}
