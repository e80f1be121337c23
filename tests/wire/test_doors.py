"""The doors of alert senders: exact answers, and what bad input leads to (nothing)."""
import json
import subprocess
import sys

from check import test
from tocsin import KEY, PLAIN, ROOT


@test
def trigger_acknowledge_and_resolve_have_the_exact_answers_of_events_v2(t):
    server = t.server(t.sink())
    want = {'status': 'success', 'message': 'Event processed', 'dedup_key': 'srv01/HTTP'}
    for action in ('trigger', 'acknowledge', 'resolve'):
        answer = server.enqueue(action, key='srv01/HTTP')
        t.eq((answer.status, answer.json), (202, want), action)
        t.eq(answer.headers['content-type'].split(';')[0], 'application/json')
    t.eq(server.incident(1)['status'], 'resolved')


@test
def a_trigger_without_a_key_is_a_new_alert_every_time_and_its_key_is_answered(t):
    server = t.server(t.sink())
    keys = [server.enqueue().json['dedup_key'] for _ in range(2)]
    assert keys[0] != keys[1] and all(keys), keys
    t.eq(len(server.incidents()), 2)
    t.eq(server.enqueue('resolve', key=keys[0]).status, 202)
    t.eq(server.incident(1)['status'], 'resolved')


@test
def what_has_no_open_alert_is_accepted_and_dropped(t):
    server = t.server(t.sink())
    for action in ('acknowledge', 'resolve'):
        t.eq(server.enqueue(action, key='never seen').status, 202, action)
    t.eq(server.incidents(), [])


@test
def an_alert_that_comes_back_after_the_end_is_a_new_incident(t):
    sink = t.sink()
    server = t.server(sink)
    for action in ('trigger', 'resolve', 'trigger'):
        server.enqueue(action, key='x')
        if action == 'trigger':
            sink.wait(len(server.incidents()))
    t.eq([i['status'] for i in server.incidents()], ['detected', 'resolved'])
    t.eq(len(sink.wait(2)), 2)


@test
def the_severity_of_an_incident_is_the_worst_of_its_alerts(t):
    server = t.server(t.sink())
    for word, want in (('info', 1), ('error', 4), ('warning', 4)):
        server.enqueue(key='x', severity=word)
        t.eq(server.incident(1)['severity'], want, word)
    t.eq(server.incident(1)['severity_name'], 'high')


BAD = {
    'an empty body': b'',
    'not JSON': b'hello',
    'half of it': b'{"routing_key":"' + KEY.encode(),
    'an array': b'[]',
    'a number': b'42',
    'deep nesting': b'{"a":' + b'[' * 5000 + b']' * 5000 + b'}',
    'invalid UTF-8': b'{"routing_key":"' + KEY.encode() + b'","event_action":"trigger","payload":{"summary":"\xff\xfe","source":"s","severity":"info"}}',
    'a NUL byte': b'{"routing_key":"\0"}',
    'trailing bytes': json.dumps({'routing_key': KEY, 'event_action': 'resolve', 'dedup_key': 'x'}).encode() + b'{}',
    'a member twice': b'{"routing_key":"' + KEY.encode() + b'","event_action":"resolve","event_action":"trigger","dedup_key":"x"}',
    'no members': b'{}',
    'wrong types': json.dumps({'routing_key': KEY, 'event_action': 5, 'payload': 'x'}).encode(),
    'an unknown action': json.dumps({'routing_key': KEY, 'event_action': 'explode', 'dedup_key': 'x'}).encode(),
    'a resolve without a key': json.dumps({'routing_key': KEY, 'event_action': 'resolve'}).encode(),
    'an unknown severity': json.dumps({'routing_key': KEY, 'event_action': 'trigger', 'payload': {'summary': 's', 'source': 's', 'severity': 'meh'}}).encode(),
    'an empty summary': json.dumps({'routing_key': KEY, 'event_action': 'trigger', 'payload': {'summary': '', 'source': 's', 'severity': 'info'}}).encode(),
    'a key too long': json.dumps({'routing_key': KEY, 'event_action': 'resolve', 'dedup_key': 'k' * 256}).encode(),
}


@test
def bad_events_are_refused_with_a_reason_and_leave_nothing_behind(t):
    sink = t.sink()
    server = t.server(sink)
    for name, body in BAD.items():
        answer = server.request('POST', '/v2/enqueue', body, {'Content-Type': 'application/json'})
        t.eq(answer.status, 400, name)
        assert answer.json['status'] and answer.json['message'] and answer.json['errors'], (name, answer)
    t.eq(server.incidents(), [])
    t.eq(server.enqueue().status, 202)
    sink.wait(1)
    t.eq(len(server.incidents()), 1)


@test
def an_escape_that_is_no_character_becomes_the_replacement_character(t):
    server = t.server(t.sink())
    body = json.dumps(server.event(summary='half a pair: \ud800.'))
    t.eq(server.request('POST', '/v2/enqueue', body, {'Content-Type': 'application/json'}).status, 202)
    t.eq(server.incident(1)['title'], 'half a pair: \ufffd.')


@test
def a_bad_event_names_all_that_is_wrong_at_once(t):
    server = t.server(t.sink())
    answer = server.request('POST', '/v2/enqueue', {'routing_key': KEY, 'event_action': 'trigger', 'payload': {'severity': 'meh'}})
    t.eq(answer.status, 400)
    errors = '\n'.join(answer.json['errors'])
    assert all(word in errors for word in ('summary', 'source', 'severity')), errors


