/* Transactions: all or nothing, the reasons in their order, and tokens. */
'use strict';

const assert = require('assert');

const { at, item, must, on_table, placeholders, put, with_table } = require('../fixture');

const Put = (plain, more) => ({ Put: put(plain, more) });
const Check = (p, i, condition, given, more) => ({ ConditionCheck: at(p, i,
	{ ConditionExpression: condition, ...placeholders(given), ...more }) });
const Update = (p, i, update, given, more) => ({ Update: at(p, i, { UpdateExpression: update, ...placeholders(given), ...more }) });
const Delete = (p, i, more) => ({ Delete: at(p, i, more) });
const write = (client, TransactItems, more) => client.call('TransactWriteItems', { TransactItems, ...more });
const codes = (answer) => answer.body.CancellationReasons.map((r) => r.Code);
const count = async (client) => (await must(client, 'Scan', on_table)).Count;

const absent = { ConditionExpression: 'attribute_not_exists(p)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' };

/* actions, what the message says: requests that are refused whole */
const REFUSED = [
	[[], 'Member must have length greater than or equal to 1'],
	[Array.from({ length: 101 }, (_, i) => Put({ p: 'a', i: String(i) })), 'Member must have length less than or equal to 100'],
	[[{}], 'can only contain one of Check, Put, Update or Delete'],
	[[{ ...Put({ p: 'a', i: 'a' }), ...Delete('a', 'b') }], 'can only contain one of'],
	[[Put({ p: 'a', i: 'a' }), Delete('a', 'a')], 'cannot include multiple operations on one item'],
	[[{ ConditionCheck: at('a', 'a') }],
		"'transactItems.1.member.conditionCheck.conditionExpression' failed to satisfy constraint: Member must not be null"],
	[[Put({ p: 'a', i: 'a' }, { ConditionExpression: 'attribute_exists(name)' })], 'reserved keyword'],
	[Array.from({ length: 11 }, (_, i) => Put({ p: 'a', i: String(i), x: 'x'.repeat(400000) })), '4 MB'],
];

