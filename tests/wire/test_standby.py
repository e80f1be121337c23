"""Two deployments, one standing by for the other: the copy, the take-over by command and by silence, and giving back. Two real servers with
stores of their own; what each of them pages goes to a sink of its own."""
import http.server
import json
import pathlib
import socket
import sys
import threading
import time

from check import test
from tocsin import PLAIN, until

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parent.parent))
import servers                                                      # noqa: E402

LEVELS = [{'targets': ['channel:hook'], 'timeout': '15m'}, {'targets': ['channel:hook', 'channel:term'], 'timeout': '15m'},
          {'targets': ['channel:hook'], 'timeout': '15m'}]


class Line:
    """The line between the two sides: passes bytes on until it is cut, and again once it is mended."""

    def __init__(self, port):
        self.port, self.is_cut, self.open = port, False, []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.url = 'http://127.0.0.1:%d' % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return                                  # closed
            if self.is_cut:
                near.close()
                continue
            far = socket.create_connection(('127.0.0.1', self.port))
            self.open += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    @staticmethod
    def pump(one, other):
        try:
            while piece := one.recv(65536):
                other.sendall(piece)
        except OSError:
            pass                                        # cut
        for side in (one, other):
            side.close()

    def cut(self, is_cut=True):
        self.is_cut = is_cut
        while is_cut and self.open:
            try:
                self.open.pop().shutdown(socket.SHUT_RDWR)
            except OSError:
                pass                                    # it was closed already

    def close(self):
        self.listener.close()
        self.cut()


class Pair:
    """A primary and its standby. The primary comes back on the port it had, as a server behind a name would."""

    def __init__(self, t, drivers=('sqlite', 'sqlite'), levels=LEVELS, service=None, has_line=False, storage=None, **waits):
        """storage: of the standby, when a driver and a path do not say all."""
        self.t, self.sinks = t, (t.sink(), t.sink())
        self.primary = t.server(self.sinks[0], levels=levels, driver=drivers[0], service=service or {})
        self.primary.env['PORT'] = str(self.primary.port)
        made = self.primary.api('POST', '/tokens', {'name': 'standby', 'scopes': ['replicate']}).json
        if has_line:
            self.line = Line(self.primary.port)
            t.peers.append(self.line)
        stands = {'primary': self.line.url if has_line else self.primary.url, 'token': {'env': 'PRIMARY_TOKEN'}, 'name': 'south', 'poll': '50ms',
                  'take_over_after': '10m', 'yield_after': '300ms', **waits}
        self.standby = t.server(self.sinks[1], levels=levels, driver=drivers[1], service=service or {}, mode='standby', standby=stands,
                                env={'PRIMARY_TOKEN': made['token'], **(storage or {}).pop('env', {})}, **({'storage': storage} if storage else {}))

    def state(self):
        return self.standby.api('GET', '/standby').json

    def wait_part(self, part, seconds=20):
        until(lambda: self.state()['part'] == part, seconds, lambda: 'the standby to be %s: %s' % (part, self.state()))

    def all_of(self, server):
        return [server.incident(i['id']) for i in server.incidents('?limit=200')]

    def wait_same(self, seconds=20):
        """Both sides show the same incidents, timelines and pages."""
        until(lambda: self.all_of(self.standby) == self.all_of(self.primary), seconds,
              lambda: 'the same on both sides:\n%s\n%s\n%s' % (json.dumps(self.all_of(self.primary)), json.dumps(self.all_of(self.standby)), self.state()))
        return self.all_of(self.primary)

    def check_stores(self):
        """Stops both, and looks at everything in their stores."""
        for server in (self.standby, self.primary):
            self.t.eq(server.stop(), 0)
            code, out, err = server.cli('fsck', '--config', server.file)
            self.t.eq(code, 0, out + err)

    def pages(self, number, side=1):
        """(round, level) of what a side's sink has of an incident, in order."""
        return sorted((p.data['page']['round'], p.data['page']['level']) for p in list(self.sinks[side].pages) if p.data['incident']['number'] == number)

    def wait_pages(self, number, want):
        until(lambda: self.pages(number) == want, 20, lambda: 'pages %s of #%d, and there are %s' % (want, number, self.pages(number)))


