"""Pages: what goes out, over which way, how often."""
import email
import email.policy
import json
import threading
import time

from check import test
from tocsin import certificate, until


@test
def the_first_alert_pages_a_webhook(t):
    sink = t.sink()
    server = t.server(sink)
    answer = server.enqueue(key='db1/disk')
    t.eq(answer.status, 202, 'status')
    page = sink.wait(1)[0]
    incident = server.incident(1)
    t.eq(page.json['type'], 'page')
    t.eq({k: v for k, v in page.data['page'].items() if k != 'id'},
         {'level': 0, 'round': 0, 'target': 'channel:hook', 'address': None, 'attempt': 1})
    t.eq(page.id, page.data['page']['id'], 'webhook-id')
    t.eq(page.id, incident['id'] + '/0/0/0/0', 'the id of the page')
    said = page.data['incident']
    t.eq({k: said[k] for k in ('id', 'number', 'title', 'severity', 'status', 'service', 'source', 'dedup_key')},
         {'id': incident['id'], 'number': 1, 'title': 'disk almost full', 'severity': 5, 'status': 'detected', 'service': 'demo', 'source': 'pd',
          'dedup_key': 'db1/disk'})
    assert page.json['timestamp'].endswith('Z'), page.json['timestamp']
    t.eq(page.headers['content-type'].split(';')[0], 'application/json')
    shown = server.wait_incident(1, lambda i: i['pages'][0]['status'] == 'delivered')
    t.eq(len(shown['pages']), 1)
    t.eq(len(sink.pages), 1)


@test
def a_webhook_is_signed_as_standard_webhooks(t):
    sink = t.sink()
    t.server(sink).enqueue(summary='Größe überschritten 💾')
    page = sink.wait(1)[0]
    assert page.is_signed(), page.headers
    t.eq(page.data['incident']['title'], 'Größe überschritten 💾')


@test
def a_page_is_shown_on_the_terminal(t):
    server = t.server()
    server.enqueue(summary='disk almost full on db1')
    until(lambda: server.out.find(r'disk almost full on db1'), what=lambda: 'a line on standard output: ' + server.out.text())
    t.eq(len([line for line in server.out.lines if 'disk almost full' in line]), 1)


@test
def text_from_outside_cannot_write_a_second_line_on_the_terminal(t):
    server = t.server()
    server.enqueue(summary='one\nPAGE #99 forged\x1b[2J two')
    line = until(lambda: server.out.find(r'PAGE #1 .*'), what=lambda: server.out.text())[0]
    assert 'forged' in line and '\x1b' not in server.out.text(), repr(server.out.text())
    t.eq(len(server.out.lines), 1, 'lines')


@test
def a_page_goes_out_by_mail_over_starttls(t):
    cert = certificate(t.where)
    mail = t.mail(cert=cert, login=('tocsin', 'se:cret'))
    server = t.server(mail=mail, start=False, env={'SSL_CERT_FILE': cert[0]})
    server.env['MAIL_URL'] = mail.url.replace('smtp://', 'smtp://tocsin:se%3Acret@')
    conf = json.loads(server.file.read_text())
    conf['channels']['mail']['starttls'] = 'required'
    server.configure(conf)
    server.start().enqueue(summary='Platte fast voll: größer als 97 %')
    message = mail.wait(1)[0]
    assert message.was_encrypted, 'the mail came in the clear'
    t.eq((message.sender, message.to, message.user), ('tocsin@example.com', ['amira@example.com'], 'tocsin'))
    parsed = email.message_from_bytes(message.data, policy=email.policy.default)
    assert 'Platte fast voll: größer als 97 %' in parsed['Subject'], parsed['Subject']
    assert '#1' in parsed['Subject'] + parsed.get_body().get_content(), parsed
    assert 'ack' in parsed.get_body().get_content(), parsed.get_body().get_content()
    t.eq(parsed['To'], 'amira@example.com')
    assert parsed['Message-ID'] and parsed['Date'], parsed.keys()
    server.wait_incident(1, lambda i: i['pages'][0]['status'] == 'delivered')


@test
def a_mail_server_without_starttls_gets_no_mail_when_it_is_required(t):
    mail = t.mail()
    server = t.server(mail=mail, start=False)
    conf = json.loads(server.file.read_text())
    conf['channels']['mail']['starttls'] = 'required'
    server.configure(conf)
    server.start().enqueue()
    server.wait_incident(1, lambda i: i['pages'][0]['reason'])
    t.eq(mail.attempts, 0)


