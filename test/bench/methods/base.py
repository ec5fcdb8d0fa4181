"""What the bench has to know about a method.

The measuring modules speak only of these attributes and functions, so that
no rival is treated in a way of its own.
"""

import importlib.metadata
import importlib.util
import math
import re

OPERATORS = {'l2': '<->', 'ip': '<#>', 'cosine': '<=>', 'l1': '<+>'}
OPCLASSES = {'l2': 'vector_l2_ops', 'ip': 'vector_ip_ops',
             'cosine': 'vector_cosine_ops', 'l1': 'vector_l1_ops'}


class Setting:
    """One point of a recall curve: a label and session settings."""

    def __init__(self, label, values):
        self.label = label
        self.values = values


class Knob:
    """The session setting by which a method buys recall with time.

    Interpolation between its values is by their scale: the logarithm of a
    number of candidates, that of the share that may be missed.
    """

    def __init__(self, name, low, high, whole):
        self.name = name
        self.low = low
        self.high = high
        self.whole = whole

    def scale(self, value):
        return math.log(value) if self.whole else -math.log(1 - value)

    def value(self, scale):
        if self.whole:
            value = round(math.exp(scale))
        else:
            value = round(1 - math.exp(-scale), 5)
        return min(max(value, self.low), self.high)

    def setting(self, value):
        short = self.name.rpartition('.')[2]
        return Setting('%s=%g' % (short, value), {self.name: value})


class Method:
    """A way to search through the server."""

    name = None                 # what --methods calls it
    database = None             # the database it lives in
    extension = None            # what CREATE EXTENSION is given
    preload = None              # library for shared_preload_libraries
    access_method = None        # None: sequential scan
    exact = False               # answers are to equal the sequential scan's
    slow_build = False          # build once, not once per repetition
    slow_insert = False         # about a thousand rows a second
    build_call = None           # function that reorganises the index
    metrics = tuple(OPERATORS)
    knob = None                 # what the parts about graphs turn
    has_default = True          # answers when nothing is set
    unattended_preload = ''     # library whose workers look after the index
    optional = False            # kept out of the parts that take long

    def __init__(self, options):
        self.options = dict(self.default_options(), **options)
        self.label = self.name
        if options:
            self.label += ' ' + ' '.join('%s=%s' % pair
                                         for pair in options.items())

    def default_options(self):
        """Options of CREATE INDEX, written out even where they are the
        defaults, so that the result shows them."""
        return {}

    def session(self):
        """Settings of every session that searches by this method."""
        return {}

    def sweep(self, _rows):
        """Points of the recall curve."""
        return [Setting('', {})]

    def filter_sweep(self):
        """What searches with a filter are measured at."""
        return [Setting('default', {})]

    def adapt(self, rows):
        """Told before the index is built how many rows it will have."""

    @property
    def slug(self):
        return re.sub('[^a-z0-9]+', '_', self.label.lower())

    def create_index(self, index, table, metric):
        words = ['%s = %s' % pair for pair in self.options.items()]
        return 'CREATE INDEX %s ON %s USING %s (v %s)%s' % (
            index, table, self.access_method, OPCLASSES[metric],
            ' WITH (%s)' % ', '.join(words) if words else '')


class Library:
    """A way to search inside this process, without a server."""

    name = None
    module = None               # what must be importable
    database = None
    metrics = ('l2', 'cosine', 'ip')

    def __init__(self, options):
        self.options = dict(self.default_options(), **options)
        self.label = self.name

    def default_options(self):
        return {}

    @property
    def slug(self):
        return self.name

    def version(self):
        """Of the module and where it is from; None if there is none."""
        found = importlib.util.find_spec(self.module)
        if not found:
            return None
        debian = found.origin.startswith('/usr/lib/python3/')
        return '%s (%s)' % (importlib.metadata.version(self.module),
                            'Debian package' if debian
                            else 'built from source by pip')

    def search_many(self, queries, k):
        """Row numbers for each query, by one thread."""
        return [self.search(query, k) for query in queries]
