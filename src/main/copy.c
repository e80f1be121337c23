/* copy.c - see copy.h. */
#include "main/copy.h"
#include "base/digest.h"
#include "core/decide.h"
#include "model/kinds.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR_MS = 3600 * 1000, OVERLAP_MS = 60 * 1000, ASK_MAX = 50, OWN_MAX = 500, IMPORT_MAX = 256, OWED_MAX = 2000, SCRATCH_MAX = 512 << 20 };

/* One round under way. The first thing that goes wrong stops it. */
struct name { store_kind kind; struct str id; };
struct names_list { struct name *v; size_t n, cap; };
struct round {
	struct copy *c;
	struct arena *a;                 /* of the round */
	struct arena scratch;            /* of one answer */
	struct ids *strangers;
	struct names_list open;          /* incidents that are open there */
	struct names_list owed;          /* pages under way there */
	struct names_list wanted;        /* documents to fetch */
	struct ids incidents;            /* incidents to fetch, as ID/SEQUENCE */
	struct str why;
};

struct str id_floor(struct arena *a, int64_t at_ms)
{
	uint64_t t = at_ms > 0 ? (uint64_t)at_ms : 0;
	return arena_fmt(a, "%08llx-%04llx", (unsigned long long)(t >> 16), (unsigned long long)(t & 0xffff));
}

/* Arrays in the arena that double: what they leave behind goes with the round. */
#define ADD(a, list, T, item) do { \
	if ((list)->n == (list)->cap) { \
		size_t cap_ = (list)->cap ? (list)->cap * 2 : 64; \
		T *v_ = NEWN(a, T, cap_); \
		if ((list)->n) \
			memcpy(v_, (list)->v, (list)->n * sizeof *v_); \
		(list)->v = v_; \
		(list)->cap = cap_; \
	} \
	(list)->v[(list)->n++] = (item); \
} while (0)

static bool fail(struct round *r, struct str why)
{
	if (r->why.n == 0)
		r->why = why.n ? arena_str(r->a, why) : S("it cannot be said why");
	return false;
}

/* What a primary says in one round is held in memory: one that never comes to an end must not take this process with it. */
static bool has_room(struct round *r)
{
	return r->a->used < r->a->limit / 2 || fail(r, S("the primary tells more in one round than this server holds"));
}

static bool store_says(struct round *r, enum store_rc rc)
{
	return rc == STORE_OK || fail(r, arena_fmt(r->a, "the own store: %s", store_rc_name(rc)));
}

/* --- reading what the primary says --- */

