/* event.c - what a sender says becomes an incident, is counted on one, or ends one.
 *
 * An alert is named by integration, service and dedup key. It is open while its source has not resolved it and its incident is
 * not resolved, so resolving an incident needs to touch no other document. A trigger without a key is a new alert every time. A resolve or
 * acknowledge without an open alert is accepted and changes nothing (senders repeat themselves).
 */
#include "core/step.h"
#include "base/mutant.h"
#include <assert.h>

/* What is known about the event's alert. */
struct known {
	struct str id, dedup_key;
	const struct alert *alert;               /* as read; NULL: never seen */
	struct incident *incident;               /* to change; NULL: no open one */
};

static struct incident *open_incident(const struct step *s, struct str id)
{
	struct incident *inc = step_edit_incident(s, id);
	return inc && (inc->status != RESOLVED || MUTANT(33)) ? inc : NULL;
}

static struct known look(const struct step *s)
{
	const struct event *ev = &s->c->event;
	struct known k = { .dedup_key = ev->dedup_key.n ? ev->dedup_key : s->c->fresh_id };
	k.id = alert_id(s->a, ev->integration, ev->service, k.dedup_key);
	k.alert = step_get(s, KIND_alert, k.id);
	if (k.alert && k.alert->is_open)
		k.incident = open_incident(s, k.alert->incident);
	return k;
}

/* The alert after this event; count begins anew with a new incident. */
static void put_alert(struct step *s, const struct known *k, const struct incident *inc, bool is_first)
{
	const struct event *ev = &s->c->event;
	struct alert *a = NEW(s->a, struct alert);
	if (k->alert)
		*a = *k->alert;
	if (is_first) {
		a->count = 0;
		a->first_at = s->now;
	}
	a->id = k->id;
	a->integration = ev->integration;
	a->dedup_key = k->dedup_key;
	a->service = ev->service;
	a->incident = inc->id;
	a->is_open = true;
	a->severity = ev->severity;
	a->summary = ev->title;
	a->count++;
	a->last_at = s->now;
	step_put_alert(s, a);
}

static void raise_severity(struct step *s, struct incident *inc)
{
	int64_t to = s->c->event.severity;
	if (to <= inc->severity)
		return;
	struct str from_name = severity_name(inc->severity), to_name = severity_name(to);
	inc->severity = to;
	step_note(s, inc, ENTRY_ALERT, inc->status, arena_fmt(s->a, "severity raised from %.*s to %.*s: %.*s", STR_ARG(from_name),
	    STR_ARG(to_name), STR_ARG(s->c->event.title)));
}

/* Counted on an open incident: nobody is paged for it. */
static void fold(struct step *s, const struct known *k, struct incident *inc, bool is_new_key)
{
	assert(incident_move(inc->status, EV_ALERT).acts == ACT_COUNT);
	inc->alert_count += !MUTANT(32);
	inc->last_alert_at = s->now;
	if (is_new_key) {
		inc->open_alerts++;
		step_note(s, inc, ENTRY_ALERT, inc->status, arena_fmt(s->a, "alert %.*s folded in: %.*s", STR_ARG(k->dedup_key),
		    STR_ARG(s->c->event.title)))->alert = k->id;
	}
	raise_severity(s, inc);
	put_alert(s, k, inc, is_new_key);
	step_put_incident(s, inc);
	step_end(s, OUT_FOLDED, inc, S("counted on the open incident"));
}

static struct incident *incident_of(struct step *s, const struct known *k, const struct service *svc)
{
	const struct event *ev = &s->c->event;
	struct incident *inc = NEW(s->a, struct incident);
	struct str ref = svc->policy;
	(void)world_policy(s->v->world, svc->policy, &ref);        /* a policy that is gone leaves its bare id, and escalate says so */
	*inc = (struct incident){ .id = s->c->fresh_id, .number = s->c->fresh_number, .title = ev->title,
		.description = ev->description, .severity = ev->severity, .status = DETECTED, .service = ev->service,
		.source = ev->integration, .dedup_key = k->dedup_key, .alert_count = 1, .open_alerts = 1, .labels = ev->labels,
		.tags = ev->tags, .links = ev->links, .details = ev->details, .policy = ref, .reign = s->c->reign, .detected_at = s->now,
		.last_alert_at = s->now };
	s->out->end.used_fresh_number = true;
	return inc;
}

