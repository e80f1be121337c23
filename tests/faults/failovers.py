"""A database that dies for good while its hot standby takes its place, again and again: one that commits waited for, one that was behind."""
import os
import pathlib
import re
import signal
import time

import servers
import tocsin
from cluster import Postgres
from kills import LEVELS, REPLICAS, TIMEOUTS_S
from load import Load

SENDERS = 8
ENOUGH = SENDERS + 1            # when so many more were accepted, one of them at least was sent after the counting began
HELD_S = 8                      # so long the replicas decide nothing after such a change (docs/reliability.md): to the judge, the store is down
REWRITE_S = 20                  # by then a replica has said what was missing, even if part of it could not be put back
REWRITTEN = r'"level":"error","msg":"[^"]*lacked (\d+) decisions'      # what a replica says that wrote them again, and how many


class Pair(Postgres):
    """A primary, and a spare that is its hot standby. They change places whenever the primary dies; the URL names both."""

    def __init__(self, where):
        super().__init__(where)
        self.spare, self.held = servers.Postgres(), None        # held: the process of the spare that receives, while it stands still
        self.promoted_at = None
        self.follow()

    def storage(self):
        ports = self.server.port, self.spare.port
        return {'driver': self.name, 'url': 'postgresql://tocsin@%s/postgres' % ','.join('127.0.0.1:%d' % port for port in ports)}

    def follow(self):
        """The spare gets everything that the primary has, and from now on what it writes."""
        self.spare.follow(self.server)
        tocsin.until(lambda: self.spare.sql('SELECT status FROM pg_stat_wal_receiver') == 'streaming', 60, 'the standby to receive')

    def make_synchronous(self):
        """Commits wait for the standby: one is seen to before this returns. The standby was copied before, so that promoted it waits for nobody."""
        self.server.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.server.sql('SELECT pg_reload_conf()')
        tocsin.until(lambda: self.server.sql("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"), 60, 'the standby to be synchronous')
        self.hold()
        tocsin.until(lambda: self.server.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' LIMIT 1"), 60, 'a commit to wait')
        self.resume()

    def hold(self):
        """The standby receives nothing any more; the primary still sends."""
        pid = int(self.spare.sql('SELECT pid FROM pg_stat_wal_receiver'))
        assert pid in self.spare.processes(), 'the process that receives is not one of the standby'
        os.kill(pid, signal.SIGSTOP)
        self.held = pid
        tocsin.until(lambda: is_stopped(pid), 10, 'the standby to stop receiving')

    def resume(self):
        """It receives all that was sent meanwhile."""
        os.kill(self.held, signal.SIGCONT)
        self.held = None

    def lose(self):
        """What was sent to it meanwhile is gone. The standby notices, and starts all of its processes again."""
        pid, self.held = self.held, None
        os.kill(pid, signal.SIGKILL)
        tocsin.until(lambda: not os.path.exists('/proc/%d' % pid), 30, 'the standby to notice that a process of its own is dead')

    def fail_over(self):
        """The primary is killed, the spare promoted with what it has received."""
        self.kill()
        if self.held:
            self.lose()
        self.spare.promote()
        self.server, self.spare = self.spare, self.server
        self.promoted_at = time.monotonic()
        self.downs[-1][1] = self.promoted_at + HELD_S

    def close(self):
        if self.held:
            self.lose()                                         # or the standby would wait for it for ever
        self.spare.close()
        super().close()


def is_stopped(pid):
    return pathlib.Path('/proc/%d/stat' % pid).read_text().rsplit(')', 1)[1].split()[0] == 'T'


def synchronous(stage):
    """P5: commits wait for the standby. What was accepted is in the promoted one."""
    fail_over_again_and_again(stage, when_waited_for)


def asynchronous(stage):
    """P5: the standby is surely behind. What was accepted and is not in the promoted one, the replicas write again, and say so."""
    fail_over_again_and_again(stage, when_behind)


def fail_over_again_and_again(stage, one):
    sink = stage.sink()
    stage.store = stage.keep(Pair(stage.where))
    cluster = stage.build(sink, REPLICAS, levels=LEVELS).start()
    with Load(cluster, stage.seed, rate=100, senders=SENDERS, people=2) as load:
        for _ in range(stage.cycles):
            load.wait(10)
            one(stage, load)
            stage.store.follow()
            cluster.must_be_up()
        load.wait(50)
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


def when_waited_for(stage, load):
    stage.store.make_synchronous()
    load.wait(ENOUGH)
    time.sleep(stage.rng.uniform(0.0, 0.5))
    fail_over(stage, load, time.monotonic())


def when_behind(stage, load):
    before = rewritten(stage.cluster)
    stage.store.hold()
    begin = time.monotonic()
    load.wait(ENOUGH)
    time.sleep(stage.rng.uniform(0.2, 1.0))
    fail_over(stage, load, begin)
    killed = stage.store.downs[-1][0]
    missing = sum(a.sent > begin and a.answered < killed for a in list(load.acceptances))
    end = time.monotonic() + REWRITE_S
    tocsin.until(lambda: rewritten(stage.cluster) > before or time.monotonic() > end, 2 * REWRITE_S)
    found = rewritten(stage.cluster) - before
    stage.say('%d events were accepted that the promoted one cannot have, %d decisions were written again' % (missing, found))
    stage.check(missing, 'the standby was not behind')
    stage.check(found, 'nobody said that something was missing and written again')


def fail_over(stage, load, begin):
    """begin: since when the standby may lack what was written."""
    stage.store.fail_over()
    stage.cluster.fault('store', begin)
    load.wait(ENOUGH)
    down, up = stage.store.downs[-1][0], stage.store.promoted_at
    stage.say('promoted %.2f s after the kill, %d events accepted %.2f s later' % (up - down, ENOUGH, time.monotonic() - up))


def rewritten(cluster):
    """How many decisions all replicas say that they wrote again, so far."""
    return sum(int(found[1]) for r in cluster.replicas for line in list(r.err.lines) for found in [re.search(REWRITTEN, line)] if found)
