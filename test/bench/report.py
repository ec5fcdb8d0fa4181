"""Results as JSON, Markdown and plots.

Also a program: report.py RESULTS.json ... [--docs FILE] writes the tables of
earlier results again.  Every figure comes from the results; nothing is
rounded before the last moment.
"""

import argparse
import json
import os
import sys

import goals
import goals_hnsw
import goals_maintenance
import svg
import tables
import tables_hnsw
import tables_maintenance

# by what a run is about
MARKERS = {
    'flat': ('<!-- figures: written by test/bench, do not edit -->',
             '<!-- end of figures -->'),
    'hnsw': ('<!-- hnsw figures: written by test/bench, do not edit -->',
             '<!-- end of hnsw figures -->'),
    'maintenance': (
        '<!-- maintenance figures: written by test/bench, do not edit -->',
        '<!-- end of maintenance figures -->'),
}
GOALS = {'flat': goals, 'hnsw': goals_hnsw, 'maintenance': goals_maintenance}
GOAL_TITLES = {'flat': 'Goals of the access method `flat`:',
               'hnsw': 'Goals of the access method `hnsw`:',
               'maintenance': 'Goals:'}
PARTS = dict(tables.PARTS, **tables_hnsw.PARTS, **tables_maintenance.PARTS)


def subject(dataset):
    """What a result is about, an access method or else, by its parts."""
    if any(part in tables_maintenance.PARTS for part in dataset['parts']):
        return 'maintenance'
    graphs = any(part in tables_hnsw.PARTS for part in dataset['parts'])
    return 'hnsw' if graphs else 'flat'


def curves(part, rate):
    """Points by method, from result lines with a recall."""
    result = {}
    for line in part:
        if line.get(rate) and 'recall' in line \
                and line.get('setting') != 'default':
            result.setdefault(line['method'], []).append(
                (line['recall'], line[rate]))
    return result


def with_recall(parts):
    """pgbench lines with the recall that the part search found."""
    search, pgbench = parts.get('search'), parts.get('pgbench')
    if not isinstance(search, list) or not isinstance(pgbench, list):
        return []
    known = {(line['method'], line['setting']): line['recall']
             for line in search}
    return [dict(line, recall=known[line['method'], line['setting']])
            for line in pgbench
            if (line['method'], line['setting']) in known]


def plots(dataset, limit):
    """Pairs of file name and SVG text of one data set."""
    parts = dataset['parts']
    title = '%s, %s rows, recall@%d' % (
        dataset['name'], format(dataset['rows'], ','), limit)
    one = {}
    for part in ('search', 'library'):
        if isinstance(parts.get(part), list):
            one.update(curves(parts[part], 'qps'))
    if one:
        yield ('recall-%s.svg' % dataset['name'],
               svg.plot(title + ', one statement', one))
    if isinstance(parts.get('hnsw-search'), list):
        yield ('hnsw-%s.svg' % dataset['name'],
               svg.plot(title, curves(parts['hnsw-search'], 'qps')))
    clients = curves(with_recall(parts), 'qps_1')
    if clients:
        yield ('recall-pgbench-%s.svg' % dataset['name'],
               svg.plot(title + ', pgbench with one client', clients))


def machine_lines(results):
    machine = results['machine']
    versions = results.get('versions', {})
    settings = results.get('settings', {})
    lines = ['%s, %s cores, %s GiB of memory, Linux %s; %s; %s.' % (
        machine['cpu'], machine['cores'], machine['memory_gib'],
        machine['kernel'], ', '.join(machine['instruction_sets']),
        machine['date']), '']
    lines += ['- %s %s' % pair for pair in versions.items()]
    lines += ['', '%s Settings: %s.'
              % (repetitions(results),
                 ', '.join('%s = %s' % pair for pair in settings.items())),
              '', 'Command: `%s`' % results['command'], '']
    return lines


