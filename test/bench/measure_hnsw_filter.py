"""Graphs: searches with a filter that has nothing to do with the distance.

The filter is a hash of the row's number below a limit.  Extended statistics
on that expression let both planners know how many rows it keeps.  The index
is measured also where the planner would rather read the table; the figures
say what it chose.
"""

import numpy as np

from context import median, timed, uses_index
from curve import target
from progress import say
from truth import kth_distances, recall

SHARES = (0.5, 0.1, 0.01, 0.001)
QUERIES = 200
MIN_QUERIES = 20
PROBE = 5
SECONDS = 1
REPETITIONS = 3
EXPRESSION = '(hashint4(id) & 1048575)'


def condition(share):
    return '%s < %d' % (EXPRESSION, round(share * 1048576))


def measure(bench):
    methods = [m for m in bench.index_methods if m.filter_sweep()]
    for method in methods:
        add_statistics(bench, target(bench, method))
    figures = []
    for share in SHARES:
        kept, kth = truth_of(bench, methods[0], share)
        for method in methods:
            for setting in method.filter_sweep():
                line = measure_point(bench, method, setting, share, kth)
                figures.append(dict(line, share=share, rows_kept=kept))
                say('%g %% of the rows, %s %s: recall %.4f, %.1f rows, '
                    '%.3f ms', share * 100, method.label, setting.label,
                    line['recall'], line['rows'], line['ms'])
    return figures


def add_statistics(bench, at):
    cursor = bench.use(at.method)
    name = 'bucket_' + at.table
    cursor.execute('DROP STATISTICS IF EXISTS ' + name)
    cursor.execute('CREATE STATISTICS %s ON %s FROM %s'
                   % (name, EXPRESSION, at.table))
    cursor.execute('ANALYZE ' + at.table)


def truth_of(bench, method, share):
    """Rows that the filter keeps; distances of the k-th nearest of them."""
    cursor = bench.use(method)
    cursor.execute('SELECT id FROM %s WHERE %s'
                   % (bench.table(method), condition(share)))
    rows = np.array([row[0] for row in cursor.fetchall()])
    data = bench.data.with_rows(rows).with_queries(0, QUERIES)
    return len(rows), kth_distances(data, bench.options.limit)


def measure_point(bench, method, setting, share, kth):
    at = target(bench, method)
    where = condition(share)
    chosen = at.is_read(where)
    cursor = at.cursor(setting)
    cursor.execute('SET enable_seqscan = off')
    if not uses_index(cursor, at.statement('count(*)', where=where),
                      at.index):
        raise RuntimeError('%s does not read its index with a filter'
                           % method.label)

    def statement(nqueries):
        return at.statement('q.id, s.id', 1, nqueries, where)

    each = timed(cursor, statement(PROBE)) / PROBE
    nqueries = int(min(max(SECONDS / max(each, 1e-9), MIN_QUERIES),
                       len(kth)))
    seconds = [timed(cursor, statement(nqueries)) / nqueries
               for _ in range(REPETITIONS)]
    answers = [[] for _ in range(nqueries)]
    for query, row in cursor.fetchall():
        answers[query - 1].append(row)
    return {'method': method.label, 'setting': setting.label,
            'queries': nqueries, 'ms': median(seconds) * 1e3,
            'recall': recall(bench.data, kth, answers, bench.options.limit),
            'rows': sum(map(len, answers)) / nqueries,
            'limit': bench.options.limit, 'planner_chooses_it': chosen}
