/* store.h - the one narrow door to storage. Backends: memory, json, sqlite, postgres, dynamodb. Wrappers: trace, fault, redo.
 *
 * A document is (kind, id) -> { ver, token, due, expire, idx[], body }.
 *   ver     starts at 1, +1 on every committed write of that document, never goes back.
 *   token   128-bit id of the commit that wrote this version; written by the store, told by every reader.
 *   due     store time at which somebody must look at the document, or STORE_NO_DUE. The timer index.
 *   expire  store time after which store_purge may remove it, or STORE_NO_DUE. Documents with a due are never purged.
 *   idx     up to STORE_IDX listing keys. Listing only.
 *   shard   store_shard(id, shards): a power of two fixed when the store is made, at most STORE_SHARDS_MAX.
 * Uniqueness is a document whose id is the unique value, created with STORE_ABSENT in the same commit.
 *
 * What is atomic    one transaction: all its writes or none, all its conditions checked at one instant.
 * What is fresh     store_get, store_due, store_scan: they see every commit that returned STORE_OK before the call began.
 * What may be stale store_list only. No decision that pages, mutes or deduplicates may rest on it.
 * What is durable   STORE_OK from store_commit survives what store_info.durability says, and is never said before that.
 * Threading         any thread may call.
 *
 * Order             where keys or times are equal, ids decide, in byte order: all backends give the same answers in the same order.
 *
 * Where this differs from the first sketch of the contract, and why, is docs/adr/0002-store-contract.md and 0004-many-writers.md.
 * Units: times are milliseconds of store time (UTC); sizes are bytes.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H
#include "base/base.h"

enum { STORE_IDX = 4, STORE_ID_MAX = 191, STORE_KEY_MAX = 191, STORE_BODY_MAX = 256 << 10, STORE_WRITES_MAX = 96,
	STORE_COMMIT_BYTES_MAX = 1 << 20, STORE_SHARDS_MAX = 256, STORE_GET_MAX = 100, STORE_GROUP_MAX = 512, STORE_KINDS_MAX = 32 };
#define STORE_NO_DUE INT64_MAX
#define STORE_ANY    UINT64_MAX       /* no condition: for kinds declared append-only, else STORE_INVAL */
#define STORE_ABSENT UINT64_C(0)      /* the document must not exist */

/* clang-format off */
#define STORE_RC(X) \
	X(STORE_OK,       "ok")           /* done, durable */ \
	X(STORE_CONFLICT, "conflict")     /* not applied by this call: a condition failed, result.bad_write says which */ \
	X(STORE_UNKNOWN,  "unknown")      /* may or may not be applied, may be applied later: commit again with the same token \
	                                     and writes (safe), or re-read and decide anew. Never with new ids. */ \
	X(STORE_BUSY,     "busy")         /* definitely not applied: try again after a jittered pause */ \
	X(STORE_DOWN,     "down")         /* definitely not applied: no connection. Ingest answers 503 */ \
	X(STORE_FULL,     "full")         /* definitely not applied: no space. Ingest answers 503 */ \
	X(STORE_TOOBIG,   "too big")      /* definitely not applied: over a limit above */ \
	X(STORE_NOTFOUND, "not found") \
	X(STORE_INVAL,    "invalid call") /* a bug of the caller */ \
	X(STORE_FENCED,   "fenced")       /* this process must stop writing: schema newer than the binary, or an I/O error seen */ \
	X(STORE_CORRUPT,  "corrupt")      /* checksum or format: stop, repair nothing in silence */
enum store_rc {
#define STORE_RC_NAME(v, s) v,
	STORE_RC(STORE_RC_NAME)
#undef STORE_RC_NAME
};
/* clang-format on */
const char *store_rc_name(enum store_rc rc);

typedef uint8_t store_kind;
struct store_token { uint8_t b[16]; };

struct store_doc {
	store_kind kind;
	struct str id;
	uint64_t ver;                 /* 0: no such document */
	struct store_token token;
	int64_t due, expire;
	struct str idx[STORE_IDX];    /* empty: no key */
	struct str body;
};
/* Answers of readers. Everything they point at lives in .mem, until store_docs_free. Zero it before first use; it may be
 * given again to another call, which empties it first. */
struct store_docs { struct store_doc *v; size_t n; struct str cursor; struct arena mem; };

enum store_op { STORE_PUT, STORE_DELETE, STORE_CHECK };       /* CHECK: a condition without a write */
struct store_write {
	enum store_op op;
	store_kind kind;
	struct str id;
	uint64_t expect;              /* exact version, STORE_ABSENT or STORE_ANY */
	int64_t due, expire;
	struct str idx[STORE_IDX];
	struct str body;
};
struct store_txn { struct store_token token; const struct store_write *w; size_t n; };
struct store_result { enum store_rc rc; size_t bad_write; uint64_t cur_ver; int64_t at; };   /* at: store time of the commit */

