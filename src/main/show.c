/* show.c - the configuration in force, written back: what `config show` prints. The field tables write it, so nothing can be forgotten,
 * and they write of a secret its reference only.
 *
 * What the file says and what the environment and the defaults made of it have been joined by then; reading the output again
 * gives the same configuration.
 */
#include "main/config.h"
#include "main/yaml.h"
#include <assert.h>

enum { SHOW_MAX = 64 << 20 };

/* The members of a written object, without the braces; a comma first when `b` needs one. */
static void add_members(struct buf *b, const struct entity *e, const void *obj)
{
	struct buf one = BUF(SHOW_MAX);
	desc_write(&one, e, obj, V_CONFIG);
	struct str s = buf_str(&one);
	if (s.n > 2) {
		if (b->n > 0 && b->p[b->n - 1] != '{')
			buf_char(b, ',');
		buf_add(b, (struct str){ s.p + 1, s.n - 2 });
	}
	buf_free(&one);
}

static void add_channels(const struct config *c, struct buf *b)
{
	buf_add(b, S(",\"channels\":{"));
	for (size_t i = 0; i < c->n_outlets; i++) {
		if (i > 0)
			buf_char(b, ',');
		buf_json(b, c->outlets[i].id);
		buf_fmt(b, ":{\"type\":\"%s\"", c->outlets[i].how->name);
		add_members(b, c->outlets[i].how->settings, c->outlets[i].settings);
		buf_char(b, '}');
	}
	buf_char(b, '}');
}

static void add_sources(const struct config *c, struct buf *b)
{
	buf_add(b, S(",\"sources\":["));
	for (size_t i = 0; i < c->world.integrations.n; i++) {
		buf_add(b, i > 0 ? S(",{") : S("{"));
		add_members(b, &integration_entity, &c->world.integrations.v[i]);
		add_members(b, c->sources[i].how->settings, c->sources[i].settings);
		buf_char(b, '}');
	}
	buf_char(b, ']');
}

static void write_json(const struct config *c, struct buf *b)
{
	struct arena tmp = ARENA(1 << 20);
	struct config_file f = c->file;
	bool is_six = str_cut(c->host, ':', &(struct str){ 0 }, &(struct str){ 0 });
	f.channels = f.sources = NULL;                     /* written by their types, below */
	f.server.listen = arena_fmt(&tmp, is_six ? "[%.*s]:%d" : "%.*s:%d", STR_ARG(c->host), c->port);
	buf_char(b, '{');
	add_members(b, &config_file_entity, &f);
	add_channels(c, b);
	add_sources(c, b);
	buf_char(b, '}');
	arena_free(&tmp);
}

void config_show(const struct config *c, struct buf *b, bool as_json)
{
	struct buf json = BUF(SHOW_MAX);
	write_json(c, &json);
	if (as_json) {
		buf_add(b, buf_str(&json));
		buf_char(b, '\n');
	} else {
		struct arena tmp = ARENA((size_t)8 * SHOW_MAX);
		struct str why = S("");
		const struct jv *v = json_parse_own(&tmp, buf_str(&json), &why);
		assert(v != NULL);                         /* the walkers write JSON */
		yaml_write(b, v);
		arena_free(&tmp);
	}
	buf_free(&json);
}
