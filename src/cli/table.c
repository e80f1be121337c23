/* table.c - rows of JSON as a person or a script wants them. One description of the columns serves every form. */
#include "cli/table.h"
#include "base/when.h"
#include "cli/remote.h"
#include <stdlib.h>
#include <string.h>

static const struct status_look { const char *word, *symbol, *ascii, *colour; } looks[] = {
	{ "detected", "\xe2\x97\x8f", "!", "\033[31m" },
	{ "acknowledged", "\xe2\x97\x90", "~", "\033[33m" },
	{ "resolved", "\xe2\x9c\x93", "-", "\033[32m" },
};
static const char *const severity_colours[] = { "", "\033[2m", "", "\033[33m", "\033[31m", "\033[1;31m" };

static const struct status_look *look_of(struct str word)
{
	for (size_t i = 0; i < COUNT(looks); i++)
		if (str_eq(str_c(looks[i].word), word))
			return &looks[i];
	return NULL;
}

static struct str status_text(struct cli *c, struct str word)
{
	const struct status_look *look = look_of(word);
	return look ? arena_fmt(&c->mem, "%s %s", wants_ascii(c) ? look->ascii : look->symbol, look->word) : word;
}

static struct str words_text(struct cli *c, const struct jv *v)
{
	struct str all = S("");
	for (const struct jv *k = v->kid; k != NULL; k = k->next)
		if (k->t == J_STR)
			all = arena_fmt(&c->mem, "%.*s%s%.*s", STR_ARG(all), all.n ? "," : "", STR_ARG(k->s));
	return all;
}

static struct str time_text(struct cli *c, struct str text)
{
	int64_t ms;
	if (when_read(text, &ms))
		return text;
	return age_text(&c->mem, c->o->now_ms(c->o->ctx) - ms);
}

struct str cell_text(struct cli *c, const struct column *column, const struct jv *row, bool is_human)
{
	const struct jv *v = json_get(row, str_c(column->key));
	if (v == NULL || v->t == J_NULL)
		return is_human ? S("-") : S("");
	if (v->t == J_ARR)
		return words_text(c, v);
	struct str text = v->t == J_INT ? arena_fmt(&c->mem, "%lld", (long long)v->i) : v->t == J_BOOL ? (v->i ? S("true") : S("false")) : v->s;
	if (!is_human)
		return text;
	if (column->kind == CELL_STATUS)
		return status_text(c, text);
	if (column->kind == CELL_SEVERITY && v->t == J_INT)
		return arena_fmt(&c->mem, "%.*s %.*s", STR_ARG(text), STR_ARG(severity_name(v->i)));
	if (column->kind == CELL_TIME)
		return time_text(c, text);
	return text.n ? text : S("-");
}

struct str colour_of(const struct cli *c, const struct column *column, const struct jv *row)
{
	const struct jv *v = json_get(row, str_c(column->key));
	if (v == NULL || !wants_colour(c))
		return S("");
	const struct status_look *look = column->kind == CELL_STATUS ? look_of(v->s) : NULL;
	if (look)
		return str_c(look->colour);
	bool is_severity = column->kind == CELL_SEVERITY && v->i >= 1 && v->i <= 5;
	return is_severity ? str_c(severity_colours[v->i]) : S("");
}

struct grid { struct cli *c; const struct column *columns; size_t n_columns; const struct jv *const *rows; size_t n; bool is_wide; };

static bool is_in(const struct grid *g, const struct column *k)
{
	return g->is_wide || !(k->flags & COLUMN_WIDE);
}

static const struct column *last_column(const struct grid *g)
{
	const struct column *last = g->columns;
	for (const struct column *k = g->columns; k < g->columns + g->n_columns; k++)
		if (is_in(g, k))
			last = k;
	return last;
}

static void print_json(const struct grid *g)
{
	struct buf b = BUF((size_t)256 << 20);
	buf_char(&b, '[');
	for (size_t i = 0; i < g->n; i++) {
		if (i > 0)
			buf_add(&b, S(",\n "));
		json_write(&b, g->rows[i]);
	}
	buf_add(&b, S("]\n"));
	(void)fwrite(b.p, 1, b.n, g->c->o->out);           /* errors stick to the stream; cli_main asks at the end */
	buf_free(&b);
}

/* A cell that a spreadsheet would run as a formula gets an apostrophe in front. */
static void csv_cell(FILE *to, struct str s)
{
	fputc('"', to);
	if (s.n && strchr("=+-@\t\r", s.p[0]))
		fputc('\'', to);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			fputc('"', to);
		fputc(s.p[i], to);
	}
	fputc('"', to);
}

static void print_csv(const struct grid *g)
{
	FILE *out = g->c->o->out;
	for (size_t k = 0; k < g->n_columns; k++)
		fprintf(out, "%s%s", k ? "," : "", g->columns[k].key);
	fputs("\r\n", out);
	for (size_t i = 0; i < g->n; i++) {
		for (size_t k = 0; k < g->n_columns; k++) {
			if (k > 0)
				fputc(',', out);
			csv_cell(out, cell_text(g->c, &g->columns[k], g->rows[i], false));
		}
		fputs("\r\n", out);
	}
}

