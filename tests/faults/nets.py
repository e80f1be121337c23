"""Network namespaces: a machine for each replica on this one machine, and cables between them that can be cut.

    nets.enter_hub()                     this process goes on in a network namespace of its own, where store and receivers are
    cable = Cable(1)                     a namespace for a replica, cabled to the hub; cable.prefix runs a command in it
    with cable.inside(): ...             this thread makes its sockets there
    cable.cut('drop', port); cable.heal()

Nothing of it has a name or outlives the test: a namespace is there as long as a process is in it. Everybody reaches the hub at HUB.
"""
import contextlib
import ctypes
import http.client
import os
import subprocess
import sys

HUB, NEW = '10.77.255.1', 0x40000000            # CLONE_NEWNET
MARK = 'TOCSIN_FAULTS_HUB'
LIBC = ctypes.CDLL(None, use_errno=True)

# What a cut does to what goes to the store's port and to what comes from it.
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


def enter_hub():
    """Begins this program again in a namespace of its own, once."""
    if os.environ.get(MARK) is None:
        os.environ[MARK] = 'yes'
        os.execvp('unshare', ['unshare', '--net', '--', sys.executable, *sys.argv])
    run('ip', 'link', 'set', 'lo', 'up')
    run('ip', 'address', 'add', HUB + '/32', 'dev', 'lo')


class Cable:
    def __init__(self, n):
        self.n, self.address = n, '10.77.%d.2' % n
        self.holder = subprocess.Popen(['unshare', '--net', '--', 'sh', '-c', 'ip link set lo up && echo up && exec cat'],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.holder.stdout.readline() != b'up\n':
            raise AssertionError('no network namespace can be made here: root may, on a machine that allows it')
        self.prefix = ['nsenter', '--target', str(self.holder.pid), '--net', '--']
        near = '10.77.%d.1' % n
        run('ip', 'link', 'add', 'cable%d' % n, 'type', 'veth', 'peer', 'name', 'hub', 'netns', self.holder.pid)
        run('ip', 'address', 'add', near + '/30', 'dev', 'cable%d' % n)
        run('ip', 'link', 'set', 'cable%d' % n, 'up')
        run(*self.prefix, 'ip', 'address', 'add', self.address + '/30', 'dev', 'hub')
        run(*self.prefix, 'ip', 'link', 'set', 'hub', 'up')
        run(*self.prefix, 'ip', 'route', 'add', 'default', 'via', near)

    def cut(self, how, port):
        for chain, which, verdict in CUTS[how]:
            run(*self.prefix, 'iptables', '-A', chain, '-p', 'tcp', which, port, '-j', *verdict)

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


class Connection(http.client.HTTPConnection):
    """To a server that listens on the loopback of another namespace."""

    def __init__(self, cable, *args, **more):
        super().__init__(*args, **more)
        self.cable = cable

    def connect(self):
        with self.cable.inside():
            super().connect()
