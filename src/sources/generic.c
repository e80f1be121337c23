/* generic.c - any program that can POST JSON: POST /in/KEY, one event as an object or up to 500 as an array.
 *
 *	{"title":"disk full on db1","severity":"high","dedup_key":"db1/disk","labels":{"host":"db1"}}
 *
 * Unknown members are ignored, null counts as not given, a status may be any of the words that alert senders use. What is wrong is
 * named all at once, with its place; of a batch with one bad event nothing is taken. An acknowledge or resolve is read for
 * its keys only. Without a severity an alert is 4, high: one that does not say so is not known to be harmless.
 */
#include "sources/parts.h"
#include <errno.h>

enum { BATCH_MAX = 500, SEVERITY_DEFAULT = 4, TAG_MAX = 255, LABEL_NAME_MAX = 255, STATUS_MAX = 64 };

/* clang-format off */
#define GENERIC_KEYS(X, E) \
	X(E, STR, status,    , 0, 0, STATUS_MAX, "firing, acknowledged or resolved, or another word for them; firing unless given.") \
	X(E, STR, dedup_key, , 0, 0,        255, "Names the trouble in later events. Required to acknowledge or resolve; made up for a trigger without.")
#define GENERIC_ALERT(X, E) \
	X(E, STR,  title,       , 0, 0,  4096, "What is wrong, in one line of at most 1024 characters. Required unless there is a message.") \
	X(E, STR,  message,     , 0, 0, 65536, "The title when there is none (its first line), else the description when there is none.") \
	X(E, STR,  description, , 0, 0, 65536, "More about it, plain text.") \
	X(E, SEV,  severity,    , 0, 1,     5, "5 critical, 4 high, 3 medium, 2 low, 1 info, or the word; 4 unless given.") \
	X(E, ANY,  timestamp,   , 0, 0,     0, "When it happened, RFC 3339. What cannot be read is kept as the label timestamp.") \
	X(E, ANY,  labels,      , 0, 0,    64, "An object; text, numbers, true and false become text.") \
	X(E, STRS, tags,        , 0, 0,    64, "Words.") \
	X(E, ANY,  links,       , 0, 0,    32, "A list of {href, text} or of URLs.") \
	X(E, ANY,  details,     , 0, 0,     0, "Anything else worth keeping, at most 64 KiB.")
#define GENERIC_EVENT(X, E) GENERIC_KEYS(X, E) GENERIC_ALERT(X, E)
ENTITY_STRUCT(generic_keys, GENERIC_KEYS);
ENTITY_STRUCT(generic_alert, GENERIC_ALERT);
ENTITY_STRUCT(generic_event, GENERIC_EVENT);
ENTITY_TABLE(generic_keys, GENERIC_KEYS, "What every event has.");
ENTITY_TABLE(generic_alert, GENERIC_ALERT, "What a trigger has beside.");
ENTITY_TABLE(generic_event, GENERIC_EVENT, "An event from any program; an array of up to 500 of them is taken whole or not at all.");

#define GENERIC(X, E) X(E, SECRET, key, , REQ, 0, 0, "The KEY of the door /in/KEY.")
ENTITY_STRUCT(generic, GENERIC);
ENTITY_TABLE(generic, GENERIC, "JSON from any program.");

static const struct { const char *word; enum event_action action; } statuses[] = {
	{ "firing", EVENT_TRIGGER }, { "triggered", EVENT_TRIGGER }, { "trigger", EVENT_TRIGGER }, { "detected", EVENT_TRIGGER },
	{ "open", EVENT_TRIGGER }, { "alerting", EVENT_TRIGGER }, { "problem", EVENT_TRIGGER },
	{ "acknowledged", EVENT_ACKNOWLEDGE }, { "acknowledge", EVENT_ACKNOWLEDGE }, { "ack", EVENT_ACKNOWLEDGE },
	{ "resolved", EVENT_RESOLVE }, { "resolve", EVENT_RESOLVE }, { "ok", EVENT_RESOLVE }, { "closed", EVENT_RESOLVE },
	{ "recovered", EVENT_RESOLVE }, { "healthy", EVENT_RESOLVE },
};
/* clang-format on */

static void keys(const void *settings, void (*fn)(void *ctx, const struct secret *key, struct str service), void *ctx)
{
	fn(ctx, &((const struct generic *)settings)->key, S(""));
}

static struct str key_of(const struct source_request *r)
{
	return r->path_key;
}

static bool same_word(struct str s, const char *lower)
{
	size_t i = 0;
	for (; i < s.n && lower[i]; i++)
		if ((s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]) != lower[i])
			return false;
	return i == s.n && lower[i] == '\0';
}

/* -1: a word that says nothing to us. */
static int action_of(struct str status)
{
	for (size_t i = 0; i < COUNT(statuses); i++)
		if (same_word(status, statuses[i].word))
			return (int)statuses[i].action;
	return is_blank(status) ? EVENT_TRIGGER : -1;
}

