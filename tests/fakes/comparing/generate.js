/* The requests: tables, then some thousands of random operations on few items, so that they meet, then hand-made corners.
 *
 * A step is { op, request, unordered?, pages? }: unordered answers are compared as sets; pages: the runner goes on with LastEvaluatedKey.
 * Sort keys of indexes are all different, because the order of equal ones is nobody's promise.
 */
'use strict';

const { DESCRIPTION, keys } = require('../fixture');
const { Random } = require('./random');
const values = require('./values');
const { Writer } = require('./expressions');

const attributes = (types) => Object.entries(types).map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType }));

const TABLES = {
	pager: DESCRIPTION,
	numbers: {
		TableName: 'numbers', BillingMode: 'PAY_PER_REQUEST',
		AttributeDefinitions: attributes({ p: 'N', i: 'B', x: 'S' }), KeySchema: keys('p', 'i'),
		LocalSecondaryIndexes: [{ IndexName: 'local', KeySchema: keys('p', 'x'), Projection: { ProjectionType: 'KEYS_ONLY' } }],
	},
	plain: {
		TableName: 'plain', BillingMode: 'PAY_PER_REQUEST', AttributeDefinitions: attributes({ p: 'S', g: 'N' }), KeySchema: keys('p'),
		GlobalSecondaryIndexes: [{ IndexName: 'by_number', KeySchema: keys('g'), Projection: { ProjectionType: 'KEYS_ONLY' } }],
	},
};

/* table: what its keys are made of */
const KEYS = {
	pager: (r) => ({ p: { S: r.one(['p1', 'p2', 'p3']) }, i: { S: r.one(['a', 'ab', 'abc', 'b', 'é', '10', '9', 'z']) } }),
	numbers: (r) => ({ p: { N: r.one(['1', '2.50', '-3']) }, i: { B: r.one(['AA==', 'AAE=', '/w==', 'YWJj', 'YWI=']) } }),
	plain: (r) => ({ p: { S: r.one(['one', 'two', 'three', '😀', 'five']) } }),
};

/* table: attributes that its indexes are made of, unique where they sort */
const INDEXED = {
	pager: (r, n) => ({ ...(r.chance(70) ? { due: { N: String(r.below(1000) * 10000 + n) } } : {}),
		...(r.chance(70) ? { g: { S: r.one(['g1', 'g2']) } } : {}), ...(r.chance(80) ? { h: { S: `${r.below(1000)}-${n}` } } : {}) }),
	numbers: (r, n) => (r.chance(70) ? { x: { S: `${r.below(1000)}-${n}` } } : {}),
	plain: (r) => (r.chance(70) ? { g: { N: r.one(['1', '2']) } } : {}),
};

class Generator {
	constructor(seed, avoid) {
		this.r = new Random(seed, avoid);
		this.n = 0;
	}

	table() {
		return this.r.weighted([[6, 'pager'], [2, 'numbers'], [2, 'plain']]);
	}

	item(table) {
		const { r } = this;
		const item = Object.fromEntries(r.some(0, 5, () => [r.one(values.NAMES), values.value(r)]));
		return { ...item, ...INDEXED[table](r, this.n), ...KEYS[table](r) };
	}

	/* A condition, most of the time a sound one. */
	condition(writer) {
		return this.r.chance(50) ? { ConditionExpression: writer.maybe_broken(writer.condition(), 8) } : {};
	}

	shown_on_failure() {
		return this.r.chance(30) ? { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } : {};
	}

	put(table) {
		const { r } = this;
		const writer = new Writer(r);
		const Item = this.item(table);
		if (r.chance(6)) {
			r.weighted([[3, () => { Item[r.one(values.NAMES)] = values.broken(r); }], [1, () => { delete Item.p; }],
				[1, () => { Item.p = { S: '' }; }],
				[1, () => { Item.p = { BOOL: true }; }], [1, () => { Item.due = { S: 'x' }; }],
				[1, () => { Item.g = { L: [] }; }]])();
		}
		const more = this.condition(writer);
		return { op: 'PutItem', request: { TableName: table, Item, ...more, ...writer.placeholders(), ...this.shown_on_failure(),
			...(r.chance(40) ? { ReturnValues: r.one(['ALL_OLD', 'NONE', 'ALL_OLD', 'UPDATED_NEW']) } : {}) } };
	}

	key(table) {
		const { r } = this;
		const Key = KEYS[table](r);
		if (r.chance(4)) {
			r.one([() => { Key.p = { BOOL: true }; }, () => { Key.q = { S: 'x' }; }, () => { delete Key.p; },
				() => { Key.p = { S: '' }; }, () => { Key.p = values.broken(r); }])();
		}
		return Key;
	}

	update(table) {
		const { r } = this;
		const writer = new Writer(r);
		const index = r.chance(20) ? INDEXED[table](r, this.n) : {};
		const [name] = Object.keys(index);
		let text = name ? `SET ${name} = ${writer.value(index[name])}` : writer.update();
		text = r.chance(5) ? r.one([`${text} SET q = :v0`, 'SET p = :v0', `${text},`, 'ADD a :v0, a :v0',
			'SET a = b + c + d', 'REMOVE p', '', 'SET a.b = :v0 REMOVE a', 'DROP a']) : text;
		const more = this.condition(writer);
		return { op: 'UpdateItem', request: { TableName: table, Key: this.key(table), UpdateExpression: text, ...more,
			...writer.placeholders(),
			...this.shown_on_failure(), ReturnValues: r.one(['NONE', 'ALL_OLD', 'ALL_NEW', 'UPDATED_OLD', 'UPDATED_NEW']) } };
	}

