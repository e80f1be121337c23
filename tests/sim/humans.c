/* humans.c - people who are paged: they see a page, think for a while, acknowledge, sometimes twice or two at once, take it back, leave a note, and
 * in the end resolve it or forget. What one person does with one page rests on the page alone, so leaving out another changes nothing here. */
#include "model/kinds.h"
#include "tests/sim/history.h"
#include <stdio.h>

static uint64_t seed_of(const struct sim *s, struct str page)
{
	uint64_t h = s->o.seed * UINT64_C(0x9e3779b97f4a7c15) + 1469598103934665603u;
	for (size_t i = 24; i < page.n; i++)             /* the random end of the incident's id, and the page's own numbers */
		h = (h ^ (unsigned char)page.p[i]) * 1099511628211u;
	return h;
}

static void ask_later(struct sim *s, void *who, int64_t n)
{
	(void)n;
	request_send(s, who);
}

static void do_at(struct sim *s, int64_t at, enum want want, struct str incident, int person)
{
	struct request *q = request_new(s, want);
	write_text(q->incident, sizeof q->incident, "%.*s", STR_ARG(incident));
	write_text(q->actor, sizeof q->actor, "user:h%d", person);
	sim_at(s, at, ask_later, q, 0);
}

/* An acknowledgement that meets the next level. */
static void at_the_last_moment(struct sim *s, struct str incident, int person, int64_t off)
{
	struct change now;
	if (memory_peek(s->memory, KIND_incident, incident, &now) && now.due != STORE_NO_DUE)
		do_at(s, now.due + off, WANT_ACK, incident, person);
}

void humans_see(struct sim *s, struct str incident, struct str address, struct str page)
{
	struct rng r = rng_seeded(seed_of(s, page));
	int person = (int)rng_between(&r, 0, 5);
	int64_t slow = s->o.is_small ? MINUTE : 10 * MINUTE, at = s->now + rng_between(&r, 2 * SECOND, slow);
	happened(s, &(struct happening){ .what = ON_SEEN, .at = s->now, .replica = -1, .incident = incident, .address = address });
	if (s->o.habit[H_LAST] && rng_chance(&r, 100000))
		at_the_last_moment(s, incident, person, rng_between(&r, -20, 60));
	if (!s->o.habit[H_PEOPLE] || !rng_chance(&r, 500000))
		return;
	do_at(s, at, WANT_ACK, incident, person);
	if (s->o.habit[H_UNDO] && rng_chance(&r, 150000)) {
		int64_t soon = at + rng_between(&r, 0, 2 * SECOND);  /* two draws in one call could be made in either order */
		do_at(s, soon, WANT_ACK, incident, person + (int)rng_between(&r, 0, 1));
	}
	if (rng_chance(&r, 300000))
		do_at(s, at + rng_between(&r, 0, slow), WANT_NOTE, incident, person);
	at += rng_between(&r, SECOND, slow);
	if (s->o.habit[H_UNDO] && rng_chance(&r, 150000))
		do_at(s, at, WANT_UNACK, incident, person);
	if (rng_chance(&r, 700000))
		do_at(s, at + rng_between(&r, 0, 4 * slow), WANT_RESOLVE, incident, person);
}
