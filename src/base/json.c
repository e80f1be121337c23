/* json.c - json-c parses, we bound and copy.
 *
 * A scan over the bytes first refuses what json-c (0.16, strict) takes without a word, and gives each refusal its
 * place: numbers such as 1. and -01, integers beyond 64 bits, control characters in strings, NUL in names (it would cut
 * them there), NaN, too much of anything. Whether values, commas and colons stand where they may is left to json-c,
 * which parses next; then its nodes are copied into the arena and released, so nothing outside knows the library.
 */
#include "base/json.h"
#include "base/digest.h"
#include <assert.h>
#include <json-c/json.h>
#include <math.h>
#include <string.h>

struct limits { size_t depth, members, string; const char *too_deep, *too_many; };
static const struct limits foreign = { JSON_DEPTH_MAX, JSON_MEMBERS_MAX, JSON_STRING_MAX, "nested deeper than 32",
	"more than 2000 members and elements" };
static const struct limits batch = { JSON_DEPTH_MAX, JSON_MEMBERS_BATCH_MAX, JSON_STRING_MAX, "nested deeper than 32",
	"more than 16000 members and elements" };
static const struct limits own = { JSON_DEPTH_OWN_MAX, SIZE_MAX, SIZE_MAX, "nested deeper than 40", NULL };

