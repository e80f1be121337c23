"""Holds the server to its promises after a test: what senders were promised, what receivers got, what the store says now. The verdict is one line.

  LOST        accepted, and there is no incident that counts it
  UNPAGED     an incident whose page never arrived although nobody acknowledged or resolved it; a page said to be delivered that never arrived
  early       a level that began before its time, by the timeline or by when its page arrived
  late>L      a level or a page that came more than 10 s after its time while a store could be reached; a claim in hand at a fault may run out first
  after-ack   a page that arrived later than 11 s after an answered acknowledgement or resolution
  duplicates  arrivals of a page beyond its first; allowed as often as an attempt was begun anew after a fault. Each must follow on a fault that
              struck at its time or within five seconds, before which its end is written down

and beside it: keys with two incidents, pages of unknown incidents, wrong counts, levels out of order or without their pages, pages still owed,
pages given up, repeats without a reason, events refused although there is nothing wrong with them. All of these must be nothing. That it would
notice is what tests/faults/mutants shows.
"""
import collections
import concurrent.futures
import datetime
import json
import threading
import time
import urllib.parse

from cluster import REFUSED, overlap

L_S, CLAIM_S, IN_FLIGHT_S, SHOWN = 10, 30, 11, 8
QUIET_S = 3
SETTLED_S = 5                   # a page that arrived so long before a fault was settled by then


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()


class Reader:
    """Reads incidents over the API, on a connection per thread."""

    def __init__(self, replica):
        self.replica, self.local = replica, threading.local()

    def get(self, path):
        for attempt in range(5):
            connection = getattr(self.local, 'connection', None) or self.replica.connection(20)
            self.local.connection = connection
            try:
                connection.request('GET', '/api/v1' + path)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status == 200:
                    return json.loads(body)
                assert answer.status == 503, '%s: %d %r' % (path, answer.status, body[:300])
            except REFUSED:
                connection.close()
                self.local.connection = None
            time.sleep(0.2 * (attempt + 1))
        raise AssertionError('GET %s has no answer: %s' % (path, self.replica.err.text()[-1000:]))

    def incidents(self):
        cursor = ''
        while cursor is not None:
            got = self.get('/incidents?limit=200' + ('&cursor=' + urllib.parse.quote(cursor) if cursor else ''))
            yield from got['items']
            cursor = got['next']


class Books:
    """What is known at the end: incidents with timelines and pages, by id."""

    def __init__(self, replica, sinks, last_level):
        self.reader, self.sinks, self.last_level = Reader(replica), sinks, last_level
        self.incidents, self.ended, self.owed = {}, set(), 0

    def arrivals(self):
        return [arrival for sink in self.sinks for arrival in sink.arrived()]

    def is_at_rest(self, incident):
        return incident['status'] != 'detected' or incident['exhausted'] or incident['level'] >= self.last_level

    def look(self):
        """Reads what has not come to rest so far. True when everything has."""
        arrived = {a.page for a in self.arrivals()}
        listed = {i['id']: i for i in self.reader.incidents()}
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for whole in pool.map(lambda ident: self.reader.get('/incidents/' + ident), [i for i in listed if i not in self.ended]):
                self.incidents[whole['id']] = whole
                if self.is_at_rest(whole) and all(p['status'] != 'owed' and (p['status'] != 'delivered' or p['id'] in arrived)
                                                  for p in whole['pages']):
                    self.ended.add(whole['id'])
        self.owed = len(listed) - len(self.ended)
        return self.owed == 0

    def await_quiet(self, least_s, end):
        """Nothing is asked while pages still go out: reading tens of thousands of incidents is work for the server and for the machine."""
        start = since = time.monotonic()
        n = len(self.arrivals())
        while time.monotonic() < end and (time.monotonic() < start + least_s or time.monotonic() < since + QUIET_S):
            time.sleep(0.2)
            if len(self.arrivals()) != n:
                n, since = len(self.arrivals()), time.monotonic()

    def settle(self, least_s, wait_s):
        end = time.monotonic() + wait_s
        self.await_quiet(least_s, end)
        while not self.look() and time.monotonic() < end:
            time.sleep(1)


