/* The alert senders' doors: key, decode, one command an event, and an answer only when all of it is durable. */
#include "tests/unit/api/fixture.h"

#define V2(rest) "{\"routing_key\":\"" WEB_KEY "\",\"event_action\":\"trigger\",\"payload\":{\"summary\":\"disk full\",\"source\":\"db1\"," \
	"\"severity\":\"critical\"}" rest "}"
static const char in_path[] = "/in/" IN_KEY;

static struct incident opened(struct desk *d)
{
	return an_incident(d, 42, DETECTED, "checkout");
}

static void an_event_is_answered_when_it_is_durable_and_not_before(void **state)
{
	struct desk *d = desk_open();
	struct incident i = opened(d);
	(void)state;
	assert_int_equal(ask(d, "POST", "/v2/enqueue", V2(",\"dedup_key\":\"db1/disk\"")), 0);
	assert_int_equal(d->n_jobs, 1);
	const struct command *c = &d->jobs[0]->command;
	assert_int_equal(c->kind, CMD_EVENT);
	assert_text(c->event.integration, "pagerduty-compat");
	assert_text(c->event.service, "checkout");
	assert_text(c->event.via, "events_v2");
	assert_text(c->event.title, "disk full");
	assert_text(c->event.dedup_key, "db1/disk");
	assert_int_equal(c->event.severity, 5);
	assert_text(c->actor, "integration:pagerduty-compat");
	assert_int_equal(reply(d, 0, &(struct answer){ .outcome = OUT_CREATED, .dedup_key = S("db1/disk"), .incident = &i }), 202);
	assert_text(buf_str(&d->body), "{\"status\":\"success\",\"message\":\"Event processed\",\"dedup_key\":\"db1/disk\"}");
	assert_text(head_of(d, "Content-Type"), "application/json");
	desk_close(d);
}

static void what_is_not_durable_is_503_with_retry_after(void **state)
{
	static const enum store_rc not_durable[] = { STORE_UNKNOWN, STORE_BUSY, STORE_DOWN, STORE_FULL, STORE_FENCED, STORE_CORRUPT, STORE_INVAL };
	struct desk *d = desk_open();
	(void)state;
	for (size_t i = 0; i < COUNT(not_durable); i++) {
		ask(d, "POST", "/v2/enqueue", V2(""));
		assert_int_equal(reply(d, 0, &(struct answer){ .rc = not_durable[i] }), 503);
		assert_problem(d, 503);
		assert_text(head_of(d, "Retry-After"), "5");
	}
	ask(d, "POST", "/v2/enqueue", V2(""));
	assert_int_equal(reply(d, 0, &(struct answer){ .rc = STORE_TOOBIG }), 413);
	desk_close(d);
}

static void a_full_queue_is_503_at_once(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	d->room = 0;
	assert_int_equal(ask(d, "POST", "/v2/enqueue", V2("")), 503);
	assert_problem(d, 503);
	d->room = 1;
	ask(d, "POST", in_path, "[{\"title\":\"a\"},{\"title\":\"b\"},{\"title\":\"c\"}]");
	assert_int_equal(d->answered, 1);
	assert_int_equal(reply_outcome(d, OUT_CREATED, "", NULL), 503);
	assert_true(says(d, "\"accepted\":[0]"));
	desk_close(d);
}

static void a_batch_is_answered_after_its_last_event(void **state)
{
	struct desk *d = desk_open();
	struct incident i = opened(d);
	(void)state;
	struct answer ok = { .outcome = OUT_CREATED, .incident = &i, .dedup_key = S("k") };
	assert_int_equal(ask(d, "POST", in_path, "[{\"title\":\"a\"},{\"title\":\"b\"},{\"title\":\"c\"}]"), 0);
	assert_int_equal(d->n_jobs, 3);
	assert_text(d->jobs[2]->command.event.title, "c");
	assert_text(d->jobs[2]->command.event.service, "ledger");
	assert_int_equal(reply(d, 2, &ok), 0);
	assert_int_equal(reply(d, 0, &ok), 0);
	assert_int_equal(reply(d, 1, &ok), 202);
	assert_int_equal(count_of(member(d, "events")), 3);
	desk_close(d);
}

static void a_batch_that_is_partly_stored_says_which(void **state)
{
	struct desk *d = desk_open();
	struct incident i = opened(d);
	(void)state;
	struct answer ok = { .outcome = OUT_CREATED, .incident = &i }, no = { .rc = STORE_FULL };
	ask(d, "POST", in_path, "[{\"title\":\"a\"},{\"title\":\"b\"},{\"title\":\"c\"}]");
	reply(d, 0, &ok);
	reply(d, 1, &no);
	assert_int_equal(reply(d, 2, &ok), 503);
	assert_problem(d, 503);
	assert_true(says(d, "\"accepted\":[0,2]"));
	desk_close(d);
}

