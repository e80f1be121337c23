/* loading.h - a configuration while it is being loaded: what config.c, check.c and secrets.c share. Private to them. */
#ifndef MAIN_LOADING_H
#define MAIN_LOADING_H
#include "main/config.h"
#include "main/yaml.h"

/* A secret and its path in the file, so that a source's key can be traced back to its line. */
struct secret_place { const struct secret *secret; struct str path; struct secret_place *next; };

struct load {
	const struct config_outside *o;
	struct config *c;
	struct report *r;
	struct arena *tmp;               /* paths and the like; gone when loading ends */
	const struct ynode *root;
	void **channel_settings;         /* what outlets[i].settings shows to others as constant */
	struct secret_place *secrets;
};

/* Place of the value, or of the key, at a path; of what is nearest above when the path is not there. */
struct mark mark_value(const struct load *l, struct str path);
struct mark mark_key(const struct load *l, struct str path);
#define PATH(l, ...) arena_fmt((l)->tmp, __VA_ARGS__)
#define FAULT(l, code, path, ...) report_add((l)->r, (code), mark_value((l), (path)), __VA_ARGS__)

/* process.c: server, storage and auth. */
void process_read(struct load *l);

/* check.c: what no field table can say. Looks at whatever could be read, so that its findings come together with the tables'. */
void check_all(struct load *l);
bool check_id_form(struct str s);                                     /* silent: whether it can be an id */
bool check_service(struct load *l, struct str id, struct mark at);    /* false: no such service, reported */

/* secrets.c: fills in the values and makes the doors' keys. */
void secrets_fill(struct load *l);
void secrets_make_keys(struct load *l);
#endif
