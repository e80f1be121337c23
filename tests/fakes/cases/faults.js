/* Faults: each kind does what its name says, seeds repeat them, and the journal keeps what was acknowledged. */
'use strict';

const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');

const { Faults, KINDS } = require('../dynamodb/faults');
const { FATES } = require('../dynamodb/fates');
const { start: start_server, until } = require('../client');
const { TABLE, at, item, must, on_table, placeholders, put, with_table } = require('../fixture');

const transaction = (i, more) => ({ TransactItems: [{ Put: put({ p: 'a', i }) }, { Put: put({ p: 'a', i: i + "'" }) }], ...more });
const is_there = async (client, i) => (await must(client, 'GetItem', at('a', i, { ConsistentRead: true }))).Item !== undefined;

/* One request with that fault: its answer, or 'dropped'. */
async function with_fault(client, fault, op, request, more) {
	await client.control({ next: [{ op, fault, ...more }] });
	try {
		return await client.call(op, request);
	} catch (error) {
		assert.ok(['ECONNRESET', 'EPIPE'].includes(error.code), error);
		return 'dropped';
	}
}

/* fault: [type of the answer or 'dropped', are the items there] */
const TRANSACTIONS = {
	'drop-before': ['dropped', false], 'reset-before': ['dropped', false], '500before': ['InternalServerError', false], 503: ['ServiceUnavailable', false],
	inprogress: ['TransactionInProgressException', false], conflict: ['TransactionCanceledException', false],
	'500after': ['InternalServerError', true], 'drop-after': ['dropped', true], slow: ['', true], hold: ['', true],
};

const SINGLE = { conflict: ['TransactionConflictException', false], '500after': ['InternalServerError', true], 'drop-after': ['dropped', true] };

