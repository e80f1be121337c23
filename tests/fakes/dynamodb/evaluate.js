/* What an expression does with an item: conditions hold or not, updates make a new item, projections cut one out.
 *
 * Items are never changed in place: whoever holds one (an index that lags behind, an answer on its way) holds what it was.
 */
'use strict';

const { invalid } = require('./errors');
const numbers = require('./numbers');
const values = require('./values');

const INVALID_PATH = 'The document path provided in the update expression is invalid for update';
const WRONG_TYPE = 'An operand in the update expression has an incorrect data type';
const MISSING = 'The provided expression refers to an attribute that does not exist in the item';

/* The value at a path, or undefined. */
function find(item, steps) {
	let at = { M: item };
	for (const step of steps) {
		const inside = typeof step === 'number' ? at.L : at.M;
		if (!inside || !Object.hasOwn(inside, step)) {
			return undefined;
		}
		at = inside[step];
	}
	return at;
}

function contains(whole, part) {
	const type = values.type_of(part);
	if (whole.L) {
		return whole.L.some((v) => values.equal(v, part));
	}
	if (whole[type + 'S']) {
		return whole[type + 'S'].includes(part[type]);
	}
	return type === 'S' && whole.S !== undefined ? whole.S.includes(part.S)
		: type === 'B' && whole.B !== undefined && values.bytes_of_base64(whole.B).includes(values.bytes_of_base64(part.B));
}

function begins_with(whole, start) {
	return start.S !== undefined && whole.S !== undefined ? whole.S.startsWith(start.S)
		: start.B !== undefined && whole.B !== undefined && values.bytes_of_base64(whole.B).startsWith(values.bytes_of_base64(start.B));
}

/* What is said of values that may be missing. */
const PREDICATES = {
	attribute_exists: (a) => a !== undefined,
	attribute_not_exists: (a) => a === undefined,
	attribute_type: (a, type) => a !== undefined && values.type_of(a) === type.S,
	begins_with: (a, b) => a !== undefined && b !== undefined && begins_with(a, b),
	contains: (a, b) => a !== undefined && b !== undefined && contains(a, b),
};

const same = (a, b) => a !== undefined && b !== undefined && values.equal(a, b);
const ordered = (a, b, judge) => {
	const order = a !== undefined && b !== undefined ? values.compare(a, b) : undefined;
	return order !== undefined && judge(order);
};

const COMPARISONS = {
	'=': same,
	'<>': (a, b) => !same(a, b),
	'<': (a, b) => ordered(a, b, (o) => o < 0),
	'<=': (a, b) => ordered(a, b, (o) => o <= 0),
	'>': (a, b) => ordered(a, b, (o) => o > 0),
	'>=': (a, b) => ordered(a, b, (o) => o >= 0),
	BETWEEN: (a, low, high) => ordered(a, low, (o) => o >= 0) && ordered(a, high, (o) => o <= 0),
	IN: (a, ...list) => list.some((b) => same(a, b)),
};

function operand(tree, item) {
	if (tree.kind === 'value') {
		return tree.value;
	}
	if (tree.kind === 'path') {
		return find(item, tree.steps);
	}
	const measured = operand(tree.args[0], item);
	const length = measured && values.length(measured);
	return length === undefined ? undefined : { N: String(length) };
}

const CONDITIONS = {
	and: (tree, item) => holds(tree.args[0], item) && holds(tree.args[1], item),
	or: (tree, item) => holds(tree.args[0], item) || holds(tree.args[1], item),
	not: (tree, item) => !holds(tree.args[0], item),
	call: (tree, item) => PREDICATES[tree.name](...tree.args.map((a) => operand(a, item))),
	compare: (tree, item) => COMPARISONS[tree.op](...tree.args.map((a) => operand(a, item))),
};

function holds(tree, item) {
	return CONDITIONS[tree.kind](tree, item);
}

function needed(value) {
	if (value === undefined) {
		throw invalid(MISSING);
	}
	return value;
}

function of_type(value, type) {
	if (value[type] === undefined) {
		throw invalid(WRONG_TYPE);
	}
	return value[type];
}

/* The value that a SET gives, from the item as it was. */
const ASSIGNED = {
	value: (tree) => tree.value,
	path: (tree, item) => needed(find(item, tree.steps)),
	sum: (tree, item) => {
		const [a, b] = tree.args.map((t) => of_type(assigned(t, item), 'N'));
		return { N: tree.op === '+' ? numbers.add(a, b) : numbers.subtract(a, b) };
	},
	if_not_exists: (tree, item) => find(item, tree.args[0].steps) || assigned(tree.args[1], item),
	list_append: (tree, item) => ({ L: tree.args.flatMap((t) => of_type(assigned(t, item), 'L')) }),
};

