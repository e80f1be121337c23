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

/* A page's id begins with its incident's. */
static struct str incident_of(struct str page)
{
	struct str head = S(""), tail;
	return str_cut(page, '/', &head, &tail) ? head : S("");
}

static size_t page_needs(const struct command *c, struct need out[NEEDS_MAX])
{
	bool is_good_news = c->kind == CMD_SETTLE && c->settlement.verdict == VERDICT_DELIVERED;
	out[0] = (struct need){ KIND_page, c->page };
	out[1] = (struct need){ KIND_incident, incident_of(c->page) };
	return is_good_news ? 1 : 2;
}

size_t decide_needs(const struct world *w, const struct command *c, struct arena *a, struct need out[NEEDS_MAX])
{
	if (c->kind == CMD_EVENT)
		return event_needs(w, &c->event, a, out);
	if (c->kind == CMD_CLAIM || c->kind == CMD_SETTLE)
		return page_needs(c, out);
	out[0] = (struct need){ KIND_incident, c->incident };
	return c->incident.n > 0;
}

struct str decide_leads_to(enum kind kind, const void *obj)
{
	if (kind == KIND_alert)
		return ((const struct alert *)obj)->incident;
	return kind == KIND_group ? ((const struct group *)obj)->incident : S("");
}
