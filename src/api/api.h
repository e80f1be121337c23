/* api.h - HTTP on one side, commands and views on the other: routes, authentication, the alert senders' doors, REST, OpenAPI.
 *
 * A request that changes something becomes one or more jobs for the engine and waits; reads are answered at once. The API
 * never writes to the store. Threads: api_handle and api_finish run on the loop thread, api_replied on the engine's.
 */
#ifndef API_API_H
#define API_API_H
#include "engine/engine.h"
#include "io/http_server.h"
#include "sources/source.h"

/* One integration key, ready to be found: sha is the SHA-256 of the key. Sorted by (source, sha). */
struct door_key { const struct source *source; uint8_t sha[32]; struct str integration, service; };

/* The configuration as the API needs it; immutable, swapped whole by api_configure on the loop thread. */
struct api_setup {
	const struct world *world;
	const struct door_key *keys;
	size_t n_keys;
	struct str public_url;
	bool auth_required;              /* false: requests from loopback need no token */
	const char *version;             /* of the program */
};

/* What a standby's thread tells the API and is told by it; any thread may call. NULL in api_env: this deployment stands by for nobody. */
enum standby_order { ORDER_LEAD, ORDER_YIELD };
struct api_standby {
	void *ctx;
	const char *(*refuses)(void *ctx);                       /* why no alert and no action is taken now; NULL: they are */
	struct str (*part)(void *ctx);                           /* standby, leading, yielding */
	void (*show)(void *ctx, struct buf *b);                  /* an object for people and programs */
	bool (*order)(void *ctx, enum standby_order order, struct str actor, struct buf *why);   /* false: it makes no sense now, and why */
};

struct exchange;                         /* a request under way */
struct api_env {
	void *ctx;
	struct store *store;             /* for reading */
	int64_t (*wall_ms)(void *ctx);
	int64_t (*mono_ms)(void *ctx);
	void (*random)(void *ctx, void *out, size_t n);
	bool (*post)(void *ctx, struct job *j);                  /* to the engine; false: the queue is full, answer 503 */
	void (*extra_metrics)(void *ctx, struct buf *b, bool is_openmetrics);
	const struct metrics *(*metrics)(void *ctx);
	enum store_rc (*health)(void *ctx, const char **ret_why);/* readiness: STORE_OK, or what is wrong */
	void (*log)(void *ctx, enum log_level level, const char *text);
	void (*replica)(void *ctx, struct replica *ret);         /* this process, as of now */
	const struct api_standby *standby;
};
struct api;
struct api *api_new(const struct api_env *env, const struct api_setup *setup);
void api_free(struct api *api);
void api_configure(struct api *api, const struct api_setup *setup);
void api_handle(struct api *api, struct http_request *r);    /* http_handler.on_request */
void api_refuse(void *ctx, int status, const char *what, struct buf *ret_body, const char **ret_content_type);

/* An answer of the engine to a job that env.post took: keeps what it needs. Returns the exchange when it was its last open job: the caller hands
 * it to the loop thread, which calls api_finish. */
struct exchange *api_replied(struct job *j, const struct answer *a);
void api_finish(struct exchange *x);
#endif
