/* All tables of one server, and the one way to change them: commit(), which writes the journal first.
 *
 * Everything here happens within one turn of the event loop, so every request sees all of another or nothing. Journal: a line of JSON for each
 * change, written to the file before the change is made and therefore before any answer, so kill -9 loses nothing that was acknowledged; at
 * the start its lines are done again, and a last line without an end, whose request was never answered, is cut off.
 */
'use strict';

const fs = require('fs');

const { Refusal } = require('./errors');
const { Table } = require('./table');

class Database {
	/* options: { journal, gsi_lag_ms, create_ms, clock } with clock() in ms. */
	constructor(options) {
		this.options = options;
		this.tables = new Map();
		this.tokens = new Map();
		this.held = new Map();
		this.in_progress = new Set();
		this.journal = undefined;
		if (options.journal) {
			this.replay(options.journal);
			this.journal = fs.openSync(options.journal, 'a');
		}
	}

	replay(file) {
		const text = fs.existsSync(file) ? fs.readFileSync(file) : Buffer.alloc(0);
		const end = text.lastIndexOf('\n') + 1;
		for (let from = 0; from < end;) {
			const to = text.indexOf('\n', from);
			this.redo(JSON.parse(text.toString('utf8', from, to)));
			from = to + 1;
		}
		if (end < text.length) {
			fs.truncateSync(file, end);
		}
	}

	redo({ create, drop, ttl, writes, token }) {
		if (create) {
			this.tables.set(create.TableName, new Table(create));
		} else if (drop) {
			this.tables.delete(drop);
		} else if (ttl) {
			this.tables.get(ttl.table).ttl = ttl.attribute;
		}
		for (const [name, item, key] of writes || []) {
			const table = this.tables.get(name);
			const place = table.base.place(item || key, '');
			table.change(place, item ? table.row(item, place) : undefined, 0);
		}
		if (token) {
			this.tokens.set(token.id, token);
		}
	}

	/* make: gives the record, if one is kept. A journal that cannot be written ends the server: nothing may be answered that is not in it. */
	note(make) {
		if (this.journal === undefined) {
			return;
		}
		try {
			fs.appendFileSync(this.journal, JSON.stringify(make()) + '\n');
		} catch (error) {
			console.error(`serve: ${this.options.journal} cannot be written, so the server ends: ${error.message}`);
			process.exit(1);
		}
	}

	now() {
		return this.options.clock();
	}

	/* A table that may be read and written; one that is being made or dropped is not there yet, or no more. */
	table(name) {
		const table = this.tables.get(name);
		if (!table || this.status(table) !== 'ACTIVE') {
			throw new Refusal('ResourceNotFoundException');
		}
		return table;
	}

	status(table) {
		return this.now() >= table.description.CreationDateTime * 1000 + this.options.create_ms ? 'ACTIVE' : 'CREATING';
	}

	add_table(description) {
		this.note(() => ({ create: description }));
		const table = new Table(description);
		this.tables.set(table.name, table);
		return table;
	}

	drop_table(name) {
		this.note(() => ({ drop: name }));
		this.tables.delete(name);
	}

	set_ttl(table, attribute) {
		this.note(() => ({ ttl: { table: table.name, attribute } }));
		table.ttl = attribute;
	}

	/* Takes items for a transaction that is to be done later: until the function that this returns is called, others conflict with it. */
	hold(located, token_id) {
		const names = located.map(({ table, place }) => table.name + '\0' + place).filter((n) => !this.held.has(n));
		names.forEach((n) => this.held.set(n, token_id));
		if (token_id !== undefined) {
			this.in_progress.add(token_id);
		}
		return () => {
			names.forEach((n) => this.held.delete(n));
			this.in_progress.delete(token_id);
		};
	}

	is_held(table, place) {
		return this.held.size > 0 && this.held.has(table.name + '\0' + place);
	}

	/* A change as the journal has it: [table, item], [table, null, key], or undefined where there was nothing to delete. */
	written({ table, place, row }) {
		const old = row ? undefined : table.get(place);
		return row ? [table.name, row.item] : old && [table.name, null, table.key_of(old.item)];
	}

	/* changes: [{ table, place, row }], row undefined to delete; all of them. */
	commit(changes, token) {
		this.note(() => ({ token, writes: changes.map((c) => this.written(c)).filter(Boolean) }));
		const lag = this.options.gsi_lag_ms;
		const now = this.now();
		for (const { table, place, row } of changes) {
			table.settle(now);
			table.change(place, row, lag ? now + lag : 0);
		}
		if (token) {
			this.tokens.set(token.id, token);
		}
	}
}

module.exports = { Database };
