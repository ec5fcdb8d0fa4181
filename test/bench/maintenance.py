"""What the parts about maintenance share: servers, clients, waiting.

The rivals define the same settings, so a library that is preloaded keeps the
other one out of the server: serve() restarts it with the library of the
method that is measured next, and nothing of the other one runs meanwhile.
Clients that work at the same time are processes, not threads: two threads of
Python wait for one another.
"""

import io
import multiprocessing
import time
import traceback

import numpy as np

import copyfile
import truth
from context import uses_index
from progress import say

FORK = multiprocessing.get_context('fork')
WARM_SEARCHES = 300
POLL_SECONDS = 0.25
PULSE_SECONDS = 0.01
HOLD_SECONDS = 2.0              # that nothing is pending must last so long
EARLY_ROWS = 16384              # more growing rows than this are sealed soon
FINAL_ROWS = 1024               # fewer are left as they are
NOISE = 0.05                    # of the deviation of the vectors


# -- the server of a method

def serve(bench, method):
    """Restart the server with what the method wants preloaded."""
    wanted = method.unattended_preload
    if getattr(bench, 'serving', None) != wanted:
        say('restarting the server for %s', method.label)
        bench.restart({'shared_preload_libraries': "'%s'" % wanted})
        bench.serving = wanted


# -- rows

class Stock:
    """As many rows as wanted: those of the set, then again, moved a little.

    Row i is vectors[i] everywhere: what is loaded, and what the truth is
    computed from.
    """

    def __init__(self, data):
        self.train = data.train
        self.vectors = data.train

    def first(self, count):
        """The first rows, of which there are at least so many afterwards."""
        random = np.random.default_rng(5)
        scale = np.float32(NOISE * self.train[:10000].std())
        parts = [self.vectors]
        have = len(self.vectors)
        while have < count:
            noise = random.standard_normal(self.train.shape, np.float32)
            parts.append(self.train + scale * noise)
            have += len(self.train)
        if len(parts) > 1:
            self.vectors = np.vstack(parts)
        return self.vectors[:count]


def stock(bench):
    if not hasattr(bench, 'stock'):
        bench.stock = Stock(bench.data)
    return bench.stock


def load_indexed(bench, method, table, rows, vectors):
    """A table with the first rows and an index made of all of them."""
    cursor = bench.use(method)
    bench.create_table(cursor, table)
    bench.load(cursor, table, np.arange(rows), vectors[:rows])
    cursor.execute('VACUUM ANALYZE ' + table)
    bench.build_index(cursor, method, 'i' + table, table)
    return cursor


# -- clients

class Client:
    """A function that runs in a process of its own."""

    def __init__(self, function, *args):
        self.receiver, sender = FORK.Pipe(False)
        self.process = FORK.Process(target=run_client, daemon=True,
                                    args=(sender, function, args))
        self.process.start()
        sender.close()

    def result(self):
        try:
            succeeded, value = self.receiver.recv()
        except EOFError:
            raise RuntimeError('a client has died') from None
        self.process.join()
        if not succeeded:
            raise RuntimeError(value)
        return value


def run_client(sender, function, args):
    try:
        sender.send((True, function(*args)))
    except Exception as error:  # raised again by result()
        traceback.print_exc()
        sender.send((False, str(error)))


class Shared:
    """What clients tell one another."""

    def __init__(self, rows):
        self.stop = FORK.RawValue('b', 0)
        self.rows = FORK.RawValue('q', rows)    # committed: 0 .. rows - 1


def search_loop(bench, method, table, shared, seconds, sample_every):
    """Search until told to stop, or so many seconds.

    Returns start and duration of each search, and of some the query, the
    number of rows that had been committed when it began, and the answer.
    """
    connection = bench.server.connect(method.database)
    cursor = bench.use(method, connection=connection)
    statement = ('SELECT id FROM %s ORDER BY v %s '
                 '(SELECT v FROM queries WHERE id = $1) LIMIT %d'
                 % (table, bench.operator, bench.options.limit))
    forced = not uses_index(cursor, statement.replace('$1', '1'), 'i' + table)
    if forced:
        cursor.execute('SET enable_seqscan = off')
    cursor.execute('PREPARE search(int) AS ' + statement)
    cursor.execute('PREPARE nothing(int) AS SELECT $1')
    count = len(bench.data.test)
    empty = []
    for query in range(WARM_SEARCHES):
        cursor.execute('EXECUTE search(%d)' % (query % count + 1))
        start = time.perf_counter()
        cursor.execute('EXECUTE nothing(%d)' % query)
        empty.append(time.perf_counter() - start)
    starts, durations, samples = [], [], []
    begin = sampled = time.perf_counter()
    query = 0
    while not shared.stop.value:
        rows = shared.rows.value
        start = time.perf_counter()
        if start - begin >= seconds:
            break
        cursor.execute('EXECUTE search(%d)' % (query % count + 1))
        answer = cursor.fetchall()
        end = time.perf_counter()
        starts.append(start - begin)
        durations.append(end - start)
        if start >= sampled:
            sampled = start + sample_every
            samples.append((query % count, rows, [row[0] for row in answer]))
        query += 1
    connection.close()
    return {'starts': starts, 'durations': durations, 'samples': samples,
            'empty': empty, 'forced': forced}


