/* export_text.c - see export_text.h. */
#include "main/export_text.h"
#include <assert.h>
#include <string.h>

/* What the tracker's file had, in its order: its name, and our field that says it. NULL: we have nothing to say, and it had null too. */
static const struct { const char *shown, *field; } tracker[] = {
	{ "id", "id" }, { "title", "title" }, { "description", "description" }, { "severity", "severity" }, { "source", "source" },
	{ "datadog_alert_id", NULL },            /* no door of ours is Datadog's; the senders' keys stand in dedup_key */
	{ "status", "status" }, { "assignee", "acknowledged_by" }, { "detected_at", "detected_at" },
	{ "acknowledged_at", "acknowledged_at" }, { "resolved_at", "resolved_at" }, { "root_cause", "root_cause" },
	{ "resolution_steps", "resolution_steps" }, { "tags", "tags" },
};

static bool is_called(const struct field *f, const char *name)
{
	return name != NULL && strcmp(f->name, name) == 0;
}

static const struct field *field_of(const char *name)
{
	for (const struct field *f = incident_entity.f; f < incident_entity.f + incident_entity.nf; f++)
		if (is_called(f, name))
			return f;
	return NULL;
}

/* Shown to clients, not yet said by the tracker's fields, and not severity said again. */
static bool is_ours(const struct field *f)
{
	for (size_t i = 0; i < COUNT(tracker); i++)
		if (is_called(f, tracker[i].field))
			return false;
	return !(f->flags & INNER) && !is_called(f, "severity_name");
}

static void add_column(struct export_layout *l, const char *shown, const struct field *f)
{
	assert(l->n < COUNT(l->v));
	l->v[l->n].shown = str_c(shown);
	l->v[l->n++].f = f;
}

void export_layout_init(struct export_layout *l)
{
	l->n = 0;
	for (size_t i = 0; i < COUNT(tracker); i++)
		add_column(l, tracker[i].shown, field_of(tracker[i].field));
	for (const struct field *f = incident_entity.f; f < incident_entity.f + incident_entity.nf; f++)
		if (is_ours(f))
			add_column(l, f->name, f);
}

static void new_line(struct buf *b, size_t depth)
{
	static const char blanks[] = "                                                                                                  ";
	assert(depth * 2 < sizeof blanks);
	buf_char(b, '\n');
	buf_add(b, (struct str){ blanks, depth * 2 });
}

/* How many bytes the string at the front of `s` takes, quotes included. */
static size_t string_span(struct str s)
{
	size_t n = 1;
	while (n < s.n && s.p[n] != '"')
		n += s.p[n] == '\\' ? 2 : 1;
	return n + 1;
}

/* Up to the next byte that moves lines: one of []{},: or a quote. */
static size_t plain_span(struct str s)
{
	size_t n = 0;
	while (n < s.n && strchr("[]{},:\"", s.p[n]) == NULL)
		n++;
	return n;
}

/* Compact JSON of our own writing, indented. */
static void add_indented(struct buf *b, struct str json, size_t depth)
{
	while (json.n > 0) {
		char c = json.p[0];
		size_t n = c == '"' ? string_span(json) : plain_span(json);
		bool opens = c == '[' || c == '{', is_empty = opens && json.n > 1 && json.p[1] == c + 2;
		if (n > 0 || is_empty) {
			n = is_empty ? 2 : n;
			buf_add(b, (struct str){ json.p, n });
			json = str_skip(json, n);
			continue;
		}
		if (c == ']' || c == '}')
			new_line(b, --depth);
		buf_char(b, c);
		if (opens || c == ',')
			new_line(b, opens ? ++depth : depth);
		if (c == ':')
			buf_char(b, ' ');
		json = str_skip(json, 1);
	}
}

void export_text_incident(struct buf *b, const struct export_layout *l, const struct incident *i, bool is_first)
{
	enum { DEPTH = 2 };
	struct buf value = BUF(SIZE_MAX / 2);
	buf_add(b, is_first ? S("\n  {") : S(",\n  {"));
	for (size_t k = 0; k < l->n; k++) {
		buf_add(b, k ? S(",\n    \"") : S("\n    \""));
		buf_add(b, l->v[k].shown);
		buf_add(b, S("\": "));
		buf_clear(&value);
		if (l->v[k].f)
			desc_write_value(&value, l->v[k].f, i);
		else
			buf_add(&value, S("null"));
		add_indented(b, buf_str(&value), DEPTH);
	}
	buf_add(b, S("\n  }"));
	buf_free(&value);
}

struct str export_text_end(bool is_empty)
{
	return is_empty ? S("]\n") : S("\n]\n");
}

/* `    "name": VALUE,` with exactly the four blanks of a member of an incident: deeper ones have more, and no string has a line end in it. */
static bool value_of(struct str line, struct str name, struct str *ret)
{
	if (!str_starts(line, name))
		return false;
	*ret = str_skip(line, name.n);
	if (ret->n > 0 && ret->p[ret->n - 1] == ',')
		ret->n--;
	if (ret->n >= 2 && ret->p[0] == '"')
		*ret = (struct str){ ret->p + 1, ret->n - 2 };
	return true;
}

bool export_text_next(struct str *rest, struct export_row *ret)
{
	struct str line, value;
	struct export_row row = { 0 };
	while (str_cut(*rest, '\n', &line, rest)) {
		if (value_of(line, S("    \"id\": "), &value))
			row.id = value;
		else if (value_of(line, S("    \"status\": "), &value))
			row.is_resolved = str_eq(value, enum_word(&incident_status_names, RESOLVED));
		else if (value_of(line, S("    \"version\": "), &value) && !str_int(value, &row.version))
			row.version = 0;
		if (str_starts(line, S("  }")) && row.id.n > 0) {
			*ret = row;
			return true;
		}
	}
	return false;
}
