"""What an agent is made of, apart from its types: it prepares runs and plays them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Generic

from lightagent.application.plan import RunPlan
from lightagent.application.prompts import DEFAULT_PROMPTS, Prompts
from lightagent.application.recorded import Recorded
from lightagent.application.resume_run import Decisions, JournalLike, as_journal, with_decisions
from lightagent.application.run_agent import run_agent
from lightagent.application.start_run import checked_params, conversation, system_prompt
from lightagent.application.steps import Step, is_event
from lightagent.application.structured_output import OutputType
from lightagent.application.tools.toolbox import DepsT, Toolbox
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.events import DEFAULT_LIMITS, Event, Limits, RunStarted
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.scopes import NO_SCOPE, Scope
from lightagent.ports.models import ChatModel
from lightagent.ports.system import Clock, IdSource
from lightagent.ports.tools import Tool


@dataclass(frozen=True, slots=True)
class RunRequest(Generic[DepsT]):
    """One run as its caller wants it."""

    deps: DepsT
    tools: tuple[Tool[DepsT], ...] = ()
    history: Sequence[Mapping[str, JsonValue]] = ()
    params: JsonObject = field(default_factory=dict)
    limits: Limits = DEFAULT_LIMITS
    scope: Scope = NO_SCOPE
    trace: bool = False
    trace_id: str = ""
    parent_trace_id: str = ""
    run_group_id: str = ""
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Played(Generic[DepsT]):
    """A run ready to be played: what is known of it, and the means.

    Attributes:
        known: how many of its events the caller had before.
    """

    recorded: Recorded
    plan: RunPlan[DepsT]
    known: int = 0

    async def steps(self) -> AsyncGenerator[Step, None]:
        """Everything that happens from here on; each event is on record before it is seen."""
        events = self.recorded.events
        async with aclosing(run_agent(tuple(events), self.plan)) as steps:
            async for step in steps:
                if is_event(step):
                    events.append(step)
                yield step

    async def new_events(self) -> AsyncGenerator[Event, None]:
        """The events that the caller does not have yet, those of the beginning or of a decision first."""
        for event in self.recorded.events[self.known :]:
            yield event
        async with aclosing(self.steps()) as steps:
            async for step in steps:
                if is_event(step):
                    yield step

    async def play(self) -> Recorded:
        """To the end, with nobody watching."""
        events = self.recorded.events
        async for step in run_agent(tuple(events), self.plan):
            if is_event(step):
                events.append(step)
        return self.recorded


@dataclass(frozen=True, slots=True)
class Engine(Generic[DepsT]):
    """An agent's model, tools and habits. Immutable; serves any number of runs at once."""

    name: str
    model: ChatModel
    clock: Clock
    ids: IdSource
    tools: Toolbox[DepsT]
    instructions: str = ""
    role: str = ""
    params: JsonObject = field(default_factory=dict)
    limits: Limits = DEFAULT_LIMITS
    prompts: Prompts = DEFAULT_PROMPTS
    output: OutputType[object] | None = None
    capture_content: bool = False

    def start(self, query: str | Sequence[JsonObject], request: RunRequest[DepsT]) -> Played[DepsT]:
        """A new run.

        Raises:
            ConfigurationError: the query, the history, a parameter, a limit or a tool is refused.
        """
        tools = self.tools.plus(request.tools)
        schema = self.output.schema if self.output is not None else None
        prompt = system_prompt(self.role, self.instructions, schema, self.prompts)
        started = RunStarted(
            run_id=self.ids.new(),
            agent_name=self.name,
            model=self.model.name,
            messages=conversation(prompt, request.history, query),
            tools=tools.names,
            params=checked_params({**self.params, **request.params}),
            output_schema=schema,
            limits=request.limits,
            scope=request.scope,
            trace_id=request.trace_id or self.ids.new(),
            parent_trace_id=request.parent_trace_id,
            run_group_id=request.run_group_id,
            at=self.clock.now(),
        )
        return self._played([started], tools, request)

    def resume(self, journal: JournalLike, decisions: Decisions, request: RunRequest[DepsT]) -> Played[DepsT]:
        """A run that was suspended or interrupted, here or elsewhere, from its last event on.

        Raises:
            ConfigurationError: the journal is none, has ended, names tools that this agent lacks, or was begun with
                another output type.
            PolicyError: a decision is about a call that does not wait.
            ToolError: a decision edits arguments into some that the tool refuses.
        """
        known = as_journal(journal)
        decided = with_decisions(known, decisions, self.clock.now())
        schema = self.output.schema if self.output is not None else None
        if decided.started.output_schema != schema:
            raise ConfigurationError(
                "The run was begun by an agent with another output_type.",
                guidance="Resume it with the output_type it was begun with.",
            )
        tools = self.tools.plus(request.tools)
        missing = [name for name in decided.started.tools if tools.get(name) is None]
        if missing:
            raise ConfigurationError(
                f"The run was begun with tools that this agent lacks: {', '.join(missing)}.",
                guidance="Resume it with the agent it was begun with, or pass tools=.",
            )
        for call in decided.run.calls:
            if call.decision is not None and call.decision.arguments is not None:
                tools.offered(call.call.name).check(call.decision.arguments)
        return self._played(list(decided.events), tools.only(decided.started.tools), request, len(known.events))

    def _played(
        self, events: list[Event], tools: Toolbox[DepsT], request: RunRequest[DepsT], known: int = 0
    ) -> Played[DepsT]:
        recorded = Recorded(events, request.stream, request.trace, self.capture_content)
        check = self.output.check if self.output is not None else None
        plan = RunPlan(
            self.model, tools, request.deps, self.clock, check, request.stream, self.prompts, recorded.causes
        )
        return Played(recorded, plan, known)
