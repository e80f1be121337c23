/* serve.c - the server: wires the rooms together, runs the loop, and ends in order.
 *
 *	loop thread     HTTP in, routes, reads; finishes what the writer answered      (this file)
 *	writer thread   the engine: decides, commits, claims                           (writer.c)
 *	sender thread   pages out                                                      (sender.c)
 *	standby thread  copies a primary and takes its place, where it stands by       (standby.c)
 *
 * SIGTERM and SIGINT drain: /readyz says so from that moment, nothing more is claimed, and what is in hand is finished; then no connection is
 * accepted any more. What a provider has not answered within eight seconds is broken off and given back, so that another replica, or the next start,
 * sends it again at once instead of after the claim's life. After ten seconds, or with a second signal, it ends whatever is open.
 * SIGHUP reads the configuration again: a bad one is refused whole and the old one stays. An error of the store that makes further
 * writing unsafe ends the process with 70, so that whoever supervises it starts it afresh and recovery runs.
 */
#include "main/serve.h"
#include "api/api.h"
#include "io/clock.h"
#include "io/http_server.h"
#include "io/log.h"
#include "io/random.h"
#include "io/signals.h"
#include "main/config.h"
#include "main/export.h"
#include "main/sender.h"
#include "main/standby.h"
#include "main/storage.h"
#include "main/writer.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_CONFIG = 3, EXIT_STORE = 1, EXIT_FENCED = 70, GIVE_UP_MS = 8 * 1000, DRAIN_MS = 10 * 1000, TICK_MS = 100, PROBE_EVERY_MS = 1000, STUCK_MS = 3000,
	HOST_MAX = 40, REDO_BYTES = 32 << 20, REDO_KEPT_MS = 10 * 60 * 1000, REDO_TEND_MS = 50 };

/* A configuration and what the rooms are given of it. */
struct live {
	struct live *next;
	struct config *config;
	struct setup setup;
	struct api_setup api;
};

/* How many pages of each channel are under way; the writer thread's own. Names outlive every configuration. */
struct lane { char *channel; size_t out; };
struct lanes { struct lane *v; size_t n, cap; };

struct server {
	struct log log;
	struct config_outside outside;
	struct str config_path;
	char *host;                      /* where it has listened since the start, whatever the configuration says now */
	struct live *live;               /* the configuration in force */
	struct live *retired;            /* replaced, but requests under way may still point into it */
	struct store *store;
	_Atomic size_t missing, redone;  /* decisions that a replaced server of the store lacked, and those that were written again */
	struct exporter *exporter;       /* json only; else NULL */
	struct writer *writer;
	struct sender *sender;
	struct standby *standby;         /* NULL: stands by for nobody */
	struct api *api;
	struct http_server *http;
	struct lanes lanes;
	char replica[NAME_MAX_BYTES + 16];
	int64_t started_ms;              /* wall time */

	pthread_mutex_t lock;            /* guards done: from the writer to the loop */
	struct exchange **done;
	size_t n_done, done_cap;

	int64_t probed_ms;               /* the loop thread's own */
	enum store_rc probe_rc;
	bool reload_failed, is_draining, is_shared;      /* shared: its store has room for other replicas */
};

