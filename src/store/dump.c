/* dump.c - see dump.h. The reader takes the form that the writer writes and refuses everything else. */
#include "store/dump.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/when.h"
#include <assert.h>
#include <errno.h>
#include <string.h>

/* A body of 256 KiB may be six times as long in JSON, and its keys and id come on top. */
enum { LINE_BYTES_MAX = 4 << 20, TREE_BYTES_MAX = 32 << 20, GROUP_BYTES_MAX = 4 << 20 };

static void put_line(struct dump_writer *w, struct buf *json)
{
	assert(json->err == 0);
	fprintf(w->to, "%08x %zu ", crc32c(0, json->p, json->n), json->n);
	(void)fwrite(json->p, 1, json->n, w->to);                  /* errors stick to the stream; dump_end asks */
	fputc('\n', w->to);
	buf_free(json);
}

static void add_time(struct buf *b, const char *name, int64_t t)
{
	buf_fmt(b, ",\"%s\":", name);
	if (t == STORE_NO_DUE)
		buf_add(b, S("null"));
	else
		buf_int(b, t);
}

void dump_begin(struct dump_writer *w, FILE *to, const struct store_kind_def *kinds, size_t n_kinds, const struct dump_head *h)
{
	struct buf b = BUF(LINE_BYTES_MAX);
	*w = (struct dump_writer){ .to = to, .kinds = kinds, .n_kinds = n_kinds };
	census_begin(&w->census);
	buf_fmt(&b, "{\"tocsin_backup\":%d,\"made_at\":\"", DUMP_FORMAT);
	when_write(&b, h->made_ms);
	buf_add(&b, S("\",\"backend\":"));
	buf_json(&b, h->backend);
	buf_fmt(&b, ",\"is_still\":%s}", h->is_still ? "true" : "false");
	put_line(w, &b);
}

void dump_doc(struct dump_writer *w, const struct store_doc *d)
{
	struct buf b = BUF(LINE_BYTES_MAX);
	buf_fmt(&b, "{\"kind\":\"%s\",\"id\":", w->kinds[d->kind].name);
	json_bytes(&b, d->id);
	buf_fmt(&b, ",\"ver\":%lld,\"token\":\"", (long long)d->ver);
	hex_write(&b, d->token.b, sizeof d->token.b);
	buf_char(&b, '"');
	add_time(&b, "due", d->due);
	add_time(&b, "expire", d->expire);
	for (size_t i = 0; i < STORE_IDX; i++) {
		buf_add(&b, i ? S(",") : S(",\"idx\":["));
		json_bytes(&b, d->idx[i]);
	}
	buf_add(&b, S("],\"body\":"));
	json_bytes(&b, d->body);
	buf_char(&b, '}');
	put_line(w, &b);
	census_add(&w->census, w->kinds, d);
}

static void add_kind(struct buf *b, const char *name, const struct kind_census *k)
{
	buf_fmt(b, "\"%s\":{\"documents\":%llu,\"bytes\":%llu,\"hash\":\"", name, (unsigned long long)k->n, (unsigned long long)k->bytes);
	census_hash(k, b);
	buf_add(b, S("\"}"));
}

int dump_end(struct dump_writer *w)
{
	struct buf b = BUF(LINE_BYTES_MAX);
	bool is_first = true;
	buf_fmt(&b, "{\"end\":true,\"documents\":%llu,\"kinds\":{", (unsigned long long)census_total(&w->census));
	for (size_t i = 0; i < w->n_kinds; i++) {
		if (w->census.kind[i].n == 0)
			continue;
		if (!is_first)
			buf_char(&b, ',');
		is_first = false;
		add_kind(&b, w->kinds[i].name, &w->census.kind[i]);
	}
	buf_add(&b, S("}}"));
	put_line(w, &b);
	errno = 0;
	bool is_written = fflush(w->to) == 0 && !ferror(w->to);
	return is_written ? 0 : errno ? errno : EIO;
}

/* Reading. */

struct reading {
	const struct dump_file *f;
	every_take *take;
	void *ctx;
	struct dump_found *found;
	struct buf *why;
	struct buf line;
	int64_t at;                              /* byte at which the line begins */
	struct arena mem;                        /* of the group */
	struct store_doc group[EVERY_PAGE];
	size_t n;
	bool has_end;
};

static enum store_rc refuse(struct reading *r, const char *what)
{
	buf_fmt(r->why, "%.*s: byte %lld: %s", STR_ARG(r->f->name), (long long)r->at, what);
	return STORE_CORRUPT;
}

