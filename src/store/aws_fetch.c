/* aws_fetch.c - keys that are asked for over HTTP: STS for a web identity, the container's endpoint, the instance's metadata (IMDSv2).
 *
 * All are short calls to something near: a second is long. What they answer is a foreign text like any other and is read with limits.
 */
#include "store/aws_inside.h"
#include "base/json.h"
#include "base/when.h"
#include "store/http.h"
#include <stdlib.h>
#include <string.h>

enum { NEAR_MS = 1000, STS_MS = 3000, ANSWER_MAX = 64 << 10, TEXT_MAX = 16 << 10 };

static bool has_line_end(struct str s)
{
	return s.n && (memchr(s.p, '\r', s.n) || memchr(s.p, '\n', s.n));
}

/* Keys go into header lines, so no text with a line end is taken for one. */
static bool keep(struct aws_keys k, struct str until, struct aws_keys *ret, struct buf *why)
{
	k.until_ms = INT64_MAX;
	if (k.keys.id.n == 0 || k.keys.secret.n == 0)
		buf_add(why, S("the answer has no keys in it"));
	else if (has_line_end(k.keys.id) || has_line_end(k.keys.secret) || has_line_end(k.keys.token))
		buf_add(why, S("the answer has a line end inside a key"));
	else if (until.n && when_read(until, &k.until_ms) != 0)
		buf_add(why, S("the answer's Expiration is not a time"));
	else {
		*ret = k;
		return true;
	}
	return false;
}

bool aws_read_json(struct arena *a, struct str text, struct aws_keys *ret, struct buf *why)
{
	struct str fault = { 0 };
	const struct jv *v = json_parse(a, text, &fault);
	if (v == NULL) {
		buf_fmt(why, "the answer is not JSON: %.*s", STR_ARG(fault));
		return false;
	}
	struct aws_keys k = { { json_text(v, S("AccessKeyId")), json_text(v, S("SecretAccessKey")),
	    json_text(v, S("Token")) }, 0 };
	return keep(k, json_text(v, S("Expiration")), ret, why);
}

/* What stands in the first <name>, which holds no other element. Empty: there is none. */
static struct str element(struct str xml, const char *name)
{
	char tag[64];
	size_t n = strlen(name) + 2;
	memcpy(tag, "<", 1);
	memcpy(tag + 1, name, n - 2);
	tag[n - 1] = '>';
	const char *at = xml.n ? memmem(xml.p, xml.n, tag, n) : NULL;
	struct str rest = at ? str_skip(xml, (size_t)(at - xml.p) + n) : S(""), text = S("");
	(void)str_cut(rest, '<', &text, &rest);                   /* never closed: text stays empty */
	return str_trim(text);
}

bool aws_read_sts(struct str xml, struct aws_keys *ret, struct buf *why)
{
	struct aws_keys k = { { element(xml, "AccessKeyId"), element(xml, "SecretAccessKey"), element(xml, "SessionToken") }, 0 };
	return keep(k, element(xml, "Expiration"), ret, why);
}

struct asking { const char *method; struct str url; struct str headers[2]; struct str body; int64_t timeout_ms; bool is_direct; };

/* 200 with its body in the arena, or false and a sentence. *ret_status: may be NULL. */
static bool ask(struct arena *a, const struct asking *q, struct str *ret, struct buf *why)
{
	struct str lines[COUNT(q->headers)];
	struct http h = { .answer = BUF(ANSWER_MAX), .is_direct = q->is_direct, .timeout_ms = q->timeout_ms,
		.request = { .method = str_c(q->method), .url = q->url, .body = q->body, .headers = { lines, 0 } } };
	for (size_t i = 0; i < COUNT(q->headers); i++)
		if (q->headers[i].n)
			lines[h.request.headers.n++] = q->headers[i];
	http_perform(&h);
	bool is_ok = h.status == 200 && str_keep(a, buf_str(&h.answer), ret) == 0;
	if (!is_ok && h.status)
		buf_fmt(why, "%.*s answers %d %.*s", STR_ARG(q->url), h.status,
		    (int)(h.answer.n < 300 ? h.answer.n : 300), h.answer.p ? h.answer.p : "");
	else if (!is_ok)
		buf_fmt(why, "%.*s: %s", STR_ARG(q->url), h.error ? h.error : "no answer");
	http_done(&h);
	return is_ok;
}

