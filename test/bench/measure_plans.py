"""Does the planner choose the faster plan?

For tables of several sizes, LIMITs and filters: the estimated cost and the
time of the search through the index and of the sequential scan with a sort,
what the planner takes when both are allowed, and by how much that is slower
than the other.  The filters go by a column that has nothing to do with the
vectors.

Times are those of EXPLAIN ANALYZE without the clock of each node: the best of
the repetitions, then the median of the queries.  Planning is not in them.
"""

import json

from context import median
from progress import say

LIMITS = (1, 10, 100, 1000, 5000, 10000)
PERCENTS = (50, 10, 1, 0.1, 0)
FILTER_LIMIT = 10
QUERIES = 5
WRONG = 1.5                     # times slower than the other plan
ENOUGH_MS = 200                 # after these a query is not repeated

BOTH, BY_INDEX, BY_SORT = 'both', 'index', 'sort'
DISABLED = {BOTH: (), BY_INDEX: ('enable_seqscan', 'enable_sort'),
            BY_SORT: ('enable_indexscan',)}


def measure(bench):
    """One line for each size, LIMIT and filter of each index method."""
    lines = []
    for method in bench.index_methods:
        sizes = [n for n in bench.options.plan_rows if n <= bench.data.rows]
        for rows in sizes:
            table = 'plans_' + method.slug
            cursor = bench.use(method)
            prepare_table(bench, cursor, table, rows)
            bench.build_index(cursor, method, 'i' + table, table)
            lines += measure_table(bench, cursor, method, table, rows)
            cursor.execute('DROP TABLE ' + table)
    return lines


def prepare_table(bench, cursor, table, rows):
    """The first rows, with a random number below 100,000 in each."""
    cursor.execute('DROP TABLE IF EXISTS ' + table)
    cursor.execute('CREATE TABLE %s (id int, r int, v vector(%d))'
                   % (table, bench.data.dims))
    if bench.options.storage:
        cursor.execute('ALTER TABLE %s ALTER v SET STORAGE %s'
                       % (table, bench.options.storage))
    cursor.execute('INSERT INTO %s SELECT id, abs(hashint4(id) %% 100000), v '
                   'FROM items WHERE id < %d' % (table, rows))
    cursor.execute('VACUUM ANALYZE ' + table)


def measure_table(bench, cursor, method, table, rows):
    cases = [('LIMIT %d' % limit, 'true', limit)
             for limit in LIMITS if limit <= rows]
    cases += [('%g %% pass, LIMIT %d' % (percent, FILTER_LIMIT),
               'r < %d' % (percent * 1000), FILTER_LIMIT)
              for percent in PERCENTS]
    lines = []
    for what, condition, limit in cases:
        lines.append(dict(measure_case(bench, cursor, table, condition,
                                       limit),
                          method=method.label, rows=rows, what=what))
        say('%s, %d rows, %s: %s', method.label, rows, what,
            describe(lines[-1]))
    return lines


def measure_case(bench, cursor, table, condition, limit):
    cost = dict.fromkeys(DISABLED, 0.0)
    times = {BY_INDEX: [], BY_SORT: []}
    chosen = []
    for query in bench.data.test[:QUERIES]:
        statement = ("SELECT id FROM %s WHERE %s ORDER BY v %s '[%s]' "
                     "LIMIT %d" % (table, condition, bench.operator,
                                   ','.join(map(str, query)), limit))
        for way in DISABLED:
            plan = explain(cursor, way, '', statement)['Plan']
            cost[way] = plan['Total Cost']
            if way == BOTH:
                chosen.append(BY_SORT if has_node(plan, 'Sort') else BY_INDEX)
        for way in (BY_SORT, BY_INDEX):
            times[way].append(best_time(bench, cursor, way, statement))
    result = {'cost_index': cost[BY_INDEX], 'cost_sort': cost[BY_SORT],
              'ms_index': median(times[BY_INDEX]),
              'ms_sort': median(times[BY_SORT]), 'chosen': chosen[-1]}
    other = BY_SORT if result['chosen'] == BY_INDEX else BY_INDEX
    result['slower'] = (result['ms_' + result['chosen']] /
                        result['ms_' + other])
    result['wrong'] = result['slower'] > WRONG
    return result


def best_time(bench, cursor, way, statement):
    """Milliseconds of the executor."""
    times = []
    while len(times) <= bench.options.reps and sum(times) < ENOUGH_MS:
        times.append(explain(cursor, way, 'ANALYZE, TIMING OFF, ',
                             statement)['Execution Time'])
    return min(times)


def explain(cursor, way, options, statement):
    for name in {n for names in DISABLED.values() for n in names}:
        cursor.execute('SET %s = %s'
                       % (name, 'off' if name in DISABLED[way] else 'on'))
    cursor.execute('EXPLAIN (%sFORMAT JSON) %s' % (options, statement))
    plan = cursor.fetchone()[0]
    return (json.loads(plan) if isinstance(plan, str) else plan)[0]


def has_node(plan, kind):
    return plan['Node Type'] == kind or \
        any(has_node(child, kind) for child in plan.get('Plans', []))


def describe(line):
    return ('index %.2f ms (cost %.0f), sort %.2f ms (cost %.0f), %s chosen%s'
            % (line['ms_index'], line['cost_index'], line['ms_sort'],
               line['cost_sort'], line['chosen'],
               ', WRONG by %.1f' % line['slower'] if line['wrong'] else ''))
