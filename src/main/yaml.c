/* yaml.c - libyaml's events made into a tree of our own; libyaml behind one door, where our limits live.
 *
 * Events are read to the end even after a finding, so that one reading names all that is wrong; only what libyaml itself
 * cannot read ends it. The tree is made while reading and never deeper than YAML_DEPTH_MAX, so recursion over it is safe.
 */
#include "main/yaml.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	struct arena *a;
	struct report *r;
	size_t nodes;
	bool is_stopped;                 /* cannot go on: libyaml gave up, or a limit was passed */
};

static struct mark mark_of(const yaml_mark_t *from, const yaml_mark_t *to)
{
	size_t n = from->line == to->line && to->column > from->column ? to->column - from->column : 1;
	return (struct mark){ from->line + 1, from->column + 1, n };
}

static struct mark place_of(const yaml_event_t *ev)
{
	bool is_block = ev->type == YAML_MAPPING_START_EVENT || ev->type == YAML_SEQUENCE_START_EVENT;
	return mark_of(&ev->start_mark, is_block ? &ev->start_mark : &ev->end_mark);
}

/* Line and column of a byte: what libyaml says of bytes that are no characters. */
static struct mark mark_at_byte(struct str text, size_t at)
{
	struct mark m = { 1, 1, 1 };
	for (size_t i = 0; i < at && i < text.n; i++) {
		if (text.p[i] == '\n')
			m = (struct mark){ m.line + 1, 1, 1 };
		else if (((unsigned char)text.p[i] & 0xc0) != 0x80)
			m.column++;
	}
	return m;
}

/* The first byte of the character at a place; libyaml counts characters. */
static char char_at(struct str text, struct mark at)
{
	struct mark m = { 1, 1, 1 };
	size_t i = 0;
	while (i < text.n && (m.line != at.line || m.column != at.column)) {
		bool is_end = text.p[i++] == '\n';
		while (i < text.n && ((unsigned char)text.p[i] & 0xc0) == 0x80)
			i++;
		m = is_end ? (struct mark){ m.line + 1, 1, 1 } : (struct mark){ m.line, m.column + 1, 1 };
	}
	return i < text.n ? text.p[i] : '\0';
}

static void stop(struct reader *x, enum code c, struct mark at, const char *what)
{
	if (!x->is_stopped)
		report_add(x->r, c, at, "%s", what);
	x->is_stopped = true;
}

/* libyaml's sentences speak to its developers; these are the ones people meet. */
static const char *for_people(const char *problem)
{
	static const struct { const char *theirs, *ours; } say[] = {
		{ "found character that cannot start any token", "this character cannot begin a value: indent with blanks instead of tabs, quote values that begin with @ ` or %" },
		{ "found a tab character that violates indentation", "indented with a tab: use blanks" },
		{ "found a tab character where an indentation space is expected", "indented with a tab: use blanks" },
		{ "mapping values are not allowed in this context", "a second ': ' on this line: quote the value, or begin a new line" },
		{ "did not find expected key", "no key where one is expected: check the indentation of this line and the ones above" },
		{ "could not find expected ':'", "no ':' after the key: write KEY: VALUE" },
		{ "did not find expected '-' indicator", "no '- ' where the next element of the list is expected: check the indentation" },
		{ "did not find expected ',' or ']'", "the list in [ ] does not end: a ',' or the ']' is missing" },
		{ "did not find expected ',' or '}'", "the mapping in { } does not end: a ',' or the '}' is missing" },
		{ "found unexpected end of stream", "the file ends inside a quoted text: the closing quote is missing" },
		{ "control characters are not allowed", "a control character: remove it" },
	};
	for (size_t i = 0; i < COUNT(say); i++)
		if (strcmp(problem, say[i].theirs) == 0)
			return say[i].ours;
	return problem;
}

static void stop_at_problem(struct reader *x)
{
	const yaml_parser_t *p = &x->parser;
	const char *problem = p->problem ? p->problem : "this cannot be read";
	if (p->error == YAML_READER_ERROR) {
		bool is_control = strcmp(problem, "control characters are not allowed") == 0;
		stop(x, CODE_SYNTAX, mark_at_byte(x->r->text, p->problem_offset),
		    is_control ? for_people(problem) : "the bytes here are not UTF-8: save the file as UTF-8");
		return;
	}
	struct mark at = mark_of(&p->problem_mark, &p->problem_mark);
	stop(x, CODE_SYNTAX, at, char_at(x->r->text, at) == '\t' ? "indented with a tab: use blanks" : for_people(problem));
}

