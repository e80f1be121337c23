/* Expressions: what they mean, and what is refused before any item is looked at. */
'use strict';

const assert = require('assert');

const evaluate = require('../dynamodb/evaluate');
const expressions = require('../dynamodb/expressions');
const { item, placeholders } = require('../fixture');

const ITEM = item({ a: 'abc', n: 5, t: true, z: null, l: ['x', 7, ['deep']], m: { M: item({ k: 'v', l: [1, 2, 3] }) },
	s: { SS: ['one', 'two'] }, ns: { NS: ['1', '2'] }, b: Buffer.from([0, 255, 1]), e: '', w: 'ü€😀' });

/* condition, placeholders, does it hold */
const CONDITIONS = [
	['attribute_exists(a)', {}, true], ['attribute_exists(q)', {}, false], ['attribute_not_exists(m.q)', {}, true],
	['attribute_exists(m.l[2])', {}, true],
	['attribute_exists(m.l[3])', {}, false], ['attribute_exists(l[2][0])', {}, true], ['attribute_type(n, :t)', { ':t': 'N' }, true],
	['attribute_type(n, :t)', { ':t': 'S' }, false],
	['a = :v', { ':v': 'abc' }, true], ['n = :v', { ':v': { N: '5.00' } }, true], ['a = :v', { ':v': 5 }, false],
	['q = :v', { ':v': 'x' }, false],
	['q <> :v', { ':v': 'x' }, true], ['n <> :v', { ':v': 5 }, false], ['NOT q = :v', { ':v': 'x' }, true],
	['n < :v', { ':v': 10 }, true], ['n < :v', { ':v': 'x' }, false], ['n >= :v', { ':v': 5 }, true], ['a > :v', { ':v': 'ab' }, true],
	['w > :v', { ':v': 'ü\uffff' }, false], ['w < :v', { ':v': 'ü\uffff' }, true],
	['b > :v', { ':v': Buffer.from([0, 254, 255]) }, true],
	['n BETWEEN :x AND :y', { ':x': 5, ':y': 6 }, true], ['n between :x and :y', { ':x': 6, ':y': 7 }, false],
	['n IN (:x, :y)', { ':x': 1, ':y': 5 }, true], ['n in (:x)', { ':x': 1 }, false],
	['begins_with(a, :v)', { ':v': 'ab' }, true], ['begins_with(a, :v)', { ':v': 'b' }, false],
	['begins_with(b, :v)', { ':v': Buffer.from([0, 255]) }, true],
	['contains(a, :v)', { ':v': 'bc' }, true], ['contains(s, :v)', { ':v': 'two' }, true], ['contains(s, :v)', { ':v': 'tw' }, false],
	['contains(ns, :v)', { ':v': { N: '2.0' } }, true], ['contains(l, :v)', { ':v': 7 }, true], ['contains(l, :v)', { ':v': '7' }, false],
	['size(a) = :v', { ':v': 3 }, true], ['size(w) = :v', { ':v': 4 }, true], ['size(b) = :v', { ':v': 3 }, true],
	['size(l) > :v', { ':v': 3 }, false],
	['size(m) = :v', { ':v': 2 }, true], ['size(q) = :v', { ':v': 0 }, false], ['size(e) = :v', { ':v': 0 }, true],
	['s = :v', { ':v': { SS: ['two', 'one'] } }, true], ['l = :v', { ':v': ['x', 7, ['deep']] }, true],
	['l = :v', { ':v': ['x', 7] }, false],
	['a = :v AND n = :w', { ':v': 'abc', ':w': 6 }, false], ['a = :v OR n = :w', { ':v': 'abc', ':w': 6 }, true],
	['a = :v OR n = :v AND t = :v', { ':v': 'abc' }, true], ['(a = :v OR n = :v) AND t = :v', { ':v': 'abc' }, false],
	['NOT (a = :v)', { ':v': 'abc' }, false], ['not a = :v and n = :n', { ':v': 'x', ':n': 5 }, true],
	['#x.#y = :v', { '#x': 'm', '#y': 'k', ':v': 'v' }, true],
	['(a) = (:v)', { ':v': 'abc' }, true], ['(size(a)) > :v AND (n) IN (:w)', { ':v': 2, ':w': 5 }, true],
	['t = :v', { ':v': true }, true], ['z = :v', { ':v': null }, true], [':v = a', { ':v': 'abc' }, true],
	['#dot = :v', { '#dot': 'm.k', ':v': 'v' }, false],
];

