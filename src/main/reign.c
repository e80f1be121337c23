/* reign.c - see reign.h. */
#include "main/reign.h"
#include "base/when.h"
#include "core/decide.h"
#include "model/kinds.h"
#include <errno.h>
#include <string.h>

enum { CHUNK = 200, STORY_MAX = 24 << 10, BODY_MAX = 480 << 10, DOC_ARENA = 64 << 20 };

static bool incident_read(struct arena *a, const struct store_doc *d, struct incident *ret)
{
	struct faults f = { .a = a };
	struct str why;
	struct jv *j = d->ver ? json_parse_own(a, d->body, &why) : NULL;
	return j != NULL && desc_read(a, ret, &incident_entity, j, V_STORE, S(""), &f) == 0;
}

/* --- taking over --- */

struct taking { const struct reign *r; struct str why; struct command c[WRITER_OWN_MAX]; size_t n, taken, failed; };

static void take_batch(struct taking *t)
{
	enum store_rc rc[WRITER_OWN_MAX];
	enum outcome outcome[WRITER_OWN_MAX];
	writer_perform(t->r->writer, t->c, t->n, rc, outcome);
	for (size_t i = 0; i < t->n; i++) {
		t->taken += rc[i] == STORE_OK && outcome[i] == OUT_DONE;
		t->failed += rc[i] != STORE_OK;
	}
	t->n = 0;
}

static void take_one(struct taking *t, struct arena *a, struct arena *scratch, const struct store_doc *d)
{
	struct incident inc = { 0 };
	arena_reset(scratch);
	if (!incident_read(scratch, d, &inc) || inc.reign == t->r->region->reign)
		return;
	t->c[t->n++] = (struct command){ .kind = CMD_TAKE_OVER, .incident = arena_str(a, d->id), .reign = t->r->region->reign, .text = t->why,
		.via = S("standby") };
	if (t->n == WRITER_OWN_MAX)
		take_batch(t);
}

static enum store_rc take_status(struct taking *t, struct arena *a, struct arena *scratch, int status)
{
	struct store_docs docs = { 0 };
	const char *word = incident_status_names.v[status];
	struct str lo = arena_fmt(a, "%s/", word), hi = arena_fmt(a, "%s0", word);
	int idx = desc_key_index(&incident_entity, S("status"));
	enum store_rc rc;
	do {
		rc = store_list(t->r->store, KIND_incident, idx, lo, hi, false, CHUNK, &docs);
		for (size_t i = 0; rc == STORE_OK && i < docs.n; i++)
			take_one(t, a, scratch, &docs.v[i]);
		if (rc == STORE_OK && docs.n > 0)
			lo = arena_fmt(a, "%s/%.*s\x01", word, STR_ARG(docs.v[docs.n - 1].id));
	} while (rc == STORE_OK && docs.n == CHUNK);
	store_docs_free(&docs);
	return rc;
}

/* Over the lists, which may be a moment old in some stores: whoever calls does it again every while, and what is found later is taken over
 * later. Acknowledged ones first: taken over they are detected, and would be met again. */
int reign_take(const struct reign *r, struct arena *a, size_t *ret_taken)
{
	struct arena scratch = ARENA(DOC_ARENA);
	struct taking *t = NEW(a, struct taking);
	*t = (struct taking){ .r = r, .why = arena_fmt(a, "taken over by standby %.*s: %.*s", STR_ARG(r->name), STR_ARG(r->region->reason)) };
	enum store_rc rc = take_status(t, a, &scratch, ACKNOWLEDGED);
	if (rc == STORE_OK)
		rc = take_status(t, a, &scratch, DETECTED);
	take_batch(t);
	arena_free(&scratch);
	*ret_taken = t->taken;
	return rc == STORE_OK && t->failed == 0 ? 0 : EAGAIN;
}

/* --- giving back --- */

/* One line an entry: the time, what it was, what it said. */
static void tell_entry(struct arena *scratch, const struct store_doc *d, struct buf *b)
{
	struct entry e = { 0 };
	struct faults f = { .a = scratch };
	struct str why;
	struct jv *j = json_parse_own(scratch, d->body, &why);
	if (j == NULL || desc_read(scratch, &e, &entry_entity, j, V_STORE, S(""), &f) != 0)
		return;
	if (e.type == ENTRY_TAKEN_OVER)
		buf_clear(b);                                      /* what was before is the primary's own */
	struct str text = e.text.n > 1000 ? (struct str){ e.text.p, 1000 } : e.text;
	text.n = str_utf8_span(text);
	buf_char(b, '\n');
	when_write(b, e.at);
	buf_fmt(b, " %.*s: %.*s", STR_ARG(enum_word(&entry_type_names, (int)e.type)), STR_ARG(text));
}

