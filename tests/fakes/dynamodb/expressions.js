/* Expressions of a request: trees with the request's names and values put in, and judged before any item is looked at.
 *
 * read(request, EXPRESSIONS) gives { condition, update, projection, ... } with every path made of plain names and every value in its place,
 * or throws what the service says: undefined and unused names and values, operands of the wrong type, paths that overlap.
 */
'use strict';

const { Refusal, invalid } = require('./errors');
const { parse } = require('./parser');
const values = require('./values');

const TYPE_NAMES = { S: 'STRING', N: 'NUMBER', B: 'BINARY', BOOL: 'BOOLEAN', NULL: 'NULL', SS: 'STRING_SET', NS: 'NUMBER_SET', BS: 'BINARY_SET',
	L: 'LIST', M: 'MAP' };
const TYPES = Object.keys(TYPE_NAMES);
const SCALARS = ['S', 'N', 'B'];
const SETS = ['SS', 'NS', 'BS'];

/* parameter: [member of what read() returns, what kind of tree, is it among those that ExpressionAttributeValues serve] */
const PARAMETERS = {
	UpdateExpression: ['update', 'update', true],
	ConditionExpression: ['condition', 'condition', true],
	KeyConditionExpression: ['key_condition', 'condition', true],
	FilterExpression: ['filter', 'condition', true],
	ProjectionExpression: ['projection', 'projection', false],
};

/* operator or function: types that a literal operand may have, by its place; [] for a place that must be a path, null for anything. */
const LITERALS = {
	'<': [SCALARS, SCALARS], '<=': [SCALARS, SCALARS], '>': [SCALARS, SCALARS], '>=': [SCALARS, SCALARS],
	BETWEEN: [SCALARS, SCALARS, SCALARS],
	attribute_exists: [[]], attribute_not_exists: [[]],
	attribute_type: [null, ['S']],
	begins_with: [['S', 'B'], ['S', 'B']],
	size: [['S', 'B', ...SETS, 'L', 'M']],
	if_not_exists: [[], null],
	list_append: [['L'], ['L']],
	'+': [['N'], ['N']], '-': [['N'], ['N']],
};

class Binder {
	constructor(request) {
		this.names = request.ExpressionAttributeNames || {};
		this.values = request.ExpressionAttributeValues || {};
		this.used = new Set();
	}

	name(step) {
		if (typeof step === 'number' || step[0] !== '#') {
			return step;
		}
		if (!Object.hasOwn(this.names, step)) {
			throw invalid(`An expression attribute name used in the document path is not defined; attribute name: ${step}`);
		}
		this.used.add(step);
		return this.names[step];
	}

	path(tree) {
		return { kind: 'path', steps: tree.steps.map((s) => this.name(s)) };
	}

	value(tree) {
		if (!Object.hasOwn(this.values, tree.ref)) {
			throw invalid(`An expression attribute value used in expression is not defined; attribute value: ${tree.ref}`);
		}
		this.used.add(tree.ref);
		return { kind: 'value', value: this.values[tree.ref] };
	}

	call(tree) {
		const bound = { kind: 'call', name: tree.name, args: tree.args.map((a) => this.bind(a)) };
		check_literals(tree.name, bound.args);
		if (tree.name === 'attribute_type') {
			check_type_name(bound.args[1]);
		}
		if (tree.name === 'begins_with' || tree.name === 'contains') {
			check_distinct(tree.name, bound.args);
		}
		return bound;
	}

	compare(tree) {
		const bound = { kind: 'compare', op: tree.op, args: tree.args.map((a) => this.operand(a)) };
		check_literals(tree.op, bound.args);
		check_distinct(tree.op, bound.args);
		if (tree.op === 'BETWEEN') {
			check_bounds(bound.args[1], bound.args[2]);
		}
		return bound;
	}

	operand(tree) {
		if (tree.kind === 'call' && tree.name !== 'size') {
			throw invalid(`The function is not allowed to be used this way in an expression; function: ${tree.name}`);
		}
		return this.bind(tree);
	}

	sum(tree) {
		const bound = { kind: 'sum', op: tree.op, args: tree.args.map((a) => this.bind(a)) };
		check_literals(tree.op, bound.args);
		return bound;
	}

	bind(tree) {
		return this[tree.kind](tree);
	}

	condition(tree) {
		return this.bind(tree);
	}

	projection(tree) {
		const paths = tree.map((p) => this.path(p).steps);
		check_overlaps(paths);
		return paths;
	}

	update(tree) {
		const section = (name, more) => (tree[name] || []).map((a) => ({ path: this.path(a.path).steps, ...more(a) }));
		const update = {
			SET: section('SET', (a) => ({ to: this.bind(a.to) })),
			REMOVE: section('REMOVE', () => ({})),
			ADD: section('ADD', (a) => ({ by: changeable('ADD', this.value(a.by).value, ['N', ...SETS]) })),
			DELETE: section('DELETE', (a) => ({ by: changeable('DELETE', this.value(a.by).value, SETS) })),
		};
		update.paths = [...update.SET, ...update.REMOVE, ...update.ADD, ...update.DELETE].map((a) => a.path);
		check_overlaps(update.paths);
		return update;
	}
}

for (const kind of ['and', 'or', 'not']) {
	Binder.prototype[kind] = function logic(tree) {
		return { kind, args: tree.args.map((a) => this.bind(a)) };
	};
}

