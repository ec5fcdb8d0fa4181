#!/usr/bin/python3
"""make-data.py -- make the demo's and the tests' data from the full data set

    demo/make-data.py MEANINGS.hdf5 GLOSSES.tsv.gz QUERIES.tsv.gz

Reads the 117,659 meanings of WordNet 3.0 embedded by all-MiniLM-L6-v2 (HDF5 in
the convention of ann-benchmarks, with their texts beside it) and writes

    demo/meanings.tsv.gz        about 20,000 common meanings
    demo/newcomers.tsv.gz       a few more, which the demo inserts later
    demo/definitions.tsv.gz     definitions of Webster's dictionary of 1913
    test/data/wordnet-2k.tsv.gz, wordnet-2k-queries.tsv.gz
                                a sample for tests

demo/README.md and test/data/README.md describe the columns.  The same input
gives the same files, byte for byte.  Needs python3-h5py and python3-numpy;
nothing else in this project does.
"""

import collections
import gzip
import io
import math
import os
import re
import sys

import h5py
import numpy

NMEANINGS = 20000
NSAMPLE = 2000
NSAMPLE_QUERIES = 50

# The file names of WordNet's lexicographers, by number.
LEXFILES = """adj.all adj.pert adv.all noun.Tops noun.act noun.animal
noun.artifact noun.attribute noun.body noun.cognition noun.communication
noun.event noun.feeling noun.food noun.group noun.location noun.motive
noun.object noun.person noun.phenomenon noun.plant noun.possession
noun.process noun.quantity noun.relation noun.shape noun.state noun.substance
noun.time verb.body verb.change verb.cognition verb.communication
verb.competition verb.consumption verb.contact verb.creation verb.emotion
verb.motion verb.perception verb.possession verb.social verb.stative
verb.weather adj.ppl""".split()

# Meanings that nobody wants to meet in a demo, by a word of their gloss.
UNWELCOME = re.compile(
    r"\b(slurs?|offensive|derogatory|disparaging|obscene|obscenity|vulgar|"
    r"pejorative|contemptuous|coitus|copulat\w*|masturbat\w*|genitals?|penis|"
    r"vagina\w*|sexual\w*|prostitut\w*|anus|rape|excret\w*|feces|ejaculat\w*|"
    r"Negro\w*|Nazi\w*|homosexual\w*|semen|lesbian\w*|genitalia)\b", re.I)

# Creatures of fable, by row: kept out of the table at first, the demo inserts
# them while it runs.
NEWCOMERS = {50939, 50958, 50959, 51003, 51014, 51254, 51273, 58291}

# Everyday words that the guess of score_meanings() misses.
EVERYDAY = {"happy", "thunder", "eagle", "lazy", "hungry", "thirsty",
            "rainbow"}

# The definitions that the demo has, by number.
DEFINITIONS = {
    5, 11, 31, 52, 68, 261, 277, 345, 360, 388, 417, 437, 447, 561, 596, 639,
    650, 661, 743, 761, 853, 879, 883, 885, 887, 958, 970, 1289, 1301, 1315,
    1470, 1472, 1587, 1648, 1655, 1724, 1897, 1961, 1974, 1977}


class Meaning:
    def __init__(self, row, pos, lexfile, words, gloss, parent):
        self.row = row
        self.pos = pos
        self.lexfile = LEXFILES[lexfile]
        self.words = words
        self.gloss = gloss
        self.parent = parent
        self.score = 0.0


def read_meanings(path):
    meanings = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        next(file)
        for line in file:
            row, pos, lexfile, words, gloss, parent = \
                line.rstrip("\n").split("\t")
            meanings.append(Meaning(int(row), pos, int(lexfile), words, gloss,
                                    int(parent)))
    return meanings


def read_queries(path):
    queries = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if fields[0].isdigit():
                queries.append((int(fields[0]), fields[1], fields[2]))
    return queries


def count_descendants(meanings):
    ndescendants = collections.Counter()
    for meaning in meanings:
        row = meaning.parent
        while row >= 0:
            ndescendants[row] += 1
            row = meanings[row].parent
    return ndescendants


