/* world.c - looking things up in the configuration, and who a target means. */
#include "core/world.h"
#include "base/digest.h"
#include <assert.h>
#include <stdlib.h>

/* Every list is an array of structs that hold their id at a known place, and has an index of pointers in the order of the ids: one search and
 * one sort serve them all. */
enum shelf_no { SERVICES, POLICIES, USERS, CHANNELS };
struct shelf { const void **sorted; size_t n, id_off; };

static struct str id_of(const void *item, size_t id_off)
{
	return *(const struct str *)(const void *)((const char *)item + id_off);
}

static const void *find(struct shelf s, struct str id)
{
	size_t lo = 0, hi = s.n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = str_cmp(id_of(s.sorted[mid], s.id_off), id);
		if (c == 0)
			return s.sorted[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}
#define FIND(w, list, no, T, id_) find((struct shelf){ (w)->index[no], (w)->list.n, offsetof(struct T, id) }, id_)

const struct service *world_service(const struct world *w, struct str id)
{
	return FIND(w, services, SERVICES, service, id);
}

const struct user *world_user(const struct world *w, struct str id)
{
	return FIND(w, users, USERS, user, id);
}

const struct channel_def *world_channel(const struct world *w, struct str id)
{
	return FIND(w, channels, CHANNELS, channel_def, id);
}

const struct policy *world_policy(const struct world *w, struct str id, struct str *ret_ref)
{
	const struct policy *p = FIND(w, policies, POLICIES, policy, id);
	if (p && w->policy_refs)
		*ret_ref = w->policy_refs[p - w->policies.v];
	return p;
}

const struct policy *world_policy_by_ref(const struct world *w, struct str ref)
{
	struct str id, hash, current = S("");
	if (!str_cut(ref, '@', &id, &hash))
		return NULL;
	const struct policy *p = world_policy(w, id, &current);
	return p && str_eq(current, ref) ? p : NULL;
}

struct str world_policy_ref(struct arena *a, const struct policy *p)
{
	struct buf json = BUF(1 << 20);
	desc_write(&json, &policy_entity, p, V_STORE);
	assert(json.err == 0);
	struct str hash = sha256_hex(a, buf_str(&json));
	struct str ref = arena_fmt(a, "%.*s@%.16s", STR_ARG(p->id), hash.p);
	buf_free(&json);
	return ref;
}

#define BY_ID(T) \
	static int T##_by_id(const void *a, const void *b) \
	{ \
		return str_cmp((*(const struct T *const *)a)->id, (*(const struct T *const *)b)->id); \
	}
BY_ID(service)
BY_ID(policy)
BY_ID(user)
BY_ID(channel_def)

static const void **sorted(struct arena *a, const void *v, size_t n, size_t size, int (*by_id)(const void *, const void *))
{
	const void **index = NEWN(a, const void *, n);
	for (size_t i = 0; i < n; i++)
		index[i] = (const char *)v + i * size;
	if (n)
		qsort(index, n, sizeof *index, by_id);
	return index;
}
#define SORTED(list, T) sorted(a, w->list.v, w->list.n, sizeof(struct T), T##_by_id)

void world_make_index(struct arena *a, struct world *w)
{
	w->index[SERVICES] = SORTED(services, service);
	w->index[POLICIES] = SORTED(policies, policy);
	w->index[USERS] = SORTED(users, user);
	w->index[CHANNELS] = SORTED(channels, channel_def);
}

void world_make_refs(struct arena *a, struct world *w)
{
	w->policy_refs = NEWN(a, struct str, w->policies.n);
	for (size_t i = 0; i < w->policies.n; i++)
		w->policy_refs[i] = world_policy_ref(a, &w->policies.v[i]);
}

struct target target_parse(struct str text)
{
	struct target t = { TARGET_BAD, S(""), S("") };
	struct str head, tail;
	if (!str_cut(text, ':', &head, &tail) || head.n == 0 || tail.n == 0)
		return t;
	if (str_eq(head, S("user")))
		return (struct target){ TARGET_USER, tail, S("") };
	if (str_eq(head, S("channel")))
		return (struct target){ TARGET_CHANNEL, tail, S("") };
	return (struct target){ TARGET_ADDRESS, head, tail };
}

struct reaching { struct reach *out; size_t n, max; };

static void reached(struct reaching *r, struct str channel, struct str address)
{
	if (r->n < r->max)
		r->out[r->n] = (struct reach){ channel, address };
	r->n++;
}

static bool has_contact(const struct user *u, struct str channel)
{
	for (size_t i = 0; i < u->contacts.n; i++)
		if (str_eq(u->contacts.v[i].key, channel))
			return true;
	return false;
}

static void reach_user(const struct world *w, const struct user *u, struct reaching *r)
{
	for (size_t i = 0; i < u->contacts.n; i++)
		if (world_channel(w, u->contacts.v[i].key))
			reached(r, u->contacts.v[i].key, u->contacts.v[i].value);
	for (size_t i = 0; u->email.n > 0 && i < w->channels.n; i++)
		if (w->channels.v[i].is_mail && !has_contact(u, w->channels.v[i].id))
			reached(r, w->channels.v[i].id, u->email);
}

size_t world_reach(const struct world *w, struct str target, struct reach *out, size_t max)
{
	struct target t = target_parse(target);
	struct reaching r = { out, 0, max };
	const struct user *u = t.kind == TARGET_USER ? world_user(w, t.id) : NULL;
	const struct channel_def *c = t.kind == TARGET_CHANNEL || t.kind == TARGET_ADDRESS ? world_channel(w, t.id) : NULL;
	if (u)
		reach_user(w, u, &r);
	if (c && (t.kind == TARGET_ADDRESS || !c->needs_address))
		reached(&r, c->id, t.address);
	return r.n;
}
