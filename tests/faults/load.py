"""Alert senders and people, as a team has them: they send, send again, acknowledge, resolve, and write down what they were promised.

Senders use two doors, Events v2 and the generic one with an Idempotency-Key, at any replica that listens. An event is written down as accepted
only after its 2xx was read. Without one, the sender tries again with the same keys, elsewhere perhaps, or gives up: then the event may be
stored or not. One in 25 events uses a key that everybody uses at that moment, so that several replicas open it at once.

People acknowledge and resolve by door and by API. After an answered acknowledgement nobody may be paged; what was asked and not answered may
have happened or not, and the judge counts it as neither.
"""
import collections
import json
import random
import threading
import time
import traceback
import typing

import tocsin
from cluster import REFUSED

TRIES_MAX, GIVE_UP, HOT, ANSWER_S = 40, 0.15, 0.04, 12


class Act(typing.NamedTuple):
    """Something that a person did to the incident of a key."""
    key: str
    asked: float
    answered: float             # infinity: no clear answer came


class Acceptance(typing.NamedTuple):
    """One try that was answered 2xx."""
    key: str
    sent: float
    answered: float
    is_first: bool              # of its event: an earlier try may have been stored and not answered, and then this one wrote nothing


class Tally:
    """What became of the events with one key."""

    def __init__(self, at):
        self.first_at = at      # when the first of them was sent
        self.answered_at = None
        self.accepted = self.tries = self.least = 0

    def upper(self):
        """How often it can have been counted: every try may have been stored, unless an idempotency key makes them one."""
        return self.least or self.tries


