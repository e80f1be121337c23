/* campaign.c - many runs: handed out to child processes one by one, gathered over a pipe. A child that dies of an assertion is a violation of the
 * run it was in. One run in twenty is done twice, and both must have the same history (I26). */
#include "tests/sim/campaign.h"
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 8, FAILURES_SHOWN = 8, TWICE_EVERY = 20 };

/* What is to be run, as a list: the n-th of it can be made in any process. */
struct work { int64_t n; void (*make)(const struct work *w, int64_t i, struct options *o); const struct campaign *c; const struct sweep_case *cases; };
struct child { pid_t pid; int ask, answer; int64_t now; };
struct tally {
	struct finding sum;                      /* counts of all runs together */
	int64_t runs, bad;
	struct finding shown[FAILURES_SHOWN];
	int64_t shown_at[FAILURES_SHOWN];
	double began;
};

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool read_all(int fd, void *p, size_t n)
{
	for (char *at = p; n > 0;) {
		ssize_t got = read(fd, at, n);
		if (got <= 0)
			return false;
		at += got;
		n -= (size_t)got;
	}
	return true;
}

static bool write_all(int fd, const void *p, size_t n)
{
	return write(fd, p, n) == (ssize_t)n;            /* small enough for a pipe to take at once */
}

static struct finding run_checked(const struct work *w, int64_t i)
{
	struct options o;
	w->make(w, i, &o);
	o.is_hashed = i % TWICE_EVERY == 0;
	struct finding v = run(&o, NULL, NULL);
	if (!o.is_hashed || v.is_bad)
		return v;
	struct finding again = run(&o, NULL, NULL);
	v.exercised[I26]++;
	if (again.hash != v.hash) {
		v.is_bad = true;
		v.broken = I26;
		snprintf(v.text, sizeof v.text, "two runs of one seed had different histories");
	}
	return v;
}

static void child_main(const struct work *w, int ask, int answer)
{
	int64_t i;
	while (read_all(ask, &i, sizeof i)) {
		struct finding v = run_checked(w, i);
		if (!write_all(answer, &v, sizeof v))
			break;
	}
	fflush(stdout);
	_exit(0);
}

static bool child_start(struct child *c, const struct work *w)
{
	int ask[2], answer[2];
	if (pipe(ask) != 0 || pipe(answer) != 0)
		return false;
	fflush(stdout);
	*c = (struct child){ fork(), ask[1], answer[0], -1 };
	if (c->pid == 0) {
		close(ask[1]);
		close(answer[0]);
		child_main(w, ask[0], answer[1]);
	}
	close(ask[0]);
	close(answer[1]);
	return c->pid > 0;
}

static void child_stop(struct child *c)
{
	int status;
	close(c->ask);
	close(c->answer);
	kill(c->pid, SIGKILL);                           /* it may be waiting for work: its sisters hold copies of its pipe */
	(void)waitpid(c->pid, &status, 0);               /* how it ended has been noticed by its silence */
}

static void add(struct tally *t, int64_t i, const struct finding *v)
{
	for (int k = 0; k < INVARIANT_COUNT; k++)
		t->sum.exercised[k] += v->exercised[k];
	for (int k = 0; k < FAULT_COUNT; k++)
		t->sum.fired[k] += v->fired[k];
	t->sum.incidents += v->incidents;
	t->sum.pages += v->pages;
	t->sum.events += v->events;
	t->sum.commits += v->commits;
	t->sum.steps += v->steps;
	t->sum.virtual_ms += v->virtual_ms;
	t->runs++;
	if (v->is_bad && t->bad < FAILURES_SHOWN) {
		t->shown[t->bad] = *v;
		t->shown_at[t->bad] = i;
	}
	t->bad += v->is_bad;
}

static void progress(const struct tally *t, int64_t n)
{
	enum { WIDTH = 40 };
	int done = (int)(t->runs * WIDTH / (n ? n : 1));
	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r[%.*s%.*s] %lld/%lld, %lld broken ", done, "########################################", WIDTH - done,
	    "                                        ", (long long)t->runs, (long long)n, (long long)t->bad);
}

/* The answer of one child; when it died instead, that is the answer, and another takes its place. */
static void gather(struct child *c, const struct work *w, struct tally *t)
{
	struct finding v = { .is_bad = true, .broken = I0, .seed = 0 };
	int64_t i = c->now;
	if (!read_all(c->answer, &v, sizeof v)) {
		struct options o;
		w->make(w, i, &o);
		v = (struct finding){ .is_bad = true, .broken = I0, .seed = o.seed, .text = "the process died: an assertion, or worse" };
		child_stop(c);
		if (!child_start(c, w))
			exit(70);
	}
	c->now = -1;
	add(t, i, &v);
}

static int wait_for_one(struct child *c, int n)
{
	fd_set set;
	int top = 0;
	FD_ZERO(&set);
	for (int k = 0; k < n; k++)
		if (c[k].now >= 0) {
			FD_SET(c[k].answer, &set);
			top = c[k].answer > top ? c[k].answer : top;
		}
	if (select(top + 1, &set, NULL, NULL, NULL) < 0)
		return -1;
	for (int k = 0; k < n; k++)
		if (c[k].now >= 0 && FD_ISSET(c[k].answer, &set))
			return k;
	return -1;
}

