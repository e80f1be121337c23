/* http_server.c - libmicrohttpd under our loop; http_server.h says what comes out of it.
 *
 * What the library does: accepting, parsing heads and chunks, keep-alive, pipelining, writing answers. What it leaves open is done here:
 *
 *   deadlines  It never closes a client that sends a byte a second. Each connection is in one phase; all of one phase
 *              have the same limit, so a list per phase in order of entry is sorted by deadline, and moving on costs four pointers.
 *   refusals   It can answer only at certain moments of a request. A refusal of ours is written to the socket by hand - nothing
 *              else is under way on it then - and the connection closed, lingering (http_linger.h) so that the peer can read why.
 *   framing    What two readers could read differently: http_guard.h.
 *   memory     A request's arena is recycled through a small pool, so that a busy server allocates next to nothing per request and
 *              an idle connection holds none.
 *
 * One object per connection (struct peer), one per request on it (struct exchange); a connection has at most one request at a time.
 */
#include "io/http_server.h"
#include "io/clock.h"
#include "io/http_guard.h"
#include "io/http_linger.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	REQUEST_MEM = 4 << 20,           /* limit of a request's arena */
	BODY_AT_ONCE = 16 << 10,         /* a body announced up to this size gets its memory before it comes; a longer one as it comes */
	POOL_MAX = 128,                  /* exchanges kept for the next requests, */
	POOL_MEM = 16 << 10,             /* unless their arena had grown past this */
	LIBRARY_MEM = 32 << 10,          /* per connection, for head, read and write buffer: the most that needs no mmap per connection */
	BACKLOG = 1024,
	REFUSAL_MAX = 16 << 10,
};

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

struct http_server_options http_server_defaults(void)
{
	return (struct http_server_options){
		.host = S("127.0.0.1"), .port = 3000, .body_max = 512 << 10, .header_max = 16 << 10, .headers_max = 100,
		.head_deadline_ms = 10000, .body_deadline_ms = 30000, .idle_ms = 60000, .connections_max = 10000,
	};
}

/* Phases. */

static void list_remove(struct peer_list *l, struct peer *p)
{
	*(p->prev ? &p->prev->next : &l->head) = p->next;
	*(p->next ? &p->next->prev : &l->tail) = p->prev;
}

static void list_append(struct peer_list *l, struct peer *p)
{
	p->prev = l->tail;
	p->next = NULL;
	*(l->tail ? &l->tail->next : &l->head) = p;
	l->tail = p;
}

static void enter(struct peer *p, enum phase phase)
{
	struct http_server *s = p->server;
	list_remove(&s->phases[p->phase], p);
	p->phase = phase;
	p->since_ms = s->now_ms;
	list_append(&s->phases[phase], p);
}

/* Refusals. */

static void http_date(char *out, size_t n)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm t;
	struct buf b = BUF(64);
	if (gmtime_r(&now, &t) != NULL)
		buf_fmt(&b, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", days + 3 * t.tm_wday, t.tm_mday, months + 3 * t.tm_mon,
		    t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
	assert(b.n < n);
	memcpy(out, buf_str(&b).p, b.n + 1);
	buf_free(&b);
}

/* Writes the answer of a refusal to the socket and marks the connection for closing. A peer that does not take these few hundred
 * bytes at once goes without them: waiting for it would be what the refusal is there to avoid. */
