/* Attribute values as they travel, {"S": ...}, {"N": ...} and so on: what is a value, how large, which are equal, which comes first.
 *
 * Strings are ordered by their UTF-8 bytes, binary by its bytes, numbers by value. Byte strings are held as text of one character a byte
 * ("latin1"), whose own order is memcmp's.
 */
'use strict';

const { invalid, bad_parameter } = require('./errors');
const numbers = require('./numbers');

const DEPTH_MAX = 32;
const ASCII = /^[\x00-\x7f]*$/;

function bytes_of_text(text) {
	return ASCII.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

function bytes_of_base64(text) {
	return Buffer.from(text, 'base64').toString('latin1');
}

function type_of(value) {
	for (const type in value) {
		return type;
	}
	return undefined;
}

function no_duplicates(set, what) {
	if (new Set(set).size !== set.length) {
		throw bad_parameter('Input collection [' + set.join(', ') + ']' + what + ' contains duplicates.');
	}
}

/* What each type asks of its content beyond its shape. Numbers are brought into their normal spelling in place. */
const CHECKS = {
	S: () => {},
	B: () => {},
	BOOL: () => {},
	N: (value) => {
		value.N = numbers.normal(value.N);
	},
	NULL: (value) => {
		if (value.NULL !== true) {
			throw bad_parameter('Null attribute value types must have the value of true');
		}
	},
	SS: ({ SS }) => {
		if (!SS.length) {
			throw bad_parameter('An string set  may not be empty');
		}
		no_duplicates(SS, '');
	},
	NS: (value) => {
		if (!value.NS.length) {
			throw bad_parameter('An number set  may not be empty');
		}
		value.NS = value.NS.map(numbers.normal);
		if (new Set(value.NS).size !== value.NS.length) {
			throw invalid('Input collection contains duplicates');
		}
	},
	BS: ({ BS }) => {
		if (!BS.length) {
			throw bad_parameter('Binary sets should not be empty');
		}
		no_duplicates(BS, 'of type BS');
	},
	L: ({ L }, depth) => L.forEach((v) => check(v, depth + 1)),
	M: ({ M }, depth) => check_all(M, depth + 1),
};

function check(value, depth = 0) {
	if (depth > DEPTH_MAX) {
		throw invalid('Nesting Levels have exceeded supported limits: Attributes have nested depth greater than 32');
	}
	let types = 0;
	for (const type in value) {
		CHECKS[type](value, depth);
		types++;
	}
	if (types !== 1) {
		throw invalid(types ? 'Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes'
			: 'Supplied AttributeValue is empty, must contain exactly one of the supported datatypes');
	}
}

function check_all(item, depth = 0) {
	for (const name in item) {
		check(item[name], depth);
	}
}

function base64_size(text) {
	return text.length / 4 * 3 - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);
}

function sum(list, measure) {
	let total = 0;
	for (const entry of list) {
		total += measure(entry);
	}
	return total;
}

const text_size = (text) => Buffer.byteLength(text);

const SIZES = {
	S: text_size,
	B: base64_size,
	N: numbers.size,
	BOOL: () => 1,
	NULL: () => 1,
	SS: (set) => sum(set, text_size),
	NS: (set) => sum(set, numbers.size),
	BS: (set) => sum(set, base64_size),
	L: (list) => 3 + sum(list, (v) => 1 + value_size(v)),
	M: (map) => 3 + Object.keys(map).length + item_size(map),
};

function value_size(value) {
	const type = type_of(value);
	return SIZES[type](value[type]);
}

/* Names and values, as the limit of 400 KB counts them. */
function item_size(item) {
	let total = 0;
	for (const name in item) {
		total += text_size(name) + value_size(item[name]);
	}
	return total;
}

/* What size(path) says; undefined where it says nothing. Of texts the service promises "the length": UTF-16 units here, as in dynalite. */
const LENGTHS = {
	S: (text) => text.length,
	B: base64_size,
	SS: (set) => set.length,
	NS: (set) => set.length,
	BS: (set) => set.length,
	L: (list) => list.length,
	M: (map) => Object.keys(map).length,
};

function length(value) {
	const type = type_of(value);
	return LENGTHS[type] && LENGTHS[type](value[type]);
}

const same_set = (a, b) => a.length === b.length && a.every((x) => b.includes(x));

const SAME = {
	SS: same_set,
	NS: same_set,
	BS: same_set,
	L: (a, b) => a.length === b.length && a.every((v, i) => equal(v, b[i])),
	M: (a, b) => Object.keys(a).length === Object.keys(b).length && Object.keys(a).every((k) => b[k] && equal(a[k], b[k])),
};

function equal(a, b) {
	const type = type_of(a);
	return type === type_of(b) && (SAME[type] ? SAME[type](a[type], b[type]) : a[type] === b[type]);
}

/* A text that sorts as values of the type do; only scalars have one. */
const ORDER = { S: bytes_of_text, B: bytes_of_base64, N: numbers.order_key };

/* < 0, 0, > 0, or undefined for values that have no order among each other. */
function compare(a, b) {
	const type = type_of(a);
	if (!ORDER[type] || type !== type_of(b)) {
		return undefined;
	}
	const x = ORDER[type](a[type]);
	const y = ORDER[type](b[type]);
	return x < y ? -1 : x > y ? 1 : 0;
}

module.exports = { ORDER, bytes_of_base64, check, check_all, compare, equal, item_size, length, type_of };
