/* email.c - a page as a mail over SMTP submission (type: smtp). The message is made here whole; libcurl carries it.
 *
 * RFC 5322 with CRLF and short lines; the subject as RFC 2047 words when it is not plain ASCII; the text as it is when it is
 * ASCII, else quoted-printable. Nothing from outside gets into a header but through line_add or a check, so no
 * text can add one. Message-ID comes from the page's id: equal on every attempt, and mails of one incident form a thread.
 * Encryption: smtps:// is TLS from the first byte; smtp:// must offer STARTTLS, except that a server on loopback need not.
 */
#include "base/digest.h"
#include "base/when.h"
#include "channels/parts.h"
#include <errno.h>

/* clang-format off */
#define STARTTLS(X) X(STARTTLS_AUTO, "auto") X(STARTTLS_REQUIRED, "required") X(STARTTLS_OPPORTUNISTIC, "opportunistic")
ENUM_TYPE(starttls, STARTTLS);
ENUM_NAMES(starttls, STARTTLS);
#define SMTP(X, E) \
	X(E, SECRET, url,      ,         REQ, 0,   0, "smtp://USER:PASSWORD@HOST:587 or smtps://HOST:465; percent-encode what is not a letter or digit.") \
	X(E, STR,    from,     ,         REQ, 3, 254, "Mail address of the sender.") \
	X(E, ENUM,   starttls, starttls, 0,   0,   0, "auto: required, but not on loopback; required; opportunistic: go on in the clear without it.")
ENTITY_STRUCT(smtp, SMTP);
ENTITY_TABLE(smtp, SMTP, "Mail over SMTP submission.");
/* clang-format on */

enum { MESSAGE_MAX = 512 << 10, SUBJECT_MAX = 160, TITLE_MAX = 1024, DESCRIPTION_MAX = 16 << 10, LABELS_MAX = 64, LINKS_MAX = 32,
	VALUE_MAX = 256, LINE_MAX_BYTES = 998, QP_LINE = 76 };

/* Where the mail server is, taken out of the url. */
struct server { struct str host, user, password; bool is_tls; };

static bool is_all(struct str s, bool (*is_fit)(char c))
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_fit(s.p[i]))
			return false;
	return s.n > 0;
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_host_char(char c)
{
	return is_word_char(c) || c == '-' || c == '.';
}

static bool is_literal_char(char c)
{
	return is_word_char(c) || c == '.' || c == ':';
}

static bool is_number_char(char c)
{
	return (c >= '0' && c <= '9') || c == '.';
}

/* RFC 5322 dot-atom: quoted local parts are legal and nobody has one. */
static bool is_local_char(char c)
{
	struct str head, tail;
	return is_word_char(c) || str_cut(S("!#$%&'*+-/=?^_`{|}~."), c, &head, &tail);
}

/* Splits at the last `at`. */
static bool cut_last(struct str s, char at, struct str *ret_head, struct str *ret_tail)
{
	for (size_t n = s.n; n > 0; n--)
		if (s.p[n - 1] == at) {
			*ret_head = (struct str){ s.p, n - 1 };
			*ret_tail = str_skip(s, n);
			return true;
		}
	return false;
}

static bool is_address(struct str s)
{
	struct str local, domain;
	if (s.n > 254 || !cut_last(s, '@', &local, &domain) || local.n > 64)
		return false;
	bool has_dots_right = local.n > 0 && local.p[0] != '.' && local.p[local.n - 1] != '.' && domain.n > 0 &&
	    domain.p[0] != '.' && domain.p[0] != '-' && domain.p[domain.n - 1] != '.';
	return has_dots_right && is_all(local, is_local_char) && is_all(domain, is_host_char);
}

