"""The tools of an agent: list them, load more, and connect to MCP servers.

An agent is immutable except for this: `load_tools` and `setup_mcp` replace its means. Runs that start afterwards have
the new tools; runs in progress keep those that they started with.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Final

from lightagent.agent_base import AgentBase
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.application.check_options import check_text
from lightagent.application.nested_runs.nest_agent import AgentTool, agent_tool_spec
from lightagent.application.projections.result import OutputT_co
from lightagent.application.run_loop.run_agent import run_agent
from lightagent.application.run_loop.start_run import RunRequest, start_run
from lightagent.application.tool_sources.mcp_tools import McpTools
from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.deps import DepsT_contra
from lightagent.application.tools.function_tool import FunctionTool
from lightagent.application.tools.loader import ToolLoader
from lightagent.application.tools.registry import tool_problems
from lightagent.application.tools.signature import check_name, source_function
from lightagent.application.tools.tool_info import ToolProblem
from lightagent.application.tools.toolset import tool_name
from lightagent.compose.policies import restrict_means
from lightagent.compose.tools import make_tools
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.option_values import path_of, switch
from lightagent.domain.policy.capabilities import CapabilityPolicy
from lightagent.domain.scopes import Scope
from lightagent.domain.tools.spec import DEFAULT_OUTPUT_LIMIT
from lightagent.ports.tools import Tool

if TYPE_CHECKING:
    from lightagent.application.generated_tools.saved_tool import GeneratedTool
    from lightagent.compose.mcp_setting import McpSetting
    from lightagent.ports.mcp import Elicitor, Logins, Sampler, ToolPins

_LOGGER: Final = logging.getLogger("lightagent")
_CHANGING: Final = threading.Lock()
"""Held only while an agent's means are replaced; shared, since agents may be created where locks cannot."""


