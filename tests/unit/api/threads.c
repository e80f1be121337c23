/* An exchange between two threads: the loop posts, an engine answers while the loop is still posting, and each request is answered once.
 * Worth running under the thread sanitizer above all.
 */
#include "tests/unit/api/fixture.h"
#include <pthread.h>

enum { REQUESTS = 2000, BATCH = 7, ROOM = REQUESTS * BATCH };

/* Jobs to the engine, finished exchanges back: two queues that only grow, under one lock. */
struct wire {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct job *jobs[ROOM];
	struct exchange *done[REQUESTS];
	size_t posted, taken, finished;
	bool is_over;
};

static bool wire_post(void *ctx, struct job *j)
{
	struct wire *w = ctx;
	pthread_mutex_lock(&w->lock);
	bool has_room = w->posted - w->taken < 64;
	if (has_room)
		w->jobs[w->posted++] = j;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	return has_room;
}

static void *engine(void *ctx)
{
	struct wire *w = ctx;
	struct incident inc = { .id = S("01900000-0000-7000-8000-000000000042"), .number = 42, .title = S("x"), .severity = 3 };
	pthread_mutex_lock(&w->lock);
	while (!w->is_over || w->taken < w->posted) {
		if (w->taken == w->posted) {
			pthread_cond_wait(&w->changed, &w->lock);
			continue;
		}
		struct job *j = w->jobs[w->taken++];
		pthread_mutex_unlock(&w->lock);
		struct exchange *x = api_replied(j, &(struct answer){ .outcome = OUT_FOLDED, .dedup_key = S("k"), .incident = &inc });
		pthread_mutex_lock(&w->lock);
		if (x != NULL)
			w->done[w->finished++] = x;
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static size_t finish(struct wire *w, size_t from)
{
	pthread_mutex_lock(&w->lock);
	size_t to = w->finished;
	pthread_mutex_unlock(&w->lock);
	for (; from < to; from++)
		api_finish(w->done[from]);
	return from;
}

static void every_request_is_answered_once_whoever_is_quicker(void **state)
{
	static const char *const bodies[] = { "{\"title\":\"a\"}",
		"[{\"title\":\"a\"},{\"title\":\"b\"},{\"title\":\"c\"},{\"title\":\"d\"},{\"title\":\"e\"},{\"title\":\"f\"},{\"title\":\"g\"}]" };
	struct desk *d = desk_open();
	struct wire *w = calloc(1, sizeof *w);
	pthread_t thread;
	size_t finished = 0;
	(void)state;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	d->api->env.ctx = w;                                       /* only post is asked for anything on these paths */
	d->api->env.post = wire_post;
	assert_int_equal(pthread_create(&thread, NULL, engine, w), 0);
	for (size_t i = 0; i < REQUESTS; i++) {
		if (i % 3 == 2)
			ask(d, "POST", "/api/v1/incidents/01900000-0000-7000-8000-000000000042/acknowledge", "");
		else
			ask(d, "POST", "/in/" IN_KEY, bodies[i % 2]);
		finished = finish(w, finished);
	}
	pthread_mutex_lock(&w->lock);
	w->is_over = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	assert_int_equal(pthread_join(thread, NULL), 0);
	finish(w, finished);
	assert_int_equal(d->asked, d->answered);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
	desk_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_request_is_answered_once_whoever_is_quicker) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
