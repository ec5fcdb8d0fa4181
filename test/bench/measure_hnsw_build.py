"""Graphs: time and size of builds, the library's with as many threads."""

from measure_build import measure_method
from measure_hnsw_search import libraries

REPETITIONS = 3


def measure(bench):
    figures = [measure_method(bench, method,
                              min(bench.options.reps, REPETITIONS))
               for method in bench.index_methods]
    for method in libraries(bench):
        built = bench.built[method.slug]
        figures.append({
            'method': method.label, 'options': method.options,
            'seconds': built['seconds'], 'seconds_all': [built['seconds']],
            'rows_per_second': bench.data.rows / built['seconds'],
            'bytes': built['bytes'],
            'bytes_to_raw': built['bytes'] / bench.data.raw_bytes,
            'wal_bytes': 0})
    add_ratios(figures, 'vectordb-hnsw')
    return figures


def add_ratios(figures, name):
    """Of time and size, each to ours."""
    ours = next((x for x in figures if x['method'].split()[0] == name), None)
    for line in figures:
        line['times_ours'] = ours and line['seconds'] / ours['seconds']
        line['size_to_ours'] = ours and line['bytes'] / ours['bytes']
