/* remote.c - requests to the server and what their answers mean for a person and for a script. */
#include "cli/remote.h"
#include "cli/table.h"
#include <string.h>

enum { URL_MAX = 8 << 10, ANSWER_MAX = 64 << 20, TIMEOUT_MS = 15000, IDS_MAX_BYTES = 1 << 20, PAGE_ROWS = 200 };

void add_encoded(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char ch = s.p[i];
		bool is_plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || (ch && strchr("-_.~", ch));
		if (is_plain)
			buf_char(b, ch);
		else
			buf_fmt(b, "%%%02X", (unsigned)(unsigned char)ch);
	}
}

static struct str base_url(const struct cli *c)
{
	struct str url = flag_text(c, "url");
	while (url.n && url.p[url.n - 1] == '/')
		url.n--;
	return url;
}

/* A line end inside a header would begin another header. */
static bool is_printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x21 || (unsigned char)s.p[i] > 0x7e)
			return false;
	return true;
}

static struct answered failed(struct cli *c, int exit, const char *cure, const char *fmt, ...) PRINTF_LIKE(4, 5);
static struct answered failed(struct cli *c, int exit, const char *cure, const char *fmt, ...)
{
	struct buf b = BUF(64 << 10);
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	struct answered a = { .exit = exit, .cure = cure, .why = b.err ? S("the server said more than can be shown") : arena_str(&c->mem, buf_str(&b)) };
	buf_free(&b);
	return a;
}

/* What a status means. Rows are tried in order; `until` is the last status of the row. */
static const struct meaning { int from, until, exit; const char *cure; } meanings[] = {
	{ 200, 299, EXIT_DONE, NULL },
	{ 401, 401, EXIT_NOT_ALLOWED, "set TOCSIN_TOKEN or --token; `tocsin token create NAME` makes one" },
	{ 403, 403, EXIT_NOT_ALLOWED, NULL },
	{ 404, 404, EXIT_NOT_FOUND, NULL },
	{ 409, 412, EXIT_CONFLICT, NULL },
	{ 429, 429, EXIT_UNREACHABLE, "try again in a moment" },
	{ 503, 504, EXIT_UNREACHABLE, "nothing was changed as far as the server knows; try again in a moment" },
	{ 0, 599, EXIT_FAILED, NULL },
};

static const struct meaning *meaning_of(int status)
{
	size_t i = 0;
	while (i + 1 < COUNT(meanings) && (status < meanings[i].from || status > meanings[i].until))
		i++;
	return &meanings[i];
}

/* The sentence of a problem document: its detail, and the faults it names (a single one is what the detail says). */
static struct answered explain(struct cli *c, int status, const struct jv *problem)
{
	const struct meaning *m = meaning_of(status);
	struct str detail = json_text(problem, S("detail")), title = json_text(problem, S("title"));
	struct str what = detail.n ? detail : title.n ? title : arena_fmt(&c->mem, "the server answered with status %d", status);
	struct str faults = S("");
	const struct jv *errors = json_get(problem, S("errors"));
	bool says_more = errors && errors->kid && (detail.n == 0 || errors->kid->next != NULL);
	for (const struct jv *e = says_more ? errors->kid : NULL; e != NULL; e = e->next)
		faults = arena_fmt(&c->mem, "%.*s\n  %.*s: %.*s", STR_ARG(faults), STR_ARG(json_text(e, S("pointer"))),
		    STR_ARG(json_text(e, S("detail"))));
	return failed(c, m->exit, m->cure, "%.*s%.*s", STR_ARG(what), STR_ARG(faults));
}

/* The client's error begins with the place, which is said already; "Connection refused" goes on in the middle of a sentence. */
static struct answered unreachable(struct cli *c, struct str url, struct str error)
{
	struct str place = arena_fmt(&c->mem, "%.*s: ", STR_ARG(url));
	struct str why = arena_str(&c->mem, str_starts(error, place) ? str_skip(error, place.n) : error);
	bool is_word = why.n > 1 && why.p[0] >= 'A' && why.p[0] <= 'Z' && why.p[1] >= 'a' && why.p[1] <= 'z';
	error = is_word ? arena_fmt(&c->mem, "%c%.*s", why.p[0] | 0x20, STR_ARG(str_skip(why, 1))) : why;
	return failed(c, EXIT_UNREACHABLE, "is the server running? tocsin serve, or set TOCSIN_URL", "cannot reach %.*s (%.*s)", STR_ARG(url),
	    STR_ARG(error));
}

