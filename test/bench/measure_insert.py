"""Rows a second by COPY with the index present, and WAL bytes a row.

COPY reads files that lie beside the server, so that no client takes part.
Each repetition loads the table without an index and every indexed one in
turn; WAL of the index is the difference to the table without one.  Rows of
several backends come from as many files at once.
"""

import os
import threading
import time

import numpy as np

import copyfile
from context import (column_storage, median, relation_bytes, timed,
                     wal_position, wal_since)
from data import widen
from progress import say

BACKENDS = (2, 4, 8)
SLOW_DIVISOR = 50
BASE_ROWS = 100000


class Files:
    """Files of rows, each written once for all tables that want it."""

    def __init__(self, folder, data):
        self.folder = folder
        self.data = data
        self.known = {}

    def get(self, binary, first, nrows):
        """Path of the file with rows first, first + 1 ..."""
        key = (binary, first, nrows)
        if key not in self.known:
            path = os.path.join(self.folder, 'copy_%d_%d_%d.data' % key)
            copyfile.write(path, binary, np.arange(first, first + nrows),
                           self.data.train)
            os.chmod(path, 0o644)
            self.known[key] = path
        return self.known[key]

    def remove(self):
        for path in self.known.values():
            os.remove(path)
        self.known = {}


class Target:
    """A table that is loaded: without an index, or with a method's."""

    def __init__(self, bench, files, database, method=None):
        self.bench = bench
        self.files = files
        self.data = files.data
        self.database = database
        self.method = method
        self.label = method.label if method else 'no index'
        self.table = 'ins_' + (method.slug if method else 'none')
        self.cursor = bench.connection(database).cursor()
        self.nrows = bench.options.insert_rows
        if method and method.slow_insert:
            self.nrows = max(self.nrows // SLOW_DIVISOR, 1)
        self.next_id = 0
        self.runs = {}

    def prepare(self):
        base = min(BASE_ROWS, self.data.rows // 2)
        self.cursor.execute('RESET ALL')
        self.bench.create_table(self.cursor, self.table, self.data.dims)
        self.bench.load(self.cursor, self.table, np.arange(base),
                        self.data.train[:base])
        self.next_id = base
        if self.method:
            self.bench.build_index(self.cursor, self.method,
                                   'i' + self.table, self.table)

    def next_files(self, binary, nfiles):
        """Files with the next rows, and how many rows they hold."""
        each = self.nrows // nfiles
        paths = []
        for _ in range(nfiles):
            paths.append(self.files.get(binary, self.next_id, each))
            self.next_id += each
        return paths, each * nfiles

    def command(self, path, binary):
        return "COPY %s FROM '%s' WITH (FORMAT %s)" % (
            self.table, path, 'binary' if binary else 'text')

    def load_one(self, binary):
        """COPY by one backend; remembers rows a second and WAL a row."""
        paths, rows = self.next_files(binary, 1)
        self.cursor.execute('CHECKPOINT')
        before = wal_position(self.cursor)
        seconds = timed(self.cursor, self.command(paths[0], binary))
        wal = wal_since(self.cursor, before)
        key = 'binary' if binary else 'text'
        self.remember(key, rows / seconds, wal / rows)

    def load_several(self, backends):
        """Binary COPY by several backends at once."""
        paths, rows = self.next_files(True, backends)
        connections = [self.bench.server.connect(self.database)
                       for _ in paths]
        barrier = threading.Barrier(backends + 1)
        failed = []

        def work(connection, path):
            try:
                cursor = connection.cursor()
                cursor.execute('SELECT count(*) FROM %s WHERE false'
                               % self.table)
                barrier.wait()
                cursor.execute(self.command(path, True))
            except Exception as error:  # handed to the main thread
                failed.append(error)
                barrier.abort()

        threads = [threading.Thread(target=work, args=pair)
                   for pair in zip(connections, paths)]
        self.cursor.execute('CHECKPOINT')
        for thread in threads:
            thread.start()
        try:
            barrier.wait()
        except threading.BrokenBarrierError:
            pass
        start = time.perf_counter()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - start
        for connection in connections:
            connection.close()
        if failed:
            raise failed[0]
        self.remember(str(backends), rows / seconds, None)

    def remember(self, key, rate, wal):
        self.runs.setdefault(key, []).append((rate, wal))

    def rate(self, key):
        return median([rate for rate, _ in self.runs[key]])

    def wal(self, key):
        return median([wal for _, wal in self.runs[key]])

    def figures(self, bare):
        """All medians; bare is the same database's table without index."""
        heap_wal, own_wal = bare.wal('binary'), self.wal('binary')
        result = {
            'database': self.database, 'method': self.label,
            'dims': self.data.dims, 'rows_per_copy': self.nrows,
            'rows_per_second': {key: self.rate(key) for key in self.runs},
            'rows_per_second_all': {key: [rate for rate, _ in runs]
                                    for key, runs in self.runs.items()},
            'wal_per_row': own_wal,
            'column_storage': column_storage(self.cursor, self.table),
            'table_bytes': relation_bytes(self.cursor, self.table),
        }
        if self.method:
            result['index_wal_per_row'] = own_wal - heap_wal
            result['index_wal_to_heap'] = (own_wal - heap_wal) / heap_wal
            result['index_bytes'] = relation_bytes(self.cursor,
                                                   'i' + self.table)
            result['slower'] = {
                key: median([b[0] / s[0] for b, s in
                             zip(bare.runs[key], self.runs[key])])
                for key in self.runs}
        return result


def measure_data(bench, data):
    files = Files(bench.server.socket, data)
    targets = []
    bare = {}
    for database in bench.databases():
        methods = [m for m in bench.index_methods if m.database == database]
        if methods:
            bare[database] = Target(bench, files, database)
            targets.append(bare[database])
        targets += [Target(bench, files, database, m) for m in methods]
    for target in targets:
        target.prepare()
    for repetition in range(bench.options.reps):
        say('COPY, repetition %d of %d', repetition + 1, bench.options.reps)
        for binary in (False, True):
            for target in targets:
                target.load_one(binary)
            files.remove()
        for backends in BACKENDS:
            for target in targets:
                target.load_several(backends)
            files.remove()
    figures = [target.figures(bare[target.database]) for target in targets]
    for target, line in zip(targets, figures):
        say('%s, %s, %d dimensions: %s rows/s, %d bytes of WAL a row',
            target.database, target.label, data.dims,
            ', '.join('%s %d' % pair for pair in
                      line['rows_per_second'].items()), line['wal_per_row'])
        target.cursor.execute('DROP TABLE ' + target.table)
    return figures


def measure(bench):
    return measure_data(bench, bench.data)


def measure_wide(bench):
    """The same with vectors joined to more dimensions."""
    if bench.options.wide_dims % bench.data.dims:
        say('%d dimensions cannot be joined from %d', bench.options.wide_dims,
            bench.data.dims)
        return []
    return measure_data(bench, widen(bench.data, bench.options.wide_dims))
