"""The REST API: lists, single incidents, actions, errors, tokens, health, metrics, its own description."""
import json
import re

from check import test
from tocsin import PLAIN, until


def problem(answer, status):
    """An RFC 9457 error with that status; returns it."""
    assert answer.status == status, answer
    assert answer.headers['content-type'].split(';')[0] == 'application/problem+json', answer.headers
    said = answer.json
    assert said['status'] == status and said['title'] and said.get('detail', 'x'), said
    return said


@test
def an_incident_has_every_documented_member(t):
    server = t.server(t.sink())
    server.enqueue(key='k', component='postgres', custom_details={'free': '3%'})
    item = server.incidents()[0]
    for name in ('id number title description severity severity_name status service source dedup_key alert_count level detected_at '
                 'acknowledged_at acknowledged_by resolved_at root_cause resolution_steps tags labels version').split():
        assert name in item, '%s is missing: %r' % (name, sorted(item))
    t.eq((item['number'], item['severity'], item['severity_name'], item['status'], item['acknowledged_by']), (1, 5, 'critical', 'detected', None))
    assert re.fullmatch(r'[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}', item['id']), item['id']
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z', item['detected_at']), item['detected_at']
    whole = server.incident(item['id'])
    assert whole['timeline'] and whole['pages'], whole
    t.eq(server.incident(1)['id'], item['id'], 'by number')


@test
def the_list_filters_and_pages_through_everything_once(t):
    server = t.server()
    for n in range(25):
        server.enqueue(key='k%d' % n)
    for n in (1, 2, 3):
        server.api('POST', '/incidents/%d/acknowledge' % n)
    server.api('POST', '/incidents/4/resolve', {})
    t.eq({i['number'] for i in server.incidents('?status=acknowledged')}, {1, 2, 3})
    t.eq({i['number'] for i in server.incidents('?status=acknowledged,resolved')}, {1, 2, 3, 4})
    t.eq(len(server.incidents('?service=demo&limit=100')), 25)
    t.eq(server.incidents('?service=another'), [])
    seen, cursor = [], None
    for _ in range(99):
        got = server.api('GET', '/incidents?limit=4' + ('&cursor=' + cursor if cursor else '')).json
        seen += [i['number'] for i in got['items']]
        cursor = got['next']
        if cursor is None:
            break
    t.eq(seen, list(range(25, 0, -1)), 'numbers, newest first')


@test
def a_cursor_goes_on_where_it_was_while_new_incidents_come_in(t):
    server = t.server()
    for n in range(6):
        server.enqueue(key='k%d' % n)
    first = server.api('GET', '/incidents?limit=3').json
    server.enqueue(key='new')
    second = server.api('GET', '/incidents?limit=3&cursor=' + first['next']).json
    t.eq([i['number'] for i in first['items'] + second['items']], [6, 5, 4, 3, 2, 1])


@test
def bad_queries_are_refused_by_name(t):
    server = t.server()
    for query, word in (('status=gone', 'status'), ('limit=0', 'limit'), ('limit=x', 'limit'), ('limit=100000', 'limit'), ('cursor=%21', 'cursor'),
                        ('stauts=detected', 'stauts'), ('status=detected&status=acknowledged', 'twice'), ('limit=1&cursor=x&limit=1', 'limit')):
        said = problem(server.request('GET', '/api/v1/incidents?' + query), 400)
        assert word in json.dumps(said), (query, said)


@test
def an_etag_saves_sending_what_did_not_change(t):
    server = t.server()
    server.enqueue(key='k')
    for path in ('/api/v1/incidents/1', '/api/v1/incidents'):
        server.wait_incident(1, lambda i: i['pages'][0]['status'] == 'delivered')
        first = server.request('GET', path)
        assert first.headers['etag'], first.headers
        again = server.request('GET', path, headers={'If-None-Match': first.headers['etag']})
        t.eq((again.status, again.body), (304, b''), path)
        server.api('POST', '/incidents/1/notes', {'text': 'changed'})
        t.eq(server.request('GET', path, headers={'If-None-Match': first.headers['etag']}).status, 200, path)