/* update, placeholders, what is different afterwards (undefined: gone) */
const UPDATES = [
	['SET a = :v', { ':v': 'new' }, { a: 'new' }],
	['SET n = n + :v, q = n - :v', { ':v': 2 }, { n: 7, q: 3 }],
	['SET a = n, n = a', {}, { a: 5, n: 'abc' }],
	['SET q = if_not_exists(q, :v), a = if_not_exists(a, :v)', { ':v': 'x' }, { q: 'x', a: 'abc' }],
	['SET q = if_not_exists(q, :z) + :v', { ':z': 0, ':v': 1 }, { q: 1 }],
	['SET l = list_append(l, :v)', { ':v': ['new'] }, { l: ['x', 7, ['deep'], 'new'] }],
	['SET l = list_append(:v, l)', { ':v': ['new'] }, { l: ['new', 'x', 7, ['deep']] }],
	['SET l[1] = :v, l[9] = :w, l[8] = :v', { ':v': 'in', ':w': 'last' }, { l: ['x', 'in', ['deep'], 'in', 'last'] }],
	['SET m.k = :v, m.#q = :v', { ':v': 1, '#q': 'other' }, { m: { M: item({ k: 1, l: [1, 2, 3], other: 1 }) } }],
	['REMOVE a, l[0], m.l[1], m.l[2], q', {}, { a: undefined, l: [7, ['deep']], m: { M: item({ k: 'v', l: [1] }) } }],
	['ADD n :v, q :w', { ':v': -6, ':w': 4 }, { n: -1, q: 4 }],
	['ADD s :v, q :v', { ':v': { SS: ['two', 'three'] } }, { s: { SS: ['one', 'two', 'three'] }, q: { SS: ['two', 'three'] } }],
	['DELETE s :v', { ':v': { SS: ['two', 'x'] } }, { s: { SS: ['one'] } }],
	['DELETE ns :v', { ':v': { NS: ['2', '1'] } }, { ns: undefined }],
	['set a = :v remove n add q :w', { ':v': 'x', ':w': 1 }, { a: 'x', n: undefined, q: 1 }],
];

