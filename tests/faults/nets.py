"""How replicas reach their store, and how that is cut: by cables between network namespaces, or by a relay where there can be none.

    nets.enter_hub()                     this process goes on in a network namespace of its own, where store and receivers are
    link = Cable(1, port)                a namespace for a replica, cabled to the hub; link.prefix runs a command in it
    link = Relay(1, port)                no namespace: the store is reached through this process
    link.store                           (address, port) of the store for who is behind the link
    link.cut('drop'); link.heal()

Nothing of it has a name or outlives the test: a namespace is there as long as a process is in it. Everybody reaches the hub at HUB.
"""
import asyncio
import contextlib
import ctypes
import http.client
import os
import socket
import struct
import subprocess
import sys
import threading

HUB, NEW = '10.77.255.1', 0x40000000            # CLONE_NEWNET
MARK = 'TOCSIN_FAULTS_HUB'
LIBC = ctypes.CDLL(None, use_errno=True)

# What a cut does to what goes to the store's port and to what comes from it, as rules of the replica's own packet filter.
CUTS = {
    'drop': [('OUTPUT', '--dport', ['DROP']), ('INPUT', '--sport', ['DROP'])],
    'replies': [('INPUT', '--sport', ['DROP'])],
    'requests': [('OUTPUT', '--dport', ['DROP'])],
    'reset': [('OUTPUT', '--dport', ['REJECT', '--reject-with', 'tcp-reset'])],
}


def run(*words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError('%s: %s' % (' '.join(map(str, words)), done.stderr.strip()))
    return done.stdout


def are_allowed():
    """Whether this machine lets us make namespaces and filters in them."""
    with contextlib.suppress(AssertionError, OSError):
        run('unshare', '--net', '--', 'sh', '-c', 'ip link set lo up && iptables -A OUTPUT -p tcp --dport 9 -j REJECT --reject-with tcp-reset && '
            'ip link add cable type veth peer name hub')
        return True
    return False


def enter_hub():
    """Begins this program again in a namespace of its own, once."""
    if not is_hub():
        os.environ[MARK] = 'yes'
        os.execvp('unshare', ['unshare', '--net', '--', sys.executable, *sys.argv])
    run('ip', 'link', 'set', 'lo', 'up')
    run('ip', 'address', 'add', HUB + '/32', 'dev', 'lo')


def is_hub():
    return os.environ.get(MARK) is not None


class Cable:
    def __init__(self, n, port):
        self.port, self.store, address = port, (HUB, port), '10.77.%d.2' % n
        self.holder = subprocess.Popen(['unshare', '--net', '--', 'sh', '-c', 'ip link set lo up && echo up && exec cat'],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.holder.stdout.readline() != b'up\n':
            raise AssertionError('no network namespace can be made here: root may, on a machine that allows it')
        self.prefix = ['nsenter', '--target', str(self.holder.pid), '--net', '--']
        near = '10.77.%d.1' % n
        run('ip', 'link', 'add', 'cable%d' % n, 'type', 'veth', 'peer', 'name', 'hub', 'netns', self.holder.pid)
        run('ip', 'address', 'add', near + '/30', 'dev', 'cable%d' % n)
        run('ip', 'link', 'set', 'cable%d' % n, 'up')
        run(*self.prefix, 'ip', 'address', 'add', address + '/30', 'dev', 'hub')
        run(*self.prefix, 'ip', 'link', 'set', 'hub', 'up')
        run(*self.prefix, 'ip', 'route', 'add', 'default', 'via', near)

    def cut(self, how):
        for chain, which, verdict in CUTS[how]:
            run(*self.prefix, 'iptables', '-A', chain, '-p', 'tcp', which, self.port, '-j', *verdict)

    def heal(self):
        run(*self.prefix, 'iptables', '-F')

    @contextlib.contextmanager
    def inside(self):
        here = os.open('/proc/thread-self/ns/net', os.O_RDONLY)
        there = os.open('/proc/%d/ns/net' % self.holder.pid, os.O_RDONLY)
        try:
            move(there)
            yield
        finally:
            move(here)
            os.close(there)
            os.close(here)

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdin.close()
        self.holder.stdout.close()


def move(namespace):
    """This thread, and nothing else of this process."""
    if LIBC.setns(namespace, NEW):
        raise OSError(ctypes.get_errno(), 'setns: ' + os.strerror(ctypes.get_errno()))


class Relay:
    """Stands between a replica and the store. What it holds back while cut goes on when it is healed, as TCP would send it again."""
    prefix = []

    def __init__(self, n, port):
        self.target, self.how, self.open = port, None, set()
        self.loop = asyncio.new_event_loop()
        self.healed = asyncio.Event()
        self.healed.set()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.relay, '127.0.0.1', 0))
        self.store = self.server.sockets[0].getsockname()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    async def relay(self, reader, writer):
        self.open.add(writer)
        try:
            if self.how == 'reset':
                reset(writer)
                return
            store_reader, store_writer = await asyncio.open_connection('127.0.0.1', self.target)
            self.open.add(store_writer)
            await asyncio.gather(self.pump(reader, store_writer, 'requests'), self.pump(store_reader, writer, 'replies'))
            self.open.discard(store_writer)
        except OSError:
            reset(writer)
        finally:
            self.open.discard(writer)

    async def pump(self, reader, writer, what):
        try:
            while data := await reader.read(65536):
                while self.how in ('drop', what):
                    await self.healed.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass                                        # the other side is gone, or was reset
        writer.close()

    def cut(self, how):
        self.loop.call_soon_threadsafe(self.change, how)

    def heal(self):
        self.loop.call_soon_threadsafe(self.change, None)

    def change(self, how):
        self.how = how
        self.healed.clear() if how else self.healed.set()
        for writer in list(self.open) if how == 'reset' else ():
            reset(writer)

    async def end(self):
        self.server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def close(self):
        asyncio.run_coroutine_threadsafe(self.end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def reset(writer):
    """Ends a connection without a good-bye."""
    writer.get_extra_info('socket').setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    writer.transport.abort()


class Connection(http.client.HTTPConnection):
    """To a server that listens on the loopback of another namespace."""

    def __init__(self, cable, *args, **more):
        super().__init__(*args, **more)
        self.cable = cable

    def connect(self):
        with self.cable.inside():
            super().connect()
