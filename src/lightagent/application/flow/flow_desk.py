"""What is said to a run from outside: a person's decision, a cancellation."""

from __future__ import annotations

from collections.abc import Callable

from lightagent.aiokits.abandon import to_the_end
from lightagent.application.check_options import check_text
from lightagent.application.flow.flow_log import StoredLog, flow_key
from lightagent.application.flow.flow_runs import no_such_run, node_path
from lightagent.domain.flow.events import CancelRequested, FlowEvent, FlowFinished, StepApprovalDecided
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.review import ApprovalDecision
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from lightagent.ports.system import Clock


class FlowDesk:
    """Where runs in a store are told what was decided about them."""

    def __init__(self, store: JournalStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def decide(self, owner: Scope, run_id: str, step: str, decision: ApprovalDecision) -> None:
        """Decide about a step that waits. The first decision counts.

        Raises:
            ConfigurationError: there is no such run or step, or it does not wait.
            LeaseHeld: somebody goes on with the run now.
            StoreError: it cannot be kept.
        """

        def event(state: FlowState) -> FlowEvent:
            path = node_path(state, step)
            return StepApprovalDecided(path, state.nodes[path].epoch, decision, at=self._clock.now())

        await self._tell(owner, run_id, event)

    async def cancel(self, owner: Scope, run_id: str, reason: str) -> None:
        """Cancel a run.

        Raises:
            ConfigurationError: there is no such run, or it is over.
            LeaseHeld: somebody goes on with the run now.
            StoreError: it cannot be kept.
        """
        await self._tell(owner, run_id, lambda state: CancelRequested(reason=reason, at=self._clock.now()))

    async def _tell(self, owner: Scope, run_id: str, make: Callable[[FlowState], FlowEvent]) -> None:
        check_text(run_id, "run_id")
        log = StoredLog(self._store, flow_key(run_id, owner), self._clock)
        events = await log.open()
        try:
            if not events:
                raise no_such_run(run_id)
            state = fold(events)
            event = make(state)
            state.apply(event)
            told = [event]
            if state.cancelled and not state.active and state.status == "running":
                told.append(FlowFinished("cancelled", at=self._clock.now()))
                state.apply(told[-1])
            await log.append(told, state.status)
        finally:
            await to_the_end(log.close())
