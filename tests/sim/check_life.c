/* check_life.c - the life of incidents: I4, I5, I6, I7, I8, I13, I14, I15, I25.
 *
 * A commit may hold several decisions about one incident. The timeline entries in it, in order, must lead from the state before to the
 * state after: each entry is replayed as one move, checked against the policy the incident was opened with and against what its due time was,
 * and where the walk ends the document must be.
 */
#include "model/kinds.h"
#include "tests/sim/check.h"
#include <stdio.h>
#include <string.h>

enum { COL_ACK, COL_RESOLVE, COL_UNACK };

/* Where the replay stands. The due time is known within the time the decision took. */
struct walk {
	struct checks *c;
	const struct happening *h;
	const struct change *ch;
	const struct plan_policy *policy;
	struct incident_note *note;
	const struct plan_service *service;
	char status;
	int64_t round, level, passes;
	bool is_exhausted, is_fresh_round, has_due;
	bool is_pulled;                          /* a page that failed brought the due time forward */
	int64_t due_lo, due_hi;
};

struct incident_note *incident_note(struct checks *c, const struct change *ch)
{
	if (*ch->note == NULL)
		*ch->note = NEW(&c->s->mem, struct incident_note);
	return *ch->note;
}

static void due_in(struct walk *w, int64_t ms)
{
	w->has_due = true;
	w->due_lo = w->h->decided_from + ms - CLOCK_MS;
	w->due_hi = w->h->decided_to + ms + CLOCK_MS;
}

/* --- I8: the pages of a level --- */

static size_t expected_pages(const struct walk *w, const int *targets, int n, char out[][64])
{
	size_t have = 0;
	for (int i = 0; i < n; i++)
		have += (size_t)plan_reach(&w->h->config->plan, targets[i], &out[have]);
	return have;
}

static bool is_page_of(const struct walk *w, const struct change *p)
{
	const struct fact_page *f = &p->is->page;
	return str_eq(f->incident, w->ch->id) && f->round == w->round && f->level == w->level;
}

static void check_page_born(const struct walk *w, const struct change *p)
{
	const struct fact_page *f = &p->is->page;
	char prefix[96], name[16];
	replica_name(name, w->h->replica, w->h->life);
	if (!str_eq(f->owner, str_c(name)))
		broken(w->c->s, I8, "page %.*s is not held by %s, which wrote it", STR_ARG(f->id), name);
	write_text(prefix, sizeof prefix, "%.*s/%lld/%lld/", STR_ARG(w->ch->id), (long long)w->round, (long long)w->level);
	if (f->status != 'o' || f->attempt != 0 || p->due > w->h->decided_to + CLOCK_MS)
		broken(w->c->s, I8, "page %.*s is not born owed and due now", STR_ARG(f->id));
	if (!str_starts(f->id, str_c(prefix)) || !str_eq(f->id, p->id))
		broken(w->c->s, I8, "page %.*s does not belong where its id says (round %lld, level %lld)", STR_ARG(p->id), (long long)f->round,
		    (long long)f->level);
}

static size_t count_born(struct walk *w, char wanted[][64], size_t n_wanted)
{
	size_t n = 0;
	for (size_t i = 0; i < w->h->n_v; i++) {
		const struct change *p = &w->h->v[i];
		char place[64];
		bool is_wanted = false;
		if (p->kind != KIND_page || p->is == NULL || p->was || !is_page_of(w, p))
			continue;
		write_text(place, sizeof place, "%.*s:%.*s", STR_ARG(p->is->page.channel), STR_ARG(p->is->page.address));
		for (size_t k = 0; k < n_wanted; k++)
			is_wanted = is_wanted || strcmp(place, wanted[k]) == 0;
		if (!is_wanted)
			broken(w->c->s, I8, "page %.*s to %s, where the policy leads nobody", STR_ARG(p->id), place);
		check_page_born(w, p);
		n++;
	}
	return n;
}

static size_t check_pages(struct walk *w, const int *targets, int n_targets, const struct fact_entry *e)
{
	char wanted[TARGETS_MAX * REACH_MAX][64];
	size_t n = expected_pages(w, targets, n_targets, wanted), named = 0;
	for (size_t i = 0; i < e->pages.n; i++)
		named += e->pages.p[i] == '"';
	exercised(w->c->s, I8);
	if (count_born(w, wanted, n) != n)
		broken(w->c->s, I8, "%.*s round %lld level %lld: %zu pages are owed, not all are in the commit", STR_ARG(w->ch->id),
		    (long long)w->round, (long long)w->level, n);
	if (named != 2 * n)
		broken(w->c->s, I8, "entry %.*s names %zu pages of %zu", STR_ARG(e->id), named / 2, n);
	return n;
}

/* --- the moves --- */

