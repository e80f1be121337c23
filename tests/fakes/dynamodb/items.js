/* Operations on single items, and batches of them.
 *
 * prepare() judges one write without making it: it gives what to commit and what there was, or throws; a transaction prepares all its
 * writes before it commits any. So that a request is refused the same way whether its table exists or not, everything about the
 * request itself is judged before the table is looked up.
 */
'use strict';

const { Refusal, invalid } = require('./errors');
const evaluate = require('./evaluate');
const expressions = require('./expressions');
const values = require('./values');

const BATCH_WRITES_MAX = 25;
const BATCH_READS_MAX = 100;
const BATCH_BYTES_MAX = 16 << 20;

/* kind of write: [member with the key, does it make a new item] */
const WRITES = { Put: 'Item', Update: 'Key', Delete: 'Key', ConditionCheck: 'Key' };

/* operation: ReturnValues it takes */
const RETURNS = { PutItem: ['ALL_OLD', 'NONE'], DeleteItem: ['ALL_OLD', 'NONE'],
	UpdateItem: ['NONE', 'ALL_OLD', 'ALL_NEW', 'UPDATED_OLD', 'UPDATED_NEW'] };

/* What can be judged without the table: { kind, request, update, condition }. */
function read_write(kind, request) {
	values.check_all(request[WRITES[kind]]);
	return { kind, request, ...expressions.read(request) };
}

function no_nested_keys(table, paths) {
	const views = [table.base, ...table.indexes];
	for (const steps of paths) {
		const view = steps.length > 1 && views.find((v) => v.keys.some((k) => k.name === steps[0]));
		if (view) {
			throw invalid("Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: "
				+ `${view === table.base ? 'Key' : 'IndexKey'}: ${steps[0]}`);
		}
	}
}

function no_key_updates(table, update) {
	const name = table.key_names.find((n) => update.paths.some((steps) => steps[0] === n));
	if (name) {
		throw invalid(`One or more parameter values were invalid: Cannot update attribute ${name}. This attribute is part of the key`);
	}
}

function updated(table, write, place, old) {
	const item = write.update ? evaluate.update(old ? old.item : write.request.Key, write.update) : old ? old.item : write.request.Key;
	values.check_all(item);
	table.check_index_keys(item);
	return table.row(item, place);
}

/* kind: the row that the write leaves; a check leaves everything alone. */
const LEAVES = { Put: (table, write, place) => table.row(write.request.Item, place), Update: updated, Delete: () => undefined,
	ConditionCheck: (table, write, place, old) => old };

/* Finds the write's table and item; throws where the key does not fit. */
function locate(database, write) {
	const table = database.table(write.request.TableName);
	const place = write.kind === 'Put' ? table.place_of_item(write.request.Item) : table.place_of_key(write.request.Key);
	return { table, place, write };
}

function prepare(database, { table, place, write }) {
	if (database.is_held(table, place)) {
		throw new Refusal('TransactionConflictException');
	}
	if (write.update) {
		no_key_updates(table, write.update);
	}
	no_nested_keys(table, [...(write.update ? write.update.paths : []), ...(write.condition ? expressions.paths_of(write.condition) : [])]);
	const old = table.get(place);
	if (write.condition && !evaluate.holds(write.condition, old ? old.item : {})) {
		const shown = write.request.ReturnValuesOnConditionCheckFailure === 'ALL_OLD' && old;
		throw new Refusal('ConditionalCheckFailedException', undefined, shown ? { Item: old.item } : undefined);
	}
	return { table, place, old, row: LEAVES[write.kind](table, write, place, old) };
}

function non_empty(item) {
	return item && Object.keys(item).length ? { Attributes: item } : {};
}

/* ReturnValues: what is answered */
const ANSWERS = {
	NONE: () => ({}),
	ALL_OLD: ({ old }) => non_empty(old && old.item),
	ALL_NEW: ({ row }) => non_empty(row.item),
	UPDATED_OLD: ({ old }, write) => non_empty(old && write.update && evaluate.project(old.item, write.update.paths)),
	UPDATED_NEW: ({ row }, write) => non_empty(write.update && evaluate.project(row.item, write.update.paths)),
};

