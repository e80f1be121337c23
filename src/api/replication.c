/* replication.c - what a standby reads of this server, and how it gives back what it led.
 *
 * There is no log of changes that could have a gap: a standby compares. It lists which versions there are of what can still change (open incidents,
 * pages under way, the youngest incidents, tokens) and asks for the documents that it has otherwise or not at all. So nothing is written for
 * its sake, nothing waits for it, and being away costs it nothing but the reading. Rows are (KIND/ID, version, commit): two documents of one version
 * that come from different commits are different.
 *
 * With an incident comes everything that is needed to lead it: its policy, its group, its alerts, its pages and the timeline from an entry
 * on; the incident itself comes last, so that whoever has it in a version has at least what belongs to that version.
 */
#include "api/listing.h"
#include "api/routes.h"
#include "base/digest.h"
#include "core/decide.h"
#include "model/kinds.h"
#include <string.h>

enum { ROWS_MAX = 500, OWED_MAX = 2000, DOCS_BYTES = 1 << 20, HEX_MAX = 64, ALERTS_MAX = 1000 };

ENTITY_TABLE(wanted, WANTED, "Which documents a standby asks for.");
ENTITY_TABLE(handed_back, HANDED_BACK, "An incident that a standby led.");

/* --- the keep-alive --- */

void replication_show(struct exchange *x)
{
	struct api_env *env = &x->api->env;
	int64_t at_ms, err_ms, cycle_ms = atomic_load_explicit(&env->metrics(env->ctx)->last_cycle_ms, memory_order_relaxed);
	enum store_rc rc = store_now(env->store, &at_ms, &err_ms);
	if (rc != STORE_OK) {
		answer_store_error(x, rc);
		return;
	}
	buf_add(&x->out, S("{\"part\":"));
	buf_json(&x->out, env->standby ? env->standby->part(env->standby->ctx) : S("primary"));
	buf_fmt(&x->out, ",\"at\":%lld,\"cycle\":%lld,\"version\":", (long long)at_ms, (long long)cycle_ms);
	buf_json(&x->out, str_c(x->api->setup->version));
	buf_char(&x->out, '}');
	answer_json(x, 200);
}

/* --- versions --- */

static void token_write(struct buf *b, const struct store_token *t)
{
	buf_char(b, '"');
	hex_write(b, t->b, sizeof t->b);
	buf_char(b, '"');
}

static struct str kind_name(store_kind kind)
{
	return str_c(kinds[kind].entity->name);
}

static void rows_write(struct buf *b, const struct store_docs *docs)
{
	for (size_t i = 0; i < docs->n; i++) {
		const struct store_doc *d = &docs->v[i];
		buf_fmt(b, "%s[\"%.*s/", b->p[b->n - 1] == '[' ? "" : ",", STR_ARG(kind_name(d->kind)));
		buf_add(b, d->id);                                 /* ids are plain: made by us, or checked when they came */
		buf_fmt(b, "\",%llu,", (unsigned long long)d->ver);
		token_write(b, &d->token);
		buf_char(b, ']');
	}
}

/* Each set: the kind, how it is walked. */
static const struct set { const char *name; enum kind kind; const char *prefix; } sets[] = {
	{ "detected", KIND_incident, "detected/" }, { "acknowledged", KIND_incident, "acknowledged/" }, { "recent", KIND_incident, NULL },
	{ "owed", KIND_page, NULL }, { "shared", KIND_token, NULL },
};

static enum store_rc walk_status(struct exchange *x, const struct set *s, struct str after, struct store_docs *docs)
{
	struct walk w = walk_make(desc_key_index(&incident_entity, S("status")), str_c(s->prefix), after, false);
	return store_list(x->api->env.store, KIND_incident, w.idx, (struct str){ w.lo, w.n_lo }, (struct str){ w.hi, w.n_hi }, false, ROWS_MAX, docs);
}

