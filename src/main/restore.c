/* restore.c - `tocsin restore`: a portable file into a store. The file is read twice, first to its end without writing anything, so that a damaged
 * one costs nothing; afterwards the store is counted and compared with it.
 */
#include "base/when.h"
#include "main/backup.h"
#include "main/progress.h"
#include "main/storage.h"
#include "main/tools.h"
#include "store/idset.h"
#include <errno.h>
#include <string.h>

enum { WHY_MAX = 64 << 10 };

struct restoring {
	struct cli *c;
	struct store *to;
	const struct store_options *o;
	struct patience patience;
	struct progress p;
	uint64_t n, total;
	struct idset ids;                        /* of the file, for what must go */
};

static enum store_rc on_named(void *ctx, const struct store_doc *docs, size_t n)
{
	struct restoring *r = ctx;
	for (size_t i = 0; i < n; i++)
		idset_add(&r->ids, docs[i].kind, docs[i].id);
	r->n += n;
	progress_at(&r->p, "checking", r->n, 0);
	return STORE_OK;
}

static enum store_rc on_restored(void *ctx, const struct store_doc *docs, size_t n)
{
	struct restoring *r = ctx;
	enum store_rc rc = every_import(r->to, docs, n, &r->patience);
	r->n += n;
	progress_at(&r->p, "restoring", r->n, r->total);
	return rc;
}

static enum store_rc on_surplus(void *ctx, const struct store_doc *docs, size_t n)
{
	struct restoring *r = ctx;
	enum store_rc rc = STORE_OK;
	for (size_t i = 0; i < n && rc == STORE_OK; i++)
		if (!idset_has(&r->ids, docs[i].kind, docs[i].id))
			rc = every_remove(r->to, &docs[i], &r->patience);
	return rc;
}

static enum store_rc read_file(struct restoring *r, every_take *take, struct dump_found *ret, struct buf *why)
{
	struct str file = r->c->args.v[0];
	FILE *f = fopen(arena_str(&r->c->mem, file).p, "re");
	if (f == NULL) {
		buf_fmt(why, "%.*s: cannot read it: %s", STR_ARG(file), strerror(errno));
		return STORE_DOWN;
	}
	struct dump_file d = backup_file(f, file, r->o);
	r->n = 0;
	enum store_rc rc = dump_read(&d, take, r, ret, why);
	(void)fclose(f);                                           /* only read */
	progress_end(&r->p);
	return rc;
}

/* The whole file, before anything is written. */
static int check_file(struct restoring *r, struct dump_found *ret)
{
	struct buf why = BUF(WHY_MAX);
	enum store_rc rc = read_file(r, on_named, ret, &why);
	bool is_twice = rc == STORE_OK && idset_has_twice(&r->ids);
	if (rc != STORE_OK)
		say(r->c, "%.*s", STR_ARG(buf_str(&why)));
	if (rc == STORE_CORRUPT)
		hint(r->c, "nothing was written; take an older backup, and find out what damaged this one");
	if (is_twice)
		say(r->c, "%.*s: holds a document twice: it was put together by hand", STR_ARG(r->c->args.v[0]));
	buf_free(&why);
	return rc == STORE_OK && !is_twice ? EXIT_DONE : EXIT_FAILED;
}

static int store_failed(struct restoring *r, enum store_rc rc)
{
	progress_end(&r->p);
	say(r->c, "the store answered \"%s\", and the restore ended early", store_rc_name(rc));
	hint(r->c, "%s, then run it again with --force: what is there already is written over",
	    rc == STORE_FULL ? "make room where the store is, or raise the limit of file sizes (ulimit -f)" : "mend that");
	return EXIT_FAILED;
}

