/* json.c - json-c parses, we bound and copy.
 *
 * A scan over the bytes first finds what json-c would take without a word (long numbers, too many members) and
 * gives every refusal a place; then json-c parses in strict mode; then its nodes are copied into the arena and released at
 * once, so nothing outside this file knows the library.
 */
#include "base/json.h"
#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <string.h>

static struct jv *refuse(struct arena *a, struct str *ret_why, size_t at, const char *what)
{
	*ret_why = arena_fmt(a, "%s at byte %zu", what, at);
	return NULL;
}

static bool is_number_char(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Length of the string that starts after the quote at p, or n when it does not end. */
static size_t string_span(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\\')
			i++;
		else if (p[i] == '"')
			return i;
	}
	return n;
}

/* Bounds that hold for the text as such. Returns NULL when they hold, else what is wrong; ret_at is the place. */
static const char *scan(struct str t, size_t members_max, size_t *ret_at)
{
	size_t depth = 0, members = 0, number = 0;
	for (size_t i = 0; i < t.n; i++) {
		char c = t.p[i];
		*ret_at = i;
		number = is_number_char(c) ? number + 1 : 0;
		if (number > JSON_NUMBER_MAX)
			return "number longer than 64 characters";
		if (c == '"') {
			size_t len = string_span(t.p + i + 1, t.n - i - 1);
			if (len > JSON_STRING_MAX)
				return "string longer than 64 KiB";
			i += len + 1;
		} else if (c == '{' || c == '[') {
			if (++depth > JSON_DEPTH_MAX)
				return "nested deeper than 32";
			members++;
		} else if (c == '}' || c == ']') {
			depth -= depth > 0;
		} else if (c == ',' && ++members > members_max) {
			return "more than 2000 members";
		} else if (c == '/' || c == 'N' || c == 'I') {
			return "not JSON: unexpected character";   /* comments, NaN, Infinity: json-c would take some */
		}
	}
	return NULL;
}

static struct jv *copy(struct arena *a, struct json_object *o, int depth, const char **why);

static bool copy_kids(struct arena *a, struct json_object *o, struct jv *v, int depth, const char **why)
{
	struct jv **tail = &v->kid;
	if (v->t == J_ARR) {
		size_t n = json_object_array_length(o);
		for (size_t i = 0; i < n; i++, tail = &(*tail)->next)
			if ((*tail = copy(a, json_object_array_get_idx(o, i), depth, why)) == NULL)
				return false;
		return true;
	}
	json_object_object_foreach(o, key, member) {
		if ((*tail = copy(a, member, depth, why)) == NULL)
			return false;
		if (str_keep(a, str_c(key), &(*tail)->key))
			return false;
		tail = &(*tail)->next;
	}
	return true;
}

static bool copy_scalar(struct arena *a, struct json_object *o, struct jv *v, const char **why)
{
	if (v->t == J_STR)
		return str_keep(a, (struct str){ json_object_get_string(o), (size_t)json_object_get_string_len(o) }, &v->s) == 0;
	if (v->t == J_BOOL)
		v->i = json_object_get_boolean(o);
	if (v->t == J_INT) {
		v->i = json_object_get_int64(o);
		/* json-c saturates in silence: its two ends stand for everything beyond them, so both are refused. */
		if (v->i == INT64_MAX || v->i == INT64_MIN) {
			*why = "integer beyond 64 bits";
			return false;
		}
	}
	if (v->t == J_REAL) {
		if (!isfinite(json_object_get_double(o))) {
			*why = "number out of range";
			return false;
		}
		return str_keep(a, str_c(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN)), &v->s) == 0;
	}
	return true;
}

