/* world_store.c - the store of the fake world: one shared state, a handle with its own troubles per replica.
 *
 * A small implementation of the contract that shares no code with the product's stores. It is also the model that the checkers read: every
 * commit that is applied becomes one happening, with each document as it was and as it is. A call takes time by letting the world run on
 * before and after the state is touched. A handle that belongs to a replica which has died answers DOWN to everything.
 */
#include "model/kinds.h"
#include "tests/sim/check.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1 << 12, WRITES_MAX = STORE_WRITES_MAX, NO_PLACE = -1,
	CONFLICTS_MAX = 100,                     /* over one version of a document: ten times what 400 honest runs need */
};

struct document {
	struct document *next;                   /* in its bucket */
	store_kind kind;
	bool is_there;
	struct str id;
	uint32_t hash;
	uint64_t ver;
	int conflicts;                           /* since it was last written */
	struct store_token token;
	int64_t due, expire, born_at, written_at;
	struct str idx[STORE_IDX];
	struct { char *p; size_t n, cap; struct facts facts; } state[2];
	int now;                                 /* which of the two states counts */
	int place;                               /* in the due list of its kind, or NO_PLACE */
	void *note;
	int64_t read_at[REPLICAS_MAX];
};
/* When a transaction was decided: known from the first time its token was seen. */
struct origin { struct origin *next; struct store_token token; int64_t from, to; const struct config *config; int replica; unsigned life; };
struct doc_list { struct document **v; size_t n, cap; };
struct memory {
	struct sim *s;
	struct document *bucket[BUCKETS];
	struct doc_list all[KINDS], due[KINDS];
	int64_t least_expire[KINDS];             /* nothing of that kind expires earlier */
	struct origin *origin[1024];
};
/* Applied long after its sender was told UNKNOWN. */
struct straggler { struct store_txn txn; struct origin origin; };

static uint32_t hash_of(store_kind kind, struct str id)
{
	uint32_t h = 2166136261u ^ kind;
	for (size_t i = 0; i < id.n; i++)
		h = (h ^ (unsigned char)id.p[i]) * 16777619u;
	return h ^ h >> 15;
}

static struct document *find(const struct memory *m, store_kind kind, struct str id)
{
	struct document *d = m->bucket[hash_of(kind, id) % BUCKETS];
	while (d && !(d->kind == kind && str_eq(d->id, id)))
		d = d->next;
	return d;
}

static struct document *find_there(const struct memory *m, store_kind kind, struct str id)
{
	struct document *d = find(m, kind, id);
	return d && d->is_there ? d : NULL;
}

static void list_add(struct doc_list *l, struct document *d)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->v = xrealloc(l->v, l->cap * sizeof(struct document *));
	}
	l->v[l->n++] = d;
}

static struct document *found_or_made(struct memory *m, store_kind kind, struct str id)
{
	struct document *d = find(m, kind, id);
	if (d)
		return d;
	d = NEW(&m->s->mem, struct document);
	uint32_t h = hash_of(kind, id);
	*d = (struct document){ .next = m->bucket[h % BUCKETS], .kind = kind, .id = arena_str(&m->s->mem, id), .hash = h,
		.due = STORE_NO_DUE, .expire = STORE_NO_DUE, .place = NO_PLACE };
	m->bucket[h % BUCKETS] = d;
	list_add(&m->all[kind], d);
	return d;
}

struct memory *memory_new(struct sim *s)
{
	struct memory *m = xmalloc(sizeof *m);
	memset(m, 0, sizeof *m);
	m->s = s;
	for (size_t k = 0; k < KINDS; k++)
		m->least_expire[k] = STORE_NO_DUE;
	return m;
}

void memory_free(struct memory *m)
{
	for (size_t k = 0; k < KINDS; k++) {
		for (size_t i = 0; i < m->all[k].n; i++) {
			free(m->all[k].v[i]->state[0].p);
			free(m->all[k].v[i]->state[1].p);
		}
		free(m->all[k].v);
		free(m->due[k].v);
	}
	free(m);
}

