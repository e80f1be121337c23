/* primary.c - see primary.h. A client of its own on the caller's thread, so that a question can be broken off when the process ends. */
#include "main/primary.h"
#include "io/client.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Of the arena an answer may take half, as a tree: what is made of it, if only a sentence on what is wrong with it, needs the rest. */
enum { ANSWER_MAX = 32 << 20, STEP_MS = 1000 };

struct primary {
	pthread_mutex_t lock;            /* the client may be woken by one thread and replaced by the other */
	struct client *client;
	char *url, *authorization;
	atomic_bool is_stopped;
};

struct primary *primary_new(struct str url, struct str token)
{
	struct primary *p = xmalloc(sizeof *p);
	struct buf b = BUF(64 << 10);
	*p = (struct primary){ .client = client_new(), .url = xstrndup(url) };
	pthread_mutex_init(&p->lock, NULL);
	buf_fmt(&b, "Authorization: Bearer %.*s", STR_ARG(token));
	p->authorization = xstrndup(buf_str(&b));
	buf_free(&b);
	return p;
}

void primary_free(struct primary *p)
{
	if (p == NULL)
		return;
	client_free(p->client);
	pthread_mutex_destroy(&p->lock);
	free(p->url);
	free(p->authorization);
	free(p);
}

void primary_stop(struct primary *p)
{
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->is_stopped, true);
	client_wake(p->client);
	pthread_mutex_unlock(&p->lock);
}

/* False: the process ends; a transfer that did not come back goes with its client. */
static bool perform(struct primary *p, struct client_transfer *t)
{
	struct client_transfer *done = NULL;
	client_start(p->client, t);
	while (client_step(p->client, STEP_MS, &done, 1) == 0)
		if (atomic_load(&p->is_stopped)) {
			pthread_mutex_lock(&p->lock);
			client_free(p->client);
			p->client = client_new();
			pthread_mutex_unlock(&p->lock);
			return false;
		}
	return true;
}

static struct told understand(struct arena *a, const struct wire_reply *r)
{
	struct told t = { .status = r->status, .why = r->error };
	struct str why = S("");
	size_t limit = a->limit;
	a->limit = limit / 2;
	t.json = r->body.n ? json_parse_own(a, r->body, &why) : NULL;
	a->limit = limit;
	bool is_good = r->status >= 200 && r->status <= 299;
	struct str detail = json_text(t.json, S("detail"));
	if (r->status > 0 && !is_good)
		t.why = arena_fmt(a, "status %d%s%.*s", r->status, detail.n ? ": " : "", STR_ARG(detail));
	else if (is_good && t.json == NULL)
		t.why = arena_fmt(a, "an answer that is no JSON: %.*s", STR_ARG(why));
	return t;
}

struct told primary_ask(struct primary *p, struct arena *a, const char *method, struct str path, struct str body)
{
	struct str headers[] = { S("Accept: application/json"), str_c(p->authorization), S("Content-Type: application/json") };
	struct wire_request request = { .method = str_c(method), .url = arena_fmt(a, "%s%.*s", p->url, STR_ARG(path)),
		.headers = { headers, body.n ? 3 : 2 }, .body = body };
	struct client_transfer t = { .request = &request, .mem = a, .answer_max = ANSWER_MAX };
	if (atomic_load(&p->is_stopped) || !perform(p, &t))
		return (struct told){ .why = S("this server is ending") };
	return understand(a, &t.reply);
}
