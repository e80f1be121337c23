/* migrate.c - `tocsin migrate status`, `up`, `to N` and `verify`: the schema of a store, seen and moved from outside. */
#include "cli/table.h"
#include "main/backup.h"
#include "main/tools.h"

enum { WHY_MAX = 64 << 10, ROW_MAX = 8192 };

/* clang-format off */
static const struct column columns[] = {
	{ "driver", "DRIVER", CELL_TEXT,   COLUMN_ID },
	{ "have",   "HAVE",   CELL_NUMBER, 0 },
	{ "least",  "LEAST",  CELL_NUMBER, 0 },
	{ "newest", "NEWEST", CELL_NUMBER, 0 },
	{ "next",   "WHAT UP WOULD DO", CELL_TEXT, COLUMN_FLEX },
};
/* clang-format on */

static int schema_failed(struct cli *c, const struct located *l, enum store_rc rc, const struct buf *why)
{
	say(c, "%.*s: %s", STR_ARG(l->text), why->n ? why->p : store_rc_name(rc));
	return EXIT_FAILED;
}

static struct str what_up_does(struct cli *c, const struct store_schema *s)
{
	if (s->have == 0)
		return S("nothing: there is no store yet, the server makes it");
	if (s->have > s->newest)
		return s->least > s->newest ? S("nothing: it needs a newer version of tocsin") : S("nothing: a newer version of tocsin has been here");
	return s->have == s->newest ? S("nothing: it is the newest") : arena_fmt(&c->mem, "move it from %d to %d", s->have, s->newest);
}

static void print_status(struct cli *c, const struct located *l, const struct store_schema *s)
{
	struct buf b = BUF(ROW_MAX);
	buf_add(&b, S("{\"driver\":"));
	buf_json(&b, l->driver);
	buf_fmt(&b, ",\"have\":%d,\"least\":%d,\"newest\":%d,\"next\":", s->have, s->least, s->newest);
	buf_json(&b, what_up_does(c, s));
	buf_char(&b, '}');
	const struct jv *row = tool_row(c, &b);
	table_print(c, columns, COUNT(columns), &row, 1);
}

/* Runs what a command does on the store that the line names. */
typedef int on_located(struct cli *c, struct located *l);
static int with_located(struct cli *c, on_located *run)
{
	struct located l = { 0 };
	int code = locate_given(c, "from", &l);
	if (code == EXIT_DONE)
		code = run(c, &l);
	located_free(&l);
	return code;
}

static int status(struct cli *c, struct located *l)
{
	struct store_schema s = { 0 };
	struct buf why = BUF(WHY_MAX);
	enum store_rc rc = store_schema(l->driver, &l->options, &s, &why);
	int code = rc == STORE_OK || rc == STORE_CORRUPT ? EXIT_DONE : schema_failed(c, l, rc, &why);
	if (code == EXIT_DONE)
		print_status(c, l, &s);
	if (rc == STORE_CORRUPT)
		code = schema_failed(c, l, rc, &why);
	buf_free(&why);
	return code;
}

static int verify(struct cli *c, struct located *l)
{
	struct store_schema s = { 0 };
	struct buf why = BUF(WHY_MAX);
	enum store_rc rc = store_schema(l->driver, &l->options, &s, &why);
	int code = EXIT_FAILED;
	if (rc != STORE_OK)
		code = schema_failed(c, l, rc, &why);
	else if (s.have == 0)
		say(c, "there is no store at %.*s yet", STR_ARG(l->text));
	else if (s.least > s.newest)
		say(c, "%.*s: has schema %d, which asks for a program of schema %d at least; this one knows up to %d: use a newer version of tocsin",
		    STR_ARG(l->text), s.have, s.least, s.newest);
	else
		code = EXIT_DONE;
	if (code == EXIT_DONE)
		fprintf(c->o->out, "schema %d, laid out as it says\n", s.have);
	buf_free(&why);
	return code;
}

static int back_up_first(struct cli *c, struct located *l)
{
	struct str file = flag_text(c, "backup");
	struct backup_made made;
	int code = file.n ? backup_make(c, l, file, false, &made) : EXIT_DONE;
	l->options.is_reader = false;
	if (code == EXIT_DONE && file.n)
		fprintf(c->o->err, "%.*s: %llu documents, read back and whole\n", STR_ARG(file), (unsigned long long)census_total(&made.census));
	else if (code != EXIT_DONE)
		say(c, "nothing was moved, because there is no backup");
	return code;
}

static int move(struct cli *c, struct located *l, const struct store_schema *s, int to)
{
	struct buf why = BUF(WHY_MAX);
	enum store_rc rc = store_migrate(l->driver, &l->options, to, &why);
	int code = rc == STORE_OK ? EXIT_DONE : schema_failed(c, l, rc, &why);
	buf_free(&why);
	if (rc == STORE_BUSY)
		hint(c, "stop the server that has it, and run this again");
	if (rc == STORE_INVAL)
		hint(c, "tocsin migrate status says which there are");
	if (code == EXIT_DONE)
		fprintf(c->o->out, s->have == to ? "schema %d: nothing to do\n" : "moved to schema %d\n", to);
	if (code == EXIT_DONE && to < s->newest)
		hint(c, "this version moves it up again when it starts: start the older version next");
	return code;
}

/* to 0: the newest. */
static int move_located(struct cli *c, struct located *l, int64_t to)
{
	struct store_schema s = { 0 };
	struct buf why = BUF(WHY_MAX);
	enum store_rc rc = store_schema(l->driver, &l->options, &s, &why);
	int code = rc == STORE_OK ? EXIT_DONE : schema_failed(c, l, rc, &why);
	buf_free(&why);
	code = rc == STORE_CORRUPT ? EXIT_DONE : code;             /* said; a step makes what belongs to it anew */
	if (code == EXIT_DONE && s.have == 0) {
		say(c, "there is no store at %.*s yet: the server makes one of the newest schema", STR_ARG(l->text));
		code = EXIT_FAILED;
	}
	to = to == 0 ? s.newest : to;
	if (code == EXIT_DONE && to == s.have)
		return move(c, l, &s, (int)to);
	if (code == EXIT_DONE)
		code = back_up_first(c, l);
	return code == EXIT_DONE ? move(c, l, &s, (int)to) : code;
}

static int up(struct cli *c, struct located *l)
{
	return move_located(c, l, 0);
}

static int to_number(struct cli *c, struct located *l)
{
	enum { NUMBER_MAX = 1000 };
	int64_t to = 0;
	if (str_int(c->args.v[0], &to) && to >= 1 && to <= NUMBER_MAX)
		return move_located(c, l, to);
	say(c, "the number of a schema is 1 or more, not `%.*s`", STR_ARG(c->args.v[0]));
	hint(c, "tocsin migrate status says which there are");
	return EXIT_USAGE;
}

int tool_migrate_status(struct cli *c) { return with_located(c, status); }
int tool_migrate_verify(struct cli *c) { return with_located(c, verify); }
int tool_migrate_up(struct cli *c) { return with_located(c, up); }
int tool_migrate_to(struct cli *c) { return with_located(c, to_number); }
