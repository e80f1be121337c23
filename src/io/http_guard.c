/* http_guard.c - the rules; see http_guard.h. Every sentence says what is wrong with the request and what the sender should do. */
#include "io/http_guard.h"
#include <string.h>
#include <strings.h>

static bool is_name(struct str s, const char *name)
{
	return s.n == strlen(name) && strncasecmp(s.p, name, s.n) == 0;
}

/* A token of RFC 9110 section 5.6.2: what methods and field names are made of. A blank before the colon ends up in the name and fails here. */
static bool is_token(struct str s)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i], lower = c | 0x20;
		if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && (c == 0 || strchr(marks, c) == NULL))
			return false;
	}
	return s.n > 0;
}

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

static void fault(struct http_framing *f, int status, const char *what)
{
	if (f->refusal.status == 0)
		f->refusal = (struct http_refusal){ status, what };
}

/* Digits only: no sign, no list, no blanks (RFC 9110 section 8.6). */
static bool read_length(struct str s, uint64_t *ret)
{
	uint64_t v = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
		if (digit > 9 || __builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, digit, &v))
			return false;
	}
	*ret = v;
	return s.n > 0;
}

struct http_framing http_framing_begin(const struct http_head *h)
{
	const char *version = h->method.p + h->method.n + 1 + h->target.n + 1;
	return (struct http_framing){ .head = h, .next = h->version.p + h->version.n + 2, .has_gap = h->version.p != version };
}

void http_framing_field(struct http_framing *f, struct str name, struct str value)
{
	f->n_fields++;
	f->has_gap |= name.p != f->next;
	f->next = value.p + value.n + 2;
	if (!is_token(name))
		fault(f, 400, "A header name holds a blank or another character that is not allowed there; write Name: value");
	if (has_control(value))
		fault(f, 400, "A header value holds a control character; take it out");
	if (is_name(name, "Host"))
		f->n_hosts++;
	if (is_name(name, "Content-Length")) {
		f->n_lengths++;
		if (!read_length(value, &f->length))
			fault(f, 400, "Content-Length is not a whole number of bytes; send digits only");
	}
	if (is_name(name, "Transfer-Encoding")) {
		f->n_codings++;
		if (!is_name(value, "chunked"))
			fault(f, 501, "The transfer coding is not known here; send chunked or Content-Length");
	}
}

struct http_refusal http_framing_verdict(const struct http_framing *f, const struct http_guard_limits *l)
{
	const struct http_head *h = f->head;
	bool is_1_1 = str_eq(h->version, S("HTTP/1.1")), is_1_0 = str_eq(h->version, S("HTTP/1.0"));
	bool is_odd = h->is_exact && (f->has_gap || f->next + 2 != h->method.p + h->size);
	const struct { bool is_wrong; struct http_refusal refusal; } rules[] = {
		{ !is_1_1 && !is_1_0, { 505, "This server speaks HTTP/1.1 and HTTP/1.0; use one of them" } },
		{ h->size > l->header_max, { 431, "Request line and headers are too long together; send fewer or shorter headers" } },
		{ f->n_fields > l->headers_max, { 431, "There are too many headers; send fewer" } },
		{ f->refusal.status != 0, f->refusal },
		{ !is_token(h->method), { 400, "The method holds a character that is not allowed there; send GET, POST or the like" } },
		{ is_odd, { 400, "The head holds a NUL, a folded line, a line end that is not CRLF or a blank too many; take it out" } },
		{ f->n_hosts > 1 || (is_1_1 && f->n_hosts == 0), { 400, "HTTP/1.1 needs exactly one Host header" } },
		{ f->n_lengths > 1, { 400, "Content-Length was sent more than once; send it once" } },
		{ f->n_codings > 1, { 400, "Transfer-Encoding was sent more than once; send it once" } },
		{ f->n_lengths > 0 && f->n_codings > 0, { 400, "Content-Length stands beside Transfer-Encoding; send one of them" } },
		{ is_1_0 && f->n_codings > 0, { 400, "HTTP/1.0 has no Transfer-Encoding; send Content-Length or use HTTP/1.1" } },
		{ f->n_lengths > 0 && f->length > l->body_max, { 413, "The body is longer than this server takes; send less at once" } },
	};
	for (size_t i = 0; i < COUNT(rules); i++)
		if (rules[i].is_wrong)
			return rules[i].refusal;
	return (struct http_refusal){ 0 };
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoding; blank: what '+' stands for. false: an escape is broken. The result is never longer than the text. */
static bool decode(struct arena *a, struct str s, char plus, struct str *ret)
{
	char *out = arena_alloc(a, s.n + 1, 1);
	size_t n = 0;
	if (out == NULL)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%') {
			out[n++] = s.p[i] == '+' ? plus : s.p[i];
			continue;
		}
		int hi = s.n - i > 2 ? hex_digit(s.p[i + 1]) : -1, lo = s.n - i > 2 ? hex_digit(s.p[i + 2]) : -1;
		if (hi < 0 || lo < 0)
			return false;
		out[n++] = (char)(hi << 4 | lo);
		i += 2;
	}
	*ret = (struct str){ out, n };
	return true;
}