	remove(table) {
		const writer = new Writer(this.r);
		const more = this.condition(writer);
		return { op: 'DeleteItem', request: { TableName: table, Key: this.key(table), ...more, ...writer.placeholders(),
			...this.shown_on_failure(),
			ReturnValues: this.r.one(['NONE', 'ALL_OLD']) } };
	}

	projected(writer) {
		return this.r.chance(30) ? { ProjectionExpression: writer.projection() } : {};
	}

	get(table) {
		const writer = new Writer(this.r);
		const more = this.projected(writer);
		return { op: 'GetItem', request: { TableName: table, Key: this.key(table), ...more, ...writer.placeholders(),
			ConsistentRead: this.r.chance(50) } };
	}

	/* table.index: [partition key, its values, sort key, sort key's type, is it global] */
	query() {
		const { r } = this;
		const [TableName, IndexName, hash, hashes, range, ranges] = r.one(QUERIES);
		const writer = new Writer(r);
		const parts = [`${hash} = ${writer.value(hashes(r))}`];
		if (range && r.chance(60)) {
			parts.push(this.range(writer, range, ranges));
		}
		const request = { TableName, ...(IndexName ? { IndexName } : {}) };
		if (r.chance(30)) {
			request.FilterExpression = writer.maybe_broken(writer.condition(), 5);
		}
		if (r.chance(20)) {
			request.ProjectionExpression = writer.projection();
		} else if (r.chance(20)) {
			request.Select = r.one(['COUNT', 'ALL_ATTRIBUTES', 'ALL_PROJECTED_ATTRIBUTES', 'SPECIFIC_ATTRIBUTES']);
		}
		const text = parts.join(' AND ');
		request.KeyConditionExpression = r.chance(4)
			? r.one([`NOT ${text}`, parts[0].replace('=', '>'), `${text} OR a = :v0`, `${text} AND ${parts[0]}`, 'a = :v0']) : text;
		Object.assign(request, writer.placeholders(), r.chance(50) ? { ScanIndexForward: r.chance(50) } : {},
			r.chance(20) ? { ConsistentRead: r.chance(70) } : {});
		const is_paged = range && r.chance(40);
		return { op: 'Query', request: is_paged ? { ...request, Limit: 1 + r.below(5) } : request, pages: is_paged, unordered: !range };
	}

	range(writer, range, ranges) {
		const { r } = this;
		const type = Object.keys(ranges(r))[0];
		return r.weighted([
			[5, () => `${range} ${r.one(['=', '<', '<=', '>', '>='])} ${writer.value(ranges(r))}`],
			[2, () => `${range} BETWEEN ${writer.value(ranges(r))} AND ${writer.value(ranges(r))}`],
			[type === 'N' ? 0 : 2, () => `begins_with(${range}, ${writer.value(ranges(r))})`],
		])();
	}

	scan(table) {
		const { r } = this;
		const writer = new Writer(r);
		const request = { TableName: table };
		if (r.chance(60)) {
			request.FilterExpression = writer.maybe_broken(writer.condition(), 5);
		}
		return { op: 'Scan', request: { ...request, ...this.projected(writer), ...writer.placeholders(),
			...(r.chance(20) ? { Select: 'COUNT' } : {}) }, unordered: true };
	}

	batch_get() {
		const { r } = this;
		const names = r.some(1, 2, () => this.table());
		const lists = names.map((name) => [name, { Keys: r.some(1, 4, () => KEYS[name](r)), ConsistentRead: true }]);
		return { op: 'BatchGetItem', request: { RequestItems: Object.fromEntries(lists) }, unordered: true };
	}

	batch_write() {
		const { r } = this;
		const table = this.table();
		const writes = r.some(1, 4, () => (r.chance(70) ? { PutRequest: { Item: this.item(table) } }
			: { DeleteRequest: { Key: KEYS[table](r) } }));
		return { op: 'BatchWriteItem', request: { RequestItems: { [table]: writes } } };
	}

	step() {
		this.n++;
		return this.r.weighted([
			[22, () => this.put(this.table())], [26, () => this.update(this.table())],
			[8, () => this.remove(this.table())], [10, () => this.get(this.table())],
			[22, () => this.query()], [6, () => this.scan(this.table())], [2, () => this.batch_get()], [3, () => this.batch_write()],
		])();
	}

	steps(count) {
		return Array.from({ length: count }, () => this.step());
	}
}

const text_of = (list) => (r) => ({ S: r.one(list) });
const number = (r) => ({ N: String(r.below(1000) * 10000) });
const mark = (r) => ({ S: String(r.below(1000)) });

const QUERIES = [
	['pager', '', 'p', text_of(['p1', 'p2', 'p3']), 'i', text_of(['a', 'ab', 'b', 'é', '5'])],
	['pager', 'due', 'p', text_of(['p1', 'p2', 'p3']), 'due', number],
	['pager', 'list', 'g', text_of(['g1', 'g2']), 'h', mark],
	['pager', 'part', 'g', text_of(['g1', 'g2'])],
	['numbers', '', 'p', (r) => ({ N: r.one(['1', '2.5', '-3.0']) }), 'i', (r) => ({ B: r.one(['AA==', '/w==', 'YWI=']) })],
	['numbers', 'local', 'p', (r) => ({ N: r.one(['1', '2.5', '-3']) }), 'x', mark],
	['plain', '', 'p', text_of(['one', 'two'])],
	['plain', 'by_number', 'g', (r) => ({ N: r.one(['1', '2']) })],
];

module.exports = { Generator, TABLES };
