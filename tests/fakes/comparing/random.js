/* Seeded choices: the same seed, the same requests, on any machine. */
'use strict';

class Random {
	/* avoid: names of what is not to be made (references.js). */
	constructor(seed, avoid = []) {
		this.state = seed >>> 0;
		this.avoid = avoid;
	}

	avoids(what) {
		return this.avoid.includes(what);
	}

	/* An integer in [0, n). */
	below(n) {
		this.state = (this.state + 0x6d2b79f5) >>> 0;
		let h = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
		h ^= h + Math.imul(h ^ (h >>> 7), h | 61);
		return ((h ^ (h >>> 14)) >>> 0) % n;
	}

	chance(percent) {
		return this.below(100) < percent;
	}

	one(list) {
		return list[this.below(list.length)];
	}

	/* One of [weight, thing] rows. */
	weighted(rows) {
		let at = this.below(rows.reduce((n, [weight]) => n + weight, 0));
		return rows.find(([weight]) => (at -= weight) < 0)[1];
	}

	/* Between lo and hi of what make() gives. */
	some(lo, hi, make) {
		return Array.from({ length: lo + this.below(hi - lo + 1) }, () => make());
	}
}

module.exports = { Random };
