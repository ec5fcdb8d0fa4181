"""Graphs: the first queries of a server that has just been started.

The server is stopped and the system's cache of its files dropped.  A new
session plans the statement once, which reads the catalogues and loads the
library, and then runs the first QUERIES in one statement.
"""

import os

from context import median, timed
from curve import target, turnable
from progress import say

WANTED = 0.95
QUERIES = 200
REPETITIONS = 3
DROP_CACHES = '/proc/sys/vm/drop_caches'


class Cache:
    """Drops what the system keeps of files; remembers how."""

    def __init__(self, folder):
        self.folder = folder
        self.how = None

    def drop(self):
        os.sync()
        try:
            with open(DROP_CACHES, 'w', encoding='ascii') as file:
                file.write('3\n')
            self.how = 'drop_caches'
        except OSError:
            self.how = 'posix_fadvise, as drop_caches is not permitted'
            for folder, _, names in os.walk(self.folder):
                for name in names:
                    forget(os.path.join(folder, name))


def forget(path):
    with open(path, 'rb') as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(bench):
    cache = Cache(bench.server.data)
    chosen = [(method, *target(bench, method).setting_at(WANTED))
              for method in turnable(bench)]
    seconds = {method.slug: [] for method, *_ in chosen}
    for _ in range(min(bench.options.reps, REPETITIONS)):
        for method, setting, _ in chosen:
            seconds[method.slug].append(first_queries(bench, cache, method,
                                                      setting))
            say('%s: cold, %.2f ms a query', method.label,
                seconds[method.slug][-1] * 1e3)
    ours = next((seconds[m.slug] for m, *_ in chosen
                 if m.name == 'vectordb-hnsw'), None)
    return [{'method': method.label, 'setting': setting.label,
             'recall': found, 'queries': count(bench), 'how': cache.how,
             'ms': median(seconds[method.slug]) * 1e3,
             'ms_all': [s * 1e3 for s in seconds[method.slug]],
             'times_ours': ours and median(
                 [b / a for a, b in zip(ours, seconds[method.slug])])}
            for method, setting, found in chosen]


def count(bench):
    return min(QUERIES, len(bench.data.test))


def first_queries(bench, cache, method, setting):
    bench.restart(while_stopped=cache.drop)
    at = target(bench, method)
    cursor = at.cursor(setting)
    statement = at.statement('count(*)', 1, count(bench))
    cursor.execute('EXPLAIN ' + statement)
    return timed(cursor, statement) / count(bench)
