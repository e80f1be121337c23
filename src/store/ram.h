/* ram.h - documents held in memory, with their orders. No lock, no clock, no disk: the memory and json backends add those. */
#ifndef STORE_RAM_H
#define STORE_RAM_H
#include "store/backend.h"

struct ram;
struct ram *ram_new(const struct store *head);
void ram_free(struct ram *r);
size_t ram_count(const struct ram *r);

/* Whether a transaction may be applied. False: *ret has the answer (STORE_CONFLICT, or STORE_OK when it was applied before). */
bool ram_judge(const struct ram *r, const struct store_txn *t, struct store_result *ret);
void ram_apply(struct ram *r, const struct store_txn *t);            /* judged, or the caller knows better */
uint64_t ram_ver(const struct ram *r, store_kind kind, struct str id);   /* 0: not there */

/* Exactly this document, for recovery: its version and token are taken as they are. */
void ram_set(struct ram *r, const struct store_doc *d);
void ram_drop(struct ram *r, store_kind kind, struct str id);        /* nothing happens when it is not there */

/* Readers, as the slots of store.h. Not const: an order is built when it is first asked for. */
void ram_get(const struct ram *r, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out);
void ram_due(const struct ram *r, store_kind kind, int64_t due_le, size_t limit, struct store_docs *out);
void ram_list(struct ram *r, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending, size_t limit,
    struct store_docs *out);
void ram_scan(struct ram *r, store_kind kind, struct str cursor, size_t limit, struct store_docs *out);
void ram_expired(struct ram *r, store_kind kind, int64_t before, size_t limit, struct store_docs *out);

/* Every document, by kind and id. */
void ram_each(const struct ram *r, void *ctx, void (*f)(void *ctx, const struct store_doc *d));
#endif
