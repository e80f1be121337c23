/* parts.c - see parts.h. */
#include "channels/parts.h"
#include "base/when.h"
#include <assert.h>
#include <errno.h>
#include <string.h>

/* Characters of several bytes that are not to be shown: C1 controls, direction marks, line and paragraph separators. */
static const struct { const char *lead; unsigned char lo, hi; } unseen[] = {
	{ "\xc2", 0x80, 0x9f }, { "\xe2\x80", 0x8e, 0x8f }, { "\xe2\x80", 0xa8, 0xae }, { "\xe2\x81", 0xa6, 0xa9 },
};

/* Bytes of the character at the front when it is not to be shown, else 0. */
static size_t unseen_span(struct str s)
{
	unsigned char c = (unsigned char)s.p[0];
	if (c < 0x20 || c == 0x7f)
		return 1;
	for (size_t i = 0; i < COUNT(unseen); i++) {
		struct str lead = str_c(unseen[i].lead);
		if (s.n <= lead.n || !str_starts(s, lead))
			continue;
		unsigned char last = (unsigned char)s.p[lead.n];
		if (last >= unseen[i].lo && last <= unseen[i].hi)
			return lead.n + 1;
	}
	return 0;
}

void line_add(struct buf *b, struct str s)
{
	bool gap = false, any = false;
	while (s.n > 0) {
		size_t span = unseen_span(s);
		if (span > 0 || s.p[0] == ' ') {
			gap = any;
			s = str_skip(s, span > 0 ? span : 1);
			continue;
		}
		if (gap)
			buf_char(b, ' ');
		buf_char(b, s.p[0]);
		gap = false;
		any = true;
		s = str_skip(s, 1);
	}
}

void block_add(struct buf *b, struct str s)
{
	while (s.n > 0) {
		size_t span = unseen_span(s);
		char c = s.p[0];
		if (str_starts(s, S("\r\n")))
			span = 2;
		if (c == '\r' || c == '\n')
			buf_char(b, '\n');
		else
			buf_char(b, span > 0 && c != '\t' ? ' ' : c);
		s = str_skip(s, span > 0 ? span : 1);
	}
}

struct str text_cut(struct str s, size_t max)
{
	return s.n <= max ? s : (struct str){ s.p, str_utf8_span((struct str){ s.p, max }) };
}

bool is_visible(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

bool is_header_value(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char weekdays[] = "ThuFriSatSunMonTueWed";                 /* 1970-01-01 was a Thursday */

/* "Sun, 06 Nov 1994 08:49:37 GMT" has one length; its parts are put into the order that when_read knows. */
int http_date_read(struct str s, int64_t *ret_ms)
{
	char z[] = "yyyy-mm-ddThh:mm:ssZ";
	if (s.n != 29 || !str_eq(str_skip(s, 25), S(" GMT")) || !str_eq((struct str){ s.p + 3, 2 }, S(", ")))
		return EINVAL;
	int month = 0;
	while (month < 12 && memcmp(months + (ptrdiff_t)month * 3, s.p + 8, 3) != 0)
		month++;
	if (month == 12)
		return EINVAL;
	memcpy(z, s.p + 12, 4);
	z[5] = (char)('0' + (month + 1) / 10);
	z[6] = (char)('0' + (month + 1) % 10);
	memcpy(z + 8, s.p + 5, 2);
	memcpy(z + 11, s.p + 17, 8);
	return when_read((struct str){ z, sizeof z - 1 }, ret_ms);
}

void mail_date_write(struct buf *b, int64_t ms)
{
	struct buf z = BUF(32);
	when_write(&z, ms);                                       /* 2026-01-02T03:04:05.678Z */
	int err = when_read(buf_str(&z), &ms);                    /* what was out of range is now the nearest that has a text */
	assert(err == 0);
	int month = (z.p[5] - '0') * 10 + (z.p[6] - '0');
	int64_t day = ms / 86400000;
	buf_fmt(b, "%.3s, %.2s %.3s %.4s %.8s +0000", weekdays + day % 7 * 3, z.p + 8, months + (ptrdiff_t)(month - 1) * 3, z.p,
	    z.p + 11);
	buf_free(&z);
}

int64_t retry_after_ms(struct str header, int64_t now_ms)
{
	enum { MAX_S = 15 * 60 };
	int64_t v = 0, at;
	bool is_number = true;
	header = str_trim(header);
	for (size_t i = 0; i < header.n; i++)
		is_number = is_number && header.p[i] >= '0' && header.p[i] <= '9';
	if (header.n > 0 && is_number)
		v = !str_int(header, &v) || v > MAX_S ? MAX_S * 1000 : v * 1000;   /* more digits than fit are many seconds */
	else if (http_date_read(header, &at) == 0 && __builtin_sub_overflow(at, now_ms, &v))
		v = 0;                                            /* our own clock is nowhere: no advice is better */
	if (v < 0)
		return 0;
	return v > MAX_S * 1000 ? MAX_S * 1000 : v;
}

/* What a status means to whoever reads why a page did not arrive. The verdict of a status that is not here goes by its class. */
static const struct { int status; bool again; const char *say; } meaning[] = {
	{ 400, false, "the receiver does not understand the request" },
	{ 401, false, "the receiver wants credentials; check the headers and the secret" },
	{ 403, false, "the receiver does not let us in; check the headers and the secret" },
	{ 404, false, "the receiver does not know this URL; check it" },
	{ 405, false, "the receiver takes no POST at this URL; check it" },
	{ 408, true,  "the receiver waited too long for the request" },
	{ 410, false, "the receiver is gone for good; remove it or correct its URL" },
	{ 413, false, "the receiver finds the message too large" },
	{ 425, true,  "the receiver wants it later" },
	{ 429, true,  "the receiver asks us to slow down" },
	{ 500, true,  "the receiver failed" },
	{ 502, true,  "the receiver's gateway got no good answer" },
	{ 503, true,  "the receiver is not available now" },
	{ 504, true,  "the receiver's gateway waited too long" },
};

static const char *class_meaning(int status)
{
	static const char *const say[] = { "not an answer to a request", "an unexpected kind of answer", "delivered",
		"redirects are not followed; give the final URL", "the receiver refuses the request", "the receiver failed" };
	return say[status >= 100 && status <= 599 ? status / 100 : 0];
}

void judge_http(struct arena *a, const struct wire_reply *r, int64_t now_ms, struct channel_judgement *ret)
{
	bool again = r->status == 0 || r->status / 100 == 5;
	const char *say = class_meaning(r->status);
	for (size_t i = 0; i < COUNT(meaning); i++)
		if (meaning[i].status == r->status) {
			again = meaning[i].again;
			say = meaning[i].say;
		}
	ret->verdict = r->status / 100 == 2 ? CHANNEL_DELIVERED : again ? CHANNEL_RETRY : CHANNEL_REFUSED;
	ret->retry_after_ms = again ? retry_after_ms(r->retry_after, now_ms) : 0;
	if (r->status != 0) {
		ret->reason = arena_fmt(a, "HTTP %d: %s", r->status, say);
		return;
	}
	struct buf b = BUF(1024);
	buf_add(&b, S("no answer: "));
	line_add(&b, r->error.n > 0 ? text_cut(r->error, 300) : S("the connection gave no reason"));
	ret->reason = arena_str(a, buf_str(&b));
	buf_free(&b);
}
