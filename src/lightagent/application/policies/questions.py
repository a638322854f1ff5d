"""Policies that call a function: its arguments, and how its answer becomes a ruling."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from lightagent.application.policies.handler import Handler
from lightagent.application.policies.text_guardrails import TextGuard
from lightagent.domain.policy.phases import PayloadT, Phase, Subject
from lightagent.domain.policy.rulings import Ruling


@dataclass(slots=True)
class Question(Generic[PayloadT]):
    """The arguments of a function. Made for every call and not kept, so it is not frozen, which takes time.

    Attributes:
        arguments: of the call.
        read: makes a ruling of its answer, or of a `Fault`; runs no foreign code.
        is_quick: it takes so little time that it may be called in the event loop.
    """

    arguments: tuple[object, ...]
    read: Callable[[object], Ruling[PayloadT]]
    is_quick: bool = False


class FunctionPolicy(ABC):
    """A policy that is decided by a function. Asking and reading are apart, so that a pipeline can call several
    functions in one thread, one after another.

    Attributes:
        name: what it is known by on record; a run is not resumed without it.
        phases: the boundaries at which it is asked.
        handler: calls the function.
    """

    __slots__ = ()

    name: str
    phases: frozenset[Phase]
    handler: Handler

    @property
    def guard(self) -> TextGuard | None:
        """The part that holds streams; None: the policy is asked about whole replies, if at all."""
        return None

    @abstractmethod
    def ask(self, phase: Phase, subject: Subject, payload: PayloadT) -> Question[PayloadT] | Ruling[PayloadT]:
        """The question to its function about a payload, or the ruling if the function is not needed."""

    async def rule(self, phase: Phase, subject: Subject, payload: PayloadT) -> Ruling[PayloadT]:
        """The ruling on a payload."""
        asked = self.ask(phase, subject, payload)
        if isinstance(asked, Question):
            return asked.read(await self.handler.call(*asked.arguments))
        return asked
