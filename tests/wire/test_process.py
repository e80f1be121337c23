"""The process: starting, refusing to start, reloading, ending, a full disk."""
import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import threading
import time

from check import test
from disk import SmallDisk
from tocsin import KEY, Server, command, config, until


def start_code(t, server):
    server.launch()
    return server.exit_code(10)


@test
def incidents_and_deadlines_survive_a_restart(t):
    for driver in ('sqlite', 'json'):
        sink = t.sink()
        server = t.server(sink, driver=driver)
        for key in 'abc':
            server.enqueue(key=key)
        sink.wait(3)
        server.api('POST', '/incidents/2/acknowledge')
        server.wait_incident(3, lambda i: i['pages'][0]['status'] == 'delivered')
        before = [server.incident(n) for n in (1, 2, 3)]
        server.restart()
        t.eq([server.incident(n) for n in (1, 2, 3)], before, driver)
        server.enqueue(key='a')
        server.enqueue(key='d')
        t.eq(server.incident(1)['alert_count'], 2)
        assert server.incident(4)['id'] if len(server.incidents()) == 4 else False, server.incidents()
        sink.wait(4)
        t.eq(len(sink.pages), 4, driver + ' pages')


@test
def a_kill_in_the_middle_loses_nothing_that_was_answered(t):
    sink = t.sink()
    server = t.server(sink)
    answers = [server.enqueue(key='k%d' % n).status for n in range(20)]
    server.kill()
    server.start()
    t.eq(answers, [202] * 20)
    t.eq(len(server.incidents('?limit=100')), 20)
    until(lambda: len({p.id for p in sink.pages}) == 20, 45, lambda: 'pages of 20 incidents: %d' % len({p.id for p in sink.pages}))


@test
def sigterm_finishes_what_is_under_way_and_ends_with_zero(t):
    sink = t.sink([{'delay': 1.5}])
    server = t.server(sink)
    server.enqueue()
    until(lambda: sink.pages, what='the page to begin')
    start = time.monotonic()
    t.eq(server.stop(), 0, 'exit code')
    assert 1 < time.monotonic() - start < 12, 'down after %.1f s' % (time.monotonic() - start)
    server.start()
    t.eq(server.incident(1)['pages'][0]['status'], 'delivered')
    t.eq(len(sink.pages), 1)


@test
def a_server_that_drains_is_unready_at_once_and_alive_to_the_end(t):
    sink = t.sink([{'delay': 4}])
    server = t.server(sink)
    server.enqueue()
    until(lambda: sink.pages, what='the page to begin')
    t.eq(server.request('GET', '/readyz').status, 200)
    server.signal(signal.SIGTERM)
    until(lambda: server.request('GET', '/readyz').status == 503, what='503')
    for path in ('/readyz', '/-/ready', '/readiness'):
        answer = server.request('GET', path)
        t.eq(answer.status, 503, path)
        assert b'draining' in answer.body, answer.body
    t.eq(server.request('GET', '/healthz').status, 200)
    t.eq(server.api('GET', '/replicas').json['items'][0]['state'], 'draining')
    t.eq(server.enqueue(key='late').status, 202, 'an alert that still comes')
    t.eq(server.exit_code(15), 0)
    server.start()
    t.eq(server.incident(1)['pages'][0]['status'], 'delivered')
    sink.wait_for(lambda p: p.data['incident']['dedup_key'] == 'late')


@test
def a_page_that_hangs_at_the_end_is_sent_again_by_the_next_start_at_once(t):
    sink = t.sink([{'delay': 60}])
    server = t.server(sink)
    server.enqueue()
    until(lambda: sink.pages, what='the page to begin')
    t.eq(server.stop(), 0)
    server.start()
    first, second = sink.wait(2, 12)                    # its claim would have run out 30 s after the first
    t.eq(second.id, first.id)
    page = server.wait_incident(1, lambda i: i['pages'][0]['status'] == 'delivered')['pages'][0]
    t.eq(page['attempt'], 2)