/* What happened to it here: its timeline from the take-over on. Of a long one the end is left out; how it ended is said apart. */
static enum store_rc tell(const struct reign *r, struct arena *a, struct str id, struct str *ret)
{
	struct arena scratch = ARENA(DOC_ARENA);
	struct store_docs docs = { 0 };
	struct buf b = BUF(STORY_MAX);
	struct str lo = arena_fmt(a, "%.*s/", STR_ARG(id)), hi = arena_fmt(a, "%.*s0", STR_ARG(id));
	enum store_rc rc;
	do {
		rc = store_list(r->store, KIND_entry, STORE_BY_ID, lo, hi, false, CHUNK, &docs);
		for (size_t i = 0; rc == STORE_OK && i < docs.n; i++) {
			arena_reset(&scratch);
			tell_entry(&scratch, &docs.v[i], &b);
		}
		if (rc == STORE_OK && docs.n > 0)
			lo = arena_fmt(a, "%.*s\x01", STR_ARG(docs.v[docs.n - 1].id));
	} while (rc == STORE_OK && docs.n == CHUNK);
	*ret = arena_fmt(a, "%.*s%s", STR_ARG(buf_str(&b)), b.err ? "\n(more is on its own timeline)" : "");
	buf_free(&b);
	store_docs_free(&docs);
	arena_free(&scratch);
	return rc;
}

static void add_text(struct buf *b, const char *name, struct str s)
{
	if (s.n == 0)
		return;
	buf_fmt(b, ",\"%s\":", name);
	buf_json(b, s);
}

/* As much of a text as a request may hold once it is escaped. */
static struct str shorten(struct str s)
{
	enum { WRITTEN_MAX = 60 << 10 };
	for (;;) {
		struct buf b = BUF(WRITTEN_MAX);
		buf_json(&b, s);
		bool fits = b.err == 0;
		buf_free(&b);
		if (fits)
			return s;
		s.n /= 2;
		s.n = str_utf8_span(s);
	}
}

/* Fields that the two sides call alike go as the incident's own table writes them. */
static void add_alike(struct buf *b, const struct incident *inc)
{
	struct incident some = { .title = inc->title, .description = shorten(inc->description), .severity = inc->severity, .status = inc->status,
		.service = inc->service, .source = inc->source, .dedup_key = inc->dedup_key, .labels = inc->labels, .tags = inc->tags, .links = inc->links,
		.details = inc->details, .root_cause = shorten(inc->root_cause), .resolution_steps = inc->resolution_steps };
	struct buf whole = BUF(BODY_MAX);
	desc_write(&whole, &incident_entity, &some, V_STORE);
	struct str s = buf_str(&whole);
	if (s.n > 2) {
		buf_char(b, ',');
		buf_add(b, (struct str){ s.p + 1, s.n - 2 });
	}
	buf_free(&whole);
}

static struct str body_of(const struct reign *r, struct arena *a, const struct incident *inc, uint64_t ver, struct str story)
{
	struct buf b = BUF(BODY_MAX);
	struct str actor = inc->status == RESOLVED ? inc->resolved_by : inc->acknowledged_by;
	buf_fmt(&b, "{\"id\":\"%.*s\",\"version\":%llu", STR_ARG(inc->id), (unsigned long long)ver);
	add_text(&b, "standby", r->name);
	add_text(&b, "actor", actor);
	add_text(&b, "story", shorten(story));
	add_alike(&b, inc);
	buf_char(&b, '}');
	struct str body = b.err ? S("") : arena_str(a, buf_str(&b));
	buf_free(&b);
	return body;
}

/* Deletions of what belongs to the incident, at most max of them; false: the store failed. */
static bool add_children(const struct reign *r, struct arena *a, enum kind kind, struct str id, struct store_write *w, size_t max, size_t *n)
{
	struct store_docs docs = { 0 };
	struct str lo = arena_fmt(a, "%.*s/", STR_ARG(id)), hi = arena_fmt(a, "%.*s0", STR_ARG(id));
	enum store_rc rc = *n < max ? store_list(r->store, (store_kind)kind, STORE_BY_ID, lo, hi, false, max - *n, &docs) : STORE_OK;
	for (size_t i = 0; i < docs.n; i++)
		w[(*n)++] = (struct store_write){ .op = STORE_DELETE, .kind = (store_kind)kind, .id = arena_str(a, docs.v[i].id), .expect = docs.v[i].ver };
	store_docs_free(&docs);
	return rc == STORE_OK;
}

/* The primary counted it on another incident of the same alert, so ours is no copy of anything: it goes, with all that belongs to it, each by its
 * version. What changes meanwhile makes that fail, and it is given back again. */
