"""Queries a second through pgbench: prepared statements, 1 and 2 clients.

The query vector is read by number from the table of queries, inside the
statement, so that the client sends an integer.
"""

import os
import re
import subprocess

from context import median, uses_index
from progress import say

CLIENTS = (1, 2)
MAX_REPS = 3


def script(bench, method):
    return ('SELECT id FROM %s ORDER BY v %s (SELECT v FROM queries '
            'WHERE id = :qid) LIMIT %d'
            % (bench.table(method), bench.operator, bench.options.limit))


def run_pgbench(bench, path, settings, clients):
    server = bench.server
    command = [server.program('pgbench'), '-n', '-M', 'prepared',
               '-f', path, '-c', str(clients), '-j', str(clients),
               '-T', str(bench.options.pgbench_seconds),
               '--random-seed=42', settings.pop('database')]
    done = subprocess.run(command, capture_output=True, text=True,
                          env=server.environment(settings),
                          **server.as_owner)
    found = re.search(r'^tps = ([0-9.]+)', done.stdout, re.M)
    if done.returncode or not found:
        raise RuntimeError('pgbench failed: ' + done.stderr[-1000:])
    return float(found.group(1))


class Point:
    """A method at one setting."""

    def __init__(self, bench, method, setting, path):
        self.method = method
        self.setting = setting
        self.path = path
        self.tps = {clients: [] for clients in CLIENTS}
        self.settings = dict(method.session(), **setting.values)
        statement = script(bench, method).replace(':qid', '1')
        cursor = bench.use(method, setting)
        self.forced = not uses_index(cursor, statement, bench.index(method))
        if self.forced:
            self.settings['enable_seqscan'] = 'off'
        with open(path, 'w', encoding='ascii') as file:
            file.write('\\set qid random(1, %d)\n%s;\n'
                       % (len(bench.data.test), script(bench, method)))
        os.chmod(path, 0o644)

    def run(self, bench, clients):
        return run_pgbench(bench, self.path, dict(
            self.settings, database=self.method.database), clients)

    def figures(self):
        figures = {'method': self.method.label, 'setting': self.setting.label,
                   'planner_forced': self.forced}
        for clients in CLIENTS:
            figures['qps_%d' % clients] = median(self.tps[clients])
        return figures


def measure(bench):
    points = []
    for method in bench.methods:
        bench.ensure_index(method)
        for number, setting in enumerate(method.sweep(bench.data.rows)):
            path = os.path.join(bench.server.socket, '%s_%d.sql'
                                % (method.slug, number))
            points.append(Point(bench, method, setting, path))
    for point in points:        # warm-up
        point.run(bench, 1)
    for _ in range(min(bench.options.reps, MAX_REPS)):
        for point in points:
            for clients in CLIENTS:
                point.tps[clients].append(point.run(bench, clients))
    figures = [point.figures() for point in points]
    for line in figures:
        say('pgbench %s %s: %.0f queries/s, 2 clients %.0f', line['method'],
            line['setting'], line['qps_1'], line['qps_2'])
    return figures
