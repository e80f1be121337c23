/* backup.c - `tocsin backup` and `tocsin restore`.
 *
 * A backup needs no server and asks none: SQLite and JSON stores are opened for reading beside it (store_options.is_reader), the others are
 * shared anyway. So whoever may read the store's files may back them up, and nothing new listens on the network.
 */
#include "main/backup.h"
#include "base/when.h"
#include "cli/table.h"
#include "main/gather.h"
#include "main/progress.h"
#include "main/storage.h"
#include "main/tools.h"
#include "store/disk.h"
#include "store/dump.h"
#include "store/idset.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WHY_MAX = 64 << 10, ROW_MAX = 4096 };

/* clang-format off */
static const struct column columns[] = {
	{ "kind",      "KIND",      CELL_TEXT,   COLUMN_ID },
	{ "documents", "DOCUMENTS", CELL_NUMBER, 0 },
	{ "bytes",     "BYTES",     CELL_NUMBER, 0 },
	{ "hash",      "HASH",      CELL_TEXT,   COLUMN_FLEX },
};
/* clang-format on */

static void print_census(struct cli *c, const struct census *census, const struct store_options *o)
{
	const struct jv *rows[STORE_KINDS_MAX];
	size_t n = 0;
	for (size_t i = 0; i < o->n_kinds; i++) {
		const struct kind_census *k = &census->kind[i];
		struct buf b = BUF(ROW_MAX);
		if (k->n == 0)
			continue;
		buf_fmt(&b, "{\"kind\":\"%s\",\"documents\":%llu,\"bytes\":%llu,\"hash\":\"", o->kinds[i].name, (unsigned long long)k->n,
		    (unsigned long long)k->bytes);
		census_hash(k, &b);
		buf_add(&b, S("\"}"));
		rows[n++] = tool_row(c, &b);
	}
	table_print(c, columns, COUNT(columns), rows, n);
}

static struct dump_file file_of(FILE *from, struct str name, const struct store_options *o)
{
	return (struct dump_file){ .from = from, .name = name, .kinds = o->kinds, .n_kinds = o->n_kinds };
}

/* Making one. */

struct making { struct dump_writer w; struct progress p; uint64_t n; };

static enum store_rc on_docs(void *ctx, const struct store_doc *docs, size_t n)
{
	struct making *m = ctx;
	for (size_t i = 0; i < n; i++)
		dump_doc(&m->w, &docs[i]);
	m->n += n;
	progress_at(&m->p, "writing", m->n, 0);
	return ferror(m->w.to) ? STORE_FULL : STORE_OK;
}

static int cannot(struct cli *c, struct str file, const char *what, int err)
{
	say(c, "%.*s: cannot %s: %s", STR_ARG(file), what, strerror(err));
	hint(c, err == ENOSPC ? "make room on its disk, or name a file elsewhere" : "check the directory and who may write there");
	return EXIT_FAILED;
}

static int write_store(struct cli *c, struct store *s, const struct store_options *o, FILE *to, struct str file, struct making *m)
{
	struct store_info info = { 0 };
	struct patience patience = tool_patience(c);
	int64_t now = 0, err_ms = 0;
	store_info(s, &info);
	enum store_rc rc = store_now(s, &now, &err_ms);
	dump_begin(&m->w, to, o->kinds, o->n_kinds, &(struct dump_head){ now, str_c(info.backend), info.is_still });
	if (rc == STORE_OK)
		rc = gather(s, &patience, on_docs, m);
	int err = dump_end(&m->w);
	if (err == 0 && fsync(fileno(to)) != 0)
		err = errno;
	progress_end(&m->p);
	if (err)
		return cannot(c, file, "write it", err);
	if (rc == STORE_OK)
		return EXIT_DONE;
	say(c, "the store could not be read to its end: %s", store_rc_name(rc));
	hint(c, rc == STORE_CORRUPT ? "tocsin fsck says what is damaged" : "try again; nothing was replaced");
	return EXIT_FAILED;
}