class Judge:
    """timeouts_s: how long each level but the last waits. is_fake: wall clocks were tampered with, so only the receiver's clock counts.
    is_timed: not when the test made everything late. slow: channels that were broken, whose pages may be late."""

    def __init__(self, cluster, load, sinks, timeouts_s=(), wait_s=120, is_fake=False, is_timed=True, slow=()):
        self.cluster, self.load, self.timeouts_s, self.is_fake, self.slow = cluster, load, timeouts_s, is_fake, slow
        self.is_timed = is_timed
        ready = next(r for r in cluster.replicas if r.look())
        self.books = Books(ready, sinks, len(timeouts_s))
        self.books.settle(sum(timeouts_s), wait_s)
        self.incidents = self.books.incidents
        self.wall_s = time.time() - time.monotonic()            # wall clock minus monotonic
        self.outages = cluster.outages()
        self.arrivals = self.books.arrivals()
        self.by_key = collections.defaultdict(list)
        for incident in self.incidents.values():
            self.by_key[incident['dedup_key']].append(incident)
        self.by_page = collections.defaultdict(list)
        for arrival in sorted(self.arrivals):
            self.by_page[arrival.page].append(arrival)
        self.acted = {}
        for act in load.acts:
            self.acted.setdefault(act.key, []).append(act)
        self.pages = {p['id']: p for i in self.incidents.values() for p in i['pages']}
        self.findings = {name: list(find()) for name, find in self.rules()}
        self.bound = sum(self.allowed(page) for page in self.pages.values())
        self.duplicates = len(self.arrivals) - len(self.by_page)

    def rules(self):
        return [('LOST', self.lost), ('UNPAGED', self.unpaged), ('early', self.early), ('late>L', self.late), ('after-ack', self.after_ack),
                ('twice', self.twice), ('ghosts', self.ghosts), ('miscounted', self.miscounted), ('skipped', self.skipped), ('owed', self.owed), ('failed', self.failed),
                ('repeats', self.repeats), ('refused', lambda: self.load.refused)]

    # What was accepted

    def lost(self):
        for key, tally in self.load.tallies.items():
            if tally.accepted > sum(i['alert_count'] for i in self.by_key[key]):
                yield key

    def miscounted(self):
        for key, incidents in self.by_key.items():
            tally = self.load.tallies.get(key)
            if tally is None or sum(i['alert_count'] for i in incidents) > tally.upper():
                yield key

    def twice(self):
        return (key for key, incidents in self.by_key.items() if len(incidents) > 1)

    # What was sent

    def unpaged(self):
        for incident in self.incidents.values():
            came = {p['id'] for p in incident['pages'] if p['id'] in self.by_page}
            if not came and incident['dedup_key'] not in self.acted:
                yield incident['dedup_key']
            yield from (p['id'] for p in incident['pages'] if p['status'] == 'delivered' and p['id'] not in came)

    def ghosts(self):
        return (page for page in self.by_page if page not in self.pages)

    def owed(self):
        return (i for i in self.incidents if i not in self.books.ended)

    def skipped(self):
        """Levels come one by one, and each owes pages, or says that there is nobody."""
        for incident in self.incidents.values():
            begun = [(e['round'], e['level']) for e in incident['timeline'] if e['type'] in ('level', 'nobody')]
            if begun != [(0, n) for n in range(len(begun))]:
                yield '%s has levels %s' % (incident['dedup_key'], begun)
            owed = {(p['round'], p['level']) for p in incident['pages']}
            yield from ('%s owes nothing at level %d' % (incident['dedup_key'], e['level']) for e in incident['timeline']
                        if e['type'] == 'level' and (e['round'], e['level']) not in owed)

    def failed(self):
        """No test lets a channel refuse a page, or be away for as long as a page is tried."""
        return (p['id'] for p in self.pages.values() if p['status'] == 'failed')

    def after_ack(self):
        for arrival in self.arrivals:
            if any(arrival.at > act.answered + IN_FLIGHT_S and not self.was_in_hand(arrival, act) for act in self.acted.get(arrival.key, ())):
                yield arrival.page

    def was_in_hand(self, arrival, act):
        """It was in flight all the time: its sender slept from before the acknowledgement until just before the arrival, or its receiver did."""
        is_slow = self.pages.get(arrival.page, {}).get('channel') in self.slow
        return any((what == 'pause' or what == 'black hole' and is_slow) and begin < act.answered and end + IN_FLIGHT_S > arrival.at
                   for begin, end, what in self.cluster.faults)

    def struck(self, begin, end):
        """How many faults there were between the two, or a little earlier or later."""
        return sum(at < end + SETTLED_S and to > begin - 1 for at, to, _ in self.cluster.faults)

    def allowed(self, page):
        """How often it may come again: for every attempt begun anew, of which there are no more than faults while it was owed."""
        came = self.by_page.get(page['id'])
        if page['attempt'] < 2 or not came:
            return 0
        owed = came[0].at if self.is_fake else seconds(page['owed_at']) - self.wall_s
        return min(page['attempt'] - 1, self.struck(owed, came[-1].at))

    def repeats(self):
        """Arrivals that were followed by another although no fault struck at or soon after them, and more of them than attempts."""
        for page, came in self.by_page.items():
            if len(came) > self.pages.get(page, {}).get('attempt', 1) or any(not self.struck(a.at, a.at) for a in came[:-1]):
                yield page

    # When

    def late_by(self, due, at):
        """Seconds of reachable time between the two, both monotonic."""
        return at - due - overlap(self.outages, due, at)

    def early(self):
        slack_s, begun = self.cluster.store.early_s, self.first_of_level()
        for (key, level), at in begun.items():
            tally = self.load.tallies.get(key)
            if tally and not self.may_jump(key) and at < tally.first_at + sum(self.timeouts_s[:level]) - slack_s:
                yield '%s level %d arrived' % (key, level)
        for incident in () if self.is_fake else self.incidents.values():
            for before, entry, is_pulled in self.levels(incident):
                if not is_pulled and seconds(entry['at']) < seconds(before['at']) + self.timeouts_s[before['level']] - slack_s:
                    yield '%s level %d' % (incident['dedup_key'], entry['level'])

    def first_of_level(self):
        found = {}
        for arrival in self.arrivals:
            found[arrival.key, arrival.level] = min(arrival.at, found.get((arrival.key, arrival.level), arrival.at))
        return found

    def may_jump(self, key):
        """A failed page, or nobody to reach, begins the next level at once."""
        return any(e['type'] in ('page_failed', 'nobody') for i in self.by_key[key] for e in i['timeline'])

    def levels(self, incident):
        """(the entry that its wait counts from, the entry of the next level, whether that was pulled forward)."""
        before, is_pulled = None, False
        for entry in incident['timeline']:
            if entry['type'] == 'level':
                if before and entry['round'] == before['round']:
                    yield before, entry, is_pulled
                before, is_pulled = entry, False
            elif entry['type'] == 'late':
                before = {**before, 'at': entry['at']}
            is_pulled = is_pulled or entry['type'] in ('page_failed', 'nobody')

    def late(self):
        if self.is_fake and self.is_timed:
            yield from self.late_arrivals()
        for incident in () if self.is_fake else self.incidents.values():
            for before, entry, _ in self.levels(incident):
                due = seconds(before['at']) + self.timeouts_s[before['level']] - self.wall_s
                if self.late_by(due, seconds(entry['at']) - self.wall_s) > L_S:
                    yield '%s level %d' % (incident['dedup_key'], entry['level'])
            for page in incident['pages']:
                if page['id'] in self.by_page and page['channel'] not in self.slow and self.is_page_late(page):
                    yield page['id']

    def is_page_late(self, page):
        first, owed = self.by_page[page['id']][0], seconds(page['owed_at']) - self.wall_s
        claims = max(first.attempt - 1, min(1, self.struck(owed, first.at)))     # that had to run out first
        return self.late_by(owed, first.at) > L_S + claims * (CLAIM_S + L_S)

    def late_arrivals(self):
        """By the receiver's clock alone: from the answer to the first page, and from level to level."""
        begun = self.first_of_level()
        for (key, level), at in begun.items():
            tally = self.load.tallies.get(key)
            since = begun.get((key, level - 1)) if level else tally and tally.answered_at
            if since is not None and self.late_by(since + (self.timeouts_s[level - 1] if level else 0), at) > L_S + 1:
                yield '%s level %d arrived' % (key, level)

    # The verdict

    def is_good(self):
        return not any(self.findings.values()) and self.load.accepted > 0 and self.duplicates <= self.bound

    def line(self):
        n = {name: len(found) for name, found in self.findings.items()}
        return ('accepted %d · incidents %d · obligations %d · pages %d · LOST %d · UNPAGED %d · early %d · late>L %d · after-ack %d · '
                'duplicates %d (allowed ≤ %d)') % (self.load.accepted, len(self.incidents), len(self.pages), len(self.arrivals), n['LOST'],
                                                   n['UNPAGED'], n['early'], n['late>L'], n['after-ack'], self.duplicates, self.bound)

    def details(self):
        """Lines beside the verdict: what else must be nothing, how hard the test was, and the first of everything that was found."""
        n = {name: len(found) for name, found in self.findings.items()}
        ended = collections.Counter(p['status'] for p in self.pages.values())
        yield 'beside: twice %d · ghosts %d · miscounted %d · skipped %d · still owed %d · given up %d · unexplained repeats %d · refused %d' % (
            n['twice'], n['ghosts'], n['miscounted'], n['skipped'], n['owed'], n['failed'], n['repeats'], n['refused'])
        yield 'answers %s · slowest %.2f s · acts %d · pages %s · faults %d' % (
            ' '.join('%s:%d' % pair for pair in sorted(self.load.answers.items(), key=str)), self.load.slowest_s, len(self.load.acts),
            ' '.join('%s:%d' % pair for pair in sorted(ended.items())), len(self.cluster.faults))
        for name, found in self.findings.items():
            if found:
                yield '%s: %s' % (name, ' '.join(map(str, found[:SHOWN])))
