/* dynamodb_run.c - many requests at once, each tried until it has an end that can be told.
 *
 * A caller's thread takes a crew: a multi handle of libcurl with up to 64 connections, kept for the next caller. So there is no thread of our
 * own and nothing to hand over. A call is sent, and its answer judged (dynamodb_reply.c); what may pass is tried again after a random part of a
 * pause that doubles: "busy" for a second in all, lost answers until the call's time is over. The text is the same each time, so what was applied
 * already is recognised: by the token in the document, or by the service itself (ClientRequestToken).
 *
 * What counts for the caller is whether a request may have reached the service. libcurl tells when it begins to send; before that nothing can
 * have happened. After a failure to reach anybody, calls end at once for half a second, so that an outage costs each of them no time-out.
 */
#include "store/dynamodb_inside.h"
#include "base/rng.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { WAITING, FLYING, ENDED };      /* of a call */
enum { SIGNED_APART_MS = 60000, HEADERS_MAX = 8, TEXTS_MAX = 64 << 10 };

struct slot {
	struct http http;
	struct call *call;               /* NULL: free */
	struct arena texts;
	struct str lines[HEADERS_MAX];
	int64_t signed_ms, sent_boot_ms;
};
struct crew { struct crew *next; CURLM *multi; struct slot slot[RUN_CONNECTIONS]; size_t n_flying; struct rng rng; };

/* One run under way. */
struct flight {
	struct dynamodb *d;
	struct run *r;
	struct crew *crew;
	size_t n_left;
	int64_t until_ms;
	struct arena mem;                /* of the keys */
	struct sigv4_keys keys;
	bool has_answer;                 /* the service has said something since the call began */
};

static struct crew *crew_new(uint64_t seed)
{
	struct crew *c = xmalloc(sizeof *c);
	memset(c, 0, sizeof *c);
	c->multi = curl_multi_init();
	if (c->multi == NULL)
		abort();                                           /* out of memory, as xmalloc */
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)RUN_CONNECTIONS);
	c->rng = rng_seeded(seed);
	for (size_t i = 0; i < RUN_CONNECTIONS; i++) {
		c->slot[i].http.answer = BUF(RUN_ANSWER_MAX);
		c->slot[i].texts = ARENA(TEXTS_MAX);
	}
	return c;
}

static void crew_free(struct crew *c)
{
	for (size_t i = 0; i < RUN_CONNECTIONS; i++) {
		http_done(&c->slot[i].http);
		arena_free(&c->slot[i].texts);
	}
	curl_multi_cleanup(c->multi);
	free(c);
}

uint64_t dynamodb_nonce(struct dynamodb *d)
{
	pthread_mutex_lock(&d->lock);
	uint64_t nonce = ++d->seed ? d->seed : ++d->seed;
	pthread_mutex_unlock(&d->lock);
	return nonce;
}

static struct crew *crew_take(struct dynamodb *d)
{
	pthread_mutex_lock(&d->lock);
	struct crew *c = d->idle;
	if (c) {
		d->idle = c->next;
		d->n_idle--;
	}
	pthread_mutex_unlock(&d->lock);
	return c ? c : crew_new(dynamodb_nonce(d));
}

static void crew_give(struct dynamodb *d, struct crew *c)
{
	assert(c->n_flying == 0);
	pthread_mutex_lock(&d->lock);
	bool is_kept = d->n_idle < RUN_CREWS;
	if (is_kept) {
		c->next = d->idle;
		d->idle = c;
		d->n_idle++;
	}
	pthread_mutex_unlock(&d->lock);
	if (!is_kept)
		crew_free(c);
}

void dynamodb_crews_free(struct dynamodb *d)
{
	for (struct crew *c = d->idle, *next; c; c = next) {
		next = c->next;
		crew_free(c);
	}
}

static bool is_down(const struct dynamodb *d)
{
	return http_mono_ms() < atomic_load(&d->down_until_ms);
}

static struct arena *mem_of(struct call *c)
{
	if (c->mem)
		return c->mem;
	c->own.limit = SIZE_MAX;                                  /* answers have a limit of their own */
	return &c->own;
}

static void busy(struct flight *f, struct call *c);

/* The end of a call, unless its owner has more to ask. */
static void end(struct flight *f, struct call *c, enum call_end how)
{
	c->end = how;
	c->state = ENDED;
	enum call_next next = f->r->done ? f->r->done(f->r->ctx, c) : CALL_STOPS;
	if (f->r->is_long && how == CALL_DONE)
		f->until_ms = http_mono_ms() + RUN_MS;
	switch (next) {
	case CALL_STOPS:
		buf_free(&c->text);
		f->n_left--;
		break;
	case CALL_GOES_ON:
		c->state = WAITING;
		c->n_tries = 0;
		c->is_open = c->has_signed_again = c->has_other_keys = false;
		c->not_before_ms = c->busy_since_ms = 0;
		break;
	case CALL_WAITS:
		assert(how == CALL_DONE);                          /* so this comes back here once at most */
		busy(f, c);
		break;
	}
}

