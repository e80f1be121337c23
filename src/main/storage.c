/* storage.c - see storage.h. */
#include "main/storage.h"
#include "io/clock.h"

/* Backends keep this table for as long as they live. */
static const struct store_kind_def kind_defs[KINDS] = {
#define ENTITY(name, append_only) { #name, append_only },
#include "model/list.h"
#undef ENTITY
};

static int64_t boot_ms(void *ctx) { (void)ctx; return clock_boot_ms(); }
static int64_t wall_ms(void *ctx) { (void)ctx; return clock_wall_ms(); }

enum store_rc storage_open(const struct config *c, struct store **ret, struct buf *why)
{
	struct store_options o = { .path = c->storage_path, .kinds = kind_defs, .n_kinds = KINDS, .clock = { NULL, boot_ms, wall_ms },
		.min_free_bytes = c->min_free };
	return store_open(enum_word(&config_driver_names, (int)c->driver), &o, ret, why);
}
