"""A gate that looks for a secret in what a model streams, over a window as long as the secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from lightagent import LightAgentErrorInfo
from lightagent.domain.conversation.deltas import Delta, ReasoningDelta, TextDelta, ToolCallDelta
from lightagent.domain.outcomes import Blocked
from lightagent.domain.policy.phases import Decision, Passed, Phase, Stopped, Subject, Verdict
from lightagent.ports.policy import HeldStream

PayloadT = TypeVar("PayloadT")

SECRET = "sk-SECRET-1234"
LEAKED = LightAgentErrorInfo("LA-GUARDRAIL", "The answer holds a secret.")


@dataclass(frozen=True)
class WindowGate:
    """Takes the secret out of replies, or with `blocks` ends the run."""

    blocks: bool
    policies: tuple[str, ...] = ("window",)
    phases: frozenset[Phase] = frozenset()
    timeout: float | None = None

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        raise AssertionError(phase)

    def hold(self, subject: Subject) -> HeldStream:
        return _Window(blocks=self.blocks)


class _Window:
    """Each kind of delta is a channel of its own, whose last characters wait for the next piece."""

    def __init__(self, *, blocks: bool) -> None:
        self._blocks = blocks
        self._held: dict[Delta, str] = {}
        self._found = False

    def feed(self, delta: Delta) -> Sequence[Delta] | Stopped:
        match delta:
            case TextDelta(text) | ReasoningDelta(text):
                return self._pass_on(replace(delta, text=""), text, ())
            case ToolCallDelta(index=index, arguments=arguments) if arguments:
                begun: Sequence[Delta] = (replace(delta, arguments=""),) if delta.id or delta.name else ()
                return self._pass_on(ToolCallDelta(index), arguments, begun)
            case _:
                return (delta,)

    async def end(self) -> Passed[tuple[Delta, ...]] | Stopped:
        rest = tuple(_of(channel, text) for channel, text in self._held.items() if text)
        return Passed(rest, (Decision("model_reply", "window", "rewrite"),) if self._found else ())

    def _pass_on(self, channel: Delta, text: str, before: Sequence[Delta]) -> Sequence[Delta] | Stopped:
        text = self._held.get(channel, "") + text
        if SECRET in text:
            self._found = True
            if self._blocks:
                return Stopped(Blocked(LEAKED))
            text = text.replace(SECRET, "[redacted]")
        safe = max(len(text) - len(SECRET) + 1, 0)
        self._held[channel] = text[safe:]
        return (*before, *((_of(channel, text[:safe]),) if safe else ()))


def _of(channel: Delta, text: str) -> Delta:
    match channel:
        case TextDelta() | ReasoningDelta():
            return replace(channel, text=text)
        case ToolCallDelta():
            return replace(channel, arguments=text)
        case _:
            return channel
