/* postgres_rig.h - a PostgreSQL server of the test's own, and a proxy that loses what the test wants lost. */
#ifndef TESTS_UNIT_STORE_POSTGRES_RIG_H
#define TESTS_UNIT_STORE_POSTGRES_RIG_H
#include "store/postgres_session.h"
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* tests/servers.py as a child that obeys lines. */
struct server { pid_t pid; FILE *to, *from; char url[128]; };

static inline void server_hear(struct server *s, char *line, int room)
{
	assert_non_null(fgets(line, room, s->from));
	line[strcspn(line, "\n")] = '\0';
}

static inline void server_start(struct server *s, const char *setting)
{
	int to[2], from[2];
	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	s->pid = fork();
	if (s->pid == 0) {
		(void)dup2(to[0], 0);
		(void)dup2(from[1], 1);
		(void)close(to[1]);                                /* it ends when its input does */
		(void)execlp("python3", "python3", "tests/servers.py", "postgres", setting, (char *)NULL);
		_exit(127);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	s->to = fdopen(to[1], "w");
	s->from = fdopen(from[0], "r");
	server_hear(s, s->url, sizeof s->url);
	assert_true(strncmp(s->url, "postgresql://", 13) == 0);
}

static inline void server_do(struct server *s, const char *what)
{
	char line[16];
	(void)fprintf(s->to, "%s\n", what);
	(void)fflush(s->to);
	server_hear(s, line, sizeof line);
	assert_string_equal(line, "done");
}

static inline void server_end(struct server *s)
{
	(void)fclose(s->to);
	(void)waitpid(s->pid, NULL, 0);
	(void)fclose(s->from);
}

/* What the proxy does. CUT_REPLY: lets the next COMMIT through and both sides lose each other before its answer; CUT_COMMIT: the COMMIT itself is lost;
 * SILENT: nothing goes through any more, in either direction, on old connections and new. */
enum proxy_mode { THROUGH, CUT_REPLY, CUT_COMMIT, SILENT };
struct proxy { int fd, port, server_port; _Atomic(enum proxy_mode) mode; atomic_bool is_ending; atomic_int live; pthread_t thread; };
struct joint { struct proxy *p; int client, server; };

static inline int loopback(int port, bool is_listening)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = is_listening ? bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 64) : connect(fd, (struct sockaddr *)&at, sizeof at);
	if (rc == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* A Bind message names the statement between two NULs. */
static inline bool has_commit(const char *p, size_t n)
{
	char name[16];
	int length = snprintf(name, sizeof name, "%cq%d", '\0', PG_COMMIT);
	return memmem(p, n, name, (size_t)length + 1) != NULL;
}

static inline bool pass_on(int to, const char *p, size_t n)
{
	for (ssize_t done; n > 0; p += done, n -= (size_t)done)
		if ((done = send(to, p, n, MSG_NOSIGNAL)) <= 0)
			return false;
	return true;
}

/* One direction, as much as there is now. False: the joint comes apart. */
static inline bool carry(struct joint *j, bool is_from_client, bool *is_cutting)
{
	static _Thread_local char bytes[1 << 16];
	ssize_t n = recv(is_from_client ? j->client : j->server, bytes, sizeof bytes, 0);
	if (n <= 0)
		return false;
	enum proxy_mode mode = j->p->mode;
	bool is_commit = is_from_client && (mode == CUT_REPLY || mode == CUT_COMMIT) && has_commit(bytes, (size_t)n);
	if (is_commit)
		j->p->mode = THROUGH;                              /* once */
	if ((is_commit && mode == CUT_COMMIT) || (!is_from_client && *is_cutting))
		return false;
	*is_cutting |= is_commit;
	return pass_on(is_from_client ? j->server : j->client, bytes, (size_t)n);
}

static inline void *join_two(void *arg)
{
	struct joint *j = arg;
	bool is_cutting = false;
	j->server = loopback(j->p->server_port, false);
	while (j->server >= 0 && !j->p->is_ending) {
		struct pollfd fd[] = { { .fd = j->client, .events = POLLIN }, { .fd = j->server, .events = POLLIN } };
		(void)poll(fd, j->p->mode == SILENT ? 0 : 2, 20);
		if (j->p->mode != SILENT &&
		    ((fd[0].revents && !carry(j, true, &is_cutting)) || (fd[1].revents && !carry(j, false, &is_cutting))))
			break;
	}
	(void)close(j->client);
	(void)close(j->server);
	j->p->live--;
	free(j);
	return NULL;
}

static inline void *proxy_accept(void *arg)
{
	struct proxy *p = arg;
	while (!p->is_ending) {
		struct pollfd fd = { .fd = p->fd, .events = POLLIN };
		int client = poll(&fd, 1, 20) > 0 ? accept(p->fd, NULL, NULL) : -1;
		pthread_t thread;
		if (client < 0)
			continue;
		struct joint *j = malloc(sizeof *j);
		*j = (struct joint){ p, client, -1 };
		p->live++;
		pthread_create(&thread, NULL, join_two, j);
		pthread_detach(thread);
	}
	return NULL;
}

static inline void proxy_start(struct proxy *p, const char *url)
{
	struct sockaddr_in at;
	socklen_t n = sizeof at;
	p->server_port = (int)strtol(strrchr(url, ':') + 1, NULL, 10);
	p->fd = loopback(0, true);
	assert_true(p->fd >= 0);
	assert_int_equal(getsockname(p->fd, (struct sockaddr *)&at, &n), 0);
	p->port = ntohs(at.sin_port);
	p->mode = THROUGH;
	p->is_ending = false;
	assert_int_equal(pthread_create(&p->thread, NULL, proxy_accept, p), 0);
}

static inline void proxy_end(struct proxy *p)
{
	p->is_ending = true;
	pthread_join(p->thread, NULL);
	while (p->live > 0)
		(void)poll(NULL, 0, 5);
	(void)close(p->fd);
}
#endif