def settled(incident):
    return all(p['status'] != 'owed' for p in incident['pages'])


def types(incident):
    return [e['type'] for e in incident['timeline']]


@test
def a_standby_has_what_its_primary_has_and_pages_nobody(t):
    pair = Pair(t)
    primary = pair.primary
    for key in 'abc':
        primary.enqueue(key=key)
    pair.sinks[0].wait(3)
    primary.api('POST', '/incidents/1/acknowledge')
    primary.enqueue('resolve', key='b')
    primary.api('POST', '/incidents/2/notes', {'text': 'it was the disk'})
    primary.enqueue(key='c')
    until(lambda: all(settled(i) for i in pair.all_of(primary)), what='the pages to end')
    both = pair.wait_same()
    t.eq([(i['number'], i['status'], i['alert_count']) for i in both], [(3, 'detected', 2), (2, 'resolved', 1), (1, 'acknowledged', 1)])
    t.eq(len(pair.sinks[1].pages), 0, 'pages of the standby')
    t.eq(pair.state()['part'], 'standby')


@test
def a_standby_is_alive_but_not_ready_and_takes_nothing(t):
    pair = Pair(t)
    standby = pair.standby
    pair.primary.enqueue(key='a')
    pair.wait_same()
    t.eq(standby.request('GET', '/healthz').status, 200)
    answer = standby.request('GET', '/readyz')
    t.eq(answer.status, 503)
    assert 'standby of' in answer.body.decode(), answer
    for answer in (standby.enqueue(key='b'), standby.api('POST', '/incidents/1/acknowledge', status=503),
                   standby.api('POST', '/incidents', {'service': 'demo', 'title': 'x'}, status=503)):
        t.eq(answer.status, 503)
        assert 'send it there' in answer.json['detail'] and answer.headers['retry-after'], answer
    t.eq(len(standby.incidents()), 1)
    assert b'tocsin_standby_part{part="standby"} 1' in standby.request('GET', '/metrics').body


@test
def only_a_token_made_for_it_reads_the_copy(t):
    server = t.server(t.sink())
    made = {scope: server.api('POST', '/tokens', {'name': scope, 'scopes': [scope]}).json['token'] for scope in ('read', 'admin', 'replicate')}
    for path in ('/replication', '/replication/versions?set=detected'):
        t.eq({scope: server.api('GET', path, status=200 if scope == 'replicate' else 403, Authorization='Bearer ' + token).status
              for scope, token in made.items()}, {'read': 403, 'admin': 403, 'replicate': 200})
    server.api('GET', '/incidents', status=403, Authorization='Bearer ' + made['replicate'])
    server.api('GET', '/standby', status=404)


@test
def the_copy_goes_on_after_a_restart_of_either_side(t):
    pair = Pair(t, drivers=('sqlite', 'json'))
    pair.primary.enqueue(key='a')
    pair.wait_same()
    pair.standby.kill()
    pair.primary.enqueue(key='b')
    pair.primary.enqueue('resolve', key='a')
    pair.standby.start()
    pair.wait_same()
    pair.primary.kill()
    until(lambda: not pair.state()['is_seen'], what='the standby to miss its primary')
    pair.primary.start()
    pair.primary.enqueue(key='c')
    until(lambda: all(settled(i) for i in pair.all_of(pair.primary)), 60, 'the pages to end')
    t.eq([i['status'] for i in pair.wait_same()], ['detected', 'detected', 'resolved'])
    t.eq((pair.state()['part'], len(pair.sinks[1].pages)), ('standby', 0))


@test
def the_keys_of_a_grouped_incident_are_copied_so_that_each_can_be_resolved(t):
    pair = Pair(t, service={'grouping': 'service'})
    for key in 'ab':
        pair.primary.enqueue(key=key)
    pair.wait_same()
    pair.primary.kill()
    pair.standby.api('POST', '/standby/promote')
    pair.wait_part('leading')
    for key in 'ba':
        t.eq(pair.standby.enqueue('resolve', key=key).status, 202)
    t.eq(pair.standby.incident(1)['status'], 'resolved')


