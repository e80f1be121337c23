/* trace.c - wraps any store and says one line for every call: what was asked, what came back. */
#include "store/backend.h"
#include <stdlib.h>

enum { LINE_MAX = 512 };
struct trace {
	struct store head;
	struct store *inner;
	store_trace_f *fn;
	void *ctx;
};

/* Says the line; one that does not fit is cut, never lost. */
static void say(struct trace *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct trace *t, const char *fmt, ...)
{
	struct buf line = BUF(LINE_MAX * 4);
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(&line, fmt, ap);
	va_end(ap);
	if (line.n > LINE_MAX)
		line.p[LINE_MAX] = '\0';
	t->fn(t->ctx, line.p);
	buf_free(&line);
}

static void trace_close(struct store *s)
{
	struct trace *t = (struct trace *)s;
	say(t, "close");
	store_close(t->inner);
	free(t);
}

static void trace_info(const struct store *s, struct store_info *ret)
{
	store_info(((const struct trace *)s)->inner, ret);
}

static enum store_rc trace_now(struct store *s, int64_t *ret_ms, int64_t *ret_err_ms)
{
	struct store *inner = ((struct trace *)s)->inner;
	return inner->ops->now(inner, ret_ms, ret_err_ms);         /* asked too often to be worth a line */
}

static enum store_rc trace_get(struct store *s, const store_kind *kind, const struct str *id, size_t n, struct store_docs *out)
{
	struct trace *t = (struct trace *)s;
	enum store_rc rc = t->inner->ops->get(t->inner, kind, id, n, out);
	if (n > 0)
		say(t, "get %zu, first %u/%.*s: %s", n, kind[0], STR_ARG(id[0]), store_rc_name(rc));
	return rc;
}

static const char *op_name(enum store_op op)
{
	return op == STORE_PUT ? "put" : op == STORE_DELETE ? "delete" : "check";
}

static void trace_commit(struct store *s, const struct store_txn *txns, struct store_result *results, size_t n)
{
	struct trace *t = (struct trace *)s;
	t->inner->ops->commit(t->inner, txns, results, n);
	for (size_t i = 0; i < n; i++) {
		const struct store_write *w = &txns[i].w[results[i].rc == STORE_CONFLICT ? results[i].bad_write : 0];
		say(t, "commit %zu of %zu, %zu writes, %s %u/%.*s: %s at %lld", i + 1, n, txns[i].n, op_name(w->op), w->kind,
		    STR_ARG(w->id), store_rc_name(results[i].rc), (long long)results[i].at);
	}
}

static enum store_rc trace_due(struct store *s, store_kind kind, unsigned shard_lo, unsigned shard_hi, int64_t due_le,
    size_t limit, struct store_docs *out)
{
	struct trace *t = (struct trace *)s;
	enum store_rc rc = t->inner->ops->due(t->inner, kind, shard_lo, shard_hi, due_le, limit, out);
	say(t, "due %u until %lld: %zu, %s", kind, (long long)due_le, out->n, store_rc_name(rc));
	return rc;
}

static enum store_rc trace_list(struct store *s, store_kind kind, int idx, struct str lo, struct str hi, bool is_descending,
    size_t limit, struct store_docs *out)
{
	struct trace *t = (struct trace *)s;
	enum store_rc rc = t->inner->ops->list(t->inner, kind, idx, lo, hi, is_descending, limit, out);
	say(t, "list %u by %d from \"%.*s\" to \"%.*s\"%s: %zu, %s", kind, idx, STR_ARG(lo), STR_ARG(hi),
	    is_descending ? " descending" : "", out->n, store_rc_name(rc));
	return rc;
}

static enum store_rc trace_scan(struct store *s, store_kind kind, unsigned shard, struct str cursor, size_t limit,
    struct store_docs *out)
{
	struct trace *t = (struct trace *)s;
	enum store_rc rc = t->inner->ops->scan(t->inner, kind, shard, cursor, limit, out);
	say(t, "scan %u shard %u: %zu, %s", kind, shard, out->n, store_rc_name(rc));
	return rc;
}

static enum store_rc trace_purge(struct store *s, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done)
{
	struct trace *t = (struct trace *)s;
	enum store_rc rc = t->inner->ops->purge(t->inner, kind, expired_before, limit, ret_done);
	say(t, "purge %u before %lld: %s", kind, (long long)expired_before, store_rc_name(rc));
	return rc;
}

static enum store_rc trace_probe(struct store *s, int64_t *ret_commit_us)
{
	struct trace *t = (struct trace *)s;
	enum store_rc rc = t->inner->ops->probe(t->inner, ret_commit_us);
	say(t, "probe: %s", store_rc_name(rc));
	return rc;
}

static enum store_rc trace_import(struct store *s, const struct store_doc *docs, size_t n)
{
	struct trace *t = (struct trace *)s;
	enum store_rc rc = t->inner->ops->import(t->inner, docs, n);
	say(t, "import %zu, first %u/%.*s: %s", n, docs[0].kind, STR_ARG(docs[0].id), store_rc_name(rc));
	return rc;
}

struct store *store_trace(struct store *inner, store_trace_f *fn, void *ctx)
{
	static const struct store_ops ops = { trace_close, trace_info, trace_now, trace_get, trace_commit, trace_due, trace_list,
		trace_scan, trace_purge, trace_probe, trace_import };
	struct trace *t = xmalloc(sizeof *t);
	*t = (struct trace){ .head = *inner, .inner = inner, .fn = fn, .ctx = ctx };
	t->head.ops = &ops;
	return &t->head;
}
