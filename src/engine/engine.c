/* engine.c - one step of a replica, and what its parts share.
 *
 * Everything that is to be done in a step is decided in one order and committed in one group: ends of deliveries first (they free room and
 * silence nobody), then what senders and people say, then levels that are due, then claims of pages, so that an acknowledgement of this
 * very step still stops the pages of it. Only after the commit is anything answered or sent.
 */
#include "engine/inside.h"
#include "base/digest.h"
#include "base/mutant.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct engine *engine_new(const struct env *env, const struct setup *setup)
{
	struct engine *e = xmalloc(sizeof *e);
	uint64_t seed;
	memset(e, 0, sizeof *e);
	e->env = *env;
	e->setup = setup;
	e->step_mem = ARENA(64 << 20);
	e->janitor.mem = ARENA(64 << 20);
	env->random(env->ctx, &seed, sizeof seed);
	e->rng = rng_seeded(seed);
	store_info(env->store, &e->store_info);
	assert(e->store_info.shards > 0);
	e->replicas.mem = ARENA(64 << 10);
	upcoming_begin(&e->timers);
	upcoming_begin(&e->pages);
	e->crew.me = setup->replica;
	e->metrics.replicas_live = 1;
	return e;
}

void engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	for (size_t i = 0; i < e->waiting.n; i++)
		if (e->waiting.v[i].job->owner == NULL)
			free(e->waiting.v[i].job);
	for (size_t i = 0; i < e->todo.n; i++)
		if (e->todo.v[i]->owner == NULL)
			free(e->todo.v[i]);
	free(e->waiting.v);
	free(e->todo.v);
	arena_free(&e->step_mem);
	arena_free(&e->replicas.mem);
	arena_free(&e->janitor.mem);
	upcoming_free(&e->timers);
	upcoming_free(&e->pages);
	batch_free(&e->batch);
	free(e);
}

void engine_log(struct engine *e, enum log_level level, struct str incident, const char *fmt, ...)
{
	struct buf b = BUF(4096);
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	e->env.log(e->env.ctx, level, incident, b.p ? b.p : "a message too long to log");
	buf_free(&b);
}

/* Nothing heals a store that must not be written any more. */
static void set_health(struct engine *e, enum store_rc health)
{
	bool works = health == STORE_OK;
	if (health == e->health || e->health == STORE_FENCED)
		return;
	e->health = health;
	engine_log(e, works ? LOG_INFO : LOG_ERROR, S(""), "store: %s", works ? "works again" : store_rc_name(health));
}

/* One call that went well proves little: a full store still reads, and still writes what it has room for. So a fault lasts until a while has
 * passed without one, and is said once. */
void engine_saw(struct engine *e, enum store_rc rc)
{
	bool is_fault = rc == STORE_UNKNOWN || rc == STORE_DOWN || rc == STORE_FULL || rc == STORE_FENCED || rc == STORE_CORRUPT;
	if (rc == STORE_CONFLICT)
		atomic_fetch_add_explicit(&e->metrics.conflicts, 1, memory_order_relaxed);
	if (is_fault) {
		atomic_fetch_add_explicit(&e->metrics.store_errors, 1, memory_order_relaxed);
		e->fault_mono_ms = e->mono_ms;
		set_health(e, rc);
	} else if (rc == STORE_OK && e->mono_ms - e->fault_mono_ms >= CALM_MS) {
		set_health(e, STORE_OK);
	}
}

/* Time-ordered even within a millisecond: the 12 bits behind the time count up, so new documents land side by side in the store. */
void engine_fresh_id(struct engine *e, char out[37])
{
	uint8_t random[10];
	rng_bytes(&e->rng, random, sizeof random);
	if (e->now_ms > e->id_ms || e->id_sequence == 0xfff) {
		e->id_ms = e->now_ms > e->id_ms ? e->now_ms : e->id_ms + 1;
		e->id_sequence = rng_u64(&e->rng) & 0xff;
	} else {
		e->id_sequence++;
	}
	random[0] = (uint8_t)(e->id_sequence >> 8);
	random[1] = (uint8_t)e->id_sequence;
	uuid7_write(out, e->id_ms, random);
}

void engine_expect(struct engine *e, const struct batch *b)
{
	for (const struct dated *d = b->dated; d != NULL && !e->is_quiet; d = d->next)
		(d->kind == KIND_page ? courier_expect : timekeeper_expect)(e, d);
}

void engine_todo(struct engine *e, struct job *j)
{
	struct job_list *t = &e->todo;
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 256;
		t->v = xrealloc(t->v, t->cap * sizeof *t->v);
	}
	t->v[t->n++] = j;
}

struct job *engine_own_job(struct engine *e, enum command_kind kind, struct str id, struct str note)
{
	struct job *j = xmalloc(sizeof *j + id.n + note.n + 1);
	char *text = (char *)(j + 1);
	struct str kept = { text, id.n };
	memcpy(text, id.p, id.n);
	if (note.n)
		memcpy(text + id.n, note.p, note.n);
	*j = (struct job){ .command = { .kind = kind, .clock_err_ms = e->now_err_ms, .via = kind == CMD_TIMER ? S("timer") : S("courier") },
		.deadline_ms = e->mono_ms + REPLY_WITHIN_MS, .note = { text + id.n, note.n } };
	*(kind == CMD_TIMER ? &j->command.incident : &j->command.page) = kept;
	return j;
}

