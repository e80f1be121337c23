/* Query and Scan: ranges of a view, a page at a time.
 *
 * A page ends after Limit rows or the first row that takes it past 1 MB, both counted before the filter; LastEvaluatedKey is the key
 * of that row in the table and, for an index, in the index too, and is there even when it was the last row, as in the service: an
 * empty page with a key means go on.
 */
'use strict';

const { invalid, bad_parameter } = require('./errors');
const evaluate = require('./evaluate');
const expressions = require('./expressions');
const { ABOVE, encoded, start_of } = require('./table');
const values = require('./values');

const PAGE_MAX = 1 << 20;
const OUTSIDE = 'The provided starting key is outside query boundaries based on provided conditions';

/* Conditions on keys, flat: [{ op, path, args }]; throws for whatever is no range of keys. */
function flat(tree) {
	if (tree.kind === 'and') {
		return tree.args.flatMap(flat);
	}
	if (tree.kind === 'or' || tree.kind === 'not') {
		throw invalid(`Invalid operator used in KeyConditionExpression: ${tree.kind.toUpperCase()}`);
	}
	const op = tree.op || tree.name;
	if (!RANGES[op]) {
		throw invalid(`Invalid operator used in KeyConditionExpression: ${op}`);
	}
	const turned = tree.args[0].kind === 'value' && TURNED[op];
	const [path, ...args] = turned ? [...tree.args].reverse() : tree.args;
	if (path.kind !== 'path' || args.some((a) => a.kind !== 'value')) {
		throw invalid('Invalid condition in KeyConditionExpression: No key attribute specified');
	}
	if (path.steps.length > 1) {
		throw invalid('KeyConditionExpressions cannot have conditions on nested attributes');
	}
	return [{ op: turned || op, name: path.steps[0], args: args.map((a) => a.value) }];
}

const TURNED = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

/* operator: the range it leaves of a partition p, as [first, first beyond] */
const RANGES = {
	'=': (p, type, [v]) => [p + encoded(v, type), p + encoded(v, type) + ABOVE],
	'<': (p, type, [v]) => [p, p + encoded(v, type)],
	'<=': (p, type, [v]) => [p, p + encoded(v, type) + ABOVE],
	'>': (p, type, [v]) => [p + encoded(v, type) + ABOVE, p + ABOVE],
	'>=': (p, type, [v]) => [p + encoded(v, type), p + ABOVE],
	BETWEEN: (p, type, [low, high]) => [p + encoded(low, type), p + encoded(high, type) + ABOVE],
	begins_with: (p, type, [v]) => [p + start_of(v, type), p + start_of(v, type) + ABOVE],
};

function by_name(conditions) {
	const found = new Map();
	for (const c of conditions) {
		if (found.has(c.name)) {
			throw invalid('KeyConditionExpressions must only contain one condition per key');
		}
		found.set(c.name, c);
	}
	if (found.size > 2) {
		throw invalid('Conditions can be of length 1 or 2 only');
	}
	return found;
}

function check_types(condition, type) {
	if (condition.args.some((v) => v[type] === undefined)) {
		throw bad_parameter('Condition parameter type does not match schema type');
	}
}

function empty_key(condition, type) {
	return condition.args.some((v) => type !== 'N' && v[type] === '');
}

/* [first, first beyond] of the rows that a query asks for. */
function range_of(view, conditions) {
	const { hash_key, range_key } = view;
	const on_hash = conditions.get(hash_key.name);
	if (!on_hash) {
		throw invalid(`Query condition missed key schema element: ${hash_key.name}`);
	}
	const on_range = range_key && conditions.get(range_key.name);
	if (conditions.size > 1 && !on_range) {
		throw invalid(range_key ? `Query condition missed key schema element: ${range_key.name}` : 'Query key condition not supported');
	}
	check_types(on_hash, hash_key.type);
	if (on_hash.op !== '=') {
		throw invalid('Query key condition not supported');
	}
	for (const [condition, key] of [[on_hash, hash_key], [on_range, range_key]]) {
		if (condition && empty_key(condition, key.type)) {
			throw bad_parameter('The AttributeValue for a key attribute cannot contain an empty '
				+ `${key.type === 'S' ? 'string' : 'binary'} value. Key: ${key.name}`);
		}
	}
	const partition = view.partition(on_hash.args[0]);
	if (!on_range) {
		return [partition, partition + ABOVE];
	}
	check_types(on_range, range_key.type);
	return RANGES[on_range.op](partition, range_key.type, on_range.args);
}

/* [first, first beyond] of a segment of the space of hashes. */
function segment_of({ Segment, TotalSegments }) {
	if ((Segment === undefined) !== (TotalSegments === undefined)) {
		throw invalid(Segment === undefined
			? 'The Segment parameter is required but was not present in the request when parameter TotalSegments is present'
			: 'The TotalSegments parameter is required but was not present in the request when Segment parameter is present');
	}
	if (Segment === undefined) {
		return ['', ABOVE];
	}
	if (Segment >= TotalSegments) {
		throw invalid('The Segment parameter is zero-based and must be less than parameter TotalSegments: '
			+ `Segment: ${Segment} is not less than TotalSegments: ${TotalSegments}`);
	}
	const edge = (n) => {
		const h = Math.floor(2 ** 32 * n / TotalSegments);
		return n === TotalSegments ? ABOVE : String.fromCharCode(h >>> 24, (h >>> 16) & 255, (h >>> 8) & 255, h & 255);
	};
	return [edge(Segment), edge(Segment + 1)];
}