static struct str check_address(struct arena *a, struct str address)
{
	if (is_address(address))
		return S("");
	struct buf b = BUF(512);
	line_add(&b, text_cut(address, 100));
	struct str say = arena_fmt(a, "\"%.*s\" is not a mail address such as name@example.com", STR_ARG(buf_str(&b)));
	buf_free(&b);
	return say;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* EINVAL: a % without two hex digits, or a control character in what comes out (it would end a line of the dialogue). */
static int percent_decode(struct arena *a, struct str s, struct str *ret)
{
	char *out = arena_alloc(a, s.n + 1, 1);
	size_t n = 0;
	if (out == NULL)
		return ENOMEM;
	for (size_t i = 0; i < s.n; i++, n++) {
		out[n] = s.p[i];
		if (s.p[i] != '%')
			continue;
		int hi = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1, lo = hi >= 0 ? hex_digit(s.p[i + 2]) : -1;
		if (lo < 0)
			return EINVAL;
		out[n] = (char)(hi << 4 | lo);
		i += 2;
	}
	*ret = (struct str){ out, n };
	return is_header_value(*ret) ? 0 : EINVAL;
}

static bool is_port(struct str s)
{
	int64_t n;
	return is_all(s, is_number_char) && str_int(s, &n) && n >= 1 && n <= 65535;
}

/* HOST, HOST:PORT, [::1], [::1]:PORT. */
static bool is_host(struct str s)
{
	struct str host, port;
	if (s.n > 0 && s.p[0] == '[')
		return str_cut(str_skip(s, 1), ']', &host, &port) && is_all(host, is_literal_char) &&
		    (port.n == 0 || (port.p[0] == ':' && is_port(str_skip(port, 1))));
	return str_cut(s, ':', &host, &port) ? is_all(host, is_host_char) && is_port(port) : is_all(s, is_host_char);
}

/* The url is a secret: a fault says what is wrong, never what it was. */
static const char *parse_url(struct arena *a, struct str url, struct server *ret)
{
	struct str login, rest, host, user, password = { 0 };
	ret->is_tls = str_starts(url, S("smtps://"));
	if (!ret->is_tls && !str_starts(url, S("smtp://")))
		return "url must begin with smtp:// or smtps://";
	rest = str_skip(url, ret->is_tls ? 8 : 7);
	if (rest.n > 0 && rest.p[rest.n - 1] == '/')
		rest.n--;
	if (cut_last(rest, '@', &login, &host)) {
		user = login;
		(void)str_cut(login, ':', &user, &password);     /* a name without a password is the server's to judge */
		if (user.n == 0 || percent_decode(a, user, &ret->user) || percent_decode(a, password, &ret->password))
			return "url: the user name and password must be percent-encoded: % as %25, @ as %40, : as %3A, / as %2F";
		rest = host;
	}
	if (!is_host(rest))
		return "url must name a host and port, as in smtp://mail.example.com:587";
	ret->host = rest;
	return NULL;
}

static bool is_loopback(struct str host)
{
	struct str name = host, port;
	(void)str_cut(host, ':', &name, &port);                   /* without a port the whole is the name */
	return (str_starts(name, S("127.")) && is_all(name, is_number_char)) || str_eq(name, S("localhost")) ||
	    str_starts(host, S("[::1]"));
}

/* An unstructured header's text (RFC 2047: when it is more than ASCII, words of at most 75 characters in lines of at most 76). */
static void add_words(struct buf *b, struct str s)
{
	enum { CHUNK = 39 };                                      /* 52 characters of base64: fits behind "Subject: " */
	bool is_plain = !str_starts(s, S("=?"));
	for (size_t i = 0; i < s.n; i++)
		is_plain = is_plain && (unsigned char)s.p[i] < 0x80 && !str_starts(str_skip(s, i), S("=?"));
	if (is_plain) {
		buf_add(b, s);
		return;
	}
	for (bool is_first = true; s.n > 0; is_first = false) {
		struct str head = text_cut(s, CHUNK);
		if (head.n == 0)
			head = (struct str){ s.p, s.n < CHUNK ? s.n : CHUNK };   /* not UTF-8; still it must end */
		buf_add(b, is_first ? S("=?utf-8?B?") : S("\r\n =?utf-8?B?"));
		base64_write(b, (const uint8_t *)head.p, head.n);
		buf_add(b, S("?="));
		s = str_skip(s, head.n);
	}
}

static void add_subject(struct buf *b, const struct message *m)
{
	struct buf s = BUF(4 << 10);
	struct str title = text_cut(m->incident->title, SUBJECT_MAX);
	buf_fmt(&s, "[#%lld ", (long long)m->incident->number);
	buf_add(&s, severity_name(m->incident->severity));
	buf_add(&s, S("] "));
	line_add(&s, title);
	if (title.n < m->incident->title.n)
		buf_add(&s, S("..."));
	buf_add(b, S("Subject: "));
	add_words(b, buf_str(&s));
	buf_add(b, S("\r\n"));
	buf_free(&s);
}

/* <ID@DOMAIN>, with what is special in it written as a dot. */
static void add_id(struct buf *b, const char *header, struct str id, struct str from)
{
	struct str local, domain = { 0 };
	(void)cut_last(from, '@', &local, &domain);               /* from was checked: it has one */
	buf_fmt(b, "%s: <", header);
	for (size_t i = 0; i < id.n; i++)
		buf_char(b, is_word_char(id.p[i]) || id.p[i] == '-' ? id.p[i] : '.');
	buf_char(b, '@');
	buf_add(b, domain);
	buf_add(b, S(">\r\n"));
}

static void add_field(struct buf *b, const char *name, struct str value)
{
	if (value.n == 0)
		return;
	buf_fmt(b, "%-12s ", name);
	line_add(b, text_cut(value, VALUE_MAX));
	buf_char(b, '\n');
}

static void add_facts(struct buf *b, const struct message *m)
{
	const struct incident *in = m->incident;
	struct buf z = BUF(256);
	add_field(b, "Service:", m->service_name.n > 0 ? m->service_name : in->service);
	buf_fmt(b, "%-12s %lld ", "Severity:", (long long)in->severity);
	buf_add(b, severity_name(in->severity));
	buf_char(b, '\n');
	add_field(b, "Status:", enum_word(&incident_status_names, (int)in->status));
	when_write(&z, in->detected_at);
	add_field(b, "Detected:", buf_str(&z));
	buf_fmt(b, "%-12s level %lld, round %lld, target ", "Paged:", (long long)m->page->level, (long long)m->page->round);
	line_add(b, text_cut(m->page->target, 320));
	buf_char(b, '\n');
	add_field(b, "Incident:", in->id);
	add_field(b, "Source:", in->source);
	add_field(b, "Dedup key:", in->dedup_key);
	buf_free(&z);
}

static void add_extras(struct buf *b, const struct incident *in)
{
	if (in->description.n > 0) {
		buf_char(b, '\n');
		block_add(b, text_cut(in->description, DESCRIPTION_MAX));
		buf_char(b, '\n');
	}
	for (size_t i = 0; i < in->labels.n && i < LABELS_MAX; i++) {
		buf_add(b, i == 0 ? S("\nLabels:\n  ") : S("  "));
		line_add(b, text_cut(in->labels.v[i].key, VALUE_MAX));
		buf_add(b, S(" = "));
		line_add(b, text_cut(in->labels.v[i].value, VALUE_MAX));
		buf_char(b, '\n');
	}
	for (size_t i = 0; i < in->links.n && i < LINKS_MAX; i++) {
		buf_add(b, i == 0 ? S("\nLinks:\n  ") : S("  "));
		line_add(b, text_cut(in->links.v[i].text, VALUE_MAX));
		buf_add(b, in->links.v[i].text.n > 0 ? S(": ") : S(""));
		line_add(b, text_cut(in->links.v[i].href, 2000));
		buf_char(b, '\n');
	}
}

/* The text with LF line ends. */
static void write_text(struct buf *b, const struct message *m)
{
	buf_fmt(b, "#%lld ", (long long)m->incident->number);
	line_add(b, text_cut(m->incident->title, TITLE_MAX));
	buf_add(b, S("\n\n"));
	add_facts(b, m);
	buf_fmt(b, "\nAcknowledge with: tocsin ack %lld\n", (long long)m->incident->number);
	if (m->url.n > 0) {
		buf_add(b, S("or at: "));
		line_add(b, text_cut(m->url, 2000));
		buf_char(b, '\n');
	}
	add_extras(b, m->incident);
}

/* ASCII in lines that every server takes: may go as it is. */
static bool is_plain_text(struct str s)
{
	size_t line = 0;
	for (size_t i = 0; i < s.n; i++) {
		line = s.p[i] == '\n' ? 0 : line + 1;
		if ((unsigned char)s.p[i] >= 0x80 || line > LINE_MAX_BYTES)
			return false;
	}
	return true;
}

static void add_plain(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_add(b, s.p[i] == '\n' ? S("\r\n") : (struct str){ s.p + i, 1 });
}

/* RFC 2045, 6.7: lines of at most 76 characters; a blank at the end of a line is written as a number. */
static void add_quoted_printable(struct buf *b, struct str s)
{
	size_t column = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '\n') {
			buf_add(b, S("\r\n"));
			column = 0;
			continue;
		}
		bool is_last = i + 1 == s.n || s.p[i + 1] == '\n';
		bool is_literal = (c > ' ' && c <= '~' && c != '=') || ((c == ' ' || c == '\t') && !is_last);
		size_t width = is_literal ? 1 : 3;
		if (column + width > QP_LINE - 1) {
			buf_add(b, S("=\r\n"));
			column = 0;
		}
		if (is_literal)
			buf_char(b, (char)c);
		else
			buf_fmt(b, "=%02X", (unsigned)c);
		column += width;
	}
}

