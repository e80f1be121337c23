/* act.c - what people do to an incident, and what sources do in their name: acknowledge, resolve, un-acknowledge, note.
 *
 * First acknowledgement wins and its time never changes. A second one is nothing to do for whoever has it already and wherever paging
 * happens; through the API another person is told who has it. Each change is one entry in the timeline, in the same commit.
 */
#include "core/step.h"
#include "base/mutant.h"
#include <assert.h>

static struct str refusal(const struct step *s, const char *verb, const struct incident *inc)
{
	struct str word = enum_word(&incident_status_names, (int)inc->status);
	return arena_fmt(s->a, "Cannot %s incident in %.*s status", verb, STR_ARG(word));
}

/* The incident a command names, for changing; or NULL, and the decision has ended with the reason. */
static struct incident *subject(struct step *s)
{
	struct incident *inc = step_edit_incident(s, s->c->incident);
	if (inc == NULL) {
		step_end(s, OUT_NOT_FOUND, NULL, arena_fmt(s->a, "no incident %.*s", STR_ARG(s->c->incident)));
		return NULL;
	}
	if (s->c->expect && s->c->expect != inc->version) {
		step_end(s, OUT_STALE, inc, arena_fmt(s->a, "the incident has changed: it is at version %lld, you saw %lld",
		    (long long)inc->version, (long long)s->c->expect));
		return NULL;
	}
	return inc;
}

void act_acknowledge(struct step *s, struct incident *inc)
{
	const struct service *svc = world_service(s->v->world, inc->service);
	enum incident_status before = inc->status;
	assert(before == DETECTED);
	inc->status = ACKNOWLEDGED;
	inc->acknowledged_at = s->now;
	inc->acknowledged_by = s->c->actor;
	inc->acknowledged_via = s->c->via;
	if (!MUTANT(16))
		inc->due_at = svc && svc->ack_timeout && !MUTANT(35) ? s->now + svc->ack_timeout : 0;
	struct str text = arena_fmt(s->a, "acknowledged by %.*s", STR_ARG(s->c->actor));
	step_note(s, inc, ENTRY_ACKNOWLEDGED, before, text);
}

void act_unacknowledge(struct step *s, struct incident *inc, struct str text)
{
	enum incident_status before = inc->status;
	assert(before == ACKNOWLEDGED);
	inc->status = DETECTED;
	inc->acknowledged_at = 0;
	inc->acknowledged_by = inc->acknowledged_via = S("");
	inc->round += !MUTANT(34);
	inc->level = 0;
	step_note(s, inc, ENTRY_UNACKNOWLEDGED, before, text);
	escalate_begin(s, inc);
}

/* The alert that opened the incident is over with it, so that its document may be forgotten one day. The other keys of a grouped
 * incident stay as they are: a key counts as open only while its incident is. */
static void close_own_alert(struct step *s, const struct incident *inc)
{
	struct str id = alert_id(s->a, inc->source, inc->service, inc->dedup_key);
	const struct alert *read = step_get(s, KIND_alert, id);
	if (read == NULL || !read->is_open || !str_eq(read->incident, inc->id))
		return;
	struct alert *alert = NEW(s->a, struct alert);
	*alert = *read;
	alert->is_open = false;
	step_put_alert(s, alert);
}

void act_resolve(struct step *s, struct incident *inc, struct str root_cause, struct strs steps)
{
	enum incident_status before = inc->status;
	assert(before != RESOLVED);
	if (!MUTANT(17))
		inc->status = RESOLVED;
	inc->resolved_at = s->now;
	inc->resolved_by = s->c->actor;
	inc->root_cause = root_cause;
	inc->resolution_steps = steps;
	if (!MUTANT(17))
		inc->due_at = 0;
	struct str text = arena_fmt(s->a, "resolved by %.*s%s%.*s", STR_ARG(s->c->actor), root_cause.n ? ": " : "", STR_ARG(root_cause));
	step_note(s, inc, ENTRY_RESOLVED, before, text);
	close_own_alert(s, inc);
	s->out->end.has_resolved = true;
}

/* Through these a person looks at the answer and must be told who was first; everywhere else a second acknowledgement is simply fine. */
static bool is_told(struct str via)
{
	return str_eq(via, S("api")) || str_eq(via, S("cli"));
}

void decide_acknowledge(struct step *s)
{
	struct incident *inc = subject(s);
	if (inc == NULL)
		return;
	struct move m = incident_move(inc->status, EV_ACKNOWLEDGE);
	if (!m.ok) {
		step_end(s, OUT_REFUSED, inc, refusal(s, "acknowledge", inc));
	} else if (m.acts & ACT_KEEP) {
		bool is_other = is_told(s->c->via) && !str_eq(inc->acknowledged_by, s->c->actor);
		struct str who = arena_fmt(s->a, "%.*s: %.*s has it", STR_ARG(refusal(s, "acknowledge", inc)), STR_ARG(inc->acknowledged_by));
		step_end(s, is_other ? OUT_REFUSED : OUT_NOTHING, inc, who);
	} else {
		act_acknowledge(s, inc);
		step_put_incident(s, inc);
		step_end(s, OUT_DONE, inc, S(""));
	}
}

void decide_resolve(struct step *s)
{
	struct incident *inc = subject(s);
	if (inc == NULL)
		return;
	if (!incident_move(inc->status, EV_RESOLVE).ok) {
		step_end(s, OUT_REFUSED, inc, refusal(s, "resolve", inc));
		return;
	}
	act_resolve(s, inc, s->c->text, s->c->steps);
	step_put_incident(s, inc);
	step_end(s, OUT_DONE, inc, S(""));
}

void decide_unacknowledge(struct step *s)
{
	struct incident *inc = subject(s);
	if (inc == NULL)
		return;
	if (!incident_move(inc->status, EV_UNACKNOWLEDGE).ok) {
		step_end(s, OUT_REFUSED, inc, refusal(s, "unacknowledge", inc));
		return;
	}
	act_unacknowledge(s, inc, arena_fmt(s->a, "acknowledgement withdrawn by %.*s", STR_ARG(s->c->actor)));
	step_put_incident(s, inc);
	step_end(s, OUT_DONE, inc, S(""));
}

void decide_note(struct step *s)
{
	struct incident *inc = subject(s);
	if (inc == NULL)
		return;
	step_note(s, inc, ENTRY_NOTE, inc->status, s->c->text);
	step_put_incident(s, inc);
	step_end(s, OUT_DONE, inc, S(""));
}
