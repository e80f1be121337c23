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

/* Not applied for sure, or one of ours that must be: worth another try while there is time. The end of a delivery is kept until the store takes
 * it, or the page would be sent again; timers and claims are proposed again, or found again. */
static bool is_passing(enum store_rc rc, const struct job *j)
{
	if (j->owner == NULL)
		return j->command.kind == CMD_SETTLE && rc != STORE_OK;
	return rc == STORE_CONFLICT || rc == STORE_BUSY;
}

/* A store that fails is left alone for a moment, however much is due; then it is asked for that. */
static void look_again(struct engine *e)
{
	e->next_timer_ms = e->next_page_ms = e->now_ms + rng_between(&e->rng, 20, 200);
	e->hides_more_timers = e->hides_more_pages = e->is_short_of_room = false;
	upcoming_begin(&e->timers);
	upcoming_begin(&e->pages);
}

/* Somebody else was faster, and is perhaps still at it: this level or page alone is decided again, soon. */
static void try_again(struct engine *e, const struct job *j)
{
	int64_t at_ms = e->now_ms + rng_between(&e->rng, 20, 200);
	bool is_timer = j->command.kind == CMD_TIMER;
	int64_t *look_ms = is_timer ? &e->next_timer_ms : &e->next_page_ms;
	struct str id = is_timer ? j->command.incident : j->command.page;
	if (at_ms < *look_ms && !upcoming_add(is_timer ? &e->timers : &e->pages, at_ms - e->now_err_ms, id, j->note))
		*look_ms = at_ms;
}

static void finish_own(struct engine *e, struct member *x)
{
	bool is_claimed = x->rc == STORE_OK && x->end.outcome == OUT_CLAIMED;
	if (x->command->kind == CMD_CLAIM && !is_claimed)
		e->room_ms = e->now_ms;                   /* the room that was meant for it is free */
	if (x->is_beyond)
		engine_beyond(e, x->command->kind == CMD_TIMER ? KIND_incident : KIND_page, x->command->kind == CMD_TIMER ? x->command->incident : x->command->page);
	else if (x->rc == STORE_CONFLICT && x->command->kind != CMD_SETTLE && !MUTANT(4))
		try_again(e, x->tag);
	else if (x->rc != STORE_OK && !MUTANT(4))
		look_again(e);
	else if (is_claimed)
		e->claimed[e->n_claimed++] = (struct claimed){ arena_str(&e->step_mem, x->command->page), arena_str(&e->step_mem, x->end.incident),
			x->end.attempt };
}

/* Jittered, longer each time, and never past the deadline: whoever waits is told by then. */
static int64_t pause_of(struct engine *e, const struct job *j, enum store_rc rc)
{
	int64_t longest = 50LL << (j->tries < 6 ? j->tries : 6), left = j->deadline_ms - e->mono_ms;
	if (rc == STORE_CONFLICT && j->tries <= 3)
		return 0;
	int64_t pause = rng_between(&e->rng, 10, longest);
	return pause < left ? pause : left;
}

static void finish(struct engine *e, struct member *x)
{
	struct job *j = x->tag;
	j->tries++;
	engine_saw(e, x->rc);
	if (x->rc == STORE_TOOBIG && !j->is_alone && j->command.kind != CMD_CLAIM) {
		j->is_alone = true;
		wait_for(e, j, 0);
	} else if (is_passing(x->rc, j) && e->mono_ms < j->deadline_ms) {
		wait_for(e, j, pause_of(e, j, x->rc));
	} else {
		struct answer a = { x->end.outcome, x->rc == STORE_CONFLICT ? STORE_BUSY : x->rc, x->end.reason, x->end.dedup_key,
			x->rc == STORE_OK ? x->incident : NULL };
		if (x->rc == STORE_OK)
			engine_count(e, x);
		else if (j->owner == NULL && j->command.kind == CMD_SETTLE)
			engine_log(e, LOG_ERROR, S(""), "how the attempt to send page %.*s ended could not be stored (%s): it may go out again",
			    STR_ARG(j->command.page), store_rc_name(x->rc));
		if (j->owner == NULL)
			finish_own(e, x);
		answer(e, j, &a);
	}
}

