"""One data set in the server: databases, tables, connections, truth.

Every measuring module works on a Bench.  Tables: "items" holds the rows and
is what sequential scans read; each index method has a copy of its own, so
that the planner has one index to choose.  "queries" is numbered from 1.
"""

import json
import statistics
import time

import numpy as np

import truth
from copyfile import Stream
from methods.base import OPERATORS, Library
from progress import Counter, say

PLAIN_BYTES = 8000              # queries up to this are kept out of TOAST


class Bench:
    """What a measuring module is given."""

    def __init__(self, options, server, data, methods):
        self.options = options
        self.server = server
        self.data = data
        self.operator = OPERATORS[data.metric]
        chosen = [m for m in methods if data.metric in m.metrics]
        self.libraries = [m for m in chosen if isinstance(m, Library)]
        self.methods = [m for m in chosen if not isinstance(m, Library)]
        self.index_methods = [m for m in self.methods if m.access_method]
        self.connections = {}
        self.built = {}
        self.targets = {}       # of curve.py
        self.truth = None

    # -- connections and settings

    def connection(self, database):
        """The main connection to a database."""
        if database not in self.connections:
            self.connections[database] = self.server.connect(database)
        return self.connections[database]

    def use(self, method, setting=None, connection=None):
        """A cursor with the session settings of a method."""
        cursor = (connection or self.connection(method.database)).cursor()
        cursor.execute('RESET ALL; SET enable_memoize = off')
        values = dict(method.session(), **(setting.values if setting else {}))
        for name, value in values.items():
            cursor.execute("SELECT set_config(%s, %s, false)",
                           (name, str(value)))
        return cursor

    def restart(self, overrides=None, while_stopped=None):
        """Restart the server, with some settings changed until the next."""
        for connection in self.connections.values():
            connection.close()
        self.connections = {}
        self.server.stop_for_a_while()
        if while_stopped:
            while_stopped()
        self.server.start_again(overrides or {})

    def databases(self):
        return sorted({method.database for method in self.methods})

    def extension(self, database):
        return next(method.extension for method in self.methods
                    if method.database == database)

    # -- tables

    def prepare(self):
        """Create the databases, load rows and queries, compute the truth."""
        for database in self.databases():
            self.server.create_database(database, self.extension(database))
            cursor = self.connection(database).cursor()
            ids = np.arange(self.data.rows)
            say('%s: loading %d rows into %s', self.data.name,
                self.data.rows, database)
            self.create_table(cursor, 'items')
            self.load(cursor, 'items', ids, self.data.train)
            self.create_table(cursor, 'queries')
            if self.data.dims * 4 <= PLAIN_BYTES:
                cursor.execute('ALTER TABLE queries ALTER v '
                               'SET STORAGE PLAIN')
            numbers = np.arange(1, len(self.data.test) + 1)
            self.load(cursor, 'queries', numbers, self.data.test)
            cursor.execute('ALTER TABLE queries ADD PRIMARY KEY (id)')
            cursor.execute('VACUUM ANALYZE items')
            cursor.execute('VACUUM ANALYZE queries')

    def close(self):
        """Drop the databases, so that the next data set begins anew."""
        for connection in self.connections.values():
            connection.close()
        self.connections = {}
        connection = self.server.connect('postgres')
        for database in self.databases():
            connection.cursor().execute(
                'DROP DATABASE IF EXISTS %s WITH (FORCE)' % database)
        connection.close()

    def create_table(self, cursor, table, dims=None):
        cursor.execute('DROP TABLE IF EXISTS %s' % table)
        cursor.execute('CREATE TABLE %s (id int, v vector(%d))'
                       % (table, dims or self.data.dims))
        if self.options.storage:
            cursor.execute('ALTER TABLE %s ALTER v SET STORAGE %s'
                           % (table, self.options.storage))

    def load(self, cursor, table, ids, vectors):
        cursor.copy_expert(
            'COPY %s FROM STDIN WITH (FORMAT binary)' % table,
            Stream(ids, vectors, Counter('loading ' + table)), 1 << 20)

    def copy_table(self, cursor, table, rows=None):
        """A copy of items, or of its first rows."""
        self.create_table(cursor, table)
        cursor.execute('INSERT INTO %s SELECT id, v FROM items WHERE id < %d'
                       % (table, rows or self.data.rows))
        cursor.execute('VACUUM ANALYZE ' + table)

    def table(self, method):
        return 't_' + method.slug if method.access_method else 'items'

    def index(self, method):
        return 'i_' + method.slug if method.access_method else None

    def ensure_index(self, method):
        """Table and index of a method; what building it took."""
        if not method.access_method:
            return None
        if method.slug not in self.built:
            cursor = self.use(method)
            method.adapt(self.data.rows)
            say('%s: copying the table', method.label)
            self.copy_table(cursor, self.table(method))
            self.built[method.slug] = self.build_index(
                cursor, method, self.index(method), self.table(method))
        return self.built[method.slug]

    def build_index(self, cursor, method, index, table, metric=None):
        """CREATE INDEX, timed; seconds, bytes and WAL bytes."""
        say('%s: CREATE INDEX on %s', method.label, table)
        cursor.execute('CHECKPOINT')
        before = wal_position(cursor)
        seconds = timed(cursor, method.create_index(
            index, table, metric or self.data.metric))
        figures = {'seconds': seconds,
                   'bytes': relation_bytes(cursor, index),
                   'wal_bytes': wal_since(cursor, before)}
        say('  %.1f s, %.1f MB', seconds, figures['bytes'] / 1e6)
        return figures

    # -- truth

    def kth(self):
        if self.truth is None:
            say('%s: computing the exact answers', self.data.name)
            self.truth = truth.kth_distances(self.data, self.options.limit)
            if self.data.neighbors is not None:
                agreeing = truth.check_neighbors(self.data, self.truth,
                                                 self.options.limit)
                say('  the file\'s own answer agrees for %d of %d queries',
                    agreeing, len(self.data.neighbors))
        return self.truth


