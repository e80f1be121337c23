/* check.c - what no field table can say: ids that must be unique, names that must lead somewhere, targets that must reach somebody.
 *
 * Every kind of thing that has an id is a shelf: where its list is, what it is called and which code a missing one has. Looking up,
 * suggesting and finding doubles are written once over shelves.
 */
#include "main/loading.h"
#include <string.h>

enum { USERS, POLICIES, SERVICES, SOURCES, CHANNELS, SHELVES };
struct shelf {
	const char *noun, *key;          /* "user", "users" */
	enum code missing;
	const void *v;
	size_t n, size, id_at;
};

static struct shelf shelf(const struct load *l, int which)
{
	const struct world *w = &l->c->world;
#define SHELF(noun, key, code, list, T) { noun, key, code, list.v, list.n, sizeof(struct T), offsetof(struct T, id) }
	const struct shelf all[SHELVES] = {
		[USERS] = SHELF("user", "users", CODE_NO_USER, w->users, user),
		[POLICIES] = SHELF("policy", "policies", CODE_NO_POLICY, w->policies, policy),
		[SERVICES] = SHELF("service", "services", CODE_NO_SERVICE, w->services, service),
		[SOURCES] = SHELF("source", "sources", CODE_VALUE, w->integrations, integration),
		[CHANNELS] = SHELF("channel", "channels", CODE_NO_CHANNEL, w->channels, channel_def),
	};
#undef SHELF
	return all[which];
}

static struct str id_of(const struct shelf *s, size_t i)
{
	struct str id;
	memcpy(&id, (const char *)s->v + i * s->size + s->id_at, sizeof id);
	return id;
}

static size_t find(const struct shelf *s, struct str id)
{
	size_t i = 0;
	while (i < s->n && !str_eq(id_of(s, i), id))
		i++;
	return i;
}

/* Where the i-th thing is defined: its id, or its key where ids are keys. */
static struct mark defined_at(const struct load *l, const struct shelf *s, size_t i)
{
	if (strcmp(s->key, "channels") == 0)
		return mark_key(l, PATH(l, "channels.%.*s", STR_ARG(id_of(s, i))));
	return mark_value(l, PATH(l, "%s[%zu].id", s->key, i));
}

static size_t nearest(const struct shelf *s, struct str id)
{
	size_t best = id.n / 3 + 2, found = s->n;
	for (size_t i = 0; i < s->n; i++) {
		size_t d = str_distance(id_of(s, i), id);
		if (d < best && d < id.n) {
			best = d;
			found = i;
		}
	}
	return found;
}

/* True when there is such a thing; else says so at `at`, with the nearest that there is. Nothing is said of an empty id: its table has. */
static bool exists(const struct load *l, int which, struct str id, struct mark at)
{
	struct shelf s = shelf(l, which);
	if (id.n == 0 || find(&s, id) < s.n)
		return id.n > 0;
	size_t near = nearest(&s, id);
	if (near < s.n)
		report_add(l->r, s.missing, at, "no %s \"%.*s\"; did you mean \"%.*s\" (defined at %.*s:%zu)?", s.noun, STR_ARG(id),
		    STR_ARG(id_of(&s, near)), STR_ARG(l->r->file), defined_at(l, &s, near).line);
	else
		report_add(l->r, s.missing, at, "no %s \"%.*s\" under %s", s.noun, STR_ARG(id), s.key);
	return false;
}

bool check_service(struct load *l, struct str id, struct mark at)
{
	return exists(l, SERVICES, id, at);
}

bool check_id_form(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!is_word && (i == 0 || (c != '-' && c != '_' && c != '.')))
			return false;
	}
	return s.n > 0 && s.n <= 64;
}

static void check_ids(struct load *l, int which)
{
	struct shelf s = shelf(l, which);
	for (size_t i = 0; i < s.n; i++) {
		struct str id = id_of(&s, i);
		size_t first = id.n ? find(&s, id) : i;
		if (id.n && !check_id_form(id))
			report_add(l->r, CODE_ID_FORM, defined_at(l, &s, i),
			    "\"%.*s\" cannot be the id of a %s: letters, digits, '-', '_' and '.', beginning with a letter or digit",
			    STR_ARG(id), s.noun);
		else if (first < i && which != CHANNELS)   /* a key twice has been found by the YAML reader */
			report_add(l->r, CODE_ID_TWICE, defined_at(l, &s, i), "%s \"%.*s\" is defined twice; the first is at %.*s:%zu", s.noun,
			    STR_ARG(id), STR_ARG(l->r->file), defined_at(l, &s, first).line);
	}
}

