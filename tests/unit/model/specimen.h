/* specimen.h - an entity with a field of every kind, and what the tests of the model do with objects: there and back,
 * and compare. One test binary includes it once: it defines the entity.
 */
#ifndef TESTS_MODEL_SPECIMEN_H
#define TESTS_MODEL_SPECIMEN_H
#include "model/kinds.h"
#include "store/store.h"
#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#define COLOUR(X) X(RED, "red") X(GREEN, "green")
ENUM_TYPE(colour, COLOUR);
ENUM_NAMES(colour, COLOUR);
#define PART(X, E) X(E, STR, name, , REQ, 1, 8, "Name.") X(E, SECRET, key, , 0, 0, 0, "Key.")
ENTITY_STRUCT(part, PART);
ENTITY_TABLE(part, PART, "A part.");
#define SPECIMEN(X, E) \
	X(E, STR, id, , REQ, 1, 8, "Id.") \
	X(E, STR, note, , NIL, 0, 8, "Null when empty.") \
	X(E, STR, mail, , 0, 3, 8, "Optional with a least length.") \
	X(E, INT, count, , IDX, -5, 5, "Count.") \
	X(E, INT, total, , 0, 0, 0, "Without limits.") \
	X(E, BOOL, is_on, , IDX, 0, 0, "On.") \
	X(E, TIME, since, , IDX, 0, 0, "Since.") \
	X(E, DUR, wait, , 0, 1000, 3600000, "Wait.") \
	X(E, SEV, severity, , 0, 1, 5, "Severity.") \
	X(E, ENUM, colour, colour, IDX, 0, 0, "Colour.") \
	X(E, SUB, part, part, 0, 0, 0, "Part.") \
	X(E, LIST, parts, part, REQ, 1, 2, "Parts.") \
	X(E, STRS, tags, , 0, 0, 2, "Tags.") \
	X(E, MAP, labels, , 0, 0, 2, "Labels.") \
	X(E, ANY, details, , 0, 0, 0, "Details.") \
	X(E, SECRET, secret, , 0, 0, 0, "Secret.") \
	X(E, SECRETS, secrets, , 0, 0, 2, "Secrets.") \
	X(E, INT, hidden, , RO | INNER, 0, 0, "Hidden.") \
	X(E, INT, shown, , RO | VIEW, 0, 0, "Shown.") \
	X(E, INT, given, , RO, 0, 0, "Given.")
ENTITY_STRUCT(specimen, SPECIMEN);
ENTITY_TABLE(specimen, SPECIMEN, "One field of every kind.");

enum { MEM = 4 << 20 };

static inline struct str written(struct arena *a, const struct entity *e, const void *obj, enum desc_view v)
{
	struct buf b = BUF(MEM);
	desc_write(&b, e, obj, v);
	assert_int_equal(b.err, 0);
	struct str copy = arena_str(a, buf_str(&b));
	buf_free(&b);
	return copy;
}

static inline struct jv *parsed(struct arena *a, struct str text)
{
	struct str why;
	struct jv *j = json_parse_own(a, text, &why);
	if (j == NULL)
		fail_msg("%.*s: %.*s", STR_ARG(text), STR_ARG(why));
	return j;
}

/* Reads and fails the test when there are faults. */
static inline char *read_back(struct arena *a, const struct entity *e, const struct jv *j, enum desc_view v)
{
	char *obj = arena_need(a, 1, e->size);
	struct faults f = { .a = a };
	struct buf b = BUF(10000);
	int err = desc_read(a, obj, e, j, v, S(""), &f);
	faults_write(&f, &b);
	if (err != 0 || f.n != 0)
		fail_msg("%s: %.*s", e->name, STR_ARG(buf_str(&b)));
	return obj;
}

static inline void same(const struct entity *e, struct str got, struct str want)
{
	if (!str_eq(got, want))
		fail_msg("%s:\n%.*s\nis not\n%.*s", e->name, STR_ARG(got), STR_ARG(want));
}
#endif
