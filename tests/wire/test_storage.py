"""The commands that look after a store, with the real binary: copies, backups, restores, audits, migrations."""
import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import stat
import subprocess
import sys
import threading

from check import test
from tocsin import BINARY, Server, command, config, until

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parent.parent))
import servers                                                      # noqa: E402


def fill(server, n=40):
    """Incidents in several states: open, acknowledged, resolved."""
    for i in range(n):
        assert server.enqueue(summary='disk %d' % i, key='disk %d' % i).status == 202
    for i, incident in enumerate(server.incidents('?limit=200&status=detected')):
        if i % 3 < 2:
            server.api('POST', '/incidents/%s/%s' % (incident['id'], ('acknowledge', 'resolve')[i % 3]))


def stopped(t, n=40, **more):
    server = t.server(**more)
    fill(server, n)
    t.eq(server.stop(), 0)
    return server


def tool(server, *args, code=0, seconds=120):
    got, out, err = server.cli(*args, seconds=seconds)
    assert got == code, '%s: exit code %d: %s%s' % (' '.join(map(str, args)), got, out, err)
    return out, err


def hashes(out):
    """kind -> the rest of its line, of a table in a pipe."""
    return {line.split('\t')[0]: line.split('\t')[1:] for line in out.splitlines()}


@test
def a_copy_there_and_back_is_the_same_under_hash(t):
    server = stopped(t)
    out, err = tool(server, 'storage', 'copy', '--from', server.file, '--to', 'json:copy')
    there = hashes(out)
    assert 'both sides are the same' in err, err
    t.eq(there['incident'][:3], ['40', '40', 'true'])
    back = hashes(tool(server, 'storage', 'copy', '--from', 'json:copy', '--to', 'sqlite:back.db')[0])
    t.eq(back, there)
    tool(server, 'fsck', '--from', 'sqlite:back.db')
    tool(server, 'fsck', '--from', 'json:copy')
    again = tool(server, 'storage', 'copy', '--from', 'json:copy', '--to', 'sqlite:back.db')[1]
    assert again.startswith('0 documents written'), again


@test
def a_server_goes_on_with_what_was_copied(t):
    server = stopped(t, 12)
    tool(server, 'storage', 'copy', '--from', server.file, '--to', 'json:journal')
    server.configure(config(server.where, driver='json'))
    server.start()
    t.eq(len(server.incidents('?status=open')), 8)
    t.eq(server.enqueue(summary='again', key='disk 11').status, 202)
    t.eq(server.enqueue(summary='new', key='new').status, 202)
    numbers = sorted(i['number'] for i in server.incidents('?limit=200'))
    t.eq(numbers[:12], list(range(1, 13)), 'the numbers they had')
    assert len(set(numbers)) == len(numbers) and numbers[-1] > 12, 'numbers go on where they were: %r' % numbers


def plant_replica(path, name):
    """What a server of a shared store writes of itself."""
    with sqlite3.connect(path) as db:
        db.execute('INSERT INTO replica SELECT * FROM counter LIMIT 1')
        db.execute('UPDATE replica SET id=?', (name,))


@test
def signs_of_life_are_not_copied(t):
    server, other = stopped(t, 3), t.server(start=False)
    plant_replica(server.where / 'tocsin.db', 'one')
    source = hashes(tool(server, 'storage', 'info', '-c', server.file)[0])
    t.eq(source['replica'][0], '1')
    out, err = tool(server, 'storage', 'copy', '--from', server.file, '--to', 'json:copy')
    assert 'both sides are the same' in err and 'replica' not in hashes(out), out + err
    target = hashes(tool(server, 'storage', 'info', '--from', 'json:copy')[0])
    t.eq(sorted(target), sorted(set(source) - {'replica'}))
    tool(server, 'storage', 'copy', '--from', 'json:copy', '--to', other.file)
    plant_replica(other.where / 'tocsin.db', 'other')
    for more in (), ('--overwrite',):
        _, err = tool(server, 'storage', 'copy', '--from', server.file, '--to', other.file, *more)
        assert err.startswith('0 documents written') and ' 0 removed' in err, err
    t.eq(rows(other.where / 'tocsin.db', 'replica'), 1, 'who runs there is nothing to the copy')


