/* decoders.c - any bytes at every door: they are refused with a reason, or become events that keep every promise of
 * model/event.h and fit into the store; either way the answer is JSON. A new source is fuzzed by being in the table.
 * Good seeds: the files of tests/data/sources.
 */
#include "sources/source.h"
#include "store/store.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_answer(struct arena *a, const struct source_answer *ans, bool is_taken)
{
	struct str why;
	assert(is_taken ? ans->status == 202 : ans->status >= 400 && ans->status < 500);
	assert(ans->content_type.n > 0);
	assert(json_parse_own(a, ans->body, &why) != NULL);
}

/* What the engine would keep of it is small enough, and can be read again. */
static void check_stored(const struct event *e)
{
	struct arena a = ARENA(16 << 20);
	struct faults f = { .a = &a };
	struct incident again;
	struct str why;
	struct incident in = { .title = e->title, .description = e->description, .severity = e->severity, .labels = e->labels,
		.tags = e->tags, .links = e->links, .details = e->details, .dedup_key = e->dedup_key };
	struct buf b = BUF(STORE_BODY_MAX - (32 << 10));          /* the rest is for what is written into it later */
	desc_write(&b, &incident_entity, &in, V_STORE);
	assert(b.err == 0);
	struct jv *j = json_parse_own(&a, buf_str(&b), &why);
	int err = j ? desc_read(&a, &again, &incident_entity, j, V_STORE, S(""), &f) : 1;
	assert(err == 0 && str_eq(again.title, e->title) && again.labels.n == e->labels.n);
	arena_free(&a);
	buf_free(&b);
}

static void check_trigger(const struct event *e)
{
	assert(e->title.n >= 1 && e->title.n <= 1024 && str_is_utf8(e->title));
	for (size_t i = 0; i < e->title.n; i++)
		assert((unsigned char)e->title.p[i] >= ' ' && e->title.p[i] != 0x7f);
	assert(e->severity >= 1 && e->severity <= 5);
	assert(e->description.n <= 65536 && e->labels.n <= 64 && e->tags.n <= 64 && e->links.n <= 32);
	for (size_t i = 0; i < e->links.n; i++)
		assert(e->links.v[i].href.n >= 1 && e->links.v[i].href.n <= 2000 && e->links.v[i].text.n <= 1024);
	for (size_t i = 0; i < e->labels.n; i++)
		assert(e->labels.v[i].key.n > 0 && e->labels.v[i].value.n <= 1024);
	check_stored(e);
}

static void check_event(const struct event *e)
{
	assert(e->via.n > 0 && e->dedup_key.n <= 255 && e->at >= 0);
	if (e->action == EVENT_TRIGGER)
		check_trigger(e);
	else
		assert(e->dedup_key.n > 0);
}

static void knock(const struct source *s, struct str body)
{
	struct arena a = ARENA(16 << 20);
	struct faults f = { .a = &a };
	struct source_request r = { .path_key = S("key"), .body = body };
	struct source_answer ans = { 0 };
	struct event *events = NULL;
	struct str why = { 0 };
	size_t n = 0;
	r.json = json_parse(&a, body, &why);
	size_t before = a.used;
	if (r.json == NULL)
		fault_add(&f, NULL, S(""), "%.*s", STR_ARG(why));
	if (r.json && s->decode(&a, &r, &events, &n, &f) == 0) {
		assert(f.n == 0 && n >= 1 && n <= 500 && a.used - before <= SOURCE_ARENA);
		struct event_result *results = NEWN(&a, struct event_result, n);
		for (size_t i = 0; i < n; i++) {
			check_event(&events[i]);
			results[i] = (struct event_result){ true, "created", events[i].dedup_key, S("id"), S(""), 1 };
		}
		s->answer(&a, &r, results, n, &ans);
		check_answer(&a, &ans, true);
	} else {
		assert(f.n > 0 && a.used - before <= SOURCE_ARENA);
		s->refuse(&a, &f, r.json != NULL, &ans);
		check_answer(&a, &ans, false);
	}
	if (r.json)
		(void)s->key_of(&r);
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < source_count(); i++)
		knock(source_at(i), (struct str){ (const char *)data, n });
	return 0;
}
