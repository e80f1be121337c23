/* numbers.c - incident numbers, in blocks.
 *
 * A block is reserved by its own commit before anybody uses it, so a number is never given twice, whatever fails. A block is as large as what is
 * wanted at once, so a calm server numbers without gaps; in a storm blocks grow, and a crash may leave a gap of one block.
 */
#include "engine/inside.h"
#include "base/mutant.h"

enum { BLOCK_MAX = 1024, TRIES = 4 };

/* STORE_CONFLICT: another replica took its block first; look again. */
static enum store_rc reserve(struct engine *e, int64_t block)
{
	struct arena a = ARENA(1 << 20);
	enum store_rc rc = STORE_OK;
	struct store_docs docs = { 0 };
	struct str id = S("incident");
	store_kind kind = KIND_counter;
	rc = store_get(e->env.store, &kind, &id, 1, &docs);
	uint64_t ver = rc == STORE_OK ? docs.v[0].ver : 0;
	const struct counter *had = ver ? batch_decode(&a, &docs.v[0], &rc) : NULL;
	store_docs_free(&docs);
	struct counter c = { .id = id, .next = (had ? had->next : 1) + block };
	if (rc == STORE_OK)
		rc = engine_put(e, KIND_counter, id, &c, ver, STORE_NO_DUE, TRIES);
	if (rc == STORE_OK) {
		e->numbers.next = c.next - block;
		e->numbers.end = c.next + MUTANT(39);
	}
	arena_free(&a);
	return rc;
}

enum store_rc numbers_need(struct engine *e, size_t wanted)
{
	struct numbers *n = &e->numbers;
	enum store_rc rc = STORE_OK;
	if (n->next < n->end || n->step_rc != STORE_OK)
		return n->next < n->end ? STORE_OK : n->step_rc;
	int64_t block = e->mono_ms - n->last_reserved_ms < 100 ? n->last_block * 2 : 1;
	if (block < (int64_t)wanted)
		block = (int64_t)wanted;
	if (block > BLOCK_MAX)
		block = BLOCK_MAX;
	for (int i = 0; i < TRIES; i++) {
		rc = reserve(e, block);
		if (rc != STORE_CONFLICT)
			break;
	}
	n->last_block = block;
	n->last_reserved_ms = e->mono_ms;
	return n->step_rc = rc;
}
