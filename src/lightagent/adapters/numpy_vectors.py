"""Tables of vectors by numpy, which takes a hundredth of the time; where it is not installed, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from lightagent.domain.vectors import Nearest, PlainVectorTable, Vector, VectorTable


def make_table(vectors: Sequence[Vector]) -> VectorTable:
    """The table of these vectors, all of one dimension."""
    return NumpyVectorTable(vectors) if vectors and find_spec("numpy") is not None else PlainVectorTable(vectors)


class NumpyVectorTable(VectorTable):
    """The vectors as the rows of one matrix."""

    def __init__(self, vectors: Sequence[Vector]) -> None:
        import numpy

        self._rows = numpy.stack([numpy.frombuffer(vector, dtype=numpy.float32) for vector in vectors])

    def nearest(self, vector: Vector, limit: int) -> Sequence[Nearest]:
        import numpy

        near = self._rows @ numpy.frombuffer(vector, dtype=numpy.float32)
        order = numpy.argsort(-near, kind="stable")[:limit].tolist()
        return [Nearest(place, float(near[place])) for place in order]
