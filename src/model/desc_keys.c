/* desc_keys.c - walks that pick single fields: the store's listing keys, the secrets somebody must look up. */
#include "model/walk.h"
#include <assert.h>
#include <stdlib.h>

/* Wide enough for any number we hand out, and for the last millisecond that has a text; the byte order of
 * padded numbers is the order of the numbers. */
enum { NUMBER_DIGITS = 12, TIME_DIGITS = 15 };

static struct str padded(struct arena *a, int64_t v, size_t digits)
{
	char *p = arena_need(a, digits, 1);
	for (size_t i = digits; i > 0; v /= 10)
		p[--i] = (char)('0' + v % 10);
	assert(v == 0);
	return (struct str){ p, digits };
}

static struct str key_value(struct arena *a, const struct field *f, const void *p)
{
	switch (f->kind) {
	case K_STR: return *(const struct str *)p;
	case K_ENUM: return enum_word(f->names, word_at(p));
	case K_BOOL: return *(const bool *)p ? S("true") : S("false");
	case K_INT: case K_SEV: case K_DUR: return padded(a, number_at(p), NUMBER_DIGITS);
	case K_TIME: return padded(a, number_at(p), TIME_DIGITS);
	case K_SUB: case K_LIST: case K_STRS: case K_MAP: case K_ANY: case K_SECRET: case K_SECRETS: break;
	}
	abort();                                  /* a table that marks a field without an order: our own mistake */
}

static struct str joined(struct arena *a, struct str value, struct str id)
{
	char *p = arena_need(a, value.n + 1 + id.n, 1);
	memcpy(p, value.p, value.n);
	p[value.n] = '/';
	if (id.n > 0)
		memcpy(p + value.n + 1, id.p, id.n);
	return (struct str){ p, value.n + 1 + id.n };
}

/* An empty text has no key: nothing is listed under it. */
size_t desc_keys(struct arena *a, const struct entity *e, const void *obj, struct str *keys, size_t keys_max)
{
	size_t n = 0;
	struct str id = *(const struct str *)(const void *)field_at(&e->f[0], obj);
	for (const struct field *f = e->f; f < e->f + e->nf; f++) {
		if (!(f->flags & IDX))
			continue;
		assert(n < keys_max);
		struct str value = key_value(a, f, field_at(f, obj));
		keys[n++] = value.n > 0 ? joined(a, value, id) : S("");
	}
	return n;
}

int desc_key_index(const struct entity *e, struct str field)
{
	int n = 0;
	for (const struct field *f = e->f; f < e->f + e->nf; f++) {
		if ((f->flags & IDX) && str_eq(field_name(f), field))
			return n;
		n += (f->flags & IDX) != 0;
	}
	return -1;
}

struct secret_walk { struct arena *a; desc_secret_f *fn; void *ctx; };

static void tell(const struct secret_walk *w, struct str path, struct secret *s)
{
	if (s->env.n + s->file.n > 0)
		w->fn(w->ctx, path, s);
}

static void walk_secrets(const struct secret_walk *w, const struct entity *e, char *obj, struct str path);

static void walk_field(const struct secret_walk *w, const struct field *f, void *p, struct str path)
{
	struct span list = f->kind == K_LIST ? span_at(p) : (struct span){ 0 };
	struct secrets named = f->kind == K_SECRETS ? *(struct secrets *)p : (struct secrets){ 0 };
	if (f->kind == K_SECRET)
		tell(w, path, p);
	if (f->kind == K_SUB)
		walk_secrets(w, f->sub, p, path);
	for (size_t i = 0; i < list.n; i++) {
		struct str here = arena_fmt(w->a, "%.*s[%zu]", STR_ARG(path), i);
		walk_secrets(w, f->sub, list.v + i * f->sub->size, here);
	}
	for (size_t i = 0; i < named.n; i++) {
		struct str here = arena_fmt(w->a, "%.*s.%.*s", STR_ARG(path), STR_ARG(named.v[i].key));
		tell(w, here, &named.v[i].secret);
	}
}

static void walk_secrets(const struct secret_walk *w, const struct entity *e, char *obj, struct str path)
{
	for (const struct field *f = e->f; f < e->f + e->nf; f++) {
		struct str here = arena_fmt(w->a, "%.*s%s%s", STR_ARG(path), path.n ? "." : "", f->name);
		walk_field(w, f, obj + f->off, here);
	}
}

void desc_secrets(struct arena *a, const struct entity *e, void *obj, struct str path, desc_secret_f *fn,
    void *ctx)
{
	struct secret_walk w = { a, fn, ctx };
	walk_secrets(&w, e, obj, path);
}
