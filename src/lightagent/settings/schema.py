"""What can be set, typed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, PrivateAttr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from typing_extensions import TypeForm

from lightagent.domain.budget_accounts import Period
from lightagent.domain.capabilities import Access, CapabilityPolicy, CapabilityRule
from lightagent.domain.information_flow import InformationFlow
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.limits import Limits
from lightagent.domain.tools import Capability, Risk
from lightagent.ports.context_budget import ContextStrategy
from lightagent.settings.mcp_schema import McpServerSettings
from lightagent.settings.origins import KeyPath, Provenance
from lightagent.settings.section import NEEDS_TRUST, SAFE
from lightagent.settings.section import Section as _Section

BACKENDS: Final[Mapping[str, str]] = {"model": "chat", "journals": "journals"}
"""The sections that choose a backend, and the family of adapters each chooses from."""

TABLES: Final[Mapping[str, type[_Section]]] = {"mcp": McpServerSettings}
"""The sections of tables that users name, and what is in each."""


class Backend(_Section):
    """An adapter: which, and its options, which the adapter itself checks when it is opened."""

    kind: Annotated[str, NEEDS_TRUST] = Field(description="The adapter's name, such as openai, litellm or offline.")
    options: Annotated[JsonObject, NEEDS_TRUST] = Field(default_factory=dict, description="Options of that adapter.")


_LIMITS: Final = tuple(field.name for field in fields(Limits))


class AgentSettings(_Section):
    """How agents are, unless a program says otherwise. What is not set is left to `LightAgent`."""

    name: Annotated[str | None, SAFE] = Field(default=None, min_length=1, description="The agent's name in traces.")
    instructions: Annotated[str | None, NEEDS_TRUST] = Field(
        default=None, description="What the agent is told before the conversation."
    )
    role: Annotated[str | None, NEEDS_TRUST] = Field(default=None, description="Who the agent is, in a few words.")
    max_tool_iterations: Annotated[int | None, SAFE] = Field(
        default=None, ge=0, description="Rounds of tool calls in one run."
    )
    max_retry: Annotated[int | None, SAFE] = Field(
        default=None, ge=1, description="Attempts at one model request, the first included."
    )
    max_output_retries: Annotated[int | None, SAFE] = Field(
        default=None, ge=0, description="How often an answer that does not fit the output type goes back to the model."
    )
    max_calls_per_turn: Annotated[int | None, SAFE] = Field(
        default=None, ge=1, description="Tool calls that one reply of the model may make."
    )
    model_timeout: Annotated[float | None, SAFE] = Field(
        default=None, gt=0, description="Seconds for one model request with all its attempts."
    )
    timeout: Annotated[float | None, SAFE] = Field(default=None, gt=0, description="Seconds for a whole run.")
    capture_content: Annotated[bool | None, NEEDS_TRUST] = Field(
        default=None, description="Keep messages, arguments and outputs in traces; they may be private."
    )
    metadata: Annotated[JsonObject, NEEDS_TRUST] = Field(
        default_factory=dict, description="Parameters of every model request, such as temperature."
    )

    def limits(self) -> Limits:
        """How far a run may go, with the built-in limit where none is set."""
        chosen = {name: value for name in _LIMITS if (value := getattr(self, name)) is not None}
        return replace(Limits(), **chosen)


class ContextSettings(_Section):
    """How much of a conversation a request may hold; see `lightagent.ports.context_budget.ContextBudget`."""

    max_tokens: Annotated[int | None, SAFE] = Field(
        default=None, ge=1, description="Tokens of one request; without it there is no budget."
    )
    strategy: Annotated[ContextStrategy, SAFE] = Field(
        default="drop",
        description="drop, summarize, spill or spill_and_summarize: what happens to the oldest messages above that.",
    )
    target_tokens: Annotated[int | None, SAFE] = Field(
        default=None, ge=1, description="What a request above the budget is brought down to; by default half of it."
    )
    counter: Annotated[str, NEEDS_TRUST] = Field(
        default="estimate", description="What counts tokens: estimate or tiktoken."
    )


class LimitSettings(_Section):
    """What may be spent; see `lightagent.domain.budgets.BudgetLimits`."""

    model_calls: int | None = Field(default=None, ge=0, description="Requests to models, each attempt for itself.")
    tool_calls: int | None = Field(default=None, ge=0, description="Calls of tools that begin.")
    tokens: int | None = Field(default=None, ge=0, description="Tokens of requests and answers.")
    cost: float | None = Field(default=None, ge=0, description="Cost, in the currency of the prices.")


class RunLimitSettings(LimitSettings):
    """What a run may spend."""

    seconds: float | None = Field(default=None, ge=0, description="Seconds that a run takes.")
    depth: int | None = Field(default=None, ge=0, description="Levels of agents that call each other.")


class TenantSettings(LimitSettings):
    """What all runs of a tenant or user may spend together; see `lightagent.ports.budgets.TenantBudget`."""

    name: str | None = Field(default=None, description="Whose account; by default the tenant of the run's owner.")
    per: Literal["tenant", "user"] = Field(default="tenant", description="tenant, or user: an account for each user.")
    period: Period = Field(default="ever", description="hour, day, month or ever.")
    requests_per_minute: int | None = Field(default=None, ge=1, description="Requests to models in any minute.")
    tokens_per_minute: int | None = Field(default=None, ge=1, description="Tokens in any minute.")
    max_wait: float = Field(default=60.0, ge=0, description="Seconds that a request waits for room in the minute.")


class PriceSettings(_Section):
    """The price of a million tokens of one model; see `lightagent.domain.prices.ModelPrice`."""

    input_per_million: float = Field(ge=0, description="Of what is sent.")
    output_per_million: float = Field(ge=0, description="Of what is answered.")
    cached_input_per_million: float | None = Field(default=None, ge=0, description="Of what comes from the cache.")


class BudgetSettings(_Section):
    """What runs may spend; see `lightagent.ports.budgets.Budgets`. A stranger's file could raise what costs money."""

    tree: Annotated[RunLimitSettings | None, NEEDS_TRUST] = Field(
        default=None, description="Limits of each run with all agents that it calls."
    )
    run: Annotated[RunLimitSettings | None, NEEDS_TRUST] = Field(
        default=None, description="Limits of each run by itself."
    )
    tenant: Annotated[TenantSettings | None, NEEDS_TRUST] = Field(
        default=None, description="Limits of all runs of a tenant or user; kept in the journal store if there is one."
    )
    prices: Annotated[dict[str, PriceSettings], NEEDS_TRUST] = Field(
        default_factory=dict, description="Prices of models, over those that LiteLLM knows where it is installed."
    )


LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


class LoggingSettings(_Section):
    """Logs of the command line and of apps, through the standard library's logging. Silent unless set."""

    level: Annotated[LogLevel | None, SAFE] = Field(
        default=None, description="DEBUG, INFO, WARNING, ERROR or CRITICAL."
    )
    # Not strict, since neither a file nor a variable can hold a path.
    file: Annotated[Path | None, NEEDS_TRUST] = Field(
        default=None, strict=False, description="Where the log goes; without one, to standard error."
    )


class ToolSettings(_Section):
    """Tools that every agent of an app is offered."""

    # Not strict, since neither a file nor a variable can hold a path.
    directory: Annotated[Path | None, NEEDS_TRUST] = Field(
        default=None, strict=False, description="A directory of tools, whose files are run; relative to this file."
    )
    mcp_file: Annotated[Path | None, NEEDS_TRUST] = Field(
        default=None, strict=False, description="A JSON file with mcpServers, as other clients have it."
    )
    mcp_commands: Annotated[list[str] | None, NEEDS_TRUST] = Field(
        default=None, description="The programs that MCP servers may be; without it, any."
    )


Name = Annotated[str, Field(min_length=1)]


class PolicyRule(_Section):
    """A rule of the capability policy; see `lightagent.domain.capabilities.CapabilityRule`."""

    access: Access = Field(description="allow, ask or deny.")
    tools: list[Name] = Field(default_factory=list, description="Names of tools; * stands for any text.")
    capabilities: list[Capability] = Field(
        default_factory=list, description="What the tool declares: read, write, network or execute."
    )
    min_risk: Risk | None = Field(default=None, description="The least risk that the tool declares.")
    users: list[Name] = Field(default_factory=list, description="Whose run it is.")
    agents: list[Name] = Field(default_factory=list, description="The agent that calls the tool.")
    tenants: list[Name] = Field(default_factory=list, description="The tenant whose run it is.")
    name: str = Field(default="", description="What the rule is called in explanations.")
    reason: str = Field(default="", description="Why the rule is there.")


