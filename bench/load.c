/* load.c - sends requests over keep-alive connections as fast as they are taken, or at a given rate, and measures.
 *
 *	load PORT [--connections 64] [--seconds 5] [--mode new|repeat|batch|get] [--path /v2/enqueue] [--key KEY]
 *	          [--count N] [--rate N] [--batch N] [--first N] [--warmup 0.5]
 *
 * new: every request is a trigger (PagerDuty Events v2) with a dedup key of its own; repeat: eight keys in turn; batch: POST /in/KEY with an
 * array of --batch generic events; get: GET --path. Keys are numbered from --first, which is another number in each run unless given. One request at a time per connection. Stops after --seconds or --count events, whichever is first.
 * Prints one line of JSON: requests, events, seconds, events_per_s, p50_us, p99_us, p999_us, max_us, errors. Exit status 1 when a
 * request was answered by anything but 202 (get: 200). Requests of the first --warmup seconds are sent and checked but not counted.
 *
 * To leave the machine to the server it costs little: a request is a template with the sequence number written into it, an answer is
 * looked at only for its status and length.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 4096, ANSWER_MAX = 64 << 10, REPEAT_KEYS = 8, NUMBER_WIDTH = 12, BATCH_MAX = 500, TEMPLATE_MAX = 256 << 10 };
enum mode { MODE_NEW, MODE_REPEAT, MODE_BATCH, MODE_GET };

struct options {
	enum mode mode;
	int port, connections;
	int64_t warmup_us, run_us, count, rate, batch, first;
	const char *path, *key;
};

/* A request with places where the number of an event goes. Numbers have a fixed width, so the length never changes. */
struct template { char *text; size_t n, n_marks; size_t marks[BATCH_MAX * 2]; };

struct connection {
	int fd;
	bool is_busy;
	int64_t sent_us;
	size_t n_answer;
	char answer[2048];               /* of the head; what is longer is a body and only counted */
	size_t body_left;
};

/* Latencies in buckets of 1/32 of a power of two: exact to 3 %. */
struct histogram { uint64_t n[64 * 32], total; int64_t max; };

struct run {
	struct options o;
	struct template t;
	struct connection *connections;
	struct histogram latency;
	int epoll_fd;
	int64_t begin_us, counted_from_us, end_us, last_us;
	uint64_t next_number, started, requests, errors;
	int last_error_status;
};

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void die(const char *what, const char *cure)
{
	fprintf(stderr, "load: %s; %s\n", what, cure);
	exit(2);
}

/* Latencies. */

static size_t bucket(int64_t us)
{
	uint64_t v = us > 0 ? (uint64_t)us : 0;
	if (v < 32)
		return (size_t)v;
	unsigned power = 63 - (unsigned)__builtin_clzll(v);
	return (size_t)(power - 4) * 32 + (size_t)(v >> (power - 5) & 31);
}

static int64_t bucket_value(size_t i)
{
	return i < 32 ? (int64_t)i : (int64_t)((i % 32 + 32) << (i / 32 - 1));
}

static void add(struct histogram *h, int64_t us)
{
	h->n[bucket(us)]++;
	h->total++;
	if (us > h->max)
		h->max = us;
}

static int64_t percentile(const struct histogram *h, double share)
{
	uint64_t want = (uint64_t)((double)h->total * share), seen = 0;
	for (size_t i = 0; i < sizeof h->n / sizeof *h->n; i++) {
		seen += h->n[i];
		if (seen > want)
			return bucket_value(i);
	}
	return h->max;
}

/* Requests. */

static void put(struct template *t, const char *text)
{
	size_t n = strlen(text);
	assert(t->n + n < TEMPLATE_MAX);
	memcpy(t->text + t->n, text, n + 1);
	t->n += n;
}

static void put_number(struct template *t)
{
	assert(t->n_marks < sizeof t->marks / sizeof *t->marks);
	t->marks[t->n_marks++] = t->n;
	put(t, "000000000000");
}

