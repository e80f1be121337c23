/* fixture.h - whole command lines against a made-up server, clock, environment and terminal. */
#ifndef TESTS_CLI_FIXTURE_H
#define TESTS_CLI_FIXTURE_H
#include "cli/command.h"
#include "cli/table.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* One answer of the server: for a method and the beginning of a path. status 0: no connection. */
struct canned { const char *method, *path; int status; const char *body; };
enum { SEEN_MAX = 32, VARIABLES_MAX = 8 };
struct scene {
	const struct canned *canned; size_t n_canned;
	const char *variables[VARIABLES_MAX][2];
	const char *input;
	bool is_terminal; int width;
	int64_t now_ms;
	/* What happened: */
	struct arena mem;
	struct str seen[SEEN_MAX], bodies[SEEN_MAX]; size_t n_seen;    /* "METHOD path", and what was sent */
	struct str headers[SEEN_MAX];                                  /* joined with \n */
	char *out, *err;
	int code;
};

static const char *scene_env(void *ctx, const char *name)
{
	const struct scene *s = ctx;
	for (size_t i = 0; i < VARIABLES_MAX && s->variables[i][0]; i++)
		if (strcmp(s->variables[i][0], name) == 0)
			return s->variables[i][1];
	return NULL;
}

static struct str scene_path(struct str url)
{
	struct str base = S("http://127.0.0.1:3000");
	return str_starts(url, base) ? str_skip(url, base.n) : url;
}

static void scene_perform(void *ctx, struct client_transfer *t, int64_t timeout_ms)
{
	struct scene *s = ctx;
	struct str path = scene_path(t->request->url), joined = S("");
	assert_true(timeout_ms > 0 && s->n_seen < SEEN_MAX);
	for (size_t i = 0; i < t->request->headers.n; i++)
		joined = arena_fmt(&s->mem, "%.*s%.*s\n", STR_ARG(joined), STR_ARG(t->request->headers.v[i]));
	s->headers[s->n_seen] = joined;
	s->bodies[s->n_seen] = arena_str(&s->mem, t->request->body);
	s->seen[s->n_seen++] = arena_fmt(&s->mem, "%.*s %.*s", STR_ARG(t->request->method), STR_ARG(path));
	t->reply.error = S("http://127.0.0.1:3000: Connection refused");
	for (size_t i = 0; i < s->n_canned; i++) {
		const struct canned *k = &s->canned[i];
		if (!str_eq(t->request->method, str_c(k->method)) || !str_starts(path, str_c(k->path)))
			continue;
		t->reply.status = k->status;
		t->reply.body = str_c(k->body);
		return;
	}
}

static int64_t scene_now(void *ctx)
{
	const struct scene *s = ctx;
	return s->now_ms;
}

static void scene_sleep(void *ctx, int64_t ms)
{
	struct scene *s = ctx;
	s->now_ms += ms;
}

static int scene_main(void *ctx, struct cli *c)
{
	(void)ctx;
	fprintf(c->o->out, "main: %s\n", c->command->name);
	return EXIT_DONE;
}

static struct str scene_explain(void *ctx, struct str name)
{
	(void)ctx;
	return str_eq(name, S("TOCSIN1102")) ? S("A target names a person who is not under users.") : S("");
}

/* run: a line; words are parted by single blanks, '_' inside a word stands for a blank. */
static void run_words(struct scene *s, int argc, const char *const *argv)
{
	size_t n_out, n_err;
	FILE *in = s->input && *s->input ? fmemopen((void *)(uintptr_t)s->input, strlen(s->input), "r") : fopen("/dev/null", "r");
	struct cli_outside o = {
		.in = in, .out = open_memstream(&s->out, &n_out), .err = open_memstream(&s->err, &n_err),
		.is_terminal = s->is_terminal, .width = s->width, .ctx = s, .env = scene_env, .perform = scene_perform,
		.now_ms = scene_now, .sleep_ms = scene_sleep, .run_main = scene_main, .explain = scene_explain,
	};
	s->mem = ARENA(64 << 20);
	s->code = cli_main(&o, argc, argv);
	(void)fclose(in);
	assert_int_equal(fclose(o.out), 0);
	assert_int_equal(fclose(o.err), 0);
}

__attribute__((unused)) static void run(struct scene *s, const char *line)
{
	const char *argv[32];
	int argc = 0;
	char *copy = xstrndup(str_c(line)), *rest = copy;
	for (char *word; (word = strsep(&rest, " ")) != NULL && argc < 32;) {
		for (char *p = word; *p; p++)
			*p = *p == '_' ? ' ' : *p;
		argv[argc++] = word;
	}
	run_words(s, argc, argv);
	free(copy);
}

static void scene_done(struct scene *s)
{
	free(s->out);
	free(s->err);
	arena_free(&s->mem);
}
#endif
