/* output.c - what commands ask of the server and what they make of its answers: on a terminal, in a pipe, for scripts. */
#include "fixture.h"

#define NOW INT64_C(1767323045000)     /* 2026-01-02T03:04:05Z */
#define FIRST "{\"id\":\"0194-a\",\"number\":44,\"title\":\"Checkout p99 above 2 s\",\"severity\":5,\"severity_name\":\"critical\"," \
	"\"status\":\"detected\",\"service\":\"checkout\",\"source\":\"pd\",\"dedup_key\":\"k\",\"alert_count\":57,\"level\":0," \
	"\"detected_at\":\"2026-01-02T02:52:05.000Z\",\"acknowledged_by\":null,\"resolved_at\":null}"
#define SECOND "{\"id\":\"0194-b\",\"number\":9,\"title\":\"tab\\there \\u001b[2Jred\",\"severity\":3,\"severity_name\":\"medium\"," \
	"\"status\":\"acknowledged\",\"service\":\"ledger\",\"source\":\"manual\",\"dedup_key\":\"=cmd\",\"alert_count\":1,\"level\":1," \
	"\"detected_at\":\"2026-01-01T03:04:05.000Z\",\"acknowledged_by\":\"user:amira\",\"resolved_at\":null}"
#define LIST "{\"items\":[" FIRST "," SECOND "],\"next\":null}"
#define UTF8 { "LC_ALL", "C.UTF-8" }

static const struct canned list[] = { { "GET", "/api/v1/incidents?", 200, LIST } };

static void expect(const struct scene *s, int code, const char *out)
{
	assert_string_equal(s->out, out);
	assert_int_equal(s->code, code);
}

static void in_a_pipe_a_list_is_whole_lines_of_fields(void **state)
{
	(void)state;
	struct scene s = { .canned = list, .n_canned = 1, .now_ms = NOW };
	run(&s, "tocsin list");
	expect(&s, EXIT_DONE,
	    "44\tdetected\t5\tcheckout\tCheckout p99 above 2 s\t57\t2026-01-02T02:52:05.000Z\t\n"
	    "9\tacknowledged\t3\tledger\ttab here ?[2Jred\t1\t2026-01-01T03:04:05.000Z\tuser:amira\n");
	assert_string_equal(s.seen[0].p, "GET /api/v1/incidents?status=detected%2Cacknowledged&limit=200");
	assert_string_equal(s.err, "");
	scene_done(&s);
}

static void a_header_comes_when_asked_for(void **state)
{
	(void)state;
	struct scene s = { .canned = list, .n_canned = 1, .now_ms = NOW };
	run(&s, "tocsin list --header");
	assert_true(str_starts(str_c(s.out), S("number\tstatus\tseverity\tservice\ttitle\talert_count\tdetected_at\tacknowledged_by\n44\t")));
	scene_done(&s);
}

static void on_a_terminal_a_list_is_a_table_with_ages(void **state)
{
	(void)state;
	struct scene s = { .canned = list, .n_canned = 1, .now_ms = NOW, .is_terminal = true, .width = 100, .variables = { UTF8, { "NO_COLOR", "1" } } };
	run(&s, "tocsin list");
	expect(&s, EXIT_DONE,
	    " #  STATE           SEVERITY    SERVICE   TITLE                   ALERTS  AGE  WHO\n"
	    "44  ● detected      5 critical  checkout  Checkout p99 above 2 s      57  12m  -\n"
	    " 9  ◐ acknowledged  3 medium    ledger    tab here ?[2Jred             1  1d   user:amira\n");
	scene_done(&s);
}

static void a_narrow_terminal_cuts_the_title_only(void **state)
{
	(void)state;
	struct scene s = { .canned = list, .n_canned = 1, .now_ms = NOW, .is_terminal = true, .width = 80, .variables = { UTF8, { "NO_COLOR", "1" } } };
	run(&s, "tocsin list");
	assert_non_null(strstr(s.out, "44  ● detected      5 critical  checkout  Checkout p99…      57  12m  -\n"));
	for (const char *line = s.out; *line; line += strcspn(line, "\n") + 1)
		assert_true(text_width((struct str){ line, strcspn(line, "\n") }) <= 80);
	scene_done(&s);
}

