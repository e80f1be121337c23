/* store.c - how many new alerts a second a store takes, and how fast it answers. One thread, no network, no decisions.
 *
 *	store DRIVER [ALERTS] [GROUP] [DIRECTORY]
 *
 * One alert is a transaction of five creations: the incident (about 900 bytes, three keys, a due), the alert (id of 64 random hex
 * digits), two timeline entries, one page. Progress goes to stderr, the figures to stdout.
 */
#include "base/digest.h"
#include "base/rng.h"
#include "io/clock.h"
#include "store/store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INCIDENT, ALERT, ENTRY, PAGE, KINDS_N, WRITES = 5 };
static const struct store_kind_def kinds[] = { { "incident", false }, { "alert", false }, { "entry", true }, { "page", false } };

static int64_t wall(void *ctx)
{
	(void)ctx;
	return clock_wall_ms();
}

static int64_t boot(void *ctx)
{
	(void)ctx;
	return clock_boot_ms();
}

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

struct bench { struct store *s; struct rng rng; int64_t n; size_t group; int64_t store_us; };

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

static void write_all(struct bench *b)
{
	struct arena a = ARENA(64 << 20);
	for (int64_t i = 0; i < b->n; i += (int64_t)b->group) {
		int64_t left = b->n - i;
		one_group(b, &a, i, left < (int64_t)b->group ? (size_t)left : b->group);
		arena_reset(&a);
		if (i / 20000 != (i + (int64_t)b->group) / 20000)
			fprintf(stderr, "%lld alerts\n", (long long)i);
	}
	arena_free(&a);
}

/* The mean time of a call, in microseconds. */
static double time_reads(struct bench *b, int which)
{
	struct store_docs d = { 0 };
	enum { CALLS = 20000 };
	int64_t begin = clock_mono_us();
	for (int i = 0; i < CALLS; i++) {
		store_kind kind = INCIDENT;
		struct str id = S("00000000-0000-7000-8000-000000000000");
		enum store_rc rc = which == 0 ? store_due(b->s, INCIDENT, 0, 1, 1000, 100, &d) :
		    which == 1 ? store_due(b->s, INCIDENT, 0, 1, INT64_MAX - 1, 10, &d) : store_get(b->s, &kind, &id, 1, &d);
		if (rc != STORE_OK)
			exit(1);
	}
	store_docs_free(&d);
	return (double)(clock_mono_us() - begin) / CALLS;
}

static struct store *open_or_exit(struct str driver, const char *path)
{
	struct buf why = BUF(4096);
	struct store *s = NULL;
	struct store_options o = { .path = str_c(path), .kinds = kinds, .n_kinds = KINDS_N, .clock = { NULL, boot, wall } };
	if (store_open(driver, &o, &s, &why) != STORE_OK) {
		fprintf(stderr, "%s\n", why.p);
		exit(1);
	}
	buf_free(&why);
	return s;
}

static int64_t number(const char *text, int64_t otherwise)
{
	int64_t v = otherwise;
	return text == NULL || str_int(str_c(text), &v) ? v : otherwise;
}

int main(int argc, char **argv)
{
	struct str driver = str_c(argc > 1 ? argv[1] : "sqlite");
	struct bench b = { .rng = rng_seeded(1), .n = number(argc > 2 ? argv[2] : NULL, 100000),
		.group = (size_t)number(argc > 3 ? argv[3] : NULL, 64) };
	char dir[512], path[600];
	(void)snprintf(dir, sizeof dir, "%s/tocsin-bench-XXXXXX", argc > 4 ? argv[4] : "/tmp");
	if (b.group < 1 || b.group > STORE_GROUP_MAX || mkdtemp(dir) == NULL) {
		fprintf(stderr, "usage: store memory|json|sqlite [ALERTS] [GROUP 1..%d] [DIRECTORY that may be written]\n",
		    STORE_GROUP_MAX);
		return 2;
	}
	(void)snprintf(path, sizeof path, "%s/store", dir);
	long before = resident_kib();
	b.s = open_or_exit(driver, path);
	write_all(&b);
	printf("%.*s: %lld new alerts in groups of %zu: %.0f a second, memory +%ld KiB\n", STR_ARG(driver), (long long)b.n, b.group,
	    (double)b.n * 1e6 / (double)(b.store_us + 1), resident_kib() - before);
	printf("%.*s: get %.2f us, due with nothing due %.2f us, due with 10 due %.2f us\n", STR_ARG(driver), time_reads(&b, 2),
	    time_reads(&b, 0), time_reads(&b, 1));
	store_close(b.s);
	int64_t begin = clock_mono_us();
	store_close(open_or_exit(driver, path));
	printf("%.*s: open again and close: %lld us\n", STR_ARG(driver), (long long)(clock_mono_us() - begin));
	fprintf(stderr, "left behind: %s\n", dir);
	return 0;
}
