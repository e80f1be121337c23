/* table.c - the channels of list.h, found by the word that the configuration uses. */
#include "channels/channel.h"
#include <assert.h>

static const struct channel *const table[] = {
#define CHANNEL(name) &channel_##name,
#include "channels/list.h"
#undef CHANNEL
};

size_t channel_count(void)
{
	return COUNT(table);
}

const struct channel *channel_at(size_t i)
{
	assert(i < COUNT(table));
	return table[i];
}

const struct channel *channel_find(struct str name)
{
	for (size_t i = 0; i < COUNT(table); i++)
		if (str_eq(str_c(table[i]->name), name))
			return table[i];
	return NULL;
}
