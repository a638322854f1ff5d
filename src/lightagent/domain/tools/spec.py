"""What a run knows of a tool: its declaration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import is_json_object
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject

Capability: TypeAlias = Literal["read", "write", "network", "execute"]
"""What a tool can do: read data, change data, reach other machines, run code."""

Risk: TypeAlias = Literal["low", "medium", "high"]
"""How much harm a wrong call can do."""

OUTSIDE: Final[frozenset[Capability]] = frozenset({"write", "network", "execute"})
"""With these a tool has effects outside of its run: what reaches another machine can tell it things."""

OWN_PROVIDER: Final = "lightagent"
"""The provider of tools that the framework offers by itself."""

CLIENT_PROVIDER: Final = "client"
"""The provider of tools that the client of a served agent carries out: no reviewer is asked about their calls."""

DEFAULT_OUTPUT_LIMIT = 64 * 1024
"""Characters of a tool's answer that reach the model unless the tool says otherwise."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """The declaration of a tool for the model, and how the run treats it.

    Attributes:
        name: the name by which the model calls it.
        description: its purpose; the model chooses by it.
        parameters: JSON Schema of the arguments, an object.
        title: for people.
        timeout: seconds until a call is cancelled; None: no limit of its own.
        output_limit: characters of the answer that are kept.
        idempotent: running a call twice has the same effect as once; then an interrupted call may be repeated.
        requires_approval: a human decides before each call.
        resumable: the tool keeps its progress in the run's journal, so an interrupted call is resumed where it was.
        capabilities: what it declares that it can do; empty for a tool without a declaration.
        risk: the declared harm that a wrong call can do.
        trusted_output: the application vouches for its answers: no part of them can come from an untrusted source.
        provider: where the tool comes from, if the application did not write it, such as ``mcp:files``.
        contained: whatever it declares, it has no effects beyond its call, such as a program in a sandbox without
            network.
        original: its original name at its source, if that differs, such as ``files/read``.

    Raises:
        ConfigurationError: name, description or title is not a text, or the parameters are not an object of plain
            JSON. Requests, journals and searches hold them, so one such tool would break them for all others.
    """

    name: str
    description: str
    parameters: JsonObject
    title: str = ""
    timeout: float | None = None
    output_limit: int = DEFAULT_OUTPUT_LIMIT
    idempotent: bool = False
    requires_approval: bool = False
    resumable: bool = False
    capabilities: tuple[Capability, ...] = ()
    risk: Risk | None = None
    trusted_output: bool = False
    provider: str = ""
    contained: bool = False
    original: str = ""

    def __post_init__(self) -> None:
        texts: tuple[tuple[str, object], ...] = (
            ("name", self.name),
            ("description", self.description),
            ("title", self.title),
        )
        for field, text in texts:
            if not isinstance(text, str):
                raise _refused(self.name, f"{field} must be a text, not {text!r:.80}")
        if not is_json_object(self.parameters, f"ToolSpec {self.name!r:.100}: parameters"):
            raise _refused(self.name, f"parameters must be an object, not {self.parameters!r:.80}")

    @property
    def has_outside_effects(self) -> bool:
        """Whether it declares that it changes data, reaches other machines or runs code, and is not contained."""
        return not self.contained and not OUTSIDE.isdisjoint(self.capabilities)

    def to_openai(self) -> JsonObject:
        """The tool as a chat-completions request offers it; a copy that may be changed."""
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": copy_json(self.parameters)},
        }


def _refused(name: object, problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"ToolSpec {name!r:.100}: {problem}.", guidance="Declare the tool with texts and a JSON Schema."
    )