module.exports = {
	every_kind_of_fault_has_its_fate() {
		assert.deepEqual(Object.keys(FATES).sort(), Object.keys(KINDS).sort());
	},

	a_seed_repeats_its_faults_and_probabilities_are_kept() {
		const run = (seed) => {
			const faults = new Faults(seed, 'conflict=0.1,PutItem.throttle=0.5,slow=0.02:5');
			return Array.from({ length: 20000 }, (_, i) => faults.draw(i % 2 ? 'PutItem' : 'TransactWriteItems').kind);
		};
		const first = run(7);
		assert.deepEqual(run(7), first);
		assert.notDeepEqual(run(8), first);
		const share = (kind) => first.filter((k) => k === kind).length / first.length;
		assert.ok(Math.abs(share('conflict') - 0.1) < 0.01);
		assert.ok(Math.abs(share('throttle') - 0.9 * 0.25) < 0.02);
		assert.ok(share('slow') > 0.005);
	},

	a_plan_with_a_fault_is_refused() {
		for (const spec of ['conflict', 'conflict=2', 'nothing=0.1', 'GetItem.conflict=0.1', 'conflict=0.1:x']) {
			assert.throws(() => new Faults(1, spec), /is not \[OPERATION\.\]kind=probability/, spec);
		}
	},

	async each_fault_does_to_a_transaction_what_its_name_says(start) {
		const { client } = await with_table(start);
		for (const [fault, [type, there]] of Object.entries(TRANSACTIONS)) {
			const answer = await with_fault(client, fault, 'TransactWriteItems', transaction(fault), { ms: 1 });
			assert.equal(answer === 'dropped' ? answer : answer.type, type, fault);
			assert.deepEqual([await is_there(client, fault), await is_there(client, fault + "'")], [there, there], fault);
		}
		assert.deepEqual(Object.keys((await client.control()).faults).sort(), Object.keys(TRANSACTIONS).sort());
	},

	async and_to_a_single_write(start) {
		const { client } = await with_table(start);
		for (const [fault, [type, there]] of Object.entries(SINGLE)) {
			const answer = await with_fault(client, fault, 'PutItem', put({ p: 'a', i: fault }));
			assert.equal(answer === 'dropped' ? answer : answer.type, type, fault);
			assert.equal(await is_there(client, fault), there, fault);
		}
	},

	async a_reset_is_one_each_time(start) {
		const { client } = await with_table(start);
		for (let i = 0; i < 10; i++) {
			await client.control({ next: [{ op: 'PutItem', fault: 'reset-before' }] });
			await assert.rejects(client.call('PutItem', put({ p: 'a', i: 'x' })), { code: 'ECONNRESET', syscall: 'read' });
		}
		assert.equal(await is_there(client, 'x'), false);
	},

	async a_conflict_names_one_action(start) {
		const { client } = await with_table(start);
		const answer = await with_fault(client, 'conflict', 'TransactWriteItems', transaction('x'));
		assert.deepEqual(answer.body.CancellationReasons.map((r) => r.Code).sort(), ['None', 'TransactionConflict']);
	},

	async a_late_write_is_done_after_its_answer(start) {
		const { client } = await with_table(start);
		const answer = await with_fault(client, 'late', 'TransactWriteItems', transaction('late'), { ms: 50 });
		assert.ok(answer === 'dropped' || answer.type === 'InternalServerError');
		await until(() => is_there(client, 'late'), 'the late write');
		assert.equal((await client.control()).pending, 0);
	},

	async items_that_a_transaction_holds_conflict_with_others(start) {
		const { client } = await with_table(start);
		await client.control({ next: [{ op: 'TransactWriteItems', fault: 'hold', ms: 300 }] });
		const first = client.call('TransactWriteItems', transaction('x', { ClientRequestToken: 'first' }));
		await until(async () => (await client.control()).pending === 1, 'the transaction to begin');
		assert.equal((await client.call('PutItem', put({ p: 'a', i: 'x' }))).type, 'TransactionConflictException');
		const other = await client.call('TransactWriteItems',
			{ TransactItems: [{ Put: put({ p: 'a', i: 'free' }) }, { Delete: at('a', "x'") }] });
		assert.deepEqual(other.body.CancellationReasons.map((r) => r.Code), ['None', 'TransactionConflict']);
		const same = await client.call('TransactWriteItems', transaction('x', { ClientRequestToken: 'first' }));
		assert.equal(same.type, 'TransactionInProgressException');
		assert.equal((await first).status, 200);
		assert.equal((await client.call('PutItem', put({ p: 'a', i: 'x' }))).status, 200);
	},

	async throttled_batches_are_done_in_part_and_give_back_the_rest(start) {
		const { client } = await with_table(start, '--faults', 'BatchWriteItem.throttle=1,BatchGetItem.throttle=1');
		let left = { [TABLE]: Array.from({ length: 25 }, (_, i) => ({ PutRequest: { Item: item({ p: 'a', i: String(i) }) } })) };
		await until(async () => {
			const answer = await client.call('BatchWriteItem', { RequestItems: left });
			assert.ok(answer.status === 200 || answer.type === 'ProvisionedThroughputExceededException');
			left = answer.status === 200 ? answer.body.UnprocessedItems : left;
			assert.ok(left[TABLE].length >= 1);
			return left[TABLE].length === 1;
		}, 'all but one');
		assert.equal((await must(client, 'Scan', on_table)).Count, 24);
		const Keys = Array.from({ length: 20 }, (_, i) => item({ p: 'a', i: String(i) }));
		const got = await until(async () => {
			const answer = await client.call('BatchGetItem', { RequestItems: { [TABLE]: { Keys, ConsistentRead: true } } });
			return answer.status === 200 && answer.body;
		}, 'a batch in part');
		assert.ok(got.UnprocessedKeys[TABLE].Keys.length > 0);
		assert.equal(got.UnprocessedKeys[TABLE].ConsistentRead, true);
	},

	async throttling_has_many_names(start) {
		const { client } = await with_table(start, '--faults', 'throttle=1');
		const seen = new Set();
		for (let i = 0; i < 60; i++) {
			seen.add((await client.call('PutItem', put({ p: 'a', i: 'x' }))).type);
			seen.add((await client.call('TransactWriteItems', transaction('x'))).type);
		}
		assert.deepEqual([...seen].sort(), ['ProvisionedThroughputExceededException', 'RequestLimitExceeded',
			'ThrottlingException', 'TransactionCanceledException']);
	},

	async scripts_wait_for_their_turn_and_plans_can_be_changed(start) {
		const { client } = await with_table(start, '--faults', 'PutItem.500before=1');
		const put_type = async () => (await client.call('PutItem', put({ p: 'a', i: 'x' }))).type;
		assert.equal(await put_type(), 'InternalServerError');
		await client.control({ faults: '', next: [{ op: 'PutItem', fault: 'conflict', skip: 1, times: 2 }] });
		assert.deepEqual([await put_type(), await put_type(), await put_type(), await put_type()],
			['', 'TransactionConflictException', 'TransactionConflictException', '']);
		assert.match((await client.control({ faults: 'x' })).message, /is not/);
		assert.match((await client.control({ nothing: 1 })).message, /there is no command/);
		assert.equal((await client.control()).requests.PutItem, 5);
	},

	async a_server_that_is_killed_has_lost_nothing_it_acknowledged(start) {
		const where = fs.mkdtempSync(path.join(os.tmpdir(), 'tocsin-fakes-'));
		const journal = path.join(where, 'journal');
		try {
			let server = await with_table(start, '--journal', journal);
			const acknowledged = new Set();
			for (let round = 0; round < 5; round++) {
				const writers = Array.from({ length: 8 }, async (_, w) => {
					for (let n = 0; ; n++) {
						const i = `${round}-${w}-${n}`;
						const answer = await server.client.call('TransactWriteItems',
							transaction(i, { ClientRequestToken: i })).catch(() => undefined);
						if (!answer) {
							return;
						}
						assert.equal(answer.status, 200);
						acknowledged.add(i);
					}
				});
				const enough = acknowledged.size + 50;
				await until(() => acknowledged.size >= enough, 'writes');
				await server.stop('SIGKILL');
				await Promise.all(writers);
				fs.appendFileSync(journal, '{"writes":[["pager",{"p":{"S":"torn"');
				server = await start('--journal', journal);
			}
			for (const i of acknowledged) {
				assert.ok(await is_there(server.client, i) && await is_there(server.client, i + "'"), i);
			}
			const [some] = acknowledged;
			const again = await server.client.call('TransactWriteItems', { ...transaction('other'), ClientRequestToken: some });
			assert.equal(again.type, 'IdempotentParameterMismatchException');
			const due = await must(server.client, 'Query',
				{ ...on_table, KeyConditionExpression: 'p = :p', ...placeholders({ ':p': 'a' }), Select: 'COUNT' });
			assert.ok(due.Count >= acknowledged.size * 2 || due.LastEvaluatedKey);
			assert.equal(due.Count % 2, 0);
		} finally {
			fs.rmSync(where, { recursive: true });
		}
	},

	async a_journal_keeps_tables_deletions_and_time_to_live(start) {
		const where = fs.mkdtempSync(path.join(os.tmpdir(), 'tocsin-fakes-'));
		const journal = path.join(where, 'journal');
		try {
			const first = await with_table(start, '--journal', journal);
			await must(first.client, 'PutItem', put({ p: 'a', i: 'gone' }));
			await must(first.client, 'PutItem', put({ p: 'a', i: 'left', due: 5 }));
			await must(first.client, 'DeleteItem', at('a', 'gone'));
			await must(first.client, 'DeleteItem', at('a', 'never'));
			await must(first.client, 'UpdateTimeToLive',
				{ ...on_table, TimeToLiveSpecification: { Enabled: true, AttributeName: 'ttl' } });
			await first.stop('SIGKILL');
			const { client } = await start('--journal', journal);
			assert.deepEqual((await must(client, 'Scan', on_table)).Items, [item({ p: 'a', i: 'left', due: 5 })]);
			assert.equal((await must(client, 'Scan', { ...on_table, IndexName: 'due' })).Count, 1);
			assert.equal((await must(client, 'DescribeTimeToLive', on_table)).TimeToLiveDescription.AttributeName, 'ttl');
			await must(client, 'DeleteTable', on_table);
		} finally {
			fs.rmSync(where, { recursive: true });
		}
	},

	async options_with_a_fault_are_refused() {
		for (const [options, reason] of [[['--nothing', '1'], /is no option/], [['--port', 'x'], /takes a number/],
			[['--faults', 'x'], /is not/]]) {
			await assert.rejects(start_server(...options), reason);
		}
	},
};
