"""`LightFlow`: workflows whose steps are declared, and that survive their process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, overload

from typing_extensions import Unpack

from lightagent.adapters.journals.files import JsonFilesJournalStore
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.application.check_options import check_text
from lightagent.application.flow.show_flow import check_form, present
from lightagent.application.flow.step_result import LightFlowResult
from lightagent.compose.flow.requests import compose_known_flow_run, compose_new_flow_run, flow_owner, read_decision
from lightagent.domain.json_types import JsonInput, JsonObject
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.flow_options import KnownFlowRunOptions, NewFlowRunOptions
from lightagent.flow_streams import StreamedFlow

Decision = ApprovalDecision | bool | str | Mapping[str, object]
"""A person's decision about a step: an `ApprovalDecision`, True, False, a text (rejects), or an object."""


class JsonLightFlowStore(JsonFilesJournalStore):
    """Runs of flows as files of one directory, for any number of processes of one machine.

    Args:
        directory: of this store alone; made at the first use.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)


class LightFlow(StreamedFlow):
    """Steps with dependencies. Those that do not depend on each other run at the same time.

    Serves any number of runs at once. A run is on record step by step, so `resume` goes on with one whose process died,
    that failed, that was cancelled or that waits for a person, in any process that has declared the same steps.

    Args:
        store: where runs are kept: a `JsonLightFlowStore` or any journal store; by default in memory, where the last
            1,000 runs are kept.
        **options: see `FlowOptions`.

    Raises:
        ConfigurationError: an unknown option, or one of a wrong type.
    """

    @overload
    def run(
        self, query: str, *, result_format: Literal["object"] = ..., **options: Unpack[NewFlowRunOptions]
    ) -> LightFlowResult: ...

    @overload
    def run(self, query: str, *, result_format: Literal["str"], **options: Unpack[NewFlowRunOptions]) -> str: ...

    @overload
    def run(
        self, query: str, *, result_format: Literal["dict"], **options: Unpack[NewFlowRunOptions]
    ) -> JsonObject: ...

    def run(
        self, query: str, *, result_format: str = "object", **options: Unpack[NewFlowRunOptions]
    ) -> LightFlowResult | str | JsonObject:
        """Run the steps, each as soon as what it depends on is over.

        If a step fails, the steps that depend on it are skipped, and the others go on.

        Args:
            query: the input of the flow.
            result_format: ``object`` (a `LightFlowResult`), ``dict`` (the same as plain data) or ``str`` (the content;
                a run that does not succeed raises then).
            **options: see `NewFlowRunOptions`.

        Raises:
            ConfigurationError: an option is not valid, the steps are not, or the run id is taken.
            StoreError: the run cannot be kept; what is on record can be resumed.
            LightAgentError: with ``str``: why the run did not succeed.
        """
        return run_sync(self._run(query, result_format, options))

    @overload
    async def arun(
        self, query: str, *, result_format: Literal["object"] = ..., **options: Unpack[NewFlowRunOptions]
    ) -> LightFlowResult: ...

    @overload
    async def arun(self, query: str, *, result_format: Literal["str"], **options: Unpack[NewFlowRunOptions]) -> str: ...

    @overload
    async def arun(
        self, query: str, *, result_format: Literal["dict"], **options: Unpack[NewFlowRunOptions]
    ) -> JsonObject: ...

    async def arun(
        self, query: str, *, result_format: str = "object", **options: Unpack[NewFlowRunOptions]
    ) -> LightFlowResult | str | JsonObject:
        """`run` for async callers. Cancelling it interrupts the run, which can be resumed; see `cancel`."""
        return await self._run(query, result_format, options)

    def run_result(self, query: str, **options: Unpack[NewFlowRunOptions]) -> LightFlowResult:
        """The run's result, as for agents and swarms; arguments and errors are those of `run`."""
        return run_sync(self.arun_result(query, **options))

    async def arun_result(self, query: str, **options: Unpack[NewFlowRunOptions]) -> LightFlowResult:
        """`run_result` for async callers. Cancelling it interrupts the run, which can be resumed."""
        check_text(query, "query")
        return await self._parts.runs.begin(self.declared, query, compose_new_flow_run(options))

    @overload
    def resume(
        self, run_id: str, *, result_format: Literal["object"] = ..., **options: Unpack[KnownFlowRunOptions]
    ) -> LightFlowResult: ...

    @overload
    def resume(self, run_id: str, *, result_format: Literal["str"], **options: Unpack[KnownFlowRunOptions]) -> str: ...

    @overload
    def resume(
        self, run_id: str, *, result_format: Literal["dict"], **options: Unpack[KnownFlowRunOptions]
    ) -> JsonObject: ...

    def resume(
        self, run_id: str, *, result_format: str = "object", **options: Unpack[KnownFlowRunOptions]
    ) -> LightFlowResult | str | JsonObject:
        """Go on with a run: what is done stays done, what failed is tried again, what was interrupted goes on.

        The result of a run that has succeeded is returned as it is.

        Args:
            **options: see `KnownFlowRunOptions`.

        Raises:
            ConfigurationError: this owner has no such run, or a step was changed on which its record depends; the
                error says which, what of it, and what frees the run.
            LeaseHeld: another process goes on with it now.
            StoreError, LightAgentError: as `run`.
        """
        return run_sync(self._resume(run_id, result_format, options))

    @overload
    async def aresume(
        self, run_id: str, *, result_format: Literal["object"] = ..., **options: Unpack[KnownFlowRunOptions]
    ) -> LightFlowResult: ...

    @overload
    async def aresume(
        self, run_id: str, *, result_format: Literal["str"], **options: Unpack[KnownFlowRunOptions]
    ) -> str: ...

    @overload
    async def aresume(
        self, run_id: str, *, result_format: Literal["dict"], **options: Unpack[KnownFlowRunOptions]
    ) -> JsonObject: ...

    async def aresume(
        self, run_id: str, *, result_format: str = "object", **options: Unpack[KnownFlowRunOptions]
    ) -> LightFlowResult | str | JsonObject:
        """`resume` for async callers."""
        return await self._resume(run_id, result_format, options)

    @overload
    def rerun_step(
        self, run_id: str, step: str, *, result_format: Literal["object"] = ..., **options: Unpack[KnownFlowRunOptions]
    ) -> LightFlowResult: ...

    @overload
    def rerun_step(
        self, run_id: str, step: str, *, result_format: Literal["str"], **options: Unpack[KnownFlowRunOptions]
    ) -> str: ...

    @overload
    def rerun_step(
        self, run_id: str, step: str, *, result_format: Literal["dict"], **options: Unpack[KnownFlowRunOptions]
    ) -> JsonObject: ...

    def rerun_step(
        self, run_id: str, step: str, *, result_format: str = "object", **options: Unpack[KnownFlowRunOptions]
    ) -> LightFlowResult | str | JsonObject:
        """Do a step again, and all steps that depend on it, under new idempotency keys.

        Args:
            step: its name, or its path within another one.

        Raises:
            ConfigurationError: the run or step does not exist, or it has not begun.
            LeaseHeld: another process goes on with the run now.
            StoreError, LightAgentError: as `run`.
        """
        return run_sync(self._rerun(run_id, step, result_format, options))

    @overload
    async def arerun_step(
        self, run_id: str, step: str, *, result_format: Literal["object"] = ..., **options: Unpack[KnownFlowRunOptions]
    ) -> LightFlowResult: ...

    @overload
    async def arerun_step(
        self, run_id: str, step: str, *, result_format: Literal["str"], **options: Unpack[KnownFlowRunOptions]
    ) -> str: ...

    @overload
    async def arerun_step(
        self, run_id: str, step: str, *, result_format: Literal["dict"], **options: Unpack[KnownFlowRunOptions]
    ) -> JsonObject: ...

    async def arerun_step(
        self, run_id: str, step: str, *, result_format: str = "object", **options: Unpack[KnownFlowRunOptions]
    ) -> LightFlowResult | str | JsonObject:
        """`rerun_step` for async callers."""
        return await self._rerun(run_id, step, result_format, options)

    def approve(
        self, run_id: str, step: str, decision: Decision = True, *, user_id: str = "", tenant: str = ""
    ) -> ApprovalDecision:
        """Decide about a step that waits; `resume` goes on with the run. The first decision counts.

        Args:
            step: its name; ``outer/inner`` for a step of the flow that is the step ``outer``. Where the step is an
                agent whose tool needs approval, the decision is about that call.
            decision: approve, reject, edit (another query: ``ApprovalDecision.edit({"query": "…"})``) or respond (the
                step's output).

        Raises:
            ConfigurationError: the run or step does not exist, it does not wait, or the decision is not one.
            StoreError: the decision cannot be kept.
        """
        return run_sync(self.aapprove(run_id, step, decision, user_id=user_id, tenant=tenant))

    async def aapprove(
        self, run_id: str, step: str, decision: Decision = True, *, user_id: str = "", tenant: str = ""
    ) -> ApprovalDecision:
        """`approve` for async callers."""
        made = read_decision(decision)
        await self._parts.desk.decide(self.declared, flow_owner(user_id, tenant), run_id, step, made)
        return made

    def signal(
        self, run_id: str, event: str, payload: JsonInput = None, *, key: str = "", user_id: str = "", tenant: str = ""
    ) -> bool:
        """Tell a run that something has happened outside; use `resume` to go on with a run that no process has.

        It ends one wait for this event. If the run does not wait for it yet, the event is kept until it does.

        Args:
            event: its name, as in `wait_for`.
            payload: the output of the wait.
            key: names this delivery, so that one that comes twice counts once.

        Returns:
            Whether it is new: False if it was delivered before under this key.

        Raises:
            ConfigurationError: the run does not exist, it is over, or the payload is not plain JSON.
            StoreError: it cannot be kept.
        """
        return run_sync(self.asignal(run_id, event, payload, key=key, user_id=user_id, tenant=tenant))

    async def asignal(
        self, run_id: str, event: str, payload: JsonInput = None, *, key: str = "", user_id: str = "", tenant: str = ""
    ) -> bool:
        """`signal` for async callers."""
        return await self._parts.desk.signal(flow_owner(user_id, tenant), run_id, event, payload, key)

    def cancel(self, run_id: str, *, reason: str = "", user_id: str = "", tenant: str = "") -> None:
        """Cancel a run, wherever it goes on: attempts under way are stopped, and results that come in time are kept.

        The cancellation is on record, and lasts until the run is resumed.

        Raises:
            ConfigurationError: the run does not exist.
            StoreError: it cannot be kept.
        """
        run_sync(self.acancel(run_id, reason=reason, user_id=user_id, tenant=tenant))

    async def acancel(self, run_id: str, *, reason: str = "", user_id: str = "", tenant: str = "") -> None:
        """`cancel` for async callers."""
        await self._parts.desk.cancel(flow_owner(user_id, tenant), run_id, reason)

    def get_run(self, run_id: str, *, user_id: str = "", tenant: str = "") -> JsonObject | None:
        """What is on record of a run, with its ``steps``; None if this owner has no such run.

        Raises:
            StoreError: the store cannot be read.
        """
        return run_sync(self.aget_run(run_id, user_id=user_id, tenant=tenant))

    async def aget_run(self, run_id: str, *, user_id: str = "", tenant: str = "") -> JsonObject | None:
        """`get_run` for async callers."""
        return await self._parts.records.get(flow_owner(user_id, tenant), run_id)

    def list_runs(self, *, user_id: str = "", tenant: str = "") -> list[JsonObject]:
        """The records of the runs of an owner, the newest first.

        One that cannot be read, since its file was damaged or its workers are away, has the error, and the status
        ``unreadable`` or, if the engine itself knows it, its own; `run_id` is empty if even that cannot be read.

        Raises:
            StoreError: the store cannot be read.
        """
        return run_sync(self.alist_runs(user_id=user_id, tenant=tenant))

    async def alist_runs(self, *, user_id: str = "", tenant: str = "") -> list[JsonObject]:
        """`list_runs` for async callers."""
        return [record async for record in self._parts.records.list(flow_owner(user_id, tenant))]

    def close(self) -> None:
        """Close the store or the engine; a later call opens it again."""
        run_sync(self.aclose())

    async def aclose(self) -> None:
        """`close` for async callers."""
        await (self._parts.engine or self._parts.store).aclose()

    async def _run(self, query: str, form: str, options: NewFlowRunOptions) -> LightFlowResult | str | JsonObject:
        check_form(form)
        return present(await self.arun_result(query, **options), form)

    async def _resume(self, run_id: str, form: str, options: KnownFlowRunOptions) -> LightFlowResult | str | JsonObject:
        check_form(form)
        return present(await self._parts.runs.resume(self.declared, compose_known_flow_run(run_id, options)), form)

    async def _rerun(
        self, run_id: str, step: str, form: str, options: KnownFlowRunOptions
    ) -> LightFlowResult | str | JsonObject:
        check_form(form)
        request = compose_known_flow_run(run_id, options)
        return present(await self._parts.runs.rerun(self.declared, step, request), form)