/* The arena may be full: that may be why. */
static struct jv *refuse(struct arena *a, struct str *ret_why, size_t at, const char *what)
{
	struct buf b = BUF(200);
	buf_fmt(&b, "%s at byte %zu", what, at);
	if (str_keep(a, buf_str(&b), ret_why))
		*ret_why = S("too large");
	buf_free(&b);
	return NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool is_number_char(char c)
{
	return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
}

/* How many bytes from there on are of the class. */
static size_t span(struct str t, size_t from, bool (*is_of)(char c))
{
	size_t i = from;
	while (i < t.n && is_of(t.p[i]))
		i++;
	return i - from;
}

/* Steps over the string whose quote is at *i. An unfinished one ends with the text; json-c says so. */
static const char *scan_string(struct str t, size_t *i, const struct limits *max)
{
	size_t at = *i + 1, from = at;
	bool has_nul = false;
	for (; at < t.n; at++) {
		unsigned char c = (unsigned char)t.p[at];
		if (c == '"')
			break;
		if (c < 0x20)
			return "control character in a string";
		if (c != '\\')
			continue;
		at++;
		has_nul = has_nul || str_starts(str_skip(t, at), S("u0000"));
	}
	if (at - from > max->string)
		return "string longer than 64 KiB";
	*i = at + 1;
	size_t next = *i < t.n ? *i + span(t, *i, is_blank) : t.n;
	return has_nul && next < t.n && t.p[next] == ':' ? "NUL in a name" : NULL;
}

static size_t digits(struct str s, size_t from)
{
	size_t i = from;
	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i - from;
}

/* The grammar of RFC 8259: -? (0 | [1-9][0-9]*) (.[0-9]+)? ([eE][+-]?[0-9]+)? */
static bool is_number(struct str s, bool *ret_is_integer)
{
	size_t i = s.n > 0 && s.p[0] == '-', whole = digits(s, i);
	if (whole == 0 || (whole > 1 && s.p[i] == '0'))
		return false;
	i += whole;
	*ret_is_integer = i == s.n;
	if (i < s.n && s.p[i] == '.') {
		size_t fraction = digits(s, i + 1);
		if (fraction == 0)
			return false;
		i += 1 + fraction;
	}
	if (i < s.n && (s.p[i] | 0x20) == 'e') {
		i++;
		i += i < s.n && (s.p[i] == '+' || s.p[i] == '-');
		size_t exponent = digits(s, i);
		if (exponent == 0)
			return false;
		i += exponent;
	}
	return i == s.n;
}

static const char *scan_number(struct str t, size_t *i)
{
	struct str number = { t.p + *i, span(t, *i, is_number_char) };
	bool is_integer = false;
	int64_t value;
	if (number.n > JSON_NUMBER_MAX)
		return "number longer than 64 characters";
	if (!is_number(number, &is_integer))
		return "not a number of JSON";
	if (is_integer && number.n > 18 && !str_int(number, &value))
		return "integer beyond 64 bits";
	*i += number.n;
	return NULL;
}

/* Returns NULL when all that can be told from single tokens is well, else what is wrong; ret_at is the place. */
static const char *scan(struct str t, const struct limits *max, size_t *ret_at)
{
	size_t depth = 0, members = 0;
	for (size_t i = 0; i < t.n;) {
		char c = t.p[i];
		const char *why = NULL;
		*ret_at = i;
		if (c == '"') {
			why = scan_string(t, &i, max);
		} else if (c == '-' || (c >= '0' && c <= '9')) {
			why = scan_number(t, &i);
		} else if (c == '{' || c == '[') {
			if (++depth > max->depth)
				return max->too_deep;
			i += 1 + span(t, i + 1, is_blank);
			members += i < t.n && t.p[i] != c + 2;    /* in ASCII the closing one is two further */
		} else {
			if (c == '/' || c == 'N' || c == 'I')
				return "not JSON: unexpected character";   /* comments, NaN, Infinity */
			depth -= depth > 0 && (c == '}' || c == ']');
			members += c == ',';
			i++;
		}
		if (members > max->members)
			return max->too_many;
		if (why)
			return why;
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
	if (v->t == J_INT)
		v->i = json_object_get_int64(o);                  /* the scan has seen that it fits */
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
	assert(depth <= JSON_DEPTH_OWN_MAX);                      /* the scan has counted */
	struct jv *v = arena_alloc(a, 1, sizeof *v);
	if (v == NULL)
		return NULL;
	v->t = type[json_object_get_type(o)];
	bool ok = v->t == J_ARR || v->t == J_OBJ ? copy_kids(a, o, v, depth + 1, why) : copy_scalar(a, o, v, why);
	return ok ? v : NULL;
}

/* What the library makes of the text: NULL and why, or its tree. *ret_end is where it stopped. */
static struct json_object *tokenize(struct str text, const struct limits *max, size_t *ret_end, const char **ret_why)
{
	struct json_tokener *tok = json_tokener_new_ex((int)max->depth + 2);
	assert(tok != NULL);
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	struct json_object *o = json_tokener_parse_ex(tok, text.p, (int)text.n);
	enum json_tokener_error err = json_tokener_get_error(tok);
	*ret_end = json_tokener_get_parse_end(tok);
	if (err == json_tokener_continue) {                       /* a bare number ends only with the text */
		o = json_tokener_parse_ex(tok, "", 1);
		err = json_tokener_get_error(tok);
		*ret_end = text.n;
	}
	*ret_why = err == json_tokener_success ? NULL : err == json_tokener_error_parse_eof ? "text ends early" :
	    json_tokener_error_desc(err);
	json_tokener_free(tok);
	return o;
}

static struct jv *parse(struct arena *a, struct str text, const struct limits *max, struct str *ret_why)
{
	if (text.n > INT32_MAX)
		return refuse(a, ret_why, INT32_MAX, "text too long");
	size_t at = str_utf8_span(text);
	if (at < text.n)
		return refuse(a, ret_why, at, "invalid UTF-8");
	const char *why = scan(text, max, &at);
	if (why)
		return refuse(a, ret_why, at, why);
	if (str_trim(text).n == 0)
		return refuse(a, ret_why, text.n, "text ends early");

	struct json_object *o = tokenize(text, max, &at, &why);
	struct jv *v = NULL;
	if (why == NULL && str_trim(str_skip(text, at)).n > 0)
		why = "text after the value";
	if (why == NULL) {
		why = "too large";
		v = copy(a, o, 0, &why);
	}
	json_object_put(o);
	return v ? v : refuse(a, ret_why, at, why);
}

struct jv *json_parse(struct arena *a, struct str text, struct str *ret_why)
{
	return parse(a, text, &foreign, ret_why);
}

struct jv *json_parse_batch(struct arena *a, struct str text, struct str *ret_why)
{
	return parse(a, text, &batch, ret_why);
}

struct jv *json_parse_own(struct arena *a, struct str text, struct str *ret_why)
{
	return parse(a, text, &own, ret_why);
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

void json_bytes(struct buf *b, struct str s)
{
	if (str_is_utf8(s)) {
		buf_json(b, s);
		return;
	}
	buf_add(b, S("{\"base64\":\""));
	base64_write(b, (const uint8_t *)s.p, s.n);
	buf_add(b, S("\"}"));
}
