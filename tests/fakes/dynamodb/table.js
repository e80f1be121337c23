/* One table: its items, its indexes, and where everything is.
 *
 * The table and each index is a view: rows in one sorted map, by a text made of a hash of the partition key (the order of a scan, as in the
 * service, is nobody's business), the partition key, and the sort key; in an index the place in the table follows, so that equal keys are
 * apart. Items without an index's keys are not in it. A local index changes with its table; a global one, when a lag is set, that much later,
 * each change in its turn: until then readers see the item as it was.
 */
'use strict';

const { invalid, bad_parameter } = require('./errors');
const { Ordered } = require('./ordered');
const { ORDER, item_size, type_of } = require('./values');

/* Above every text of one byte a character. */
const ABOVE = '\u0100';
const HASH_KEY_MAX = 2048;
const RANGE_KEY_MAX = 1024;
const ITEM_MAX = 400 << 10;

/* FNV-1a, 32 bits, as four characters. */
function hash(text) {
	let h = 0x811c9dc5;
	for (let i = 0; i < text.length; i++) {
		h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
	}
	return String.fromCharCode(h >>> 24, (h >>> 16) & 255, (h >>> 8) & 255, h & 255);
}

/* A key attribute's value as text that sorts like it. Zero bytes are doubled up so that an end mark is below whatever goes on. */
function start_of(value, type) {
	const text = ORDER[type](value[type]);
	return type !== 'N' && text.includes('\0') ? text.replaceAll('\0', '\0\xff') : text;
}

function encoded(value, type) {
	return type === 'N' ? start_of(value, type) : start_of(value, type) + '\0\x01';
}

class View {
	/* keys: [{ name, type }], partition key first. */
	constructor(kind, name, keys, projection) {
		this.kind = kind;
		this.name = name;
		this.keys = keys;
		this.projection = projection;
		this.rows = new Ordered();
		this.waiting = [];
	}

	get hash_key() {
		return this.keys[0];
	}

	get range_key() {
		return this.keys[1];
	}

	partition(value) {
		const text = encoded(value, this.hash_key.type);
		return hash(text) + text;
	}

	/* Where the item is in this view; undefined when it is not. */
	place(item, table_place) {
		let place = '';
		for (const { name, type } of this.keys) {
			const value = item[name];
			if (value === undefined || value[type] === undefined) {
				return undefined;
			}
			place = place ? place + encoded(value, type) : this.partition(value);
		}
		return place + table_place;
	}

	change(from, to, row) {
		if (from !== undefined && from !== to) {
			this.rows.delete(from);
		}
		if (to !== undefined) {
			this.rows.set(to, row);
		}
	}

	/* Applies what has waited long enough. */
	settle(now_ms) {
		if (!this.waiting.length || this.waiting[0].at > now_ms) {
			return;
		}
		let done = 0;
		for (; done < this.waiting.length && this.waiting[done].at <= now_ms; done++) {
			const { from, to, row } = this.waiting[done];
			this.change(from, to, row);
		}
		this.waiting.splice(0, done);
	}

	/* What the index holds of an item; null: all of it. */
	attributes(table) {
		const { ProjectionType, NonKeyAttributes } = this.projection;
		if (ProjectionType === 'ALL') {
			return null;
		}
		return [...new Set([...table.base.keys, ...this.keys].map((k) => k.name).concat(NonKeyAttributes || []))];
	}
}

class Table {
	/* description: what CreateTable was given, and what the service adds. */
	constructor(description) {
		const types = Object.fromEntries(description.AttributeDefinitions.map((d) => [d.AttributeName, d.AttributeType]));
		const keys = (schema) => schema.map((k) => ({ name: k.AttributeName, type: types[k.AttributeName] }));
		const views = (kind, list) => (list || []).map((i) => new View(kind, i.IndexName, keys(i.KeySchema), i.Projection));
		this.description = description;
		this.name = description.TableName;
		this.base = new View('table', this.name, keys(description.KeySchema), { ProjectionType: 'ALL' });
		this.indexes = [...views('local', description.LocalSecondaryIndexes), ...views('global', description.GlobalSecondaryIndexes)];
		this.indexes.forEach((view) => {
			view.only = view.attributes(this);
		});
		this.key_names = this.base.keys.map((k) => k.name);
		this.ttl = undefined;
		this.bytes = 0;
	}