/* The engine may be quicker than the loop: a post that is answered before it returns. */
static bool post_and_reply(void *ctx, struct job *j)
{
	struct desk *d = ctx;
	struct exchange *x = api_replied(j, &(struct answer){ .outcome = OUT_CREATED, .dedup_key = S("k") });
	assert_null(x);                                            /* the loop is still posting: it finishes this one itself */
	d->n_jobs++;
	return true;
}

static void a_replying_queue_leads_to_one_answer(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	d->api->env.post = post_and_reply;
	assert_int_equal(ask(d, "POST", "/v2/enqueue", V2("")), 202);
	assert_int_equal(ask(d, "POST", in_path, "[{\"title\":\"a\"},{\"title\":\"b\"}]"), 202);
	assert_int_equal(d->answered, 2);
	desk_close(d);
}

static void bad_bodies_are_refused_with_everything_that_is_wrong(void **state)
{
	static const struct { const char *path, *body; const char *says[3]; } table[] = {
		{ "/v2/enqueue", "", { "empty" } }, { "/v2/enqueue", "{", { "JSON" } }, { "/v2/enqueue", "[1]", { "object" } },
		{ "/v2/enqueue", "{}", { "routing_key", "event_action" } }, { "/v2/enqueue", "\xff", { "UTF-8" } },
		{ "/v2/enqueue", "{\"routing_key\":\"" WEB_KEY "\",\"event_action\":\"trigger\",\"payload\":{}}", { "payload.summary", "payload.source", "payload.severity" } },
		{ "/v2/enqueue", "{\"routing_key\":\"" WEB_KEY "\",\"event_action\":\"resolve\"}", { "dedup_key" } },
		{ in_path, "", { "empty" } }, { in_path, "{}", { "title" } }, { in_path, "[]", { "batch" } },
		{ in_path, "[{\"title\":\"a\"},{\"title\":3},{}]", { "#/1/title", "#/2/title" } },
		{ in_path, "{\"title\":\"a\",\"severity\":9,\"links\":3}", { "severity", "links" } },
	};
	struct desk *d = desk_open();
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		assert_int_equal(ask(d, "POST", table[i].path, table[i].body), 400);
		(void)json_body(d);
		assert_int_equal(d->n_jobs, 0);
		for (size_t j = 0; j < COUNT(table[i].says) && table[i].says[j]; j++)
			if (!says(d, table[i].says[j]))
				fail_msg("%s: %s does not say %s", table[i].body, d->body.p, table[i].says[j]);
	}
	ask(d, "POST", "/v2/enqueue", V2(""));                     /* and the next good one works */
	assert_int_equal(d->n_jobs, 1);
	reply_outcome(d, OUT_CREATED, "", NULL);
	desk_close(d);
}

static void an_unknown_key_opens_nothing(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	ask(d, "POST", "/v2/enqueue", "{\"routing_key\":\"" IN_KEY "\",\"event_action\":\"trigger\"}");   /* another door's key */
	assert_int_equal(d->status, 400);
	assert_true(says(d, "routing_key"));
	assert_int_equal(ask(d, "POST", "/in/" WEB_KEY, "{\"title\":\"x\"}"), 404);
	assert_int_equal(ask(d, "POST", "/in/x", "not even JSON"), 404);
	assert_int_equal(d->n_jobs, 0);
	assert_false(says(d, "/in/x"));                            /* and no answer repeats a key */
	desk_close(d);
}

/* The keys of a large configuration fill more memory than is kept: what is under way must not look back into it. */
static void a_new_configuration_changes_the_locks_and_spares_what_is_under_way(void **state)
{
	enum { MANY = 3000 };
	struct desk *d = desk_open();
	struct door_key *keys = calloc(MANY, sizeof *keys);
	struct api_setup few = d->setup, many = d->setup;
	(void)state;
	few.n_keys = 1;                                            /* without the generic one */
	many.keys = keys;
	many.n_keys = MANY;
	for (size_t i = 0; i < MANY; i++) {
		keys[i] = d->keys[1];
		keys[i].sha[31] = (uint8_t)(keys[i].sha[31] + i);
		keys[i].sha[0] = (uint8_t)(keys[i].sha[0] + i / 256);
	}
	api_configure(d->api, &many);
	ask(d, "POST", in_path, "{\"title\":\"x\"}");
	struct job *under_way = d->jobs[0];
	api_configure(d->api, &few);
	free(keys);
	assert_text(under_way->command.event.integration, "scripts");
	assert_text(under_way->command.event.service, "ledger");
	assert_text(under_way->command.actor, "integration:scripts");
	assert_int_equal(reply_outcome(d, OUT_CREATED, "", NULL), 202);
	assert_int_equal(ask(d, "POST", in_path, "{\"title\":\"x\"}"), 404);
	api_configure(d->api, &d->setup);
	ask(d, "POST", in_path, "{\"title\":\"x\"}");
	assert_int_equal(reply_outcome(d, OUT_CREATED, "", NULL), 202);
	desk_close(d);
}