enum store_durability { STORE_D_NONE, STORE_D_PROCESS, STORE_D_POWER, STORE_D_ZONE };
struct store_info {
	enum store_durability durability;
	unsigned shards, list_stale_ms;
	bool many_writers;            /* other processes may write too */
	bool is_still;                /* every read sees the store as it was when it was opened, whoever writes it meanwhile */
	const char *backend, *version;
	uint64_t history;             /* changes when a server answers that may lack what an earlier one said was done: a standby that was promoted; 0: that is not told */
};
struct store_kind_def { const char *name; bool is_append_only; };     /* the kind is its place in the table */

/* What a backend needs of the world. Clocks in ms: boot never stops nor jumps, wall may do both. */
struct store_clock { void *ctx; int64_t (*boot_ms)(void *ctx); int64_t (*wall_ms)(void *ctx); };
struct store_options {
	struct str path;              /* sqlite: file; json: directory; postgres: what libpq connects to, URI or keywords; else unused */
	struct str password;          /* postgres: goes with path; empty: as libpq finds one */
	struct str table;             /* dynamodb: the table, "incidents" when empty; postgres: the schema, "tocsin" when empty */
	struct str region, endpoint;  /* dynamodb: AWS region, URL of the service; empty: what AWS's variables say, or us-east-1 and that of the region */
	unsigned shards;              /* postgres, dynamodb: of a store that is made now, a power of two; 0: 16 */
	const char *(*env)(void *ctx, const char *name);      /* dynamodb: where credentials are looked for; NULL: no variable is set */
	const struct store_kind_def *kinds;   /* must live as long as the store */
	size_t n_kinds;
	struct store_clock clock;     /* its ctx is env's too */
	int64_t min_free_bytes;       /* below this much free space only writes of kinds already there go through; 0: no gate */
	bool is_reader;               /* sqlite, json: opened beside the process that has it, and only for reading: see store_info.is_still. It
	                                 makes nothing that is not there, and every write is STORE_FENCED. The others are opened as ever */
};

/* A backend or a wrapper. Slots are called through the functions below, which check the arguments first. */
struct store;
struct store_ops {
	void (*close)(struct store *);
	void (*info)(const struct store *, struct store_info *ret);
	enum store_rc (*now)(struct store *, int64_t *ret_ms, int64_t *ret_err_ms);
	enum store_rc (*get)(struct store *, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out);
	void (*commit)(struct store *, const struct store_txn *txns, struct store_result *results, size_t n);
	enum store_rc (*due)(struct store *, store_kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le, size_t limit,
	    struct store_docs *out);
	enum store_rc (*list)(struct store *, store_kind, int idx, struct str lo, struct str hi, bool is_descending, size_t limit,
	    struct store_docs *out);
	enum store_rc (*scan)(struct store *, store_kind, unsigned shard, struct str cursor, size_t limit, struct store_docs *out);
	enum store_rc (*purge)(struct store *, store_kind, int64_t expired_before, size_t limit, size_t *ret_done);
	enum store_rc (*probe)(struct store *, int64_t *ret_commit_us);
	enum store_rc (*import)(struct store *, const struct store_doc *docs, size_t n);
};
/* First member of every backend's own struct. append_only: one bit per kind. */
struct store { const struct store_ops *ops; unsigned n_kinds; uint32_t append_only; };

/* Opens a backend by name (list.h). Makes a store that is not there; moves an older schema up to this program's; takes the lock of a
 * store for one process; runs recovery. Refuses (STORE_CORRUPT) rather than dropping anything but a torn tail; STORE_FENCED: its schema
 * asks for a newer program; STORE_BUSY: another process has it; STORE_DOWN: it cannot be reached. `why` gets the sentence for people, with the path and the cure. */
enum store_rc store_open(struct str driver, const struct store_options *o, struct store **ret, struct buf *why);
void store_close(struct store *s);                            /* NULL is allowed */
void store_info(const struct store *s, struct store_info *ret);

/* Store time and its uncertainty; never goes backwards in one process. A timer may fire when now - err >= due: never early. */
enum store_rc store_now(struct store *s, int64_t *ret_ms, int64_t *ret_err_ms) MUST_USE;

/* The documents, in the order asked, absent ones with ver 0. n <= STORE_GET_MAX. */
enum store_rc store_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out) MUST_USE;

