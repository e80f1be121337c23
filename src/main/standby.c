/* standby.c - see standby.h. One look is one turn of the thread: read the part, ask the primary, decide, act. Nothing that it needs to know
 * outlives a look but when the primary was last seen, which after a restart counts from the start.
 */
#include "main/standby.h"
#include "base/when.h"
#include "core/standby.h"
#include "main/region.h"
#include "main/reign.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOK_ARENA = 512 << 20, TEXT_MAX = 1024, SWEEP_EVERY_MS = 60 * 1000 };
#define KEEP_ALIVE S("keep-alive")

struct standby {
	struct standby_env env;
	struct api_standby api;
	struct primary *primary;
	struct config_standby config;    /* texts are copies of its own */
	char *name, *url;
	char refusal[2][TEXT_MAX];       /* by part: standby, yielding */
	pthread_t thread;
	bool is_started;
	atomic_int part;

	/* The thread's own. */
	struct arena mem;                /* of one look */
	struct copy copy;
	struct region region;            /* as read in this look */
	uint64_t region_ver;
	int64_t seen_at_ms, gapless_ms;  /* mono: last seen; seen since, without a gap (0: not) */
	int64_t part_at_ms;              /* mono: plays this part since, in this process */
	int64_t swept_reign;             /* everything of this reign was taken over once */
	int64_t sweep_at_ms;             /* mono: what shows up late in a list is looked for again */
	bool is_given_back;
	struct str trouble;              /* of this look */

	pthread_mutex_t lock;            /* guards all below */
	pthread_cond_t wake;
	bool wants_stop, wants_lead, wants_yield, is_seen;
	char by[129], said[TEXT_MAX], trouble_text[TEXT_MAX];
	int64_t seen_wall_ms, copied_ms, since_ms, left;
};

PRINTF_LIKE(3, 4) static void tell(struct standby *s, enum log_level level, const char *fmt, ...)
{
	struct buf b = BUF(8192);
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	s->env.log(s->env.ctx, level, S(""), b.p ? b.p : "a message too long to log");
	buf_free(&b);
}

static void text_put(char *to, size_t size, struct str s)
{
	size_t n = s.n < size - 1 ? s.n : size - 1;
	if (n)
		memcpy(to, s.p, n);
	to[n] = '\0';
}

/* Not STORE_OK: another replica was faster, or the store does not take it; the next look begins anew. */
static enum store_rc put_region(struct standby *s, const struct region *to, bool is_new_reign)
{
	struct store_token token;
	s->env.random(s->env.ctx, token.b, sizeof token.b);
	enum store_rc rc = region_write(s->env.store, &s->mem, token, to, s->region_ver, is_new_reign);
	if (rc == STORE_OK) {
		s->region = *to;
		s->region_ver++;
	}
	return rc;
}

/* --- one look --- */

static void notice(struct standby *s, struct str trouble)
{
	if (s->trouble.n == 0)
		s->trouble = trouble;
}

/* Is it at work? ret_at: its store's time. */
static bool ask(struct standby *s, int64_t *ret_at)
{
	struct told t = primary_ask(s->primary, &s->mem, "GET", S("/api/v1/replication"), S(""));
	const struct jv *at = json_get(t.json, S("at")), *cycle = json_get(t.json, S("cycle"));
	struct str part = json_text(t.json, S("part"));
	if (t.status != 200 || at == NULL || cycle == NULL) {
		notice(s, arena_fmt(&s->mem, "the primary %s is not seen: %.*s", s->url, STR_ARG(t.why)));
		return false;
	}
	*ret_at = at->i;
	if (is_at_work(part, at->i, cycle->i))
		return true;
	notice(s, str_eq(part, S("primary")) ? arena_fmt(&s->mem, "the primary %s answers, but its engine stands still", s->url) :
	    arena_fmt(&s->mem, "%s is no primary: it says that its part is %.*s", s->url, STR_ARG(part)));
	return false;
}

/* What one replica sees all of them know, so that one which is cut off alone does not take over from a primary that the others see. */
static void share_sight(struct standby *s, int64_t now_ms)
{
	if (s->region.part == PART_LEADING || now_ms - s->region.seen_at < s->config.take_over_after / 4)
		return;
	struct region next = s->region;
	next.seen_at = now_ms;
	(void)put_region(s, &next, false);               /* not taken: it is tried again at the next look */
}

