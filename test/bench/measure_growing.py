"""Search time while all rows are fresh, and after they were reorganised.

The index is made on an empty table, then rows are loaded: just fewer than
would seal the growing segment.  Then the method's own function builds what
belongs to sealed rows, and the same searches are timed again.
"""

from context import median, search_sql, timed, uses_index
from data import cut
from measure_search import MIN_QUERIES, PROBE_QUERIES
from progress import say
import numpy as np
import truth

RAW_BYTES = 122880000           # 240,000 rows of 128 dimensions
RECALL_QUERIES = 100
INDEX = 'growing_index'
TABLE = 'growing'


def measure(bench):
    rows = bench.options.growing_rows or RAW_BYTES // (4 * bench.data.dims)
    rows = min(rows, bench.data.rows)
    figures = []
    for method in bench.index_methods:
        if method.build_call:
            figures.append(measure_method(bench, method, rows))
    return figures


def measure_method(bench, method, rows):
    data = cut(bench.data, rows, RECALL_QUERIES)
    kth = truth.kth_distances(data, bench.options.limit)
    cursor = bench.use(method)
    bench.create_table(cursor, TABLE)
    cursor.execute(method.create_index(INDEX, TABLE, bench.data.metric))
    bench.load(cursor, TABLE, np.arange(rows), data.train)
    cursor.execute('ANALYZE ' + TABLE)
    growing = search_state(bench, cursor, data, kth)
    say('%s: %d growing rows, %.3f ms a query', method.label, rows,
        growing['ms'])
    build_seconds = timed(cursor, "SELECT %s('%s')"
                          % (method.build_call, INDEX))
    reorganised = search_state(bench, cursor, data, kth)
    say('%s: reorganised in %.1f s, %.3f ms a query', method.label,
        build_seconds, reorganised['ms'])
    cursor.execute('DROP TABLE ' + TABLE)
    return {'method': method.label, 'rows': rows, 'growing': growing,
            'reorganised': reorganised, 'build_seconds': build_seconds}


def search_state(bench, cursor, data, kth):
    """Time, recall and segments of the table as it is now."""
    limit = bench.options.limit

    def statement(nqueries, columns='count(*)'):
        return search_sql(bench.operator, TABLE, limit, 1, nqueries, columns)

    if not uses_index(cursor, statement(PROBE_QUERIES), INDEX):
        raise RuntimeError('the planner does not choose the index')
    timed(cursor, statement(PROBE_QUERIES))
    each = timed(cursor, statement(PROBE_QUERIES)) / PROBE_QUERIES
    nqueries = min(max(int(bench.options.statement_seconds / each),
                       MIN_QUERIES), len(bench.data.test))
    seconds = [timed(cursor, statement(nqueries)) / nqueries
               for _ in range(bench.options.reps + 1)][1:]
    cursor.execute(statement(len(data.test), 'q.id, s.id'))
    answers = [[] for _ in data.test]
    for query, row in cursor.fetchall():
        answers[query - 1].append(row)
    return {'ms': median(seconds) * 1e3, 'queries': nqueries,
            'ms_all': [s * 1e3 for s in seconds],
            'recall': truth.recall(data, kth, answers, limit),
            'segments': segments(cursor)}


def segments(cursor):
    """Rows of vectordb.segments, as far as that view exists."""
    cursor.execute("SELECT to_regclass('vectordb.segments') IS NOT NULL")
    if not cursor.fetchone()[0]:
        return None
    cursor.execute('SELECT row_to_json(s) FROM vectordb.segments s '
                   'WHERE indexrelid = %s::regclass', (INDEX,))
    return [row[0] for row in cursor.fetchall()]
