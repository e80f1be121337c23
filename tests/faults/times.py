"""Time that does what it likes: clocks that jump, processes that sleep, a night's work that is overdue at the start."""
import os
import pathlib
import time

import tocsin
from load import Load, Tally
from kills import LEVELS, TIMEOUTS_S

FAKETIME = ('/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1', '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1')
SHORT_LEVELS = [{'targets': ['channel:hook'], 'timeout': '5s'}, {'targets': ['channel:hook'], 'timeout': '5s'},
                {'targets': ['channel:hook'], 'timeout': '24h'}]


class Clock:
    """The wall clock of one process, which runs as many seconds ahead of the real one as is said; other clocks stay true."""

    def __init__(self, file):
        self.file = pathlib.Path(file)
        library = next((p for p in FAKETIME if os.path.exists(p)), None)
        if library is None:
            raise AssertionError('libfaketime is missing: apt-get install libfaketime')
        self.ahead(0)
        self.env = {'LD_PRELOAD': library, 'FAKETIME_TIMESTAMP_FILE': str(self.file), 'FAKETIME_DONT_FAKE_MONOTONIC': '1', 'FAKETIME_NO_CACHE': '1'}

    def ahead(self, seconds):
        new = self.file.with_suffix('.new')
        new.write_text('%+d\n' % seconds)
        new.rename(self.file)


def clocks(stage):
    """P17: a wall clock that jumps an hour, a day, back and forth. No level begins early or late by the receiver's clock."""
    sink, hands = stage.sink(), []
    cluster = stage.build(sink, stage.replicas(), levels=SHORT_LEVELS)
    for replica in cluster.replicas:
        hands.append(Clock(stage.where / (replica.name + '-clock')))
        replica.env.update(hands[-1].env)
    cluster.start()
    with Load(cluster, stage.seed) as load:
        for _ in range(stage.cycles):
            load.wait(20)
            stage.rng.choice(hands).ahead(stage.rng.choice([-86400, -3600, -61, -7, 0, 7, 61, 3600, 86400]))
            time.sleep(stage.rng.uniform(1, 8))
        for clock in hands:
            clock.ahead(0)
        cluster.must_be_up()
    stage.judge(load, [sink], timeouts_s=(5, 5), is_fake=True)


def pause(stage):
    """P18: SIGSTOP for one to forty seconds at any point. Nobody is paged after an acknowledgement but for what was in flight; when there
    are others they have taken over meanwhile, and what the sleeper still wants to write is refused."""
    sink = stage.sink()
    cluster = stage.build(sink, stage.replicas(), levels=LEVELS).start()
    with Load(cluster, stage.seed, senders=6 * stage.replicas()) as load:
        for n in range(stage.cycles):
            load.wait(50)
            time.sleep(stage.rng.random())
            replica = stage.rng.choice(cluster.replicas)
            begin = time.monotonic()
            replica.pause()
            time.sleep(stage.rng.uniform(31, 40) if n == 0 else stage.rng.uniform(1, 10))
            replica.go_on()
            replica.downs.insert(-1, [begin, time.monotonic()])
            cluster.fault('pause', begin)
        load.wait(50)
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


def backlog(stage):
    """P19: a restart three hours later with thousands of open incidents, all overdue. The first page leaves within ten seconds, and no
    incident moves on by more than one level."""
    sink, clock = stage.sink(delay_s=0.0), Clock(stage.where / 'clock')
    levels = [{'targets': ['channel:hook'], 'timeout': '1h'}, {'targets': ['channel:hook'], 'timeout': '1h'}, {'targets': ['channel:hook']}]
    cluster = stage.build(sink, levels=levels, env=clock.env).start()
    replica, load = cluster.replicas[0], Load(cluster, stage.seed)
    for n in range(0, stage.cycles * 1000, 500):
        post(replica, load, ['n%d' % m for m in range(n, n + 500)])
    want = stage.cycles * 1000
    tocsin.until(lambda: len(sink.arrived()) >= want, 120, lambda: '%d pages, and there are %d' % (want, len(sink.arrived())))
    stage.check(replica.stop() == 0, 'it ended badly: ' + replica.err.text()[-500:])
    clock.ahead(3 * 3600)
    begin = time.monotonic()
    replica.start()
    tocsin.until(lambda: len(sink.arrived()) > want, 60, 'the first page after the restart')
    first_s = sink.arrived()[want].at - begin
    stage.say('%d incidents three hours overdue: first page after %.2f s' % (want, first_s))
    stage.check(first_s <= 10, 'the first page left after %.1f s' % first_s)
    tocsin.until(lambda: len(sink.arrived()) >= 2 * want, 240, lambda: '%d pages, and there are %d' % (2 * want, len(sink.arrived())))
    stage.say('the last of them after %.1f s' % (sink.arrived()[2 * want - 1].at - begin))
    stage.judge(load, [sink], timeouts_s=(0,), is_fake=True, is_timed=False, wait_s=30)
    stage.check(all(i['level'] == 1 for i in stage.verdict.incidents.values()), 'an incident moved on by more than one level')


def post(replica, load, keys):
    """Opens an incident for each key, all or none."""
    answer = replica.request('POST', '/in/' + tocsin.PLAIN, [{'title': 'event ' + key, 'dedup_key': key} for key in keys], seconds=60)
    assert answer.status == 202, answer
    for key in keys:
        load.tallies[key] = tally = Tally(time.monotonic())
        tally.accepted = tally.tries = 1
        tally.answered_at = time.monotonic()
