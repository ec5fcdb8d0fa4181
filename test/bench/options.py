"""The command line of the benchmark.

Promises that every figure a part uses comes from here, so that the whole
command can be written into the result and run again.
"""

import argparse
import os

PARTS = ['build', 'search', 'pgbench', 'fetched', 'agree', 'growing',
         'insert', 'insert-wide', 'vacuum', 'update', 'library', 'plans']
HNSW_PARTS = ['hnsw-build', 'hnsw-search', 'hnsw-default', 'hnsw-pgbench',
              'hnsw-pages', 'hnsw-filter', 'hnsw-growth', 'hnsw-cold']
MAINTENANCE_PARTS = ['stream', 'stream-fast', 'load', 'delete', 'mix']
FLATS = ['seqscan', 'vectordb-flat', 'pgvector-hnsw']
GRAPHS = ['vectordb-hnsw', 'pgvector-hnsw', 'hnswlib']
MAINTAINED = ['vectordb-hnsw', 'pgvector-hnsw']


def comma_list(text):
    return [word for word in text.split(',') if word]


def number_list(text):
    return [int(word) for word in comma_list(text)]


def part_list(text):
    parts = comma_list(text)
    if parts == ['all']:
        return list(PARTS)
    if parts == ['hnsw']:
        return list(HNSW_PARTS)
    if parts == ['maintenance']:
        return list(MAINTENANCE_PARTS)
    known = PARTS + HNSW_PARTS + MAINTENANCE_PARTS
    for part in parts:
        if part not in known:
            raise argparse.ArgumentTypeError(
                'no part "%s"; the parts are %s' % (part, ', '.join(known)))
    return parts


def add_input(parser):
    group = parser.add_argument_group('what is compared')
    group.add_argument('--data', nargs='+', required=True, metavar='FILE',
                       help='HDF5 files in the convention of ann-benchmarks')
    group.add_argument('--rows', type=int, metavar='N',
                       help='take only the first N rows')
    group.add_argument('--queries', type=int, metavar='N',
                       help='take only the first N queries')
    group.add_argument('--metric', choices=['l2', 'ip', 'cosine', 'l1'],
                       help='instead of the distance that the file names')
    group.add_argument('--dims', type=int, metavar='D',
                       help='join rows to vectors of D dimensions')
    group.add_argument('--parents', metavar='TSV',
                       help='file with a column "parent": --dims joins each '
                       'row with its ancestors instead of its neighbours')
    group.add_argument('--storage',
                       choices=['plain', 'main', 'external', 'extended'],
                       help='storage of the vector columns (default: that of '
                       'each extension\'s type)')
    group.add_argument('--methods', type=comma_list, metavar='A,B,...',
                       help='see --list; index options are appended as '
                       'pgvector-hnsw:m=24:ef_construction=100 (default: %s; '
                       'for hnsw parts alone %s, and vchordrq where it is '
                       'installed)' % (','.join(FLATS), ','.join(GRAPHS)))
    group.add_argument('--parts', type=part_list, metavar='A,B,...',
                       default=[part for part in PARTS
                                if part not in ('library', 'plans')],
                       help='all, hnsw, maintenance, or some of '
                       + ', '.join(PARTS + HNSW_PARTS + MAINTENANCE_PARTS))
    group.add_argument('--also-dims', type=int, metavar='D',
                       help='after a data set that --parents belongs to, '
                       'measure it again joined to D dimensions')
    group.add_argument('--also-parts', type=part_list, metavar='A,B,...',
                       default=['hnsw-build', 'hnsw-pages'],
                       help='by these parts')
    group.add_argument('--more-queries', nargs='+', default=[],
                       metavar='FILE', help='HDF5 files with further queries '
                       'for hnsw-default, taken for each data set of as many '
                       'dimensions')
    group.add_argument('--list', action='store_true',
                       help='list the methods and leave')


def add_server(parser):
    group = parser.add_argument_group('server')
    group.add_argument('--pg-config', default='pg_config', metavar='FILE')
    group.add_argument('--pgvector', metavar='FOLDER|DEB',
                       help='its source folder or Debian package; without it '
                       'the one installed for the server is taken')
    group.add_argument('--vectordb', metavar='FOLDER|DEB',
                       help='another version of this extension '
                       '(default: this source tree)')
    group.add_argument('--vectorchord', metavar='FOLDER',
                       help='its source folder, built; without it the one '
                       'installed for the server is taken, if any')
    group.add_argument('--user', default='postgres',
                       help='who runs the server when root starts the bench')
    group.add_argument('--work', metavar='DIR',
                       help='work folder, kept at the end (default: a '
                       'temporary one, removed)')
    group.add_argument('--shared-buffers', default='4GB')
    group.add_argument('--maintenance-work-mem', default='2GB')
    group.add_argument('--build-workers', type=int, metavar='N',
                       default=max((os.cpu_count() or 2) - 1, 0),
                       help='max_parallel_maintenance_workers '
                       '(default: cores - 1)')
    group.add_argument('--set', action='append', default=[],
                       metavar='NAME=VALUE', help='one more server setting')


