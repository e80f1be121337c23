/* A client of DynamoDB's protocol that does nothing of its own accord: signs, sends once, gives back what came. And what starts a server.
 *
 * An answer is { status, type, body, headers }: type is the error's name without its namespace, '' for success. A connection that ends
 * without an answer rejects.
 */
'use strict';

const { spawn } = require('child_process');
const http = require('http');
const path = require('path');
const readline = require('readline');

const { CREDENTIALS, sign } = require('./dynamodb/sigv4');

const ANSWER_MAX_MS = 30000;
const START_MAX_MS = 20000;
const ID = 'AKIDEXAMPLE';

function date_of(ms) {
	return new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '');
}

function send(options, body) {
	return new Promise((resolve, reject) => {
		const req = http.request(options, (res) => {
			const parts = [];
			res.on('data', (part) => parts.push(part));
			res.on('error', reject);
			res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, bytes: Buffer.concat(parts) }));
		});
		req.setTimeout(ANSWER_MAX_MS, () => req.destroy(new Error(`no answer within ${ANSWER_MAX_MS} ms`)));
		req.on('error', reject);
		req.end(body);
	});
}

function read_answer({ status, headers, bytes }) {
	const text = bytes.toString();
	const body = /json/.test(headers['content-type'] || '') && text ? JSON.parse(text) : { text };
	return { status, headers, bytes, body, type: status === 200 ? '' : String(body.__type).split('#').pop() };
}

class Client {
	constructor(port) {
		this.port = port;
		this.agent = new http.Agent({ keepAlive: true });
	}

	/* change: what is not as it should be: headers, id, secret, service, now_ms; after and sent are headers and a body changed once all is
	 * signed, and a header of undefined is left out; body is text instead of a request. */
	async call(operation, request, change = {}) {
		const body = change.body === undefined ? JSON.stringify(request) : change.body;
		const headers = {
			host: `127.0.0.1:${this.port}`, 'content-type': 'application/x-amz-json-1.0',
			'x-amz-date': date_of(change.now_ms || Date.now()),
			'x-amz-target': `DynamoDB_20120810.${operation}`, ...change.headers,
		};
		const id = change.id || ID;
		const authorization = sign({ method: 'POST', path: '/', query: '', headers, body },
			{ id, secret: change.secret || CREDENTIALS[ID].secret, region: 'us-east-1', service: change.service || 'dynamodb' });
		const all = { ...headers, authorization, ...change.after };
		Object.keys(all).filter((n) => all[n] === undefined).forEach((n) => delete all[n]);
		return read_answer(await send({ agent: this.agent, host: '127.0.0.1', port: this.port, method: 'POST', path: '/', headers: all },
			change.sent || body));
	}

	async control(commands) {
		const body = commands && JSON.stringify(commands);
		const options = { agent: this.agent, host: '127.0.0.1', port: this.port, method: commands ? 'POST' : 'GET', path: '/_control' };
		return JSON.parse((await send(options, body)).bytes.toString());
	}

	close() {
		this.agent.destroy();
	}
}

/* Waits until probe() gives something true, and returns that; a bound, not a pause. */
async function until(probe, what) {
	const end = Date.now() + START_MAX_MS;
	for (;;) {
		const got = await probe();
		if (got) {
			return got;
		}
		if (Date.now() > end) {
			throw new Error(`waited ${START_MAX_MS} ms for ${what}`);
		}
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
}

/* A server of ours: { client, process, stop(signal) }, once it listens. It ends with this process at the latest. */
async function start(...options) {
	const child = spawn(path.join(__dirname, 'dynamodb', 'serve'), ['--with-parent', 'yes', ...options], { stdio: 'pipe' });
	let said = '';
	child.stderr.on('data', (text) => {
		said += text;
	});
	const ended = new Promise((resolve) => child.on('exit', resolve));
	const first = await new Promise((resolve) => {
		readline.createInterface(child.stdout).once('line', resolve);
		ended.then(() => resolve(''));
	});
	if (!first.startsWith('listening on ')) {
		throw new Error(`the fake does not start: ${said}`);
	}
	child.stderr.pipe(process.stderr);
	const client = new Client(Number(first.split(':').pop()));
	const stop = (signal = 'SIGTERM') => {
		client.close();
		child.kill(signal);
		return ended;
	};
	return { client, process: child, stop };
}

module.exports = { Client, start, until };
