"""Several functions in a row: those that follow each other are called in one worker thread, one after another.

Going to a thread and back takes longer than most of these functions. The rulings are the same as if each function were
called by itself: each gets what the one before it rewrote, and the first that forbids is the last that is called.
"""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Sequence
from typing import Generic

from lightagent.aiokits.worker_threads import run_in_thread_at
from lightagent.application.policies.handler import Fault, caught, is_begun, settled
from lightagent.application.policies.questions import FunctionPolicy, Question
from lightagent.domain.policy.phases import PayloadT, Subject
from lightagent.domain.policy.rulings import ALLOW, Deliberation, Ruling


class Row(Generic[PayloadT]):
    """The functions from one that is to be asked to the last before one that cannot be called in a thread.

    Args:
        policies: all policies of a boundary; the second of each pair is the policy itself if it asks a function.
        place: of the one that `question` is from.
        question: the first one.

    Attributes:
        deliberation: the state of the policies' verdict.
        place: of the next policy to call.
    """

    __slots__ = ("_begun", "_is_given_up", "_policies", "_question", "_subject", "deliberation", "place")

    def __init__(
        self,
        policies: Sequence[tuple[object, FunctionPolicy | None]],
        place: int,
        question: Question[PayloadT],
        subject: Subject,
        deliberation: Deliberation[PayloadT],
    ) -> None:
        self.deliberation: Deliberation[PayloadT] = deliberation
        self.place: int = place
        self._policies = policies
        self._subject = subject
        self._question: Question[PayloadT] | None = question  # None from when it is answered until the next one.
        self._begun: tuple[Question[PayloadT], Awaitable[object]] | None = None
        self._is_given_up = False

    async def ask(self) -> None:
        """Call as many as possible in this way; afterwards `place` is that of the next one."""
        policy = self._policy()
        if policy is None:
            return
        pace = policy.handler.pace
        try:
            outcome = await caught(run_in_thread_at(pace, self._run), None)
        finally:
            self._is_given_up = True  # A cancelled call goes on in its thread, and must not begin another one.
        if isinstance(outcome, Fault):
            if self._question is None:
                raise RuntimeError(f"An answer could not be read. {outcome.problem}")
            self._take(self._question.read(outcome))
        elif self._begun is not None:
            question, answer = self._begun
            pace.is_quick = False
            self._take(question.read(await caught(settled(answer), None)))

    def _run(self) -> None:
        """In the thread: call one function after another."""
        while not self._is_given_up:
            policy, question = self._policy(), self._question
            if policy is None or question is None:
                return
            answer = contextvars.copy_context().run(policy.handler.function, *question.arguments)
            self._question = None
            if is_begun(answer):
                self._begun = question, answer  # Only an event loop can await it.
                return
            self._take(question.read(answer))
            self._question = self._next()

    def _policy(self) -> FunctionPolicy | None:
        """The policy to call; None if none can be called in this thread."""
        policy = self._policies[self.place][1] if self.place < len(self._policies) else None
        return policy if policy is not None and policy.handler.may_join else None

    def _take(self, ruling: Ruling[PayloadT]) -> None:
        policy = self._policy()
        if policy is not None and ruling is not ALLOW:
            self.deliberation = self.deliberation.take(policy.name, ruling)
        self.place += 1

    def _next(self) -> Question[PayloadT] | None:
        """The next question in this thread."""
        while self.deliberation.end is None and (policy := self._policy()) is not None:
            asked = policy.ask(self.deliberation.phase, self._subject, self.deliberation.payload)
            if isinstance(asked, Question):
                return asked
            self._take(asked)
        return None
