/* million.c - a store with a long history: fills one, and asks it what people and the engine ask most.
 *
 *	million fill DRIVER [--count 1000000] [--open 5000] [--base MS] [store options of open.h]
 *	million look DRIVER [the same]
 *
 * fill commits, in groups, what the engine leaves behind of so many alerts: incident, alert, two timeline entries, page; keys, due and
 * expiry as in core/step.c. All but the newest --open of them are resolved; of those two thirds are acknowledged and the rest wait for their next
 * level a week from now, so that a server started on it finds nothing to page. They are spread over the 300 days before --base (milliseconds, which
 * look must be told too, for ids follow from it). The dedup keys are load/000000000000 and on, newest first, as bench/load numbers them.
 *
 * look times, one thread, one call after the other: the newest 50 as the API lists them (two portions of documents, read and written as JSON); and
 * opening by dedup key as the engine does (the alert by its id, then its incident), for keys at random and for open ones. Prints a line of JSON.
 */
#include "bench/open.h"
#include "base/digest.h"
#include "base/rng.h"
#include "core/decide.h"
#include "model/kinds.h"
#include <assert.h>
#include <unistd.h>

enum { GROUP = 128, WRITES = 5, DAY_MS = 24 * 3600 * 1000, SPREAD_DAYS = 300, KEEP_DAYS = 400, PORTION = 64, SHOWN = 50 };

static const struct store_kind_def kind_defs[KINDS] = {
#define ENTITY(name, append_only, fleeting) { #name, append_only },
#include "model/list.h"
#undef ENTITY
};

/* --base 0: now. */
struct history { int64_t count, open, base_ms; };
static struct history history_of(const struct bench_number *n)
{
	return (struct history){ n[0].value, n[1].value, n[2].value ? n[2].value : clock_wall_ms() };
}

static int64_t at_ms(const struct history *h, int64_t i)
{
	return h->base_ms - (h->count - i) * (SPREAD_DAYS * (int64_t)DAY_MS / h->count);
}

static struct str id_of(struct arena *a, const struct history *h, int64_t i)
{
	struct rng r = rng_seeded((uint64_t)i);
	uint8_t random[10];
	char *id = arena_need(a, 37, 1);
	rng_bytes(&r, random, sizeof random);
	uuid7_write(id, at_ms(h, i), random);
	return (struct str){ id, 36 };
}

static struct str key_of(struct arena *a, const struct history *h, int64_t i)
{
	return arena_fmt(a, "load/%012lld", (long long)(h->count - 1 - i));
}

static struct str alert_of(struct arena *a, const struct history *h, int64_t i)
{
	return alert_id(a, S("pd"), S("demo"), key_of(a, h, i));
}

static void put(struct arena *a, struct store_txn *t, struct store_write *w, enum kind kind, struct str id, const void *obj, int64_t due, int64_t expire)
{
	struct buf json = BUF(STORE_BODY_MAX);
	const struct entity *e = kinds[kind].entity;
	desc_write(&json, e, obj, V_STORE);
	*w = (struct store_write){ .op = STORE_PUT, .kind = (store_kind)kind, .id = id, .expect = kinds[kind].is_append_only ? STORE_ANY : STORE_ABSENT,
		.due = due, .expire = expire, .body = arena_str(a, buf_str(&json)) };
	desc_keys(a, e, obj, w->idx, STORE_IDX);
	buf_free(&json);
	t->n++;
}

/* What every alert of bench/load says. */
struct sample { struct map labels; struct strs tags; struct link_list links; const struct jv *details; };
static struct sample sample_make(struct arena *a)
{
	static const struct pair labels[] = { { { "component", 9 }, { "postgres", 8 } }, { { "group", 5 }, { "production", 10 } }, { { "class", 5 }, { "disk", 4 } } };
	struct str why;
	struct sample s = { .labels = { NEWN(a, struct pair, COUNT(labels)), COUNT(labels) }, .links = { NEW(a, struct link), 1 } };
	memcpy(s.labels.v, labels, sizeof labels);
	s.links.v[0] = (struct link){ .href = S("https://runbook.example/disk"), .text = S("Runbook") };
	s.details = json_parse(a, S("{\"free\":\"3%\",\"mount\":\"/var/lib/postgresql\",\"region\":\"eu-central-1\"}"), &why);
	assert(s.details != NULL);
	return s;
}

