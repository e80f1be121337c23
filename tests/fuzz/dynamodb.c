/* dynamodb.c - what the dynamodb backend reads from outside, fed with anything. The first byte says what the rest is:
 *   0  an answer of the service, with a status     1  an item of the table     2  a document to write, which must come back as it was
 *   3  keys as JSON, as XML, as an INI file        4  an URL to sign
 */
#include "base/sigv4.h"
#include "store/aws_credentials.h"
#include "store/dynamodb_item.h"
#include "store/dynamodb_reply.h"
#include <assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct store_kind_def kinds[] = { { "doc", false }, { "log", true } };
static const struct item_layout layout = { { "fuzz", 4 }, kinds, COUNT(kinds), 4 };

static uint8_t take(struct str *s)
{
	uint8_t b = s->n ? (uint8_t)s->p[0] : 0;
	*s = str_skip(*s, 1);
	return b;
}

static struct str take_text(struct str *s, size_t max)
{
	size_t n = take(s);
	n = n < max ? n : max;
	struct str text = { s->p, n < s->n ? n : s->n };
	*s = str_skip(*s, text.n);
	return text;
}

static int64_t take_time(struct str *s)
{
	uint64_t t = 0;
	for (int i = 0; i < 8; i++)
		t = t << 8 | take(s);
	return (int64_t)t;
}

static void read_answer(struct arena *a, struct str in)
{
	static const int status[] = { 200, 400, 403, 429, 500, 503, 301, 0 };
	struct reply r = reply_read(a, status[take(&in) % COUNT(status)], in);
	const struct jv *item = NULL;
	enum store_rc rc = reply_rc(&r);
	assert(r.verdict != REPLY_DONE || r.body);
	assert(rc != STORE_OK && rc != STORE_CONFLICT && rc != STORE_UNKNOWN);
	for (size_t i = 0; i < 4; i++)
		(void)reply_reason(&r, i, &item);
}

static void read_item(struct arena *a, struct str in)
{
	struct str why;
	struct store_doc d = { 0 };
	const struct jv *item = json_parse_own(a, in, &why);
	if (item_read(a, &layout, item, &d))
		assert(d.ver > 0 && d.id.n > 0 && d.kind < COUNT(kinds));
	(void)item_has_token(item, &d.token);
}

static void must_be_same(const struct store_doc *d, const struct store_doc *e)
{
	assert(d->kind == e->kind && str_eq(d->id, e->id) && d->due == e->due && d->expire == e->expire &&
	    str_eq(d->body, e->body));
	assert(memcmp(d->token.b, e->token.b, sizeof d->token.b) == 0);
	for (size_t k = 0; k < STORE_IDX; k++)
		assert(str_eq(d->idx[k], e->idx[k]));
}

/* The order of texts is that of the bytes, and of times. */
static void must_sort(struct arena *a, struct str x, struct str y, int64_t s, int64_t t)
{
	int texts = str_cmp(item_text(a, x), item_text(a, y)), bytes = str_cmp(x, y);
	assert((texts < 0) == (bytes < 0) && (texts > 0) == (bytes > 0));
	int times = str_cmp(item_when(a, 'd', s), item_when(a, 'd', t));
	assert((times < 0) == (s < t) && (times > 0) == (s > t));
}

static void write_and_read(struct arena *a, struct str in)
{
	struct store_write w = { .op = STORE_PUT, .kind = take(&in) & 1, .due = take_time(&in), .expire = take_time(&in) };
	struct store_token token = { { take(&in), 0, 0, take(&in) } };
	struct buf b = BUF(8 << 20);
	struct str why, id = take_text(&in, STORE_ID_MAX);
	w.id = id.n ? id : S("x");
	for (size_t k = 0; k < STORE_IDX; k++)
		w.idx[k] = take_text(&in, STORE_KEY_MAX);
	w.body = in;
	buf_char(&b, '{');
	(void)item_write_action(&b, &layout, &w, &token, true);
	buf_char(&b, '}');
	const struct jv *action = json_parse_own(a, buf_str(&b), &why);
	struct store_doc d = { 0 }, e = { w.kind, w.id, 1, token, w.due, w.expire,
	    { w.idx[0], w.idx[1], w.idx[2], w.idx[3] }, w.body };
	assert(b.err == 0 && action != NULL);
	bool ok = item_read(a, &layout, json_get(action, S("Item")), &d);
	assert(ok && d.ver == 1);
	must_be_same(&d, &e);
	must_sort(a, w.id, w.idx[0], w.due, w.expire);
	for (int op = STORE_PUT; op <= STORE_CHECK; op++) {        /* the other forms are JSON at least */
		w.op = (enum store_op)op;
		w.expect = op == STORE_CHECK ? 3 : STORE_ANY;
		buf_clear(&b);
		buf_char(&b, '{');
		(void)item_write_action(&b, &layout, &w, &token, true);
		buf_char(&b, '}');
		action = json_parse_own(a, buf_str(&b), &why);
		assert(b.err == 0 && action != NULL);
	}
	buf_free(&b);
}

static void read_keys(struct arena *a, struct str in)
{
	struct aws_keys k = { 0 };
	struct buf why = BUF(64 << 10);
	bool ok = aws_read_json(a, in, &k, &why);
	assert(ok ? k.keys.id.n > 0 && k.keys.secret.n > 0 : why.n > 0);
	buf_clear(&why);
	ok = aws_read_sts(in, &k, &why);
	assert(ok ? k.keys.id.n > 0 && k.keys.secret.n > 0 : why.n > 0);
	buf_clear(&why);
	int err = aws_read_profile(in, S("default"), &k, &why);
	assert(err == 0 || err == ENOENT || (err == EINVAL && why.n > 0));
	buf_free(&why);
}

static void sign_url(struct arena *a, struct str in)
{
	struct sigv4_keys keys = { S("id"), S("secret"), S("") };
	struct wire_request r = { .method = S("GET"), .url = in, .body = S("") };
	struct sigv4_trace t;
	size_t n_params = 0;
	for (size_t i = 0; i < in.n; i++)
		n_params += in.p[i] == '&';
	if (n_params > 60 || in.n > 4096)
		return;                                            /* a caller's own URLs are shorter */
	sigv4_sign(a, &keys, (struct sigv4_scope){ S("r"), S("s") }, 0, &r, &t);
	assert(t.signature.n == 64 && r.headers.n == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const does[])(struct arena *, struct str) = { read_answer, read_item, write_and_read, read_keys, sign_url };
	struct arena a = ARENA(256 << 20);
	if (n > 0)
		does[data[0] % COUNT(does)](&a, (struct str){ (const char *)data + 1, n - 1 });
	arena_free(&a);
	return 0;
}
