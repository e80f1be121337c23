/* email.c - the mail of a page: headers nothing can break, addresses, the url of the server, what its answer means. */
#include "src/channels/email.c"
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct arena mem = { .limit = 16 << 20 };

static int clean(void **state)
{
	(void)state;
	arena_free(&mem);
	return 0;
}

static const struct incident disk = { .id = { "0199-incident", 13 }, .number = 42, .title = { "disk full", 9 }, .severity = 5,
	.service = { "checkout", 8 }, .source = { "prometheus", 10 }, .dedup_key = { "db1/disk", 8 }, .detected_at = 1767323045678 };
static const struct page first = { .id = { "0199-incident/0/1/0/0", 21 }, .level = 1, .target = { "user:amira", 10 },
	.address = { "amira@example.com", 17 }, .attempt = 1 };

static struct message message(const struct incident *in)
{
	return (struct message){ in, &first, S("Checkout"), S("https://tocsin.example/i/42"), 1767323050999 };
}

static struct smtp plain(void)
{
	return (struct smtp){ .url.value = S("smtp://mail.example.com:587"), .from = S("tocsin@example.com") };
}

static struct wire_request built(const struct incident *in)
{
	struct wire_request r = { 0 };
	struct str why = { 0 };
	struct smtp s = plain();
	struct message m = message(in);
	if (build(&mem, &s, &m, &r, &why))
		fail_msg("not built: %.*s", STR_ARG(why));
	return r;
}

static bool contains(struct str s, const char *part)
{
	return memmem(s.p, s.n, part, strlen(part)) != NULL;
}

/* A reload frees the old configuration while its last pages are under way. */
static void a_request_outlives_the_settings_it_was_built_from(void **state)
{
	(void)state;
	char url[] = "smtps://me:word@mail.example.com:465", from[] = "tocsin@example.com";
	struct smtp s = { .url.value = str_c(url), .from = str_c(from) };
	struct message m = message(&disk);
	struct wire_request r = { 0 };
	struct str why = { 0 };
	assert_int_equal(build(&mem, &s, &m, &r, &why), 0);
	memset(url, '?', sizeof url);
	memset(from, '?', sizeof from);
	assert_true(str_eq(r.url, S("smtps://mail.example.com:465")));
	assert_true(str_eq(r.mail_from, S("tocsin@example.com")));
	assert_true(str_eq(r.username, S("me")) && str_eq(r.password, S("word")));
}

/* Every line ends in CRLF and is short enough; headers are 7 bit and each begins with a name or is a continuation. */
static void check_form(struct str s)
{
	bool in_header = true;
	for (size_t line = 0, i = 0; i < s.n; i++) {
		if (s.p[i] != '\n') {
			assert_true(s.p[i] != '\r' || (i + 1 < s.n && s.p[i + 1] == '\n'));
			assert_true(!in_header || (unsigned char)s.p[i] < 0x80);
			continue;
		}
		assert_true(i > 0 && s.p[i - 1] == '\r');
		assert_true(i - line <= LINE_MAX_BYTES);
		if (in_header && i - line == 1)
			in_header = false;
		if (in_header)
			assert_true(s.p[line] == ' ' || memchr(s.p + line, ':', i - line));
		line = i + 1;
	}
	assert_false(in_header);
}

static void a_page_is_a_complete_message(void **state)
{
	(void)state;
	struct wire_request r = built(&disk);
	static const char *const parts[] = { "From: tocsin <tocsin@example.com>\r\n", "To: amira@example.com\r\n",
		"Subject: [#42 critical] disk full\r\n", "Date: Fri, 02 Jan 2026 03:04:10 +0000\r\n",
		"Message-ID: <0199-incident.0.1.0.0@example.com>\r\n", "References: <0199-incident@example.com>\r\n",
		"Auto-Submitted: auto-generated\r\n", "MIME-Version: 1.0\r\n", "Content-Type: text/plain; charset=utf-8\r\n",
		"Content-Transfer-Encoding: 7bit\r\n\r\n", "\r\n#42 disk full\r\n", "tocsin ack 42", "https://tocsin.example/i/42",
		"Checkout", "5 critical", "0199-incident\r\n", "2026-01-02T03:04:05.678Z" };
	for (size_t i = 0; i < COUNT(parts); i++)
		if (!contains(r.body, parts[i]))
			fail_msg("%s is not in\n%.*s", parts[i], STR_ARG(r.body));
	check_form(r.body);
	assert_true(str_eq(r.url, S("smtp://mail.example.com:587")));
	assert_true(str_eq(r.mail_from, S("tocsin@example.com")) && str_eq(r.mail_to, S("amira@example.com")));
	assert_true(r.require_tls && r.username.n == 0);
}