@test
def a_server_alone_lists_itself(t):
    server = t.server()
    listed = server.api('GET', '/replicas').json['items']
    t.eq([r['state'] for r in listed], ['live'])
    code, out, err = server.cli('replicas', '-o', 'ids')
    t.eq((code, out.split()), (0, [listed[0]['id']]), err)
    server.restart()
    now = server.api('GET', '/replicas').json['items']
    assert len(now) == 1 and now[0]['id'] != listed[0]['id'], (listed, now)
    assert b'\ntocsin_replicas_live 1\n' in server.request('GET', '/metrics').body


@test
def sigterm_under_load_loses_nothing_that_was_answered(t):
    sink = t.sink()
    server = t.server(sink)
    accepted, ending = [], threading.Event()

    def load(thread):
        n = 0
        while not ending.is_set():
            n += 1
            try:
                if server.enqueue(key='t%d-%d' % (thread, n)).status == 202:
                    accepted.append('t%d-%d' % (thread, n))
            except OSError:
                return
    threads = [threading.Thread(target=load, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(accepted) > 100, what='load')
    t.eq(server.stop(), 0)
    ending.set()
    for thread in threads:
        thread.join()
    server.start()
    stored, cursor = set(), ''
    while cursor is not None:
        got = server.api('GET', '/incidents?limit=200' + ('&cursor=' + cursor if cursor else '')).json
        stored |= {i['dedup_key'] for i in got['items']}
        cursor = got['next']
    t.eq(set(accepted) - stored, set(), 'lost')
    until(lambda: {p.data['incident']['dedup_key'] for p in sink.pages} >= set(accepted), 45, 'every page')


@test
def sigint_ends_it_too(t):
    server = t.server()
    server.signal(signal.SIGINT)
    t.eq(server.exit_code(), 0)


@test
def sighup_takes_a_new_configuration_without_losing_a_request(t):
    sink, other = t.sink(), t.sink()
    server = t.server(sink)
    conf = json.loads(server.file.read_text())
    server.enqueue(key='a')
    sink.wait(1)
    conf['channels']['hook']['url'] = other.url
    server.configure(conf)
    server.signal(signal.SIGHUP)

    def paged():
        server.enqueue()
        return other.pages
    until(paged, what=lambda: 'the new channel: ' + server.err.text())
    t.eq(server.incident(1)['status'], 'detected')


@test
def sighup_changes_the_level_of_the_log(t):
    server = t.server(server={'log': {'level': 'error'}})
    conf = json.loads(server.file.read_text())
    server.signal(signal.SIGHUP)
    conf['server']['log']['level'] = 'info'
    server.enqueue()
    server.configure(conf)
    server.signal(signal.SIGHUP)
    until(lambda: server.err.find('configuration reloaded'), what=lambda: 'the line: ' + server.err.text())


@test
def a_reload_that_would_leave_the_open_address_without_a_key_is_refused(t):
    env = {'HOST': '', 'PORT': ''}
    server = t.server(env=env, server={'listen': '127.0.0.1:0'})
    conf = json.loads(server.file.read_text())
    conf['server']['listen'] = '[::1]:0'
    server.configure(conf)
    server.signal(signal.SIGHUP)
    until(lambda: server.err.find('goes on listening on 127.0.0.1 until'), what=lambda: 'a refusal: ' + server.err.text())
    conf['auth'] = {'required': True}
    server.configure(conf)
    server.signal(signal.SIGHUP)
    until(lambda: server.err.find('configuration reloaded'), what=lambda: 'the reload: ' + server.err.text())
    t.eq(server.request('GET', '/api/v1/incidents').status, 401)


@test
def a_second_signal_ends_it_at_once_with_alerts_in_hand(t):
    server = t.server()
    server.enqueue(key='a')
    other = sqlite3.connect(server.where / 'tocsin.db', isolation_level=None)
    other.execute('BEGIN IMMEDIATE')
    ended = []

    def late():
        try:
            ended.append(server.enqueue(key='b').status)
        except OSError:
            ended.append(0)
    threads = [threading.Thread(target=late) for _ in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: b'tocsin_http_requests_in_flight 9\n' in server.request('GET', '/metrics').body, what='eight that wait beside the one that asks')
    server.signal(signal.SIGTERM)
    until(lambda: server.err.find('finishing what is in hand'), what='the drain')
    start = time.monotonic()
    server.signal(signal.SIGTERM)
    t.eq(server.exit_code(), 0)
    assert time.monotonic() - start < 8, 'it took %.1f s' % (time.monotonic() - start)
    other.close()
    for thread in threads:
        thread.join()
    t.eq([status for status in ended if status == 202], [], 'accepted without a commit')


@test
def a_terminal_that_nobody_reads_holds_up_no_other_channel(t):
    sink = t.sink()
    server = t.server(sink, start=False, levels=[{'targets': ['channel:term', 'channel:hook']}])
    read, write = os.pipe()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b'.' * 4096)
    os.set_blocking(write, True)
    server.start(out=write)
    server.enqueue(key='a')
    sink.wait(1)
    server.wait_incident(1, lambda i: any((p['reason'] or '').find('nobody reads') >= 0 for p in i['pages']) and
                         sorted(p['status'] for p in i['pages']) == ['delivered', 'owed'])
    os.close(write)
    os.close(read)


