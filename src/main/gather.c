/* gather.c - see gather.h. */
#include "main/gather.h"
#include "core/decide.h"
#include "engine/batch.h"
#include "model/kinds.h"
#include "store/idset.h"
#include <assert.h>
#include <string.h>

struct gathering {
	struct store *s;
	const struct patience *p;
	every_take *take;
	void *ctx;
	struct idset incidents;                  /* those that were handed out */
	struct arena mem;                        /* of one incident */
};

/* Documents by name, in calls of as many as one takes; those that are not there (purged, or never written) are left out. */
static enum store_rc take_named(struct gathering *g, const struct store_doc *names, size_t n)
{
	struct store_docs found = { 0 };
	enum store_rc rc = STORE_OK;
	for (size_t from = 0; from < n && rc == STORE_OK; from += STORE_GET_MAX) {
		size_t m = n - from < STORE_GET_MAX ? n - from : STORE_GET_MAX, there = 0;
		rc = every_named(g->s, names + from, m, g->p, &found);
		for (size_t i = 0; i < m && rc == STORE_OK; i++)
			if (found.v[i].ver > 0)
				found.v[there++] = found.v[i];
		if (rc == STORE_OK && there > 0)
			rc = g->take(g->ctx, found.v, there);
	}
	store_docs_free(&found);
	return rc;
}

/* The pages that one entry owes. An entry that cannot be decoded owes none that we could name: fsck says so. */
static enum store_rc take_pages(struct gathering *g, const struct store_doc *entry)
{
	enum store_rc rc = STORE_OK;
	const struct entry *e = batch_decode(&g->mem, entry, &rc);
	size_t n = e ? e->pages.n : 0;
	struct store_doc *names = NEWN(&g->mem, struct store_doc, n + 1);
	for (size_t i = 0; i < n; i++)
		names[i] = (struct store_doc){ .kind = KIND_page, .id = e->pages.v[i] };
	return take_named(g, names, n);
}

static enum store_rc take_entries(struct gathering *g, const struct store_doc *names, size_t n)
{
	struct store_docs found = { 0 };
	enum store_rc rc = every_named(g->s, names, n, g->p, &found);
	for (size_t i = 0; i < found.n && rc == STORE_OK; i++) {
		if (found.v[i].ver == 0)
			continue;
		rc = g->take(g->ctx, &found.v[i], 1);
		if (rc == STORE_OK)
			rc = take_pages(g, &found.v[i]);
	}
	store_docs_free(&found);
	return rc;
}

static enum store_rc take_family(struct gathering *g, const struct store_doc *d)
{
	enum store_rc rc = STORE_OK, decoded = STORE_OK;
	const struct incident *inc = batch_decode(&g->mem, d, &decoded);
	int64_t entries = inc ? inc->entries : 0;
	struct store_doc names[STORE_GET_MAX];
	for (int64_t from = 0; from < entries && rc == STORE_OK; from += STORE_GET_MAX) {
		size_t n = 0;
		for (; n < STORE_GET_MAX && from + (int64_t)n < entries; n++)
			names[n] = (struct store_doc){ .kind = KIND_entry, .id = entry_id(&g->mem, d->id, from + (int64_t)n) };
		rc = take_entries(g, names, n);
	}
	arena_reset(&g->mem);
	return rc;
}

static enum store_rc on_incidents(void *ctx, const struct store_doc *docs, size_t n)
{
	struct gathering *g = ctx;
	enum store_rc rc = g->take(g->ctx, docs, n);
	for (size_t i = 0; i < n && rc == STORE_OK; i++) {
		idset_add(&g->incidents, KIND_incident, docs[i].id);
		rc = take_family(g, &docs[i]);
	}
	return rc;
}

static enum store_rc on_alerts(void *ctx, const struct store_doc *docs, size_t n)
{
	struct gathering *g = ctx;
	struct store_doc known[EVERY_PAGE];
	size_t m = 0;
	for (size_t i = 0; i < n; i++) {
		enum store_rc decoded = STORE_OK;
		const struct alert *a = batch_decode(&g->mem, &docs[i], &decoded);
		if (a == NULL || !a->is_open || idset_has(&g->incidents, KIND_incident, a->incident))
			known[m++] = docs[i];
	}
	arena_reset(&g->mem);
	return m > 0 ? g->take(g->ctx, known, m) : STORE_OK;
}

static enum store_rc on_others(void *ctx, const struct store_doc *docs, size_t n)
{
	struct gathering *g = ctx;
	return g->take(g->ctx, docs, n);
}

/* The order of the walk over a store that moves. Entries and pages come with their incidents. */
static const struct { enum kind kind; every_take *take; } walk[] = {
	{ KIND_receipt, on_others },   { KIND_token, on_others },     { KIND_service, on_others }, { KIND_user, on_others },
	{ KIND_integration, on_others }, { KIND_incident, on_incidents }, { KIND_alert, on_alerts },  { KIND_group, on_others },
	{ KIND_policy, on_others },    { KIND_counter, on_others },   { KIND_region, on_others },
};
static_assert(COUNT(walk) == KINDS - 3, "every kind has its place in the walk, but entry and page, and replica, which is fleeting");

enum store_rc gather(struct store *s, const struct patience *p, every_take *take, void *ctx)
{
	struct gathering g = { .s = s, .p = p, .take = take, .ctx = ctx, .mem = ARENA((size_t)256 << 20) };
	struct store_info info = { 0 };
	enum store_rc rc = STORE_OK;
	store_info(s, &info);
	for (size_t k = 0; info.is_still && k < KINDS && rc == STORE_OK; k++)
		if (!kinds[k].is_fleeting)
			rc = every_doc(s, (store_kind)k, p, on_others, &g);
	for (size_t i = 0; !info.is_still && i < COUNT(walk) && rc == STORE_OK; i++)
		rc = every_doc(s, (store_kind)walk[i].kind, p, walk[i].take, &g);
	idset_free(&g.incidents);
	arena_free(&g.mem);
	return rc;
}
