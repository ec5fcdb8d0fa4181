"""The benchmark: reads the command line, runs the parts, writes the report.

A part that fails is reported and the next one runs; results are written
after every part, so that a run that is broken off leaves what it measured.
The exit status tells whether every part succeeded.
"""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import traceback

import data as datasets
import machine
import measure_agree
import measure_build
import measure_delete
import measure_growing
import measure_hnsw_build
import measure_hnsw_cold
import measure_hnsw_default
import measure_hnsw_filter
import measure_hnsw_growth
import measure_hnsw_pages
import measure_hnsw_pgbench
import measure_hnsw_search
import measure_insert
import measure_library
import measure_load
import measure_mix
import measure_pgbench
import measure_plans
import measure_search
import measure_stream
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
    'hnsw-build': measure_hnsw_build.measure,
    'hnsw-search': measure_hnsw_search.measure,
    'hnsw-default': measure_hnsw_default.measure,
    'hnsw-pgbench': measure_hnsw_pgbench.measure,
    'hnsw-pages': measure_hnsw_pages.measure,
    'hnsw-filter': measure_hnsw_filter.measure,
    'hnsw-growth': measure_hnsw_growth.measure,
    'hnsw-cold': measure_hnsw_cold.measure,
    'stream': measure_stream.measure,
    'stream-fast': measure_stream.measure_fast,
    'load': measure_load.measure,
    'delete': measure_delete.measure,
    'mix': measure_mix.measure,
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
    if options.vectorchord:
        tree.add_built('vchord', options.vectorchord)
    for extension in needed:
        tree.require(extension)


def read_data(path, options, dims):
    say('reading %s', os.path.basename(path))
    data = datasets.load(path, options.metric)
    if dims:
        data = datasets.widen(data, dims, options.parents)
    data = datasets.cut(data, options.rows, options.queries)
    for more in options.more_queries:
        if datasets.query_dims(more) == data.dims:
            data.add_queries(more)
    return data


def to_measure(options):
    """File, dimensions to widen to, and parts of each data set."""
    for path in options.data:
        yield path, options.dims, options.parts
        if options.also_dims and datasets.has_parents(path, options.parents):
            yield path, options.also_dims, options.also_parts


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
    for method in chosen:
        if isinstance(method, Library) and method.version():
            versions[method.label] = method.version()
    cursor.execute("SELECT name, current_setting(name) FROM pg_settings WHERE "
                   "name = ANY(%s) ORDER BY name",
                   (list(server.settings) + ['block_size', 'data_checksums'],))
    settings = dict(cursor.fetchall())
    connection.close()
    return versions, settings


def run_parts(bench, parts, result, write):
    """Every part that was asked for; returns whether all succeeded."""
    succeeded = True
    for part in parts:
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
    for path, dims, parts in to_measure(options):
        data = read_data(path, options, dims)
        result = dict(data.describe(), parts={})
        results['datasets'].append(result)
        bench = Bench(options, server, data, chosen)
        bench.prepare()
        succeeded &= run_parts(bench, parts, result, write)
        bench.close()
    return succeeded


def has_extension(options, name):
    """Is it installed for the server?"""
    folder = subprocess.run([options.pg_config, '--sharedir'], check=True,
                            capture_output=True, text=True).stdout.strip()
    return os.path.exists(os.path.join(folder, 'extension',
                                       name + '.control'))


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
    if options.methods == command_line.GRAPHS and (
            options.vectorchord or has_extension(options, 'vchord')):
        chosen.append(methods.create('vchordrq'))
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
