/* Hand-made requests that chance would hardly find. */
'use strict';

const { at, item, on_table, placeholders, put } = require('../fixture');

const query = (condition, given, more) => ({ op: 'Query',
	request: { ...on_table, KeyConditionExpression: condition, ...placeholders(given), ...more } });
const filtered = (condition, given) => ({ op: 'Scan',
	request: { ...on_table, FilterExpression: condition, ...placeholders(given) }, unordered: true });
const update = (text, given, more) => ({ op: 'UpdateItem',
	request: at('corner', 'a', { UpdateExpression: text, ...placeholders(given), ReturnValues: 'ALL_NEW', ...more }) });

/* An item of about so many bytes. */
const sized = (i, bytes) => ({ op: 'PutItem', request: put({ p: 'large', i, x: 'x'.repeat(bytes) }) });

const CORNERS = [
	{ op: 'PutItem', request: put({ p: 'corner', i: 'a', w: '😀', e: '', n: 1, l: [1, 2, 3], s: { SS: ['x', 'y'] },
		m: { M: item({ k: { M: item({ d: 1 }) } }) } }) },
	/* Order of texts: by bytes, not by UTF-16 units. */
	filtered('w > :v', { ':v': '\uffff' }),
	filtered('m = :v', { ':v': { M: item({ k: { M: item({ d: 1 }) } }) } }), filtered('size(e) = :v', { ':v': 0 }),
	filtered('size(w) = :v', { ':v': 2 }),
	/* Values at the borders of what a number may be. */
	update('SET n = :v', { ':v': { N: '9.9999999999999999999999999999999999999E+125' } }), update('SET n = n + n', {}),
	update('SET n = :v', { ':v': { N: '-0.0' } }),
	update('ADD n :v', { ':v': { N: '0.1' } }), update('ADD n :v', { ':v': { N: '0.2' } }),
	update('SET n = n - :v', { ':v': { N: '1e37' } }),
	update('SET n = n - :v', { ':v': { N: '1e-3' } }), update('SET n = :v', { ':v': { N: '1' } }),
	/* Paths that meet. */
	update('SET m.k.d = :v, m.k.e = m.k.d', { ':v': 5 }), update('SET l[5] = :v, l[3] = :v REMOVE l[0]', { ':v': 9 }),
	update('REMOVE l[0], l[1] SET l[2] = :v', { ':v': 9 }),
	update('SET m.k = :v REMOVE m.q', { ':v': 9 }), update('DELETE s :v', { ':v': { SS: ['x', 'y', 'z'] } }),
	update('ADD s :v', { ':v': { SS: ['x'] } }),
	update('SET l = list_append(list_append(:v, l), :v)', { ':v': [0] }), update('SET n = if_not_exists(n, n)', {}),
	update('REMOVE nothing', {}),
	update('SET a = :v', { ':v': 1 }, { ConditionExpression: 'attribute_exists(i)' }), update('set #n = :v', { '#n': 'a.b', ':v': 1 }),
	update('SET p = :v', { ':v': 'x' }), update('SET i.x = :v', { ':v': 'x' }), update('SET due = :v', { ':v': 'x' }),
	update('SET h = :v', { ':v': '' }),
	update('SET a = :v', { ':v': 1 }, { Key: item({ p: 'corner', i: 'a', q: 'a' }) }),
	update('REMOVE a', {}, { Key: item({ p: 'corner', i: 'new' }) }),
	/* Keys at their limits. */
	{ op: 'PutItem', request: put({ p: 'p'.repeat(2048), i: 'i'.repeat(1024) }) },
	{ op: 'PutItem', request: put({ p: 'p'.repeat(2049), i: 'i' }) },
	{ op: 'PutItem', request: put({ p: 'corner', i: 'i'.repeat(1025) }) },
	{ op: 'DeleteItem', request: at('p'.repeat(2048), 'i'.repeat(1024)) },
	sized('1', 400 * 1024 - 200), sized('2', 400 * 1024), sized('3', 350000), sized('4', 350000), sized('5', 350000), sized('6', 1000),
	{ ...query('p = :p', { ':p': 'large' }), pages: true },
	{ ...query('p = :p', { ':p': 'large' }, { ScanIndexForward: false, Select: 'COUNT' }), pages: true },
	...['1', '3', '4', '5', '6'].map((i) => ({ op: 'DeleteItem', request: at('large', i) })),
	/* Starting keys. */
	query('p = :p', { ':p': 'corner' }, { ExclusiveStartKey: item({ p: 'corner', i: '0' }) }),
	query('p = :p', { ':p': 'corner' }, { ExclusiveStartKey: item({ p: 'other', i: '0' }) }),
	query('p = :p', { ':p': 'corner' }, { ExclusiveStartKey: item({ p: 'corner' }) }),
	query('p = :p AND i < :i', { ':p': 'corner', ':i': 'a' }, { ExclusiveStartKey: item({ p: 'corner', i: 'b' }) }),
	query('p = :p', { ':p': 'corner' }, { IndexName: 'due', ExclusiveStartKey: item({ p: 'corner', i: '0' }) }),
	query('p = :p AND begins_with(i, :i)', { ':p': 'corner', ':i': '' }),
	query('p = :p AND i BETWEEN :x AND :i', { ':p': 'corner', ':i': '0', ':x': 'a' }),
	query('g = :p', { ':p': 'x' }, { IndexName: 'list', ConsistentRead: true }), query('p = :p', { ':p': 'x' }, { IndexName: 'nothing' }),
	query('p = :p', { ':p': 'large' }, { Limit: 0 }), query('p = :p AND p = :p', { ':p': 'large' }), query(':p = p', { ':p': 'corner' }),
	/* What is no request. */
	{ op: 'GetItem', request: { TableName: 'nothing', Key: item({ p: 'a' }) } },
	{ op: 'GetItem', request: { TableName: 'x', Key: item({ p: 'a' }) } },
	{ op: 'GetItem', request: { TableName: 5, Key: item({ p: 'a' }) } }, { op: 'GetItem', request: { ...on_table } },
	{ op: 'PutItem', request: { ...on_table, Item: [] } },
	{ op: 'DescribeTable', request: on_table }, { op: 'DescribeTable', request: { TableName: 'nothing' } },
	{ op: 'ListTables', request: {} },
	{ op: 'ListTables', request: { Limit: 1 } }, { op: 'ListTables', request: { ExclusiveStartTableName: 'numbers' } },
	{ op: 'DeleteTable', request: { TableName: 'nothing' } },
	{ op: 'BatchGetItem', request: { RequestItems: {} } }, { op: 'BatchWriteItem', request: { RequestItems: { pager: [] } } },
	{ op: 'BatchWriteItem', request: { RequestItems: { pager: [{}] } } },
	{ op: 'BatchGetItem', request: { RequestItems: { pager: { Keys: [item({ p: 'a', i: 'a' }), item({ p: 'a', i: 'a' })] } } } },
	{ op: 'Scan', request: { ...on_table, Segment: 1 } }, { op: 'Scan', request: { ...on_table, Segment: 1, TotalSegments: 1 } },
];

