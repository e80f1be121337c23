"""What a wire test is given: peers that are closed after it, servers that must go down in peace, and checks that say what they saw."""
import pathlib

import tocsin


def test(function=None, *, deadline=60):
    """Marks a test. Its name is the sentence that it shows."""
    def mark(f):
        f.deadline = deadline
        return f
    return mark(function) if function else mark


class T:
    def __init__(self, where):
        self.where, self.peers, self.servers = pathlib.Path(where), [], []

    def sink(self, script=()):
        self.peers.append(tocsin.Sink(script))
        return self.peers[-1]

    def mail(self, **more):
        self.peers.append(tocsin.Mail(**more))
        return self.peers[-1]

    def server(self, sink=None, env=None, start=True, **more):
        """A server with its own directory; everything but env goes to tocsin.config."""
        where = self.where / ('server%d' % len(self.servers))
        where.mkdir()
        peers = {'MAIL_URL': more['mail'].url} if more.get('mail') else {}
        made = tocsin.Server(where, tocsin.config(where, sink=sink, **more), env={**peers, **(env or {})})
        self.servers.append(made)
        return made.start() if start else made

    def eq(self, got, want, what='value'):
        assert got == want, '%s is %r, not %r' % (what, got, want)

    def close(self):
        """Every server still up goes down on SIGTERM, with code 0, and says nothing of an inner error."""
        try:
            for server in self.servers:
                if server.is_up():
                    code = server.stop()
                    assert code == 0, 'exit code %d on SIGTERM: %s' % (code, server.err.text())
        finally:
            for peer in self.peers:
                peer.close()

    def abandon(self):
        """After a failure: shows what the servers said, and ends them."""
        for server in self.servers:
            if server.process:
                if server.is_up():
                    server.kill()
                print('--- server said:\n' + '\n'.join(server.err.lines[-40:]))
        for peer in self.peers:
            peer.close()
