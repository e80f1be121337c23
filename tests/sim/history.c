/* history.c - where everything that happens passes: the checkers see it, the hash of the history grows, and --verbose prints it. */
#include "model/kinds.h"
#include "tests/sim/check.h"
#include <assert.h>
#include <stdio.h>

void write_text(char *out, size_t cap, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(out, cap, fmt, ap);
	va_end(ap);
	assert(n >= 0 && (size_t)n < cap);
}

static const char *const names[] = {
#define ON_NAME(v, name) name,
	HAPPENINGS(ON_NAME)
};

static void mix(struct sim *s, uint64_t v)
{
	s->verdict.hash = (s->verdict.hash ^ v) * UINT64_C(1099511628211);
	s->verdict.hash ^= s->verdict.hash >> 29;
}

static void mix_text(struct sim *s, struct str t)
{
	for (size_t i = 0; i < t.n; i++)
		mix(s, (unsigned char)t.p[i]);
}

static void hash(struct sim *s, const struct happening *h)
{
	mix(s, (uint64_t)h->what);
	mix(s, (uint64_t)h->at);
	mix(s, (uint64_t)h->replica);
	mix(s, (uint64_t)h->n);
	mix_text(s, h->sent.page);
	if (h->request)
		mix(s, (uint64_t)h->request->id * 1000 + (uint64_t)h->request->reply.rc * 100 + (uint64_t)h->request->reply.outcome);
	for (size_t i = 0; i < h->n_v; i++) {
		mix_text(s, h->v[i].id);
		mix(s, h->v[i].ver);
		mix_text(s, h->v[i].body);
	}
}

static void print_clock(int64_t at)
{
	int64_t ms = at - SIM_START;
	printf("%02lld:%02lld:%02lld.%03lld ", (long long)(ms / HOUR), (long long)(ms / MINUTE % 60), (long long)(ms / SECOND % 60), (long long)(ms % 1000));
}

static void print_due(const char *what, int64_t due)
{
	if (due == STORE_NO_DUE)
		return;
	printf(" %s=", what);
	print_clock(due);
}

static void print_change(const struct change *c)
{
	printf("\n    %-8s %.*s v%llu", kinds[c->kind].entity->name, STR_ARG(c->id), (unsigned long long)c->ver);
	print_due("due", c->due);
	if (c->body.n)
		printf(" %.*s", STR_ARG(c->body));
}

static void print_request(const struct happening *h)
{
	const struct request *q = h->request;
	printf(" %s %s story %d try %d %s/%s/%s %s%s", q->marker, want_names[q->want], q->story, q->tries, q->integration, q->service, q->key,
	    q->incident, q->idem);
	if (h->what == ON_REPLY)
		printf(" -> %s, %.*s, incident %s v%lld", store_rc_name(q->reply.rc), STR_ARG(enum_word(&outcome_names, (int)q->reply.outcome)),
		    q->reply.incident, (long long)q->reply.version);
}

static void print(const struct happening *h)
{
	print_clock(h->at);
	printf("%-8s", names[h->what]);
	if (h->replica >= 0)
		printf(" r%d", h->replica);
	if (h->text && *h->text)
		printf(" %s", h->text);
	if (h->n)
		printf(" %lld", (long long)h->n);
	if (h->sent.page.n)
		printf(" %.*s attempt %lld status %d %s", STR_ARG(h->sent.page), (long long)h->sent.attempt, h->sent.status, h->sent.what);
	if (h->address.n)
		printf(" at %.*s", STR_ARG(h->address));
	if (h->request)
		print_request(h);
	for (size_t i = 0; i < h->n_v; i++)
		print_change(&h->v[i]);
	printf("\n");
}

void happened(struct sim *s, const struct happening *h)
{
	if (s->is_over)
		return;
	if (s->o.is_verbose && h->at >= s->o.told_from)
		print(h);
	if (s->o.is_hashed)
		hash(s, h);
	checks_see(s->checks, h);
}

void happened_to(struct sim *s, enum on what, int replica, int64_t n, const char *text)
{
	happened(s, &(struct happening){ .what = what, .at = s->now, .replica = replica, .n = n, .text = text,
		.life = replica >= 0 ? s->replica[replica].life : 0 });
}
