"""Who acts in a run: an agent as a value, as far as a journal has to know it."""

from __future__ import annotations

from dataclasses import dataclass, field

from lightagent.domain.json_types import JsonObject
from lightagent.domain.messages import SystemMessage


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
