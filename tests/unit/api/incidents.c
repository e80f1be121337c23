/* Reading incidents: filters, pages of pages, cursors, one incident with what belongs to it. */
#include "tests/unit/api/fixture.h"

enum { MANY = 1000 };

/* Number n is detected, acknowledged or resolved by turns, of three services and five severities by other turns. */
static enum incident_status status_of(int n)
{
	return n % 3 == 0 ? DETECTED : n % 3 == 1 ? ACKNOWLEDGED : RESOLVED;
}

static const char *service_of(int n)
{
	return n % 4 == 0 ? "checkout" : n % 4 == 1 ? "ledger" : "postgres-main";
}

static struct desk *with_many(void)
{
	struct desk *d = desk_open();
	for (int n = 1; n <= MANY; n++)
		put_incident(d, n, status_of(n), service_of(n));
	return d;
}

static int64_t number_of(const struct jv *item)
{
	return json_get(item, S("number"))->i;
}

static struct str next_of(struct desk *d)
{
	return text_of(d, "next");
}

/* Goes through all pages of a filter: every incident that fits comes once, the newest first, and no other. */
static int walk_pages(struct desk *d, const char *filter, int limit, bool (*fits)(int n))
{
	int last = MANY + 1, seen = 0, should = 0;
	struct str next = S("");
	for (int n = 1; n <= MANY; n++)
		should += fits(n);
	do {
		struct str target = arena_fmt(&d->a, "/api/v1/incidents?%s%slimit=%d%s%.*s", filter, *filter ? "&" : "", limit,
		    next.n ? "&cursor=" : "", STR_ARG(next));
		assert_int_equal(get(d, target.p), 200);
		for (const struct jv *i = member(d, "items")->kid; i != NULL; i = i->next, seen++) {
			int n = (int)number_of(i);
			assert_true(n < last && fits(n));
			last = n;
		}
		assert_true(count_of(member(d, "items")) <= (size_t)limit);
		next = next_of(d);
	} while (next.n > 0);
	assert_int_equal(seen, should);
	return seen;
}

static bool any(int n) { return n > 0; }
static bool is_open(int n) { return status_of(n) != RESOLVED; }
static bool is_detected(int n) { return status_of(n) == DETECTED; }
static bool is_ledger(int n) { return strcmp(service_of(n), "ledger") == 0; }
static bool is_open_ledger(int n) { return is_ledger(n) && is_open(n); }
static bool is_two(int n) { return strcmp(service_of(n), "postgres-main") != 0; }
static bool is_high(int n) { return 1 + n % 5 >= 4; }
static bool is_all_three(int n) { return is_two(n) && is_high(n) && status_of(n) != ACKNOWLEDGED; }
static bool none(int n) { return n < 0; }

static void every_filter_pages_through_what_fits_and_nothing_else(void **state)
{
	static const struct { const char *filter; bool (*fits)(int n); } table[] = {
		{ "", any }, { "status=all", any }, { "status=open", is_open }, { "status=detected", is_detected },
		{ "status=acknowledged,detected", is_open }, { "service=ledger", is_ledger }, { "service=ledger&status=open", is_open_ledger },
		{ "service=checkout,ledger", is_two }, { "severity=4,critical", is_high },
		{ "status=detected,resolved&service=ledger,checkout,ledger&severity=5,high", is_all_three }, { "service=nobody", none },
	};
	static const int limits[] = { 1, 7, 64, 65, 200 };
	struct desk *d = with_many();
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		for (size_t j = i == 0 ? 0 : 1; j < COUNT(limits); j++)
			walk_pages(d, table[i].filter, limits[j], table[i].fits);
	desk_close(d);
}

static void fifty_are_shown_unless_the_query_says_how_many(void **state)
{
	struct desk *d = with_many();
	(void)state;
	get(d, "/api/v1/incidents");
	assert_int_equal(count_of(member(d, "items")), 50);
	assert_int_equal(number_of(member(d, "items")->kid), MANY);
	get(d, "/api/v1/incidents?limit=200");
	assert_int_equal(count_of(member(d, "items")), 200);
	desk_close(d);
}

static void the_next_page_is_in_the_link_too(void **state)
{
	struct desk *d = with_many();
	(void)state;
	get(d, "/api/v1/incidents?service=ledger&status=resolved,detected&limit=3");
	struct str link = head_of(d, "Link"), target, rest;
	assert_true(str_starts(link, S("</api/v1/incidents?status=detected,resolved&service=ledger&limit=3&cursor=")));
	assert_true(str_cut(str_skip(link, 1), '>', &target, &rest));
	assert_text(rest, "; rel=\"next\"");
	int64_t before = number_of(member(d, "items")->kid->next->next);
	assert_int_equal(get(d, arena_str(&d->a, target).p), 200);
	assert_true(number_of(member(d, "items")->kid) < before);
	get(d, "/api/v1/incidents?service=nobody");
	assert_int_equal(head_of(d, "Link").n, 0);
	assert_int_equal(member(d, "next")->t, J_NULL);
	desk_close(d);
}

