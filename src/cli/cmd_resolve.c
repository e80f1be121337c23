/* cmd_resolve.c - `tocsin resolve`: ends incidents, with the cause and what was done. */
#include "cli/remote.h"

/* clang-format off */
static const struct flag flags[] = {
	{ .name = "cause", .type = FLAG_TEXT, .arg = "TEXT", .doc = "Why it happened." },
	{ .name = "step",  .type = FLAG_TEXT, .arg = "TEXT", .is_many = true, .doc = "What was done; one for each step, in order." },
	{ .name = "output", .letter = 'o', .type = FLAG_WORD, .arg = "FORM", .words = "json", .doc = "json: what became of each id." },
};
/* clang-format on */

static struct str body_of(struct cli *c)
{
	struct buf b = BUF(1 << 20);
	struct str_list steps = flag_all(c, "step");
	buf_add(&b, S("{\"root_cause\":"));
	buf_json(&b, flag_text(c, "cause"));
	buf_add(&b, S(",\"resolution_steps\":["));
	for (size_t i = 0; i < steps.n; i++) {
		if (i > 0)
			buf_char(&b, ',');
		buf_json(&b, steps.v[i]);
	}
	buf_add(&b, S("]}"));
	struct str body = arena_str(&c->mem, buf_str(&b));
	buf_free(&b);
	return body;
}

static struct answered resolve(struct cli *c, struct str id)
{
	return remote_call(c, "POST", incident_path(c, id, "resolve"), body_of(c));
}

static int run(struct cli *c)
{
	return remote_each(c, resolve, "resolved");
}

const struct cli_command command_resolve = {
	.name = "resolve",
	.args = "ID...",
	.least = 1,
	.most = -1,
	.has_ids = true,
	.is_remote = true,
	.summary = "resolve incidents, with their root cause",
	.detail = "The cause and the steps are kept with every incident named.",
	.flags = flags,
	.n_flags = COUNT(flags),
	.examples = { "tocsin resolve 42 --cause 'disk full' --step 'removed old logs'", "tocsin resolve 42 43" },
	.see = "ack, note, show",
	.exits = "0 1 2 4 5 6 7 8",
	.run = run,
};
