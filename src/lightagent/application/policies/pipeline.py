"""The gate of hooks and guardrails: asks policies one after another, and makes one verdict of their rulings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from lightagent.application.policies.held_output import HeldOutput
from lightagent.application.policies.questions import FunctionPolicy, Question
from lightagent.application.policies.rows import Row
from lightagent.application.policies.text_guardrails import TextGuard
from lightagent.domain.policy.phases import PayloadT, Phase, Subject, Verdict
from lightagent.domain.policy.rulings import ALLOW, Deliberation, Ruling
from lightagent.ports.policy import Gate, HeldStream

_ABOUT_REPLIES: Final[frozenset[Phase]] = frozenset({"model_reply", "output"})


class Policy(Protocol):
    """One of the policies behind a gate. Serves any number of runs at once."""

    @property
    def name(self) -> str:
        """What it is known by on record; a run is not resumed without it."""
        ...

    @property
    def phases(self) -> frozenset[Phase]:
        """The boundaries at which it is asked."""
        ...

    @property
    def guard(self) -> TextGuard | None:
        """The part that holds streams; None: the policy is asked about whole replies, if at all."""
        ...

    async def rule(self, phase: Phase, subject: Subject, payload: PayloadT) -> Ruling[PayloadT]:
        """The ruling on a payload. It never raises: if the policy cannot decide, the ruling says what follows."""
        ...


class Pipeline(Gate):
    """Policies in the order in which they are asked."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._policies = tuple(policies)
        self._names = tuple(dict.fromkeys(policy.name for policy in self._policies))
        self._phases: frozenset[Phase] = frozenset().union(*(policy.phases for policy in self._policies))
        self._asked: dict[Phase, tuple[tuple[Policy, FunctionPolicy | None], ...]] = {
            phase: tuple(
                (policy, policy if isinstance(policy, FunctionPolicy) else None)
                for policy in self._policies
                if phase in policy.phases
            )
            for phase in self._phases
        }
        about_replies = [policy for policy in self._policies if policy.phases & _ABOUT_REPLIES]
        guards = [(policy.name, policy.guard) for policy in about_replies if policy.guard is not None]
        self._guards = guards if len(guards) == len(about_replies) else []

    @property
    def policies(self) -> tuple[str, ...]:
        return self._names

    @property
    def phases(self) -> frozenset[Phase]:
        return self._phases

    @property
    def timeout(self) -> None:
        """None: each policy keeps its own."""
        return None

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        """The verdict of the policies that are asked at this boundary."""
        policies, place = self._asked.get(phase, ()), 0
        deliberation = Deliberation(phase, payload)
        while place < len(policies) and deliberation.end is None:
            policy, function = policies[place]
            ruling: Ruling[PayloadT]
            if function is None:
                ruling = await policy.rule(phase, subject, deliberation.payload)
            else:
                asked = function.ask(phase, subject, deliberation.payload)
                if not isinstance(asked, Question):
                    ruling = asked
                elif asked.is_quick:
                    ruling = asked.read(function.handler.call_here(*asked.arguments))
                elif not function.handler.may_join:
                    ruling = asked.read(await function.handler.call(*asked.arguments))
                else:
                    row = Row(policies, place, asked, subject, deliberation)
                    await row.ask()
                    place, deliberation = row.place, row.deliberation
                    continue
            if ruling is not ALLOW:
                deliberation = deliberation.take(policy.name, ruling)
            place += 1
        return deliberation.verdict()

    def hold(self, subject: Subject) -> HeldStream | None:
        """The guardrails that hold streams; empty if one needs whole texts, or the answer is JSON."""
        return HeldOutput(self._guards) if self._guards and not subject.facts.structured else None
