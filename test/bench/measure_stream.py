"""Maintenance: one backend inserts at a rate while another one searches.

The table has rows and an index that was just made of them; how searches do
on it alone is what those during the stream are compared with.  Afterwards
nothing is called: what the index becomes, it becomes by itself.  The fast
stream runs into a table without an index too, which shows what of the
longest waits is the disk's.
"""

import time

from context import relation_bytes
from maintenance import (Client, Shared, by_minute, insert_loop, insert_plan,
                         latencies, load_indexed, pulse_loop, sampled_recall,
                         search_loop, segments_of, serve, settle, stock,
                         waits_of)
from progress import say

SAMPLES = 400                   # answers compared with the truth
SLOW_BATCH, FAST_BATCH = 10, 200
IDLE_SECONDS = 30


def measure(bench):
    """1,000 rows a second, for a time."""
    options = bench.options
    rows = int(options.stream_rate * options.stream_seconds)
    return [measure_method(bench, method, {
        'rate': options.stream_rate, 'batch': SLOW_BATCH, 'rows': rows,
        'seconds': options.stream_seconds})
        for method in bench.index_methods]


def measure_fast(bench):
    """20,000 rows a second, until so many rows are there."""
    options = bench.options
    figures = []
    for method in bench.index_methods:
        wanted = options.stream_rows / options.fast_rate
        spec = {'rate': options.fast_rate, 'batch': FAST_BATCH,
                'rows': options.stream_rows,
                'seconds': options.settle_seconds
                if method.unattended_preload else options.fast_seconds}
        bare = run_bare(bench, method, dict(
            spec, seconds=min(wanted, options.fast_seconds)))
        figures.append(dict(measure_method(bench, method, spec), bare=bare))
    return figures


def base_rows(bench):
    return bench.options.stream_base or bench.data.rows // 2


def run_bare(bench, method, spec):
    """The same inserts into a table without an index."""
    serve(bench, method)
    vectors = stock(bench).first(base_rows(bench) + spec['rows'])
    cursor = bench.use(method)
    bench.create_table(cursor, 'stream_bare')
    shared = Shared(0)
    run = Client(insert_loop, bench, method.database, 'stream_bare', shared,
                 plan_of(bench, vectors, spec)).result()
    cursor.execute('DROP TABLE stream_bare')
    figures = waits_of(run, spec['rate'])
    say('%s: without an index %d rows/s, longest wait %.1f ms',
        method.database, figures['rows_per_second'], figures['wait_max'])
    return figures


def plan_of(bench, vectors, spec):
    return insert_plan(vectors, base_rows(bench), spec['rate'], spec['batch'],
                       spec['rows'], spec['seconds'])


def measure_method(bench, method, spec):
    serve(bench, method)
    base, table = base_rows(bench), 'stream_' + method.slug
    vectors = stock(bench).first(base + spec['rows'])
    cursor = load_indexed(bench, method, table, base, vectors)
    idle = run_idle(bench, method, table, base,
                    min(IDLE_SECONDS, spec['rows'] / spec['rate']))
    inserted, searched, pause = run_both(bench, method, table, vectors, spec)
    start = time.perf_counter()
    at_end = segments_of(cursor, 'i' + table) \
        if method.unattended_preload else None
    settled = settle(bench, method, 'i' + table, start)
    figures = {
        'method': method.label, 'base': base, 'idle': latencies(idle),
        'busy': latencies(searched), 'minutes': by_minute(searched),
        'planner_forced': searched['forced'],
        'inserts': waits_of(inserted, spec['rate']), 'pause': pause * 1e3,
        'segments_at_end': at_end, 'settled': settled,
        'late': watch_late(bench, method, 'i' + table, settled)}
    figures['recall'] = sampled_recall(bench.data, vectors,
                                       searched['samples'],
                                       bench.options.limit)
    figures['samples'] = len(searched['samples'])
    figures['index_bytes'] = relation_bytes(
        bench.connection(method.database).cursor(), 'i' + table)
    bench.connection(method.database).cursor().execute('DROP TABLE ' + table)
    tell(figures)
    return figures


def run_idle(bench, method, table, base, seconds):
    """Searches of the index as it was made."""
    return Client(search_loop, bench, method, table, Shared(base), seconds,
                  seconds).result()


def run_both(bench, method, table, vectors, spec):
    """An inserter, and a searcher until that one ends; the longest pause."""
    shared = Shared(base_rows(bench))
    length = min(spec['rows'] / spec['rate'], spec['seconds'])
    searcher = Client(search_loop, bench, method, table, shared, 1e9,
                      length / SAMPLES)
    pulse = Client(pulse_loop, shared)
    try:
        inserted = Client(insert_loop, bench, method.database, table, shared,
                          plan_of(bench, vectors, spec)).result()
    finally:
        shared.stop.value = 1
    return inserted, searcher.result(), pulse.result()


def watch_late(bench, method, index, settled):
    """Segments after some more minutes, if they changed."""
    if not method.unattended_preload or not bench.options.late_seconds:
        return None
    time.sleep(bench.options.late_seconds)
    settle(bench, method, index, time.perf_counter())
    late = segments_of(bench.connection(method.database).cursor(), index)
    return None if late == settled['segments'] else late


def tell(x):
    say('%s: idle p50 %.3f ms, p99 %.3f ms; with inserts p50 %.3f, p99 %.3f, '
        'longest %.1f; recall %.4f of %d; %d rows/s of %d, longest wait '
        '%.1f ms, late by %.3f s at the end', x['method'], x['idle']['p50'],
        x['idle']['p99'], x['busy']['p50'], x['busy']['p99'],
        x['busy']['max'], x['recall'], x['samples'],
        x['inserts']['rows_per_second'], x['inserts']['wanted_per_second'],
        x['inserts']['wait_max'], x['inserts']['late_end'])
    say('%s: a process that only sleeps was kept waiting for %.1f ms at most',
        x['method'], x['pause'])
    say('%s: segments at the end of the stream: %s; settled: %s; later: %s',
        x['method'], x['segments_at_end'], x['settled']['segments'],
        x['late'])
