"""The composition root: open the backends that settings configure, and close them in reverse order."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, TypeVar, Unpack
from weakref import WeakSet, ref

from lightagent.adapters.registry import find_adapter, open_adapter
from lightagent.agent import LightAgent
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.application.agent_options.context_budget import ContextBudget
from lightagent.application.skills.manager import SkillManager
from lightagent.compose.configured.backends import (
    open_code,
    open_embedding,
    open_journals,
    open_learning_model,
    open_memory,
    open_model,
    open_telemetry,
)
from lightagent.compose.configured.flows import ConfiguredFlows, open_flow_engine, open_flow_store
from lightagent.compose.configured.tools import compose_code_tools, open_apis, open_mcp, open_skills, open_tools
from lightagent.compose.telemetry import end_telemetry
from lightagent.domain.errors import ConfigurationError
from lightagent.options import AgentOptions
from lightagent.ports.code import CodeRunner
from lightagent.ports.embedding import Embedder
from lightagent.ports.flow_engine import FlowEngine
from lightagent.ports.journals import JournalStore
from lightagent.ports.mcp import Logins
from lightagent.ports.memory import MemoryStore
from lightagent.ports.models import ChatModel
from lightagent.ports.telemetry import TelemetrySink
from lightagent.ports.token_counter import TokenCounter
from lightagent.ports.tools import ToolSource
from lightagent.settings import LoggingSettings, Settings, load_settings
from lightagent.settings.check_profiles import learning_problems
from lightagent.settings.problems import raise_problems
from lightagent.settings.sections.agent import AgentSettings
from lightagent.settings.sections.budgets import compose_budget_settings

if TYPE_CHECKING:
    from lightagent.flow import LightFlow
    from lightagent.flow_options import FlowOptions

_D = TypeVar("_D")


class App:
    """The open backends of settings. A context manager, sync or async; created by `open_app`.

    Attributes:
        settings: the settings that it was created from.
        model: the chat model.
        journals: where sessions are stored; None if not configured.
        memory: the memory of every agent; None if not configured.
        learning_model: the model that reviews runs; None if that is the chat model, or agents do not learn.
        embedder: creates vectors of texts; None if not configured.
        tools: the tools offered to every agent; None if not configured.
        skills: the skills available to every agent; None if not configured.
        mcp: the MCP servers whose tools every agent is offered, with shared connections.
        code: runs the programs of models and skills; None if not configured.
        apis: the APIs whose operations every agent is offered.
        flows: where the flows of `flow` run and are stored.
        telemetry: where traces and metrics are sent; None if not configured, False if telemetry is switched off.
    """

    def __init__(
        self,
        settings: Settings,
        model: ChatModel,
        journals: JournalStore | None = None,
        tools: ToolSource[object] | None = None,
        mcp: tuple[ToolSource[object], ...] = (),
        apis: tuple[ToolSource[object], ...] = (),
        embedder: Embedder | None = None,
        code: CodeRunner | None = None,
        skills: SkillManager | None = None,
        memory: MemoryStore | None = None,
        learning_model: ChatModel | None = None,
        telemetry: TelemetrySink | Literal[False] | None = None,
        flow_store: JournalStore | None = None,
        flow_engine: FlowEngine | None = None,
    ) -> None:
        self.settings = settings
        self.model = model
        self.journals = journals
        self.memory = memory
        self.learning_model = learning_model
        self.embedder = embedder
        self.tools = tools
        self.mcp = mcp
        self.apis = apis
        self.code = code
        self._code_tools = compose_code_tools(settings, code)
        self.skills = skills
        self._agents: WeakSet[LightAgent] = WeakSet()
        self.telemetry: TelemetrySink | Literal[False] | None = telemetry
        self.flows: ConfiguredFlows = ConfiguredFlows(settings, flow_store or journals, flow_engine, telemetry)
        self._closing = AsyncExitStack()
        if telemetry is not None and telemetry is not False:  # Opened first, closed last.
            self.on_close(partial(end_telemetry, telemetry))
        self.on_close(model.aclose)
        if learning_model is not None:
            self.on_close(learning_model.aclose)
        if journals is not None:
            self.on_close(journals.aclose)
        for opened in (flow_store, flow_engine):
            if opened is not None:
                self.on_close(opened.aclose)
        if memory is not None:
            self.on_close(memory.aclose)
        if embedder is not None:
            self.on_close(embedder.aclose)
        if code is not None:
            self.on_close(code.aclose)
        for source in (*mcp, *apis):
            self.on_close(source.aclose)
        self.on_close(self._close_added_sources)

    def agent_options(self) -> AgentOptions[object]:
        """Return the configured options and the open model: `LightAgent(output_type=…, **app.agent_options())`."""
        options: AgentOptions[object] = {}
        return self._described(options)

    def _described(self, options: AgentOptions[_D]) -> AgentOptions[_D]:
        """Add the configured options for an agent of any dependencies: configured sources need none."""
        chosen = self.settings.agent
        options["model"] = self.model
        options["limits"] = chosen.limits()
        options["metadata"] = chosen.metadata
        _add_identity(options, chosen)
        if sources := self._sources():
            options["tools"] = sources
        if self.skills is not None:
            options["skills_directories"] = self.skills
            options["code_runner"] = self.code
        options["tool_selection"] = self.settings.tool_selection.selection()
        options["information_flow"] = self.settings.policy.information_flow()
        learning = self.settings.self_learning.learning(self.learning_model)
        if learning is not None:
            options["self_learning"] = learning
        policy = self.settings.policy.capabilities()
        if policy is not None:
            options["capabilities"] = policy
        budget = self._context_budget()
        if budget is not None:
            options["context_budget"] = budget
        budgets = compose_budget_settings(self.settings.budgets, self.journals)
        if budgets is not None:
            options["budgets"] = budgets
        self._add_backends(options)
        _add_logs(options, self.settings.logging)
        return options

    def _add_backends(self, options: AgentOptions[_D]) -> None:
        if self.journals is not None:
            options["session_store"] = self.journals
        if self.memory is not None:
            options["memory"] = self.memory
        if (engine := self.flows.engine or self.flows.store) is not None:
            options["engine"] = engine
        if self.embedder is not None:
            options["embedder"] = self.embedder
        if self.telemetry is not None:
            options["telemetry"] = False if self.telemetry is False else [self.telemetry]

    def _context_budget(self) -> ContextBudget | None:
        """Return the configured context budget, or None.

        Raises:
            ConfigurationError: the numbers are inconsistent, or the counter is unknown.
        """
        chosen, place = self.settings.context, "context.counter"
        if chosen.max_tokens is None:
            return None
        known = find_adapter("tokens", chosen.counter, at=place).options.model_fields
        options = {"model": self.model.name} if "model" in known else {}
        counter = open_adapter("tokens", chosen.counter, options, at=place)
        if not isinstance(counter, TokenCounter):
            raise ConfigurationError(f"{place}: {chosen.counter!r} is not a token counter.", guidance="")
        return ContextBudget(chosen.max_tokens, chosen.strategy, chosen.target_tokens, counter=counter)

    def agent(self, **options: Unpack[AgentOptions]) -> LightAgent:
        """Return a configured agent; `options` override the settings, but `tools` are added to the configured ones."""
        if sources := self._sources():
            options["tools"] = [*(options.get("tools") or ()), *sources]
        if "self_learning" not in options:
            raise_problems([*learning_problems(self.settings, named=options.get("name") is not None)])
        described: AgentOptions = {}
        agent = LightAgent(**(self._described(described) | options))
        if agent.means.catalogue.sources:
            self.on_close(partial(_close_sources, ref(agent), agent.means.catalogue.aclose))
        else:
            self._agents.add(agent)
        return agent

    def flow(self, *, store: JournalStore | None = None, **options: Unpack[FlowOptions]) -> LightFlow:
        """Return a flow that runs and is stored as configured; arguments override the settings.

        It shares the app's store or engine, which the app closes.
        """
        from lightagent.flow import LightFlow  # Most apps have no flows.

        kept, made = self.flows.of_flow(store, options)
        return LightFlow(store=kept, **made)

    async def _close_added_sources(self) -> None:
        """Close the sources of agents that had none when they were created."""
        for agent in [*self._agents]:
            await agent.means.catalogue.aclose()

    def _sources(self) -> list[ToolSource[object]]:
        return [*([] if self.tools is None else [self.tools]), *self.mcp, *self.apis, *self._code_tools]

    def on_close(self, close: Callable[[], Awaitable[None]]) -> None:
        """Call and await `close` when the app is closed, before everything that was opened earlier."""
        self._closing.push_async_callback(close)

    async def aclose(self) -> None:
        """Close everything in reverse order of opening, also if closing some of it fails."""
        await self._closing.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run_sync(self.aclose())


async def _close_sources(agent: ref[LightAgent], close_first: Callable[[], Awaitable[None]]) -> None:
    """Close the agent's current sources, including those added later; if the agent is gone, its original ones."""
    alive = agent()
    await (close_first if alive is None else alive.means.catalogue.aclose)()


