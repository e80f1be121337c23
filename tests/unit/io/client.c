/* The client against our own HTTP server, stepped in turn on one thread, and against a scripted peer on another one that speaks just enough
 * SMTP (or raw bytes) to be obeyed, refused, ignored or cut off.
 */
#include "io/client.h"
#include "io/clock.h"
#include "tests/unit/io/peer.h"
#include "tests/unit/io/served.h"

enum { AT_ONCE_MAX = 64 };

/* HTTP. */

struct talk {
	struct fixture f;
	struct client *client;
	struct arena mem;
	char url[256];
};

static void open_talk(struct talk *t)
{
	*t = (struct talk){ .mem = ARENA(8 << 20) };
	struct http_server_options o = small();
	o.body_max = 1 << 20;
	start(&t->f, o);
	t->client = client_new();
}

static void close_talk(struct talk *t)
{
	client_free(t->client);
	stop(&t->f);
	arena_free(&t->mem);
}

static struct str url(struct talk *t, const char *path)
{
	return arena_fmt(&t->mem, "http://127.0.0.1:%d%s", http_server_port(t->f.server), path);
}

/* Steps both sides until n transfers have come back. */
static void finish(struct talk *t, struct client_transfer **done, size_t n)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	for (size_t got = 0; got < n;) {
		http_server_step(t->f.server, 0);
		got += client_step(t->client, 1, done + got, n - got);
		assert_true(clock_mono_ms() < until);
	}
}

static struct wire_reply fetch(struct talk *t, struct wire_request r)
{
	struct client_transfer transfer = { .request = &r, .mem = &t->mem, .owner = t }, *done = NULL;
	client_start(t->client, &transfer);
	assert_int_equal(client_in_flight(t->client), 1);
	finish(t, &done, 1);
	assert_ptr_equal(done, &transfer);
	assert_ptr_equal(done->owner, t);
	assert_int_equal(client_in_flight(t->client), 0);
	return transfer.reply;
}

static void a_request_goes_out_as_it_was_written(void **state)
{
	(void)state;
	struct talk t;
	open_talk(&t);
	struct str headers[] = { S("Content-Type: application/json"), S("webhook-id: page-1"), S("X-Empty:") };
	struct wire_reply r = fetch(&t, (struct wire_request){ .method = S("POST"), .url = url(&t, "/hook?x=1%202"), .headers = { headers, 3 },
		.body = S("{\"a\":1}") });
	assert_int_equal(r.status, 200);
	assert_int_equal(r.error.n, 0);
	assert_int_equal(r.retry_after.n, 0);
	assert_true(str_starts(r.body, S("POST /hook x=1 2 agent=tocsin/" TOCSIN_VERSION " ")));
	assert_true(str_eq(buf_str(&t.f.body), S("{\"a\":1}")));
	assert_true(str_eq(buf_str(&t.f.headers), S("content-type=application/json webhook-id=page-1 accept-encoding= expect= ")));
	close_talk(&t);
}

static void every_method_is_sent_as_it_is(void **state)
{
	(void)state;
	struct talk t;
	open_talk(&t);
	static const struct { struct str method, body; } cases[] = { { { "GET", 3 }, { "", 0 } }, { { "DELETE", 6 }, { "", 0 } },
		{ { "PUT", 3 }, { "abc", 3 } }, { { "PATCH", 5 }, { "d", 1 } }, { { "POST", 4 }, { "", 0 } } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct wire_reply r = fetch(&t, (struct wire_request){ .method = cases[i].method, .url = url(&t, "/m"), .body = cases[i].body });
		assert_int_equal(r.status, 200);
		assert_true(str_starts(r.body, cases[i].method));
		assert_true(str_eq(buf_str(&t.f.body), cases[i].body));
		assert_true(str_starts(buf_str(&t.f.headers), S("content-type= ")));
	}
	close_talk(&t);
}

