/* config.c - from the bytes of one file to struct config. The order: bytes -> tree with places (yaml.c) -> structs by the field
 * tables (desc_read) -> what no table can say (check.c) -> secrets (secrets.c) -> the finished world.
 *
 * Each step goes on after faults of the one before with whatever could be read, so a person sees all that is wrong at once.
 */
#include "main/loading.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

ENUM_NAMES(config_log_level, CONFIG_LOG_LEVEL);
ENUM_NAMES(config_log_format, CONFIG_LOG_FORMAT);
ENUM_NAMES(config_driver, CONFIG_DRIVER);
ENUM_NAMES(config_mode, CONFIG_MODE);
ENTITY_TABLE(config_log, CONFIG_LOG, "The server's own log.");
ENTITY_TABLE(config_server, CONFIG_SERVER, "Where the server is found.");
ENTITY_TABLE(config_storage, CONFIG_STORAGE, "Where incidents are kept.");
ENTITY_TABLE(config_standby, CONFIG_STANDBY, "For whom it stands by, and when it takes over.");
ENTITY_TABLE(config_auth, CONFIG_AUTH, "Who may use the API.");
ENTITY_TABLE(config_defaults, CONFIG_DEFAULTS, "For everything that says nothing else.");
ENTITY_TABLE(config_retention, CONFIG_RETENTION, "How long what is over is kept.");
ENTITY_TABLE(config_file, CONFIG_FILE, "One configuration.");

/* The part of a channel that every type has. */
#define CONFIG_CHANNEL(X, E) X(E, STR, type, , REQ, 1, 32, "Which channel speaks.")
ENTITY_STRUCT(config_channel, CONFIG_CHANNEL);
ENTITY_TABLE(config_channel, CONFIG_CHANNEL, "A way to reach people.");

enum { CONFIG_ARENA_MAX = 256 << 20, SUGGEST_BELOW = 6 };
static const int64_t minute_ms = 60 * 1000, hour_ms = 60 * 60 * 1000;

static const struct ynode *node_at(const struct load *l, struct str path)
{
	bool is_whole;
	return yaml_at(l->root, path, &is_whole);
}

struct mark mark_value(const struct load *l, struct str path)
{
	return node_at(l, path)->at;
}

struct mark mark_key(const struct load *l, struct str path)
{
	const struct ynode *n = node_at(l, path);
	return n->key_at.line ? n->key_at : n->at;
}

/* The tables' faults as findings. What a fault is about is in the walkers' own words, so these are told apart by how they begin. */
static void add_fault(struct load *l, const struct fault *f)
{
	static const struct { struct str begin; enum code code; } kinds_of[] = {
		{ { "unknown key", 11 }, CODE_UNKNOWN_KEY }, { { "a secret must be a reference", 28 }, CODE_LITERAL },
	};
	enum code code = CODE_VALUE;
	for (size_t i = 0; i < COUNT(kinds_of); i++)
		if (str_starts(f->what, kinds_of[i].begin))
			code = kinds_of[i].code;
	struct mark at = f->at ? ynode(f->at)->at : (struct mark){ 0 };
	if (report_has(l->r, at, CODE_REFUSED_YAML))
		return;                                    /* what it would have been is not known */
	if (code != CODE_UNKNOWN_KEY) {
		report_add(l->r, code, at, "%.*s: %.*s", STR_ARG(f->path), STR_ARG(f->what));
		return;
	}
	assert(f->at != NULL);                             /* only a key that is there can be unknown */
	struct str key = f->at->key, parent = f->path;
	parent.n -= parent.n > key.n ? key.n + 1 : parent.n;
	report_add(l->r, code, ynode(f->at)->key_at, "unknown key \"%.*s\"%s%.*s%.*s", STR_ARG(key), parent.n ? " in " : "", STR_ARG(parent),
	    STR_ARG(str_skip(f->what, kinds_of[0].begin.n)));
}

