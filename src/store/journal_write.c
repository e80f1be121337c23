/* journal_write.c - the text of the json backend's files.
 *
 *	c0ffee12 93 {"group":7,"at":1760000000000,"token":"...","put":[{"kind":...}],"gone":[]}
 *
 * CRC-32C of the JSON text, its length, the text, a line end. One line is one transaction; the first line of a file is its head. The
 * JSON is there for people and their tools. Text that is not UTF-8 stands as {"base64":"..."}.
 *
 * Schema 2 has one thing more: a line that ends in ,"import":true puts one document as it is, over whatever version was there.
 */
#include "store/journal.h"
#include "base/digest.h"
#include "base/json.h"
#include <assert.h>
#include <string.h>

static void frame(struct buf *b, struct buf *json)
{
	assert(json->err == 0);
	buf_fmt(b, "%08x %zu ", crc32c(0, json->p, json->n), json->n);
	buf_add(b, buf_str(json));
	buf_char(b, '\n');
	buf_free(json);
}

static void write_time(struct buf *b, int64_t t)
{
	if (t == STORE_NO_DUE)
		buf_add(b, S("null"));
	else
		buf_int(b, t);
}

static void write_name(struct buf *b, const struct store_kind_def *kinds, store_kind kind, struct str id)
{
	buf_fmt(b, "{\"kind\":\"%s\",\"id\":", kinds[kind].name);
	json_bytes(b, id);
}

static void write_doc(struct buf *b, const struct store_kind_def *kinds, const struct store_doc *d)
{
	write_name(b, kinds, d->kind, d->id);
	buf_add(b, S(",\"ver\":"));
	buf_int(b, (int64_t)d->ver);
	buf_add(b, S(",\"due\":"));
	write_time(b, d->due);
	buf_add(b, S(",\"expire\":"));
	write_time(b, d->expire);
	for (size_t i = 0; i < STORE_IDX; i++) {
		buf_add(b, i ? S(",") : S(",\"idx\":["));
		json_bytes(b, d->idx[i]);
	}
	buf_add(b, S("],\"body\":"));
	json_bytes(b, d->body);
	buf_char(b, '}');
}

static void write_opening(struct buf *b, int64_t group, int64_t at, const struct store_token *token)
{
	buf_fmt(b, "{\"group\":%lld,\"at\":%lld,\"token\":\"", (long long)group, (long long)at);
	hex_write(b, token->b, sizeof token->b);
	buf_add(b, S("\",\"put\":["));
}

void journal_write_head(struct buf *b, const struct journal_head *h)
{
	struct buf json = BUF(SIZE_MAX / 2);
	buf_fmt(&json, "{\"tocsin\":\"%s\",\"schema\":%lld,\"gen\":%lld,\"group\":%lld,\"at\":%lld}",
	    h->is_snapshot ? "snapshot" : "journal", (long long)h->schema, (long long)h->gen, (long long)h->group, (long long)h->at);
	frame(b, &json);
}

static void write_puts(struct buf *b, const struct store_kind_def *kinds, const struct ram *r, const struct store_txn *t)
{
	bool is_first = true;
	for (size_t i = 0; i < t->n; i++) {
		const struct store_write *w = &t->w[i];
		if (w->op != STORE_PUT)
			continue;
		uint64_t ver = w->expect == STORE_ANY ? ram_ver(r, w->kind, w->id) : w->expect;
		struct store_doc d = { .kind = w->kind, .id = w->id, .ver = ver + 1, .due = w->due, .expire = w->expire,
			.body = w->body };
		memcpy(d.idx, w->idx, sizeof d.idx);
		if (!is_first)
			buf_char(b, ',');
		is_first = false;
		write_doc(b, kinds, &d);
	}
}

/* Deleting what is not there (allowed where there is no condition) leaves no trace. */
static void write_gone(struct buf *b, const struct store_kind_def *kinds, const struct ram *r, const struct store_txn *t)
{
	bool is_first = true;
	for (size_t i = 0; i < t->n; i++) {
		if (t->w[i].op != STORE_DELETE || ram_ver(r, t->w[i].kind, t->w[i].id) == 0)
			continue;
		if (!is_first)
			buf_char(b, ',');
		is_first = false;
		write_name(b, kinds, t->w[i].kind, t->w[i].id);
		buf_char(b, '}');
	}
}

void journal_write_txn(struct buf *b, const struct store_kind_def *kinds, const struct ram *r, int64_t group, int64_t at,
    const struct store_txn *t)
{
	struct buf json = BUF(SIZE_MAX / 2);
	write_opening(&json, group, at, &t->token);
	write_puts(&json, kinds, r, t);
	buf_add(&json, S("],\"gone\":["));
	write_gone(&json, kinds, r, t);
	buf_add(&json, S("]}"));
	frame(b, &json);
}

static void write_one(struct buf *b, const struct store_kind_def *kinds, int64_t group, int64_t at, const struct store_doc *d, struct str end)
{
	struct buf json = BUF(SIZE_MAX / 2);
	write_opening(&json, group, at, &d->token);
	write_doc(&json, kinds, d);
	buf_add(&json, end);
	frame(b, &json);
}

void journal_write_doc(struct buf *b, const struct store_kind_def *kinds, const struct store_doc *d)
{
	write_one(b, kinds, 0, 0, d, S("],\"gone\":[]}"));
}

void journal_write_import(struct buf *b, const struct store_kind_def *kinds, int64_t group, int64_t at, const struct store_doc *d)
{
	write_one(b, kinds, group, at, d, S("],\"gone\":[],\"import\":true}"));
}

void journal_write_end(struct buf *b, int64_t count)
{
	struct buf json = BUF(128);
	buf_fmt(&json, "{\"end\":%lld}", (long long)count);
	frame(b, &json);
}