static struct answered understand(struct cli *c, struct str url, const struct wire_reply *r)
{
	struct str why;
	if (r->status == 0)
		return unreachable(c, url, r->error);
	const struct jv *json = r->body.n ? json_parse_own(&c->mem, r->body, &why) : NULL;
	if (r->status < 200 || r->status > 299)
		return explain(c, r->status, json);
	if (r->body.n && json == NULL)
		return failed(c, EXIT_FAILED, "does TOCSIN_URL lead to a tocsin server?", "%.*s answered with something that is no JSON (%.*s)",
		    STR_ARG(url), STR_ARG(why));
	return (struct answered){ .json = json };
}

struct answered remote_call(struct cli *c, const char *method, struct str path, struct str body)
{
	struct str url = base_url(c), token = flag_text(c, "token"), headers[4] = { S("Accept: application/json"), S("X-Tocsin-Via: cli") };
	size_t n = 2;
	if (!is_printable(url) || !(str_starts(url, S("http://")) || str_starts(url, S("https://"))))
		return failed(c, EXIT_USAGE, NULL, "the server's URL must begin with http:// or https://, not `%.*s`", STR_ARG(url));
	if (!is_printable(token))
		return failed(c, EXIT_USAGE, NULL, "the token holds characters that no token has");
	if (token.n)
		headers[n++] = arena_fmt(&c->mem, "Authorization: Bearer %.*s", STR_ARG(token));
	if (body.n)
		headers[n++] = S("Content-Type: application/json");
	struct wire_request request = { .method = str_c(method), .url = arena_fmt(&c->mem, "%.*s%.*s", STR_ARG(url), STR_ARG(path)),
		.headers = { headers, n }, .body = body };
	struct client_transfer t = { .request = &request, .mem = &c->mem, .answer_max = ANSWER_MAX };
	c->o->perform(c->o->ctx, &t, TIMEOUT_MS);
	return understand(c, url, &t.reply);
}

static struct str page_path(struct cli *c, struct str path, struct str cursor)
{
	struct buf b = BUF(URL_MAX);
	struct str head, tail;
	buf_fmt(&b, "%.*s%climit=%d", STR_ARG(path), str_cut(path, '?', &head, &tail) ? '&' : '?', PAGE_ROWS);
	if (cursor.n) {
		buf_add(&b, S("&cursor="));
		add_encoded(&b, cursor);
	}
	struct str whole = arena_str(&c->mem, buf_str(&b));
	buf_free(&b);
	return whole;
}

struct answered remote_rows(struct cli *c, struct str path, row_take *take, void *ctx)
{
	struct answered a;
	struct str cursor = S("");
	bool wants_more = true;
	do {
		a = remote_call(c, "GET", page_path(c, path, cursor), S(""));
		const struct jv *items = json_get(a.json, S("items"));
		for (const struct jv *row = items ? items->kid : NULL; row != NULL && wants_more; row = row->next)
			wants_more = take(ctx, row);
		cursor = json_text(a.json, S("next"));
	} while (a.exit == EXIT_DONE && cursor.n && wants_more);
	return a;
}

/* The server's sentences may quote what senders wrote: shown without control characters. */
int remote_complain(const struct cli *c, const struct answered *a)
{
	fputs("tocsin: ", c->o->err);
	put_text(c->o->err, a->why, PUT_LINES);
	fputc('\n', c->o->err);
	if (a->cure)
		hint(c, "%s", a->cure);
	return a->exit;
}

static struct str without_hash(struct str id)
{
	return str_starts(id, S("#")) ? str_skip(id, 1) : id;
}

struct str incident_path(struct cli *c, struct str id, const char *verb)
{
	struct buf b = BUF(64 << 10);
	buf_add(&b, S("/api/v1/incidents/"));
	add_encoded(&b, without_hash(id));
	buf_fmt(&b, "%s%s", *verb ? "/" : "", verb);
	struct str path = arena_str(&c->mem, buf_str(&b));
	buf_free(&b);
	return path;
}

struct str note_body(struct cli *c, struct str text)
{
	struct buf b = BUF(1 << 20);
	buf_add(&b, S("{\"text\":"));
	buf_json(&b, text);
	buf_char(&b, '}');
	struct str body = arena_str(&c->mem, buf_str(&b));
	buf_free(&b);
	return body;
}

static void add_id(struct cli *c, struct str_list *list, size_t *cap, struct str id)
{
	if (list->n == *cap) {
		struct str *more = NEWN(&c->mem, struct str, *cap * 2);
		memcpy(more, list->v, list->n * sizeof *more);
		list->v = more;
		*cap *= 2;
	}
	if (id.n)
		list->v[list->n++] = id;
}

