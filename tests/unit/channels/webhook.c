/* webhook.c - the request of a page, its signature (vectors of Standard Webhooks), and the settings that can never work. */
#include "src/channels/webhook.c"
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct arena mem = { .limit = 8 << 20 };

static int clean(void **state)
{
	(void)state;
	arena_free(&mem);
	return 0;
}

static const struct incident disk = { .id = { "0199-incident", 13 }, .number = 42, .title = { "disk full", 9 }, .severity = 5,
	.service = { "checkout", 8 }, .source = { "prometheus", 10 }, .dedup_key = { "db1/disk", 8 } };
static const struct page first = { .id = { "0199-incident/0/1/0/0", 21 }, .level = 1, .target = { "channel:hook", 12 }, .attempt = 1,
	.owed_at = 1767323045678 };

static struct message message(int64_t now_ms)
{
	return (struct message){ &disk, &first, S("Checkout"), S("https://tocsin.example/i/42"), now_ms };
}

static struct webhook plain(void)
{
	return (struct webhook){ .url = S("https://hooks.example.com/tocsin") };
}

static struct wire_request built(const struct webhook *w, const struct message *m)
{
	struct wire_request r = { 0 };
	struct str why = { 0 };
	if (build(&mem, w, m, &r, &why))
		fail_msg("not built: %.*s", STR_ARG(why));
	return r;
}

static struct str header(const struct wire_request *r, struct str name)
{
	for (size_t i = 0; i < r->headers.n; i++)
		if (str_starts(r->headers.v[i], name))
			return str_skip(r->headers.v[i], name.n);
	return S("");
}

/* A reload frees the old configuration while its last pages are under way. */
static void a_request_outlives_the_settings_it_was_built_from(void **state)
{
	(void)state;
	char url[] = "https://hooks.example.com/tocsin", name[] = "X-Team", value[] = "ops";
	struct pair pair = { str_c(name), str_c(value) };
	struct webhook w = { .url = str_c(url), .headers = { &pair, 1 } };
	struct message m = message(0);
	struct wire_request r = built(&w, &m);
	memset(url, '?', sizeof url);
	memset(name, '?', sizeof name);
	memset(value, '?', sizeof value);
	assert_true(str_eq(r.url, S("https://hooks.example.com/tocsin")));
	assert_true(str_eq(header(&r, S("X-Team: ")), S("ops")));
}

