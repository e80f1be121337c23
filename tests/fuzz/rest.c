/* Random requests through the whole API with a store in memory and an engine that answers by dice: always exactly one answer, JSON whenever the
 * answer says so, no status that the table does not know. The input is a row of choices, so that mutations stay near valid requests.
 */
#include "tests/unit/api/desk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct dice { const uint8_t *p; size_t n; };

static uint8_t roll(struct dice *d)
{
	if (d->n == 0)
		return 0;
	d->n--;
	return *d->p++;
}

static const char *pick(struct dice *d, const char *const *from, size_t n)
{
	return from[roll(d) % n];
}
#define PICK(d, list) pick(d, list, COUNT(list))

/* Up to `max` raw bytes of the input as a C string. */
static const char *raw(struct dice *d, struct arena *a, size_t max)
{
	size_t n = roll(d) % (max + 1);
	if (n > d->n)
		n = d->n;
	char *p = NEWN(a, char, n + 1);
	memcpy(p, d->p, n);
	d->p += n;
	d->n -= n;
	return p;
}

static const char *const methods[] = { "GET", "POST", "HEAD", "DELETE", "PUT", "PATCH", "OPTIONS", "get", "" };
static const char *const paths[] = { "/v2/enqueue", ("/in/" IN_KEY), "/in/", "/in/x", "/api/v1/incidents/42", "/api/v1/incidents/01900000-0000-7000-8000-000000000042" };
static const char *const tails[] = { "", "/acknowledge", "/resolve", "/unacknowledge", "/notes", "/note", "/timeline", "/pages", "/", "/x" };
static const char *const queries[] = { "", "?status=open", "?status=all&service=checkout,ledger&limit=3", "?severity=5&limit=1", "?cursor=",
	"?limit=1&cursor=MSAwMDAwMDAwMCAwMTkwMDAwMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwNDI" };
static const char *const names[] = { "Host", "Authorization", "Origin", "If-Match", "If-None-Match", "Idempotency-Key", "Accept", "X-Tocsin-Via" };
static const char *const values[] = { "localhost:3000", "evil.example", "Bearer tsn_x", "\"1\"", "*", "\"key\"", "application/openmetrics-text", "cli", "null" };
static const char *const bodies[] = { "", "{}", "[]", "{\"text\":\"x\"}", "{\"name\":\"x\",\"scopes\":[\"admin\"]}", "{\"root_cause\":\"x\",\"resolution_steps\":[\"y\"]}",
	"{\"service\":\"checkout\",\"title\":\"x\",\"severity\":5}", "[{\"title\":\"a\"},{\"title\":\"b\",\"status\":\"ok\",\"dedup_key\":\"k\"}]",
	("{\"routing_key\":\"" WEB_KEY "\",\"event_action\":\"trigger\",\"payload\":{\"summary\":\"s\",\"source\":\"s\",\"severity\":\"info\"}}") };

static struct str a_path(struct dice *d, struct arena *a)
{
	size_t i = roll(d) % (ROUTES + COUNT(paths) + 1);
	if (i < ROUTES) {
		const char *at = strstr(routes[i].path, "{id}");
		return at ? arena_fmt(a, "%.*s42%s", (int)(at - routes[i].path), routes[i].path, at + 4) : str_c(routes[i].path);
	}
	if (i < ROUTES + COUNT(paths))
		return arena_fmt(a, "%s%s", paths[i - ROUTES], PICK(d, tails));
	struct str s = str_c(raw(d, a, 60));
	return str_is_utf8(s) ? arena_fmt(a, "/%.*s", STR_ARG(s)) : S("/odd");   /* the server refuses what is not UTF-8 */
}

static void a_header(struct dice *d, struct desk *k)
{
	const char *name = PICK(d, names);
	desk_header(k, name, roll(d) % 2 ? PICK(d, values) : raw(d, &k->a, 40));
}

static void play_engine(struct dice *d, struct desk *k)
{
	struct incident i = an_incident(k, 42, (enum incident_status)(roll(d) % 3), "checkout");
	for (size_t j = 0; j < k->n_jobs; j++) {
		struct answer a = { .outcome = (enum outcome)(roll(d) % outcome_names.n), .rc = roll(d) % 3 ? STORE_OK : (enum store_rc)(roll(d) % 11),
			.reason = S("because"), .dedup_key = S("k"), .incident = roll(d) % 3 ? &i : NULL };
		struct exchange *x = api_replied(k->jobs[j], &a);
		assert((x != NULL) == (j + 1 == k->n_jobs));
		if (x != NULL)
			api_finish(x);
	}
}

static void check(struct desk *k)
{
	struct str type = head_of(k, "Content-Type"), why;
	struct arena a = ARENA(256 << 20);
	assert(k->asked == k->answered);
	assert(strcmp(status_phrase(k->status), "Client Error") != 0 && strcmp(status_phrase(k->status), "Server Error") != 0);
	bool is_json = str_eq(type, S("application/json")) || str_eq(type, S("application/problem+json"));
	assert(!is_json || json_parse_own(&a, buf_str(&k->body), &why) != NULL);
	assert(is_json || k->status < 400);
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct dice d = { data, n };
	struct desk *k = desk_open();
	put_incident(k, 42, DETECTED, "checkout");
	put_incident(k, 43, RESOLVED, "ledger");
	for (int i = 0; i < 4 && d.n > 0; i++) {
		k->n_headers = 0;
		k->is_remote = roll(&d) % 8 == 0;
		k->room = roll(&d) % 8 == 0 ? roll(&d) % 3 : 1000;
		k->setup.auth_required = roll(&d) % 8 == 0;
		for (int h = roll(&d) % 3; h > 0; h--)
			a_header(&d, k);
		const char *method = PICK(&d, methods), *query = roll(&d) % 4 ? PICK(&d, queries) : raw(&d, &k->a, 60);
		struct str path = a_path(&d, &k->a), target = arena_fmt(&k->a, "%.*s%s%s", STR_ARG(path), *query && *query != '?' ? "?" : "", query);
		const char *body = roll(&d) % 2 ? PICK(&d, bodies) : raw(&d, &k->a, 200);
		ask(k, method, target.p, body);
		play_engine(&d, k);
		check(k);
	}
	desk_close(k);
	return 0;
}
