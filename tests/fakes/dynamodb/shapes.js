/* What a request may look like: a table of every operation's members, and the walker that holds a request to it.
 *
 * Two kinds of fault, as in the service: a member of the wrong JSON type is a SerializationException at once; members missing, too long, or not
 * in their set are gathered into one ValidationException. Members that the table does not know are dropped, as the service drops them.
 * The parameters of the time before expressions (Expected, KeyConditions, ...) are refused by name: nothing here uses them.
 */
'use strict';

const { Refusal, invalid } = require('./errors');

const ERRORS_MAX = 10;

function unserializable(message) {
	return new Refusal('SerializationException', message);
}

/* Shapes: { kind, ...limits }. required: must be there. */
const text = (limits) => ({ kind: 'text', ...limits });
const integer = (limits) => ({ kind: 'integer', ...limits });
const flag = { kind: 'flag' };
const value = { kind: 'value' };
const list = (of, limits) => ({ kind: 'list', of, ...limits });
const map = (of, limits) => ({ kind: 'map', of, ...limits });
const struct = (members, limits) => ({ kind: 'struct', members, ...limits });
const needed = (shape) => ({ ...shape, required: true });
const one_of = (...choices) => text({ choices });
const refused = { kind: 'refused' };

const name = { pattern: /^[a-zA-Z0-9_.-]+$/, min: 3, max: 255 };
const TableName = needed(text(name));
const item = map(value);
const Key = needed(item);
const ExpressionAttributeNames = map(text());
const ExpressionAttributeValues = item;
const ReturnConsumedCapacity = one_of('INDEXES', 'TOTAL', 'NONE');
const ReturnItemCollectionMetrics = one_of('SIZE', 'NONE');
const ReturnValues = one_of('ALL_NEW', 'UPDATED_OLD', 'ALL_OLD', 'NONE', 'UPDATED_NEW');
const ReturnValuesOnConditionCheckFailure = one_of('ALL_OLD', 'NONE');
const throughput = struct({ ReadCapacityUnits: needed(integer({ min: 1 })), WriteCapacityUnits: needed(integer({ min: 1 })) });
const KeySchema = needed(list(struct({
	AttributeName: needed(text({ min: 1, max: 255 })),
	KeyType: needed(one_of('HASH', 'RANGE')),
}), { min: 1, max: 2 }));
const index = { IndexName: needed(text(name)), KeySchema, Projection: needed(struct({
	ProjectionType: one_of('ALL', 'INCLUDE', 'KEYS_ONLY'),
	NonKeyAttributes: list(text({ min: 1, max: 255 }), { min: 1, max: 20 }),
})) };
const conditional = {
	ConditionExpression: text(), ExpressionAttributeNames, ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure,
};
const put = { TableName, Item: needed(item), ...conditional };
const remove = { TableName, Key, ...conditional };
const accounts = { ReturnConsumedCapacity, ReturnItemCollectionMetrics };
const old_way = (...names) => Object.fromEntries(names.map((n) => [n, refused]));
const read = {
	TableName, IndexName: text(name), ExclusiveStartKey: item, ConsistentRead: flag, Limit: integer({ min: 1 }),
	Select: one_of('SPECIFIC_ATTRIBUTES', 'COUNT', 'ALL_ATTRIBUTES', 'ALL_PROJECTED_ATTRIBUTES'),
	FilterExpression: text(), ProjectionExpression: text(), ExpressionAttributeNames, ExpressionAttributeValues, ReturnConsumedCapacity,
};

