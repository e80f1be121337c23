/* openapi.c - the OpenAPI 3.1 document, made from the tables that the server itself runs on: routes, parameters, entities, and the sources'
 * doors. What is not in a table is only the shape of lists and of problems, below.
 */
#include "api/routes.h"
#include "model/kinds.h"
#include <string.h>

/* clang-format off */
#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"
#define LIST_OF(item) "{\"type\":\"object\",\"required\":[\"items\",\"next\"],\"properties\":{\"items\":{\"type\":\"array\",\"items\":" REF(item) "}," \
	"\"next\":{\"type\":[\"string\",\"null\"],\"description\":\"Cursor of the next page; null at the end.\"}}}"

/* Schemas that no entity is behind. */
static const struct { const char *name, *schema; } composed[] = {
	{ "incident_list", LIST_OF("incident") },
	{ "entry_list",    LIST_OF("entry") },
	{ "page_list",     LIST_OF("page") },
	{ "token_list",    LIST_OF("token") },
	{ "replica_list",  LIST_OF("replica") },
	{ "incident_detail", "{\"allOf\":[" REF("incident") ",{\"type\":\"object\",\"required\":[\"timeline\",\"timeline_total\",\"pages\",\"pages_next\"],\"properties\":{"
		"\"timeline\":{\"type\":\"array\",\"description\":\"The newest 500, the oldest of them first.\",\"items\":" REF("entry") "},"
		"\"timeline_total\":{\"type\":\"integer\",\"description\":\"How many there are in all.\"},"
		"\"pages\":{\"type\":\"array\",\"description\":\"The first 500.\",\"items\":" REF("page") "},"
		"\"pages_next\":{\"type\":[\"string\",\"null\"],\"description\":\"Cursor for the rest, at /pages.\"}}}]}" },
	{ "token_created", "{\"allOf\":[" REF("token") ",{\"type\":\"object\",\"required\":[\"token\"],\"properties\":{"
		"\"token\":{\"type\":\"string\",\"pattern\":\"^tsn_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}$\",\"description\":\"Shown this once.\"}}}]}" },
	{ "version", "{\"type\":\"object\",\"required\":[\"name\",\"version\",\"api\"],\"properties\":{\"name\":{\"type\":\"string\"},"
		"\"version\":{\"type\":\"string\"},\"api\":{\"type\":\"string\"}}}" },
	{ "replication", "{\"type\":\"object\",\"required\":[\"part\",\"at\",\"cycle\"],\"properties\":{\"part\":{\"type\":\"string\"},"
		"\"at\":{\"type\":\"integer\",\"description\":\"Time of its store in milliseconds.\"},"
		"\"cycle\":{\"type\":\"integer\",\"description\":\"When its engine last went round.\"}}}" },
	{ "versions", "{\"type\":\"object\",\"required\":[\"items\",\"next\"],\"properties\":{\"items\":{\"type\":\"array\",\"description\":"
		"\"KIND/ID, version, commit.\",\"items\":{\"type\":\"array\"}},\"next\":{\"type\":[\"string\",\"null\"]}}}" },
	{ "documents", "{\"type\":\"object\",\"required\":[\"items\",\"missing\",\"next\"],\"properties\":{\"items\":{\"type\":\"array\",\"items\":"
		"{\"type\":\"object\"}},\"missing\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"next\":{\"type\":[\"string\",\"null\"]}}}" },
	{ "standby", "{\"type\":\"object\",\"required\":[\"part\",\"primary\"],\"properties\":{\"part\":{\"type\":\"string\"},"
		"\"primary\":{\"type\":\"string\"}}}" },
	{ "health", "{\"type\":\"object\",\"properties\":{\"status\":{\"type\":\"string\"},\"detail\":{\"type\":\"string\"}}}" },
	{ "openapi", "{\"type\":\"object\"}" },
	{ "problem", "{\"type\":\"object\",\"description\":\"RFC 9457.\",\"required\":[\"type\",\"title\",\"status\",\"detail\"],\"properties\":{"
		"\"type\":{\"type\":\"string\",\"format\":\"uri-reference\"},\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
		"\"detail\":{\"type\":\"string\"},\"errors\":{\"type\":\"array\",\"description\":\"Every fault of the request.\",\"items\":{\"type\":\"object\","
		"\"properties\":{\"pointer\":{\"type\":\"string\"},\"detail\":{\"type\":\"string\"}}}},"
		"\"incident\":{\"type\":\"object\",\"description\":\"The incident that stands in the way.\",\"properties\":{\"id\":{\"type\":\"string\"},"
		"\"number\":{\"type\":\"integer\"},\"status\":{\"type\":\"string\"},\"version\":{\"type\":\"integer\"}}},"
		"\"accepted\":{\"type\":\"array\",\"description\":\"Of a batch: the events that were stored, counted from 0.\",\"items\":{\"type\":\"integer\"}}}}" },
};
/* clang-format on */

