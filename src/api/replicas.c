/* replicas.c - who works on this store. Where several may, each has written so itself (engine/replicas.c); else there is this process and nobody else,
 * and nothing about it is stored.
 */
#include "api/listing.h"
#include "api/routes.h"
#include "core/share.h"

static bool as_of_now(void *ctx, void *obj, const struct store_doc *d)
{
	struct replica *r = obj;
	(void)d;                                                   /* the object has it all */
	r->state = replica_state_at(r, *(const int64_t *)ctx);
	return true;
}

static void list_stored(struct exchange *x, int64_t now_ms)
{
	struct arena *a = &x->r->mem;
	struct faults f = { .a = a };
	struct walk *w = NEW(a, struct walk);
	struct listing l = { .kind = KIND_replica, .entity = &replica_entity, .walks = w, .n_walks = 1, .keep = as_of_now, .ctx = &now_ms };
	struct str after;
	paging_read(x, S("replicas"), &l.limit, &after, &f);
	if (f.n > 0) {
		answer_faults(x, 400, &f);
		return;
	}
	*w = walk_make(STORE_BY_ID, S(""), after, false);
	listing_answer(x, &l, S("replicas"), S(""));
}

static void list_own(struct exchange *x)
{
	struct replica r = { 0 };
	x->api->env.replica(x->api->env.ctx, &r);
	buf_add(&x->out, S("{\"items\":["));
	desc_write(&x->out, &replica_entity, &r, V_API);
	buf_add(&x->out, S("],\"next\":null}"));
	answer_json(x, 200);
}

void replicas_list(struct exchange *x)
{
	struct store_info info;
	int64_t now_ms, err_ms;
	store_info(x->api->env.store, &info);
	enum store_rc rc = store_now(x->api->env.store, &now_ms, &err_ms);
	if (rc != STORE_OK)
		answer_store_error(x, rc);
	else if (info.many_writers)
		list_stored(x, now_ms);
	else
		list_own(x);
}