static void encode(struct buf *b, const char *name, struct str value)
{
	char *text = curl_easy_escape(NULL, value.p, (int)value.n);
	if (text == NULL)
		abort();                                           /* out of memory, as xmalloc */
	buf_fmt(b, "&%s=%s", name, text);
	curl_free(text);
}

static struct str sts_url(const struct aws_asked *q)
{
	struct str url = aws_env(q->e, "AWS_ENDPOINT_URL_STS");
	if (url.n == 0)
		url = aws_env(q->e, "AWS_ENDPOINT_URL");
	const char *domain = str_starts(q->region, S("cn-")) ? "amazonaws.com.cn" : "amazonaws.com";
	return url.n ? url : arena_fmt(q->a, "https://sts.%.*s.%s/", STR_ARG(q->region), domain);
}

/* The token is a proof, not a key: STS gives keys for it. It changes on disk, so it is read each time. */
enum aws_found aws_from_web_identity(const struct aws_asked *q, struct aws_keys *ret, struct buf *why)
{
	struct str path = aws_env(q->e, "AWS_WEB_IDENTITY_TOKEN_FILE"), role = aws_env(q->e, "AWS_ROLE_ARN");
	struct str name = aws_env(q->e, "AWS_ROLE_SESSION_NAME"), token = { 0 }, xml = { 0 };
	struct buf form = BUF(TEXT_MAX), said = BUF(TEXT_MAX);
	if (path.n == 0 || role.n == 0) {
		buf_fmt(why, "%s is not set", path.n ? "AWS_ROLE_ARN" : "AWS_WEB_IDENTITY_TOKEN_FILE");
		return path.n ? AWS_FAILED : AWS_ABSENT;
	}
	bool ok = aws_read_file(q->a, path, &token, &said) == 0;
	if (ok) {
		buf_add(&form, S("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&DurationSeconds=3600"));
		encode(&form, "RoleArn", role);
		encode(&form, "RoleSessionName", name.n ? name : S("tocsin"));
		encode(&form, "WebIdentityToken", str_trim(token));
		struct asking sts = { "POST", sts_url(q), { S("Content-Type: application/x-www-form-urlencoded; charset=utf-8") }, buf_str(&form),
			STS_MS, false };
		ok = ask(q->a, &sts, &xml, &said) && aws_read_sts(xml, ret, &said);
	}
	if (!ok)
		buf_fmt(why, "web identity (AWS_WEB_IDENTITY_TOKEN_FILE): %.*s; check that the role %.*s trusts this identity", STR_ARG(buf_str(&said)),
		    STR_ARG(role));
	buf_free(&form);
	buf_free(&said);
	return ok ? AWS_FOUND : AWS_FAILED;
}

/* A full URI is taken to this host and to where AWS itself listens, or over TLS; anything else would be sent our token. */
static bool is_allowed(struct str url)
{
	static const char *const hosts[] = { "localhost", "127.0.0.1", "[::1]", "169.254.170.2", "169.254.170.23",
	    "[fd00:ec2::23]" };
	struct str rest = str_skip(url, strlen("http://"));
	if (str_starts(url, S("https://")))
		return true;
	for (size_t i = 0; i < COUNT(hosts) && str_starts(url, S("http://")); i++) {
		struct str host = str_c(hosts[i]), after = str_skip(rest, host.n);
		if (str_starts(rest, host) && (after.n == 0 || after.p[0] == ':' || after.p[0] == '/') &&
		    memchr(rest.p, '@', rest.n) == NULL)
			return true;
	}
	return false;
}

