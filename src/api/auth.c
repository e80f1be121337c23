/* auth.c - who is asking, and may they. One function for every route that is not open; the doors have keys of their own.
 *
 * A token that is sent counts, whatever else holds: a bad one is 401 even where none would be needed, so that a mistyped or revoked token
 * is noticed. Without one, a request is the machine's own ("local") when it comes over loopback, is addressed to loopback by
 * name and no browser says that another site made it send it: the address alone proves nothing, since any web page can make
 * the browser of somebody at this machine talk to 127.0.0.1, under a name of the page's own (DNS rebinding) or blindly (CSRF).
 */
#include "api/routes.h"
#include "api/listing.h"
#include "api/token.h"
#include "base/digest.h"
#include <string.h>
#include <strings.h>

static bool same_word(struct str a, struct str b)
{
	return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* host[:port] without the port; brackets stay. */
static struct str host_of(struct str authority)
{
	for (size_t i = authority.n; i-- > 0;)
		if (authority.p[i] == ':')
			return (struct str){ authority.p, i };
		else if (authority.p[i] == ']')
			break;
	return authority;
}

static bool is_loopback_name(struct str host)
{
	return same_word(host, S("localhost")) || str_eq(host, S("127.0.0.1")) || str_eq(host, S("[::1]"));
}

/* An Origin is fine when it is the very server that is asked: http://HOST:PORT with the Host that was sent. */
static bool is_own_origin(struct str origin, struct str host)
{
	struct str rest = str_starts(origin, S("http://")) ? str_skip(origin, 7) :
	    str_starts(origin, S("https://")) ? str_skip(origin, 8) : S("");
	return origin.n == 0 || same_word(rest, host);
}

/* NULL: the request is this machine's own. Else the sentence that says why not. */
static const char *why_not_local(const struct http_request *r)
{
	struct str host = http_header(r, "Host"), site = http_header(r, "Sec-Fetch-Site");
	if (!r->is_loopback)
		return "A token is needed: send Authorization: Bearer tsn_...; `tocsin token create NAME` on the server makes one.";
	if (!is_loopback_name(host_of(host)))
		return "Without a token only requests addressed to localhost, 127.0.0.1 or [::1] are answered. Send a token, or use such a URL.";
	if (!is_own_origin(http_header(r, "Origin"), host) || (site.n > 0 && !str_eq(site, S("same-origin")) && !str_eq(site, S("none"))))
		return "Without a token requests that another web site makes a browser send are refused.";
	if (http_header(r, "Forwarded").n > 0 || http_header(r, "X-Forwarded-For").n > 0)
		return "This came through a proxy, so loopback does not count: send a token.";
	return NULL;
}

static bool refuse(struct exchange *x, int status, struct str challenge, const char *why)
{
	answer_field(x, "WWW-Authenticate", challenge);
	answer_error(x, status, "%s", why);
	return false;
}

static bool as_local(struct exchange *x)
{
	bool needs_token = x->api->setup->auth_required && x->route->scope != SCOPE_METRICS;
	const char *why = needs_token ? "A token is needed: send Authorization: Bearer tsn_..." : why_not_local(x->r);
	if (why != NULL)
		return refuse(x, 401, S("Bearer realm=\"tocsin\""), why);
	x->actor = S("local");
	return true;
}

static bool bad_token(struct exchange *x, const char *why)
{
	return refuse(x, 401, S("Bearer realm=\"tocsin\", error=\"invalid_token\""), why);
}

static unsigned scopes_of(const struct token *t)
{
	unsigned all = 0;
	for (size_t i = 0; i < t->scopes.n; i++)
		all |= scope_of(t->scopes.v[i]);
	return all;
}

/* Why this stored token does not open anything for this text; NULL: it does. */
static const char *token_fault(struct exchange *x, const struct token *t, struct str text)
{
	struct api_env *env = &x->api->env;
	if (!same_secret(token_hash(&x->r->mem, text), t->hash))
		return "This token is not known.";
	if (t->revoked_at != 0)
		return "This token was revoked.";
	if (t->expires_at != 0 && t->expires_at <= env->wall_ms(env->ctx))
		return "This token has expired.";
	return NULL;
}

static bool may(struct exchange *x, const struct token *t)
{
	struct arena *a = &x->r->mem;
	unsigned want = x->route->scope, have = scopes_of(t);
	x->actor = arena_fmt(a, "token:%.*s", STR_ARG(t->name));
	if ((have & want) == want)
		return true;
	struct str need = scope_names(a, want), has = scope_names(a, have);
	answer_field(x, "WWW-Authenticate",
	    arena_fmt(a, "Bearer realm=\"tocsin\", error=\"insufficient_scope\", scope=\"%.*s\"", STR_ARG(need)));
	answer_error(x, 403, "This needs the scope %.*s; the token %.*s has %.*s.", STR_ARG(need), STR_ARG(t->name),
	    STR_ARG(has.n ? has : S("none")));
	return false;
}

static bool with_token(struct exchange *x, struct str text)
{
	struct store_docs docs = { 0 };
	struct token t = { 0 };
	struct str public;
	const store_kind kind = KIND_token;
	if (!token_parse(text, &public))
		return bad_token(x, "This is no token of tocsin, or it was mistyped.");
	enum store_rc rc = store_get(x->api->env.store, &kind, &public, 1, &docs);
	bool is_there = rc == STORE_OK && docs.v[0].ver > 0, is_whole = is_there && doc_read(x->api, &x->r->mem, &token_entity, &docs.v[0], &t);
	store_docs_free(&docs);
	if (rc != STORE_OK) {
		answer_store_error(x, rc);
		return false;
	}
	const char *fault = !is_there ? "This token is not known." : !is_whole ? "This token's record cannot be read." : token_fault(x, &t, text);
	return fault ? bad_token(x, fault) : may(x, &t);
}

bool authenticate(struct exchange *x)
{
	struct str header = str_trim(http_header(x->r, "Authorization")), scheme, rest;
	if (header.n == 0)
		return as_local(x);
	if (!str_cut(header, ' ', &scheme, &rest) || !same_word(scheme, S("Bearer")))
		return bad_token(x, "Authorization must be: Bearer tsn_...");
	return with_token(x, str_trim(rest));
}
