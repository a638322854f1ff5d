"""The sections ``[default.openapi.NAME]``: an API with an OpenAPI document, whose operations become tools."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lightagent.domain.network.http_calls import DEFAULT_HTTP_BYTES, DEFAULT_HTTP_TIMEOUT
from lightagent.settings.sections.base import NEEDS_TRUST, SAFE, Reference, Section, TextOrReference


class OpenApiSettings(Section):
    """An API, whose operations become tools."""

    document: Annotated[str, NEEDS_TRUST] = Field(
        min_length=1, description="The OpenAPI document: an address, or a file relative to this one."
    )
    server: Annotated[TextOrReference | None, NEEDS_TRUST] = Field(
        default=None, description="Where the API is, in the place of what its document says; credentials need it."
    )
    headers: Annotated[dict[str, TextOrReference], NEEDS_TRUST] = Field(
        default_factory=dict, description="Headers of every call of that server."
    )
    auth: Annotated[dict[str, Reference], NEEDS_TRUST] = Field(
        default_factory=dict, description="Credentials by the names of the document's security schemes."
    )
    tags: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list, description="Operations of these tags; without any, of all."
    )
    methods: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list, description="Operations of these methods; without any, those that change nothing."
    )
    paths: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list, description="Operations of these paths, in which * stands for any text."
    )
    operations: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list, description="Operations of these ids; one that is named in full may change something."
    )
    prefix: Annotated[str, NEEDS_TRUST] = Field(default="", description="The beginning of the names of its tools.")
    private_hosts: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list, description="Hosts at private addresses that may be called, as HOST or HOST:PORT."
    )
    other_servers: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list, description="Servers that single operations may have, to which no credentials go."
    )
    timeout: Annotated[float, SAFE] = Field(default=DEFAULT_HTTP_TIMEOUT, gt=0, description="Seconds for one call.")
    max_bytes: Annotated[int, SAFE] = Field(default=DEFAULT_HTTP_BYTES, ge=1_024, description="The largest answer.")
    disabled: Annotated[bool, NEEDS_TRUST] = Field(default=False, description="Leave the API out.")
