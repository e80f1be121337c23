"""Disks that fail: full, a file that may not grow, a flush that says EIO. The server may end itself, with 70, and whoever supervises it starts it
afresh; what it answered 2xx must be there."""
import math
import re
import time

import tocsin
from disk import SmallDisk
from load import Load
from kills import LEVELS, TIMEOUTS_S

ENDED_ITSELF = 70
EIO_DELAY_S = 1.0               # the failing flush takes so long: time for a wrong answer to show


def full(stage):
    """P8: a disk with less room than the gate wants, then none at all. Alerts are refused before it is full, pages still go out, and with
    room again all is well."""
    disk = stage.keep(SmallDisk(stage.where / 'disk', 64))
    sink = stage.sink()
    storage = {'driver': stage.store_name, 'path': str(disk.where / 'store'), 'min_free': '24MiB'}
    cluster = stage.build(sink, levels=LEVELS, storage=storage)
    stage.store.path = disk.where / 'store'
    replica = cluster.replicas[0].start()
    with Load(cluster, stage.seed) as load:
        for n in range(stage.cycles):
            load.wait(20)
            refuse(stage, disk, load) if n % 2 == 0 else starve(stage, disk, replica)
            revive(stage, replica)
        load.wait(20)
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


def refuse(stage, disk, load):
    """Half of the room that the gate wants: 503, and it is up."""
    disk.fill(leave=12 << 20)
    before = load.answers[503]
    tocsin.until(lambda: load.answers[503] > before + 20, 20, 'alerts to be refused')
    stage.cluster.replicas[0].must_be_up()
    accepted = load.accepted
    time.sleep(stage.rng.uniform(0.5, 2))
    stage.check(load.accepted - accepted <= 6, 'of a nearly full disk %d alerts were accepted' % (load.accepted - accepted))
    disk.free()


def starve(stage, disk, replica):
    """Not a byte left, for a while: it may end itself."""
    begin = time.monotonic()
    disk.fill(leave=0)
    tocsin.until(lambda: time.monotonic() > begin + 2 or not replica.is_up(), 5)
    disk.free()
    stage.store.downs.append([begin, time.monotonic() + 1])
    stage.cluster.fault('full', begin)


def revive(stage, replica):
    """Starts it again if it ended itself as it says it does."""
    if not replica.is_up():
        stage.check(replica.process.returncode == ENDED_ITSELF, 'it ended with %d: %s' % (replica.process.returncode, replica.err.text()[-500:]))
        stage.cluster.fault('exit')
        replica.went_down()
        replica.start()


def file_size(stage):
    """P9: RLIMIT_FSIZE. The signal is ignored; the failing write ends the process or is refused as a full disk; with more room it goes on."""
    sink = stage.sink()
    cluster = stage.build(sink, levels=LEVELS)
    replica = cluster.replicas[0].start()
    outcomes = []
    with Load(cluster, stage.seed, rate=150) as load:
        for _ in range(stage.cycles):
            load.wait(20)
            stage.check(replica.stop() == 0, 'it ended badly: ' + replica.err.text()[-500:])
            outcomes.append(one_limit(stage, replica, load))
            replica.prefix = []
            replica.start()
        load.wait(20)
    stage.say('under the limit: ' + ' '.join(outcomes))
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


def one_limit(stage, replica, load):
    """A life that may write no file beyond what there is and a little: until it has refused or ended itself."""
    limit = stage.store.length() + stage.rng.randrange(1 << 14, 1 << 17)
    replica.prefix = ['prlimit', '--fsize=%d' % limit]
    begin, refused = time.monotonic(), load.answers[503]
    replica.launch()
    tocsin.until(lambda: not replica.is_up() or (replica.look() and load.answers[503] > refused + 20), 30, 'a limit to be met')
    stage.cluster.fault('limit', begin)
    replica.went_down()
    if replica.is_up():
        stage.store.downs.append([begin, time.monotonic()])
        replica.kill()
        return 'refuses'
    code = replica.process.returncode
    stage.check(code in (ENDED_ITSELF, 1), 'it ended with %d: %s' % (code, replica.err.text()[-500:]))
    return 'ends' if code == ENDED_ITSELF else 'does-not-start'


