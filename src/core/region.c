/* region.c - what a standby's take-over does to an incident, and what its giving back does to the same incident where it came from.
 *
 * Take-over: whoever led before was not seen for too long, so nobody knows what became of its pages. What was being paged is treated as new.
 * What somebody had acknowledged is not trusted to be in good hands any more: on-call is paged again and the next level at once, and it goes on
 * from there. Once a reign, so that a crash in the middle of many resumes without paging anybody twice.
 *
 * Giving back: a person's word counts on both sides. What was acknowledged or resolved there is so here, unless it went further here; what began
 * there begins here, in the same commit in which it is acknowledged or resolved, so that it pages nobody who need not come. Either way the
 * timeline tells what happened there.
 */
#include "core/step.h"
#include <assert.h>

static void begin_again(struct step *s, struct incident *inc)
{
	struct move m = incident_move(inc->status, EV_TAKE_OVER);
	enum incident_status before = inc->status;
	struct str had = before == ACKNOWLEDGED ? arena_fmt(s->a, "; the acknowledgement of %.*s is set aside", STR_ARG(inc->acknowledged_by)) : S("");
	inc->status = m.to;
	inc->acknowledged_at = 0;
	inc->acknowledged_by = inc->acknowledged_via = S("");
	inc->reign = s->c->reign;
	inc->own_round = ++inc->round;
	inc->level = 0;
	step_note(s, inc, ENTRY_TAKEN_OVER, before, arena_fmt(s->a, "%.*s%.*s", STR_ARG(s->c->text), STR_ARG(had)));
	escalate_begin(s, inc);
	const struct policy *p = escalate_policy(s, inc);
	if (m.acts & ACT_NEXT_LEVEL && !inc->exhausted && p->levels.n > 1)
		inc->due_at = s->now;                     /* on-call and, by the next look at what is due, the level above */
}

void decide_take_over(struct step *s)
{
	struct incident *inc = step_edit_incident(s, s->c->incident);
	assert(s->c->reign > 0);
	if (inc == NULL) {
		step_end(s, OUT_NOT_FOUND, NULL, S("the incident is gone"));
	} else if (incident_move(inc->status, EV_TAKE_OVER).acts == ACT_KEEP || inc->reign == s->c->reign) {
		step_end(s, OUT_NOTHING, inc, S("nothing to take over"));
	} else {
		begin_again(s, inc);
		step_put_incident(s, inc);
		step_end(s, OUT_DONE, inc, S(""));
	}
}

/* The incident that this decision has put, for changing once more. */
static struct incident *put_before(struct step *s, struct str id)
{
	struct incident *copy = NEW(s->a, struct incident);
	for (size_t i = 0; i < s->out->n; i++)
		if (s->out->v[i].kind == KIND_incident && str_eq(s->out->v[i].id, id)) {
			*copy = *(const struct incident *)s->out->v[i].obj;
			return copy;
		}
	return NULL;
}

/* It began there and is not known here: opens it under the same id, or counts on the open incident of the same alert. NULL: refused, and the
 * decision has ended with the reason. */
static struct incident *open_here(struct step *s)
{
	struct command as = *s->c;
	const struct command *asked = s->c;
	as.actor = arena_fmt(s->a, "integration:%.*s", STR_ARG(asked->event.integration));
	s->c = &as;
	decide_event(s);
	s->c = asked;
	enum outcome o = s->out->end.outcome;
	return o == OUT_CREATED || o == OUT_FOLDED ? put_before(s, s->out->end.incident) : NULL;
}

/* Does here what a person did there. An alert that is open here again since is news of its own: only an incident of the same id is resolved. */
static void follow(struct step *s, struct incident *inc)
{
	struct command as = *s->c;
	const struct command *asked = s->c;
	as.actor = asked->acted_by;
	s->c = &as;
	if (asked->wants == ACKNOWLEDGED && inc->status == DETECTED)
		act_acknowledge(s, inc);
	else if (asked->wants == RESOLVED && inc->status != RESOLVED && str_eq(inc->id, asked->incident))
		act_resolve(s, inc, asked->root_cause, asked->steps);
	s->c = asked;
}

void decide_hand_back(struct step *s)
{
	struct incident *inc = step_edit_incident(s, s->c->incident);
	bool is_known = inc != NULL;
	if (!is_known)
		inc = open_here(s);
	if (inc == NULL)
		return;
	struct str was = enum_word(&incident_status_names, (int)inc->status), there = enum_word(&incident_status_names, (int)s->c->wants);
	follow(s, inc);
	step_note(s, inc, ENTRY_HANDED_BACK, inc->status, arena_fmt(s->a, "%.*s there%s%.*s, %.*s here. %.*s", STR_ARG(there),
	    s->c->wants == DETECTED ? "" : " by ", STR_ARG(s->c->wants == DETECTED ? S("") : s->c->acted_by),
	    STR_ARG(is_known ? was : S("not known")), STR_ARG(s->c->text)));
	step_put_incident(s, inc);
	if (is_known)
		step_end(s, OUT_DONE, inc, S(""));
}
