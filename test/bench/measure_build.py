"""Build time, size and WAL of each index."""

from context import column_storage, median
from progress import say


def measure(bench):
    return [measure_method(bench, method, bench.options.reps)
            for method in bench.index_methods]


def measure_method(bench, method, reps):
    """Built so many times, the first included; once where it is slow."""
    runs = [bench.ensure_index(method)]
    cursor = bench.use(method)
    index, table = bench.index(method), bench.table(method)
    for _ in range(0 if method.slow_build else reps - 1):
        cursor.execute('DROP INDEX ' + index)
        runs.append(bench.build_index(cursor, method, index, table))
    seconds = median([run['seconds'] for run in runs])
    say('%s: built in %.1f s, %.3f of the raw vectors', method.label,
        seconds, runs[-1]['bytes'] / bench.data.raw_bytes)
    return {
        'method': method.label,
        'options': method.options,
        'seconds': seconds,
        'seconds_all': [run['seconds'] for run in runs],
        'rows_per_second': bench.data.rows / seconds,
        'bytes': runs[-1]['bytes'],
        'bytes_to_raw': runs[-1]['bytes'] / bench.data.raw_bytes,
        'wal_bytes': median([run['wal_bytes'] for run in runs]),
        'column_storage': column_storage(cursor, table),
    }