@test
def a_bad_new_configuration_is_refused_whole_and_the_old_one_stays(t):
    sink = t.sink()
    server = t.server(sink)
    conf = json.loads(server.file.read_text())
    conf['services'].append({'id': 'new', 'policy': 'nonsense'})
    conf['channels']['hook']['url'] = 'http://127.0.0.1:1/'
    server.configure(conf)
    lines = len(server.err.lines)
    server.signal(signal.SIGHUP)
    until(lambda: any('nonsense' in line for line in server.err.lines[lines:]), what=lambda: 'a complaint: ' + server.err.text())
    server.enqueue()
    sink.wait(1)


@test
def a_bad_configuration_ends_with_three_and_names_every_mistake(t):
    server = t.server(start=False)
    server.configure('version: 1\nservices:\n  - {id: demo, policy: standrad}\npolicies:\n  - {id: standard, levels: [{targets: ["user:nobody"]}]}\nstorag: 5\n')
    t.eq(start_code(t, server), 3)
    said = server.err.text()
    assert all(word in said for word in ('standrad', 'nobody', 'storag', 'storage')), said
    assert 'tocsin.yaml:3:' in said, said


@test
def a_missing_configuration_file_ends_with_three(t):
    server = t.server(start=False)
    server.file.unlink()
    t.eq(start_code(t, server), 3)
    assert 'tocsin.yaml' in server.err.text(), server.err.text()


@test
def a_missing_secret_ends_with_three_and_names_the_variable(t):
    server = t.server(start=False)
    del server.env['DEMO_KEY']
    t.eq(start_code(t, server), 3)
    assert 'DEMO_KEY' in server.err.text(), server.err.text()


@test
def it_refuses_to_listen_beyond_this_machine_without_authentication(t):
    server = t.server(start=False, env={'HOST': '0.0.0.0'})
    t.eq(start_code(t, server), 3)
    assert 'auth' in server.err.text(), server.err.text()


@test
def with_authentication_it_listens_everywhere_and_asks_for_a_token(t):
    server = t.server(start=False, env={'HOST': '0.0.0.0'}, auth={'required': True})
    server.start()
    t.eq(server.request('GET', '/api/v1/incidents').status, 401)
    t.eq(server.request('GET', '/healthz').status, 200)
    t.eq(server.enqueue().status, 202)


@test
def a_port_that_is_taken_ends_with_a_sentence(t):
    first = t.server()
    second = t.server(start=False, env={'PORT': str(first.port)})
    t.eq(start_code(t, second), 1)
    assert str(first.port) in second.err.text(), second.err.text()


@test
def a_port_that_is_no_number_is_refused(t):
    server = t.server(start=False, env={'PORT': 'http'})
    t.eq(start_code(t, server), 3)
    assert 'PORT' in server.err.text(), server.err.text()


@test
def a_second_server_on_the_same_store_is_refused(t):
    for driver in ('sqlite', 'json'):
        first = t.server(driver=driver)
        second = t.server(start=False, storage=json.loads(first.file.read_text())['storage'])
        t.eq(start_code(t, second), 1, driver)
        assert str(first.where) in second.err.text(), second.err.text()
        t.eq(first.enqueue().status, 202)


@test
def a_store_that_cannot_be_opened_ends_with_a_sentence(t):
    for driver in ('sqlite', 'json'):
        server = t.server(start=False, storage={'driver': driver, 'path': str(t.where / 'not' / 'there' / 'at' / 'all')})
        t.eq(start_code(t, server), 1, driver)
        assert str(t.where / 'not') in server.err.text(), server.err.text()


