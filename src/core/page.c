/* page.c - the life of one page: owed, claimed for an attempt, settled; delivered, failed or cancelled.
 *
 * A claim is a write: it counts the attempt, names the replica and moves the due time on by the life of a claim. Whoever dies with a page in
 * hand lets that time pass, and the page is simply due again: twice is better than never. A provider's "delivered" ends the page and never the
 * escalation. A page that failed for good pulls the incident's next level to now, in the same commit.
 */
#include "core/step.h"
#include "base/mutant.h"
#include "base/when.h"
#include <assert.h>

enum { LATE_MS = 10 * 1000 };            /* first attempt this long after it was owed: the level's wait counts from the attempt */

int64_t page_backoff_ms(int64_t attempts, int64_t retry_after_ms, uint64_t jitter)
{
	static const int64_t wait_ms[] = { 0, 5000, 15000, 30000, 60000 };
	assert(attempts >= 0);
	int64_t base = wait_ms[attempts < (int64_t)COUNT(wait_ms) ? attempts : (int64_t)COUNT(wait_ms) - 1];
	int64_t spread = base / 5;
	int64_t wait = spread ? base - spread + (int64_t)(jitter % (uint64_t)(2 * spread + 1)) : base;
	if (MUTANT(27))
		wait = 0;
	return wait > retry_after_ms ? wait : retry_after_ms;
}

static bool is_current(const struct page *p, const struct incident *inc)
{
	return inc->status == DETECTED && p->round == inc->round && p->level == inc->level;
}

static void end_page(struct step *s, struct page *p, enum page_status status, struct str reason)
{
	p->status = status;
	p->ended_at = s->now;
	p->retry_at = 0;
	p->reason = reason;
	s->out->end.pages_ended[status]++;
	step_put_page(s, p);
}

/* The timeline says it, and the next level begins at once when this was the level being paged. */
static void fail_page(struct step *s, struct page *p, struct incident *inc, struct str reason)
{
	end_page(s, p, PAGE_FAILED, reason);
	if (inc == NULL)
		return;
	struct str text = arena_fmt(s->a, "page to %.*s over %.*s failed after %lld attempts: %.*s", STR_ARG(p->target), STR_ARG(p->channel),
	    (long long)p->attempt, STR_ARG(reason));
	step_note(s, inc, ENTRY_PAGE_FAILED, inc->status, text);
	if (is_current(p, inc) && !inc->exhausted && inc->due_at > s->now && !MUTANT(21))
		inc->due_at = s->now;
	step_put_incident(s, inc);
}

static struct str why_silent(const struct step *s, const struct incident *inc)
{
	if (inc == NULL)
		return S("the incident is gone");
	if (inc->status == RESOLVED)
		return arena_fmt(s->a, "resolved by %.*s", STR_ARG(inc->resolved_by));
	return arena_fmt(s->a, "acknowledged by %.*s", STR_ARG(inc->acknowledged_by));
}

static struct str life_over(const struct step *s, const struct page *p)
{
	struct buf b = BUF(64);
	duration_write(&b, s->v->world->page_life_ms);
	struct str text = arena_fmt(s->a, "not delivered within %.*s%s%.*s", STR_ARG(buf_str(&b)), p->reason.n ? "; last: " : "",
	    STR_ARG(p->reason));
	buf_free(&b);
	return text;
}

static bool is_late(const struct step *s, const struct page *p)
{
	return p->attempt <= 1 && s->now - p->owed_at > LATE_MS;
}

/* Nobody was paged when this level began, because we were down or behind: its wait counts from now. A level that was to wait for nothing has
 * nothing to mend. */
static void mend_late_level(struct step *s, const struct page *p, struct incident *inc)
{
	int64_t timeout = escalate_timeout_ms(s, inc);
	if (MUTANT(42) || !is_late(s, p) || !is_current(p, inc) || inc->due_at <= p->owed_at || inc->due_at >= s->now + timeout)
		return;
	inc->due_at = s->now + timeout;
	step_note(s, inc, ENTRY_LATE, inc->status, arena_fmt(s->a, "page to %.*s begins %lld s late; the wait of level %lld counts from now",
	    STR_ARG(p->target), (long long)((s->now - p->owed_at) / 1000), (long long)inc->level));
	step_put_incident(s, inc);
}

