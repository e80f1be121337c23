/* http_server.c - libmicrohttpd under our loop; http_server.h says what comes out of it.
 *
 * What the library does: accepting, parsing heads and chunks, keep-alive, pipelining, writing answers. What it leaves open - deadlines,
 * framing that two readers could read differently, refusals that say why - is done by the other http_ files; http_inside.h is the map.
 */
#include "io/clock.h"
#include "io/http_inside.h"
#include "io/http_listen.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LIBRARY_MEM = 32 << 10 };         /* per connection, for head, read and write buffer: the most that needs no mmap per connection */

struct http_server_options http_server_defaults(void)
{
	return (struct http_server_options){
		.host = S("127.0.0.1"), .port = 3000, .body_max = 512 << 10, .header_max = 16 << 10, .headers_max = 100,
		.head_deadline_ms = 10000, .body_deadline_ms = 30000, .idle_ms = 60000, .connections_max = 10000,
	};
}

/* Connections. */

static void read_address(struct peer *p, const struct sockaddr *from)
{
	const struct sockaddr_in *v4 = (const void *)from;
	const struct sockaddr_in6 *v6 = (const void *)from;
	struct in_addr inner = { 0 };
	bool is_v4 = from->sa_family == AF_INET, is_mapped = !is_v4 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
	if (is_v4)
		inner = v4->sin_addr;
	if (is_mapped)
		memcpy(&inner, v6->sin6_addr.s6_addr + 12, sizeof inner);
	const void *address = is_v4 || is_mapped ? (const void *)&inner : &v6->sin6_addr;
	const char *text = inet_ntop(is_v4 || is_mapped ? AF_INET : AF_INET6, address, p->address, sizeof p->address);
	assert(text != NULL);
	p->n_address = strlen(p->address);
	p->is_loopback = is_v4 || is_mapped ? ntohl(inner.s_addr) >> 24 == 127 : IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static void peer_open(struct http_server *s, struct MHD_Connection *library, void **socket_context)
{
	struct peer *p = xmalloc(sizeof *p);
	*p = (struct peer){ .server = s, .fd = MHD_get_connection_info(library, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd };
	read_address(p, MHD_get_connection_info(library, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
	http_phase_begin(p);
	*socket_context = p;
}

/* The library closes the socket after this. */
static void peer_close(struct peer *p)
{
	struct http_server *s = p->server;
	int unread = 0;
	if (p->is_refused || (ioctl(p->fd, FIONREAD, &unread) == 0 && unread > 0))
		http_linger_add(&s->lingers, p->fd, s->now_ms);
	if (p->exchange)
		http_exchange_free(p->exchange);
	http_phase_end(p);
	free(p);
}

static void on_connection(void *ctx, struct MHD_Connection *library, void **socket_context, enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		peer_open(ctx, library, socket_context);
	else
		peer_close(*socket_context);
}

/* The loop. */

static int wait_ms(struct http_server *s, int timeout_ms)
{
	MHD_UNSIGNED_LONG_LONG wanted = 0;
	if (s->has_resumed || (MHD_get_timeout(s->library, &wanted) == MHD_YES && wanted == 0))
		return 0;
	int64_t next = http_deadlines_next(s);
	int64_t left = next == INT64_MAX ? next : next - clock_mono_ms();
	if (left < 0)
		return 0;
	return left < timeout_ms || (timeout_ms < 0 && left < INT_MAX) ? (int)left : timeout_ms;
}

static void take_event(struct http_server *s, void *source)
{
	uint64_t count;
	if (source == &s->wake_fd)
		(void)!read(s->wake_fd, &count, sizeof count);     /* resets it; EAGAIN when another wake was read with this one */
	else if (source != s->library)
		http_linger_read(&s->lingers, source);
}

void http_server_step(struct http_server *s, int timeout_ms)
{
	struct epoll_event events[32];
	int n = epoll_wait(s->epoll_fd, events, COUNT(events), wait_ms(s, timeout_ms));
	s->now_ms = clock_mono_ms();
	for (int i = 0; i < n; i++)
		take_event(s, events[i].data.ptr);
	s->has_resumed = false;
	MHD_run(s->library);
	http_deadlines_keep(s);
}

void http_server_wake(struct http_server *s)
{
	uint64_t one = 1;
	(void)!write(s->wake_fd, &one, sizeof one);                /* EAGAIN: so many wakes are waiting that one more says nothing new */
}

size_t http_server_in_flight(const struct http_server *s)
{
	return s->n_in_flight;
}

int http_server_port(const struct http_server *s)
{
	return s->port;
}

void http_server_drain(struct http_server *s)
{
	if (s->is_draining)
		return;
	s->is_draining = true;
	int fd = MHD_quiesce_daemon(s->library);
	if (fd >= 0)
		close(fd);
}

/* Beginning and end. */

/* Version 0.9.75 shows names and values as views of its read buffer, so that http_guard.h can account for every byte of a head; then its
 * own strictness adds nothing, and is left off because its answer to a missing Host comes out with two heads. Another version is not
 * relied upon for that: it has to be strict by itself. */
static struct MHD_Daemon *start_library(struct http_server *s, int listener)
{
	s->is_exact = strcmp(MHD_get_version(), "0.9.75") == 0;
	size_t mem = s->options.header_max * 2 > LIBRARY_MEM ? s->options.header_max * 2 : LIBRARY_MEM;
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, http_on_access, s,
	    MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_STRICT_FOR_CLIENT, s->is_exact ? 0 : 1,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)s->options.connections_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT, mem,
	    MHD_OPTION_URI_LOG_CALLBACK, http_on_target, s, MHD_OPTION_UNESCAPE_CALLBACK, http_on_unescape, NULL,
	    MHD_OPTION_NOTIFY_COMPLETED, http_on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_END);
}

static bool watch(int epoll_fd, int fd, void *source)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = source };
	return fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0;
}

int http_server_new(const struct http_server_options *o, const struct http_handler *h, struct http_server **ret, struct buf *why)
{
	int listener = -1, err = http_listen(o->host, o->port, &listener, why);
	if (err)
		return err;
	struct http_server *s = xmalloc(sizeof *s);
	*s = (struct http_server){ .options = *o, .handler = *h, .port = http_listen_port(listener), .now_ms = clock_mono_ms(),
		.limit_ms = { [PHASE_IDLE] = o->idle_ms, [PHASE_HEAD] = o->head_deadline_ms, [PHASE_BODY] = o->body_deadline_ms,
		    [PHASE_ANSWER] = o->body_deadline_ms },
		.epoll_fd = epoll_create1(EPOLL_CLOEXEC), .wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	s->lingers.epoll_fd = s->epoll_fd;
	s->library = start_library(s, listener);
	if (s->library == NULL)
		close(listener);
	if (s->library == NULL || !watch(s->epoll_fd, s->wake_fd, &s->wake_fd) ||
	    !watch(s->epoll_fd, MHD_get_daemon_info(s->library, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, s->library)) {
		err = http_listen_failed(o->host, o->port, errno ? errno : EMFILE, why);
		http_server_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

static void resume_all(struct http_server *s)
{
	for (struct peer *p = s->phases[PHASE_BUSY].head; p != NULL; p = p->next)
		if (p->exchange->stage == STAGE_WAITING)
			MHD_resume_connection(p->exchange->library);
}

void http_server_free(struct http_server *s)
{
	if (s == NULL)
		return;
	resume_all(s);                                             /* the library must not stop with a suspended connection */
	if (s->library)
		MHD_stop_daemon(s->library);
	http_linger_done(&s->lingers);
	http_pool_free(s);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	free(s);
}
