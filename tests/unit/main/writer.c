/* writer.c - the engine's thread when the store does not answer: whoever waits behind it is told in time, and what the store has in hand is not disowned.
 *
 * The two functions of the API that the writer calls are defined here. The clock is the test's; the store stands still in a commit until it is let go.
 */
#include "io/clock.h"
#include "main/writer.h"
#include "model/kinds.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { JOBS = 8 };
struct exchange { int is_finished; };
struct scene {
	struct store *store;
	struct store_ops ops, real;
	struct writer *writer;
	struct world world;
	struct setup setup;
	_Atomic int64_t mono_ms;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool holds, is_held;             /* the store is to stand still; it does */
	struct exchange x[JOBS];
	struct job jobs[JOBS];
	enum store_rc rc[JOBS];
	int n_answered;
};
static struct scene *scene;              /* of the test that runs: api_replied is given nothing else */

struct exchange *api_replied(struct job *j, const struct answer *a)
{
	size_t i = (size_t)(j - scene->jobs);
	assert_ptr_equal(j->owner, &scene->x[i]);
	pthread_mutex_lock(&scene->lock);
	scene->rc[i] = a->rc;
	scene->n_answered++;
	pthread_cond_broadcast(&scene->changed);
	pthread_mutex_unlock(&scene->lock);
	return &scene->x[i];
}

void api_finish(struct exchange *x)
{
	x->is_finished++;
}

static int64_t on_mono(void *ctx) { return ((struct scene *)ctx)->mono_ms; }
static int64_t on_wall(void *ctx) { return 1700000000000 + ((struct scene *)ctx)->mono_ms; }
static void on_random(void *ctx, void *out, size_t n) { (void)ctx; memset(out, 5, n); }
static void on_send(void *ctx, struct delivery *d) { (void)ctx, (void)d; fail(); }
static size_t on_room(void *ctx, struct str channel) { (void)ctx, (void)channel; return 0; }
static void on_log(void *ctx, enum log_level level, struct str incident, const char *text) { (void)ctx, (void)level, (void)incident, (void)text; }
static void on_back(void *ctx, const struct delivery *d) { (void)ctx, (void)d; }
static void on_answered(void *ctx, struct exchange *const *done, size_t n) { (void)ctx, (void)done, (void)n; }
static void on_fenced(void *ctx) { (void)ctx; fail(); }

static void wait_until(struct scene *s, const bool *flag, const int *count, int least)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 30;
	while (flag ? !*flag : *count < least)
		assert_int_equal(pthread_cond_timedwait(&s->changed, &s->lock, &until), 0);
}

static void held_commit(struct store *store, const struct store_txn *txns, struct store_result *results, size_t n)
{
	struct scene *s = scene;
	pthread_mutex_lock(&s->lock);
	s->is_held = s->holds;
	pthread_cond_broadcast(&s->changed);
	while (s->holds)
		pthread_cond_wait(&s->changed, &s->lock);
	s->is_held = false;
	pthread_mutex_unlock(&s->lock);
	s->real.commit(store, txns, results, n);
}

static void hold(struct scene *s, bool holds)
{
	pthread_mutex_lock(&s->lock);
	s->holds = holds;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static int open_scene(void **state)
{
	static struct store_kind_def defs[KINDS];
	struct scene *s = scene = calloc(1, sizeof *s);
	struct buf why = BUF(1000);
	for (size_t i = 0; i < KINDS; i++)
		defs[i] = (struct store_kind_def){ kinds[i].entity->name, kinds[i].is_append_only };
	struct store_options o = { .kinds = defs, .n_kinds = KINDS, .clock = { s, on_mono, on_wall } };
	s->mono_ms = clock_mono_ms();                             /* the thread sleeps by the real one */
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	assert_int_equal(store_open(S("memory"), &o, &s->store, &why), STORE_OK);
	s->real = s->ops = *s->store->ops;
	s->ops.commit = held_commit;
	s->store->ops = &s->ops;
	s->world = (struct world){ .page_life_ms = 900000, .claim_ms = 30000, .receipt_ms = 86400000, .keep_ms = 86400000 };
	s->setup = (struct setup){ .world = &s->world, .replica = S("here") };
	struct writer_env env = { .ctx = s, .engine = { .store = s->store, .mono_ms = on_mono, .random = on_random, .send = on_send, .log = on_log,
		.send_room = on_room }, .came_back = on_back, .answered = on_answered, .fenced = on_fenced };
	s->writer = writer_new(&env, &s->setup);
	assert_int_equal(writer_start(s->writer, &why), STORE_OK);
	for (int i = 0; i < JOBS; i++) {
		s->jobs[i].owner = &s->x[i];
		s->jobs[i].command = (struct command){ .kind = CMD_TOKEN_CREATE, .token = { .id = S("abcdefgh"), .name = S("ci") }, .actor = S("local") };
	}
	*state = s;
	return 0;
}

static int close_scene(void **state)
{
	struct scene *s = *state;
	writer_free(s->writer);
	store_close(s->store);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s);
	return 0;
}

static void who_waits_behind_a_store_that_stands_still_is_told_in_time(void **state)
{
	struct scene *s = *state;
	hold(s, true);
	assert_true(writer_post(s->writer, &s->jobs[0]));
	pthread_mutex_lock(&s->lock);
	wait_until(s, &s->is_held, NULL, 0);
	pthread_mutex_unlock(&s->lock);
	for (int i = 1; i < JOBS; i++)
		assert_true(writer_post(s->writer, &s->jobs[i]));
	s->mono_ms += REPLY_WITHIN_MS - 1;
	writer_expire(s->writer);
	assert_int_equal(s->n_answered, 0);
	assert_int_equal(writer_stuck_ms(s->writer), REPLY_WITHIN_MS - 1);
	s->mono_ms += 1;
	writer_expire(s->writer);
	assert_int_equal(s->n_answered, JOBS - 1);
	for (int i = 1; i < JOBS; i++) {
		assert_int_equal(s->rc[i], STORE_BUSY);
		assert_int_equal(s->x[i].is_finished, 1);
	}
	assert_int_equal(writer_waiting(s->writer), 0);
	hold(s, false);
	pthread_mutex_lock(&s->lock);
	wait_until(s, NULL, &s->n_answered, JOBS);
	pthread_mutex_unlock(&s->lock);
	assert_int_equal(s->rc[0], STORE_OK);                     /* the store had it in hand: its answer is the store's */
}

static void an_engine_between_steps_is_not_stuck(void **state)
{
	struct scene *s = *state;
	assert_true(writer_post(s->writer, &s->jobs[0]));
	pthread_mutex_lock(&s->lock);
	wait_until(s, NULL, &s->n_answered, 1);
	pthread_mutex_unlock(&s->lock);
	assert_int_equal(s->rc[0], STORE_OK);
	s->mono_ms += 1000000;
	for (int i = 0; i < 30000 && writer_stuck_ms(s->writer) != 0; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);    /* the step that answered may still be ending */
	assert_int_equal(writer_stuck_ms(s->writer), 0);
}

#define SCENE(f) cmocka_unit_test_setup_teardown(f, open_scene, close_scene)
int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(who_waits_behind_a_store_that_stands_still_is_told_in_time),
		SCENE(an_engine_between_steps_is_not_stuck),
	};
	return cmocka_run_group_tests_name("main/writer", tests, NULL, NULL);
}
