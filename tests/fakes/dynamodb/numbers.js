/* DynamoDB's numbers: decimal, exact, up to 38 significant digits, 1e-130 to 9.99e125 and their negatives.
 *
 * A number travels as text. normal() gives the one spelling in which the service stores and returns it, so that equal numbers are equal texts;
 * order_key() gives a text whose byte order is the order of the numbers, which is what sorted indexes hold.
 */
'use strict';

const { invalid } = require('./errors');

const DIGITS_MAX = 38;
const EXPONENT_MAX = 125;
const EXPONENT_MIN = -130;
const PLAIN = /^(?:0|-?[1-9][0-9]{0,36})$/;
const FORM = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?$/;

/* -> { negative, digits, exponent }: 0.0 has no digits; else the value is d.ddd * 10^exponent, without zeros at either end. */
function parse(text) {
	const m = FORM.exec(text);
	if (!m || !(m[2] || m[3])) {
		throw invalid('The parameter cannot be converted to a numeric value' + (text ? ': ' + text : ''));
	}
	const all = m[2] + (m[3] || '');
	const lead = all.search(/[1-9]/);
	if (lead < 0) {
		return { negative: false, digits: '', exponent: 0 };
	}
	const digits = all.slice(lead).replace(/0+$/, '');
	return { negative: m[1] === '-', digits, exponent: m[2].length - 1 - lead + Number(m[4] || 0) };
}

function within_limits(n) {
	if (n.digits && n.exponent > EXPONENT_MAX) {
		throw invalid('Number overflow. Attempting to store a number with magnitude larger than supported range');
	}
	if (n.digits && n.exponent < EXPONENT_MIN) {
		throw invalid('Number underflow. Attempting to store a number with magnitude smaller than supported range');
	}
	if (n.digits.length > DIGITS_MAX) {
		throw invalid('Attempting to store more than 38 significant digits in a Number');
	}
	return n;
}

function format({ negative, digits, exponent }) {
	if (!digits) {
		return '0';
	}
	const whole = exponent + 1;
	const text = whole <= 0 ? '0.' + '0'.repeat(-whole) + digits
		: whole >= digits.length ? digits + '0'.repeat(whole - digits.length)
			: digits.slice(0, whole) + '.' + digits.slice(whole);
	return (negative ? '-' : '') + text;
}

function normal(text) {
	return PLAIN.test(text) ? text : format(within_limits(parse(text)));
}

function complement(digits) {
	return digits.replace(/[0-9]/g, (d) => 9 - d);
}

/* Sign, exponent, digits; for negative numbers all turned round, with an end mark above every digit. */
function order_key(text) {
	const n = parse(text);
	if (!n.digits) {
		return '\x80';
	}
	return n.negative ? '\x40' + String.fromCharCode(EXPONENT_MAX - n.exponent) + complement(n.digits) + '\xff'
		: '\xc0' + String.fromCharCode(n.exponent - EXPONENT_MIN) + n.digits + '\x01';
}

function compare(a, b) {
	const x = order_key(a);
	const y = order_key(b);
	return x < y ? -1 : x > y ? 1 : 0;
}

/* Mantissa and power of ten, for arithmetic. */
function scaled(text) {
	const n = parse(text);
	const mantissa = BigInt(n.digits || '0');
	return { mantissa: n.negative ? -mantissa : mantissa, power: n.exponent - Math.max(n.digits.length - 1, 0) };
}

function add(a, b, sign = 1n) {
	const x = scaled(a);
	const y = scaled(b);
	const power = Math.min(x.power, y.power);
	const sum = x.mantissa * 10n ** BigInt(x.power - power) + sign * y.mantissa * 10n ** BigInt(y.power - power);
	return normal(sum + 'e' + power);
}

function subtract(a, b) {
	return add(a, b, -1n);
}

/* How many bytes the service counts for it. */
function size(text) {
	const n = parse(text);
	return n.digits ? Math.ceil(n.digits.length / 2) + 1 + (n.negative ? 1 : 0) : 1;
}

module.exports = { normal, order_key, compare, add, subtract, size };
