/* export_check.c - what stands where the export belongs, looked at before a server starts: only a file that this store wrote, as it wrote it, and none
 * that tells of incidents its journal has lost, may be replaced. Everything else is somebody's data, and maybe the only copy.
 */
#include "base/json.h"
#include "main/export_file.h"
#include "main/export_text.h"
#include "model/kinds.h"
#include "store/disk.h"
#include <errno.h>
#include <string.h>

/* A changed file of more than this is not taken apart to say what is wrong with it: the tree of a text takes many times its size. */
enum { LOOK_INTO_MAX = 64 << 20 };

PRINTF_LIKE(3, 4) static enum store_rc refuse(const struct export_file *f, struct buf *why, const char *fmt, ...)
{
	va_list ap;
	buf_fmt(why, "%s: ", f->path);
	va_start(ap, fmt);
	buf_vfmt(why, fmt, ap);
	va_end(ap);
	buf_add(why, S("; it was left as it is. Move it away (mv FILE FILE.before) and start again: the journal's incidents are written in its place"));
	return STORE_CORRUPT;
}

/* Versions of these incidents in the journal; 0: it has none of that id. */
struct rows { struct export_row v[STORE_GET_MAX]; uint64_t have[STORE_GET_MAX]; size_t n; };

static enum store_rc look_up(struct store *s, struct rows *r)
{
	struct store_docs docs = { 0 };
	store_kind kind[STORE_GET_MAX];
	struct str id[STORE_GET_MAX];
	for (size_t i = 0; i < r->n; i++) {
		kind[i] = KIND_incident;
		id[i] = r->v[i].id;
	}
	enum store_rc rc = store_get(s, kind, id, r->n, &docs);
	for (size_t i = 0; rc == STORE_OK && i < r->n; i++)
		r->have[i] = docs.v[i].ver;
	store_docs_free(&docs);
	return rc;
}

/* The journal is at least as far as the file says. What it does not have at all may have been resolved and forgotten since, but not all of it. */
struct tally { size_t known, forgotten; struct str lost; };

static void compare(const struct rows *r, struct tally *t)
{
	for (size_t i = 0; i < r->n; i++) {
		bool is_forgotten = r->have[i] == 0 && r->v[i].is_resolved;
		t->known += r->have[i] > 0;
		t->forgotten += is_forgotten;
		if (!is_forgotten && r->have[i] < (uint64_t)r->v[i].version && t->lost.n == 0)
			t->lost = r->v[i].id;
	}
}

static enum store_rc check_against_journal(const struct export_file *f, struct store *s, struct str text, struct buf *why)
{
	struct tally t = { 0 };
	struct rows r;
	do {
		for (r.n = 0; r.n < STORE_GET_MAX && export_text_next(&text, &r.v[r.n]);)
			r.n++;
		enum store_rc rc = r.n ? look_up(s, &r) : STORE_OK;
		if (rc != STORE_OK) {
			buf_fmt(why, "%s: the store does not say whether its incidents are there: %s; try again", f->path, store_rc_name(rc));
			return STORE_DOWN;
		}
		compare(&r, &t);
	} while (r.n == STORE_GET_MAX);
	if (t.lost.n)
		return refuse(f, why, "tells more of incident %.*s than the journal has, as after restoring an old journal", STR_ARG(t.lost));
	if (t.known == 0 && t.forgotten > 0)
		return refuse(f, why, "none of its %zu incidents is in the journal, which is another one than it was written from", t.forgotten);
	return STORE_OK;
}

