/* judge.c - any reply is judged with a clean reason; a page made of any texts, with settings that are fit or are any texts too, is
 * refused with a sentence or becomes a request that is well formed: one line a header, CRLF alone in a mail, one line on a terminal.
 * A new channel is fuzzed by being in the table.
 */
#include "channels/channel.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Input is taken apart as texts: a length byte and so many bytes (what is left when there are fewer). */
static struct str take(struct str *in)
{
	size_t n = in->n > 0 ? (unsigned char)in->p[0] : 0;
	*in = str_skip(*in, 1);
	struct str s = { in->p, n < in->n ? n : in->n };
	*in = str_skip(*in, s.n);
	return (struct str){ s.p, str_utf8_span(s) };             /* all our texts are UTF-8: JSON was their way in */
}

static uint8_t take_byte(struct str *in)
{
	uint8_t c = in->n > 0 ? (uint8_t)in->p[0] : 0;
	*in = str_skip(*in, 1);
	return c;
}

static bool is_clean(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

static void check_judgement(const struct channel *c, struct str in)
{
	struct arena a = ARENA(1 << 20);
	struct channel_judgement j = { 0 };
	struct wire_reply r = { .status = take_byte(&in) * 4, .error = take(&in), .retry_after = take(&in), .body = in };
	int64_t now = (int64_t)take_byte(&in) << 40;
	c->judge(&a, &r, now, &j);
	assert(j.retry_after_ms >= 0 && j.retry_after_ms <= 15 * 60 * 1000);
	assert(j.reason.n > 0 && j.reason.n <= 1024 && is_clean(j.reason));
	assert(r.status / 100 == 2 || j.verdict != CHANNEL_DELIVERED);
	assert(j.verdict == CHANNEL_RETRY || j.retry_after_ms == 0);
	arena_free(&a);
}

/* Any texts for settings: by the table, as the reader of the configuration would place them. */
static void fill(struct arena *a, const struct entity *e, char *obj, struct str *in)
{
	for (size_t i = 0; i < e->nf; i++) {
		const struct field *f = &e->f[i];
		struct secret secret = { .value = take(in) };
		struct pair pair = { take(in), take(in) };
		struct map map = { memcpy(NEW(a, struct pair), &pair, sizeof pair), 1 };
		int word = f->names ? take_byte(in) % (int)f->names->n : 0;
		if (f->kind == K_STR)
			memcpy(obj + f->off, &pair.value, sizeof pair.value);
		else if (f->kind == K_SECRET)
			memcpy(obj + f->off, &secret, sizeof secret);
		else if (f->kind == K_MAP)
			memcpy(obj + f->off, &map, sizeof map);
		else if (f->kind == K_ENUM)
			memcpy(obj + f->off, &word, sizeof word);
	}
}

/* Settings that work, so that the rest of build is reached. */
static const struct { const char *name, *json, *secret; } fit[] = {
	{ "webhook", "{\"url\":\"https://h.example/x\",\"hmac_secret\":{\"env\":\"X\"}}", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
	{ "smtp", "{\"url\":{\"env\":\"X\"},\"from\":\"tocsin@example.com\"}", "smtp://user:p%40ss@mail.example.com:587" },
	{ "console", "{}", "" },
};

static void reveal(void *ctx, struct str path, struct secret *s)
{
	(void)path;
	s->value = *(const struct str *)ctx;
}

static void fit_settings(struct arena *a, const struct channel *c, void *obj)
{
	struct faults f = { .a = a };
	struct str why;
	for (size_t i = 0; i < COUNT(fit); i++)
		if (str_eq(str_c(fit[i].name), str_c(c->name))) {
			struct str secret = str_c(fit[i].secret);
			int err = desc_read(a, obj, c->settings, json_parse(a, str_c(fit[i].json), &why), V_CONFIG, S(""), &f);
			assert(err == 0);
			desc_secrets(a, c->settings, obj, S(""), reveal, &secret);
		}
}

/* RFC 5322: CRLF and nothing else ends a line, none is longer than 998; our headers in our order and no other. */
static void check_mail(struct str body)
{
	static const char *const names[] = { "From: ", "To: ", "Subject: ", "Date: ", "Message-ID: ", "References: ", "Auto-Submitted: ",
		"MIME-Version: ", "Content-Type: ", "Content-Transfer-Encoding: " };
	size_t next = 0;
	bool in_header = true;
	while (body.n > 0) {
		struct str line, rest;
		assert(str_cut(body, '\n', &line, &rest));
		assert(line.n > 0 && line.p[line.n - 1] == '\r' && line.n <= 999);
		line.n--;
		assert(line.n == 0 || (memchr(line.p, '\r', line.n) == NULL && memchr(line.p, '\0', line.n) == NULL));
		if (in_header && line.n > 0 && line.p[0] != ' ') {
			assert(next < COUNT(names) && str_starts(line, str_c(names[next])));
			next++;
		}
		for (size_t i = 0; i < line.n; i++)
			assert((unsigned char)line.p[i] < 0x80);
		in_header = in_header && line.n > 0;
		body = rest;
	}
	assert(!in_header && next == COUNT(names));
}

static void check_request(const struct wire_request *r)
{
	struct arena a = ARENA(4 << 20);
	struct str why, head, tail;
	for (size_t i = 0; i < r->headers.n; i++) {
		assert(str_cut(r->headers.v[i], ':', &head, &tail) && head.n > 0);
		for (size_t k = 0; k < r->headers.v[i].n; k++)
			assert(r->headers.v[i].p[k] == '\t' || ((unsigned char)r->headers.v[i].p[k] >= ' ' && r->headers.v[i].p[k] != 0x7f));
	}
	assert(is_clean(r->url) && is_clean(r->mail_from) && is_clean(r->mail_to));
	if (str_starts(r->url, S("smtp")))
		check_mail(r->body);
	else if (str_starts(r->url, S("http")))
		assert(json_parse_own(&a, r->body, &why) != NULL);
	else if (str_starts(r->url, S("console:")))
		assert(r->body.n > 0 && r->body.p[r->body.n - 1] == '\n' && is_clean((struct str){ r->body.p, r->body.n - 1 }));
	arena_free(&a);
}

static void check_build(const struct channel *c, struct str in)
{
	struct arena a = ARENA(CHANNEL_ARENA), own = ARENA(1 << 20);
	bool is_fit = take_byte(&in) & 1;
	void *settings = arena_need(&own, 1, c->settings->size);
	struct pair label = { take(&in), take(&in) };
	(void)str_cut(label.key, '\0', &label.key, &label.value); /* a name without NUL: JSON refuses it there */
	struct link link = { .href = take(&in), .text = take(&in) };
	struct incident inc = { .id = take(&in), .title = take(&in), .severity = take_byte(&in) % 6, .service = take(&in),
		.source = take(&in), .dedup_key = take(&in), .labels = { &label, 1 }, .links = { &link, 1 }, .number = take_byte(&in) };
	struct page page = { .id = take(&in), .target = take(&in), .address = take(&in) };
	struct message m = { &inc, &page, take(&in), take(&in), (int64_t)take_byte(&in) << 34 };
	struct wire_request r = { 0 };
	struct str why = { 0 };
	if (is_fit) {
		fit_settings(&own, c, settings);
		page.id = S("i/0/0/0/0");
		page.address = c->is_mail ? S("a@example.com") : page.address;
	} else {
		fill(&own, c->settings, settings, &in);
	}
	inc.description = (struct str){ in.p, str_utf8_span(in) };
	bool is_known = c->check_settings(&own, settings).n > 0;
	int err = c->build(&a, settings, &m, &r, &why);
	assert(!is_fit || err == 0);
	assert(err ? why.n > 0 : !is_known);
	if (err == 0)
		check_request(&r);
	(void)c->check_address(&own, page.address);
	arena_free(&a);
	arena_free(&own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < channel_count(); i++) {
		check_judgement(channel_at(i), (struct str){ (const char *)data, n });
		check_build(channel_at(i), (struct str){ (const char *)data, n });
	}
	return 0;
}
