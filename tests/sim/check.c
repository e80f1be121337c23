/* check.c - hands every happening to the checkers and keeps the first violation. */
#include "tests/sim/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct checks *checks_new(struct sim *s)
{
	struct checks *c = xmalloc(sizeof *c);
	*c = (struct checks){ .s = s, .ingest = ingest_new(), .alive_since = SIM_START };
	return c;
}

void checks_free(struct checks *c)
{
	ingest_free(c->ingest);
	free(c);
}

void checks_see(struct checks *c, const struct happening *h)
{
	enum { STALL_MS = 70 * SECOND };         /* calls that were under way when all was healed still end */
	if (h->what == ON_START && h->at > c->alive_since)
		c->alive_since = h->at;
	if (h->what == ON_HEAL) {
		c->alive_since = h->at + STALL_MS;
		c->healed_at = h->at;
	}
	ingest_see(c, h);
	life_see(c, h);
	pages_see(c, h);
}

void broken(struct sim *s, enum invariant i, const char *fmt, ...)
{
	va_list ap;
	if (s->is_over)
		return;
	s->is_over = true;
	s->verdict.is_bad = true;
	s->verdict.broken = i;
	int64_t ms = s->now - SIM_START;
	int n = snprintf(s->verdict.text, sizeof s->verdict.text, "%02lld:%02lld:%02lld.%03lld ", (long long)(ms / HOUR),
	    (long long)(ms / MINUTE % 60), (long long)(ms / SECOND % 60), (long long)(ms % 1000));
	va_start(ap, fmt);
	vsnprintf(s->verdict.text + n, sizeof s->verdict.text - (size_t)n, fmt, ap);
	va_end(ap);
}

const struct change *change_of(const struct happening *h, store_kind kind, struct str id)
{
	for (size_t i = 0; i < h->n_v; i++)
		if (h->v[i].kind == kind && str_eq(h->v[i].id, id))
			return &h->v[i];
	return NULL;
}

bool is_calm(const struct checks *c)
{
	return c->healed_at > 0 || c->s->n_fired == 0;
}
