"""What verifies the result of a step: a callable, or an agent that is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from lightagent.application.active_run.means import Means
from lightagent.application.flow.flow_function import FlowFunction
from lightagent.application.flow.output_form import OutputForm
from lightagent.application.flow.step_context import StepContext
from lightagent.application.flow.step_verdict import StepVerdict, read_answer, read_verdict
from lightagent.application.run_loop.run_agent import run_agent
from lightagent.application.run_loop.start_run import RunRequest, start_run
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.outcomes import Suspended
from lightagent.domain.scopes import Scope

_ASKED: Final = """Verify a result. Do not do the task yourself.

Task:
{query}

Result:
{result}

Answer with a JSON object alone: {{"verdict": "accept", "reject" or "unknown", "reason": "…"}}. \
Reject what is wrong or incomplete, and say what is to be mended. Say unknown where you cannot tell."""


class Verifier(Protocol):
    """Verifies a result. It must have no effects: it may be called twice, and one answer counts."""

    async def verify(self, query: str, output: StepOutput, context: StepContext) -> StepVerdict:
        """The verdict; raises whatever goes wrong."""
        ...


class CallableVerifier(Verifier):
    """A callable of the result and, where it takes a second argument, of the context.

    Args:
        form: the type of the result; None for plain JSON.
    """

    __slots__ = ("_form", "_function")

    def __init__(self, function: FlowFunction, form: OutputForm[object] | None) -> None:
        self._function = function
        self._form = form

    async def verify(self, query: str, output: StepOutput, context: StepContext) -> StepVerdict:
        value: object = output.value if self._form is None else self._form.read(output.value, "verify")
        return read_verdict(await self._function.call(*(value, context)[: self._function.wants]))


class AgentVerifier(Verifier):
    """An agent, which is shown the task and the result.

    Args:
        means: gives those of the agent.
    """

    __slots__ = ("_means",)

    def __init__(self, means: Callable[[], Means[None]]) -> None:
        self._means = means

    async def verify(self, query: str, output: StepOutput, context: StepContext) -> StepVerdict:
        means = self._means()
        request = RunRequest(
            None,
            limits=means.limits,
            scope=Scope(context.tenant, context.user_id),
            parent_trace_id=context.trace_id,
            run_group_id=context.run_id,
        )
        live = start_run(means, _ASKED.format(query=query, result=output.text), request)
        await run_agent(live)
        if isinstance(live.record.journal.run.outcome, Suspended):
            return StepVerdict.unknown(f"{means.name} waits for people, which a verification cannot.")
        return read_answer(live.record.text())
