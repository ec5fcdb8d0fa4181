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
                                for name in ('flat', 'hnsw')) + 'z'
        text = report.replace_between(content, 'x', report.MARKERS['hnsw'],
                                      'new\n')
        self.assertTrue(text.startswith('a' + report.MARKERS['flat'][0]
                                        + report.MARKERS['flat'][1]))
        self.assertIn('new\n' + report.MARKERS['hnsw'][1] + 'z', text)


if __name__ == '__main__':
    unittest.main()
