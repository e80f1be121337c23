/* locate.c - which store a text means, what is said of one that means none; and progress, as a terminal and as a log see it. */
#include "main/locate.h"
#include "main/progress.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A command line without a terminal, whose clock the test moves. */
struct scene { struct cli_outside o; struct cli c; char *err; size_t n_err; int64_t now_ms; };

static const char *no_variable(void *ctx, const char *name)
{
	(void)ctx, (void)name;
	return NULL;
}

static int64_t scene_now(void *ctx)
{
	return ((struct scene *)ctx)->now_ms;
}

static void begin(struct scene *s, const char *line)
{
	const char *words[16];
	int n = 0;
	char *copy = xstrndup(str_c(line)), *rest = copy;
	*s = (struct scene){ .now_ms = 1000 };
	s->o = (struct cli_outside){ .out = stdout, .err = open_memstream(&s->err, &s->n_err), .ctx = s, .env = no_variable, .now_ms = scene_now };
	s->c = (struct cli){ .o = &s->o, .mem = ARENA(1 << 20) };
	while (n < 16 && (words[n] = strsep(&rest, " ")) != NULL) {
		words[n] = arena_str(&s->c.mem, str_c(words[n])).p;
		n++;
	}
	free(copy);
	assert_int_equal(parse_line(&s->c, n, words), EXIT_DONE);
}

static const char *said(struct scene *s)
{
	fflush(s->o.err);
	return s->err;
}

static void end(struct scene *s)
{
	assert_int_equal(fclose(s->o.err), 0);
	free(s->err);
	arena_free(&s->c.mem);
}

static const struct { const char *text, *driver, *path, *table, *region, *endpoint; unsigned shards; } good[] = {
	{ "sqlite:data/a.db", "sqlite", "data/a.db", "", "", "", 0 },
	{ "sqlite:/x/a:b.db", "sqlite", "/x/a:b.db", "", "", "", 0 },
	{ "json:data/journal", "json", "data/journal", "", "", "", 0 },
	{ "postgresql://me@db/tocsin?sslmode=require", "postgres", "postgresql://me@db/tocsin?sslmode=require", "tocsin", "", "", 0 },
	{ "postgres://db/x#pager", "postgres", "postgres://db/x", "pager", "", "", 0 },
	{ "dynamodb:incidents", "dynamodb", "", "incidents", "us-east-1", "", 0 },
	{ "dynamodb:t?region=eu-west-1&endpoint=http://127.0.0.1:8000&shards=64", "dynamodb", "", "t", "eu-west-1", "http://127.0.0.1:8000", 64 },
};

static void a_short_form_says_all_that_a_store_needs(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct scene s;
		struct located l;
		begin(&s, "tocsin storage copy");
		if (locate(&s.c, str_c(good[i].text), &l) != EXIT_DONE)
			fail_msg("%s: %s", good[i].text, said(&s));
		const struct store_options *o = &l.options;
		assert_true(str_eq(l.driver, str_c(good[i].driver)) && str_eq(o->path, str_c(good[i].path)) && str_eq(o->table, str_c(good[i].table)));
		assert_true(str_eq(o->region, str_c(good[i].region)) && str_eq(o->endpoint, str_c(good[i].endpoint)) && o->shards == good[i].shards);
		assert_true(o->n_kinds > 0 && o->clock.wall_ms != NULL);
		located_free(&l);
		end(&s);
	}
}

static const struct { const char *text; int code; const char *says; } bad[] = {
	{ "sqlit:a.db", EXIT_USAGE, "did you mean `sqlite:`?" },
	{ "postgress://db/x", EXIT_USAGE, "did you mean `postgres:`?" },
	{ "mysql:a", EXIT_USAGE, "no store is called `mysql:`" },
	{ "sqlite:", EXIT_USAGE, "a path is missing" },
	{ "memory:", EXIT_USAGE, "lives inside its server" },
	{ "postgresql://me:secret@db/x", EXIT_USAGE, "holds a password" },
	{ "postgresql://db/x?password=secret", EXIT_USAGE, "holds a password" },
	{ "dynamodb:", EXIT_USAGE, "the table is missing" },
	{ "dynamodb:t?endpoint=http://me:secret@127.0.0.1:8000", EXIT_USAGE, "must not hold a user name or password" },
	{ "dynamodb:t?endpoint=me:secret@127.0.0.1:8000", EXIT_USAGE, "must not hold a user name or password" },
	{ "dynamodb:t?regin=x", EXIT_USAGE, "`regin` is no option" },
	{ "dynamodb:t?region", EXIT_USAGE, "`region` is no option" },
	{ "dynamodb:t?shards=3", EXIT_USAGE, "a power of two" },
	{ "nowhere/tocsin.yaml", EXIT_CONFIG, "cannot be read" },
};

