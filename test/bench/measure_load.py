"""Maintenance: all rows by COPY into an empty table that has an index.

Then nothing is called; it is waited until nothing is pending.  Beside it the
index that CREATE INDEX makes of the same rows, and how fast both are searched
where they answer equally well.  Where inserting is known to be slow, a
fiftieth of the rows goes into an index of half of them, and the time of all
is reckoned from that.
"""

import os
import time

import numpy as np

import copyfile
from context import median, relation_bytes, timed
from curve import WANTED, Target, ratio_at, time_at
from maintenance import segments_of, serve, settle
from measure_insert import SLOW_DIVISOR
from progress import say

REPETITIONS = 3


def measure(bench):
    figures = []
    for method in bench.index_methods:
        serve(bench, method)
        load = load_slow if method.slow_insert else load_all
        figures.append(load(bench, method))
    add_ratios(figures)
    return figures


def copy_rows(bench, cursor, table, first, count):
    """Seconds of a COPY of so many rows from a file on the server."""
    path = os.path.join(bench.server.socket, 'load.data')
    copyfile.write(path, True, np.arange(first, first + count),
                   bench.data.train)
    os.chmod(path, 0o644)
    cursor.execute('CHECKPOINT')
    seconds = timed(cursor, "COPY %s FROM '%s' WITH (FORMAT binary)"
                    % (table, path))
    os.remove(path)
    return seconds


def load_slow(bench, method):
    rows = bench.data.rows
    cursor, table = bench.use(method), 'load_' + method.slug
    bench.copy_table(cursor, table, rows // 2)
    bench.build_index(cursor, method, 'i' + table, table)
    copied = max(rows // SLOW_DIVISOR, 1)
    seconds = copy_rows(bench, cursor, table, rows // 2, copied)
    cursor.execute('DROP TABLE ' + table)
    say('%s: %d rows in %.1f s', method.label, copied, seconds)
    return {'method': method.label, 'rows': rows, 'copied': copied,
            'copy_seconds': seconds * rows / copied,
            'rows_per_second': copied / seconds,
            'total': seconds * rows / copied}


def load_all(bench, method):
    """Load, wait, compare with CREATE INDEX."""
    rows = bench.data.rows
    cursor, table = bench.use(method), 'load_' + method.slug
    fresh_table = table + '_fresh'
    bench.create_table(cursor, table)
    cursor.execute(method.create_index('i' + table, table,
                                       bench.data.metric))
    seconds = copy_rows(bench, cursor, table, 0, rows)
    start = time.perf_counter()
    say('%s: %d rows in %.1f s', method.label, rows, seconds)
    settled = settle(bench, method, 'i' + table, start)
    bench.copy_table(cursor, fresh_table)
    fresh = bench.build_index(cursor, method, 'i' + fresh_table, fresh_table)
    figures = {
        'method': method.label, 'rows': rows, 'copied': rows,
        'copy_seconds': seconds, 'rows_per_second': rows / seconds,
        'settled': settled, 'total': total(seconds, settled['done']),
        'create_index_seconds': fresh['seconds'],
        'index_bytes': relation_bytes(cursor, 'i' + table),
        'fresh_bytes': fresh['bytes'],
        'fresh_segments': segments_of(cursor, 'i' + fresh_table)}
    figures['searches'] = compare_searches(bench, method, table, fresh_table)
    cursor = bench.use(method)
    cursor.execute('DROP TABLE %s, %s' % (table, fresh_table))
    say('%s: %s; settled %s s after COPY, CREATE INDEX %.1f s', method.label,
        settled['segments'], settled['done'], fresh['seconds'])
    return figures


def total(seconds, done):
    return None if done is None else seconds + done


def compare_searches(bench, method, table, fresh_table):
    """Times of both at each wanted recall, and the ratio."""
    targets = [Target(bench, method, name, 'i' + name, bench.data,
                      bench.kth()) for name in (table, fresh_table)]
    settings = [s for s in method.sweep(bench.data.rows) if s.values]
    recalls = [[at.recall(setting) for setting in settings] for at in targets]
    turns = [[], []]
    for _ in range(min(bench.options.reps, REPETITIONS)):
        seconds = [[], []]
        for setting in settings:
            for which, at in enumerate(targets):
                seconds[which].append(at.seconds(setting))
        for which in (0, 1):
            turns[which].append(list(zip(recalls[which], seconds[which])))
    return [compare_at(turns, wanted) for wanted in WANTED]


def compare_at(turns, wanted):
    loaded, fresh = ([time_at(turn, wanted)[0] for turn in which]
                     for which in turns)
    line = {'wanted': wanted, 'ms': None, 'fresh_ms': None,
            'times_fresh': ratio_at(turns[1], turns[0], wanted)}
    if line['times_fresh'] is not None:
        line['ms'], line['fresh_ms'] = median(loaded) * 1e3, \
            median(fresh) * 1e3
        say('  recall %g: %.4f ms, fresh %.4f ms', wanted, line['ms'],
            line['fresh_ms'])
    return line


def add_ratios(figures):
    """How much sooner the first is there than each; first to CREATE INDEX."""
    ours = next((x for x in figures if 'settled' in x), None)
    for x in figures:
        x['times_ours'] = ours and ours['total'] and \
            x['total'] and x['total'] / ours['total']
        if 'settled' in x:
            done = x['settled']['done']
            x['to_create_index'] = done and done / x['create_index_seconds']