/* parameter, text, placeholders, what the message says */
const REFUSED = [
	['ConditionExpression', '', {}, 'The expression can not be empty'],
	['ConditionExpression', 'a', {}, 'Syntax error; token: "<EOF>", near: "a"'],
	['ConditionExpression', 'a = ', {}, 'Syntax error'],
	['ConditionExpression', 'a == :v', { ':v': 1 }, 'Syntax error; token: "=", near: "= = :v"'],
	['ConditionExpression', 'a = :v AND', { ':v': 1 }, 'Syntax error'],
	['ConditionExpression', 'a = 1', {}, 'Syntax error'],
	['ConditionExpression', 'a ! :v', { ':v': 1 }, 'Syntax error'],
	['ConditionExpression', 'a[x] = :v', { ':v': 1 }, 'Syntax error'],
	['ConditionExpression', '(a = :v', { ':v': 1 }, 'Syntax error; token: "<EOF>", near: ":v"'],
	['ConditionExpression', 'name = :v', { ':v': 1 }, 'Attribute name is a reserved keyword; reserved keyword: name'],
	['ConditionExpression', 'm.Status = :v', { ':v': 1 }, 'reserved keyword: Status'],
	['ConditionExpression', '((a = :v))', { ':v': 1 }, 'redundant parentheses'],
	['ConditionExpression', '#a = :v', { ':v': 1 },
		'An expression attribute name used in the document path is not defined; attribute name: #a'],
	['ConditionExpression', 'a = :w', { ':v': 1 }, 'An expression attribute value used in expression is not defined; attribute value: :w'],
	['ConditionExpression', 'a = :v', { ':v': 1, ':w': 2 }, 'Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}'],
	['ConditionExpression', 'a = :v', { ':v': 1, '#w': 'x' },
		'Value provided in ExpressionAttributeNames unused in expressions: keys: {#w}'],
	['ConditionExpression', 'exists(a)', {}, 'Invalid function name; function: exists'],
	['ConditionExpression', 'attribute_exists(a, b)', {}, 'Incorrect number of operands for operator or function'],
	['ConditionExpression', 'attribute_exists(:v)', { ':v': 1 }, 'requires a document path'],
	['ConditionExpression', 'size(a)', {}, 'The function is not allowed to be used this way'],
	['ConditionExpression', 'contains(a, :v) = :v', { ':v': 1 }, 'The function is not allowed to be used this way'],
	['ConditionExpression', 'a < :v', { ':v': true }, 'Incorrect operand type for operator or function; operator: <, operand type: BOOL'],
	['ConditionExpression', 'begins_with(a, :v)', { ':v': 1 }, 'operator or function: begins_with, operand type: N'],
	['ConditionExpression', 'attribute_type(a, :v)', { ':v': 'X' }, 'Invalid attribute type name found'],
	['ConditionExpression', 'attribute_type(a, b)', {}, 'operator or function: attribute_type'],
	['ConditionExpression', 'a = a', {}, 'The first operand must be distinct'],
	['ConditionExpression', 'a BETWEEN :v AND :w', { ':v': 2, ':w': 1 }, 'upper bound to be greater than or equal to lower bound'],
	['ConditionExpression', 'a BETWEEN :v AND :w', { ':v': 2, ':w': 'x' }, 'same data type for lower and upper bounds'],
	['ConditionExpression', 'a = :v', { ':v': { SS: [] } }, 'ExpressionAttributeValues contains invalid value'],
	['ConditionExpression', 'x'.repeat(4097), {}, 'Expression size has exceeded the maximum allowed size'],
	['UpdateExpression', 'a = :v', { ':v': 1 }, 'Syntax error'],
	['UpdateExpression', 'SET a = :v SET b = :v', { ':v': 1 }, 'The "SET" section can only be used once'],
	['UpdateExpression', 'SET a = :v, a = :v', { ':v': 1 }, 'Two document paths overlap with each other'],
	['UpdateExpression', 'SET a = :v REMOVE a.b', { ':v': 1 }, 'Two document paths overlap with each other'],
	['UpdateExpression', 'SET a.b = :v, a[1] = :v', { ':v': 1 }, 'Two document paths conflict with each other'],
	['UpdateExpression', 'ADD a :v', { ':v': 'x' }, 'operator: ADD, operand type: STRING, typeset: ALLOWED_FOR_ADD_OPERAND'],
	['UpdateExpression', 'DELETE a :v', { ':v': 1 }, 'operator: DELETE, operand type: NUMBER, typeset: ALLOWED_FOR_DELETE_OPERAND'],
	['UpdateExpression', 'SET a = b + :v', { ':v': 'x' }, 'operator or function: +, operand type: S'],
	['UpdateExpression', 'SET a = list_append(a, :v)', { ':v': 'x' }, 'operator or function: list_append, operand type: S'],
	['UpdateExpression', 'SET a = size(b)', {}, 'The function is not allowed'],
	['UpdateExpression', 'SET a = if_not_exists(:v, :v)', { ':v': 'x' }, 'requires a document path'],
	['ProjectionExpression', 'a, b, a.c', {}, 'Two document paths overlap'],
	['ProjectionExpression', 'a,', {}, 'Syntax error'],
];

