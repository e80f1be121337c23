/* secrets.c - fills in what {env: NAME} and {file: PATH} stand for, and makes the keys of the alert senders' doors from them.
 *
 * Values live in the configuration's arena and nowhere else; findings name the variable or the file, never what is in it.
 */
#include "base/digest.h"
#include "main/loading.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void unresolved(struct load *l, struct str path, const char *member, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void unresolved(struct load *l, struct str path, const char *member, const char *fmt, ...)
{
	struct buf b = BUF(2048);
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	FAULT(l, l->r->is_lenient ? CODE_SECRET_LATER : CODE_SECRET, PATH(l, "%.*s.%s", STR_ARG(path), member), "%.*s: %.*s", STR_ARG(path),
	    STR_ARG(buf_str(&b)));
	buf_free(&b);
}

static void fill_from_env(struct load *l, struct str path, struct secret *s)
{
	const char *value = l->o->env(l->o->ctx, arena_str(l->tmp, s->env).p);
	if (value == NULL)
		unresolved(l, path, "env", "the environment variable %.*s is not set", STR_ARG(s->env));
	else if (*value == '\0')
		unresolved(l, path, "env", "the environment variable %.*s is empty", STR_ARG(s->env));
	else
		s->value = arena_str(&l->c->mem, str_c(value));
}

static void fill_from_file(struct load *l, struct str path, struct secret *s)
{
	struct str text;
	int err = l->o->read(l->o->ctx, &l->c->mem, s->file, SECRET_BYTES_MAX, &text);
	if (err) {
		unresolved(l, path, "file", "the file %.*s cannot be read (%s)", STR_ARG(s->file),
		    err == EFBIG ? "larger than 64 KiB" : strerror(err));
		return;
	}
	s->value = str_trim(text);
	if (s->value.n == 0)
		unresolved(l, path, "file", "the file %.*s is empty", STR_ARG(s->file));
}

static void fill(void *ctx, struct str path, struct secret *s)
{
	struct load *l = ctx;
	struct secret_place *place = NEW(l->tmp, struct secret_place);
	*place = (struct secret_place){ s, arena_str(l->tmp, path), l->secrets };
	l->secrets = place;
	if (s->env.n)
		fill_from_env(l, path, s);
	else
		fill_from_file(l, path, s);
}

void secrets_fill(struct load *l)
{
	struct config *c = l->c;
	desc_secrets(l->tmp, &config_storage_entity, &c->file.storage, S("storage"), fill, l);
	desc_secrets(l->tmp, &config_standby_entity, &c->file.standby, S("standby"), fill, l);
	for (size_t i = 0; i < c->n_outlets; i++) {
		struct str path = PATH(l, "channels.%.*s", STR_ARG(c->outlets[i].id));
		if (c->outlets[i].how)
			desc_secrets(l->tmp, c->outlets[i].how->settings, l->channel_settings[i], path, fill, l);
	}
	for (size_t i = 0; i < c->world.integrations.n; i++)
		if (c->sources[i].how)
			desc_secrets(l->tmp, c->sources[i].how->settings, c->sources[i].settings, PATH(l, "sources[%zu]", i), fill, l);
}

/* Keys. While they are gathered each remembers its path, so that two alike can be named. */
struct key_row { struct door_key key; struct str path; size_t order; };
struct gathering {
	struct load *l;
	size_t source;                   /* the integration whose keys are told now */
	struct key_row *rows;
	size_t n, cap;
};

static struct str path_of(const struct load *l, const struct secret *s, struct str otherwise)
{
	for (const struct secret_place *p = l->secrets; p != NULL; p = p->next)
		if (p->secret == s)
			return p->path;
	return otherwise;
}

static struct key_row *row_new(struct gathering *g)
{
	if (g->n == g->cap) {
		g->cap = g->cap ? g->cap * 2 : 64;
		g->rows = xrealloc(g->rows, g->cap * sizeof *g->rows);
	}
	return &g->rows[g->n++];
}

/* Only the door knows whether its key is a part of its path. */
static void check_form(struct load *l, const struct source *how, struct str key, struct str path)
{
	const struct str at_the_end = S("/KEY");
	struct str door = str_c(how->door);
	bool is_in_path = door.n > at_the_end.n && str_eq(str_skip(door, door.n - at_the_end.n), at_the_end);
	if (is_in_path && memchr(key.p, '/', key.n) != NULL)
		FAULT(l, CODE_KEY_FORM, path, "%.*s: the value holds a slash, and no request to %.*s could ever name it", STR_ARG(path), STR_ARG(door));
}

static void gather(void *ctx, const struct secret *secret, struct str service)
{
	struct gathering *g = ctx;
	struct load *l = g->l;
	const struct integration *in = &l->c->world.integrations.v[g->source];
	struct str path = path_of(l, secret, PATH(l, "sources[%zu]", g->source));
	if (service.n)
		(void)check_service(l, service, mark_key(l, path));
	else if (in->service.n == 0)
		report_add(l->r, CODE_SOURCE_BLIND, mark_value(l, PATH(l, "sources[%zu]", g->source)),
		    "source \"%.*s\" does not say which service its alerts are about; add service: ID",
		    STR_ARG(in->id));
	if (secret->value.n == 0)
		return;
	check_form(l, l->c->sources[g->source].how, secret->value, path);
	struct key_row *row = row_new(g);
	*row = (struct key_row){ { .source = l->c->sources[g->source].how, .integration = in->id }, path, g->n };
	row->key.service = service.n ? service : in->service;
	sha256(secret->value, row->key.sha);
}

static int by_source_and_sha(const void *a, const void *b)
{
	const struct key_row *x = a, *y = b;
	uintptr_t p = (uintptr_t)x->key.source, q = (uintptr_t)y->key.source;
	int c = memcmp(x->key.sha, y->key.sha, SHA256_N);
	return p != q ? (p > q) - (p < q) : c ? c : (x->order > y->order) - (x->order < y->order);
}

static void find_shared(const struct gathering *g)
{
	struct load *l = g->l;
	for (size_t i = 1; i < g->n; i++) {
		const struct key_row *x = &g->rows[i - 1], *y = &g->rows[i];
		if (x->key.source == y->key.source && memcmp(x->key.sha, y->key.sha, SHA256_N) == 0)
			report_add(l->r, CODE_KEY_SHARED, mark_value(l, y->path), "%.*s: has the same value as %.*s (at %.*s:%zu)", STR_ARG(y->path),
			    STR_ARG(x->path), STR_ARG(l->r->file), mark_value(l, x->path).line);
	}
}

void secrets_make_keys(struct load *l)
{
	struct gathering g = { .l = l };
	struct config *c = l->c;
	for (g.source = 0; g.source < c->world.integrations.n; g.source++)
		if (c->sources[g.source].how)
			c->sources[g.source].how->keys(c->sources[g.source].settings, gather, &g);
	if (g.n > 0)
		qsort(g.rows, g.n, sizeof *g.rows, by_source_and_sha);
	find_shared(&g);
	c->keys = NEWN(&c->mem, struct door_key, g.n);
	for (c->n_keys = 0; c->n_keys < g.n; c->n_keys++)
		c->keys[c->n_keys] = g.rows[c->n_keys].key;
	free(g.rows);
}
