"""The section ``[default.serve]``: how agents are served over HTTP."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from lightagent.settings.sections.base import NEEDS_TRUST, SAFE, Section, TextOrReference

_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]{0,30}://(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|(?=[^:]*:[^:]*:)[0-9A-Fa-f:.]{2,45}")

OnDisconnect: TypeAlias = Literal["cancel", "finish"]


class ServeSettings(Section):
    """How agents are served over HTTP; see docs/serving.md."""

    host: Annotated[str, NEEDS_TRUST] = Field(
        default="127.0.0.1", min_length=1, description="Where it listens. Elsewhere than on this machine it needs keys."
    )
    port: Annotated[int, SAFE] = Field(default=8000, ge=0, le=65535, description="The port; 0 for a free one.")
    hosts: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list,
        description="The names under which clients reach it. Without any: those of this machine where no key is "
        "needed, else all.",
    )
    origins: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list, description="The web pages whose scripts may call it, such as https://chat.example.org."
    )
    keys: Annotated[bool | None, NEEDS_TRUST] = Field(
        default=None,
        description="Whether each request needs a key; by default where the store has keys, or it listens elsewhere.",
    )
    user_header: Annotated[str | None, NEEDS_TRUST] = Field(
        default="X-OpenWebUI-User-Id", description="The header in which keys that ask for others name the user."
    )
    chat_header: Annotated[str | None, NEEDS_TRUST] = Field(
        default="X-OpenWebUI-Chat-Id", description="The header in which they name the chat; runs of it are linked."
    )
    user_jwt_secret: Annotated[TextOrReference | None, NEEDS_TRUST] = Field(
        default=None,
        description="The secret of X-OpenWebUI-User-Jwt. With one, users are taken from that header alone.",
    )
    tools_shown: Annotated[Literal["hidden", "reasoning", "extension"], SAFE] = Field(
        default="hidden", description="How clients see the calls of an agent's own tools."
    )
    reasoning: Annotated[Literal["reasoning_content", "reasoning", "both", "none"], SAFE] = Field(
        default="reasoning_content", description="The field in which clients find what a model thinks."
    )
    system_messages: Annotated[Literal["added", "ignored", "refused"], NEEDS_TRUST] = Field(
        default="added", description="What becomes of system messages from clients."
    )
    chat_approvals: Annotated[bool, NEEDS_TRUST] = Field(
        default=False, description="A user of chat completions may answer `approve ID` or `reject ID`."
    )
    console_url: Annotated[str | None, NEEDS_TRUST] = Field(
        default=None, description="Where people decide about what waits; answers that wait name it."
    )
    auxiliary: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list,
        description="Beginnings of requests that chat interfaces make for themselves, besides ours.",
    )
    on_disconnect: Annotated[OnDisconnect, SAFE] = Field(
        default="cancel", description="What becomes of a run whose client has gone: cancel or finish."
    )
    image_urls: Annotated[bool, NEEDS_TRUST] = Field(
        default=False, description="Whether messages may name images by URL; data URLs always may."
    )
    body_bytes: Annotated[int, SAFE] = Field(default=1_000_000, ge=1_000, description="Bytes of a request.")
    image_body_bytes: Annotated[int, SAFE] = Field(
        default=20_000_000, ge=1_000, description="Bytes of a request that holds images."
    )
    body_seconds: Annotated[float, SAFE] = Field(default=30.0, gt=0, description="Seconds for a request to arrive.")
    header_seconds: Annotated[float, SAFE] = Field(
        default=10.0, gt=0, description="Seconds for the headers of a request to arrive."
    )
    reader_seconds: Annotated[float, SAFE] = Field(
        default=60.0, gt=0, description="Seconds after which a client is cut that takes nothing of a stream."
    )
    heartbeat_seconds: Annotated[float, SAFE] = Field(
        default=15.0, gt=0, description="Seconds of silence in a stream after which it says that it is alive."
    )
    runs: Annotated[int, SAFE] = Field(default=100, ge=1, description="Runs at once.")
    runs_of_key: Annotated[int, SAFE] = Field(default=50, ge=1, description="Runs at once of one key.")
    waiting_runs: Annotated[int, SAFE] = Field(
        default=100, ge=0, description="Requests that may wait for others to end; more are refused with 429."
    )
    shutdown_seconds: Annotated[float, SAFE] = Field(
        default=20.0, ge=0, description="Seconds that runs have to end when the server is stopped."
    )

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            if _ORIGIN.fullmatch(origin) is None:
                raise ValueError(
                    f"{origin!r:.100} is not an origin: write each as browsers send it, such as "
                    "https://chat.example.org or http://localhost:3000, without a path or a star"
                )
        return origins

    @field_validator("hosts")
    @classmethod
    def _are_names(cls, hosts: list[str]) -> list[str]:
        for host in hosts:
            if _HOST.fullmatch(host) is None:
                raise ValueError(
                    f"{host!r:.100} is not the name of a host: write it without a scheme, a port or a path"
                )
        return hosts

    @model_validator(mode="after")
    def _images_are_larger(self) -> Self:
        if self.image_body_bytes < self.body_bytes:
            raise ValueError("image_body_bytes is less than body_bytes")
        return self
