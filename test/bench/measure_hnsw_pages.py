"""Graphs: index pages a query reads, each counted once, and heap rows.

EXPLAIN (BUFFERS) adds up index and heap, and counts a page as often as it is
looked at.  So the server runs with a small buffer cache, which before every
query is filled with another table: then each page of the index is a read the
first time and a hit afterwards, and pg_stat_get_xact_blocks_fetched() and
_hit() tell them apart, for the index alone.  That the cache really is
emptied, and large enough for a query, is checked by asking the first query
again: it must read as many pages.
"""

from context import median
from curve import target, turnable
from progress import say

RECALLS = (0.95, 0.99)
QUERIES = 40
CACHE_MB = 32
FILLER_PAGES = 5 * CACHE_MB * 128


def measure(bench):
    wanted = [(method, wanted) + target(bench, method).setting_at(wanted)
              for method in turnable(bench) for wanted in RECALLS]
    bench.restart({'shared_buffers': '%dMB' % CACHE_MB})
    try:
        for database in {method.database for method, *_ in wanted}:
            create_filler(bench.connection(database).cursor())
        figures = [measure_point(bench, *point) for point in wanted]
        for database in {method.database for method, *_ in wanted}:
            bench.connection(database).cursor().execute('DROP TABLE filler')
    finally:
        bench.restart()
    return figures


def create_filler(cursor):
    """One row a page, and enough pages to drive out all others."""
    cursor.execute('CREATE EXTENSION IF NOT EXISTS pg_prewarm')
    cursor.execute('CREATE UNLOGGED TABLE filler (x text)')
    cursor.execute('ALTER TABLE filler ALTER x SET STORAGE PLAIN')
    cursor.execute("INSERT INTO filler SELECT repeat('x', 8000) "
                   'FROM generate_series(1, %d)' % FILLER_PAGES)
    cursor.execute('CHECKPOINT')


def counts(cursor, at):
    """Blocks fetched and hit of the index, rows fetched by it."""
    cursor.execute('SELECT pg_stat_get_xact_blocks_fetched(i), '
                   'pg_stat_get_xact_blocks_hit(i), '
                   'pg_stat_get_xact_tuples_fetched(i) '
                   'FROM CAST(%s::regclass AS oid) i', (at.index,))
    return cursor.fetchone()


def measure_query(at, setting, query):
    """Distinct index pages, index page accesses, heap rows, rows."""
    cursor = at.cursor(setting)
    cursor.execute("SELECT pg_prewarm('filler')")
    cursor.execute('BEGIN')
    before = counts(cursor, at)
    cursor.execute(at.statement('count(*)', query, query))
    rows = cursor.fetchone()[0]
    fetched, hit, heap = (b - a for a, b in zip(before, counts(cursor, at)))
    cursor.execute('COMMIT')
    return fetched - hit, fetched, heap, rows


def measure_point(bench, method, wanted, setting, recall):
    at = target(bench, method)
    nqueries = min(QUERIES, at.nqueries)
    measure_query(at, setting, 1)       # catalogues, and what sessions keep
    first = measure_query(at, setting, 1)
    again = measure_query(at, setting, 1)
    if first[0] != again[0] or not first[0]:
        raise RuntimeError('%s: a query read %d pages, then %d'
                           % (method.label, first[0], again[0]))
    found = [measure_query(at, setting, query)
             for query in range(1, nqueries + 1)]
    rows = sum(line[3] for line in found)
    figures = {'method': method.label, 'wanted': wanted, 'recall': recall,
               'setting': setting.label, 'queries': nqueries,
               'pages': sum(line[0] for line in found) / nqueries,
               'pages_median': median([line[0] for line in found]),
               'accesses': sum(line[1] for line in found) / nqueries,
               'fetched_per_row': sum(line[2] for line in found) / rows,
               'shared_buffers': '%dMB' % CACHE_MB}
    say('%s %s: %.1f index pages, %.2f heap rows per row returned',
        method.label, setting.label, figures['pages'],
        figures['fetched_per_row'])
    return figures
