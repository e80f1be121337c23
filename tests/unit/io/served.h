/* served.h - an HTTP server of ours under test, over real sockets on 127.0.0.1, stepped by the test itself between the client's reads and
 * writes: one thread, no sleeps. The handler holds requests whose path begins with /hold until the test answers them, and echoes all others.
 */
#ifndef TESTS_IO_SERVED_H
#define TESTS_IO_SERVED_H
#include "io/http_server.h"
#include "io/clock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

enum { HELD_MAX = 64, PATIENCE_MS = 10000, ANSWER_MAX = 16 << 20 };

struct fixture {
	struct http_server *server;
	struct http_request *held[HELD_MAX];
	size_t n_held, n_requests;
	int last_refusal;
	struct buf body, headers;        /* of the request that came last */
};

static inline void echo(struct http_request *r)
{
	struct str x = S("-");
	(void)http_query(r, "x", &x);
	struct str text = arena_fmt(&r->mem, "%.*s %.*s x=%.*s agent=%.*s peer=%.*s%s body=%zu\n", STR_ARG(r->method), STR_ARG(r->path), STR_ARG(x),
	    STR_ARG(http_header(r, "user-agent")), STR_ARG(r->peer), r->is_loopback ? " here" : "", r->body.n);
	const struct http_field fields[] = { { "Content-Type", S("text/plain") }, { "X-Odd", S("a\r\nX-Smuggled: b") }, { "X-Empty", S("") } };
	http_answer(r, &(struct http_response){ 200, fields, COUNT(fields), text });
}

static inline void keep(struct fixture *f, const struct http_request *r)
{
	static const char *const names[] = { "content-type", "webhook-id", "accept-encoding", "expect" };
	buf_clear(&f->body);
	buf_add(&f->body, r->body);
	buf_clear(&f->headers);
	for (size_t i = 0; i < COUNT(names); i++)
		buf_fmt(&f->headers, "%s=%.*s ", names[i], STR_ARG(http_header(r, names[i])));
}

/* /status/NNN: with headers that mean something to a client. */
static inline void answer_status(struct http_request *r)
{
	int64_t status = 0;
	const struct http_field fields[] = { { "Location", S("/elsewhere") }, { "Retry-After", S("17") } };
	assert_true(str_int(str_skip(r->path, S("/status/").n), &status));
	http_answer(r, &(struct http_response){ (int)status, fields, COUNT(fields), S("{}") });
}

static inline void on_request(void *ctx, struct http_request *r)
{
	struct fixture *f = ctx;
	f->n_requests++;
	keep(f, r);
	if (str_starts(r->path, S("/hold")))
		f->held[f->n_held++] = r;
	else if (str_starts(r->path, S("/status/")))
		answer_status(r);
	else if (str_eq(r->path, S("/nothing")))
		http_answer(r, &(struct http_response){ .status = 204 });
	else if (str_eq(r->path, S("/large")))
		http_answer(r, &(struct http_response){ .status = 200, .body = { NEWN(&r->mem, char, 3 << 20), 3 << 20 } });
	else
		echo(r);
}

static inline void on_refuse(void *ctx, int status, const char *what, struct buf *ret_body, const char **ret_content_type)
{
	struct fixture *f = ctx;
	f->last_refusal = status;
	buf_fmt(ret_body, "{\"why\":\"%s\"}", what);
	*ret_content_type = "application/problem+json";
}

static inline struct http_server_options small(void)
{
	struct http_server_options o = http_server_defaults();
	o.port = 0;
	o.body_max = 20000;
	return o;
}

static inline void start(struct fixture *f, struct http_server_options o)
{
	struct buf why = BUF(1024);
	*f = (struct fixture){ .body = BUF(1 << 20), .headers = BUF(1 << 16) };
	struct http_handler h = { f, on_request, on_refuse };
	if (http_server_new(&o, &h, &f->server, &why) != 0)
		fail_msg("%s", why.p);
	buf_free(&why);
}

static inline void stop(struct fixture *f)
{
	http_server_free(f->server);
	buf_free(&f->body);
	buf_free(&f->headers);
}

static inline void answer_held(struct fixture *f, size_t i, const char *text)
{
	http_answer(f->held[i], &(struct http_response){ .status = 202, .body = str_c(text) });
}

/* The client's side. */

static inline int dial(const struct fixture *f)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(f->server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const void *)&to, sizeof to), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static inline void step(struct fixture *f)
{
	http_server_step(f->server, 1);
}

/* Sends it all, letting the server work. false: the server closed before it was all out. */
static inline bool send_all(struct fixture *f, int fd, const char *p, size_t n)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	while (n > 0 && clock_mono_ms() < until) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
		} else {
			step(f);
		}
	}
	assert_true(n == 0);
	return true;
}

static inline void say(struct fixture *f, int fd, const char *text)
{
	(void)send_all(f, fd, text, strlen(text));
}

static inline size_t count(const struct buf *b, const char *what)
{
	size_t n = 0;
	for (const char *p = b->p; p && (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

/* Reads until `want` stands in what came so often, or until the end (want NULL). Returns whether the connection ended. */
static inline bool hear(struct fixture *f, int fd, struct buf *into, const char *want, size_t often)
{
	static char part[64 << 10];
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	while (want == NULL || count(into, want) < often) {
		ssize_t n = recv(fd, part, sizeof part, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
		if (n > 0)
			buf_add(into, (struct str){ part, (size_t)n });
		else
			step(f);
		if (clock_mono_ms() >= until)
			fail_msg("waited in vain for %s; came: %s", want ? want : "the end", into->p ? into->p : "nothing");
	}
	return false;
}

/* One exchange on a connection of its own; the status that came, 0 when the connection was closed without one. */
static inline int ask(struct fixture *f, const char *head, const char *body, size_t n_body, struct buf *ret)
{
	int fd = dial(f);
	buf_clear(ret);
	bool is_out = send_all(f, fd, head, strlen(head)) && send_all(f, fd, body, n_body);
	hear(f, fd, ret, is_out ? "\r\n\r\n" : NULL, 1);
	close(fd);
	return ret->n > 12 ? (int)strtol(ret->p + 9, NULL, 10) : 0;
}

static inline int ask_plain(struct fixture *f, const char *request)
{
	struct buf answer = BUF(ANSWER_MAX);
	int status = ask(f, request, "", 0, &answer);
	buf_free(&answer);
	return status;
}

static inline void wait_until_held(struct fixture *f, size_t n)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	while (f->n_held < n && clock_mono_ms() < until)
		step(f);
	assert_int_equal(f->n_held, n);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(path, body, n) "POST " path " HTTP/1.1\r\nHost: x\r\nContent-Length: " n "\r\n\r\n" body
#endif
