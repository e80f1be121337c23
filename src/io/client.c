/* client.c - libcurl's multi interface behind client.h; the only file that knows libcurl.
 *
 * A transfer under way is a struct call: the easy handle with the texts it points at. Calls are recycled, and libcurl keeps
 * connections open for the next one to the same host. libcurl is set up when the first transfer starts, because a server that has never
 * paged anybody should not pay for it.
 *
 * A request that could smuggle something (a line end in a header or an address) is not sent; it comes back like any other failure.
 */
#include "io/client.h"
#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	CONNECT_MS = 3000, TOTAL_MS = 10000,
	KEEP_MAX = 64 << 10,             /* of an answer */
	DROP_MAX = 4 << 20,              /* of the rest, so that the connection can be used again; past it the connection is closed */
	TEXTS_MAX = 1 << 20,             /* C strings of a request, without its body */
	SPARE_MAX = 16, CACHED_CONNECTIONS = 32,
};

struct call {
	struct call *prev, *next;        /* of those under way; .next also in the list of spare ones and of refused ones */
	struct client_transfer *transfer;
	CURL *easy;
	struct curl_slist *headers, *recipients;   /* recipients: one, as every page goes to one target */
	struct arena texts;
	struct buf body;                 /* of the answer */
	size_t n_dropped;
	struct str unsent;               /* of a mail */
	const char *refusal;             /* why it was not sent, or NULL */
	char error[CURL_ERROR_SIZE];
};

struct client {
	CURLM *multi;                    /* NULL before the first transfer */
	int wake_fd;
	struct call *under_way, *spare, *refused;
	size_t n_spare, n_in_flight;
	int64_t total_ms;
};

struct client *client_new(void)
{
	struct client *c = xmalloc(sizeof *c);
	*c = (struct client){ .wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .total_ms = TOTAL_MS };
	assert(c->wake_fd >= 0);                                   /* at the start of a program there are descriptors */
	return c;
}

/* What comes back. */

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct call *k = ctx;
	size_t room = k->body.limit - k->body.n, keep = size * n < room ? size * n : room;
	buf_add(&k->body, (struct str){ data, keep });
	k->n_dropped += size * n - keep;
	return k->n_dropped > DROP_MAX ? 0 : size * n;
}

static struct str fit(struct arena *a, struct str s)
{
	struct str copy = { 0 };
	while (str_keep(a, s, &copy) != 0 && s.n > 0)
		s.n /= 2;
	return copy;
}

/* scheme://host:port of an URL. The rest may be a secret (the path of a chat hook is), and this goes into logs. */
static struct str place(struct str url)
{
	size_t slashes = 0, n = 0;
	while (n < url.n && (slashes += url.p[n] == '/') < 3)
		n++;
	struct str head = { url.p, n }, user, host;
	return str_cut(head, '@', &user, &host) ? host : head;     /* with user and password in it: the host alone */
}

static const char *cure_for(CURLcode rc)
{
	static const struct { CURLcode rc; const char *cure; } table[] = {
		{ CURLE_COULDNT_RESOLVE_HOST, "check the name, and that this machine can resolve it" },
		{ CURLE_COULDNT_RESOLVE_PROXY, "check the proxy in the environment" },
		{ CURLE_OPERATION_TIMEDOUT, "check that the service is up and a firewall lets this through" },
		{ CURLE_PEER_FAILED_VERIFICATION, "check the certificate: its name, its chain, its dates" },
		{ CURLE_SSL_CONNECT_ERROR, "check that the port speaks TLS 1.2 or later" },
		{ CURLE_USE_SSL_FAILED, "the server must offer STARTTLS, or be addressed as smtps://" },
		{ CURLE_LOGIN_DENIED, "check user name and password" },
		{ CURLE_UNSUPPORTED_PROTOCOL, "use http, https, smtp or smtps" },
		{ CURLE_URL_MALFORMAT, "write the URL as scheme://host:port/path" },
	};
	for (size_t i = 0; i < COUNT(table); i++)
		if (table[i].rc == rc)
			return table[i].cure;
	return NULL;
}

