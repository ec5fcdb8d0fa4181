"""Tests of the bench's own arithmetic; no server is needed.

    python3 test/bench/selftest.py
"""

import struct
import unittest
from xml.dom import minidom

import numpy as np

import copyfile
import curve
import data
import goals
import goals_hnsw
import goals_maintenance
import maintenance
import measure_delete
import measure_load
import measure_mix
import measure_stream
import options
import report
import svg
import truth
from measure_agree import disagreement
from measure_hnsw_default import query_sets
from methods.base import Knob


def small_set(metric, rows=500, dims=8):
    random = np.random.default_rng(1)
    train = random.normal(size=(rows, dims)).astype(np.float32)
    return data.DataSet('small', metric, train, train[:20] + np.float32(0.1))


class Truth(unittest.TestCase):
    def brute(self, small, query):
        """A second, slow definition of each distance."""
        a, b = small.train.astype(float), query.astype(float)
        return {'l2': lambda: [sum((x - b) ** 2) ** 0.5 for x in a],
                'l1': lambda: [sum(abs(x - b)) for x in a],
                'ip': lambda: [-sum(x * b) for x in a],
                'cosine': lambda: [1 - sum(x * b) / (sum(x * x) ** 0.5
                                                     * sum(b * b) ** 0.5)
                                   for x in a]}[small.metric]()

    def test_kth_distance(self):
        for metric in ('l2', 'ip', 'cosine', 'l1'):
            small = small_set(metric)
            kth = truth.kth_distances(small, 10)
            for i, query in enumerate(small.test):
                self.assertAlmostEqual(
                    kth[i], sorted(self.brute(small, query))[9], places=9)

    def test_recall_counts_ties_as_equal(self):
        train = np.array([[0], [1], [1], [1], [5]], dtype=np.float32)
        small = data.DataSet('ties', 'l2', train,
                             np.array([[0]], dtype=np.float32))
        kth = truth.kth_distances(small, 2)
        for answer, expected in (([0, 1], 1), ([0, 3], 1), ([0, 4], 0.5),
                                 ([0, 0], 0.5), ([], 0)):
            self.assertEqual(truth.recall(small, kth, [answer], 2), expected)

    def test_fewer_rows_than_k(self):
        small = small_set('l2', rows=4)
        kth = truth.kth_distances(small, 10)
        farthest = max(self.brute(small, small.test[0]))
        self.assertAlmostEqual(kth[0], farthest, places=9)


    def test_queries_that_saw_the_first_rows(self):
        for metric in ('l2', 'cosine'):
            small = small_set(metric)
            counts = [500, 40, 7]
            kth = truth.kth_of_first(metric, small.train, small.test[:3],
                                     counts, 10)
            for i, count in enumerate(counts):
                seen = small.with_rows(slice(0, count))
                self.assertAlmostEqual(
                    kth[i], sorted(self.brute(seen, small.test[i]))[
                        min(10, count) - 1], places=9)


class Agreement(unittest.TestCase):
    def test_disagreement(self):
        expected = [(1, 0.5), (2, 1.0), (3, 1.0), (4, 2.0)]
        swapped = [(1, 0.5), (3, 1.0), (2, 1.0), (4, 2.0)]
        self.assertIsNone(disagreement(expected, swapped, 4))
        self.assertIsNone(disagreement(expected, expected[:3] + [(9, 2.0)],
                                       4))
        self.assertIn('other rows', disagreement(
            expected, expected[:3] + [(9, 2.0)], 5))
        self.assertIn('other rows', disagreement(
            expected, [(1, 0.5), (2, 1.0), (8, 1.0), (4, 2.0)], 4))
        self.assertIn('3 rows', disagreement(expected, expected[:3], 4))
        self.assertIn('place 2', disagreement(
            expected, [(1, 0.5), (2, 1.5), (3, 1.0), (4, 2.0)], 4))
        self.assertIn('twice', disagreement(
            expected, [(1, 0.5), (2, 1.0), (2, 1.0), (4, 2.0)], 4))

    def test_nan_and_null(self):
        rows = [(1, 0.5), (2, float('nan')), (3, None)]
        self.assertIsNone(disagreement(rows, list(rows), 10))
        self.assertIn('place 2', disagreement(
            rows, [(1, 0.5), (2, None), (3, None)], 10))


