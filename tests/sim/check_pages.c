/* check_pages.c - the life of pages: I9, I10, I11, I12, I20.
 *
 * Each attempt is followed from its claim (a commit) over the send, the provider and the answer to the commit that settles it. An attempt after one
 * that the provider had accepted and the engine had heard of is a double page, allowed only where something went wrong in between.
 */
#include "model/kinds.h"
#include "tests/sim/check.h"
#include <stdlib.h>

enum { ATTEMPTS_MAX = 60, PAGE_LIFE_MS = 15 * MINUTE, BACKOFF_LEAST_MS = 4000, BACKOFF_MOST_MS = 72 * SECOND };

struct attempt {
	int replica;
	unsigned life;
	int64_t claimed_at, result_at, begun_at;
	bool is_given_out, has_result;
	int status, deliveries;                  /* deliveries: the provider took it (a lie counts) */
};
struct page_note { struct attempt a[ATTEMPTS_MAX + 1]; int64_t n; };

static struct page_note *page_note(struct checks *c, const struct change *ch)
{
	if (*ch->note == NULL)
		*ch->note = NEW(&c->s->mem, struct page_note);
	return *ch->note;
}

/* The attempt that the way out speaks of, or NULL. */
static struct attempt *attempt_of(struct checks *c, const struct sent *x, struct change *ret_page)
{
	if (x->attempt < 1 || x->attempt > ATTEMPTS_MAX || !memory_peek(c->s->memory, KIND_page, x->page, ret_page))
		return NULL;
	return &page_note(c, ret_page)->a[x->attempt];
}

/* Whoever reads after the acknowledgement sees it, and sends nothing. */
static void check_looked(struct checks *c, const struct happening *h, const struct change *page)
{
	struct change inc;
	if (!memory_peek(c->s->memory, KIND_incident, page->is->page.incident, &inc) || inc.is->incident.status == 'd')
		return;
	if (inc.read_at[h->replica] > incident_note(c, &inc)->left_at)
		broken(c->s, I12, "page %.*s attempt %lld is given out, its incident was read %lld ms after it needed nobody any more",
		    STR_ARG(h->sent.page), (long long)h->sent.attempt, (long long)(inc.read_at[h->replica] - incident_note(c, &inc)->left_at));
}

static void on_given_out(struct checks *c, const struct happening *h)
{
	struct change page;
	struct attempt *a = attempt_of(c, &h->sent, &page);
	exercised(c->s, I10);
	if (a == NULL || a->claimed_at == 0)
		broken(c->s, I10, "page %.*s attempt %lld is sent, and was never claimed", STR_ARG(h->sent.page), (long long)h->sent.attempt);
	else if (a->replica != h->replica || a->life != h->life)
		broken(c->s, I10, "page %.*s attempt %lld is sent by r%d, and claimed by r%d", STR_ARG(h->sent.page), (long long)h->sent.attempt,
		    h->replica, a->replica);
	else if (a->is_given_out)
		broken(c->s, I10, "page %.*s attempt %lld is sent twice", STR_ARG(h->sent.page), (long long)h->sent.attempt);
	else {
		a->is_given_out = true;
		check_looked(c, h, &page);
	}
}

static void on_begin(struct checks *c, const struct happening *h)
{
	struct change page, inc;
	struct attempt *a = attempt_of(c, &h->sent, &page);
	exercised(c->s, I12);
	if (a == NULL || !a->is_given_out) {
		broken(c->s, I10, "page %.*s attempt %lld reaches a provider, and was not given out", STR_ARG(h->sent.page), (long long)h->sent.attempt);
		return;
	}
	a->begun_at = h->at;
	if (!memory_peek(c->s->memory, KIND_incident, page.is->page.incident, &inc)) {
		broken(c->s, I12, "page %.*s is sent for an incident that is gone", STR_ARG(h->sent.page));
		return;
	}
	if (h->at > inc.read_at[h->replica] + SECOND)
		broken(c->s, I12, "page %.*s attempt %lld starts %lld ms after the last look at its incident", STR_ARG(h->sent.page),
		    (long long)h->sent.attempt, (long long)(h->at - inc.read_at[h->replica]));
	int64_t left = incident_note(c, &inc)->left_at;
	if (inc.is->incident.status != 'd' && h->at > left + SECOND)
		broken(c->s, I12, "page %.*s attempt %lld starts %lld ms after its incident needed nobody any more", STR_ARG(h->sent.page),
		    (long long)h->sent.attempt, (long long)(h->at - left));
}

