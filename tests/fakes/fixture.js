/* The table that the tests of the fakes work on, and short ways to say what is in it. */
'use strict';

const { until } = require('./client');

const TABLE = 'pager';

/* p and i are the key; `due` a local index by number, `list` a global one by text, `part` a global one that holds some attributes. */
const DESCRIPTION = {
	TableName: TABLE,
	BillingMode: 'PAY_PER_REQUEST',
	AttributeDefinitions: [['p', 'S'], ['i', 'S'], ['due', 'N'], ['g', 'S'],
		['h', 'S']].map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
	KeySchema: keys('p', 'i'),
	LocalSecondaryIndexes: [{ IndexName: 'due', KeySchema: keys('p', 'due'), Projection: { ProjectionType: 'ALL' } }],
	GlobalSecondaryIndexes: [
		{ IndexName: 'list', KeySchema: keys('g', 'h'), Projection: { ProjectionType: 'ALL' } },
		{ IndexName: 'part', KeySchema: keys('g'), Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['n'] } },
	],
};

function keys(hash, range) {
	return [{ AttributeName: hash, KeyType: 'HASH' }, ...(range ? [{ AttributeName: range, KeyType: 'RANGE' }] : [])];
}

/* Plain values as attribute values: texts, numbers, booleans, null, buffers, lists, objects; what is one already stays. */
function value(x) {
	return typeof x === 'string' ? { S: x } : typeof x === 'number' ? { N: String(x) } : typeof x === 'boolean' ? { BOOL: x }
		: x === null ? { NULL: true } : Buffer.isBuffer(x) ? { B: x.toString('base64') } : Array.isArray(x) ? { L: x.map(value) } : x;
}

function item(plain) {
	return Object.fromEntries(Object.entries(plain).map(([name, x]) => [name, value(x)]));
}

/* { ':a': 1 } and { '#a': 'name' } in one object, as the two parameters that they are. */
function placeholders(plain = {}) {
	const of = (mark) => Object.entries(plain).filter(([name]) => name[0] === mark);
	const names = of('#');
	const values = of(':').map(([name, x]) => [name, value(x)]);
	return { ...(names.length ? { ExpressionAttributeNames: Object.fromEntries(names) } : {}),
		...(values.length ? { ExpressionAttributeValues: Object.fromEntries(values) } : {}) };
}

const on_table = { TableName: TABLE };

const put = (plain, more) => ({ ...on_table, Item: item(plain), ...more });
const at = (p, i, more) => ({ ...on_table, Key: item({ p, i }), ...more });

/* A client on a server with the table in it, and helpers that fail unless all goes well. */
async function with_table(start, ...options) {
	const server = await start(...options);
	await must(server.client, 'CreateTable', DESCRIPTION);
	await until(async () => (await must(server.client, 'DescribeTable', on_table)).Table.TableStatus === 'ACTIVE', 'the table');
	return server;
}

async function must(client, operation, request) {
	const answer = await client.call(operation, request);
	if (answer.status !== 200) {
		throw new Error(`${operation}: ${answer.status} ${JSON.stringify(answer.body)}`);
	}
	return answer.body;
}

module.exports = { DESCRIPTION, TABLE, at, item, keys, must, on_table, placeholders, put, value, with_table };