static void put_trigger(struct template *t, const struct options *o)
{
	put(t, "{\"routing_key\":\"");
	put(t, o->key);
	put(t, "\",\"event_action\":\"trigger\",\"dedup_key\":\"load/");
	put_number(t);
	put(t, "\",\"client\":\"load\",\"client_url\":\"https://watch.example/alerts/");
	put_number(t);
	put(t, "\",\"payload\":{\"summary\":\"Disk is 97% full on db1.example\",\"source\":\"db1.example\",\"severity\":\"critical\","
	       "\"component\":\"postgres\",\"group\":\"production\",\"class\":\"disk\",\"custom_details\":{\"free\":\"3%\",\"mount\":"
	       "\"/var/lib/postgresql\",\"region\":\"eu-central-1\"}},\"links\":[{\"href\":\"https://runbook.example/disk\",\"text\":\"Runbook\"}]}");
}

static void put_batch(struct template *t, const struct options *o)
{
	for (int64_t i = 0; i < o->batch; i++) {
		put(t, i ? ",{\"title\":\"Disk is 97% full on db1.example\",\"severity\":\"critical\",\"dedup_key\":\"load/"
			 : "[{\"title\":\"Disk is 97% full on db1.example\",\"severity\":\"critical\",\"dedup_key\":\"load/");
		put_number(t);
		put(t, "\"}");
	}
	put(t, "]");
}

static void make_get(struct template *t, const struct options *o)
{
	put(t, "GET ");
	put(t, o->path);
	put(t, " HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n");
}

static void make_post(struct template *t, const struct options *o)
{
	struct template body = { .text = calloc(1, TEMPLATE_MAX) };
	char head[1024];
	assert(body.text != NULL);
	(o->mode == MODE_BATCH ? put_batch : put_trigger)(&body, o);
	int n = snprintf(head, sizeof head, "POST %s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: load\r\nAccept: */*\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	    o->path, o->mode == MODE_BATCH ? o->key : "", o->port, body.n);
	if (n < 0 || (size_t)n >= sizeof head)
		die("--path is too long", "use a shorter one");
	put(t, head);
	for (size_t i = 0; i < body.n_marks; i++)
		t->marks[t->n_marks++] = t->n + body.marks[i];
	put(t, body.text);
	free(body.text);
}

static void make_template(struct template *t, const struct options *o)
{
	t->text = calloc(1, TEMPLATE_MAX);
	assert(t->text != NULL);
	(o->mode == MODE_GET ? make_get : make_post)(t, o);
}

static void write_number(char *at, uint64_t v)
{
	for (int i = NUMBER_WIDTH - 1; i >= 0; i--, v /= 10)
		at[i] = (char)('0' + v % 10);
}

/* In a trigger both places get the same number; in a batch each event its own. */
static void number_request(struct run *r)
{
	struct template *t = &r->t;
	bool is_batch = r->o.mode == MODE_BATCH;
	uint64_t first = r->o.mode == MODE_REPEAT ? r->next_number % REPEAT_KEYS : r->next_number;
	for (size_t i = 0; i < t->n_marks; i++)
		write_number(t->text + t->marks[i], first + (is_batch ? i : 0));
	r->next_number += is_batch ? t->n_marks : 1;
}

/* Connections. */

static int dial(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const void *)&to, sizeof to) != 0)
		die(strerror(errno), "is the server listening on 127.0.0.1 at that port?");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static void watch(struct run *r, struct connection *c, int how)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	if (epoll_ctl(r->epoll_fd, how, c->fd, &e) != 0)
		die(strerror(errno), "fewer --connections may help");
}

static void reopen(struct run *r, struct connection *c)
{
	close(c->fd);
	*c = (struct connection){ .fd = dial(r->o.port) };
	watch(r, c, EPOLL_CTL_ADD);
}

static void fail(struct run *r, struct connection *c, int status)
{
	r->errors++;
	r->last_error_status = status;
	reopen(r, c);
}

static void send_request(struct run *r, struct connection *c)
{
	number_request(r);
	r->started++;
	c->sent_us = now_us();
	c->is_busy = true;
	for (size_t at = 0; at < r->t.n;) {                        /* blocks when it is longer than the socket's buffer */
		ssize_t n = send(c->fd, r->t.text + at, r->t.n - at, MSG_NOSIGNAL);
		if (n < 0) {
			fail(r, c, 0);
			return;
		}
		at += (size_t)n;
	}
}

static bool is_wanted(const struct run *r, int64_t now)
{
	int64_t events = (int64_t)r->started * (r->o.mode == MODE_BATCH ? r->o.batch : 1);
	if (now >= r->end_us || (r->o.count && events >= r->o.count))
		return false;
	return r->o.rate == 0 || (double)events < (double)(now - r->begin_us) / 1e6 * (double)r->o.rate;
}