function single(operation, kind) {
	return (database, request) => {
		const wanted = request.ReturnValues || 'NONE';
		if (!RETURNS[operation].includes(wanted)) {
			throw invalid(`ReturnValues can only be ${RETURNS[operation].join(' or ')}`);
		}
		const write = read_write(kind, request);
		const change = prepare(database, locate(database, write));
		database.commit([change]);
		return ANSWERS[wanted](change, write);
	};
}

function read_one(database, { TableName, Key, projection }) {
	const table = database.table(TableName);
	no_nested_keys(table, projection || []);
	const row = table.get(table.place_of_key(Key));
	return row && { size: row.size, item: projection ? evaluate.project(row.item, projection) : row.item };
}

function read_get(request) {
	values.check_all(request.Key);
	return { ...request, ...expressions.read(request) };
}

function get_item(database, request) {
	const found = read_one(database, read_get(request));
	return found ? { Item: found.item } : {};
}

function no_duplicates(table, seen, place, message) {
	if (seen.has(table.name + '\0' + place)) {
		throw invalid(message);
	}
	seen.add(table.name + '\0' + place);
}

function batch_get(database, request) {
	const keys = Object.values(request.RequestItems).reduce((n, r) => n + r.Keys.length, 0);
	if (keys > BATCH_READS_MAX) {
		throw invalid('Too many items requested for the BatchGetItem call');
	}
	const reads = Object.entries(request.RequestItems).map(([TableName, r]) => {
		r.Keys.forEach((key) => values.check_all(key));
		return { TableName, given: r, ...expressions.read(r) };
	});
	const Responses = {};
	const UnprocessedKeys = {};
	let bytes = 0;
	for (const { TableName, given, projection } of reads) {
		const table = database.table(TableName);
		const seen = new Set();
		given.Keys.forEach((key) => no_duplicates(table, seen, table.place_of_key(key),
			'Provided list of item keys contains duplicates'));
		Responses[TableName] = [];
		for (const Key of given.Keys) {
			const found = read_one(database, { TableName, Key, projection });
			if (found && bytes + found.size > BATCH_BYTES_MAX) {
				(UnprocessedKeys[TableName] = UnprocessedKeys[TableName] || { ...given, Keys: [] }).Keys.push(Key);
			} else if (found) {
				bytes += found.size;
				Responses[TableName].push(found.item);
			}
		}
	}
	return { Responses, UnprocessedKeys };
}

function batch_write(database, request) {
	const writes = Object.entries(request.RequestItems).flatMap(([TableName, list]) => list.map((entry) => {
		if (!entry.PutRequest === !entry.DeleteRequest) {
			throw invalid('Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes');
		}
		return entry.PutRequest ? read_write('Put', { TableName, Item: entry.PutRequest.Item })
			: read_write('Delete', { TableName, Key: entry.DeleteRequest.Key });
	}));
	if (writes.length > BATCH_WRITES_MAX) {
		throw invalid('Too many items requested for the BatchWriteItem call');
	}
	const seen = new Set();
	const located = writes.map((write) => locate(database, write));
	located.forEach(({ table, place }) => no_duplicates(table, seen, place, 'Provided list of item keys contains duplicates'));
	database.commit(located.map((one) => prepare(database, one)));
	return { UnprocessedItems: {} };
}

module.exports = {
	read_write, read_get, read_one, locate, prepare, no_duplicates,
	OPERATIONS: {
		GetItem: get_item,
		PutItem: single('PutItem', 'Put'),
		UpdateItem: single('UpdateItem', 'Update'),
		DeleteItem: single('DeleteItem', 'Delete'),
		BatchGetItem: batch_get,
		BatchWriteItem: batch_write,
	},
};