/* Group commit: each transaction atomic by itself, applied in the order given, one flush for all; n <= STORE_GROUP_MAX. results[i]
 * is the truth about txns[i]; a conflict in one does not touch the others (but a later one that names the version the failed
 * one would have made fails too, which is what makes chains safe). Idempotent by token: when the first written document
 * already carries the token the answer is STORE_OK; the token is compared before STORE_CONFLICT is said. */
void store_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n);

/* Which of a store's shards a document is in. */
unsigned store_shard(struct str id, unsigned shards);

/* Documents with due <= due_le and shard_lo <= shard < shard_hi, lowest due first, always from the beginning: no cursor, on purpose. */
enum store_rc store_due(struct store *s, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le, size_t limit,
    struct store_docs *out) MUST_USE;

/* Documents whose key idx (or id, for STORE_BY_ID) k has lo <= k < hi (empty hi: no upper end), in key order. To page on, call again
 * with the last key as the new bound. */
enum { STORE_BY_ID = -1 };
enum store_rc store_list(struct store *s, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending, size_t limit,
    struct store_docs *out) MUST_USE;

/* Every document of a shard, fresh, for audits and exports: begin with an empty cursor, go on with out->cursor until it is empty. */
enum store_rc store_scan(struct store *s, store_kind kind, unsigned shard, struct str cursor, size_t limit,
    struct store_docs *out) MUST_USE;

/* Removes documents with expire < expired_before and no due, lowest expire first, each by version. */
enum store_rc store_purge(struct store *s, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done) MUST_USE;

/* One real durable write and read back: the readiness check. */
enum store_rc store_probe(struct store *s, int64_t *ret_commit_us) MUST_USE;
void store_docs_free(struct store_docs *d);

/* Documents exactly as they are, versions and tokens too, over whatever is there: for copies and restores into a store that nobody else
 * writes. Durable when it returns STORE_OK; anything else: some of them may be there, and the same call again is right.
 * n <= STORE_GROUP_MAX, each within the limits of a write, ver >= 1. */
enum store_rc store_import(struct store *s, const struct store_doc *docs, size_t n) MUST_USE;

/* The schema: how a backend lays documents out. Numbered from 1; a store also knows the oldest program that may still write it, so that old and
 * new replicas work side by side while one is rolled out. */
struct store_schema { int have, least, newest; };    /* have: the store's, 0: there is none yet; least: of a program that may write it; newest: ours */
/* STORE_CORRUPT: the store is not laid out as its number says; `why` names what differs. *ret is written then too. */
enum store_rc store_schema(struct str driver, const struct store_options *o, struct store_schema *ret, struct buf *why) MUST_USE;
/* Moves a store that no other process is changing to schema `to`, up or down, each step whole or not at all. STORE_INVAL: no such schema. */
enum store_rc store_migrate(struct str driver, const struct store_options *o, int to, struct buf *why) MUST_USE;

/* Wrappers own what they wrap. */
typedef void store_trace_f(void *ctx, const char *line);
struct store *store_trace(struct store *inner, store_trace_f *fn, void *ctx);

/* The fault wrapper asks the plan before and after every call; the simulator and the tests write plans. */
enum store_fault { STORE_FAULT_NONE, STORE_FAULT_BUSY, STORE_FAULT_DOWN, STORE_FAULT_FULL, STORE_FAULT_LOST_REPLY, STORE_FAULT_NOT_APPLIED,
	STORE_FAULT_LATE, STORE_FAULT_FENCED };
	                              /* LOST_REPLY: applied, answered UNKNOWN; NOT_APPLIED: not applied, answered UNKNOWN;
	                                 LATE: as NOT_APPLIED, and store_fault_release applies it later */
struct store_fault_plan { void *ctx; enum store_fault (*on_commit)(void *ctx, const struct store_txn *t); enum store_fault (*on_read)(void *ctx); };
struct store *store_fault(struct store *inner, const struct store_fault_plan *plan);
size_t store_fault_release(struct store *faulty);             /* applies what was held as LATE; how many */

/* The redo wrapper keeps the latest transactions, and writes them again when the store goes on with another history and lacks them. */
struct store_redone {
	size_t missing, redone;       /* transactions that the store lacked, and those of them that are in it again */
	int64_t oldest_ms;            /* how long ago the oldest of those was done */
};
struct store_redo_plan {
	void *ctx;
	size_t bytes_max;             /* how much is kept, */
	int64_t keep_ms;              /* and for how long */
	int tend_ms;                  /* how often a thread of its own tends to it; 0: the caller does */
	int64_t (*boot_ms)(void *ctx);
	void (*told)(void *ctx, const struct store_redone *r);       /* once for each change of history, when all that can be done is done */
};
struct store *store_redo(struct store *inner, const struct store_redo_plan *plan);
void store_redo_tend(struct store *redo);      /* one piece of the work, if there is any; by one thread at a time */
#endif