static void set_due(struct memory *m, struct document *d, int64_t due)
{
	struct doc_list *l = &m->due[d->kind];
	d->due = due;
	if (due == STORE_NO_DUE && d->place != NO_PLACE) {
		struct document *last = l->v[--l->n];
		l->v[d->place] = last;
		last->place = d->place;
		d->place = NO_PLACE;
	} else if (due != STORE_NO_DUE && d->place == NO_PLACE) {
		d->place = (int)l->n;
		list_add(l, d);
	}
}

/* --- committing --- */

static bool is_token(const struct store_token *a, const struct store_token *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

static bool carries(const struct memory *m, const struct store_txn *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->w[i].op != STORE_CHECK) {
			const struct document *d = find_there(m, t->w[i].kind, t->w[i].id);
			return d && is_token(&d->token, &t->token);
		}
	return false;
}

static enum store_rc conditions(struct memory *m, const struct store_txn *t, struct store_result *r)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct store_write *w = &t->w[i];
		const struct document *d = find_there(m, w->kind, w->id);
		uint64_t ver = d ? d->ver : 0;
		if (w->expect == STORE_ANY && !kinds[w->kind].is_append_only) {
			broken(m->s, I15, "a write of %s %.*s without a condition", kinds[w->kind].entity->name, STR_ARG(w->id));
			return STORE_INVAL;
		}
		if (w->expect != STORE_ANY && w->expect != ver) {
			r->bad_write = i;
			r->cur_ver = ver;
			return STORE_CONFLICT;
		}
	}
	return STORE_OK;
}

static void write_body(struct document *d, struct str body)
{
	d->now = !d->now;
	if (d->state[d->now].cap < body.n + 1) {
		d->state[d->now].cap = 2 * body.n + 1;
		d->state[d->now].p = xrealloc(d->state[d->now].p, d->state[d->now].cap);
	}
	if (body.n)
		memcpy(d->state[d->now].p, body.p, body.n);
	d->state[d->now].n = body.n;
}

static struct change change_before(struct document *d)
{
	return (struct change){ .kind = d->kind, .id = d->id, .old_ver = d->is_there ? d->ver : 0, .old_due = d->due,
		.was = d->is_there ? &d->state[d->now].facts : NULL, .due = STORE_NO_DUE, .expire = STORE_NO_DUE, .note = &d->note,
		.read_at = d->read_at };
}

static struct change write_one(struct memory *m, const struct store_write *w, const struct store_token *token)
{
	struct document *d = found_or_made(m, w->kind, w->id);
	struct change c = change_before(d);
	if (w->op == STORE_DELETE) {
		d->is_there = false;
		d->conflicts = 0;
		set_due(m, d, STORE_NO_DUE);
		return c;
	}
	write_body(d, w->body);
	if (!facts_read(&d->state[d->now].facts, w->kind, (struct str){ d->state[d->now].p, w->body.n }))
		broken(m->s, I0, "%s %.*s is not one JSON object", kinds[w->kind].entity->name, STR_ARG(w->id));
	d->born_at = d->is_there ? d->born_at : m->s->now;
	d->written_at = m->s->now;
	d->ver = d->is_there ? d->ver + 1 : 1;
	d->is_there = true;
	d->conflicts = 0;
	d->token = *token;
	d->expire = w->expire;
	if (w->expire < m->least_expire[d->kind])
		m->least_expire[d->kind] = w->expire;
	set_due(m, d, w->due);
	for (int i = 0; i < STORE_IDX; i++)
		d->idx[i] = w->idx[i].n ? arena_str(&m->s->mem, w->idx[i]) : S("");
	c.is = &d->state[d->now].facts;
	c.ver = d->ver;
	c.due = w->due;
	c.expire = w->expire;
	c.body = (struct str){ d->state[d->now].p, d->state[d->now].n };
	return c;
}

static void tell(struct memory *m, enum on what, const struct store_txn *t, const struct origin *o, const struct change *v, size_t n)
{
	struct happening h = { .what = what, .at = m->s->now, .replica = o->replica, .life = o->life, .v = v, .n_v = n, .token = t->token,
		.decided_from = o->from, .decided_to = o->to, .config = o->config };
	happened(m->s, &h);
}

