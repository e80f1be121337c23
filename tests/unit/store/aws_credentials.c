/* aws_credentials.c - where keys are found: files in a directory of the test, endpoints on a port of the test. */
#include "answers.h"
#include "store/aws_credentials.h"
#include "tests/place.h"
#include <errno.h>
#include <sys/stat.h>

enum { NOW = 1790000000, VARIABLES = 16 };
#define NOW_MS (INT64_C(1000) * NOW)

struct place { char dir[64], text[VARIABLES][2][256]; size_t n; struct aws_chain *chain; };

static const char *get(void *ctx, const char *name)
{
	struct place *p = ctx;
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->text[i][0], name) == 0)
			return p->text[i][1];
	return NULL;
}

static PRINTF_LIKE(3, 4) void set(struct place *p, const char *name, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	assert_true(p->n < VARIABLES);
	(void)snprintf(p->text[p->n][0], sizeof p->text[0][0], "%s", name);
	(void)vsnprintf(p->text[p->n++][1], sizeof p->text[0][1], fmt, ap);
	va_end(ap);
}

static void file(struct place *p, const char *name, const char *text)
{
	char path[128];
	(void)snprintf(path, sizeof path, "%s/%s", p->dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Nothing is set but a home without files, and no instance is asked. */
static int setup(void **state)
{
	struct place *p = test_calloc(1, sizeof *p);
	(void)snprintf(p->dir, sizeof p->dir, "/tmp/tocsin-keys-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	char aws[96];
	(void)snprintf(aws, sizeof aws, "%s/.aws", p->dir);
	assert_int_equal(mkdir(aws, 0700), 0);
	set(p, "HOME", "%s", p->dir);
	set(p, "AWS_EC2_METADATA_DISABLED", "true");
	p->chain = aws_chain_new((struct aws_environment){ get, p }, S("eu-west-1"));
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	aws_chain_free(p->chain);
	assert_int_equal(place_remove(p->dir), 0);
	test_free(p);
	return 0;
}

/* "id secret token", or what the chain says. */
static void finds_at(struct place *p, int64_t now_ms, const char *want)
{
	struct arena a = ARENA(1 << 20);
	struct sigv4_keys k = { 0 };
	struct buf why = BUF(16 << 10);
	bool found = aws_chain_keys(p->chain, now_ms, &a, &k, &why);
	const char *got = found ? arena_fmt(&a, "%.*s %.*s %.*s", STR_ARG(k.id), STR_ARG(k.secret), STR_ARG(k.token)).p : why.p;
	if (found ? strcmp(got, want) != 0 : strstr(got, want) == NULL)
		fail_msg("got \"%s\" but should be \"%s\"", got, want);
	buf_free(&why);
	arena_free(&a);
}

static void finds(struct place *p, const char *want)
{
	finds_at(p, NOW_MS, want);
}

static void the_environment_is_first(void **state)
{
	struct place *p = *state;
	file(p, ".aws/credentials", "[default]\naws_access_key_id=F\naws_secret_access_key=S\n");
	set(p, "AWS_ACCESS_KEY_ID", "AKID");
	finds(p, "AWS_SECRET_ACCESS_KEY is not");
	aws_chain_free(p->chain);
	set(p, "AWS_SECRET_ACCESS_KEY", "secret");
	set(p, "AWS_SESSION_TOKEN", "token");
	p->chain = aws_chain_new((struct aws_environment){ get, p }, S("eu-west-1"));
	finds(p, "AKID secret token");
}

static void the_credentials_file_comes_before_the_config_file(void **state)
{
	struct place *p = *state;
	file(p, ".aws/config", "[default]\nregion = eu-west-1\naws_access_key_id = C\naws_secret_access_key = CS\n");
	file(p, ".aws/credentials", "# mine\r\n[other]\naws_access_key_id=X\naws_secret_access_key=X\n; no\n[default]\r\n"
	    "aws_access_key_id = F\r\naws_secret_access_key = S/+=\r\naws_session_token=T");
	finds(p, "F S/+= T");
}

static void the_config_file_has_keys_too(void **state)
{
	struct place *p = *state;
	file(p, "elsewhere", "[profile blue]\naws_access_key_id = C\ns3 =\n  aws_access_key_id = nested\naws_secret_access_key = CS\n");
	set(p, "AWS_CONFIG_FILE", "~/elsewhere");
	set(p, "AWS_PROFILE", "blue");
	finds(p, "C CS ");
}

static void a_profile_that_is_named_must_be_there(void **state)
{
	struct place *p = *state;
	set(p, "AWS_PROFILE", "red");
	set(p, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/never-asked");
	finds(p, "no keys of profile \"red\" in ");
}

static void what_is_not_served_is_refused_with_a_sentence(void **state)
{
	struct place *p = *state;
	static const char *const settings[] = { "role_arn", "sso_session", "sso_start_url", "login_session",
	    "credential_process" };
	file(p, ".aws/credentials", "[default]\naws_access_key_id=F\naws_secret_access_key=S\n");
	for (size_t i = 0; i < COUNT(settings); i++) {
		char text[128], want[128];
		(void)snprintf(text, sizeof text, "[default]\n%s = x\n", settings[i]);
		(void)snprintf(want, sizeof want, "[default] has %s, which is not served here", settings[i]);
		file(p, ".aws/config", text);
		aws_chain_free(p->chain);
		p->chain = aws_chain_new((struct aws_environment){ get, p }, S("eu-west-1"));
		finds(p, want);
	}
}

static void where_nothing_is_everything_that_was_looked_at_is_said(void **state)
{
	struct place *p = *state;
	static const char *const places[] = { "no AWS credentials: ", "AWS_ACCESS_KEY_ID is not set",
	    "AWS_WEB_IDENTITY_TOKEN_FILE is not set",
		"/.aws/credentials", "/.aws/config", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_EC2_METADATA_DISABLED" };
	for (size_t i = 0; i < COUNT(places); i++)
		finds(p, places[i]);
	struct aws_chain *bare = aws_chain_new((struct aws_environment){ NULL, NULL }, S("r"));
	assert_true(aws_env(&(struct aws_environment){ NULL, NULL }, "HOME").n == 0);
	aws_chain_free(bare);
}

#define ROLE_ANSWER "{\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"%s\",\"Code\":\"Success\"}"

static void a_container_is_asked_with_its_token(void **state)
{
	struct place *p = *state;
	struct answers peer;
	answers_start(&peer, (struct rule[]){ { "GET /keys", 200,
	    "{\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"s\",\"Token\":\"t\"}", 0 } }, 1);
	file(p, "token", "proof\n");
	set(p, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:%d/keys", peer.port);
	set(p, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "%s/token", p->dir);
	finds(p, "ASIA s t");
	answers_stop(&peer);
	assert_non_null(strstr(peer.heard.p, "\r\nAuthorization: proof\r\n"));
	answers_done(&peer);
}

static void a_container_elsewhere_is_sent_no_token(void **state)
{
	struct place *p = *state;
	static const char *const urls[] = { "http://10.0.0.1/keys", "http://127.0.0.1@evil.example/",
	    "http://169.254.170.2.evil.example/", "ftp://localhost/",
		"http://localhost:80@evil.example/" };
	set(p, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "proof");
	for (size_t i = 0; i < COUNT(urls); i++) {
		size_t n = p->n;
		set(p, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "%s", urls[i]);
		aws_chain_free(p->chain);
		p->chain = aws_chain_new((struct aws_environment){ get, p }, S("eu-west-1"));
		finds(p, "it must be https, this host, or the address of ECS or EKS");
		p->n = n;
	}
}

static void a_token_with_a_line_end_is_not_sent(void **state)
{
	struct place *p = *state;
	set(p, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/keys");
	set(p, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "proof\r\nX: y");
	finds(p, "a line end inside");
}

static void a_failing_container_is_said_and_nothing_else_tried(void **state)
{
	struct place *p = *state;
	struct answers peer;
	answers_start(&peer, (struct rule[]){ { "GET /keys", 403, "no such task", 0 } }, 1);
	set(p, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:%d/keys", peer.port);
	finds(p, "answers 403 no such task");
	answers_stop(&peer);
	answers_done(&peer);
}

static void an_instance_gives_the_keys_of_its_role(void **state)
{
	struct place *p = *state;
	struct answers peer;
	answers_start(&peer, (struct rule[]){
	    { "PUT /latest/api/token", 200, "PASS==", 0 },
	    { "GET /latest/meta-data/iam/security-credentials/pager ", 200,
	    "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"s\","
		"\"Token\":\"t\",\"Expiration\":\"2099-01-02T04:04:05Z\"}", 0 },
	    { "GET /latest/meta-data/iam/security-credentials/ ", 200, "pager\n", 0 } }, 3);
	p->n = 1;                                                  /* metadata is not disabled any more */
	set(p, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:%d/", peer.port);
	finds(p, "ASIA s t");
	answers_stop(&peer);
	assert_non_null(strstr(peer.heard.p, "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"));
	assert_non_null(strstr(peer.heard.p, "X-aws-ec2-metadata-token: PASS==\r\n"));
	answers_done(&peer);
}

#define STS_OK "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult><Credentials>" \
	"<AccessKeyId>ASIAW</AccessKeyId><SecretAccessKey>s/+w</SecretAccessKey><SessionToken>t==</SessionToken>" \
	"<Expiration>2099-01-02T04:04:05Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"

static void a_web_identity_is_exchanged_at_sts(void **state)
{
	struct place *p = *state;
	struct answers peer;
	answers_start(&peer, (struct rule[]){ { "POST / ", 200, STS_OK, 0 } }, 1);
	file(p, "jwt", "aaa.bbb.c-c\n");
	set(p, "AWS_WEB_IDENTITY_TOKEN_FILE", "%s/jwt", p->dir);
	set(p, "AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/tocsin");
	set(p, "AWS_ENDPOINT_URL_STS", "http://127.0.0.1:%d/", peer.port);
	finds(p, "ASIAW s/+w t==");
	answers_stop(&peer);
	assert_non_null(strstr(peer.heard.p, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&DurationSeconds=3600"
	    "&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Ftocsin&RoleSessionName=tocsin&WebIdentityToken=aaa.bbb.c-c"));
	assert_null(strstr(peer.heard.p, "Authorization"));
	answers_done(&peer);
}

static void a_web_identity_that_is_refused_says_so(void **state)
{
	struct place *p = *state;
	struct answers peer;
	answers_start(&peer, (struct rule[]){ { "POST / ", 403, "<Error><Code>AccessDenied</Code></Error>", 0 } }, 1);
	file(p, "jwt", "aaa");
	set(p, "AWS_WEB_IDENTITY_TOKEN_FILE", "%s/jwt", p->dir);
	finds(p, "AWS_ROLE_ARN is not set");
	set(p, "AWS_ROLE_ARN", "arn:x");
	set(p, "AWS_ENDPOINT_URL_STS", "http://127.0.0.1:%d/", peer.port);
	aws_chain_free(p->chain);
	p->chain = aws_chain_new((struct aws_environment){ get, p }, S("eu-west-1"));
	finds(p, "<Code>AccessDenied</Code>");
	answers_stop(&peer);
	answers_done(&peer);
}

static void keys_are_fetched_anew_before_their_end(void **state)
{
	struct place *p = *state;
	struct answers peer;
	enum { END = NOW + 3600 };
	char first[256], second[256];
	(void)snprintf(first, sizeof first, ROLE_ANSWER, "2026-09-21T15:13:20Z");     /* NOW and an hour */
	(void)snprintf(second, sizeof second, "{\"AccessKeyId\":\"ASIA2\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"2099-01-02T04:04:05Z\"}");
	answers_start(&peer, (struct rule[]){ { "GET /", 200, first, 1 }, { "GET /", 200, second, 1 } }, 2);
	set(p, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:%d/", peer.port);
	finds(p, "ASIA s t");
	finds_at(p, INT64_C(1000) * (END - 901), "ASIA s t");
	finds_at(p, INT64_C(1000) * (END - 899), "ASIA2 s t");
	finds_at(p, INT64_C(1000) * (END - 899), "ASIA2 s t");
	answers_stop(&peer);
	answers_done(&peer);
}

static void old_keys_serve_until_their_end_when_no_new_ones_come(void **state)
{
	struct place *p = *state;
	struct answers peer;
	char first[256];
	(void)snprintf(first, sizeof first, ROLE_ANSWER, "2026-09-21T15:13:20Z");
	answers_start(&peer, (struct rule[]){ { "GET /", 200, first, 1 }, { "GET /", 500, "sorry", 0 } }, 2);
	set(p, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:%d/", peer.port);
	finds(p, "ASIA s t");
	finds_at(p, NOW_MS + 3599000, "ASIA s t");
	finds_at(p, NOW_MS + 3601000, "answers 500 sorry");
	answers_stop(&peer);
	answers_done(&peer);
}

static void keys_that_a_service_calls_expired_are_dropped(void **state)
{
	struct place *p = *state;
	struct answers peer;
	answers_start(&peer, (struct rule[]){ { "GET /", 200, "{\"AccessKeyId\":\"A1\",\"SecretAccessKey\":\"s\"}", 1 },
	    { "GET /", 200, "{\"AccessKeyId\":\"A2\",\"SecretAccessKey\":\"s\"}", 1 } }, 2);
	set(p, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:%d/", peer.port);
	finds(p, "A1 s ");
	aws_chain_expired(p->chain, S("A0"));                      /* of somebody who was late to say so */
	finds(p, "A1 s ");
	aws_chain_expired(p->chain, S("A1"));
	finds(p, "A2 s ");
	answers_stop(&peer);
	answers_done(&peer);
}

static void answers_without_good_keys_are_refused(void **state)
{
	(void)state;
	static const struct { const char *text, *why; } bad[] = {
		{ "<html>", "not JSON" }, { "{}", "no keys" }, { "{\"AccessKeyId\":\"A\"}", "no keys" },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\\ns\"}", "line end" },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Expiration\":\"soon\"}", "not a time" },
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct arena a = ARENA(1 << 20);
		struct aws_keys k = { 0 };
		struct buf why = BUF(4096);
		assert_false(aws_read_json(&a, str_c(bad[i].text), &k, &why));
		assert_non_null(strstr(why.p, bad[i].why));
		buf_free(&why);
		arena_free(&a);
	}
	struct aws_keys k = { 0 };
	struct buf why = BUF(4096);
	assert_false(aws_read_sts(S("<AccessKeyId>A</AccessKeyId><SecretAccessKey>never closed"), &k, &why));
	assert_int_equal(aws_read_profile(S("[a]\naws_access_key_id = x\n[b]\naws_secret_access_key = y\n"), S("a"),
	    &k, &why), ENOENT);
	buf_free(&why);
}

static void *ask_for_keys(void *arg)
{
	struct place *p = arg;
	for (int i = 0; i < 50; i++) {
		struct arena a = ARENA(1 << 20);
		struct sigv4_keys k = { 0 };
		struct buf why = BUF(4096);
		if (!aws_chain_keys(p->chain, NOW_MS, &a, &k, &why) || !str_eq(k.id, S("ASIA")))
			abort();
		aws_chain_expired(p->chain, i % 10 ? S("other") : k.id);
		buf_free(&why);
		arena_free(&a);
	}
	return NULL;
}

static void many_threads_share_a_chain(void **state)
{
	struct place *p = *state;
	struct answers peer;
	pthread_t thread[4];
	answers_start(&peer, (struct rule[]){ { "GET /", 200, "{\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"s\"}", 0 } }, 1);
	set(p, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:%d/", peer.port);
	for (size_t i = 0; i < COUNT(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, ask_for_keys, p), 0);
	for (size_t i = 0; i < COUNT(thread); i++)
		pthread_join(thread[i], NULL);
	answers_stop(&peer);
	answers_done(&peer);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_environment_is_first), T(the_credentials_file_comes_before_the_config_file),
		    T(the_config_file_has_keys_too),
		T(a_profile_that_is_named_must_be_there), T(what_is_not_served_is_refused_with_a_sentence),
		T(where_nothing_is_everything_that_was_looked_at_is_said), T(a_container_is_asked_with_its_token),
		T(a_container_elsewhere_is_sent_no_token), T(a_token_with_a_line_end_is_not_sent),
		T(a_failing_container_is_said_and_nothing_else_tried), T(an_instance_gives_the_keys_of_its_role),
		T(a_web_identity_is_exchanged_at_sts), T(a_web_identity_that_is_refused_says_so),
		    T(keys_are_fetched_anew_before_their_end),
		T(old_keys_serve_until_their_end_when_no_new_ones_come), T(keys_that_a_service_calls_expired_are_dropped),
		T(answers_without_good_keys_are_refused), T(many_threads_share_a_chain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