static int64_t on_mono(void *ctx) { (void)ctx; return clock_mono_ms(); }
static int64_t on_wall(void *ctx) { (void)ctx; return clock_wall_ms(); }
static void on_random(void *ctx, void *out, size_t n) { (void)ctx; random_bytes(out, n); }
static bool on_post(void *ctx, struct job *j) { return writer_post(((struct server *)ctx)->writer, j); }
static const struct metrics *on_metrics(void *ctx) { return writer_metrics(((struct server *)ctx)->writer); }
static void on_engine_log(void *ctx, enum log_level level, struct str incident, const char *text)
{
	log_write(&((struct server *)ctx)->log, (int)level, incident, text);
}
static void on_replica(void *ctx, struct replica *ret)
{
	const struct server *s = ctx;
	*ret = (struct replica){ .id = str_c(s->replica), .version = S(TOCSIN_VERSION), .started_at = s->started_ms, .seen_at = clock_wall_ms(),
		.state = s->is_draining ? REPLICA_DRAINING : REPLICA_LIVE };
}
static void on_export_log(void *ctx, enum log_level level, const char *text)
{
	log_write(&((struct server *)ctx)->log, (int)level, S(""), text);
}
static uint64_t on_commits(void *ctx)
{
	return atomic_load_explicit(&writer_metrics(((struct server *)ctx)->writer)->commits, memory_order_relaxed);
}
static void on_api_log(void *ctx, enum log_level level, const char *text)
{
	log_write(&((struct server *)ctx)->log, (int)level, S(""), text);
}

PRINTF_LIKE(3, 4) static void say(struct server *s, enum log_level level, const char *fmt, ...)
{
	struct buf b = BUF(8192);
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	log_write(&s->log, (int)level, S(""), b.p ? b.p : "a message too long to log");
	buf_free(&b);
}

/* The writer thread's view of the sender: a few pages at a time a channel, so that a slow one holds up nobody else. */
static struct lane *lane_of(struct server *s, struct str channel)
{
	struct lanes *l = &s->lanes;
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(str_c(l->v[i].channel), channel))
			return &l->v[i];
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 16;
		l->v = xrealloc(l->v, l->cap * sizeof *l->v);
	}
	l->v[l->n] = (struct lane){ xstrndup(channel), 0 };
	return &l->v[l->n++];
}

static size_t on_room(void *ctx, struct str channel)
{
	const struct lane *l = lane_of(ctx, channel);
	return l->out < SENDS_PER_CHANNEL ? SENDS_PER_CHANNEL - l->out : 0;
}

static void on_send(void *ctx, struct delivery *d)
{
	struct server *s = ctx;
	lane_of(s, d->channel)->out++;
	sender_send(s->sender, d);
}

static void on_ended(void *ctx, struct delivery *d)
{
	writer_sent(((struct server *)ctx)->writer, d);
}

static void on_back(void *ctx, const struct delivery *d)
{
	struct lane *l = lane_of(ctx, d->channel);
	assert(l->out > 0);
	l->out--;
}

static void on_answered(void *ctx, struct exchange *const *done, size_t n)
{
	struct server *s = ctx;
	pthread_mutex_lock(&s->lock);
	if (s->n_done + n > s->done_cap) {
		s->done_cap = (s->n_done + n) * 2;
		s->done = xrealloc(s->done, s->done_cap * sizeof *s->done);
	}
	memcpy(s->done + s->n_done, done, n * sizeof *done);
	s->n_done += n;
	pthread_mutex_unlock(&s->lock);
	http_server_wake(s->http);
}

static void on_fenced(void *ctx)
{
	struct server *s = ctx;
	say(s, LOG_ERROR, "this process must not write the store any more: its disk failed, it belongs to a newer program by now, or its clock was "
	    "set back; ending, so that a restart recovers from what is there, or says which program to start");
	_exit(EXIT_FENCED);
}

/* A store on this machine is probed. One behind a network is not: the engine asks it something every few seconds, and whoever waits for an answer on
 * the loop thread would hold up everybody else's. */
static enum store_rc on_health(void *ctx, const char **ret_why)
{
	struct server *s = ctx;
	enum store_rc rc = writer_health(s->writer);
	if (s->is_draining) {
		*ret_why = "draining: this replica is about to end";
		return STORE_BUSY;
	}
	int64_t now = clock_mono_ms(), us;
	if (s->is_shared && rc == STORE_OK && writer_stuck_ms(s->writer) > STUCK_MS) {
		*ret_why = "its store has not answered for some seconds";
		return STORE_DOWN;
	}
	if (!s->is_shared && rc == STORE_OK && now - s->probed_ms >= PROBE_EVERY_MS) {
		s->probe_rc = store_probe(s->store, &us);
		s->probed_ms = now;
	}
	rc = rc == STORE_OK && !s->is_shared ? s->probe_rc : rc;
	if (rc == STORE_OK && !standby_is_ready(s->standby, ret_why))
		return STORE_BUSY;                                 /* load balancers go to the primary */
	*ret_why = rc == STORE_FULL ? "the disk is full: alerts are refused, pages still go out" : store_rc_name(rc);
	return rc;
}