@test
def a_change_that_rests_on_an_old_version_is_refused(t):
    server = t.server()
    server.enqueue(key='k')
    version = server.incident(1)['version']
    server.api('POST', '/incidents/1/notes', {'text': 'meanwhile'})
    problem(server.request('POST', '/api/v1/incidents/1/acknowledge', headers={'If-Match': '"%d"' % version}), 412)
    version = server.incident(1)['version']
    server.api('POST', '/incidents/1/acknowledge', If_Match='"%d"' % version)


@test
def people_acknowledge_resolve_and_take_notes_and_the_timeline_says_who(t):
    server = t.server()
    server.enqueue(key='k')
    acked = server.api('POST', '/incidents/1/acknowledge').json
    t.eq(acked['status'], 'acknowledged')
    assert acked['acknowledged_at'] and acked['acknowledged_by'], acked
    server.api('POST', '/incidents/1/notes', {'text': 'looking at it'}, status=200)
    done = server.api('POST', '/incidents/1/resolve', {'root_cause': 'disk full', 'resolution_steps': ['deleted logs', 'grew the disk']}).json
    t.eq((done['status'], done['root_cause'], done['resolution_steps']), ('resolved', 'disk full', ['deleted logs', 'grew the disk']))
    t.eq(done['acknowledged_at'], acked['acknowledged_at'], 'time of the acknowledgement')
    types = [e['type'] for e in server.incident(1)['timeline']]
    for word in ('detected', 'level', 'acknowledged', 'note', 'resolved'):
        assert word in types, types
    assert all(e['actor'] and e['at'] for e in server.incident(1)['timeline'])


@test
def what_the_state_forbids_is_refused_with_the_state(t):
    server = t.server()
    server.enqueue(key='k')
    said = problem(server.request('POST', '/api/v1/incidents/1/unacknowledge'), 409)
    assert 'detected' in said['detail'], said
    server.api('POST', '/incidents/1/resolve', {})
    for verb in ('acknowledge', 'resolve', 'unacknowledge'):
        said = problem(server.request('POST', '/api/v1/incidents/1/' + verb), 409)
        assert 'resolved' in said['detail'], said


@test
def a_second_acknowledgement_by_the_same_person_is_fine(t):
    server = t.server()
    server.enqueue(key='k')
    first = server.api('POST', '/incidents/1/acknowledge', status=200).json
    again = server.api('POST', '/incidents/1/acknowledge', status=200).json
    t.eq(again['acknowledged_at'], first['acknowledged_at'])


@test
def an_incident_can_be_opened_by_hand(t):
    sink = t.sink()
    server = t.server(sink)
    made = server.api('POST', '/incidents', {'service': 'demo', 'title': 'looks odd', 'severity': 'low', 'labels': {'env': 'prod'}}, status=201).json
    t.eq((made['title'], made['severity'], made['source'], made['status']), ('looks odd', 2, 'manual', 'detected'))
    sink.wait(1)
    said = problem(server.request('POST', '/api/v1/incidents', {'service': 'nonsense', 'title': 'x'}), 422)
    assert 'nonsense' in json.dumps(said), said
    said = problem(server.request('POST', '/api/v1/incidents', {'servcie': 'demo', 'severity': 9}), 422)
    assert all(word in json.dumps(said) for word in ('servcie', 'severity', 'service')), said
    t.eq(len(server.incidents()), 1)


@test
def a_title_is_one_line_that_says_something(t):
    server = t.server()
    for title in ('  ', '\n', '\0', '\t\x1b '):
        said = problem(server.request('POST', '/api/v1/incidents', {'service': 'demo', 'title': title}), 422)
        t.eq(said['errors'][0]['pointer'], '#/title', title)
    made = server.api('POST', '/incidents', {'service': 'demo', 'title': ' disk\r\nfull\x1b[2J\0 '}, status=201).json
    t.eq(made['title'], 'disk full [2J')


