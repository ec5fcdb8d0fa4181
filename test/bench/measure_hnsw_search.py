"""Graphs: recall against time per query, with the library beside the server.

Finding the recall of a point warms up; then all points of all methods are
timed in turn within a repetition.  At equal
recall times are interpolated between the points of a curve, in logarithms,
for each repetition on its own.
"""

import importlib.util
import time

from context import median
from curve import QUERIES, WANTED, ratio_at, target, time_at
from progress import Counter, say
from truth import recall

OURS = 'vectordb-hnsw'


class ServerPoint:
    """An index at one setting."""

    def __init__(self, at, setting):
        self.at = at
        self.setting = setting
        self.method = at.method
        self.label = setting.label
        self.queries = at.nqueries
        self.recall = at.recall(setting)
        self.seconds = []

    def time_once(self):
        return self.at.seconds(self.setting)

    def more(self):
        return {'planner_forced': self.at.forced}


class LibraryPoint:
    """A library at one setting, by one thread of this process."""

    def __init__(self, bench, method, label, value):
        self.bench = bench
        self.method = method
        self.label = label
        self.value = value
        self.test = bench.data.test[:QUERIES]
        self.queries = len(self.test)
        self.seconds = []
        method.use(value)
        self.recall = recall(bench.data, bench.kth(), method.search_many(
            self.test, bench.options.limit), bench.options.limit)

    def time_once(self):
        self.method.use(self.value)
        start = time.perf_counter()
        self.method.search_many(self.test, self.bench.options.limit)
        return (time.perf_counter() - start) / self.queries

    def more(self):
        return {'planner_forced': False}


def libraries(bench):
    """Those that can be imported, built once."""
    for method in bench.libraries:
        if importlib.util.find_spec(method.module) is None:
            say('%s: Python cannot import %s', method.label, method.module)
            continue
        if method.slug not in bench.built:
            say('%s: building', method.label)
            start = time.perf_counter()
            method.build(bench.data.train, bench.data.metric)
            bench.built[method.slug] = {
                'seconds': time.perf_counter() - start,
                'bytes': method.size(), 'wal_bytes': 0}
            say('  %.1f s', bench.built[method.slug]['seconds'])
        yield method


def points_of(bench):
    points = []
    for method in bench.index_methods:
        at = target(bench, method)
        points += [ServerPoint(at, setting)
                   for setting in method.sweep(bench.data.rows)]
    for method in libraries(bench):
        points += [LibraryPoint(bench, method, label, value)
                   for label, value in method.sweep()]
    return points


def measure(bench):
    points = points_of(bench)
    progress = Counter('timing searches')
    for done in range(bench.options.reps):
        for point in points:
            point.seconds.append(point.time_once())
        progress(done + 1, bench.options.reps)
    figures = [figures_of(point) for point in points]
    for line in figures:
        say('%s %s: recall %.4f, %.3f ms', line['method'], line['setting'],
            line['recall'], line['ms'])
    return figures + at_equal_recall(points)


def figures_of(point):
    each = median(point.seconds)
    return dict({'method': point.method.label, 'setting': point.label,
                 'recall': point.recall, 'ms': each * 1e3, 'qps': 1 / each,
                 'ms_all': [s * 1e3 for s in point.seconds],
                 'queries': point.queries}, **point.more())


def at_equal_recall(points):
    """Lines with "wanted": times of all methods there, and ratios to ours."""
    curves = {}
    for point in points:
        if point.label != 'default':
            curves.setdefault(point.method.label, []).append(point)
    ours = next((label for label in curves if label.split()[0] == OURS), None)
    repetitions = {label: [[(p.recall, seconds) for p, seconds in
                            zip(curve, turn)]
                           for turn in zip(*(p.seconds for p in curve))]
                   for label, curve in curves.items()}
    lines = []
    for wanted in WANTED:
        for label, curve in curves.items():
            seconds, reached = time_at([(p.recall, median(p.seconds))
                                        for p in curve], wanted)
            lines.append({
                'wanted': wanted, 'method': label, 'recall': reached,
                'ms': seconds and seconds * 1e3,
                'times_ours': ours and ratio_at(
                    repetitions[ours], repetitions[label], wanted)})
    return lines
