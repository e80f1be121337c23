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

static void add_text(struct buf *b, const char *name, struct str s)
{
	if (s.n == 0)
		return;
	buf_fmt(b, "%s\"%s\":", b->p[b->n - 1] == '{' ? "" : ",", name);
	buf_json(b, s);
}

/* What counts with this driver, with what is in force where the file says nothing. */
static void add_storage(const struct config *c, struct buf *b)
{
	const struct config_storage *f = &c->file.storage;
	bool is_postgres = c->driver == DRIVER_POSTGRES, is_dynamodb = c->driver == DRIVER_DYNAMODB;
	struct config_storage s = { .driver = c->driver, .path = f->path, .url = f->url, .password = f->password, .endpoint = f->endpoint,
		.schema = is_postgres ? f->schema : S(""), .table = is_dynamodb ? f->table : S(""), .region = is_dynamodb ? f->region : S(""),
		.shards = f->shards, .export = c->export_path };
	struct buf free_text = BUF(64);
	bytes_write(&free_text, c->min_free);
	if (c->driver == DRIVER_SQLITE || c->driver == DRIVER_JSON)
		s.min_free = buf_str(&free_text);
	add_text(b, "driver", enum_word(&config_driver_names, (int)c->driver));
	s.driver = 0;                                              /* the first word would be left out */
	add_members(b, &config_storage_entity, &s);
	buf_free(&free_text);
}

/* By hand: these have values in force even where the file says nothing, which the tables would leave out. */
static void add_process(const struct config *c, struct buf *b)
{
	struct buf listen = BUF(1024);
	struct str head, tail;
	bool is_six = str_cut(c->host, ':', &head, &tail);
	buf_fmt(&listen, is_six ? "[%.*s]:%d" : "%.*s:%d", STR_ARG(c->host), c->port);
	buf_add(b, S("\"version\":1,\"server\":{"));
	add_text(b, "name", c->file.server.name);
	add_text(b, "listen", buf_str(&listen));
	add_text(b, "public_url", c->public_url);
	buf_add(b, S(",\"log\":{"));
	add_text(b, "level", enum_word(&config_log_level_names, (int)c->file.server.log.level));
	add_text(b, "format", enum_word(&config_log_format_names, (int)c->log_format));
	buf_add(b, S("}},\"storage\":{"));
	add_storage(c, b);
	buf_fmt(b, "},\"auth\":{\"required\":%s}", c->auth_required ? "true" : "false");
	buf_free(&listen);
}

static void add_channels(const struct config *c, struct buf *b)
{
	buf_char(b, '{');
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
	buf_char(b, '[');
	for (size_t i = 0; i < c->world.integrations.n; i++) {
		buf_add(b, i > 0 ? S(",{") : S("{"));
		add_members(b, &integration_entity, &c->world.integrations.v[i]);
		add_members(b, c->sources[i].how->settings, c->sources[i].settings);
		buf_char(b, '}');
	}
	buf_char(b, ']');
}

static const struct jv *tree_of(struct arena *a, const struct config *c, void (*add)(const struct config *, struct buf *))
{
	struct buf b = BUF(SHOW_MAX);
	struct str why = S("");
	add(c, &b);
	const struct jv *v = json_parse_own(a, buf_str(&b), &why);
	assert(v != NULL);                                 /* the walkers write JSON */
	buf_free(&b);
	return v;
}

static void write_json(const struct config *c, struct buf *b)
{
	struct arena tmp = ARENA((size_t)8 * SHOW_MAX);
	struct config_file rest = { .mode = c->file.mode, .standby = c->file.standby, .defaults = c->file.defaults, .retention = c->file.retention,
		.users = c->file.users, .policies = c->file.policies,
		.services = c->file.services };
	rest.channels = tree_of(&tmp, c, add_channels);
	rest.sources = tree_of(&tmp, c, add_sources);
	buf_char(b, '{');
	add_process(c, b);
	add_members(b, &config_file_entity, &rest);
	buf_char(b, '}');
	arena_free(&tmp);
}

void config_show(const struct config *c, struct buf *b, bool as_json)
{
	struct arena tmp = ARENA((size_t)8 * SHOW_MAX);
	const struct jv *all = tree_of(&tmp, c, write_json);
	if (as_json) {
		json_write(b, all);
		buf_char(b, '\n');
	} else {
		yaml_write(b, all);
	}
	arena_free(&tmp);
}
