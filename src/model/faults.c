/* faults.c - gathers what is wrong with a text. A list of faults is bounded by its number, each sentence by its length,
 * so that no input can make the answer to it large; what does not fit any more is counted all the same.
 */
#include "model/desc.h"
#include <stdio.h>

enum { SENTENCE_MAX = 1024 };

void fault_add(struct faults *f, const struct jv *at, struct str path, const char *fmt, ...)
{
	char text[SENTENCE_MAX];
	struct fault *new = f->n++ < FAULTS_MAX ? arena_alloc(f->a, 1, sizeof *new) : NULL;
	if (new == NULL)
		return;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	struct str what = { text, n < SENTENCE_MAX ? (size_t)n : SENTENCE_MAX - 1 };
	what.n = str_utf8_span(what);                     /* a cut character would make the answer invalid */
	new->at = at;
	if (str_keep(f->a, path, &new->path) || str_keep(f->a, what, &new->what))
		return;
	*(f->tail ? &f->tail->next : &f->head) = new;
	f->tail = new;
}

void faults_write(const struct faults *f, struct buf *b)
{
	size_t listed = 0;
	for (const struct fault *x = f->head; x != NULL; x = x->next, listed++) {
		if (x->path.n > 0)
			buf_fmt(b, "%.*s: ", STR_ARG(x->path));
		buf_add(b, x->what);
		buf_char(b, '\n');
	}
	if (f->n > listed)
		buf_fmt(b, "and %zu more\n", f->n - listed);
}
