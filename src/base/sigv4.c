/* sigv4.c - see sigv4.h. Each part of the canonical request is written as the specification names it, in its order. */
#include "base/sigv4.h"
#include "base/digest.h"
#include "base/when.h"
#include <assert.h>
#include <string.h>

enum { HEADERS_MAX = 32, PARAMS_MAX = 64, TEXT_MAX = 1 << 20 };

/* The parts of an URL. A request for "https://host" asks for "/". */
struct parts { struct str scheme, host, path, query; };

static struct parts split(struct str url)
{
	struct parts p = { .path = S("/") };
	struct str rest = url, user, tail;
	size_t i = 0;
	while (i + 3 <= url.n && memcmp(url.p + i, "://", 3) != 0)
		i++;
	p.scheme = (struct str){ url.p, i };
	rest = str_skip(url, i + 3);
	for (i = 0; i < rest.n && rest.p[i] != '/' && rest.p[i] != '?' && rest.p[i] != '#';)
		i++;
	p.host = (struct str){ rest.p, i };
	if (str_cut(p.host, '@', &user, &tail))
		p.host = tail;
	rest = str_skip(rest, i);
	if (str_cut(rest, '#', &user, &tail))
		rest = user;
	if (str_cut(rest, '?', &user, &p.query))
		rest = user;
	if (rest.n)
		p.path = rest;
	return p;
}

/* As it stands in the Host header: without the port that goes without saying. */
static struct str host_header(struct parts p)
{
	struct str port = str_eq(p.scheme, S("https")) ? S(":443") : S(":80");
	if (p.host.n > port.n && str_eq(str_skip(p.host, p.host.n - port.n), port))
		p.host.n -= port.n;
	return p.host;
}

static bool is_unreserved(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
	    c == '_' || c == '~';
}

static void encode(struct buf *b, struct str s)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (is_unreserved(s.p[i]))
			buf_char(b, s.p[i]);
		else
			buf_add(b, (struct str){ (char[]){ '%', hex[c >> 4], hex[c & 15] }, 3 });
	}
}

static int hex_value(char c)
{
	const char *at = c ? strchr("0123456789abcdef", c | 0x20) : NULL;
	return at ? (int)(at - "0123456789abcdef") : -1;
}

static struct str decoded(struct arena *a, struct str s)
{
	char *out = arena_need(a, s.n + 1, 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		int hi = s.p[i] == '%' && i + 2 < s.n ? hex_value(s.p[i + 1]) : -1, lo = hi < 0 ? -1 : hex_value(s.p[i + 2]);
		out[n++] = s.p[i];
		if (lo >= 0) {
			out[n - 1] = (char)(hi << 4 | lo);
			i += 2;
		}
	}
	return (struct str){ out, n };
}

/* The path without "." and "..", each segment encoded once more than it is on the wire. */
static void write_path(struct buf *b, struct arena *a, struct str path)
{
	struct str segment, rest = path, *kept = NEWN(a, struct str, path.n + 1);
	size_t n = 0;
	for (bool more = true; more;) {
		more = str_cut(rest, '/', &segment, &rest);
		if (!more)
			segment = rest;
		if (str_eq(segment, S("..")))
			n -= n > 0;
		else if (segment.n > 0 && !str_eq(segment, S(".")))
			kept[n++] = segment;
	}
	for (size_t i = 0; i < n; i++) {
		buf_char(b, '/');
		encode(b, kept[i]);
	}
	if (n == 0 || path.p[path.n - 1] == '/')
		buf_char(b, '/');
}

struct pair_of_texts { struct str name, value; };

static bool is_less(struct pair_of_texts x, struct pair_of_texts y)
{
	int c = str_cmp(x.name, y.name);
	return c < 0 || (c == 0 && str_cmp(x.value, y.value) < 0);
}

