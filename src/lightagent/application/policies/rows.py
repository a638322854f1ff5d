"""Several functions in a row: those that follow each other are called in one worker thread, one after another.

Going to a thread and back takes longer than most of these functions. What they say is the same as if each were called
by itself: what one rewrites, the next one is asked about, and the first that forbids is the last that is asked.
"""

from __future__ import annotations

import contextvars
from collections.abc import Sequence
from typing import Generic

from lightagent.aiokits.worker_threads import run_in_thread_at
from lightagent.application.policies.handler import Fault, caught, is_begun, settled
from lightagent.application.policies.questions import FunctionPolicy, Question
from lightagent.domain.policy import PayloadT, Subject
from lightagent.domain.rulings import Deliberation, Ruling


class Row(Generic[PayloadT]):
    """The functions from one that is to be asked to the first that cannot be called in a thread.

    Args:
        policies: all that are asked at a boundary.
        place: of the one that `question` is from.

    Attributes:
        deliberation: what the policies have come to.
        place: of the next policy that is to be asked.
    """

    __slots__ = (
        "_answer",
        "_is_calling",
        "_is_given_up",
        "_policies",
        "_question",
        "_subject",
        "deliberation",
        "place",
    )

    def __init__(
        self,
        policies: Sequence[object],
        place: int,
        question: Question[PayloadT],
        subject: Subject,
        deliberation: Deliberation[PayloadT],
    ) -> None:
        self.deliberation = deliberation
        self.place = place
        self._policies = policies
        self._question: Question[PayloadT] | None = question
        self._subject = subject
        self._answer: object = None
        self._is_calling = True
        self._is_given_up = False

    async def ask(self) -> None:
        """Ask as many as can be asked so; afterwards `place` is that of the next one."""
        question = self._question
        if question is None:
            return
        pace = question.handler.pace
        try:
            outcome = await caught(run_in_thread_at(pace, self._run), None)
        finally:
            self._is_given_up = True  # A cancelled call goes on in its thread, and must not begin another one.
        asked = self._question
        if isinstance(outcome, Fault):
            if asked is None or not self._is_calling:
                raise RuntimeError(f"An answer could not be read. {outcome.problem}")
            self._take(asked.read(outcome))
        elif asked is not None and is_begun(self._answer):
            pace.is_quick = False
            self._take(asked.read(await caught(settled(self._answer), None)))

    def _run(self) -> None:
        """In the thread: call one function after another."""
        while (question := self._question) is not None and not self._is_given_up:
            self._is_calling = True
            answer = contextvars.copy_context().run(question.handler.function, *question.arguments)
            self._is_calling = False
            if is_begun(answer):
                self._answer = answer  # Only an event loop can await it.
                return
            self._take(question.read(answer))
            self._question = self._next()

    def _take(self, ruling: Ruling[PayloadT]) -> None:
        policy = self._policies[self.place]
        if isinstance(policy, FunctionPolicy):
            self.deliberation = self.deliberation.take(policy.name, ruling)
        self.place += 1

    def _next(self) -> Question[PayloadT] | None:
        """What is to be asked next in this thread."""
        while self.deliberation.end is None and self.place < len(self._policies):
            policy = self._policies[self.place]
            if not isinstance(policy, FunctionPolicy):
                return None
            asked = policy.ask(self.deliberation.phase, self._subject, self.deliberation.payload)
            if isinstance(asked, Question):
                return asked if asked.handler.may_join else None
            self._take(asked)
        return None
