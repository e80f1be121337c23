/* A sorted map from text to anything: sorted arrays of a few hundred keys each, found by two binary searches.
 *
 * Inserting moves a few hundred entries at most, whatever the size of the whole; walking a range in either direction costs what it visits.
 * Texts are compared as JavaScript does: callers give texts of one byte a character, or a bound above them all.
 */
'use strict';

const CHUNK_MAX = 512;

/* The first place in `keys` whose key is >= key. */
function lower(keys, key) {
	let lo = 0;
	let hi = keys.length;
	while (lo < hi) {
		const middle = (lo + hi) >>> 1;
		if (keys[middle] < key) {
			lo = middle + 1;
		} else {
			hi = middle;
		}
	}
	return lo;
}

class Ordered {
	constructor() {
		this.chunks = [{ keys: [], values: [] }];
		this.size = 0;
	}

	/* The chunk that holds key, or would: the last one that begins at or before it. */
	place(key) {
		let lo = 0;
		let hi = this.chunks.length - 1;
		while (lo < hi) {
			const middle = (lo + hi + 1) >>> 1;
			if (this.chunks[middle].keys[0] <= key) {
				lo = middle;
			} else {
				hi = middle - 1;
			}
		}
		return lo;
	}

	get(key) {
		const chunk = this.chunks[this.place(key)];
		const at = lower(chunk.keys, key);
		return chunk.keys[at] === key ? chunk.values[at] : undefined;
	}

	set(key, value) {
		const place = this.place(key);
		const chunk = this.chunks[place];
		const at = lower(chunk.keys, key);
		if (chunk.keys[at] === key) {
			chunk.values[at] = value;
			return;
		}
		chunk.keys.splice(at, 0, key);
		chunk.values.splice(at, 0, value);
		this.size++;
		if (chunk.keys.length > CHUNK_MAX) {
			this.split(place, at);
		}
	}

	/* In the middle; but keys that only ever grow leave full chunks behind, not half-empty ones. */
	split(place, at) {
		const chunk = this.chunks[place];
		const cut = at === CHUNK_MAX ? CHUNK_MAX : CHUNK_MAX >>> 1;
		this.chunks.splice(place + 1, 0, { keys: chunk.keys.splice(cut), values: chunk.values.splice(cut) });
	}

	delete(key) {
		const place = this.place(key);
		const chunk = this.chunks[place];
		const at = lower(chunk.keys, key);
		if (chunk.keys[at] !== key) {
			return;
		}
		chunk.keys.splice(at, 1);
		chunk.values.splice(at, 1);
		this.size--;
		if (!chunk.keys.length && this.chunks.length > 1) {
			this.chunks.splice(place, 1);
		}
	}

	/* visit(value) for lo <= key < hi in order, until it returns false. Nothing may be inserted meanwhile. */
	up(lo, hi, visit) {
		let place = this.place(lo);
		let at = lower(this.chunks[place].keys, lo);
		for (; place < this.chunks.length; place++, at = 0) {
			const { keys, values } = this.chunks[place];
			for (; at < keys.length; at++) {
				if (keys[at] >= hi || visit(values[at]) === false) {
					return;
				}
			}
		}
	}

	/* The same from the other end. */
	down(lo, hi, visit) {
		let place = this.place(hi);
		let at = lower(this.chunks[place].keys, hi) - 1;
		while (place >= 0) {
			const { keys, values } = this.chunks[place];
			for (; at >= 0; at--) {
				if (keys[at] < lo || visit(values[at]) === false) {
					return;
				}
			}
			place--;
			at = place >= 0 ? this.chunks[place].keys.length - 1 : -1;
		}
	}
}

module.exports = { Ordered };