@test
def the_same_idempotency_key_has_one_effect(t):
    sink = t.sink()
    server = t.server(sink)
    body = {'service': 'demo', 'title': 'once'}
    first = server.api('POST', '/incidents', body, status=201, Idempotency_Key='abc')
    again = server.api('POST', '/incidents', body, status=201, Idempotency_Key='abc')
    t.eq((again.json['id'], again.headers['location']), (first.json['id'], first.headers['location']))
    t.eq(len(server.incidents()), 1)
    t.eq(samples(server.request('GET', '/metrics').body.decode())['tocsin_incidents_created_total'], 1)
    said = [server.request('POST', '/in/' + PLAIN, body, {'Idempotency-Key': 'abc'}) for _ in range(2)]
    t.eq([(a.status, a.json['outcome'], a.json['number']) for a in said], [(202, 'created', 2)] * 2)
    answer = server.request('POST', '/api/v1/incidents', {'service': 'demo', 'title': 'another'}, {'Idempotency-Key': 'abc'})
    problem(answer, 422 if answer.status == 422 else 409)


@test
def what_is_not_there_is_404_and_the_wrong_method_405(t):
    server = t.server()
    for path in ('/nonsense', '/api/v1/nonsense', '/api/v1/incidents/99', '/api/v1/incidents/00000000-0000-7000-8000-000000000000',
                 '/api/v1/incidents/%00', '/api/v1/incidents/../../etc/passwd'):
        answer = server.request('GET', path)
        assert answer.status in (404, 400), (path, answer)
        assert answer.headers['content-type'].startswith('application/problem+json'), answer.headers
    answer = server.request('DELETE', '/api/v1/incidents')
    problem(answer, 405)
    assert 'GET' in answer.headers['allow'] and 'POST' in answer.headers['allow'], answer.headers
    problem(server.request('GET', '/v2/enqueue'), 405)


@test
def tokens_open_what_their_scopes_say_and_nothing_after_they_are_revoked(t):
    server = t.server()
    code, out, err = server.cli('token', 'create', 'first', '--scope', 'read,write,admin')
    t.eq(code, 0, out + err)
    admin = re.fullmatch(r'(tsn_\S+)\n', out)[1]
    server.configure({**json.loads(server.file.read_text()), 'auth': {'required': True}})
    server.restart()
    problem(server.request('GET', '/api/v1/incidents'), 401)
    problem(server.request('GET', '/api/v1/incidents', headers={'Authorization': 'Bearer ' + admin[:-1] + 'x'}), 401)
    server.token = admin
    made = server.api('POST', '/tokens', {'name': 'reader', 'scopes': ['read']}, status=201).json
    reader = {'Authorization': 'Bearer ' + made['token']}
    server.enqueue(key='k')
    t.eq(server.request('GET', '/api/v1/incidents', headers=reader).status, 200)
    problem(server.request('POST', '/api/v1/incidents/1/acknowledge', headers=reader), 403)
    problem(server.request('GET', '/api/v1/tokens', headers=reader), 403)
    acked = server.api('POST', '/incidents/1/acknowledge').json
    t.eq(acked['acknowledged_by'], 'token:first')
    server.api('DELETE', '/tokens/' + made['id'], status=204)
    problem(server.request('GET', '/api/v1/incidents', headers=reader), 401)
    t.eq(server.stop(), 0)
    for path in server.where.rglob('*'):
        if path.is_file():
            assert made['token'].encode() not in path.read_bytes() and admin.encode() not in path.read_bytes(), 'a token in ' + str(path)
    assert admin not in server.err.text(), 'a token in the log'


@test
def the_first_token_is_made_where_the_store_is_while_no_server_has_it(t):
    server = t.server(start=False, auth={'required': True})
    code, out, err = server.cli('token', 'create', 'first', '--scope', 'admin', '--config', server.file)
    t.eq(code, 0, out + err)
    server.token = out.strip()
    server.start()
    t.eq([token['name'] for token in server.api('GET', '/tokens').json['items']], ['first'])
    code, out, err = server.cli('token', 'create', 'second', '--config', server.file)
    assert code != 0 and not out, (code, out, err)


@test
def a_token_that_the_api_would_refuse_is_not_made_without_a_server_either(t):
    server = t.server(start=False, auth={'required': True})
    code, out, err = server.cli('token', 'create', 'n' * 65, '--scope', 'admin', '--config', server.file)
    assert code != 0 and not out and 'name' in err, (code, out, err)
    code, out, err = server.cli('token', 'create', 'n' * 64, '--scope', 'admin', '--expires', '1h', '--config', server.file)
    t.eq(code, 0, out + err)
    server.token = out.strip()
    server.start()
    t.eq([len(token['name']) for token in server.api('GET', '/tokens').json['items']], [64])


