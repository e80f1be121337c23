"""Escalation with the shortest of time-outs: who is paged when, and what stops it."""
import time

from check import test
from tocsin import replay, until


def two_levels(timeout='1s', **more):
    return {'levels': [{'targets': ['channel:hook'], 'timeout': timeout}, {'targets': ['channel:hook'], 'timeout': timeout}], **more}


@test
def an_incident_that_nobody_acknowledges_goes_to_the_next_level(t):
    sink = t.sink()
    server = t.server(sink, levels=two_levels()['levels'])
    server.enqueue()
    first, second = sink.wait(2)
    t.eq([first.data['page']['level'], second.data['page']['level']], [0, 1])
    t.eq([first.data['incident']['id']], [second.data['incident']['id']])
    assert first.id != second.id
    assert 0.95 <= second.at - first.at < 4, 'after %.2f s' % (second.at - first.at)


@test
def an_acknowledgement_stops_the_escalation(t):
    sink = t.sink()
    server = t.server(sink, levels=two_levels()['levels'])
    server.enqueue(key='a')
    sink.wait(1)
    server.api('POST', '/incidents/1/acknowledge')
    incident = server.incident(1)
    t.eq((incident['status'], incident['due_at'], incident['acknowledged_via']), ('acknowledged', None, 'api'))
    # a second incident that escalates shows that time went by
    server.enqueue(key='b')
    sink.wait_for(lambda p: p.data['incident']['number'] == 2 and p.data['page']['level'] == 1)
    t.eq([p.data['page']['level'] for p in sink.pages if p.data['incident']['number'] == 1], [0])


@test
def an_acknowledgement_by_the_source_stops_it_too(t):
    sink = t.sink()
    server = t.server(sink, levels=two_levels('90s')['levels'])
    server.enqueue(key='a')
    sink.wait(1)
    t.eq(server.enqueue('acknowledge', key='a').status, 202)
    incident = server.incident(1)
    t.eq((incident['status'], incident['acknowledged_by'], incident['acknowledged_via']), ('acknowledged', 'integration:pd', 'events_v2'))


@test
def taking_an_acknowledgement_back_pages_again_from_the_first_level(t):
    sink = t.sink()
    server = t.server(sink, levels=two_levels('90s')['levels'])
    server.enqueue()
    sink.wait(1)
    server.api('POST', '/incidents/1/acknowledge')
    server.api('POST', '/incidents/1/unacknowledge')
    again = sink.wait(2)[1]
    t.eq((again.data['page']['round'], again.data['page']['level'], again.data['page']['attempt']), (1, 0, 1))
    t.eq(server.incident(1)['status'], 'detected')


@test
def a_policy_repeats_and_then_says_that_nobody_answered(t):
    sink = t.sink()
    server = t.server(sink, levels=[{'targets': ['channel:hook'], 'timeout': '1s'}],
                      policy={'repeat': 1, 'on_exhausted': {'targets': ['channel:term']}})
    server.enqueue()
    pages = sink.wait(2)
    t.eq([(p.data['page']['round'], p.data['page']['level']) for p in pages], [(0, 0), (1, 0)])
    incident = server.wait_incident(1, lambda i: i['exhausted'])
    t.eq((incident['status'], incident['due_at']), ('detected', None))
    until(lambda: server.out.find('PAGE #1'), what='the page of on_exhausted')
    t.eq([e['type'] for e in incident['timeline'] if e['type'] in ('level', 'exhausted')], ['level', 'level', 'exhausted'])
    t.eq(len(sink.pages), 2)


@test
def an_exhausted_incident_can_still_be_acknowledged_and_resolved(t):
    sink = t.sink()
    server = t.server(sink, levels=[{'targets': ['channel:hook'], 'timeout': '1s'}])
    server.enqueue()
    server.wait_incident(1, lambda i: i['exhausted'])
    server.api('POST', '/incidents/1/acknowledge')
    t.eq(server.api('POST', '/incidents/1/resolve', {'root_cause': 'a full disk'}).json['status'], 'resolved')


@test
def a_level_that_reaches_nobody_passes_on_at_once(t):
    sink = t.sink()
    server = t.server(sink, levels=[{'targets': [], 'timeout': '15m'}, {'targets': ['channel:hook'], 'timeout': '15m'}])
    server.enqueue()
    page = sink.wait(1)[0]
    t.eq(page.data['page']['level'], 1)
    assert any(e['type'] == 'nobody' for e in server.incident(1)['timeline'])


