/* table.c - the sources of list.h, found by the word that the configuration uses. */
#include "sources/source.h"
#include <assert.h>

static const struct source *const table[] = {
#define SOURCE(name) &source_##name,
#include "sources/list.h"
#undef SOURCE
};

size_t source_count(void)
{
	return COUNT(table);
}

const struct source *source_at(size_t i)
{
	assert(i < COUNT(table));
	return table[i];
}

const struct source *source_find(struct str name)
{
	for (size_t i = 0; i < COUNT(table); i++)
		if (str_eq(str_c(table[i]->name), name))
			return table[i];
	return NULL;
}
