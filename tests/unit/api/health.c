/* Health, readiness, metrics, version, the line of status. */
#include "tests/unit/api/fixture.h"

static void health_is_text_for_some_and_json_for_others(void **state)
{
	static const struct { const char *path, *body, *type; } table[] = {
		{ "/healthz", "ok\n", "text/plain; charset=utf-8" }, { "/-/healthy", "ok\n", "text/plain; charset=utf-8" },
		{ "/readyz", "ready\n", "text/plain; charset=utf-8" }, { "/-/ready", "ready\n", "text/plain; charset=utf-8" },
		{ "/health", "{\"status\":\"healthy\"}", "application/json" }, { "/readiness", "{\"status\":\"ready\"}", "application/json" },
	};
	struct desk *d = desk_open();
	(void)state;
	d->is_remote = true;
	for (size_t i = 0; i < COUNT(table); i++) {
		assert_int_equal(get(d, table[i].path), 200);
		assert_text(buf_str(&d->body), table[i].body);
		assert_text(head_of(d, "Content-Type"), table[i].type);
		assert_int_equal(ask(d, "HEAD", table[i].path, ""), 200);
	}
	desk_close(d);
}

static void a_store_that_takes_no_writes_is_not_ready_but_alive(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	d->health = STORE_FULL;
	assert_int_equal(get(d, "/readyz"), 503);
	assert_text(buf_str(&d->body), "not ready: the disk is full\n");
	assert_int_equal(get(d, "/-/ready"), 503);
	assert_int_equal(get(d, "/readiness"), 503);
	assert_text(text_of(d, "detail"), "the disk is full");
	assert_int_equal(get(d, "/healthz"), 200);
	assert_int_equal(get(d, "/health"), 200);
	desk_close(d);
}

/* Every line is a comment or a sample; a family's head comes before its samples and once. */
static void check_exposition(struct desk *d, bool is_openmetrics)
{
	struct str rest = buf_str(&d->body), line, last = S("");
	while (str_cut(rest, '\n', &line, &rest)) {
		assert_true(line.n > 0);
		if (line.p[0] != '#')
			assert_non_null(memchr(line.p, ' ', line.n));
		last = line;
	}
	assert_int_equal(rest.n, 0);
	assert_int_equal(str_eq(last, S("# EOF")), is_openmetrics);
}

static void metrics_come_in_both_forms(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	get(d, "/nothing");
	get(d, "/healthz");
	assert_int_equal(get(d, "/metrics"), 200);
	assert_text(head_of(d, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
	check_exposition(d, false);
	assert_true(says(d, "tocsin_incidents_created_total 0\n"));
	assert_true(says(d, "# TYPE tocsin_http_requests_total counter\n"));
	assert_true(says(d, "tocsin_http_requests_total{handler=\"/healthz\",method=\"GET\",code=\"200\"} 1\n"));
	assert_true(says(d, "tocsin_http_requests_total{handler=\"none\",method=\"any\",code=\"404\"} 1\n"));
	assert_true(says(d, "extra 1\n"));
	desk_header(d, "Accept", "application/openmetrics-text; version=1.0.0,text/plain;q=0.5");
	get(d, "/metrics");
	assert_text(head_of(d, "Content-Type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
	assert_true(says(d, "# TYPE tocsin_http_requests counter\n"));
	check_exposition(d, true);
	desk_close(d);
}

static void the_version_is_the_programs(void **state)
{
	struct desk *d = desk_open();
	(void)state;
	assert_int_equal(get(d, "/api/v1/version"), 200);
	assert_text(text_of(d, "version"), "0.1.0-test");
	desk_close(d);
}

static void the_status_line_counts_days(void **state)
{
	enum { HOUR = 3600 * 1000, DAY = 24 * HOUR };
	static const struct { int64_t later; const char *line; } table[] = {
		{ 0, "status: 0 days since the last incident\n" }, { DAY, "status: 1 day since the last incident\n" },
		{ 2 * (int64_t)DAY, "status: 2 days since the last incident\n" }, { -3 * (int64_t)DAY, "status: 0 days since the last incident\n" },
	};
	struct desk *d = desk_open();
	int64_t now = d->now;
	(void)state;
	assert_int_equal(get(d, "/"), 200);
	assert_text(buf_str(&d->body), "status: no incidents recorded\n");
	put_incident(d, 1, RESOLVED, "checkout");
	for (size_t i = 0; i < COUNT(table); i++) {
		d->now = now + table[i].later;
		assert_int_equal(get(d, "/"), 200);
		assert_true(str_starts(buf_str(&d->body), str_c(table[i].line)));
		assert_true(says(d, "incidents:\n  - date: 2027-01-15\n    number: 1\n    message: \"disk full\"\n"));
		assert_text(head_of(d, "Content-Type"), "text/plain; charset=utf-8");
	}
	desk_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(health_is_text_for_some_and_json_for_others),
		cmocka_unit_test(a_store_that_takes_no_writes_is_not_ready_but_alive),
		cmocka_unit_test(metrics_come_in_both_forms),
		cmocka_unit_test(the_version_is_the_programs),
		cmocka_unit_test(the_status_line_counts_days),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
