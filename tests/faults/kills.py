"""Processes that end when nobody expects it: kill -9, SIGTERM under load, databases that die."""
import signal
import time

import tocsin
from load import Load

LEVELS = [{'targets': ['channel:hook'], 'timeout': '8s'}, {'targets': ['channel:hook'], 'timeout': '24h'}]
TIMEOUTS_S = (8,)
REPLICAS, KILL_EVERY_S, ENOUGH_A_SECOND = 3, 0.2, 10
RATES = {'postgres': 500, 'dynamodb': 500}      # events a second
FAULTS = ('conflict=0.03,throttle=0.02,500after=0.01,late=0.01:1500,drop-after=0.01,drop-before=0.01,500before=0.01,503=0.01,inprogress=0.01,'
          'hold=0.02,slow=0.01')


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
    with Load(cluster, stage.seed, rate=150) as load:
        for _ in range(stage.cycles):
            short_life(stage, cluster.replicas[0])
    cluster.start()
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


def drain(stage):
    """P14: a polite end finishes what is in hand: code 0, and nothing comes twice. Then ends that lose their patience."""
    sink, slowest_s = stage.sink(), 0.0
    cluster = stage.build(sink, stage.replicas(), levels=LEVELS)
    with Load(cluster, stage.seed, rate=150) as load:
        for n in range(stage.cycles + stage.cycles // 2):
            start_those_down(cluster)
            replica = stage.rng.choice(cluster.replicas)
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
    start_those_down(cluster)
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


def start_those_down(cluster):
    for replica in cluster.replicas:
        if not replica.is_up():
            replica.start()


def replicas(stage):
    """P3: three replicas on one store, one of them killed every 200 ms and started again at once, while events come in. On a machine that is
    too busy to start one in that time the next kill waits until two are there."""
    sink = stage.sink()
    cluster = stage.build(sink, REPLICAS, levels=LEVELS).start()
    with Load(cluster, stage.seed, rate=RATES[stage.store_name], senders=24, people=3) as load:
        begin, n = time.monotonic(), 0
        while time.monotonic() < begin + stage.cycles or load.accepted < stage.cycles * ENOUGH_A_SECOND:
            n += 1
            time.sleep(KILL_EVERY_S)
            tocsin.until(lambda: cluster.must_be_up() or len(cluster.listening()) >= 2, 60, lambda: 'two replicas to listen: ' + cluster.said())
            replica = stage.rng.choice(cluster.listening() if stage.rng.random() > 0.1 else cluster.replicas)
            cluster.kill(replica)
            replica.launch()
        took_s = time.monotonic() - begin
        stage.say('%d kills in %.0f s, %.0f events accepted a second' % (n, took_s, load.accepted / took_s))
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
            cluster.must_be_up()
        load.wait(50)
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


def dynamodb(stage):
    """P6: conflicts, throttling, errors before and after the fact, writes that arrive late, connections that end: three replicas under
    load all the while."""
    sink = stage.sink()
    cluster = stage.build(sink, REPLICAS, levels=LEVELS).start()
    server = stage.store.server
    with Load(cluster, stage.seed, rate=50, senders=12, people=2) as load:
        begin = time.monotonic()
        server.control(faults=FAULTS, gsi_lag_ms=500)
        time.sleep(stage.cycles)
        tocsin.until(lambda: len(server.control()['faults']) == len(FAULTS.split(',')), 120, 'faults of every kind')
        fired = server.control()['faults']
        server.control(faults='', gsi_lag_ms=0)
        cluster.fault('store', begin)
        cluster.must_be_up()
        load.wait(50)
    stage.say('faults: ' + ' '.join('%s:%d' % one for one in sorted(fired.items())))
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)
