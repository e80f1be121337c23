/* check_ingest.c - what senders and people were told against what was committed: I1, I2, I3, I17, I18.
 *
 * A ledger per name of trouble: how many triggers could have had an effect, how many were accepted, how many effects there are. A name is
 * (integration, service, key), or the service alone where it groups by service; triggers without a key share one ledger per service.
 * At every instant accepted <= effects <= possible, and at most one incident of a name is not resolved.
 */
#include "model/kinds.h"
#include "tests/sim/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEDGERS = 512 };
struct ledger { struct ledger *next; char name[96]; int64_t possible, accepted, effects, open; bool is_keyless; };
/* What is known of one request. */
enum { SEEN_POSSIBLE = 1, SEEN_ACCEPTED = 2, SEEN_EFFECT = 4 };
enum { NUMBERS_MAX = 1 << 16 };
struct ingest { struct ledger *bucket[LEDGERS]; unsigned char *seen; size_t cap; bool is_taken[NUMBERS_MAX]; };

struct ingest *ingest_new(void)
{
	struct ingest *g = xmalloc(sizeof *g);
	memset(g, 0, sizeof *g);
	return g;
}

void ingest_free(struct ingest *g)
{
	free(g->seen);
	free(g);
}

static unsigned char *seen(struct checks *c, int request)
{
	struct ingest *g = c->ingest;
	if ((size_t)request >= g->cap) {
		size_t cap = 2 * (size_t)request + 1024;
		g->seen = xrealloc(g->seen, cap);
		memset(g->seen + g->cap, 0, cap - g->cap);
		g->cap = cap;
	}
	return &g->seen[request];
}

