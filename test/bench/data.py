"""Data sets: HDF5 files in the convention of ann-benchmarks.

A file has the arrays "train" (rows) and "test" (queries) and an attribute
"distance"; "neighbors" is used only to check the truth computed in truth.py,
which also holds for a part of the rows.  All vectors become float32.
"""

import gzip
import os

import h5py
import numpy as np

METRIC_OF_DISTANCE = {'euclidean': 'l2', 'l2': 'l2', 'angular': 'cosine',
                      'cosine': 'cosine', 'dot': 'ip', 'ip': 'ip',
                      'manhattan': 'l1', 'l1': 'l1'}


class DataSet:
    """Rows, queries and the metric they are searched by."""

    def __init__(self, name, metric, train, test, neighbors=None):
        self.name = name
        self.metric = metric
        self.train = train
        self.test = test
        self.neighbors = neighbors
        self.own_queries = len(test)
        self.more_queries = []  # (name, how many), behind the file's own

    def with_queries(self, first, last):
        """The same rows, some of the queries, numbered from 0."""
        return DataSet(self.name, self.metric, self.train,
                       self.test[first:last])

    def with_rows(self, rows):
        return DataSet(self.name, self.metric, self.train[rows], self.test)

    def add_queries(self, path):
        """Append the queries of another file."""
        with h5py.File(path, 'r') as file:
            test = np.ascontiguousarray(file['test'][:], dtype=np.float32)
        self.test = np.vstack([self.test, test])
        self.more_queries.append(
            ('queries of ' + os.path.basename(path).rsplit('.', 1)[0],
             len(test)))

    @property
    def dims(self):
        return self.train.shape[1]

    @property
    def rows(self):
        return self.train.shape[0]

    @property
    def raw_bytes(self):
        return self.rows * self.dims * 4

    def describe(self):
        return {'name': self.name, 'rows': self.rows, 'dims': self.dims,
                'queries': int(self.test.shape[0]), 'metric': self.metric}


def load(path, metric=None):
    """Read a whole file."""
    with h5py.File(path, 'r') as file:
        distance = file.attrs['distance']
        if isinstance(distance, bytes):
            distance = distance.decode()
        if distance not in METRIC_OF_DISTANCE:
            raise SystemExit('%s: distance "%s" is not known'
                             % (path, distance))
        own_metric = METRIC_OF_DISTANCE[distance]
        train = np.ascontiguousarray(file['train'][:], dtype=np.float32)
        test = np.ascontiguousarray(file['test'][:], dtype=np.float32)
        neighbors = file['neighbors'][:] if 'neighbors' in file else None
    name = os.path.basename(path).rsplit('.', 1)[0]
    if metric and metric != own_metric:
        neighbors = None
    return DataSet(name, metric or own_metric, train, test, neighbors)


def query_dims(path):
    with h5py.File(path, 'r') as file:
        return file['test'].shape[1]


def has_parents(path, parents_path):
    """Does the file of parents belong to these rows?"""
    if not parents_path:
        return False
    with h5py.File(path, 'r') as file:
        return len(file['train']) == len(read_parents(parents_path))


def cut(data, rows, queries):
    """The first rows and queries only."""
    nrows = min(rows or data.rows, data.rows)
    nqueries = min(queries or len(data.test), len(data.test))
    neighbors = data.neighbors if nrows == data.rows else None
    return DataSet(data.name, data.metric, data.train[:nrows],
                   data.test[:nqueries],
                   None if neighbors is None else neighbors[:nqueries])


def read_parents(path):
    """Column "parent" of a tab-separated file, one entry for each row."""
    opener = gzip.open if path.endswith('.gz') else open
    with opener(path, 'rt', encoding='utf-8') as file:
        column = file.readline().rstrip('\n').split('\t').index('parent')
        parents = [int(line.rstrip('\n').split('\t')[column])
                   for line in file]
    return np.array(parents, dtype=np.int64)


def widen(data, dims, parents_path=None):
    """Vectors of more dimensions, joined from those of the file.

    With a file of parents, each row is joined with its ancestors (itself
    where there is none) and each query with the ancestors of its nearest row;
    else factor neighbouring rows become one, which leaves fewer rows.
    Divided so that unit vectors stay unit vectors, where that matters.
    """
    factor, rest = divmod(dims, data.dims)
    if rest or factor < 1:
        raise SystemExit('%d dimensions are not a multiple of the %d of %s'
                         % (dims, data.dims, data.name))
    if factor == 1:
        return data
    if parents_path:
        train, test = join_ancestors(data, factor, parents_path)
    else:
        train, test = (join_neighbours(a, factor)
                       for a in (data.train, data.test))
    if data.metric == 'cosine':
        train /= np.float32(np.sqrt(factor))
        test /= np.float32(np.sqrt(factor))
    return DataSet('%s-as-%d' % (data.name, dims), data.metric, train, test)


def join_neighbours(array, factor):
    whole = len(array) // factor * factor
    return array[:whole].reshape(-1, array.shape[1] * factor).copy()


def join_ancestors(data, factor, parents_path):
    if data.neighbors is None:
        raise SystemExit('%s has no neighbors for its own metric, which '
                         '--parents needs' % data.name)
    parents = read_parents(parents_path)
    if len(parents) != data.rows:
        raise SystemExit('%s has %d rows, %s has %d'
                         % (parents_path, len(parents), data.name, data.rows))
    itself = np.arange(data.rows)
    parents = np.where(parents < 0, itself, parents)
    rows, parts = itself, [data.train]
    nearest = data.neighbors[:, 0]
    query_parts = [data.test]
    for _ in range(factor - 1):
        rows = parents[rows]
        parts.append(data.train[rows])
        nearest = parents[nearest]
        query_parts.append(data.train[nearest])
    return np.hstack(parts), np.hstack(query_parts)
