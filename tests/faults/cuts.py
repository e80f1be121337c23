"""Connections that stop: to a provider, to the store."""
import collections
import threading
import time

import nets
import tocsin
from judge import CLAIM_S, L_S
from kills import LEVELS, RATES, REPLICAS, TIMEOUTS_S
from load import Load, Tally

ANSWER_S, NOTICE_S, CUT_S = 5, 10, 60            # what is promised of a replica that is cut off; how long it is
BUSY_S = 5                      # more than that, for a machine that has other things to do; what it really took is said
TWO_CHANNELS = [{'targets': ['channel:hook', 'channel:other'], 'timeout': '8s'}, {'targets': ['channel:hook'], 'timeout': '24h'}]


def provider(stage):
    """P16: one of two channels is a black hole, then refuses connections. The other's pages leave as if nothing were, levels begin on
    time, and the broken one's pages arrive when it is back."""
    sink, other = stage.sink(), stage.sink('other')
    channels = {'hook': {'type': 'webhook', 'url': sink.url}, 'other': {'type': 'webhook', 'url': other.url}}
    cluster = stage.build(sink, levels=TWO_CHANNELS, channels=channels).start()
    with Load(cluster, stage.seed) as load:
        load.wait(20)
        for _ in range(stage.cycles):
            begin = time.monotonic()
            other.stop_answering()
            time.sleep(stage.rng.uniform(12, 20))       # longer than a send may take
            other.go_on()
            cluster.fault('black hole', begin)
            load.wait(20)
    stage.judge(load, [sink, other], timeouts_s=(8,), slow=('other',), wait_s=180)
    waits_s = sorted(a.at - load.tallies[a.key].first_at for a in sink.arrived() if a.level == 0 and a.key in load.tallies)
    stage.say('pages of the healthy channel: p50 %.0f ms, p99 %.0f ms, slowest %.0f ms' % (
        waits_s[len(waits_s) // 2] * 1e3, waits_s[len(waits_s) * 99 // 100] * 1e3, waits_s[-1] * 1e3))
    stage.check(waits_s[-1] < L_S, 'a page of the healthy channel took %.1f s' % waits_s[-1])


class Watch:
    """Asks one replica for everything all the time and keeps what it said: [(asked, answered, status)] of alerts and of /readyz."""

    def __init__(self, replica, load):
        self.replica, self.load, self.over, self.failed = replica, load, threading.Event(), []
        self.alerts, self.ready = [], []
        self.threads = [threading.Thread(target=self.guard, args=(work,), daemon=True) for work in (self.send, self.look)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def guard(self, work):
        try:
            while not self.over.wait(0.1):
                work()
        except Exception as error:                      # said by the test that watches
            self.failed.append(error)

    def ask(self, method, path, body=None):
        asked = time.monotonic()
        status = self.replica.request(method, path, body, seconds=30).status
        return asked, time.monotonic(), status

    def look(self):
        self.ready.append(self.ask('GET', '/readyz'))

    def send(self):
        key = 'watch-%s-%.3f' % (self.replica.name, time.monotonic())
        self.load.tallies[key] = tally = Tally(time.monotonic())
        tally.tries = 1
        asked, answered, status = self.ask('POST', '/v2/enqueue', self.replica.event(key=key))
        self.alerts.append((asked, answered, status))
        if status == 202:
            tally.accepted, tally.answered_at = 1, answered


def partition(stage):
    """P15: three replicas, each in a network namespace where there can be one; one is cut off from the store and from nothing else. The
    others page what it had claimed, it answers 503 soon, says that it is not ready, and pages nobody once its claims have ended. Healed, it
    is as before."""
    store, has_nets = stage.open_store(), nets.is_hub()
    sink = stage.sink(address=nets.HUB if has_nets else '127.0.0.1', delay_s=1.0)      # slow, so that pages are in hand at every moment
    if has_nets:
        store.open_to(nets.HUB)
    links = [stage.keep((nets.Cable if has_nets else nets.Relay)(n, store.server.port)) for n in range(1, REPLICAS + 1)]
    cluster = stage.build(sink, REPLICAS, levels=LEVELS, links=links).start()
    stage.say('replicas are in %s' % ('network namespaces' if has_nets else 'no network namespaces, but behind relays'))
    ways = stage.rng.sample(sorted(nets.CUTS), len(nets.CUTS))
    cuts, rate = max(1, stage.cycles // CUT_S), RATES[stage.store_name] / 12
    with Load(cluster, stage.seed, rate=rate, senders=10, people=2) as load:
        for n in range(cuts):
            load.wait(5 * rate)
            isolate(stage, load, cluster.replicas[n % REPLICAS], sink, (ways[n % len(ways)], stage.cycles / cuts))
        load.wait(2 * rate)
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


def isolate(stage, load, replica, sink, cut):
    """One cut, and what must hold of the replica behind it."""
    how, length_s = cut
    with Watch(replica, load) as watch:
        replica.link.cut(how)
        begin = time.monotonic()
        time.sleep(length_s)
        end = time.monotonic()
        replica.link.heal()                             # which takes a moment itself
        stage.cluster.fault('cut', begin)
        tocsin.until(lambda: watch.failed or watch.ready[-1][2] == 200 and watch.alerts[-1][2] == 202, 30,
                     lambda: '%s to work again after the cut: %s %s' % (replica.name, watch.ready[-1], watch.alerts[-1]))
        healed_s = time.monotonic() - end
    stage.check(not watch.failed, 'while %s was cut off: %s' % (replica.name, watch.failed))
    said = [refuses(stage, watch.alerts, begin, end), is_unready(stage, watch.ready, begin, end),
            *is_replaced(stage, sink.arrived(), replica.name, begin, end)]
    stage.say('%s for %.0f s: %s, well %.1f s after healing' % (how, length_s, ', '.join(said), healed_s))


def refuses(stage, alerts, begin, end):
    statuses = collections.Counter(status for asked, _, status in alerts if begin < asked < end - ANSWER_S - BUSY_S)
    stage.check(list(statuses) == [503], 'cut off it answered alerts with %s' % statuses)
    slowest_s = max(answered - asked for asked, answered, _ in alerts if begin < answered and asked < end - ANSWER_S)
    stage.check(slowest_s < ANSWER_S + BUSY_S, 'cut off it took %.1f s to refuse an alert' % slowest_s)
    return 'refused within %.2f s' % slowest_s


def is_unready(stage, looks, begin, end):
    first_s = min((answered - begin for asked, answered, status in looks if status == 503 and asked > begin), default=None)
    later = [status for asked, answered, status in looks if answered > begin + NOTICE_S + BUSY_S and asked < end]
    stage.check(first_s is not None and set(later) == {503}, 'cut off it said of being ready: %s' % collections.Counter(later))
    return 'unready after %.1f s' % (first_s or 0.0)


def is_replaced(stage, arrivals, name, begin, end):
    """By the others, for what it had in hand; itself it pages nobody any more."""
    last_s = max((a.at - begin for a in arrivals if a.sender == name and begin < a.at < end), default=0.0)
    stage.check(last_s < CLAIM_S, 'cut off it paged after %.1f s' % last_s)
    taken = takeovers(arrivals, name, begin, end)
    slowest_s = max(taken, default=0.0)
    stage.check(slowest_s < CLAIM_S + L_S + BUSY_S, 'the others took over after %.1f s' % slowest_s)
    return 'its last page after %.1f s' % last_s, '%d taken over within %.1f s' % (len(taken), slowest_s)


def takeovers(arrivals, name, begin, end):
    """Seconds from the cut to the second arrival of each page that first came from behind it."""
    first, found = {}, []
    for a in arrivals:
        before = first.setdefault(a.page, a)
        if before is not a and before.sender == name and begin - L_S < before.at < end and begin < a.at < end:
            found.append(a.at - begin)
    return found
