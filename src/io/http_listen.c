/* http_listen.c - see http_listen.h. */
#include "io/http_listen.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

static const char *cure_for(int err)
{
	static const struct { int err; const char *cure; } table[] = {
		{ EINVAL, "the host is an IPv4 or IPv6 address in numbers, or localhost; the port is 0 to 65535" },
		{ EADDRINUSE, "another program has it; stop that one or choose another port" },
		{ EACCES, "ports below 1024 need a privilege; choose a higher one or grant CAP_NET_BIND_SERVICE" },
		{ EADDRNOTAVAIL, "this machine has no such address; use one of its own, 127.0.0.1 or 0.0.0.0" },
		{ EMFILE, "raise the limit of open files (ulimit -n)" },
	};
	for (size_t i = 0; i < COUNT(table); i++)
		if (table[i].err == err)
			return table[i].cure;
	return "try another address or port";
}

int http_listen_failed(struct str host, int port, int err, struct buf *why)
{
	buf_fmt(why, "cannot listen on %.*s port %d: %s; %s", STR_ARG(host), port, strerror(err), cure_for(err));
	return err;
}

static int read_host(struct str name, int port, struct sockaddr_storage *ret, socklen_t *ret_n)
{
	struct sockaddr_in *v4 = (void *)ret;
	struct sockaddr_in6 *v6 = (void *)ret;
	char host[INET6_ADDRSTRLEN] = "";
	*ret = (struct sockaddr_storage){ 0 };
	if (str_eq(name, S("localhost")))
		name = S("127.0.0.1");
	if (port < 0 || port > 65535 || name.n >= sizeof host)
		return EINVAL;
	memcpy(host, name.p, name.n);
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*ret_n = sizeof *v4;
		return 0;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
		return EINVAL;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	*ret_n = sizeof *v6;
	return 0;
}

static int prepare(int fd, const struct sockaddr_storage *at, socklen_t n)
{
	int on = 1, off = 0;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
		return errno;
	if (at->ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0)
		return errno;
	return bind(fd, (const void *)at, n) != 0 || listen(fd, BACKLOG) != 0 ? errno : 0;
}

int http_listen(struct str host, int port, int *ret_fd, struct buf *why)
{
	struct sockaddr_storage at;
	socklen_t n = 0;
	int err = read_host(host, port, &at, &n);
	if (err)
		return http_listen_failed(host, port, err, why);
	int fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return http_listen_failed(host, port, errno, why);
	err = prepare(fd, &at, n);
	if (err) {
		close(fd);
		return http_listen_failed(host, port, err, why);
	}
	*ret_fd = fd;
	return 0;
}

int http_listen_port(int fd)
{
	struct sockaddr_in6 at = { 0 };                            /* the port of both families stands in the same place */
	static_assert(offsetof(struct sockaddr_in6, sin6_port) == offsetof(struct sockaddr_in, sin_port), "sockaddr");
	socklen_t n = sizeof at;
	int failed = getsockname(fd, (void *)&at, &n);
	assert(!failed);
	return ntohs(at.sin6_port);
}
