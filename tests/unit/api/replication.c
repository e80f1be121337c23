/* What a standby reads of a server and gives back to it, and what a server that stands by refuses. */
#include "tests/unit/api/fixture.h"

static struct desk *as_standby_reader(void)
{
	struct desk *d = desk_open();
	d->now = 1800000000000;
	return d;
}

/* The names of the rows, with blanks between. */
static const char *names(struct desk *d)
{
	struct str out = S("");
	for (const struct jv *row = member(d, "items")->kid; row != NULL; row = row->next)
		out = arena_fmt(&d->a, "%.*s%s%.*s", STR_ARG(out), out.n ? " " : "", STR_ARG(row->kid->s));
	return out.p;
}

static void the_keep_alive_says_part_time_and_the_latest_cycle(void **state)
{
	struct desk *d = as_standby_reader();
	(void)state;
	atomic_store(&d->metrics.last_cycle_ms, d->now - 5);
	assert_int_equal(get(d, "/api/v1/replication"), 200);
	assert_text(text_of(d, "part"), "primary");
	assert_int_equal(member(d, "at")->i - member(d, "cycle")->i, 5);
	desk_close(d);
	d = desk_open_as(true);
	get(d, "/api/v1/replication");
	assert_text(text_of(d, "part"), "standby");
	desk_close(d);
}

static void rows_name_documents_with_version_and_commit(void **state)
{
	struct desk *d = as_standby_reader();
	(void)state;
	struct incident one = put_incident(d, 1, DETECTED, "checkout"), two = put_incident(d, 2, RESOLVED, "checkout");
	struct incident three = put_incident(d, 3, ACKNOWLEDGED, "checkout");
	assert_int_equal(get(d, "/api/v1/replication/versions?set=detected"), 200);
	assert_string_equal(names(d), arena_fmt(&d->a, "incident/%.*s", STR_ARG(one.id)).p);
	const struct jv *row = member(d, "items")->kid;
	assert_int_equal(row->kid->next->i, 1);
	assert_int_equal(row->kid->next->next->s.n, 32);
	assert_int_equal(member(d, "next")->t, J_NULL);
	get(d, "/api/v1/replication/versions?set=acknowledged");
	assert_string_equal(names(d), arena_fmt(&d->a, "incident/%.*s", STR_ARG(three.id)).p);
	get(d, arena_fmt(&d->a, "/api/v1/replication/versions?set=recent&after=%.*s", STR_ARG(one.id)).p);
	assert_string_equal(names(d), arena_fmt(&d->a, "incident/%.*s incident/%.*s", STR_ARG(two.id), STR_ARG(three.id)).p);
	desk_close(d);
}

/* However many there are, each comes once. */
static void long_sets_come_in_pages(void **state)
{
	enum { MANY = 1203 };
	struct desk *d = as_standby_reader();
	struct str after = S("");
	size_t seen = 0, pages = 0;
	(void)state;
	for (int n = 1; n <= MANY; n++)
		put_incident(d, n, DETECTED, "ledger");
	do {
		assert_int_equal(get(d, arena_fmt(&d->a, "/api/v1/replication/versions?set=detected&after=%.*s", STR_ARG(after)).p), 200);
		seen += count_of(member(d, "items"));
		after = text_of(d, "next");
		pages++;
	} while (after.n > 0);
	assert_int_equal(seen, MANY);
	assert_int_equal(pages, 3);
	desk_close(d);
}

static void odd_questions_are_400(void **state)
{
	static const char *const odd[] = { "", "?set=", "?set=all", "?set=open&after=x", "?sets=owed" };
	struct desk *d = as_standby_reader();
	(void)state;
	for (size_t i = 0; i < COUNT(odd); i++) {
		get(d, arena_fmt(&d->a, "/api/v1/replication/versions%s", odd[i]).p);
		assert_problem(d, 400);
	}
	ask(d, "POST", "/api/v1/replication/documents", "{\"documents\":[\"nonsense/1\"]}");
	assert_problem(d, 422);
	ask(d, "POST", "/api/v1/replication/documents", "{\"documents\":[\"token\"]}");
	assert_problem(d, 422);
	desk_close(d);
}

static void put_entry(struct desk *d, struct str incident, int64_t n, struct str alert)
{
	struct entry e = { .id = entry_id(&d->a, incident, n), .at = d->now, .type = ENTRY_ALERT, .text = S("folded in"), .alert = alert };
	put(d, KIND_entry, e.id, &e, STORE_ABSENT);
}

