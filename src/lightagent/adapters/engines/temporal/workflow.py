"""The workflow of a run: what Temporal calls. The loop that it drives is in `run_loop`.

A module of its own, since Temporal imports a workflow's module once more, in a sandbox that refuses time, chance, files
and threads. No code of a user's flow is ever called here, so none can break its determinism.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError

from lightagent.adapters.engines.temporal.run_loop import RunLoop

with workflow.unsafe.imports_passed_through():
    from lightagent.adapters.engines.temporal.attributes import STATUS
    from lightagent.adapters.engines.temporal.late_decisions import refusal_of
    from lightagent.adapters.engines.temporal.orders import (
        EVENT,
        EVENTS,
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

NEAR_THE_END: Final = 30_000
"""Events of a history at which an agent leaves for another workflow even where that has to wait for other work. The
server ends a workflow at 51,200."""

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
                if loop.size > given.most:
                    loop.refill()  # It has grown meanwhile, and the server would terminate what begins with so much.
                    continue
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(replace(given, past=loop.texts))
            try:
                await workflow.wait_condition(self._has_news)
            except asyncio.CancelledError:  # The workflow itself was cancelled, such as in the web interface.
                loop.tell(CancelRequested(actor="temporal", at=workflow.now().timestamp()))
        fits = loop.size <= given.most
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
        events, unheard = read_all(said), [one for kept in self._loop.unheard.values() for one in kept]
        try:
            fold([*self._loop.events, *events])
            for event in events:
                if (refused := refusal_of(self._loop.state, event, unheard)) is not None:
                    raise refused
        except Refused as refusal:
            raise ApplicationError(
                refusal.info.message, refusal.info.guidance, refusal.path, type=refusal.kind
            ) from None

    @workflow.update(name=RECORD)
    async def record(self, notes: Notes) -> bool:
        """Put on record what an attempt has done so far, and return whether it is to go on in another workflow."""
        loop = self._loop
        loop.note(read_all(notes.events))
        if self._given.hands_over and self._is_long():
            loop.is_drained = True
        is_near_the_end = workflow.info().get_current_history_length() > NEAR_THE_END
        return loop.is_drained and loop.may_leave(notes.path) and (loop.has_only_leavers or is_near_the_end)

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
        page, size, most = list[str](), 0, self._page_bytes()
        for text in self._loop.texts[after:]:
            size += size_of((text,))
            if page and size > most:
                break
            if size > most and self._given.large:
                return EventPage(len(self._loop.texts), [], alone=True)
            page.append(text)
        return EventPage(len(self._loop.texts), page)

    @workflow.query(name=EVENT)
    def event(self, position: int) -> str:
        """The event after so many others. It is answered as ever, so a large one is kept in the store once."""
        return self._loop.texts[position]

    def _page_bytes(self) -> int:
        """Pages are so small that none is kept in the store of large payloads."""
        large = self._given.large
        return min(PAGE_BYTES, large // 2) if large else PAGE_BYTES

    def _has_news(self) -> bool:
        loop = self._loop
        return loop.has_moves or loop.is_over or self._is_to_continue()

    def _is_to_continue(self) -> bool:
        """Whether nothing is under way any more that has to end before a new workflow takes over."""
        return self._loop.is_drained and self._loop.has_only_alarms

    def _is_long(self) -> bool:
        """Whether the history is near the engine's limit, and the run can go on in a new one."""
        return workflow.info().is_continue_as_new_suggested() and self._loop.size <= self._given.most

    def _show_status(self) -> None:
        """Let the namespace know whether the run goes on, waits or is over."""
        status = self._loop.state.status
        if self._given.attributes and status != self._shown:
            self._shown = status
            workflow.upsert_search_attributes([SearchAttributeKey.for_keyword(STATUS).value_set(status)])