def eio(stage):
    """P10: the Nth flush of a thread fails, for every N. Nothing is answered 2xx on it, the process ends, the next one finds everything."""
    sink, slowest_s = stage.sink(), 0.0
    cluster = stage.build(sink, levels=LEVELS)
    cluster.replicas[0].start().stop()
    with Load(cluster, stage.seed, rate=100, senders=4) as load:
        for n in range(1, stage.cycles + 1):
            slowest_s = max(slowest_s, failing_life(stage, cluster.replicas[0], load, n))
    stage.say('slowest end after a failed flush %.2f s' % slowest_s)
    cluster.replicas[0].prefix = []
    cluster.start()
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


class Flush:
    """A flush as strace saw it: which thread asked for it, when by the monotonic clock, and whether it was made to fail. Both stores flush a
    commit with fdatasync. So they do a snapshot, a checkpoint and a very large export, which these tests are too short for; fsync is for
    directories and for the readable export."""

    def __init__(self, thread, begin, call):
        self.thread, self.begin, self.is_commit, self.has_failed = thread, begin, call == 'fdatasync', False


def flushes_of(trace):
    """All that the trace tells of, in order. A call that another thread's interrupts has two lines, of which the second tells how it ended."""
    since, flushes = time.time() - time.monotonic(), []
    for thread, at, resumed, call, rest in re.findall(r'^(\d+) +(\d+\.\d+) (<\.\.\. )?(f\w*sync)(.*)$', trace, re.M):
        if not resumed:
            flushes.append(Flush(thread, float(at) - since, call))
        if 'INJECTED' in rest:
            next(f for f in reversed(flushes) if f.thread == thread).has_failed = True
    return flushes


def answered_on_failed(flushes, acceptances):
    """The keys that were answered 2xx on the word of a flush that failed. Answers that the flush before it covers may still be on their way
    when the failing one begins, so time alone proves nothing: but what was first sent after that earlier flush had begun, only the failing one
    can have covered, until its thread flushes again. (Another try may be answered from what the first one stored.)"""
    wrong = []
    for thread in {f.thread for f in flushes}:
        own = [f for f in flushes if f.thread == thread and f.is_commit]
        before, after = [-math.inf] + [f.begin for f in own], [f.begin for f in own[1:]] + [math.inf]
        for flush, earlier, later in zip(own, before, after):
            if flush.has_failed:
                wrong += [a.key for a in acceptances if a.is_first and a.sent > earlier and flush.begin < a.answered < later]
    return wrong


def failing_life(stage, replica, load, n):
    """Returns the seconds from the failure that ended the process to its end."""
    trace = stage.where / 'trace'
    trace.write_text('')
    replica.prefix = ['strace', '-D', '-f', '-qq', '-ttt', '-o', str(trace), '-e', 'trace=fdatasync,fsync', '-e',
                      'inject=fdatasync,fsync:error=EIO:delay_enter=%d:when=%d' % (EIO_DELAY_S * 1e6, n)]
    replica.launch()
    try:
        tocsin.until(lambda: not replica.is_up(), 30, 'the failed flush to end it')
    except AssertionError:
        stage.check(False, 'flush %d failed and the server lives' % n)
        replica.kill()
    ended = time.monotonic()
    stage.cluster.fault('eio', ended - EIO_DELAY_S)
    replica.went_down()
    flushes = tocsin.until(lambda: [f for f in flushes_of(trace.read_text()) if f.has_failed] and flushes_of(trace.read_text()), 10, 'the trace')
    answered = answered_on_failed(flushes, list(load.acceptances))
    stage.check(not answered, 'answered 2xx on the failed flush %d: %s\n%s' % (n, answered[:5], trace.read_text()[-1000:]))
    code = replica.process.returncode
    stage.check(code in (ENDED_ITSELF, 1), 'after flush %d failed it ended with %d: %s' % (n, code, replica.err.text()[-500:]))
    return ended - EIO_DELAY_S - max(f.begin for f in flushes if f.has_failed)
