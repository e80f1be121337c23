/* sender.c - see sender.h. */
#include "main/sender.h"
#include "io/client.h"
#include "io/clock.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DONE_MAX = 64 };
struct parcel { struct client_transfer transfer; struct delivery *delivery; struct parcel *next; };

struct sender {
	struct sender_env env;
	struct client *client;
	pthread_t thread;
	bool is_started;
	pthread_mutex_t lock;            /* guards the queue and what is wanted */
	pthread_cond_t wake;             /* while nothing is under way */
	struct parcel *head, **tail;
	bool wants_stop, wants_give_up;
	bool gives_up;                   /* the sender thread's own: it has seen wants_give_up */
};

struct sender *sender_new(const struct sender_env *env)
{
	struct sender *s = xmalloc(sizeof *s);
	memset(s, 0, sizeof *s);
	s->env = *env;
	s->client = client_new();
	s->tail = &s->head;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	return s;
}

static void end(struct sender *s, struct parcel *p)
{
	struct delivery *d = p->delivery;
	free(p);
	s->env.ended(s->env.ctx, d);
}

static void end_all(struct sender *s, struct client_transfer *const *done, size_t n, bool was_given_up)
{
	for (size_t i = 0; i < n; i++) {
		struct parcel *p = done[i]->owner;
		p->delivery->reply = done[i]->reply;
		p->delivery->was_given_up = was_given_up;
		end(s, p);
	}
}

/* A reader that has stopped reading must not stop this thread, which carries the pages of every channel. A line is shorter than what a pipe that is
 * ready takes. */
static bool is_read(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
	return poll(&p, 1, 0) == 1;                      /* an error too: the write says which */
}

static void print(struct delivery *d)
{
	struct str text = d->request.body;
	while (text.n > 0) {
		if (!is_read()) {
			d->reply.error = S("standard output: nobody reads it");
			return;
		}
		ssize_t n = write(STDOUT_FILENO, text.p, text.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			d->reply.error = arena_fmt(&d->mem, "standard output: %s", strerror(errno));
			return;
		}
		text = str_skip(text, (size_t)n);
	}
	d->reply.status = 200;
}

static void begin(struct sender *s, struct parcel *p)
{
	struct delivery *d = p->delivery;
	d->was_started = !s->gives_up && clock_mono_ms() - d->read_mono_ms <= START_WITHIN_MS;
	if (!d->was_started) {
		end(s, p);
	} else if (str_eq(d->request.url, S("console:"))) {
		print(d);
		end(s, p);
	} else {
		p->transfer = (struct client_transfer){ .request = &d->request, .mem = &d->mem, .owner = p };
		client_start(s->client, &p->transfer);
	}
}

/* Everything queued, once there is something or something is under way; NULL with *ret_over at the end. */
static struct parcel *take(struct sender *s, bool *ret_over)
{
	pthread_mutex_lock(&s->lock);
	while (s->head == NULL && !s->wants_stop && client_in_flight(s->client) == 0)
		pthread_cond_wait(&s->wake, &s->lock);
	struct parcel *all = s->head;
	s->head = NULL;
	s->tail = &s->head;
	*ret_over = s->wants_stop;
	s->gives_up = s->wants_give_up;
	pthread_mutex_unlock(&s->lock);
	return all;
}

/* Those whose answer is here already are heard out. */
static void give_up(struct sender *s)
{
	struct client_transfer *done[DONE_MAX];
	size_t n;
	while ((n = client_step(s->client, 0, done, DONE_MAX)) > 0)
		end_all(s, done, n, false);
	while ((n = client_give_up(s->client, done, DONE_MAX)) > 0)
		end_all(s, done, n, true);
}

static void *run(void *arg)
{
	enum { WAIT_MS = 1000 };
	struct sender *s = arg;
	struct client_transfer *done[DONE_MAX];
	bool is_over = false;
	while (!is_over) {
		for (struct parcel *p = take(s, &is_over), *next; p != NULL; p = next) {
			next = p->next;
			begin(s, p);
		}
		if (is_over || client_in_flight(s->client) == 0)
			continue;
		if (s->gives_up)
			give_up(s);
		else
			end_all(s, done, client_step(s->client, WAIT_MS, done, DONE_MAX), false);
	}
	return NULL;
}

bool sender_start(struct sender *s, struct buf *why)
{
	int err = pthread_create(&s->thread, NULL, run, s);
	if (err)
		buf_fmt(why, "no thread for sending: %s", strerror(err));
	s->is_started = err == 0;
	return s->is_started;
}

void sender_send(struct sender *s, struct delivery *d)
{
	struct parcel *p = xmalloc(sizeof *p);
	*p = (struct parcel){ .delivery = d };
	pthread_mutex_lock(&s->lock);
	bool is_first = s->head == NULL;
	*s->tail = p;
	s->tail = &p->next;
	pthread_mutex_unlock(&s->lock);
	if (is_first) {                          /* the others go with it */
		pthread_cond_signal(&s->wake);
		client_wake(s->client);
	}
}

void sender_give_up(struct sender *s)
{
	pthread_mutex_lock(&s->lock);
	s->wants_give_up = true;
	pthread_mutex_unlock(&s->lock);
	client_wake(s->client);
}

void sender_stop(struct sender *s)
{
	if (s == NULL || !s->is_started)
		return;
	pthread_mutex_lock(&s->lock);
	s->wants_stop = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	client_wake(s->client);
	pthread_join(s->thread, NULL);
	s->is_started = false;
}

void sender_free(struct sender *s)
{
	if (s == NULL)
		return;
	sender_stop(s);
	client_free(s->client);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wake);
	free(s);
}
