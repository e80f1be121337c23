/* provider.c - the way out of a page: the sending half of a replica, and providers that refuse, stall, lose answers, deliver twice and lie.
 *
 * As in production a send begins only while the look at the incident is not older than a second; a send that has begun goes on whatever becomes of
 * its replica. The answer of a send whose replica has died goes nowhere.
 */
#include "tests/sim/history.h"
#include <stdlib.h>

struct flight {
	struct flight *next;
	struct delivery *d;
	struct node *r;
	unsigned life;
	char page[128], address[64], incident[40];
	int64_t attempt;
	int status;
	const char *what, *retry_after;
};

static int build(struct arena *a, const void *settings, const struct message *m, struct wire_request *ret, struct str *ret_why)
{
	(void)settings, (void)ret_why;
	*ret = (struct wire_request){ .method = S("POST"), .url = m->page->address, .body = arena_fmt(a, "%.*s#%lld", STR_ARG(m->page->id),
		(long long)m->page->attempt) };
	return 0;
}

static void judge(struct arena *a, const struct wire_reply *r, int64_t now_ms, struct channel_judgement *ret)
{
	int64_t seconds = 0;
	(void)now_ms;
	if (!str_int(r->retry_after, &seconds))
		seconds = 0;
	bool is_passing = r->status == 0 || r->status == 429 || r->status >= 500;
	ret->verdict = r->status / 100 == 2 ? CHANNEL_DELIVERED : is_passing ? CHANNEL_RETRY : CHANNEL_REFUSED;
	ret->retry_after_ms = seconds * 1000;
	ret->reason = r->status ? arena_fmt(a, "the provider said %d", r->status) : r->error;
}

const struct channel sim_channel = { .name = "sim", .doc = "A channel of the simulator.", .build = build, .judge = judge };

static void tell(struct sim *s, enum on what, const struct flight *f, int64_t n)
{
	happened(s, &(struct happening){ .what = what, .at = s->now, .replica = f->r->index, .life = f->life, .n = n,
		.sent = { str_c(f->page), f->attempt, f->status, f->what }, .address = str_c(f->address) });
}

static bool is_alive(const struct flight *f)
{
	return f->r->engine && !f->r->is_dead && f->r->life == f->life;
}

static void lands(struct sim *s, void *who, int64_t is_started)
{
	struct flight *f = who;
	struct delivery *d = f->d;
	if (d == NULL)
		return;                          /* given up before; whatever the provider says now, nobody hears */
	f->d = NULL;
	if (!is_alive(f)) {
		delivery_drop(d);
		return;
	}
	d->was_started = is_started;
	d->reply = (struct wire_reply){ .status = f->status, .error = str_c(f->status ? "" : f->what), .retry_after = str_c(f->retry_after),
		.body = S("") };
	(void)s;
	replica_return(f->r, d);
}

static void accepted(struct sim *s, void *who, int64_t is_lie)
{
	struct flight *f = who;
	tell(s, ON_SINK, f, is_lie);
	if (!is_lie)
		humans_see(s, str_c(f->incident), str_c(f->address), str_c(f->page));
}

/* What the provider makes of it. Draws of every class are made in the same order whatever happens. */
static void arrives(struct sim *s, struct flight *f)
{
	int64_t takes = rng_between(&s->latency, 20, 300);
	bool is_refused = false, is_lie = fault(s, F_LIE), is_twice = fault(s, F_TWICE), is_lost = fault(s, F_ACCEPT_LOST);
	f->status = 200;
	f->what = "ok";
	f->retry_after = "";
	if (fault(s, F_SLOW_SEND))
		takes = fault_draw(s, F_SLOW_SEND, 1000, 30 * SECOND);
	if (fault(s, F_429)) {
		static const char *const wait[] = { "", "1", "7", "40" };
		is_refused = true;
		f->status = 429;
		f->what = "too many requests";
		f->retry_after = wait[fault_draw(s, F_429, 0, 3)];
	}
	if (fault(s, F_5XX)) {
		is_refused = true;
		f->status = 503;
		f->what = "its own error";
	}
	if (fault(s, F_4XX)) {
		is_refused = true;
		f->status = 404;
		f->what = "no such address";
	}
	if (fault(s, F_CONNECT)) {
		is_refused = true;
		f->status = 0;
		f->what = "connection timed out";
		takes = fault_draw(s, F_CONNECT, 1000, 10 * SECOND);
	}
	enum { TIME_OUT = 10 * SECOND };
	if (!is_refused)
		sim_at(s, s->now + takes / 2, accepted, f, is_lie);
	if (!is_refused && is_twice && !is_lie)
		sim_at(s, s->now + takes / 2 + 1, accepted, f, 0);
	if (is_lost || takes > TIME_OUT) {
		f->status = 0;
		f->what = "no answer within 10 s";
		takes = TIME_OUT;
	}
	sim_at(s, s->now + takes, lands, f, 1);
}

static void begins(struct sim *s, void *who, int64_t n)
{
	struct flight *f = who;
	if (f->d == NULL)
		return;
	if (!is_alive(f)) {
		delivery_drop(f->d);
		f->d = NULL;
		return;
	}
	if (s->now < f->r->paused_until) {
		sim_at(s, f->r->paused_until, begins, f, n);
		return;
	}
	if (f->r->env.mono_ms(f->r) - f->d->read_mono_ms > SECOND) {
		f->status = -1;
		f->what = "looked at too long ago";
		lands(s, f, 0);
		return;
	}
	tell(s, ON_BEGIN, f, 0);
	arrives(s, f);
}

static void copy(char *to, size_t cap, struct str from)
{
	size_t n = from.n < cap - 1 ? from.n : cap - 1;
	for (size_t i = 0; i < n; i++)
		to[i] = from.p[i];
	to[n] = 0;
}

void provider_send(struct node *r, struct delivery *d)
{
	struct sim *s = r->s;
	struct flight *f = NEW(&s->mem, struct flight);
	struct str page, attempt;
	*f = (struct flight){ .d = d, .r = r, .life = r->life, .what = "", .retry_after = "" };
	if (str_cut(d->request.body, '#', &page, &attempt) && str_int(attempt, &f->attempt))
		copy(f->page, sizeof f->page, page);
	copy(f->address, sizeof f->address, d->request.url);
	copy(f->incident, sizeof f->incident, (struct str){ f->page, 36 });
	f->next = s->flights;
	s->flights = f;
	int64_t wait = fault(s, F_LINGER) ? fault_draw(s, F_LINGER, 0, 2000) : rng_between(&s->latency, 0, 5);
	sim_at(s, s->now + wait, begins, f, 0);
}

void provider_give_up(struct node *r)
{
	for (struct flight *f = r->s->flights; f != NULL; f = f->next) {
		struct delivery *d = f->d;
		if (d == NULL || f->r != r || !is_alive(f))
			continue;
		f->d = NULL;
		d->was_started = d->was_given_up = true;
		replica_return(r, d);
	}
}

void provider_close(struct sim *s)
{
	for (struct flight *f = s->flights; f != NULL; f = f->next)
		if (f->d)
			delivery_drop(f->d);
	s->flights = NULL;
}
