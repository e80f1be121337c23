/* writer.h - the engine's thread: takes what the others post, steps the engine, hands answers and deliveries on.
 *
 * The only thread that writes to the store. Everything it is given arrives through one queue under one lock, taken whole each
 * round, so whatever came while a commit was running goes into the next one together.
 */
#ifndef MAIN_WRITER_H
#define MAIN_WRITER_H
#include "api/api.h"

enum { WRITER_JOBS_MAX = 8192 };         /* more than this waiting: 503 at the door instead of a longer queue */

struct writer;
struct writer_env {
	void *ctx;
	struct env engine;                                       /* .ctx and .reply are the writer's own */
	void (*came_back)(void *ctx, const struct delivery *d);  /* on the writer's thread, before the engine sees it */
	void (*answered)(void *ctx, struct exchange *const *done, size_t n);     /* to be finished on the loop thread */
	void (*fenced)(void *ctx);                               /* the store must not be written any more: end the process */
};
struct writer *writer_new(const struct writer_env *env, const struct setup *setup);
enum store_rc writer_start(struct writer *w, struct buf *why);   /* configures the engine, then starts the thread */
bool writer_post(struct writer *w, struct job *j);           /* any thread; false: the queue is full */
/* Commands of the process itself: posts them and waits until all are answered. Any thread but the writer's. ret_rc[i], and ret_outcome[i] where that
 * is STORE_OK, say what came of commands[i]. n <= WRITER_OWN_MAX. */
enum { WRITER_OWN_MAX = 256 };
void writer_perform(struct writer *w, const struct command *commands, size_t n, enum store_rc *ret_rc, enum outcome *ret_outcome);
void writer_play(struct writer *w, bool is_quiet, int64_t reign);    /* any thread, before the start too; see engine_play */
void writer_sent(struct writer *w, struct delivery *d);      /* any thread: a delivery has ended */
/* Waits until the new configuration is in force (or was refused by the store, and the old one stays). Any thread but the writer's. */
enum store_rc writer_configure(struct writer *w, const struct setup *setup);
/* The loop thread, now and then: what has waited past its deadline, because the store holds the engine up, is answered 503 from here. */
void writer_expire(struct writer *w);
int64_t writer_stuck_ms(struct writer *w);                   /* any thread: how long the engine's step has been under way; 0: it is not in one */
bool writer_drain(struct writer *w);                         /* any thread: no new claims; true when the engine has nothing in hand. Jobs belong to requests, which are counted elsewhere */
void writer_stop(struct writer *w);                          /* after the drain: ends the thread */
void writer_free(struct writer *w);
const struct metrics *writer_metrics(const struct writer *w);
enum store_rc writer_health(const struct writer *w);
size_t writer_waiting(struct writer *w);                     /* jobs in the queue */
#endif