static void an_idempotency_key_goes_with_every_event(void **state)
{
	static const char *const spelled[] = { "abc-1", "\"abc-1\"", "  abc-1 " };
	struct desk *d = desk_open();
	(void)state;
	for (size_t i = 0; i < COUNT(spelled); i++) {
		d->n_headers = 0;
		desk_header(d, "Idempotency-Key", spelled[i]);
		ask(d, "POST", "/v2/enqueue", V2(""));
		assert_text(d->jobs[0]->command.event.idempotency_key, "abc-1");
		assert_int_equal(d->jobs[0]->command.event.fingerprint.n, 64);
		reply_outcome(d, OUT_CREATED, "", NULL);
	}
	ask(d, "POST", in_path, "[{\"title\":\"a\"},{\"title\":\"b\"}]");
	assert_text(d->jobs[1]->command.event.idempotency_key, "abc-1#1");
	reply_outcome(d, OUT_CREATED, "", NULL);
	reply(d, 1, &(struct answer){ .outcome = OUT_CREATED });
	desk_close(d);
}

static void a_key_that_cannot_be_one_is_400(void **state)
{
	char long_key[258];
	struct desk *d = desk_open();
	(void)state;
	memset(long_key, 'k', 256);
	long_key[256] = '\0';
	const char *const bad[] = { long_key, "\"\"", "a\tb", "caf\xc3\xa9" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		d->n_headers = 0;
		desk_header(d, "Idempotency-Key", bad[i]);
		assert_int_equal(ask(d, "POST", "/v2/enqueue", V2("")), 400);
		assert_problem(d, 400);
	}
	long_key[255] = '\0';
	d->n_headers = 0;
	desk_header(d, "Idempotency-Key", long_key);
	assert_int_equal(ask(d, "POST", "/v2/enqueue", V2("")), 0);
	reply_outcome(d, OUT_CREATED, "", NULL);
	desk_close(d);
}

static void what_the_core_calls_invalid_is_refused_in_the_senders_form(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	ask(d, "POST", "/v2/enqueue", V2(""));
	assert_int_equal(reply_outcome(d, OUT_INVALID, "this Idempotency-Key was used for another request", NULL), 400);
	assert_true(says(d, "used for another request"));
	ask(d, "POST", "/v2/enqueue", V2(""));
	assert_int_equal(reply_outcome(d, OUT_NOTHING, "no open alert", NULL), 202);
	desk_close(d);
}

static void nobody_asks_for_a_content_type(void **state)
{
	static const char *const types[] = { "text/plain", "application/x-www-form-urlencoded", "nonsense" };
	struct desk *d = desk_open();
	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		d->n_headers = 0;
		desk_header(d, "Content-Type", types[i]);
		ask(d, "POST", "/v2/enqueue", V2(""));
		assert_int_equal(reply_outcome(d, OUT_CREATED, "", NULL), 202);
	}
	desk_close(d);
}

/* A batch as large as it gets still fits the exchange: 500 events with texts. */
static void the_largest_batch_fits(void **state)
{
	struct desk *d = desk_open();
	struct buf b = BUF(512 << 10);
	struct incident inc = opened(d);
	(void)state;
	for (int i = 0; i < 500; i++)
		buf_fmt(&b, "%s{\"title\":\"t\",\"dedup_key\":\"%d\",\"description\":\"%0900d\"}", i ? "," : "[", i, i);
	buf_char(&b, ']');
	assert_int_equal(b.err, 0);
	assert_int_equal(ask_bytes(d, "POST", in_path, buf_str(&b)), 0);
	assert_int_equal(d->n_jobs, 500);
	for (size_t i = 0; i < 500; i++)
		reply(d, i, &(struct answer){ .outcome = OUT_FOLDED, .reason = S("already open"), .dedup_key = S("k"), .incident = &inc });
	assert_int_equal(d->status, 202);
	assert_int_equal(count_of(member(d, "events")), 500);
	buf_free(&b);
	desk_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_answered_when_it_is_durable_and_not_before),
		cmocka_unit_test(what_is_not_durable_is_503_with_retry_after),
		cmocka_unit_test(a_full_queue_is_503_at_once),
		cmocka_unit_test(a_batch_is_answered_after_its_last_event),
		cmocka_unit_test(a_batch_that_is_partly_stored_says_which),
		cmocka_unit_test(a_replying_queue_leads_to_one_answer),
		cmocka_unit_test(bad_bodies_are_refused_with_everything_that_is_wrong),
		cmocka_unit_test(an_unknown_key_opens_nothing),
		cmocka_unit_test(a_new_configuration_changes_the_locks_and_spares_what_is_under_way),
		cmocka_unit_test(an_idempotency_key_goes_with_every_event),
		cmocka_unit_test(a_key_that_cannot_be_one_is_400),
		cmocka_unit_test(what_the_core_calls_invalid_is_refused_in_the_senders_form),
		cmocka_unit_test(nobody_asks_for_a_content_type),
		cmocka_unit_test(the_largest_batch_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