static enum store_rc walk_ids(struct exchange *x, const struct set *s, struct str after, struct store_docs *docs)
{
	struct str lo = after.n ? arena_fmt(&x->r->mem, "%.*s\x01", STR_ARG(after)) : after;
	return store_list(x->api->env.store, (store_kind)s->kind, STORE_BY_ID, lo, S(""), false, ROWS_MAX, docs);
}

/* All that are under way, from the due index, which is fresh; too many to tell are told in part. */
static enum store_rc walk_owed(struct exchange *x, struct store_docs *docs)
{
	struct store *store = x->api->env.store;
	struct store_info info;
	store_info(store, &info);
	return store_due(store, KIND_page, 0, info.shards, INT64_MAX - 1, OWED_MAX, docs);
}

static enum store_rc shared_write(struct exchange *x, bool is_first)
{
	struct store_docs docs = { 0 };
	const store_kind kind = KIND_counter;
	const struct str id = S("incident");
	enum store_rc rc = is_first ? store_get(x->api->env.store, &kind, &id, 1, &docs) : STORE_OK;
	if (rc == STORE_OK && docs.n > 0 && docs.v[0].ver > 0)
		rows_write(&x->out, &docs);
	store_docs_free(&docs);
	return rc;
}

static const struct set *set_asked(struct exchange *x, struct str *ret_after)
{
	struct str name = S("");
	*ret_after = S("");
	(void)http_query(x->r, "set", &name);              /* none is none of those there are */
	(void)http_query(x->r, "after", ret_after);        /* none: from the beginning */
	for (size_t i = 0; i < COUNT(sets); i++)
		if (str_eq(name, str_c(sets[i].name)))
			return &sets[i];
	answer_error(x, 400, "set must be detected, acknowledged, recent, owed or shared.");
	return NULL;
}

void replication_versions(struct exchange *x)
{
	struct str after;
	struct store_docs docs = { 0 };
	const struct set *s = set_asked(x, &after);
	if (s == NULL)
		return;
	if (after.n > AFTER_MAX || !str_is_utf8(after)) {
		answer_error(x, 400, "after must be an id.");
		return;
	}
	buf_add(&x->out, S("{\"items\":["));
	enum store_rc rc = s->kind == KIND_token ? shared_write(x, after.n == 0) : STORE_OK;
	if (rc == STORE_OK)
		rc = s->prefix ? walk_status(x, s, after, &docs) : s->kind == KIND_page ? walk_owed(x, &docs) : walk_ids(x, s, after, &docs);
	if (rc == STORE_OK)
		rows_write(&x->out, &docs);
	bool is_last = docs.n < (s->kind == KIND_page ? OWED_MAX : ROWS_MAX);
	buf_add(&x->out, S("],\"next\":"));
	if (is_last || rc != STORE_OK)
		buf_add(&x->out, S("null}"));
	else
		buf_fmt(&x->out, "\"%.*s\"}", STR_ARG(docs.v[docs.n - 1].id));
	store_docs_free(&docs);
	if (rc != STORE_OK)
		answer_store_error(x, rc);
	else
		answer_json(x, 200);
}

/* --- documents --- */

static void when_or_null(struct buf *b, const char *name, int64_t at)
{
	if (at == STORE_NO_DUE)
		buf_fmt(b, ",\"%s\":null", name);
	else
		buf_fmt(b, ",\"%s\":%lld", name, (long long)at);
}

static void doc_write(struct buf *b, const struct store_doc *d)
{
	buf_fmt(b, "%s{\"kind\":\"%.*s\",\"id\":", b->p[b->n - 1] == '[' ? "" : ",", STR_ARG(kind_name(d->kind)));
	buf_json(b, d->id);
	buf_fmt(b, ",\"ver\":%llu,\"token\":", (unsigned long long)d->ver);
	token_write(b, &d->token);
	when_or_null(b, "due", d->due);
	when_or_null(b, "expire", d->expire);
	buf_add(b, S(",\"keys\":["));
	for (size_t i = 0; i < STORE_IDX; i++) {
		buf_add(b, i ? S(",") : S(""));
		buf_json(b, d->idx[i]);
	}
	buf_add(b, S("],\"body\":"));
	buf_add(b, d->body.n ? d->body : S("{}"));
	buf_char(b, '}');
}