/* --- components --- */

enum { ENTITIES_MAX = 64 };
struct entity_set { const struct entity *v[ENTITIES_MAX]; size_t n; };

/* An entity and those inside it, each once. The tables hold no cycles, and 64 is well past their number. */
static void add_entity(struct entity_set *s, const struct entity *e)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i] == e)
			return;
	if (s->n == ENTITIES_MAX)
		return;
	s->v[s->n++] = e;
	for (size_t i = 0; i < e->nf; i++)
		if (e->f[i].sub != NULL)
			add_entity(s, e->f[i].sub);
}

static void schemas_write(struct buf *b)
{
	struct entity_set set = { .n = 0 };
	add_entity(&set, &incident_entity);
	add_entity(&set, &entry_entity);
	add_entity(&set, &page_entity);
	add_entity(&set, &replica_entity);
	for (size_t i = 0; i < ROUTES; i++)
		if (routes[i].request != NULL)
			add_entity(&set, routes[i].request);
	for (size_t i = 0; i < source_count(); i++)
		if (source_at(i)->body != NULL)
			add_entity(&set, source_at(i)->body);
	buf_add(b, S("\"schemas\":{"));
	for (size_t i = 0; i < set.n; i++) {
		desc_openapi(b, set.v[i]);
		buf_char(b, ',');
	}
	for (size_t i = 0; i < COUNT(composed); i++)
		buf_fmt(b, "%s\"%s\":%s", i ? "," : "", composed[i].name, composed[i].schema);
	buf_char(b, '}');
}

/* --- operations --- */

/* The next word of a row's list of statuses; 0 at the end. */
static int next_status(struct str *rest)
{
	struct str word;
	int64_t status = 0;
	if (!str_cut(*rest, ' ', &word, rest)) {
		word = *rest;
		*rest = S("");
	}
	return str_int(word, &status) ? (int)status : 0;
}

static void response_write(struct buf *b, const struct route *r, int status)
{
	buf_fmt(b, "\"%d\":{\"description\":\"%s\"", status, status_phrase(status));
	if (status >= 400 && r->scope != SCOPE_OPEN)
		buf_add(b, S(",\"content\":{\"application/problem+json\":{\"schema\":" REF("problem") "}}"));
	else if (status != 204 && status != 304 && r->response[0])
		buf_fmt(b, ",\"content\":{\"application/json\":{\"schema\":" REF("%s") "}}", r->response);
	else if (status != 204 && status != 304)
		buf_add(b, S(",\"content\":{\"text/plain\":{\"schema\":{\"type\":\"string\"}}}"));
	buf_char(b, '}');
}

/* The row's own statuses, then what authentication, the query check and the store add to every route with a scope. */
static void responses_write(struct buf *b, const struct route *r)
{
	struct str rest = str_c(r->statuses), guarded = S("401 403 503");
	const char *comma = "";
	int status;
	buf_add(b, S("\"responses\":{"));
	while ((status = next_status(&rest)) != 0) {
		buf_add(b, str_c(comma));
		response_write(b, r, status);
		comma = ",";
	}
	if (r->scope != SCOPE_OPEN && strstr(r->statuses, "400") == NULL)
		guarded = S("400 401 403 503");
	while (r->scope != SCOPE_OPEN && (status = next_status(&guarded)) != 0) {
		buf_char(b, ',');
		response_write(b, r, status);
	}
	buf_char(b, '}');
}

static void parameters_write(struct buf *b, const struct route *r)
{
	const char *comma = "";
	buf_add(b, S("\"parameters\":["));
	if (strstr(r->path, "{id}") != NULL) {
		buf_add(b, S("{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"},\"description\":\"Id; of an "
			"incident its number will do.\"}"));
		comma = ",";
	}
	for (size_t i = 0; i < PARAMS; i++) {
		if (!(r->params & 1u << i))
			continue;
		buf_fmt(b, "%s{\"name\":\"%s\",\"in\":\"%s\",\"required\":false,\"schema\":{%s},\"description\":", comma, params[i].name, params[i].in,
		    params[i].schema);
		buf_json(b, str_c(params[i].doc));
		buf_char(b, '}');
		comma = ",";
	}
	buf_char(b, ']');
}

