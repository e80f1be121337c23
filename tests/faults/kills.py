"""Processes that end when nobody expects it: kill -9, SIGTERM under load, databases that die."""
import signal
import time

from load import Load

LEVELS = [{'targets': ['channel:hook'], 'timeout': '8s'}, {'targets': ['channel:hook'], 'timeout': '24h'}]
TIMEOUTS_S = (8,)
REPLICAS, KILL_EVERY_S, RATE = 3, 0.2, 500


def short_life(stage, replica):
    """One life, ended by SIGKILL, sometimes before it listens."""
    replica.launch()
    if stage.rng.random() < 0.1:
        time.sleep(stage.rng.random() * 0.03)
    else:
        replica.wait_ready()
        time.sleep(stage.rng.uniform(0.05, 0.2))
    replica.must_be_up()
    stage.cluster.kill(replica)


def kill9(stage):
    """P1, P2: one server, killed again and again. At the end it starts once more and delivers what it owes."""
    sink = stage.sink()
    cluster = stage.build(sink, levels=LEVELS)
    with Load(cluster, stage.seed, pause_s=0.01) as load:
        for _ in range(stage.cycles):
            short_life(stage, cluster.replicas[0])
    cluster.start()
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


def drain(stage):
    """P14: a polite end finishes what is in hand: code 0, and nothing comes twice. Then ends that lose their patience."""
    sink = stage.sink()
    cluster = stage.build(sink, levels=LEVELS)
    replica, slowest_s = cluster.replicas[0], 0.0
    with Load(cluster, stage.seed, pause_s=0.01) as load:
        for n in range(stage.cycles + stage.cycles // 2):
            replica.start()
            time.sleep(stage.rng.uniform(0.05, 0.3))
            replica.went_down()
            begin = time.monotonic()
            replica.signal(signal.SIGTERM)
            if n < stage.cycles:
                code = replica.exit_code()
                slowest_s = max(slowest_s, time.monotonic() - begin)
                stage.check(code == 0, 'a drain ended with %d: %s' % (code, replica.err.text()[-500:]))
            else:
                time.sleep(stage.rng.random() ** 4)     # most drains are over within a few milliseconds
                cluster.fault('kill', begin)
                replica.kill()
    stage.say('slowest drain %.2f s' % slowest_s)
    cluster.start()
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


def replicas(stage):
    """P3: three replicas on one store, one of them killed every 200 ms and started again at once, at 500 events a second."""
    sink = stage.sink()
    cluster = stage.build(sink, REPLICAS, levels=LEVELS).start()
    with Load(cluster, stage.seed, rate=RATE, senders=24, people=3) as load:
        begin, n = time.monotonic(), 0
        while time.monotonic() < begin + stage.cycles:
            n += 1
            time.sleep(max(0.0, begin + n * KILL_EVERY_S - time.monotonic()))
            replica = stage.rng.choice(cluster.replicas)
            replica.must_be_up()
            cluster.kill(replica)
            replica.launch()
        stage.say('%d kills in %.0f s, %.0f events accepted a second' % (n, time.monotonic() - begin, load.accepted / (time.monotonic() - begin)))
    for replica in cluster.replicas:
        replica.wait_ready()
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


def store_kill(stage):
    """P4: the database itself is killed, all of it, under load, and started again after a moment."""
    sink = stage.sink()
    cluster = stage.build(sink, REPLICAS, levels=LEVELS).start()
    with Load(cluster, stage.seed, rate=100, senders=8, people=2) as load:
        for _ in range(stage.cycles):
            load.wait(10)
            time.sleep(stage.rng.uniform(0.0, 0.5))
            begin = time.monotonic()
            stage.store.kill()
            time.sleep(stage.rng.choice([0.0, 0.0, 0.5, 3.0]))
            stage.store.start()
            cluster.fault('store', begin)
            for replica in cluster.replicas:
                replica.must_be_up()
        load.wait(50)
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)