static struct jv *copy(struct arena *a, struct json_object *o, int depth, const char **why)
{
	static const enum jtype type[] = { [json_type_null] = J_NULL, [json_type_boolean] = J_BOOL,
		[json_type_double] = J_REAL, [json_type_int] = J_INT, [json_type_object] = J_OBJ,
		[json_type_array] = J_ARR, [json_type_string] = J_STR };
	assert(depth <= JSON_DEPTH_MAX);                          /* the scan has counted */
	struct jv *v = arena_alloc(a, 1, sizeof *v);
	if (v == NULL)
		return NULL;
	v->t = type[json_object_get_type(o)];
	bool ok = v->t == J_ARR || v->t == J_OBJ ? copy_kids(a, o, v, depth + 1, why) : copy_scalar(a, o, v, why);
	return ok ? v : NULL;
}

static struct jv *parse(struct arena *a, struct str text, size_t members_max, struct str *ret_why)
{
	size_t at = 0;
	const char *why = text.n > INT32_MAX ? "text too long" : scan(text, members_max, &at);
	if (why == NULL && !str_is_utf8(text))
		why = "invalid UTF-8";
	if (why)
		return refuse(a, ret_why, at, why);

	struct json_tokener *tok = json_tokener_new_ex(JSON_DEPTH_MAX + 2);
	assert(tok != NULL);
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *o = json_tokener_parse_ex(tok, text.p, (int)text.n);
	enum json_tokener_error err = json_tokener_get_error(tok);
	if (err == json_tokener_continue)                         /* a bare number ends only with the text */
		o = json_tokener_parse_ex(tok, "", 1), err = json_tokener_get_error(tok);
	at = json_tokener_get_parse_end(tok);
	struct jv *v = NULL;
	why = "too large";
	if (err != json_tokener_success)
		why = text.n == 0 || err == json_tokener_continue ? "text ends early" : json_tokener_error_desc(err);
	else if (str_trim(str_skip(text, at)).n > 0)
		why = "text after the value";
	else
		v = copy(a, o, 0, &why);
	json_object_put(o);
	json_tokener_free(tok);
	return v ? v : refuse(a, ret_why, at < text.n ? at : text.n, why);
}

struct jv *json_parse(struct arena *a, struct str text, struct str *ret_why)
{
	return parse(a, text, JSON_MEMBERS_MAX, ret_why);
}

struct jv *json_parse_own(struct arena *a, struct str text, struct str *ret_why)
{
	return parse(a, text, SIZE_MAX, ret_why);
}

const struct jv *json_get(const struct jv *object, struct str key)
{
	if (object == NULL || object->t != J_OBJ)
		return NULL;
	for (const struct jv *m = object->kid; m != NULL; m = m->next)
		if (str_eq(m->key, key))
			return m;
	return NULL;
}

struct str json_text(const struct jv *object, struct str key)
{
	const struct jv *m = json_get(object, key);
	return m && m->t == J_STR ? m->s : S("");
}

static void write_kids(struct buf *b, const struct jv *v)
{
	bool is_object = v->t == J_OBJ;
	buf_char(b, is_object ? '{' : '[');
	for (const struct jv *k = v->kid; k != NULL; k = k->next) {
		if (k != v->kid)
			buf_char(b, ',');
		if (is_object) {
			buf_json(b, k->key);
			buf_char(b, ':');
		}
		json_write(b, k);                                 /* depth is bounded by json_parse */
	}
	buf_char(b, is_object ? '}' : ']');
}

void json_write(struct buf *b, const struct jv *v)
{
	switch (v->t) {
	case J_NULL: buf_add(b, S("null")); break;
	case J_BOOL: buf_add(b, v->i ? S("true") : S("false")); break;
	case J_INT: buf_int(b, v->i); break;
	case J_REAL: buf_add(b, v->s); break;
	case J_STR: buf_json(b, v->s); break;
	case J_ARR: case J_OBJ: write_kids(b, v); break;
	}
}

const char *json_type_name(enum jtype t)
{
	static const char *const name[] = { [J_NULL] = "null", [J_BOOL] = "boolean", [J_INT] = "integer",
		[J_REAL] = "number", [J_STR] = "string", [J_ARR] = "array", [J_OBJ] = "object" };
	return name[t];
}
