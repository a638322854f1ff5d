"""Everything that can be set, typed, and what the type says of a key by its path."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, PrivateAttr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from typing_extensions import TypeForm

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.settings.agent_schema import AgentSettings, ContextSettings
from lightagent.settings.backend_schema import Backend
from lightagent.settings.budget_schema import BudgetSettings
from lightagent.settings.flow_schema import FlowSettings
from lightagent.settings.learning_schema import SelfLearningSettings
from lightagent.settings.mcp_schema import McpServerSettings
from lightagent.settings.openapi_schema import OpenApiSettings
from lightagent.settings.origins import KeyPath, Provenance
from lightagent.settings.policy_schema import PolicySettings
from lightagent.settings.section import NEEDS_TRUST, SAFE, Section
from lightagent.settings.selection_schema import ToolSelectionSettings
from lightagent.settings.serve_schema import ServeSettings
from lightagent.settings.skill_schema import SkillSettings
from lightagent.settings.telemetry_schema import TelemetrySettings

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


LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


class LoggingSettings(Section):
    """Logs of the command line and of apps, through the standard library's logging. Silent unless set."""

    level: Annotated[LogLevel | None, SAFE] = Field(
        default=None, description="DEBUG, INFO, WARNING, ERROR or CRITICAL."
    )
    # Not strict, since neither a file nor a variable can hold a path.
    file: Annotated[Path | None, NEEDS_TRUST] = Field(
        default=None, strict=False, description="Where the log goes; without one, to standard error."
    )


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
        """The backend of everything that chooses one, by its name in `BACKENDS`. The engine `local` is none."""
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
        settings = cls.model_validate({name: _section(name, table) for name, table in tree.items()})
        settings._provenance = provenance
        return settings


def read_text(path: KeyPath, value: JsonValue) -> JsonValue:
    """A variable's text as the type of the option at `path` reads it; itself where it has none or does not fit."""
    form = _form(path)
    if form is None or not isinstance(value, str):
        return value
    # Without the field's bounds, so that an error is about those, and not about a text in place of a number.
    lax: TypeAdapter[object] = TypeAdapter(form)
    with suppress(ValidationError):  # Reported when the whole is validated, with its place.
        read = lax.validate_python(value)
        return read if isinstance(read, bool | int | float) else value
    return value


SECTIONS: Final = tuple(Settings.model_fields)


def needs_trust(path: KeyPath) -> bool:
    """Whether the key at `path` has an effect only where its file is trusted.

    A key that does not exist needs none: settings with one are refused as a whole, with the nearest name.
    """
    if path[0] in BACKENDS:
        return True
    field = _field(path[:3] if path[0] in TABLES else path[:2])
    return field is not None and NEEDS_TRUST in field.metadata


def _form(path: KeyPath) -> TypeForm[object] | None:
    """The type of an option outside of backends, whose options only their adapters know."""
    field = None if path[0] in BACKENDS else _field(path)
    return None if field is None else field.annotation


def _field(path: KeyPath) -> FieldInfo | None:
    """The field of the option at `path`: a section, in some sections a name of the user's own, and the option."""
    section = Settings.model_fields.get(path[0])
    table = TABLES.get(path[0], section.annotation if section else None)
    if len(path) != (3 if path[0] in TABLES else 2):
        return None
    return table.model_fields.get(path[-1]) if isinstance(table, type) and issubclass(table, Section) else None


def _section(name: str, table: JsonValue) -> JsonValue:
    """A backend's options stand beside its kind in the file, so that there is one level less to write."""
    if name not in BACKENDS or not isinstance(table, dict):
        return table
    options: JsonObject = {option: value for option, value in table.items() if option != "kind"}
    kind: JsonObject = {"kind": table["kind"]} if "kind" in table else {}
    return {**kind, "options": options}


def backend_path(name: str) -> KeyPath:
    """The way to a backend by its name in `BACKENDS`."""
    return tuple(name.split("."))


def backend_of(path: KeyPath) -> str | None:
    """The backend to which an option belongs, by its name in `BACKENDS`; None for an option of no backend."""
    return next((name for name in BACKENDS if path[: len(way := backend_path(name))] == way), None)
