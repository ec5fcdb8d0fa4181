"""What the bench tells while it runs: every line with the time since start.

Figures go to stderr too, so that a run that is broken off was not in vain.
"""

import sys
import time

START = time.monotonic()


def say(text, *args):
    seconds = int(time.monotonic() - START)
    message = text % args if args else text
    print('[%3d:%02d] %s' % (seconds // 60, seconds % 60, message),
          file=sys.stderr, flush=True)


class Counter:
    """Says how far a long loop is, every few seconds."""

    def __init__(self, what, every=5.0):
        self.what = what
        self.every = every
        self.last = time.monotonic()

    def __call__(self, done, total):
        now = time.monotonic()
        if now - self.last >= self.every and done < total:
            self.last = now
            say('  %s: %d of %d (%d %%)', self.what, done, total,
                100 * done // max(total, 1))
