#!/usr/bin/env python3
"""A receiver of pages in a process of its own: it takes what comes, says 200, and writes a line for each to a file that outlives everything.

Run by itself it is the receiver: `sink.py FILE ADDRESS DELAY` prints its port and serves until its standard input ends; an answer takes up to
DELAY seconds, so that there always are pages in hand. Sink is what tests hold:

    sink = Sink(where / 'pages')    sink.url; sink.arrived(); sink.stop_answering(); sink.go_on(); sink.close()

A line is [monotonic seconds, page id, incident id, dedup key, level, attempt, end of the path]: the clock is the machine's, the same in every
process. It is written before the answer, and whoever counts needs no word of the server for it.
"""
import asyncio
import json
import pathlib
import random
import signal
import subprocess
import sys
import time
import typing


class Arrival(typing.NamedTuple):
    at: float                   # seconds of the monotonic clock
    page: str
    incident: str
    key: str                    # the dedup key of its incident
    level: int
    attempt: int
    sender: str                 # the replica that it came from, which has a path of its own


class Sink:
    def __init__(self, file, address='127.0.0.1', delay_s=0.02):
        self.file, self.seen, self.read_to = pathlib.Path(file), [], 0
        self.file.touch()
        self.process = subprocess.Popen([sys.executable, __file__, str(file), address, str(delay_s)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        self.url = 'http://%s:%d/hook' % (address, self.port)

    def arrived(self):
        """Everything so far, in the order of arrival."""
        with open(self.file, 'rb') as f:
            f.seek(self.read_to)
            new = f.read()
        whole = new[:new.rfind(b'\n') + 1]
        self.read_to += len(whole)
        self.seen += [Arrival(*json.loads(line)) for line in whole.splitlines()]
        return self.seen

    def stop_answering(self):
        """A black hole: connections are taken by the kernel, and nothing ever comes back."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


async def talk(reader, writer, log, delay_s):
    """One connection: request after request until it ends."""
    try:
        while True:
            head = (await reader.readuntil(b'\r\n\r\n')).decode('latin-1').split('\r\n')
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(':') for line in head[1:])}
            body = await reader.readexactly(int(fields.get('content-length', 0)))
            data = json.loads(body)['data']
            log.write(json.dumps([time.monotonic(), fields['webhook-id'], data['incident']['id'], data['incident']['dedup_key'],
                                  data['page']['level'], data['page']['attempt'], head[0].split(' ')[1].rsplit('/', 1)[1]]) + '\n')
            log.flush()
            await asyncio.sleep(random.random() * delay_s)
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass                                                        # a peer that was killed is what these tests are about
    finally:
        writer.close()


async def receive(file, address, delay_s):
    with open(file, 'a', encoding='ascii') as log:
        server = await asyncio.start_server(lambda r, w: talk(r, w, log, float(delay_s)), address, 0, backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
        async with server:
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


if __name__ == '__main__':
    asyncio.run(receive(*sys.argv[1:4]))
