/* replica.c - engines of the production build, each with its own env, stepped when they asked for it or when something came in.
 *
 * A replica dies by marking it dead: from then on its store handle answers DOWN, and what it still says goes nowhere; when the step under way has
 * returned, the engine is freed and a new one is started later. What it had in hand is lost, which is the point.
 */
#include "tests/sim/check.h"
#include <assert.h>
#include <stdlib.h>

static void job_add(struct jobs *l, struct job *j)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 16;
		l->v = xrealloc(l->v, l->cap * sizeof(struct job *));
	}
	l->v[l->n++] = j;
}

static void delivery_add(struct deliveries *l, struct delivery *d)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 16;
		l->v = xrealloc(l->v, l->cap * sizeof(struct delivery *));
	}
	l->v[l->n++] = d;
}

static void delivery_remove(struct deliveries *l, const struct delivery *d)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i] == d)
			l->v[i] = l->v[--l->n];
}

void replica_name(char out[16], int index, unsigned life)
{
	write_text(out, 16, "r%d.%u", index, life);
}

void delivery_drop(struct delivery *d)
{
	arena_free(&d->mem);
	free(d);
}

/* --- what the engine sees of the world --- */

static int64_t env_mono(void *ctx)
{
	struct node *r = ctx;
	return r->s->now - r->mono_base;
}

static void env_random(void *ctx, void *out, size_t n)
{
	struct node *r = ctx;
	rng_bytes(&r->s->random, out, n);
}

static void keep_text(char *to, size_t cap, struct str from)
{
	size_t n = from.n < cap - 1 ? from.n : cap - 1;
	for (size_t i = 0; i < n; i++)
		to[i] = from.p[i];
	to[n] = 0;
}

static void answer_arrives(struct sim *s, void *who, int64_t n)
{
	(void)n;
	request_answered(s, who);
}

static void env_reply(void *ctx, struct job *j, const struct answer *a)
{
	struct node *r = ctx;
	struct sim *s = r->s;
	struct request *q = j->owner;
	if (r->is_dead)
		return;
	assert(r->waiting > 0);
	r->waiting--;
	r->did_something = true;
	q->reply.rc = a->rc;
	q->reply.outcome = a->outcome;
	q->reply.version = a->incident ? a->incident->version : 0;
	keep_text(q->reply.incident, sizeof q->reply.incident, a->incident ? a->incident->id : S(""));
	keep_text(q->reply.dedup_key, sizeof q->reply.dedup_key, a->dedup_key);
	q->reply.is_there = true;
	happened(s, &(struct happening){ .what = ON_REPLY, .at = s->now, .replica = r->index, .life = r->life, .request = q });
	if (!fault(s, F_CLIENT) && !q->is_answered)
		sim_at(s, s->now + rng_between(&s->latency, 1, 20), answer_arrives, q, 0);
	if (fault(s, F_CRASH_REPLY))
		replica_die(r, "after an answer");
}

static void env_send(void *ctx, struct delivery *d)
{
	struct node *r = ctx;
	struct sim *s = r->s;
	if (r->is_dead) {
		delivery_drop(d);
		return;
	}
	r->did_something = true;
	happened(s, &(struct happening){ .what = ON_SEND, .at = s->now, .replica = r->index, .life = r->life,
		.sent = { d->page, d->attempt, 0, "" } });
	delivery_add(&r->out, d);
	provider_send(r, d);
	if (fault(s, F_CRASH_REPLY))
		replica_die(r, "after a page was given out");
}

static void env_log(void *ctx, enum log_level level, struct str incident, const char *text)
{
	struct node *r = ctx;
	(void)incident;
	if (r->s->o.is_verbose && level >= LOG_INFO)
		happened_to(r->s, ON_LOG, r->index, level, text);
}

static size_t env_room(void *ctx, struct str channel)
{
	struct node *r = ctx;
	(void)channel;
	enum { ROOM = 16 };
	return r->out.n < ROOM ? ROOM - r->out.n : 0;
}

/* --- steps --- */

static void bury(struct node *r)
{
	engine_free(r->engine);
	r->engine = NULL;
	r->is_dead = r->is_draining = r->is_to_reload = r->is_giving_up = false;
	r->inbox.n = r->waiting = 0;
	for (size_t i = 0; i < r->returned.n; i++)
		delivery_drop(r->returned.v[i]);
	r->returned.n = r->out.n = 0;            /* what the provider has now it drops itself: its replica lives another life */
	r->life++;
}

