/* routes.h - every route of the API, one row each. The row drives dispatch, 404 and 405, authentication, which query
 * parameters are known, and the OpenAPI document; the alert senders' doors are rows of the sources' own table.
 *
 *	method, path      a segment {x} takes anything but '/'; HEAD is answered where GET is
 *	scope             what a token must have; OPEN: no token at all (the list is fixed: security H10)
 *	operation         OpenAPI's operationId
 *	handler, arg      who answers, and what the handler is told
 *	request           entity of the body; NULL: none, or {}
 *	response          name of the schema of a success; "" for plain text
 *	parameters        of `enum param`, or-ed
 *	statuses          that the handler itself may give; those of authentication and of the store are added by need
 */
#ifndef API_ROUTES_H
#define API_ROUTES_H
#include "api/bodies.h"
#include "api/exchange.h"

enum scope { SCOPE_OPEN = 0, SCOPE_READ = 1, SCOPE_WRITE = 2, SCOPE_ADMIN = 4, SCOPE_METRICS = 8, SCOPE_REPLICATE = 16, SCOPE_ALL = 31 };

/* clang-format off */
/* X(NAME, "name", in, schema, documentation) */
#define PARAM_LIST(X) \
	X(STATUS,      "status",   "query", "\"type\":\"string\"", "Words with commas between: detected, acknowledged, resolved; open (the first two), all. Default: all.") \
	X(SERVICE,     "service",  "query", "\"type\":\"string\"", "Ids of services, commas between.") \
	X(SEVERITY,    "severity", "query", "\"type\":\"string\"", "Numbers 1..5 or their names, commas between.") \
	X(LIMIT,       "limit",    "query", "\"type\":\"integer\",\"minimum\":1,\"maximum\":200,\"default\":50", "Items at most. A page may hold fewer and still have a next one.") \
	X(CURSOR,      "cursor",   "query", "\"type\":\"string\"", "The `next` of the page before; only good with the same filter.") \
	X(SET,         "set",      "query", "\"type\":\"string\",\"enum\":[\"detected\",\"acknowledged\",\"recent\",\"owed\",\"shared\"]", "detected, acknowledged: incidents by status; recent: incidents by id; owed: pages under way; shared: tokens and counters.") \
	X(AFTER,       "after",    "query", "\"type\":\"string\"", "Documents with higher ids only: the `next` of the page before, or where to begin.") \
	X(IF_MATCH,    "If-Match", "header", "\"type\":\"string\"", "The version this is about, in quotes: 412 when there is a newer one.") \
	X(IF_NONE,     "If-None-Match", "header", "\"type\":\"string\"", "An ETag: 304 when nothing changed since.") \
	X(IDEMPOTENCY, "Idempotency-Key", "header", "\"type\":\"string\",\"maxLength\":255", "The same request with the same key again has no second effect.") \
	X(VIA,         "X-Tocsin-Via", "header", "\"type\":\"string\",\"enum\":[\"cli\"]", "cli: the timeline says so.")
enum param_number {
#define PARAM_NUMBER(name, text, in, schema, doc) PARAM_##name,
	PARAM_LIST(PARAM_NUMBER)
#undef PARAM_NUMBER
	PARAMS
};
enum param {
#define PARAM_BIT(name, text, in, schema, doc) P_##name = 1 << PARAM_##name,
	PARAM_LIST(PARAM_BIT)
#undef PARAM_BIT
	P_PAGING = P_LIMIT | P_CURSOR,
	P_ACTING = P_IF_MATCH | P_IDEMPOTENCY | P_VIA
};
struct param_row { const char *name, *in, *schema, *doc; };
extern const struct param_row params[PARAMS];

