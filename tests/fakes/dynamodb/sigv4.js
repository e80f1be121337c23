/* Signature version 4, as the service checks it: every request must carry one, and every byte of it must be right.
 *
 * Source: the public description of the algorithm. verify() throws what the service says; sign() makes the header that it accepts, for our own
 * tests. Canonical paths are encoded twice, as for every service but S3.
 */
'use strict';

const crypto = require('crypto');

const { Refusal } = require('./errors');

const ALGORITHM = 'AWS4-HMAC-SHA256';
const SKEW_MAX_MS = 5 * 60 * 1000;
const PARTS = ['Credential', 'SignedHeaders', 'Signature'];

/* Credentials that the fake knows. A token, where there is one, must be sent too. */
const CREDENTIALS = {
	AKIDEXAMPLE: { secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
	ASIAEXAMPLE: { secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', token: 'SESSIONTOKEN/EXAMPLE==' },
	ASIAEXPIRED: { secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', token: 'SESSIONTOKEN/EXPIRED==', is_expired: true },
};

const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();
const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');

function encoded(text) {
	return encodeURIComponent(text).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());
}

function canonical_path(path) {
	return path.split('/').map(encoded).join('/') || '/';
}

function canonical_query(query) {
	return query.split('&').filter(Boolean).map((pair) => {
		const [name, ...value] = pair.split('=');
		return encoded(decodeURIComponent(name)) + '=' + encoded(decodeURIComponent(value.join('=')));
	}).sort().join('&');
}

/* request: { method, path, query, headers (lower-case names), body }; names: the signed headers, in order. */
function canonical_request(request, names, body_hash) {
	const lines = names.map((n) => `${n}:${String(request.headers[n]).trim().replace(/ +/g, ' ')}\n`).join('');
	return [request.method, canonical_path(request.path), canonical_query(request.query), lines, names.join(';'), body_hash].join('\n');
}

const keys = new Map();

/* Good for a day, a region and a service, and kept that long. */
function signing_key(secret, scope) {
	const known = keys.get(secret + scope);
	if (known) {
		return known;
	}
	const key = scope.split('/').reduce((k, part) => hmac(k, part), 'AWS4' + secret);
	keys.set(secret + scope, key);
	return key;
}

function string_to_sign(date, scope, canonical) {
	return [ALGORITHM, date, scope, sha256(canonical)].join('\n');
}

function signature(secret, date, scope, canonical) {
	return hmac(signing_key(secret, scope), string_to_sign(date, scope, canonical)).toString('hex');
}

/* The Authorization header of a request whose headers, X-Amz-Date included, are complete. */
function sign(request, { id, secret, region, service }) {
	const names = Object.keys(request.headers).sort();
	const date = request.headers['x-amz-date'];
	const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`;
	const hex = signature(secret, date, scope, canonical_request(request, names, sha256(request.body)));
	return `${ALGORITHM} Credential=${id}/${scope}, SignedHeaders=${names.join(';')}, Signature=${hex}`;
}

/* Authorization, taken apart: { Credential, SignedHeaders, Signature }. */
function parts_of(headers) {
	const header = headers.authorization;
	if (header === undefined || !header.startsWith('AWS4-')) {
		throw new Refusal('MissingAuthenticationTokenException');
	}
	const found = {};
	for (const pair of header.slice(header.indexOf(' ') + 1).split(',')) {
		const at = pair.indexOf('=');
		found[pair.slice(0, at).trim()] = pair.slice(at + 1).trim();
	}
	const missing = PARTS.filter((p) => !found[p]).map((p) => `Authorization header requires '${p}' parameter. `);
	if (!headers['x-amz-date']) {
		missing.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ");
	}
	if (missing.length) {
		throw new Refusal('IncompleteSignatureException', missing.join('') + 'Authorization=' + header);
	}
	return found;
}

function wrong(message) {
	return new Refusal('InvalidSignatureException', message);
}

function time_of(date) {
	const m = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
	if (!m) {
		throw new Refusal('IncompleteSignatureException', `Date must be in ISO-8601 'basic format'. Got '${date}'.`);
	}
	return Date.UTC(m[1], m[2] - 1, m[3], m[4], m[5], m[6]);
}

function check_date(date, now_ms) {
	const at = time_of(date);
	const text = (ms) => new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '');
	if (at < now_ms - SKEW_MAX_MS) {
		throw wrong(`Signature expired: ${date} is now earlier than ${text(now_ms - SKEW_MAX_MS)} (${text(now_ms)} - 5 min.)`);
	}
	if (at > now_ms + SKEW_MAX_MS) {
		throw wrong(`Signature not yet current: ${date} is still later than ${text(now_ms + SKEW_MAX_MS)} (${text(now_ms)} + 5 min.)`);
	}
}

function check_scope(scope, date) {
	const [day, region, service, end, ...rest] = scope;
	if (!region || rest.length || end !== 'aws4_request') {
		throw new Refusal('IncompleteSignatureException',
			`Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${scope.join('/')}'`);
	}
	if (service !== 'dynamodb') {
		throw wrong("Credential should be scoped to correct service: 'dynamodb'. ");
	}
	if (day !== date.slice(0, 8)) {
		throw wrong('Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '
			+ `'${day}' != '${date.slice(0, 8)}', from '${date}'.`);
	}
}

function known_credential(id, headers) {
	const known = Object.hasOwn(CREDENTIALS, id) ? CREDENTIALS[id] : undefined;
	if (!known || known.token !== headers['x-amz-security-token']) {
		throw new Refusal('UnrecognizedClientException');
	}
	if (known.is_expired) {
		throw new Refusal('ExpiredTokenException');
	}
	return known;
}

/* What must be signed: the host, and every x-amz-* header that is there. */
function check_signed(names, headers) {
	const left = ['host', ...Object.keys(headers).filter((n) => n.startsWith('x-amz-'))].find((n) => !names.includes(n));
	if (left || names.some((n) => headers[n] === undefined)) {
		throw wrong(`'${left || names.find((n) => headers[n] === undefined)}' must be a 'SignedHeader' in the AWS Authorization.`);
	}
}

/* Throws unless the request is signed by somebody whom the fake knows; returns the hash of the body. */
function verify(request, now_ms) {
	const { headers } = request;
	const { Credential, SignedHeaders, Signature } = parts_of(headers);
	const date = headers['x-amz-date'];
	const [id, ...scope] = Credential.split('/');
	check_scope(scope, date);
	const { secret } = known_credential(id, headers);
	check_date(date, now_ms);
	const names = SignedHeaders.split(';');
	check_signed(names, headers);
	const body_hash = sha256(request.body);
	const expected = signature(secret, date, scope.join('/'), canonical_request(request, names, body_hash));
	if (expected.length !== Signature.length || !crypto.timingSafeEqual(Buffer.from(expected), Buffer.from(Signature))) {
		throw wrong('The request signature we calculated does not match the signature you provided. '
			+ 'Check your AWS Secret Access Key and signing method. Consult the service documentation for details.');
	}
	return body_hash;
}

module.exports = { CREDENTIALS, canonical_path, canonical_query, canonical_request, sha256, sign, signing_key, string_to_sign, verify };
