/* batch.h - many commands decided together and committed in one group. Inside engine/ only.
 *
 * A batch reads each document once, decides every command against what it has read and decided so far, and then commits. Commands that
 * touch the same changed document share one transaction and its fate (a unit); others stand alone, so that a conflict
 * costs only those it concerns. Nothing outlives the batch: the next one reads afresh.
 */
#ifndef ENGINE_BATCH_H
#define ENGINE_BATCH_H
#include "base/rng.h"
#include "engine/engine.h"

enum { BATCH_MAX = 512 };

struct member {
	struct command *command;
	void *tag;                       /* the caller's */
	struct ending end;               /* of the decision */
	const struct incident *incident; /* as it will be when the unit is committed; NULL: none */
	int unit;                        /* -1: rests on nothing that this batch changes */
	enum store_rc rc;                /* STORE_OK: the outcome is durable (or changed nothing) */
	bool is_beyond;                  /* it needs a document that only a newer program can read; rc is STORE_BUSY */
};

/* An incident or a page that this batch wrote, due at another time than before or due already. */
struct dated { struct dated *next; enum kind kind; struct str id; const void *obj; int64_t due_ms; };

struct slot;
struct unit;
struct batch {
	struct arena mem;
	struct store *store;
	const struct world *world;
	int64_t now_ms;
	bool has_other_writers;
	struct slot **table;
	size_t table_n;                  /* a power of two, some slots for each command */
	size_t size;                     /* commands it has room for */
	struct slot *wanted;             /* slots whose document has not been read yet */
	struct slot *touched;            /* slots the decision under way has read or written */
	enum store_rc read_rc;
	bool is_beyond;                  /* of the decision under way: see member */
	struct member *members;
	size_t n_members;
	struct unit *units;
	size_t n_units;
	struct dated *dated;             /* of what was committed */
	size_t n_committed;
	struct effects scratch;
};

/* Empties the batch for the next use, with room for n <= BATCH_MAX commands; memory is kept. */
void batch_begin(struct batch *b, struct store *store, const struct world *w, int64_t now_ms, bool has_other_writers, size_t n);
/* Reads what these commands will need, in as few calls as possible. Optional: what was not read is read when it is needed. */
void batch_prefetch(struct batch *b, const struct command *const *commands, size_t n);
/* A document that was read for this batch already. obj must live as long as the batch. */
void batch_know(struct batch *b, const struct store_doc *d, const void *obj);
/* Decides one command and keeps its effects for the commit. The member lives until the next batch_begin. NULL: not decided, because a
 * transaction would become too large or memory runs short; commit, and give it to the next batch. The first one always gets in. */
struct member *batch_add(struct batch *b, struct command *c, void *tag);
/* Commits everything decided. Fills in rc of every member. */
void batch_commit(struct batch *b, struct rng *rng, struct metrics *m);
void batch_free(struct batch *b);

/* A document as it came from the store, decoded; NULL: absent, or *ret_rc says that it cannot be read: STORE_CORRUPT, or STORE_BUSY when it says
 * something that only a newer program knows, as happens while replicas are brought up to a new version. Then this replica leaves it alone. */
const void *batch_decode(struct arena *a, const struct store_doc *d, enum store_rc *ret_rc);
/* One document, read and decoded; NULL: not there, or *ret_rc says why it could not be read. */
const void *batch_read(struct arena *a, struct store *store, enum kind kind, struct str id, enum store_rc *ret_rc);
#endif