def repetitions(results):
    """What the figures are medians of."""
    if any(subject(dataset) == 'maintenance'
           for dataset in results['datasets']):
        return 'Each stream, load and mix once; deletes, and searches ' \
            'after a load, are medians of at most %d.' \
            % min(results['repetitions'], 3)
    return 'Medians of %d repetitions after a warm-up.' \
        % results['repetitions']


def goal_lines(dataset):
    rows = [(what, measured, wanted, 'yes' if met else '**no**')
            for what, measured, wanted, met in
            GOALS[subject(dataset)].reached(dataset)]
    if not rows:
        return []
    return [GOAL_TITLES[subject(dataset)], ''] + tables.table(
        ['what', 'measured', 'goal', 'reached'], rows) + ['']


def dataset_lines(dataset, limit, picture_folder):
    lines = ['### %s' % dataset['name'], '',
             '%s rows of %d dimensions, %s, %s queries, LIMIT %d.' % (
                 format(dataset['rows'], ','), dataset['dims'],
                 dataset['metric'], format(dataset['queries'], ','), limit),
             '']
    lines += goal_lines(dataset)
    for name, _ in plots(dataset, limit):
        lines += ['![recall against queries a second](%s)'
                  % (picture_folder + name), '']
    for part, content in dataset['parts'].items():
        title, function, sentence = PARTS[part]
        if content:
            lines += ['#### ' + title, '']
        if isinstance(content, dict):
            lines += ['Failed: ' + content['error'].splitlines()[0], '']
        elif content:
            lines += ([sentence, ''] if sentence else [])
            lines += function(content) + ['']
    return lines


def markdown(results, picture_folder=''):
    lines = machine_lines(results)
    for dataset in results['datasets']:
        lines += dataset_lines(dataset, results['limit'], picture_folder)
    return '\n'.join(lines)


def write_plots(results, folder):
    for dataset in results['datasets']:
        for name, content in plots(dataset, results['limit']):
            with open(os.path.join(folder, name), 'w',
                      encoding='utf-8') as file:
                file.write(content)


def write(results, folder, docs=None):
    """results.json, results.md and the plots; perhaps the document too."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'results.json'), 'w',
              encoding='utf-8') as file:
        json.dump(results, file, indent=1)
        file.write('\n')
    with open(os.path.join(folder, 'results.md'), 'w',
              encoding='utf-8') as file:
        file.write('# Results\n\n' + markdown(results))
    write_plots(results, folder)
    if docs:
        write_docs([results], docs)


def write_docs(all_results, docs):
    """Put the tables between the markers of a document.

    Each subject has its own; those without a result stay as they are.
    """
    with open(docs, encoding='utf-8') as file:
        text = file.read()
    folder = os.path.join(os.path.dirname(docs) or '.', 'pictures')
    os.makedirs(folder, exist_ok=True)
    by_subject = {}
    for results in all_results:
        if results['datasets']:
            by_subject.setdefault(subject(results['datasets'][0]),
                                  []).append(results)
            write_plots(results, folder)
    for name, chosen in by_subject.items():
        text = replace_between(text, docs, MARKERS[name], '\n'.join(
            markdown(results, 'pictures/') for results in chosen))
    with open(docs, 'w', encoding='utf-8') as file:
        file.write(text)


def replace_between(text, docs, markers, content):
    before, begin, rest = text.partition(markers[0])
    _, end, after = rest.partition(markers[1])
    if not begin or not end:
        raise SystemExit('%s has no markers for the figures' % docs)
    return before + begin + '\n\n' + content + end + after


def main(argv):
    parser = argparse.ArgumentParser(prog='report.py')
    parser.add_argument('results', nargs='+', help='results.json files')
    parser.add_argument('--docs', help='Markdown file with the markers')
    options = parser.parse_args(argv)
    all_results = []
    for path in options.results:
        with open(path, encoding='utf-8') as file:
            all_results.append(json.load(file))
    if options.docs:
        write_docs(all_results, options.docs)
    else:
        print('\n'.join(markdown(results) for results in all_results))


if __name__ == '__main__':
    main(sys.argv[1:])
