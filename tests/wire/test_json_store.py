"""incidents.json, the export of the json driver: it follows, it is whole at every instant, and nobody else's file is ever overwritten."""
import json
import os
import random
import shutil
import time

from check import test
from tocsin import PLAIN, until

# The fields of the tracker whose file this was, in its stored order.
TRACKER = ['id', 'title', 'description', 'severity', 'source', 'datadog_alert_id', 'status', 'assignee', 'detected_at', 'acknowledged_at',
           'resolved_at', 'root_cause', 'resolution_steps', 'tags']


def path_of(server):
    return server.where / 'journal' / 'incidents.json'


def rows(server):
    try:
        return json.loads(path_of(server).read_text())
    except FileNotFoundError:
        return None


def wait_rows(server, condition, seconds=15):
    """The file's incidents once condition(them) is true. Whatever is there meanwhile is a whole file."""
    last = []

    def look():
        last[:] = [rows(server)]
        return last[0] is not None and condition(last[0])
    until(look, seconds, lambda: 'a state of the export, which is %s; the server said: %s' % (json.dumps(last[0])[:3000], server.err.text()))
    return last[0]


def by_api(server):
    found, cursor = [], ''
    while cursor is not None:
        got = server.api('GET', '/incidents?limit=200' + ('&cursor=' + cursor if cursor else '')).json
        found += got['items']
        cursor = got['next']
    return found[::-1]


def as_exported(i):
    """An incident of the API as the file shows it."""
    made = {**i, 'datadog_alert_id': None, 'assignee': i['acknowledged_by']}
    return {k: v for k, v in made.items() if k not in ('severity_name', 'acknowledged_by')}


def start_code(server):
    server.launch()
    return server.exit_code(10)


def refused(t, server, body, *words):
    """The server does not start over this body, says why in these words, and leaves the file as it is."""
    path = path_of(server)
    path.write_bytes(body)
    before = os.stat(path)
    t.eq(start_code(server), 1, 'exit code')
    said = server.err.text()
    assert str(path) in said and 'Move it away' in said and all(w in said for w in words), said
    t.eq(path.read_bytes(), body, 'the file')
    t.eq((os.stat(path).st_ino, os.stat(path).st_mtime_ns), (before.st_ino, before.st_mtime_ns))


@test
def the_file_appears_and_follows_every_change(t):
    server = t.server(driver='json')
    t.eq(wait_rows(server, lambda r: True), [])
    server.request('POST', '/in/' + PLAIN, {'title': 'Größe "x"', 'description': 'a\nb', 'severity': 'high', 'tags': ['a', 'b'],
                                            'labels': {'k': 'v'}, 'links': [{'href': 'https://x.example/'}], 'details': {'n': [1, {}, []]}})
    server.enqueue(key='two')
    wait_rows(server, lambda r: [i['status'] for i in r] == ['detected'] * 2)
    server.api('POST', '/incidents/1/acknowledge')
    got = wait_rows(server, lambda r: r[0]['status'] == 'acknowledged')
    t.eq(got[0]['assignee'], 'local')
    server.api('POST', '/incidents/1/resolve', {'root_cause': 'a cable', 'resolution_steps': ['plugged in', 'looked']})
    got = wait_rows(server, lambda r: r[0]['status'] == 'resolved')
    t.eq((got[0]['root_cause'], got[0]['resolution_steps']), ('a cable', ['plugged in', 'looked']))


@test
def the_file_is_what_the_api_says_in_the_form_that_its_users_know(t):
    server = t.server(driver='json')
    for n in range(250):
        server.request('POST', '/in/' + PLAIN, {'title': 'n%d "\\\t\x7f' % n, 'dedup_key': 'k%d' % n, 'details': {'deep': [[{'a': {'b': [n, 1.5, None, True]}}]]}})
    server.api('POST', '/incidents/7/acknowledge')
    server.api('POST', '/incidents/7/resolve')
    t.eq(server.stop(), 0)
    text = path_of(server).read_text()
    server.start()
    t.eq(json.loads(text), [as_exported(i) for i in by_api(server)], 'the export')
    t.eq(text, json.dumps(json.loads(text), indent=2, ensure_ascii=False) + '\n', 'the form')
    t.eq([list(i)[:14] for i in json.loads(text)], [TRACKER] * 250)
    t.eq(oct(path_of(server).stat().st_mode & 0o777), '0o600')


@test
def a_file_that_would_not_change_is_not_written(t):
    server = t.server(driver='json')
    server.enqueue(key='a')
    wait_rows(server, len)
    server.wait_incident(1, lambda i: i['pages'][0]['status'] == 'delivered')
    t.eq(server.stop(), 0)
    before = os.stat(path_of(server))
    server.start()
    server.enqueue('acknowledge', key='nobody')
    t.eq(server.stop(), 0)
    after = os.stat(path_of(server))
    t.eq((after.st_ino, after.st_mtime_ns), (before.st_ino, before.st_mtime_ns))