@test
def the_health_of_the_server_is_told_in_four_ways(t):
    server = t.server()
    for path, kind, body in (('/healthz', 'text/plain', b'ok'), ('/readyz', 'text/plain', b'ready'), ('/health', 'application/json', {'status': 'healthy'}),
                             ('/readiness', 'application/json', {'status': 'ready'})):
        answer = server.request('GET', path)
        t.eq((answer.status, answer.headers['content-type'].split(';')[0]), (200, kind), path)
        t.eq(answer.body.strip() if isinstance(body, bytes) else answer.json, body, path)
        head = server.request('HEAD', path)
        t.eq((head.status, head.body), (200, b''), 'HEAD ' + path)


@test
def the_front_page_says_how_long_it_has_been_quiet(t):
    server = t.server()
    first = server.request('GET', '/').body.decode().split('\n')[0]
    assert first.startswith('status: '), first
    server.enqueue()
    t.eq(server.request('GET', '/').body.decode().split('\n')[0], 'status: 0 days since the last incident')


def samples(text):
    """Prometheus text -> {name{labels}: value}; fails on a line that is neither comment nor sample."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith('#'):
            m = re.fullmatch(r'([a-zA-Z_:][\w:]*(?:\{(?:[a-z_]+="[^"]*",?)+\})?) (\S+)', line)
            assert m, 'no sample: ' + line
            assert m[1] not in found, 'twice: ' + line
            found[m[1]] = float(m[2])
    return found


@test
def the_metrics_count_what_happened(t):
    sink = t.sink()
    server = t.server(sink)
    server.enqueue(key='k')
    server.enqueue(key='k')
    sink.wait(1)
    server.wait_incident(1, lambda i: i['pages'][0]['status'] == 'delivered')
    answer = server.request('GET', '/metrics')
    assert answer.headers['content-type'].startswith('text/plain'), answer.headers
    now = samples(answer.body.decode())
    t.eq(sum(v for k, v in now.items() if k.startswith('tocsin_incidents_created')), 1)
    t.eq(sum(v for k, v in now.items() if k.startswith('tocsin_notifications') and 'delivered' in k), 1)
    t.eq(sum(v for k, v in now.items() if k.startswith('tocsin_source_events') and 'duplicate' in k), 1)
    assert '# HELP' in answer.body.decode() and '# TYPE' in answer.body.decode()
    server.enqueue(key='another')
    until(lambda: sum(v for k, v in samples(server.request('GET', '/metrics').body.decode()).items() if k.startswith('tocsin_incidents_created')) == 2,
          what='the counter to go up')


@test
def the_api_describes_itself(t):
    server = t.server()
    said = server.api('GET', '/openapi.json').json
    assert said['openapi'].startswith('3.1'), said['openapi']
    operations = [o['operationId'] for path in said['paths'].values() for o in path.values() if isinstance(o, dict) and 'operationId' in o]
    t.eq(len(operations), len(set(operations)), 'operation ids')
    for path in ('/api/v1/incidents', '/api/v1/incidents/{id}', '/api/v1/incidents/{id}/acknowledge', '/v2/enqueue', '/metrics'):
        assert path in said['paths'], sorted(said['paths'])

    def references(node):
        if isinstance(node, dict):
            if '$ref' in node:
                yield node['$ref']
            for child in node.values():
                yield from references(child)
        elif isinstance(node, list):
            for child in node:
                yield from references(child)
    for reference in set(references(said)):
        node = said
        for part in reference.removeprefix('#/').split('/'):
            assert part in node, reference + ' leads nowhere'
            node = node[part]
    for path, operation in ((p, o) for p, item in said['paths'].items() for o in item.values() if isinstance(o, dict)):
        assert operation['responses'], path
        named = {part['name'] for part in operation.get('parameters', []) if part.get('in') == 'path'}
        t.eq(named, set(re.findall(r'\{(\w+)\}', path)), 'path parameters of ' + path)


@test
def an_answer_says_how_it_may_be_used(t):
    answer = t.server().request('GET', '/api/v1/incidents')
    t.eq(answer.headers.get('x-content-type-options'), 'nosniff')
    assert 'no-store' in answer.headers.get('cache-control', '') or 'no-cache' in answer.headers.get('cache-control', ''), answer.headers