static bool next_event(struct reader *x, yaml_event_t *ev)
{
	if (x->is_stopped)
		return false;
	if (yaml_parser_parse(&x->parser, ev))
		return true;
	stop_at_problem(x);
	return false;
}

static void refuse_extras(struct reader *x, const yaml_event_t *ev, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		report_add(x->r, CODE_REFUSED_YAML, place_of(ev), "the anchor &%s is refused: write the value out where it is used", (const char *)anchor);
	if (tag)
		report_add(x->r, CODE_REFUSED_YAML, place_of(ev), "the tag %s is refused: every key knows its own type", (const char *)tag);
}

static struct ynode *node_new(struct reader *x, const yaml_event_t *ev, enum jtype t)
{
	if (++x->nodes > YAML_NODES_MAX)
		stop(x, CODE_TOO_LARGE, place_of(ev), "more than 50000 values in one file");
	struct ynode *n = NEW(x->a, struct ynode);
	n->jv.t = t;
	n->at = place_of(ev);
	return n;
}

static struct ynode *read_scalar(struct reader *x, const yaml_event_t *ev)
{
	struct str text = { (const char *)ev->data.scalar.value, ev->data.scalar.length };
	bool is_nothing = text.n == 0 && ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct ynode *n = node_new(x, ev, is_nothing ? J_NULL : J_STR);
	refuse_extras(x, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
	if (text.n && memchr(text.p, '\0', text.n))      /* file names and variables would end there */
		report_add(x->r, CODE_SYNTAX, n->at, "a NUL character: remove it");
	n->jv.s = arena_str(x->a, text);
	return n;
}

static struct ynode *read_node(struct reader *x, yaml_event_t *ev, int depth);

static struct ynode *read_sequence(struct reader *x, const yaml_event_t *start, int depth)
{
	struct ynode *list = node_new(x, start, J_ARR);
	struct jv **end = &list->jv.kid;
	yaml_event_t ev;
	refuse_extras(x, start, start->data.sequence_start.anchor, start->data.sequence_start.tag);
	while (next_event(x, &ev)) {
		if (ev.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&ev);
			break;
		}
		struct ynode *n = read_node(x, &ev, depth + 1);
		*end = &n->jv;
		end = &n->jv.next;
	}
	return list;
}

static int by_key(const void *a, const void *b)
{
	const struct ynode *x = *(const struct ynode *const *)a, *y = *(const struct ynode *const *)b;
	int c = str_cmp(x->jv.key, y->jv.key);
	if (c == 0 && x->key_at.line != y->key_at.line)
		return x->key_at.line < y->key_at.line ? -1 : 1;
	return c ? c : (x->key_at.column > y->key_at.column) - (x->key_at.column < y->key_at.column);
}

static void find_twins(struct reader *x, const struct ynode *map, size_t n)
{
	const struct ynode **v = NEWN(x->a, const struct ynode *, n + 1);
	size_t i = 0;
	for (const struct jv *m = map->jv.kid; m != NULL; m = m->next)
		v[i++] = ynode(m);
	qsort(v, n, sizeof(const struct ynode *), by_key);
	for (i = 1; i < n; i++)
		if (str_eq(v[i]->jv.key, v[i - 1]->jv.key))
			report_add(x->r, CODE_KEY_TWICE, v[i]->key_at, "the key \"%.*s\" is here twice; the first is at %.*s:%zu",
			    STR_ARG(v[i]->jv.key), STR_ARG(x->r->file), v[i - 1]->key_at.line);
}

/* One key and its value; NULL when the mapping has ended. */
static struct ynode *read_member(struct reader *x, int depth, bool *ret_is_end)
{
	yaml_event_t ev;
	*ret_is_end = true;
	if (!next_event(x, &ev))
		return NULL;
	if (ev.type == YAML_MAPPING_END_EVENT) {
		yaml_event_delete(&ev);
		return NULL;
	}
	struct ynode *key = read_node(x, &ev, depth + 1);
	if (!next_event(x, &ev))
		return NULL;
	struct ynode *value = read_node(x, &ev, depth + 1);
	*ret_is_end = false;
	value->jv.key = key->jv.s;
	value->key_at = key->at;
	if (key->jv.t == J_STR)
		return value;
	report_add(x->r, CODE_REFUSED_YAML, key->at, "a key must be a word");
	return NULL;
}

