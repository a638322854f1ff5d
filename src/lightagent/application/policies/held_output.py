"""Holds the stream of a reply back as far as the guardrails of answers require, and passes on what they leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lightagent.application.policies.text_guardrails import TextGuard
from lightagent.domain.conversation.deltas import Delta, ReasoningDelta, RefusalDelta, TextDelta
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.outcomes import Blocked
from lightagent.domain.policy.findings import Finding
from lightagent.domain.policy.held_text import Channel, TextHold
from lightagent.domain.policy.phases import Decision, Passed, Stopped
from lightagent.ports.policy import HeldStream

_CHANNELS: Final[dict[type[Delta], Channel]] = {
    TextDelta: "text",
    ReasoningDelta: "reasoning",
    RefusalDelta: "refusal",
}


class HeldOutput(HeldStream):
    """One reply. Each of its texts passes the guardrails one after another, by itself.

    Args:
        guards: by the names of their policies, in order.
    """

    def __init__(self, guards: Sequence[tuple[str, TextGuard]]) -> None:
        self._guards = guards
        self._held: dict[type[TextDelta | ReasoningDelta | RefusalDelta], list[tuple[int, TextHold]]] = {}

    def feed(self, delta: Delta) -> Sequence[Delta] | Stopped:
        if not isinstance(delta, (TextDelta, ReasoningDelta, RefusalDelta)):
            return (delta,)
        passed = self._through(self._holds(type(delta)), delta.text)
        if isinstance(passed, Stopped):
            return passed
        return (replace(delta, text=passed),) if passed else ()

    async def end(self) -> Passed[tuple[Delta, ...]] | Stopped:
        rest: list[Delta] = []
        for kind, holds in self._held.items():
            text = ""
            for place, (guard, hold) in enumerate(holds):
                released = hold.end()
                if isinstance(released, Finding):
                    return self._forbidden(guard)
                further = self._through(holds[place + 1 :], released)
                if isinstance(further, Stopped):
                    return further
                text += further
            if text:
                rest.append(kind(text))
        return Passed(tuple(rest), self._decisions())

    def _holds(self, kind: type[TextDelta | ReasoningDelta | RefusalDelta]) -> list[tuple[int, TextHold]]:
        holds = self._held.get(kind)
        if holds is None:
            made = ((place, guard.hold(_CHANNELS[kind])) for place, (_, guard) in enumerate(self._guards))
            holds = self._held[kind] = [(place, hold) for place, hold in made if hold is not None]
        return holds

    def _through(self, holds: Sequence[tuple[int, TextHold]], text: str) -> str | Stopped:
        for guard, hold in holds:
            if not text:
                break
            passed = hold.feed(text)
            if isinstance(passed, Finding):
                return self._forbidden(guard)
            text = passed
        return text

    def _forbidden(self, place: int) -> Stopped:
        name, guard = self._guards[place]
        error = LightAgentErrorInfo("LA-GUARDRAIL", guard.reason, "")
        block = Decision("model_reply", name, "block", guard.reason)
        return Stopped(Blocked(error), (*self._decisions(place), block))

    def _decisions(self, but: int = -1) -> tuple[Decision, ...]:
        """The guardrails that changed something."""
        changed = {place for holds in self._held.values() for place, hold in holds if hold.changed and place != but}
        return tuple(Decision("model_reply", self._guards[place][0], "rewrite") for place in sorted(changed))
