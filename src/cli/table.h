/* table.h - what a person sees and what a script reads: lists as aligned tables, tab-separated lines, CSV, JSON or ids; text from strangers
 * without control characters; colours, symbols and relative times where they belong.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H
#include "cli/command.h"

enum cell_kind { CELL_TEXT, CELL_NUMBER, CELL_STATUS, CELL_SEVERITY, CELL_TIME, CELL_WORDS };
enum { COLUMN_WIDE = 1, COLUMN_FLEX = 2, COLUMN_ID = 4 };      /* only in -o wide; gives way first when the line is too long; what -o ids prints */
struct column { const char *key, *title; enum cell_kind kind; unsigned flags; };

/* The flags that every command with a table has, for its flag list. */
#define TABLE_FORMS "table wide json csv ids"
#define TABLE_FLAGS \
	{ .name = "output", .letter = 'o', .type = FLAG_WORD, .arg = "FORM", .words = TABLE_FORMS, .doc = "How to print; see `tocsin help output`." }, \
	{ .name = "header", .type = FLAG_BOOL, .doc = "A heading in front of tab-separated lines." }

/* Prints the rows as -o, the terminal and --header say. */
void table_print(struct cli *c, const struct column *columns, size_t n_columns, const struct jv *const *rows, size_t n);

/* One value as people read it, without colour. */
struct str cell_text(struct cli *c, const struct column *column, const struct jv *row, bool is_human);
struct str colour_of(const struct cli *c, const struct column *column, const struct jv *row);     /* escape sequence, or empty */
struct str age_text(struct arena *a, int64_t ms);                                                  /* 45s, 12m, 3h, 2d */
struct str local_time(struct arena *a, int64_t ms);                                                /* 2026-01-02 03:04:05, local zone */
bool wants_colour(const struct cli *c);
bool wants_ascii(const struct cli *c);
#define COLOUR_END "\033[0m"

/* PUT_LINE: line ends and tabs become blanks. PUT_LINES: they stay. Other control characters never get through. */
enum put_how { PUT_LINE, PUT_LINES };
void put_text(FILE *to, struct str s, enum put_how how);
size_t text_width(struct str s);                                      /* columns on a terminal */
struct str text_cut_to(struct arena *a, struct str s, size_t width, bool is_ascii);

/* All rows of a listing of the server, as a table. An exit code; what went wrong has been said. */
int table_of(struct cli *c, struct str path, const struct column *columns, size_t n);

/* All of standard input, at most max bytes. EXIT_FAILED after having said why. */
int read_input(struct cli *c, size_t max, struct str *ret);
#endif
