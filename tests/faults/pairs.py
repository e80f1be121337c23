"""Two where there must be one, or two that differ: a second process on a store of one, somebody else who writes it."""
import contextlib
import os
import pathlib
import sqlite3
import subprocess
import time

import tocsin
from cluster import Replica
from disks import ENDED_ITSELF
from kills import LEVELS, REPLICAS, TIMEOUTS_S
from load import Load


def second(stage):
    """P21: while one serves, every other process on its SQLite file or journal is refused with a sentence."""
    sink = stage.sink()
    cluster = stage.build(sink, levels=LEVELS).start()
    place = stage.where / 'second'
    place.mkdir()
    other = Replica('second', place, tocsin.config(place, sink=sink, storage=stage.store.storage()))
    with Load(cluster, stage.seed) as load:
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
    with Load(cluster, stage.seed) as load:
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


def upgrade(stage):
    """P20: one replica after the other ends politely and comes back while the store's schema goes a step back under the rest, now and then
    by a migration that is killed; whoever starts moves it forward again. $TOCSIN_OLD, when it names an older binary, runs on one of them. A
    store that asks for a newer program is refused."""
    sink = stage.sink()
    cluster = stage.build(sink, REPLICAS, levels=LEVELS)
    cluster.replicas[0].binary = pathlib.Path(os.environ.get('TOCSIN_OLD', tocsin.BINARY)).absolute()
    cluster.start()
    with Load(cluster, stage.seed, rate=100, senders=12, people=2) as load:
        for n in range(stage.cycles):
            replica = cluster.replicas[n % REPLICAS]
            load.wait(50)
            stage.check(replica.stop() == 0, '%s ended badly: %s' % (replica.name, replica.err.text()[-500:]))
            back(stage, replica)
            replica.start()
            cluster.must_be_up()
        load.wait(50)
    refuse_older(stage)
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


def back(stage, replica):
    """One schema back, or killed on the way."""
    process = subprocess.Popen([str(tocsin.BINARY), 'migrate', 'to', '1', '--quiet', '--config', str(replica.file)], cwd=replica.where,
                               env=replica.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if stage.rng.random() < 0.5:
        time.sleep(stage.rng.uniform(0.0, 0.05))
        process.kill()
    said = process.communicate(timeout=30)[1].decode()
    stage.check(process.returncode in (0, -9), 'the way back ended with %d: %s' % (process.returncode, said[-500:]))


def refuse_older(stage):
    """A store that has moved on past this program: who serves ends itself, who starts is refused."""
    cluster = stage.cluster
    begin = time.monotonic()
    stage.store.server.sql("UPDATE tocsin.meta SET value = 99 WHERE name = 'least'")
    for replica in cluster.replicas:
        code = replica.exit_code()
        replica.went_down()
        stage.check(code == ENDED_ITSELF, '%s goes on on a store that asks for a newer program, and ended with %d' % (replica.name, code))
    cluster.replicas[0].launch()
    code, said = cluster.replicas[0].exit_code(), cluster.replicas[0].err.text()
    stage.check(code == 1 and '99' in said, 'a store that asks for a newer program: code %d: %s' % (code, said[-500:]))
    stage.store.server.sql("UPDATE tocsin.meta SET value = 1 WHERE name = 'least'")
    cluster.fault('exit', begin)
    cluster.start()
