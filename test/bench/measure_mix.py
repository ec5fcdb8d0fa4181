"""Maintenance: inserts and searches at once, by two clients of pgbench.

Apart: one client inserts as fast as it can, the other one searches.  In turn:
each client inserts a row, searches, and so on, so that the mix is the same for
all whatever is slower.  A row is a transaction of its own and comes from a
table of the server, so that the client sends a number.  Commits do not wait
for the disk, for any method, or the disk would be what is measured.
"""

import os
import re
import subprocess

import numpy as np

from context import relation_bytes, uses_index
from maintenance import load_indexed, segments_of, serve, stock
from progress import say

SOURCE = 'mix_source'


def measure(bench):
    figures = [measure_method(bench, method, how)
               for method in bench.index_methods
               for how in ('apart', 'in turn')]
    add_ratios(figures)
    return figures


def measure_method(bench, method, how):
    serve(bench, method)
    base = bench.options.stream_base or bench.data.rows // 2
    more = bench.options.mix_rows
    vectors = stock(bench).first(base + more)
    table = 'mix_' + method.slug
    cursor = load_indexed(bench, method, table, base, vectors)
    load_source(bench, cursor, base, vectors)
    line = dict(run_mix(bench, method, how, table, base), method=method.label,
                how=how, base=base, seconds=bench.options.mix_seconds,
                segments=segments_of(cursor, 'i' + table)
                if method.unattended_preload else None,
                index_bytes=relation_bytes(cursor, 'i' + table))
    cursor.execute('SELECT count(*) FROM ' + table)
    line['inserted'] = cursor.fetchone()[0] - base
    if line['inserted'] > more:
        say('%s: some rows were inserted twice; give more --mix-rows',
            method.label)
    cursor.execute('DROP TABLE %s, %s' % (table, SOURCE))
    say('%s, %s: %.1f inserts/s, %.1f searches/s; %s', method.label, how,
        line['inserts'], line['searches'], line['segments'])
    return line


def load_source(bench, cursor, base, vectors):
    """Rows that wait to be inserted, found by their numbers."""
    bench.create_table(cursor, SOURCE)
    bench.load(cursor, SOURCE, np.arange(base, len(vectors)), vectors[base:])
    cursor.execute('ALTER TABLE %s ADD PRIMARY KEY (id)' % SOURCE)
    cursor.execute('VACUUM ANALYZE ' + SOURCE)


def run_mix(bench, method, how, table, base):
    """Inserts and searches a second."""
    more = bench.options.mix_rows
    search = ('SELECT id FROM %s ORDER BY v %s (SELECT v FROM queries '
              'WHERE id = :query) LIMIT %d;\n'
              % (table, bench.operator, bench.options.limit))
    settings = dict(method.session(), synchronous_commit='off')
    if not uses_index(bench.use(method), search.replace(':query', '1'),
                      'i' + table):
        settings['enable_seqscan'] = 'off'
    search = '\\set query random(1, %d)\n%s' % (len(bench.data.test), search)
    # clients 0 and 1 of one program begin half the rows apart
    insert = ('\\set row :row + 1\nINSERT INTO %s SELECT id, v FROM %s '
              'WHERE id = %d + (:row + :client_id * %d) %% %d;\n'
              % (table, SOURCE, base, more // 2, more))
    if how == 'in turn':
        both = run_all(bench, method, settings, {'both': (insert + search, 2)})
        return {'inserts': both['both'], 'searches': both['both']}
    tps = run_all(bench, method, settings, {'insert': (insert, 1),
                                            'search': (search, 1)})
    return {'inserts': tps['insert'], 'searches': tps['search']}


def run_all(bench, method, settings, scripts):
    """Transactions a second of each script, all run at the same time."""
    server, running = bench.server, {}
    for name, (text, clients) in scripts.items():
        path = os.path.join(server.socket, 'mix_%s.sql' % name)
        with open(path, 'w', encoding='ascii') as file:
            file.write(text)
        os.chmod(path, 0o644)
        running[name] = subprocess.Popen(
            [server.program('pgbench'), '-n', '-M', 'prepared', '-f', path,
             '-c', str(clients), '-j', str(clients), '-T',
             str(bench.options.mix_seconds), '-D', 'row=-1',
             '--random-seed=42', method.database],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=server.environment(settings), **server.as_owner)
    outputs = {name: process.communicate()
               for name, process in running.items()}
    return {name: tps_of(*output) for name, output in outputs.items()}


def tps_of(output, errors):
    found = re.search(r'^tps = ([0-9.]+)', output, re.M)
    if not found:
        raise RuntimeError('pgbench failed: ' + errors[-1000:])
    return float(found.group(1))


def add_ratios(figures):
    """How many times theirs ours does, of each kind and of both together."""
    for x in figures:
        ours = next((y for y in figures if y['how'] == x['how']
                     and y['method'].startswith('vectordb')), None)
        x['times'] = ours and {
            'inserts': ours['inserts'] / x['inserts'],
            'searches': ours['searches'] / x['searches'],
            'both': (ours['inserts'] + ours['searches'])
            / (x['inserts'] + x['searches'])}
