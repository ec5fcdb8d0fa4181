"""pgvector: its sequential scan, hnsw and ivfflat."""

from methods.base import Knob, Method, Setting


class SequentialScan(Method):
    name = 'seqscan'
    database = 'pgvector'
    extension = 'vector'
    exact = True

    def session(self):
        return {'enable_indexscan': 'off'}


class Hnsw(Method):
    name = 'pgvector-hnsw'
    database = 'pgvector'
    extension = 'vector'
    access_method = 'hnsw'
    slow_build = True
    slow_insert = True
    knob = Knob('hnsw.ef_search', 10, 1000, whole=True)

    def default_options(self):
        return {'m': 16, 'ef_construction': 64}

    def sweep(self, _rows):
        return [self.knob.setting(ef) for ef in (20, 40, 80, 120, 200, 400)]

    def filter_sweep(self):
        return [Setting('%s, ef_search=%d' % (scan, ef),
                        {'hnsw.iterative_scan': scan, 'hnsw.ef_search': ef})
                for scan, ef in (('off', 40), ('strict_order', 40),
                                 ('relaxed_order', 40),
                                 ('strict_order', 120))]


class IvfFlat(Method):
    name = 'pgvector-ivfflat'
    database = 'pgvector'
    extension = 'vector'
    access_method = 'ivfflat'
    metrics = ('l2', 'ip', 'cosine')

    def default_options(self):
        return {'lists': 1000}

    def sweep(self, _rows):
        lists = int(self.options['lists'])
        return [Setting('probes=%d' % probes, {'ivfflat.probes': probes})
                for probes in (1, 2, 4, 8, 16, 32, 64, 128)
                if probes <= lists]


METHODS = [SequentialScan, Hnsw, IvfFlat]
