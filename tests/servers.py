#!/usr/bin/env python3
"""Real database servers for the tests, each in a directory of its own, on a free port of 127.0.0.1, ended with the process that started it.

    with Postgres() as server:         server.url is what libpq connects to; server.kill(); server.start()
    with Dynamodb() as server:         server.url is its endpoint, server.credentials the environment of who may use it

usage: tests/servers.py postgres [SETTING=VALUE...]     for tests in C: says the URL, then does what each line of its input names (kill, start,
                                                        stop, standby) and says so; ends with its input

Data is kept in memory where the machine has such a directory: what survives kill -9 of a server is what it wrote, not what reached a disk.
"""
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as s:
        return s.getsockname()[1]


def place(prefix):
    """A new directory, in memory where there is such a thing."""
    return pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir='/dev/shm' if os.access('/dev/shm', os.W_OK) else None))


class Postgres:
    """A PostgreSQL server. It refuses to run as root, so then it runs as the user that Debian's package made for it."""

    def __init__(self, settings=(), where=None):
        self.where, self.port, self.process = where or place('tocsin-postgres-'), free_port(), None
        found = sorted(pathlib.Path('/usr/lib/postgresql').glob('*/bin/postgres'), key=lambda p: int(p.parent.parent.name))
        if not found:
            raise AssertionError('PostgreSQL is missing: apt-get install postgresql')
        self.bin, self.user = found[-1].parent, 'postgres' if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.settings = {'listen_addresses': '127.0.0.1', 'unix_socket_directories': '', 'fsync': 'on', 'max_connections': '200',
                         'shared_buffers': '64MB', 'log_min_messages': 'fatal', **dict(settings)}
        if os.geteuid() == 0:
            entry = pwd.getpwnam('postgres')
            os.chown(self.where, entry.pw_uid, entry.pw_gid)
        self.run('initdb', '-D', self.where / 'data', '-A', 'trust', '-U', 'tocsin', '-E', 'UTF8', '--locale=C', '--no-sync', '-N')
        self.url = 'postgresql://tocsin@127.0.0.1:%d/postgres' % self.port

    def command(self, program, *args):
        words = [str(self.bin / program), *map(str, args)]
        return ['setpriv', '--reuid', 'postgres', '--regid', 'postgres', '--clear-groups', *words] if os.geteuid() == 0 else words

    def run(self, program, *args):
        done = subprocess.run(self.command(program, *args), cwd=self.where, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError('%s failed: %s%s' % (program, done.stdout, done.stderr))
        return done.stdout

    def start(self, seconds=30):
        words = [w for name, value in self.settings.items() for w in ('-c', '%s=%s' % (name, value))]
        with open(self.where / 'log', 'ab') as log:
            self.process = subprocess.Popen(self.command('postgres', '-D', self.where / 'data', '-p', self.port, *words), cwd=self.where,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self.wait_ready(seconds)

    def wait_ready(self, seconds=30):
        end = time.monotonic() + seconds
        while subprocess.run([str(self.bin / 'pg_isready'), '-q', '-h', '127.0.0.1', '-p', str(self.port)]).returncode:
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError('PostgreSQL does not start: ' + (self.where / 'log').read_text()[-2000:])
            time.sleep(0.02)
        return self

    def sql(self, text):
        """What psql says, unadorned."""
        done = subprocess.run([str(self.bin / 'psql'), '-XAtq', '-v', 'ON_ERROR_STOP=1', self.url, '-c', text], capture_output=True, text=True)
        if done.returncode:
            raise AssertionError('psql: ' + done.stderr)
        return done.stdout.strip()

    def processes(self):
        """The server and its children, which do not all die with it at once."""
        children = pathlib.Path('/proc/%d/task/%d/children' % (self.process.pid, self.process.pid)).read_text().split()
        return [self.process.pid, *map(int, children)]

    def kill(self):
        """kill -9 of all of it, as a crash of the machine would. It does not start again while one of its children is still about."""
        self.process.send_signal(signal.SIGSTOP)            # no more of them from now on
        pids = self.processes()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        end = time.monotonic() + 30
        while any(os.path.exists('/proc/%d' % pid) for pid in pids):
            if time.monotonic() > end:
                raise AssertionError('PostgreSQL: children of the killed server do not end')
            time.sleep(0.005)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)         # fast shutdown
            self.process.wait()

    def standby(self):
        """Starts it again as one that only follows, though there is nobody to follow."""
        self.stop()
        (self.where / 'data' / 'standby.signal').touch()
        return self.start()

    def follow(self, primary):
        """Begins anew as a hot standby of the primary, whatever it was. Its directory is emptied and not made again: by the same one the new
        server finds what a killed one left in shared memory, and frees it."""
        self.stop()
        for path in (self.where / 'data').iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.run('pg_basebackup', '-D', self.where / 'data', '-d', primary.url, '-c', 'fast', '-R', '--no-sync')
        return self.start()

    def promote(self, seconds=60):
        """Makes a standby a primary. One that lost a process of its own is asked when it has started the others again."""
        self.wait_ready(seconds)
        if self.sql('SELECT pg_promote(true, %d)' % seconds) != 't':
            raise AssertionError('PostgreSQL does not become a primary: ' + (self.where / 'log').read_text()[-2000:])

    def close(self):
        self.stop()
        shutil.rmtree(self.where, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.close()


class Dynamodb:
    """Our own server that speaks DynamoDB's protocol (tests/fakes/dynamodb). It keeps a journal, so kill() and start() lose nothing that it
    acknowledged; its port stays the same. Options are those of `serve`, without the dashes: faults='conflict=0.1', gsi_lag_ms=200."""

    credentials = {'AWS_ACCESS_KEY_ID': 'AKIDEXAMPLE', 'AWS_SECRET_ACCESS_KEY': 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'AWS_REGION': 'us-east-1'}
    serve = pathlib.Path(__file__).resolve().parent / 'fakes' / 'dynamodb' / 'serve'

    def __init__(self, **options):
        self.where, self.port, self.process, self.options = place('tocsin-dynamodb-'), 0, None, options

    @property
    def url(self):
        return 'http://127.0.0.1:%d' % self.port

    def start(self):
        given = {'port': self.port, 'journal': self.where / 'journal', 'with_parent': 'yes', **self.options}
        words = [w for name, value in given.items() for w in ('--' + name.replace('_', '-'), str(value))]
        with open(self.where / 'log', 'ab') as log:
            self.process = subprocess.Popen([str(self.serve), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        first = self.process.stdout.readline()
        if not first.startswith('listening on '):
            raise AssertionError('the DynamoDB fake does not start: ' + (self.where / 'log').read_text()[-2000:])
        self.port = int(first.rsplit(':', 1)[1])
        return self

    def control(self, **commands):
        """Steers it (fakes/dynamodb/control.js); returns what it counted."""
        data = json.dumps(commands).encode() if commands else None
        with urllib.request.urlopen(self.url + '/_control', data=data, timeout=10) as answer:
            return json.load(answer)

    def end(self, signal_number):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal_number)
        if self.process:
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()

    def kill(self):
        self.end(signal.SIGKILL)

    def stop(self):
        self.end(signal.SIGTERM)

    def close(self):
        self.stop()
        shutil.rmtree(self.where, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.close()


def main():
    if sys.argv[1:2] != ['postgres']:
        sys.exit(__doc__)
    with Postgres(word.split('=', 1) for word in sys.argv[2:]) as server:
        print(server.url, flush=True)
        for line in sys.stdin:
            {'kill': server.kill, 'start': server.start, 'stop': server.stop, 'standby': server.standby}[line.strip()]()
            print('done', flush=True)


if __name__ == '__main__':
    main()