/* How long nobody of us has seen it. After a restart this one begins anew. */
static int64_t unseen_ms(const struct standby *s, int64_t now_ms)
{
	int64_t own = s->env.mono_ms(s->env.ctx) - s->seen_at_ms, others = now_ms - s->region.seen_at;
	return others >= 0 && others < own ? others : own;
}

static struct sight look_out(struct standby *s, int64_t *ret_at)
{
	int64_t asked_ms = s->env.mono_ms(s->env.ctx), now_ms = 0, err_ms;
	bool is_seen = ask(s, ret_at), knows_time = store_now(s->env.store, &now_ms, &err_ms) == STORE_OK;
	if (is_seen && knows_time)
		share_sight(s, now_ms);
	s->gapless_ms = !is_seen ? 0 : s->gapless_ms ? s->gapless_ms : asked_ms;
	if (is_seen)
		s->seen_at_ms = asked_ms;
	pthread_mutex_lock(&s->lock);
	struct sight x = { .part = s->region.part, .is_seen = is_seen, .wants_lead = s->wants_lead, .wants_yield = s->wants_yield,
		.is_by_hand = !str_eq(s->region.by, KEEP_ALIVE), .is_given_back = s->is_given_back, .unseen_ms = unseen_ms(s, now_ms),
		.seen_ms = is_seen ? asked_ms - s->gapless_ms : 0, .take_over_after_ms = s->config.take_over_after,
		.yield_after_ms = s->config.yield_after, .part_ms = asked_ms - s->part_at_ms };
	s->wants_lead = s->wants_yield = false;
	s->is_seen = is_seen;
	if (is_seen)
		s->seen_wall_ms = *ret_at;
	pthread_mutex_unlock(&s->lock);
	return x;
}

static struct str why_lead(struct standby *s, const struct sight *x, struct str by)
{
	if (x->wants_lead)
		return arena_fmt(&s->mem, "promoted by %.*s", STR_ARG(by));
	return arena_fmt(&s->mem, "the primary %s was not seen at work for %lld s", s->url, (long long)(x->unseen_ms / 1000));
}

/* The next part, stored before anything is done about it. */
static void change(struct standby *s, const struct sight *x, enum region_part to)
{
	int64_t now_ms, err_ms;
	struct region next = s->region;
	bool is_new_reign = x->part == PART_STANDBY && to == PART_LEADING, is_ordered = x->wants_lead || x->wants_yield;
	enum store_rc rc = store_now(s->env.store, &now_ms, &err_ms);
	pthread_mutex_lock(&s->lock);
	next.by = is_ordered ? arena_str(&s->mem, str_c(s->by)) : KEEP_ALIVE;
	pthread_mutex_unlock(&s->lock);
	next.part = to;
	next.since = now_ms;
	next.reason = to == PART_LEADING ? why_lead(s, x, next.by) : arena_fmt(&s->mem, to == PART_YIELDING ? "the primary %s is at work" :
	    "everything was given back to %s", s->url);
	if (is_new_reign) {
		next.reign = now_ms > next.reign ? now_ms : next.reign + 1;
		next.oldest = region_oldest(s->env.store, &s->mem, now_ms);
	}
	if (rc == STORE_OK)
		rc = put_region(s, &next, is_new_reign);
	if (rc != STORE_OK) {
		notice(s, arena_fmt(&s->mem, "the part cannot be changed to %s: %s", region_part_names.v[to], store_rc_name(rc)));
		return;
	}
	s->is_given_back = false;
	s->part_at_ms = s->env.mono_ms(s->env.ctx);
	tell(s, LOG_WARN, "standby %s: %s -> %s: %.*s", s->name, region_part_names.v[x->part], region_part_names.v[to], STR_ARG(next.reason));
}

static struct reign reign_of(struct standby *s)
{
	return (struct reign){ s->env.store, s->primary, s->env.writer, str_c(s->name), &s->region, s->env.ctx, s->env.random };
}

