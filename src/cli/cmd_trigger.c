/* cmd_trigger.c - `tocsin trigger SERVICE -m TEXT`: opens an incident by hand, and waits for somebody to answer when asked to. */
#include "cli/remote.h"
#include "cli/table.h"

/* clang-format off */
static const struct flag flags[] = {
	{ .name = "message", .letter = 'm', .type = FLAG_TEXT, .arg = "TEXT",     .doc = "One line; what a page says first. Must be given." },
	{ .name = "description",            .type = FLAG_TEXT, .arg = "TEXT",     .doc = "More about it." },
	{ .name = "severity",           .type = FLAG_SEVERITY, .arg = "SEVERITY", .doc = "critical, high, medium, low, info or 5..1." },
	{ .name = "dedup",                  .type = FLAG_TEXT, .arg = "KEY",      .doc = "The same key again counts on the open incident instead of opening one." },
	{ .name = "link",                   .type = FLAG_TEXT, .arg = "URL",      .is_many = true, .doc = "Something to look at: a graph, a runbook." },
	{ .name = "label",                  .type = FLAG_PAIR, .arg = "NAME=VALUE", .is_many = true, .doc = "A name and a value." },
	{ .name = "wait-ack",           .type = FLAG_DURATION, .arg = "DURATION", .doc = "Wait until somebody acknowledges it; 10 when nobody did in time." },
	{ .name = "output", .letter = 'o',  .type = FLAG_WORD, .arg = "FORM",     .words = "json ids", .doc = "json: what the server said; ids: the number only." },
};
/* clang-format on */

enum { POLL_MS = 1000, BODY_MAX = 1 << 20, ASK_MAX = 128 << 20 };

static void add_text(struct buf *b, const char *name, struct str s)
{
	if (s.n == 0)
		return;
	buf_fmt(b, ",\"%s\":", name);
	buf_json(b, s);
}

static void add_links(struct cli *c, struct buf *b)
{
	struct str_list links = flag_all(c, "link");
	for (size_t i = 0; i < links.n; i++) {
		buf_add(b, i == 0 ? S(",\"links\":[{\"href\":") : S(",{\"href\":"));
		buf_json(b, links.v[i]);
		buf_add(b, i + 1 == links.n ? S("}]") : S("}"));
	}
}

static void add_labels(struct cli *c, struct buf *b)
{
	struct str_list labels = flag_all(c, "label");
	struct str name = S(""), value = S("");
	for (size_t i = 0; i < labels.n; i++) {
		(void)str_cut(labels.v[i], '=', &name, &value);       /* the parser has seen the '=' */
		buf_add(b, i == 0 ? S(",\"labels\":{") : S(","));
		buf_json(b, name);
		buf_char(b, ':');
		buf_json(b, value);
	}
	if (labels.n)
		buf_char(b, '}');
}

static struct str body_of(struct cli *c)
{
	struct buf b = BUF(BODY_MAX);
	int64_t severity = flag_number(c, "severity");
	buf_add(&b, S("{\"service\":"));
	buf_json(&b, c->args.v[0]);
	add_text(&b, "title", flag_text(c, "message"));
	add_text(&b, "description", flag_text(c, "description"));
	add_text(&b, "dedup_key", flag_text(c, "dedup"));
	if (severity)
		buf_fmt(&b, ",\"severity\":%lld", (long long)severity);
	add_links(c, &b);
	add_labels(c, &b);
	buf_char(&b, '}');
	struct str body = arena_str(&c->mem, buf_str(&b));
	buf_free(&b);
	return body;
}

static void tell(struct cli *c, const struct jv *incident)
{
	struct str form = flag_text(c, "output");
	const struct jv *number = json_get(incident, S("number"));
	long long n = number ? (long long)number->i : 0;
	struct buf b = BUF(BODY_MAX);
	if (str_eq(form, S("json"))) {
		json_write(&b, incident);
		fprintf(c->o->out, "%.*s\n", STR_ARG(buf_str(&b)));
	} else if (str_eq(form, S("ids"))) {
		fprintf(c->o->out, "%lld\n", n);
	} else {
		fprintf(c->o->out, c->o->is_terminal ? "#%lld %.*s  " : "%lld\t%.*s\t", n, STR_ARG(json_text(incident, S("status"))));
		put_text(c->o->out, json_text(incident, S("title")), PUT_LINE);
		fputc('\n', c->o->out);
	}
	buf_free(&b);
}

static struct str answered_by(const struct jv *incident)
{
	struct str by = json_text(incident, S("acknowledged_by"));
	return by.n ? by : json_text(incident, S("resolved_by"));
}

static bool is_answered(const struct jv *incident)
{
	struct str status = json_text(incident, S("status"));
	return str_eq(status, S("acknowledged")) || str_eq(status, S("resolved"));
}

/* One question, in memory of its own: waiting may take days. EXIT_UNREACHABLE: no answer yet, which a server that is away is too. */
static int ask_once(struct cli *c, struct str path)
{
	struct arena keep = c->mem;
	c->mem = ARENA(ASK_MAX);
	struct answered a = remote_call(c, "GET", path, S(""));
	int code = a.exit;
	if (a.exit == EXIT_DONE && !is_answered(a.json))
		code = EXIT_UNREACHABLE;
	else if (a.exit == EXIT_DONE)
		say(c, "%.*s by %.*s", STR_ARG(json_text(a.json, S("status"))), STR_ARG(answered_by(a.json)));
	else if (a.exit != EXIT_UNREACHABLE)
		(void)remote_complain(c, &a);
	arena_free(&c->mem);
	c->mem = keep;
	return code;
}

static int wait_for_ack(struct cli *c, struct str id, int64_t wait_ms)
{
	int64_t until = c->o->now_ms(c->o->ctx) + wait_ms;
	struct str path = incident_path(c, id, "");
	int code = EXIT_UNREACHABLE;
	while ((code = ask_once(c, path)) == EXIT_UNREACHABLE && c->o->now_ms(c->o->ctx) < until)
		c->o->sleep_ms(c->o->ctx, POLL_MS);
	if (code != EXIT_UNREACHABLE)
		return code;
	say(c, "nobody acknowledged in time");
	return EXIT_TRUE;
}

static int run(struct cli *c)
{
	if (!flag_on(c, "message")) {
		say(c, "trigger needs a message: tocsin trigger %.*s -m TEXT", STR_ARG(c->args.v[0]));
		return EXIT_USAGE;
	}
	struct answered a = remote_call(c, "POST", S("/api/v1/incidents"), body_of(c));
	if (a.exit)
		return remote_complain(c, &a);
	tell(c, a.json);
	int64_t wait_ms = flag_number(c, "wait-ack");
	return wait_ms ? wait_for_ack(c, json_text(a.json, S("id")), wait_ms) : EXIT_DONE;
}

const struct cli_command command_trigger = {
	.name = "trigger",
	.args = "SERVICE",
	.least = 1,
	.most = 1,
	.is_remote = true,
	.summary = "open an incident by hand",
	.flags = flags,
	.n_flags = COUNT(flags),
	.examples = { "tocsin trigger checkout -m 'cannot pay' --severity high", "tocsin trigger demo -m test --label env=dev --wait-ack 15m" },
	.see = "list, show",
	.exits = "0 1 2 4 8 10",
	.run = run,
};