/* operation: its members */
const OPERATIONS = {
	BatchGetItem: {
		RequestItems: needed(map(struct({
			Keys: needed(list(item, { min: 1, max: 100 })), ConsistentRead: flag, ProjectionExpression: text(),
			ExpressionAttributeNames,
			...old_way('AttributesToGet'),
		}), { min: 1, max: 25 })),
		ReturnConsumedCapacity,
	},
	BatchWriteItem: {
		RequestItems: needed(map(list(struct({
			PutRequest: struct({ Item: needed(item) }), DeleteRequest: struct({ Key }),
		}), { min: 1, max: 25 }), { min: 1, max: 25 })),
		...accounts,
	},
	CreateTable: {
		TableName, KeySchema,
		AttributeDefinitions: needed(list(struct({
			AttributeName: needed(text({ min: 1, max: 255 })), AttributeType: needed(one_of('B', 'N', 'S')),
		}))),
		BillingMode: one_of('PROVISIONED', 'PAY_PER_REQUEST'),
		ProvisionedThroughput: throughput,
		LocalSecondaryIndexes: list(struct(index)),
		GlobalSecondaryIndexes: list(struct({ ...index, ProvisionedThroughput: throughput })),
		DeletionProtectionEnabled: flag,
	},
	DeleteItem: {
		...remove, ReturnValues, ...accounts, ...old_way('Expected', 'ConditionalOperator'),
	},
	DeleteTable: { TableName },
	DescribeTable: { TableName },
	DescribeTimeToLive: { TableName },
	GetItem: {
		TableName, Key, ConsistentRead: flag, ProjectionExpression: text(), ExpressionAttributeNames, ReturnConsumedCapacity,
		...old_way('AttributesToGet'),
	},
	ListTables: { ExclusiveStartTableName: text(name), Limit: integer({ min: 1, max: 100 }) },
	PutItem: {
		...put, ReturnValues, ...accounts, ...old_way('Expected', 'ConditionalOperator'),
	},
	Query: {
		...read, KeyConditionExpression: text(), ScanIndexForward: flag,
		...old_way('KeyConditions', 'QueryFilter', 'AttributesToGet', 'ConditionalOperator'),
	},
	Scan: {
		...read, Segment: integer({ min: 0, max: 999999 }), TotalSegments: integer({ min: 1, max: 1000000 }),
		...old_way('ScanFilter', 'AttributesToGet', 'ConditionalOperator'),
	},
	TransactGetItems: {
		TransactItems: needed(list(struct({
			Get: needed(struct({ TableName, Key, ProjectionExpression: text(), ExpressionAttributeNames })),
		}), { min: 1, max: 100 })),
		ReturnConsumedCapacity,
	},
	TransactWriteItems: {
		TransactItems: needed(list(struct({
			Put: struct(put),
			Update: struct({ ...remove, UpdateExpression: needed(text()) }),
			Delete: struct(remove),
			ConditionCheck: struct({ ...remove, ConditionExpression: needed(text()) }),
		}), { min: 1, max: 100 })),
		ClientRequestToken: text({ min: 1, max: 36 }),
		...accounts,
	},
	UpdateItem: {
		...remove, UpdateExpression: text(), ReturnValues, ...accounts,
		...old_way('AttributeUpdates', 'Expected', 'ConditionalOperator'),
	},
	UpdateTimeToLive: {
		TableName,
		TimeToLiveSpecification: needed(struct({ AttributeName: needed(text({ min: 1, max: 255 })), Enabled: needed(flag) })),
	},
};

const NAMES = { string: 'STRING_VALUE', boolean: 'TRUE_VALUE', number: 'NUMBER_VALUE' };

function scalar(wanted, type) {
	return (given) => {
		if (typeof given !== wanted) {
			throw unserializable(typeof given !== 'object' ? `${NAMES[typeof given]} cannot be converted to ${type}`
				: Array.isArray(given) ? `Unrecognized collection type class java.lang.${type}`
					: 'Start of structure or map found where not expected');
		}
		return given;
	};
}

function must_be_array(given) {
	if (!Array.isArray(given)) {
		throw unserializable(typeof given === 'object' ? 'Start of structure or map found where not expected' : 'Unexpected field type');
	}
}

function must_be_object(given) {
	if (typeof given !== 'object' || Array.isArray(given)) {
		throw unserializable(typeof given === 'object' ? 'Unrecognized collection type' : 'Unexpected field type');
	}
}

const a_text = scalar('string', 'String');
const a_flag = scalar('boolean', 'Boolean');

function base64(given) {
	if (typeof given !== 'string') {
		throw unserializable('only base-64-encoded strings are convertible to bytes');
	}
	if (given.length % 4 || Buffer.from(given, 'base64').toString('base64') !== given) {
		throw unserializable('Base64 encoded text is malformed');
	}
	return given;
}

