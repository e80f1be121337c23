/* batch.c - see batch.h. Slots are documents read or decided in this batch; units are sets of changed slots that commit together. */
#include "engine/batch.h"
#include "base/mutant.h"
#include <assert.h>
#include <string.h>

enum { SLOTS_EACH = 8, CHECKS_MAX = 2 * STORE_WRITES_MAX, UNKNOWN_TRIES = 3, BATCH_ARENA = 512 << 20, PREFETCH_MAX = 32 << 20, FULL_AT = 96 << 20 };

struct slot {
	struct slot *next;               /* in its chain of the table */
	struct slot *touched_next;
	struct slot *unit_next;          /* in its unit, when changed */
	struct slot *wanted_next;
	bool is_read, is_touched, is_changed;
	enum kind kind;
	struct str id;
	uint64_t ver;                    /* as read; 0: absent */
	const void *obj;                 /* as read or as decided; NULL: absent */
	int64_t due, expire, was_due;    /* was_due: as read */
	int unit;                        /* -1: not changed */
};

/* Units that were joined into another point there with .into. */
struct unit { int into; struct slot *slots, **checks; size_t n, n_checks; enum store_rc rc; };

static size_t slot_hash(const struct batch *b, enum kind kind, struct str id)
{
	uint32_t h = 2166136261u ^ (uint32_t)kind;
	for (size_t i = 0; i < id.n; i++)
		h = (h ^ (unsigned char)id.p[i]) * 16777619u;
	return (h ^ h >> 15) & (b->table_n - 1);
}

static struct slot *slot_find(struct batch *b, enum kind kind, struct str id)
{
	struct slot **chain = &b->table[slot_hash(b, kind, id)];
	for (struct slot *s = *chain; s != NULL; s = s->next)
		if (s->kind == kind && str_eq(s->id, id))
			return s;
	return NULL;
}

static struct slot *slot_add(struct batch *b, enum kind kind, struct str id)
{
	struct slot **chain = &b->table[slot_hash(b, kind, id)];
	struct slot *s = NEW(&b->mem, struct slot);
	*s = (struct slot){ .next = *chain, .kind = kind, .id = arena_str(&b->mem, id), .unit = -1, .due = STORE_NO_DUE,
		.expire = STORE_NO_DUE, .was_due = STORE_NO_DUE };
	return *chain = s;
}

/* The version is part of what people see of an incident and of nothing that is stored. */
static void show_version(enum kind kind, void *obj, uint64_t ver)
{
	if (kind == KIND_incident)
		((struct incident *)obj)->version = (int64_t)ver;
}

const void *batch_decode(struct arena *a, const struct store_doc *d, enum store_rc *ret_rc)
{
	const struct entity *e = kinds[d->kind].entity;
	struct faults f = { .a = a };
	struct str why;
	if (d->ver == 0)
		return NULL;
	void *obj = arena_need(a, 1, e->size);
	struct jv *j = json_parse_own(a, d->body, &why);
	if (j == NULL || desc_read(a, obj, e, j, V_STORE, S(""), &f) != 0) {
		*ret_rc = f.n > 0 && f.n == f.n_beyond ? STORE_BUSY : STORE_CORRUPT;
		return NULL;
	}
	show_version((enum kind)d->kind, obj, d->ver);
	return obj;
}

const void *batch_read(struct arena *a, struct store *store, enum kind kind, struct str id, enum store_rc *ret_rc)
{
	struct store_docs docs = { 0 };
	store_kind k = (store_kind)kind;
	*ret_rc = store_get(store, &k, &id, 1, &docs);
	const void *obj = *ret_rc == STORE_OK ? batch_decode(a, &docs.v[0], ret_rc) : NULL;
	store_docs_free(&docs);
	return obj;
}

static void slot_set(struct slot *s, const struct store_doc *d, const void *obj)
{
	s->ver = d->ver;
	s->due = s->was_due = d->due;
	s->expire = d->expire;
	s->obj = obj;
	s->is_read = true;
}

void batch_know(struct batch *b, const struct store_doc *d, const void *obj)
{
	struct slot *s = slot_find(b, (enum kind)d->kind, d->id);
	if (s == NULL)
		s = slot_add(b, (enum kind)d->kind, d->id);
	if (!s->is_read)
		slot_set(s, d, obj);
}

static void slot_fill(struct batch *b, struct slot *s, const struct store_doc *d, enum store_rc *rc)
{
	const void *obj = batch_decode(&b->mem, d, rc);
	if (*rc == STORE_OK)
		slot_set(s, d, obj);
}