static struct ynode *read_mapping(struct reader *x, const yaml_event_t *start, int depth)
{
	struct ynode *map = node_new(x, start, J_OBJ);
	struct jv **end = &map->jv.kid;
	size_t n = 0;
	refuse_extras(x, start, start->data.mapping_start.anchor, start->data.mapping_start.tag);
	for (bool is_end = false; !is_end;) {
		struct ynode *m = read_member(x, depth, &is_end);
		if (m == NULL)
			continue;
		*end = &m->jv;
		end = &m->jv.next;
		n++;
	}
	find_twins(x, map, n);
	return map;
}

/* The node that begins with this event; the event is consumed. */
static struct ynode *read_node(struct reader *x, yaml_event_t *ev, int depth)
{
	struct ynode *n;
	if (depth > YAML_DEPTH_MAX)
		stop(x, CODE_TOO_LARGE, place_of(ev), "nested deeper than 32");
	if (ev->type == YAML_SCALAR_EVENT) {
		n = read_scalar(x, ev);
	} else if (ev->type == YAML_SEQUENCE_START_EVENT) {
		n = read_sequence(x, ev, depth);
	} else if (ev->type == YAML_MAPPING_START_EVENT) {
		n = read_mapping(x, ev, depth);
	} else {                                          /* libyaml gives nothing else where a node is due */
		n = node_new(x, ev, J_NULL);
		report_add(x->r, CODE_REFUSED_YAML, n->at, "the alias *%s is refused: write the value out",
		    ev->type == YAML_ALIAS_EVENT ? (const char *)ev->data.alias.anchor : "");
	}
	yaml_event_delete(ev);
	return n;
}

static struct ynode *read_stream(struct reader *x)
{
	struct ynode *root = NULL;
	yaml_event_t ev;
	bool is_end = false;
	while (!is_end && next_event(x, &ev)) {
		is_end = ev.type == YAML_STREAM_END_EVENT;
		if (ev.type == YAML_DOCUMENT_START_EVENT && root != NULL) {
			stop(x, CODE_REFUSED_YAML, place_of(&ev), "a second document begins here: one file holds one configuration");
		} else if (ev.type == YAML_SCALAR_EVENT || ev.type == YAML_ALIAS_EVENT || ev.type == YAML_SEQUENCE_START_EVENT ||
		    ev.type == YAML_MAPPING_START_EVENT) {
			root = read_node(x, &ev, 0);
			continue;
		}
		yaml_event_delete(&ev);
	}
	return root;
}

struct ynode *yaml_read(struct arena *a, struct report *r, struct str text)
{
	static const struct str bom = { "\xef\xbb\xbf", 3 };
	struct reader x = { .a = a, .r = r };
	if (str_starts(text, bom))
		text = str_skip(text, bom.n);
	r->text = text;
	if (!yaml_parser_initialize(&x.parser)) {
		stop(&x, CODE_TOO_LARGE, (struct mark){ 0 }, "no memory for reading the file");
		return NULL;
	}
	yaml_parser_set_encoding(&x.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&x.parser, (const unsigned char *)text.p, text.n);
	struct ynode *root = read_stream(&x);
	yaml_parser_delete(&x.parser);
	return x.is_stopped ? NULL : root;
}

/* One step down: the member whose key begins the path and ends at '.', '[' or its end; or the element "[n]". */
static const struct ynode *step(const struct ynode *n, struct str path, struct str *ret_rest)
{
	int64_t index = 0;
	struct str head, rest;
	if (n->jv.t == J_ARR && str_starts(path, S("[")) && str_cut(str_skip(path, 1), ']', &head, &rest) && str_int(head, &index)) {
		const struct jv *e = n->jv.kid;
		for (; e != NULL && index > 0; index--)
			e = e->next;
		*ret_rest = rest;
		return e ? ynode(e) : NULL;
	}
	for (const struct jv *m = n->jv.t == J_OBJ ? n->jv.kid : NULL; m != NULL; m = m->next) {
		rest = str_skip(path, m->key.n);
		if (str_starts(path, m->key) && m->key.n > 0 && (rest.n == 0 || rest.p[0] == '.' || rest.p[0] == '[')) {
			*ret_rest = rest;
			return ynode(m);
		}
	}
	return NULL;
}