module.exports = {
	async a_transaction_of_all_four_kinds_is_done_whole(start) {
		const { client } = await with_table(start);
		await must(client, 'PutItem', put({ p: 'a', i: 'upd', n: 1 }));
		await must(client, 'PutItem', put({ p: 'a', i: 'del' }));
		await must(client, 'PutItem', put({ p: 'a', i: 'chk', n: 7 }));
		const done = await write(client, [Put({ p: 'a', i: 'put' }, absent),
			Update('a', 'upd', 'SET n = n + :v', { ':v': 1 }), Delete('a', 'del'),
			Check('a', 'chk', 'n = :v', { ':v': 7 })]);
		assert.deepEqual([done.status, done.body], [200, {}]);
		const { Items } = await must(client, 'Scan', on_table);
		assert.deepEqual(Items, [item({ p: 'a', i: 'chk', n: 7 }), item({ p: 'a', i: 'put' }), item({ p: 'a', i: 'upd', n: 2 })]);
	},

	async one_failed_condition_undoes_all_and_reasons_are_in_order(start) {
		const { client } = await with_table(start);
		await must(client, 'PutItem', put({ p: 'a', i: 'x', n: 1 }));
		const done = await write(client, [Put({ p: 'a', i: 'new' }), Put({ p: 'a', i: 'x' }, absent),
			Update('a', 'x2', 'SET n = :v', { ':v': 1 }),
			Check('a', 'x3', 'attribute_exists(p)', {}), Update('a', 'y', 'SET n = nothing', {})]);
		assert.deepEqual([done.status, done.body.__type], [400, 'com.amazonaws.dynamodb.v20120810#TransactionCanceledException']);
		assert.deepEqual(codes(done), ['None', 'ConditionalCheckFailed', 'None', 'ConditionalCheckFailed', 'ValidationError']);
		assert.deepEqual(done.body.CancellationReasons[1].Item, item({ p: 'a', i: 'x', n: 1 }));
		assert.equal(done.body.CancellationReasons[3].Item, undefined);
		assert.match(done.body.Message, /\[None, ConditionalCheckFailed, None, ConditionalCheckFailed, ValidationError\]$/);
		assert.equal(await count(client), 1);
	},

	async conditions_see_the_items_as_they_were_before_the_transaction(start) {
		const { client } = await with_table(start);
		const done = await write(client, [Put({ p: 'a', i: '1' }), Check('a', '2', 'attribute_not_exists(p)', {}),
			Put({ p: 'a', i: '3' }, absent)]);
		assert.equal(done.status, 200);
		assert.equal(await count(client), 2);
	},

	async transactions_that_break_a_rule_are_refused_whole(start) {
		const { client } = await with_table(start);
		for (const [actions, reason] of REFUSED) {
			const answer = await write(client, actions);
			assert.equal(answer.type, 'ValidationException', reason);
			assert.ok(answer.body.message.includes(reason), answer.body.message);
		}
		assert.equal(await count(client), 0);
	},

	async a_hundred_actions_on_a_hundred_items_are_one_transaction(start) {
		const { client } = await with_table(start);
		assert.equal((await write(client, Array.from({ length: 100 }, (_, i) => Put({ p: 'a', i: String(i) }, absent)))).status, 200);
		assert.equal(await count(client), 100);
	},

	async the_same_token_is_done_once_and_another_request_with_it_is_a_mismatch(start) {
		const { client } = await with_table(start);
		const add = (v, ClientRequestToken) => write(client, [Update('a', 'n', 'ADD n :v', { ':v': v })], { ClientRequestToken });
		const value = async () => (await must(client, 'GetItem', at('a', 'n', { ConsistentRead: true }))).Item.n.N;
		assert.equal((await add(1, 'first')).status, 200);
		assert.equal((await add(1, 'first')).status, 200);
		assert.equal(await value(), '1');
		assert.equal((await add(2, 'first')).type, 'IdempotentParameterMismatchException');
		assert.equal((await add(1, 'second')).status, 200);
		assert.equal(await value(), '2');
		await client.control({ clock_skew_ms: 10 * 60 * 1000 + 1000 });
		const late = await client.call('TransactWriteItems',
			{ TransactItems: [Update('a', 'n', 'ADD n :v', { ':v': 2 })], ClientRequestToken: 'first' },
			{ now_ms: Date.now() + 10 * 60 * 1000 });
		assert.equal(late.status, 200);
		await client.control({ clock_skew_ms: 0 });
		assert.equal(await value(), '4');
	},

	async a_token_of_a_cancelled_transaction_is_free(start) {
		const { client } = await with_table(start);
		const actions = [Check('a', 'x', 'attribute_exists(p)', {}), Put({ p: 'a', i: 'y' })];
		assert.equal((await write(client, actions, { ClientRequestToken: 't' })).type, 'TransactionCanceledException');
		await must(client, 'PutItem', put({ p: 'a', i: 'x' }));
		assert.equal((await write(client, actions, { ClientRequestToken: 't' })).status, 200);
	},

	async transact_get_gives_items_in_order_and_empty_places(start) {
		const { client } = await with_table(start);
		await must(client, 'PutItem', put({ p: 'a', i: 'x', n: 1, m: 2 }));
		const Get = (i, more) => ({ Get: at('a', i, more) });
		const got = await must(client, 'TransactGetItems', { TransactItems: [Get('none'), Get('x', { ProjectionExpression: 'n' })] });
		assert.deepEqual(got, { Responses: [{}, { Item: item({ n: 1 }) }] });
		assert.equal((await client.call('TransactGetItems', { TransactItems: [Get('x'), Get('x')] })).type, 'ValidationException');
	},

	async a_missing_table_is_not_found(start) {
		const { client } = await with_table(start);
		const answer = await write(client, [{ Put: { TableName: 'other', Item: item({ p: 'a', i: 'a' }) } }]);
		assert.equal(answer.type, 'ResourceNotFoundException');
	},
};
