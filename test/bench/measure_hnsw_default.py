"""Graphs: recall when nothing is set, for each set of queries.

Nothing in this bench is chosen by looking at a set before it is reported:
the default is the default.  Whether those who wrote an index have seen the
queries is another matter; --more-queries takes files that they have not.
"""

from context import median, timed
from curve import QUERIES, target
from progress import say
from truth import recall

REPETITIONS = 3


def query_sets(data):
    """Name, first and last number of each set of queries."""
    own = data.own_queries
    half = min(QUERIES, own)
    yield 'queries 1 to %d of the file' % half, 1, half
    if own > half:
        yield 'queries %d to %d of the file' % (half + 1, own), half + 1, own
    first = own + 1
    for name, count in data.more_queries:
        yield name, first, first + count - 1
        first += count


def measure(bench):
    return [measure_set(bench, method, *queries)
            for queries in query_sets(bench.data)
            for method in bench.index_methods if method.has_default]


def measure_set(bench, method, name, first, last):
    at = target(bench, method)
    answers = at.answers(None, first, last)
    data = bench.data.with_queries(first - 1, last)
    found = recall(data, at.kth[first - 1:last], answers, bench.options.limit)
    statement = at.statement('count(*)', first, last)
    seconds = [timed(at.cursor(None), statement) / len(answers)
               for _ in range(REPETITIONS)]
    say('%s, %s: recall %.4f at default settings', method.label, name, found)
    return {'method': method.label, 'queries': name, 'count': len(answers),
            'recall': found, 'ms': median(seconds) * 1e3}