/* X(method, path, scope, operation, handler, arg, request, response, parameters, statuses, summary) */
#define ROUTE_LIST(X) \
	X("GET",    "/api/v1/incidents",                     READ,    list_incidents,       incidents_list, 0, NULL, "incident_list", P_STATUS | P_SERVICE | P_SEVERITY | P_PAGING | P_IF_NONE, "200 304 400", "Incidents, the newest first.") \
	X("POST",   "/api/v1/incidents",                     WRITE,   create_incident,      incident_trigger, 0, &trigger_entity, "incident", P_IDEMPOTENCY | P_VIA, "201 200 400 413 422", "Say that something is wrong: opens an incident, or counts on the open one with the same dedup key.") \
	X("POST",   "/api/v1/alerts",                        WRITE,   create_alert,         incident_trigger, 0, &trigger_entity, "incident", P_IDEMPOTENCY | P_VIA, "201 200 400 413 422", "The same as create_incident, for those who think in alerts.") \
	X("GET",    "/api/v1/incidents/{id}",                READ,    get_incident,         incident_show, 0, NULL, "incident_detail", P_IF_NONE, "200 304 404", "One incident by id or number, with the newest of its timeline and its pages.") \
	X("GET",    "/api/v1/incidents/{id}/timeline",       READ,    list_timeline,        incident_part, KIND_entry, NULL, "entry_list", P_PAGING, "200 400 404", "Its timeline, the oldest first.") \
	X("GET",    "/api/v1/incidents/{id}/pages",          READ,    list_pages,           incident_part, KIND_page, NULL, "page_list", P_PAGING, "200 400 404", "Every notification owed for it, and what became of each.") \
	X("POST",   "/api/v1/incidents/{id}/acknowledge",    WRITE,   acknowledge_incident, incident_act, CMD_ACKNOWLEDGE, NULL, "incident", P_ACTING, "200 400 404 409 412 422", "Somebody is on it: no further pages.") \
	X("POST",   "/api/v1/incidents/{id}/unacknowledge",  WRITE,   unacknowledge_incident, incident_act, CMD_UNACKNOWLEDGE, NULL, "incident", P_ACTING, "200 400 404 409 412 422", "Nobody is on it after all: paging begins again.") \
	X("POST",   "/api/v1/incidents/{id}/resolve",        WRITE,   resolve_incident,     incident_act, CMD_RESOLVE, &resolution_entity, "incident", P_ACTING, "200 400 404 409 412 413 422", "It is over, and why.") \
	X("POST",   "/api/v1/incidents/{id}/notes",          WRITE,   add_note,             incident_act, CMD_NOTE, &note_entity, "incident", P_ACTING, "200 400 404 409 412 413 422", "Write something into the timeline.") \
	X("POST",   "/api/v1/incidents/{id}/note",           WRITE,   add_a_note,           incident_act, CMD_NOTE, &note_entity, "incident", P_ACTING, "200 400 404 409 412 413 422", "The same as add_note.") \
	X("GET",    "/api/v1/tokens",                        ADMIN,   list_tokens,          tokens_list, 0, NULL, "token_list", P_PAGING, "200 400", "Every token, revoked and expired ones too; never their secrets.") \
	X("POST",   "/api/v1/tokens",                        ADMIN,   create_token,         token_create, 0, &token_entity, "token_created", P_VIA, "201 400 409 422", "A new token. Its text is in this answer and never shown again.") \
	X("GET",    "/api/v1/tokens/{id}",                   ADMIN,   get_token,            token_show, 0, NULL, "token", 0, "200 404", "One token.") \
	X("DELETE", "/api/v1/tokens/{id}",                   ADMIN,   revoke_token,         token_revoke, 0, NULL, "", P_VIA, "204 404", "Take it back: it opens nothing from now on.") \
	X("GET",    "/api/v1/replication",                   REPLICATE, get_replication,    replication_show, 0, NULL, "replication", 0, "200", "The keep-alive: which part this server plays, and when its engine last went round.") \
	X("GET",    "/api/v1/replication/versions",          REPLICATE, list_versions,      replication_versions, 0, NULL, "versions", P_SET | P_AFTER, "200 400", "Which documents there are, and in which version.") \
	X("POST",   "/api/v1/replication/documents",         REPLICATE, get_documents,      replication_documents, 0, &wanted_entity, "documents", 0, "200 400 422", "Documents as they are stored, by name or with all that belongs to an incident.") \
	X("POST",   "/api/v1/replication/incidents",         REPLICATE, hand_back_incident, replication_hand_back, 0, &handed_back_entity, "incident", 0, "200 201 400 409 413 422", "A standby that led gives an incident back.") \
	X("GET",    "/api/v1/standby",                       READ,    get_standby,          standby_show, 0, NULL, "standby", 0, "200 404", "What a standby does, and how far its copy is.") \
	X("POST",   "/api/v1/standby/promote",               ADMIN,   promote_standby,      standby_order, ORDER_LEAD, NULL, "standby", 0, "202 400 404 409", "Take over now, and lead until told to yield.") \
	X("POST",   "/api/v1/standby/yield",                 ADMIN,   yield_standby,        standby_order, ORDER_YIELD, NULL, "standby", 0, "202 400 404 409", "Give back what was led, and stand by again.") \
	X("GET",    "/api/v1/replicas",                      READ,    list_replicas,        replicas_list, 0, NULL, "replica_list", P_PAGING, "200 400", "The servers that work on this store, gone ones for another hour.") \
	X("GET",    "/api/v1/version",                       READ,    get_version,          version_show, 0, NULL, "version", 0, "200", "Which program answers.") \
	X("GET",    "/api/v1/openapi.json",                  READ,    get_openapi,          openapi_show, 0, NULL, "openapi", 0, "200", "This document.") \
	X("GET",    "/",                                     READ,    get_status,           status_show, 0, NULL, "", 0, "200", "Days since the last incident, and which there were, as text.") \
	X("GET",    "/healthz",                              OPEN,    get_healthz,          health_text, 0, NULL, "", 0, "200", "The server answers.") \
	X("GET",    "/readyz",                               OPEN,    get_readyz,           ready_text, 0, NULL, "", 0, "200 503", "Its store takes writes; it asks nobody else.") \
	X("GET",    "/health",                               OPEN,    get_health,           health_json, 0, NULL, "health", 0, "200", "As /healthz, in JSON.") \
	X("GET",    "/readiness",                            OPEN,    get_readiness,        ready_json, 0, NULL, "health", 0, "200 503", "As /readyz, in JSON.") \
	X("GET",    "/-/healthy",                            OPEN,    get_healthy,          health_text, 0, NULL, "", 0, "200", "As /healthz.") \
	X("GET",    "/-/ready",                              OPEN,    get_ready,            ready_text, 0, NULL, "", 0, "200 503", "As /readyz.") \
	X("GET",    "/metrics",                              METRICS, get_metrics,          metrics_show, 0, NULL, "", 0, "200", "Figures for Prometheus; OpenMetrics when asked for. Open to loopback.")