	view(index_name) {
		const view = index_name === undefined ? this.base : this.indexes.find((v) => v.name === index_name);
		if (!view) {
			throw invalid(`The table does not have the specified index: ${index_name}`);
		}
		return view;
	}

	key_of(item) {
		return Object.fromEntries(this.key_names.map((n) => [n, item[n]]));
	}

	/* The place of a key that was given alone, and must be one. */
	place_of_key(key) {
		const wanted = this.base.keys;
		if (Object.keys(key).length !== wanted.length || wanted.some(({ name, type }) => !key[name] || key[name][type] === undefined)) {
			throw invalid('The provided key element does not match the schema');
		}
		wanted.forEach(({ name, type }, i) => check_key_value(name, key[name][type], type, i, EMPTY.key(name)));
		return this.base.place(key, '');
	}

	/* The place of an item that is to be stored. */
	place_of_item(item) {
		this.base.keys.forEach(({ name, type }, i) => {
			if (item[name] === undefined) {
				throw bad_parameter(`Missing the key ${name} in the item`);
			}
			if (item[name][type] === undefined) {
				throw bad_parameter(`Type mismatch for key ${name} expected: ${type} actual: ${type_of(item[name])}`);
			}
			check_key_value(name, item[name][type], type, i, EMPTY.item(name));
		});
		this.check_index_keys(item);
		return this.base.place(item, '');
	}

	check_index_keys(item) {
		for (const view of this.indexes) {
			view.keys.forEach(({ name, type }, i) => {
				const value = item[name];
				if (value !== undefined && value[type] === undefined) {
					throw bad_parameter(`Type mismatch for Index Key ${name} Expected: ${type} Actual: ${type_of(value)} `
						+ `IndexName: ${view.name}`);
				}
				if (value !== undefined) {
					check_key_value(name, value[type], type, i, EMPTY.index(name, view.name));
				}
			});
		}
	}

	get(place) {
		return this.base.rows.get(place);
	}

	settle(now_ms) {
		this.indexes.forEach((view) => view.settle(now_ms));
	}

	/* A row of the item, ready to be stored. */
	row(item, place) {
		const size = item_size(item);
		if (size > ITEM_MAX) {
			throw invalid('Item size has exceeded the maximum allowed size');
		}
		return { item, size, place, places: this.indexes.map((v) => v.place(item, place)) };
	}

	/* Puts a row (undefined: takes away what is there). visible_at: when global indexes show it; 0: at once. */
	change(place, row, visible_at) {
		const old = this.get(place);
		this.base.change(place, row && place, row);
		this.bytes += (row ? row.size : 0) - (old ? old.size : 0);
		this.indexes.forEach((view, i) => {
			const from = old && old.places[i];
			const to = row && row.places[i];
			if (from === undefined && to === undefined) {
				return;
			}
			if (view.kind === 'global' && (visible_at || view.waiting.length)) {
				view.waiting.push({ at: visible_at, from, to, row });
			} else {
				view.change(from, to, row);
			}
		});
	}
}

/* What is said of an empty key, by where it stands: what comes before and after. */
const EMPTY = {
	key: (name) => ['One or more parameter values were invalid: ', `Key: ${name}`],
	item: (name) => ['One or more parameter values are not valid. ', `Key: ${name}`],
	index: (name, index) => ['One or more parameter values are not valid. A value specified for a secondary index key is not supported. ',
		`IndexName: ${index}, IndexKey: ${name}`],
};

function check_key_value(name, content, type, position, [before, after]) {
	const size = type === 'S' ? Buffer.byteLength(content) : type === 'B' ? Buffer.byteLength(content, 'base64') : 1;
	if (size === 0) {
		throw invalid(`${before}The AttributeValue for a key attribute cannot contain an empty `
			+ `${type === 'S' ? 'string' : 'binary'} value. ${after}`);
	}
	if (position === 0 && size > HASH_KEY_MAX) {
		throw bad_parameter('Size of hashkey has exceeded the maximum size limit of2048 bytes');
	}
	if (position > 0 && size > RANGE_KEY_MAX) {
		throw bad_parameter('Aggregated size of all range keys has exceeded the size limit of 1024 bytes');
	}
}

module.exports = { ABOVE, Table, encoded, hash, start_of };
