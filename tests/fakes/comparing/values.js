/* Random attribute values and items: small pools, so that requests meet each other's items, and the corners of each type. */
'use strict';

const TEXTS = ['', 'a', 'ab', 'abc', 'b', 'é', '日本', '😀', 'A', ' ', 'a b', '0', '10', '9', 'quote"\\', '\n'];
const NUMBERS = ['0', '1', '2', '10', '-1', '-10', '0.5', '1.50', '1e3', '-2.5E-3', '99999999999999999999999999999999999999',
	'007', '+4', '1e-130', '9.9e125'];
const BYTES = ['', 'AA==', 'AAE=', '/w==', 'YWJj', 'YWI='];
const NAMES = ['a', 'b', 'c', 'n', 'm', 'l', 's', 't'];

/* type: makes its content */
const MAKE = {
	S: (r) => r.one(r.avoids('empty') ? TEXTS.slice(1) : TEXTS),
	N: (r) => r.one(NUMBERS),
	B: (r) => r.one(r.avoids('empty') ? BYTES.slice(1) : BYTES),
	BOOL: (r) => r.chance(50),
	NULL: () => true,
	SS: (r) => set(r, TEXTS.slice(1)),
	NS: (r) => set(r, ['1', '2', '3.5', '-4', '1e2']),
	BS: (r) => set(r, BYTES.slice(1)),
	L: (r, depth) => r.some(0, 3, () => value(r, depth + 1)),
	M: (r, depth) => Object.fromEntries(r.some(0, 3, () => [r.one(NAMES), value(r, depth + 1)])),
};
const SCALARS = [[6, 'S'], [6, 'N'], [2, 'B'], [1, 'BOOL'], [1, 'NULL']];
const SETS = [[2, 'SS'], [2, 'NS'], [1, 'BS']];
const NESTED = [[3, 'L'], [3, 'M']];

function set(r, from) {
	return [...new Set(r.some(1, 3, () => r.one(from)))];
}

function of_type(r, type, depth = 0) {
	return { [type]: MAKE[type](r, depth) };
}

function value(r, depth = 0) {
	return of_type(r, r.weighted(depth < 2 ? [...SCALARS, ...SETS, ...NESTED] : SCALARS), depth);
}

/* A value to be equal to. */
function equal_to(r) {
	const made = value(r);
	return r.avoids('equal maps') && JSON.stringify(made).includes('"M"') ? equal_to(r) : made;
}

/* Something that is no value, or not this one. */
const BROKEN = [{}, { S: 5 }, { S: 'a', N: '1' }, { N: 'x' }, { N: '' }, { N: '1e126' }, { N: '1'.repeat(39) }, { SS: [] },
	{ NS: [] }, { BS: [] }, { SS: ['a', 'a'] },
	{ NS: ['1', '1.0'] }, { NULL: false }, { B: 'x' }, { L: [{}] }, { M: { a: { SS: [] } } }, { X: 'a' }, 'a', { L: 'a' },
	{ M: [] }, { BOOL: 'maybe' }];

function broken(r) {
	return r.one(BROKEN);
}

module.exports = { NAMES, broken, equal_to, of_type, value };
