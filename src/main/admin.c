/* admin.c - see admin.h. A server that asks everybody for a token needs a first one from somewhere that is not its API: whoever may write its store
 * may make it. The store's lock keeps a running server out.
 */
#include "main/admin.h"
#include "api/token.h"
#include "io/clock.h"
#include "io/random.h"
#include "main/storage.h"
#include <assert.h>

static void random_fn(void *ctx, void *out, size_t n)
{
	(void)ctx;
	random_bytes(out, n);
}

static struct strs split(struct arena *a, struct str list)
{
	enum { SCOPES_MAX = 8 };
	struct strs s = { NEWN(a, struct str, SCOPES_MAX), 0 };
	struct str head, tail = list;
	while (s.n + 1 < SCOPES_MAX && str_cut(tail, ',', &head, &tail))
		s.v[s.n++] = head;
	s.v[s.n++] = tail;
	return s;
}

static struct token describe(struct cli *c, const char *text, int64_t now_ms)
{
	struct str public = S("");
	int64_t life_ms = flag_number(c, "expires");
	bool is_ours = token_parse(str_c(text), &public);
	assert(is_ours);
	return (struct token){ .id = arena_str(&c->mem, public), .name = c->args.v[0], .hash = token_hash(&c->mem, str_c(text)),
		.scopes = split(&c->mem, flag_text(c, "scope")), .created_at = now_ms, .created_by = S("local"),
		.expires_at = life_ms ? now_ms + life_ms : 0 };
}

/* By the table that the API reads a token with. The scopes have been checked by that of the flags. */
static bool is_fit(struct cli *c, struct str name)
{
	struct buf json = BUF(64 << 10), text = BUF(4096);
	struct faults f = { .a = &c->mem };
	struct token as_sent;
	struct str why = S("");
	buf_add(&json, S("{\"name\":"));
	buf_json(&json, name);
	buf_char(&json, '}');
	const struct jv *j = json_parse(&c->mem, buf_str(&json), &why);
	bool ok = j != NULL && desc_read(&c->mem, &as_sent, &token_entity, j, V_API, S(""), &f) == 0;
	faults_write(&f, &text);
	if (!ok)
		say(c, "no token was made: %.*s", STR_ARG(j ? str_trim(buf_str(&text)) : why));
	buf_free(&json);
	buf_free(&text);
	return ok;
}

static enum store_rc put(struct store *s, const struct token *t, int64_t keep_ms)
{
	struct buf json = BUF(STORE_BODY_MAX);
	desc_write(&json, &token_entity, t, V_STORE);
	struct store_write w = { .op = STORE_PUT, .kind = KIND_token, .id = t->id, .expect = STORE_ABSENT, .due = STORE_NO_DUE,
		.expire = t->expires_at ? t->expires_at + keep_ms : STORE_NO_DUE, .body = buf_str(&json) };
	struct store_txn txn = { .w = &w, .n = 1 };
	struct store_result r = { .rc = STORE_TOOBIG };
	random_bytes(txn.token.b, sizeof txn.token.b);
	if (json.err == 0)
		store_commit(s, &txn, &r, 1);
	buf_free(&json);
	return r.rc;
}

static int create(struct cli *c, const struct config *config)
{
	char text[TOKEN_TEXT + 1];
	struct store *s = NULL;
	struct buf why = BUF(4096);
	if (!is_fit(c, c->args.v[0]))
		return EXIT_FAILED;
	token_make(text, random_fn, NULL);
	struct token t = describe(c, text, clock_wall_ms());
	enum store_rc rc = storage_open(config, &s, &why);
	if (rc == STORE_OK) {
		rc = put(s, &t, config->world.keep_ms);
		store_close(s);
	}
	if (rc == STORE_OK)
		fprintf(c->o->out, "%s\n", text);
	else
		say(c, "no token was made: %s", why.n ? why.p : store_rc_name(rc));
	if (rc == STORE_BUSY)
		hint(c, "a running server makes tokens over its API: leave out --config, and give --url and a token with the scope admin");
	buf_free(&why);
	return rc == STORE_OK ? EXIT_DONE : EXIT_FAILED;
}

int admin_token_create(struct cli *c)
{
	struct report r = { .a = &c->mem, .is_lenient = true };       /* pages need secrets, this does not */
	struct config_outside o = config_real_outside();
	struct buf b = BUF(1 << 20);
	struct config *config = config_load(&o, flag_text(c, "config"), &r);
	if (config == NULL)
		report_write(&r, &b, REPORT_TEXT);
	fprintf(c->o->err, "%.*s", STR_ARG(buf_str(&b)));
	buf_free(&b);
	int code = config ? create(c, config) : EXIT_CONFIG;
	config_free(config);
	return code;
}
