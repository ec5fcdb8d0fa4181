"""Maintenance: a quarter of the rows deleted, VACUUM, and what follows.

Autovacuum is kept from these tables, so that VACUUM is when it is timed.
What follows is nobody's call; it is compared with REINDEX of what remains, by
as many processes as the server may take, and by one alone.
"""

import time

from context import median, relation_bytes, timed
from maintenance import serve, settle
from measure_vacuum import SLOW_VACUUM_DIVISOR
from progress import say

SHARE = '(hashint4(id) & 3) = 0'
REPETITIONS = 3


def measure(bench):
    figures = []
    for method in bench.index_methods:
        serve(bench, method)
        rows = min(bench.options.delete_rows or bench.data.rows,
                   bench.data.rows)
        if method.slow_insert:
            rows = max(rows // SLOW_VACUUM_DIVISOR, 1)
        count = 1 if method.slow_build else min(bench.options.reps,
                                                REPETITIONS)
        runs = [measure_once(bench, method, rows) for _ in range(count)]
        figures.append(summary(method, rows, runs))
    return figures


def measure_once(bench, method, rows):
    bare = run_table(bench, method, 'del_none', rows, False)
    run = run_table(bench, method, 'del_' + method.slug, rows, True)
    run['bare_vacuum_seconds'] = bare['vacuum_seconds']
    say('%s: VACUUM %.2f s (%.2f s without index), settled after %s s, '
        'REINDEX %.1f s, by one process %.1f s; %.1f MB, %.1f MB used, fresh '
        '%.1f MB', method.label, run['vacuum_seconds'],
        run['bare_vacuum_seconds'], run['settled']['done'],
        run['reindex_seconds'], run['reindex_alone_seconds'],
        run['bytes'] / 1e6, run['used_bytes'] / 1e6, run['fresh_bytes'] / 1e6)
    return run


def run_table(bench, method, table, rows, indexed):
    cursor = bench.use(method)
    bench.copy_table(cursor, table, rows)
    cursor.execute('ALTER TABLE %s SET (autovacuum_enabled = off)' % table)
    if indexed:
        bench.build_index(cursor, method, 'i' + table, table)
    cursor.execute('DELETE FROM %s WHERE %s' % (table, SHARE))
    cursor.execute('CHECKPOINT')
    run = {'vacuum_seconds': timed(cursor, 'VACUUM ' + table)}
    if indexed:
        run.update(after_vacuum(bench, method, cursor, 'i' + table))
    cursor.execute('DROP TABLE ' + table)
    return run


def after_vacuum(bench, method, cursor, index):
    """Wait; sizes before and after REINDEX, and its time."""
    run = {'settled': settle(bench, method, index, time.perf_counter()),
           'bytes': relation_bytes(cursor, index)}
    run['used_bytes'] = run['bytes'] - free_bytes(method, cursor, index)
    run['reindex_seconds'] = timed(cursor, 'REINDEX INDEX ' + index)
    run['fresh_bytes'] = relation_bytes(cursor, index)
    cursor.execute('SET max_parallel_maintenance_workers = 0')
    run['reindex_alone_seconds'] = timed(cursor, 'REINDEX INDEX ' + index)
    cursor.execute('RESET max_parallel_maintenance_workers')
    return run


def free_bytes(method, cursor, index):
    """What the index's file has for later use, where that is known."""
    if not method.unattended_preload:
        return 0
    cursor.execute("SELECT free_size FROM vectordb.index_info('%s')" % index)
    return int(cursor.fetchone()[0])


def summary(method, rows, runs):
    line = {'method': method.label, 'rows': rows, 'runs': runs,
            'waits': bool(method.unattended_preload),
            'times_bare': median([run['vacuum_seconds']
                                  / run['bare_vacuum_seconds']
                                  for run in runs]),
            'settled': None}
    for name in ('vacuum_seconds', 'bare_vacuum_seconds', 'bytes',
                 'used_bytes', 'fresh_bytes', 'reindex_seconds',
                 'reindex_alone_seconds'):
        line[name] = median([run[name] for run in runs])
    done = [run['settled']['done'] for run in runs]
    if method.unattended_preload and None not in done:
        line['settled'] = median(done)
        line['to_reindex'], line['to_reindex_alone'] = (
            median([d / run[name] for d, run in zip(done, runs)])
            for name in ('reindex_seconds', 'reindex_alone_seconds'))
    return line