def add_measuring(parser):
    group = parser.add_argument_group('measuring')
    group.add_argument('--reps', type=int, default=5,
                       help='repetitions after the warm-up (default 5); '
                       'the median is reported')
    group.add_argument('--limit', type=int, default=10,
                       help='k of the searches (default 10)')
    group.add_argument('--statement-seconds', type=float, default=5,
                       metavar='S', help='use only so many queries in one '
                       'statement that it takes about S seconds (default 5)')
    group.add_argument('--pgbench-seconds', type=int, default=3, metavar='S',
                       help='of one pgbench run (default 3)')
    group.add_argument('--agree-queries', type=int, default=1000, metavar='N')
    group.add_argument('--agree-metrics', type=comma_list,
                       default=['l2', 'ip', 'cosine', 'l1'], metavar='A,B,...')
    group.add_argument('--insert-rows', type=int, default=100000, metavar='N',
                       help='rows of one COPY (a fiftieth where inserting is '
                       'known to be slow)')
    group.add_argument('--wide-dims', type=int, default=512, metavar='D',
                       help='dimensions of insert-wide (default 512)')
    group.add_argument('--growing-rows', type=int, metavar='N',
                       help='rows of the growing segment (default: 122.88 MB '
                       'of raw vectors, 240,000 rows of 128 dimensions)')
    group.add_argument('--vacuum-rows', type=int, metavar='N',
                       help='rows for vacuum (default: all; a fifth of them '
                       'where inserting is known to be slow)')
    group.add_argument('--update-rows', type=int, default=200000, metavar='N',
                       help='rows for update (a fiftieth where inserting is '
                       'known to be slow)')
    group.add_argument('--plan-rows', type=number_list, metavar='A,B,...',
                       default=[1000, 3000, 10000, 100000],
                       help='sizes of the tables for plans')


def add_maintenance(parser):
    group = parser.add_argument_group('maintenance')
    group.add_argument('--stream-seconds', type=float, default=600,
                       metavar='S', help='of the slow stream (default 600)')
    group.add_argument('--stream-base', type=int, metavar='N',
                       help='rows before a stream begins (default: half)')
    group.add_argument('--stream-rate', type=int, default=1000, metavar='N',
                       help='rows a second (default 1000)')
    group.add_argument('--fast-rate', type=int, default=20000, metavar='N',
                       help='rows a second of the fast stream '
                       '(default 20000)')
    group.add_argument('--stream-rows', type=int, default=1000000,
                       metavar='N', help='rows of the fast stream '
                       '(default 1000000)')
    group.add_argument('--fast-seconds', type=float, default=60, metavar='S',
                       help='the fast stream into an index without workers '
                       'ends after S seconds (default 60)')
    group.add_argument('--late-seconds', type=float, default=330, metavar='S',
                       help='after a stream, see for so long what comes '
                       'later (default 330; 0: do not)')
    group.add_argument('--settle-seconds', type=float, default=1800,
                       metavar='S', help='wait no longer until nothing is '
                       'pending (default 1800)')
    group.add_argument('--mix-seconds', type=int, default=60, metavar='S',
                       help='of inserts beside searches (default 60)')
    group.add_argument('--mix-rows', type=int, default=2000000, metavar='N',
                       help='rows there are to insert (default 2000000)')
    group.add_argument('--delete-rows', type=int, metavar='N',
                       help='rows for delete (default: all; a fifth of them '
                       'where inserting is known to be slow)')


def parse(argv):
    parser = argparse.ArgumentParser(
        prog='test/bench/run',
        description='Compare the indexes of vectordb with other vector '
        'indexes on one server.')
    add_input(parser)
    add_server(parser)
    add_measuring(parser)
    add_maintenance(parser)
    group = parser.add_argument_group('results')
    group.add_argument('--out', default='build/bench', metavar='DIR',
                       help='where results.json, results.md and the plots go '
                       '(default build/bench)')
    group.add_argument('--docs', metavar='FILE',
                       help='also put the tables between the markers of this '
                       'Markdown file, and the plots beside it')
    options = parser.parse_args(argv)
    of_maintenance = [part in MAINTENANCE_PARTS for part in options.parts]
    options.unattended = any(of_maintenance)
    if options.unattended and not all(of_maintenance):
        parser.error('parts about maintenance want other server settings '
                     'than the rest: run them by themselves')
    if options.methods is None:
        graphs = all(part in HNSW_PARTS for part in options.parts)
        options.methods = MAINTAINED if options.unattended else \
            GRAPHS if graphs else FLATS
    return parser, options
