/* text.c - text for terminals. Titles and notes come from strangers: a control character in them could move the cursor, change colours
 * or worse, so none gets through. Widths follow Unicode's East Asian wide and combining ranges closely enough for columns.
 */
#include "base/when.h"
#include "cli/table.h"
#include <errno.h>
#include <string.h>
#include <time.h>

/* The character at s.p[*at], which moves past it. Bytes that are no UTF-8 count as one character each. */
static uint32_t next_char(struct str s, size_t *at)
{
	static const struct { unsigned char mask, lead; size_t n; } form[] = { { 0x80, 0x00, 1 }, { 0xe0, 0xc0, 2 }, { 0xf0, 0xe0, 3 }, { 0xf8, 0xf0, 4 } };
	unsigned char first = (unsigned char)s.p[*at];
	for (size_t i = 0; i < COUNT(form); i++) {
		size_t n = form[i].n;
		if ((first & form[i].mask) != form[i].lead || s.n - *at < n || !str_is_utf8((struct str){ s.p + *at, n }))
			continue;
		uint32_t v = first & (uint32_t)(unsigned char)~form[i].mask;
		for (size_t k = 1; k < n; k++)
			v = v << 6 | ((unsigned char)s.p[*at + k] & 0x3fu);
		*at += n;
		return v;
	}
	*at += 1;
	return 0xfffd;
}

static bool is_control(uint32_t v)
{
	bool is_direction = v == 0x200e || v == 0x200f || (v >= 0x202a && v <= 0x202e) || (v >= 0x2066 && v <= 0x2069);   /* they reorder what is around them */
	return v < 0x20 || (v >= 0x7f && v < 0xa0) || v == 0x2028 || v == 0x2029 || is_direction;
}

static size_t char_width(uint32_t v)
{
	static const struct { uint32_t from, to; unsigned char width; } odd[] = {
		{ 0x0300, 0x036f, 0 }, { 0x0483, 0x0489, 0 }, { 0x0591, 0x05bd, 0 }, { 0x0610, 0x061a, 0 }, { 0x064b, 0x065f, 0 },
		{ 0x1100, 0x115f, 2 }, { 0x1ab0, 0x1aff, 0 }, { 0x1dc0, 0x1dff, 0 }, { 0x200b, 0x200f, 0 }, { 0x20d0, 0x20ff, 0 },
		{ 0x2e80, 0x303e, 2 }, { 0x3041, 0xa4cf, 2 }, { 0xac00, 0xd7a3, 2 }, { 0xf900, 0xfaff, 2 }, { 0xfe00, 0xfe0f, 0 },
		{ 0xfe20, 0xfe2f, 0 }, { 0xfe30, 0xfe6f, 2 }, { 0xff00, 0xff60, 2 }, { 0xffe0, 0xffe6, 2 }, { 0x1f300, 0x1f64f, 2 },
		{ 0x1f900, 0x1f9ff, 2 }, { 0x20000, 0x3fffd, 2 }, { 0xe0100, 0xe01ef, 0 },
	};
	for (size_t i = 0; i < COUNT(odd); i++)
		if (v >= odd[i].from && v <= odd[i].to)
			return odd[i].width;
	return 1;
}

size_t text_width(struct str s)
{
	size_t width = 0;
	for (size_t at = 0; at < s.n;)
		width += char_width(next_char(s, &at));
	return width;
}

struct str text_cut_to(struct arena *a, struct str s, size_t width, bool is_ascii)
{
	struct str dots = is_ascii ? S("...") : S("\xe2\x80\xa6");
	size_t room = width > text_width(dots) ? width - text_width(dots) : 0, used = 0, at = 0;
	if (text_width(s) <= width)
		return s;
	while (at < s.n) {
		size_t next = at;
		size_t w = char_width(next_char(s, &next));
		if (used + w > room)
			break;
		used += w;
		at = next;
	}
	return arena_fmt(a, "%.*s%.*s", (int)at, s.p, STR_ARG(dots));
}

void put_text(FILE *to, struct str s, enum put_how how)
{
	for (size_t at = 0; at < s.n;) {
		size_t from = at;
		uint32_t v = next_char(s, &at);
		bool is_space = v == '\n' || v == '\t' || v == '\r';
		if (is_space && how == PUT_LINES && v != '\r')
			fputc((int)v, to);
		else if (is_space)
			fputc(' ', to);
		else if (v == 0xfffd || is_control(v))
			fputc('?', to);
		else
			(void)fwrite(s.p + from, 1, at - from, to);       /* errors stick to the stream; cli_main asks at the end */
	}
}

struct str age_text(struct arena *a, int64_t ms)
{
	static const struct { int64_t ms; const char *unit; } units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" } };
	for (size_t i = 0; i < COUNT(units); i++)
		if (ms >= units[i].ms)
			return arena_fmt(a, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
	return S("now");
}

struct str local_time(struct arena *a, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];
	if (localtime_r(&seconds, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		return S("-");
	return arena_str(a, str_c(text));
}

static struct str env_of(const struct cli *c, const char *name)
{
	return str_c(c->o->env(c->o->ctx, name));
}

bool wants_colour(const struct cli *c)
{
	struct str when = flag_text(c, "color");
	if (str_eq(when, S("always")) || str_eq(when, S("never")))
		return str_eq(when, S("always"));
	if (env_of(c, "NO_COLOR").n)
		return false;
	struct str force = env_of(c, "CLICOLOR_FORCE");
	if (force.n && !str_eq(force, S("0")))
		return true;
	return c->o->is_terminal && !str_eq(env_of(c, "TERM"), S("dumb"));
}

/* The first of the three that is set decides, as in setlocale. None: the C locale. */
bool wants_ascii(const struct cli *c)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	for (size_t i = 0; i < COUNT(names); i++) {
		const char *value = c->o->env(c->o->ctx, names[i]);
		if (value && *value)
			return !strcasestr(value, "utf-8") && !strcasestr(value, "utf8");
	}
	return true;
}

int read_input(struct cli *c, size_t max, struct str *ret)
{
	struct buf b = BUF(max);
	char piece[4096];
	size_t n;
	while ((n = fread(piece, 1, sizeof piece, c->o->in)) > 0)
		buf_add(&b, (struct str){ piece, n });
	if (ferror(c->o->in) || b.err) {
		say(c, "standard input could not be read (%s)", b.err ? "more than can be taken" : strerror(errno));
		buf_free(&b);
		return EXIT_FAILED;
	}
	*ret = arena_str(&c->mem, buf_str(&b));
	buf_free(&b);
	return EXIT_DONE;
}
