/* What people do: each request becomes the right command, each outcome the right status. */
#include "tests/unit/api/fixture.h"

#define ONE "/api/v1/incidents/01900000-0000-7000-8000-000000000042"
static const char id_42[] = "01900000-0000-7000-8000-000000000042";

static void every_outcome_has_its_status(void **state)
{
	static const struct { enum outcome outcome; int status; bool is_problem; } table[] = {
		{ OUT_CREATED, 201, false }, { OUT_FOLDED, 200, false }, { OUT_DONE, 200, false }, { OUT_NOTHING, 200, false },
		{ OUT_REFUSED, 409, true }, { OUT_NOT_FOUND, 404, true }, { OUT_STALE, 412, true }, { OUT_INVALID, 422, true },
	};
	struct desk *d = desk_open();
	struct incident i = an_incident(d, 42, RESOLVED, "checkout");
	(void)state;
	i.version = 7;
	for (size_t t = 0; t < COUNT(table); t++) {
		assert_int_equal(ask(d, "POST", ONE "/acknowledge", ""), 0);
		assert_int_equal(reply_outcome(d, table[t].outcome, "the incident is resolved", &i), table[t].status);
		if (table[t].is_problem) {
			assert_problem(d, table[t].status);
			assert_text(text_of(d, "detail"), "the incident is resolved");
			assert_text(json_text(member(d, "incident"), S("status")), "resolved");
		} else {
			assert_text(text_of(d, "id"), id_42);
			assert_text(text_of(d, "severity_name"), "medium");
			assert_int_equal(member(d, "version")->i, 7);
			assert_text(head_of(d, "ETag"), "\"7\"");
		}
	}
	desk_close(d);
}

static void what_is_not_durable_is_503(void **state)
{
	static const enum store_rc rcs[] = { STORE_UNKNOWN, STORE_BUSY, STORE_DOWN, STORE_FULL, STORE_FENCED };
	struct desk *d = desk_open();
	(void)state;
	for (size_t i = 0; i < COUNT(rcs); i++) {
		ask(d, "POST", ONE "/resolve", "{}");
		assert_int_equal(reply(d, 0, &(struct answer){ .rc = rcs[i], .outcome = OUT_DONE }), 503);
		assert_problem(d, 503);
		assert_text(head_of(d, "Retry-After"), "5");
	}
	d->room = 0;
	assert_int_equal(ask(d, "POST", ONE "/resolve", "{}"), 503);
	desk_close(d);
}

static void each_action_is_its_command(void **state)
{
	static const struct { const char *path, *body; enum command_kind kind; const char *text; size_t steps; } table[] = {
		{ ONE "/acknowledge", "", CMD_ACKNOWLEDGE, "", 0 }, { ONE "/acknowledge", " {} ", CMD_ACKNOWLEDGE, "", 0 },
		{ ONE "/unacknowledge", "", CMD_UNACKNOWLEDGE, "", 0 },
		{ ONE "/resolve", "{\"root_cause\":\"disk\",\"resolution_steps\":[\"a\",\"b\"]}", CMD_RESOLVE, "disk", 2 },
		{ ONE "/resolve", "{}", CMD_RESOLVE, "", 0 }, { ONE "/resolve", "", CMD_RESOLVE, "", 0 },
		{ ONE "/notes", "{\"text\":\"looking\"}", CMD_NOTE, "looking", 0 }, { ONE "/note", "{\"text\":\"looking\"}", CMD_NOTE, "looking", 0 },
	};
	struct desk *d = desk_open();
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		assert_int_equal(ask(d, "POST", table[i].path, table[i].body), 0);
		const struct command *c = &d->jobs[0]->command;
		assert_int_equal(c->kind, table[i].kind);
		assert_text(c->incident, id_42);
		assert_text(c->text, table[i].text);
		assert_int_equal(c->steps.n, table[i].steps);
		assert_int_equal(c->expect, 0);
		reply(d, 0, &(struct answer){ .rc = STORE_BUSY });
	}
	desk_close(d);
}