/* What may be created needs an id and a number before the decision. Why there is no number counts only for who needs one. */
static enum store_rc prepare(struct engine *e, struct job *j, size_t wanted)
{
	struct command *c = &j->command;
	char id[37];
	if (j->deadline_ms == 0)
		j->deadline_ms = e->mono_ms + REPLY_WITHIN_MS;
	c->jitter = rng_u64(&e->rng);
	c->owner = e->setup->replica;
	if (c->kind != CMD_HAND_BACK && (c->kind != CMD_EVENT || c->event.action != EVENT_TRIGGER))
		return STORE_OK;
	if (c->kind == CMD_EVENT)
		c->reign = e->reign;
	engine_fresh_id(e, id);                               /* a new one each time: of an earlier try nothing was applied */
	c->fresh_id = c->kind == CMD_HAND_BACK ? c->incident : arena_str(&e->batch.mem, (struct str){ id, 36 });
	enum store_rc rc = numbers_need(e, wanted);
	c->fresh_number = rc == STORE_OK ? e->numbers.next : 0;
	return rc;
}

static void prefetch(struct batch *b, struct job **jobs, size_t n)
{
	const struct command *c[BATCH_MAX];
	for (size_t i = 0; i < n; i++)
		c[i] = &jobs[i]->command;
	batch_prefetch(b, c, n);
}

/* As many of these as fit into one group commit, in their order; how many. */
static size_t one_batch(struct engine *e, struct job **jobs, size_t n)
{
	struct batch *b = &e->batch;
	size_t i = 0;
	batch_begin(b, e->env.store, e->setup->world, e->now_ms, e->store_info.many_writers, n);
	for (size_t k = 0; k < e->n_found; k++)
		batch_know(b, &e->found[k].doc, e->found[k].page);
	e->n_found = 0;                                       /* fresh for the first batch only */
	prefetch(b, jobs, n);
	for (; i < n; i++) {
		struct job *j = jobs[i];
		enum store_rc rc = prepare(e, j, n - i);
		struct member *x = batch_add(b, &j->command, j);
		if (x == NULL)
			break;
		if (x->rc == STORE_OK && x->end.lacks_number)
			x->rc = rc;
		e->numbers.next += x->end.used_fresh_number && x->rc == STORE_OK;
	}
	batch_commit(b, &e->rng, &e->metrics);
	engine_expect(e, b);
	for (size_t k = 0; k < b->n_members; k++)
		finish(e, &b->members[k]);
	return i;
}

void intake(struct engine *e)
{
	struct job_list *t = &e->todo;
	for (size_t i = 0, n; i < t->n; i += n) {
		n = 1;
		while (!t->v[i]->is_alone && i + n < t->n && n < BATCH_MAX && !t->v[i + n]->is_alone)
			n++;
		n = one_batch(e, t->v + i, n);
	}
	t->n = 0;
}

void intake_expire(struct engine *e)
{
	const struct answer a = { .outcome = OUT_NOTHING, .rc = STORE_BUSY, .reason = S(""), .dedup_key = S("") };
	size_t kept = 0;
	for (size_t i = 0; i < e->waiting.n; i++) {
		struct waiting *w = &e->waiting.v[i];
		if (w->job->owner != NULL && w->job->deadline_ms <= e->mono_ms)
			answer(e, w->job, &a);
		else
			e->waiting.v[kept++] = *w;
	}
	e->waiting.n = kept;
}

void intake_waiting(struct engine *e)
{
	size_t kept = 0;
	for (size_t i = 0; i < e->waiting.n; i++) {
		if (e->waiting.v[i].try_at_ms <= e->mono_ms)
			engine_todo(e, e->waiting.v[i].job);
		else
			e->waiting.v[kept++] = e->waiting.v[i];
	}
	e->waiting.n = kept;
}
