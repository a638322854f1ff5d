"""The sections ``[default.tools]``, ``[default.tool_selection]`` and ``[default.skills]``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from lightagent.application.agent_options.tool_selection import DEFAULT_SELECTION, ToolSelection
from lightagent.settings.sections.base import NEEDS_TRUST, SAFE, Section


class ToolSettings(Section):
    """Tools that every agent of an app is offered."""

    # Not strict, since neither a file nor a variable can hold a path.
    directory: Annotated[Path | None, NEEDS_TRUST] = Field(
        default=None, strict=False, description="A directory of tools, whose files are run; relative to this file."
    )
    mcp_file: Annotated[Path | None, NEEDS_TRUST] = Field(
        default=None, strict=False, description="A JSON file with mcpServers, as other clients have it."
    )
    mcp_pins: Annotated[Path | None, NEEDS_TRUST] = Field(
        default=None, strict=False, description="A JSON file that keeps how MCP servers declare their tools."
    )
    mcp_commands: Annotated[list[str] | None, NEEDS_TRUST] = Field(
        default=None, description="The programs that MCP servers may be; without it, any."
    )
    code: Annotated[bool, NEEDS_TRUST] = Field(
        default=False, description="Offer the tools that run Python, with the runner of the section code."
    )
    code_folder: Annotated[Path | None, NEEDS_TRUST] = Field(
        default=None, strict=False, description="The folder that such programs may read; relative to this file."
    )


class ToolSelectionSettings(Section):
    """How agents with many tools select those that a model is offered; see `ToolSelection`."""

    enabled: Annotated[bool, SAFE] = Field(default=True, description="False: all tools are always offered.")
    threshold: Annotated[int, SAFE] = Field(
        default=DEFAULT_SELECTION.threshold, ge=0, description="With more tools than that an agent selects."
    )
    tokens: Annotated[int, SAFE] = Field(
        default=DEFAULT_SELECTION.tokens, ge=1, description="Tokens of the declarations that one choice may add."
    )
    most: Annotated[int, SAFE] = Field(
        default=DEFAULT_SELECTION.most, ge=1, description="Tools that are offered at once, at most."
    )
    always: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list, description="Names of tools that are always offered."
    )
    search: Annotated[bool, SAFE] = Field(default=True, description="Offer the tool search_tools.")

    @model_validator(mode="after")
    def _all_have_room(self) -> Self:
        if (count := len(set(self.always))) > self.most:
            raise ValueError(f"always names {count} tools, but most is {self.most}")
        return self

    def selection(self) -> ToolSelection | bool:
        """The settings as an option of an agent."""
        if not self.enabled:
            return False
        return ToolSelection(self.threshold, self.tokens, self.most, tuple(self.always), self.search)


class SkillSettings(Section):
    """Skills that every agent of an app may use. A model follows their instructions, so a file has to be trusted."""

    directories: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list, description="Directories of skills, relative to this file; later ones take precedence."
    )
    untrusted_directories: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list, description="Directories of skills whose texts count as untrusted."
    )