@test
def a_store_that_is_damaged_is_refused_and_left_as_it_is(t):
    for driver, name in (('sqlite', 'tocsin.db'), ('json', 'journal')):
        server = t.server(driver=driver)
        for n in range(50):
            server.enqueue(key='k%d' % n)
        server.stop()
        path = server.where / name
        if driver == 'sqlite':
            with contextlib.closing(sqlite3.connect(path)) as db:
                db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        path = max((p for p in path.rglob('*') if p.is_file()), key=lambda p: p.stat().st_size) if path.is_dir() else path
        body = bytearray(path.read_bytes())
        at = 20 if driver == 'sqlite' else len(body.rstrip(b'\0')) // 2        # the journal grows in steps
        body[at:at + 60] = bytes(b ^ 0x55 for b in body[at:at + 60])
        path.write_bytes(body)
        t.eq(start_code(t, server), 1, driver)
        t.eq(path.read_bytes(), bytes(body), driver + ' file')


@test
def the_store_of_the_server_is_for_the_eyes_of_its_owner(t):
    for driver in ('sqlite', 'json'):
        server = t.server(driver=driver)
        server.enqueue()
        for path in server.where.rglob('*'):
            if path.name != 'tocsin.yaml' and path.is_file():
                t.eq(oct(path.stat().st_mode & 0o077), '0o0', str(path))


@test(deadline=120)
def a_full_disk_is_said_and_pages_that_are_owed_still_go_out(t):
    disk = SmallDisk(t.where / 'disk', 64)
    t.peers.append(disk)
    sink = t.sink([503, 503])
    server = t.server(sink, storage={'driver': 'sqlite', 'path': str(disk.where / 'tocsin.db'), 'min_free': '16MiB'})
    t.eq(server.enqueue(key='before').status, 202)
    sink.wait(1)
    disk.fill(leave=8 << 20)

    def refused():
        answer = server.enqueue()
        return answer if answer.status != 202 else None
    answer = until(refused, 10, 'a refusal')
    t.eq(answer.status, 503)
    assert int(answer.headers['retry-after']) > 0, answer.headers
    sink.wait(3, 40)
    server.wait_incident(1, lambda i: i['pages'][0]['status'] == 'delivered')
    disk.free()
    until(lambda: server.enqueue(key='after').status == 202, 15, 'events to be accepted again')
    sink.wait_for(lambda p: p.data['incident']['dedup_key'] == 'after')
    t.eq(server.stop(), 0)


@test(deadline=120)
def a_disk_without_a_single_byte_left_loses_nothing(t):
    disk = SmallDisk(t.where / 'disk', 24)
    t.peers.append(disk)
    sink = t.sink()
    server = t.server(sink, storage={'driver': 'sqlite', 'path': str(disk.where / 'tocsin.db'), 'min_free': '1'})
    accepted = ['first'] if server.enqueue(key='first').status == 202 else []
    disk.fill(leave=0)
    statuses = set()
    for n in range(400):
        try:
            answer = server.enqueue(key='n%d' % n, summary='x' * 900)
        except OSError:
            break                                       # an I/O error of the store ends the process, on purpose
        statuses.add(answer.status)
        if answer.status == 202:
            accepted.append('n%d' % n)
    assert statuses <= {202, 503}, statuses
    disk.free()
    if not server.is_up():
        server.start()
    else:
        server.restart()
    keys = {i['dedup_key'] for page in pages(server) for i in page}
    t.eq(set(accepted) - keys, set(), 'lost')
    t.eq(server.stop(), 0)


def pages(server):
    cursor = ''
    while cursor is not None:
        got = server.api('GET', '/incidents?limit=200' + ('&cursor=' + cursor if cursor else '')).json
        yield got['items']
        cursor = got['next']


@test
def the_quickstart_configuration_is_valid(t):
    from tocsin import ROOT
    key = t.where / 'data'
    key.mkdir()
    (key / 'demo.key').write_text(KEY)
    done = command('config', 'check', ROOT / 'examples/quickstart.yaml', cwd=t.where, env={'PATH': os.environ['PATH'], 'HOME': str(t.where)})
    t.eq(done[0], 0, repr(done))