static void finish(struct run *r, struct connection *c, int status)
{
	int64_t now = now_us();
	c->is_busy = false;
	c->n_answer = 0;
	if (status != (r->o.mode == MODE_GET ? 200 : 202)) {
		r->errors++;
		r->last_error_status = status;
	}
	if (c->sent_us >= r->counted_from_us) {
		r->requests++;
		add(&r->latency, now - c->sent_us);
		r->last_us = now;
	}
	if (is_wanted(r, now))
		send_request(r, c);
}

/* How long the answer is in all, or 0 while its head is incomplete. -1: its head is too long or has no Content-Length. */
static ssize_t answer_size(struct connection *c)
{
	c->answer[c->n_answer] = '\0';
	char *end = strstr(c->answer, "\r\n\r\n"), *length = strcasestr(c->answer, "\r\nContent-Length:");
	if (end == NULL)
		return c->n_answer == sizeof c->answer - 1 ? -1 : 0;
	return length && length < end ? end + 4 - c->answer + strtol(length + 17, NULL, 10) : -1;
}

static void receive(struct run *r, struct connection *c)
{
	char rest[ANSWER_MAX];
	bool is_body = c->body_left > 0;
	ssize_t n = is_body ? recv(c->fd, rest, c->body_left < sizeof rest ? c->body_left : sizeof rest, 0)
			    : recv(c->fd, c->answer + c->n_answer, sizeof c->answer - 1 - c->n_answer, 0);
	if (n <= 0) {
		if (c->is_busy)
			fail(r, c, 0);
		else
			reopen(r, c);                              /* idle for long: the server has let it go */
		return;
	}
	if (is_body) {
		c->body_left -= (size_t)n;
	} else {
		c->n_answer += (size_t)n;
		ssize_t size = answer_size(c);
		if (size == 0)
			return;
		if (size < 0) {
			fail(r, c, 0);
			return;
		}
		c->body_left = (size_t)size - c->n_answer;
	}
	if (c->body_left == 0)
		finish(r, c, (int)strtol(c->answer + 9, NULL, 10));
}

/* The run. */

static size_t wake_idle(struct run *r)
{
	size_t busy = 0;
	int64_t now = now_us();
	for (int i = 0; i < r->o.connections; i++) {
		struct connection *c = &r->connections[i];
		if (!c->is_busy && is_wanted(r, now))
			send_request(r, c);
		busy += c->is_busy;
	}
	return busy;
}

static void progress(const struct run *r, int64_t *next_us)
{
	int64_t now = now_us();
	if (now < *next_us || !isatty(STDERR_FILENO))
		return;
	*next_us = now + 1000000;
	fprintf(stderr, "\r%llu requests, %llu errors ", (unsigned long long)r->started, (unsigned long long)r->errors);
}

static void drive(struct run *r)
{
	struct epoll_event events[256];
	int64_t next_progress_us = 0, give_up_us = r->end_us + 10000000;
	bool is_paced = r->o.rate > 0;
	size_t busy = wake_idle(r);
	while ((busy > 0 || now_us() < r->end_us) && now_us() < give_up_us) {
		int n = epoll_wait(r->epoll_fd, events, 256, is_paced ? 1 : 100);
		for (int i = 0; i < n; i++)
			receive(r, events[i].data.ptr);
		if (is_paced || n < 1 || now_us() >= r->end_us || r->o.count)
			busy = wake_idle(r);
		if (busy == 0 && r->o.count && !is_paced)
			break;
		progress(r, &next_progress_us);
	}
	if (isatty(STDERR_FILENO))
		fputc('\n', stderr);
}

static void report(const struct run *r)
{
	uint64_t events = r->requests * (uint64_t)(r->o.mode == MODE_BATCH ? r->o.batch : 1);
	double seconds = (double)(r->last_us - r->counted_from_us) / 1e6;
	printf("{\"requests\":%llu,\"events\":%llu,\"seconds\":%.3f,\"events_per_s\":%.0f,\"p50_us\":%lld,\"p99_us\":%lld,\"p999_us\":%lld,"
	       "\"max_us\":%lld,\"errors\":%llu}\n",
	    (unsigned long long)r->requests, (unsigned long long)events, seconds, seconds > 0 ? (double)events / seconds : 0.0,
	    (long long)percentile(&r->latency, 0.5), (long long)percentile(&r->latency, 0.99), (long long)percentile(&r->latency, 0.999),
	    (long long)r->latency.max, (unsigned long long)r->errors);
	if (r->errors)
		fprintf(stderr, "load: %llu requests failed, the last with status %d (0: no answer)\n", (unsigned long long)r->errors,
		    r->last_error_status);
}

