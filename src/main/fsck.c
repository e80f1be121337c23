/* fsck.c - `tocsin fsck`: what the audit finds, for people and for programs. */
#include "base/when.h"
#include "cli/table.h"
#include "main/audit.h"
#include "main/locate.h"
#include "main/progress.h"
#include "main/tools.h"

/* Of more faults than that the first ones are told; all are counted. */
enum { FAULTS_TOLD = 1000, TEXT_MAX = 16 << 20 };
#define DAYS(n) ((int64_t)(n) * 24 * 60 * 60 * 1000)
enum { KEEP_DAYS = 400, EVENTS_DAYS = 30 };      /* of a store without a configuration: what the configuration has unless it says otherwise */

struct checking { struct cli *c; struct progress p; struct buf faults; size_t told; bool is_json; };

static void on_told(void *ctx, uint64_t n)
{
	struct checking *k = ctx;
	progress_at(&k->p, "checking", n, 0);
}

static void add_json(struct buf *b, const struct audit_fault *f)
{
	buf_fmt(b, "%s{\"kind\":\"%s\",\"id\":", b->n ? ",\n " : "", kinds[f->kind].entity->name);
	buf_json(b, f->id);
	buf_add(b, S(",\"what\":"));
	buf_json(b, f->what);
	buf_add(b, S(",\"cure\":"));
	buf_json(b, str_c(f->cure));
	buf_char(b, '}');
}

static void on_fault(void *ctx, const struct audit_fault *f)
{
	struct checking *k = ctx;
	if (k->told++ >= FAULTS_TOLD)
		return;
	if (k->is_json)
		add_json(&k->faults, f);
	else
		buf_fmt(&k->faults, "%s %.*s %.*s; %s\n", kinds[f->kind].entity->name, STR_ARG(f->id), STR_ARG(f->what), f->cure);
}

static uint64_t sum(const uint64_t v[KINDS])
{
	uint64_t n = 0;
	for (size_t k = 0; k < KINDS; k++)
		n += v[k];
	return n;
}

static void print_json(struct checking *k, const struct audit_result *r)
{
	FILE *out = k->c->o->out;
	bool is_first = true;
	fputs("{\"kinds\":[", out);
	for (size_t i = 0; i < KINDS; i++) {
		fprintf(out, "%s{\"kind\":\"%s\",\"documents\":%llu,\"bytes\":%llu,\"faults\":%llu}", is_first ? "" : ",\n ", kinds[i].entity->name,
		    (unsigned long long)r->n[i], (unsigned long long)r->bytes[i], (unsigned long long)r->faults[i]);
		is_first = false;
	}
	fprintf(out, "],\n\"faults_found\":%zu,\n\"faults\":[%.*s]}\n", k->told, STR_ARG(buf_str(&k->faults)));
}

static void print_text(struct checking *k, const struct audit_result *r)
{
	FILE *out = k->c->o->out;
	fprintf(out, "%-12s %12s %14s %8s\n", "KIND", "DOCUMENTS", "BYTES", "FAULTS");
	for (size_t i = 0; i < KINDS; i++)
		if (r->n[i] > 0)
			fprintf(out, "%-12s %12llu %14llu %8llu\n", kinds[i].entity->name, (unsigned long long)r->n[i],
			    (unsigned long long)r->bytes[i], (unsigned long long)r->faults[i]);
	put_text(out, buf_str(&k->faults), PUT_LINES);             /* ids and words of senders may stand in them */
	if (k->told > FAULTS_TOLD)
		fprintf(out, "and %zu more\n", k->told - FAULTS_TOLD);
}

static int check_opened(struct cli *c, struct store *s, const struct located *where)
{
	const struct config *config = where->config;
	struct checking k = { .c = c, .faults = BUF(TEXT_MAX), .is_json = str_eq(flag_text(c, "output"), S("json")) };
	struct audit a = { .store = s, .patience = tool_patience(c), .ctx = &k, .fault = on_fault, .told = on_told,
		.keep_ms = config ? config->world.keep_ms : DAYS(KEEP_DAYS), .events_ms = config ? config->world.events_ms : DAYS(EVENTS_DAYS) };
	struct audit_result r;
	int64_t err_ms = 0;
	progress_init(&k.p, c);
	enum store_rc rc = store_now(s, &a.now_ms, &err_ms);
	if (rc == STORE_OK)
		rc = audit_run(&a, &r);
	progress_end(&k.p);
	if (rc == STORE_OK)
		(k.is_json ? print_json : print_text)(&k, &r);
	else
		say(c, "the store could not be read to its end: %s%s", store_rc_name(rc), rc == STORE_CORRUPT ? "; restore it from a backup" : "");
	if (rc == STORE_OK && !k.p.is_quiet)
		fprintf(c->o->err, "%llu documents, %zu faults\n", (unsigned long long)sum(r.n), k.told);
	buf_free(&k.faults);
	return rc == STORE_OK && k.told == 0 ? EXIT_DONE : EXIT_FAILED;
}

int tool_fsck(struct cli *c)
{
	return located_read(c, check_opened);
}
