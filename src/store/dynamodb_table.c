/* dynamodb_table.c - the table: made when it is not there, looked at closely when it is, and described by one item of its own.
 *
 * That item ("tocsin", "meta") says schema, oldest program and shards. It is created with a condition, after everything else is in place, so of two
 * replicas that start at once one writes it and both read the same. Whoever finds it needs no right but to read and write items.
 */
#include "store/dynamodb_inside.h"
#include <string.h>
#include <time.h>

enum { PATIENCE_MS = 120000, POLL_MS = 500, TEXT_MAX = 64 << 10 };

#define META_KEY "\"pk\":{\"S\":\"tocsin\"},\"sk\":{\"S\":\"meta\"}"

/* The sort keys of table and indexes. All are text; see dynamodb_item.h. */
static const char *const sort_keys[] = { "sk", "by_when", "by_key0", "by_key1", "by_key2", "by_key3" };

static const char *cure_for(const struct call *c)
{
	static const struct { const char *code, *cure; } table[] = {
		{ "AccessDeniedException", "let these credentials do this; docs/configuration.md has the list of actions" },
		{ "UnrecognizedClientException", "check the access key: this service does not know it" },
		{ "InvalidSignatureException", "check the secret of the access key" },
		{ "MissingAuthenticationTokenException", "check the access key" },
		{ "ValidationException", "if the table was made by something else, name another one in storage.table" },
		{ "LimitExceededException", "too many tables are being made or there are too many: try again later, or ask for more" },
		{ "ResourceNotFoundException", "the table was there a moment ago: find out who deletes it" },
	};
	for (size_t i = 0; c->end == CALL_REFUSED && i < COUNT(table); i++)
		if (str_eq(c->reply.code, str_c(table[i].code)))
			return table[i].cure;
	return c->end == CALL_REFUSED ? "look the error up in DynamoDB's documentation" :
	    c->end == CALL_BUSY ? "the service is busy: try again" :
	    "check storage.region and storage.endpoint, the network, and the credentials";
}

static void say_where(const struct dynamodb *d, struct buf *why)
{
	buf_fmt(why, "DynamoDB table \"%.*s\" in %s at %s: ", STR_ARG(d->layout.table), d->region, d->url);
}

enum store_rc dynamodb_say(const struct dynamodb *d, const struct call *c, struct buf *why)
{
	static const char *const ends[] = { [CALL_DONE] = "done", [CALL_REFUSED] = "refused", [CALL_BUSY] = "the service is busy",
		[CALL_DOWN] = "not reached", [CALL_LOST] = "no clear answer" };
	struct str code = c->end == CALL_REFUSED ? c->reply.code : S("");
	say_where(d, why);
	buf_fmt(why, "%s: %s%s%.*s%s%.*s; %s", c->op, ends[c->end], code.n ? ": " : "", STR_ARG(code),
	    c->reply.message.n ? ": " : "", STR_ARG(c->reply.message), cure_for(c));
	return call_rc(c);
}

static bool is_refused_as(const struct call *c, const char *code)
{
	return c->end == CALL_REFUSED && str_eq(c->reply.code, str_c(code));
}

/* {"TableName":...} and the rest, which begins with a comma or is empty. */
static void begin(struct call *c, const struct dynamodb *d, const char *op, const char *rest)
{
	call_done(c);
	*c = (struct call){ .op = op, .text = BUF(TEXT_MAX) };
	buf_fmt(&c->text, "{\"TableName\":\"%.*s\"%s}", STR_ARG(d->layout.table), rest);
}

