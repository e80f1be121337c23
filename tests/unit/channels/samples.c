/* samples.c - what goes out for a page, whole: tests/data/channels/CHANNEL/NN.json, NN.want. A sample is
 * {"settings": as in the configuration (a secret's value is the name of its variable), "message": {"incident", "page": as stored,
 * "service_name", "url", "now"}}.
 */
#include "base/when.h"
#include "channels/channel.h"
#include "tests/unit/samples.h"

static void fill(void *ctx, struct str path, struct secret *s)
{
	(void)ctx, (void)path;
	s->value = s->env;
}

static void *read(struct arena *a, const struct entity *e, const struct jv *j, enum desc_view v)
{
	struct faults f = { .a = a };
	void *obj = arena_need(a, 1, e->size);
	assert_non_null(j);
	if (desc_read(a, obj, e, j, v, str_c(e->name), &f)) {
		struct buf b = BUF(64 << 10);
		faults_write(&f, &b);
		fail_msg("%s", b.p);
	}
	return obj;
}

static void show_request(const struct wire_request *r, struct buf *b)
{
	struct { const char *name; struct str value; } text[] = { { "method", r->method }, { "url", r->url }, { "from", r->mail_from },
		{ "to", r->mail_to }, { "user", r->username }, { "password", r->password } };
	for (size_t i = 0; i < COUNT(text); i++)
		if (text[i].value.n > 0)
			buf_fmt(b, "%s %.*s\n", text[i].name, STR_ARG(text[i].value));
	if (r->require_tls)
		buf_add(b, S("TLS or nothing\n"));
	for (size_t i = 0; i < r->headers.n; i++)
		buf_fmt(b, "header %.*s\n", STR_ARG(r->headers.v[i]));
	buf_add(b, S("--\n"));
	buf_add(b, r->body);
}

static void run(const void *ctx, struct str input, struct buf *got)
{
	const struct channel *c = ctx;
	struct arena a = ARENA(8 << 20);
	struct str why = { 0 };
	const struct jv *all = json_parse(&a, input, &why), *said = json_get(all, S("message")), *set = json_get(all, S("settings"));
	struct message m = { read(&a, &incident_entity, json_get(said, S("incident")), V_STORE),
		read(&a, &page_entity, json_get(said, S("page")), V_STORE), json_text(said, S("service_name")), json_text(said, S("url")), 0 };
	void *settings = read(&a, c->settings, set, V_CONFIG);
	struct wire_request r = { 0 };
	desc_secrets(&a, c->settings, settings, S(""), fill, NULL);
	assert_int_equal(when_read(json_text(said, S("now")), &m.now_ms), 0);
	if (c->build(&a, settings, &m, &r, &why))
		buf_fmt(got, "refused: %.*s\n", STR_ARG(why));
	else
		show_request(&r, got);
	arena_free(&a);
}

static void every_sample_is_said_as_its_want_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < channel_count(); i++) {
		struct buf dir = BUF(256);
		buf_fmt(&dir, "tests/data/channels/%s", channel_at(i)->name);
		samples_check(dir.p, run, channel_at(i));
		buf_free(&dir);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_sample_is_said_as_its_want_says) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
