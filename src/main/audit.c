/* audit.c - see audit.h. One check per kind, in a table; policies and incidents are remembered by name, so that looking one up costs nothing. */
#include "main/audit.h"
#include "base/json.h"
#include "core/decide.h"
#include "core/world.h"
#include "engine/batch.h"
#include "store/idset.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { INCIDENT_ID_N = 36, DECODE_MAX = 64 << 20 };
static const char *const cure_restore = "restore a backup beside this store and compare; tocsin repairs nothing by itself";
static const char *const cure_times = "the engine would overlook it, or look too often: acknowledge or resolve the incident by hand, and report this";
static const char *const cure_keys = "lists will not show it where it belongs: any change of the incident writes its keys anew";
static const char *const cure_orphan = "harmless: nothing shows it any more";

struct auditing {
	const struct audit *a;
	struct audit_result *r;
	struct arena mem;                        /* of one document and what belongs to it */
	struct idset incidents, policies;
	int64_t *numbers;                        /* of every incident */
	size_t n_numbers, numbers_cap;
	uint64_t n;
	enum store_rc rc;                        /* of a read inside a check: ends the walk */
};

PRINTF_LIKE(5, 6) static void fault(struct auditing *x, enum kind kind, struct str id, const char *cure, const char *fmt, ...)
{
	struct buf b = BUF(64 << 10);
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	x->r->faults[kind]++;
	if (x->a->fault)
		x->a->fault(x->a->ctx, &(struct audit_fault){ kind, id, buf_str(&b), cure });
	buf_free(&b);
}
#define FAULT(x, d, cure, ...) fault(x, (enum kind)(d)->kind, (d)->id, cure, __VA_ARGS__)

/* Whether there is a document of this name now. Read again, because it may have been made after the walk passed its place. */
static bool is_there(struct auditing *x, enum kind kind, struct str id)
{
	struct store_docs found = { 0 };
	struct store_doc name = { .kind = (store_kind)kind, .id = id };
	enum store_rc rc = id.n > 0 && id.n <= STORE_ID_MAX ? every_named(x->a->store, &name, 1, &x->a->patience, &found) : STORE_OK;
	bool is = rc == STORE_OK && found.n == 1 && found.v[0].ver > 0;
	x->rc = x->rc ? x->rc : rc;
	store_docs_free(&found);
	return is || rc != STORE_OK;                               /* an answer that failed is no fault of the document */
}

static bool has_incident(struct auditing *x, struct str id)
{
	return idset_has(&x->incidents, KIND_incident, id) || is_there(x, KIND_incident, id);
}

static void check_due(struct auditing *x, const struct store_doc *d, int64_t want)
{
	if (d->due == want)
		return;
	if (want == STORE_NO_DUE)
		FAULT(x, d, cure_times, "is due at %lld, and in its state nothing is due", (long long)d->due);
	else if (d->due == STORE_NO_DUE)
		FAULT(x, d, cure_times, "has no due time, and its fields say %lld", (long long)want);
	else
		FAULT(x, d, cure_times, "is due at %lld, and its fields say %lld", (long long)d->due, (long long)want);
}

static void check_expire(struct auditing *x, const struct store_doc *d, bool wants)
{
	if (wants && d->expire == STORE_NO_DUE)
		FAULT(x, d, "it will never be forgotten: harmless but for its room", "is over and has no time at which it expires");
	if (!wants && d->expire != STORE_NO_DUE)
		FAULT(x, d, cure_times, "is not over, and would be forgotten at %lld", (long long)d->expire);
}

/* Incidents. */

static void keep_number(struct auditing *x, int64_t number)
{
	if (x->n_numbers == x->numbers_cap) {
		x->numbers_cap = x->numbers_cap ? x->numbers_cap * 2 : 1024;
		x->numbers = xrealloc(x->numbers, x->numbers_cap * sizeof *x->numbers);
	}
	x->numbers[x->n_numbers++] = number;
}

static bool is_older(const struct auditing *x, const struct incident *inc, int64_t ms)
{
	return inc->detected_at < x->a->now_ms - ms;
}

static void check_pages(struct auditing *x, const struct store_doc *d, const struct incident *inc, const struct entry *e)
{
	for (size_t i = 0; i < e->pages.n; i++)
		if (!is_there(x, KIND_page, e->pages.v[i]) && !is_older(x, inc, x->a->keep_ms))
			FAULT(x, d, "somebody may never have been paged: look at the incident", "owes the page %.*s, which is not there", STR_ARG(e->pages.v[i]));
}

/* An entry of the timeline as the incident counts it. One about a repeated alert may have been forgotten before its incident. */
static void check_entry_of(struct auditing *x, const struct store_doc *d, const struct incident *inc, int64_t sequence, const struct store_doc *found)
{
	enum store_rc decoded = STORE_OK;
	if (found->ver == 0) {
		if (!is_older(x, inc, x->a->events_ms))
			FAULT(x, d, cure_restore, "counts %lld entries in its timeline, and number %lld is not there", (long long)inc->entries,
			    (long long)sequence);
		return;
	}
	const struct entry *e = batch_decode(&x->mem, found, &decoded);
	if (e != NULL)                                             /* what cannot be decoded is said when its own kind is walked */
		check_pages(x, d, inc, e);
}

