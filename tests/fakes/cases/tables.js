/* Tables over the wire: items, queries with paging, indexes and their lag, limits, and what is refused. */
'use strict';

const assert = require('assert');

const { crc32 } = require('../dynamodb/http');
const { until } = require('../client');
const { DESCRIPTION, TABLE, at, item, must, on_table, placeholders, put, with_table } = require('../fixture');

async function refused(client, operation, request, type, reason) {
	const answer = await client.call(operation, request);
	assert.equal(answer.type, type, JSON.stringify(answer.body));
	assert.ok((answer.body.message || '').includes(reason || ''), answer.body.message);
	return answer;
}

/* All pages of a query or scan: the items, and how many pages there were. */
async function all_pages(client, operation, request) {
	const found = [];
	let pages = 0;
	for (let key; pages === 0 || key; pages++) {
		const answer = await must(client, operation, { ...request, ...(key ? { ExclusiveStartKey: key } : {}) });
		found.push(...answer.Items);
		key = answer.LastEvaluatedKey;
	}
	return { found, pages };
}

const query = (condition, given, more) => ({ ...on_table, KeyConditionExpression: condition, ...placeholders(given), ...more });
const ids = (items) => items.map((i) => i.i.S).join(' ');

async function fill(client, n) {
	for (let i = 0; i < n; i++) {
		await must(client, 'PutItem', put({ p: 'a', i: String(i).padStart(3, '0'), due: 1000 - i, g: 'x', h: `h${i % 7}`, n: i }));
	}
}

/* sort key condition, placeholders, ids found */
const RANGES = [
	['i = :v', { ':v': '003' }, '003'], ['i < :v', { ':v': '002' }, '000 001'], ['i <= :v', { ':v': '002' }, '000 001 002'],
	['i > :v', { ':v': '007' }, '008 009'], ['i >= :v', { ':v': '007' }, '007 008 009'],
	['i BETWEEN :v AND :w', { ':v': '004', ':w': '006' }, '004 005 006'],
	['begins_with(i, :v)', { ':v': '00' }, '000 001 002 003 004 005 006 007 008 009'], ['begins_with(i, :v)', { ':v': '005' }, '005'],
	['i > :v', { ':v': '9' }, ''], [':v < i', { ':v': '008' }, '009'],
];

const QUERY_FAULTS = [
	['i = :v', { ':v': 'a' }, 'Query condition missed key schema element: p'],
	['p = :v AND n = :v', { ':v': 'a' }, 'Query condition missed key schema element: i'],
	['p > :v', { ':v': 'a' }, 'Query key condition not supported'],
	['p = :v OR i = :v', { ':v': 'a' }, 'Invalid operator used in KeyConditionExpression: OR'],
	['p = :v AND i <> :v', { ':v': 'a' }, 'Invalid operator used in KeyConditionExpression: <>'],
	['p = :v AND i = :v AND i = :v', { ':v': 'a' }, 'must only contain one condition per key'],
	['p = :v', { ':v': 1 }, 'Condition parameter type does not match schema type'],
	['p = :v', { ':v': '' }, 'empty string value'],
	['p = :p AND begins_with(i, :v)', { ':p': 'a', ':v': '' }, 'empty string value. Key: i'],
];

