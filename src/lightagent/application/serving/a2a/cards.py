"""The A2A agent card, from which clients learn where an agent is served and how to call it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from a2a.types.a2a_pb2 import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    HTTPAuthSecurityScheme,
    SecurityRequirement,
    SecurityScheme,
    StringList,
)
from google.protobuf.json_format import MessageToDict

from lightagent.domain.json_bytes import whole_characters
from lightagent.domain.json_types import JsonObject

PROTOCOL_VERSION: Final = "1.0"
"""The supported version of A2A."""

_TEXT: Final = ["text/plain", "application/json"]
_IMAGES: Final = ["image/png", "image/jpeg", "image/gif", "image/webp"]


@dataclass(frozen=True, slots=True)
class CardOf:
    """The data of an agent card.

    Attributes:
        kind: agent, swarm or flow.
        url: where the agent is served.
        version: the version of the served agent.
        needs_key: whether each call must come with an API key.
    """

    name: str
    kind: str
    url: str
    version: str
    needs_key: bool


def agent_card(of: CardOf) -> JsonObject:
    """Return the card. It leaves out the agent's instructions and tools, which may be confidential."""
    name = whole_characters(of.name)
    takes = _TEXT if of.kind == "flow" else [*_TEXT, *_IMAGES]
    description = f"The {of.kind} {name}."
    card = AgentCard(
        name=name,
        description=description,
        version=of.version,
        supported_interfaces=[
            AgentInterface(url=of.url, protocol_binding=binding, protocol_version=PROTOCOL_VERSION)
            for binding in ("JSONRPC", "HTTP+JSON")
        ],
        capabilities=AgentCapabilities(streaming=True),
        default_input_modes=takes,
        default_output_modes=["text/plain"],
        skills=[AgentSkill(id=name, name=name, description=description, tags=[of.kind])],
    )
    if of.needs_key:
        key = HTTPAuthSecurityScheme(scheme="bearer", description="A key of this server.")
        card.security_schemes["key"].CopyFrom(SecurityScheme(http_auth_security_scheme=key))
        card.security_requirements.append(SecurityRequirement(schemes={"key": StringList()}))
    told: JsonObject = MessageToDict(card)
    return told