static void on_sink(struct checks *c, const struct happening *h)
{
	struct change page;
	struct attempt *a = attempt_of(c, &h->sent, &page);
	exercised(c->s, I11);
	if (a == NULL || a->begun_at == 0)
		broken(c->s, I10, "page %.*s attempt %lld is delivered, and was never sent", STR_ARG(h->sent.page), (long long)h->sent.attempt);
	else
		a->deliveries++;
}

static void on_result(struct checks *c, const struct happening *h)
{
	struct change page;
	struct attempt *a = attempt_of(c, &h->sent, &page);
	if (a == NULL)
		return;
	a->has_result = true;
	a->status = h->sent.status;
	a->result_at = h->at;
}

/* --- commits --- */

static void born(struct checks *c, const struct happening *h, const struct change *ch)
{
	c->s->verdict.pages++;
	if (change_of(h, KIND_incident, ch->is->page.incident) == NULL)
		broken(c->s, I8, "page %.*s was written without its incident", STR_ARG(ch->id));
}

/* Was the page delivered before, the engine knew, and nothing went wrong since? */
static void check_double(struct checks *c, const struct change *ch, const struct page_note *n)
{
	for (int64_t k = 1; k <= n->n; k++) {
		const struct attempt *a = &n->a[k];
		const struct node *r = &c->s->replica[a->replica];
		bool is_known = a->deliveries > 0 && a->has_result && a->status / 100 == 2;
		bool is_stuck = r->is_stepping && c->s->now - r->step_began_ms >= SECOND / 5;
		if (is_known && r->life == a->life && r->trouble_at < a->claimed_at && !is_stuck)
			broken(c->s, I11, "page %.*s is tried again, attempt %lld was delivered and its replica heard so", STR_ARG(ch->id), (long long)k);
	}
}

static void check_punctual(struct checks *c, const struct happening *h, const struct change *ch)
{
	int64_t from = ch->old_due > c->alive_since + MINUTE ? ch->old_due : c->alive_since + MINUTE;
	if (is_calm(c) && h->at > from + LATE_MS)
		broken(c->s, I5, "page %.*s is claimed %lld ms late", STR_ARG(ch->id), (long long)(h->at - from));
}

/* Who is first asked long after the level began still gets its whole wait: the claim moves the level's end. */
static void check_mended(struct checks *c, const struct happening *h, const struct change *ch)
{
	const struct fact_page *f = &ch->is->page;
	struct change inc;
	if (f->attempt != 1 || h->decided_from < f->owed_at + LATE_MS + CLOCK_MS || !memory_peek(c->s->memory, KIND_incident, f->incident, &inc))
		return;
	const struct fact_incident *i = &inc.is->incident;
	const struct plan_policy *p = incident_note(c, &inc)->policy;
	bool is_current = i->status == 'd' && !i->exhausted && i->round == f->round && i->level == f->level;
	if (is_current && inc.due < h->decided_from + p->levels[i->level].timeout - CLOCK_MS && change_of(h, KIND_incident, f->incident) == NULL)
		broken(c->s, I4, "page %.*s begins %lld s late, its level is not given the time", STR_ARG(f->id),
		    (long long)((h->decided_from - f->owed_at) / SECOND));
}