/* Arguments. */

static int64_t number(const char *text, int64_t lo, int64_t hi)
{
	char *end;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (errno || end == text || *end != '\0' || v < lo || v > hi) {
		fprintf(stderr, "load: %s is not between %lld and %lld\n", text, (long long)lo, (long long)hi);
		exit(2);
	}
	return v;
}

static int64_t seconds_as_us(const char *text)
{
	char *end;
	double v = strtod(text, &end);
	if (end == text || *end != '\0' || !(v >= 0 && v <= 86400))
		die(text, "give seconds between 0 and 86400");
	return (int64_t)(v * 1e6);
}

static enum mode mode_of(const char *text)
{
	static const char *const names[] = { "new", "repeat", "batch", "get" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(text, names[i]) == 0)
			return (enum mode)i;
	die(text, "--mode is new, repeat, batch or get");
	return MODE_NEW;
}

static void set(struct options *o, const char *name, const char *value)
{
	if (strcmp(name, "--connections") == 0)
		o->connections = (int)number(value, 1, CONNECTIONS_MAX);
	else if (strcmp(name, "--seconds") == 0)
		o->run_us = seconds_as_us(value);
	else if (strcmp(name, "--warmup") == 0)
		o->warmup_us = seconds_as_us(value);
	else if (strcmp(name, "--mode") == 0)
		o->mode = mode_of(value);
	else if (strcmp(name, "--path") == 0)
		o->path = value;
	else if (strcmp(name, "--key") == 0)
		o->key = value;
	else if (strcmp(name, "--count") == 0)
		o->count = number(value, 1, INT64_MAX);
	else if (strcmp(name, "--rate") == 0)
		o->rate = number(value, 1, 10000000);
	else if (strcmp(name, "--batch") == 0)
		o->batch = number(value, 1, BATCH_MAX);
	else if (strcmp(name, "--first") == 0)
		o->first = number(value, 0, 900000000000);
	else
		die(name, "options: --connections --seconds --warmup --mode --path --key --count --rate --batch --first");
}

static struct options read_options(int argc, char **argv)
{
	struct options o = { .connections = 64, .run_us = 5000000, .warmup_us = 500000, .batch = 100, .first = -1,
		.key = "0123456789abcdef0123456789abcdef" };
	if (argc < 2 || argc % 2 != 0)
		die("no port, or an option without its value", "usage: load PORT [--option value]...");
	o.port = (int)number(argv[1], 1, 65535);
	for (int i = 2; i < argc; i += 2)
		set(&o, argv[i], argv[i + 1]);
	if (o.count)
		o.warmup_us = 0;                                   /* whoever counts events wants all of them counted */
	if (o.path == NULL)
		o.path = o.mode == MODE_BATCH ? "/in/" : "/v2/enqueue";
	return o;
}

int main(int argc, char **argv)
{
	static struct run r;
	r.o = read_options(argc, argv);
	make_template(&r.t, &r.o);
	r.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r.connections = calloc((size_t)r.o.connections, sizeof *r.connections);
	assert(r.epoll_fd >= 0 && r.connections != NULL);
	for (int i = 0; i < r.o.connections; i++) {
		r.connections[i].fd = dial(r.o.port);
		watch(&r, &r.connections[i], EPOLL_CTL_ADD);
	}
	r.next_number = r.o.first >= 0 ? (uint64_t)r.o.first : r.o.mode == MODE_REPEAT ? 0 :
	    (uint64_t)time(NULL) % 100000 * 10000000;          /* another run, other keys */
	r.begin_us = now_us();
	r.counted_from_us = r.begin_us + r.o.warmup_us;
	r.end_us = r.counted_from_us + r.o.run_us;
	drive(&r);
	report(&r);
	for (int i = 0; i < r.o.connections; i++)
		close(r.connections[i].fd);
	free(r.connections);
	free(r.t.text);
	return r.errors ? 1 : 0;
}