static void check_timeline(struct auditing *x, const struct store_doc *d, const struct incident *inc)
{
	struct store_docs found = { 0 };
	struct store_doc names[STORE_GET_MAX];
	for (int64_t from = 0; from < inc->entries && x->rc == STORE_OK; from += STORE_GET_MAX) {
		size_t n = 0;
		for (; n < STORE_GET_MAX && from + (int64_t)n < inc->entries; n++)
			names[n] = (struct store_doc){ .kind = KIND_entry, .id = entry_id(&x->mem, inc->id, from + (int64_t)n) };
		x->rc = every_named(x->a->store, names, n, &x->a->patience, &found);
		for (size_t i = 0; i < n && x->rc == STORE_OK; i++)
			check_entry_of(x, d, inc, from + (int64_t)i, &found.v[i]);
	}
	store_docs_free(&found);
}

/* A policy that was gone when the incident opened leaves its bare id. */
static void check_policy_of(struct auditing *x, const struct store_doc *d, const struct incident *inc)
{
	bool is_snapshot = memchr(inc->policy.p, '@', inc->policy.n) != NULL;
	if (is_snapshot && !idset_has(&x->policies, KIND_policy, inc->policy) && !is_there(x, KIND_policy, inc->policy))
		FAULT(x, d, "it cannot escalate: acknowledge or resolve it by hand", "names the policy %.*s, which is not there", STR_ARG(inc->policy));
}

static void check_incident(struct auditing *x, const struct store_doc *d, const void *obj)
{
	const struct incident *inc = obj;
	idset_add(&x->incidents, KIND_incident, d->id);
	keep_number(x, inc->number);
	check_due(x, d, inc->due_at ? inc->due_at : STORE_NO_DUE);
	check_expire(x, d, inc->status == RESOLVED);
	if (inc->status == DETECTED && inc->due_at == 0 && !inc->exhausted)
		FAULT(x, d, cure_times, "waits for an acknowledgement, and no level is due");
	if (inc->status == RESOLVED && inc->due_at != 0)
		FAULT(x, d, cure_times, "is resolved, and a level is due");
	check_policy_of(x, d, inc);
	check_timeline(x, d, inc);
}

/* The others. */

static void check_policy(struct auditing *x, const struct store_doc *d, const void *obj)
{
	struct str ref = world_policy_ref(&x->mem, obj);
	check_due(x, d, STORE_NO_DUE);
	check_expire(x, d, false);
	if (!str_eq(ref, d->id))
		FAULT(x, d, cure_restore, "its content is not that of its name: it hashes to %.*s", STR_ARG(ref));
	idset_add(&x->policies, KIND_policy, d->id);
}

static void check_alert(struct auditing *x, const struct store_doc *d, const void *obj)
{
	const struct alert *a = obj;
	check_due(x, d, STORE_NO_DUE);
	check_expire(x, d, !a->is_open);
	if (a->is_open && !has_incident(x, a->incident))
		FAULT(x, d, "its next event opens a new incident", "is open in the incident %.*s, which is not there", STR_ARG(a->incident));
}

static void check_entry(struct auditing *x, const struct store_doc *d, const void *obj)
{
	struct str incident = { d->id.p, d->id.n < INCIDENT_ID_N ? d->id.n : INCIDENT_ID_N };
	(void)obj;
	check_due(x, d, STORE_NO_DUE);
	if (!has_incident(x, incident))
		FAULT(x, d, cure_orphan, "belongs to the incident %.*s, which is not there", STR_ARG(incident));
}

static void check_page(struct auditing *x, const struct store_doc *d, const void *obj)
{
	const struct page *p = obj;
	bool is_owed = p->status == PAGE_OWED;
	check_due(x, d, is_owed ? p->retry_at : STORE_NO_DUE);
	if (is_owed)
		check_expire(x, d, false);
	if (!has_incident(x, p->incident))
		FAULT(x, d, is_owed ? "it will be cancelled when it is due" : cure_orphan, "is about the incident %.*s, which is not there", STR_ARG(p->incident));
}