/* Words that begin a target cannot name a channel. */
static void check_channel_names(struct load *l)
{
	static const char *const taken[] = { "user", "channel", "schedule", "team" };
	struct shelf s = shelf(l, CHANNELS);
	for (size_t i = 0; i < s.n; i++)
		for (size_t k = 0; k < COUNT(taken); k++)
			if (str_eq(id_of(&s, i), str_c(taken[k])))
				report_add(l->r, CODE_ID_FORM, defined_at(l, &s, i), "a channel cannot be called \"%s\": targets begin with that word",
				    taken[k]);
}

static const struct channel *channel_how(const struct load *l, struct str id)
{
	struct shelf s = shelf(l, CHANNELS);
	size_t i = find(&s, id);
	return i < s.n ? l->c->outlets[i].how : NULL;
}

static void check_address(struct load *l, struct str channel, struct str address, struct mark at)
{
	const struct channel *how = channel_how(l, channel);
	struct str why = how ? how->check_address(l->tmp, address) : S("");
	if (why.n)
		report_add(l->r, CODE_ADDRESS, at, "channel \"%.*s\" cannot reach \"%.*s\": %.*s", STR_ARG(channel), STR_ARG(address), STR_ARG(why));
}

/* Targets. */

static void bad_target(struct load *l, struct str text, struct mark at)
{
	report_add(l->r, CODE_TARGET, at, "\"%.*s\" is no target; write user:ID, CHANNEL-ID:ADDRESS or channel:ID", STR_ARG(text));
}

static void check_user_target(struct load *l, struct target t, struct mark at)
{
	(void)exists(l, USERS, t.id, at);
}

static void check_channel_target(struct load *l, struct target t, struct mark at)
{
	const struct channel *how = exists(l, CHANNELS, t.id, at) ? channel_how(l, t.id) : NULL;
	if (how && how->needs_address)
		report_add(l->r, CODE_TARGET, at, "channel \"%.*s\" needs an address; write %.*s:ADDRESS", STR_ARG(t.id), STR_ARG(t.id));
}

static void check_address_target(struct load *l, struct target t, struct mark at)
{
	if (exists(l, CHANNELS, t.id, at))
		check_address(l, t.id, t.address, at);
}

static void check_target(struct load *l, struct str text, struct mark at)
{
	static void (*const check[])(struct load *, struct target, struct mark) = {
		[TARGET_USER] = check_user_target, [TARGET_CHANNEL] = check_channel_target, [TARGET_ADDRESS] = check_address_target,
	};
	struct target t = target_parse(text);
	if (str_starts(text, S("schedule:")) || str_starts(text, S("team:")))
		report_add(l->r, CODE_NOT_YET, at, "this version has neither schedules nor teams; name the people: user:ID");
	else if (t.kind == TARGET_BAD)
		bad_target(l, text, at);
	else
		check[t.kind](l, t, at);
}

static void check_targets(struct load *l, const struct strs *targets, struct str path)
{
	for (size_t i = 0; i < targets->n; i++) {
		struct mark at = mark_value(l, PATH(l, "%.*s.targets[%zu]", STR_ARG(path), i));
		size_t first = 0;
		while (!str_eq(targets->v[first], targets->v[i]))
			first++;
		if (first < i)
			report_add(l->r, CODE_TARGET_TWICE, at, "\"%.*s\" is here twice and would be paged twice; take one out", STR_ARG(targets->v[i]));
		else
			check_target(l, targets->v[i], at);
	}
}

/* How many addresses a level reaches, as the core will count them. */
static void check_reach(struct load *l, const struct policy *p, size_t level, struct str path)
{
	const struct strs *targets = &p->levels.v[level].targets;
	struct reach out[1];
	size_t n = 0;
	for (size_t i = 0; i < targets->n; i++)
		n += world_reach(&l->c->world, targets->v[i], out, COUNT(out));
	path = PATH(l, "%.*s.targets", STR_ARG(path));
	if (n == 0 && !report_has(l->r, mark_value(l, path), 0))
		FAULT(l, CODE_NOBODY, path, "policy \"%.*s\": level %zu reaches nobody and will be passed over", STR_ARG(p->id), level);
	if (n > PAGES_PER_LEVEL_MAX)
		FAULT(l, CODE_CROWD, path, "policy \"%.*s\": level %zu reaches %zu addresses; at most %d", STR_ARG(p->id), level, n, PAGES_PER_LEVEL_MAX);
}