static void end_down(struct flight *f, struct call *c, struct str why)
{
	struct str copy = { 0 };
	c->reply = (struct reply){ .verdict = REPLY_LOST };
	if (str_keep(mem_of(c), why, &copy) == 0)
		c->reply.message = copy;
	end(f, c, c->is_open ? CALL_LOST : CALL_DOWN);             /* what an earlier try may have done stays as open as it was */
}

/* When the time is over: what it may have done decides. A service that has said nothing in all that time, whatever became of the connections,
 * is not asked for a moment: who asks several things one after the other waits for one of them only. */
static void end_late(struct flight *f, struct call *c)
{
	if (!f->has_answer)
		atomic_store(&f->d->down_until_ms, http_mono_ms() + RUN_DOWN_MS);
	if (c->is_open)
		end(f, c, CALL_LOST);
	else if (is_down(f->d))
		end_down(f, c, S("no answer from the service within the time of a call"));
	else
		end(f, c, CALL_BUSY);
}

/* Another try, unless it would begin after the call's time. */
static void again(struct flight *f, struct call *c, bool at_once)
{
	int64_t most = RUN_PAUSE_MAX_MS, now = http_mono_ms();
	if (c->n_tries < 5 && RUN_PAUSE_MS << c->n_tries < most)
		most = RUN_PAUSE_MS << c->n_tries;
	c->state = WAITING;
	c->not_before_ms = at_once ? now : now + rng_between(&f->crew->rng, 0, most);
	if (c->not_before_ms + RUN_TRY_MIN_MS > f->until_ms)
		end_late(f, c);
}

static void busy(struct flight *f, struct call *c)
{
	int64_t now = http_mono_ms();
	if (c->busy_since_ms == 0)
		c->busy_since_ms = now;
	if (now - c->busy_since_ms >= RUN_BUSY_MS)
		end(f, c, c->is_open ? CALL_LOST : CALL_BUSY);
	else
		again(f, c, false);
}

/* Another time, or other keys, once; then the refusal stands. */
static void sign_again(struct flight *f, struct call *c, const struct slot *s)
{
	int64_t apart = s->http.date_ms - s->signed_ms;
	bool has_skew = s->http.date_ms > 0 && (apart > SIGNED_APART_MS || apart < -SIGNED_APART_MS);
	bool may = c->reply.verdict == REPLY_KEYS_EXPIRED ? !c->has_other_keys : has_skew && !c->has_signed_again;
	if (!may) {
		end(f, c, c->is_open ? CALL_LOST : CALL_REFUSED);
		return;
	}
	if (c->reply.verdict == REPLY_KEYS_EXPIRED) {
		c->has_other_keys = true;
		aws_chain_expired(f->d->chain, f->keys.id);
		f->keys.id = S("");
	} else {
		c->has_signed_again = true;
	}
	again(f, c, true);
}

static void answered(struct flight *f, struct call *c, const struct slot *s)
{
	if (s->http.date_ms)
		dateclock_see(&f->d->time, s->http.date_ms, s->sent_boot_ms, f->d->time.clock.boot_ms(f->d->time.clock.ctx));
	atomic_store(&f->d->down_until_ms, 0);
	f->has_answer = true;
	c->is_open |= s->http.n_sent > 1;
	c->reply = reply_read(mem_of(c), s->http.status, buf_str(&s->http.answer));
	switch (c->reply.verdict) {
	case REPLY_DONE: end(f, c, CALL_DONE); break;
	case REPLY_REFUSED: end(f, c, CALL_REFUSED); break;
	case REPLY_BUSY: busy(f, c); break;
	case REPLY_SIGNED_BADLY: case REPLY_KEYS_EXPIRED: sign_again(f, c, s); break;
	case REPLY_LOST:
		c->is_open = true;
		again(f, c, false);
		break;
	}
}

/* A connection that could not be made, or one that broke. */
static void unanswered(struct flight *f, struct call *c, const struct slot *s)
{
	c->is_open |= s->http.n_sent > 0;
	if (s->http.is_late ? s->http.timeout_ms >= RUN_FAIR_MS : s->http.n_sent == 0)
		atomic_store(&f->d->down_until_ms, http_mono_ms() + RUN_DOWN_MS);
	if (c->is_open)
		again(f, c, false);
	else
		end_down(f, c, str_c(s->http.error));
}

static void land(struct flight *f, struct slot *s, CURLcode rc)
{
	struct call *c = s->call;
	http_end(&s->http, rc);
	curl_multi_remove_handle(f->crew->multi, s->http.easy);
	s->call = NULL;
	f->crew->n_flying--;
	(s->http.status ? answered : unanswered)(f, c, s);
	if (s->http.answer.cap > 1 << 20)
		buf_free(&s->http.answer);
}

