/* backend.h - what the backends share with store.c and with each other. Nobody outside this room includes it. */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H
#include "store/store.h"

/* Opens one backend. The options were checked. Anything but STORE_OK: *ret untouched, nothing left behind, a sentence in `why`. */
typedef enum store_rc backend_open(const struct store_options *o, struct store **ret, struct buf *why);
/* As store_schema and store_migrate. A store that is not there has schema 0 and is not made. */
typedef enum store_rc backend_schema(const struct store_options *o, struct store_schema *ret, struct buf *why);
typedef enum store_rc backend_migrate(const struct store_options *o, int to, struct buf *why);
#define BACKEND(name) backend_open name##_open; backend_schema name##_schema; backend_migrate name##_migrate;
#include "store/list.h"
#undef BACKEND

/* backend_migrate of a backend whose layout has never changed. */
enum store_rc schema_only(int only, int to, struct buf *why);

/* The head of a backend's struct, from the options. */
struct store store_head(const struct store_ops *ops, const struct store_options *o);

/* The first PUT of a transaction: the document that answers for its token. NULL: none. */
const struct store_write *txn_face(const struct store_txn *t);

/* True when all a transaction does to kinds that are not append-only is to create: what a nearly full disk refuses first. */
bool txn_only_creates(const struct store *s, const struct store_txn *t);

/* Room for n answers in `out`, all zero. */
void docs_room(struct store_docs *out, size_t n);
/* Copies a document into the answer, as its last. Room was made. */
void docs_add(struct store_docs *out, const struct store_doc *d);
/* Copies the texts of a document that stands in the answer already into the answer's memory. */
void docs_own(struct store_docs *out, struct store_doc *d);
#endif
