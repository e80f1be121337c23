/* entities.c - foreign JSON against every entity. The first byte picks the entity and the view, the rest is the text. What is
 * taken must come back: what a view writes, it reads again as the same object. What is refused must have a reason.
 */
#include "model/kinds.h"
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MEM = 16 << 20, VIEWS = 4 };

static void write(const struct entity *e, const void *obj, enum desc_view v, struct buf *ret)
{
	*ret = BUF(MEM);
	desc_write(ret, e, obj, v);
	assert(ret->err == 0);
}

/* Reads what was written through `out` back through `in`, and expects the same text from it. */
static void there_and_back(struct arena *a, const struct entity *e, const void *obj, enum desc_view out, enum desc_view in)
{
	struct buf once, twice;
	struct str why;
	struct faults f = { .a = a };
	void *again = arena_need(a, 1, e->size);
	write(e, obj, out, &once);
	const struct jv *j = json_parse_own(a, buf_str(&once), &why);
	assert(j != NULL);
	int err = desc_read(a, again, e, j, in, S(""), &f);
	assert(err == 0);
	write(e, again, out, &twice);
	assert(str_eq(buf_str(&once), buf_str(&twice)));
	buf_free(&once);
	buf_free(&twice);
}

static void check_faults(const struct faults *f)
{
	struct buf b = BUF(MEM);
	faults_write(f, &b);
	assert(f->n > 0 && b.n > 0 && str_is_utf8(buf_str(&b)));
	buf_free(&b);
}

/* What was taken with limits may be sent again; a document may be stored again. */
static void check_object(struct arena *a, const struct entity *e, const void *obj, enum desc_view v)
{
	there_and_back(a, e, obj, V_STORE, V_STORE);
	if (v == V_API || v == V_DOOR)
		there_and_back(a, e, obj, V_API, V_DOOR);
	if (v == V_CONFIG)
		there_and_back(a, e, obj, V_CONFIG, V_CONFIG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	struct arena a = ARENA(MEM);
	struct faults f = { .a = &a };
	struct str why, text = { (const char *)data + 1, n - 1 };
	const struct entity *e = kinds[data[0] % KINDS].entity;
	enum desc_view v = (enum desc_view)(data[0] / KINDS % VIEWS);
	void *obj = arena_need(&a, 1, e->size);
	const struct jv *j = json_parse(&a, text, &why);
	if (j != NULL && desc_read(&a, obj, e, j, v, S(""), &f) == 0)
		check_object(&a, e, obj, v);
	else if (j != NULL)
		check_faults(&f);
	arena_free(&a);
	return 0;
}
