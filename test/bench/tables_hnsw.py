"""Markdown tables of the parts about graphs."""

from tables import megabytes, number, table


def optional(value, digits, suffix=''):
    return '' if value is None else number(value, digits) + suffix


def build(part):
    return table(
        ['index', 'options', '>seconds', '>of ours', '>rows/s', '>MB',
         '>of ours', '>size to raw float32'],
        [(x['method'], ', '.join('%s = %s' % o for o in x['options'].items()),
          number(x['seconds'], 1), optional(x['times_ours'], 2),
          number(x['rows_per_second']), megabytes(x['bytes']),
          optional(x['size_to_ours'], 2), number(x['bytes_to_raw'], 3))
         for x in part])


def search(part):
    lines = table(
        ['method', 'setting', '>recall', '>ms a query', '>queries/s',
         '>queries'],
        [(x['method'] + (' (planner forced)' if x['planner_forced'] else ''),
          x['setting'], number(x['recall'], 4), number(x['ms'], 4),
          number(x['qps']), x['queries'])
         for x in part if 'wanted' not in x])
    equal = [x for x in part if 'wanted' in x]
    if equal:
        lines += ['', 'At equal recall, between the points of a curve. A '
                  'recall in parentheses: that of the first point, where all '
                  'answer better than wanted.', '']
        lines += table(
            ['recall', 'method', '>ms a query', '>times ours'],
            [('%g' % x['wanted'], x['method'], at_recall(x),
              optional(x['times_ours'], 2)) for x in equal])
    return lines


def at_recall(x):
    if x['ms'] is None:
        return 'not reached'
    if x['recall'] > x['wanted']:
        return '%s (%.4f)' % (number(x['ms'], 4), x['recall'])
    return number(x['ms'], 4)


def default(part):
    return table(
        ['method', 'queries', '>how many', '>recall', '>ms a query'],
        [(x['method'], x['queries'], x['count'], number(x['recall'], 4),
          number(x['ms'], 3)) for x in part])


def pgbench(part):
    return table(
        ['recall', 'method', 'setting', '>measured recall',
         '>queries/s, 1 client', '>2 clients', '>ours to it, 1 client',
         '>2 clients'],
        [('%g' % x['wanted'],
          x['method'] + (' (planner forced)' if x['planner_forced'] else ''),
          x['setting'], number(x['recall'], 4), number(x['qps_1']),
          number(x['qps_2']), optional(x['times_1'], 2),
          optional(x['times_2'], 2)) for x in part])


def pages(part):
    return table(
        ['recall', 'method', 'setting', '>measured recall',
         '>distinct index pages', '>median', '>index page accesses',
         '>heap rows per row returned'],
        [('%g' % x['wanted'], x['method'], x['setting'],
          number(x['recall'], 4), number(x['pages'], 1),
          number(x['pages_median']), number(x['accesses'], 1),
          number(x['fetched_per_row'], 2)) for x in part])


def filtered(part):
    return table(
        ['rows kept', 'method', 'setting', '>recall', '>rows of %d'
         % (part[0]['limit'] if part else 10), '>ms a query', '>queries',
         'planner'],
        [('%g %%' % (x['share'] * 100), x['method'], x['setting'],
          number(x['recall'], 4), number(x['rows'], 2), number(x['ms'], 3),
          x['queries'],
          'takes it' if x['planner_chooses_it'] else 'would not')
         for x in part])


def growth(part):
    return table(
        ['method', '>rows', '>ms a query', '>recall', '>rows', '>ms a query',
         '>recall', '>times'],
        [(x['method'],
          *[cell for few in (0, 1) for cell in
            (number(x['rows'][few]), number(x['ms'][few], 4),
             number(x['recalls'][few], 4))],
          number(x['ratio'], 2)) for x in part])


def cold(part):
    return table(
        ['method', 'setting', '>recall', '>first queries', '>ms a query',
         '>times ours'],
        [(x['method'], x['setting'], number(x['recall'], 4), x['queries'],
          number(x['ms'], 2), optional(x['times_ours'], 1)) for x in part])


# title, function, sentence below the title
PARTS = {
    'hnsw-build': ('Build', build,
                   'Two processes or threads. hnswlib builds from an array '
                   'in memory, the others from a table.'),
    'hnsw-search': ('Search in one statement', search,
                    'hnswlib is called directly, all queries in one call, '
                    'one thread, without a server.'),
    'hnsw-default': ('Nothing set', default, ''),
    'hnsw-pgbench': ('Search through pgbench', pgbench,
                     'Prepared statements; each method is set to the same '
                     'recall.'),
    'hnsw-pages': ('Pages and rows read by a query', pages,
                   'Index pages without the heap\'s, each counted once: '
                   'reads with a buffer cache that other pages filled before '
                   'every query.'),
    'hnsw-filter': ('With a filter', filtered,
                    'The filter is independent of the distance. Time and '
                    'recall are those of the index, also where the planner '
                    'would read the table instead.'),
    'hnsw-growth': ('Five times as many rows', growth,
                    'Each set to a recall of 0.95.'),
    'hnsw-cold': ('First queries after a start', cold,
                  'Server stopped, the system\'s cache dropped, server '
                  'started; one statement.'),
}
