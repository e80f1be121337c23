/* What our fake is compared with: how each is installed and started, and the requests that tell something of it. dynalite judges requests
 * much as the service does, so it gets anything; moto judges little but has transactions, so it gets what a store would ask. A running
 * reference is { client, close() }. */
'use strict';

const { execFileSync, spawn } = require('child_process');
const path = require('path');
const readline = require('readline');

const { Client } = require('../client');
const corners = require('./corners');
const { Generator } = require('./generate');
const { Store } = require('./store');

function install(what) {
	execFileSync(path.join(__dirname, '..', 'install'), [what], { stdio: ['ignore', 'inherit', 'inherit'] });
}

/* What dynalite gets so wrong that each answer would tell of nothing else; corners.js shows that it does. */
const AVOID = ['empty', 'equal maps'];

/* In this process: it is a library. */
function dynalite() {
	install('dynalite');
	const server = require('dynalite')({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
	return new Promise((resolve) => server.listen(0, '127.0.0.1', () => {
		const client = new Client(server.address().port);
		resolve({ client, close: () => {
			client.close();
			server.close();
		} });
	}));
}

const MOTO = `
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
`;

/* A process that ends when its standard input does. What it says of its own bugs while it answers 500 is not ours to read. */
function moto() {
	install('moto');
	const python = path.join(__dirname, '..', '..', '..', 'build', 'fakes', 'moto', 'bin', 'python');
	const child = spawn(python, ['-c', MOTO], { stdio: ['pipe', 'pipe', 'ignore'] });
	return new Promise((resolve, reject) => {
		child.on('exit', (code) => reject(new Error(`moto ended with ${code} before it listened`)));
		readline.createInterface(child.stdout).once('line', (port) => {
			const client = new Client(Number(port));
			resolve({ client, close: () => {
				client.close();
				child.stdin.end();
			} });
		});
	});
}

module.exports = {
	moto: { start: moto, steps: (count, seed) => new Store(seed).steps(count) },
	dynalite: { start: dynalite, steps: (count, seed) => [...corners, ...new Generator(seed, AVOID).steps(count)] },
};
