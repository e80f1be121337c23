/* What the HTTP server does for a handler: requests in, answers out at once or later, wakes, draining, addresses. */
#include "tests/unit/io/served.h"

static void a_connection_serves_one_request_after_another(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	start(&f, small());
	int fd = dial(&f);
	for (int i = 0; i < 3; i++) {
		buf_clear(&b);
		say(&f, fd, POST("/a", "hello", "5"));
		assert_false(hear(&f, fd, &b, "body=5\n", 1));
		assert_memory_equal(f.body.p, "hello", 5);
	}
	assert_non_null(strstr(b.p, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(b.p, "\r\nDate: "));
	assert_non_null(strstr(b.p, "\r\nContent-Type: text/plain\r\n"));
	assert_null(strstr(b.p, "Server:"));
	assert_null(strcasestr(b.p, "microhttpd"));
	close(fd);
	buf_free(&b);
	stop(&f);
}

static void what_the_handler_sees_is_what_was_sent(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	start(&f, small());
	int fd = dial(&f);
	say(&f, fd, "DELETE /a%20b/%C3%A9?y=&x=1+%2B HTTP/1.1\r\nhost: x\r\nUSER-AGENT:  me/1\r\n\r\n");
	hear(&f, fd, &b, "body=0\n", 1);
	assert_non_null(strstr(b.p, "DELETE /a b/\xc3\xa9 x=1 + agent=me/1 peer=127.0.0.1 here body=0\n"));
	close(fd);
	buf_free(&b);
	stop(&f);
}

static void a_header_of_an_answer_cannot_smuggle_another(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	start(&f, small());
	assert_int_equal(ask(&f, GET("/"), "", 0, &b), 200);
	assert_non_null(strstr(b.p, "X-Odd: a  X-Smuggled: b\r\n"));
	assert_null(strstr(b.p, "X-Empty"));
	buf_free(&b);
	stop(&f);
}

static void an_answer_without_a_body_and_one_to_head_carry_none(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	start(&f, small());
	int fd = dial(&f);
	say(&f, fd, GET("/nothing") "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" GET("/last"));
	hear(&f, fd, &b, "body=0\n", 1);
	assert_int_equal(count(&b, "HTTP/1.1 20"), 3);
	assert_int_equal(count(&b, "HTTP/1.1 204"), 1);
	assert_int_equal(count(&b, "peer="), 1);
	close(fd);
	buf_free(&b);
	stop(&f);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	start(&f, small());
	int fd = dial(&f);
	say(&f, fd, POST("/1", "a", "1") POST("/2", "bb", "2") POST("/3", "ccc", "3"));
	hear(&f, fd, &b, "body=3\n", 1);
	char *one = strstr(b.p, "/1 "), *two = strstr(b.p, "/2 "), *three = strstr(b.p, "/3 ");
	assert_true(one && two && three && one < two && two < three);
	close(fd);
	buf_free(&b);
	stop(&f);
}

static void a_request_in_single_bytes_is_a_request(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	static const char text[] = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
	start(&f, small());
	int fd = dial(&f);
	for (size_t i = 0; i < sizeof text - 1; i++) {
		(void)send_all(&f, fd, text + i, 1);
		step(&f);
	}
	hear(&f, fd, &b, "body=5\n", 1);
	assert_memory_equal(f.body.p, "abcde", 5);
	close(fd);
	buf_free(&b);
	stop(&f);
}

static void who_expects_100_continue_gets_it(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	start(&f, small());
	int fd = dial(&f);
	say(&f, fd, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	hear(&f, fd, &b, "HTTP/1.1 100 Continue\r\n\r\n", 1);
	say(&f, fd, "hi");
	hear(&f, fd, &b, "body=2\n", 1);
	close(fd);
	assert_int_equal(ask(&f, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 20001\r\n\r\n", "", 0, &b), 413);
	buf_free(&b);
	stop(&f);
}

/* The library asks for a body that was not announced as soon as more than the head has come. */
static void who_expects_100_continue_without_a_body_gets_its_answer(void **state)
{
	(void)state;
	static const char *const heads[] = { "GET /a HTTP/1.1\r\nHost: x\r\n", "DELETE /a HTTP/1.1\r\nHost: x\r\n",
		"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n", "GET http:// HTTP/1.1\r\nHost:\r\n" };
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	start(&f, small());
	for (size_t i = 0; i < COUNT(heads); i++) {
		int fd = dial(&f);
		char text[256];
		(void)snprintf(text, sizeof text, "%sExpect: 100-continue\r\n\r\n%s", heads[i], GET("/b"));
		buf_clear(&b);
		say(&f, fd, text);
		assert_false(hear(&f, fd, &b, "body=0\n", 1));
		assert_int_equal(count(&b, "HTTP/1.1 200 OK"), 1);
		close(fd);
	}
	buf_free(&b);
	stop(&f);
}

static void who_expects_100_continue_without_a_body_may_be_held(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	start(&f, small());
	int fd = dial(&f);
	say(&f, fd, "GET /hold HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n" GET("/b"));
	wait_until_held(&f, 1);
	step(&f);
	answer_held(&f, 0, "first");
	assert_true(hear(&f, fd, &b, NULL, 1));            /* answered before the library knew that the request was over: it says that it closes */
	assert_int_equal(count(&b, "HTTP/1.1 202 Accepted"), 1);
	assert_non_null(strstr(b.p, "\r\nConnection: close\r\n"));
	assert_non_null(strstr(b.p, "\r\n\r\nfirst"));
	assert_int_equal(f.n_requests, 1);
	close(fd);
	buf_free(&b);
	stop(&f);
}

/* Answers that come later. */

static void held_requests_may_be_answered_in_any_order(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	enum { N = 20 };
	int fds[N];
	start(&f, small());
	for (size_t i = 0; i < N; i++) {
		fds[i] = dial(&f);
		say(&f, fds[i], POST("/hold", "x", "1"));
		wait_until_held(&f, i + 1);
	}
	assert_int_equal(http_server_in_flight(f.server), N);
	for (size_t i = 0; i < N; i++) {
		size_t at = (i * 7 + 3) % N;
		char text[16];
		(void)snprintf(text, sizeof text, "answer %zu.", at);
		answer_held(&f, at, text);
		assert_int_equal(http_server_in_flight(f.server), N - 1 - i);
		buf_clear(&b);
		hear(&f, fds[at], &b, text, 1);
		assert_non_null(strstr(b.p, "Content-Type: application/json\r\n"));
	}
	for (size_t i = 0; i < N; i++)
		close(fds[i]);
	buf_free(&b);
	stop(&f);
}

static void pipelined_requests_that_are_held_come_one_at_a_time(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	start(&f, small());
	int fd = dial(&f);
	say(&f, fd, POST("/hold", "a", "1") POST("/hold", "b", "1") POST("/echo", "ccc", "3"));
	wait_until_held(&f, 1);
	answer_held(&f, 0, "first.");
	wait_until_held(&f, 2);
	answer_held(&f, 1, "second.");
	hear(&f, fd, &b, "body=3\n", 1);
	assert_true(strstr(b.p, "first.") < strstr(b.p, "second."));
	close(fd);
	buf_free(&b);
	stop(&f);
}

static void a_client_that_left_while_it_was_held_harms_nobody(void **state)
{
	(void)state;
	struct fixture f;
	start(&f, small());
	for (size_t i = 0; i < 10; i++) {
		int fd = dial(&f);
		say(&f, fd, POST("/hold", "x", "1"));
		wait_until_held(&f, i + 1);
		struct linger reset = { 1, 0 };
		if (i % 2)
			assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
		close(fd);
		step(&f);
	}
	for (size_t i = 0; i < 10; i++)
		answer_held(&f, i, "too late");
	for (int i = 0; i < 5; i++)
		step(&f);
	assert_int_equal(http_server_in_flight(f.server), 0);
	assert_int_equal(ask_plain(&f, GET("/")), 200);
	stop(&f);
}

static void a_held_request_is_not_cut_off_by_a_deadline(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	struct http_server_options o = small();
	o.head_deadline_ms = o.body_deadline_ms = o.idle_ms = 20;
	start(&f, o);
	int fd = dial(&f);
	say(&f, fd, POST("/hold", "x", "1"));
	wait_until_held(&f, 1);
	for (int64_t until = clock_mono_ms() + 80; clock_mono_ms() < until;)
		step(&f);
	answer_held(&f, 0, "done.");
	hear(&f, fd, &b, "done.", 1);
	close(fd);
	buf_free(&b);
	stop(&f);
}

static void *wake_from_outside(void *ctx)
{
	http_server_wake(ctx);
	return NULL;
}

static void a_wake_from_another_thread_ends_the_wait(void **state)
{
	(void)state;
	struct fixture f;
	pthread_t thread;
	start(&f, small());
	http_server_step(f.server, 0);
	int64_t begin = clock_mono_ms();
	assert_int_equal(pthread_create(&thread, NULL, wake_from_outside, f.server), 0);
	http_server_step(f.server, 60000);
	assert_true(clock_mono_ms() - begin < 30000);
	assert_int_equal(pthread_join(thread, NULL), 0);
	begin = clock_mono_ms();
	http_server_step(f.server, 20);                            /* the wake was used up */
	assert_true(clock_mono_ms() - begin >= 15);
	stop(&f);
}

static void freeing_the_server_ends_what_is_under_way(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	start(&f, small());
	int held = dial(&f), idle = dial(&f), half = dial(&f), large = dial(&f);
	say(&f, idle, GET("/"));
	hear(&f, idle, &b, "body=0\n", 1);
	say(&f, half, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
	say(&f, held, POST("/hold", "x", "1"));
	say(&f, large, GET("/large"));
	wait_until_held(&f, 1);
	stop(&f);
	close(held);
	close(idle);
	close(half);
	close(large);
	buf_free(&b);
}

static void draining_closes_connections_after_their_answer(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	start(&f, small());
	int kept = dial(&f), held = dial(&f);
	say(&f, kept, GET("/"));
	hear(&f, kept, &b, "body=0\n", 1);
	say(&f, held, POST("/hold", "x", "1"));
	wait_until_held(&f, 1);
	http_server_drain(f.server);
	http_server_drain(f.server);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(f.server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(connect(late, (const void *)&to, sizeof to), 0);
	close(late);
	buf_clear(&b);
	say(&f, kept, GET("/"));
	assert_true(hear(&f, kept, &b, NULL, 0));
	assert_non_null(strstr(b.p, "200 OK"));
	assert_non_null(strstr(b.p, "Connection: close\r\n"));
	answer_held(&f, 0, "durable.");
	buf_clear(&b);
	assert_true(hear(&f, held, &b, NULL, 0));
	assert_non_null(strstr(b.p, "durable."));
	assert_int_equal(http_server_in_flight(f.server), 0);
	close(kept);
	close(held);
	buf_free(&b);
	stop(&f);
}

/* Addresses. */

static void ipv6_works_where_there_is_ipv6(void **state)
{
	(void)state;
	struct fixture f = { .body = BUF(1 << 20), .headers = BUF(1 << 16) };
	struct buf why = BUF(1024), b = BUF(ANSWER_MAX);
	struct http_server_options o = small();
	o.host = S("::1");
	struct http_handler h = { &f, on_request, on_refuse };
	int err = http_server_new(&o, &h, &f.server, &why);
	if (err == EADDRNOTAVAIL || err == EAFNOSUPPORT) {         /* this machine has none: then the sentence says so */
		assert_non_null(strstr(why.p, "::1"));
		buf_free(&why);
		return;
	}
	assert_int_equal(err, 0);
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)http_server_port(f.server)), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (const void *)&to, sizeof to), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	say(&f, fd, GET("/"));
	hear(&f, fd, &b, "body=0\n", 1);
	assert_non_null(strstr(b.p, "peer=::1 here"));
	close(fd);
	buf_free(&b);
	buf_free(&why);
	stop(&f);
}

static void an_address_that_cannot_be_had_is_an_error_with_a_sentence(void **state)
{
	(void)state;
	struct fixture f;
	start(&f, small());
	struct http_server *other = NULL;
	struct http_handler h = { &f, on_request, on_refuse };
	static const struct { struct str host; int port, err; const char *word; } cases[] = {
		{ { "127.0.0.1", 9 }, -2, EADDRINUSE, "another port" }, { { "example.com", 11 }, 0, EINVAL, "localhost" },
		{ { "", 0 }, 0, EINVAL, "localhost" }, { { "127.0.0.1", 9 }, 65536, EINVAL, "65535" }, { { "192.0.2.1", 9 }, 0, EADDRNOTAVAIL, "127.0.0.1" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http_server_options o = small();
		struct buf why = BUF(1024);
		o.host = cases[i].host;
		o.port = cases[i].port == -2 ? http_server_port(f.server) : cases[i].port;
		assert_int_equal(http_server_new(&o, &h, &other, &why), cases[i].err);
		assert_non_null(strstr(why.p, cases[i].word));
		buf_free(&why);
	}
	assert_null(other);
	stop(&f);
}

static void no_descriptor_is_left_behind(void **state)
{
	(void)state;
	struct fixture f;
	int before = dup(0);
	close(before);
	for (int i = 0; i < 3; i++) {
		start(&f, small());
		assert_int_equal(ask_plain(&f, GET("/")), 200);
		assert_int_equal(ask_plain(&f, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\nx"), 413);
		if (i == 1)
			http_server_drain(f.server);
		stop(&f);
	}
	int after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_serves_one_request_after_another),
		cmocka_unit_test(what_the_handler_sees_is_what_was_sent),
		cmocka_unit_test(a_header_of_an_answer_cannot_smuggle_another),
		cmocka_unit_test(an_answer_without_a_body_and_one_to_head_carry_none),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(a_request_in_single_bytes_is_a_request),
		cmocka_unit_test(who_expects_100_continue_gets_it),
		cmocka_unit_test(who_expects_100_continue_without_a_body_gets_its_answer),
		cmocka_unit_test(who_expects_100_continue_without_a_body_may_be_held),
		cmocka_unit_test(held_requests_may_be_answered_in_any_order),
		cmocka_unit_test(pipelined_requests_that_are_held_come_one_at_a_time),
		cmocka_unit_test(a_client_that_left_while_it_was_held_harms_nobody),
		cmocka_unit_test(a_held_request_is_not_cut_off_by_a_deadline),
		cmocka_unit_test(a_wake_from_another_thread_ends_the_wait),
		cmocka_unit_test(freeing_the_server_ends_what_is_under_way),
		cmocka_unit_test(draining_closes_connections_after_their_answer),
		cmocka_unit_test(ipv6_works_where_there_is_ipv6),
		cmocka_unit_test(an_address_that_cannot_be_had_is_an_error_with_a_sentence),
		cmocka_unit_test(no_descriptor_is_left_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
