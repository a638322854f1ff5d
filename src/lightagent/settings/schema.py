"""Everything that can be set: `Settings`, its sections, and the declaration of a key by its path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, PrivateAttr
from pydantic.fields import FieldInfo

from lightagent.domain.json_types import JsonObject
from lightagent.settings.origins import KeyPath, Provenance
from lightagent.settings.sections.agent import AgentSettings, ContextSettings
from lightagent.settings.sections.base import Backend, Section, backend_table
from lightagent.settings.sections.budgets import BudgetSettings
from lightagent.settings.sections.flow import FlowSettings
from lightagent.settings.sections.mcp import McpServerSettings
from lightagent.settings.sections.openapi import OpenApiSettings
from lightagent.settings.sections.policy import PolicySettings
from lightagent.settings.sections.self_learning import SelfLearningSettings
from lightagent.settings.sections.serve import ServeSettings
from lightagent.settings.sections.telemetry import LoggingSettings, TelemetrySettings
from lightagent.settings.sections.tools import SkillSettings, ToolSelectionSettings, ToolSettings

BACKENDS: Final[Mapping[str, str]] = {
    "model": "chat",
    "journals": "journals",
    "memory": "memory",
    "embedding": "embedding",
    "code": "code",
    "flow.engine": "engines",
    "flow.store": "journals",
}
"""What chooses a backend, a section or an option of one, and the family of adapters that each chooses from."""

TABLES: Final[Mapping[str, type[Section]]] = {"mcp": McpServerSettings, "openapi": OpenApiSettings}
"""The sections of tables that users name, and what is in each."""


class Settings(Section):
    """Everything that is set, from all layers. Make one with `load_settings`, or in code."""

    model: Annotated[Backend, Field(description="The chat model.")] = Backend(kind="offline")
    journals: Annotated[Backend | None, Field(description="Where sessions are kept.")] = None
    memory: Annotated[Backend | None, Field(description="What agents remember.")] = None
    embedding: Annotated[Backend | None, Field(description="What makes vectors of texts.")] = None
    code: Annotated[
        Backend | None, Field(description="What runs programs of models and skills; without it, nothing.")
    ] = None
    agent: Annotated[AgentSettings, Field(description="How agents are.")] = AgentSettings()
    tools: Annotated[ToolSettings, Field(description="Tools that every agent is offered.")] = ToolSettings()
    tool_selection: Annotated[ToolSelectionSettings, Field(description="Which of many tools are offered.")] = (
        ToolSelectionSettings()
    )
    skills: Annotated[SkillSettings, Field(description="Skills that every agent may use.")] = SkillSettings()
    mcp: Annotated[dict[str, McpServerSettings], Field(description="MCP servers by name.")] = Field(
        default_factory=dict
    )
    openapi: Annotated[dict[str, OpenApiSettings], Field(description="APIs with an OpenAPI document by name.")] = Field(
        default_factory=dict
    )
    self_learning: Annotated[SelfLearningSettings, Field(description="What agents learn from their runs.")] = (
        SelfLearningSettings()
    )
    context: Annotated[ContextSettings, Field(description="How much of a conversation a request may hold.")] = (
        ContextSettings()
    )
    policy: Annotated[PolicySettings, Field(description="Who may call which tools.")] = PolicySettings()
    budgets: Annotated[BudgetSettings, Field(description="What runs may spend.")] = BudgetSettings()
    flow: Annotated[FlowSettings, Field(description="What carries out runs of flows, and where they are kept.")] = (
        FlowSettings()
    )
    serve: Annotated[ServeSettings, Field(description="How agents are served over HTTP.")] = ServeSettings()
    telemetry: Annotated[TelemetrySettings, Field(description="Where traces and metrics go.")] = TelemetrySettings()
    logging: Annotated[LoggingSettings, Field(description="Logs.")] = LoggingSettings()
    _provenance: Provenance = PrivateAttr(default_factory=Provenance)

    @property
    def provenance(self) -> Provenance:
        """Where each value comes from."""
        return self._provenance

    def tool_directory(self) -> Path | None:
        """The directory of tools; a relative path is taken from the file that names it."""
        return self._tool_path("directory", self.tools.directory)

    def code_folder(self) -> Path | None:
        """The folder that programs may read; a relative path is taken from the file that names it."""
        return self._tool_path("code_folder", self.tools.code_folder)

    def pin_file(self) -> Path | None:
        """The file of what MCP servers declared; a relative path is taken from the file that names it."""
        return self._tool_path("mcp_pins", self.tools.mcp_pins)

    def skill_directories(self) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
        """The directories of skills, and the untrusted ones; relative paths are taken from the file that names them."""

        def placed(name: str, paths: list[str]) -> tuple[Path, ...]:
            return tuple(self._beside_its_file("skills", name, Path(path).expanduser()) for path in paths)

        chosen = self.skills
        return placed("directories", chosen.directories), placed("untrusted_directories", chosen.untrusted_directories)

    def _tool_path(self, name: str, chosen: Path | None) -> Path | None:
        return None if chosen is None else self._beside_its_file("tools", name, chosen)

    def _beside_its_file(self, section: str, name: str, path: Path) -> Path:
        file = self.provenance.origin((section, name)).file
        return path if file is None else file.parent / path

    def backends(self) -> dict[str, Backend]:
        """The chosen backends by their names in `BACKENDS`. The engine `local` is not a backend."""
        chosen: dict[str, object] = {
            **{name: getattr(self, name) for name in BACKENDS if "." not in name},
            "flow.engine": None if self.flow.is_local else self.flow.engine,
            "flow.store": self.flow.store,
        }
        return {name: value for name, value in chosen.items() if isinstance(value, Backend)}

    @classmethod
    def assemble(cls, tree: JsonObject, provenance: Provenance) -> Settings:
        """Settings from merged tables.

        Raises:
            pydantic.ValidationError: they do not fit.
        """
        settings = cls.model_validate(
            {name: backend_table(table) if name in BACKENDS else table for name, table in tree.items()}
        )
        settings._provenance = provenance
        return settings


SECTIONS: Final = tuple(Settings.model_fields)


def option_field(path: KeyPath) -> FieldInfo | None:
    """The declaration of the option at `path`, which is section, name of a table in `TABLES`, and option."""
    section = Settings.model_fields.get(path[0])
    table = TABLES.get(path[0], section.annotation if section else None)
    if len(path) != (3 if path[0] in TABLES else 2):
        return None
    return table.model_fields.get(path[-1]) if isinstance(table, type) and issubclass(table, Section) else None


def backend_path(name: str) -> KeyPath:
    """The path of a backend, by its name in `BACKENDS`."""
    return tuple(name.split("."))


def backend_of(path: KeyPath) -> str | None:
    """The backend to which an option belongs, by its name in `BACKENDS`; None for an option of no backend."""
    return next((name for name in BACKENDS if path[: len(way := backend_path(name))] == way), None)