function assigned(tree, item) {
	return ASSIGNED[tree.kind === 'call' ? tree.name : tree.kind](tree, item);
}

/* The container that the last step of a path goes into. */
function parent(item, steps) {
	const at = steps.length === 1 ? { M: item } : find(item, steps.slice(0, -1));
	const inside = at && (typeof steps[steps.length - 1] === 'number' ? at.L : at.M);
	if (!inside) {
		throw invalid(INVALID_PATH);
	}
	return inside;
}

function store(item, steps, value) {
	const inside = parent(item, steps);
	const last = steps[steps.length - 1];
	if (typeof last === 'number' && last >= inside.length) {
		inside.push(value);
	} else {
		inside[last] = value;
	}
}

/* Elements that go are only marked at first, so that the others keep their numbers until all are done. */
function remove(item, steps) {
	const inside = parent(item, steps);
	const last = steps[steps.length - 1];
	if (typeof last !== 'number') {
		delete inside[last];
	} else if (last < inside.length) {
		inside[last] = undefined;
	}
}

function close_gaps(item, paths) {
	for (const steps of paths) {
		if (typeof steps[steps.length - 1] === 'number') {
			const inside = parent(item, steps);
			inside.splice(0, inside.length, ...inside.filter((v) => v !== undefined));
		}
	}
}

function added(old, by) {
	const type = values.type_of(by);
	if (old === undefined) {
		return by;
	}
	const had = of_type(old, type);
	return { [type]: type === 'N' ? numbers.add(had, by.N) : [...had, ...by[type].filter((x) => !had.includes(x))] };
}

/* Undefined when nothing is left: there are no empty sets. */
function subtracted(old, by) {
	const type = values.type_of(by);
	const left = of_type(old, type).filter((x) => !by[type].includes(x));
	return left.length ? { [type]: left } : undefined;
}

function take_away(item, path, by) {
	const old = find(item, path);
	if (old === undefined) {
		parent(item, path);
		return;
	}
	const left = subtracted(old, by);
	if (left) {
		store(item, path, left);
	} else {
		remove(item, path);
	}
}

/* Attributes that a path goes into are copied whole, the others shared. */
function copy_for(item, paths) {
	const copy = { ...item };
	for (const steps of paths) {
		if (steps.length > 1 && copy[steps[0]] === item[steps[0]] && item[steps[0]] !== undefined) {
			copy[steps[0]] = structuredClone(item[steps[0]]);
		}
	}
	return copy;
}

/* Elements past the end of a list are appended in the order of their numbers. */
function last_index(path) {
	const last = path[path.length - 1];
	return typeof last === 'number' ? last : -1;
}

/* The new item; `old` is what was there, or the key alone. */
function update(old, tree) {
	const item = copy_for(old, tree.paths);
	const sets = tree.SET.map(({ path, to }) => [path, assigned(to, old)]);
	sets.sort(([a], [b]) => last_index(a) - last_index(b));
	sets.forEach(([path, value]) => store(item, path, value));
	tree.REMOVE.forEach(({ path }) => remove(item, path));
	tree.ADD.forEach(({ path, by }) => store(item, path, added(find(old, path), by)));
	tree.DELETE.forEach(({ path, by }) => take_away(item, path, by));
	close_gaps(item, tree.REMOVE.map((a) => a.path));
	return item;
}

/* Puts one path of `from` into the partial item, lists as { index: element } until sparse_lists. */
function pick(into, from, steps, depth) {
	const step = steps[depth];
	const source = typeof step === 'number' ? from.L : from.M;
	const slot = typeof step === 'number' ? 'L' : 'M';
	if (depth === steps.length - 1) {
		(into[slot] = into[slot] || {})[step] = source[step];
	} else {
		into[slot] = into[slot] || {};
		into[slot][step] = into[slot][step] || { partial: true };
		pick(into[slot][step], source[step], steps, depth + 1);
	}
}

function whole_lists(value) {
	if (!value.partial) {
		return value;
	}
	return value.L ? { L: Object.keys(value.L).map(Number).sort((a, b) => a - b).map((i) => whole_lists(value.L[i])) }
		: { M: Object.fromEntries(Object.entries(value.M).map(([k, v]) => [k, whole_lists(v)])) };
}

/* What the paths name of an item; lists lose the elements between. */
function project(item, paths) {
	const into = { partial: true, M: {} };
	for (const steps of paths) {
		if (find(item, steps) !== undefined) {
			pick(into, { M: item }, steps, 0);
		}
	}
	return whole_lists(into).M;
}

module.exports = { find, holds, project, update };