static void a_redirect_is_an_answer_and_not_followed(void **state)
{
	(void)state;
	struct talk t;
	open_talk(&t);
	struct wire_reply r = fetch(&t, (struct wire_request){ .method = S("POST"), .url = url(&t, "/status/302"), .body = S("x") });
	assert_int_equal(r.status, 302);
	assert_int_equal(t.f.n_requests, 1);
	close_talk(&t);
}

static void retry_after_comes_back_as_it_was_sent(void **state)
{
	(void)state;
	struct talk t;
	open_talk(&t);
	struct wire_reply r = fetch(&t, (struct wire_request){ .method = S("POST"), .url = url(&t, "/status/503"), .body = S("x") });
	assert_int_equal(r.status, 503);
	assert_true(str_eq(r.retry_after, S("17")));
	assert_int_equal(r.error.n, 0);
	close_talk(&t);
}

static void of_a_long_answer_the_first_64_kib_are_kept(void **state)
{
	(void)state;
	struct talk t;
	open_talk(&t);
	struct wire_reply r = fetch(&t, (struct wire_request){ .method = S("GET"), .url = url(&t, "/large") });
	assert_int_equal(r.status, 200);
	assert_int_equal(r.error.n, 0);
	assert_int_equal(r.body.n, 64 << 10);
	struct arena tiny = ARENA(1000);
	struct wire_request again = { .method = S("GET"), .url = url(&t, "/large") };
	struct client_transfer transfer = { .request = &again, .mem = &tiny }, *done = NULL;
	client_start(t.client, &transfer);
	finish(&t, &done, 1);
	assert_int_equal(transfer.reply.status, 200);
	assert_in_range(transfer.reply.body.n, 1, 1000);
	arena_free(&tiny);
	close_talk(&t);
}

static void an_endless_answer_is_cut_off_and_its_status_counts(void **state)
{
	(void)state;
	struct peer_script script = { .raw = "HTTP/1.1 200 OK\r\nRetry-After: 3\r\n\r\n", .is_endless = true };
	struct peer_thread peer;
	struct arena mem = ARENA(1 << 20);
	peer_start(&peer, &script);
	struct wire_request r = { .method = S("GET"), .url = arena_fmt(&mem, "http://127.0.0.1:%d/", peer.port) };
	struct client_transfer transfer = { .request = &r, .mem = &mem };
	client_perform(&transfer, PATIENCE_MS);
	assert_int_equal(transfer.reply.status, 200);
	assert_int_equal(transfer.reply.body.n, 64 << 10);
	assert_int_equal(transfer.reply.error.n, 0);
	peer_stop(&peer);
	peer_done(&peer);
	arena_free(&mem);
}

static void many_transfers_come_back_in_the_order_of_their_answers(void **state)
{
	(void)state;
	struct talk t;
	enum { N = 40 };
	struct wire_request requests[N];
	struct client_transfer transfers[N], *done[N];
	open_talk(&t);
	for (size_t i = 0; i < N; i++) {
		requests[i] = (struct wire_request){ .method = S("POST"), .url = url(&t, "/hold"), .body = S("x") };
		transfers[i] = (struct client_transfer){ .request = &requests[i], .mem = &t.mem };
		client_start(t.client, &transfers[i]);
	}
	for (int64_t until = clock_mono_ms() + PATIENCE_MS; t.f.n_held < N && clock_mono_ms() < until; http_server_step(t.f.server, 0))
		assert_int_equal(client_step(t.client, 1, done, N), 0);
	assert_int_equal(t.f.n_held, N);
	assert_int_equal(client_in_flight(t.client), N);
	for (size_t i = 0; i < N; i++)
		answer_held(&t.f, N - 1 - i, "ok");
	finish(&t, done, N);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(transfers[i].reply.status, 202);
	close_talk(&t);
}

