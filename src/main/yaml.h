/* yaml.h - a YAML text as a struct jv tree in which every node knows its place.
 *
 * Accepted: one document of block and flow mappings, sequences and scalars in UTF-8. Every scalar arrives as J_STR, typed later by
 * the field it belongs to, so `no`, `on`, `0123` and `12:30` never turn into something else; only an empty plain one is J_NULL.
 * Refused, each with its place: anchors, aliases, tags, keys that are no scalars, a key given twice, a second document, more
 * than YAML_DEPTH_MAX levels or YAML_NODES_MAX nodes, and whatever libyaml refuses (tabs, invalid UTF-8, ...).
 */
#ifndef MAIN_YAML_H
#define MAIN_YAML_H
#include "base/json.h"
#include "main/report.h"

enum { YAML_DEPTH_MAX = 32, YAML_NODES_MAX = 50000 };

/* jv comes first: every struct jv of such a tree is the beginning of a ynode. */
struct ynode { struct jv jv; struct mark at, key_at; };
static inline const struct ynode *ynode(const struct jv *v) { return (const struct ynode *)v; }

/* The root, with its texts in the arena; NULL for an empty text or one that cannot be read to its end. What is wrong is in r; a tree may
 * come back together with findings, so that the rest is checked too. r->text becomes the text as its lines are counted. */
struct ynode *yaml_read(struct arena *a, struct report *r, struct str text);

/* The node at a path such as "policies[0].levels[2].targets[1]"; where the path leaves the tree, the last node that was there. A key may contain
 * dots. *ret_is_whole: the whole path was there. */
const struct ynode *yaml_at(const struct ynode *root, struct str path, bool *ret_is_whole);

/* A JSON value as YAML that yaml_read gives back the same (numbers as text): for `config show`. */
void yaml_write(struct buf *b, const struct jv *v);
#endif
