/* copying.c - `tocsin storage copy` and `tocsin storage info`. */
#include "base/digest.h"
#include "base/when.h"
#include "cli/table.h"
#include "main/locate.h"
#include "main/progress.h"
#include "main/tools.h"
#include "model/kinds.h"
#include "store/copy.h"
#include <assert.h>

enum { WHY_MAX = 64 << 10, ROW_MAX = 4096 };

static void pause_ms(void *ctx, int64_t ms)
{
	struct cli *c = ctx;
	c->o->sleep_ms(c->o->ctx, ms);
}

struct patience tool_patience(struct cli *c)
{
	return (struct patience){ c, pause_ms };
}

const struct jv *tool_row(struct cli *c, struct buf *json)
{
	struct str why = S("");
	const struct jv *row = json_parse_own(&c->mem, buf_str(json), &why);
	assert(row != NULL);                               /* our own text */
	buf_free(json);
	return row;
}

/* clang-format off */
static const struct column copy_columns[] = {
	{ "kind",   "KIND",   CELL_TEXT,   COLUMN_ID },
	{ "source", "SOURCE", CELL_NUMBER, 0 },
	{ "target", "TARGET", CELL_NUMBER, 0 },
	{ "same",   "SAME",   CELL_TEXT,   0 },
	{ "hash",   "HASH",   CELL_TEXT,   COLUMN_FLEX },
};
static const struct column info_columns[] = {
	{ "kind",      "KIND",      CELL_TEXT,   COLUMN_ID },
	{ "documents", "DOCUMENTS", CELL_NUMBER, 0 },
	{ "bytes",     "BYTES",     CELL_NUMBER, 0 },
	{ "oldest",    "OLDEST",    CELL_TIME,   0 },
	{ "newest",    "NEWEST",    CELL_TIME,   0 },
	{ "next_forgotten", "NEXT FORGOTTEN", CELL_TEXT, COLUMN_WIDE },
};
/* clang-format on */

static const struct jv *copy_row(struct cli *c, const char *kind, const struct kind_census *from, const struct kind_census *to)
{
	struct buf b = BUF(ROW_MAX);
	bool is_same = census_is_same(from, to);
	buf_fmt(&b, "{\"kind\":\"%s\",\"source\":%llu,\"target\":%llu,\"same\":%s,\"hash\":\"", kind, (unsigned long long)from->n,
	    (unsigned long long)to->n, is_same ? "true" : "false");
	census_hash(from, &b);
	if (!is_same) {
		buf_add(&b, S("\",\"target_hash\":\""));
		census_hash(to, &b);
	}
	buf_add(&b, S("\"}"));
	return tool_row(c, &b);
}

static void print_copy(struct cli *c, const struct copy *k, const struct copy_result *r)
{
	const struct jv *rows[STORE_KINDS_MAX];
	size_t n = 0;
	for (size_t i = 0; i < k->n_kinds; i++)
		if (r->source.kind[i].n + r->target.kind[i].n > 0)
			rows[n++] = copy_row(c, k->kinds[i].name, &r->source.kind[i], &r->target.kind[i]);
	table_print(c, copy_columns, COUNT(copy_columns), rows, n);
}

static void on_copied(void *ctx, enum copy_phase phase, uint64_t done, uint64_t total)
{
	static const char *const words[] = { [COPY_CHECKING] = "checking", [COPY_COUNTING] = "counting", [COPY_COPYING] = "copying",
		[COPY_VERIFYING] = "verifying" };
	progress_at(ctx, words[phase], done, total);
}

static const bool is_left_out[KINDS] = {
#define ENTITY(name, append_only, fleeting) fleeting,
#include "model/list.h"
#undef ENTITY
};

static int copy_opened(struct cli *c, struct store *from, struct store *to, const struct store_options *o)
{
	struct progress p;
	struct copy_result r;
	struct buf why = BUF(WHY_MAX);
	struct copy k = { .from = from, .to = to, .kinds = o->kinds, .n_kinds = o->n_kinds, .leaves = is_left_out, .overwrites = flag_on(c, "overwrite"),
		.patience = tool_patience(c), .ctx = &p, .told = on_copied };
	progress_init(&p, c);
	enum copy_end end = copy_run(&k, &r, &why);
	progress_end(&p);
	if (end != COPY_REFUSED && end != COPY_FAILED)
		print_copy(c, &k, &r);
	if (end != COPY_SAME)
		say(c, "%.*s", STR_ARG(buf_str(&why)));
	else if (!p.is_quiet)
		fprintf(c->o->err, "%llu documents written, %llu were there already, %llu removed; both sides are the same\n", (unsigned long long)r.written,
		    (unsigned long long)r.same, (unsigned long long)r.removed);
	buf_free(&why);
	return end == COPY_SAME ? EXIT_DONE : EXIT_FAILED;
}

