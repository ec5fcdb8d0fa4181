"""The figures that maintenance is to reach, beside measured ones.

A goal whose part did not run gives no line.  Nothing here is measured.
"""

OURS = 'vectordb-hnsw'
PGVECTOR = 'pgvector-hnsw'
RECALL = 0.95                   # vectordb.target_recall, when nothing is set
LATE = 1.0                      # seconds; more is falling behind
WAIT = 50.0                     # milliseconds


def lines_of(parts, part, method):
    content = parts.get(part)
    if not isinstance(content, list):
        return []
    return [x for x in content if x['method'].split()[0] == method]


def seconds(value):
    return 'not within the time given' if value is None else '%.1f s' % value


def paused(x):
    """What the machine itself may have added to longest times."""
    return '' if x['pause'] < WAIT / 2 else \
        '; the machine paused for %.0f ms' % x['pause']


def stream(parts):
    for x in lines_of(parts, 'stream', OURS):
        rate = '%s rows/s' % format(x['inserts']['wanted_per_second'], ',')
        for name, most in (('p50', 2), ('p99', 4)):
            times = x['busy'][name] / x['idle'][name]
            yield ('%s of searches while %s come in, to the idle index'
                   % (name, rate),
                   '%.2f times (%.3f ms, idle %.3f ms)'
                   % (times, x['busy'][name], x['idle'][name]),
                   'at most %d times' % most, times <= most)
        yield ('recall meanwhile', '%.4f of %d searches'
               % (x['recall'], x['samples']), 'at least %g' % RECALL,
               x['recall'] >= RECALL)
        inserts = x['inserts']
        yield ('the inserter never falls behind',
               '%.3f s late at the end, %.3f s at most%s'
               % (inserts['late_end'], inserts['late_max'], paused(x)),
               'under %g s' % LATE, inserts['late_end'] < LATE)


def fast(parts):
    for x in lines_of(parts, 'stream-fast', OURS):
        inserts = x['inserts']
        yield ('longest wait of an insert at %s rows/s'
               % format(inserts['wanted_per_second'], ','),
               '%.1f ms (%.1f ms without an index%s)'
               % (inserts['wait_max'], x['bare']['wait_max'], paused(x)),
               'at most %g ms' % WAIT, inserts['wait_max'] <= WAIT)
        settled = x['settled']
        yield ('then the final segments, unattended',
               '%s: %s' % (seconds(settled['done']), settled['segments']),
               'reached', settled['done'] is not None
               and 'FAILED' not in settled['segments'])


def load(parts):
    for x in lines_of(parts, 'load', OURS):
        yield ('COPY into an indexed empty table, until searchable',
               '%s rows/s' % format(int(x['rows_per_second']), ','),
               '100,000 rows/s', x['rows_per_second'] >= 100000)
        times = x['to_create_index']
        yield ('until nothing is pending, to CREATE INDEX',
               '%s after COPY, CREATE INDEX %.1f s'
               % (seconds(x['settled']['done']), x['create_index_seconds']),
               'at most 1.5 times', bool(times) and times <= 1.5)
        for line in x['searches']:
            if line['times_fresh'] is not None:
                yield ('then searches at recall %g, to that fresh index'
                       % line['wanted'],
                       '%.2f times' % line['times_fresh'],
                       'at most 1.3 times', line['times_fresh'] <= 1.3)
    for x in lines_of(parts, 'load', PGVECTOR):
        if x['times_ours']:
            yield ('time of inserts into pgvector\'s index to ours until '
                   'optimised', '%.1f' % x['times_ours'], 'at least 10',
                   x['times_ours'] >= 10)


def delete(parts):
    for x in lines_of(parts, 'delete', OURS):
        yield ('VACUUM after deleting 25 %% of %s rows'
               % format(x['rows'], ','),
               '%.2f s, %.2f times the table alone'
               % (x['vacuum_seconds'], x['times_bare']), '10 s, 2 times',
               x['vacuum_seconds'] <= 10 and x['times_bare'] <= 2)
        if x['settled'] is None:
            yield ('compaction', seconds(None), 'at most one build', False)
            continue
        yield ('until compaction is finished, to a build of the same rows',
               '%.2f times (%.1f s; %.2f times the build by one process)'
               % (x['to_reindex'], x['settled'], x['to_reindex_alone']),
               'at most 1', x['to_reindex'] <= 1)
        used, whole = (x[name] / x['fresh_bytes']
                       for name in ('used_bytes', 'bytes'))
        yield ('index afterwards to a fresh one',
               '%.2f times used, file %.2f times' % (used, whole),
               'at most 1.05', used <= 1.05)


def mix(parts):
    for x in lines_of(parts, 'mix', PGVECTOR):
        if x['times']:
            yield ('inserts and searches of two clients, %s, to pgvector\'s'
                   % x['how'],
                   '%.1f times both, %.1f inserts, %.1f searches'
                   % (x['times']['both'], x['times']['inserts'],
                      x['times']['searches']), 'at least 10',
                   x['times']['both'] >= 10)


def reached(dataset):
    """Tuples (what, measured, goal, whether it is reached)."""
    for goal in (stream, fast, load, delete, mix):
        yield from goal(dataset['parts'])
