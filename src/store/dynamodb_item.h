/* dynamodb_item.h - documents as items of the table and back: pure text, no connection.
 *
 *   pk      "kind#shard"                          partition key
 *   sk      the id                                sort key; order is the order of bytes
 *   ver     number                                 tok   32 hex digits          crc   CRC-32C of everything but pk and ver
 *   due, expire   numbers, absent: none            body  text (S) or bytes (B), absent: empty
 *   by_when       "d" and the due time, or, without one, "e" and the expire time; then the id. Sort key of the index by_when
 *   by_key0..3    a listing key, then the id. Sort keys of the indexes of the same names. No key: no attribute, so not in the index
 *   ttl     when DynamoDB may throw the item away: 30 days after expire, and never while there is a due
 *
 * All indexes are local, so reads of them are as fresh as of the table. No key attribute is ever empty.
 *
 * Ids and keys hold any bytes and sort by them; S holds UTF-8 and sorts by its bytes. So a byte is written as the character of that number;
 * 0 and 1 as 1,2 and 1,3, which leaves 1,1 to stand between key and id, below anything a key can hold. ASCII stays readable.
 */
#ifndef STORE_DYNAMODB_ITEM_H
#define STORE_DYNAMODB_ITEM_H
#include "store/backend.h"
#include "base/json.h"

/* What an item is of: the layout of one store. */
struct item_layout { struct str table; const struct store_kind_def *kinds; size_t n_kinds; unsigned shards; };

struct str item_text(struct arena *a, struct str bytes);      /* as an id or key stands in a key attribute */
bool item_bytes(struct arena *a, struct str text, struct str *ret) MUST_USE;
struct str item_pk(struct arena *a, const struct item_layout *l, store_kind kind, unsigned shard);
/* The place of a time in by_when, up to which ('d' or 'e') everything earlier stands. */
struct str item_when(struct arena *a, char what, int64_t ms);

/* {"pk":{"S":...},"sk":{"S":...}} */
void item_write_key(struct buf *b, const struct item_layout *l, store_kind kind, struct str id);

/* The members of an action of TransactWriteItems, which are those of PutItem, UpdateItem and DeleteItem too, without the braces:
 * "TableName":..., and so on. Returns the name of the action: Put, Update, Delete or ConditionCheck. is_face: the document that answers
 * for the token. */
const char *item_write_action(struct buf *b, const struct item_layout *l, const struct store_write *w,
    const struct store_token *token, bool is_face);

/* {"pk":...} of a whole document as it is. */
void item_write_doc(struct buf *b, const struct item_layout *l, const struct store_doc *d);

/* False: it is no item of ours, or damaged. The texts live in the arena or in the item. */
bool item_read(struct arena *a, const struct item_layout *l, const struct jv *item, struct store_doc *ret) MUST_USE;
struct str item_attr(const struct jv *item, const char *name, const char *type);      /* its value as text, empty when absent */
uint64_t item_ver(const struct jv *item);                     /* 0: none */
bool item_has_token(const struct jv *item, const struct store_token *token);
#endif
