/* backup.c - `tocsin backup`: a store into one portable file (store/dump.h).
 *
 * A backup needs no server and asks none: SQLite and JSON stores are opened for reading beside it (store_options.is_reader), the others are
 * shared anyway. So whoever may read the store's files may back them up, and nothing new listens on the network.
 */
#include "main/backup.h"
#include "base/when.h"
#include "cli/table.h"
#include "main/gather.h"
#include "main/progress.h"
#include "main/tools.h"
#include "store/disk.h"
#include "store/dump.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

void backup_print(struct cli *c, const struct census *census, const struct store_options *o)
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

struct dump_file backup_file(FILE *from, struct str name, const struct store_options *o)
{
	return (struct dump_file){ .from = from, .name = name, .kinds = o->kinds, .n_kinds = o->n_kinds };
}

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

static const char *cure(int err)
{
	static const struct { int err; const char *cure; } known[] = {
		{ ENOSPC, "make room on its disk, or name a file elsewhere" },
		{ EDQUOT, "make room in this user's quota, or name a file elsewhere" },
		{ EFBIG, "raise the limit of file sizes (ulimit -f), or name a file on a disk that takes larger ones" },
	};
	for (size_t i = 0; i < COUNT(known); i++)
		if (known[i].err == err)
			return known[i].cure;
	return "check the directory and who may write there";
}

static int cannot(struct cli *c, struct str file, const char *what, int err)
{
	say(c, "%.*s: cannot %s: %s", STR_ARG(file), what, strerror(err));
	hint(c, "%s", cure(err));
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
	struct dump_file d = backup_file(f, file, o);
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

/* Under a name that nobody has: what stands there under any other, link or file, is not ours. mkostemp lets only its owner read it. */
static int make_file(struct cli *c, struct store *s, const struct store_options *o, char *tmp, struct str file, bool replaces,
    struct backup_made *ret)
{
	struct making *m = NEW(&c->mem, struct making);
	int fd = mkostemp(tmp, O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	if (f == NULL)
		return cannot(c, file, "begin it", errno);
	progress_init(&m->p, c);
	int code = write_store(c, s, o, f, file, m);
	if (fclose(f) != 0 && code == EXIT_DONE)
		code = cannot(c, file, "write it", errno);
	code = code == EXIT_DONE ? read_back(c, tmp, file, o, m, ret) : code;
	code = code == EXIT_DONE ? give_name(c, tmp, file, replaces) : code;
	(void)unlink(tmp);                                         /* renamed, linked, or of no use */
	return code;
}

/* What is no file of ours to replace stays, whatever is asked: a rename would put a file in the place of /dev/null. */
static bool is_taken(struct cli *c, struct str file, bool replaces)
{
	struct stat st;
	char *path = xstrndup(file);
	bool is_there = stat(path, &st) == 0, is_other = is_there && !S_ISREG(st.st_mode);
	free(path);
	if (is_other)
		say(c, "%.*s is no regular file: a backup is written beside its name and then given it", STR_ARG(file));
	else if (is_there && !replaces)
		say(c, "%.*s is there already", STR_ARG(file));
	if (is_there && (is_other || !replaces))
		hint(c, is_other ? "name a file" : "name another file, or give --force to replace it");
	return is_there && (is_other || !replaces);
}

int backup_make(struct cli *c, struct located *from, struct str file, bool replaces, struct backup_made *ret)
{
	struct store *s = NULL;
	if (is_taken(c, file, replaces))
		return EXIT_FAILED;
	int code = located_open(c, from, LOCATE_READ, &s);
	if (code != EXIT_DONE)
		return code;
	char *tmp = xstrndup(arena_fmt(&c->mem, "%.*s.XXXXXX", STR_ARG(file)));
	code = make_file(c, s, &from->options, tmp, file, replaces, ret);
	free(tmp);
	store_close(s);
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
		backup_print(c, &made.census, &from.options);
		if (!flag_on(c, "quiet"))
			fprintf(c->o->err, "%.*s: %llu documents, %lld bytes, read back and whole\n", STR_ARG(c->args.v[0]),
			    (unsigned long long)census_total(&made.census), (long long)made.bytes);
	}
	located_free(&from);
	return code;
}