/* operation, request, what the message says */
const ITEM_FAULTS = [
	['PutItem', put({ p: 'a' }), 'Missing the key i in the item'],
	['PutItem', put({ p: 'a', i: 1 }), 'Type mismatch for key i expected: S actual: N'],
	['PutItem', put({ p: '', i: 'a' }), 'cannot contain an empty string value. Key: p'],
	['PutItem', put({ p: 'a', i: 'a', due: 'x' }), 'Type mismatch for Index Key due Expected: N Actual: S IndexName: due'],
	['PutItem', put({ p: 'a', i: 'a', g: '' }), 'IndexName: list, IndexKey: g'],
	['PutItem', put({ p: 'p'.repeat(2049), i: 'a' }), 'maximum size limit of2048 bytes'],
	['PutItem', put({ p: 'a', i: 'i'.repeat(1025) }), 'exceeded the size limit of 1024 bytes'],
	['PutItem', put({ p: 'a', i: 'a', x: 'x'.repeat(409600) }), 'Item size has exceeded the maximum allowed size'],
	['PutItem', put({ p: 'a', i: 'a', x: { SS: [] } }), 'may not be empty'],
	['PutItem', put({ p: 'a', i: 'a', x: { SS: ['a', 'a'] } }), 'contains duplicates'],
	['PutItem', put({ p: 'a', i: 'a', x: { NS: ['1', '1.0'] } }), 'contains duplicates'],
	['PutItem', put({ p: 'a', i: 'a', x: {} }), 'Supplied AttributeValue is empty'],
	['PutItem', put({ p: 'a', i: 'a', x: { S: 'a', N: '1' } }), 'more than one datatypes set'],
	['PutItem', put({ p: 'a', i: 'a', x: { NULL: false } }), 'Null attribute value types must have the value of true'],
	['PutItem', put({ p: 'a', i: 'a', x: { N: 'x' } }), 'cannot be converted to a numeric value'],
	['PutItem', put({ p: 'a', i: 'a' }, { ReturnValues: 'ALL_NEW' }), 'ReturnValues can only be ALL_OLD or NONE'],
	['PutItem', put({ p: 'a', i: 'a' }, { Expected: {} }), 'before expressions'],
	['PutItem', { ...on_table }, "Value null at 'item' failed to satisfy constraint: Member must not be null"],
	['GetItem', at('a'), 'does not match the schema'],
	['GetItem', { ...on_table, Key: item({ p: 'a', i: 1 }) }, 'does not match the schema'],
	['UpdateItem', at('a', 'a', { UpdateExpression: 'SET i = :v', ...placeholders({ ':v': 'b' }) }),
		'Cannot update attribute i. This attribute is part of the key'],
	['UpdateItem', at('a', 'a', { UpdateExpression: 'SET due = :v', ...placeholders({ ':v': 'b' }) }), 'Type mismatch for Index Key due'],
	['UpdateItem', at('a', 'a', { UpdateExpression: 'SET i.x = :v', ...placeholders({ ':v': 'b' }) }), ''],
	['Query', query('p = :v', { ':v': 'a' }, { IndexName: 'none' }), 'does not have the specified index: none'],
	['Query', query('g = :v', { ':v': 'a' }, { IndexName: 'list', ConsistentRead: true }),
		'Consistent reads are not supported on global secondary indexes'],
	['Query', query('p = :v', { ':v': 'a' }, { Limit: 0 }), 'Member must have value greater than or equal to 1'],
	['Query', query('p = :v', { ':v': 'a' }, { Select: 'SPECIFIC_ATTRIBUTES' }), 'Must specify'],
	['Query', query('p = :v', { ':v': 'a' }, { FilterExpression: 'attribute_exists(i)' }), 'can only contain non-primary key attributes'],
	['Query', query('g = :v', { ':v': 'a' }, { IndexName: 'part', Select: 'ALL_ATTRIBUTES' }),
		'Select type ALL_ATTRIBUTES is not supported'],
	['Query', query('p = :v', { ':v': 'a' }, { ExclusiveStartKey: item({ p: 'a' }) }), 'The provided starting key is invalid'],
	['Query', query('p = :v', { ':v': 'a' }, { ExclusiveStartKey: item({ p: 'b', i: 'b' }) }), 'outside query boundaries'],
	['Scan', { ...on_table, Segment: 1 }, 'TotalSegments'],
	['Scan', { ...on_table, Segment: 2, TotalSegments: 2 }, 'must be less than parameter TotalSegments'],
];

