"""The benchmark: reads the command line, runs the parts, writes the report.

A part that fails is reported and the next one runs; results are written
after every part, so that a run that is broken off leaves what it measured.
The exit status tells whether every part succeeded.
"""

import os
import shlex
import signal
import sys
import tempfile
import traceback

import data as datasets
import machine
import measure_agree
import measure_build
import measure_growing
import measure_insert
import measure_library
import measure_pgbench
import measure_plans
import measure_search
import measure_vacuum
import methods
import options as command_line
import report
from context import Bench
from install import Tree
from methods.base import Library
from progress import say
from server import Server

MEASURES = {
    'build': measure_build.measure,
    'search': measure_search.measure,
    'pgbench': measure_pgbench.measure,
    'fetched': measure_agree.measure_fetched,
    'agree': measure_agree.measure,
    'growing': measure_growing.measure,
    'insert': measure_insert.measure,
    'insert-wide': measure_insert.measure_wide,
    'vacuum': measure_vacuum.measure,
    'update': measure_vacuum.measure_update,
    'library': measure_library.measure,
    'plans': measure_plans.measure,
}
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def install_extensions(tree, options, chosen):
    """Copy the server's tree and put into it what the methods need."""
    say('copying the server\'s programs')
    tree.copy()
    needed = {m.extension for m in chosen if not isinstance(m, Library)}
    if 'vectordb' in needed:
        tree.install('vectordb', options.vectordb or REPOSITORY)
    if 'vector' in needed and options.pgvector:
        tree.install('vector', options.pgvector)
    for extension in needed:
        tree.require(extension)


def read_data(path, options):
    say('reading %s', os.path.basename(path))
    data = datasets.load(path, options.metric)
    if options.dims:
        data = datasets.widen(data, options.dims, options.parents)
    return datasets.cut(data, options.rows, options.queries)


def describe_server(server, chosen):
    """Versions, and every setting that is not the default."""
    connection = server.connect('postgres')
    cursor = connection.cursor()
    cursor.execute('SHOW server_version')
    versions = {'postgresql': cursor.fetchone()[0]}
    cursor.execute('SELECT name, default_version FROM '
                   'pg_available_extensions WHERE name = ANY(%s)',
                   ([m.extension for m in chosen
                     if not isinstance(m, Library)],))
    for name, version in cursor.fetchall():
        versions[name] = '%s (%s)' % (version, server.tree.sources[name])
    cursor.execute("SELECT name, current_setting(name) FROM pg_settings WHERE "
                   "name = ANY(%s) ORDER BY name",
                   (list(server.settings) + ['block_size', 'data_checksums'],))
    settings = dict(cursor.fetchall())
    connection.close()
    return versions, settings


def run_parts(bench, result, write):
    """Every part that was asked for; returns whether all succeeded."""
    succeeded = True
    for part in bench.options.parts:
        say('== %s: %s', bench.data.name, part)
        try:
            result['parts'][part] = MEASURES[part](bench)
        except Exception as error:
            succeeded = False
            traceback.print_exc()
            say('part %s failed: %s', part, error)
            result['parts'][part] = {'error': str(error).strip()}
            bench.connections.clear()
        write()
    return succeeded


def run_all(server, options, chosen, results):
    succeeded = True
    write = lambda: report.write(results, options.out, options.docs)  # noqa
    for path in options.data:
        data = read_data(path, options)
        result = dict(data.describe(), parts={})
        results['datasets'].append(result)
        bench = Bench(options, server, data, chosen)
        bench.prepare()
        succeeded &= run_parts(bench, result, write)
        bench.close()
    return succeeded


def shown_command(argv):
    """The command without the folders of this machine."""
    return 'test/bench/run ' + ' '.join(
        shlex.quote(os.path.basename(word.rstrip('/')))
        for word in argv)


def main(argv):
    if '--list' in argv:
        print('\n'.join(sorted(methods.ALL)))
        return 0
    _, options = command_line.parse(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.umask(0o022)
    chosen = [methods.create(text) for text in options.methods]
    results = {'command': shown_command(argv), 'machine': machine.describe(),
               'repetitions': options.reps, 'limit': options.limit,
               'datasets': []}
    with tempfile.TemporaryDirectory(prefix='vdbbench-work-') as temporary:
        work = os.path.abspath(options.work or temporary)
        os.makedirs(work, exist_ok=True)
        if not options.work:
            os.chmod(work, 0o755)
        tree = Tree(work, options.pg_config)
        install_extensions(tree, options, chosen)
        server = Server(tree, work, options)
        try:
            server.start(sorted({m.preload for m in chosen
                                 if getattr(m, 'preload', None)}))
            results['versions'], results['settings'] = describe_server(
                server, chosen)
            succeeded = run_all(server, options, chosen, results)
        finally:
            server.stop()
    say('written: %s', os.path.join(options.out, 'results.md'))
    return 0 if succeeded else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
