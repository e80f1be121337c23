/* export.c - see export.h. */
#include "main/export.h"
#include "io/clock.h"
#include "main/export_file.h"
#include "main/export_text.h"
#include "model/kinds.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { EVERY_MS = 1000, REST = 9, LOOK_ANYWAY_MS = 60 * 1000, PORTION = 100, FLUSH_AT = 256 << 10, NICE = 10 };

struct exporter {
	struct export_env env;
	struct export_file file;
	struct export_layout layout;
	struct arena mem;                /* of one incident at a time */
	uint64_t commits;                /* seen before the latest attempt */
	bool is_current;                 /* that attempt succeeded: shows is what the file shows */
	uint8_t shows[SHA256_N];         /* over ids and versions */
	int last_err;                    /* what was said last, so that it is said once */
	atomic_bool is_failing;

	pthread_t thread;
	bool is_started;
	pthread_mutex_t lock;            /* guards wants_stop */
	pthread_cond_t wake;
	bool wants_stop;
};

/* Calls f with every incident, oldest first, until it answers something else than STORE_OK. */
static enum store_rc each_incident(struct exporter *e, void *ctx, enum store_rc (*f)(struct exporter *e, void *ctx, const struct store_doc *d))
{
	char last[STORE_ID_MAX + 2];
	struct store_docs docs = { 0 };
	struct str from = S("");
	enum store_rc rc = STORE_OK;
	do {
		rc = store_list(e->env.store, KIND_incident, STORE_BY_ID, from, S(""), false, PORTION, &docs);
		for (size_t i = 0; rc == STORE_OK && i < docs.n; i++)
			rc = f(e, ctx, &docs.v[i]);
		if (rc == STORE_OK && docs.n > 0) {                /* on behind the last one: the least id that is greater */
			from = docs.v[docs.n - 1].id;
			memcpy(last, from.p, from.n);
			last[from.n] = '\0';
			from = (struct str){ last, from.n + 1 };
		}
	} while (rc == STORE_OK && docs.n == PORTION);
	store_docs_free(&docs);
	return rc;
}

static enum store_rc add_version(struct exporter *e, void *ctx, const struct store_doc *d)
{
	(void)e;
	sha256_add(ctx, d->id);
	sha256_add(ctx, (struct str){ (const char *)&d->ver, sizeof d->ver });
	return STORE_OK;
}

struct writing { struct export_out out; struct sha256_run *shows; bool is_first; };

static enum store_rc add_incident(struct exporter *e, void *ctx, const struct store_doc *d)
{
	struct writing *w = ctx;
	struct incident i = { 0 };
	struct faults f = { .a = &e->mem };
	struct str why = S("");
	arena_reset(&e->mem);
	const struct jv *j = json_parse_own(&e->mem, d->body, &why);
	if (j == NULL || desc_read(&e->mem, &i, &incident_entity, j, V_STORE, S(""), &f) != 0)
		return STORE_CORRUPT;
	i.version = (int64_t)d->ver;
	export_text_incident(&w->out.b, &e->layout, &i, w->is_first);
	w->is_first = false;
	export_out_flush(&w->out, FLUSH_AT);
	return w->out.err ? STORE_FULL : add_version(e, w->shows, d);
}

/* Once for each kind of trouble, and once when it is over: the attempts go on. */
static void say_result(struct exporter *e, int err, enum store_rc rc)
{
	struct buf b = BUF(8192);
	const char *what = err == ESTALE ? "somebody else changed the file, and it is left as it is: move it away and it is written anew" :
	    err == ENOSPC ? "there is too little free space; it is written when there is more" :
	    err ? strerror(err) : rc == STORE_CORRUPT ? "an incident in the journal does not read as one; listing incidents logs which" : store_rc_name(rc);
	int now = err ? err : rc == STORE_OK ? 0 : -(int)rc;
	if (now != e->last_err && now == 0)
		buf_fmt(&b, "%s is written again", e->file.path);
	else if (now != e->last_err)
		buf_fmt(&b, "%s is not up to date: %s; alerts and pages do not depend on it", e->file.path, what);
	if (b.n)
		e->env.log(e->env.ctx, now ? LOG_ERROR : LOG_INFO, b.p);
	e->last_err = now;
	e->is_failing = now != 0;
	buf_free(&b);
}

