/* Random expressions with their names and values; some are broken on purpose. */
'use strict';

const { NAMES, broken, equal_to, of_type, value } = require('./values');

const TYPES = ['S', 'N', 'B', 'BOOL', 'NULL', 'SS', 'NS', 'BS', 'L', 'M'];

/* What is wrong with an expression: done to { text, names, values }. */
const FAULTS = [
	(e) => { e.text += ' AND'; },
	(e) => { e.text = `(${e.text}`; },
	(e) => { e.text = `((${e.text}))`; },
	(e) => { e.text = ''; },
	(e) => { e.text = e.text.replace(/[=<>]+/, '=='); },
	(e) => { e.text += ' OR status = :zzz'; },
	(e) => { e.text += ' AND attribute_exists(name)'; },
	(e) => { e.text += ' AND #zzz = :zzz'; e.values[':zzz'] = { S: 'x' }; },
	(e) => { e.text += ' AND a = :zzz'; },
	(e) => { e.values[':zzz'] = { S: 'unused' }; },
	(e) => { e.names['#zzz'] = 'unused'; },
	(e) => { e.values['zzz'] = { S: 'no colon' }; },
	(e, r) => { e.text += ' AND a = :zzz'; e.values[':zzz'] = broken(r); },
	(e) => { e.text += ' AND nothing(a)'; },
	(e) => { e.text += ' AND attribute_exists(a, b)'; },
	(e) => { e.text += ' AND size(a)'; },
	(e) => { e.text += ' AND a = a'; },
	(e) => { e.text += ' AND begins_with(a, :zzz)'; e.values[':zzz'] = { N: '5' }; },
	(e) => { e.text += ' AND a < :zzz'; e.values[':zzz'] = { BOOL: true }; },
	(e) => { e.text += ' AND a BETWEEN :zzz AND :zzy'; e.values[':zzz'] = { N: '5' }; e.values[':zzy'] = { N: '4' }; },
	(e) => { e.text += ' AND attribute_type(a, :zzz)'; e.values[':zzz'] = { S: 'Q' }; },
	(e) => { e.text += ' AND attribute_exists(:zzz)'; e.values[':zzz'] = { S: 'a' }; },
];

class Writer {
	constructor(r) {
		this.r = r;
		this.names = {};
		this.values = {};
	}

	value(v) {
		const ref = `:v${Object.keys(this.values).length}`;
		this.values[ref] = v;
		return ref;
	}

	name(name) {
		if (this.r.chance(60)) {
			return name;
		}
		this.names[`#${name}`] = name;
		return `#${name}`;
	}

	path() {
		const steps = [this.name(this.r.one(NAMES))];
		while (this.r.chance(25) && steps.length < 3) {
			steps.push(this.r.chance(50) ? `[${this.r.below(3)}]` : `.${this.name(this.r.one(NAMES))}`);
		}
		return steps.join('');
	}

	scalar() {
		return this.value(of_type(this.r, this.r.weighted([[4, 'S'], [4, 'N'], [1, 'B']])));
	}

	comparison() {
		const { r } = this;
		return r.weighted([
			[3, () => `attribute_exists(${this.path()})`],
			[3, () => `attribute_not_exists(${this.path()})`],
			[2, () => `attribute_type(${this.path()}, ${this.value({ S: r.one(TYPES) })})`],
			[2, () => `begins_with(${this.path()}, ${this.value(of_type(r, r.chance(80) ? 'S' : 'B'))})`],
			[2, () => `contains(${this.path()}, ${this.scalar()})`],
			[4, () => `${this.path()} ${r.one(['=', '<>'])} ${this.value(equal_to(r))}`],
			[4, () => `${this.path()} ${r.one(['<', '<=', '>', '>='])} ${this.scalar()}`],
			[2, () => `size(${this.path()}) ${r.one(['=', '<', '>='])} ${this.value(of_type(r, 'N'))}`],
			[2, () => `${this.path()} IN (${r.some(1, 3, () => this.value(equal_to(r))).join(', ')})`],
			[1, () => this.between()],
		])();
	}

	between() {
		const low = this.r.below(10);
		return `${this.path()} BETWEEN ${this.value({ N: String(low) })} AND ${this.value({ N: String(low + this.r.below(5)) })}`;
	}

	condition(depth = 0) {
		const { r } = this;
		if (depth > 2 || r.chance(55)) {
			return this.comparison();
		}
		return r.weighted([
			[3, () => `${this.condition(depth + 1)} AND ${this.condition(depth + 1)}`],
			[3, () => `${this.condition(depth + 1)} OR ${this.condition(depth + 1)}`],
			[2, () => `NOT ${this.comparison()}`],
			[2, () => `(${this.comparison()} ${r.one(['AND', 'or'])} ${this.comparison()})`],
		])();
	}

	operand() {
		const { r } = this;
		return r.weighted([
			[5, () => this.value(value(r))],
			[2, () => this.path()],
			[2, () => `if_not_exists(${this.path()}, ${this.value(value(r))})`],
			[2, () => `list_append(${this.path()}, ${this.value(of_type(r, 'L'))})`],
			[3, () => `${this.path()} ${r.one(['+', '-'])} ${this.value(of_type(r, 'N'))}`],
			[1, () => `if_not_exists(${this.path()}, ${this.value({ N: '0' })}) + ${this.value({ N: '1' })}`],
		])();
	}

	update() {
		const { r } = this;
		const sections = {
			SET: () => `${this.path()} = ${this.operand()}`,
			REMOVE: () => this.path(),
			ADD: () => `${this.path()} ${this.value(of_type(r, r.weighted([[4, 'N'], [1, 'SS'], [1, 'NS']])))}`,
			DELETE: () => `${this.path()} ${this.value(of_type(r, r.one(['SS', 'NS', 'BS'])))}`,
		};
		const chosen = ['SET', 'REMOVE', 'ADD', 'DELETE'].filter((s) => r.chance(s === 'SET' ? 80 : 20));
		return (chosen.length ? chosen : ['SET']).map((s) => `${s} ${r.some(1, 2, sections[s]).join(', ')}`).join(' ');
	}

	projection() {
		return this.r.some(1, 3, () => this.path()).join(', ');
	}

	placeholders() {
		return { ...(Object.keys(this.names).length ? { ExpressionAttributeNames: this.names } : {}),
			...(Object.keys(this.values).length ? { ExpressionAttributeValues: this.values } : {}) };
	}

	/* Spoils a text of this writer, now and then. */
	maybe_broken(text, percent) {
		const e = { text, names: this.names, values: this.values };
		if (this.r.chance(percent)) {
			this.r.one(FAULTS)(e, this.r);
		}
		return e.text;
	}
}

module.exports = { Writer };
