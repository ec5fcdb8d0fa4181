"""Markdown tables of the parts about maintenance."""

from tables import megabytes, number, table
from tables_hnsw import optional


def seconds(value):
    return 'not reached' if value is None else number(value, 1)


def percentiles(x):
    return [number(x[name], 3) for name in ('p50', 'p99')] \
        + [number(x['max'], 1)]


def stream(part):
    lines = table(
        ['index', '>rows before', '>p50 idle, ms', '>p99', '>longest',
         '>p50 with inserts, ms', '>p99', '>longest', '>times p50',
         '>times p99', '>recall', '>searches', '>empty statement, ms',
         '>longest pause, ms'],
        [(name(x), number(x['base']), *percentiles(x['idle']),
          *percentiles(x['busy']),
          *[number(x['busy'][p] / x['idle'][p], 2) for p in ('p50', 'p99')],
          number(x['recall'], 4), number(x['busy']['searches']),
          number(x['idle']['loop'], 3), number(x['pause'], 1))
         for x in part])
    lines += [''] + inserts(part)
    lines += [''] + table(
        ['index', '>minute', '>searches', '>p50, ms', '>p99', '>longest'],
        [(x['method'], minute['minute'], number(minute['searches']),
          *percentiles(minute)) for x in part for minute in x['minutes']])
    return lines + [''] + segment_lines(part)


def name(x):
    return x['method'] + (' (planner forced)' if x['planner_forced'] else '')


def inserts(part):
    """Each index, and the table without one where that was measured."""
    rows = []
    for x in part:
        for label, run in ((x['method'], x['inserts']),
                           (x['method'] + ', table without index',
                            x.get('bare'))):
            if run:
                rows.append((
                    label, number(run['rows']),
                    number(run['rows_per_second']),
                    number(run['wanted_per_second']),
                    *[number(run['wait_' + which], 2)
                      for which in ('p50', 'p99', 'max')],
                    run['waits_over_50'], number(run['late_max'], 3),
                    number(run['late_end'], 3)))
    return table(
        ['inserts into', '>rows', '>rows/s', '>wanted', '>wait p50, ms',
         '>p99', '>longest', '>over 50 ms', '>late by at most, s',
         '>at the end'], rows)


def segment_lines(part):
    rows = []
    for x in part:
        if x['segments_at_end'] is not None:
            settled = x['settled']
            rows.append((x['method'], x['segments_at_end'],
                         seconds(settled['only_growing']),
                         seconds(settled['done']), settled['segments'],
                         x['late'] or 'no change'))
    return table(
        ['index', 'segments when inserts end',
         '>s until only few growing rows are left',
         '>s until nothing is pending', 'segments then', 'minutes later'],
        rows)


def load(part):
    lines = table(
        ['index', '>rows', '>COPY, s', '>rows/s',
         '>s until only few growing rows are left',
         '>s until nothing is pending', '>in all, s', '>times ours',
         '>CREATE INDEX, s', '>pending to CREATE INDEX'],
        [(x['method'] + ('' if x['copied'] == x['rows'] else
                         ' (reckoned from %s rows)' % number(x['copied'])),
          number(x['rows']), number(x['copy_seconds'], 2),
          number(x['rows_per_second']),
          *([seconds(x['settled'][when]) for when in ('only_growing', 'done')]
            if 'settled' in x else ['', '']),
          seconds(x['total']), optional(x['times_ours'], 1),
          optional(x.get('create_index_seconds'), 1),
          optional(x.get('to_create_index'), 2)) for x in part])
    loaded = [x for x in part if 'searches' in x]
    lines += [''] + table(
        ['index', 'segments', 'of CREATE INDEX', '>MB', '>of CREATE INDEX'],
        [(x['method'], x['settled']['segments'], x['fresh_segments'],
          megabytes(x['index_bytes']), megabytes(x['fresh_bytes']))
         for x in loaded])
    return lines + [''] + table(
        ['index', '>recall', '>ms a query', '>of CREATE INDEX', '>times'],
        [(x['method'], '%g' % line['wanted'], optional(line['ms'], 4),
          optional(line['fresh_ms'], 4),
          optional(line['times_fresh'], 2))
         for x in loaded for line in x['searches']])


def delete(part):
    return table(
        ['index', '>rows', '>VACUUM, s', '>without index', '>times',
         '>s until nothing is pending', '>REINDEX, s', '>by one process',
         '>MB', '>used', '>after REINDEX', '>used to that'],
        [(x['method'], number(x['rows']), number(x['vacuum_seconds'], 2),
          number(x['bare_vacuum_seconds'], 2), number(x['times_bare'], 2),
          seconds(x['settled']) if x['waits'] else '',
          number(x['reindex_seconds'], 1),
          number(x['reindex_alone_seconds'], 1), megabytes(x['bytes']),
          megabytes(x['used_bytes']), megabytes(x['fresh_bytes']),
          number(x['used_bytes'] / x['fresh_bytes'], 2)) for x in part])


def mix(part):
    return table(
        ['index', 'clients', '>rows before', '>seconds', '>inserts/s',
         '>searches/s',
         '>ours to it, inserts', '>searches', '>both', 'segments at the end'],
        [(x['method'], x['how'], number(x['base']), x['seconds'],
          number(x['inserts'], 1), number(x['searches'], 1),
          *[number(x['times'][which], 2) if x['times'] else ''
            for which in ('inserts', 'searches', 'both')],
          x['segments'] or '') for x in part])


# title, function, sentence below the title
PARTS = {
    'stream': ('Rows come in while others search', stream,
               'Ten rows each time, each time a transaction, one backend; '
               'another one searches without a pause, LIMIT 10, nothing '
               'set.'),
    'stream-fast': ('Rows come in fast', stream,
                    '200 rows each time.'),
    'load': ('Loading an empty table that has an index', load,
             'COPY by one backend; CREATE INDEX by as many processes as the '
             'settings allow.'),
    'delete': ('Deleting a quarter of the rows at random', delete,
               'Used: the file of the index less what it has for later '
               'use.'),
    'mix': ('Two clients insert and search', mix,
            'Apart: one inserts, one searches. In turn: each inserts a row, '
            'searches, and so on. A row is a transaction; commits do not '
            'wait for the disk.'),
}