@test
def a_broken_file_is_refused_with_its_place_and_never_overwritten(t):
    server = t.server(driver='json')
    for key in 'abc':
        server.enqueue(key=key)
    t.eq(server.stop(), 0)
    whole = path_of(server).read_bytes()
    cut = whole[:len(whole) // 2]
    refused(t, server, b'', 'line 1, column 1')
    refused(t, server, cut, 'line %d, column ' % (cut.count(b'\n') + 1))
    refused(t, server, b'[\n  {"id": 1},\n]\n', 'line 3, column ')
    refused(t, server, b'[\n  {"id": "\xff"}\n]\n', 'line 2, column 11', 'UTF-8')
    refused(t, server, b'{"id": "x"}', 'JSON object')
    path_of(server).rename(path_of(server).with_suffix('.before'))
    server.start()
    server.stop()
    t.eq(path_of(server).read_bytes(), whole)


@test
def a_file_of_another_system_is_refused_and_never_overwritten(t):
    server = t.server(driver='json', start=False)
    path_of(server).parent.mkdir(mode=0o700)
    theirs = {'id': '0b0e9f6e-58a2-4c53-a1c7-7c6a2c1f3f10', 'title': 'High CPU Usage', 'description': None, 'severity': 5, 'source': 'datadog',
              'datadog_alert_id': 'alert-001', 'status': 'detected', 'assignee': None, 'detected_at': '2024-01-01T10:00:00', 'tags': None}
    refused(t, server, json.dumps([theirs], indent=2).encode(), theirs['id'], 'not in the journal')
    refused(t, server, b'[{"title": "x"}]', 'element 1', 'no id')
    path_of(server).unlink()
    server.start()
    t.eq(wait_rows(server, lambda r: True), [])


@test
def a_file_that_was_changed_by_hand_is_refused(t):
    server = t.server(driver='json')
    server.enqueue(key='a')
    t.eq(server.stop(), 0)
    whole = path_of(server).read_bytes()
    refused(t, server, whole.replace(b'detected"', b'resolved"', 1), 'was changed')
    refused(t, server, whole + b'\n', 'was changed')
    path_of(server).write_bytes(whole)
    server.start()


@test
def a_file_that_knows_more_than_the_journal_is_refused(t):
    server = t.server(driver='json')
    server.enqueue(key='a')
    t.eq(server.stop(), 0)
    shutil.copytree(path_of(server).parent, server.where / 'saved')
    server.start()
    server.api('POST', '/incidents/1/acknowledge')
    t.eq(server.stop(), 0)
    newer = path_of(server).read_bytes()
    shutil.copy(server.where / 'saved' / 'journal.1', path_of(server).parent)
    refused(t, server, newer, 'tells more of incident')
    (path_of(server).parent / 'journal.1').unlink()
    refused(t, server, newer, 'tells more of incident')


@test
def a_file_that_somebody_changes_meanwhile_stays_theirs_until_they_move_it_away(t):
    server = t.server(driver='json')
    server.enqueue(key='a')
    wait_rows(server, len)
    path_of(server).write_text('mine')
    server.enqueue(key='b')
    until(lambda: server.err.find('somebody else changed the file'), 15, lambda: 'a complaint: ' + server.err.text())
    t.eq(path_of(server).read_text(), 'mine')
    assert b'tocsin_export_last_successful 0\n' in server.request('GET', '/metrics').body
    path_of(server).unlink()
    wait_rows(server, lambda r: len(r) == 2)
    until(lambda: server.err.find('is written again'), what='the good news')
    assert b'tocsin_export_last_successful 1\n' in server.request('GET', '/metrics').body


@test
def an_export_that_cannot_be_written_holds_up_no_page(t):
    sink = t.sink()
    server = t.server(sink, driver='json')
    wait_rows(server, lambda r: True)
    blocker = path_of(server).with_name('incidents.json.tmp')
    blocker.mkdir()
    server.enqueue(key='a')
    sink.wait(1)
    until(lambda: server.err.find('is not up to date'), 15, lambda: 'a complaint: ' + server.err.text())
    t.eq(server.request('GET', '/readyz').status, 200)
    blocker.rmdir()
    wait_rows(server, len)


@test
def the_file_stands_where_the_configuration_says(t):
    server = t.server(driver='json', start=False)
    elsewhere = server.where / 'data'
    conf = json.loads(server.file.read_text())
    conf['storage']['export'] = 'data/list.json'
    server.configure(conf)
    t.eq(start_code(server), 1, 'exit code without the directory')
    assert 'data: No such file or directory; create it, or correct storage.export' in server.err.text(), server.err.text()
    elsewhere.mkdir()
    server.start()
    server.enqueue(key='a')
    until(lambda: (elsewhere / 'list.json').exists() and len(json.loads((elsewhere / 'list.json').read_text())) == 1, what='the file')
    assert not path_of(server).exists()


@test(deadline=120)
def kill_9_while_the_file_is_written_leaves_the_old_or_the_new_one_whole(t):
    server, dice, keys = t.server(driver='json'), random.Random(1), 0
    for n in range(30):
        server.request('POST', '/in/' + PLAIN, [{'title': 'x' * 500, 'dedup_key': 'first/%d/%d' % (n, k)} for k in range(100)])
    seen = {len(wait_rows(server, lambda r: len(r) == 3000))}
    for n in range(15):
        for _ in range(5):
            keys += 1
            t.eq(server.enqueue(key='k%d' % keys).status, 202)
        begun = path_of(server).with_name('incidents.json.tmp')
        until(lambda: begun.exists(), 15, 'an export to begin')
        time.sleep(dice.uniform(0, 1))                  # an export takes a few hundred milliseconds
        server.kill()
        got = [i['dedup_key'] for i in rows(server)]
        assert set(got[3000:]) == {'k%d' % (k + 1) for k in range(len(got) - 3000)}, got[3000:]
        assert len(got) >= max(seen) and len(got) <= 3000 + keys, (len(got), seen)
        seen.add(len(got))
        server.start()
    wait_rows(server, lambda r: len(r) == 3000 + keys)
    assert len(seen) > 3, 'every export was killed: %r' % seen