/* Few enough that sorting by insertion is the short way. Stable: repeated headers keep their order. */
static void insert(struct pair_of_texts *v, size_t n, struct pair_of_texts x, bool by_name_only)
{
	while (n > 0 && (by_name_only ? str_cmp(x.name, v[n - 1].name) < 0 : is_less(x, v[n - 1]))) {
		v[n] = v[n - 1];
		n--;
	}
	v[n] = x;
}

static struct str encoded(struct arena *a, struct str s)
{
	struct buf b = BUF(TEXT_MAX);
	encode(&b, decoded(a, s));
	struct str text = arena_str(a, buf_str(&b));
	buf_free(&b);
	return text;
}

static void write_query(struct buf *b, struct arena *a, struct str query)
{
	struct pair_of_texts v[PARAMS_MAX];
	struct str part, rest = query;
	size_t n = 0;
	for (bool more = query.n > 0; more;) {
		more = str_cut(rest, '&', &part, &rest);
		if (!more)
			part = rest;
		if (part.n == 0)
			continue;
		struct pair_of_texts p = { part, S("") };
		(void)str_cut(part, '=', &p.name, &p.value);       /* no value is an empty one */
		assert(n < PARAMS_MAX);
		insert(v, n, (struct pair_of_texts){ encoded(a, p.name), encoded(a, p.value) }, false);
		n++;
	}
	for (size_t i = 0; i < n; i++) {
		buf_add(b, i ? S("&") : S(""));
		buf_add(b, v[i].name);
		buf_char(b, '=');
		buf_add(b, v[i].value);
	}
}