/* Deletions are the janitor's alone: to the checkers they are purges. */
static bool only_deletes(const struct store_txn *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->w[i].op != STORE_DELETE)
			return false;
	return t->n > 0;
}

static void tell_purges(struct memory *m, const struct origin *o, const struct change *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		happened(m->s, &(struct happening){ .what = ON_PURGE, .at = m->s->now, .replica = o->replica, .life = o->life, .v = &v[i], .n_v = 1 });
}

/* One transaction at one instant. */
static void apply(struct memory *m, const struct store_txn *t, const struct origin *o, struct store_result *r)
{
	struct change v[WRITES_MAX];
	size_t n = 0;
	*r = (struct store_result){ .at = m->s->now };
	assert(t->n <= WRITES_MAX);
	if (carries(m, t)) {
		r->rc = STORE_OK;
		return;
	}
	r->rc = conditions(m, t, r);
	if (r->rc == STORE_CONFLICT) {
		struct document *d = find(m, t->w[r->bad_write].kind, t->w[r->bad_write].id);
		v[0] = d ? change_before(d) : (struct change){ 0 };
		tell(m, ON_CONFLICT, t, o, v, d ? 1 : 0);
		if (d && ++d->conflicts == CONFLICTS_MAX)
			broken(m->s, I0, "%s %.*s stands in the way of a decision that is made again and again", kinds[d->kind].entity->name, STR_ARG(d->id));
	}
	if (r->rc != STORE_OK)
		return;
	for (size_t i = 0; i < t->n; i++)
		if (t->w[i].op != STORE_CHECK)
			v[n++] = write_one(m, &t->w[i], &t->token);
	m->s->verdict.commits++;
	if (only_deletes(t))
		tell_purges(m, o, v, n);
	else
		tell(m, ON_COMMIT, t, o, v, n);
}

static struct origin **origin_place(struct memory *m, const struct store_token *t)
{
	struct origin **p = &m->origin[((size_t)t->b[0] | (size_t)t->b[1] << 8) % COUNT(m->origin)];
	while (*p && !is_token(&(*p)->token, t))
		p = &(*p)->next;
	return p;
}

/* Where this transaction comes from: now, unless it is an old one tried again. */
static struct origin origin_of(struct memory *m, const struct node *r, const struct store_txn *t)
{
	struct origin *seen = *origin_place(m, &t->token);
	if (seen)
		return *seen;
	return (struct origin){ .token = t->token, .from = r->step_began_ms, .to = m->s->now, .config = r->config, .replica = r->index,
		.life = r->life };
}

static void origin_keep(struct memory *m, const struct origin *o)
{
	struct origin **p = origin_place(m, &o->token);
	if (*p)
		return;
	*p = NEW(&m->s->mem, struct origin);
	**p = *o;
	(*p)->next = NULL;
}

/* --- a call takes time, and things go wrong --- */

static struct handle *handle_of(const struct store *st)
{
	return (struct handle *)(uintptr_t)st;
}

static struct node *replica_of(const struct handle *h)
{
	return &h->s->replica[h->replica];
}

static bool is_dead(const struct handle *h)
{
	const struct node *r = replica_of(h);
	return r->life != h->life || r->is_dead;
}

/* Lets the world run on. Another replica may stall in it, and then this call takes as long. */
static void take(struct handle *h, int64_t ms)
{
	enum { LONG = 200 };
	struct sim *s = h->s;
	int64_t began = s->now;
	if (ms > 0)
		sim_until(s, s->now + ms);
	if (s->now - began >= LONG)
		replica_of(h)->trouble_at = s->now;
}

static bool is_unreachable(const struct handle *h)
{
	const struct node *r = replica_of(h);
	return is_dead(h) || h->s->now < h->s->down_until || (r->cut == CUT_REQUESTS && h->s->now < r->cut_until);
}

