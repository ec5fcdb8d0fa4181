"""A plot of recall against queries a second, as SVG without any library.

Recall runs to the right, queries a second upwards on a logarithmic scale: up
and to the right is better.  One line for each method, one point for each of
its settings.
"""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 210, 40, 55
COLOURS = ['#0b6e4f', '#c8553d', '#2e5eaa', '#8d5a97', '#b8860b', '#4d4d4d',
           '#1b9aaa', '#d1495b']
SHAPES = ['circle', 'square', 'diamond']
FONT = 'font-family="sans-serif" font-size="%d" fill="#222"'


class Axes:
    """From figures to places."""

    def __init__(self, points):
        recalls = [recall for recall, _ in points]
        rates = [rate for _, rate in points]
        span = max(1.0 - min(recalls), 0.02)
        step = next(s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
                    if span / s <= 6 or s == 0.2)
        self.step = step
        self.low = max(math.floor(min(recalls) / step - 0.2) * step, 0)
        self.high = 1.0
        self.bottom = math.floor(math.log10(min(rates)) - 0.02)
        self.top = max(math.ceil(math.log10(max(rates)) + 0.02),
                       self.bottom + 1)

    def x(self, recall):
        share = (recall - self.low) / (self.high - self.low)
        return LEFT + 8 + share * (WIDTH - LEFT - RIGHT - 16)

    def y(self, rate):
        share = (math.log10(rate) - self.bottom) / (self.top - self.bottom)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def text(x, y, words, size=12, anchor='middle', more=''):
    return '<text x="%.1f" y="%.1f" text-anchor="%s" %s %s>%s</text>' % (
        x, y, anchor, FONT % size, more, escape(words))


def line(x1, y1, x2, y2, colour, width=1.0):
    return ('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" '
            'stroke-width="%.1f"/>' % (x1, y1, x2, y2, colour, width))


def marker(x, y, shape, colour):
    if shape == 'circle':
        return '<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>' % (x, y, colour)
    turn = 45 if shape == 'diamond' else 0
    return ('<rect x="%.1f" y="%.1f" width="7" height="7" fill="%s" '
            'transform="rotate(%d %.1f %.1f)"/>'
            % (x - 3.5, y - 3.5, colour, turn, x, y))


def grid(axes):
    """Lines, numbers and names of both axes."""
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for power in range(axes.bottom, axes.top + 1):
        y = axes.y(10 ** power)
        parts.append(line(LEFT, y, right, y, '#bbb'))
        number = '%g' % 10 ** power if power < 0 else format(10 ** power, ',')
        parts.append(text(LEFT - 6, y + 4, number, anchor='end'))
        for digit in range(2, 10) if power < axes.top else ():
            y = axes.y(digit * 10 ** power)
            parts.append(line(LEFT, y, right, y, '#eee'))
    for number in range(round((axes.high - axes.low) / axes.step) + 1):
        recall = axes.high - number * axes.step
        x = axes.x(recall)
        parts.append(line(x, TOP, x, bottom, '#ddd'))
        parts.append(text(x, bottom + 18, '%g' % round(recall, 4)))
    parts.append(line(LEFT, TOP, LEFT, bottom, '#222'))
    parts.append(line(LEFT, bottom, right, bottom, '#222'))
    parts.append(text((LEFT + right) / 2, HEIGHT - 14, 'recall', 13))
    parts.append(text(18, (TOP + bottom) / 2, 'queries a second', 13,
                      more='transform="rotate(-90 18 %.1f)"'
                      % ((TOP + bottom) / 2)))
    return parts


def plot(title, curves):
    """SVG text; curves maps a label to its (recall, rate) points."""
    axes = Axes([point for points in curves.values() for point in points])
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
             'viewBox="0 0 %d %d">' % (WIDTH, HEIGHT, WIDTH, HEIGHT),
             '<rect width="%d" height="%d" fill="#fff"/>' % (WIDTH, HEIGHT),
             text(12, 24, title, 15, 'start')]
    parts += grid(axes)
    for number, (label, points) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        shape = SHAPES[number % len(SHAPES)]
        places = [(axes.x(recall), axes.y(rate))
                  for recall, rate in sorted(points)]
        if len(places) > 1:
            parts.append('<polyline points="%s" fill="none" stroke="%s" '
                         'stroke-width="2"/>' % (
                             ' '.join('%.1f,%.1f' % p for p in places),
                             colour))
        parts += [marker(x, y, shape, colour) for x, y in places]
        y = TOP + 12 + 20 * number
        parts.append(marker(WIDTH - RIGHT + 18, y, shape, colour))
        parts.append(text(WIDTH - RIGHT + 30, y + 4, label, anchor='start'))
    return '\n'.join(parts + ['</svg>', ''])