function changeable(operator, value, types) {
	const type = values.type_of(value);
	if (!types.includes(type)) {
		throw invalid(`Incorrect operand type for operator or function; operator: ${operator}, operand type: ${TYPE_NAMES[type]}, `
			+ `typeset: ALLOWED_FOR_${operator}_OPERAND`);
	}
	return value;
}

function check_literals(operator, args) {
	(LITERALS[operator] || []).forEach((types, i) => {
		const arg = args[i];
		if (types && !types.length && arg.kind !== 'path') {
			throw invalid(`Operator or function requires a document path; operator or function: ${operator}`);
		}
		if (types && arg.kind === 'value' && !types.includes(values.type_of(arg.value))) {
			throw invalid('Incorrect operand type for operator or function; '
				+ `${/[<>B]/.test(operator) ? 'operator' : 'operator or function'}: `
				+ `${operator}, operand type: ${values.type_of(arg.value)}`);
		}
	});
}

function check_type_name(arg) {
	if (arg.kind !== 'value') {
		throw invalid('Incorrect operand type for operator or function; operator or function: attribute_type, '
			+ 'operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}');
	}
	if (!TYPES.includes(arg.value.S)) {
		throw invalid(`Invalid attribute type name found; type: ${arg.value.S}, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}`);
	}
}

const shown = (steps) => '[' + steps.map((s) => (typeof s === 'number' ? `[${s}]` : s)).join(', ') + ']';

function check_distinct(operator, args) {
	const [first, ...rest] = args;
	if (first.kind === 'path' && rest.some((a) => a.kind === 'path' && shown(a.steps) === shown(first.steps))) {
		throw invalid('The first operand must be distinct from the remaining operands for this operator or function; '
			+ `operator: ${operator}, first operand: ${shown(first.steps)}`);
	}
}

function check_bounds(low, high) {
	if (low.kind !== 'value' || high.kind !== 'value') {
		return;
	}
	const show = ({ value }) => `AttributeValue: {${values.type_of(value)}:${value[values.type_of(value)]}}`;
	const order = values.compare(low.value, high.value);
	const wrong = order === undefined ? 'The BETWEEN operator requires same data type for lower and upper bounds'
		: order > 0 ? 'The BETWEEN operator requires upper bound to be greater than or equal to lower bound' : undefined;
	if (wrong) {
		throw invalid(`${wrong}; lower bound operand: ${show(low)}, upper bound operand: ${show(high)}`);
	}
}

function clash(a, b) {
	for (let i = 0; i < a.length && i < b.length; i++) {
		if (typeof a[i] !== typeof b[i]) {
			return 'conflict';
		}
		if (a[i] !== b[i]) {
			return undefined;
		}
	}
	return 'overlap';
}

function check_overlaps(paths) {
	for (let i = 1; i < paths.length; i++) {
		for (let j = 0; j < i; j++) {
			const how = clash(paths[j], paths[i]);
			if (how) {
				throw invalid(`Two document paths ${how} with each other; must remove or rewrite one of these paths; `
					+ `path one: ${shown(paths[j])}, path two: ${shown(paths[i])}`);
			}
		}
	}
}

function check_placeholders(request, present) {
	const { ExpressionAttributeNames: names, ExpressionAttributeValues: vals } = request;
	if (names && !present.length) {
		throw invalid('ExpressionAttributeNames can only be specified when using expressions');
	}
	if (vals && !present.some((p) => PARAMETERS[p][2])) {
		throw invalid('ExpressionAttributeValues can only be specified when using expressions');
	}
	for (const [parameter, mark, given] of [['ExpressionAttributeNames', '#', names], ['ExpressionAttributeValues', ':', vals]]) {
		if (given && !Object.keys(given).length) {
			throw invalid(`${parameter} must not be empty`);
		}
		for (const key in given) {
			if (key[0] !== mark || !/^.[0-9a-zA-Z_]+$/.test(key)) {
				throw invalid(`${parameter} contains invalid key: Syntax error; key: "${key}"`);
			}
		}
	}
}

function check_values(given) {
	for (const key in given) {
		try {
			values.check(given[key]);
		} catch (error) {
			throw invalid(`ExpressionAttributeValues contains invalid value: ${error.message} for key ${key}`);
		}
	}
}

function check_unused(request, used) {
	for (const parameter of ['ExpressionAttributeNames', 'ExpressionAttributeValues']) {
		const idle = Object.keys(request[parameter] || {}).filter((key) => !used.has(key));
		if (idle.length) {
			throw invalid(`Value provided in ${parameter} unused in expressions: keys: {${idle.join(', ')}}`);
		}
	}
}

function read(request) {
	const present = Object.keys(PARAMETERS).filter((p) => request[p] !== undefined);
	check_placeholders(request, present);
	check_values(request.ExpressionAttributeValues);
	const binder = new Binder(request);
	const out = {};
	for (const parameter of present) {
		const [member, what] = PARAMETERS[parameter];
		try {
			out[member] = binder[what](parse(what, request[parameter]));
		} catch (error) {
			throw error instanceof Refusal ? invalid(`Invalid ${parameter}: ${error.message}`) : error;
		}
	}
	check_unused(request, binder.used);
	return out;
}

/* Every path of a bound condition. */
function paths_of(tree) {
	return tree.kind === 'path' ? [tree.steps] : (tree.args || []).flatMap(paths_of);
}

module.exports = { read, paths_of, shown };
