/* dynamodb_item.c - see dynamodb_item.h.
 *
 * A write is first a row of attributes (name, type, text), from which both forms follow: the item of a Put, and the expression of an Update,
 * which is what a write without a version needs, because only the table knows the next one.
 */
#include "store/dynamodb_item.h"
#include "base/digest.h"
#include <inttypes.h>
#include <string.h>

enum { LOW = 1, AFTER_KEY = 1, WAS_0 = 2, WAS_1 = 3 };        /* LOW leads to one of the others */
enum { ATTR_TOK, ATTR_CRC, ATTR_DUE, ATTR_EXPIRE, ATTR_TTL, ATTR_WHEN, ATTR_KEY0, ATTR_BODY = ATTR_KEY0 + STORE_IDX, ATTRS };
static const int64_t ttl_ms = INT64_C(30) * 86400 * 1000;

/* type: S, N or B. Without a text it is absent. alias: for the one name that DynamoDB keeps for itself. */
struct attr { const char *name, *alias; char type; struct str text; };

static char *put_utf8(char *to, unsigned char c)
{
	if (c >= 0x80)
		*to++ = (char)(0xc0 | c >> 6);
	*to++ = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
	return to;
}

static char *put_text(char *to, struct str bytes)
{
	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.p[i];
		if (c <= LOW)
			*to++ = LOW;
		to = put_utf8(to, c > LOW ? c : c == 0 ? WAS_0 : WAS_1);
	}
	return to;
}

struct str item_text(struct arena *a, struct str bytes)
{
	char *p = arena_need(a, 2 * bytes.n + 1, 1);
	return (struct str){ p, (size_t)(put_text(p, bytes) - p) };
}

/* A key with its id, or a time with its id. */
static struct str place(struct arena *a, struct str head, struct str id)
{
	char *p = arena_need(a, head.n + 2 + 2 * id.n, 1), *to = p;
	memcpy(to, head.p, head.n);
	to += head.n;
	*to++ = LOW;
	*to++ = AFTER_KEY;
	return (struct str){ p, (size_t)(put_text(to, id) - p) };
}

bool item_bytes(struct arena *a, struct str text, struct str *ret)
{
	char *p = arena_alloc(a, text.n + 1, 1);
	size_t n = 0;
	for (size_t i = 0; p && i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i], next = i + 1 < text.n ? (unsigned char)text.p[i + 1] : 0;
		bool is_two = c >= 0x80, is_low = c == LOW;
		if ((is_two && ((c & 0xfc) != 0xc0 || (next & 0xc0) != 0x80)) ||
		    (is_low && next != WAS_0 && next != WAS_1) || c < LOW)
			return false;
		p[n++] = (char)(is_two ? c << 6 | (next & 0x3f) : is_low ? next - WAS_0 : c);
		i += is_two || is_low;
	}
	*ret = (struct str){ p, n };
	return p != NULL;
}

/* 20 digits that sort as the numbers do. A time that occurs in practice is a 1 and then the time. */
struct str item_when(struct arena *a, char what, int64_t ms)
{
	uint64_t up = ms < 0 ? (uint64_t)ms ^ UINT64_C(1) << 63 : (uint64_t)ms;
	return arena_fmt(a, "%c%c%019" PRIu64, what, ms < 0 ? '0' : '1', up);
}

struct str item_pk(struct arena *a, const struct item_layout *l, store_kind kind, unsigned shard)
{
	return arena_fmt(a, "%s#%u", l->kinds[kind].name, shard);
}

static void write_typed(struct buf *b, char type, struct str text)
{
	buf_fmt(b, "{\"%c\":", type);
	if (type == 'B') {
		buf_char(b, '"');
		base64_write(b, (const uint8_t *)text.p, text.n);
		buf_char(b, '"');
	} else {
		buf_json(b, text);
	}
	buf_char(b, '}');
}