static struct incident incident_of(struct arena *a, const struct history *h, const struct sample *s, int64_t i)
{
	int64_t at = at_ms(h, i);
	bool is_open = i >= h->count - h->open, is_new = is_open && i % 3 == 0;
	return (struct incident){ .id = id_of(a, h, i), .number = i + 1, .title = S("Disk is 97% full on db1.example"), .severity = 5,
		.status = is_new ? DETECTED : is_open ? ACKNOWLEDGED : RESOLVED, .service = S("demo"), .source = S("pd"), .dedup_key = key_of(a, h, i),
		.alert_count = 1, .open_alerts = is_open, .labels = s->labels, .tags = s->tags, .links = s->links, .details = s->details,
		.policy = S("standard"), .due_at = is_new ? h->base_ms + 7 * (int64_t)DAY_MS : 0, .detected_at = at, .last_alert_at = at,
		.acknowledged_at = is_new ? 0 : at + 60000, .acknowledged_by = is_new ? S("") : S("user:amira"),
		.acknowledged_via = is_new ? S("") : S("api"), .resolved_at = is_open ? 0 : at + 1200000,
		.resolved_by = is_open ? S("") : S("user:amira"), .root_cause = is_open ? S("") : S("The nightly backup stayed on the disk."), .entries = 2 };
}

static void put_entry(struct arena *a, struct store_txn *t, struct store_write *w, const struct incident *inc, int64_t n)
{
	bool is_first = n == 0;
	struct entry e = { .id = entry_id(a, inc->id, n), .at = inc->detected_at + n * 60000, .type = is_first ? ENTRY_DETECTED : ENTRY_ACKNOWLEDGED,
		.actor = is_first ? S("integration:pd") : S("user:amira"), .via = is_first ? S("events_v2") : S("api"), .before = DETECTED,
		.after = is_first ? DETECTED : ACKNOWLEDGED, .text = is_first ? arena_fmt(a, "alert %.*s from pd opened the incident", STR_ARG(inc->dedup_key)) :
		    S("acknowledged: paging stops") };
	put(a, t, w, KIND_entry, e.id, &e, STORE_NO_DUE, e.at + KEEP_DAYS * (int64_t)DAY_MS);
}

/* What one alert leaves behind. */
static void remember(struct arena *a, const struct history *h, const struct sample *s, int64_t i, struct store_txn *t)
{
	struct store_write *w = NEWN(a, struct store_write, WRITES);
	struct incident inc = incident_of(a, h, s, i);
	int64_t keep = inc.detected_at + KEEP_DAYS * (int64_t)DAY_MS;
	bool is_open = inc.status != RESOLVED;
	struct alert al = { .id = alert_of(a, h, i), .integration = S("pd"), .dedup_key = inc.dedup_key, .service = S("demo"), .incident = inc.id,
		.is_open = is_open, .severity = 5, .summary = inc.title, .count = 1, .first_at = inc.detected_at, .last_at = inc.detected_at };
	struct page page = { .id = arena_fmt(a, "%.*s/0/0/0/0", STR_ARG(inc.id)), .incident = inc.id, .target = S("channel:term"), .channel = S("term"),
		.status = PAGE_DELIVERED, .attempt = 1, .owner = S("db1-1"), .owed_at = inc.detected_at, .claimed_at = inc.detected_at + 2,
		.ended_at = inc.detected_at + 40, .reason = S("written to standard output") };
	*t = (struct store_txn){ .w = w };
	put(a, t, &w[0], KIND_incident, inc.id, &inc, inc.due_at ? inc.due_at : STORE_NO_DUE, is_open ? STORE_NO_DUE : keep);
	put(a, t, &w[1], KIND_alert, al.id, &al, STORE_NO_DUE, is_open ? STORE_NO_DUE : keep);
	put_entry(a, t, &w[2], &inc, 0);
	put_entry(a, t, &w[3], &inc, 1);
	put(a, t, &w[4], KIND_page, page.id, &page, STORE_NO_DUE, keep);
	struct rng r = rng_seeded((uint64_t)i ^ UINT64_C(0x746f6b656e));
	rng_bytes(&r, &t->token, sizeof t->token);
}