/* Where to go on: the place of ExclusiveStartKey in the view. */
function start_place(table, view, key) {
	const wanted = new Map([...table.base.keys, ...view.keys].map((k) => [k.name, k.type]));
	const fits = Object.keys(key).length === wanted.size && [...wanted].every(([name, type]) => key[name] && key[name][type] !== undefined);
	if (!fits) {
		throw invalid('The provided starting key is invalid');
	}
	const table_place = table.base.place(key, '');
	return view === table.base ? table_place : view.place(key, table_place);
}

/* Narrows the range to what comes after the starting key, in the direction of the walk. */
function after(place, [lo, hi], is_descending) {
	if (place < lo || place >= hi) {
		throw invalid(OUTSIDE);
	}
	return is_descending ? [lo, place] : [place + '\0', hi];
}

/* kind of selection: does it go with these parameters? */
function check_select(request, view) {
	const { Select, ProjectionExpression } = request;
	if (ProjectionExpression !== undefined && Select !== undefined && Select !== 'SPECIFIC_ATTRIBUTES') {
		throw invalid(`Cannot specify the ProjectionExpression when choosing to get ${Select === 'COUNT' ? 'only the Count' : Select}`);
	}
	if (Select === 'SPECIFIC_ATTRIBUTES' && ProjectionExpression === undefined) {
		throw invalid('Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES');
	}
	if (Select === 'ALL_PROJECTED_ATTRIBUTES' && view.kind === 'table') {
		throw invalid('ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName');
	}
	if (Select === 'ALL_ATTRIBUTES' && view.kind === 'global' && view.only) {
		throw bad_parameter(`Select type ALL_ATTRIBUTES is not supported for global secondary index ${view.name} `
			+ 'because its projection type is not ALL');
	}
}

/* What a read sees of an item, filter included: a global index only what it holds; a local one is completed from the table when more
 * is asked for. */
function sight(request, view, projection) {
	const asked = projection ? projection.map(([name]) => name) : [];
	const missing = view.only ? [...new Set(asked)].filter((name) => !view.only.includes(name)) : [];
	if (missing.length && view.kind === 'global') {
		throw bad_parameter(`Global secondary index ${view.name} does not project [${missing.join(', ')}]`);
	}
	const is_whole = !view.only || missing.length || request.Select === 'ALL_ATTRIBUTES';
	return is_whole ? (item) => item : (item) => evaluate.project(item, view.only.map((name) => [name]));
}

function check_filter(filter, view) {
	const named = filter ? expressions.paths_of(filter).map(([name]) => name) : [];
	const key = view.keys.find((k) => named.includes(k.name));
	if (key) {
		throw invalid(`Filter Expression can only contain non-primary key attributes: Primary key attribute: ${key.name}`);
	}
}

function page(table, view, [lo, hi], request, { filter, projection }) {
	const see = sight(request, view, projection);
	const Items = [];
	let Count = 0;
	let ScannedCount = 0;
	let bytes = 0;
	let last;
	const visit = (row) => {
		ScannedCount++;
		bytes += row.size;
		const item = see(row.item);
		if (!filter || evaluate.holds(filter, item)) {
			Count++;
			if (request.Select !== 'COUNT') {
				Items.push(projection ? evaluate.project(item, projection) : item);
			}
		}
		if (ScannedCount === request.Limit || bytes > PAGE_MAX) {
			last = row.item;
			return false;
		}
		return true;
	};
	view.rows[request.ScanIndexForward === false ? 'down' : 'up'](lo, hi, visit);
	const keys = last && [...table.base.keys, ...view.keys].map((k) => [k.name, last[k.name]]);
	return {
		...(request.Select === 'COUNT' ? {} : { Items }), Count, ScannedCount,
		...(keys ? { LastEvaluatedKey: Object.fromEntries(keys) } : {}),
	};
}

/* The view that a request reads, with what has become visible in it. */
function open_view(database, request) {
	const table = database.table(request.TableName);
	const view = table.view(request.IndexName);
	if (view.kind === 'global' && request.ConsistentRead) {
		throw invalid('Consistent reads are not supported on global secondary indexes');
	}
	check_select(request, view);
	view.settle(database.now());
	return { table, view };
}

function read(request) {
	values.check_all(request.ExclusiveStartKey);
	return expressions.read(request);
}

function query(database, request) {
	if (request.KeyConditionExpression === undefined) {
		throw invalid('Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.');
	}
	const told = read(request);
	const conditions = by_name(flat(told.key_condition));
	const { table, view } = open_view(database, request);
	let range = range_of(view, conditions);
	check_filter(told.filter, view);
	if (request.ExclusiveStartKey) {
		range = after(start_place(table, view, request.ExclusiveStartKey), range, request.ScanIndexForward === false);
	}
	return page(table, view, range, request, told);
}

function scan(database, request) {
	const told = read(request);
	let range = segment_of(request);
	const { table, view } = open_view(database, request);
	if (request.ExclusiveStartKey) {
		range = after(start_place(table, view, request.ExclusiveStartKey), range, false);
	}
	return page(table, view, range, request, told);
}

module.exports = { OPERATIONS: { Query: query, Scan: scan } };