static void print_ids(const struct grid *g)
{
	for (const struct column *k = g->columns; k < g->columns + g->n_columns; k++)
		for (size_t i = 0; (k->flags & COLUMN_ID) && i < g->n; i++) {
			put_text(g->c->o->out, cell_text(g->c, k, g->rows[i], false), PUT_LINE);
			fputc('\n', g->c->o->out);
		}
}

static void print_lines(const struct grid *g)
{
	FILE *out = g->c->o->out;
	const struct column *last = last_column(g);
	bool has_header = flag_on(g->c, "header");
	for (size_t i = 0; i < g->n + has_header; i++)
		for (const struct column *k = g->columns; k <= last; k++) {
			if (!is_in(g, k))
				continue;
			bool is_header = has_header && i == 0;
			put_text(out, is_header ? str_c(k->key) : cell_text(g->c, k, g->rows[i - has_header], false), PUT_LINE);
			fputc(k == last ? '\n' : '\t', out);
		}
}

enum { FLEX_LEAST = 10, COLUMNS_MAX = 24 };

/* The widths that the cells want; the flexible column gives way until the line fits. */
static void find_widths(const struct grid *g, size_t *width)
{
	size_t sum = 0, flex = g->n_columns;
	for (size_t k = 0; k < g->n_columns; k++) {
		const struct column *col = &g->columns[k];
		width[k] = strlen(col->title);
		for (size_t i = 0; i < g->n; i++) {
			size_t w = text_width(cell_text(g->c, col, g->rows[i], true));
			width[k] = w > width[k] ? w : width[k];
		}
		sum += is_in(g, col) ? width[k] + 2 : 0;
		flex = col->flags & COLUMN_FLEX ? k : flex;
	}
	size_t room = g->c->o->is_terminal ? (size_t)g->c->o->width + 2 : 0;
	if (room == 2 || room == 0 || sum <= room || flex == g->n_columns)
		return;
	width[flex] = width[flex] > sum - room + FLEX_LEAST ? width[flex] - (sum - room) : FLEX_LEAST;
}

static void print_cell(const struct grid *g, const struct column *k, struct str text, struct str colour, size_t width)
{
	FILE *out = g->c->o->out;
	bool is_last = k == last_column(g), is_right = k->kind == CELL_NUMBER;
	text = text_cut_to(&g->c->mem, text, width, wants_ascii(g->c));
	size_t pad = width - text_width(text);
	fprintf(out, "%*s%.*s", is_right ? (int)pad : 0, "", STR_ARG(colour));
	put_text(out, text, PUT_LINE);
	fprintf(out, "%s%*s", colour.n ? COLOUR_END : "", is_right || is_last ? 0 : (int)pad, "");
	fputs(is_last ? "\n" : "  ", out);
}

static void print_table(const struct grid *g)
{
	size_t width[COLUMNS_MAX];
	if (g->n == 0)
		return;
	find_widths(g, width);
	for (size_t i = 0; i <= g->n; i++)
		for (size_t k = 0; k < g->n_columns; k++) {
			const struct column *col = &g->columns[k];
			if (!is_in(g, col))
				continue;
			if (i == 0)
				print_cell(g, col, str_c(col->title), S(""), width[k]);
			else
				print_cell(g, col, cell_text(g->c, col, g->rows[i - 1], true), colour_of(g->c, col, g->rows[i - 1]), width[k]);
		}
}

void table_print(struct cli *c, const struct column *columns, size_t n_columns, const struct jv *const *rows, size_t n)
{
	static const struct { const char *form; bool is_wide; void (*print)(const struct grid *); } forms[] = {
		{ "table", false, print_table }, { "wide", true, print_table }, { "json", false, print_json },
		{ "csv", false, print_csv },     { "ids", false, print_ids },
	};
	struct grid g = { c, columns, n_columns, rows, n, false };
	struct str form = flag_text(c, "output");
	void (*print)(const struct grid *) = c->o->is_terminal ? print_table : print_lines;
	for (size_t i = 0; i < COUNT(forms); i++)
		if (str_eq(str_c(forms[i].form), form)) {
			g.is_wide = forms[i].is_wide;
			print = forms[i].print;
		}
	print(&g);
}

struct gathering { const struct jv **rows; size_t n, cap; };

static bool take(void *ctx, const struct jv *row)
{
	struct gathering *g = ctx;
	if (g->n == g->cap) {
		g->cap = g->cap ? g->cap * 2 : 64;
		g->rows = xrealloc(g->rows, g->cap * sizeof *g->rows);
	}
	g->rows[g->n++] = row;
	return true;
}

int table_of(struct cli *c, struct str path, const struct column *columns, size_t n)
{
	struct gathering g = { 0 };
	struct answered a = remote_rows(c, path, take, &g);
	if (a.exit)
		(void)remote_complain(c, &a);                      /* the code is in a already */
	else
		table_print(c, columns, n, g.rows, g.n);
	free(g.rows);
	return a.exit;
}
