/* Where the HTTP server says no: sizes at the limit and one past it, heads that can be read in two ways, and clients that are slow. */
#include "tests/unit/io/served.h"

static int ask_with_body(struct fixture *f, size_t n, bool is_chunked)
{
	struct buf head = BUF(1024), body = BUF(ANSWER_MAX), answer = BUF(ANSWER_MAX);
	char *fill = xmalloc(n + 1);
	memset(fill, 'b', n);
	if (is_chunked) {
		buf_add(&head, S("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
		for (size_t at = 0; at < n; at += 1000) {
			size_t part = n - at < 1000 ? n - at : 1000;
			buf_fmt(&body, "%zx\r\n", part);
			buf_add(&body, (struct str){ fill, part });
			buf_add(&body, S("\r\n"));
		}
		buf_add(&body, S("0\r\n\r\n"));
	} else {
		buf_fmt(&head, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", n);
		buf_add(&body, (struct str){ fill, n });
	}
	f->n_requests = 0;
	int status = ask(f, head.p, body.p, body.n, &answer);
	assert_int_equal(f->n_requests, status == 200);
	if (status == 200)
		assert_int_equal(f->body.n, n);
	free(fill);
	buf_free(&head);
	buf_free(&body);
	buf_free(&answer);
	return status;
}

static void a_body_may_have_exactly_the_limit(void **state)
{
	(void)state;
	struct fixture f;
	start(&f, small());
	for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
		assert_int_equal(ask_with_body(&f, 19999, is_chunked), 200);
		assert_int_equal(ask_with_body(&f, 20000, is_chunked), 200);
		assert_int_equal(ask_with_body(&f, 20001, is_chunked), 413);
	}
	stop(&f);
}

static void a_sender_of_ten_megabytes_reads_why_they_were_refused(void **state)
{
	(void)state;
	struct fixture f;
	start(&f, small());
	assert_int_equal(ask_with_body(&f, 10 << 20, false), 413);
	assert_int_equal(ask_with_body(&f, 10 << 20, true), 413);
	stop(&f);
}

/* A request whose head has exactly this many bytes, in this many fields. */
static int ask_with_head(struct fixture *f, size_t size, size_t n_fields)
{
	struct buf b = BUF(1 << 20), answer = BUF(ANSWER_MAX);
	buf_add(&b, S("GET / HTTP/1.1\r\nHost: x\r\n"));
	for (size_t i = 2; i < n_fields; i++)
		buf_add(&b, S("X: y\r\n"));
	buf_add(&b, S("X-Fill: "));
	while (b.n + 4 < size)
		buf_char(&b, 'f');
	buf_add(&b, S("\r\n\r\n"));
	assert_true(size == 0 || b.n == size);
	int status = ask(f, b.p, "", 0, &answer);
	buf_free(&b);
	buf_free(&answer);
	return status;
}

static void a_head_may_have_exactly_its_limits(void **state)
{
	(void)state;
	struct fixture f;
	start(&f, small());
	assert_int_equal(ask_with_head(&f, 16383, 3), 200);
	assert_int_equal(ask_with_head(&f, 16384, 3), 200);
	assert_int_equal(ask_with_head(&f, 16385, 3), 431);
	assert_int_equal(ask_with_head(&f, 16384, 100), 200);
	assert_int_equal(ask_with_head(&f, 0, 99), 200);
	assert_int_equal(ask_with_head(&f, 0, 100), 200);
	assert_int_equal(ask_with_head(&f, 0, 101), 431);
	assert_int_equal(ask_with_head(&f, 65536, 3), 431);
	assert_int_equal(ask_with_head(&f, 0, 2000), 431);
	stop(&f);
}

static void a_head_that_can_be_read_in_two_ways_is_refused(void **state)
{
	(void)state;
	static const char *const requests[] = {
		"GET / HTTP/1.1\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\n",
		"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "GET /  HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / x HTTP/1.1\r\nHost: x\r\n\r\n", "G@T / HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n", "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", "GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1 \r\n\r\nx",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n",
	};
	struct fixture f;
	start(&f, small());
	for (size_t i = 0; i < COUNT(requests); i++)
		if (ask_plain(&f, requests[i]) != 400)
			fail_msg("taken: %s", requests[i]);
	static const char with_nul[] = "GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", in_target[] = "GET /\0x HTTP/1.1\r\nHost: x\r\n\r\n";
	struct buf b = BUF(ANSWER_MAX);
	assert_int_equal(ask(&f, "", with_nul, sizeof with_nul - 1, &b), 400);
	assert_int_equal(ask(&f, "", in_target, sizeof in_target - 1, &b), 400);
	assert_int_equal(f.n_requests, 0);
	buf_free(&b);
	stop(&f);
}

static void nothing_after_a_chunked_body_is_taken_for_a_request(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	start(&f, small());
	int fd = dial(&f);
	say(&f, fd, "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" GET("/smuggled"));
	assert_true(hear(&f, fd, &b, NULL, 0));
	assert_int_equal(count(&b, "HTTP/1.1 200 "), 1);
	assert_non_null(strstr(b.p, "Connection: close\r\n"));
	assert_int_equal(f.n_requests, 1);
	close(fd);
	buf_free(&b);
	stop(&f);
}

static void refusals_speak_with_the_handlers_words_and_close(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	start(&f, small());
	int fd = dial(&f);
	say(&f, fd, GET("/first") "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\nabc");
	assert_true(hear(&f, fd, &b, NULL, 0));
	assert_int_equal(f.last_refusal, 413);
	assert_true(strstr(b.p, "GET /first") < strstr(b.p, "HTTP/1.1 413 "));
	assert_non_null(strstr(b.p, "Content-Type: application/problem+json\r\n"));
	assert_non_null(strstr(b.p, "Connection: close\r\n"));
	assert_non_null(strstr(b.p, "GMT\r\n"));
	assert_non_null(strstr(b.p, "{\"why\":\"The body is longer"));
	close(fd);
	buf_free(&b);
	stop(&f);
}

static void two_hundred_half_open_connections_keep_nobody_out_and_end(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	struct http_server_options o = small();
	enum { N = 200 };
	int fds[N];
	o.head_deadline_ms = 300;
	start(&f, o);
	for (int i = 0; i < N; i++) {
		fds[i] = dial(&f);
		if (i % 2)
			say(&f, fds[i], "POST / HTTP/1.1\r\nHost:");
	}
	assert_int_equal(ask_plain(&f, GET("/")), 200);
	for (int i = 0; i < N; i++) {
		assert_true(hear(&f, fds[i], &b, NULL, 0));
		close(fds[i]);
	}
	assert_int_equal(count(&b, "HTTP/1.1 408 "), N);
	assert_int_equal(ask_plain(&f, GET("/")), 200);
	buf_free(&b);
	stop(&f);
}

/* Deadlines. Each returns how long it took until the server closed. */

static int64_t drip(struct fixture *f, int fd, struct buf *into)
{
	int64_t begin = clock_mono_ms(), next = begin;
	static char part[4096];
	for (;;) {
		int64_t now = clock_mono_ms();
		if (now >= next) {
			(void)send(fd, "x", 1, MSG_NOSIGNAL);
			next = now + 5;
		}
		step(f);
		ssize_t n = recv(fd, part, sizeof part, 0);
		if (n > 0)
			buf_add(into, (struct str){ part, (size_t)n });
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return now - begin;
		assert_true(now - begin < PATIENCE_MS);
	}
}

static void a_head_that_drips_in_is_cut_off(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	struct http_server_options o = small();
	o.head_deadline_ms = 100;
	start(&f, o);
	int fd = dial(&f);
	say(&f, fd, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
	int64_t took = drip(&f, fd, &b);
	assert_true(took >= 90 && took < 2000);
	assert_non_null(strstr(b.p, "HTTP/1.1 408 "));
	assert_int_equal(f.last_refusal, 408);
	close(fd);
	buf_free(&b);
	stop(&f);
}

static void a_later_head_that_drips_in_is_cut_off_too(void **state)
{
	(void)state;
	static const char *const begins[] = { "GET / HTTP/1.1\r\nHost: x\r\nX: ", "G" };   /* with and without a whole request line */
	for (size_t i = 0; i < COUNT(begins); i++) {
		struct fixture f;
		struct buf b = BUF(ANSWER_MAX);
		struct http_server_options o = small();
		o.head_deadline_ms = 200;
		start(&f, o);
		int fd = dial(&f);
		say(&f, fd, GET("/"));
		hear(&f, fd, &b, "body=0\n", 1);
		for (int64_t until = clock_mono_ms() + 100; clock_mono_ms() < until;)
			step(&f);
		say(&f, fd, begins[i]);
		int64_t took = drip(&f, fd, &b);
		assert_true(took >= 150 && took < 2000);
		assert_non_null(strstr(b.p, "HTTP/1.1 408 "));
		close(fd);
		buf_free(&b);
		stop(&f);
	}
}

static void a_body_that_drips_in_is_cut_off(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	struct http_server_options o = small();
	o.body_deadline_ms = 100;
	start(&f, o);
	int fd = dial(&f);
	say(&f, fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n");
	int64_t took = drip(&f, fd, &b);
	assert_true(took >= 90 && took < 2000);
	assert_non_null(strstr(b.p, "HTTP/1.1 408 "));
	assert_int_equal(f.n_requests, 0);
	close(fd);
	buf_free(&b);
	stop(&f);
}

static void an_idle_connection_is_closed_without_a_word(void **state)
{
	(void)state;
	struct fixture f;
	struct buf b = BUF(ANSWER_MAX);
	struct http_server_options o = small();
	o.idle_ms = 100;
	start(&f, o);
	int fd = dial(&f);
	say(&f, fd, GET("/"));
	hear(&f, fd, &b, "body=0\n", 1);
	int64_t begin = clock_mono_ms();
	size_t before = b.n;
	assert_true(hear(&f, fd, &b, NULL, 0));
	assert_true(clock_mono_ms() - begin >= 90);
	assert_int_equal(b.n, before);
	close(fd);
	buf_free(&b);
	stop(&f);
}

static void a_client_that_does_not_take_its_answer_is_cut_off(void **state)
{
	(void)state;
	struct fixture f;
	struct http_server_options o = small();
	int tiny = 4096;
	o.body_deadline_ms = 100;
	start(&f, o);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(f.server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny), 0);
	assert_int_equal(connect(fd, (const void *)&to, sizeof to), 0);
	say(&f, fd, GET("/large") GET("/second"));
	for (int64_t until = clock_mono_ms() + 300; clock_mono_ms() < until;)
		step(&f);
	assert_int_equal(f.n_requests, 1);
	struct buf b = BUF(ANSWER_MAX);
	assert_true(hear(&f, fd, &b, NULL, 0));
	assert_true(b.n < 3 << 20);
	close(fd);
	buf_free(&b);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_may_have_exactly_the_limit),
		cmocka_unit_test(a_sender_of_ten_megabytes_reads_why_they_were_refused),
		cmocka_unit_test(a_head_may_have_exactly_its_limits),
		cmocka_unit_test(a_head_that_can_be_read_in_two_ways_is_refused),
		cmocka_unit_test(nothing_after_a_chunked_body_is_taken_for_a_request),
		cmocka_unit_test(refusals_speak_with_the_handlers_words_and_close),
		cmocka_unit_test(two_hundred_half_open_connections_keep_nobody_out_and_end),
		cmocka_unit_test(a_head_that_drips_in_is_cut_off),
		cmocka_unit_test(a_later_head_that_drips_in_is_cut_off_too),
		cmocka_unit_test(a_body_that_drips_in_is_cut_off),
		cmocka_unit_test(an_idle_connection_is_closed_without_a_word),
		cmocka_unit_test(a_client_that_does_not_take_its_answer_is_cut_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
