/* events_v2.c - PagerDuty's Events API v2: POST /v2/enqueue with the routing key in the body, so that whatever pages PagerDuty pages
 * tocsin by changing a URL. Source: PagerDuty's OpenAPI schema and developer documentation; the captures in
 * tests/data/sources/events_v2 are what Alertmanager and PagerDuty's own JavaScript client send.
 *
 * Null and blank texts count as not given. An acknowledge or resolve is read for its keys only: whatever is wrong with its
 * payload must not keep an incident open. A timestamp that cannot be read is kept as a label; everything else that is
 * wrong with a trigger refuses it, all of it named at once in the words PagerDuty uses.
 */
#include "sources/parts.h"
#include <errno.h>

/* clang-format off */
#define V2_SEVERITY(X) X(V2_CRITICAL, "critical") X(V2_ERROR, "error") X(V2_WARNING, "warning") X(V2_INFO, "info")
ENUM_TYPE(v2_severity, V2_SEVERITY);
ENUM_NAMES(v2_severity, V2_SEVERITY);
static const int64_t severity_of[] = { [V2_CRITICAL] = 5, [V2_ERROR] = 4, [V2_WARNING] = 3, [V2_INFO] = 1 };

#define V2_PAYLOAD(X, E) \
	X(E, STR,  summary,        ,            0, 0, 4096, "Required. What is wrong, in one line of at most 1024 characters; becomes the title.") \
	X(E, STR,  source,         ,            0, 0, 1024, "Required. Where it is wrong: a host or service; becomes the label source.") \
	X(E, ENUM, severity,       v2_severity, 0, 0,    0, "Required. critical is 5, error 4, warning 3, info 1.") \
	X(E, ANY,  timestamp,      ,            0, 0,    0, "When it happened, ISO 8601. What cannot be read is kept as the label timestamp.") \
	X(E, STR,  component,      ,            0, 0, 1024, "The part that is wrong; becomes a label.") \
	X(E, STR,  group,          ,            0, 0, 1024, "What it belongs to; becomes a label.") \
	X(E, STR,  class,          ,            0, 0, 1024, "What kind of trouble it is; becomes a label.") \
	X(E, ANY,  custom_details, ,            0, 0,    0, "Anything, at most 64 KiB.")
ENTITY_STRUCT(v2_payload, V2_PAYLOAD);
ENTITY_TABLE(v2_payload, V2_PAYLOAD, "What is wrong.");

#define V2_IMAGE(X, E) \
	X(E, STR, src,  , REQ, 1, 2000, "Where the image is.") \
	X(E, STR, href, , 0,   0, 2000, "Where a click on it leads.") \
	X(E, STR, alt,  , 0,   0, 1024, "What it shows.")
ENTITY_STRUCT(v2_image, V2_IMAGE);
ENTITY_TABLE(v2_image, V2_IMAGE, "An image; becomes a link.");

#define V2_KEYS(X, E) \
	X(E, STR,  routing_key,  ,             0, 0, 255, "Required. The key of the service, as the integration's routing_keys have it.") \
	X(E, ENUM, event_action, event_action, 0, 0,   0, "Required. trigger, acknowledge or resolve.") \
	X(E, STR,  dedup_key,    ,             0, 0, 255, "Names the trouble in later events. Required to acknowledge or resolve; made up for a trigger without.")
#define V2_ALERT(X, E) \
	X(E, SUB,  payload,      v2_payload,   0, 0,    0, "Required for a trigger.") \
	X(E, LIST, links,        link,         0, 0,   32, "Links to follow.") \
	X(E, LIST, images,       v2_image,     0, 0,   32, "Images; each becomes a link.") \
	X(E, STR,  client,       ,             0, 0, 1024, "The name of the sending program.") \
	X(E, STR,  client_url,   ,             0, 0, 2000, "Where that program shows the alert; becomes a link.")
#define V2_EVENT(X, E) V2_KEYS(X, E) V2_ALERT(X, E)
ENTITY_STRUCT(v2_keys, V2_KEYS);
ENTITY_STRUCT(v2_alert, V2_ALERT);
ENTITY_STRUCT(v2_event, V2_EVENT);
ENTITY_TABLE(v2_keys, V2_KEYS, "What every event has.");
ENTITY_TABLE(v2_alert, V2_ALERT, "What a trigger has beside.");
ENTITY_TABLE(v2_event, V2_EVENT, "An event of the PagerDuty Events API v2.");