/* Commits a group; what is not applied for sure is tried again with the same tokens. */
static void commit_or_exit(struct store *s, const struct store_txn *t, size_t n)
{
	enum { TRIES = 20 };
	struct store_result r[GROUP];
	enum store_rc worst = STORE_OK;
	for (int try = 0; try < TRIES; try++) {
		worst = STORE_OK;
		store_commit(s, t, r, n);
		for (size_t i = 0; i < n; i++)
			worst = r[i].rc != STORE_OK ? r[i].rc : worst;
		if (worst != STORE_BUSY && worst != STORE_UNKNOWN)
			break;
	}
	if (worst != STORE_OK) {
		fprintf(stderr, "\nnot written: %s\n", store_rc_name(worst));
		exit(1);
	}
}

static void show_progress(int64_t done, int64_t all, int64_t begin_us)
{
	static const char bar[] = "##############################";
	int width = (int)sizeof bar - 1, full = (int)(done * width / all);
	double seconds = (double)(clock_mono_us() - begin_us) / 1e6, rate = (double)done / (seconds + 1e-6);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r[%-*.*s] %3lld %%  %.0f a second, %.0f s left ", width, full, bar, (long long)(done * 100 / all), rate,
		    (double)(all - done) / rate);
	else if (done * 10 / all != (done - GROUP) * 10 / all)
		fprintf(stderr, "%lld of %lld, %.0f a second\n", (long long)done, (long long)all, rate);
	if (done == all)
		fputc('\n', stderr);
}

/* Numbers go on behind the last one. */
static void put_counter(struct store *s, struct arena *a, const struct history *h)
{
	struct counter c = { .id = S("incident"), .next = h->count + 1 };
	struct store_write w;
	struct store_txn t = { .token = { { 1 } }, .w = &w };
	put(a, &t, &w, KIND_counter, c.id, &c, STORE_NO_DUE, STORE_NO_DUE);
	commit_or_exit(s, &t, 1);
}

static void fill(struct store *s, const struct history *h)
{
	struct arena keep = ARENA(1 << 20), a = ARENA(64 << 20);
	struct sample sample = sample_make(&keep);
	struct store_txn t[GROUP];
	int64_t begin = clock_mono_us();
	for (int64_t i = 0; i < h->count;) {
		size_t n = 0;
		for (; n < GROUP && i < h->count; n++)
			remember(&a, h, &sample, i++, &t[n]);
		commit_or_exit(s, t, n);
		arena_reset(&a);
		show_progress(i, h->count, begin);
	}
	put_counter(s, &a, h);
	double seconds = (double)(clock_mono_us() - begin) / 1e6;
	printf("{\"seconds\":%.1f,\"incidents_per_s\":%.0f}\n", seconds, (double)h->count / seconds);
	arena_free(&a);
	arena_free(&keep);
}

static void must(enum store_rc rc, const char *what)
{
	if (rc != STORE_OK) {
		fprintf(stderr, "%s: %s\n", what, store_rc_name(rc));
		exit(1);
	}
}

/* A document read, and shown when there is somewhere to show it. */
static void use(struct arena *a, const struct entity *e, const struct store_doc *d, void *obj, struct buf *out)
{
	struct str why = S("");
	struct faults f = { .a = a };
	const struct jv *j = d->ver ? json_parse_own(a, d->body, &why) : NULL;
	if (j == NULL || desc_read(a, obj, e, j, V_STORE, S(""), &f) != 0) {
		fprintf(stderr, "%s %.*s is missing or does not read\n", e->name, STR_ARG(d->id));
		exit(1);
	}
	if (out)
		desc_write(out, e, obj, V_API);
}