static void slot_load(struct batch *b, struct slot *s)
{
	struct store_docs docs = { 0 };
	store_kind kind = (store_kind)s->kind;
	enum store_rc rc = store_get(b->store, &kind, &s->id, 1, &docs);
	if (rc == STORE_OK) {
		slot_fill(b, s, &docs.v[0], &rc);
		b->is_beyond |= rc == STORE_BUSY;
	}
	store_docs_free(&docs);
	if (rc != STORE_OK)
		b->read_rc = rc;
}

static void want(struct batch *b, enum kind kind, struct str id)
{
	if (id.n == 0 || slot_find(b, kind, id) != NULL)
		return;
	struct slot *s = slot_add(b, kind, id);
	s->wanted_next = b->wanted;
	b->wanted = s;
}

/* Reads up to one call's worth of what is wanted, and wants what those lead to. False: the store did not answer; each is asked for again when needed. */
static bool read_wanted(struct batch *b)
{
	store_kind kind[STORE_GET_MAX] = { 0 };
	struct str id[STORE_GET_MAX] = { { 0 } };
	struct slot *slot[STORE_GET_MAX];
	struct store_docs docs = { 0 };
	size_t n = 0;
	for (; b->wanted && n < STORE_GET_MAX; b->wanted = b->wanted->wanted_next, n++) {
		slot[n] = b->wanted;
		kind[n] = (store_kind)b->wanted->kind;
		id[n] = b->wanted->id;
	}
	enum store_rc rc = store_get(b->store, kind, id, n, &docs);
	for (size_t i = 0; rc == STORE_OK && i < n; i++) {
		enum store_rc one = STORE_OK;             /* what cannot be read concerns only who needs it: it is told then */
		slot_fill(b, slot[i], &docs.v[i], &one);
		if (slot[i]->obj)
			want(b, KIND_incident, decide_leads_to(slot[i]->kind, slot[i]->obj));
	}
	store_docs_free(&docs);
	return rc == STORE_OK;
}

void batch_prefetch(struct batch *b, const struct command *const *commands, size_t n)
{
	struct need needs[NEEDS_MAX];
	for (size_t i = 0; i < n; i++) {
		size_t m = decide_needs(b->world, commands[i], &b->mem, needs);
		for (size_t k = 0; k < m; k++)
			want(b, needs[k].kind, needs[k].id);
	}
	while (b->wanted != NULL && b->mem.used < PREFETCH_MAX && read_wanted(b))
		continue;
	b->wanted = NULL;
}

static void touch(struct batch *b, struct slot *s)
{
	if (s->is_touched)
		return;
	s->is_touched = true;
	s->touched_next = b->touched;
	b->touched = s;
}

/* view.get for decide. After a failed read every further one says "not there" and the decision is dropped. */
static const void *view_get(void *ctx, enum kind kind, struct str id)
{
	struct batch *b = ctx;
	struct slot *s = slot_find(b, kind, id);
	if (b->read_rc != STORE_OK)
		return NULL;
	if (s == NULL)
		s = slot_add(b, kind, id);
	if (!s->is_read)
		slot_load(b, s);
	touch(b, s);
	return s->obj;
}

void batch_begin(struct batch *b, struct store *store, const struct world *w, int64_t now_ms, bool has_other_writers, size_t n)
{
	if (b->mem.limit == 0)
		b->mem = ARENA(BATCH_ARENA);
	arena_reset(&b->mem);
	b->store = store;
	b->world = w;
	b->now_ms = now_ms;
	b->has_other_writers = has_other_writers;
	assert(n <= BATCH_MAX);
	for (b->table_n = 16; b->table_n < n * SLOTS_EACH; b->table_n *= 2)
		continue;
	b->size = n;
	b->table = NEWN(&b->mem, struct slot *, b->table_n);
	b->members = NEWN(&b->mem, struct member, n);
	b->units = NEWN(&b->mem, struct unit, n);
	b->wanted = b->touched = NULL;
	b->n_members = b->n_units = b->n_committed = 0;
	b->dated = NULL;
}

void batch_free(struct batch *b)
{
	arena_free(&b->mem);
}

static int unit_root(struct batch *b, int u)
{
	while (b->units[u].into != u)
		u = b->units[u].into;
	return u;
}

/* How many writes and checks the transaction of this decision would have: what its units hold already and what it adds. */
static size_t writes_after(struct batch *b)
{
	size_t n = b->scratch.n;
	for (struct slot *s = b->touched; s != NULL; s = s->touched_next)
		n += s->unit < 0 && b->has_other_writers;
	for (struct slot *s = b->touched; s != NULL; s = s->touched_next) {
		int root = s->unit < 0 ? -1 : unit_root(b, s->unit);
		bool is_counted = root < 0;
		for (struct slot *t = b->touched; t != s && !is_counted; t = t->touched_next)
			is_counted = t->unit >= 0 && unit_root(b, t->unit) == root;
		n += is_counted ? 0 : b->units[root].n + b->units[root].n_checks;
	}
	return n;
}

