"""VectorChord: its vchordrq, lists of quantised rows; optional.

Needs pgvector for the type, and its library preloaded.  Lists none for
few rows, else one for 500 rows.
"""

from methods.base import OPCLASSES, Knob, Method, Setting

FEW_ROWS = 128000
ROWS_OF_A_LIST = 500


class VchordRq(Method):
    name = 'vchordrq'
    database = 'vectorchord'
    extension = 'vchord'
    preload = 'vchord'
    access_method = 'vchordrq'
    slow_build = True
    metrics = ('l2', 'ip', 'cosine')
    has_default = False
    optional = True
    lists = None

    def adapt(self, rows):
        lists = self.options.get('lists')
        if not lists and rows >= FEW_ROWS:
            lists = rows // ROWS_OF_A_LIST
        self.lists = int(lists) if lists else None
        self.knob = Knob('vchordrq.probes', 1, self.lists, whole=True) \
            if self.lists else None

    def session(self):
        """With lists nothing can be planned until probes are set."""
        return {'vchordrq.probes': 10} if self.lists else {}

    def create_index(self, index, table, metric):
        words = ['residual_quantization = %s'
                 % ('true' if metric == 'l2' else 'false')]
        if self.lists:
            words += ['[build.internal]', 'lists = [%d]' % self.lists,
                      'spherical_centroids = %s'
                      % ('false' if metric == 'l2' else 'true'),
                      'build_threads = 2']
        return 'CREATE INDEX %s ON %s USING vchordrq (v %s) ' \
            'WITH (options = $$%s$$)' % (index, table, OPCLASSES[metric],
                                         '\n'.join(words))

    def sweep(self, _rows):
        if not self.lists:
            return [Setting('epsilon=%g' % epsilon,
                            {'vchordrq.epsilon': epsilon})
                    for epsilon in (0.6, 0.8, 1.0, 1.2, 1.5, 1.9)]
        return [self.knob.setting(probes) for probes in (10, 20, 40, 80)]

    def filter_sweep(self):
        return []


METHODS = [VchordRq]