@test
def a_copy_of_a_store_in_use_is_refused(t):
    server = t.server()
    out, err = tool(server, 'storage', 'copy', '--from', server.file, '--to', 'json:copy', code=1)
    assert 'a running server has it' in err, err
    assert not pathlib.Path(server.where, 'copy').exists()


@test
def what_is_in_the_target_is_not_lost_by_mistake(t):
    server, other = stopped(t, 6), stopped(t, 3)
    out, err = tool(server, 'storage', 'copy', '--from', server.file, '--to', other.file, code=1)
    assert 'nothing was copied' in err and '--overwrite' in err, err
    tool(other, 'fsck', '-c', other.file)
    info = hashes(tool(other, 'storage', 'info', '-c', other.file)[0])
    t.eq(info['incident'][0], '3')
    tool(server, 'storage', 'copy', '--from', server.file, '--to', other.file, '--overwrite')
    info = hashes(tool(other, 'storage', 'info', '-c', other.file)[0])
    t.eq(info['incident'][0], '6')


def multiply(path, times):
    """Makes a large store of a small one: timeline entries again and again under other ids, as an import of old incidents would."""
    db = sqlite3.connect(path)
    with db:
        for k in range(1, times):
            db.execute("INSERT INTO entry(id,ver,token,due,expire,body,idx0,idx1,idx2,idx3) SELECT printf('%08d',?) || substr(id,9),ver,token,due,"
                       "expire,body,idx0,idx1,idx2,idx3 FROM entry WHERE id NOT LIKE '0000%'", (k,))
    count = db.execute('SELECT count(*) FROM entry').fetchone()[0]
    db.close()
    return count


def rows(path, table='entry'):
    try:
        with sqlite3.connect('file:%s?mode=ro' % path, uri=True) as db:
            return db.execute('SELECT count(*) FROM ' + table).fetchone()[0]
    except sqlite3.Error:
        return 0                                        # not made yet, or in the middle of being made


@test(deadline=180)
def a_copy_that_was_killed_goes_on_when_it_is_run_again(t):
    server = stopped(t)
    total = multiply(server.where / 'tocsin.db', 120)
    line = ['storage', 'copy', '--from', str(server.file), '--to', 'sqlite:copy.db']
    process = subprocess.Popen([str(BINARY), *line], cwd=server.where, env=server.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: rows(server.where / 'copy.db') > 200 or process.poll() is not None, 60, 'the copy to be under way')
    process.send_signal(signal.SIGKILL)
    t.eq(process.wait(), -signal.SIGKILL, 'the copy was still running')
    done = rows(server.where / 'copy.db')
    assert 0 < done < total, '%d of %d' % (done, total)
    out, err = tool(server, *line)
    there = int(err.split(' were there already')[0].split()[-1])
    assert done <= there < total + 500, err
    t.eq(hashes(out)['entry'][:3], [str(total), str(total), 'true'])


@test
def progress_is_plain_lines_in_a_pipe_and_nothing_with_quiet(t):
    server = stopped(t, 6)
    _, err = tool(server, 'storage', 'copy', '--from', server.file, '--to', 'json:copy', '--quiet')
    t.eq(err, '')
    _, err = tool(server, 'storage', 'copy', '--from', server.file, '--to', 'json:other')
    assert '\r' not in err and '\033' not in err, repr(err)


class Load:
    """Alerts, acknowledgements and ends, as fast as they are answered, until it is stopped. What was accepted is in .accepted."""

    def __init__(self, server):
        self.server, self.accepted, self.stopping = server, [], threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        n = 0
        while not self.stopping.is_set():
            n += 1
            if self.server.enqueue(summary='load %d' % n, key='load %d' % n).status == 202:
                self.accepted.append('load %d' % n)
            if n % 7 == 0:
                self.server.enqueue('acknowledge', key='load %d' % (n - 3))
            if n % 5 == 0:
                self.server.enqueue('resolve', key='load %d' % (n - 1))

    def stop(self):
        self.stopping.set()
        self.thread.join(20)


def keys_of(path):
    with sqlite3.connect(path) as db:
        return {row[0] for row in db.execute('SELECT dedup_key FROM incidents')}


