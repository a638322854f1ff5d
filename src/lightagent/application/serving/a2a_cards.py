"""The agent card, by which clients of A2A learn where an agent is and how it is asked."""

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
"""The version of A2A that is spoken."""

_TEXT: Final = ["text/plain", "application/json"]
_IMAGES: Final = ["image/png", "image/jpeg", "image/gif", "image/webp"]


@dataclass(frozen=True, slots=True)
class CardOf:
    """What a card tells.

    Attributes:
        kind: agent, swarm or flow.
        url: where it is asked.
        version: of what serves it.
        needs_key: each call must come with a key.
    """

    name: str
    kind: str
    url: str
    version: str
    needs_key: bool


def agent_card(of: CardOf) -> JsonObject:
    """The card. It tells nothing of instructions and tools: whose agent it is may not want that known."""
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