static void write_key_members(struct buf *b, const struct item_layout *l, store_kind kind, struct str id)
{
	struct arena a = ARENA(4096);
	buf_add(b, S("\"pk\":"));
	write_typed(b, 'S', item_pk(&a, l, kind, store_shard(id, l->shards)));
	buf_add(b, S(",\"sk\":"));
	write_typed(b, 'S', item_text(&a, id));
	arena_free(&a);
}

void item_write_key(struct buf *b, const struct item_layout *l, store_kind kind, struct str id)
{
	buf_char(b, '{');
	write_key_members(b, l, kind, id);
	buf_char(b, '}');
}

static uint32_t crc_int(uint32_t crc, uint64_t v)
{
	uint8_t b[8];
	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> 8 * i);
	return crc32c(crc, b, sizeof b);
}

/* Of everything a write knows. Lengths are in it, so that no byte can move from one field to the next. */
static uint32_t checksum(const struct store_doc *d)
{
	const struct str part[] = { d->id, d->idx[0], d->idx[1], d->idx[2], d->idx[3], d->body };
	uint32_t crc = crc32c(0, d->token.b, sizeof d->token.b);
	crc = crc_int(crc_int(crc, (uint64_t)d->due), (uint64_t)d->expire);
	for (size_t i = 0; i < COUNT(part); i++) {
		crc = crc_int(crc, part[i].n);
		crc = crc32c(crc, part[i].p, part[i].n);
	}
	return crc;
}

/* Whether a body can be kept as text, which people can read in the table and which is shorter on the wire. */
static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20)
			return false;
	return str_is_utf8(s);
}

static struct str hex(struct arena *a, const struct store_token *t)
{
	struct buf b = BUF(2 * sizeof t->b);
	hex_write(&b, t->b, sizeof t->b);
	struct str text = arena_str(a, buf_str(&b));
	buf_free(&b);
	return text;
}

static struct str number(struct arena *a, int64_t v, bool is_there)
{
	return is_there ? arena_fmt(a, "%" PRId64, v) : S("");
}

/* Everything but the key and the version. The body is not copied. */
static void attributes(struct arena *a, const struct store_doc *d, struct attr v[ATTRS])
{
	bool has_due = d->due != STORE_NO_DUE, expires = d->expire != STORE_NO_DUE;
	bool may_go = expires && !has_due && d->expire < INT64_MAX - ttl_ms && d->expire + ttl_ms >= 1000;
	v[ATTR_TOK] = (struct attr){ "tok", "tok", 'S', hex(a, &d->token) };
	v[ATTR_CRC] = (struct attr){ "crc", "crc", 'N', number(a, checksum(d), true) };
	v[ATTR_DUE] = (struct attr){ "due", "due", 'N', number(a, d->due, has_due) };
	v[ATTR_EXPIRE] = (struct attr){ "expire", "expire", 'N', number(a, d->expire, expires) };
	v[ATTR_TTL] = (struct attr){ "ttl", "#ttl", 'N', number(a, may_go ? (d->expire + ttl_ms) / 1000 : 0, may_go) };
	v[ATTR_WHEN] = (struct attr){ "by_when", "by_when", 'S', S("") };
	if (has_due || expires)
		v[ATTR_WHEN].text = place(a, item_when(a, has_due ? 'd' : 'e', has_due ? d->due : d->expire), d->id);
	for (size_t i = 0; i < STORE_IDX; i++) {
		static const char *const names[STORE_IDX] = { "by_key0", "by_key1", "by_key2", "by_key3" };
		v[ATTR_KEY0 + i] = (struct attr){ names[i], names[i], 'S', S("") };
		if (d->idx[i].n)
			v[ATTR_KEY0 + i].text = place(a, item_text(a, d->idx[i]), d->id);
	}
	v[ATTR_BODY] = (struct attr){ "body", "body", is_plain(d->body) ? 'S' : 'B', d->body };
}

static void write_item(struct buf *b, const struct item_layout *l, const struct store_doc *d)
{
	struct arena a = ARENA(16 << 10);
	struct attr v[ATTRS];
	attributes(&a, d, v);
	buf_char(b, '{');
	write_key_members(b, l, d->kind, d->id);
	buf_fmt(b, ",\"ver\":{\"N\":\"%" PRIu64 "\"}", d->ver);
	for (size_t i = 0; i < ATTRS; i++)
		if (v[i].text.n) {
			buf_fmt(b, ",\"%s\":", v[i].name);
			write_typed(b, v[i].type, v[i].text);
		}
	buf_char(b, '}');
	arena_free(&a);
}

