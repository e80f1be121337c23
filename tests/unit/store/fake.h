/* fake.h - a DynamoDB-compatible server (tests/fakes/dynamodb) of one test binary's own, which may break it, and raw requests to it. */
#ifndef TESTS_STORE_FAKE_H
#define TESTS_STORE_FAKE_H
#include "answers.h"
#include "base/json.h"
#include "base/sigv4.h"
#include "store/http.h"
#include "store/store.h"
#include <signal.h>
#include <sys/wait.h>

#define KEY_ID "AKIDEXAMPLE"
#define KEY_SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

struct fake { pid_t pid; int to, from; char url[128]; };

static inline void fake_start(struct fake *f)
{
	int in[2], out[2];
	char line[128] = "";
	assert_true(pipe(in) == 0 && pipe(out) == 0);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (f->pid == 0) {
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		close(in[1]);                                      /* its input ends with this process, and with that the server */
		execl("tests/fakes/dynamodb/serve", "serve", "--port", "0", "--with-parent", "yes", (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	f->to = in[1];
	f->from = out[0];
	for (size_t n = 0; n + 1 < sizeof line && read(f->from, line + n, 1) == 1 && line[n] != '\n';)
		line[++n] = '\0';
	if (strncmp(line, "listening on ", 13) != 0)
		fail_msg("tests/fakes/dynamodb/serve does not start: run this from the root of the tree, with node installed");
	(void)snprintf(f->url, sizeof f->url, "%.*s", (int)strcspn(line + 13, "\r\n"), line + 13);
}

static inline void fake_stop(struct fake *f)
{
	if (f->pid == 0)
		return;
	(void)kill(f->pid, SIGKILL);
	(void)waitpid(f->pid, NULL, 0);
	close(f->to);
	close(f->from);
	f->pid = 0;
}

/* Status and body of a request without a store between. */
static inline int fake_raw(const struct fake *f, const char *path, const char *target, const char *body, struct buf *ret)
{
	struct arena a = ARENA(1 << 20);
	struct str lines[2] = { S("Content-Type: application/x-amz-json-1.0"),
	    arena_fmt(&a, "X-Amz-Target: DynamoDB_20120810.%s", target) };
	struct http h = { .answer = BUF(4 << 20), .timeout_ms = 20000, .request = { .method = S("POST"),
		.url = arena_fmt(&a, "%s%s", f->url, path), .headers = { lines, 2 }, .body = str_c(body) } };
	struct sigv4_keys keys = { S(KEY_ID), S(KEY_SECRET), S("") };
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	sigv4_sign(&a, &keys, (struct sigv4_scope){ S("us-east-1"), S("dynamodb") }, (int64_t)now.tv_sec * 1000,
	    &h.request, NULL);
	http_perform(&h);
	buf_add(ret, buf_str(&h.answer));
	int status = h.status;
	http_done(&h);
	arena_free(&a);
	return status;
}

static inline PRINTF_LIKE(3, 4) void fake_does(const struct fake *f, const char *target, const char *fmt, ...)
{
	struct buf body = BUF(1 << 20), said = BUF(4 << 20);
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(&body, fmt, ap);
	va_end(ap);
	if (fake_raw(f, "/", target, body.p, &said) != 200)
		fail_msg("%s %s: %s", target, body.p, said.p);
	buf_free(&body);
	buf_free(&said);
}

/* POST /_control: see control.js. */
static inline void fake_control(const struct fake *f, const char *command)
{
	struct buf said = BUF(1 << 20);
	if (fake_raw(f, "/_control", "Control", command, &said) != 200)
		fail_msg("control %s: %s", command, said.p);
	buf_free(&said);
}

/* How often an operation was asked for since the start. */
static inline int64_t fake_count(const struct fake *f, const char *op)
{
	struct buf said = BUF(1 << 20);
	struct arena a = ARENA(1 << 20);
	struct str why;
	assert_int_equal(fake_raw(f, "/_control", "Control", "{}", &said), 200);
	const struct jv *n = json_get(json_get(json_parse(&a, buf_str(&said), &why), S("requests")), str_c(op));
	int64_t count = n ? n->i : 0;
	buf_free(&said);
	arena_free(&a);
	return count;
}
#endif
