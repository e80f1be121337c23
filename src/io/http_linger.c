/* http_linger.c - see http_linger.h. */
#include "io/http_linger.h"
#include "base/base.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct lingerer { struct lingerer *prev, *next; int fd; size_t left; int64_t until_ms; };

static void drop(struct http_lingers *l, struct lingerer *one)
{
	*(one->prev ? &one->prev->next : &l->head) = one->next;
	*(one->next ? &one->next->prev : &l->tail) = one->prev;
	l->n--;
	close(one->fd);                                            /* leaves the epoll set with it: this was the last descriptor */
	free(one);
}

static void drop_first(struct http_lingers *l)
{
	assert(l->head->prev == NULL);
	drop(l, l->head);
}

void http_linger_add(struct http_lingers *l, int fd, int64_t now_ms)
{
	int copy = l->n < LINGER_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (copy < 0)
		return;                                            /* too many: the caller's close resets the peer */
	struct lingerer *one = xmalloc(sizeof *one);
	*one = (struct lingerer){ .prev = l->tail, .fd = copy, .left = LINGER_BYTES, .until_ms = now_ms + LINGER_MS };
	*(l->tail ? &l->tail->next : &l->head) = one;
	l->tail = one;
	l->n++;
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = one };
	if (shutdown(copy, SHUT_WR) != 0 || epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, copy, &e) != 0)
		drop(l, one);
}

void http_linger_read(struct http_lingers *l, struct lingerer *one)
{
	char scratch[16 << 10];
	for (int turns = 0; turns < 64; turns++) {                 /* then the other connections have their turn */
		ssize_t n = recv(one->fd, scratch, sizeof scratch, MSG_DONTWAIT);
		bool is_over = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || (n > 0 && (size_t)n >= one->left);
		if (is_over)
			drop(l, one);
		if (is_over || n < 0)
			return;
		one->left -= (size_t)n;
	}
}

void http_linger_expire(struct http_lingers *l, int64_t now_ms)
{
	while (l->head && l->head->until_ms <= now_ms)
		drop_first(l);
}

int64_t http_linger_next_ms(const struct http_lingers *l)
{
	return l->head ? l->head->until_ms : INT64_MAX;
}

void http_linger_done(struct http_lingers *l)
{
	while (l->head)
		drop_first(l);
}
