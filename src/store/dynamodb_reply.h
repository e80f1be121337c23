/* dynamodb_reply.h - what an answer of the service means for the request that it answers. Pure. */
#ifndef STORE_DYNAMODB_REPLY_H
#define STORE_DYNAMODB_REPLY_H
#include "base/json.h"
#include "store/store.h"

enum reply_verdict {
	REPLY_DONE,                      /* it did what was asked */
	REPLY_REFUSED,                   /* it did nothing, and would do nothing again: code says why */
	REPLY_BUSY,                      /* it did nothing: later it may */
	REPLY_LOST,                      /* it may have done it, or may yet */
	REPLY_SIGNED_BADLY,              /* it did nothing: the signature, or the time of it, is not right */
	REPLY_KEYS_EXPIRED               /* it did nothing: other keys are needed */
};
struct reply {
	enum reply_verdict verdict;
	const struct jv *body;           /* NULL: not readable */
	struct str code;                 /* of an error: the name of its type, without the namespace */
	struct str message;
};

/* The answer as read into the arena. An answer that makes no sense is REPLY_LOST: it may come from something in between. */
struct reply reply_read(struct arena *a, int status, struct str text);

/* The first element; NULL: there is none, or this is no array. */
const struct jv *reply_first(const struct jv *array);

/* Of a TransactionCanceledException: the name of the reason why action i failed, "None" or "" when it did not; its item as it was, or NULL. */
struct str reply_reason(const struct reply *r, size_t i, const struct jv **ret_item);

/* What a refusal that is no failed condition means to the caller of the store. */
enum store_rc reply_rc(const struct reply *r);
#endif