static void write_message(struct buf *b, const struct message *m, struct str from, struct str to)
{
	struct buf text = BUF(MESSAGE_MAX / 4);
	write_text(&text, m);
	bool is_plain = is_plain_text(buf_str(&text));
	buf_fmt(b, "From: tocsin <%.*s>\r\nTo: %.*s\r\n", STR_ARG(from), STR_ARG(to));
	add_subject(b, m);
	buf_add(b, S("Date: "));
	mail_date_write(b, m->now_ms);
	buf_add(b, S("\r\n"));
	add_id(b, "Message-ID", m->page->id, from);
	add_id(b, "References", m->incident->id, from);
	buf_add(b, S("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"));
	buf_fmt(b, "Content-Transfer-Encoding: %s\r\n\r\n", is_plain ? "7bit" : "quoted-printable");
	if (is_plain)
		add_plain(b, buf_str(&text));
	else
		add_quoted_printable(b, buf_str(&text));
	if (text.err)
		b->err = text.err;
	buf_free(&text);
}

static struct str check_settings(struct arena *a, const void *settings)
{
	const struct smtp *s = settings;
	struct server server = { 0 };
	const char *fault = s->url.value.n > 0 ? parse_url(a, s->url.value, &server) : NULL;
	if (fault == NULL && !is_address(s->from))
		fault = "from must be a mail address such as tocsin@example.com";
	return str_c(fault);
}

