/* check_end.c - when all is over: nothing is overdue, nothing owed is left lying, and what belongs together is there together (I4, I5, I9, I16). */
#include "model/kinds.h"
#include "tests/sim/check.h"
#include <stdio.h>

static void end_of_incident(struct checks *c, const struct change *ch)
{
	const struct fact_incident *f = &ch->is->incident;
	exercised(c->s, I5);
	if (f->status == 'd' && ch->due == STORE_NO_DUE && !f->exhausted)
		broken(c->s, I4, "incident %.*s needs somebody and is never due", STR_ARG(f->id));
	if (ch->due != STORE_NO_DUE && ch->due < c->s->now - LATE_MS)
		broken(c->s, I5, "incident %.*s has been due for %lld s", STR_ARG(f->id), (long long)((c->s->now - ch->due) / SECOND));
	/* Where documents are forgotten, lines about repeated alerts may be gone; that it began never is. */
	for (int64_t k = 0; k < (c->s->o.habit[H_PURGE] ? 1 : f->entries); k++) {
		char id[64];
		struct change entry;
		write_text(id, sizeof id, "%.*s/%06lld", STR_ARG(f->id), (long long)k);
		if (!memory_peek(c->s->memory, KIND_entry, str_c(id), &entry))
			broken(c->s, I16, "entry %s is counted and not there", id);
	}
	exercised(c->s, I16);
}

/* An incident is forgotten with all that belongs to it. */
static void end_of_part(struct checks *c, const struct change *ch, struct str incident)
{
	struct change owner;
	exercised(c->s, I27);
	if (!memory_peek(c->s->memory, KIND_incident, incident, &owner))
		broken(c->s, I27, "%s %.*s was left behind by its incident", kinds[ch->kind].entity->name, STR_ARG(ch->id));
}

static void end_of_page(struct checks *c, const struct change *ch)
{
	const struct fact_page *f = &ch->is->page;
	int64_t age = c->s->now - f->owed_at;
	exercised(c->s, I9);
	end_of_part(c, ch, f->incident);
	if (f->status == 'o' && age > 17 * MINUTE)
		broken(c->s, I9, "page %.*s has been owed for %lld s", STR_ARG(f->id), (long long)(age / SECOND));
}

static void end_of_entry(struct checks *c, const struct change *ch)
{
	struct str rest = ch->is->entry.pages, before, id;
	struct change page;
	end_of_part(c, ch, (struct str){ ch->id.p, ch->id.n < 36 ? ch->id.n : 36 });
	if (c->s->o.habit[H_PURGE])
		return;
	while (str_cut(rest, '"', &before, &rest) && str_cut(rest, '"', &id, &rest))
		if (!memory_peek(c->s->memory, KIND_page, id, &page))
			broken(c->s, I16, "page %.*s is owed by an entry and not there", STR_ARG(id));
}

static void end_of(void *ctx, const struct change *ch)
{
	if (ch->kind == KIND_incident)
		end_of_incident(ctx, ch);
	else if (ch->kind == KIND_page)
		end_of_page(ctx, ch);
	else if (ch->kind == KIND_entry)
		end_of_entry(ctx, ch);
}

void checks_end(struct checks *c)
{
	memory_each(c->s->memory, end_of, c);
}
