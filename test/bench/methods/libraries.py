"""Libraries without a database, where Python can import them: the ceiling.

They answer in this process on one thread, without transactions, and are
measured only by the part "library".
"""

import importlib
import os
import tempfile

import numpy as np

from methods.base import Library


class HnswLib(Library):
    name = 'hnswlib'
    module = 'hnswlib'

    def default_options(self):
        return {'m': 16, 'ef_construction': 100}

    def build(self, train, metric):
        hnswlib = importlib.import_module(self.module)
        self.index = hnswlib.Index(space=metric, dim=train.shape[1])
        self.index.init_index(max_elements=len(train),
                              M=int(self.options['m']),
                              ef_construction=int(
                                  self.options['ef_construction']))
        self.index.set_num_threads(os.cpu_count() or 1)
        self.index.add_items(train, np.arange(len(train)))
        self.index.set_num_threads(1)

    def size(self):
        with tempfile.NamedTemporaryFile() as file:
            self.index.save_index(file.name)
            return os.path.getsize(file.name)

    def sweep(self):
        return [('ef=%d' % ef, ef) for ef in (10, 20, 40, 80, 160, 320)]

    def use(self, ef):
        self.index.set_ef(ef)

    def search(self, query, k):
        return self.index.knn_query(query, k=k)[0][0]

    def search_many(self, queries, k):
        return self.index.knn_query(queries, k=k, num_threads=1)[0]


class FaissFlat(Library):
    """Exact, float32 in memory."""

    def version(self):
        return None

    name = 'faiss-flat'
    module = 'faiss'

    def build(self, train, metric):
        faiss = importlib.import_module(self.module)
        self.normalize = metric == 'cosine'
        self.index = faiss.IndexFlatL2(train.shape[1]) if metric == 'l2' \
            else faiss.IndexFlatIP(train.shape[1])
        self.index.add(self.prepare(train))
        faiss.omp_set_num_threads(1)

    def prepare(self, vectors):
        if self.normalize:
            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = vectors / np.maximum(norms, np.float32(1e-30))
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def size(self):
        return self.index.ntotal * self.index.d * 4

    def sweep(self):
        return [('', None)]

    def use(self, _value):
        pass

    def search(self, query, k):
        return self.index.search(self.prepare(query[None, :]), k)[1][0]


METHODS = [HnswLib, FaissFlat]
