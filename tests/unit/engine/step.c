/* Steps of the engine over a memory store: what it answers when the store refuses, and how much it takes on at once. */
#include "tests/unit/core/fixture.h"
#include "engine/engine.h"

enum { ANSWERS_MAX = 1024 };
struct shop {
	struct town town;                /* its world; the documents are in the store */
	struct store *store;
	struct engine *engine;
	struct setup setup;
	enum store_fault fault;          /* what befalls every commit */
	size_t log_lines, n_answers, n_ok;
	enum store_rc rc;                /* of the latest answer */
	char incident[37];
	int64_t mono_ms;
	uint8_t random;
};

static int64_t shop_mono(void *ctx) { return ((struct shop *)ctx)->mono_ms; }
static int64_t shop_wall(void *ctx) { return 1700000000000 + ((struct shop *)ctx)->mono_ms; }
static size_t shop_room(void *ctx, struct str channel) { (void)ctx, (void)channel; return 0; }
static void shop_send(void *ctx, struct delivery *d) { (void)ctx, (void)d; fail(); }
static enum store_fault shop_fault(void *ctx, const struct store_txn *t) { (void)t; return ((struct shop *)ctx)->fault; }

static void shop_random(void *ctx, void *out, size_t n)
{
	memset(out, ++((struct shop *)ctx)->random, n);
}

static void shop_log(void *ctx, enum log_level level, struct str incident, const char *text)
{
	(void)level, (void)incident, (void)text;
	((struct shop *)ctx)->log_lines++;
}

static void shop_reply(void *ctx, struct job *j, const struct answer *a)
{
	struct shop *s = ctx;
	(void)j;
	s->n_answers++;
	s->n_ok += a->rc == STORE_OK;
	s->rc = a->rc;
	if (a->rc == STORE_OK && a->incident)
		memcpy(s->incident, a->incident->id.p, 36);
}

static int shop_open(void **state)
{
	static struct store_kind_def kind_defs[KINDS];
	struct shop *s = calloc(1, sizeof *s);
	struct buf why = BUF(1000);
	town_open(&s->town);
	for (size_t i = 0; i < KINDS; i++)
		kind_defs[i] = (struct store_kind_def){ kinds[i].entity->name, kinds[i].is_append_only };
	struct store_options o = { .kinds = kind_defs, .n_kinds = KINDS, .clock = { s, shop_mono, shop_wall } };
	struct store_fault_plan plan = { .ctx = s, .on_commit = shop_fault };
	assert_int_equal(store_open(S("memory"), &o, &s->store, &why), STORE_OK);
	s->store = store_fault(s->store, &plan);
	s->setup = (struct setup){ .world = &s->town.w, .replica = S("here") };
	struct env env = { .ctx = s, .store = s->store, .mono_ms = shop_mono, .random = shop_random, .reply = shop_reply, .send = shop_send,
		.log = shop_log, .send_room = shop_room };
	s->engine = engine_new(&env, &s->setup);
	assert_int_equal(engine_configure(s->engine, &s->setup), STORE_OK);
	*state = s;
	return 0;
}

static int shop_close(void **state)
{
	struct shop *s = *state;
	engine_free(s->engine);
	store_close(s->store);
	town_close(&s->town);
	free(s);
	return 0;
}

/* Steps until the jobs have their answers. */
static void do_all(struct shop *s, struct job *jobs, size_t n)
{
	struct job **v = calloc(n, sizeof *v);
	size_t until = s->n_answers + n;
	for (size_t i = 0; i < n; i++) {
		jobs[i].owner = s;
		v[i] = &jobs[i];
	}
	(void)engine_step(s->engine, v, n, NULL, 0);
	for (int steps = 0; s->n_answers < until && steps < 1000; steps++) {
		s->mono_ms += 10;
		(void)engine_step(s->engine, NULL, 0, NULL, 0);
	}
	assert_int_equal(s->n_answers, until);
	free(v);
}