/* A question that has nothing for an answer, as most are, and most signs of life: it can fail as a whole, but chance is not wasted on it. */
static enum store_rc idle(struct handle *h)
{
	if (!is_unreachable(h))
		return STORE_OK;
	replica_of(h)->trouble_at = h->s->now;
	return STORE_DOWN;
}

/* Signs of life are more than all other calls together: one in so many may go wrong, or what can happen to the others would be lost among them. */
static bool is_dull(struct handle *h, store_kind kind, size_t n)
{
	enum { ONE_IN = 12 };
	return kind == KIND_replica && n == 1 && h->n_beats++ % ONE_IN != 0;
}

/* The way there. STORE_OK: the call arrives. */
static enum store_rc go(struct handle *h)
{
	struct sim *s = h->s;
	struct node *r = replica_of(h);
	enum store_rc rc = STORE_OK;
	if (is_dead(h))
		return STORE_DOWN;
	if (fault(s, F_MEET))
		take(h, fault_draw(s, F_MEET, 0, 40));
	if (fault(s, F_SLOW))
		take(h, fault_draw(s, F_SLOW, 200, 6000));
	if (fault(s, F_STALL))
		take(h, 60 * SECOND);
	if (fault(s, F_BUSY))
		rc = STORE_BUSY;
	if (fault(s, F_DOWN) || is_unreachable(h))
		rc = STORE_DOWN;
	if (rc != STORE_OK)
		r->trouble_at = s->now;
	return rc;
}

/* The way back of a read. */
static enum store_rc back(struct handle *h)
{
	struct sim *s = h->s;
	struct node *r = replica_of(h);
	if (fault(s, F_MEET))
		take(h, fault_draw(s, F_MEET, 0, 40));
	if (fault(s, F_SLOW))
		take(h, fault_draw(s, F_SLOW, 200, 6000));
	bool is_cut = r->cut == CUT_ANSWERS && s->now < r->cut_until;
	if (is_cut)
		r->trouble_at = s->now;
	return is_cut || is_dead(h) ? STORE_DOWN : STORE_OK;
}

static bool is_growth(const struct store_txn *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->w[i].kind == KIND_incident && t->w[i].expect == STORE_ABSENT)
			return true;
	return false;
}

static void straggle(struct sim *s, void *who, int64_t n)
{
	struct straggler *x = who;
	struct store_result r;
	(void)n;
	apply(s->memory, &x->txn, &x->origin, &r);
}

/* Keeps a transaction for later: its memory belongs to its sender. */
static void postpone(struct sim *s, const struct store_txn *t, const struct origin *o)
{
	struct straggler *x = NEW(&s->mem, struct straggler);
	struct store_write *w = NEWN(&s->mem, struct store_write, t->n);
	for (size_t i = 0; i < t->n; i++) {
		w[i] = t->w[i];
		w[i].id = arena_str(&s->mem, w[i].id);
		w[i].body = arena_str(&s->mem, w[i].body);
		for (int k = 0; k < STORE_IDX; k++)
			w[i].idx[k] = arena_str(&s->mem, w[i].idx[k]);
	}
	*x = (struct straggler){ { t->token, w, t->n }, *o };
	sim_at(s, s->now + fault_draw(s, F_LATE, 1, 60 * SECOND), straggle, x, 0);
}

static void commit_one(struct handle *h, const struct store_txn *t, struct store_result *r)
{
	struct sim *s = h->s;
	struct node *rep = replica_of(h);
	struct origin o = origin_of(s->memory, rep, t);
	*r = (struct store_result){ .rc = STORE_UNKNOWN };
	if (s->now < s->full_until && (s->is_full_for_all || is_growth(t)))
		r->rc = STORE_FULL;
	else if (fault(s, F_LATE))
		postpone(s, t, &o);
	else if (!fault(s, F_NOT_APPLIED))
		apply(s->memory, t, &o, r);
	if (r->rc == STORE_OK && fault(s, F_LOST))
		r->rc = STORE_UNKNOWN;
	if (r->rc == STORE_UNKNOWN)
		origin_keep(s->memory, &o);
	if (r->rc != STORE_OK && r->rc != STORE_CONFLICT)
		rep->trouble_at = s->now;
}