class Load:
    def __init__(self, cluster, seed, rate=60, senders=6, people=1):
        """rate: events a second, all senders together. Modest unless a test is about it: a page that is late must be nobody's fault but the
        server's, on any machine."""
        self.cluster, self.rate = cluster, rate
        self.lock, self.is_over, self.tallies, self.acts, self.acceptances = threading.Lock(), threading.Event(), {}, [], []
        self.answers, self.next, self.begin, self.slowest_s = collections.Counter(), 0, time.monotonic(), 0.0
        self.recent = collections.deque(maxlen=400)
        self.log = open(cluster.where / 'accepted.log', 'a', encoding='ascii')
        self.failed, self.refused = [], []      # refused: events that were answered as if they were wrong
        self.threads = [threading.Thread(target=self.guard, args=(work, random.Random('%s/%d/%s' % (seed, n, work.__name__))), daemon=True)
                        for work, count in ((self.send, senders), (self.live, people)) for n in range(count)]

    def __enter__(self):
        self.begin = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        self.log.close()
        if self.failed and not error[0]:
            raise self.failed[0]

    def guard(self, work, rng):
        try:
            work(rng)
        except Exception as error:                      # a mistake of the test itself must not look like a quiet day
            traceback.print_exc()
            self.failed.append(error)

    @property
    def accepted(self):
        return sum(t.accepted for t in list(self.tallies.values()))

    def wait(self, n, seconds=120):
        """Until so many more were accepted."""
        want = self.accepted + n
        tocsin.until(lambda: self.accepted >= want or self.failed, seconds, lambda: '%d events to be accepted: %s' % (n, self.cluster.said()))

    # Senders

    def turn(self):
        """Waits for this sender's next event; its number, or None when all is over."""
        with self.lock:
            self.next += 1
            n = self.next
        return None if self.is_over.wait(max(0.0, self.begin + n / self.rate - time.monotonic())) else n

    def send(self, rng):
        connections = {}
        while (n := self.turn()) is not None:
            door = rng.choice('pg')
            key = 'hot-%d' % (time.monotonic() * 4) if rng.random() < HOT else '%s-%d' % (door, n)
            door = 'p' if key.startswith('hot') else door
            self.event(rng, connections, door, key, n)
        for connection in connections.values():
            connection.close()

    def event(self, rng, connections, door, key, n):
        with self.lock:
            tally = self.tallies.setdefault(key, Tally(time.monotonic()))
            tally.least += door == 'g'
        for attempt in range(TRIES_MAX):
            replica = self.cluster.pick(rng)
            if replica is not None:
                with self.lock:
                    tally.tries += 1
                sent = time.monotonic()
                status = self.ask(connections, replica, *self.request(door, key, n))
                if status and 200 <= status < 300:
                    self.write(key, tally, attempt, sent)
                    return
                if status and status not in (429, 503):
                    self.refused.append('%s:%d' % (key, status))
                    return
                if rng.random() < GIVE_UP:
                    return
            if self.is_over.wait(rng.uniform(0.005, 0.05)):
                return

    def request(self, door, key, n):
        if door == 'g':
            return 'POST', '/in/' + tocsin.PLAIN, {'title': 'event ' + key, 'dedup_key': key}, {'Idempotency-Key': 'event-%d' % n}
        event = {'routing_key': tocsin.KEY, 'event_action': 'trigger', 'dedup_key': key,
                 'payload': {'summary': 'event ' + key, 'source': 'test', 'severity': 'critical'}}
        return 'POST', '/v2/enqueue', event, {}

    def ask(self, connections, replica, method, path, body, headers):
        """The status, or None without a whole answer."""
        port, start = replica.look(), time.monotonic()
        if port is None:
            return None
        try:
            if (replica.name, port) not in connections:
                connections[replica.name, port] = replica.connection_to(port, ANSWER_S)
            connection = connections[replica.name, port]
            connection.request(method, path, json.dumps(body), {'Content-Type': 'application/json', **headers})
            answer = connection.getresponse()
            answer.read()
            self.count(answer.status, time.monotonic() - start)
            return answer.status
        except REFUSED:
            connections.pop((replica.name, port)).close()
            self.count('none', 0.0)
            return None

    def count(self, status, took_s):
        with self.lock:
            self.answers[status] += 1
            self.slowest_s = max(self.slowest_s, took_s)

    def write(self, key, tally, attempt, sent):
        with self.lock:
            now = time.monotonic()
            tally.accepted += 1
            tally.answered_at = tally.answered_at or now
            self.acceptances.append(Acceptance(key, sent, now, attempt == 0))
            self.log.write('%.3f %s\n' % (now, key))
            self.log.flush()
            if attempt == 0 and not key.startswith('hot'):
                self.recent.append(key)                 # one incident for certain, so that it may be resolved

    # People

    def live(self, rng):
        connections = {}
        while not self.is_over.wait(rng.uniform(0.02, 0.2)):
            replica = self.cluster.pick(rng)
            if replica is None or not self.recent:
                continue
            (self.act_by_api if rng.random() < 0.3 else self.act_by_door)(rng, connections, replica)
        for connection in connections.values():
            connection.close()

    def act_by_door(self, rng, connections, replica):
        with self.lock:
            key = rng.choice(self.recent)
        what, asked = rng.choice(['acknowledge', 'acknowledge', 'resolve']), time.monotonic()
        if key.startswith('g'):
            status = self.ask(connections, replica, 'POST', '/in/' + tocsin.PLAIN, {'status': what, 'dedup_key': key}, {})
        else:
            status = self.ask(connections, replica, 'POST', '/v2/enqueue',
                              {'routing_key': tocsin.KEY, 'event_action': what, 'dedup_key': key}, {})
        self.acted(key, asked, status)

    def act_by_api(self, rng, connections, replica):
        """Acknowledges one that the list of open incidents shows."""
        try:
            found = replica.request('GET', '/api/v1/incidents?status=detected&limit=20', seconds=ANSWER_S)
        except REFUSED:
            return
        items = found.json['items'] if found.status == 200 else []
        if items:
            one, asked = rng.choice(items), time.monotonic()
            status = self.ask(connections, replica, 'POST', '/api/v1/incidents/%s/acknowledge' % one['id'], {}, {})
            self.acted(one['dedup_key'], asked, status)

    def acted(self, key, asked, status):
        is_done = status is not None and 200 <= status < 300
        with self.lock:
            self.acts.append(Act(key, asked, time.monotonic() if is_done else float('inf')))
