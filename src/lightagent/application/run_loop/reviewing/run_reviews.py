"""The reviews of one run: asks people about its waiting calls, and lets it go on with their decisions.

A run asks when it is about to suspend, and before its caller learns of that. It goes on with decisions that are
made at once or apply from before; for the rest it waits. When it is resumed it finds the decisions made
meanwhile in the store. A decision is taken before the run acts on it, so that no other process can take it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, Generic

from lightagent.aiokits.cancellation import all_at_once
from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.journals.hold_lease import HeldLease
from lightagent.application.policies.review_desk import ReviewDesk
from lightagent.application.reviews.decide_calls import nothing_decided, waits_inside
from lightagent.application.reviews.streams import ReviewStreams, review_key, withdraw_reviews
from lightagent.application.run_loop.reviewing.ask_for_review import (
    answer,
    ask,
    check_binding,
    not_on_record,
    taken_elsewhere,
)
from lightagent.application.run_loop.reviewing.settled import Settled, Taken
from lightagent.application.run_loop.reviewing.waiting import find_decided, find_waiting
from lightagent.application.tools.deps import DepsT
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import Fenced, LeaseHeld, LightAgentError, PolicyError, StoreError, StreamConflict
from lightagent.domain.outcomes import Suspended
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.review.log import Review, ReviewReturned, ReviewTaken, ReviewUsed, same_decision
from lightagent.domain.review.requests import ApprovalRequest
from lightagent.domain.runs.events import Event, Noted
from lightagent.domain.runs.folding import apply
from lightagent.domain.runs.state import waiting_calls

REVIEW_PROBLEM: Final = "review_problem"
"""The kind of the note that tells why a call still waits, or that the notice about it could not be sent."""

_HAS_ENDED: Final = "The run has ended."

_MOST_ROUNDS: Final = 3
"""How often a call is decided at once. A tool that keeps asking despite decisions then waits for a human."""


class RunReviews(Generic[DepsT]):
    """The reviews of an outermost run, including those of its nested runs.

    Args:
        answers: the decisions of the caller who resumes the run, by the names of the calls.
    """

    def __init__(self, live: ActiveRun[DepsT], answers: Mapping[str, ApprovalDecision] | None = None) -> None:
        self._live = live
        self._answers = answers
        self._settled: list[Settled] = []
        self._taken: list[Taken] = []
        self._problems: list[str] = []
        self._asked = set[ReviewStreams]()

    async def take_up(self) -> None:
        """Put the decisions about the calls of a resumed run on record; nothing is taken yet.

        Raises:
            ConfigurationError: the decisions are missing.
            PolicyError: a decision cannot be used: it was used before, came too late, or was about something else.
            StoreError: a store cannot be read or written.
        """
        live, before = self._live, await self._before()
        if self._answers is not None:
            self._settled = await self._settle(self._answers)
            if not self._settled:
                raise nothing_decided(live.run, self._problems)
            for event in self._events():
                live.run = apply(live.run, event)
                live.record.events.append(event)
        self._settled += before

    async def _before(self) -> list[Settled]:
        """The decisions with which the run was going on, by its journal, when it was interrupted.

        Raises:
            PolicyError: the store does not have one, or has it as used since: the journal was changed, or is not
                the latest.
            StoreError: a store cannot be read.
        """
        found = list[Settled]()
        for waiting in await find_decided(self._live):
            desk, decision = waiting.desk, waiting.call.decision
            if desk is None or decision is None or not waiting.is_on_record:
                continue
            request = waiting.request(self._live.run, desk.streams.clock())
            review = await desk.streams.read(review_key(request))
            if review is None or review.status != "taken" or not same_decision(review.decision, decision):
                raise not_on_record(request)
            if decision.action == "approve" and waiting.call.status == "decided":
                check_binding(review, request)
            found.append(Settled(waiting, decision, review))
        return found

    async def commit(self) -> None:
        """Take the decisions that were put on record, so that no other process can use them.

        Raises:
            PolicyError: another process has taken one.
            StoreError: a store cannot be written.
        """
        await self._commit(told=True)

    async def _commit(self, *, told: bool) -> list[tuple[Settled, Taken | None]]:
        settled, self._settled = self._settled, []
        found = list[tuple[Settled, Taken | None]]()
        try:
            for one in settled:
                taken = None
                if one.review is not None and one.waiting.desk is not None:
                    taken = await self._take(one.waiting.desk, one.review, told=told)
                found.append((one, taken))
        except BaseException:
            await self._close(used=False)  # Return those that were taken before.
            raise
        return found

    async def consult(self) -> bool:
        """Ask about the calls that wait, and go on with immediate decisions. Returns whether there were any.

        A call whose request cannot be made now waits all the same; it is asked about when the run is resumed.
        """
        live, decided = self._live, list[tuple[Settled, Taken | None]]()
        if not live.desks and not waits_inside(live.run):
            return False
        try:
            await self._close(used=True)
            self._settled = await self._settle({})
            decided = await self._commit(told=False)
        except LightAgentError as error:
            self._problems.append(classify_exception(error).message)
        problems, self._problems = self._problems, []
        for text in problems:
            await live.tell(Noted(REVIEW_PROBLEM, {"text": text}, live.clock.now()))
        now, interrupted = live.clock.now(), live.means.prompts.call_interrupted
        for settled, taken in decided:
            for event in settled.events(now, interrupted):
                await live.tell(event)
                if taken is not None:
                    taken.is_told = True
        return bool(decided)

    async def close(self, *, ended: bool) -> None:
        """Release the decisions that were taken.

        Args:
            ended: the run has come to its end. An interrupted run leaves them as they are: how far it came is known
                from its journal only, if at all.
        """
        if ended or not self._live.begun:
            await self._close(used=self._live.begun)
        for one in self._taken:
            if one.lease is not None:
                await one.lease.release()
        if ended or self._is_stored:
            await self._withdraw()

    async def _withdraw(self) -> None:
        """Revoke the requests about calls that still wait, if the run has come to its end."""
        run = self._live.run
        if run.outcome is None or isinstance(run.outcome, Suspended) or not waiting_calls(run):
            return
        for streams in self._asked:
            with suppress(StoreError):
                await withdraw_reviews(streams, run.started.scope, run.started.run_id, _HAS_ENDED)

    def _events(self) -> Iterator[Event]:
        now, interrupted = self._live.clock.now(), self._live.means.prompts.call_interrupted
        for one in self._settled:
            yield from one.events(now, interrupted)

    async def _settle(self, answers: Mapping[str, ApprovalDecision]) -> list[Settled]:
        """The calls that are decided. Notices are sent for the others that are new."""
        found, untold = list[Settled](), list[tuple[ReviewDesk, ApprovalRequest]]()
        try:
            for waiting in await find_waiting(self._live):
                decision, desk = answers.get(waiting.name), waiting.desk
                if desk is not None:
                    self._asked.add(desk.streams)
                    request = waiting.request(self._live.run, desk.streams.clock())
                    review, is_new = await self._review(desk, request, decision)
                    if review.decision is not None:
                        found.append(Settled(waiting, review.decision, review, self._in_doubt(review)))
                    elif is_new:
                        untold.append((desk, request))
                elif decision is not None:
                    found.append(Settled(waiting, decision))
        except LightAgentError:
            await self._tell(untold)  # They wait, even if another request could not be put on record.
            raise
        await self._tell(untold)
        return found

    async def _tell(self, untold: Sequence[tuple[ReviewDesk, ApprovalRequest]]) -> None:
        """Send the notices of waiting requests, all at once: a server that hangs delays the run once, not for each."""
        for (_, request), problem in zip(
            untold, await all_at_once(desk.tell(request) for desk, request in untold), strict=True
        ):
            if problem:
                self._problems.append(f"The notification that {request.tool_name} waits was not sent. {problem}")

    async def _review(
        self, desk: ReviewDesk, request: ApprovalRequest, decision: ApprovalDecision | None
    ) -> tuple[Review, bool]:
        """The review of a request, and whether it is new."""
        if decision is not None:
            return await answer(desk.streams, request, decision), False
        review, is_new = await ask(desk.streams, request)
        if review.status == "waiting" and request.round <= _MOST_ROUNDS:
            review = await self._at_once(desk, review)
        return review, is_new

    async def _at_once(self, desk: ReviewDesk, review: Review) -> Review:
        """The review with an earlier or immediate decision; unchanged without one."""
        request = review.request
        try:
            decision: ApprovalDecision | str | None = await desk.remembered(review)
            if decision is None:
                decision = await desk.decision_at_once(review)
            if isinstance(decision, ApprovalDecision):
                return await desk.streams.decide(review_key(request), review, decision)
        except PolicyError as error:
            decision = error.message
        if decision:
            self._problems.append(f"The call of {request.tool_name} still waits. {decision}")
        return review

    def _in_doubt(self, review: Review) -> bool:
        """Whether a decision was taken before by a process that may have acted on it.

        Raises:
            PolicyError: it was used, or belongs to a run that is kept in a store and goes on there.
        """
        if review.status == "used" or (review.status == "taken" and review.kept and not self._is_stored):
            raise taken_elsewhere(review.request)
        # A run that is kept has its decision on record before anything is done, and is held by one process at a time.
        return review.status == "taken" and not review.kept

    @property
    def _is_stored(self) -> bool:
        return self._live.keeper is not None

    async def _take(self, desk: ReviewDesk, review: Review, *, told: bool) -> Taken:
        key, kept = review_key(review.request), self._is_stored
        lease = None if kept else HeldLease(desk.streams.store, key, f"run {review.request.run_id}")
        taken = Taken(desk, review, lease, is_told=told)
        self._taken.append(taken)
        try:
            if lease is not None:
                await lease.acquire(0.0)
            token = None if lease is None else lease.token
            taken.review = await desk.streams.append(key, review, ReviewTaken(kept, desk.streams.clock()), token)
            taken.on_record = True
        except (LeaseHeld, StreamConflict, Fenced):
            raise taken_elsewhere(review.request) from None
        return taken

    async def _close(self, *, used: bool) -> None:
        """Put on record that the decisions were used, or that they were returned unused."""
        while self._taken:
            one = self._taken.pop()
            token = None if one.lease is None else one.lease.token
            streams = one.desk.streams
            now = streams.clock()
            is_used = used and one.is_told
            entry = ReviewUsed(now) if is_used else ReviewReturned(now)
            try:
                if one.on_record:
                    with suppress(StoreError):  # It stays taken, and is not used again without a new request.
                        await streams.append(review_key(one.review.request), one.review, entry, token)
            finally:
                if one.lease is not None:
                    await one.lease.release()
            if is_used and one.on_record:
                with suppress(StoreError):
                    await one.desk.spent(one.review)
