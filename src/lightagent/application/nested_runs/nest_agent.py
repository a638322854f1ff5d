"""An agent as a tool of another: its run goes into the journal of the run that calls it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Generic

from lightagent.aiokits.abandon import Abandoned, TimeIsUp
from lightagent.aiokits.deadline import Deadline
from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.active_run.apply_policy import own_policies
from lightagent.application.active_run.means import Means
from lightagent.application.active_run.record import RunRecord
from lightagent.application.policies.review_desk import ReviewLevel
from lightagent.application.run_loop.resume_run import check_calls, require_same_agent
from lightagent.application.run_loop.reviewing.waiting import review_level
from lightagent.application.run_loop.run_agent import run_agent
from lightagent.application.run_loop.start_run import RunRequest, start_run
from lightagent.application.tools.arguments import refused
from lightagent.application.tools.deps import DepsT
from lightagent.domain.conversation.messages import Message, UserMessage
from lightagent.domain.error_mapping import error_from_info
from lightagent.domain.errors import BudgetError, PolicyError, ToolError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Completed, Outcome, Suspended, outcome_error
from lightagent.domain.runs.events import Event, Nested, ToolFinished
from lightagent.domain.runs.signals import NestedRunWaits
from lightagent.domain.runs.state import Run
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.tools import Nesting, NestingTool, RunContext, Tool

MOST_NESTED: Final = 16
"""How many agents may call each other. A journal of more levels could not be read back."""

_PARAMETERS: JsonObject = {
    "type": "object",
    "properties": {"query": {"type": "string", "description": "What to ask the agent, with all it needs to know."}},
    "required": ["query"],
    "additionalProperties": False,
}


class AgentTool(Tool[DepsT], NestingTool, Generic[DepsT]):
    """An agent that a model can call.

    The nested run has the dependencies, the owner, the trace and the policies of the run that calls it. A call that was
    interrupted goes on where it was, and one that waits for a human makes the calling run wait.
    """

    def __init__(self, means: Means[DepsT], spec: ToolSpec) -> None:
        self._given = means
        self._spec = spec

    @property
    def _means(self) -> Means[DepsT]:
        """The agent that is called."""
        return self._given

    def _context_of(self, nesting: Nesting | None) -> tuple[Message, ...]:
        """The context that a run gets before its query.

        Raises:
            ToolError: the agent must not be called here; the text explains why to a model.
        """
        return ()

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        query = arguments.get("query")
        if set(arguments) != {"query"} or not isinstance(query, str):
            raise refused("The arguments do not fit.", 'It takes one argument, such as {"query": "…"}.')
        return arguments

    async def check_child(self, child: Run, policies: tuple[str, ...]) -> None:
        require_same_agent(child.started, self._means, policies)
        acting = self._means
        if child.head.name != child.started.head.name:  # Its own name may be another in another process.
            acting = self._means.crew.get(child.head.name, self._means)
        toolset = await acting.catalogue.toolset()
        known = (*policies, *own_policies(self._means), *own_policies(acting))
        await check_calls(child, toolset.tools, known, (self._means.flow, acting.flow))

    async def review_level(self, child: Run) -> ReviewLevel:
        """The desks for calls of the agent that acts in a nested run, and its tools."""
        acting = self._means.crew.get(child.head.name, self._means)
        desks = tuple(dict.fromkeys((*self._means.desks, *acting.desks)))
        return review_level(desks, await acting.catalogue.toolset())

    async def call(self, arguments: Mapping[str, object], context: RunContext[DepsT]) -> object:
        live = self._run(str(arguments["query"]), context)
        live.step_key, live.keep_artifact = context.step_key, context.keep_artifact
        live.subjects.stand_in(context.origin.flow_id, context.origin.step)
        seconds = self._spec.timeout
        deadline = Deadline(math.inf if seconds is None else seconds)
        try:
            with deadline:
                await run_agent(live, deadline)
        except TimeoutError as error:
            if not deadline.expired:
                raise
            goes_on = any(map(_may_take_effect, live.leftovers))
            raise (Abandoned if goes_on else TimeIsUp) from error
        return self._answer(live.run.outcome)

    def _run(self, query: str, context: RunContext[DepsT]) -> ActiveRun[DepsT]:
        """The nested run, from its beginning or from where its journal ends."""
        nesting, origin = context.nesting, context.origin
        path = (*origin.path, context.call_id)
        if nesting is not None and nesting.child is not None:
            return ActiveRun(
                self._means,
                nesting.child,
                RunRecord([], nesting.stream),
                context.deps,
                query=UserMessage(query),
                nesting=nesting,
                path=path,
            )
        if len(path) > MOST_NESTED:
            raise ToolError(
                f"{self._means.name} was not asked: agents call each other over {MOST_NESTED} levels already.",
                guidance="Answer with what is known.",
                details={"most_nested": MOST_NESTED},
            )
        told = self._context_of(nesting)
        request = RunRequest(
            context.deps,
            limits=self._means.limits,
            scope=origin.scope,
            trace_id=origin.trace_id,
            parent_trace_id=origin.parent_trace_id,
            run_group_id=origin.run_group_id or origin.run_id,
            stream=nesting is not None and nesting.stream,
        )
        return start_run(self._means, query, request, nesting, path, told)

    def _answer(self, outcome: Outcome | None) -> str:
        if isinstance(outcome, Completed):
            return outcome.content
        if isinstance(outcome, Suspended):
            raise NestedRunWaits
        info = None if outcome is None else outcome_error(outcome)
        if info is None:
            raise ToolError(f"The agent {self._means.name} was cancelled.", guidance="")
        error = error_from_info(info)
        if isinstance(error, (PolicyError, BudgetError)):
            raise error
        raise ToolError(f"The agent {self._means.name} failed: {error}", guidance="")


def _may_take_effect(event: Event) -> bool:
    """Whether the event reports a tool, at any depth, that was given up and is still running."""
    while isinstance(event, Nested):
        event = event.event
    return isinstance(event, ToolFinished) and event.status == "unknown"


def agent_tool_spec(name: str, description: str, *, timeout: float | None, output_limit: int) -> ToolSpec:
    """The declaration of an agent as a tool."""
    return ToolSpec(name, description, _PARAMETERS, timeout=timeout, output_limit=output_limit, resumable=True)
