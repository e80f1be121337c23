/* dynamodb_reply.c - see dynamodb_reply.h. The tables hold the error types of DynamoDB's API, version 2012-08-10, and the common ones of AWS. */
#include "store/dynamodb_reply.h"

static const struct { const char *code; enum reply_verdict verdict; } verdicts[] = {
	{ "ProvisionedThroughputExceededException", REPLY_BUSY }, { "ThrottlingException", REPLY_BUSY }, { "Throttling", REPLY_BUSY },
	{ "ThrottledException", REPLY_BUSY }, { "RequestLimitExceeded", REPLY_BUSY }, { "LimitExceededException", REPLY_BUSY },
	{ "TooManyRequestsException", REPLY_BUSY }, { "SlowDown", REPLY_BUSY }, { "TransactionConflictException", REPLY_BUSY },
	{ "ReplicatedWriteConflictException", REPLY_BUSY },
	{ "TransactionInProgressException", REPLY_LOST }, { "InternalServerError", REPLY_LOST }, { "InternalFailure", REPLY_LOST },
	{ "ServiceUnavailable", REPLY_LOST }, { "RequestTimeout", REPLY_LOST }, { "RequestTimeoutException", REPLY_LOST },
	{ "InvalidSignatureException", REPLY_SIGNED_BADLY }, { "SignatureDoesNotMatch", REPLY_SIGNED_BADLY },
	{ "RequestExpired", REPLY_SIGNED_BADLY }, { "RequestTimeTooSkewed", REPLY_SIGNED_BADLY },
	{ "ExpiredTokenException", REPLY_KEYS_EXPIRED }, { "ExpiredToken", REPLY_KEYS_EXPIRED },
};

/* Reasons of a cancelled transaction that go away by themselves. */
static bool is_passing(struct str reason)
{
	static const char *const names[] = { "TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError" };
	for (size_t i = 0; i < COUNT(names); i++)
		if (str_eq(reason, str_c(names[i])))
			return true;
	return false;
}

const struct jv *reply_first(const struct jv *array)
{
	return array && array->t == J_ARR ? array->kid : NULL;
}

static const struct jv *first_reason(const struct reply *r)
{
	return reply_first(json_get(r->body, S("CancellationReasons")));
}

struct str reply_reason(const struct reply *r, size_t i, const struct jv **ret_item)
{
	const struct jv *reason = first_reason(r);
	for (; reason && i > 0; i--)
		reason = reason->next;
	*ret_item = json_get(reason, S("Item"));
	return json_text(reason, S("Code"));
}

/* A failed condition is the answer, whatever else went wrong; else what passes is tried again. */
static enum reply_verdict cancelled(const struct reply *r)
{
	bool passes = false;
	for (const struct jv *reason = first_reason(r); reason; reason = reason->next) {
		if (str_eq(json_text(reason, S("Code")), S("ConditionalCheckFailed")))
			return REPLY_REFUSED;
		passes |= is_passing(json_text(reason, S("Code")));
	}
	return passes ? REPLY_BUSY : REPLY_REFUSED;
}

static enum reply_verdict judge(const struct reply *r, int status)
{
	for (size_t i = 0; i < COUNT(verdicts); i++)
		if (str_eq(r->code, str_c(verdicts[i].code)))
			return verdicts[i].verdict;
	if (status >= 500)
		return REPLY_LOST;
	if (status == 429)
		return REPLY_BUSY;
	if (status / 100 != 4 || r->code.n == 0)
		return REPLY_LOST;
	return str_eq(r->code, S("TransactionCanceledException")) ? cancelled(r) : REPLY_REFUSED;
}

struct reply reply_read(struct arena *a, int status, struct str text)
{
	struct reply r = { .verdict = REPLY_LOST };
	struct str why = { 0 }, head, tail;
	const struct jv *body = json_parse_own(a, text, &why);
	if (body && body->t == J_OBJ)
		r.body = body;
	if (status == 200) {
		r.verdict = r.body ? REPLY_DONE : REPLY_LOST;
		r.message = r.body ? S("") : S("the answer is not JSON: something between here and the service changed it");
		return r;
	}
	r.code = json_text(r.body, S("__type"));
	while (str_cut(r.code, '#', &head, &tail))
		r.code = tail;
	r.message = json_text(r.body, S("message"));
	if (r.message.n == 0)
		r.message = json_text(r.body, S("Message"));
	r.verdict = judge(&r, status);
	return r;
}

enum store_rc reply_rc(const struct reply *r)
{
	static const struct { const char *code; enum store_rc rc; } table[] = {
		{ "ItemCollectionSizeLimitExceededException", STORE_FULL }, { "ItemCollectionSizeLimitExceeded", STORE_FULL },
		{ "ValidationException", STORE_INVAL }, { "ValidationError", STORE_INVAL }, { "SerializationException", STORE_INVAL },
		{ "IdempotentParameterMismatchException", STORE_INVAL }, { "RequestEntityTooLarge", STORE_TOOBIG },
	};
	struct str code = r->code;
	for (const struct jv *reason = first_reason(r); reason; reason = reason->next)
		if (!str_eq(json_text(reason, S("Code")), S("None")))
			code = json_text(reason, S("Code"));
	for (size_t i = 0; i < COUNT(table); i++)
		if (str_eq(code, str_c(table[i].code)))
			return table[i].rc;
	return STORE_DOWN;                                        /* no rights, no table, no valid keys: nothing will work until a person helps */
}