def score_meanings(meanings):
    """Guess how common a meaning is.

    No frequencies come with the glosses, but the glosses are a text: a word
    that many of them use is a common one.  A word of many senses has fewer
    uses for each.  The best word of a meaning counts most; its other words and
    the kinds below it add some.
    """
    uses = collections.Counter()
    senses = collections.Counter()
    for meaning in meanings:
        uses.update(set(re.findall(r"[a-z]+", meaning.gloss.lower())))
        senses.update(meaning.words.split(", "))
    ndescendants = count_descendants(meanings)

    def score_word(word):
        # plural and third person are uses as well
        nuses = uses[word] + uses[word + "s"]
        return math.log1p(nuses) - 0.5 * math.log(senses[word])

    for meaning in meanings:
        words = sorted(map(score_word, meaning.words.split(", ")))
        meaning.score = (words[-1] + 0.3 * max(0, sum(words[:-1]))
                         + 0.3 * math.log1p(ndescendants[meaning.row]))


def choose_meanings(meanings, wanted):
    """The wanted ones, the most common ones, and all their ancestors."""
    chosen = set()
    common = sorted((m for m in meanings if not UNWELCOME.search(m.gloss)),
                    key=lambda m: (-m.score, m.row))
    for meaning in [meanings[row] for row in wanted] + common:
        if len(chosen) >= NMEANINGS:
            break
        if meaning.row in NEWCOMERS:
            continue
        row = meaning.row
        while row >= 0 and row not in chosen:
            chosen.add(row)
            row = meanings[row].parent
    return [meanings[row] for row in sorted(chosen)]


def quantise(vectors):
    """Round to integers -127 .. 127, the largest component to 127."""
    vectors = vectors.astype(numpy.float64)
    scale = 127.0 / numpy.abs(vectors).max(axis=1, keepdims=True)
    return numpy.rint(vectors * scale).astype(numpy.int16)


def as_bytea(vector):
    return "\\\\x" + (vector + 128).astype(numpy.uint8).tobytes().hex()


def as_text(vector):
    return "[" + ",".join(map(str, vector)) + "]"


def write_rows(path, rows):
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9, mtime=0,
                       filename="") as file:
        for row in rows:
            file.write(("\t".join(map(str, row)) + "\n").encode("utf-8"))
    with open(path, "wb") as file:
        file.write(buffer.getvalue())
    print(f"{path}: {len(rows)} rows, {len(buffer.getvalue())} bytes")


def meaning_rows(meanings, vectors, encode):
    codes = quantise(vectors[[m.row for m in meanings]])
    return [(m.row, m.pos, m.lexfile, m.words, m.gloss, encode(code))
            for m, code in zip(meanings, codes)]


def query_rows(queries, vectors, encode):
    codes = quantise(vectors[[number for number, _, _ in queries]])
    return [(number, word, text, encode(code))
            for (number, word, text), code in zip(queries, codes)]


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    with h5py.File(sys.argv[1], "r") as file:
        train = file["train"][:]
        test = file["test"][:]
        neighbors = file["neighbors"][:]
    meanings = read_meanings(sys.argv[2])
    queries = read_queries(sys.argv[3])
    score_meanings(meanings)
    definitions = [q for q in queries if q[0] in DEFINITIONS]
    # what answers them best among all meanings must be there
    wanted = [int(row) for number, _, _ in definitions
              for row in neighbors[number, :2]]
    wanted += [m.row for m in meanings if m.words in EVERYDAY]
    chosen = choose_meanings(meanings, wanted)
    newcomers = [meanings[row] for row in sorted(NEWCOMERS)]

    demo = os.path.dirname(os.path.abspath(__file__))
    tests = os.path.join(os.path.dirname(demo), "test", "data")
    write_rows(os.path.join(demo, "meanings.tsv.gz"),
               meaning_rows(chosen, train, as_bytea))
    write_rows(os.path.join(demo, "newcomers.tsv.gz"),
               meaning_rows(newcomers, train, as_bytea))
    write_rows(os.path.join(demo, "definitions.tsv.gz"),
               query_rows(definitions, test, as_bytea))

    sample = chosen[::len(chosen) // NSAMPLE][:NSAMPLE]
    write_rows(os.path.join(tests, "wordnet-2k.tsv.gz"),
               meaning_rows(sample, train, as_text))
    sample = queries[::len(queries) // NSAMPLE_QUERIES][:NSAMPLE_QUERIES]
    write_rows(os.path.join(tests, "wordnet-2k-queries.tsv.gz"),
               query_rows(sample, test, as_text))


if __name__ == "__main__":
    main()
