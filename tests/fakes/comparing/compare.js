/* Sends each request to two servers and says where their answers differ.
 *
 * Compared: the status, the type of an error, and the whole body of a success; not compared: messages, request ids, capacity, times, ARNs.
 * Sets are compared as sets. Where a write was answered differently the reference is given our state of the item, so that one difference
 * does not bring forth a hundred.
 */
'use strict';

const KEYS = { pager: ['p', 'i'], numbers: ['p', 'i'], plain: ['p'] };
const PAGES_MAX = 50;
const IGNORED = new Set(['ConsumedCapacity', 'ItemCollectionMetrics', 'CreationDateTime', 'TableArn', 'TableId', 'IndexArn',
	'TableSizeBytes', 'IndexSizeBytes',
	'ItemCount', 'ProvisionedThroughput', 'BillingModeSummary', 'LastUpdateToPayPerRequestDateTime', 'Message', 'message',
	'__type', 'DeletionProtectionEnabled',
	'TableThroughputModeSummary', 'WarmThroughput', 'OnDemandThroughput', 'TableClassSummary', 'LatestStreamArn']);

/* JSON in one order of members, sets sorted, without what is not compared; unordered: lists of items sorted too. */
function normal(body, unordered) {
	const walk = (x, name) => {
		if (Array.isArray(x)) {
			const list = x.map((v) => walk(v));
			const is_set = ['SS', 'NS', 'BS'].includes(name) || (unordered && (name === 'Items' || name === 'Response'));
			return is_set || name === 'AttributeDefinitions' || /Indexes$/.test(name)
				? list.map((v) => [JSON.stringify(v), v]).sort().map(([, v]) => v) : list;
		}
		if (x === null || typeof x !== 'object') {
			return x;
		}
		return Object.fromEntries(Object.keys(x).filter((k) => !IGNORED.has(k)).sort().map((k) => [k,
			walk(x[k], name === 'Responses' ? 'Response' : k)]));
	};
	return JSON.stringify(walk(body));
}

/* What of an answer is compared. */
function judged({ status, type, body }, unordered) {
	return status === 200 ? normal(body, unordered) : `${status} ${type} ${normal(body, unordered)}`;
}

/* The tables and keys that a write may have changed. */
function touched({ op, request }) {
	const key = (table, from = {}) => [table, Object.fromEntries((KEYS[table] || []).map((k) => [k, from[k]]))];
	const of = {
		PutItem: () => [key(request.TableName, request.Item)],
		UpdateItem: () => [key(request.TableName, request.Key)],
		DeleteItem: () => [key(request.TableName, request.Key)],
		BatchWriteItem: () => Object.entries(request.RequestItems).flatMap(([t, list]) => list.map((w) => key(t,
			(w.PutRequest || {}).Item || (w.DeleteRequest || {}).Key))),
		TransactWriteItems: () => request.TransactItems.map((a) => Object.values(a)[0]).map((a) => key(a.TableName, a.Item || a.Key)),
	};
	return of[op] ? of[op]() : [];
}

class Comparison {
	constructor(ours, theirs) {
		this.ours = ours;
		this.theirs = theirs;
	}

	/* Makes the reference's item what ours is. */
	async mend(step) {
		for (const [TableName, Key] of touched(step)) {
			const found = await this.ours.call('GetItem', { TableName, Key, ConsistentRead: true });
			if (found.status === 200) {
				await (found.body.Item ? this.theirs.call('PutItem', { TableName, Item: found.body.Item })
					: this.theirs.call('DeleteItem', { TableName, Key }));
			}
		}
	}

	/* The differences that a step brings to light: { step, ours, theirs }, at most one a page. */
	async step(step) {
		const differences = [];
		let starts = [undefined, undefined];
		for (let page = 0; page < PAGES_MAX; page++) {
			const ask = (client, start) => client.call(step.op,
				start ? { ...step.request, ExclusiveStartKey: start } : step.request);
			const [ours, theirs] = [await ask(this.ours, starts[0]), await ask(this.theirs, starts[1])];
			if (judged(ours, step.unordered) !== judged(theirs, step.unordered)) {
				differences.push({ step, ours, theirs });
				await this.mend(step);
				break;
			}
			starts = [ours.body.LastEvaluatedKey, theirs.body.LastEvaluatedKey];
			if (!step.pages || !starts[0]) {
				break;
			}
		}
		if (step.mend) {
			await this.mend(step);
		}
		return differences;
	}
}

module.exports = { Comparison, judged };
