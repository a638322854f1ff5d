"""Bytes as a descriptor, from which a child reads what is in no file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def in_memory(data: bytes | None) -> Iterator[int | None]:
    """A descriptor at the beginning of these bytes, open as long as this lasts; None where there are none."""
    if data is None:
        yield None
        return
    descriptor = os.memfd_create("given")
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)