static void bad_status(const struct jv *j, struct str status, struct str path, struct faults *f)
{
	struct buf words = BUF(1024);
	for (size_t i = 0; i < COUNT(statuses); i++)
		buf_fmt(&words, "%s%s", i > 0 ? ", " : "", statuses[i].word);
	fault_add(f, j, path, "unknown value \"%.*s\"; one of: %.*s", STR_ARG(status), STR_ARG(buf_str(&words)));
	buf_free(&words);
}

static size_t count(const struct jv *j)
{
	size_t n = 0;
	for (const struct jv *k = j->kid; k != NULL; k = k->next)
		n++;
	return n;
}

static void read_labels(struct arena *a, const struct jv *labels, struct str path, struct map *ret, struct faults *f)
{
	ret->v = NEWN(a, struct pair, (labels ? count(labels) : 0) + 1);  /* one more for event_time */
	if (labels && labels->t != J_OBJ)
		fault_add(f, labels, path, "must be an object");
	else if (labels && count(labels) > EVENT_LABELS_MAX)
		fault_add(f, labels, path, "more than %d labels", EVENT_LABELS_MAX);
	else if (labels)
		for (const struct jv *k = labels->kid; k != NULL; k = k->next) {
			struct pair p = { .key = k->key };
			if (k->t == J_NULL)
				continue;
			if (!scalar_text(a, k, &p.value))
				fault_add(f, k, path_of(f->a, path, k->key), "must be text, a number, true or false");
			else if (p.value.n > EVENT_LABEL_MAX || p.key.n > LABEL_NAME_MAX)
				fault_add(f, k, path_of(f->a, path, k->key), "longer than %d bytes, or its name than %d",
				    EVENT_LABEL_MAX, LABEL_NAME_MAX);
			else if (is_blank(p.key))
				fault_add(f, k, path, "a label needs a name");
			else
				ret->v[ret->n++] = p;
		}
}

static void read_link(struct arena *a, const struct jv *j, struct str path, struct link *ret, struct faults *f)
{
	int err = j->t == J_OBJ ? desc_read(a, ret, &link_entity, j, V_DOOR, path, f) : 0;
	if (err || j->t == J_OBJ)
		return;                                           /* read, or told what is wrong */
	if (j->t != J_STR)
		fault_add(f, j, path, "must be a URL or an object with href and text");
	else if (is_blank(j->s) || j->s.n > 2000)
		fault_add(f, j, path, "must be a URL of 1..2000 bytes");
	else
		ret->href = j->s;
}

static void read_links(struct arena *a, const struct jv *links, struct str path, struct link_list *ret, struct faults *f)
{
	size_t n = links ? count(links) : 0, i = 0;
	if (links && links->t != J_ARR)
		fault_add(f, links, path, "must be a list of URLs or of objects with href and text");
	else if (n > EVENT_LINKS_MAX)
		fault_add(f, links, path, "more than %d links", EVENT_LINKS_MAX);
	else if (n > 0) {
		ret->v = NEWN(a, struct link, n);
		for (const struct jv *k = links->kid; k != NULL; k = k->next, i++)
			read_link(a, k, arena_fmt(f->a, "%.*s[%zu]", STR_ARG(path), i), &ret->v[i], f);
		ret->n = n;
	}
}

static void check_tags(const struct strs *tags, const struct jv *j, struct str path, struct faults *f)
{
	for (size_t i = 0; i < tags->n; i++)
		if (tags->v[i].n == 0 || tags->v[i].n > TAG_MAX)
			fault_add(f, j, arena_fmt(f->a, "%.*s[%zu]", STR_ARG(path), i), "must be a word of 1..%d bytes", TAG_MAX);
}

/* Title and description out of title, message and description, as the table above says. Nothing that is cut off a title is lost. */
static void read_texts(struct arena *a, const struct generic_alert *g, struct event *e)
{
	struct str message = str_trim(g->message), first = message, rest;
	(void)str_cut(message, '\n', &first, &rest);              /* one line only: the whole is the first */
	struct str head = !is_blank(g->title) ? g->title : !is_blank(first) ? first : message;
	struct str more = is_blank(g->title) ? message : g->title;
	bool is_told = event_title(a, e, head) && head.n == more.n;
	if (!is_blank(g->title) && !is_blank(message)) {
		more = g->message;
		is_told = false;
	}
	e->description = !is_blank(g->description) ? g->description : is_told ? S("") : more;
}

/* Neither absent, nor null, nor blank. */
static bool is_given(const struct jv *object, struct str name)
{
	const struct jv *m = json_get(object, name);
	return m && m->t != J_NULL && !(m->t == J_STR && is_blank(m->s));
}