class Curve(unittest.TestCase):
    def test_time_between_points(self):
        points = [(0.9, 1.0), (0.98, 4.0), (0.96, 9.0)]   # the last is beaten
        seconds, found = curve.time_at(points, 0.94)
        self.assertAlmostEqual(seconds, 2.0)
        self.assertEqual(found, 0.94)
        self.assertEqual(curve.time_at(points, 0.99), (None, None))
        self.assertEqual(curve.time_at(points, 0.8), (1.0, 0.9))

    def test_ratio_of_repetitions(self):
        ours = [[(0.9, 1.0), (0.98, 1.0)], [(0.9, 2.0), (0.98, 2.0)]]
        theirs = [[(0.9, 3.0), (0.98, 3.0)], [(0.9, 10.0), (0.98, 10.0)]]
        self.assertAlmostEqual(curve.ratio_at(ours, theirs, 0.95), 4.0)
        self.assertIsNone(curve.ratio_at(ours, theirs, 0.99))

    def find(self, knob, wanted, recall_of):
        at = curve.Target.__new__(curve.Target)
        at.method = type('Method', (), {'knob': knob, 'label': 'method'})
        at.known, at.found = {}, {}

        def recall(setting):
            value = setting.values[knob.name]
            at.known[value] = recall_of(value)
        at.recall = recall
        return at.setting_at(wanted)

    def test_setting_for_a_recall(self):
        whole = Knob('x.ef', 10, 1000, whole=True)
        for wanted in (0.95, 0.99):
            setting, found = self.find(whole, wanted,
                                       lambda ef: 1 - 2.0 / (ef + 10))
            self.assertLess(abs(found - wanted), 0.005)
            self.assertEqual(setting.values['x.ef'] % 1, 0)
        share = Knob('x.recall', 0.5, 0.9999, whole=False)
        _, found = self.find(share, 0.95, lambda r: 1 - (1 - r) ** 0.7)
        self.assertLess(abs(found - 0.95), 0.002)

    def test_setting_out_of_reach(self):
        knob = Knob('x.ef', 10, 1000, whole=True)
        setting, found = self.find(knob, 0.99, lambda ef: 0.5 + ef / 1e4)
        self.assertEqual((setting.values['x.ef'], found), (1000, 0.6))
        setting, found = self.find(knob, 0.9, lambda ef: 0.95 + ef / 1e5)
        self.assertEqual(setting.values['x.ef'], 10)


class QuerySets(unittest.TestCase):
    def test_halves_and_further_files(self):
        small = small_set('l2')
        small.more_queries = [('others', 5)]
        self.assertEqual([s[1:] for s in query_sets(small)],
                         [(1, 20), (21, 25)])
        small.own_queries = 1500
        self.assertEqual([s[1:] for s in query_sets(small)],
                         [(1, 1000), (1001, 1500), (1501, 1505)])


class CopyFiles(unittest.TestCase):
    def test_binary(self):
        vectors = np.array([[1.5, -2], [3, 4]], dtype=np.float32)
        stream = copyfile.Stream(np.array([7, 8]), vectors)
        content = b''.join(iter(lambda: stream.read(5), b''))
        row = struct.Struct('>hiiihhff')
        self.assertEqual(content, b'PGCOPY\n\xff\r\n\0' + bytes(8)
                         + row.pack(2, 4, 7, 12, 2, 0, 1.5, -2)
                         + row.pack(2, 4, 8, 12, 2, 0, 3, 4) + b'\xff\xff')

    def test_text(self):
        whole = np.array([[1, 2]], dtype=np.float32)
        self.assertEqual(copyfile.text_rows([5], whole), b'5\t[1,2]\n')
        vectors = np.array([[0.1, 1e-20], [1 / 3, 4]], dtype=np.float32)
        words = copyfile.text_rows([1, 2], vectors).decode().split('\n')
        for line, vector in zip(words, vectors):
            got = line.split('\t')[1].strip('[]').split(',')
            np.testing.assert_array_equal(np.array(got, np.float32), vector)