static void claimed(struct checks *c, const struct happening *h, const struct change *ch)
{
	struct page_note *n = page_note(c, ch);
	const struct fact_page *f = &ch->is->page;
	exercised(c->s, I20);
	if (f->attempt != ch->was->page.attempt + 1 || f->attempt > ATTEMPTS_MAX) {
		broken(c->s, I11, "page %.*s: attempt %lld after %lld", STR_ARG(f->id), (long long)f->attempt, (long long)ch->was->page.attempt);
		return;
	}
	if (h->at < ch->old_due - EARLY_MS)
		broken(c->s, I20, "page %.*s is claimed by r%d %lld ms before it was free", STR_ARG(f->id), h->replica, (long long)(ch->old_due - h->at));
	if (ch->due < h->decided_from + 30 * SECOND - CLOCK_MS || ch->due > h->decided_to + 30 * SECOND + CLOCK_MS)
		broken(c->s, I20, "page %.*s: a claim that does not run out after 30 s", STR_ARG(f->id));
	char name[16];
	replica_name(name, h->replica, h->life);
	if (!str_eq(f->owner, str_c(name)))
		broken(c->s, I20, "page %.*s is claimed by r%d in the name of %.*s", STR_ARG(f->id), h->replica, STR_ARG(f->owner));
	check_double(c, ch, n);
	check_mended(c, h, ch);
	check_punctual(c, h, ch);
	n->n = f->attempt;
	n->a[n->n] = (struct attempt){ .replica = h->replica, .life = h->life, .claimed_at = h->at };
}

static bool has_heard(const struct page_note *n, const struct happening *h, int lo, int hi)
{
	for (int64_t k = 1; k <= n->n; k++) {
		const struct attempt *a = &n->a[k];
		if (a->has_result && a->status >= lo && a->status <= hi && a->replica == h->replica && a->life == h->life)
			return true;
	}
	return false;
}

static void delivered(struct checks *c, const struct happening *h, const struct change *ch, const struct page_note *n)
{
	int deliveries = 0;
	for (int64_t k = 1; k <= n->n; k++)
		deliveries += n->a[k].deliveries;
	exercised(c->s, I11);
	if (!has_heard(n, h, 200, 299))
		broken(c->s, I11, "page %.*s is delivered, r%d never heard so", STR_ARG(ch->id), h->replica);
	else if (deliveries == 0)
		broken(c->s, I11, "page %.*s is delivered, and nobody got it", STR_ARG(ch->id));
	if (c->s->n_fired == 0 && (deliveries != 1 || n->n != 1))
		broken(c->s, I11, "page %.*s took %lld attempts on a day without faults", STR_ARG(ch->id), (long long)n->n);
}

static void failed(struct checks *c, const struct happening *h, const struct change *ch, const struct page_note *n)
{
	int64_t oldest = h->decided_to - ch->is->page.owed_at + CLOCK_MS;
	exercised(c->s, I9);
	if (ch->is->page.attempt == 0)
		broken(c->s, I11, "page %.*s failed without one attempt", STR_ARG(ch->id));
	if (oldest < PAGE_LIFE_MS - BACKOFF_MOST_MS && !has_heard(n, h, 400, 428))
		broken(c->s, I9, "page %.*s failed after %lld s, and no provider had refused it for good", STR_ARG(ch->id), (long long)(oldest / SECOND));
	if (change_of(h, KIND_incident, ch->is->page.incident) == NULL)
		broken(c->s, I9, "page %.*s failed, its incident is not in the commit", STR_ARG(ch->id));
}

static void cancelled(struct checks *c, const struct happening *h, const struct change *ch)
{
	struct change inc;
	const struct fact_page *f = &ch->is->page;
	if (!memory_peek(c->s->memory, KIND_incident, f->incident, &inc) || inc.is->incident.status != 'd')
		return;
	bool is_superseded = f->round != inc.is->incident.round || f->level != inc.is->incident.level;
	if (!is_superseded || h->at + CLOCK_MS < f->owed_at + PAGE_LIFE_MS)
		broken(c->s, I9, "page %.*s is cancelled, and somebody is still needed", STR_ARG(f->id));
}

