/* http.c - any bytes on a connection to the HTTP server, cut into segments where the first byte says. What the handler gets must be what a second,
 * strict reader of the same bytes finds: the same methods and bodies in the same order. The server may stop sooner (it has limits and
 * refuses more), never later and never elsewhere. In chunk lines both take a bare LF; nothing may come after a chunked body.
 */
#include "io/http_server.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX = 1000, STEPS_MAX = 200 };
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The second reader. */

struct reader { struct str rest; struct str method; struct buf body; bool is_over; };

static struct str without_empty_lines(struct str s)
{
	while (s.n > 0 && (s.p[0] == '\r' || s.p[0] == '\n'))
		s = str_skip(s, 1);
	return s;
}

/* Line ends in which the library's parser leaves no trace of what was wrong: with a NUL in them, and a line that begins with a colon as the empty line.
 * From there on the two cannot be compared; no proxy lets either through. */
static bool is_disguised(struct str rest)
{
	rest = without_empty_lines(rest);
	const char *end = memmem(rest.p, rest.n, "\n\r\n", 3), *odd = memmem(rest.p, rest.n, "\n:", 2);
	size_t head = end ? (size_t)(end - rest.p) + 3 : rest.n;
	return odd != NULL || memchr(rest.p, '\0', head) != NULL;
}

static bool cut_line(struct str *rest, struct str *ret)
{
	struct str line;
	if (!str_cut(*rest, '\n', &line, rest) || line.n == 0 || line.p[line.n - 1] != '\r')
		return false;
	*ret = (struct str){ line.p, line.n - 1 };
	return true;
}

static bool cut_loose_line(struct str *rest, struct str *ret)
{
	if (!str_cut(*rest, '\n', ret, rest))
		return false;
	if (ret->n > 0 && ret->p[ret->n - 1] == '\r')
		ret->n--;
	return true;
}

static bool is_named(struct str s, const char *name)
{
	return s.n == strlen(name) && strncasecmp(s.p, name, s.n) == 0;
}

static bool take(struct reader *r, size_t n)
{
	if (n > r->rest.n)
		return false;
	buf_add(&r->body, (struct str){ r->rest.p, n });
	r->rest = str_skip(r->rest, n);
	return r->body.err == 0;
}

static bool read_chunks(struct reader *r)
{
	for (struct str line;;) {
		size_t size = 0, digits = 0;
		if (!cut_loose_line(&r->rest, &line))
			return false;
		for (; digits < line.n && strchr("0123456789abcdefABCDEF", line.p[digits]) && line.p[digits] && size >> 56 == 0; digits++)
			size = size << 4 | (size_t)((line.p[digits] & 0xf) + (line.p[digits] > '9' ? 9 : 0));
		if (digits == 0 || size >> 56)                     /* any number of zeros may lead */
			return false;
		if (size == 0)
			return true;                       /* what a trailer says is nobody's business */
		if (!take(r, size) || !cut_loose_line(&r->rest, &line) || line.n != 0)
			return false;
	}
}

/* The next request, or false: none that is whole and can be read in one way only. */
static bool read_one(struct reader *r)
{
	struct str line, name, value, rest;
	int64_t length = 0, lengths = 0, codings = 0;
	buf_clear(&r->body);
	if (r->is_over)
		return false;
	r->rest = without_empty_lines(r->rest);
	if (!cut_line(&r->rest, &line) || !str_cut(line, ' ', &r->method, &rest))
		return false;
	while (cut_line(&r->rest, &line) && line.n > 0) {
		if (!str_cut(line, ':', &name, &value))
			return false;
		value = str_trim(value);
		lengths += is_named(name, "Content-Length");
		codings += is_named(name, "Transfer-Encoding");
		if (is_named(name, "Content-Length") && !str_int(value, &length))
			return false;
		if (is_named(name, "Transfer-Encoding") && !is_named(value, "chunked"))
			return false;
	}
	if (line.n > 0 || lengths + codings > 1 || length < 0)
		return false;
	r->is_over = codings > 0;
	return codings ? read_chunks(r) : take(r, (size_t)length);
}

/* The server. */

struct fuzz { struct http_server *server; struct reader reader; bool is_lost; };

static void on_request(void *ctx, struct http_request *q)
{
	struct fuzz *f = ctx;
	struct str found = S("");
	f->is_lost |= is_disguised(f->reader.rest);
	bool is_there = f->is_lost || read_one(&f->reader);
	assert(is_there);
	assert(f->is_lost || str_eq(q->method, f->reader.method));
	assert(f->is_lost || str_eq(q->body, buf_str(&f->reader.body)));
	assert(q->body.n <= BODY_MAX);
	assert(q->path.n > 0 && str_is_utf8(q->path) && memchr(q->path.p, '\0', q->path.n) == NULL);
	assert(!http_query(q, "a", &found) || str_is_utf8(found));
	assert(http_header(q, "Host").p != NULL);
	http_answer(q, &(struct http_response){ .status = 202, .body = q->path });
}

static struct fuzz *fuzz_begin(void)
{
	static struct fuzz f;
	struct http_server_options o = http_server_defaults();
	struct buf why = BUF(1024);
	o.port = 0;
	o.body_max = BODY_MAX;
	if (f.server == NULL) {
		int err = http_server_new(&o, &(struct http_handler){ .ctx = &f, .on_request = on_request }, &f.server, &why);
		assert(err == 0);
	}
	return &f;
}

static int dial(const struct fuzz *f)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(f->server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct linger reset = { 1, 0 };                            /* no TIME_WAIT: there are many connections and few ports */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int failed = TEMP_FAILURE_RETRY(connect(fd, (const void *)&to, sizeof to)) ||      /* the fuzzer's own clock interrupts it */
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) || fcntl(fd, F_SETFL, O_NONBLOCK);
	if (failed)
		perror("no connection to the server");
	assert(!failed);
	return fd;
}

/* Lets the server work until it has closed. */
static void listen_out(struct fuzz *f, int fd, int steps)
{
	char part[4096];
	for (int i = 0; i < steps; i++) {
		http_server_step(f->server, 0);
		ssize_t n = recv(fd, part, sizeof part, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fuzz *f = fuzz_begin();
	size_t segment = n ? data[0] + 1u : 1, at = n ? 1 : 0;
	int fd = dial(f);
	f->is_lost = false;
	f->reader = (struct reader){ .rest = { (const char *)data + at, n - at }, .body = BUF(1 << 20) };
	for (size_t part; at < n; at += part) {
		part = n - at < segment || segment == 256 ? n - at : segment;
		if (send(fd, data + at, part, MSG_NOSIGNAL) != (ssize_t)part)
			break;
		listen_out(f, fd, 2);
	}
	(void)shutdown(fd, SHUT_WR);                               /* fails when the server has closed */
	listen_out(f, fd, STEPS_MAX);
	close(fd);
	listen_out(f, -1, 1);
	assert(http_server_in_flight(f->server) == 0);
	buf_free(&f->reader.body);
	return 0;
}
