/* report.h - what is wrong with a configuration file, gathered and then shown all at once, with place and cure.
 *
 *	tocsin.yaml:95:17: error[TOCSIN1102]: no user "bruna"; did you mean "bruno" (defined at tocsin.yaml:65)?
 *	   95 |         users: [bruna, chen]
 *	      |                 ^^^^^
 *	1 error. `tocsin help TOCSIN1102` explains a code.
 */
#ifndef MAIN_REPORT_H
#define MAIN_REPORT_H
#include "base/base.h"

struct mark { size_t line, column, n; };              /* from 1; n characters are underlined. line 0: no place in the file */

/* Every code once: main/codes.h. */
enum code {
#define CODE(number, name, is_warning, doc) CODE_##name = number,
#include "main/codes.h"
#undef CODE
};
struct str code_doc(enum code c);                     /* what it means and what to do about it; empty: no such code */
bool code_find(struct str name, enum code *ret);      /* of "TOCSIN1102", in any case */

struct finding { enum code code; bool is_warning; struct mark at; struct str text; struct finding *next; };
struct report {
	struct arena *a;
	struct str file, text;                        /* how the file was named; what is in it */
	struct finding *head, *tail;
	size_t errors, warnings;
	bool is_lenient;                              /* secrets that cannot be read are warnings */
};
enum { FINDINGS_MAX = 200 };                          /* kept; the counts go on */

void report_add(struct report *r, enum code c, struct mark at, const char *fmt, ...) PRINTF_LIKE(4, 5);
bool report_has(const struct report *r, struct mark at, int c);      /* of exactly this place, with code c or, when it is 0, with any */

/* In the order of the file. A literal secret is starred out of the lines that are shown: a report may end in a log. */
enum report_form { REPORT_TEXT, REPORT_JSON, REPORT_GITHUB };
void report_write(struct report *r, struct buf *b, enum report_form form);
#endif