@test
def a_user_is_reached_by_mail_at_the_address_of_the_user(t):
    mail = t.mail()
    server = t.server(mail=mail, levels=[{'targets': ['user:amira']}])
    server.enqueue()
    t.eq(mail.wait(1)[0].to, ['amira@example.com'])


@test
def a_mail_that_is_put_off_is_sent_again_as_the_same_message(t):
    mail = t.mail(script=['451 4.3.0 later'])
    server = t.server(mail=mail)
    server.enqueue()
    mail.wait(1, 15)
    t.eq(mail.attempts, 2, 'attempts')
    server.wait_incident(1, lambda i: i['pages'][0]['status'] == 'delivered')


@test
def fifty_equal_events_at_once_are_one_incident_fifty_alerts_and_one_page_per_target(t):
    sink, count = t.sink(), 50
    server = t.server(sink, levels=[{'targets': ['channel:hook', 'channel:term']}])
    gate, answers = threading.Barrier(count), []

    def send():
        gate.wait()
        answers.append(server.enqueue(key='burst'))
    threads = [threading.Thread(target=send) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    t.eq([a.status for a in answers], [202] * count)
    sink.wait(1)
    incident = server.wait_incident(1, lambda i: all(p['status'] == 'delivered' for p in i['pages']))
    t.eq(incident['alert_count'], count, 'alerts')
    t.eq(len(server.incidents()), 1, 'incidents')
    t.eq(len(incident['pages']), 2, 'pages owed')
    t.eq(len(sink.pages), 1, 'webhooks')
    t.eq(len([line for line in server.out.lines if 'PAGE #1' in line]), 1, 'lines on the terminal')


@test
def a_webhook_that_fails_is_tried_again_with_the_same_id(t):
    sink = t.sink([503])
    server = t.server(sink)
    server.enqueue()
    first, second = sink.wait(2, 15)
    t.eq(second.id, first.id, 'webhook-id')
    t.eq((first.data['page']['attempt'], second.data['page']['attempt']), (1, 2), 'attempts')
    assert 3.5 <= second.at - first.at <= 8, 'again after %.1f s' % (second.at - first.at)
    assert second.is_signed()
    page = server.wait_incident(1, lambda i: i['pages'][0]['status'] == 'delivered')['pages'][0]
    t.eq(page['attempt'], 2)


@test
def a_receiver_that_names_a_time_is_not_asked_before(t):
    sink = t.sink([{'status': 429, 'headers': {'Retry-After': '8'}}])
    server = t.server(sink)
    server.enqueue()
    first, second = sink.wait(2, 20)
    assert second.at - first.at >= 7.9, 'again after %.1f s' % (second.at - first.at)


@test
def a_connection_that_breaks_is_a_reason_to_try_again(t):
    sink = t.sink([{'drop': True}])
    server = t.server(sink)
    server.enqueue()
    first, second = sink.wait(2, 15)
    t.eq(second.id, first.id)
    server.wait_incident(1, lambda i: i['pages'][0]['status'] == 'delivered')


@test
def a_webhook_that_is_refused_for_good_brings_the_next_level_at_once(t):
    sink = t.sink([410])
    server = t.server(sink, levels=[{'targets': ['channel:hook'], 'timeout': '15m'}, {'targets': ['channel:term'], 'timeout': '15m'}])
    server.enqueue()
    until(lambda: server.out.find('PAGE #1 .*level 1'), what=lambda: 'the page of level 1: ' + server.out.text())
    incident = server.incident(1)
    t.eq([p['status'] for p in sorted(incident['pages'], key=lambda p: p['level'])][0], 'failed')
    assert any(e['type'] == 'page_failed' for e in incident['timeline']), incident['timeline']
    t.eq(len(sink.pages), 1)


@test
def a_channel_that_hangs_does_not_hold_up_another(t):
    sink = t.sink([{'delay': 30}])
    server = t.server(sink, levels=[{'targets': ['channel:hook', 'channel:term']}])
    start = time.monotonic()
    server.enqueue()
    until(lambda: server.out.find('PAGE #1'), what='the line on the terminal')
    assert time.monotonic() - start < 2, 'after %.1f s' % (time.monotonic() - start)
    server.enqueue(key='another')
    until(lambda: server.out.find('PAGE #2'), what='the second line on the terminal')
    sink.closing.set()


@test
def a_redirect_is_not_followed(t):
    other = t.sink()
    sink = t.sink(lambda page, n: {'status': 307, 'headers': {'Location': other.url}})
    server = t.server(sink)
    server.enqueue()
    server.wait_incident(1, lambda i: i['pages'][0]['reason'])
    t.eq(len(other.pages), 0)
