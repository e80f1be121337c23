/* Which requests go wrong, and how. Seeded: the n-th request of a server with a seed has the same fate every time.
 *
 * A plan is text: kind=probability[:milliseconds], separated by commas; OPERATION.kind only for one operation. For each request the entries
 * are asked in their order and the first that fires is its fate. A script ("next") comes before the plan: its
 * entries are used up one by one by the requests of their operation.
 */
'use strict';

const WRITES = ['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem', 'TransactWriteItems'];
const READS = ['GetItem', 'BatchGetItem', 'Query', 'Scan', 'TransactGetItems'];
const DATA = [...WRITES, ...READS];
const CONFLICTS = ['PutItem', 'UpdateItem', 'DeleteItem', 'TransactWriteItems', 'TransactGetItems'];

/* kind: [operations that it can befall, milliseconds when the plan gives none, what it is] */
const KINDS = {
	'drop-before': [DATA, 0, 'the connection ends, in order or with a reset; nothing was done'],
	'reset-before': [DATA, 0, 'the whole request is read, then the connection is reset; nothing was done'],
	'500before': [DATA, 0, 'InternalServerError, nothing was done'],
	503: [DATA, 0, 'ServiceUnavailable, nothing was done'],
	throttle: [DATA, 0, 'refused for its rate; batches are done in part'],
	conflict: [CONFLICTS, 0, 'another transaction has one of the items'],
	inprogress: [['TransactWriteItems'], 0, 'the same transaction is still being done'],
	hold: [['TransactWriteItems'], 20, 'its items are taken, and others conflict with it, for so long; then it is done'],
	late: [WRITES, 2000, 'InternalServerError or the end of the connection at once, and done after so long all the same'],
	'500after': [WRITES, 0, 'done, then InternalServerError'],
	'drop-after': [DATA, 0, 'done, then the connection ends'],
	slow: [DATA, 800, 'waits so long before it is done'],
};

/* A number in [0, 1) from a seed, a request and a use: no state, so no request changes another's fate. */
function chance(seed, counter, use) {
	let h = (seed ^ Math.imul(counter, 0x9e3779b1) ^ Math.imul(use + 1, 0x85ebca6b)) >>> 0;
	for (const factor of [0x7feb352d, 0x846ca68b]) {
		h = Math.imul(h ^ (h >>> 16), factor) >>> 0;
	}
	return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32;
}

function parse(spec) {
	return spec.split(',').map((s) => s.trim()).filter(Boolean).map((entry) => {
		const m = /^(?:(\w+)\.)?([\w-]+)=([0-9.]+)(?::(\d+))?$/.exec(entry);
		const [, op, kind, probability, ms] = m || [];
		if (!m || !Object.hasOwn(KINDS, kind) || !(Number(probability) <= 1) || (op && !KINDS[kind][0].includes(op))) {
			throw new Error(`faults: '${entry}' is not [OPERATION.]kind=probability[:ms] `
				+ `with a kind of: ${Object.keys(KINDS).join(' ')}`);
		}
		return { kind, ops: op ? [op] : KINDS[kind][0], probability: Number(probability),
			ms: ms === undefined ? KINDS[kind][1] : Number(ms) };
	});
}

/* Entries of a script: { op, fault, ms?, skip?, times? }: after `skip` requests of that operation, the next `times` (1). */
function parse_script(entries) {
	return entries.map(({ op, fault, ms, skip = 0, times = 1 }) => {
		if (!Object.hasOwn(KINDS, fault) || (op !== undefined && !DATA.includes(op))) {
			throw new Error(`faults: next: there is no fault '${fault}' for '${op}'; kinds are: ${Object.keys(KINDS).join(' ')}`);
		}
		return { op, kind: fault, ms: ms === undefined ? KINDS[fault][1] : ms, skip, times };
	});
}

class Faults {
	constructor(seed, spec) {
		this.seed = seed;
		this.counter = 0;
		this.script = [];
		this.fired = {};
		this.plan(spec);
	}

	plan(spec) {
		this.rules = parse(spec);
	}

	next(entries) {
		this.script.push(...parse_script(entries));
	}

	scripted(op) {
		const entry = this.script.find((e) => e.op === undefined || e.op === op);
		if (!entry) {
			return undefined;
		}
		if (entry.skip > 0) {
			entry.skip--;
			return undefined;
		}
		entry.times--;
		this.script = this.script.filter((e) => e.times > 0);
		return entry;
	}

	planned(op, counter) {
		return this.rules.find((rule, i) => rule.ops.includes(op) && chance(this.seed, counter, i) < rule.probability);
	}

	/* { kind, ms, roll(use) } of this request, kind undefined when nothing happens; roll gives more chances of its own. */
	draw(op) {
		const counter = ++this.counter;
		const fate = this.scripted(op) || this.planned(op, counter);
		if (fate) {
			this.fired[fate.kind] = (this.fired[fate.kind] || 0) + 1;
		}
		return { kind: fate && fate.kind, ms: fate && fate.ms, roll: (use) => chance(this.seed, counter, 1000 + use) };
	}
}

module.exports = { Faults, KINDS, WRITES };