@test
def a_body_of_ten_megabytes_is_refused_before_it_is_read(t):
    sink = t.sink()
    server = t.server(sink)
    body = b'{"routing_key":"' + b'x' * (10 << 20) + b'"}'
    try:
        answer = server.request('POST', '/v2/enqueue', body, {'Content-Type': 'application/json'})
        t.eq(answer.status, 413)
    except (BrokenPipeError, ConnectionResetError):
        pass                                            # refused while we were still sending
    t.eq(server.enqueue().status, 202)
    sink.wait(1)


@test
def an_unknown_routing_key_opens_nothing(t):
    server = t.server(t.sink())
    for key in ('f' * 32, KEY[:-1], KEY + '0', PLAIN):
        answer = server.request('POST', '/v2/enqueue', {**server.event(), 'routing_key': key})
        assert answer.status in (400, 401, 403, 404), (key, answer)
        assert answer.json['errors'], answer
    for key in ('', ' ', None, 5, [], {}):
        answer = server.request('POST', '/v2/enqueue', {**server.event(), 'routing_key': key})
        assert answer.status in (400, 401, 403, 404), (key, answer)
    for path in ('/in', '/in/', '/in//', '/in/%20', '/in/' + PLAIN + '/x'):
        answer = server.request('POST', path, {'title': 't'})
        t.eq(answer.status, 404, path)
    t.eq(server.incidents(), [])


@test
def the_generic_door_takes_a_title_or_a_message(t):
    sink = t.sink()
    server = t.server(sink)
    full = {'title': 'queue is long', 'description': 'more than 10,000', 'severity': 'high', 'dedup_key': 'q', 'labels': {'env': 'prod'},
            'links': [{'href': 'https://runbook.example/q', 'text': 'Runbook'}]}
    answer = server.request('POST', '/in/' + PLAIN, full)
    assert answer.status in (200, 201, 202), answer
    t.eq(server.request('POST', '/in/' + PLAIN, {'message': 'no space'}).status, answer.status)
    first = server.incident(1)
    t.eq((first['title'], first['description'], first['severity'], first['labels'], first['source']),
         ('queue is long', 'more than 10,000', 4, {'env': 'prod'}, 'plain'))
    t.eq(first['links'][0]['href'], 'https://runbook.example/q')
    t.eq(server.incident(2)['title'], 'no space')
    sink.wait(2)
    server.request('POST', '/in/' + PLAIN, {'dedup_key': 'q', 'status': 'resolved'})
    t.eq(server.incident(1)['status'], 'resolved')


@test
def a_batch_holds_five_hundred_whole_events(t):
    server = t.server()
    events = [{'title': 'disk %d' % n, 'severity': 'low', 'dedup_key': 'd%d' % n, 'status': 'firing', 'timestamp': '2026-01-02T03:04:05Z',
               'labels': {'host': 'db%d' % n, 'disk': '/var', 'rack': '7', 'room': 'a'}, 'links': ['https://runbook.example/disk'],
               'tags': ['db', 'disk']} for n in range(500)]
    answer = server.request('POST', '/in/' + PLAIN, events)
    t.eq((answer.status, len(answer.json.get('events', []))), (202, 500), answer)
    answer = server.request('POST', '/in/' + PLAIN, events + events[:1])
    t.eq(answer.status, 400, answer)
    assert '500' in answer.json['detail'] + json.dumps(answer.json['errors']), answer


@test
def the_generic_door_refuses_wrong_keys_and_bad_bodies(t):
    server = t.server(t.sink())
    t.eq(server.request('POST', '/in/' + 'x' * 20, {'title': 't'}).status, 404)
    t.eq(server.request('POST', '/in/' + KEY, {'title': 't'}).status, 404)
    for body in (b'', b'[', {'severity': 9}, {'title': 5}, {'title': 't', 'labels': []}):
        answer = server.request('POST', '/in/' + PLAIN, body)
        t.eq(answer.status, 400, repr(body))
        t.eq(answer.headers['content-type'].split(';')[0], 'application/problem+json')
    t.eq(server.incidents(), [])


@test
def one_integration_cannot_touch_the_alerts_of_another(t):
    server = t.server(t.sink())
    server.enqueue(key='shared')
    server.request('POST', '/in/' + PLAIN, {'dedup_key': 'shared', 'status': 'resolved'})
    t.eq(server.incident(1)['status'], 'detected')


@test
def no_key_is_written_to_the_log(t):
    server = t.server(t.sink())
    server.enqueue()
    server.request('POST', '/in/' + PLAIN, {'title': 't'})
    server.request('POST', '/v2/enqueue', b'{"routing_key":"' + KEY.encode() + b'"')
    t.eq(server.stop(), 0)
    assert KEY not in server.err.text() and PLAIN not in server.err.text(), server.err.text()


@test(deadline=120)
def requests_that_two_readers_could_frame_differently_are_refused(t):
    server = t.server(t.sink())
    probe = ROOT / 'tests/wire/http_probe.py'
    done = subprocess.run([sys.executable, str(probe), str(server.port)], capture_output=True, text=True)
    assert done.returncode == 0 and ', 0 failed' in done.stdout, done.stdout + done.stderr
