"""What the bench has to know about a method.

The measuring modules speak only of these attributes and functions, so that
no rival is treated in a way of its own.
"""

import re

OPERATORS = {'l2': '<->', 'ip': '<#>', 'cosine': '<=>', 'l1': '<+>'}
OPCLASSES = {'l2': 'vector_l2_ops', 'ip': 'vector_ip_ops',
             'cosine': 'vector_cosine_ops', 'l1': 'vector_l1_ops'}


class Setting:
    """One point of a recall curve: a label and session settings."""

    def __init__(self, label, values):
        self.label = label
        self.values = values


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