static void set_error(struct call *k, const char *text, const char *cure)
{
	struct client_transfer *t = k->transfer;
	struct buf b = BUF(4096);
	buf_add(&b, place(t->request->url));
	buf_fmt(&b, ": %s%s%s", text, cure ? "; " : "", cure ? cure : "");
	t->reply.error = fit(t->mem, buf_str(&b));
	buf_free(&b);
}

static bool is_mail(struct str url)
{
	return url.n >= 4 && strncasecmp(url.p, "smtp", 4) == 0;
}

/* Whether the code that the library saw last is the peer's word on this request. Of a mail: when all went well, or when it is a refusal; a line
 * that broke after the recipient was accepted leaves the outcome open, and no 2xx may be made of it. Of HTTP: once the body had begun, the head
 * was whole, and a body that breaks off takes back nothing. */
static bool is_final(const struct call *k, CURLcode rc, long code)
{
	bool has_begun = k->body.n + k->n_dropped > 0;
	return rc == CURLE_OK || (is_mail(k->transfer->request->url) ? code >= 400 : has_begun);
}

/* libcurl's sentence, but what the system said where nobody answered: "Failed to connect ... Couldn't connect" says the same twice. */
static const char *why(struct call *k, CURLcode rc)
{
	long system = 0;
	if (rc == CURLE_COULDNT_CONNECT && curl_easy_getinfo(k->easy, CURLINFO_OS_ERRNO, &system) == CURLE_OK && system != 0)
		return strerror((int)system);
	return k->error[0] ? k->error : curl_easy_strerror(rc);
}

static void read_reply(struct call *k, CURLcode rc)
{
	struct client_transfer *t = k->transfer;
	struct curl_header *retry = NULL;
	long code = 0;
	bool is_enough = rc == CURLE_WRITE_ERROR && k->n_dropped > DROP_MAX;
	curl_easy_getinfo(k->easy, CURLINFO_RESPONSE_CODE, &code);
	t->reply = (struct wire_reply){ .status = is_final(k, rc, code) ? (int)code : 0 };
	if (rc != CURLE_OK && !is_enough)
		set_error(k, why(k, rc), cure_for(rc));
	if (curl_easy_header(k->easy, "Retry-After", 0, CURLH_HEADER, -1, &retry) == CURLHE_OK)
		t->reply.retry_after = fit(t->mem, str_c(retry->value));
	t->reply.body = fit(t->mem, buf_str(&k->body));
}

/* What goes out. */

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	return false;
}

/* What may stand between the brackets of MAIL FROM and RCPT TO. The bare address: a display name belongs into the message. */
static bool is_address(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f || s.p[i] == '<' || s.p[i] == '>')
			return false;
	return true;
}

static const char *text(struct call *k, struct str s)
{
	return arena_str(&k->texts, s).p;
}

/* Everything that ends up in a line of a protocol, with what to say when it cannot. */
static const char *find_fault(const struct wire_request *r)
{
	size_t n = r->url.n + r->method.n + r->username.n + r->password.n + r->mail_from.n + r->mail_to.n;
	bool is_bad_header = false;
	for (size_t i = 0; i < r->headers.n; i++) {
		is_bad_header |= has_control(r->headers.v[i]);
		n += r->headers.v[i].n + 1;
	}
	const struct { bool is_wrong; const char *what; } rules[] = {
		{ is_bad_header, "not sent: a header holds a line end or another control character; look at the channel's settings" },
		{ !is_address(r->mail_from) || !is_address(r->mail_to), "not sent: a mail address holds a blank, a bracket or a line end; correct it" },
		{ has_control(r->url) || has_control(r->method), "not sent: the URL or the method holds a control character; correct the setting" },
		{ has_control(r->username) || has_control(r->password), "not sent: user name or password holds a control character; correct it" },
		{ is_mail(r->url) && r->mail_to.n == 0, "not sent: the mail has no recipient; give one" },
		{ n + 1024 > TEXTS_MAX, "not sent: URL, headers and addresses are longer than 1 MiB together" },
	};
	for (size_t i = 0; i < COUNT(rules); i++)
		if (rules[i].is_wrong)
			return rules[i].what;
	return NULL;
}