static void read_entity(struct load *l, void *obj, const struct entity *e, const struct jv *j, struct str path)
{
	struct faults f = { .a = l->tmp };
	if (desc_read(&l->c->mem, obj, e, j, V_CONFIG, path, &f) == 0)
		return;
	for (const struct fault *one = f.head; one != NULL; one = one->next)
		add_fault(l, one);
}

static bool has_field(const struct entity *e, struct str name)
{
	for (size_t i = 0; e != NULL && i < e->nf; i++)
		if (str_eq(str_c(e->f[i].name), name))
			return true;
	return false;
}

/* The mapping with only those members that are fields of e: what channels and sources of any type have, and what their type adds,
 * stand side by side in the file and are read by two tables. */
static const struct jv *only(struct load *l, const struct jv *map, const struct entity *e)
{
	struct ynode *part = NEW(&l->c->mem, struct ynode);
	struct jv **end = &part->jv.kid;
	*part = *ynode(map);
	part->jv.kid = NULL;
	for (const struct jv *m = map->kid; m != NULL; m = m->next) {
		if (!has_field(e, m->key))
			continue;
		struct ynode *copy = NEW(&l->c->mem, struct ynode);
		*copy = *ynode(m);
		copy->jv.next = NULL;
		*end = &copy->jv;
		end = &copy->jv.next;
	}
	return &part->jv;
}

/* The nearest name so far: fewer wrong letters win, then the same first letter. *best is twice the number of wrong letters. */
static const char *nearest_field(const struct entity *e, struct str key, size_t *best)
{
	const char *name = NULL;
	for (size_t i = 0; e != NULL && i < e->nf; i++) {
		const char *field = e->f[i].name;
		size_t d = str_distance(str_c(field), key), score = 2 * d + (key.n > 0 && key.p[0] != field[0]);
		if (score < *best && d < key.n) {
			*best = score;
			name = field;
		}
	}
	return name;
}