static void follow(struct standby *s, int64_t at_ms)
{
	struct ids strangers = { 0 };
	struct str why = S("");
	struct reign r = reign_of(s);
	writer_play(s->env.writer, true, 0);
	s->copy.reign = s->region.reign;
	int err = copy_round(&s->copy, &s->mem, at_ms, s->env.mono_ms(s->env.ctx), &strangers, &why);
	if (err)
		notice(s, arena_fmt(&s->mem, "the copy is not complete: %.*s", STR_ARG(why)));
	int64_t left = (int64_t)reign_give_some(&r, &s->mem, &strangers, &why);
	if (left > 0)
		notice(s, arena_fmt(&s->mem, "%lld open incidents are not known there: %.*s", (long long)left, STR_ARG(why)));
	pthread_mutex_lock(&s->lock);
	if (!err)
		s->copied_ms = at_ms;
	s->left = left;
	pthread_mutex_unlock(&s->lock);
}

/* Nothing pages before all that was open has been taken over: what was owed before is then owed anew, and once. After that the engine goes
 * round, and what shows up late in a list is taken over late. */
static void lead(struct standby *s)
{
	struct reign r = reign_of(s);
	size_t taken;
	if (s->swept_reign == s->region.reign && s->env.mono_ms(s->env.ctx) < s->sweep_at_ms)
		return;
	int err = reign_take(&r, &s->mem, &taken);
	s->sweep_at_ms = s->env.mono_ms(s->env.ctx) + SWEEP_EVERY_MS;
	if (err)
		notice(s, S("not every open incident could be taken over yet; it is tried again"));
	if (taken > 0)
		tell(s, LOG_WARN, "standby %s: %zu open incidents taken over", s->name, taken);
	if (!err)
		s->swept_reign = s->region.reign;
	writer_play(s->env.writer, s->swept_reign != s->region.reign, s->region.reign);
	s->copy.recent_ms = 0;           /* what is copied afterwards is all of it */
}

/* The engine still pages while there is anything that the primary has not taken back. */
static void yield(struct standby *s, const struct sight *x)
{
	struct reign r = reign_of(s);
	struct str why = S("");
	size_t left = x->is_seen ? reign_give_all(&r, &s->mem, &why) : 1;
	writer_play(s->env.writer, left == 0, s->region.reign);
	if (!x->is_seen)
		return;
	s->is_given_back = left == 0;
	if (left > 0)
		notice(s, arena_fmt(&s->mem, "%zu incidents are not given back: %.*s", left, STR_ARG(why)));
	pthread_mutex_lock(&s->lock);
	s->left = (int64_t)left;
	pthread_mutex_unlock(&s->lock);
}

/* What the API shows, whole. */
static void show_part(struct standby *s)
{
	pthread_mutex_lock(&s->lock);
	text_put(s->said, sizeof s->said, s->region.reason);
	s->since_ms = s->region.since;
	atomic_store(&s->part, (int)s->region.part);
	pthread_mutex_unlock(&s->lock);
}

/* The engine knows the reign before the doors open, so that whatever comes in belongs to it; the doors are shut before anything is given back. */
static void act(struct standby *s, const struct sight *x, int64_t at_ms)
{
	if (s->region.part == PART_LEADING)
		writer_play(s->env.writer, s->swept_reign != s->region.reign, s->region.reign);
	show_part(s);
	switch (s->region.part) {
	case PART_STANDBY:
		if (x->is_seen)
			follow(s, at_ms);
		else
			writer_play(s->env.writer, true, 0);
		break;
	case PART_LEADING:
		lead(s);
		break;
	case PART_YIELDING:
		yield(s, x);
		break;
	}
}

/* Said when it is new, not every few seconds. */
static void say_trouble(struct standby *s)
{
	char was[TEXT_MAX];
	pthread_mutex_lock(&s->lock);
	memcpy(was, s->trouble_text, sizeof was);
	text_put(s->trouble_text, sizeof s->trouble_text, s->trouble);
	bool is_new = strcmp(was, s->trouble_text) != 0;
	pthread_mutex_unlock(&s->lock);
	if (is_new && s->trouble.n)
		tell(s, LOG_WARN, "standby %s: %.*s", s->name, STR_ARG(s->trouble));
	else if (is_new)
		tell(s, LOG_INFO, "standby %s: in order again", s->name);
}