const struct ynode *yaml_at(const struct ynode *root, struct str path, bool *ret_is_whole)
{
	const struct ynode *n = root;
	while (path.n > 0) {
		struct str rest = path;
		const struct ynode *next = step(n, str_starts(path, S(".")) ? str_skip(path, 1) : path, &rest);
		if (next == NULL)
			break;
		n = next;
		path = rest;
	}
	*ret_is_whole = path.n == 0;
	return n;
}

/* Writing. A word of harmless characters stands plain; everything else is quoted as JSON does, which YAML reads the same. */

/* A text that other readers of YAML would take for a number, a time or a truth. */
static bool looks_typed(struct str s)
{
	static const char *const words[] = { "true", "false", "yes", "no", "on", "off", "y", "n", "null" };
	size_t digits = 0;
	for (size_t i = 0; i < COUNT(words); i++)
		if (s.n == strlen(words[i]) && strncasecmp(s.p, words[i], s.n) == 0)
			return true;
	while (digits < s.n && strchr("0123456789+-.:_eE", s.p[digits]))
		digits++;
	return digits == s.n;
}

static bool is_plain(struct str s)
{
	if (s.n == 0 || str_trim(s).n != s.n || s.p[0] == '-' || s.p[0] == ':' || looks_typed(s))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!is_word && (c == '\0' || strchr("_-./@+ :", c) == NULL))
			return false;
		if (c == ':' && (i + 1 == s.n || s.p[i + 1] == ' '))
			return false;
	}
	return true;
}

static void write_text(struct buf *b, struct str s)
{
	if (is_plain(s))
		buf_add(b, s);
	else
		buf_json(b, s);
}

static bool is_flat(const struct jv *v)
{
	size_t n = 0;
	for (const struct jv *k = v->kid; k != NULL; k = k->next, n++)
		if (k->t == J_ARR || k->t == J_OBJ)
			return false;
	return v->t == J_ARR || n <= 1;
}

static void write_value(struct buf *b, const struct jv *v, int indent);

static void write_flow(struct buf *b, const struct jv *v)
{
	buf_char(b, v->t == J_ARR ? '[' : '{');
	for (const struct jv *k = v->kid; k != NULL; k = k->next) {
		if (v->t == J_OBJ) {
			write_text(b, k->key);
			buf_add(b, S(": "));
		}
		write_value(b, k, 0);
		if (k->next)
			buf_add(b, S(", "));
	}
	buf_char(b, v->t == J_ARR ? ']' : '}');
}

static void write_scalar(struct buf *b, const struct jv *v)
{
	if (v->t == J_STR)
		write_text(b, v->s);
	else
		json_write(b, v);
}

/* The members or elements of v, each on a line of its own; the first continues the line it is called on when `is_begun`. */
static void write_block(struct buf *b, const struct jv *v, int indent, bool is_begun)
{
	for (const struct jv *k = v->kid; k != NULL; k = k->next) {
		if (!is_begun)
			buf_fmt(b, "%*s", indent, "");
		is_begun = false;
		if (v->t == J_ARR) {
			buf_add(b, S("- "));
			if (k->t == J_OBJ && !is_flat(k)) {
				write_block(b, k, indent + 2, true);
				continue;
			}
		} else {
			write_text(b, k->key);
			buf_char(b, ':');
			if ((k->t != J_OBJ && k->t != J_ARR) || is_flat(k))
				buf_char(b, ' ');
		}
		write_value(b, k, indent + 2);
		if ((k->t != J_OBJ && k->t != J_ARR) || is_flat(k))
			buf_char(b, '\n');
	}
}

static void write_value(struct buf *b, const struct jv *v, int indent)
{
	if (v->t != J_ARR && v->t != J_OBJ) {
		write_scalar(b, v);
	} else if (is_flat(v)) {
		write_flow(b, v);
	} else {
		buf_char(b, '\n');
		write_block(b, v, indent, false);
	}
}

void yaml_write(struct buf *b, const struct jv *v)
{
	if (v->t == J_OBJ && v->kid != NULL)
		write_block(b, v, 0, false);
	else
		write_value(b, v, 0);
}