static void refuse_unknown(struct load *l, const struct jv *map, const struct entity *a, const struct entity *b, struct str path)
{
	for (const struct jv *m = map->kid; m != NULL; m = m->next) {
		if (has_field(a, m->key) || has_field(b, m->key))
			continue;
		size_t best = SUGGEST_BELOW;
		const char *near_a = nearest_field(a, m->key, &best), *near_b = nearest_field(b, m->key, &best);
		const char *near = near_b ? near_b : near_a;
		report_add(l->r, CODE_UNKNOWN_KEY, ynode(m)->key_at, "unknown key \"%.*s\" in %.*s%s%s%s", STR_ARG(m->key), STR_ARG(path),
		    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	}
}

static size_t kids(const struct jv *v)
{
	size_t n = 0;
	for (const struct jv *k = v ? v->kid : NULL; k != NULL; k = k->next)
		n++;
	return n;
}

static struct str channel_words(struct load *l)
{
	struct str words = S("");
	for (size_t i = 0; i < channel_count(); i++)
		words = PATH(l, "%.*s%s%s", STR_ARG(words), i ? ", " : "", channel_at(i)->name);
	return words;
}

static struct str source_words(struct load *l)
{
	struct str words = S("");
	for (size_t i = 0; i < source_count(); i++)
		words = PATH(l, "%.*s%s%s", STR_ARG(words), i ? ", " : "", source_at(i)->name);
	return words;
}

static void unknown_type(struct load *l, const char *noun, struct str type, struct str path, struct str words)
{
	FAULT(l, CODE_NO_TYPE, PATH(l, "%.*s.type", STR_ARG(path)), "no %s type \"%.*s\" in this version; one of: %.*s", noun, STR_ARG(type),
	    STR_ARG(words));
}

/* Settings of a type: memory for its struct, read from the members of the mapping that are its own. */
static void *read_settings(struct load *l, const struct jv *map, const struct entity *e, struct str path)
{
	void *settings = arena_need(&l->c->mem, 1, e->size);
	read_entity(l, settings, e, only(l, map, e), path);
	return settings;
}

static void read_channel(struct load *l, const struct jv *j, size_t i)
{
	struct config_channel common;
	struct str path = PATH(l, "channels.%.*s", STR_ARG(j->key));
	l->c->world.channels.v[i].id = l->c->outlets[i].id = j->key;
	if (j->t != J_OBJ) {
		FAULT(l, CODE_VALUE, path, "%.*s: must be a mapping such as {type: console}", STR_ARG(path));
		return;
	}
	read_entity(l, &common, &config_channel_entity, only(l, j, &config_channel_entity), path);
	const struct channel *how = channel_find(common.type);
	if (how == NULL) {
		if (common.type.n)
			unknown_type(l, "channel", common.type, path, channel_words(l));
		return;
	}
	refuse_unknown(l, j, &config_channel_entity, how->settings, path);
	l->c->world.channels.v[i] = (struct channel_def){ j->key, common.type, how->needs_address, how->is_mail };
	l->channel_settings[i] = read_settings(l, j, how->settings, path);
	l->c->outlets[i] = (struct outlet){ j->key, how, l->channel_settings[i] };
}

static void read_channels(struct load *l)
{
	const struct jv *all = l->c->file.channels;
	if (all != NULL && all->t != J_OBJ) {
		FAULT(l, CODE_VALUE, S("channels"), "channels: must be a mapping of ids, such as channels: {console: {type: console}}");
		return;
	}
	size_t n = kids(all), i = 0;
	l->c->world.channels.v = NEWN(&l->c->mem, struct channel_def, n);
	l->c->outlets = NEWN(&l->c->mem, struct outlet, n);
	l->channel_settings = NEWN(l->tmp, void *, n);
	l->c->world.channels.n = l->c->n_outlets = n;
	for (const struct jv *j = all ? all->kid : NULL; j != NULL; j = j->next)
		read_channel(l, j, i++);
}

static void read_source(struct load *l, const struct jv *j, size_t i)
{
	struct integration *common = &l->c->world.integrations.v[i];
	struct str path = PATH(l, "sources[%zu]", i);
	if (j->t != J_OBJ) {
		FAULT(l, CODE_VALUE, path, "%.*s: must be a mapping such as {id: alerts, type: generic, ...}", STR_ARG(path));
		return;
	}
	read_entity(l, common, &integration_entity, only(l, j, &integration_entity), path);
	const struct source *how = source_find(common->type);
	if (how == NULL) {
		if (common->type.n)
			unknown_type(l, "source", common->type, path, source_words(l));
		return;
	}
	refuse_unknown(l, j, &integration_entity, how->settings, path);
	l->c->sources[i] = (struct config_source){ how, read_settings(l, j, how->settings, path) };
}

static void read_sources(struct load *l)
{
	const struct jv *all = l->c->file.sources;
	if (all != NULL && all->t != J_ARR) {
		FAULT(l, CODE_VALUE, S("sources"), "sources: must be a list of mappings with an id and a type");
		return;
	}
	size_t n = kids(all), i = 0;
	l->c->world.integrations.v = NEWN(&l->c->mem, struct integration, n);
	l->c->sources = NEWN(&l->c->mem, struct config_source, n);
	l->c->world.integrations.n = n;
	for (const struct jv *j = all ? all->kid : NULL; j != NULL; j = j->next)
		read_source(l, j, i++);
}

/* Effective values where the file says nothing. After the checks: they must see what was written. */
static void fill_defaults(struct config *c)
{
	struct config_file *f = &c->file;
	if (f->defaults.level_timeout == 0)
		f->defaults.level_timeout = 15 * minute_ms;
	for (size_t i = 0; i < f->policies.n; i++) {
		struct policy *p = &f->policies.v[i];
		p->name = p->name.n ? p->name : p->id;
		for (size_t k = 0; k < p->levels.n; k++)
			if (p->levels.v[k].timeout == 0)
				p->levels.v[k].timeout = f->defaults.level_timeout;
	}
	for (size_t i = 0; i < f->services.n; i++)
		f->services.v[i].name = f->services.v[i].name.n ? f->services.v[i].name : f->services.v[i].id;
	for (size_t i = 0; i < f->users.n; i++) {
		struct user *u = &f->users.v[i];
		u->name = u->name.n ? u->name : u->id;
		u->timezone = u->timezone.n ? u->timezone : f->defaults.timezone;
	}
}

/* What is about an incident cannot be kept longer than the incident. Unless it is said otherwise, it is not. */
static void read_retention(struct load *l)
{
	struct config_retention *r = &l->c->file.retention;
	r->incidents = r->incidents ? r->incidents : 400 * 24 * hour_ms;
	if (r->events > r->incidents)
		FAULT(l, CODE_RETENTION, S("retention.events"), "retention.events: must not be longer than retention.incidents");
	r->events = r->events ? r->events : 30 * 24 * hour_ms < r->incidents ? 30 * 24 * hour_ms : r->incidents;
}

static void make_world(struct config *c)
{
	struct world *w = &c->world;
	w->users = c->file.users;
	w->policies = c->file.policies;
	w->services = c->file.services;
	w->page_life_ms = 15 * minute_ms;
	w->claim_ms = minute_ms / 2;
	w->receipt_ms = 24 * hour_ms;
	w->keep_ms = c->file.retention.incidents;
	w->events_ms = c->file.retention.events;
	world_make_index(&c->mem, w);
}

static void load_tree(struct load *l)
{
	struct config *c = l->c;
	if (l->root->jv.t != J_OBJ) {
		report_add(l->r, CODE_VALUE, l->root->at, "the file must hold keys such as storage: and policies:, not a %s",
		    l->root->jv.t == J_ARR ? "list" : "single value");
		return;
	}
	read_entity(l, &c->file, &config_file_entity, &l->root->jv, S(""));
	read_channels(l);
	read_sources(l);
	process_read(l);
	read_retention(l);
	make_world(c);
	secrets_fill(l);
	check_all(l);
	secrets_make_keys(l);
}

static bool read_text(struct load *l, struct str path, struct str *ret)
{
	int err = l->o->read(l->o->ctx, l->r->a, path, CONFIG_BYTES_MAX, ret);
	if (err == EFBIG)
		report_add(l->r, CODE_TOO_LARGE, (struct mark){ 0 }, "larger than 1 MiB: is this the right file?");
	else if (err)
		report_add(l->r, CODE_NOT_READ, (struct mark){ 0 }, "cannot be read (%s): name the file with --config FILE", strerror(err));
	return err == 0;
}

struct config *config_load(const struct config_outside *o, struct str path, struct report *r)
{
	struct config *c = xmalloc(sizeof *c);
	struct arena tmp = ARENA(CONFIG_ARENA_MAX);
	struct str text;
	*c = (struct config){ .mem = ARENA(CONFIG_ARENA_MAX) };
	c->path = r->file = arena_str(r->a, path);
	struct load l = { .o = o, .c = c, .r = r, .tmp = &tmp };
	if (read_text(&l, path, &text)) {
		l.root = yaml_read(&c->mem, r, text);
		if (l.root != NULL)
			load_tree(&l);
		else if (r->errors == 0)
			report_add(r, CODE_VALUE, (struct mark){ 0 }, "the file is empty; examples/quickstart.yaml is one to begin with");
	}
	arena_free(&tmp);
	if (r->errors > 0) {
		config_free(c);
		return NULL;
	}
	c->path = arena_str(&c->mem, path);
	fill_defaults(c);
	world_make_refs(&c->mem, &c->world);
	return c;
}

void config_free(struct config *c)
{
	if (c == NULL)
		return;
	arena_free(&c->mem);
	free(c);
}
