"""This extension: its sequential scan and its access methods."""

from methods.base import Knob, Method, Setting


class SequentialScan(Method):
    name = 'vectordb-seqscan'
    database = 'vectordb'
    extension = 'vectordb'
    exact = True

    def session(self):
        return {'enable_indexscan': 'off'}


class Flat(Method):
    name = 'vectordb-flat'
    database = 'vectordb'
    extension = 'vectordb'
    access_method = 'flat'
    exact = True
    build_call = 'vectordb.build'


class Hnsw(Method):
    name = 'vectordb-hnsw'
    database = 'vectordb'
    extension = 'vectordb'
    access_method = 'hnsw'
    unattended_preload = 'vectordb'
    knob = Knob('vectordb.target_recall', 0.5, 0.9999, whole=False)

    def default_options(self):
        return {'m': 16, 'ef_construction': 64}

    def sweep(self, _rows):
        return [Setting('default', {})] + [
            self.knob.setting(recall)
            for recall in (0.8, 0.9, 0.95, 0.97, 0.99, 0.995, 0.999)]


METHODS = [SequentialScan, Flat, Hnsw]