@test
def a_token_works_on_both_sides_until_it_is_revoked(t):
    pair = Pair(t)
    made = pair.primary.api('POST', '/tokens', {'name': 'ci', 'scopes': ['read']}).json
    there = {'Authorization': 'Bearer ' + made['token']}
    until(lambda: pair.standby.api('GET', '/incidents', status=None, **there) if pair.standby.request('GET', '/api/v1/incidents', headers=there).status == 200
          else None, what='the token to open the standby')
    pair.primary.api('DELETE', '/tokens/' + made['id'])
    until(lambda: pair.standby.request('GET', '/api/v1/incidents', headers=there).status == 401, what='the token to be revoked there too')


@test
def a_promoted_standby_begins_anew_what_was_paged_and_escalates_what_was_acknowledged(t):
    pair = Pair(t)
    for key in 'abc':
        pair.primary.enqueue(key=key)
    pair.sinks[0].wait(3)
    pair.primary.api('POST', '/incidents/2/acknowledge')
    pair.primary.api('POST', '/incidents/3/resolve')
    until(lambda: all(settled(i) for i in pair.all_of(pair.primary)), what='the pages to end')
    pair.wait_same()
    pair.primary.kill()
    code, out, err = pair.standby.cli('standby', 'promote')
    t.eq(code, 0, err)
    assert 'leading' in out and 'promoted by local' in out, out
    pair.wait_pages(1, [(1, 0)])
    pair.wait_pages(2, [(1, 0), (1, 1)])
    first, second = pair.standby.incident(1), pair.standby.incident(2)
    t.eq((first['status'], first['level'], second['status'], second['level'], second['acknowledged_by']), ('detected', 0, 'detected', 1, None))
    said = next(e for e in second['timeline'] if e['type'] == 'taken_over')
    assert 'standby south' in said['text'] and 'acknowledgement of local is set aside' in said['text'], said
    t.eq(pair.standby.request('GET', '/readyz').status, 200)
    t.eq(pair.standby.enqueue(key='d').status, 202)
    newest = pair.standby.incidents()[0]
    assert newest['number'] > 1000, newest
    pair.wait_pages(newest['number'], [(0, 0)])
    pair.standby.restart()
    t.eq(pair.state()['part'], 'leading')
    pair.standby.api('POST', '/incidents/1/acknowledge')
    t.eq((pair.pages(1), pair.pages(2), pair.pages(3)), ([(1, 0)], [(1, 0), (1, 1)], []))
    t.eq(pair.standby.api('POST', '/standby/promote', status=409).status, 409)
    assert 'leave nobody' in pair.standby.api('POST', '/standby/yield', status=409).json['detail']


@test
def a_silent_primary_is_replaced_and_gets_everything_back_when_it_returns(t):
    pair = Pair(t, take_over_after='1s')
    primary, standby = pair.primary, pair.standby
    for key in ('acked', 'over', 'open'):
        primary.enqueue(key=key)
    pair.sinks[0].wait(3)
    until(lambda: all(settled(i) for i in pair.all_of(primary)), what='the pages to end')
    pair.wait_same()
    primary.kill()
    pair.wait_part('leading')
    assert 'was not seen at work' in pair.state()['reason'], pair.state()
    for n in (1, 2, 3):
        pair.wait_pages(n, [(1, 0)])
    standby.api('POST', '/incidents/1/acknowledge')
    standby.api('POST', '/incidents/2/resolve', {'root_cause': 'a full disk', 'resolution_steps': ['made room']})
    new = {}
    for key in ('born', 'born-acked', 'born-over'):
        t.eq(standby.enqueue(key=key).status, 202)
        new[key] = standby.incidents()[0]['id']
    standby.api('POST', '/incidents/%s/acknowledge' % new['born-acked'])
    standby.enqueue('resolve', key='born-over')
    primary.start()
    pair.wait_part('standby', 30)
    pair.wait_same(30)
    got = {i['id']: i for i in pair.all_of(primary)}
    t.eq({k: got[new[k]]['status'] for k in new}, {'born': 'detected', 'born-acked': 'acknowledged', 'born-over': 'resolved'})
    one, two, three = (primary.incident(n) for n in (1, 2, 3))
    t.eq((one['status'], one['acknowledged_by'], one['acknowledged_via']), ('acknowledged', 'local', 'standby'))
    t.eq((two['status'], two['root_cause'], two['resolution_steps']), ('resolved', 'a full disk', ['made room']))
    t.eq(three['status'], 'detected')
    for incident in (one, two, three, *(got[i] for i in new.values())):
        told = [e for e in incident['timeline'] if e['type'] == 'handed_back']
        t.eq(len(told), 1, 'tellings of #%d' % incident['number'])
        assert 'south led:' in told[0]['text'], told
    assert 'taken over by standby south' in next(e for e in one['timeline'] if e['type'] == 'handed_back')['text']
    # The source finds its incident under the same key, wherever it began.
    t.eq(primary.enqueue('resolve', key='born').status, 202)
    t.eq(primary.incident(new['born'])['status'], 'resolved')
    pair.wait_same()
    pair.check_stores()
    standby.start()
    t.eq((standby.enqueue(key='x').status, standby.request('GET', '/readyz').status), (503, 503))


