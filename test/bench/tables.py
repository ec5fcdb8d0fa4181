"""Markdown tables, one function for each part of the benchmark."""


def number(value, digits=0):
    return format(value, ',.%df' % digits)


def megabytes(value):
    return number(value / 1e6, 1)


def table(titles, rows):
    """Numbers stand to the right: titles that begin with ">"."""
    lines = ['| ' + ' | '.join(t.lstrip('>') for t in titles) + ' |',
             '|' + '|'.join('---:' if t.startswith('>') else '---'
                            for t in titles) + '|']
    lines += ['| ' + ' | '.join(str(c) for c in row) + ' |' for row in rows]
    return lines


def build(part):
    return table(
        ['index', 'options', '>seconds', '>rows/s', '>MB',
         '>size to raw float32', '>WAL MB'],
        [(x['method'],
          ', '.join('%s = %s' % o for o in x['options'].items()),
          number(x['seconds'], 2), number(x['rows_per_second']),
          megabytes(x['bytes']), number(x['bytes_to_raw'], 3),
          megabytes(x['wal_bytes'])) for x in part])


def search(part):
    return table(
        ['method', 'setting', '>recall', '>ms a query', '>queries/s',
         '>times faster', '>queries'],
        [(x['method'] + (' (planner forced)' if x['planner_forced'] else ''),
          x['setting'], number(x['recall'], 4), number(x['ms'], 3),
          number(x['qps'], 1),
          number(x['faster'], 1) if x['faster'] else '', x['queries'])
         for x in part])


def pgbench(part):
    return table(
        ['method', 'setting', '>queries/s, 1 client', '>2 clients'],
        [(x['method'] + (' (planner forced)' if x['planner_forced'] else ''),
          x['setting'], number(x['qps_1'], 1), number(x['qps_2'], 1))
         for x in part])


def fetched(part):
    return table(
        ['method', 'setting', '>index entries per row',
         '>heap rows per row'],
        [(x['method'], x['setting'], number(x['read_per_row'], 3),
          number(x['fetched_per_row'], 3)) for x in part])


def agree(part):
    lines = table(
        ['index', 'metric', '>queries', '>that agree', '>rows compared'],
        [(x['method'], x['metric'], x['queries'], x['agreeing'],
          number(x['rows'])) for x in part])
    wrong = [(x, text) for x in part for text in x['wrong']]
    if wrong:
        lines += [''] + ['- %s, %s, %s' % (x['method'], x['metric'], text)
                         for x, text in wrong]
    return lines


def segments(state):
    kinds = [x['file_type'] for x in state['segments'] or []]
    return ', '.join('%d %s' % (kinds.count(kind), kind)
                     for kind in sorted(set(kinds)))


def growing(part):
    titles = ['index', '>rows', 'state', 'segments', '>ms a query',
              '>recall', '>seconds to get there']
    rows = []
    for x in part:
        for name in ('growing', 'reorganised'):
            state = x[name]
            rows.append((x['method'], number(x['rows']), name,
                         segments(state), number(state['ms'], 3),
                         number(state['recall'], 4),
                         number(x['build_seconds'], 2)
                         if name == 'reorganised' else ''))
    return table(titles, rows)


def insert(part):
    def optional(x, name, digits):
        return number(x[name], digits) if name in x else ''

    def rates(x):
        keys = ['text', 'binary', '2', '4', '8']
        return [number(x['rows_per_second'][key]) for key in keys]

    return table(
        ['database', 'index', '>dimensions', 'storage', '>rows in a COPY',
         '>rows/s, text', '>binary', '>2 backends', '>4', '>8',
         '>WAL bytes a row', '>of the index', '>to the heap\'s'],
        [(x['database'], x['method'], x['dims'], x['column_storage'],
          number(x['rows_per_copy']),
          *rates(x), number(x['wal_per_row']),
          optional(x, 'index_wal_per_row', 0),
          optional(x, 'index_wal_to_heap', 2)) for x in part])


def vacuum(part):
    return table(
        ['index', '>rows', '>DELETE, s', '>without index',
         '>VACUUM, s', '>without index', '>times', '>WAL MB'],
        [(x['method'], number(x['rows']), number(x['delete_seconds'], 2),
          number(x['bare_delete_seconds'], 2),
          number(x['vacuum_seconds'], 2), number(x['bare_vacuum_seconds'], 2),
          number(x['times_bare'], 2), megabytes(x['vacuum_wal_bytes']))
         for x in part])


def update(part):
    count = max((len(x['index_to_fresh']) for x in part), default=0)
    rows = []
    for x in part:
        for what in ('index', 'table'):
            rows.append([x['method'], number(x['rows']), what,
                         megabytes(x['fresh'][what + '_bytes'])]
                        + [number(v, 2) for v in x[what + '_to_fresh']])
    return table(['index', '>rows', 'size of', '>fresh, MB']
                 + ['>%d' % (i + 1) for i in range(count)], rows)


def library(part):
    return table(
        ['library', 'setting', '>recall', '>ms a query', '>queries/s',
         '>build, s', '>MB'],
        [(x['method'], x['setting'], number(x['recall'], 4),
          number(x['ms'], 3), number(x['qps'], 1),
          number(x['build_seconds'], 1), megabytes(x['bytes']))
         for x in part])


def plans(part):
    return table(
        ['index', '>rows', 'search', '>index, ms', '>cost', '>sort, ms',
         '>cost', 'chosen', '>times slower'],
        [(x['method'], number(x['rows']), x['what'], number(x['ms_index'], 2),
          number(x['cost_index']), number(x['ms_sort'], 2),
          number(x['cost_sort']), x['chosen'],
          '**%.1f**' % x['slower'] if x['wrong'] else '') for x in part])


# title, function, sentence below the title
PARTS = {
    'build': ('Build', build, ''),
    'search': ('Search in one statement', search,
               'Times faster than pgvector\'s sequential scan (than our own '
               'where that was not measured), in the same repetitions.'),
    'pgbench': ('Search through pgbench', pgbench, ''),
    'fetched': ('Rows fetched for each row returned', fetched, ''),
    'agree': ('Agreement with the sequential scan', agree, ''),
    'growing': ('Growing rows', growing, ''),
    'insert': ('COPY', insert,
               'More than one backend: binary format. Sums of all backends.'),
    'insert-wide': ('COPY of more dimensions', insert, ''),
    'vacuum': ('Deleting a quarter of the rows', vacuum, ''),
    'update': ('Updating every row ten times, VACUUM after each', update,
               'Size as a multiple of the fresh one, after each round.'),
    'library': ('Libraries without a server, one thread', library, ''),
    'plans': ('Plans', plans,
              'The search through the index and by sequential scan and sort; '
              'by how much the chosen one is slower, if that is wrong.'),
}
