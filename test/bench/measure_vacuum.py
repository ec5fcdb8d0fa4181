"""Deletes and updates: seconds of VACUUM, and how large the index becomes."""

import numpy as np

from context import median, relation_bytes, timed, wal_position, wal_since
from measure_insert import SLOW_DIVISOR
from progress import say

ROUNDS = 10
SLOW_VACUUM_DIVISOR = 5


class Target:
    """A table that is vacuumed: without an index, or with a method's."""

    def __init__(self, bench, database, method, rows):
        self.bench = bench
        self.database = database
        self.method = method
        self.rows = rows
        self.label = method.label if method else 'no index'
        self.table = 'vac_' + (method.slug if method else 'none')
        self.index = 'i' + self.table if method else None
        self.cursor = bench.connection(database).cursor()
        self.cursor.execute('RESET ALL')

    def prepare(self):
        self.bench.copy_table(self.cursor, self.table, self.rows)
        if self.method:
            self.bench.build_index(self.cursor, self.method, self.index,
                                   self.table)

    def delete_and_vacuum(self):
        """Delete every fourth row; seconds of both commands."""
        delete = timed(self.cursor, 'DELETE FROM %s WHERE id %% 4 = 0'
                       % self.table)
        self.cursor.execute('CHECKPOINT')
        before = wal_position(self.cursor)
        vacuum = timed(self.cursor, 'VACUUM ' + self.table)
        return {'delete_seconds': delete, 'vacuum_seconds': vacuum,
                'vacuum_wal_bytes': wal_since(self.cursor, before)}

    def update_all(self):
        """Move every row by the same small step, then VACUUM.

        A step keeps the rows as they lie to each other.  Exchanged vectors
        would not do: some indexes store rows of equal vectors once.
        """
        step = float(np.abs(self.bench.data.train[:1000]).mean()) * 1e-3
        update = timed(
            self.cursor, "UPDATE %s SET v = v + '[%s]'::vector"
            % (self.table, ','.join(['%g' % step] * self.bench.data.dims)))
        vacuum = timed(self.cursor, 'VACUUM ' + self.table)
        return update, vacuum

    def sizes(self):
        return {'table_bytes': relation_bytes(self.cursor, self.table),
                'index_bytes': self.index and
                relation_bytes(self.cursor, self.index)}

    def drop(self):
        self.cursor.execute('DROP TABLE ' + self.table)


def measure(bench):
    """DELETE of 25 % and VACUUM, each method beside the bare table."""
    figures = []
    for method in bench.index_methods:
        rows = min(bench.options.vacuum_rows or bench.data.rows,
                   bench.data.rows)
        if method.slow_insert:
            rows = max(rows // SLOW_VACUUM_DIVISOR, 1)
        bare_runs, runs = [], []
        for _ in range(1 if method.slow_build else bench.options.reps):
            for chosen, kept in ((None, bare_runs), (method, runs)):
                target = Target(bench, method.database, chosen, rows)
                target.prepare()
                kept.append(target.delete_and_vacuum())
                target.drop()
                say('VACUUM of %d rows, %s: %.2f s', rows, target.label,
                    kept[-1]['vacuum_seconds'])
        figures.append(summary(method, rows, bare_runs, runs))
    return figures


def summary(method, rows, bare_runs, runs):
    def middle(which, name):
        return median([run[name] for run in which])

    return {'method': method.label, 'database': method.database,
            'rows': rows, 'repetitions': len(runs),
            'delete_seconds': middle(runs, 'delete_seconds'),
            'vacuum_seconds': middle(runs, 'vacuum_seconds'),
            'vacuum_wal_bytes': middle(runs, 'vacuum_wal_bytes'),
            'bare_delete_seconds': middle(bare_runs, 'delete_seconds'),
            'bare_vacuum_seconds': middle(bare_runs, 'vacuum_seconds'),
            'times_bare': median([a['vacuum_seconds'] / b['vacuum_seconds']
                                  for a, b in zip(runs, bare_runs)])}


def measure_update(bench):
    """Every row updated ten times with VACUUM between."""
    figures = []
    for method in bench.index_methods:
        rows = bench.options.update_rows
        if method.slow_insert:
            rows //= SLOW_DIVISOR
        target = Target(bench, method.database, method,
                        max(min(rows, bench.data.rows), 1))
        target.prepare()
        fresh = target.sizes()
        curve = []
        for number in range(ROUNDS):
            update, vacuum = target.update_all()
            curve.append(dict(target.sizes(), update_seconds=update,
                              vacuum_seconds=vacuum))
            say('%s: update %d, index %.2f of the fresh one', method.label,
                number + 1, curve[-1]['index_bytes'] / fresh['index_bytes'])
        target.drop()
        figures.append({
            'method': method.label, 'rows': target.rows, 'fresh': fresh,
            'rounds': curve,
            'index_to_fresh': [line['index_bytes'] / fresh['index_bytes']
                               for line in curve],
            'table_to_fresh': [line['table_bytes'] / fresh['table_bytes']
                               for line in curve]})
    return figures
