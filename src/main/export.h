/* export.h - keeps incidents.json: the incidents of the json driver as a file for people and scripts, beside the journal that counts.
 *
 * A thread of its own looks once a second whether something was committed, lists the incidents in small portions and replaces the file when it would
 * change. Commits never wait for it, it rests nine times as long as it worked, and it runs at low priority. So the file follows within a second
 * while it is small, and is exact when the server has ended in order. It is an export: nothing is ever read from it but whether it is ours.
 * Each incident in it is whole; two of them may be a moment apart.
 */
#ifndef MAIN_EXPORT_H
#define MAIN_EXPORT_H
#include "engine/engine.h"

struct export_env {
	void *ctx;
	struct store *store;
	uint64_t (*commits)(void *ctx);          /* grows after each commit; any thread */
	void (*log)(void *ctx, enum log_level level, const char *text);      /* any thread */
};
struct export_options { struct str path, directory; int64_t min_free; };      /* directory: the store's */

struct exporter;
/* STORE_OK: *ret may be started. Else what stands at the path must not be replaced, or nothing can be written there; `why` has the sentence. */
enum store_rc export_open(const struct export_env *env, const struct export_options *o, struct exporter **ret, struct buf *why);
bool export_start(struct exporter *e, struct buf *why);
void export_stop(struct exporter *e);        /* writes a last time when something changed; NULL is allowed, and so is one never started */
void export_free(struct exporter *e);
bool export_is_failing(const struct exporter *e);            /* any thread: the latest attempt did not succeed */
#endif