static void do_all(const struct work *w, struct tally *t)
{
	struct child child[JOBS_MAX];
	int jobs = w->c->jobs < 1 ? 1 : w->c->jobs > JOBS_MAX ? JOBS_MAX : w->c->jobs, busy = 0;
	int64_t next = 0;
	for (int k = 0; k < jobs; k++)
		if (!child_start(&child[k], w))
			exit(70);
	do {
		bool is_enough = w->c->stops_when_broken && t->bad > 0;
		for (int k = 0; k < jobs && next < w->n && !is_enough; k++)
			if (child[k].now < 0 && write_all(child[k].ask, &next, sizeof next)) {
				child[k].now = next++;
				busy++;
			}
		int k = busy ? wait_for_one(child, jobs) : -1;
		if (k >= 0) {
			gather(&child[k], w, t);
			busy--;
			progress(t, w->n);
		}
	} while (busy > 0 || (next < w->n && !(w->c->stops_when_broken && t->bad > 0)));
	for (int k = 0; k < jobs; k++)
		child_stop(&child[k]);
}

void verdict_print(const struct finding *v)
{
	if (v->is_bad)
		printf("BROKEN %s (%s) at seed %llu: %s\n", invariants[v->broken].name, invariants[v->broken].doc, (unsigned long long)v->seed, v->text);
	else
		printf("seed %llu holds: %llu incidents, %llu pages, %llu events, %llu commits, %llu steps, history %016llx\n",
		    (unsigned long long)v->seed, (unsigned long long)v->incidents, (unsigned long long)v->pages, (unsigned long long)v->events,
		    (unsigned long long)v->commits, (unsigned long long)v->steps, (unsigned long long)v->hash);
}

/* The table at the end. Returns how many invariants were never exercised. */
static int report(const struct tally *t, const char *what, bool wants_all)
{
	double took = seconds() - t->began, hours = (double)t->sum.virtual_ms / HOUR;
	int idle = 0;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%70s\r", "");
	printf("%s: %lld runs, %.0f simulated hours in %.1f s: %.0f h/s, %llu events, %llu incidents, %llu pages, %llu commits, %lld violations\n",
	    what, (long long)t->runs, hours, took, hours / took, (unsigned long long)t->sum.events, (unsigned long long)t->sum.incidents,
	    (unsigned long long)t->sum.pages, (unsigned long long)t->sum.commits, (long long)t->bad);
	for (int i = 1; i < INVARIANT_COUNT; i++) {
		bool is_idle = wants_all && t->sum.exercised[i] == 0;
		printf("  %-4s %12llu  %s%s\n", invariants[i].name, (unsigned long long)t->sum.exercised[i], invariants[i].doc,
		    is_idle ? "  <- NEVER EXERCISED" : "");
		idle += is_idle;
	}
	printf("  faults:");
	for (int c = 0; c < FAULT_COUNT; c++)
		printf(" %s %llu", faults[c].name, (unsigned long long)t->sum.fired[c]);
	printf("\n");
	return idle;
}

static int finish(const struct work *w, struct tally *t, const char *what, bool wants_all)
{
	do_all(w, t);
	int idle = report(t, what, wants_all && t->bad == 0);
	for (int64_t i = 0; i < t->bad && i < FAILURES_SHOWN; i++) {
		struct options o;
		w->make(w, t->shown_at[i], &o);
		options_print(&o);
		verdict_print(&t->shown[i]);
	}
	if (t->bad > 0 && t->shown[0].broken != I0 && t->shown[0].broken != I26 && !w->c->stops_when_broken) {
		struct options o;
		w->make(w, t->shown_at[0], &o);
		shrink(&o, &t->shown[0]);
	}
	printf("%lld passed, %lld failed\n", (long long)(t->runs - t->bad), (long long)(t->bad + idle));
	return t->bad + idle > 0;
}

static void make_swarm(const struct work *w, int64_t i, struct options *o)
{
	options_swarm(o, w->c->from + (uint64_t)i);
}

int campaign_swarm(const struct campaign *c)
{
	struct work w = { .n = c->seeds, .make = make_swarm, .c = c };
	struct tally t = { .began = seconds() };
	return finish(&w, &t, "swarm", c->seeds >= 200);
}

/* --- the sweep: each fault once, at every place where it can strike --- */

struct sweep_case { uint64_t seed; enum fault_class c; int64_t at; };

static void make_case(const struct work *w, int64_t i, struct options *o)
{
	options_small(o, w->cases[i].seed);
	o->once = w->cases[i].c;
	o->once_at = w->cases[i].at;
}

static struct sweep_case *cases_of(const struct campaign *c, int64_t *ret_n)
{
	struct sweep_case *v = NULL;
	int64_t n = 0, cap = 0;
	for (int64_t k = 0; k < c->seeds; k++)
		for (int f = 0; f < FAULT_COUNT; f++) {
			struct options o;
			options_small(&o, c->from + (uint64_t)k);
			o.once = (enum fault_class)f;
			struct finding calm = run(&o, NULL, NULL);     /* counts the places */
			if (n + calm.places + 1 > cap) {
				cap = 2 * (n + calm.places + 1);
				v = xrealloc(v, (size_t)cap * sizeof *v);
			}
			for (int64_t at = calm.is_bad ? 0 : 1; at <= calm.places; at++)
				v[n++] = (struct sweep_case){ o.seed, o.once, at };
		}
	*ret_n = n;
	return v;
}

int campaign_sweep(const struct campaign *c)
{
	struct tally t = { .began = seconds() };
	struct work w = { .make = make_case, .c = c };
	struct sweep_case *cases = cases_of(c, &w.n);
	w.cases = cases;
	int rc = finish(&w, &t, "sweep", false);
	free(cases);
	return rc;
}