static struct str lower(struct arena *a, struct str s)
{
	char *out = arena_need(a, s.n + 1, 1);
	for (size_t i = 0; i < s.n; i++)
		out[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
	return (struct str){ out, s.n };
}

/* Without blanks at its ends, and one for several inside. */
static struct str squeezed(struct arena *a, struct str s)
{
	s = str_trim(s);
	char *out = arena_need(a, s.n + 1, 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' || s.p[i - 1] != ' ')
			out[n++] = s.p[i];
	return (struct str){ out, n };
}

struct signed_headers { struct pair_of_texts v[HEADERS_MAX]; size_t n; };

static void add_signed(struct signed_headers *h, struct arena *a, struct str header)
{
	struct pair_of_texts p;
	if (!str_cut(header, ':', &p.name, &p.value))
		return;
	p = (struct pair_of_texts){ lower(a, str_trim(p.name)), squeezed(a, p.value) };
	if (!str_eq(p.name, S("content-type")) && !str_starts(p.name, S("x-amz-")))
		return;
	assert(h->n < HEADERS_MAX);
	insert(h->v, h->n++, p, true);
}

static bool is_repeated(const struct signed_headers *h, size_t i)
{
	return i > 0 && str_eq(h->v[i].name, h->v[i - 1].name);
}

static void write_headers(struct buf *b, const struct signed_headers *h)
{
	for (size_t i = 0; i < h->n; i++) {
		if (is_repeated(h, i)) {
			b->n--;                                    /* the line goes on */
			buf_char(b, ',');
		} else {
			buf_add(b, h->v[i].name);
			buf_char(b, ':');
		}
		buf_add(b, h->v[i].value);
		buf_char(b, '\n');
	}
}

static struct str names(struct arena *a, const struct signed_headers *h)
{
	struct buf b = BUF(TEXT_MAX);
	for (size_t i = 0; i < h->n; i++)
		if (!is_repeated(h, i)) {
			buf_add(&b, i ? S(";") : S(""));
			buf_add(&b, h->v[i].name);
		}
	struct str text = arena_str(a, buf_str(&b));
	buf_free(&b);
	return text;
}

/* "20260102T030405Z" of "2026-01-02T03:04:05.000Z". */
static struct str stamp(struct arena *a, int64_t at_ms)
{
	struct buf b = BUF(64);
	when_write(&b, at_ms);
	const char *p = b.p;
	struct str text = arena_fmt(a, "%.4s%.2s%.2sT%.2s%.2s%.2sZ", p, p + 5, p + 8, p + 11, p + 14, p + 17);
	buf_free(&b);
	return text;
}

static void add_header(struct wire_request *r, struct str header)
{
	r->headers.v[r->headers.n++] = header;
}

static struct str bytes(uint8_t key[SHA256_N])
{
	return (struct str){ (const char *)key, SHA256_N };
}

static struct str signature(struct arena *a, const struct sigv4_keys *keys, struct sigv4_scope scope, struct str date,
    struct str to_sign)
{
	uint8_t key[SHA256_N];
	struct buf hex = BUF((size_t)2 * SHA256_N), start = BUF(TEXT_MAX);
	buf_add(&start, S("AWS4"));
	buf_add(&start, keys->secret);
	const struct str step[] = { date, scope.region, scope.service, S("aws4_request"), to_sign };
	hmac_sha256(buf_str(&start), step[0], key);
	for (size_t i = 1; i < COUNT(step); i++)
		hmac_sha256(bytes(key), step[i], key);
	hex_write(&hex, key, sizeof key);
	struct str text = arena_str(a, buf_str(&hex));
	buf_free(&hex);
	buf_free(&start);
	return text;
}

static struct str canonical(struct arena *a, const struct wire_request *r, struct parts p, const struct signed_headers *h)
{
	struct buf b = BUF(TEXT_MAX);
	buf_add(&b, r->method);
	buf_char(&b, '\n');
	write_path(&b, a, p.path);
	buf_char(&b, '\n');
	write_query(&b, a, p.query);
	buf_char(&b, '\n');
	write_headers(&b, h);
	buf_char(&b, '\n');
	buf_add(&b, names(a, h));
	buf_char(&b, '\n');
	buf_add(&b, sha256_hex(a, r->body));
	assert(b.err == 0);
	struct str text = arena_str(a, buf_str(&b));
	buf_free(&b);
	return text;
}

void sigv4_sign(struct arena *a, const struct sigv4_keys *keys, struct sigv4_scope scope, int64_t at_ms, struct wire_request *r,
    struct sigv4_trace *ret)
{
	struct parts p = split(r->url);
	struct str time = stamp(a, at_ms), date = { time.p, 8 };
	struct str_list more = { NEWN(a, struct str, r->headers.n + 3), r->headers.n };
	if (r->headers.n)
		memcpy(more.v, r->headers.v, r->headers.n * sizeof *more.v);
	r->headers = more;
	add_header(r, arena_fmt(a, "X-Amz-Date: %.*s", STR_ARG(time)));
	if (keys->token.n)
		add_header(r, arena_fmt(a, "X-Amz-Security-Token: %.*s", STR_ARG(keys->token)));
	struct signed_headers h = { .n = 0 };
	insert(h.v, h.n++, (struct pair_of_texts){ S("host"), lower(a, host_header(p)) }, true);
	for (size_t i = 0; i < r->headers.n; i++)
		add_signed(&h, a, r->headers.v[i]);

	struct sigv4_trace t = { .canonical = canonical(a, r, p, &h) };
	struct str full = arena_fmt(a, "%.*s/%.*s/%.*s/aws4_request", STR_ARG(date), STR_ARG(scope.region),
	    STR_ARG(scope.service));
	t.to_sign = arena_fmt(a, "AWS4-HMAC-SHA256\n%.*s\n%.*s\n%.*s", STR_ARG(time), STR_ARG(full),
	    STR_ARG(sha256_hex(a, t.canonical)));
	t.signature = signature(a, keys, scope, date, t.to_sign);
	add_header(r, arena_fmt(a, "Authorization: AWS4-HMAC-SHA256 Credential=%.*s/%.*s, SignedHeaders=%.*s, Signature=%.*s",
	    STR_ARG(keys->id), STR_ARG(full), STR_ARG(names(a, &h)), STR_ARG(t.signature)));
	if (ret)
		*ret = t;
}
