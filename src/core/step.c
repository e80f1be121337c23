/* step.c - how a decision reads and leaves effects, and the dispatch over commands. */
#include "core/step.h"
#include "base/digest.h"
#include "base/mutant.h"
#include <assert.h>

const void *step_get(const struct step *s, enum kind kind, struct str id)
{
	return id.n ? s->v->get(s->v->ctx, kind, id) : NULL;
}

struct incident *step_edit_incident(const struct step *s, struct str id)
{
	const struct incident *read = step_get(s, KIND_incident, id);
	if (read == NULL)
		return NULL;
	struct incident *copy = NEW(s->a, struct incident);
	*copy = *read;
	return copy;
}

struct page *step_edit_page(const struct step *s, struct str id)
{
	const struct page *read = step_get(s, KIND_page, id);
	if (read == NULL)
		return NULL;
	struct page *copy = NEW(s->a, struct page);
	*copy = *read;
	return copy;
}

void step_put(struct step *s, enum kind kind, struct str id, const void *obj, int64_t due, int64_t expire)
{
	struct effects *out = s->out;
	size_t i = 0;
	assert(id.n > 0 && obj != NULL);
	while (i < out->n && !(out->v[i].kind == kind && str_eq(out->v[i].id, id)))
		i++;
	assert(i < EFFECTS_MAX);
	out->v[i] = (struct effect){ kind, id, obj, due, expire };
	if (i == out->n)
		out->n++;
}

void step_put_incident(struct step *s, const struct incident *inc)
{
	bool is_over = inc->status == RESOLVED;
	assert(!is_over || inc->due_at == 0);
	assert(inc->status != DETECTED || inc->due_at != 0 || inc->exhausted);
	step_put(s, KIND_incident, inc->id, inc, inc->due_at ? inc->due_at : INT64_MAX,
	    is_over ? inc->resolved_at + s->v->world->keep_ms : INT64_MAX);
}

void step_put_page(struct step *s, const struct page *page)
{
	bool is_over = page->status != PAGE_OWED;
	assert(is_over ? page->ended_at != 0 : page->retry_at != 0);
	step_put(s, KIND_page, page->id, page, is_over ? INT64_MAX : page->retry_at, INT64_MAX);   /* it goes with its incident: see retain.h */
}

void step_put_alert(struct step *s, const struct alert *alert)
{
	step_put(s, KIND_alert, alert->id, alert, INT64_MAX, alert->is_open ? INT64_MAX : s->now + s->v->world->events_ms);
}

struct entry *step_note(struct step *s, struct incident *inc, enum entry_type type, enum incident_status before, struct str text)
{
	struct entry *e = NEW(s->a, struct entry);
	bool is_tocsin = s->c->actor.n == 0;
	*e = (struct entry){ .id = entry_id(s->a, inc->id, inc->entries++), .at = s->now, .type = type,
		.actor = is_tocsin ? S("tocsin") : s->c->actor, .via = s->c->via, .before = before, .after = inc->status,
		.round = inc->round, .level = inc->level, .text = text };
	if (!(MUTANT(24) && type == ENTRY_NOTE) && !(MUTANT(31) && type == ENTRY_ACKNOWLEDGED))
		step_put(s, KIND_entry, e->id, e, INT64_MAX, type == ENTRY_ALERT ? s->now + s->v->world->events_ms : INT64_MAX);
	return e;
}

void step_end(struct step *s, enum outcome outcome, const struct incident *inc, struct str reason)
{
	assert(s->out != NULL);
	s->out->end.outcome = outcome;
	s->out->end.reason = reason;
	if (inc)
		s->out->end.incident = inc->id;
}

struct str alert_id(struct arena *a, struct str integration, struct str service, struct str dedup_key)
{
	struct buf b = BUF(1024);
	if (!MUTANT(22))
		buf_add(&b, integration);
	buf_char(&b, '\0');
	buf_add(&b, service);
	buf_char(&b, '\0');
	buf_add(&b, dedup_key);
	assert(b.err == 0);
	struct str id = sha256_hex(a, buf_str(&b));
	buf_free(&b);
	return id;
}

struct str receipt_id(struct arena *a, struct str integration, struct str key)
{
	return alert_id(a, integration, S("receipt"), key);
}

struct str entry_id(struct arena *a, struct str incident, int64_t sequence)
{
	return arena_fmt(a, "%.*s/%06lld", STR_ARG(incident), (long long)sequence);
}

struct str page_id(struct arena *a, struct str incident, int64_t round, int64_t level, size_t target, size_t rule)
{
	if (MUTANT(19))
		round = 0;
	return arena_fmt(a, "%.*s/%lld/%lld/%zu/%zu", STR_ARG(incident), (long long)round, (long long)level, target, rule);
}

struct str group_id(struct arena *a, struct str service)
{
	return arena_fmt(a, "service/%.*s", STR_ARG(service));
}

void decide_token_create(struct step *s)
{
	struct token *t = NEW(s->a, struct token);
	*t = s->c->token;
	t->created_at = s->now;
	t->created_by = s->c->actor;
	step_put(s, KIND_token, t->id, t, INT64_MAX, t->expires_at ? t->expires_at + s->v->world->keep_ms : INT64_MAX);
	step_end(s, OUT_DONE, NULL, S(""));
}

void decide_token_revoke(struct step *s)
{
	const struct token *read = step_get(s, KIND_token, s->c->token.id);
	if (read == NULL) {
		step_end(s, OUT_NOT_FOUND, NULL, arena_fmt(s->a, "no token %.*s", STR_ARG(s->c->token.id)));
		return;
	}
	struct token *t = NEW(s->a, struct token);
	*t = *read;
	if (t->revoked_at == 0)
		t->revoked_at = s->now;
	step_put(s, KIND_token, t->id, t, INT64_MAX, t->revoked_at + s->v->world->keep_ms);
	step_end(s, OUT_DONE, NULL, S(""));
}

void decide(const struct view *v, const struct command *c, int64_t now, struct effects *out)
{
	static void (*const decision[])(struct step *) = {
		[CMD_EVENT] = decide_event, [CMD_ACKNOWLEDGE] = decide_acknowledge, [CMD_RESOLVE] = decide_resolve,
		[CMD_UNACKNOWLEDGE] = decide_unacknowledge, [CMD_NOTE] = decide_note, [CMD_TIMER] = decide_timer,
		[CMD_CLAIM] = decide_claim, [CMD_SETTLE] = decide_settle, [CMD_TOKEN_CREATE] = decide_token_create,
		[CMD_TOKEN_REVOKE] = decide_token_revoke, [CMD_TAKE_OVER] = decide_take_over, [CMD_HAND_BACK] = decide_hand_back,
	};
	assert((size_t)c->kind < COUNT(decision));
	assert(now > 0);
	struct step s = { v, c, now, out, out->a };
	out->n = 0;
	out->end = (struct ending){ .reason = S(""), .incident = S(""), .dedup_key = S("") };
	struct str receipt = receipt_of(&s);
	if (receipt.n > 0 && receipt_replays(&s, receipt))
		return;
	decision[c->kind](&s);
	if (receipt.n > 0)
		receipt_put(&s, receipt);
	assert(out->end.outcome != OUT_REFUSED || out->n == 0);
	assert((out->end.outcome != OUT_NOT_FOUND && out->end.outcome != OUT_STALE && out->end.outcome != OUT_INVALID) || out->n == 0);
}
