/* dynamodb.c - documents in a DynamoDB table, for any number of replicas. What is asked of the service and why so: the parts are named in
 * dynamodb_inside.h, the layout is in dynamodb_item.h.
 *
 * What is promised rests on the service: a write that was answered is in three availability zones; reads are consistent ones, lists too, as all
 * indexes are local to their partition; a transaction is one TransactWriteItems. Store time is the service's own, learnt from its answers.
 */
#include "store/dynamodb_inside.h"
#include <stdlib.h>
#include <string.h>

static void dynamodb_free(struct dynamodb *d)
{
	dynamodb_crews_free(d);
	aws_chain_free(d->chain);
	dateclock_done(&d->time);
	pthread_mutex_destroy(&d->lock);
	free((void *)(uintptr_t)d->layout.table.p);
	free(d->url);
	free(d->region);
	free(d);
	curl_global_cleanup();
}

static void dynamodb_close(struct store *s)
{
	dynamodb_free((struct dynamodb *)s);
}

static void dynamodb_info(const struct store *s, struct store_info *ret)
{
	*ret = (struct store_info){ .durability = STORE_D_ZONE, .shards = ((const struct dynamodb *)s)->layout.shards,
		.many_writers = true, .backend = "dynamodb", .version = "2012-08-10" };
}

static enum store_rc dynamodb_now(struct store *s, int64_t *ret_ms, int64_t *ret_err_ms)
{
	*ret_ms = dateclock_now(&((struct dynamodb *)s)->time, ret_err_ms);
	return STORE_OK;
}

static int64_t mono_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A counter that every replica's probes count up, read back by a consistent read. Others may have counted further meanwhile. */
static enum store_rc dynamodb_probe(struct store *s, int64_t *ret_commit_us)
{
	struct dynamodb *d = (struct dynamodb *)s;
	struct call write = { .op = "UpdateItem", .text = BUF(4096) }, read = { .op = "GetItem", .text = BUF(4096) };
	static const char key[] = "\"Key\":{\"pk\":{\"S\":\"tocsin\"},\"sk\":{\"S\":\"probe\"}}";
	buf_fmt(&write.text, "{\"TableName\":\"%.*s\",%s,\"UpdateExpression\":\"SET n = if_not_exists(n, :zero) + :one\","
	    "\"ConditionExpression\":\"attribute_not_exists(n) OR n >= :zero\",\"ReturnValues\":\"ALL_NEW\","
	    "\"ExpressionAttributeValues\":{\":zero\":{\"N\":\"0\"},\":one\":{\"N\":\"1\"}}}", STR_ARG(d->layout.table), key);
	buf_fmt(&read.text, "{\"TableName\":\"%.*s\",%s,\"ConsistentRead\":true}", STR_ARG(d->layout.table), key);
	int64_t begun = mono_us(), wrote = 0, saw = 0;
	(void)dynamodb_ask(d, &write);
	int64_t took = mono_us() - begun;
	enum store_rc rc = call_rc(&write);
	if (rc == STORE_OK) {
		(void)dynamodb_ask(d, &read);
		rc = call_rc(&read);
	}
	if (rc == STORE_OK) {
		bool ok = str_int(item_attr(json_get(write.reply.body, S("Attributes")), "n", "N"), &wrote) &&
		    str_int(item_attr(json_get(read.reply.body, S("Item")), "n", "N"), &saw);
		rc = ok && saw >= wrote ? STORE_OK : STORE_CORRUPT;
		*ret_commit_us = took;
	}
	call_done(&write);
	call_done(&read);
	return rc;
}

/* Before the first connection. */

static bool is_table_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
		    c == '-' || c == '.'))
			return false;
	}
	return s.n >= 3 && s.n <= 255;
}

static bool is_region(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-'))
			return false;
	return s.n >= 1 && s.n <= 64;
}

static struct str first_of(struct str a, struct str b, struct str c, struct str d)
{
	return a.n ? a : b.n ? b : c.n ? c : d;
}

/* What somebody said where the service is, and where they said it; empty: nobody did. */
struct endpoint { const char *from; struct str url; };
static struct endpoint endpoint_of(const struct store_options *o, const struct aws_environment *e)
{
	const struct endpoint said[] = { { "storage.endpoint", o->endpoint }, { "AWS_ENDPOINT_URL_DYNAMODB", aws_env(e, "AWS_ENDPOINT_URL_DYNAMODB") },
		{ "AWS_ENDPOINT_URL", aws_env(e, "AWS_ENDPOINT_URL") } };
	size_t i = 0;
	while (i < COUNT(said) - 1 && said[i].url.n == 0)
		i++;
	return said[i];
}