static void an_incident_comes_with_all_that_belongs_to_it_and_comes_last(void **state)
{
	struct desk *d = as_standby_reader();
	(void)state;
	struct incident i = put_incident(d, 1, DETECTED, "checkout");
	struct group g = { .id = S("service/checkout"), .incident = i.id };
	struct alert own = { .id = alert_id(&d->a, i.source, i.service, i.dedup_key), .incident = i.id }, other = { .id = S("0123abcd"), .incident = i.id };
	struct page p = { .id = page_id(&d->a, i.id, 0, 0, 0, 0), .incident = i.id };
	put(d, KIND_group, g.id, &g, STORE_ABSENT);
	put(d, KIND_alert, own.id, &own, STORE_ABSENT);
	put(d, KIND_alert, other.id, &other, STORE_ABSENT);
	put(d, KIND_page, p.id, &p, STORE_ABSENT);
	for (int n = 0; n < 5; n++)
		put_entry(d, i.id, n, n == 3 ? other.id : S(""));
	put_incident(d, 2, DETECTED, "checkout");
	put_entry(d, S("01900000-0000-7000-8000-000000000002"), 0, S(""));
	assert_int_equal(ask(d, "POST", "/api/v1/replication/documents", arena_fmt(&d->a, "{\"incidents\":[\"%.*s/000002\"]}", STR_ARG(i.id)).p), 200);
	struct str kinds_sent = S("");
	for (const struct jv *j = member(d, "items")->kid; j != NULL; j = j->next)
		kinds_sent = arena_fmt(&d->a, "%.*s %.*s", STR_ARG(kinds_sent), STR_ARG(json_text(j, S("kind"))));
	assert_string_equal(kinds_sent.p, " entry entry entry page group alert alert incident");
	assert_int_equal(member(d, "next")->t, J_NULL);
	desk_close(d);
}

static void documents_are_sent_as_they_are_and_what_is_missing_is_said(void **state)
{
	struct desk *d = as_standby_reader();
	struct token t = { .id = S("abcd1234"), .name = S("ci"), .hash = S("secret-digest") };
	(void)state;
	put(d, KIND_token, t.id, &t, STORE_ABSENT);
	assert_int_equal(ask(d, "POST", "/api/v1/replication/documents", "{\"documents\":[\"token/abcd1234\",\"page/none\"],\"incidents\":"
		"[\"01900000-0000-7000-8000-000000000009/000000\"]}"), 200);
	const struct jv *doc = member(d, "items")->kid;
	assert_text(json_text(doc, S("kind")), "token");
	assert_int_equal(json_get(doc, S("ver"))->i, 1);
	assert_int_equal(json_get(doc, S("due"))->t, J_NULL);
	assert_text(json_text(json_get(doc, S("body")), S("hash")), "secret-digest");
	const struct jv *missing = member(d, "missing");
	assert_int_equal(count_of(missing), 2);
	assert_text(missing->kid->s, "page/none");
	assert_text(missing->kid->next->s, "incident/01900000-0000-7000-8000-000000000009");
	desk_close(d);
}

/* A timeline that does not fit is sent in parts, each entry once, and the incident only with the last of them. */
static void a_long_timeline_is_sent_in_parts(void **state)
{
	enum { MANY = 40 };
	struct desk *d = as_standby_reader();
	struct buf big = BUF(64 << 10);
	size_t entries = 0, incidents = 0, answers = 0;
	(void)state;
	struct incident i = put_incident(d, 1, DETECTED, "checkout");
	while (big.n < 60000)
		buf_add(&big, S("something went wrong "));
	for (int n = 0; n < MANY * 8; n++) {
		struct entry e = { .id = entry_id(&d->a, i.id, n), .at = d->now, .type = ENTRY_NOTE, .text = n % 8 ? S("x") : buf_str(&big) };
		put(d, KIND_entry, e.id, &e, STORE_ABSENT);
	}
	struct str next = arena_fmt(&d->a, "%.*s/000000", STR_ARG(i.id));
	desk_header(d, "Host", "localhost:3000");
	while (next.n > 0) {
		struct buf ask_for = BUF(1024);
		buf_add(&ask_for, S("{\"incidents\":["));
		buf_json(&ask_for, next);
		buf_add(&ask_for, S("]}"));
		assert_int_equal(ask_bytes(d, "POST", "/api/v1/replication/documents", buf_str(&ask_for)), 200);
		buf_free(&ask_for);
		assert_int_equal(incidents, 0);
		for (const struct jv *j = member(d, "items")->kid; j != NULL; j = j->next) {
			entries += str_eq(json_text(j, S("kind")), S("entry"));
			incidents += str_eq(json_text(j, S("kind")), S("incident"));
		}
		next = text_of(d, "next");
		answers++;
	}
	assert_int_equal(entries, MANY * 8);
	assert_int_equal(incidents, 1);
	assert_true(answers > 1 && answers < 10);
	buf_free(&big);
	desk_close(d);
}