static bool wants_tls(const struct smtp *s, const struct server *server)
{
	return server->is_tls || s->starttls == STARTTLS_REQUIRED || (s->starttls == STARTTLS_AUTO && !is_loopback(server->host));
}

static int build(struct arena *a, const void *settings, const struct message *m, struct wire_request *ret, struct str *ret_why)
{
	const struct smtp *s = settings;
	struct str to = m->page->address, body = { 0 }, why = check_settings(a, s);
	struct server server = { 0 };
	struct buf b = BUF(MESSAGE_MAX);
	if (why.n == 0)
		why = check_address(a, to);
	if (why.n == 0)
		why = str_c(parse_url(a, s->url.value, &server));
	if (why.n == 0)
		write_message(&b, m, s->from, to);
	if (why.n == 0 && (b.err || str_keep(a, buf_str(&b), &body)))
		why = S("the message is too large");
	buf_free(&b);
	if (why.n > 0) {
		*ret_why = why;
		return EINVAL;
	}
	*ret = (struct wire_request){
		.url = arena_fmt(a, "%s://%.*s", server.is_tls ? "smtps" : "smtp", STR_ARG(server.host)), .body = body,
		.mail_from = arena_str(a, s->from), .mail_to = arena_str(a, to), .username = server.user, .password = server.password,
		.require_tls = wants_tls(s, &server),
	};
	return 0;
}

/* The last code of the dialogue. With an error beside it the mail was not handed over, whatever the code: it may be the greeting's. */
static void judge(struct arena *a, const struct wire_reply *r, int64_t now_ms, struct channel_judgement *ret)
{
	static const struct { int status; const char *say; } meaning[] = {
		{ 421, "the mail server is closing" }, { 450, "the mailbox is not available now" },
		{ 451, "the mail server failed" }, { 452, "the mail server has no room" }, { 530, "the mail server wants a login or TLS" },
		{ 535, "the mail server refuses the user name or password" }, { 550, "the mail server does not know the mailbox" },
		{ 552, "the mailbox is full" }, { 553, "the mail server does not take the address" },
		{ 554, "the mail server refuses the message" },
	};
	(void)now_ms;
	bool is_failed = r->error.n > 0;
	ret->verdict = r->status / 100 == 5 ? CHANNEL_REFUSED : r->status / 100 == 2 && !is_failed ? CHANNEL_DELIVERED : CHANNEL_RETRY;
	ret->retry_after_ms = 0;
	const char *say = ret->verdict == CHANNEL_DELIVERED ? "the mail server took the message"
	    : ret->verdict == CHANNEL_REFUSED ? "the mail server refuses it" : "the mail server could not take it now";
	for (size_t i = 0; i < COUNT(meaning); i++)
		if (meaning[i].status == r->status)
			say = meaning[i].say;
	struct buf b = BUF(2048);
	if (r->status > 0)
		buf_fmt(&b, "SMTP %d: %s", r->status, say);
	else
		buf_add(&b, S("the mail server did not take it"));
	if (is_failed)
		buf_add(&b, S(" - "));
	line_add(&b, text_cut(r->error, 300));
	ret->reason = arena_str(a, buf_str(&b));
	buf_free(&b);
}

const struct channel channel_email = {
	.name = "smtp", .doc = "Mail over SMTP submission.", .settings = &smtp_entity, .needs_address = true, .is_mail = true,
	.build = build, .judge = judge, .check_address = check_address, .check_settings = check_settings,
};