static void signatures_equal_the_vectors_of_standard_webhooks(void **state)
{
	(void)state;
	static const struct { const char *id; int64_t at; const char *body, *want; } t[] = {
		{ "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}",
		  "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" },
		{ "evt_01JGXYZ0000000000000000000", 1767323045,
		  "{\"type\":\"incident.triggered\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"data\":{\"id\":\"42\"}}",
		  "webhook-signature: v1,f7tjT9B3mwGs8elNSO2U0HuZmZx/Vowc0UDiExbrqBY=" },
	};
	for (size_t i = 0; i < COUNT(t); i++) {
		struct str key;
		assert_int_equal(signing_key(&mem, S("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), &key), 0);
		struct str got = signature(&mem, key, str_c(t[i].id), t[i].at, str_c(t[i].body));
		assert_string_equal(got.p, t[i].want);
	}
}

static void the_signature_covers_the_headers_and_the_body_that_are_sent(void **state)
{
	(void)state;
	struct webhook w = plain();
	w.hmac_secret.value = S("a raw secret");
	struct message m = message(1767323050999);
	struct wire_request r = built(&w, &m);
	struct str id = header(&r, S("webhook-id: ")), at = header(&r, S("webhook-timestamp: "));
	assert_true(str_eq(id, first.id) && str_eq(at, S("1767323050")));
	struct str want = signature(&mem, S("a raw secret"), id, 1767323050, r.body);
	assert_true(str_eq(header(&r, S("webhook-signature: ")), str_skip(want, strlen("webhook-signature: "))));
}

static void every_attempt_has_the_same_id_and_its_own_time(void **state)
{
	(void)state;
	struct webhook w = plain();
	struct message a = message(1000), b = message(61000);
	struct wire_request first_try = built(&w, &a), second_try = built(&w, &b);
	assert_true(str_eq(header(&first_try, S("webhook-id: ")), header(&second_try, S("webhook-id: "))));
	assert_true(str_eq(header(&first_try, S("webhook-timestamp: ")), S("1")));
	assert_true(str_eq(header(&second_try, S("webhook-timestamp: ")), S("61")));
	assert_true(str_eq(first_try.body, second_try.body));
	assert_int_equal(header(&first_try, S("webhook-signature: ")).n, 0);
}

static void extra_headers_are_sent_behind_ours(void **state)
{
	(void)state;
	struct pair h[] = { { S("X-Team"), S("payments, eu") }, { S("Authorization"), S("Bearer abc") } };
	struct webhook w = plain();
	w.headers = (struct map){ h, COUNT(h) };
	struct message m = message(0);
	struct wire_request r = built(&w, &m);
	assert_int_equal(r.headers.n, 5);
	assert_true(str_eq(r.headers.v[3], S("X-Team: payments, eu")));
	assert_true(str_eq(r.headers.v[4], S("Authorization: Bearer abc")));
}

static void a_header_that_could_break_the_request_is_refused(void **state)
{
	(void)state;
	static const struct { const char *name, *value; } bad[] = {
		{ "X-A", "one\r\nX-B: two" }, { "X-A", "one\ntwo" }, { "X-A", "\x01" }, { "X\r\nA", "v" }, { "X A", "v" }, { "X:", "v" },
		{ "", "v" }, { "Host", "v" }, { "hOST", "v" }, { "Content-Length", "5" }, { "Transfer-Encoding", "chunked" },
		{ "Connection", "close" }, { "webhook-id", "v" }, { "Webhook-Signature", "v" }, { "Content-Type", "text/plain" },
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct pair h = { str_c(bad[i].name), str_c(bad[i].value) };
		struct webhook w = plain();
		struct message m = message(0);
		struct wire_request r;
		struct str why = { 0 };
		w.headers = (struct map){ &h, 1 };
		assert_true(check_settings(&mem, &w).n > 0);
		assert_int_equal(build(&mem, &w, &m, &r, &why), EINVAL);
		assert_true(why.n > 0);
	}
}

static void a_url_that_can_never_work_is_named(void **state)
{
	(void)state;
	static const struct { const char *url; bool is_fine; } t[] = {
		{ "https://hooks.example.com/x?y=1", true }, { "http://127.0.0.1:9/", true }, { "http://[::1]:8080", true },
		{ "https://h.example/@x", true }, { "", false }, { "ftp://x/", false }, { "hooks.example.com/x", false }, { "https://", false },
		{ "https:///path", false }, { "https://user:pw@h.example/", false }, { "https://h.example/a b", false },
		{ "https://h.example/\r\nX: y", false }, { "https://h.example/#frag", false }, { "https://h\xc3\xbc.example/", false },
		{ "HTTPS//x", false }, { "file:///etc/passwd", false },
	};
	for (size_t i = 0; i < COUNT(t); i++) {
		struct webhook w = { .url = str_c(t[i].url) };
		assert_int_equal(check_settings(&mem, &w).n == 0, t[i].is_fine);
	}
}

static void a_secret_that_is_not_what_it_says_is_named(void **state)
{
	(void)state;
	struct webhook w = plain();
	w.hmac_secret.value = S("whsec_not base64!");
	assert_true(check_settings(&mem, &w).n > 0);
	w.hmac_secret.value = S("not base64! and does not say so");
	assert_int_equal(check_settings(&mem, &w).n, 0);
}

static void an_odd_page_id_never_becomes_a_header(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "a\r\nb", "a b", "\xc3\xbc" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct page p = first;
		struct webhook w = plain();
		struct message m = message(0);
		struct wire_request r;
		struct str why = { 0 };
		p.id = str_c(bad[i]);
		m.page = &p;
		assert_int_equal(build(&mem, &w, &m, &r, &why), EINVAL);
	}
}

static void the_largest_incident_is_cut_not_refused(void **state)
{
	(void)state;
	enum { N = 64, BIG = 60000 };
	static char junk[BIG];
	static struct pair labels[N];
	memset(junk, '\x01', sizeof junk);
	struct incident in = disk;
	struct webhook w = plain();
	struct message m = message(0);
	struct arena small = ARENA(CHANNEL_ARENA);
	struct wire_request r;
	struct str why, big = { junk, sizeof junk };
	for (size_t i = 0; i < N; i++)
		labels[i] = (struct pair){ big, big };
	in.labels = (struct map){ labels, N };
	in.title = in.description = in.dedup_key = in.service = in.source = big;
	m.incident = &in;
	m.service_name = m.url = big;
	assert_int_equal(build(&small, &w, &m, &r, &why), 0);
	assert_true(small.used < CHANNEL_ARENA / 2);
	assert_non_null(json_parse(&mem, r.body, &why));
	arena_free(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_request_outlives_the_settings_it_was_built_from, clean),
		cmocka_unit_test_teardown(signatures_equal_the_vectors_of_standard_webhooks, clean),
		cmocka_unit_test_teardown(the_signature_covers_the_headers_and_the_body_that_are_sent, clean),
		cmocka_unit_test_teardown(every_attempt_has_the_same_id_and_its_own_time, clean),
		cmocka_unit_test_teardown(extra_headers_are_sent_behind_ours, clean),
		cmocka_unit_test_teardown(a_header_that_could_break_the_request_is_refused, clean),
		cmocka_unit_test_teardown(a_url_that_can_never_work_is_named, clean),
		cmocka_unit_test_teardown(a_secret_that_is_not_what_it_says_is_named, clean),
		cmocka_unit_test_teardown(an_odd_page_id_never_becomes_a_header, clean),
		cmocka_unit_test_teardown(the_largest_incident_is_cut_not_refused, clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
