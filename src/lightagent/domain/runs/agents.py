"""Who acts in a run: an agent as a value, as far as a journal has to know it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from lightagent.domain.conversation.messages import SystemMessage
from lightagent.domain.json_types import JsonObject


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """Where a model is served, for telemetry; what is not known is left empty.

    Attributes:
        provider: a well-known name of the GenAI semantic conventions, such as ``openai``.
        address, port: of the server.
    """

    provider: str = ""
    address: str = ""
    port: int | None = None


_GENERATED: Final = re.compile(r"agent-[0-9a-f]{12}")


def generated_name(number: int) -> str:
    """The name of an agent that was given none, out of a random number."""
    return f"agent-{number % 16**12:012x}"


def lasting_name(name: str) -> str:
    """The name by which an agent is known from one process to another; empty if it was generated."""
    return "" if _GENERATED.fullmatch(name) else name


UNKNOWN_ENDPOINT = ModelEndpoint()
"""For models that run in the process, or do not say where they are served."""


@dataclass(frozen=True, slots=True)
class AgentHead:
    """The agent that acts now.

    Attributes:
        name: of the agent.
        model: the name of its model.
        instructions: the system message of each of its requests; one that says nothing is not sent.
        params: request parameters (temperature, max_tokens …).
        output_schema: JSON Schema of the answer that the run was asked for; None for text.
        endpoint: where the model is served.
    """

    name: str
    model: str
    instructions: SystemMessage
    params: JsonObject = field(default_factory=dict)
    output_schema: JsonObject | None = None
    endpoint: ModelEndpoint = UNKNOWN_ENDPOINT

    @property
    def silent(self) -> bool:
        """Whether its instructions say nothing, so that its requests have no system message."""
        return not self.instructions.content or self.instructions.content.isspace()
