/* scenario.c - the configuration of the fake world: services, policies, users and where they are reached, drawn from the seed, and edited while
 * incidents run. Each is kept twice: as a plan, in our own words, which the checkers read; and as the world the engine is given.
 *
 * Targets are numbers: 0..USERS-1 a user, then the console-like channel "hook", an address, a user who does not exist, a channel that does not.
 */
#include "tests/sim/sim.h"
#include <stdio.h>
#include <string.h>

enum { TARGET_HOOK = USERS, TARGET_ADDR, TARGET_GHOST, TARGET_NOWHERE, TARGETS };

struct str plan_target_text(int target, char out[48])
{
	static const char *const text[] = { [TARGET_HOOK] = "channel:hook", [TARGET_ADDR] = "sms:+12025550199", [TARGET_GHOST] = "user:ghost",
		[TARGET_NOWHERE] = "pigeon:loft" };
	if (target < USERS)
		write_text(out, 48, "user:u%d", target);
	else
		write_text(out, 48, "%s", text[target]);
	return str_c(out);
}

int plan_reach(const struct plan *p, int target, char out[REACH_MAX][64])
{
	int n = 0;
	if (target < USERS && p->user[target].is_there) {
		const struct plan_user *u = &p->user[target];
		if (u->hook[0])
			write_text(out[n++], 64, "hook:%s", u->hook);
		if (u->sms[0])
			write_text(out[n++], 64, "sms:%s", u->sms);
		if (u->email[0])
			write_text(out[n++], 64, "mail:%s", u->email);
	} else if (target == TARGET_HOOK) {
		write_text(out[n++], 64, "hook:");
	} else if (target == TARGET_ADDR) {
		write_text(out[n++], 64, "sms:+12025550199");
	}
	return n;
}

int plan_service_index(struct str id)
{
	return id.n == 2 && id.p[0] == 's' && id.p[1] >= '0' && id.p[1] < '0' + SERVICES ? id.p[1] - '0' : -1;
}

const struct plan_policy *plan_by_ref(struct sim *s, struct str ref)
{
	for (int c = 0; c < s->n_configs; c++)
		for (int p = 0; p < POLICIES; p++)
			if (str_eq(str_c(s->configs[c]->plan.policy[p].ref), ref))
				return &s->configs[c]->plan.policy[p];
	return NULL;
}

/* --- drawing a plan --- */

static int64_t draw_timeout(struct sim *s)
{
	return s->o.is_small ? rng_between(&s->workload, 1, 3) * MINUTE : rng_between(&s->workload, 1, 30) * MINUTE;
}

static int draw_target(struct rng *r)
{
	int64_t x = rng_between(r, 0, 99);
	return x < 80 ? (int)rng_between(r, 0, USERS - 1) : x < 87 ? TARGET_HOOK : x < 93 ? TARGET_ADDR : x < 97 ? TARGET_GHOST : TARGET_NOWHERE;
}

/* Different targets, so that no two pages of a level go to one address. */
static int draw_targets(struct rng *r, int out[TARGETS_MAX])
{
	int n = (int)rng_between(r, 0, 9) == 0 ? 0 : (int)rng_between(r, 1, 3), have = 0;
	while (have < n) {
		int t = draw_target(r);
		bool is_new = true;
		for (int i = 0; i < have; i++)
			is_new = is_new && out[i] != t;
		if (is_new)
			out[have++] = t;
		else
			n--;
	}
	return have;
}

static void draw_level(struct sim *s, struct plan_policy *p, int level)
{
	p->levels[level].n_targets = draw_targets(&s->workload, p->levels[level].targets);
	p->levels[level].timeout = draw_timeout(s);
}

static void draw_policy(struct sim *s, struct plan_policy *p, int i)
{
	write_text(p->id, sizeof p->id, "p%d", i);
	p->n_levels = (int)rng_between(&s->workload, 1, 4);
	p->repeat = (int)rng_between(&s->workload, 0, 2);
	for (int level = 0; level < p->n_levels; level++)
		draw_level(s, p, level);
	p->n_exhausted = rng_chance(&s->workload, 600000) ? draw_targets(&s->workload, p->exhausted) : 0;
}

static void draw_user(struct rng *r, struct plan_user *u, int i)
{
	int64_t ways = rng_between(r, 1, 7);
	u->is_there = true;
	write_text(u->id, sizeof u->id, "u%d", i);
	u->hook[0] = u->sms[0] = u->email[0] = 0;
	if (ways & 1)
		write_text(u->email, sizeof u->email, "u%d@example.com", i);
	if (ways & 2)
		write_text(u->sms, sizeof u->sms, "+1202555010%d", i);
	if (ways & 4)
		write_text(u->hook, sizeof u->hook, "desk%d", i);
}

static void draw_plan(struct sim *s, struct plan *p)
{
	for (int i = 0; i < POLICIES; i++)
		draw_policy(s, &p->policy[i], i);
	for (int i = 0; i < USERS; i++)
		draw_user(&s->workload, &p->user[i], i);
	for (int i = 0; i < SERVICES; i++) {
		struct plan_service *v = &p->service[i];
		write_text(v->id, sizeof v->id, "s%d", i);
		v->policy = i % POLICIES;
		v->is_grouped = i % 3 == 2;
		v->ack_timeout = rng_chance(&s->workload, 400000) ? draw_timeout(s) : 0;
	}
}

/* --- the engine's world, made from a plan --- */

