/* history.h - everything that happens in a run, as one stream. The checkers read nothing else (and, at the end, the store). */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H
#include "tests/sim/facts.h"
#include "tests/sim/sim.h"

/* clang-format off */
#define HAPPENINGS(X) \
	X(ON_START, "START") X(ON_CRASH, "CRASH") X(ON_DRAIN, "DRAIN") X(ON_PAUSE, "PAUSE") X(ON_CONFIG, "CONFIG") X(ON_CLOCK, "CLOCK") \
	X(ON_CUT, "CUT") X(ON_OUTAGE, "OUTAGE") X(ON_FAULT, "FAULT") X(ON_REQUEST, "REQ") X(ON_REPLY, "REPLY") X(ON_COMMIT, "COMMIT") \
	X(ON_CONFLICT, "CONFLICT") X(ON_PURGE, "PURGE") X(ON_SEND, "SEND") X(ON_BEGIN, "BEGIN") X(ON_SINK, "SINK") \
	X(ON_RESULT, "RESULT") X(ON_SEEN, "SEEN") X(ON_HEAL, "HEAL") X(ON_LOG, "LOG")
/* clang-format on */
enum on { HAPPENINGS(FIRST_OF) ON_COUNT };

/* One document in a commit: as it was and as it is. note belongs to the checkers and stays with the document. */
struct change {
	store_kind kind;
	struct str id;
	uint64_t old_ver, ver;
	int64_t old_due, due, expire;
	const struct facts *was, *is;            /* was: NULL when created; is: NULL when removed */
	struct str body;
	void **note;
	const int64_t *read_at;                  /* by each replica, the latest read of it */
};

/* One attempt as the way out sees it. */
struct sent { struct str page; int64_t attempt; int status; const char *what; };

struct happening {
	enum on what;
	int64_t at;
	int replica;                             /* -1: none */
	unsigned life;
	const char *text;
	int64_t n;
	const struct request *request;           /* REQ, REPLY */
	struct sent sent;                        /* SEND the engine gives it out; BEGIN the provider is asked; SINK delivered; RESULT given back */
	const struct change *v;                  /* COMMIT, CONFLICT, PURGE */
	size_t n_v;
	struct store_token token;
	int64_t decided_from, decided_to;        /* COMMIT: the decision was made between these */
	const struct config *config;             /* COMMIT: that decision rested on */
	struct str incident, address;            /* SEEN */
};
void happened(struct sim *s, const struct happening *h);
/* The short ones. */
void happened_to(struct sim *s, enum on what, int replica, int64_t n, const char *text);

/* What the checkers ask of the store besides, at the end. */
typedef void each_document_f(void *ctx, const struct change *c);
void memory_each(struct memory *m, each_document_f *fn, void *ctx);
/* A document now; false: not there. */
bool memory_peek(struct memory *m, store_kind kind, struct str id, struct change *ret);
#endif
