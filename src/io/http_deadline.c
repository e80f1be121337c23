/* http_deadline.c - the library never closes a client that sends a byte a second; this does.
 *
 * Each connection is in one phase, and all of one phase have the same limit, so a list per phase in order of entry is sorted by
 * deadline: moving on costs four pointers, and the next deadline is at the head of a list.
 */
#include "io/http_inside.h"
#include <netinet/tcp.h>
#include <sys/socket.h>

static void list_remove(struct peer_list *l, struct peer *p)
{
	*(p->prev ? &p->prev->next : &l->head) = p->next;
	*(p->next ? &p->next->prev : &l->tail) = p->prev;
}

static void list_append(struct peer_list *l, struct peer *p)
{
	p->prev = l->tail;
	p->next = NULL;
	*(l->tail ? &l->tail->next : &l->head) = p;
	l->tail = p;
}

void http_phase_enter(struct peer *p, enum phase phase)
{
	struct http_server *s = p->server;
	list_remove(&s->phases[p->phase], p);
	p->phase = phase;
	p->since_ms = s->now_ms;
	list_append(&s->phases[phase], p);
}

static void expire(struct peer *p)
{
	if (p->phase == PHASE_HEAD || p->phase == PHASE_BODY)
		http_refuse(p, (struct http_refusal){ 408, "The request did not arrive completely in time; send it again" });
	(void)shutdown(p->fd, SHUT_RDWR);                          /* fails when the peer is gone already: that is what we want */
	http_phase_enter(p, PHASE_GONE);
}

void http_phase_begin(struct peer *p)
{
	p->phase = PHASE_HEAD;
	p->since_ms = p->server->now_ms;
	list_append(&p->server->phases[PHASE_HEAD], p);
}

void http_phase_end(struct peer *p)
{
	list_remove(&p->server->phases[p->phase], p);
}

static bool has_begun_a_head(const struct peer *p, int64_t now_ms)
{
	enum { SLACK_MS = 20 };                                    /* the kernel's answer is as coarse as its tick */
	struct tcp_info info;
	socklen_t n = sizeof info;
	if (getsockopt(p->fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
		return false;                                      /* not TCP any more: the idle limit ends it */
	return now_ms - info.tcpi_last_data_recv > p->since_ms + SLACK_MS;
}

/* The library says nothing until a request line is complete, so whether an idle connection has begun one is asked of the
 * kernel, ten times per head deadline, of those that have been idle that long. */
static void glance_at_idle(struct http_server *s)
{
	int64_t pace = s->options.head_deadline_ms / 10 + 1;
	if (s->now_ms < s->glance_at_ms)
		return;
	s->glance_at_ms = s->now_ms + pace;
	for (struct peer *p = s->phases[PHASE_IDLE].head, *next; p != NULL && p->since_ms + pace <= s->now_ms; p = next) {
		next = p->next;
		if (has_begun_a_head(p, s->now_ms))
			http_phase_enter(p, PHASE_HEAD);
	}
}

void http_deadlines_keep(struct http_server *s)
{
	glance_at_idle(s);
	for (size_t i = 0; i < PHASES; i++)
		for (struct peer *p = s->phases[i].head; s->limit_ms[i] && p && p->since_ms + s->limit_ms[i] <= s->now_ms; p = s->phases[i].head)
			expire(p);
	http_linger_expire(&s->lingers, s->now_ms);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t http_deadlines_next(const struct http_server *s)
{
	int64_t next = http_linger_next_ms(&s->lingers);
	if (s->phases[PHASE_IDLE].head)
		next = earlier(next, s->glance_at_ms);
	for (size_t i = 0; i < PHASES; i++)
		if (s->limit_ms[i] && s->phases[i].head)
			next = earlier(next, s->phases[i].head->since_ms + s->limit_ms[i]);
	return next;
}