static void bad_bodies_never_become_commands(void **state)
{
	static const struct { const char *path, *body; int status; } table[] = {
		{ ONE "/acknowledge", "{\"note\":\"on it\"}", 422 }, { ONE "/acknowledge", "[]", 422 }, { ONE "/acknowledge", "x", 400 },
		{ ONE "/notes", "", 400 }, { ONE "/notes", "{}", 422 }, { ONE "/notes", "{\"text\":\"\"}", 422 }, { ONE "/notes", "{\"text\":3}", 422 },
		{ ONE "/resolve", "{\"root_cause\":3,\"steps\":[]}", 422 }, { ONE "/resolve", "{", 400 }, { ONE "/resolve", "3", 422 },
		{ "/api/v1/incidents", "{}", 422 }, { "/api/v1/incidents", "", 400 }, { "/api/v1/alerts", "null", 422 },
		{ "/api/v1/incidents", "{\"service\":\"checkout\",\"title\":\"x\",\"severity\":6}", 422 },
		{ "/api/v1/incidents", "{\"service\":\"checkout\",\"title\":\"x\",\"status\":\"resolved\"}", 422 },
	};
	struct desk *d = desk_open();
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		assert_int_equal(ask(d, "POST", table[i].path, table[i].body), table[i].status);
		assert_problem(d, table[i].status);
		assert_true(count_of(member(d, "errors")) > 0);
		assert_int_equal(d->n_jobs, 0);
	}
	desk_close(d);
}

static void all_faults_of_a_trigger_are_named_at_once(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	assert_int_equal(ask(d, "POST", "/api/v1/incidents", "{\"service\":3,\"severity\":\"loud\",\"labels\":{\"a\":1},\"tilte\":\"x\"}"), 422);
	assert_true(says(d, "#/service") && says(d, "#/severity") && says(d, "#/labels/a") && says(d, "#/tilte"));
	desk_close(d);
}

static void a_number_is_looked_up_and_an_unknown_one_is_404(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	put_incident(d, 42, DETECTED, "checkout");
	ask(d, "POST", "/api/v1/incidents/42/acknowledge", "");
	assert_text(d->jobs[0]->command.incident, id_42);
	reply(d, 0, &(struct answer){ .rc = STORE_BUSY });
	assert_int_equal(ask(d, "POST", "/api/v1/incidents/43/acknowledge", ""), 404);
	assert_int_equal(d->n_jobs, 0);
	desk_close(d);
}

static void if_match_becomes_the_expected_version(void **state)
{
	static const struct { const char *header; int64_t expect; } good[] = { { "\"7\"", 7 }, { "7", 7 }, { "\"7.12\"", 7 }, { "*", 0 } };
	static const char *const bad[] = { "\"x\"", "W/\"7\"", "\"7\", \"8\"", "\"0\"", "\"-1\"", "\"\"" };
	struct desk *d = desk_open();
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		d->n_headers = 0;
		desk_header(d, "If-Match", good[i].header);
		assert_int_equal(ask(d, "POST", ONE "/acknowledge", ""), 0);
		assert_int_equal(d->jobs[0]->command.expect, good[i].expect);
		reply(d, 0, &(struct answer){ .rc = STORE_BUSY });
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		d->n_headers = 0;
		desk_header(d, "If-Match", bad[i]);
		assert_int_equal(ask(d, "POST", ONE "/acknowledge", ""), 412);
		assert_problem(d, 412);
	}
	desk_close(d);
}

static void a_trigger_is_an_event_of_the_manual_integration(void **state)
{
	struct desk *d = desk_open();
	struct incident i = an_incident(d, 42, DETECTED, "checkout");
	(void)state;
	ask(d, "POST", "/api/v1/incidents", "{\"service\":\"checkout\",\"title\":\"disk\",\"severity\":\"critical\",\"dedup_key\":\"k\",\"description\":\"d\","
		"\"labels\":{\"a\":\"b\"},\"tags\":[\"t\"],\"links\":[{\"href\":\"http://x\"}],\"details\":{\"x\":1}}");
	const struct event *e = &d->jobs[0]->command.event;
	assert_int_equal(d->jobs[0]->command.kind, CMD_EVENT);
	assert_int_equal(e->action, EVENT_TRIGGER);
	assert_text(e->integration, "manual");
	assert_text(e->via, "api");
	assert_text(e->service, "checkout");
	assert_text(e->title, "disk");
	assert_int_equal(e->severity, 5);
	assert_true(e->labels.n == 1 && e->tags.n == 1 && e->links.n == 1 && e->details != NULL);
	assert_int_equal(reply_outcome(d, OUT_CREATED, "", &i), 201);
	assert_text(head_of(d, "Location"), ONE);
	ask(d, "POST", "/api/v1/alerts", "{\"service\":\"checkout\",\"message\":\"disk\"}");
	assert_text(d->jobs[0]->command.event.title, "disk");
	assert_int_equal(d->jobs[0]->command.event.severity, 4);
	assert_int_equal(reply_outcome(d, OUT_FOLDED, "", &i), 200);
	desk_close(d);
}

