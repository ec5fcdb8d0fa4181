"""Recall against time per query, in one statement without a client.

The statement joins the table of queries with a LATERAL search.  All points of
all methods are timed in turn, once per repetition, so that whatever slows the
machine meets them alike; ratios are taken within a repetition.
"""

from context import median, search_sql, timed, uses_index
from progress import Counter, say
from truth import recall

PROBE_QUERIES = 5
MIN_QUERIES = 20


class Point:
    """A method at one setting, ready to be timed."""

    def __init__(self, bench, method, setting):
        self.bench = bench
        self.method = method
        self.setting = setting
        self.label = ' '.join(filter(None, [method.label, setting.label]))
        self.seconds = []
        self.forced = False
        self.nqueries = PROBE_QUERIES
        cursor = self.cursor()
        index = bench.index(method)
        statement = self.statement('count(*)')
        if not uses_index(cursor, statement, index):
            if not index:
                raise RuntimeError('%s reads an index' % self.label)
            self.forced = True
            cursor = self.cursor()
            if not uses_index(cursor, statement, index):
                raise RuntimeError('%s does not read its index' % self.label)

    def cursor(self):
        cursor = self.bench.use(self.method, self.setting)
        if self.forced:
            cursor.execute('SET enable_seqscan = off')
        return cursor

    def statement(self, columns):
        return search_sql(self.bench.operator, self.bench.table(self.method),
                          self.bench.options.limit, 1, self.nqueries, columns)

    def choose_queries(self):
        """As many as fill the time of a statement."""
        cursor = self.cursor()
        timed(cursor, self.statement('count(*)'))
        each = timed(cursor, self.statement('count(*)')) / self.nqueries
        wanted = int(self.bench.options.statement_seconds / max(each, 1e-9))
        self.nqueries = min(max(wanted, MIN_QUERIES),
                            len(self.bench.data.test))

    def find_recall(self):
        cursor = self.cursor()
        cursor.execute(self.statement('q.id, s.id'))
        answers = [[] for _ in range(self.nqueries)]
        for query, row in cursor.fetchall():
            answers[query - 1].append(row)
        self.recall = recall(self.bench.data, self.bench.kth(), answers,
                             self.bench.options.limit)

    def time_once(self):
        each = timed(self.cursor(), self.statement('count(*)'))
        return each / self.nqueries

    def figures(self):
        each = median(self.seconds)
        return {'method': self.method.label, 'setting': self.setting.label,
                'recall': self.recall, 'ms': each * 1e3, 'qps': 1 / each,
                'ms_all': [s * 1e3 for s in self.seconds],
                'queries': self.nqueries, 'planner_forced': self.forced}


def points_of(bench):
    points = []
    for method in bench.methods:
        bench.ensure_index(method)
        for setting in method.sweep(bench.data.rows):
            point = Point(bench, method, setting)
            point.choose_queries()
            point.find_recall()
            say('%s: recall@%d %.4f over %d queries%s', point.label,
                bench.options.limit, point.recall, point.nqueries,
                ' (the planner had to be forced)' if point.forced else '')
            points.append(point)
    return points


def measure(bench):
    points = points_of(bench)
    progress = Counter('timing searches')
    total = len(points) * bench.options.reps
    for _ in range(bench.options.reps):
        for point in points:
            point.seconds.append(point.time_once())
            progress(sum(len(p.seconds) for p in points), total)
    add_ratios(points)
    figures = []
    for point in points:
        figures.append(dict(point.figures(), faster=point.faster))
        say('%s: %.3f ms a query', point.label, figures[-1]['ms'])
    return figures


def add_ratios(points):
    """How many times faster than pgvector's sequential scan, else ours."""
    base = next((p for name in ('seqscan', 'vectordb-seqscan')
                 for p in points if p.method.name == name), None)
    for point in points:
        point.faster = base and median(
            [b / s for b, s in zip(base.seconds, point.seconds)])