static int64_t number(const struct jv *object, struct str key, int64_t otherwise)
{
	const struct jv *v = json_get(object, key);
	return v && v->t == J_INT ? v->i : otherwise;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool token_read(struct str s, struct store_token *ret)
{
	if (s.n != 2 * sizeof ret->b)
		return false;
	for (size_t i = 0; i < sizeof ret->b; i++) {
		int hi = hex_digit(s.p[2 * i]), lo = hex_digit(s.p[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		ret->b[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

/* What may be copied, whatever is sent: the part that this side plays and who serves here are its own. */
static const bool is_copied[KINDS] = { [KIND_incident] = true, [KIND_entry] = true, [KIND_page] = true, [KIND_alert] = true, [KIND_group] = true,
	[KIND_policy] = true, [KIND_token] = true, [KIND_counter] = true };

static bool kind_read(struct str word, store_kind *ret)
{
	for (size_t k = 0; k < KINDS; k++)
		if (is_copied[k] && str_eq(word, str_c(kinds[k].entity->name))) {
			*ret = (store_kind)k;
			return true;
		}
	return false;                    /* of a newer primary: not ours to understand */
}

static bool name_read(struct str text, struct name *ret)
{
	struct str word;
	return str_cut(text, '/', &word, &ret->id) && kind_read(word, &ret->kind);
}

/* ["KIND/ID", version, "commit"] */
static bool row_read(const struct jv *row, struct name *ret, uint64_t *ret_ver, struct store_token *ret_token)
{
	const struct jv *name = row->kid, *ver = name ? name->next : NULL, *token = ver ? ver->next : NULL;
	if (token == NULL || ver->t != J_INT || !name_read(name->s, ret))
		return false;
	*ret_ver = (uint64_t)ver->i;
	return token_read(token->s, ret_token);
}

static void idx_read(const struct jv *keys, struct store_doc *d)
{
	const struct jv *k = keys ? keys->kid : NULL;
	for (size_t i = 0; i < STORE_IDX && k != NULL; i++, k = k->next)
		d->idx[i] = k->s;
}

static bool doc_read(struct arena *a, const struct jv *j, struct store_doc *ret)
{
	struct buf body = BUF(STORE_BODY_MAX);
	int64_t ver = number(j, S("ver"), 0);
	struct store_doc d = { .id = json_text(j, S("id")), .ver = ver > 0 ? (uint64_t)ver : 0, .due = number(j, S("due"), STORE_NO_DUE),
		.expire = number(j, S("expire"), STORE_NO_DUE) };
	const struct jv *tree = json_get(j, S("body"));
	if (!kind_read(json_text(j, S("kind")), &d.kind) || !token_read(json_text(j, S("token")), &d.token) || tree == NULL)
		return false;
	json_write(&body, tree);
	idx_read(json_get(j, S("keys")), &d);
	d.body = arena_str(a, buf_str(&body));
	bool is_small = body.err == 0;
	buf_free(&body);
	*ret = d;
	return is_small && d.id.n > 0 && d.ver > 0;
}

/* --- comparing --- */

static int by_name(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	return x->kind != y->kind ? (x->kind > y->kind) - (x->kind < y->kind) : str_cmp(x->id, y->id);
}

static bool is_among(const struct names_list *l, struct name n)
{
	return l->n > 0 && bsearch(&n, l->v, l->n, sizeof n, by_name) != NULL;
}

static void sort(struct names_list *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, by_name);
}

/* The incident here, as far as it matters for asking; zeros when it is not there. */
struct own { int64_t entries, reign; };
static struct own own_of(const struct store_doc *d)
{
	struct arena a = ARENA(SCRATCH_MAX);
	struct str why;
	const struct jv *j = d->ver ? json_parse_own(&a, d->body, &why) : NULL;
	struct own own = { number(j, S("entries"), 0), number(j, S("reign"), 0) };
	arena_free(&a);
	return own;
}

static bool was_led(const struct round *r, struct own own)
{
	return own.reign != 0 && own.reign == r->c->reign;
}

/* With its timeline from where ours ends; all of it when ours was led here, because then it is not the same. */
static void want_incident(struct round *r, struct str id, const struct store_doc *here)
{
	struct own own = own_of(here);
	ADD(r->a, &r->incidents, struct str, entry_id(r->a, id, was_led(r, own) ? 0 : own.entries));
}

static void want(struct round *r, struct name n, const struct store_doc *here)
{
	if (n.kind == KIND_incident)
		want_incident(r, n.id, here);
	else
		ADD(r->a, &r->wanted, struct name, ((struct name){ n.kind, arena_str(r->a, n.id) }));
}

/* Rows of the primary against the documents here, a call of the store at a time. */
struct rows { struct name name[STORE_GET_MAX]; uint64_t ver[STORE_GET_MAX]; struct store_token token[STORE_GET_MAX]; size_t n; };

static bool compare(struct round *r, struct rows *rows)
{
	store_kind kind[STORE_GET_MAX] = { 0 };
	struct str id[STORE_GET_MAX] = { { 0 } };
	struct store_docs docs = { 0 };
	for (size_t i = 0; i < rows->n; i++) {
		kind[i] = rows->name[i].kind;
		id[i] = rows->name[i].id;
	}
	enum store_rc rc = rows->n ? store_get(r->c->store, kind, id, rows->n, &docs) : STORE_OK;
	for (size_t i = 0; rc == STORE_OK && i < rows->n; i++) {
		const struct store_doc *d = &docs.v[i];
		if (d->ver != rows->ver[i] || memcmp(d->token.b, rows->token[i].b, sizeof d->token.b) != 0)
			want(r, rows->name[i], d);
	}
	rows->n = 0;
	store_docs_free(&docs);
	return store_says(r, rc);
}

static bool compare_page(struct round *r, const struct jv *items, struct names_list *seen)
{
	struct rows rows = { .n = 0 };
	bool ok = true;
	for (const struct jv *row = items ? items->kid : NULL; row != NULL && ok; row = row->next) {
		if (!row_read(row, &rows.name[rows.n], &rows.ver[rows.n], &rows.token[rows.n]))
			continue;                                  /* a kind of a newer version */
		if (seen)
			ADD(r->a, seen, struct name, ((struct name){ rows.name[rows.n].kind, arena_str(r->a, rows.name[rows.n].id) }));
		if (++rows.n == STORE_GET_MAX)
			ok = compare(r, &rows);
	}
	return ok && compare(r, &rows);
}

/* All pages of one set. *ret_is_whole: nothing was left out. */
static bool compare_set(struct round *r, const char *set, struct str after, struct names_list *seen, bool *ret_is_whole)
{
	bool is_owed = strcmp(set, "owed") == 0;
	*ret_is_whole = true;
	do {
		struct str path = arena_fmt(r->a, "/api/v1/replication/versions?set=%s&after=%.*s", set, STR_ARG(after));
		arena_reset(&r->scratch);
		struct told t = primary_ask(r->c->primary, &r->scratch, "GET", path, S(""));
		if (t.status != 200 || t.json == NULL)
				return fail(r, t.why);
		if (!compare_page(r, json_get(t.json, S("items")), seen) || !has_room(r))
			return false;
		struct str next = arena_str(r->a, json_text(t.json, S("next")));
		if (next.n > 0 && str_cmp(next, after) <= 0)
			return fail(r, arena_fmt(r->a, "the primary's list of %s goes round in circles: is it tocsin?", set));
		after = next;
	} while (after.n > 0 && !is_owed);
	*ret_is_whole = after.n == 0;
	return true;
}

/* --- fetching --- */

static bool remove_all(struct round *r, const struct store_docs *docs, const struct names_list *but)
{
	enum store_rc rc = STORE_OK;
	for (size_t i = 0; i < docs->n && rc == STORE_OK; i++) {
		const struct store_doc *d = &docs->v[i];
		struct store_write w = { .op = STORE_DELETE, .kind = d->kind, .id = d->id, .expect = d->ver, .due = STORE_NO_DUE, .expire = STORE_NO_DUE };
		struct store_txn t = { .w = &w, .n = 1 };
		struct store_result result;
		if (but && is_among(but, (struct name){ d->kind, d->id }))
			continue;
		memcpy(t.token.b, d->token.b, sizeof t.token.b);
		t.token.b[0] ^= 0xff;                              /* any other than that of the document will do */
		store_commit(r->c->store, &t, &result, 1);
		rc = result.rc == STORE_CONFLICT ? STORE_OK : result.rc;
	}
	return store_says(r, rc);
}

static bool remove_from(struct round *r, enum kind kind, struct str incident, struct str lo, const struct names_list *but)
{
	struct store_docs docs = { 0 };
	enum store_rc rc = store_list(r->c->store, (store_kind)kind, STORE_BY_ID, lo, arena_fmt(r->a, "%.*s0", STR_ARG(incident)), false, OWN_MAX, &docs);
	bool ok = store_says(r, rc) && remove_all(r, &docs, but);
	store_docs_free(&docs);
	return ok;
}

/* What we led has a timeline and pages of our own, which the primary does not have; it was told what happened here. */
static bool forget_reign(struct round *r, const struct store_doc *theirs, const struct names_list *brought)
{
	struct store_docs docs = { 0 };
	const store_kind kind = KIND_incident;
	enum store_rc rc = store_get(r->c->store, &kind, &theirs->id, 1, &docs);
	bool is_ours = rc == STORE_OK && was_led(r, own_of(&docs.v[0]));
	store_docs_free(&docs);
	if (!store_says(r, rc) || !is_ours)
		return r->why.n == 0;
	struct own now = own_of(theirs);
	return remove_from(r, KIND_entry, theirs->id, entry_id(r->a, theirs->id, now.entries), NULL) &&
	    remove_from(r, KIND_page, theirs->id, arena_fmt(r->a, "%.*s/", STR_ARG(theirs->id)), brought);
}

static bool import(struct round *r, const struct store_doc *docs, size_t n)
{
	for (size_t i = 0; i < n; i += IMPORT_MAX)
		if (!store_says(r, store_import(r->c->store, docs + i, n - i < IMPORT_MAX ? n - i : IMPORT_MAX)))
			return false;
	r->c->n_documents += n;
	return true;
}

/* Everything in one answer, in its order: what an incident rests on comes before it. */
static bool take(struct round *r, const struct jv *items)
{
	struct names_list brought = { 0 };
	struct { struct store_doc *v; size_t n, cap; } docs = { 0 };
	for (const struct jv *j = items ? items->kid : NULL; j != NULL; j = j->next) {
		struct store_doc d;
		if (!doc_read(&r->scratch, j, &d))
			continue;                                  /* a kind of a newer version */
		ADD(&r->scratch, &docs, struct store_doc, d);
		ADD(&r->scratch, &brought, struct name, ((struct name){ d.kind, d.id }));
	}
	sort(&brought);
	for (size_t i = 0; i < docs.n; i++)
		if (docs.v[i].kind == KIND_incident) {
			r->c->n_incidents++;
			if (!forget_reign(r, &docs.v[i], &brought))
				return false;
		}
	return import(r, docs.v, docs.n);
}

static void note_missing(struct round *r, const struct jv *missing)
{
	struct name n;
	for (const struct jv *m = missing ? missing->kid : NULL; m != NULL; m = m->next)
		if (name_read(m->s, &n) && n.kind == KIND_incident)
			ADD(r->a, r->strangers, struct str, arena_str(r->a, n.id));
}

static bool ask_documents(struct round *r, struct str body, struct str *ret_next)
{
	arena_reset(&r->scratch);
	struct told t = primary_ask(r->c->primary, &r->scratch, "POST", S("/api/v1/replication/documents"), body);
	if (t.status != 200 || t.json == NULL)
		return fail(r, t.why);
	note_missing(r, json_get(t.json, S("missing")));
	*ret_next = arena_str(r->a, json_text(t.json, S("next")));
	return take(r, json_get(t.json, S("items")));
}

static struct str incidents_body(struct round *r, const struct str *v, size_t n, struct str first)
{
	struct buf b = BUF(64 << 10);
	buf_add(&b, S("{\"incidents\":["));
	for (size_t i = 0; i < n; i++) {
		buf_add(&b, i ? S(",") : S(""));
		buf_json(&b, i == 0 && first.n ? first : v[i]);
	}
	buf_add(&b, S("]}"));
	struct str body = arena_str(r->a, buf_str(&b));
	buf_free(&b);
	return body;
}

static bool is_of(struct str name, struct str other)
{
	struct str id, ignored;
	return str_cut(other, '/', &id, &ignored) && str_starts(name, id);
}

/* A full answer says where to go on: in the middle of a timeline perhaps. */
static bool fetch_incidents(struct round *r)
{
	const struct ids all = r->incidents;
	struct str first = S("");
	for (size_t i = 0; i < all.n;) {
		size_t n = all.n - i < ASK_MAX ? all.n - i : ASK_MAX, k = 0;
		struct str next;
		if (!ask_documents(r, incidents_body(r, all.v + i, n, first), &next) || !has_room(r))
			return false;
		while (next.n > 0 && k < n && !is_of(next, all.v[i + k]))
			k++;
		if (next.n > 0 && k == 0 && str_cmp(next, first.n ? first : all.v[i]) <= 0)
			return fail(r, S("the primary sends the same incident again and again: is it tocsin?"));
		i += next.n > 0 ? k : n;
		first = next;
	}
	return true;
}

static bool fetch_documents(struct round *r)
{
	struct buf b = BUF(64 << 10);
	bool ok = true;
	for (size_t i = 0; i < r->wanted.n && ok; i += ASK_MAX) {
		struct str next;
		buf_clear(&b);
		buf_add(&b, S("{\"documents\":["));
		for (size_t k = i; k < r->wanted.n && k < i + ASK_MAX; k++) {
			struct name n = r->wanted.v[k];
			buf_add(&b, k > i ? S(",") : S(""));
			buf_json(&b, arena_fmt(r->a, "%s/%.*s", kinds[n.kind].entity->name, STR_ARG(n.id)));
		}
		buf_add(&b, S("]}"));
		ok = ask_documents(r, buf_str(&b), &next);
	}
	buf_free(&b);
	return ok;
}

/* --- what is open or under way here and no longer there --- */

static bool look_at_own_open(struct round *r, int status)
{
	struct store_docs docs = { 0 };
	struct str prefix = arena_fmt(r->a, "%s/", incident_status_names.v[status]), lo = prefix, hi = arena_fmt(r->a, "%s0", incident_status_names.v[status]);
	int idx = desc_key_index(&incident_entity, S("status"));
	enum store_rc rc;
	do {
		rc = store_list(r->c->store, KIND_incident, idx, lo, hi, false, OWN_MAX, &docs);
		for (size_t i = 0; rc == STORE_OK && i < docs.n; i++)
			if (!is_among(&r->open, (struct name){ KIND_incident, docs.v[i].id }))
				want_incident(r, arena_str(r->a, docs.v[i].id), &docs.v[i]);
		if (rc == STORE_OK && docs.n > 0)
			lo = arena_fmt(r->a, "%.*s%.*s\x01", STR_ARG(prefix), STR_ARG(docs.v[docs.n - 1].id));
	} while (rc == STORE_OK && docs.n == OWN_MAX);
	store_docs_free(&docs);
	return store_says(r, rc);
}

static bool look_at_own_owed(struct round *r)
{
	struct store_docs docs = { 0 };
	struct store_info info;
	store_info(r->c->store, &info);
	enum store_rc rc = store_due(r->c->store, KIND_page, 0, info.shards, INT64_MAX - 1, OWED_MAX, &docs);
	for (size_t i = 0; rc == STORE_OK && i < docs.n; i++) {
		struct name n = { KIND_page, docs.v[i].id };
		if (is_among(&r->owed, n))
			continue;
		n.id = arena_str(r->a, n.id);
		ADD(r->a, &r->wanted, struct name, n);
	}
	store_docs_free(&docs);
	return store_says(r, rc);
}

static bool compare_all(struct round *r, struct str from)
{
	bool is_whole;
	bool ok = compare_set(r, "shared", S(""), NULL, &is_whole) && compare_set(r, "detected", S(""), &r->open, &is_whole) &&
	    compare_set(r, "acknowledged", S(""), &r->open, &is_whole);
	sort(&r->open);
	ok = ok && look_at_own_open(r, DETECTED) && look_at_own_open(r, ACKNOWLEDGED) && compare_set(r, "owed", S(""), &r->owed, &is_whole);
	sort(&r->owed);
	if (ok && is_whole)
		ok = look_at_own_owed(r);
	return ok && compare_set(r, "recent", from, NULL, &is_whole);
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* An incident can be wanted for two reasons. */
static void drop_doubles(struct ids *l)
{
	size_t kept = 0;
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, by_text);
	for (size_t i = 0; i < l->n; i++)
		if (kept == 0 || !str_eq(l->v[kept - 1], l->v[i]))
			l->v[kept++] = l->v[i];
	l->n = kept;
}

int copy_round(struct copy *c, struct arena *a, int64_t at_ms, int64_t mono_ms, struct ids *ret_strangers, struct str *ret_why)
{
	struct round r = { .c = c, .a = a, .scratch = ARENA(SCRATCH_MAX), .strangers = ret_strangers, .why = S("") };
	bool is_full = c->recent_ms == 0 || mono_ms >= c->full_at_ms;
	bool ok = compare_all(&r, id_floor(a, is_full ? at_ms - c->window_ms : c->recent_ms - OVERLAP_MS));
	drop_doubles(&r.incidents);
	ok = ok && fetch_documents(&r) && fetch_incidents(&r);
	arena_free(&r.scratch);
	if (!ok) {
		*ret_why = r.why;
		return EAGAIN;
	}
	c->recent_ms = at_ms;
	if (is_full)
		c->full_at_ms = mono_ms + HOUR_MS;
	return 0;
}