class ToolAgent(AgentBase[DepsT_contra, OutputT_co]):
    """An agent that lists its tools and can be given more."""

    __slots__ = ()

    def get_tools(self) -> list[JsonObject]:
        """Return the agent's own tools in OpenAI form, without those of its sources; a copy that may be changed."""
        return [tool.spec.to_openai() for tool in self.means.catalogue.own.values()]

    def get_tool(self, name: str) -> Tool[DepsT_contra] | None:
        """Return the agent's own tool of that name, or None."""
        return self.means.catalogue.own.get(name)

    def validate_tools(self) -> list[ToolProblem]:
        """Return the problems of the agent's own tools; this compiles every declaration.

        On creation an agent with many tools reads only their names, so use this to find problems before a run does.
        """
        tools = self.means.catalogue.own.items()
        return [problem for name, tool in tools for problem in tool_problems(name, tool)]

    def as_tool(
        self,
        name: str,
        description: str,
        *,
        timeout: float | None = None,
        output_limit: int = DEFAULT_OUTPUT_LIMIT,
        tools: Sequence[str] | None = None,
        capabilities: CapabilityPolicy | None = None,
    ) -> Tool[DepsT_contra]:
        """Return this agent as a tool for another agent.

        Its run is nested in the calling run: they share the journal, the trace, the dependencies and the owner, and the
        policies of both apply. While it waits for a human, the calling run waits.

        Args:
            name: the tool's name for the calling agent's model.
            description: the agent's purpose, by which that model chooses it.
            timeout: seconds until a call is cancelled.
            output_limit: the maximum length of the answer for that model, in characters.
            tools: the names of the tools that the agent may call when used as a tool, in which ``*`` matches any text;
                an empty list allows none. By default all that it has.
            capabilities: restricts who may call which tools in this use, in addition to the agent's own policy.

        Raises:
            ConfigurationError: providers would refuse the name, or `tools` or `capabilities` is invalid.
        """
        spec = agent_tool_spec(check_name(name), description, timeout=timeout, output_limit=output_limit)
        return AgentTool(restrict_means(self.means, name, tools, capabilities), spec)

    def load_tools(
        self, tool_names: str | Iterable[str], tools_directory: str | os.PathLike[str] | None = None
    ) -> list[str]:
        """Load tools from a directory by name: the file ``NAME.py``, which is executed, holds the function ``NAME``.

        Runs that start afterwards have the tools; runs in progress do not change. A tool that the agent has from the
        same file is replaced by the file's current content. Agents that use this one as a tool, or may hand over to it,
        keep the version that they were given.

        Args:
            tools_directory: by default the agent's, or else ``tools``.

        Returns:
            The names of the tools for the model.

        Raises:
            ConfigurationError: a tool cannot be loaded, or the agent has another tool of its name. Nothing is changed
                then.
        """
        directory = tools_directory or self._tools_directory or "tools"
        names = [tool_names] if isinstance(tool_names, str) else tool_names
        loaded = [*make_tools(ToolLoader(directory).load_tools(names).values(), self._deps.form)]
        with _CHANGING:
            own = dict(self.means.catalogue.own)
            for tool in loaded:
                name = tool_name(tool)
                if name in own and not _is_from_the_same_file(own[name], tool):
                    raise ConfigurationError(
                        f"load_tools: {name!r} is the name of a tool that the agent has already.",
                        guidance="Give one of them another name.",
                    )
                own[name] = tool
            catalogue = Catalogue(own.values(), self.means.catalogue.sources)
            self._change(replace(self.means, catalogue=catalogue))
        return [tool_name(tool) for tool in loaded]

    def create_tool(
        self,
        text: str,
        tools_directory: str | os.PathLike[str] = "tools",
        *,
        auto_load: bool = False,
        overwrite: bool = False,
        tenant: str = "",
        user_id: str = "",
    ) -> list[GeneratedTool]:
        """`acreate_tool` for synchronous callers."""
        return run_sync(
            self.acreate_tool(
                text, tools_directory, auto_load=auto_load, overwrite=overwrite, tenant=tenant, user_id=user_id
            )
        )

    async def acreate_tool(
        self,
        text: str,
        tools_directory: str | os.PathLike[str] = "tools",
        *,
        auto_load: bool = False,
        overwrite: bool = False,
        tenant: str = "",
        user_id: str = "",
    ) -> list[GeneratedTool]:
        """Have the model write tools for what `text` describes, such as the documentation of an API.

        The code is checked without being run, and problems are returned to the model. Each tool becomes a file that is
        not approved yet: read it (`print(tool)` shows the change), then load it with `load_tools`.

        Args:
            tools_directory: where to write the files; created if it does not exist.
            auto_load: load the tools immediately and unread: model-written code then runs with all rights of the
                program.
            overwrite: replace existing files; otherwise they are kept, and the result says so.
            tenant, user_id: the tenant and user that it is done for, for policies and budgets.

        Returns:
            The tools, each with the state of its file.

        Raises:
            ConfigurationError: the text is empty or not a string, an option is invalid, or a file cannot be written.
            LightAgentError: the model's run failed, or wrote nothing usable.
        """
        from lightagent.application.generated_tools.ask_for_tools import WRITTEN, writing_means
        from lightagent.application.generated_tools.saved_tool import save_tools

        check_text(text, "create_tool: text")
        check_text(tenant, "create_tool: tenant")
        check_text(user_id, "create_tool: user_id")
        if not text.strip():
            raise ConfigurationError("create_tool: the text is empty.", guidance="Describe the API or the task.")
        at_once, replaces = switch("auto_load", auto_load), switch("overwrite", overwrite)
        directory, means = _absolute(path_of("tools_directory", tools_directory)), writing_means(self.means)
        request = RunRequest(None, limits=means.limits, scope=Scope(tenant, user_id))
        live = start_run(means, text, request)
        try:
            await run_agent(live)
        finally:
            self._finish(live.record, live.watchers)
        written = WRITTEN.parse(live.record.text()).tools
        codes = {one.name: one.code for one in written}
        tools = await run_in_thread(partial(save_tools, directory, codes, overwrite=replaces, approved=at_once))
        for tool in tools:
            _LOGGER.info("create_tool: %s is %s.\n%s", tool.path, tool.state, tool.diff)
        if at_once and (names := [tool.name for tool in tools if tool.state != "kept"]):
            await run_in_thread(partial(self.load_tools, names, directory))
        return tools

    async def setup_mcp(
        self,
        mcp_setting: McpSetting,
        *,
        logins: Logins | None = None,
        elicitor: Elicitor | None = None,
        sampler: Sampler | None = None,
        roots: tuple[str, ...] | None = None,
        pins: ToolPins | None = None,
    ) -> list[str]:
        """Connect to MCP servers and offer their tools to runs that start afterwards, as `load_tools` does.

        Connections stay open until the agent is closed, and are reopened if they are lost. A server that the agent
        already has with the same settings is left unchanged.

        Args:
            mcp_setting: ``{"mcpServers": {name: {"command": …, "args": […], "env": {…}}}}`` or ``{"url": …}`` and so
                on, the path of a JSON file of that, or `McpServer` values. ``headers`` may be a function.
            logins: logs users in to servers that require it, and stores their tokens.
            elicitor, sampler: answer the servers' requests to users and to models.
            roots: folders that servers may request, as ``file://`` URLs.
            pins: where tool declarations are kept after the program ends, such as a `PinFile`.

        Returns:
            The names of the servers' tools for the model.

        Raises:
            ConfigurationError: a setting is invalid, or a name is taken; the message names both sources.
            McpUnavailable: a required server cannot be reached. On every error the agent's tools are unchanged.
            MissingExtraError: the package `mcp` is not installed.
        """
        from lightagent.compose.mcp import mcp_tools
        from lightagent.compose.mcp_setting import described_servers

        made = [
            mcp_tools(
                server,
                headers=headers,
                logins=logins if server.may_want_login and headers is None else None,
                elicitor=elicitor,
                sampler=sampler,
                roots=roots,
                pins=pins,
            )
            for server, headers in described_servers(mcp_setting)
        ]
        try:
            return await self._add_sources(made)
        except BaseException:
            for source in made:
                await source.aclose()
            raise

    async def _add_sources(self, made: list[McpTools]) -> list[str]:
        """Offer the tools of these sources once they were listed together with the agent's other tools."""
        while True:
            before = self.means
            new = _new_servers(made, [one for one in before.catalogue.sources if isinstance(one, McpTools)])
            catalogue = Catalogue(before.catalogue.own.values(), (*before.catalogue.sources, *new))
            await catalogue.toolset()
            names = [name for source in new for name in (await source.tools()).tools]
            with _CHANGING:
                if self.means is before:
                    self._change(replace(before, catalogue=catalogue))
                    break
        for source in made:
            if source not in new:
                await source.aclose()
        return names


def _absolute(directory: str | os.PathLike[str]) -> Path:
    """Return the absolute directory, so that a change of the working directory has no effect while the model writes."""
    return Path(directory).absolute()


def _new_servers(made: list[McpTools], known: list[McpTools]) -> list[McpTools]:
    """Return the servers that the agent does not have yet.

    Raises:
        ConfigurationError: the agent has another server of that name.
    """
    servers = {source.name: source.server for source in known}
    new: list[McpTools] = []
    for source in made:
        if source.name not in servers:
            servers[source.name] = source.server
            new.append(source)
        elif servers[source.name] != source.server:
            raise ConfigurationError(
                f"setup_mcp: the agent has another MCP server that is called {source.name!r:.100}.",
                guidance="Give one of them another name.",
            )
    return new


def _is_from_the_same_file(one: Tool[DepsT_contra], other: Tool[DepsT_contra]) -> bool:
    files = [_file(tool) for tool in (one, other)]
    return files[0] is not None and files[0] == files[1]


def _file(tool: Tool[DepsT_contra]) -> str | None:
    function = source_function(tool.function) if isinstance(tool, FunctionTool) else None
    return function.__code__.co_filename if isinstance(function, FunctionType) else None