static void unlisted(struct walk *w, const struct fact_entry *e, const char *why)
{
	broken(w->c->s, I25, "entry %.*s \"%.*s\": %s", STR_ARG(e->id), STR_ARG(e->type), why);
}

static void on_detected(struct walk *w, const struct fact_entry *e)
{
	if (w->ch->was || w->status)
		unlisted(w, e, "an incident is detected once");
	w->status = 'd';
	w->is_fresh_round = true;
}

/* The level that must come now; false: the end. */
static bool next_place(struct walk *w)
{
	if (w->is_fresh_round) {
		w->is_fresh_round = w->is_exhausted = false;
		w->passes = 0;
		w->level = 0;
		return true;
	}
	if (w->level + 1 < w->policy->n_levels) {
		w->level++;
		return true;
	}
	if (w->passes < w->policy->repeat) {
		w->passes++;
		w->round++;
		w->level = 0;
		return true;
	}
	w->level = w->policy->n_levels;
	w->is_exhausted = true;
	return false;
}

static void check_on_time(struct walk *w, const struct fact_entry *e)
{
	struct checks *c = w->c;
	const struct node *r = &c->s->replica[w->h->replica];
	if (w->is_fresh_round)
		return;
	exercised(c->s, I6);
	if (r->skew_ms)
		exercised(c->s, I19);
	if (w->status != 'd' || w->is_exhausted)
		broken(c->s, I14, "%.*s goes on to level %lld in status %c", STR_ARG(e->id), (long long)e->level, w->status);
	if (!w->has_due)
		broken(c->s, I6, "%.*s begins level %lld although nothing was due", STR_ARG(e->id), (long long)e->level);
	else if (w->h->at < w->due_lo - EARLY_MS)
		broken(c->s, I6, "%.*s begins level %lld %lld ms early", STR_ARG(e->id), (long long)e->level, (long long)(w->due_lo - w->h->at));
	if (!is_calm(c))
		return;
	int64_t from = w->due_hi > c->alive_since ? w->due_hi : c->alive_since;
	exercised(c->s, I5);
	if (c->s->is_restarted)
		exercised(c->s, I21);
	if (w->h->at > from + LATE_MS)
		broken(c->s, c->s->is_restarted ? I21 : I5, "%.*s begins level %lld %lld ms late", STR_ARG(e->id), (long long)e->level,
		    (long long)(w->h->at - from));
}

static void on_level(struct walk *w, const struct fact_entry *e)
{
	struct checks *c = w->c;
	check_on_time(w, e);
	bool is_level = next_place(w);
	exercised(c->s, I7);
	if (e->round != w->round || e->level != w->level || is_level == str_eq(e->type, S("exhausted"))) {
		broken(c->s, I7, "%.*s \"%.*s\" is round %lld level %lld, expected %s round %lld level %lld", STR_ARG(e->id), STR_ARG(e->type),
		    (long long)e->round, (long long)e->level, is_level ? "" : "the end,", (long long)w->round, (long long)w->level);
		return;
	}
	if (!is_level) {
		check_pages(w, w->policy->exhausted, w->policy->n_exhausted, e);
		w->has_due = false;
		return;
	}
	size_t n = check_pages(w, w->policy->levels[w->level].targets, w->policy->levels[w->level].n_targets, e);
	if ((n == 0) != str_eq(e->type, S("nobody")))
		broken(c->s, I8, "%.*s is \"%.*s\" with %zu pages", STR_ARG(e->id), STR_ARG(e->type), n);
	due_in(w, n ? w->policy->levels[w->level].timeout : 0);
}

static void on_acknowledged(struct walk *w, const struct fact_entry *e)
{
	if (w->status != 'd')
		unlisted(w, e, "only a detected incident can be acknowledged");
	w->status = 'a';
	w->has_due = false;
	w->note->entries[COL_ACK]++;
	if (w->service->ack_timeout)
		due_in(w, w->service->ack_timeout);
}

static bool was_asked(const struct walk *w, enum want want)
{
	const struct sim *s = w->c->s;
	for (size_t i = s->n_requests; i-- > 0;)
		if (s->requests[i]->want == want && s->requests[i]->replica >= 0 && str_eq(str_c(s->requests[i]->incident), w->ch->id))
			return true;
	return false;
}

static void on_unacknowledged(struct walk *w, const struct fact_entry *e)
{
	bool is_person = !str_eq(e->actor, S("tocsin"));
	exercised(w->c->s, I13);
	if (w->status != 'a')
		unlisted(w, e, "only an acknowledgement can be withdrawn");
	if (is_person && !was_asked(w, WANT_UNACK))
		broken(w->c->s, I13, "%.*s withdraws an acknowledgement that nobody asked back", STR_ARG(e->id));
	if (!is_person && (!w->has_due || w->h->at < w->due_lo - EARLY_MS))
		broken(w->c->s, I13, "%.*s: an acknowledgement ran out that had no end, or not yet", STR_ARG(e->id));
	w->note->entries[COL_UNACK] += is_person;
	w->status = 'd';
	w->round++;
	w->is_fresh_round = true;
}

