"""The real server and its scripted peers, for tests that drive it from outside. Standard library only.

    server = Server(where, config(where, sink=sink))    server.start(); server.enqueue('disk full'); server.api('GET', '/incidents')
    sink = Sink([503, 200])                             a webhook receiver that follows a script; sink.wait(2)
    mail = Mail(certificate(where))                     an SMTP server with STARTTLS; mail.wait(1)

Everything listens on a free port of 127.0.0.1 and keeps what it saw. Waiting means polling for the thing itself with a deadline.
"""
import base64
import hashlib
import hmac
import http.client
import http.server
import io
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = ROOT / os.environ.get('TOCSIN', 'build/tocsin')
KEY = '0123456789abcdef0123456789abcdef'        # the routing key of the service demo
PLAIN = 'plainplainplainplain'                  # the key of the generic door
SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'


def until(condition, seconds=10, what='the condition'):
    """The first true value of condition(); fails with `what` after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError('waited %g s for %s' % (seconds, what() if callable(what) else what))
        time.sleep(0.005)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers}

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return '%d %r' % (self.status, self.body[:600])


class Lines:
    """What a stream said, line by line, while a thread reads it."""

    def __init__(self, stream):
        self.lines = []
        self.thread = threading.Thread(target=self.read, args=(stream,), daemon=True)
        self.thread.start()

    def read(self, stream):
        for line in stream:
            self.lines.append(line.decode(errors='replace').rstrip('\n'))
        stream.close()

    def find(self, pattern):
        return next((m for line in list(self.lines) for m in [re.search(pattern, line)] if m), None)

    def text(self):
        return '\n'.join(self.lines)


def config(where, sink=None, mail=None, levels=None, driver='sqlite', **more):
    """A configuration as data: service demo, policy standard, user amira; channels hook, mail and term; both doors. `more` replaces or
    adds top-level parts; policy={...} and service={...} add to the policy and the service."""
    policy, service = more.pop('policy', {}), more.pop('service', {})
    channels = {'term': {'type': 'console'}}
    if sink:
        channels['hook'] = {'type': 'webhook', 'url': sink.url, 'hmac_secret': {'env': 'HOOK_SECRET'}}
    if mail:
        channels['mail'] = {'type': 'smtp', 'url': {'env': 'MAIL_URL'}, 'from': 'tocsin@example.com'}
    if levels is None:
        levels = [{'targets': ['channel:hook' if sink else 'mail:amira@example.com' if mail else 'channel:term']}]
    paths = {'sqlite': 'tocsin.db', 'json': 'journal'}
    made = {
        'version': 1,
        'storage': {'driver': driver, **({'path': str(pathlib.Path(where, paths[driver]))} if driver in paths else {})},
        'channels': channels,
        'users': [{'id': 'amira', 'name': 'Amira Haddad', 'email': 'amira@example.com'}],
        'policies': [{'id': 'standard', 'levels': levels, **policy}],
        'services': [{'id': 'demo', 'name': 'Demo', 'policy': 'standard', **service}],
        'sources': [{'id': 'pd', 'type': 'events_v2', 'routing_keys': {'demo': {'env': 'DEMO_KEY'}}},
                    {'id': 'plain', 'type': 'generic', 'service': 'demo', 'key': {'env': 'PLAIN_KEY'}}],
    }
    made.update(more)
    return made


class Server:
    """build/tocsin serve, on a free port. stop() ends it politely and gives its exit code, kill() does not."""

    def __init__(self, where, conf, env=None, is_quiet=False):
        self.is_quiet = is_quiet                # nobody reads its standard output
        self.where, self.file = pathlib.Path(where), pathlib.Path(where, 'tocsin.yaml')
        self.configure(conf)
        self.env = {'PATH': os.environ['PATH'], 'HOME': str(where), 'HOST': '127.0.0.1', 'PORT': '0', 'DEMO_KEY': KEY, 'PLAIN_KEY': PLAIN,
                    'HOOK_SECRET': SECRET, **{k: v for k, v in os.environ.items() if k.endswith('SAN_OPTIONS')}, **(env or {})}
        self.process = self.port = self.out = self.err = self.token = None
        self.host = '127.0.0.1'
        self.binary, self.prefix = BINARY, []   # prefix: a command that runs it, one that ends by becoming it

    def configure(self, conf):
        """Writes the file; JSON is YAML. A text is written as it is."""
        self.file.write_text(conf if isinstance(conf, str) else json.dumps(conf, indent=1))

    def launch(self, out=None):
        """out: a descriptor that takes its standard output."""
        self.process = subprocess.Popen([*self.prefix, str(self.binary), 'serve', '--config', str(self.file)], cwd=self.where, env=self.env,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        stdout=out if out is not None else subprocess.DEVNULL if self.is_quiet else subprocess.PIPE)
        self.out, self.err = Lines(self.process.stdout or io.BytesIO()), Lines(self.process.stderr)
        return self

    def start(self, seconds=20, out=None):
        self.launch(out)
        ready = until(lambda: self.err.find(r'listening on http://(\S+):(\d+)') or self.process.poll() is not None, seconds,
                      lambda: 'the server to listen; it said: ' + self.err.text())
        if ready is True:
            raise AssertionError('the server ended with %d: %s' % (self.process.returncode, self.err.text()))
        self.port = int(ready[2])
        self.url = 'http://%s:%d' % (self.host, self.port)
        return self

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def exit_code(self, seconds=30):
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError('the server did not end within %g s: %s' % (seconds, self.err.text())) from None
        self.out.thread.join(5)
        self.err.thread.join(5)
        return code

    def stop(self, seconds=30):
        self.signal(signal.SIGTERM)
        return self.exit_code(seconds)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    def restart(self):
        if self.is_up():
            assert self.stop() == 0, self.err.text()
        return self.start()

    def connection(self, seconds):
        return http.client.HTTPConnection(self.host, self.port, timeout=seconds)

    def request(self, method, path, body=None, headers=None, seconds=20):
        """Bodies: bytes and texts as they are, anything else as JSON."""
        headers = dict(headers or {})
        if self.token and 'Authorization' not in headers:
            headers['Authorization'] = 'Bearer ' + self.token
        if body is not None:
            if not isinstance(body, (bytes, str)):
                body = json.dumps(body)
            headers.setdefault('Content-Type', 'application/json')
        connection = self.connection(seconds)
        try:
            connection.request(method, path, body.encode() if isinstance(body, str) else body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def api(self, method, path, body=None, status=None, **headers):
        """A request to /api/v1; asserts a status (any 2xx unless given) and returns the answer."""
        answer = self.request(method, '/api/v1' + path, body, {k.replace('_', '-'): v for k, v in headers.items()})
        assert answer.status == status if status else 200 <= answer.status < 300, '%s %s: %r' % (method, path, answer)
        return answer

    def event(self, action='trigger', summary='disk almost full', key=None, **more):
        """An Events v2 body. Members of the payload: severity, source, custom_details, ..."""
        made = {'routing_key': KEY, 'event_action': action, **({'dedup_key': key} if key else {})}
        if action == 'trigger':
            made['payload'] = {'summary': summary, 'source': 'db1', 'severity': 'critical', **more}
        return made

    def enqueue(self, *args, **more):
        return self.request('POST', '/v2/enqueue', self.event(*args, **more))

    def incidents(self, query=''):
        return self.api('GET', '/incidents' + query).json['items']

    def incident(self, ident):
        return self.api('GET', '/incidents/%s' % ident).json

    def wait_incident(self, ident, condition, seconds=10):
        """The incident once condition(it) is true."""
        last = []

        def look():
            last[:] = [self.incident(ident)]
            return last[0] if condition(last[0]) else None
        return until(look, seconds, lambda: 'a state of incident %s, which is %s' % (ident, json.dumps(last[0])[:3000]))

    def cli(self, *args, stdin='', env=None, seconds=20):
        """Runs a command against this server: (exit code, standard output, standard error)."""
        more = {'TOCSIN_URL': self.url} if self.port else {}
        if self.token:
            more['TOCSIN_TOKEN'] = self.token
        return command(*args, cwd=self.where, stdin=stdin, env={**self.env, **more, **(env or {})}, seconds=seconds)


def command(*args, cwd, env, stdin='', seconds=20):
    env = {k: v for k, v in env.items() if k not in ('HOST', 'PORT')}
    done = subprocess.run([str(BINARY), *map(str, args)], cwd=cwd, env=env, input=stdin.encode(), capture_output=True, timeout=seconds)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Page:
    """One request that a sink received."""

    def __init__(self, path, headers, body, at):
        self.path, self.headers, self.body, self.at = path, headers, body, at
        self.id = headers.get('webhook-id')
        self.json = json.loads(body)
        self.data = self.json.get('data', {})

    def is_signed(self, secret=SECRET):
        """Standard Webhooks: HMAC-SHA256 over id.timestamp.body, and a time that is near."""
        key = base64.b64decode(secret.removeprefix('whsec_'))
        said = ('%s.%s.' % (self.id, self.headers['webhook-timestamp'])).encode() + self.body
        want = 'v1,' + base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode()
        near = abs(time.time() - int(self.headers['webhook-timestamp'])) < 300
        return near and any(hmac.compare_digest(want, one) for one in self.headers['webhook-signature'].split())


class Sink:
    """A webhook receiver. The script is a list with an entry per request: a status, or {status, headers, delay, drop}; after its end, or
    without one, every answer is 200. A function (page, how many before) -> entry does as well."""

    def __init__(self, script=()):
        self.pages, self.script, self.closing = [], script, threading.Event()
        self.lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_POST(self):
                outer.receive(self)

            def log_message(self, *args):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 128

            def handle_error(self, *args):
                pass                                    # a peer that was killed is what some tests are about

        self.listener = Listener(('127.0.0.1', 0), Handler)
        self.url = 'http://127.0.0.1:%d/hook' % self.listener.server_address[1]
        threading.Thread(target=self.listener.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()

    def receive(self, handler):
        body = handler.rfile.read(int(handler.headers.get('Content-Length', 0)))
        page = Page(handler.path, {k.lower(): v for k, v in handler.headers.items()}, body, time.monotonic())
        with self.lock:
            entry = self.entry(page, len(self.pages))
            page.status = entry.get('status', 200)
            if not entry.get('late'):
                self.pages.append(page)
        self.closing.wait(entry.get('delay', 0))
        if entry.get('drop'):
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(page.status)
        for name, value in entry.get('headers', {}).items():
            handler.send_header(name, value)
        handler.send_header('Content-Length', '0')
        handler.end_headers()

    def entry(self, page, n):
        found = self.script(page, n) if callable(self.script) else self.script[n] if n < len(self.script) else 200
        return found if isinstance(found, dict) else {'status': found or 200}

    def wait(self, n, seconds=10):
        """The first n pages."""
        until(lambda: len(self.pages) >= n, seconds, lambda: '%d pages, and there are %d' % (n, len(self.pages)))
        return self.pages[:n]

    def wait_for(self, condition, seconds=10):
        """The first page for which condition(page) is true."""
        return until(lambda: next((p for p in list(self.pages) if condition(p)), None), seconds, 'a certain page')

    def close(self):
        self.closing.set()
        self.listener.shutdown()
        self.listener.server_close()


def certificate(where):
    """A self-made certificate for 127.0.0.1: (certificate file, key file). SSL_CERT_FILE makes the server trust it."""
    cert, key = pathlib.Path(where, 'cert.pem'), pathlib.Path(where, 'key.pem')
    if shutil.which('openssl') is None:
        raise AssertionError('openssl is missing: apt-get install openssl')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                    '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', str(key), '-out', str(cert)],
                   check=True, capture_output=True)
    return str(cert), str(key)


class Message:
    def __init__(self):
        self.sender, self.to, self.data, self.was_encrypted, self.user = None, [], b'', False, None


class Mail:
    """A submission server. With a certificate it offers STARTTLS. The script is a list with the answer to each DATA, e.g. ['451 later', '250 ok']."""

    def __init__(self, cert=None, script=(), login=None):
        self.messages, self.script, self.attempts, self.login = [], script, 0, login
        self.context = None
        if cert:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*cert)
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.port = self.socket.getsockname()[1]
        self.url = 'smtp://127.0.0.1:%d' % self.port
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return                                  # closed
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        try:
            self.talk(peer)
        except (OSError, ValueError):
            pass                                        # the peer went away in the middle
        finally:
            peer.close()

    def talk(self, peer):
        message, stream = Message(), peer.makefile('rwb')

        def say(line):
            stream.write(line.encode() + b'\r\n')
            stream.flush()
        say('220 mail.test ESMTP')
        while True:
            line = stream.readline().decode('ascii', 'replace').rstrip('\r\n')
            verb, _, rest = line.partition(' ')
            verb = verb.upper()
            if not line or verb == 'QUIT':
                say('221 bye')
                return
            if verb == 'EHLO':
                offers = ['mail.test', '8BITMIME', 'SMTPUTF8']
                if self.context and not message.was_encrypted:
                    offers.append('STARTTLS')
                if self.login:
                    offers.append('AUTH PLAIN')
                say('\r\n'.join('250%s%s' % ('-' if o != offers[-1] else ' ', o) for o in offers))
            elif verb == 'STARTTLS' and self.context:
                say('220 go ahead')
                peer = self.context.wrap_socket(peer, server_side=True)
                message, stream = Message(), peer.makefile('rwb')
                message.was_encrypted = True
            elif verb == 'AUTH':
                token = rest.split(' ')[1] if ' ' in rest else None
                if token is None:
                    say('334 ')
                    token = stream.readline().decode().strip()
                _, user, password = base64.b64decode(token).decode().split('\0')
                message.user = user
                say('235 ok' if (user, password) == self.login else '535 no')
            elif verb == 'MAIL':
                message.sender = re.search(r'<(.*?)>', rest)[1]
                say('250 ok')
            elif verb == 'RCPT':
                message.to.append(re.search(r'<(.*?)>', rest)[1])
                say('250 ok')
            elif verb == 'DATA':
                say('354 end with a dot')
                lines = []
                while (got := stream.readline()) not in (b'.\r\n', b''):
                    lines.append(got[1:] if got.startswith(b'.') else got)
                message.data = b''.join(lines)
                answer = self.script[self.attempts] if self.attempts < len(self.script) else '250 queued'
                self.attempts += 1
                if answer.startswith('2'):
                    self.messages.append(message)
                    kept = message
                    message = Message()
                    message.was_encrypted = kept.was_encrypted
                say(answer)
            else:
                say('250 ok' if verb in ('NOOP', 'RSET', 'HELO') else '502 no such command')

    def wait(self, n, seconds=10):
        until(lambda: len(self.messages) >= n, seconds, lambda: '%d mails, and there are %d' % (n, len(self.messages)))
        return self.messages[:n]

    def close(self):
        self.socket.close()


def replay(server, name):
    """Sends a recording of tests/data/captures (a head of '#>' lines, then the request as it came) and returns the answer."""
    raw = (ROOT / 'tests/data/captures' / (name + '.http')).read_bytes()
    while raw.startswith(b'#>'):
        raw = raw.split(b'\n', 1)[1]
    head, body = raw.split(b'\r\n\r\n', 1)
    first, *fields = head.decode().split('\r\n')
    headers = dict(line.split(': ', 1) for line in fields)
    size = int(headers.pop('Content-Length'))
    for name in ('Host', 'Accept-Encoding', 'Connection'):
        headers.pop(name, None)
    method, path, _ = first.split(' ')
    return server.request(method, path, body[:size], headers)