static bool read_meta(const struct jv *item, struct store_schema *ret, unsigned *ret_shards)
{
	int64_t have = 0, least = 0, shards = 0;
	bool ok = str_int(item_attr(item, "schema", "N"), &have) && str_int(item_attr(item, "least", "N"), &least) &&
	    str_int(item_attr(item, "shards", "N"), &shards) && have >= 1 && have <= INT32_MAX && least >= 1 && least <= have &&
	    shards >= 1 && shards <= STORE_SHARDS_MAX && (shards & (shards - 1)) == 0;
	if (ok) {
		*ret = (struct store_schema){ (int)have, (int)least, DYNAMODB_SCHEMA };
		*ret_shards = (unsigned)shards;
	}
	return ok;
}

enum store_rc dynamodb_look(struct dynamodb *d, struct store_schema *ret, unsigned *ret_shards, struct buf *why)
{
	struct call c = { 0 };
	begin(&c, d, "GetItem", ",\"ConsistentRead\":true,\"Key\":{" META_KEY "}");
	enum store_rc rc = STORE_OK;
	*ret = (struct store_schema){ 0, 1, DYNAMODB_SCHEMA };
	*ret_shards = 0;
	if (dynamodb_ask(d, &c) == CALL_DONE) {
		const struct jv *item = json_get(c.reply.body, S("Item"));
		if (item && !read_meta(item, ret, ret_shards)) {
			say_where(d, why);
			buf_add(why, S("the item (\"tocsin\", \"meta\") that describes the store makes no sense; restore it, or the table, from a backup"));
			rc = STORE_CORRUPT;
		}
	} else if (!is_refused_as(&c, "ResourceNotFoundException")) {
		rc = dynamodb_say(d, &c, why);
	}
	call_done(&c);
	return rc;
}

/* Making it. */

static void write_keys(struct buf *b, const char *sort_key)
{
	buf_fmt(b, "\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"%s\",\"KeyType\":\"RANGE\"}]", sort_key);
}

static void write_table(struct buf *b, const struct dynamodb *d)
{
	buf_fmt(b, "{\"TableName\":\"%.*s\",\"BillingMode\":\"PAY_PER_REQUEST\",", STR_ARG(d->layout.table));
	buf_add(b, S("\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}"));
	for (size_t i = 0; i < COUNT(sort_keys); i++)
		buf_fmt(b, ",{\"AttributeName\":\"%s\",\"AttributeType\":\"S\"}", sort_keys[i]);
	buf_add(b, S("],"));
	write_keys(b, sort_keys[0]);
	buf_add(b, S(",\"LocalSecondaryIndexes\":["));
	for (size_t i = 1; i < COUNT(sort_keys); i++) {
		buf_fmt(b, "%s{\"IndexName\":\"%s\",", i > 1 ? "," : "", sort_keys[i]);
		write_keys(b, sort_keys[i]);
		buf_add(b, S(",\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}"));
	}
	buf_add(b, S("]}"));
}

static enum store_rc create(struct dynamodb *d, struct buf *why)
{
	struct call c = { .op = "CreateTable", .text = BUF(TEXT_MAX) };
	write_table(&c.text, d);
	enum store_rc rc = STORE_OK;
	if (dynamodb_ask(d, &c) != CALL_DONE && !is_refused_as(&c, "ResourceInUseException"))     /* another replica was faster */
		rc = dynamodb_say(d, &c, why);
	call_done(&c);
	return rc;
}

/* Whether a description has these keys, which it lists in this order. */
static bool has_keys(const struct jv *described, const char *sort_key)
{
	const struct jv *hash = reply_first(json_get(described, S("KeySchema"))), *range = hash ? hash->next : NULL;
	return str_eq(json_text(hash, S("AttributeName")), S("pk")) &&
	    str_eq(json_text(range, S("AttributeName")), str_c(sort_key));
}

static bool has_index(const struct jv *table, const char *name)
{
	const struct jv *all = json_get(table, S("LocalSecondaryIndexes"));
	for (const struct jv *i = reply_first(all); i; i = i->next)
		if (str_eq(json_text(i, S("IndexName")), str_c(name)))
			return has_keys(i, name);
	return false;
}

