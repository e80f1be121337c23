/* report.c - gathers findings and shows them; see report.h for how they look.
 *
 * Text from the file is shown as it stands but for control characters, which could play tricks on a terminal.
 */
#include "main/report.h"
#include "base/json.h"
#include <stdlib.h>
#include <strings.h>

static const struct code_row { enum code code; bool is_warning; const char *doc; } codes[] = {
#define CODE(number, name, is_warning, doc) { CODE_##name, is_warning, doc },
#include "main/codes.h"
#undef CODE
};

static const struct code_row *row_of(enum code c)
{
	for (size_t i = 0; i < COUNT(codes); i++)
		if (codes[i].code == c)
			return &codes[i];
	return NULL;
}

struct str code_doc(enum code c)
{
	const struct code_row *row = row_of(c);
	return str_c(row ? row->doc : NULL);
}

bool code_find(struct str name, enum code *ret)
{
	static const struct str prefix = { "TOCSIN", 6 };
	int64_t number;
	if (name.n <= prefix.n || strncasecmp(name.p, prefix.p, prefix.n) != 0 || !str_int(str_skip(name, prefix.n), &number))
		return false;
	for (size_t i = 0; i < COUNT(codes); i++)
		if ((int64_t)codes[i].code == number) {
			*ret = codes[i].code;
			return true;
		}
	return false;
}

void report_add(struct report *r, enum code c, struct mark at, const char *fmt, ...)
{
	const struct code_row *row = row_of(c);
	bool is_warning = row && row->is_warning;
	*(is_warning ? &r->warnings : &r->errors) += 1;
	if (r->errors + r->warnings > FINDINGS_MAX)
		return;
	struct buf b = BUF(4096);
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	struct finding *f = NEW(r->a, struct finding);
	struct str text = b.err ? S("the message is too long to show") : buf_str(&b);
	*f = (struct finding){ c, is_warning, at, arena_str(r->a, text), NULL };
	buf_free(&b);
	if (r->tail)
		r->tail->next = f;
	else
		r->head = f;
	r->tail = f;
}

bool report_has(const struct report *r, struct mark at, int c)
{
	const struct finding *f = r->head;
	while (f != NULL && (f->at.line != at.line || f->at.column != at.column || (c && (int)f->code != c)))
		f = f->next;
	return f != NULL;
}

static int by_place(const void *a, const void *b)
{
	const struct finding *x = *(const struct finding *const *)a, *y = *(const struct finding *const *)b;
	if (x->at.line != y->at.line)
		return x->at.line < y->at.line ? -1 : 1;
	if (x->at.column != y->at.column)
		return x->at.column < y->at.column ? -1 : 1;
	return (x->code > y->code) - (x->code < y->code);
}

static struct finding **in_order(const struct report *r, size_t *ret_n)
{
	size_t n = 0;
	for (const struct finding *f = r->head; f != NULL; f = f->next)
		n++;
	struct finding **v = NEWN(r->a, struct finding *, n + 1);
	size_t i = 0;
	for (struct finding *f = r->head; f != NULL; f = f->next)
		v[i++] = f;
	qsort(v, n, sizeof(struct finding *), by_place);
	*ret_n = n;
	return v;
}

static struct str line_of(struct str text, size_t line)
{
	struct str head = text, tail = text;
	for (size_t i = 1; i <= line; i++) {
		if (!str_cut(tail, '\n', &head, &tail)) {
			head = tail;
			tail = S("");
		}
	}
	if (head.n > 0 && head.p[head.n - 1] == '\r')
		head.n--;
	return head;
}

static bool is_follower(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static void add_shown(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		buf_char(b, (c < 0x20 && c != '\t') || c == 0x7f ? '?' : s.p[i]);
	}
}

/* The column from which a line holds a secret, or SIZE_MAX. */
static size_t secret_from(const struct report *r, size_t line)
{
	size_t from = SIZE_MAX;
	for (const struct finding *f = r->head; f != NULL; f = f->next)
		if (f->code == CODE_LITERAL && f->at.line == line && f->at.column < from)
			from = f->at.column;
	return from;
}

static void add_line(struct buf *b, const struct report *r, size_t number, struct str line)
{
	size_t from = secret_from(r, number), column = 1;
	buf_fmt(b, "%5zu | ", number);
	for (size_t i = 0; i < line.n; i++) {
		if (column < from)
			add_shown(b, (struct str){ line.p + i, 1 });
		else if (!is_follower(line.p[i]))
			buf_char(b, '*');
		column += i + 1 < line.n && !is_follower(line.p[i + 1]);
	}
}

/* Long lines are cut: the caret must stay in sight, and a file may be one line of a megabyte. */
enum { SHOWN_MAX = 200 };

