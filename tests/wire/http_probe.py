#!/usr/bin/env python3
"""Fifteen probes of an HTTP/1.1 server that stands behind a proxy: framing that the two could read differently, sizes, slow clients.

usage: http_probe.py PORT [PATH] [BODY-FILE]

The server listens on 127.0.0.1 and takes a POST at PATH (default /v2/enqueue); BODY-FILE is the body of the requests that it shall
answer. One line per probe, then `N passed, N failed`; exit status 1 when a probe failed. A refusal is an answer of 400 or more, or
a closed connection; what counts is that nothing is accepted. RFC 9112 (sections 2.3, 3.2, 5.1, 6.1, 6.3) has the rules.
"""
import re
import select
import socket
import sys
import time

ANSWER_S = 3.0          # an answer, or the end of the connection, must come within this
DRIP_S = 35             # a head that comes byte by byte must be cut off within this
DRIP_GIVE_UP_S = 45
SAMPLE = b'{"routing_key":"probe","event_action":"trigger","payload":{"summary":"probe","source":"probe","severity":"info"}}'


def connect(port):
    return socket.create_connection(('127.0.0.1', port), timeout=2)


def statuses(port, request):
    """Every status code that comes back for these bytes, until the server closes or falls silent."""
    came = bytearray()
    with connect(port) as s:
        s.settimeout(ANSWER_S)
        try:
            s.sendall(request)
            while chunk := s.recv(1 << 16):
                came += chunk
        except OSError:
            pass            # silence, or a reset after the answer: what came counts
    return [int(code) for code in re.findall(rb'HTTP/1\.[01] (\d{3}) ', came)]


def drip(port, start):
    """Seconds until the server ends a connection on which one byte of a header comes each second."""
    began = time.monotonic()
    with connect(port) as s:
        try:
            s.sendall(start)
            while time.monotonic() - began < DRIP_GIVE_UP_S:
                s.sendall(b'x')
                if select.select([s], [], [], 1.0)[0]:
                    break   # an answer or the end: both are the server's last word
        except OSError:
            pass
    return time.monotonic() - began


def probes(path, body):
    """(name, bytes to send, answers wanted); 0 wanted: it must be refused."""
    length = b'Content-Length: %d' % len(body)
    chunked = b'%X\r\n' % len(body) + body + b'\r\n0\r\n\r\n'

    def post(*fields, content=b'', version=b'1.1', host=True):
        first = b'POST %s HTTP/%s' % (path, version)
        return b'\r\n'.join((first,) + ((b'Host: probe',) if host else ()) + fields) + b'\r\n\r\n' + content

    plain = post(length, content=body)
    return [
        ('Content-Length with Transfer-Encoding', post(b'Content-Length: 6', b'Transfer-Encoding: chunked', content=chunked), 0),
        ('two different Content-Length', post(length, b'Content-Length: 6', content=body), 0),
        ('space before the colon', post(length.replace(b':', b' :'), content=body), 0),
        ('unknown transfer coding', post(b'Transfer-Encoding: xchunked', content=chunked), 0),
        ('Content-Length: +5', post(b'Content-Length: +5', content=b'12345'), 0),
        ('Content-Length: -1', post(b'Content-Length: -1'), 0),
        ('no Host in 1.1', post(length, content=body, host=False), 0),
        ('64 KB header', post(length, b'X-Long: ' + b'v' * (64 << 10), content=body), 0),
        ('2000 headers', post(length, *(b'X-Many-%d: v' % n for n in range(2000)), content=body), 0),
        ('100 MB announced', post(b'Content-Length: %d' % (100 << 20), content=body), 0),
        ('HTTP/9.9', post(length, content=body, version=b'9.9'), 0),
        ('plain', plain, 1),
        ('chunked', post(b'Transfer-Encoding: chunked', content=chunked), 1),
        ('three pipelined', plain * 3, 3),
    ]


def judge(codes, wanted):
    if wanted == 0:
        return all(code >= 400 for code in codes)
    return len(codes) == wanted and len(set(codes)) == 1


def main():
    if len(sys.argv) < 2 or not sys.argv[1].isdigit():
        sys.exit(__doc__)
    port, path = int(sys.argv[1]), (sys.argv[2] if len(sys.argv) > 2 else '/v2/enqueue').encode()
    body = SAMPLE
    if len(sys.argv) > 3:
        with open(sys.argv[3], 'rb') as f:
            body = f.read()
    verdicts = []

    def report(name, is_good, what):
        verdicts.append(is_good)
        print('%-6s %-40s %s' % ('ok' if is_good else 'FAIL', name, what), flush=True)

    for name, request, wanted in probes(path, body):
        codes = statuses(port, request)
        report(name, judge(codes, wanted), 'answered ' + ('+'.join(map(str, codes)) or 'by closing'))
    took = drip(port, b'POST %s HTTP/1.1\r\nHost: probe\r\nX-Slow: ' % path)
    report('one header byte a second', took < DRIP_S, 'closed after %.0f s' % took)
    print('%d passed, %d failed' % (verdicts.count(True), verdicts.count(False)))
    return 1 if False in verdicts else 0


if __name__ == '__main__':
    sys.exit(main())