#define EVENTS_V2(X, E) X(E, SECRETS, routing_keys, , REQ, 1, 1000, "Service id to the routing key that pages it.")
ENTITY_STRUCT(events_v2, EVENTS_V2);
ENTITY_TABLE(events_v2, EVENTS_V2, "PagerDuty Events API v2.");
/* clang-format on */

static void keys(const void *settings, void (*fn)(void *ctx, const struct secret *key, struct str service), void *ctx)
{
	const struct secrets *s = &((const struct events_v2 *)settings)->routing_keys;
	for (size_t i = 0; i < s->n; i++)
		fn(ctx, &s->v[i].secret, s->v[i].key);
}

static struct str key_of(const struct source_request *r)
{
	return json_text(r->json, S("routing_key"));
}

/* Takes out the members that count as not given, here and in the payload. The text's own nodes stay as they are. */
static void drop_blank(struct arena *a, struct jv *object)
{
	struct jv **tail = &object->kid;
	for (const struct jv *m = object->kid; m != NULL; m = m->next) {
		if (m->t == J_NULL || (m->t == J_STR && is_blank(m->s)))
			continue;
		struct jv *copy = NEW(a, struct jv);
		*copy = *m;
		if (m->t == J_OBJ && str_eq(m->key, S("payload")))
			drop_blank(a, copy);
		*tail = copy;
		tail = &copy->next;
	}
	*tail = NULL;
}

static void want(struct faults *f, const struct jv *object, struct str prefix, const char *name)
{
	if (json_get(object, str_c(name)) == NULL)
		fault_add(f, object, path_of(f->a, prefix, str_c(name)), "is missing or blank");
}

static void check_payload(const struct jv *top, const struct v2_payload *p, struct faults *f)
{
	const struct jv *payload = json_get(top, S("payload"));
	if (payload != NULL && payload->t != J_OBJ)
		return;                                           /* told already: not an object */
	want(f, payload, S("payload"), "summary");
	want(f, payload, S("payload"), "source");
	want(f, payload, S("payload"), "severity");
	if (is_longer(p->summary, EVENT_TITLE_MAX))
		fault_add(f, payload, S("payload.summary"), "longer than %d characters", EVENT_TITLE_MAX);
}

static void add_link(struct link_list *l, struct str href, struct str text)
{
	if (href.n > 0)
		l->v[l->n++] = (struct link){ .href = href, .text = text };
}

static void add_links(struct arena *a, struct link_list *l, const struct v2_alert *v, const struct jv *top, struct faults *f)
{
	l->v = NEWN(a, struct link, 1 + v->links.n + 2 * v->images.n);
	add_link(l, v->client_url, v->client);
	for (size_t i = 0; i < v->links.n; i++)
		add_link(l, v->links.v[i].href, v->links.v[i].text);
	for (size_t i = 0; i < v->images.n; i++) {
		add_link(l, v->images.v[i].src, v->images.v[i].alt);
		add_link(l, v->images.v[i].href, v->images.v[i].alt);
	}
	if (l->n > EVENT_LINKS_MAX)
		fault_add(f, top, S("links"), "more than %d with images and client_url", EVENT_LINKS_MAX);
}

static void add_labels(struct arena *a, struct map *labels, const struct v2_alert *v)
{
	const struct pair all[] = { { S("source"), v->payload.source }, { S("component"), v->payload.component },
		{ S("group"), v->payload.group }, { S("class"), v->payload.class },
		{ S("client"), v->client_url.n > 0 ? S("") : v->client } };      /* with a url it is the link's text */
	labels->v = NEWN(a, struct pair, COUNT(all) + 1);         /* one more for event_time */
	for (size_t i = 0; i < COUNT(all); i++)
		if (all[i].value.n > 0)
			labels->v[labels->n++] = all[i];
}