/* The source line and a line of carets under it. Tabs stay tabs in both, so that they line up. */
static void add_source(struct buf *b, const struct report *r, struct mark at)
{
	struct str line = line_of(r->text, at.line);
	if (at.line == 0 || at.column > SHOWN_MAX || !str_is_utf8(line))
		return;
	size_t cut = line.n < SHOWN_MAX ? line.n : SHOWN_MAX;
	while (cut > 0 && cut < line.n && is_follower(line.p[cut]))
		cut--;
	add_line(b, r, at.line, (struct str){ line.p, cut });
	buf_add(b, S("\n      | "));
	size_t column = 1, i = 0;
	for (; i < cut && column < at.column; i++)
		if (!is_follower(line.p[i])) {
			column++;
			buf_char(b, line.p[i] == '\t' ? '\t' : ' ');
		}
	for (; column < at.column; column++)
		buf_char(b, ' ');
	for (size_t n = 0; n < (at.n ? at.n : 1) && n < SHOWN_MAX - at.column + 1; n++)
		buf_char(b, '^');
	buf_char(b, '\n');
}

static void add_finding(struct buf *b, const struct report *r, const struct finding *f)
{
	add_shown(b, r->file);
	if (f->at.line)
		buf_fmt(b, ":%zu:%zu", f->at.line, f->at.column);
	buf_fmt(b, ": %s[TOCSIN%d]: ", f->is_warning ? "warning" : "error", (int)f->code);
	add_shown(b, f->text);
	buf_char(b, '\n');
	add_source(b, r, f->at);
}

static void add_finding_json(struct buf *b, const struct report *r, const struct finding *f)
{
	buf_fmt(b, "{\"code\":\"TOCSIN%d\",\"level\":\"%s\",\"file\":", (int)f->code, f->is_warning ? "warning" : "error");
	buf_json(b, r->file);
	buf_fmt(b, ",\"line\":%zu,\"column\":%zu,\"message\":", f->at.line, f->at.column);
	buf_json(b, f->text);
	buf_char(b, '}');
}

/* Workflow commands: a value ends at a line end or, in the properties, at ',' or ':', hence the escapes. */
static void add_escaped(struct buf *b, struct str s, bool is_property)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '%' || s.p[i] == '\n' || s.p[i] == '\r' || (is_property && (s.p[i] == ',' || s.p[i] == ':')))
			buf_fmt(b, "%%%02X", (unsigned)(unsigned char)s.p[i]);
		else
			buf_char(b, s.p[i]);
	}
}

static void add_finding_github(struct buf *b, const struct report *r, const struct finding *f)
{
	buf_fmt(b, "::%s file=", f->is_warning ? "warning" : "error");
	add_escaped(b, r->file, true);
	if (f->at.line)
		buf_fmt(b, ",line=%zu,col=%zu", f->at.line, f->at.column);
	buf_fmt(b, ",title=TOCSIN%d::", (int)f->code);
	add_escaped(b, f->text, false);
	buf_char(b, '\n');
}

static void add_count(struct buf *b, size_t n, const char *noun)
{
	buf_fmt(b, "%zu %s%s", n, noun, n == 1 ? "" : "s");
}

/* Of the first error, or of the first warning when that is all there is. */
static enum code first_code(struct finding *const *v, size_t n)
{
	size_t i = 0;
	while (i + 1 < n && v[i]->is_warning)
		i++;
	return v[i]->is_warning ? v[0]->code : v[i]->code;
}

static void add_summary(struct buf *b, const struct report *r, enum code first)
{
	if (r->errors)
		add_count(b, r->errors, "error");
	if (r->errors && r->warnings)
		buf_add(b, S(", "));
	if (r->warnings)
		add_count(b, r->warnings, "warning");
	if (r->errors + r->warnings > FINDINGS_MAX)
		buf_fmt(b, " (the first %d shown)", FINDINGS_MAX);
	buf_fmt(b, ". `tocsin help TOCSIN%d` explains a code.\n", (int)first);
}

void report_write(struct report *r, struct buf *b, enum report_form form)
{
	static void (*const add[])(struct buf *, const struct report *, const struct finding *) = {
		[REPORT_TEXT] = add_finding, [REPORT_JSON] = add_finding_json, [REPORT_GITHUB] = add_finding_github,
	};
	size_t n;
	struct finding **v = in_order(r, &n);
	if (form == REPORT_JSON)
		buf_fmt(b, "{\"errors\":%zu,\"warnings\":%zu,\"findings\":[", r->errors, r->warnings);
	for (size_t i = 0; i < n; i++) {
		if (form == REPORT_JSON && i > 0)
			buf_char(b, ',');
		add[form](b, r, v[i]);
	}
	if (form == REPORT_JSON)
		buf_add(b, S("]}\n"));
	else if (form == REPORT_TEXT && n > 0)
		add_summary(b, r, first_code(v, n));
}