/* Into an empty store, or with --force into one from which everything else goes. */
static int make_empty(struct restoring *r)
{
	bool is_forced = flag_on(r->c, "force");
	enum store_rc rc = STORE_OK;
	for (size_t k = 0; k < r->o->n_kinds && rc == STORE_OK; k++) {
		bool is_empty = true;
		rc = is_forced ? every_doc(r->to, (store_kind)k, &r->patience, on_surplus, r) : every_is_empty(r->to, (store_kind)k, &r->patience, &is_empty);
		if (rc != STORE_OK || is_empty)
			continue;
		say(r->c, "the store is not empty: it holds documents of the kind %s; nothing was restored", r->o->kinds[k].name);
		hint(r->c, "restore into a new store, or give --force: then whatever the backup does not hold is removed from this one");
		return EXIT_FAILED;
	}
	return rc == STORE_OK ? EXIT_DONE : store_failed(r, rc);
}

static void on_counted(void *ctx, uint64_t n)
{
	struct restoring *r = ctx;
	progress_at(&r->p, "verifying", n, r->total);
}

static int verify(struct restoring *r, const struct census *want)
{
	struct census have;
	struct census_told told = { r, on_counted };
	enum store_rc rc = census_take(r->to, r->o->kinds, r->o->n_kinds, &r->patience, &told, &have);
	if (rc != STORE_OK)
		return store_failed(r, rc);
	progress_end(&r->p);
	for (size_t k = 0; k < r->o->n_kinds; k++)
		if (!census_is_same(&have.kind[k], &want->kind[k])) {
			say(r->c, "the store does not hold what the backup does: of the kind %s it has %llu documents, the backup %llu, and their hashes differ",
			    r->o->kinds[k].name, (unsigned long long)have.kind[k].n, (unsigned long long)want->kind[k].n);
			hint(r->c, "see that nobody else writes it, and run it again with --force");
			return EXIT_FAILED;
		}
	return EXIT_DONE;
}

static int fill(struct restoring *r, const struct dump_found *checked)
{
	struct dump_found found;
	struct buf why = BUF(WHY_MAX);
	int code = make_empty(r);
	if (code == EXIT_DONE) {
		r->total = census_total(&checked->census);
		enum store_rc rc = read_file(r, on_restored, &found, &why);
		if (rc != STORE_OK && why.n > 0)
			say(r->c, "%.*s; it changed since it was checked", STR_ARG(buf_str(&why)));
		code = rc == STORE_OK ? verify(r, &checked->census) : store_failed(r, rc);
	}
	buf_free(&why);
	return code;
}

static void report(struct restoring *r, const struct dump_found *f, const char *what)
{
	struct buf when = BUF(64);
	backup_print(r->c, &f->census, r->o);
	when_write(&when, f->made_ms);
	if (!r->p.is_quiet)
		fprintf(r->c->o->err, "%.*s: %s, %llu documents of %s (%s store%s)\n", STR_ARG(r->c->args.v[0]), what,
		    (unsigned long long)census_total(&f->census), when.p, f->backend, f->is_still ? ", one moment" : ", while it was written");
	buf_free(&when);
}

static int restore_checked(struct restoring *r, const struct dump_found *f)
{
	struct located to = { 0 };
	int code = locate_given(r->c, "to", &to);
	if (code == EXIT_DONE)
		code = located_open(r->c, &to, LOCATE_MAKE, &r->to);
	if (code == EXIT_DONE)
		code = fill(r, f);
	store_close(r->to);
	located_free(&to);
	return code;
}

int tool_restore(struct cli *c)
{
	struct store_options o = storage_base_options();
	struct restoring r = { .c = c, .o = &o, .patience = tool_patience(c) };
	struct dump_found found;
	progress_init(&r.p, c);
	bool only_checks = flag_on(c, "verify");
	int code = check_file(&r, &found);
	if (code == EXIT_DONE && !only_checks)
		code = restore_checked(&r, &found);
	if (code == EXIT_DONE)
		report(&r, &found, only_checks ? "whole" : "restored and compared");
	idset_free(&r.ids);
	return code;
}
