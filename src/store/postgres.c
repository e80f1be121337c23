/* postgres.c - documents in PostgreSQL: any number of replicas on one server that the team already runs, backs up and watches.
 *
 * One table, one row a document. What a commit promises is in postgres_commit.c; here is opening and closing, store time, and
 * what is rare: the probe, purges, imports. No LISTEN and NOTIFY: a notification takes a lock that all commits of the server share, and
 * what is due is asked for anyway. No lock is held over a call to anybody else, and none lives in a session.
 */
#include "store/postgres_inside.h"
#include "store/disk.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NOW_US = 1000000 };       /* what store_now may take, as it has an answer anyway */

static void postgres_close(struct store *s)
{
	struct postgres *p = postgres(s);
	pool_end(&p->pool);
	postgres_clock_done(&p->clock);
	schema_target_free(&p->pool.target);
	free(p);
}

static void postgres_info(const struct store *s, struct store_info *ret)
{
	const struct postgres *p = (const struct postgres *)s;
	*ret = (struct store_info){ .durability = p->has_quorum ? STORE_D_ZONE : STORE_D_POWER, .shards = p->shards, .many_writers = true,
		.backend = "postgres", .version = p->version, .history = p->pool.timeline };
}

enum store_rc postgres_note(struct postgres *p, const PGresult *r, int64_t asked_at)
{
	postgres_clock_note(&p->clock, asked_at, row_int(r, 0, 0));
	if (row_int(r, 0, 1) > POSTGRES_SCHEMA)
		p->is_fenced = true;
	return p->is_fenced ? STORE_FENCED : STORE_OK;
}

static enum store_rc look_at_clock(struct postgres *p)
{
	PGresult *r = NULL;
	int64_t asked_at = postgres_clock_boot(&p->clock);
	enum store_rc rc = postgres_ask(p, PG_NOW, NULL, disk_us() + NOW_US, &r);
	if (rc == STORE_OK)
		rc = postgres_note(p, r, asked_at);
	PQclear(r);
	return rc;
}

/* A server that cannot be asked is no reason to have no time: the answer only becomes less certain. */
static enum store_rc postgres_now(struct store *s, int64_t *ret_ms, int64_t *ret_err_ms)
{
	struct postgres *p = postgres(s);
	if (postgres_clock_is_old(&p->clock) && pool_is_up(&p->pool))
		(void)look_at_clock(p);
	if (postgres_clock_is_set_back(&p->clock))
		p->is_fenced = true;                               /* only a new process may tell an earlier time */
	if (p->is_fenced)
		return STORE_FENCED;
	postgres_clock_read(&p->clock, ret_ms, ret_err_ms);
	return STORE_OK;
}

static enum store_rc purge(struct session *s, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done)
{
	struct args a = { .n = 0 };
	PGresult *r = NULL;
	int64_t done = 0;
	args_int2(&a, kind);
	args_int8(&a, expired_before);
	args_int8(&a, limit < INT64_MAX ? (int64_t)limit : INT64_MAX);
	bool ok = session_one(s, PG_PURGE, &a, &r) && str_int(str_c(PQcmdTuples(r)), &done);
	PQclear(r);
	args_free(&a);
	if (ok)
		*ret_done = (size_t)done;
	return ok ? STORE_OK : s->is_lost ? STORE_UNKNOWN : session_meaning(s);
}

static enum store_rc postgres_purge(struct store *st, store_kind kind, int64_t expired_before, size_t limit, size_t *ret_done)
{
	struct postgres *p = postgres(st);
	struct session *s = NULL;
	enum store_rc rc = p->is_fenced ? STORE_FENCED : pool_take(&p->pool, disk_us() + CALL_US, &s);
	if (rc != STORE_OK)
		return rc;
	rc = purge(s, kind, expired_before, limit, ret_done);
	pool_give(&p->pool, s);
	return rc;
}

/* Others probe too: what is read back is what was written, or more. */
static enum store_rc postgres_probe(struct store *st, int64_t *ret_commit_us)
{
	struct postgres *p = postgres(st);
	PGresult *wrote = NULL, *read = NULL;
	int64_t from = disk_us(), until = from + CALL_US;
	enum store_rc rc = p->is_fenced ? STORE_FENCED : postgres_ask(p, PG_PROBE, NULL, until, &wrote);
	int64_t took = disk_us() - from;
	if (rc == STORE_OK)
		rc = postgres_ask(p, PG_PROBE_READ, NULL, until, &read);
	if (rc == STORE_OK && (PQntuples(wrote) != 1 || PQntuples(read) != 1 || row_int(read, 0, 0) < row_int(wrote, 0, 0)))
		rc = STORE_CORRUPT;
	PQclear(wrote);
	PQclear(read);
	if (rc == STORE_OK)
		*ret_commit_us = took;
	return rc;
}

static int by_document(const void *a, const void *b)
{
	const struct store_doc *x = *(const struct store_doc *const *)a, *y = *(const struct store_doc *const *)b;
	int c = x->kind != y->kind ? x->kind - y->kind : str_cmp(x->id, y->id);
	return c ? c : x < y ? -1 : x > y;
}

