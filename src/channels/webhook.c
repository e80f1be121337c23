/* webhook.c - POST each page as JSON to a URL of yours, signed as Standard Webhooks 1.0 when there is a secret.
 *
 *	{"type":"page","timestamp":"2026-01-02T03:04:05.678Z","data":{"page":{...},"incident":{...}}}
 *
 * webhook-id is the page's id: the same on every attempt, so a receiver that has seen it may drop the repetition.
 * webhook-timestamp is the second of the attempt; webhook-signature is "v1," and the base64 of HMAC-SHA256 over
 * ID.TIMESTAMP.BODY. What a sender wrote is cut to the sizes below, so the body stays small; a page never fails for its text.
 */
#include "base/digest.h"
#include "base/when.h"
#include "channels/parts.h"
#include <errno.h>

enum { BODY_MAX = 512 << 10, TITLE_MAX = 1024, DESCRIPTION_MAX = 4096, LABELS_MAX = 64, LABEL_MAX = 256, HEADERS_MAX = 32,
	HEADER_NAME_MAX = 64, HEADER_MAX = 4096, PAGE_ID_MAX = 128 };

/* clang-format off */
#define WEBHOOK(X, E) \
	X(E, STR,    url,         , REQ, 8,        2000, "Where to POST: http:// or https://, without a user name in it.") \
	X(E, SECRET, hmac_secret, , 0,   0,           0, "Signs each request: whsec_ and base64, or any text. Without it nothing is signed.") \
	X(E, MAP,    headers,     , 0,   0, HEADERS_MAX, "Headers to send as well, name to value.")
ENTITY_STRUCT(webhook, WEBHOOK);
ENTITY_TABLE(webhook, WEBHOOK, "POST each page as JSON to a URL, signed as Standard Webhooks.");
/* clang-format on */

/* Headers that are ours or the HTTP library's to write. */
static const char *const reserved[] = { "host", "content-length", "content-type", "connection", "keep-alive", "te", "trailer",
	"transfer-encoding", "upgrade", "expect", "proxy-authorization", "proxy-connection", "webhook-id", "webhook-timestamp",
	"webhook-signature" };

static bool same_word(struct str a, struct str lower)
{
	if (a.n != lower.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		char c = a.p[i];
		if ((c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c) != lower.p[i])
			return false;
	}
	return true;
}

static bool is_reserved(struct str name)
{
	for (size_t i = 0; i < COUNT(reserved); i++)
		if (same_word(name, str_c(reserved[i])))
			return true;
	return false;
}

/* A header name is a token (RFC 9110, 5.6.2). */
static bool is_token(struct str s)
{
	static const struct str separators = { "\"(),/:;<=>?@[\\]{}", 17 };
	for (size_t i = 0; i < separators.n; i++) {
		struct str head, tail;
		if (str_cut(s, separators.p[i], &head, &tail))
			return false;
	}
	return is_visible(s);
}

static const char *url_fault(struct str url)
{
	struct str rest = str_skip(url, str_starts(url, S("https://")) ? 8 : 7), host, path;
	if (!str_starts(url, S("https://")) && !str_starts(url, S("http://")))
		return "url must begin with http:// or https://";
	if (!is_visible(url))
		return "url must be printable ASCII without blanks; percent-encode the rest";
	if (str_cut(rest, '#', &host, &path))
		return "url must not have a #fragment";
	if (!str_cut(rest, '/', &host, &path))
		host = rest;
	if (str_cut(host, '@', &rest, &path))
		return "url must not hold a user name or password; use headers or hmac_secret";
	return host.n > 0 ? NULL : "url names no host";
}

static void add_text(struct buf *b, const char *name, struct str s, size_t max)
{
	buf_fmt(b, ",\"%s\":", name);
	buf_json(b, text_cut(s, max));
}

static void add_or_null(struct buf *b, const char *name, struct str s)
{
	if (s.n > 0)
		add_text(b, name, s, 2000);
	else
		buf_fmt(b, ",\"%s\":null", name);
}

static void add_page(struct buf *b, const struct page *p)
{
	buf_add(b, S("{\"id\":"));
	buf_json(b, p->id);
	buf_fmt(b, ",\"level\":%lld,\"round\":%lld", (long long)p->level, (long long)p->round);
	add_text(b, "target", p->target, 320);
	buf_fmt(b, ",\"attempt\":%lld", (long long)p->attempt);
	add_or_null(b, "address", p->address);
	buf_char(b, '}');
}

static void add_labels(struct buf *b, const struct map *m)
{
	buf_add(b, S(",\"labels\":{"));
	for (size_t i = 0; i < m->n && i < LABELS_MAX; i++) {
		if (i > 0)
			buf_char(b, ',');
		buf_json(b, text_cut(m->v[i].key, LABEL_MAX));
		buf_char(b, ':');
		buf_json(b, text_cut(m->v[i].value, LABEL_MAX));
	}
	buf_char(b, '}');
}

