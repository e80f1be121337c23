/* source.h - one kind of alert sender: foreign bytes in, events out, and what to answer. Pure: no sockets, no clock, no retries.
 *
 * A source is one file and one line in list.h. It declares its door (a path; a segment KEY is the integration's key), how
 * to find the key in a request, how a body becomes events, and the exact answers its senders expect.
 */
#ifndef SOURCES_SOURCE_H
#define SOURCES_SOURCE_H
#include "model/event.h"

/* How one event ended, as the engine saw it; what an answer is made from. */
struct event_result {
	bool is_accepted;                /* durable. false: it was not stored, try again later */
	const char *outcome;             /* "created", "folded", "done", "nothing to do" */
	struct str dedup_key, incident, reason;
	int64_t number;                  /* of the incident; 0: none */
};

/* An answer: status 0 means "this source has no form of its own", and the caller writes problem+json. */
struct source_answer { int status; struct str content_type, body; };

struct source_request {
	struct str path_key;             /* the KEY segment of the path, or empty */
	struct str body;                 /* raw bytes */
	const struct jv *json;           /* the body parsed */
	struct str content_type;
};

enum { SOURCE_ARENA = 4 << 20 };

struct source {
	const char *name;                /* the `type` in the configuration */
	const char *doc;
	const char *door;                /* "POST" path, e.g. "/v2/enqueue", "/in/KEY" */
	const struct entity *settings;   /* the part of the configuration that is its own; struct of that entity */
	const struct entity *body;       /* what a request looks like, for OpenAPI and for the generic fuzzer */
	/* The keys of an integration: fn(ctx, key, service) for each. `service` is empty when the integration's own service counts. */
	void (*keys)(const void *settings, void (*fn)(void *ctx, const struct secret *key, struct str service), void *ctx);
	struct str (*key_of)(const struct source_request *r);           /* the key in the request; empty: none */
	/* Events into out (arena a), or EINVAL with every fault in f. integration and service are the caller's to fill in. A request
	 * without a key is among the faults. Needs at most SOURCE_ARENA of the arena beyond what json_parse took. */
	int (*decode)(struct arena *a, const struct source_request *r, struct event **ret_events, size_t *ret_n, struct faults *f);
	/* All accepted. r is the request that they came in: a batch of one is answered as a batch. */
	void (*answer)(struct arena *a, const struct source_request *r, const struct event_result *results, size_t n,
	    struct source_answer *ret);
	void (*refuse)(struct arena *a, const struct faults *f, bool is_json, struct source_answer *ret);           /* 4xx, faults named; is_json false: not even parsed */
	void (*unknown_key)(struct arena *a, struct source_answer *ret);
};
const struct source *source_find(struct str name);
size_t source_count(void);
const struct source *source_at(size_t i);

#define SOURCE(name) extern const struct source source_##name;
#include "sources/list.h"
#undef SOURCE
#endif