static void write_file(struct exporter *e)
{
	struct writing w = { .shows = sha256_begin(), .is_first = true };
	export_out_begin(&w.out, &e->file);
	buf_add(&w.out.b, EXPORT_BEGIN);
	enum store_rc rc = w.out.err ? STORE_FULL : each_incident(e, &w, add_incident);
	int err = w.out.err;
	if (rc == STORE_OK) {
		buf_add(&w.out.b, export_text_end(w.is_first));
		err = export_out_end(&w.out);
	} else {
		export_out_drop(&w.out);
	}
	sha256_end(w.shows, e->shows);
	e->is_current = rc == STORE_OK && err == 0;
	say_result(e, err, rc);
}

/* Whether the file shows every incident as it is. */
static bool is_up_to_date(struct exporter *e)
{
	struct sha256_run *run = sha256_begin();
	uint8_t now[SHA256_N];
	enum store_rc rc = each_incident(e, run, add_version);
	sha256_end(run, now);
	return rc == STORE_OK && e->is_current && memcmp(now, e->shows, sizeof now) == 0 && access(e->file.path, F_OK) == 0;
}

/* True when it is to end. */
static bool wait_until(struct exporter *e, int64_t at_ms)
{
	struct timespec at = { at_ms / 1000, at_ms % 1000 * 1000000 };
	pthread_mutex_lock(&e->lock);
	while (!e->wants_stop)
		if (pthread_cond_timedwait(&e->wake, &e->lock, &at) != 0)
			break;
	bool is_over = e->wants_stop;
	pthread_mutex_unlock(&e->lock);
	return is_over;
}

static void *run(void *arg)
{
	struct exporter *e = arg;
	int64_t next_ms = 0, look_ms = 0;
	(void)setpriority(PRIO_PROCESS, 0, NICE);                  /* of this thread alone, on Linux; without it only less polite */
	for (bool is_over = false; !is_over;) {
		is_over = wait_until(e, next_ms);
		int64_t begin_ms = clock_mono_ms();
		uint64_t commits = e->env.commits(e->env.ctx);
		bool may_differ = !e->is_current || commits != e->commits || begin_ms >= look_ms;
		e->commits = commits;
		if (may_differ && !is_up_to_date(e))
			write_file(e);
		int64_t end_ms = clock_mono_ms(), rest_ms = (end_ms - begin_ms) * REST;
		look_ms = may_differ ? end_ms + LOOK_ANYWAY_MS : look_ms;
		next_ms = end_ms + (rest_ms > EVERY_MS ? rest_ms : EVERY_MS);
	}
	return NULL;
}

static void lock_init(struct exporter *e)
{
	pthread_condattr_t attr;
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&e->wake, &attr);
	pthread_condattr_destroy(&attr);
}

static enum store_rc check_directory(const struct exporter *e, struct buf *why)
{
	if (access(e->file.parent, W_OK | X_OK) == 0)
		return STORE_OK;
	buf_fmt(why, "%s: cannot be written: the directory %s: %s; create it, or correct storage.export", e->file.path, e->file.parent, strerror(errno));
	return STORE_DOWN;
}

enum store_rc export_open(const struct export_env *env, const struct export_options *o, struct exporter **ret, struct buf *why)
{
	struct exporter *e = xmalloc(sizeof *e);
	*e = (struct exporter){ .env = *env, .mem = ARENA(SIZE_MAX) };
	export_file_init(&e->file, o->path, o->directory, o->min_free);
	export_layout_init(&e->layout);
	lock_init(e);
	enum store_rc rc = check_directory(e, why);
	if (rc == STORE_OK)
		rc = export_file_check(&e->file, env->store, why);
	if (rc == STORE_OK)
		*ret = e;
	else
		export_free(e);
	return rc;
}

bool export_start(struct exporter *e, struct buf *why)
{
	int err = pthread_create(&e->thread, NULL, run, e);
	if (err)
		buf_fmt(why, "no thread for %s: %s", e->file.path, strerror(err));
	e->is_started = err == 0;
	return e->is_started;
}

void export_stop(struct exporter *e)
{
	if (e == NULL || !e->is_started)
		return;
	pthread_mutex_lock(&e->lock);
	e->wants_stop = true;
	pthread_cond_signal(&e->wake);
	pthread_mutex_unlock(&e->lock);
	pthread_join(e->thread, NULL);
	e->is_started = false;
}

void export_free(struct exporter *e)
{
	if (e == NULL)
		return;
	export_stop(e);
	export_file_done(&e->file);
	arena_free(&e->mem);
	pthread_mutex_destroy(&e->lock);
	pthread_cond_destroy(&e->wake);
	free(e);
}

bool export_is_failing(const struct exporter *e)
{
	return e->is_failing;
}