static void an_unknown_service_is_422_and_near_ones_are_named(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	assert_int_equal(ask(d, "POST", "/api/v1/incidents", "{\"service\":\"chekcout\",\"title\":\"x\"}"), 422);
	assert_true(says(d, "checkout") && says(d, "#/service"));
	struct service *many = NEWN(&d->a, struct service, 40);
	for (int i = 0; i < 40; i++)
		many[i] = (struct service){ .id = arena_fmt(&d->a, "service-%02d", i * 7), .policy = S("p") };
	many[39].id = S("checkout");
	d->w.services = (struct service_list){ many, 40 };
	world_make_index(&d->a, &d->w);
	assert_int_equal(ask(d, "POST", "/api/v1/incidents", "{\"service\":\"chekcout\",\"title\":\"x\"}"), 422);
	assert_true(says(d, "did you mean checkout"));
	assert_false(says(d, "service-00"));
	desk_close(d);
}

static void an_idempotency_key_belongs_to_its_caller(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	desk_header(d, "Idempotency-Key", "\"k1\"");
	ask(d, "POST", "/api/v1/incidents", "{\"service\":\"checkout\",\"title\":\"x\"}");
	assert_text(d->jobs[0]->command.event.idempotency_key, "local k1");
	assert_int_equal(d->jobs[0]->command.event.fingerprint.n, 64);
	reply(d, 0, &(struct answer){ .rc = STORE_BUSY });
	ask(d, "POST", ONE "/notes", "{\"text\":\"x\"}");
	struct str first = arena_str(&d->a, d->jobs[0]->command.event.fingerprint);
	reply(d, 0, &(struct answer){ .rc = STORE_BUSY });
	ask(d, "POST", "/api/v1/incidents/01900000-0000-7000-8000-000000000043/notes", "{\"text\":\"x\"}");
	assert_false(str_eq(first, d->jobs[0]->command.event.fingerprint));
	reply(d, 0, &(struct answer){ .rc = STORE_BUSY });
	desk_close(d);
}

static void the_largest_incident_can_be_answered(void **state)
{
	enum { LARGE = 65536 };
	struct desk *d = desk_open();
	struct incident i = an_incident(d, 42, DETECTED, "checkout");
	char *text = malloc(LARGE);
	(void)state;
	memset(text, 1, LARGE);                                    /* six bytes of JSON each */
	i.description = i.root_cause = (struct str){ text, LARGE };
	ask(d, "POST", ONE "/acknowledge", "");
	assert_int_equal(reply_outcome(d, OUT_DONE, "", &i), 200);
	assert_int_equal(text_of(d, "description").n, LARGE);
	free(text);
	desk_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_outcome_has_its_status),
		cmocka_unit_test(what_is_not_durable_is_503),
		cmocka_unit_test(each_action_is_its_command),
		cmocka_unit_test(bad_bodies_never_become_commands),
		cmocka_unit_test(all_faults_of_a_trigger_are_named_at_once),
		cmocka_unit_test(a_number_is_looked_up_and_an_unknown_one_is_404),
		cmocka_unit_test(if_match_becomes_the_expected_version),
		cmocka_unit_test(a_trigger_is_an_event_of_the_manual_integration),
		cmocka_unit_test(an_unknown_service_is_422_and_near_ones_are_named),
		cmocka_unit_test(an_idempotency_key_belongs_to_its_caller),
		cmocka_unit_test(the_largest_incident_can_be_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
