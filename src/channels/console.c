/* console.c - a page as one line on the server's own terminal: for a first try, and as the channel that needs nothing.
 *
 *	PAGE #42 [5 critical] disk full on db1 - checkout - level 0 - target channel:console - ack: tocsin ack 42
 */
#include "channels/parts.h"
#include <errno.h>

/* No settings: the table is one row long because C has no empty arrays, and counts none. */
static const struct field no_fields[1];
static const struct entity console_entity = { "console", "A line on the server's terminal.", no_fields, 0,
	sizeof(const struct jv *) };

static int build(struct arena *a, const void *settings, const struct message *m, struct wire_request *ret, struct str *ret_why)
{
	(void)settings;
	const struct incident *in = m->incident;
	struct buf b = BUF(8 << 10);
	buf_fmt(&b, "PAGE #%lld [%lld ", (long long)in->number, (long long)in->severity);
	buf_add(&b, severity_name(in->severity));
	buf_add(&b, S("] "));
	line_add(&b, text_cut(in->title, 1024));
	buf_add(&b, S(" - "));
	line_add(&b, text_cut(m->service_name.n > 0 ? m->service_name : in->service, 200));
	buf_fmt(&b, " - level %lld - target ", (long long)m->page->level);
	line_add(&b, text_cut(m->page->target, 320));
	buf_fmt(&b, " - ack: tocsin ack %lld\n", (long long)in->number);
	struct str body = { 0 };
	int err = b.err ? b.err : str_keep(a, buf_str(&b), &body);
	buf_free(&b);
	if (err) {
		*ret_why = S("the line is too long for a terminal");
		return EINVAL;
	}
	*ret = (struct wire_request){ .url = S("console:"), .body = body };
	return 0;
}

static void judge(struct arena *a, const struct wire_reply *r, int64_t now_ms, struct channel_judgement *ret)
{
	(void)now_ms;
	bool is_shown = r->status / 100 == 2;
	struct buf b = BUF(1024);
	buf_add(&b, is_shown ? S("shown on the terminal") : S("not shown on the terminal: "));
	if (!is_shown)
		line_add(&b, text_cut(r->error, 300));
	*ret = (struct channel_judgement){ is_shown ? CHANNEL_DELIVERED : CHANNEL_RETRY, 0, arena_str(a, buf_str(&b)) };
	buf_free(&b);
}

static struct str check_address(struct arena *a, struct str address)
{
	(void)a;                                                  /* the sentence is always the same */
	return address.n > 0 ? S("a console takes no address: write channel:ID") : S("");
}

static struct str check_settings(struct arena *a, const void *settings)
{
	(void)a, (void)settings;                                  /* there is nothing to set */
	return S("");
}

const struct channel channel_console = {
	.name = "console", .doc = "A line on the server's terminal.", .settings = &console_entity,
	.build = build, .judge = judge, .check_address = check_address,
	.check_settings = check_settings,
};