static void a_cursor_is_good_for_its_own_filter_only(void **state)
{
	struct desk *d = with_many();
	(void)state;
	get(d, "/api/v1/incidents?status=open&limit=5");
	struct str c = next_of(d);
	static const char *const same[] = { "status=open", "status=detected,acknowledged", "status=acknowledged,detected,open", "limit=9&status=open" };
	static const char *const other[] = { "status=detected", "status=all", "limit=5", "status=open&service=ledger", "status=open&severity=1" };
	for (size_t i = 0; i < COUNT(same); i++)
		assert_int_equal(get(d, arena_fmt(&d->a, "/api/v1/incidents?%s&cursor=%.*s", same[i], STR_ARG(c)).p), 200);
	for (size_t i = 0; i < COUNT(other); i++) {
		assert_int_equal(get(d, arena_fmt(&d->a, "/api/v1/incidents?%s&cursor=%.*s", other[i], STR_ARG(c)).p), 400);
		assert_problem(d, 400);
		assert_true(says(d, "#/cursor"));
	}
	desk_close(d);
}

static void a_cursor_from_outside_is_read_with_care(void **state)
{
	struct desk *d = with_many();
	(void)state;
	struct str long_id = arena_fmt(&d->a, "%0121d", 7), odd = S("\xff\xfe");
	const struct str after[] = { long_id, odd, S("") };
	for (size_t i = 0; i < COUNT(after); i++) {
		struct str c = cursor_make(&d->a, S(""), after[i]);
		assert_int_equal(get(d, arena_fmt(&d->a, "/api/v1/incidents?cursor=%.*s", STR_ARG(c)).p), 400);
	}
	static const char *const bad[] = { "", "x", "!!!!", "MQ", "MiAwMDAwMDAwMCBh" };
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(get(d, arena_fmt(&d->a, "/api/v1/incidents?cursor=%s", bad[i]).p), 400);
	struct str forged = cursor_make(&d->a, S("status=detected"), S("\x01"));      /* before the first: an empty page, no harm */
	assert_int_equal(get(d, arena_fmt(&d->a, "/api/v1/incidents?status=detected&cursor=%.*s", STR_ARG(forged)).p), 200);
	assert_int_equal(count_of(member(d, "items")), 0);
	desk_close(d);
}

static void all_faults_of_a_query_are_named_at_once(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	assert_int_equal(get(d, "/api/v1/incidents?status=broken&severity=9&limit=201&cursor=x&service=%ff"), 400);
	assert_problem(d, 400);
	assert_int_equal(count_of(member(d, "errors")), 5);
	static const char *const bad[] = { "limit=0", "limit=-1", "limit=", "limit=1e2", "limit=99999999999999999999", "status=Detected", "severity=x",
		"service=a%2Fb", "service=a%00b", "service=0123456789012345678901234567890123456789012345678901234567890123456789",
		"service=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17" };
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(get(d, arena_fmt(&d->a, "/api/v1/incidents?%s", bad[i]).p), 400);
	assert_int_equal(get(d, "/api/v1/incidents?status=&service=,,&severity="), 200);
	desk_close(d);
}

static void a_list_has_an_etag_that_changes_with_it(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	put_incident(d, 1, DETECTED, "checkout");
	get(d, "/api/v1/incidents");
	struct str etag = arena_str(&d->a, head_of(d, "ETag"));
	assert_true(str_starts(etag, S("W/\"")));
	desk_header(d, "If-None-Match", etag.p);
	assert_int_equal(get(d, "/api/v1/incidents"), 304);
	assert_int_equal(d->body.n, 0);
	put_incident(d, 2, DETECTED, "checkout");
	assert_int_equal(get(d, "/api/v1/incidents"), 200);
	desk_close(d);
}

