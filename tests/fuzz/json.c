/* json.c - any bytes at the JSON door. What is taken from outside is written in one form only, and that form is taken again; what
 * is refused is refused with a sentence.
 */
#include "base/json.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void there_and_back(struct arena *a, const struct jv *v)
{
	struct buf once = BUF(16 << 20), twice = BUF(16 << 20);
	struct str why;
	json_write(&once, v);
	assert(once.err == 0 && str_is_utf8(buf_str(&once)));
	const struct jv *again = json_parse_own(a, buf_str(&once), &why);
	assert(again != NULL);
	json_write(&twice, again);
	assert(str_eq(buf_str(&once), buf_str(&twice)));
	buf_free(&once);
	buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = ARENA(16 << 20);
	struct str why = { 0 }, text = { (const char *)data, n };
	const struct jv *v = json_parse(&a, text, &why);
	if (v != NULL)
		there_and_back(&a, v);
	else
		assert(why.n > 0 && str_is_utf8(why));
	arena_free(&a);
	return 0;
}