static void the_message_id_is_the_same_on_every_attempt(void **state)
{
	(void)state;
	struct str id = { 0 };
	for (int attempt = 1; attempt < 4; attempt++) {
		struct page p = first;
		struct message m = message(&disk);
		struct smtp s = plain();
		struct wire_request r;
		struct str why;
		p.attempt = attempt;
		m.page = &p;
		m.now_ms += attempt * 60000;
		assert_int_equal(build(&mem, &s, &m, &r, &why), 0);
		char *at = memmem(r.body.p, r.body.n, "Message-ID: ", 12);
		assert_non_null(at);
		struct str line, rest, tail = { at, r.body.n - (size_t)(at - r.body.p) };
		assert_true(str_cut(tail, '\r', &line, &rest));
		assert_true(attempt == 1 || str_eq(line, id));
		id = line;
	}
}

static void a_title_cannot_write_a_header(void **state)
{
	(void)state;
	static const char *const titles[] = { "x\r\nBcc: eve@example.com", "x\nBcc: eve@example.com", "x\rBcc: eve", "x\r\n\r\nbody",
		"\xc3\xbc\r\nBcc: eve@example.com", "=?utf-8?B?DQpCY2M6IGV2ZQ==?=", "\xe2\x80\xa8" "Bcc: eve", "\xc2\x85" "Bcc: eve" };
	for (size_t i = 0; i < COUNT(titles); i++) {
		struct incident in = disk;
		in.title = str_c(titles[i]);
		struct wire_request r = built(&in);
		check_form(r.body);
		char *end = memmem(r.body.p, r.body.n, "\r\n\r\n", 4);
		struct str head = { r.body.p, (size_t)(end - r.body.p) };
		assert_false(contains(head, "\r\nBcc"));
		assert_true((i != 4 && i != 5) || contains(head, "Subject: =?utf-8?B?"));
		assert_true(contains(head, "Content-Transfer-Encoding"));
	}
}

static void text_beyond_ascii_is_encoded_in_short_lines(void **state)
{
	(void)state;
	char title[901];
	for (size_t i = 0; i < 900; i += 3)
		memcpy(title + i, "\xe2\x82\xac", 4);
	struct incident in = disk;
	in.title = (struct str){ title, 900 };
	in.description = S("gr\xc3\xb6\xc3\x9f" "er = 97 % \nend ");
	struct wire_request r = built(&in);
	check_form(r.body);
	assert_true(contains(r.body, "Content-Transfer-Encoding: quoted-printable"));
	assert_true(contains(r.body, "gr=C3=B6=C3=9Fer =3D 97 %=20\r\nend=20\r\n"));
	size_t line = 0;
	for (size_t i = 0; i < r.body.n; i++) {
		line = r.body.p[i] == '\n' ? 0 : line + 1;
		assert_true(line <= QP_LINE + 1);                 /* and the CR */
	}
}

static void long_plain_lines_are_encoded_too(void **state)
{
	(void)state;
	char text[2000];
	memset(text, 'x', sizeof text);
	struct incident in = disk;
	in.description = (struct str){ text, sizeof text };
	struct wire_request r = built(&in);
	check_form(r.body);
	assert_true(contains(r.body, "quoted-printable"));
}