static void look(struct standby *s)
{
	int64_t at_ms = 0;
	arena_reset(&s->mem);
	s->trouble = S("");
	enum store_rc rc = region_read(s->env.store, &s->mem, &s->region, &s->region_ver);
	if (rc != STORE_OK) {
		notice(s, arena_fmt(&s->mem, "the own store: %s", store_rc_name(rc)));
	} else {
		struct sight x = look_out(s, &at_ms);
		enum region_part next = standby_next(&x);
		if (next != x.part)
			change(s, &x, next);
		act(s, &x, at_ms);
	}
	say_trouble(s);
}

/* Until the next look is due, or there is an order. True: the process ends. */
static bool rest(struct standby *s, int64_t until_ms)
{
	struct timespec at = { until_ms / 1000, until_ms % 1000 * 1000000 };
	int err = 0;
	pthread_mutex_lock(&s->lock);
	while (err == 0 && !s->wants_stop && !s->wants_lead && !s->wants_yield)
		err = pthread_cond_timedwait(&s->wake, &s->lock, &at);
	bool is_over = s->wants_stop;
	pthread_mutex_unlock(&s->lock);
	return is_over;
}

static void *run(void *arg)
{
	struct standby *s = arg;
	int64_t next_ms = s->env.mono_ms(s->env.ctx);
	do {
		next_ms = s->env.mono_ms(s->env.ctx) + s->config.poll;
		look(s);
	} while (!rest(s, next_ms));
	return NULL;
}

/* --- what the API asks --- */

static const char *on_refuses(void *ctx)
{
	struct standby *s = ctx;
	int part = atomic_load(&s->part);
	return part == PART_LEADING ? NULL : s->refusal[part == PART_YIELDING];
}

static struct str on_part(void *ctx)
{
	return enum_word(&region_part_names, atomic_load(&((struct standby *)ctx)->part));
}

static void add_text(struct buf *b, const char *name, const char *text)
{
	buf_fmt(b, ",\"%s\":", name);
	if (*text)
		buf_json(b, str_c(text));
	else
		buf_add(b, S("null"));
}

static void add_time(struct buf *b, const char *name, int64_t ms)
{
	buf_fmt(b, ",\"%s\":", name);
	if (ms == 0) {
		buf_add(b, S("null"));
		return;
	}
	buf_char(b, '"');
	when_write(b, ms);
	buf_char(b, '"');
}

static void on_show(void *ctx, struct buf *b)
{
	struct standby *s = ctx;
	pthread_mutex_lock(&s->lock);
	buf_fmt(b, "{\"part\":\"%s\"", region_part_names.v[atomic_load(&s->part)]);
	add_text(b, "name", s->name);
	add_text(b, "primary", s->url);
	buf_fmt(b, ",\"is_seen\":%s", s->is_seen ? "true" : "false");
	add_time(b, "seen_at", s->seen_wall_ms);
	add_time(b, "copied_at", s->copied_ms);
	add_time(b, "since", s->since_ms);
	add_text(b, "reason", s->said);
	buf_fmt(b, ",\"left\":%lld", (long long)s->left);
	add_text(b, "trouble", s->trouble_text);
	buf_char(b, '}');
	pthread_mutex_unlock(&s->lock);
}

static const char *why_not(const struct standby *s, enum standby_order order)
{
	int part = atomic_load(&s->part);
	if (order == ORDER_LEAD)
		return part == PART_LEADING ? "It leads already." : NULL;
	if (part != PART_LEADING)
		return "It does not lead, so there is nothing to yield.";
	return s->is_seen ? NULL : "The primary is not seen at work: yielding would leave nobody to page.";
}

static bool on_order(void *ctx, enum standby_order order, struct str actor, struct buf *why)
{
	struct standby *s = ctx;
	pthread_mutex_lock(&s->lock);
	const char *no = why_not(s, order);
	if (no) {
		buf_add(why, str_c(no));
	} else {
		s->wants_lead = order == ORDER_LEAD;
		s->wants_yield = order == ORDER_YIELD;
		text_put(s->by, sizeof s->by, actor);
		pthread_cond_signal(&s->wake);
	}
	pthread_mutex_unlock(&s->lock);
	return no == NULL;
}