static int unit_new(struct batch *b)
{
	int u = (int)b->n_units++;
	assert((size_t)u < b->size);
	b->units[u] = (struct unit){ .into = u };
	return u;
}

/* Once: a store refuses a transaction that names a document twice. */
static void check_add(struct batch *b, struct unit *unit, struct slot *s)
{
	if (unit->checks == NULL)
		unit->checks = NEWN(&b->mem, struct slot *, CHECKS_MAX);
	for (size_t i = 0; i < unit->n_checks; i++)
		if (unit->checks[i] == s)
			return;
	assert(unit->n_checks < CHECKS_MAX);
	unit->checks[unit->n_checks++] = s;
}

static int unit_join(struct batch *b, int a, int other)
{
	if (a == other)
		return a;
	struct unit *into = &b->units[a], *from = &b->units[other];
	struct slot **tail = &into->slots;
	while (*tail)
		tail = &(*tail)->unit_next;
	*tail = from->slots;
	into->n += from->n;
	for (size_t i = 0; i < from->n_checks; i++)
		check_add(b, into, from->checks[i]);
	from->slots = NULL;
	from->n = from->n_checks = 0;
	from->into = a;
	return a;
}

/* The unit of everything this decision has touched that the batch has changed; -1: none. */
static int touched_unit(struct batch *b)
{
	int u = -1;
	for (struct slot *s = b->touched; s != NULL; s = s->touched_next)
		if (s->unit >= 0) {
			int root = unit_root(b, s->unit);
			u = u < 0 ? root : unit_join(b, u, root);
		}
	return u;
}

/* The next command of this batch sees the version that this one makes: whoever expects the one before is late. */
static const void *as_committed(struct batch *b, const void *obj, uint64_t ver)
{
	struct incident *inc = NEW(&b->mem, struct incident);
	*inc = *(const struct incident *)obj;
	show_version(KIND_incident, inc, ver);
	return inc;
}

static void change(struct batch *b, int u, const struct effect *e)
{
	struct slot *s = slot_find(b, e->kind, e->id);
	struct unit *unit = &b->units[u];
	if (s == NULL)
		s = slot_add(b, e->kind, e->id);          /* created unread: entries and pages have ids nobody else can have */
	s->is_read = true;
	touch(b, s);
	if (!s->is_changed) {
		s->is_changed = true;
		s->unit_next = unit->slots;
		unit->slots = s;
		unit->n++;
	}
	s->unit = u;
	s->obj = e->kind == KIND_incident ? as_committed(b, e->obj, s->ver + 1) : e->obj;
	s->due = e->due;
	s->expire = e->expire;
}

/* A snapshot of a policy is named by what it says: once there it says the same for ever, and asking after it would only make every replica touch the
 * one document that all incidents of a policy share. */
static bool can_change(const struct slot *s)
{
	return s->kind != KIND_policy || s->ver == 0;
}

/* With other writers about, what was read and not written is part of the conditions too. */
static void keep_checks(struct batch *b, int u)
{
	struct unit *unit = &b->units[u];
	if (!b->has_other_writers || b->scratch.end.rests_on_writes)
		return;
	for (struct slot *s = b->touched; s != NULL; s = s->touched_next)
		if (!s->is_changed && can_change(s))
			check_add(b, unit, s);
}

static void keep_effects(struct batch *b, struct member *m)
{
	int u = touched_unit(b);
	if (b->scratch.n > 0) {
		u = u < 0 ? unit_new(b) : u;
		for (size_t i = 0; i < b->scratch.n; i++)
			change(b, u, &b->scratch.v[i]);
		keep_checks(b, u);
	}
	m->unit = u;
}

static void forget_touched(struct batch *b)
{
	for (struct slot *s = b->touched; s != NULL; s = s->touched_next)
		s->is_touched = false;
	b->touched = NULL;
}

