"""Two where there must be one, or two that differ: a second process on a store of one, somebody else who writes it."""
import contextlib
import sqlite3
import time

import tocsin
from cluster import Replica
from disks import ENDED_ITSELF
from kills import LEVELS, TIMEOUTS_S
from load import Load


def second(stage):
    """P21: while one serves, every other process on its SQLite file or journal is refused with a sentence."""
    sink = stage.sink()
    cluster = stage.build(sink, levels=LEVELS).start()
    place = stage.where / 'second'
    place.mkdir()
    other = Replica('second', place, tocsin.config(place, sink=sink, storage=stage.store.storage()))
    with Load(cluster, stage.seed, pause_s=0.02) as load:
        for _ in range(stage.cycles):
            load.wait(20)
            other.launch()
            code = other.exit_code()
            stage.check(code == 1 and str(stage.store.path) in other.err.text(), 'a second server ended with %d: %s' % (code, other.err.text()))
        cluster.replicas[0].must_be_up()
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


def outside(stage):
    """P21: another program writes the database behind the server's back: it notices at its next commit, and ends itself."""
    sink = stage.sink()
    cluster = stage.build(sink, levels=LEVELS)
    replica = cluster.replicas[0]
    with Load(cluster, stage.seed, pause_s=0.02) as load:
        for n in range(stage.cycles):
            replica.start()
            load.wait(50)
            with contextlib.closing(sqlite3.connect(str(stage.store.path), timeout=20, isolation_level=None)) as db:
                db.execute('CREATE TABLE IF NOT EXISTS somebody_else (n INTEGER)')
                db.execute('INSERT INTO somebody_else VALUES (?)', (n,))
                written = time.monotonic()
            tocsin.until(lambda: not replica.is_up(), 20, lambda: 'it to notice that somebody else writes: ' + replica.err.text()[-1000:])
            cluster.fault('exit', written)
            replica.went_down()
            stage.check(replica.process.returncode == ENDED_ITSELF, 'it ended with %d' % replica.process.returncode)
    cluster.start()
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)
