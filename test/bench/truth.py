"""Exact distances, computed outside the server, and recall against them.

The truth of a query is the distance of its k-th nearest row, in float64.  A
returned row counts as right when it is no farther, so that rows of equal
distance are equally right.  EPSILON allows for the rounding of the server's
own float arithmetic.
"""

import numpy as np

EPSILON = 1e-6
CHUNK_BYTES = 256 << 20
SPARE = 30                      # candidates beyond k, refined in float64


def exact_distance(metric, rows, query):
    """Distances of rows to one query in float64."""
    rows = rows.astype(np.float64)
    query = query.astype(np.float64)
    if metric == 'l2':
        return np.sqrt(((rows - query) ** 2).sum(axis=1))
    if metric == 'l1':
        return np.abs(rows - query).sum(axis=1)
    dot = rows @ query
    if metric == 'ip':
        return -dot
    with np.errstate(divide='ignore', invalid='ignore'):
        return 1 - dot / (np.linalg.norm(rows, axis=1)
                          * np.linalg.norm(query))


def coarse(metric, train, norms, queries):
    """float32 values that order rows as the distance does, nearly."""
    if metric == 'l1':
        return np.array([np.abs(train - query).sum(axis=1)
                         for query in queries])
    dots = queries @ train.T
    if metric == 'l2':
        return norms ** 2 / 2 - dots
    if metric == 'cosine':
        with np.errstate(divide='ignore', invalid='ignore'):
            return np.nan_to_num(-dots / norms, nan=np.inf)
    return -dots


def kth_distances(data, k):
    """The k-th smallest distance of every query."""
    norms = np.linalg.norm(data.train, axis=1)
    result = np.empty(len(data.test))
    step = max(1, CHUNK_BYTES // (4 * data.rows))
    ncandidates = min(k + SPARE, data.rows)
    for start in range(0, len(data.test), step):
        queries = data.test[start:start + step]
        values = coarse(data.metric, data.train, norms, queries)
        nearest = np.argpartition(values, ncandidates - 1, axis=1)
        for i, query in enumerate(queries):
            rows = data.train[nearest[i, :ncandidates]]
            distances = np.sort(exact_distance(data.metric, rows, query))
            result[start + i] = distances[min(k, len(distances)) - 1]
    return result


def kth_of_first(metric, vectors, queries, counts, k):
    """The same for queries that saw only the first rows, each its own."""
    norms = np.linalg.norm(vectors, axis=1)
    result = np.empty(len(queries))
    for i, (query, count) in enumerate(zip(queries, counts)):
        values = coarse(metric, vectors[:count], norms[:count],
                        query[None, :])[0]
        ncandidates = min(k + SPARE, count)
        nearest = np.argpartition(values, ncandidates - 1)[:ncandidates]
        distances = np.sort(exact_distance(metric, vectors[nearest], query))
        result[i] = distances[min(k, count) - 1]
    return result


def check_neighbors(data, kth, k):
    """How many queries of the file's own answer agree with ours."""
    agreeing = 0
    for i, query in enumerate(data.test[:len(data.neighbors)]):
        rows = data.train[data.neighbors[i, :k]]
        farthest = exact_distance(data.metric, rows, query).max()
        agreeing += abs(farthest - kth[i]) <= tolerance(kth[i])
    return int(agreeing)


def tolerance(distance):
    return EPSILON * max(abs(distance), 1e-3)


def recall(data, kth, answers, k):
    """Mean share of right rows; answers[i] holds the row ids of query i."""
    right = 0
    for i, ids in enumerate(answers):
        ids = np.unique(np.asarray(ids[:k], dtype=np.int64))
        if len(ids):
            distances = exact_distance(data.metric, data.train[ids],
                                       data.test[i])
            right += int((distances <= kth[i] + tolerance(kth[i])).sum())
    return right / (k * max(len(answers), 1))
