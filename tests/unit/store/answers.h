/* answers.h - an HTTP server on a thread of its own that answers by rules: the first whose text is in the request and that is not used up. It
 * keeps what it heard. One request a connection, one connection at a time.
 */
#ifndef TESTS_STORE_ANSWERS_H
#define TESTS_STORE_ANSWERS_H
#include "base/base.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

enum { HANGS_UP = 0, SAYS_NOTHING = -1 };      /* in place of a status */
struct rule { const char *has; int status; const char *body; int times; };      /* times 0: always */
struct answers { pthread_t thread; int listener, stop, port; struct rule rules[16]; struct buf heard; };

static inline bool answers_wait(struct answers *a, int fd)
{
	struct pollfd f[2] = { { .fd = a->stop, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
	return poll(f, 2, -1) > 0 && f[0].revents == 0;
}

static inline size_t answers_length(const char *head)
{
	const char *at = strcasestr(head, "content-length:");
	return at ? (size_t)strtoul(at + strlen("content-length:"), NULL, 10) : 0;
}

/* A whole request into b, with a final NUL. */
static inline bool answers_read(struct answers *a, int fd, struct buf *b)
{
	const char *end = NULL;
	while (end == NULL || (size_t)(b->p + b->n - end) < 4 + answers_length(b->p)) {
		char part[4096];
		ssize_t n = answers_wait(a, fd) ? recv(fd, part, sizeof part, 0) : 0;
		if (n <= 0)
			return false;
		buf_add(b, (struct str){ part, (size_t)n });
		end = strstr(b->p, "\r\n\r\n");
	}
	return true;
}

static inline struct rule *answers_rule(struct answers *a, const char *request)
{
	for (size_t i = 0; i < COUNT(a->rules) && a->rules[i].has; i++) {
		struct rule *r = &a->rules[i];
		if (r->times >= 0 && strstr(request, r->has)) {
			if (r->times > 0 && --r->times == 0)
				r->times = -1;
			return r;
		}
	}
	return NULL;
}

static inline void answers_say(struct answers *a, int fd, const struct rule *r)
{
	struct buf b = BUF(1 << 20);
	const char *body = r ? r->body : "nothing was prepared for this";
	buf_fmt(&b, "HTTP/1.1 %d X\r\nDate: Sat, 28 Nov 2026 09:00:00 GMT\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", r ? r->status : 404,
	    strlen(body), body);
	if (r && r->status == SAYS_NOTHING)
		(void)answers_wait(a, a->stop);
	else if (r == NULL || r->status != HANGS_UP)
		(void)!send(fd, b.p, b.n, MSG_NOSIGNAL);           /* a client that is gone heard enough */
	buf_free(&b);
}

static inline void *answers_run(void *arg)
{
	struct answers *a = arg;
	while (answers_wait(a, a->listener)) {
		int fd = accept(a->listener, NULL, NULL);
		struct buf b = BUF(1 << 20);
		if (answers_read(a, fd, &b)) {
			buf_add(&a->heard, buf_str(&b));
			answers_say(a, fd, answers_rule(a, b.p));
		}
		buf_free(&b);
		close(fd);
	}
	return NULL;
}

static inline void answers_start(struct answers *a, const struct rule *rules, size_t n)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	*a = (struct answers){ .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .stop = eventfd(0, EFD_CLOEXEC), .heard = BUF(1 << 20) };
	assert_true(n < COUNT(a->rules));
	memcpy(a->rules, rules, n * sizeof *rules);
	assert_int_equal(bind(a->listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(a->listener, 64), 0);
	assert_int_equal(getsockname(a->listener, (struct sockaddr *)&at, &size), 0);
	a->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&a->thread, NULL, answers_run, a), 0);
}

/* No more connections. What was heard stays until answers_done. */
static inline void answers_stop(struct answers *a)
{
	uint64_t one = 1;
	assert_int_equal(write(a->stop, &one, sizeof one), sizeof one);
	pthread_join(a->thread, NULL);
	close(a->listener);
	close(a->stop);
}

static inline void answers_done(struct answers *a)
{
	buf_free(&a->heard);
}
#endif
