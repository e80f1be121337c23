"""Too many of something: descriptors that run out, clients that are slow on purpose."""
import contextlib
import os
import resource
import socket
import threading
import time

import tocsin
from load import Load
from kills import LEVELS, TIMEOUTS_S


class Crowd:
    """Connections that say nothing, or as little as they can."""

    def __init__(self, port, n):
        self.sockets = []
        for _ in range(n):
            one = socket.socket()
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(('127.0.0.1', port))
            self.sockets.append(one)

    def say(self, data):
        """To everybody who still listens; how many do."""
        listening = []
        for one in self.sockets:
            try:
                one.send(data)
                listening.append(one)
            except BlockingIOError:
                listening.append(one)
            except OSError:
                one.close()                             # it was hung up, as it should be
        self.sockets = listening
        return len(listening)

    def close(self):
        for one in self.sockets:
            one.close()


def cpu_s(pid):
    words = open('/proc/%d/stat' % pid, encoding='ascii').read().rsplit(')', 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf('SC_CLK_TCK')


def allow_many():
    """Raises this process's own limit, for the crowd is ours."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else 65536, hard))


def descriptors(stage):
    """P11: 64 descriptors and 500 clients. It does not spin, pages go on, and it recovers when the crowd leaves."""
    allow_many()
    sink = stage.sink()
    cluster = stage.build(sink, levels=LEVELS)
    replica = cluster.replicas[0]
    replica.prefix = ['prlimit', '--nofile=64']
    replica.start()
    with Load(cluster, stage.seed) as load:
        load.wait(100)
        for _ in range(stage.cycles):
            crowd, before, begin = Crowd(replica.port, 500), cpu_s(replica.process.pid), time.monotonic()
            owed, arrived = load.accepted, len(sink.arrived())
            time.sleep(stage.rng.uniform(3, 12))
            took_s = time.monotonic() - begin
            share = (cpu_s(replica.process.pid) - before) / took_s
            stage.say('%.0f s of 500 clients: %.0f %% of a core, %d alerts accepted, %d pages' % (
                took_s, share * 100, load.accepted - owed, len(sink.arrived()) - arrived))
            stage.check(share < 0.6, 'it spins: %.0f %% of a core' % (share * 100))
            crowd.close()
            load.wait(50)
            replica.must_be_up()
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


def slowloris(stage):
    """P13: 2,000 connections that send a byte a second, a body of a gigabyte, and a crowd that never asks. Somebody who behaves is served
    meanwhile; the others are hung up on at their deadlines."""
    allow_many()
    sink = stage.sink()
    cluster = stage.build(sink, levels=LEVELS)
    replica = cluster.start().replicas[0]
    took_s = []
    with Load(cluster, stage.seed) as load:
        for _ in range(stage.cycles):
            crowd = stage.keep(Crowd(replica.port, 2000))
            crowd.say(b'POST /v2/enqueue HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ')
            begin, over = time.monotonic(), threading.Event()
            good = threading.Thread(target=behave, args=(replica, took_s, over))
            good.start()
            while (left := crowd.say(b'a')) and time.monotonic() < begin + 25:
                time.sleep(1)
            stage.check(left == 0, 'after 25 s %d of 2,000 slow clients are still served' % left)
            stage.say('the last slow client was hung up on after %.0f s' % (time.monotonic() - begin))
            stage.check(*big_body(replica))
            over.set()
            good.join()
    took_s.sort()
    stage.say('meanwhile: %d answers, p50 %.1f ms, p99 %.1f ms, slowest %.1f ms' % (
        len(took_s), took_s[len(took_s) // 2] * 1e3, took_s[len(took_s) * 99 // 100] * 1e3, took_s[-1] * 1e3))
    stage.judge(load, [sink], timeouts_s=TIMEOUTS_S)


def behave(replica, took_s, over):
    while not over.wait(0.02):
        begin = time.monotonic()
        tocsin.Server.request(replica, 'GET', '/healthz')
        took_s.append(time.monotonic() - begin)


def big_body(replica):
    """A gigabyte in chunks: refused long before its end."""
    sent, chunk = 0, b'10000\r\n' + b'x' * 65536 + b'\r\n'
    with socket.create_connection(('127.0.0.1', replica.port), timeout=20) as one:
        one.sendall(b'POST /v2/enqueue HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n')
        with contextlib.suppress(OSError):
            while sent < 1 << 30:
                one.sendall(chunk)
                sent += 65536
        answer = b''
        with contextlib.suppress(OSError):
            answer = one.recv(100)
    return b' 413 ' in answer and sent < 64 << 20, 'of a gigabyte %d bytes were taken, and the answer is %r' % (sent, answer)
