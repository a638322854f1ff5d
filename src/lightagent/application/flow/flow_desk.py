"""Messages to a run from outside: decisions, cancellations and signals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from lightagent.aiokits.abandon import to_the_end
from lightagent.application.check_options import check_text
from lightagent.application.flow.decide_step import decided
from lightagent.application.flow.flow_deciding import Deciding
from lightagent.application.flow.flow_inbox import FlowInbox, apply_messages, read_position
from lightagent.application.flow.flow_log import StoredLog, flow_key, no_such_run, read_flow
from lightagent.application.flow.flow_reviews import FlowReviews
from lightagent.application.flow.flow_step import LightFlowStep, by_work
from lightagent.application.flow.listeners import Listeners
from lightagent.application.flow.own_requests import check_decider
from lightagent.application.flow.signal_flow import signalled
from lightagent.application.flow.value_sizes import check_size
from lightagent.domain.errors import StoreError, StreamConflict
from lightagent.domain.flow.events import AttemptStopped, CancelRequested, FlowEvent, FlowFinished, Signalled
from lightagent.domain.flow.limits import DEFAULT_FLOW_LIMITS
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.json_checks import to_json
from lightagent.domain.json_types import JsonInput
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from lightagent.ports.system import Clock

MakeEvent: TypeAlias = Callable[[FlowState], FlowEvent]
"""Makes the message to a run from the run's state."""

Before: TypeAlias = Callable[[FlowState, FlowEvent], Awaitable[None]]
"""Puts on record what must precede the message."""

_TRIES: Final = 20
"""How often a message is tried again because another one came first."""


class FlowDesk:
    """Delivers decisions, cancellations and signals to stored runs, whichever process is running them."""

    def __init__(
        self, store: JournalStore, clock: Clock, listeners: Listeners, reviews: FlowReviews | None = None
    ) -> None:
        self._reviews = reviews
        self._store = store
        self._clock = clock
        self._listeners = listeners

    async def decide(
        self, steps: Sequence[LightFlowStep], owner: Scope, run_id: str, step: str, decision: ApprovalDecision
    ) -> None:
        """Decide about a step that waits, or about what waits within it. The first decision counts.

        Raises:
            ConfigurationError: the run or step does not exist, or it does not wait.
            PolicyError: the person may not decide, or not any more.
            StoreError: it cannot be kept.
        """
        review, declared = Deciding(self._reviews), by_work(steps)

        def made(state: FlowState) -> FlowEvent:
            event = decided(declared, state, step, decision, self._clock.now())
            if self._reviews is None:
                check_decider(declared, state, event, self._clock.now())
            return event

        await self._say(owner, run_id, made, review.decide)
        await review.over()

    async def cancel(self, owner: Scope, run_id: str, reason: str) -> None:
        """Cancel a run. Returns once that is on record; the process that has the run soon stops what is under way.

        Raises:
            ConfigurationError: the run does not exist, or it is over.
            StoreError: it cannot be kept.
        """
        await self._say(owner, run_id, lambda state: CancelRequested(reason=reason, at=self._clock.now()))

    async def signal(self, owner: Scope, run_id: str, event: str, payload: JsonInput, key: str) -> bool:
        """Tell a run of an event from outside; returns whether it is new, unlike a second delivery under the same key.

        Raises:
            ConfigurationError: the run does not exist, it is over, or the payload is not plain JSON.
            StoreError: it cannot be kept.
        """
        check_text(event, "event")
        check_text(key, "key")
        kept = to_json(payload, "signal: payload")
        check_size(kept, DEFAULT_FLOW_LIMITS.max_value, "", f"payload of {event!r:.60}")
        try:
            await self._say(
                owner, run_id, lambda state: signalled(state, Signalled(event, kept, key, at=self._clock.now()))
            )
        except Refused as refusal:
            if refusal.kind == "stale":
                return False
            raise
        return True

    async def _say(self, owner: Scope, run_id: str, make: MakeEvent, before: Before | None = None) -> None:
        """Put a message into the run's inbox, and from there on its record, unless another process has the run.

        Every message goes through the inbox, even if no process has the run: only there is the order of two
        messages settled.
        """
        check_text(run_id, "run_id")
        key = flow_key(run_id, owner)
        for _ in range(_TRIES):
            with suppress(StreamConflict):
                await self._leave(key, make, before)
                self._listeners.tell(key)
                with suppress(StoreError):  # It is kept: the process that has the run, now or later, will read it.
                    await self._deliver(key)
                return
        raise StoreError(
            f"The run {run_id!r:.100} could not be told, since others told it something all the time.",
            guidance="Try again.",
        )

    async def _deliver(self, key: StreamKey) -> None:
        """Move the messages in the inbox of a run that no process has to its record."""
        log = StoredLog(self._store, key, self._clock)
        events = await log.open()
        try:
            state = fold(events)
            said, heard = await log.unread()
            told = apply_messages(state, said)
            told += _cancelled(state, self._clock.now())
            if told:
                await log.append(told, state.status, heard)
        finally:
            await to_the_end(log.close())

    async def _leave(self, key: StreamKey, make: MakeEvent, before: Before | None) -> None:
        """Put a message into the inbox of a run, if it is possible after all earlier messages."""
        inbox = FlowInbox(self._store, key, self._clock)
        stream, events = await read_flow(self._store, key)
        if not events:
            raise no_such_run(key.id)
        state = fold(events)
        said, heard = await inbox.unread(read_position(stream.labels))
        apply_messages(state, said)
        event = make(state)
        state.apply(event)
        if before is not None:
            await before(state, event)
        await inbox.say(event, heard)


def _cancelled(state: FlowState, now: float) -> list[FlowEvent]:
    """The events after a cancellation of a run that no process has: nothing is under way, so nothing is awaited."""
    events: list[FlowEvent] = []
    if state.cancelled and state.status == "running":
        events += [AttemptStopped(node.path, node.epoch, node.attempt, at=now) for node in state.live_nodes()]
        events.append(FlowFinished("cancelled", at=now))
    for event in events:
        state.apply(event)
    return events
