/* http_server.h - HTTP/1.1 in, over libmicrohttpd, whose epoll descriptor our own loop drives.
 *
 * Promises beyond the library's: requests that two readers could frame differently are refused (Content-Length with Transfer-Encoding,
 * two Content-Lengths, a blank before a colon, ...); a request must be complete within its deadline; headers and bodies
 * are bounded before they are stored; an answer may come later and from the loop thread only. A request with a chunked body is the last on
 * its connection.
 * One thread, the loop's, calls everything here but http_server_wake.
 */
#ifndef IO_HTTP_SERVER_H
#define IO_HTTP_SERVER_H
#include "base/base.h"

struct http_server_options {
	struct str host;                 /* "127.0.0.1", "0.0.0.0", "::1" */
	int port;                        /* 0: any free one, see http_server_port */
	size_t body_max;                 /* 512 KiB; more is 413 as soon as it is announced or seen */
	size_t header_max;               /* 16 KiB; request line and headers */
	size_t headers_max;              /* 100 fields */
	int64_t head_deadline_ms;        /* 10 s from the first byte to the end of the headers */
	int64_t body_deadline_ms;        /* 30 s from there to the end of the body */
	int64_t idle_ms;                 /* 60 s between requests of one connection */
	size_t connections_max;          /* 10,000 */
};
struct http_server_options http_server_defaults(void);

/* A complete request. Lives until http_answer; everything in it lives in .mem, where the handler may make more. */
struct http_request {
	struct arena mem;                /* 4 MiB at most */
	struct str method;               /* upper case as sent */
	struct str path;                 /* percent-decoded, without the query; refused before it gets here when it holds a NUL or is no UTF-8 */
	struct str query;                /* as sent, without '?' */
	struct str body;
	struct str peer;                 /* address as text */
	bool is_loopback;                /* the peer is this machine */
	void *user;                      /* the handler's */
	void *connection;                /* the server's */
};
struct str http_header(const struct http_request *r, const char *name);        /* empty: not sent */
bool http_query(struct http_request *r, const char *name, struct str *ret);    /* decoded, in r->mem; false: not there */

struct http_field { const char *name; struct str value; };
struct http_response { int status; const struct http_field *fields; size_t n_fields; struct str body; };

/* Called once per complete request, on the loop thread. Must lead to exactly one http_answer, at once or later. Requests that the server
 * refuses by itself (framing, size, deadline) never get here; they are answered as on_refuse says: a body for that status. */
struct http_handler {
	void *ctx;
	void (*on_request)(void *ctx, struct http_request *r);
	void (*on_refuse)(void *ctx, int status, const char *what, struct buf *ret_body, const char **ret_content_type);
};

struct http_server;
/* EADDRINUSE, EACCES, EINVAL (host) with a sentence in `why`. */
int http_server_new(const struct http_server_options *o, const struct http_handler *h, struct http_server **ret, struct buf *why) MUST_USE;
void http_server_free(struct http_server *s);                /* closes every connection */
int http_server_port(const struct http_server *s);
void http_server_step(struct http_server *s, int timeout_ms);/* serves what is ready; returns after a wake too */
void http_server_wake(struct http_server *s);                /* any thread, any number of times */
void http_server_drain(struct http_server *s);               /* accepts no more; keep-alive connections close after their answer */
size_t http_server_in_flight(const struct http_server *s);   /* requests handed to the handler and not yet answered */
void http_answer(struct http_request *r, const struct http_response *a);       /* copies what it needs; r is gone after */
#endif