#define GIVEN "{\"id\":\"01900000-0000-7000-8000-000000000001\",\"version\":4,\"standby\":\"south\",\"status\":\"acknowledged\",\"actor\":\"user:ada\"," \
	"\"service\":\"checkout\",\"source\":\"scripts\",\"dedup_key\":\"db1\",\"title\":\"down\",\"severity\":4,\"story\":\"it was like this\"}"

static void what_is_given_back_becomes_one_command(void **state)
{
	struct desk *d = as_standby_reader();
	(void)state;
	assert_int_equal(ask(d, "POST", "/api/v1/replication/incidents", GIVEN), 0);
	const struct command *c = &d->jobs[0]->command;
	assert_int_equal(c->kind, CMD_HAND_BACK);
	assert_int_equal(c->wants, ACKNOWLEDGED);
	assert_text(c->incident, "01900000-0000-7000-8000-000000000001");
	assert_text(c->acted_by, "user:ada");
	assert_text(c->text, "south led: it was like this");
	assert_text(c->event.integration, "scripts");
	assert_text(c->event.idempotency_key, "handed back south 01900000-0000-7000-8000-000000000001 4");
	struct incident i = an_incident(d, 1, ACKNOWLEDGED, "checkout");
	assert_int_equal(reply_outcome(d, OUT_CREATED, "", &i), 201);
	assert_text(text_of(d, "id"), "01900000-0000-7000-8000-000000000001");
	ask(d, "POST", "/api/v1/replication/incidents", GIVEN);
	assert_int_equal(reply_outcome(d, OUT_INVALID, "no service \"checkout\"", NULL), 422);
	ask(d, "POST", "/api/v1/replication/incidents", "{\"id\":\"no-uuid-but-thirty-six-characters-xx\",\"standby\":\"s\",\"service\":\"checkout\",\"source\":\"x\",\"title\":\"t\"}");
	assert_problem(d, 422);
	desk_close(d);
}

static void who_stands_by_takes_neither_alerts_nor_actions_and_answers_reads(void **state)
{
	static const char *const writes[] = { "/api/v1/incidents", "/api/v1/incidents/1/acknowledge", "/api/v1/incidents/1/notes", "/in/" IN_KEY,
		"/v2/enqueue", "/api/v1/replication/incidents" };
	struct desk *d = desk_open_as(true);
	(void)state;
	put_incident(d, 1, DETECTED, "checkout");
	for (size_t i = 0; i < COUNT(writes); i++) {
		assert_int_equal(ask(d, "POST", writes[i], i == 5 ? GIVEN : "{}"), 503);
		assert_problem(d, 503);
		assert_text(head_of(d, "Retry-After"), "5");
	}
	assert_true(says(d, "standby itself"));
	assert_int_equal(get(d, "/api/v1/incidents/1"), 200);
	d->leads = true;
	assert_int_equal(ask(d, "POST", "/api/v1/incidents/1/acknowledge", "{}"), 0);
	struct incident i = an_incident(d, 1, ACKNOWLEDGED, "checkout");
	assert_int_equal(reply_outcome(d, OUT_DONE, "", &i), 200);
	desk_close(d);
}

static void orders_go_to_the_standby_and_are_refused_where_there_is_none(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	assert_int_equal(ask(d, "POST", "/api/v1/standby/promote", ""), 404);
	assert_int_equal(get(d, "/api/v1/standby"), 404);
	desk_close(d);
	d = desk_open_as(true);
	assert_int_equal(ask(d, "POST", "/api/v1/standby/promote", ""), 202);
	assert_int_equal(d->order, ORDER_LEAD);
	assert_text(text_of(d, "part"), "standby");
	assert_int_equal(ask(d, "POST", "/api/v1/standby/yield", ""), 409);
	assert_problem(d, 409);
	assert_int_equal(d->order, ORDER_YIELD);
	assert_true(says(d, "local cannot."));
	desk_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_keep_alive_says_part_time_and_the_latest_cycle),
		cmocka_unit_test(rows_name_documents_with_version_and_commit),
		cmocka_unit_test(long_sets_come_in_pages),
		cmocka_unit_test(odd_questions_are_400),
		cmocka_unit_test(an_incident_comes_with_all_that_belongs_to_it_and_comes_last),
		cmocka_unit_test(documents_are_sent_as_they_are_and_what_is_missing_is_said),
		cmocka_unit_test(a_long_timeline_is_sent_in_parts),
		cmocka_unit_test(what_is_given_back_becomes_one_command),
		cmocka_unit_test(who_stands_by_takes_neither_alerts_nor_actions_and_answers_reads),
		cmocka_unit_test(orders_go_to_the_standby_and_are_refused_where_there_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
