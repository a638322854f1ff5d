"""Detector `patterns`: what a program's own regular expressions match."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.detectors._rules import Rule, find_all
from lightagent.adapters.registry import Adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.policy.findings import Finding
from lightagent.ports.detectors import Detector

_MOST_WINDOW: Final = 4_096
"""Characters that a stream may have to wait for; an expression that can match more gets texts whole."""

_LOOKS_AROUND: Final = re.compile(r"\(\?<?[=!]|(?<!\[)\^|\$|\\[AZ]")
"""Parts of an expression that ask for more than the match itself, or for where the text begins and ends."""


class PatternDetector(Detector):
    """Finds what expressions match. They are applied as they are, so a slow expression is slow here, too.

    Args:
        patterns: by the kind of what they find. They match the normalized text, so ASCII digits and blanks.

    Raises:
        ConfigurationError: one is not a regular expression, or matches an empty text.
    """

    def __init__(self, patterns: Mapping[str, str | re.Pattern[str]]) -> None:
        compiled = {kind: _compiled(kind, pattern) for kind, pattern in patterns.items()}
        windows = [longest_match(pattern) for pattern in compiled.values()]
        known = [size for size in windows if size is not None]
        self._window = max(known, default=0) + 1 if len(known) == len(windows) else None  # `\b` sees one more.
        self._rules = tuple(Rule(kind, pattern) for kind, pattern in compiled.items())

    @property
    def name(self) -> str:
        return "patterns"

    @property
    def window(self) -> int | None:
        return self._window

    def find(self, text: str) -> Sequence[Finding]:
        return list(find_all(self._rules, text))


def longest_match(pattern: re.Pattern[str]) -> int | None:
    """The length of the longest text that it can match; None if that is unlimited, or if the pattern looks around."""
    if _LOOKS_AROUND.search(pattern.pattern):
        return None
    parser = importlib.import_module("re._parser")  # The standard library's own; its types are not published.
    width: object = parser.parse(pattern.pattern, pattern.flags).getwidth()
    most: object = width[1] if isinstance(width, tuple) else None
    return most if isinstance(most, int) and most <= _MOST_WINDOW else None


def _compiled(kind: str, pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        made: re.Pattern[str] = re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ConfigurationError(f"patterns: {kind!r:.60} is not a regular expression: {error}.", guidance="") from None
    if _is_of_bytes(made.pattern) or made.search("") is not None:
        raise ConfigurationError(f"patterns: {kind!r:.60} must match texts that are not empty.", guidance="")
    return made


def _is_of_bytes(pattern: object) -> bool:
    return not isinstance(pattern, str)


class Options(BaseModel):
    """What the detector takes."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    patterns: dict[str, str] = Field(description="regular expressions by the kind of what they find")


ADAPTER = Adapter(Options, lambda options: PatternDetector(options.patterns))