static void on_resolved(struct walk *w, const struct fact_entry *e)
{
	if (w->status == 'r')
		unlisted(w, e, "it was resolved already");
	w->status = 'r';
	w->has_due = false;
	w->note->entries[COL_RESOLVE]++;
}

static void on_page_failed(struct walk *w, const struct fact_entry *e)
{
	bool is_current = false;
	(void)e;
	for (size_t i = 0; i < w->h->n_v; i++) {
		const struct change *p = &w->h->v[i];
		is_current = is_current || (p->kind == KIND_page && p->is && p->is->page.status == 'f' && is_page_of(w, p));
	}
	if (!is_current || w->status != 'd' || !w->has_due)
		return;
	exercised(w->c->s, I9);
	int64_t now_hi = w->h->decided_to + CLOCK_MS;
	w->due_lo = w->due_lo < w->h->decided_from - CLOCK_MS ? w->due_lo : w->h->decided_from - CLOCK_MS;
	w->due_hi = w->due_hi < now_hi ? w->due_hi : now_hi;
	w->is_pulled = true;
}

static void on_late(struct walk *w, const struct fact_entry *e)
{
	if (w->status != 'd' || w->is_exhausted || w->level >= w->policy->n_levels)
		unlisted(w, e, "there is no level to be late");
	else
		due_in(w, w->policy->levels[w->level].timeout);
}

static void on_nothing(struct walk *w, const struct fact_entry *e)
{
	(void)w, (void)e;
}

struct move_row { const char *type; void (*fn)(struct walk *w, const struct fact_entry *e); };
static const struct move_row moves[] = {
	{ "detected", on_detected }, { "alert", on_nothing }, { "level", on_level }, { "nobody", on_level }, { "exhausted", on_level },
	{ "acknowledged", on_acknowledged }, { "unacknowledged", on_unacknowledged }, { "resolved", on_resolved }, { "note", on_nothing },
	{ "page_failed", on_page_failed }, { "late", on_late },
};

static void replay_entry(struct walk *w, const struct change *ch)
{
	const struct fact_entry *e = &ch->is->entry;
	char before = w->status ? w->status : 'd';
	size_t i = 0;
	while (i < COUNT(moves) && !str_eq(str_c(moves[i].type), e->type))
		i++;
	exercised(w->c->s, I25);
	if (i == COUNT(moves) || ch->was || e->actor.n == 0)
		unlisted(w, e, ch->was ? "an entry is never changed" : "no such entry, or nobody did it");
	else
		moves[i].fn(w, e);
	if (e->before != before || e->after != w->status)
		unlisted(w, e, "says another status than the incident had");
}

/* The entries of this incident in this commit, in the order of their numbers. */
static void replay(struct walk *w)
{
	int64_t from = w->ch->was ? w->ch->was->incident.entries : 0, to = w->ch->is->incident.entries;
	size_t n = 0;
	for (size_t i = 0; i < w->h->n_v; i++)
		n += w->h->v[i].kind == KIND_entry && str_starts(w->h->v[i].id, w->ch->id);
	if (from > to || n != (size_t)(to - from))
		broken(w->c->s, I25, "%.*s counts entries %lld to %lld, %zu are in the commit", STR_ARG(w->ch->id), (long long)from, (long long)to, n);
	for (int64_t k = from; k < to && !w->c->s->is_over; k++) {
		char id[64];
		write_text(id, sizeof id, "%.*s/%06lld", STR_ARG(w->ch->id), (long long)k);
		const struct change *ch = change_of(w->h, KIND_entry, str_c(id));
		if (ch && ch->is)
			replay_entry(w, ch);
		else
			broken(w->c->s, I25, "entry %s is not in the commit that counts it", id);
	}
}

/* --- where the walk must end --- */

static void check_place(const struct walk *w)
{
	const struct fact_incident *f = &w->ch->is->incident;
	if (f->status != w->status)
		broken(w->c->s, w->status == 'a' ? I13 : I25, "%.*s is %c, its timeline says %c", STR_ARG(f->id), f->status, w->status);
	if (f->round != w->round || f->level != w->level || f->passes != w->passes || f->exhausted != w->is_exhausted)
		broken(w->c->s, I7, "%.*s is at round %lld level %lld pass %lld, its timeline says %lld %lld %lld", STR_ARG(f->id),
		    (long long)f->round, (long long)f->level, (long long)f->passes, (long long)w->round, (long long)w->level, (long long)w->passes);
}