const struct api_standby *standby_api(struct standby *s)
{
	return s ? &s->api : NULL;
}

bool standby_is_ready(struct standby *s, const char **ret_why)
{
	const char *why = s ? on_refuses(s) : NULL;
	if (why)
		*ret_why = why;
	return why == NULL;
}

void standby_metrics(struct standby *s, struct buf *b)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	buf_add(b, S("# HELP tocsin_standby_part 1 for the part that this standby plays.\n# TYPE tocsin_standby_part gauge\n"));
	for (int i = 0; i < (int)region_part_names.n; i++)
		buf_fmt(b, "tocsin_standby_part{part=\"%s\"} %d\n", region_part_names.v[i], atomic_load(&s->part) == i);
	buf_fmt(b, "# HELP tocsin_standby_primary_seen_timestamp_seconds When the primary was last seen at work.\n"
	    "# TYPE tocsin_standby_primary_seen_timestamp_seconds gauge\ntocsin_standby_primary_seen_timestamp_seconds %lld\n",
	    (long long)(s->seen_wall_ms / 1000));
	buf_fmt(b, "# HELP tocsin_standby_left_incidents Incidents that the primary has not taken back.\n"
	    "# TYPE tocsin_standby_left_incidents gauge\ntocsin_standby_left_incidents %lld\n", (long long)s->left);
	buf_fmt(b, "# HELP tocsin_standby_copied_timestamp_seconds As of when the copy of the primary is whole.\n"
	    "# TYPE tocsin_standby_copied_timestamp_seconds gauge\ntocsin_standby_copied_timestamp_seconds %lld\n", (long long)(s->copied_ms / 1000));
	pthread_mutex_unlock(&s->lock);
}

/* --- beginning and end --- */

struct standby *standby_new(const struct standby_env *env, const struct config_standby *c, struct str name)
{
	struct standby *s = xmalloc(sizeof *s);
	pthread_condattr_t attr;
	memset(s, 0, sizeof *s);
	s->env = *env;
	s->config = *c;
	s->config.primary = s->config.name = S("");
	s->config.token = (struct secret){ .value = S("") };
	s->name = xstrndup(c->name.n ? c->name : name);
	s->url = xstrndup(c->primary);
	s->primary = primary_new(c->primary, c->token.value);
	s->mem = ARENA(LOOK_ARENA);
	s->copy = (struct copy){ .store = env->store, .primary = s->primary, .window_ms = c->copy };
	s->seen_at_ms = s->part_at_ms = env->mono_ms(env->ctx);
	s->api = (struct api_standby){ s, on_refuses, on_part, on_show, on_order };
	(void)snprintf(s->refusal[0], TEXT_MAX, "This server is a standby of %s and silent while that one is at work: send it there.", s->url);
	(void)snprintf(s->refusal[1], TEXT_MAX, "This standby is giving back to %s what it led: send it there.", s->url);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	writer_play(env->writer, true, 0);
	return s;
}

/* The part is known before the doors open. */
bool standby_start(struct standby *s, struct buf *why)
{
	enum store_rc rc = s ? region_read(s->env.store, &s->mem, &s->region, &s->region_ver) : STORE_OK;
	if (rc != STORE_OK) {
		buf_fmt(why, "the part of this standby cannot be read: %s", store_rc_name(rc));
		return false;
	}
	if (s && s->region.part != PART_STANDBY)
		writer_play(s->env.writer, true, s->region.reign);
	if (s)
		show_part(s);
	int err = s ? pthread_create(&s->thread, NULL, run, s) : 0;
	if (err)
		buf_fmt(why, "no thread for the standby: %s", strerror(err));
	if (s)
		s->is_started = err == 0;
	return err == 0;
}

void standby_stop(struct standby *s)
{
	if (s == NULL || !s->is_started)
		return;
	pthread_mutex_lock(&s->lock);
	s->wants_stop = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	primary_stop(s->primary);
	pthread_join(s->thread, NULL);
	s->is_started = false;
}

void standby_free(struct standby *s)
{
	if (s == NULL)
		return;
	standby_stop(s);
	primary_free(s->primary);
	arena_free(&s->mem);
	free(s->name);
	free(s->url);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wake);
	free(s);
}