static char *url_of(struct str endpoint, struct str region)
{
	struct buf b = BUF(4096);
	if (endpoint.n)
		buf_add(&b, endpoint);
	else
		buf_fmt(&b, "https://dynamodb.%.*s.amazonaws.com%s", STR_ARG(region), str_starts(region, S("cn-")) ? ".cn" : "");
	if (b.n && b.p[b.n - 1] != '/')
		buf_char(&b, '/');
	char *z = xstrndup(buf_str(&b));
	buf_free(&b);
	return z;
}

static bool options_ok(struct str table, struct str region, struct endpoint at, struct buf *why)
{
	bool is_http = at.url.n == 0 || str_starts(at.url, S("https://")) || str_starts(at.url, S("http://"));
	if (!is_table_name(table))
		buf_fmt(why, "storage.table \"%.*s\" cannot be a table of DynamoDB: 3 to 255 of a-z A-Z 0-9 _ - .",
		    STR_ARG(table));
	else if (!is_region(region))
		buf_fmt(why, "storage.region \"%.*s\" is no region of AWS: they read like eu-west-1", STR_ARG(region));
	else if (url_has_user(at.url))
		buf_fmt(why, "%s: must not hold a user name or password, which would be shown with it; take them out", at.from);
	else if (!is_http)
		buf_fmt(why, "%s \"%.*s\" is no URL of a service: it begins with https:// or http://", at.from, STR_ARG(at.url));
	else
		return true;
	return false;
}

static const struct store_ops ops = { dynamodb_close, dynamodb_info, dynamodb_now, dynamodb_get, dynamodb_commit,
	dynamodb_due, dynamodb_list, dynamodb_scan, dynamodb_purge, dynamodb_probe, dynamodb_import };

/* Everything but the table. NULL: the options cannot be right. */
static struct dynamodb *dynamodb_new(const struct store_options *o, struct buf *why)
{
	struct aws_environment e = { o->env, o->clock.ctx };
	struct str table = o->table.n ? o->table : S("incidents");
	struct str region = first_of(o->region, aws_env(&e, "AWS_REGION"), aws_env(&e, "AWS_DEFAULT_REGION"), S("us-east-1"));
	struct endpoint at = endpoint_of(o, &e);
	if (!options_ok(table, region, at, why))
		return NULL;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();                                           /* out of memory, as xmalloc */
	struct dynamodb *d = xmalloc(sizeof *d);
	*d = (struct dynamodb){ .head = store_head(&ops, o), .url = url_of(at.url, region), .region = xstrndup(region),
		.chain = aws_chain_new(e, region),
		.layout = { { xstrndup(table), table.n }, o->kinds, o->n_kinds, DYNAMODB_SHARDS },
		.seed = (uint64_t)mono_us() ^ (uint64_t)(uintptr_t)d };
	pthread_mutex_init(&d->lock, NULL);
	dateclock_init(&d->time, o->clock);
	return d;
}

static enum store_rc open_table(struct dynamodb *d, unsigned shards, struct buf *why)
{
	struct store_schema schema;
	enum store_rc rc = dynamodb_look(d, &schema, &d->layout.shards, why);
	if (rc == STORE_OK && schema.have == 0) {
		rc = dynamodb_make(d, shards ? shards : DYNAMODB_SHARDS, why);
		if (rc == STORE_OK)
			rc = dynamodb_look(d, &schema, &d->layout.shards, why);
	}
	if (rc == STORE_OK && schema.have == 0) {
		buf_fmt(why, "DynamoDB table \"%.*s\": somebody deletes what was just written into it; find out who",
		    STR_ARG(d->layout.table));
		rc = STORE_DOWN;
	}
	if (rc == STORE_OK && schema.least > DYNAMODB_SCHEMA) {
		buf_fmt(why, "DynamoDB table \"%.*s\" has schema %d, which asks for a program that knows %d; this one knows %d: upgrade it",
		    STR_ARG(d->layout.table), schema.have, schema.least, DYNAMODB_SCHEMA);
		rc = STORE_FENCED;
	}
	return rc;
}

enum store_rc dynamodb_open(const struct store_options *o, struct store **ret, struct buf *why)
{
	struct dynamodb *d = dynamodb_new(o, why);
	if (d == NULL)
		return STORE_INVAL;
	enum store_rc rc = open_table(d, o->shards, why);
	if (rc == STORE_OK)
		*ret = &d->head;
	else
		dynamodb_free(d);
	return rc;
}

enum store_rc dynamodb_schema(const struct store_options *o, struct store_schema *ret, struct buf *why)
{
	unsigned shards;
	struct store_schema schema;
	struct dynamodb *d = dynamodb_new(o, why);
	if (d == NULL)
		return STORE_INVAL;
	enum store_rc rc = dynamodb_look(d, &schema, &shards, why);
	if (rc == STORE_OK)
		*ret = schema;
	dynamodb_free(d);
	return rc;
}

enum store_rc dynamodb_migrate(const struct store_options *o, int to, struct buf *why)
{
	(void)o;
	return schema_only(DYNAMODB_SCHEMA, to, why);
}
