/* samples.c - real and made-up requests through every source's door: tests/data/sources/SOURCE/NN.json, NN.want. */
#include "base/when.h"
#include "sources/source.h"
#include "tests/unit/samples.h"

static void show_event(struct buf *b, const struct event *e)
{
	buf_fmt(b, "event %.*s via %.*s\n", STR_ARG(enum_word(&event_action_names, (int)e->action)), STR_ARG(e->via));
	struct { const char *name; struct str value; } text[] = { { "dedup_key", e->dedup_key }, { "title", e->title },
		{ "description", e->description } };
	for (size_t i = 0; i < COUNT(text); i++) {
		if (text[i].value.n == 0)
			continue;
		buf_fmt(b, "\t%s ", text[i].name);
		buf_json(b, text[i].value);
		buf_char(b, '\n');
	}
	if (e->severity)
		buf_fmt(b, "\tseverity %lld\n", (long long)e->severity);
	if (e->at) {
		buf_add(b, S("\tat "));
		when_write(b, e->at);
		buf_char(b, '\n');
	}
	for (size_t i = 0; i < e->labels.n; i++) {
		buf_fmt(b, "\tlabel %.*s ", STR_ARG(e->labels.v[i].key));
		buf_json(b, e->labels.v[i].value);
		buf_char(b, '\n');
	}
	for (size_t i = 0; i < e->tags.n; i++)
		buf_fmt(b, "\ttag %.*s\n", STR_ARG(e->tags.v[i]));
	for (size_t i = 0; i < e->links.n; i++)
		buf_fmt(b, "\tlink %.*s %.*s\n", STR_ARG(e->links.v[i].href), STR_ARG(e->links.v[i].text));
	if (e->details) {
		buf_add(b, S("\tdetails "));
		json_write(b, e->details);
		buf_char(b, '\n');
	}
}

/* As the engine would answer when each event opened an incident. */
static void show_answer(struct arena *a, const struct source *s, const struct source_request *r, const struct event *events,
    size_t n, struct buf *b)
{
	struct source_answer ans = { 0 };
	struct event_result *results = NEWN(a, struct event_result, n);
	for (size_t i = 0; i < n; i++)
		results[i] = (struct event_result){ true, "created", events[i].dedup_key, S("an-id"), S(""), (int64_t)i + 1 };
	s->answer(a, r, results, n, &ans);
	buf_fmt(b, "answer %d %.*s %.*s\n", ans.status, STR_ARG(ans.content_type), STR_ARG(ans.body));
}

static void run(const void *ctx, struct str input, struct buf *got)
{
	const struct source *s = ctx;
	struct arena a = ARENA(SOURCE_ARENA + (8 << 20));
	struct faults f = { .a = &a };
	struct source_request r = { .path_key = S("key"), .body = input, .content_type = S("application/json") };
	struct source_answer ans = { 0 };
	struct event *events = NULL;
	struct str why = { 0 };
	size_t n = 0;
	r.json = json_parse(&a, input, &why);
	if (r.json == NULL)
		fault_add(&f, NULL, S(""), "(what json_parse says)");   /* its words are its own to change */
	if (r.json && s->decode(&a, &r, &events, &n, &f) == 0) {
		for (size_t i = 0; i < n; i++)
			show_event(got, &events[i]);
		show_answer(&a, s, &r, events, n, got);
	} else {
		s->refuse(&a, &f, r.json != NULL, &ans);
		buf_fmt(got, "refuse %d %.*s %.*s\n", ans.status, STR_ARG(ans.content_type), STR_ARG(ans.body));
	}
	arena_free(&a);
}

static void every_sample_becomes_what_its_want_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < source_count(); i++) {
		struct buf dir = BUF(256);
		buf_fmt(&dir, "tests/data/sources/%s", source_at(i)->name);
		samples_check(dir.p, run, source_at(i));
		buf_free(&dir);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_sample_becomes_what_its_want_says) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