static void what_means_no_store_is_answered_with_what_would(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct scene s;
		struct located l;
		begin(&s, "tocsin storage copy");
		assert_int_equal(locate(&s.c, str_c(bad[i].text), &l), bad[i].code);
		if (strstr(said(&s), bad[i].says) == NULL)
			fail_msg("%s: \"%s\" is not in: %s", bad[i].text, bad[i].says, said(&s));
		assert_null(strstr(said(&s), "secret"));
		located_free(&l);
		end(&s);
	}
}

static bool are_same(struct scene *s, const char *a, const char *b)
{
	struct located x, y;
	assert_int_equal(locate(&s->c, str_c(a), &x), EXIT_DONE);
	assert_int_equal(locate(&s->c, str_c(b), &y), EXIT_DONE);
	return located_is_same(&x, &y);
}

static void one_store_is_known_under_two_names(void **state)
{
	(void)state;
	struct scene s;
	begin(&s, "tocsin storage copy");
	assert_true(are_same(&s, "sqlite:/dev/null", "sqlite:/dev/../dev/null"));
	assert_true(are_same(&s, "sqlite:not/there", "sqlite:not/there"));
	assert_false(are_same(&s, "sqlite:not/there", "sqlite:not/here"));
	assert_false(are_same(&s, "sqlite:x", "json:x"));
	assert_true(are_same(&s, "postgresql://db/x", "postgresql://db/x#tocsin"));
	assert_false(are_same(&s, "postgresql://db/x", "postgresql://db/x#other"));
	assert_false(are_same(&s, "dynamodb:t", "dynamodb:t?region=eu-west-1"));
	end(&s);
}

static void walk(struct scene *s, struct progress *p, uint64_t total)
{
	for (uint64_t i = 0; i <= 100; i++, s->now_ms += 150)
		progress_at(p, "copying", i * 10, total);
	progress_end(p);
}

static void on_a_terminal_progress_is_one_line_that_is_written_over(void **state)
{
	(void)state;
	struct scene s;
	struct progress p;
	begin(&s, "tocsin storage copy");
	s.o.is_talk_terminal = true;
	progress_init(&p, &s.c);
	walk(&s, &p, 1000);
	const char *text = said(&s);
	assert_non_null(strstr(text, "\rcopying    [############............]  50 %  500 of 1000 documents, 66/s, 8s left\033[K"));
	assert_non_null(strstr(text, "[########################] 100 %  1000 of 1000"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);     /* one line end, at the end */
	assert_null(strstr(text, "\033[3"));                               /* no colours */
	end(&s);
}

static void in_a_log_progress_is_a_line_each_five_seconds(void **state)
{
	(void)state;
	struct scene s;
	struct progress p;
	begin(&s, "tocsin storage copy");
	progress_init(&p, &s.c);
	walk(&s, &p, 1000);
	const char *text = said(&s);
	size_t lines = 0;
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines, 2);                                        /* of 15 seconds */
	assert_true(str_starts(str_c(text), S("copying    34 %  340 of 1000 documents, 66/s, 11s left\n")));
	assert_null(strchr(text, '\r'));
	assert_null(strchr(text, '\033'));
	end(&s);
}

static void quiet_is_quiet(void **state)
{
	(void)state;
	struct scene s;
	struct progress p;
	begin(&s, "tocsin storage copy --quiet");
	s.o.is_talk_terminal = true;
	progress_init(&p, &s.c);
	walk(&s, &p, 0);
	assert_string_equal(said(&s), "");
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_form_says_all_that_a_store_needs), cmocka_unit_test(what_means_no_store_is_answered_with_what_would),
		cmocka_unit_test(one_store_is_known_under_two_names), cmocka_unit_test(on_a_terminal_progress_is_one_line_that_is_written_over),
		cmocka_unit_test(in_a_log_progress_is_a_line_each_five_seconds), cmocka_unit_test(quiet_is_quiet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