static bool get_keys(struct flight *f, struct call *c)
{
	if (f->keys.id.n)
		return true;
	struct buf why = BUF(16 << 10);
	bool ok = aws_chain_keys(f->d->chain, dateclock_guess(&f->d->time), &f->mem, &f->keys, &why);
	if (!ok)
		end_down(f, c, buf_str(&why));
	buf_free(&why);
	return ok;
}

static struct slot *free_slot(struct crew *crew)
{
	for (size_t i = 0; i < RUN_CONNECTIONS; i++)
		if (crew->slot[i].call == NULL)
			return &crew->slot[i];
	return NULL;
}

static void sign(struct flight *f, struct slot *s, struct call *c)
{
	struct sigv4_scope scope = { str_c(f->d->region), S("dynamodb") };
	arena_reset(&s->texts);
	s->lines[0] = S("Content-Type: application/x-amz-json-1.0");
	s->lines[1] = arena_fmt(&s->texts, "X-Amz-Target: DynamoDB_20120810.%s", c->op);
	s->http.request = (struct wire_request){ .method = S("POST"), .url = str_c(f->d->url),
	    .headers = { s->lines, 2 }, .body = buf_str(&c->text) };
	s->signed_ms = dateclock_guess(&f->d->time);
	sigv4_sign(&s->texts, &f->keys, scope, s->signed_ms, &s->http.request, NULL);
}

static void take_off(struct flight *f, struct slot *s, struct call *c)
{
	int64_t left = f->until_ms - http_mono_ms();               /* after keys were fetched, which may have taken most of it */
	sign(f, s, c);
	s->http.timeout_ms = left > RUN_TRY_MS ? RUN_TRY_MS : left < RUN_TRY_MIN_MS ? RUN_TRY_MIN_MS : left;
	s->call = c;
	s->sent_boot_ms = f->d->time.clock.boot_ms(f->d->time.clock.ctx);
	http_begin(&s->http);
	curl_easy_setopt(s->http.easy, CURLOPT_PRIVATE, s);
	CURLMcode rc = curl_multi_add_handle(f->crew->multi, s->http.easy);
	assert(rc == CURLM_OK);
	f->crew->n_flying++;
	c->state = FLYING;
	c->n_tries++;
}

/* A call whose turn has come. */
static void start(struct flight *f, struct call *c, int64_t now)
{
	if (now + RUN_TRY_MIN_MS > f->until_ms)
		end_late(f, c);
	else if (is_down(f->d) && !c->is_open)
		end_down(f, c, S("the service could not be reached a moment ago"));
	else if (get_keys(f, c)) {
		if (c->text.n == 0) {
			f->r->write(f->r->ctx, c);
			assert(c->text.n > 0 && c->text.err == 0);
		}
		take_off(f, free_slot(f->crew), c);
	}
}

/* Starts what may start; returns how long to wait for more at most. */
static int start_all(struct flight *f)
{
	int64_t now = http_mono_ms(), next = f->until_ms;
	for (size_t i = 0; i < f->r->n && f->crew->n_flying < RUN_CONNECTIONS; i++) {
		struct call *c = &f->r->v[i];
		if (c->state == WAITING && c->waits == 0 && c->not_before_ms <= now)
			start(f, c, now);
		if (c->state == WAITING && c->waits == 0 && c->not_before_ms < next)
			next = c->not_before_ms;
	}
	return next <= now ? 0 : (int)(next - now);
}

static void step(struct flight *f)
{
	int running, left, wait = start_all(f);
	curl_multi_perform(f->crew->multi, &running);
	bool has_landed = false;
	for (CURLMsg *m; (m = curl_multi_info_read(f->crew->multi, &left)) != NULL; has_landed = true) {
		struct slot *s = NULL;
		CURLcode rc = m->data.result;                      /* the message dies with the next call into the library */
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&s);
		land(f, s, rc);
	}
	if (!has_landed && f->n_left > 0)
		curl_multi_poll(f->crew->multi, NULL, 0, wait, NULL);
}

void dynamodb_run(struct dynamodb *d, struct run *r)
{
	struct flight f = { .d = d, .r = r, .crew = crew_take(d), .n_left = r->n, .until_ms = http_mono_ms() + RUN_MS,
	    .mem = ARENA(256 << 10) };
	for (size_t i = 0; i < r->n; i++)
		r->v[i].state = WAITING;
	while (f.n_left > 0)
		step(&f);
	crew_give(d, f.crew);
	arena_free(&f.mem);
}

enum call_end dynamodb_ask(struct dynamodb *d, struct call *c)
{
	dynamodb_run(d, &(struct run){ .v = c, .n = 1 });
	return c->end;
}

void call_done(struct call *c)
{
	buf_free(&c->text);
	arena_free(&c->own);
}

enum store_rc call_rc(const struct call *c)
{
	static const enum store_rc rc[] = { [CALL_DONE] = STORE_OK, [CALL_BUSY] = STORE_BUSY,
	    [CALL_DOWN] = STORE_DOWN, [CALL_LOST] = STORE_DOWN };
	return c->end == CALL_REFUSED ? reply_rc(&c->reply) : rc[c->end];
}