static bool end_here(const struct reign *r, struct arena *a, const struct incident *inc, uint64_t ver)
{
	enum { CHILDREN_MAX = STORE_WRITES_MAX - 1 };
	struct store_write *w = NEWN(a, struct store_write, STORE_WRITES_MAX);
	struct store_txn t = { .w = w };
	struct store_result result = { .rc = STORE_OK };
	bool is_last = false;
	while (!is_last && result.rc == STORE_OK) {
		size_t n = 0;
		if (!add_children(r, a, KIND_page, inc->id, w, CHILDREN_MAX, &n) || !add_children(r, a, KIND_entry, inc->id, w, CHILDREN_MAX, &n))
			return false;
		is_last = n < CHILDREN_MAX;
		if (is_last)
			w[n++] = (struct store_write){ .op = STORE_DELETE, .kind = KIND_incident, .id = inc->id, .expect = ver };
		t.n = n;
		r->random(r->ctx, t.token.b, sizeof t.token.b);
		store_commit(r->store, &t, &result, 1);
	}
	return result.rc == STORE_OK;
}

static bool give(const struct reign *r, struct arena *a, const struct incident *inc, uint64_t ver, struct str *ret_why)
{
	struct str story;
	enum store_rc rc = tell(r, a, inc->id, &story);
	struct str body = rc == STORE_OK ? body_of(r, a, inc, ver, story) : S("");
	if (body.n == 0) {
		*ret_why = arena_fmt(a, "incident #%lld: %s", (long long)inc->number, rc == STORE_OK ? "it is too large to be sent" : store_rc_name(rc));
		return false;
	}
	struct told t = primary_ask(r->primary, a, "POST", S("/api/v1/replication/incidents"), body);
	bool is_taken = (t.status == 200 || t.status == 201) && t.json != NULL;
	bool is_another = is_taken && !str_eq(json_text(t.json, S("id")), inc->id), is_done = is_taken && (!is_another || end_here(r, a, inc, ver));
	if (!is_done)
		*ret_why = arena_fmt(a, "incident #%lld was not taken back: %.*s", (long long)inc->number, STR_ARG(is_taken ? S("it changed meanwhile") : t.why));
	return is_done;
}

static bool give_by_id(const struct reign *r, struct arena *a, struct str id, struct str *ret_why)
{
	struct store_docs docs = { 0 };
	struct incident inc = { 0 };
	const store_kind kind = KIND_incident;
	enum store_rc rc = store_get(r->store, &kind, &id, 1, &docs);
	bool is_there = rc == STORE_OK && incident_read(a, &docs.v[0], &inc), ok = is_there && give(r, a, &inc, docs.v[0].ver, ret_why);
	if (!is_there)
		*ret_why = arena_fmt(a, "incident %.*s cannot be read (%s)", STR_ARG(id), store_rc_name(rc));
	store_docs_free(&docs);
	return ok;
}

size_t reign_give_some(const struct reign *r, struct arena *a, const struct ids *ids, struct str *ret_why)
{
	struct arena one = ARENA(DOC_ARENA);
	size_t failed = 0;
	for (size_t i = 0; i < ids->n; i++) {
		struct str why = S("");
		arena_reset(&one);
		if (!give_by_id(r, &one, ids->v[i], &why) && failed++ == 0)
			*ret_why = arena_str(a, why);
	}
	arena_free(&one);
	return failed;
}

struct giving { struct arena one; size_t failed; };

static void give_chunk(const struct reign *r, struct giving *g, struct arena *a, const struct store_docs *docs, struct str *ret_why)
{
	for (size_t i = 0; i < docs->n; i++) {
		struct incident inc = { 0 };
		struct str why = S("");
		arena_reset(&g->one);
		if (!incident_read(&g->one, &docs->v[i], &inc) || inc.reign != r->region->reign)
			continue;
		if (!give(r, &g->one, &inc, docs->v[i].ver, &why) && g->failed++ == 0)
			*ret_why = arena_str(a, why);
	}
}

size_t reign_give_all(const struct reign *r, struct arena *a, struct str *ret_why)
{
	struct giving g = { .one = ARENA(DOC_ARENA) };
	struct store_docs docs = { 0 };
	struct str lo = r->region->oldest;
	enum store_rc rc;
	do {
		rc = store_list(r->store, KIND_incident, STORE_BY_ID, lo, S(""), false, CHUNK, &docs);
		if (rc == STORE_OK)
			give_chunk(r, &g, a, &docs, ret_why);
		if (rc == STORE_OK && docs.n > 0)
			lo = arena_fmt(a, "%.*s\x01", STR_ARG(docs.v[docs.n - 1].id));
	} while (rc == STORE_OK && docs.n == CHUNK);
	if (rc != STORE_OK && g.failed++ == 0)
		*ret_why = arena_fmt(a, "the own store: %s", store_rc_name(rc));
	store_docs_free(&docs);
	arena_free(&g.one);
	return g.failed;
}