void item_write_doc(struct buf *b, const struct item_layout *l, const struct store_doc *d)
{
	write_item(b, l, d);
}

static struct store_doc doc_of(const struct store_write *w, const struct store_token *token, uint64_t ver)
{
	struct store_doc d = { w->kind, w->id, ver, *token, w->due, w->expire, { { 0 } }, w->body };
	memcpy(d.idx, w->idx, sizeof d.idx);
	return d;
}

/* The condition of a write, and which values it needs. NULL: none. */
static const char *condition(const struct store_write *w, bool is_face, bool *ret_ver, bool *ret_tok)
{
	bool is_exact = w->expect != STORE_ABSENT && w->expect != STORE_ANY;
	*ret_ver = is_exact;
	*ret_tok = is_face && w->expect != STORE_ABSENT;
	if (w->expect == STORE_ABSENT)
		return "attribute_not_exists(pk)";
	if (w->expect == STORE_ANY)
		return is_face ? "attribute_not_exists(tok) OR tok <> :tok" : NULL;
	return is_face ? "ver = :expect AND tok <> :tok" : "ver = :expect";
}

static void write_expression(struct buf *b, const struct attr v[ATTRS])
{
	buf_add(b, S(",\"UpdateExpression\":\"SET ver = if_not_exists(ver, :zero) + :one"));
	for (size_t i = 0; i < ATTRS; i++)
		if (v[i].text.n)
			buf_fmt(b, ", %s = :%s", v[i].alias, v[i].name);
	const char *before = " REMOVE ";
	for (size_t i = 0; i < ATTRS; i++)
		if (v[i].text.n == 0) {
			buf_fmt(b, "%s%s", before, v[i].alias);
			before = ", ";
		}
	buf_add(b, S("\",\"ExpressionAttributeNames\":{\"#ttl\":\"ttl\"}"));
}

/* Values of a condition and, with v, of an update: which always sets the token, so that both may use it. */
static void write_values(struct buf *b, const struct store_write *w, const struct store_token *token,
    const struct attr *v, bool needs_ver, bool needs_tok)
{
	struct arena a = ARENA(256);
	if (v) {
		buf_add(b, S(",\"ExpressionAttributeValues\":{\":zero\":{\"N\":\"0\"},\":one\":{\"N\":\"1\"}"));
		for (size_t i = 0; i < ATTRS; i++)
			if (v[i].text.n) {
				buf_fmt(b, ",\":%s\":", v[i].name);
				write_typed(b, v[i].type, v[i].text);
			}
		buf_char(b, '}');
	} else if (needs_ver) {
		buf_fmt(b, ",\"ExpressionAttributeValues\":{\":expect\":{\"N\":\"%" PRIu64 "\"}", w->expect);
		if (needs_tok)
			buf_fmt(b, ",\":tok\":{\"S\":\"%.*s\"}", STR_ARG(hex(&a, token)));
		buf_char(b, '}');
	}
	arena_free(&a);
}

