/* cmd_standby.c - `tocsin standby`: what a standby does, and making it lead or stand back.
 *
 * An order is carried out by the standby's own thread within a look at the primary, so the command waits until the part is the one that was
 * asked for; yielding ends when everything was given back, which may take its time.
 */
#include "cli/remote.h"

enum { WAIT_MS = 60 * 1000, LOOK_MS = 200, LINE_MAX_BYTES = 8 << 10 };

/* clang-format off */
static const struct flag status_flags[] = {
	{ .name = "output", .letter = 'o', .type = FLAG_WORD, .arg = "FORM", .words = "json", .doc = "json: what the server said." },
};
static const struct flag order_flags[] = {
	{ .name = "no-wait", .type = FLAG_BOOL, .doc = "Do not wait until it is done." },
};
/* clang-format on */

static struct str number(struct cli *c, const struct jv *j, struct str key)
{
	const struct jv *v = json_get(j, key);
	return v && v->t == J_INT ? arena_fmt(&c->mem, "%lld", (long long)v->i) : S("0");
}

static void line(struct cli *c, const char *name, struct str value)
{
	if (value.n)
		fprintf(c->o->out, "%-10s %.*s\n", name, STR_ARG(value));
}

static void print(struct cli *c, const struct jv *j)
{
	const struct jv *seen = json_get(j, S("is_seen"));
	line(c, "part", json_text(j, S("part")));
	line(c, "name", json_text(j, S("name")));
	line(c, "primary", arena_fmt(&c->mem, "%.*s, %s", STR_ARG(json_text(j, S("primary"))), seen && seen->i ? "at work" : "not seen"));
	line(c, "seen", json_text(j, S("seen_at")));
	line(c, "copied", json_text(j, S("copied_at")));
	line(c, "since", json_text(j, S("since")));
	line(c, "because", json_text(j, S("reason")));
	line(c, "left", number(c, j, S("left")));
	line(c, "trouble", json_text(j, S("trouble")));
}

static int run_status(struct cli *c)
{
	struct answered a = remote_call(c, "GET", S("/api/v1/standby"), S(""));
	struct buf b = BUF(LINE_MAX_BYTES);
	if (a.exit)
		return remote_complain(c, &a);
	if (str_eq(flag_text(c, "output"), S("json"))) {
		json_write(&b, a.json);
		fprintf(c->o->out, "%.*s\n", STR_ARG(buf_str(&b)));
	} else {
		print(c, a.json);
	}
	buf_free(&b);
	return EXIT_DONE;
}

static int order(struct cli *c, struct str path, struct str part)
{
	struct answered a = remote_call(c, "POST", path, S(""));
	int64_t until_ms = c->o->now_ms(c->o->ctx) + WAIT_MS;
	while (a.exit == EXIT_DONE && !flag_on(c, "no-wait") && !str_eq(json_text(a.json, S("part")), part)) {
		if (c->o->now_ms(c->o->ctx) > until_ms) {
			say(c, "it is %.*s still, not %.*s", STR_ARG(json_text(a.json, S("part"))), STR_ARG(part));
			hint(c, "it goes on by itself; `tocsin standby status` says what stands in the way");
			return EXIT_UNREACHABLE;
		}
		c->o->sleep_ms(c->o->ctx, LOOK_MS);
		a = remote_call(c, "GET", S("/api/v1/standby"), S(""));
	}
	if (a.exit)
		return remote_complain(c, &a);
	print(c, a.json);
	return EXIT_DONE;
}

static int run_promote(struct cli *c)
{
	return order(c, S("/api/v1/standby/promote"), S("leading"));
}

static int run_yield(struct cli *c)
{
	return order(c, S("/api/v1/standby/yield"), S("standby"));
}

const struct cli_command command_standby_status = {
	.name = "standby status",
	.args = "",
	.is_remote = true,
	.summary = "what a standby does, and how far its copy is",
	.flags = status_flags,
	.n_flags = COUNT(status_flags),
	.examples = { "tocsin standby status", "tocsin standby status -o json" },
	.see = "standby promote, standby yield",
	.exits = "0 1 2 4 5 8",
	.run = run_status,
};

const struct cli_command command_standby_promote = {
	.name = "standby promote",
	.args = "",
	.is_remote = true,
	.summary = "make a standby take over now",
	.detail = "It pages from then on and leads until `standby yield`, also when the primary is at work: stop that one first, or both page. "
		  "The token needs the scopes admin and read.",
	.flags = order_flags,
	.n_flags = COUNT(order_flags),
	.examples = { "tocsin standby promote --url https://standby.example.com", "tocsin standby promote --no-wait" },
	.see = "standby status, standby yield",
	.exits = "0 1 2 4 5 6 8",
	.run = run_promote,
};

const struct cli_command command_standby_yield = {
	.name = "standby yield",
	.args = "",
	.is_remote = true,
	.summary = "make a standby that leads give everything back",
	.detail = "Only while the primary is seen at work. What was acknowledged, resolved or opened meanwhile is told to the primary first. The token needs "
		  "the scopes admin and read.",
	.flags = order_flags,
	.n_flags = COUNT(order_flags),
	.examples = { "tocsin standby yield --url https://standby.example.com", "tocsin standby yield --no-wait" },
	.see = "standby status, standby promote",
	.exits = "0 1 2 4 5 6 8",
	.run = run_yield,
};