static void without_utf8_symbols_are_plain(void **state)
{
	(void)state;
	struct scene s = { .canned = list, .n_canned = 1, .now_ms = NOW, .is_terminal = true, .width = 80, .variables = { { "LC_ALL", "C" }, { "LANG", "C.UTF-8" } } };
	run(&s, "tocsin list --color never");
	assert_non_null(strstr(s.out, "44  ! detected"));
	assert_non_null(strstr(s.out, " 9  ~ acknowledged"));
	assert_non_null(strstr(s.out, "Checkout p..."));
	scene_done(&s);
}

static void colours_follow_terminal_flag_and_environment(void **state)
{
	(void)state;
	static const struct { const char *line; bool is_terminal; const char *variable[2]; bool is_coloured; } cases[] = {
		{ "tocsin list -o table", true, { NULL, NULL }, true },
		{ "tocsin list -o table", false, { NULL, NULL }, false },
		{ "tocsin list -o table", false, { "CLICOLOR_FORCE", "1" }, true },
		{ "tocsin list -o table", false, { "CLICOLOR_FORCE", "0" }, false },
		{ "tocsin list -o table", true, { "NO_COLOR", "1" }, false },
		{ "tocsin list -o table", true, { "TERM", "dumb" }, false },
		{ "tocsin list -o table --color always", false, { "NO_COLOR", "1" }, true },
		{ "tocsin list -o table --color never", true, { NULL, NULL }, false },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct scene s = { .canned = list, .n_canned = 1, .now_ms = NOW, .is_terminal = cases[i].is_terminal };
		s.variables[0][0] = cases[i].variable[0];
		s.variables[0][1] = cases[i].variable[1];
		run(&s, cases[i].line);
		assert_int_equal(strstr(s.out, "\033[") != NULL, cases[i].is_coloured);
		assert_non_null(strstr(s.out, "detected"));            /* never by colour alone */
		scene_done(&s);
	}
}

static void the_other_forms_are_what_programs_read(void **state)
{
	(void)state;
	static const struct { const char *line, *out; } forms[] = {
		{ "tocsin list -o ids", "44\n9\n" },
		{ "tocsin list -o json", "[" FIRST ",\n " SECOND "]\n" },
		{ "tocsin list -o csv",
		    "number,status,severity,service,title,alert_count,detected_at,acknowledged_by,level,source,dedup_key,resolved_at,id\r\n"
		    "\"44\",\"detected\",\"5\",\"checkout\",\"Checkout p99 above 2 s\",\"57\",\"2026-01-02T02:52:05.000Z\",\"\",\"0\",\"pd\",\"k\",\"\",\"0194-a\"\r\n"
		    "\"9\",\"acknowledged\",\"3\",\"ledger\",\"tab\there \033[2Jred\",\"1\",\"2026-01-01T03:04:05.000Z\",\"user:amira\",\"1\",\"manual\",\"'=cmd\",\"\",\"0194-b\"\r\n" },
	};
	for (size_t i = 0; i < COUNT(forms); i++)
		for (int is_terminal = 0; is_terminal < 2; is_terminal++) {
			struct scene s = { .canned = list, .n_canned = 1, .now_ms = NOW, .is_terminal = is_terminal, .width = 40 };
			run(&s, forms[i].line);
			expect(&s, EXIT_DONE, forms[i].out);
			scene_done(&s);
		}
}

static void filters_become_a_query(void **state)
{
	(void)state;
	struct scene s = { .canned = list, .n_canned = 1, .now_ms = NOW };
	run(&s, "tocsin list --state all --service a&b --severity high");
	assert_string_equal(s.seen[0].p, "GET /api/v1/incidents?service=a%26b&severity=5%2C4&limit=200");
	scene_done(&s);
	s.n_seen = 0;
	run(&s, "tocsin list --state resolved,detected --since 1h -o ids");
	assert_string_equal(s.seen[0].p, "GET /api/v1/incidents?status=detected%2Cresolved&limit=200");
	expect(&s, EXIT_DONE, "44\n");
	scene_done(&s);
}