void decide_claim(struct step *s)
{
	struct page *p = step_edit_page(s, s->c->page);
	if (p == NULL || p->status != PAGE_OWED || s->now - s->c->clock_err_ms < p->retry_at) {
		step_end(s, OUT_NOTHING, NULL, S("not due"));
		return;
	}
	struct incident *inc = step_edit_incident(s, p->incident);
	bool is_over = s->now > p->owed_at + s->v->world->page_life_ms;
	step_end(s, OUT_DONE, inc, S(""));
	if (inc == NULL || (inc->status != DETECTED && !MUTANT(40))) {
		end_page(s, p, PAGE_CANCELLED, why_silent(s, inc));
	} else if (p->round < inc->own_round) {
		end_page(s, p, PAGE_CANCELLED, arena_fmt(s->a, "owed before the take-over: round %lld pages anew", (long long)inc->own_round));
	} else if ((is_over && (p->attempt > 0 || MUTANT(13))) || (MUTANT(43) && p->claimed_at && p->retry_at - p->claimed_at == s->v->world->claim_ms)) {
		fail_page(s, p, inc, life_over(s, p));
	} else if (is_over && !is_current(p, inc)) {
		end_page(s, p, PAGE_CANCELLED, arena_fmt(s->a, "superseded by level %lld of round %lld", (long long)inc->level,
		    (long long)inc->round));
	} else {
		p->attempt++;
		p->owner = s->c->owner;
		p->claimed_at = s->now;
		p->retry_at = s->now + (MUTANT(14) ? 400LL * 86400 * 1000 : MUTANT(30) ? 0 : s->v->world->claim_ms);
		if (MUTANT(5))
			end_page(s, p, PAGE_DELIVERED, S(""));
		step_put_page(s, p);
		mend_late_level(s, p, inc);
		step_end(s, OUT_CLAIMED, inc, S(""));
		s->out->end.attempt = p->attempt;
		/* The incident is read again before the send. As a condition it would let a storm of alerts that are counted on one incident, each a new
		 * version of it, keep its own pages from being claimed. Only when it is late does its wait hang on what the incident said. */
		s->out->end.rests_on_writes = !is_late(s, p);
	}
}

static void retry_page(struct step *s, struct page *p, struct incident *inc)
{
	const struct settlement *x = &s->c->settlement;
	int64_t at = s->now + page_backoff_ms(p->attempt, x->retry_after_ms, s->c->jitter);
	if (at > p->owed_at + s->v->world->page_life_ms) {
		p->reason = x->reason;
		fail_page(s, p, inc, life_over(s, p));
		return;
	}
	p->retry_at = at;
	p->reason = x->reason;
	step_put_page(s, p);
}

void decide_settle(struct step *s)
{
	const struct settlement *x = &s->c->settlement;
	struct page *p = step_edit_page(s, s->c->page);
	if (p == NULL || p->status != PAGE_OWED) {
		step_end(s, OUT_NOTHING, NULL, S("the page has ended already"));
		return;
	}
	/* Bad news about an older attempt says nothing about the one under way; good news always counts. */
	if (x->attempt != p->attempt && x->verdict != VERDICT_DELIVERED && !MUTANT(18)) {
		step_end(s, OUT_NOTHING, NULL, S("a newer attempt is under way"));
		return;
	}
	/* Good news needs no look at the incident: it ends the page and nothing else. */
	struct incident *inc = x->verdict == VERDICT_DELIVERED ? NULL : step_edit_incident(s, p->incident);
	step_end(s, OUT_DONE, inc, x->reason);
	switch (x->verdict) {
	case VERDICT_DELIVERED:
		end_page(s, p, PAGE_DELIVERED, S(""));
		break;
	case VERDICT_REFUSED:
		if (MUTANT(15))
			end_page(s, p, PAGE_CANCELLED, x->reason);
		else
			fail_page(s, p, inc, x->reason);
		break;
	case VERDICT_RETRY:
		retry_page(s, p, inc);
		break;
	case VERDICT_UNSENT:
		p->retry_at = s->now;
		p->reason = x->reason.n ? x->reason : p->reason;
		step_put_page(s, p);
		break;
	}
}