# -- statements that several modules use

def search_sql(operator, table, limit, first, last, columns='s.id',
               where=''):
    """Searches for the queries first..last in one statement."""
    return ('SELECT %s FROM (SELECT id, v FROM queries '
            'WHERE id BETWEEN %d AND %d) q, '
            'LATERAL (SELECT id, v %s q.v AS d FROM %s %s '
            'ORDER BY v %s q.v LIMIT %d) s'
            % (columns, first, last, operator, table,
               'WHERE ' + where if where else '', operator, limit))


def uses_index(cursor, statement, index):
    """Does the plan read that index (any, if None: does it read none)?"""
    cursor.execute('EXPLAIN (FORMAT JSON) ' + statement)
    plan = cursor.fetchone()[0]
    if isinstance(plan, str):
        plan = json.loads(plan)
    names = set(index_names(plan[0]['Plan']))
    names = {name for name in names if not name.startswith('queries')}
    return index in names if index else not names


def index_names(node):
    if 'Index Name' in node:
        yield node['Index Name']
    for child in node.get('Plans', []):
        yield from index_names(child)


def timed(cursor, statement):
    start = time.perf_counter()
    cursor.execute(statement)
    return time.perf_counter() - start


def wal_position(cursor):
    cursor.execute('SELECT pg_current_wal_insert_lsn()')
    return cursor.fetchone()[0]


def wal_since(cursor, before):
    cursor.execute('SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)',
                   (before,))
    return int(cursor.fetchone()[0])


def relation_bytes(cursor, relation):
    """Heap with TOAST, or an index."""
    cursor.execute('SELECT pg_table_size(%s)', (relation,))
    return int(cursor.fetchone()[0])


def column_storage(cursor, table):
    cursor.execute("SELECT CASE attstorage WHEN 'p' THEN 'plain' "
                   "WHEN 'm' THEN 'main' WHEN 'e' THEN 'external' "
                   "ELSE 'extended' END FROM pg_attribute "
                   "WHERE attname = 'v' AND attrelid = %s::regclass", (table,))
    return cursor.fetchone()[0]


def median(values):
    return statistics.median(values)
