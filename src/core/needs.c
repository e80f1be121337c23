/* needs.c - which documents a command will read; see decide.h. */
#include "core/step.h"

static size_t event_needs(const struct world *w, const struct event *ev, struct arena *a, struct need out[NEEDS_MAX])
{
	const struct service *svc = world_service(w, ev->service);
	size_t n = 0;
	if (ev->dedup_key.n > 0)
		out[n++] = (struct need){ KIND_alert, alert_id(a, ev->integration, ev->service, ev->dedup_key) };
	if (ev->idempotency_key.n > 0)
		out[n++] = (struct need){ KIND_receipt, receipt_id(a, ev->integration, ev->idempotency_key) };
	if (svc && svc->grouping == GROUPING_SERVICE)
		out[n++] = (struct need){ KIND_group, group_id(a, svc->id) };
	return n;
}

size_t decide_needs(const struct world *w, const struct command *c, struct arena *a, struct need out[NEEDS_MAX])
{
	if (c->kind == CMD_EVENT)
		return event_needs(w, &c->event, a, out);
	bool is_page = c->kind == CMD_CLAIM || c->kind == CMD_SETTLE;
	out[0] = is_page ? (struct need){ KIND_page, c->page } : (struct need){ KIND_incident, c->incident };
	return out[0].id.n > 0;
}

struct str decide_leads_to(enum kind kind, const void *obj)
{
	if (kind == KIND_alert)
		return ((const struct alert *)obj)->incident;
	if (kind == KIND_group)
		return ((const struct group *)obj)->incident;
	return kind == KIND_page ? ((const struct page *)obj)->incident : S("");
}