static void say(struct store_result *r, size_t n, enum store_rc rc)
{
	for (size_t i = 0; i < n; i++)
		r[i] = (struct store_result){ .rc = rc };
}

static void store_commit_(struct store *st, const struct store_txn *t, struct store_result *r, size_t n)
{
	struct handle *h = handle_of(st);
	struct sim *s = h->s;
	bool dull = is_dull(h, t->w->kind, n);
	enum store_rc rc = dull ? idle(h) : go(h);
	if (dull && rc == STORE_OK) {
		struct origin o = origin_of(s->memory, replica_of(h), t);
		apply(s->memory, t, &o, r);
		return;
	}
	replica_of(h)->did_something = true;
	if (rc == STORE_OK && fault(s, F_CRASH_BEFORE)) {
		replica_die(replica_of(h), "before a commit was applied");
		rc = STORE_DOWN;
	}
	if (rc != STORE_OK) {
		say(r, n, rc);
		return;
	}
	for (size_t i = 0; i < n; i++)
		commit_one(h, &t[i], &r[i]);
	if (fault(s, F_BLACKOUT))
		s->down_until = s->now + fault_draw(s, F_BLACKOUT, MINUTE, 40 * MINUTE);
	if (fault(s, F_CRASH_AFTER))
		replica_die(replica_of(h), "after a commit was applied");
	if (back(h) == STORE_OK)
		return;
	for (size_t i = 0; i < n; i++) {                 /* applied or not, nobody hears of it */
		struct origin o = origin_of(s->memory, replica_of(h), &t[i]);
		origin_keep(s->memory, &o);
		r[i].rc = STORE_UNKNOWN;
	}
}

/* --- reading --- */

static void copy_doc(struct store_docs *out, const struct document *d, store_kind kind, struct str id)
{
	struct store_doc *to = &out->v[out->n++];
	*to = (struct store_doc){ .kind = kind, .id = arena_str(&out->mem, id), .due = STORE_NO_DUE, .expire = STORE_NO_DUE };
	if (d == NULL)
		return;
	to->ver = d->ver;
	to->token = d->token;
	to->due = d->due;
	to->expire = d->expire;
	to->body = arena_str(&out->mem, (struct str){ d->state[d->now].p, d->state[d->now].n });
	for (int i = 0; i < STORE_IDX; i++)
		to->idx[i] = d->idx[i].n ? arena_str(&out->mem, d->idx[i]) : S("");
}

static void docs_open(struct store_docs *out, size_t n)
{
	if (out->mem.limit == 0)
		out->mem = ARENA(256 << 20);
	arena_reset(&out->mem);
	out->v = NEWN(&out->mem, struct store_doc, n ? n : 1);
	out->n = 0;
	out->cursor = S("");
}

static enum store_rc store_get_(struct store *st, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	struct handle *h = handle_of(st);
	enum store_rc rc = go(h);
	if (rc != STORE_OK)
		return rc;
	docs_open(out, n);
	for (size_t i = 0; i < n; i++) {
		struct document *d = find_there(h->s->memory, kind[i], id[i]);
		if (d)
			d->read_at[h->replica] = h->s->now;
		copy_doc(out, d, kind[i], id[i]);
	}
	return back(h);
}

static unsigned shard_of(const struct sim *s, const struct document *d)
{
	return d->hash % s->o.shards;
}

static int by_due(const void *a, const void *b)
{
	const struct document *x = *(const struct document *const *)a, *y = *(const struct document *const *)b;
	if (x->due != y->due)
		return x->due < y->due ? -1 : 1;
	return str_cmp(x->id, y->id);
}

/* Those of one shard, lowest due first, as many as there is room for. */
static void due_of_shard(struct memory *m, store_kind kind, unsigned shard, int64_t due_le, size_t limit, struct store_docs *out)
{
	const struct doc_list *l = &m->due[kind];
	struct document **hit = NEWN(&out->mem, struct document *, l->n ? l->n : 1);
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i]->due <= due_le && shard_of(m->s, l->v[i]) == shard)
			hit[n++] = l->v[i];
	qsort(hit, n, sizeof(struct document *), by_due);
	for (size_t i = 0; i < n && out->n < limit; i++)
		copy_doc(out, hit[i], kind, hit[i]->id);
}