static int64_t restart_after(struct sim *s)
{
	bool is_quick = rng_chance(&s->latency, 600000);
	return s->is_healed ? SECOND : is_quick ? rng_between(&s->latency, SECOND, 20 * SECOND) : rng_between(&s->latency, SECOND, 10 * MINUTE);
}

static void go_down(struct node *r)
{
	bury(r);
	sim_at(r->s, r->s->now + restart_after(r->s), replica_start, r, 0);
}

void replica_die(struct node *r, const char *why)
{
	if (r->engine == NULL || r->is_dead)
		return;
	r->is_dead = true;
	r->trouble_at = r->s->now;
	happened_to(r->s, ON_CRASH, r->index, 0, why);
	if (!r->is_stepping)
		go_down(r);
}

static void configure(struct node *r)
{
	struct sim *s = r->s;
	struct config *newest = s->configs[s->n_configs - 1], *had = r->config;
	if (newest == r->config && r->setup.world)
		return;
	struct setup next = { .world = &newest->world, .outlets = newest->outlets, .n_outlets = newest->n_outlets,
		.public_url = S(""), .replica = str_c(r->name), .version = S("1") };
	struct setup *kept = NEW(&s->mem, struct setup);
	*kept = next;
	r->is_stepping = true;
	enum store_rc rc = engine_configure(r->engine, kept);
	r->is_stepping = false;
	if (rc == STORE_OK)
		r->config = newest;
	else
		sim_at(s, s->now + 2 * SECOND, replica_reload, r, (int64_t)r->life);
	happened_to(s, ON_CONFIG, r->index, r->config ? r->config->number : -1, rc == STORE_OK ? "in force" : "refused");
	(void)had;
}

/* An engine that asks to be stepped again and again at one instant would burn a processor in production, and never end here. */
static void check_spin(struct node *r)
{
	enum { SPIN_MAX = 300 };
	struct sim *s = r->s;
	r->n_same = r->same_ms == s->now ? r->n_same + 1 : 0;
	r->same_ms = s->now;
	if (r->n_same == SPIN_MAX)
		broken(s, I0, "r%d asked to be stepped %d times at one instant", r->index, SPIN_MAX);
}

static void step(struct node *r)
{
	struct sim *s = r->s;
	struct jobs jobs = r->inbox;
	struct deliveries back = r->returned;
	r->inbox = r->jobs_now;
	r->returned = r->returned_now;
	r->inbox.n = r->returned.n = 0;
	for (size_t i = 0; i < back.n; i++) {
		const struct delivery *d = back.v[i];
		happened(s, &(struct happening){ .what = ON_RESULT, .at = s->now, .replica = r->index, .life = r->life,
			.sent = { d->page, d->attempt, d->was_started && !d->was_given_up ? d->reply.status : -1,
				d->was_given_up ? "given up" : d->was_started ? "" : "unsent" } });
	}
	r->is_stepping = true;
	r->step_began_ms = s->now;
	check_spin(r);
	r->waiting += jobs.n;
	s->verdict.steps++;
	int64_t want = engine_step(r->engine, jobs.v, jobs.n, back.v, back.n);
	r->is_stepping = false;
	r->next_ms = want + r->mono_base;
	r->jobs_now = jobs;
	r->returned_now = back;
}

static void alarm(struct sim *s, void *who, int64_t n);

static void ask_for_step(struct node *r, int64_t at)
{
	r->alarm++;
	r->next_ms = at;
	sim_at(r->s, at, alarm, r, (int64_t)r->alarm);
}

/* As production ends: off the list of replicas, then gone. */
static void leave(struct node *r, const char *how)
{
	r->is_stepping = true;
	r->step_began_ms = r->s->now;
	engine_leave(r->engine);
	r->is_stepping = false;
	happened_to(r->s, ON_DRAIN, r->index, 1, how);
	go_down(r);
}

static void stop_when_drained(struct node *r)
{
	if (!r->is_draining)
		return;
	if (r->is_giving_up && r->out.n > 0) {
		provider_give_up(r);
		replica_wake(r, r->s->now);
	}
	if (engine_drain(r->engine) && r->inbox.n == 0 && r->returned.n == 0)
		leave(r, "drained");
}

/* What is under way by now is not waited for any longer. */
static void patience_ends(struct sim *s, void *who, int64_t life)
{
	struct node *r = who;
	if (r->engine == NULL || (int64_t)r->life != life || !r->is_draining)
		return;
	r->is_giving_up = true;
	replica_wake(r, s->now);
}