@test
def what_was_accepted_and_never_copied_is_paged_when_the_primary_returns_and_is_not_paged_twice_by_the_copy(t):
    pair = Pair(t, take_over_after='1s')
    pair.primary.enqueue(key='a')
    pair.wait_same()
    pair.standby.kill()
    pair.primary.enqueue(key='b')
    pair.primary.kill()
    pair.standby.start()
    pair.wait_part('leading')
    pair.wait_pages(1, [(1, 0)])
    t.eq([i['number'] for i in pair.standby.incidents()], [1])
    pair.primary.start()
    pair.wait_part('standby', 30)
    t.eq([i['number'] for i in pair.wait_same()], [2, 1])
    t.eq(pair.pages(2), [], 'pages of the standby for what it never led')


@test
def the_same_alert_on_both_sides_ends_as_one_incident(t):
    pair = Pair(t, take_over_after='1s')
    pair.primary.kill()
    pair.wait_part('leading')
    pair.standby.enqueue(key='disk', summary='seen by the standby')
    here = pair.standby.incidents()[0]
    pair.standby.kill()
    pair.primary.start()
    pair.primary.enqueue(key='disk', summary='seen by the primary')
    pair.standby.start()
    pair.wait_part('standby', 30)
    t.eq([(i['number'], i['status'], i['alert_count']) for i in pair.primary.incidents()], [(1, 'detected', 2)])
    pair.wait_same()
    pair.standby.api('GET', '/incidents/%s' % here['id'], status=404)
    t.eq([e['type'] for e in pair.primary.incident(1)['timeline'] if e['type'] == 'handed_back'], ['handed_back'])


@test
def two_sides_that_cannot_see_each_other_both_page_and_agree_afterwards(t):
    pair = Pair(t, has_line=True, take_over_after='1s')
    primary, standby = pair.primary, pair.standby
    primary.enqueue(key='before')
    pair.sinks[0].wait(1)
    until(lambda: all(settled(i) for i in pair.all_of(primary)), what='the pages to end')
    pair.wait_same()
    pair.line.cut()
    pair.wait_part('leading')
    t.eq((primary.enqueue(key='both').status, standby.enqueue(key='both').status, standby.enqueue(key='south').status), (202, 202, 202))
    until(lambda: len(pair.sinks[0].pages) == 2 and len(pair.sinks[1].pages) == 3, what='both to page')
    primary.api('POST', '/incidents/1/acknowledge')
    standby.api('POST', '/incidents/1/resolve', {'root_cause': 'seen in the south'})
    pair.line.cut(False)
    pair.wait_part('standby', 30)
    t.eq([(i['dedup_key'], i['status'], i['alert_count']) for i in reversed(primary.incidents())],
         [('before', 'resolved', 1), ('both', 'detected', 2), ('south', 'detected', 1)])
    said = next(e['text'] for e in primary.incident(1)['timeline'] if e['type'] == 'handed_back')
    assert said.startswith('resolved there by local, acknowledged here.'), said
    pair.wait_same()
    pair.check_stores()


