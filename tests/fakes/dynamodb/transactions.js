/* TransactWriteItems and TransactGetItems: all or nothing, with one reason for each action when it is nothing.
 *
 * A token makes a write idempotent for ten minutes: the same token with the same request is answered as done and changes nothing; with another
 * request it is a mismatch. Two requests are the same when their bodies are, byte for byte.
 */
'use strict';

const { Refusal, invalid } = require('./errors');
const { read_write, read_get, read_one, locate, prepare, no_duplicates } = require('./items');

const BYTES_MAX = 4 << 20;
const TOKEN_LIFE_MS = 10 * 60 * 1000;
const ONCE = 'Transaction request cannot include multiple operations on one item';

/* type of what an action was refused with: code in the list of reasons */
const CODES = { ConditionalCheckFailedException: 'ConditionalCheckFailed', ValidationException: 'ValidationError',
	TransactionConflictException: 'TransactionConflict', ThrottlingException: 'ThrottlingError' };

function cancelled(reasons) {
	const codes = reasons.map((r) => r.Code).join(', ');
	return new Refusal('TransactionCanceledException',
		`Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`, { CancellationReasons: reasons });
}

/* Does `work` for each; what it refuses becomes a reason, and all reasons together the refusal of the whole. */
function all_or_none(list, work) {
	const reasons = [];
	const results = list.map((entry) => {
		try {
			const result = work(entry);
			reasons.push({ Code: 'None' });
			return result;
		} catch (error) {
			if (!(error instanceof Refusal) || !CODES[error.type]) {
				throw error;
			}
			reasons.push({ Code: CODES[error.type], Message: error.message, ...error.more });
			return undefined;
		}
	});
	if (reasons.some((r) => r.Code !== 'None')) {
		throw cancelled(reasons);
	}
	return results;
}

function read_action(action) {
	const kinds = Object.keys(action);
	if (kinds.length !== 1) {
		throw invalid('TransactItems can only contain one of Check, Put, Update or Delete');
	}
	return read_write(kinds[0], action[kinds[0]]);
}

/* True when this very request was done before. */
function is_repeated(database, id, content) {
	for (const [old, { at }] of database.tokens) {
		if (at > database.now() - TOKEN_LIFE_MS) {
			break;
		}
		database.tokens.delete(old);
	}
	if (database.in_progress.has(id)) {
		throw new Refusal('TransactionInProgressException');
	}
	const known = id !== undefined && database.tokens.get(id);
	if (known && known.content !== content) {
		throw new Refusal('IdempotentParameterMismatchException');
	}
	return Boolean(known);
}

/* Takes the items of a transaction as if it were being done; what releases them. Faulty requests take nothing. */
function hold(database, request) {
	try {
		const located = request.TransactItems.map((action) => locate(database, read_action(action)));
		return database.hold(located, request.ClientRequestToken);
	} catch (error) {
		if (error instanceof Refusal) {
			return () => {};
		}
		throw error;
	}
}

/* Refuses a transaction because of one of its actions, which is chosen by `share` in [0, 1). */
function cancel_for(request, share, type) {
	const victim = Math.floor(share * request.TransactItems.length);
	all_or_none(request.TransactItems.map((_, i) => i), (i) => {
		if (i === victim) {
			throw new Refusal(type);
		}
	});
}

/* content: what tells one request from another. */
function transact_write(database, request, content) {
	const id = request.ClientRequestToken;
	const writes = request.TransactItems.map(read_action);
	if (is_repeated(database, id, content)) {
		return {};
	}
	const located = all_or_none(writes, (write) => locate(database, write));
	const seen = new Set();
	located.forEach(({ table, place }) => no_duplicates(table, seen, place, ONCE));
	const changes = all_or_none(located, (one) => prepare(database, one));
	if (changes.reduce((n, { row, old }) => n + (row || old || { size: 0 }).size, 0) > BYTES_MAX) {
		throw invalid('Collection size of the transaction has exceeded the limit of 4 MB');
	}
	database.commit(changes.filter(({ row, old }) => row !== old), id === undefined ? undefined : { id, content, at: database.now() });
	return {};
}

function transact_get(database, request) {
	const gets = request.TransactItems.map(({ Get }) => read_get(Get));
	const seen = new Set();
	const places = all_or_none(gets, (get) => {
		const table = database.table(get.TableName);
		return { table, place: table.place_of_key(get.Key) };
	});
	places.forEach(({ table, place }) => no_duplicates(table, seen, place, ONCE));
	const found = all_or_none(gets, (get) => read_one(database, get));
	if (found.reduce((n, f) => n + (f ? f.size : 0), 0) > BYTES_MAX) {
		throw invalid('Collection size of the transaction has exceeded the limit of 4 MB');
	}
	return { Responses: found.map((f) => (f ? { Item: f.item } : {})) };
}

module.exports = { cancel_for, hold, OPERATIONS: { TransactWriteItems: transact_write, TransactGetItems: transact_get } };
