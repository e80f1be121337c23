/* copy.h - the documents of one store into another, whatever the two are made of, exactly as they are.
 *
 * What it promises: nothing in the target is lost by mistake (a document that the source does not have, or has in an older version, is a
 * refusal unless `overwrites`); afterwards both sides are read afresh and compared; and a copy that was interrupted goes on by being run again.
 * It needs no notes of its own for that: each page of the source is looked up in the target, and only what is missing or different is written.
 */
#ifndef STORE_COPY_H
#define STORE_COPY_H
#include "store/census.h"

enum copy_phase { COPY_CHECKING, COPY_COUNTING, COPY_COPYING, COPY_VERIFYING };
struct copy {
	struct store *from, *to;
	const struct store_kind_def *kinds;      /* of both */
	size_t n_kinds;
	const bool *leaves;                      /* of each kind, whether it is neither copied nor compared nor removed; NULL: all are copied */
	bool overwrites;                         /* the target becomes what the source is: newer documents are replaced, others removed */
	struct patience patience;
	void *ctx;
	void (*told)(void *ctx, enum copy_phase phase, uint64_t done, uint64_t total);    /* total 0: not known yet. NULL: nobody listens */
};

/* How it ended. For all but COPY_SAME a sentence for people is in `why`. */
enum copy_end {
	COPY_SAME,                               /* both sides hold the same documents */
	COPY_CHANGED,                            /* the source was written meanwhile: run it again when nobody writes */
	COPY_DIFFERENT,                          /* they do not, and the source was quiet */
	COPY_REFUSED,                            /* the target holds something that would be lost; nothing was written */
	COPY_FAILED,                             /* a store failed */
};
struct copy_result {
	struct census source, target;            /* as read at the end */
	uint64_t written, same, removed;         /* documents */
};
enum copy_end copy_run(const struct copy *c, struct copy_result *ret, struct buf *why);
#endif