static struct strs targets_of(struct arena *a, const int *t, int n)
{
	struct strs out = { NEWN(a, struct str, TARGETS_MAX), (size_t)n };
	char text[48];
	for (int i = 0; i < n; i++)
		out.v[i] = arena_str(a, plan_target_text(t[i], text));
	return out;
}

static struct policy policy_of(struct arena *a, const struct plan_policy *p)
{
	struct policy out = { .id = str_c(p->id), .name = str_c(p->id), .repeat = p->repeat };
	out.levels.v = NEWN(a, struct level, LEVELS_MAX);
	out.levels.n = (size_t)p->n_levels;
	for (int i = 0; i < p->n_levels; i++) {
		out.levels.v[i].targets = targets_of(a, p->levels[i].targets, p->levels[i].n_targets);
		out.levels.v[i].timeout = p->levels[i].timeout;
	}
	out.on_exhausted.targets = targets_of(a, p->exhausted, p->n_exhausted);
	return out;
}

static struct user user_of(struct arena *a, const struct plan_user *u)
{
	struct user out = { .id = str_c(u->id), .name = str_c(u->id), .email = str_c(u->email) };
	out.contacts.v = NEWN(a, struct pair, 2);
	if (u->hook[0])
		out.contacts.v[out.contacts.n++] = (struct pair){ S("hook"), str_c(u->hook) };
	if (u->sms[0])
		out.contacts.v[out.contacts.n++] = (struct pair){ S("sms"), str_c(u->sms) };
	return out;
}

static void make_world(struct sim *s, struct config *c)
{
	struct arena *a = &s->mem;
	struct world *w = &c->world;
	const struct channel_def channels[] = { { S("hook"), S("sim"), false, false }, { S("mail"), S("sim"), true, true },
		{ S("sms"), S("sim"), true, false } };
	*w = (struct world){ .page_life_ms = 15 * MINUTE, .claim_ms = 30 * SECOND, .receipt_ms = s->o.habit[H_PURGE] ? 2 * HOUR : 24 * HOUR,
		.keep_ms = s->o.habit[H_PURGE] ? HOUR : 400LL * 24 * HOUR, .events_ms = s->o.habit[H_PURGE] ? 20 * MINUTE : 30LL * 24 * HOUR };
	w->services = (struct service_list){ NEWN(a, struct service, SERVICES), SERVICES };
	w->policies = (struct policy_list){ NEWN(a, struct policy, POLICIES), POLICIES };
	w->users = (struct user_list){ NEWN(a, struct user, USERS), 0 };
	w->integrations = (struct integration_list){ NEWN(a, struct integration, INTEGRATIONS), INTEGRATIONS };
	w->channels.v = NEWN(a, struct channel_def, COUNT(channels));
	w->channels.n = COUNT(channels);
	memcpy(w->channels.v, channels, sizeof channels);
	for (int i = 0; i < SERVICES; i++) {
		const struct plan_service *v = &c->plan.service[i];
		w->services.v[i] = (struct service){ .id = str_c(v->id), .name = str_c(v->id), .policy = str_c(c->plan.policy[v->policy].id),
			.grouping = v->is_grouped ? GROUPING_SERVICE : GROUPING_ALERT, .ack_timeout = v->ack_timeout };
	}
	for (int i = 0; i < POLICIES; i++)
		w->policies.v[i] = policy_of(a, &c->plan.policy[i]);
	for (int i = 0; i < USERS; i++)
		if (c->plan.user[i].is_there)
			w->users.v[w->users.n++] = user_of(a, &c->plan.user[i]);
	for (int i = 0; i < INTEGRATIONS; i++)
		w->integrations.v[i] = (struct integration){ .id = arena_fmt(a, "i%d", i), .type = S("generic") };
	world_make_index(a, w);
	world_make_refs(a, w);
	c->n_outlets = COUNT(channels);
	c->outlets = NEWN(a, struct outlet, COUNT(channels));
	for (size_t i = 0; i < COUNT(channels); i++)
		c->outlets[i] = (struct outlet){ channels[i].id, &sim_channel, NULL };
}

static void name_policies(struct config *c)
{
	for (int i = 0; i < POLICIES; i++) {
		struct str ref = S("");
		(void)world_policy(&c->world, str_c(c->plan.policy[i].id), &ref);
		write_text(c->plan.policy[i].ref, sizeof c->plan.policy[i].ref, "%.*s", STR_ARG(ref));
	}
}

struct config *config_first(struct sim *s)
{
	struct config *c = NEW(&s->mem, struct config);
	draw_plan(s, &c->plan);
	make_world(s, c);
	name_policies(c);
	return c;
}

/* One thing is changed: a wait, a level more or less, who is on it, somebody leaves or comes back, an address. */
struct config *config_edited(struct sim *s, const struct config *old)
{
	struct rng *r = &s->stream[F_EDIT].rng;
	struct config *c = NEW(&s->mem, struct config);
	c->number = old->number + 1;
	c->plan = old->plan;
	struct plan_policy *p = &c->plan.policy[rng_between(r, 0, POLICIES - 1)];
	int user = (int)rng_between(r, 0, USERS - 1);
	int64_t what = rng_between(r, 0, 4);
	if (what == 0)
		p->levels[0].timeout = rng_between(r, 1, 30) * MINUTE;
	else if (what == 1 && p->n_levels < LEVELS_MAX)
		p->levels[p->n_levels++] = p->levels[0];
	else if (what == 2 && p->n_levels > 1)
		p->n_levels--;
	else if (what == 3)
		c->plan.user[user].is_there = !c->plan.user[user].is_there;
	else
		draw_user(r, &c->plan.user[user], user);
	make_world(s, c);
	name_policies(c);
	return c;
}