static void add_ids_of(struct cli *c, struct str_list *list, size_t *cap, struct str text)
{
	for (size_t i = 0, from = 0; i <= text.n; i++)
		if (i == text.n || strchr(" \t\r\n", text.p[i])) {
			add_id(c, list, cap, without_hash((struct str){ text.p + from, i - from }));
			from = i + 1;
		}
}

static int empty_id(const struct cli *c)
{
	const struct answered a = { .exit = EXIT_USAGE, .why = S("an id is empty; give a number such as 42, a long id, or - to read ids") };
	return remote_complain(c, &a);
}

int remote_ids(struct cli *c, struct str_list *ret)
{
	size_t cap = 16;
	struct str text;
	*ret = (struct str_list){ NEWN(&c->mem, struct str, cap), 0 };
	for (size_t i = 0; i < c->args.n; i++) {
		struct str id = without_hash(c->args.v[i]);
		if (id.n == 0)
			return empty_id(c);
		if (!str_eq(id, S("-"))) {
			add_id(c, ret, &cap, id);
			continue;
		}
		if (read_input(c, IDS_MAX_BYTES, &text))
			return EXIT_FAILED;
		add_ids_of(c, ret, &cap, text);
	}
	return EXIT_DONE;
}

/* What one id became. On a terminal a sentence, in a pipe a line of fields. */
static void tell_done(struct cli *c, struct str id, const struct jv *incident, const char *done_word)
{
	const struct jv *number = json_get(incident, S("number"));
	struct str name = number && number->t == J_INT ? arena_fmt(&c->mem, "%lld", (long long)number->i) : id;
	struct str status = json_text(incident, S("status")), title = json_text(incident, S("title"));
	if (status.n == 0)
		fprintf(c->o->out, c->o->is_terminal ? "%.*s %s" : "%.*s\t%s", STR_ARG(name), done_word);
	else if (c->o->is_terminal)
		fprintf(c->o->out, "#%.*s %s  ", STR_ARG(name), done_word);
	else
		fprintf(c->o->out, "%.*s\t%.*s\t", STR_ARG(name), STR_ARG(status));
	put_text(c->o->out, title, PUT_LINE);
	fputc('\n', c->o->out);
}

static void add_result(struct buf *b, struct str id, const struct answered *a)
{
	buf_add(b, b->n > 1 ? S(",{\"id\":") : S("{\"id\":"));
	buf_json(b, id);
	buf_fmt(b, ",\"ok\":%s", a->exit ? "false,\"error\":" : "true,\"result\":");
	if (a->exit)
		buf_json(b, a->why);
	else if (a->json)
		json_write(b, a->json);
	else
		buf_add(b, S("null"));
	buf_char(b, '}');
}

/* A run over many ids: the failure they share so far, or EXIT_FAILED when there are several kinds. */
struct batch { struct cli *c; struct buf json; const char *done_word; bool as_json, is_single; int exit; size_t n_failed; };

/* A server that is away or does not know us fails every other id the same way: asking on would only take time. */
static bool is_of_all(int exit)
{
	return exit == EXIT_UNREACHABLE || exit == EXIT_NOT_ALLOWED;
}

static void add_outcome(struct batch *b, struct str id, struct answered a)
{
	add_result(&b->json, id, &a);
	if (a.exit == EXIT_DONE) {
		if (!b->as_json)
			tell_done(b->c, id, a.json, b->done_word);
		return;
	}
	if (!b->is_single && !is_of_all(a.exit))
		a.why = arena_fmt(&b->c->mem, "%.*s: %.*s", STR_ARG(id), STR_ARG(a.why));
	(void)remote_complain(b->c, &a);
	b->exit = b->n_failed++ == 0 || b->exit == a.exit ? a.exit : EXIT_FAILED;
}

int remote_each(struct cli *c, id_call *call, const char *done_word)
{
	struct str_list ids;
	int err = remote_ids(c, &ids);
	if (err)
		return err;
	struct batch b = { .c = c, .json = BUF(ANSWER_MAX), .done_word = done_word, .is_single = ids.n == 1,
		.as_json = str_eq(flag_text(c, "output"), S("json")) };
	size_t tried = 0;
	buf_char(&b.json, '[');
	for (; tried < ids.n && !is_of_all(b.exit); tried++)
		add_outcome(&b, ids.v[tried], call(c, ids.v[tried]));
	buf_add(&b.json, S("]\n"));
	if (b.as_json)
		(void)fwrite(b.json.p, 1, b.json.n, c->o->out);    /* errors stick to the stream; cli_main asks at the end */
	buf_free(&b.json);
	return b.n_failed > 0 && b.n_failed < tried ? EXIT_PARTLY : b.exit;
}