static void refuse(struct peer *p, struct http_refusal why)
{
	struct http_server *s = p->server;
	struct buf body = BUF(REFUSAL_MAX), out = BUF(REFUSAL_MAX + 1024);
	const char *type = "text/plain; charset=utf-8";
	char date[64];
	if (s->handler.on_refuse)
		s->handler.on_refuse(s->handler.ctx, why.status, why.what, &body, &type);
	else
		buf_fmt(&body, "%s\n", why.what);
	http_date(date, sizeof date);
	buf_fmt(&out, "HTTP/1.1 %d %s\r\n%sConnection: close\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", why.status,
	    MHD_get_reason_phrase_for((unsigned)why.status), date, type, body.n);
	buf_add(&out, buf_str(&body));
	(void)!send(p->fd, out.p, out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	p->is_refused = true;
	buf_free(&body);
	buf_free(&out);
}

static enum MHD_Result refused(struct exchange *x, struct http_refusal why)
{
	refuse(x->peer, why);
	return MHD_NO;
}

/* Exchanges. */

static struct exchange *exchange_new(struct peer *p, struct MHD_Connection *library)
{
	struct http_server *s = p->server;
	struct exchange *x = s->pool;
	struct arena mem = ARENA(REQUEST_MEM);
	if (x) {
		s->pool = x->next;
		s->n_pool--;
		mem = x->request.mem;
	} else {
		x = xmalloc(sizeof *x);
	}
	*x = (struct exchange){ .peer = p, .library = library, .body = BUF(s->options.body_max), .request.mem = mem };
	x->request.connection = x;
	x->request.peer = (struct str){ p->address, p->n_address };
	x->request.is_loopback = p->is_loopback;
	p->exchange = x;
	return x;
}

static void exchange_free(struct exchange *x)
{
	struct http_server *s = x->peer->server;
	x->peer->exchange = NULL;
	buf_free(&x->body);
	if (s->n_pool < POOL_MAX && x->request.mem.used <= POOL_MEM) {
		arena_reset(&x->request.mem);
		x->next = s->pool;
		s->pool = x;
		s->n_pool++;
		return;
	}
	arena_free(&x->request.mem);
	free(x);
}

static void pool_free(struct http_server *s)
{
	for (struct exchange *x = s->pool, *next; x != NULL; x = next) {
		next = x->next;
		arena_free(&x->request.mem);
		free(x);
	}
}

/* The life of a request, as the library tells it: on_target, on_access (head), on_access (body, any number), on_access (end),
 * on_completed. */

static struct peer *peer_of(struct MHD_Connection *library)
{
	return MHD_get_connection_info(library, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void *on_target(void *ctx, const char *target, struct MHD_Connection *library)
{
	(void)ctx;                                                 /* the peer knows its server */
	struct peer *p = peer_of(library);
	struct exchange *x = exchange_new(p, library);
	x->target = arena_str(&x->request.mem, str_c(target));
	if (p->phase == PHASE_IDLE)
		enter(p, PHASE_HEAD);
	return x;
}

/* The library decodes escapes in place; we decode the target ourselves, so it shall leave everything as it is. */
static size_t on_unescape(void *ctx, struct MHD_Connection *library, char *text)
{
	(void)ctx;
	(void)library;
	return strlen(text);
}

static enum MHD_Result on_field(void *ctx, enum MHD_ValueKind kind, const char *name, size_t n_name, const char *value, size_t n_value)
{
	(void)kind;
	http_framing_field(ctx, (struct str){ name, n_name }, (struct str){ value, n_value });
	return MHD_YES;
}

static struct http_refusal check_head(struct exchange *x, const char *version, struct http_framing *f)
{
	const struct http_server *s = x->peer->server;
	const struct http_server_options *o = &s->options;
	struct http_guard_limits limits = { o->header_max, o->headers_max, o->body_max };
	struct http_head head = { x->request.method, x->target, str_c(version),
		MHD_get_connection_info(x->library, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size, s->is_exact };
	MHD_get_connection_values_n(x->library, MHD_HEADER_KIND, on_field, f);
	struct http_refusal why = http_framing_verdict(f, &head, &limits);
	if (why.status == 0)
		why = http_target_read(&x->request.mem, x->target, &x->request.path, &x->request.query);
	return why;
}

static enum MHD_Result take_head(struct exchange *x, const char *method, const char *version)
{
	struct http_framing f = { 0 };
	x->request.method = str_c(method);                         /* in the library's buffer, which stays until the request is over */
	struct http_refusal why = check_head(x, version, &f);
	if (why.status != 0)
		return refused(x, why);
	x->stage = STAGE_READING;
	if (f.n_lengths > 0 && f.length <= BODY_AT_ONCE) {
		x->at_once_max = (size_t)f.length;
		x->at_once = NEWN(&x->request.mem, char, x->at_once_max + 1);
	}
	if (f.n_codings > 0 || f.length > 0)
		enter(x->peer, PHASE_BODY);
	return MHD_YES;
}

static enum MHD_Result take_body(struct exchange *x, const char *data, size_t n)
{
	if (x->at_once && n <= x->at_once_max - x->n_at_once) {
		memcpy(x->at_once + x->n_at_once, data, n);
		x->n_at_once += n;
		return MHD_YES;
	}
	buf_add(&x->body, (struct str){ data, n });
	if (x->body.err)
		return refused(x, (struct http_refusal){ 413, "The body is longer than this server takes; send less at once" });
	return MHD_YES;
}

static enum MHD_Result hand_over(struct exchange *x)
{
	struct http_server *s = x->peer->server;
	struct http_request *r = &x->request;
	r->body = x->at_once ? (struct str){ x->at_once, x->n_at_once } : buf_str(&x->body);
	x->stage = STAGE_CALLING;
	enter(x->peer, PHASE_BUSY);
	s->n_in_flight++;
	s->handler.on_request(s->handler.ctx, r);
	if (x->stage == STAGE_CALLING) {
		x->stage = STAGE_WAITING;
		MHD_suspend_connection(x->library);
	}
	return MHD_YES;
}

static enum MHD_Result on_access(void *ctx, struct MHD_Connection *library, const char *url, const char *method, const char *version,
    const char *data, size_t *n_data, void **request)
{
	(void)ctx;
	(void)library;
	(void)url;                                                 /* the target is at hand as it was sent */
	struct exchange *x = *request;
	if (x->peer->is_refused || x->peer->phase == PHASE_GONE)   /* its deadline passed while the rest was on its way */
		return MHD_NO;
	if (x->stage == STAGE_NEW)
		return take_head(x, method, version);
	assert(x->stage == STAGE_READING);
	if (*n_data == 0)
		return hand_over(x);
	size_t n = *n_data;
	*n_data = 0;
	return take_body(x, data, n);
}

static void on_completed(void *ctx, struct MHD_Connection *library, void **request, enum MHD_RequestTerminationCode how)
{
	(void)ctx;
	(void)library;
	(void)how;                                                 /* an answer that was not taken is the sender's to ask for again */
	struct exchange *x = *request;
	struct peer *p = x->peer;
	if (x->stage == STAGE_CALLING || x->stage == STAGE_WAITING)
		p->server->n_in_flight--;                          /* the server is being freed */
	exchange_free(x);
	if (p->phase != PHASE_GONE)
		enter(p, PHASE_IDLE);
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
	*p = (struct peer){ .server = s, .phase = PHASE_HEAD, .since_ms = s->now_ms,
		.fd = MHD_get_connection_info(library, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd };
	read_address(p, MHD_get_connection_info(library, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
	list_append(&s->phases[PHASE_HEAD], p);
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
		exchange_free(p->exchange);
	list_remove(&s->phases[p->phase], p);
	free(p);
}

static void on_connection(void *ctx, struct MHD_Connection *library, void **socket_context, enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		peer_open(ctx, library, socket_context);
	else
		peer_close(*socket_context);
}

/* Answers. */

/* The library takes C strings and refuses control characters; they become blanks, since values may quote foreign text. */
static void add_header(struct MHD_Response *to, const char *name, struct str value)
{
	char small[256], *z = value.n < sizeof small ? small : xmalloc(value.n + 1);
	for (size_t i = 0; i < value.n; i++)
		z[i] = (unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f ? ' ' : value.p[i];
	z[value.n] = '\0';
	if (value.n > 0) {
		enum MHD_Result rc = MHD_add_response_header(to, name, z);
		assert(rc == MHD_YES);                             /* names are ours */
	}
	if (z != small)
		free(z);
}

static bool has_field(const struct http_response *a, const char *name)
{
	for (size_t i = 0; i < a->n_fields; i++)
		if (strcasecmp(a->fields[i].name, name) == 0)
			return true;
	return false;
}

static struct MHD_Response *make_response(const struct http_server *s, const struct http_response *a)
{
	void *body = (void *)(uintptr_t)a->body.p;                 /* copied, whatever the type says */
	struct MHD_Response *out = MHD_create_response_from_buffer(a->body.n, body, MHD_RESPMEM_MUST_COPY);
	if (out == NULL)
		abort();                                           /* out of memory, as xmalloc */
	for (size_t i = 0; i < a->n_fields; i++)
		add_header(out, a->fields[i].name, a->fields[i].value);
	if (a->body.n > 0 && !has_field(a, "Content-Type"))
		add_header(out, "Content-Type", S("application/json"));
	if (s->is_draining)
		add_header(out, "Connection", S("close"));
	return out;
}

void http_answer(struct http_request *r, const struct http_response *a)
{
	struct exchange *x = r->connection;
	struct http_server *s = x->peer->server;
	bool was_waiting = x->stage == STAGE_WAITING;
	assert(was_waiting || x->stage == STAGE_CALLING);
	assert(a->status >= 200 && a->status <= 599);
	struct MHD_Response *out = make_response(s, a);
	enum MHD_Result rc = MHD_queue_response(x->library, (unsigned)a->status, out);
	assert(rc == MHD_YES);
	MHD_destroy_response(out);
	x->stage = STAGE_ANSWERED;
	s->n_in_flight--;
	enter(x->peer, PHASE_ANSWER);
	if (was_waiting) {
		MHD_resume_connection(x->library);
		s->has_resumed = true;
	}
}

struct str http_header(const struct http_request *r, const char *name)
{
	const struct exchange *x = r->connection;
	const char *value = NULL;
	size_t n = 0;
	MHD_lookup_connection_value_n(x->library, MHD_HEADER_KIND, name, strlen(name), &value, &n);
	return value ? (struct str){ value, n } : S("");
}

bool http_query(struct http_request *r, const char *name, struct str *ret)
{
	return http_query_find(&r->mem, r->query, str_c(name), ret);
}

/* Deadlines. */

static void expire(struct peer *p)
{
	if (p->phase == PHASE_HEAD || p->phase == PHASE_BODY)
		refuse(p, (struct http_refusal){ 408, "The request did not arrive completely in time; send it again" });
	(void)shutdown(p->fd, SHUT_RDWR);                          /* fails when the peer is gone already: that is what we want */
	enter(p, PHASE_GONE);
}

static bool has_begun_a_head(const struct peer *p, int64_t now_ms)
{
	enum { SLACK_MS = 20 };                                    /* the kernel's answer is as coarse as its tick */
	struct tcp_info info;
	socklen_t n = sizeof info;
	if (getsockopt(p->fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
		return false;                                      /* not TCP any more: the idle limit ends it */
	return now_ms - info.tcpi_last_data_recv > p->since_ms + SLACK_MS;
}

/* The library says nothing until a request line is complete, so whether an idle connection has begun one is asked of the
 * kernel, ten times per head deadline, of those that have been idle that long. */
static void glance_at_idle(struct http_server *s)
{
	int64_t pace = s->options.head_deadline_ms / 10 + 1;
	if (s->now_ms < s->glance_at_ms)
		return;
	s->glance_at_ms = s->now_ms + pace;
	for (struct peer *p = s->phases[PHASE_IDLE].head, *next; p != NULL && p->since_ms + pace <= s->now_ms; p = next) {
		next = p->next;
		if (has_begun_a_head(p, s->now_ms))
			enter(p, PHASE_HEAD);
	}
}

static void keep_deadlines(struct http_server *s)
{
	glance_at_idle(s);
	for (size_t i = 0; i < PHASES; i++)
		for (struct peer *p = s->phases[i].head; s->limit_ms[i] && p && p->since_ms + s->limit_ms[i] <= s->now_ms; p = s->phases[i].head)
			expire(p);
	http_linger_expire(&s->lingers, s->now_ms);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t next_deadline(const struct http_server *s)
{
	int64_t next = http_linger_next_ms(&s->lingers);
	if (s->phases[PHASE_IDLE].head)
		next = earlier(next, s->glance_at_ms);
	for (size_t i = 0; i < PHASES; i++)
		if (s->limit_ms[i] && s->phases[i].head)
			next = earlier(next, s->phases[i].head->since_ms + s->limit_ms[i]);
	return next;
}

/* The loop. */

static int wait_ms(struct http_server *s, int timeout_ms)
{
	MHD_UNSIGNED_LONG_LONG wanted = 0;
	if (s->has_resumed || (MHD_get_timeout(s->library, &wanted) == MHD_YES && wanted == 0))
		return 0;
	int64_t next = next_deadline(s);
	if (next == INT64_MAX)
		return timeout_ms;
	int64_t left = next - clock_mono_ms();
	if (left < 0)
		left = 0;
	return timeout_ms < 0 || left < timeout_ms ? (int)earlier(left, INT32_MAX) : timeout_ms;
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
	keep_deadlines(s);
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

static int say(struct buf *why, int err, const struct http_server_options *o, const char *cure)
{
	buf_fmt(why, "cannot listen on %.*s port %d: %s; %s", STR_ARG(o->host), o->port, strerror(err), cure);
	return err;
}

static int read_host(const struct http_server_options *o, struct sockaddr_storage *ret, socklen_t *ret_n)
{
	struct sockaddr_in *v4 = (void *)ret;
	struct sockaddr_in6 *v6 = (void *)ret;
	char host[INET6_ADDRSTRLEN] = "";
	struct str name = str_eq(o->host, S("localhost")) ? S("127.0.0.1") : o->host;
	*ret = (struct sockaddr_storage){ 0 };
	if (o->port < 0 || o->port > 65535 || name.n >= sizeof host)
		return EINVAL;
	memcpy(host, name.p, name.n);
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)o->port);
		*ret_n = sizeof *v4;
		return 0;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
		return EINVAL;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)o->port);
	*ret_n = sizeof *v6;
	return 0;
}

static const char *cure_for(int err)
{
	static const struct { int err; const char *cure; } table[] = {
		{ EADDRINUSE, "another program has it; stop that one or choose another port" },
		{ EACCES, "ports below 1024 need a privilege; choose a higher one or grant CAP_NET_BIND_SERVICE" },
		{ EADDRNOTAVAIL, "this machine has no such address; use one of its own, 127.0.0.1 or 0.0.0.0" },
		{ EMFILE, "raise the limit of open files (ulimit -n)" },
	};
	for (size_t i = 0; i < COUNT(table); i++)
		if (table[i].err == err)
			return table[i].cure;
	return "see the error before this sentence";
}

static int open_listener(const struct http_server_options *o, int *ret_fd, struct buf *why)
{
	struct sockaddr_storage at;
	socklen_t n = 0;
	int on = 1, err = read_host(o, &at, &n);
	if (err)
		return say(why, err, o, "the host is an IPv4 or IPv6 address in numbers, or localhost; the port is 0 to 65535");
	int fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return say(why, errno, o, cure_for(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 || bind(fd, (const void *)&at, n) != 0 || listen(fd, BACKLOG) != 0) {
		err = say(why, errno, o, cure_for(errno));
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

static int port_of(int fd)
{
	struct sockaddr_storage at = { 0 };
	socklen_t n = sizeof at;
	int failed = getsockname(fd, (void *)&at, &n);
	assert(!failed);
	return ntohs(at.ss_family == AF_INET ? ((struct sockaddr_in *)(void *)&at)->sin_port : ((struct sockaddr_in6 *)(void *)&at)->sin6_port);
}

/* Version 0.9.75 shows names and values as views of its read buffer, so that http_guard.h can account for every byte of a head; then its
 * own strictness adds nothing, and is left off because its answer to a missing Host comes out with two heads. Another version is not
 * relied upon for that: it has to be strict by itself. */
static struct MHD_Daemon *start_library(struct http_server *s, int listener)
{
	s->is_exact = strcmp(MHD_get_version(), "0.9.75") == 0;
	size_t mem = s->options.header_max * 2 > LIBRARY_MEM ? s->options.header_max * 2 : LIBRARY_MEM;
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_access, s,
	    MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_STRICT_FOR_CLIENT, s->is_exact ? 0 : 1,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)s->options.connections_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT, mem,
	    MHD_OPTION_URI_LOG_CALLBACK, on_target, s, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_END);
}

static bool watch(int epoll_fd, int fd, void *source)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = source };
	return fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0;
}

int http_server_new(const struct http_server_options *o, const struct http_handler *h, struct http_server **ret, struct buf *why)
{
	int listener = -1, err = open_listener(o, &listener, why);
	if (err)
		return err;
	struct http_server *s = xmalloc(sizeof *s);
	*s = (struct http_server){ .options = *o, .handler = *h, .port = port_of(listener), .now_ms = clock_mono_ms(),
		.limit_ms = { [PHASE_IDLE] = o->idle_ms, [PHASE_HEAD] = o->head_deadline_ms, [PHASE_BODY] = o->body_deadline_ms,
		    [PHASE_ANSWER] = o->body_deadline_ms },
		.epoll_fd = epoll_create1(EPOLL_CLOEXEC), .wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	s->lingers.epoll_fd = s->epoll_fd;
	s->library = start_library(s, listener);
	if (s->library == NULL)
		close(listener);
	if (s->library == NULL || !watch(s->epoll_fd, s->wake_fd, &s->wake_fd) ||
	    !watch(s->epoll_fd, MHD_get_daemon_info(s->library, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, s->library)) {
		err = say(why, errno ? errno : EIO, o, cure_for(errno));
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
	pool_free(s);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	free(s);
}
