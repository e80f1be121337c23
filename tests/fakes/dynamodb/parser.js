/* Expressions, from text to tree: conditions, updates and projections.
 *
 * A tree knows nothing of a request: names (#n) and values (:v) stand in it as they were written, so one tree serves every request with that
 * text, and trees are kept. expressions.js puts names and values in and judges what that makes. The grammar is the service's; recursion
 * goes as deep as parentheses, NOTs and nested functions do, which the length of an expression limits.
 *
 *   path    { kind: 'path', steps: ['a', '#b', 3] }         value   { kind: 'value', ref: ':v' }
 *   call    { kind: 'call', name, args }                    compare { kind: 'compare', op, args }     (op also BETWEEN and IN)
 *   logic   { kind: 'and' | 'or' | 'not', args }            sum     { kind: 'sum', op: '+' | '-', args }
 *   update  { SET: [{ path, to }], REMOVE: [{ path }], ADD: [{ path, by }], DELETE: [{ path, by }] }
 */
'use strict';

const { invalid } = require('./errors');
const reserved = require('./reserved');

const LENGTH_MAX = 4096;
const KEPT_MAX = 10000;
const TOKEN = /\s*(?:([#:]?[A-Za-z_0-9][A-Za-z_0-9-]*|[#:][A-Za-z_0-9]+)|(<>|<=|>=|[=<>()[\],.+-])|(\S))/y;
const NAME = /^(?:[A-Za-z][A-Za-z0-9_]*|#[A-Za-z0-9_]+)$/;
const COMPARATORS = new Set(['=', '<>', '<', '<=', '>', '>=']);
const PREDICATES = { attribute_exists: 1, attribute_not_exists: 1, attribute_type: 2, begins_with: 2, contains: 2 };
const OPERANDS = { size: 1 };
const ASSIGNABLE = { if_not_exists: 2, list_append: 2 };
const SECTIONS = ['SET', 'REMOVE', 'ADD', 'DELETE'];

function tokens_of(text) {
	const tokens = [];
	TOKEN.lastIndex = 0;
	for (let m; TOKEN.lastIndex < text.length && (m = TOKEN.exec(text));) {
		const token = m[1] || m[2] || m[3];
		const dash = m[1] ? token.indexOf('-') : -1;
		if (dash > 0) {
			TOKEN.lastIndex -= token.length - dash;
			tokens.push(token.slice(0, dash));
		} else {
			tokens.push(token);
		}
	}
	return tokens;
}

class Parser {
	constructor(text, is_update) {
		this.tokens = tokens_of(text);
		this.at = 0;
		this.is_update = is_update;
	}

	get next() {
		return this.tokens[this.at];
	}

	syntax_error() {
		const near = this.tokens.slice(Math.max(this.at - 1, 0), this.at + 2).join(' ');
		return invalid(`Syntax error; token: "${this.next === undefined ? '<EOF>' : this.next}", near: "${near}"`);
	}

	is_word(...words) {
		return this.next !== undefined && words.includes(this.next.toUpperCase());
	}

	take(...words) {
		if (!this.is_word(...words)) {
			return undefined;
		}
		return this.tokens[this.at++].toUpperCase();
	}

	must(word) {
		if (!this.take(word)) {
			throw this.syntax_error();
		}
	}

	/* The whole text must be one of what `what` reads. */
	all(what) {
		const tree = this[what]();
		if (this.next !== undefined) {
			throw this.syntax_error();
		}
		return tree;
	}

	separated(read) {
		const found = [read()];
		while (this.take(',')) {
			found.push(read());
		}
		return found;
	}

	step() {
		const token = this.next;
		if (token === undefined || !NAME.test(token)) {
			throw this.syntax_error();
		}
		if (token[0] !== '#' && reserved.has(token.toUpperCase())) {
			throw invalid(`Attribute name is a reserved keyword; reserved keyword: ${token}`);
		}
		this.at++;
		return token;
	}

	path() {
		const steps = [this.step()];
		for (;;) {
			if (this.take('.')) {
				steps.push(this.step());
			} else if (this.take('[')) {
				if (!/^[0-9]+$/.test(this.next || '')) {
					throw this.syntax_error();
				}
				steps.push(Number(this.tokens[this.at++]));
				this.must(']');
			} else {
				return { kind: 'path', steps };
			}
		}
	}

	value() {
		if (!/^:[A-Za-z0-9_]+$/.test(this.next || '')) {
			throw this.syntax_error();
		}
		return { kind: 'value', ref: this.tokens[this.at++] };
	}

	call() {
		const name = this.tokens[this.at];
		this.at += 2;
		const known = this.is_update ? ASSIGNABLE : { ...PREDICATES, ...OPERANDS };
		if (!(name in PREDICATES || name in OPERANDS || name in ASSIGNABLE)) {
			throw invalid(`Invalid function name; function: ${name}`);
		}
		if (!(name in known)) {
			throw invalid(`The function is not allowed in ${this.is_update ? 'an update' : 'this'} expression; function: ${name}`);
		}
		const args = this.separated(() => this.operand());
		this.must(')');
		if (args.length !== known[name]) {
			throw invalid(`Incorrect number of operands for operator or function; operator or function: ${name}, `
				+ `number of operands: ${args.length}`);
		}
		return { kind: 'call', name, args };
	}

	/* An operand of a comparison, or of a sum in an update. */
	operand() {
		if (this.next !== undefined && this.next[0] === ':') {
			return this.value();
		}
		if (this.take('(')) {
			const inner = this.operand();
			this.must(')');
			return this.parenthesised(inner);
		}
		return this.tokens[this.at + 1] === '(' && /^[A-Za-z_]/.test(this.next) ? this.call() : this.path();
	}

	parenthesised(tree) {
		if (tree.is_wrapped) {
			throw invalid('The expression has redundant parentheses;');
		}
		return { ...tree, is_wrapped: true };
	}

	condition() {
		return this.logic('or', 'OR', () => this.logic('and', 'AND', () => this.negation()));
	}

	logic(kind, word, read) {
		let tree = read();
		while (this.take(word)) {
			tree = { kind, args: [tree, read()] };
		}
		return tree;
	}

	negation() {
		return this.take('NOT') ? { kind: 'not', args: [this.negation()] } : this.term();
	}

	/* Does the parenthesis here hold an operand? What follows its end tells. */
	is_operand() {
		let depth = 0;
		let at = this.at;
		do {
			depth += { '(': 1, ')': -1 }[this.tokens[at]] || 0;
			at++;
		} while (depth > 0 && at < this.tokens.length);
		const after = this.tokens[at];
		return after !== undefined && (COMPARATORS.has(after) || ['BETWEEN', 'IN'].includes(after.toUpperCase()));
	}

	/* A comparison, a predicate, or a condition in parentheses. */
	term() {
		if (this.next === '(' && !this.is_operand()) {
			this.at++;
			const inner = this.condition();
			this.must(')');
			return this.parenthesised(inner);
		}
		const left = this.operand();
		if (COMPARATORS.has(this.next)) {
			const op = this.tokens[this.at++];
			return { kind: 'compare', op, args: [left, this.operand()] };
		}
		if (this.take('BETWEEN')) {
			const low = this.operand();
			this.must('AND');
			return { kind: 'compare', op: 'BETWEEN', args: [left, low, this.operand()] };
		}
		if (this.take('IN')) {
			this.must('(');
			const list = this.separated(() => this.operand());
			this.must(')');
			return { kind: 'compare', op: 'IN', args: [left, ...list] };
		}
		return this.predicate(left);
	}

	predicate(tree) {
		if (tree.kind === 'call' && !(tree.name in PREDICATES)) {
			throw invalid(`The function is not allowed to be used this way in an expression; function: ${tree.name}`);
		}
		if (tree.kind !== 'call') {
			throw this.syntax_error();
		}
		return tree;
	}

	projection() {
		return this.separated(() => this.path());
	}

	update() {
		const tree = {};
		do {
			const section = this.take(...SECTIONS);
			if (!section) {
				throw this.syntax_error();
			}
			if (tree[section]) {
				throw invalid(`The "${section}" section can only be used once in an update expression;`);
			}
			tree[section] = this.separated(() => this[section]());
		} while (this.next !== undefined);
		return tree;
	}

	SET() {
		const path = this.path();
		this.must('=');
		return { path, to: this.sum() };
	}

	REMOVE() {
		return { path: this.path() };
	}

	ADD() {
		return { path: this.path(), by: this.value() };
	}

	DELETE() {
		return { path: this.path(), by: this.value() };
	}

	sum() {
		const left = this.operand();
		const op = this.take('+', '-');
		return op ? { kind: 'sum', op, args: [left, this.operand()] } : left;
	}
}

const kept = new Map();

/* what: 'condition', 'update' or 'projection'. Throws a Refusal without the name of the parameter. */
function parse(what, text) {
	const key = what + text;
	const known = kept.get(key);
	if (known) {
		return known;
	}
	if (!text) {
		throw invalid('The expression can not be empty;');
	}
	if (Buffer.byteLength(text) > LENGTH_MAX) {
		throw invalid(`Expression size has exceeded the maximum allowed size; expression size: ${Buffer.byteLength(text)}`);
	}
	const tree = new Parser(text, what === 'update').all(what);
	if (kept.size >= KEPT_MAX) {
		kept.clear();
	}
	kept.set(key, tree);
	return tree;
}

module.exports = { parse };