class Maintenance(unittest.TestCase):
    def settled(self, seen):
        settling = maintenance.Settling()
        for line in seen:
            settling.feed(*line)
        return settling.only_growing, settling.done

    def test_settling(self):
        busy = [(t, 1, 20000) for t in (0, 1)]
        self.assertEqual(self.settled(busy), (None, None))
        idle = [(t, 0, 20000) for t in (2, 3, 5)]   # to be sealed soon
        self.assertEqual(self.settled(busy + idle), (None, None))
        few = [(t, 0, 5000) for t in (6, 7, 8)]     # to be sealed when idle
        self.assertEqual(self.settled(busy + idle + few), (6, None))
        again = [(9, 2, 0), (10, 0, 0), (11, 1, 0), (12, 0, 10), (13, 0, 10),
                 (15, 0, 10), (16, 1, 0)]
        self.assertEqual(self.settled(busy + idle + few + again), (6, 12))

    def test_stock_begins_with_the_set(self):
        small = small_set('l2')
        more = maintenance.Stock(small).first(1200)
        self.assertEqual(more.shape, (1200, 8))
        np.testing.assert_array_equal(more[:500], small.train)
        moved = np.abs(more[500:1000] - small.train)
        self.assertTrue(0 < moved.mean() < 0.1)
        self.assertFalse((more[500:700] == more[1000:1200]).any())
        again = maintenance.Stock(small)
        again.first(600)
        np.testing.assert_array_equal(again.first(1000)[:600], more[:600])

    def test_latencies(self):
        run = {'starts': [0, 10, 59, 61, 119, 121], 'empty': [1e-4] * 3,
               'durations': [.001, .002, .003, .010, .020, .030]}
        found = maintenance.latencies(run)
        self.assertEqual((found['searches'], found['max']), (6, 30))
        self.assertAlmostEqual(found['p50'], 6.5)
        self.assertAlmostEqual(found['loop'], 0.1)
        minutes = maintenance.by_minute(run)
        self.assertEqual([(m['minute'], m['searches'], m['max'])
                          for m in minutes], [(1, 3, 3), (2, 3, 30)])

    def test_waits(self):
        found = maintenance.waits_of(
            {'waits': [.001, .06, .051, .05], 'lateness': [0, .5, .2, 0],
             'late_end': .1, 'seconds': 2.0, 'rows': 40}, 1000)
        self.assertEqual((found['rows_per_second'], found['waits_over_50'],
                          found['late_max'], found['late_end']),
                         (20, 2, .5, .1))
        self.assertEqual(found['longest_at'][0], (60.0, 1))

    def test_recall_of_what_was_visible(self):
        train = np.arange(10, dtype=np.float32)[:, None]
        small = data.DataSet('line', 'l2', train,
                             np.array([[0.4]], dtype=np.float32))
        samples = [(0, 5, [0, 1]), (0, 5, [0, 3])]
        self.assertEqual(maintenance.sampled_recall(small, train, samples, 2),
                         0.75)
        # a row that was committed meanwhile and is nearer is right too
        self.assertEqual(maintenance.sampled_recall(
            small, train[::-1], [(0, 5, [9, 5])], 2), 1.0)

    def test_ratios(self):
        part = [{'method': 'vectordb-hnsw', 'total': 20.0,
                 'settled': {'done': 15.0}, 'create_index_seconds': 10.0},
                {'method': 'pgvector-hnsw', 'total': 500.0}]
        measure_load.add_ratios(part)
        self.assertEqual([x['times_ours'] for x in part], [1, 25])
        self.assertEqual(part[0]['to_create_index'], 1.5)
        part[0]['total'] = part[0]['settled']['done'] = None
        measure_load.add_ratios(part)
        self.assertIsNone(part[1]['times_ours'])
        mix = [{'method': 'vectordb-hnsw', 'how': 'apart', 'inserts': 90.,
                'searches': 30.},
               {'method': 'pgvector-hnsw', 'how': 'apart', 'inserts': 6.,
                'searches': 6.},
               {'method': 'pgvector-hnsw', 'how': 'in turn', 'inserts': 6.,
                'searches': 6.}]
        measure_mix.add_ratios(mix)
        self.assertIsNone(mix[2]['times'])
        self.assertEqual(mix[1]['times'],
                         {'inserts': 15, 'searches': 5, 'both': 10})

    def test_output_of_pgbench(self):
        self.assertEqual(measure_mix.tps_of(
            'latency = 1 ms\ntps = 12.5 (without x)\n', ''), 12.5)
        with self.assertRaises(RuntimeError):
            measure_mix.tps_of('', 'no server')

    def test_searches_of_what_was_loaded(self):
        turn = [(0.9, 1.0), (0.96, 2.0), (0.999, 3.0)]
        slower = [(recall, 1.2 * seconds) for recall, seconds in turn]
        line = measure_load.compare_at([[slower] * 3, [turn] * 3], 0.96)
        self.assertAlmostEqual(line['times_fresh'], 1.2)
        self.assertAlmostEqual(line['fresh_ms'], 2000)
        line = measure_load.compare_at([[turn[:1]], [turn]], 0.96)
        self.assertIsNone(line['times_fresh'])
        self.assertIsNone(line['ms'])

    def test_summary_of_deletes(self):
        run = {'vacuum_seconds': 3.0, 'bare_vacuum_seconds': 2.0,
               'bytes': 300, 'used_bytes': 210, 'fresh_bytes': 200,
               'reindex_seconds': 5.0, 'reindex_alone_seconds': 10.0,
               'settled': {'done': 8.0}}
        method = type('M', (), {'label': 'vectordb-hnsw',
                                'unattended_preload': 'vectordb'})
        line = measure_delete.summary(method, 100, [run, run])
        self.assertEqual((line['times_bare'], line['to_reindex'],
                          line['to_reindex_alone']), (1.5, 1.6, 0.8))
        run['settled'] = {'done': None}
        self.assertIsNone(measure_delete.summary(method, 100,
                                                 [run])['settled'])

    def stream_part(self):
        waits = {'waits': [.001] * 3, 'lateness': [0] * 3, 'seconds': 1.0,
                 'late_end': 0.0, 'rows': 1000}
        run = {'starts': [0, 1], 'durations': [.001, .001], 'empty': [1e-4]}
        x = {'method': 'vectordb-hnsw', 'base': 5, 'minutes': [],
             'idle': maintenance.latencies(run), 'planner_forced': False,
             'busy': maintenance.latencies(dict(
                 run, durations=[.0015, .0055])),
             'inserts': maintenance.waits_of(waits, 1000), 'recall': 0.96,
             'samples': 9, 'pause': 2.0, 'late': None,
             'segments_at_end': '1 growing (5)',
             'settled': {'done': None, 'only_growing': 1.0, 'timeline': [],
                         'segments': '1 growing (5)'}}
        return [dict(x, bare=maintenance.waits_of(waits, 1000))]

    def test_goals_and_tables(self):
        part = self.stream_part()
        dataset = {'name': 'x', 'rows': 10, 'dims': 128, 'queries': 1,
                   'metric': 'l2', 'parts': {'stream': part,
                                             'stream-fast': part}}
        self.assertEqual([g[3] for g in goals_maintenance.reached(dataset)],
                         [False, False, True, True, True, False])
        part[0]['pause'] = 4000.0
        text = '\n'.join(report.dataset_lines(dataset, 10, ''))
        self.assertIn('the machine paused for 4000 ms', text)
        self.assertIn('| vectordb-hnsw, table without index | 1,000 |', text)
        self.assertIn('Goals:', text)
        self.assertIn('not reached', text)

    def test_parts_are_known(self):
        self.assertEqual(list(report.tables_maintenance.PARTS),
                         options.MAINTENANCE_PARTS)
        _, parsed = options.parse(['--data', 'x', '--parts', 'maintenance'])
        self.assertTrue(parsed.unattended)
        self.assertEqual(parsed.methods, options.MAINTAINED)
        self.assertEqual(measure_stream.base_rows(type('B', (), {
            'options': parsed, 'data': small_set('l2')})), 250)


