"""Graphs: time per query when there are five times as many rows."""

from context import median
from curve import Target, target, turnable
from data import cut
from progress import say
from truth import kth_distances

FACTOR = 5
WANTED = 0.95


def measure(bench):
    few = cut(bench.data, bench.data.rows // FACTOR, None)
    say('computing the exact answers of %d rows', few.rows)
    kth = kth_distances(few, bench.options.limit)
    figures = []
    for method in turnable(bench):
        if not method.optional:
            figures.append(measure_method(bench, method, few, kth))
    return figures


def measure_method(bench, method, few, kth):
    table, index = 'few_' + method.slug, 'few_i_' + method.slug
    cursor = bench.use(method)
    bench.copy_table(cursor, table, few.rows)
    bench.build_index(cursor, method, index, table)
    places = [Target(bench, method, table, index, few, kth),
              target(bench, method)]
    settings = [at.setting_at(WANTED) for at in places]
    seconds = [[], []]
    for _ in range(bench.options.reps + 1):
        for turn, at, (setting, _recall) in zip(seconds, places, settings):
            turn.append(at.seconds(setting))
    cursor.execute('DROP TABLE ' + table)
    ratio = median([b / a for a, b in zip(seconds[0][1:], seconds[1][1:])])
    say('%s: %d times the rows, %.2f times the time', method.label, FACTOR,
        ratio)
    return {'method': method.label, 'wanted': WANTED,
            'rows': [few.rows, bench.data.rows],
            'settings': [setting.label for setting, _ in settings],
            'recalls': [found for _, found in settings],
            'ms': [median(turn[1:]) * 1e3 for turn in seconds],
            'ratio': ratio}