static void an_item_has_what_is_promised(void **state)
{
	static const char *const members[] = { "id", "number", "title", "description", "severity", "severity_name", "status", "service", "source",
		"dedup_key", "alert_count", "level", "detected_at", "acknowledged_at", "acknowledged_by", "resolved_at", "root_cause",
		"resolution_steps", "tags", "labels", "version" };
	struct desk *d = desk_open();
	(void)state;
	put_incident(d, 3, DETECTED, "checkout");
	get(d, "/api/v1/incidents");
	const struct jv *item = member(d, "items")->kid;
	for (size_t i = 0; i < COUNT(members); i++)
		if (json_get(item, str_c(members[i])) == NULL)
			fail_msg("no %s", members[i]);
	assert_text(json_text(item, S("severity_name")), "high");
	assert_int_equal(json_get(item, S("version"))->i, 1);
	assert_int_equal(json_get(item, S("acknowledged_at"))->t, J_NULL);
	assert_null(json_get(item, S("entries")));
	desk_close(d);
}

/* A page ends where it gets too large for one answer, and goes on behind its cursor. */
static void a_page_of_huge_incidents_is_cut_short(void **state)
{
	enum { HUGE = 60000, N = 120 };
	struct desk *d = desk_open();
	char *text = malloc(HUGE);
	size_t seen = 0, pages = 0;
	struct str next = S("");
	(void)state;
	memset(text, 'x', HUGE);
	for (int n = 1; n <= N; n++) {
		struct incident i = an_incident(d, n, DETECTED, "checkout");
		i.description = (struct str){ text, HUGE };
		put(d, KIND_incident, i.id, &i, STORE_ABSENT);
	}
	do {
		assert_int_equal(get(d, arena_fmt(&d->a, "/api/v1/incidents?limit=200%s%.*s", next.n ? "&cursor=" : "", STR_ARG(next)).p), 200);
		assert_true(d->body.n < PAGE_BYTES + (256 << 10));
		seen += count_of(member(d, "items"));
		next = next_of(d);
		pages++;
	} while (next.n > 0);
	assert_int_equal(seen, N);
	assert_true(pages > 1);
	free(text);
	desk_close(d);
}

static void a_filter_that_finds_little_ends_its_page_early(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	for (int n = 1; n <= LOOK_MAX + 10; n++)
		put_incident(d, n, n == 1 ? DETECTED : RESOLVED, "checkout");
	assert_int_equal(get(d, "/api/v1/incidents?service=checkout&status=detected"), 200);
	assert_int_equal(count_of(member(d, "items")), 0);
	struct str next = next_of(d);
	assert_true(next.n > 0);
	get(d, arena_fmt(&d->a, "/api/v1/incidents?service=checkout&status=detected&cursor=%.*s", STR_ARG(next)).p);
	assert_int_equal(count_of(member(d, "items")), 1);
	assert_int_equal(next_of(d).n, 0);
	desk_close(d);
}

static void one_is_found_by_id_and_by_number(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	struct incident i = put_incident(d, 42, DETECTED, "checkout");
	put_incident(d, 421, DETECTED, "checkout");
	static const char *const names[] = { "42", "#42", "0042", "01900000-0000-7000-8000-000000000042" };
	for (size_t n = 0; n < COUNT(names); n++) {
		assert_int_equal(get(d, arena_fmt(&d->a, "/api/v1/incidents/%s", names[n]).p), 200);
		assert_true(str_eq(text_of(d, "id"), i.id));
	}
	static const char *const strangers[] = { "4", "43", "0", "-42", "x", "01900000-0000-7000-8000-000000000043", "9999999999999999999",
		"01900000-0000-7000-8000-00000000004", "+", "%2542" };
	for (size_t n = 0; n < COUNT(strangers); n++) {
		assert_int_equal(get(d, arena_fmt(&d->a, "/api/v1/incidents/%s", strangers[n]).p), 404);
		assert_problem(d, 404);
	}
	desk_close(d);
}

static void put_entry(struct desk *d, const struct incident *i, int64_t seq)
{
	struct entry e = { .id = entry_id(&d->a, i->id, seq), .at = d->now + seq, .type = ENTRY_ALERT, .actor = S("tocsin"), .text = S("again") };
	put(d, KIND_entry, e.id, &e, STORE_ABSENT);
}

static struct page put_page(struct desk *d, const struct incident *i, size_t target, enum page_status status, uint64_t expect)
{
	struct page p = { .id = page_id(&d->a, i->id, 0, 0, target, 0), .incident = i->id, .target = S("user:amira"), .channel = S("console"),
		.status = status };
	put(d, KIND_page, p.id, &p, expect);
	return p;
}

