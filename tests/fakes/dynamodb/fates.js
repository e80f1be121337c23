/* What becomes of a request whom a fault has befallen (faults.js says which): one function for each kind.
 *
 * Each gets { op, request, ms, roll, database, run, reply, refuse, drop, reset, later }: run() does the request now and gives the answer;
 * reply(answer), refuse(type), drop() and reset() end the exchange; later(f) calls f after ms. Nothing else is known here of HTTP.
 */
'use strict';

const { Refusal } = require('./errors');
const { cancel_for, hold } = require('./transactions');

const THROTTLES = ['ProvisionedThroughputExceededException', 'ThrottlingException', 'RequestLimitExceeded'];

function refused(work) {
	try {
		return work();
	} catch (error) {
		if (error instanceof Refusal) {
			return { status: error.status, body: error.body() };
		}
		throw error;
	}
}

/* A part of each table's list, at least one entry of all left over: [to do, left]. */
function divide(lists, keep) {
	const now = {};
	const left = {};
	let n = 0;
	for (const [name, list] of Object.entries(lists)) {
		const [doing, leaving] = [list.filter((_, i) => keep(n + i)), list.filter((_, i) => !keep(n + i))];
		n += list.length;
		if (doing.length) {
			now[name] = doing;
		}
		if (leaving.length) {
			left[name] = leaving;
		}
	}
	return [now, left];
}

function throttle_writes({ request, roll, run, refuse, reply }) {
	const [now, left] = divide(request.RequestItems, (i) => i > 0 && roll(i) < 0.5);
	if (!Object.keys(now).length) {
		return refuse('ProvisionedThroughputExceededException');
	}
	const answer = run({ ...request, RequestItems: now });
	return reply(answer.status === 200 ? { status: 200, body: { ...answer.body, UnprocessedItems: left } } : answer);
}

function throttle_reads({ request, roll, run, refuse, reply }) {
	const given = request.RequestItems;
	const lists = Object.fromEntries(Object.entries(given).map(([name, r]) => [name, r.Keys]));
	const with_keys = (keys) => Object.fromEntries(Object.entries(keys).map(([name, list]) => [name, { ...given[name], Keys: list }]));
	const [now, left] = divide(lists, (i) => i > 0 && roll(i) < 0.5);
	if (!Object.keys(now).length) {
		return refuse('ProvisionedThroughputExceededException');
	}
	const answer = run({ ...request, RequestItems: with_keys(now) });
	return reply(answer.status === 200 ? { status: 200, body: { ...answer.body, UnprocessedKeys: with_keys(left) } } : answer);
}

function throttle_transaction({ request, roll, refuse, reply }) {
	return roll(0) < 0.5 ? reply(refused(() => cancel_for(request, roll(1), 'ThrottlingException')))
		: refuse('ProvisionedThroughputExceededException');
}

const THROTTLED = { BatchWriteItem: throttle_writes, BatchGetItem: throttle_reads,
	TransactWriteItems: throttle_transaction, TransactGetItems: throttle_transaction };

function throttle(x) {
	return THROTTLED[x.op] ? THROTTLED[x.op](x) : x.refuse(THROTTLES[Math.floor(x.roll(0) * THROTTLES.length)]);
}

function conflict({ request, roll, refuse, reply }) {
	return request.TransactItems ? reply(refused(() => cancel_for(request, roll(0), 'TransactionConflictException')))
		: refuse('TransactionConflictException');
}

function held({ database, request, later, run, reply }) {
	const release = hold(database, request);
	later(() => {
		release();
		reply(run());
	});
}

const FATES = {
	'drop-before': ({ drop }) => drop(),
	'reset-before': ({ reset }) => reset(),
	'500before': ({ refuse }) => refuse('InternalServerError'),
	503: ({ refuse }) => refuse('ServiceUnavailable'),
	throttle,
	conflict,
	inprogress: ({ refuse }) => refuse('TransactionInProgressException'),
	hold: held,
	late: ({ later, run, roll, refuse, drop }) => {
		later(run);
		return roll(0) < 0.5 ? refuse('InternalServerError') : drop();
	},
	'500after': ({ run, refuse }) => {
		run();
		refuse('InternalServerError');
	},
	'drop-after': ({ run, drop }) => {
		run();
		drop();
	},
	slow: ({ later, run, reply }) => later(() => reply(run())),
};

module.exports = { FATES, refused };