/* Put back to be tried again: when, after what the attempt came to. */
static void put_back(struct checks *c, const struct happening *h, const struct change *ch, const struct page_note *n)
{
	const struct attempt *a = &n->a[n->n];
	bool is_ours = n->n > 0 && a->replica == h->replica && a->life == h->life;
	bool was_tried = is_ours && a->has_result && a->status >= 0;
	int64_t least = was_tried ? BACKOFF_LEAST_MS : 0, most = was_tried ? BACKOFF_MOST_MS : 0;
	if (!is_ours)
		broken(c->s, I20, "page %.*s is put back by r%d, which does not hold it", STR_ARG(ch->id), h->replica);
	else if (was_tried && a->status / 100 == 2)
		broken(c->s, I11, "page %.*s was delivered by attempt %lld and is put back", STR_ARG(ch->id), (long long)n->n);
	else if (a->begun_at && !a->has_result)
		broken(c->s, I11, "page %.*s is put back while attempt %lld is under way", STR_ARG(ch->id), (long long)n->n);
	else if (ch->due < h->decided_from + least - CLOCK_MS || ch->due > h->decided_to + most + CLOCK_MS)
		broken(c->s, I9, "page %.*s is tried again in %lld ms", STR_ARG(ch->id), (long long)(ch->due - h->at));
}

static void changed(struct checks *c, const struct happening *h, const struct change *ch)
{
	const struct page_note *n = page_note(c, ch);
	const struct fact_page *was = &ch->was->page, *is = &ch->is->page;
	bool is_over = is->status != 'o';
	if (was->status != 'o')
		broken(c->s, I15, "page %.*s was %c, and is written again", STR_ARG(is->id), was->status);
	if (is_over != (ch->due == STORE_NO_DUE))
		broken(c->s, I9, "page %.*s is %c and %s due", STR_ARG(is->id), is->status, is_over ? "still" : "never");
	if (!is_over && is->attempt != was->attempt)
		claimed(c, h, ch);
	else if (is->status == 'd')
		delivered(c, h, ch, n);
	else if (is->status == 'f')
		failed(c, h, ch, n);
	else if (is->status == 'c')
		cancelled(c, h, ch);
	else
		put_back(c, h, ch, n);
}

static void on_commit(struct checks *c, const struct happening *h)
{
	for (size_t i = 0; i < h->n_v && !c->s->is_over; i++) {
		const struct change *ch = &h->v[i];
		if (ch->kind != KIND_page)
			continue;
		if (ch->is == NULL)
			broken(c->s, I15, "page %.*s was removed by a commit", STR_ARG(ch->id));
		else if (ch->was == NULL)
			born(c, h, ch);
		else
			changed(c, h, ch);
	}
}

/* --- I27 --- */

/* What belongs to an incident does not go before it, but for the timeline's lines about repeated alerts. */
static void part_purged(struct checks *c, const struct change *ch)
{
	bool is_entry = ch->kind == KIND_entry, is_part = is_entry || ch->kind == KIND_page;
	struct str incident = { ch->id.p, ch->id.n < 36 ? ch->id.n : 36 };
	struct change owner;
	if (!is_part || (is_entry && str_eq(ch->was->entry.type, S("alert"))))
		return;
	if (memory_peek(c->s->memory, KIND_incident, incident, &owner) && owner.is->incident.status != 'r')
		broken(c->s, I27, "%s %.*s was purged while its incident is open", kinds[ch->kind].entity->name, STR_ARG(ch->id));
}

static void on_purge(struct checks *c, const struct change *ch)
{
	exercised(c->s, I27);
	bool is_alive = ch->old_due != STORE_NO_DUE || (ch->kind == KIND_incident && ch->was->incident.status != 'r') ||
	    (ch->kind == KIND_page && ch->was->page.status == 'o') || (ch->kind == KIND_alert && ch->was->alert.is_open);
	if (is_alive)
		broken(c->s, I27, "%s %.*s was purged alive", kinds[ch->kind].entity->name, STR_ARG(ch->id));
	part_purged(c, ch);
	*ch->note = NULL;
}

struct row { enum on what; void (*fn)(struct checks *c, const struct happening *h); };

void pages_see(struct checks *c, const struct happening *h)
{
	static const struct row rows[] = { { ON_SEND, on_given_out }, { ON_BEGIN, on_begin }, { ON_SINK, on_sink }, { ON_RESULT, on_result },
		{ ON_COMMIT, on_commit } };
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].what == h->what)
			rows[i].fn(c, h);
	if (h->what == ON_PURGE)
		on_purge(c, h->v);
}
