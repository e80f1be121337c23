/* standby.h - the thread of a standby: looks at the primary every few seconds, and plays the part that follows (core/standby.h).
 *
 * standby: copies, while the engine is quiet and the doors are shut. leading: takes over what is open, then the engine pages and the doors are open.
 * yielding: gives back what it led, while the engine still pages it. The part is a document of the own store, changed by its version, so
 * a restart goes on where it was and several replicas of a standby play one part.
 */
#ifndef MAIN_STANDBY_H
#define MAIN_STANDBY_H
#include "main/config.h"
#include "main/writer.h"

struct standby;
struct standby_env {
	void *ctx;
	struct store *store;
	struct writer *writer;
	int64_t (*mono_ms)(void *ctx);
	void (*random)(void *ctx, void *out, size_t n);
	void (*log)(void *ctx, enum log_level level, struct str incident, const char *text);
};
/* What it takes of the configuration it copies: a reload changes nothing of it. Makes the engine quiet before its first step. */
struct standby *standby_new(const struct standby_env *env, const struct config_standby *c, struct str name);
bool standby_start(struct standby *s, struct buf *why);
const struct api_standby *standby_api(struct standby *s);
bool standby_is_ready(struct standby *s, const char **ret_why);      /* it leads, so it takes alerts */
void standby_metrics(struct standby *s, struct buf *b);
void standby_stop(struct standby *s);
void standby_free(struct standby *s);
#endif
