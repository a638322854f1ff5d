"""What of one text may be recorded: the application's policy first, then secrets by form, then what detectors find.

A text that is longer than will be shown is not read to its end. Enough is read beyond the end of what is shown that no
secret is shown in part because the rest of it was not seen.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from functools import lru_cache
from inspect import iscoroutine
from itertools import chain
from typing import Final

from lightagent.adapters.registry import open_adapter
from lightagent.domain.json_types import JsonValue
from lightagent.domain.policy.findings import merged, normalized, redacted
from lightagent.domain.secrets.forms import looks_random, mask_forms
from lightagent.domain.secrets.masking import MASK, mask_named
from lightagent.domain.secrets.names import is_secret_name, suggests_secret
from lightagent.domain.telemetry.cuts import JsonCutter, Leaf, LongText, shown_characters, written
from lightagent.ports.content_policy import ContentKind, ContentPolicy
from lightagent.ports.detectors import Detector

REDACTED: Final = "[redacted]"
"""What stands in the place of what a detector found."""

_BEYOND: Final = 4_096
"""Characters that are read beyond what is shown; more where a detector needs more."""

_MOST_WHOLE: Final = 100_000
"""Characters of a text that a detector without a window is given; a longer one is not shown at all."""

_KEPT: Final = 256
"""Texts whose clean form is remembered: a conversation is sent again at every turn."""

_MOST_BITS: Final = 1_000
"""Of a number that is looked at; of a longer one `JsonCutter` shows no digit."""

_LOGGER: Final = logging.getLogger("lightagent")


def default_detectors() -> tuple[Detector, ...]:
    """What redacts where nothing else is said: the detector ``validated``, which needs no other package."""
    opened = open_adapter("detectors", "validated", {})
    return (opened,) if isinstance(opened, Detector) else ()


class Cleaner:
    """Gives texts as they may be recorded.

    Args:
        policy: the application's rules.
        detectors: what they find is taken out.
        most: characters of a text that are shown.
    """

    def __init__(self, policy: ContentPolicy | None, detectors: Sequence[Detector], most: int) -> None:
        self._policy = policy
        self._detectors = tuple(detectors)
        self._most = most
        windows = [detector.window for detector in self._detectors]
        self._whole = None in windows
        self._beyond = max([_BEYOND, *(window for window in windows if window is not None)])
        self._read = most + 2 * self._beyond
        self._told: set[str] = set()
        self._remembered = lru_cache(maxsize=_KEPT)(self._masked)

    def text(self, kind: ContentKind, text: str) -> LongText | None:
        """A text of that kind, or None to leave it out."""
        allowed = self._allowed(kind, text)
        return None if allowed is None else self._clean(allowed)

    def json(self, kind: ContentKind, value: JsonValue, room: int) -> JsonValue | None:
        """JSON of that kind with at most `room` characters, or None to leave it out."""
        if self._policy is not None:
            given = _dumped(value)
            allowed = None if given is None else self._allowed(kind, given)
            if allowed is None:
                return None
            value = value if allowed == given else read_leniently(allowed)
        # In a schema a name stands beside what is said of a value, and not beside the value.
        clean = self._leaf_of_schema if kind == "tool_definitions" else self._leaf
        return JsonCutter(clean, self._most, room).copied(value)

    def _allowed(self, kind: ContentKind, text: str) -> str | None:
        if self._policy is None:
            return text
        try:
            made: object = self._policy(kind, text)
        except Exception as exc:
            self._tell(f"raised {type(exc).__name__}")
            return None
        if made is None or isinstance(made, str):
            return made
        if iscoroutine(made):
            made.close()
        self._tell(f"gave a {type(made).__name__} for a text")
        return None

    def _clean(self, text: str) -> LongText | None:
        try:
            return self._remembered(text) if len(text) <= self._read else self._masked(text)
        except Exception as exc:  # Detectors may be foreign code.
            self._tell(f"could not be applied: a detector raised {type(exc).__name__}")
            return None

    def _masked(self, text: str) -> LongText | None:
        """What may be shown of a text, as far as it is read."""
        if self._whole and len(text) > _MOST_WHOLE:
            return LongText("", len(text))
        read = text if self._whole else text[: self._read]
        named = mask_named(read) if ":" in read or "=" in read else read
        masked = shown_characters(mask_forms(named, MASK))
        unread = len(text) - len(read)
        if not self._detectors:
            return _ending(masked, len(masked) - self._beyond, unread) if unread else LongText(masked)
        normal = normalized(masked)
        end = normal.place(max(0, len(normal.text) - self._beyond)) if unread else len(masked)
        found = chain.from_iterable(detector.find(normal.text) for detector in self._detectors)
        spans = [span for span in merged(map(normal.written, found)) if span.start < end]
        shown = max(end, spans[-1].end) if spans else end
        return LongText(redacted(masked[:shown], spans, REDACTED), unread + len(masked) - shown)

    def _leaf(self, name: str, value: Leaf) -> Leaf | LongText:
        """A value in JSON: hidden where its name says that it is secret; a number may be private data as well."""
        if value is None or isinstance(value, bool) or value == "":
            return value
        if is_secret_name(name):
            return MASK
        if isinstance(value, str):
            clean = MASK if suggests_secret(name) and looks_random(value[: self._read]) else self._clean(value)
            return REDACTED if clean is None else clean
        return self._number(value) if self._detectors else value

    def _number(self, value: float) -> Leaf:
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            return value  # None so long is shown.
        digits = str(value)
        clean = self._clean(digits)
        return value if clean is not None and clean.text == digits else REDACTED

    def _leaf_of_schema(self, _: str, value: Leaf) -> Leaf | LongText:
        return self._leaf("", value)

    def _tell(self, problem: str) -> None:
        """Log a fault once; what it said may hold the text and is not logged."""
        if problem not in self._told:
            self._told.add(problem)
            _LOGGER.warning("The content policy of telemetry %s; such texts are left out.", problem)


def _ending(text: str, end: int, unread: int) -> LongText:
    return LongText(text[:end], unread + len(text) - end)


def read_leniently(text: str) -> JsonValue:
    """The JSON in a text, or the text itself where it is none that can be read."""
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value


def _dumped(value: JsonValue) -> str | None:
    """The value as JSON for a policy; None if it cannot be written, since a policy could not inspect it."""
    try:
        return written(value)
    except (ValueError, RecursionError, TypeError):
        return None