def pulse_loop(shared):
    """How long a process that only sleeps is kept waiting, in seconds.

    So much of the longest times of others need not be the server's: the
    machine itself stood still, or had too much else to do.
    """
    longest = 0.0
    while not shared.stop.value:
        start = time.perf_counter()
        time.sleep(PULSE_SECONDS)
        longest = max(longest, time.perf_counter() - start - PULSE_SECONDS)
    return longest


def insert_loop(bench, database, table, shared, plan):
    """COPY batches when they are due; stops when the plan's time is up."""
    connection = bench.server.connect(database)
    cursor = connection.cursor()
    command = 'COPY %s FROM STDIN WITH (FORMAT binary)' % table
    waits, lateness, late_end = [], [], 0.0
    begin = time.perf_counter()
    for number in range(plan['batches']):
        first = plan['first'] + number * plan['batch']
        ids = np.arange(first, first + plan['batch'])
        content = io.BytesIO(copyfile.HEADER + copyfile.binary_rows(
            ids, plan['vectors'][ids]) + copyfile.TRAILER)
        due = begin + number * plan['interval']
        start = time.perf_counter()
        if start < due:
            time.sleep(due - start)
            start = time.perf_counter()
        late_end = start - due
        if start - begin >= plan['seconds']:
            break
        cursor.copy_expert(command, content, 1 << 16)
        end = time.perf_counter()
        waits.append(end - start)
        lateness.append(late_end)
        shared.rows.value = first + plan['batch']
    seconds = time.perf_counter() - begin
    connection.close()
    return {'waits': waits, 'lateness': lateness, 'seconds': seconds,
            'late_end': late_end,
            'rows': len(waits) * plan['batch']}


def insert_plan(vectors, first, rate, batch, rows, seconds):
    return {'vectors': vectors, 'first': first, 'batch': batch,
            'interval': batch / rate, 'batches': rows // batch,
            'seconds': seconds}


# -- figures of clients

def latencies(run):
    """p50, p99 and maximum in milliseconds, and searches a second."""
    values = np.array(run['durations']) * 1e3
    if not len(values):
        raise RuntimeError('no search has ended')
    return {'searches': len(values), 'p50': float(np.percentile(values, 50)),
            'p99': float(np.percentile(values, 99)),
            'max': float(values.max()),
            'loop': float(np.median(run['empty'])) * 1e3}


def by_minute(run, seconds=60):
    """p50, p99, maximum of each minute; a short rest counts to the last."""
    starts = np.array(run['starts'])
    values = np.array(run['durations']) * 1e3
    count = max(int(round(starts.max() / seconds)), 1) if len(starts) else 0
    minutes = np.minimum((starts / seconds).astype(int), count - 1)
    result = []
    for minute in range(count):
        part = values[minutes == minute]
        if len(part):
            result.append({'minute': minute + 1, 'searches': len(part),
                           'p50': float(np.percentile(part, 50)),
                           'p99': float(np.percentile(part, 99)),
                           'max': float(part.max())})
    return result


def sampled_recall(data, vectors, samples, k):
    """Recall of answers against the rows that were surely visible."""
    queries = data.test[[query for query, _, _ in samples]]
    kth = truth.kth_of_first(data.metric, vectors, queries,
                             [rows for _, rows, _ in samples], k)
    whole = truth_set(data, vectors, queries)
    return truth.recall(whole, kth, [ids for _, _, ids in samples], k)


def truth_set(data, vectors, queries):
    """What truth.recall wants to know."""
    return type(data)(data.name, data.metric, vectors, queries)


