/* http_bare.c - our HTTP server with nothing behind it: every request is answered with a constant 202. It is the ceiling that bench/
 * measures the whole server against, and what tests/wire/http_probe.py can be tried on alone.
 *
 *	http_bare [PORT] [--suspend]        answers at once, or later from the loop as the real server does after a commit
 *
 * Prints the port it listens on, on 127.0.0.1, and serves until SIGTERM or SIGINT.
 */
#include "io/http_server.h"
#include "io/signals.h"
#include <stdio.h>
#include <string.h>

enum { WAITING_MAX = 10000 };
struct bare {
	bool is_suspending;
	size_t n_waiting;
	struct http_request *waiting[WAITING_MAX];
};

static void answer(struct http_request *r)
{
	static const struct http_field json = { "Content-Type", { "application/json", 16 } };
	http_answer(r, &(struct http_response){ 202, &json, 1,
	    S("{\"status\":\"success\",\"message\":\"Event processed\",\"dedup_key\":\"0123456789abcdef\"}") });
}

static void on_request(void *ctx, struct http_request *r)
{
	struct bare *b = ctx;
	if (b->is_suspending && b->n_waiting < WAITING_MAX)
		b->waiting[b->n_waiting++] = r;
	else
		answer(r);
}

static void serve(struct bare *b, struct http_server *s, int signals)
{
	while (signals_next(signals, 0) == 0) {
		http_server_step(s, b->n_waiting ? 0 : 100);
		for (size_t i = 0; i < b->n_waiting; i++)
			answer(b->waiting[i]);
		b->n_waiting = 0;
	}
}

int main(int argc, char **argv)
{
	static struct bare b;
	struct http_server_options o = http_server_defaults();
	struct http_server *s = NULL;
	struct buf why = BUF(1024);
	int64_t port = 0;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--suspend") == 0) {
			b.is_suspending = true;
		} else if (!str_int(str_c(argv[i]), &port) || port < 0 || port > 65535) {
			fprintf(stderr, "http_bare: %s is no port; usage: http_bare [PORT] [--suspend]\n", argv[i]);
			return 2;
		}
	}
	o.port = (int)port;
	int signals = signals_open();
	if (signals < 0 || http_server_new(&o, &(struct http_handler){ &b, on_request, NULL }, &s, &why) != 0) {
		fprintf(stderr, "http_bare: %s\n", signals < 0 ? "no signalfd; see ulimit -n" : why.p);
		return 1;
	}
	printf("%d\n", http_server_port(s));
	fflush(stdout);
	serve(&b, s, signals);
	http_server_free(s);
	return 0;
}