/* json_parse_own names a byte at the end of its sentence; people look for lines. */
static void say_place(struct str text, struct str said, struct buf *b)
{
	static const char before[] = " at byte ";
	int64_t at = 0;
	size_t head = said.n;
	while (head > 0 && !str_starts(str_skip(said, head), str_c(before)))
		head--;
	if (head == 0 || !str_int(str_skip(said, head + sizeof before - 1), &at) || at < 0 || (uint64_t)at > text.n) {
		buf_add(b, said);
		return;
	}
	size_t line = 1, start = 0;
	for (size_t i = 0; i < (size_t)at; i++)
		if (text.p[i] == '\n') {
			line++;
			start = i + 1;
		}
	buf_fmt(b, "line %zu, column %zu: %.*s", line, (size_t)at - start + 1, (int)head, said.p);
}

static enum store_rc refuse_broken(const struct export_file *f, struct str text, struct str said, struct buf *why)
{
	struct buf place = BUF(4096);
	say_place(text, said, &place);
	enum store_rc rc = refuse(f, why, "%.*s: this is not the JSON that was written here", STR_ARG(buf_str(&place)));
	buf_free(&place);
	return rc;
}

/* The first element that is no incident of this journal, by its place from 1; 0: none. */
static size_t find_stranger(const struct jv *array, struct store *s, struct str *ret_id)
{
	size_t n = 1;
	for (const struct jv *k = array->kid; k; k = k->next, n++) {
		struct rows r = { .v = { { .id = json_text(k, S("id")) } }, .n = 1 };
		bool may_be = r.v[0].id.n > 0 && r.v[0].id.n <= STORE_ID_MAX;
		*ret_id = r.v[0].id;
		if (!may_be || look_up(s, &r) != STORE_OK || r.have[0] == 0)
			return n;
	}
	return 0;
}

static enum store_rc refuse_tree(const struct export_file *f, struct store *s, const struct jv *j, struct buf *why)
{
	struct str id = S("");
	size_t n = j->t == J_ARR ? find_stranger(j, s, &id) : 0;
	if (j->t != J_ARR)
		return refuse(f, why, "is a JSON %s and not an array of incidents", json_type_name(j->t));
	if (n > 0 && id.n == 0)
		return refuse(f, why, "element %zu of the array is no incident: it has no id", n);
	if (n > 0)
		return refuse(f, why, "incident %.*s, number %zu in it, is not in the journal: this is another system's file, or another journal's", STR_ARG(id), n);
	return refuse(f, why, "was changed since it was written");
}

/* A file that is not ours: says what it is. */
static enum store_rc refuse_foreign(const struct export_file *f, struct store *s, struct str text, struct buf *why)
{
	struct arena a = ARENA(SIZE_MAX);
	struct str said = S("");
	if (text.n > LOOK_INTO_MAX)
		return refuse(f, why, "was not written by this store, or was changed since");
	const struct jv *j = json_parse_own(&a, text, &said);
	enum store_rc rc = j ? refuse_tree(f, s, j, why) : refuse_broken(f, text, said, why);
	arena_free(&a);
	return rc;
}

static enum store_rc check_text(struct export_file *f, struct store *s, struct str text, struct buf *why)
{
	sha256(text, f->sum);
	if (!export_sums_have(f, f->sum))
		return refuse_foreign(f, s, text, why);
	enum store_rc rc = check_against_journal(f, s, text, why);
	f->is_there = rc == STORE_OK;
	return rc;
}

enum store_rc export_file_check(struct export_file *f, struct store *s, struct buf *why)
{
	struct buf text = BUF(SIZE_MAX / 2);
	if (lstat(f->path, &f->seen) != 0) {
		if (errno == ENOENT)
			return STORE_OK;
		buf_fmt(why, "%s: %s; correct storage.export", f->path, strerror(errno));
		return STORE_DOWN;
	}
	if (!S_ISREG(f->seen.st_mode))
		return refuse(f, why, "is not a regular file");
	int err = disk_read(f->path, &text);
	enum store_rc rc = STORE_DOWN;
	if (err)
		buf_fmt(why, "%s: cannot be read: %s; let the server's user read it, or move it away", f->path, strerror(err));
	else
		rc = check_text(f, s, buf_str(&text), why);
	buf_free(&text);
	return rc;
}
