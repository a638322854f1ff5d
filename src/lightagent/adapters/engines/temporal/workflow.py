"""The workflow of a run: what Temporal calls. The loop that it drives is in `run_loop`.

A module of its own, since Temporal imports a workflow's module once more, in a sandbox that refuses time, chance, files
and threads. No code of a user's flow is ever called here, so none can break its determinism.
"""

from __future__ import annotations

import asyncio
from typing import Final

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError

from lightagent.adapters.engines.temporal.run_loop import RunLoop

with workflow.unsafe.imports_passed_through():
    from lightagent.adapters.engines.temporal.attributes import STATUS
    from lightagent.adapters.engines.temporal.orders import (
        EVENTS,
        MOST_BYTES,
        RECORD,
        SETTLE,
        TELL,
        WORKFLOW,
        EventPage,
        FlowInput,
        FlowOutput,
        Notes,
        read_all,
        size_of,
    )
    from lightagent.domain.flow.events import CancelRequested
    from lightagent.domain.flow.refusals import Refused
    from lightagent.domain.flow.state import fold

PAGE_BYTES: Final = 1_000_000
"""Of the events that one query gives, unless the first of them alone is larger."""


@workflow.defn(name=WORKFLOW)
class FlowWorkflow:
    """One run of any flow, from its events so far to its end."""

    @workflow.init
    def __init__(self, given: FlowInput) -> None:
        self._given = given
        self._loop = RunLoop(given)
        self._shown = ""

    @workflow.run
    async def run(self, given: FlowInput) -> FlowOutput:
        """Carry out the run; it ends once the run is over."""
        loop = self._loop
        while True:
            loop.carry_out()
            self._show_status()
            if loop.is_over:
                await workflow.wait_condition(lambda: workflow.all_handlers_finished() or loop.has_moves)
                if not loop.has_moves:
                    break  # Otherwise an update at the last moment continues the run.
            if self._is_long():
                loop.is_drained = True
            if self._is_to_continue():
                if loop.size > MOST_BYTES:
                    loop.refill()  # It has grown meanwhile, and the server would terminate what begins with so much.
                    continue
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(FlowInput(loop.texts, given.heartbeat, given.longest, given.attributes))
            try:
                await workflow.wait_condition(self._has_news)
            except asyncio.CancelledError:  # The workflow itself was cancelled, such as in the web interface.
                loop.tell(CancelRequested(actor="temporal", at=workflow.now().timestamp()))
        fits = loop.size <= MOST_BYTES
        return FlowOutput(loop.state.status, loop.texts if fits else None)

    @workflow.update(name=TELL)
    async def tell(self, said: list[str]) -> int:
        """Take external input. It is recorded when this returns."""
        for event in read_all(said):
            self._loop.hear(event)
        await workflow.wait_condition(lambda: not self._loop.has_moves or self._loop.is_drained)
        return len(self._loop.texts)

    @tell.validator
    def may_be_told(self, said: list[str]) -> None:
        """Refuse what cannot happen now, so that it never gets into the history."""
        try:
            fold([*self._loop.events, *read_all(said)])
        except Refused as refusal:
            raise ApplicationError(
                refusal.info.message, refusal.info.guidance, refusal.path, type=refusal.kind
            ) from None

    @workflow.update(name=RECORD)
    async def record(self, notes: Notes) -> None:
        """Put on record what an attempt has done so far."""
        self._loop.note(read_all(notes.events))

    @record.validator
    def may_be_recorded(self, notes: Notes) -> None:
        """Refuse what an attempt says that is over, or that another worker continues."""
        if not self._loop.takes_notes(read_all(notes.events), notes.position):
            raise ApplicationError("The attempt is over.", type="stale")

    @workflow.update(name=SETTLE)
    async def settle(self) -> bool:
        """Wait until the run is over or waits for external input; False if a new workflow has to be asked."""
        await workflow.wait_condition(lambda: self._loop.is_settled or self._is_to_continue())
        return self._loop.is_settled and not self._loop.is_drained

    @workflow.query(name=EVENTS)
    def events(self, after: int) -> EventPage:
        """The events after so many of them, as many as fit into a page."""
        page, size = list[str](), 0
        for text in self._loop.texts[after:]:
            size += size_of((text,))
            if page and size > PAGE_BYTES:
                break
            page.append(text)
        return EventPage(len(self._loop.texts), page)

    def _has_news(self) -> bool:
        loop = self._loop
        return loop.has_moves or loop.is_over or self._is_to_continue()

    def _is_to_continue(self) -> bool:
        """Whether nothing is under way any more that has to end before a new workflow takes over."""
        return self._loop.is_drained and self._loop.has_only_alarms

    def _is_long(self) -> bool:
        """Whether the history is near the engine's limit, and the run can go on in a new one."""
        return workflow.info().is_continue_as_new_suggested() and self._loop.size <= MOST_BYTES

    def _show_status(self) -> None:
        """Let the namespace know whether the run goes on, waits or is over."""
        status = self._loop.state.status
        if self._given.attributes and status != self._shown:
            self._shown = status
            workflow.upsert_search_attributes([SearchAttributeKey.for_keyword(STATUS).value_set(status)])