/* clang-format on */

struct route {
	const char *method, *path;
	unsigned scope;
	const char *operation;
	void (*handle)(struct exchange *x);
	int arg;
	const struct entity *request;
	const char *response;
	unsigned params;
	const char *statuses, *summary;
};
enum {
#define ROUTE_ONE(...) +1
	ROUTES = 0 ROUTE_LIST(ROUTE_ONE)
#undef ROUTE_ONE
};
extern const struct route routes[ROUTES];

/* The route of a request; HEAD finds GET's. NULL: none. ret_arg is the {segment}; ret_allow (at least 64 bytes) lists the methods that
 * the path has, "GET, HEAD, POST", and is empty when there is no such path. */
enum { ALLOW_MAX = 64 };
const struct route *route_find(struct str method, struct str path, struct str *ret_arg, char ret_allow[ALLOW_MAX]);
/* The first query parameter that the route does not know, or an empty view; ret_near is the known one most like it, or NULL. */
struct str route_unknown_param(const struct route *route, struct str query, const char **ret_near);
/* The first name that the query holds twice, or an empty view. Only one of the two could count, and a client that expects both would miss
 * incidents without a word. */
struct str route_repeated_param(struct str query);
struct str scope_names(struct arena *a, unsigned scopes);   /* "read write" */
const char *scope_name(unsigned scope);                     /* of one; "" for OPEN */
unsigned scope_of(struct str name);                         /* 0: no such scope */

/* The id of the incident that the path names by id or number. False: answered. It need not exist when it was given as an id. */
bool incident_find(struct exchange *x, struct str *ret_id);

/* The handlers. */
void incidents_list(struct exchange *x);
void incident_show(struct exchange *x);
void incident_part(struct exchange *x);
void incident_trigger(struct exchange *x);
void incident_act(struct exchange *x);
void tokens_list(struct exchange *x);
void token_create(struct exchange *x);
void token_show(struct exchange *x);
void token_revoke(struct exchange *x);
void replicas_list(struct exchange *x);
void version_show(struct exchange *x);
void openapi_show(struct exchange *x);
void status_show(struct exchange *x);
void health_text(struct exchange *x);
void ready_text(struct exchange *x);
void health_json(struct exchange *x);
void ready_json(struct exchange *x);
void metrics_show(struct exchange *x);
void replication_show(struct exchange *x);
void replication_versions(struct exchange *x);
void replication_documents(struct exchange *x);
void replication_hand_back(struct exchange *x);
void standby_show(struct exchange *x);
void standby_order(struct exchange *x);
#endif
