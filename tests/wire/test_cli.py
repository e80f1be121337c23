"""The command line against a running server: what it prints where, and its exit codes."""
import json
import re

from check import test


@test
def a_night_on_call_by_the_command_line(t):
    sink = t.sink()
    server = t.server(sink)
    code, out, err = server.cli('trigger', 'demo', '-m', 'disk almost full', '--severity', '4', '--dedup', 'db1/disk')
    t.eq(code, 0, out + err)
    sink.wait(1)
    code, out, err = server.cli('list')
    t.eq(code, 0, err)
    assert 'disk almost full' in out and 'detected' in out, out
    code, out, err = server.cli('ack', '1')
    t.eq(code, 0, out + err)
    code, out, err = server.cli('note', '1', 'looking at it')
    t.eq(code, 0, out + err)
    code, out, err = server.cli('show', '1')
    t.eq(code, 0, err)
    assert 'disk almost full' in out and 'looking at it' in out, out
    code, out, err = server.cli('resolve', '1', '--cause', 'logs', '--step', 'deleted them', '--step', 'rotate daily')
    t.eq(code, 0, out + err)
    incident = server.incident(1)
    t.eq((incident['status'], incident['root_cause'], incident['resolution_steps'], incident['acknowledged_via']),
         ('resolved', 'logs', ['deleted them', 'rotate daily'], 'cli'))


@test
def in_a_pipe_a_list_is_tabs_and_json_is_json(t):
    server = t.server()
    server.enqueue(key='a')
    server.enqueue(key='b')
    code, out, _ = server.cli('list')
    t.eq(code, 0)
    t.eq(len(out.splitlines()), 2, out)
    assert all('\t' in line and '\x1b' not in line for line in out.splitlines()), out
    code, out, _ = server.cli('list', '-o', 'json')
    t.eq(code, 0)
    parsed = json.loads(out)
    items = parsed['items'] if isinstance(parsed, dict) else parsed
    t.eq({i['number'] for i in items}, {1, 2})
    code, out, _ = server.cli('list', '-o', 'ids')
    t.eq((code, set(out.split())), (0, {'1', '2'}))
    code, out, err = server.cli('ack', '-', stdin=out)
    t.eq(code, 0, err)
    t.eq({i['status'] for i in server.incidents()}, {'acknowledged'})


@test
def exit_codes_say_what_happened(t):
    server = t.server()
    server.enqueue(key='a')
    t.eq(server.cli('list', '--exit-code')[0], 10, 'open incidents')
    t.eq(server.cli('show', '99')[0], 5, 'not there')
    t.eq(server.cli('nonsense')[0], 2, 'no such command')
    t.eq(server.cli('list', '--nonsense')[0], 2, 'no such option')
    t.eq(server.cli('resolve', '1')[0], 0)
    t.eq(server.cli('ack', '1')[0], 6, 'resolved meanwhile')
    server.enqueue(key='b')
    t.eq(server.cli('ack', '2', '99')[0], 7, 'some of several')
    t.eq(server.cli('resolve', '2')[0], 0)
    t.eq(server.cli('list', '--exit-code')[0], 0, 'nothing open')
    t.eq(server.stop(), 0)
    code, out, err = server.cli('list')
    t.eq((code, out), (8, ''), err)
    assert server.url.split('//')[1] in err, err


@test
def an_empty_id_is_a_mistake_and_an_empty_list_is_not(t):
    server = t.server()
    server.enqueue(key='a')
    for line in (('ack', ''), ('ack', '1', ''), ('resolve', '#'), ('unack', ''), ('show', '')):
        code, out, err = server.cli(*line)
        t.eq((code, out), (2, ''), line)
        assert 'id is empty' in err, err
    t.eq(server.incident(1)['status'], 'detected')
    t.eq(server.cli('ack', '-', stdin='\n'), (0, '', ''), 'nothing to acknowledge')


@test
def a_typing_mistake_is_answered_with_a_suggestion(t):
    server = t.server(start=False)
    code, out, err = server.cli('lsit')
    t.eq((code, out), (2, ''))
    assert 'list' in err, err


@test
def without_a_token_it_says_how_to_sign_in(t):
    server = t.server(auth={'required': True})
    code, out, err = server.cli('list')
    t.eq((code, out), (4, ''))
    assert 'token' in err.lower(), err


@test
def help_and_version_need_no_server(t):
    server = t.server(start=False)
    code, out, _ = server.cli('version')
    t.eq(code, 0)
    assert re.search(r'\d+\.\d+\.\d+', out), out
    code, out, _ = server.cli('help')
    t.eq(code, 0)
    for word in ('serve', 'list', 'show', 'ack', 'resolve', 'trigger', 'note', 'token', 'config', 'version', 'help'):
        assert word in out, out
    for word in ('list', 'ack', 'serve'):
        code, out, _ = server.cli('help', word)
        t.eq(code, 0)
        assert 'tocsin ' + word in out, out


@test
def a_configuration_can_be_checked_and_shown_without_its_secrets(t):
    server = t.server(t.sink(), start=False)
    code, out, err = server.cli('config', 'check', server.file)
    t.eq(code, 0, out + err)
    code, out, err = server.cli('config', 'show', server.file)
    t.eq(code, 0, err)
    assert 'demo' in out and server.env['DEMO_KEY'] not in out, out
    server.configure('services: [{id: demo, policy: none}]\n')
    code, out, err = server.cli('config', 'check', server.file)
    t.eq(code, 3, out + err)
    assert 'none' in out + err, out + err