static void on_extra_metrics(void *ctx, struct buf *b, bool is_openmetrics)
{
	struct server *s = ctx;
	(void)is_openmetrics;
	buf_fmt(b, "# HELP tocsin_build_info Which tocsin this is.\n# TYPE tocsin_build_info gauge\ntocsin_build_info{version=\"%s\"} 1\n",
	    TOCSIN_VERSION);
	buf_fmt(b, "# HELP tocsin_config_last_reload_successful Whether the configuration file was accepted when last read.\n"
	    "# TYPE tocsin_config_last_reload_successful gauge\ntocsin_config_last_reload_successful %d\n", !s->reload_failed);
	if (s->exporter)
		buf_fmt(b, "# HELP tocsin_export_last_successful Whether the file of storage.export could be written when last tried.\n"
		    "# TYPE tocsin_export_last_successful gauge\ntocsin_export_last_successful %d\n", !export_is_failing(s->exporter));
	buf_fmt(b, "# HELP tocsin_http_requests_in_flight Requests not answered yet.\n# TYPE tocsin_http_requests_in_flight gauge\n"
	    "tocsin_http_requests_in_flight %zu\n", http_server_in_flight(s->http));
	buf_fmt(b, "# HELP tocsin_engine_queue_length Commands waiting for the engine.\n# TYPE tocsin_engine_queue_length gauge\n"
	    "tocsin_engine_queue_length %zu\n", writer_waiting(s->writer));
	buf_fmt(b, "# HELP tocsin_store_decisions_missing_total Decisions that a store whose server was replaced lacked.\n"
	    "# TYPE tocsin_store_decisions_missing_total counter\ntocsin_store_decisions_missing_total %zu\n", s->missing);
	buf_fmt(b, "# HELP tocsin_store_decisions_redone_total Those of them that were written again.\n"
	    "# TYPE tocsin_store_decisions_redone_total counter\ntocsin_store_decisions_redone_total %zu\n", s->redone);
	standby_metrics(s->standby, b);
}

static struct live *live_new(struct server *s, struct config *c)
{
	struct live *l = xmalloc(sizeof *l);
	*l = (struct live){ .config = c };
	l->setup = (struct setup){ &c->world, c->outlets, c->n_outlets, c->public_url, str_c(s->replica), S(TOCSIN_VERSION) };
	l->api = (struct api_setup){ .world = &c->world, .keys = c->keys, .n_keys = c->n_keys, .public_url = c->public_url,
		.auth_required = c->auth_required, .version = TOCSIN_VERSION };
	return l;
}

static void live_free(struct live *l)
{
	for (struct live *next; l != NULL; l = next) {
		next = l->next;
		config_free(l->config);
		free(l);
	}
}

/* The configuration in the file, or NULL with everything that is wrong on standard error. */
static struct config *read_config(struct server *s)
{
	struct arena a = ARENA(16 << 20);
	struct report r = { .a = &a };
	struct config *c = NULL;
	struct str path = s->config_path.n ? s->config_path : config_find(&s->outside, &r);
	if (path.n) {
		c = config_load(&s->outside, path, &r);
		s->config_path = s->config_path.n ? s->config_path : str_c(xstrndup(path));
	}
	struct buf text = BUF(1 << 20);
	report_write(&r, &text, REPORT_TEXT);
	fwrite(buf_str(&text).p, 1, text.n, stderr);
	buf_free(&text);
	arena_free(&a);
	return c;
}

