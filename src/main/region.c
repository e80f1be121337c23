/* region.c - see region.h. */
#include "main/region.h"
#include "main/copy.h"
#include <assert.h>

enum { NUMBERS_AHEAD = 1000 };
#define SELF S("self")

enum store_rc region_read(struct store *s, struct arena *a, struct region *ret, uint64_t *ret_ver)
{
	struct store_docs docs = { 0 };
	const store_kind kind = KIND_region;
	const struct str id = SELF;
	struct faults f = { .a = a };
	struct region read = { .part = PART_STANDBY };
	struct str why;
	enum store_rc rc = store_get(s, &kind, &id, 1, &docs);
	uint64_t ver = rc == STORE_OK ? docs.v[0].ver : 0;
	struct jv *j = ver ? json_parse_own(a, arena_str(a, docs.v[0].body), &why) : NULL;
	if (ver && (j == NULL || desc_read(a, &read, &region_entity, j, V_STORE, S(""), &f) != 0))
		rc = STORE_CORRUPT;
	store_docs_free(&docs);
	if (rc == STORE_OK) {
		*ret = read;
		*ret_ver = ver;
	}
	return rc;
}

static struct store_write put(struct arena *a, enum kind kind, struct str id, uint64_t expect, const void *obj)
{
	struct buf b = BUF(64 << 10);
	desc_write(&b, kinds[kind].entity, obj, V_STORE);
	assert(b.err == 0);
	struct store_write w = { .op = STORE_PUT, .kind = (store_kind)kind, .id = id, .expect = expect, .due = STORE_NO_DUE, .expire = STORE_NO_DUE,
		.body = arena_str(a, buf_str(&b)) };
	buf_free(&b);
	return w;
}

static enum store_rc add_numbers(struct store *s, struct arena *a, struct store_write *ret)
{
	struct store_docs docs = { 0 };
	const store_kind kind = KIND_counter;
	const struct str id = S("incident");
	struct str why;
	enum store_rc rc = store_get(s, &kind, &id, 1, &docs);
	if (rc == STORE_OK) {
		const struct jv *j = docs.v[0].ver ? json_parse_own(a, arena_str(a, docs.v[0].body), &why) : NULL, *next = json_get(j, S("next"));
		struct counter c = { .id = id, .next = (next ? next->i : 1) + NUMBERS_AHEAD };
		*ret = put(a, KIND_counter, id, docs.v[0].ver, &c);
	}
	store_docs_free(&docs);
	return rc;
}

enum store_rc region_write(struct store *s, struct arena *a, struct store_token token, const struct region *to, uint64_t expect, bool is_new_reign)
{
	struct region whole = *to;
	whole.id = SELF;
	struct store_write w[2] = { put(a, KIND_region, SELF, expect, &whole) };
	struct store_txn t = { .token = token, .w = w, .n = is_new_reign ? 2 : 1 };
	struct store_result r = { .rc = STORE_OK };
	if (is_new_reign)
		r.rc = add_numbers(s, a, &w[1]);
	if (r.rc == STORE_OK)
		store_commit(s, &t, &r, 1);
	return r.rc;                     /* of what is unknown the next look reads what became of it */
}

struct str region_oldest(struct store *s, struct arena *a, int64_t now_ms)
{
	struct str oldest = id_floor(a, now_ms);
	int idx = desc_key_index(&incident_entity, S("status"));
	for (int status = DETECTED; status <= ACKNOWLEDGED; status++) {
		const char *word = incident_status_names.v[status];
		struct store_docs docs = { 0 };
		enum store_rc rc = store_list(s, KIND_incident, idx, arena_fmt(a, "%s/", word), arena_fmt(a, "%s0", word), false, 1, &docs);
		if (rc == STORE_OK && docs.n > 0 && str_cmp(docs.v[0].id, oldest) < 0)
			oldest = arena_str(a, docs.v[0].id);
		store_docs_free(&docs);
	}
	return oldest;
}