static struct ledger *ledger_named(struct checks *c, const char *name)
{
	uint32_t h = 2166136261u;
	for (const char *p = name; *p; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	struct ledger **place = &c->ingest->bucket[(h ^ h >> 15) % LEDGERS];
	while (*place && strcmp((*place)->name, name) != 0)
		place = &(*place)->next;
	if (*place == NULL) {
		*place = NEW(&c->s->mem, struct ledger);
		snprintf((*place)->name, sizeof (*place)->name, "%s", name);
	}
	return *place;
}

static struct ledger *ledger_of(struct checks *c, struct str integration, struct str service, struct str key)
{
	char name[96];
	int i = plan_service_index(service);
	bool is_grouped = i >= 0 && c->s->configs[0]->plan.service[i].is_grouped, has_key = key.n > 0 && key.p[0] == 'k';
	if (is_grouped)
		write_text(name, sizeof name, "%.*s", STR_ARG(service));
	else
		write_text(name, sizeof name, "%.*s %.*s %.*s", STR_ARG(integration), STR_ARG(service), has_key ? (int)key.n : 0, has_key ? key.p : "");
	struct ledger *l = ledger_named(c, name);
	l->is_keyless = !is_grouped && !has_key;
	return l;
}

static struct ledger *ledger_of_request(struct checks *c, const struct request *q)
{
	return ledger_of(c, str_c(q->integration), str_c(q->service), str_c(q->key));
}

/* A key used for another request; it must be refused. */
static bool is_misuse(const struct request *q)
{
	return q->tries >= 100;
}

/* Retries with an idempotency key count as one. */
static unsigned char *seen_as(struct checks *c, const struct request *q)
{
	return seen(c, q->idem[0] ? q->first : q->id);
}

static void on_request(struct checks *c, const struct request *q)
{
	if (q->want != WANT_TRIGGER || is_misuse(q) || *seen_as(c, q) & SEEN_POSSIBLE)
		return;
	*seen_as(c, q) |= SEEN_POSSIBLE;
	ledger_of_request(c, q)->possible++;
}

static void check_version(struct checks *c, const struct request *q)
{
	struct change now;
	if (q->reply.version == 0)
		return;
	bool is_there = memory_peek(c->s->memory, KIND_incident, str_c(q->reply.incident), &now);
	if (!is_there && !c->s->o.habit[H_PURGE])
		broken(c->s, I1, "%s was answered with incident %s, which the store does not have", q->marker, q->reply.incident);
	else if (is_there && now.ver < (uint64_t)q->reply.version)
		broken(c->s, I1, "%s was answered with version %lld of %s, the store has %llu", q->marker, (long long)q->reply.version,
		    q->reply.incident, (unsigned long long)now.ver);
}

static void accepted_trigger(struct checks *c, const struct request *q)
{
	struct ledger *l = ledger_of_request(c, q);
	if (q->idem[0] && q->tries > 0)
		exercised(c->s, I18);
	if (is_misuse(q))
		broken(c->s, I18, "%s used the idempotency key of another request and was accepted", q->marker);
	if (*seen_as(c, q) & SEEN_ACCEPTED)
		return;
	*seen_as(c, q) |= SEEN_ACCEPTED;
	l->accepted++;
	exercised(c->s, I1);
	if (l->effects < l->accepted)
		broken(c->s, I1, "%s was accepted, but only %lld of %lld triggers of \"%s\" are in the store", q->marker, (long long)l->effects,
		    (long long)l->accepted, l->name);
}

/* People's actions: done means there is an entry for it. */
static void accepted_action(struct checks *c, const struct request *q)
{
	static const int column[WANTS] = { [WANT_TRIGGER] = -1, [WANT_SOURCE_ACK] = 0, [WANT_SOURCE_RESOLVE] = -1, [WANT_ACK] = 0,
		[WANT_RESOLVE] = 1, [WANT_UNACK] = 2, [WANT_NOTE] = -1 };
	struct change inc;
	int col = column[q->want];
	if (q->want == WANT_NOTE) {
		exercised(c->s, I1);
		if (!(*seen(c, q->id) & SEEN_EFFECT))
			broken(c->s, I1, "note %s was accepted and is not in the timeline", q->marker);
	}
	if (col < 0 || q->reply.outcome != OUT_DONE || !memory_peek(c->s->memory, KIND_incident, str_c(q->reply.incident), &inc))
		return;
	struct incident_note *n = incident_note(c, &inc);
	exercised(c->s, I1);
	if (++n->answered[col] > n->entries[col])
		broken(c->s, I1, "%s %s was answered as done, the timeline of %s does not have it", want_names[q->want], q->marker,
		    q->reply.incident);
}

static void on_reply(struct checks *c, const struct request *q)
{
	bool is_definite = q->reply.rc == STORE_OK;
	if (is_definite)
		check_version(c, q);
	else
		exercised(c->s, I3);
	if (request_accepted(q) && q->want == WANT_TRIGGER)
		accepted_trigger(c, q);
	else if (request_accepted(q))
		accepted_action(c, q);
	else if (is_definite && q->want == WANT_TRIGGER && !is_misuse(q))
		broken(c->s, I3, "a good trigger, %s, was refused for good", q->marker);
}

static bool is_open(const struct facts *f)
{
	return f && f->incident.status != 'r';
}

/* What people call an incident by: given once. */
static void check_number(struct checks *c, const struct fact_incident *f)
{
	if (f->number < 1 || f->number >= NUMBERS_MAX || c->ingest->is_taken[f->number])
		broken(c->s, I15, "incident %.*s is number %lld, as another one is", STR_ARG(f->id), (long long)f->number);
	else
		c->ingest->is_taken[f->number] = true;
}

static void on_incident(struct checks *c, const struct change *ch)
{
	const struct fact_incident *f = &ch->is->incident;
	struct ledger *l = ledger_of(c, f->source, f->service, f->dedup_key);
	int64_t had = ch->was ? ch->was->incident.alert_count : 0;
	l->effects += f->alert_count - had;
	l->open += is_open(ch->is) - is_open(ch->was);
	if (f->alert_count < had || (ch->was == NULL && f->alert_count < 1))
		broken(c->s, I2, "incident %.*s counts %lld alerts after %lld", STR_ARG(f->id), (long long)f->alert_count, (long long)had);
	if (f->alert_count > had)
		exercised(c->s, I2);
	if (f->alert_count > had && ch->was && ch->was->incident.status == 'r')
		broken(c->s, I2, "an alert is counted on incident %.*s, which was over", STR_ARG(f->id));
	if (ch->was == NULL)
		check_number(c, f);
}

/* After the whole transaction: the ledgers it touched. */
static void settle_incident(struct checks *c, const struct change *ch)
{
	const struct fact_incident *f = &ch->is->incident;
	struct ledger *l = ledger_of(c, f->source, f->service, f->dedup_key);
	if (l->effects > l->possible)
		broken(c->s, I3, "%lld triggers of \"%s\" are in the store, only %lld were sent", (long long)l->effects, l->name,
		    (long long)l->possible);
	if (l->is_keyless)
		return;
	exercised(c->s, I17);
	if (l->open > 1)
		broken(c->s, I17, "%lld incidents of \"%s\" are open at once, the latest is %.*s", (long long)l->open, l->name, STR_ARG(f->id));
}

static void on_alert(struct checks *c, const struct change *ch)
{
	const struct fact_alert *a = &ch->is->alert;
	struct change inc;
	bool is_ended = ch->was && ch->was->alert.is_open && !a->is_open;      /* which folds nothing in */
	if (!memory_peek(c->s->memory, KIND_incident, a->incident, &inc)) {
		if (is_ended)
			return;
		broken(c->s, I2, "alert %.*s is folded into incident %.*s, which does not exist", STR_ARG(a->dedup_key), STR_ARG(a->incident));
		return;
	}
	const struct fact_incident *f = &inc.is->incident;
	int i = plan_service_index(f->service);
	bool is_grouped = i >= 0 && c->s->configs[0]->plan.service[i].is_grouped;
	bool is_same = str_eq(a->integration, f->source) && str_eq(a->dedup_key, f->dedup_key);
	if (!str_eq(a->service, f->service) || (!is_grouped && !is_same))
		broken(c->s, I2, "alert %.*s of %.*s is folded into incident %.*s of %.*s", STR_ARG(a->dedup_key), STR_ARG(a->integration),
		    STR_ARG(f->dedup_key), STR_ARG(f->source));
}

static void on_note(struct checks *c, const struct fact_entry *e)
{
	int64_t id = 0;
	if (!str_eq(e->type, S("note")) || e->text.n < 2 || !str_int(str_skip(e->text, 1), &id))
		return;
	if (*seen(c, (int)id) & SEEN_EFFECT)
		broken(c->s, I3, "note %.*s is in the timeline twice", STR_ARG(e->text));
	*seen(c, (int)id) |= SEEN_EFFECT;
}

static void on_receipt(struct checks *c, const struct change *ch)
{
	if (ch->was)
		broken(c->s, I18, "the receipt %.*s was written twice", STR_ARG(ch->id));
}

void ingest_see(struct checks *c, const struct happening *h)
{
	if (h->what == ON_REQUEST)
		on_request(c, h->request);
	else if (h->what == ON_REPLY)
		on_reply(c, h->request);
	if (h->what != ON_COMMIT)
		return;
	for (size_t i = 0; i < h->n_v; i++) {
		const struct change *ch = &h->v[i];
		if (ch->kind == KIND_incident && ch->is)
			on_incident(c, ch);
		else if (ch->kind == KIND_alert && ch->is)
			on_alert(c, ch);
		else if (ch->kind == KIND_entry && ch->is)
			on_note(c, &ch->is->entry);
		else if (ch->kind == KIND_receipt && ch->is)
			on_receipt(c, ch);
	}
	for (size_t i = 0; i < h->n_v; i++)
		if (h->v[i].kind == KIND_incident && h->v[i].is)
			settle_incident(c, &h->v[i]);
}
