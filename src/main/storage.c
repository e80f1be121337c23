/* storage.c - see storage.h. */
#include "main/storage.h"
#include "io/clock.h"
#include <stdlib.h>

/* Backends keep this table for as long as they live. */
static const struct store_kind_def kind_defs[KINDS] = {
#define ENTITY(name, append_only, fleeting) { #name, append_only },
#include "model/list.h"
#undef ENTITY
};

static int64_t boot_ms(void *ctx) { (void)ctx; return clock_boot_ms(); }
static int64_t wall_ms(void *ctx) { (void)ctx; return clock_wall_ms(); }

static const char *env(void *ctx, const char *name) { (void)ctx; return getenv(name); }

struct store_options storage_base_options(void)
{
	return (struct store_options){ .env = env, .kinds = kind_defs, .n_kinds = KINDS, .clock = { NULL, boot_ms, wall_ms } };
}

struct store_options storage_options(const struct config *c)
{
	const struct config_storage *s = &c->file.storage;
	struct store_options o = storage_base_options();
	o.path = c->storage_path;
	o.password = s->password.value;
	o.region = s->region;
	o.endpoint = s->endpoint;
	o.table = c->driver == DRIVER_POSTGRES ? s->schema : s->table;
	o.shards = (unsigned)s->shards;
	o.min_free_bytes = c->min_free;
	return o;
}

enum store_rc storage_open(const struct config *c, struct store **ret, struct buf *why)
{
	struct store_options o = storage_options(c);
	return store_open(enum_word(&config_driver_names, (int)c->driver), &o, ret, why);
}
