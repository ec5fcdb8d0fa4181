"""Graphs: pgbench, prepared, with each method set to the same recall."""

import os

from context import median
from curve import target, turnable
from measure_pgbench import CLIENTS, MAX_REPS, Point
from progress import say

RECALLS = (0.95, 0.99)


def measure(bench):
    points = []
    for method in turnable(bench):
        if method.optional:
            continue
        for number, wanted in enumerate(RECALLS):
            setting, recall = target(bench, method).setting_at(wanted)
            path = os.path.join(bench.server.socket, 'hnsw_%s_%d.sql'
                                % (method.slug, number))
            point = Point(bench, method, setting, path)
            point.wanted, point.recall = wanted, recall
            points.append(point)
    for point in points:        # warm-up
        point.run(bench, 1)
    for _ in range(min(bench.options.reps, MAX_REPS)):
        for point in points:
            for clients in CLIENTS:
                point.tps[clients].append(point.run(bench, clients))
    figures = [dict(point.figures(), wanted=point.wanted, recall=point.recall)
               for point in points]
    add_ratios(figures, points)
    for line in figures:
        say('pgbench %s %s: %.0f queries/s, 2 clients %.0f', line['method'],
            line['setting'], line['qps_1'], line['qps_2'])
    return figures


def add_ratios(figures, points):
    """How often as many queries a second ours answers."""
    for line, point in zip(figures, points):
        ours = next((p for p in points if p.wanted == point.wanted
                     and p.method.name == 'vectordb-hnsw'), None)
        for clients in CLIENTS:
            line['times_%d' % clients] = ours and median(
                [a / b for a, b in zip(ours.tps[clients],
                                       point.tps[clients])])