static int copy_located(struct cli *c, struct located *from, struct located *to)
{
	struct store *a = NULL, *b = NULL;
	if (located_is_same(from, to)) {
		say(c, "--from and --to are the same store");
		return EXIT_USAGE;
	}
	int code = located_open(c, from, LOCATE_USE, &a);
	if (code == EXIT_DONE)
		code = located_open(c, to, LOCATE_MAKE, &b);
	if (code == EXIT_DONE)
		code = copy_opened(c, a, b, &from->options);
	store_close(b);
	store_close(a);
	return code;
}

int tool_storage_copy(struct cli *c)
{
	struct located from = { 0 }, to = { 0 };
	struct str from_text = flag_text(c, "from"), to_text = flag_text(c, "to");
	if (from_text.n == 0 || to_text.n == 0) {
		say(c, "storage copy: --from and --to are both needed: tocsin storage copy --from STORE --to STORE");
		return EXIT_USAGE;
	}
	int code = locate(c, from_text, &from);
	if (code == EXIT_DONE)
		code = locate(c, to_text, &to);
	if (code == EXIT_DONE)
		code = copy_located(c, &from, &to);
	located_free(&from);
	located_free(&to);
	return code;
}

/* storage info. Ids that begin with a UUID of version 7 tell when the document was made; others tell nothing. */

struct ages { int64_t oldest_ms, newest_ms; };
struct looking { struct progress p; const struct store_options *o; struct census census; struct ages ages[STORE_KINDS_MAX]; uint64_t n; };

static bool id_time(struct str id, int64_t *ret_ms)
{
	enum { UUID_N = 36, TIME_DIGITS = 12 };
	int64_t ms = 0;
	if (id.n < UUID_N || !uuid_is((struct str){ id.p, UUID_N }) || id.p[14] != '7')
		return false;
	for (size_t i = 0, digits = 0; digits < TIME_DIGITS; i++) {
		char ch = id.p[i];
		if (ch == '-')
			continue;
		ms = ms << 4 | (ch <= '9' ? ch - '0' : (ch | 0x20) - 'a' + 10);
		digits++;
	}
	*ret_ms = ms;
	return true;
}

static enum store_rc look(void *ctx, const struct store_doc *docs, size_t n)
{
	struct looking *l = ctx;
	for (size_t i = 0; i < n; i++) {
		struct ages *a = &l->ages[docs[i].kind];
		int64_t ms;
		census_add(&l->census, l->o->kinds, &docs[i]);
		if (!id_time(docs[i].id, &ms))
			continue;
		a->oldest_ms = a->oldest_ms == 0 || ms < a->oldest_ms ? ms : a->oldest_ms;
		a->newest_ms = ms > a->newest_ms ? ms : a->newest_ms;
	}
	l->n += n;
	progress_at(&l->p, "reading", l->n, 0);
	return STORE_OK;
}

static void add_time(struct buf *b, const char *name, int64_t ms, bool is_there)
{
	buf_fmt(b, ",\"%s\":", name);
	if (is_there) {
		buf_char(b, '"');
		when_write(b, ms);
		buf_char(b, '"');
	} else {
		buf_add(b, S("null"));
	}
}

static const struct jv *info_row(struct cli *c, const char *kind, const struct kind_census *k, const struct ages *a)
{
	struct buf b = BUF(ROW_MAX);
	buf_fmt(&b, "{\"kind\":\"%s\",\"documents\":%llu,\"bytes\":%llu", kind, (unsigned long long)k->n, (unsigned long long)k->bytes);
	add_time(&b, "oldest", a->oldest_ms, a->oldest_ms > 0);
	add_time(&b, "newest", a->newest_ms, a->newest_ms > 0);
	add_time(&b, "next_forgotten", k->least_expire, k->least_expire != STORE_NO_DUE);
	buf_add(&b, S(",\"hash\":\""));
	census_hash(k, &b);
	buf_add(&b, S("\"}"));
	return tool_row(c, &b);
}

static int info_opened(struct cli *c, struct store *s, const struct located *where)
{
	const struct store_options *o = &where->options;
	struct looking *l = NEW(&c->mem, struct looking);
	struct patience patience = tool_patience(c);
	const struct jv *rows[STORE_KINDS_MAX];
	enum store_rc rc = STORE_OK;
	size_t n = 0;
	l->o = o;
	progress_init(&l->p, c);
	census_begin(&l->census);
	for (size_t k = 0; k < o->n_kinds && rc == STORE_OK; k++)
		rc = every_doc(s, (store_kind)k, &patience, look, l);
	progress_end(&l->p);
	if (rc != STORE_OK) {
		say(c, "the store could not be read to its end: %s", store_rc_name(rc));
		return EXIT_FAILED;
	}
	for (size_t k = 0; k < o->n_kinds; k++)
		if (l->census.kind[k].n > 0)
			rows[n++] = info_row(c, o->kinds[k].name, &l->census.kind[k], &l->ages[k]);
	table_print(c, info_columns, COUNT(info_columns), rows, n);
	return EXIT_DONE;
}

int tool_storage_info(struct cli *c)
{
	return located_read(c, info_opened);
}