function each(given, take) {
	must_be_array(given);
	return given.map(take);
}

function each_member(given, take) {
	must_be_object(given);
	const out = {};
	for (const key in given) {
		out[key] = take(given[key]);
	}
	return out;
}

/* type of attribute value: how its content is read */
const CONTENTS = {
	S: a_text, N: a_text, B: base64, BOOL: a_flag, NULL: a_flag,
	SS: (given) => each(given, a_text), NS: (given) => each(given, a_text), BS: (given) => each(given, base64),
	L: (given) => each(given, attribute), M: (given) => each_member(given, attribute),
};

function attribute(given) {
	if (given === null) {
		return {};
	}
	if (typeof given !== 'object' || Array.isArray(given)) {
		throw unserializable('Unexpected value type in payload');
	}
	const out = {};
	for (const type in given) {
		if (CONTENTS[type] && given[type] !== null) {
			out[type] = CONTENTS[type](given[type]);
		}
	}
	return out;
}

function complain(errors, shown, path, what) {
	if (errors.length < ERRORS_MAX) {
		const said = shown === null ? 'null' : `'${typeof shown === 'object' ? JSON.stringify(shown) : shown}'`;
		errors.push(`Value ${said} at '${path}' failed to satisfy constraint: ${what}`);
	}
}

function limits(shape, given, measure, word, path, errors) {
	if (measure < shape.min) {
		complain(errors, given, path, `Member must have ${word} greater than or equal to ${shape.min}`);
	}
	if (measure > shape.max) {
		complain(errors, given, path, `Member must have ${word} less than or equal to ${shape.max}`);
	}
}

/* kind of shape: reads what was given, complains of what does not keep the limits */
const WALK = {
	value: attribute,
	flag: a_flag,
	refused: (given, shape, path) => {
		throw invalid(`${path} belongs to the time before expressions: this server knows expressions only`);
	},
	integer: (given, shape, path, errors) => {
		scalar('number', 'Integer')(given);
		limits(shape, Math.floor(given), Math.floor(given), 'value', path, errors);
		return Math.floor(given);
	},
	text: (given, shape, path, errors) => {
		a_text(given);
		limits(shape, given, given.length, 'length', path, errors);
		if (shape.pattern && !shape.pattern.test(given)) {
			complain(errors, given, path, `Member must satisfy regular expression pattern: ${shape.pattern.source.slice(1, -1)}`);
		}
		if (shape.choices && !shape.choices.includes(given)) {
			complain(errors, given, path, `Member must satisfy enum value set: [${shape.choices.join(', ')}]`);
		}
		return given;
	},
	list: (given, shape, path, errors) => {
		must_be_array(given);
		limits(shape, given, given.length, 'length', path, errors);
		return given.map((entry, i) => walk(entry, shape.of, `${path}.${i + 1}.member`, errors));
	},
	map: (given, shape, path, errors) => {
		must_be_object(given);
		limits(shape, given, Object.keys(given).length, 'length', path, errors);
		const out = {};
		for (const key in given) {
			out[key] = walk(given[key], shape.of, `${path}.${key}.member`, errors);
		}
		return out;
	},
	struct: (given, shape, path, errors) => {
		must_be_object(given);
		return members(given, shape.members, path + '.', errors);
	},
};

function walk(given, shape, path, errors) {
	return WALK[shape.kind](given, shape, path, errors);
}

function members(given, shapes, path, errors) {
	const out = {};
	for (const key in shapes) {
		const at = path + key[0].toLowerCase() + key.slice(1);
		if (given[key] !== undefined && given[key] !== null) {
			out[key] = walk(given[key], shapes[key], at, errors);
		} else if (shapes[key].required) {
			complain(errors, null, at, 'Member must not be null');
		}
	}
	return out;
}

/* The request, with only what is known of it; throws what is wrong with it. */
function accept(operation, given) {
	must_be_object(given);
	const errors = [];
	const out = members(given, OPERATIONS[operation], '', errors);
	if (errors.length) {
		throw invalid(`${errors.length} validation error${errors.length > 1 ? 's' : ''} detected: ${errors.join('; ')}`);
	}
	return out;
}

module.exports = { accept, OPERATIONS };