static void on_request(void *ctx, struct http_request *r)
{
	api_handle(ctx, r);
}

/* A decision that was stored and is not any more is the worst that can happen: it is said loudly, whatever became of it. */
static void on_redone(void *ctx, const struct store_redone *r)
{
	struct server *s = ctx;
	s->missing += r->missing;
	s->redone += r->redone;
	if (r->missing == 0)
		say(s, LOG_WARN, "another server answers for the store, as when a standby is promoted; it has all that this replica had stored");
	else
		say(s, LOG_ERROR, "another server answers for the store, and it lacked %zu decisions of this replica, the oldest %lld ms old: %zu are written "
		    "again%s; to lose none let PostgreSQL wait for standbys (synchronous_standby_names)", r->missing, (long long)r->oldest_ms, r->redone,
		    r->redone < r->missing ? ", the others not, because what they rest on did not come back in time or went another way" : "");
}

/* What this replica had stored is put back when the store's servers are replaced by one that does not have it. */
static struct store *with_redo(struct server *s, struct store *store)
{
	struct store_redo_plan plan = { s, REDO_BYTES, REDO_KEPT_MS, REDO_TEND_MS, on_mono, on_redone };
	struct store_info info;
	store_info(store, &info);
	return info.history ? store_redo(store, &plan) : store;
}

static bool open_store(struct server *s, const struct config *c)
{
	struct buf why = BUF(4096);
	struct store_info info;
	enum store_rc rc = storage_open(c, &s->store, &why);
	if (rc != STORE_OK)
		say(s, LOG_ERROR, "cannot open the store: %s", why.p ? why.p : store_rc_name(rc));
	buf_free(&why);
	if (rc != STORE_OK)
		return false;
	s->store = with_redo(s, s->store);
	store_info(s->store, &info);
	s->is_shared = info.many_writers;
	return true;
}

/* Before anybody is served: a file that must not be replaced is for people to look at, now and not later. */
static bool open_export(struct server *s, const struct config *c)
{
	struct buf why = BUF(16 << 10);
	struct export_env env = { s, s->store, on_commits, on_export_log };
	struct export_options o = { c->export_path, c->storage_path, c->min_free };
	enum store_rc rc = c->export_path.n ? export_open(&env, &o, &s->exporter, &why) : STORE_OK;
	if (rc != STORE_OK)
		say(s, LOG_ERROR, "%s", why.p ? why.p : store_rc_name(rc));
	buf_free(&why);
	return rc == STORE_OK;
}

static bool open_http(struct server *s, const struct config *c)
{
	struct buf why = BUF(1024);
	struct http_server_options o = http_server_defaults();
	struct http_handler h = { s->api, on_request, api_refuse };
	o.host = c->host;
	o.port = c->port;
	int err = http_server_new(&o, &h, &s->http, &why);
	if (err)
		say(s, LOG_ERROR, "cannot listen on %.*s:%d: %s", STR_ARG(c->host), c->port, why.p ? why.p : strerror(err));
	buf_free(&why);
	return err == 0;
}

static void make_standby(struct server *s, const struct config *c)
{
	struct standby_env env = { s, s->store, s->writer, on_mono, on_random, on_engine_log };
	char host[HOST_MAX] = "localhost";
	(void)gethostname(host, sizeof host - 1);        /* a name for people; localhost will do */
	if (c->file.mode == MODE_STANDBY)
		s->standby = standby_new(&env, &c->file.standby, str_c(host));
}