const char *item_write_action(struct buf *b, const struct item_layout *l, const struct store_write *w,
    const struct store_token *token, bool is_face)
{
	struct arena a = ARENA(16 << 10);
	struct attr v[ATTRS];
	bool is_put = w->op == STORE_PUT, is_update = is_put && w->expect == STORE_ANY, needs_ver, needs_tok;
	struct store_doc d = doc_of(w, token, is_update ? 0 : w->expect + 1);
	const char *when = condition(w, is_face, &needs_ver, &needs_tok);
	buf_fmt(b, "\"TableName\":\"%.*s\",\"%s\":", STR_ARG(l->table), is_put && !is_update ? "Item" : "Key");
	if (is_put && !is_update)
		write_item(b, l, &d);
	else
		item_write_key(b, l, w->kind, w->id);
	if (is_update) {
		attributes(&a, &d, v);
		write_expression(b, v);
	}
	if (when)
		buf_fmt(b, ",\"ConditionExpression\":\"%s\",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"", when);
	write_values(b, w, token, is_update ? v : NULL, needs_ver, needs_tok);
	arena_free(&a);
	return w->op == STORE_DELETE ? "Delete" : w->op == STORE_CHECK ? "ConditionCheck" : is_update ? "Update" : "Put";
}

/* Reading. */

struct str item_attr(const struct jv *item, const char *name, const char *type)
{
	return json_text(json_get(item, str_c(name)), str_c(type));
}

static bool read_number(const struct jv *item, const char *name, int64_t absent, int64_t *ret)
{
	struct str text = item_attr(item, name, "N");
	*ret = absent;
	return json_get(item, str_c(name)) == NULL || str_int(text, ret);
}

uint64_t item_ver(const struct jv *item)
{
	int64_t ver = 0;
	return read_number(item, "ver", 0, &ver) && ver > 0 ? (uint64_t)ver : 0;
}

static bool read_token(struct str text, struct store_token *ret)
{
	if (text.n != 2 * sizeof ret->b)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		const char *at = text.p[i] ? strchr("0123456789abcdef", text.p[i]) : NULL;
		if (at == NULL)
			return false;
		ret->b[i / 2] = (uint8_t)(ret->b[i / 2] << 4 | (at - "0123456789abcdef"));
	}
	return true;
}

bool item_has_token(const struct jv *item, const struct store_token *token)
{
	struct store_token its = { { 0 } };
	return read_token(item_attr(item, "tok", "S"), &its) && memcmp(its.b, token->b, sizeof its.b) == 0;
}

static bool read_kind(const struct item_layout *l, struct str pk, struct str id, store_kind *ret)
{
	struct str name, shard;
	int64_t n = -1;
	if (!str_cut(pk, '#', &name, &shard) || !str_int(shard, &n) || n != store_shard(id, l->shards))
		return false;
	for (size_t i = 0; i < l->n_kinds; i++)
		if (str_eq(name, str_c(l->kinds[i].name))) {
			*ret = (store_kind)i;
			return true;
		}
	return false;
}

/* The key in front of the id. */
static bool read_key(struct arena *a, struct str place, struct str *ret)
{
	static const char mark[] = { LOW, AFTER_KEY };
	const char *at = place.n ? memmem(place.p, place.n, mark, sizeof mark) : NULL;
	*ret = S("");
	return place.n == 0 || (at && item_bytes(a, (struct str){ place.p, (size_t)(at - place.p) }, ret));
}

static bool read_body(struct arena *a, const struct jv *item, struct str *ret)
{
	const struct jv *body = json_get(item, S("body"));
	*ret = json_text(body, S("S"));
	return body == NULL || ret->n > 0 || base64_read(a, json_text(body, S("B")), ret) == 0;
}

bool item_read(struct arena *a, const struct item_layout *l, const struct jv *item, struct store_doc *ret)
{
	static const char *const keys[STORE_IDX] = { "by_key0", "by_key1", "by_key2", "by_key3" };
	struct store_doc d = { .ver = item_ver(item) };
	int64_t crc = -1;
	bool ok = d.ver > 0 && item_bytes(a, item_attr(item, "sk", "S"), &d.id) && d.id.n > 0 &&
	    read_kind(l, item_attr(item, "pk", "S"), d.id, &d.kind) && read_token(item_attr(item, "tok", "S"), &d.token) &&
	    read_number(item, "due", STORE_NO_DUE, &d.due) && read_number(item, "expire", STORE_NO_DUE, &d.expire) &&
	    read_number(item, "crc", -1, &crc) && read_body(a, item, &d.body);
	for (size_t i = 0; ok && i < STORE_IDX; i++)
		ok = read_key(a, item_attr(item, keys[i], "S"), &d.idx[i]);
	if (!ok || crc != checksum(&d))
		return false;
	*ret = d;
	return true;
}
