/* intake.c - commands in, answers out: batch -> decide -> one group commit -> only then the answers.
 *
 * A conflict is decided anew at once; a busy store is tried again after a jittered pause, until the job's deadline; everything else that is not a
 * definite yes is answered as such and nothing is promised.
 */
#include "engine/inside.h"
#include "base/mutant.h"
#include <assert.h>
#include <stdlib.h>

static void answer(struct engine *e, struct job *j, const struct answer *a)
{
	if (j->owner == NULL)
		free(j);                         /* our own: nobody waits for it */
	else
		e->env.reply(e->env.ctx, j, a);
}

static void wait_for(struct engine *e, struct job *j, int64_t pause_ms)
{
	struct waiting_list *w = &e->waiting;
	if (w->n == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 64;
		w->v = xrealloc(w->v, w->cap * sizeof *w->v);
	}
	w->v[w->n++] = (struct waiting){ j, e->mono_ms + pause_ms };
}

/* Not applied for sure, and worth another try while there is time. */
static bool is_passing(enum store_rc rc, const struct job *j)
{
	bool is_ours = j->owner == NULL;         /* the end of a delivery: kept until the store takes it, or it would be sent again */
	return rc == STORE_CONFLICT || rc == STORE_BUSY || (is_ours && (rc == STORE_DOWN || rc == STORE_FULL || rc == STORE_UNKNOWN));
}

static void finish(struct engine *e, struct member *x)
{
	struct job *j = x->tag;
	j->tries++;
	engine_saw(e, x->rc);
	if (x->was_put_off) {
		wait_for(e, j, 0);
	} else if (is_passing(x->rc, j) && e->mono_ms < j->deadline_ms) {
		int64_t pause = j->tries <= 3 && x->rc == STORE_CONFLICT ? 0 : rng_between(&e->rng, 10, 50LL << (j->tries < 6 ? j->tries : 6));
		wait_for(e, j, pause);
	} else {
		if (x->rc == STORE_OK)
			engine_count(e, x);
		struct answer a = { x->end.outcome, x->rc == STORE_CONFLICT ? STORE_BUSY : x->rc, x->end.reason, x->end.dedup_key, x->incident };
		answer(e, j, &a);
	}
}

/* What may be created needs an id and a number before the decision. */
static enum store_rc prepare(struct engine *e, struct job *j, char id[37], size_t wanted)
{
	struct command *c = &j->command;
	if (j->deadline_ms == 0)
		j->deadline_ms = e->mono_ms + REPLY_WITHIN_MS;
	if (c->kind != CMD_EVENT || c->event.action != EVENT_TRIGGER)
		return STORE_OK;
	if (c->fresh_id.n == 0) {
		engine_fresh_id(e, id);
		c->fresh_id = arena_str(&e->batch.mem, (struct str){ id, 36 });
	}
	enum store_rc rc = numbers_need(e, wanted);
	c->fresh_number = e->numbers.next;
	return rc;
}

static void refuse_now(struct engine *e, struct job *j, enum store_rc rc)
{
	struct member x = { .tag = j, .rc = rc, .end = { .reason = S(""), .dedup_key = S("") } };
	finish(e, &x);
}

static void one_batch(struct engine *e, struct job **jobs, size_t n)
{
	struct batch *b = &e->batch;
	char id[37];
	batch_begin(b, e->env.store, e->setup->world, e->now_ms, e->store_info.many_writers);
	for (size_t i = 0; i < n; i++) {
		struct job *j = jobs[i];
		j->command.fresh_id = S("");                  /* it lived in the last batch; nothing of it was applied */
		j->command.jitter = rng_u64(&e->rng);
		enum store_rc rc = prepare(e, j, id, n - i);
		if (rc != STORE_OK) {
			refuse_now(e, j, rc);
			continue;
		}
		struct member *x = batch_add(b, &j->command, j);
		e->numbers.next += x->end.used_fresh_number && x->rc == STORE_OK && !x->was_put_off;
	}
	batch_commit(b, &e->rng, &e->metrics);
	engine_wake_for(e, b);
	for (size_t i = 0; i < b->n_members; i++)
		finish(e, &b->members[i]);
}

void intake(struct engine *e, struct job **jobs, size_t n)
{
	for (size_t i = 0; i < n; i += BATCH_MAX)
		one_batch(e, jobs + i, n - i < BATCH_MAX ? n - i : BATCH_MAX);
}

/* Those whose pause is over. What is put back meanwhile waits for the next round, so this ends. */
void intake_waiting(struct engine *e)
{
	enum { ROUNDS = 8 };
	for (int round = 0; round < ROUNDS; round++) {
		struct job *ready[BATCH_MAX];
		size_t n = 0, kept = 0;
		for (size_t i = 0; i < e->waiting.n; i++) {
			if (n < BATCH_MAX && e->waiting.v[i].try_at_ms <= e->mono_ms)
				ready[n++] = e->waiting.v[i].job;
			else
				e->waiting.v[kept++] = e->waiting.v[i];
		}
		e->waiting.n = kept;
		if (n == 0)
			return;
		one_batch(e, ready, n);
	}
}
