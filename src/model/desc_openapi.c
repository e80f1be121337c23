/* desc_openapi.c - an entity as a JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it): "name":{...}, to be put among
 * the document's components/schemas. It shows what a client sees, so inner fields and secrets are not in it.
 */
#include "model/walk.h"

/* What the kind itself says; limits, words and references follow from the field. */
static const char *const type_of[] = {
	[K_STR]  = "\"type\":\"string\"",
	[K_INT]  = "\"type\":\"integer\",\"format\":\"int64\"",
	[K_BOOL] = "\"type\":\"boolean\"",
	[K_TIME] = "\"type\":\"string\",\"format\":\"date-time\"",
	[K_DUR]  = "\"type\":\"string\",\"pattern\":\"^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$\"",
	[K_SEV]  = "\"type\":\"integer\"",
	[K_ENUM] = "\"type\":\"string\"",
	[K_SUB]  = "",
	[K_LIST] = "\"type\":\"array\"",
	[K_STRS] = "\"type\":\"array\",\"items\":{\"type\":\"string\"}",
	[K_MAP]  = "\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}",
	[K_ANY]  = "",
};

/* The names of the lower and the upper limit; NULL: this kind's limit is not one of the schema. */
static const struct { const char *least, *most; } limit_of[] = {
	[K_STR] = { "minLength", "maxLength" }, [K_INT] = { "minimum", "maximum" }, [K_SEV] = { "minimum", "maximum" },
	[K_LIST] = { "minItems", "maxItems" }, [K_STRS] = { "minItems", "maxItems" },
	[K_MAP] = { "minProperties", "maxProperties" }, [K_SECRETS] = { NULL, NULL },
};

/* `"type":"string"` becomes `"type":["string","null"]`. */
static void write_type(struct buf *out, const struct field *f)
{
	struct str head, tail, text = str_c(type_of[f->kind]);
	buf_char(out, ',');
	if (!is_nullable(f) || !str_cut(text, ':', &head, &tail)) {
		buf_add(out, text);
		return;
	}
	size_t word = 1;
	while (tail.p[word] != '"')
		word++;
	buf_fmt(out, "%.*s:[%.*s,\"null\"]%.*s", STR_ARG(head), (int)word + 1, tail.p, (int)(tail.n - word - 1),
	    tail.p + word + 1);
}

/* An optional text or list may be empty whatever its least length: empty is how "not given" is shown. */
static void write_limits(struct buf *out, const struct field *f)
{
	bool is_value = f->kind == K_INT || f->kind == K_SEV;
	if (limit_of[f->kind].least == NULL || f->max <= f->min)
		return;
	if (is_value || (f->min > 0 && (f->flags & REQ)))
		buf_fmt(out, ",\"%s\":%lld", limit_of[f->kind].least, (long long)f->min);
	buf_fmt(out, ",\"%s\":%lld", limit_of[f->kind].most, (long long)f->max);
}

static void write_words(struct buf *out, const struct names *names)
{
	for (size_t i = 0; i < names->n; i++) {
		buf_add(out, i ? S(",") : S(",\"enum\":["));
		buf_json(out, str_c(names->v[i]));
	}
	buf_char(out, ']');
}

static void write_property(struct buf *out, const struct field *f)
{
	buf_fmt(out, "\"%s\":{\"description\":", f->name);
	buf_json(out, str_c(f->doc));
	if (*type_of[f->kind])
		write_type(out, f);
	write_limits(out, f);
	if (f->kind == K_ENUM)
		write_words(out, f->names);
	if (f->kind == K_SUB)
		buf_fmt(out, ",\"$ref\":\"#/components/schemas/%s\"", f->sub->name);
	if (f->kind == K_LIST)
		buf_fmt(out, ",\"items\":{\"$ref\":\"#/components/schemas/%s\"}", f->sub->name);
	if (f->flags & (RO | VIEW))
		buf_add(out, S(",\"readOnly\":true"));
	buf_char(out, '}');
}

static void write_required(struct buf *out, const struct entity *e)
{
	const char *sep = ",\"required\":[";
	for (const struct field *f = e->f; f < e->f + e->nf; f++)
		if ((f->flags & REQ) && is_shown(f)) {
			buf_fmt(out, "%s\"%s\"", sep, f->name);
			sep = ",";
		}
	if (sep[1] == '\0')
		buf_char(out, ']');
}

void desc_openapi(struct buf *out, const struct entity *e)
{
	bool is_first = true;
	buf_fmt(out, "\"%s\":{\"type\":\"object\",\"description\":", e->name);
	buf_json(out, str_c(e->doc));
	buf_add(out, S(",\"properties\":{"));
	for (const struct field *f = e->f; f < e->f + e->nf; f++) {
		if (!is_shown(f))
			continue;
		if (!is_first)
			buf_char(out, ',');
		is_first = false;
		write_property(out, f);
	}
	buf_char(out, '}');
	write_required(out, e);
	buf_char(out, '}');
}