static bool open_rooms(struct server *s)
{
	struct buf why = BUF(1024);
	struct sender_env sender = { s, on_ended };
	struct writer_env writer = { .ctx = s, .engine = { .store = s->store, .mono_ms = on_mono, .random = on_random, .send = on_send,
		.log = on_engine_log, .send_room = on_room }, .came_back = on_back, .answered = on_answered, .fenced = on_fenced };
	struct api_env api = { .ctx = s, .store = s->store, .wall_ms = on_wall, .mono_ms = on_mono, .random = on_random, .post = on_post,
		.extra_metrics = on_extra_metrics, .metrics = on_metrics, .health = on_health, .log = on_api_log, .replica = on_replica };
	s->sender = sender_new(&sender);
	s->writer = writer_new(&writer, &s->live->setup);
	make_standby(s, s->live->config);
	api.standby = standby_api(s->standby);
	s->api = api_new(&api, &s->live->api);
	bool ok = open_http(s, s->live->config) && sender_start(s->sender, &why) && writer_start(s->writer, &why) == STORE_OK &&
	    (s->exporter == NULL || export_start(s->exporter, &why)) && standby_start(s->standby, &why);
	if (why.n)
		say(s, LOG_ERROR, "%s", why.p);
	buf_free(&why);
	return ok;
}

static void finish_answered(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	struct exchange **done = s->done;
	size_t n = s->n_done;
	s->done = NULL;
	s->n_done = s->done_cap = 0;
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < n; i++)
		api_finish(done[i]);
	free(done);
}

/* Requests under way may point into a replaced configuration: it goes when there are none. */
static void free_retired(struct server *s)
{
	if (s->retired && http_server_in_flight(s->http) == 0 && writer_waiting(s->writer) == 0) {
		live_free(s->retired);
		s->retired = NULL;
	}
}

/* The loading has judged whether the configuration's own server.listen may do without authentication; what counts is where we listen. */
static bool may_follow(struct server *s, const struct config *c)
{
	if (c->auth_required || str_eq(c->host, str_c(s->host)))
		return true;
	say(s, LOG_ERROR, "auth.required is not true, and the server goes on listening on %s until it is restarted: restart it to listen on %.*s",
	    s->host, STR_ARG(c->host));
	return false;
}

static void reload(struct server *s)
{
	struct config *c = read_config(s);
	s->reload_failed = true;
	if (c == NULL || !may_follow(s, c)) {
		say(s, LOG_ERROR, "the configuration was not reloaded: the old one stays in force");
		config_free(c);
		return;
	}
	struct live *l = live_new(s, c);
	enum store_rc rc = writer_configure(s->writer, &l->setup);
	if (rc != STORE_OK) {
		say(s, LOG_ERROR, "the configuration was not reloaded, the store does not take its policies (%s): the old one stays in force",
		    store_rc_name(rc));
		live_free(l);
		return;
	}
	api_configure(s->api, &l->api);
	s->live->next = s->retired;
	s->retired = s->live;
	s->live = l;
	s->reload_failed = false;
	log_change(&s->log, (int)c->log_level, (enum log_format)c->log_format);
	say(s, LOG_INFO, "configuration reloaded from %.*s", STR_ARG(s->config_path));
}

static void step(struct server *s)
{
	http_server_step(s->http, TICK_MS);
	writer_expire(s->writer);
	finish_answered(s);
	free_retired(s);
}

/* Until a signal ends it. */
static void serve(struct server *s, int signals)
{
	for (;;) {
		int sig = signals_next(signals, 0);
		if (sig == SIGHUP)
			reload(s);
		else if (sig == SIGTERM || sig == SIGINT)
			return;
		else
			step(s);
	}
}

static void drain(struct server *s, int signals)
{
	int64_t began = clock_mono_ms(), age = 0;
	bool has_given_up = false;
	s->is_draining = true;
	say(s, LOG_INFO, "ending: finishing what is in hand");
	for (; age < DRAIN_MS; age = clock_mono_ms() - began) {
		bool is_idle = writer_drain(s->writer);
		if (is_idle || age >= GIVE_UP_MS)
			http_server_drain(s->http);
		if (is_idle && http_server_in_flight(s->http) == 0)
			break;
		if (age >= GIVE_UP_MS && !has_given_up) {
			has_given_up = true;
			sender_give_up(s->sender);
		}
		int sig = signals_next(signals, 0);
		if (sig == SIGTERM || sig == SIGINT)
			break;
		step(s);
	}
}