class Widening(unittest.TestCase):
    def test_neighbouring_rows_are_joined(self):
        small = small_set('cosine', rows=9, dims=2)
        wide = data.widen(small, 4)
        self.assertEqual(wide.train.shape, (4, 4))
        np.testing.assert_allclose(
            wide.train[1], np.hstack(small.train[2:4]) / np.sqrt(2),
            rtol=1e-6)


class Report(unittest.TestCase):
    def test_plot_is_xml_with_every_point(self):
        text = svg.plot('a < b', {'one': [(0.9, 100), (1.0, 10)],
                                  'two': [(1.0, 5000)]})
        document = minidom.parseString(text)
        markers = document.getElementsByTagName('circle')
        self.assertEqual(len(markers), 2 + 1)   # one more in the legend

    def test_goals_and_tables(self):
        line = {'method': goals.METHOD, 'setting': '', 'recall': 1.0,
                'ms': 4.0, 'qps': 250.0, 'queries': 100, 'faster': 29.0,
                'planner_forced': False}
        dataset = {'name': 'x', 'rows': 10, 'dims': 128, 'queries': 1,
                   'metric': 'l2', 'parts': {'search': [line]}}
        self.assertEqual([g[3] for g in goals.reached(dataset)], [False])
        line['faster'] = 30.5
        self.assertEqual([g[3] for g in goals.reached(dataset)], [True])
        text = '\n'.join(report.dataset_lines(dataset, 10, ''))
        self.assertIn('| vectordb-flat |  | 1.0000 | 4.000 |', text)

    def hnsw_result(self):
        equal = [{'wanted': 0.95, 'method': method, 'recall': 0.95,
                  'ms': ms, 'times_ours': ms / 0.1}
                 for method, ms in (('vectordb-hnsw', 0.1),
                                    ('pgvector-hnsw', 1.3),
                                    ('hnswlib', 0.09))]
        points = [{'method': 'vectordb-hnsw', 'setting': 'target_recall=0.9',
                   'recall': 0.93, 'ms': 0.08, 'qps': 12500.0,
                   'queries': 1000, 'planner_forced': False}]
        parts = {'hnsw-search': points + equal,
                 'hnsw-cold': {'error': 'no disk'}}
        return {'name': 'y', 'rows': 10, 'dims': 128, 'queries': 1,
                'metric': 'l2', 'parts': parts}

    def test_goals_of_graphs(self):
        dataset = self.hnsw_result()
        self.assertEqual([g[3] for g in goals_hnsw.reached(dataset)],
                         [True, False])
        text = '\n'.join(report.dataset_lines(dataset, 10, ''))
        self.assertIn('Goals of the access method `hnsw`', text)
        self.assertIn('| 0.95 | pgvector-hnsw | 1.3000 | 13.00 |', text)
        self.assertIn('Failed: no disk', text)

    def test_docs_keep_the_other_section(self):
        content = 'a' + ''.join(''.join(report.MARKERS[name])
                                for name in report.MARKERS) + 'z'
        text = report.replace_between(content, 'x', report.MARKERS['hnsw'],
                                      'new\n')
        self.assertTrue(text.startswith('a' + report.MARKERS['flat'][0]
                                        + report.MARKERS['flat'][1]))
        self.assertIn('new\n' + report.MARKERS['hnsw'][1], text)
        self.assertTrue(text.endswith(report.MARKERS['maintenance'][1] + 'z'))


if __name__ == '__main__':
    unittest.main()
