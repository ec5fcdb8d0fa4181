"""Do index answers equal the sequential scan's; how many rows were fetched.

Agreement means: the same distances at the same places, bit for bit, and the
same rows wherever a group of equal distances is complete.  Of the last group
LIMIT may cut any rows, so there only the distances have to agree.
"""

import math
import queue
import threading

from context import search_sql, uses_index
from methods.base import OPERATORS
from progress import Counter, say

CHUNK = 10                      # queries in one statement
THREADS = 2
SHOWN = 5                       # disagreements kept in the result


def same(a, b):
    if a is None or b is None:
        return a is b
    return a == b or (math.isnan(a) and math.isnan(b))


def disagreement(expected, got, limit):
    """What is wrong with an answer, lists of (row, distance), or None."""
    if len(expected) != len(got):
        return '%d rows instead of %d' % (len(got), len(expected))
    for place, (want, have) in enumerate(zip(expected, got)):
        if not same(want[1], have[1]):
            return 'place %d has row %s at %r instead of row %s at %r' % (
                place + 1, have[0], have[1], want[0], want[1])
    if len({row for row, _ in got}) != len(got):
        return 'a row is returned twice'
    start = 0
    while start < len(expected):
        end = start
        while end < len(expected) and same(expected[start][1],
                                           expected[end][1]):
            end += 1
        cut = end == len(expected) == limit
        if not cut and {row for row, _ in expected[start:end]} != \
                {row for row, _ in got[start:end]}:
            return 'places %d to %d have other rows' % (start + 1, end)
        start = end
    return None


class Comparison:
    """The queries of one metric, shared out to threads."""

    def __init__(self, bench, method, metric):
        self.bench = bench
        self.method = method
        self.metric = metric
        self.total = min(bench.options.agree_queries, len(bench.data.test))
        self.chunks = queue.Queue()
        for first in range(1, self.total + 1, CHUNK):
            self.chunks.put((first, min(first + CHUNK - 1, self.total)))
        self.lock = threading.Lock()
        self.agreeing = 0
        self.rows = 0
        self.wrong = []
        self.failed = []
        self.progress = Counter('%s %s' % (method.label, metric))

    def statement(self, first, last):
        return search_sql(OPERATORS[self.metric],
                          self.bench.table(self.method),
                          self.bench.options.limit, first, last,
                          'q.id, s.id, s.d')

    def answers(self, cursor, first, last):
        cursor.execute(self.statement(first, last))
        answers = {query: [] for query in range(first, last + 1)}
        for query, row, distance in cursor.fetchall():
            answers[query].append((row, distance))
        return answers

    def work(self, force):
        connection = self.bench.server.connect(self.method.database)
        try:
            cursor = connection.cursor()
            cursor.execute('SET enable_memoize = off')
            while not self.failed:
                first, last = self.chunks.get_nowait()
                cursor.execute('SET enable_indexscan = off; '
                               'SET enable_seqscan = on')
                expected = self.answers(cursor, first, last)
                cursor.execute('SET enable_indexscan = on; '
                               'SET enable_seqscan = %s'
                               % ('off' if force else 'on'))
                self.compare(expected, self.answers(cursor, first, last))
        except queue.Empty:
            pass
        except Exception as error:  # handed to the main thread
            self.failed.append(error)
        finally:
            connection.close()

    def compare(self, expected, got):
        with self.lock:
            for query, rows in expected.items():
                wrong = disagreement(rows, got[query],
                                     self.bench.options.limit)
                self.rows += len(rows)
                if wrong:
                    self.wrong.append('query %d: %s' % (query, wrong))
                else:
                    self.agreeing += 1
            self.progress(self.agreeing + len(self.wrong), self.total)

    def run(self, force):
        threads = [threading.Thread(target=self.work, args=(force,))
                   for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failed:
            raise self.failed[0]


def measure(bench):
    figures = []
    for method in bench.index_methods:
        if not method.exact:
            continue
        bench.ensure_index(method)
        for metric in bench.options.agree_metrics:
            figures.append(compare_metric(bench, method, metric))
    return figures


def compare_metric(bench, method, metric):
    cursor = bench.use(method)
    index = bench.index(method)
    own = metric == bench.data.metric
    if not own:
        index = 'agree_' + metric
        bench.build_index(cursor, method, index, bench.table(method), metric)
    comparison = Comparison(bench, method, metric)
    statement = comparison.statement(1, CHUNK)
    force = not uses_index(cursor, statement, index)
    if force:
        cursor.execute('SET enable_seqscan = off')
        if not uses_index(cursor, statement, index):
            raise RuntimeError('%s is not read for %s' % (index, metric))
    comparison.run(force)
    if not own:
        cursor.execute('DROP INDEX ' + index)
    say('%s %s: %d of %d queries agree with the sequential scan',
        method.label, metric, comparison.agreeing, comparison.total)
    for wrong in comparison.wrong[:SHOWN]:
        say('  %s', wrong)
    return {'method': method.label, 'metric': metric,
            'queries': comparison.total, 'agreeing': comparison.agreeing,
            'rows': comparison.rows, 'limit': bench.options.limit,
            'wrong': comparison.wrong[:SHOWN], 'planner_forced': force}


def measure_fetched(bench):
    """Index entries read and heap rows fetched, per row returned."""
    figures = []
    for method in bench.index_methods:
        bench.ensure_index(method)
        for setting in method.sweep(bench.data.rows):
            figures.append(fetched(bench, method, setting))
            say('%s %s: %.3f heap rows fetched per row returned',
                method.label, setting.label,
                figures[-1]['fetched_per_row'])
    return figures


def counters(cursor, index):
    cursor.execute('SELECT pg_stat_get_xact_tuples_returned(%s::regclass), '
                   'pg_stat_get_xact_tuples_fetched(%s::regclass)',
                   (index, index))
    return cursor.fetchone()


def fetched(bench, method, setting):
    cursor = bench.use(method, setting)
    index = bench.index(method)
    nqueries = min(bench.options.agree_queries, len(bench.data.test))
    statement = search_sql(bench.operator, bench.table(method),
                           bench.options.limit, 1, nqueries, 'count(*)')
    if not uses_index(cursor, statement, index):
        cursor.execute('SET enable_seqscan = off')
    cursor.execute('BEGIN')
    read_before, fetched_before = counters(cursor, index)
    cursor.execute(statement)
    rows = cursor.fetchone()[0]
    read_after, fetched_after = counters(cursor, index)
    cursor.execute('COMMIT')
    return {'method': method.label, 'setting': setting.label,
            'limit': bench.options.limit, 'queries': nqueries, 'rows': rows,
            'read_per_row': (read_after - read_before) / rows,
            'fetched_per_row': (fetched_after - fetched_before) / rows}
