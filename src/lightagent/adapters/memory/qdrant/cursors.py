"""Where a reading of points goes on: points are read by the time at which they were written, which two may share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.adapters.memory.qdrant.conditions import Above, Condition, IsNotNamed
from lightagent.adapters.memory.qdrant.points import WRITTEN
from lightagent.domain.errors import StoreError

_FORM: Final = re.compile(r"[0-9]{1,16}(:[0-9a-f-]{36})*")


@dataclass(frozen=True, slots=True)
class Cursor:
    """After which point a page begins.

    Attributes:
        written: its place in the order of writing.
        read: the points of this very place that were read.
    """

    written: int = 0
    read: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ":".join((str(self.written), *self.read))

    @classmethod
    def of(cls, text: str | None) -> Cursor:
        """The cursor that a page gave.

        Raises:
            StoreError: it is not one.
        """
        if text is None:
            return cls()
        if not _FORM.fullmatch(text):
            raise StoreError("The cursor is not one of this store's.", guidance="Pass the cursor of the page before.")
        written, *read = text.split(":")
        return cls(int(written), tuple(read))

    def conditions(self) -> list[Condition]:
        """What comes after it."""
        found: list[Condition] = [Above(WRITTEN, self.written, or_equal=True)]
        return [*found, IsNotNamed(self.read)] if self.read else found

    def after(self, page: Sequence[tuple[str, int]]) -> Cursor:
        """Where it goes on after points that are not none, each with its id and its place."""
        last = page[-1][1]
        before = self.read if self.written == last else ()
        return Cursor(last, (*before, *(name for name, written in page if written == last)))