static void close_all(struct server *s)
{
	standby_stop(s->standby);                  /* before the writer, whose answers it waits for */
	writer_stop(s->writer);
	export_stop(s->exporter);                  /* once more, after the last commit */
	sender_stop(s->sender);
	standby_free(s->standby);
	writer_free(s->writer);                    /* before the requests whose jobs it may still hold */
	sender_free(s->sender);
	http_server_free(s->http);
	api_free(s->api);
	export_free(s->exporter);
	store_close(s->store);
	live_free(s->live);
	live_free(s->retired);
	for (size_t i = 0; i < s->lanes.n; i++)
		free(s->lanes.v[i].channel);
	free(s->lanes.v);
	free(s->done);
	free(s->host);
	pthread_mutex_destroy(&s->lock);
}

static void announce(struct server *s)
{
	const struct config *c = s->live->config;
	bool is_v6 = memchr(c->host.p, ':', c->host.n) != NULL;
	struct store_info info;
	store_info(s->store, &info);
	if (info.durability == STORE_D_NONE)
		say(s, LOG_WARN, "the memory store forgets everything when the process ends");
	struct str where = c->driver == DRIVER_DYNAMODB ? c->file.storage.table : c->storage_path;
	say(s, LOG_INFO, "tocsin %s, store %s %.*s, configuration %.*s", TOCSIN_VERSION, info.backend, STR_ARG(where), STR_ARG(s->config_path));
	fprintf(stderr, "listening on http://%s%.*s%s:%d\n", is_v6 ? "[" : "", STR_ARG(c->host), is_v6 ? "]" : "", http_server_port(s->http));
}

/* New with every start: what an earlier one had in hand is not ours. */
static void name_replica(struct server *s, struct str name)
{
	char host[HOST_MAX] = "localhost";
	uint32_t random;
	s->started_ms = clock_wall_ms();
	(void)gethostname(host, sizeof host - 1);        /* a name for people; localhost will do */
	for (char *tilde = host; (tilde = strchr(tilde, '~')) != NULL;)
		*tilde = '-';                            /* stands behind a name that stays, core/share.h */
	random_bytes(&random, sizeof random);            /* in containers the same host and process come again and again */
	random &= 0xffffff;
	if (name.n == 0) {
		(void)snprintf(s->replica, sizeof s->replica, "%s-%ld-%06x", host, (long)getpid(), (unsigned)random);
		return;
	}
	memcpy(s->replica, name.p, name.n);
	(void)snprintf(s->replica + name.n, sizeof s->replica - name.n, "~%06x", (unsigned)random);
}

/* From a configuration in force to the end. */
static int run(struct server *s, int signals)
{
	if (!open_store(s, s->live->config) || !open_export(s, s->live->config) || !open_rooms(s))
		return EXIT_STORE;
	announce(s);
	serve(s, signals);
	drain(s, signals);
	return 0;
}

int serve_main(const char *config_path, bool check_only)
{
	struct server whole = { .outside = config_real_outside(), .config_path = str_c(config_path) }, *s = &whole;
	log_init(&s->log, STDERR_FILENO, LOG_INFO, LOG_AUTO);
	int signals = signals_open(), code = 0;
	if (signals < 0) {
		say(s, LOG_ERROR, "signals cannot be caught: %s", strerror(errno));
		return EXIT_STORE;
	}
	pthread_mutex_init(&s->lock, NULL);
	struct config *c = read_config(s);
	if (c == NULL)
		return EXIT_CONFIG;
	name_replica(s, c->file.server.name);
	s->live = live_new(s, c);
	s->host = xstrndup(c->host);
	log_change(&s->log, (int)c->log_level, (enum log_format)c->log_format);
	if (!check_only)
		code = run(s, signals);
	close_all(s);
	return code;
}