def led_and_given_back(t, storage):
    """A whole reign over a standby store that many may write."""
    pair = Pair(t, storage=storage, take_over_after='1s')
    t.eq(pair.standby.request('GET', '/readyz').status, 503, 'load balancers go to the primary')
    for key in 'ab':
        pair.primary.enqueue(key=key)
    pair.sinks[0].wait(2)
    pair.primary.api('POST', '/incidents/2/acknowledge')
    until(lambda: all(settled(i) for i in pair.all_of(pair.primary)), what='the pages to end')
    pair.wait_same(30)
    pair.primary.kill()
    pair.wait_part('leading')
    pair.wait_pages(1, [(1, 0)])
    pair.wait_pages(2, [(1, 0), (1, 1)])
    t.eq(pair.standby.enqueue(key='c').status, 202)
    t.eq(pair.standby.request('GET', '/readyz').status, 200, 'its own store answers')
    pair.standby.api('POST', '/incidents/1/resolve')
    pair.primary.start()
    pair.wait_part('standby', 40)
    t.eq([(i['dedup_key'], i['status']) for i in pair.wait_same(30)], [('c', 'detected'), ('b', 'acknowledged'), ('a', 'resolved')])
    pair.check_stores()


@test(deadline=180)
def a_standby_may_have_its_store_in_postgresql(t):
    with servers.Postgres() as server:
        led_and_given_back(t, {'driver': 'postgres', 'url': server.url})


@test(deadline=180)
def a_standby_may_have_its_store_in_dynamodb(t):
    with servers.Dynamodb() as server:
        led_and_given_back(t, {'driver': 'dynamodb', 'endpoint': server.url, 'env': server.credentials})


@test(deadline=120)
def a_take_over_that_is_killed_in_the_middle_is_finished_with_one_round_each(t):
    pair = Pair(t, take_over_after='1s')
    for n in range(120):
        pair.primary.enqueue(key='k%d' % n)
    until(lambda: all(settled(i) for i in pair.all_of(pair.primary)), 60, 'the pages to end')
    pair.wait_same(60)
    pair.primary.kill()
    until(lambda: pair.standby.err.find('-> leading'), what='the take-over to begin')
    for _ in range(4):
        pair.standby.kill()
        pair.standby.start()
    pair.wait_part('leading')
    until(lambda: len({p.id for p in list(pair.sinks[1].pages)}) == 120, 60, lambda: '120 pages, and there are %d' % len(pair.sinks[1].pages))
    t.eq({types(i).count('taken_over') for i in pair.all_of(pair.standby)}, {1})
    t.eq({(p.data['page']['round'], p.data['page']['level']) for p in list(pair.sinks[1].pages)}, {(1, 0)})


@test
def a_standby_that_was_promoted_by_hand_yields_by_hand_only(t):
    pair = Pair(t, yield_after='100ms')
    pair.primary.enqueue(key='a')
    pair.wait_same()
    pair.standby.api('POST', '/standby/promote')
    pair.wait_part('leading')
    seen = pair.state()['seen_at']
    until(lambda: pair.state()['seen_at'] > seen, what='another look at the primary')
    t.eq(pair.state()['part'], 'leading')
    pair.standby.enqueue(key='b')
    code, out, err = pair.standby.cli('standby', 'yield')
    t.eq(code, 0, err)
    assert out.startswith('part       standby'), out
    pair.wait_same()
    t.eq(len(pair.primary.incidents()), 2)


@test
def the_command_says_when_a_server_stands_by_for_nobody(t):
    server = t.server(t.sink())
    code, _, err = server.cli('standby', 'status')
    t.eq(code, 5)
    assert 'mode: standby' in err, err