static void add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);
	if (longer == NULL)
		abort();                                           /* out of memory, as xmalloc */
	*list = longer;
}

static bool has_header(const struct wire_request *r, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < r->headers.n; i++)
		if (r->headers.v[i].n > n && r->headers.v[i].p[n] == ':' && strncasecmp(r->headers.v[i].p, name, n) == 0)
			return true;
	return false;
}

/* libcurl adds headers of its own unless told not to: Expect costs a round trip, and a form's Content-Type would be a lie. */
static void set_headers(struct call *k, const struct wire_request *r)
{
	for (size_t i = 0; i < r->headers.n; i++)
		add_line(&k->headers, text(k, r->headers.v[i]));
	if (!has_header(r, "Content-Type"))
		add_line(&k->headers, "Content-Type:");
	add_line(&k->headers, "Expect:");
	curl_easy_setopt(k->easy, CURLOPT_HTTPHEADER, k->headers);
}

static void set_http(struct call *k, const struct wire_request *r)
{
	bool is_get = str_eq(r->method, S("GET")) && r->body.n == 0, is_head = str_eq(r->method, S("HEAD"));
	if (!is_get && !is_head) {
		curl_easy_setopt(k->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
		curl_easy_setopt(k->easy, CURLOPT_POSTFIELDS, r->body.n ? r->body.p : "");
		curl_easy_setopt(k->easy, CURLOPT_CUSTOMREQUEST, text(k, r->method));
	}
	if (is_head)
		curl_easy_setopt(k->easy, CURLOPT_NOBODY, 1L);
	set_headers(k, r);
	curl_easy_setopt(k->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(k->easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	curl_easy_setopt(k->easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(k->easy, CURLOPT_USERAGENT, "tocsin/" TOCSIN_VERSION);
}

static size_t on_mail(char *out, size_t size, size_t n, void *ctx)
{
	struct call *k = ctx;
	size_t part = size * n < k->unsent.n ? size * n : k->unsent.n;
	if (part)
		memcpy(out, k->unsent.p, part);
	k->unsent = str_skip(k->unsent, part);
	return part;
}

/* libcurl sends a mail a second time on a fresh connection when a kept one turns out to be dead before anything was said on it. */
static int on_mail_again(void *ctx, curl_off_t offset, int origin)
{
	struct call *k = ctx;
	(void)origin;                                              /* always from the start, says libcurl */
	k->unsent = str_skip(k->transfer->request->body, (size_t)offset);
	return CURL_SEEKFUNC_OK;
}

static void set_mail(struct call *k, const struct wire_request *r)
{
	k->unsent = r->body;
	add_line(&k->recipients, text(k, r->mail_to));
	curl_easy_setopt(k->easy, CURLOPT_MAIL_FROM, text(k, r->mail_from));
	curl_easy_setopt(k->easy, CURLOPT_MAIL_RCPT, k->recipients);
	curl_easy_setopt(k->easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(k->easy, CURLOPT_READFUNCTION, on_mail);
	curl_easy_setopt(k->easy, CURLOPT_READDATA, k);
	curl_easy_setopt(k->easy, CURLOPT_SEEKFUNCTION, on_mail_again);
	curl_easy_setopt(k->easy, CURLOPT_SEEKDATA, k);
	curl_easy_setopt(k->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body.n);
	curl_easy_setopt(k->easy, CURLOPT_USE_SSL, (long)(r->require_tls ? CURLUSESSL_ALL : CURLUSESSL_TRY));
}

static void set_common(struct call *k, const struct wire_request *r, int64_t total_ms)
{
	curl_easy_setopt(k->easy, CURLOPT_URL, text(k, r->url));
	curl_easy_setopt(k->easy, CURLOPT_PROTOCOLS_STR, "http,https,smtp,smtps");
	curl_easy_setopt(k->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(k->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(total_ms < CONNECT_MS ? total_ms : CONNECT_MS));
	curl_easy_setopt(k->easy, CURLOPT_TIMEOUT_MS, (long)total_ms);
	curl_easy_setopt(k->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	const char *trusted = getenv("SSL_CERT_FILE");             /* as OpenSSL's own programs do; libcurl leaves it to its caller */
	if (trusted && *trusted)
		curl_easy_setopt(k->easy, CURLOPT_CAINFO, trusted);
	curl_easy_setopt(k->easy, CURLOPT_ERRORBUFFER, k->error);
	curl_easy_setopt(k->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(k->easy, CURLOPT_WRITEDATA, k);
	curl_easy_setopt(k->easy, CURLOPT_PRIVATE, k);
	if (r->username.n > 0) {
		curl_easy_setopt(k->easy, CURLOPT_USERNAME, text(k, r->username));
		curl_easy_setopt(k->easy, CURLOPT_PASSWORD, text(k, r->password));
	}
}

/* Calls. */

static struct call *call_new(struct client *c)
{
	struct call *k = c->spare;
	if (k) {
		c->spare = k->next;
		c->n_spare--;
		return k;
	}
	k = xmalloc(sizeof *k);
	*k = (struct call){ .easy = curl_easy_init(), .texts = ARENA(TEXTS_MAX), .body = BUF(KEEP_MAX) };
	if (k->easy == NULL)
		abort();                                           /* out of memory, as xmalloc */
	return k;
}

static void call_free(struct call *k)
{
	curl_easy_cleanup(k->easy);
	arena_free(&k->texts);
	buf_free(&k->body);
	free(k);
}

static void call_end(struct client *c, struct call *k)
{
	curl_slist_free_all(k->headers);
	curl_slist_free_all(k->recipients);
	c->n_in_flight--;
	if (c->n_spare == SPARE_MAX) {
		call_free(k);
		return;
	}
	curl_easy_reset(k->easy);
	arena_reset(&k->texts);
	buf_free(&k->body);
	*k = (struct call){ .easy = k->easy, .texts = k->texts, .body = BUF(KEEP_MAX), .next = c->spare };
	c->spare = k;
	c->n_spare++;
}

static void link_in(struct client *c, struct call *k)
{
	k->prev = NULL;
	k->next = c->under_way;
	if (k->next)
		k->next->prev = k;
	c->under_way = k;
}

static void link_out(struct client *c, struct call *k)
{
	*(k->prev ? &k->prev->next : &c->under_way) = k->next;
	if (k->next)
		k->next->prev = k->prev;
}

static void set_up_library(struct client *c)
{
	if (c->multi)
		return;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (c->multi = curl_multi_init()) == NULL)
		abort();                                           /* out of memory, as xmalloc */
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)CACHED_CONNECTIONS);
}

void client_start(struct client *c, struct client_transfer *t)
{
	set_up_library(c);
	struct call *k = call_new(c);
	k->transfer = t;
	k->body.limit = t->answer_max ? t->answer_max : KEEP_MAX;
	k->refusal = find_fault(t->request);
	c->n_in_flight++;
	if (k->refusal) {
		k->next = c->refused;
		c->refused = k;
		return;
	}
	set_common(k, t->request, c->total_ms);
	(is_mail(t->request->url) ? set_mail : set_http)(k, t->request);
	CURLMcode rc = curl_multi_add_handle(c->multi, k->easy);
	assert(rc == CURLM_OK);
	link_in(c, k);
}

static struct client_transfer *take_refused(struct client *c)
{
	struct call *k = c->refused;
	if (k == NULL)
		return NULL;
	struct client_transfer *t = k->transfer;
	c->refused = k->next;
	t->reply = (struct wire_reply){ 0 };
	set_error(k, k->refusal, NULL);
	call_end(c, k);
	return t;
}

static struct client_transfer *take_ended(struct client *c)
{
	int left;
	CURLMsg *m = curl_multi_info_read(c->multi, &left);
	if (m == NULL)
		return NULL;
	struct call *k = NULL;
	CURLcode rc = m->data.result;                              /* the message dies with the next call into the library */
	curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&k);
	struct client_transfer *t = k->transfer;
	read_reply(k, rc);
	curl_multi_remove_handle(c->multi, k->easy);
	link_out(c, k);
	call_end(c, k);
	return t;
}

static size_t collect(struct client *c, struct client_transfer **done, size_t max)
{
	size_t n = 0;
	int running;
	curl_multi_perform(c->multi, &running);
	for (struct client_transfer *t; n < max && (t = take_refused(c)) != NULL;)
		done[n++] = t;
	for (struct client_transfer *t; n < max && (t = take_ended(c)) != NULL;)
		done[n++] = t;
	return n;
}

static void wait_for_something(struct client *c, int timeout_ms)
{
	uint64_t count;
	if (c->multi) {
		struct curl_waitfd wake = { .fd = c->wake_fd, .events = CURL_WAIT_POLLIN };
		curl_multi_poll(c->multi, &wake, 1, timeout_ms, NULL);
	} else {
		struct pollfd wake = { .fd = c->wake_fd, .events = POLLIN };
		(void)poll(&wake, 1, timeout_ms);                  /* a signal ends the wait early: the caller steps again */
	}
	(void)!read(c->wake_fd, &count, sizeof count);             /* EAGAIN: it was not the wake that ended the wait */
}

size_t client_step(struct client *c, int timeout_ms, struct client_transfer **done, size_t max)
{
	size_t n = c->multi ? collect(c, done, max) : 0;
	if (n > 0 || timeout_ms == 0)
		return n;
	wait_for_something(c, timeout_ms);
	return c->multi ? collect(c, done, max) : 0;
}

void client_wake(struct client *c)
{
	uint64_t one = 1;
	(void)!write(c->wake_fd, &one, sizeof one);                /* EAGAIN: so many wakes are waiting that one more says nothing new */
}

size_t client_in_flight(const struct client *c)
{
	return c->n_in_flight;
}

size_t client_give_up(struct client *c, struct client_transfer **done, size_t max)
{
	size_t n = 0;
	for (struct client_transfer *t; n < max && (t = take_refused(c)) != NULL;)
		done[n++] = t;
	for (struct call *k; n < max && (k = c->under_way) != NULL;) {
		done[n++] = k->transfer;
		k->transfer->reply = (struct wire_reply){ .error = S("broken off by us") };
		curl_multi_remove_handle(c->multi, k->easy);
		link_out(c, k);
		call_end(c, k);
	}
	return n;
}

void client_free(struct client *c)
{
	struct client_transfer *aborted[16];
	if (c == NULL)
		return;
	while (client_give_up(c, aborted, COUNT(aborted)) > 0)
		continue;
	for (struct call *k; (k = c->spare) != NULL;) {
		c->spare = k->next;
		call_free(k);
	}
	if (c->multi) {
		curl_multi_cleanup(c->multi);
		curl_global_cleanup();
	}
	close(c->wake_fd);
	free(c);
}

void client_perform(struct client_transfer *t, int64_t timeout_ms)
{
	struct client *c = client_new();
	struct client_transfer *done = NULL;
	c->total_ms = timeout_ms;
	client_start(c, t);
	while (client_step(c, 1000, &done, 1) == 0)
		continue;
	client_free(c);
}