def waits_of(run, rate):
    """How an inserter fared; its longest waits in milliseconds."""
    waits = np.array(run['waits']) * 1e3
    return {'rows': run['rows'], 'seconds': run['seconds'],
            'rows_per_second': run['rows'] / run['seconds'],
            'wanted_per_second': rate,
            'wait_p50': float(np.percentile(waits, 50)),
            'wait_p99': float(np.percentile(waits, 99)),
            'wait_max': float(waits.max()),
            'waits_over_50': int((waits > 50).sum()),
            'longest_at': [
                (round(float(waits[i]), 1), int(i))
                for i in np.argsort(waits)[:-6:-1]],
            'late_max': float(max(run['lateness'] + [run['late_end']])),
            'late_end': float(run['late_end'])}


# -- waiting until nothing is pending

class Settling:
    """When was nothing left to do?  Fed with what is seen at a time.

    only_growing: no job but a growing segment too small to be sealed soon;
    done: not even that.  Each is the beginning of the first period that
    lasted for HOLD_SECONDS.
    """

    def __init__(self):
        self.since = {'only_growing': None, 'done': None}
        self.only_growing = None
        self.done = None

    def feed(self, now, open_jobs, growing_rows):
        quiet = open_jobs == 0
        self.note('only_growing', now, quiet and growing_rows < EARLY_ROWS)
        self.note('done', now, quiet and growing_rows < FINAL_ROWS)

    def note(self, name, now, holds):
        if not holds:
            self.since[name] = None
        elif self.since[name] is None:
            self.since[name] = now
        if holds and getattr(self, name) is None and \
                now - self.since[name] >= HOLD_SECONDS:
            setattr(self, name, self.since[name])


def state_of(cursor, index):
    """Open jobs as text, how many, and rows of growing segments."""
    cursor.execute(
        "SELECT coalesce(string_agg(kind || ' ' || state, ', ' ORDER BY kind, "
        "state), ''), count(*), max(tries), max(last_error) "
        "FROM vectordb.index_jobs('%s') "
        "WHERE state NOT IN ('done', 'failed') "
        "AND NOT (kind = 'seal' AND state = 'pending')" % index)
    text, count, tries, error = cursor.fetchone()
    cursor.execute("SELECT coalesce(sum(row_count), 0) FROM "
                   "vectordb.index_segments('%s') "
                   "WHERE file_type IN ('growing', 'sealing')" % index)
    if tries:
        text += ' (%d failures, %s)' % (tries, error)
    return text, count, int(cursor.fetchone()[0])


def segments_of(cursor, index):
    """'2 sealed/graph (480,000), 1 growing (20,000)', and failed jobs."""
    cursor.execute("SELECT file_type, count(*), sum(row_count) FROM "
                   "vectordb.index_segments('%s') GROUP BY 1 ORDER BY 3 DESC"
                   % index)
    words = ['%d %s (%s)' % (count, kind, format(int(rows or 0), ','))
             for kind, count, rows in cursor.fetchall()]
    cursor.execute("SELECT kind, last_error FROM vectordb.index_jobs('%s') "
                   "WHERE state = 'failed'" % index)
    words += ['%s FAILED: %s' % row for row in cursor.fetchall()]
    return ', '.join(words)


def settle(bench, method, index, start):
    """Wait until nothing is pending; seconds since start (perf_counter).

    Where nothing works in the background nothing is waited for.
    """
    if not method.unattended_preload:
        return {'only_growing': 0.0, 'done': 0.0, 'timeline': [],
                'segments': None}
    cursor = bench.connection(method.database).cursor()
    settling, timeline = Settling(), []
    while settling.done is None:
        now = time.perf_counter() - start
        text, count, growing = state_of(cursor, index)
        settling.feed(now, count, growing)
        if not timeline or timeline[-1][1] != text:
            timeline.append((round(now, 2), text))
        if now > bench.options.settle_seconds:
            say('%s: still pending after %d s: %s', method.label, now, text)
            break
        time.sleep(POLL_SECONDS)
    say('%s: nothing is pending after %s s; a small growing segment alone '
        'after %s s', method.label, *[
            '?' if s is None else '%.1f' % s
            for s in (settling.done, settling.only_growing)])
    return {'only_growing': settling.only_growing, 'done': settling.done,
            'timeline': timeline, 'segments': segments_of(cursor, index)}