/* "0s" was written: the field alone cannot tell that from nothing. */
static bool is_written(const struct load *l, struct str path)
{
	bool is_whole;
	const struct ynode *n = yaml_at(l->root, path, &is_whole);
	return is_whole && n->jv.t == J_STR && str_starts(n->jv.s, S("0"));
}

static void check_wait(struct load *l, const struct policy *p, size_t level, struct str path)
{
	struct str timeout = PATH(l, "%.*s.timeout", STR_ARG(path));
	if (p->levels.v[level].timeout != 0 || !is_written(l, timeout))
		return;
	if (level + 1 < p->levels.n)
		FAULT(l, CODE_NO_WAIT, timeout, "policy \"%.*s\": level %zu waits 0s, so level %zu would page at the same instant", STR_ARG(p->id), level,
		    level + 1);
	else
		FAULT(l, CODE_NO_WAIT, timeout, "policy \"%.*s\": level %zu waits 0s, so nobody would have time to answer", STR_ARG(p->id), level);
}

/* A channel that could not be read reaches nobody, and that has been said already. */
static bool are_channels_read(const struct load *l)
{
	for (size_t i = 0; i < l->c->n_outlets; i++)
		if (l->c->outlets[i].how == NULL)
			return false;
	return true;
}

static void check_policy(struct load *l, size_t i, bool has_channels)
{
	const struct policy *p = &l->c->world.policies.v[i];
	for (size_t k = 0; k < p->levels.n; k++) {
		struct str path = PATH(l, "policies[%zu].levels[%zu]", i, k);
		size_t before = l->r->errors;
		check_wait(l, p, k, path);
		check_targets(l, &p->levels.v[k].targets, path);
		if (has_channels && l->r->errors == before)  /* only then does every target lead somewhere */
			check_reach(l, p, k, path);
	}
	check_targets(l, &p->on_exhausted.targets, PATH(l, "policies[%zu].on_exhausted", i));
}

static void check_user(struct load *l, size_t i)
{
	const struct user *u = &l->c->world.users.v[i];
	for (size_t k = 0; k < u->contacts.n; k++) {
		struct pair c = u->contacts.v[k];
		struct str path = PATH(l, "users[%zu].contacts.%.*s", i, STR_ARG(c.key));
		if (exists(l, CHANNELS, c.key, mark_key(l, path)))
			check_address(l, c.key, c.value, mark_value(l, path));
	}
	for (size_t k = 0; k < l->c->n_outlets && u->email.n; k++)
		if (l->c->world.channels.v[k].is_mail) {
			check_address(l, l->c->world.channels.v[k].id, u->email, mark_value(l, PATH(l, "users[%zu].email", i)));
			return;                            /* one mail channel speaks for all */
		}
}

static void check_references(struct load *l)
{
	const struct world *w = &l->c->world;
	for (size_t i = 0; i < w->services.n; i++)
		(void)exists(l, POLICIES, w->services.v[i].policy, mark_value(l, PATH(l, "services[%zu].policy", i)));
	for (size_t i = 0; i < w->integrations.n; i++)
		(void)exists(l, SERVICES, w->integrations.v[i].service, mark_value(l, PATH(l, "sources[%zu].service", i)));
}

static void check_settings(struct load *l)
{
	for (size_t i = 0; i < l->c->n_outlets; i++) {
		const struct outlet *o = &l->c->outlets[i];
		struct str why = o->how ? o->how->check_settings(l->tmp, o->settings) : S("");
		if (why.n)
			report_add(l->r, CODE_SETTINGS, mark_key(l, PATH(l, "channels.%.*s", STR_ARG(o->id))), "channel \"%.*s\": %.*s", STR_ARG(o->id),
			    STR_ARG(why));
	}
}

void check_all(struct load *l)
{
	const struct world *w = &l->c->world;
	if (l->r->errors == 0)                             /* the channels judge settings that are whole */
		check_settings(l);
	for (int which = 0; which < SHELVES; which++)
		check_ids(l, which);
	check_channel_names(l);
	check_references(l);
	for (size_t i = 0; i < w->users.n; i++)
		check_user(l, i);
	bool has_channels = are_channels_read(l);
	for (size_t i = 0; i < w->policies.n; i++)
		check_policy(l, i, has_channels);
	if (is_written(l, S("defaults.level_timeout")) && l->c->file.defaults.level_timeout == 0)
		FAULT(l, CODE_NO_WAIT, S("defaults.level_timeout"), "defaults.level_timeout: 0s would page every level at the same instant");
}
