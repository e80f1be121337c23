/* cmd_token.c - `tocsin token`: keys to the API. The server shows a token once, when it is made, and keeps only its digest. */
#include "base/when.h"
#include "cli/remote.h"
#include "cli/table.h"

/* clang-format off */
static const struct column columns[] = {
	{ "id",         "ID",      CELL_TEXT,  COLUMN_ID },
	{ "name",       "NAME",    CELL_TEXT,  COLUMN_FLEX },
	{ "scopes",     "SCOPES",  CELL_WORDS, 0 },
	{ "created_at", "CREATED", CELL_TIME,  0 },
	{ "created_by", "BY",      CELL_TEXT,  0 },
	{ "expires_at", "EXPIRES", CELL_TEXT,  0 },
	{ "revoked_at", "REVOKED", CELL_TIME,  0 },
};
static const struct flag create_flags[] = {
	{ .name = "scope",   .type = FLAG_WORDS,    .arg = "SCOPES",   .words = "read write admin metrics replicate", .fallback = "read,write", .doc = "What it may do." },
	{ .name = "expires", .type = FLAG_DURATION, .arg = "DURATION", .doc = "How long it works; for ever unless given." },
	{ .name = "config", .type = FLAG_TEXT, .arg = "FILE", .doc = "Make it in the store of this configuration, without a server: the first token." },
	{ .name = "output", .letter = 'o', .type = FLAG_WORD, .arg = "FORM", .words = "json", .doc = "json: what the server said." },
};
static const struct flag list_flags[] = { TABLE_FLAGS, };
static const struct flag revoke_flags[] = {
	{ .name = "output", .letter = 'o', .type = FLAG_WORD, .arg = "FORM", .words = "json", .doc = "json: what became of each id." },
};
/* clang-format on */

enum { BODY_MAX = 64 << 10 };

static void add_scopes(const struct cli *c, struct buf *b)
{
	struct str head, tail = flag_text(c, "scope");
	while (str_cut(tail, ',', &head, &tail)) {
		buf_json(b, head);
		buf_char(b, ',');
	}
	buf_json(b, tail);
}

static struct str token_body(struct cli *c)
{
	struct buf b = BUF(BODY_MAX);
	int64_t expires_ms = flag_number(c, "expires");
	buf_add(&b, S("{\"name\":"));
	buf_json(&b, c->args.v[0]);
	buf_add(&b, S(",\"scopes\":["));
	add_scopes(c, &b);
	buf_char(&b, ']');
	if (expires_ms) {
		buf_add(&b, S(",\"expires_at\":\""));
		when_write(&b, c->o->now_ms(c->o->ctx) + expires_ms);
		buf_char(&b, '"');
	}
	buf_char(&b, '}');
	struct str body = arena_str(&c->mem, buf_str(&b));
	buf_free(&b);
	return body;
}

static int run_create(struct cli *c)
{
	if (flag_text(c, "config").n > 0)
		return c->o->run_main(c->o->ctx, c);
	struct answered a = remote_call(c, "POST", S("/api/v1/tokens"), token_body(c));
	struct buf b = BUF(BODY_MAX);
	if (a.exit)
		return remote_complain(c, &a);
	if (str_eq(flag_text(c, "output"), S("json")))
		json_write(&b, a.json);
	else
		buf_add(&b, json_text(a.json, S("token")));
	fprintf(c->o->out, "%.*s\n", STR_ARG(buf_str(&b)));
	buf_free(&b);
	if (c->o->is_terminal)
		hint(c, "it is shown this once; export TOCSIN_TOKEN=... and keep it safe");
	return EXIT_DONE;
}

static int run_list(struct cli *c)
{
	return table_of(c, S("/api/v1/tokens"), columns, COUNT(columns));
}

static struct answered revoke(struct cli *c, struct str id)
{
	struct buf b = BUF(BODY_MAX);
	buf_add(&b, S("/api/v1/tokens/"));
	add_encoded(&b, id);
	struct str path = arena_str(&c->mem, buf_str(&b));
	buf_free(&b);
	return remote_call(c, "DELETE", path, S(""));
}

static int run_revoke(struct cli *c)
{
	return remote_each(c, revoke, "revoked");
}

const struct cli_command command_token_create = {
	.name = "token create",
	.args = "NAME",
	.least = 1,
	.most = 1,
	.is_remote = true,
	.summary = "make a key to the API and print it once",
	.detail = "NAME is what it is for; the timeline shows token:NAME for what is done with it.",
	.flags = create_flags,
	.n_flags = COUNT(create_flags),
	.examples = { "tocsin token create ci --scope read", "export TOCSIN_TOKEN=$(tocsin token create me)" },
	.see = "token list, token revoke, environment",
	.exits = "0 1 2 4 8",
	.run = run_create,
};

const struct cli_command command_token_list = {
	.name = "token list",
	.args = "",
	.is_remote = true,
	.summary = "list the keys to the API, without the keys themselves",
	.flags = list_flags,
	.n_flags = COUNT(list_flags),
	.examples = { "tocsin token list", "tocsin token list -o json" },
	.see = "token create, token revoke",
	.exits = "0 1 2 4 8",
	.run = run_list,
};

const struct cli_command command_token_revoke = {
	.name = "token revoke",
	.args = "ID...",
	.least = 1,
	.most = -1,
	.has_ids = true,
	.is_remote = true,
	.summary = "take keys back; they stop working at once",
	.flags = revoke_flags,
	.n_flags = COUNT(revoke_flags),
	.examples = { "tocsin token revoke 3f9a1c2e", "tocsin token list -o ids | tocsin token revoke -" },
	.see = "token list, token create",
	.exits = "0 1 2 4 5 7 8",
	.run = run_revoke,
};
