/* http_request.c - the life of one request, as the library tells it: on_target, on_access with the head, on_access with the body any number of
 * times, on_access at the end, on_completed; and the two ways it can end before that, an answer or a refusal.
 *
 * The library can answer only at certain moments of a request. So a refusal is written to the socket by hand - nothing else is under way
 * on it then - and the connection closed, lingering (http_linger.h) so that the peer can read why.
 *
 * A request's arena is recycled through a small pool, so that a busy server allocates next to nothing per request and an idle connection
 * holds none.
 */
#include "io/clock.h"
#include "io/http_inside.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	REQUEST_MEM = 4 << 20,           /* limit of a request's arena */
	BODY_AT_ONCE = 16 << 10,         /* a body announced up to this size gets its memory before it comes; a longer one as it comes */
	POOL_MAX = 128,                  /* exchanges kept for the next requests, */
	POOL_MEM = 16 << 10,             /* unless their arena had grown past this */
	REFUSAL_MAX = 16 << 10,
};

static void put_date(struct buf *b)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm t;
	if (gmtime_r(&now, &t) != NULL)                            /* a year beyond int has no date to send */
		buf_fmt(b, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", days + 3 * (size_t)t.tm_wday, t.tm_mday,
		    months + 3 * (size_t)t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/* Writes the answer of a refusal to the socket and marks the connection for closing. A peer that does not take these few hundred
 * bytes at once goes without them: waiting for it would be what the refusal is there to avoid. */
void http_refuse(struct peer *p, struct http_refusal why)
{
	struct http_server *s = p->server;
	struct buf body = BUF(REFUSAL_MAX), out = BUF(REFUSAL_MAX + 1024);
	const char *type = "text/plain; charset=utf-8";
	if (s->handler.on_refuse)
		s->handler.on_refuse(s->handler.ctx, why.status, why.what, &body, &type);
	else
		buf_fmt(&body, "%s\n", why.what);
	buf_fmt(&out, "HTTP/1.1 %d %s\r\n", why.status, MHD_get_reason_phrase_for((unsigned)why.status));
	put_date(&out);
	buf_fmt(&out, "Connection: close\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", type, body.n);
	buf_add(&out, buf_str(&body));
	(void)!send(p->fd, out.p, out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	p->is_refused = true;
	buf_free(&body);
	buf_free(&out);
}

static enum MHD_Result refused(struct exchange *x, struct http_refusal why)
{
	http_refuse(x->peer, why);
	return MHD_NO;
}

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

void http_exchange_free(struct exchange *x)
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

void http_pool_free(struct http_server *s)
{
	for (struct exchange *x = s->pool, *next; x != NULL; x = next) {
		next = x->next;
		arena_free(&x->request.mem);
		free(x);
	}
}

/* From the target to the end. */

static struct peer *peer_of(struct MHD_Connection *library)
{
	return MHD_get_connection_info(library, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void *http_on_target(void *ctx, const char *target, struct MHD_Connection *library)
{
	(void)ctx;                                                 /* the peer knows its server */
	struct peer *p = peer_of(library);
	struct exchange *x = exchange_new(p, library);
	x->target = arena_str(&x->request.mem, str_c(target));
	if (p->phase == PHASE_IDLE)
		http_phase_enter(p, PHASE_HEAD);
	return x;
}

/* The library decodes escapes in place; we decode the target ourselves, so it shall leave everything as it is. */
size_t http_on_unescape(void *ctx, struct MHD_Connection *library, char *text)
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
	*f = http_framing_begin(&head);
	MHD_get_connection_values_n(x->library, MHD_HEADER_KIND, on_field, f);
	struct http_refusal why = http_framing_verdict(f, &limits);
	f->head = NULL;
	if (why.status == 0)
		why = http_target_read(&x->request.mem, x->target, &x->request.path, &x->request.query);
	return why;
}

static enum MHD_Result hand_over(struct exchange *x)
{
	struct http_server *s = x->peer->server;
	struct http_request *r = &x->request;
	r->body = x->at_once ? (struct str){ x->at_once, x->n_at_once } : buf_str(&x->body);
	x->stage = STAGE_CALLING;
	http_phase_enter(x->peer, PHASE_BUSY);
	s->n_in_flight++;
	s->handler.on_request(s->handler.ctx, r);
	if (x->stage == STAGE_CALLING) {
		x->stage = STAGE_WAITING;
		MHD_suspend_connection(x->library);
	}
	return MHD_YES;
}

/* The library says "100 Continue" even to a request that announces no body, and then takes what follows on the connection for the end of a body,
 * at a moment when it wants no answer. So such a request is handed over with its head, whatever it expects, and is the last on its connection. */
static enum MHD_Result take_head(struct exchange *x, const char *method, const char *version)
{
	struct http_framing f = { 0 };
	x->request.method = str_c(method);                         /* in the library's buffer, which stays until the request is over */
	struct http_refusal why = check_head(x, version, &f);
	if (why.status != 0)
		return refused(x, why);
	x->stage = STAGE_READING;
	x->is_chunked = f.n_codings > 0;
	if (f.n_lengths > 0 && f.length <= BODY_AT_ONCE) {
		x->at_once_max = (size_t)f.length;
		x->at_once = NEWN(&x->request.mem, char, x->at_once_max + 1);
	}
	if (x->is_chunked || f.length > 0)
		http_phase_enter(x->peer, PHASE_BODY);
	else if (http_header(&x->request, "Expect").n > 0)
		return hand_over(x);
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

enum MHD_Result http_on_access(void *ctx, struct MHD_Connection *library, const char *url, const char *method, const char *version,
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

void http_on_completed(void *ctx, struct MHD_Connection *library, void **request, enum MHD_RequestTerminationCode how)
{
	(void)ctx;
	(void)library;
	(void)how;                                                 /* an answer that was not taken is the sender's to ask for again */
	struct exchange *x = *request;
	struct peer *p = x->peer;
	if (x->stage == STAGE_CALLING || x->stage == STAGE_WAITING)
		p->server->n_in_flight--;                          /* the server is being freed */
	http_exchange_free(x);
	if (p->phase != PHASE_GONE)
		http_phase_enter(p, PHASE_IDLE);
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

/* A chunked body is the last thing on its connection: where it ends is the library's reading alone (it takes a bare LF in chunk lines and lets a
 * NUL end the trailer), so what follows it is not taken for a request. Real senders announce a length. */
static bool is_last(const struct exchange *x)
{
	return x->is_chunked || x->peer->server->is_draining;
}

static struct MHD_Response *make_response(const struct exchange *x, const struct http_response *a)
{
	union { const char *ours; void *theirs; } body = { a->body.p };    /* copied, whatever their type says */
	struct MHD_Response *out = MHD_create_response_from_buffer(a->body.n, body.theirs, MHD_RESPMEM_MUST_COPY);
	if (out == NULL)
		abort();                                           /* out of memory, as xmalloc */
	for (size_t i = 0; i < a->n_fields; i++)
		add_header(out, a->fields[i].name, a->fields[i].value);
	if (a->body.n > 0 && !has_field(a, "Content-Type"))
		add_header(out, "Content-Type", S("application/json"));
	if (is_last(x))
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
	struct MHD_Response *out = make_response(x, a);
	enum MHD_Result rc = MHD_queue_response(x->library, (unsigned)a->status, out);
	assert(rc == MHD_YES);
	MHD_destroy_response(out);
	x->stage = STAGE_ANSWERED;
	s->n_in_flight--;
	http_phase_enter(x->peer, PHASE_ANSWER);
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
