/* The requests of a store: documents with a version, changed one by one or several at once, each under a condition; indexes read in pages.
 *
 * Everything is sound as far as it goes; what varies is who was faster, what is there, and which token was used before. Steps are as in
 * generate.js; mend: what it writes is made the same afterwards even if the answers were, because the reference is known to do it twice.
 */
'use strict';

const { Random } = require('./random');

const TABLE = 'pager';
const PARTITIONS = ['p1', 'p2', 'p3'];
const IDS = ['a', 'ab', 'b', 'c', 'd'];
const TOKENS = ['AAE=', 'AgM=', 'BAU='];

/* condition: made with a writer of placeholders */
const CONDITIONS = {
	absent: () => 'attribute_not_exists(p)',
	present: () => 'attribute_exists(p)',
	version: (r, values) => {
		values[':ver'] = { N: String(1 + r.below(3)) };
		return 'ver = :ver';
	},
	version_or_absent: (r, values) => {
		values[':ver'] = { N: String(1 + r.below(3)) };
		return 'attribute_not_exists(p) OR ver < :ver';
	},
	token: (r, values) => {
		values[':tok'] = { B: r.one(TOKENS) };
		return 'attribute_exists(p) AND (token_ = :tok OR NOT ver = :one)';
	},
};

class Store {
	constructor(seed) {
		this.r = new Random(seed);
		this.n = 0;
		this.tokens = 0;
		this.done = [];
	}

	key() {
		return { p: { S: this.r.one(PARTITIONS) }, i: { S: this.r.one(IDS) } };
	}

	/* Sort keys of indexes are all different: n tells them apart. */
	item() {
		const { r } = this;
		return { ...this.key(), ver: { N: String(1 + r.below(3)) }, token_: { B: r.one(TOKENS) }, body: { S: `body ${this.n++}` },
			...(r.chance(70) ? { due: { N: String(r.below(1000) * 10000 + this.n) } } : {}),
			...(r.chance(70) ? { g: { S: r.one(['g1', 'g2']) } } : {}),
			...(r.chance(80) ? { h: { S: `${100000 + r.below(1000) * 100 + this.n}` } } : {}),
			tags: { SS: ['x', r.one(['y', 'z'])] } };
	}

	condition(values, percent) {
		if (!this.r.chance(percent)) {
			return {};
		}
		const text = CONDITIONS[this.r.one(Object.keys(CONDITIONS))](this.r, values);
		if (text.includes(':one')) {
			values[':one'] = { N: '1' };
		}
		return { ConditionExpression: text };
	}

	finish(request, values) {
		return { TableName: TABLE, ...request, ...(Object.keys(values).length ? { ExpressionAttributeValues: values } : {}),
			...(request.ConditionExpression && this.r.chance(60) ? { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } : {}) };
	}

	Put(percent = 60) {
		const values = {};
		return this.finish({ Item: this.item(), ...this.condition(values, percent) }, values);
	}

	Update(percent = 60) {
		const values = { ':one': { N: '1' }, ':body': { S: `update ${this.n++}` } };
		const more = this.r.one(['', ' REMOVE due', ' REMOVE g, h', ' ADD hits :one', ', origin = if_not_exists(origin, :body)']);
		return this.finish({ Key: this.key(), UpdateExpression: `SET ver = if_not_exists(ver, :one) + :one, body = :body${more}`,
			...this.condition(values, percent) }, values);
	}

	Delete(percent = 60) {
		const values = {};
		return this.finish({ Key: this.key(), ...this.condition(values, percent) }, values);
	}

	ConditionCheck() {
		return this.Delete(100);
	}

	transaction() {
		const { r } = this;
		if (r.chance(15) && this.done.length) {
			return { op: 'TransactWriteItems', request: r.one(this.done), mend: true };
		}
		const token = r.chance(5) && this.done.length ? r.one(this.done).ClientRequestToken : `token-${++this.tokens}`;
		const actions = r.some(1, 5, () => {
			const kind = r.weighted([[4, 'Put'], [4, 'Update'], [2, 'Delete'], [3, 'ConditionCheck']]);
			return { [kind]: this[kind](40) };
		});
		const request = { TransactItems: actions, ...(r.chance(40) ? { ClientRequestToken: token } : {}) };
		if (request.ClientRequestToken === `token-${this.tokens}`) {
			this.done.push(request);
		}
		return { op: 'TransactWriteItems', request };
	}

	query() {
		const { r } = this;
		const [IndexName, hash, from, range, bound] = r.one([
			['', 'p', PARTITIONS, 'i', { S: r.one(IDS) }], ['due', 'p', PARTITIONS, 'due', { N: String(r.below(1000) * 10000) }],
			['list', 'g', ['g1', 'g2'], 'h', { S: String(100000 + r.below(1000) * 100) }], ['part', 'g', ['g1', 'g2'], '', null]]);
		const values = { ':hash': { S: r.one(from) } };
		const parts = [`${hash} = :hash`];
		if (range && r.chance(60)) {
			values[':bound'] = bound;
			parts.push(`${range} ${r.one(['<', '<=', '>', '>=', '='])} :bound`);
		}
		const request = { TableName: TABLE, ...(IndexName ? { IndexName } : {}),
			KeyConditionExpression: parts.join(' AND '), ExpressionAttributeValues: values,
			ScanIndexForward: r.chance(60), ...(['', 'due'].includes(IndexName) ? { ConsistentRead: true } : {}),
			...(range && r.chance(50) ? { Limit: 1 + r.below(4) } : {}) };
		return { op: 'Query', request, unordered: !range, pages: Boolean(request.Limit) };
	}

	step() {
		const { r } = this;
		const single = (op, kind, kinds) => ({ op, request: { ...this[kind](), ReturnValues: r.one(kinds) } });
		return r.weighted([
			[12, () => single('PutItem', 'Put', ['NONE', 'ALL_OLD'])],
			[12, () => single('UpdateItem', 'Update', ['NONE', 'ALL_OLD', 'ALL_NEW'])],
			[5, () => single('DeleteItem', 'Delete', ['NONE', 'ALL_OLD'])], [30, () => this.transaction()], [25, () => this.query()],
			[6, () => ({ op: 'GetItem', request: { TableName: TABLE, Key: this.key(), ConsistentRead: true } })],
			[3, () => ({ op: 'Scan', request: { TableName: TABLE }, unordered: true })],
			[4, () => ({ op: 'TransactGetItems',
				request: { TransactItems: r.some(1, 3, () => ({ Get: { TableName: TABLE, Key: this.key() } })) } })],
		])();
	}

	steps(count) {
		return Array.from({ length: count }, () => this.step());
	}
}

module.exports = { Store };
