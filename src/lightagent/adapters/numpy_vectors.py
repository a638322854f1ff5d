"""Tables of vectors: by numpy, a hundred times faster, or in plain Python if it is not installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from lightagent.domain.text.vectors import Nearest, PlainVectorTable, Vector, VectorTable


def make_table(vectors: Sequence[Vector]) -> VectorTable:
    """Return a table of these vectors, which have one dimension."""
    return NumpyVectorTable(vectors) if vectors and find_spec("numpy") is not None else PlainVectorTable(vectors)


class NumpyVectorTable(VectorTable):
    """A table that holds the vectors as the rows of a matrix."""

    def __init__(self, vectors: Sequence[Vector]) -> None:
        import numpy

        self._rows = numpy.stack([numpy.frombuffer(vector, dtype=numpy.float32) for vector in vectors])

    def nearest(self, vector: Vector, limit: int) -> Sequence[Nearest]:
        import numpy

        near = self._rows @ numpy.frombuffer(vector, dtype=numpy.float32)
        order = numpy.argsort(-near, kind="stable")[:limit].tolist()
        return [Nearest(place, float(near[place])) for place in order]
