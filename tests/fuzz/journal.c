/* journal.c - the json backend's recovery, fed with anything. The first byte says how:
 *   0  the rest is a journal         1  the rest is a snapshot
 *   2  the rest makes a good journal and the damage done to it, which must be refused unless it is in the last group
 */
#include "base/digest.h"
#include "store/journal.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct store_kind_def kinds[] = { { "doc", false }, { "log", true } };

static struct ram *new_ram(void)
{
	struct store head = { .n_kinds = COUNT(kinds), .append_only = 2 };
	return ram_new(&head);
}

static enum store_rc load(struct str bytes, bool is_snapshot, struct ram *r, struct journal_end *ret)
{
	struct journal_file f = { S("fuzz"), bytes, kinds, COUNT(kinds), is_snapshot };
	struct buf why = BUF(4096);
	enum store_rc rc = journal_load(&f, r, ret, &why);
	assert((rc == STORE_OK) == (why.n == 0));
	assert(rc != STORE_OK || ret->end <= bytes.n);
	buf_free(&why);
	return rc;
}

/* Any text: as it is, and once more with a head and right checksums, without which little of the reader is reached. */
static void load_any(struct str bytes, bool is_snapshot)
{
	struct ram *r = new_ram();
	struct journal_end end;
	struct buf framed = BUF(1 << 20);
	journal_write_head(&framed, &(struct journal_head){ .is_snapshot = is_snapshot, .schema = JOURNAL_SCHEMA, .gen = 1 });
	struct str line, rest = bytes;
	while (str_cut(rest, '\n', &line, &rest)) {
		buf_fmt(&framed, "%08x %zu ", crc32c(0, line.p, line.n), line.n);
		buf_add(&framed, line);
		buf_char(&framed, '\n');
	}
	buf_add(&framed, rest);
	(void)load(bytes, is_snapshot, r, &end);
	ram_free(r);
	r = new_ram();
	if (framed.err == 0)
		(void)load(buf_str(&framed), is_snapshot, r, &end);
	buf_free(&framed);
	ram_free(r);
}

static uint8_t take(struct str *s)
{
	uint8_t b = s->n ? (uint8_t)s->p[0] : 0;
	*s = str_skip(*s, 1);
	return b;
}

static struct str take_text(struct str *s)
{
	size_t n = take(s);
	struct str text = { s->p, n < s->n ? n : s->n };
	*s = str_skip(*s, text.n);
	return text;
}

/* One document over whatever is there, at a version that need not follow. */
static void add_import(struct buf *b, struct ram *r, int64_t group, uint8_t which, struct str body)
{
	struct store_doc d = { .kind = which & 1, .id = { &"abcdefgh"[which >> 1 & 7], 1 }, .ver = 1u + which % 7, .token = { { which } },
		.due = which, .expire = STORE_NO_DUE, .body = body };
	journal_write_import(b, kinds, group, group * 10, &d);
	ram_set(r, &d);
}

/* One put, delete or import per byte pair, on eight ids, so that versions pile up. */
static void add_txn(struct buf *b, struct ram *r, int64_t group, struct str *s)
{
	static const char ids[] = "abcdefgh";
	uint8_t which = take(s);
	struct store_write w = { .op = STORE_PUT, .kind = which & 1, .id = { ids + (which >> 1 & 7), 1 },
		.due = which & 16 ? which : STORE_NO_DUE, .expire = STORE_NO_DUE };
	w.expect = ram_ver(r, w.kind, w.id);
	w.body = take_text(s);
	if (which & 64) {
		add_import(b, r, group, which, w.body);
		return;
	}
	w.idx[1] = w.id;
	if (which & 32 && w.expect > 0)
		w.op = STORE_DELETE;
	struct store_txn t = { { { which } }, &w, 1 };
	journal_write_txn(b, kinds, r, group, group * 10, &t);
	ram_apply(r, &t);
}

static void damage_one(struct str s)
{
	struct ram *r = new_ram(), *again = new_ram();
	struct buf b = BUF(1 << 20);
	struct journal_end end;
	uint8_t at_hi = take(&s), at_lo = take(&s), change = take(&s);
	journal_write_head(&b, &(struct journal_head){ .schema = JOURNAL_SCHEMA, .gen = 1 });
	size_t last_group = b.n;
	for (int64_t group = 1; s.n > 0; group++) {
		last_group = b.n;
		for (uint8_t n = take(&s) % 4; s.n > 0; n--) {
			add_txn(&b, r, group, &s);
			if (n == 0)
				break;
		}
	}
	assert(load(buf_str(&b), false, again, &end) == STORE_OK && end.end == b.n && ram_count(again) == ram_count(r));
	ram_free(again);
	again = new_ram();
	size_t at = ((size_t)at_hi << 8 | at_lo) % b.n;
	b.p[at] = (char)(b.p[at] ^ (change ? change : 1));
	enum store_rc rc = load(buf_str(&b), false, again, &end);
	assert(rc != STORE_OK || at >= last_group);
	ram_free(again);
	ram_free(r);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	struct str rest = { (const char *)data + 1, n - 1 };
	if (data[0] % 3 == 2)
		damage_one(rest);
	else
		load_any(rest, data[0] % 3 == 1);
	return 0;
}