static void create(struct step *s, const struct known *k, const struct service *svc)
{
	struct incident *inc = incident_of(s, k, svc);
	assert(inc->id.n == 36 && inc->number > 0);
	step_note(s, inc, ENTRY_DETECTED, DETECTED, arena_fmt(s->a, "alert %.*s from %.*s opened the incident", STR_ARG(k->dedup_key),
	    STR_ARG(inc->source)));
	escalate_begin(s, inc);
	put_alert(s, k, inc, true);
	if (svc->grouping == GROUPING_SERVICE) {
		struct group *g = NEW(s->a, struct group);
		*g = (struct group){ .id = group_id(s->a, svc->id), .incident = inc->id };
		step_put(s, KIND_group, g->id, g, INT64_MAX, INT64_MAX);
	}
	step_put_incident(s, inc);
	step_end(s, OUT_CREATED, inc, S(""));
}

static void trigger(struct step *s, const struct known *k)
{
	const struct service *svc = world_service(s->v->world, s->c->event.service);
	if (svc == NULL) {
		step_end(s, OUT_INVALID, NULL, arena_fmt(s->a, "no service \"%.*s\"", STR_ARG(s->c->event.service)));
		return;
	}
	if (k->incident) {
		fold(s, k, k->incident, false);
		return;
	}
	struct incident *grouped = NULL;
	if (svc->grouping == GROUPING_SERVICE) {
		const struct group *g = step_get(s, KIND_group, group_id(s->a, svc->id));
		grouped = g ? open_incident(s, g->incident) : NULL;
	}
	s->out->end.lacks_number = !grouped && s->c->fresh_number == 0;
	if (grouped)
		fold(s, k, grouped, true);
	else if (s->out->end.lacks_number)
		step_end(s, OUT_REFUSED, NULL, S("no incident number is at hand"));
	else
		create(s, k, svc);
}

static void nothing_open(struct step *s, const struct known *k)
{
	step_end(s, OUT_NOTHING, NULL, arena_fmt(s->a, "no open alert \"%.*s\"", STR_ARG(k->dedup_key)));
}

static void acknowledge(struct step *s, const struct known *k)
{
	struct incident *inc = k->incident;
	if (inc == NULL) {
		nothing_open(s, k);
	} else if (inc->status == ACKNOWLEDGED) {
		step_end(s, OUT_NOTHING, inc, S("already acknowledged"));
	} else {
		act_acknowledge(s, inc);
		step_put_incident(s, inc);
		step_end(s, OUT_DONE, inc, S(""));
	}
}

static void resolve(struct step *s, const struct known *k)
{
	static const struct strs no_steps = { 0 };
	struct incident *inc = k->incident;
	if (inc == NULL) {
		nothing_open(s, k);
		return;
	}
	struct alert *a = NEW(s->a, struct alert);
	*a = *k->alert;
	a->is_open = false;
	a->last_at = s->now;
	inc->open_alerts--;
	if (inc->open_alerts <= 0)
		act_resolve(s, inc, S(""), no_steps);
	else
		step_note(s, inc, ENTRY_ALERT, inc->status, arena_fmt(s->a, "alert %.*s is over; %lld still open", STR_ARG(k->dedup_key),
		    (long long)inc->open_alerts))->alert = k->id;
	step_put_alert(s, a);
	step_put_incident(s, inc);
	step_end(s, OUT_DONE, inc, S(""));
}

void decide_event(struct step *s)
{
	static void (*const action[])(struct step *, const struct known *) = {
		[EVENT_TRIGGER] = trigger, [EVENT_ACKNOWLEDGE] = acknowledge, [EVENT_RESOLVE] = resolve,
	};
	const struct event *ev = &s->c->event;
	assert((size_t)ev->action < COUNT(action));
	struct known k = look(s);
	s->out->end.dedup_key = k.dedup_key;
	action[ev->action](s, &k);
}