static void the_largest_incident_is_cut_not_refused(void **state)
{
	(void)state;
	enum { N = 64, BIG = 60000 };
	static char junk[BIG];
	static struct pair labels[N];
	static struct link links[N];
	memset(junk, '\xff', sizeof junk);
	struct incident in = disk;
	struct arena small = ARENA(CHANNEL_ARENA);
	struct smtp s = plain();
	struct message m = message(&in);
	struct wire_request r;
	struct str why, big = { junk, sizeof junk };
	for (size_t i = 0; i < N; i++) {
		labels[i] = (struct pair){ big, big };
		links[i] = (struct link){ .href = big, .text = big };
	}
	in.labels = (struct map){ labels, N };
	in.links = (struct link_list){ links, N };
	in.title = in.description = in.dedup_key = in.id = in.source = m.service_name = m.url = big;
	in.id.n = 36;
	assert_int_equal(build(&small, &s, &m, &r, &why), 0);
	check_form(r.body);
	arena_free(&small);
}

static void an_address_is_a_mail_address(void **state)
{
	(void)state;
	static const struct { const char *address; bool is_fine; } t[] = {
		{ "a@example.com", true }, { "first.last+tag@sub.example.com", true }, { "root@localhost", true }, { "o'neil@example.ie", true },
		{ "", false }, { "a", false }, { "@example.com", false }, { "a@", false }, { "a b@example.com", false },
		{ "a@exa mple.com", false }, { "a@b@", false }, { ".a@example.com", false }, { "a.@example.com", false },
		{ "a@.example.com", false }, { "a@example.com.", false }, { "a@example.com\r\nBcc: b@x", false }, { "<a@example.com>", false },
		{ "a@example.com,b@example.com", false }, { "\xc3\xbc@example.com", false }, { "a@-x.com", false }, { "\"a\"@example.com", false },
	};
	for (size_t i = 0; i < COUNT(t); i++)
		if ((check_address(&mem, str_c(t[i].address)).n == 0) != t[i].is_fine)
			fail_msg("%s", t[i].address);
	char longest[300];
	memset(longest, 'a', sizeof longest);
	memcpy(longest + 64, "@", 1);
	assert_int_equal(check_address(&mem, (struct str){ longest, 254 }).n, 0);
	assert_true(check_address(&mem, (struct str){ longest, 255 }).n > 0);
	memcpy(longest + 64, "a@", 2);
	assert_true(check_address(&mem, (struct str){ longest, 200 }).n > 0);
}

static void the_url_of_the_server_is_taken_apart(void **state)
{
	(void)state;
	static const struct { const char *url, *host, *user, *password; bool is_tls; } t[] = {
		{ "smtp://mail.example.com:587", "mail.example.com:587", "", "", false },
		{ "smtp://mail.example.com", "mail.example.com", "", "", false },
		{ "smtps://mail.example.com:465/", "mail.example.com:465", "", "", true },
		{ "smtp://user:p%40ss%3aw%25rd@h:25", "h:25", "user", "p@ss:w%rd", false },
		{ "smtp://user%40example.com:x@h:25", "h:25", "user@example.com", "x", false },
		{ "smtp://user@h", "h", "user", "", false }, { "smtp://u:p:q@h", "h", "u", "p:q", false },
		{ "smtp://u:a@b@h", "h", "u", "a@b", false }, { "smtp://[::1]:2525", "[::1]:2525", "", "", false },
		{ "smtps://[2001:db8::1]", "[2001:db8::1]", "", "", true }, { "smtp://127.0.0.1:2525", "127.0.0.1:2525", "", "", false },
	};
	for (size_t i = 0; i < COUNT(t); i++) {
		struct server s = { 0 };
		const char *fault = parse_url(&mem, str_c(t[i].url), &s);
		if (fault)
			fail_msg("%s: %s", t[i].url, fault);
		assert_true(str_eq(s.host, str_c(t[i].host)) && str_eq(s.user, str_c(t[i].user)) &&
		    str_eq(s.password, str_c(t[i].password)) && s.is_tls == t[i].is_tls);
	}
}