static bool nothing_due(const struct memory *m, store_kind kind, int64_t due_le)
{
	const struct doc_list *l = &m->due[kind];
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i]->due <= due_le)
			return false;
	return true;
}

static enum store_rc store_due_(struct store *st, store_kind kind, unsigned lo, unsigned hi, int64_t due_le, size_t limit,
    struct store_docs *out)
{
	struct handle *h = handle_of(st);
	struct memory *m = h->s->memory;
	bool is_empty = nothing_due(m, kind, due_le);
	enum store_rc rc = is_empty ? idle(h) : go(h);
	if (rc != STORE_OK)
		return rc;
	docs_open(out, is_empty ? 1 : limit);
	for (unsigned shard = lo; shard < hi && !is_empty; shard++)
		due_of_shard(m, kind, shard, due_le, limit, out);
	return is_empty ? STORE_OK : back(h);
}

/* The copy just made, as the document was one version ago. */
static void make_stale(struct store_docs *out, const struct document *d)
{
	struct store_doc *to = &out->v[out->n - 1];
	to->ver--;
	to->body = arena_str(&out->mem, (struct str){ d->state[!d->now].p, d->state[!d->now].n });
}

static struct str key_of(const struct document *d, int idx)
{
	return idx == STORE_BY_ID ? d->id : d->idx[idx];
}

struct order { int idx; bool is_descending; };

static int by_key(const void *a, const void *b, void *ctx)
{
	const struct order *o = ctx;
	const struct document *x = *(const struct document *const *)a, *y = *(const struct document *const *)b;
	int c = str_cmp(key_of(x, o->idx), key_of(y, o->idx));
	return o->is_descending ? -c : c;
}

static enum store_rc store_list_(struct store *st, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending,
    size_t limit, struct store_docs *out)
{
	struct handle *h = handle_of(st);
	struct memory *m = h->s->memory;
	bool dull = is_dull(h, kind, 1);
	enum store_rc rc = dull ? idle(h) : go(h);
	if (rc != STORE_OK)
		return rc;
	int64_t as_of = fault(h->s, F_STALE_LIST) ? h->s->now - fault_draw(h->s, F_STALE_LIST, 0, 8000) : h->s->now;
	struct order order = { idx, is_descending };
	docs_open(out, limit);
	const struct doc_list *l = &m->all[kind];
	struct document **hit = NEWN(&out->mem, struct document *, l->n ? l->n : 1);
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++) {
		struct document *d = l->v[i];
		struct str key = key_of(d, idx);
		if (d->is_there && d->born_at <= as_of && key.n && str_cmp(key, lo) >= 0 && (hi.n == 0 || str_cmp(key, hi) < 0))
			hit[n++] = d;
	}
	qsort_r(hit, n, sizeof(struct document *), by_key, &order);
	for (size_t i = 0; i < n && i < limit; i++) {
		copy_doc(out, hit[i], kind, hit[i]->id);
		if (hit[i]->written_at > as_of && hit[i]->ver > 1)
			make_stale(out, hit[i]);
	}
	return dull ? STORE_OK : back(h);
}

static enum store_rc store_scan_(struct store *st, store_kind kind, unsigned shard, struct str cursor, size_t limit, struct store_docs *out)
{
	struct handle *h = handle_of(st);
	struct memory *m = h->s->memory;
	int64_t i = 0;
	enum store_rc rc = go(h);
	if (rc != STORE_OK)
		return rc;
	if (cursor.n && !str_int(cursor, &i))
		return STORE_INVAL;
	docs_open(out, limit);
	const struct doc_list *l = &m->all[kind];
	for (; (size_t)i < l->n && out->n < limit; i++)
		if (l->v[i]->is_there && shard_of(m->s, l->v[i]) == shard)
			copy_doc(out, l->v[i], kind, l->v[i]->id);
	if ((size_t)i < l->n)
		out->cursor = arena_fmt(&out->mem, "%lld", (long long)i);
	return back(h);
}

