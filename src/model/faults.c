/* faults.c - gathers what is wrong with a text. A list of faults is bounded by its number, each sentence by its length,
 * so that no input can make the answer to it large; what does not fit any more is counted all the same.
 */
#include "model/desc.h"
#include <stdio.h>
#include <string.h>

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

/* Paths of faults are written for people, links[2].href; a pointer (RFC 6901) is #/links/2/href. */
static void pointer_write(struct buf *b, struct str path)
{
	struct buf p = BUF(4096);
	buf_char(&p, '#');
	if (path.n > 0)
		buf_char(&p, '/');
	for (size_t i = 0; i < path.n; i++) {
		static const char *const as[256] = { ['.'] = "/", ['['] = "/", [']'] = "", ['/'] = "~1", ['~'] = "~0" };
		const char *text = as[(unsigned char)path.p[i]];
		bool is_first = i == 0 && text != NULL && strcmp(text, "/") == 0;        /* [0].x: the slash is there */
		if (text == NULL)
			buf_char(&p, path.p[i]);
		else if (!is_first)
			buf_add(&p, str_c(text));
	}
	buf_json(b, buf_str(&p));
	buf_free(&p);
}

void faults_json(const struct faults *f, struct buf *b)
{
	const char *comma = "";
	buf_char(b, '[');
	for (const struct fault *x = f->head; x != NULL; x = x->next, comma = ",") {
		buf_fmt(b, "%s{\"pointer\":", comma);
		pointer_write(b, x->path);
		buf_add(b, S(",\"detail\":"));
		buf_json(b, x->what);
		buf_char(b, '}');
	}
	buf_char(b, ']');
}