static void a_url_that_can_never_work_is_named_without_being_told(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "http://h", "mail.example.com:587", "smtp://", "smtp:///", "smtp://h:0", "smtp://h:65536",
		"smtp://h:port", "smtp://h:", "smtp://h h", "smtp://h/path", "smtp://u:%zz@h", "smtp://u:%4@h", "smtp://u:%0d%0a@h",
		"smtp://u%00:p@h", "smtp://:p@h", "smtp://h\r\nX", "smtp://[::1", "smtp://[::1]x", "smtp://[::1]:x", "smtp://[g::1]:/",
		"smtp://u:p@" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct server s = { 0 };
		if (parse_url(&mem, str_c(bad[i]), &s) == NULL)
			fail_msg("%s was taken", bad[i]);
	}
	struct smtp s = plain();
	s.url.value = S("smtp://hunter2:hunter2@bad host");
	assert_true(check_settings(&mem, &s).n > 0);
	assert_false(contains(check_settings(&mem, &s), "hunter2"));
	s.url.value = S("");
	assert_int_equal(check_settings(&mem, &s).n, 0);          /* not known here */
	s.from = S("tocsin");
	assert_true(check_settings(&mem, &s).n > 0);
}

static void encryption_is_required_except_on_loopback(void **state)
{
	(void)state;
	static const struct { const char *url; enum starttls how; bool want; } t[] = {
		{ "smtp://mail.example.com", STARTTLS_AUTO, true }, { "smtp://127.0.0.1:25", STARTTLS_AUTO, false },
		{ "smtp://localhost", STARTTLS_AUTO, false }, { "smtp://[::1]:25", STARTTLS_AUTO, false },
		{ "smtp://localhost.example.com", STARTTLS_AUTO, true }, { "smtp://127.0.0.1:25", STARTTLS_REQUIRED, true },
		{ "smtp://mail.example.com", STARTTLS_OPPORTUNISTIC, false }, { "smtps://127.0.0.1", STARTTLS_OPPORTUNISTIC, true },
		{ "smtp://127.0.0.1.example.com", STARTTLS_AUTO, true },
	};
	for (size_t i = 0; i < COUNT(t); i++) {
		struct smtp s = plain();
		struct message m = message(&disk);
		struct wire_request r;
		struct str why;
		s.url.value = str_c(t[i].url);
		s.starttls = t[i].how;
		assert_int_equal(build(&mem, &s, &m, &r, &why), 0);
		if (r.require_tls != t[i].want)
			fail_msg("%s", t[i].url);
	}
}

static void the_servers_code_says_what_becomes_of_the_page(void **state)
{
	(void)state;
	static const struct { int status; const char *error; enum channel_verdict want; } t[] = {
		{ 250, "", CHANNEL_DELIVERED }, { 221, "", CHANNEL_DELIVERED }, { 250, "connection reset", CHANNEL_RETRY },
		{ 220, "timed out", CHANNEL_RETRY }, { 354, "broken pipe", CHANNEL_RETRY }, { 421, "", CHANNEL_RETRY }, { 451, "x", CHANNEL_RETRY },
		{ 452, "", CHANNEL_RETRY }, { 535, "login denied", CHANNEL_REFUSED }, { 550, "", CHANNEL_REFUSED }, { 554, "", CHANNEL_REFUSED },
		{ 0, "could not resolve host", CHANNEL_RETRY },
	};
	for (size_t i = 0; i < COUNT(t); i++) {
		struct channel_judgement j = { 0 };
		judge(&mem, &(struct wire_reply){ .status = t[i].status, .error = str_c(t[i].error) }, 0, &j);
		assert_int_equal(j.verdict, t[i].want);
		assert_true(contains(j.reason, t[i].error));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_request_outlives_the_settings_it_was_built_from, clean),
		cmocka_unit_test_teardown(a_page_is_a_complete_message, clean),
		cmocka_unit_test_teardown(the_message_id_is_the_same_on_every_attempt, clean),
		cmocka_unit_test_teardown(a_title_cannot_write_a_header, clean),
		cmocka_unit_test_teardown(text_beyond_ascii_is_encoded_in_short_lines, clean),
		cmocka_unit_test_teardown(long_plain_lines_are_encoded_too, clean),
		cmocka_unit_test_teardown(the_largest_incident_is_cut_not_refused, clean),
		cmocka_unit_test_teardown(an_address_is_a_mail_address, clean),
		cmocka_unit_test_teardown(the_url_of_the_server_is_taken_apart, clean),
		cmocka_unit_test_teardown(a_url_that_can_never_work_is_named_without_being_told, clean),
		cmocka_unit_test_teardown(encryption_is_required_except_on_loopback, clean),
		cmocka_unit_test_teardown(the_servers_code_says_what_becomes_of_the_page, clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
