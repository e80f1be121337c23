/* Numbers and sorted maps, which everything else stands on. */
'use strict';

const assert = require('assert');

const numbers = require('../dynamodb/numbers');
const { Ordered } = require('../dynamodb/ordered');

/* as given: as stored */
const SPELLINGS = {
	0: '0', '-0': '0', '0.000': '0', '+1': '1', '007': '7', '1.50': '1.5', '.5': '0.5', '5.': '5', '1e3': '1000',
	'1E-3': '0.001', '-12.340e1': '-123.4',
	'99999999999999999999999999999999999999': '99999999999999999999999999999999999999',
	'1e-130': '0.' + '0'.repeat(129) + '1', '-1e125': '-1' + '0'.repeat(125),
};

const REFUSED = ['', '-', '.', 'e1', '1e', '1,5', ' 1', '1 ', '0x10', 'NaN', 'Infinity', '1e126', '-1e126', '1e-131',
	'1'.repeat(39), '1.' + '0'.repeat(38) + '1'];

/* Ascending. */
const ORDER = ['-9.9e125', '-1e125', '-100', '-99', '-10.5', '-10', '-1.51', '-1.5', '-1', '-0.1', '-0.01', '-1e-130', '0',
	'1e-130', '0.01', '0.1', '0.11',
	'1', '1.05', '1.5', '1.51', '2', '9', '10', '10.5', '99', '100', '12345678901234567890123456789012345678', '1e125', '9.9e125'];

/* a, b, a + b, a - b */
const SUMS = [['0.1', '0.2', '0.3', '-0.1'], ['1', '1', '2', '0'], ['-5', '3', '-2', '-8'],
	['1e20', '1', '100000000000000000001', '99999999999999999999'],
	['99', '1', '100', '98'], ['0', '-0.5', '-0.5', '0.5']];

module.exports = {
	numbers_are_stored_in_their_shortest_plain_spelling() {
		for (const [given, stored] of Object.entries(SPELLINGS)) {
			assert.equal(numbers.normal(given), stored, given);
			assert.equal(numbers.normal(stored), stored);
		}
	},

	what_is_no_number_or_too_large_or_too_precise_is_refused() {
		for (const text of REFUSED) {
			assert.throws(() => numbers.normal(text), { type: 'ValidationException' }, text);
		}
	},

	numbers_are_ordered_by_value() {
		ORDER.forEach((a, i) => ORDER.forEach((b, j) => assert.equal(numbers.compare(a, b), Math.sign(i - j), `${a} and ${b}`)));
	},

	sums_are_exact() {
		for (const [a, b, sum, difference] of SUMS) {
			assert.equal(numbers.add(a, b), sum);
			assert.equal(numbers.subtract(a, b), difference);
		}
	},

	sums_of_more_than_38_digits_are_refused() {
		assert.throws(() => numbers.add('1e38', '0.1'), /38 significant digits/);
		assert.throws(() => numbers.add('9.9e125', '9.9e125'), /overflow/);
	},

	a_sorted_map_holds_what_an_ordinary_map_holds_in_order() {
		const sorted = new Ordered();
		const plain = new Map();
		let state = 7;
		for (let i = 0; i < 60000; i++) {
			state = Math.imul(state, 1103515245) + 12345 >>> 0;
			const key = 'k' + String(state % 9000).padStart(4, '0');
			if ((state >>> 16) % 5 < 3) {
				sorted.set(key, i);
				plain.set(key, i);
			} else {
				sorted.delete(key);
				plain.delete(key);
			}
		}
		const inside = [...plain.keys()].sort().filter((k) => k >= 'k2000' && k < 'k7000');
		const up = [];
		const down = [];
		sorted.up('k2000', 'k7000', (v) => up.push(v));
		sorted.down('k2000', 'k7000', (v) => down.push(v));
		assert.equal(sorted.size, plain.size);
		assert.deepEqual(up, inside.map((k) => plain.get(k)));
		assert.deepEqual(down, up.reverse());
		assert.ok(inside.every((k) => sorted.get(k) === plain.get(k)));
	},
};