static void read_alert(struct arena *a, const struct jv *top, struct event *e, struct faults *f)
{
	struct v2_alert v;
	size_t before = f->n;
	int err = desc_read(a, &v, &v2_alert_entity, top, V_DOOR, S(""), f);
	check_payload(top, &v.payload, f);
	if (err || f->n > before)
		return;
	if (!event_title(a, e, v.payload.summary))
		e->description = v.payload.summary;
	e->severity = severity_of[v.payload.severity];
	e->details = v.payload.custom_details;
	add_labels(a, &e->labels, &v);
	event_time(a, e, v.payload.timestamp);
	add_links(a, &e->links, &v, top, f);
	event_check_size(e, top, S("payload"), f);
}

static int decode(struct arena *a, const struct source_request *r, struct event **ret_events, size_t *ret_n, struct faults *f)
{
	struct v2_keys k;
	struct jv top = *r->json;
	if (top.t != J_OBJ) {
		fault_add(f, r->json, S(""), "the body must be one JSON object");
		return EINVAL;
	}
	drop_blank(a, &top);
	size_t before = f->n;
	int err = desc_read(a, &k, &v2_keys_entity, &top, V_DOOR, S(""), f);
	want(f, &top, S(""), "routing_key");
	want(f, &top, S(""), "event_action");
	int action = enum_value(&event_action_names, json_text(&top, S("event_action")));
	struct event *e = NEW(a, struct event);
	*e = (struct event){ .action = k.event_action, .via = S("events_v2"), .dedup_key = k.dedup_key };
	if (action == EVENT_TRIGGER || (action < 0 && json_get(&top, S("payload"))))
		read_alert(a, &top, e, f);
	else if (action >= 0)
		want(f, &top, S(""), "dedup_key");
	if (err || f->n > before)
		return EINVAL;
	*ret_events = e;
	*ret_n = 1;
	return 0;
}

static void answer(struct arena *a, const struct source_request *r, const struct event_result *results, size_t n,
    struct source_answer *ret)
{
	(void)r;
	struct buf b = BUF(4096);
	buf_add(&b, S("{\"status\":\"success\",\"message\":\"Event processed\",\"dedup_key\":"));
	buf_json(&b, n > 0 ? results[0].dedup_key : S(""));
	buf_char(&b, '}');
	door_answer(a, 202, "application/json", &b, ret);
}

/* One string a fault: 'payload.severity' is missing or blank. */
static void add_error(struct buf *b, const struct fault *x)
{
	struct buf line = BUF(4096);
	if (x->path.n > 0) {
		buf_char(&line, '\'');
		buf_add(&line, x->path);
		buf_add(&line, S("' "));
	}
	buf_add(&line, x->what);
	buf_json(b, buf_str(&line));
	buf_free(&line);
}

static void refuse(struct arena *a, const struct faults *f, bool is_json, struct source_answer *ret)
{
	struct buf b = BUF(1 << 20);
	if (is_json)
		buf_add(&b, S("{\"status\":\"invalid event\",\"message\":\"Event object is invalid\",\"errors\":["));
	else
		buf_add(&b, S("{\"status\":\"Unrecognized object\",\"message\":\"Event object format is unrecognized\",\"errors\":["
			"\"JSON parse error\""));
	for (const struct fault *x = f->head; x != NULL; x = x->next) {
		if (x != f->head || !is_json)
			buf_char(&b, ',');
		add_error(&b, x);
	}
	buf_add(&b, S("]}"));
	door_answer(a, 400, "application/json", &b, ret);
}

static void unknown_key(struct arena *a, struct source_answer *ret)
{
	struct buf b = BUF(1024);
	buf_add(&b, S("{\"status\":\"invalid event\",\"message\":\"Event object is invalid\",\"errors\":[\"'routing_key' is not known "
		"here; send one of the integration's routing_keys\"]}"));
	door_answer(a, 400, "application/json", &b, ret);
}

const struct source source_events_v2 = {
	.name = "events_v2", .doc = "PagerDuty Events API v2.", .door = "/v2/enqueue", .settings = &events_v2_entity,
	.body = &v2_event_entity, .keys = keys, .key_of = key_of, .decode = decode, .answer = answer, .refuse = refuse,
	.unknown_key = unknown_key,
};
