/* parts.c - see parts.h. */
#include "sources/parts.h"
#include "base/when.h"

enum { ANSWER_MAX = 1 << 20 };

bool is_blank(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > ' ' && s.p[i] != 0x7f)
			return false;
	return true;
}

struct str one_line(struct arena *a, struct str s)
{
	char *out = NEWN(a, char, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool is_gap = c <= ' ' || c == 0x7f;
		if (!is_gap)
			out[n++] = s.p[i];
		else if (n > 0 && out[n - 1] != ' ')
			out[n++] = ' ';
	}
	if (n > 0 && out[n - 1] == ' ')
		n--;
	return (struct str){ out, n };
}

bool scalar_text(struct arena *a, const struct jv *j, struct str *ret)
{
	switch (j->t) {
	case J_STR: case J_REAL: *ret = j->s; return true;
	case J_INT: *ret = arena_fmt(a, "%lld", (long long)j->i); return true;
	case J_BOOL: *ret = j->i ? S("true") : S("false"); return true;
	case J_NULL: case J_ARR: case J_OBJ: return false;
	}
	return false;
}

bool is_longer(struct str s, size_t characters)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n > characters;
}

bool event_title(struct arena *a, struct event *e, struct str text)
{
	struct str line = one_line(a, text);
	bool is_whole = line.n <= EVENT_TITLE_MAX;
	e->title = (struct str){ line.p, is_whole ? line.n : str_utf8_span((struct str){ line.p, EVENT_TITLE_MAX }) };
	return is_whole;
}

void event_time(struct arena *a, struct event *e, const struct jv *timestamp)
{
	struct str raw;
	if (timestamp == NULL || (timestamp->t == J_STR && when_read(timestamp->s, &e->at) == 0))
		return;
	if (e->labels.n >= EVENT_LABELS_MAX || !scalar_text(a, timestamp, &raw) || is_blank(raw))
		return;                                           /* full, or nothing that a person could read as a time */
	if (raw.n > EVENT_LABEL_MAX)
		raw.n = str_utf8_span((struct str){ raw.p, EVENT_LABEL_MAX });
	e->labels.v[e->labels.n++] = (struct pair){ S("timestamp"), raw };
}

static void add_texts(struct buf *b, const struct event *e)
{
	buf_json(b, e->title);
	buf_json(b, e->description);
	for (size_t i = 0; i < e->labels.n; i++) {
		buf_json(b, e->labels.v[i].key);
		buf_json(b, e->labels.v[i].value);
	}
	for (size_t i = 0; i < e->tags.n; i++)
		buf_json(b, e->tags.v[i]);
	for (size_t i = 0; i < e->links.n; i++) {
		buf_json(b, e->links.v[i].href);
		buf_json(b, e->links.v[i].text);
	}
}

void event_check_size(const struct event *e, const struct jv *at, struct str path, struct faults *f)
{
	struct buf b = BUF(EVENT_DETAILS_MAX);
	if (e->details)
		json_write(&b, e->details);
	if (b.err)
		fault_add(f, e->details, path_of(f->a, path, e->details->key), "longer than %d bytes", EVENT_DETAILS_MAX);
	b.limit = EVENT_SIZE_MAX;
	add_texts(&b, e);
	if (b.err && b.n > EVENT_DETAILS_MAX)
		fault_add(f, at, path, "all texts together are longer than %d bytes as JSON", EVENT_SIZE_MAX);
	buf_free(&b);
}

struct str path_of(struct arena *a, struct str prefix, struct str name)
{
	enum { NAME_MAX_BYTES = 64 };                             /* a name may be foreign and long */
	if (name.n > NAME_MAX_BYTES)
		name.n = str_utf8_span((struct str){ name.p, NAME_MAX_BYTES });
	return arena_fmt(a, "%.*s%s%.*s", STR_ARG(prefix), prefix.n > 0 ? "." : "", STR_ARG(name));
}

void door_answer(struct arena *a, int status, const char *content_type, struct buf *b, struct source_answer *ret)
{
	*ret = (struct source_answer){ .status = status, .content_type = str_c(content_type) };
	if (b->err || str_keep(a, buf_str(b), &ret->body))
		ret->body = S("{}");                              /* past a limit: the status alone says it */
	buf_free(b);
}

void door_problem(struct arena *a, int status, const char *detail, const struct faults *f, struct source_answer *ret)
{
	struct buf b = BUF(ANSWER_MAX);
	buf_fmt(&b, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":", status == 404 ? "Not Found" : "Bad Request",
	    status);
	buf_json(&b, str_c(detail));
	if (f) {
		buf_add(&b, S(",\"errors\":"));
		faults_json(f, &b);
		if (f->n > FAULTS_MAX)
			buf_fmt(&b, ",\"errors_total\":%zu", f->n);
	}
	buf_char(&b, '}');
	door_answer(a, status, "application/problem+json", &b, ret);
}