/* update, placeholders, what the message says: faults that only the item shows */
const IMPOSSIBLE = [
	['SET q = x', {}, 'refers to an attribute that does not exist'],
	['SET n = a + :v', { ':v': 1 }, 'incorrect data type'],
	['SET a = list_append(n, :v)', { ':v': [] }, 'incorrect data type'],
	['SET q.r = :v', { ':v': 1 }, 'document path provided in the update expression is invalid'],
	['SET a[0] = :v', { ':v': 1 }, 'document path provided in the update expression is invalid'],
	['DELETE q.r :v', { ':v': { SS: ['x'] } }, 'document path provided in the update expression is invalid'],
	['REMOVE q.r', {}, 'document path provided in the update expression is invalid'],
	['ADD a :v', { ':v': 1 }, 'incorrect data type'],
	['ADD s :v', { ':v': { NS: ['1'] } }, 'incorrect data type'],
	['DELETE n :v', { ':v': { NS: ['1'] } }, 'incorrect data type'],
];

module.exports = {
	conditions_hold_when_they_should() {
		for (const [text, given, wanted] of CONDITIONS) {
			const { condition } = expressions.read({ ConditionExpression: text, ...placeholders(given) });
			assert.equal(evaluate.holds(condition, ITEM), wanted, text);
		}
	},

	updates_make_a_new_item_and_leave_the_old_one_alone() {
		const before = structuredClone(ITEM);
		for (const [text, given, changed] of UPDATES) {
			const { update } = expressions.read({ UpdateExpression: text, ...placeholders(given) });
			const wanted = { ...ITEM };
			for (const [name, x] of Object.entries(changed)) {
				delete wanted[name];
				Object.assign(wanted, x === undefined ? {} : item({ [name]: x }));
			}
			assert.deepEqual(evaluate.update(ITEM, update), wanted, text);
			assert.deepEqual(ITEM, before, text);
		}
	},

	expressions_with_faults_are_refused_with_the_reason() {
		for (const [parameter, text, given, reason] of REFUSED) {
			assert.throws(() => expressions.read({ [parameter]: text, ...placeholders(given) }), (error) => {
				assert.equal(error.type, 'ValidationException');
				assert.ok(error.message.includes(reason), `${text}: ${error.message}`);
				return true;
			}, text);
		}
	},

	updates_that_do_not_fit_the_item_are_refused() {
		for (const [text, given, reason] of IMPOSSIBLE) {
			const { update } = expressions.read({ UpdateExpression: text, ...placeholders(given) });
			assert.throws(() => evaluate.update(ITEM, update), (error) => error.message.includes(reason), text);
		}
	},

	projections_cut_out_what_is_there() {
		const { projection } = expressions.read({ ProjectionExpression: 'a, q, m.l[2], m.l[0], l[2][0], #k.k',
			...placeholders({ '#k': 'm' }) });
		assert.deepEqual(evaluate.project(ITEM, projection), item({ a: 'abc', m: { M: item({ k: 'v', l: [1, 3] }) }, l: [['deep']] }));
	},

	placeholders_without_an_expression_are_refused() {
		const given = placeholders({ ':v': 1, '#v': 'x' });
		assert.throws(() => expressions.read({ ExpressionAttributeNames: given.ExpressionAttributeNames }),
			/only be specified when using expressions/);
		assert.throws(() => expressions.read({ ProjectionExpression: 'a', ExpressionAttributeValues: given.ExpressionAttributeValues }),
			/only be specified when using expressions/);
		assert.throws(() => expressions.read({ ConditionExpression: 'a = b', ExpressionAttributeValues: {} }), /must not be empty/);
		assert.throws(() => expressions.read({ ConditionExpression: 'a = b',
			ExpressionAttributeValues: { v: { S: '' } } }), /contains invalid key/);
	},
};
