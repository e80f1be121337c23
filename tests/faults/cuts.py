"""Connections that stop: to a provider, to the store."""
import time

import tocsin
from load import Load

TWO_CHANNELS = [{'targets': ['channel:hook', 'channel:other'], 'timeout': '8s'}, {'targets': ['channel:hook'], 'timeout': '24h'}]


def provider(stage):
    """P16: one of two channels is a black hole, then refuses connections. The other's pages leave as if nothing were, levels begin on
    time, and the broken one's pages arrive when it is back."""
    sink, other = stage.sink(), stage.sink('other')
    channels = {'hook': {'type': 'webhook', 'url': sink.url}, 'other': {'type': 'webhook', 'url': other.url}}
    cluster = stage.build(sink, levels=TWO_CHANNELS, channels=channels).start()
    with Load(cluster, stage.seed, pause_s=0.08) as load:
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
    stage.check(waits_s[-1] < 10, 'a page of the healthy channel took %.1f s' % waits_s[-1])
