/* escalate.c - walking an escalation policy: one level a commit, every page of it owed in that commit.
 *
 * The policy is the one the incident was opened with (a snapshot), whatever the configuration says now; who a target reaches is asked when
 * the level begins. A level that reaches nobody says so and is over at once (due now). After the last level the next pass begins while
 * `repeat` allows; then the incident is exhausted: it stays open, on_exhausted is paged, and nothing more is due.
 */
#include "core/step.h"
#include "base/mutant.h"
#include <assert.h>

const struct policy *escalate_policy(const struct step *s, const struct incident *inc)
{
	const struct policy *p = world_policy_by_ref(s->v->world, inc->policy);
	struct str id, hash;
	if (MUTANT(38) && str_cut(inc->policy, '@', &id, &hash))
		return world_policy(s->v->world, id, &hash);
	return p ? p : step_get(s, KIND_policy, inc->policy);
}

static struct str place(const struct step *s, struct str channel, struct str address)
{
	return address.n ? arena_fmt(s->a, "%.*s:%.*s", STR_ARG(channel), STR_ARG(address)) : channel;
}

static void owe(struct step *s, const struct incident *inc, struct str target, struct reach r, struct str id)
{
	struct page *p = NEW(s->a, struct page);
	*p = (struct page){ .id = id, .incident = inc->id, .round = inc->round, .level = inc->level, .target = target,
		.channel = r.channel, .address = r.address, .status = PAGE_OWED, .owner = s->c->owner, .owed_at = s->now, .retry_at = s->now };
	if (!MUTANT(8) || inc->level == 0)
		step_put_page(s, p);
	s->out->end.pages_owed++;
}

struct owed { struct strs ids; struct buf names; size_t unreachable, left_out; };

static void owe_target(struct step *s, const struct incident *inc, size_t t, struct str target, struct owed *o)
{
	struct reach reach[PAGES_PER_LEVEL_MAX];
	size_t n = world_reach(s->v->world, target, reach, COUNT(reach));
	o->unreachable += n == 0;
	for (size_t rule = 0; rule < n; rule++) {
		if (o->ids.n == PAGES_PER_LEVEL_MAX) {
			o->left_out += n - rule;
			return;
		}
		struct str id = page_id(s->a, inc->id, inc->round, inc->level, t, rule);
		owe(s, inc, target, reach[rule], id);
		o->ids.v[o->ids.n++] = id;
		buf_fmt(&o->names, "%s%.*s by %.*s", o->names.n ? ", " : "", STR_ARG(target),
		    STR_ARG(place(s, reach[rule].channel, reach[rule].address)));
	}
}

/* Owes a page to everyone these targets reach, and writes the entry that says so. Returns how many pages are owed. */
static size_t owe_all(struct step *s, struct incident *inc, const struct strs *targets, enum entry_type type, const char *what)
{
	struct owed o = { { NEWN(s->a, struct str, PAGES_PER_LEVEL_MAX), 0 }, BUF(64 << 10), 0, 0 };
	for (size_t t = 0; t < targets->n; t++)
		owe_target(s, inc, t, targets->v[t], &o);
	struct str text = arena_fmt(s->a, "%s: %s%.*s", what, o.ids.n ? "paging " : "nobody to page", STR_ARG(buf_str(&o.names)));
	if (o.unreachable)
		text = arena_fmt(s->a, "%.*s; %zu of %zu targets reach nobody", STR_ARG(text), o.unreachable, targets->n);
	if (o.left_out)
		text = arena_fmt(s->a, "%.*s; %zu addresses over the limit of %d were left out", STR_ARG(text), o.left_out,
		    PAGES_PER_LEVEL_MAX);
	buf_free(&o.names);
	enum entry_type said = o.ids.n == 0 && type == ENTRY_LEVEL ? ENTRY_NOBODY : type;
	step_note(s, inc, said, inc->status, text)->pages = o.ids;
	return o.ids.n;
}

static void enter_level(struct step *s, struct incident *inc, const struct policy *p, int64_t level)
{
	const struct level *l = &p->levels.v[level];
	inc->level = level;
	s->out->end.levels_entered++;
	struct str what = arena_fmt(s->a, "level %lld of round %lld", (long long)level, (long long)inc->round);
	size_t pages = owe_all(s, inc, &l->targets, ENTRY_LEVEL, what.p);
	inc->due_at = pages ? s->now + l->timeout : s->now;
	if (MUTANT(20) && pages)
		inc->due_at -= 60 * 1000LL;
}

static void exhaust(struct step *s, struct incident *inc, const struct policy *p)
{
	static const struct strs nobody = { 0 };
	inc->level = p ? (int64_t)p->levels.n : 0;
	inc->exhausted = true;
	inc->due_at = 0;
	const char *what = p ? "every level was paged and nobody answered" : "the escalation policy does not exist";
	(void)owe_all(s, inc, p && !MUTANT(23) ? &p->on_exhausted.targets : &nobody, ENTRY_EXHAUSTED, what);
}

void escalate_begin(struct step *s, struct incident *inc)
{
	const struct policy *p = escalate_policy(s, inc);
	inc->exhausted = false;
	if (!MUTANT(37))
		inc->passes = 0;
	if (p == NULL || p->levels.n == 0)
		exhaust(s, inc, p);
	else
		enter_level(s, inc, p, 0);
}

void escalate_next(struct step *s, struct incident *inc)
{
	const struct policy *p = escalate_policy(s, inc);
	int64_t next = inc->level + 1 + (MUTANT(12) && inc->level == 0);
	assert(!inc->exhausted);
	if (p && next < (int64_t)p->levels.n) {
		enter_level(s, inc, p, next);
	} else if (p && inc->passes < p->repeat - MUTANT(25)) {
		inc->passes++;
		inc->round++;
		enter_level(s, inc, p, 0);
	} else {
		exhaust(s, inc, p);
	}
}

int64_t escalate_timeout_ms(const struct step *s, const struct incident *inc)
{
	const struct policy *p = escalate_policy(s, inc);
	return p && inc->level < (int64_t)p->levels.n ? p->levels.v[inc->level].timeout : 0;
}

void decide_timer(struct step *s)
{
	struct incident *inc = step_edit_incident(s, s->c->incident);
	if (inc == NULL) {
		step_end(s, OUT_NOT_FOUND, NULL, S("the incident is gone"));
		return;
	}
	struct move m = incident_move(inc->status, EV_DUE);
	if (MUTANT(10) && inc->status == ACKNOWLEDGED && inc->due_at == 0) {
		inc->due_at = s->now - s->c->clock_err_ms;
		m.acts = ACT_NEXT_LEVEL;
	}
	if (inc->due_at == 0 || s->now - s->c->clock_err_ms < inc->due_at || m.acts == ACT_KEEP) {
		step_end(s, OUT_NOTHING, inc, S("nothing is due"));
		return;
	}
	if (m.acts == ACT_NEW_ROUND)
		act_unacknowledge(s, inc, S("still not resolved when the acknowledgement ran out"));
	else
		escalate_next(s, inc);
	step_put_incident(s, inc);
	step_end(s, OUT_DONE, inc, S(""));
}
