"""The flow that a command is about, with a store that other processes see."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Final, NamedTuple, TypeAlias, TypeVar

import typer

from lightagent.compose.flow_backends import open_flows
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.options import settings_for
from lightagent.entrypoints.cli.python_objects import Wanted, load_object
from lightagent.flow import LightFlow
from lightagent.settings import Settings
from lightagent.settings.backend_schema import Backend

T = TypeVar("T")

Flow: TypeAlias = Annotated[
    str, typer.Argument(metavar="FLOW", help="FILE.py, FILE.py:NAME or MODULE:NAME. The file is run.")
]
RunId: TypeAlias = Annotated[str, typer.Argument(metavar="RUN", help="The id of the run.")]
Step: TypeAlias = Annotated[
    str, typer.Argument(metavar="STEP", help="Its name, or its path within another one, such as pages[2]/read.")
]
Accept: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--accept", metavar="STEP", help="Its result counts although its code has changed. Several times."),
]

_FLOW: Final = Wanted("FLOW", LightFlow, "flow")


def open_flow(
    spec: str, config: Path | None, profile: str | None, trust: bool, *, in_memory: bool = False
) -> LightFlow:
    """The flow of a file. One without a store and an engine of its own has those of the settings.

    Args:
        in_memory: the command makes sense also where runs are kept nowhere.

    Raises:
        ConfigurationError: there is no such flow, or neither it nor the settings name a store.
    """
    (flow,) = open_all_flows([spec], config, profile, trust, in_memory=in_memory)
    return flow


class EngineChoice(NamedTuple):
    """What a command says of the engine beside the settings; empty: what they say holds."""

    kind: str = ""
    task_queue: str = ""

    def of(self, settings: Settings) -> Settings:
        """The settings with what was typed."""
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
    """The flows of files. Those that have the store or the engine of the settings share it; raises as `open_flow`."""
    found = [load_object(spec, _FLOW) for spec in specs]
    if all(flow.keeps_runs for flow in found):
        return found
    settings = settings_for(config, profile, False, trust)
    flows = open_flows(settings if engine is None else engine.of(settings))
    placed = [flow if flow.keeps_runs else flow.configured(flows) for flow in found]
    for spec, flow in zip(specs, placed, strict=True):
        if not flow.keeps_runs and not in_memory:
            raise ConfigurationError(
                f"FLOW {spec}: Neither the flow nor the settings say where its runs are kept.",
                guidance='Write LightFlow(store=JsonLightFlowStore("runs")), or add to lightagent.toml: [default.flow] '
                'with store = { kind = "sqlite", path = "flows.db" }.',
            )
    return placed


def with_flow(flow: LightFlow, work: Callable[[], Awaitable[T]]) -> T:
    """What `work` gives; the flow's store is closed afterwards."""

    async def carry_out() -> T:
        try:
            return await work()
        finally:
            await flow.aclose()

    return asyncio.run(carry_out())


def typed_command(command: str, *arguments: str, user: str = "", tenant: str = "") -> str:
    """A command about a run as it is typed, with its owner."""
    whose = [*(["--user", user] if user else []), *(["--tenant", tenant] if tenant else [])]
    return shlex.join(["lightagent", "flow", command, *arguments, *whose])
