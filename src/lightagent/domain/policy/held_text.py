"""Text that comes in pieces, of which the last part waits until it is known what it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, Protocol, TypeAlias

from lightagent.domain.policy.findings import Finding, NormalText, merged, normalized

Channel: TypeAlias = Literal["text", "reasoning", "refusal"]
"""The texts of one reply, each of which is held by itself."""

Find: TypeAlias = Callable[[str], Sequence[Finding]]
"""What finds something in a normalized text."""


_STEP: Final = 16
"""Characters that have to come before a text is looked at again: models speak in small pieces."""

_SHARE: Final = 4
"""A text that is held for longer, such as an unfinished key, is searched again only once it has grown by one part in
this many. So the number of searches stays small, and the total time is proportional to the length."""


class TextHold(Protocol):
    """Holds one text of one reply.

    Attributes:
        changed: whether the released text differs from the one that was fed.
    """

    changed: bool

    def feed(self, text: str) -> str | Finding:
        """Take the next piece; return what may be released now, or the finding that forbids the whole text."""
        ...

    def end(self) -> str | Finding:
        """End the text; return what is still held, or the finding that forbids it."""
        ...


class HeldText(TextHold):
    """Replaces findings in a text, or forbids the text, however it is cut into pieces.

    It relies on two properties of `find`. Whether there is a finding depends on nothing that is farther from it than
    `window` characters. And a finding shows within `window` characters from its start; if it is longer, it grows.

    Args:
        find: returns the findings in a normalized text.
        window: how many characters are held back; invisible ones do not count.
        replacement: replaces a finding; None: a finding forbids the text.
    """

    def __init__(self, find: Find, window: int, replacement: str | None) -> None:
        self.changed: bool = False
        self._find = find
        self._window: Final = window
        self._replacement: Final = replacement
        self._text = ""  # What has gone on, as far as it may matter, and what is held.
        self._done = 0  # How much of it was released.
        self._came: list[str] = []  # What has come since it was last looked at.
        self._new = 0  # The characters of that.

    def feed(self, text: str) -> str | Finding:
        self._came.append(text)
        self._new += len(text)
        waiting = len(self._text) - self._done - self._window
        if self._new < max(_STEP, waiting // _SHARE) or len(self._text) + self._new <= self._window:
            return ""
        normal = self._looked_at()
        known = len(normal.text) - self._window
        return self._release(normal, normal.place(known)) if known > 0 else ""

    def end(self) -> str | Finding:
        normal = self._looked_at()
        return self._release(normal, len(self._text))

    def _looked_at(self) -> NormalText:
        """All that there is of the text by now."""
        self._text = "".join((self._text, *self._came))
        self._came.clear()
        self._new = 0
        return normalized(self._text)

    def _release(self, normal: NormalText, cut: int) -> str | Finding:
        """What stands before `cut`, or before the finding that goes on beyond it."""
        if cut <= self._done:
            return ""
        found = map(normal.written, self._find(normal.text))
        # Findings that begin earlier were handled already. One that seems to continue from there is an artefact, since
        # the text before it was dropped.
        spans = merged(finding for finding in found if finding.start >= self._done)
        cut = next((span.start for span in spans if span.start < cut < span.end), cut)
        if cut <= self._done:
            return ""
        passed: list[str] = []
        for span in spans:
            if span.start >= cut:
                break
            self.changed = True
            if self._replacement is None:
                return span
            passed += (self._text[self._done : span.start], self._replacement)
            self._done = span.end
        passed.append(self._text[self._done : cut])
        self._done = max(self._done, cut)
        self._forget(normal)
        return "".join(passed)

    def _forget(self, normal: NormalText) -> None:
        """Drop what no later finding can depend on."""
        places = normal.places
        gone = self._done if places is None else sum(place < self._done for place in places)
        start = normal.place(max(gone - self._window, 0))
        self._text = self._text[start:]
        self._done -= start


class LimitedText(TextHold):
    """Lets so many characters go on; what is beyond them is left out, or forbids the text."""

    def __init__(self, most: int, *, cut: bool) -> None:
        self.changed: bool = False
        self._left = most
        self._cut = cut

    def feed(self, text: str) -> str | Finding:
        if len(text) <= self._left:
            self._left -= len(text)
            return text
        self.changed = True
        if not self._cut:
            return Finding(self._left, len(text), "length")
        passed, self._left = text[: self._left], 0
        return passed

    def end(self) -> str | Finding:
        return ""
