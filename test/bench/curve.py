"""Recall, time and settings of one index: what the parts about graphs share.

A Target is a table with its index and the exact answers of what is in it.
Its searches run in one statement, as in measure_search.py, but over a fixed
number of queries: the first QUERIES of the file.  It finds the setting at
which its method reaches a wanted recall, so that methods can be compared
where they answer equally well.
"""

import math

from context import median, search_sql, timed, uses_index
from progress import say
from truth import recall

QUERIES = 1000
WANTED = (0.95, 0.97, 0.99)
TRIES = 7
TOLERANCE = 0.001


class Target:
    """A method's index, with the truth of the rows in its table."""

    def __init__(self, bench, method, table, index, data, kth):
        self.bench = bench
        self.method = method
        self.table = table
        self.index = index
        self.data = data
        self.kth = kth
        self.nqueries = min(QUERIES, len(data.test))
        self.known = {}         # value of the knob: recall
        self.found = {}         # recall wanted: value of the knob
        self.forced = False
        if not self.is_read():
            self.forced = True
            if not self.is_read():
                raise RuntimeError('%s does not read its index'
                                   % method.label)

    def is_read(self, where=''):
        """Does the planner take the index (when forced, can it)?"""
        return uses_index(self.cursor(None), self.statement(
            'count(*)', where=where), self.index)

    def cursor(self, setting):
        cursor = self.bench.use(self.method, setting)
        if self.forced:
            cursor.execute('SET enable_seqscan = off')
        return cursor

    def statement(self, columns, first=1, last=None, where=''):
        return search_sql(self.bench.operator, self.table,
                          self.bench.options.limit, first,
                          last or self.nqueries, columns, where)

    def seconds(self, setting):
        """Of one query, in a statement of all."""
        return timed(self.cursor(setting),
                     self.statement('count(*)')) / self.nqueries

    def answers(self, setting, first=1, last=None, where=''):
        """Row numbers for each of the queries first to last."""
        last = last or self.nqueries
        cursor = self.cursor(setting)
        cursor.execute(self.statement('q.id, s.id', first, last, where))
        answers = [[] for _ in range(last - first + 1)]
        for query, row in cursor.fetchall():
            answers[query - first].append(row)
        return answers

    def recall(self, setting):
        found = recall(self.data, self.kth, self.answers(setting),
                       self.bench.options.limit)
        knob = self.method.knob
        if knob and setting and list(setting.values) == [knob.name]:
            self.known[setting.values[knob.name]] = found
        return found

    # -- the setting for a recall

    def setting_at(self, wanted):
        """The setting whose recall comes nearest to the one wanted, and it."""
        knob = self.method.knob
        if wanted not in self.found:
            for value in (knob.low, knob.high):
                if len(self.known) < 2:
                    self.recall(knob.setting(value))
            for _ in range(TRIES):
                value = self.nearest(wanted)
                guess = self.guess(wanted)
                if guess is None or \
                        abs(self.known[value] - wanted) <= TOLERANCE:
                    break
                self.recall(knob.setting(guess))
            self.found[wanted] = value = self.nearest(wanted)
            say('%s: recall %.4f at %s', self.method.label,
                self.known[value], knob.setting(value).label)
        value = self.found[wanted]
        return knob.setting(value), self.known[value]

    def nearest(self, wanted):
        return min(self.known, key=lambda v: abs(self.known[v] - wanted))

    def guess(self, wanted):
        """A value between the last too low and the first high enough."""
        knob = self.method.knob
        low = max((v for v in self.known if self.known[v] < wanted),
                  default=None)
        high = min((v for v in self.known if self.known[v] >= wanted),
                   default=None)
        if low is None or high is None or low >= high:
            outside = knob.low if low is None else knob.high
            return None if outside in self.known else outside
        a, b = (miss(self.known[low]), miss(self.known[high]))
        share = (miss(wanted) - a) / (b - a) if b > a else 0.5
        share = min(max(share, 0.1), 0.9)
        value = knob.value(knob.scale(low)
                           + share * (knob.scale(high) - knob.scale(low)))
        return None if value in self.known else value


def miss(share):
    """Grows with recall, evenly where each step is as dear as the last."""
    return -math.log(max(1 - share, 1e-5))


def target(bench, method):
    """The index over all rows; kept, with what is known of it."""
    if method.slug not in bench.targets:
        bench.ensure_index(method)
        bench.targets[method.slug] = Target(
            bench, method, bench.table(method), bench.index(method),
            bench.data, bench.kth())
    return bench.targets[method.slug]


def turnable(bench):
    """Methods that can be set to a recall."""
    for method in bench.index_methods:
        bench.ensure_index(method)
    return [m for m in bench.index_methods if m.knob]


def best(points):
    """Of (recall, time), those that no other beats in both."""
    return [p for p in sorted(set(points))
            if not any(q != p and q[0] >= p[0] and q[1] <= p[1]
                       for q in points)]


def time_at(points, wanted):
    """Time at a recall and that recall, by interpolating its logarithm.

    Where all points answer better than wanted, the first one stands for it,
    with its own recall; where none does, there is no answer.
    """
    points = best(points)
    if not points or points[-1][0] < wanted:
        return None, None
    if points[0][0] >= wanted:
        return points[0][1], points[0][0]
    for (r0, t0), (r1, t1) in zip(points, points[1:]):
        if r0 < wanted <= r1:
            share = (wanted - r0) / (r1 - r0)
            return math.exp((1 - share) * math.log(t0)
                            + share * math.log(t1)), wanted


def ratio_at(ours, theirs, wanted):
    """How often ours is as fast, by repetitions; None outside a curve.

    Each is a list of repetitions, and those are lists of (recall, time).
    """
    ratios = []
    for a, b in zip(ours, theirs):
        a, b = time_at(a, wanted)[0], time_at(b, wanted)[0]
        if a is None or b is None:
            return None
        ratios.append(b / a)
    return median(ratios)
