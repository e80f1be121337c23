/* http_inside.h - the parts of the HTTP server as they see each other. Nobody outside src/io/http_*.c includes this.
 *
 *	http_server.c    the library's beginning and end, connections, the loop
 *	http_request.c   the life of a request, from its target to its answer, and refusals
 *	http_deadline.c  phases of a connection and what happens when one lasts too long
 *
 * One object per connection (struct peer), one per request on it (struct exchange); a connection has at most one request at a time.
 */
#ifndef IO_HTTP_INSIDE_H
#define IO_HTTP_INSIDE_H
#include "io/http_guard.h"
#include "io/http_linger.h"
#include "io/http_server.h"
#include <microhttpd.h>
#include <netinet/in.h>

/* IDLE: between requests. HEAD: from accept, or from a later request's first byte, to the end of the head. BUSY: the handler has
 * it. ANSWER: until the peer has taken the answer. GONE: shut down, the library will find out. */
enum phase { PHASE_IDLE, PHASE_HEAD, PHASE_BODY, PHASE_BUSY, PHASE_ANSWER, PHASE_GONE, PHASES };
enum stage { STAGE_NEW, STAGE_READING, STAGE_CALLING, STAGE_WAITING, STAGE_ANSWERED };

struct peer {
	struct http_server *server;
	struct peer *prev, *next;        /* in the list of its phase */
	enum phase phase;
	int fd;
	bool is_refused, is_loopback;
	int64_t since_ms;                /* when the phase began */
	struct exchange *exchange;       /* the request under way, or NULL */
	size_t n_address;
	char address[INET6_ADDRSTRLEN];
};

struct exchange {
	struct http_request request;
	struct peer *peer;
	struct MHD_Connection *library;
	struct exchange *next;           /* in the pool */
	enum stage stage;
	bool is_chunked;
	struct str target;               /* as sent */
	struct buf body;                 /* used when the body is too long or of unknown length; else it is in the arena */
	char *at_once;
	size_t n_at_once, at_once_max;
};

struct peer_list { struct peer *head, *tail; };
struct http_server {
	struct http_server_options options;
	struct http_handler handler;
	struct MHD_Daemon *library;
	int epoll_fd, wake_fd, port;
	int64_t now_ms;
	int64_t limit_ms[PHASES];
	struct peer_list phases[PHASES];
	int64_t glance_at_ms;            /* when idle connections are looked at next for a head that has begun */
	struct http_lingers lingers;
	struct exchange *pool;
	size_t n_pool, n_in_flight;
	bool is_draining, has_resumed;
	bool is_exact;                   /* see start_library */
};

/* http_deadline.c */
void http_phase_begin(struct peer *p);                       /* a new connection is in PHASE_HEAD */
void http_phase_enter(struct peer *p, enum phase phase);
void http_phase_end(struct peer *p);
void http_deadlines_keep(struct http_server *s);
int64_t http_deadlines_next(const struct http_server *s);    /* when there is something to keep; INT64_MAX: never */

/* http_request.c: what the library calls, and two for the others. */
void *http_on_target(void *ctx, const char *target, struct MHD_Connection *library);
size_t http_on_unescape(void *ctx, struct MHD_Connection *library, char *text);
enum MHD_Result http_on_access(void *ctx, struct MHD_Connection *library, const char *url, const char *method, const char *version,
    const char *data, size_t *n_data, void **request);
void http_on_completed(void *ctx, struct MHD_Connection *library, void **request, enum MHD_RequestTerminationCode how);
void http_refuse(struct peer *p, struct http_refusal why);   /* writes the answer and marks the connection for closing */
void http_exchange_free(struct exchange *x);
void http_pool_free(struct http_server *s);
#endif
