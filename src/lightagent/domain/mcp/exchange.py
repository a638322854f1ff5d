"""What an MCP server sends besides answers: remarks, and questions to users and models."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from lightagent.domain.json_types import JsonObject, JsonValue

RemarkKind: TypeAlias = Literal[
    "progress", "log", "output", "opened", "lost", "unavailable", "changed", "question", "login"
]


@dataclass(frozen=True, slots=True)
class McpRemark:
    """Something that happened on a connection. Its text is the server's or of this program, and may be private.

    Attributes:
        kind: ``progress`` and ``log``: the server said it; ``output``: the server wrote something other than a
            message; ``opened``, ``lost``, ``unavailable``: of the connection; ``changed``: of its list of tools;
            ``question``: the server asked something that could not be answered; ``login``: a user is to open the
            address in the text.
        level: of a log message, as the server calls it.
        progress, total: of a call, in the server's own units.
    """

    server: str
    kind: RemarkKind
    text: str
    level: str = ""
    progress: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Elicitation:
    """A server wants something from the user, in the middle of a call.

    Attributes:
        schema: the JSON Schema of the form to fill in, with plain values only; empty if a URL is given.
        url: the page that the user should open; empty if a form is given.
    """

    server: str
    message: str
    schema: JsonObject = field(default_factory=dict)
    url: str = ""


@dataclass(frozen=True, slots=True)
class ElicitationAnswer:
    """What the user says to it.

    Attributes:
        content: the values of the form, where it is accepted.
    """

    action: Literal["accept", "decline", "cancel"]
    content: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SampledMessage:
    """A message of the conversation that a server wants a model to go on with.

    Attributes:
        text: what of it is text.
        content: all of it, as the server sent it.
    """

    role: Literal["user", "assistant"]
    text: str
    content: JsonValue = None


@dataclass(frozen=True, slots=True)
class SamplingRequest:
    """A server wants an answer of a model, in the middle of a call. What it asks is a stranger's text."""

    server: str
    messages: tuple[SampledMessage, ...]
    system_prompt: str = ""
    max_tokens: int = 0
    temperature: float | None = None
    stop_sequences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SamplingAnswer:
    """What the model said.

    Attributes:
        model: which model it was.
    """

    text: str
    model: str
    stop_reason: str = "endTurn"


@dataclass(frozen=True, slots=True)
class LoginAnswer:
    """What the login page of a server sent back with the user.

    Attributes:
        code: to be exchanged for a token.
        state, issuer: as they came, to be checked.
    """

    code: str = field(repr=False)
    state: str = field(default="", repr=False)
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class McpResource:
    """A resource that a server offers; `template` is set where its URI has parameters."""

    server: str
    uri: str
    name: str = ""
    title: str = ""
    description: str = ""
    mime_type: str = ""
    template: bool = False


@dataclass(frozen=True, slots=True)
class McpPrompt:
    """A prompt that a server offers.

    Attributes:
        arguments: names of what it takes, with whether they are required.
    """

    server: str
    name: str
    title: str = ""
    description: str = ""
    arguments: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class McpPromptMessage:
    """A message of a prompt as the server filled it in."""

    role: Literal["user", "assistant"]
    text: str
