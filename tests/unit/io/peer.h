/* peer.h - a peer on a thread of its own that does what a script says, on one connection after another: SMTP with a reply per command, or
 * the same raw bytes after each request. It keeps everything it heard.
 */
#ifndef TESTS_IO_PEER_H
#define TESTS_IO_PEER_H
#include "base/base.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define PEER_HANGS_UP ""
#define PEER_CREDENTIALS "AHVzZXIAc2VjcmV0"           /* user and secret, as AUTH PLAIN spells them */

/* NULL: the usual polite reply. */
struct peer_script {
	const char *greeting, *ehlo, *starttls, *auth, *mail, *rcpt, *data, *end;
	const char *raw;                 /* not SMTP: this after each request, */
	int raw_times;                   /* so often on a connection (0: once), */
	int drip_ms;                     /* a byte per so many ms, */
	bool is_endless;                 /* and then zeros without end */
};

struct peer_thread {
	struct peer_script script;
	pthread_t thread;
	int listener, stop_fd, port;
	int n_connections;
	struct buf heard;
};

/* Until there is something to read (or to write, with POLLOUT). false: the test is over. */
static inline bool peer_wait(struct peer_thread *p, int fd, short events)
{
	struct pollfd f[2] = { { .fd = p->stop_fd, .events = POLLIN }, { .fd = fd, .events = events } };
	while (poll(f, 2, -1) < 0 && errno == EINTR)
		continue;
	return f[0].revents == 0;
}

static inline bool peer_send(struct peer_thread *p, int fd, const char *text, const char *polite)
{
	const char *say = text ? text : polite;
	size_t n = strlen(say);
	struct pollfd stop = { .fd = p->stop_fd, .events = POLLIN };
	for (size_t at = 0; p->script.drip_ms && at < n; at++)
		if (send(fd, say + at, 1, MSG_NOSIGNAL) != 1 || poll(&stop, 1, p->script.drip_ms) != 0)
			return false;
	return n > 0 && (p->script.drip_ms || send(fd, say, n, MSG_NOSIGNAL) == (ssize_t)n);
}

/* Reads until what came since `from` ends in `end`. */
static inline bool peer_hear(struct peer_thread *p, int fd, const char *end)
{
	size_t from = p->heard.n, n_end = strlen(end);
	char c;
	while (p->heard.n - from < n_end || memcmp(p->heard.p + p->heard.n - n_end, end, n_end) != 0) {
		if (!peer_wait(p, fd, POLLIN) || recv(fd, &c, 1, 0) != 1)
			return false;
		buf_char(&p->heard, c);
	}
	return true;
}

static inline void peer_smtp(struct peer_thread *p, int fd)
{
	const struct peer_script *s = &p->script;
	const struct { const char *verb, *reply, *polite; } table[] = {
		{ "EHLO", s->ehlo, "250 peer\r\n" }, { "STARTTLS", s->starttls, "502 no\r\n" }, { "AUTH", NULL, "334 \r\n" },
		{ PEER_CREDENTIALS, s->auth, "235 welcome\r\n" },
		{ "MAIL", s->mail, "250 ok\r\n" }, { "RCPT", s->rcpt, "250 ok\r\n" }, { "DATA", s->data, "354 go on\r\n" },
		{ "QUIT", NULL, "221 bye\r\n" }, { "", NULL, "500 what\r\n" },
	};
	if (!peer_send(p, fd, s->greeting, "220 peer ESMTP\r\n"))
		return;
	for (size_t from = p->heard.n, i; peer_hear(p, fd, "\r\n"); from = p->heard.n) {
		for (i = 0; strncmp(p->heard.p + from, table[i].verb, strlen(table[i].verb)) != 0; i++)
			continue;
		if (!peer_send(p, fd, table[i].reply, table[i].polite))
			return;
		bool is_data = strcmp(table[i].verb, "DATA") == 0 && s->data == NULL;
		if (is_data && (!peer_hear(p, fd, "\r\n.\r\n") || !peer_send(p, fd, s->end, "250 taken\r\n")))
			return;
	}
}

static inline void peer_raw(struct peer_thread *p, int fd)
{
	static const char zeros[4096];
	int times = p->script.raw_times ? p->script.raw_times : 1;
	for (int i = 0; i < times; i++)
		if (!peer_hear(p, fd, "\r\n\r\n") || !peer_send(p, fd, p->script.raw, ""))
			return;
	while (p->script.is_endless && peer_wait(p, fd, POLLOUT) && send(fd, zeros, sizeof zeros, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		continue;
}

static inline void *peer_run(void *ctx)
{
	struct peer_thread *p = ctx;
	while (peer_wait(p, p->listener, POLLIN)) {
		int fd = accept(p->listener, NULL, NULL);
		p->n_connections++;
		(p->script.raw ? peer_raw : peer_smtp)(p, fd);
		close(fd);
	}
	return NULL;
}

static inline void peer_start(struct peer_thread *p, const struct peer_script *script)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;
	*p = (struct peer_thread){ .script = *script, .heard = BUF(1 << 20), .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.stop_fd = eventfd(0, EFD_CLOEXEC) };
	assert_int_equal(bind(p->listener, (const void *)&at, sizeof at), 0);
	assert_int_equal(listen(p->listener, 16), 0);
	assert_int_equal(getsockname(p->listener, (void *)&at, &n), 0);
	p->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&p->thread, NULL, peer_run, p), 0);
}

/* Ends the thread; what it heard can then be looked at until peer_done. */
static inline void peer_stop(struct peer_thread *p)
{
	uint64_t one = 1;
	assert_int_equal(write(p->stop_fd, &one, sizeof one), sizeof one);
	assert_int_equal(pthread_join(p->thread, NULL), 0);
	close(p->listener);
	close(p->stop_fd);
}

static inline bool peer_heard(const struct peer_thread *p, const char *what)
{
	return p->heard.p != NULL && strstr(p->heard.p, what) != NULL;
}

static inline void peer_done(struct peer_thread *p)
{
	buf_free(&p->heard);
}
#endif
