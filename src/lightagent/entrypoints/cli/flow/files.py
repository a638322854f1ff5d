"""Load the flow that a command works with, with a store that processes share, and find the models it uses."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final, NamedTuple, TypeAlias, TypeVar

import typer

from lightagent.agent_submit import SubmittingAgent
from lightagent.application.flow.agent_work import AgentWork
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.flow_work import FlowWork
from lightagent.application.flow.step_work import StepWork
from lightagent.compose.configured.flows import open_flows
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.options import settings_for
from lightagent.entrypoints.cli.python_files import ObjectKind, load_object
from lightagent.flow import LightFlow
from lightagent.ports.models import ChatModel
from lightagent.settings import Settings
from lightagent.settings.sections.base import Backend

T = TypeVar("T")

Flow: TypeAlias = Annotated[
    str, typer.Argument(metavar="FLOW", help="FILE.py, FILE.py:NAME or MODULE:NAME. The file is run.")
]
RunId: TypeAlias = Annotated[str, typer.Argument(metavar="RUN", help="The id of the run.")]
Step: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="STEP", help="The name of the step, or its path within another one, such as pages[2]/read."),
]
Accept: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--accept", metavar="STEP", help="Keep the result of this step although it was changed. Repeatable."),
]

_FLOW: Final = ObjectKind("FLOW", LightFlow, "flow")
_NAMED: Final[ObjectKind[LightFlow | SubmittingAgent[None, object]]] = ObjectKind(
    "FLOW", (LightFlow, SubmittingAgent), "flow", "LightFlow or LightAgent"
)


def open_flow(
    spec: str, config: Path | None, profile: str | None, trust: bool, *, in_memory: bool = False
) -> LightFlow:
    """Load the flow of a file. It gets the store and the engine of the settings unless it has its own.

    Args:
        in_memory: the command also works without a store.

    Raises:
        ConfigurationError: the flow does not exist, or neither it nor the settings name a store.
    """
    (flow,) = open_all_flows([spec], config, profile, trust, in_memory=in_memory)
    return flow


class EngineChoice(NamedTuple):
    """Command options that override the engine of the settings; empty values keep what the settings say."""

    kind: str = ""
    task_queue: str = ""

    def of(self, settings: Settings) -> Settings:
        """Return the settings with these options applied."""
        if not self.kind and not self.task_queue:
            return settings
        chosen = settings.flow.engine
        if self.kind and self.kind != chosen.kind:
            chosen = Backend(kind=self.kind)
        if self.task_queue:
            chosen = chosen.model_copy(update={"options": {**chosen.options, "task_queue": self.task_queue}})
        return settings.model_copy(update={"flow": settings.flow.model_copy(update={"engine": chosen})})


def open_all_flows(
    specs: Sequence[str],
    config: Path | None,
    profile: str | None,
    trust: bool,
    *,
    in_memory: bool = False,
    engine: EngineChoice | None = None,
) -> list[LightFlow]:
    """Load the flows of files. Those that use the store or engine of the settings share it. Raises as `open_flow`."""
    found = [_loaded(spec) for spec in specs]
    if all(flow.keeps_runs for flow in found):
        return found
    settings = settings_for(config, profile, False, trust)
    flows = open_flows(settings if engine is None else engine.of(settings))
    placed = [flow if flow.keeps_runs else flow.configured(flows) for flow in found]
    for spec, flow in zip(specs, placed, strict=True):
        if not flow.keeps_runs and not in_memory:
            raise ConfigurationError(
                f"FLOW {spec}: Neither the flow nor the settings configure a store for its runs.",
                guidance='Write LightFlow(store=JsonLightFlowStore("runs")), or add to lightagent.toml: [default.flow] '
                'with store = { kind = "sqlite", path = "flows.db" }.',
            )
    return placed


def _loaded(spec: str) -> LightFlow:
    """Load a flow; where a name is given, it may be an agent, whose submitted runs are flows of one step."""
    found = load_object(spec, _FLOW) if spec.endswith(".py") else load_object(spec, _NAMED)
    if isinstance(found, SubmittingAgent):
        return found.as_flow()
    return found


def with_flow(flow: LightFlow, work: Callable[[], Awaitable[T]]) -> T:
    """Return the result of `work`, and close the flow's store afterwards."""

    async def carry_out() -> T:
        try:
            return await work()
        finally:
            await flow.aclose()

    return asyncio.run(carry_out())


def typed_command(command: str, *arguments: str, user: str = "", tenant: str = "") -> str:
    """Return a `lightagent flow` command line for a run, with the options of its owner."""
    whose = [*(["--user", user] if user else []), *(["--tenant", tenant] if tenant else [])]
    return shlex.join(["lightagent", "flow", command, *arguments, *whose])


def models_of(flow: LightFlow) -> Iterator[tuple[str, ChatModel]]:
    """Yield the names of a flow's agents, each with its model. Models that step functions use are not known."""
    yield from _models(flow.declared, set())


def _models(steps: Sequence[LightFlowStep], seen: set[int]) -> Iterator[tuple[str, ChatModel]]:
    for step in steps:
        for work in (step.work, step.fallback):
            if work is not None and id(work) not in seen:
                seen.add(id(work))  # A flow may be a step of itself.
                yield from _of_work(work, seen)
        yield from _models(step.body, seen)


def _of_work(work: StepWork, seen: set[int]) -> Iterator[tuple[str, ChatModel]]:
    if isinstance(work, AgentWork):
        for means in work.agents():
            yield means.name, means.model
    elif isinstance(work, FlowWork):
        yield from _models(work.steps(), seen)