static struct job event_job(struct str key)
{
	return (struct job){ .command = { .kind = CMD_EVENT, .actor = S("integration:door"), .via = S("generic"), .event = {
		.action = EVENT_TRIGGER, .integration = S("door"), .service = S("web"), .dedup_key = key, .title = S("it broke"), .severity = 4 } } };
}

static struct strs many_texts(struct arena *a, size_t n, size_t size, char c)
{
	struct strs s = { NEWN(a, struct str, n), n };
	char *text = NEWN(a, char, size);
	memset(text, c, size);
	for (size_t i = 0; i < n; i++)
		s.v[i] = (struct str){ text, size };
	return s;
}

static void what_is_larger_than_a_document_is_refused(void **state)
{
	struct shop *s = *state;
	struct job opening = event_job(S("k"));
	do_all(s, &opening, 1);
	struct job resolve = { .command = { .kind = CMD_RESOLVE, .incident = str_c(s->incident), .actor = S("local"), .via = S("api"),
		.steps = many_texts(&s->town.a, 64, 1000, '\x01') } };      /* six bytes each as JSON */
	do_all(s, &resolve, 1);
	assert_int_equal(s->rc, STORE_TOOBIG);
	resolve.command.steps.n = 1;
	do_all(s, &resolve, 1);
	assert_int_equal(s->rc, STORE_OK);
}

static void a_whole_batch_of_incidents_of_full_size_stays_within_its_memory(void **state)
{
	enum { N = 512 };
	struct shop *s = *state;
	struct job *jobs = calloc(N, sizeof *jobs);
	struct arena *a = &s->town.a;
	struct strs texts = many_texts(a, 64, 1020, 'x'), long_text = many_texts(a, 1, 64 << 10, 'y');
	struct map labels = { NEWN(a, struct pair, 64), 64 };
	struct link_list links = { NEWN(a, struct link, 30), 30 };
	for (size_t i = 0; i < 64; i++)
		labels.v[i] = (struct pair){ arena_fmt(a, "%zu", i), texts.v[i] };
	for (size_t i = 0; i < 30; i++)
		links.v[i].href = (struct str){ long_text.v[0].p, 1900 };
	for (size_t again = 1; again <= 2; again++) {                /* opened; then counted on, which reads each of them */
		for (size_t i = 0; i < N; i++) {
			jobs[i] = event_job(arena_fmt(a, "k%zu", i));
			struct event *ev = &jobs[i].command.event;
			ev->tags = texts;
			ev->labels = labels;
			ev->links = links;
			ev->description = long_text.v[0];
			ev->severity = 3 + (int64_t)again;         /* raised: one more document for each */
		}
		do_all(s, jobs, N);
		assert_int_equal(s->n_ok, again * N);
	}
	free(jobs);
}

static void a_full_store_is_said_once_and_until_some_calm_has_passed(void **state)
{
	struct shop *s = *state;
	s->fault = STORE_FAULT_FULL;
	for (int i = 0; i < 20; i++) {
		struct job job = event_job(S("k"));
		s->mono_ms += 100;
		do_all(s, &job, 1);
		assert_int_equal(s->rc, STORE_FULL);
		(void)engine_step(s->engine, NULL, 0, NULL, 0);    /* a step with nothing to do proves nothing */
		assert_int_equal(engine_health(s->engine), STORE_FULL);
	}
	assert_int_equal(s->log_lines, 1);
	s->fault = STORE_FAULT_NONE;
	s->mono_ms += 3000;
	(void)engine_step(s->engine, NULL, 0, NULL, 0);
	assert_int_equal(engine_health(s->engine), STORE_OK);
	assert_int_equal(s->log_lines, 2);
}

#define SHOP(f) cmocka_unit_test_setup_teardown(f, shop_open, shop_close)
int main(void)
{
	const struct CMUnitTest tests[] = {
		SHOP(what_is_larger_than_a_document_is_refused),
		SHOP(a_whole_batch_of_incidents_of_full_size_stays_within_its_memory),
		SHOP(a_full_store_is_said_once_and_until_some_calm_has_passed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
