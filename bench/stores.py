"""The stores that the benches measure, by the names of their drivers. A store is a server or nothing, and gives places: empty stores to fill.

    with stores.open('postgres', where) as store:
        place = store.place('new')          place.storage  the part of a configuration, place.words  the same for bench/store and bench/million
        store.environment                   what the server's environment needs
        store.disk(place)                   bytes

Adding one is a class and a line in STORES.
"""
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'tests'))
import servers                                                      # noqa: E402


class Place:
    def __init__(self, driver, where=None, **storage):
        self.where, self.storage = where, {'driver': driver, **storage}
        names = {'path': '--path', 'url': '--path', 'schema': '--table', 'table': '--table', 'endpoint': '--endpoint', 'region': '--region'}
        self.words = [driver] + [word for name, value in storage.items() if name in names for word in (names[name], value)]


class Local:
    """One process at a time, in a directory."""
    is_shared, environment, keeps = False, {}, True

    def __init__(self, driver, where):
        self.driver, self.where = driver, where

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def place(self, name):
        where = self.where / name
        where.mkdir()
        return Place(self.driver, where, path=str(where / ('tocsin.db' if self.driver == 'sqlite' else 'store')))

    def disk(self, place):
        return sum(p.stat().st_size for p in place.where.rglob('*') if p.is_file())


class Memory(Local):
    keeps = False

    def place(self, name):
        return Place(self.driver)


class Postgres:
    """A server of its own with its data on the disk, as it would be in use."""
    is_shared, environment, keeps = True, {}, True

    def __init__(self, driver, where):
        self.driver, self.data = driver, where / 'postgres'
        for directory in [where, *where.parents]:       # its user comes through, and nobody reads what it is not asked for
            if directory.stat().st_uid == os.geteuid() and directory.name.startswith('tocsin-'):
                directory.chmod(0o711)
        self.data.mkdir()
        self.server = servers.Postgres({'shared_buffers': '512MB', 'max_wal_size': '4GB'}, where=self.data)

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *error):
        self.server.close()

    def place(self, name):
        return Place(self.driver, url=self.server.url, schema=name)

    def disk(self, place):
        return int(self.server.sql("SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                                   "WHERE c.relkind = 'r' AND n.nspname = '%s'" % place.storage['schema']))


class Dynamodb:
    """The tests' own server: what is measured is our side of it, and its single thread."""
    is_shared, keeps = True, True

    def __init__(self, driver, where):
        self.driver, self.server, self.environment = driver, servers.Dynamodb(), servers.Dynamodb.credentials

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *error):
        self.server.close()

    def place(self, name):
        return Place(self.driver, table=name, endpoint=self.server.url)

    def disk(self, place):
        return sum(p.stat().st_size for p in self.server.where.rglob('*') if p.is_file())


STORES = {'sqlite': Local, 'json': Local, 'memory': Memory, 'postgres': Postgres, 'dynamodb': Dynamodb}


def open(driver, where):
    return STORES[driver](driver, pathlib.Path(where))