static void time_is_up(struct sim *s, void *who, int64_t life)
{
	(void)s;
	struct node *r = who;
	if (r->engine && (int64_t)r->life == life && r->is_draining)
		replica_die(r, "the drain took too long");
}

static void alarm(struct sim *s, void *who, int64_t n)
{
	struct node *r = who;
	if (r->engine == NULL || r->is_stepping || (uint64_t)n != r->alarm)
		return;
	if (s->now < r->paused_until) {
		ask_for_step(r, r->paused_until);
		return;
	}
	step(r);
	if (!r->is_dead && r->is_to_reload) {
		r->is_to_reload = false;
		configure(r);
	}
	if (r->is_dead) {
		go_down(r);
		return;
	}
	bool has_input = r->inbox.n || r->returned.n;
	ask_for_step(r, has_input || r->next_ms < s->now ? s->now : r->next_ms);
	stop_when_drained(r);
}

void replica_wake(struct node *r, int64_t at)
{
	if (r->engine && !r->is_stepping && at < r->next_ms)
		ask_for_step(r, at);
}

void replica_post(struct node *r, struct job *j)
{
	assert(r->engine && !r->is_dead);
	job_add(&r->inbox, j);
	replica_wake(r, r->s->now + rng_between(&r->s->latency, 0, 2));
}

void replica_return(struct node *r, struct delivery *d)
{
	delivery_remove(&r->out, d);
	delivery_add(&r->returned, d);
	replica_wake(r, r->s->now);
}

void replica_reload(struct sim *s, void *who, int64_t life)
{
	struct node *r = who;
	(void)s;
	if (r->engine == NULL || (int64_t)r->life != life)
		return;
	r->is_to_reload = true;
	replica_wake(r, s->now);
}

void replica_start(struct sim *s, void *who, int64_t ignored)
{
	struct node *r = who;
	(void)ignored;
	assert(r->engine == NULL);
	if (s->now < s->all_down_until) {
		sim_at(s, s->all_down_until, replica_start, r, 0);
		return;
	}
	replica_name(r->name, r->index, r->life);
	r->handle = handle_open(r);
	r->mono_base = s->now - rng_between(&s->latency, 0, 1000000);
	r->env = (struct env){ .ctx = r, .store = &r->handle->base, .mono_ms = env_mono, .random = env_random, .reply = env_reply,
		.send = env_send, .log = env_log, .send_room = env_room };
	r->config = s->configs[s->n_configs - 1];
	r->setup = (struct setup){ .world = &r->config->world, .outlets = r->config->outlets, .n_outlets = r->config->n_outlets,
		.public_url = S(""), .replica = str_c(r->name), .version = S("1") };
	r->engine = engine_new(&r->env, &r->setup);
	happened_to(s, ON_START, r->index, r->life, "");
	r->is_stepping = true;
	enum store_rc rc = engine_configure(r->engine, &r->setup);
	r->is_stepping = false;
	if (r->is_dead || rc != STORE_OK) {          /* production refuses to start, and is started again */
		if (!r->is_dead)
			happened_to(s, ON_CRASH, r->index, 0, "could not start");
		bury(r);
		sim_at(s, s->now + rng_between(&s->latency, SECOND, 5 * SECOND), replica_start, r, 0);
		return;
	}
	r->paused_until = 0;
	ask_for_step(r, s->now);
}

void replica_close(struct node *r)
{
	if (r->engine)
		bury(r);
	free(r->inbox.v);
	free(r->jobs_now.v);
	free(r->returned.v);
	free(r->returned_now.v);
	free(r->out.v);
}

/* --- the faults that come by the hour --- */

static struct node *some_replica(struct sim *s, enum fault_class c)
{
	return &s->replica[fault_draw(s, c, 0, s->o.replicas - 1)];
}

static void plague_full(struct sim *s)
{
	int64_t ms = fault_draw(s, F_FULL, 10 * SECOND, 20 * MINUTE);
	s->is_full_for_all = fault_draw(s, F_FULL, 0, 1) == 1;
	if (fault_may(s, F_FULL))
		s->full_until = s->now + ms;
}

static void plague_outage(struct sim *s)
{
	bool is_long = fault_draw(s, F_OUTAGE, 0, 19) == 0;
	int64_t ms = fault_draw(s, F_OUTAGE, SECOND, is_long ? 3 * HOUR : 30 * MINUTE);
	if (fault_may(s, F_OUTAGE)) {
		s->down_until = s->now + ms;
		happened_to(s, ON_OUTAGE, -1, ms, "the store is down");
	}
}