class Liar(http.server.BaseHTTPRequestHandler):
    """What answers as a primary, and tells what none would. server.lie(path, asked) is what it says, when not the keep-alive."""
    protocol_version = 'HTTP/1.1'

    def log_message(self, *ignored):
        pass

    def do_GET(self):
        asked = json.loads(self.rfile.read(int(self.headers.get('Content-Length', 0))) or b'{}')
        now = int(time.time() * 1000)
        keep_alive = {'part': 'primary', 'at': now, 'cycle': now, 'version': '9.9.9'}
        said = keep_alive if self.path == '/api/v1/replication' else self.server.lie(self.path, asked)
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET


ID = '01a1fd5b-0000-7000-8000-000000000001'
ROW = ['incident/' + ID, 1, '00' * 16]


def document(kind, name, **more):
    return {'kind': kind, 'id': name, 'ver': 9, 'token': 'ab' * 16, 'due': None, 'expire': None, 'keys': [''] * 5, 'body': {}, **more}


def answer(path, asked, documents):
    """One incident that is not there yet, and what comes when it is asked for."""
    return documents(asked) if path.endswith('documents') else {'items': [ROW] if 'recent' in path else [], 'next': None}


LIES = {
    'goes round in circles': lambda path, asked: {'items': [ROW] * 500, 'next': ID},
    'again and again': lambda path, asked: answer(path, asked, lambda a: {'items': [], 'missing': [], 'next': a['incidents'][0]}),
    'no JSON': lambda path, asked: b'{"items":[' + b'0,' * 8000000 + b'0]}',
    'too big': lambda path, asked: answer(path, asked, lambda a: {'items': [document('token', 'x' * 3000)], 'missing': [], 'next': None}),
}


def against(t, lie):
    """A standby of a server that lies."""
    liar = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Liar)
    liar.lie, liar.close = lie, liar.server_close
    threading.Thread(target=liar.serve_forever, args=(0.05,), daemon=True).start()
    stands = {'primary': 'http://127.0.0.1:%d' % liar.server_port, 'token': {'env': 'PRIMARY_TOKEN'}, 'poll': '50ms', 'take_over_after': '10m'}
    return liar, t.server(t.sink(), mode='standby', standby=stands, env={'PRIMARY_TOKEN': 'x' * 40})


@test(deadline=120)
def a_primary_that_lies_takes_no_standby_down_and_no_end_of_its_time(t):
    for trouble, lie in LIES.items():
        liar, standby = against(t, lie)
        until(lambda: trouble in (standby.api('GET', '/standby').json['trouble'] or ''), 30, lambda: '%s, not %r' % (trouble, standby.api('GET', '/standby').json))
        liar.shutdown()
        liar.close()
        standby.api('POST', '/standby/promote')
        until(lambda: standby.api('GET', '/standby').json['part'] == 'leading', 30, 'it to lead after ' + trouble)
        t.eq(standby.enqueue(key='a').status, 202)
        t.eq(standby.stop(), 0)


@test
def a_primary_writes_nothing_into_a_standby_that_is_the_standbys_own(t):
    own = [document('region', 'self', body={'part': 'leading', 'reign': 5}), document('replica', 'somebody'), document('token', 'x', ver=-5)]
    liar, standby = against(t, lambda path, asked: answer(path, asked, lambda a: {'items': own, 'missing': [], 'next': None}))
    until(lambda: standby.api('GET', '/standby').json['copied_at'], what='a whole round')
    t.eq(standby.stop(), 0)
    liar.shutdown()
    liar.close()
    code, _, err = standby.cli('backup', 'all.backup', '-c', standby.file)
    t.eq(code, 0, err)
    stored = (standby.where / 'all.backup').read_text()
    t.eq([d['id'] for d in own if json.dumps(d['id']) in stored], ['self'])
    assert 'leading' not in stored and '"reign' not in stored, stored


@test
def alerts_with_thousands_of_details_are_copied_like_others(t):
    pair = Pair(t)
    t.eq(pair.standby.stop(), 0)                            # so that it asks for all of them at once
    for n in range(20):
        sent = pair.primary.request('POST', '/in/' + PLAIN, [{'title': 'd%d' % n, 'dedup_key': 'd%d' % n, 'details': [0] * 15000}])
        t.eq(sent.status, 202)
    pair.standby.start()
    pair.wait_same(20)
    t.eq(len(pair.standby.incidents('?limit=200')), 20)
