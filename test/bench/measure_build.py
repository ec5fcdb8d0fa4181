"""Build time, size and WAL of each index."""

from context import column_storage, median
from progress import say


def measure(bench):
    figures = []
    for method in bench.index_methods:
        first = bench.ensure_index(method)
        runs = [first]
        cursor = bench.use(method)
        index, table = bench.index(method), bench.table(method)
        for _ in range(0 if method.slow_build else bench.options.reps - 1):
            cursor.execute('DROP INDEX ' + index)
            runs.append(bench.build_index(cursor, method, index, table))
        seconds = median([run['seconds'] for run in runs])
        figures.append({
            'method': method.label,
            'options': method.options,
            'seconds': seconds,
            'seconds_all': [run['seconds'] for run in runs],
            'rows_per_second': bench.data.rows / seconds,
            'bytes': runs[-1]['bytes'],
            'bytes_to_raw': runs[-1]['bytes'] / bench.data.raw_bytes,
            'wal_bytes': median([run['wal_bytes'] for run in runs]),
            'column_storage': column_storage(cursor, table),
        })
        say('%s: built in %.1f s, %.3f of the raw vectors', method.label,
            seconds, figures[-1]['bytes_to_raw'])
    return figures