static void add_incident(struct buf *b, const struct message *m)
{
	const struct incident *in = m->incident;
	buf_add(b, S("{\"id\":"));
	buf_json(b, in->id);
	buf_fmt(b, ",\"number\":%lld", (long long)in->number);
	add_text(b, "title", in->title, TITLE_MAX);
	buf_fmt(b, ",\"severity\":%lld", (long long)in->severity);
	add_text(b, "status", enum_word(&incident_status_names, (int)in->status), 32);
	add_text(b, "service", in->service, 64);
	add_text(b, "source", in->source, 64);
	add_text(b, "dedup_key", in->dedup_key, 255);
	add_or_null(b, "url", m->url);
	add_text(b, "severity_name", severity_name(in->severity), 16);
	add_text(b, "service_name", m->service_name, 200);
	add_text(b, "description", in->description, DESCRIPTION_MAX);
	add_labels(b, &in->labels);
	buf_char(b, '}');
}

static int write_body(struct arena *a, const struct message *m, struct str *ret)
{
	struct buf b = BUF(BODY_MAX);
	buf_add(&b, S("{\"type\":\"page\",\"timestamp\":\""));
	when_write(&b, m->page->owed_at > 0 ? m->page->owed_at : m->now_ms);
	buf_add(&b, S("\",\"data\":{\"page\":"));
	add_page(&b, m->page);
	buf_add(&b, S(",\"incident\":"));
	add_incident(&b, m);
	buf_add(&b, S("}}"));
	int err = b.err ? b.err : str_keep(a, buf_str(&b), ret);
	buf_free(&b);
	return err;
}

/* whsec_ announces base64; anything else is the key as it stands. */
static int signing_key(struct arena *a, struct str secret, struct str *ret)
{
	if (str_starts(secret, S("whsec_")))
		return base64_read(a, str_skip(secret, 6), ret);
	*ret = secret;
	return 0;
}

static struct str signature(struct arena *a, struct str key, struct str id, int64_t at_s, struct str body)
{
	uint8_t mac[SHA256_N];
	struct buf b = BUF(BODY_MAX + 4096);
	buf_add(&b, id);
	buf_fmt(&b, ".%lld.", (long long)at_s);
	buf_add(&b, body);
	hmac_sha256(key, buf_str(&b), mac);
	buf_clear(&b);
	buf_add(&b, S("webhook-signature: v1,"));
	base64_write(&b, mac, sizeof mac);
	struct str line = arena_str(a, buf_str(&b));
	buf_free(&b);
	return line;
}

/* A value may come from anywhere: a line end in it would be a header of its own. */
static struct str check_headers(struct arena *a, const struct map *headers)
{
	for (size_t i = 0; i < headers->n; i++) {
		struct str name = headers->v[i].key, value = headers->v[i].value;
		if (!is_token(name) || name.n > HEADER_NAME_MAX || is_reserved(name))
			return S("headers: a name in it is none, or one that is not for you to set (Host, Content-Type, webhook-id, ...)");
		if (!is_header_value(value) || value.n > HEADER_MAX)
			return arena_fmt(a, "headers.%.*s: control characters, or longer than %d bytes", STR_ARG(name), HEADER_MAX);
	}
	return S("");
}

static struct str check_settings(struct arena *a, const void *settings)
{
	const struct webhook *w = settings;
	struct str key;
	const char *fault = url_fault(w->url);
	if (fault)
		return str_c(fault);
	if (signing_key(a, w->hmac_secret.value, &key))
		return S("hmac_secret begins with whsec_ but is not base64 behind it");
	return check_headers(a, &w->headers);
}

static struct str_list write_headers(struct arena *a, const struct webhook *w, const struct message *m, struct str key, struct str body)
{
	int64_t at_s = m->now_ms / 1000;
	struct str_list list = { NEWN(a, struct str, 4 + w->headers.n), 0 };
	list.v[list.n++] = S("Content-Type: application/json");
	list.v[list.n++] = arena_fmt(a, "webhook-id: %.*s", STR_ARG(m->page->id));
	list.v[list.n++] = arena_fmt(a, "webhook-timestamp: %lld", (long long)at_s);
	if (key.n > 0)
		list.v[list.n++] = signature(a, key, m->page->id, at_s, body);
	for (size_t i = 0; i < w->headers.n; i++)
		list.v[list.n++] = arena_fmt(a, "%.*s: %.*s", STR_ARG(w->headers.v[i].key), STR_ARG(w->headers.v[i].value));
	return list;
}

static int build(struct arena *a, const void *settings, const struct message *m, struct wire_request *ret, struct str *ret_why)
{
	const struct webhook *w = settings;
	struct str key = { 0 }, body = { 0 }, why = check_settings(a, w);
	if (why.n == 0 && (!is_visible(m->page->id) || m->page->id.n > PAGE_ID_MAX))
		why = S("the id of the page cannot stand in a header");
	if (why.n == 0 && (signing_key(a, w->hmac_secret.value, &key) || write_body(a, m, &body)))
		why = S("the message is too large");
	if (why.n > 0) {
		*ret_why = why;
		return EINVAL;
	}
	*ret = (struct wire_request){ .method = S("POST"), .url = arena_str(a, w->url), .headers = write_headers(a, w, m, key, body),
		.body = body };
	return 0;
}

static struct str check_address(struct arena *a, struct str address)
{
	(void)a;                                                  /* the sentence is always the same */
	return is_header_value(address) ? S("") : S("an address must not hold control characters");
}

const struct channel channel_webhook = {
	.name = "webhook", .doc = "POST each page as JSON to a URL, signed as Standard Webhooks.", .settings = &webhook_entity,
	.build = build, .judge = judge_http, .check_address = check_address,
	.check_settings = check_settings,
};
