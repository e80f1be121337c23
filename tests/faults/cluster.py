"""Replicas of the real server on one store, and what was done to them: the stage of the fault tests.

    with Cluster(where, store, sinks, replicas=3, levels=[...]) as cluster:
        cluster.start(); cluster.kill(cluster.replicas[0]); cluster.replicas[0].launch(); cluster.pick(rng)

A store is made by name: STORES['sqlite'](where). Every fault is noted with its time, because the judge allows a page to come twice, or late, only
when a fault explains it. Times are seconds of the machine's monotonic clock.
"""
import contextlib
import http.client
import pathlib
import signal
import sqlite3
import sys
import threading
import time
import types

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / 'wire'), str(pathlib.Path(__file__).resolve().parent.parent)]
import nets                                                         # noqa: E402
import servers                                                      # noqa: E402
import tocsin                                                       # noqa: E402

FOREVER = float('inf')


class Sqlite:
    name, early_s = 'sqlite', 0.05              # early_s: how much a level may seem early, for the store's clock is that coarse
    env, is_shared = {}, False                  # env: what replicas must be told beside; is_shared: any number of them may use it

    def __init__(self, where):
        self.path, self.downs = pathlib.Path(where) / 'tocsin.db', []

    def storage(self):
        return {'driver': self.name, 'path': str(self.path)}

    def length(self):
        """Bytes that its files have for certain: what is written beyond them is new."""
        return max(p.stat().st_size for p in self.path.parent.glob(self.path.name + '*') if not p.name.endswith('-wal'))

    def complaint(self):
        """What its own tools find wrong after everything has ended; None: nothing."""
        with contextlib.closing(sqlite3.connect(str(self.path))) as db:
            said = db.execute('PRAGMA integrity_check').fetchone()[0]
        return None if said == 'ok' else 'sqlite: ' + said

    def close(self):
        pass


class Json(Sqlite):
    """Its own tool is the recovery of the server: it refuses what does not add up."""
    name = 'json'

    def __init__(self, where):
        super().__init__(where)
        self.path = pathlib.Path(where) / 'journal'

    def length(self):
        newest = max(self.path.glob('journal*'), key=lambda p: p.stat().st_mtime)
        return len(newest.read_bytes().rstrip(b'\0'))          # the file itself grows in steps

    def complaint(self):
        return None


class Served:
    """A store that is a server of its own, which can be killed and started again where it was."""
    env, is_shared, may_be_elsewhere = {}, True, False     # may_be_elsewhere: it can listen at another address than loopback's

    def __init__(self, server):
        self.downs, self.server = [], server.start()

    def kill(self):
        self.downs.append([time.monotonic(), FOREVER])
        self.server.kill()

    def start(self):
        self.server.start()
        self.downs[-1][1] = time.monotonic()

    def complaint(self):
        return None

    def close(self):
        self.server.close()


class Postgres(Served):
    name, early_s, may_be_elsewhere = 'postgres', 0.05, True

    def __init__(self, where):
        super().__init__(servers.Postgres())

    def storage(self, address='127.0.0.1', port=None):
        return {'driver': self.name, 'url': 'postgresql://tocsin@%s:%d/postgres' % (address, port or self.server.port)}

    def open_to(self, address):
        """Listens at that address too, for everybody of the test's own networks."""
        self.server.stop()
        with open(self.server.where / 'data' / 'pg_hba.conf', 'a', encoding='ascii') as hba:
            hba.write('host all all 10.77.0.0/16 trust\n')
        self.server.settings['listen_addresses'] = '127.0.0.1,' + address
        self.server.start()


class Dynamodb(Served):
    name, early_s, env = 'dynamodb', 1.2, servers.Dynamodb.credentials

    def __init__(self, where):
        super().__init__(servers.Dynamodb())

    def storage(self, address='127.0.0.1', port=None):
        return {'driver': self.name, 'endpoint': 'http://%s:%d' % (address, port or self.server.port)}


STORES = {store.name: store for store in (Sqlite, Json, Postgres, Dynamodb)}


