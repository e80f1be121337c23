"""Processes that end when nobody expects it: kill -9, SIGTERM under load, databases that die."""
import signal
import time

from load import Load

LEVELS = [{'targets': ['channel:hook'], 'timeout': '8s'}, {'targets': ['channel:hook'], 'timeout': '24h'}]
TIMEOUTS_S = (8,)


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