/* CreateTable with something wrong. */
const table = (change) => ({ op: 'CreateTable', request: {
	TableName: 'other', BillingMode: 'PAY_PER_REQUEST',
	AttributeDefinitions: [{ AttributeName: 'p', AttributeType: 'S' }, { AttributeName: 'i', AttributeType: 'S' }],
	KeySchema: [{ AttributeName: 'p', KeyType: 'HASH' }, { AttributeName: 'i', KeyType: 'RANGE' }], ...change,
} });

const projected = { Projection: { ProjectionType: 'ALL' } };
const local = (KeySchema, more) => ({ LocalSecondaryIndexes: [{ IndexName: 'local', KeySchema, ...projected, ...more }] });

const TABLES = [
	table({ TableName: 'pager' }), table({ TableName: 'ab' }), table({ TableName: 'a b c' }), table({ KeySchema: [] }),
	table({ AttributeDefinitions: [] }),
	table({ KeySchema: [{ AttributeName: 'p', KeyType: 'RANGE' }] }), table({ KeySchema: [{ AttributeName: 'p', KeyType: 'HASH' }] }),
	table({ KeySchema: [{ AttributeName: 'p', KeyType: 'HASH' }, { AttributeName: 'p', KeyType: 'RANGE' }] }),
	table({ KeySchema: [{ AttributeName: 'p', KeyType: 'HASH' }, { AttributeName: 'q', KeyType: 'RANGE' }] }),
	table({ BillingMode: undefined }), table({ BillingMode: 'FREE' }),
	table({ ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 } }),
	table(local([{ AttributeName: 'p', KeyType: 'HASH' }])),
	table(local([{ AttributeName: 'i', KeyType: 'HASH' }, { AttributeName: 'p', KeyType: 'RANGE' }])),
	table(local([{ AttributeName: 'p', KeyType: 'HASH' }, { AttributeName: 'i', KeyType: 'RANGE' }], { Projection: {} })),
	table(local([{ AttributeName: 'p', KeyType: 'HASH' }, { AttributeName: 'i', KeyType: 'RANGE' }],
		{ Projection: { ProjectionType: 'ALL', NonKeyAttributes: ['x'] } })),
	table({ LocalSecondaryIndexes: [] }), table({ GlobalSecondaryIndexes: [] }), table({}), table({}),
	{ op: 'DescribeTable', request: { TableName: 'other' } },
	{ op: 'DeleteTable', request: { TableName: 'other' } }, { op: 'DescribeTable', request: { TableName: 'other' } },
];

module.exports = [...CORNERS, ...TABLES];
