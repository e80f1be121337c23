/* POST and GET /_control: how a test steers a running fake and learns what happened in it. No signature is asked for.
 *
 *   GET                                       { requests: {operation: n}, faults: {kind: n}, pending: n, tables: {name: items} }
 *   POST {"faults": "conflict=0.5"}           another plan; "" for none
 *   POST {"next": [{"op": "PutItem", "fault": "500after"}]}     for the next requests of that operation (faults.js)
 *   POST {"gsi_lag_ms": 500}                  how late global indexes are
 *   POST {"clock_skew_ms": 400000}            how wrong the server's clock is
 *   POST {"expire": true}                     removes all items whose time to live is over, as the service does some day
 * A POST may have several members; its answer is that of a GET.
 */
'use strict';

function expire(database) {
	const now_s = database.now() / 1000;
	for (const table of database.tables.values()) {
		const gone = [];
		const look = ({ item, place }) => {
			const at = table.ttl !== undefined && item[table.ttl];
			if (at && at.N !== undefined && Number(at.N) < now_s) {
				gone.push({ table, place });
			}
		};
		table.base.rows.up('', '\u0100', look);
		if (gone.length) {
			database.commit(gone);
		}
	}
}

/* member of a POST: what it does with its value */
const COMMANDS = {
	faults: ({ faults }, spec) => faults.plan(spec),
	next: ({ faults }, entries) => faults.next(entries),
	gsi_lag_ms: ({ database }, ms) => {
		database.options.gsi_lag_ms = ms;
	},
	clock_skew_ms: ({ options }, ms) => {
		options.clock_skew_ms = ms;
	},
	expire: ({ database }) => expire(database),
};

function report({ database, faults, requests, pending }) {
	const tables = Object.fromEntries([...database.tables].map(([name, t]) => [name, t.base.rows.size]));
	return { requests, faults: faults.fired, pending: pending.n, tables };
}

/* server: what serve makes; -> { status, body } */
function control(server, method, body) {
	try {
		const given = method === 'POST' ? JSON.parse(body) : {};
		const unknown = Object.keys(given).find((key) => !Object.hasOwn(COMMANDS, key));
		if (unknown) {
			throw new Error(`control: there is no command '${unknown}'; commands are: ${Object.keys(COMMANDS).join(' ')}`);
		}
		Object.entries(given).forEach(([key, value]) => COMMANDS[key](server, value));
		return { status: 200, body: report(server) };
	} catch (error) {
		return { status: 400, body: { message: error.message } };
	}
}

module.exports = { control };
