/* postgres_pack.h - values as PostgreSQL's binary protocol writes them: parameters, arrays, rows of COPY, columns of answers.
 *
 * Every value is a length of four bytes and its bytes in network order; a length of -1 is NULL. That is the same inside an array and in a row
 * of COPY; only a parameter that stands alone goes without the length. bytea because ids, keys and bodies hold any byte and their
 * order is that of memcmp.
 */
#ifndef STORE_POSTGRES_PACK_H
#define STORE_POSTGRES_PACK_H
#include "store/store.h"
#include <libpq-fe.h>

/* The types we write, by the numbers PostgreSQL has given them for good. */
enum pack_type { PACK_BYTEA = 17, PACK_INT8 = 20, PACK_INT2 = 21, PACK_INT4 = 23, PACK_UUID = 2950 };

void pack_int2(struct buf *b, int v);
void pack_int4(struct buf *b, uint32_t v);
void pack_int8(struct buf *b, int64_t v);
void pack_time(struct buf *b, int64_t v);                     /* STORE_NO_DUE is NULL */
void pack_bytes(struct buf *b, struct str s);
void pack_key(struct buf *b, struct str s);                   /* an empty one is NULL */
void pack_token(struct buf *b, const struct store_token *t);
void pack_copy_begin(struct buf *b);                          /* what comes before the rows of a COPY ... */
void pack_copy_row(struct buf *b, int columns);               /* ... before the columns of each ... */
void pack_copy_end(struct buf *b);                            /* ... and after the last */

/* The parameters of one statement. args_free when it is done. */
enum { ARGS_MAX = 16 };
struct args { struct buf v[ARGS_MAX]; int n; };
void args_int8(struct args *a, int64_t v);
void args_int2(struct args *a, int v);
void args_bytes(struct args *a, struct str s);
struct buf *args_array(struct args *a, enum pack_type of, size_t n);   /* of n >= 1 values, which the caller packs now */
void args_free(struct args *a);

/* What a statement answered. NULL is 0, or the empty text. */
int64_t row_int(const PGresult *r, int row, int column);
int64_t row_time(const PGresult *r, int row, int column);     /* NULL is STORE_NO_DUE */
struct str row_bytes(const PGresult *r, int row, int column);
struct store_token row_token(const PGresult *r, int row, int column);
#endif