static void request_write(struct buf *b, const struct entity *e)
{
	buf_fmt(b, "\"requestBody\":{\"required\":%s,\"content\":{\"application/json\":{\"schema\":" REF("%s") "}}},",
	    entity_needs_body(e) ? "true" : "false", e->name);
}

static void security_write(struct buf *b, unsigned scope)
{
	if (scope == SCOPE_OPEN)
		buf_add(b, S("\"security\":[],"));
	else
		buf_fmt(b, "\"security\":[{\"token\":[\"%s\"]}],", scope_name(scope));
}

static void lower_write(struct buf *b, const char *word)
{
	for (; *word; word++)
		buf_char(b, (char)(*word | 0x20));
}

static void operation_write(struct buf *b, const struct route *r)
{
	buf_char(b, '"');
	lower_write(b, r->method);
	buf_fmt(b, "\":{\"operationId\":\"%s\",\"summary\":", r->operation);
	buf_json(b, str_c(r->summary));
	buf_char(b, ',');
	security_write(b, r->scope);
	if (r->request != NULL)
		request_write(b, r->request);
	parameters_write(b, r);
	buf_char(b, ',');
	responses_write(b, r);
	buf_char(b, '}');
}

static bool is_first_of_path(size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(routes[i].path, routes[j].path) == 0)
			return false;
	return true;
}

static void paths_write(struct buf *b)
{
	for (size_t i = 0; i < ROUTES; i++) {
		if (!is_first_of_path(i))
			continue;
		buf_fmt(b, "%s\"%s\":{", i ? "," : "", routes[i].path);
		const char *comma = "";
		for (size_t j = i; j < ROUTES; j++)
			if (strcmp(routes[i].path, routes[j].path) == 0) {
				buf_add(b, str_c(comma));
				operation_write(b, &routes[j]);
				comma = ",";
			}
		buf_char(b, '}');
	}
}

/* --- doors --- */

/* /in/KEY is /in/{key} in OpenAPI's spelling. */
static void door_path_write(struct buf *b, struct str door, bool *ret_takes_key)
{
	struct str key = S("/KEY");
	*ret_takes_key = door.n > key.n && str_eq(str_skip(door, door.n - key.n), key);
	buf_fmt(b, ",\"%.*s%s\":", (int)(door.n - (*ret_takes_key ? key.n : 0)), door.p, *ret_takes_key ? "/{key}" : "");
}

static void door_write(struct buf *b, const struct source *s)
{
	static const int statuses[] = { 202, 400, 401, 404, 413, 422, 503 };
	bool takes_key;
	door_path_write(b, str_c(s->door), &takes_key);
	buf_fmt(b, "{\"post\":{\"operationId\":\"post_%s\",\"summary\":", s->name);
	buf_json(b, str_c(s->doc));
	buf_add(b, S(",\"security\":[],"));
	if (s->body != NULL)
		request_write(b, s->body);
	buf_add(b, S("\"parameters\":["));
	if (takes_key)
		buf_add(b, S("{\"name\":\"key\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"},\"description\":\"The integration's "
			"key.\"},"));
	buf_fmt(b, "{\"name\":\"%s\",\"in\":\"%s\",\"required\":false,\"schema\":{%s},\"description\":", params[PARAM_IDEMPOTENCY].name,
	    params[PARAM_IDEMPOTENCY].in, params[PARAM_IDEMPOTENCY].schema);
	buf_json(b, str_c(params[PARAM_IDEMPOTENCY].doc));
	buf_add(b, S("}],\"responses\":{"));
	for (size_t i = 0; i < COUNT(statuses); i++)
		buf_fmt(b, "%s\"%d\":{\"description\":\"%s\"}", i ? "," : "", statuses[i], status_phrase(statuses[i]));
	buf_add(b, S("}}}"));
}

void openapi_show(struct exchange *x)
{
	struct buf *b = &x->out;
	buf_add(b, S("{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"tocsin\",\"description\":\"Incidents, paging and what led to them.\","
		"\"license\":{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"},\"version\":"));
	buf_json(b, str_c(x->api->setup->version));
	buf_add(b, S("},\"servers\":[{\"url\":"));
	buf_json(b, x->api->setup->public_url.n ? x->api->setup->public_url : S("/"));
	buf_add(b, S("}],\"paths\":{"));
	paths_write(b);
	for (size_t i = 0; i < source_count(); i++)
		door_write(b, source_at(i));
	buf_add(b, S("},\"components\":{\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":"
		"\"tocsin token create NAME\"}},"));
	schemas_write(b);
	buf_add(b, S("}}"));
	answer_json(x, 200);
}
