/* journal.h - the text of the json backend's files: writing it (journal_write.c), and reading it back without believing it (journal.c). */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H
#include "store/ram.h"

/* 1: the first. 2: lines that import; so a file of schema 1 has none, and a program of schema 1 does not touch a file that may have some. */
enum { JOURNAL_SCHEMA = 2, JOURNAL_IMPORTS = 2 };

/* The first line of a file. */
struct journal_head { bool is_snapshot; int64_t schema, gen, group, at; };
void journal_write_head(struct buf *b, const struct journal_head *h);
/* The head of a file, or of its first bytes. False: it has none. Of a newer schema's only .schema is known. */
bool journal_read_head(struct str bytes, struct journal_head *ret);
/* One transaction, with the versions it makes: call before it is applied. */
void journal_write_txn(struct buf *b, const struct store_kind_def *kinds, const struct ram *r, int64_t group, int64_t at,
    const struct store_txn *t);
/* One document as it is: a transaction that only puts it. For snapshots. */
void journal_write_doc(struct buf *b, const struct store_kind_def *kinds, const struct store_doc *d);
/* One document that takes the place of whatever is there, at any version. */
void journal_write_import(struct buf *b, const struct store_kind_def *kinds, int64_t group, int64_t at, const struct store_doc *d);
/* The last line of a snapshot: how many documents went before. */
void journal_write_end(struct buf *b, int64_t count);

/* Reads a file into r. STORE_CORRUPT: refused, the sentence names file (as given) and byte; STORE_FENCED: written by a newer
 * version. A torn tail is left out: `end` says where the good lines end, is_torn whether something else stood behind. */
struct journal_file {
	struct str name, bytes;
	const struct store_kind_def *kinds;
	size_t n_kinds;
	bool is_snapshot;
};
struct journal_end { size_t end; bool is_torn; int64_t schema, gen, group, at; };
enum store_rc journal_load(const struct journal_file *f, struct ram *r, struct journal_end *ret, struct buf *why) MUST_USE;
#endif