/* In the order of their ids, against deadlocks; of a document that comes twice, the last. */
static size_t sort_docs(const struct store_doc **v, const struct store_doc *docs, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		v[i] = &docs[i];
	qsort(v, n, sizeof *v, by_document);
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || v[i]->kind != v[i + 1]->kind || !str_eq(v[i]->id, v[i + 1]->id))
			v[kept++] = v[i];
	return kept;
}

static void args_docs(struct args *a, const struct store_doc *const *v, size_t n, unsigned shards)
{
	struct buf *kind = args_array(a, PACK_INT2, n), *id = args_array(a, PACK_BYTEA, n), *ver = args_array(a, PACK_INT8, n);
	struct buf *token = args_array(a, PACK_UUID, n), *due = args_array(a, PACK_INT8, n), *expire = args_array(a, PACK_INT8, n);
	struct buf *crc = args_array(a, PACK_INT4, n), *idx[STORE_IDX];
	for (size_t k = 0; k < STORE_IDX; k++)
		idx[k] = args_array(a, PACK_BYTEA, n);
	struct buf *body = args_array(a, PACK_BYTEA, n), *shard = args_array(a, PACK_INT2, n);
	for (size_t i = 0; i < n; i++) {
		pack_int2(kind, v[i]->kind);
		pack_bytes(id, v[i]->id);
		pack_int8(ver, (int64_t)v[i]->ver);
		pack_token(token, &v[i]->token);
		pack_time(due, v[i]->due);
		pack_time(expire, v[i]->expire);
		pack_int4(crc, postgres_crc(v[i]));
		for (size_t k = 0; k < STORE_IDX; k++)
			pack_key(idx[k], v[i]->idx[k]);
		pack_bytes(body, v[i]->body);
		pack_int2(shard, (int)store_shard(v[i]->id, shards));
	}
}

static enum store_rc postgres_import(struct store *st, const struct store_doc *docs, size_t n)
{
	struct postgres *p = postgres(st);
	struct args a = { .n = 0 };
	PGresult *r = NULL;
	if (p->is_fenced)
		return STORE_FENCED;
	const struct store_doc **v = xmalloc(n * sizeof *v);
	args_docs(&a, v, sort_docs(v, docs, n), p->shards);
	enum store_rc rc = postgres_ask(p, PG_IMPORT, &a, disk_us() + CALL_US, &r);      /* again is right */
	PQclear(r);
	args_free(&a);
	free(v);
	return rc;
}

static enum store_rc start(struct postgres *p, struct session *s, const struct store_options *o, struct buf *why)
{
	struct postgres_state state = { 0 };
	enum store_rc rc = schema_enter(s, p->pool.target.schema, o, &state, why);
	s->until_us = disk_us() + CALL_US;
	if (rc == STORE_OK && !session_prepare(s, p->pool.target.schema)) {
		buf_fmt(why, "PostgreSQL schema \"%s\": does not fit this program: %s; restore it from a backup, or give tocsin a schema of its own",
		    p->pool.target.schema, s->text);
		rc = s->is_lost ? STORE_DOWN : STORE_CORRUPT;
	}
	p->shards = (unsigned)state.shards;
	p->has_quorum = s->has_quorum;
	memcpy(p->version, s->version, sizeof p->version);
	return rc;
}

/* The session is the pool's from now on. Anything but STORE_OK: all is gone. */
static enum store_rc start_pool(struct postgres *p, struct session *s, const struct store_options *o, struct buf *why)
{
	int err = pool_start(&p->pool, s);
	if (err) {
		buf_fmt(why, "no thread for connecting to PostgreSQL: %s; raise the limit of threads", strerror(err));
		session_free(s);
		schema_target_free(&p->pool.target);
		free(p);
		return STORE_DOWN;
	}
	postgres_clock_init(&p->clock, o->clock);
	enum store_rc rc = look_at_clock(p);
	if (rc != STORE_OK) {
		buf_fmt(why, "PostgreSQL does not tell its time: %s; check its log", store_rc_name(rc));
		postgres_close(&p->head);
	}
	return rc;
}

enum store_rc postgres_open(const struct store_options *o, struct store **ret, struct buf *why)
{
	static const struct store_ops ops = { postgres_close, postgres_info, postgres_now, postgres_get, postgres_commit, postgres_due,
		postgres_list, postgres_scan, postgres_purge, postgres_probe, postgres_import };
	struct postgres_target target;
	struct session *s = NULL;
	enum store_rc rc = schema_target(o, &target, why);
	if (rc != STORE_OK)
		return rc;
	struct postgres *p = xmalloc(sizeof *p);
	*p = (struct postgres){ .head = store_head(&ops, o), .pool.target = target };
	rc = session_new(&target, disk_us() + CALL_US, &s, why);
	if (rc == STORE_OK)
		rc = start(p, s, o, why);
	if (rc != STORE_OK) {
		session_free(s);
		schema_target_free(&target);
		free(p);
		return rc;
	}
	rc = start_pool(p, s, o, why);
	if (rc == STORE_OK)
		*ret = &p->head;
	return rc;
}
