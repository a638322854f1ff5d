"""The port to detectors: what finds private data, keys and the like in texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from lightagent.domain.policy.findings import Finding


@runtime_checkable
class Detector(Protocol):
    """Finds something in texts. Serves any number of runs at once, and takes time linear in the text."""

    @property
    def name(self) -> str:
        """Names the detector on record."""
        ...

    @property
    def window(self) -> int | None:
        """Characters of a stream that have to wait; None: a text can only be read whole.

        Whether something is found depends on nothing that is farther from it than `window` characters, and a finding
        shows within so many characters from its start; if it is longer, it grows with the text.
        """
        ...

    def find(self, text: str) -> Sequence[Finding]:
        """All that is found in a text as `lightagent.domain.policy.findings` gives it; findings may overlap."""
        ...