static void freeing_the_client_ends_what_is_under_way(void **state)
{
	(void)state;
	struct talk t;
	struct wire_request held, faulty = { .method = S("GET"), .url = S("http://a\nb/") };
	struct client_transfer transfer = { .request = &held }, refused = { .request = &faulty }, *done = NULL;
	open_talk(&t);
	held = (struct wire_request){ .method = S("POST"), .url = url(&t, "/hold"), .body = S("x") };
	transfer.mem = refused.mem = &t.mem;
	client_start(t.client, &transfer);
	for (int64_t until = clock_mono_ms() + PATIENCE_MS; t.f.n_held < 1 && clock_mono_ms() < until; http_server_step(t.f.server, 0))
		assert_int_equal(client_step(t.client, 1, &done, 1), 0);
	client_start(t.client, &refused);
	assert_int_equal(client_in_flight(t.client), 2);
	close_talk(&t);
}

static void two_requests_to_a_host_share_a_connection(void **state)
{
	(void)state;
	struct peer_script script = { .raw = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok", .raw_times = 2 };
	struct peer_thread peer;
	struct arena mem = ARENA(1 << 20);
	struct client *c = client_new();
	peer_start(&peer, &script);
	struct wire_request r = { .method = S("POST"), .url = arena_fmt(&mem, "http://127.0.0.1:%d/", peer.port), .body = S("x") };
	for (int i = 0; i < 2; i++) {
		struct client_transfer transfer = { .request = &r, .mem = &mem }, *done = NULL;
		client_start(c, &transfer);
		while (client_step(c, 1000, &done, 1) == 0)
			continue;
		assert_int_equal(transfer.reply.status, 202);
		assert_true(str_eq(transfer.reply.body, S("ok")));
	}
	client_free(c);
	peer_stop(&peer);
	assert_int_equal(peer.n_connections, 1);
	peer_done(&peer);
	arena_free(&mem);
}

/* What cannot be sent. */

static struct wire_reply perform(struct arena *mem, struct wire_request r, int64_t timeout_ms)
{
	struct client_transfer t = { .request = &r, .mem = mem };
	client_perform(&t, timeout_ms);
	return t.reply;
}

static bool says(struct wire_reply r, const char *what)
{
	return r.error.n > 0 && memmem(r.error.p, r.error.n, what, strlen(what)) != NULL;
}

static void what_cannot_be_sent_comes_back_with_a_sentence(void **state)
{
	(void)state;
	struct arena mem = ARENA(1 << 20);
	struct str smuggle[] = { S("X-A: b\r\nX-B: c") };
	struct str long_one = { NEWN(&mem, char, 1), 0 };
	const struct { const char *word; struct wire_request r; } cases[] = {
		{ "127.0.0.1:1", { .method = S("GET"), .url = S("http://127.0.0.1:1/secret/path") } },
		{ "header", { .method = S("GET"), .url = S("http://127.0.0.1:1/"), .headers = { smuggle, 1 } } },
		{ "URL", { .method = S("GET"), .url = S("http://127.0.0.1:1/\r\nX: y") } },
		{ "method", { .method = S("GET /\r\n"), .url = S("http://127.0.0.1:1/") } },
		{ "rotocol", { .method = S("GET"), .url = S("file:///etc/passwd") } },
		{ "rotocol", { .method = S("GET"), .url = S("gopher://127.0.0.1:1/x") } },
		{ "URL", { .method = S("GET"), .url = S("console:") } },
		{ ": ", { .method = S("GET"), .url = long_one } },
		{ "address", { .url = S("smtp://127.0.0.1:1"), .mail_from = S("a@example.com"), .mail_to = S("b@example.com>\r\nRCPT TO:<c@example.com") } },
		{ "address", { .url = S("smtp://127.0.0.1:1"), .mail_from = S("A <a@example.com>"), .mail_to = S("b@example.com") } },
		{ "recipient", { .url = S("smtp://127.0.0.1:1"), .mail_from = S("a@example.com") } },
		{ "password", { .url = S("smtp://127.0.0.1:1"), .mail_to = S("b@example.com"), .username = S("u"), .password = S("p\n") } },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct wire_reply r = perform(&mem, cases[i].r, PATIENCE_MS);
		assert_int_equal(r.status, 0);
		if (!says(r, cases[i].word))
			fail_msg("%zu: %.*s", i, STR_ARG(r.error));
		assert_false(says(r, "secret"));
	}
	arena_free(&mem);
}

static void an_error_names_the_place_but_no_secret(void **state)
{
	(void)state;
	struct arena mem = ARENA(1 << 20);
	struct wire_reply r = perform(&mem, (struct wire_request){ .method = S("GET"), .url = S("http://me:hidden@127.0.0.1:1/services/T0KEN?k=T0KEN") },
	    PATIENCE_MS);
	assert_true(says(r, "127.0.0.1:1"));
	assert_false(says(r, "hidden"));
	assert_false(says(r, "T0KEN"));
	arena_free(&mem);
}

static void an_answer_that_drips_is_cut_off_in_time(void **state)
{
	(void)state;
	struct peer_script script = { .raw = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nslowly", .drip_ms = 20 };
	struct peer_thread peer;
	struct arena mem = ARENA(1 << 20);
	peer_start(&peer, &script);
	int64_t begin = clock_mono_ms();
	struct wire_reply r = perform(&mem, (struct wire_request){ .method = S("GET"), .url = arena_fmt(&mem, "http://127.0.0.1:%d/", peer.port) }, 200);
	assert_in_range(clock_mono_ms() - begin, 190, 3000);
	assert_int_equal(r.status, 0);
	assert_true(says(r, "timed out"));
	peer_stop(&peer);
	peer_done(&peer);
	arena_free(&mem);
}

static void an_answer_whose_body_breaks_off_was_given(void **state)
{
	(void)state;
	struct peer_script script = { .raw = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf" };
	struct peer_thread peer;
	struct arena mem = ARENA(1 << 20);
	peer_start(&peer, &script);
	struct wire_reply r = perform(&mem, (struct wire_request){ .method = S("GET"), .url = arena_fmt(&mem, "http://127.0.0.1:%d/", peer.port) },
	    PATIENCE_MS);
	assert_int_equal(r.status, 200);
	assert_true(str_eq(r.body, S("half")));
	assert_true(r.error.n > 0);
	peer_stop(&peer);
	peer_done(&peer);
	script.raw = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n";
	peer_start(&peer, &script);
	r = perform(&mem, (struct wire_request){ .method = S("GET"), .url = arena_fmt(&mem, "http://127.0.0.1:%d/", peer.port) }, PATIENCE_MS);
	assert_int_equal(r.status, 0);
	assert_true(r.error.n > 0);
	peer_stop(&peer);
	peer_done(&peer);
	arena_free(&mem);
}

static void *wake_from_outside_client(void *ctx)
{
	client_wake(ctx);
	return NULL;
}

static void a_wake_from_another_thread_ends_a_wait(void **state)
{
	(void)state;
	struct client *c = client_new();
	struct client_transfer *done = NULL;
	struct arena mem = ARENA(1 << 20);
	for (int is_set_up = 0; is_set_up < 2; is_set_up++) {
		pthread_t thread;
		int64_t begin = clock_mono_ms();
		assert_int_equal(pthread_create(&thread, NULL, wake_from_outside_client, c), 0);
		assert_int_equal(client_step(c, 60000, &done, 1), 0);
		assert_true(clock_mono_ms() - begin < 30000);
		assert_int_equal(pthread_join(thread, NULL), 0);
		begin = clock_mono_ms();
		assert_int_equal(client_step(c, 20, &done, 1), 0);     /* the wake was used up */
		assert_true(clock_mono_ms() - begin >= 15);
		struct wire_request r = { .method = S("GET"), .url = S("http://127.0.0.1:1/") };
		struct client_transfer t = { .request = &r, .mem = &mem };
		client_start(c, &t);
		while (client_step(c, 1000, &done, 1) == 0)
			continue;
	}
	client_free(c);
	arena_free(&mem);
}

/* Mail. */

static struct wire_request mail(struct arena *mem, const struct peer_thread *peer)
{
	return (struct wire_request){ .url = arena_fmt(mem, "smtp://127.0.0.1:%d", peer->port), .mail_from = S("tocsin@example.com"),
		.mail_to = S("amira@example.com"), .body = S("Subject: hello\r\n\r\n.one\r\ntwo\r\n") };
}

static void a_mail_arrives_whole_in_its_envelope(void **state)
{
	(void)state;
	struct peer_script script = { .ehlo = "250-peer\r\n250 SIZE 1000000\r\n" };
	struct peer_thread peer;
	struct arena mem = ARENA(1 << 20);
	peer_start(&peer, &script);
	struct wire_reply r = perform(&mem, mail(&mem, &peer), PATIENCE_MS);
	peer_stop(&peer);
	assert_int_equal(r.status, 250);
	assert_int_equal(r.error.n, 0);
	assert_true(peer_heard(&peer, "MAIL FROM:<tocsin@example.com>"));
	assert_true(peer_heard(&peer, "RCPT TO:<amira@example.com>\r\n"));
	assert_true(peer_heard(&peer, "Subject: hello\r\n\r\n..one\r\ntwo\r\n.\r\n"));
	assert_false(peer_heard(&peer, "AUTH"));
	peer_done(&peer);
	arena_free(&mem);
}

static void two_mails_share_a_connection(void **state)
{
	(void)state;
	struct peer_script script = { 0 };
	struct peer_thread peer;
	struct arena mem = ARENA(1 << 20);
	struct client *c = client_new();
	peer_start(&peer, &script);
	for (int i = 0; i < 2; i++) {
		struct wire_request r = mail(&mem, &peer);
		struct client_transfer t = { .request = &r, .mem = &mem }, *done = NULL;
		client_start(c, &t);
		while (client_step(c, 1000, &done, 1) == 0)
			continue;
		assert_int_equal(t.reply.status, 250);
	}
	client_free(c);
	peer_stop(&peer);
	assert_int_equal(peer.n_connections, 1);
	peer_done(&peer);
	arena_free(&mem);
}

static void what_the_mail_server_refuses_comes_back_as_its_code(void **state)
{
	(void)state;
	static const struct { int status; struct peer_script script; } cases[] = {
		{ 421, { .greeting = "421 too busy\r\n" } },
		{ 451, { .mail = "451 try later\r\n" } },
		{ 550, { .rcpt = "550 no such user\r\n" } },
		{ 450, { .rcpt = "450 mailbox busy\r\n" } },
		{ 554, { .data = "554 no\r\n" } },
		{ 552, { .end = "552 too large\r\n" } },
		{ 452, { .end = "452 no space\r\n" } },
	};
	struct arena mem = ARENA(1 << 20);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peer_thread peer;
		peer_start(&peer, &cases[i].script);
		struct wire_reply r = perform(&mem, mail(&mem, &peer), PATIENCE_MS);
		peer_stop(&peer);
		if (r.status != cases[i].status)
			fail_msg("%d, not %d: %.*s", r.status, cases[i].status, STR_ARG(r.error));
		assert_true(says(r, "127.0.0.1"));
		peer_done(&peer);
	}
	arena_free(&mem);
}

static void a_mail_whose_end_is_unknown_is_never_called_delivered(void **state)
{
	(void)state;
	static const struct peer_script scripts[] = {
		{ .greeting = PEER_HANGS_UP }, { .ehlo = PEER_HANGS_UP }, { .mail = PEER_HANGS_UP }, { .rcpt = PEER_HANGS_UP }, { .data = PEER_HANGS_UP },
		{ .end = PEER_HANGS_UP }, { .end = "no code\r\n" }, { .greeting = "HTTP/1.1 200 OK\r\n\r\n" },
	};
	struct arena mem = ARENA(1 << 20);
	for (size_t i = 0; i < COUNT(scripts); i++) {
		struct peer_thread peer;
		peer_start(&peer, &scripts[i]);
		struct wire_reply r = perform(&mem, mail(&mem, &peer), 500);
		peer_stop(&peer);
		if (r.status != 0 || r.error.n == 0)
			fail_msg("%zu: %d %.*s", i, r.status, STR_ARG(r.error));
		peer_done(&peer);
	}
	arena_free(&mem);
}

static void without_tls_nothing_is_sent_where_tls_is_required(void **state)
{
	(void)state;
	static const struct peer_script scripts[] = {
		{ .ehlo = "250 peer\r\n" },
		{ .ehlo = "250-peer\r\n250 STARTTLS\r\n", .starttls = "454 not now\r\n" },
		{ .ehlo = "250-peer\r\n250 STARTTLS\r\n", .starttls = "220 go\r\n250 injected\r\n" },
		{ .ehlo = "250-peer\r\n250 STARTTLS\r\n", .starttls = "220 go\r\n" },
	};
	struct arena mem = ARENA(1 << 20);
	for (size_t i = 0; i < COUNT(scripts); i++) {
		struct peer_thread peer;
		peer_start(&peer, &scripts[i]);
		struct wire_request m = mail(&mem, &peer);
		m.require_tls = true;
		m.username = S("user");
		m.password = S("secret");
		struct wire_reply r = perform(&mem, m, 500);
		peer_stop(&peer);
		assert_true(r.status == 0 || r.status == 454);
		assert_true(r.error.n > 0);
		assert_false(peer_heard(&peer, "MAIL FROM"));
		assert_false(peer_heard(&peer, "AUTH"));
		peer_done(&peer);
	}
	arena_free(&mem);
}

static void a_user_name_is_shown_to_the_server(void **state)
{
	(void)state;
	static const struct { int status; struct peer_script script; } cases[] = {
		{ 250, { .ehlo = "250-peer\r\n250 AUTH PLAIN\r\n" } },
		{ 535, { .ehlo = "250-peer\r\n250 AUTH PLAIN\r\n", .auth = "535 wrong\r\n" } },
	};
	struct arena mem = ARENA(1 << 20);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peer_thread peer;
		peer_start(&peer, &cases[i].script);
		struct wire_request m = mail(&mem, &peer);
		m.username = S("user");
		m.password = S("secret");
		struct wire_reply r = perform(&mem, m, PATIENCE_MS);
		peer_stop(&peer);
		assert_int_equal(r.status, cases[i].status);
		assert_true(peer_heard(&peer, "AUTH PLAIN"));
		assert_true(peer_heard(&peer, PEER_CREDENTIALS "\r\n"));
		assert_int_equal(peer_heard(&peer, "MAIL FROM"), cases[i].status == 250);
		assert_false(says(r, "secret"));
		peer_done(&peer);
	}
	arena_free(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_goes_out_as_it_was_written),
		cmocka_unit_test(every_method_is_sent_as_it_is),
		cmocka_unit_test(a_redirect_is_an_answer_and_not_followed),
		cmocka_unit_test(retry_after_comes_back_as_it_was_sent),
		cmocka_unit_test(of_a_long_answer_the_first_64_kib_are_kept),
		cmocka_unit_test(an_endless_answer_is_cut_off_and_its_status_counts),
		cmocka_unit_test(many_transfers_come_back_in_the_order_of_their_answers),
		cmocka_unit_test(freeing_the_client_ends_what_is_under_way),
		cmocka_unit_test(two_requests_to_a_host_share_a_connection),
		cmocka_unit_test(what_cannot_be_sent_comes_back_with_a_sentence),
		cmocka_unit_test(an_error_names_the_place_but_no_secret),
		cmocka_unit_test(an_answer_that_drips_is_cut_off_in_time),
		cmocka_unit_test(an_answer_whose_body_breaks_off_was_given),
		cmocka_unit_test(a_wake_from_another_thread_ends_a_wait),
		cmocka_unit_test(a_mail_arrives_whole_in_its_envelope),
		cmocka_unit_test(two_mails_share_a_connection),
		cmocka_unit_test(what_the_mail_server_refuses_comes_back_as_its_code),
		cmocka_unit_test(a_mail_whose_end_is_unknown_is_never_called_delivered),
		cmocka_unit_test(without_tls_nothing_is_sent_where_tls_is_required),
		cmocka_unit_test(a_user_name_is_shown_to_the_server),
	};
	setenv("no_proxy", "*", 1);                                /* whatever the environment of the test run says */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