static void check_due(const struct walk *w)
{
	const struct fact_incident *f = &w->ch->is->incident;
	int64_t due = w->ch->due;
	exercised(w->c->s, I4);
	if (f->due_at != (due == STORE_NO_DUE ? 0 : due))
		broken(w->c->s, I4, "%.*s says another due time than the store", STR_ARG(f->id));
	if (!w->has_due && due != STORE_NO_DUE)
		broken(w->c->s, I4, "%.*s in status %c is due although nothing can be", STR_ARG(f->id), f->status);
	if (w->has_due && (due < w->due_lo || due > w->due_hi))
		broken(w->c->s, w->is_pulled ? I9 : I4, "%.*s in status %c is due %lld ms away from %s", STR_ARG(f->id), f->status,
		    (long long)(due == STORE_NO_DUE ? -1 : due < w->due_lo ? w->due_lo - due : due - w->due_hi), due < w->due_lo ? "above" : "below");
}

static void check_kept(const struct walk *w)
{
	const struct fact_incident *is = &w->ch->is->incident, *was = &w->ch->was->incident;
	bool is_same = str_eq(is->policy, was->policy) && str_eq(is->source, was->source) && str_eq(is->service, was->service) &&
	    is->number == was->number && str_eq(is->dedup_key, was->dedup_key);
	if (!is_same)
		broken(w->c->s, I15, "%.*s changed what it was opened with", STR_ARG(is->id));
	if (was->status == 'a' && is->status == 'a' && is->round == was->round && !str_eq(is->acknowledged_by, was->acknowledged_by))
		broken(w->c->s, I13, "%.*s: the acknowledgement went from one person to another", STR_ARG(is->id));
	if (was->status == 'a')
		exercised(w->c->s, I13);
}

static void born(struct walk *w)
{
	const struct fact_incident *f = &w->ch->is->incident;
	const struct plan *plan = &w->h->config->plan;
	if (!str_eq(f->policy, str_c(plan->policy[w->service->policy].ref)))
		broken(w->c->s, I7, "%.*s was opened with policy %.*s", STR_ARG(f->id), STR_ARG(f->policy));
	w->note->policy = plan_by_ref(w->c->s, f->policy);
	w->c->s->verdict.incidents++;
}

static void as_it_was(struct walk *w)
{
	const struct fact_incident *f = &w->ch->was->incident;
	w->status = f->status;
	w->round = f->round;
	w->level = f->level;
	w->passes = f->passes;
	w->is_exhausted = f->exhausted;
	w->has_due = w->ch->old_due != STORE_NO_DUE;
	w->due_lo = w->due_hi = w->ch->old_due;
}

static void on_incident(struct checks *c, const struct happening *h, const struct change *ch)
{
	int service = plan_service_index(ch->is->incident.service);
	struct walk w = { .c = c, .h = h, .ch = ch, .note = incident_note(c, ch) };
	if (service < 0 || h->config == NULL) {
		broken(c->s, I2, "%.*s is about a service that does not exist", STR_ARG(ch->id));
		return;
	}
	w.service = &h->config->plan.service[service];
	if (ch->was)
		as_it_was(&w);
	else
		born(&w);
	w.policy = w.note->policy;
	if (w.policy == NULL)
		return;
	replay(&w);
	check_place(&w);
	check_due(&w);
	if (ch->was)
		check_kept(&w);
	exercised(c->s, I15);
	if (ch->was && ch->was->incident.status == 'd' && ch->is->incident.status != 'd')
		w.note->left_at = h->at;
}

static void on_conflict(struct checks *c, const struct happening *h)
{
	if (h->n_v && h->v[0].kind == KIND_incident && h->v[0].was && h->v[0].was->incident.status != 'd')
		exercised(c->s, I14);
}

void life_see(struct checks *c, const struct happening *h)
{
	if (h->what == ON_CONFLICT)
		on_conflict(c, h);
	if (h->what != ON_COMMIT)
		return;
	exercised(c->s, I16);
	for (size_t i = 0; i < h->n_v && !c->s->is_over; i++) {
		const struct change *ch = &h->v[i];
		if (ch->kind == KIND_incident && ch->is)
			on_incident(c, h, ch);
		else if (ch->kind == KIND_incident || (ch->kind == KIND_entry && ch->was))
			broken(c->s, I15, "%s %.*s was removed or rewritten by a commit", kinds[ch->kind].entity->name, STR_ARG(ch->id));
		else if (ch->kind == KIND_entry && !change_of(h, KIND_incident, (struct str){ ch->id.p, 36 }))
			broken(c->s, I25, "entry %.*s came without its incident", STR_ARG(ch->id));
	}
}
