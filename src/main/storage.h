/* storage.h - opens the store that a configuration names, with every kind of document there is. */
#ifndef MAIN_STORAGE_H
#define MAIN_STORAGE_H
#include "main/config.h"
#include "store/store.h"

/* The kinds, the clocks and the environment; nothing of a particular store. */
struct store_options storage_base_options(void);
struct store_options storage_options(const struct config *c);      /* points into the configuration */
enum store_rc storage_open(const struct config *c, struct store **ret, struct buf *why);    /* as store_open */
#endif