/* http://host/path is what a client sends to a proxy; servers must take it too (RFC 9112 section 3.2.2). */
static struct str without_authority(struct str target)
{
	static const char *const schemes[] = { "http://", "https://" };
	for (size_t i = 0; i < COUNT(schemes); i++) {
		size_t n = strlen(schemes[i]);
		if (target.n < n || strncasecmp(target.p, schemes[i], n) != 0)
			continue;
		struct str rest = str_skip(target, n);
		size_t end = 0;
		while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
			end++;
		rest = str_skip(rest, end);
		return rest.n ? rest : S("/");
	}
	return target;
}

static bool has_blank_or_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f)
			return true;
	return false;
}

static bool is_clean_text(struct str s)
{
	return str_is_utf8(s) && (s.n == 0 || memchr(s.p, '\0', s.n) == NULL);
}

struct http_refusal http_target_read(struct arena *a, struct str target, struct str *ret_path, struct str *ret_query)
{
	struct str path = without_authority(target), query = S(""), text;
	if (has_blank_or_control(target))
		return (struct http_refusal){ 400, "The request target holds a blank or a control character; write it as %20" };
	(void)str_cut(path, '?', &path, &query);                   /* no '?': the whole is the path */
	if (path.n == 0 && query.n > 0)
		path = S("/");
	if (path.n == 0 || (path.p[0] != '/' && !str_eq(path, S("*"))))
		return (struct http_refusal){ 400, "The request target is no path; it starts with a slash" };
	if (memchr(path.p, '#', path.n) || (query.n && memchr(query.p, '#', query.n)))
		return (struct http_refusal){ 400, "The request target holds a #; leave the fragment out" };
	if (query.n && (!decode(a, query, ' ', &text) || !is_clean_text(text)))
		return (struct http_refusal){ 400, "The query holds a broken % escape, a NUL or bytes that are no UTF-8" };
	if (!decode(a, path, '+', &text) || !is_clean_text(text))
		return (struct http_refusal){ 400, "The path holds a broken % escape, a NUL or bytes that are no UTF-8" };
	*ret_path = text;
	*ret_query = query;
	return (struct http_refusal){ 0 };
}

bool http_query_find(struct arena *a, struct str query, struct str name, struct str *ret)
{
	while (query.n > 0) {
		struct str pair = query, key, value = S("");
		if (!str_cut(query, '&', &pair, &query))
			query = S("");
		key = pair;
		(void)str_cut(pair, '=', &key, &value);            /* no '=': a name with an empty value */
		if (decode(a, key, ' ', &key) && str_eq(key, name))
			return decode(a, value, ' ', ret);
	}
	return false;
}
