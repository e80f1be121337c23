/* journal.c - reads the json backend's files back without believing them. journal_write.c has their form; exactly that is read, so the reader
 * is a few dozen lines and refuses everything else.
 *
 * What a crash can leave, and nothing else, is taken for a torn tail. Lines are written into space that reads as zeros, so it leaves:
 *   - the beginning of a line, and then zeros or the end of the file;
 *   - a hole. The lines of one group are flushed together, so before the flush returns a later block may be on disk and an earlier one
 *     not. The earlier one reads as zeros (the space was reserved, and no line has a zero byte in it), and all that is
 *     valid behind it belongs to that same last group, of which nobody was told anything.
 * Any other damage means that something that was promised is lost: the file is refused, and people must look.
 */
#include "store/journal.h"
#include "base/digest.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The JSON text of the line at `at`, and where the next line begins. The frame is written anew and compared, so that no second
 * spelling of the same line is accepted. */
static bool line_at(struct str all, size_t at, struct str *ret_json, size_t *ret_next)
{
	struct str rest = str_skip(all, at), digits, after;
	int64_t n = 0;
	if (rest.n < 12 || rest.p[8] != ' ')
		return false;
	struct str length = { rest.p + 9, rest.n - 9 < 12 ? rest.n - 9 : 12 };
	if (!str_cut(length, ' ', &digits, &after) || !str_int(digits, &n) || n < 2)
		return false;
	size_t lead = 9 + digits.n + 1;
	if ((uint64_t)n >= rest.n - lead || rest.p[lead + (size_t)n] != '\n' || memcmp(rest.p + lead, "{\"", 2) != 0)
		return false;
	struct str json = { rest.p + lead, (size_t)n };
	struct buf want = BUF(64);
	buf_fmt(&want, "%08x %lld ", crc32c(0, json.p, json.n), (long long)n);
	bool is_good = str_eq(buf_str(&want), (struct str){ rest.p, lead });
	buf_free(&want);
	*ret_json = json;
	*ret_next = at + lead + json.n + 1;
	return is_good;
}

/* A cursor in the JSON text of one line. The first thing that is not as written sets bad, and it stays. */
struct scan { struct str left; bool bad; struct arena *mem; const struct journal_file *file; };

static bool next_is(struct scan *s, struct str word)
{
	if (s->bad || !str_starts(s->left, word))
		return false;
	s->left = str_skip(s->left, word.n);
	return true;
}

static void expect(struct scan *s, struct str word)
{
	if (!next_is(s, word))
		s->bad = true;
}

static int64_t read_int(struct scan *s)
{
	size_t n = 0;
	int64_t v = 0;
	while (n < s->left.n && n < 21 && (s->left.p[n] == '-' || (s->left.p[n] >= '0' && s->left.p[n] <= '9')))
		n++;
	if (!str_int((struct str){ s->left.p, n }, &v))
		s->bad = true;
	s->left = str_skip(s->left, n);
	return v;
}