static void forget(struct handle *h, struct document *d)
{
	struct memory *m = h->s->memory;
	struct change c = change_before(d);
	c.expire = d->expire;
	d->is_there = false;
	happened(m->s, &(struct happening){ .what = ON_PURGE, .at = m->s->now, .replica = h->replica, .life = h->life, .v = &c, .n_v = 1 });
}

static enum store_rc store_purge_(struct store *st, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done)
{
	struct handle *h = handle_of(st);
	struct memory *m = h->s->memory;
	bool is_empty = m->least_expire[kind] >= expired_before;
	enum store_rc rc = is_empty ? idle(h) : go(h);
	*ret_done = 0;
	if (rc != STORE_OK || is_empty)
		return rc;
	m->least_expire[kind] = STORE_NO_DUE;
	for (size_t i = 0; i < m->all[kind].n; i++) {
		struct document *d = m->all[kind].v[i];
		if (!d->is_there)
			continue;
		if (d->expire < expired_before && d->due == STORE_NO_DUE && *ret_done < limit) {
			forget(h, d);
			++*ret_done;
		} else if (d->expire < m->least_expire[kind]) {
			m->least_expire[kind] = d->expire;
		}
	}
	return rc;
}

static enum store_rc store_now_(struct store *st, int64_t *ret_ms, int64_t *ret_err_ms)
{
	struct handle *h = handle_of(st);
	struct node *r = replica_of(h);
	bool is_cut = r->cut != CUT_NONE && h->s->now < r->cut_until;
	if (is_dead(h) || is_cut || h->s->now < h->s->down_until) {
		r->trouble_at = h->s->now;
		return STORE_DOWN;
	}
	*ret_ms = h->s->now + r->skew_ms;
	*ret_err_ms = r->err_ms;
	return STORE_OK;
}

static enum store_rc store_probe_(struct store *st, int64_t *ret_commit_us)
{
	*ret_commit_us = 100;
	return go(handle_of(st));
}

static void store_close_(struct store *st)
{
	(void)st;                                /* handles live in the arena of the run */
}

static void store_info_(const struct store *st, struct store_info *ret)
{
	*ret = (struct store_info){ .durability = STORE_D_POWER, .shards = handle_of(st)->s->o.shards, .list_stale_ms = 8000,
		.many_writers = true, .backend = "simulated", .version = "1" };
}

struct handle *handle_open(struct node *r)
{
	static const struct store_ops ops = { .close = store_close_, .info = store_info_, .now = store_now_, .get = store_get_,
		.commit = store_commit_, .due = store_due_, .list = store_list_, .scan = store_scan_, .purge = store_purge_,
		.probe = store_probe_ };
	struct handle *h = NEW(&r->s->mem, struct handle);
	uint32_t append_only = 0;
	for (unsigned k = 0; k < KINDS; k++)
		append_only |= kinds[k].is_append_only ? UINT32_C(1) << k : 0;
	*h = (struct handle){ .base = { &ops, KINDS, append_only }, .s = r->s, .replica = r->index, .life = r->life };
	return h;
}

/* --- for the checkers --- */

static struct change change_now(struct document *d)
{
	struct change c = change_before(d);
	c.is = c.was;
	c.ver = d->ver;
	c.due = d->due;
	c.expire = d->expire;
	c.body = (struct str){ d->state[d->now].p, d->state[d->now].n };
	return c;
}

bool memory_peek(struct memory *m, store_kind kind, struct str id, struct change *ret)
{
	struct document *d = find_there(m, kind, id);
	if (d)
		*ret = change_now(d);
	return d != NULL;
}

void memory_each(struct memory *m, each_document_f *fn, void *ctx)
{
	for (size_t k = 0; k < KINDS; k++)
		for (size_t i = 0; i < m->all[k].n; i++)
			if (m->all[k].v[i]->is_there) {
				struct change c = change_now(m->all[k].v[i]);
				fn(ctx, &c);
			}
}