static void one_is_shown_with_its_timeline_and_pages(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	struct incident i = an_incident(d, 7, DETECTED, "checkout"), neighbour = put_incident(d, 8, DETECTED, "checkout");
	i.entries = 3;
	put(d, KIND_incident, i.id, &i, STORE_ABSENT);
	for (int s = 0; s < 3; s++)
		put_entry(d, &i, s);
	put_entry(d, &neighbour, 0);
	put_page(d, &i, 0, PAGE_DELIVERED, STORE_ABSENT);
	put_page(d, &i, 1, PAGE_FAILED, STORE_ABSENT);
	put_page(d, &neighbour, 0, PAGE_OWED, STORE_ABSENT);
	assert_int_equal(get(d, "/api/v1/incidents/7"), 200);
	assert_int_equal(count_of(member(d, "timeline")), 3);
	assert_int_equal(member(d, "timeline_total")->i, 3);
	assert_text(json_text(member(d, "timeline")->kid, S("text")), "again");
	assert_int_equal(count_of(member(d, "pages")), 2);
	assert_text(json_text(member(d, "pages")->kid->next, S("status")), "failed");
	assert_int_equal(member(d, "pages_next")->t, J_NULL);
	assert_text(head_of(d, "ETag"), "\"1\"");
	desk_close(d);
}

static void a_long_timeline_is_shown_from_its_end_and_paged_from_its_beginning(void **state)
{
	enum { LONG = 1203 };
	struct desk *d = desk_open();
	struct incident i = an_incident(d, 7, DETECTED, "checkout");
	struct str next = S("");
	int64_t seq = 0;
	(void)state;
	i.entries = LONG;
	put(d, KIND_incident, i.id, &i, STORE_ABSENT);
	for (int s = 0; s < LONG; s++)
		put_entry(d, &i, s);
	get(d, "/api/v1/incidents/7");
	assert_int_equal(count_of(member(d, "timeline")), 500);
	assert_int_equal(member(d, "timeline_total")->i, LONG);
	struct str first = json_text(member(d, "timeline")->kid, S("id"));
	assert_true(str_eq(first, entry_id(&d->a, i.id, LONG - 500)));
	do {
		assert_int_equal(get(d, arena_fmt(&d->a, "/api/v1/incidents/7/timeline?limit=200%s%.*s", next.n ? "&cursor=" : "", STR_ARG(next)).p), 200);
		for (const struct jv *e = member(d, "items")->kid; e != NULL; e = e->next)
			assert_true(str_eq(json_text(e, S("id")), entry_id(&d->a, i.id, seq++)));
		next = next_of(d);
	} while (next.n > 0);
	assert_int_equal(seq, LONG);
	desk_close(d);
}

/* Notes as long as they get: what does not fit is the oldest, never the latest. */
static void the_newest_of_a_huge_timeline_is_shown(void **state)
{
	enum { NOTES = 120, LONG = 64000 };
	struct desk *d = desk_open();
	struct incident i = an_incident(d, 7, DETECTED, "checkout");
	char *text = malloc(LONG);
	(void)state;
	memset(text, 'x', LONG);
	i.entries = NOTES;
	put(d, KIND_incident, i.id, &i, STORE_ABSENT);
	for (int s = 0; s < NOTES; s++) {
		struct entry e = { .id = entry_id(&d->a, i.id, s), .type = ENTRY_NOTE, .text = { text, LONG } };
		put(d, KIND_entry, e.id, &e, STORE_ABSENT);
	}
	assert_int_equal(get(d, "/api/v1/incidents/7"), 200);
	size_t n = count_of(member(d, "timeline"));
	assert_true(n > 50 && n < NOTES);
	for (const struct jv *e = member(d, "timeline")->kid; e != NULL; e = e->next, n--)
		assert_true(str_eq(json_text(e, S("id")), entry_id(&d->a, i.id, NOTES - (int64_t)n)));
	free(text);
	desk_close(d);
}

/* Pages end without a new version of the incident: an ETag must not outlive what it stands for. */
static void an_etag_says_304_only_when_nothing_changed(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	struct incident i = put_incident(d, 7, DETECTED, "checkout");
	put_page(d, &i, 0, PAGE_OWED, STORE_ABSENT);
	get(d, "/api/v1/incidents/7");
	struct str owed = arena_str(&d->a, head_of(d, "ETag"));
	desk_header(d, "If-None-Match", owed.p);
	assert_int_equal(get(d, "/api/v1/incidents/7"), 304);
	put_page(d, &i, 0, PAGE_OWED, 1);
	assert_int_equal(get(d, "/api/v1/incidents/7"), 200);
	put_page(d, &i, 0, PAGE_DELIVERED, 2);
	assert_int_equal(get(d, "/api/v1/incidents/7"), 200);
	assert_text(head_of(d, "ETag"), "\"1\"");
	d->n_headers = 1;
	desk_header(d, "If-None-Match", "\"9\", W/\"1\"");
	assert_int_equal(get(d, "/api/v1/incidents/7"), 304);
	assert_text(head_of(d, "ETag"), "\"1\"");
	put(d, KIND_incident, i.id, &i, 1);
	assert_int_equal(get(d, "/api/v1/incidents/7"), 200);
	assert_text(head_of(d, "ETag"), "\"2\"");
	assert_int_equal(member(d, "version")->i, 2);
	desk_close(d);
}

