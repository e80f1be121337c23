/* What our fake is compared with: how each is installed and started, and the requests that tell something of it. dynalite judges requests
 * much as the service does, so it gets anything; moto judges little but has transactions, so it gets what a store would ask. ministack has
 * transactions and knows repeated tokens, and judges hand-made corners, but lets many a wrong expression through, so it gets no random
 * ones. A running reference is { client, close() }. */
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

/* ministack without its gateway, which would look for containers and start-up scripts: its DynamoDB answers what comes. */
const MINISTACK = `
import asyncio, http.server, sys, threading
from ministack.services import dynamodb

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers['content-length']))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, given, answer = asyncio.run(dynamodb.handle_request('POST', self.path, headers, body, {}))
        answer = answer.encode() if isinstance(answer, str) else answer
        self.send_response(status)
        self.send_header('Content-Type', given.get('Content-Type', 'application/x-amz-json-1.0'))
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
`;

/* A process that ends when its standard input does. What it says of its own bugs while it answers 500 is not ours to read. */
function python(name, program) {
	install(name);
	const interpreter = path.join(__dirname, '..', '..', '..', 'build', 'fakes', name, 'bin', 'python');
	const child = spawn(interpreter, ['-c', program], { stdio: ['pipe', 'pipe', 'ignore'] });
	return new Promise((resolve, reject) => {
		child.on('exit', (code) => reject(new Error(`${name} ended with ${code} before it listened`)));
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
	moto: { start: () => python('moto', MOTO), steps: (count, seed) => new Store(seed).steps(count) },
	ministack: { start: () => python('ministack', MINISTACK),
		steps: (count, seed) => [...corners, ...new Store(seed).steps(count)] },
	dynalite: { start: dynalite, steps: (count, seed) => [...corners, ...new Generator(seed, AVOID).steps(count)] },
};