static int64_t read_time(struct scan *s)
{
	return next_is(s, S("null")) ? STORE_NO_DUE : read_int(s);
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_byte(struct str two, uint8_t *ret)
{
	int hi = two.n >= 2 ? hex_value(two.p[0]) : -1, lo = two.n >= 2 ? hex_value(two.p[1]) : -1;
	if (hi < 0 || lo < 0)
		return false;
	*ret = (uint8_t)(hi << 4 | lo);
	return true;
}

static struct store_token read_token(struct scan *s)
{
	struct store_token t = { { 0 } };
	for (size_t i = 0; i < sizeof t.b && !s->bad; i++) {
		s->bad = !read_byte(s->left, &t.b[i]);
		s->left = str_skip(s->left, 2);
	}
	return t;
}

/* One escape behind its backslash, as buf_json writes it; the bytes it takes, 0: none of ours. */
static size_t unescape(struct str s, char *ret)
{
	static const char from[] = "\"\\nrtbf", to[] = "\"\\\n\r\t\b\f";
	const char *at = s.n > 0 && s.p[0] ? strchr(from, s.p[0]) : NULL;
	uint8_t byte = 0;
	if (at) {
		*ret = to[at - from];
		return 1;
	}
	if (s.n < 5 || memcmp(s.p, "u00", 3) != 0 || !read_byte(str_skip(s, 3), &byte))
		return 0;
	*ret = (char)byte;
	return 5;
}

/* The text up to the closing quote, which is left standing. */
static struct str read_quoted(struct scan *s)
{
	const char *close = s->left.n ? memchr(s->left.p, '"', s->left.n) : NULL;
	while (close && close > s->left.p && close[-1] == '\\') {
		size_t slashes = 1;
		while (close - slashes > s->left.p && close[-1 - (ptrdiff_t)slashes] == '\\')
			slashes++;
		if (slashes % 2 == 0)
			break;
		size_t behind = (size_t)(s->left.p + s->left.n - close) - 1;
		close = behind ? memchr(close + 1, '"', behind) : NULL;
	}
	if (close == NULL) {
		s->bad = true;
		return (struct str){ 0 };
	}
	struct str raw = { s->left.p, (size_t)(close - s->left.p) };
	s->left = str_skip(s->left, raw.n);
	return raw;
}

static struct str plain(struct scan *s, struct str raw)
{
	if (raw.n == 0 || memchr(raw.p, '\\', raw.n) == NULL)
		return raw;
	char *to = arena_need(s->mem, raw.n, 1);
	size_t n = 0;
	while (raw.n > 0) {
		size_t took = 1;
		if (raw.p[0] == '\\') {
			took = unescape(str_skip(raw, 1), &to[n]);
			s->bad |= took == 0;
			took++;
		} else {
			to[n] = raw.p[0];
		}
		n++;
		raw = str_skip(raw, took);
	}
	return (struct str){ to, n };
}

static struct str read_text(struct scan *s)
{
	struct str text = { 0 };
	if (next_is(s, S("{\"base64\":\""))) {
		struct str raw = read_quoted(s);
		if (base64_read(s->mem, raw, &text) != 0)
			s->bad = true;
		expect(s, S("\"}"));
		return text;
	}
	expect(s, S("\""));
	text = plain(s, read_quoted(s));
	expect(s, S("\""));
	return text;
}

static store_kind read_kind(struct scan *s)
{
	struct str name = read_quoted(s);
	for (size_t i = 0; i < s->file->n_kinds; i++)
		if (str_eq(name, str_c(s->file->kinds[i].name)))
			return (store_kind)i;
	s->bad = true;
	return 0;
}

static void read_name(struct scan *s, struct store_doc *d)
{
	expect(s, S("{\"kind\":\""));
	d->kind = read_kind(s);
	expect(s, S("\",\"id\":"));
	d->id = read_text(s);
	s->bad |= d->id.n == 0 || d->id.n > STORE_ID_MAX;
}

static void read_doc(struct scan *s, struct store_doc *d)
{
	read_name(s, d);
	expect(s, S(",\"ver\":"));
	int64_t ver = read_int(s);
	s->bad |= ver < 1;
	d->ver = (uint64_t)ver;
	expect(s, S(",\"due\":"));
	d->due = read_time(s);
	expect(s, S(",\"expire\":"));
	d->expire = read_time(s);
	for (size_t i = 0; i < STORE_IDX; i++) {
		expect(s, i ? S(",") : S(",\"idx\":["));
		d->idx[i] = read_text(s);
		s->bad |= d->idx[i].n > STORE_KEY_MAX;
	}
	expect(s, S("],\"body\":"));
	d->body = read_text(s);
	s->bad |= d->body.n > STORE_BODY_MAX;
	expect(s, S("}"));
}

/* A line, understood. */
struct record {
	int64_t group, at;
	struct store_doc put[STORE_WRITES_MAX], gone[STORE_WRITES_MAX];
	size_t n_put, n_gone;
	bool is_import;                  /* its version need not follow */
};

static bool more(struct scan *s, size_t n)
{
	if (next_is(s, S("]")))
		return false;
	if (n > 0)
		expect(s, S(","));
	s->bad |= n >= STORE_WRITES_MAX;
	return !s->bad;
}

static bool read_record(struct scan *s, struct record *r)
{
	r->n_put = r->n_gone = 0;
	expect(s, S("{\"group\":"));
	r->group = read_int(s);
	expect(s, S(",\"at\":"));
	r->at = read_int(s);
	expect(s, S(",\"token\":\""));
	struct store_token token = read_token(s);
	expect(s, S("\",\"put\":["));
	for (; more(s, r->n_put); r->n_put++) {
		r->put[r->n_put] = (struct store_doc){ .token = token };
		read_doc(s, &r->put[r->n_put]);
	}
	expect(s, S(",\"gone\":["));
	for (; more(s, r->n_gone); r->n_gone++) {
		r->gone[r->n_gone] = (struct store_doc){ 0 };
		read_name(s, &r->gone[r->n_gone]);
		expect(s, S("}"));
	}
	r->is_import = next_is(s, S(",\"import\":true"));
	s->bad |= r->is_import && (s->file->is_snapshot || r->n_put != 1 || r->n_gone != 0);
	expect(s, S("}"));
	return !s->bad && s->left.n == 0;
}

/* Versions must follow on those before: a line that is missing or doubled shows here even if every checksum is right. Imports bring their own. */
static bool fits(const struct ram *r, const struct record *rec, bool is_snapshot)
{
	for (size_t i = 0; i < rec->n_put; i++) {
		uint64_t before = ram_ver(r, rec->put[i].kind, rec->put[i].id);
		if (is_snapshot ? before != 0 : !rec->is_import && before + 1 != rec->put[i].ver)
			return false;
	}
	for (size_t i = 0; i < rec->n_gone; i++)
		if (ram_ver(r, rec->gone[i].kind, rec->gone[i].id) == 0)
			return false;
	return true;
}

static void replay(struct ram *r, const struct record *rec)
{
	for (size_t i = 0; i < rec->n_put; i++)
		ram_set(r, &rec->put[i]);
	for (size_t i = 0; i < rec->n_gone; i++)
		ram_drop(r, rec->gone[i].kind, rec->gone[i].id);
}

static enum store_rc refuse(const struct journal_file *f, size_t at, const char *what, struct buf *why)
{
	buf_fmt(why, "%.*s: byte %zu: %s; nothing was changed: restore the directory from a backup, or have somebody look at "
	    "that line", STR_ARG(f->name), at, what);
	return STORE_CORRUPT;
}

static bool read_head(struct str json, struct journal_head *h)
{
	struct scan s = { .left = json };
	expect(&s, S("{\"tocsin\":\""));
	h->is_snapshot = next_is(&s, S("snapshot"));
	if (!h->is_snapshot)
		expect(&s, S("journal"));
	expect(&s, S("\",\"schema\":"));
	h->schema = read_int(&s);
	if (!s.bad && h->schema > JOURNAL_SCHEMA)
		return true;                                       /* what follows is for the newer version to read */
	expect(&s, S(",\"gen\":"));
	h->gen = read_int(&s);
	expect(&s, S(",\"group\":"));
	h->group = read_int(&s);
	expect(&s, S(",\"at\":"));
	h->at = read_int(&s);
	expect(&s, S("}"));
	return !s.bad && s.left.n == 0;
}

bool journal_read_head(struct str bytes, struct journal_head *ret)
{
	struct str json;
	size_t next;
	return line_at(bytes, 0, &json, &next) && read_head(json, ret);
}

static enum store_rc load_head(const struct journal_file *f, struct journal_end *ret, struct buf *why)
{
	struct str json;
	struct journal_head h = { 0 };
	if (!line_at(f->bytes, 0, &json, &ret->end) || !read_head(json, &h) || h.is_snapshot != f->is_snapshot || h.schema < 1)
		return refuse(f, 0, "the first line is not the head of such a file", why);
	if (h.schema > JOURNAL_SCHEMA) {
		buf_fmt(why, "%.*s: written by a newer version of tocsin (schema %lld, this one knows %d); start that version",
		    STR_ARG(f->name), (long long)h.schema, JOURNAL_SCHEMA);
		return STORE_FENCED;
	}
	*ret = (struct journal_end){ .end = ret->end, .schema = h.schema, .gen = h.gen, .group = h.group, .at = h.at };
	return STORE_OK;
}

static bool is_zeros(struct str s)
{
	return s.n == 0 || (s.p[0] == 0 && memcmp(s.p, s.p + 1, s.n - 1) == 0);
}

/* The group of a valid line, or -1 for one that has none. */
static int64_t group_of(struct str json)
{
	struct scan s = { .left = json };
	expect(&s, S("{\"group\":"));
	int64_t group = read_int(&s);
	return s.bad ? -1 : group;
}

/* Whether a bad line only begins, and then there are zeros or nothing. One that has its end has all it ever had, and was changed
 * later; so was one where another byte stands in place of its end. */
static bool only_begins(struct str tail)
{
	const char *zero = memchr(tail.p, 0, tail.n);
	struct buf text = BUF(SIZE_MAX / 2);
	struct str json;
	size_t next = 0;
	buf_add(&text, (struct str){ tail.p, zero ? (size_t)(zero - tail.p) : tail.n });
	bool begins = text.n == 0 || memchr(text.p, '\n', text.n) == NULL;
	if (begins && text.n > 0) {
		text.p[text.n - 1] = '\n';
		begins = !line_at(buf_str(&text), 0, &json, &next);
	}
	buf_free(&text);
	return begins;
}

/* Disks write sectors whole: in one that reached the disk nothing follows a zero. */
static bool has_text_behind_zero(struct str all, size_t from)
{
	enum { SECTOR = 512 };
	for (size_t i = from; i + 1 < all.n; i++)
		if (all.p[i] == 0 && all.p[i + 1] != 0 && (i + 1) % SECTOR != 0)
			return true;
	return false;
}

/* Whether all that is behind a bad line may be left out; see the top of this file. */
static bool may_drop(struct str all, const struct journal_end *e)
{
	if (!only_begins(str_skip(all, e->end)) || has_text_behind_zero(all, e->end))
		return false;
	int64_t group = -1;
	size_t next = 0;
	struct str json;
	for (size_t at = e->end + 1; at + 12 < all.n; at = next) {
		next = at + 1;
		if (all.p[at + 8] != ' ' || hex_value(all.p[at]) < 0 || !line_at(all, at, &json, &next)) {
			next = at + 1;
			continue;
		}
		bool has_hole = group >= 0 || memchr(all.p + e->end, 0, at - e->end) != NULL;
		int64_t its = group_of(json);
		if (!has_hole || its < e->group || its > e->group + 1 || (group >= 0 && its != group))
			return false;
		group = its;
	}
	return true;
}

static enum store_rc load_tail(const struct journal_file *f, struct journal_end *e, struct buf *why)
{
	if (is_zeros(str_skip(f->bytes, e->end)))
		return STORE_OK;
	if (!may_drop(f->bytes, e))
		return refuse(f, e->end, "the line that begins here is damaged, and that is not what a crash leaves", why);
	e->is_torn = true;
	return STORE_OK;
}

static enum store_rc load_line(const struct journal_file *f, struct str json, struct ram *r, struct journal_end *e,
    struct record *rec, struct arena *mem, struct buf *why)
{
	struct scan s = { .left = json, .mem = mem, .file = f };
	arena_reset(mem);
	if (!read_record(&s, rec) || (rec->is_import && e->schema < JOURNAL_IMPORTS))
		return refuse(f, e->end, "the checksum is right, but this line is not what this version writes", why);
	if (!fits(r, rec, f->is_snapshot))
		return refuse(f, e->end, "this line does not follow on the lines before it", why);
	if (!f->is_snapshot && (rec->group < e->group || rec->group > e->group + 1))
		return refuse(f, e->end, "lines are missing before this one", why);
	replay(r, rec);
	if (!f->is_snapshot)
		e->group = rec->group;
	if (rec->at > e->at)
		e->at = rec->at;
	return STORE_OK;
}

/* A snapshot is whole when its last line says how many documents it has, and nothing follows. */
static enum store_rc load_end(const struct journal_file *f, struct str json, const struct ram *r, size_t next, struct buf *why)
{
	struct scan s = { .left = json };
	expect(&s, S("{\"end\":"));
	int64_t count = read_int(&s);
	expect(&s, S("}"));
	if (s.bad || s.left.n > 0 || count < 0 || (uint64_t)count != ram_count(r) || next != f->bytes.n)
		return refuse(f, next, "the snapshot does not end as it should", why);
	return STORE_OK;
}

enum store_rc journal_load(const struct journal_file *f, struct ram *r, struct journal_end *ret, struct buf *why)
{
	struct arena mem = ARENA(SIZE_MAX);
	struct record *rec = xmalloc(sizeof *rec);
	struct journal_end e = { 0 };
	struct str json;
	size_t next = 0;
	bool has_end = false;
	enum store_rc rc = load_head(f, &e, why);
	while (rc == STORE_OK && !has_end && line_at(f->bytes, e.end, &json, &next)) {
		has_end = f->is_snapshot && str_starts(json, S("{\"end\":"));
		rc = has_end ? load_end(f, json, r, next, why) : load_line(f, json, r, &e, rec, &mem, why);
		if (rc == STORE_OK)
			e.end = next;
	}
	if (rc == STORE_OK && f->is_snapshot && !has_end)
		rc = refuse(f, e.end, "the snapshot is damaged or cut off", why);
	if (rc == STORE_OK && !f->is_snapshot)
		rc = load_tail(f, &e, why);
	free(rec);
	arena_free(&mem);
	if (rc == STORE_OK)
		*ret = e;
	return rc;
}