static void plague_cut(struct sim *s)
{
	struct node *r = some_replica(s, F_CUT);
	int64_t ms = fault_draw(s, F_CUT, SECOND, 10 * MINUTE);
	enum cut cut = fault_draw(s, F_CUT, 0, 1) ? CUT_REQUESTS : CUT_ANSWERS;
	if (fault_may(s, F_CUT)) {
		r->cut = cut;
		r->cut_until = s->now + ms;
		happened_to(s, ON_CUT, r->index, ms, cut == CUT_REQUESTS ? "requests" : "answers");
	}
}

static void plague_pause(struct sim *s)
{
	struct node *r = some_replica(s, F_PAUSE);
	int64_t ms = fault_draw(s, F_PAUSE, SECOND, 120 * SECOND);
	if (fault_may(s, F_PAUSE)) {
		r->paused_until = s->now + ms;
		r->trouble_at = r->paused_until;
		happened_to(s, ON_PAUSE, r->index, ms, "");
	}
}

static void plague_crash(struct sim *s)
{
	bool is_everybody = fault_draw(s, F_CRASH, 0, 9) == 0;
	struct node *one = some_replica(s, F_CRASH);
	if (!fault_may(s, F_CRASH))
		return;
	for (int i = 0; i < s->o.replicas; i++)
		if (is_everybody || &s->replica[i] == one)
			replica_die(&s->replica[i], is_everybody ? "all of them" : "by the hour");
}

static void plague_drain(struct sim *s)
{
	struct node *r = some_replica(s, F_DRAIN);
	if (!fault_may(s, F_DRAIN) || r->engine == NULL || r->is_draining || r->is_dead)
		return;
	happened_to(s, ON_DRAIN, r->index, 0, "asked to stop");
	r->is_draining = true;
	(void)engine_drain(r->engine);               /* asked again after every step */
	replica_wake(r, s->now);
	sim_at(s, s->now + 8 * SECOND, patience_ends, r, (int64_t)r->life);
	sim_at(s, s->now + 10 * SECOND, time_is_up, r, (int64_t)r->life);
}

static void plague_clock(struct sim *s)
{
	struct node *r = some_replica(s, F_CLOCK);
	int64_t err = fault_draw(s, F_CLOCK, 0, 9) ? 50 : fault_draw(s, F_CLOCK, 50, 1000);
	int64_t skew = fault_draw(s, F_CLOCK, -err, err);
	if (fault_may(s, F_CLOCK)) {
		r->err_ms = err;
		r->skew_ms = skew;
		happened_to(s, ON_CLOCK, r->index, skew, "");
	}
}

static void plague_edit(struct sim *s)
{
	if (!fault_may(s, F_EDIT) || s->n_configs == CONFIGS_MAX)
		return;
	s->configs[s->n_configs] = config_edited(s, s->configs[s->n_configs - 1]);
	s->n_configs++;
	for (int i = 0; i < s->o.replicas; i++)
		sim_at(s, s->now + fault_draw(s, F_EDIT, 0, 20 * SECOND), replica_reload, &s->replica[i], (int64_t)s->replica[i].life);
}

struct plague { enum fault_class c; void (*fn)(struct sim *s); };
static const struct plague plagues[] = {
	{ F_FULL, plague_full }, { F_OUTAGE, plague_outage }, { F_CUT, plague_cut }, { F_PAUSE, plague_pause }, { F_CRASH, plague_crash },
	{ F_DRAIN, plague_drain }, { F_CLOCK, plague_clock }, { F_EDIT, plague_edit },
};

static void plague_strikes(struct sim *s, void *who, int64_t i)
{
	(void)who;
	if (s->is_healed)
		return;
	plagues[i].fn(s);
	if (!s->o.is_small)
		sim_at(s, fault_next(s, plagues[i].c, s->now), plague_strikes, NULL, i);
}

void replicas_plague(struct sim *s)
{
	enum { SWEEP_EVERY = 10 * SECOND };
	for (size_t i = 0; i < COUNT(plagues); i++) {
		bool is_once = s->o.is_small && s->o.once == plagues[i].c;
		if (is_once)
			s->verdict.places = s->o.length_ms / SWEEP_EVERY;
		if (is_once && s->o.once_at)
			sim_at(s, s->now + s->o.once_at * SWEEP_EVERY, plague_strikes, NULL, (int64_t)i);
		else if (!s->o.is_small && s->o.rate[plagues[i].c])
			sim_at(s, fault_next(s, plagues[i].c, s->now), plague_strikes, NULL, (int64_t)i);
	}
}
