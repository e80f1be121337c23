"""The server on DynamoDB, where the service fails one request in twelve: it pages, remembers, and says what it lacks."""
import pathlib
import sys

from check import test
from tocsin import until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import servers                                                      # noqa: E402

FAULTS = 'conflict=0.02,throttle=0.02,500after=0.02,drop-after=0.01,drop-before=0.01,500before=0.01'


def database(t, **options):
    made = servers.Dynamodb(**options).start()
    t.peers.append(made)
    return made


def storage(made, **more):
    return {'driver': 'dynamodb', 'endpoint': made.url, **more}


@test
def what_was_accepted_is_paged_and_outlives_both_processes(t):
    service, sink = database(t, faults=FAULTS), t.sink()
    server = t.server(sink=sink, env=service.credentials, storage=storage(service))
    for n in range(20):
        until(lambda n=n: server.enqueue(key='k%d' % n).status == 202, 30, 'the alert to be accepted')
    sink.wait(20, 60)
    server.kill()
    service.kill()
    service.start()
    server.start()
    t.eq(sorted(i['dedup_key'] for i in server.incidents('?limit=50')), sorted('k%d' % n for n in range(20)), 'what is there')
    service.control(faults='')
    t.eq(server.request('GET', '/readyz').status, 200, 'readiness')


@test
def a_service_that_is_gone_is_said_and_comes_back(t):
    service = database(t)
    server = t.server(env=service.credentials, storage=storage(service))
    t.eq(server.enqueue(key='before').status, 202)
    service.kill()
    until(lambda: server.enqueue(key='during').status == 503, 20, '503 while there is no store')
    until(lambda: server.request('GET', '/readyz').status == 503, 20, 'unreadiness')
    service.start()
    until(lambda: server.enqueue(key='after').status == 202, 20, 'alerts to be accepted again')
    until(lambda: server.request('GET', '/readyz').status == 200, 20, 'readiness')


@test
def who_has_no_keys_or_no_service_is_told_what_to_do(t):
    service = database(t)
    for env, more, sentence in [
            ({'AWS_EC2_METADATA_DISABLED': 'true'}, {}, 'no AWS credentials: AWS_ACCESS_KEY_ID is not set'),
            ({**service.credentials, 'AWS_SECRET_ACCESS_KEY': 'x'}, {}, 'check the secret of the access key'),
            (service.credentials, {'endpoint': 'http://127.0.0.1:1'}, 'check storage.region and storage.endpoint'),
            (service.credentials, {'table': 'x/y'}, 'cannot be a table of DynamoDB')]:
        server = t.server(env=env, storage=storage(service, **more), start=False).launch()
        assert server.exit_code() != 0
        assert sentence in server.err.text(), server.err.text()