static void check_receipt(struct auditing *x, const struct store_doc *d, const void *obj)
{
	(void)obj;
	check_due(x, d, STORE_NO_DUE);
	check_expire(x, d, true);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

/* Walked after the incidents: every number that is out must be below the counter, and out once. */
static void check_counter(struct auditing *x, const struct store_doc *d, const void *obj)
{
	const struct counter *c = obj;
	check_due(x, d, STORE_NO_DUE);
	check_expire(x, d, false);
	if (!str_eq(d->id, S("incident")) || x->n_numbers == 0)
		return;
	qsort(x->numbers, x->n_numbers, sizeof *x->numbers, by_value);
	if (c->next <= x->numbers[x->n_numbers - 1])
		FAULT(x, d, "the next incidents would take numbers that are out: stop the server and report this", "gives out %lld next, and an incident has %lld",
		    (long long)c->next, (long long)x->numbers[x->n_numbers - 1]);
	for (size_t i = 1; i < x->n_numbers; i++)
		if (x->numbers[i] == x->numbers[i - 1] && (i == 1 || x->numbers[i - 1] != x->numbers[i - 2]))
			FAULT(x, d, "name these incidents by their long ids", "two incidents have the number %lld", (long long)x->numbers[i]);
}

static void check_plain(struct auditing *x, const struct store_doc *d, const void *obj)
{
	(void)obj;
	check_due(x, d, STORE_NO_DUE);
}

/* In this order: who is referred to comes before who refers to it, and counters come last. */
static const struct { enum kind kind; void (*check)(struct auditing *x, const struct store_doc *d, const void *obj); } walk[] = {
	{ KIND_policy, check_policy },  { KIND_incident, check_incident }, { KIND_alert, check_alert }, { KIND_group, check_plain },
	{ KIND_entry, check_entry },    { KIND_page, check_page },         { KIND_receipt, check_receipt }, { KIND_token, check_plain },
	{ KIND_service, check_plain },  { KIND_user, check_plain },        { KIND_integration, check_plain }, { KIND_replica, check_plain },
	{ KIND_region, check_plain },   { KIND_counter, check_counter },
};
static_assert(COUNT(walk) == KINDS, "every kind is looked at");

/* A policy is stored under its snapshot's name; everything else under its own first field. */
static void check_id(struct auditing *x, const struct store_doc *d, const struct entity *e, const void *obj)
{
	struct str id;
	memcpy(&id, (const char *)obj + e->f[0].off, sizeof id);
	if (d->kind != KIND_policy && !str_eq(id, d->id))
		FAULT(x, d, cure_restore, "says that its id is %.*s", STR_ARG(id));
}

static void check_keys(struct auditing *x, const struct store_doc *d, const struct entity *e, const void *obj)
{
	struct str keys[STORE_IDX] = { { 0 } };
	(void)desc_keys(&x->mem, e, obj, keys, STORE_IDX);
	for (size_t i = 0; i < STORE_IDX; i++)
		if (!str_eq(keys[i], d->idx[i]))
			FAULT(x, d, cure_keys, "is listed under \"%.*s\", and its fields say \"%.*s\"", STR_ARG(d->idx[i]), STR_ARG(keys[i]));
}

/* Decodes as the engine does, but says why not. */
static const void *decode(struct auditing *x, const struct store_doc *d)
{
	const struct entity *e = kinds[d->kind].entity;
	struct faults f = { .a = &x->mem };
	struct str why = S("");
	void *obj = arena_need(&x->mem, 1, e->size);
	const struct jv *j = json_parse_own(&x->mem, d->body, &why);
	if (j == NULL)
		FAULT(x, d, cure_restore, "is no JSON: %.*s", STR_ARG(why));
	if (j == NULL || desc_read(&x->mem, obj, e, j, V_STORE, S(""), &f) == 0)
		return j ? obj : NULL;
	FAULT(x, d, cure_restore, "cannot be read: %.*s: %.*s", STR_ARG(f.head->path), STR_ARG(f.head->what));
	return NULL;
}

static enum store_rc on_docs(void *ctx, const struct store_doc *docs, size_t n)
{
	struct auditing *x = ctx;
	for (size_t i = 0; i < n && x->rc == STORE_OK; i++) {
		const struct store_doc *d = &docs[i];
		const struct entity *e = kinds[d->kind].entity;
		const void *obj = decode(x, d);
		size_t row = 0;
		x->r->n[d->kind]++;
		x->r->bytes[d->kind] += d->body.n;
		while (walk[row].kind != (enum kind)d->kind)
			row++;
		if (obj != NULL) {
			check_id(x, d, e, obj);
			check_keys(x, d, e, obj);
			walk[row].check(x, d, obj);
		} else if (d->kind == KIND_incident) {
			idset_add(&x->incidents, KIND_incident, d->id);    /* it is there, whatever it says */
		}
		arena_reset(&x->mem);
	}
	x->n += n;
	if (x->a->told)
		x->a->told(x->a->ctx, x->n);
	return x->rc;
}

enum store_rc audit_run(const struct audit *a, struct audit_result *ret)
{
	struct auditing x = { .a = a, .r = ret, .mem = ARENA(DECODE_MAX) };
	enum store_rc rc = STORE_OK;
	*ret = (struct audit_result){ 0 };
	for (size_t i = 0; i < COUNT(walk) && rc == STORE_OK; i++)
		rc = every_doc(a->store, (store_kind)walk[i].kind, &a->patience, on_docs, &x);
	idset_free(&x.incidents);
	idset_free(&x.policies);
	free(x.numbers);
	arena_free(&x.mem);
	return rc;
}
