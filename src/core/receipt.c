/* receipt.c - the same request again: the same answer, no second effect.
 *
 * A request that carries an idempotency key leaves a receipt in the commit of its effect. Refusals leave none: they changed nothing, and
 * may be right another time.
 */
#include "core/step.h"
#include "base/mutant.h"

struct str receipt_of(const struct step *s)
{
	const struct event *ev = &s->c->event;
	return ev->idempotency_key.n ? receipt_id(s->a, ev->integration, ev->idempotency_key) : S("");
}

bool receipt_replays(struct step *s, struct str id)
{
	const struct receipt *r = step_get(s, KIND_receipt, id);
	if (r == NULL || r->at + s->v->world->receipt_ms < s->now)
		return false;
	s->out->end.dedup_key = r->dedup_key;
	if (!str_eq(r->fingerprint, s->c->event.fingerprint)) {
		step_end(s, OUT_INVALID, NULL, S("this Idempotency-Key was used for another request"));
	} else {
		step_end(s, r->has_opened ? OUT_CREATED : OUT_NOTHING, NULL, S("this request was accepted before"));
		s->out->end.incident = r->incident;
		s->out->end.is_replay = true;
	}
	return true;
}

void receipt_put(struct step *s, struct str id)
{
	const struct ending *end = &s->out->end;
	struct receipt *r = NEW(s->a, struct receipt);
	if (end->outcome != OUT_CREATED && end->outcome != OUT_FOLDED && end->outcome != OUT_DONE && end->outcome != OUT_NOTHING)
		return;
	*r = (struct receipt){ .id = id, .fingerprint = s->c->event.fingerprint, .incident = end->incident, .dedup_key = end->dedup_key,
		.has_opened = end->outcome == OUT_CREATED, .at = s->now };
	if (!MUTANT(7))
		step_put(s, KIND_receipt, id, r, INT64_MAX, s->now + s->v->world->receipt_ms);
}
