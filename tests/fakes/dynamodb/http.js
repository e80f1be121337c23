/* The wire: JSON 1.0 over HTTP, from the bytes of a request to the bytes of its answer.
 *
 * Order of judgement, as in the service: the body is JSON, the operation is known, the signature is right, the request has its shape; then the
 * fault that befalls it, if any; then the operation. Connections are kept as long as the client keeps them. Loopback only.
 */
'use strict';

const http = require('http');

const { Refusal } = require('./errors');
const { control } = require('./control');
const { FATES, refused } = require('./fates');
const { accept } = require('./shapes');
const sigv4 = require('./sigv4');

const OPERATIONS = {
	...require('./admin').OPERATIONS, ...require('./items').OPERATIONS, ...require('./query').OPERATIONS,
	...require('./transactions').OPERATIONS,
};
const BODY_MAX = 16 << 20;
const TARGET = 'DynamoDB_20120810.';
const JSON_TYPE = 'application/x-amz-json-1.0';
const IDLE_MAX_MS = 600000;

/* CRC_TABLES[k][n]: what a byte n does to the sum when k more bytes of its word follow. Four bytes at a time, as every answer has a sum. */
const CRC_TABLES = [0, 1, 2, 3].map(() => new Int32Array(256));
for (let n = 0; n < 256; n++) {
	let c = n;
	for (let bit = 0; bit < 8; bit++) {
		c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
	}
	CRC_TABLES[0][n] = c;
}
for (let k = 1; k < 4; k++) {
	for (let n = 0; n < 256; n++) {
		const c = CRC_TABLES[k - 1][n];
		CRC_TABLES[k][n] = CRC_TABLES[0][c & 255] ^ (c >>> 8);
	}
}

function crc32(bytes) {
	const [last, third, second, first] = CRC_TABLES, whole = bytes.length & ~3;
	let c = -1, i = 0;
	for (; i < whole; i += 4) {
		c ^= bytes[i] | bytes[i + 1] << 8 | bytes[i + 2] << 16 | bytes[i + 3] << 24;
		c = first[c & 255] ^ second[c >>> 8 & 255] ^ third[c >>> 16 & 255] ^ last[c >>> 24];
	}
	for (; i < bytes.length; i++) {
		c = last[(c ^ bytes[i]) & 255] ^ (c >>> 8);
	}
	return (c ^ -1) >>> 0;
}

/* 52 characters, as the service's: which run of the server, and which answer of that run. */
function request_id(server) {
	server.answers++;
	return server.run + server.answers.toString(36).toUpperCase().padStart(12, '0');
}

function send(server, res, { status, body }) {
	if (res.destroyed) {
		return;
	}
	const text = JSON.stringify(body);
	const bytes = Buffer.from(text);
	res.writeHead(status, {
		'Content-Type': JSON_TYPE, 'Content-Length': bytes.length, 'x-amzn-RequestId': request_id(server), 'x-amz-crc32': crc32(bytes),
		Date: new Date(server.clock()).toUTCString(),
	});
	res.end(text);                                  /* as text it leaves in one write with the headers */
}

/* Ends the connection without an answer: in order, or with a reset. */
function drop(res, is_reset) {
	res.socket[is_reset ? 'resetAndDestroy' : 'destroy']();
}

function parsed(body) {
	try {
		return JSON.parse(body);
	} catch {
		throw new Refusal('SerializationException');
	}
}

/* { op, request, content } of a request that may be done. */
function judged(server, req, body) {
	const given = parsed(body);
	const target = req.headers['x-amz-target'] || '';
	const op = target.startsWith(TARGET) ? target.slice(TARGET.length) : '';
	if (!Object.hasOwn(OPERATIONS, op)) {
		throw new Refusal('UnknownOperationException');
	}
	const [path, query = ''] = req.url.split('?');
	const content = sigv4.verify({ method: req.method, path, query, headers: req.headers, body }, server.clock());
	server.requests[op] = (server.requests[op] || 0) + 1;
	return { op, request: accept(op, given), content };
}

function perform(server, res, { op, request, content }) {
	const { kind, ms, roll } = server.faults.draw(op);
	const run = (other = request) => refused(() => ({ status: 200, body: OPERATIONS[op](server.database, other, content) }));
	const reply = (answer) => send(server, res, answer);
	if (!kind) {
		return reply(run());
	}
	const later = (work) => {
		server.pending.n++;
		setTimeout(() => {
			server.pending.n--;
			work();
		}, ms);
	};
	const refuse = (type) => reply(refused(() => {
		throw new Refusal(type);
	}));
	return FATES[kind]({ op, request, ms, roll, run, reply, refuse, later, database: server.database,
		drop: () => drop(res, roll(7) < 0.5), reset: () => drop(res, true) });
}

function serve(server, req, res, body) {
	if (req.url === '/_control') {
		return send(server, res, control(server, req.method, body));
	}
	const type = (req.headers['content-type'] || '').split(';')[0].trim();
	if (req.method !== 'POST' || type !== JSON_TYPE) {
		res.writeHead(req.method === 'GET' ? 200 : 404);
		return res.end(req.method === 'GET' ? 'healthy: dynamodb.us-east-1.amazonaws.com ' : '<UnknownOperationException/>\n');
	}
	try {
		return perform(server, res, judged(server, req, body));
	} catch (error) {
		if (error instanceof Refusal) {
			return send(server, res, { status: error.status, body: error.body() });
		}
		console.error(error);
		return send(server, res, { status: 500, body: { message: `the fake has a bug: ${error.stack}` } });
	}
}

function receive(server, req, res) {
	const parts = [];
	let size = 0;
	req.on('data', (part) => {
		size += part.length;
		if (size <= BODY_MAX) {
			parts.push(part);
		}
	});
	req.on('error', () => drop(res, false));
	req.on('end', () => {
		if (size > BODY_MAX) {
			return send(server, res, { status: 413, body: { __type: 'com.amazon.coral.service#RequestEntityTooLargeException' } });
		}
		return serve(server, req, res, parts.length === 1 ? parts[0] : Buffer.concat(parts));
	});
}

/* server: what serve makes; calls ready(port) once it listens. */
function listen(server, port, ready) {
	const listener = http.createServer((req, res) => receive(server, req, res));
	listener.keepAliveTimeout = IDLE_MAX_MS;
	listener.on('error', (error) => {
		console.error(`serve: cannot listen on 127.0.0.1:${port}: ${error.message}`);
		process.exit(1);
	});
	listener.listen(port, '127.0.0.1', () => ready(listener.address().port));
}

module.exports = { crc32, listen };
