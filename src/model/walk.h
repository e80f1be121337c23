/* walk.h - what the walkers over field tables share: a field's place in an object, and which fields a view has.
 * Private to model/.
 *
 * Members are moved with memcpy, by shape: texts, lists and maps are all a pointer and a length.
 */
#ifndef MODEL_WALK_H
#define MODEL_WALK_H
#include "model/desc.h"
#include <string.h>

struct span { char *v; size_t n; };              /* struct str, strs, map, secrets and X_list, seen alike */

static inline const char *field_at(const struct field *f, const void *obj)
{
	return (const char *)obj + f->off;
}

static inline struct str field_name(const struct field *f)
{
	return (struct str){ f->name, f->name_n };
}

static inline struct span span_at(const void *p)
{
	struct span s;
	memcpy(&s, p, sizeof s);
	return s;
}

static inline int64_t number_at(const void *p)
{
	int64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline int word_at(const void *p)
{
	int v;
	memcpy(&v, p, sizeof v);
	return v;
}

/* An ANY, or the unknown members that every struct begins with. */
static inline const struct jv *tree_at(const void *p)
{
	const struct jv *v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline bool is_secret(const struct field *f)
{
	return f->kind == K_SECRET || f->kind == K_SECRETS;
}

/* Fields a client may see; secrets belong to the configuration alone. */
static inline bool is_shown(const struct field *f)
{
	return !(f->flags & INNER) && !is_secret(f);
}

/* Shown as null when there is nothing: a time, a wait or a severity of 0 would say something else. */
static inline bool is_nullable(const struct field *f)
{
	bool is_measure = f->kind == K_TIME || f->kind == K_DUR || f->kind == K_SEV;
	return f->kind == K_ANY || (is_measure && !(f->flags & REQ)) || (f->kind == K_STR && (f->flags & NIL));
}
#endif