static void read_alert(struct arena *a, const struct jv *j, struct str path, struct event *e, struct faults *f)
{
	struct generic_alert g;
	size_t before = f->n;
	bool is_read = desc_read(a, &g, &generic_alert_entity, j, V_DOOR, path, f) == 0;
	if (!is_given(j, S("title")) && !is_given(j, S("message")))
		fault_add(f, j, path_of(f->a, path, S("title")), "is required, unless there is a message");
	read_labels(a, g.labels, path_of(f->a, path, S("labels")), &e->labels, f);
	read_links(a, g.links, path_of(f->a, path, S("links")), &e->links, f);
	check_tags(&g.tags, json_get(j, S("tags")), path_of(f->a, path, S("tags")), f);
	if (!is_read || f->n > before)
		return;
	read_texts(a, &g, e);
	if (is_longer(g.title, EVENT_TITLE_MAX))
		fault_add(f, j, path_of(f->a, path, S("title")), "longer than %d characters", EVENT_TITLE_MAX);
	e->severity = g.severity ? g.severity : SEVERITY_DEFAULT;
	e->tags = g.tags;
	e->details = g.details;
	event_time(a, e, g.timestamp);
	event_check_size(e, j, path, f);
}

static void decode_one(struct arena *a, const struct jv *j, struct str path, struct event *e, struct faults *f)
{
	struct generic_keys k;
	struct str status = json_text(j, S("status"));
	int action = action_of(status), err = desc_read(a, &k, &generic_keys_entity, j, V_DOOR, path, f);
	if (action < 0 && status.n <= STATUS_MAX)
		bad_status(j, status, path_of(f->a, path, S("status")), f);
	*e = (struct event){ .action = action < 0 ? EVENT_TRIGGER : (enum event_action)action, .via = S("generic") };
	if (err == 0 && !is_blank(k.dedup_key))
		e->dedup_key = k.dedup_key;
	if (j->t == J_OBJ && e->action == EVENT_TRIGGER)
		read_alert(a, j, path, e, f);
	else if (j->t == J_OBJ && !is_given(j, S("dedup_key")))
		fault_add(f, j, path_of(f->a, path, S("dedup_key")), "is required to acknowledge or resolve");
}

static int decode(struct arena *a, const struct source_request *r, struct event **ret_events, size_t *ret_n, struct faults *f)
{
	const struct jv *j = r->json;
	size_t before = f->n, n = j->t == J_ARR ? count(j) : 1;
	if (n == 0 || n > BATCH_MAX) {
		fault_add(f, j, S(""), "a batch has 1..%d events, not %zu", BATCH_MAX, n);
		return EINVAL;
	}
	struct event *events = NEWN(a, struct event, n);
	if (j->t != J_ARR) {
		decode_one(a, j, S(""), events, f);
	} else {
		size_t i = 0;
		for (const struct jv *k = j->kid; k != NULL; k = k->next, i++)
			decode_one(a, k, arena_fmt(f->a, "[%zu]", i), &events[i], f);
	}
	if (f->n > before)
		return EINVAL;
	*ret_events = events;
	*ret_n = n;
	return 0;
}

static void add_result(struct buf *b, const struct event_result *x)
{
	buf_add(b, S("\"dedup_key\":"));
	buf_json(b, x->dedup_key);
	buf_add(b, S(",\"incident\":"));
	if (x->incident.n > 0)
		buf_json(b, x->incident);
	else
		buf_add(b, S("null"));
	buf_add(b, S(",\"number\":"));
	if (x->number > 0)
		buf_int(b, x->number);
	else
		buf_add(b, S("null"));
	buf_add(b, S(",\"outcome\":"));
	buf_json(b, str_c(x->outcome));
	if (x->reason.n > 0) {
		buf_add(b, S(",\"reason\":"));
		buf_json(b, x->reason);
	}
	buf_char(b, '}');
}

static void answer(struct arena *a, const struct source_request *r, const struct event_result *results, size_t n,
    struct source_answer *ret)
{
	struct buf b = BUF(2 << 20);
	bool is_batch = r->json->t == J_ARR;
	buf_add(&b, is_batch ? S("{\"status\":\"accepted\",\"events\":[") : S("{\"status\":\"accepted\","));
	for (size_t i = 0; i < n; i++) {
		if (is_batch)
			buf_add(&b, i > 0 ? S(",{") : S("{"));
		add_result(&b, &results[i]);
	}
	if (is_batch)
		buf_add(&b, S("]}"));
	door_answer(a, 202, "application/json", &b, ret);
}

static void refuse(struct arena *a, const struct faults *f, bool is_json, struct source_answer *ret)
{
	door_problem(a, 400, is_json ? "The event was refused; errors names everything that is wrong with it." :
	    "The body is not JSON; errors says where.", f, ret);
}

static void unknown_key(struct arena *a, struct source_answer *ret)
{
	door_problem(a, 404, "No integration has this key; check the last part of the URL against the integration's key.", NULL, ret);
}

const struct source source_generic = {
	.name = "generic", .doc = "JSON from any program.", .door = "/in/KEY", .settings = &generic_entity,
	.body = &generic_event_entity, .keys = keys, .key_of = key_of, .decode = decode, .answer = answer, .refuse = refuse,
	.unknown_key = unknown_key,
};