/* The next line without its end. False: the file is over, or the line is too long to be one of ours (line.err). */
static bool next_line(struct reading *r)
{
	int ch;
	r->at = r->found->bytes;
	buf_clear(&r->line);
	flockfile(r->f->from);
	while ((ch = getc_unlocked(r->f->from)) != EOF && ch != '\n' && r->line.err == 0)
		buf_char(&r->line, (char)ch);
	funlockfile(r->f->from);
	r->found->bytes += (int64_t)r->line.n + (ch == '\n');
	return ch == '\n' && r->line.err == 0;
}

static bool hex_number(struct str s, uint32_t *ret)
{
	uint32_t v = 0;
	for (size_t i = 0; i < s.n; i++) {
		char ch = s.p[i];
		if (!((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f')))
			return false;
		v = v << 4 | (uint32_t)(ch <= '9' ? ch - '0' : ch - 'a' + 10);
	}
	*ret = v;
	return s.n == 8;
}

/* The JSON text of a line whose checksum and length are right. */
static bool unframe(struct str line, struct str *ret_json)
{
	struct str crc, length, json;
	int64_t n;
	uint32_t sum;
	bool ok = str_cut(line, ' ', &crc, &json) && str_cut(json, ' ', &length, &json) && hex_number(crc, &sum) && str_int(length, &n) &&
	    n == (int64_t)json.n && crc32c(0, json.p, json.n) == sum;
	if (ok)
		*ret_json = json;
	return ok;
}

static bool is_text(struct arena *a, const struct jv *v, struct str *ret)
{
	if (v == NULL)
		return false;
	if (v->t == J_STR) {
		*ret = v->s;
		return true;
	}
	return base64_read(a, json_text(v, S("base64")), ret) == 0;
}

static bool is_time(const struct jv *v, int64_t *ret)
{
	if (v == NULL || (v->t != J_INT && v->t != J_NULL))
		return false;
	*ret = v->t == J_NULL ? STORE_NO_DUE : v->i;
	return true;
}

static bool is_token(struct str s, struct store_token *ret)
{
	for (size_t i = 0; i < COUNT(ret->b); i += 4) {
		uint32_t v;
		if (s.n != 2 * COUNT(ret->b) || !hex_number((struct str){ s.p + 2 * i, 8 }, &v))
			return false;
		for (size_t k = 0; k < 4; k++)
			ret->b[i + k] = (uint8_t)(v >> (24 - 8 * k));
	}
	return true;
}

static bool are_keys(struct arena *a, const struct jv *v, struct str idx[STORE_IDX])
{
	const struct jv *k = v && v->t == J_ARR ? v->kid : NULL;
	size_t n = 0;
	for (; k != NULL && n < STORE_IDX && is_text(a, k, &idx[n]); k = k->next)
		n++;
	return k == NULL && n == STORE_IDX;
}

static bool kind_named(const struct dump_file *f, struct str name, store_kind *ret)
{
	for (size_t i = 0; i < f->n_kinds; i++)
		if (str_eq(str_c(f->kinds[i].name), name)) {
			*ret = (store_kind)i;
			return true;
		}
	return false;
}

static enum store_rc read_doc(struct reading *r, const struct jv *j, struct store_doc *d)
{
	const struct jv *ver = json_get(j, S("ver"));
	struct str kind = json_text(j, S("kind"));
	*d = (struct store_doc){ 0 };
	if (kind.n > 0 && !kind_named(r->f, kind, &d->kind)) {
		buf_fmt(r->why, "%.*s: holds documents of the kind %.*s, which this version of tocsin does not know; restore it with the version that "
		    "made it, or a newer one", STR_ARG(r->f->name), STR_ARG(kind));
		return STORE_FENCED;
	}
	bool ok = kind.n > 0 && ver && ver->t == J_INT && ver->i > 0 && is_text(&r->mem, json_get(j, S("id")), &d->id) &&
	    is_text(&r->mem, json_get(j, S("body")), &d->body) && is_time(json_get(j, S("due")), &d->due) &&
	    is_time(json_get(j, S("expire")), &d->expire) && is_token(json_text(j, S("token")), &d->token) &&
	    are_keys(&r->mem, json_get(j, S("idx")), d->idx);
	if (!ok)
		return refuse(r, "this is no document");
	d->ver = (uint64_t)ver->i;
	return STORE_OK;
}

static enum store_rc hand_out(struct reading *r)
{
	enum store_rc rc = r->n > 0 && r->take ? r->take(r->ctx, r->group, r->n) : STORE_OK;
	r->n = 0;
	arena_reset(&r->mem);
	return rc;
}

static bool is_number(const struct jv *v, uint64_t want)
{
	return v && v->t == J_INT && (uint64_t)v->i == want;
}

static bool is_kind_as_said(const struct jv *said, const struct kind_census *k)
{
	struct buf hash = BUF(128);
	census_hash(k, &hash);
	bool ok = k->n == 0 ? said == NULL : is_number(json_get(said, S("documents")), k->n) && is_number(json_get(said, S("bytes")), k->bytes) &&
	    str_eq(json_text(said, S("hash")), buf_str(&hash));
	buf_free(&hash);
	return ok;
}

static enum store_rc read_end(struct reading *r, const struct jv *j)
{
	const struct jv *said = json_get(j, S("kinds"));
	bool ok = is_number(json_get(j, S("documents")), census_total(&r->found->census));
	for (size_t i = 0; i < r->f->n_kinds && ok; i++)
		ok = is_kind_as_said(json_get(said, str_c(r->f->kinds[i].name)), &r->found->census.kind[i]);
	r->has_end = true;
	return ok ? hand_out(r) : refuse(r, "the documents before are not those that the last line counts and hashes");
}

static enum store_rc read_head(struct reading *r, const struct jv *j)
{
	const struct jv *format = json_get(j, S("tocsin_backup")), *still = json_get(j, S("is_still"));
	struct str backend = json_text(j, S("backend"));
	if (format == NULL || format->t != J_INT)
		return refuse(r, "this is no backup of tocsin");
	if (format->i > DUMP_FORMAT) {
		buf_fmt(r->why, "%.*s: has format %lld, this version of tocsin reads up to %d; use a newer one", STR_ARG(r->f->name), (long long)format->i,
		    DUMP_FORMAT);
		return STORE_FENCED;
	}
	if (when_read(json_text(j, S("made_at")), &r->found->made_ms) != 0)
		return refuse(r, "its first line does not say when it was made");
	if (backend.n > 0 && backend.n < sizeof r->found->backend)
		memcpy(r->found->backend, backend.p, backend.n);   /* zeros follow it */
	r->found->is_still = still && still->t == J_BOOL && still->i;
	return STORE_OK;
}

static enum store_rc read_line(struct reading *r, bool is_first)
{
	struct str json, why = S("");
	if (!unframe(buf_str(&r->line), &json))
		return refuse(r, is_first ? "this is no backup of tocsin, or its first line is damaged" : "the line that begins here is damaged: its checksum is not that "
		    "of its text");
	const struct jv *j = json_parse_own(&r->mem, json, &why);
	if (j == NULL)
		return refuse(r, "this is no JSON");
	if (is_first)
		return read_head(r, j);
	if (json_get(j, S("end")) != NULL)
		return read_end(r, j);
	enum store_rc rc = read_doc(r, j, &r->group[r->n]);
	if (rc != STORE_OK)
		return rc;
	census_add(&r->found->census, r->f->kinds, &r->group[r->n++]);
	return r->n == EVERY_PAGE || r->mem.used > GROUP_BYTES_MAX ? hand_out(r) : STORE_OK;
}

static enum store_rc read_lines(struct reading *r)
{
	bool is_first = true;
	enum store_rc rc = STORE_OK;
	while (rc == STORE_OK && next_line(r)) {
		rc = r->has_end ? refuse(r, "something stands behind the last line") : read_line(r, is_first);
		is_first = false;
	}
	if (rc != STORE_OK)
		return rc;
	if (ferror(r->f->from))
		return refuse(r, "the file cannot be read on: the disk answered with an error");
	if (r->line.err)
		return refuse(r, "the line that begins here is longer than any of a backup");
	if (r->line.n > 0 || !r->has_end)
		return refuse(r, is_first ? "this is no backup of tocsin" : "the file ends here, before its last line: it was not finished, or was cut off");
	return STORE_OK;
}

enum store_rc dump_read(const struct dump_file *f, every_take *take, void *ctx, struct dump_found *ret, struct buf *why)
{
	struct reading r = { .f = f, .take = take, .ctx = ctx, .found = ret, .why = why, .line = BUF(LINE_BYTES_MAX),
		.mem = ARENA((size_t)2 * TREE_BYTES_MAX) };
	*ret = (struct dump_found){ 0 };
	census_begin(&ret->census);
	enum store_rc rc = read_lines(&r);
	buf_free(&r.line);
	arena_free(&r.mem);
	return rc;
}
