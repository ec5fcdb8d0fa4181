"""Files for COPY, text and binary, written from arrays of vectors.

Both hold the columns (id int4, v vector).  The binary form of a vector is
int16 dimensions, int16 zero, then float4 in network order.
"""

import numpy as np

HEADER = b'PGCOPY\n\xff\r\n\0' + bytes(8)
TRAILER = b'\xff\xff'
BATCH = 4096


def binary_rows(ids, vectors):
    """Bytes of the rows alone."""
    dims = vectors.shape[1]
    layout = np.dtype([('nfields', '>i2'), ('id_bytes', '>i4'), ('id', '>i4'),
                       ('v_bytes', '>i4'), ('dims', '>i2'), ('zero', '>i2'),
                       ('x', '>f4', (dims,))])
    rows = np.zeros(len(ids), dtype=layout)
    rows['nfields'] = 2
    rows['id_bytes'] = 4
    rows['id'] = ids
    rows['v_bytes'] = 4 + 4 * dims
    rows['dims'] = dims
    rows['x'] = vectors
    return rows.tobytes()


def text_rows(ids, vectors):
    """Bytes of the rows alone: the shortest text that gives the float4."""
    whole = np.all(vectors == np.rint(vectors))
    lines = []
    for row_id, vector in zip(ids, vectors):
        if whole:
            words = map(str, vector.astype(np.int64).tolist())
        else:
            words = map(str, vector)
        lines.append('%d\t[%s]\n' % (row_id, ','.join(words)))
    return ''.join(lines).encode()


def write(path, binary, ids, train):
    """Write train[ids modulo its rows] under the given ids."""
    encode = binary_rows if binary else text_rows
    with open(path, 'wb') as file:
        if binary:
            file.write(HEADER)
        for start in range(0, len(ids), BATCH):
            part = ids[start:start + BATCH]
            file.write(encode(part, train[part % len(train)]))
        if binary:
            file.write(TRAILER)


class Stream:
    """A file-like object that gives binary COPY data of an array."""

    def __init__(self, ids, vectors, progress=None):
        self.chunks = self.generate(ids, vectors, progress)
        self.rest = b''

    @staticmethod
    def generate(ids, vectors, progress):
        yield HEADER
        for start in range(0, len(ids), BATCH):
            yield binary_rows(ids[start:start + BATCH],
                              vectors[start:start + BATCH])
            if progress:
                progress(min(start + BATCH, len(ids)), len(ids))
        yield TRAILER

    def read(self, size=-1):
        while size < 0 or len(self.rest) < size:
            chunk = next(self.chunks, None)
            if chunk is None:
                break
            self.rest += chunk
        if size < 0:
            size = len(self.rest)
        result, self.rest = self.rest[:size], self.rest[size:]
        return result