class Replica(tocsin.Server):
    """A server that may be killed and started at any time by one thread while others use whatever port it has now."""

    def __init__(self, name, where, conf, **more):
        super().__init__(where, conf, is_quiet=True, **more)
        self.name, self.downs, self.lock = name, [[0.0, FOREVER]], threading.Lock()
        self.heard = None                       # what the process says that is up or coming up; None: there is none
        self.link = None                        # how it reaches the store; its namespace when it has one

    def launch(self, out=None):
        self.went_down()
        super().launch(out)
        self.heard = self.err
        return self

    def look(self):
        """Its port; None while it does not listen."""
        with self.lock:
            found = self.heard.find(r'listening on http://(\S+):(\d+)') if self.port is None and self.heard else None
            if found:
                self.port = int(found[2])
                self.url = 'http://%s:%d' % (self.host, self.port)
                self.downs[-1][1] = time.monotonic()
            return self.port

    def connection_to(self, port, seconds):
        """To the process that has or had that port."""
        if self.link and self.link.prefix:
            return nets.Connection(self.link, self.host, port, timeout=seconds)
        return http.client.HTTPConnection(self.host, port, timeout=seconds)

    def connection(self, seconds):
        port = self.look()
        if port is None:
            raise ConnectionRefusedError('%s does not listen' % self.name)
        return self.connection_to(port, seconds)

    def wait_ready(self, seconds=60):
        tocsin.until(lambda: self.look() or self.revive(), seconds, lambda: '%s to listen; it said: %s' % (self.name, self.err.text()))
        return self

    def revive(self):
        """Starts it again, as a supervisor would, when it came up while the store was too busy to answer, and ended with 1."""
        if not self.is_up() and self.process.returncode == 1 and 'no clear answer' in self.err.text():
            self.launch()
        self.must_be_up()

    def start(self, seconds=60, out=None):
        return self.launch(out).wait_ready(seconds)

    def must_be_up(self):
        code = self.process.poll()
        if code is not None:
            self.err.thread.join(5)
            raise AssertionError('%s ended by itself with %d: %s' % (self.name, code, self.err.text()[-3000:]))

    def went_down(self):
        with self.lock:
            self.heard = self.port = None
            if self.downs[-1][1] != FOREVER:
                self.downs.append([time.monotonic(), FOREVER])

    def kill(self):
        self.went_down()
        super().kill()

    def stop(self, seconds=30):
        self.went_down()
        return super().stop(seconds)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def go_on(self):
        self.signal(signal.SIGCONT)


class Cluster:
    """conf: what tocsin.config takes beside the sink, which is the channel hook unless channels say otherwise. links: how each replica
    reaches the store, when that is not as the store says (nets.py)."""

    def __init__(self, where, store, sink, replicas=1, env=None, links=None, **conf):
        self.where, self.store, self.faults, self.replicas = pathlib.Path(where), store, [], []
        for n in range(replicas):
            name = 'r%d' % n
            place = self.where / name
            place.mkdir()
            path = types.SimpleNamespace(url=sink.url + '/' + name)
            storage = store.storage(*links[n].store) if links else store.storage()
            made = tocsin.config(place, sink=path, driver=store.name, **{'storage': storage, **conf})
            self.replicas.append(Replica(name, place, made, env={'TOCSIN_NAME': name, **store.env, **(env or {})}))
            if links:
                self.replicas[-1].link, self.replicas[-1].prefix = links[n], links[n].prefix

    def start(self):
        for replica in self.replicas:
            replica.start()
        return self

    def fault(self, what, begin=None, end=None):
        """Notes that something was broken from begin to end, now unless given."""
        now = time.monotonic()
        self.faults.append((begin or now, end or now, what))

    def kill(self, replica):
        self.fault('kill ' + replica.name)
        replica.kill()

    def must_be_up(self):
        for replica in self.replicas:
            replica.revive()

    def listening(self):
        return [r for r in self.replicas if r.look()]

    def pick(self, rng):
        """A replica that listens, or None."""
        up = self.listening()
        return rng.choice(up) if up else None

    def outages(self):
        """When no replica could reach the store, as far as the tests know: [[from, to]]."""
        common = [[0.0, FOREVER]]
        for replica in self.replicas:
            common = both(common, replica.downs)
        return joined(common + self.store.downs)

    def stop(self):
        """Their exit codes on SIGTERM."""
        for replica in self.replicas:
            replica.went_down()
            replica.signal(signal.SIGTERM)
        return [replica.exit_code() for replica in self.replicas]

    def close(self):
        for replica in self.replicas:
            if replica.is_up():
                replica.go_on()
                replica.kill()

    def said(self, lines=15):
        """The last words of everybody, for a look after a failure."""
        return '\n'.join('%s: %s' % (r.name, line) for r in self.replicas if r.err for line in r.err.lines[-lines:])

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def both(a, b):
    """Where both lists of intervals are."""
    return [[max(x[0], y[0]), min(x[1], y[1])] for x in a for y in b if max(x[0], y[0]) < min(x[1], y[1])]


def joined(intervals):
    """The same times, each once."""
    made = []
    for begin, end in sorted(intervals):
        if made and begin <= made[-1][1]:
            made[-1][1] = max(end, made[-1][1])
        else:
            made.append([begin, end])
    return made


def overlap(intervals, begin, end):
    """How many seconds of begin..end the intervals cover."""
    return sum(max(0.0, min(end, to) - max(begin, at)) for at, to in intervals)


REFUSED = (OSError, http.client.HTTPException)