/* What was written, read back from the file. */
static int read_back(struct cli *c, const char *path, struct str file, const struct store_options *o, const struct making *m, struct backup_made *ret)
{
	struct dump_found found;
	struct buf why = BUF(WHY_MAX);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return cannot(c, file, "read it back", errno);
	struct dump_file d = file_of(f, file, o);
	enum store_rc rc = dump_read(&d, NULL, NULL, &found, &why);
	(void)fclose(f);                                           /* only read */
	bool is_same = rc == STORE_OK;
	for (size_t k = 0; k < o->n_kinds && is_same; k++)
		is_same = census_is_same(&found.census.kind[k], &m->w.census.kind[k]);
	if (!is_same)
		say(c, "what was read back is not what was written: %.*s", STR_ARG(why.n ? buf_str(&why) : S("other documents")));
	if (!is_same)
		hint(c, "check the disk, or name a file elsewhere");
	buf_free(&why);
	*ret = (struct backup_made){ found.census, found.bytes };
	return is_same ? EXIT_DONE : EXIT_FAILED;
}

static int give_name(struct cli *c, const char *tmp, struct str file, bool replaces)
{
	char *path = xstrndup(file), *directory = disk_parent(file);
	int err = 0;
	/* link refuses where rename would replace what appeared meanwhile */
	if ((replaces ? rename(tmp, path) : link(tmp, path)) != 0)
		err = errno;
	if (err == 0)
		err = disk_sync_directory(directory);
	free(path);
	free(directory);
	if (err == EEXIST) {
		say(c, "%.*s is there already", STR_ARG(file));
		hint(c, "name another file, or give --force to replace it");
		return EXIT_FAILED;
	}
	return err ? cannot(c, file, "give it its name", err) : EXIT_DONE;
}

static int make_tmp(struct cli *c, struct store *s, const struct store_options *o, const char *tmp, struct str file, struct backup_made *ret)
{
	struct making *m = NEW(&c->mem, struct making);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	if (f == NULL)
		return cannot(c, file, "begin it", errno);
	progress_init(&m->p, c);
	int code = write_store(c, s, o, f, file, m);
	if (fclose(f) != 0 && code == EXIT_DONE)
		code = cannot(c, file, "write it", errno);
	return code == EXIT_DONE ? read_back(c, tmp, file, o, m, ret) : code;
}

static bool is_taken(struct cli *c, struct str file, bool replaces)
{
	char *path = xstrndup(file);
	bool is_there = !replaces && access(path, F_OK) == 0;
	free(path);
	if (is_there) {
		say(c, "%.*s is there already", STR_ARG(file));
		hint(c, "name another file, or give --force to replace it");
	}
	return is_there;
}

int backup_make(struct cli *c, struct located *from, struct str file, bool replaces, struct backup_made *ret)
{
	struct store *s = NULL;
	const char *tmp = arena_fmt(&c->mem, "%.*s.tmp", STR_ARG(file)).p;
	if (is_taken(c, file, replaces))
		return EXIT_FAILED;
	int code = located_open(c, from, LOCATE_READ, &s);
	if (code != EXIT_DONE)
		return code;
	code = make_tmp(c, s, &from->options, tmp, file, ret);
	store_close(s);
	if (code == EXIT_DONE)
		code = give_name(c, tmp, file, replaces);
	(void)unlink(tmp);                                         /* renamed, linked, or of no use */
	return code;
}

int tool_backup(struct cli *c)
{
	struct located from = { 0 };
	struct backup_made made;
	int code = locate_given(c, "from", &from);
	if (code == EXIT_DONE)
		code = backup_make(c, &from, c->args.v[0], flag_on(c, "force"), &made);
	if (code == EXIT_DONE) {
		print_census(c, &made.census, &from.options);
		if (!flag_on(c, "quiet"))
			fprintf(c->o->err, "%.*s: %llu documents, %lld bytes, read back and whole\n", STR_ARG(c->args.v[0]),
			    (unsigned long long)census_total(&made.census), (long long)made.bytes);
	}
	located_free(&from);
	return code;
}

/* Restoring one. */

struct restoring {
	struct cli *c;
	struct store *to;
	const struct store_options *o;
	struct patience patience;
	struct progress p;
	uint64_t n, total, removed;
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
		if (!idset_has(&r->ids, docs[i].kind, docs[i].id)) {
			rc = every_remove(r->to, &docs[i], &r->patience);
			r->removed++;
		}
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
	struct dump_file d = file_of(f, file, r->o);
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
	hint(r->c, "mend that, then run it again with --force: what is there already is written over");
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
	print_census(r->c, &f->census, r->o);
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