struct member *batch_add(struct batch *b, struct command *c, void *tag)
{
	struct view v = { b, view_get, b->world };
	bool is_first = b->n_members == 0;
	assert(b->n_members < b->size);
	if (!is_first && b->mem.used > FULL_AT)
		return NULL;
	b->read_rc = STORE_OK;
	b->is_beyond = false;
	b->scratch.a = &b->mem;
	decide(&v, c, b->now_ms, &b->scratch);
	if (!is_first && b->read_rc == STORE_OK && writes_after(b) > STORE_WRITES_MAX) {
		forget_touched(b);
		return NULL;
	}
	struct member *m = &b->members[b->n_members++];
	*m = (struct member){ .command = c, .tag = tag, .unit = -1, .end = b->scratch.end };
	m->rc = b->read_rc;
	m->is_beyond = b->is_beyond;
	if (m->rc == STORE_OK) {
		keep_effects(b, m);
		m->incident = m->end.incident.n ? view_get(b, KIND_incident, m->end.incident) : NULL;
		if (m->unit < 0)                          /* what it shows may be another command's doing: then it stands or falls with that */
			m->unit = touched_unit(b);
	}
	forget_touched(b);
	return m;
}

/* False: larger than any document may be. */
static bool encode(struct batch *b, const struct slot *s, struct buf *json, struct store_write *w)
{
	const struct entity *e = kinds[s->kind].entity;
	buf_clear(json);
	desc_write(json, e, s->obj, V_STORE);
	if (json->err)
		return false;
	*w = (struct store_write){ .op = STORE_PUT, .kind = (store_kind)s->kind, .id = s->id, .expect = s->ver, .due = s->due,
		.expire = s->expire, .body = arena_str(&b->mem, buf_str(json)) };
	desc_keys(&b->mem, e, s->obj, w->idx, STORE_IDX);
	return true;
}

/* A condition on what this transaction writes stands with the write; on what another one of this batch writes it must still hold. */
static bool is_own(struct batch *b, const struct unit *u, const struct slot *s)
{
	return s->is_changed && &b->units[unit_root(b, s->unit)] == u;
}

/* False: a document is too large. */
static bool unit_txn(struct batch *b, struct unit *u, struct rng *rng, struct buf *json, struct store_txn *t)
{
	struct store_write *w = NEWN(&b->mem, struct store_write, u->n + u->n_checks);
	size_t n = 0;
	bool is_small = true;
	for (int pass = 0; pass < 2; pass++)             /* what nobody ever writes again first: its token stays, see settle_unknown */
		for (const struct slot *s = u->slots; s != NULL; s = s->unit_next)
			if (kinds[s->kind].is_append_only == (pass == 0) && !(MUTANT(3) && s->kind == KIND_page && s->ver == 0))
				is_small &= encode(b, s, json, &w[n++]);
	for (size_t i = 0; i < u->n_checks; i++)
		if (!is_own(b, u, u->checks[i]))
			w[n++] = (struct store_write){ .op = STORE_CHECK, .kind = (store_kind)u->checks[i]->kind, .id = u->checks[i]->id,
				.expect = u->checks[i]->ver, .due = STORE_NO_DUE, .expire = STORE_NO_DUE };
	rng_bytes(rng, t->token.b, sizeof t->token.b);
	t->w = w;
	t->n = n;
	return is_small;
}

/* Asking again has nothing to add. A conflict is a definite no only if a document that is written once came first: it would still carry the
 * token; any other may have been written by this transaction and again by somebody else since. Fenced: nobody here will ever know, and the process
 * has to end, at once and not with the next write, which may be long in coming. */
static bool is_final(const struct store_txn *t, enum store_rc rc)
{
	return rc == STORE_OK || rc == STORE_FENCED || (rc == STORE_CONFLICT && kinds[t->w[0].kind].is_append_only);
}

/* Asks again, with the same tokens and writes, about those whose result is unknown: safe, and mostly they had been applied. "Not applied" then
 * speaks of the asking alone: what was unknown stays so until the store says yes, or a condition can never hold again. */
static void settle_unknown(struct batch *b, const struct store_txn *txns, struct store_result *results, size_t n, struct metrics *m)
{
	for (size_t i = 0; i < n; i++) {
		bool was_unknown = results[i].rc == STORE_UNKNOWN;
		for (int tries = 0; was_unknown && !is_final(&txns[i], results[i].rc) && tries < UNKNOWN_TRIES; tries++) {
			atomic_fetch_add_explicit(&m->unknowns, 1, memory_order_relaxed);
			store_commit(b->store, &txns[i], &results[i], 1);
		}
		if (was_unknown && !is_final(&txns[i], results[i].rc))
			results[i].rc = MUTANT(28) ? STORE_OK : MUTANT(29) ? STORE_BUSY : STORE_UNKNOWN;
	}
}