static void lists_go_on_to_the_last_page_or_the_limit(void **state)
{
	(void)state;
	static const struct canned pages[] = {
		{ "GET", "/api/v1/incidents?status=detected%2Cacknowledged&limit=200&cursor=c%2F1", 200, "{\"items\":[{\"number\":3},{\"number\":2}],\"next\":null}" },
		{ "GET", "/api/v1/incidents?", 200, "{\"items\":[{\"number\":5},{\"number\":4}],\"next\":\"c/1\"}" },
	};
	struct scene s = { .canned = pages, .n_canned = 2 };
	run(&s, "tocsin list -o ids");
	expect(&s, EXIT_DONE, "5\n4\n3\n2\n");
	scene_done(&s);
	run(&s, "tocsin list -o ids --limit 3");
	expect(&s, EXIT_DONE, "5\n4\n3\n");
	assert_string_equal(s.err, "hint: there are more than 3; --limit 0 lists all of them\n");
	scene_done(&s);
}

static void exit_code_10_says_that_something_is_open(void **state)
{
	(void)state;
	static const struct canned none[] = { { "GET", "/", 200, "{\"items\":[],\"next\":null}" } };
	struct scene s = { .canned = list, .n_canned = 1, .now_ms = NOW };
	run(&s, "tocsin list --exit-code -o ids");
	assert_int_equal(s.code, EXIT_TRUE);
	scene_done(&s);
	s = (struct scene){ .canned = none, .n_canned = 1, .is_terminal = true };
	run(&s, "tocsin list --exit-code");
	expect(&s, EXIT_DONE, "");
	assert_string_equal(s.err, "nothing to list\n");
	scene_done(&s);
}