/* Local indexes cannot be added to a table that exists, so one without them is somebody else's. */
static enum store_rc check(const struct dynamodb *d, const struct jv *table, struct buf *why)
{
	bool ok = has_keys(table, sort_keys[0]);
	for (size_t i = 1; i < COUNT(sort_keys); i++)
		ok = ok && has_index(table, sort_keys[i]);
	if (ok)
		return STORE_OK;
	say_where(d, why);
	buf_add(why, S("this table was not made by tocsin (its keys or local indexes are others); name another one in storage.table, which will be made"));
	return STORE_INVAL;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);      /* cut short by a signal: polled sooner */
}

/* Until the table is there for use. Only while a server starts. */
static enum store_rc await(struct dynamodb *d, struct buf *why)
{
	struct call c = { 0 };
	enum store_rc rc = STORE_OK;
	for (int64_t until = http_mono_ms() + PATIENCE_MS;;) {
		begin(&c, d, "DescribeTable", "");
		enum call_end how = dynamodb_ask(d, &c);
		const struct jv *table = json_get(c.reply.body, S("Table"));
		struct str status = json_text(table, S("TableStatus"));
		bool is_made = is_refused_as(&c, "ResourceNotFoundException");
		if (how == CALL_DONE && (str_eq(status, S("ACTIVE")) || str_eq(status, S("UPDATING")))) {
			rc = check(d, table, why);
			break;
		}
		if (how != CALL_DONE && !is_made)
			rc = dynamodb_say(d, &c, why);
		else if (is_made)
			rc = create(d, why);
		else if (http_mono_ms() > until) {
			say_where(d, why);
			buf_fmt(why, "it is still %.*s after %d s; start again when it is ACTIVE", STR_ARG(status),
			    PATIENCE_MS / 1000);
			rc = STORE_DOWN;
		}
		if (rc != STORE_OK)
			break;
		pause_ms(is_made ? 50 : POLL_MS);
	}
	call_done(&c);
	return rc;
}

/* Old documents are purged by us; this catches what was left when nobody ran any more. So a refusal is no reason not to start: another replica
 * has just done it (ValidationException), or these credentials may not. */
static enum store_rc collect_garbage(struct dynamodb *d, struct buf *why)
{
	struct call c = { 0 };
	begin(&c, d, "UpdateTimeToLive", ",\"TimeToLiveSpecification\":{\"Enabled\":true,\"AttributeName\":\"ttl\"}");
	enum call_end how = dynamodb_ask(d, &c);
	enum store_rc rc = how == CALL_DONE || how == CALL_REFUSED || how == CALL_BUSY ? STORE_OK : dynamodb_say(d, &c, why);
	call_done(&c);
	return rc;
}

static enum store_rc write_meta(struct dynamodb *d, unsigned shards, struct buf *why)
{
	struct call c = { 0 };
	struct buf rest = BUF(4096);
	buf_fmt(&rest, ",\"Item\":{" META_KEY ",\"schema\":{\"N\":\"%d\"},\"least\":{\"N\":\"1\"},\"shards\":{\"N\":\"%u\"}}"
	    ",\"ConditionExpression\":\"attribute_not_exists(pk)\"", DYNAMODB_SCHEMA, shards);
	begin(&c, d, "PutItem", rest.p);
	enum store_rc rc = STORE_OK;
	if (dynamodb_ask(d, &c) != CALL_DONE && !is_refused_as(&c, "ConditionalCheckFailedException"))    /* another replica's, which counts */
		rc = dynamodb_say(d, &c, why);
	buf_free(&rest);
	call_done(&c);
	return rc;
}

enum store_rc dynamodb_make(struct dynamodb *d, unsigned shards, struct buf *why)
{
	enum store_rc rc = await(d, why);
	if (rc == STORE_OK)
		rc = collect_garbage(d, why);
	return rc == STORE_OK ? write_meta(d, shards, why) : rc;
}
