/* words.c - numbers that people and senders write as words. */
#include "model/desc.h"
#include <assert.h>

struct str enum_word(const struct names *n, int value)
{
	assert(value >= 0 && (size_t)value < n->n);
	return str_c(n->v[value]);
}

int enum_value(const struct names *n, struct str word)
{
	for (size_t i = 0; i < n->n; i++)
		if (str_eq(str_c(n->v[i]), word))
			return (int)i;
	return -1;
}

/* The first word of each number is its name; the others are what senders say instead. */
static const struct { const char *word; int64_t severity; } severities[] = {
	{ "critical", 5 }, { "high", 4 }, { "medium", 3 }, { "low", 2 }, { "info", 1 }, { "error", 4 }, { "warning", 3 },
	{ "5", 5 }, { "4", 4 }, { "3", 3 }, { "2", 2 }, { "1", 1 },
};

struct str severity_name(int64_t severity)
{
	for (size_t i = 0; i < COUNT(severities); i++)
		if (severities[i].severity == severity)
			return str_c(severities[i].word);
	return S("");
}

int64_t severity_value(struct str word)
{
	for (size_t i = 0; i < COUNT(severities); i++)
		if (str_eq(str_c(severities[i].word), word))
			return severities[i].severity;
	return 0;
}