module.exports = {
	async an_answer_carries_what_the_service_sends(start) {
		const { client } = await start();
		const { headers, bytes } = await client.call('ListTables', {});
		assert.equal(headers['content-type'], 'application/x-amz-json-1.0');
		assert.match(headers['x-amzn-requestid'], /^[A-Z0-9]{52}$/);
		assert.equal(Number(headers['x-amz-crc32']), crc32(bytes));
		assert.equal(crc32(Buffer.from('123456789')), 0xcbf43926);
		assert.ok(Math.abs(Date.parse(headers.date) - Date.now()) < 60000);
	},

	async what_is_no_request_is_refused_as_the_service_does(start) {
		const { client } = await start();
		assert.equal((await client.call('ListTables', null, { body: '{' })).body.__type,
			'com.amazon.coral.service#SerializationException');
		assert.equal((await client.call('Nothing', {})).body.__type, 'com.amazon.coral.service#UnknownOperationException');
		assert.equal((await client.call('DescribeTable', { TableName: 5 })).type, 'SerializationException');
		assert.equal((await client.call('DescribeTable', {})).body.__type, 'com.amazon.coral.validate#ValidationException');
		assert.equal((await client.call('GetItem', { TableName: TABLE, Key: { p: 'a' } })).type, 'SerializationException');
		assert.equal((await client.call('ListTables', {}, { headers: { 'content-type': 'text/plain' } })).status, 404);
	},

	async a_table_is_being_created_for_a_while(start) {
		const { client } = await start('--create-ms', '60000');
		assert.equal((await must(client, 'CreateTable', DESCRIPTION)).TableDescription.TableStatus, 'CREATING');
		assert.equal((await must(client, 'DescribeTable', on_table)).Table.TableStatus, 'CREATING');
		await refused(client, 'PutItem', put({ p: 'a', i: 'a' }), 'ResourceNotFoundException');
		await refused(client, 'CreateTable', DESCRIPTION, 'ResourceInUseException');
		await client.control({ clock_skew_ms: 61000 });
		assert.equal((await must(client, 'DescribeTable', on_table)).Table.TableStatus, 'ACTIVE');
	},

	async a_table_can_be_listed_and_dropped(start) {
		const { client } = await with_table(start);
		assert.deepEqual((await must(client, 'ListTables', {})).TableNames, [TABLE]);
		assert.equal((await must(client, 'DeleteTable', on_table)).TableDescription.TableStatus, 'DELETING');
		await refused(client, 'DescribeTable', on_table, 'ResourceNotFoundException');
	},

	async time_to_live_removes_nothing_until_it_is_told_to(start) {
		const { client } = await with_table(start);
		await must(client, 'UpdateTimeToLive', { ...on_table, TimeToLiveSpecification: { Enabled: true, AttributeName: 'ttl' } });
		assert.deepEqual((await must(client, 'DescribeTimeToLive', on_table)).TimeToLiveDescription,
			{ TimeToLiveStatus: 'ENABLED', AttributeName: 'ttl' });
		await must(client, 'PutItem', put({ p: 'a', i: 'old', ttl: 1000 }));
		await must(client, 'PutItem', put({ p: 'a', i: 'new', ttl: Math.floor(Date.now() / 1000) + 3600 }));
		assert.equal((await must(client, 'Scan', on_table)).Count, 2);
		await client.control({ expire: true });
		assert.equal(ids((await must(client, 'Scan', on_table)).Items), 'new');
	},

	async return_values_are_of_every_kind(start) {
		const { client } = await with_table(start);
		const one = { p: 'a', i: 'b', n: 1, m: { M: item({ x: 1, y: 2 }) } };
		assert.deepEqual(await must(client, 'PutItem', put(one, { ReturnValues: 'ALL_OLD' })), {});
		assert.deepEqual((await must(client, 'PutItem', put({ ...one, n: 2 }, { ReturnValues: 'ALL_OLD' }))).Attributes, item(one));
		const update = (ReturnValues) => must(client, 'UpdateItem',
			at('a', 'b', { UpdateExpression: 'SET n = n + :v, m.x = :v', ...placeholders({ ':v': 5 }), ReturnValues }));
		assert.deepEqual((await update('UPDATED_OLD')).Attributes, item({ n: 2, m: { M: item({ x: 1 }) } }));
		assert.deepEqual((await update('UPDATED_NEW')).Attributes, item({ n: 12, m: { M: item({ x: 5 }) } }));
		assert.equal((await update('ALL_OLD')).Attributes.n.N, '12');
		assert.equal((await update('ALL_NEW')).Attributes.n.N, '22');
		assert.deepEqual(await update('NONE'), {});
		assert.equal((await must(client, 'DeleteItem', at('a', 'b', { ReturnValues: 'ALL_OLD' }))).Attributes.n.N, '27');
		assert.deepEqual(await must(client, 'DeleteItem', at('a', 'b', { ReturnValues: 'ALL_OLD' })), {});
	},

	async a_failed_condition_shows_the_item_only_when_asked(start) {
		const { client } = await with_table(start);
		await must(client, 'PutItem', put({ p: 'a', i: 'b', n: 1 }));
		const again = (more) => client.call('PutItem',
			put({ p: 'a', i: 'b' }, { ConditionExpression: 'attribute_not_exists(p)', ...more }));
		const plain = await again({});
		assert.deepEqual([plain.type, plain.body.Item], ['ConditionalCheckFailedException', undefined]);
		assert.deepEqual((await again({ ReturnValuesOnConditionCheckFailure: 'ALL_OLD' })).body.Item, item({ p: 'a', i: 'b', n: 1 }));
	},

	async queries_find_their_range_in_both_directions(start) {
		const { client } = await with_table(start);
		await fill(client, 10);
		for (const [condition, given, wanted] of RANGES) {
			const request = query(`p = :p AND ${condition}`, { ':p': 'a', ...given });
			assert.equal(ids((await must(client, 'Query', request)).Items), wanted, condition);
			const down = await must(client, 'Query', { ...request, ScanIndexForward: false });
			assert.equal(ids(down.Items.reverse()), wanted, condition);
		}
	},

	async pages_of_any_size_make_up_the_whole(start) {
		const { client } = await with_table(start);
		await fill(client, 25);
		for (const request of [query('p = :p', { ':p': 'a' }), query('p = :p', { ':p': 'a' }, { IndexName: 'due' }),
			query('g = :p', { ':p': 'x' }, { IndexName: 'list' })]) {
			for (const ScanIndexForward of [true, false]) {
				const whole = await all_pages(client, 'Query', { ...request, ScanIndexForward });
				assert.equal(whole.found.length, 25);
				for (const Limit of [1, 4, 5, 24, 25, 26]) {
					const { found, pages } = await all_pages(client, 'Query', { ...request, ScanIndexForward, Limit });
					assert.deepEqual(found, whole.found);
					assert.equal(pages, Math.floor(25 / Limit) + 1);
				}
			}
		}
	},

	async a_page_ends_after_a_megabyte_and_filters_count_afterwards(start) {
		const { client } = await with_table(start);
		for (let i = 0; i < 8; i++) {
			await must(client, 'PutItem', put({ p: 'a', i: String(i), n: i, x: 'x'.repeat(300000) }));
		}
		const first = await must(client, 'Query', query('p = :p', { ':p': 'a', ':n': 7 }, { FilterExpression: 'n = :n' }));
		assert.deepEqual([first.Count, first.ScannedCount, first.LastEvaluatedKey.i.S], [0, 4, '3']);
		assert.equal((await all_pages(client, 'Scan', on_table)).found.length, 8);
		const counted = await must(client, 'Query', query('p = :p', { ':p': 'a' }, { Select: 'COUNT', Limit: 3 }));
		assert.deepEqual([counted.Count, counted.Items], [3, undefined]);
	},

	async segments_of_a_scan_share_all_items_out(start) {
		const { client } = await with_table(start);
		for (let i = 0; i < 60; i++) {
			await must(client, 'PutItem', put({ p: `p${i}`, i: 'x' }));
		}
		const found = [];
		for (let Segment = 0; Segment < 4; Segment++) {
			found.push(...(await all_pages(client, 'Scan',
				{ ...on_table, Segment, TotalSegments: 4, Limit: 7 })).found.map((x) => x.p.S));
		}
		assert.equal(new Set(found).size, 60);
		assert.equal(found.length, 60);
	},

	async indexes_hold_the_items_that_have_their_keys_and_what_they_project(start) {
		const { client } = await with_table(start);
		await must(client, 'PutItem', put({ p: 'a', i: '1', due: 20, g: 'x', n: 1, extra: 1 }));
		await must(client, 'PutItem', put({ p: 'a', i: '2', due: 3, h: 'only' }));
		await must(client, 'PutItem', put({ p: 'a', i: '3' }));
		const due = (more) => must(client, 'Query',
			query('p = :p AND due <= :d', { ':p': 'a', ':d': 20 }, { IndexName: 'due', ConsistentRead: true, ...more }));
		assert.equal(ids((await due()).Items), '2 1');
		await must(client, 'UpdateItem', at('a', '1', { UpdateExpression: 'REMOVE due' }));
		assert.equal(ids((await due()).Items), '2');
		const part = await must(client, 'Query', query('g = :g', { ':g': 'x' }, { IndexName: 'part' }));
		assert.deepEqual(part.Items, [item({ p: 'a', i: '1', g: 'x', n: 1 })]);
		await refused(client, 'Query', query('g = :g', { ':g': 'x' },
			{ IndexName: 'part', ProjectionExpression: 'extra' }), 'ValidationException', 'does not project [extra]');
		assert.equal((await must(client, 'Query', query('g = :g', { ':g': 'x' }, { IndexName: 'list' }))).Count, 0);
	},

	async a_global_index_lags_behind_and_nothing_else_does(start) {
		const { client } = await with_table(start, '--gsi-lag-ms', '3600000');
		const count = async (index, key) => (await must(client, 'Query',
			query(`${key} = :k`, { ':k': 'k' }, index ? { IndexName: index } : {}))).Count;
		await must(client, 'PutItem', put({ p: 'k', i: '1', due: 1, g: 'k', h: 'h' }));
		await must(client, 'PutItem', put({ p: 'k', i: '2', due: 1, g: 'k', h: 'h' }));
		assert.deepEqual([await count('', 'p'), await count('due', 'p'), await count('list', 'g')], [2, 2, 0]);
		await client.control({ gsi_lag_ms: 1 });
		await must(client, 'DeleteItem', at('k', '1'));
		assert.equal(await count('list', 'g'), 0);
		const now_ms = Date.now() + 3700000;
		await client.control({ clock_skew_ms: 3700000 });
		const late = await client.call('Query', query('g = :k', { ':k': 'k' }, { IndexName: 'list' }), { now_ms });
		assert.equal(ids(late.body.Items), '2');
	},

	async strings_are_ordered_by_their_bytes_and_numbers_by_value(start) {
		const { client } = await with_table(start);
		const texts = ['a', 'a\0', 'a\0b', 'a\x01', 'aa', 'b', 'é', '\ufffd', '😀'];
		const numbers = ['-1e20', '-10', '-2', '-1.5', '0', '0.5', '2', '10', '1e20'];
		for (let i = texts.length - 1; i >= 0; i--) {
			await must(client, 'PutItem', put({ p: 'a', i: texts[i], due: { N: numbers[i] } }));
		}
		const found = async (more) => (await must(client, 'Query', query('p = :p', { ':p': 'a' }, more))).Items.map((x) => x.i.S);
		assert.deepEqual(await found({}), texts);
		assert.deepEqual(await found({ IndexName: 'due' }), texts);
	},

	async queries_that_are_no_range_of_keys_are_refused(start) {
		const { client } = await with_table(start);
		for (const [condition, given, reason] of QUERY_FAULTS) {
			await refused(client, 'Query', query(condition, given), 'ValidationException', reason);
		}
	},

	async items_and_requests_that_break_a_rule_are_refused_with_the_reason(start) {
		const { client } = await with_table(start);
		for (const [operation, request, reason] of ITEM_FAULTS) {
			await refused(client, operation, request, 'ValidationException', reason);
		}
		assert.equal((await must(client, 'Scan', on_table)).Count, 0);
	},

	async batches_do_all_and_refuse_duplicates(start) {
		const { client } = await with_table(start);
		const puts = (n, of = (i) => String(i)) => ({ RequestItems: { [TABLE]: Array.from({ length: n },
			(_, i) => ({ PutRequest: { Item: item({ p: 'a', i: of(i) }) } })) } });
		assert.deepEqual(await must(client, 'BatchWriteItem', puts(25)), { UnprocessedItems: {} });
		await refused(client, 'BatchWriteItem', puts(26), 'ValidationException');
		await refused(client, 'BatchWriteItem', puts(2, () => 'same'), 'ValidationException', 'contains duplicates');
		const Keys = Array.from({ length: 30 }, (_, i) => item({ p: 'a', i: String(i) }));
		const got = await must(client, 'BatchGetItem', { RequestItems: { [TABLE]: { Keys, ConsistentRead: true } } });
		assert.equal(got.Responses[TABLE].length, 25);
		await must(client, 'BatchWriteItem',
			{ RequestItems: { [TABLE]: Keys.slice(0, 25).map((Key) => ({ DeleteRequest: { Key } })) } });
		assert.equal((await must(client, 'Scan', on_table)).Count, 0);
	},

	async a_hundred_thousand_items_in_one_partition_are_found_as_fast_as_ten(start) {
		const { client } = await with_table(start);
		const batch = (from) => must(client, 'BatchWriteItem', { RequestItems: { [TABLE]: Array.from({ length: 25 }, (_, i) => (
			{ PutRequest: { Item: item({ p: 'a', i: String((from + i) * 7919 % 100000).padStart(6, '0'), due: from + i }) } })) } });
		for (let from = 0; from < 100000; from += 400) {
			await Promise.all(Array.from({ length: 16 }, (_, i) => batch(from + i * 25)));
		}
		const last = await must(client, 'Query', query('p = :p AND due >= :d', { ':p': 'a', ':d': 99998 }, { IndexName: 'due' }));
		assert.deepEqual(last.Items.map((x) => x.due.N), ['99998', '99999']);
		const count = await until(async () => (await must(client, 'DescribeTable', on_table)).Table.ItemCount, 'the count');
		assert.equal(count, 100000);
	},
};