static void count_event(struct metrics *m, enum outcome outcome)
{
	switch (outcome) {
	case OUT_CREATED:
		atomic_fetch_add_explicit(&m->incidents_created, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&m->events_created, 1, memory_order_relaxed);
		break;
	case OUT_FOLDED: atomic_fetch_add_explicit(&m->events_folded, 1, memory_order_relaxed); break;
	case OUT_DONE: atomic_fetch_add_explicit(&m->events_done, 1, memory_order_relaxed); break;
	case OUT_NOTHING: case OUT_CLAIMED: case OUT_REFUSED: case OUT_NOT_FOUND: case OUT_STALE: case OUT_INVALID:
		atomic_fetch_add_explicit(&m->events_nothing, 1, memory_order_relaxed);
		break;
	}
}

/* A page counts as what became of it in the end, whoever ended it; what goes back to be tried again counts each time. */
static void count_pages(struct metrics *m, const struct member *x)
{
	const struct command *c = x->command;
	const uint32_t *ended = x->end.pages_ended;
	bool is_retried = c->kind == CMD_SETTLE && x->end.outcome == OUT_DONE && c->settlement.verdict == VERDICT_RETRY;
	atomic_fetch_add_explicit(&m->pages_delivered, ended[PAGE_DELIVERED], memory_order_relaxed);
	atomic_fetch_add_explicit(&m->pages_failed, ended[PAGE_FAILED], memory_order_relaxed);
	atomic_fetch_add_explicit(&m->pages_cancelled, ended[PAGE_CANCELLED], memory_order_relaxed);
	atomic_fetch_add_explicit(&m->pages_retried, is_retried && ended[PAGE_FAILED] == 0, memory_order_relaxed);
}

void engine_count(struct engine *e, const struct member *x)
{
	struct metrics *m = &e->metrics;
	const struct command *c = x->command;
	if (c == NULL)
		return;
	atomic_fetch_add_explicit(&m->pages_owed, x->end.pages_owed, memory_order_relaxed);
	atomic_fetch_add_explicit(&m->levels_entered, x->end.levels_entered, memory_order_relaxed);
	atomic_fetch_add_explicit(&m->incidents_resolved, x->end.has_resolved, memory_order_relaxed);
	if (c->kind == CMD_EVENT)
		count_event(m, x->end.is_replay ? OUT_NOTHING : x->end.outcome);
	count_pages(m, x);
}

enum store_rc engine_put(struct engine *e, enum kind kind, struct str id, const void *obj, uint64_t expect, int64_t expire, int tries)
{
	struct buf json = BUF(STORE_BODY_MAX);
	struct store_write w = { .op = STORE_PUT, .kind = (store_kind)kind, .id = id, .expect = expect, .due = STORE_NO_DUE, .expire = expire };
	struct store_txn t = { .w = &w, .n = 1 };
	struct store_result r = { .rc = STORE_TOOBIG };
	desc_write(&json, kinds[kind].entity, obj, V_STORE);
	w.body = buf_str(&json);
	desc_keys(&e->step_mem, kinds[kind].entity, obj, w.idx, STORE_IDX);
	rng_bytes(&e->rng, t.token.b, sizeof t.token.b);
	for (int i = 0; json.err == 0 && (i == 0 || r.rc == STORE_UNKNOWN) && i < tries; i++)
		store_commit(e->env.store, &t, &r, 1);
	buf_free(&json);
	return r.rc;
}

int64_t engine_look_ahead_ms(const struct engine *e)
{
	if (MUTANT(47))
		return 24 * 3600 * 1000LL;
	return e->crew.n_others > 0 ? LOOK_AMONG_OTHERS_MS : LOOK_AHEAD_MS;
}

bool engine_is_mine(const struct engine *e, struct str incident, const struct page *page, int64_t due_ms)
{
	struct piece p = { .key = incident, .holder = page ? page->owner : S(""), .was_tried = page && page->attempt > 0,
		.overdue_ms = e->now_ms - e->now_err_ms - due_ms };
	return share_is_mine(&e->crew, &p);
}

void engine_beyond(struct engine *e, enum kind kind, struct str id)
{
	enum { EVERY_MS = 60 * 1000 };
	if (e->now_ms < e->next_beyond_log_ms)
		return;
	e->next_beyond_log_ms = e->now_ms + EVERY_MS;
	engine_log(e, LOG_WARN, S(""), "%s %.*s was written by a newer version of tocsin, which this one does not understand: it is left as it is; "
	    "bring this replica up to that version", kinds[kind].entity->name, STR_ARG(id));
}

