"""Guardrails that check texts with detectors: in whole texts, in JSON values and in streams."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import Final, Protocol, runtime_checkable

from lightagent.application.strict_json import NotStrictJsonError, read_json
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.policy.findings import Finding, merged, normalized, redacted
from lightagent.domain.policy.guardrails import GuardrailDecision
from lightagent.domain.policy.held_text import Channel, HeldText, LimitedText, TextHold
from lightagent.ports.detectors import Detector


@runtime_checkable
class TextGuard(Protocol):
    """A guardrail that does not need whole texts, so that streams can flow."""

    @property
    def reason(self) -> str:
        """Why it blocks, as the caller sees it."""
        ...

    def hold(self, channel: Channel) -> TextHold | None:
        """The part that holds one text of one reply; None if it does not check that text, or needs it whole."""
        ...

    def review(self, text: str, channel: Channel = "text", *, structured: bool) -> str | Finding:
        """One whole text of a reply after the guardrail, or the ruling that forbids it; structured text stays JSON."""
        ...


QUICK: Final = 2_000
"""Characters of a text up to which a quick guardrail is called in the event loop, not in a worker thread."""


def is_quick(guardrail: object) -> bool:
    """Whether a guardrail takes less time for `QUICK` characters than a worker thread costs.

    Only templates can say so. An attribute of another object may mean anything.
    """
    return isinstance(guardrail, LengthGuardrail) or (isinstance(guardrail, DetectorGuardrail) and guardrail.quick)


class DetectorGuardrail:
    """Blocks what detectors find, or removes it.

    Args:
        name: what the guardrail is known by.
        detectors: find what is blocked or removed.
        reason: why it blocks.
        replacement: replaces a finding; None: the guardrail blocks.
        quick: the detectors are known to take little time, which grows only with the length of the text.
    """

    def __init__(
        self, name: str, detectors: Sequence[Detector], reason: str, replacement: str | None, *, quick: bool = False
    ) -> None:
        self.name = name
        self.quick = quick
        self.reason = reason
        self._detectors = tuple(detectors)
        self._replacement = replacement
        windows = [detector.window for detector in self._detectors]
        known = [size for size in windows if size is not None]
        self.window: int | None = max(known, default=0) if len(known) == len(windows) else None
        """Characters of a stream that wait; None: it needs texts whole."""

    def __call__(self, value: str | JsonObject, context: JsonObject) -> GuardrailDecision:
        """The text after the guardrail, or the values in the arguments of a tool call."""
        if isinstance(value, str):
            made: str | JsonValue | Finding = self.review(value, structured=False)
        else:
            made = self._json(value.get("arguments"))
        if isinstance(made, Finding):
            return GuardrailDecision(False, self.reason)
        return GuardrailDecision(True, None, made if isinstance(value, str) else {**value, "arguments": made})

    def hold(self, channel: Channel) -> TextHold | None:
        """What holds one text of a stream back."""
        return None if self.window is None else HeldText(self._find, self.window, self._replacement)

    def review(self, text: str, channel: Channel = "text", *, structured: bool) -> str | Finding:
        """Any text of a reply after the guardrail, or the ruling that forbids it."""
        if structured:
            try:
                parsed = read_json(text)
            except NotStrictJsonError:
                return self._text(text)  # The answer's own check finds the JSON in it, or sends it back.
            made = self._json(parsed)
            if isinstance(made, Finding):
                return made
            return text if made == parsed else json.dumps(made, ensure_ascii=False)
        return self._text(text)

    def _find(self, text: str) -> Sequence[Finding]:
        return list(chain.from_iterable(detector.find(text) for detector in self._detectors))

    def _text(self, text: str) -> str | Finding:
        normal = normalized(text)
        spans = merged(normal.written(finding) for finding in self._find(normal.text))
        if spans and self._replacement is None:
            return spans[0]
        return redacted(text, spans, self._replacement or "")

    def _json(self, value: JsonValue) -> JsonValue | Finding:
        """The same for the values in JSON; keys stay, and a number with a finding becomes a text."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, (int, float)):
            written = str(value)
            made = self._text(written)
            return value if made == written else made
        if isinstance(value, dict):
            return self._object(value)
        items: list[JsonValue] = []
        for item in value:
            one = self._json(item)
            if isinstance(one, Finding):
                return one
            items.append(one)
        return items

    def _object(self, value: JsonObject) -> JsonValue | Finding:
        made: JsonObject = {}
        for name, item in value.items():
            one = self._json(item)
            if isinstance(one, Finding):
                return one
            made[name] = one
        return made


class LengthGuardrail:
    """Blocks answers that are too long, or cuts them; reasoning and refusals do not count.

    Args:
        most: characters of an answer.
        cut: give the beginning instead of blocking.

    Raises:
        ConfigurationError: `most` is not a whole number above 0.
    """

    name = "maximum_length"

    def __init__(self, most: int, *, cut: bool, reason: str) -> None:
        number: object = most
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ConfigurationError(f"maximum_length_guardrail: expected a number above 0, got {most!r:.50}.")
        self._most = most
        self._cut = cut
        self.reason = reason

    def __call__(self, text: str, context: JsonObject) -> GuardrailDecision:
        """The ruling on a text."""
        made = self.review(text, structured=False)
        return GuardrailDecision(not isinstance(made, Finding), self.reason, made if isinstance(made, str) else None)

    def hold(self, channel: Channel) -> TextHold | None:
        """The counter of the answer's characters."""
        return LimitedText(self._most, cut=self._cut) if channel == "text" else None

    def review(self, text: str, channel: Channel = "text", *, structured: bool) -> str | Finding:
        """The text after the guardrail, or the ruling that forbids it; JSON is blocked, as cutting would break it."""
        if channel != "text" or len(text) <= self._most:
            return text
        return text[: self._most] if self._cut and not structured else Finding(self._most, len(text), "length")
