/* exchange.h - a request under way and what every handler of this room works with. Inside the room only.
 *
 * An exchange lives in its request's arena, from api_handle to the one http_answer. A handler either answers at once, or
 * fills in calls, names who makes the answer (.done) and posts them; the answer is made when the last call has ended.
 *
 * Who touches it: the loop thread until exchange_post, the engine's thread from there to the last api_replied, the loop
 * thread again from api_finish. `open` counts the calls that have not ended, plus one that the loop holds while
 * it is still posting: whoever brings it to zero finishes the exchange, and nobody else may look at it then.
 */
#ifndef API_EXCHANGE_H
#define API_EXCHANGE_H
#include "api/api.h"
#include <stdatomic.h>

struct exchange;
struct route;

/* One command of an exchange and how it ended. Texts are in the request's arena. */
struct call {
	struct job job;                  /* .owner is this call */
	struct exchange *x;
	enum store_rc rc;
	enum outcome outcome;
	struct str reason, dedup_key;
	struct str incident;             /* id; empty: none concerned */
	int64_t number, version;
	enum incident_status status;
};

/* Beyond the request itself: the parsed body (some five times its text at worst), what decoding needs, and the commands. */
enum { FIELDS_MAX = 8, BODY_MAX = 32 << 20, EXCHANGE_ARENA = 16 << 20 };

struct exchange {
	struct api *api;
	struct http_request *r;
	const struct route *route;       /* NULL: a door, or nothing we have */
	const struct source *source;     /* whose door it came to, or NULL; the door itself may be replaced meanwhile */
	struct source_request ask;       /* what came to the door */
	struct str arg;                  /* the {segment} of the path, the KEY of a door's */
	struct str actor, via;
	struct str secret;               /* the text of a token just made; in no command and no log */
	struct call *calls;
	size_t n_calls;
	atomic_size_t open;
	void (*done)(struct exchange *x);
	bool shows_incident;             /* the answer is the incident as committed: rendered into .out when it comes */
	struct buf out;                  /* the body being made */
	struct http_field fields[FIELDS_MAX];
	size_t n_fields;
};

/* A door as dispatch needs it: the source, its path up to the key, and the keys that open it. */
struct door_lock { uint8_t sha[32]; struct str actor, service; };    /* actor: "integration:ID" */
enum { ACTOR_PREFIX = sizeof "integration:" - 1 };
struct door {
	const struct source *source;
	struct str path;                 /* the whole path, or what stands before KEY */
	bool takes_key;                  /* the path's last segment is the key */
	struct door_lock *locks;         /* sorted by sha */
	size_t n_locks;
};

struct tally;                            /* answers counted by handler and status, for /metrics */
struct api {
	struct api_env env;
	const struct api_setup *setup;
	struct arena mem;                /* of the doors; emptied by api_configure */
	struct door *doors;
	size_t n_doors;
	struct tally *tally;
};

/* Answers: exactly one of these for each exchange; the exchange is gone after. Fields are added before. */
void answer_field(struct exchange *x, const char *name, struct str value);
void answer_bytes(struct exchange *x, int status, const char *type, struct str body);
void answer_out(struct exchange *x, int status, const char *type);   /* the body made in x->out */
void answer_json(struct exchange *x, int status);                    /* the same, as JSON */
void answer_unchanged(struct exchange *x);                           /* 304 */

/* Problems (RFC 9457). */
struct problem {
	int status;
	struct str detail;               /* this case, for people */
	const struct faults *faults;     /* becomes `errors`; NULL: none */
	const struct call *call;         /* names the incident and its state; NULL: none */
	struct str more;                 /* further members as JSON, without the comma in front: "\"accepted\":[1]" */
};
const char *status_phrase(int status);
void problem_write(struct buf *b, const struct problem *p);
void answer_problem(struct exchange *x, const struct problem *p);
void answer_error(struct exchange *x, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);
void answer_faults(struct exchange *x, int status, const struct faults *f);
void answer_store_error(struct exchange *x, enum store_rc rc);       /* for reads and for commands that are not durable */

/* Calls: made in the arena, filled in by the handler, then posted all at once. */
struct call *exchange_calls(struct exchange *x, size_t n);
void exchange_post(struct exchange *x, void (*done)(struct exchange *x));

/* The body as a JSON object read into obj, which was zeroed before; an empty body is {} where nothing is required. Entity NULL: no
 * member is allowed. False: it was answered. */
bool entity_needs_body(const struct entity *e);       /* has it a required member? NULL: no */
bool exchange_body(struct exchange *x, const struct entity *e, void *obj, struct faults *f);
/* The header Idempotency-Key, without its quotes. False: it cannot be one; answered. Empty: none. */
bool exchange_idempotency(struct exchange *x, struct str *ret_key);
/* Hex SHA-256 of the body, bound to `scope` unless that is empty: the same body elsewhere is another request. */
struct str exchange_fingerprint(struct exchange *x, struct str scope);
/* Does If-None-Match name this ETag? (Weak comparison, RFC 9110.) */
bool etag_is_known(struct exchange *x, struct str etag);
/* If-Match as a version: 0 without one or with "*". False: it can match nothing of ours; answered 412. */
bool exchange_if_match(struct exchange *x, int64_t *ret_version);

/* auth.c. True: .actor is set and may do what the route asks. False: answered. */
bool authenticate(struct exchange *x);

/* doors.c */
void doors_build(struct api *api);
const struct door *door_find(const struct api *api, struct str path, struct str *ret_key);
void door_handle(struct exchange *x, const struct door *d);

/* tally.c */
struct tally *tally_new(void);
void tally_free(struct tally *t);
void tally_count(struct tally *t, const struct exchange *x, int status);
void tally_write(const struct tally *t, struct buf *b, bool is_openmetrics);
#endif
