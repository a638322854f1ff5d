"""The tools and skills that settings offer to every agent: directories, servers, APIs, code."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Final

from lightagent.application.skills.manager import SkillManager
from lightagent.application.tool_sources.code_tools import CodeTools
from lightagent.application.tool_sources.mcp_tools import McpTools
from lightagent.application.tool_sources.openapi_tools import OpenApiTools
from lightagent.application.tools.loader import ToolLoader
from lightagent.domain.errors import ConfigurationError
from lightagent.ports.code import CodeRunner
from lightagent.ports.mcp import Logins, ToolPins
from lightagent.settings import Settings
from lightagent.settings.mcp_servers import read_mcp
from lightagent.settings.openapi_services import read_openapi
from lightagent.settings.problems import raise_problems

_LOGGER: Final = logging.getLogger("lightagent")


def open_tools(settings: Settings) -> ToolLoader | None:
    """The configured directory of tools; None without one. Its files run when they are first needed.

    A relative path is taken from the settings file, so that it names the same files wherever a command is typed.
    """
    directory = settings.tool_directory()
    return None if directory is None else ToolLoader(directory)


def open_skills(settings: Settings) -> SkillManager | None:
    """The configured directories of skills; None without any. They are read when skills are needed."""
    trusted, untrusted = settings.skill_directories()
    return SkillManager(trusted, untrusted_directories=untrusted) if trusted or untrusted else None


def open_mcp(
    settings: Settings, *, environ: Mapping[str, str] | None = None, logins: Logins | None = None
) -> tuple[McpTools, ...]:
    """The configured MCP servers as sources of tools. Nothing is started before a run first needs the tools.

    An optional server that cannot be started here is left out, and the log says why.

    Raises:
        ConfigurationError: something is wrong with one; all problems are reported at once.
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
    """The place for the pinned declarations of MCP tools; None: they are not pinned."""
    from lightagent.adapters.mcp.sdk.pin_file import PinFile

    path = settings.pin_file()
    return None if path is None else PinFile(path)


def open_apis(settings: Settings, *, environ: Mapping[str, str] | None = None) -> tuple[OpenApiTools, ...]:
    """The configured APIs as sources of tools. Their documents are read when a run first needs the tools.

    Raises:
        ConfigurationError: something is wrong with one; all problems are reported at once.
    """
    if not settings.openapi:
        return ()
    reading = read_openapi(settings, os.environ if environ is None else environ)
    raise_problems([*reading.problems, *reading.unset])
    from lightagent.compose.openapi import openapi_source

    return tuple(openapi_source(service) for service in reading.services)


def compose_code_tools(settings: Settings, runner: CodeRunner | None) -> tuple[CodeTools, ...]:
    """The tools that run Python, if the settings offer them.

    Raises:
        ConfigurationError: no code runner is configured, or the folder does not exist.
    """
    if not settings.tools.code:
        return ()
    if runner is None:
        raise ConfigurationError(
            f"{settings.provenance.place(('tools', 'code'))}: a code runner is missing.",
            guidance='Add it to the settings: [default.code] with kind = "monty" or kind = "subprocess".',
        )
    return (CodeTools(runner, folder=settings.code_folder()),)