/* The header that lets us in; empty when none is asked for. */
static bool container_token(const struct aws_asked *q, struct str *ret, struct buf *why)
{
	struct str path = aws_env(q->e, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
	    token = aws_env(q->e, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
	if (path.n && aws_read_file(q->a, path, &token, why) != 0)
		return false;
	token = path.n ? str_trim(token) : token;
	if (has_line_end(token)) {
		buf_add(why, S("the authorization token has a line end inside"));
		return false;
	}
	*ret = token.n ? arena_fmt(q->a, "Authorization: %.*s", STR_ARG(token)) : S("");
	return true;
}

enum aws_found aws_from_container(const struct aws_asked *q, struct aws_keys *ret, struct buf *why)
{
	struct str relative = aws_env(q->e, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
	    url = aws_env(q->e, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
	struct str header = { 0 }, text = { 0 };
	if (relative.n)
		url = arena_fmt(q->a, "http://169.254.170.2%.*s", STR_ARG(relative));
	if (url.n == 0) {
		buf_add(why, S("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set"));
		return AWS_ABSENT;
	}
	if (!is_allowed(url)) {
		buf_fmt(why, "AWS_CONTAINER_CREDENTIALS_FULL_URI is %.*s: it must be https, this host, or the address of ECS or EKS", STR_ARG(url));
		return AWS_FAILED;
	}
	if (!container_token(q, &header, why))
		return AWS_FAILED;
	struct asking asking = { "GET", url, { header }, S(""), NEAR_MS, !str_starts(url, S("https://")) };
	struct buf first = BUF(TEXT_MAX);
	bool ok = ask(q->a, &asking, &text, &first) || ask(q->a, &asking, &text, why);
	buf_free(&first);
	return ok && aws_read_json(q->a, text, ret, why) ? AWS_FOUND : AWS_FAILED;
}

static struct str instance_url(const struct aws_asked *q)
{
	struct str base = aws_env(q->e, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
	while (base.n && base.p[base.n - 1] == '/')
		base.n--;
	return base.n ? base : S("http://169.254.169.254");
}

/* On a machine that is not an instance nobody listens there, which is no failure of anything. */
enum aws_found aws_from_instance(const struct aws_asked *q, struct aws_keys *ret, struct buf *why)
{
	struct str base = instance_url(q), token = { 0 }, role = { 0 }, text = { 0 }, line;
	const char *roles = "/latest/meta-data/iam/security-credentials/";
	if (str_eq(aws_env(q->e, "AWS_EC2_METADATA_DISABLED"), S("true"))) {
		buf_add(why, S("AWS_EC2_METADATA_DISABLED is true"));
		return AWS_ABSENT;
	}
	struct asking first = { "PUT", arena_fmt(q->a, "%.*s/latest/api/token", STR_ARG(base)),
	    { S("X-aws-ec2-metadata-token-ttl-seconds: 21600") },
		S(""), NEAR_MS, true };
	if (!ask(q->a, &first, &token, why))
		return AWS_ABSENT;
	if (has_line_end(token)) {
		buf_add(why, S("the token of the instance's metadata has a line end inside"));
		return AWS_FAILED;
	}
	struct str pass = arena_fmt(q->a, "X-aws-ec2-metadata-token: %.*s", STR_ARG(token));
	struct asking which = { "GET", arena_fmt(q->a, "%.*s%s", STR_ARG(base), roles), { pass }, S(""), NEAR_MS, true };
	if (!ask(q->a, &which, &role, why))
		return AWS_FAILED;
	(void)str_cut(role, '\n', &role, &line);                  /* one role is usual; the first counts */
	struct asking keys = { "GET", arena_fmt(q->a, "%.*s%s%.*s", STR_ARG(base), roles, STR_ARG(str_trim(role))),
	    { pass }, S(""), NEAR_MS, true };
	return ask(q->a, &keys, &text, why) && aws_read_json(q->a, text, ret, why) ? AWS_FOUND : AWS_FAILED;
}