class PolicySettings(_Section):
    """Who may call which tools, and what holds for calls that untrusted text may have caused."""

    default: Annotated[Access | None, NEEDS_TRUST] = Field(
        default=None,
        description="What holds for tools that no rule speaks of: allow, ask or deny; deny if not set.",
    )
    rules: Annotated[list[PolicyRule], NEEDS_TRUST] = Field(
        default_factory=list, description="Rules; see docs/policy.md."
    )

    tainted_calls: Annotated[Access | None, NEEDS_TRUST] = Field(
        default=None,
        description="What holds for calls with outside effects after untrusted text: ask (if not set), deny or allow.",
    )
    mcp_outside_effects: Annotated[bool, NEEDS_TRUST] = Field(
        default=False, description="Tools of MCP servers count as having outside effects, whatever they declare."
    )
    trusted_labels: Annotated[list[Name], NEEDS_TRUST] = Field(
        default_factory=list, description="Labels of text that counts as trusted, such as tool:read_handbook."
    )

    def information_flow(self) -> InformationFlow:
        """What holds for tainted calls."""
        return InformationFlow(self.tainted_calls or "ask", self.mcp_outside_effects, self.trusted_labels)

    def capabilities(self) -> CapabilityPolicy | None:
        """The policy that these settings describe; None where they say nothing."""
        if self.default is None and not self.rules:
            return None
        rules = [CapabilityRule(**{name: getattr(rule, name) for name in _RULE}) for rule in self.rules]
        return CapabilityPolicy(rules, self.default or "deny")


_RULE: Final = tuple(PolicyRule.model_fields)


class Settings(_Section):
    """Everything that is set, from all layers. Make one with `load_settings`, or in code."""

    model: Annotated[Backend, Field(description="The chat model.")] = Backend(kind="offline")
    journals: Annotated[Backend | None, Field(description="Where sessions are kept.")] = None
    agent: Annotated[AgentSettings, Field(description="How agents are.")] = AgentSettings()
    tools: Annotated[ToolSettings, Field(description="Tools that every agent is offered.")] = ToolSettings()
    mcp: Annotated[dict[str, McpServerSettings], Field(description="MCP servers by name.")] = Field(
        default_factory=dict
    )
    context: Annotated[ContextSettings, Field(description="How much of a conversation a request may hold.")] = (
        ContextSettings()
    )
    policy: Annotated[PolicySettings, Field(description="Who may call which tools.")] = PolicySettings()
    budgets: Annotated[BudgetSettings, Field(description="What runs may spend.")] = BudgetSettings()
    logging: Annotated[LoggingSettings, Field(description="Logs.")] = LoggingSettings()
    _provenance: Provenance = PrivateAttr(default_factory=Provenance)

    @property
    def provenance(self) -> Provenance:
        """Where each value comes from."""
        return self._provenance

    def tool_directory(self) -> Path | None:
        """The directory of tools; a relative path is taken from the file that names it."""
        chosen = self.tools.directory
        file = self.provenance.origin(("tools", "directory")).file
        return chosen if chosen is None or file is None else file.parent / chosen

    def backends(self) -> dict[str, Backend]:
        """The backend of every section that chooses one."""
        return {name: value for name in BACKENDS if isinstance(value := getattr(self, name), Backend)}

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
    # Without the field's bounds, so that it is told of those, and not that text is no number.
    lax: TypeAdapter[object] = TypeAdapter(form)
    with suppress(ValidationError):  # Told when the whole is validated, with its place.
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
    return table.model_fields.get(path[-1]) if isinstance(table, type) and issubclass(table, _Section) else None


def _section(name: str, table: JsonValue) -> JsonValue:
    """A backend's options stand beside its kind in the file, so that there is one level less to write."""
    if name not in BACKENDS or not isinstance(table, dict):
        return table
    options = {option: value for option, value in table.items() if option != "kind"}
    return {"kind": table.get("kind"), "options": options}