static void the_parts_of_an_unknown_incident_are_404(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	assert_int_equal(get(d, "/api/v1/incidents/9/timeline"), 404);
	assert_int_equal(get(d, "/api/v1/incidents/01900000-0000-7000-8000-000000000009/pages"), 404);
	desk_close(d);
}

/* A document that does not read is neither dropped in silence nor guessed at. */
static void a_broken_document_is_told_and_logged(void **state)
{
	struct desk *d = desk_open();
	struct str id = S("01900000-0000-7000-8000-000000000005");
	struct store_write w = { .op = STORE_PUT, .kind = KIND_incident, .id = id, .due = STORE_NO_DUE, .expire = STORE_NO_DUE, .body = S("{\"number\":\"x\"}") };
	struct store_txn t = { .w = &w, .n = 1, .token = { { 9 } } };
	struct store_result res;
	(void)state;
	store_commit(d->store, &t, &res, 1);
	assert_int_equal(res.rc, STORE_OK);
	assert_int_equal(get(d, "/api/v1/incidents"), 503);
	assert_true(says(d, "corrupt"));
	assert_int_equal(get(d, "/api/v1/incidents/01900000-0000-7000-8000-000000000005"), 503);
	assert_non_null(strstr(d->log.p, "the stored incident 01900000-0000-7000-8000-000000000005 cannot be read"));
	desk_close(d);
}

static enum store_fault always_down(void *ctx)
{
	return *(bool *)ctx ? STORE_FAULT_DOWN : STORE_FAULT_NONE;
}

static enum store_fault never(void *ctx, const struct store_txn *t)
{
	(void)ctx;
	(void)t;
	return STORE_FAULT_NONE;
}

static void a_store_that_is_away_is_503_everywhere(void **state)
{
	static const char *const paths[] = { "/api/v1/incidents", "/api/v1/incidents?status=open", "/api/v1/incidents/1",
		"/api/v1/incidents/01900000-0000-7000-8000-000000000001", "/api/v1/incidents/1/timeline", "/api/v1/tokens", "/api/v1/tokens/abcdefgh" };
	bool is_down = true;
	struct desk *d = desk_open();
	(void)state;
	put_incident(d, 1, DETECTED, "checkout");
	d->store = store_fault(d->store, &(struct store_fault_plan){ &is_down, never, always_down });
	d->api->env.store = d->store;
	for (size_t i = 0; i < COUNT(paths); i++) {
		assert_int_equal(get(d, paths[i]), 503);
		assert_problem(d, 503);
		assert_text(head_of(d, "Retry-After"), "5");
	}
	is_down = false;
	assert_int_equal(get(d, paths[2]), 200);
	desk_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_filter_pages_through_what_fits_and_nothing_else),
		cmocka_unit_test(fifty_are_shown_unless_the_query_says_how_many),
		cmocka_unit_test(the_next_page_is_in_the_link_too),
		cmocka_unit_test(a_cursor_is_good_for_its_own_filter_only),
		cmocka_unit_test(a_cursor_from_outside_is_read_with_care),
		cmocka_unit_test(all_faults_of_a_query_are_named_at_once),
		cmocka_unit_test(a_list_has_an_etag_that_changes_with_it),
		cmocka_unit_test(an_item_has_what_is_promised),
		cmocka_unit_test(a_page_of_huge_incidents_is_cut_short),
		cmocka_unit_test(a_filter_that_finds_little_ends_its_page_early),
		cmocka_unit_test(one_is_found_by_id_and_by_number),
		cmocka_unit_test(one_is_shown_with_its_timeline_and_pages),
		cmocka_unit_test(a_long_timeline_is_shown_from_its_end_and_paged_from_its_beginning),
		cmocka_unit_test(the_newest_of_a_huge_timeline_is_shown),
		cmocka_unit_test(an_etag_says_304_only_when_nothing_changed),
		cmocka_unit_test(the_parts_of_an_unknown_incident_are_404),
		cmocka_unit_test(a_broken_document_is_told_and_logged),
		cmocka_unit_test(a_store_that_is_away_is_503_everywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
