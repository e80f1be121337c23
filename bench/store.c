/* store.c - how many new alerts a second a store takes, and how fast it answers. One thread, no network, no decisions.
 *
 *	store DRIVER [--alerts 100000] [--group 64] [--seconds 10] [--path P] [--table T] [--region R] [--endpoint U]
 *
 * Ends writing after so many alerts or seconds, whichever is first. Prints one line of JSON. One alert is a transaction of five creations: the incident (about 900 bytes, three keys, a due), the alert (id of 64 random hex
 * digits), two timeline entries, one page.
 */
#include "base/digest.h"
#include "base/rng.h"
#include "bench/open.h"

enum { INCIDENT, ALERT, ENTRY, PAGE, KINDS_N, WRITES = 5 };
static const struct store_kind_def kinds[] = { { "incident", false }, { "alert", false }, { "entry", true }, { "page", false } };

static long resident_kib(void)
{
	long pages = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (f == NULL || fscanf(f, "%ld %ld", &pages, &resident) != 2)
		resident = 0;
	if (f)
		(void)fclose(f);
	return resident * 4;
}

static struct str filler(struct arena *a, size_t n)
{
	char *p = arena_need(a, n, 1);
	memset(p, 'x', n);
	p[0] = '{';
	p[n - 1] = '}';
	return (struct str){ p, n };
}

static struct str hex_id(struct arena *a, struct rng *r)
{
	uint8_t random[32];
	struct buf hex = BUF(64);
	rng_bytes(r, random, sizeof random);
	hex_write(&hex, random, sizeof random);
	struct str id = arena_str(a, buf_str(&hex));
	buf_free(&hex);
	return id;
}

static struct store_write creation(store_kind kind, struct str id, struct str body, int64_t due)
{
	return (struct store_write){ .op = STORE_PUT, .kind = kind, .id = id, .due = due, .expire = STORE_NO_DUE, .body = body };
}

/* What one new alert writes. */
static void alert(struct arena *a, struct rng *r, int64_t i, struct store_txn *t)
{
	uint8_t random[10];
	char *id = arena_need(a, 37, 1);
	rng_bytes(r, random, sizeof random);
	uuid7_write(id, 1760000000000 + i, random);
	struct str incident = { id, 36 };
	struct store_write *w = NEWN(a, struct store_write, WRITES);
	w[0] = creation(INCIDENT, incident, filler(a, 900), 1760000000000 + i);
	w[0].idx[0] = arena_fmt(a, "%012lld/%s", (long long)i, id);
	w[0].idx[1] = arena_fmt(a, "detected/%s", id);
	w[0].idx[2] = arena_fmt(a, "service-%lld/%s", (long long)(i % 10), id);
	w[1] = creation(ALERT, hex_id(a, r), filler(a, 200), STORE_NO_DUE);
	w[2] = creation(ENTRY, arena_fmt(a, "%s/000001", id), filler(a, 250), STORE_NO_DUE);
	w[3] = creation(ENTRY, arena_fmt(a, "%s/000002", id), filler(a, 250), STORE_NO_DUE);
	w[4] = creation(PAGE, arena_fmt(a, "%s/0/0/0/0", id), filler(a, 350), 1760000000000 + i);
	*t = (struct store_txn){ .w = w, .n = WRITES };
	rng_bytes(r, &t->token, sizeof t->token);
}

struct bench { struct store *s; struct rng rng; int64_t n, done, store_us; size_t group; unsigned shards; };

static void one_group(struct bench *b, struct arena *a, int64_t from, size_t n)
{
	struct store_txn t[STORE_GROUP_MAX];
	struct store_result r[STORE_GROUP_MAX];
	for (size_t i = 0; i < n; i++)
		alert(a, &b->rng, from + (int64_t)i, &t[i]);
	int64_t begin = clock_mono_us();
	store_commit(b->s, t, r, n);
	b->store_us += clock_mono_us() - begin;
	for (size_t i = 0; i < n; i++)
		if (r[i].rc != STORE_OK) {
			fprintf(stderr, "alert %lld: %s\n", (long long)from + (long long)i, store_rc_name(r[i].rc));
			exit(1);
		}
}

static void write_all(struct bench *b, int64_t seconds)
{
	struct arena a = ARENA(64 << 20);
	int64_t end_us = clock_mono_us() + seconds * 1000000;
	while (b->done < b->n && clock_mono_us() < end_us) {
		int64_t left = b->n - b->done, n = left < (int64_t)b->group ? left : (int64_t)b->group;
		one_group(b, &a, b->done, (size_t)n);
		b->done += n;
		arena_reset(&a);
	}
	arena_free(&a);
}

/* The mean time of a call, in microseconds, over a second at most. */
enum read { READ_NOTHING_DUE, READ_TEN_DUE, READ_ONE };
static double time_reads(struct bench *b, enum read which)
{
	struct store_docs d = { 0 };
	enum { CALLS_MAX = 20000, SECOND_US = 1000000 };
	int64_t begin = clock_mono_us();
	int calls = 0;
	while (calls < CALLS_MAX && clock_mono_us() - begin < SECOND_US) {
		store_kind kind = INCIDENT;
		struct str id = S("00000000-0000-7000-8000-000000000000");
		enum store_rc rc = which == READ_ONE ? store_get(b->s, &kind, &id, 1, &d) :
		    store_due(b->s, INCIDENT, 0, b->shards, which == READ_TEN_DUE ? INT64_MAX - 1 : 1000, which == READ_TEN_DUE ? 10 : 100, &d);
		if (rc != STORE_OK) {
			fprintf(stderr, "a read: %s\n", store_rc_name(rc));
			exit(1);
		}
		calls++;
	}
	store_docs_free(&d);
	return (double)(clock_mono_us() - begin) / calls;
}

int main(int argc, char **argv)
{
	struct bench_number numbers[] = { { "--alerts", 100000 }, { "--group", 64 }, { "--seconds", 10 } };
	struct store_options o = { .kinds = kinds, .n_kinds = KINDS_N };
	struct store_info info;
	if (argc < 2) {
		fputs("usage: store DRIVER [--alerts N] [--group N] [--seconds N] [--path P] [--table T] [--region R] [--endpoint U]\n", stderr);
		return 2;
	}
	bench_read(&o, numbers, COUNT(numbers), argv + 2, argc - 2);
	struct bench b = { .rng = rng_seeded(1), .n = numbers[0].value, .group = (size_t)numbers[1].value };
	if (b.group < 1 || b.group > STORE_GROUP_MAX) {
		fprintf(stderr, "--group is from 1 to %d\n", STORE_GROUP_MAX);
		return 2;
	}
	long before = resident_kib();
	b.s = bench_open(argv[1], &o);
	store_info(b.s, &info);
	b.shards = info.shards;
	write_all(&b, numbers[2].value);
	printf("{\"alerts\":%lld,\"alerts_per_s\":%.0f,\"memory_kib\":%ld,\"get_us\":%.2f,\"due_none_us\":%.2f,\"due_ten_us\":%.2f,",
	    (long long)b.done, (double)b.done * 1e6 / (double)(b.store_us + 1), resident_kib() - before, time_reads(&b, READ_ONE),
	    time_reads(&b, READ_NOTHING_DUE), time_reads(&b, READ_TEN_DUE));
	store_close(b.s);
	int64_t begin = clock_mono_us();
	store_close(bench_open(argv[1], &o));
	printf("\"reopen_us\":%lld}\n", (long long)(clock_mono_us() - begin));
	return 0;
}