#ifdef MUT
/* The outbox in a transaction of its own. */
static void commit_pages_apart(struct batch *b, const struct unit *u, struct rng *rng)
{
	struct store_write *w = NEWN(&b->mem, struct store_write, u->n);
	struct store_txn t = { .w = w };
	struct store_result r;
	struct buf json = BUF(STORE_BODY_MAX);
	for (const struct slot *s = u->slots; s != NULL; s = s->unit_next)
		if (s->kind == KIND_page && s->ver == 0)
			encode(b, s, &json, &w[t.n++]);
	rng_bytes(rng, t.token.b, sizeof t.token.b);
	if (t.n > 0)
		store_commit(b->store, &t, &r, 1);
	buf_free(&json);
}

static bool is_overwritten(store_kind kind)
{
	return MUTANT(2) ? kind == KIND_incident : MUTANT(45) ? kind == KIND_page : kind == KIND_alert || kind == KIND_group;
}

/* The bug of a store client that takes a lost race for a hiccup. */
static void overwrite_conflicts(struct batch *b, struct store_txn *txns, struct store_result *results, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int tries = 0; results[i].rc == STORE_CONFLICT && is_overwritten(txns[i].w[results[i].bad_write].kind) && tries < 4; tries++) {
			struct store_write *w = NEWN(&b->mem, struct store_write, txns[i].n);
			memcpy(w, txns[i].w, txns[i].n * sizeof *w);
			w[results[i].bad_write].expect = results[i].cur_ver;
			txns[i].w = w;
			store_commit(b->store, &txns[i], &results[i], 1);
		}
}
#endif

/* An incident that an alert was folded into is due when it was before: a look finds it, or has. A level that ends as it begins is due anew at that very time. */
static bool is_dated(const struct batch *b, const struct slot *s)
{
	return (s->kind == KIND_incident || s->kind == KIND_page) && s->due != STORE_NO_DUE && (s->due != s->was_due || s->due <= b->now_ms);
}

static void note_dues(struct batch *b, const struct unit *u)
{
	for (const struct slot *s = u->slots; s != NULL; s = s->unit_next) {
		if (!is_dated(b, s))
			continue;
		struct dated *d = NEW(&b->mem, struct dated);
		*d = (struct dated){ b->dated, s->kind, s->id, s->obj, s->due };
		b->dated = d;
	}
}

static void commit_units(struct batch *b, struct rng *rng, struct metrics *m)
{
	struct store_txn *txns = NEWN(&b->mem, struct store_txn, b->n_units);
	struct store_result *results = NEWN(&b->mem, struct store_result, b->n_units);
	int *unit_of = NEWN(&b->mem, int, b->n_units);
	struct buf json = BUF(STORE_BODY_MAX);
	size_t n = 0;
	for (size_t u = 0; u < b->n_units; u++)
		if (b->units[u].n > 0 && unit_txn(b, &b->units[u], rng, &json, &txns[n]))
			unit_of[n++] = (int)u;
		else
			b->units[u].rc = STORE_TOOBIG;            /* unless a commit says otherwise; those joined into another have no say */
	buf_free(&json);
	if (n > 0)
		store_commit(b->store, txns, results, n);
#ifdef MUT
	if (MUTANT(2) || MUTANT(26) || MUTANT(45))
		overwrite_conflicts(b, txns, results, n);
#endif
	settle_unknown(b, txns, results, n, m);
	for (size_t i = 0; i < n; i++) {
		struct unit *u = &b->units[unit_of[i]];
		u->rc = results[i].rc;
#ifdef MUT
		if (MUTANT(3) && u->rc == STORE_OK)
			commit_pages_apart(b, u, rng);
#endif
		b->n_committed += u->rc == STORE_OK;
	}
	for (size_t i = n; i-- > 0;)                              /* each goes in front */
		if (results[i].rc == STORE_OK)
			note_dues(b, &b->units[unit_of[i]]);
	atomic_fetch_add_explicit(&m->commits, n > 0, memory_order_relaxed);
	atomic_fetch_add_explicit(&m->commit_members, n, memory_order_relaxed);
}

void batch_commit(struct batch *b, struct rng *rng, struct metrics *m)
{
	commit_units(b, rng, m);
	for (size_t i = 0; i < b->n_members; i++) {
		struct member *x = &b->members[i];
		if (x->unit >= 0 && x->rc == STORE_OK)
			x->rc = b->units[unit_root(b, x->unit)].rc;
		if (MUTANT(1) && x->rc != STORE_CONFLICT)
			x->rc = STORE_OK;
		struct slot *s = x->incident && x->unit >= 0 ? slot_find(b, KIND_incident, x->end.incident) : NULL;
		if (x->rc != STORE_OK)
			x->incident = NULL;                       /* what was decided and is not stored is nobody's business */
		else if (s && s->is_changed)
			x->incident = s->obj;                     /* as committed: later members of the unit may have changed it further */
	}
}
