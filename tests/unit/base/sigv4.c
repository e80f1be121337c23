/* sigv4.c - signatures against vectors: one that AWS publishes (get-vanilla of its test suite), the others computed with botocore. */
#include "base/sigv4.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { JAN_2_2026_S = 1767323045, AUG_30_2015_S = 1440938160 };

struct vector {
	const char *token, *region, *service, *method, *url;
	const char *headers[3];
	const char *body;
	int64_t at_s;
	const char *canonical, *to_sign, *names, *signature;      /* NULL: not told by the vector */
};

static const struct vector vectors[] = {
	{ "", "us-east-1", "service", "GET", "https://example.amazonaws.com/", { NULL }, "", AUG_30_2015_S,
	    NULL, NULL, "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "SESSIONTOKEN/EXAMPLE==", "us-east-1", "sns", "POST", "https://sns.us-east-1.amazonaws.com/",
	    { "Content-Type: application/x-www-form-urlencoded; charset=utf-8", "User-Agent: not signed" },
	    "Action=Publish&Version=2010-03-31&PhoneNumber=%2B15555550100&Message=disk+97%25+on+db1", JAN_2_2026_S,
	    "POST\n/\n\ncontent-type:application/x-www-form-urlencoded; charset=utf-8\nhost:sns.us-east-1.amazonaws.com\n"
	    "x-amz-date:20260102T030405Z\nx-amz-security-token:SESSIONTOKEN/EXAMPLE==\n\n"
	    "content-type;host;x-amz-date;x-amz-security-token\n"
	    "026da240ff3fd40cc5d7e6e8f1aed007278cd3a4b33e87b9f5630bc5e44b89ae",
	    "AWS4-HMAC-SHA256\n20260102T030405Z\n20260102/us-east-1/sns/aws4_request\n"
	    "ff221097fd3fd21c8e5e8649e6b189424ce2ae7303bbbf92d14465104ebd8604",
	    "content-type;host;x-amz-date;x-amz-security-token",
	    "1f654f63465da1e4d62910fc46c3eadaf5b96a76534660ded8410477a50ce33b" },
	{ "", "eu-west-1", "dynamodb", "POST", "https://dynamodb.eu-west-1.amazonaws.com",
	    { "X-Amz-Target:  DynamoDB_20120810.GetItem ", "content-type: application/x-amz-json-1.0" },
	    "{\"TableName\":\"pager\",\"Key\":{\"pk\":{\"S\":\"INC#42\"}}}", JAN_2_2026_S,
	    NULL, "AWS4-HMAC-SHA256\n20260102T030405Z\n20260102/eu-west-1/dynamodb/aws4_request\n"
	    "dfd472ff3c4974407648950ab3921130d401f0d72da827c4f77e7dbc37b5cb1f",
	    "content-type;host;x-amz-date;x-amz-target", "3e5f88a052aed834e8e8df30cc1e4464870eacaa53adcf833d799fbbd1e54eef" },
	{ "", "us-east-1", "service", "GET", "https://example.us-east-1.amazonaws.com/a%20b/c?Param2=value2&Param1=a%2Fb&Param1=",
	    { NULL }, "", JAN_2_2026_S,
	    "GET\n/a%2520b/c\nParam1=&Param1=a%2Fb&Param2=value2\nhost:example.us-east-1.amazonaws.com\nx-amz-date:20260102T030405Z\n\n"
	    "host;x-amz-date\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	    NULL, "host;x-amz-date", "4ef756474b6c3f7cc877945157852a4aac849877d400b8f0c671a6c1204136ec" },
};

static void sign(struct arena *a, const struct vector *v, struct wire_request *r, struct sigv4_trace *t)
{
	struct sigv4_keys keys = { S("AKIDEXAMPLE"), S("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), str_c(v->token) };
	struct sigv4_scope scope = { str_c(v->region), str_c(v->service) };
	*r = (struct wire_request){ .method = str_c(v->method), .url = str_c(v->url), .body = str_c(v->body),
		.headers.v = NEWN(a, struct str, COUNT(v->headers)) };
	for (size_t i = 0; i < COUNT(v->headers) && v->headers[i]; i++)
		r->headers.v[r->headers.n++] = str_c(v->headers[i]);
	sigv4_sign(a, &keys, scope, v->at_s * 1000 + 999, r, t);
}

static void is_text(struct str got, const char *want)
{
	if (want && !str_eq(got, str_c(want)))
		fail_msg("got\n%.*s\nbut should be\n%s", STR_ARG(got), want);
}

static void the_vectors_are_signed_as_published(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		struct arena a = ARENA(1 << 20);
		struct wire_request r;
		struct sigv4_trace t;
		sign(&a, &vectors[i], &r, &t);
		is_text(t.canonical, vectors[i].canonical);
		is_text(t.to_sign, vectors[i].to_sign);
		is_text(t.signature, vectors[i].signature);
		struct str last = r.headers.v[r.headers.n - 1];
		struct str want = arena_fmt(&a, "SignedHeaders=%s, Signature=%s", vectors[i].names, vectors[i].signature);
		assert_true(str_starts(last, S("Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")));
		assert_true(last.n > want.n && str_eq(str_skip(last, last.n - want.n), want));
		arena_free(&a);
	}
}

static void temporary_keys_send_their_token(void **state)
{
	(void)state;
	struct arena a = ARENA(1 << 20);
	struct wire_request r;
	sign(&a, &vectors[1], &r, NULL);
	assert_int_equal(r.headers.n, 5);
	assert_true(str_eq(r.headers.v[2], S("X-Amz-Date: 20260102T030405Z")));
	assert_true(str_eq(r.headers.v[3], S("X-Amz-Security-Token: SESSIONTOKEN/EXAMPLE==")));
	arena_free(&a);
}

/* The lines of a canonical request that URL and headers decide. */
static void odd_urls_and_headers_have_one_canonical_form(void **state)
{
	(void)state;
	static const struct { const char *url, *header, *again, *want; } odd[] = {
		{ "http://h", NULL, NULL, "GET\n/\n\nhost:h\n" },
		{ "http://h:80?b&a=", NULL, NULL, "GET\n/\na=&b=\nhost:h\n" },
		{ "https://h:80/", NULL, NULL, "GET\n/\n\nhost:h:80\n" },
		{ "https://u:p@H:443/a/./b//../c/", NULL, NULL, "GET\n/a/c/\n\nhost:h\n" },
		{ "http://127.0.0.1:8000/../x~y#part?no", NULL, NULL, "GET\n/x~y\n\nhost:127.0.0.1:8000\n" },
		{ "http://h/?a=b+c&a=%7e&a=%zz", NULL, NULL, "GET\n/\na=%25zz&a=b%2Bc&a=~\nhost:h\n" },
		{ "http://h/", "X-Amz-B:  two   words ", "x-amz-b:three", "GET\n/\n\nhost:h\nx-amz-b:two words,three\n" },
	};
	for (size_t i = 0; i < COUNT(odd); i++) {
		struct vector v = { .token = "", .region = "r", .service = "s", .method = "GET", .url = odd[i].url, .body = "",
			.headers = { odd[i].header, odd[i].again }, .at_s = JAN_2_2026_S };
		struct arena a = ARENA(1 << 20);
		struct wire_request r;
		struct sigv4_trace t;
		sign(&a, &v, &r, &t);
		is_text((struct str){ t.canonical.p, strlen(odd[i].want) }, odd[i].want);
		arena_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_are_signed_as_published),
		cmocka_unit_test(temporary_keys_send_their_token),
		cmocka_unit_test(odd_urls_and_headers_have_one_canonical_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
