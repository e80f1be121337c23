/* fixture.h - the desk with cmocka's ways of looking at what came of a request. */
#ifndef TESTS_API_FIXTURE_H
#define TESTS_API_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/unit/api/desk.h"

static UNUSED void assert_text(struct str have, const char *want)
{
	char *z = xstrndup(have);
	assert_string_equal(z, want);
	free(z);
}

static UNUSED const struct jv *json_body(struct desk *d)
{
	struct str why = S("");
	struct jv *j = json_parse_own(&d->a, buf_str(&d->body), &why);
	if (j == NULL)
		print_error("%.*s in %.*s\n", STR_ARG(why), STR_ARG(buf_str(&d->body)));
	assert_non_null(j);
	return j;
}

static UNUSED const struct jv *member(struct desk *d, const char *name)
{
	return json_get(json_body(d), str_c(name));
}

static UNUSED struct str text_of(struct desk *d, const char *name)
{
	return json_text(json_body(d), str_c(name));
}

static UNUSED size_t count_of(const struct jv *list)
{
	size_t n = 0;
	for (const struct jv *k = list->kid; k != NULL; k = k->next)
		n++;
	return n;
}

static UNUSED void assert_problem(struct desk *d, int status)
{
	assert_int_equal(d->status, status);
	assert_text(head_of(d, "Content-Type"), "application/problem+json");
	assert_text(text_of(d, "type"), "about:blank");
	assert_text(text_of(d, "title"), status_phrase(status));
	assert_int_equal(member(d, "status")->i, status);
	assert_true(text_of(d, "detail").n > 0);
}

static UNUSED bool says(struct desk *d, const char *words)
{
	struct str s = buf_str(&d->body);
	return memmem(s.p, s.n, words, strlen(words)) != NULL;
}

#endif
