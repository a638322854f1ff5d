"""Policies that ask a function: what it is asked, and how its answer becomes a ruling."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from lightagent.application.policies.handler import Handler
from lightagent.application.policies.text_guardrails import TextGuard
from lightagent.domain.policy import PayloadT, Phase, Subject
from lightagent.domain.rulings import Ruling


@dataclass(slots=True)
class Question(Generic[PayloadT]):
    """What a function is asked. Made for every call and kept nowhere, so it is not frozen, which takes its time.

    Attributes:
        arguments: what it is called with.
        read: makes a ruling of its answer, or of the `Fault` in the place of one; runs no foreign code.
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
        """What holds streams for it; None: it is asked about whole replies, if at all."""
        return None

    @abstractmethod
    def ask(self, phase: Phase, subject: Subject, payload: PayloadT) -> Question[PayloadT] | Ruling[PayloadT]:
        """What its function is asked about a payload, or what it says without asking."""

    async def rule(self, phase: Phase, subject: Subject, payload: PayloadT) -> Ruling[PayloadT]:
        """What it says of a payload."""
        asked = self.ask(phase, subject, payload)
        if isinstance(asked, Question):
            return asked.read(await self.handler.call(*asked.arguments))
        return asked