@test
def an_incident_that_stays_acknowledged_too_long_pages_again(t):
    sink = t.sink()
    server = t.server(sink, levels=two_levels('90s')['levels'], service={'ack_timeout': '1s'})
    server.enqueue()
    sink.wait(1)
    server.api('POST', '/incidents/1/acknowledge')
    t.eq(sink.wait(2)[1].data['page']['round'], 1)


@test
def a_resolve_by_the_source_ends_everything(t):
    sink = t.sink()
    server = t.server(sink, levels=two_levels()['levels'])
    server.enqueue(key='a')
    sink.wait(1)
    server.enqueue('resolve', key='a')
    incident = server.incident(1)
    t.eq((incident['status'], incident['resolved_by'], incident['due_at']), ('resolved', 'integration:pd', None))
    server.enqueue(key='b')
    sink.wait_for(lambda p: p.data['incident']['number'] == 2 and p.data['page']['level'] == 1)
    t.eq(len([p for p in sink.pages if p.data['incident']['number'] == 1]), 1)


@test
def a_retry_that_waits_is_cancelled_by_an_acknowledgement(t):
    sink = t.sink([503] * 9)
    server = t.server(sink)
    server.enqueue()
    sink.wait(1)
    server.wait_incident(1, lambda i: i['pages'][0]['retry_at'] and i['pages'][0]['reason'])
    server.api('POST', '/incidents/1/acknowledge')
    page = server.wait_incident(1, lambda i: i['pages'][0]['status'] == 'cancelled', 15)['pages'][0]
    assert 'acknowledged' in page['reason'], page
    t.eq(len(sink.pages), 1)


@test
def one_service_has_one_open_incident_when_it_groups_by_service(t):
    sink = t.sink()
    server = t.server(sink, service={'grouping': 'service'})
    for key in 'abc':
        t.eq(server.enqueue(key=key).status, 202)
    sink.wait(1)
    incident = server.incident(1)
    t.eq((len(server.incidents()), incident['alert_count'], incident['open_alerts']), (1, 3, 3))
    server.enqueue('resolve', key='a')
    server.enqueue('resolve', key='b')
    t.eq(server.incident(1)['status'], 'detected')
    server.enqueue('resolve', key='c')
    t.eq(server.incident(1)['status'], 'resolved')
    t.eq(len(sink.pages), 1)


@test
def the_alert_of_a_real_alertmanager_opens_pages_escalates_and_closes(t):
    sink, mail = t.sink(), t.mail()
    server = t.server(sink, mail=mail, levels=[{'targets': ['channel:hook', 'user:amira'], 'timeout': '1s'}, {'targets': ['channel:hook']}])
    answer = replay(server, 'alertmanager-pagerduty-v2-1-firing')
    key = '7057e3c6095bb78e61e70e8524726609af5cc1338a501a40959d718eec0a4c05'
    t.eq((answer.status, answer.json), (202, {'status': 'success', 'message': 'Event processed', 'dedup_key': key}))
    sink.wait(2)
    assert b'HighLatency' in mail.wait(1)[0].data
    t.eq([p.data['page']['level'] for p in sink.pages], [0, 1])
    t.eq(sink.pages[0].data['incident']['severity'], 4)
    t.eq(replay(server, 'alertmanager-pagerduty-v2-2-update').status, 202)
    t.eq(server.incident(1)['alert_count'], 2)
    t.eq(replay(server, 'alertmanager-pagerduty-v2-3-resolved').status, 202)
    t.eq(server.incident(1)['status'], 'resolved')
    t.eq(len(server.incidents()), 1)


@test
def the_events_of_a_real_client_library_do_what_they_say(t):
    sink = t.sink()
    server = t.server(sink)
    t.eq(replay(server, 'pdjs-01-event-trigger-full').status, 202)
    sink.wait(1)
    t.eq(server.incident(1)['title'], 'Test Event V2 ü')
    t.eq(replay(server, 'pdjs-03-acknowledge').status, 202)
    t.eq(server.incident(1)['status'], 'acknowledged')
    t.eq(replay(server, 'pdjs-04-resolve').status, 202)
    t.eq(server.incident(1)['status'], 'resolved')


@test
def a_deadline_that_passed_while_the_server_was_down_is_kept_after_the_start(t):
    sink = t.sink()
    server = t.server(sink, levels=two_levels('2s')['levels'])
    server.enqueue()
    first = sink.wait(1)[0]
    server.kill()
    time.sleep(max(0, first.at + 2.2 - time.monotonic()))       # the deadline itself is what must pass
    server.start()
    sink.wait_for(lambda p: p.data['page']['level'] == 1)
