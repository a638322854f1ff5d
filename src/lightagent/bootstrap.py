"""The composition root: from settings to open backends, closed again in reverse order."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Final, Self, Unpack
from weakref import WeakSet, ref

from lightagent.adapters.registry import find_adapter, open_adapter
from lightagent.agent import LightAgent
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.application.skills.manager import SkillManager
from lightagent.application.tool_sources.code_tools import CodeTools
from lightagent.application.tool_sources.mcp_tools import McpTools
from lightagent.application.tool_sources.openapi_tools import OpenApiTools
from lightagent.application.tools.loader import ToolLoader
from lightagent.domain.errors import ConfigurationError
from lightagent.options import AgentOptions
from lightagent.ports.code import CodeRunner
from lightagent.ports.context_budget import ContextBudget
from lightagent.ports.embedding import Embedder
from lightagent.ports.journals import JournalStore
from lightagent.ports.mcp import Logins, ToolPins
from lightagent.ports.models import ChatModel
from lightagent.ports.token_counter import TokenCounter
from lightagent.ports.tools import ToolSource
from lightagent.settings import LoggingSettings, Settings, load_settings
from lightagent.settings.agent_schema import AgentSettings
from lightagent.settings.backends import open_backend
from lightagent.settings.budgets import compose_budget_settings
from lightagent.settings.mcp_reading import read_mcp
from lightagent.settings.openapi_reading import read_openapi
from lightagent.settings.origins import raise_problems

_LOGGER: Final = logging.getLogger("lightagent")


class App:
    """Everything that settings configure, open. A context manager, async or not; made by `open_app`.

    Attributes:
        settings: what it was made from.
        model: the chat model.
        journals: where sessions are kept; None where no settings say so.
        embedder: makes vectors of texts; None where no settings say so.
        tools: the tools that every agent is offered; None where no settings name any.
        skills: the skills that every agent may use; None where no settings name any.
        mcp: the MCP servers whose tools every agent is offered; their connections are shared by all.
        code: what runs programs of models and skills; None where no settings say so.
        apis: the APIs whose operations every agent is offered.
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
    ) -> None:
        self.settings = settings
        self.model = model
        self.journals = journals
        self.embedder = embedder
        self.tools = tools
        self.mcp = mcp
        self.apis = apis
        self.code = code
        self._code_tools = compose_code_tools(settings, code)
        self.skills = skills
        self._agents: WeakSet[LightAgent] = WeakSet()
        self._closing = AsyncExitStack()
        self.on_close(model.aclose)
        if journals is not None:
            self.on_close(journals.aclose)
        if embedder is not None:
            self.on_close(embedder.aclose)
        if code is not None:
            self.on_close(code.aclose)
        for source in (*mcp, *apis):
            self.on_close(source.aclose)
        self.on_close(self._close_added_sources)

    def agent_options(self) -> AgentOptions:
        """What the settings say of agents, and the open model: `LightAgent(output_type=…, **app.agent_options())`."""
        chosen, logs = self.settings.agent, self.settings.logging
        options = AgentOptions(model=self.model, limits=chosen.limits(), metadata=chosen.metadata) | _identity(chosen)
        if sources := self._sources():
            options["tools"] = sources
        if self.skills is not None:
            options["skills_directories"] = self.skills
            options["code_runner"] = self.code
        options["tool_selection"] = self.settings.tool_selection.selection()
        options["information_flow"] = self.settings.policy.information_flow()
        policy = self.settings.policy.capabilities()
        if policy is not None:
            options["capabilities"] = policy
        budget = self._context_budget()
        if budget is not None:
            options["context_budget"] = budget
        budgets = compose_budget_settings(self.settings.budgets, self.journals)
        if budgets is not None:
            options["budgets"] = budgets
        return options | self._backend_options() | _log_options(logs)

    def _backend_options(self) -> AgentOptions:
        options = AgentOptions()
        if self.journals is not None:
            options["session_store"] = self.journals
        if self.embedder is not None:
            options["embedder"] = self.embedder
        return options

    def _context_budget(self) -> ContextBudget | None:
        """The budget that the settings describe; None where they set none.

        Raises:
            ConfigurationError: the numbers do not fit together, or there is no such counter.
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
        """An agent as the settings describe it; `options` go over them, and `tools` are offered besides theirs."""
        if sources := self._sources():
            options["tools"] = [*(options.get("tools") or ()), *sources]
        agent = LightAgent(**(self.agent_options() | options))
        if agent.means.catalogue.sources:
            self.on_close(partial(_close_sources, ref(agent), agent.means.catalogue.aclose))
        else:
            self._agents.add(agent)
        return agent

    async def _close_added_sources(self) -> None:
        """Close the sources of agents that had none when they were made."""
        for agent in [*self._agents]:
            await agent.means.catalogue.aclose()

    def _sources(self) -> list[ToolSource[object]]:
        return [*([] if self.tools is None else [self.tools]), *self.mcp, *self.apis, *self._code_tools]

    def on_close(self, close: Callable[[], Awaitable[None]]) -> None:
        """Have `close` awaited when the app is closed, before all that was opened earlier."""
        self._closing.push_async_callback(close)

    async def aclose(self) -> None:
        """Close what is open, the last opened first; one that fails to close does not keep the others open."""
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
    """Close the sources that the agent has now, also those it was given later; once it is gone, its first ones."""
    alive = agent()
    await (close_first if alive is None else alive.means.catalogue.aclose)()


def open_app(
    settings: Settings | None = None, *, environ: Mapping[str, str] | None = None, logins: Logins | None = None
) -> App:
    """Open every configured backend.

    It happens at once, so that wrong settings show here; the network is touched at the first use.

    Args:
        settings: without them, those that hold here (`load_settings`).
        environ: where references to secrets are looked up; without it, the process's own environment.
        logins: where users log in at MCP servers that want it.

    Raises:
        ConfigurationError: a backend cannot be opened; the text names the place and the remedy.
    """
    variables = os.environ if environ is None else environ
    chosen = load_settings(environ=variables) if settings is None else settings
    model, journals = open_model(chosen, environ=variables), open_journals(chosen, environ=variables)
    servers, apis = open_mcp(chosen, environ=variables, logins=logins), open_apis(chosen, environ=variables)
    embedder, code = open_embedding(chosen, environ=variables), open_code(chosen, environ=variables)
    return App(chosen, model, journals, open_tools(chosen), servers, apis, embedder, code, open_skills(chosen))


def open_tools(settings: Settings) -> ToolLoader | None:
    """The configured directory of tools; None where there is none. Its files run when they are first needed.

    A relative path is taken from the settings file, so that it names the same files wherever a command is typed.
    """
    directory = settings.tool_directory()
    return None if directory is None else ToolLoader(directory)


def open_skills(settings: Settings) -> SkillManager | None:
    """The configured directories of skills; None where there are none. They are looked at when skills are needed."""
    trusted, untrusted = settings.skill_directories()
    return SkillManager(trusted, untrusted_directories=untrusted) if trusted or untrusted else None


def open_mcp(
    settings: Settings, *, environ: Mapping[str, str] | None = None, logins: Logins | None = None
) -> tuple[McpTools, ...]:
    """The configured MCP servers as sources of tools. Nothing is started before a run first needs the tools.

    An optional server that cannot be started here is left out, and the log says why.

    Raises:
        ConfigurationError: something is wrong with one; all problems are told at once.
        MissingExtraError: there are servers, and the package `mcp` is not installed.
    """
    reading = read_mcp(settings, os.environ if environ is None else environ)
    raise_problems([*reading.problems, *reading.unset])
    for problem in reading.left_out.values():
        _LOGGER.warning("An MCP server is left out. %s", problem)
    if not reading.servers:
        return ()
    from lightagent.compose.mcp import mcp_tools

    pins = open_pins(settings)
    return tuple(
        mcp_tools(server, logins=logins if server.may_want_login else None, pins=pins) for server in reading.servers
    )


def open_pins(settings: Settings) -> ToolPins | None:
    """Where it is kept how MCP servers declared their tools; None: nowhere."""
    from lightagent.adapters.mcp.sdk.pin_file import PinFile

    path = settings.pin_file()
    return None if path is None else PinFile(path)


def open_apis(settings: Settings, *, environ: Mapping[str, str] | None = None) -> tuple[OpenApiTools, ...]:
    """The configured APIs as sources of tools. Their documents are read when a run first needs the tools.

    Raises:
        ConfigurationError: something is wrong with one; all problems are told at once.
    """
    if not settings.openapi:
        return ()
    reading = read_openapi(settings, os.environ if environ is None else environ)
    raise_problems([*reading.problems, *reading.unset])
    from lightagent.compose.openapi import openapi_source

    return tuple(openapi_source(service) for service in reading.services)


def _identity(chosen: AgentSettings) -> AgentOptions:
    """Who the agent is, as far as it is set."""
    options = AgentOptions()
    if chosen.name is not None:
        options["name"] = chosen.name
    if chosen.instructions is not None:
        options["instructions"] = chosen.instructions
    if chosen.role is not None:
        options["role"] = chosen.role
    if chosen.capture_content is not None:
        options["capture_content"] = chosen.capture_content
    return options


def _log_options(logs: LoggingSettings) -> AgentOptions:
    options = AgentOptions()
    if logs.level is not None or logs.file is not None:
        options["log_level"] = logs.level or "INFO"
    if logs.file is not None:
        options["log_file"] = str(logs.file)
    return options


def open_model(settings: Settings, *, environ: Mapping[str, str] | None = None) -> ChatModel:
    """Open the configured chat model alone.

    Raises:
        ConfigurationError: it cannot be opened; the text names the place and the remedy.
    """
    model = open_backend(settings, "model", os.environ if environ is None else environ)
    if not isinstance(model, ChatModel):
        place = settings.provenance.place(("model", "kind"))
        raise ConfigurationError(
            f"{place}: {settings.model.kind!r} opened a {type(model).__name__}, which is no chat model.",
            guidance="An adapter of the family chat implements lightagent.ports.models.ChatModel.",
        )
    return model


def open_journals(settings: Settings, *, environ: Mapping[str, str] | None = None) -> JournalStore | None:
    """Open the configured journal store alone; None where there is none.

    Raises:
        ConfigurationError: it cannot be opened; the text names the place and the remedy.
    """
    if settings.journals is None:
        return None
    store = open_backend(settings, "journals", os.environ if environ is None else environ)
    if not isinstance(store, JournalStore):
        place = settings.provenance.place(("journals", "kind"))
        raise ConfigurationError(
            f"{place}: {settings.journals.kind!r} opened a {type(store).__name__}, which is no journal store.",
            guidance="An adapter of the family journals implements lightagent.ports.journals.JournalStore.",
        )
    return store


def open_embedding(settings: Settings, *, environ: Mapping[str, str] | None = None) -> Embedder | None:
    """Open the configured embedder alone; None where there is none.

    Raises:
        ConfigurationError: it cannot be opened; the text names the place and the remedy.
    """
    if settings.embedding is None:
        return None
    embedder = open_backend(settings, "embedding", os.environ if environ is None else environ)
    if not isinstance(embedder, Embedder):
        place = settings.provenance.place(("embedding", "kind"))
        raise ConfigurationError(
            f"{place}: {settings.embedding.kind!r} opened a {type(embedder).__name__}, which is no embedder.",
            guidance="An adapter of the family embedding implements lightagent.ports.embedding.Embedder.",
        )
    return embedder


def open_code(settings: Settings, *, environ: Mapping[str, str] | None = None) -> CodeRunner | None:
    """Open the configured runner of code alone; None where there is none.

    Raises:
        ConfigurationError: it cannot be opened, such as where the isolation that it promises is not to be had.
    """
    if settings.code is None:
        return None
    runner = open_backend(settings, "code", os.environ if environ is None else environ)
    if not isinstance(runner, CodeRunner):
        place = settings.provenance.place(("code", "kind"))
        raise ConfigurationError(
            f"{place}: {settings.code.kind!r} opened a {type(runner).__name__}, which is no runner of code.",
            guidance="An adapter of the family code implements lightagent.ports.code.CodeRunner.",
        )
    return runner


def compose_code_tools(settings: Settings, runner: CodeRunner | None) -> tuple[CodeTools, ...]:
    """The tools that run Python, where the settings offer them.

    Raises:
        ConfigurationError: there is nothing that runs it, or the folder is not there.
    """
    if not settings.tools.code:
        return ()
    if runner is None:
        raise ConfigurationError(
            f"{settings.provenance.place(('tools', 'code'))}: nothing is set that runs code.",
            guidance='Name it in the settings: [default.code] with kind = "monty" or kind = "subprocess".',
        )
    return (CodeTools(runner, folder=settings.code_folder()),)
