/* desc_write.c - an object as compact JSON, field by field in the order of its table. It runs for every document that
 * is stored, so nothing here formats: names and words are copied, numbers go through buf_int.
 */
#include "base/when.h"
#include "model/walk.h"

static bool object_is_empty(const struct entity *e, const void *obj);

static bool is_empty(const struct field *f, const void *p)
{
	switch (f->kind) {
	case K_STR: case K_LIST: case K_STRS: case K_MAP: case K_SECRETS: return span_at(p).n == 0;
	case K_INT: case K_TIME: case K_DUR: case K_SEV: return number_at(p) == 0;
	case K_BOOL: return !*(const bool *)p;
	case K_ENUM: return word_at(p) == 0;
	case K_SUB: return object_is_empty(f->sub, p);
	case K_ANY: return tree_at(p) == NULL;
	case K_SECRET: return ((const struct secret *)p)->env.n + ((const struct secret *)p)->file.n == 0;
	}
	return false;
}

static bool object_is_empty(const struct entity *e, const void *obj)
{
	for (const struct field *f = e->f; f < e->f + e->nf; f++)
		if (!is_empty(f, field_at(f, obj)))
			return false;
	return tree_at(obj) == NULL;
}

/* Documents and configuration leave out what is empty, so that a field which nobody uses costs nothing. */
static bool is_written(const struct field *f, const void *p, enum desc_view v)
{
	if (v == V_API || v == V_DOOR)
		return is_shown(f);
	return !(f->flags & VIEW) && !is_empty(f, p);
}

static void write_name(struct buf *out, char sep, const struct field *f)
{
	buf_add(out, sep == ',' ? S(",\"") : S("{\""));
	buf_add(out, field_name(f));
	buf_add(out, S("\":"));
}

static void write_str(struct buf *out, const struct field *f, struct str s)
{
	if (s.n == 0 && is_nullable(f))
		buf_add(out, S("null"));
	else
		buf_json(out, s);
}

static void write_number(struct buf *out, const struct field *f, int64_t v)
{
	bool is_text = f->kind == K_TIME || f->kind == K_DUR;
	if (v == 0 && is_nullable(f)) {
		buf_add(out, S("null"));
		return;
	}
	if (is_text)
		buf_char(out, '"');
	if (f->kind == K_TIME)
		when_write(out, v);
	else if (f->kind == K_DUR)
		duration_write(out, v);
	else
		buf_int(out, v);
	if (is_text)
		buf_char(out, '"');
}

static void write_list(struct buf *out, const struct entity *e, struct span list, enum desc_view v)
{
	buf_char(out, '[');
	for (size_t i = 0; i < list.n; i++) {
		if (i > 0)
			buf_char(out, ',');
		desc_write(out, e, list.v + i * e->size, v);
	}
	buf_char(out, ']');
}

static void write_strs(struct buf *out, const struct strs *s)
{
	buf_char(out, '[');
	for (size_t i = 0; i < s->n; i++) {
		if (i > 0)
			buf_char(out, ',');
		buf_json(out, s->v[i]);
	}
	buf_char(out, ']');
}

static void write_map(struct buf *out, const struct map *m)
{
	buf_char(out, '{');
	for (size_t i = 0; i < m->n; i++) {
		if (i > 0)
			buf_char(out, ',');
		buf_json(out, m->v[i].key);
		buf_char(out, ':');
		buf_json(out, m->v[i].value);
	}
	buf_char(out, '}');
}

/* The reference. What it leads to is never written. */
static void write_secret(struct buf *out, const struct secret *s)
{
	buf_add(out, s->env.n ? S("{\"env\":") : S("{\"file\":"));
	buf_json(out, s->env.n ? s->env : s->file);
	buf_char(out, '}');
}

static void write_secrets(struct buf *out, const struct secrets *s)
{
	buf_char(out, '{');
	for (size_t i = 0; i < s->n; i++) {
		if (i > 0)
			buf_char(out, ',');
		buf_json(out, s->v[i].key);
		buf_char(out, ':');
		write_secret(out, &s->v[i].secret);
	}
	buf_char(out, '}');
}

static void write_any(struct buf *out, const struct jv *j)
{
	if (j == NULL)
		buf_add(out, S("null"));
	else
		json_write(out, j);
}

static void write_value(struct buf *out, const struct field *f, const void *p, enum desc_view v)
{
	switch (f->kind) {
	case K_STR: write_str(out, f, *(const struct str *)p); break;
	case K_INT: case K_TIME: case K_DUR: case K_SEV: write_number(out, f, number_at(p)); break;
	case K_BOOL: buf_add(out, *(const bool *)p ? S("true") : S("false")); break;
	case K_ENUM: buf_json(out, enum_word(f->names, word_at(p))); break;
	case K_SUB: desc_write(out, f->sub, p, v); break;
	case K_LIST: write_list(out, f->sub, span_at(p), v); break;
	case K_STRS: write_strs(out, p); break;
	case K_MAP: write_map(out, p); break;
	case K_ANY: write_any(out, tree_at(p)); break;
	case K_SECRET: write_secret(out, p); break;
	case K_SECRETS: write_secrets(out, p); break;
	}
}

static char write_unknown(struct buf *out, const struct jv *member, char sep)
{
	for (; member != NULL; member = member->next, sep = ',') {
		buf_char(out, sep);
		buf_json(out, member->key);
		buf_char(out, ':');
		json_write(out, member);
	}
	return sep;
}

void desc_write(struct buf *out, const struct entity *e, const void *obj, enum desc_view v)
{
	char sep = '{';
	for (const struct field *f = e->f; f < e->f + e->nf; f++) {
		const char *p = field_at(f, obj);
		if (!is_written(f, p, v))
			continue;
		write_name(out, sep, f);
		write_value(out, f, p, v);
		sep = ',';
	}
	if (v == V_STORE)
		sep = write_unknown(out, tree_at(obj), sep);
	buf_add(out, sep == '{' ? S("{}") : S("}"));
}

void desc_write_value(struct buf *out, const struct field *f, const void *obj)
{
	write_value(out, f, field_at(f, obj), V_API);
}
