/* route.c - from method and path to the row of the table. A walk over some thirty rows: the doors that must be fast do not come here. */
#include "api/routes.h"
#include <assert.h>
#include <string.h>

const struct param_row params[PARAMS] = {
#define PARAM_ROW(name, text, in, schema, doc) { text, in, schema, doc },
	PARAM_LIST(PARAM_ROW)
#undef PARAM_ROW
};

const struct route routes[ROUTES] = {
#define ROUTE_ROW(method, path, scope, operation, handler, arg, request, response, parameters, statuses, summary) \
	{ method, path, SCOPE_##scope, #operation, handler, arg, request, response, parameters, statuses, summary },
	ROUTE_LIST(ROUTE_ROW)
#undef ROUTE_ROW
};

/* Does the path have the form of the template? *ret_arg is the part that stands for {x}, at most one. */
static bool fits(struct str template, struct str path, struct str *ret_arg)
{
	struct str before, after, ignored;
	if (!str_cut(template, '{', &before, &after))
		return str_eq(template, path);
	if (!str_starts(path, before) || !str_cut(after, '}', &ignored, &after))
		return false;
	struct str rest = str_skip(path, before.n), arg = rest, ignored_too;
	(void)str_cut(rest, '/', &arg, &ignored_too);              /* no slash: all of it */
	if (arg.n == 0 || !str_eq(str_skip(rest, arg.n), after))
		return false;
	*ret_arg = arg;
	return true;
}

static void allow(char list[ALLOW_MAX], const char *method)
{
	const char *add = strcmp(method, "GET") == 0 ? "GET, HEAD" : method;
	size_t n = strlen(list), more = strlen(add);
	assert(n + more + 3 < ALLOW_MAX);
	if (n > 0) {
		memcpy(list + n, ", ", 2);
		n += 2;
	}
	memcpy(list + n, add, more + 1);
}

const struct route *route_find(struct str method, struct str path, struct str *ret_arg, char ret_allow[ALLOW_MAX])
{
	if (str_eq(method, S("HEAD")))
		method = S("GET");
	ret_allow[0] = '\0';
	for (size_t i = 0; i < ROUTES; i++) {
		if (!fits(str_c(routes[i].path), path, ret_arg))
			continue;
		if (str_eq(str_c(routes[i].method), method))
			return &routes[i];
		allow(ret_allow, routes[i].method);
	}
	return NULL;
}

/* The query parameter of the route that reads most like `name`, when that is near enough to be meant. */
static const char *near_param(const struct route *route, struct str name)
{
	const char *best = NULL;
	size_t best_distance = 4;
	for (size_t i = 0; i < PARAMS; i++) {
		size_t d = str_distance(name, str_c(params[i].name));
		if (route->params & 1u << i && d < best_distance) {
			best = params[i].name;
			best_distance = d;
		}
	}
	return best;
}

static bool knows_param(const struct route *route, struct str name)
{
	for (size_t i = 0; i < PARAMS; i++)
		if (route->params & 1u << i && strcmp(params[i].in, "query") == 0 && str_eq(str_c(params[i].name), name))
			return true;
	return false;
}

/* The name of the next parameter, as it was written; false at the end. */
static bool next_name(struct str *rest, struct str *ret_name)
{
	while (rest->n > 0) {
		struct str pair, value;
		if (!str_cut(*rest, '&', &pair, rest)) {
			pair = *rest;
			*rest = S("");
		}
		if (!str_cut(pair, '=', ret_name, &value))
			*ret_name = pair;
		if (ret_name->n > 0)
			return true;
	}
	return false;
}

struct str route_unknown_param(const struct route *route, struct str query, const char **ret_near)
{
	for (struct str rest = query, name; next_name(&rest, &name);) {
		if (knows_param(route, name))
			continue;
		*ret_near = near_param(route, name);
		return name;
	}
	return S("");
}

struct str route_repeated_param(struct str query)
{
	for (struct str rest = query, name, other; next_name(&rest, &name);)
		for (struct str later = rest; next_name(&later, &other);)
			if (str_eq(name, other))
				return name;
	return S("");
}

static const struct { const char *name; unsigned scope; } scopes_table[] = {
	{ "read", SCOPE_READ }, { "write", SCOPE_WRITE }, { "admin", SCOPE_ADMIN }, { "metrics", SCOPE_METRICS },
	{ "replicate", SCOPE_REPLICATE },
};

unsigned scope_of(struct str name)
{
	for (size_t i = 0; i < COUNT(scopes_table); i++)
		if (str_eq(name, str_c(scopes_table[i].name)))
			return scopes_table[i].scope;
	return 0;
}

const char *scope_name(unsigned scope)
{
	for (size_t i = 0; i < COUNT(scopes_table); i++)
		if (scope == scopes_table[i].scope)
			return scopes_table[i].name;
	return "";
}

struct str scope_names(struct arena *a, unsigned scopes)
{
	struct str out = S("");
	for (size_t i = 0; i < COUNT(scopes_table); i++)
		if (scopes & scopes_table[i].scope)
			out = arena_fmt(a, "%.*s%s%s", STR_ARG(out), out.n ? " " : "", scopes_table[i].name);
	return out;
}
