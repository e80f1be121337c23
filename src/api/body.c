/* body.c - what comes with a request beside its path: the JSON body, and the headers that guard a change. */
#include "api/bodies.h"
#include "api/exchange.h"
#include "base/digest.h"
#include <string.h>

ENTITY_TABLE(trigger, TRIGGER, "Something is wrong with a service.");
ENTITY_TABLE(resolution, RESOLUTION, "Why it happened and what was done.");
ENTITY_TABLE(note, NOTE, "A note for the timeline.");

/* A body where none is wanted: {} is allowed, a member would have no effect and is named. */
static void no_members(struct faults *f, const struct jv *j)
{
	if (j->t != J_OBJ)
		fault_add(f, j, S(""), "must be an object or nothing at all, not %s", json_type_name(j->t));
	else
		for (const struct jv *k = j->kid; k != NULL; k = k->next)
			fault_add(f, k, k->key, "no such member here");
}

bool entity_needs_body(const struct entity *e)
{
	for (size_t i = 0; e != NULL && i < e->nf; i++)
		if (e->f[i].flags & REQ)
			return true;
	return false;
}

bool exchange_body(struct exchange *x, const struct entity *e, void *obj, struct faults *f)
{
	struct arena *a = &x->r->mem;
	struct str why = S("the body is empty; send a JSON object"), body = str_trim(x->r->body);
	if (body.n == 0 && !entity_needs_body(e))
		return true;
	struct jv *j = body.n == 0 ? NULL : json_parse(a, body, &why);
	if (j == NULL) {
		fault_add(f, NULL, S(""), "%.*s", STR_ARG(why));
		answer_faults(x, 400, f);
		return false;
	}
	if (e == NULL)
		no_members(f, j);
	else if (desc_read(a, obj, e, j, V_API, S(""), f) == 0)
		return true;
	if (f->n == 0)
		return true;
	answer_faults(x, 422, f);
	return false;
}

static bool is_printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			return false;
	return true;
}

/* A structured-field string as the draft wants it, or bare as most senders write it. */
bool exchange_idempotency(struct exchange *x, struct str *ret_key)
{
	enum { KEY_MAX = 255 };
	struct str key = str_trim(http_header(x->r, "Idempotency-Key"));
	bool is_quoted = key.n >= 2 && key.p[0] == '"' && key.p[key.n - 1] == '"', was_sent = key.n > 0;
	if (is_quoted)
		key = (struct str){ key.p + 1, key.n - 2 };
	if ((was_sent && key.n == 0) || key.n > KEY_MAX || !is_printable(key)) {
		answer_error(x, 400, "Idempotency-Key must be 1 to %d printable ASCII characters.", KEY_MAX);
		return false;
	}
	*ret_key = key;
	return true;
}

struct str exchange_fingerprint(struct exchange *x, struct str scope)
{
	struct arena *a = &x->r->mem;
	struct str body = sha256_hex(a, x->r->body);
	return scope.n == 0 ? body : sha256_hex(a, arena_fmt(a, "%.*s %.*s", STR_ARG(scope), STR_ARG(body)));
}

static struct str without_weak(struct str tag)
{
	return str_starts(tag, S("W/")) ? str_skip(tag, 2) : tag;
}

bool etag_is_known(struct exchange *x, struct str etag)
{
	struct str rest = http_header(x->r, "If-None-Match"), one;
	while (rest.n > 0) {
		if (!str_cut(rest, ',', &one, &rest)) {
			one = rest;
			rest = S("");
		}
		if (str_eq(str_trim(one), S("*")) || str_eq(without_weak(str_trim(one)), without_weak(etag)))
			return true;
	}
	return false;
}

/* Our ETags are "VERSION" or "VERSION.n" (see incident_show); the bare number is taken too. */
bool exchange_if_match(struct exchange *x, int64_t *ret_version)
{
	struct str tag = str_trim(http_header(x->r, "If-Match")), head, tail;
	int64_t version = 0;
	if (tag.n > 2 && tag.p[0] == '"' && tag.p[tag.n - 1] == '"')
		tag = (struct str){ tag.p + 1, tag.n - 2 };
	if (str_cut(tag, '.', &head, &tail))
		tag = head;
	bool is_any = tag.n == 0 || str_eq(tag, S("*"));
	if (!is_any && (!str_int(tag, &version) || version < 1)) {
		answer_error(x, 412, "If-Match must be one version of the incident, as its ETag is: \"7\".");
		return false;
	}
	*ret_version = version;
	return true;
}
