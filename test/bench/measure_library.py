"""Libraries inside this process, one thread: recall against time."""

import importlib.util
import time

from context import median
from progress import say
from truth import recall


def measure(bench):
    figures = []
    for method in bench.libraries:
        if importlib.util.find_spec(method.module) is None:
            say('%s: Python cannot import %s', method.label, method.module)
            continue
        start = time.perf_counter()
        method.build(bench.data.train, bench.data.metric)
        build_seconds = time.perf_counter() - start
        say('%s: built in %.1f s', method.label, build_seconds)
        for label, value in method.sweep():
            method.use(value)
            line = measure_point(bench, method)
            figures.append(dict(line, method=method.label, setting=label,
                                build_seconds=build_seconds,
                                bytes=method.size()))
            say('%s %s: recall %.4f, %.3f ms a query', method.label, label,
                line['recall'], line['ms'])
    return figures


def measure_point(bench, method):
    queries, k = bench.data.test, bench.options.limit
    start = time.perf_counter()
    method.search(queries[0], k)
    each = max(time.perf_counter() - start, 1e-6)
    count = int(min(max(bench.options.statement_seconds / each, 20),
                    len(queries)))
    seconds = []
    for _ in range(bench.options.reps + 1):
        start = time.perf_counter()
        answers = method.search_many(queries[:count], k)
        seconds.append((time.perf_counter() - start) / count)
    each = median(seconds[1:])
    return {'recall': recall(bench.data, bench.kth(), answers, k),
            'ms': each * 1e3, 'qps': 1 / each, 'queries': count}
