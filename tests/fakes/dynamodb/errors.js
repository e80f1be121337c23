/* Every way in which DynamoDB says no: the type, its namespace on the wire, the HTTP status, and the sentence when there is but one.
 *
 * A Refusal is thrown by whatever finds the fault and becomes the answer in http.js; nothing in between catches it but transactions, which
 * turn some into reasons of one cancellation. Source: the service's public API reference and its coral error namespaces.
 */
'use strict';

const DYNAMO = 'com.amazonaws.dynamodb.v20120810#';
const CORAL = 'com.amazon.coral.service#';

/* type: [namespace, status, message] */
const TYPES = {
	AccessDeniedException: [CORAL, 400, ''],
	ConditionalCheckFailedException: [DYNAMO, 400, 'The conditional request failed'],
	ExpiredTokenException: [CORAL, 400, 'The security token included in the request is expired'],
	IdempotentParameterMismatchException: [DYNAMO, 400, 'The provided idempotency token was used with other parameters'],
	IncompleteSignatureException: [CORAL, 400, ''],
	InternalServerError: [DYNAMO, 500, 'Internal server error'],
	InvalidSignatureException: [CORAL, 400, ''],
	LimitExceededException: [DYNAMO, 400, ''],
	MissingAuthenticationTokenException: [CORAL, 400, 'Request is missing Authentication Token'],
	ProvisionedThroughputExceededException: [DYNAMO, 400, 'The level of configured provisioned throughput for the table was exceeded. '
		+ 'Consider increasing your provisioning level with the UpdateTable API.'],
	RequestLimitExceeded: [DYNAMO, 400, 'Throughput exceeds the current throughput limit for your account.'],
	ResourceInUseException: [DYNAMO, 400, ''],
	ResourceNotFoundException: [DYNAMO, 400, 'Requested resource not found'],
	SerializationException: [CORAL, 400, undefined],
	ServiceUnavailable: [CORAL, 503, 'The service is temporarily unavailable'],
	ThrottlingException: ['com.amazon.coral.availability#', 400, 'Rate of requests exceeds the allowed throughput.'],
	TransactionCanceledException: [DYNAMO, 400, ''],
	TransactionConflictException: [DYNAMO, 400, 'Transaction is ongoing for the item'],
	TransactionInProgressException: [DYNAMO, 400, 'The transaction with the given request token is already in progress.'],
	UnknownOperationException: [CORAL, 400, undefined],
	UnrecognizedClientException: [CORAL, 400, 'The security token included in the request is invalid.'],
	ValidationException: ['com.amazon.coral.validate#', 400, ''],
};

class Refusal extends Error {
	constructor(type, message, more) {
		super(message === undefined ? TYPES[type][2] : message);
		this.type = type;
		this.more = more;
	}

	get status() {
		return TYPES[this.type][1];
	}

	/* A cancelled transaction spells its message with a capital, as the service does. */
	body() {
		const said = this.type === 'TransactionCanceledException' ? { Message: this.message }
			: this.message ? { message: this.message } : {};
		return { __type: TYPES[this.type][0] + this.type, ...said, ...this.more };
	}
}

function invalid(message) {
	return new Refusal('ValidationException', message);
}

function bad_parameter(message) {
	return invalid('One or more parameter values were invalid: ' + message);
}

module.exports = { Refusal, TYPES, invalid, bad_parameter };