/* A policy in force is stored under its snapshot id before any incident names it. */
static enum store_rc keep_policy(struct engine *e, const struct policy *p, struct str ref)
{
	enum { TRIES = 4 };
	struct store_docs docs = { 0 };
	store_kind kind = KIND_policy;
	enum store_rc rc = store_get(e->env.store, &kind, &ref, 1, &docs);
	bool is_there = rc == STORE_OK && docs.v[0].ver > 0;
	store_docs_free(&docs);
	if (rc != STORE_OK || is_there)
		return rc;
	rc = engine_put(e, KIND_policy, ref, p, STORE_ABSENT, STORE_NO_DUE, TRIES);
	return rc == STORE_CONFLICT ? STORE_OK : rc;         /* another replica was first: the content is the same by its name */
}

enum store_rc engine_configure(struct engine *e, const struct setup *setup)
{
	const struct world *w = setup->world;
	for (size_t i = 0; i < w->policies.n; i++) {
		enum store_rc rc = keep_policy(e, &w->policies.v[i], w->policy_refs[i]);
		engine_saw(e, rc);
		if (rc != STORE_OK)
			return rc;
	}
	e->setup = setup;
	e->crew.me = setup->replica;
	return STORE_OK;
}

/* Nobody is answered for what could not even be looked at. */
static void refuse_all(struct engine *e, struct job **jobs, size_t n, enum store_rc rc)
{
	struct answer a = { .outcome = OUT_NOTHING, .rc = rc, .reason = S("the store does not answer"), .dedup_key = S("") };
	for (size_t i = 0; i < n; i++)
		e->env.reply(e->env.ctx, jobs[i], &a);
}

/* How long until the next look, or until something that is known becomes due. */
static int64_t until(const struct engine *e, int64_t look_ms, const struct upcoming *u)
{
	int64_t known_ms = u->least_ms < INT64_MAX ? u->least_ms + e->now_err_ms : INT64_MAX;
	return (known_ms < look_ms ? known_ms : look_ms) - e->now_ms;
}

static int64_t next_wake(const struct engine *e)
{
	int64_t in = LOOK_AHEAD_MS, timer = until(e, e->next_timer_ms, &e->timers), page = until(e, e->next_page_ms, &e->pages);
	if (e->pages.n_aside > 0 && e->room_ms - e->now_ms < page)
		page = e->room_ms - e->now_ms;
	if (e->todo.n > 0)
		return e->mono_ms;                        /* ends of attempts that came up while sending */
	if (!e->is_quiet && timer < in)
		in = timer;
	if (!e->is_quiet && !e->is_draining && page < in)
		in = page;
	if (e->store_info.many_writers && e->replicas.next_ms - e->now_ms < in)
		in = e->replicas.next_ms - e->now_ms;
	for (size_t i = 0; i < e->waiting.n; i++)
		if (e->waiting.v[i].try_at_ms - e->mono_ms < in)
			in = e->waiting.v[i].try_at_ms - e->mono_ms;
	return e->mono_ms + (in > 0 ? in : 0);
}

int64_t engine_step(struct engine *e, struct job **jobs, size_t n_jobs, struct delivery **sent, size_t n_sent)
{
	e->mono_ms = e->env.mono_ms(e->env.ctx);
	enum store_rc rc = store_now(e->env.store, &e->now_ms, &e->now_err_ms);
	if (MUTANT(9))
		e->now_err_ms = 0;
	engine_saw(e, rc);
	if (n_sent)
		courier_settle(e, sent, n_sent);
	if (rc != STORE_OK) {
		refuse_all(e, jobs, n_jobs, rc);
		intake_expire(e);
		return e->mono_ms + 500;
	}
	atomic_store_explicit(&e->metrics.last_cycle_ms, e->now_ms, memory_order_relaxed);
	if (n_jobs >= BUSY_JOBS)
		e->busy_until_ms = e->mono_ms + BUSY_MS;
	e->is_busy = e->mono_ms < e->busy_until_ms;
	arena_reset(&e->step_mem);
	e->n_found = 0;
	e->numbers.step_rc = STORE_OK;
	intake_waiting(e);
	for (size_t i = 0; i < n_jobs; i++)
		engine_todo(e, jobs[i]);
	if (!e->is_quiet) {
		timekeeper_look(e);
		courier_look(e);
	}
	intake(e);
	courier_send(e);
	janitor_step(e);
	replicas_beat(e);
	return next_wake(e);
}

/* What was put off is looked at at once; numbers at hand were the store's before somebody else's counter is copied over it. */
void engine_play(struct engine *e, bool is_quiet, int64_t reign)
{
	if (is_quiet && !e->is_quiet)
		e->numbers.next = e->numbers.end = 0;
	if (e->is_quiet && !is_quiet)
		e->next_timer_ms = e->next_page_ms = 0;
	e->is_quiet = is_quiet;
	e->reign = reign;
}

bool engine_drain(struct engine *e)
{
	if (!e->is_draining)
		e->replicas.next_ms = 0;          /* the others hear of it at once, and take over what is not in hand */
	e->is_draining = true;
	return e->waiting.n == 0 && e->todo.n == 0 && e->sends_out == 0;
}

const struct metrics *engine_metrics(const struct engine *e)
{
	return &e->metrics;
}

enum store_rc engine_health(const struct engine *e)
{
	return e->health;
}