struct look { struct store *s; const struct history *h; struct rng rng; struct arena a; struct store_docs docs; };

static void list_newest(struct look *l)
{
	struct buf out = BUF(4 << 20);
	struct incident inc;
	must(store_list(l->s, KIND_incident, STORE_BY_ID, S(""), S(""), true, PORTION, &l->docs), "list");
	assert(l->docs.n == PORTION);
	for (size_t i = 0; i < SHOWN; i++)
		use(&l->a, &incident_entity, &l->docs.v[i], &inc, &out);
	buf_free(&out);
}

static void open_by_key(struct look *l, int64_t i)
{
	struct alert al;
	struct incident inc;
	store_kind kind = KIND_alert;
	struct str id = alert_of(&l->a, l->h, i);
	must(store_get(l->s, &kind, &id, 1, &l->docs), "get");
	use(&l->a, &alert_entity, &l->docs.v[0], &al, NULL);
	kind = KIND_incident;
	id = arena_str(&l->a, al.incident);
	must(store_get(l->s, &kind, &id, 1, &l->docs), "get");
	use(&l->a, &incident_entity, &l->docs.v[0], &inc, NULL);
	assert(str_eq(inc.dedup_key, key_of(&l->a, l->h, i)));
}

static void open_any(struct look *l) { open_by_key(l, rng_between(&l->rng, 0, l->h->count - 1)); }
static void open_open(struct look *l) { open_by_key(l, rng_between(&l->rng, l->h->count - l->h->open, l->h->count - 1)); }

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void time_calls(struct look *l, const char *name, void (*f)(struct look *l), int calls)
{
	int64_t *us = xmalloc((size_t)calls * sizeof *us);
	for (int i = 0; i < calls; i++) {
		int64_t begin = clock_mono_us();
		f(l);
		us[i] = clock_mono_us() - begin;
		arena_reset(&l->a);
	}
	qsort(us, (size_t)calls, sizeof *us, by_value);
	printf("\"%s_p50_us\":%lld,\"%s_p99_us\":%lld,\"%s_max_us\":%lld,", name, (long long)us[calls / 2], name, (long long)us[calls * 99 / 100], name,
	    (long long)us[calls - 1]);
	free(us);
}

static void look(struct store *s, const struct history *h)
{
	struct look l = { .s = s, .h = h, .rng = rng_seeded(7), .a = ARENA(64 << 20) };
	printf("{");
	time_calls(&l, "list", list_newest, 1000);
	time_calls(&l, "any", open_any, 10000);
	time_calls(&l, "open", open_open, 10000);
	printf("\"count\":%lld}\n", (long long)h->count);
	store_docs_free(&l.docs);
	arena_free(&l.a);
}

int main(int argc, char **argv)
{
	struct bench_number numbers[] = { { "--count", 1000000 }, { "--open", 5000 }, { "--base", 0 } };
	struct store_options o = { .kinds = kind_defs, .n_kinds = KINDS };
	bool is_fill = argc > 2 && strcmp(argv[1], "fill") == 0, is_look = argc > 2 && strcmp(argv[1], "look") == 0;
	if (!is_fill && !is_look) {
		fputs("usage: million fill|look DRIVER [--count N] [--open N] [--base MS] [--path P] [--table T] [--region R] [--endpoint U]\n", stderr);
		return 2;
	}
	bench_read(&o, numbers, COUNT(numbers), argv + 3, argc - 3);
	struct history h = history_of(numbers);
	if (h.open < 1 || h.count < h.open || h.count < PORTION) {
		fprintf(stderr, "--count is at least %d, --open from 1 to --count\n", PORTION);
		return 2;
	}
	struct store *s = bench_open(argv[2], &o);
	(is_fill ? fill : look)(s, &h);
	store_close(s);
	return 0;
}