def backup_under_load(t, **more):
    sink = t.sink()
    server = t.server(sink, **more)
    load = Load(server)
    until(lambda: len(load.accepted) > 100, 30, 'some load')
    older = list(load.accepted)
    tool(server, 'backup', 'one.backup', '-c', server.file)
    before = len(load.accepted)
    tool(server, 'fsck', '-c', server.file)
    until(lambda: len(load.accepted) > before, 30, 'the server to go on')
    load.stop()
    tool(server, 'restore', 'one.backup', '--to', 'sqlite:restored.db')
    out, _ = tool(server, 'fsck', '--from', 'sqlite:restored.db', '-o', 'json')
    t.eq(json.loads(out)['faults_found'], 0)
    missing = set(older) - keys_of(server.where / 'restored.db')
    t.eq(missing, set(), 'accepted before the backup began, and not in it')
    return server


@test(deadline=120)
def a_backup_under_load_restores_whole_and_misses_nothing_older(t):
    server = backup_under_load(t)
    where = t.where / 'second'
    where.mkdir()
    os.rename(server.where / 'restored.db', where / 'tocsin.db')
    second = Server(where, config(where))
    t.servers.append(second)
    second.start()
    t.eq(second.enqueue(summary='new', key='new').status, 202)
    open_before = second.incidents('?status=open&limit=200')
    assert open_before, 'the restored server has its open incidents'
    t.eq(second.stop(), 0)
    tool(second, 'fsck', '-c', second.file)


@test(deadline=120)
def a_backup_of_a_json_store_under_load_restores_whole_too(t):
    backup_under_load(t, driver='json')


@contextlib.contextmanager
def postgres():
    with servers.Postgres() as server:
        yield {'driver': 'postgres', 'url': server.url}, server.url + '#second', {}


@contextlib.contextmanager
def dynamodb():
    with servers.Dynamodb() as server:
        yield ({'driver': 'dynamodb', 'table': 'first', 'endpoint': server.url}, 'dynamodb:second?shards=4&endpoint=' + server.url,
               server.credentials)


SHARED = [postgres, dynamodb]


@test(deadline=240)
def a_backup_of_a_shared_store_under_load_restores_whole_too(t):
    for opened in SHARED:
        with opened() as (storage, _, env):
            server = backup_under_load(t, storage=storage, env=env)
            out, _ = tool(server, 'fsck', '-c', server.file, '-o', 'json')
            t.eq(json.loads(out)['faults_found'], 0)
            t.eq(server.stop(), 0)


@test(deadline=240)
def a_copy_through_a_shared_store_is_the_same_under_hash(t):
    for opened in SHARED:
        with opened() as (_, place, env):
            server = stopped(t, env=env)
            there = hashes(tool(server, 'storage', 'copy', '--from', server.file, '--to', place)[0])
            tool(server, 'fsck', '--from', place)
            tool(server, 'backup', 'one.backup', '--from', place)
            tool(server, 'restore', '--verify', 'one.backup')
            back = hashes(tool(server, 'storage', 'copy', '--from', place, '--to', 'sqlite:back.db')[0])
            t.eq(back, there)
            tool(server, 'migrate', 'verify', '--from', place)


