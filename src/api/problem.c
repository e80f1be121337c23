/* problem.c - errors as problem details (RFC 9457): always about:blank, so the title is the HTTP phrase and `detail` is what helps;
 * `errors` lists every fault of a body with a JSON pointer. */
#include "api/exchange.h"
#include <assert.h>
#include <string.h>

const char *status_phrase(int status)
{
	static const struct { int status; const char *phrase; } table[] = {
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" }, { 304, "Not Modified" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 409, "Conflict" }, { 411, "Length Required" },
		{ 412, "Precondition Failed" }, { 413, "Content Too Large" }, { 414, "URI Too Long" }, { 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" }, { 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};
	for (size_t i = 0; i < COUNT(table); i++)
		if (table[i].status == status)
			return table[i].phrase;
	return status < 500 ? "Client Error" : "Server Error";
}

static void errors_write(struct buf *b, const struct faults *f)
{
	buf_add(b, S(",\"errors\":"));
	faults_json(f, b);
	if (f->n > FAULTS_MAX)
		buf_fmt(b, ",\"errors_total\":%zu", f->n);
}

static void call_write(struct buf *b, const struct call *c)
{
	struct str status = enum_word(&incident_status_names, (int)c->status);
	buf_add(b, S(",\"incident\":{\"id\":"));
	buf_json(b, c->incident);
	buf_fmt(b, ",\"number\":%lld,\"status\":\"%.*s\",\"version\":%lld}", (long long)c->number, STR_ARG(status), (long long)c->version);
}

void problem_write(struct buf *b, const struct problem *p)
{
	buf_fmt(b, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d", status_phrase(p->status), p->status);
	buf_add(b, S(",\"detail\":"));
	buf_json(b, p->detail);
	if (p->call != NULL && p->call->incident.n > 0)
		call_write(b, p->call);
	if (p->faults != NULL && p->faults->n > 0)
		errors_write(b, p->faults);
	if (p->more.n > 0) {
		buf_char(b, ',');
		buf_add(b, p->more);
	}
	buf_char(b, '}');
}

void answer_problem(struct exchange *x, const struct problem *p)
{
	assert(p->status >= 400);
	buf_clear(&x->out);
	problem_write(&x->out, p);
	if (p->status == 503)
		answer_field(x, "Retry-After", S("5"));
	answer_out(x, p->status, "application/problem+json");
}

void answer_error(struct exchange *x, int status, const char *fmt, ...)
{
	struct buf detail = BUF(64 << 10);
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(&detail, fmt, ap);
	va_end(ap);
	answer_problem(x, &(struct problem){ .status = status, .detail = buf_str(&detail) });
	buf_free(&detail);
}

void answer_faults(struct exchange *x, int status, const struct faults *f)
{
	assert(f->n > 0);
	const struct fault *first = f->head;                       /* NULL: counted, but there was no room for its words */
	struct str detail = S("The request cannot be read.");
	if (f->n > 1)
		detail = arena_fmt(&x->r->mem, "%zu faults; each is named under errors.", f->n);
	else if (first != NULL)
		detail = arena_fmt(&x->r->mem, "%.*s%s%.*s", STR_ARG(first->path), first->path.n ? ": " : "", STR_ARG(first->what));
	answer_problem(x, &(struct problem){ .status = status, .detail = detail, .faults = f });
}

/* What was not applied for want of room is the client's to make smaller; everything else is ours and may pass. */
void answer_store_error(struct exchange *x, enum store_rc rc)
{
	assert(rc != STORE_OK);
	if (rc == STORE_TOOBIG) {
		answer_error(x, 413, "Nothing was stored: the document would be larger than %d KiB. Send shorter texts.", STORE_BODY_MAX >> 10);
		return;
	}
	answer_error(x, 503, "The store cannot answer now (%s). Nothing is promised: look again in some seconds, or send it again.", store_rc_name(rc));
}
