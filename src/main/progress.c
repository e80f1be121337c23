/* progress.c - see progress.h. */
#include "main/progress.h"
#include "base/when.h"
#include <string.h>

enum { BAR_WIDTH = 24, BAR_EVERY_MS = 100, LINE_EVERY_MS = 5000, LINE_MAX_BYTES = 512 };

static int64_t now_ms(const struct progress *p)
{
	return p->c->o->now_ms(p->c->o->ctx);
}

void progress_init(struct progress *p, struct cli *c)
{
	*p = (struct progress){ .c = c, .is_quiet = flag_on(c, "quiet") };
}

/* ", 9800/s, 12s left": what the time since its beginning lets one expect. */
static void add_rate(struct buf *b, const struct progress *p)
{
	int64_t ms = now_ms(p) - p->began_ms;
	uint64_t rate = ms > 0 ? p->done * 1000 / (uint64_t)ms : 0;
	if (rate == 0)
		return;
	buf_fmt(b, ", %llu/s", (unsigned long long)rate);
	if (p->total <= p->done)
		return;
	buf_add(b, S(", "));
	duration_write(b, (int64_t)((p->total - p->done) / rate + 1) * 1000);
	buf_add(b, S(" left"));
}

static void add_bar(struct buf *b, uint64_t percent)
{
	buf_add(b, S("  ["));
	for (uint64_t i = 0; i < BAR_WIDTH; i++)
		buf_char(b, i < percent * BAR_WIDTH / 100 ? '#' : '.');
	buf_char(b, ']');
}

static void write_state(struct buf *b, const struct progress *p)
{
	uint64_t percent = p->total == 0 ? 0 : p->done >= p->total ? 100 : p->done * 100 / p->total;
	buf_fmt(b, "%-9s", p->what);
	if (p->total > 0 && p->c->o->is_talk_terminal)
		add_bar(b, percent);
	if (p->total > 0)
		buf_fmt(b, " %3llu %%  %llu of %llu documents", (unsigned long long)percent, (unsigned long long)p->done, (unsigned long long)p->total);
	else
		buf_fmt(b, " %llu documents", (unsigned long long)p->done);
	add_rate(b, p);
}

static void tell(struct progress *p)
{
	struct buf b = BUF(LINE_MAX_BYTES);
	bool is_bar = p->c->o->is_talk_terminal;
	write_state(&b, p);
	fprintf(p->c->o->err, is_bar ? "\r%.*s\033[K" : "%.*s\n", STR_ARG(buf_str(&b)));
	fflush(p->c->o->err);
	p->has_line = is_bar;
	p->told_ms = now_ms(p);
	buf_free(&b);
}

void progress_at(struct progress *p, const char *what, uint64_t done, uint64_t total)
{
	bool is_new = p->what == NULL || strcmp(p->what, what) != 0;
	if (p->is_quiet)
		return;
	if (is_new) {
		progress_end(p);
		p->began_ms = p->told_ms = now_ms(p);
		p->what = what;
	}
	p->done = done;
	p->total = total;
	if (now_ms(p) - p->told_ms >= (p->c->o->is_talk_terminal ? BAR_EVERY_MS : LINE_EVERY_MS))
		tell(p);
}

void progress_end(struct progress *p)
{
	if (!p->has_line)
		return;
	tell(p);
	fputc('\n', p->c->o->err);
	p->has_line = false;
}