/* What is asked for by name. */
struct sending { struct exchange *x; struct buf missing; enum store_rc rc; };

static void miss(struct sending *t, store_kind kind, struct str id)
{
	buf_add(&t->missing, t->missing.n ? S(",") : S(""));
	buf_json(&t->missing, arena_fmt(&t->x->r->mem, "%.*s/%.*s", STR_ARG(kind_name(kind)), STR_ARG(id)));
}

static void send_named(struct sending *t, const store_kind *kind, const struct str *id, size_t n, bool says_missing)
{
	struct store_docs docs = { 0 };
	if (n > 0 && t->rc == STORE_OK)
		t->rc = store_get(t->x->api->env.store, kind, id, n, &docs);
	for (size_t i = 0; t->rc == STORE_OK && i < docs.n; i++) {
		if (docs.v[i].ver > 0)
			doc_write(&t->x->out, &docs.v[i]);
		else if (says_missing)
			miss(t, kind[i], id[i]);
	}
	store_docs_free(&docs);
}

static void send_one(struct sending *t, enum kind kind, struct str id)
{
	const store_kind k = (store_kind)kind;
	if (id.n > 0)
		send_named(t, &k, &id, 1, false);
}

/* The alerts that entries name, each once. */
struct alerts { struct str v[ALERTS_MAX]; size_t n; };

static void note_alert(struct arena *a, const struct store_doc *entry, struct alerts *all)
{
	struct str why, id = json_text(json_parse_own(a, entry->body, &why), S("alert"));
	for (size_t i = 0; i < all->n; i++)
		if (str_eq(all->v[i], id))
			return;
	if (id.n > 0 && all->n < ALERTS_MAX)
		all->v[all->n++] = id;
}

/* Documents of a kind whose ids begin with "INCIDENT/", from `lo` on. Empty: all were sent; else where to go on, because the answer is full. */
static struct str send_part(struct sending *t, enum kind kind, struct str incident, struct str lo, struct alerts *alerts,
    struct arena *own)
{
	struct arena *a = &t->x->r->mem;
	struct str hi = arena_fmt(a, "%.*s0", STR_ARG(incident));    /* '0' comes after '/' */
	struct store_docs docs = { 0 };
	bool is_last = false;
	while (t->rc == STORE_OK && !is_last && t->x->out.n < DOCS_BYTES) {
		t->rc = store_list(t->x->api->env.store, (store_kind)kind, STORE_BY_ID, lo, hi, false, CHUNK, &docs);
		for (size_t i = 0; t->rc == STORE_OK && i < docs.n; i++) {
			doc_write(&t->x->out, &docs.v[i]);
			if (alerts)
				note_alert(own, &docs.v[i], alerts);
		}
		is_last = docs.n < CHUNK;
		if (docs.n > 0)
			lo = arena_fmt(a, "%.*s\x01", STR_ARG(docs.v[docs.n - 1].id));
	}
	store_docs_free(&docs);
	return is_last || t->rc != STORE_OK ? S("") : lo;
}

static void send_family(struct sending *t, const struct incident *inc, const struct store_doc *d, const struct alerts *alerts)
{
	struct arena *a = &t->x->r->mem;
	send_one(t, KIND_policy, inc->policy);
	send_one(t, KIND_group, arena_fmt(a, "service/%.*s", STR_ARG(inc->service)));
	send_one(t, KIND_alert, alert_id(a, inc->source, inc->service, inc->dedup_key));
	for (size_t i = 0; i < alerts->n; i++)
		send_one(t, KIND_alert, alerts->v[i]);
	doc_write(&t->x->out, d);
}

/* An incident and what belongs to it. Its document is read first and sent last: what is sent of the rest is at least as new. Empty: sent whole;
 * else the entry to go on with. */
