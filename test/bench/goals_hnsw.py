"""The figures that the access method hnsw is to reach, beside measured ones.

A goal whose part did not run gives no line.  Nothing here is measured.
"""

OURS = 'vectordb-hnsw'
PGVECTOR = 'pgvector-hnsw'
HNSWLIB = 'hnswlib'
FEW_DIMS = 128
MANY_DIMS = 768


def lines_of(parts, part, method, **wanted):
    """Result lines of a part for one method."""
    content = parts.get(part)
    if not isinstance(content, list):
        return []
    return [line for line in content if line['method'].split()[0] == method
            and all(line.get(key) == value for key, value in wanted.items())]


def equal_recall(parts, dims):
    for wanted in (0.95, 0.97, 0.99):
        for rival, goal in ((PGVECTOR, 12 if dims <= FEW_DIMS else 8),
                            (HNSWLIB, 1)):
            for x in lines_of(parts, 'hnsw-search', rival, wanted=wanted):
                if x['times_ours'] is not None:
                    yield ('time of %s to ours, one statement, recall %g'
                           % (rival, wanted), '%.2f' % x['times_ours'],
                           'at least %d' % goal, x['times_ours'] >= goal)


def pgbench(parts, _dims):
    for wanted in (0.95, 0.99):
        for x in lines_of(parts, 'hnsw-pgbench', PGVECTOR, wanted=wanted):
            if x['times_1'] is not None:
                yield ('queries/s to pgvector\'s, pgbench, recall %g' % wanted,
                       '%.2f with one client, %.2f with two'
                       % (x['times_1'], x['times_2']), 'at least 8',
                       min(x['times_1'], x['times_2']) >= 8)


def pages(parts, dims):
    for wanted, most in ((0.95, 90), (0.99, 170)):
        for x in lines_of(parts, 'hnsw-pages', OURS, wanted=wanted):
            if dims <= FEW_DIMS:
                yield ('distinct index pages of a query, recall %g' % wanted,
                       '%.1f' % x['pages'], 'at most %d' % most,
                       x['pages'] <= most)
            rows = 2 if dims >= MANY_DIMS else 1.5
            yield ('heap rows fetched per row returned, recall %g' % wanted,
                   '%.2f' % x['fetched_per_row'], 'at most %g' % rows,
                   x['fetched_per_row'] <= rows)


def build(parts, dims):
    for rival, goal in ((PGVECTOR, 5), (HNSWLIB, 2)):
        for x in lines_of(parts, 'hnsw-build', rival):
            if x['times_ours'] is not None:
                yield ('build time of %s to ours' % rival,
                       '%.2f' % x['times_ours'], 'at least %d' % goal,
                       x['times_ours'] >= goal)
    for x in lines_of(parts, 'hnsw-build', PGVECTOR):
        if x['size_to_ours'] is not None:
            most = 1.25 if dims <= FEW_DIMS else 1.0
            yield ('index size to pgvector\'s', '%.2f'
                   % (1 / x['size_to_ours']), 'at most %g' % most,
                   1 / x['size_to_ours'] <= most)


def default(parts, _dims):
    for x in lines_of(parts, 'hnsw-default', OURS):
        yield ('recall at default settings, %s' % x['queries'],
               '%.4f' % x['recall'], '0.95 to 0.985',
               0.95 <= x['recall'] <= 0.985)


def filters(parts, _dims):
    for x in lines_of(parts, 'hnsw-filter', OURS):
        yield ('filter that keeps %g %%' % (x['share'] * 100),
               'recall %.4f, %.2f rows of %d'
               % (x['recall'], x['rows'], x['limit']),
               'at least 0.95, all rows',
               x['recall'] >= 0.95 and x['rows'] >= x['limit'])


def growth(parts, _dims):
    for x in lines_of(parts, 'hnsw-growth', OURS):
        yield ('time with five times the rows', '%.2f times' % x['ratio'],
               'at most 1.35', x['ratio'] <= 1.35)


def cold(parts, _dims):
    for x in lines_of(parts, 'hnsw-cold', PGVECTOR):
        if x['times_ours'] is not None:
            yield ('first queries after a start, time of pgvector to ours',
                   '%.1f' % x['times_ours'], 'at least 10',
                   x['times_ours'] >= 10)


def reached(dataset):
    """Tuples (what, measured, goal, whether it is reached)."""
    for goal in (equal_recall, pgbench, pages, build, default, filters,
                 growth, cold):
        yield from goal(dataset['parts'], dataset['dims'])