#define PROBLEM(title, detail) "{\"title\":\"" title "\",\"detail\":\"" detail "\"}"
static void every_refusal_has_its_exit_code_and_sentence(void **state)
{
	(void)state;
	static const struct { int status; const char *body; int code; const char *err; } cases[] = {
		{ 0, "", EXIT_UNREACHABLE, "tocsin: cannot reach http://127.0.0.1:3000 (connection refused)\nhint: is the server running? tocsin serve, or set TOCSIN_URL\n" },
		{ 401, PROBLEM("Unauthorized", "A token is needed."), EXIT_NOT_ALLOWED,
		    "tocsin: A token is needed.\nhint: set TOCSIN_TOKEN or --token; `tocsin token create NAME` makes one\n" },
		{ 403, PROBLEM("Forbidden", "This token may only read."), EXIT_NOT_ALLOWED, "tocsin: This token may only read.\n" },
		{ 404, PROBLEM("Not found", "No incident 42."), EXIT_NOT_FOUND, "tocsin: No incident 42.\n" },
		{ 409, PROBLEM("Conflict", "It is resolved."), EXIT_CONFLICT, "tocsin: It is resolved.\n" },
		{ 409, PROBLEM("Conflict", "\\u001b]0;x\\u0007\xc2\x9b" "2J has it\xe2\x80\xae."), EXIT_CONFLICT, "tocsin: ?]0;x??2J has it?.\n" },
		{ 412, PROBLEM("Precondition failed", "It changed."), EXIT_CONFLICT, "tocsin: It changed.\n" },
		{ 422, "{\"title\":\"Unprocessable\",\"errors\":[{\"pointer\":\"/a\",\"detail\":\"is required\"},{\"pointer\":\"/b\",\"detail\":\"is long\"}]}", EXIT_FAILED,
		    "tocsin: Unprocessable\n  /a: is required\n  /b: is long\n" },
		{ 422, "{\"title\":\"Unprocessable\",\"detail\":\"a: is required\",\"errors\":[{\"pointer\":\"#/a\",\"detail\":\"is required\"}]}", EXIT_FAILED,
		    "tocsin: a: is required\n" },
		{ 500, "<html>", EXIT_FAILED, "tocsin: the server answered with status 500\n" },
		{ 503, PROBLEM("Busy", "The disk is full."), EXIT_UNREACHABLE,
		    "tocsin: The disk is full.\nhint: nothing was changed as far as the server knows; try again in a moment\n" },
		{ 200, "<html>", EXIT_FAILED, NULL },
		{ 404, PROBLEM("x", "\\u001b[2J"), EXIT_NOT_FOUND, "tocsin: ?[2J\n" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct canned canned = { "GET", "/", cases[i].status, cases[i].body };
		struct scene s = { .canned = &canned, .n_canned = 1 };
		run(&s, "tocsin show 42");
		expect(&s, cases[i].code, "");
		if (cases[i].err)
			assert_string_equal(s.err, cases[i].err);
		scene_done(&s);
	}
}

static const struct canned acts[] = {
	{ "POST", "/api/v1/incidents/42/acknowledge", 200, "{\"number\":42,\"status\":\"acknowledged\",\"title\":\"disk\"}" },
	{ "POST", "/api/v1/incidents/43/acknowledge", 200, "{\"number\":43,\"status\":\"acknowledged\",\"title\":\"net\"}" },
	{ "POST", "/api/v1/incidents/44/acknowledge", 409, PROBLEM("Conflict", "It is resolved.") },
	{ "POST", "/api/v1/incidents/45/acknowledge", 404, PROBLEM("Not found", "There is no incident 45.") },
	{ "POST", "/api/v1/incidents/42/notes", 201, "{}" },
	{ "POST", "/api/v1/incidents/42/resolve", 200, "{\"number\":42,\"status\":\"resolved\",\"title\":\"disk\"}" },
};
#define ACTS .canned = acts, .n_canned = COUNT(acts)

static void acknowledging_tells_what_became_of_each(void **state)
{
	(void)state;
	struct scene s = { ACTS };
	run(&s, "tocsin ack #42 43");
	expect(&s, EXIT_DONE, "42\tacknowledged\tdisk\n43\tacknowledged\tnet\n");
	assert_string_equal(s.bodies[0].p, "{}");
	scene_done(&s);
	s = (struct scene){ ACTS, .is_terminal = true };
	run(&s, "tocsin ack 42");
	expect(&s, EXIT_DONE, "#42 acknowledged  disk\n");
	scene_done(&s);
}

static void ids_come_from_standard_input_too(void **state)
{
	(void)state;
	struct scene s = { ACTS, .input = "42\n#43\n\n" };
	run(&s, "tocsin ack -");
	expect(&s, EXIT_DONE, "42\tacknowledged\tdisk\n43\tacknowledged\tnet\n");
	scene_done(&s);
	s = (struct scene){ ACTS, .input = "" };
	run(&s, "tocsin ack -");
	expect(&s, EXIT_DONE, "");                         /* an empty list is nothing to do */
	scene_done(&s);
}

static void some_of_several_is_7_and_json_says_which(void **state)
{
	(void)state;
	struct scene s = { ACTS };
	run(&s, "tocsin ack 42 44 45");
	expect(&s, EXIT_PARTLY, "42\tacknowledged\tdisk\n");
	assert_string_equal(s.err, "tocsin: 44: It is resolved.\ntocsin: 45: There is no incident 45.\n");
	scene_done(&s);
	s.n_seen = 0;
	run(&s, "tocsin ack 42 44 -o json");
	expect(&s, EXIT_PARTLY, "[{\"id\":\"42\",\"ok\":true,\"result\":{\"number\":42,\"status\":\"acknowledged\",\"title\":\"disk\"}},"
				"{\"id\":\"44\",\"ok\":false,\"error\":\"It is resolved.\"}]\n");
	scene_done(&s);
}

static void when_all_fail_alike_that_is_the_exit_code(void **state)
{
	(void)state;
	struct scene s = { ACTS };
	run(&s, "tocsin ack 44 44");
	assert_int_equal(s.code, EXIT_CONFLICT);
	scene_done(&s);
	s.n_seen = 0;
	run(&s, "tocsin ack 44 45");
	assert_int_equal(s.code, EXIT_FAILED);
	scene_done(&s);
	s.n_seen = 0;
	run(&s, "tocsin unack 42 43");
	assert_int_equal(s.code, EXIT_UNREACHABLE);
	assert_int_equal(s.n_seen, 1);                     /* the server is away: asking on would only take time */
	scene_done(&s);
}

static void resolving_sends_cause_and_steps_in_order(void **state)
{
	(void)state;
	struct scene s = { ACTS };
	run(&s, "tocsin resolve 42 --cause disk_full --step removed_\"logs\" --step added_space");
	assert_int_equal(s.code, EXIT_DONE);
	assert_string_equal(s.bodies[0].p, "{\"root_cause\":\"disk full\",\"resolution_steps\":[\"removed \\\"logs\\\"\",\"added space\"]}");
	scene_done(&s);
}

static void a_note_comes_from_the_line_or_standard_input(void **state)
{
	(void)state;
	struct scene s = { ACTS, .input = "rollback started\n" };
	run(&s, "tocsin note 42 -");
	assert_string_equal(s.bodies[0].p, "{\"text\":\"rollback started\"}");
	scene_done(&s);
	s.n_seen = 0;
	run(&s, "tocsin ack 42 --note on_it");
	expect(&s, EXIT_DONE, "42\tacknowledged\tdisk\n");
	assert_string_equal(s.seen[1].p, "POST /api/v1/incidents/42/notes");
	assert_string_equal(s.bodies[1].p, "{\"text\":\"on it\"}");
	scene_done(&s);
}

static void ids_cannot_leave_their_place_in_the_path(void **state)
{
	(void)state;
	struct scene s = { 0 };
	run(&s, "tocsin ack ../tokens?x");
	assert_string_equal(s.seen[0].p, "POST /api/v1/incidents/..%2Ftokens%3Fx/acknowledge");
	scene_done(&s);
}

static void triggering_sends_everything_given(void **state)
{
	(void)state;
	static const struct canned canned[] = { { "POST", "/api/v1/incidents", 201, "{\"id\":\"u\",\"number\":7,\"status\":\"detected\",\"title\":\"t\"}" } };
	struct scene s = { .canned = canned, .n_canned = 1 };
	run(&s, "tocsin trigger demo -m t --description d --severity low --dedup k --link http://a --link http://b --label e=p --label x=y=z -o ids");
	expect(&s, EXIT_DONE, "7\n");
	assert_string_equal(s.bodies[0].p, "{\"service\":\"demo\",\"title\":\"t\",\"description\":\"d\",\"dedup_key\":\"k\",\"severity\":2,"
					   "\"links\":[{\"href\":\"http://a\"},{\"href\":\"http://b\"}],\"labels\":{\"e\":\"p\",\"x\":\"y=z\"}}");
	scene_done(&s);
}

static void waiting_for_an_acknowledgement_ends_by_it_or_by_time(void **state)
{
	(void)state;
	struct canned canned[] = {
		{ "POST", "/api/v1/incidents", 201, "{\"id\":\"u\",\"number\":7,\"status\":\"detected\",\"title\":\"t\"}" },
		{ "GET", "/api/v1/incidents/u", 200, "{\"status\":\"acknowledged\",\"acknowledged_by\":\"user:amira\"}" },
	};
	struct scene s = { .canned = canned, .n_canned = 2 };
	run(&s, "tocsin trigger demo -m t --wait-ack 10s");
	expect(&s, EXIT_DONE, "7\tdetected\tt\n");
	assert_string_equal(s.err, "tocsin: acknowledged by user:amira\n");
	scene_done(&s);
	canned[1].body = "{\"status\":\"detected\"}";
	s = (struct scene){ .canned = canned, .n_canned = 2 };
	run(&s, "tocsin trigger demo -m t --wait-ack 10s");
	expect(&s, EXIT_TRUE, "7\tdetected\tt\n");
	assert_int_equal(s.now_ms, 10000);
	scene_done(&s);
}

static void a_token_is_printed_alone(void **state)
{
	(void)state;
	static const struct canned canned[] = {
		{ "POST", "/api/v1/tokens", 201, "{\"id\":\"3f9a\",\"name\":\"ci\",\"token\":\"tsn_abc\"}" },
		{ "DELETE", "/api/v1/tokens/3f9a", 204, "" },
		{ "GET", "/api/v1/tokens", 200, "{\"items\":[{\"id\":\"3f9a\",\"name\":\"ci\",\"scopes\":[\"read\",\"write\"],\"created_at\":null}],\"next\":null}" },
	};
	struct scene s = { .canned = canned, .n_canned = COUNT(canned) };
	run(&s, "tocsin token create ci --scope read");
	expect(&s, EXIT_DONE, "tsn_abc\n");
	assert_string_equal(s.bodies[0].p, "{\"name\":\"ci\",\"scopes\":[\"read\"]}");
	scene_done(&s);
	run(&s, "tocsin token list");
	expect(&s, EXIT_DONE, "3f9a\tci\tread,write\t\t\t\t\n");
	scene_done(&s);
	run(&s, "tocsin token revoke 3f9a");
	expect(&s, EXIT_DONE, "3f9a\trevoked\n");
	scene_done(&s);
}

#define DETAIL "{\"id\":\"u\",\"number\":42,\"title\":\"disk\",\"status\":\"acknowledged\",\"severity\":4,\"service\":\"db\",\"detected_at\":\"2026-01-02T03:00:00.000Z\"," \
	"\"acknowledged_by\":\"user:amira\",\"due_at\":null,\"labels\":{\"env\":\"prod\"},\"links\":[{\"href\":\"http://x\",\"text\":\"\"}]," \
	"\"timeline\":[{\"at\":\"2026-01-02T03:00:00.000Z\",\"type\":\"detected\",\"actor\":\"integration:pd\",\"text\":\"first\\nalert\"}],\"timeline_total\":612," \
	"\"pages\":[{\"owed_at\":\"2026-01-02T03:00:00.000Z\",\"target\":\"user:amira\",\"channel\":\"mail\",\"status\":\"delivered\",\"attempt\":1,\"reason\":null}]}"

static void show_explains_an_incident_line_by_line(void **state)
{
	(void)state;
	static const struct canned canned[] = { { "GET", "/api/v1/incidents/42", 200, DETAIL } };
	struct scene s = { .canned = canned, .n_canned = 1, .now_ms = NOW };
	run(&s, "tocsin show #42");
	expect(&s, EXIT_DONE,
	    "number\t42\ntitle\tdisk\nstatus\tacknowledged\nseverity\t4\nservice\tdb\ndetected_at\t2026-01-02T03:00:00.000Z\nacknowledged_by\tuser:amira\nid\tu\n"
	    "label\tenv=prod\nlink\thttp://x\n"
	    "timeline\t2026-01-02T03:00:00.000Z\tdetected\tintegration:pd\tfirst alert\n"
	    "page\t2026-01-02T03:00:00.000Z\tuser:amira\tmail\tdelivered\t1\t\n");
	assert_string_equal(s.err, "hint: these are the newest 1 of 612 entries; --timeline shows all of them\n");
	scene_done(&s);
	s = (struct scene){ .canned = canned, .n_canned = 1, .now_ms = NOW, .is_terminal = true, .width = 80, .variables = { UTF8, { "NO_COLOR", "1" }, { "TZ", "UTC" } } };
	run(&s, "tocsin show 42");
	assert_non_null(strstr(s.out, "State         ◐ acknowledged\nSeverity      4 high\n"));
	assert_non_null(strstr(s.out, "\nTimeline\n"));
	assert_non_null(strstr(s.out, "(4m ago)\n"));
	scene_done(&s);
	s = (struct scene){ .canned = canned, .n_canned = 1 };
	run(&s, "tocsin show 42 -o json");
	expect(&s, EXIT_DONE, DETAIL "\n");
	scene_done(&s);
}

static void the_whole_timeline_is_asked_for_page_by_page(void **state)
{
	(void)state;
	static const struct canned canned[] = {
		{ "GET", "/api/v1/incidents/42/timeline?limit=200&cursor=n", 200, "{\"items\":[{\"at\":\"b\",\"type\":\"note\",\"actor\":\"x\",\"text\":\"two\"}],\"next\":null}" },
		{ "GET", "/api/v1/incidents/42/timeline?", 200, "{\"items\":[{\"at\":\"a\",\"type\":\"note\",\"actor\":\"x\",\"text\":\"one\"}],\"next\":\"n\"}" },
	};
	struct scene s = { .canned = canned, .n_canned = COUNT(canned) };
	run(&s, "tocsin show 42 --timeline");
	expect(&s, EXIT_DONE, "timeline\ta\tnote\tx\tone\ntimeline\tb\tnote\tx\ttwo\n");
	scene_done(&s);
}

static void output_that_cannot_be_written_is_a_failure(void **state)
{
	(void)state;
	struct scene s = { .canned = list, .n_canned = 1 };
	char *err = NULL;
	size_t n;
	FILE *full = fopen("/dev/full", "w");
	assert_non_null(full);
	struct cli_outside o = { .in = stdin, .out = full, .err = open_memstream(&err, &n), .ctx = &s, .env = scene_env, .perform = scene_perform,
		.now_ms = scene_now };
	s.mem = ARENA(1 << 20);
	assert_int_equal(cli_main(&o, 2, (const char *[]){ "tocsin", "list" }), EXIT_FAILED);
	(void)fclose(o.err);
	assert_non_null(strstr(err, "could not be written (No space left on device)"));
	(void)fclose(full);
	free(err);
	arena_free(&s.mem);
}

static void widths_count_columns_not_bytes(void **state)
{
	(void)state;
	struct arena a = ARENA(4096);
	assert_int_equal(text_width(S("Åmira")), 5);
	assert_int_equal(text_width(S("日本")), 4);
	assert_int_equal(text_width(S("e\xcc\x81")), 1);
	assert_int_equal(text_width(S("\xff\xfe")), 2);
	assert_true(str_eq(text_cut_to(&a, S("日本語"), 5, false), S("日本…")));
	assert_true(str_eq(text_cut_to(&a, S("日本語"), 4, false), S("日…")));
	assert_true(str_eq(text_cut_to(&a, S("abcdef"), 5, true), S("ab...")));
	assert_true(str_eq(text_cut_to(&a, S("abc"), 3, true), S("abc")));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_a_pipe_a_list_is_whole_lines_of_fields),
		cmocka_unit_test(a_header_comes_when_asked_for),
		cmocka_unit_test(on_a_terminal_a_list_is_a_table_with_ages),
		cmocka_unit_test(a_narrow_terminal_cuts_the_title_only),
		cmocka_unit_test(without_utf8_symbols_are_plain),
		cmocka_unit_test(colours_follow_terminal_flag_and_environment),
		cmocka_unit_test(the_other_forms_are_what_programs_read),
		cmocka_unit_test(filters_become_a_query),
		cmocka_unit_test(lists_go_on_to_the_last_page_or_the_limit),
		cmocka_unit_test(exit_code_10_says_that_something_is_open),
		cmocka_unit_test(every_refusal_has_its_exit_code_and_sentence),
		cmocka_unit_test(acknowledging_tells_what_became_of_each),
		cmocka_unit_test(ids_come_from_standard_input_too),
		cmocka_unit_test(some_of_several_is_7_and_json_says_which),
		cmocka_unit_test(when_all_fail_alike_that_is_the_exit_code),
		cmocka_unit_test(resolving_sends_cause_and_steps_in_order),
		cmocka_unit_test(a_note_comes_from_the_line_or_standard_input),
		cmocka_unit_test(ids_cannot_leave_their_place_in_the_path),
		cmocka_unit_test(triggering_sends_everything_given),
		cmocka_unit_test(waiting_for_an_acknowledgement_ends_by_it_or_by_time),
		cmocka_unit_test(a_token_is_printed_alone),
		cmocka_unit_test(show_explains_an_incident_line_by_line),
		cmocka_unit_test(the_whole_timeline_is_asked_for_page_by_page),
		cmocka_unit_test(output_that_cannot_be_written_is_a_failure),
		cmocka_unit_test(widths_count_columns_not_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