static struct str send_incident(struct sending *t, struct str id, struct str from)
{
	struct arena own = ARENA(EXCHANGE_ARENA);                  /* details of an alert are large as a tree: a request cannot hold many of them */
	struct store_docs docs = { 0 };
	struct incident inc = { 0 };
	struct alerts *alerts = NEW(&own, struct alerts);
	const store_kind kind = KIND_incident;
	struct str next = S("");
	t->rc = store_get(t->x->api->env.store, &kind, &id, 1, &docs);
	bool is_there = t->rc == STORE_OK && docs.v[0].ver > 0;
	if (t->rc == STORE_OK && !is_there)
		miss(t, kind, id);
	if (is_there && !doc_read(t->x->api, &own, &incident_entity, &docs.v[0], &inc))
		t->rc = STORE_CORRUPT;
	if (is_there && t->rc == STORE_OK)
		next = send_part(t, KIND_entry, id, from, alerts, &own);
	if (is_there && t->rc == STORE_OK && next.n == 0) {
		(void)send_part(t, KIND_page, id, arena_fmt(&own, "%.*s/", STR_ARG(id)), NULL, NULL);   /* what does not fit is owed or told another time */
		send_family(t, &inc, &docs.v[0], alerts);
	}
	store_docs_free(&docs);
	arena_free(&own);
	return next;
}

/* "KIND/ID". */
static bool name_read(struct str name, store_kind *ret_kind, struct str *ret_id)
{
	struct str word, id;
	if (!str_cut(name, '/', &word, &id) || id.n == 0 || id.n > STORE_ID_MAX)
		return false;
	for (size_t k = 0; k < KINDS; k++)
		if (str_eq(word, str_c(kinds[k].entity->name))) {
			*ret_kind = (store_kind)k;
			*ret_id = id;
			return true;
		}
	return false;
}

static bool names_read(struct exchange *x, const struct strs *names, store_kind *kind, struct str *id)
{
	for (size_t i = 0; i < names->n; i++)
		if (!name_read(names->v[i], &kind[i], &id[i])) {
			answer_error(x, 422, "documents[%zu] must be KIND/ID, with a kind of this version.", i);
			return false;
		}
	return true;
}

/* Incidents until the answer is full; what comes first in `next` is where to go on. */
static struct str send_incidents(struct sending *t, const struct strs *asked)
{
	struct str id, sequence, next = S("");
	for (size_t i = 0; i < asked->n && t->rc == STORE_OK && next.n == 0; i++) {
		if (t->x->out.n >= DOCS_BYTES)
			next = asked->v[i];
		else if (str_cut(asked->v[i], '/', &id, &sequence) && uuid_is(id) && asked->v[i].n < HEX_MAX)
			next = send_incident(t, id, asked->v[i]);
	}
	return next;
}

static_assert((int)STORE_GET_MAX >= 100, "as many documents as may be asked for by name");

void replication_documents(struct exchange *x)
{
	struct faults f = { .a = &x->r->mem };
	struct wanted w = { 0 };
	struct sending t = { .x = x, .missing = BUF(64 << 10) };
	store_kind kind[STORE_GET_MAX] = { 0 };
	struct str id[STORE_GET_MAX] = { { 0 } };
	if (!exchange_body(x, &wanted_entity, &w, &f) || !names_read(x, &w.documents, kind, id))
		return;
	buf_add(&x->out, S("{\"items\":["));
	send_named(&t, kind, id, w.documents.n, true);
	struct str next = send_incidents(&t, &w.incidents);
	buf_add(&x->out, S("],\"missing\":["));
	buf_add(&x->out, buf_str(&t.missing));
	buf_add(&x->out, S("],\"next\":"));
	if (next.n)
		buf_json(&x->out, next);
	else
		buf_add(&x->out, S("null"));
	buf_char(&x->out, '}');
	buf_free(&t.missing);
	if (t.rc != STORE_OK)
		answer_store_error(x, t.rc);
	else
		answer_json(x, 200);
}