@test
def a_damaged_backup_is_refused_with_its_place_and_changes_nothing(t):
    server = stopped(t, 6)
    tool(server, 'backup', 'one.backup', '-c', server.file)
    path = server.where / 'one.backup'
    whole = path.read_bytes()
    place = whole.index(b'\n', len(whole) // 2) + 1
    path.write_bytes(whole[:place + 40] + bytes([whole[place + 40] ^ 1]) + whole[place + 41:])
    for args in (('restore', '--verify', 'one.backup'), ('restore', 'one.backup', '--to', 'sqlite:restored.db')):
        _, err = tool(server, *args, code=1)
        assert 'one.backup: byte %d: ' % place in err, err
    assert not (server.where / 'restored.db').exists()
    path.write_bytes(whole[:-30])
    _, err = tool(server, 'restore', '--verify', 'one.backup', code=1)
    assert 'was cut off' in err, err
    path.write_bytes(whole)
    out, err = tool(server, 'restore', '--verify', 'one.backup')
    assert 'whole' in err, err


@test
def a_backup_is_not_replaced_and_a_full_store_is_not_restored_into_by_mistake(t):
    server = stopped(t, 6)
    tool(server, 'backup', 'one.backup', '-c', server.file)
    before = (server.where / 'one.backup').read_bytes()
    _, err = tool(server, 'backup', 'one.backup', '-c', server.file, code=1)
    assert '--force' in err, err
    t.eq((server.where / 'one.backup').read_bytes(), before)
    t.eq(os.stat(server.where / 'one.backup').st_mode & 0o777, 0o600, 'its mode')
    _, err = tool(server, 'restore', 'one.backup', '-c', server.file, code=1)
    assert 'not empty' in err and '--force' in err, err
    server.start()
    fill(server, 9)
    _, err = tool(server, 'restore', 'one.backup', '-c', server.file, '--force', code=1)
    assert 'a running server has it' in err, err
    t.eq(server.stop(), 0)
    tool(server, 'restore', 'one.backup', '-c', server.file, '--force')
    t.eq(hashes(tool(server, 'storage', 'info', '-c', server.file)[0])['incident'][0], '6')
    assert not [p for p in server.where.iterdir() if p.name.startswith('one.backup.')], 'nothing is left lying about'


@test
def a_place_that_cannot_be_written_is_said(t):
    server = stopped(t, 6)
    out, err = tool(server, 'backup', 'nowhere/one.backup', '-c', server.file, code=1)
    assert 'nowhere/one.backup: cannot begin it' in err and 'hint' in err, err


@test
def a_file_that_may_not_grow_is_said_and_ends_no_command_by_a_signal(t):
    server = stopped(t, 150)
    tool(server, 'backup', 'whole.backup', '-c', server.file)
    assert (server.where / 'whole.backup').stat().st_size > 4 * 65536
    for args, says in ((('backup', 'one.backup', '-c', server.file), 'one.backup: cannot write it: File too large'),
                       (('restore', 'whole.backup', '--to', 'sqlite:new.db'), 'new.db: cannot'),
                       (('restore', 'whole.backup', '--to', 'json:new'), 'the store answered "full"'),
                       (('storage', 'copy', '--from', server.file, '--to', 'json:copy'), 'cannot'),
                       (('migrate', 'to', '1', '-c', server.file), 'tocsin.db: cannot change its schema: disk I/O error')):
        done = subprocess.run(['prlimit', '--fsize=65536', str(BINARY), *map(str, args)], cwd=server.where, env=server.env, capture_output=True,
                              text=True, timeout=60)
        t.eq(done.returncode, 1, '%s: %s' % (' '.join(map(str, args)), done.stderr))
        assert says in done.stderr and 'ulimit -f' in done.stderr, done.stderr
    assert not [p for p in server.where.iterdir() if p.name.startswith('one.backup')], 'nothing is left lying about'
    tool(server, 'migrate', 'verify', '-c', server.file)
    tool(server, 'fsck', '-c', server.file)


@test
def a_backup_leaves_alone_what_others_put_beside_it(t):
    server = stopped(t, 3)
    (server.where / 'one.backup.tmp').write_text('mine')
    (server.where / 'elsewhere').write_text('mine too')
    (server.where / 'two.backup.tmp').symlink_to(server.where / 'elsewhere')
    for name in 'one', 'two':
        tool(server, 'backup', name + '.backup', '-c', server.file)
        t.eq(os.stat(server.where / (name + '.backup')).st_mode & 0o777, 0o600)
    t.eq((server.where / 'one.backup.tmp').read_text(), 'mine')
    t.eq((server.where / 'elsewhere').read_text(), 'mine too')
    assert (server.where / 'two.backup.tmp').is_symlink()
    os.mkfifo(server.where / 'pipe')
    _, err = tool(server, 'backup', 'pipe', '-c', server.file, '--force', code=1)
    assert 'no regular file' in err and 'hint' in err, err
    assert stat.S_ISFIFO(os.stat(server.where / 'pipe').st_mode)


@test
def migrations_go_down_and_up_and_verify_says_what_was_changed(t):
    server = t.server()
    fill(server, 3)
    _, err = tool(server, 'migrate', 'to', '1', '-c', server.file, code=1)
    assert 'stop the server' in err, err
    t.eq(server.stop(), 0)
    t.eq(hashes(tool(server, 'migrate', 'status', '-c', server.file)[0])['sqlite'][:3], ['2', '1', '2'])
    path = server.where / 'tocsin.db'
    t.eq(rows(path, 'incidents'), 3)
    tool(server, 'migrate', 'to', '1', '-c', server.file, '--backup', 'before.backup')
    tool(server, 'restore', '--verify', 'before.backup')
    t.eq(rows(path, 'incidents'), 0, 'there is no such view in schema 1')
    tool(server, 'migrate', 'verify', '-c', server.file)
    tool(server, 'migrate', 'up', '-c', server.file)
    t.eq(rows(path, 'incidents'), 3)
    with sqlite3.connect(path) as db:
        db.execute('DROP VIEW timeline')
    _, err = tool(server, 'migrate', 'verify', '-c', server.file, code=1)
    assert 'view timeline is missing or changed' in err, err
    tool(server, 'backup', 'odd.backup', '-c', server.file)
    tool(server, 'migrate', 'to', '1', '-c', server.file)
    tool(server, 'migrate', 'up', '-c', server.file)
    tool(server, 'migrate', 'verify', '-c', server.file)
    _, err = tool(server, 'migrate', 'to', '99', '-c', server.file, code=1)
    assert 'no schema 99' in err, err


@test
def fsck_finds_what_somebody_planted(t):
    server = stopped(t, 6)
    tool(server, 'fsck', '-c', server.file)
    with sqlite3.connect(server.where / 'tocsin.db') as db:
        ident, body = db.execute("SELECT id,body FROM incident WHERE body NOT LIKE '%\"status\"%' LIMIT 1").fetchone()
        db.execute('UPDATE incident SET due=NULL WHERE id=?', (ident,))
        db.execute("DELETE FROM entry WHERE id=?", (ident + '/000001',))
        page = db.execute('SELECT id FROM page LIMIT 1').fetchone()[0]
        db.execute("UPDATE page SET body='{' WHERE id=?", (page,))
    out, err = tool(server, 'fsck', '-c', server.file, code=1)
    assert 'incident %s has no due time' % ident in out, out
    assert 'incident %s counts' % ident in out and 'number 1 is not there' in out, out
    assert 'page %s is no JSON' % page in out, out
    found = json.loads(tool(server, 'fsck', '-c', server.file, '-o', 'json', code=1)[0])
    t.eq(found['faults_found'], len(found['faults']))
    assert all(f['cure'] and f['what'] and f['id'] for f in found['faults']), found['faults']


@test
def the_limits_of_retention_are_seen_and_kept(t):
    server = t.server(retention={'incidents': '90d'})
    fill(server, 6)
    out, _ = tool(server, 'config', 'show', server.file)
    assert 'incidents: 90d' in out and 'events: 30d' in out, out
    until(lambda: tool(server, 'storage', 'info', '-c', server.file)[0], 10)
    wide = hashes(tool(server, 'storage', 'info', '-c', server.file, '-o', 'csv')[0].replace('"', '').replace(',', '\t').replace('\r', ''))
    t.eq(wide['incident'][0], '6')
    assert wide['alert'][4] and wide['incident'][4], 'resolved ones say when they will be forgotten: %r' % wide
    assert not wide['page'][4], 'pages go with their incident'


@test
def what_is_not_understood_is_answered_with_what_is_near(t):
    server = t.server(start=False)
    for args, says in ((('storage', 'copy', '--from', 'sqlit:a', '--to', 'json:b'), 'did you mean `sqlite:`'),
                       (('storage', 'copy', '--from', server.file), '--from and --to are both needed'),
                       (('storage', 'copy', '--from', 'sqlite:a', '--to', 'sqlite:a'), 'the same store'),
                       (('migrate', 'to', 'two', '-c', server.file), 'not `two`'),
                       (('backup',), 'something is missing')):
        _, err = tool(server, *args, code=2)
        assert says in err, err
    _, err = tool(server, 'fsck', '-c', server.file, code=1)
    assert 'there is no store at' in err, err
    t.eq(command('fsck', '--from', 'sqlite:none.db', cwd=server.where, env=server.env)[0], 1)
    assert not (server.where / 'none.db').exists()


@test
def a_store_that_is_kept_from_us_is_not_called_missing(t):
    server = t.server(start=False)
    (server.where / 'loop').symlink_to('loop')              # what root, too, cannot get behind
    for store in 'sqlite:loop', 'sqlite:loop/tocsin.db', 'json:loop', 'json:loop/journal':
        for command_of in ('fsck',), ('migrate', 'status'), ('backup', 'a.backup'):
            _, err = tool(server, *command_of, '--from', store, code=1)
            assert 'cannot be looked at: Too many levels' in err, err