def open_app(
    settings: Settings | None = None, *, environ: Mapping[str, str] | None = None, logins: Logins | None = None
) -> App:
    """Open every configured backend.

    Backends open immediately, so invalid settings are reported here; the network is used on first use.

    Args:
        settings: by default those that `load_settings` finds.
        environ: where references to secrets are resolved; by default the environment of the process.
        logins: logs users in to MCP servers that require it.

    Raises:
        ConfigurationError: a backend cannot be opened; the message names the place and the remedy.
    """
    variables = os.environ if environ is None else environ
    given: object = settings
    if given is not None and not isinstance(given, Settings):
        raise ConfigurationError(
            f"open_app: expected settings, got {type(given).__name__}.",
            guidance='Load them: open_app(load_settings(profile="dev")), or load_settings("lightagent.toml").',
        )
    chosen = load_settings(environ=variables) if settings is None else settings
    model, journals = open_model(chosen, environ=variables), open_journals(chosen, environ=variables)
    servers, apis = open_mcp(chosen, environ=variables, logins=logins), open_apis(chosen, environ=variables)
    embedder, code = open_embedding(chosen, environ=variables), open_code(chosen, environ=variables)
    memory, skills = open_memory(chosen, environ=variables, journals=journals), open_skills(chosen)
    learning = open_learning_model(chosen, environ=variables)
    telemetry = open_telemetry(chosen, environ=variables)
    flow_store = open_flow_store(chosen, environ=variables)
    flow_engine = open_flow_engine(chosen, environ=variables)
    return App(
        *(chosen, model, journals, open_tools(chosen), servers, apis, embedder, code, skills, memory, learning),
        telemetry=telemetry,
        flow_store=flow_store,
        flow_engine=flow_engine,
    )


def _add_identity(options: AgentOptions[_D], chosen: AgentSettings) -> None:
    """Set the configured name, instructions and role, and whether content is captured."""
    if chosen.name is not None:
        options["name"] = chosen.name
    if chosen.instructions is not None:
        options["instructions"] = chosen.instructions
    if chosen.role is not None:
        options["role"] = chosen.role
    if chosen.capture_content is not None:
        options["capture_content"] = chosen.capture_content


def _add_logs(options: AgentOptions[_D], logs: LoggingSettings) -> None:
    if logs.level is not None or logs.file is not None:
        options["log_level"] = logs.level or "INFO"
    if logs.file is not None:
        options["log_file"] = str(logs.file)
