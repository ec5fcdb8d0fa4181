"""The figures that this extension is to reach, beside what was measured.

A goal whose part did not run gives no line.  Nothing here is measured; it
only reads results.
"""

METHOD = 'vectordb-flat'
FEW_DIMS = 128
LEVEL = 1.05                    # growth in three rounds that is still level


def lines_of(part, method=METHOD):
    """Result lines of a part that belong to our index."""
    if not isinstance(part, list):
        return []
    return [line for line in part if line['method'].split()[0] == method]


def faster(parts, dims):
    wanted = 30 if dims <= FEW_DIMS else 15
    for line in lines_of(parts.get('search')):
        if line['faster']:
            yield ('exact search against the sequential scan',
                   '%.1f times faster (%.2f ms)'
                   % (line['faster'], line['ms']),
                   '%d times' % wanted, line['faster'] >= wanted)


def agreement(parts, _dims):
    for line in lines_of(parts.get('agree')):
        yield ('answers equal to the sequential scan, %s' % line['metric'],
               '%d of %d queries' % (line['agreeing'], line['queries']),
               'all', line['agreeing'] == line['queries'])


def growing(parts, _dims):
    for line in lines_of(parts.get('growing')):
        for state, wanted in (('growing', 4), ('reorganised', 2)):
            measured = line[state]['ms']
            yield ('search of %s rows, %s' % (format(line['rows'], ','),
                                              state),
                   '%.2f ms' % measured, 'under %d ms' % wanted,
                   measured < wanted)


def insert(parts, _dims):
    for part in ('insert', 'insert-wide'):
        for line in lines_of(parts.get(part)):
            wanted = 100000 if line['dims'] <= FEW_DIMS else 30000
            rates = line['rows_per_second']
            yield ('COPY with the index, %d dimensions, one backend'
                   % line['dims'],
                   '%s rows/s binary, %s text'
                   % (format(int(rates['binary']), ','),
                      format(int(rates['text']), ',')),
                   '%s rows/s' % format(wanted, ','),
                   rates['binary'] >= wanted)
            yield ('WAL of the index against the heap\'s, %d dimensions'
                   % line['dims'],
                   '%.2f' % line['index_wal_to_heap'], 'at most 0.50',
                   line['index_wal_to_heap'] <= 0.5)


def fetched(parts, _dims):
    for line in lines_of(parts.get('fetched')):
        yield ('heap rows fetched per row returned, LIMIT %d' % line['limit'],
               '%.2f' % line['fetched_per_row'], 'at most 1.50',
               line['fetched_per_row'] <= 1.5)


def size(parts, _dims):
    for line in lines_of(parts.get('build')):
        yield ('index size against raw float32', '%.3f' % line['bytes_to_raw'],
               'at most 0.400', line['bytes_to_raw'] <= 0.4)


def vacuum(parts, _dims):
    for line in lines_of(parts.get('vacuum')):
        yield ('VACUUM after deleting 25 %% of %s rows'
               % format(line['rows'], ','),
               '%.2f s, %.2f times the table alone'
               % (line['vacuum_seconds'], line['times_bare']),
               '10 s, 2 times',
               line['vacuum_seconds'] <= 10 and line['times_bare'] <= 2)


def update(parts, _dims):
    for line in lines_of(parts.get('update')):
        curve = line['index_to_fresh']
        yield ('index after %d updates of every row' % len(curve),
               'at most %.2f times the fresh one, %.2f at the end'
               % (max(curve), curve[-1]), 'below 3 times, level',
               max(curve) < 3 and curve[-1] <= LEVEL * curve[-4])


def reached(dataset):
    """Tuples (what, measured, goal, whether it is reached)."""
    for goal in (faster, agreement, growing, insert, fetched, size, vacuum,
                 update):
        yield from goal(dataset['parts'], dataset['dims'])
